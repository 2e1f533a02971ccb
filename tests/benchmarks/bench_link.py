"""What the link to a vehicle costs: telemetry at 50 Hz, and a vehicle that is gone."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drone.link import Telemetry, VehicleLink

RATE_HZ = 50.0
_SECONDS = 10.0
_START_S = 30.0
_EVERY_STREAM = 0
_READY_RE = re.compile(r"tcp:(?P<host>[\d.]+):(?P<port>\d+)")


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """Shares of one core.

    Attributes:
        messages_hz: MAVLink messages that came, a second.
        pictures_hz: telemetry that a listener was told, a second.
        core_share: CPU time of the client, all threads, against the time on the wall.
        all_messages_hz: messages a second when every stream comes at 50 Hz.
        all_core_share: the share that this takes.
        gone_core_share: the same while the vehicle is gone and is called again and again.
        dropped: telemetry that the listener was too late for.
    """

    messages_hz: float
    pictures_hz: float
    core_share: float
    all_messages_hz: float
    all_core_share: float
    gone_core_share: float
    dropped: int


def measure() -> LinkFigures:
    """Listen to a simulated copter in a process of its own, at 50 Hz in real time."""
    with _copter() as (process, url), VehicleLink.connect(url, rate_hz=RATE_HZ) as link:
        pictures: list[float] = []
        link.add_listener(lambda seen: pictures.append(seen.heartbeat_age_s), Telemetry)
        time.sleep(1.0)
        pictures.clear()
        messages_hz, share = _share(link)
        pictures_hz = len(pictures) / _SECONDS
        link.mav.request_data_stream_send(*link.target, _EVERY_STREAM, round(RATE_HZ), 1)
        time.sleep(1.0)
        all_hz, all_share = _share(link)
        process.terminate()
        process.wait(10.0)
        time.sleep(1.0)
        _, gone = _share(link)
        dropped = link._announcer.dropped
    return LinkFigures(messages_hz, pictures_hz, share, all_hz, all_share, gone, dropped)


def _share(link: VehicleLink) -> tuple[float, float]:
    """Return messages a second, and the share of a core that this process takes."""
    line = link._connection.line
    messages, used_s, started_s = line.mav_count, time.process_time(), time.monotonic()
    time.sleep(_SECONDS)
    used_s, passed_s = time.process_time() - used_s, time.monotonic() - started_s
    return (line.mav_count - messages) / passed_s, used_s / passed_s


@contextmanager
def _copter() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-u", "-m", "sim_data.copter", "--home", "31.2,121.5,10"]
    command += ["--port", "0", "--speedup", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    late = threading.Timer(_START_S, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = _READY_RE.search(line)
            if found is not None:
                break
        else:
            raise RuntimeError("the simulated copter did not say where it listens")
        late.cancel()
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process, found[0]
    finally:
        late.cancel()
        process.kill()
        process.wait(10.0)


if __name__ == "__main__":
    print(measure())
