"""What a recorder finds in a folder where one was killed before, and makes good."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from drone.recorder.durable import PART_SUFFIX, sync_folder
from drone.recorder.manifest import ManifestFile
from drone.recorder.segments import salvage
from drone.recorder.telemetry import TELEMETRY_FOLDER, last_time, readable
from park.errors import RecordingError
from park.patrol_format import TELEMETRY_NAME, VIDEO_FOLDER, PatrolCamera

LOCK_NAME = ".recording.lock"


class FolderLock:
    """Keeps two recorders out of one folder; the system lets go of it when a process dies.

    Args:
        folder: the patrol's.

    Raises:
        RecordingError: another process records into the folder.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise RecordingError(
                f"{folder} is being recorded into by another process; end that one, or record "
                "into another folder"
            ) from error

    def release(self) -> None:
        """Let another recorder in; may be called more than once."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a patrol's folder already.

    Attributes:
        telemetry: files that can be read, in the order of time.
        files: names of all that is whole.
        last_segment: the highest number of a segment; 0 for none.
        last_time: the latest of a picture or a reading; None for none.
        notes: what was made good, in words.
    """

    telemetry: tuple[str, ...]
    files: tuple[str, ...]
    last_segment: int
    last_time: datetime | None
    notes: tuple[str, ...]


def take_up(folder: Path, manifest: ManifestFile, cameras: tuple[PatrolCamera, ...]) -> Found:
    """Make good what a crash left, so that recording can go on in the folder.

    Args:
        folder: the patrol's.
        manifest: of the patrol; segments that it did not name yet are added.
        cameras: of this recording, where there is no manifest yet.

    Returns:
        What is there.

    Raises:
        OSError: the folder cannot be read or written.
    """
    notes = []
    known = {segment.file for segment in manifest.segments}
    current = manifest.current
    ids = {camera.camera_id for camera in (cameras if current is None else current.cameras)}
    found = [item for item in salvage(folder, frozenset(known)) if item.segment.camera_id in ids]
    if found:
        manifest.add_segments(item.segment for item in found)
        notes += [
            f"{item.segment.file} was open when recording was interrupted: "
            f"{item.pictures} pictures of it could be kept"
            for item in found
        ]
    named = list(manifest.telemetry)
    there = [f"{TELEMETRY_FOLDER}/{p.name}" for p in (folder / TELEMETRY_FOLDER).glob("*.parquet")]
    if (folder / TELEMETRY_NAME).exists():
        there.append(TELEMETRY_NAME)
    names = sorted({*named, *there}, key=lambda name: (name != TELEMETRY_NAME, name))
    telemetry = tuple(name for name in names if readable(folder / name))
    notes += [f"{name} cannot be read and is left out" for name in named if name not in telemetry]
    for path in (*folder.glob(f".*{PART_SUFFIX}"), *folder.glob(f"*/.*{PART_SUFFIX}")):
        path.unlink()
    sync_folder(folder)
    segments = tuple(segment.file for segment in manifest.segments)
    stems = (path.stem for path in (folder / VIDEO_FOLDER).glob("*.mp4"))
    last_segment = max((int(stem) for stem in stems if stem.isdigit()), default=0)
    times = [time for name in telemetry if (time := last_time(folder / name)) is not None]
    times += [
        segment.start_time + timedelta(seconds=segment.duration_s or 0.0)
        for segment in manifest.segments
    ]
    return Found(
        telemetry, (*telemetry, *segments), last_segment, max(times, default=None), tuple(notes)
    )
