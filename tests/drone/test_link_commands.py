"""What a vehicle is asked over the link, what it answers, and what that means."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import CommandRefusedError, LandedState, ModeChanged, VehicleLink
from park.errors import CommandError, LinkError
from sim_data.copter.server import CopterServer
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.links import (
    ARM,
    HOME,
    INTERVAL,
    REPOSITION,
    SET_MODE,
    SPEEDUP,
    TAKEOFF,
    Heard,
    answers,
    connect,
    position,
    url,
)
from tests.drone.odd_vehicle import OddVehicle, ack, has_params, results


def test_a_mode_says_who_asked_for_it(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link, ModeChanged)
        link.set_mode("LOITER")
        assert heard.wait(ModeChanged, mode="LOITER").by_us
        odd.mode = 6
        assert not heard.wait(ModeChanged, mode="RTL").by_us


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
