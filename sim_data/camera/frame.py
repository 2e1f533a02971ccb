"""A picture that is being drawn: its pixels, and which thing each pixel shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_data.camera.sheet import FloatArray, Image8, Window
from sim_data.camera.tiles import KELVIN, Mode, Pixels
from sim_data.camera.view import MIN_DEPTH_M, View

Ids = NDArray[np.int32]

_SHIFT = 4
_GUARD = 1.6
"""Outlines are cut where they leave the picture by this many of its half sizes."""

GROUND_ID = 0


@dataclass(slots=True, eq=False)
class Frame:
    """A picture that is being drawn.

    Attributes:
        view: what it is seen through.
        mode: colours or temperatures, and the light.
        pixels: uint8 RGB (height, width, 3), or uint16 centikelvin (height, width).
        ids: number of the thing that each pixel shows, 0 for the ground.
    """

    view: View
    mode: Mode
    pixels: Pixels
    ids: Ids

    @classmethod
    def blank(cls, view: View, mode: Mode) -> Frame:
        """Return a picture of nothing."""
        shape = (view.lens.height_px, view.lens.width_px)
        pixels: Pixels = (
            np.zeros(shape, np.uint16) if mode.thermal else np.zeros((*shape, 3), np.uint8)
        )
        return cls(view, mode, pixels, np.zeros(shape, np.int32))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.ids.shape[0], self.ids.shape[1]

    def ink(self, rgb: FloatArray | tuple[float, float, float], degrees_c: float) -> Pixels:
        """Return one pixel's value of a colour or, in a thermal picture, of a temperature."""
        if self.mode.thermal:
            return np.array([min(65535.0, (degrees_c + KELVIN) * 100.0)], np.uint16)
        return np.asarray(np.clip(np.asarray(rgb), 0, 255), np.uint8)

    def outline(self, points_m: FloatArray) -> FloatArray:
        """Return where a flat outline appears, continuous pixels, cut to what can be seen.

        Args:
            points_m: east, north, height of its corners, shape (N, 3).

        Returns:
            Shape (M, 2); M is 0 when nothing of it is in front of the camera.
        """
        view = self.view
        seen = (points_m - view.eye) @ view.rotation.T
        lens = view.lens
        wide = _GUARD * lens.width_px / lens.fx_px
        high = _GUARD * lens.height_px / lens.fy_px
        inside = (
            (seen[:, 2] > MIN_DEPTH_M)
            & (np.abs(seen[:, 0]) < wide * seen[:, 2])
            & (np.abs(seen[:, 1]) < high * seen[:, 2])
        )
        if not inside.all():
            seen = _cut(seen, wide, high)
            if len(seen) < 3:
                return np.zeros((0, 2))
        return seen[:, :2] / seen[:, 2:] * (lens.fx_px, lens.fy_px) + (lens.cx_px, lens.cy_px)

    def stencil(self, outline_px: FloatArray, *, soft: bool = False) -> tuple[Image8, Window]:
        """Return 255 inside an outline given in pixels, and the window that it is for."""
        return stencil(outline_px, self.shape, soft=soft)

    def fill(self, outline_px: FloatArray, ink: Pixels, thing: int | None) -> None:
        """Fill an outline with one colour or temperature, and mark whose it is."""
        fixed = _fixed(outline_px, self.shape)
        if fixed is None:
            return
        colour = tuple(float(value) for value in ink)
        cv2.fillPoly(self.pixels, [fixed], colour, cv2.LINE_8, _SHIFT)
        if thing is not None:
            cv2.fillPoly(self.ids, [fixed], (float(thing),), cv2.LINE_8, _SHIFT)

    def stamp(
        self, outline_px: FloatArray, mask: Image8, window: Window, picture: Pixels, thing: int
    ) -> None:
        """Put a picture of the window's size inside an outline, and mark whose it is.

        Args:
            outline_px: the outline.
            mask: 255 inside of it, as `stencil` returns it.
            window: which part of the frame the mask and the picture are for.
            picture: what is put there.
            thing: number of the thing.
        """
        cv2.copyTo(picture, mask, self.pixels[window])
        fixed = _fixed(outline_px, self.shape)
        if fixed is not None:
            cv2.fillPoly(self.ids, [fixed], (float(thing),), cv2.LINE_8, _SHIFT)

    def blend(self, weight: NDArray[np.float32], window: Window, ink: Pixels) -> None:
        """Mix a colour, temperature or picture in by weights from 0 to 1."""
        old = self.pixels[window].astype(np.float32)
        share = weight if self.mode.thermal else weight[..., None]
        mixed = old + share * (ink.astype(np.float32) - old)
        self.pixels[window] = (mixed + 0.5).astype(self.pixels.dtype)

    def scale(self, weight: NDArray[np.float32], window: Window, keep: FloatArray) -> None:
        """Darken a colour picture by weights: what is left where a weight is 1 is `keep`."""
        if self.mode.thermal:
            return
        factor = 1.0 - weight[..., None] * (1.0 - keep.astype(np.float32))
        self.pixels[window] = (self.pixels[window] * factor).astype(np.uint8)

    def share_of_box(self, thing: int, box: tuple[float, float, float, float]) -> float:
        """Return how much of what a box shows is a thing, 0 to 1."""
        rows, columns = self.shape
        x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
        x1, y1 = min(columns, int(box[2]) + 1), min(rows, int(box[3]) + 1)
        part = self.ids[y0:y1, x0:x1]
        return float((part == thing).mean()) if part.size else 0.0


