"""Draws the walls of buildings: windows, gates, sheet metal, concrete floors."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_data.camera.noise import cell_rng
from sim_data.camera.roofs import toned
from sim_data.camera.sheet import Image8
from sim_data.world.records import BlockUse, Rgb

_GLASS: Rgb = (64, 78, 92)
_FLOOR_M = 3.6
_LAMP_RGB = np.array([255.0, 214.0, 150.0], np.float32)


@lru_cache(maxsize=512)
def lit_wall(
    use: BlockUse,
    rgb: Rgb,
    texture: int,
    side: int,
    size_px: tuple[int, int],
    height_m: float,
    lit: tuple[float, float, float],
    night: float,
) -> Image8:
    """Return a wall in its light, with some windows lit at night.

    Args:
        use: of the building.
        rgb: of the wall.
        texture: of the building.
        side: which of its walls.
        size_px: width and height of the picture.
        height_m: of the wall.
        lit: factors on red, green and blue.
        night: 0 by day to 1.
    """
    picture, glow = wall_picture(use, rgb, texture, side, size_px, height_m)
    shown = picture * np.array(lit, np.float32)
    if night > 0.0:
        share = glow[..., None].astype(np.float32) / 255.0 * night
        shown += share * (_LAMP_RGB - shown)
    return np.asarray(np.clip(shown, 0, 255), np.uint8)


@lru_cache(maxsize=128)
def wall_picture(
    use: BlockUse, rgb: Rgb, texture: int, side: int, size_px: tuple[int, int], height_m: float
) -> tuple[Image8, NDArray[np.uint8]]:
    """Return a wall as seen from in front of it, and how brightly each pixel glows at night.

    Args:
        use: of the building.
        rgb: of the wall.
        texture: of the building.
        side: which of its walls.
        size_px: width and height of the picture; their ratio is that of the wall.
        height_m: of the wall.
    """
    width, height = size_px
    px_m = height_m / height
    rng = cell_rng(texture, 31, side)
    wall = np.empty((height, width, 3), np.uint8)
    wall[:] = rgb
    glow = np.zeros((height, width), np.uint8)
    if use in (BlockUse.OFFICE, BlockUse.GATEHOUSE):
        _windows(wall, glow, rng, px_m, 1.5, 2.6, 1.7)
    elif use is BlockUse.UNFINISHED:
        _floors(wall, px_m)
    elif use in (BlockUse.FACTORY, BlockUse.WAREHOUSE, BlockUse.UTILITY):
        _sheets(wall, px_m)
        if use is BlockUse.FACTORY:
            _band(wall, glow, rng, px_m, height_m)
        _gates(wall, glow, rng, px_m, height_m, use)
    low = max(1, round(0.5 / px_m))
    wall[-low:] = toned(rgb, 0.7)
    wall[: max(1, round(0.3 / px_m))] = toned(rgb, 0.86)
    grime = np.linspace(1.03, 0.9, height, dtype=np.float32)[:, None, None]
    streaks = rng.normal(1.0, 0.025, (1, max(2, width // 3), 1)).astype(np.float32)
    wide = cv2.resize(streaks, (width, 1), interpolation=cv2.INTER_LINEAR).reshape(1, width, 1)
    return np.clip(wall * grime * wide, 0, 255).astype(np.uint8), glow


def _put(picture: Image8, left: float, top: float, right: float, bottom: float,
         colour: Rgb | int) -> None:  # fmt: skip
    x0, x1 = max(0, round(left)), min(picture.shape[1], max(round(left) + 1, round(right)))
    y0, y1 = max(0, round(top)), min(picture.shape[0], max(round(top) + 1, round(bottom)))
    if x1 > x0 and y1 > y0:
        picture[y0:y1, x0:x1] = colour


def _windows(
    wall: Image8,
    glow: Image8,
    rng: np.random.Generator,
    px_m: float,
    width_m: float,
    pitch_m: float,
    high_m: float,
) -> None:
    height, width = glow.shape
    if pitch_m / px_m < 2.5:
        wall[:] = (0.55 * wall + 0.45 * np.array(_GLASS)).astype(np.uint8)
        glow[:] = 40
        return
    floors = max(1, int(height * px_m / _FLOOR_M))
    columns = int(width * px_m / pitch_m)
    margin = (width * px_m - columns * pitch_m) / 2
    for floor in range(floors):
        top = (floor * _FLOOR_M + 1.0) / px_m
        for column in range(columns):
            left = (margin + column * pitch_m + (pitch_m - width_m) / 2) / px_m
            tone = float(rng.uniform(0.75, 1.3))
            place = (left, top, left + width_m / px_m, top + high_m / px_m)
            _put(wall, *place, toned(_GLASS, tone))
            if rng.uniform() < 0.3:
                _put(glow, *place, int(rng.uniform(90, 230)))


def _floors(wall: Image8, px_m: float) -> None:
    height = wall.shape[0]
    for floor in range(int(height * px_m / _FLOOR_M) + 1):
        top = floor * _FLOOR_M / px_m
        _put(wall, 0, top + 0.5 / px_m, wall.shape[1], top + _FLOOR_M / px_m, (72, 70, 68))
        for x in np.arange(0.0, wall.shape[1] * px_m, 6.0):
            _put(wall, x / px_m, top, (x + 0.6) / px_m, top + _FLOOR_M / px_m, (150, 146, 138))


def _sheets(wall: Image8, px_m: float) -> None:
    if px_m > 0.35:
        return
    width = wall.shape[1]
    seams = (np.arange(width) * px_m) % 1.2 < px_m
    wall[:, seams] = (wall[:, seams] * 0.9).astype(np.uint8)


def _band(
    wall: Image8, glow: Image8, rng: np.random.Generator, px_m: float, height_m: float
) -> None:
    """Draw a strip of windows high up."""
    if height_m < 5.0:
        return
    top, bottom = 0.14 * wall.shape[0], 0.14 * wall.shape[0] + 1.3 / px_m
    for x in np.arange(1.5, wall.shape[1] * px_m - 3.5, 3.2):
        _put(wall, x / px_m, top, (x + 2.7) / px_m, bottom, toned(_GLASS, 1.1))
        if rng.uniform() < 0.5:
            _put(glow, x / px_m, top, (x + 2.7) / px_m, bottom, 150)


def _gates(
    wall: Image8,
    glow: Image8,
    rng: np.random.Generator,
    px_m: float,
    height_m: float,
    use: BlockUse,
) -> None:
    long_m = wall.shape[1] * px_m
    if long_m < 12.0 or height_m < 4.0:
        return
    step = 6.5 if use is BlockUse.WAREHOUSE else 24.0
    high = min(4.2, 0.7 * height_m)
    rgb: Rgb = ((70, 104, 140), (150, 152, 150), (120, 70, 56))[int(rng.integers(3))]
    for x in np.arange(4.0, long_m - 5.0, step):
        place = (x / px_m, wall.shape[0] - high / px_m, (x + 3.6) / px_m, wall.shape[0])
        _put(wall, *place, rgb)
        if rng.uniform() < 0.12:
            _put(wall, *place, (40, 40, 42))
            _put(glow, *place, 140)


def wall_size_px(length_m: float, height_m: float, across_m: float) -> tuple[int, int]:
    """Return the size of a wall's picture that suits metres per pixel, in few steps."""
    step = 2.0 ** math.ceil(math.log2(max(0.06, 0.8 * across_m)))
    step = max(step, length_m / 1600.0)
    return max(2, round(length_m / step)), max(2, round(height_m / step))
