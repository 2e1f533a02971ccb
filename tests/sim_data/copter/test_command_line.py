"""The command: what it takes, what it prints, and that it leaves nothing behind."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from park.errors import SimulationError
from sim_data.copter.faults import GpsLoss, LinkDrop, WindGust
from sim_data.copter.options import (
    read_fault,
    read_home,
    read_key_of,
    read_params,
    read_wind,
)
from sim_data.copter.state import HomePoint, SimulatedWind
from tests.sim_data.copter.ground_station import SocketStation

COMMAND = [sys.executable, "-m", "sim_data.copter", "--home", "-35.363261,149.165230,584,353"]


def line_of(process: subprocess.Popen[str], pattern: str, timeout_s: float = 30.0) -> str:
    """Return the first line printed that has a pattern in it."""
    assert process.stdout is not None
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if select.select([process.stdout], [], [], 0.2)[0]:
            line = process.stdout.readline()
            if re.search(pattern, line):
                return line
            if not line:
                break
    raise AssertionError(f"no line with {pattern!r}")


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command until the context ends."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_in(line: str) -> int:
    found = re.search(r"tcp:127\.0\.0\.1:(\d+)", line)
    assert found is not None
    return int(found.group(1))


class TestOptions:
    def test_home_has_three_or_four_numbers(self) -> None:
        assert read_home("31.5,121.25,4") == HomePoint(31.5, 121.25, 4.0)
        assert read_home("-35.36,149.16,584,353").heading_deg == 353.0

    @pytest.mark.parametrize("text", ["", "31,121", "31,121,4,5,6", "here,there,4", "31;121;4"])
    def test_anything_else_is_refused_with_the_form(self, text: str) -> None:
        with pytest.raises(SimulationError, match=r"is not LAT,LON,ALT\[,HEADING\], in numbers"):
            read_home(text)

    def test_home_must_be_on_earth(self) -> None:
        with pytest.raises(SimulationError, match="is no place on Earth; latitude first"):
            read_home("149.16,-35.36,584")

    def test_wind_has_a_speed_where_it_comes_from_and_gusts_if_wanted(self) -> None:
        assert read_wind("6,270") == SimulatedWind(6.0, 270.0)
        assert read_wind("6,270,1.5") == SimulatedWind(6.0, 270.0, 1.5)
        with pytest.raises(SimulationError, match=r"wind 'strong' is not SPEED,FROM\[,GUSTS\]"):
            read_wind("strong")

    def test_parameters_are_names_and_numbers(self) -> None:
        assert read_params(["RTL_ALT=3000", "batt_capacity = 5200"]) == {
            "RTL_ALT": 3000.0,
            "BATT_CAPACITY": 5200.0,
        }
        for wrong in ("RTL_ALT", "RTL_ALT=high"):
            with pytest.raises(SimulationError, match=f"parameter '{wrong}' is not NAME=NUMBER"):
                read_params([wrong])

    def test_a_fault_has_a_name_a_time_and_settings_if_wanted(self) -> None:
        assert read_fault("gps-loss@60") == (GpsLoss(), 60.0)
        assert read_fault("wind-gust@90:speed-mps=15,duration-s=8") == (
            WindGust(speed_mps=15.0, duration_s=8.0),
            90.0,
        )
        assert read_fault("link-drop@5.5:close=1") == (LinkDrop(close=True), 5.5)

    @pytest.mark.parametrize("text", ["gps-loss", "gps-loss@", "gps-loss@soon", "gps-loss@-3"])
    def test_a_fault_without_a_time_is_refused(self, text: str) -> None:
        with pytest.raises(SimulationError, match="does not say when: NAME@SECONDS"):
            read_fault(text)

    def test_an_unknown_fault_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(SimulationError, match="no fault 'engine-fire'; known are gps-loss"):
            read_fault("engine-fire@60")

    def test_the_key_must_be_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("A_KEY", "ab" * 32)
        assert read_key_of("A_KEY") == b"\xab" * 32
        monkeypatch.delenv("A_KEY")
        with pytest.raises(SimulationError, match="environment variable A_KEY is not set"):
            read_key_of("A_KEY")


class TestCommand:
    def test_it_says_where_it_listens_and_then_what_happens(self) -> None:
        options = ("--speedup", "20", "--fault", "gps-loss@8", "--param", "RTL_ALT=3100")
        with running(*options) as process:
            port = port_in(line_of(process, "simulated copter ready at .*, 20 times real time"))
            with SocketStation(port) as station:
                assert "connected" in line_of(process, "client")
                station.say(station.mav.param_request_read_encode(1, 1, b"RTL_ALT", -1))
                assert station.wait("PARAM_VALUE").param_value == 3100.0
                assert float(line_of(process, "fault|gps-loss|GPS").split()[0]) > 0.0
            assert "gone: " in line_of(process, "client")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c_and_sigterm_end_it_at_once_with_status_0_and_nothing_on_stderr(
        self, number: signal.Signals
    ) -> None:
        with running("--quiet") as process:
            port = port_in(line_of(process, "ready"))
            with SocketStation(port) as station:
                station.wait("HEARTBEAT")
                process.send_signal(number)
                assert process.wait(5.0) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""

    def test_it_ends_with_the_program_that_began_it_if_told_to(self) -> None:
        script = (
            "import subprocess, sys, time\n"
            "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
            "print(p.pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        command = [sys.executable, "-c", script, *COMMAND, "--port", "0", "--exit-with-parent"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = psutil.Process(int(parent.stdout.readline()))
            # It must be up, and know who its parent is, before that one dies.
            end_s = time.monotonic() + 30.0
            while not child.net_connections() and time.monotonic() < end_s:
                time.sleep(0.05)
            assert child.net_connections(), "the simulated copter did not listen"
            parent.kill()
            child.wait(10.0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("--home", "nowhere"), "home 'nowhere' is not LAT,LON,ALT"),
            (("--speedup", "90"), "speedup 90 is not above 0 and up to 50"),
            (("--param", "NO_SUCH=1"), "no parameter NO_SUCH"),
            (("--fault", "gps-loss"), "does not say when"),
            (("--signing-key-env", "NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"),
        ],
    )
    def test_a_mistake_ends_it_with_a_sentence_and_status_2(
        self, options: tuple[str, ...], message: str
    ) -> None:
        done = subprocess.run(
            [*COMMAND, "--port", "0", *options], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_in_use_ends_it_with_the_remedy(self) -> None:
        with running("--quiet") as process:
            port = port_in(line_of(process, "ready"))
            done = subprocess.run(
                [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60
            )
        assert done.returncode == 2
        assert f"port {port} of 127.0.0.1 is in use" in done.stderr

    def test_signed_commands_are_asked_for_by_the_variable_that_holds_the_key(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("A_KEY", "open sesame")
        key = read_key_of("A_KEY")
        with running("--signing-key-env", "A_KEY") as process:
            port = port_in(line_of(process, "ready"))
            with SocketStation(port) as stranger, SocketStation(port, key=key) as friend:
                for station in (stranger, friend):
                    station.say(station.mav.param_request_read_encode(1, 1, b"RTL_ALT", -1))
                assert friend.wait("PARAM_VALUE").param_id == "RTL_ALT"
                assert not any(m.get_type() == "PARAM_VALUE" for m in stranger.messages)
            assert "refused for their signature" in line_of(process, "1 frames? w")


def test_it_goes_on_when_nobody_reads_what_it_prints() -> None:
    read, write = os.pipe()
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--speedup", "50"], stdout=write, text=True
    ) as process:
        os.close(write)
        line = os.read(read, 200).decode()
        os.close(read)
        try:
            with SocketStation(port_in(line)) as station:
                station.wait("HEARTBEAT")
                station.wait("STATUSTEXT", timeout_s=10.0)
        finally:
            process.kill()
