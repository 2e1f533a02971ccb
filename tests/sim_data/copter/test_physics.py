from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import SimulationError
from sim_data.copter.battery import Battery, BatteryPack, flight_power_w
from sim_data.copter.physics import (
    GRAVITY,
    HOVER_THROTTLE,
    Body,
    Demand,
    WindField,
    blows_to,
    wrap_deg,
)
from sim_data.copter.radio import Radio
from sim_data.copter.state import SimulatedWind

DT = 0.02


def flown(demand: Demand, seconds: float, wind: WindField, thrust_share: float = 1.0) -> Body:
    body = Body(0.0)
    body.up, body.on_ground = 50.0, False
    for _ in range(round(seconds / DT)):
        body.step(DT, demand, wind, lean_max_deg=30.0, thrust_share=thrust_share)
    return body


def steady(speed_mps: float, from_deg: float) -> WindField:
    field = WindField(random.Random(1))
    for _ in range(200):
        field.update(0.1, SimulatedWind(speed_mps, from_deg), (0.0, 0.0))
    return field


class TestBody:
    @given(st.floats(0.0, 359.0), st.floats(0.0, 8.0), st.floats(0.0, 359.0))
    def test_it_comes_to_the_velocity_it_is_asked_for(
        self, course_deg: float, wind_mps: float, from_deg: float
    ) -> None:
        east, north = blows_to(8.0, course_deg)
        body = flown(Demand(ve=east, vn=north, motors=True), 20.0, steady(wind_mps, from_deg))
        assert (body.ve, body.vn) == pytest.approx((east, north), abs=0.15)
        assert body.vu == pytest.approx(0.0, abs=0.01)

    def test_the_lean_balances_the_drag(self) -> None:
        body = flown(Demand(vn=12.0, motors=True), 30.0, steady(0.0, 0.0))
        drag = 0.5 * 1.225 * 0.06 * 12.0**2 / 5.0 + 0.12 * 12.0
        assert body.pitch == pytest.approx(-math.degrees(math.atan(drag / GRAVITY)), abs=0.2)

    def test_hovering_takes_the_thrust_of_the_hover(self) -> None:
        body = flown(Demand(motors=True), 5.0, steady(0.0, 0.0))
        assert body.thrust == pytest.approx(HOVER_THROTTLE, rel=0.01)

    def test_without_motors_it_falls_freely_at_first(self) -> None:
        body = flown(Demand(motors=False), 1.0, steady(0.0, 0.0))
        assert 50.0 - body.up == pytest.approx(GRAVITY / 2.0, rel=0.1)

    def test_it_never_sinks_into_the_ground(self) -> None:
        body = flown(Demand(motors=False), 20.0, steady(10.0, 0.0))
        assert body.up == 0.0
        assert body.broken
        assert body.ve == body.vn == body.vu == 0.0

    def test_it_turns_the_shorter_way_at_no_more_than_its_rate(self) -> None:
        body, fastest = Body(350.0), 0.0
        body.up, body.on_ground = 50.0, False
        for _ in range(250):
            before = body.yaw
            body.step(
                DT,
                Demand(yaw_deg=100.0, yaw_rate_dps=60.0, motors=True),
                steady(0.0, 0.0),
                lean_max_deg=30.0,
                thrust_share=1.0,
            )
            fastest = max(fastest, wrap_deg(body.yaw - before) / DT)
        assert body.yaw == pytest.approx(100.0, abs=1.0)
        assert 55.0 < fastest <= 60.01


class TestWind:
    def test_wind_from_the_west_blows_to_the_east(self) -> None:
        assert blows_to(5.0, 270.0) == pytest.approx((5.0, 0.0), abs=1e-9)

    def test_gusts_have_the_deviation_that_is_asked_for(self) -> None:
        field, values = WindField(random.Random(4)), []
        for _ in range(40_000):
            field.update(0.1, SimulatedWind(0.0, 0.0, 2.0), (0.0, 0.0))
            values.append(field.east_mps)
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        assert mean == pytest.approx(0.0, abs=0.3)
        assert spread == pytest.approx(2.0, rel=0.1)

    @pytest.mark.parametrize("speed_mps", [-1.0, 61.0, float("nan")])
    def test_a_wind_that_cannot_be_is_refused(self, speed_mps: float) -> None:
        with pytest.raises(SimulationError, match="not between 0 and 60"):
            SimulatedWind(speed_mps)


