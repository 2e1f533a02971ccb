"""Whether a thing that was followed has moved, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from park.geodesy import FloatArray

LEAST_MOVE_M = 3.0
"""Less than this is not called movement: boxes wander by as much on one car."""

_SPEED_OVER_S = 1.0


@dataclass(frozen=True, slots=True)
class Motion:
    """How a thing moved while it was followed.

    Attributes:
        moving: whether it went further than the errors of its places explain.
        speed_mps: median speed over ground; None for one observation.
    """

    moving: bool
    speed_mps: float | None


def motion_of(
    times_s: FloatArray, places_m: FloatArray, errors_m: FloatArray, sizes_m: FloatArray
) -> Motion:
    """Return how a thing moved.

    It moved when the medians of its places in any two of the thirds of its track are further
    apart than 3 m and than the two errors together with half of what its sizes differ by (root
    of the sum of squares): of a lorry, one box shows all, and the next its cab. Errors of one
    video are mostly common to its frames and cancel in the difference, so that a standing
    thing reaches this far less often than the one time in three that independent errors would.

    Args:
        times_s: ascending, shape (N,).
        places_m: east and north, shape (N, 2).
        errors_m: 68 % radius of each place, shape (N,).
        sizes_m: of its boxes on the ground, as many as are known.
    """
    count = len(times_s)
    if count < 2 or times_s[-1] <= times_s[0]:
        return Motion(False, None)
    parts = np.array_split(np.arange(count), min(3, count))
    middles = [np.median(places_m[part], axis=0) for part in parts]
    errors = [float(np.median(errors_m[part])) for part in parts]
    part_m = float(np.ptp(sizes_m)) / 2.0 if len(sizes_m) else 0.0
    moving = False
    for i in range(len(parts)):
        for j in range(i):
            far_m = float(np.linalg.norm(middles[i] - middles[j]))
            moving |= far_m > max(LEAST_MOVE_M, math.hypot(errors[i], errors[j], part_m))
    return Motion(moving, _median_speed(times_s, places_m))


def _median_speed(times_s: FloatArray, places_m: FloatArray) -> float:
    """Return the median speed over steps of about a second, or the whole where it is shorter."""
    later = np.searchsorted(times_s, times_s + _SPEED_OVER_S - 1e-6)
    starts = np.flatnonzero(later < len(times_s))
    if len(starts) == 0:
        starts, later = np.array([0]), np.full(len(times_s), len(times_s) - 1)
    steps_m = np.linalg.norm(places_m[later[starts]] - places_m[starts], axis=1)
    return float(np.median(steps_m / (times_s[later[starts]] - times_s[starts])))
