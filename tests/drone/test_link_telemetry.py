"""What a link tells of its vehicle, and to whom."""

from __future__ import annotations

import math
import time
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import (
    ArmedChanged,
    CameraFeedback,
    LandedState,
    MissionCurrent,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleLink,
)
from tests.drone.links import HOME, Heard, connect, position
from tests.drone.odd_vehicle import OddVehicle


def test_telemetry_tells_the_whole_state(link: VehicleLink) -> None:
    now = link.wait_for(lambda t: t.home_lat_deg is not None, "home", 10.0)
    assert now.lat_deg == pytest.approx(HOME.lat_deg, abs=1e-4)
    assert now.lon_deg == pytest.approx(HOME.lon_deg, abs=1e-4)
    assert now.alt_amsl_m == pytest.approx(HOME.alt_amsl_m, abs=3.0)
    assert now.alt_home_m == pytest.approx(0.0, abs=1.0)
    assert now.battery_v == pytest.approx(12.6, abs=0.3)
    assert now.ekf_ok is True
    assert now.gps_fix is not None
    assert now.gps_fix >= 3
    assert now.satellites is not None
    assert now.satellites >= 6
    assert now.landed is LandedState.ON_GROUND
    assert not now.armed
    assert now.heartbeat_age_s < 2.0
    assert now.position_age_s < 1.0


def test_a_percentage_of_an_unknown_capacity_is_no_percentage(link: VehicleLink) -> None:
    assert link.read_param("BATT_CAPACITY") == 0.0
    assert link.telemetry.battery_percent is None


def test_a_percentage_of_a_known_capacity_is_one(odd: OddVehicle) -> None:
    with connect(odd) as link:
        odd.say(mavlink.MAVLink_sys_status_message(0, 0, 0, 0, 12600, 50, 83, 0, 0, 0, 0, 0, 0))
        assert link.wait_for(lambda t: t.battery_v is not None, "it", 5.0).battery_percent == 83.0


def test_telemetry_cannot_be_changed_and_ages(link: VehicleLink) -> None:
    now = link.telemetry
    with pytest.raises(FrozenInstanceError):
        now.armed = True  # type: ignore[misc]


def test_ages_count_up_while_nothing_comes(odd: OddVehicle) -> None:
    with connect(odd) as link:
        odd.say(position(1000))
        link.wait_for(lambda t: t.lat_deg is not None, "a position", 5.0)
        first = link.telemetry.position_age_s
        time.sleep(0.2)
        assert link.telemetry.position_age_s >= first + 0.2
        assert link.telemetry.attitude_age_s == math.inf


def test_positions_become_metres_degrees_and_metres_a_second(odd: OddVehicle) -> None:
    with connect(odd) as link:
        odd.say(position(1000))
        now = link.wait_for(lambda t: t.lat_deg is not None, "a position", 5.0)
    assert (now.lat_deg, now.lon_deg) == (31.2, 121.5)
    assert (now.alt_amsl_m, now.alt_home_m) == (35.0, 25.0)
    assert (now.north_mps, now.east_mps, now.down_mps, now.speed_mps) == (3.0, 4.0, -0.5, 5.0)
    assert now.time_boot_s == 1.0


def test_zero_zero_is_no_position(odd: OddVehicle) -> None:
    with connect(odd) as link:
        odd.say(position(1000, lat=0, lon=0))
        now = link.wait_for(lambda t: t.time_boot_s == 1.0, "the message", 5.0)
        assert now.lat_deg is None


