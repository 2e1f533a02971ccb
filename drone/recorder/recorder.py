"""Records a patrol while it flies: telemetry, video, the flight log, and a manifest of it all.

A recording never endangers a flight. What is wrong before take-off raises in `start`; from then
on nothing raises and nothing blocks: what cannot be written is reported (`health`, the flight
log, and `on_trouble`), counted, kept in memory as far as that is possible, and tried again.
A process that is killed loses the segment and the telemetry part that are open, which is a few
seconds; a recorder that is started on the same folder goes on from there.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from drone.cameras.source import CameraSource
from drone.recorder.flight_log import FLIGHT_LOG_NAME, LOG_KINDS, LogEntry
from drone.recorder.journal import Journal
from drone.recorder.manifest import ManifestFile, PatrolFacts
from drone.recorder.resume import FolderLock, Found, take_up
from drone.recorder.segments import Encoding
from drone.recorder.telemetry import MAX_POSITION_AGE_S, row_of
from drone.recorder.upload import FootageStore, Uploader, UploadOptions, UploadReport
from drone.recorder.vehicle_time import VehicleTime
from drone.recorder.video import VideoFigures, VideoRecording
from drone.telemetry import Telemetry
from park.clock import Clock, SystemClock
from park.errors import RecordingError
from park.patrol_format import (
    MANIFEST_NAME,
    TELEMETRY_NAME,
    VIDEO_FOLDER,
    PatrolCamera,
    PatrolSegment,
)
from park.records import JsonValue

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_TROUBLES_KEPT = 50
_STOP_S = 10.0
_STOP_SIMULATED_S = 60.0
_LAST_WRITE_S = 30.0


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """How a patrol is recorded.

    Attributes:
        segment_s: length of a video segment, seconds of recorded time.
        part_s: length of a telemetry part, seconds of this machine's time.
        min_free_mib: a recording does not begin with less room on the disk.
        reserve_mib: video stops with less room than this; telemetry and log go on.
        speedup: how much faster than real time a simulated vehicle lives.
        stop_s: how long cameras may take for their last pictures and to stop, seconds; 10 when
            None, or 60 with a speedup.
        assumed_gimbal: yaw and pitch in degrees of a camera whose gimbal the vehicle says nothing
            about, as `drone.gimbal_told` tells them. None: such frames have no place.
        encoding: of pictures that come uncoded; the best of this machine when None.
        upload: how patient uploading is.
    """

    segment_s: float = 4.0
    part_s: float = 5.0
    min_free_mib: int = 500
    reserve_mib: int = 64
    speedup: float = 1.0
    stop_s: float | None = None
    assumed_gimbal: Callable[[Telemetry], tuple[float, float] | None] | None = None
    encoding: Encoding | None = None
    upload: UploadOptions | None = None

    def __post_init__(self) -> None:
        for name in ("segment_s", "part_s"):
            if not 0.1 <= getattr(self, name) <= 600.0:
                raise RecordingError(f"{name} {getattr(self, name)} is not between 0.1 and 600")


@dataclass(frozen=True, slots=True)
class RecorderHealth:
    """How a recording is.

    Attributes:
        rows: telemetry rows on the disk.
        rows_waiting: in memory.
        rows_left_out: that had no position, or were not newer than the one before.
        cameras: figures of each.
        dropped: telemetry and log entries that were lost, because the disk did not keep up.
        troubles: how often something could not be recorded or uploaded.
        last_troubles: the last of them, in words.
    """

    rows: int
    rows_waiting: int
    rows_left_out: int
    cameras: tuple[VideoFigures, ...]
    dropped: int
    troubles: int
    last_troubles: tuple[str, ...]

    @property
    def lost_pictures(self) -> int:
        """Pictures that came and could not be recorded, of all cameras."""
        return sum(camera.lost for camera in self.cameras)

    @property
    def ok(self) -> bool:
        """Whether nothing was lost so far."""
        return not self.troubles and not self.dropped


@dataclass(frozen=True, slots=True)
class RecordingReport:
    """What a recording came to.

    Attributes:
        folder: of the patrol.
        health: at its end.
        telemetry_hz: rows a second; None for fewer than two rows.
        upload: what became of its files; None where nothing was to be uploaded.
    """

    folder: Path
    health: RecorderHealth
    telemetry_hz: float | None
    upload: UploadReport | None


class Recorder:
    """Records one patrol into one folder.

    Args:
        folder: the patrol's; made when missing. If it holds the same patrol already, as after a
            crash, the recording goes on in it.
        facts: what the manifest says of the patrol.
        cameras: what the video comes from; at least one.
        clock: of this machine.
        options: how to record.
        store: where files are sent as they close, under the patrol's id; None to keep them here.
        on_trouble: called, from any thread, with what could not be recorded; must not block.
    """

    def __init__(
        self,
        folder: Path,
        facts: PatrolFacts,
        cameras: Sequence[CameraSource],
        *,
        clock: Clock | None = None,
        options: RecorderOptions | None = None,
        store: FootageStore | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        if not cameras:
            raise RecordingError("a recorded patrol needs a camera; give one, or `sim`")
        self._folder, self._facts = folder, facts
        self._sources = tuple(cameras)
        self._clock = clock or SystemClock()
        self._options = options or RecorderOptions()
        self._store, self._on_trouble = store, on_trouble
        self._time = VehicleTime(self._clock, speedup=self._options.speedup)
        self._max_age_s = max(0.25, MAX_POSITION_AGE_S / self._options.speedup)
        self._lock = threading.Lock()
        self._folder_lock: FolderLock | None = None
        self._manifest: ManifestFile | None = None
        self._journal: Journal | None = None
        self._uploader: Uploader | None = None
        self._videos: tuple[VideoRecording, ...] = ()
        self._last_row_time: datetime | None = None
        self._assumed_gimbal = False
        self._accepting = False
        self._report: RecordingReport | None = None
        self._last_segment = 0
        self._left_out = 0
        self._troubles = 0
        self._last_troubles: tuple[str, ...] = ()

    def start(self) -> None:
        """Open the cameras and begin to record; to be called before take-off.

        Raises:
            RecordingError: a camera is not there, the folder cannot be used or holds another
                patrol, or the disk is too full. Nothing runs then.
        """
        if self._folder_lock is not None:
            raise RecordingError("this recorder was started before; make another")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._check_room()
            self._folder_lock = FolderLock(self._folder)
            cameras = tuple(source.open() for source in self._sources)
            ids = [camera.camera_id for camera in cameras]
            if len(set(ids)) != len(ids):
                raise RecordingError(f"two cameras are called the same: {', '.join(ids)}")
            self._begin(cameras)
        except OSError as error:
            self._let_go()
            raise RecordingError(
                f"{self._folder}: cannot be recorded into: {error.strerror or error}"
            ) from error
        except BaseException:
            self._let_go()
            raise

    def _check_room(self) -> None:
        free_mib = shutil.disk_usage(self._folder).free // _MIB
        if free_mib < self._options.min_free_mib:
            raise RecordingError(
                f"{self._folder}: the disk has {free_mib} MiB free, and a recording needs "
                f"{self._options.min_free_mib} MiB; make room, or record elsewhere"
            )

    def _begin(self, cameras: tuple[PatrolCamera, ...]) -> None:
        encoding = self._options.encoding or Encoding.best()
        manifest = self._manifest = ManifestFile(self._folder, self._facts, cameras)
        resumed = manifest.resumed
        interrupted_at = self._interrupted_at()
        found = take_up(self._folder, manifest, cameras)
        if found.last_time is not None and interrupted_at is not None:
            # A simulated vehicle that is faster than real time flew on as fast meanwhile.
            away = max(timedelta(0), self._clock.now() - interrupted_at)
            self._time.go_on_from(found.last_time + away * self._options.speedup)
        self._last_segment = found.last_segment
        if resumed and found.telemetry:
            manifest.set_telemetry(found.telemetry)
        if self._store is not None:
            self._uploader = self._make_uploader(self._store, manifest, found)
        journal = self._journal = Journal(
            self._folder,
            manifest,
            found.telemetry,
            part_s=self._options.part_s,
            clock=self._clock,
            trouble=self.trouble,
            wrote=self._wrote,
        )
        self._videos = tuple(
            VideoRecording(
                self._folder,
                source,
                camera,
                self._time,
                self,
                clock=self._clock,
                encoding=encoding,
                segment_s=self._options.segment_s,
                ready=lambda: self._time.heard,
            )
            for source, camera in zip(self._sources, cameras, strict=True)
        )
        journal.start()
        self._accepting = True
        self.event("recording", "recording goes on" if resumed else "recording began")
        if encoding.encoder != "libx264":
            self.event(
                "recording", f"libx264 is not there: pictures are coded as {encoding.encoder}"
            )
        for note in found.notes:
            self.event("recording", note)
        if self._uploader is not None:
            self._uploader.start()
        for video in self._videos:
            video.start()

    def _interrupted_at(self) -> datetime | None:
        """Return when this machine's clock last saw the manifest change; None without one."""
        path = self._folder / MANIFEST_NAME
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else None

    def _make_uploader(self, store: FootageStore, manifest: ManifestFile, found: Found) -> Uploader:
        uploader = Uploader(
            self._folder,
            store,
            self._facts.patrol_id,
            lambda: manifest.current,
            note=self._upload_note,
            clock=self._clock,
            options=self._options.upload,
        )
        for name in found.files:
            uploader.add(name)
        return uploader

    def _upload_note(self, kind: str, message: str) -> None:
        self.event(kind, message)
        log.warning("%s", message)

    def _let_go(self) -> None:
        for source in self._sources:
            source.close()
        if self._folder_lock is not None:
            self._folder_lock.release()

    @property
    def time(self) -> VehicleTime:
        """The time base of the recording."""
        return self._time

    @property
    def folder(self) -> Path:
        """The patrol's folder."""
        return self._folder

    @property
    def health(self) -> RecorderHealth:
        """How it goes; may be asked for from any thread at any time."""
        journal = None if self._journal is None else self._journal.figures
        with self._lock:
            return RecorderHealth(
                0 if journal is None else journal.rows,
                0 if journal is None else journal.waiting,
                self._left_out,
                tuple(video.figures for video in self._videos),
                0 if journal is None else journal.dropped,
                self._troubles,
                self._last_troubles,
            )

    def telemetry(self, telemetry: Telemetry) -> None:
        """Take in a picture of the vehicle; never blocks and never raises.

        Pictures without a new position are left out. May be called from one thread at a time.
        """
        journal = self._journal
        if journal is None or not self._accepting:
            return
        time = self._time.of(telemetry.time, telemetry.time_boot_s)
        row = row_of(
            telemetry,
            time,
            assumed_gimbal_deg=self._assumed(telemetry),
            max_position_age_s=self._max_age_s,
        )
        last = self._last_row_time
        # Times that go back a little are readings out of order; a lot is another clock.
        if row is None or (last is not None and timedelta(0) <= last - time < timedelta(seconds=1)):
            self._left_out += 1
            return
        self._last_row_time = time
        if telemetry.gimbal_pitch_deg is None and row.gimbal_pitch_deg is not None:
            self._say_assumed_gimbal()
        journal.put(row)
        pose = row.pose()
        if pose is not None:
            for source in self._sources:
                source.saw_pose(time, pose)

    def event(
        self,
        kind: str,
        message: str,
        *,
        time: datetime | None = None,
        details: dict[str, JsonValue] | None = None,
    ) -> None:
        """Put something into the flight log; never blocks and never raises.

        Args:
            kind: one of `drone.recorder.flight_log.LOG_KINDS`; another becomes a note of it.
            message: for people.
            time: when it happened, in the time base of the recording; now when None, or when it
                has no time zone.
            details: for programs.
        """
        if time is None or time.tzinfo is None:
            time = self._time.now()
        if kind not in LOG_KINDS:
            kind, details = "note", {**(details or {}), "kind": kind}
        if self._journal is not None and self._accepting:
            self._journal.put(LogEntry(time, kind, message, details or {}))
        else:
            log.info("outside of the recording: %s: %s", kind, message)

    def close(self, *, upload_timeout_s: float = 30.0) -> RecordingReport:
        """End the recording; does not raise, and may be called more than once.

        Args:
            upload_timeout_s: how long to wait for files that are still to be sent.

        Returns:
            What it came to, with the names of files that were not uploaded.
        """
        if self._report is not None:
            return self._report
        ended_at = self._time.now()
        # The simulated camera of a vehicle in a hurry has pictures to make up for.
        stop_s = self._options.stop_s
        if stop_s is None:
            stop_s = _STOP_S if self._options.speedup == 1.0 else _STOP_SIMULATED_S
        for video in self._videos:
            if not video.stop(stop_s):
                self.trouble(f"camera {video.figures.camera_id} did not stop in {stop_s:g} s")
        span_s = 0.0
        if self._journal is not None and self._accepting:
            self.event("recording", "recording ended", time=ended_at)
            self._accepting = False
            if not self._journal.finish(ended_at, _LAST_WRITE_S):
                self.trouble(f"the disk did not take the recording's end in {_LAST_WRITE_S:g} s")
            span_s = self._journal.figures.span_s
        upload = None if self._uploader is None else self._uploader.finish(upload_timeout_s)
        self._let_go()
        rows = self.health.rows
        rate_hz = (rows - 1) / span_s if rows > 1 and span_s > 0.0 else None
        self._report = RecordingReport(self._folder, self.health, rate_hz, upload)
        return self._report

    def _assumed(self, telemetry: Telemetry) -> tuple[float, float] | None:
        assume = self._options.assumed_gimbal
        known = telemetry.gimbal_pitch_deg is not None and telemetry.gimbal_yaw_deg is not None
        return None if known or assume is None else assume(telemetry)

    def _say_assumed_gimbal(self) -> None:
        if not self._assumed_gimbal:
            self._assumed_gimbal = True
            self.event(
                "camera",
                "the vehicle reports no gimbal: the camera is taken as level, and looking where "
                "the mission has told it to",
            )

    def _wrote(self, name: str) -> None:
        uploader = self._uploader
        if uploader is None:
            return
        if name == FLIGHT_LOG_NAME:
            uploader.log_changed()
            return
        if name == TELEMETRY_NAME:
            uploader.forget_parts()
        uploader.add(name)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    # What cameras ask for: see VideoSink.

    def next_segment_name(self) -> str:
        """Return a name that no segment has. See `VideoSink`."""
        with self._lock:
            self._last_segment += 1
            return f"{VIDEO_FOLDER}/{self._last_segment:05d}.mp4"

    def add_segment(self, segment: PatrolSegment) -> None:
        """Take over a whole segment. See `VideoSink`."""
        try:
            if self._manifest is not None:
                self._manifest.add_segments([segment])
        except OSError as error:
            self.trouble(f"the manifest cannot be written ({error.strerror}); it is tried again")
        if self._uploader is not None:
            self._uploader.add(segment.file)

    def note(self, message: str, kind: str) -> None:
        """Put something of the recorder's own into the flight log. See `VideoSink`."""
        self.event(kind, message)

    def trouble(self, message: str, kind: str = "recording") -> None:
        """Report and count what could not be recorded. See `VideoSink`."""
        log.warning("%s", message)
        self.event(kind, message)
        with self._lock:
            self._troubles += 1
            self._last_troubles = (*self._last_troubles, message)[-_TROUBLES_KEPT:]
        if self._on_trouble is not None:
            try:
                self._on_trouble(message)
            except Exception:
                # Whoever is told must not stop the recording.
                log.exception("on_trouble failed")

    def has_room(self) -> bool:
        """Return whether the disk has room for more video. See `VideoSink`."""
        return shutil.disk_usage(self._folder).free >= self._options.reserve_mib * _MIB
