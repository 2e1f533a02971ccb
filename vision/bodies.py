"""What boxes of people say about each other: a head is somebody's, and somebody is seen once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import supervision as sv

from park.geodesy import FloatArray
from park.records import BoxXyxyPx, Observation, PosedView
from park.taxonomy import class_key
from vision.families import PERSON, family_of
from vision.observe import FrameObservations

_WORN = frozenset({"hard_hat", "no_hard_hat", "vest", "no_vest"})
_INSIDE = 0.5
_GROWN = 0.25
"""Of a person's box on each side: boxes are no outlines, and a head leans out of one."""
LEAST_HEAD_PX = 12.0
"""Longer side in the picture as it was taken: of smaller heads nobody can tell a hat from hair."""
_EITHER = (frozenset({"hard_hat", "no_hard_hat"}), frozenset({"vest", "no_vest"}))
_SAME = 0.6
"""Of the smaller of two boxes: one model boxes the shadow as well, or leaves out the legs."""


def only_bodies(seen: FrameObservations, classes: Iterable[str]) -> FrameObservations:
    """Return what was seen with heads of somebody only, and each person once.

    Args:
        seen: by all models, of one frame.
        classes: what the models that looked know.
    """
    knows_people = any(family_of(name) is PERSON for name in classes)
    told = with_or_without(large_enough(seen))
    return each_person_once(only_on_somebody(told) if knows_people else told)


def large_enough(seen: FrameObservations) -> FrameObservations:
    """Return what was seen without heads of so few pixels that they say nothing about hats."""
    small = {
        one.detection_id
        for one in seen.kept
        if class_key(one.class_name) in _EITHER[0] and _long_px(one.box_xyxy_px) < LEAST_HEAD_PX
    }
    return seen.without(small, f"a head of less than {LEAST_HEAD_PX:g} pixels")


def with_or_without(seen: FrameObservations) -> FrameObservations:
    """Return what was seen with a hat or none on a head, and a vest or none: what is surer."""
    unsure: set[str] = set()
    for pair in _EITHER:
        worn = [one for one in _surest_first(seen) if class_key(one.class_name) in pair]
        overlaps = _overlaps(worn, worn)
        for i, one in enumerate(worn):
            if any(
                overlaps[i, j] >= _SAME
                and class_key(worn[j].class_name) != class_key(one.class_name)
                for j in range(i)
            ):
                unsure.add(one.detection_id)
    return seen.without(unsure, "with and without at once")


def only_on_somebody(seen: FrameObservations) -> FrameObservations:
    """Return what was seen without heads, hats and vests of nobody.

    From steeply above models find heads in gravel. Where the camera's pose is known it is in the
    air, so that whoever has the head is in the picture too; photos without one, in which a head
    may be all that is seen of somebody, are returned as they are.
    """
    worn = [one for one in seen.kept if class_key(one.class_name) in _WORN]
    if not worn or not isinstance(seen.frame.view, PosedView):
        return seen
    bodies = [replace(one, box_xyxy_px=_grown(one.box_xyxy_px)) for one in _people(seen)]
    on_body = _overlaps(worn, bodies) >= _INSIDE
    nobodys = {one.detection_id for one, on in zip(worn, on_body, strict=True) if not on.any()}
    return seen.without(nobodys, "on nobody")


def each_person_once(seen: FrameObservations) -> FrameObservations:
    """Return what was seen without people whom another model saw too, and was surer of.

    Two boxes of one model are two people: it leaves out its own doubles, and in a crowd boxes
    overlap.
    """
    people = _people(seen)
    overlaps = _overlaps(people, people)
    doubles: set[str] = set()
    kept: list[int] = []
    for i, one in enumerate(people):
        if any(one.model_id != people[j].model_id and overlaps[i, j] >= _SAME for j in kept):
            doubles.add(one.detection_id)
        else:
            kept.append(i)
    return seen.without(doubles, "seen by another model as well")


def _surest_first(seen: FrameObservations) -> list[Observation]:
    return sorted(seen.kept, key=lambda one: (-one.confidence, one.detection_id))


def _people(seen: FrameObservations) -> list[Observation]:
    return [one for one in _surest_first(seen) if family_of(one.class_name) is PERSON]


def _overlaps(some: Sequence[Observation], others: Sequence[Observation]) -> FloatArray:
    """Return how much of the smaller of two boxes lies in the other, shape (some, others)."""
    if not some or not others:
        return np.zeros((len(some), len(others)))
    mine, theirs = (
        np.array([one.box_xyxy_px for one in each], np.float64) for each in (some, others)
    )
    return np.asarray(sv.box_iou_batch(mine, theirs, sv.OverlapMetric.IOS), np.float64)


def _long_px(box: BoxXyxyPx) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _grown(box: BoxXyxyPx) -> BoxXyxyPx:
    across, down = _GROWN * (box[2] - box[0]), _GROWN * (box[3] - box[1])
    return box[0] - across, box[1] - down, box[2] + across, box[3] + down
