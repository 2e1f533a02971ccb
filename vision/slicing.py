"""Which parts of a picture a model looks at, and at which scale.

A small thing in a large picture is lost when the picture is shrunk to the model's input, and a
thing shown larger or smaller than those the model was trained on is missed or mistaken. So a
picture is scaled to the ground sampling distance that the model knows, where that can be told,
and cut into overlapping windows where it is then still too large.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from vision.fusing import fused
from vision.models.engine import STRIDE_PX, RawBoxes, padded_size

OVERLAP = 0.25
"""Share of a window that the next one repeats; a thing shorter than this is whole in one."""

_LADDER = 2.0**0.25
"""Scales are rounded to powers of this: few input shapes, so few compiled models."""

_A_LITTLE = 1.1
"""By how much coarser than best a picture may be where that saves a window: it hardly shows."""

MOST_ENLARGED = 4.0
WHOLE_UP_TO = 1.6
"""A picture up to this many times the model's input is looked at whole."""

_MOST_TRIMMED = 0.03
"""A scale is made smaller by no more than this share to save padding."""

_SMALL_PX = 640
"""Pictures up to this size are not: by heat a car half hidden fell from 0.35 to 0.19 by it."""

_EDGE_PX = 3.0
_SAME_IOU = 0.5
_INSIDE = 0.7

GsdAt = Callable[[float, float], float | None]
"""Metres per pixel at a pixel (x, y) of the full picture; None where there is no ground."""


