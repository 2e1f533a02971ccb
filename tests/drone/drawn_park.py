"""Sites and routes drawn in metres, for tests of planning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.records import Camera, PatrolRoute, RoutePoint, Strip
from park.geodesy import FloatArray, LocalFrame
from park.site import Site
from park.site_model import Boundary, Building, Dock, NoFly, Road

FRAME = LocalFrame(31.0, 121.0)
"""East and north of this origin are what tests draw in."""


def degrees(shape: BaseGeometry) -> Any:
    return FRAME.unproject_geometry(shape)


def drawn_site(
    *,
    boundary: BaseGeometry | None = None,
    buildings: Iterable[tuple[BaseGeometry, float]] = (),
    no_fly: Iterable[BaseGeometry | NoFly] = (),
    docks: Iterable[tuple[float, float]] = ((0.0, 0.0),),
    roads: Iterable[BaseGeometry] = (),
) -> Site:
    """Return a site; the boundary is a square of 1 km around the origin unless given."""
    outline = shapely.box(-500, -500, 500, 500) if boundary is None else boundary
    return Site(
        Boundary(id="test", name="Test", time_zone="Asia/Shanghai", geometry=degrees(outline)),
        buildings=tuple(
            Building(id=f"b{k}", height_m=float(height), geometry=degrees(shape))
            for k, (shape, height) in enumerate(buildings, 1)
        ),
        no_fly=tuple(
            area if isinstance(area, NoFly) else NoFly(id=f"n{k}", geometry=degrees(area))
            for k, area in enumerate(no_fly, 1)
        ),
        docks=tuple(
            Dock(id=f"d{k}", geometry=degrees(shapely.Point(place)))
            for k, place in enumerate(docks, 1)
        ),
        roads=tuple(Road(geometry=degrees(line)) for line in roads),
    )


def band(area: BaseGeometry, low_m: float, high_m: float | None = None, name: str = "n") -> NoFly:
    """Return a no-fly area with limits above ground."""
    return NoFly(id=name, min_alt_agl_m=low_m, max_alt_agl_m=high_m, geometry=degrees(area))


def place(east_m: float, north_m: float, alt_agl_m: float = 40.0, **more: Any) -> RoutePoint:
    lat, lon = FRAME.to_lat_lon(east_m, north_m)
    return RoutePoint(lat, lon, alt_agl_m, **more)


def strip(*places: Sequence[float], alt_agl_m: float = 40.0, **more: Any) -> Strip:
    return Strip(tuple(place(p[0], p[1], alt_agl_m) for p in places), **more)


def drawn_route(*strips: Strip, speed_mps: float = 8.0) -> PatrolRoute:
    return PatrolRoute("drawn", "points", strips, Camera(), speed_mps)


def site_legs(site: Site, *legs: Sequence[Sequence[float]]) -> FloatArray:
    """Return legs drawn as (east, north, z) in metres of the site's own frame."""
    lines = np.array(legs, float)
    lat, lon = FRAME.to_lat_lon(lines[..., 0].copy(), lines[..., 1].copy())
    east, north = site.frame.to_en_m(lat, lon)
    return np.stack([east, north, lines[..., 2]], axis=-1)


class Hill:
    """Ground that falls to all sides from a summit, and is level beyond its foot."""

    sigma_m = 0.0
    resolution_m = 10.0

    def __init__(self, east_m: float, north_m: float, height_m: float, radius_m: float) -> None:
        self.summit = (east_m, north_m, height_m, radius_m)

    def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        east, north = FRAME.to_en_m(np.asarray(lat_deg), np.asarray(lon_deg))
        at_e, at_n, height, radius = self.summit
        away = np.hypot(east - at_e, north - at_n)
        return np.asarray(height * np.maximum(1.0 - away / radius, 0.0))
