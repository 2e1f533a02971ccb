"""A decoded frame gives the same picture whole, shrunk and turned."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from park.picture import grey_of
from vision.footage.decoded import DecodedPicture


def _scene(width_px: int = 320, height_px: int = 180) -> NDArray[np.uint8]:
    """Return smooth colours with one bright corner, so that a turn shows."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    image = np.stack([80 + x / 4, 60 + y / 3, 90 + (x + y) / 8], axis=2)
    image[: height_px // 4, : width_px // 4] = 230
    return image.astype(np.uint8)


def _decoded(image: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_shrunk_picture_is_the_whole_one_in_fewer_pixels(turns: int) -> None:
    picture = DecodedPicture(_decoded(_scene()), VideoReformatter(), turns)
    size = (picture.width_px // 2, picture.height_px // 2)
    expected = cv2.resize(picture.image_bgr, size, interpolation=cv2.INTER_AREA)
    shrunk = picture.shrunk_bgr(*size)
    assert shrunk.shape == expected.shape
    assert shrunk.flags.c_contiguous
    assert np.abs(shrunk.astype(int) - expected.astype(int)).mean() < 2.0


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_quarter_turns_set_it_upright(turns: int) -> None:
    plain = DecodedPicture(_decoded(_scene()), VideoReformatter()).image_bgr
    turned = DecodedPicture(_decoded(_scene()), VideoReformatter(), turns)
    assert np.array_equal(turned.image_bgr, np.rot90(plain, -turns))
    assert turned.image_bgr.shape[:2] == (turned.height_px, turned.width_px)


def test_the_whole_picture_is_converted_once() -> None:
    picture = DecodedPicture(_decoded(_scene()), VideoReformatter())
    assert picture.image_bgr is picture.image_bgr


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_brightness_of_a_part_is_that_of_the_whole_picture(turns: int) -> None:
    picture = DecodedPicture(_decoded(_scene()), VideoReformatter(), turns)
    x0, y0, x1, y1 = 9, 13, picture.width_px - 5, picture.height_px - 2
    part = picture.grey_part(x0, y0, x1, y1)
    assert part.shape == (y1 - y0, x1 - x0)
    whole = grey_of(picture.image_bgr)[y0:y1, x0:x1]
    # Video has black at 16 and white at 235.
    assert np.corrcoef(part.ravel(), whole.ravel())[0, 1] > 0.99
