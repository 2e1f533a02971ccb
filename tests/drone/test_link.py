"""Which vehicles are flown, with which key, and how waits for them end."""

from __future__ import annotations

import logging
import threading

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import KEY_VARIABLE, MissionCurrent, VehicleLink, signing_key
from park.errors import LinkError, SettingsError
from sim_data.copter.server import CopterServer
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.links import HOME, KEY, SPEEDUP, connect, url
from tests.drone.odd_vehicle import FIXED_WING, GROUND_STATION, NO_AUTOPILOT, PX4, OddVehicle


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
