"""Masks of working pictures are widened and cut, and pictures halved, and stay in place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.scene.drawn_ground import SITE, posed, rectangle, sight_of
from vision.scene.view import SceneView
from vision.scene.working import rectangle_around, within


def test_nothing_is_around_an_empty_mask_and_a_margin_ends_with_the_picture() -> None:
    empty = np.zeros((40, 60), np.uint8)
    assert rectangle_around(empty, 5) is None
    empty[0, 59] = 255
    assert rectangle_around(empty, 5) == (slice(0, 6), slice(54, 60))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 60.0))
def test_a_mask_is_widened_by_a_margin_to_within_two_pixels(seed: int, margin_px: float) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((151, 203), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        y, x, high, wide = rng.integers(4, 120, 4)
        mask[y : y + high // 2 + 4, x : x + wide // 2 + 4] = 255
    away_px = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    wider = within(mask, margin_px) > 0
    assert wider[away_px < 0.95 * margin_px - 2.0].all()
    assert not wider[away_px > 1.05 * margin_px + 2.0].any()
    assert wider[mask > 0].all()


def view_from(alt_m: float, pitch_deg: float = -90.0) -> SceneView:
    noise = np.random.default_rng(6).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    return SceneView(sight_of(noise, posed(alt_m=alt_m, pitch_deg=pitch_deg)), SITE)


@pytest.mark.parametrize(
    ("alt_m", "pitch_deg", "halved"),
    [
        pytest.param(60.0, -90.0, True, id="twice as fine as needed"),
        pytest.param(80.0, -90.0, False, id="not twice as fine"),
        pytest.param(45.0, -30.0, False, id="its far part is coarser"),
    ],
)
def test_a_view_is_halved_where_all_that_counts_is_finer_than_needed(
    alt_m: float, pitch_deg: float, halved: bool
) -> None:
    view = view_from(alt_m, pitch_deg)
    everywhere = np.full(view.shape, 255, np.uint8)
    found = view.as_fine_as(0.18, everywhere)
    assert found.shape == ((270, 480) if halved else (540, 960))
    assert view.part((slice(0, 200), slice(0, 300))).as_fine_as(9.0, everywhere).shape == (200, 300)


def test_a_halved_view_shows_the_same_ground() -> None:
    view = view_from(60.0)
    area_m = rectangle(4.0, -3.0, 20.0, 12.0)
    half = view.halved
    assert half.area_m2(half.mask(area_m)) == pytest.approx(240.0, rel=0.03)
    assert half.box_full_px(half.mask(area_m)) == pytest.approx(
        view.box_full_px(view.mask(area_m)), abs=3.0
    )
    darker = view.with_pixels(np.asarray(view.image_bgr // 2, np.uint8)).halved
    assert darker.image_bgr.mean() == pytest.approx(0.5 * half.image_bgr.mean(), abs=1.0)
