"""Builders of vehicles: parked where they may not, queueing, waiting at a junction."""

from __future__ import annotations

import math
from dataclasses import replace

import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring, unary_union

from park.site_model import Zone
from park.site_rules import VehicleLimit
from sim_data.scenario.build_ground import lane_heading_deg
from sim_data.scenario.draft import Draft, NoRoomError, Show, Staging, still
from sim_data.scenario.records import StagedThing, StagedVehicle
from sim_data.scenario.shapes import PointM, ahead, box, long_axis_deg
from sim_data.world.records import Lane, Rgb
from sim_data.world.scene import VEHICLE_SIZES_M, VehicleActor, VehicleKind

_PAINTS: dict[str, tuple[Rgb, ...]] = {
    "easy": ((236, 236, 234), (178, 34, 34), (236, 190, 40), (38, 84, 170)),
    "medium": ((236, 236, 234), (150, 152, 156), (120, 30, 34), (44, 70, 120)),
    "hard": ((62, 64, 66), (92, 94, 96), (40, 44, 48)),
}
_NEAR_LANE_M = 12.0
_GAP_M = 1.8
_ROW_M, _COLUMN_M = 5.4, 2.6
_ROLL_S = 5.0
_ROLL_MPS = 6.0


def parked_vehicle(draft: Draft) -> Staging:
    """Return vehicles that stand in a zone; with several, one behind the other."""
    kind = VehicleKind(draft.variant)
    length_m, width_m, _ = VEHICLE_SIZES_M[kind]
    heading = _heading_at(draft)
    step_m = length_m + _GAP_M
    places = [
        ahead(draft.at_m, heading, (number - (draft.count - 1) / 2) * step_m)
        for number in range(draft.count)
    ]
    shapes = [box(at_m, heading, length_m, width_m) for at_m in places]
    footprint = unary_union(shapes)
    zone = draft.place.thing
    if isinstance(zone, Zone) and not draft.place.shape.covers(footprint):
        raise NoRoomError(f"does not fit into the zone {zone.id}")
    things = [_vehicle(draft, number, kind, at_m, heading) for number, at_m in enumerate(places, 1)]
    apart = tuple(zip(_ids(things), shapes, strict=True))
    return Staging(still(*things), footprint, footprint, None, _ids(things), apart)


def too_many_vehicles(draft: Draft) -> Staging:
    """Return more vehicles than a zone may hold: `count` above its limit, standing in rows."""
    zone = draft.place.thing
    limits = (
        [rule for rule in zone.rules if isinstance(rule, VehicleLimit)]
        if isinstance(zone, Zone)
        else []
    )
    if not limits:
        raise NoRoomError("is not in a zone with a limit of vehicles")
    wanted = min(rule.max_count for rule in limits) + draft.count
    cells = _standing_room(draft)
    if len(cells) < wanted:
        raise NoRoomError(
            f"needs room for {wanted} vehicles, and the zone {draft.place.place_id} has room for "
            f"{len(cells)}"
        )
    things = [
        _vehicle(draft, number, VehicleKind.CAR, at_m, heading)
        for number, (at_m, heading) in enumerate(cells[:wanted], 1)
    ]
    footprint = unary_union([_box(thing.actor) for thing in things])
    # The zone is kept clear as a whole: nobody who parks there anyway spoils the count.
    return Staging(
        still(*things),
        footprint,
        footprint,
        float(wanted),
        _ids(things),
        kept_clear=draft.place.shape,
    )


def _standing_room(draft: Draft) -> list[tuple[PointM, float]]:
    """Return where cars can stand in a zone: first its bays, then rows in what is left."""
    length_m, width_m, _ = VEHICLE_SIZES_M[VehicleKind.CAR]
    zone = draft.place.shape
    shapely.prepare(zone)
    found: list[tuple[PointM, float]] = []
    taken: list[BaseGeometry] = []
    west, south, east, north = zone.bounds
    for bay in draft.world.bays:
        at_m = (bay.east_m, bay.north_m)
        if not (west < at_m[0] < east and south < at_m[1] < north):
            continue
        shape = box(at_m, bay.heading_deg, length_m, width_m)
        if zone.covers(shape):
            found.append((at_m, bay.heading_deg))
            taken.append(shape)
    tree = shapely.STRtree(taken)
    heading = found[0][1] if found else long_axis_deg(zone)
    middle = zone.centroid
    reach = int(math.dist((west, south), (east, north)) / 2)
    rows = range(-int(reach / _ROW_M) - 1, int(reach / _ROW_M) + 2)
    columns = range(-int(reach / _COLUMN_M) - 1, int(reach / _COLUMN_M) + 2)
    for row, column in ((row, column) for row in rows for column in columns):
        at_m = ahead((middle.x, middle.y), heading, row * _ROW_M, column * _COLUMN_M)
        shape = box(at_m, heading, length_m, width_m)
        if zone.covers(shape) and not len(tree.query(shape, predicate="intersects")):
            found.append((at_m, heading))
    return found


