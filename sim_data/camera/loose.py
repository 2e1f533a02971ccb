"""Loose material in heaps: stones and lumps whose grain stays in its place from every side."""

from __future__ import annotations

import math

import cv2
import numpy as np

from sim_data.camera.frame import Frame
from sim_data.camera.noise import grain, lattice
from sim_data.camera.sheet import FloatArray

_SEED = 71
_FINEST_M = 0.05
_COARSEST_LEVEL = 4
_LUMPS_M = 0.6
_GRAIN, _LUMPS = 0.13, 0.07
"""Deviation of brightness: between stones, and between spots of finer and coarser ones."""


def pour(frame: Frame, face_m: FloatArray, rgb: FloatArray, degrees_c: float, thing: int) -> None:
    """Draw one flat face of a heap, with grain where the picture is fine enough to show it.

    The grain hangs on east and north alone, so that it meets at the edges of faces; on steep ones
    it is drawn out downwards.

    Args:
        frame: the picture.
        face_m: east, north, height of its corners, shape (N, 3).
        rgb: its mean colour in its light.
        degrees_c: its temperature.
        thing: number of the heap.
    """
    outline = frame.outline(face_m)
    mask, window = frame.stencil(outline)
    corners, depth = frame.view.project(face_m)
    plan = _plan(face_m, depth, frame) if mask.size and not frame.mode.thermal else None
    if plan is None:
        frame.fill(outline, frame.ink(rgb, degrees_c), thing)
        return
    places_px, tone = plan
    y, x = window
    to_px, _ = cv2.findHomography(places_px, corners - (x.start + 0.5, y.start + 0.5))
    if to_px is None:
        frame.fill(outline, frame.ink(rgb, degrees_c), thing)
        return
    size = (mask.shape[1], mask.shape[0])
    warped = cv2.warpPerspective(
        tone, to_px, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    picture = np.clip(np.asarray(warped)[..., None] * rgb.astype(np.float32), 0, 255)
    frame.stamp(outline, mask, window, picture.astype(np.uint8), thing)


def _plan(
    face_m: FloatArray, depth: FloatArray, frame: Frame
) -> tuple[FloatArray, FloatArray] | None:
    """Return a face's corners in a picture of its grain as seen from above, and that picture."""
    if len(face_m) < 4 or depth.min() < 1.0:
        return None
    across_m = float(depth.min()) / frame.view.lens.fx_px
    level = max(0, math.floor(math.log2(max(across_m, _FINEST_M) / _FINEST_M)))
    if level > _COARSEST_LEVEL:
        return None
    px_m = _FINEST_M * 2**level
    west = math.floor(float(face_m[:, 0].min()) / px_m) - 1
    top = math.floor(float(-face_m[:, 1].max()) / px_m) - 1
    columns = math.ceil(float(np.ptp(face_m[:, 0])) / px_m) + 3
    rows = math.ceil(float(np.ptp(face_m[:, 1])) / px_m) + 3
    stones = grain(_SEED, 1.5, level, west, top, (rows, columns))
    lumps = lattice(_SEED, _LUMPS_M, west * px_m, -top * px_m, px_m, (rows, columns))
    tone = 1.0 + _GRAIN * stones + _LUMPS * lumps
    places = face_m[:, :2] * (1.0, -1.0) / px_m - (west + 0.5, top + 0.5)
    return places, np.asarray(tone, np.float32)
