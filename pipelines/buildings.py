"""What is seen on a building does not stand on the ground behind it.

A line of sight that meets a roof or a wall is placed on the ground by its pose alone: several
metres off, further for higher buildings and flatter views. Where the site file has outline and
height of what stands there, this is found out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import shapely
import shapely.ops
from shapely.geometry.base import BaseGeometry

from park.records import GroundPoint, Observation, PosedView, View
from park.site import Site
from park.taxonomy import class_key
from pipelines.equipment import Equipment
from pipelines.uprights import Upright, uprights
from vision.observe import FrameObservations
from vision.overview import DroppedDetection

_LEAST_HEIGHT_M = 2.0
"""Lower buildings shift what is on them by less than places are off."""
_WALL_M = 1.0
"""What stands before a wall may be placed this far behind it on top of its error: by its height."""
_MISSED_BY = 2.0
"""Standard deviations by which a line of sight to something hot may pass it by."""
_FAR_M = 10.0
"""From so far off it is not known whether heat is on a building or on what stands behind it."""

_ON_BUILDINGS = frozenset({"flame", "smoke", "smoke_plume"})
_HOT = frozenset({"flame", "hotspot"})


class BuildingPart(StrEnum):
    """Which part of a building a line of sight meets."""

    ROOF = "roof"
    WALL = "wall"


@dataclass(frozen=True, slots=True)
class BuildingSeen:
    """A building that a line of sight meets.

    Attributes:
        building: its name for people.
        part: what of it.
        depth_m: of a roof, how far inside its outline the line meets it; of a wall, how far
            behind it the line meets the ground.
    """

    building: str
    part: BuildingPart
    depth_m: float


class Buildings:
    """What stands up on a site, and what a camera sees of it.

    Args:
        site: whose buildings and assets.
    """

    def __init__(self, site: Site) -> None:
        self._frame = site.frame
        self._uprights = [one for one in uprights(site) if one.height_m >= _LEAST_HEIGHT_M]
        self._outlines_m = [site.frame.project_geometry(one.geometry) for one in self._uprights]
        self._tree = shapely.STRtree(self._outlines_m)
        self.known_equipment = Equipment(site)

    def seen(self, view: View | None, place: GroundPoint) -> BuildingSeen | None:
        """Return the building that is surely seen at a place, None where it is the ground.

        Surely means further inside the outline, or further behind the wall, than the place may
        be off. Views of known corners have no camera, and see no buildings.

        Args:
            view: of the frame.
            place: what was placed on the ground.
        """
        best: BuildingSeen | None = None
        for crossing in self._crossings(view, place):
            found = _met(crossing, place.error_m)
            if found is not None and (best is None or found.depth_m > best.depth_m):
                best = found
        return best

    def surface(self, view: View | None, place: GroundPoint) -> GroundPoint | None:
        """Return where a line of sight first meets a roof or a wall; None where it is the ground.

        Args:
            view: of the frame.
            place: where the line meets the ground.
        """
        met = [_first_met(crossing) for crossing in self._crossings(view, place)]
        places_m = [one for one in met if one is not None]
        if not places_m:
            return None
        ground = shapely.Point(self._frame.to_en_m(place.lat_deg, place.lon_deg))
        first = max(places_m, key=ground.distance)
        lat_deg, lon_deg = self._frame.to_lat_lon(first.x, first.y)
        return replace(place, lat_deg=lat_deg, lon_deg=lon_deg)

    def equipment(self, view: View | None, place: GroundPoint) -> GroundPoint | None:
        """Return where a line of sight comes nearest to equipment; None where it misses all.

        It misses what it passes by further than twice what the place may be off, and what surely
        stands behind something else. Of several, that which it passes by least is meant, and of
        those that it meets the one over whose middle it comes down to the top.

        Args:
            view: of the frame.
            place: where the line meets the ground.
        """
        ground = shapely.Point(self._frame.to_en_m(place.lat_deg, place.lon_deg))
        within_m = _MISSED_BY * place.error_m
        crossings = list(self._crossings(view, place, within_m))
        hidden_beyond_m = max(
            (
                ground.distance(met)
                for one in crossings
                if _surely_hides(one, within_m) and (met := _first_met(one)) is not None
            ),
            default=-math.inf,
        )
        best: tuple[float, float, shapely.Point] | None = None
        for one in crossings:
            miss_m = float(one.stretch.distance(one.outline_m))
            if not one.upright.is_asset or miss_m > within_m:
                continue
            nearest = _first_met(one) or shapely.ops.nearest_points(one.outline_m, one.stretch)[0]
            if ground.distance(nearest) < hidden_beyond_m - within_m:
                continue
            aside_m = float(one.enters.distance(one.outline_m.centroid))
            if best is None or (miss_m, aside_m) < best[:2]:
                best = (miss_m, aside_m, nearest)
        if best is None:
            return None
        lat_deg, lon_deg = self._frame.to_lat_lon(best[2].x, best[2].y)
        return replace(place, lat_deg=lat_deg, lon_deg=lon_deg)

    def _crossings(
        self, view: View | None, place: GroundPoint, aside_m: float = 0.0
    ) -> Iterator[_Crossing]:
        if not self._uprights or not isinstance(view, PosedView) or view.pose.alt_home_m <= 0.0:
            return
        camera_m = np.array(self._frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg))
        ground_m = np.array(self._frame.to_en_m(place.lat_deg, place.lon_deg))
        sight = shapely.linestrings(np.stack((camera_m, ground_m)))
        for number in self._tree.query(sight, predicate="dwithin", distance=aside_m).tolist():
            one = self._uprights[number]
            share = max(0.0, 1.0 - one.height_m / view.pose.alt_home_m)
            enters_m = camera_m + share * (ground_m - camera_m)
            yield _Crossing(
                one,
                self._outlines_m[number],
                shapely.Point(*enters_m),
                shapely.LineString(np.stack((enters_m, ground_m))),
                share > 0.0,
            )


@dataclass(frozen=True, slots=True)
class _Crossing:
    """A line of sight over something that stands up, on the map.

    The line falls evenly from the camera's height to the ground. Where it comes down to the top
    of what stands there, it enters; from there to the ground runs the stretch on which it may
    meet a wall.
    """

    upright: Upright
    outline_m: BaseGeometry
    enters: shapely.Point
    stretch: shapely.LineString
    from_above: bool


def _met(crossing: _Crossing, error_m: float) -> BuildingSeen | None:
    """Return what of a building a line of sight surely meets; None where it passes it by."""
    outline_m, name = crossing.outline_m, crossing.upright.name
    # From below its top, no roof is seen.
    if crossing.from_above and outline_m.contains(crossing.enters):
        depth_m = float(outline_m.boundary.distance(crossing.enters))
        return BuildingSeen(name, BuildingPart.ROOF, depth_m) if depth_m > error_m else None
    if crossing.upright.open_below:
        return None
    inside = crossing.stretch.intersection(outline_m)
    if inside.is_empty:
        return None
    behind_m = float(crossing.stretch.length - inside.distance(crossing.enters))
    if behind_m <= error_m + _WALL_M:
        return None
    return BuildingSeen(name, BuildingPart.WALL, behind_m)


def _surely_hides(crossing: _Crossing, error_m: float) -> bool:
    """Return whether a line of sight cannot pass by, not even over the top of a wall."""
    met = _met(crossing, error_m)
    if met is None or met.part is BuildingPart.ROOF:
        return met is not None
    inside = crossing.stretch.intersection(crossing.outline_m)
    return bool(inside.distance(crossing.enters) > error_m)


def _first_met(crossing: _Crossing) -> shapely.Point | None:
    """Return where a line of sight meets a roof or a wall; None where it passes both by."""
    if crossing.outline_m.contains(crossing.enters):
        return crossing.enters
    inside = crossing.stretch.intersection(crossing.outline_m)
    if inside.is_empty or crossing.upright.open_below:
        return None
    return shapely.ops.nearest_points(inside, crossing.enters)[0]


def without_buildings(seen: FrameObservations, buildings: Buildings) -> FrameObservations:
    """Return what was seen in a frame less what is on roofs and walls, which is listed as dropped.

    On the ground behind the building, where its pose places it, it is not. Nor is equipment of the
    site a vehicle. Flame and smoke are
    kept: a roof or a front may burn, though its place is off then.
    """
    kept: list[Observation] = []
    dropped = list(seen.dropped)
    for one in seen.kept:
        met = None
        if one.place is not None and class_key(one.class_name) not in _ON_BUILDINGS:
            met = buildings.seen(seen.frame.view, one.place)
        if met is not None:
            dropped.append(DroppedDetection.of(one, f"on a {met.part}"))
        elif buildings.known_equipment.is_seen_as(one, seen.frame.view):
            dropped.append(DroppedDetection.of(one, "known equipment"))
        else:
            kept.append(one)
    return replace(seen, kept=tuple(kept), dropped=tuple(dropped))


def with_heat_where_it_is(seen: FrameObservations, buildings: Buildings) -> FrameObservations:
    """Return what was seen in a frame, with heat placed on the equipment or building that it is on.

    Transformers are hot at their tops: on the ground behind them, where a flat line of sight ends,
    the same spot would be somewhere else from every side. A hot spot is that of the equipment
    which is as near to its line of sight as that may be off.
    """
    kept: list[Observation] = []
    dropped = list(seen.dropped)
    for one in seen.kept:
        met = None
        if one.place is not None and class_key(one.class_name) in _HOT:
            met = buildings.equipment(seen.frame.view, one.place) if _is_hotspot(one) else None
            if met is None:
                met = buildings.surface(seen.frame.view, one.place)
                if met is not None and _is_hotspot(one) and one.place.error_m > _FAR_M:
                    dropped.append(DroppedDetection.of(one, "heat at the edge of a building"))
                    continue
        kept.append(one if met is None else replace(one, place=met))
    return replace(seen, kept=tuple(kept), dropped=tuple(dropped))


def _is_hotspot(one: Observation) -> bool:
    """Return whether it is heat of what is built to run, which the assets are, and no fire."""
    return class_key(one.class_name) == "hotspot"
