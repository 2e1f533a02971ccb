"""What a file is, told from its first bytes and not from its name."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

HEAD_BYTES = 4096
MAX_JSON_BYTES = 2_000_000

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".dng", ".webp", ".heic", ".heif", ".mpo"}
)
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"}
    | {".lrf", ".lrv", ".osv", ".insv", ".360", ".h264", ".h265", ".hevc"}
)


class Content(Enum):
    """What the bytes of a file are."""

    EMPTY = "empty"
    PICTURE = "picture"
    HEIF = "HEIF picture"
    VIDEO = "video"
    SUBTITLES = "SubRip subtitles"
    CORNERS = "ground corners"
    MANIFEST = "patrol manifest"
    OTHER = "other"


def sniff(path: Path) -> Content:
    """Tell what a file is by its content.

    Args:
        path: a readable file.

    Returns:
        What it is; `Content.OTHER` for anything that is no footage and no sidecar of it.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return Content.EMPTY
    binary = _binary_content(head)
    if binary is not None:
        return binary
    return _text_content(path, head)


def claims_to_be(path: Path) -> Content | None:
    """Return what the name of a file promises: `PICTURE`, `VIDEO`, `SUBTITLES` or None."""
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return Content.PICTURE
    if suffix in VIDEO_SUFFIXES:
        return Content.VIDEO
    return Content.SUBTITLES if suffix == ".srt" else None


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None where the file holds something else."""
    if path.stat().st_size > MAX_JSON_BYTES:
        return None
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _binary_content(head: bytes) -> Content | None:
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")):
        return Content.PICTURE
    if head[:4] == b"RIFF":
        return {b"WEBP": Content.PICTURE, b"AVI ": Content.VIDEO}.get(head[8:12])
    if head[4:8] == b"ftyp":
        heif = head[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif"}
        return Content.HEIF if heif else Content.VIDEO
    if head[4:8] in {b"moov", b"mdat", b"moof", b"wide", b"free", b"skip"}:
        return Content.VIDEO
    if head.startswith((b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"\0\0\0\1", b"FLV\1")):
        return Content.VIDEO
    transport_stream = len(head) > 564 and all(head[i] == 0x47 for i in (0, 188, 376, 564))
    blu_ray_stream = len(head) > 580 and all(head[i] == 0x47 for i in (4, 196, 388, 580))
    return Content.VIDEO if transport_stream or blu_ray_stream else None


def _text_content(path: Path, head: bytes) -> Content:
    text = head.decode("utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "latin-1", "replace")
    if "-->" in text or path.suffix.lower() == ".srt":
        return Content.SUBTITLES
    if text.lstrip("\ufeff\xef\xbb\xbf \t\r\n").startswith("{"):
        value = read_json_object(path) or {}
        if str(value.get("format", "")).startswith("parkwatch-patrol"):
            return Content.MANIFEST
        if any(str(key).startswith("corners") for key in value):
            return Content.CORNERS
    return Content.OTHER
