"""How well each source of a camera pose is known: every default uncertainty, in one place.

All values are one standard deviation. They are deliberately on the cautious side: an error
bound that is too small sends people to the wrong place, one that is too large only costs them
a wider look.
"""

from __future__ import annotations

import math

from park.records import PoseSigma

GNSS_HORIZONTAL_M = 2.0
"""Per axis, single-frequency multi-constellation receiver under open sky (1.5 to 2.5 m)."""

COARSE_DIGITS_HORIZONTAL_M = 4.0
"""Per axis, where coordinates carry four decimals: a step of 11 m (uniform, 11 / sqrt(12) = 3.2
m) on top of the receiver's own error."""

RTK_HORIZONTAL_M = 0.05
"""Per axis, real-time kinematic fix whose own figures are not recorded."""

RTK_VERTICAL_M = 0.5
"""Height above the ground with an RTK fix: the fix is good to centimetres, but the ground is
taken as flat at take-off height."""

BAROMETER_M = 1.2
"""Barometric height above take-off, the part that does not depend on height (drift)."""

BAROMETER_RELATIVE = 0.015
"""Barometric height, the part that grows with height (temperature of the air column)."""

GNSS_ALTITUDE_M = 10.0
"""Height from an altitude above sea level less the take-off altitude: vertical GNSS error and
the doubt which datum the camera means (ellipsoid or geoid)."""

ASSUMED_HEIGHT_M = 60.0
"""Height above the ground taken where nothing is recorded: the middle of usual patrol heights."""

ASSUMED_HEIGHT_SIGMA_M = 30.0
"""And how badly that is known (30 to 120 m is within two of these)."""

GIMBAL_YAW_DEG = 2.0
"""Heading of a gimbal: compass and declination."""

GIMBAL_TILT_DEG = 0.7
"""Pitch and roll of a stabilised gimbal."""

RTK_YAW_DEG = 1.0
"""Heading where an RTK module is fitted (better compass calibration, dual antennas on some)."""

VEHICLE_YAW_DEG = 5.0
"""Heading of the vehicle used for a camera that does not record its own."""

ASSUMED_TILT_DEG = 15.0
"""Pitch and roll where "straight down" is an assumption."""

UNKNOWN_YAW_DEG = 180.0 / math.sqrt(3.0)
"""Heading where none is recorded: the standard deviation of a direction that is uniform over
the circle, 103.9 degrees. Course over ground is not heading (a copter flies sideways), so it is
not used. With this a point's error grows to more than its distance from the point below the
camera: only what is near the centre of the picture is known well, which is the truth."""

UNKNOWN_LENS_SIGMA = 0.25
"""Relative error of the focal length where the lens is an assumption."""

ASSUMED_HFOV_DEG = 73.7
"""Horizontal field of view of a 24 mm equivalent lens (84 degrees over the diagonal) on a 4:3
sensor read out over its full width; what most drones of the last years carry as main camera."""

CORNER_SIGMA_M = 2.0
"""Per axis, ground corners picked on a map or an orthophoto."""


def barometric_height_sigma_m(height_m: float) -> float:
    """Return how well a barometric height above take-off is known.

    Args:
        height_m: the height itself, metres.

    Returns:
        One standard deviation in metres: a constant and a relative part, added in squares.
    """
    return math.hypot(BAROMETER_M, BAROMETER_RELATIVE * height_m)


def straight_down_sigma(horizontal_m: float, vertical_m: float) -> PoseSigma:
    """Return the uncertainty of a camera that is only assumed to look straight down.

    Args:
        horizontal_m: position per axis, metres.
        vertical_m: height above the ground, metres.

    Returns:
        Heading unknown, pitch and roll badly known.
    """
    return PoseSigma(horizontal_m, vertical_m, UNKNOWN_YAW_DEG, ASSUMED_TILT_DEG, ASSUMED_TILT_DEG)
