"""What light does to ground is read off two pictures of it, whatever else changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision.scene.light import Light, light_between

GAINS = st.tuples(*[st.floats(0.4, 1.5)] * 3)
VEILS = st.tuples(*[st.floats(0.0, 0.12)] * 3)


def ground(seed: int, cells: int = 3000) -> NDArray[np.float32]:
    """Return cells of four surfaces with texture, dark enough not to clip in any light."""
    rng = np.random.default_rng(seed)
    surfaces = np.array([[0.30, 0.45, 0.36], [0.5, 0.5, 0.5], [0.40, 0.48, 0.56], [0.2, 0.2, 0.2]])
    colours = surfaces[rng.integers(0, 4, cells)] + rng.normal(0.0, 0.03, (cells, 1))
    return np.clip(colours, 0.0, 1.0).astype(np.float32)


@given(GAINS, VEILS, st.integers(0, 5))
def test_light_and_haze_are_found(
    gain: tuple[float, float, float], veil: tuple[float, float, float], seed: int
) -> None:
    was = ground(seed)
    is_now = Light(gain, veil).on(was)
    assert np.abs(light_between(was, is_now).on(was) - is_now).mean() < 0.012


@given(GAINS, VEILS, st.integers(0, 5))
def test_the_inverse_turns_a_light_back(
    gain: tuple[float, float, float], veil: tuple[float, float, float], seed: int
) -> None:
    was, light = ground(seed), Light(gain, veil)
    there = light.on(was)
    seen = (there < 1.0).all(axis=1)
    assert light.inverse.on(there)[seen] == pytest.approx(was[seen], abs=2e-3)


def test_the_same_light_changes_nothing() -> None:
    was = ground(1)
    light = light_between(was, was)
    assert light.gain_bgr == pytest.approx((1.0, 1.0, 1.0), abs=1e-3)
    assert light.veil_bgr == pytest.approx((0.0, 0.0, 0.0), abs=1e-3)


def test_what_changed_does_not_pull_the_light_along() -> None:
    was = ground(2)
    hazy = Light((0.9, 0.85, 0.8), (0.06, 0.06, 0.06))
    is_now = hazy.on(was)
    is_now[:600] = (0.9, 0.3, 0.2)
    same = slice(600, None)
    assert np.abs(light_between(was, is_now).on(was[same]) - is_now[same]).mean() < 0.02


def test_texture_that_does_not_lie_on_itself_does_not_flatten_the_light() -> None:
    was = ground(3)
    is_now = was[np.random.default_rng(4).permutation(len(was))]
    assert light_between(was, is_now).gain_bgr == pytest.approx((1.0, 1.0, 1.0), abs=0.1)


def test_bytes_are_lit_as_numbers_are() -> None:
    light = Light((0.8, 0.9, 1.1), (0.05, 0.04, 0.0))
    values = ground(4, 64).reshape(8, 8, 3)
    image = np.round(values * 255.0).astype(np.uint8)
    off = light.on_bytes(image) / 255.0 - light.on(image.astype(np.float32) / np.float32(255.0))
    assert np.abs(off).max() <= 0.5 / 255.0 + 1e-6


def test_of_several_the_median_counts() -> None:
    lights = [Light((g, 1.0, 1.0), (0.0, v, 0.0)) for g, v in ((0.9, 0.0), (1.0, 0.3), (3.0, 0.1))]
    assert Light.median(lights) == Light((1.0, 1.0, 1.0), (0.0, 0.1, 0.0))