@pytest.mark.parametrize(
    ("message", "angles"),
    [
        (mavlink.MAVLink_mount_status_message(255, 190, -9000, 200, 4500), (2.0, -90.0, 135.0)),
        (
            mavlink.MAVLink_mount_orientation_message(1, 1.0, -45.0, 10.0, 300.0),
            (1.0, -45.0, 300.0),
        ),
        (
            mavlink.MAVLink_gimbal_device_attitude_status_message(
                0, 0, 1, 12, [math.cos(-math.pi / 8), 0, math.sin(-math.pi / 8), 0], 0, 0, 0, 0
            ),
            (0.0, -45.0, 90.0),
        ),
        (
            mavlink.MAVLink_gimbal_device_attitude_status_message(
                0, 0, 1, 12 | 16, [math.cos(math.pi / 8), 0, 0, math.sin(math.pi / 8)], 0, 0, 0, 0
            ),
            (0.0, 0.0, 45.0),
        ),
    ],
    ids=["mount status", "mount orientation", "gimbal, vehicle frame", "gimbal, earth frame"],
)
def test_the_gimbal_is_understood_in_every_message(
    odd: OddVehicle, message: Any, angles: tuple[float, float, float]
) -> None:
    with connect(odd) as link:
        odd.say(mavlink.MAVLink_attitude_message(1000, 0.0, 0.0, math.radians(90.0), 0, 0, 0))
        odd.say(message)
        now = link.wait_for(lambda t: t.gimbal_pitch_deg is not None, "the gimbal", 5.0)
    told = (now.gimbal_roll_deg, now.gimbal_pitch_deg, now.gimbal_yaw_deg)
    assert told == pytest.approx(angles, abs=0.01)


def test_a_mode_that_nobody_here_knows_has_a_name(odd: OddVehicle) -> None:
    with connect(odd) as link:
        odd.mode = 99
        link.wait_for(lambda t: t.mode == "MODE_99", "it", 5.0)


def test_the_mode_of_a_computer_on_board_is_not_the_vehicles(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link, ModeChanged)
        odd.heartbeat(component=191, mode=9)
        odd.heartbeat(system=7, mode=9)
        odd.say(position(1000))
        link.wait_for(lambda t: t.lat_deg is not None, "what came after", 5.0)
        assert link.telemetry.mode == "GUIDED"
        assert heard.news == []


def test_listeners_hear_what_they_asked_for(odd: OddVehicle) -> None:
    with connect(odd) as link:
        pictures, events = Heard(link, Telemetry), Heard(link)
        odd.say(position(1000))
        odd.say(mavlink.MAVLink_mission_current_message(4))
        odd.say(mavlink.MAVLink_mission_item_reached_message(3))
        odd.say(
            mavlink.MAVLink_camera_feedback_message(
                0, 1, 0, 7, 312000000, 1215000000, 80.0, 60.0, 0, -90, 10, 0, 0, 0
            )
        )
        odd.armed = True
        photo = events.wait(CameraFeedback)
        assert (photo.index, photo.lat_deg, photo.alt_home_m) == (7, 31.2, 60.0)
        events.wait(MissionCurrent, seq=4)
        events.wait(ArmedChanged, armed=True)
        assert pictures.wait(Telemetry).lat_deg == 31.2
        assert events.of(Telemetry) == []


def test_long_texts_are_put_together(odd: OddVehicle) -> None:
    with connect(odd) as link:
        texts = Heard(link, StatusText)
        long = "PreArm: " + "something is wrong with " * 4
        for part, start in enumerate(range(0, len(long), 50)):
            odd.say(
                mavlink.MAVLink_statustext_message(2, long[start : start + 50].encode(), 9, part)
            )
        odd.say(mavlink.MAVLink_statustext_message(6, b"x" * 50, 10, 0))
        odd.say(mavlink.MAVLink_statustext_message(6, b"short"))
        texts.wait(StatusText, text="short")
        assert [t.text for t in texts.news] == [long.rstrip(), "x" * 50, "short"]


def test_a_listener_that_fails_or_dawdles_does_not_stop_the_others(
    odd: OddVehicle, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(odd) as link:

        def fails(_: object) -> None:
            raise RuntimeError("on purpose")

        link.add_listener(fails, MissionCurrent)
        heard = Heard(link, MissionCurrent)
        odd.say(mavlink.MAVLink_mission_current_message(1))
        heard.wait(MissionCurrent, seq=1)
        assert "on purpose" in caplog.text


def test_one_who_stops_listening_hears_no_more(odd: OddVehicle) -> None:
    with connect(odd) as link:
        gone, heard = Heard(link, MissionCurrent), Heard(link, MissionCurrent)
        gone.remove()
        odd.say(mavlink.MAVLink_mission_current_message(1))
        heard.wait(MissionCurrent, seq=1)
        assert gone.news == []
