from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, MultiPoint, Point

from drone.records import PatrolRoute, RoutePoint
from drone.route_request import RouteRequest
from drone.routes import lay_out
from park.errors import RouteError
from park.site import Site
from park.site_model import Asset, Building, NoFly
from tests.drone.parks import FRAME, drawn, home_at, length_m, metres, park, route_feature


def laid(site: Site, purpose: str, *words: str, **options: object) -> PatrolRoute:
    request = RouteRequest.from_words(site, purpose, words, options)
    return lay_out(site, request, home=home_at(0.0, -250.0))


def asset(
    name: str, east: float, north: float, *, cls: str = "tank", criticality: int = 2
) -> Asset:
    return Asset.model_validate(
        {
            "id": name,
            "class": cls,
            "criticality": criticality,
            "geometry": drawn(Point(east, north)),
        }
    )


def only_point(route: PatrolRoute) -> RoutePoint:
    (strip,) = route.strips
    (point,) = strip.points
    return point


def place(point: RoutePoint) -> tuple[float, float]:
    return FRAME.to_en_m(point.lat_deg, point.lon_deg)


def at(east: float, north: float) -> str:
    lat, lon = FRAME.to_lat_lon(east, north)
    return f"{lat:.8f},{lon:.8f}"


ASSETS = (
    asset("tank", 100.0, 0.0),
    asset("mast", -200.0, 100.0, cls="mast", criticality=4),
    asset("gate", 0.0, 200.0, cls="gate", criticality=1),
)


def test_an_asset_is_looked_at_from_as_far_off_as_the_camera_angle_says() -> None:
    point = only_point(laid(park(*ASSETS), "points", "tank", dwell_s=12))
    east, north = place(point)
    assert math.hypot(east - 100.0, north) == pytest.approx(40.0, abs=0.1)
    assert point.gimbal_pitch_deg == pytest.approx(-45.0, abs=0.2)
    assert point.look_at is not None
    assert FRAME.to_en_m(*point.look_at) == pytest.approx((100.0, 0.0), abs=0.05)
    assert (point.hold_s, point.alt_agl_m, point.take_photo) == (12.0, 40.0, True)


def test_an_asset_is_looked_at_from_above_where_the_camera_points_straight_down() -> None:
    point = only_point(laid(park(*ASSETS), "points", "tank", gimbal_pitch_deg=-90))
    assert place(point) == pytest.approx((100.0, 0.0), abs=0.05)
    assert point.look_at is None
    assert point.gimbal_pitch_deg == -90.0


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {"tank", "mast", "gate"}),
        ({"classes": "tank,gate"}, {"tank", "gate"}),
        ({"min_criticality": 2}, {"tank", "mast"}),
        ({"ids": "gate"}, {"gate"}),
    ],
)
def test_assets_are_chosen_by_id_class_and_criticality(
    options: dict[str, object], names: set[str]
) -> None:
    route = laid(park(*ASSETS), "points", **options)
    assert len(route.strips) == len(names)
    seen = {strip.points[0].look_at for strip in route.strips}
    middles = {
        one.id: FRAME.to_en_m(one.geometry.centroid.y, one.geometry.centroid.x) for one in ASSETS
    }
    for name in names:
        assert any(
            look_at is not None and math.dist(FRAME.to_en_m(*look_at), middles[name]) < 0.1
            for look_at in seen
        )


def test_the_round_through_the_assets_is_short() -> None:
    random = np.random.default_rng(4)
    ring = [
        asset(f"a{number}", 200.0 * math.cos(turn), 200.0 * math.sin(turn))
        for number, turn in enumerate(random.permutation(np.linspace(0.0, 2 * np.pi, 24, False)))
    ]
    route = laid(park(*ring), "points", gimbal_pitch_deg=-90)
    assert len(route.strips) == 24
    assert length_m(route) <= 2.0 * math.pi * 200.0


def test_an_unknown_asset_is_refused_with_those_there_are() -> None:
    with pytest.raises(RouteError, match="has no asset tnk; its assets are: gate, mast, tank"):
        laid(park(*ASSETS), "points", "tnk")


def test_a_class_that_no_asset_has_is_refused_with_those_they_have() -> None:
    with pytest.raises(RouteError, match="3 assets of the classes: gate, mast, tank"):
        laid(park(*ASSETS), "points", classes="crane")


