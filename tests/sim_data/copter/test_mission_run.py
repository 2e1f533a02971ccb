from __future__ import annotations

import math

import pytest
from shapely.geometry import LineString, Point

from park.geodesy import distance_m
from park.mission_item import MissionType
from sim_data.copter.state import (
    LandedState,
    MavResult,
    MissionCurrentChanged,
    MissionItemReached,
    Mode,
    SimulatedWind,
)
from tests.sim_data.copter.pilot import (
    JUMP,
    LAND,
    RTL,
    SPEED,
    TAKEOFF,
    WAYPOINT,
    Pilot,
    at,
    item,
    waypoint,
)


def reached(pilot: Pilot) -> list[int]:
    return [event.seq for event in pilot.events if isinstance(event, MissionItemReached)]


def fly_until_reached(pilot: Pilot, seq: int, within_s: float = 200.0) -> float:
    return pilot.until(lambda _: seq in reached(pilot), within_s)


class TestWholeMission:
    def test_it_is_flown_item_by_item_and_ends_disarmed_at_home(self) -> None:
        pilot = Pilot()
        items = [
            item(TAKEOFF, alt_m=20.0),
            waypoint(100.0, 0.0),
            waypoint(100.0, 100.0, 30.0),
            item(RTL),
        ]
        pilot.fly_mission(items)
        pilot.until(lambda s: not s.armed, 200.0)
        assert reached(pilot) == [1, 2, 3, 4]
        assert [e.seq for e in pilot.events if isinstance(e, MissionCurrentChanged)] == [1, 2, 3, 4]
        for text in ("Mission: 1 Takeoff", "Mission: 2 WP", "Reached command #2", "Mission: 4 RTL"):
            assert text in pilot.texts
        assert math.hypot(*pilot.en()) < 1.0
        assert pilot.state.mode is Mode.AUTO
        assert pilot.state.landed_state is LandedState.ON_GROUND

    def test_flown_again_it_begins_at_the_beginning(self) -> None:
        pilot = Pilot()
        items = [item(TAKEOFF, alt_m=10.0), waypoint(30.0, 0.0), item(LAND)]
        pilot.fly_mission(items)
        pilot.until(lambda s: not s.armed, 120.0)
        pilot.forget()
        pilot.take_off(10.0)
        pilot.mode(Mode.AUTO)
        pilot.until(lambda s: not s.armed, 120.0)
        assert reached(pilot) == [1, 2, 3]

    def test_mission_start_flies_it_from_the_ground(self) -> None:
        pilot = Pilot()
        pilot.upload([item(TAKEOFF, alt_m=15.0), waypoint(20.0, 0.0)])
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert pilot.command(300) is MavResult.ACCEPTED
        fly_until_reached(pilot, 1, 30.0)
        assert pilot.state.alt_home_m == pytest.approx(15.0, abs=1.0)

    def test_auto_alone_does_not_leave_the_ground_and_disarms(self) -> None:
        pilot = Pilot()
        pilot.upload([item(TAKEOFF, alt_m=15.0), waypoint(20.0, 0.0)])
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert pilot.mode(Mode.AUTO)
        pilot.until(lambda s: not s.armed, 20.0)
        assert pilot.state.alt_home_m < 0.5

    def test_behind_the_last_waypoint_it_holds_its_place(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(50.0, 0.0)])
        fly_until_reached(pilot, 1)
        pilot.wait(20.0)
        assert pilot.state.armed
        assert math.dist(pilot.en(), (50.0, 0.0)) < 1.5


