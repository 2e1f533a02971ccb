"""Runs a real ArduCopter, built for simulation (SITL), in place of a vehicle.

The binary (`arducopter`) comes from ArduPilot's own build, ``./waf configure --board sitl`` and
``./waf copter``, or from somebody who built it so. It is started in a folder of its own, because
it keeps its parameters and logs in the working folder, with the defaults that ArduPilot's own
tests give a quadcopter: without them it refuses to arm for sensors that are not calibrated.

Its first serial port is TCP port 5760 plus ten times its instance number. It waits there for one
client before it boots, so nothing may connect to it just to see whether it is there.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import psutil

from drone.child_process import end, ends_with_us
from park.clock import Clock, SystemClock
from park.errors import LinkError, SettingsError

_log = logging.getLogger(__name__)

SITL_VARIABLE = "PARKWATCH_SITL"
BASE_PORT = 5760
_INSTANCES = 40
_ATTEMPTS = 3
_POLL_S = 0.05
_SHOWN_LINES = 4

_CALIBRATED = {
    **{f"INS_ACC{n}OFFS_{axis}": 0.001 for n in ("", "2") for axis in "XYZ"},
    **{f"INS_ACC{n}SCAL_{axis}": 1.001 for n in ("", "2") for axis in "XYZ"},
    **{
        f"COMPASS_OFS{n}_{axis}": value
        for n in ("", "2", "3")
        for axis, value in (("X", 5.0), ("Y", 13.0), ("Z", -18.0))
    },
}
_REMOTE = {
    f"RC{channel}_{name}": value
    for channel in range(1, 9)
    for name, value in (("MIN", 1000.0), ("TRIM", 1500.0), ("MAX", 2000.0))
}

DEFAULTS: Mapping[str, float] = MappingProxyType(
    {
        "FRAME_CLASS": 1.0,
        "FRAME_TYPE": 0.0,
        "BATT_MONITOR": 4.0,
        "FS_THR_ENABLE": 1.0,
        "MOT_THST_EXPO": 0.65,
        "MOT_THST_HOVER": 0.39,
        "MOT_BAT_VOLT_MIN": 9.6,
        "MOT_BAT_VOLT_MAX": 12.8,
        "SIM_BARO_RND": 0.0,
        **_REMOTE,
        **_CALIBRATED,
    }
)
"""Parameters of a simulated quadcopter that is ready to be flown, after those of ArduPilot's own
tests (``Tools/autotest/default_params/copter.parm``)."""


def free_instance() -> int:
    """Return the number of the first instance whose ports are free.

    An instance N listens at 5760, 5762 and 5763 plus 10 N, and takes sticks at UDP 5501 plus 10 N.

    Raises:
        SettingsError: none of the first forty is free.
    """
    for instance in range(_INSTANCES):
        ports = [BASE_PORT + 10 * instance + offset for offset in (0, 2, 3)]
        if all(_is_free(port, socket.SOCK_STREAM) for port in ports) and _is_free(
            5501 + 10 * instance, socket.SOCK_DGRAM
        ):
            return instance
    raise SettingsError(
        f"no port for a simulated ArduCopter is free between {BASE_PORT} and "
        f"{BASE_PORT + 10 * _INSTANCES}; end what uses them"
    )


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # As servers bind: a port that a closed connection still lingers on is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def find_binary(given: Path | None, environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the binary that was given, or the one that is set; None where there is neither.

    Raises:
        SettingsError: it is not there, or cannot be run.
    """
    known = os.environ if environment is None else environment
    named = str(given) if given is not None else known.get(SITL_VARIABLE, "")
    if not named:
        return None
    found = shutil.which(named)
    if found is None:
        where = "--sitl-binary" if given is not None else SITL_VARIABLE
        raise SettingsError(
            f"{where} names {named}, which is no program that can be run; docs/flying.md says "
            "where to get ArduCopter for simulation"
        )
    return Path(found).resolve()


class SitlProcess:
    """A running ArduCopter SITL; stop it, or use it as a context.

    Args:
        binary: the `arducopter` program.
        home: latitude, longitude, height above mean sea level, heading.
        speedup: times real time.
        params: parameters besides `DEFAULTS`.
        folder: where it keeps its parameters and logs; a temporary one when None.
        timeout_s: how long to wait until it listens.
        clock: of this program.

    Raises:
        LinkError: it ended, or does not listen in time; the message has its last words.
    """

    def __init__(
        self,
        binary: Path,
        home: tuple[float, float, float, float],
        *,
        speedup: float = 1.0,
        params: Mapping[str, float] | None = None,
        folder: Path | None = None,
        timeout_s: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="sitl-")) if folder is None else folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._said = self._folder / "output.txt"
        self._process: subprocess.Popen[bytes] | None = None
        defaults = self._folder / "defaults.parm"
        values = {**DEFAULTS, **(params or {})}
        defaults.write_text("".join(f"{name} {value:g}\n" for name, value in values.items()))
        self.port = BASE_PORT
        """The TCP port that it listens at."""
        for attempt in range(_ATTEMPTS):
            try:
                self._start(binary, home, speedup, defaults)
                self._wait_until_it_listens(binary, timeout_s)
                return
            except BaseException as error:
                self._end()
                # Another may have taken the port in the moment since it was free.
                taken = isinstance(error, LinkError) and not _is_free(self.port, socket.SOCK_STREAM)
                if not taken or attempt == _ATTEMPTS - 1:
                    self._clean()
                    raise

    def _start(
        self, binary: Path, home: tuple[float, float, float, float], speedup: float, defaults: Path
    ) -> None:
        instance = free_instance()
        self.port = BASE_PORT + 10 * instance
        arguments = [
            *(str(binary), "-S", "--model", "quad", "--speedup", f"{speedup:g}"),
            *("--home", ",".join(f"{value:.7f}" for value in home)),
            *("--defaults", str(defaults), f"-I{instance}"),
        ]
        _log.info("starting %s", " ".join(arguments))
        try:
            with self._said.open("wb") as output:
                self._process = subprocess.Popen(
                    ends_with_us(arguments),
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise LinkError(f"{binary} cannot be started: {error.strerror}") from error

    @property
    def url(self) -> str:
        """What to connect to."""
        return f"tcp:127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it; safe to call again."""
        self._end()
        self._clean()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_it_listens(self, binary: Path, timeout_s: float) -> None:
        process = self._process
        assert process is not None
        end_s = self._clock.monotonic_s() + timeout_s
        while not self._listens(process.pid):
            if process.poll() is not None:
                raise LinkError(
                    f"{binary} ended with status {process.returncode}: {self._last_words()}"
                )
            if self._clock.monotonic_s() > end_s:
                raise LinkError(
                    f"{binary} does not listen at port {self.port} after {timeout_s:g} s: "
                    f"{self._last_words()}"
                )
            self._clock.sleep(_POLL_S)

    def _listens(self, pid: int) -> bool:
        """Return whether the port is open, without connecting: the first client starts the boot."""
        try:
            connections = psutil.Process(pid).net_connections(kind="tcp")
        except psutil.Error:
            return False
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
            for connection in connections
        )

    def _last_words(self) -> str:
        try:
            lines = self._said.read_text("utf-8", errors="replace").split("\n")
        except OSError:
            lines = []
        said = " / ".join(line.strip() for line in lines[-_SHOWN_LINES - 1 :] if line.strip())
        return f"it said: {said}" if said else "it said nothing"

    def _clean(self) -> None:
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
