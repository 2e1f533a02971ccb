"""The same thing in neighbouring frames of one video, followed on the ground.

ByteTrack does the book-keeping (two-stage association, lost tracks, an assignment that is
optimal over all pairs), but on the ground in metres and seconds instead of in the picture:
what the camera does between two frames is then already taken out by its pose, and speeds are
those of things. Three parts of it are exchanged, at the places that it offers for it:

* the state is a position and a velocity, with noise in m and m/s2 that suits the family;
* a "box" given to it is centred on a place; its half width is one sigma of that place for a
  thing that stands still, its half height one sigma for a thing that may move;
* similarity is the log likelihood of a detection under a track, against the density at which
  new things turn up, so a pair is worth more than no pair exactly when it is more likely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

import numpy as np
import supervision as sv
from scipy.spatial import cKDTree
from trackers import ByteTrackTracker
from trackers.utils.iou import BaseIoU

from park.errors import RecordError
from park.geodesy import FloatArray, LocalFrame
from park.records import GroundPoint, Observation
from vision.families import Family, family_of
from vision.ground_state import (
    GroundState,
    centre_and_sigma,
    go_with_the_flow,
    square_around,
    worth_asking,
)
from vision.registration import LEAST_AGREEING, estimate_shift

_NEAR_M = 15.0
"""Around a place, for how many things are there."""

OVERLAPS_SHARE = 0.2
"""Of the smaller of two boxes: with more of it in the other, both may be of one body."""


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """How things are followed from frame to frame.

    Attributes:
        lost_s: how long a thing may be out of sight and still be the same, seconds.
        start_confidence: detections below this continue tracks but start none, 0 to 1.
        jitter_share: the part of `error_m` that changes between neighbouring frames; the
            rest (satellite position, heading offset) is common to all of them.
        least_jitter_m: lower bound of that change, one sigma per axis.
        most_jitter_m: upper bound of it.
        frame_shift_m: one sigma per axis by which everything in a frame may be shifted together
            against the frame before, because the pose jitters; taken out where three things
            or more show it.
        arrivals_per_m2: new things expected per square metre and frame where nothing else is.
        arrivals_share: the share of things near a place that are expected to be new in a frame,
            or seen again after frames without; among parked cars, a detection is sooner of a
            car not seen before than of one that went there at 40 km/h.
        most_arrivals_per_m2: upper bound of that.
    """

    lost_s: float = 3.0
    start_confidence: float = 0.25
    jitter_share: float = 0.25
    least_jitter_m: float = 0.5
    most_jitter_m: float = 3.0
    frame_shift_m: float = 1.5
    arrivals_per_m2: float = 1e-4
    arrivals_share: float = 0.3
    most_arrivals_per_m2: float = 2e-3

    def __post_init__(self) -> None:
        for name in (
            "lost_s",
            "jitter_share",
            "least_jitter_m",
            "frame_shift_m",
            "arrivals_per_m2",
            "arrivals_share",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise RecordError(f"{name} {value} is not more than zero")
        if not 0.0 <= self.start_confidence <= 1.0:
            raise RecordError(f"start_confidence {self.start_confidence} is not in 0..1")
        if not self.most_jitter_m >= self.least_jitter_m:
            raise RecordError(f"most_jitter_m {self.most_jitter_m} is below least_jitter_m")
        if not self.most_arrivals_per_m2 >= self.arrivals_per_m2:
            raise RecordError(
                f"most_arrivals_per_m2 {self.most_arrivals_per_m2} is below arrivals_per_m2"
            )


class _Likelihood(BaseIoU):
    """Log likelihood of places under tracks, over that of a new thing; 0 where not above it."""

    def __init__(self, options: TrackOptions) -> None:
        self._options = options

    def _compute(self, boxes_1: FloatArray, boxes_2: FloatArray) -> FloatArray:
        place_1, rest_1 = centre_and_sigma(boxes_1)
        place_2, sigma_2 = centre_and_sigma(boxes_2)
        sigma_1 = (boxes_1[:, 3] - boxes_1[:, 1]) / 2.0
        square_m2 = ((place_1[:, None, :] - place_2[None, :, :]) ** 2).sum(axis=2)
        density = np.zeros_like(square_m2)
        for sigma in (rest_1, sigma_1):
            variance_m2 = sigma[:, None] ** 2 + sigma_2[None, :] ** 2
            density += (
                0.5 * np.exp(-square_m2 / (2.0 * variance_m2)) / (2.0 * math.pi * variance_m2)
            )
        with np.errstate(divide="ignore"):
            gain = np.log(density) - np.log(self._arrivals_per_m2(place_2))
        return np.asarray(np.clip(gain, 0.0, None), dtype=np.float64)

    def _arrivals_per_m2(self, places_m: FloatArray) -> FloatArray:
        """Return how dense new things are expected around each of a frame's places."""
        options = self._options
        if len(places_m) == 0:
            return np.empty(0)
        near = cKDTree(places_m).query_ball_point(places_m, _NEAR_M, return_length=True) - 1
        dense = options.arrivals_share * near / (math.pi * _NEAR_M**2)
        least, most = options.arrivals_per_m2, options.most_arrivals_per_m2
        return np.asarray(np.clip(dense, least, most), np.float64)


