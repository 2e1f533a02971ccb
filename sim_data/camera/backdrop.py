"""Puts the drawn ground, and the drawn roofs, into a picture at the scale that each part needs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from sim_data.camera.frame import Frame
from sim_data.camera.nearby import BoxM
from sim_data.camera.sheet import FINEST_M, LEVELS, TILE_PX, FloatArray, tile_side_m
from sim_data.camera.tiles import KELVIN, Layer, Mode, Pixels, Tiles
from sim_data.camera.view import CENTRES, View

_STRIP_PX = 48
Span = tuple[int, int, int, int]
"""First and last column, first and last row of tiles, all included."""


def level_for(across_m: float, sine: float) -> int:
    """Return the level of tiles that suits a place of a picture.

    Args:
        across_m: metres per pixel across the line of sight.
        sine: of the angle at which the ground is seen; a slanting view needs coarser tiles, or
            what is far would flicker.
    """
    wanted = across_m / math.sqrt(max(0.05, sine))
    return int(min(LEVELS - 1, max(0, round(math.log2(wanted / FINEST_M)))))


def span_of(box: BoxM, level: int) -> Span:
    """Return the tiles of a level that touch a box."""
    side = tile_side_m(level)
    west, south, east, north = (math.floor(value / side) for value in box)
    return west, east, south, north


@dataclass(slots=True, eq=False)
class Mosaic:
    """Tiles side by side, kept from picture to picture while the camera stays near.

    Attributes:
        span: which tiles.
        pixels: north up.
        filled: tiles that are in it.
        mode: how they are lit.
    """

    span: Span
    pixels: Pixels
    mode: Mode
    filled: set[tuple[int, int]] = field(default_factory=set)


class Backdrop:
    """Warps tiles into pictures.

    Args:
        tiles: the drawn ground and roofs.
    """

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles
        self._mosaics: dict[tuple[Layer, int, bool], Mosaic] = {}

    def ground(self, frame: Frame) -> None:
        """Fill a picture with ground, and with sky where it sees none."""
        ranges, across, sines = frame.view.ground_ranges(_STRIP_PX)
        height = frame.shape[0]
        _sky(frame)
        rows: list[tuple[int, int]] = []
        for strip in range(len(ranges)):
            near = ranges[strip] < frame.view.far_m
            if near.any():
                level = level_for(
                    float(np.median(across[strip][near])), float(np.median(sines[strip][near]))
                )
                rows.append((strip, level))
        start = 0
        while start < len(rows):
            end = start
            while end + 1 < len(rows) and rows[end + 1][1] == rows[start][1]:
                end += 1
            top, bottom = rows[start][0] * _STRIP_PX, (rows[end][0] + 1) * _STRIP_PX
            # A strip more on each side, so that nothing is missed where the horizon is slanted.
            if start == 0:
                top = 0
            # The rows below the last whole strip are part of it.
            if end + 1 == len(rows):
                bottom = height
            self._strip(frame, rows[start][1], top, min(height, bottom))
            start = end + 1

    def _strip(self, frame: Frame, level: int, top: int, bottom: int) -> None:
        view, lens = frame.view, frame.view.lens
        corners = _ground_corners(view, top, bottom)
        if len(corners) < 3:
            return
        low, high = corners.min(axis=0), corners.max(axis=0)
        span = span_of((low[0], low[1], high[0], high[1]), level)
        mosaic = self.mosaic(Layer.GROUND, level, span, frame.mode, corners)
        matrix = _to_rows(top) @ self._from_mosaic(view, mosaic, level, 0.0)
        size = (lens.width_px, bottom - top)
        target = frame.pixels[top:bottom]
        warped = cv2.warpPerspective(
            mosaic.pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        seen = view.ground_ranges(1)[0][top:bottom] < view.far_m if _horizon(view) else None
        if seen is None:
            target[:] = warped
        else:
            target[seen] = warped[seen]

    def _from_mosaic(self, view: View, mosaic: Mosaic, level: int, height_m: float) -> FloatArray:
        """Return the homography from pixel centres of a mosaic to pixel centres of a picture."""
        side, scale = tile_side_m(level), FINEST_M * 2.0**level
        west, north = mosaic.span[0] * side - view.eye[0], (mosaic.span[3] + 1) * side - view.eye[1]
        to_ground = np.array([[scale, 0.0, west], [0.0, -scale, north], [0.0, 0.0, 1.0]])
        whole = CENTRES @ view.plane_to_px(height_m) @ to_ground @ np.linalg.inv(CENTRES)
        return np.asarray(whole / whole[2, 2], dtype=np.float64)

    def mosaic(
        self, layer: Layer, level: int, span: Span, mode: Mode, wanted: FloatArray | None
    ) -> Mosaic:
        """Return tiles side by side that cover a span; only those near `wanted` are filled in.

        Args:
            layer: ground or roofs.
            level: scale.
            span: which tiles.
            mode: how they are lit.
            wanted: corners of a convex area, shape (N, 2), metres; None for all.
        """
        key = (layer, level, mode.thermal)
        kept = self._mosaics.get(key)
        if kept is None or kept.mode != mode or not _covers(kept.span, span):
            west, east, south, north = span
            shape = ((north - south + 1) * TILE_PX, (east - west + 1) * TILE_PX)
            pixels: Pixels = (
                np.zeros(shape, np.uint16) if mode.thermal else np.zeros((*shape, 3), np.uint8)
            )
            kept = self._mosaics[key] = Mosaic(span, pixels, mode)
        west, east, south, north = kept.span
        side = tile_side_m(level)
        for row in range(span[2], span[3] + 1):
            for column in range(span[0], span[1] + 1):
                if (column, row) in kept.filled:
                    continue
                if wanted is not None and not _touches(wanted, column * side, row * side, side):
                    continue
                y, x = (north - row) * TILE_PX, (column - west) * TILE_PX
                kept.pixels[y : y + TILE_PX, x : x + TILE_PX] = self._tiles.tile(
                    layer, level, column, row, mode
                )
                kept.filled.add((column, row))
        return kept

    def roofs(
        self, frame: Frame, shown: Iterable[tuple[FloatArray, float, int]], view_box: BoxM
    ) -> dict[int, tuple[Mosaic, int]]:
        """Return, for each roof's number, the mosaic to warp it from and its level.

        Args:
            frame: the picture.
            shown: outline (N, 2) and height of each roof that may be seen, and its number.
            view_box: only this part of the world is looked at.
        """
        by_level: dict[int, list[tuple[int, BoxM]]] = {}
        lens = frame.view.lens
        for ring, height_m, number in shown:
            low = np.maximum(ring.min(axis=0), view_box[:2])
            high = np.minimum(ring.max(axis=0), view_box[2:])
            if (high <= low).any():
                continue
            middle = np.array([*(0.5 * (low + high)), height_m]) - frame.view.eye
            depth = max(1.0, float(middle @ frame.view.rotation[2]))
            away = float(np.linalg.norm(middle))
            level = level_for(depth / lens.fx_px, abs(float(middle[2])) / max(1e-6, away))
            box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
            by_level.setdefault(level, []).append((number, box))
        found: dict[int, tuple[Mosaic, int]] = {}
        for level, members in by_level.items():
            boxes = np.array([box for _, box in members])
            low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
            whole = span_of((low[0], low[1], high[0], high[1]), level)
            mosaic = self.mosaic(Layer.ROOFS, level, whole, frame.mode, np.zeros((0, 2)))
            for number, box in members:
                mosaic = self.mosaic(Layer.ROOFS, level, span_of(box, level), frame.mode, None)
                found[number] = (mosaic, level)
        return found

    def warp_roof(
        self, frame: Frame, source: tuple[Mosaic, int], height_m: float, window: tuple[slice, slice]
    ) -> Pixels:
        """Return a window of a picture as it would be if all of it were roofs of one height."""
        mosaic, level = source
        y, x = window
        shift = np.array([[1.0, 0.0, -x.start], [0.0, 1.0, -y.start], [0.0, 0.0, 1.0]])
        matrix = shift @ self._from_mosaic(frame.view, mosaic, level, height_m)
        size = (x.stop - x.start, y.stop - y.start)
        return np.asarray(cv2.warpPerspective(mosaic.pixels, matrix, size, flags=cv2.INTER_LINEAR))


def _to_rows(top: int) -> FloatArray:
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])


def _covers(outer: Span, inner: Span) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] >= inner[1]
        and outer[2] <= inner[2]
        and outer[3] >= inner[3]
    )


def _touches(corners: FloatArray, west: float, south: float, side: float) -> bool:
    """Return whether a square touches a convex area, by the sides of both (separating axes)."""
    if not len(corners):
        return False
    square = np.array(
        [[west, south], [west + side, south], [west + side, south + side], [west, south + side]]
    )
    if (corners.max(axis=0) < square[0]).any() or (corners.min(axis=0) > square[2]).any():
        return False
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.column_stack([-edges[:, 1], edges[:, 0]])
    own = corners @ normals.T
    other = square @ normals.T
    apart = (other.min(axis=0) > own.max(axis=0)) | (other.max(axis=0) < own.min(axis=0))
    return not bool(apart.any())


def _horizon(view: View) -> bool:
    """Return whether a corner of the picture looks further than the ground is drawn."""
    ranges = view.ground_ranges(max(2, min(view.lens.width_px, view.lens.height_px) // 32))[0]
    return bool((ranges > 0.8 * view.far_m).any())


def _ground_corners(view: View, top: int, bottom: int) -> FloatArray:
    """Return the corners of the ground that rows of a picture show, shape (N, 2)."""
    lens = view.lens
    part = type(lens)(
        lens.width_px, bottom - top + 2, lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px - top + 1
    )
    return View(part, view.eye, view.rotation, view.ground_to_px).footprint()


def _sky(frame: Frame) -> None:
    if not _horizon(frame.view):
        return
    if frame.mode.thermal:
        frame.pixels[:] = int((frame.mode.air_c - 28.0 + KELVIN) * 100)
    else:
        level = np.array(frame.mode.light.level)
        frame.pixels[:] = np.clip(np.array([206, 214, 222]) * level, 0, 255).astype(np.uint8)
