"""Speed of leg checks, and of planning a large park with many obstacles."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from drone.airspace import Airspace
from drone.planner import homes_of, plan_route
from drone.records import Vehicle
from drone.route_request import RouteRequest
from drone.routes import lay_out
from park.geodesy import LocalFrame
from park.site import Site
from park.site_model import Boundary, Building, Dock, NoFly
from park.terrain import FlatTerrain
from tests.benchmarks.bench_area_plan import ALT_AGL_M

LEGS, OBSTACLES = 10_000, 5_000
_SIDE_M = 20_640.0
_DOCKS = 6
_FRAME = LocalFrame(31.0, 121.0)
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class AirspaceFigures:
    """Seconds, medians of repeated runs.

    Attributes:
        legs: that were checked.
        obstacles: that they were checked against.
        check_s: of checking all legs, the airspace already made.
        found: legs that break a rule.
        make_s: of making the airspace of a site with that many obstacles.
        strips: of an area route over a concave park of 426 km2 with 60 no-fly areas.
        sorties: that they were shared out to.
        lay_out_s: of laying these strips out.
        plan_s: of planning them: sorties, ways around, return heights, rally points, fence,
            coverage, and the check of it all.
        bound_ratio: length of strips and ways between them against the lower bound.
        coverage: share of the area that is seen, 0 to 1.
    """

    legs: int
    obstacles: int
    check_s: float
    found: int
    make_s: float
    strips: int
    sorties: int
    lay_out_s: float
    plan_s: float
    bound_ratio: float
    coverage: float


def measure() -> AirspaceFigures:
    """Check random legs among random obstacles, and plan a large park."""
    site = crowded_park()
    made, checked = [], []
    legs = random_legs()
    found = 0
    for _ in range(_REPEATS):
        start = time.perf_counter()
        airspace = Airspace.of(site, FlatTerrain())
        made.append(time.perf_counter() - start)
        start = time.perf_counter()
        found = len({violation.leg for violation in airspace.check_legs(legs)})
        checked.append(time.perf_counter() - start)
    park = large_park()
    homes = homes_of(park)
    options = {"alt_agl_m": ALT_AGL_M, "speed_mps": 12.0}
    request = RouteRequest.from_words(park, "area", options=options)
    start = time.perf_counter()
    route = lay_out(park, request, home=homes[0])
    laid_out = time.perf_counter() - start
    start = time.perf_counter()
    # A battery that reaches the corners, so that what is measured is the planning.
    plan = plan_route(park, "0" * 64, route, homes=homes, vehicle=Vehicle(battery_wh=1_200.0))
    seconds = time.perf_counter() - start
    return AirspaceFigures(
        legs=len(legs),
        obstacles=len(airspace.obstacles),
        check_s=statistics.median(checked),
        found=found,
        make_s=statistics.median(made),
        strips=len(route.strips),
        sorties=len(plan.sorties),
        lay_out_s=laid_out,
        plan_s=seconds,
        bound_ratio=plan.figures.bound_ratio or math.nan,
        coverage=plan.figures.coverage or math.nan,
    )


def crowded_park() -> Site:
    """Return a concave park of 426 km2 with 4,900 buildings and 100 no-fly areas."""
    random = np.random.default_rng(7)
    places = random.uniform(-_SIDE_M / 2.0, _SIDE_M / 2.0, (OBSTACLES, 2))
    sizes = random.uniform(10.0, 60.0, (OBSTACLES, 2))
    heights = random.uniform(5.0, 60.0, OBSTACLES)
    outlines = [_box(*place, *size) for place, size in zip(places, sizes, strict=True)]
    buildings = [
        Building(id=f"b{k}", height_m=float(heights[k]), geometry=outlines[k])
        for k in range(OBSTACLES - 100)
    ]
    no_fly = [NoFly(id=f"n{k}", geometry=outlines[k]) for k in range(OBSTACLES - 100, OBSTACLES)]
    return Site(_boundary(), buildings=tuple(buildings), no_fly=tuple(no_fly))


def random_legs() -> np.ndarray:
    """Return legs of up to 400 m between 20 and 110 m above the ground, shape (N, 2, 3)."""
    random = np.random.default_rng(11)
    starts = random.uniform(-_SIDE_M / 2.0, _SIDE_M / 2.0, (LEGS, 2))
    ends = starts + random.uniform(-280.0, 280.0, (LEGS, 2))
    heights = random.uniform(20.0, 110.0, (LEGS, 2))
    return np.stack(
        [np.column_stack([starts, heights[:, 0]]), np.column_stack([ends, heights[:, 1]])], axis=1
    )


def large_park() -> Site:
    """Return a concave park of 426 km2 with 60 no-fly areas and 6 docks."""
    random = np.random.default_rng(3)
    boundary = _boundary()
    outline = _FRAME.project_geometry(boundary.geometry)
    areas: list[BaseGeometry] = []
    while len(areas) < 60:
        area = Point(random.uniform(-_SIDE_M / 2.0, _SIDE_M / 2.0, 2)).buffer(
            random.uniform(50.0, 250.0), quad_segs=4
        )
        if outline.buffer(-500.0).covers(area) and all(area.distance(a) > 200.0 for a in areas):
            areas.append(area)
    docks: list[Point] = []
    while len(docks) < _DOCKS:
        place = Point(random.uniform(-_SIDE_M / 2.0, _SIDE_M / 2.0, 2))
        if outline.buffer(-300.0).covers(place) and all(a.distance(place) > 100 for a in areas):
            docks.append(place)
    return Site(
        boundary,
        docks=tuple(
            Dock(id=f"d{k}", geometry=_FRAME.unproject_geometry(place))
            for k, place in enumerate(docks)
        ),
        no_fly=tuple(
            NoFly(id=f"n{k}", geometry=_FRAME.unproject_geometry(area))
            for k, area in enumerate(areas)
        ),
    )


def _box(east: float, north: float, wide: float, deep: float) -> Polygon:
    box = shapely.box(east - wide / 2, north - deep / 2, east + wide / 2, north + deep / 2)
    outline = _FRAME.unproject_geometry(box)
    assert isinstance(outline, Polygon)
    return outline


def _boundary() -> Boundary:
    half = _SIDE_M / 2.0
    # A square with a bay from the east: concave, 426 km2 with what sticks out in the north.
    outline = Polygon(
        [
            (-half, -half),
            (half, -half),
            (half, -2_000.0),
            (half - 4_000.0, 0.0),
            (half, 2_000.0),
            (half, half),
            (1_000.0, half + 800.0),
            (-half, half),
        ]
    )
    geometry = _FRAME.unproject_geometry(outline)
    return Boundary(id="large", name="Large park", time_zone="Asia/Shanghai", geometry=geometry)


if __name__ == "__main__":
    print(measure())
