"""A frame laid on a baseline: which of its ground can be compared, and in what light.

The frame is laid flat by its pose and moved onto the baseline by features. Left out is what either
does not show or shows too flatly, the ground that buildings hide, and trees and bushes: they lean,
sway and grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.records import BoxXyxyPx, PosedView
from vision.scene.baseline import LEAST_SINE, Baseline
from vision.scene.known_light import MOST_GAIN
from vision.scene.lean import Leans
from vision.scene.light import Light, light_between
from vision.scene.ortho import (
    CellGrid,
    Patch,
    laid_flat,
    most_shift_m,
    registered,
    without_boxes,
)
from vision.scene.regions import cleaned
from vision.scene.view import SceneView
from vision.scene.working import Mask

MOST_SHIFT_M = 8.0
SMOOTH_M = 0.3
_LEAST_KNOWN = 400
_CROWN_M = 1.5
_CROWN_ROUGH = 0.11
_LEANS_M = 4.0
"""As far as the crown of a tree of 7 m is moved where it is seen 30 degrees off the vertical."""


@dataclass(frozen=True, slots=True, eq=False)
class Lying:
    """A frame that lies on a baseline.

    Attributes:
        before: the baseline.
        now: the frame, moved onto it.
        moved: how: a homography of cells.
        light: turns the baseline's light and air into the frame's.
        watched: 255 for the cells to compare.
    """

    before: Patch
    now: Patch
    moved: FloatArray
    light: Light
    watched: Mask


def laid_on(
    view: SceneView,
    baseline: Baseline,
    leans: Leans,
    area_m: BaseGeometry,
    grid: CellGrid,
    ignore: Sequence[BoxXyxyPx] = (),
) -> Lying | None:
    """Return a frame moved onto a baseline; None where too little can be compared.

    Args:
        view: of the frame, whose ground is known.
        baseline: what was there before.
        leans: of what stands on the site, in the baseline's frame.
        area_m: where to look, in the baseline's frame.
        grid: the cells, in the baseline's frame.
        ignore: boxes of the full frame to leave out.
    """
    laid = _laid(view, baseline, grid, ignore)
    if laid is None:
        return None
    before, now = laid
    asked = grid.mask(area_m)
    if isinstance(view.frame.view, PosedView):
        asked &= ~leans.hidden(grid, view.frame.view.pose)
    # Most of an oblique view is too flat; nothing is gained by moving it onto the baseline.
    if np.count_nonzero(_comparable(asked, before, now)) < _LEAST_KNOWN:
        return None
    lying = registered(before, now, most_shift_m(view.sight, MOST_SHIFT_M))
    if lying is None:
        return None
    now, _, moved = lying
    watched = _comparable(asked, before, now)
    if np.count_nonzero(watched) < _LEAST_KNOWN:
        return None
    light = _light(before, now)
    as_before = _as_before(now, light)
    leaves = _leaves(as_before, grid.cell_m)
    stood = _crowns(before.image_bgr, _leaves(before.image_bgr, grid.cell_m), grid.cell_m)
    watched &= ~stood & ~_crowns(as_before, leaves, grid.cell_m)
    watched &= ~_leaning(leaves, stood, grid.cell_m)
    if np.count_nonzero(watched) < _LEAST_KNOWN:
        return None
    return Lying(before, now, moved, light, watched)


def _laid(
    view: SceneView, baseline: Baseline, grid: CellGrid, ignore: Sequence[BoxXyxyPx]
) -> tuple[Patch, Patch] | None:
    """Return baseline and frame on one grid; None where they have nothing in common."""
    locator = view.sight.locator
    assert locator is not None
    before = baseline.patch(grid)
    if not before.known.any():
        return None
    now = laid_flat(view.image_bgr, view.scale_xy, locator, baseline.facts.frame, grid)
    if ignore:
        now = without_boxes(now, view, ignore, baseline.facts.frame)
    if not (now.known & before.known).any():
        return None
    return before, now


def _comparable(asked: Mask, before: Patch, now: Patch) -> Mask:
    """Return the cells asked for that both show, and the frame steeply enough."""
    both = asked & now.known & before.known
    return np.where(now.sine >= LEAST_SINE, both, 0).astype(np.uint8)


def _light(before: Patch, now: Patch) -> Light:
    """Return what turns the light and the air of the baseline into those of the frame."""
    cell_m = now.grid.cell_m
    shared = np.where(now.sine >= LEAST_SINE, now.known & before.known, 0) > 0
    was, is_now = (smooth_bgr(patch.image_bgr, cell_m)[shared] for patch in (before, now))
    return light_between(was, is_now)


def _as_before(now: Patch, light: Light) -> NDArray[np.uint8]:
    """Return a frame in the baseline's light, as it is where that would make noise of it."""
    back = light.inverse
    return now.image_bgr if max(back.gain_bgr) > MOST_GAIN else back.on_bytes(now.image_bgr)


def _leaves(image_bgr: NDArray[np.uint8], cell_m: float) -> NDArray[np.bool_]:
    """Return which cells are as green as leaves and grass."""
    lab = cv2.cvtColor(smooth_bgr(image_bgr, cell_m), cv2.COLOR_BGR2Lab)
    return np.asarray(
        (lab[..., 1] < -7.0) & (lab[..., 2] > 8.0) & (lab[..., 2] > -lab[..., 1]), np.bool_
    )


def _leaning(leaves: NDArray[np.bool_], stood: Mask, cell_m: float) -> Mask:
    """Return 255 on what is green now beside crowns of the baseline, rough or not.

    Seen from the side a crown lies over other ground, and without the sun it is smooth.
    """
    beside = cv2.dilate(stood, square_kernel(_LEANS_M, cell_m)) > 0
    return np.where(beside & leaves, 255, 0).astype(np.uint8)


def _crowns(image_bgr: NDArray[np.uint8], leaves: NDArray[np.bool_], cell_m: float) -> Mask:
    """Return 255 on trees and bushes and close around them: they lean, sway and grow."""
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    size = 2 * max(1, round(0.6 / cell_m)) + 1
    mean = cv2.blur(grey, (size, size))
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (size, size)) - mean * mean, 0.0))
    rough = spread / (mean + 8.0) > _CROWN_ROUGH
    crowns = cleaned(np.where(leaves & rough, 255, 0).astype(np.uint8), 2 * (size // 4) + 3, 1)
    return np.asarray(cv2.dilate(crowns, square_kernel(_CROWN_M, cell_m)), np.uint8)


def smooth_bgr(image_bgr: NDArray[np.uint8], cell_m: float) -> NDArray[np.float32]:
    """Return a picture of cells, 0 to 1, smoothed over `SMOOTH_M`."""
    size = smooth_cells(cell_m)
    return np.asarray(cv2.blur(image_bgr.astype(np.float32) / 255.0, (size, size)), np.float32)


def smooth_cells(cell_m: float) -> int:
    """Return over how many cells pictures are smoothed."""
    return 2 * max(1, round(SMOOTH_M / cell_m / 2.0)) + 1


def square_kernel(reach_m: float, cell_m: float) -> NDArray[np.uint8]:
    """Return a kernel of ones that reaches so far, at least one cell, to each side."""
    size = 2 * max(1, round(reach_m / cell_m)) + 1
    return np.ones((size, size), np.uint8)
