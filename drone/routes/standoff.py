"""Places from which the camera sees something at the angle that was asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

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
        hidden: whether a building stands between each of them and the thing.
    """

    xy: FloatArray
    pitch_deg: FloatArray
    away_m: FloatArray
    moved: bool
    hidden: bool

    def nearest(self) -> int:
        """Return which is the nearest to where the drone comes from."""
        return int(np.argmin(self.away_m))

    def notes(self, what: str) -> tuple[str, ...]:
        """Return what to say about them."""
        said = []
        if self.moved:
            pitch = self.pitch_deg[self.nearest()]
            words = f"{what} is looked at from {-pitch:.0f} degrees above the horizon, not as asked"
            said.append(f"{words}: nearer places may not be flown, or do not see it")
        if self.hidden:
            said.append(f"{what} may be hidden behind a building; fly higher to be sure")
        return tuple(said)


def standoff_points(
    ground: Flyable,
    target: tuple[float, float],
    extent_m: float,
    pitch_deg: float,
    *,
    towards: tuple[float, float],
) -> Standoffs | None:
    """Return the places from which a target on the ground is seen; None where there are none.

    Places at the angle asked for come first; only where none of them may be flown, or buildings
    stand between, places further off, where the camera looks flatter.

    Args:
        ground: where to fly, and how high.
        target: in metres of the site's frame.
        extent_m: radius of the thing, kept free where it is not looked at straight down.
        pitch_deg: camera angle that is asked for.
        towards: where the drone comes from, in metres of the frame.
    """
    centre, origin = np.array(target), np.array(towards)
    height = ground.alt_agl_m
    down = pitch_deg <= -89.5
    asked = 0.0 if down else extent_m + height / math.tan(math.radians(max(-pitch_deg, 10.0)))
    ahead = math.atan2(*(origin - centre)[::-1])
    turns = ahead + np.arange(_BEARINGS) * 2.0 * math.pi / _BEARINGS
    around = np.column_stack((np.cos(turns), np.sin(turns)))
    hidden: Standoffs | None = None
    for step, factor in enumerate(_FURTHER):
        reach = extent_m + 0.5 * height * factor if down and step else asked * factor
        if reach > MAX_RANGE_M:
            break
        places = centre[None, :] if reach == 0.0 else centre + reach * around
        xy = places[shapely.covers(ground.area, shapely.points(places))]
        if not len(xy):
            continue
        clear = xy[~_blocked(ground, xy, centre)]
        found = _standoffs(
            clear if len(clear) else xy, centre, origin, height, step, not len(clear)
        )
        if len(clear):
            return found
        hidden = hidden or found
    return hidden


def _standoffs(
    xy: FloatArray, centre: FloatArray, origin: FloatArray, height: float, step: int, hidden: bool
) -> Standoffs:
    flat = np.hypot(*(xy - centre).T)
    pitch = np.where(flat < 0.01, -90.0, -np.degrees(np.arctan2(height, np.maximum(flat, 0.01))))
    return Standoffs(xy, pitch, np.hypot(*(xy - origin).T), step > 0, hidden)


def _blocked(ground: Flyable, xy: FloatArray, centre: FloatArray) -> NDArray[np.bool_]:
    """Return whether a building stands in the way of the view from each place to the target.

    The line of sight falls evenly from the flight height to the ground at the target, so over a
    building it is lowest where the building is nearest to the target.
    """
    blocked = np.zeros(len(xy), dtype=bool)
    target = shapely.Point(centre)
    around = target.buffer(float(np.hypot(*(xy - centre).T).max()) + 1.0)
    sight = shapely.linestrings(np.stack((xy, np.broadcast_to(centre, xy.shape)), axis=1))
    far = np.maximum(np.hypot(*(xy - centre).T), 0.01)
    for building in ground.site.buildings:
        outline = ground.frame.project_geometry(building.geometry)
        if not outline.intersects(around) or outline.intersects(target):
            continue
        crossed = shapely.intersects(sight, outline)
        nearest = shapely.distance(shapely.intersection(sight, outline), target)
        over = ground.alt_agl_m * np.nan_to_num(nearest) / far
        blocked |= crossed & (over < building.height_m)
    return blocked
