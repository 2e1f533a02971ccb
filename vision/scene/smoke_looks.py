"""How much the parts of one picture look like smoke or dust.

The picture is judged in cells of 16 pixels of a picture of 480 pixels, each by a window of 32:
smoke has little colour, hides the texture behind it and has none of its own at small scales.
Concrete, roads, still water and sky do the same, so looks alone say little; see
`vision.scene.smoke` for what motion adds.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from vision.scene import smoke_score

LONG_SIDE_PX = 480
CELL_PX = 16
WINDOW_PX = 33

FEATURES = (
    "lightness",
    "green to red",
    "blue to yellow",
    "colour",
    "spread of colour",
    "texture of 1 px",
    "texture of 2 px",
    "texture of 5 px",
    "texture of 12 px",
    "texture less than usual in the picture",
    "direction of edges",
    "darkest channel",
    "lighter than usual in the picture",
)
"""What a cell is judged by; see `cell_features`."""

_BANDS = (1.0, 2.5, 6.0, 14.0)


def small_picture(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with a long side of 480 pixels, or as it is when it is smaller."""
    height, width = image_bgr.shape[:2]
    scale = LONG_SIDE_PX / max(height, width)
    if scale >= 1.0:
        return image_bgr
    size = (max(CELL_PX, round(width * scale)), max(CELL_PX, round(height * scale)))
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)


def cell_features(small_bgr: NDArray[np.uint8]) -> FloatArray:
    """Return the numbers of `FEATURES` for each cell, shape (rows, columns, features).

    Args:
        small_bgr: from `small_picture`.
    """
    lab = cv2.cvtColor(small_bgr.astype(np.float32) / 255.0, cv2.COLOR_BGR2Lab)
    light, a, b = (np.ascontiguousarray(lab[..., i]) for i in range(3))
    colour = cv2.magnitude(a, b)
    mean_a, mean_b = _cells(a), _cells(b)
    spread = np.sqrt(np.maximum(_cells(a * a + b * b) - mean_a**2 - mean_b**2, 0.0))
    bands, finer = [], light
    for sigma in _BANDS:
        coarser = _blurred(light, sigma)
        bands.append(np.log(0.3 + np.sqrt(np.maximum(_cells((finer - coarser) ** 2), 0.0))))
        finer = coarser
    mean_light = _cells(light)
    blue, green, red = cv2.split(small_bgr)
    darkest = _cells(cv2.min(cv2.min(blue, green), red)) / 128.0
    return np.stack(
        [
            mean_light / 50.0,
            mean_a / 20.0,
            mean_b / 20.0,
            _cells(colour) / 20.0,
            spread / 10.0,
            *bands,
            bands[0] - np.median(bands[0]),
            _coherence(light),
            darkest,
            (mean_light - np.median(mean_light)) / 50.0,
        ],
        axis=-1,
    )


def looks_log_odds(features: FloatArray) -> FloatArray:
    """Return the log odds of cells being smoke by their looks, as likely as not beforehand.

    Args:
        features: shape (..., features).
    """
    z = (features - np.array(smoke_score.MEAN)) / np.array(smoke_score.SPREAD)
    z = np.clip(z, -4.0, 4.0)
    linear = z @ np.array(smoke_score.LINEAR)
    bent = ((z @ np.array(smoke_score.QUADRATIC)) * z).sum(axis=-1)
    return np.asarray(smoke_score.BIAS + linear + bent, np.float64)


def _cells(values: NDArray[Any]) -> FloatArray:
    """Return means over the window of each cell, shape (rows, columns)."""
    mean = cv2.blur(np.asarray(values, np.float32), (WINDOW_PX, WINDOW_PX))
    half = CELL_PX // 2
    return np.asarray(mean[half::CELL_PX, half::CELL_PX], np.float64)


def _blurred(values: NDArray[Any], sigma_px: float) -> NDArray[np.float32]:
    """Return a Gaussian blur, made of fewer pixels where it is wide."""
    step = 4 if sigma_px > 10.0 else 2 if sigma_px > 4.0 else 1
    if step == 1:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32)
    height, width = values.shape
    few = cv2.resize(
        values, (max(1, width // step), max(1, height // step)), None, 0, 0, cv2.INTER_AREA
    )
    few = cv2.GaussianBlur(few, (0, 0), sigma_px / step)
    return np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _coherence(light: NDArray[Any]) -> FloatArray:
    """Return how far edges agree on a direction, 0 to 1 (structure tensor)."""
    dx, dy = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    xx, yy, xy = _cells(dx * dx), _cells(dy * dy), _cells(dx * dy)
    return np.asarray(np.sqrt((xx - yy) ** 2 + 4.0 * xy**2) / (xx + yy + 1.0), np.float64)
