"""From detections to observations: placed on the ground, the impossible ones dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace

import numpy as np

from park.errors import LocateError
from park.geodesy import FloatArray
from park.records import BoxXyxyPx, Detection, Frame, GroundPoint, Observation
from park.terrain import Terrain
from vision.detect import FrameDetections
from vision.families import PERSON, family_of
from vision.lamps import Dusk
from vision.locate import Locator, Placements
from vision.models.registry import ModelCard
from vision.overview import DroppedDetection
from vision.sizes import SIZE_RANGE_M, impossible_size, scale_is_known, size_range_of
from vision.slicing import GsdAt

NewId = Callable[[Frame, str, BoxXyxyPx, str], str]
"""Makes a detection id from the frame, the class, the box and the model id."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameObservations:
    """What one frame gave.

    Attributes:
        frame: the frame.
        kept: observations, placed where that was possible.
        dropped: boxes that cannot be what they are said to be, with the reason.
        unplaced: why boxes could not be placed, one entry each.
    """

    frame: Frame
    kept: tuple[Observation, ...]
    dropped: tuple[DroppedDetection, ...]
    unplaced: tuple[str, ...]

    def without(self, detection_ids: Set[str], reason: str) -> FrameObservations:
        """Return this less some observations, which are listed as dropped for a reason."""
        if not detection_ids:
            return self
        kept = tuple(one for one in self.kept if one.detection_id not in detection_ids)
        gone = [one for one in self.kept if one.detection_id in detection_ids]
        dropped = (*self.dropped, *(DroppedDetection.of(one, reason) for one in gone))
        return replace(self, kept=kept, dropped=dropped)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A frame with the means to place what is in it.

    Attributes:
        frame: the frame.
        locator: places its pixels; None when nothing is known about how it sees the ground.
        refusal: why there is no locator, in words.
    """

    frame: Frame
    locator: Locator | None
    refusal: str = ""

    @classmethod
    def of(cls, frame: Frame, terrain: Terrain | None) -> Sight:
        """Return a frame's sight over a terrain (None for level ground at take-off height)."""
        if frame.view is None:
            return cls(frame, None, "nothing is known about how this frame sees the ground")
        try:
            return cls(frame, Locator(frame.view, terrain))
        except LocateError as error:
            return cls(frame, None, str(error))

    @property
    def gsd_at(self) -> GsdAt | None:
        """Metres per pixel at a pixel, or None when the scale is not known well enough."""
        if self.locator is None or not scale_is_known(self.frame.view):
            return None
        return _ScaleOf(self.locator)


@dataclass(frozen=True, slots=True)
class _ScaleOf:
    """Metres per pixel of one picture; a `vision.slicing.GsdAtMany`."""

    locator: Locator

    def __call__(self, x_px: float, y_px: float) -> float | None:
        try:
            return self.locator.gsd_m(x_px, y_px)
        except LocateError:
            return None

    def many(self, xy_px: FloatArray) -> FloatArray:
        return self.locator.gsd_many_m(xy_px)


def observe(
    found: FrameDetections, sight: Sight, card: ModelCard, new_id: NewId
) -> FrameObservations:
    """Place what a model saw in a frame, and drop what cannot be.

    Args:
        found: the detections.
        sight: of the same frame.
        card: of the model, for the sizes that its things can have.
        new_id: makes detection ids.
    """
    return _observed(found.detections, sight, {**SIZE_RANGE_M, **card.size_range_m}, new_id)


def observe_scene(
    detections: tuple[Detection, ...], sight: Sight, new_id: NewId
) -> FrameObservations:
    """Place what scene detectors saw in a frame; it may be of any size.

    Args:
        detections: of one frame.
        sight: of the same frame.
        new_id: makes detection ids.
    """
    return _observed(detections, sight, {}, new_id)


