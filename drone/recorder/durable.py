"""Files that are there whole or not at all, also after the power failed."""

from __future__ import annotations

import os
from pathlib import Path

PART_SUFFIX = ".part"
"""Ends the name of a file that is being written; it also begins with a dot, so that readers of
footage pass it over."""


def part_path(path: Path) -> Path:
    """Return where a file is written before it takes its name."""
    return path.with_name(f".{path.name}{PART_SUFFIX}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    part = part_path(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new and changed names in a folder survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
