"""Pictures that show the same thing: a hash that small changes leave as it is.

Data sets from the web hold the same photo many times, cropped, brightened or mirrored. A model
that has learned one of them by heart seems to know the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

HASH_BITS = 64
_SIDE = 32
_KEPT = 8


def perceptual_hash(image: Image) -> int:
    """Return 64 bits that tell pictures apart by what they show, not by their details.

    Each bit says whether one of the 64 lowest frequencies of the picture, shrunk to 32 x 32 grey
    pixels, is above their median (pHash: Zauner, 2010, "Implementation and Benchmarking of
    Perceptual Image Hash Functions").
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:_KEPT, :_KEPT].ravel()
    # The first is the mean brightness; it says nothing of what there is.
    bits = low > np.median(low[1:])
    return int("".join("1" if bit else "0" for bit in bits), 2)


def hashes_of(image: Image) -> tuple[int, int]:
    """Return the hash of a picture and that of its mirror image."""
    return perceptual_hash(image), perceptual_hash(np.ascontiguousarray(image[:, ::-1]))


def bits_apart(one: int, other: int) -> int:
    """Return in how many of the 64 bits two hashes differ."""
    return (one ^ other).bit_count()


def is_near(hashes: Sequence[int], others: NDArray[np.uint64], most_bits: int) -> bool:
    """Return whether any of some hashes is at most `most_bits` from any of the others."""
    if not len(others):
        return False
    return any(
        bool((np.bitwise_count(others ^ np.uint64(one)) <= most_bits).any()) for one in hashes
    )