class TestBattery:
    def test_hovering_empties_it_in_the_time_that_its_energy_gives(self) -> None:
        battery, seconds = Battery(BatteryPack()), 0
        while not battery.empty:
            battery.drain(400.0, 1.0, 0.0)
            seconds += 1
        assert seconds == pytest.approx(270.0 / 400.0 * 3600.0, abs=2)
        assert battery.used_wh == pytest.approx(270.0, abs=0.2)

    def test_voltage_falls_with_charge_and_with_load(self) -> None:
        battery = Battery(BatteryPack())
        battery.drain(8.0, 0.02, 0.0)
        resting = battery.volts
        battery.drain(400.0, 0.02, 0.0)
        loaded = battery.volts
        assert resting - loaded == pytest.approx(battery.amps * 0.012, abs=0.02)
        before = loaded
        for _ in range(200):
            battery.drain(400.0, 10.0, 0.0)
            assert battery.volts <= before + 1e-9
            before = battery.volts
        assert before < 11.0

    def test_current_times_voltage_is_the_power(self) -> None:
        battery = Battery(BatteryPack())
        battery.drain(500.0, 0.02, 0.0)
        assert battery.volts * battery.amps == pytest.approx(500.0)

    @given(st.floats(0.0, 20.0), st.floats(-3.0, 4.0), st.floats(0.2, 1.0))
    def test_power_is_finite_and_positive(
        self, speed_mps: float, climb_mps: float, thrust: float
    ) -> None:
        assert 0.0 < flight_power_w(400.0, speed_mps, climb_mps, thrust) < 5000.0

    def test_power_is_that_of_the_hover_less_on_the_move_more_at_speed_and_climbing(self) -> None:
        hover = flight_power_w(400.0, 0.0, 0.0, HOVER_THROTTLE)
        assert hover == pytest.approx(400.0)
        assert flight_power_w(400.0, 8.0, 0.0, HOVER_THROTTLE) < hover
        assert flight_power_w(400.0, 22.0, 0.0, HOVER_THROTTLE) > hover
        assert flight_power_w(400.0, 0.0, 2.5, HOVER_THROTTLE) > hover * 1.1
        assert flight_power_w(400.0, 0.0, -1.5, HOVER_THROTTLE) < hover

    @pytest.mark.parametrize("wrong", [{"capacity_wh": 0.0}, {"charge": 1.2}, {"hover_w": -5.0}])
    def test_a_pack_that_cannot_be_is_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(SimulationError, match="of a battery is not"):
            BatteryPack(**wrong)


class TestRadio:
    def test_an_override_holds_its_channel_until_it_is_given_back(self) -> None:
        radio = Radio()
        radio.override([1010, 65535, 300], 0.0)
        assert radio.channels[:3] == (1010, 1500, 300)
        radio.override([0, 65535, 65535], 0.1)
        assert radio.channels[:3] == (1500, 1500, 300)
        assert radio.overridden

    def test_an_override_runs_out(self) -> None:
        radio = Radio()
        radio.override([1010], 0.0)
        radio.update(2.9, 3.0)
        assert radio.channels[0] == 1010
        radio.update(3.1, 3.0)
        assert radio.channels[0] == 1500

    def test_sticks_have_a_dead_middle_and_reach_their_ends(self) -> None:
        radio = Radio()
        radio.override([1520, 1900, 1500, 1100], 0.0)
        assert [radio.stick(n) for n in (1, 2, 4)] == [0.0, 1.0, -1.0]
        assert radio.climb() == 0.0
        assert radio.throttle() == 0.5
