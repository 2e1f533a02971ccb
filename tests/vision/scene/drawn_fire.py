"""Flames and smoke drawn into pictures, which change from moment to moment as real ones do."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

FIRE_BGR = np.array(
    [[30, 40, 120], [20, 60, 205], [10, 115, 245], [40, 185, 255], [150, 240, 255]], np.float32
)
"""From the dark red edge of a flame to its white core."""


def noise(shape: tuple[int, int], step: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth noise of about unit spread."""
    small = rng.normal(size=(shape[0] // step + 3, shape[1] // step + 3)).astype(np.float32)
    return np.asarray(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def with_flame(
    image: Image, xy: tuple[float, float], size_px: tuple[float, float], moment: int
) -> Image:
    """Return a picture with a flame in it.

    Args:
        image: what is behind it.
        xy: the middle of its foot.
        size_px: its half width and its height.
        moment: another number gives another flame at the same place.
    """
    rng = np.random.default_rng(1000 + moment)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    half, tall = size_px[0] * rng.uniform(0.8, 1.2), size_px[1] * rng.uniform(0.7, 1.3)
    up = (xy[1] - y) / tall
    lean = 0.4 * rng.normal() * half * np.clip(up, 0, 1)
    across = (x - xy[0] - lean) / half
    step = max(2, round(size_px[0] / 3))
    ragged = noise(image.shape[:2], step, rng) * 0.22 + noise(image.shape[:2], 3, rng) * 0.08
    heat = 1.15 - np.abs(across) * (0.8 + 0.7 * np.clip(up, 0, 1)) - 0.85 * np.abs(up - 0.15)
    heat = np.clip(heat + ragged, 0, 0.999)
    level = heat * (len(FIRE_BGR) - 1)
    low = level.astype(int)
    share = (level - low)[..., None]
    colour = FIRE_BGR[low] * (1 - share) + FIRE_BGR[np.minimum(low + 1, 4)] * share
    alpha = np.clip((heat - 0.12) / 0.12, 0, 1)[..., None]
    blended = image * (1 - alpha) + colour * alpha
    return np.asarray(np.clip(blended, 0, 255), np.uint8)


def with_smoke(
    image: Image,
    xy: tuple[float, float],
    size_px: tuple[float, float],
    moment: float,
    *,
    colour_bgr: tuple[float, float, float] = (150, 152, 155),
    opacity: float = 0.95,
    heading_deg: float = -35.0,
    seed: int = 0,
) -> Image:
    """Return a picture with a plume in it, which drifts and rolls.

    Args:
        image: what is behind it.
        xy: where it comes from.
        size_px: its width at its end and its length.
        moment: seconds; puffs drift by a quarter of the length in each.
        colour_bgr: of the thickest part.
        opacity: of it, 0 to 1.
        heading_deg: where it drifts to in the picture, 0 to the right, 90 down.
        seed: of its shape.
    """
    wide, long = size_px
    turn = np.radians(heading_deg)
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    along = ((x - xy[0]) * np.cos(turn) + (y - xy[1]) * np.sin(turn)) / long
    across = (-(x - xy[0]) * np.sin(turn) + (y - xy[1]) * np.cos(turn)) / wide
    rng = np.random.default_rng(seed)
    puffs = np.zeros(image.shape[:2], np.float32)
    for step, weight in ((0.33, 0.9), (0.15, 0.6), (0.07, 0.4)):
        field = rng.normal(size=(256, 256)).astype(np.float32)
        u = ((along - 0.25 * moment) / step + 120.0).astype(np.float32)
        v = (across * wide / long / step + 0.5 * moment + 120.0).astype(np.float32)
        puffs += weight * cv2.remap(field, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    half = 0.12 + 0.38 * np.clip(along, 0, 1)
    body = 1.0 - (across / half) ** 2 + 0.35 * puffs
    fade = np.clip(2.0 - 2.0 * along, 0, 1) * np.clip(along * 12.0 + 0.3, 0, 1)
    alpha = (opacity * np.clip(1.6 * body, 0, 1) * fade)[..., None]
    shade = (1.0 + 0.12 * puffs)[..., None]
    blended = image * (1 - alpha) + np.array(colour_bgr, np.float32) * shade * alpha
    return np.asarray(np.clip(blended, 0, 255), np.uint8)
