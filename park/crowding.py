"""The ground that people who stand together take up."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray

_LEAST_ROOM_M = 0.5
_MOST_ROOM_M = 3.0


def ground_taken(en_m: FloatArray) -> BaseGeometry:
    """Return the ground that people take up, in the metres of their places.

    The convex hull of their places, widened by half the median distance from one to the next,
    0.5 to 3 m: everybody has as much room outwards as inwards.

    Args:
        en_m: where they stand, east and north, metres, shape (N, 2), N at least 1.
    """
    away_m = np.linalg.norm(en_m[:, None] - en_m[None], axis=-1)
    np.fill_diagonal(away_m, np.inf)
    apart_m = float(np.median(away_m.min(axis=1))) if len(en_m) > 1 else 0.0
    room_m = min(max(apart_m / 2.0, _LEAST_ROOM_M), _MOST_ROOM_M)
    return shapely.MultiPoint(en_m).convex_hull.buffer(room_m)
