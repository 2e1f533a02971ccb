"""The simulated camera on a flown copter: it draws a simulated park from where the copter is.

The recording says where the vehicle believes to be. The pictures are drawn from where the camera
is then taken to be, which differs from that by the errors of a real copter's sensors, so that what
is located in the pictures is as wrong as the manifest states, and not less.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from drone.cameras.rendered import RenderedCamera
from ops.made_footage import Draws, MadeCameras
from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.patrol_footage import (
    ATTITUDE_TAU_S,
    HEIGHT_TAU_S,
    LEAST_HEIGHT_M,
    POSITION_TAU_S,
    SensorNoise,
    true_lens,
)

LEAST_PITCH_DEG = -20.0
"""A camera that looks further up is not at work yet: it shows the sky over half of the country."""

_LOWEST_M = 1.2
"""The renderer draws from a metre above the ground upwards."""


class CameraAtWork(RenderedCamera):
    """Draws while the copter is in the air with its camera on the ground.

    Before that, and after the landing, pictures show nothing that a patrol is about.
    """

    _newest: datetime | None = None

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Take in a pose, where it is one of a camera at work."""
        if pose.alt_home_m >= LEAST_HEIGHT_M and pose.pitch_deg <= LEAST_PITCH_DEG:
            self._newest = time
            super().saw_pose(time, pose)

    def due_after(self, time: datetime | None) -> int:
        """Return how many pictures there should have been after one; none where there was none."""
        if time is None or self._newest is None:
            return 0
        return max(0, math.floor((self._newest - time).total_seconds() * self._fps))


class _Wander:
    """A Gauss-Markov process of unit variance, asked for at rising times."""

    def __init__(self, rng: np.random.Generator, tau_s: float) -> None:
        self._rng, self._tau_s = rng, tau_s
        self._value = float(rng.standard_normal())
        self._time: datetime | None = None

    def at(self, time: datetime) -> float:
        if self._time is not None:
            passed_s = max(0.0, (time - self._time).total_seconds())
            keep = math.exp(-passed_s / self._tau_s)
            push = math.sqrt(1.0 - keep * keep) * float(self._rng.standard_normal())
            self._value = keep * self._value + push
        self._time = time
        return self._value


class DrawnCamera:
    """Draws what a copter's camera sees of a park; a `drone.cameras.rendered.Renderer`.

    Args:
        renderer: of the park.
        frame: of the park.
        camera: the colour camera that it draws for.
        noise: how wrong the recorded poses are.
        seed: of the errors.
        on_picture: told of each picture: true pose, true lens, time.
    """

    def __init__(
        self,
        renderer: Draws,
        frame: LocalFrame,
        camera: MadeCameras,
        noise: SensorNoise,
        seed: int,
        on_picture: Callable[[CameraPose, Intrinsics, datetime], None],
    ) -> None:
        rng = np.random.default_rng([seed, 0xD7A3])
        self._renderer, self._frame, self._noise = renderer, frame, noise
        self._on_picture = on_picture
        (self.camera,) = replace(camera, rgb=True, thermal=False).listed(noise.focal_share)
        scale = 1.0 + noise.focal_share * float(np.clip(rng.standard_normal(), -3.0, 3.0))
        self._lens = true_lens(self.camera.intrinsics(), scale)
        taus = (POSITION_TAU_S, POSITION_TAU_S, HEIGHT_TAU_S, *(ATTITUDE_TAU_S,) * 3)
        self._errors = tuple(_Wander(rng, tau_s) for tau_s in taus)

    def render(self, pose: CameraPose, time: datetime) -> NDArray[np.uint8]:
        """Return the picture: uint8 BGR, shape (height, width, 3)."""
        true = self.true_pose(pose, time)
        rgb = self._renderer.rgb(true, self._lens, time)
        self._on_picture(true, self._lens, time)
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)

    def true_pose(self, pose: CameraPose, time: datetime) -> CameraPose:
        """Return where the camera is when its recorded pose is this; to be asked in order."""
        noise = self._noise
        east, north, up, yaw, pitch, roll = (error.at(time) for error in self._errors)
        east_m, north_m = self._frame.to_en_m(pose.lat_deg, pose.lon_deg)
        lat_deg, lon_deg = self._frame.to_lat_lon(
            east_m - noise.horizontal_m * east, north_m - noise.horizontal_m * north
        )
        height_m = max(_LOWEST_M, pose.alt_home_m - noise.vertical_m * up)
        return CameraPose(
            lat_deg,
            lon_deg,
            height_m,
            pose.alt_amsl_m,
            pose.yaw_deg - noise.yaw_deg * yaw,
            pose.pitch_deg - noise.pitch_deg * pitch,
            pose.roll_deg - noise.roll_deg * roll,
        )
