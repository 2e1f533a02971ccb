from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drone.airspace import Airspace
from drone.energy import EnergyModel, way_home_wh
from drone.planner import homes_of, plan, plan_route
from drone.records import FlightPlan, LegKind, PatrolRoute, Vehicle, Wind
from drone.route_request import RouteRequest
from park.errors import AirspaceError, RouteError
from park.site import Site
from park.terrain import FlatTerrain, Terrain
from tests.drone.drawn_park import Hill, band, drawn_route, drawn_site, place, strip

HASH = "0" * 64
LINES = [strip((-400, n), (400, n), photo_spacing_m=20.0) for n in range(-300, 301, 60)]


def planned(site: Site, route: PatrolRoute, **more: Any) -> FlightPlan:
    return plan_route(site, HASH, route, homes=homes_of(site), **more)


def check(site: Site, made: FlightPlan, terrain: Terrain | None = None) -> None:
    assert not Airspace.of(site, terrain or FlatTerrain()).check(made)


def need_enough_battery(site: Site, made: FlightPlan, model: EnergyModel) -> None:
    """Count the energy anew, waypoint by waypoint."""
    airspace = Airspace.of(site, FlatTerrain())
    for sortie in made.sorties:
        assert sortie.energy_wh <= model.budget_wh + 1e-6
        home = airspace.home_place(sortie.home)
        legs = airspace.legs_of(sortie)
        line = np.vstack([legs[:1, 0], legs[:, 1]])
        speeds = np.array([1.0, *(w.speed_mps for w in sortie.waypoints)])
        holds = np.array([0.0, *(w.hold_s for w in sortie.waypoints)])
        up = model.take_off(sortie.takeoff_alt_home_m)
        seconds, spent = model.profile(line, speeds, holds)
        left = model.budget_wh - up.wh - spent
        assert (left >= way_home_wh(model, line, home, line[-1, 2]) - 1e-6).all()
        down = model.landing(sortie.takeoff_alt_home_m)
        assert sortie.energy_wh == pytest.approx(up.wh + spent[-1] + down.wh)
        assert sortie.duration_s == pytest.approx(up.seconds + seconds[-1] + down.seconds)


class TestSimplePlan:
    @pytest.mark.parametrize("height_m", [59.96, 60.0, 60.1, 60.2, 60.4, 60.6])
    def test_a_roof_a_little_higher_than_the_strip_is_passed_above_its_clearance(
        self, height_m: float
    ) -> None:
        # The building stands on the way home, and the strip ends before it.
        site = drawn_site(buildings=[(shapely.box(50, -20, 80, 20), height_m)])
        check(site, planned(site, drawn_route(strip((300, 0), (120, 0), alt_agl_m=70.0))))

    def test_one_sortie_goes_out_along_the_strips_and_home(self) -> None:
        site = drawn_site()
        made = planned(site, drawn_route(strip((100, 0), (300, 0)), strip((300, 50), (100, 50))))
        (sortie,) = made.sorties
        legs = [waypoint.leg for waypoint in sortie.waypoints]
        assert legs == ["transit", "survey", "transit", "survey", "return"]
        assert {round(w.alt_home_m, 6) for w in sortie.waypoints} == {40.0}
        assert (sortie.waypoints[-1].lat_deg, sortie.waypoints[-1].lon_deg) == pytest.approx(
            (sortie.home.lat_deg, sortie.home.lon_deg)
        )
        assert made.rally == ()
        check(site, made)

    def test_figures_are_those_of_the_way(self) -> None:
        made = planned(drawn_site(), drawn_route(strip((100, 0), (300, 0), photo_spacing_m=20.0)))
        figures = made.figures
        assert figures.length_m == pytest.approx(100 + 200 + 300, abs=0.1)
        assert figures.survey_length_m == pytest.approx(200, abs=0.1)
        assert figures.photos in (10, 11)
        assert figures.gsd_m[0] == pytest.approx(made.route.camera.gsd_m(40.0))
        assert figures.energy_wh == pytest.approx(made.sorties[0].energy_wh)

    def test_what_had_to_be_assumed_is_said(self) -> None:
        made = planned(drawn_site(), drawn_route(strip((100, 0), (300, 0))))
        assert made.assumptions[0].startswith("level ground at take-off height")
        assert "no wind" in made.assumptions

    def test_what_was_left_out_while_laying_it_out_is_said_with_the_plan(self) -> None:
        site = drawn_site(no_fly=[shapely.box(100, 420, 160, 500)])
        request = RouteRequest.from_words(site, "perimeter", (), {"alt_agl_m": 20.0})
        made = plan(site, HASH, request)
        assert any("of the way round is left out because of" in n for n in made.route.notes)
        assert set(made.route.notes) <= set(made.assumptions)

    def test_strips_are_turned_round_where_that_is_nearer_and_allowed(self) -> None:
        one_way = strip((300, 50), (100, 50), reversible=False)
        made = planned(drawn_site(), drawn_route(strip((300, 0), (100, 0)), one_way))
        lons = [w.lon_deg for w in made.sorties[0].waypoints]
        assert lons[0] < lons[1]
        assert lons[2] > lons[3]

    def test_photos_start_and_end_with_the_strip(self) -> None:
        made = planned(drawn_site(), drawn_route(strip((100, 0), (300, 0), photo_spacing_m=20.0)))
        assert [w.photo_spacing_m for w in made.sorties[0].waypoints] == [20.0, 0.0, None]

    def test_a_request_is_laid_out_and_planned(self) -> None:
        site = drawn_site()
        made = plan(site, HASH, RouteRequest.from_words(site, "perimeter"))
        assert made.figures.coverage is not None
        assert made.figures.bound_ratio is not None
        check(site, made)


