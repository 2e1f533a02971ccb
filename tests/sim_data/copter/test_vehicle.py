from __future__ import annotations

import time
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import SimulationError
from sim_data.copter.faults import Reboot
from sim_data.copter.state import (
    EkfFlags,
    HomeChanged,
    HomePoint,
    MavResult,
    Mode,
    Rebooted,
    SimulatedWind,
    SystemStatus,
)
from sim_data.copter.vehicle import SimulatedCopter
from tests.sim_data.copter.pilot import HOME, Pilot, waypoint


class TestBoot:
    def test_it_is_ready_about_thirty_seconds_after_it_is_switched_on(self) -> None:
        pilot = Pilot(ready=False)
        took = pilot.until(lambda s: s.prearm_ok, 60.0)
        assert 25.0 < took < 32.0

    def test_it_says_on_the_way_what_arducopter_says(self) -> None:
        pilot = Pilot()
        expected = [
            "ArduPilot Ready",
            "EKF3 IMU0 initialised",
            "EKF3 IMU0 tilt alignment complete",
            "EKF3 IMU0 origin set",
            "EKF3 IMU0 is using GPS",
        ]
        assert [text for text in pilot.texts if text in expected] == expected
        assert any(text.startswith("GPS 1: detected as u-blox") for text in pilot.texts)

    def test_it_is_calibrating_first_and_standing_by_then(self) -> None:
        pilot = Pilot(ready=False)
        pilot.wait(1.0)
        first = pilot.state.system_status
        asleep = pilot.state.ekf_flags
        assert pilot.state.gps_fix < 2
        pilot.wait(31.0)
        then = pilot.state.system_status
        assert (first, then) == (SystemStatus.CALIBRATING, SystemStatus.STANDBY)
        awake = pilot.state.ekf_flags
        assert asleep == EkfFlags.UNINITIALIZED
        assert EkfFlags.POS_HORIZ_ABS in awake
        assert pilot.state.gps_fix >= 3

    def test_home_is_where_it_stands(self) -> None:
        pilot = Pilot()
        homes = [event.home for event in pilot.events if isinstance(event, HomeChanged)]
        assert len(homes) == 1
        assert homes[0].lat_deg == pytest.approx(HOME.lat_deg, abs=1e-5)
        assert homes[0].lon_deg == pytest.approx(HOME.lon_deg, abs=1e-5)
        assert homes[0].alt_amsl_m == pytest.approx(584.0, abs=0.5)
        assert pilot.state.yaw_deg == pytest.approx(353.0)

    def test_before_that_there_is_no_home(self) -> None:
        pilot = Pilot(ready=False)
        pilot.wait(10.0)
        assert pilot.state.home is None

    def test_home_is_refused_where_there_is_no_such_place(self) -> None:
        with pytest.raises(SimulationError, match="no place on Earth"):
            HomePoint(149.0, -35.0)


class TestTime:
    @pytest.mark.parametrize("dt_s", [-0.1, 61.0, float("nan")])
    def test_a_step_must_be_of_sensible_length(self, dt_s: float) -> None:
        with pytest.raises(SimulationError, match="not between 0 and 60"):
            SimulatedCopter(HOME).step(dt_s)

    @settings(max_examples=10, deadline=None)
    @given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=80))
    def test_how_time_is_cut_does_not_matter(self, cuts: list[float]) -> None:
        cut, whole = SimulatedCopter(HOME, seed=3), SimulatedCopter(HOME, seed=3)
        for dt_s in cuts:
            cut.step(dt_s)
        whole.step(sum(cuts))
        assert abs(cut.time_boot_s - whole.time_boot_s) < 0.021
        behind, ahead = sorted((cut, whole), key=lambda copter: copter.time_boot_s)
        behind.step(ahead.time_boot_s - behind.time_boot_s)
        assert behind.state == ahead.state

    def test_fifty_times_real_time_takes_a_small_part_of_one_core(self) -> None:
        pilot = Pilot(wind=SimulatedWind(5.0, 200.0, 1.0))
        pilot.fly_mission([waypoint(2000.0, 100.0)])
        began = time.process_time()
        pilot.copter.step(40.0)
        each_s = (time.process_time() - began) / 2000
        assert each_s < 100e-6


def flown(seed: int, wind: SimulatedWind) -> list[dict[str, object]]:
    pilot = Pilot(seed=seed, wind=wind)
    pilot.fly_mission([waypoint(100.0, 40.0), waypoint(0.0, 80.0, 30.0)])
    states = []
    for _ in range(40):
        pilot.wait(1.0)
        states.append(asdict(pilot.state))
    return states


class TestSeed:
    WIND = SimulatedWind(4.0, 90.0, 1.5)

    def test_the_same_seed_and_the_same_calls_give_the_same_flight(self) -> None:
        assert flown(7, self.WIND) == flown(7, self.WIND)

    def test_another_seed_gives_other_gusts(self) -> None:
        assert flown(7, self.WIND) != flown(8, self.WIND)


class TestReboot:
    def test_a_reboot_on_the_ground_begins_anew_and_keeps_what_is_stored(self) -> None:
        pilot = Pilot()
        pilot.copter.params.set("RTL_ALT", 2500.0)
        pilot.upload([waypoint(10.0, 10.0)])
        pilot.forget()
        assert pilot.command(246, 1.0) is MavResult.ACCEPTED
        pilot.wait(1.0)
        assert Rebooted() in pilot.events
        assert pilot.state.time_boot_s < 2.0
        assert pilot.state.home is None
        assert pilot.copter.params.get("RTL_ALT") == 2500.0
        assert pilot.state.mission_count == 2
        pilot.until(lambda s: s.prearm_ok, 60.0)
        assert "ArduPilot Ready" in pilot.texts

    def test_the_command_is_refused_while_armed(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        assert pilot.command(246, 1.0) is MavResult.FAILED
        pilot.wait(2.0)
        assert pilot.state.alt_home_m > 15.0

    def test_a_reboot_in_the_air_stops_the_motors_and_it_falls(self) -> None:
        pilot = Pilot()
        pilot.take_off(20.0)
        pilot.copter.inject(Reboot())
        took = pilot.until(lambda s: s.truth_alt_amsl_m <= HOME.alt_amsl_m, 10.0)
        assert 1.9 < took < 3.5
        assert not pilot.state.armed
        assert any(text.startswith("SIM Hit ground at") for text in pilot.texts)
        pilot.wait(40.0)
        assert not pilot.state.prearm_ok
        assert pilot.mode(Mode.GUIDED)
        assert pilot.arm() is MavResult.FAILED
        assert "PreArm: Leaning" in pilot.texts
