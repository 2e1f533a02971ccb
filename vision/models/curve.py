"""Precision and recall at every confidence, and the threshold that a stated precision asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vision.models.verdicts import Verdicts

FEWEST_BOXES = 20
"""A precision that fewer boxes than this show is chance."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What holds at one threshold.

    Attributes:
        threshold: boxes of at least this confidence count.
        precision: share of them that are right; 1 where there are none.
        recall: share of labelled things found.
        boxes: how many boxes count.
    """

    threshold: float
    precision: float
    recall: float
    boxes: int = 0


def precision_recall_curve(
    verdicts: Verdicts, thresholds: Sequence[float]
) -> tuple[CurvePoint, ...]:
    """Return precision and recall at each threshold, all classes of the verdicts together."""
    labels = len(verdicts.label_class)
    points = []
    for threshold in thresholds:
        counted = verdicts.confidence >= threshold
        found, hits = int(counted.sum()), int((verdicts.right & counted).sum())
        points.append(
            CurvePoint(
                threshold,
                hits / found if found else 1.0,
                hits / labels if labels else 0.0,
                found,
            )
        )
    return tuple(points)


def threshold_for(points: Sequence[CurvePoint], least_precision: float) -> CurvePoint | None:
    """Return the point from which on precision suffices; None when it never does for sure.

    It is the lowest threshold at which precision suffices there and at every higher one that
    enough boxes (`FEWEST_BOXES`) still reach, so that no lucky stretch of the curve decides.
    """
    chosen: CurvePoint | None = None
    for point in sorted(points, key=lambda p: p.threshold, reverse=True):
        if point.boxes < FEWEST_BOXES:
            continue
        if point.precision < least_precision:
            break
        chosen = point
    return chosen


def best_f1(points: Sequence[CurvePoint]) -> CurvePoint:
    """Return the point at which the harmonic mean of precision and recall is greatest."""

    def f1(point: CurvePoint) -> float:
        both = point.precision + point.recall
        return 2 * point.precision * point.recall / both if both else 0.0

    return max(points, key=lambda p: (f1(p), p.threshold))


def fine_thresholds() -> tuple[float, ...]:
    """Return the thresholds among which one is chosen: 0.05 to 0.95, a hundredth apart."""
    return tuple(round(float(t), 2) for t in np.arange(0.05, 0.951, 0.01))
