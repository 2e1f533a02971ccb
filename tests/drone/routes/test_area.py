from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from drone.coverage import coverage
from drone.records import PatrolRoute
from drone.route_request import RouteRequest
from drone.routes import lay_out
from park.errors import RouteError, SiteError
from park.site import Site
from park.site_model import Building, NoFly, Zone
from tests.benchmarks.bench_area_plan import concave_park, convex_fields, ratio, site_of
from tests.drone.parks import FRAME, drawn, flown, home_at, length_m, metres, park, route_feature


def area_route(
    site: Site, *words: str, shape: BaseGeometry | None = None, **options: object
) -> PatrolRoute:
    geometry = None if shape is None else drawn(shape)
    request = RouteRequest.from_words(site, "area", words, options, geometry=geometry)
    return lay_out(site, request, home=home_at(0.0, 0.0))


def outside_m(route: PatrolRoute, area: BaseGeometry) -> float:
    """Return how far the strips leave an area, metres altogether."""
    return sum(
        float(shapely.LineString(path).difference(area).length)
        if len(path) > 1
        else float(shapely.Point(path[0]).distance(area))
        for path in metres(route)
    )


def zone(shape: BaseGeometry, name: str = "plot") -> Zone:
    return Zone(id=name, geometry=drawn(shape))


WIDE = shapely.box(-5000.0, -5000.0, 5000.0, 5000.0)


@st.composite
def ragged_areas(draw: st.DrawFn) -> Polygon:
    """Star-shaped polygons with bays, some with a hole, 100 m to 2 km across."""
    count = draw(st.integers(3, 12))
    scale = draw(st.floats(50.0, 1000.0))
    radii = draw(st.lists(st.floats(0.25, 1.0), min_size=count, max_size=count))
    shift = draw(st.floats(0.0, 1.0))
    turn = (np.arange(count) + shift) * 2.0 * np.pi / count
    radius = scale * np.array(radii)
    outline = Polygon(np.column_stack((radius * np.cos(turn), radius * np.sin(turn))))
    if draw(st.booleans()):
        hole = shapely.Point(draw(st.floats(-0.3, 0.3)) * scale, 0.0).buffer(0.1 * scale)
        rest = outline.difference(hole)
        assume(isinstance(rest, Polygon))
        assert isinstance(rest, Polygon)
        outline = rest
    assume(outline.is_valid and outline.area > 500.0)
    return outline


def test_an_area_in_parts_so_far_apart_that_lines_fall_between_them_is_flown() -> None:
    """No-fly areas and buildings leave such parts of a zone."""
    cut = NoFly(id="between", geometry=drawn(shapely.box(-150.0, -40.0, 150.0, 40.0)))
    area = shapely.box(-100.0, -70.0, 100.0, 70.0)
    site = park(zone(area), cut, outline=WIDE)
    for angle_deg in (None, 90.0):
        route = area_route(site, "plot", alt_agl_m=15.0, margin_m=5.0, angle_deg=angle_deg)
        ends = np.concatenate([np.asarray(path) for path in metres(route)])
        assert np.isfinite(ends).all()
        assert ends[:, 1].min() < -45.0 < 45.0 < ends[:, 1].max()


@settings(max_examples=30)
@given(area=ragged_areas(), alt_agl_m=st.floats(20.0, 110.0), overlap=st.floats(0.1, 0.7))
def test_every_strip_lies_in_the_area_and_the_photos_cover_it(
    area: Polygon, alt_agl_m: float, overlap: float
) -> None:
    site = park(zone(area), outline=WIDE)
    route = area_route(site, "plot", alt_agl_m=alt_agl_m, side_overlap=overlap)
    assert outside_m(route, area.buffer(0.01)) == 0.0
    share = coverage(route, flown(route))
    assert share is not None
    assert share >= 0.97


@st.composite
def convex_areas(draw: st.DrawFn) -> Polygon:
    place = st.floats(-800.0, 800.0).map(lambda metres: round(metres, 1))
    points = draw(st.lists(st.tuples(place, place), min_size=4, max_size=9))
    hull = shapely.convex_hull(shapely.multipoints(points))
    assume(isinstance(hull, Polygon))
    assert isinstance(hull, Polygon)
    assume(hull.area > 5e5)
    assume(shapely.maximum_inscribed_circle(hull, tolerance=1.0).length > 250.0)
    return hull


