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

from park.errors import RecordError
from park.geodesy import FloatArray, LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from vision.again import seen_again
from vision.alignment import Alignment, ComplexArray, Sight
from vision.bundle import Chain, adjust
from vision.drift import Drift, DriftModel
from vision.families import family_of
from vision.motion import Motion, motion_of
from vision.thing_map import FrameKey, Picture, ThingMap, Unit, picture_of
from vision.together import Way, seen_together

_ROUNDS = 1
"""How often all pictures are laid anew after all of them have been seen."""

_RIGID_M = 50.0
"""Over further than this the map of a pass is bent too much to be laid on another by one shift."""

_LEAST_FOR_SCATTER = 30

_MEDIAN_RADIUS = 1.177
"""The median radius of a round error over its standard deviation per axis."""

_PER_AXIS = 1.515
"""The 68 % radius of a round error over its standard deviation per axis."""


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How observations become things.

    Attributes:
        least_own_m: the least that is an observation's own in its error, one sigma per axis:
            two detectors' boxes of one thing differ by that much.
        own_share: the part of an error that is an observation's own, and not common to its
            picture.
        picture_share: the part that is common to its picture but not to the flight.
        memory_s: what is common to a flight drifts; its correlation falls to 1/e in this time.
        pass_gap_s: pictures of a patrol further apart in time are of different passes.
        reach_m: places further apart are never one thing, however large their errors.
        size_sigma: one sigma of the natural logarithm of the ratio of two measured sizes of
            one thing.
        common_share: errors within one patrol are correlated; averaging does not bring the
            error of a place below this share of the best observation's.
    """

    least_own_m: float = 0.4
    own_share: float = 0.15
    picture_share: float = 0.25
    memory_s: float = 180.0
    pass_gap_s: float = 60.0
    reach_m: float = 15.0
    size_sigma: float = 0.5
    common_share: float = 0.7

    def __post_init__(self) -> None:
        for name in (
            "least_own_m",
            "own_share",
            "picture_share",
            "memory_s",
            "pass_gap_s",
            "reach_m",
            "size_sigma",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise RecordError(f"{name} {value} is not more than zero")
        if not 0.0 <= self.common_share <= 1.0:
            raise RecordError(f"common_share {self.common_share} is not in 0..1")


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """The observations of one unit, and how it moved."""

    observations: tuple[Observation, ...]
    motion: Motion


def merge_observations(
    observations: Sequence[Observation], *, options: MergeOptions | None = None
) -> tuple[TrackedObject, ...]:
    """Return the things that observations are of.

    Observations of one track are one thing. Tracks that moved are one thing where different
    cameras followed them side by side at the same time (`vision.together`), and things of their
    own else; everything else is merged over any gap in time. A person who was out of sight for a
    while and came back near by, nobody else being there, is one (`vision.again`). The result does
    not depend on the order of the observations given. Cost grows with their number times the things
    near each.

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
    followed, units = _units(ordered, frame, options)
    standing = [unit for unit in units if not followed[unit.index].motion.moving]
    movers = _moved(units, followed, frame)
    things = _with_who_came_back([*_merged(standing, followed, options), *movers], followed, frame)
    objects = [
        _tracked_object([followed[unit.index] for unit in thing], options, frame)
        for thing in things
    ]
    return tuple(sorted(objects, key=lambda o: (o.first_seen, o.object_id)))


def _moved(
    units: Sequence[Unit], followed: Sequence[_Followed], frame: LocalFrame
) -> list[list[Unit]]:
    """Return the units of each thing that moved."""
    movers = [unit for unit in units if followed[unit.index].motion.moving]
    ways = [_way(unit.family, followed[unit.index].observations, frame) for unit in movers]
    return [[movers[number] for number in group] for group in seen_together(ways)]


def _with_who_came_back(
    things: Sequence[Sequence[Unit]], followed: Sequence[_Followed], frame: LocalFrame
) -> list[list[Unit]]:
    """Return things, those of one person who was out of sight put together."""
    seen = [
        sorted((o for unit in thing for o in followed[unit.index].observations), key=_order)
        for thing in things
    ]
    ways = [_way(thing[0].family, one, frame) for thing, one in zip(things, seen, strict=True)]
    return [[unit for number in group for unit in things[number]] for group in seen_again(ways)]


def _way(family: str, observations: Sequence[Observation], frame: LocalFrame) -> Way:
    lat = np.array([_place(o).lat_deg for o in observations])
    lon = np.array([_place(o).lon_deg for o in observations])
    return Way(
        family,
        frozenset(o.source_uri for o in observations),
        np.array([o.time.timestamp() for o in observations]),
        np.column_stack(frame.to_en_m(lat, lon)),
        float(np.median([_error_m(o) for o in observations])),
    )


