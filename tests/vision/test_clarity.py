"""What is sharp and whole shows a thing better than what is smeared or cut."""

from __future__ import annotations

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from park.picture import Pixels
from park.records import Frame, Observation
from vision.clarity import CUT_OFF, clarity, sharpness, with_clarity


def texture(side: int = 120, seed: int = 5) -> NDArray[np.uint8]:
    """A textured picture, grey, with detail of about two pixels."""
    noise = np.random.default_rng(seed).integers(60, 190, (side, side), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8), np.uint8)


def smeared(grey: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """What a camera that moves sideways makes of it."""
    return np.asarray(cv2.blur(grey, (length, 1)), np.uint8)


@settings(max_examples=25, deadline=None)
@given(sigma=st.floats(0.6, 4.0), seed=st.integers(0, 99))
def test_what_is_out_of_focus_is_less_sharp(sigma: float, seed: int) -> None:
    sharp = texture(seed=seed)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), sigma), np.uint8)
    assert 0.0 <= sharpness(soft) < sharpness(sharp) <= 1.0


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_smeared_in_one_direction_is_less_sharp(turned: bool) -> None:
    sharp = texture()
    motion = smeared(sharp, 9)
    assert sharpness(motion.T if turned else motion) < 0.75 * sharpness(sharp)


def test_light_and_contrast_do_not_change_it() -> None:
    sharp = texture()
    dim = (sharp.astype(np.float32) * 0.5 + 20.0).round().astype(np.uint8)
    assert sharpness(dim) == pytest.approx(sharpness(sharp), abs=0.02)


def test_what_has_no_detail_is_not_sharp() -> None:
    assert sharpness(np.full((40, 40), 90, np.uint8)) == 0.0
    assert sharpness(np.full((2, 40), 90, np.uint8)) == 0.0


def picture() -> Pixels:
    return Pixels(np.asarray(cv2.cvtColor(texture(400), cv2.COLOR_GRAY2BGR), np.uint8))


@pytest.mark.parametrize(
    "box", [(-20.0, 100.0, 60.0, 180.0), (350.0, 100.0, 400.0, 150.0), (10.0, 0.5, 90.0, 80.0)]
)
def test_what_the_edge_of_the_picture_cuts_counts_half(
    box: tuple[float, float, float, float],
) -> None:
    whole = clarity(picture(), (150.0, 150.0, 230.0, 230.0))
    assert clarity(picture(), box) == pytest.approx(whole * CUT_OFF, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(x=st.floats(-30, 405), y=st.floats(-30, 405), w=st.floats(0.1, 900), h=st.floats(0.1, 900))
def test_any_box_has_a_clarity(x: float, y: float, w: float, h: float) -> None:
    assert 0.0 <= clarity(picture(), (x, y, x + w, y + h)) <= 1.0


def test_every_observation_of_a_frame_is_told_its_own() -> None:
    soft = picture().image_bgr.copy()
    soft[:, 200:] = cv2.GaussianBlur(soft[:, 200:], (0, 0), 3.0)
    time = datetime(2026, 5, 1, tzinfo=UTC)
    frame = Frame(Pixels(soft), time, None, "a.jpg", 0.0, "p")
    seen = [
        Observation(
            name, "p", time, "car", 0.9, (x, 60.0, x + 50.0, 110.0), None, None, None, None,
            "a.jpg", 0.0, "m",
        )
        for name, x in (("sharp", 50.0), ("soft", 300.0))
    ]  # fmt: skip
    sharp, blurred = with_clarity(frame, seen)
    assert (sharp.detection_id, blurred.detection_id) == ("sharp", "soft")
    assert sharp.clarity is not None
    assert blurred.clarity is not None
    assert sharp.clarity > 1.5 * blurred.clarity
