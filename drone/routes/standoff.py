"""Places from which the camera sees something at the angle that was asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely

from drone.routes.flyable import Flyable
from park.geodesy import FloatArray

_BEARINGS = 24
_FURTHER = (1.0, 1.3, 1.7, 2.2, 3.0)
MAX_RANGE_M = 250.0
"""A place further than this from what it looks at is no look at it, metres."""


@dataclass(frozen=True, slots=True)
class Standoffs:
    """Places that see one thing, all of them flyable.

    Attributes:
        xy: in metres of the site's frame, shape (N, 2).
        pitch_deg: camera angle at each.
        away_m: from the place where the drone comes from, each.
        moved: whether the angle that was asked for was not possible.
    """

    xy: FloatArray
    pitch_deg: FloatArray
    away_m: FloatArray
    moved: bool

    def nearest(self) -> int:
        """Return which is the nearest to where the drone comes from."""
        return int(np.argmin(self.away_m))

    def notes(self, what: str) -> tuple[str, ...]:
        """Return what to say about them."""
        if not self.moved:
            return ()
        pitch = self.pitch_deg[self.nearest()]
        words = f"{what} is looked at from {-pitch:.0f} degrees above the horizon, not as asked"
        return (f"{words}: nearer places may not be flown",)


def standoff_points(
    ground: Flyable,
    target: tuple[float, float],
    extent_m: float,
    pitch_deg: float,
    *,
    towards: tuple[float, float],
) -> Standoffs | None:
    """Return the places from which a target on the ground is seen; None where there are none.

    Places at the angle asked for come first; only where none of them may be flown, places
    further off, where the camera looks flatter.

    Args:
        ground: where to fly, and how high.
        target: in metres of the site's frame.
        extent_m: radius of the thing, kept free where it is not looked at straight down.
        pitch_deg: camera angle that is asked for.
        towards: where the drone comes from, in metres of the frame.
    """
    centre, origin = np.array(target), np.array(towards)
    if not ground.site.boundary_m.covers(shapely.Point(target)):
        return None
    height = ground.alt_agl_m
    asked = 0.0 if pitch_deg <= -89.5 else height / math.tan(math.radians(max(-pitch_deg, 10.0)))
    ahead = math.atan2(*(origin - centre)[::-1]) if np.any(origin != centre) else 0.0
    turns = ahead + np.arange(_BEARINGS) * 2.0 * math.pi / _BEARINGS
    around = np.column_stack((np.cos(turns), np.sin(turns)))
    for step, factor in enumerate(_FURTHER):
        reach = asked * factor + (extent_m if asked else 0.0)
        if not asked and step:
            reach = extent_m + 0.5 * height * factor
        if reach > MAX_RANGE_M:
            break
        places = centre[None, :] if reach == 0.0 else centre + reach * around
        good = shapely.covers(ground.area, shapely.points(places))
        if good.any():
            xy = places[good]
            flat = np.hypot(*(xy - centre).T)
            pitch = np.maximum(-np.degrees(np.arctan2(height, np.maximum(flat, 1e-9))), -90.0)
            return Standoffs(xy, pitch, np.hypot(*(xy - origin).T), step > 0)
    return None