class TestDocks:
    def test_a_site_without_one_is_refused(self) -> None:
        site = drawn_site(docks=())
        with pytest.raises(RouteError, match=r"'test' has no dock, .* add a feature"):
            plan(site, HASH, RouteRequest.from_words(site, "perimeter"))

    def test_an_unknown_one_is_refused(self) -> None:
        site = drawn_site()
        with pytest.raises(RouteError, match="no dock 'x'; its docks are: d1"):
            plan(site, HASH, RouteRequest.from_words(site, "perimeter"), dock_id="x")

    def test_one_outside_the_boundary_is_refused(self) -> None:
        site = drawn_site(docks=[(510.0, 0.0)])
        with pytest.raises(AirspaceError, match=r"dock d1 .*\n.*take-off.*boundary .* by 13\.0 m"):
            planned(site, drawn_route(strip((100, 0), (300, 0))))

    def test_one_inside_a_building_is_refused(self) -> None:
        site = drawn_site(buildings=[(shapely.box(-20, -20, 20, 20), 10.0)])
        with pytest.raises(AirspaceError, match=r"building b1.*move it away from the walls"):
            planned(site, drawn_route(strip((100, 0), (300, 0))))

    def test_each_strip_is_flown_from_the_nearest(self) -> None:
        site = drawn_site(docks=[(-400.0, 0.0), (400.0, 0.0)])
        made = planned(site, drawn_route(strip((300, 0), (350, 0)), strip((-300, 0), (-350, 0))))
        assert [sortie.home.dock_id for sortie in made.sorties] == ["d2", "d1"]
        assert [sortie.number for sortie in made.sorties] == [1, 2]

    def test_a_strip_between_two_docks_is_shared(self) -> None:
        site = drawn_site(docks=[(-450.0, 0.0), (450.0, 0.0)])
        made = planned(site, drawn_route(strip((-400, 50), (400, 50))))
        assert {sortie.home.dock_id for sortie in made.sorties} == {"d1", "d2"}
        assert made.figures.survey_length_m == pytest.approx(800.0, abs=0.5)


