"""Where the vehicle of a flight comes from: a link to a real one, or one that is started for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from drone.child_process import end
from drone.records import Home
from park.errors import LinkError, SettingsError

_READY = re.compile(r"ready at (tcp:\S+?),? ")
_START_S = 30.0
_KEPT_LINES = 20


@dataclass(frozen=True, slots=True)
class VehicleSource:
    """What is flown.

    Attributes:
        url: of a real vehicle; None where one is started.
        binary: ArduCopter built for simulation; None for the simulated copter, or a real vehicle.
        speedup: times real time, of what is started.
        seed: of what is random in the simulated copter.
    """

    url: str | None
    binary: Path | None = None
    speedup: float = 1.0
    seed: int = 0

    @classmethod
    def of(
        cls,
        *,
        vehicle: str | None,
        sim: bool,
        sitl_binary: Path | None,
        speedup: float | None,
        environment: Mapping[str, str] | None = None,
    ) -> VehicleSource:
        """Return what the options of a command line mean.

        Raises:
            SettingsError: they name no vehicle, or more than one.
        """
        from drone.sitl import find_binary

        known = os.environ if environment is None else environment
        named = [
            *(["--vehicle"] if vehicle is not None else []),
            *(["--sim"] if sim else []),
            *(["--sitl-binary"] if sitl_binary is not None else []),
        ]
        if len(named) > 1 and named != ["--sim", "--sitl-binary"]:
            raise SettingsError(f"{' and '.join(named)} are two vehicles; give one")
        if not named:
            raise SettingsError(
                "what is to be flown? Give --vehicle tcp:HOST:PORT, udp:HOST:PORT or a serial "
                "device, or --sim to fly a simulated copter"
            )
        if vehicle is not None:
            if speedup is not None:
                raise SettingsError("--speedup is for --sim and --sitl-binary; a vehicle has none")
            return cls(vehicle)
        binary = find_binary(sitl_binary, known)
        times = 1.0 if speedup is None else speedup
        if not 0.1 <= times <= 50.0:
            raise SettingsError(f"--speedup {times:g} is not between 0.1 and 50")
        return cls(None, binary, times)

    @property
    def simulated(self) -> bool:
        """Whether it is started here, and nothing really flies."""
        return self.url is None

    @property
    def name(self) -> str:
        """What it is called in recordings."""
        if self.url is not None:
            return self.url
        return "ArduCopter SITL (simulated)" if self.binary is not None else "simulated copter"

    @contextmanager
    def at(self, home: Home) -> Iterator[str]:
        """Start it where a sortie begins, with a full battery, and yield its address.

        Raises:
            LinkError: it does not start.
        """
        place = (home.lat_deg, home.lon_deg, home.alt_amsl_m or 0.0, 0.0)
        if self.url is not None:
            yield self.url
        elif self.binary is not None:
            from drone.sitl import SitlProcess

            with SitlProcess(self.binary, place, speedup=self.speedup) as sitl:
                yield sitl.url
        else:
            with simulated_copter(place, speedup=self.speedup, seed=self.seed) as url:
                yield url


@contextmanager
def simulated_copter(
    home: tuple[float, float, float, float], *, speedup: float = 1.0, seed: int = 0
) -> Iterator[str]:
    """Run the simulated copter in a process of its own, and yield its address.

    Raises:
        LinkError: it does not start; the message says what it said.
    """
    command = [
        *(sys.executable, "-m", "sim_data.copter", "--port", "0", "--exit-with-parent", "--quiet"),
        "--home=" + ",".join(f"{value:.7f}" for value in home),
        *("--speedup", f"{speedup:g}", "--seed", str(seed), "--param", "MNT_TYPE=1"),
    ]
    # So that it is found also where this program was started from its source folder.
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # Ctrl-C is for this program, which tells the vehicle to return: it has to be there.
        start_new_session=True,
    )
    try:
        yield _address(process)
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that a simulated copter says it is at."""
    lines: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.put(line)
        except ValueError:
            pass  # closed while it was being read: the copter was stopped
        lines.put(None)

    threading.Thread(target=read, name="simulated copter's words", daemon=True).start()
    said: list[str] = []
    try:
        while (line := lines.get(timeout=_START_S)) is not None:
            found = _READY.search(line)
            if found is not None:
                return found[1].rstrip(",")
            said = [*said[-_KEPT_LINES:], line.strip()]
    except Empty:
        pass
    raise LinkError(f"the simulated copter did not start: {' / '.join(said) or 'it said nothing'}")