class TestLegs:
    def test_the_track_stays_on_the_legs(self) -> None:
        pilot = Pilot(wind=SimulatedWind(6.0, 10.0, 0.8))
        corners = [(0.0, 0.0), (150.0, 0.0), (150.0, 60.0), (0.0, 60.0), (0.0, 120.0)]
        pilot.fly_mission([waypoint(*corner) for corner in corners[1:]], alt_m=20.0)
        legs, farthest = LineString(corners), 0.0
        while 4 not in reached(pilot):
            pilot.wait(0.2)
            farthest = max(farthest, legs.distance(Point(pilot.en())))
        assert farthest < 2.5

    def test_it_flies_at_its_speed_over_ground_with_and_against_the_wind(self) -> None:
        for from_deg in (90.0, 270.0):
            pilot = Pilot(wind=SimulatedWind(5.0, from_deg))
            pilot.fly_mission([waypoint(400.0, 0.0)], alt_m=20.0)
            pilot.wait(20.0)
            assert pilot.state.ground_speed_mps == pytest.approx(10.0, abs=0.2)
            against = 15.0 if from_deg == 90.0 else 5.0
            assert pilot.state.airspeed_mps == pytest.approx(against, abs=0.3)

    def test_it_leans_forward_to_speed_up_and_back_to_brake(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(0.0, 300.0)], alt_m=20.0)
        pitches = []
        for _ in range(200):
            pilot.wait(0.2)
            pitches.append(pilot.state.pitch_deg)
        assert min(pitches) < -10.0
        assert max(pitches) > 5.0
        assert max(abs(p) for p in pitches) < 30.0

    def test_no_step_changes_speed_faster_than_its_acceleration(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(100.0, 0.0), waypoint(100.0, 100.0)], alt_m=20.0)
        before = (0.0, 0.0)
        for _ in range(2500):
            pilot.copter.step(0.02)
            now = (pilot.state.vel_east_mps, pilot.state.vel_north_mps)
            assert math.dist(before, now) / 0.02 < 3.2
            before = now

    def test_a_waypoint_with_a_hold_is_stopped_at(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(60.0, 0.0, hold_s=8), waypoint(120.0, 0.0)], alt_m=20.0)
        pilot.until(lambda _: math.dist(pilot.en(), (60.0, 0.0)) < 1.0, 60.0)
        pilot.wait(4.0)
        assert pilot.state.ground_speed_mps < 0.3
        assert fly_until_reached(pilot, 1) > 1.0

    def test_a_straight_waypoint_is_passed_at_speed_and_a_sharp_one_slowly(self) -> None:
        slowest = {}
        for name, second in (("straight", (400.0, 0.0)), ("sharp", (200.0, 200.0))):
            pilot = Pilot()
            pilot.fly_mission([waypoint(200.0, 0.0), waypoint(*second)], alt_m=20.0)
            while pilot.en()[0] < 150.0:
                pilot.wait(0.1)
            speeds = []
            for _ in range(100):
                pilot.wait(0.1)
                speeds.append(pilot.state.ground_speed_mps)
            slowest[name] = min(speeds)
        assert slowest["straight"] > 9.0
        assert slowest["sharp"] < 4.0

    def test_the_nose_points_along_the_leg(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(200.0, 0.0)], alt_m=20.0)
        pilot.wait(10.0)
        assert pilot.state.yaw_deg == pytest.approx(90.0, abs=3.0)

    def test_where_it_arrives_is_where_the_item_says(self) -> None:
        pilot = Pilot()
        lat_deg, lon_deg = at(800.0, 600.0)
        pilot.fly_mission([waypoint(800.0, 600.0)], alt_m=20.0)
        fly_until_reached(pilot, 1)
        pilot.wait(5.0)
        assert distance_m(pilot.state.lat_deg, pilot.state.lon_deg, lat_deg, lon_deg) < 0.6

    def test_a_place_of_zeros_means_here_and_a_height_of_zero_this_height(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(WAYPOINT, alt_m=30.0), item(WAYPOINT, where=(40.0, 0.0))])
        fly_until_reached(pilot, 2)
        pilot.wait(4.0)
        assert pilot.state.alt_home_m == pytest.approx(30.0, abs=0.5)
        assert math.dist(pilot.en(), (40.0, 0.0)) < 1.0


