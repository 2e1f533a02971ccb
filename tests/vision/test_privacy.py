"""Whom the models find is blurred; what is too long to be anybody is not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from park.picture import Pixels
from park.records import Detection, Frame
from vision.detect import Detector
from vision.models.registry import resolve_model
from vision.privacy import LONGEST_M, PRIVACY_CONFIDENCE, PrivacyFinder, believable


def seen(name: str, length_px: float) -> Detection:
    return Detection(name, 0.2, (100.0, 100.0, 110.0, 100.0 + length_px), "m@1")


def five_centimetres(x_px: float, y_px: float) -> float | None:
    return 0.05


def sky(x_px: float, y_px: float) -> float | None:
    return None


@pytest.mark.parametrize("name", ["person", "head", "license_plate", "NO-Hardhat"])
def test_what_is_longer_than_anybody_is_left_out_where_the_scale_is_known(name: str) -> None:
    short, long = seen(name, LONGEST_M / 0.05 - 1.0), seen(name, LONGEST_M / 0.05 + 1.0)
    assert believable([short, long], five_centimetres) == [short]


def test_where_the_scale_is_not_known_everybody_stays() -> None:
    long = seen("person", 900.0)
    assert believable([long], None) == [long]
    assert believable([long], sky) == [long]


@pytest.mark.parametrize("name", ["crowd", "People", "car", "smoke"])
def test_crowds_and_what_is_never_blurred_stay_at_any_size(name: str) -> None:
    long = seen(name, 900.0)
    assert believable([long], five_centimetres) == [long]


def test_whom_one_look_of_several_sees_is_found(shared_data: Path) -> None:
    """A crew of 18: averaged over three scales, some of them fall under the threshold."""
    (path,) = (shared_data / "labelled" / "ppe" / "valid" / "images").glob("-3766-*")
    image = np.asarray(cv2.imread(str(path)), np.uint8)
    at = datetime(2026, 5, 1, 12, tzinfo=UTC)
    frame = Frame(Pixels(image), at, None, path.name, 0.0, "photo")
    height_px, width_px = image.shape[:2]
    crew = [
        (float(x) * width_px, float(y) * height_px)
        for kind, x, y, *_ in map(str.split, labels_of(path).read_text().splitlines())
        if kind == "5"
    ]

    def unseen(found: list[Detection]) -> int:
        people = [d.box_xyxy_px for d in found if d.class_name == "person"]
        return sum(
            not any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in people) for x, y in crew
        )

    model = resolve_model("site-safety")
    averaged = Detector(model, confidence=PRIVACY_CONFIDENCE).detect(frame).detections
    assert len(crew) == 18
    assert unseen(PrivacyFinder([model]).find(frame)) < unseen(list(averaged))


def labels_of(picture: Path) -> Path:
    return picture.parent.parent / "labels" / f"{picture.stem}.txt"
