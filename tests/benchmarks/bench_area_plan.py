"""Laying out an area route over a large concave park with holes, and over convex fields."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import Polygon

from drone.records import Home, PatrolRoute
from drone.route_request import RouteRequest
from drone.routes import lay_out
from park.geodesy import FloatArray, LocalFrame
from park.site import Site
from park.site_model import Boundary, Names

PARK_KM2 = 426.0
HOLES = 60
ALT_AGL_M = 110.0
_FRAME = LocalFrame(22.5, 114.0)


@dataclass(frozen=True, slots=True)
class AreaFigures:
    """Time and length of area routes, all at `ALT_AGL_M` with the default camera and overlap.

    Attributes:
        seconds: to lay out the park.
        strips: how many that is.
        park_ratio: strips and the ways between them, against area divided by strip spacing.
        outside: share of the ways between strips that leads outside the park, or over holes.
        convex_ratios: the same ratio for convex fields, by their names.
    """

    seconds: float
    strips: int
    park_ratio: float
    outside: float
    convex_ratios: dict[str, float]


def measure(seed: int = 7) -> AreaFigures:
    """Lay out the park and the fields."""
    site = site_of(concave_park(seed))
    began = time.perf_counter()
    route = laid_out(site)
    seconds = time.perf_counter() - began
    strips, ways = lengths(site, route)
    outside = sum(way.difference(site.boundary_m).length for way in links(site, route))
    ratios = {}
    for name, field in convex_fields().items():
        small = site_of(field)
        ratios[name] = ratio(small, laid_out(small))
    return AreaFigures(
        seconds=seconds,
        strips=len(route.strips),
        park_ratio=(strips + ways) / (route.lower_bound_m or math.nan),
        outside=outside / ways,
        convex_ratios=ratios,
    )


def concave_park(seed: int = 7, *, km2: float = PARK_KM2, holes: int = HOLES) -> Polygon:
    """Return a park in metres: round with deep bays, and holes of 200 m to 1.5 km in it."""
    random = np.random.default_rng(seed)
    turn = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    radius = np.ones_like(turn)
    for wave in range(2, 7):
        radius += (
            0.45 / math.sqrt(wave) * random.normal() * np.cos(wave * turn + random.uniform(0, 6))
        )
    radius = np.clip(radius, 0.35, 2.0) * (1.0 + 0.02 * random.normal(size=turn.shape))
    outline = Polygon(np.column_stack((radius * np.cos(turn), radius * np.sin(turn)))).buffer(0)
    scale = math.sqrt(km2 * 1.1e6 / outline.area)
    outline = affinity.scale(outline, scale, scale, origin=(0, 0))
    unit = math.sqrt(km2 / PARK_KM2)
    kept: list[Polygon] = []
    left, low, right, high = outline.bounds
    while len(kept) < holes:
        place = (random.uniform(left, right), random.uniform(low, high))
        corners = np.sort(random.uniform(0, 2 * np.pi, 9))
        size = unit * random.uniform(100.0, 750.0) * random.uniform(0.6, 1.0, 9)
        hole = Polygon(
            np.column_stack((place[0] + size * np.cos(corners), place[1] + size * np.sin(corners)))
        ).convex_hull
        assert isinstance(hole, Polygon)
        clear = outline.buffer(-200.0 * unit).contains(hole)
        if clear and all(hole.distance(other) > 100.0 * unit for other in kept):
            kept.append(hole)
    park = outline.difference(shapely.union_all(kept))
    factor = math.sqrt(km2 * 1e6 / park.area)
    scaled = affinity.scale(park, factor, factor, origin=(0, 0))
    assert isinstance(scaled, Polygon)
    return scaled


def convex_fields() -> dict[str, Polygon]:
    """Return convex fields of one to some square kilometres, in metres."""
    square = shapely.box(-1000.0, -1000.0, 1000.0, 1000.0)
    turn = np.linspace(0.0, 2.0 * np.pi, 7, endpoint=False)
    return {
        "square": square,
        "long": affinity.rotate(shapely.box(-2000.0, -400.0, 2000.0, 400.0), 33.0),
        "triangle": Polygon([(-1500.0, -900.0), (1600.0, -700.0), (200.0, 1400.0)]),
        "heptagon": Polygon(1200.0 * np.column_stack((np.cos(turn), np.sin(turn)))),
        "slanted": affinity.skew(square, 35.0),
    }


def site_of(area: Polygon) -> Site:
    """Return a park with this boundary, in metres, and nothing else in it."""
    drawn = _FRAME.unproject_geometry(area)
    assert isinstance(drawn, Polygon)
    return Site(
        Boundary(id="field", name=Names(en="Field"), time_zone="Asia/Shanghai", geometry=drawn)
    )


def laid_out(site: Site, **options: object) -> PatrolRoute:
    """Return the area route over all of a park, from its south-west corner."""
    request = RouteRequest.from_words(site, "area", [], {"alt_agl_m": ALT_AGL_M, **options})
    left, low, _, _ = site.boundary.geometry.bounds
    return lay_out(site, request, home=Home("dock", low, left))


def paths(site: Site, route: PatrolRoute) -> list[FloatArray]:
    """Return the strips of a route in metres, each of shape (N, 2)."""
    return [
        np.column_stack(
            site.frame.to_en_m(
                np.array([point.lat_deg for point in strip.points]),
                np.array([point.lon_deg for point in strip.points]),
            )
        )
        for strip in route.strips
    ]


def links(site: Site, route: PatrolRoute) -> list[shapely.LineString]:
    """Return the straight ways from strip to strip, in metres."""
    flown = paths(site, route)
    return [shapely.LineString([one[-1], other[0]]) for one, other in itertools.pairwise(flown)]


def lengths(site: Site, route: PatrolRoute) -> tuple[float, float]:
    """Return metres of strips, and of the straight ways between them."""
    strips = sum(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in paths(site, route))
    return strips, sum(way.length for way in links(site, route))


def ratio(site: Site, route: PatrolRoute) -> float:
    """Return the length of a route, ways between strips included, against its lower bound."""
    return sum(lengths(site, route)) / (route.lower_bound_m or math.nan)