def _fixed(outline_px: FloatArray, shape: tuple[int, int]) -> NDArray[np.int32] | None:
    """Return an outline in OpenCV's fixed pixels; None where it lies outside the picture."""
    if len(outline_px) < 3:
        return None
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    if high[0] < 0 or high[1] < 0 or low[0] > shape[1] or low[1] > shape[0]:
        return None
    return np.round((outline_px - 0.5) * (1 << _SHIFT)).astype(np.int32)


def stencil(
    outline_px: FloatArray, shape: tuple[int, int], *, soft: bool = False
) -> tuple[Image8, Window]:
    """Return 255 inside an outline, and the window of the picture that it is for.

    Args:
        outline_px: continuous pixels, shape (N, 2).
        shape: rows and columns of the picture.
        soft: with soft edges.
    """
    nothing = np.zeros((0, 0), np.uint8), (slice(0, 0), slice(0, 0))
    if len(outline_px) < 3:
        return nothing
    low = np.floor(outline_px.min(axis=0))
    high = np.ceil(outline_px.max(axis=0)) + 1
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(shape[1], int(high[0])), min(shape[0], int(high[1]))
    if x1 <= x0 or y1 <= y0:
        return nothing
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fixed = np.round((outline_px - (x0 + 0.5, y0 + 0.5)) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], (255.0,), cv2.LINE_AA if soft else cv2.LINE_8, _SHIFT)
    return mask, (slice(y0, y1), slice(x0, x1))


def _cut(seen: FloatArray, wide: float, high: float) -> FloatArray:
    """Return the part of a flat outline in camera axes that a slightly larger picture shows."""
    for normal, limit in (
        ((0.0, 0.0, 1.0), MIN_DEPTH_M),
        ((-1.0, 0.0, wide), 0.0),
        ((1.0, 0.0, wide), 0.0),
        ((0.0, -1.0, high), 0.0),
        ((0.0, 1.0, high), 0.0),
    ):
        values = seen @ np.array(normal) - limit
        if (values >= 0).all():
            continue
        kept: list[FloatArray] = []
        for index, value in enumerate(values):
            before = values[index - 1]
            if (value >= 0) != (before >= 0):
                share = before / (before - value)
                kept.append(seen[index - 1] + (seen[index] - seen[index - 1]) * share)
            if value >= 0:
                kept.append(seen[index])
        if len(kept) < 3:
            return np.zeros((0, 3))
        seen = np.array(kept)
    return seen


def box_of(outline_px: FloatArray) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of points in pixels."""
    low, high = outline_px.min(axis=0), outline_px.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def clipped_share(box: tuple[float, float, float, float], shape: tuple[int, int]) -> float:
    """Return how much of a box lies in the picture, 0 to 1."""
    x0, y0, x1, y1 = box
    whole = (x1 - x0) * (y1 - y0)
    inside = max(0.0, min(x1, shape[1]) - max(x0, 0.0)) * max(0.0, min(y1, shape[0]) - max(y0, 0.0))
    return inside / whole if whole > 0 and math.isfinite(whole) else 0.0
