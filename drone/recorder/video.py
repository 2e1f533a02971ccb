"""Records one camera: a thread that cuts what it gives into segments."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import av
import av.error

from drone.cameras.source import CameraNote, CameraSource, CodedPicture, FrameTime, Picture
from drone.recorder.segments import WRITE_ERRORS, Encoding, OpenSegment
from park.clock import Clock
from park.errors import ParkwatchError
from park.patrol_format import PatrolCamera, PatrolSegment

log = logging.getLogger(__name__)

GAP_S = 2.0
"""Pictures further apart than this do not stand in one segment."""

_STEP_BACK_S = 1.0
_LONGEST_WITHOUT_KEY = 8.0
_RETRY_S = (1.0, 2.0, 5.0, 10.0)
_FIRST_TELEMETRY_S = 10.0
_LAST_SHARE = 0.6


class VideoSink(Protocol):
    """What a camera's recording needs of the recorder."""

    def next_segment_name(self) -> str:
        """Return a name that no segment has."""

    def add_segment(self, segment: PatrolSegment) -> None:
        """Take over a whole segment; does not raise."""

    def note(self, message: str, kind: str) -> None:
        """Put something into the flight log."""

    def trouble(self, message: str, kind: str = "recording") -> None:
        """Report and count what could not be recorded, and put it into the flight log."""

    def has_room(self) -> bool:
        """Return whether the disk has room for more video."""


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """What one camera's recording came to.

    Attributes:
        camera_id: which.
        pictures: recorded, in whole segments.
        segments: whole ones.
        lost: pictures that came and could not be recorded.
    """

    camera_id: str
    pictures: int
    segments: int
    lost: int


