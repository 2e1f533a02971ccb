from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.energy import EnergyModel, landing_s, way_home_wh
from drone.records import Vehicle, Wind
from park.errors import RouteError

CALM = EnergyModel(Vehicle(), Wind())
speeds = st.floats(0.0, 30.0)


class TestPower:
    def test_standing_in_the_air_takes_the_hover_power(self) -> None:
        assert CALM.power_w(0.0) == pytest.approx(400.0)

    def test_it_is_the_hover_power_at_moderate_speed_although_real_copters_save_there(self) -> None:
        assert CALM.power_w(8.0) == pytest.approx(400.0)

    def test_it_is_more_at_high_speed(self) -> None:
        # By hand from the formula of the module, at 18 m/s: profile 200.7, induced 58.7,
        # parasite 214.3 W.
        assert CALM.power_w(18.0) == pytest.approx(473.7, abs=0.5)

    @given(speeds, speeds)
    def test_it_never_falls_with_speed_through_the_air(self, one: float, two: float) -> None:
        slow, fast = sorted((one, two))
        assert CALM.power_w(slow) <= CALM.power_w(fast) + 1e-9


class TestLegs:
    @given(st.floats(1.0, 5000.0), st.floats(0.0, 5000.0), st.floats(1.0, 18.0))
    def test_a_longer_leg_takes_more(self, length: float, more: float, speed: float) -> None:
        shorter = CALM.leg_wh(length, 0.0, 0.0, speed)
        assert CALM.leg_wh(length + more, 0.0, 0.0, speed) >= shorter - 1e-9

    @given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
    def test_a_higher_climb_takes_more(self, up: float, more: float) -> None:
        assert CALM.climb_wh(up + more) >= CALM.climb_wh(up) - 1e-9

    @given(st.floats(0.0, 11.0), st.floats(0.0, 11.0), st.floats(1.0, 12.0))
    def test_more_head_wind_never_takes_less(self, one: float, two: float, speed: float) -> None:
        weak, strong = sorted((one, two))
        # Flying north, wind from the north.
        light = EnergyModel(Vehicle(), Wind(weak, 0.0)).leg_wh(0.0, 1000.0, 0.0, speed)
        heavy = EnergyModel(Vehicle(), Wind(strong, 0.0)).leg_wh(0.0, 1000.0, 0.0, speed)
        assert heavy >= light - 1e-9

    def test_a_leg_against_the_wind_takes_more_than_one_with_it(self) -> None:
        model = EnergyModel(Vehicle(), Wind(8.0, from_deg=90.0))
        assert model.leg_wh(1000.0, 0.0, 0.0, 12.0) > model.leg_wh(-1000.0, 0.0, 0.0, 12.0)

    def test_a_steep_leg_takes_as_long_as_its_climb(self) -> None:
        seconds, _ = CALM.legs(np.array([[10.0, 0.0, 50.0]]), 10.0)
        assert seconds[0] == pytest.approx(50.0 / 2.5)

    def test_climbing_takes_more_power_than_hovering_as_long(self) -> None:
        assert CALM.climb_wh(25.0) > CALM.hover(10.0).wh

    def test_turning_back_takes_longer_than_going_on(self) -> None:
        straight = CALM.flown(np.array([[0, 0, 0], [100, 0, 0], [200, 0, 0]], float), 10.0)
        back = CALM.flown(np.array([[0, 0, 0], [100, 0, 0], [0, 0, 0]], float), 10.0)
        assert back.seconds - straight.seconds == pytest.approx(10.0 / 2.5)

    def test_waiting_is_counted_where_it_is_done(self) -> None:
        line = np.array([[0, 0, 0], [100, 0, 0], [200, 0, 0]], float)
        speeds, holds = np.full(3, 10.0), np.array([0.0, 30.0, 0.0])
        seconds, _ = CALM.profile(line, speeds, holds)
        without, _ = CALM.profile(line, speeds, np.zeros(3))
        assert list(seconds - without) == pytest.approx([0.0, 30.0, 30.0])


class TestWind:
    def test_more_than_the_vehicle_may_fly_in_is_refused_by_how_much(self) -> None:
        with pytest.raises(RouteError, match=r"15 m/s is 3\.0 m/s more than .* \(12 m/s\)"):
            EnergyModel(Vehicle(), Wind(15.0))

    def test_wind_that_leaves_no_speed_is_refused(self) -> None:
        with pytest.raises(RouteError, match="hardly moves"):
            EnergyModel(Vehicle(cruise_mps=5.0, max_mps=8.0), Wind(7.5))

    def test_speed_that_cannot_be_held_is_refused_with_what_can(self) -> None:
        model = EnergyModel(Vehicle(), Wind(10.0, 0.0))
        north = (np.array([0.0]), np.array([100.0]))
        model.need_speed(*north, 8.0)
        with pytest.raises(RouteError, match=r"4\.0 m/s too fast .* speed_mps to 8 or less"):
            model.need_speed(*north, 12.0)

    def test_transits_slow_down_instead(self) -> None:
        model = EnergyModel(Vehicle(), Wind(10.0, 0.0))
        assert model.reachable_mps(np.array([0.0]), np.array([9.0]), 12.0)[0] == pytest.approx(8.0)

    def test_a_cross_wind_takes_its_part_of_the_airspeed(self) -> None:
        model = EnergyModel(Vehicle(), Wind(10.0, 90.0))
        fastest = model.reachable_mps(np.array([0.0]), np.array([9.0]), 99.0)[0]
        assert fastest == pytest.approx((18.0**2 - 10.0**2) ** 0.5)


class TestWayHome:
    HOME = np.zeros(3)

    @given(st.floats(0.0, 5000.0), st.floats(0.0, 3000.0), st.floats(10.0, 100.0))
    def test_from_further_away_it_takes_more(self, near: float, more: float, up: float) -> None:
        places = np.array([[near, 0.0, up], [near + more, 0.0, up]])
        one, two = way_home_wh(CALM, places, self.HOME, 40.0)
        assert one <= two + 1e-9

    def test_it_climbs_to_the_return_height_first(self) -> None:
        low, high = way_home_wh(
            CALM, np.array([[500.0, 0.0, 20.0], [500.0, 0.0, 60.0]]), self.HOME, 60.0
        )
        assert low - high == pytest.approx(CALM.climb_wh(40.0))

    def test_landing_is_slow_near_the_ground(self) -> None:
        # 30 m at 1.5 m/s, 10 m at 0.5 m/s, and 5 s of waiting and stopping.
        assert landing_s(Vehicle(), np.array([40.0]))[0] == pytest.approx(20.0 + 20.0 + 5.0)
