from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from drone.airspace import Airspace, Rule, Violation, refuse
from drone.obstacles import Limits
from park.errors import AirspaceError, RouteError
from park.site import Site
from park.terrain import FlatTerrain
from tests.drone.drawn_park import Hill, band, drawn_site, site_legs

HALL = shapely.box(100, -50, 200, 50)


def found(site: Site, *legs: object, terrain: object = None) -> list[Violation]:
    airspace = Airspace.of(site, terrain or FlatTerrain())  # type: ignore[arg-type]
    return list(airspace.check_legs(site_legs(site, *legs)))  # type: ignore[arg-type]


class TestBoundary:
    def test_a_leg_inside_the_margin_is_free(self) -> None:
        assert not found(drawn_site(), [[-400, 0, 40], [494.9, 0, 40]])

    def test_a_leg_out_of_the_park_is_told_with_place_and_distance(self) -> None:
        site = drawn_site()
        (one,) = found(site, [[0, 0, 40], [600, 0, 40]])
        assert one.rule is Rule.BOUNDARY
        assert one.by_m == pytest.approx(105.0, abs=0.2)
        assert site.frame.to_en_m(one.lat_deg, one.lon_deg)[0] == pytest.approx(600.0, abs=1.0)

    def test_a_leg_across_a_bay_is_told_although_both_waypoints_are_inside(self) -> None:
        bay = shapely.box(-500, -500, 500, 500).difference(shapely.box(-50, 0, 50, 500))
        (one,) = found(drawn_site(boundary=bay), [[-200, 200, 40], [200, 200, 40]])
        assert one.rule is Rule.BOUNDARY
        assert one.by_m == pytest.approx(55.0, abs=3.0)


class TestBuildings:
    def test_a_leg_above_the_roof_and_its_clearance_is_free(self) -> None:
        site = drawn_site(buildings=[(HALL, 20.0)])
        assert not found(site, [[0, 0, 30], [300, 0, 30]])

    def test_a_leg_lower_is_told_by_how_much_to_raise_it(self) -> None:
        site = drawn_site(buildings=[(HALL, 20.0)])
        (one,) = found(site, [[0, 0, 23], [300, 0, 23]])
        assert (one.rule, one.obstacle) == (Rule.BUILDING, "building b1")
        assert one.by_m == pytest.approx(7.0)
        assert "fly 7.0 m higher or" in str(one)

    def test_height_counts_where_the_leg_crosses_and_not_at_its_ends(self) -> None:
        site = drawn_site(buildings=[(HALL, 20.0)])
        # It climbs past the roof: at 90 m, where the margin begins, it is 31 m high.
        assert not found(site, [[0, 0, 13], [300, 0, 73]])
        (one,) = found(site, [[0, 0, 10], [300, 0, 70]])
        assert one.by_m == pytest.approx(2.0, abs=0.05)

    def test_a_leg_beside_the_wall_is_free_beyond_the_margin(self) -> None:
        site = drawn_site(buildings=[(HALL, 20.0)])
        assert not found(site, [[0, 60.1, 15], [300, 60.1, 15]])
        assert found(site, [[0, 59.5, 15], [300, 59.5, 15]])

    def test_a_climb_on_the_spot_beside_a_wall_is_told(self) -> None:
        site = drawn_site(buildings=[(HALL, 20.0)])
        (one,) = found(site, [[205, 0, 10], [205, 0, 60]])
        assert one.by_m == pytest.approx(20.0)


class TestNoFly:
    def test_without_limits_it_is_closed_at_all_heights(self) -> None:
        (one,) = found(drawn_site(no_fly=[HALL]), [[0, 0, 119], [300, 0, 119]])
        assert (one.rule, one.obstacle) == (Rule.NO_FLY, "no-fly area n1")
        assert one.by_m == pytest.approx(55.0, abs=4.0)

    @pytest.mark.parametrize(("height", "free"), [(34.9, True), (50.0, False), (85.1, True)])
    def test_with_limits_it_is_open_below_and_above_them(self, height: float, free: bool) -> None:
        site = drawn_site(no_fly=[band(HALL, 40.0, 80.0)])
        assert (not found(site, [[0, 0, height], [300, 0, height]])) is free


