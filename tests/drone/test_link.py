"""The link to a vehicle: who is flown, what is told, what is asked and answered."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import (
    KEY_VARIABLE,
    ArmedChanged,
    CameraFeedback,
    CommandRefusedError,
    LandedState,
    LinkEvent,
    LinkLost,
    LinkRegained,
    MissionCurrent,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleLink,
    VehicleRebooted,
    signing_key,
)
from park.errors import CommandError, LinkError, SettingsError
from sim_data.copter.faults import LinkDrop, Reboot
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.odd_vehicle import (
    FIXED_WING,
    GROUND_STATION,
    NO_AUTOPILOT,
    PX4,
    Answer,
    OddVehicle,
    ack,
    has_params,
    results,
)

HOME = HomePoint(31.2, 121.5, 10.0)
SPEEDUP = 20.0
KEY = hashlib.sha256(b"correct horse battery").digest()
ARM, SET_MODE, INTERVAL, REPOSITION, TAKEOFF = 400, 176, 511, 192, 22


class Heard:
    """Keeps what a listener hears."""

    def __init__(self, link: VehicleLink, kind: type = LinkEvent) -> None:
        self.news: list[Any] = []
        self._changed = threading.Condition()
        self.remove = link.add_listener(self._hear, kind)

    def _hear(self, news: Any) -> None:
        with self._changed:
            self.news.append(news)
            self._changed.notify_all()

    def of(self, kind: type) -> list[Any]:
        return [news for news in self.news if isinstance(news, kind)]

    def wait(self, kind: type, timeout_s: float = 10.0, **fields: object) -> Any:
        def found() -> Any:
            wanted = (
                n for n in self.of(kind) if all(getattr(n, k) == v for k, v in fields.items())
            )
            return next(wanted, None)

        with self._changed:
            assert self._changed.wait_for(found, timeout_s), (kind, fields, self.news)
            return found()


def url(server: CopterServer) -> str:
    return f"tcp:127.0.0.1:{server.port}"


def connect(odd: OddVehicle, **options: Any) -> VehicleLink:
    return VehicleLink.connect(odd.url, timeout_s=options.pop("timeout_s", 5.0), **options)


def answers(**more: Answer) -> dict[str, Answer]:
    return has_params({"BATT_CAPACITY": 5200.0}) | more


def position(boot_ms: int, **fields: int) -> Any:
    whole = {"lat": 312000000, "lon": 1215000000, "alt": 35000, "relative_alt": 25000}
    whole |= {"vx": 300, "vy": 400, "vz": -50, "hdg": 9000} | fields
    return mavlink.MAVLink_global_position_int_message(boot_ms, **whole)


@pytest.fixture(scope="module")
def server() -> Iterator[CopterServer]:
    with CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as running:
        yield running


@pytest.fixture(scope="module")
def link(server: CopterServer) -> Iterator[VehicleLink]:
    with VehicleLink.connect(url(server)) as made:
        made.wait_for(lambda now: now.prearm_ok is True, "the vehicle to be ready", 30.0)
        yield made


@pytest.fixture
def odd() -> Iterator[OddVehicle]:
    with OddVehicle(answers=answers()) as vehicle:
        yield vehicle


# Who is flown


def test_a_vehicle_that_does_not_answer_is_named() -> None:
    with (
        OddVehicle(beat=False) as silent,
        pytest.raises(LinkError, match=rf"{silent.url}: no heartbeat in 0.3 s; nothing answers"),
    ):
        connect(silent, timeout_s=0.3)


def test_something_that_is_not_mavlink_is_told_from_silence() -> None:
    with (
        OddVehicle(beat=False, greeting=b"login: " * 40) as modem,
        pytest.raises(LinkError, match="something is there, but it is not MAVLink"),
    ):
        connect(modem, timeout_s=0.5)


@pytest.mark.parametrize(
    ("vehicle_type", "autopilot", "words"),
    [
        (FIXED_WING, 3, "it is a fixed wing; only multirotors are flown"),
        (10, 3, "it is a rover; only multirotors are flown"),
        (4, 3, "it is a helicopter; only multirotors are flown"),
        (21, 3, "it is a vtol tiltrotor; only multirotors are flown"),
        (2, PX4, "it runs PX4; only ArduPilot is flown"),
    ],
)
def test_what_is_not_a_multirotor_under_ardupilot_is_refused_by_name(
    vehicle_type: int, autopilot: int, words: str
) -> None:
    with (
        OddVehicle(vehicle_type=vehicle_type, autopilot=autopilot) as other,
        pytest.raises(LinkError, match=f"there is a vehicle, but {words}"),
    ):
        connect(other)


def test_another_ground_station_on_the_line_is_no_vehicle() -> None:
    with (
        OddVehicle(vehicle_type=GROUND_STATION, autopilot=NO_AUTOPILOT) as station,
        pytest.raises(LinkError, match="no heartbeat"),
    ):
        connect(station, timeout_s=0.5)


def test_a_wrong_vehicle_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.active_count()
    with OddVehicle(vehicle_type=FIXED_WING) as other, pytest.raises(LinkError):
        connect(other)
    assert threading.active_count() == before


# What it says


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


# Listeners


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


def test_a_mode_says_who_asked_for_it(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link, ModeChanged)
        link.set_mode("LOITER")
        assert heard.wait(ModeChanged, mode="LOITER").by_us
        odd.mode = 6
        assert not heard.wait(ModeChanged, mode="RTL").by_us


# Commands


def test_a_flight_by_commands(server: CopterServer) -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own)) as link,
    ):
        link.wait_for(lambda now: now.prearm_ok is True, "the vehicle to be ready", 30.0)
        link.set_mode("GUIDED")
        link.arm()
        link.takeoff(20.0)
        link.wait_for(lambda now: (now.alt_home_m or 0.0) > 19.0, "20 m", 30.0)
        link.goto(31.2009, 121.5, 25.0, speed_mps=8.0)
        link.wait_for(lambda now: (now.lat_deg or 0.0) > 31.2004, "half of the way", 30.0)
        assert link.telemetry.speed_mps == pytest.approx(8.0, abs=1.0)
        with pytest.raises(CommandRefusedError, match="disarming: failed"):
            link.disarm()
        assert link.pause() == "BRAKE"
        link.wait_for(lambda now: (now.speed_mps or 9.0) < 0.3, "it to stand", 20.0)
        link.rtl()
        link.wait_for(lambda now: not now.armed, "it to be home", 60.0)
        now = link.wait_for(lambda t: t.landed is LandedState.ON_GROUND, "it to say so", 5.0)
        assert now.lat_deg == pytest.approx(HOME.lat_deg, abs=2e-5)


def test_arming_that_is_refused_says_what_the_vehicle_says(link: VehicleLink) -> None:
    link.set_mode("LAND")
    with pytest.raises(CommandRefusedError, match=r"arming: failed; it says: .*not armable"):
        link.arm()
    link.set_mode("STABILIZE")


def test_a_command_that_is_not_supported_can_be_told_from_one_that_failed(
    link: VehicleLink,
) -> None:
    with pytest.raises(CommandRefusedError, match="DO_PAUSE_CONTINUE: unsupported") as unsupported:
        link.command_long(193, 0.0)
    assert unsupported.value.unsupported
    with pytest.raises(CommandRefusedError, match="NAV_TAKEOFF: failed") as failed:
        link.command_long(TAKEOFF, 0, 0, 0, 0, 0, 0, 10.0)
    assert not failed.value.unsupported


def test_a_lost_answer_is_asked_for_again_and_counted() -> None:
    with OddVehicle(answers=answers(COMMAND_LONG=results(-1, -1, 0, command=300))) as odd:
        with connect(odd) as link:
            link.command_long(300, 1.0, timeout_s=0.1)
        said = [m.confirmation for m in odd.heard_of("COMMAND_LONG") if m.command == 300]
    assert said == [0, 1, 2]


def test_no_answer_at_all_is_an_error_that_says_how_often_it_was_asked() -> None:
    with (
        OddVehicle(answers=answers(COMMAND_LONG=results(*[-1] * 9, command=300))) as odd,
        connect(odd) as link,
        pytest.raises(LinkError, match="no answer to MISSION_START, said 3 times"),
    ):
        link.command_long(300, timeout_s=0.05, retries=2)


def test_work_in_progress_is_waited_for_without_asking_again() -> None:
    def slow(vehicle: OddVehicle, message: Any) -> None:
        if message.command == 241:
            ack(vehicle, 241, 5)
            threading.Timer(0.5, ack, (vehicle, 241, 0)).start()
        else:
            ack(vehicle, message.command, 0)

    with OddVehicle(answers=answers(COMMAND_LONG=slow)) as odd:
        with connect(odd) as link:
            link.command_long(241, 1.0, timeout_s=0.2)
        assert len([m for m in odd.heard_of("COMMAND_LONG") if m.command == 241]) == 1


def test_an_answer_to_somebody_else_is_not_ours() -> None:
    def to_another(vehicle: OddVehicle, message: Any) -> None:
        ack(vehicle, message.command, 4, to=42)
        ack(vehicle, message.command, 0, to=255)

    with OddVehicle(answers=answers(COMMAND_LONG=to_another)) as odd, connect(odd) as link:
        link.command_long(300)


def test_a_landing_does_not_wait_for_an_arming() -> None:
    with (
        OddVehicle(answers=answers(COMMAND_LONG=results(-1, 4, command=ARM))) as odd,
        connect(odd) as link,
    ):
        refused: list[CommandError] = []

        def arm() -> None:
            try:
                link.arm(timeout_s=1.0)
            except CommandError as error:
                refused.append(error)

        arming = threading.Thread(target=arm, daemon=True)
        arming.start()
        started_s = time.monotonic()
        link.land()
        assert time.monotonic() - started_s < 0.8
        arming.join(10.0)
        assert len(refused) == 1


def test_a_mode_that_is_none_is_refused(link: VehicleLink) -> None:
    with pytest.raises(CommandError, match="'HOVER' is no flight mode of ArduCopter"):
        link.set_mode("HOVER")


def test_a_mode_that_is_accepted_and_does_not_come_is_an_error() -> None:
    def yes_but(vehicle: OddVehicle, message: Any) -> None:
        ack(vehicle, message.command, 0)

    with (
        OddVehicle(answers=answers(COMMAND_LONG=yes_but)) as odd,
        connect(odd) as link,
        pytest.raises(CommandError, match="mode AUTO: the vehicle stays in GUIDED"),
    ):
        link.set_mode("AUTO", timeout_s=0.3)


def test_an_old_vehicle_gets_its_mode_in_the_old_way() -> None:
    def set_mode(vehicle: OddVehicle, message: Any) -> None:
        vehicle.mode = message.custom_mode

    odd = OddVehicle(answers=answers(COMMAND_LONG=results(3, command=SET_MODE), SET_MODE=set_mode))
    with odd, connect(odd) as link:
        link.set_mode("LOITER")
        assert link.telemetry.mode == "LOITER"


def test_pausing_takes_loiter_where_brake_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    odd = OddVehicle(answers=answers(COMMAND_LONG=results(4, command=SET_MODE)))
    with odd, connect(odd) as link:
        assert link.pause() == "LOITER"
    assert "mode BRAKE: failed; LOITER instead" in caplog.text


def test_a_take_off_whose_yes_got_lost_is_no_failure() -> None:
    with OddVehicle(answers=answers(COMMAND_LONG=results(-1, 4, command=TAKEOFF))) as odd:
        odd.armed = True
        with connect(odd) as link:
            odd.say(position(1000, relative_alt=0))
            link.wait_for(lambda t: t.armed and t.alt_home_m == 0.0, "the ground", 5.0)
            threading.Timer(0.2, odd.say, (position(2000, relative_alt=2000),)).start()
            link.takeoff(20.0, timeout_s=2.0)


def test_a_newer_vehicle_is_sent_to_a_place_by_command() -> None:
    with OddVehicle(answers=answers()) as odd:
        with connect(odd) as link:
            link.goto(31.3, 121.6, 40.0)
        (sent,) = [m for m in odd.heard_of("COMMAND_INT") if m.command == REPOSITION]
        assert (sent.x, sent.y, sent.z) == (313000000, 1216000000, 40.0)
        assert odd.heard_of("SET_POSITION_TARGET_GLOBAL_INT") == []


def test_a_target_that_the_vehicle_repeats_is_taken_as_heard() -> None:
    def target(vehicle: OddVehicle, message: Any) -> None:
        vehicle.say(
            mavlink.MAVLink_position_target_global_int_message(
                1, 6, 0, message.lat_int, message.lon_int, 40.0, 0, 0, 0, 0, 0, 0, 0, 0
            )
        )

    odd = OddVehicle(
        answers=answers(
            COMMAND_INT=results(3, command=REPOSITION), SET_POSITION_TARGET_GLOBAL_INT=target
        )
    )
    with odd, connect(odd) as link:
        link.goto(31.3, 121.6, 40.0)


def test_a_target_that_is_not_taken_is_an_error() -> None:
    odd = OddVehicle(answers=answers(COMMAND_INT=results(3, command=REPOSITION)))
    with (
        odd,
        connect(odd) as link,
        pytest.raises(CommandError, match=r"does not take \(31.300000, 121.600000\) as its target"),
    ):
        link.goto(31.3, 121.6, 40.0, timeout_s=2.0)


def test_old_streams_are_asked_for_where_intervals_are_not_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = results(*[3] * 40, command=INTERVAL)
    with OddVehicle(answers=answers(COMMAND_LONG=refused)) as odd, connect(odd, rate_hz=5.0):
        asked = {(m.req_stream_id, m.req_message_rate) for m in odd.heard_of("REQUEST_DATA_STREAM")}
    assert asked == {(stream, 5) for stream in (1, 2, 6, 10, 11, 12)}
    assert "asked for streams instead" in caplog.text


# Parameters


def test_parameters_are_read_and_set(link: VehicleLink) -> None:
    link.set_param("RTL_ALT", 3200.0)
    assert link.read_param("RTL_ALT") == 3200.0
    link.set_param("WPNAV_SPEED", 812.5)
    assert link.read_param("WPNAV_SPEED") == 812.5


def test_a_parameter_that_is_not_there_is_none_and_cannot_be_set(link: VehicleLink) -> None:
    assert link.read_param("WP_SPD", timeout_s=0.3) is None
    with pytest.raises(CommandError, match="the vehicle has no parameter WP_SPD"):
        link.set_param("WP_SPD", 8.0, timeout_s=0.3)


def test_a_newer_vehicle_says_at_once_that_it_has_no_such_parameter() -> None:
    def none(vehicle: OddVehicle, message: Any) -> None:
        vehicle.say(mavlink.MAVLink_param_error_message(255, 190, message.param_id.encode(), -1, 1))

    with OddVehicle(answers={"PARAM_REQUEST_READ": none}) as odd, connect(odd) as link:
        started_s = time.monotonic()
        assert link.read_param("RTL_ALT") is None
        assert time.monotonic() - started_s < 1.0


def test_a_vehicle_that_keeps_another_value_is_an_error() -> None:
    kept = has_params({"BATT_CAPACITY": 0.0, "RTL_ALT": 1500.0})
    kept["PARAM_SET"] = kept["PARAM_REQUEST_READ"]
    with (
        OddVehicle(answers=kept) as odd,
        connect(odd) as link,
        pytest.raises(CommandError, match="RTL_ALT: set to 30, the vehicle keeps 1500"),
    ):
        link.set_param("RTL_ALT", 30.0)


# Waiting, silence, the end


def test_a_wait_says_what_it_waited_for(link: VehicleLink) -> None:
    with pytest.raises(LinkError, match=r"waited 0.2 s for pigs to fly$"):
        link.wait_for(lambda _: False, "pigs to fly", 0.2)


def test_closing_ends_every_wait(odd: OddVehicle) -> None:
    link = connect(odd)
    threading.Timer(0.2, link.close).start()
    with pytest.raises(LinkError, match="the link was closed"):
        link.wait_for(lambda _: False, "ever", 30.0)
    link.close()
    assert link.lost


def test_a_link_may_be_closed_by_one_who_listens(odd: OddVehicle) -> None:
    link = connect(odd)
    closed = threading.Event()

    def hear(_: MissionCurrent) -> None:
        link.close()
        closed.set()

    link.add_listener(hear, MissionCurrent)
    odd.say(mavlink.MAVLink_mission_current_message(1))
    assert closed.wait(10.0)


def test_our_heartbeats_come_once_a_second_of_the_vehicles_time(odd: OddVehicle) -> None:
    odd.beat = False
    odd_beats = threading.Thread(target=_beat, args=(odd, 0.1, 12), daemon=True)
    threading.Timer(0.1, odd_beats.start).start()
    with connect(odd):
        before = len(odd.heard_of("HEARTBEAT"))
        odd_beats.join(10.0)
        time.sleep(0.1)
        assert len(odd.heard_of("HEARTBEAT")) - before >= 8
        # And none is answered twice: when the vehicle is silent, ours come once a second.
        before = len(odd.heard_of("HEARTBEAT"))
        time.sleep(1.5)
        assert 1 <= len(odd.heard_of("HEARTBEAT")) - before <= 2


def _beat(odd: OddVehicle, every_s: float, times: int) -> None:
    for _ in range(times):
        odd.heartbeat()
        time.sleep(every_s)


def test_one_who_only_looks_on_sends_no_heartbeats(odd: OddVehicle) -> None:
    with connect(odd, heartbeat=False):
        time.sleep(0.3)
        assert odd.heard_of("HEARTBEAT") == []


def test_a_pilot_program_that_hangs_falls_silent(
    odd: OddVehicle, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(odd, keepalive_s=0.3) as link:
        deadline_s = time.monotonic() + 10.0
        while "our heartbeats stop" not in caplog.text:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        silent = len(odd.heard_of("HEARTBEAT"))
        time.sleep(0.4)
        assert len(odd.heard_of("HEARTBEAT")) <= silent + 1
        link.keepalive()
        link.keepalive()
        while len(odd.heard_of("HEARTBEAT")) < silent + 2:
            assert time.monotonic() < deadline_s, "they begin again"
            link.keepalive()
            time.sleep(0.02)


def test_silence_is_noticed_and_its_end_too() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own), lost_after_s=0.4) as link,
    ):
        heard = Heard(link)
        own.inject(LinkDrop(duration_s=1.2 * SPEEDUP))
        lost = heard.wait(LinkLost)
        assert lost.age_s == pytest.approx(0.6, abs=0.4)
        assert link.lost
        regained = heard.wait(LinkRegained)
        assert regained.gap_s == pytest.approx(1.2, abs=0.8)
        assert not link.lost
        seen = link.telemetry.time_boot_s or 0.0
        link.wait_for(lambda t: (t.time_boot_s or 0.0) > seen + 1.0, "telemetry again", 10.0)


def test_telemetry_comes_again_after_the_line_was_cut() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own), lost_after_s=0.5) as link,
    ):
        heard = Heard(link)
        own.inject(LinkDrop(duration_s=1.0 * SPEEDUP, close=True))
        heard.wait(LinkLost)
        heard.wait(LinkRegained)
        link.wait_for(
            lambda t: t.position_age_s < 0.2 and t.attitude_age_s < 0.2, "positions again", 10.0
        )


def test_a_command_to_a_lost_vehicle_says_that_the_link_is_lost(odd: OddVehicle) -> None:
    with connect(odd, lost_after_s=0.2) as link:
        odd.beat = False
        odd._answers.clear()
        with pytest.raises(LinkError, match=r"no answer to DO_CHANGE_SPEED.*; the link is lost"):
            link.command_long(178, 1.0, timeout_s=0.3, retries=1)


def test_a_reboot_is_noticed_and_the_state_from_before_forgotten(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(mavlink.MAVLink_mission_current_message(5))
        odd.say(position(90_000))
        link.wait_for(lambda t: t.time_boot_s == 90.0, "the first", 5.0)
        odd.say(mavlink.MAVLink_attitude_message(2_000, 0, 0, 0, 0, 0, 0))
        event = heard.wait(VehicleRebooted)
        assert (event.before_s, event.after_s) == (90.0, 2.0)
        assert link.telemetry.lat_deg is None
        assert link.telemetry.mission_seq is None


def test_messages_out_of_order_are_no_reboot(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(position(90_000))
        odd.say(position(89_900, relative_alt=7_000))
        link.wait_for(lambda t: t.alt_home_m == 7.0, "the second", 5.0)
        assert link.telemetry.time_boot_s == 90.0
        assert heard.of(VehicleRebooted) == []


def test_the_clock_of_a_gimbal_that_was_switched_on_later_is_no_reboot(odd: OddVehicle) -> None:
    attitude = mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, 5_000, 32, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0, 0
    )
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(position(90_000))
        link.wait_for(lambda t: t.time_boot_s == 90.0, "the vehicle's clock", 5.0)
        odd.say(attitude)
        link.wait_for(lambda t: t.gimbal_pitch_deg is not None, "the gimbal", 5.0)
        assert heard.of(VehicleRebooted) == []
        assert link.telemetry.lat_deg is not None


def test_after_a_reboot_the_vehicle_is_asked_for_messages_again() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own)) as link,
    ):
        heard = Heard(link)
        link.wait_for(lambda t: (t.time_boot_s or 0.0) > 40.0, "40 s", 10.0)
        own.inject(Reboot())
        heard.wait(VehicleRebooted)
        link.wait_for(lambda t: t.attitude_age_s < 0.5, "telemetry again", 10.0)
        link.wait_for(lambda t: t.ekf_ok is True, "the vehicle to be ready again", 20.0)


# Signing


def test_with_the_same_key_both_believe_each_other() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP, signing_key=KEY) as own,
        VehicleLink.connect(url(own), signing_key=KEY) as link,
        VehicleLink.connect(url(own), signing_key=KEY) as other,
    ):
        assert link.signed
        for _ in range(3):
            link.set_mode("LOITER")
            other.set_mode("STABILIZE")


def test_without_a_key_a_signing_vehicle_obeys_nothing_and_the_error_says_why() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP, signing_key=KEY) as own,
        pytest.raises(LinkError, match=f"it may only obey what is signed: .*{KEY_VARIABLE}"),
    ):
        VehicleLink.connect(url(own), timeout_s=5.0)


def test_with_another_key_nothing_is_believed() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP, signing_key=KEY) as own,
        pytest.raises(LinkError, match="something answers, but not signed with our key"),
    ):
        VehicleLink.connect(url(own), timeout_s=1.0, signing_key=bytes(32))


def test_with_a_key_a_vehicle_without_one_is_not_believed(odd: OddVehicle) -> None:
    with pytest.raises(LinkError, match="not signed with our key: has it another, or none"):
        connect(odd, timeout_s=0.5, signing_key=KEY)


def test_keys_come_from_the_environment() -> None:
    assert signing_key({}) is None
    assert signing_key({KEY_VARIABLE: ""}) is None
    assert signing_key({KEY_VARIABLE: "0A" * 32}) == bytes([10] * 32)
    assert signing_key({KEY_VARIABLE: "correct horse battery"}) == KEY


def test_a_short_key_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError, match="fewer than 8 characters") as refused:
        signing_key({KEY_VARIABLE: "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP, signing_key=KEY) as own,
        VehicleLink.connect(url(own), signing_key=KEY),
    ):
        pass
    assert KEY.hex() not in caplog.text
    assert repr(KEY) not in caplog.text
