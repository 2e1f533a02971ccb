"""DroneKit on today's Python: imports without a sound, survives a cut line, ends when told to."""

from __future__ import annotations

import logging
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from drone.dronekit_today import Connection, open_vehicle, signing_time
from drone.lines import Line, mavutil, open_line, parse_address
from park.errors import LinkError
from tests.drone.odd_vehicle import OddVehicle


def wait_until(true: Any, what: str, timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, f"waited {timeout_s} s for {what}"
        time.sleep(0.01)


@pytest.fixture
def vehicle() -> Iterator[OddVehicle]:
    with OddVehicle() as odd:
        yield odd


@pytest.fixture
def connection(vehicle: OddVehicle) -> Iterator[Connection]:
    made, _ = open_vehicle(vehicle.url, source_system=255, source_component=190)
    made.start()
    yield made
    made.close()


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_imports_with_warnings_as_errors_and_prints_nothing() -> None:
    done = run_python("import drone.dronekit_today")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_leaves_collections_as_python_has_it() -> None:
    code = "import collections, drone.dronekit_today; print(hasattr(collections, 'MutableMapping'))"
    assert run_python(code).stdout.strip() == "False"


def test_it_speaks_mavlink_2_also_when_pymavlink_was_imported_before_it() -> None:
    code = (
        "from pymavlink import mavutil; import drone.dronekit_today; "
        "print(mavutil.mavlink.WIRE_PROTOCOL_VERSION)"
    )
    assert run_python(code).stdout.strip() == "2.0"


def test_it_does_not_configure_the_programs_logging() -> None:
    code = (
        "import logging\n"
        "from drone.dronekit_today import open_vehicle\n"
        "made, _ = open_vehicle('udpout:127.0.0.1:9', "
        "source_system=255, source_component=190)\n"
        "made.close()\n"
        "print(logging.getLogger().handlers)"
    )
    done = run_python(code)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_it_reads_what_comes_and_sends_mavlink_2(
    vehicle: OddVehicle, connection: Connection
) -> None:
    kinds = []
    connection.hear(lambda message: kinds.append(message.get_type()))
    wait_until(lambda: "HEARTBEAT" in kinds, "a heartbeat")
    connection.line.mav.heartbeat_send(6, 8, 0, 0, 0)
    wait_until(lambda: vehicle.heard, "ours")
    assert vehicle.heard[0].get_msgbuf()[0] == 0xFD


def test_dronekit_sees_no_lists_parameters_or_texts(connection: Connection) -> None:
    seen: list[str] = []
    connection.forward_message(lambda _, message: seen.append(message.get_type()))
    chosen = connection.message_listeners[-1]
    dialect = mavutil.mavlink
    for message in (
        dialect.MAVLink_mission_request_message(255, 190, 0),
        dialect.MAVLink_mission_count_message(255, 190, 3),
        dialect.MAVLink_param_value_message(b"X", 1.0, 9, 1000, 0),
        dialect.MAVLink_statustext_message(6, b"hello"),
        dialect.MAVLink_system_time_message(1, 1),
    ):
        message.pack(connection.line.mav)
        chosen(connection, message)
    assert seen == ["SYSTEM_TIME"]


def test_a_cut_line_is_called_again_without_a_print_and_without_a_busy_core(
    vehicle: OddVehicle,
    connection: Connection,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    beats: list[float] = []
    connection.hear(lambda _: beats.append(time.monotonic()))
    wait_until(lambda: beats, "a heartbeat")
    with caplog.at_level(logging.INFO, "drone.lines"):
        before = vehicle.connections
        vehicle.hang_up()
        wait_until(lambda: vehicle.connections > before, "the next call")
        count = len(beats)
        wait_until(lambda: len(beats) > count, "heartbeats again")
    assert "line cut: the other end closed it" in caplog.text
    assert "connected again" in caplog.text
    assert connection.line.cuts == 1
    assert capsys.readouterr() == ("", "")


def test_a_vehicle_that_is_gone_costs_less_than_a_twentieth_of_a_core() -> None:
    with OddVehicle() as odd:
        made, _ = open_vehicle(odd.url, source_system=255, source_component=190)
        made.start()
    try:
        wait_until(lambda: made.line.cuts > 0, "the cut to be noticed")
        started_s, used_s = time.monotonic(), time.process_time()
        time.sleep(1.5)
        share = (time.process_time() - used_s) / (time.monotonic() - started_s)
    finally:
        made.close()
    # Two threads that look twenty and a hundred times a second; the busy loop took all of a core.
    assert share < 0.05
    assert made.alive is False


def test_what_is_sent_while_the_line_is_cut_is_not_sent_later() -> None:
    with OddVehicle(beat=False) as odd:
        line = open_line(odd.url, source_system=255, source_component=190)
        wait_until(lambda: odd.connections == 1, "the call")
        odd.hang_up()
        wait_until(lambda: line.select(0.01) and line.recv() == b"" and line.cuts, "the cut")
        line.write(b"land now")
        assert line.unsent == 1
        wait_until(lambda: (line.select(0.02), odd.connections == 2)[1], "the next call")
        line.close()
    assert odd.heard == []


def test_a_listener_that_raises_does_not_end_the_link(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []

    def fails() -> None:
        rounds.append(1)
        raise RuntimeError("on purpose")

    connection.each_round(fails)
    wait_until(lambda: len(rounds) > 2, "three rounds")
    assert connection.alive
    assert "on purpose" in caplog.text


def test_damage_on_the_line_costs_the_damaged_messages_alone() -> None:
    with OddVehicle(greeting=b"\x00garbage\xfd\x09\xfe" * 40) as odd:
        line = open_line(odd.url, source_system=255, source_component=190)
        line.mav.robust_parsing = True
        deadline_s = time.monotonic() + 5.0
        message = None
        while message is None and time.monotonic() < deadline_s:
            line.select(0.05)
            message = line.recv_msg()
        line.close()
    assert message is not None
    assert message.get_type() == "HEARTBEAT"
    assert line.unread > 0


def test_many_threads_may_send_and_every_message_arrives_whole(
    vehicle: OddVehicle, connection: Connection
) -> None:
    connection.sign(bytes(32))

    def send() -> None:
        for _ in range(50):
            connection.line.mav.heartbeat_send(6, 8, 0, 0, 0)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    wait_until(lambda: len(vehicle.heard) >= 200, "all of them")
    stamps = [bytes(message.get_msgbuf()[-12:-6]) for message in vehicle.heard]
    numbers = [int.from_bytes(stamp, "little") for stamp in stamps]
    assert numbers == sorted(set(numbers)), "a time that is used twice voids a signature"
    assert [m.get_type() for m in vehicle.heard] == ["HEARTBEAT"] * len(numbers)
    assert abs(numbers[0] - signing_time()) < 100_000 * 10


def test_a_forged_frame_from_the_future_does_not_lock_the_vehicle_out(
    connection: Connection,
) -> None:
    dialect: Any = mavutil.mavlink
    key = bytes(range(32))
    connection.sign(key)

    def frame(secret: bytes, stamp: int) -> bytes:
        vehicle = dialect.MAVLink(None, srcSystem=1, srcComponent=1)
        vehicle.signing.secret_key, vehicle.signing.sign_outgoing = secret, True
        vehicle.signing.timestamp, vehicle.signing.link_id = stamp, 3
        return bytes(dialect.MAVLink_heartbeat_message(2, 3, 0, 0, 3, 3).pack(vehicle))

    def believed(data: bytes) -> bool:
        found = connection.line.mav.parse_buffer(data) or []
        return [message.get_type() for message in found] == ["HEARTBEAT"]

    now = signing_time()
    assert not believed(frame(bytes(32), 2**48 - 1))
    assert believed(frame(key, now))
    assert not believed(frame(bytes(32), 2**48 - 1))
    assert believed(frame(key, now + 1))
    assert not believed(frame(key, now + 1)), "one that was heard is not heard again"


def test_closing_ends_within_seconds_also_when_nobody_reads(vehicle: OddVehicle) -> None:
    made, _ = open_vehicle(vehicle.url, source_system=255, source_component=190)
    for _ in range(1000):
        made.line.mav.heartbeat_send(6, 8, 0, 0, 0)
    # Never started: what is queued would be waited for without end.
    started_s = time.monotonic()
    made.close()
    assert time.monotonic() - started_s < 1.0


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("tcp:127.0.0.1:5760", "tcp:127.0.0.1:5760"),
        ("udp:0.0.0.0:14550", "udpin:0.0.0.0:14550"),
        ("udp::14550", "udpin:0.0.0.0:14550"),
        ("udpout:10.0.0.7:14550", "udpout:10.0.0.7:14550"),
        ("/dev/ttyUSB0", "/dev/ttyUSB0,115200"),
        ("serial:/dev/ttyACM0,57600", "/dev/ttyACM0,57600"),
        ("COM3,57600", "COM3,57600"),
    ],
)
def test_addresses_are_understood(url: str, meant: str) -> None:
    assert str(parse_address(url)) == meant


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1", "tcp:127.0.0.1", "tcp:host:0", "tcp:host:70000", "http://x:1", "ttyS0"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(LinkError, match="is no vehicle address; write tcp:HOST:PORT"):
        parse_address(url)


def test_nobody_at_a_tcp_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkError, match=f"no vehicle at tcp:127.0.0.1:{port}: Connection refused"):
        open_line(f"tcp:127.0.0.1:{port}", source_system=255, source_component=190)


