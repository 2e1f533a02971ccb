"""A change is shown as the same ground before and after, side by side."""

from __future__ import annotations

from datetime import UTC, date
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from park.records import BoxXyxyPx, GroundPoint, Incident, Observation, PosedView
from tests.vision.scene.drawn_ground import (
    SITE,
    START,
    DrawnGround,
    Image,
    posed,
    rectangle,
    sight_of,
)
from vision.before_after import SameGround, before_after_picture, same_ground
from vision.evidence_words import Caption
from vision.redact import redact, unredacted
from vision.scene.baseline import Baseline, BaselineBuilder

CELL_M = 0.2
SIZE = (960, 540)
SHED = rectangle(6, 2, 8, 5)
BLUE = (168, 112, 70)
TRUE = posed(alt_m=60.0, size=SIZE, east_m=3.0, yaw_deg=25.0, pitch_deg=-80.0)
CAPTION = Caption(UTC, ("", "Plot"))


@lru_cache(maxsize=1)
def clean() -> Image:
    ground = DrawnGround.rough(150, gsd_m=CELL_M, colour_bgr=(100, 112, 110), contrast=26)
    ground.paint(rectangle(-18, -6, 12, 9), (130, 120, 90), 6.0)
    return ground.texture_bgr


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    builder = BaselineBuilder(tmp_path_factory.mktemp("before") / "base", CELL_M)
    for i in range(6):
        view = posed(east_m=-25.0 + 10.0 * i, alt_m=60.0, size=SIZE)
        builder.add(sight_of(DrawnGround(clean().copy(), CELL_M).seen(view), view, time_s=float(i)))
    return builder.finish()


def with_shed() -> Image:
    ground = DrawnGround(clean().copy(), CELL_M)
    ground.paint(SHED, BLUE, 4.0)
    return ground.seen(TRUE)


def box_of_shed(image: Image) -> BoxXyxyPx:
    rows, columns = np.nonzero(bluish(image))
    return float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max())


def bluish(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    off = np.abs(image.astype(int) - BLUE).max(axis=2)
    return np.asarray(off < 24, np.bool_)


def ground_of(baseline: Baseline, said: PosedView = TRUE) -> SameGround | None:
    image = with_shed()
    sight = sight_of(image, said, time_s=900.0)
    assert sight.locator is not None
    return same_ground(sight.frame, image, sight.locator, box_of_shed(image), baseline)


def outlined(ground: SameGround) -> NDArray[np.bool_]:
    mask = np.zeros(ground.after_bgr.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(ground.outline_px).astype(np.int32)], 255)
    return np.asarray(mask > 0, np.bool_)


@pytest.mark.parametrize(
    "said",
    [TRUE, posed(alt_m=60.0, size=SIZE, east_m=5.0, north_m=-1.5, yaw_deg=26.0, pitch_deg=-80.0)],
    ids=["a true pose", "a pose that is two metres off"],
)
def test_what_is_new_is_inside_the_outline_after_and_not_before(
    baseline: Baseline, said: PosedView
) -> None:
    ground = ground_of(baseline, said)
    assert ground is not None
    assert ground.aligned
    assert ground.before.image_bgr.shape == ground.after_bgr.shape
    inside, after, before = (
        outlined(ground),
        bluish(ground.after_bgr),
        bluish(ground.before.image_bgr),
    )
    assert after[inside].mean() > 0.4
    assert after[~inside].sum() < 0.06 * after.sum()
    assert before[inside].mean() < 0.02


def test_both_show_the_same_ground(baseline: Baseline) -> None:
    ground = ground_of(baseline)
    assert ground is not None
    other = outlined(ground) | (ground.after_bgr.max(axis=2) == 0)
    same = ~cv2.dilate(other.astype(np.uint8), np.ones((41, 41))).astype(bool)
    before, after = (
        cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (0, 0), 4.0)[same].astype(float)
        for image in (ground.before.image_bgr, ground.after_bgr)
    )
    assert np.corrcoef(before, after)[0, 1] > 0.9
    assert ground.gsd_m * ground.after_bgr.shape[1] == pytest.approx(28.0, abs=6.0)


def test_ground_that_the_baseline_does_not_have_has_no_before(baseline: Baseline) -> None:
    far = posed(alt_m=60.0, size=SIZE, east_m=400.0, yaw_deg=25.0, pitch_deg=-80.0)
    assert ground_of(baseline, far) is None
    sky = posed(alt_m=60.0, size=SIZE, pitch_deg=10.0)
    assert ground_of(baseline, sky) is None


def incident() -> Incident:
    lat, lon = SITE.to_lat_lon(6.0, 2.0)
    place = GroundPoint(lat, lon, 1.5)
    best = Observation(
        "d1", "p", START, "new_object", 0.8, (1, 1, 9, 9), None, "o", place, 8.0, "f.mp4", 900.0,
        "scene-change@1",
    )  # fmt: skip
    return Incident(
        "i1", date(2026, 5, 4), "governance", "new_structure", 1, "plot", place, START, START, 0.0,
        40.0, ("o",), 5, None, "scene-change@1", best, measure_error=6.0,
    )  # fmt: skip


def test_the_picture_says_what_was_redacted_on_either_side(baseline: Baseline) -> None:
    ground = ground_of(baseline)
    assert ground is not None
    after = redact(with_shed(), [], classes=["person"])
    before = redact(ground.before.image_bgr, [], classes=["person", "face"])
    picture = before_after_picture(ground, before, after, incident(), CAPTION)
    assert picture.redacted == ()
    assert picture.not_redacted == ("face", "number_plate")
    assert max(picture.width_px, picture.height_px) <= 1280
    shown = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    half = picture.width_px // 2
    image = np.asarray(shown, np.uint8)
    assert bluish(image[:, half:]).sum() > 20 * max(1, bluish(image[:, :half]).sum())


def test_switching_redaction_off_is_written_on_it(baseline: Baseline) -> None:
    ground = ground_of(baseline)
    assert ground is not None
    picture = before_after_picture(
        ground, unredacted(ground.before.image_bgr), unredacted(with_shed()), incident(), CAPTION
    )
    assert "redaction was switched off" in picture.notes
    assert picture.not_redacted == ("face", "number_plate", "person")
