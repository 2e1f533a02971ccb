"""A camera that always gives the same picture, for tests of everything behind a camera."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Event

import numpy as np
from numpy.typing import NDArray

from drone.cameras.source import CameraItem, FrameTime, Picture
from park.errors import RecordingError
from park.patrol_format import PatrolCamera
from park.records import CameraPose


def colour_bars(width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return colour bars over a grey ramp: uint8 BGR, shape (height, width, 3)."""
    bars = np.array(
        [[192] * 3, [0, 192, 192], [192, 192, 0], [0, 192, 0], [192, 0, 192], [0, 0, 192]],
        np.uint8,
    )
    picture = bars[np.arange(width_px) * len(bars) // width_px][None].repeat(height_px, axis=0)
    ramp = np.linspace(0, 255, width_px).astype(np.uint8)[None, :, None]
    picture[height_px * 3 // 4 :] = ramp
    return np.ascontiguousarray(picture)


_LATEST_S = 3.0
"""So far behind, of this machine's time, it gives up to be on time."""


class StillCamera:
    """Gives one picture over and over, with the times that it is asked at.

    Args:
        image_bgr: the picture; the test pattern of 640 x 360 when None.
        fps: pictures per second of recorded time.
        camera_id: what segments call it.
        hfov_deg: its lens, as the manifest tells it.
    """

    def __init__(
        self,
        image_bgr: NDArray[np.uint8] | None = None,
        *,
        fps: float = 10.0,
        camera_id: str = "pattern",
        hfov_deg: float = 70.0,
    ) -> None:
        if not 0.1 <= fps <= 240.0:
            raise RecordingError(f"fps {fps} is not between 0.1 and 240")
        self._image = colour_bars(640, 360) if image_bgr is None else image_bgr
        self._fps = fps
        self._camera_id, self._hfov_deg = camera_id, hfov_deg

    def open(self) -> PatrolCamera:
        """Return what it is; it is always there. See `CameraSource`."""
        height_px, width_px = self._image.shape[:2]
        return PatrolCamera(
            camera_id=self._camera_id,
            model="simulated: a still picture",
            width_px=width_px,
            height_px=height_px,
            hfov_deg=self._hfov_deg,
        )

    def items(self, time: FrameTime, stop: Event) -> Iterator[CameraItem]:
        """Yield the picture at its rate. See `CameraSource`."""
        step = timedelta(seconds=1.0 / self._fps)
        due = time.now()
        while not stop.is_set():
            behind_s = (time.now() - due).total_seconds()
            if behind_s < 0:
                stop.wait(min(1.0, -behind_s / time.speedup))
                continue
            yield Picture(due, self._image)
            # A slow machine leaves pictures out rather than falling behind for ever.
            late = behind_s > _LATEST_S * time.speedup
            due += step * (max(1, int(behind_s * self._fps)) if late else 1)

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Do nothing: a still picture looks the same from everywhere. See `CameraSource`."""

    def close(self) -> None:
        """Do nothing. See `CameraSource`."""
