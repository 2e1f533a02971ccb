from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from drone.coverage import coverage
from drone.records import PatrolRoute
from drone.route_request import RouteRequest
from drone.routes import lay_out
from park.errors import RouteError
from park.site import Site
from park.site_model import NoFly, Zone
from tests.benchmarks.bench_area_plan import concave_park, site_of
from tests.drone.parks import drawn, flown, home_at, metres, park, route_feature


def perimeter(site: Site, *words: str, **options: object) -> PatrolRoute:
    request = RouteRequest.from_words(site, "perimeter", words, options)
    return lay_out(site, request, home=home_at(0.0, -250.0))


def test_without_options_it_is_a_round_inside_the_fence_with_the_fence_in_sight() -> None:
    route = perimeter(park())
    (path,) = metres(route)
    fence = shapely.box(-400.0, -300.0, 400.0, 300.0)
    assert np.allclose(path[0], path[-1])
    assert 15.0 <= LineString(path).distance(fence.exterior) <= 20.0
    assert len(path) == 5
    assert route.notes == ()
    assert route.lower_bound_m == pytest.approx(LineString(path).length, rel=1e-4)
    share = coverage(route, flown(route))
    assert share is not None
    assert share > 0.95


def test_it_begins_at_the_corner_nearest_to_home() -> None:
    request = RouteRequest.from_words(park(), "perimeter")
    route = lay_out(park(), request, home=home_at(300.0, 200.0))
    assert metres(route)[0][0] == pytest.approx([382.7, 282.7], abs=3.0)


@st.composite
def ragged_parks(draw: st.DrawFn) -> Polygon:
    count = draw(st.integers(3, 14))
    radii = draw(st.lists(st.floats(0.35, 1.0), min_size=count, max_size=count))
    turn = np.arange(count) * 2.0 * np.pi / count
    radius = draw(st.floats(150.0, 3000.0)) * np.array(radii)
    outline = Polygon(np.column_stack((radius * np.cos(turn), radius * np.sin(turn))))
    assume(
        outline.is_valid and shapely.maximum_inscribed_circle(outline, tolerance=1.0).length > 60.0
    )
    return outline


@settings(max_examples=60)
@given(outline=ragged_parks(), inward=st.floats(2.0, 40.0))
def test_it_never_comes_nearer_to_the_fence_than_asked_and_stays_near_it(
    outline: Polygon, inward: float
) -> None:
    route = perimeter(park(outline=outline), inward_m=inward)
    lines = shapely.multilinestrings([LineString(path) for path in metres(route)])
    assert outline.contains(lines)
    assert lines.distance(outline.exterior) >= inward - 0.05
    assert sum(len(path) for path in metres(route)) <= 4 * len(outline.exterior.coords) + 8


def test_the_fence_of_a_park_of_426_km2_needs_few_waypoints() -> None:
    site = site_of(concave_park())
    route = perimeter(site)
    points = sum(len(strip.points) for strip in route.strips)
    corners = len(shapely.get_coordinates(site.boundary.geometry))
    assert points <= 1.1 * corners
    assert route.lower_bound_m is not None
    assert 80e3 < route.lower_bound_m < 300e3


def test_a_narrow_neck_is_not_entered_and_both_sides_are_flown() -> None:
    outline = shapely.union_all(
        [
            shapely.box(-400.0, -100.0, -100.0, 100.0),
            shapely.box(-101.0, -8.0, 101.0, 8.0),
            shapely.box(100.0, -100.0, 400.0, 100.0),
        ]
    )
    assert len(perimeter(park(outline=outline)).strips) == 2


def test_a_park_of_several_parts_is_flown_part_by_part() -> None:
    parts = shapely.multipolygons(
        [shapely.box(0.0, 0.0, 200.0, 200.0), shapely.box(300.0, 0.0, 500.0, 200.0)]
    )
    assert len(perimeter(park(outline=parts)).strips) == 2


def test_a_no_fly_area_at_the_fence_is_left_out_and_said() -> None:
    corner = shapely.box(300.0, 200.0, 400.0, 300.0)
    route = perimeter(park(NoFly(id="gas", geometry=drawn(corner))), margin_m=10.0)
    lines = shapely.multilinestrings([LineString(path) for path in metres(route)])
    assert lines.distance(corner) >= 9.9
    assert "because of no-fly gas" in " ".join(route.notes)


def test_a_park_all_of_whose_fence_may_not_be_flown_is_refused() -> None:
    everything = NoFly(id="all", geometry=drawn(shapely.box(-500.0, -400.0, 500.0, 400.0)))
    with pytest.raises(RouteError, match="all of the way round lies in no-fly areas"):
        perimeter(park(everything))


def test_a_park_that_is_too_narrow_is_refused_with_how_narrow() -> None:
    with pytest.raises(RouteError, match=r"too narrow .* 30 m inside: .* only 20 m"):
        perimeter(park(outline=shapely.box(-200.0, -20.0, 200.0, 20.0)), inward_m=30.0)


def test_in_a_narrow_park_the_way_keeps_to_the_middle_by_itself() -> None:
    route = perimeter(park(outline=shapely.box(-200.0, -20.0, 200.0, 20.0)))
    line = LineString(metres(route)[0])
    assert line.distance(shapely.box(-200.0, -20.0, 200.0, 20.0).exterior) >= 9.9


def test_a_distance_from_which_the_camera_does_not_see_the_fence_is_said() -> None:
    assert "the camera does not see it" in " ".join(perimeter(park(), inward_m=100.0).notes)


def test_a_zone_can_be_flown_round_instead() -> None:
    plot = shapely.box(-100.0, -100.0, 100.0, 100.0)
    route = perimeter(park(Zone(id="plot", geometry=drawn(plot))), "plot")
    assert 15.0 <= LineString(metres(route)[0]).distance(plot.exterior) <= 20.0


def test_a_line_is_nothing_to_go_round() -> None:
    site = park(route_feature("round", "perimeter", LineString([(0.0, 0.0), (50.0, 0.0)])))
    with pytest.raises(RouteError, match="a perimeter goes round a polygon, not a LineString"):
        lay_out(site, RouteRequest.from_site(site, "round"), home=home_at(0.0, 0.0))
