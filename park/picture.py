"""Pixels, and when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError
from park.spectrum import KELVIN_PER_COUNT, TemperatureUnit

POSSIBLE_CELSIUS = (-60.0, 600.0)
"""What thermal cameras read of ground, sky near the horizon, machines and fire."""

STRETCH_PERCENT = (1.0, 99.5)
"""Percentiles of a thermal picture's temperatures that are shown as black and as white."""

STRETCH_LEAST_K = 10.0
"""Black and white are at least so far apart, so that noise is not shown as contrast."""

_ZERO_CELSIUS_K = 273.15
_MOST_COUNTS = 65_535


class Picture(Protocol):
    """Pixels that are made when they are asked for.

    A model looks at a video's frame shrunk, and few frames are ever needed whole; a decoder
    gives the shrunk picture for a fraction of what the whole one costs.
    """

    @property
    def width_px(self) -> int:
        """Width of the whole picture."""

    @property
    def height_px(self) -> int:
        """Height of the whole picture."""

    @property
    def image_bgr(self) -> NDArray[np.uint8]:
        """All pixels, uint8, shape (height, width, 3), in OpenCV's channel order."""

    @property
    def celsius(self) -> NDArray[np.float32] | None:
        """Surface temperatures, shape (height, width), NaN where the camera has none.

        None for pictures that hold no temperatures, which are most.
        """

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the whole picture in fewer pixels, each the mean of those that it stands for."""

    def grey_part(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """Return the brightness of a part, uint8, shape (y1 - y0, x1 - x0), all of it inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """A picture that is there already.

    Attributes:
        image_bgr: uint8, shape (height, width, 3), in OpenCV's channel order.
    """

    image_bgr: NDArray[np.uint8]

    def __post_init__(self) -> None:
        shape = self.image_bgr.shape
        if len(shape) != 3 or shape[2] != 3 or self.image_bgr.dtype != np.uint8:
            raise RecordError(
                f"a picture needs uint8 pixels of shape (height, width, 3), "
                f"not {self.image_bgr.dtype} {shape}"
            )

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return int(self.image_bgr.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return int(self.image_bgr.shape[0])

    @property
    def celsius(self) -> None:
        """No temperatures."""

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the picture in fewer pixels."""
        size = (width_px, height_px)
        return np.asarray(cv2.resize(self.image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)

    def grey_part(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """Return the brightness of a part."""
        return grey_of(self.image_bgr[y0:y1, x0:x1])


class ThermalPixels:
    """A picture of temperatures that is there already; a `Picture`.

    What is shown is grey, bright for warm, from the 1st to the 99.5th percentile of the picture's
    own temperatures, which are taken at least 10 K apart: as the automatic gain of a thermal
    camera shows it. So the same grey stands for another temperature in another picture;
    `celsius` does not change.

    Args:
        celsius: float32, shape (height, width); NaN where the camera has no reading.

    Raises:
        RecordError: the array has another shape or kind.
    """

    def __init__(self, celsius: NDArray[np.float32]) -> None:
        if celsius.ndim != 2 or celsius.dtype != np.float32 or not celsius.size:
            raise RecordError(
                f"a thermal picture needs float32 degrees Celsius of shape (height, width), "
                f"not {celsius.dtype} {celsius.shape}"
            )
        self._celsius = celsius
        self._bgr: NDArray[np.uint8] | None = None

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return int(self._celsius.shape[1])

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return int(self._celsius.shape[0])

    @property
    def celsius(self) -> NDArray[np.float32]:
        """Surface temperatures, shape (height, width), NaN where the camera has none."""
        return self._celsius

    @property
    def image_bgr(self) -> NDArray[np.uint8]:
        """The picture as grey, uint8, shape (height, width, 3)."""
        if self._bgr is None:
            self._bgr = stretched_bgr(self._celsius, STRETCH_LEAST_K)
        return self._bgr

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the picture in fewer pixels."""
        size = (width_px, height_px)
        return np.asarray(cv2.resize(self.image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)

    def grey_part(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """Return the brightness of a part."""
        return grey_of(self.image_bgr[y0:y1, x0:x1])


def grey_of(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightness of pixels, uint8, shape (height, width)."""
    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)


def celsius_of_counts(
    counts: NDArray[np.uint16], unit: TemperatureUnit
) -> NDArray[np.float32] | str:
    """Return temperatures of a 16-bit thermal picture, or in words why they cannot be.

    Args:
        counts: shape (height, width); the least and the greatest number are no readings.
        unit: what one count is.

    Returns:
        Degrees Celsius, NaN for no reading. A picture most of which is outside
        `POSSIBLE_CELSIUS` was written in another unit, and is refused. Of others, what is colder
        counts as no reading: a clear sky is below what cameras can tell.
    """
    celsius = counts.astype(np.float32) * np.float32(KELVIN_PER_COUNT[unit])
    celsius -= np.float32(_ZERO_CELSIUS_K)
    celsius[(counts == 0) | (counts == _MOST_COUNTS)] = np.nan
    low, high = POSSIBLE_CELSIUS
    if np.isnan(celsius).all():
        return "no pixel of it has a reading"
    middle = float(np.nanmedian(celsius))
    if not low <= middle <= high:
        return f"in {unit} most of it would be near {middle:.0f} degC, which cannot be"
    celsius[celsius < low] = np.nan
    return celsius


def stretched_bgr(values: NDArray[np.generic], least_span: float) -> NDArray[np.uint8]:
    """Return a picture of numbers as grey, from their 1st to their 99.5th percentile.

    Args:
        values: shape (height, width); NaN becomes black.
        least_span: black and white are at least so far apart.

    Returns:
        uint8, shape (height, width, 3).
    """
    numbers = np.asarray(values, np.float32)
    # A sixteenth of the pixels tells the percentiles as well.
    sample = numbers[::4, ::4]
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, STRETCH_PERCENT) if sample.size else (0.0, 0.0)
    if high - low < least_span:
        middle = (low + high) / 2.0
        low, high = middle - least_span / 2.0, middle + least_span / 2.0
    if not math.isfinite(high - low) or high <= low:
        high = low + 1.0
    grey = np.nan_to_num((numbers - low) * (255.0 / (high - low)), nan=0.0)
    grey8 = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(grey8, cv2.COLOR_GRAY2BGR), np.uint8)
