from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString

from drone.coverage import coverage
from drone.records import PatrolRoute
from drone.route_request import RouteRequest
from drone.routes import lay_out
from drone.routes.network import covering_lines
from park.errors import RouteError
from park.site import Site
from park.site_model import NoFly, Pipeline, Road
from tests.drone.parks import drawn, flown, home_at, length_m, metres, park, route_feature


def corridor(site: Site, *words: str, **options: object) -> PatrolRoute:
    request = RouteRequest.from_words(site, "corridor", words, options)
    return lay_out(site, request, home=home_at(0.0, -250.0))


def road(*places: tuple[float, float], name: str = "road", width_m: float | None = None) -> Road:
    return Road(id=name, width_m=width_m, geometry=drawn(LineString(places)))


CROSS = (
    road((-300.0, 0.0), (300.0, 0.0), name="east-west"),
    road((0.0, -200.0), (0.0, 200.0), name="north-south"),
)


def test_a_road_is_flown_along_its_middle() -> None:
    route = corridor(park(road((-300.0, 0.0), (0.0, 0.0), (100.0, 150.0), width_m=9.0)), "roads")
    (path,) = metres(route)
    line = LineString([(-300.0, 0.0), (0.0, 0.0), (100.0, 150.0)])
    assert LineString(path).hausdorff_distance(line) < 0.02
    assert route.lower_bound_m == pytest.approx(line.length, abs=0.1)
    assert coverage(route, flown(route)) == pytest.approx(1.0, abs=1e-3)


def test_a_crossing_is_covered_with_little_repetition() -> None:
    route = corridor(park(*CROSS))
    assert route.lower_bound_m == pytest.approx(1000.0, abs=0.1)
    strips = sum(LineString(path).length for path in metres(route))
    assert strips == pytest.approx(1000.0, abs=0.1)
    # Two links between the four dead ends, the nearest ones to each other.
    assert length_m(route) <= 1000.0 + 2.0 * np.hypot(300.0, 200.0) + 1.0


def test_both_sides_are_flown_at_their_offset() -> None:
    route = corridor(park(CROSS[0]), sides="both", offset_m=12.0)
    assert route.lower_bound_m == pytest.approx(1200.0, abs=0.1)
    east, west = (path for path in metres(route))
    if east[0, 0] > east[-1, 0]:
        east, west = west, east
    # On the right of the way that each is flown.
    assert east[:, 1] == pytest.approx([-12.0, -12.0], abs=0.02)
    assert west[:, 1] == pytest.approx([12.0, 12.0], abs=0.02)
    assert length_m(route) < 1200.0 + 30.0


def test_an_offset_lies_to_one_side() -> None:
    (path,) = metres(corridor(park(CROSS[0]), offset_m=20.0))
    assert np.abs(path[:, 1]) == pytest.approx([20.0, 20.0], abs=0.02)


def test_pipelines_are_followed_where_there_are_no_roads_or_where_they_are_named() -> None:
    pipe = Pipeline(id="n2", geometry=drawn(LineString([(-100.0, 100.0), (100.0, 100.0)])))
    for site, words in ((park(pipe), ()), (park(pipe, *CROSS), ("pipelines",))):
        (path,) = metres(corridor(site, *words))
        assert path[:, 1] == pytest.approx([100.0, 100.0], abs=0.02)
    assert corridor(park(pipe, *CROSS), "both").lower_bound_m == pytest.approx(1200.0, abs=0.2)


def test_single_lines_can_be_chosen() -> None:
    (path,) = metres(corridor(park(*CROSS), ids="north-south"))
    assert path[:, 0] == pytest.approx([0.0, 0.0], abs=0.02)
    with pytest.raises(RouteError, match="no roads or pipelines east; it has: east-west, north"):
        corridor(park(*CROSS), ids="east")


def test_a_site_without_lines_is_refused() -> None:
    with pytest.raises(RouteError, match="has no pipelines to follow; draw some"):
        corridor(park())


def test_a_line_drawn_for_the_route_is_followed() -> None:
    line = LineString([(-50.0, 0.0), (50.0, 20.0)])
    site = park(route_feature("belt", "corridor", line))
    route = lay_out(site, RouteRequest.from_site(site, "belt"), home=home_at(0.0, 0.0))
    assert LineString(metres(route)[0]).hausdorff_distance(line) < 0.02


def test_a_polygon_is_no_corridor() -> None:
    site = park(route_feature("belt", "corridor", shapely.box(0.0, 0.0, 9.0, 9.0)))
    with pytest.raises(RouteError, match="a corridor follows lines, not a Polygon"):
        lay_out(site, RouteRequest.from_site(site, "belt"), home=home_at(0.0, 0.0))


def test_what_may_not_be_flown_is_left_out_and_said() -> None:
    closed = NoFly(id="gas", geometry=drawn(shapely.box(50.0, -40.0, 150.0, 40.0)))
    route = corridor(park(CROSS[0], closed), margin_m=10.0)
    lines = shapely.union_all([LineString(path) for path in metres(route)])
    assert lines.distance(shapely.box(50.0, -40.0, 150.0, 40.0)) >= 9.9
    assert lines.length == pytest.approx(480.0, abs=0.5)
    assert "the roads: 120 m is not flown over because of no-fly gas" in route.notes


@st.composite
def street_grids(draw: st.DrawFn) -> list[LineString]:
    """Blocks of a town with some streets missing, so that parts may be unconnected."""
    streets = [
        LineString([(100.0 * x, 100.0 * y), (100.0 * (x + dx), 100.0 * (y + dy))])
        for x in range(5)
        for y in range(5)
        for dx, dy in ((1, 0), (0, 1))
    ]
    kept = draw(st.lists(st.booleans(), min_size=len(streets), max_size=len(streets)))
    return [street for street, keep in zip(streets, kept, strict=True) if keep] or streets[:1]


@settings(max_examples=30)
@given(streets=street_grids(), both=st.booleans())
def test_every_street_is_flown_once_or_once_each_way(streets: list[LineString], both: bool) -> None:
    network = shapely.union_all(streets)
    paths, length = covering_lines(network, start=(0.0, 0.0), both=both)
    times = 2 if both else 1
    assert length == pytest.approx(times * network.length)
    assert sum(path.length for path in paths) == pytest.approx(length)
    assert shapely.union_all(paths).symmetric_difference(network).length < 0.01
    ends = [np.array(path.coords)[[0, -1]] for path in paths]
    links = sum(float(np.hypot(*(b[0] - a[1]))) for a, b in itertools.pairwise(ends))
    # Half of the dead ends and uneven junctions, and each part, need a link of a block or more.
    assert links <= 100.0 * len(streets) * 1.5


def test_a_town_of_streets_is_flown_in_a_fifth_more_than_its_length() -> None:
    random = np.random.default_rng(1)
    streets = [
        LineString([(300.0 * x, 300.0 * y), (300.0 * (x + dx), 300.0 * (y + dy))])
        for x in range(20)
        for y in range(20)
        for dx, dy in ((1, 0), (0, 1))
        if random.random() < 0.85
    ]
    paths, length = covering_lines(shapely.union_all(streets), start=(0.0, 0.0))
    ends = [np.array(path.coords)[[0, -1]] for path in paths]
    links = sum(float(np.hypot(*(b[0] - a[1]))) for a, b in itertools.pairwise(ends))
    assert (length + links) / length <= 1.20
