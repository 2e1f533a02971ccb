"""Two things do not stand in one place: what has several names there is one thing.

Models see the same ground each in its own way. Heat shows a van by its bonnet, and takes a group
of people for a bicycle; a comparison with a baseline finds a parked car that is new. Merging keeps
apart what has classes of its own, so that one thing may come out of it as several. Here they are
compared once more, as bodies that take up room.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median

import shapely
from scipy.spatial import cKDTree

from park.geodesy import LocalFrame
from park.records import BoxXyxyPx, Observation, TrackedObject
from park.site import Site
from park.taxonomy import ONLY_NEW, class_matches
from pipelines.stays import PASS_GAP_S
from vision.families import CYCLE, PERSON, VEHICLE, family_of

_TOGETHER = timedelta(seconds=5)
"""Things not seen at the same time may have stood there one after the other."""

_SEEN_AGAIN = timedelta(hours=1)
"""A vehicle that stands where one stood on an earlier pass, or that no model knows there now, is
more likely that one than another, or a thing put in its place."""

_GROUND = ("bare_soil", "stockpile")
_FLAME = ("flame",)
_SMOKE = ("smoke",)

_AS_LONG = 1.4
"""Boxes of one vehicle from two sides differ in length by no more than that."""

_SAME_SHARE, _SAME_M = 0.35, 2.0
"""Of a vehicle's length: less than between the middles of cars side by side."""

_BONNET_SHARE, _BONNET_M = 0.45, 2.5
"""How far from the middle of a vehicle its warmest part is."""

_AS_LARGE, _SAME_GROUND = 1.5, 0.25
"""Soil that is new is as long as soil and as new to within the first, and its middles are no
further apart than the second, of its length."""

_CAB_SHARE, _CAB_LENGTH = 0.45, 0.6
"""How far from the middle of a lorry its cab is, and how long at most, as shares of its length."""

_RIDER_M = 1.0
_GLOW_M = 5.0
_PLUME_M = 8.0
_HALF_WIDTH_M = 0.8
"""Of a small car: nearer to equipment its middle cannot be."""

_FROM_AFAR_M = 4.0
"""What is placed no better was seen from so far that equipment looks like vehicles."""

_LEAST_HEIGHT_M = 1.0
_TIMES_AS_OFTEN = 2
"""A pile of goods is taken for a vehicle now and then, and is new in every picture."""

_NESTED = 0.8
"""Share of a box inside another at which both may be of one thing."""

_NESTED_PICTURES = 3
"""A person seen before a car from one side is not before it from the others."""


def one_thing_each(
    objects: Sequence[TrackedObject], site: Site, thermal_models: Set[str] = frozenset()
) -> tuple[TrackedObject, ...]:
    """Return objects less those that are another name, or a part, of what stands in their place.

    Only what stood there at the same time is compared, but for a vehicle, and what is only said to
    be new, where a vehicle was seen within an hour; and what no model told apart: it did where one
    picture has a box of each, neither within the other.

    - two vehicles are one, with the observations of both; so are a lorry and its cab, which are
      seen in turns;
    - what was only said to be new is the person or the vehicle seen there, twice as long at
      least and not by heat, or the smoke and the flames within it; and where it moves, it is
      nothing that was put there;
    - a cycle within a person's reach is that person;
    - soil around a flame is ground that it lights;
    - what was only said to be new and covers the ground that soil does is that soil;
    - a person seen by heat alone is a warm part of a vehicle that was seen in colour, or whose box
      had it inside in several pictures;
    - a vehicle where the site file has equipment with a height is that equipment, from afar also
      where it may be; and so is a person surely within its outline.

    Observations of what is left out belong to no object then; they stay among the detections.

    Args:
        objects: of a day.
        site: whose equipment, and whose metres.
        thermal_models: ids of models that look at heat.
    """
    equipment = _Equipment(site)
    free = [one for one in objects if not equipment.stands_at(one) and not _drifts(one)]
    bodies = [_Body.of(one, site.frame) for one in free if not one.moving or _shifts(one)]
    left = {one.object_id: one for one in free}
    for _, stays, goes in sorted(_pairs(bodies, thermal_models)):
        first, second = bodies[stays], bodies[goes]
        ids = first.thing.object_id, second.thing.object_id
        if not left.keys() >= set(ids) or _told_apart(first, second):
            continue
        del left[second.thing.object_id]
        if first.family == second.family:
            whole = _joined(left[first.thing.object_id], second.thing)
            left[first.thing.object_id] = whole
            bodies[stays] = replace(first, boxes={**second.boxes, **first.boxes})
    return tuple(sorted(left.values(), key=lambda one: (one.first_seen, one.object_id)))


_Picture = tuple[str, str, float]
"""A picture as one model saw it: the model, the file, and seconds from its start."""


