"""Bright clothes that are taken for flames: orange and yellow, with folds that flicker."""

from __future__ import annotations

from park.measure import Measure
from park.records import BoxXyxyPx
from park.taxonomy import MeasureUnit, class_matches
from vision.families import PERSON, family_of
from vision.observe import FrameObservations

_FLAME = ("flame",)
_INSIDE = 0.7
_GROWN = 0.1
"""Of a person's box on each side: boxes are no outlines."""
_LARGEST_M2 = 0.6
"""A vest, seen from the side, covers half a square metre; what burns larger is no clothing."""


def without_clothes(seen: FrameObservations) -> FrameObservations:
    """Return what was seen in a frame without flames that are a part of a person.

    A flame beside somebody, or one that reaches beyond, stays: only what lies in the box of a
    person, and is no larger than clothes are, is dropped and listed as that. Pictures that hold
    temperatures are returned as they are: fire is told by its heat there, which no clothes have,
    and models of heat take small fires for people.
    """
    if seen.frame.picture.celsius is not None:
        return seen
    people = [one.box_xyxy_px for one in seen.kept if family_of(one.class_name) is PERSON]
    clothes = {
        one.detection_id
        for one in seen.kept
        if class_matches(one.class_name, _FLAME)
        and not _larger(one.measure)
        and any(_share_in(one.box_xyxy_px, person) >= _INSIDE for person in people)
    }
    return seen.without(clothes, "clothes of a person")


def _larger(measure: Measure | None) -> bool:
    return (
        measure is not None
        and measure.unit is MeasureUnit.SQUARE_METRES
        and measure.value > _LARGEST_M2
    )


def _share_in(box: BoxXyxyPx, person: BoxXyxyPx) -> float:
    """Return how much of a box lies in a person's, which is grown a little."""
    across, down = _GROWN * (person[2] - person[0]), _GROWN * (person[3] - person[1])
    wide = min(box[2], person[2] + across) - max(box[0], person[0] - across)
    high = min(box[3], person[3] + down) - max(box[1], person[1] - down)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0.0, wide) * max(0.0, high) / area if area > 0.0 else 0.0