@runtime_checkable
class GsdAtMany(Protocol):
    """A `GsdAt` that also tells many pixels at once, which takes no longer than one."""

    def many(self, xy_px: FloatArray) -> FloatArray:
        """Return metres per pixel at pixels (N, 2), shape (N,); NaN where there is no ground."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture to look at.

    Attributes:
        x0_px: left edge in the full picture.
        y0_px: top edge.
        x1_px: right edge.
        y1_px: bottom edge.
        scale: pixels given to the model for each pixel of the full picture.
        level: what was seen at the scales of one level is averaged; None for what stands alone.
    """

    x0_px: int
    y0_px: int
    x1_px: int
    y1_px: int
    scale: float
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All windows of one picture.

    Attributes:
        windows: what to look at, grouped by scale.
        scale_known: True when the scale follows from the pose, False when a set of scales is
            tried because it is not known.
    """

    windows: tuple[Window, ...]
    scale_known: bool


def plan_known(
    width_px: int,
    height_px: int,
    gsd_at: GsdAt,
    *,
    input_px: int,
    gsd_best_m: float,
    gsd_range_m: tuple[float, float],
    whole_up_to: float = WHOLE_UP_TO,
    most_enlarged: float = MOST_ENLARGED,
) -> Plan:
    """Return windows in which the ground lies near `gsd_best_m` metres per model pixel.

    In an oblique view the near and the far part get a scale of their own. Parts beyond the
    horizon, and parts so far away that even the largest useful magnification, `most_enlarged`,
    leaves them outside the range, are not looked at.
    """
    ground = _sampled(width_px, height_px, gsd_at)
    if not ground:
        return Plan((), scale_known=True)
    samples = [gsd for _, _, gsd in ground]
    low, high = gsd_best_m / gsd_range_m[0], gsd_range_m[1] / gsd_best_m
    one_pass = max(samples) / min(samples) <= low * high * 0.9
    if one_pass:
        passes = [(float(np.median(samples)), math.inf)]
    else:
        passes = _passes(min(samples), max(samples), low, high)
    windows: list[Window] = []
    for centre_m, reach in passes:
        scale = min(most_enlarged, quantised(centre_m / gsd_best_m))
        smaller = scale / _LADDER
        if (
            one_pass
            and centre_m / smaller <= gsd_best_m * _A_LITTLE
            and max(samples) / smaller <= gsd_range_m[1]
        ):
            scale = _in_one_window(width_px, height_px, scale, input_px, whole_up_to)
        if centre_m / scale > gsd_range_m[1] * 1.5:
            continue
        if one_pass:
            scale = _snug(width_px, height_px, scale, input_px * whole_up_to)
        windows.extend(
            window
            for window in windows_at(width_px, height_px, scale, input_px, whole_up_to=whole_up_to)
            if one_pass
            or any(centre_m / reach <= g <= centre_m * reach for g in _seen(window, ground, gsd_at))
        )
    return Plan(tuple(dict.fromkeys(windows)), scale_known=True)


def _in_one_window(
    width_px: int, height_px: int, scale: float, input_px: int, whole_up_to: float
) -> float:
    """Return the next smaller scale where one window then sees it all, otherwise the scale itself.

    A second window takes as long again, and shows some of the picture twice.
    """
    here, smaller = (
        len(windows_at(width_px, height_px, one, input_px, whole_up_to=whole_up_to))
        for one in (scale, scale / _LADDER)
    )
    return scale / _LADDER if smaller == 1 < here else scale


def _snug(width_px: int, height_px: int, scale: float, most_px: float) -> float:
    """Return a scale hardly smaller at which a picture looked at whole needs less padding.

    Models take sides that are multiples of their stride: of 454 rows they look at 480. Small
    pictures, as thermal cameras give them, are looked at quickly, and need all that they have.
    """
    if max(width_px, height_px) * scale > most_px or max(width_px, height_px) <= _SMALL_PX:
        return scale
    tight = [
        side_px // STRIDE_PX * STRIDE_PX / whole_px
        for whole_px in (width_px, height_px)
        if (side_px := int(whole_px * scale)) >= STRIDE_PX
    ]
    possible = [scale, *(one for one in tight if one >= scale * (1.0 - _MOST_TRIMMED))]

    def looked_at(one: float) -> tuple[int, float]:
        padded_px = padded_size(max(1, round(width_px * one)), max(1, round(height_px * one)))
        return padded_px[0] * padded_px[1], -one

    return min(possible, key=looked_at)


def _sampled(width_px: int, height_px: int, gsd_at: GsdAt) -> list[tuple[float, float, float]]:
    """Return metres per pixel at points spread over a picture, where there is ground."""
    places = [
        (float(x), float(y))
        for x in np.linspace(0.05, 0.95, 5) * width_px
        for y in np.linspace(0.02, 0.98, 9) * height_px
    ]
    if isinstance(gsd_at, GsdAtMany):
        known = gsd_at.many(np.array(places)).tolist()
        return [(x, y, g) for (x, y), g in zip(places, known, strict=True) if math.isfinite(g)]
    return [(x, y, gsd) for x, y in places if (gsd := gsd_at(x, y)) is not None]


def _seen(
    window: Window, ground: list[tuple[float, float, float]], gsd_at: GsdAt
) -> Iterator[float]:
    """Yield metres per pixel at points spread over a window, where there is ground."""
    x0, x1, y0, y1 = window.x0_px, window.x1_px, window.y0_px, window.y1_px
    yield from (gsd for x, y, gsd in ground if x0 <= x <= x1 and y0 <= y <= y1)
    for y in (y0, (y0 + y1) / 2, y1):
        gsd = gsd_at((x0 + x1) / 2, min(y, y1 - 1.0))
        if gsd is not None:
            yield gsd


def _passes(
    finest_m: float, coarsest_m: float, low: float, high: float
) -> list[tuple[float, float]]:
    """Return, for each pass, the distance it is made for and by what factor it reaches around it.

    Together they reach over all ground, with a little to spare for what lies between samples.
    """
    # A model that knows a narrow range still gets passes at steps it can bridge.
    ratio = max(_LADDER, low * high * 0.7)
    count = max(1, math.ceil(math.log(coarsest_m / finest_m) / math.log(ratio)))
    step = (coarsest_m / finest_m) ** (1.0 / count)
    return [(finest_m * step ** (i + 0.5), math.sqrt(step) * 1.1) for i in range(count)]


def plan_unknown(
    width_px: int,
    height_px: int,
    *,
    input_px: int,
    whole_up_to: float = WHOLE_UP_TO,
    longest_px: int | None = None,
    scales: Sequence[float] = (1.0,),
    averaged: bool = True,
) -> Plan:
    """Return windows at every halving of the scale down to the whole picture in one window.

    Args:
        width_px: of the picture.
        height_px: of the picture.
        input_px: longest side of a window once scaled.
        whole_up_to: a picture up to this many times `input_px` is one window.
        longest_px: longest side that the picture is shrunk to first; None begins with its own.
        scales: how many times larger it is then looked at first.
        averaged: what is seen at several scales of one level is averaged; else each stands alone.
    """
    windows: list[Window] = []
    scale = 1.0 if longest_px is None else min(1.0, longest_px / max(width_px, height_px))
    # What is small in its pictures is not looked for any smaller than one window shows it.
    enough_px = input_px * (whole_up_to if max(scales) > 1.0 else 1.0)
    for level in itertools.count():
        for times in scales:
            looked_at = windows_at(
                width_px, height_px, scale * times, input_px, whole_up_to=whole_up_to, few=False
            )
            if averaged and len(scales) > 1:
                looked_at = [replace(window, level=level) for window in looked_at]
            windows.extend(looked_at)
        if max(width_px, height_px) * scale * min(scales) <= enough_px:
            break
        scale /= 2.0
    return Plan(tuple(windows), scale_known=False)


def quantised(scale: float) -> float:
    """Return `scale` rounded to the ladder of scales."""
    return float(_LADDER ** round(math.log(scale) / math.log(_LADDER)))


def windows_at(
    width_px: int,
    height_px: int,
    scale: float,
    input_px: int,
    *,
    whole_up_to: float = WHOLE_UP_TO,
    few: bool = True,
) -> list[Window]:
    """Return overlapping windows that cover a picture at one scale.

    Few large windows repeat less of the picture than many small ones, which is most of what
    looking at it costs. Many find edges of things a little more exactly.

    Args:
        width_px: of the picture.
        height_px: of the picture.
        scale: pixels given to the model for each pixel of the picture.
        input_px: side of the model's input.
        whole_up_to: a picture up to this many times `input_px` is one window.
        few: windows of one that is larger have sides up to `whole_up_to` times `input_px` once
            scaled, no longer than so few need; otherwise `input_px`.
    """
    if max(width_px, height_px) * scale <= input_px * whole_up_to:
        return [Window(0, 0, width_px, height_px, scale)]
    most = max(1, int(input_px * (whole_up_to if few else 1.0) / scale))
    return [
        Window(x0, y0, x1, y1, scale)
        for y0, y1 in _spans(height_px, most, shrink=few)
        for x0, x1 in _spans(width_px, most, shrink=few)
    ]


def _spans(length_px: int, most_px: int, *, shrink: bool) -> list[tuple[int, int]]:
    """Return from where to where windows reach along one side, none longer than stated."""
    if length_px <= most_px:
        return [(0, length_px)]
    count = math.ceil((length_px - most_px) / (most_px * (1 - OVERLAP))) + 1
    window_px = most_px
    if shrink:
        window_px = min(most_px, math.ceil(length_px / (1 + (count - 1) * (1 - OVERLAP))))
    starts = (round(v) for v in np.linspace(0, length_px - window_px, count))
    return [(start, start + window_px) for start in starts]


@dataclass(frozen=True, slots=True, eq=False)
class WindowBoxes:
    """What the model said of one window, in pixels of that window at its scale."""

    window: Window
    boxes: RawBoxes


def merge_windows(
    parts: list[WindowBoxes],
    width_px: int,
    height_px: int,
    *,
    object_px_range: tuple[float, float] | None = None,
) -> RawBoxes:
    """Bring the boxes of all windows together, each thing once, in pixels of the full picture.

    A box that a window's edge cuts gives way to a whole one that covers it. Where several scales
    were tried, boxes outside `object_px_range` (pixels of the model's input) are left to the
    scale at which the thing has a size that the model knows. What was seen at the scales of one
    level is averaged (`vision.fusing`).
    """
    levels: dict[int | None, dict[float, list[WindowBoxes]]] = {}
    for part in parts:
        levels.setdefault(part.window.level, {}).setdefault(part.window.scale, []).append(part)
    if None in levels:
        several = len(levels[None]) > 1
        return _merged(parts, width_px, height_px, object_px_range if several else None)
    averaged = []
    for scales in levels.values():
        boxes = fused([_merged(at, width_px, height_px, None) for at in scales.values()])
        if len(levels) > 1 and object_px_range is not None:
            # A thing just too large at one scale of a level is not half as likely to be there.
            keep = _has_known_size(boxes.xyxy_px * statistics.fmean(scales), object_px_range)
            boxes = _chosen(boxes, keep)
        averaged.append(boxes)
    if len(averaged) < 2:
        return averaged[0] if averaged else _merged([], width_px, height_px, None)
    all_of_them = RawBoxes(
        np.concatenate([boxes.xyxy_px for boxes in averaged]),
        np.concatenate([boxes.confidence for boxes in averaged]),
        np.concatenate([boxes.class_index for boxes in averaged]),
    )
    return _each_once(all_of_them, np.zeros(len(all_of_them), np.bool_))


def _has_known_size(
    xyxy_px: NDArray[np.float32], object_px_range: tuple[float, float]
) -> NDArray[np.bool_]:
    """Return which boxes, in pixels of the model's input, are of a size that it knows."""
    longest = np.maximum(xyxy_px[:, 2] - xyxy_px[:, 0], xyxy_px[:, 3] - xyxy_px[:, 1])
    known = (longest >= object_px_range[0] * 0.8) & (longest <= object_px_range[1] * 1.5)
    return np.asarray(known, np.bool_)


def _chosen(boxes: RawBoxes, which: NDArray[np.bool_] | NDArray[np.int64]) -> RawBoxes:
    return RawBoxes(boxes.xyxy_px[which], boxes.confidence[which], boxes.class_index[which])


def _merged(
    parts: list[WindowBoxes],
    width_px: int,
    height_px: int,
    object_px_range: tuple[float, float] | None,
) -> RawBoxes:
    """Return the boxes of windows, each thing once; those outside a range of sizes are left out."""
    xyxy: list[NDArray[np.float32]] = []
    confidence: list[NDArray[np.float32]] = []
    index: list[NDArray[np.int64]] = []
    cut: list[NDArray[np.bool_]] = []
    for part in parts:
        window, boxes = part.window, part.boxes
        if not len(boxes):
            continue
        scaled = boxes.xyxy_px
        keep = np.ones(len(boxes), bool)
        if object_px_range is not None:
            keep = _has_known_size(scaled, object_px_range)
        w = (window.x1_px - window.x0_px) * window.scale
        h = (window.y1_px - window.y0_px) * window.scale
        by_edge = (
            ((scaled[:, 0] < _EDGE_PX) & (window.x0_px > 0))
            | ((scaled[:, 1] < _EDGE_PX) & (window.y0_px > 0))
            | ((scaled[:, 2] > w - _EDGE_PX) & (window.x1_px < width_px))
            | ((scaled[:, 3] > h - _EDGE_PX) & (window.y1_px < height_px))
        )
        corner = np.array([window.x0_px, window.y0_px] * 2, np.float32)
        limits = np.array([width_px, height_px] * 2, np.float32)
        full = np.clip(scaled / np.float32(window.scale) + corner, 0, limits)
        keep &= (full[:, 2] - full[:, 0] >= 1) & (full[:, 3] - full[:, 1] >= 1)
        xyxy.append(full[keep].astype(np.float32))
        confidence.append(boxes.confidence[keep])
        index.append(boxes.class_index[keep])
        cut.append(by_edge[keep])
    if not xyxy:
        return RawBoxes(
            np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64)
        )
    merged = RawBoxes(np.concatenate(xyxy), np.concatenate(confidence), np.concatenate(index))
    return merged if len(parts) == 1 else _each_once(merged, np.concatenate(cut))


def _each_once(boxes: RawBoxes, cut: NDArray[np.bool_]) -> RawBoxes:
    """Greedy suppression, whole boxes first; a cut box inside a kept one goes as well."""
    xyxy = boxes.xyxy_px
    # Coordinates break ties, so that the order of the windows decides nothing.
    order = np.lexsort((*xyxy.T, boxes.class_index, -boxes.confidence, cut))
    area = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    kept: list[int] = []
    for i in order:
        if not kept:
            kept.append(int(i))
            continue
        others = np.asarray(kept)
        others = others[boxes.class_index[others] == boxes.class_index[i]]
        if not len(others):
            kept.append(int(i))
            continue
        size = np.minimum(xyxy[i, 2:], xyxy[others, 2:]) - np.maximum(xyxy[i, :2], xyxy[others, :2])
        shared = np.prod(np.clip(size, 0, None), axis=1)
        iou = shared / (area[i] + area[others] - shared)
        inside = shared / np.minimum(area[i], area[others])
        if (iou > _SAME_IOU).any() or (inside > _INSIDE).any():
            continue
        kept.append(int(i))
    return _chosen(boxes, np.asarray(kept, np.int64))
