"""Pixels, and when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError


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

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the whole picture in fewer pixels, each the mean of those that it stands for."""


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

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the picture in fewer pixels."""
        size = (width_px, height_px)
        return np.asarray(cv2.resize(self.image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
