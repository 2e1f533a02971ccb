"""The folder that a run works in, and the small records kept there beside its Parquet files."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apache_beam as beam
from pydantic import TypeAdapter

from park.records import PatrolSummary, Reject
from pipelines.look import SourceSeen

_SOURCES = TypeAdapter(SourceSeen)
_REJECTS = TypeAdapter(tuple[str, Reject])
_FOLDER_PREFIX = "parkwatch-run-"
_LOCK = "in-use"
_ABANDONED_AFTER_S = 60.0
"""Younger folders may belong to a run that is about to take its lock."""


@contextmanager
def run_folder() -> Iterator[Path]:
    """Give a temporary folder to a run, and remove it when the run ends, however it ends.

    A run that is killed cannot remove its own; the next one does. The folder of a run that is
    still alive is known by the lock which its process holds.

    Raises:
        OSError: the folder cannot be made.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    # Threads of a run that was stopped may still write while it is being removed.
    with tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_FOLDER_PREFIX}*"):
        # Another run may be making, using or removing it, or it may be another user's.
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < _ABANDONED_AFTER_S:
                continue
            with (folder / _LOCK).open("r+b") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)


class StageSources(beam.DoFn):
    """Write what each source gave to a file of its own.

    Args:
        folder: where all workers can write and the driver can read.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, seen: SourceSeen) -> Iterable[str]:
        """Write one record and give the file's name."""
        yield _write(self._folder, "source", _SOURCES.dump_json(seen))


class StageRejects(beam.DoFn):
    """Write what was refused, with its patrol_id, one file for each. See `StageSources`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, item: tuple[str, Reject]) -> Iterable[str]:
        """Write one record and give the file's name."""
        yield _write(self._folder, "reject", _REJECTS.dump_json(item))


def staged_sources(folder: Path) -> tuple[SourceSeen, ...]:
    """Return what all sources gave, parts of one patrol joined, in order of their uri."""
    parts: dict[str, list[SourceSeen]] = {}
    for path in folder.glob("source-*.json"):
        seen = _SOURCES.validate_json(path.read_bytes())
        parts.setdefault(seen.summary.patrol_id, []).append(seen)
    joined = (_joined(group) for group in parts.values())
    return tuple(sorted(joined, key=lambda s: (s.summary.source_uri, s.summary.patrol_id)))


def staged_rejects(folder: Path) -> dict[str, list[Reject]]:
    """Return what was refused, by patrol_id, in order of uri and reason."""
    rejects: dict[str, list[Reject]] = {}
    for path in folder.glob("reject-*.json"):
        patrol_id, reject = _REJECTS.validate_json(path.read_bytes())
        rejects.setdefault(patrol_id, []).append(reject)
    for group in rejects.values():
        group.sort(key=lambda r: (r.source_uri, r.stage, r.reason))
    return dict(sorted(rejects.items()))


def _joined(group: Sequence[SourceSeen]) -> SourceSeen:
    # Parts come back in any order; what they give together must not depend on it.
    ordered = sorted(group, key=lambda s: (s.summary.first_time is None, str(s.summary.first_time)))
    first = ordered[0].summary
    summaries = [s.summary for s in ordered]
    dropped: dict[str, int] = {}
    for seen in ordered:
        for reason, number in seen.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + number
    return SourceSeen(
        PatrolSummary(
            patrol_id=first.patrol_id,
            kind=first.kind,
            source_uri=first.source_uri,
            first_time=min((s.first_time for s in summaries if s.first_time), default=None),
            last_time=max((s.last_time for s in summaries if s.last_time), default=None),
            frames=sum(s.frames for s in summaries),
            rejected=sum(s.rejected for s in summaries),
            detections=sum(s.detections for s in summaries),
            assumptions=tuple(sorted({a for s in summaries for a in s.assumptions})),
        ),
        tuple(p for s in ordered for p in s.footprint),
        dict(sorted(dropped.items())),
    )


def _write(folder: str, kind: str, content: bytes) -> str:
    path = Path(folder) / f"{kind}-{uuid.uuid4().hex}.json"
    path.write_bytes(content)
    return str(path)
