"""Frames in, detections out: in order, whole, at the right scale, whatever the picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from park.errors import ModelError
from park.picture import Pixels
from park.records import BoxXyxyPx, CameraPose, Detection, Frame, PosedView, PoseSigma
from sim_data.aerial import demo_intrinsics, draw_world, render_photo, vehicle_box_px
from sim_data.aerial_world import FIRST_PASS, World
from vision import detect as detect_module
from vision.detect import Detector
from vision.locate import Locator
from vision.models.dataset import read_dataset
from vision.models.engine import Engine
from vision.models.registry import resolve_model
from vision.slicing import GsdAt

Image = NDArray[np.uint8]


def frame_of(image: Image, name: str = "drawn") -> Frame:
    return Frame(Pixels(image), datetime(2026, 5, 1, 12, tzinfo=UTC), None, name, 0.0, "patrol")


def everywhere(gsd_m: float) -> GsdAt:
    return lambda x, y: gsd_m


def overlap(a: BoxXyxyPx, b: BoxXyxyPx) -> float:
    """Return intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def hits(truth: list[BoxXyxyPx], found: tuple[Detection, ...]) -> int:
    """Return how many of the true boxes a detection overlaps well."""
    return sum(any(overlap(t, d.box_xyxy_px) >= 0.4 for d in found) for t in truth)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(resolve_model("vehicles"))


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(7)


GSD_M = 0.04


@pytest.fixture(scope="module")
def pasted(shared_data: Path) -> tuple[Image, list[BoxXyxyPx]]:
    """Paste real cars of a scene the shipped model never learned from on drawn grass."""
    rng = np.random.default_rng(5)
    coarse = cv2.resize(rng.normal(0, 6, (90, 160, 1)), (4000, 2250), interpolation=cv2.INTER_CUBIC)
    lawn = np.array([60, 100, 85]) + coarse[..., None] + rng.normal(0, 4, (2250, 4000, 1))
    canvas = np.clip(lawn, 0, 255).astype(np.uint8)
    dataset = read_dataset(shared_data / "labelled" / "vehicles_aerial")
    pictures = [p for p in dataset.pictures if p.path.stem.startswith("DJI_0762-")]
    truth: list[BoxXyxyPx] = []
    places = [(300, 400), (1500, 1000), (2600, 300), (3500, 1900), (700, 1800), (2200, 1500)]
    for picture in pictures:
        image = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
        assert image is not None
        height, width = image.shape[:2]
        for box in picture.boxes:
            x0, y0, x1, y1 = (round(v) for v in box.xyxy_px(width, height))
            margin = 24
            if box.class_name != "car" or len(truth) == len(places):
                continue
            if min(x0, y0) < margin or x1 > width - margin or y1 > height - margin:
                continue
            scale = (4.5 / GSD_M) / max(x1 - x0, y1 - y0)
            crop = cv2.resize(
                image[y0 - margin : y1 + margin, x0 - margin : x1 + margin],
                None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC,
            )  # fmt: skip
            px, py = places[len(truth)]
            canvas[py : py + crop.shape[0], px : px + crop.shape[1]] = crop
            inner = round(margin * scale)
            truth.append((
                float(px + inner), float(py + inner),
                float(px + crop.shape[1] - inner), float(py + crop.shape[0] - inner),
            ))  # fmt: skip
            break
    assert len(truth) == len(places)
    return canvas, truth


