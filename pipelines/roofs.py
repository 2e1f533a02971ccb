"""What is seen on a roof does not stand on the ground behind the building.

A line of sight that passes through a roof is placed on the ground by its pose alone: several
metres off, further for higher roofs and flatter views. Where the site file has the building's
outline and height, this is found out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from park.records import GroundPoint, PosedView, View
from park.site import Site

_LEAST_HEIGHT_M = 2.0
"""Lower buildings shift what is on them by less than places are off."""


@dataclass(frozen=True, slots=True)
class RoofSeen:
    """A roof that a line of sight passes through.

    Attributes:
        building: its name for people.
        depth_m: how far inside its outline the line meets the roof.
    """

    building: str
    depth_m: float


class Roofs:
    """The buildings of a site, by outline and height.

    Args:
        site: whose buildings.
    """

    def __init__(self, site: Site) -> None:
        self._frame = site.frame
        high = [one for one in site.buildings if one.height_m >= _LEAST_HEIGHT_M]
        self._names = [
            one.id or (one.name.text() if one.name else f"{one.height_m:g} m high") for one in high
        ]
        self._heights_m = np.array([one.height_m for one in high])
        self._outlines: list[BaseGeometry] = [
            site.frame.project_geometry(one.geometry) for one in high
        ]
        self._tree = shapely.STRtree(self._outlines)

    def seen(self, view: View | None, place: GroundPoint) -> RoofSeen | None:
        """Return the roof that is surely seen at a place, None where it is the ground.

        Surely means further inside the outline than the place may be off. Views of known
        corners have no camera, and see no roofs.

        Args:
            view: of the frame.
            place: what was placed on the ground.
        """
        if not self._outlines or not isinstance(view, PosedView) or view.pose.alt_home_m <= 0.0:
            return None
        camera = np.array(self._frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg))
        ground = np.array(self._frame.to_en_m(place.lat_deg, place.lon_deg))
        sight = shapely.linestrings(np.stack((camera, ground)))
        best: RoofSeen | None = None
        for number in self._tree.query(sight, predicate="intersects").tolist():
            height_m = float(self._heights_m[number])
            if height_m >= view.pose.alt_home_m:
                continue
            # The line falls evenly from the camera's height to the ground.
            share = 1.0 - height_m / view.pose.alt_home_m
            here = shapely.points(camera + share * (ground - camera))
            outline = self._outlines[number]
            depth_m = (
                float(outline.boundary.distance(here)) if outline.contains(here) else -math.inf
            )
            if depth_m > place.error_m and (best is None or depth_m > best.depth_m):
                best = RoofSeen(self._names[number], depth_m)
        return best