def _merged(
    units: Sequence[Unit], followed: Sequence[_Followed], options: MergeOptions
) -> list[list[Unit]]:
    """Return the units of each thing that stands."""
    if not units:
        return []
    sigma_m = {
        unit.index: min(_error_m(o) for o in followed[unit.index].observations) / _PER_AXIS
        for unit in units
    }
    things = ThingMap(options.reach_m, options.size_sigma, len(units))
    chains: dict[str, Chain] = {}
    for patrol_id, pictures in _passes(units, followed, options):
        common_m = max(float(np.median([sigma_m[u.index] for p in pictures for u in p.units])), 0.1)
        model = DriftModel(
            common_m,
            picture_m=max(options.picture_share * common_m, 0.1),
            shift_memory_s=options.memory_s,
        )
        one = _take_pass(Chain(tuple(pictures), model), things, options)
        before = chains.get(patrol_id)
        chains[patrol_id] = one if before is None else before.followed_by(one)
    whole = list(chains.values())
    for _ in range(_ROUNDS):
        things, _ = _adjusted(whole, things, options)
    return things.members


def _scatter(pictures: Sequence[Picture], found: Sequence[Alignment], things: ThingMap) -> float:
    """Return the ratio of how places scatter about their things to how they were taken to.

    From the middle of all distances, which neighbours that are mixed up do not move much.
    """
    thing_of = {unit.index: k for k, units in enumerate(things.members) for unit in units}
    places = things.places
    ratios = [
        abs(place - places[thing_of[unit.index]])
        / unit.own_m
        / math.sqrt(1.0 - 1.0 / len(things.members[thing_of[unit.index]]))
        for picture, alignment in zip(pictures, found, strict=True)
        for unit, place in zip(
            picture.units,
            alignment.lay(picture.sight.places, picture.sight.centre).tolist(),
            strict=True,
        )
        if len(things.members[thing_of[unit.index]]) > 1
    ]
    if len(ratios) < _LEAST_FOR_SCATTER:
        return 1.0
    return min(max(float(np.median(ratios)) / _MEDIAN_RADIUS, 0.5), 2.0)


def _take_pass(one: Chain, things: ThingMap, options: MergeOptions) -> Chain:
    """Take the pictures of a pass into a map: first together as a whole, then each for itself.

    A single picture of an even row fits one place further on as well; a whole pass has the
    ends of the rows in it, and the gaps.
    """
    pictures = one.pictures
    nothing = np.zeros(2, dtype=np.complex128)
    own, found = _pass_map(one, options)
    # How far boxes really scatter is known now; the better it is, the better rows are told.
    one = one.scattering(_scatter(pictures, found, own))
    pictures = one.pictures
    own, found = _pass_map(one, options)
    if not things.members:
        for picture, alignment in zip(pictures, found, strict=True):
            things.take(picture, alignment)
        return one
    # Over many minutes both passes drift, each its own way, and no one shift lays all of it:
    # the part around the fullest picture is laid, and the walk from there follows the rest.
    middle = pictures[_fullest(pictures)]
    part = ThingMap(options.reach_m, options.size_sigma, sum(len(p.units) for p in pictures))
    for picture, alignment in zip(pictures, found, strict=True):
        far_m = abs(picture.sight.centre - middle.sight.centre)
        if abs(picture.time_s - middle.time_s) <= options.memory_s and far_m <= _RIGID_M:
            part.take(picture, alignment)
    sight = Sight(
        part.places,
        np.hypot(part.sigma_m, options.least_own_m),
        complex(part.places.mean()),
        part.footprints,
    )
    # Both passes are off, each by its own drift.
    whole = things.compare(sight, Alignment(nothing, 2.0 * one.model.anything.covariance))
    doubt = np.diag([whole.covariance[0, 0].real + 0.1, one.model.picture_bend**2])
    between = Drift(one.model, Alignment(nothing, doubt.astype(np.complex128)))
    laid = [alignment.mean + np.array([whole.mean[0], 0.0]) for alignment in found]
    _walk(pictures, laid, between, things)
    return one


def _pass_map(one: Chain, options: MergeOptions) -> tuple[ThingMap, list[Alignment]]:
    """Return a map of a pass alone, and the common error of each picture."""
    own = ThingMap(options.reach_m, options.size_sigma, sum(len(p.units) for p in one.pictures))
    nothing = np.zeros(2, dtype=np.complex128)
    _walk(one.pictures, [nothing] * len(one.pictures), Drift(one.model), own)
    return _adjusted([one], own, options)


def _fullest(pictures: Sequence[Picture]) -> int:
    """Return which picture shows most, the first where several do."""
    return max(range(len(pictures)), key=lambda i: (len(pictures[i].units), -i))


def _walk(
    pictures: Sequence[Picture], expected: Sequence[ComplexArray], drift: Drift, things: ThingMap
) -> None:
    """Take pictures into a map, from the fullest one on to either end of the flight.

    Args:
        pictures: of one pass, in order of time.
        expected: the mean of shift and bend of each, to which the drift is added.
        drift: of the fullest picture, with no time.
        things: the map.
    """
    middle = _fullest(pictures)
    back = Drift(drift.model, drift.now)
    for i in (*range(middle, len(pictures)), *range(middle - 1, -1, -1)):
        current = drift if i >= middle else back
        drifted = current.expect(pictures[i].time_s)
        prior = Alignment(drifted.mean + expected[i], drifted.covariance)
        found = things.compare(pictures[i].sight, prior)
        current.learn(Alignment(found.mean - expected[i], found.covariance))
        things.take(pictures[i], found)
        if i == middle:
            back = Drift(drift.model, drift.now, pictures[i].time_s)


