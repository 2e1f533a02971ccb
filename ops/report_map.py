"""Turns a site and what was found in it into shapes for a map in local metres."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shapely.geometry import (
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
)
from shapely.geometry.base import BaseGeometry

from park.geodesy import LocalFrame
from park.records import GroundPoint, LatLonDeg
from park.site import Site
from park.site_model import Asset, Boundary, Building, Dock, NoFly, Pipeline, Road, Zone

_RULE_STYLES = (
    ("forbidden_zone", "forbidden"),
    ("no_parking", "noparking"),
    ("vehicle_limit", "limit"),
)
# Rules in the order in which they decide the colour of a zone that has several.


@dataclass(frozen=True, slots=True)
class MapShape:
    """One shape of the map.

    Attributes:
        style: CSS class that it is drawn with.
        path: SVG path data; empty for a point.
        x_m: middle, metres east.
        y_m: middle, metres south (SVG's y runs down).
        zh: Chinese name, may be empty.
        en: English name, may be empty.
        labelled: whether its name is written on the map.
    """

    style: str
    path: str
    x_m: float
    y_m: float
    zh: str
    en: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class MapView:
    """The part of the ground that the map shows at first, in metres east and south.

    Attributes:
        x_m: its western edge.
        y_m: its northern edge.
        width_m: from west to east.
        height_m: from north to south.
    """

    x_m: float
    y_m: float
    width_m: float
    height_m: float


def _path(geometry: BaseGeometry) -> str:
    def line(coordinates: Iterable[Sequence[float]], closed: bool) -> str:
        points = [f"{c[0]:.2f} {-c[1]:.2f}" for c in coordinates]
        return "M" + "L".join(points[:-1] if closed else points) + ("Z" if closed else "")

    if isinstance(geometry, Polygon):
        rings = (geometry.exterior, *geometry.interiors)
        return "".join(line(ring.coords, True) for ring in rings)
    if isinstance(geometry, LineString):
        return line(geometry.coords, False)
    if isinstance(geometry, MultiPolygon | MultiLineString):
        return "".join(_path(part) for part in geometry.geoms)
    return ""


def _zone_style(zone: Zone) -> str:
    types = {rule.type for rule in zone.rules}
    for rule_type, style in _RULE_STYLES:
        if rule_type in types:
            return f"zone {style}"
    return "zone"


def site_shapes(site: Site) -> tuple[MapShape, ...]:
    """Return everything of a site that the map shows, in the order of drawing."""
    order: tuple[tuple[type, str, bool], ...] = (
        (Boundary, "boundary", False),
        (Road, "road", False),
        (Building, "building", True),
        (Zone, "zone", True),
        (Asset, "asset", False),
        (Pipeline, "pipeline", False),
        (NoFly, "nofly", False),
        (Dock, "dock", True),
    )
    shapes: list[MapShape] = []
    for kind, style, labelled in order:
        for feature in site.features:
            if not isinstance(feature, kind):
                continue
            geometry = site.frame.project_geometry(feature.geometry)  # type: ignore[attr-defined]
            style_now = _zone_style(feature) if isinstance(feature, Zone) else style
            if isinstance(geometry, Point | MultiPoint):
                style_now += " spot"
            if isinstance(feature, Road) and feature.width_m and not geometry.is_empty:
                geometry = geometry.buffer(feature.width_m / 2, cap_style="flat")
                style_now = "road area"
            middle = geometry.representative_point()
            name = feature.name
            shapes.append(
                MapShape(
                    style_now,
                    _path(geometry),
                    round(middle.x, 2),
                    round(-middle.y, 2),
                    (name.zh if name else "") or "",
                    (name.en if name else "") or feature.id or "",
                    labelled,
                )
            )
    return tuple(shapes)


def footprint_path(frame: LocalFrame, corners: Sequence[LatLonDeg]) -> str:
    """Return SVG path data of what one frame saw, from its corners on the ground."""
    points = [frame.to_en_m(lat, lon) for lat, lon in corners]
    return "M" + "L".join(f"{east:.1f} {-north:.1f}" for east, north in points) + "Z"


def on_map(frame: LocalFrame, place: GroundPoint) -> tuple[float, float]:
    """Return metres east and metres south of a place."""
    east_m, north_m = frame.to_en_m(place.lat_deg, place.lon_deg)
    return round(east_m, 2), round(-north_m, 2)


def map_view(site: Site, points_m: Iterable[tuple[float, float]]) -> MapView:
    """Return a view that holds the site and points near it, with some room around.

    Points farther from the boundary than twice its size are left outside: one wrong position
    must not make the park a speck.
    """
    west, south, east, north = site.boundary_m.bounds
    x0, y0, x1, y1 = west, -north, east, -south
    reach = 2.0 * max(x1 - x0, y1 - y0)
    near = [
        (x, y)
        for x, y in points_m
        if math.isfinite(x)
        and math.isfinite(y)
        and west - reach <= x <= east + reach
        and -north - reach <= y <= -south + reach
    ]
    for x, y in near:
        x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
    margin = 0.04 * max(x1 - x0, y1 - y0, 1.0)
    return MapView(
        round(x0 - margin, 2),
        round(y0 - margin, 2),
        round(x1 - x0 + 2 * margin, 2),
        round(y1 - y0 + 2 * margin, 2),
    )
