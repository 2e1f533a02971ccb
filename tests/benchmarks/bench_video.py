"""End to end on a 1080p video, against ultralytics' own predict and against bare OpenVINO.

The three look at the same frames with the same weights and input size. They take turns, so that
whatever else the machine does falls on all of them alike; the figure is the ratio of medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from park.clock import SystemClock
from park.site import Site
from pipelines.progress import Silent
from pipelines.reprocess import ReprocessRequest, reprocess
from pipelines.tables import Warehouse
from tests.benchmarks.footage import drawn_video, real_video
from tests.benchmarks.sites import site_around
from vision.footage import FootageOptions
from vision.models.engine import Engine, RawBoxes
from vision.models.export import export_model
from vision.models.offline import load_ultralytics
from vision.models.registry import ModelFile, resolve_model

INPUT_PX = 640
_TURNS = 3
_TIMES = 2


@dataclass(frozen=True, slots=True)
class VideoFigures:
    """Frames per second of each, medians over turns.

    Attributes:
        video: which video.
        frames: its frames.
        ours: `reprocess` as a whole: decoding, inference, placing, tracking, tables.
        ours_looking: its part from the first frame to the last.
        predict: ultralytics' `predict` with its default engine.
        openvino: bare OpenVINO on frames decoded and resized beforehand, the weights as they are.
        eight_bit: the same with the model's eight-bit form, which `reprocess` runs.
    """

    video: str
    frames: int
    ours: float
    ours_looking: float
    predict: float
    openvino: float
    eight_bit: float


def measure() -> VideoFigures:
    """Take the turns."""
    model = resolve_model("vehicles")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "video"
        folder.mkdir()
        real = real_video(folder, times=_TIMES)
        label = f"real, overhead motorway, {_TIMES} times" if real else "simulated"
        if real is None:
            drawn_video(folder, 28.0)
        video = next(folder.glob("*.mp4"))
        images = _decoded(video)
        site = Site.load(site_around(folder))
        for eight_bit in (False, True):
            export_model(model, eight_bit=eight_bit)
        turns: dict[str, list[float]] = {k: [] for k in ("ours", "look", "predict", "ov", "ov8")}
        for number in range(_TURNS):
            for key, eight in (("ov", False), ("ov8", True)):
                taken_s = _timed(partial(_bare_openvino, model, images, eight_bit=eight))
                turns[key].append(len(images) / taken_s)
            turns["predict"].append(len(images) / _timed(lambda: _predict(model, video)))
            whole, looking = _ours(site, model, folder, Path(name) / f"wh{number}")
            turns["ours"].append(len(images) / whole)
            turns["look"].append(len(images) / looking)
    median = {k: statistics.median(v) for k, v in turns.items()}
    return VideoFigures(
        label, len(images), median["ours"], median["look"], median["predict"], median["ov"],
        median["ov8"],
    )  # fmt: skip


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _decoded(video: Path) -> list[NDArray[np.uint8]]:
    """Return the frames as the model takes them, so that bare inference decodes nothing."""
    images = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            scale = INPUT_PX / max(frame.width, frame.height)
            image = cv2.resize(frame.to_ndarray(format="bgr24"), None, fx=scale, fy=scale)
            images.append(np.asarray(image, np.uint8))
    return images


def _bare_openvino(model: ModelFile, images: list[NDArray[np.uint8]], *, eight_bit: bool) -> None:
    engine = Engine(export_model(model, eight_bit=eight_bit), confidence=model.card.threshold)
    found: list[RawBoxes] = []
    for image in images:
        engine.submit(image, found.append)
    engine.wait()
    if len(found) != len(images):
        raise RuntimeError(f"{len(found)} answers for {len(images)} pictures")


def _predict(model: ModelFile, video: Path) -> None:
    yolo = load_ultralytics().YOLO(str(model.path))
    results = yolo.predict(
        str(video), imgsz=INPUT_PX, conf=model.card.threshold, stream=True, verbose=False
    )
    for _ in results:
        pass


def _ours(site: Site, model: ModelFile, folder: Path, warehouse: Path) -> tuple[float, float]:
    request = ReprocessRequest(
        sources=(str(folder),),
        site=site,
        site_hash="benchmark",
        models=(model,),
        footage=FootageOptions(sample_fps=100.0, time_zone=site.time_zone),
        input_px=INPUT_PX,
        whole=True,
    )
    with Warehouse.open(warehouse, create=True) as opened:
        done = reprocess(request, opened, None, clock=SystemClock(), listener=Silent())
    return done.seconds, done.look_seconds
