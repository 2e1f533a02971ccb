from __future__ import annotations

import math

import pytest

from sim_data.copter.faults import GpsLoss
from sim_data.copter.state import LandedState, MavResult, Mode, SimulatedWind
from tests.sim_data.copter.pilot import HOME, TAKEOFF, Pilot, at, waypoint


def speed(pilot: Pilot) -> float:
    return pilot.state.ground_speed_mps


class TestTakeoff:
    def test_it_climbs_straight_to_the_height_at_its_climbing_speed(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert pilot.command(TAKEOFF, 0, 0, 0, 0, 0, 0, 30.0) is MavResult.ACCEPTED
        fastest = 0.0
        for _ in range(100):
            pilot.wait(0.2)
            fastest = max(fastest, -pilot.state.vel_down_mps)
        assert fastest == pytest.approx(2.5, abs=0.1)
        pilot.wait(5.0)
        assert pilot.state.alt_home_m == pytest.approx(30.0, abs=0.4)
        assert math.hypot(*pilot.en()) < 1.0
        assert pilot.state.landed_state is LandedState.IN_AIR

    def test_it_overshoots_its_height_by_less_than_half_a_metre(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        pilot.command(TAKEOFF, 0, 0, 0, 0, 0, 0, 15.0)
        highest = 0.0
        for _ in range(100):
            pilot.wait(0.2)
            highest = max(highest, pilot.state.alt_home_m)
        assert 14.7 < highest < 15.5

    def test_disarmed_or_flying_it_is_refused(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        assert pilot.command(TAKEOFF, 0, 0, 0, 0, 0, 0, 10.0) is MavResult.FAILED
        pilot.take_off()
        assert pilot.command(TAKEOFF, 0, 0, 0, 0, 0, 0, 40.0) is MavResult.FAILED

    def test_in_stabilize_it_is_refused(self) -> None:
        pilot = Pilot()
        pilot.arm()
        assert pilot.command(TAKEOFF, 0, 0, 0, 0, 0, 0, 10.0) is MavResult.FAILED


class TestSwitching:
    def test_disarmed_any_mode_may_be_chosen(self) -> None:
        pilot = Pilot(ready=False)
        pilot.wait(3.0)
        for mode in (Mode.GUIDED, Mode.AUTO, Mode.LOITER, Mode.RTL, Mode.STABILIZE):
            assert pilot.mode(mode)
            assert pilot.state.mode is mode

    def test_armed_without_position_those_that_need_one_are_refused(self) -> None:
        pilot = Pilot()
        pilot.copter.inject(GpsLoss())
        pilot.wait(20.0)
        pilot.arm()
        assert not pilot.mode(Mode.GUIDED)
        assert pilot.texts[-1] == "Mode change to GUIDED failed: requires position"
        assert pilot.mode(Mode.ALT_HOLD)

    def test_flying_without_a_mission_auto_is_refused(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        assert not pilot.mode(Mode.AUTO)
        assert pilot.texts[-1] == "Mode change to AUTO failed: initialisation failed"
        assert pilot.state.mode is Mode.GUIDED

    def test_on_the_ground_and_armed_auto_wants_a_takeoff_first(self) -> None:
        pilot = Pilot()
        pilot.upload([waypoint(10.0, 10.0)])
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert not pilot.mode(Mode.AUTO)
        assert "Auto: Missing Takeoff Cmd" in pilot.texts

    @pytest.mark.parametrize("number", [99, -1, 8])
    def test_a_number_that_is_no_mode_is_refused(self, number: int) -> None:
        assert not Pilot().copter.set_mode(number)

    def test_a_mode_that_is_not_simulated_is_refused_and_named(self) -> None:
        pilot = Pilot()
        assert not pilot.mode(Mode.FLIP)
        assert pilot.texts[-1] == "No such mode 14"


class TestBrake:
    def test_it_stops_and_stays(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(500.0, 0.0)], alt_m=20.0)
        pilot.until(lambda s: s.ground_speed_mps > 9.5, 30.0)
        before = pilot.en()
        assert pilot.mode(Mode.BRAKE)
        took = pilot.until(lambda s: s.ground_speed_mps < 0.3, 8.0)
        assert took < 4.0
        pilot.wait(5.0)
        stopped = pilot.en()
        assert math.dist(before, stopped) < 20.0
        pilot.wait(20.0)
        assert math.dist(stopped, pilot.en()) < 1.0
        assert pilot.state.alt_home_m == pytest.approx(20.0, abs=1.0)

    def test_going_back_to_auto_flies_on_but_forgets_a_speed_that_was_told(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(500.0, 0.0)], alt_m=20.0)
        assert pilot.command(178, 1.0, 4.0, -1.0) is MavResult.ACCEPTED
        pilot.wait(20.0)
        assert speed(pilot) == pytest.approx(4.0, abs=0.3)
        pilot.mode(Mode.BRAKE)
        pilot.wait(10.0)
        pilot.mode(Mode.AUTO)
        pilot.wait(10.0)
        assert speed(pilot) == pytest.approx(10.0, abs=0.5)


class TestLoiter:
    def test_with_the_throttle_stick_in_the_middle_it_stays(self) -> None:
        pilot = Pilot(RC_OVERRIDE_TIME=-1.0)
        pilot.take_off()
        pilot.copter.rc_override([0, 0, 1500])
        pilot.mode(Mode.LOITER)
        pilot.wait(20.0)
        assert pilot.state.alt_home_m == pytest.approx(20.0, abs=0.5)
        assert math.hypot(*pilot.en()) < 1.0

    def test_with_the_stick_at_its_lowest_as_it_rests_it_sinks_and_lands(self) -> None:
        # ArduCopter's simulator starts with the throttle stick down: LOITER is no pause there.
        pilot = Pilot()
        pilot.take_off()
        pilot.mode(Mode.LOITER)
        pilot.until(lambda s: s.landed_state is LandedState.ON_GROUND, 40.0)
        pilot.until(lambda s: not s.armed, 15.0)

    def test_sticks_move_it(self) -> None:
        pilot = Pilot(RC_OVERRIDE_TIME=-1.0)
        pilot.take_off()
        pilot.copter.rc_override([1500, 1300, 1500])
        pilot.mode(Mode.LOITER)
        pilot.wait(10.0)
        east, north = pilot.en()
        assert north > 20.0
        assert abs(east) < north / 4.0


class TestLand:
    def test_it_sinks_fast_to_ten_metres_then_slowly_and_disarms(self) -> None:
        pilot = Pilot()
        pilot.take_off(30.0)
        pilot.mode(Mode.LAND)
        pilot.until(lambda s: s.alt_home_m < 15.0, 30.0)
        assert pilot.state.vel_down_mps == pytest.approx(1.5, abs=0.1)
        pilot.until(lambda s: s.alt_home_m < 5.0, 30.0)
        assert pilot.state.vel_down_mps == pytest.approx(0.5, abs=0.1)
        landing = pilot.state.landed_state
        pilot.until(lambda s: not s.armed, 30.0)
        assert math.hypot(*pilot.en()) < 1.0
        assert (landing, pilot.state.landed_state) == (LandedState.LANDING, LandedState.ON_GROUND)


class TestStabilize:
    def test_with_the_throttle_stick_down_it_falls(self) -> None:
        pilot = Pilot()
        pilot.take_off(30.0)
        pilot.mode(Mode.STABILIZE)
        pilot.until(lambda s: s.truth_alt_amsl_m <= HOME.alt_amsl_m, 6.0)

    def test_alt_hold_keeps_its_height_and_drifts_with_the_wind(self) -> None:
        pilot = Pilot(wind=SimulatedWind(5.0, 270.0), RC_OVERRIDE_TIME=-1.0)
        pilot.take_off()
        pilot.copter.rc_override([1500, 1500, 1500])
        pilot.mode(Mode.ALT_HOLD)
        pilot.wait(60.0)
        assert pilot.state.alt_home_m == pytest.approx(20.0, abs=1.0)
        assert pilot.en()[0] > 50.0


class TestGuided:
    def test_it_flies_to_a_place_and_stops_there(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        lat_deg, lon_deg = at(120.0, -90.0)
        assert pilot.copter.guided_goto(lat_deg, lon_deg, 35.0, 3)
        pilot.wait(30.0)
        assert math.dist(pilot.en(), (120.0, -90.0)) < 0.5
        assert pilot.state.alt_home_m == pytest.approx(35.0, abs=0.3)
        assert speed(pilot) < 0.2

    def test_in_another_mode_it_does_not_listen(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        pilot.mode(Mode.BRAKE)
        assert not pilot.copter.guided_goto(*at(50.0, 0.0), 20.0, 3)

    @pytest.mark.parametrize(
        ("lat_deg", "frame"), [(95.0, 3), (float("nan"), 3), (-35.36, 42)], ids=str
    )
    def test_a_place_that_is_none_is_refused(self, lat_deg: float, frame: int) -> None:
        pilot = Pilot()
        pilot.take_off()
        assert not pilot.copter.guided_goto(lat_deg, 149.16, 20.0, frame)
        pilot.wait(5.0)
        assert math.hypot(*pilot.en()) < 1.0
