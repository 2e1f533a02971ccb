"""The simulated copter's own geofence: polygons, circles and a ceiling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import shapely
from shapely.geometry import Point, Polygon
from shapely.ops import nearest_points

from park.mission_item import MissionItem, MissionType
from sim_data.copter.craft import Craft
from sim_data.copter.mission_list import MissionList

ALT_MAX, CIRCLE, POLYGON = 1, 2, 4
"""Bits of FENCE_TYPE."""
BACKUP_M = 20.0
"""A ceiling or circle that was broken counts as broken anew this much farther out."""
_MAV_MAXALT, _MAV_BOUNDARY = 2, 3


@dataclass(frozen=True, slots=True)
class _Outlines:
    """Fences that were uploaded, in metres of the craft's frame."""

    include: tuple[Polygon, ...]
    exclude: tuple[Polygon, ...]

    def broken(self, east: float, north: float) -> bool:
        """Return whether a place is outside any outline to stay in, or in one to stay out of."""
        here = shapely.Point(east, north)
        return any(not area.covers(here) for area in self.include) or any(
            area.contains(here) for area in self.exclude
        )


class GeoFence:
    """What is watched, and what was broken.

    Args:
        craft: whose fence it is.
    """

    def __init__(self, craft: Craft) -> None:
        self._craft = craft
        self._read = -1
        self._outlines = _Outlines((), ())
        self.breaches = 0
        """Bits of FENCE_TYPE that are broken now."""
        self.breach_count = 0
        self.breach_type = 0
        self.breach_time_s = 0.0
        self._backup_alt = self._backup_circle = 0.0

    @property
    def enabled(self) -> bool:
        """Whether FENCE_ENABLE is set."""
        return self._craft.values["FENCE_ENABLE"] >= 1.0

    def _watched(self) -> int:
        return int(self._craft.values["FENCE_TYPE"])

    def _current(self) -> _Outlines:
        stored = self._craft.missions[MissionType.FENCE]
        if stored.changes != self._read:
            self._outlines = read_outlines(stored, self._craft)
            self._read = stored.changes
        return self._outlines

    def broken_now(self) -> int:
        """Return which fences the present place breaks, as bits of FENCE_TYPE."""
        craft, values, watched = self._craft, self._craft.values, self._watched()
        broken = 0
        if watched & ALT_MAX and craft.alt_home > values["FENCE_ALT_MAX"]:
            broken |= ALT_MAX
        if watched & CIRCLE and craft.home_distance_m() > values["FENCE_RADIUS"]:
            broken |= CIRCLE
        if watched & POLYGON and self._current().broken(craft.east, craft.north):
            broken |= POLYGON
        return broken

    def check(self) -> int:
        """Return which fences have newly been broken, as bits of FENCE_TYPE."""
        if not self.enabled or self._craft.home is None:
            self.breaches = 0
            return 0
        now = self.broken_now()
        new = now & ~self.breaches
        alt, away = self._craft.alt_home, self._craft.home_distance_m()
        if now & ALT_MAX and not new & ALT_MAX and alt > self._backup_alt:
            new |= ALT_MAX
        if now & CIRCLE and not new & CIRCLE and away > self._backup_circle:
            new |= CIRCLE
        if new & ALT_MAX:
            self._backup_alt = alt + BACKUP_M
        if new & CIRCLE:
            self._backup_circle = away + BACKUP_M
        self.breaches = now
        if new:
            self.breach_count += 1
            self.breach_time_s = self._craft.time_s
            self.breach_type = _MAV_MAXALT if new == ALT_MAX else _MAV_BOUNDARY
        return new

    def beyond_m(self) -> float:
        """Return how far outside the fence it is, the farthest of all that are broken."""
        craft, values, most = self._craft, self._craft.values, 0.0
        if self.breaches & ALT_MAX:
            most = max(most, craft.alt_home - values["FENCE_ALT_MAX"])
        if self.breaches & CIRCLE:
            most = max(most, craft.home_distance_m() - values["FENCE_RADIUS"])
        if self.breaches & POLYGON:
            here = Point(craft.east, craft.north)
            for area in self._current().include:
                most = max(most, area.distance(here))
            for area in self._current().exclude:
                if area.contains(here):
                    most = max(most, area.exterior.distance(here))
        return most

    def problem(self) -> str | None:
        """Return why arming is refused on the fence's account, or None."""
        if not self.enabled:
            return None
        craft, watched = self._craft, self._watched()
        if watched & (CIRCLE | POLYGON) and not craft.position_ok:
            return "fence requires position"
        if craft.values["FENCE_MARGIN"] > craft.values["FENCE_RADIUS"] and watched & CIRCLE:
            return "Invalid FENCE_MARGIN value"
        if craft.home is not None and self.broken_now():
            return "vehicle outside fence"
        return None

    def way_out(self, beyond_m: float) -> tuple[float, float, float] | None:
        """Return the nearest place `beyond_m` outside a watched fence, east, north, up.

        None when nothing is watched.
        """
        craft, values, watched = self._craft, self._craft.values, self._watched()
        here = Point(craft.body.east, craft.body.north)
        ways: list[tuple[float, tuple[float, float, float]]] = []
        if watched & POLYGON:
            for area in self._current().include:
                edge, _ = nearest_points(area.exterior, here)
                ways.append(_past(here, edge, beyond_m, craft.body.up, outwards=area.covers(here)))
            for area in self._current().exclude:
                edge, _ = nearest_points(area.exterior, here)
                inside = area.contains(here)
                ways.append(_past(here, edge, beyond_m, craft.body.up, outwards=not inside))
        if watched & CIRCLE:
            ways.append(self._past_circle(values["FENCE_RADIUS"] + beyond_m))
        if watched & ALT_MAX:
            up = craft.home_u + values["FENCE_ALT_MAX"] + beyond_m
            ways.append((up - craft.body.up, (here.x, here.y, up)))
        return min(ways)[1] if ways else None

    def _past_circle(self, reach_m: float) -> tuple[float, tuple[float, float, float]]:
        craft = self._craft
        east, north = craft.body.east - craft.home_e, craft.body.north - craft.home_n
        away = math.hypot(east, north)
        along = (east / away, north / away) if away > 0.1 else (1.0, 0.0)
        place = (craft.home_e + along[0] * reach_m, craft.home_n + along[1] * reach_m)
        return reach_m - away, (*place, craft.body.up)