class TestBattery:
    SMALL = Vehicle(battery_wh=60.0)

    def test_strips_are_shared_out_and_all_flown(self) -> None:
        site = drawn_site()
        made = planned(site, drawn_route(*LINES), vehicle=self.SMALL)
        assert len(made.sorties) > 3
        assert made.figures.survey_length_m == pytest.approx(800.0 * len(LINES), abs=1.0)
        need_enough_battery(site, made, EnergyModel(self.SMALL, Wind()))
        check(site, made)

    def test_a_strip_longer_than_a_battery_is_cut_and_photos_go_on(self) -> None:
        long = strip(
            *((e, n) for n in range(-400, 401, 40) for e in (-400, 400)), photo_spacing_m=25.0
        )
        site = drawn_site()
        made = planned(site, drawn_route(long), vehicle=self.SMALL)
        assert len(made.sorties) > 1
        for sortie in made.sorties:
            assert sortie.waypoints[0].photo_spacing_m == 25.0
            assert sortie.waypoints[0].gimbal_pitch_deg == -90.0
        need_enough_battery(site, made, EnergyModel(self.SMALL, Wind()))

    def test_a_place_out_of_reach_is_refused_by_how_many_watt_hours(self) -> None:
        tiny = Vehicle(battery_wh=20.0)
        with pytest.raises(
            RouteError,
            match=r"from dock d1 .* on one battery: that takes \d+ Wh more than the 15 Wh",
        ):
            planned(drawn_site(), drawn_route(strip((450, 450), (450, 400))), vehicle=tiny)

    def test_waiting_is_paid_for(self) -> None:
        still = PatrolRoute("r", "points", (strip((100, 0)),), drawn_route(LINES[0]).camera, 8.0)
        waiting = PatrolRoute(
            "r", "points",
            (type(LINES[0])((place(100, 0, hold_s=90.0),)),), still.camera, 8.0,
        )  # fmt: skip
        more = planned(drawn_site(), waiting).figures.energy_wh
        assert more - planned(drawn_site(), still).figures.energy_wh == pytest.approx(10.0)

    @settings(max_examples=20, deadline=None)
    @given(
        st.floats(45.0, 200.0),
        st.floats(0.0, 9.0),
        st.floats(0.0, 360.0),
        st.lists(st.tuples(*[st.floats(-400, 400)] * 4), min_size=1, max_size=6),
    )
    def test_no_sortie_ever_takes_more_than_its_battery(
        self,
        battery_wh: float,
        wind_mps: float,
        from_deg: float,
        drawn: list[tuple[float, float, float, float]],
    ) -> None:
        site = drawn_site()
        vehicle, wind = Vehicle(battery_wh=battery_wh), Wind(wind_mps, from_deg)
        strips = [strip((a, b), (c, d)) for a, b, c, d in drawn]
        try:
            made = planned(site, drawn_route(*strips), vehicle=vehicle, wind=wind)
        except RouteError:
            # Out of reach: what that says is tested above.
            assume(False)
        need_enough_battery(site, made, EnergyModel(vehicle, wind))
        length = sum(math.hypot(c - a, d - b) for a, b, c, d in drawn)
        assert made.figures.survey_length_m == pytest.approx(length, abs=1.0 + length * 1e-4)

    def test_wind_too_strong_for_the_speed_along_strips_is_refused(self) -> None:
        with pytest.raises(RouteError, match=r"too fast for a vehicle .* set speed_mps to"):
            planned(drawn_site(), drawn_route(*LINES, speed_mps=12.0), wind=Wind(10.0, 90.0))


