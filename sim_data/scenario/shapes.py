"""Outlines of staged things: heaps, boxes, stains, each a little different by chance."""

from __future__ import annotations

import math

import numpy as np
from shapely import make_valid
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

PointM = tuple[float, float]
_CORNERS = 18


def ahead(at_m: PointM, heading_deg: float, forward_m: float, right_m: float = 0.0) -> PointM:
    """Return the point so far ahead and to the right of one, metres."""
    turn = math.radians(heading_deg)
    east = at_m[0] + forward_m * math.sin(turn) + right_m * math.cos(turn)
    north = at_m[1] + forward_m * math.cos(turn) - right_m * math.sin(turn)
    return east, north


def heading_between(start_m: PointM, end_m: PointM) -> float:
    """Return the heading from one point to another, 0 to 360 degrees from north."""
    return math.degrees(math.atan2(end_m[0] - start_m[0], end_m[1] - start_m[1])) % 360.0


def box(at_m: PointM, heading_deg: float, length_m: float, width_m: float) -> Polygon:
    """Return a rectangle around a point, its length along the heading."""
    corners = [
        ahead(at_m, heading_deg, f * length_m / 2, r * width_m / 2)
        for f, r in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]
    return orient(Polygon(corners))


def blob(at_m: PointM, radius_m: float, rng: np.random.Generator, rough: float = 0.25) -> Polygon:
    """Return a roundish outline whose points are within `radius_m` of the middle."""
    turns = np.linspace(0.0, 2.0 * math.pi, _CORNERS, endpoint=False)
    # Three slow waves make bays and headlands; single corners alone would look like a gear.
    wave = np.zeros(_CORNERS)
    for k in (2, 3, 5):
        wave += rng.uniform(0.3, 1.0) / k * np.cos(k * turns + rng.uniform(0, 2 * math.pi))
    reach = radius_m * (1.0 - rough * (wave - wave.min()) / (wave.max() - wave.min()))
    return orient(
        Polygon(np.column_stack([at_m[0] + reach * np.cos(turns), at_m[1] + reach * np.sin(turns)]))
    )


def fan(
    at_m: PointM, heading_deg: float, length_m: float, rng: np.random.Generator
) -> BaseGeometry:
    """Return what spreads out from a pipe's mouth: narrow there, broad and ragged at its end."""
    near = length_m * 0.06 + 0.3
    sides: list[PointM] = []
    for side in (1, -1):
        edge = [
            ahead(
                at_m,
                heading_deg,
                share * length_m,
                side * (near + max(0.0, share) ** 0.8 * length_m * rng.uniform(0.26, 0.38)),
            )
            for share in (-0.05, 0.25, 0.5, 0.75, 0.95)
        ]
        sides += edge if side == 1 else edge[::-1]
    tip = ahead(at_m, heading_deg, length_m, length_m * float(rng.uniform(-0.1, 0.1)))
    return make_valid(Polygon([*sides[:5], tip, *sides[5:]]))


def largest_polygon(shape: BaseGeometry) -> Polygon | None:
    """Return the largest polygon of a geometry without its holes; None when it has none."""
    parts = [part for part in getattr(shape, "geoms", [shape]) if isinstance(part, Polygon)]
    parts = [part for part in parts if not part.is_empty]
    if not parts:
        return None
    return orient(Polygon(max(parts, key=lambda part: part.area).exterior))


def corners_of(shape: Polygon) -> tuple[PointM, ...]:
    """Return the corners of an outline, counter-clockwise, not closed."""
    return tuple((float(x), float(y)) for x, y in orient(shape).exterior.coords[:-1])


def long_axis_deg(shape: BaseGeometry) -> float:
    """Return the heading of a geometry's long axis, 0 to 180 degrees."""
    around = shape.minimum_rotated_rectangle
    if not isinstance(around, Polygon):
        coords = list(getattr(around, "coords", []))
        return heading_between(coords[0], coords[-1]) % 180.0 if len(coords) > 1 else 0.0
    corners = list(around.exterior.coords)
    first, second = (math.dist(corners[i], corners[i + 1]) for i in (0, 1))
    start = 0 if first >= second else 1
    (e0, n0, *_), (e1, n1, *_) = corners[start], corners[start + 1]
    return heading_between((e0, n0), (e1, n1)) % 180.0
