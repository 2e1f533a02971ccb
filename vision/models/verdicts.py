"""Every box of a model held against the labels: right or wrong, how sure, how large.

Precision, sizes, calibration and the worst mistakes are all read off one such list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision as sv

SAME_IOU = 0.5
"""A box is right when it shares at least so much with a labelled thing of its class."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Boxes and labelled things of many pictures; one row each, in the order of the pictures.

    Attributes:
        confidence: of each box.
        class_index: what each box says it is.
        right: whether it is of a labelled thing that no surer box has taken.
        picture: which picture it is in.
        box_xyxy_px: where.
        label_class: what each labelled thing is.
        label_picture: which picture it is in.
        label_xyxy_px: where.
        label_confidence: confidence of the box that found it, 0 for none.
    """

    confidence: NDArray[np.float64]
    class_index: NDArray[np.int64]
    right: NDArray[np.bool_]
    picture: NDArray[np.int64]
    box_xyxy_px: NDArray[np.float64]
    label_class: NDArray[np.int64]
    label_picture: NDArray[np.int64]
    label_xyxy_px: NDArray[np.float64]
    label_confidence: NDArray[np.float64]

    def of_class(self, index: int) -> Verdicts:
        """Return the boxes and the labelled things of one class."""
        boxes, labels = self.class_index == index, self.label_class == index
        return Verdicts(
            self.confidence[boxes],
            self.class_index[boxes],
            self.right[boxes],
            self.picture[boxes],
            self.box_xyxy_px[boxes],
            self.label_class[labels],
            self.label_picture[labels],
            self.label_xyxy_px[labels],
            self.label_confidence[labels],
        )


def judge(predictions: Sequence[sv.Detections], targets: Sequence[sv.Detections]) -> Verdicts:
    """Hold the boxes of each picture against its labels, the surest boxes first.

    Args:
        predictions: boxes with confidence and class of each picture.
        targets: labelled things of the same pictures.

    Raises:
        ValueError: when there are not as many of one as of the other.
    """
    rows: list[tuple[NDArray[np.float64], ...]] = []
    labels: list[tuple[NDArray[np.float64], ...]] = []
    for number, (found, wanted) in enumerate(zip(predictions, targets, strict=True)):
        confidence, found_class = _confidence(found), _classes(found)
        order = np.argsort(-confidence, kind="stable")
        taken_by = _taken_by(found, wanted, order)
        right = np.zeros(len(found), bool)
        right[taken_by[taken_by >= 0]] = True
        rows.append(
            (
                confidence[order],
                found_class[order],
                right[order],
                np.full(len(found), number),
                _xyxy(found)[order],
            )
        )
        seen = np.where(taken_by >= 0, np.append(confidence, 0.0)[taken_by], 0.0)
        labels.append((_classes(wanted), np.full(len(wanted), number), _xyxy(wanted), seen))
    boxes = _stacked(rows, (0, 0, 0, 0, 4))
    things = _stacked(labels, (0, 0, 4, 0))
    return Verdicts(
        boxes[0],
        boxes[1].astype(np.int64),
        boxes[2].astype(bool),
        boxes[3].astype(np.int64),
        boxes[4],
        things[0].astype(np.int64),
        things[1].astype(np.int64),
        things[2],
        things[3],
    )


def side_px(xyxy_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the side of the square as large as each box, in pixels."""
    size = np.clip(xyxy_px[:, 2:] - xyxy_px[:, :2], 0, None)
    return np.sqrt(size[:, 0] * size[:, 1])


def _stacked(
    rows: Sequence[tuple[NDArray[np.float64], ...]], widths: tuple[int, ...]
) -> list[NDArray[np.float64]]:
    """Return each column of all pictures in one; `widths` is of columns when there is no row."""
    if not rows:
        return [np.empty((0, w) if w else 0) for w in widths]
    return [np.concatenate([row[i] for row in rows]) for i in range(len(widths))]


def _taken_by(
    found: sv.Detections, wanted: sv.Detections, order: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Return which box took each labelled thing, -1 for none."""
    import supervision as sv

    taken_by = np.full(len(wanted), -1, np.int64)
    if not len(found) or not len(wanted):
        return taken_by
    overlap = sv.box_iou_batch(np.asarray(wanted.xyxy), np.asarray(found.xyxy))
    same = _classes(wanted)[:, None] == _classes(found)[None, :]
    overlap = np.where(same, overlap, 0.0)
    for column in order:
        free = np.where(taken_by >= 0, 0.0, overlap[:, column])
        best = int(free.argmax())
        if free[best] >= SAME_IOU:
            taken_by[best] = column
    return taken_by


def _confidence(found: sv.Detections) -> NDArray[np.float64]:
    return np.asarray([] if found.confidence is None else found.confidence, np.float64)


def _classes(found: sv.Detections) -> NDArray[np.float64]:
    return np.asarray([] if found.class_id is None else found.class_id, np.float64)


def _xyxy(found: sv.Detections) -> NDArray[np.float64]:
    return np.asarray(found.xyxy, np.float64).reshape(-1, 4)
