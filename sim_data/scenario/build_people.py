"""Builders of people: where they may not be, without a hat, too many, over the fence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from park.crowding import ground_taken
from park.site_model import Zone
from sim_data.scenario.build_ground import lane_heading_deg
from sim_data.scenario.draft import Draft, NoRoomError, Show, Staging
from sim_data.scenario.records import StagedPerson, StagedThing
from sim_data.scenario.shapes import PointM, ahead, heading_between
from sim_data.world.records import Lane, Rgb
from sim_data.world.scene import PersonActor

_CLOTHES: dict[str, tuple[Rgb, ...]] = {
    "easy": ((214, 60, 52), (240, 240, 236), (232, 190, 60), (60, 120, 200)),
    "medium": ((180, 70, 60), (206, 204, 198), (70, 100, 150), (120, 80, 120)),
    "hard": ((64, 66, 70), (80, 78, 70), (52, 60, 76)),
}
_HAIR: tuple[Rgb, ...] = ((30, 26, 24), (52, 40, 32), (90, 84, 80))
_HATS: tuple[Rgb, ...] = ((240, 206, 32), (236, 236, 236), (206, 50, 40), (40, 90, 180))
_VEST: Rgb = (210, 236, 40)
_WALK_MPS = 0.9
_STEP_M = 0.75
_ROOM_M2 = 1.4
"""Ground per person in a loose crowd."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one person looks like."""

    hard_hat: bool
    hat_rgb: Rgb
    vest: bool
    rgb: Rgb
    height_m: float


def person_in_zone(draft: Draft) -> Staging:
    """Return people who walk to and fro; the size is the length of their way."""
    if isinstance(draft.place.shape, LineString):
        heading = _way_heading(draft.place.shape, draft.at_m)
    else:
        heading = float(draft.rng.uniform(0, 360))
    return _staged_walk(draft, draft.at_m, heading, draft.place.thing)


def perimeter_intrusion(draft: Draft) -> Staging:
    """Return people who come in over the fence; the size is how far in they go."""
    zone = draft.place.thing
    fence = draft.world.boundary.exterior
    along = _way_heading(fence, draft.at_m)
    if isinstance(zone, Zone):
        # In a strip along the fence they walk along it: across it they would soon be out.
        return _staged_walk(draft, draft.at_m, along, zone)
    inside = draft.world.boundary
    turns = [
        turn
        for turn in (90.0, -90.0)
        if inside.covers(Point(ahead(draft.at_m, along + turn, draft.size_m)))
    ]
    if not turns:
        raise NoRoomError("has no ground of the park behind the fence there")
    starts = [ahead(draft.at_m, along, number * 1.6) for number in range(draft.count)]
    ways = [
        LineString([ahead(start, along + turns[0], s) for s in (1.0, draft.size_m)])
        for start in starts
    ]
    return _walking(draft, ways, _around(ways), hard_hat=False, vest=False, measure=None)


def _staged_walk(draft: Draft, at_m: PointM, heading: float, zone: object) -> Staging:
    """Return people who walk to and fro beside each other around a point."""
    ways = []
    for number in range(draft.count):
        middle = ahead(at_m, heading, 0.0, (number - (draft.count - 1) / 2) * 1.6)
        ends = (ahead(middle, heading, s * draft.size_m / 2) for s in (-1.0, 1.0))
        ways.append(LineString(list(ends)))
    footprint = _around(ways)
    if isinstance(zone, Zone) and not draft.place.shape.covers(footprint):
        raise NoRoomError(f"does not fit into the zone {zone.id}")
    hat = draft.type == "worker_with_hat"
    measure = float(draft.count) if draft.type == "no_hard_hat" else None
    return _walking(draft, ways, footprint, hard_hat=hat, vest=hat, measure=measure)


