"""How high the surface stands above level ground, from how two frames of a flight differ.

Laid on the ground, a place at height h is off by C h / (H - h) between two frames whose cameras,
at height H, are C apart (parallax of a plane and what stands on it; Hartley and Zisserman 2004,
section 13.3). The motion of the ground itself is known (`picture_motion`), so what is left of the
flow along C gives the height.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from park.records import PosedView
from vision.scene.view import SceneView
from vision.scene.working import Rectangle

_LEAST_BASE = 0.04
"""Of the camera's height: with less, half a pixel of flow is a metre of height."""
_MOST_BASE = 0.5
_FINEST_SCALE = 1
"""Flow of patches of 8 pixels at half of the picture's size."""
_LATTICE_PX = 24
_MARGIN_PX = 16
"""What the flow needs around a rectangle: half of its coarsest patches."""
_ACROSS_PX, _ACROSS_SHARE = 0.7, 0.4
"""Flow across the way flown is no height: so much of it may be error."""
_HIGHEST = 0.8
"""Share of the camera's height above which flow is no longer followed."""


def heights_m(
    view: SceneView, around: Rectangle, *, halved: bool = False
) -> NDArray[np.float32] | None:
    """Return the height of a rectangle's surface above the ground, from this frame and the last.

    Args:
        view: with the one before it.
        around: rows and columns of the working picture.
        halved: of `view.halved` instead, in a quarter of the time and half as sharp.

    Returns:
        Metres, float32, shape of the rectangle; NaN where the flow does not go along the way
        flown, or leaves the earlier picture. None where the ground's motion was not found in the
        pictures, or the camera hardly moved.
    """
    before, base_m, height_m = view.previous, _base_m(view), _above_ground_m(view)
    if before is None or base_m is None or view.picture_motion.source != "features":
        return None
    long_m = float(np.hypot(*base_m))
    if not _LEAST_BASE * height_m < long_m < _MOST_BASE * height_m:
        return None
    was, now = (before.halved, view.halved) if halved else (before, view)
    wide = _grown(around, now.shape)
    flow_px, known = _flow(was, now, _motion(view, now), wide)
    inner = _inside(around, wide)
    moved_m = _on_ground(now, around, flow_px[inner])
    along = moved_m @ (base_m / long_m).astype(np.float32)
    across = np.abs(moved_m @ (np.array([-base_m[1], base_m[0]]) / long_m).astype(np.float32))
    # What went further than the camera, the other way, is below the ground by all of its height.
    share = np.maximum(along / np.float32(long_m), np.float32(-0.9))
    heights = np.float32(height_m) * share / (1.0 + share)
    gsd_m = np.ones(along.shape, np.float32) if now.gsd_m is None else now.gsd_m[around]
    true = across < _ACROSS_PX * gsd_m + _ACROSS_SHARE * np.abs(along)
    true &= (share > -0.5) & (heights < _HIGHEST * height_m) & known[inner]
    return np.asarray(np.where(true, heights, np.nan), np.float32)


def _base_m(view: SceneView) -> FloatArray | None:
    """Return how far the camera went since the view before, east and north."""
    before = view.previous
    if before is None:
        return None
    now, then = view.frame.view, before.frame.view
    if not (isinstance(now, PosedView) and isinstance(then, PosedView)):
        return None
    places = [view.site.to_en_m(one.pose.lat_deg, one.pose.lon_deg) for one in (then, now)]
    return np.asarray(np.subtract(places[1], places[0]), np.float64)


def _above_ground_m(view: SceneView) -> float:
    locator, seen = view.sight.locator, view.frame.view
    if locator is None or not isinstance(seen, PosedView):
        return math.nan
    place = np.array([seen.pose.lat_deg]), np.array([seen.pose.lon_deg])
    return seen.pose.alt_home_m - float(locator.terrain.height_home_m(*place)[0])


def _grown(around: Rectangle, shape: tuple[int, int]) -> Rectangle:
    rows, columns = (
        slice(max(0, one.start - _MARGIN_PX), min(side, one.stop + _MARGIN_PX))
        for one, side in zip(around, shape, strict=True)
    )
    return rows, columns


def _inside(around: Rectangle, wide: Rectangle) -> Rectangle:
    rows, columns = (
        slice(one.start - all_.start, one.stop - all_.start)
        for one, all_ in zip(around, wide, strict=True)
    )
    return rows, columns


def _motion(view: SceneView, now: SceneView) -> FloatArray:
    """Return the ground's motion in pictures as large as another view of the same frame."""
    (height, width), (now_height, now_width) = view.shape, now.shape
    motion = view.picture_motion.for_size(now_width / width, now_height / height).homography
    assert motion is not None
    return motion


def _flow(
    before: SceneView, view: SceneView, motion: FloatArray, wide: Rectangle
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where pixels of a rectangle are in the earlier picture laid over this one, less here.

    And which of them that picture shows.
    """
    rows, columns = wide
    shift = np.array([[1.0, 0.0, -columns.start], [0.0, 1.0, -rows.start], [0.0, 0.0, 1.0]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    matrix = shift @ motion
    laid = cv2.warpPerspective(before.gray, matrix, size, flags=cv2.INTER_LINEAR)
    shown = cv2.warpPerspective(np.full_like(before.gray, 255), matrix, size)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow.setFinestScale(_FINEST_SCALE)
    now = np.ascontiguousarray(view.gray[wide])
    still = np.zeros((*now.shape, 2), np.float32)
    found = flow.calc(now, np.asarray(laid, np.uint8), still)
    return np.asarray(found, np.float32), np.asarray(shown) > 0


def _on_ground(
    view: SceneView, around: Rectangle, flow_px: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return flow in metres east and north on the ground, shape (height, width, 2)."""
    locator = view.sight.locator
    assert locator is not None
    rows, columns = around
    height, width = flow_px.shape[:2]
    ys = np.linspace(rows.start, rows.stop, max(2, math.ceil(height / _LATTICE_PX) + 1))
    xs = np.linspace(columns.start, columns.stop, max(2, math.ceil(width / _LATTICE_PX) + 1))
    nodes = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    steps = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    places = view.to_full_px((nodes[None] + steps[:, None]).reshape(-1, 2))
    right, left, below, above = locator.ground_many_m(places).reshape(4, len(ys), len(xs), 2)
    per_px = np.concatenate([right - left, below - above], axis=-1).astype(np.float32)
    spread = np.asarray(cv2.resize(per_px, (width, height), interpolation=cv2.INTER_LINEAR))
    moved = spread[..., :2] * flow_px[..., :1] + spread[..., 2:] * flow_px[..., 1:]
    return np.asarray(moved, np.float32)