def _observed(
    detections: tuple[Detection, ...],
    sight: Sight,
    size_range_m: Mapping[str, tuple[float, float]],
    new_id: NewId,
) -> FrameObservations:
    frame = sight.frame
    kept: list[Observation] = []
    dropped: list[DroppedDetection] = []
    unplaced: list[str] = []
    places, sizes_m, reasons = _placed(detections, sight)
    dusk = Dusk(frame.picture) if frame.spectrum in (None, "visible") else None
    for detection, place, size_m, reason in zip(detections, places, sizes_m, reasons, strict=True):
        why = _why_impossible(detection, size_m, size_range_m, frame)
        if why is None and dusk is not None and family_of(detection.class_name) is PERSON:
            why = "a lamp" if dusk.is_lamp(detection.box_xyxy_px) else None
        if why is not None:
            dropped.append(DroppedDetection(detection, why, size_m))
            continue
        if reason is not None:
            unplaced.append(reason)
        kept.append(_observation(detection, frame, place, size_m, new_id))
    return FrameObservations(frame, tuple(kept), tuple(dropped), tuple(unplaced))


def _why_impossible(
    detection: Detection,
    size_m: float | None,
    size_range_m: Mapping[str, tuple[float, float]],
    frame: Frame,
) -> str | None:
    range_m = size_range_of(detection.class_name, size_range_m)
    if size_m is None or range_m is None:
        return None
    picture = frame.width_px, frame.height_px
    return impossible_size(size_m, range_m, frame.view, detection.box_xyxy_px, picture)


def _placed(
    detections: tuple[Detection, ...], sight: Sight
) -> tuple[list[GroundPoint | None], list[float | None], list[str | None]]:
    count = len(detections)
    if sight.locator is None:
        return [None] * count, [None] * count, [sight.refusal] * count
    if not count:
        return [], [], []
    boxes = np.array([d.box_xyxy_px for d in detections], np.float64)
    placements = _places_of(detections, boxes, sight.locator)
    sizes = sight.locator.ground_sizes_m(boxes)
    places: list[GroundPoint | None] = []
    sizes_m: list[float | None] = []
    for i, reason in enumerate(placements.reasons):
        places.append(None if reason is not None else placements.point(i))
        longest = float(sizes[i].max())
        sizes_m.append(longest if reason is None and np.isfinite(longest) else None)
    return places, sizes_m, list(placements.reasons)


def _places_of(
    detections: tuple[Detection, ...], boxes: FloatArray, locator: Locator
) -> Placements:
    """Return where things stand: at the foot of their boxes, or at the pixel that they name."""
    named = [i for i, detection in enumerate(detections) if detection.at_px is not None]
    feet = locator.place_boxes(boxes)
    if not named:
        return feet
    pixels = np.array([detections[i].at_px for i in named], np.float64)
    exact = locator.place_many(pixels)
    arrays = [
        np.array(one, copy=True)
        for one in (feet.lat_deg, feet.lon_deg, feet.error_m, feet.covariance_m2)
    ]
    for array, other in zip(
        arrays, (exact.lat_deg, exact.lon_deg, exact.error_m, exact.covariance_m2), strict=True
    ):
        array[named] = other
    reasons = list(feet.reasons)
    for i, reason in zip(named, exact.reasons, strict=True):
        reasons[i] = reason
    return Placements(arrays[0], arrays[1], arrays[2], arrays[3], tuple(reasons))


def _observation(
    detection: Detection,
    frame: Frame,
    place: GroundPoint | None,
    size_m: float | None,
    new_id: NewId,
) -> Observation:
    return Observation(
        detection_id=new_id(frame, detection.class_name, detection.box_xyxy_px, detection.model_id),
        patrol_id=frame.patrol_id,
        time=frame.time,
        class_name=detection.class_name,
        confidence=detection.confidence,
        box_xyxy_px=detection.box_xyxy_px,
        track_id=None,
        object_id=None,
        place=place,
        size_m=size_m,
        source_uri=frame.source_uri,
        source_time_s=frame.source_time_s,
        model_id=detection.model_id,
        measure=detection.measure,
    )
