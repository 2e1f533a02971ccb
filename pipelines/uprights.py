"""What stands up on a site with walls: its buildings, and equipment whose height is known."""

from __future__ import annotations

from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from park.site import Site


@dataclass(frozen=True, slots=True)
class Upright:
    """Something of a site that stands up with walls.

    Attributes:
        name: for people.
        geometry: its outline, WGS84, longitude first.
        height_m: of its top above the ground.
        open_below: whether one sees in below its top.
        is_asset: whether it is equipment, and no building.
    """

    name: str
    geometry: BaseGeometry
    height_m: float
    open_below: bool = False
    is_asset: bool = False


def uprights(site: Site) -> tuple[Upright, ...]:
    """Return the buildings of a site, and its assets whose outline and height are known."""
    buildings = [
        Upright(
            one.id or (one.name.text() if one.name else f"{one.height_m:g} m high"),
            one.geometry,
            one.height_m,
            one.open_below,
        )
        for one in site.buildings
    ]
    assets = [
        Upright(
            one.id or (one.name.text() if one.name else one.asset_class),
            one.geometry,
            one.height_m,
            is_asset=True,
        )
        for one in site.assets
        if one.height_m is not None and shapely.get_dimensions(one.geometry) == 2
    ]
    return (*buildings, *assets)