def congestion(draft: Draft) -> Staging:
    """Return a queue on a lane that hardly moves; its size is the length of the queue."""
    lane = draft.place.thing
    if not isinstance(lane, Lane):
        raise NoRoomError("is not on a lane")
    head_m = min(lane.line.length, lane.line.project(Point(draft.at_m)) + draft.size_m)
    if head_m < draft.size_m:
        raise NoRoomError(f"needs {draft.size_m:g} m of lane, and {lane.lane_id} is shorter")
    things: list[StagedVehicle] = []
    back_m = head_m
    while True:
        kind = VehicleKind(draft.rng.choice(["car", "car", "car", "van", "truck"]))
        length_m = VEHICLE_SIZES_M[kind][0]
        middle_m = back_m - length_m / 2
        if middle_m - length_m / 2 < head_m - draft.size_m and things:
            break
        at = lane.line.interpolate(middle_m)
        heading = lane_heading_deg(lane, (at.x, at.y))
        things.append(_vehicle(draft, len(things) + 1, kind, (at.x, at.y), heading))
        back_m = middle_m - length_m / 2 - float(draft.rng.uniform(1.5, 3.0))
    queue = substring(lane.line, max(0.0, head_m - draft.size_m), head_m)
    footprint = queue.buffer(1.3, cap_style="flat")
    long_m = head_m - (back_m + _GAP_M)
    lanes = next(road.lanes for road in draft.world.roads if road.road_id == lane.road_id)
    measure = 1000.0 * len(things) / (long_m * lanes)
    return Staging(_creeping(things), footprint, footprint, measure, _ids(things))


def waiting_car(draft: Draft) -> Staging:
    """Return a car that drives up to a stop line, waits and drives on."""
    lane = draft.place.thing
    if not isinstance(lane, Lane):
        raise NoRoomError("is not at a stop line")
    length_m, width_m, _ = VEHICLE_SIZES_M[VehicleKind.CAR]
    stop_m = lane.line.length - length_m / 2 - 1.0
    at = lane.line.interpolate(stop_m)
    heading = lane_heading_deg(lane, (at.x, at.y))
    car = _vehicle(draft, 1, VehicleKind.CAR, (at.x, at.y), heading)
    roll_s = min(_ROLL_S, draft.lasts_s / 4)

    def show(seconds: float) -> tuple[StagedThing, ...]:
        left_s = draft.lasts_s - seconds
        if seconds < roll_s:
            # Braking evenly to a stand: v falls from twice the mean to nothing.
            share = 1.0 - seconds / roll_s
            return (_moved(car, -_ROLL_MPS * roll_s / 2 * share**2, _ROLL_MPS * share),)
        if left_s < roll_s:
            share = 1.0 - left_s / roll_s
            return (_moved(car, _ROLL_MPS * roll_s / 2 * share**2, _ROLL_MPS * share),)
        return (car,)

    around = box((at.x, at.y), heading, length_m, width_m)
    way_m = _ROLL_MPS * roll_s / 2
    way = LineString([ahead((at.x, at.y), heading, s * way_m) for s in (-1, 1)])
    footprint = way.buffer(width_m / 2).union(around)
    return Staging(show, footprint, around, draft.lasts_s - 2 * roll_s, _ids([car]))


def _creeping(things: list[StagedVehicle]) -> Show:
    """Return a queue that goes a metre forward and waits, again and again; it never closes up."""

    def show(seconds: float) -> tuple[StagedThing, ...]:
        # To and fro within half a metre: the queue stays where it was staged.
        moved = 0.5 * math.sin(2 * math.pi * seconds / 40.0)
        return tuple(_moved(thing, moved, 0.0) for thing in things)

    return show


def _heading_at(draft: Draft) -> float:
    """Return the direction of the nearest lane, else the long axis of the place."""
    point = Point(draft.at_m)
    near = [lane for lane in draft.world.lanes if lane.line.distance(point) <= _NEAR_LANE_M]
    if near:
        lane = min(near, key=lambda one: one.line.distance(point))
        return lane_heading_deg(lane, draft.at_m)
    axis = long_axis_deg(draft.place.shape)
    return axis if draft.rng.random() < 0.5 else (axis + 180.0) % 360.0


def _vehicle(
    draft: Draft, number: int, kind: VehicleKind, at_m: PointM, heading_deg: float
) -> StagedVehicle:
    length_m, width_m, height_m = VEHICLE_SIZES_M[kind]
    paints = _PAINTS[draft.difficulty]
    scale = float(draft.rng.uniform(0.95, 1.0))
    thing_id = f"{draft.thing_id}/{kind.value}-{number}"
    actor = VehicleActor(
        actor_id=thing_id,
        kind=kind,
        east_m=at_m[0],
        north_m=at_m[1],
        heading_deg=heading_deg % 360.0,
        speed_mps=0.0,
        length_m=length_m * scale,
        width_m=width_m * scale,
        height_m=height_m,
        rgb=paints[int(draft.rng.integers(len(paints)))],
    )
    return StagedVehicle(thing_id, draft.stage_id, actor)


def _moved(thing: StagedVehicle, forward_m: float, speed_mps: float) -> StagedVehicle:
    actor = thing.actor
    east_m, north_m = ahead((actor.east_m, actor.north_m), actor.heading_deg, forward_m)
    moved = replace(actor, east_m=east_m, north_m=north_m, speed_mps=speed_mps)
    return replace(thing, actor=moved)


def _box(actor: VehicleActor) -> BaseGeometry:
    at_m = (actor.east_m, actor.north_m)
    return box(at_m, actor.heading_deg, actor.length_m, actor.width_m)


def _ids(things: list[StagedVehicle]) -> tuple[str, ...]:
    return tuple(thing.thing_id for thing in things)
