"""Bytes to messages and back, in both versions of MAVLink, signed and not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v10 import ardupilotmega as mavlink1
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from park.errors import SimulationError
from sim_data.copter.moment import Moment
from sim_data.copter.signing import KEY_BYTES, Signing, read_key
from sim_data.copter.state import CopterState, HomePoint, LandedState, Mode
from sim_data.copter.telemetry import BUILDERS
from sim_data.copter.wire import Wire
from tests.sim_data.copter.ground_station import sign_with

KEY = bytes(range(KEY_BYTES))
HOME = HomePoint(-35.363_261, 149.165_23, 584.0, 353.0)
STATE = CopterState(
    time_boot_s=123.456,
    lat_deg=-35.361,
    lon_deg=149.166,
    alt_amsl_m=634.0,
    alt_home_m=50.0,
    vel_north_mps=5.0,
    vel_east_mps=-3.0,
    vel_down_mps=0.5,
    roll_deg=-4.0,
    pitch_deg=7.0,
    yaw_deg=353.0,
    armed=True,
    mode=Mode.AUTO,
    landed_state=LandedState.IN_AIR,
    battery_v=11.9,
    battery_a=17.3,
    gps_fix=6,
    satellites=10,
    hdop=1.21,
    has_mount=True,
    gimbal_pitch_deg=-90.0,
    home=HOME,
)
MOMENT = Moment(STATE, 1_700_000_000.0, HOME)


def station(version: int = 2) -> Any:
    """Return pymavlink's end of a link."""
    dialect = mavlink1 if version == 1 else mavlink2
    return dialect.MAVLink(None, srcSystem=255, srcComponent=190)


def frame_of(link: Any, message: Any) -> bytes:
    packed = bytes(message.pack(link))
    link.seq = (link.seq + 1) % 256
    return packed


def heartbeat(version: int = 2) -> bytes:
    dialect = mavlink1 if version == 1 else mavlink2
    return frame_of(station(version), dialect.MAVLink_heartbeat_message(6, 8, 0, 0, 0, 3))


def request_list(link: Any, target: int = 1) -> bytes:
    return frame_of(link, mavlink2.MAVLink_param_request_list_message(target, 1))


@pytest.mark.parametrize("message_id", BUILDERS)
@pytest.mark.parametrize("version", [1, 2])
def test_everything_it_says_is_read_by_pymavlink_in_either_version(
    message_id: int, version: int
) -> None:
    wire = Wire()
    wire.version = version
    message = BUILDERS[message_id](MOMENT)
    assert message is not None
    data = wire.encode(message)
    if version == 1 and message_id > 255:
        assert data == b"", "MAVLink 1 has no such message"
        return
    assert data[0] == (0xFE if version == 1 else 0xFD)
    (read,) = station(version).parse_buffer(data)
    assert read.get_srcSystem() == 1
    for name in read.get_fieldnames():
        assert getattr(read, name) == pytest.approx(getattr(message, name), rel=1e-6), name


def test_a_link_begins_with_mavlink_1_and_goes_over_for_good_when_mavlink_2_is_heard() -> None:
    wire = Wire()
    message = BUILDERS[0](MOMENT)
    versions = []
    for data in (b"", heartbeat(1), heartbeat(2), heartbeat(1)):
        wire.receive(data)
        versions.append(wire.encode(message)[0])
    assert versions == [0xFE, 0xFE, 0xFD, 0xFD]


def test_frames_are_numbered_one_after_another_without_a_gap() -> None:
    wire = Wire()
    wire.version = 2
    numbers = [wire.encode(BUILDERS[0](MOMENT))[4] for _ in range(300)]
    assert numbers == [n % 256 for n in range(300)]


def test_what_is_meant_for_another_vehicle_is_left_alone() -> None:
    wire = Wire()
    link = station()
    assert [m.target_system for m in wire.receive(request_list(link, 2))] == []
    assert [m.target_system for m in wire.receive(request_list(link, 1))] == [1]
    assert [m.target_system for m in wire.receive(request_list(link, 0))] == [0]


@given(st.binary(max_size=400))
def test_no_bytes_upset_it(data: bytes) -> None:
    wire = Wire()
    wire.receive(data)
    # 280 zeros end whatever long frame it may have begun; then it hears again.
    wire.receive(bytes(300))
    assert wire.receive(heartbeat()) or wire.receive(heartbeat())


