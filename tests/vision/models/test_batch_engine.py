"""Batches on a device of torch's give what OpenVINO gives; here the device is the processor."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from park.errors import ModelError
from park.picture import Pixels
from park.records import Frame
from sim_data.aerial import draw_world
from vision.detect import Detector
from vision.models import batch_engine
from vision.models.batch_engine import (
    DEVICE_VARIABLE,
    BatchEngine,
    LoadedNetwork,
    gpu_to_use,
    load_network,
)
from vision.models.engine import Engine, RawBoxes
from vision.models.export import export_model
from vision.models.registry import ModelFile, resolve_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return resolve_model("vehicles")


@pytest.fixture(scope="module")
def loaded(model: ModelFile) -> LoadedNetwork:
    return load_network(model, "cpu")


@pytest.fixture(scope="module")
def pictures(model: ModelFile) -> list[NDArray[np.uint8]]:
    """Parts of a drawn park with most in them, of two sizes in turns."""
    ortho = np.asarray(draw_world(7).ortho_bgr(datetime(2026, 9, 16, 3, 20, tzinfo=UTC)), np.uint8)
    engine = Engine(export_model(model), confidence=0.4)
    ranked = sorted(
        ((y, x) for y in range(0, ortho.shape[0] - 416, 416)
         for x in range(0, ortho.shape[1] - 416, 416)),
        key=lambda at: -len(engine.run(ortho[at[0] : at[0] + 416, at[1] : at[1] + 416].copy())),
    )  # fmt: skip
    sides = [(416, 416), (400, 380)] * 3
    return [
        np.ascontiguousarray(ortho[y : y + height, x : x + width])
        for (y, x), (width, height) in zip(ranked, sides, strict=False)
    ]


class Gate:
    """A network that waits until it is let go, so that pictures gather."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.open = threading.Event()

    def __call__(self, batch: Any) -> Any:
        assert self.open.wait(30.0)
        return self.network(batch)


def all_of(engine: BatchEngine, pictures: list[NDArray[np.uint8]], gate: Gate) -> list[RawBoxes]:
    found: dict[int, RawBoxes | ModelError] = {}
    over = threading.Event()

    def taker(number: int) -> Any:
        def take(result: RawBoxes | ModelError) -> None:
            found[number] = result
            if len(found) == len(pictures):
                over.set()

        return take

    for number, picture in enumerate(pictures):
        engine.submit(picture, taker(number))
    gate.open.set()
    assert over.wait(60.0)
    results = [found[number] for number in range(len(pictures))]
    assert all(isinstance(one, RawBoxes) for one in results)
    return [one for one in results if isinstance(one, RawBoxes)]


def test_each_picture_of_a_batch_gets_what_openvino_says_of_it(
    model: ModelFile, loaded: LoadedNetwork, pictures: list[NDArray[np.uint8]]
) -> None:
    gate = Gate(loaded.network)
    engine = BatchEngine(replace(loaded, network=gate), confidence=0.3, most=2)
    found = all_of(engine, pictures, gate)
    assert sum(size * count for size, count in engine.batches.items()) == len(pictures)
    assert max(engine.batches) == 2, "what waited went in together, and no more than stated"
    alone = Engine(export_model(model, eight_bit=False), confidence=0.3)
    assert engine.classes == alone.classes
    assert sum(len(boxes) for boxes in found) >= 3, "nothing to compare"
    for picture, boxes in zip(pictures, found, strict=True):
        expected = alone.run(picture)
        sure = expected.confidence > 0.4
        for box, confidence in zip(expected.xyxy_px[sure], expected.confidence[sure], strict=True):
            nearest = int(np.abs(boxes.xyxy_px - box).max(axis=1).argmin())
            assert np.abs(boxes.xyxy_px[nearest] - box).max() < 3.0
            assert abs(boxes.confidence[nearest] - confidence) < 0.06


def test_a_detector_gives_the_same_in_batches(
    model: ModelFile, pictures: list[NDArray[np.uint8]]
) -> None:
    time = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)
    frames = [
        (Frame(Pixels(image), time, None, f"{i}.jpg", 0.0, "patrol"), lambda x, y: 0.1)
        for i, image in enumerate(pictures)
    ]
    together, alone = Detector(model, device="cpu"), Detector(model, eight_bit=False)
    assert together.runs_on == "the processor"
    assert together.in_flight > alone.in_flight
    for ours, theirs in zip(together.detect_many(frames), alone.detect_many(frames), strict=True):
        assert ours.frame is theirs.frame
        sure = [[d for d in one.detections if d.confidence > 0.6] for one in (ours, theirs)]
        assert [d.class_name for d in sure[0]] == [d.class_name for d in sure[1]]


def test_a_batch_that_fails_is_told_to_whoever_waits(
    model: ModelFile, loaded: LoadedNetwork, pictures: list[NDArray[np.uint8]]
) -> None:
    def out_of_memory(batch: Any) -> Any:
        raise RuntimeError("out of memory")

    engine = BatchEngine(replace(loaded, network=out_of_memory))
    with pytest.raises(ModelError, match="the model failed on cpu: out of memory"):
        engine.run(pictures[0])
    detector = Detector(model, device="cpu")
    detector._engine = engine
    frame = Frame(
        Pixels(pictures[0]), datetime(2026, 9, 16, tzinfo=UTC), None, "a.jpg", 0.0, "patrol"
    )
    with pytest.raises(ModelError, match=r"a\.jpg: the model failed on cpu: out of memory"):
        detector.detect(frame)


def test_weights_that_are_no_model_are_refused(tmp_path: Path, model: ModelFile) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.pt cannot be run on cpu"):
        load_network(replace(model, path=path), "cpu")


class TestWhereModelsRun:
    def test_without_a_driver_on_the_processor(
        self, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
        monkeypatch.setattr(batch_engine, "_DRIVERS", ("/dev/no-such-driver",))
        assert gpu_to_use(model) is None

    def test_on_the_processor_where_that_is_wanted(
        self, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
        assert gpu_to_use(model) is None

    def test_weights_of_another_kind_on_the_processor(
        self, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(DEVICE_VARIABLE, "cuda")
        assert gpu_to_use(replace(model, path=Path("model.onnx"))) is None

    def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(
        self, model: ModelFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
        monkeypatch.setenv(DEVICE_VARIABLE, "cuda")
        with pytest.raises(ModelError, match="asks for cuda, and torch finds no GPU"):
            gpu_to_use(model)