@settings(max_examples=25)
@given(area=convex_areas())
def test_the_way_over_a_convex_field_is_hardly_longer_than_it_must_be(area: Polygon) -> None:
    site = park(zone(area), outline=WIDE)
    route = area_route(site, "plot", alt_agl_m=30.0)
    bound_m = area.area / (route.camera.swath_m(30.0) * 0.7)
    assert route.lower_bound_m == pytest.approx(bound_m, rel=1e-4)
    assert length_m(route) <= 1.08 * bound_m


@pytest.mark.parametrize("name", convex_fields())
def test_a_large_convex_field_is_flown_within_eight_percent_of_its_bound(name: str) -> None:
    site = site_of(convex_fields()[name])
    request = RouteRequest.from_words(site, "area", [], {"alt_agl_m": 110})
    assert ratio(site, lay_out(site, request, home=home_at(0.0, 0.0))) <= 1.08


def test_a_concave_park_with_holes_is_flown_within_a_fifth_of_its_bound() -> None:
    site = site_of(concave_park(3, km2=40.0, holes=20))
    request = RouteRequest.from_words(site, "area", [], {"alt_agl_m": 60})
    route = lay_out(site, request, home=home_at(0.0, 0.0))
    assert ratio(site, route) <= 1.20
    assert outside_m(route, FRAME.project_geometry(site.boundary.geometry)) == 0.0
    share = coverage(route, flown(route))
    assert share is not None
    assert share >= 0.98


def test_the_strips_follow_the_long_side() -> None:
    site = park(zone(shapely.box(-300.0, -60.0, 300.0, 60.0)))
    for path in metres(area_route(site, "plot", alt_agl_m=30)):
        east, north = np.abs(path[-1] - path[0])
        assert east > 100.0 * north


def test_the_direction_can_be_chosen() -> None:
    site = park(zone(shapely.box(-300.0, -60.0, 300.0, 60.0)))
    for path in metres(area_route(site, "plot", alt_agl_m=30, angle_deg=30.0)):
        east, north = path[-1] - path[0]
        assert math.degrees(math.atan2(east, north)) % 180.0 == pytest.approx(30.0, abs=0.1)


def test_a_narrow_zone_is_passed_once_and_no_further_than_the_camera_needs() -> None:
    site = park(zone(shapely.box(-120.0, -6.0, 120.0, 6.0)))
    route = area_route(site, "plot")
    assert length_m(route) < 240.0 - 0.8 * route.camera.depth_m(30.0)
    assert coverage(route, flown(route)) == pytest.approx(1.0, abs=0.01)


def test_a_zone_smaller_than_a_photo_is_one_short_strip() -> None:
    site = park(zone(shapely.box(-4.0, -4.0, 4.0, 4.0)))
    (path,) = metres(area_route(site, "plot"))
    assert np.hypot(*(path[1] - path[0])) == pytest.approx(4.0, abs=0.1)


def test_strips_and_photos_are_as_far_apart_as_overlap_says() -> None:
    site = park(zone(shapely.box(-300.0, -200.0, 300.0, 200.0)))
    route = area_route(site, "plot", alt_agl_m=50, side_overlap=0.5, forward_overlap=0.6)
    north = np.sort([path[0, 1] for path in metres(route)])
    swath, depth = route.camera.swath_m(50.0), route.camera.depth_m(50.0)
    assert np.diff(north).max() <= 0.5 * swath + 0.01
    assert np.diff(north).min() >= 0.4 * swath
    assert all(0.3 * depth < (s.photo_spacing_m or 0.0) <= 0.4 * depth for s in route.strips)


def test_the_height_follows_from_the_resolution_that_is_asked_for() -> None:
    route = area_route(park(), gsd_cm=3.0)
    heights = {point.alt_agl_m for strip in route.strips for point in strip.points}
    assert len(heights) == 1
    assert route.camera.gsd_m(heights.pop()) == pytest.approx(0.03)


def test_the_park_itself_is_flown_inside_its_margin() -> None:
    site = park()
    route = area_route(site, margin_m=20.0)
    assert outside_m(route, shapely.box(-380.01, -280.01, 380.01, 280.01)) == 0.0
    share = coverage(route, flown(route))
    assert share is not None
    assert share > 0.97


def test_a_no_fly_area_is_cut_out_with_its_margin_and_said_so() -> None:
    closed = shapely.box(-50.0, -50.0, 50.0, 50.0)
    site = park(NoFly(id="gas", max_alt_agl_m=55.0, geometry=drawn(closed)))
    route = area_route(site, alt_agl_m=60.0, margin_m=10.0)
    assert (
        outside_m(route, shapely.box(-390.1, -290.1, 390.1, 290.1).difference(closed.buffer(9.9)))
        == 0.0
    )
    assert any("not flown over because of no-fly gas" in note for note in route.notes)