def crowd(draft: Draft) -> Staging:
    """Return people who stand together; the size is the width of the crowd."""
    need_m = 2.0 * math.sqrt(draft.count * _ROOM_M2 / math.pi)
    radius_m = max(draft.size_m, need_m) / 2
    lane = draft.place.thing
    stretch = 1.0
    heading = 0.0
    if isinstance(lane, Lane):
        # On a lane a crowd is as wide as the lane and as long as it has to be.
        heading = lane_heading_deg(lane, draft.at_m)
        stretch = max(1.0, 2 * radius_m / lane.width_m)
    people = []
    for number in range(draft.count):
        # A sunflower's pattern spreads points evenly over a disc; a little chance hides it.
        reach = radius_m * math.sqrt((number + 0.5) / draft.count)
        turn = number * math.pi * (3.0 - math.sqrt(5.0))
        forward, right = reach * math.cos(turn) * stretch, reach * math.sin(turn) / stretch
        jitter = draft.rng.uniform(-0.2, 0.2, 2)
        people.append(
            (
                ahead(draft.at_m, heading, forward + jitter[0], right + jitter[1]),
                float(draft.rng.uniform(0, 360)),
                float(draft.rng.uniform(12.0, 40.0)),
                _look(draft, hard_hat=False, vest=False),
            )
        )
    ids = [f"{draft.thing_id}/person-{number}" for number in range(1, draft.count + 1)]

    def show(seconds: float) -> tuple[StagedThing, ...]:
        return tuple(
            _person(
                draft, thing_id, ahead(at_m, turn + 360 * seconds / period, 0.15), turn, 0, look
            )
            for thing_id, (at_m, turn, period, look) in zip(ids, people, strict=True)
        )

    hull = LineString([at_m for at_m, *_ in people]) if len(people) > 1 else Point(people[0][0])
    footprint = hull.convex_hull.buffer(0.5)
    ground_m2 = ground_taken(np.array([at_m for at_m, *_ in people])).area
    per_100_m2 = 100.0 * draft.count / ground_m2
    return Staging(show, footprint, footprint, per_100_m2, tuple(ids))


def _walking(
    draft: Draft,
    ways: list[LineString],
    footprint: BaseGeometry,
    *,
    hard_hat: bool,
    vest: bool,
    measure: float | None,
) -> Staging:
    ids = tuple(f"{draft.thing_id}/person-{number}" for number in range(1, len(ways) + 1))
    looks = [_look(draft, hard_hat=hard_hat, vest=vest) for _ in ways]
    show = _to_and_fro(draft, ids, ways, looks)
    # Time is measured for each person; how many have no hat, for all of them.
    each = [(thing_id, _around([way])) for thing_id, way in zip(ids, ways, strict=True)]
    apart = tuple(each) if measure is None and not hard_hat else ()
    return Staging(show, footprint, footprint, measure, ids, apart, solid_on_ground=False)


def _to_and_fro(
    draft: Draft, ids: tuple[str, ...], ways: list[LineString], looks: list[_Look]
) -> Show:
    ends = [(_corner(way, 0), _corner(way, -1), way.length) for way in ways]

    def show(seconds: float) -> tuple[StagedThing, ...]:
        things = []
        for thing_id, (start, end, length_m), look in zip(ids, ends, looks, strict=True):
            walked = seconds * _WALK_MPS
            turns, on = divmod(walked, length_m)
            back = int(turns) % 2 == 1
            share = (1.0 - on / length_m) if back else on / length_m
            at_m = (
                start[0] + (end[0] - start[0]) * share,
                start[1] + (end[1] - start[1]) * share,
            )
            heading = heading_between(end, start) if back else heading_between(start, end)
            phase = walked / _STEP_M % 1.0
            things.append(_person(draft, thing_id, at_m, heading, _WALK_MPS, look, phase))
        return tuple(things)

    return show


def _look(draft: Draft, *, hard_hat: bool, vest: bool) -> _Look:
    clothes = _CLOTHES[draft.difficulty]
    heads = _HATS if hard_hat else _HAIR
    return _Look(
        hard_hat,
        heads[int(draft.rng.integers(len(heads)))],
        vest,
        _VEST if vest else clothes[int(draft.rng.integers(len(clothes)))],
        float(draft.rng.uniform(1.58, 1.86)),
    )


def _person(
    draft: Draft,
    thing_id: str,
    at_m: PointM,
    heading_deg: float,
    speed_mps: float,
    look: _Look,
    phase: float = 0.0,
) -> StagedPerson:
    actor = PersonActor(
        thing_id,
        at_m[0],
        at_m[1],
        heading_deg % 360.0,
        speed_mps,
        look.hard_hat,
        look.hat_rgb,
        look.vest,
        look.rgb,
        look.height_m,
        phase,
    )
    return StagedPerson(thing_id, draft.stage_id, actor)


def _corner(way: LineString, number: int) -> PointM:
    east_m, north_m = way.coords[number][:2]
    return float(east_m), float(north_m)


def _way_heading(line: BaseGeometry, at_m: PointM) -> float:
    along = line.project(Point(at_m))
    start = line.interpolate(max(0.0, min(along, line.length - 0.5)))
    end = line.interpolate(min(line.length, along + 0.5))
    return heading_between((start.x, start.y), (end.x, end.y))


def _around(ways: list[LineString]) -> BaseGeometry:
    return unary_union([way.buffer(0.4) for way in ways])
