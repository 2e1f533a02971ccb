"""The simulated copter on its port: clients, time, faults, signing, and how it ends."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from park.errors import SimulationError
from sim_data.copter.faults import GpsLoss, LinkDrop, Reboot
from sim_data.copter.server import CopterServer
from sim_data.copter.signing import KEY_BYTES
from sim_data.copter.state import CopterState
from sim_data.copter.vehicle import SimulatedCopter
from tests.sim_data.copter.ground_station import HOME, SocketStation

KEY = bytes(range(KEY_BYTES))
GUIDED = 4


@pytest.fixture
def still() -> Iterator[CopterServer]:
    """Return a server whose time passes as told."""
    with CopterServer(SimulatedCopter(HOME), port=0, manual=True) as server:
        yield server


def command(number: int, *params: float) -> Any:
    padded = (*params, *([0.0] * 7))[:7]
    return mavlink2.MAVLink_command_long_message(1, 1, number, 0, *padded)


def read_rtl_alt() -> Any:
    return mavlink2.MAVLink_param_request_read_message(1, 1, b"RTL_ALT", -1)


def ack_of(station: SocketStation, number: int) -> int:
    return int(station.wait("COMMAND_ACK", lambda m: m.command == number).result)


class TestClients:
    def test_several_at_once_are_each_answered(self, still: CopterServer) -> None:
        with SocketStation(still.port) as one, SocketStation(still.port, version=1) as two:
            one.say(read_rtl_alt())
            assert one.wait("PARAM_VALUE").param_value == 1500.0
            two.say(two.mav.param_request_read_encode(1, 1, b"FS_THR_ENABLE", -1))
            assert two.wait("PARAM_VALUE").param_id == "FS_THR_ENABLE"
            assert still.client_count == 2

    def test_one_that_goes_is_forgotten_and_the_others_stay(self, still: CopterServer) -> None:
        with SocketStation(still.port) as one:
            with SocketStation(still.port) as two:
                two.say(read_rtl_alt())
                two.wait("PARAM_VALUE")
            one.say(read_rtl_alt())
            one.wait("PARAM_VALUE")
            deadline_s = time.monotonic() + 5.0
            while still.client_count != 1 and time.monotonic() < deadline_s:
                time.sleep(0.01)
            assert still.client_count == 1

    def test_one_that_talks_nonsense_does_not_disturb_the_others(self, still: CopterServer) -> None:
        with SocketStation(still.port) as good, SocketStation(still.port) as bad:
            bad.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(range(256)))
            good.say(read_rtl_alt())
            assert good.wait("PARAM_VALUE").param_value == 1500.0

    def test_one_that_does_not_read_is_spared_telemetry_and_time_goes_on(
        self, still: CopterServer
    ) -> None:
        with SocketStation(still.port) as lazy:
            lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.say(mavlink2.MAVLink_request_data_stream_message(1, 1, 0, 50, 1))
            deadline_s = time.monotonic() + 5.0
            while still.client_count != 1 and time.monotonic() < deadline_s:
                time.sleep(0.01)
            still.advance(20.0)
            assert still.time_s == pytest.approx(20.0)

    def test_telemetry_at_50_hertz_comes_at_50_hertz(self, still: CopterServer) -> None:
        with SocketStation(still.port) as station:
            station.say(command(511, 33, 20_000))
            assert ack_of(station, 511) == 0
            still.advance(4.0)
            station.wait("GLOBAL_POSITION_INT", lambda m: m.time_boot_ms >= 3_980)
            times = [
                m.time_boot_ms for m in station.messages if m.get_type() == "GLOBAL_POSITION_INT"
            ]
            assert {b - a for a, b in itertools.pairwise(times)} == {20}


class TestTime:
    def test_no_time_passes_by_itself_when_it_is_told_how_much(self, still: CopterServer) -> None:
        with SocketStation(still.port) as station:
            station.say(read_rtl_alt())
            station.wait("PARAM_VALUE")
        assert still.time_s == 0.0
        still.advance(1.0)
        assert still.time_s == pytest.approx(1.0)
        assert still.state.time_boot_s == pytest.approx(1.0)

    def test_with_a_speedup_time_passes_that_much_faster(self) -> None:
        with CopterServer(SimulatedCopter(HOME), port=0, speedup=20.0) as server:
            began = time.monotonic()
            state = server.wait_for(lambda s: s.time_boot_s >= 20.0, "20 s of vehicle time", 30.0)
            took_s = time.monotonic() - began
        assert state.time_boot_s >= 20.0
        assert took_s >= 0.9, "it must not run ahead"

    def test_the_same_seed_and_the_same_orders_make_the_same_flight(self) -> None:
        def flight() -> list[CopterState]:
            states = []
            vehicle = SimulatedCopter(HOME, seed=11)
            with (
                CopterServer(
                    vehicle, port=0, manual=True, start=datetime(2026, 5, 1, tzinfo=UTC)
                ) as server,
                SocketStation(server.port) as station,
            ):
                server.advance(40.0)
                for order in (
                    command(176, 1, GUIDED),
                    command(400, 1),
                    command(22, 0, 0, 0, 0, 0, 0, 15),
                ):
                    station.messages.clear()
                    station.say(order)
                    assert ack_of(station, order.command) == 0
                    server.advance(0.5)
                server.inject(GpsLoss(), at_s=50.0)
                for _ in range(5):
                    server.advance(5.0)
                    states.append(server.state)
            return states

        first = flight()
        assert first[1].alt_home_m > 5.0, "it must have flown"
        assert first == flight()

    def test_a_wait_for_what_does_not_come_ends_and_says_what_it_was(
        self, still: CopterServer
    ) -> None:
        with pytest.raises(SimulationError, match=r"waited 0\.1 s for it to fly"):
            still.wait_for(lambda s: s.alt_home_m > 1.0, "it to fly", 0.1)

    def test_a_simulation_that_fails_tells_whoever_waits(self) -> None:
        vehicle = SimulatedCopter(HOME)

        def broken(dt_s: float) -> None:
            raise ZeroDivisionError("the wind")

        vehicle.step = broken  # type: ignore[method-assign]
        server = CopterServer(vehicle, port=0, manual=True)
        server.start()
        with pytest.raises(SimulationError, match="the simulated copter failed: the wind"):
            server.advance(1.0)
        with pytest.raises(SimulationError, match="the simulated copter failed: the wind"):
            server.stop()


class TestFaults:
    def test_one_is_injected_at_its_time(self, still: CopterServer) -> None:
        still.inject(GpsLoss(), at_s=40.0)
        still.advance(39.5)
        assert still.state.gps_fix >= 3
        still.advance(4.0)
        assert still.state.gps_fix < 3

    def test_a_reboot_hangs_up_and_clients_can_come_again(self, still: CopterServer) -> None:
        still.advance(40.0)
        with SocketStation(still.port) as station:
            station.say(command(246, 1))
            assert ack_of(station, 246) == 0
            still.advance(5.0)
            assert station.ended()
        assert still.state.time_boot_s < 10.0
        with SocketStation(still.port) as again:
            again.say(read_rtl_alt())
            assert again.wait("PARAM_VALUE").param_value == 1500.0

    def test_a_reboot_that_was_injected_hangs_up_too(self, still: CopterServer) -> None:
        with SocketStation(still.port) as station:
            still.advance(3.0)
            still.inject(Reboot())
            still.advance(1.0)
            assert station.ended()

    def test_a_link_that_drops_and_closes_turns_clients_away_until_it_is_over(
        self, still: CopterServer
    ) -> None:
        with SocketStation(still.port) as station:
            station.say(read_rtl_alt())
            station.wait("PARAM_VALUE")
            still.inject(LinkDrop(duration_s=10.0, close=True))
            still.advance(0.1)
            assert station.ended()
        with SocketStation(still.port) as refused:
            assert refused.ended()
        still.advance(11.0)
        with SocketStation(still.port) as again:
            again.say(read_rtl_alt())
            assert again.wait("PARAM_VALUE").param_value == 1500.0


class TestSigning:
    @pytest.fixture
    def signed(self) -> Iterator[CopterServer]:
        with CopterServer(SimulatedCopter(HOME), port=0, manual=True, signing_key=KEY) as server:
            server.advance(40.0)
            yield server

    def test_unsigned_commands_are_not_obeyed_and_signed_ones_are(
        self, signed: CopterServer
    ) -> None:
        with SocketStation(signed.port) as stranger, SocketStation(signed.port, key=KEY) as friend:
            stranger.say(command(176, 1, GUIDED))
            stranger.say(command(400, 1))
            friend.say(command(176, 1, GUIDED))
            assert ack_of(friend, 176) == 0
            assert not signed.state.armed
            assert signed.refused_frames == 2
            friend.say(command(400, 1))
            assert ack_of(friend, 400) == 0
            signed.advance(0.1)
            assert signed.state.armed
            assert not any(m.get_type() == "COMMAND_ACK" for m in stranger.messages)

    def test_a_command_that_was_overheard_cannot_be_played_again(
        self, signed: CopterServer
    ) -> None:
        with SocketStation(signed.port, key=KEY) as friend, SocketStation(signed.port) as thief:
            overheard = friend.say(command(176, 1, GUIDED))
            assert ack_of(friend, 176) == 0
            signed.ask(lambda vehicle: vehicle.set_mode(0))
            thief.socket.sendall(overheard)
            friend.say(read_rtl_alt())
            friend.wait("PARAM_VALUE")
            deadline_s = time.monotonic() + 5.0
            while signed.refused_frames == 0 and time.monotonic() < deadline_s:
                time.sleep(0.01)
            assert signed.refused_frames == 1
            assert signed.state.mode == 0

    def test_what_it_says_to_those_who_sign_is_signed(self, signed: CopterServer) -> None:
        with SocketStation(signed.port, key=KEY) as friend:
            friend.say(read_rtl_alt())
            answer = friend.wait("PARAM_VALUE")
            assert answer.get_msgbuf()[2] & 1, "the frame carries a signature"


class TestBeginAndEnd:
    def test_a_port_in_use_is_refused_with_the_remedy(self, still: CopterServer) -> None:
        other = CopterServer(SimulatedCopter(HOME), port=still.port)
        with pytest.raises(SimulationError, match=f"port {still.port} of .* is in use.*--port"):
            other.start()
        other.stop()

    def test_a_port_that_was_freed_can_be_used_at_once(self) -> None:
        with CopterServer(SimulatedCopter(HOME), port=0, manual=True) as first:
            port = first.port
            with SocketStation(port) as station:
                station.say(read_rtl_alt())
                station.wait("PARAM_VALUE")
        with CopterServer(SimulatedCopter(HOME), port=port, manual=True) as second:
            assert second.port == port

    def test_it_ends_with_clients_connected_and_leaves_no_thread(self) -> None:
        before = set(threading.enumerate())
        server = CopterServer(SimulatedCopter(HOME), port=0, speedup=50.0)
        server.start()
        with SocketStation(server.port) as station:
            station.wait("HEARTBEAT")
            server.stop()
            assert station.ended()
        server.stop()
        assert not server.running
        assert set(threading.enumerate()) == before

    @pytest.mark.parametrize("speedup", [0.0, -1.0, 51.0, float("nan")])
    def test_an_impossible_speedup_is_refused(self, speedup: float) -> None:
        with pytest.raises(SimulationError, match="is not above 0 and up to 50"):
            CopterServer(SimulatedCopter(HOME), speedup=speedup)

    def test_an_impossible_port_is_refused(self) -> None:
        with pytest.raises(SimulationError, match="port 70000 is not between 0 and 65535"):
            CopterServer(SimulatedCopter(HOME), port=70_000)

    def test_an_address_that_is_not_ours_is_refused(self) -> None:
        server = CopterServer(SimulatedCopter(HOME), host="192.0.2.1", port=0)
        with pytest.raises(SimulationError, match=r"cannot listen at 192\.0\.2\.1"):
            server.start()
        server.stop()
