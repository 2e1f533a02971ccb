"""Precision and recall at every confidence, to choose a model's threshold by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision as sv

_SAME_IOU = 0.5


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What holds at one threshold, all classes together.

    Attributes:
        threshold: boxes of at least this confidence count.
        precision: share of them that are right; 1 where there are none.
        recall: share of labelled things found.
    """

    threshold: float
    precision: float
    recall: float


def precision_recall_curve(
    predictions: Sequence[sv.Detections],
    targets: Sequence[sv.Detections],
    thresholds: Sequence[float],
) -> tuple[CurvePoint, ...]:
    """Return precision and recall at each threshold.

    A box is right when it overlaps a labelled thing of its class by at least half (intersection
    over union) that no box of higher confidence has taken.
    """
    confidence: list[float] = []
    right: list[bool] = []
    for found, wanted in zip(predictions, targets, strict=True):
        order = np.argsort(-_confidence(found), kind="stable")
        confidence.extend(_confidence(found)[order].tolist())
        right.extend(_matches(found, wanted, order))
    labels = sum(len(t) for t in targets)
    scores, hits = np.array(confidence), np.array(right, bool)
    points = []
    for threshold in thresholds:
        counted = scores >= threshold
        found_number, hit_number = int(counted.sum()), int((hits & counted).sum())
        points.append(
            CurvePoint(
                threshold,
                hit_number / found_number if found_number else 1.0,
                hit_number / labels if labels else 0.0,
            )
        )
    return tuple(points)


def threshold_for(points: Sequence[CurvePoint], least_precision: float) -> CurvePoint | None:
    """Return the point of highest recall whose precision suffices; None when none does."""
    good = [p for p in points if p.precision >= least_precision]
    return max(good, key=lambda p: (p.recall, p.threshold), default=None)


def _confidence(found: sv.Detections) -> NDArray[np.float64]:
    return np.asarray([] if found.confidence is None else found.confidence, np.float64)


def _matches(found: sv.Detections, wanted: sv.Detections, order: NDArray[np.intp]) -> list[bool]:
    import supervision as sv

    if not len(found) or not len(wanted):
        return [False] * len(found)
    overlap = sv.box_iou_batch(np.asarray(wanted.xyxy), np.asarray(found.xyxy))
    same = np.asarray(wanted.class_id)[:, None] == np.asarray(found.class_id)[None, :]
    overlap = np.where(same, overlap, 0.0)
    taken = np.zeros(len(wanted), bool)
    matched = []
    for column in order:
        free = np.where(taken, 0.0, overlap[:, column])
        best = int(free.argmax())
        hit = bool(free[best] >= _SAME_IOU)
        taken[best] |= hit
        matched.append(hit)
    return matched
