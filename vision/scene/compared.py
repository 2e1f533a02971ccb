"""Where a frame that lies on a baseline differs from it, and by what."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.scene.lying import Lying, smooth_bgr, square_kernel
from vision.scene.ortho import Patch
from vision.scene.surface_light import luminance_of
from vision.scene.working import Mask

BRIGHTER = 1.45
"""Ratio of brightness that light cannot make, once the light of the two pictures is evened."""

DARK = 0.02
"""Relative luminance below which ratios are mostly noise."""

_SLACK_M = 0.5
_EDGE = 2.2
_SHADE_BLUE = 7.0
_RIM_M = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A frame beside its baseline in one zone, and which cells differ.

    Attributes:
        strong: 255 for cells that surely differ.
        weak: 255 for those that do beside strong ones.
        tint: difference of tint over what counts as a change.
        ratio: of brightness now to the brightest that was near.
        now: the frame, moved onto the baseline.
        before: the baseline.
        lab_now: the frame, smoothed, CIE Lab.
        lab_before: the baseline in the light of the frame, smoothed, CIE Lab.
    """

    strong: Mask
    weak: Mask
    tint: NDArray[np.float32]
    ratio: NDArray[np.float32]
    now: Patch
    before: Patch
    lab_now: NDArray[np.float32]
    lab_before: NDArray[np.float32]


def compare(lying: Lying, least_tint: float) -> Compared:
    """Return the watched cells that differ by more than light and a half metre of shift."""
    before, now, watched = lying.before, lying.now, lying.watched
    cell_m = now.grid.cell_m
    inside = watched > 0
    smooth = [smooth_bgr(patch.image_bgr, cell_m) for patch in (before, now)]
    lit = lying.light.on(smooth[0])
    was, is_now = (
        np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2Lab), np.float32) for part in (lit, smooth[1])
    )
    tint_was, tint_now = tints(was), tints(is_now)
    near = square_kernel(_SLACK_M, cell_m)
    off = _beyond(tint_now, tint_was, near)
    light_was, light_now = luminance_of(was[..., 0]), luminance_of(is_now[..., 0])
    highest = cv2.dilate(light_was, near)
    lowest = cv2.erode(light_was, near)
    darker = light_now < 0.9 * lowest
    bluer = np.where(darker & (off[..., 1] < 0.0), _SHADE_BLUE, 0.0)
    off_b = np.sign(off[..., 1]) * np.maximum(np.abs(off[..., 1]) - bluer, 0.0)
    # Tints of dark pixels are mostly noise.
    steady = np.clip(is_now[..., 0] / 25.0, 0.2, 1.0) * np.clip(was[..., 0] / 25.0, 0.2, 1.0)
    tint = (np.hypot(off[..., 0], off_b) * steady).astype(np.float32)
    ratio = ((light_now + DARK) / (highest + DARK)).astype(np.float32)
    sunny = light_was > 0.45 * float(np.median(light_was[inside]))
    bright = np.where(sunny, np.log(np.maximum(ratio, 1e-3)) / math.log(BRIGHTER), 0.0)
    edges = _new_edges(before, now, watched)
    evidence = np.maximum(tint / least_tint, bright)
    weak = np.maximum(evidence, np.minimum(edges / _EDGE, 0.95))
    strong_mask = np.where((evidence >= 1.0) & inside, 255, 0).astype(np.uint8)
    weak_mask = np.where((weak >= 0.7) & inside, 255, 0).astype(np.uint8)
    return Compared(strong_mask, weak_mask, tint / least_tint, ratio, now, before, is_now, was)


def structure_kept(compared: Compared, region: Mask) -> float:
    """Return the correlation of brightness in a region and at its rim, then and now, -1 to 1."""
    cell_m = compared.now.grid.cell_m
    # A kerb or a painted line beside a thing was there before, and says nothing of the thing.
    wide = cv2.dilate(region, square_kernel(_RIM_M, cell_m))
    both = (wide > 0) & (compared.now.known > 0) & (compared.before.known > 0)
    parts = []
    for patch in (compared.before, compared.now):
        grey = cv2.cvtColor(patch.image_bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
        sigma = max(1.0, 0.15 / cell_m)
        fine = cv2.GaussianBlur(grey, (0, 0), sigma) - cv2.GaussianBlur(grey, (0, 0), 6.0 * sigma)
        parts.append(fine[both] - float(fine[both].mean()))
    norm = float(np.linalg.norm(parts[0]) * np.linalg.norm(parts[1]))
    return float(parts[0] @ parts[1]) / norm if norm > 0.0 else 0.0


def tints(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a and b of CIE Lab as they would be at L 50: light and shade do not change them."""
    return np.asarray(lab[..., 1:] * (66.0 / (lab[..., :1] + 16.0)), np.float32)


def _beyond(
    now: NDArray[np.float32], was: NDArray[np.float32], near: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return by how much values lie outside of what the other had in the neighbourhood."""
    high, low = cv2.dilate(was, near), cv2.erode(was, near)
    return np.asarray(np.maximum(now - high, 0.0) - np.maximum(low - now, 0.0), np.float32)


def _new_edges(before: Patch, now: Patch, watched: Mask) -> NDArray[np.float32]:
    """Return edges, normalised by contrast, beyond the baseline's within half a metre."""
    cell_m = now.grid.cell_m
    parts = []
    for patch in (before, now):
        grey = cv2.cvtColor(patch.image_bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) + 12.0
        log = cv2.GaussianBlur(np.log(grey), (0, 0), max(0.8, 0.12 / cell_m))
        size = np.hypot(cv2.Sobel(log, cv2.CV_32F, 1, 0), cv2.Sobel(log, cv2.CV_32F, 0, 1))
        usual = float(np.median(size[watched > 0])) + 0.02
        parts.append(size / usual)
    return np.asarray(parts[1] - cv2.dilate(parts[0], square_kernel(_SLACK_M, cell_m)))