def test_a_building_too_tall_to_fly_over_is_cut_out_with_its_margin_and_said_so() -> None:
    stack = shapely.box(-10.0, -10.0, 10.0, 10.0)
    hall = shapely.box(100.0, -50.0, 180.0, 50.0)
    site = park(
        Building(id="stack", height_m=61.0, geometry=drawn(stack)),
        Building(id="hall", height_m=12.0, geometry=drawn(hall)),
    )
    route = area_route(site, alt_agl_m=60.0)
    assert outside_m(route, shapely.box(-400, -300, 400, 300).difference(stack.buffer(10.0))) == 0
    (note,) = route.notes
    assert "not flown over because of building stack" in note


def test_many_tall_buildings_are_counted_in_one_note() -> None:
    towers = [
        Building(height_m=80.0, geometry=drawn(shapely.box(x, 0.0, x + 10.0, 10.0)))
        for x in range(-200, 300, 100)
    ]
    (note,) = area_route(park(*towers), alt_agl_m=60.0).notes
    assert "not flown over because of 5 buildings" in note


def test_a_no_fly_area_far_below_the_flight_is_flown_over() -> None:
    closed = shapely.box(-50.0, -50.0, 50.0, 50.0)
    site = park(NoFly(id="gas", max_alt_agl_m=40.0, geometry=drawn(closed)))
    assert area_route(site, alt_agl_m=60.0).notes == ()


def test_a_zone_that_reaches_beyond_the_boundary_is_flown_inside_it_and_said_so() -> None:
    site = park(zone(shapely.box(300.0, -100.0, 500.0, 100.0)))
    route = area_route(site, "plot")
    assert outside_m(route, FRAME.project_geometry(site.boundary.geometry)) == 0.0
    assert any("reaches beyond the boundary: 20000 m2" in note for note in route.notes)


def test_a_zone_that_may_not_be_flown_over_is_refused() -> None:
    plot = shapely.box(-30.0, -30.0, 30.0, 30.0)
    site = park(zone(plot), NoFly(id="gas", geometry=drawn(plot.buffer(5.0))))
    with pytest.raises(RouteError, match=r"zone 'plot' cannot be flown over at 60 m.*no-fly"):
        area_route(site, "plot")


def test_a_zone_that_the_site_does_not_have_is_refused() -> None:
    with pytest.raises(SiteError, match="no zone 'plt'; its zones are: plot"):
        area_route(park(zone(shapely.box(0.0, 0.0, 50.0, 50.0))), "plt")


def test_a_polygon_can_be_handed_in_or_drawn_for_the_route() -> None:
    shape = shapely.box(-100.0, -100.0, 0.0, 0.0)
    handed = area_route(park(), shape=shape)
    site = park(route_feature("grid", "area", shape))
    of_file = lay_out(site, RouteRequest.from_site(site, "grid"), home=home_at(0.0, 0.0))
    assert handed.strips == of_file.strips
    assert of_file.route_id == "grid"


def test_a_line_is_no_area() -> None:
    line = shapely.LineString([(0.0, 0.0), (50.0, 0.0)])
    with pytest.raises(RouteError, match="an area is a polygon, not a LineString"):
        area_route(park(), shape=line)


def test_the_speed_leaves_the_camera_a_second_for_each_photo() -> None:
    route = area_route(park(), alt_agl_m=20, forward_overlap=0.8)
    spacing = route.camera.depth_m(20.0) * 0.2
    assert route.speed_mps == pytest.approx(spacing)
    assert "so that the camera keeps up" in " ".join(route.notes)
    with pytest.raises(RouteError, match=r"speed_mps 8 is too fast for photos every 3\.2 m"):
        area_route(park(), alt_agl_m=20, forward_overlap=0.8, speed_mps=8)


def test_a_route_of_months_is_refused() -> None:
    with pytest.raises(RouteError, match=r"300 km2 are \d+ km of flight, more than 30000"):
        area_route(
            park(outline=shapely.box(0.0, 0.0, 30_000.0, 10_000.0)),
            alt_agl_m=10,
            side_overlap=0.5,
            margin_m=0,
        )


def test_the_same_request_gives_the_same_route() -> None:
    site = site_of(concave_park(5, km2=6.0, holes=8))
    request = RouteRequest.from_words(site, "area")
    home = home_at(0.0, 0.0)
    assert lay_out(site, request, home=home) == lay_out(site, request, home=home)
