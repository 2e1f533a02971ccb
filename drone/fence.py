"""The fence that the vehicle itself watches: the boundary, the no-fly areas, and a ceiling.

The vehicle acts on its fence whatever this program does, so it lies inside the boundary and
outside every leg, and every way home: a fence that cuts the flight would end it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from drone.airspace import Airspace
from drone.obstacles import ObstacleKind
from drone.records import Fence
from park.errors import AirspaceError
from park.geodesy import FloatArray, LocalFrame

MAX_VERTICES = 70
"""Most corners of an outline; ArduCopter's smallest boards hold about that many in all."""

CEILING_ROOM_M = 10.0
"""How far the ceiling lies above the highest flight. ArduCopter holds its return 2 m
(FENCE_MARGIN) below the ceiling."""

_FENCE_MARGIN_M = 2.0
_LEAST_ROOM_M = 3.0
_EXCLUSION_LOOSE_M = 1.0
_TRIES = 12


def make_fence(
    airspace: Airspace,
    flown: Sequence[BaseGeometry],
    *,
    home: FloatArray,
    highest_z_m: float,
) -> tuple[Fence, tuple[str, ...]]:
    """Return the fence around a plan, and what it had to leave out.

    Args:
        airspace: the site's.
        flown: ground plans of all legs and ways home, metres.
        home: the dock, shape (3,); the ceiling is above it.
        highest_z_m: highest flight, in the terrain's datum.

    Returns:
        The fence and sentences about what it does not hold, for the plan's assumptions.

    Raises:
        AirspaceError: the flight lies in more than one part of the site.
    """
    plans = np.array(flown, object)
    part = _part_around(airspace, plans)
    notes: list[str] = []
    outline = inside_outline(part, plans, airspace.limits.boundary_margin_m)
    if len(outline.exterior.coords) - 1 > MAX_VERTICES:
        notes.append(
            f"the fence has {len(outline.exterior.coords) - 1} corners, more than the "
            f"{MAX_VERTICES} that every autopilot holds; the upload is read back and compared"
        )
    holes = [Polygon(ring) for ring in part.interiors]
    areas = [*_no_fly_areas(airspace, plans, outline, notes), *holes]
    ceiling = highest_z_m - float(home[2]) + CEILING_ROOM_M
    if airspace.ground.is_level:
        least = highest_z_m - float(home[2]) + _LEAST_ROOM_M
        ceiling = min(ceiling, max(airspace.limits.max_alt_agl_m, least))
    frame = airspace.site.frame
    fence = Fence(
        inclusion=_corners(frame, outline),
        exclusions=tuple(_corners(frame, area) for area in areas),
        alt_max_home_m=ceiling,
    )
    return fence, tuple(notes)


def _part_around(airspace: Airspace, plans: NDArray[np.object_]) -> Polygon:
    for part in shapely.get_parts(airspace.site.boundary_m):
        if isinstance(part, Polygon) and shapely.covers(part, plans).all():
            return part
    raise AirspaceError(
        f"the flight lies in more than one part of site {airspace.site.id!r}; a fence has one "
        "outline, so plan the parts one by one"
    )


def inside_outline(
    part: Polygon, plans: NDArray[np.object_], margin_m: float, most: int = MAX_VERTICES
) -> Polygon:
    """Return a simple outline within an area and around all that is flown in it.

    Shrunk by d and simplified by d, an outline stays within the area; d grows until there are
    few enough corners, as long as it still goes around the flight. Where it cannot have few
    enough, it has as few as it can.

    Args:
        part: the area, metres.
        plans: ground plans that have to stay within the outline.
        margin_m: how far inside the area they are.
        most: corners to come down to.
    """
    solid = Polygon(part.exterior)
    best = solid
    shrink = margin_m / 8.0
    room = min(_FENCE_MARGIN_M, margin_m / 2.0)
    for _ in range(_TRIES):
        if len(best.exterior.coords) - 1 <= most:
            break
        shrunk = solid.buffer(-shrink, join_style="mitre").simplify(shrink * 0.98)
        fitting = [
            area
            for area in shapely.get_parts(shrunk)
            if shapely.covers(area.buffer(-room), plans).all() and solid.covers(area)
        ]
        if not fitting:
            break
        if len(fitting[0].exterior.coords) < len(best.exterior.coords):
            best = Polygon(fitting[0].exterior)
        shrink *= 1.5
    return best


def _no_fly_areas(
    airspace: Airspace, plans: NDArray[np.object_], outline: Polygon, notes: list[str]
) -> list[Polygon]:
    """Return the outlines of no-fly areas that the flight does not pass above or below."""
    areas: list[Polygon] = []
    for obstacle in airspace.obstacles.obstacles:
        if obstacle.kind is not ObstacleKind.NO_FLY or not obstacle.outline.intersects(outline):
            continue
        grown = obstacle.outline.buffer(_EXCLUSION_LOOSE_M, join_style="mitre", mitre_limit=2.0)
        simple = grown.simplify(_EXCLUSION_LOOSE_M * 0.98)
        if shapely.intersects(simple, plans).any():
            simple = obstacle.outline
        if shapely.intersects(simple, plans).any():
            notes.append(
                f"{obstacle.label} is not in the vehicle's own fence, which knows no heights, "
                "because the route passes above or below it"
            )
            continue
        areas += [Polygon(piece.exterior) for piece in shapely.get_parts(simple)]
    return areas


def _corners(frame: LocalFrame, area: Polygon) -> tuple[tuple[float, float], ...]:
    places = np.array(area.exterior.coords)[:-1]
    lat, lon = frame.to_lat_lon(places[:, 0].copy(), places[:, 1].copy())
    return tuple((float(a), float(o)) for a, o in zip(lat, lon, strict=True))
