"""How probable it is that a thing stands inside an area, given the error of its place.

The place is taken as the middle of a circular normal distribution, 68.27 % of which lie within
`error_m`. Its integral over a polygon is exact: a sum over the polygon's edges of Owen's T
function, as D. B. Owen gave it for the triangle between an edge and the middle ("Tables for
computing bivariate normal probabilities", Annals of Mathematical Statistics 27, 1956).
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import owens_t
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

SIGMAS_IN_ERROR = math.sqrt(-2.0 * math.log(1.0 - 0.6826894921370859))
"""Radius that holds 68.27 % of a circular normal distribution, in standard deviations."""

REACH_SIGMAS = 6.0
"""Further than this from an area's edge a thing is inside or outside for certain (to 1e-8)."""


def probability_inside(
    area_m: BaseGeometry, east_m: float, north_m: float, error_m: float
) -> float:
    """Return the probability, 0 to 1, that a thing stands inside an area.

    Args:
        area_m: polygon or multipolygon in a frame of metres; holes count as outside.
        east_m: estimated place in the same frame.
        north_m: estimated place in the same frame.
        error_m: radius that holds 68.27 % of the place's errors; 0 for certainty.
    """
    point = shapely.Point(east_m, north_m)
    covered = bool(area_m.covers(point))
    sigma_m = error_m / SIGMAS_IN_ERROR
    if sigma_m <= 0.0 or shapely.distance(area_m.boundary, point) > REACH_SIGMAS * sigma_m:
        return 1.0 if covered else 0.0
    total = 0.0
    polygons = area_m.geoms if isinstance(area_m, MultiPolygon) else (area_m,)
    for polygon in polygons:
        if not isinstance(polygon, Polygon):
            raise TypeError(f"an area is a polygon, not a {polygon.geom_type}")
        for sign, ring in [(1.0, polygon.exterior), *((-1.0, hole) for hole in polygon.interiors)]:
            corners = shapely.get_coordinates(ring) - (east_m, north_m)
            total += sign * abs(_ring_integral(corners / sigma_m))
    return min(max(total, 0.0), 1.0)


def _ring_integral(corners: NDArray[np.float64]) -> float:
    """Return the standard normal mass inside a closed ring, signed by its direction.

    Args:
        corners: shape (N, 2), the last equal to the first, in standard deviations from the
            middle of the distribution.

    The triangle between the middle and an edge at distance h, seen under angles from a to b
    off the perpendicular, holds (b - a) / 2 pi - (T(h, tan b) - T(h, tan a)).
    """
    start, end = corners[:-1], corners[1:]
    edge = end - start
    length = np.hypot(edge[:, 0], edge[:, 1])
    keep = length > 0.0
    start, end, edge, length = start[keep], end[keep], edge[keep], length[keep]
    cross = start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]
    height = np.abs(cross) / length
    # An edge through the middle spans no triangle.
    seen = height > 1e-12
    start, end, edge, length = start[seen], end[seen], edge[seen], length[seen]
    cross, height = cross[seen], height[seen]
    tan_start = np.einsum("ij,ij->i", start, edge) / length / height
    tan_end = np.einsum("ij,ij->i", end, edge) / length / height
    angle = (np.arctan(tan_end) - np.arctan(tan_start)) / (2.0 * math.pi)
    mass = angle - (owens_t(height, tan_end) - owens_t(height, tan_start))
    return float(np.sum(np.sign(cross) * mass))
