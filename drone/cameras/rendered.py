"""A camera whose pictures are drawn from where the vehicle is: the simulated camera.

Pictures are drawn at points of the vehicle's time, k / fps, between the poses that the telemetry
gives, so a recording at fifty times real time looks as one at real time would. Drawing may fall
behind by half a minute, and the rest is drawn after the landing; where the machine is too slow
even for that, pictures are left out and counted.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Condition, Event
from time import monotonic
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from drone.cameras.source import CameraItem, CameraNote, FrameTime, Picture
from park.errors import RecordingError
from park.patrol_format import PatrolCamera
from park.records import CameraPose

MAX_POSE_GAP_S = 2.0
"""Poses further apart than this are not bridged."""

_MAX_POSES = 8192
_LAST_PICTURES_S = 30.0


class Renderer(Protocol):
    """Draws what a camera sees."""

    @property
    def camera(self) -> PatrolCamera:
        """The camera that it draws for."""

    def render(self, pose: CameraPose, time: datetime) -> NDArray[np.uint8]:
        """Return the picture from a pose: uint8 BGR, shape (height, width, 3)."""


class RenderedCamera:
    """Draws a picture wherever the telemetry says that the camera is.

    Args:
        renderer: draws.
        fps: pictures per second of the vehicle's time.
        max_lag_s: how far drawing may fall behind the newest pose before pictures are left out,
            seconds of this machine's time.
        last_s: for how long it goes on drawing what is due when the recording has ended, seconds
            of this machine's time.
    """

    def __init__(
        self,
        renderer: Renderer,
        *,
        fps: float = 10.0,
        max_lag_s: float = 30.0,
        last_s: float = _LAST_PICTURES_S,
    ) -> None:
        if not 0.1 <= fps <= 60.0:
            raise RecordingError(f"fps {fps} of the simulated camera is not between 0.1 and 60")
        self._renderer = renderer
        self._fps = fps
        self._max_lag_s = max_lag_s
        self._last_s = last_s
        self._poses: deque[tuple[float, CameraPose]] = deque(maxlen=_MAX_POSES)
        self._changed = Condition()
        self._last_index: int | None = None
        self._open = True
        self.left_out = 0
        """Pictures that a slow machine did not draw."""

    def open(self) -> PatrolCamera:
        """Return what it is. See `CameraSource`."""
        return self._renderer.camera

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Take in a pose. See `CameraSource`."""
        time_s = time.timestamp()
        with self._changed:
            if not self._poses or time_s > self._poses[-1][0]:
                self._poses.append((time_s, pose))
                self._changed.notify_all()

    def items(self, time: FrameTime, stop: Event) -> Iterator[CameraItem]:
        """Yield a picture for each point of time that poses enclose. See `CameraSource`.

        What is due when `stop` is set is drawn, for at most `last_s`.
        """
        waited, lag_s = 0, self._max_lag_s * time.speedup
        stopped_s: float | None = None
        told = False
        while self._open:
            due = self._next_due(lag_s)
            if stop.is_set():
                stopped_s = monotonic() if stopped_s is None else stopped_s
                if due is None or monotonic() - stopped_s > self._last_s:
                    break
            if due is None:
                with self._changed:
                    heard = self._changed.wait(0.1)
                waited = 0 if heard else waited + 1
                if waited == 50:
                    yield CameraNote("lost", "no camera pose for 5 s, so nothing can be drawn")
                continue
            if waited >= 50:
                yield CameraNote("back", "camera poses come again")
            waited = 0
            if self.left_out and not told:
                told = True
                yield CameraNote("trouble", self._too_slow(time))
            moment = datetime.fromtimestamp(due[0], UTC)
            yield Picture(moment, self._renderer.render(due[1], moment))
        if self.left_out:
            yield CameraNote("trouble", f"{self.left_out} pictures were left out in all")

    def _too_slow(self, time: FrameTime) -> str:
        return (
            f"this machine cannot draw {self._fps * time.speedup:.0f} pictures a second, so some "
            "are left out; a smaller --speedup leaves it more time"
        )

    def close(self) -> None:
        """Stop drawing. See `CameraSource`."""
        self._open = False

    def _next_due(self, lag_s: float) -> tuple[float, CameraPose] | None:
        """Return the next time to draw at, with its pose; None where poses do not reach it."""
        with self._changed:
            if len(self._poses) < 2:
                return None
            newest_s = self._poses[-1][0]
            last = self._last_index
            index = math.ceil(self._poses[0][0] * self._fps) if last is None else last + 1
            oldest_wanted = math.ceil((newest_s - lag_s) * self._fps)
            if index < oldest_wanted:
                self.left_out += 0 if last is None else oldest_wanted - index
                index = oldest_wanted
            while True:
                due_s = index / self._fps
                if due_s > newest_s:
                    return None
                while len(self._poses) > 2 and self._poses[1][0] < due_s:
                    self._poses.popleft()
                (before_s, before), (after_s, after) = self._poses[0], self._poses[1]
                bridged = due_s >= before_s and after_s - before_s <= MAX_POSE_GAP_S
                if bridged or due_s in (before_s, after_s):
                    break
                index = max(
                    index + 1, math.ceil((before_s if due_s < before_s else after_s) * self._fps)
                )
            self._last_index = index
            fraction = (due_s - before_s) / (after_s - before_s)
            return due_s, between(before, after, min(1.0, fraction))


def between(before: CameraPose, after: CameraPose, fraction: float) -> CameraPose:
    """Return the pose a fraction of the way from one to another.

    Args:
        before: at fraction 0.
        after: at fraction 1.
        fraction: 0 to 1.

    Returns:
        Positions linearly between the two, angles the short way round: what readers of the
        recorded footage do between rows of telemetry.
    """

    def line(start: float, end: float) -> float:
        return start + (end - start) * fraction

    def turn(start: float, end: float) -> float:
        return start + ((end - start + 180.0) % 360.0 - 180.0) * fraction

    amsl = None
    if before.alt_amsl_m is not None and after.alt_amsl_m is not None:
        amsl = line(before.alt_amsl_m, after.alt_amsl_m)
    return CameraPose(
        line(before.lat_deg, after.lat_deg),
        (turn(before.lon_deg, after.lon_deg) + 180.0) % 360.0 - 180.0,
        line(before.alt_home_m, after.alt_home_m),
        amsl,
        turn(before.yaw_deg, after.yaw_deg),
        turn(before.pitch_deg, after.pitch_deg),
        turn(before.roll_deg, after.roll_deg),
    )
