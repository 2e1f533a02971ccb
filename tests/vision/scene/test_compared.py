"""Where two pictures of the same ground differ, and where it is light alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vision.scene.drawn_ground import rectangle
from tests.vision.scene.laid_ground import PLACE, cells, ground, lying, share_of
from vision.scene.compared import compare, structure_kept, tints

TINT = 9.0
AROUND = PLACE.buffer(4.0).difference(PLACE.buffer(1.5))
PARTS = {"blue": (168, 112, 70), "pale": (225, 228, 226), "earth": (78, 116, 152)}


@pytest.mark.parametrize("colour", PARTS)
def test_a_thing_of_another_colour_or_brighter_differs_and_what_is_around_it_does_not(
    colour: str,
) -> None:
    now = ground()
    now.paint(PLACE, PARTS[colour], 4.0)
    compared = compare(lying(ground().texture_bgr, now.texture_bgr), TINT)
    assert share_of(compared.strong, PLACE.buffer(-0.6)) > 0.9
    assert share_of(compared.strong, AROUND) < 0.02


@pytest.mark.parametrize("light", [0.6, 1.4])
def test_all_of_it_in_other_light_differs_nowhere(light: float) -> None:
    image = ground().texture_bgr
    now = np.clip((image / 255.0) ** 2.2 * light, 0.0, 1.0) ** (1.0 / 2.2) * 255.0
    compared = compare(lying(image, now.astype(np.uint8)), TINT)
    assert np.count_nonzero(compared.strong) < 0.001 * compared.strong.size


def test_a_shade_is_weaker_than_any_change_of_brightness_that_counts() -> None:
    now = ground()
    dark = cells(PLACE) > 0
    shade = np.array([0.40, 0.34, 0.31])
    linear = (now.texture_bgr[dark] / 255.0) ** 2.2 * shade
    now.texture_bgr[dark] = np.asarray(linear ** (1.0 / 2.2) * 255.0, np.uint8)
    compared = compare(lying(ground().texture_bgr, now.texture_bgr), TINT)
    inside = cells(PLACE.buffer(-0.6)) > 0
    assert float(np.median(compared.ratio[inside])) < 1.0
    assert share_of(compared.strong, PLACE.buffer(-0.6)) < 0.05
    assert structure_kept(compared, cells(PLACE.buffer(-0.6))) > 0.6


@settings(max_examples=20, deadline=None)
@given(st.integers(-2, 2), st.integers(-2, 2))
def test_a_shift_of_two_cells_is_no_difference(east: int, south: int) -> None:
    image = ground().texture_bgr
    moved = np.roll(image, (south, east), axis=(0, 1))
    compared = compare(lying(image, moved), TINT)
    # What is rolled in at a rim was never near it.
    assert not compared.strong[4:-4, 4:-4].any()


def test_structure_is_kept_where_nothing_lies_on_the_ground_and_lost_where_something_does() -> None:
    now = ground()
    now.paint(PLACE, PARTS["pale"], 4.0)
    compared = compare(lying(ground().texture_bgr, now.texture_bgr), TINT)
    assert structure_kept(compared, cells(PLACE.buffer(-0.6))) < 0.4
    assert structure_kept(compared, cells(rectangle(-12, -10, 8, 5))) == pytest.approx(1.0)


@given(st.integers(40, 200), st.integers(40, 200), st.integers(40, 200), st.floats(0.5, 1.2))
def test_a_tint_is_that_of_the_surface_in_any_light(
    blue: int, green: int, red: int, light: float
) -> None:
    surface = (np.array([[[blue, green, red]]], np.float32) / 255.0) ** 2.4
    lit = [np.asarray((surface * gain) ** (1.0 / 2.4), np.float32) for gain in (1.0, light)]
    one, other = (
        tints(np.asarray(cv2.cvtColor(np.clip(part, 0, 1), cv2.COLOR_BGR2Lab), np.float32))
        for part in lit
    )
    strength = float(np.abs(one).max())
    assert np.abs(one - other).max() < 1.5 + 0.25 * strength
