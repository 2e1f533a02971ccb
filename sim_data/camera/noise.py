"""Chance that is fixed to the ground: the same place looks the same in every picture.

Fine grain comes from small periodic pictures, whose period nobody sees because they have no
features; everything wider comes from hashed lattices, which never repeat.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
UInt64Array = NDArray[np.uint64]

GRAIN_PX = 1024
"""Side of the periodic pictures; at the finest scale of the ground this is 51.2 m."""

_MIX_1 = np.uint64(0x9E3779B97F4A7C15)
_MIX_2 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_3 = np.uint64(0x94D049BB133111EB)


def hashed(seed: int, *keys: NDArray[np.int64] | int) -> UInt64Array:
    """Return well mixed 64-bit numbers of integer keys (splitmix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        state = np.asarray(np.uint64(seed & 0xFFFFFFFFFFFFFFFF) * _MIX_1 + _MIX_2)
        for key in keys:
            state = state ^ (np.asarray(key, dtype=np.int64).view(np.uint64) * _MIX_2)
            state = (state ^ (state >> np.uint64(30))) * _MIX_2
            state = (state ^ (state >> np.uint64(27))) * _MIX_3
            state = (state ^ (state >> np.uint64(31))) + _MIX_1
    return np.asarray(state, dtype=np.uint64)


def hashed_unit(seed: int, *keys: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Return numbers from 0 up to 1 of integer keys."""
    return (hashed(seed, *keys) >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def cell_rng(seed: int, *keys: int) -> np.random.Generator:
    """Return the chance of one cell of the ground or of one thing."""
    return np.random.default_rng(int(hashed(seed, *keys)))


def lattice(
    seed: int, cell_m: float, west_m: float, north_m: float, px_m: float, shape: tuple[int, int]
) -> Float32Array:
    """Return smooth noise fixed to the ground, standard deviation near one.

    A lattice of hashed values with quadratic B-splines between them.

    Args:
        seed: other seeds give other noise.
        cell_m: distance of the lattice points.
        west_m: western edge of the picture.
        north_m: northern edge of the picture.
        px_m: metres per pixel.
        shape: rows and columns of the picture.
    """
    if cell_m < 1.5 * px_m:
        return np.zeros(shape, np.float32)
    east = np.asarray((west_m + (np.arange(shape[1]) + 0.5) * px_m) / cell_m, np.float64)
    north = np.asarray((north_m - (np.arange(shape[0]) + 0.5) * px_m) / cell_m, np.float64)
    columns, weights_e = _spline(east)
    rows, weights_n = _spline(north)
    i = np.arange(columns[0], columns[1], dtype=np.int64)
    j = np.arange(rows[0], rows[1], dtype=np.int64)
    values = hashed_unit(seed, i[None, :] + 0 * j[:, None], j[:, None] + 0 * i[None, :])
    # Uniform numbers have a deviation of 0.289, and the spline keeps about 0.55 of it.
    scaled = ((values - 0.5) / (0.289 * 0.55)).astype(np.float32)
    # OpenCV's product: NumPy's wakes threads that cost more than a product of this size.
    nothing = np.zeros((0, 0), np.float32)
    half = np.asarray(cv2.gemm(weights_n, scaled, 1.0, nothing, 0.0), np.float32)
    return np.asarray(cv2.gemm(half, weights_e, 1.0, nothing, 0.0, flags=cv2.GEMM_2_T), np.float32)


def _spline(place: NDArray[np.float64]) -> tuple[tuple[int, int], Float32Array]:
    """Return the range of lattice points that matter, and each pixel's weights for them."""
    nearest = np.floor(place + 0.5).astype(np.int64)
    t = place - nearest
    first, last = int(nearest.min()) - 1, int(nearest.max()) + 2
    weights = np.zeros((len(place), last - first), np.float32)
    rows = np.arange(len(place))
    weights[rows, nearest - 1 - first] = 0.5 * (0.5 - t) ** 2
    weights[rows, nearest - first] = 0.75 - t**2
    weights[rows, nearest + 1 - first] = 0.5 * (0.5 + t) ** 2
    return (first, last), weights


@lru_cache(maxsize=32)
def _periodic(seed: int, blur_px: float, level: int) -> Float32Array:
    if level:
        finer = _periodic(seed, blur_px, level - 1)
        side = GRAIN_PX >> level
        return np.asarray(cv2.resize(finer, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((GRAIN_PX, GRAIN_PX)).astype(np.float32)
    if blur_px > 0:
        pad = int(4 * blur_px) + 1
        wide = np.pad(white, pad, mode="wrap")
        white = np.asarray(cv2.GaussianBlur(wide, (0, 0), blur_px), np.float32)[pad:-pad, pad:-pad]
    return np.asarray(white / white.std(), np.float32)


def grain(
    seed: int, blur_px: float, level: int, column_px: int, row_px: int, shape: tuple[int, int]
) -> Float32Array:
    """Return periodic fine noise fixed to the ground.

    Args:
        seed: other seeds give other noise.
        blur_px: how coarse it is, pixels of the finest level.
        level: each level halves the scale.
        column_px: western edge, pixels of this level from the origin of the world.
        row_px: northern edge, pixels of this level southwards from the origin of the world.
        shape: rows and columns wanted.
    """
    level = min(level, 6)
    picture = _periodic(seed, blur_px, level)
    side = picture.shape[0]
    rows = (row_px + np.arange(shape[0])) % side
    columns = (column_px + np.arange(shape[1])) % side
    return np.asarray(picture[rows[:, None], columns[None, :]], np.float32)