def test_a_port_in_use_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match="cannot listen there: Address already in use"):
            open_line(f"udp:127.0.0.1:{port}", source_system=255, source_component=190)


def test_a_serial_device_that_is_not_there_is_said() -> None:
    with pytest.raises(LinkError, match="no vehicle at /dev/no-such-tty,57600"):
        open_line("/dev/no-such-tty,57600", source_system=255, source_component=190)


def heartbeat_bytes() -> bytes:
    dialect = mavutil.mavlink
    message = dialect.MAVLink_heartbeat_message(2, 3, 0, 0, 3, 3)
    return bytes(message.pack(dialect.MAVLink(None, srcSystem=1, srcComponent=1)))


def read_one(line: Line) -> str:
    deadline_s = time.monotonic() + 5.0
    while time.monotonic() < deadline_s:
        line.select(0.05)
        message = line.recv_msg()
        if message is not None:
            return str(message.get_type())
    return "nothing"


def test_a_serial_line_reads_and_writes_and_survives_its_device() -> None:
    ours, theirs = pty.openpty()
    try:
        line = open_line(os.ttyname(theirs), source_system=255, source_component=190)
        os.write(ours, heartbeat_bytes())
        assert read_one(line) == "HEARTBEAT"
        line.write(b"hello")
        assert os.read(ours, 5) == b"hello"
        os.close(theirs)
    finally:
        os.close(ours)
    wait_until(lambda: (line.select(0.01), line.recv(), line.cuts > 0)[2], "the device to be gone")
    line.write(b"hello")
    assert line.unsent == 1
    line.close()


def test_udp_stays_with_the_first_that_calls() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        line = open_line(f"udp:127.0.0.1:{port}", source_system=255, source_component=190)
        first.sendto(heartbeat_bytes(), ("127.0.0.1", port))
        assert read_one(line) == "HEARTBEAT"
        second.sendto(heartbeat_bytes(), ("127.0.0.1", port))
        line.select(0.2)
        assert line.recv_msg() is None
        line.write(b"answer")
        first.settimeout(5.0)
        assert first.recv(100) == b"answer"
        line.close()


def test_udp_out_calls_and_hears_the_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as vehicle:
        vehicle.bind(("127.0.0.1", 0))
        port = vehicle.getsockname()[1]
        vehicle.settimeout(5.0)
        line = open_line(f"udpout:127.0.0.1:{port}", source_system=255, source_component=190)
        line.write(b"hello")
        data, caller = vehicle.recvfrom(100)
        assert data == b"hello"
        vehicle.sendto(heartbeat_bytes(), caller)
        assert read_one(line) == "HEARTBEAT"
        line.close()
