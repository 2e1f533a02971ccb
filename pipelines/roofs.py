"""What is seen on a building does not stand on the ground behind it.

A line of sight that meets a roof or a wall is placed on the ground by its pose alone: several
metres off, further for higher buildings and flatter views. Where the site file has outline and
height of what stands there, this is found out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.records import GroundPoint, PosedView, View
from park.site import Site

_LEAST_HEIGHT_M = 2.0
"""Lower buildings shift what is on them by less than places are off."""
_WALL_M = 1.0
"""What stands before a wall may be placed this far behind it on top of its error: by its height."""


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


@dataclass(frozen=True, slots=True)
class _Building:
    name: str
    outline: BaseGeometry
    height_m: float
    open_below: bool


class Roofs:
    """The buildings of a site and its assets that stand up, by outline and height.

    Args:
        site: whose buildings and assets.
    """

    def __init__(self, site: Site) -> None:
        self._frame = site.frame
        project = site.frame.project_geometry
        high = [
            _Building(
                one.id or (one.name.text() if one.name else f"{one.height_m:g} m high"),
                project(one.geometry),
                one.height_m,
                one.open_below,
            )
            for one in site.buildings
        ] + [
            _Building(
                one.id or (one.name.text() if one.name else one.asset_class),
                project(one.geometry),
                one.height_m,
                open_below=False,
            )
            for one in site.assets
            if one.height_m is not None and shapely.get_dimensions(one.geometry) == 2
        ]
        self._buildings = [one for one in high if one.height_m >= _LEAST_HEIGHT_M]
        self._tree = shapely.STRtree([one.outline for one in self._buildings])

    def seen(self, view: View | None, place: GroundPoint) -> BuildingSeen | None:
        """Return the building that is surely seen at a place, None where it is the ground.

        Surely means further inside the outline, or further behind the wall, than the place may
        be off. Views of known corners have no camera, and see no buildings.

        Args:
            view: of the frame.
            place: what was placed on the ground.
        """
        if not self._buildings or not isinstance(view, PosedView) or view.pose.alt_home_m <= 0.0:
            return None
        camera = np.array(self._frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg))
        ground = np.array(self._frame.to_en_m(place.lat_deg, place.lon_deg))
        sight = shapely.linestrings(np.stack((camera, ground)))
        best: BuildingSeen | None = None
        for number in self._tree.query(sight, predicate="intersects").tolist():
            found = _met(
                self._buildings[number], camera, view.pose.alt_home_m, ground, place.error_m
            )
            if found is not None and (best is None or found.depth_m > best.depth_m):
                best = found
        return best


def _met(
    building: _Building, camera: FloatArray, alt_m: float, ground: FloatArray, error_m: float
) -> BuildingSeen | None:
    """Return what of a building a line of sight surely meets; None where it passes it by."""
    # The line falls evenly from the camera's height to the ground; below the roof's height it
    # runs over this stretch of the map.
    share = max(0.0, 1.0 - building.height_m / alt_m)
    here = camera + share * (ground - camera)
    point = shapely.points(here)
    if share > 0.0 and building.outline.contains(point):
        depth_m = float(building.outline.boundary.distance(point))
        if depth_m <= error_m:
            return None
        return BuildingSeen(building.name, BuildingPart.ROOF, depth_m)
    if building.open_below:
        return None
    stretch = shapely.LineString(np.stack((here, ground)))
    inside = stretch.intersection(building.outline)
    if inside.is_empty:
        return None
    behind_m = float(stretch.length - inside.distance(point))
    if behind_m <= error_m + _WALL_M:
        return None
    return BuildingSeen(building.name, BuildingPart.WALL, behind_m)