def _adjusted(
    chains: Sequence[Chain], things: ThingMap, options: MergeOptions
) -> tuple[ThingMap, list[Alignment]]:
    """Return a map made anew, with every picture where all of them together say it was."""
    pictures = [picture for chain in chains for picture in chain.pictures]
    thing_of = np.zeros(1 + max(u.index for p in pictures for u in p.units), dtype=np.intp)
    for number, members in enumerate(things.members):
        thing_of[[unit.index for unit in members]] = number
    found = adjust(chains, thing_of, things.places)
    anew = ThingMap(options.reach_m, options.size_sigma, sum(len(p.units) for p in pictures))
    order = sorted(range(len(pictures)), key=lambda i: (-len(pictures[i].units), i))
    for i in order:
        found[i] = anew.compare(pictures[i].sight, found[i])
        anew.take(pictures[i], found[i])
    return anew, found


def _passes(
    units: Sequence[Unit], followed: Sequence[_Followed], options: MergeOptions
) -> list[tuple[str, list[Picture]]]:
    """Return the pictures of each pass of each patrol, passes by when they begin."""
    groups: dict[tuple[str, FrameKey], list[Unit]] = {}
    width_px: defaultdict[str, float] = defaultdict(float)
    height_px: defaultdict[str, float] = defaultdict(float)
    for unit in units:
        first = followed[unit.index].observations[0]
        groups.setdefault((first.patrol_id, _frame_key(first)), []).append(unit)
        # The size of the pictures of a patrol is not recorded with an observation; the
        # outermost edges of all its boxes come close, and not beyond.
        width_px[first.patrol_id] = max(width_px[first.patrol_id], first.box_xyxy_px[2])
        height_px[first.patrol_id] = max(height_px[first.patrol_id], first.box_xyxy_px[3])
    passes: list[tuple[str, list[Picture]]] = []
    last: dict[str, list[Picture]] = {}
    for (patrol_id, _), group in groups.items():
        first = followed[group[0].index].observations[0]
        size_px = None
        if first.track_id is None:
            size_px = width_px[patrol_id], height_px[patrol_id]
        picture = picture_of(group, first.time.timestamp(), size_px)
        pictures = last.get(patrol_id)
        if pictures is None or picture.time_s - pictures[-1].time_s > options.pass_gap_s:
            pictures = last[patrol_id] = []
            passes.append((patrol_id, pictures))
        pictures.append(picture)
    return passes


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


def _error_m(observation: Observation) -> float:
    return max(_place(observation).error_m, 1e-3)


def _units(
    ordered: Sequence[Observation], frame: LocalFrame, options: MergeOptions
) -> tuple[list[_Followed], list[Unit]]:
    lat = np.array([_place(o).lat_deg for o in ordered])
    lon = np.array([_place(o).lon_deg for o in ordered])
    places_m = np.column_stack(frame.to_en_m(lat, lon))
    members: dict[tuple[str, str, str], list[int]] = {}
    for i, o in enumerate(ordered):
        key = ("", "", o.detection_id) if o.track_id is None else (o.patrol_id, o.track_id, "")
        members.setdefault(key, []).append(i)
    followed, units = [], []
    for index, m in enumerate(members.values()):
        one, unit = _unit(index, [ordered[i] for i in m], places_m[m], options)
        followed.append(one)
        units.append(unit)
    return followed, units


def _unit(
    index: int, observations: Sequence[Observation], places_m: FloatArray, options: MergeOptions
) -> tuple[_Followed, Unit]:
    error_m = np.array([_error_m(o) for o in observations])
    place = np.average(places_m, axis=0, weights=error_m**-2.0)
    sizes = [o.size_m for o in observations if o.size_m is not None and o.size_m > 0.0]
    motion = Motion(False, None)
    if len(observations) > 1:
        times = np.array([o.time.timestamp() for o in observations])
        motion = motion_of(times, places_m, error_m, np.array(sizes))
    x0, y0, x1, y1 = observations[0].box_xyxy_px
    unit = Unit(
        index,
        frozenset(_frame_key(o) for o in observations),
        family_of(_vote(observations)).name,
        complex(place[0], place[1]),
        max(options.own_share * float(error_m.min()) / _PER_AXIS, options.least_own_m),
        float(np.median(sizes)) if sizes else math.nan,
        ((x0 + x1) / 2.0, (y0 + y1) / 2.0),
    )
    return _Followed(tuple(observations), motion), unit


def _vote(observations: Iterable[Observation]) -> str:
    """Return the class with most confidence behind it; the first by name where two tie."""
    votes: defaultdict[str, float] = defaultdict(float)
    for observation in observations:
        votes[observation.class_name] += observation.confidence
    return min(votes, key=lambda name: (-round(votes[name], 9), name))


def _tracked_object(
    members: Sequence[_Followed], options: MergeOptions, frame: LocalFrame
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
