"""The axes of a camera, as the project's camera model (`vision.camera`) has them.

Written here a second time, from the conventions of `park.records`: what is drawn tests what is
located, and two that share code would share its mistakes. The tests hold one to the other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def camera_axes(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Return the camera's axes right, down, forward as rows, in east, north, up.

    Args:
        yaw_deg: heading, clockwise from true north.
        pitch_deg: 0 at the horizon, -90 straight down.
        roll_deg: positive when the right side goes down.
    """
    yaw, pitch, roll = (math.radians(v) for v in (yaw_deg, pitch_deg, roll_deg))
    forward = np.array(
        [math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)]
    )
    level = np.array([math.cos(yaw), -math.sin(yaw), 0.0])
    over = np.cross(level, forward)
    right = level * math.cos(roll) - over * math.sin(roll)
    down = -(over * math.cos(roll) + level * math.sin(roll))
    return np.stack([right, down, forward])
