"""One picture looked at at several scales: what is seen at most of them is there.

A model takes one thing for another at one size and not at the next. Where the scale of a picture is
not known, what it says at several is averaged, as the models of an ensemble are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision.models.engine import RawBoxes

SAME_IOU = 0.55
"""Boxes of one class that overlap by so much are of one thing."""


def fused(looks: Sequence[RawBoxes]) -> RawBoxes:
    """Return the boxes of several looks at one picture, each thing once.

    A box is the mean of those of its thing, the surest of each look, weighted by confidence; its
    confidence is the mean over all looks, 0 where one did not see it. Weighted boxes fusion
    (Solovyev, Wang and Gabruseva 2021, equations 1 to 3 and 6).

    Args:
        looks: boxes in pixels of the same picture, one or more sets.
    """
    boxes = np.concatenate([look.xyxy_px for look in looks])
    confidence = np.concatenate([look.confidence for look in looks])
    classes = np.concatenate([look.class_index for look in looks])
    of_look = np.repeat(np.arange(len(looks)), [len(look) for look in looks])
    # Coordinates break ties, so that the order of the looks decides nothing.
    order = np.lexsort((*boxes.T, classes, -confidence))
    free = np.ones(len(order), bool)
    found: list[tuple[NDArray[np.float64], float, int]] = []
    for first in order:
        if not free[first]:
            continue
        near = order[free[order] & (classes[order] == classes[first])]
        near = near[_iou(boxes[first], boxes[near]) >= SAME_IOU]
        free[near] = False
        _, surest = np.unique(of_look[near], return_index=True)
        members = near[surest]
        weight = confidence[members].astype(np.float64)
        mean = weight @ boxes[members] / weight.sum()
        found.append((mean, float(weight.sum()) / len(looks), int(classes[first])))
    return RawBoxes(
        np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
        np.array([sure for _, sure, _ in found], np.float32),
        np.array([index for _, _, index in found], np.int64),
    )


def _iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.clip(size, 0.0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))
