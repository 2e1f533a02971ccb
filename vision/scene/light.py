"""The light and the air of one picture, put over another of the same ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Channels = NDArray[np.float32]

GAIN = (0.2, 5.0)
"""Nobody flies in light that differs by more."""

_GAMMA = 2.2
_MOST_CELLS = 20_000
_ROUNDS = 12
_FAR = 4.0
_LEAST_SPREAD = 0.02
"""Ground of one brightness says nothing of gain and veil apart: below this spread of linear
light, a gain without a veil counts more than what is fitted."""


@dataclass(frozen=True, slots=True)
class Light:
    """What turns one light into another: `gain * linear + veil` for each channel.

    Light and white balance multiply the linear light of each channel, haze takes a share of it
    and adds its own (Koschmieder 1924; at one distance both are the same for all of the ground).

    Attributes:
        gain_bgr: factors.
        veil_bgr: what is added, in shares of white.
    """

    gain_bgr: tuple[float, float, float]
    veil_bgr: tuple[float, float, float]

    def on(self, values: Channels) -> Channels:
        """Return a picture in the other light.

        Args:
            values: BGR with sRGB's gamma, 0 to 1, shape (..., 3).
        """
        lit = np.clip(_linear(values) * np.array(self.gain_bgr) + np.array(self.veil_bgr), 0.0, 1.0)
        return np.asarray(lit ** (1.0 / _GAMMA), np.float32)

    def on_bytes(self, image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a picture of bytes, shape (height, width, 3), in the other light."""
        steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None].repeat(3, axis=1)
        table = np.round(self.on(steps) * 255.0).astype(np.uint8).reshape(1, 256, 3)
        return np.asarray(cv2.LUT(image_bgr, table), np.uint8)

    @property
    def inverse(self) -> Light:
        """What turns the other light back into the first."""
        gain, veil = np.array(self.gain_bgr), np.array(self.veil_bgr)
        return Light.of(1.0 / gain, -veil / gain)

    @classmethod
    def median(cls, lights: list[Light]) -> Light:
        """Return the median of several, channel by channel."""
        gain = np.median([one.gain_bgr for one in lights], axis=0)
        veil = np.median([one.veil_bgr for one in lights], axis=0)
        return cls.of(gain, veil)

    @classmethod
    def of(cls, gain: NDArray[np.float64], veil: NDArray[np.float64]) -> Light:
        """Return a light from arrays of shape (3,)."""
        return cls(
            (float(gain[0]), float(gain[1]), float(gain[2])),
            (float(veil[0]), float(veil[1]), float(veil[2])),
        )


def light_between(was: Channels, is_now: Channels) -> Light:
    """Return what turns the light of one picture into that of another of the same ground.

    The reduced major axis, since fine texture that does not lie on itself would flatten a
    regression. What changed or lies in another shade counts less the further off it is (the
    weights of Geman and McClure, one for all channels).

    Args:
        was: cells, BGR with sRGB's gamma, 0 to 1, shape (N, 3), N at least 1.
        is_now: the same cells in the other light.
    """
    step = max(1, len(was) // _MOST_CELLS)
    x, y = (_linear(part[::step]) for part in (was, is_now))
    gain = np.clip(np.median(y / np.maximum(x, 0.01), axis=0), *GAIN)
    veil = np.zeros(3)
    for _ in range(_ROUNDS):
        away = np.linalg.norm(y - gain * x - veil, axis=1)
        spread = max(1.4826 * float(np.median(away)), 1e-4)
        weight = (1.0 / (1.0 + (away / (_FAR * spread)) ** 2) ** 2)[:, None]
        total = float(weight.sum())
        mean_x, mean_y = ((weight * part).sum(axis=0) / total for part in (x, y))
        spread_x, spread_y = (
            np.sqrt((weight * off * off).sum(axis=0) / total) for off in (x - mean_x, y - mean_y)
        )
        share = _LEAST_SPREAD**2 / (_LEAST_SPREAD**2 + spread_x**2)
        gain = (1.0 - share) * spread_y / np.maximum(spread_x, 1e-4)
        gain = np.clip(gain + share * mean_y / np.maximum(mean_x, 0.01), *GAIN)
        veil = mean_y - gain * mean_x
    return Light.of(gain, veil)


def _linear(values: Channels) -> NDArray[np.float64]:
    return np.asarray(np.clip(values, 0.0, 1.0), np.float64) ** _GAMMA
