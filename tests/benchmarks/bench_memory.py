"""Peak memory of `parkwatch reprocess` on a short and on a long video."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.footage import drawn_video
from tests.benchmarks.sites import site_around

SHORT_S, LONG_S = 20.0, 120.0
_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Peak resident memory, MB (10^6 bytes), of the command with its children.

    Attributes:
        short_mb: on `SHORT_S` seconds of simulated 1080p video.
        long_mb: on `LONG_S` seconds.
    """

    short_mb: float
    long_mb: float


def measure() -> MemoryFigures:
    """Run the command on both."""
    with tempfile.TemporaryDirectory() as name:
        return MemoryFigures(
            *(_peak_mb(Path(name) / str(seconds), seconds) for seconds in (SHORT_S, LONG_S))
        )


def _peak_mb(folder: Path, seconds: float) -> float:
    footage = drawn_video(folder / "footage", seconds)
    site = site_around(footage)
    command = [sys.executable, "-c", "from ops.cli import main; main()", "reprocess", str(footage)]
    command += ["--site", str(site), "--warehouse", str(folder / "warehouse")]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    ) as process:
        watched = psutil.Process(process.pid)
        end = time.monotonic() + _TIMEOUT_S
        peak = 0
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                raise TimeoutError(f"reprocess took longer than {_TIMEOUT_S:g} s")
            peak = max(peak, _resident(watched))
            time.sleep(0.05)
        if process.returncode not in (0, 3):
            raise RuntimeError(f"reprocess ended with status {process.returncode}")
    return peak / 1e6


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return total
