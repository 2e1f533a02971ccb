"""Two specialists and the scene detectors of one zone on a 1080p video, as times real time.

The video is simulated, as seen straight down from 60 m with a common lens, and sampled twice a
second. Everything is in it that a user waits for: decoding, inference, placing, tracking, tables.
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
GROUND_M = (84.0, 47.3)
"""What 1920 x 1080 pixels show from 60 m with a lens of 70 degrees."""

_LOOP_S = 20.0
_LOOPS = 6
_WATCHED = ("open_flame", "smoke", "discoloured_water", "bare_soil", "overheating_equipment")
_SHARE_OF_SIDE = 0.3


@dataclass(frozen=True, slots=True)
class SpecialistFigures:
    """How fast it was.

    Attributes:
        video_s: how long the video is.
        frames: sampled of it.
        scenes: names of the scene detectors that looked.
        real_time: seconds of video for each second from start to commit.
        real_time_free: the same, were both cores free all the time and always at work: from the
            processor time taken. On a machine with other work it says more.
    """

    video_s: float
    frames: int
    scenes: tuple[str, ...]
    real_time: float
    real_time_free: float


def measure() -> SpecialistFigures:
    """Run once; models are exported before."""
    models = tuple(resolve_model(name) for name in MODELS)
    for model in models:
        export_model(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "video"
        drawn_video(folder, _LOOP_S, ground_m=GROUND_M)
        once = Path(name) / "once.mp4"
        (folder / "drawn.mp4").rename(once)
        repeat(once, folder / "drawn.mp4", _LOOPS)
        site = _site_with_a_zone(site_around(folder))
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
    video_s = _LOOP_S * _LOOPS
    scenes = tuple(s.detector.name for s in watched_scenes(site, every_detector(site)))
    cores = psutil.cpu_count() or 1
    return SpecialistFigures(
        video_s, done.frames, scenes, video_s / done.seconds, cores * video_s / taken_s
    )


def _site_with_a_zone(path: Path) -> Site:
    """Return the site of a file with one zone in its middle that everything is watched in."""
    text = json.loads(path.read_text("utf-8"))
    half_m = _SHARE_OF_SIDE * GROUND_M[1]
    boundary = Site.load(path)
    middle = boundary.boundary_m.centroid
    square = boundary.frame.unproject_geometry(middle.buffer(half_m, cap_style="square"))
    rules = [{"type": "watch", "incident": incident} for incident in _WATCHED]
    zone = {"kind": "zone", "id": "z", "name": "Zone", "rules": rules}
    text["features"].append({"type": "Feature", "properties": zone, "geometry": mapping(square)})
    return Site.load(json.dumps(text).encode())
