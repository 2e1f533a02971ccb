"""Near duplicates: the same photo again is known, another photo is not taken for it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.models.near_duplicates import HASH_BITS, bits_apart, hashes_of, is_near, perceptual_hash


def photo(seed: int, side: int = 96) -> np.ndarray:
    """Return a picture of a few soft blots, as photos have large forms."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def brighter(image: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(image.astype(np.int16) + 20, 0, 255), np.uint8)


def compressed(image: np.ndarray) -> np.ndarray:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def smaller(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(image, (61, 57), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("change", [brighter, compressed, smaller])
def test_a_photo_that_was_changed_a_little_is_near(
    change: Callable[[np.ndarray], np.ndarray],
) -> None:
    for seed in range(5):
        image = photo(seed)
        assert bits_apart(perceptual_hash(image), perceptual_hash(change(image))) <= 8


def test_other_photos_are_far() -> None:
    hashes = [perceptual_hash(photo(seed)) for seed in range(12)]
    apart = [bits_apart(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 12


def test_a_mirrored_photo_is_known_by_the_second_hash() -> None:
    image = photo(3)
    known = np.array([perceptual_hash(image)], np.uint64)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    assert is_near(hashes_of(mirrored), known, 2)
    assert not is_near([perceptual_hash(mirrored)], known, 8)


def test_nothing_is_near_an_empty_list() -> None:
    assert not is_near(hashes_of(photo(1)), np.array([], np.uint64), HASH_BITS)


def test_a_grey_picture_has_the_hash_of_its_three_equal_channels() -> None:
    grey = cv2.cvtColor(photo(2), cv2.COLOR_BGR2GRAY)
    three = cv2.merge([grey] * 3)
    assert perceptual_hash(np.asarray(grey, np.uint8)) == perceptual_hash(
        np.asarray(three, np.uint8)
    )


@settings(max_examples=50)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 64))
def test_near_means_at_most_so_many_bits_apart(one: int, other: int, most: int) -> None:
    near = is_near([one], np.array([other], np.uint64), most)
    assert near == (bits_apart(one, other) <= most)
