"""Two specialists and the scene detectors of one zone on a 1080p video, as times real time.

The video is simulated, as seen straight down with a common lens, and sampled twice a second.
Everything is in it that a user waits for: decoding, inference, placing, tracking, tables.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
from shapely.geometry import mapping

from park.clock import SystemClock
from park.site import Site
from pipelines.progress import Silent
from pipelines.reprocess import ReprocessRequest, RunReport, reprocess
from pipelines.scenes import every_detector, watched_scenes
from pipelines.tables import Warehouse
from tests.benchmarks.footage import drawn_video, repeat
from tests.benchmarks.sites import site_around
from vision.footage import FootageOptions
from vision.models.export import export_model
from vision.models.registry import resolve_model

MODELS = ("vehicles", "fire-smoke")
SAMPLE_FPS = 2.0

_SEEN_AT_1_M = (1.4, 0.788)
"""Ground that 1920 x 1080 pixels show from 1 m, with a lens of 70 degrees."""

_LOOP_S = 20.0
_SHARE_OF_SIDE = 0.3


@dataclass(frozen=True, slots=True)
class Flight:
    """What is flown, and what its zone asks for.

    Attributes:
        what: in words.
        alt_agl_m: height above the ground.
        seconds: a multiple of 20.
        watched: types of incident.
    """

    what: str
    alt_agl_m: float
    seconds: float
    watched: tuple[str, ...]

    @property
    def ground_m(self) -> tuple[float, float]:
        """What a picture shows."""
        width_m, height_m = _SEEN_AT_1_M
        return width_m * self.alt_agl_m, height_m * self.alt_agl_m


FLIGHTS = (
    Flight(
        "a plot, from the 45 m of the simulated park's routes",
        45.0,
        300.0,
        ("open_flame", "smoke", "bare_soil", "overheating_equipment"),
    ),
    Flight(
        "everything at once, water too, from 60 m",
        60.0,
        120.0,
        ("open_flame", "smoke", "discoloured_water", "bare_soil", "overheating_equipment"),
    ),
)


@dataclass(frozen=True, slots=True)
class SpecialistFigures:
    """How fast it was.

    Attributes:
        flight: what was flown.
        frames: sampled of it.
        scenes: names of the scene detectors that looked.
        real_time: seconds of video for each second from start to commit.
        real_time_free: the same, were both cores free all the time and always at work: from the
            processor time taken. On a machine with other work it says more.
    """

    flight: Flight
    frames: int
    scenes: tuple[str, ...]
    real_time: float
    real_time_free: float


def measure(flight: Flight) -> SpecialistFigures:
    """Run once; models are exported before."""
    models = tuple(resolve_model(name) for name in MODELS)
    for model in models:
        export_model(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "video"
        drawn_video(folder, _LOOP_S, ground_m=flight.ground_m)
        once = Path(name) / "once.mp4"
        (folder / "drawn.mp4").rename(once)
        repeat(once, folder / "drawn.mp4", round(flight.seconds / _LOOP_S))
        site = _site_with_a_zone(site_around(folder), flight)
        request = ReprocessRequest(
            sources=(str(folder),),
            site=site,
            site_hash="benchmark",
            models=models,
            footage=FootageOptions(sample_fps=SAMPLE_FPS, time_zone=site.time_zone),
        )
        process = psutil.Process(os.getpid())
        before_s = sum(process.cpu_times()[:2])
        with Warehouse.open(Path(name) / "wh", create=True) as opened:
            done: RunReport = reprocess(
                request, opened, None, clock=SystemClock(), listener=Silent()
            )
        taken_s = sum(process.cpu_times()[:2]) - before_s
    scenes = tuple(s.detector.name for s in watched_scenes(site, every_detector(site)))
    cores = psutil.cpu_count() or 1
    return SpecialistFigures(
        flight,
        done.frames,
        scenes,
        flight.seconds / done.seconds,
        cores * flight.seconds / taken_s,
    )


def _site_with_a_zone(path: Path, flight: Flight) -> Site:
    """Return the site of a file with one zone in its middle."""
    text = json.loads(path.read_text("utf-8"))
    half_m = _SHARE_OF_SIDE * flight.ground_m[1]
    boundary = Site.load(path)
    middle = boundary.boundary_m.centroid
    square = boundary.frame.unproject_geometry(middle.buffer(half_m, cap_style="square"))
    rules = [{"type": "watch", "incident": incident} for incident in flight.watched]
    zone = {"kind": "zone", "id": "z", "name": "Zone", "rules": rules}
    text["features"].append({"type": "Feature", "properties": zone, "geometry": mapping(square)})
    return Site.load(json.dumps(text).encode())
