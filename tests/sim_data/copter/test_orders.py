from __future__ import annotations

import math
from itertools import pairwise

import pytest

from sim_data.copter.state import CameraTriggered, HomeChanged, MavResult, Mode
from sim_data.copter.vehicle import GuidedTarget
from tests.sim_data.copter.pilot import MOUNT, Pilot, at, waypoint

GIMBAL = {"MNT_TYPE": 1.0, "MNT_ANGMIN_TIL": -9000.0}
NO, UNSUPPORTED, YES = MavResult.FAILED, MavResult.UNSUPPORTED, MavResult.ACCEPTED


class TestAnswers:
    @pytest.mark.parametrize("command", [193, 192, 1000, 197, 2000, 2500, 31_999])
    def test_what_arducopter_4_1_does_not_know_is_unsupported(self, command: int) -> None:
        assert Pilot().command(command, 1.0) is UNSUPPORTED

    @pytest.mark.parametrize(
        ("command", "params"),
        [
            (178, (1, 5, -1)),
            (203, (0, 0, 0, 0, 1)),
            (206, (10,)),
            (207, (1,)),
            (181, (0, 1)),
            (183, (9, 1500)),
            (201, (0, 0, 0, 0, -35.36, 149.16, 0)),
            (195, (0, 0, 0, 0, -35.36, 149.16, 0)),
            (245, (1,)),
            (241, (1,)),
            (241, (0, 0, 1)),
            (241, (0, 0, 0, 0, 2)),
            (176, (1, 4)),
            (20, ()),
        ],
    )
    def test_what_it_does_is_accepted(self, command: int, params: tuple[float, ...]) -> None:
        assert Pilot().command(command, *params) is YES

    @pytest.mark.parametrize(
        ("command", "params"),
        [
            (MOUNT, (-90, 0, 0, 0, 0, 0, 2)),
            (178, (1, 0)),
            (178, (1, -3)),
            (207, (7,)),
            (241, (0,)),
            (300, ()),
            (224, (5,)),
            (176, (1, 77)),
            (115, (400,)),
            (179, (0, 0, 0, 0, 95, 0, 0)),
            (201, (0, 0, 0, 0, 95, 0, 0)),
        ],
    )
    def test_what_it_cannot_do_now_fails(self, command: int, params: tuple[float, ...]) -> None:
        assert Pilot().command(command, *params) is NO

    def test_a_mode_must_be_said_to_be_the_vehicles_own(self) -> None:
        assert Pilot().command(176, 0, 4) is MavResult.DENIED

    def test_arming_with_another_number_is_unsupported(self) -> None:
        assert Pilot().command(400, 2.0) is UNSUPPORTED

    def test_infinity_is_denied(self) -> None:
        assert Pilot().command(178, 1.0, math.inf) is MavResult.DENIED

    @pytest.mark.parametrize("command", [115, 178, 179, 195, 205, 206, 224])
    def test_numbers_that_are_none_are_denied(self, command: int) -> None:
        pilot = Pilot()
        assert pilot.command(command, *[math.nan] * 7) is MavResult.DENIED

    def test_a_takeoff_may_leave_place_and_heading_open(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert pilot.command(22, *[math.nan] * 6, 10.0) is YES

    def test_calibrating_while_armed_fails(self) -> None:
        pilot = Pilot()
        pilot.mode(Mode.GUIDED)
        pilot.arm()
        assert pilot.command(241, 1.0) is NO


class TestHome:
    def test_it_can_be_set_by_a_height_above_the_sea_or_above_home(self) -> None:
        pilot = Pilot()
        pilot.command(179, 0, 0, 0, 0, -35.36, 149.16, 600.0)
        pilot.command(179, 0, 0, 0, 0, -35.35, 149.15, 10.0, frame=3)
        homes = [event.home for event in pilot.events if isinstance(event, HomeChanged)][1:]
        assert [home.alt_amsl_m for home in homes] == pytest.approx([600.0, 610.0])
        assert homes[1].lat_deg == -35.35

    def test_it_can_be_set_here(self) -> None:
        pilot = Pilot()
        pilot.take_off()
        pilot.copter.guided_goto(*at(50.0, 0.0), 20.0, 3)
        pilot.wait(20.0)
        assert pilot.command(179, 1.0) is YES
        assert pilot.state.alt_home_m == pytest.approx(0.0, abs=0.3)


class TestGuidedTargets:
    def flying(self) -> Pilot:
        pilot = Pilot()
        pilot.take_off()
        return pilot

    def test_a_velocity_is_flown_for_three_seconds_after_it_was_last_told(self) -> None:
        pilot = self.flying()
        target = GuidedTarget(1, 0x0DC7, velocity_ned_mps=(4.0, 0.0, 0.0))
        for _ in range(10):
            assert pilot.copter.guided_target(target)
            pilot.wait(1.0)
        assert pilot.state.vel_north_mps == pytest.approx(4.0, abs=0.2)
        pilot.wait(8.0)
        assert pilot.state.ground_speed_mps < 0.3

    def test_a_local_place_counts_from_where_it_booted_with_down_positive(self) -> None:
        pilot = self.flying()
        assert pilot.copter.guided_target(GuidedTarget(1, 0x0DF8, position=(30.0, 40.0, -25.0)))
        pilot.wait(25.0)
        assert math.dist(pilot.en(), (40.0, 30.0)) < 0.7
        assert pilot.state.alt_home_m == pytest.approx(25.0, abs=0.5)
        assert pilot.state.local_down_m == pytest.approx(-25.0, abs=0.5)

    def test_an_offset_of_the_body_counts_from_its_nose(self) -> None:
        pilot = self.flying()
        assert pilot.copter.guided_target(GuidedTarget(9, 0x0DF8, position=(50.0, 0.0, 0.0)))
        pilot.wait(20.0)
        heading = math.degrees(math.atan2(*pilot.en())) % 360.0
        assert heading == pytest.approx(353.0, abs=3.0)

    def test_a_global_place_above_the_sea(self) -> None:
        pilot = self.flying()
        place = (*at(30.0, 0.0), 624.0)
        assert pilot.copter.guided_target(GuidedTarget(5, 0x0DF8, position=place))
        pilot.wait(25.0)
        assert pilot.state.alt_amsl_m == pytest.approx(624.0, abs=0.5)

    def test_a_heading_may_come_with_it(self) -> None:
        pilot = self.flying()
        place = (*at(60.0, 0.0), 20.0)
        target = GuidedTarget(6, 0x09F8, position=place, yaw_rad=math.pi)
        assert pilot.copter.guided_target(target)
        pilot.wait(15.0)
        assert pilot.state.yaw_deg == pytest.approx(180.0, abs=3.0)

    @pytest.mark.parametrize(
        "target",
        [
            GuidedTarget(1, 0x0FFF),
            GuidedTarget(42, 0x0DF8, position=(1.0, 1.0, 1.0)),
            GuidedTarget(1, 0x0DF8, position=(math.nan, 0.0, 0.0)),
        ],
        ids=["nothing told", "unknown frame", "no number"],
    )
    def test_what_cannot_be_flown_is_refused(self, target: GuidedTarget) -> None:
        assert not self.flying().copter.guided_target(target)

    def test_in_another_mode_it_does_not_listen(self) -> None:
        pilot = self.flying()
        pilot.mode(Mode.BRAKE)
        target = GuidedTarget(1, 0x0DC7, velocity_ned_mps=(4.0, 0.0, 0.0))
        assert not pilot.copter.guided_target(target)

    def test_a_yaw_command_turns_it(self) -> None:
        pilot = self.flying()
        assert pilot.command(115, 90.0, 20.0, 1.0, 0.0) is YES
        pilot.wait(20.0)
        assert pilot.state.yaw_deg == pytest.approx(90.0, abs=2.0)
        assert pilot.command(115, 30.0, 0.0, -1.0, 1.0) is YES
        pilot.wait(10.0)
        assert pilot.state.yaw_deg == pytest.approx(60.0, abs=3.0)


class TestCamera:
    def pictures(self, pilot: Pilot) -> list[CameraTriggered]:
        return [event for event in pilot.events if isinstance(event, CameraTriggered)]

    def test_pictures_are_taken_by_distance_and_on_command(self) -> None:
        pilot = Pilot()
        pilot.fly_mission([waypoint(0.0, 0.0, 20.0), waypoint(0.0, 200.0)], alt_m=20.0)
        assert pilot.command(206, 20.0) is YES
        pilot.wait(40.0)
        taken = self.pictures(pilot)
        assert 9 <= len(taken) <= 11
        gaps = [b.lat_deg - a.lat_deg for a, b in pairwise(taken)]
        assert all(gap * 111_000.0 == pytest.approx(20.0, abs=1.0) for gap in gaps)
        assert [picture.image_index for picture in taken] == list(range(1, len(taken) + 1))
        pilot.command(206, 0.0)
        pilot.command(203, 0, 0, 0, 0, 1)
        pilot.wait(0.1)
        assert len(self.pictures(pilot)) == len(taken) + 1 == pilot.state.camera_count


class TestGimbal:
    def test_without_one_pointing_it_fails(self) -> None:
        pilot = Pilot()
        assert not pilot.state.has_mount
        assert pilot.command(MOUNT, -90, 0, 0, 0, 0, 0, 2) is NO

    def test_it_turns_to_its_angle_at_its_own_rate(self) -> None:
        pilot = Pilot(changes=GIMBAL)
        assert pilot.command(MOUNT, -90, 0, 0, 0, 0, 0, 2) is YES
        pilot.wait(0.5)
        assert pilot.state.gimbal_pitch_deg == pytest.approx(-45.0, abs=3.0)
        pilot.wait(1.0)
        assert pilot.state.gimbal_pitch_deg == pytest.approx(-90.0)

    def test_with_default_limits_it_does_not_look_down(self) -> None:
        pilot = Pilot(MNT_TYPE=1.0)
        pilot.command(MOUNT, -90, 0, 0, 0, 0, 0, 2)
        pilot.wait(2.0)
        assert pilot.state.gimbal_pitch_deg == pytest.approx(-45.0)

    def test_its_type_acts_only_after_a_reboot(self) -> None:
        pilot = Pilot()
        pilot.copter.params.set("MNT_TYPE", 1.0)
        pilot.wait(1.0)
        assert not pilot.state.has_mount
        pilot.command(246, 1.0)
        pilot.wait(1.0)
        assert pilot.state.has_mount

    def test_it_is_kept_on_a_place_with_the_nose_where_it_cannot_pan(self) -> None:
        pilot = Pilot(changes=GIMBAL)
        pilot.take_off(30.0)
        assert pilot.command(195, 0, 0, 0, 0, *at(30.0, 0.0), 0.0) is YES
        pilot.wait(8.0)
        assert pilot.state.yaw_deg == pytest.approx(90.0, abs=3.0)
        assert pilot.state.gimbal_pitch_deg == pytest.approx(-45.0, abs=2.0)
        assert pilot.command(201) is YES
        pilot.wait(3.0)
        assert pilot.state.gimbal_pitch_deg == pytest.approx(0.0, abs=1.0)

    def test_one_that_pans_leaves_the_nose_alone(self) -> None:
        pilot = Pilot(
            changes=GIMBAL,
            SERVO10_FUNCTION=6.0,
            MNT_ANGMIN_PAN=-18000.0,
            MNT_ANGMAX_PAN=18000.0,
        )
        pilot.take_off(30.0)
        pilot.command(195, 0, 0, 0, 0, *at(30.0, 0.0), 0.0)
        pilot.wait(8.0)
        assert pilot.state.yaw_deg == pytest.approx(353.0, abs=3.0)
        assert pilot.state.gimbal_yaw_deg == pytest.approx(97.0, abs=3.0)