def test_an_asset_in_a_no_fly_area_is_looked_at_from_outside_it_and_that_is_said() -> None:
    closed = shapely.box(20.0, -80.0, 180.0, 80.0)
    site = park(*ASSETS, NoFly(id="gas", geometry=drawn(closed)))
    route = laid(site, "points", "tank", margin_m=10.0)
    assert Point(place(only_point(route))).distance(closed) >= 9.9
    assert "asset tank is looked at from" in " ".join(route.notes)


def test_an_asset_that_cannot_be_seen_is_refused_by_name_and_else_left_out_and_said() -> None:
    site = park(*ASSETS, NoFly(id="gas", geometry=drawn(Point(100.0, 0.0).buffer(180.0))))
    with pytest.raises(RouteError, match="asset tank cannot be looked at: no place near it"):
        laid(site, "points", "tank")
    route = laid(site, "points", gimbal_pitch_deg=-60)
    assert len(route.strips) == 2
    assert "asset tank cannot be looked at: no place near it may be flown" in route.notes


def test_a_building_in_the_way_moves_the_place_to_look_from() -> None:
    wall = shapely.box(70.0, -60.0, 85.0, 60.0)
    site = park(asset("tank", 100.0, 0.0), Building(height_m=30.0, geometry=drawn(wall)))
    request = RouteRequest.from_words(site, "points", ["tank"], {})
    point = only_point(lay_out(site, request, home=home_at(-300.0, 0.0)))
    assert not LineString([place(point), (100.0, 0.0)]).intersects(wall)


def test_an_asset_hidden_all_round_is_looked_at_and_that_is_said() -> None:
    yard = Point(100.0, 0.0).buffer(12.0).difference(Point(100.0, 0.0).buffer(8.0))
    site = park(asset("tank", 100.0, 0.0), Building(height_m=39.0, geometry=drawn(yard)))
    assert "may be hidden behind a building" in " ".join(laid(site, "points", "tank").notes)


def test_places_drawn_for_a_route_are_visited() -> None:
    site = park(route_feature("gates", "points", MultiPoint([(0.0, 0.0), (50.0, 50.0)])))
    route = lay_out(site, RouteRequest.from_site(site, "gates"), home=home_at(0.0, 0.0))
    assert len(route.strips) == 2


def test_an_orbit_is_a_circle_with_the_camera_kept_on_its_middle() -> None:
    route = laid(park(*ASSETS), "orbit", "tank", radius_m=50, alt_agl_m=30)
    (path,) = metres(route)
    assert np.hypot(*(path - [100.0, 0.0]).T) == pytest.approx(50.0, abs=0.05)
    assert path[0] == pytest.approx(path[-1], abs=0.01)
    for point in route.strips[0].points:
        assert point.look_at is not None
        assert FRAME.to_en_m(*point.look_at) == pytest.approx((100.0, 0.0), abs=0.05)
        assert point.gimbal_pitch_deg == pytest.approx(-math.degrees(math.atan2(30.0, 50.0)))
    bearing = np.unwrap(np.arctan2(path[:, 0] - 100.0, path[:, 1]))
    assert (np.diff(bearing) > 0.0).all()


def test_an_orbit_begins_on_the_side_of_home() -> None:
    (path,) = metres(laid(park(asset("mast", 0.0, 0.0)), "orbit", "mast", radius_m=30))
    assert path[0] == pytest.approx([0.0, -30.0], abs=0.05)


def test_an_orbit_can_be_flown_at_several_heights_and_several_times_round() -> None:
    route = laid(park(*ASSETS), "orbit", "tank", altitudes_agl_m="50,30", turns=2)
    assert [strip.points[0].alt_agl_m for strip in route.strips] == [30.0, 50.0]
    (low, _) = metres(route)
    around = np.unwrap(np.arctan2(low[:, 1], low[:, 0] - 100.0))
    assert abs(around[-1] - around[0]) == pytest.approx(4.0 * math.pi)


def test_the_radius_follows_the_size_of_the_thing() -> None:
    hall = Building(id="hall", height_m=15.0, geometry=drawn(shapely.box(-60.0, -40.0, 60.0, 40.0)))
    (path,) = metres(laid(park(hall), "orbit", "hall"))
    assert np.hypot(*path.T) == pytest.approx(math.hypot(60.0, 40.0) + 20.0, abs=0.1)
    with pytest.raises(RouteError, match=r"radius_m 50: hall itself .* 72 m .* 82 m or more"):
        laid(park(hall), "orbit", "hall", radius_m=50)


