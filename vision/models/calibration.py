"""Whether a confidence of 0.7 means that seven boxes of ten are right; and what size decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vision.models.verdicts import Verdicts, side_px

LEAST_CONFIDENCE = 0.1
"""Boxes below this are of no use to anybody, and so many that they would decide the mean."""

SIZE_LIMITS_PX = (16.0, 32.0, 96.0)
"""Where size buckets part: COCO's 32 and 96, and 16 for things seen from high up."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Boxes of about one confidence.

    Attributes:
        low: least confidence of the bin.
        high: where the next bin begins.
        boxes: how many boxes there are.
        mean_confidence: of them; the middle of the bin where there are none.
        right: share of them that are right; 0 where there are none.
    """

    low: float
    high: float
    boxes: int
    mean_confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a model's confidence can be taken at its word.

    Attributes:
        bins: from the least to the greatest confidence.
        expected_error: mean difference between confidence and share of right boxes, each bin
            with the weight of its boxes (ECE: Guo et al., 2017, arXiv:1706.04599).
    """

    bins: tuple[ReliabilityBin, ...]
    expected_error: float


@dataclass(frozen=True, slots=True)
class SizeScore:
    """Figures of the things of one size.

    Attributes:
        low_px: side of the square as large as the smallest.
        high_px: side at which the next bucket begins; infinite for the last.
        labels: labelled things of the size.
        recall: share of them found at the threshold.
        boxes: boxes of the size at the threshold.
        precision: share of them that are right; 1 where there are none.
    """

    low_px: float
    high_px: float
    labels: int
    recall: float
    boxes: int
    precision: float


def calibration(verdicts: Verdicts, bins: int = 9) -> Calibration:
    """Return the reliability of boxes of `LEAST_CONFIDENCE` and more, in bins of equal width."""
    edges = np.linspace(LEAST_CONFIDENCE, 1.0, bins + 1)
    # Which bin; a confidence of exactly one belongs to the last.
    index = np.clip(np.searchsorted(edges, verdicts.confidence, side="right") - 1, -1, bins - 1)
    table: list[ReliabilityBin] = []
    for i in range(bins):
        chosen = index == i
        count = int(chosen.sum())
        table.append(
            ReliabilityBin(
                round(float(edges[i]), 4),
                round(float(edges[i + 1]), 4),
                count,
                float(verdicts.confidence[chosen].mean() if count else edges[i : i + 2].mean()),
                float(verdicts.right[chosen].mean()) if count else 0.0,
            )
        )
    total = sum(b.boxes for b in table)
    error = sum(b.boxes * abs(b.mean_confidence - b.right) for b in table)
    return Calibration(tuple(table), error / total if total else 0.0)


def by_size(
    verdicts: Verdicts,
    thresholds: float | Sequence[float],
    limits_px: Sequence[float] = SIZE_LIMITS_PX,
) -> tuple[SizeScore, ...]:
    """Return precision and recall of each size.

    A right box counts where its own size belongs, which may be a bucket beside that of its label.

    Args:
        verdicts: boxes and labels.
        thresholds: confidence above which a box counts, one for all or one for each class.
        limits_px: where buckets part.
    """
    per_class = np.asarray(thresholds, float)
    counted = verdicts.confidence >= _of(per_class, verdicts.class_index)
    seen = verdicts.label_confidence >= np.maximum(_of(per_class, verdicts.label_class), 1e-9)
    found_px, wanted_px = side_px(verdicts.box_xyxy_px), side_px(verdicts.label_xyxy_px)
    scores = []
    edges = (0.0, *limits_px, float("inf"))
    for low, high in pairwise(edges):
        labels = (wanted_px >= low) & (wanted_px < high)
        boxes = counted & (found_px >= low) & (found_px < high)
        scores.append(
            SizeScore(
                low,
                high,
                int(labels.sum()),
                float(seen[labels].mean()) if labels.any() else 0.0,
                int(boxes.sum()),
                float(verdicts.right[boxes].mean()) if boxes.any() else 1.0,
            )
        )
    return tuple(scores)


def _of(per_class: np.ndarray, index: np.ndarray) -> np.ndarray:
    return per_class if per_class.ndim == 0 else per_class[index]
