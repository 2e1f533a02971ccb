"""The records that pass between stages, checked where they are made.

How a picture sees the ground is in `park.views`, and handed out here with the rest.

Conventions used by every record:

* Times are timezone-aware.
* Latitudes and longitudes are WGS84 degrees.
* `yaw_deg` is clockwise from true north; `pitch_deg` is 0 at the horizon and -90 straight
  down; `roll_deg` is positive when the right side of the camera goes down.
* Pixels have their origin at the top left corner of the picture, x to the right, y down;
  a box is `(x0, y0, x1, y1)`.
* `error_m` is a radius in metres: 68 % (more exactly 68.27 %, "one sigma") of horizontal
  position errors are no larger. What a measurement is stated with (`PoseSigma`,
  `corner_sigma_m`, `focal_sigma`) is one standard deviation, per axis where it has axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from park.measure import Measure
from park.record_checks import need, need_aware, need_lat_lon
from park.views import CameraPose, CornersView, Intrinsics, LatLonDeg, PosedView, PoseSigma, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from park.picture import Picture
    from park.spectrum import Spectrum

__all__ = [
    "BoxXyxyPx",
    "CameraPose",
    "CornersView",
    "DailyIncidents",
    "Detection",
    "Frame",
    "GroundPoint",
    "Incident",
    "Intrinsics",
    "JsonValue",
    "LatLonDeg",
    "Observation",
    "PatrolSummary",
    "PoseSigma",
    "PosedView",
    "Reject",
    "TrackedObject",
    "View",
]

BoxXyxyPx = tuple[float, float, float, float]
"""A box in pixels: x0, y0, x1, y1, with x0 < x1 and y0 < y1."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture, when it was taken, and how it sees the ground.

    Attributes:
        picture: its pixels, made when they are asked for.
        time: when it was taken.
        view: camera pose or ground corners; None when nothing is known, in which case nothing
            in the picture can be placed.
        source_uri: the file it came from.
        source_time_s: seconds from the start of the file; 0 for a photo.
        patrol_id: the patrol or footage source it belongs to.
        assumptions: what had to be assumed about it, in words ("looking straight down").
        spectrum: what light its camera sees; None when the footage does not say.
        camera_id: which of the cameras of its source took it; empty where there is one.
    """

    picture: Picture
    time: datetime
    view: View | None
    source_uri: str
    source_time_s: float
    patrol_id: str
    assumptions: tuple[str, ...] = ()
    spectrum: Spectrum | None = None
    camera_id: str = ""

    def __post_init__(self) -> None:
        need(
            self.picture.width_px > 0 and self.picture.height_px > 0,
            f"a frame needs pixels, not {self.picture.width_px} x {self.picture.height_px}",
        )
        need_aware("time", self.time)

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return self.picture.width_px

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return self.picture.height_px

    @property
    def image_bgr(self) -> NDArray[np.uint8]:
        """All pixels, uint8, shape (height, width, 3), in OpenCV's channel order."""
        return self.picture.image_bgr


@dataclass(frozen=True, slots=True)
class Detection:
    """Something a model saw in one frame.

    Attributes:
        class_name: the model's name for it.
        confidence: 0 to 1.
        box_xyxy_px: in pixels of the full frame.
        model_id: which model, with the hash of its weights.
        measure: how much of it there is, where the detector says; None for plain boxes.
        at_px: the pixel of the full frame that stands for its place; None for the foot of the
            box, where a thing stands.
    """

    class_name: str
    confidence: float
    box_xyxy_px: BoxXyxyPx
    model_id: str
    measure: Measure | None = None
    at_px: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box_xyxy_px
        need(
            all(math.isfinite(v) for v in self.box_xyxy_px) and x0 < x1 and y0 < y1,
            f"box {self.box_xyxy_px} is empty or not a number",
        )
        need(0.0 <= self.confidence <= 1.0, f"confidence {self.confidence} is not in 0..1")