@dataclass(frozen=True, slots=True)
class _Body:
    thing: TrackedObject
    family: str
    east_north_m: tuple[float, float]
    length_m: float
    models: frozenset[str]
    boxes: Mapping[_Picture, BoxXyxyPx]

    @property
    def sightings(self) -> int:
        return len(self.thing.observations)

    def seconds_in_colour(self, thermal_models: Set[str]) -> int:
        """Return in how many seconds of footage it was seen: not all looks are as frequent."""
        seen = (one for one in self.thing.observations if one.model_id not in thermal_models)
        return len({(one.source_uri, int(one.source_time_s)) for one in seen})

    def is_one_of(self, classes: Sequence[str]) -> bool:
        return class_matches(self.thing.class_name, classes)

    @classmethod
    def of(cls, thing: TrackedObject, frame: LocalFrame) -> _Body:
        sizes_m = [seen.size_m for seen in thing.observations if seen.size_m is not None]
        return cls(
            thing,
            family_of(thing.class_name).name,
            _east_north_m(thing, frame),
            median(sizes_m) if sizes_m else 0.0,
            frozenset(seen.model_id for seen in thing.observations),
            {_picture(seen): seen.box_xyxy_px for seen in thing.observations},
        )


def _picture(seen: Observation) -> _Picture:
    return seen.model_id, seen.source_uri, seen.source_time_s


def _east_north_m(thing: TrackedObject, frame: LocalFrame) -> tuple[float, float]:
    east_m, north_m = frame.to_en_m(thing.place.lat_deg, thing.place.lon_deg)
    return float(east_m), float(north_m)


def _pairs(bodies: Sequence[_Body], thermal_models: Set[str]) -> Iterator[tuple[float, int, int]]:
    """Yield how far apart, as a share of what may be, which body stays, and which is part of it."""
    if len(bodies) < 2:
        return
    tree = cKDTree([body.east_north_m for body in bodies])
    for one, other in tree.query_pairs(_PLUME_M, output_type="ndarray").tolist():
        if not _stood_together(bodies[one].thing, bodies[other].thing, _SEEN_AGAIN):
            continue
        at_once = _stood_together(bodies[one].thing, bodies[other].thing, _TOGETHER)
        apart_m = math.dist(bodies[one].east_north_m, bodies[other].east_north_m)
        for stays, goes in ((one, other), (other, one)):
            again = _may_be_seen_again(bodies[stays], bodies[goes])
            if not (at_once or again):
                continue
            within_m = _within_m(bodies[stays], bodies[goes], thermal_models, at_once=at_once)
            if apart_m < within_m and _rank(bodies[stays]) > _rank(bodies[goes]):
                yield apart_m / within_m, stays, goes


def _drifts(thing: TrackedObject) -> bool:
    """Return whether a thing is only said to be new, and moved: light, water, smoke."""
    return thing.moving and class_matches(thing.class_name, ONLY_NEW)


def _burns(thing: TrackedObject) -> bool:
    return class_matches(thing.class_name, (*_FLAME, *_SMOKE))


def _shifts(thing: TrackedObject) -> bool:
    """Return whether the middle of a thing moves with the view: flames, smoke, and bare ground."""
    return _burns(thing) or class_matches(thing.class_name, _GROUND)


def _rank(body: _Body) -> tuple[int, int, str]:
    """Return what decides which of two is the thing: what it is said to be, then how often."""
    known = body.family in (VEHICLE.name, PERSON.name) or _burns(body.thing)
    rank = 2 if known else 1 if body.is_one_of(_GROUND) else 0
    return rank, body.sightings, body.thing.object_id


def _as_large(one: _Body, other: _Body) -> bool:
    """Return whether two cover about the same ground: a shed beside soil, or on it, does not."""
    low_m, high_m = sorted((one.length_m, other.length_m))
    return high_m <= _AS_LARGE * low_m


def _stood_together(one: TrackedObject, other: TrackedObject, apart: timedelta) -> bool:
    return one.first_seen <= other.last_seen + apart and other.first_seen <= one.last_seen + apart


def _may_be_seen_again(stays: _Body, goes: _Body) -> bool:
    """Return whether one may be the other on another pass: a vehicle then; one, or new, now."""
    if stays.family != VEHICLE.name or goes.family != VEHICLE.name:
        return stays.family == VEHICLE.name and goes.is_one_of(ONLY_NEW)
    short_m, long_m = sorted((stays.length_m, goes.length_m))
    another_pass = not _stood_together(stays.thing, goes.thing, timedelta(seconds=PASS_GAP_S))
    return another_pass and long_m <= _AS_LONG * short_m


