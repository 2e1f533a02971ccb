from __future__ import annotations

import math

import pytest

from park.mission_item import MissionItem, MissionType
from sim_data.copter.battery import BatteryPack
from sim_data.copter.faults import (
    BatterySag,
    CompassError,
    FenceBreach,
    GpsGlitch,
    GpsLoss,
    MotorWeakness,
    WindGust,
)
from sim_data.copter.state import EkfFlags, LandedState, Mode, SimulatedWind, SystemStatus
from tests.sim_data.copter.pilot import HOME, Pilot, item, waypoint

FAR = [waypoint(0.0, 400.0), waypoint(400.0, 400.0)]


def under_way(pilot: Pilot, seconds: float = 12.0) -> Pilot:
    pilot.fly_mission(FAR, alt_m=20.0)
    pilot.wait(seconds)
    pilot.forget()
    return pilot


def landed_at(pilot: Pilot, within_s: float = 200.0) -> tuple[float, float]:
    pilot.until(lambda s: not s.armed, within_s)
    return pilot.en()


class TestBattery:
    def test_below_its_limit_for_ten_seconds_it_says_so_and_returns(self) -> None:
        pilot = under_way(Pilot(BATT_FS_LOW_ACT=2.0, BATT_LOW_VOLT=11.2))
        pilot.copter.inject(BatterySag(1.5))
        took = pilot.until(lambda s: s.mode is Mode.RTL, 20.0)
        assert 9.0 < took < 12.0
        low, failsafe = pilot.texts[:2]
        assert low.startswith("Battery 1 is low 1")
        assert "V used " in low
        assert low.endswith(" mAh")
        assert failsafe == "Battery Failsafe"
        assert pilot.state.system_status is SystemStatus.CRITICAL
        assert math.hypot(*landed_at(pilot)) < 1.0

    def test_by_default_it_only_says_so(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(BatterySag(3.0))
        pilot.wait(15.0)
        assert pilot.state.mode is Mode.AUTO
        assert [text[:16] for text in pilot.texts] == ["Battery 1 is low"]

    def test_critical_may_land_where_it_is(self) -> None:
        pilot = under_way(Pilot(BATT_FS_CRT_ACT=1.0, BATT_CRT_VOLT=10.8, BATT_LOW_VOLT=0.0))
        before = pilot.en()
        pilot.copter.inject(BatterySag(2.5))
        pilot.until(lambda s: s.mode is Mode.LAND, 15.0)
        assert pilot.texts[0].startswith("Battery 1 is critical")
        assert math.dist(landed_at(pilot), before) < 150.0

    def test_a_short_sag_is_no_reason(self) -> None:
        pilot = under_way(Pilot(BATT_FS_LOW_ACT=2.0))
        pilot.copter.inject(BatterySag(4.0, duration_s=5.0))
        pilot.wait(20.0)
        assert pilot.state.mode is Mode.AUTO

    def test_by_charge_used_when_the_capacity_is_known(self) -> None:
        pilot = under_way(Pilot(BATT_FS_LOW_ACT=2.0, BATT_CAPACITY=23700.0, BATT_LOW_MAH=23500.0))
        pilot.until(lambda s: s.mode is Mode.RTL, 60.0)
        assert 90 < pilot.state.battery_percent < 100

    def test_the_parameter_of_arducopters_simulator_does_the_same(self) -> None:
        pilot = under_way(Pilot(BATT_FS_LOW_ACT=2.0))
        pilot.copter.params.set("SIM_BATT_VOLTAGE", 9.0)
        pilot.until(lambda s: s.mode is Mode.RTL, 15.0)

    def test_empty_in_the_air_it_falls(self) -> None:
        pilot = under_way(Pilot(pack=BatteryPack(charge=0.03), BATT_LOW_VOLT=0.0), seconds=1.0)
        pilot.until(lambda s: s.battery_soc <= 0.0, 120.0)
        pilot.until(lambda s: s.truth_alt_amsl_m <= HOME.alt_amsl_m + 0.01, 10.0)
        pilot.wait(4.0)
        assert not pilot.state.armed
        assert any(text.startswith("Crash: Disarming") for text in pilot.texts)


class TestGroundStation:
    def heard(self, pilot: Pilot, seconds: float) -> None:
        for _ in range(int(seconds)):
            pilot.copter.gcs_heartbeat(255)
            pilot.wait(1.0)

    def test_silent_for_five_seconds_it_returns_and_stays_with_that(self) -> None:
        pilot = under_way(Pilot(FS_GCS_ENABLE=1.0))
        self.heard(pilot, 3)
        took = pilot.until(lambda s: s.mode is Mode.RTL, 10.0)
        assert 3.5 < took < 5.5
        assert pilot.texts == ["GCS Failsafe"]
        self.heard(pilot, 3)
        assert pilot.texts[-1] == "GCS Failsafe Cleared"
        assert pilot.state.mode is Mode.RTL
        assert math.hypot(*landed_at(pilot)) < 1.0

    def test_it_waits_for_as_long_as_it_is_told_to(self) -> None:
        pilot = under_way(Pilot(FS_GCS_ENABLE=1.0, FS_GCS_TIMEOUT=12.0))
        self.heard(pilot, 3)
        assert 10.5 < pilot.until(lambda s: s.mode is Mode.RTL, 20.0) < 12.5

    def test_not_by_default(self) -> None:
        pilot = under_way(Pilot())
        self.heard(pilot, 3)
        pilot.wait(20.0)
        assert pilot.state.mode is Mode.AUTO

    def test_not_when_no_station_was_ever_heard_or_only_another(self) -> None:
        pilot = under_way(Pilot(FS_GCS_ENABLE=1.0))
        pilot.copter.gcs_heartbeat(77)
        pilot.wait(20.0)
        assert pilot.state.mode is Mode.AUTO

    def test_a_paused_vehicle_stays_where_it_is_unless_the_options_say_otherwise(self) -> None:
        for options, mode in ((16.0, Mode.BRAKE), (0.0, Mode.RTL)):
            pilot = under_way(Pilot(FS_GCS_ENABLE=1.0, FS_OPTIONS=options))
            self.heard(pilot, 2)
            pilot.mode(Mode.BRAKE)
            pilot.wait(10.0)
            assert pilot.state.mode is mode

    def test_a_mission_goes_on_when_the_options_say_so(self) -> None:
        pilot = under_way(Pilot(FS_GCS_ENABLE=1.0, FS_OPTIONS=2.0))
        self.heard(pilot, 2)
        pilot.wait(10.0)
        assert pilot.state.mode is Mode.AUTO
        assert pilot.texts == ["GCS Failsafe - Continuing Auto Mode"]

    def test_five_lands(self) -> None:
        pilot = under_way(Pilot(FS_GCS_ENABLE=5.0))
        self.heard(pilot, 2)
        pilot.until(lambda s: s.mode is Mode.LAND, 10.0)

    def test_armed_on_the_ground_it_disarms(self) -> None:
        pilot = Pilot(FS_GCS_ENABLE=1.0)
        pilot.mode(Mode.GUIDED)
        self.heard(pilot, 2)
        pilot.arm()
        pilot.until(lambda s: not s.armed, 7.0)
        assert "GCS Failsafe - Disarming" in pilot.texts


class TestRemoteControl:
    def test_lost_it_returns(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.params.set("SIM_RC_FAIL", 1.0)
        pilot.until(lambda s: s.mode is Mode.RTL, 2.0)
        assert pilot.texts == ["Radio Failsafe"]
        pilot.copter.params.set("SIM_RC_FAIL", 0.0)
        pilot.wait(1.0)
        assert pilot.texts[-1] == "Radio Failsafe Cleared"

    def test_switched_off_nothing_happens(self) -> None:
        pilot = under_way(Pilot(FS_THR_ENABLE=0.0))
        pilot.copter.params.set("SIM_RC_FAIL", 1.0)
        pilot.wait(5.0)
        assert pilot.state.mode is Mode.AUTO


class TestSatellites:
    def test_lost_in_auto_it_lands_where_it_is(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(GpsLoss())
        took = pilot.until(lambda s: s.mode is Mode.LAND, 20.0)
        assert 5.0 < took < 12.0
        assert pilot.texts[-2:] == ["EKF variance", "EKF Failsafe: changed to LAND Mode"]
        assert pilot.state.gps_fix < 2
        assert EkfFlags.POS_HORIZ_ABS not in pilot.state.ekf_flags
        assert EkfFlags.CONST_POS_MODE in pilot.state.ekf_flags
        where = pilot.truth()[:2]
        landed_at(pilot)
        assert math.dist(pilot.truth()[:2], where) < 80.0
        assert math.hypot(*pilot.truth()[:2]) > 100.0

    def test_the_parameter_of_arducopters_simulator_does_the_same(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.params.set("SIM_GPS_DISABLE", 1.0)
        pilot.until(lambda s: s.mode is Mode.LAND, 15.0)

    def test_lost_for_a_moment_it_flies_on(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(GpsLoss(duration_s=3.0))
        pilot.wait(20.0)
        assert pilot.state.mode is Mode.AUTO
        assert pilot.texts == []

    def test_coming_back_clears_it_but_it_goes_on_landing(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(GpsLoss(duration_s=11.0))
        pilot.wait(19.0)
        assert "EKF Failsafe Cleared" in pilot.texts
        assert pilot.state.mode is Mode.LAND

    def test_a_jump_is_not_believed_for_ten_seconds(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        pilot.copter.inject(GpsGlitch(north_m=60.0, duration_s=8.0))
        pilot.wait(2.0)
        assert "GPS Glitch or Compass error" in pilot.texts
        assert pilot.state.gps_lat_deg - pilot.state.lat_deg == pytest.approx(54e-5, abs=1e-5)
        pilot.wait(8.0)
        assert "Glitch cleared" in pilot.texts
        assert math.hypot(*pilot.truth()[:2]) < 2.0
        assert pilot.state.mode is Mode.GUIDED

    def test_after_that_it_is_and_the_vehicle_goes_astray(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        pilot.copter.inject(GpsGlitch(north_m=60.0, duration_s=40.0))
        pilot.wait(35.0)
        assert math.hypot(*pilot.en()) < 2.0
        assert pilot.truth()[1] == pytest.approx(-60.0, abs=3.0)

    def test_a_wrong_compass_in_flight_is_noticed_and_it_lands(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(CompassError(80.0))
        pilot.until(lambda s: s.mode is Mode.LAND, 10.0)
        assert "EKF variance" in pilot.texts


class TestFence:
    def around(self, size_m: float = 200.0) -> list[MissionItem]:
        corners = ((-size_m, -size_m), (size_m, -size_m), (size_m, size_m), (-size_m, size_m))
        return [item(5001, 4, where=corner, frame=0) for corner in corners]

    def fenced(self, **params: float) -> Pilot:
        pilot = Pilot(changes=params, FENCE_ENABLE=1.0, FENCE_TYPE=4.0)
        pilot.upload(self.around(), MissionType.FENCE)
        return pilot

    def test_flying_out_of_a_polygon_it_returns(self) -> None:
        pilot = self.fenced()
        pilot.fly_mission(FAR, alt_m=20.0)
        pilot.until(lambda s: s.mode is Mode.RTL, 60.0)
        assert "Fence Breached" in pilot.texts
        assert pilot.en()[1] == pytest.approx(202.0, abs=5.0)
        assert pilot.state.fence_breached
        assert pilot.state.fence_breach_count == 1
        assert math.hypot(*landed_at(pilot)) < 1.0
        assert not pilot.state.fence_breached

    def test_with_a_rally_point_near_it_lands_there(self) -> None:
        pilot = self.fenced()
        pilot.upload([item(5100, where=(30.0, 120.0), alt_m=25.0)], MissionType.RALLY)
        pilot.fly_mission(FAR, alt_m=20.0)
        pilot.until(lambda s: s.mode is Mode.RTL, 60.0)
        assert math.dist(landed_at(pilot), (30.0, 120.0)) < 1.0

    @pytest.mark.parametrize(
        ("action", "mode"), [(0, Mode.AUTO), (2, Mode.LAND), (3, Mode.RTL), (4, Mode.BRAKE)]
    )
    def test_other_actions(self, action: float, mode: Mode) -> None:
        pilot = self.fenced(FENCE_ACTION=action)
        pilot.fly_mission(FAR, alt_m=20.0)
        pilot.until(lambda s: s.fence_breached, 60.0)
        pilot.wait(0.4)
        assert pilot.state.mode is mode

    def test_an_area_to_stay_out_of_is_one(self) -> None:
        pilot = Pilot(FENCE_ENABLE=1.0, FENCE_TYPE=4.0)
        pilot.upload([item(5004, 20.0, where=(0.0, 100.0), frame=0)], MissionType.FENCE)
        pilot.fly_mission(FAR, alt_m=20.0)
        pilot.until(lambda s: s.mode is Mode.RTL, 60.0)
        assert pilot.en()[1] == pytest.approx(82.0, abs=5.0)

    def test_the_ceiling_and_the_circle_of_the_defaults_stop_a_patrol(self) -> None:
        high = Pilot(FENCE_ENABLE=1.0)
        high.fly_mission([waypoint(0.0, 0.0, 130.0)], alt_m=20.0)
        high.until(lambda s: s.mode is Mode.RTL, 90.0)
        assert high.state.alt_home_m == pytest.approx(101.0, abs=3.0)
        wide = Pilot(FENCE_ENABLE=1.0)
        wide.fly_mission(FAR, alt_m=20.0)
        wide.until(lambda s: s.mode is Mode.RTL, 60.0)
        assert wide.en()[1] == pytest.approx(153.0, abs=5.0)

    def test_switched_off_it_is_not_watched(self) -> None:
        pilot = under_way(Pilot(), seconds=30.0)
        assert pilot.en()[1] > 160.0
        assert pilot.state.mode is Mode.AUTO

    def test_outside_it_may_not_be_armed(self) -> None:
        pilot = Pilot(FENCE_ENABLE=1.0, FENCE_TYPE=4.0)
        away = [item(5001, 3, where=corner, frame=0) for corner in ((50, 0), (90, 0), (90, 40))]
        pilot.upload(away, MissionType.FENCE)
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert "PreArm: vehicle outside fence" in pilot.texts

    def test_it_can_be_carried_over_its_fence(self) -> None:
        pilot = self.fenced()
        pilot.take_off()
        pilot.copter.inject(FenceBreach(beyond_m=15.0))
        pilot.until(lambda s: s.mode is Mode.RTL, 2.0)
        assert "Fence Breached" in pilot.texts
        assert max(abs(m) for m in pilot.en()) == pytest.approx(215.0, abs=2.0)

    def test_more_than_a_hundred_metres_outside_it_lands_at_once(self) -> None:
        pilot = self.fenced()
        pilot.take_off()
        pilot.copter.inject(FenceBreach(beyond_m=150.0))
        pilot.until(lambda s: s.mode is Mode.LAND, 2.0)


class TestMotorsAndWind:
    def test_a_motor_too_weak_to_hold_it_up_lets_it_sink(self) -> None:
        pilot = Pilot()
        pilot.take_off(30.0)
        pilot.copter.inject(MotorWeakness(0.36))
        pilot.until(lambda s: s.truth_alt_amsl_m < HOME.alt_amsl_m + 1.0, 60.0)
        assert "Potential Thrust Loss (1)" in pilot.texts

    def test_a_motor_that_is_gone_is_a_crash(self) -> None:
        pilot = Pilot()
        pilot.take_off(30.0)
        pilot.copter.inject(MotorWeakness(0.0))
        pilot.until(lambda s: not s.armed, 15.0)
        assert pilot.texts[-2].startswith("Crash: Disarming: AngErr=")
        assert pilot.truth()[2] == pytest.approx(0.0)
        assert pilot.state.landed_state is LandedState.ON_GROUND or not pilot.state.armed

    def test_a_motor_a_little_weak_still_flies_home(self) -> None:
        pilot = under_way(Pilot())
        pilot.copter.inject(MotorWeakness(0.7))
        pilot.mode(Mode.RTL)
        assert math.hypot(*landed_at(pilot)) < 1.0

    def test_a_gust_carries_it_off_and_it_comes_back(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        pilot.copter.inject(WindGust(15.0, 270.0, 6.0))
        farthest = 0.0
        for _ in range(100):
            pilot.wait(0.2)
            farthest = max(farthest, pilot.en()[0])
        assert 0.3 < farthest < 6.0
        assert math.hypot(*pilot.en()) < 0.7

    def test_wind_beyond_what_it_can_lean_against_takes_it_along(self) -> None:
        pilot = Pilot(wind=SimulatedWind(35.0, 0.0))
        pilot.take_off()
        pilot.wait(20.0)
        assert pilot.en()[1] < -50.0
