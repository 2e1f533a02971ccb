"""Working pictures and masks of them: how they are made, widened and cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError
from park.geodesy import FloatArray
from park.records import Frame

Mask = NDArray[np.uint8]
"""255 for the pixels that are meant, 0 for the others; shape (height, width)."""

Rectangle = tuple[slice, slice]
"""Rows and columns of a working picture."""

LEAST_SIDE_PX = 64
"""In smaller pictures nothing is looked for."""

_SHIFT = 2
"""OpenCV takes corners in parts of a pixel: two to this."""

_WIDE_PX = 12.0
_QUARTER = 60
"""Of 255: one pixel of four is in the mask, as at a corner of it."""


def rectangle_around(mask: Mask, margin_px: int) -> Rectangle | None:
    """Return the rows and columns of a mask with a margin; None where it is empty.

    Args:
        mask: of a whole working picture.
        margin_px: as far as the picture goes.
    """
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    return (
        slice(max(0, y - margin_px), min(mask.shape[0], y + height + margin_px)),
        slice(max(0, x - margin_px), min(mask.shape[1], x + width + margin_px)),
    )


def within(mask: Mask, margin_px: float) -> Mask:
    """Return a mask with all pixels that are no further from it than that.

    A dilation by so many pixels would cost a second; distances cost milliseconds, and a quarter
    of it where they are many, so that the pixel or two that this may be off do not matter.
    """
    if margin_px < _WIDE_PX or min(mask.shape) < 2:
        outside_px = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 3)
        return np.multiply(outside_px <= margin_px, np.uint8(255), dtype=np.uint8)
    height, width = mask.shape
    half = cv2.resize(mask, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    outside_px = cv2.distanceTransform(
        np.multiply(np.asarray(half) < _QUARTER, np.uint8(255), dtype=np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
    )
    near = np.multiply(outside_px <= margin_px / 2.0, np.uint8(255), dtype=np.uint8)
    large = cv2.resize(near, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.bitwise_or(large, mask), np.uint8)


def fill_polygon(mask: Mask, corners_px: FloatArray, value: int) -> None:
    """Fill a polygon whose corners may lie far outside of a mask.

    Args:
        mask: is changed.
        corners_px: x and y, the mask's corner at 0 and pixels from there on, shape (N, 2); all
            finite.
        value: what is filled in.
    """
    # Far outside of a mask, numbers would not fit into OpenCV's.
    most = 8.0 * max(mask.shape) + 1e4
    corners = np.clip(corners_px - 0.5, -most, most) * 2**_SHIFT
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], value, shift=_SHIFT)


def lab_of(image_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture in CIE Lab: L 0 to 100, a and b about -128 to 127."""
    light = np.divide(image_bgr, np.float32(255.0), dtype=np.float32)
    return np.asarray(cv2.cvtColor(light, cv2.COLOR_BGR2Lab), np.float32)


def working_picture(frame: Frame, long_side_px: int) -> NDArray[np.uint8]:
    """Return the picture of a frame, shrunk where it is longer than that.

    Raises:
        RecordError: it does not have three channels of eight bits, or would be too small.
    """
    if long_side_px < LEAST_SIDE_PX:
        raise RecordError(f"a working picture of {long_side_px} px shows nothing; use more")
    width, height = frame.width_px, frame.height_px
    scale = min(1.0, long_side_px / max(width, height))
    if scale == 1.0:
        image = frame.image_bgr
    else:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = frame.picture.shrunk_bgr(*size)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise RecordError(
            f"{frame.source_uri}: a scene detector needs uint8 pixels of shape (height, width, 3), "
            f"not {image.dtype} {image.shape}"
        )
    return image