@dataclass(frozen=True, slots=True)
class GroundPoint:
    """A place on the ground with its uncertainty.

    Attributes:
        lat_deg: WGS84 latitude.
        lon_deg: WGS84 longitude.
        error_m: one sigma as a distance: the radius around the place within which the true
            place is with a probability of 68.27 %, metres. For an error that is round and
            has a standard deviation s per axis this is 1.515 s.
    """

    lat_deg: float
    lon_deg: float
    error_m: float

    def __post_init__(self) -> None:
        need_lat_lon(self.lat_deg, self.lon_deg)
        need(
            math.isfinite(self.error_m) and self.error_m >= 0,
            f"error_m {self.error_m} is not zero or more",
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """A detection with its place on the ground: one row of the `detections` table.

    Attributes:
        detection_id: hash of footage bytes, frame time, box and model.
        patrol_id: the patrol or footage source.
        time: when the frame was taken.
        class_name: the model's name for it (column `class`).
        confidence: 0 to 1.
        box_xyxy_px: in pixels of the full frame.
        track_id: same thing in neighbouring frames of one video; None for photos.
        object_id: same thing in all footage of the run; None until merged.
        place: where it stands; None when it could not be placed.
        size_m: longest side of its box on the ground; None when it could not be placed.
        source_uri: the file it came from.
        source_time_s: seconds from the start of that file; 0 for a photo.
        model_id: which model, with the hash of its weights.
        measure: how much of it there is, where the detector says; None for plain boxes.
        clarity: how clearly its frame shows it, 0 to 1; None where nobody looked.
    """

    detection_id: str
    patrol_id: str
    time: datetime
    class_name: str
    confidence: float
    box_xyxy_px: BoxXyxyPx
    track_id: str | None
    object_id: str | None
    place: GroundPoint | None
    size_m: float | None
    source_uri: str
    source_time_s: float
    model_id: str
    measure: Measure | None = None
    clarity: float | None = None

    def __post_init__(self) -> None:
        need_aware("time", self.time)
        need(bool(self.detection_id), "detection_id is empty")
        need(0.0 <= (self.clarity or 0.0) <= 1.0, f"clarity {self.clarity} is not in 0..1")


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """One physical thing, from all its observations in all footage of a run.

    Attributes:
        object_id: hash of its first observation.
        class_name: the class most of its observations agree on, weighted by confidence.
        place: its position by inverse-variance weighting of its observations.
        first_seen: time of its first observation.
        last_seen: time of its last observation.
        moving: whether it moved by more than its position errors explain.
        speed_mps: median speed over ground while seen; None for one observation.
        observations: all of them, ordered by time.
    """

    object_id: str
    class_name: str
    place: GroundPoint
    first_seen: datetime
    last_seen: datetime
    moving: bool
    speed_mps: float | None
    observations: tuple[Observation, ...]

    def __post_init__(self) -> None:
        need(len(self.observations) > 0, "an object needs at least one observation")
        need(self.first_seen <= self.last_seen, "first_seen is after last_seen")

    @property
    def dwell_s(self) -> float:
        """Measured seconds between the first and the last time it was seen."""
        return (self.last_seen - self.first_seen).total_seconds()


@dataclass(frozen=True, slots=True)
class Incident:
    """One issue, once: one row of the `incidents` table.

    Attributes:
        incident_id: hash of site, rule, zone, day and object.
        day: the site's own day on which it was first seen.
        domain: one of the taxonomy's domains.
        type: a type of the taxonomy.
        severity: 1 (notice) to 4 (critical).
        zone_id: the zone whose rule raised it.
        place: where.
        first_seen: first time seen.
        last_seen: last time seen.
        dwell_s: measured seconds from first to last seen.
        measure: its size in the taxonomy's unit for the type (seconds, vehicles, m2...).
        object_ids: what it is about.
        observations: how many detections support it.
        evidence_uri: the picture of it; None until written.
        model_id: which model saw it.
        best: the observation to show as evidence.
        measure_error: one standard deviation of `measure`; None where it is a count or a time.
        case_id: same issue over days and patrols; None until cases are made.
        clip_uri: a few seconds of video around `best`; None where there is none.
        speed_mps: mean speed over ground of the vehicles of a queue; None elsewhere.
    """

    incident_id: str
    day: date
    domain: str
    type: str
    severity: int
    zone_id: str
    place: GroundPoint
    first_seen: datetime
    last_seen: datetime
    dwell_s: float
    measure: float
    object_ids: tuple[str, ...]
    observations: int
    evidence_uri: str | None
    model_id: str
    best: Observation
    measure_error: float | None = None
    case_id: str | None = None
    clip_uri: str | None = None
    speed_mps: float | None = None

    def __post_init__(self) -> None:
        need_aware("first_seen", self.first_seen)
        need_aware("last_seen", self.last_seen)
        need(self.first_seen <= self.last_seen, "first_seen is after last_seen")
        need(1 <= self.severity <= 4, f"severity {self.severity} is not in 1..4")
        need(self.dwell_s >= 0, f"dwell_s {self.dwell_s} is negative")


@dataclass(frozen=True, slots=True)
class DailyIncidents:
    """A day's incidents of one type in one zone: one row of the `daily_incidents` table.

    Attributes:
        day: the site's own day on which they were first seen.
        domain: one of the taxonomy's domains.
        type: a type of the taxonomy.
        zone_id: the zone.
        incidents: how many.
        objects: how many different objects they are about.
        observations: how many detections support them.
        dwell_total_s: measured seconds of all together.
        dwell_max_s: measured seconds of the longest.
        measure_max: the largest measure, in the taxonomy's unit for the type.
        severity_max: 1 to 4.
        first_seen: first time any was seen.
        last_seen: last time any was seen.
    """

    day: date
    domain: str
    type: str
    zone_id: str
    incidents: int
    objects: int
    observations: int
    dwell_total_s: float
    dwell_max_s: float
    measure_max: float
    severity_max: int
    first_seen: datetime
    last_seen: datetime

    def __post_init__(self) -> None:
        need_aware("first_seen", self.first_seen)
        need_aware("last_seen", self.last_seen)
        need(self.incidents > 0, f"a sum of {self.incidents} incidents is no row")
        need(1 <= self.severity_max <= 4, f"severity_max {self.severity_max} is not in 1..4")


@dataclass(frozen=True, slots=True)
class Reject:
    """Something from outside that was refused: one row of the `rejects` table.

    Attributes:
        source_uri: the file or folder.
        stage: where it was refused: "footage", "detect", "locate", "evidence".
        reason: why, in words.
    """

    source_uri: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatrolSummary:
    """One patrol or footage source: one row of the `patrols` table.

    Attributes:
        patrol_id: hash of what it came from, or the id a recorded patrol carries.
        kind: "photos", "video_srt", "video_corners" or "patrol".
        source_uri: the file or folder.
        first_time: time of its first frame; None when no frame could be read.
        last_time: time of its last frame.
        frames: frames looked at.
        rejected: files of it that were refused.
        detections: rows it gave.
        assumptions: what had to be assumed about it, in words.
    """

    patrol_id: str
    kind: str
    source_uri: str
    first_time: datetime | None
    last_time: datetime | None
    frames: int
    rejected: int
    detections: int
    assumptions: tuple[str, ...] = field(default=())


JsonValue = Any
"""A value that JSON can hold; only for files that are JSON by their standard."""