class TestGround:
    def test_more_than_120_m_is_told_by_how_much(self) -> None:
        (one,) = found(drawn_site(), [[0, 0, 50], [100, 0, 127.5]])
        assert one.rule is Rule.TOO_HIGH
        assert one.by_m == pytest.approx(7.5)

    def test_a_leg_into_a_hill_between_two_good_waypoints_is_told_at_the_summit(self) -> None:
        site = drawn_site()
        (one,) = found(site, [[-300, 0, 30], [300, 0, 30]], terrain=Hill(0, 0, 60, 200))
        assert one.rule is Rule.TOO_LOW
        assert one.by_m == pytest.approx(35.0, abs=1.5)
        assert abs(site.frame.to_en_m(one.lat_deg, one.lon_deg)[0]) < 6.0

    def test_above_a_valley_it_is_too_high(self) -> None:
        rules = found(drawn_site(), [[-300, 0, 70], [300, 0, 70]], terrain=Hill(0, 0, -60, 200))
        assert [one.rule for one in rules] == [Rule.TOO_HIGH]

    def test_a_roof_on_a_hill_is_as_high_as_the_hill_and_the_building(self) -> None:
        site = drawn_site(buildings=[(shapely.box(-10, -10, 10, 10), 20.0)])
        legs = [[-300, 0, 85], [300, 0, 85]]
        (one,) = found(site, legs, terrain=Hill(0, 0, 60, 200))
        assert one.by_m == pytest.approx(5.0, abs=2.0)

    def test_unknown_ground_is_refused(self) -> None:
        class Half(FlatTerrain):
            resolution_m = 10.0

            def height_home_m(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
                return np.where(lon_deg > 121.0, np.nan, 0.0)

        (one,) = found(drawn_site(), [[-300, 0, 40], [300, 0, 40]], terrain=Half())
        assert one.rule is Rule.GROUND_UNKNOWN
        assert "give an elevation model that covers the park" in str(one)


boxes = st.tuples(
    st.floats(-150, 150), st.floats(-150, 150), st.floats(5, 80), st.floats(5, 80),
    st.floats(5, 80), st.booleans(),
)  # fmt: skip
ends = st.tuples(st.floats(-200, 200), st.floats(-200, 200), st.floats(10, 110))


class TestAgainstDenseSamples:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(boxes, min_size=1, max_size=8), ends, ends)
    def test_a_leg_is_told_exactly_when_a_sample_of_it_is_too_near(
        self,
        drawn: list[tuple[float, float, float, float, float, bool]],
        start: tuple[float, float, float],
        end: tuple[float, float, float],
    ) -> None:
        shapes = [
            shapely.box(e - w / 2, n - d / 2, e + w / 2, n + d / 2) for e, n, w, d, *_ in drawn
        ]
        site = drawn_site(
            buildings=[(s, b[4]) for s, b in zip(shapes, drawn, strict=True) if b[5]],
            no_fly=[
                band(s, b[4] / 2, b[4], f"n{k}")
                for k, (s, b) in enumerate(zip(shapes, drawn, strict=True))
                if not b[5]
            ],
        )
        airspace = Airspace.of(site, FlatTerrain())
        leg = site_legs(site, [start, end])
        told = {one.obstacle for one in airspace.check_legs(leg)}
        share = np.linspace(0.0, 1.0, 1 + max(1, math.ceil(math.dist(start, end) / 0.2)))
        samples = leg[0, 0] + share[:, None] * (leg[0, 1] - leg[0, 0])
        points = shapely.points(samples[:, :2])
        for obstacle in airspace.obstacles.obstacles:
            inside = shapely.covers(obstacle.keep_out, points)
            depth_z = np.minimum(
                samples[:, 2] - obstacle.floor_z_m, obstacle.top_z_m - samples[:, 2]
            )
            # What is decided by less than the slack may be told or not.
            if (inside & (depth_z > 0.1)).any():
                assert obstacle.label in told
            elif not (shapely.dwithin(obstacle.keep_out, points, 0.3) & (depth_z > -0.5)).any():
                assert obstacle.label not in told


