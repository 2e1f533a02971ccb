"""Pictures a second that a model looks at on a GPU, one by one and in batches."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.batch_engine import MOST_TOGETHER, BatchEngine, gpu_to_use, load_network
from vision.models.engine import RawBoxes
from vision.models.registry import resolve_model

MODEL = "vehicles"
SIZE_PX = (640, 384)
_PICTURES = 2000
_TURNS = 3


@dataclass(frozen=True, slots=True)
class GpuFigures:
    """How fast it was.

    Attributes:
        device: the GPU.
        one_by_one: pictures a second in batches of one.
        batched: the same in batches of up to `MOST_TOGETHER`.
        together: pictures in a batch, on average.
    """

    device: str
    one_by_one: float
    batched: float
    together: float


def measure() -> GpuFigures | None:
    """Take turns; None where there is no GPU."""
    model = resolve_model(MODEL)
    device = gpu_to_use(model)
    if device is None:
        return None
    loaded = load_network(model, device)
    width, height = SIZE_PX
    noise = np.random.default_rng(1).integers(0, 255, (16, height, width, 3), np.uint8)
    engines = {most: BatchEngine(loaded, most=most) for most in (1, MOST_TOGETHER)}
    rates: dict[int, list[float]] = {most: [] for most in engines}
    for _ in range(_TURNS):
        for most, engine in engines.items():
            rates[most].append(_rate(engine, noise))
    batches = engines[MOST_TOGETHER].batches
    return GpuFigures(
        loaded.device_name,
        statistics.median(rates[1]),
        statistics.median(rates[MOST_TOGETHER]),
        sum(size * count for size, count in batches.items()) / batches.total(),
    )


def _rate(engine: BatchEngine, pictures: NDArray[np.uint8]) -> float:
    left = threading.Semaphore(0)

    def take(result: RawBoxes | ModelError) -> None:
        if isinstance(result, RawBoxes):
            left.release()

    engine.run(pictures[0])
    start = time.perf_counter()
    for number in range(_PICTURES):
        engine.submit(pictures[number % len(pictures)], take)
    for _ in range(_PICTURES):
        if not left.acquire(timeout=60.0):
            raise RuntimeError("a picture did not come back")
    return _PICTURES / (time.perf_counter() - start)