class TestAirspace:
    WALL = shapely.box(100, -150, 130, 150)

    def test_a_strip_through_a_building_is_refused_with_the_height_that_clears_it(self) -> None:
        site = drawn_site(buildings=[(self.WALL, 35.0)])
        with pytest.raises(
            AirspaceError,
            match=r"sortie 1, leg 3 \(survey\).*building b1.*by 5\.0 m(.|\n)*alt_agl_m higher by 5",
        ):
            planned(site, drawn_route(strip((50, 0), (300, 0))))

    def test_the_return_height_clears_the_buildings_on_all_ways_home(self) -> None:
        site = drawn_site(buildings=[(self.WALL, 60.0)])
        made = planned(site, drawn_route(strip((200, 0), (300, 0))))
        assert made.sorties[0].waypoints[-1].alt_home_m == pytest.approx(70.0)
        check(site, made)

    def test_behind_a_no_fly_area_there_is_a_rally_point(self) -> None:
        site = drawn_site(no_fly=[self.WALL])
        made = planned(site, drawn_route(strip((200, 0), (300, 0))))
        assert made.rally
        assert "keep people away" in made.assumptions[-1]
        check(site, made)
        # Without it, the vehicle's own way home would be closed.
        legs = Airspace.of(site, FlatTerrain())
        assert legs.check_sortie(made.sorties[0], ())

    def test_rally_points_keep_away_from_roads_and_buildings(self) -> None:
        shed = shapely.box(220, 40, 260, 80)
        road = shapely.LineString([(150, -300), (150, 300)])
        site = drawn_site(no_fly=[self.WALL], buildings=[(shed, 5.0)], roads=[road])
        made = planned(site, drawn_route(strip((200, 0), (300, 0))))
        for point in made.rally:
            at = shapely.Point(site.frame.to_en_m(point.lat_deg, point.lon_deg))
            for shape in (shed, road):
                assert at.distance(shape) >= 14.9

    def test_ways_between_strips_go_around_and_are_checked(self) -> None:
        site = drawn_site(no_fly=[shapely.box(-20, -100, 20, 200)], docks=[(0.0, -300.0)])
        made = planned(
            site, drawn_route(strip((-100, 0), (-100, 100)), strip((100, 100), (100, 0)))
        )
        check(site, made)
        assert sum(w.leg is LegKind.TRANSIT for w in made.sorties[0].waypoints) > 2

    def test_below_a_no_fly_area_the_way_home_stays_below_it(self) -> None:
        site = drawn_site(no_fly=[band(shapely.box(50, -200, 150, 200), 60.0)])
        made = planned(site, drawn_route(strip((200, 0), (300, 0))))
        assert made.rally == ()
        assert made.sorties[0].waypoints[-1].alt_home_m == pytest.approx(40.0)
        assert any("not in the vehicle's own fence" in note for note in made.assumptions)

    def test_a_strip_beyond_an_approach_sector_is_flown_to_below_it_and_landed_by(self) -> None:
        site = drawn_site(no_fly=[band(shapely.box(50, -500, 150, 500), 60.0)])
        made = planned(site, drawn_route(strip((250, 0), (400, 0), alt_agl_m=70.0)))
        (sortie,) = made.sorties
        assert sortie.takeoff_alt_home_m == pytest.approx(54.95)
        assert {round(w.alt_home_m) for w in sortie.waypoints} == {55, 70}
        assert made.rally, "the vehicle's own return never sinks, so it has to land there"
        check(site, made)

    def test_under_an_approach_sector_may_be_landed(self) -> None:
        # The hall is too tall to return above it below the sector.
        everywhere = band(shapely.box(-500, -500, 500, 500), 60.0)
        hall = (shapely.box(90, -30, 110, 30), 50.0)
        site = drawn_site(no_fly=[everywhere], buildings=[hall])
        made = planned(site, drawn_route(strip((250, -20), (250, 20))))
        assert made.rally
        check(site, made)

    @pytest.mark.parametrize("alt_agl_m", [56.0, 70.0])
    def test_where_nothing_else_does_the_error_says_which_way_leads_out(
        self, alt_agl_m: float
    ) -> None:
        everywhere = band(shapely.box(-500, -500, 500, 500), 60.0)
        request = RouteRequest.from_words(
            drawn_site(no_fly=[everywhere]), "area", (), {"alt_agl_m": alt_agl_m}
        )
        with pytest.raises(RouteError, match=r"\(no-fly .*\); fly lower than 50 m, or"):
            plan(drawn_site(no_fly=[everywhere]), HASH, request)


class TestTerrain:
    def test_legs_follow_the_ground_and_the_return_clears_it(self) -> None:
        site = drawn_site()
        hill = Hill(250.0, 0.0, 50.0, 150.0)
        made = planned(site, drawn_route(strip((100, 0), (400, 0))), terrain=hill)
        survey = [w.alt_home_m for w in made.sorties[0].waypoints if w.leg is LegKind.SURVEY]
        assert max(survey) == pytest.approx(90.0, abs=3.0)
        assert made.sorties[0].waypoints[-1].alt_home_m >= 50.0 + 5.0 - 3.0
        check(site, made, hill)

    def test_heights_are_above_the_dock_where_that_is_not_at_zero(self) -> None:
        site = drawn_site(docks=[(250.0, 0.0)])
        hill = Hill(250.0, 0.0, 30.0, 100.0)
        made = planned(site, drawn_route(strip((-100, 0), (-300, 0))), terrain=hill)
        survey = [w.alt_home_m for w in made.sorties[0].waypoints if w.leg is LegKind.SURVEY]
        assert survey == pytest.approx([10.0])

    def test_ground_that_no_one_return_height_suits_is_refused_by_how_much(self) -> None:
        cliff = Hill(250.0, 0.0, 160.0, 150.0)
        with pytest.raises(AirspaceError, match=r"it would be \d+ m too low or too high"):
            planned(drawn_site(), drawn_route(strip((240, 0), (260, 0))), terrain=cliff)
