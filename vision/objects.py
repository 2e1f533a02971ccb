"""One physical thing, once: observations of overlapping pictures and repeated passes merged.

Observations are taken in order of time, picture by picture, into a map of things. For each
picture the shift that it has as a whole against the map is estimated first and taken out;
then its observations are given to things of the map by the one-to-one assignment that is most
likely over the whole picture. So two observations of one picture are never one thing, and two
cars side by side stay two although each of them alone could be the other.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from park.errors import RecordError
from park.geodesy import FloatArray, LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from vision.families import family_of
from vision.motion import Motion, motion_of
from vision.registration import estimate_shift

FrameKey = tuple[str, float]
"""Which picture: source_uri and source_time_s."""

_PER_AXIS = 1.515
"""The 68 % radius of a round error over its standard deviation per axis."""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How observations become things.

    Attributes:
        least_sigma_m: errors are taken as no smaller than this, per axis, when places are
            compared: two detectors' boxes of one thing differ by that much.
        own_share: the part of an error that is an observation's own once what is common to
            its picture has been taken out.
        gate: squared distance in sigmas up to which two places may be one (9.21 leaves out
            1 % of true pairs).
        reach_m: places further apart are never one thing, however large their errors.
        size_sigma: one sigma of the natural logarithm of the ratio of two measured sizes of
            one thing.
        common_share: errors within one patrol are correlated; averaging does not bring the
            error of a place below this share of the best observation's.
    """

    least_sigma_m: float = 0.7
    own_share: float = 0.35
    gate: float = 9.21
    reach_m: float = 15.0
    size_sigma: float = 0.5
    common_share: float = 0.7

    def __post_init__(self) -> None:
        for name in ("least_sigma_m", "own_share", "gate", "reach_m", "size_sigma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise RecordError(f"{name} {value} is not more than zero")
        if not 0.0 <= self.common_share <= 1.0:
            raise RecordError(f"common_share {self.common_share} is not in 0..1")


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """What enters the map as one: a track, or an observation without one."""

    observations: tuple[Observation, ...]
    frames: frozenset[FrameKey]
    family: str
    place_m: FloatArray
    sigma_m: float
    size_m: float
    motion: Motion


def merge_observations(
    observations: Sequence[Observation], *, options: MergeOptions | None = None
) -> tuple[TrackedObject, ...]:
    """Return the things that observations are of.

    Observations of one track are one thing. A track that moved stays a thing of its own;
    everything else is merged over any gap in time. The result does not depend on the order
    of the observations given. Cost grows with their number times the things near each.

    Args:
        observations: from all footage of a run, tracked and not tracked. Those without a
            place belong to no thing and are left out; of several with the same
            `detection_id` (one file given twice) the first by time and source is taken.
        options: how they are merged.

    Returns:
        Ordered by first sight and id. The observations in them carry their `object_id`.
        `speed_mps` is 0.0 for a thing that did not move, and None where it was seen once.
    """
    options = MergeOptions() if options is None else options
    ordered = _unique(sorted((o for o in observations if o.place is not None), key=_order))
    if not ordered:
        return ()
    frame = _frame_of(ordered)
    units = _units(ordered, frame, options)
    things = _Map(frame, options, len(units))
    groups: dict[FrameKey, list[_Unit]] = {}
    movers = []
    for unit in units:
        if unit.motion.moving:
            movers.append([unit])
        else:
            groups.setdefault(_frame_key(unit.observations[0]), []).append(unit)
    for group in groups.values():
        things.take(group)
    objects = [_tracked_object(members, options, frame) for members in things.members + movers]
    return tuple(sorted(objects, key=lambda o: (o.first_seen, o.object_id)))


def _order(observation: Observation) -> tuple[float, str, float, str]:
    return (
        observation.time.timestamp(),
        observation.source_uri,
        observation.source_time_s,
        observation.detection_id,
    )


def _frame_key(observation: Observation) -> FrameKey:
    return observation.source_uri, observation.source_time_s


def _unique(ordered: Iterable[Observation]) -> list[Observation]:
    first: dict[str, Observation] = {}
    for observation in ordered:
        first.setdefault(observation.detection_id, observation)
    return list(first.values())


def _place(observation: Observation) -> GroundPoint:
    if observation.place is None:
        raise RecordError(f"observation {observation.detection_id} has no place")
    return observation.place


def _frame_of(ordered: Sequence[Observation]) -> LocalFrame:
    """Return a frame around the first observation, which the order given does not change."""
    first = _place(ordered[0])
    return LocalFrame(first.lat_deg, first.lon_deg)


def _units(ordered: Sequence[Observation], frame: LocalFrame, options: MergeOptions) -> list[_Unit]:
    lat = np.array([_place(o).lat_deg for o in ordered])
    lon = np.array([_place(o).lon_deg for o in ordered])
    places_m = np.column_stack(frame.to_en_m(lat, lon))
    members: dict[tuple[str, str, str], list[int]] = {}
    for i, o in enumerate(ordered):
        key = ("", "", o.detection_id) if o.track_id is None else (o.patrol_id, o.track_id, "")
        members.setdefault(key, []).append(i)
    return [_unit([ordered[i] for i in m], places_m[m], options) for m in members.values()]


def _unit(
    observations: Sequence[Observation], places_m: FloatArray, options: MergeOptions
) -> _Unit:
    if len(observations) == 1:
        return _lone_unit(observations[0], places_m[0], options)
    error_m = np.array([_place(o).error_m for o in observations])
    weight = 1.0 / np.maximum(error_m, 1e-3) ** 2
    sizes = [o.size_m for o in observations if o.size_m is not None and o.size_m > 0.0]
    times = np.array([o.time.timestamp() for o in observations])
    return _Unit(
        tuple(observations),
        frozenset(_frame_key(o) for o in observations),
        family_of(_vote(observations)).name,
        np.asarray(np.average(places_m, axis=0, weights=weight), dtype=np.float64),
        max(float(error_m.min()) / _PER_AXIS, options.least_sigma_m),
        float(np.median(sizes)) if sizes else math.nan,
        motion_of(times, places_m, error_m),
    )


def _lone_unit(observation: Observation, place_m: FloatArray, options: MergeOptions) -> _Unit:
    return _Unit(
        (observation,),
        frozenset((_frame_key(observation),)),
        family_of(observation.class_name).name,
        place_m,
        max(_place(observation).error_m / _PER_AXIS, options.least_sigma_m),
        observation.size_m or math.nan,
        Motion(False, None),
    )


class _Map:
    """Things found so far, and the units that each of them consists of."""

    def __init__(self, frame: LocalFrame, options: MergeOptions, most: int) -> None:
        self.frame = frame
        self.options = options
        self.members: list[list[_Unit]] = []
        self._frames: list[set[FrameKey]] = []
        self._family: list[str] = []
        self._place_m = np.zeros((most, 2))
        self._sigma_m = np.zeros(most)
        self._size_m = np.zeros(most)
        self._cells: dict[tuple[int, int], list[int]] = {}

    def take(self, group: Sequence[_Unit]) -> None:
        """Give the units that begin in one picture to things, or make new things of them."""
        near = self._near(group)
        places_m = np.array([unit.place_m for unit in group])
        sigma_m = np.array([unit.sigma_m for unit in group])
        if len(near):
            shift = estimate_shift(
                places_m,
                self._place_m[near],
                sigma_m=float(np.median(sigma_m)) * math.sqrt(2.0),
                scatter_m=max(
                    self.options.own_share * float(np.median(sigma_m)), self.options.least_sigma_m
                ),
            )
            if shift is not None:
                places_m = places_m + np.array([shift.east_m, shift.north_m])
                sigma_m = np.maximum(sigma_m * self.options.own_share, self.options.least_sigma_m)
        matches = self._assign(group, places_m, sigma_m, near)
        for i, unit in enumerate(group):
            self._put(unit, places_m[i], sigma_m[i], matches.get(i))

    def _near(self, group: Sequence[_Unit]) -> NDArray[np.intp]:
        """Return things whose cell is within reach of any of the units, ascending."""
        found: set[int] = set()
        cells = {
            (east + i, north + j)
            for east, north in {self._cell(unit.place_m) for unit in group}
            for i in (-2, -1, 0, 1, 2)
            for j in (-2, -1, 0, 1, 2)
        }
        for cell in cells:
            found.update(self._cells.get(cell, ()))
        return np.array(sorted(found), dtype=np.intp)

    def _cell(self, place_m: FloatArray) -> tuple[int, int]:
        size = self.options.reach_m
        return math.floor(place_m[0] / size), math.floor(place_m[1] / size)

    def _assign(
        self,
        group: Sequence[_Unit],
        places_m: FloatArray,
        sigma_m: FloatArray,
        near: NDArray[np.intp],
    ) -> dict[int, int]:
        """Return, for the units that are things already known, which."""
        if len(near) == 0:
            return {}
        variance = sigma_m[:, None] ** 2 + self._sigma_m[near][None] ** 2
        square_m2 = ((places_m[:, None] - self._place_m[near][None]) ** 2).sum(axis=2)
        sizes = np.array([unit.size_m for unit in group])
        ratio = np.log(sizes[:, None] / self._size_m[near][None]) / self.options.size_sigma
        unlike = np.nan_to_num(ratio**2, nan=0.0)
        cost = square_m2 / variance + unlike
        possible = (square_m2 <= self.options.gate * variance) & (
            square_m2 <= self.options.reach_m**2
        )
        possible &= cost <= 2.0 * self.options.gate
        for row, column in np.argwhere(possible):
            thing = near[column]
            if self._family[thing] != group[row].family or not self._frames[thing].isdisjoint(
                group[row].frames
            ):
                possible[row, column] = False
        # What is not possible is worth nothing, what is possible more than nothing: the best
        # total pairs as many as it can, and the likeliest of those.
        worth = np.where(possible, 3.0 * self.options.gate - cost, 0.0)
        rows, columns = linear_sum_assignment(worth, maximize=True)
        return {
            int(row): int(near[column])
            for row, column in zip(rows, columns, strict=True)
            if possible[row, column]
        }

    def _put(self, unit: _Unit, place_m: FloatArray, sigma_m: float, thing: int | None) -> None:
        if thing is None:
            thing = len(self.members)
            self.members.append([unit])
            self._frames.append(set(unit.frames))
            self._family.append(unit.family)
            self._place_m[thing], self._sigma_m[thing] = place_m, sigma_m
            self._size_m[thing] = unit.size_m
            self._cells.setdefault(self._cell(place_m), []).append(thing)
            return
        self.members[thing].append(unit)
        self._frames[thing] |= unit.frames
        old, new = self._sigma_m[thing] ** -2.0, sigma_m**-2.0
        self._place_m[thing] = (self._place_m[thing] * old + place_m * new) / (old + new)
        self._sigma_m[thing] = min(float(self._sigma_m[thing]), sigma_m)
        if math.isnan(self._size_m[thing]):
            self._size_m[thing] = unit.size_m


def _vote(observations: Iterable[Observation]) -> str:
    """Return the class with most confidence behind it; the first by name where two tie."""
    votes: defaultdict[str, float] = defaultdict(float)
    for observation in observations:
        votes[observation.class_name] += observation.confidence
    return min(votes, key=lambda name: (-round(votes[name], 9), name))


def _tracked_object(
    members: Sequence[_Unit], options: MergeOptions, frame: LocalFrame
) -> TrackedObject:
    observations = sorted((o for unit in members for o in unit.observations), key=_order)
    digest = hashlib.blake2b(observations[0].detection_id.encode(), digest_size=16)
    object_id = digest.hexdigest()
    moving = any(unit.motion.moving for unit in members)
    speed_mps: float | None = None
    if len(observations) > 1:
        speed_mps = members[0].motion.speed_mps if moving else 0.0
    return TrackedObject(
        object_id,
        _vote(observations),
        _merged_place(observations, options, frame),
        observations[0].time,
        observations[-1].time,
        moving,
        speed_mps,
        tuple(replace(o, object_id=object_id) for o in observations),
    )


def _merged_place(
    observations: Sequence[Observation], options: MergeOptions, frame: LocalFrame
) -> GroundPoint:
    """Return the weighted place of a thing, and an error that averaging cannot talk away.

    Within a patrol the error is at least `common_share` of its best observation's; patrols
    are independent of each other. Where places scatter more than their errors allow, the
    error is scaled up by the ratio (Birge's).
    """
    if len(observations) == 1:
        return _place(observations[0])
    points = [_place(o) for o in observations]
    east, north = frame.to_en_m(
        np.array([p.lat_deg for p in points]), np.array([p.lon_deg for p in points])
    )
    error_m = np.maximum(np.array([p.error_m for p in points]), 1e-3)
    weight = error_m**-2.0
    mean_east, mean_north = np.average(east, weights=weight), np.average(north, weights=weight)
    patrols: dict[str, list[float]] = {}
    for o, e in zip(observations, error_m.tolist(), strict=True):
        patrols.setdefault(o.patrol_id, []).append(e)
    information = 0.0
    for errors in patrols.values():
        averaged = sum(e**-2.0 for e in errors) ** -0.5
        information += max(averaged, options.common_share * min(errors)) ** -2.0
    square = ((east - mean_east) ** 2 + (north - mean_north) ** 2) * _PER_AXIS**2 * weight
    scatter = math.sqrt(float(square.sum()) / (2.0 * (len(points) - 1)))
    lat_deg, lon_deg = frame.to_lat_lon(float(mean_east), float(mean_north))
    return GroundPoint(lat_deg, lon_deg, information**-0.5 * max(1.0, scatter))