class TestFinding:
    def test_real_cars_in_a_large_picture_are_found_at_a_known_scale(
        self, detector: Detector, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        image, truth = pasted
        found = detector.detect(frame_of(image), everywhere(GSD_M))
        assert found.scale_known
        assert hits(truth, found.detections) >= 5

    def test_real_cars_in_a_large_picture_are_found_at_an_unknown_scale(
        self, detector: Detector, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        image, truth = pasted
        found = detector.detect(frame_of(image))
        assert not found.scale_known
        assert hits(truth, found.detections) >= 4

    def test_drawn_vehicles_are_found_once_and_where_they_are(
        self, detector: Detector, world: World
    ) -> None:
        lens = demo_intrinsics()
        lat_deg, lon_deg = world.vehicles[0].lat_deg, world.vehicles[0].lon_deg
        pose = CameraPose(lat_deg, lon_deg, 40.0, None, 0.0, -90.0, 0.0)
        image = render_photo(world, pose, lens, FIRST_PASS)
        frame = frame_of(image)
        locator = Locator(PosedView(lens, pose, PoseSigma(1, 1, 1, 1, 1)))
        found = detector.detect(frame, locator.gsd_m).detections
        there = [v for v in world.vehicles if v.there_at(FIRST_PASS)]
        boxes = [vehicle_box_px(world, v, pose, lens) for v in there]
        height, width = image.shape[:2]
        truth = [b for b in boxes if min(b) > 0 and b[2] < width and b[3] < height]
        assert truth
        assert hits(truth, found) >= 0.7 * len(truth)
        for i, one in enumerate(found):
            assert all(overlap(one.box_xyxy_px, o.box_xyxy_px) < 0.5 for o in found[i + 1 :])

    def test_detections_are_ordered_and_inside_and_say_which_model(
        self, detector: Detector, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        image, _ = pasted
        found = detector.detect(frame_of(image), everywhere(GSD_M)).detections
        sure = [d.confidence for d in found]
        assert sure == sorted(sure, reverse=True)
        assert min(sure) >= detector.threshold
        for d in found:
            assert d.class_name in detector.classes
            assert d.model_id == detector.model.model_id
            assert 0 <= d.box_xyxy_px[0] < d.box_xyxy_px[2] <= 4000
            assert 0 <= d.box_xyxy_px[1] < d.box_xyxy_px[3] <= 2250


@pytest.fixture(scope="module")
def frames(pasted: tuple[Image, list[BoxXyxyPx]]) -> list[tuple[Frame, GsdAt | None]]:
    """Cut frames of three sizes and four kinds of scale, so that some finish early."""
    image, _ = pasted
    cuts: list[tuple[Frame, GsdAt | None]] = []
    scales = [everywhere(GSD_M), everywhere(0.02), lambda x, y: None, everywhere(5.0)]
    for i in range(8):
        size = (700, 200, 400)[i % 3]
        x0 = 150 + 40 * i
        part = np.ascontiguousarray(image[330 : 330 + size, x0 : x0 + size])
        cuts.append((frame_of(part, f"cut-{i}"), scales[i % 4]))
    cuts.insert(5, (frame_of(cuts[0][0].image_bgr, "no scale"), None))
    return cuts


class TestManyFrames:
    def test_they_come_out_in_the_order_they_went_in(
        self, detector: Detector, frames: list[tuple[Frame, GsdAt | None]]
    ) -> None:
        out = [found.frame.source_uri for found in detector.detect_many(frames)]
        assert out == [frame.source_uri for frame, _ in frames]

    @pytest.mark.parametrize("in_flight", [0, 1, 9])
    def test_how_many_are_in_flight_changes_nothing(
        self,
        detector: Detector,
        frames: list[tuple[Frame, GsdAt | None]],
        in_flight: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        alone = [detector.detect(frame, gsd_at).detections for frame, gsd_at in frames]
        monkeypatch.setattr(detect_module, "IN_FLIGHT_FRAMES", in_flight)
        together = [found.detections for found in detector.detect_many(frames)]
        assert together == alone
        assert any(together)

    def test_only_a_few_frames_are_read_ahead(
        self, detector: Detector, frames: list[tuple[Frame, GsdAt | None]]
    ) -> None:
        read = 0

        def counted() -> Iterator[tuple[Frame, GsdAt | None]]:
            nonlocal read
            for item in frames * 2:
                read += 1
                yield item

        for done, _ in enumerate(detector.detect_many(counted()), start=1):
            assert read - done <= detect_module.IN_FLIGHT_FRAMES + 1

    def test_no_frames_give_nothing(self, detector: Detector) -> None:
        assert list(detector.detect_many([])) == []

    def test_the_picture_is_not_drawn_on(
        self, detector: Detector, frames: list[tuple[Frame, GsdAt | None]]
    ) -> None:
        before = [hashlib.sha256(f.image_bgr.tobytes()).digest() for f, _ in frames]
        list(detector.detect_many(frames))
        assert [hashlib.sha256(f.image_bgr.tobytes()).digest() for f, _ in frames] == before


class TestOddPictures:
    @pytest.mark.parametrize("gsd_at", [None, everywhere(0.03)])
    @pytest.mark.parametrize(
        ("width", "height"), [(1, 1), (2, 700), (6000, 3), (1, 1500), (641, 33), (660, 400)]
    )
    @pytest.mark.parametrize("value", [0, 255])
    def test_one_colour_gives_nothing_whatever_its_shape(
        self, detector: Detector, width: int, height: int, value: int, gsd_at: GsdAt | None
    ) -> None:
        image = np.full((height, width, 3), value, np.uint8)
        assert detector.detect(frame_of(image), gsd_at).detections == ()

    def test_a_view_of_the_sky_gives_nothing(self, detector: Detector) -> None:
        found = detector.detect(frame_of(np.zeros((300, 400, 3), np.uint8)), lambda x, y: None)
        assert found.detections == ()
        assert found.scale_known

    def test_a_picture_that_is_a_view_of_another_is_taken(
        self, detector: Detector, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        image, _ = pasted
        part = image[300:900:1, 200:1000]
        assert not part.flags["C_CONTIGUOUS"]
        copy = np.ascontiguousarray(part)
        gsd_at = everywhere(GSD_M)
        assert (
            detector.detect(frame_of(part), gsd_at).detections
            == detector.detect(frame_of(copy), gsd_at).detections
        )


class TestSettings:
    def test_a_higher_threshold_leaves_a_subset(
        self, detector: Detector, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        part = frame_of(np.ascontiguousarray(pasted[0][200:900, 200:1000]))
        strict = Detector(resolve_model("vehicles"), confidence=0.6)
        assert all(d.confidence >= 0.6 for d in strict.detect(part, everywhere(GSD_M)).detections)

    def test_whole_looks_once_whatever_the_size(
        self, pasted: tuple[Image, list[BoxXyxyPx]]
    ) -> None:
        whole = Detector(resolve_model("vehicles"), whole=True, input_px=640)
        for frame in (frame_of(pasted[0]), frame_of(np.zeros((2, 3000, 3), np.uint8))):
            plan = whole._plan(frame, everywhere(GSD_M))
            assert len(plan.windows) == 1
            assert not whole.detect(frame).scale_known

    def test_a_model_that_does_not_answer_is_an_error_and_no_endless_wait(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(detect_module, "_FRAME_TIMEOUT_S", 0.05)
        monkeypatch.setattr(detector._engine, "submit", lambda image, done: None)
        with pytest.raises(ModelError, match=r"drawn: inference gave no answer within 0\.05 s"):
            detector.detect(frame_of(np.zeros((64, 64, 3), np.uint8)), everywhere(0.1))


@pytest.mark.parametrize(("sharing", "threads"), [(1, None), (2, 4), (3, 2), (20, 1)])
def test_models_that_look_together_share_the_processor(
    sharing: int, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int | None] = []

    class Listening(Engine):
        def __init__(self, *args: Any, threads: int | None, **kwargs: Any) -> None:
            given.append(threads)
            super().__init__(*args, threads=threads, **kwargs)

    monkeypatch.setattr(detect_module, "Engine", Listening)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    Detector(resolve_model("vehicles"), sharing=sharing)
    assert given == [threads]