class TestWaysHome:
    def test_a_no_fly_area_between_a_leg_and_home_is_told(self) -> None:
        site = drawn_site(no_fly=[HALL])
        airspace = Airspace.of(site, FlatTerrain())
        legs = site_legs(site, [[300, 0, 40], [300, 100, 40]])
        found = airspace.return_breaches(legs, np.zeros((1, 3)), 40.0)
        rules = [breach.rule for breach in found]
        assert rules == [Rule.NO_FLY]

    def test_it_is_told_also_when_only_the_middle_of_a_leg_is_behind_it(self) -> None:
        site = drawn_site(no_fly=[shapely.box(100, -20, 120, 20)])
        airspace = Airspace.of(site, FlatTerrain())
        legs = site_legs(site, [[300, -300, 40], [300, 300, 40]])
        assert airspace.return_breaches(legs, np.zeros((1, 3)), 40.0)
        assert list(airspace.closed_returns(legs, np.zeros((1, 3)), 40.0)) == [0]

    def test_a_return_height_above_a_building_opens_the_way(self) -> None:
        site = drawn_site(buildings=[(HALL, 50.0)])
        airspace = Airspace.of(site, FlatTerrain())
        legs = site_legs(site, [[300, 0, 30], [300, 100, 30]])
        assert airspace.return_breaches(legs, np.zeros((1, 3)), 59.0)
        assert not airspace.return_breaches(legs, np.zeros((1, 3)), 60.0)

    def test_a_nearer_rally_point_opens_the_way(self) -> None:
        site = drawn_site(no_fly=[HALL])
        airspace = Airspace.of(site, FlatTerrain())
        legs = site_legs(site, [[300, 0, 40], [300, 100, 40]])
        targets = np.array([[0.0, 0.0, 0.0], [300.0, 200.0, 0.0]])
        assert not airspace.return_breaches(legs, targets, 40.0)

    def test_the_climb_to_the_return_height_into_a_no_fly_area_above_is_told(self) -> None:
        site = drawn_site(no_fly=[band(HALL, 50.0)])
        airspace = Airspace.of(site, FlatTerrain())
        legs = site_legs(site, [[120, 0, 30], [180, 0, 30]])
        assert not airspace.check_legs(legs)
        assert airspace.return_breaches(legs, np.zeros((1, 3)), 60.0)


class TestRefusal:
    VIOLATION = Violation(1, 2, "survey", Rule.BUILDING, "building b", 31.0, 121.0, 3.25)

    def test_nothing_wrong_is_not_refused(self) -> None:
        refuse((), "the plan")

    def test_it_names_the_leg_the_rule_the_place_and_by_how_much(self) -> None:
        with pytest.raises(
            AirspaceError,
            match=r"sortie 1, leg 2 \(survey\): in a building or too close to it \(building b\) by "
            r"3\.2 m at 31\.000000, 121\.000000",
        ):
            refuse([self.VIOLATION], "the plan")

    def test_it_says_how_much_height_clears_all_buildings(self) -> None:
        with pytest.raises(AirspaceError, match=r"alt_agl_m higher by 3\.2 m would clear every"):
            refuse([self.VIOLATION], "the plan")

    def test_it_lists_twelve_and_counts_the_rest(self) -> None:
        with pytest.raises(AirspaceError, match=r"air 20 times(.|\n)*and 8 more") as caught:
            refuse([self.VIOLATION] * 20, "the plan")
        assert str(caught.value).count("sortie 1") == 12


class TestLimits:
    def test_limits_below_zero_are_refused(self) -> None:
        with pytest.raises(RouteError, match=r"no_fly_margin_m -1\.0 is not zero or more"):
            Limits(no_fly_margin_m=-1.0)

    def test_a_floor_above_the_ceiling_is_refused(self) -> None:
        with pytest.raises(RouteError, match="min_alt_agl_m 50 is not below max_alt_agl_m 40"):
            Limits(min_alt_agl_m=50.0, max_alt_agl_m=40.0)

    def test_a_park_that_is_too_narrow_is_refused(self) -> None:
        site = drawn_site(boundary=shapely.box(-4, -500, 4, 500))
        with pytest.raises(AirspaceError, match="is nowhere 10 m wide"):
            _ = Airspace.of(site, FlatTerrain()).allowed
