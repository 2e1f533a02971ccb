"""A simulator binary in a vehicle's place: how it is called, awaited and ended.

The binary here is a stand-in, a short script that takes ArduCopter's options and listens as it
does: on its port, for one client.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from drone.sitl import BASE_PORT, DEFAULTS, SitlProcess, find_binary, free_instance
from park.errors import LinkError, SettingsError

HOME = (31.2, 121.5, 12.0, 90.0)

LISTENS = """\
import json, socket, sys, time, pathlib
pathlib.Path("called.json").write_text(json.dumps(sys.argv[1:]))
instance = int([a for a in sys.argv if a.startswith("-I")][0][2:])
print("bind port", 5760 + 10 * instance, flush=True)
server = socket.create_server(("127.0.0.1", 5760 + 10 * instance))
client, _ = server.accept()
client.sendall(b"booted")
time.sleep(60)
"""


def binary(folder: Path, body: str) -> Path:
    path = folder / "arducopter"
    path.write_text(f"#!{sys.executable}\n{body}", "utf-8")
    path.chmod(0o755)
    return path


def test_it_is_called_as_arducopter_is_and_awaited_without_connecting(tmp_path: Path) -> None:
    program, folder = binary(tmp_path, LISTENS), tmp_path / "run"
    with SitlProcess(program, HOME, speedup=10, params={"RTL_ALT": 3000.0}, folder=folder) as sitl:
        instance = (sitl.port - BASE_PORT) // 10
        called = json.loads((folder / "called.json").read_text("utf-8"))
        assert called == [
            *("-S", "--model", "quad", "--speedup", "10"),
            *("--home", "31.2000000,121.5000000,12.0000000,90.0000000"),
            *("--defaults", str(folder / "defaults.parm"), f"-I{instance}"),
        ]
        # It accepts one client only: had the port been tried before, this would hang.
        with socket.create_connection(("127.0.0.1", sitl.port), 10.0) as client:
            client.settimeout(10.0)
            assert client.recv(16) == b"booted"
        assert sitl.url == f"tcp:127.0.0.1:{sitl.port}"
        assert sitl.running
    assert not sitl.running
    lines = (folder / "defaults.parm").read_text("utf-8").splitlines()
    assert "RTL_ALT 3000" in lines
    assert "FRAME_CLASS 1" in lines
    assert len(lines) == len(DEFAULTS) + 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux ends it; others cannot")
def test_it_ends_also_when_the_program_that_started_it_is_killed(tmp_path: Path) -> None:
    program, folder = binary(tmp_path, LISTENS), tmp_path / "run"
    starts = (
        "import sys, time; from pathlib import Path; from drone.sitl import SitlProcess\n"
        f"sitl = SitlProcess(Path({str(program)!r}), {HOME}, folder=Path({str(folder)!r}))\n"
        "print(sitl.port, sitl._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", starts], stdout=subprocess.PIPE, text=True)
    try:
        assert killed.stdout is not None
        port, pid = map(int, killed.stdout.readline().split())
        sitl = psutil.Process(pid)
        assert sitl.cmdline()[1] == str(program)
        killed.kill()
        with contextlib.suppress(psutil.TimeoutExpired):  # where nobody takes note of the dead
            sitl.wait(10.0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5.0)
    finally:
        killed.kill()
        killed.communicate(timeout=10.0)


def test_a_program_that_cannot_be_run_at_all_is_reported(tmp_path: Path) -> None:
    program = tmp_path / "arducopter"
    program.write_bytes(b"no program")
    program.chmod(0o755)
    with pytest.raises(LinkError, match=r"arducopter cannot be started: Exec format error"):
        SitlProcess(program, HOME)


def test_two_at_once_have_ports_of_their_own(tmp_path: Path) -> None:
    program = binary(tmp_path, LISTENS)
    with SitlProcess(program, HOME) as first, SitlProcess(program, HOME) as second:
        assert first.port != second.port


def test_a_port_in_use_is_passed_over() -> None:
    taken = free_instance()
    with socket.create_server(("127.0.0.1", BASE_PORT + 10 * taken)):
        assert free_instance() != taken


def test_a_binary_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    program = binary(tmp_path, "import sys\nprint('unknown model quad')\nsys.exit(3)\n")
    with pytest.raises(LinkError, match="ended with status 3: it said: unknown model quad"):
        SitlProcess(program, HOME)


def test_a_binary_that_never_listens_is_not_waited_for_long(tmp_path: Path) -> None:
    program = binary(tmp_path, "import time\nprint('booting', flush=True)\ntime.sleep(60)\n")
    with pytest.raises(LinkError, match=r"does not listen at port \d+ after 0\.5 s"):
        SitlProcess(program, HOME, timeout_s=0.5)


def test_the_binary_is_the_one_given_or_else_the_one_set(tmp_path: Path) -> None:
    program = binary(tmp_path, "")
    assert find_binary(program, {}) == program.resolve()
    assert find_binary(None, {"PARKWATCH_SITL": str(program)}) == program.resolve()
    assert find_binary(None, {}) is None
    with pytest.raises(SettingsError, match=r"--sitl-binary names .*/nothing, which is no program"):
        find_binary(tmp_path / "nothing", {})
    program.chmod(0o644)
    with pytest.raises(SettingsError, match=r"PARKWATCH_SITL names .* which is no program"):
        find_binary(None, {"PARKWATCH_SITL": str(program)})
