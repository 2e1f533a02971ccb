"""Chance without a history: the same numbers always give the same throw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1, _MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def throw(*numbers: int) -> float:
    """Return a number from 0 up to 1 that depends on nothing but the numbers given.

    The mixing is that of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014).
    """
    state = 0
    for number in numbers:
        state = (state + number * _GOLDEN + _GOLDEN) & _MASK
        state = ((state ^ (state >> 30)) * _MIX_1) & _MASK
        state = ((state ^ (state >> 27)) * _MIX_2) & _MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)


def throws(*numbers: int | NDArray[np.int64]) -> FloatArray:
    """Return `throw` for arrays of numbers at once; single numbers count for all."""
    shape = np.broadcast_shapes(*(np.shape(number) for number in numbers))
    state = np.zeros(shape, np.uint64)
    golden = np.uint64(_GOLDEN)
    for number in numbers:
        step = np.broadcast_to(np.asarray(number, np.int64).astype(np.uint64), shape)
        state = state + step * golden + golden
        state = (state ^ (state >> np.uint64(30))) * np.uint64(_MIX_1)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(_MIX_2)
        state = state ^ (state >> np.uint64(31))
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)