@given(st.lists(st.integers(1, 40), max_size=12))
def test_messages_do_not_depend_on_how_the_bytes_are_cut(cuts: list[int]) -> None:
    link = station()
    data = b"".join(request_list(link) for _ in range(5))
    wire = Wire()
    heard, at = 0, 0
    for cut in cuts:
        heard += len(wire.receive(data[at : at + cut]))
        at += cut
    heard += len(wire.receive(data[at:]))
    assert heard == 5


@given(st.integers(0, 19), st.integers(1, 255))
def test_a_damaged_frame_is_counted_and_not_believed(place: int, change: int) -> None:
    data = bytearray(request_list(station()))
    good = bytes(data)
    if place >= len(data) or place in (0, 1, 2):
        return
    data[place] ^= change
    wire = Wire()
    assert wire.receive(bytes(data)) == []
    assert wire.bad_frames >= 1
    assert len(wire.receive(good)) == 1


class TestSigned:
    def wires(self) -> tuple[Wire, Wire]:
        signing = Signing(KEY)
        return Wire(signing, 0), Wire(signing, 1)

    def test_unsigned_frames_are_refused_and_counted(self) -> None:
        wire, _ = self.wires()
        assert wire.receive(request_list(station())) == []
        assert wire.receive(heartbeat(1)) == []
        assert (wire.refused_frames, wire.bad_frames) == (2, 0)

    def test_frames_signed_with_another_key_are_refused(self) -> None:
        wire, _ = self.wires()
        link = station()
        sign_with(link, KEY[::-1])
        assert wire.receive(request_list(link)) == []
        assert wire.refused_frames == 1

    def test_frames_signed_with_the_key_are_heard_and_answers_are_signed(self) -> None:
        wire, _ = self.wires()
        link = station()
        sign_with(link, KEY)
        assert len(wire.receive(request_list(link))) == 1
        (answer,) = link.parse_buffer(wire.encode(BUILDERS[0](MOMENT)))
        assert answer.get_signed()
        assert wire.refused_frames == 0

    def test_a_frame_played_again_is_refused_on_any_link(self) -> None:
        wire, other = self.wires()
        link = station()
        sign_with(link, KEY)
        data = request_list(link)
        assert len(wire.receive(data)) == 1
        assert wire.receive(data) == []
        assert other.receive(data) == []
        assert (wire.refused_frames, other.refused_frames) == (1, 1)

    def test_a_frame_of_long_ago_is_refused_also_from_somebody_new(self) -> None:
        wire, _ = self.wires()
        link = station()
        sign_with(link, KEY, timestamp=1_000)
        assert wire.receive(request_list(link)) == []

    def test_a_forged_frame_from_the_future_does_not_lock_out_the_rightful_sender(self) -> None:
        wire, _ = self.wires()
        forger, rightful = station(), station()
        sign_with(rightful, KEY)
        assert len(wire.receive(request_list(rightful))) == 1
        sign_with(forger, bytes(KEY_BYTES), timestamp=2**47)
        assert wire.receive(request_list(forger)) == []
        assert len(wire.receive(request_list(rightful))) == 1

    def test_a_radio_may_add_its_status_unsigned(self) -> None:
        wire, _ = self.wires()
        radio = mavlink2.MAVLink_radio_status_message(100, 100, 100, 30, 30, 0, 0)
        assert [m.get_type() for m in wire.receive(frame_of(station(), radio))] == ["RADIO_STATUS"]


class TestKey:
    def test_64_hexadecimal_digits_are_the_key(self) -> None:
        assert read_key(f" {KEY.hex()}\n") == KEY

    def test_anything_else_is_a_passphrase(self) -> None:
        # As `hashlib` of MAVProxy's `signing setup open sesame`.
        assert read_key("open sesame").hex().startswith("41ef4bb0b23661e66301aac36066912dac037827")

    def test_an_empty_key_is_refused(self) -> None:
        with pytest.raises(SimulationError, match="the signing key is empty; give 64 hexadecimal"):
            read_key("  ")

    def test_a_short_key_is_refused(self) -> None:
        with pytest.raises(SimulationError, match="the signing key has 4 bytes, not 32"):
            Signing(b"abcd")