def _past(
    here: Point, edge: Point, beyond_m: float, up: float, *, outwards: bool
) -> tuple[float, tuple[float, float, float]]:
    """Return how far it is to `beyond_m` past the edge of a fence, and the place there."""
    east, north = edge.x - here.x, edge.y - here.y
    away = math.hypot(east, north)
    if not outwards or away < 1e-6:
        return 0.0, (here.x, here.y, up)
    share = (away + beyond_m) / away
    return away + beyond_m, (here.x + east * share, here.y + north * share, up)


def read_outlines(stored: MissionList, craft: Craft) -> _Outlines:
    """Return the outlines of an uploaded fence; circles become polygons of 128 corners."""
    include: list[Polygon] = []
    exclude: list[Polygon] = []
    items = stored.items
    place = 0
    while place < len(items):
        item: MissionItem = items[place]
        side = include if item.command in {5001, 5003} else exclude
        if item.command in {5001, 5002}:
            corners = int(item.params[0])
            run = items[place : place + corners]
            side.append(Polygon([craft.to_local(c.x, c.y) for c in run]).buffer(0.0))
            place += corners
            continue
        if item.command in {5003, 5004}:
            middle = Point(*craft.to_local(item.x, item.y))
            side.append(middle.buffer(item.params[0], quad_segs=32))
        place += 1
    return _Outlines(tuple(include), tuple(exclude))
