"""Connected regions of a mask, and how much ground they cover with what error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from park.measure import Measure
from park.records import Detection
from park.taxonomy import MeasureUnit
from vision.scene.view import SceneView
from vision.scene.working import Mask, Rectangle

MOST_REGIONS = 12
"""Of one kind in one zone of one frame; the largest are kept."""

_EDGE_PX = 0.7
"""One standard deviation of where the edge of a region is, pixels, wrong the same way all along
it by half of that."""


def cleaned(mask: Mask, open_px: int, close_px: int) -> Mask:
    """Return a mask without specks and with small gaps closed."""
    for size, how in ((open_px, cv2.MORPH_OPEN), (close_px, cv2.MORPH_CLOSE)):
        if size > 1:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            mask = np.asarray(cv2.morphologyEx(mask, how, disc), np.uint8)
    return mask


def widened(mask: Mask, by_px: int) -> Mask:
    """Return a mask with what is within some pixels of it along rows and along columns."""
    side = 2 * by_px + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.uint8)


def grown(strong: Mask, weak: Mask) -> Mask:
    """Return the connected parts of `weak` that hold any of `strong`."""
    _, labels = cv2.connectedComponents(weak, connectivity=8)
    held = np.unique(labels[strong > 0])
    keep = np.zeros(int(labels.max()) + 1, np.uint8)
    keep[held[held > 0]] = 255
    return np.asarray(keep[labels], np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One connected part of a mask, in its own rectangle of it."""

    rectangle: Rectangle
    mask: Mask


def patches(mask: Mask, least_px: int, margin_px: int = 0) -> tuple[Patch, ...]:
    """Return the connected parts of a mask, largest first, without those that are too small.

    Args:
        mask: of a picture.
        least_px: the smallest part.
        margin_px: around each part, as far as the picture goes.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    sizes = stats[:, cv2.CC_STAT_AREA]
    found = []
    for i in sorted(range(1, count), key=lambda i: -int(sizes[i]))[:MOST_REGIONS]:
        if sizes[i] < least_px:
            break
        x, y, width, height = (int(number) for number in stats[i, :4])
        rectangle = (
            slice(max(0, y - margin_px), min(mask.shape[0], y + height + margin_px)),
            slice(max(0, x - margin_px), min(mask.shape[1], x + width + margin_px)),
        )
        one = np.multiply(labels[rectangle] == i, np.uint8(255), dtype=np.uint8)
        found.append(Patch(rectangle, one))
    return tuple(found)


def regions(mask: Mask, least_px: int) -> tuple[Mask, ...]:
    """Return the same as `patches`, each as a mask of the whole picture."""
    found = []
    for patch in patches(mask, least_px):
        whole = np.zeros(mask.shape, np.uint8)
        whole[patch.rectangle] = patch.mask
        found.append(whole)
    return tuple(found)


def area_measure(view: SceneView, mask: Mask, *, unsure_m2: float = 0.0) -> Measure | None:
    """Return the ground under a mask with its error; None where the scale is not known.

    The error is made of three parts: that of the scale (height, pitch, focal length), that of
    where the edge is (0.7 pixels along the whole outline, half of it in common), and that of
    the threshold, which the caller knows.

    Args:
        view: of the mask.
        mask: of one region.
        unsure_m2: one standard deviation from the choice of a threshold.
    """
    if view.pixel_area_m2 is None or view.gsd_m is None:
        return None
    inside = mask > 0
    area_m2 = float(np.nansum(view.pixel_area_m2[inside], dtype=np.float64))
    if not area_m2 > 0.0:
        return None
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8))
    rim_m2 = float(np.nansum(view.pixel_area_m2[inside & (inner == 0)], dtype=np.float64))
    rows, columns = np.nonzero(inside)
    share = view.area_share_error(float(columns.mean()), float(rows.mean()))
    edge_m2 = 0.5 * _EDGE_PX * rim_m2
    return Measure(
        area_m2,
        math.sqrt((share * area_m2) ** 2 + edge_m2**2 + unsure_m2**2),
        MeasureUnit.SQUARE_METRES,
    )


def detection_of(
    view: SceneView, mask: Mask, class_name: str, confidence: float, model: str, measure: Measure
) -> Detection:
    """Return a region as a detection in pixels of the full frame."""
    return Detection(
        class_name=class_name,
        confidence=min(max(confidence, 0.0), 1.0),
        box_xyxy_px=view.box_full_px(mask),
        model_id=model,
        measure=measure,
        at_px=view.place_full_px(mask),
    )


def union(masks: Sequence[Mask], shape: tuple[int, int]) -> Mask:
    """Return the pixels that are in any of the masks."""
    whole = np.zeros(shape, np.uint8)
    for mask in masks:
        whole |= mask
    return whole
