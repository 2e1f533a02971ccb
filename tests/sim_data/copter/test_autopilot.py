"""Commands, parameters and announcements over the wire, as ArduCopter 4.1 answers them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from sim_data.copter.faults import LinkDelay, LinkDrop, Reboot
from sim_data.copter.state import Mode
from tests.sim_data.copter.ground_station import HOME, Flight, GroundStation

ACCEPTED, DENIED, UNSUPPORTED, FAILED = 0, 2, 3, 4
GUIDED, AUTO = 4, 3


@pytest.fixture
def flight() -> Flight:
    return Flight()


@pytest.fixture(scope="module")
def ready() -> Flight:
    """Return one that has been on for long enough to arm; for tests that change little."""
    flight = Flight()
    flight.wait(45.0)
    return flight


@pytest.fixture(scope="module")
def battered() -> Flight:
    """Return one that is on; for tests that may do anything to it."""
    flight = Flight()
    flight.wait(45.0)
    return flight


def kinds(station: GroundStation) -> list[str]:
    return [message.get_type() for message in station.heard()]


def texts(messages: list[Any]) -> list[str]:
    return [m.text for m in messages if m.get_type() == "STATUSTEXT"]


class TestHeartbeat:
    def test_it_is_a_quadcopter_of_the_ardupilot_family_once_a_second(self, flight: Flight) -> None:
        station = flight.station()
        flight.wait(4.5)
        heard = [m for m in station.heard() if m.get_type() == "HEARTBEAT"]
        assert len(heard) == 5
        assert (heard[0].type, heard[0].autopilot, heard[0].custom_mode) == (2, 3, 0)
        assert not heard[0].base_mode & 128

    def test_a_change_of_mode_shows_at_once(self, flight: Flight) -> None:
        station = flight.station()
        flight.wait(0.5)
        station.heard()
        flight.vehicle.set_mode(Mode.ALT_HOLD)
        flight.wait(0.02)
        (beat,) = [m for m in station.heard() if m.get_type() == "HEARTBEAT"]
        assert beat.custom_mode == Mode.ALT_HOLD


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "params", "answer"),
        [
            (193, (0,), UNSUPPORTED),
            (192, (-1, 0, 0, 0, -35.36, 149.16, 600), UNSUPPORTED),
            (1000, (-45,), UNSUPPORTED),
            (31_999, (), UNSUPPORTED),
            (205, (-45,), FAILED),
            (178, (1, 8, -1), ACCEPTED),
            (203, (0, 0, 0, 0, 1), ACCEPTED),
            (206, (25,), ACCEPTED),
            (511, (33, 200_000), ACCEPTED),
            (511, (9_999, 200_000), DENIED),
            (512, (148,), ACCEPTED),
            (512, (9_999,), FAILED),
            (512, (math.nan,), FAILED),
            (520, (1,), ACCEPTED),
            (520, (0,), FAILED),
            (22, (0, 0, 0, 0, 0, 0, 10), FAILED),
        ],
    )
    def test_each_is_acknowledged_once_with_what_was_observed(
        self, ready: Flight, command: int, params: tuple[float, ...], answer: int
    ) -> None:
        assert ready.station().command(command, *params) == answer

    def test_the_acknowledgement_is_addressed_to_who_asked(self, ready: Flight) -> None:
        station = ready.station(system=77)
        message = mavlink2.MAVLink_command_long_message(1, 1, 520, 0, 1, 0, 0, 0, 0, 0, 0)
        ack = station.ask(message, "COMMAND_ACK")
        assert (ack.target_system, ack.target_component) == (77, 190)

    def test_arming_in_auto_fails_with_its_text(self, ready: Flight) -> None:
        station = ready.station()
        goto_auto = mavlink2.MAVLink_command_long_message(1, 1, 176, 0, 1, AUTO, 0, 0, 0, 0, 0)
        station.ask(goto_auto, "COMMAND_ACK")
        if ready.vehicle.state.mode is Mode.AUTO:
            assert station.command(400, 1) == FAILED
            ready.wait(0.1)
            assert any("Mode not armable" in text for text in texts(station.heard()))
        ready.vehicle.set_mode(Mode.STABILIZE)

    def test_set_mode_is_acknowledged_as_command_11(self, ready: Flight) -> None:
        station = ready.station()
        guided = mavlink2.MAVLink_set_mode_message(1, 1, GUIDED)
        ack = station.ask(guided, "COMMAND_ACK")
        assert (ack.command, ack.result) == (11, ACCEPTED)
        assert ready.vehicle.state.mode is Mode.GUIDED
        unknown = station.ask(mavlink2.MAVLink_set_mode_message(1, 1, 88), "COMMAND_ACK")
        assert (unknown.command, unknown.result) == (11, FAILED)
        not_custom = station.ask(mavlink2.MAVLink_set_mode_message(1, 0, GUIDED), "COMMAND_ACK")
        assert not_custom.result == DENIED
        ready.vehicle.set_mode(Mode.STABILIZE)

    def test_places_of_a_command_int_are_whole_1e7_degrees(self, ready: Flight) -> None:
        station = ready.station()
        home = mavlink2.MAVLink_command_int_message(
            1, 1, 0, 179, 0, 0, 0, 0, 0, 0, -353_600_000, 1_491_600_000, 600.0
        )
        assert station.ask(home, "COMMAND_ACK").result == ACCEPTED
        moved = ready.vehicle.state.home
        assert moved is not None
        assert (moved.lat_deg, moved.lon_deg) == pytest.approx((-35.36, 149.16), abs=1e-7)
        assert station.command(179, 1) == ACCEPTED

    def test_home_is_told_when_it_is_asked_for(self, flight: Flight) -> None:
        station = flight.station()
        assert station.command(410) == FAILED, "there is none yet"
        flight.wait(45.0)
        station.heard()
        station.say(mavlink2.MAVLink_command_long_message(1, 1, 410, 0, 0, 0, 0, 0, 0, 0, 0))
        heard = {m.get_type(): m for m in station.heard()}
        assert heard["HOME_POSITION"].altitude == pytest.approx(584_000, abs=2_000)
        assert heard["GPS_GLOBAL_ORIGIN"].latitude == round(HOME.lat_deg * 1e7)
        assert heard["COMMAND_ACK"].result == ACCEPTED

    def test_an_interval_can_be_asked_back(self, ready: Flight) -> None:
        station = ready.station()
        station.command(511, 33, 50_000)
        request = mavlink2.MAVLink_command_long_message(1, 1, 510, 0, 33, 0, 0, 0, 0, 0, 0)
        assert station.ask(request, "MESSAGE_INTERVAL").interval_us == 50_000


class TestVersion:
    def test_it_says_what_it_can_do_and_that_it_is_simulated(self, ready: Flight) -> None:
        request = mavlink2.MAVLink_command_long_message(1, 1, 520, 0, 1, 0, 0, 0, 0, 0, 0)
        version = ready.station().ask(request, "AUTOPILOT_VERSION")
        assert version.flight_sw_version >> 8 == 0x040105
        assert bytes(version.flight_custom_version) == b"simulate"
        for able in ("MISSION_INT", "MISSION_FENCE", "MISSION_RALLY", "COMMAND_INT", "MAVLINK2"):
            flag = getattr(mavlink2, f"MAV_PROTOCOL_CAPABILITY_{able}")
            assert version.capabilities & flag, able
        assert not version.capabilities & mavlink2.MAV_PROTOCOL_CAPABILITY_FTP


class TestParameters:
    def test_the_whole_list_comes_in_order(self, flight: Flight) -> None:
        station = flight.station()
        station.say(mavlink2.MAVLink_param_request_list_message(1, 1))
        flight.wait(len(flight.vehicle.params) * 0.02)
        heard = [m for m in station.heard() if m.get_type() == "PARAM_VALUE"]
        assert [m.param_index for m in heard] == list(range(len(flight.vehicle.params)))
        assert {m.param_count for m in heard} == {len(flight.vehicle.params)}
        values = {m.param_id: m.param_value for m in heard}
        assert (values["RTL_ALT"], values["FS_GCS_ENABLE"]) == (1500.0, 0.0)

    def test_one_can_be_read_by_name_and_by_place(self, ready: Flight) -> None:
        station = ready.station()
        by_name = station.ask(
            mavlink2.MAVLink_param_request_read_message(1, 1, b"RTL_ALT", -1), "PARAM_VALUE"
        )
        assert (by_name.param_id, by_name.param_value, by_name.param_index) == (
            "RTL_ALT", 1500.0, 65_535,
        )  # fmt: skip
        place = ready.vehicle.params.param("RTL_ALT").index
        by_place = station.ask(
            mavlink2.MAVLink_param_request_read_message(1, 1, b"", place), "PARAM_VALUE"
        )
        assert (by_place.param_id, by_place.param_index) == ("RTL_ALT", place)

    def test_what_is_not_there_is_not_answered(self, ready: Flight) -> None:
        station = ready.station()
        station.say(mavlink2.MAVLink_param_request_read_message(1, 1, b"THR_MIN", -1))
        station.say(mavlink2.MAVLink_param_request_read_message(1, 1, b"", 30_000))
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"THR_MIN", 3.0, 9))
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"RTL_ALT", math.nan, 9))
        assert kinds(station) == []
        assert ready.vehicle.params.get("RTL_ALT") == 1500.0

    def test_one_that_is_set_is_told_to_everybody_as_it_is_stored(self, flight: Flight) -> None:
        station, other = flight.station(), flight.station(system=254)
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"RTL_ALT", 2999.6, 9))
        for one in (station, other):
            (value,) = [m for m in one.heard() if m.get_type() == "PARAM_VALUE"]
            assert (value.param_id, value.param_value) == ("RTL_ALT", 3000.0)
        assert flight.vehicle.params.get("RTL_ALT") == 3000.0


class TestOtherMessages:
    def test_timesync_is_answered_with_the_vehicles_time(self, ready: Flight) -> None:
        sync = ready.station().ask(mavlink2.MAVLink_timesync_message(0, 123_456), "TIMESYNC")
        assert sync.tc1 == pytest.approx(ready.vehicle.time_boot_s * 1e9, rel=1e-6)
        assert sync.ts1 // 1000 == 123

    def test_the_time_of_day_goes_on_with_vehicle_time(self, flight: Flight) -> None:
        station = flight.station()
        station.command(511, 2, 1_000_000)
        flight.wait(9.5)
        times = [m.time_unix_usec for m in station.heard() if m.get_type() == "SYSTEM_TIME"]
        assert [t - times[1] for t in times[1:]] == pytest.approx(
            [n * 1e6 for n in range(9)], abs=2.1e4
        )

    def test_mavlink_1_clients_get_raw_channels_and_mavlink_2_clients_do_not(
        self, flight: Flight
    ) -> None:
        old, new = flight.station(version=1), flight.station(version=2, system=254)
        for station in (old, new):
            station.say(station.mavlink.MAVLink_request_data_stream_message(1, 1, 3, 4, 1))
        flight.wait(1.0)
        assert "RC_CHANNELS_RAW" in kinds(old)
        new_kinds = kinds(new)
        assert "RC_CHANNELS_RAW" not in new_kinds
        assert "RC_CHANNELS" in new_kinds

    def test_a_long_text_goes_in_parts_that_belong_together(self, flight: Flight) -> None:
        station = flight.station()
        text = "".join(chr(65 + n % 26) for n in range(120))
        from sim_data.copter.state import Severity

        flight.autopilot.say(Severity.WARNING, text)
        parts = [m for m in station.heard() if m.get_type() == "STATUSTEXT"]
        assert "".join(p.text for p in parts) == text
        assert len({p.id for p in parts}) == 1
        assert parts[0].id != 0
        assert [p.chunk_seq for p in parts] == [0, 1, 2]


class TestLink:
    def test_while_the_link_is_down_nothing_passes_either_way(self, flight: Flight) -> None:
        station = flight.station()
        flight.vehicle.inject(LinkDrop(duration_s=5.0))
        flight.wait(0.04)
        station.heard()
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"RTL_ALT", 3000.0, 9))
        flight.wait(4.0)
        assert station.heard() == []
        assert flight.vehicle.params.get("RTL_ALT") == 1500.0
        flight.wait(2.0)
        assert "HEARTBEAT" in kinds(station)

    def test_a_slow_link_delivers_late_and_in_order_both_ways(self, flight: Flight) -> None:
        station = flight.station()
        flight.vehicle.inject(LinkDelay(delay_s=0.5, duration_s=10.0))
        flight.wait(0.6)
        station.heard()
        sent_s = flight.now_s
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"RTL_ALT", 3000.0, 9))
        station.say(mavlink2.MAVLink_param_set_message(1, 1, b"RTL_ALT", 4000.0, 9))
        values: list[float] = []
        while not values and flight.now_s < sent_s + 5.0:
            flight.wait(0.02)
            values = [m.param_value for m in station.heard() if m.get_type() == "PARAM_VALUE"]
        assert values == [3000.0, 4000.0]
        assert flight.now_s - sent_s == pytest.approx(1.0, abs=0.05)

    def test_a_dropped_link_can_hang_up_and_turn_clients_away(self, flight: Flight) -> None:
        station = flight.station()
        flight.vehicle.inject(LinkDrop(duration_s=5.0, close=True))
        flight.wait(0.04)
        assert station.session.closing
        assert flight.autopilot.refuse_clients
        flight.wait(6.0)
        assert not flight.autopilot.refuse_clients

    def test_a_reboot_hangs_up_and_forgets_uploads(self, flight: Flight) -> None:
        station = flight.station()
        station.say(mavlink2.MAVLink_mission_count_message(1, 1, 3, 0))
        flight.vehicle.inject(Reboot())
        flight.wait(0.1)
        assert station.session.closing
        again = flight.station()
        ack = again.ask(mavlink2.MAVLink_mission_count_message(1, 1, 0, 0), "MISSION_ACK")
        assert ack.type == ACCEPTED


@given(
    number=st.sampled_from([m for m in mavlink2.mavlink_map if m < 300 and m not in (0, 49, 109)]),
    payload=st.binary(min_size=255, max_size=255),
)
def test_no_message_whatever_is_in_it_is_more_than_it_can_deal_with(
    battered: Flight, number: int, payload: bytes
) -> None:
    kind = mavlink2.mavlink_map[number]
    values = kind.unpacker.unpack(payload[: kind.unpacker.size])
    fields, at = [], 0
    for length in kind.lengths:
        many = length > 1 and not isinstance(values[at], bytes)
        fields.append(list(values[at : at + length]) if many else values[at])
        at += length if many else 1
    message = kind(*(fields[place] for place in kind.orders))
    if hasattr(message, "target_system"):
        message.target_system = 1
    station = battered.station(system=201)
    station.say(message)
    battered.wait(0.04)
    battered.autopilot.disconnect(station.session)
    assert battered.autopilot.failed_messages == 0


@given(
    command=st.sampled_from(
        [16, 20, 21, 22, 115, 176, 178, 179, 192, 201, 205, 206, 241, 400, 511]
    ),
    params=st.lists(st.floats(width=32), min_size=7, max_size=7),
)
def test_no_command_whatever_its_parameters_is_more_than_it_can_deal_with(
    battered: Flight, command: int, params: list[float]
) -> None:
    station = battered.station(system=202)
    station.command(command, *params)
    battered.wait(0.04)
    battered.autopilot.disconnect(station.session)
    assert battered.autopilot.failed_messages == 0