class TestCommands:
    def test_a_change_of_speed_holds_from_its_place_on(self) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [waypoint(100.0, 0.0), item(SPEED, 1.0, 4.0, -1.0), waypoint(300.0, 0.0)], alt_m=20.0
        )
        pilot.wait(7.0)
        assert pilot.state.ground_speed_mps > 8.0
        fly_until_reached(pilot, 1)
        pilot.wait(8.0)
        assert pilot.state.ground_speed_mps == pytest.approx(4.0, abs=0.2)

    def test_a_jump_is_taken_as_often_as_it_says(self) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [waypoint(20.0, 0.0), waypoint(0.0, 0.0), item(JUMP, 1, 2), item(LAND)], alt_m=10.0
        )
        pilot.until(lambda s: not s.armed, 300.0)
        assert reached(pilot) == [1, 2, 1, 2, 1, 2, 4]
        assert "Mission: 3 Jump 2/2" in pilot.texts

    def test_a_condition_holds_back_what_is_behind_it(self) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [waypoint(20.0, 0.0), item(112, 10.0), item(SPEED, 1.0, 2.0), waypoint(400.0, 0.0)],
            alt_m=20.0,
        )
        fly_until_reached(pilot, 1)
        pilot.wait(8.0)
        assert pilot.state.ground_speed_mps > 6.0
        pilot.wait(8.0)
        assert pilot.state.ground_speed_mps == pytest.approx(2.0, abs=0.2)

    def test_a_condition_of_distance_waits_until_it_is_near(self) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [waypoint(20.0, 0.0), item(114, 50.0), item(SPEED, 1.0, 2.0), waypoint(200.0, 0.0)],
            alt_m=20.0,
        )
        pilot.until(lambda _: 3 in reached(pilot), 60.0)
        assert pilot.en()[0] == pytest.approx(150.0, abs=4.0)

    def test_a_delay_waits(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(20.0, 0.0), item(93, 12.0), waypoint(40.0, 0.0)])
        fly_until_reached(pilot, 1)
        assert fly_until_reached(pilot, 2) == pytest.approx(12.0, abs=0.5)

    def test_loitering_for_a_time_stays_that_long(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(19, 15.0, where=(30.0, 0.0), alt_m=20.0), waypoint(60.0, 0.0)])
        pilot.until(lambda _: math.dist(pilot.en(), (30.0, 0.0)) < 1.0, 30.0)
        assert fly_until_reached(pilot, 1) > 13.0

    def test_loitering_without_end_stays(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(17, where=(30.0, 0.0), alt_m=20.0), waypoint(60.0, 0.0)])
        pilot.wait(120.0)
        assert math.dist(pilot.en(), (30.0, 0.0)) < 1.0
        assert pilot.state.mission_seq == 1

    @pytest.mark.parametrize("radius_m", [20.0, -20.0])
    def test_turns_are_flown_on_their_circle(self, radius_m: float) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [item(18, 2.0, 0.0, radius_m, where=(0.0, 60.0), alt_m=20.0), item(LAND)], alt_m=20.0
        )
        pilot.until(lambda _: math.dist(pilot.en(), (0.0, 60.0)) < 20.5, 40.0)
        pilot.wait(8.0)
        first = math.atan2(pilot.en()[0], pilot.en()[1] - 60.0)
        for _ in range(30):
            pilot.wait(0.5)
            if 1 in reached(pilot):
                break
            assert math.dist(pilot.en(), (0.0, 60.0)) == pytest.approx(20.0, abs=2.0)
        turned = math.atan2(pilot.en()[0], pilot.en()[1] - 60.0) - first
        assert turned != pytest.approx(0.0, abs=0.1)
        fly_until_reached(pilot, 1)

    def test_loitering_to_a_height_climbs_there(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(31, where=(20.0, 0.0), alt_m=35.0), item(LAND)])
        fly_until_reached(pilot, 1)
        assert pilot.state.alt_home_m == pytest.approx(35.0, abs=1.0)

    def test_landing_at_a_place_flies_there_first(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(LAND, where=(40.0, 30.0))])
        pilot.until(lambda s: not s.armed, 120.0)
        assert math.dist(pilot.en(), (40.0, 30.0)) < 1.0

    def test_home_can_be_set_on_the_way(self) -> None:
        pilot = Pilot()
        pilot.fly_mission(
            [waypoint(50.0, 0.0), item(179, 1.0), waypoint(60.0, 40.0), item(RTL)], alt_m=15.0
        )
        pilot.until(lambda s: not s.armed, 150.0)
        assert math.dist(pilot.en(), (50.0, 0.0)) < 4.0

    def test_the_fence_can_be_switched_on_the_way(self) -> None:
        pilot = Pilot(FENCE_TYPE=1.0)
        pilot.fly_mission([waypoint(20.0, 0.0), item(207, 1.0), waypoint(40.0, 0.0)])
        fly_until_reached(pilot, 3)
        assert pilot.state.fence_enabled

    def test_a_yaw_is_turned_to(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(30.0, 0.0), item(115, 200.0), item(17, alt_m=20.0)])
        fly_until_reached(pilot, 1)
        pilot.wait(15.0)
        assert pilot.state.yaw_deg == pytest.approx(200.0, abs=3.0)

    def test_what_it_does_not_do_is_passed_over_and_named(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([item(94, 10.0, where=(10.0, 0.0)), waypoint(20.0, 0.0)])
        fly_until_reached(pilot, 2)
        assert "Skipping invalid cmd #94" in pilot.texts


class TestCurrent:
    def test_in_flight_it_goes_on_with_the_item_named(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(300.0, 0.0), waypoint(0.0, 60.0), waypoint(60.0, 60.0)])
        pilot.wait(5.0)
        assert pilot.command(224, 2.0) is MavResult.ACCEPTED
        assert pilot.state.mission_seq == 2
        fly_until_reached(pilot, 2)
        assert 1 not in reached(pilot)

    def test_on_the_ground_the_next_start_begins_there(self) -> None:
        pilot = Pilot()
        pilot.upload([waypoint(300.0, 0.0), waypoint(0.0, 60.0)])
        assert pilot.copter.set_mission_current(2)
        assert pilot.state.mission_seq == 2
        pilot.take_off(10.0)
        pilot.mode(Mode.AUTO)
        fly_until_reached(pilot, 2)
        assert 1 not in reached(pilot)

    @pytest.mark.parametrize("seq", [-1.0, 3.0, 700.0])
    def test_an_item_that_is_not_there_is_refused(self, seq: float) -> None:
        pilot = Pilot()
        pilot.upload([waypoint(1.0, 1.0), waypoint(2.0, 2.0)])
        assert pilot.command(224, seq) is MavResult.FAILED

    def test_after_a_pause_it_goes_on_with_the_item_it_was_flying(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(40.0, 0.0), waypoint(200.0, 0.0)])
        fly_until_reached(pilot, 1)
        pilot.wait(3.0)
        pilot.mode(Mode.BRAKE)
        pilot.wait(5.0)
        pilot.mode(Mode.AUTO)
        pilot.wait(0.2)
        assert pilot.state.mission_seq == 2
        fly_until_reached(pilot, 2)

    def test_a_mission_that_is_replaced_in_flight_is_taken_up(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(300.0, 0.0)])
        pilot.wait(3.0)
        pilot.mode(Mode.BRAKE)
        pilot.upload([waypoint(0.0, 40.0)])
        pilot.mode(Mode.AUTO)
        fly_until_reached(pilot, 1)
        pilot.wait(4.0)
        assert math.dist(pilot.en(), (0.0, 40.0)) < 1.5

    def test_counts_of_items_stand_in_the_parameters(self) -> None:
        pilot = Pilot()
        pilot.upload([waypoint(1.0, 1.0)])
        pilot.upload([item(5100, where=(9, 9), alt_m=20.0)], MissionType.RALLY)
        pilot.wait(1.1)
        assert pilot.copter.params.get("MIS_TOTAL") == 2.0
        assert pilot.copter.params.get("RALLY_TOTAL") == 1.0