def _told_once(
    indices: Sequence[int],
    observations: Sequence[Observation],
    squares_m: FloatArray,
    least_apart_m: float,
) -> list[int]:
    """Return observations of one frame without those of what a surer one is of already.

    Where two things cannot both stand, two boxes are of one; a second track of it would take
    over from the first.
    """
    if least_apart_m <= 0.0 or len(indices) < 2:
        return list(indices)
    order = sorted(
        indices, key=lambda i: (-observations[i].confidence, observations[i].detection_id)
    )
    places_m, _ = centre_and_sigma(squares_m[order])
    near = cKDTree(places_m).query_pairs(least_apart_m, output_type="ndarray")
    again = np.zeros(len(order), np.bool_)
    for surer, other in sorted(near.tolist()):
        if not again[surer]:
            again[other] = True
    return sorted(i for i, left_out in zip(order, again.tolist(), strict=True) if not left_out)


def _sure_to_start(
    indices: Sequence[int], observations: Sequence[Observation], start_confidence: float
) -> FloatArray:
    """Return how sure observations of one frame are, less than enough to start a track for some.

    A box that overlaps a surer one may be a part of the same body, or a shadow: it goes on with a
    track that is there already, and waits to start one until both stand clear of each other.
    """
    sure = np.array([observations[i].confidence for i in indices], np.float64)
    if len(indices) < 2:
        return sure
    boxes_px = np.array([observations[i].box_xyxy_px for i in indices], np.float64)
    overlaps = sv.box_iou_batch(boxes_px, boxes_px, sv.OverlapMetric.IOS) >= OVERLAPS_SHARE
    rank = np.empty(len(indices), np.intp)
    rank[sorted(range(len(indices)), key=lambda n: (-sure[n], indices[n]))] = range(len(indices))
    hidden = (overlaps & (rank[None, :] < rank[:, None])).any(axis=1)
    return np.asarray(np.where(hidden, np.minimum(sure, 0.99 * start_confidence), sure))