def _within_m(
    stays: _Body, goes: _Body, thermal_models: Set[str], *, at_once: bool = True
) -> float:
    """Return up to how far `goes` is a name or a part of `stays`; 0.0 where it is none of both."""
    if goes.is_one_of(_GROUND):
        return min(0.5 * goes.length_m, _GLOW_M) if stays.is_one_of(_FLAME) else 0.0
    if (stays.family, goes.family) == (PERSON.name, CYCLE.name):
        return _RIDER_M
    same_m = min(_SAME_SHARE * stays.length_m, _SAME_M)
    if goes.is_one_of(ONLY_NEW) and _burns(stays.thing):
        return min(0.5 * goes.length_m, _PLUME_M)
    if goes.is_one_of(ONLY_NEW) and stays.is_one_of(_GROUND):
        return _SAME_GROUND * stays.length_m if _as_large(stays, goes) else 0.0
    if goes.is_one_of(ONLY_NEW):
        known = stays.family in (VEHICLE.name, CYCLE.name, PERSON.name)
        often, new = (one.seconds_in_colour(thermal_models) for one in (stays, goes))
        return same_m if known and often >= _TIMES_AS_OFTEN * new else 0.0
    if stays.family != VEHICLE.name or goes.family not in (VEHICLE.name, PERSON.name):
        return 0.0
    if not at_once:
        return same_m
    warm = goes.models <= thermal_models
    in_colour = not stays.models <= thermal_models
    if warm and (in_colour or _nested(stays, goes) >= _NESTED_PICTURES):
        return min(_BONNET_SHARE * stays.length_m, _BONNET_M)
    if goes.family == VEHICLE.name and _is_cab(stays, goes):
        return _CAB_SHARE * stays.length_m
    return same_m if goes.family == VEHICLE.name else 0.0


def _is_cab(stays: _Body, goes: _Body) -> bool:
    """Return whether a vehicle is a part of a longer one that is told in its stead.

    Its pictures lie between those of the longer one, in the same footage by the same model; two
    vehicles there would be told apart in some of them.
    """
    if goes.length_m > _CAB_LENGTH * stays.length_m:
        return False
    spans: dict[tuple[str, str], tuple[float, float]] = {}
    for model_id, uri, time_s in stays.boxes:
        first, last = spans.get((model_id, uri), (time_s, time_s))
        spans[model_id, uri] = min(first, time_s), max(last, time_s)
    between = 0
    for model_id, uri, time_s in goes.boxes:
        first, last = spans.get((model_id, uri), (math.inf, -math.inf))
        between += first <= time_s <= last
    return between >= _NESTED_PICTURES and 2 * between > len(goes.boxes)


def _told_apart(one: _Body, other: _Body) -> bool:
    """Return whether a model saw both in one picture, neither within the other."""
    shared = one.boxes.keys() & other.boxes.keys()
    return any(not _within(one.boxes[picture], other.boxes[picture]) for picture in shared)


def _nested(one: _Body, other: _Body) -> int:
    """Return in how many pictures of one model one of both lies within the other."""
    shared = one.boxes.keys() & other.boxes.keys()
    return sum(_within(one.boxes[picture], other.boxes[picture]) for picture in shared)


def _within(one: BoxXyxyPx, other: BoxXyxyPx) -> bool:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other))
    return bool(wide > 0.0 and high > 0.0 and wide * high >= _NESTED * smaller)


def _joined(one: TrackedObject, other: TrackedObject) -> TrackedObject:
    """Return a thing with what was seen of it under another name; its place stays."""
    more = [replace(seen, object_id=one.object_id) for seen in other.observations]
    seen_by_all = sorted([*one.observations, *more], key=lambda o: (o.time, o.detection_id))
    return replace(
        one,
        first_seen=seen_by_all[0].time,
        last_seen=seen_by_all[-1].time,
        observations=tuple(seen_by_all),
    )


class _Equipment:
    """What of a site a vehicle may be mistaken for."""

    def __init__(self, site: Site) -> None:
        self._frame = site.frame
        self._tree = shapely.STRtree(
            [
                site.frame.project_geometry(asset.geometry)
                for asset in site.assets
                if (asset.height_m or 0.0) >= _LEAST_HEIGHT_M
            ]
        )

    def stands_at(self, thing: TrackedObject) -> bool:
        """Return whether a vehicle or a person stands where there is equipment already."""
        family = family_of(thing.class_name)
        if thing.moving or family not in (VEHICLE, PERSON):
            return False
        middle = shapely.Point(_east_north_m(thing, self._frame))
        if family is VEHICLE:
            error_m = thing.place.error_m
            within_m = error_m if error_m >= _FROM_AFAR_M else _HALF_WIDTH_M
            return len(self._tree.query(middle, "dwithin", distance=within_m)) > 0
        return any(
            self._tree.geometries[number].boundary.distance(middle) > thing.place.error_m
            for number in self._tree.query(middle, "within")
        )
