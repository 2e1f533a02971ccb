from __future__ import annotations

import pytest

from sim_data.copter.faults import CompassError, GpsLoss
from sim_data.copter.state import MavResult, Mode
from tests.sim_data.copter.pilot import TAKEOFF, Pilot, item


class TestArming:
    def test_in_guided_it_arms(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.ACCEPTED
        assert pilot.state.armed
        assert "Arming motors" in pilot.texts

    @pytest.mark.parametrize("mode", [Mode.AUTO, Mode.RTL, Mode.LAND, Mode.BRAKE])
    def test_in_a_mode_that_flies_by_itself_it_does_not(self, mode: Mode) -> None:
        pilot = Pilot()
        pilot.upload([item(TAKEOFF, alt_m=10.0)])
        assert pilot.mode(mode)
        assert pilot.arm() is MavResult.FAILED
        assert not pilot.state.armed
        assert pilot.texts[-1] == "PreArm: Mode not armable"

    def test_in_auto_it_does_when_the_parameter_allows_it(self) -> None:
        pilot = Pilot(AUTO_OPTIONS=1.0)
        pilot.upload([item(TAKEOFF, alt_m=10.0)])
        pilot.mode(Mode.AUTO)
        assert pilot.arm() is MavResult.ACCEPTED

    def test_arming_twice_is_accepted(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        assert [pilot.arm(), pilot.arm()] == [MavResult.ACCEPTED] * 2

    def test_before_it_is_ready_it_says_why_not(self) -> None:
        pilot = Pilot(ready=False)
        pilot.wait(12.0)
        pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.FAILED
        assert "PreArm: Need Position Estimate" in pilot.texts

    def test_without_being_asked_it_says_so_every_half_minute(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.copter.inject(GpsLoss())
        pilot.wait(61.0)
        assert pilot.texts.count("PreArm: GPS 1: Bad fix") == 2
        assert not pilot.state.prearm_ok

    def test_without_satellites_stabilize_may_still_be_armed(self) -> None:
        pilot = Pilot()
        pilot.copter.inject(GpsLoss())
        pilot.wait(20.0)
        assert pilot.arm() is MavResult.ACCEPTED

    def test_a_wrong_compass_forbids_it(self) -> None:
        pilot = Pilot()
        pilot.copter.inject(CompassError(90.0))
        pilot.wait(5.0)
        pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.FAILED
        assert "PreArm: Compasses inconsistent" in pilot.texts

    def test_checks_can_be_switched_off(self) -> None:
        pilot = Pilot(ARMING_CHECK=0.0)
        pilot.copter.inject(CompassError(90.0))
        pilot.wait(5.0)
        pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.ACCEPTED

    def test_a_battery_below_its_limit_forbids_it(self) -> None:
        pilot = Pilot()
        pilot.copter.params.set("BATT_LOW_VOLT", 13.0)
        pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.FAILED
        assert "PreArm: Battery 1 low voltage failsafe" in pilot.texts

    def test_home_moves_to_where_it_is_armed_unless_it_was_set(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        assert pilot.command(179, 0, 0, 0, 0, -35.36, 149.16, 600.0) is MavResult.ACCEPTED
        pilot.arm()
        home = pilot.state.home
        assert home is not None
        assert (home.lat_deg, home.lon_deg, home.alt_amsl_m) == (-35.36, 149.16, 600.0)


class TestDisarming:
    def test_it_disarms_itself_when_it_does_not_take_off(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        took = pilot.until(lambda s: not s.armed, 20.0)
        assert 9.5 < took < 11.5
        assert pilot.texts[-1] == "Disarming motors"

    def test_not_when_the_delay_is_zero(self) -> None:
        pilot = Pilot(DISARM_DELAY=0.0)
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        pilot.wait(30.0)
        assert pilot.state.armed

    def test_not_while_it_takes_off(self) -> None:
        pilot = Pilot(DISARM_DELAY=3.0)
        pilot.take_off(20.0)
        pilot.wait(10.0)
        assert pilot.state.armed

    def test_in_flight_it_is_refused(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        assert pilot.disarm() is MavResult.FAILED
        assert pilot.state.armed

    def test_forced_in_flight_it_falls(self) -> None:
        pilot = Pilot()
        pilot.take_off(20.0)
        assert pilot.disarm(forced=True) is MavResult.ACCEPTED
        assert pilot.until(lambda s: s.alt_home_m < 0.5, 6.0) < 4.0
        assert any(text.startswith("SIM Hit ground") for text in pilot.texts)