class VideoTracker:
    """Gives observations of one video the ids of tracks.

    Feed it the frames of one video in order of time. Observations without a place get no
    track, nor do those of a thing that a surer one in the same frame is of; those that may be
    start none. The same input gives the same ids.

    Args:
        patrol_id: what track ids start with, so that they are unique between sources.
        options: how things are followed.
    """

    def __init__(self, patrol_id: str, options: TrackOptions | None = None) -> None:
        self.patrol_id = patrol_id
        self.options = TrackOptions() if options is None else options
        self._numbers = count(1)
        self.reset()

    def reset(self) -> None:
        """Forget all tracks, for a cut in the video; numbers go on, so ids stay unique."""
        self._frame: LocalFrame | None = None
        self._start: datetime | None = None
        self._last: datetime | None = None
        self._trackers: dict[str, ByteTrackTracker] = {}

    def update(self, time: datetime, observations: Sequence[Observation]) -> list[Observation]:
        """Return the observations of the next frame, in the same order, with their tracks.

        Args:
            time: of the frame; later than that of the frame before.
            observations: everything seen in the frame; may be empty.

        Raises:
            RecordError: the time has no zone, or is not later than the frame before.
        """
        if time.tzinfo is None:
            raise RecordError(f"frame time {time.isoformat()} has no time zone")
        # In UTC: Python compares times of one zone as clocks show them, which go back in autumn.
        time = time.astimezone(UTC)
        if self._last is not None and time <= self._last:
            raise RecordError(
                f"frame time {time.isoformat()} is not later than the frame before "
                f"({self._last.isoformat()}): give frames in order, or reset between videos"
            )
        self._last = time
        self._start = time if self._start is None else self._start
        seconds = (time - self._start).total_seconds()
        groups: dict[str, list[int]] = {name: [] for name in self._trackers}
        families: dict[str, Family] = {}
        squares_m = np.full((len(observations), 4), np.nan)
        for i, observation in enumerate(observations):
            if observation.place is not None:
                family = family_of(observation.class_name)
                families[family.name] = family
                groups.setdefault(family.name, []).append(i)
                squares_m[i] = self._square_of(observation.place)
        squares_m += self._frame_shift_m(squares_m)
        followed = [
            one if one.track_id is None else replace(one, track_id=None) for one in observations
        ]
        for name, seen in groups.items():
            if name not in self._trackers:
                self._trackers[name] = self._new_tracker(families[name])
            least_apart_m = families[name].least_apart_m if name in families else 0.0
            indices = _told_once(seen, observations, squares_m, least_apart_m)
            sure = np.array([observations[i].confidence for i in indices], np.float64)
            if least_apart_m > 0.0:
                sure = _sure_to_start(indices, observations, self.options.start_confidence)
            numbers = self._follow(self._trackers[name], seconds, sure, squares_m, indices)
            for i, number in numbers.items():
                track_id = f"{self.patrol_id}-{number:06d}"
                followed[i] = replace(observations[i], track_id=track_id)
        return followed

    def _new_tracker(self, family: Family) -> ByteTrackTracker:
        state = type("_FamilyState", (GroundState,), {"family": family})
        return ByteTrackTracker(
            lost_track_buffer=math.ceil(self.options.lost_s * 30.0),
            frame_rate=1.0,
            track_activation_threshold=self.options.start_confidence,
            minimum_consecutive_frames=1,
            minimum_iou_threshold=1e-9,
            high_conf_det_threshold=self.options.start_confidence,
            state_estimator_class=state,
            iou=_Likelihood(self.options),
        )

    def _follow(
        self,
        tracker: ByteTrackTracker,
        seconds: float,
        sure: FloatArray,
        squares_m: FloatArray,
        indices: list[int],
    ) -> dict[int, int]:
        """Return the track number of each observation that has one."""
        found = sv.Detections(
            xyxy=squares_m[indices].reshape(-1, 4),
            confidence=sure,
            data={"index": np.array(indices, dtype=np.int64)},
        )
        answer = tracker.update(found, timestamp=seconds)
        asked = worth_asking(tracker.tracks)
        newborn = iter([track for track in tracker.tracks if track.tracker_id == -1])
        numbers: dict[int, int] = {}
        if len(answer) == 0 or answer.tracker_id is None or answer.confidence is None:
            return numbers
        for i, number, confidence in zip(
            answer.data["index"], answer.tracker_id, answer.confidence, strict=True
        ):
            if number >= 0:
                numbers[int(i)] = int(number)
            elif confidence >= self.options.start_confidence:
                # The library numbers a track when it is seen again; ours has its number from
                # the first sight on, so that no observation of it is left out.
                track = next(newborn)
                track.tracker_id = next(self._numbers)
                go_with_the_flow(track.state_estimator, asked)
                numbers[int(i)] = track.tracker_id
        return numbers

    def _frame_shift_m(self, squares_m: FloatArray) -> FloatArray:
        """Return what to add to the squares of a frame to lay them on the tracks, shape (4,).

        Only things that stand are asked: traffic that all goes one way looks like a camera
        that goes the other.
        """
        standing = [
            track.state_estimator.kf.state[:2, 0]
            for tracker in self._trackers.values()
            for track in tracker.tracks
            if track.age > 0
            and isinstance(track.state_estimator, GroundState)
            and track.state_estimator.standing
        ]
        known = np.isfinite(squares_m[:, 0])
        if len(standing) < LEAST_AGREEING or not known.any():
            return np.zeros(4)
        places_m, sigma_m = centre_and_sigma(squares_m[known])
        # In a row of parked cars a shift of more than half their spacing is as good as one the
        # other way; a wrong one would hand every track to its neighbour.
        gaps_m, _ = cKDTree(standing).query(standing, k=2)
        spacing_m = float(np.median(gaps_m[:, 1]))
        shift = estimate_shift(
            places_m,
            np.array(standing),
            sigma_m=self.options.frame_shift_m,
            scatter_m=min(float(np.median(sigma_m)), 0.3 * spacing_m),
            most_m=0.4 * spacing_m,
        )
        return np.zeros(4) if shift is None else np.array([shift.east_m, shift.north_m] * 2)

    def _square_of(self, place: GroundPoint) -> FloatArray:
        if self._frame is None:
            self._frame = LocalFrame(place.lat_deg, place.lon_deg)
        options = self.options
        sigma_m = min(
            max(options.jitter_share * place.error_m, options.least_jitter_m),
            options.most_jitter_m,
        )
        return square_around(np.array(self._frame.to_en_m(place.lat_deg, place.lon_deg)), sigma_m)