class VideoRecording:
    """Cuts the pictures of a camera into segments, in a thread of its own.

    Nothing that happens here reaches the flight: errors are reported and counted, and recording
    is tried again, with longer and longer pauses up to ten seconds.

    Args:
        folder: the patrol's.
        source: the camera, opened.
        camera: what it is.
        time: the time base.
        sink: the recorder.
        clock: of this machine.
        encoding: for pictures that come uncoded.
        segment_s: how long a segment is, seconds of recorded time.
        ready: whether the time base is known already.
    """

    def __init__(
        self,
        folder: Path,
        source: CameraSource,
        camera: PatrolCamera,
        time: FrameTime,
        sink: VideoSink,
        *,
        clock: Clock,
        encoding: Encoding,
        segment_s: float,
        ready: Callable[[], bool],
    ) -> None:
        self._folder, self._source, self._camera = folder, source, camera
        self._time, self._sink = time, sink
        self._encoding, self._segment_s, self._ready = encoding, segment_s, ready
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"camera {camera.camera_id}", daemon=True
        )
        self._segment: OpenSegment | None = None
        self._last_time: datetime | None = None
        self._fps = 10.0
        self._failures = 0
        self._retry_at_s = 0.0
        self._last_by_s = 0.0
        self._ended = False
        self.pictures = 0
        self.segments = 0
        self.lost = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Finish the open segment and stop; return whether that was done in time.

        The camera may first give what it holds back, in the first part of that time.
        """
        self._last_by_s = self._clock.monotonic_s() + _LAST_SHARE * timeout_s
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def figures(self) -> VideoFigures:
        """What it came to so far."""
        return VideoFigures(self._camera.camera_id, self.pictures, self.segments, self.lost)

    def _run(self) -> None:
        self._wait_for_time()
        failures = 0
        while not self._stop.is_set():
            try:
                for item in self._source.items(self._time, self._stop):
                    failures = 0
                    self._take(item)
                    if self._stop.is_set() and self._clock.monotonic_s() > self._last_by_s:
                        break
                else:
                    said, self._ended = self._ended, True
                    if not said and not self._stop.is_set():
                        self._report(f"camera {self._camera.camera_id} ended without saying why")
            except (ParkwatchError, av.error.FFmpegError, OSError) as error:
                self._report(f"camera {self._camera.camera_id}: {error}")
            except Exception as error:
                log.exception("camera %s failed", self._camera.camera_id)
                self._report(f"camera {self._camera.camera_id}: {type(error).__name__}: {error}")
            self._close_segment()
            if self._ended:
                break
            self._stop.wait(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
            failures += 1
        self._close_segment()

    def _wait_for_time(self) -> None:
        until_s = self._clock.monotonic_s() + _FIRST_TELEMETRY_S
        while not self._ready() and self._clock.monotonic_s() < until_s:
            if self._stop.wait(0.05):
                return
        if not self._ready():
            self._report(
                f"no telemetry for {_FIRST_TELEMETRY_S:g} s: pictures are stamped by this "
                "machine's clock until there is"
            )

    def _take(self, item: Picture | CodedPicture | CameraNote) -> None:
        if isinstance(item, CameraNote):
            if item.kind in ("lost", "ended"):
                self._close_segment()
            self._ended = self._ended or item.kind == "ended"
            tell = self._sink.trouble if item.kind in ("lost", "trouble") else self._sink.note
            tell(f"camera {self._camera.camera_id}: {item.message}", "camera")
            return
        if self._last_time is not None:
            step_s = (item.time - self._last_time).total_seconds()
            if -_STEP_BACK_S < step_s <= 0 and isinstance(item, Picture):
                self.lost += 1
                return
            if not -_STEP_BACK_S < step_s < GAP_S:
                self._close_segment()
            elif step_s > 0.001:
                self._fps += (min(60.0, max(1.0, 1.0 / step_s)) - self._fps) * 0.1
        self._last_time = item.time
        self._close_if_full(item)
        if self._segment is None and not self._open_segment(item):
            self.lost += 1
            return
        assert self._segment is not None
        try:
            self._segment.add(item)
        except (*WRITE_ERRORS, ValueError) as error:
            self._give_up(error)

    def _close_if_full(self, item: Picture | CodedPicture) -> None:
        if self._segment is None:
            return
        length_s = (item.time - self._segment.start_time).total_seconds()
        if length_s < self._segment_s - 1e-6:
            return
        if isinstance(item, Picture) or item.is_key:
            self._close_segment()
        elif length_s > self._segment_s * _LONGEST_WITHOUT_KEY:
            self._report(
                f"camera {self._camera.camera_id} sends no key frame for {length_s:.0f} s, and a "
                "crash now loses that much; set its key frame interval to a second or two"
            )
            self._close_segment()

    def _open_segment(self, item: Picture | CodedPicture) -> bool:
        if isinstance(item, CodedPicture) and not item.is_key:
            return False
        if self._failures and self._clock.monotonic_s() < self._retry_at_s:
            return False
        try:
            if not self._sink.has_room():
                raise OSError("the disk is nearly full; the rest is kept for telemetry and log")
            self._segment = OpenSegment(
                self._folder,
                self._sink.next_segment_name(),
                self._camera.camera_id,
                item,
                self._encoding,
                self._fps,
            )
        except (*WRITE_ERRORS, ValueError) as error:
            self._give_up(error)
            return False
        return True

    def _close_segment(self) -> None:
        segment = self._segment
        if segment is None:
            return
        try:
            whole = segment.close()
        except (*WRITE_ERRORS, ValueError) as error:
            self._give_up(error)
            return
        self._segment = None
        self.segments += 1
        self.pictures += segment.pictures
        if self._failures:
            self._failures = 0
            self._sink.note(f"camera {self._camera.camera_id} is recorded again", "recording")
        self._sink.add_segment(whole)

    def _give_up(self, error: Exception) -> None:
        """Drop the open segment, and wait a while before the next is tried."""
        if self._segment is not None:
            self.lost += self._segment.pictures
            self._segment.discard()
            self._segment = None
        pause_s = _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        self._retry_at_s = self._clock.monotonic_s() + pause_s
        reason = getattr(error, "strerror", None) or error
        self._report(
            f"camera {self._camera.camera_id}: a segment cannot be written ({reason}); the flight "
            f"goes on, recording is tried again in {pause_s:g} s"
        )

    def _report(self, message: str) -> None:
        self._sink.trouble(message)
