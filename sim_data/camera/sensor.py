"""What air, lens and sensor do to a picture: haze, blur by motion, noise."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_data.camera.frame import Frame
from sim_data.camera.noise import hashed
from sim_data.camera.sheet import Image8
from sim_data.camera.view import MAX_RANGE_M

_HAZE_RGB = np.array([206.0, 212.0, 218.0])
_NOISE_PX = 512
_SOFTNESS_PX = 0.7
"""Standard deviation of the lens's blur."""
_EXTINCTION = 3.912
"""What is at the limit of visibility has lost all but 2 % of its contrast (Koschmieder 1924)."""


def add_haze(frame: Frame, visibility_m: float) -> None:
    """Fade what is far; a thermal camera sees through haze five times as far."""
    if frame.mode.thermal:
        visibility_m *= 5.0
    step = 16
    ranges = np.minimum(frame.view.ground_ranges(step)[0], MAX_RANGE_M * 2)
    clear = np.exp(-_EXTINCTION * ranges / visibility_m).astype(np.float32)
    if float(clear.min()) > 0.985:
        return
    if frame.mode.thermal:
        veil = np.array([(frame.mode.air_c - 3.0 + 273.15) * 100.0])
    else:
        # Haze is lit by the sky, and somewhat by lamps.
        veil = _HAZE_RGB * np.maximum(np.array(frame.mode.light.level), 0.11)
    rows, columns = frame.shape
    wide = cv2.resize(clear, (columns, rows), interpolation=cv2.INTER_LINEAR)
    if frame.mode.thermal:
        mixed = frame.pixels * wide + (1.0 - wide) * float(veil[0])
        frame.pixels[:] = mixed.astype(np.uint16)
        return
    share = np.asarray(cv2.convertScaleAbs(wide, alpha=255.0), np.uint8)
    kept = cv2.multiply(frame.pixels, cv2.merge([share, share, share]), scale=1.0 / 255.0)
    steps = (255.0 - np.arange(256))[:, None] / 255.0 * veil
    table = np.round(steps).astype(np.uint8).reshape(1, 256, 3)
    frame.pixels[:] = cv2.add(kept, cv2.LUT(cv2.merge([share, share, share]), table))


def expose(frame: Frame, velocity_mps: NDArray[np.float64] | None, key: int) -> None:
    """Blur a colour picture by lens and motion, and add the sensor's noise.

    Args:
        frame: the picture.
        velocity_mps: of the camera, east, north, up; None when it hovers.
        key: other keys give other noise.
    """
    night = frame.mode.light.night
    pixels = np.asarray(frame.pixels)
    smear = _smear_px(frame, velocity_mps, exposure_s=1 / 800 + night / 60)
    if smear is not None:
        pixels = cv2.filter2D(pixels, -1, smear)
    if not frame.mode.thermal:
        pixels = cv2.GaussianBlur(pixels, (3, 3), _SOFTNESS_PX)
    frame.pixels[:] = pixels
    _add_noise(frame, key, 1.6 + 4.5 * night)


def _smear_px(
    frame: Frame, velocity_mps: NDArray[np.float64] | None, exposure_s: float
) -> NDArray[np.float32] | None:
    """Return the kernel of a straight motion, or None for less than half a pixel."""
    if velocity_mps is None:
        return None
    view = frame.view
    # The middle of the picture stands for all of it.
    forward = view.rotation[2]
    if forward[2] > -0.05:
        return None
    depth = view.eye[2] / -forward[2]
    moved = view.rotation @ np.asarray(velocity_mps, float) * exposure_s
    x = -moved[0] / depth * view.lens.fx_px
    y = -moved[1] / depth * view.lens.fy_px
    length = math.hypot(x, y)
    if length < 0.5:
        return None
    size = 2 * math.ceil(length / 2) + 3
    fine = np.zeros((size * 8, size * 8), np.uint8)
    middle = size * 4
    half = (round(x * 4), round(y * 4))
    cv2.line(
        fine,
        (middle - half[0], middle - half[1]),
        (middle + half[0], middle + half[1]),
        (255.0,),
        8,
    )
    kernel = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(kernel / kernel.sum(), np.float32)


@lru_cache(maxsize=8)
def _noise_picture(sigma_tenths: int, columns: int, rows: int, thermal: bool) -> Image8:
    """Return noise around 128, larger than a picture so that it can be moved about."""
    rng = np.random.default_rng(sigma_tenths)
    shape = (rows + _NOISE_PX, columns + _NOISE_PX)
    white = rng.standard_normal(shape if thermal else (*shape, 3)).astype(np.float32)
    if not thermal:
        # Sensors mix their colours from neighbours, and the eye of a camera smooths colour most.
        grey = white.mean(axis=2, keepdims=True) * math.sqrt(3.0)
        white = 0.8 * grey + 0.6 * white
    return np.asarray(np.clip(white * sigma_tenths / 10.0 + 128.5, 0, 255), np.uint8)


def _add_noise(frame: Frame, key: int, sigma: float) -> None:
    rows, columns = frame.shape
    chance = int(hashed(3, key))
    x, y = chance % _NOISE_PX, (chance >> 20) % _NOISE_PX
    if frame.mode.thermal:
        # 0.05 K for each step of noise: what uncooled sensors reach.
        noise = _noise_picture(10, columns, rows, True)[y : y + rows, x : x + columns]
        rough = frame.pixels.astype(np.int32) + (noise.astype(np.int32) - 128) * 5
        # A camera of 16 bits reads no more than 382 degrees Celsius.
        frame.pixels[:] = np.clip(rough, 0, 65_535).astype(np.uint16)
        return
    noise = _noise_picture(round(sigma * 10), columns, rows, False)[y : y + rows, x : x + columns]
    frame.pixels[:] = cv2.addWeighted(frame.pixels, 1.0, noise, 1.0, -128.0)
