"""When a thing stood somewhere, or was inside an area, and from when to when.

A stay is a run of sightings that belong together. What breaks it is said by
`split_stay`: too long unseen, a time at which the rule does not apply, or another thing seen
at the same place in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from scipy.spatial import cKDTree

from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from park.taxonomy import families_of
from pipelines.grouping import in_pictures

STANDING_S = 60.0
"""A thing that was seen moving is taken to have parked only when it then stands this long:
longer than most waits at a crossing."""

STANDING_RADIUS_M = 2.0
"""A moving thing stands while it stays within this of where it stopped, or within the error of
its places where that is larger."""

PASS_GAP_S = 300.0
"""Sightings closer in time than this belong to one passing of the drone."""

_FRAMES_OF_A_PASS = 2

_MOST_ERRORS = 2.0
"""Of a round error, 99 % lie within twice its 68 % radius."""

SAME_PLACE_M = 1.5
"""Two vehicles cannot have their middles closer than this."""

TOLD_APART_M = 3.0
"""Half of what lies between vehicles that wait one behind the other: what is placed no better may
be the next in the queue, or whoever waits there now."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One thing at one place for a time.

    Attributes:
        observations: its sightings, in time order; at least one.
        place: where.
        probability: that it was inside the area asked about; 1 when none was.
    """

    observations: tuple[Observation, ...]
    place: GroundPoint
    probability: float = 1.0

    @property
    def first_seen(self) -> datetime:
        """Time of its first sighting."""
        return self.observations[0].time

    @property
    def last_seen(self) -> datetime:
        """Time of its last sighting."""
        return self.observations[-1].time

    @property
    def dwell_s(self) -> float:
        """Measured seconds from its first to its last sighting."""
        return (self.last_seen - self.first_seen).total_seconds()


def standing_stays(thing: TrackedObject, frame: LocalFrame) -> tuple[Stay, ...]:
    """Return where and when a thing stood still.

    A thing that never moved has one stay, with its merged place and the sightings that were
    there: a track may begin or end on a neighbour. One that moved has a stay for every time it
    stood `STANDING_S` or longer.
    """
    if not thing.moving:
        return (Stay(_in_order(_at_its_place(thing, frame)), thing.place),)
    stays: list[Stay] = []
    run: list[Observation] = []
    middle_m = (0.0, 0.0)
    for seen in _in_order(thing.observations):
        if seen.place is None:
            continue
        here_m = frame.to_en_m(seen.place.lat_deg, seen.place.lon_deg)
        radius_m = max(STANDING_RADIUS_M, seen.place.error_m)
        if run and math.dist(here_m, middle_m) > radius_m:
            _keep_if_standing(run, middle_m, frame, stays)
            run = []
        run.append(seen)
        weight = 1.0 / len(run)
        middle_m = (
            here_m
            if len(run) == 1
            else (
                middle_m[0] + weight * (here_m[0] - middle_m[0]),
                middle_m[1] + weight * (here_m[1] - middle_m[1]),
            )
        )
    _keep_if_standing(run, middle_m, frame, stays)
    return tuple(stays)


def _at_its_place(thing: TrackedObject, frame: LocalFrame) -> Sequence[Observation]:
    """Return the sightings of a standing thing that are no further off than errors explain."""
    here_m = frame.to_en_m(thing.place.lat_deg, thing.place.lon_deg)

    def is_there(seen: Observation) -> bool:
        if seen.place is None:
            return True
        off_m = math.dist(here_m, frame.to_en_m(seen.place.lat_deg, seen.place.lon_deg))
        error_m = math.hypot(seen.place.error_m, thing.place.error_m)
        return off_m <= max(STANDING_RADIUS_M, _MOST_ERRORS * error_m)

    return [seen for seen in thing.observations if is_there(seen)] or thing.observations


def _keep_if_standing(
    run: Sequence[Observation], middle_m: tuple[float, float], frame: LocalFrame, out: list[Stay]
) -> None:
    if not run or (run[-1].time - run[0].time).total_seconds() < STANDING_S:
        return
    lat_deg, lon_deg = frame.to_lat_lon(*middle_m)
    # Errors within one flight are mostly common to all sightings: averaging does not
    # shrink them, so the smallest is kept.
    error_m = min(seen.place.error_m for seen in run if seen.place is not None)
    out.append(Stay(tuple(run), GroundPoint(lat_deg, lon_deg, error_m)))


def inside_runs(
    sightings: Sequence[tuple[Observation, float]], min_probability: float
) -> tuple[Stay, ...]:
    """Return the times that a moving thing was inside an area.

    Args:
        sightings: placed observations in time order, each with the probability that the thing
            was inside the area.
        min_probability: from which a sighting counts as inside. Below ``1 - min_probability``
            it counts as outside and ends a run; between the two it does neither.

    Returns:
        Stays with the place and probability of their surest sighting.
    """
    stays: list[Stay] = []
    run: list[tuple[Observation, float]] = []
    for seen, probability in sightings:
        if probability >= min_probability:
            run.append((seen, probability))
        elif probability < 1.0 - min_probability:
            _close_run(run, stays)
            run = []
    _close_run(run, stays)
    return tuple(stays)


def _close_run(run: Sequence[tuple[Observation, float]], out: list[Stay]) -> None:
    if not run:
        return
    surest, probability = max(run, key=lambda pair: (pair[1], pair[0].confidence))
    if surest.place is not None:
        out.append(Stay(tuple(seen for seen, _ in run), surest.place, probability))


def split_stay(
    stay: Stay, keep: Callable[[datetime], bool], joined: Callable[[datetime, datetime], bool]
) -> tuple[Stay, ...]:
    """Return the parts of a stay that hold together.

    Args:
        stay: what to split.
        keep: whether a sighting at this time counts at all.
        joined: whether two neighbouring sightings belong to one stay.
    """
    parts: list[list[Observation]] = []
    for seen in stay.observations:
        if not keep(seen.time):
            continue
        if parts and joined(parts[-1][-1].time, seen.time):
            parts[-1].append(seen)
        else:
            parts.append([seen])
    return tuple(Stay(tuple(part), stay.place, stay.probability) for part in parts)


def surely_one_thing(stay: Stay) -> Stay | None:
    """Return a stay of several passes less those that do not tell that the same thing stood there.

    Such a pass, which may have shown another thing or none, would say by itself that one stood
    there from one pass to the other. Of two passes it is one that a single frame of a video
    showed; of any, one that placed it no better than `TOLD_APART_M` and half as well as another
    pass did. What all passes are off by is mostly common to them: a receiver without corrections
    must not hide what stands. None where nothing is left.
    """
    passes: list[list[Observation]] = []
    for seen in stay.observations:
        if passes and (seen.time - passes[-1][-1].time).total_seconds() <= PASS_GAP_S:
            passes[-1].append(seen)
        else:
            passes.append([seen])
    if len(passes) < 2:
        return stay
    errors_m = [_best_error_m(one) for one in passes]
    within_m = max(TOLD_APART_M, 2.0 * min(errors_m))
    left = [one for one, error_m in zip(passes, errors_m, strict=True) if error_m <= within_m]
    if len(passes) == 2:
        left = [one for one in left if in_pictures(one, _FRAMES_OF_A_PASS)]
    kept = tuple(seen for one in left for seen in one)
    return replace(stay, observations=kept) if kept else None


def _best_error_m(sightings: Sequence[Observation]) -> float:
    return min((one.place.error_m for one in sightings if one.place is not None), default=math.inf)


class StandingThings:
    """All things that stand, to ask whether another took a place in between.

    Args:
        things: objects of one run; those that move are left out.
        frame: frame of metres to compare places in.
    """

    def __init__(self, things: Sequence[TrackedObject], frame: LocalFrame) -> None:
        self._things = [thing for thing in things if not thing.moving]
        self._frame = frame
        self._places_m = np.array(
            [frame.to_en_m(t.place.lat_deg, t.place.lon_deg) for t in self._things],
            dtype=np.float64,
        ).reshape(-1, 2)
        self._tree = cKDTree(self._places_m) if self._things else None

    def stood_between(self, thing: TrackedObject, start: datetime, end: datetime) -> bool:
        """Return whether something of its kind was seen in its place between two times.

        What is ever seen in the same picture with it is its neighbour, not its successor.
        Times within one passing of the drone (`PASS_GAP_S`) are too close for that to happen.
        """
        if self._tree is None or (end - start).total_seconds() <= PASS_GAP_S:
            return False
        here_m = self._frame.to_en_m(thing.place.lat_deg, thing.place.lon_deg)
        near = self._tree.query_ball_point(here_m, max(SAME_PLACE_M, thing.place.error_m))
        pictures = {_picture(seen) for seen in thing.observations}
        families = families_of(thing.class_name)
        for index in near:
            other = self._things[index]
            if other.object_id == thing.object_id or families.isdisjoint(
                families_of(other.class_name)
            ):
                continue
            if any(start < seen.time < end for seen in other.observations) and not any(
                _picture(seen) in pictures for seen in other.observations
            ):
                return True
        return False


def _picture(seen: Observation) -> tuple[str, float]:
    return seen.source_uri, seen.source_time_s


def _in_order(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    return tuple(sorted(observations, key=lambda seen: (seen.time, seen.detection_id)))
