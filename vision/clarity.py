"""How clearly a frame shows a thing: how sharp it is there, and whether all of it is in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from park.picture import Picture
from park.records import BoxXyxyPx, Frame, Observation

CUT_OFF = 0.5
"""A thing that the edge of the picture cuts counts half: nobody knows what the rest of it is."""

_BLUR_PX = 9
_LEAST_PX = 16
_MOST_PX = 256
_AT_EDGE_PX = 1.5


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Return how sharp a piece of a picture is, 0 (nothing finer than 9 px) to 1.

    The share of the differences between neighbours that a mean over 9 px takes away, the worse
    of both directions, so that what is smeared by motion counts as smeared. Contrast and
    brightness do not change it. After F. Crete et al., "The blur effect: perception and
    estimation with a new no-reference perceptual blur metric", SPIE 6492 (2007).

    Args:
        grey: uint8, shape (height, width).
    """
    if min(grey.shape) < 3:
        return 0.0
    image = grey.astype(np.float32)
    shares = []
    for size, along in (((1, _BLUR_PX), image), ((_BLUR_PX, 1), image.T)):
        blurred = cv2.blur(image, size, borderType=cv2.BORDER_REPLICATE)
        smooth = blurred if along is image else blurred.T
        steps = np.abs(along[1:] - along[:-1])
        lost = np.maximum(steps - np.abs(smooth[1:] - smooth[:-1]), 0.0)
        whole = float(steps.sum())
        shares.append(float(lost.sum()) / whole if whole > 0.0 else 0.0)
    return min(1.0, max(0.0, min(shares)))


def clarity(picture: Picture, box_xyxy_px: BoxXyxyPx) -> float:
    """Return how clearly a picture shows what is in a box: `sharpness`, halved where it is cut.

    Of a box larger than 256 px the middle is measured, of a small one 16 px at least.
    """
    width_px, height_px = picture.width_px, picture.height_px
    x0, y0, x1, y1 = box_xyxy_px
    left, right = _span(x0, x1, width_px)
    top, bottom = _span(y0, y1, height_px)
    sharp = sharpness(picture.grey_part(left, top, right, bottom))
    whole = (
        x0 >= _AT_EDGE_PX
        and y0 >= _AT_EDGE_PX
        and x1 <= width_px - _AT_EDGE_PX
        and y1 <= height_px - _AT_EDGE_PX
    )
    return sharp if whole else sharp * CUT_OFF


def with_clarity(frame: Frame, seen: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return the observations of a frame with how clearly it shows each of them."""
    return tuple(replace(one, clarity=clarity(frame.picture, one.box_xyxy_px)) for one in seen)


def _span(low: float, high: float, size_px: int) -> tuple[int, int]:
    length = min(size_px, max(_LEAST_PX, min(_MOST_PX, round(high - low))))
    start = round((low + high) / 2.0 - length / 2.0)
    start = min(max(0, start), size_px - length)
    return start, start + length