def test_a_building_that_is_taller_than_the_circle_is_gone_round_all_the_same() -> None:
    tower = Building(id="stack", height_m=62.0, geometry=drawn(shapely.Point(0.0, 0.0).buffer(5.0)))
    route = laid(park(tower), "orbit", "stack", altitudes_agl_m="40,70", radius_m=40)
    assert [strip.points[0].alt_agl_m for strip in route.strips] == [40.0, 70.0]
    for path in metres(route):
        assert np.hypot(*path.T) == pytest.approx(40.0, abs=0.1)


def test_near_the_fence_the_circle_is_as_large_as_fits() -> None:
    near = asset("stack", 375.0, 0.0)
    (path,) = metres(laid(park(near), "orbit", "stack", margin_m=10.0))
    assert np.hypot(*(path - [375.0, 0.0]).T) == pytest.approx(15.0, abs=0.1)
    with pytest.raises(RouteError, match=r"a circle of 40 m around stack .* 10 to 15 m fit"):
        laid(park(near), "orbit", "stack", radius_m=40)
    with pytest.raises(RouteError, match="there is no room for one"):
        laid(park(asset("stack", 395.0, 0.0)), "orbit", "stack")


def test_a_circle_through_a_no_fly_area_is_refused() -> None:
    closed = NoFly(id="gas", geometry=drawn(shapely.box(140.0, -10.0, 160.0, 10.0)))
    with pytest.raises(RouteError, match="enters a no-fly area"):
        laid(park(*ASSETS, closed), "orbit", "tank", radius_m=50)


def test_an_orbit_goes_round_a_coordinate_or_the_place_drawn_for_it() -> None:
    (path,) = metres(laid(park(), "orbit", at(50.0, 60.0), radius_m=25))
    assert path[:-1].mean(axis=0) == pytest.approx([50.0, 60.0], abs=0.1)
    site = park(route_feature("stack", "orbit", Point(50.0, 60.0), radius_m=25))
    route = lay_out(site, RouteRequest.from_site(site, "stack"), home=home_at(0.0, -250.0))
    assert np.allclose(metres(route)[0], path, atol=0.01)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say what to go round: orbit ID, or orbit LAT,LON"),
        (("tower",), "'tower' is no asset or building .* it has: tank, mast, gate"),
        (("95.0,20.0",), "latitude first, -90 to 90"),
    ],
)
def test_an_orbit_around_nothing_known_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(RouteError, match=message):
        laid(park(*ASSETS), "orbit", *words)


def test_a_coordinate_is_looked_at_from_the_side_the_drone_comes_from() -> None:
    point = only_point(laid(park(), "look", at(0.0, 50.0), dwell_s=45))
    east, north = place(point)
    assert east == pytest.approx(0.0, abs=0.1)
    assert north == pytest.approx(50.0 - 60.0 / math.tan(math.radians(60.0)), abs=0.1)
    assert point.gimbal_pitch_deg == pytest.approx(-60.0, abs=0.1)
    assert (point.hold_s, point.take_photo) == (45.0, True)


def test_a_coordinate_is_looked_at_straight_down_if_asked_for() -> None:
    point = only_point(laid(park(), "look", at(0.0, 50.0), gimbal_pitch_deg=-90))
    assert place(point) == pytest.approx((0.0, 50.0), abs=0.05)
    assert point.look_at is None


def test_somebody_just_outside_the_fence_is_looked_at_from_inside() -> None:
    route = laid(park(), "look", at(0.0, 320.0))
    assert place(only_point(route))[1] <= 290.1
    assert "the place is 20 m outside the boundary" in route.notes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say where to look: look LAT,LON"),
        (("here",), "at 'here': write a place as LAT,LON"),
        (("0.0,0.0",), r"it is \d+ m outside site 'test-park', and 60 is the most"),
    ],
)
def test_a_look_at_no_place_of_the_park_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(RouteError, match=message):
        laid(park(), "look", *words)


def test_a_look_where_nothing_near_may_be_flown_is_refused() -> None:
    closed = NoFly(id="gas", geometry=drawn(Point(0.0, 50.0).buffer(150.0)))
    with pytest.raises(RouteError, match="cannot be looked at from 60 m: no place near it"):
        laid(park(closed), "look", at(0.0, 50.0))
