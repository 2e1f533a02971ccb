"""Life in a simulated park follows its lanes, bays and walks, and is the same again when asked."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import RecordError
from sim_data.world.generate import generate_park
from sim_data.world.life import Life
from sim_data.world.records import World
from sim_data.world.scene import PersonActor, Scene, VehicleActor
from sim_data.world.spot import Spot


@pytest.fixture(scope="module")
def park() -> World:
    return generate_park(4, 7)


@pytest.fixture(scope="module")
def life(park: World) -> Life:
    return Life(park, 3)


def at_hour(life: Life, hour: float) -> Scene:
    return life.at(life.world.start + timedelta(hours=hour))


def outline(vehicle: VehicleActor) -> shapely.Polygon:
    spot = Spot.facing(vehicle.east_m, vehicle.north_m, vehicle.heading_deg)
    half = vehicle.width_m / 2.0
    return spot.rect(-half, -vehicle.length_m / 2.0, half, vehicle.length_m / 2.0)


def driving(scene: Scene) -> list[VehicleActor]:
    return [vehicle for vehicle in scene.vehicles if not vehicle.parked]


@settings(max_examples=25, deadline=None)
@given(seconds=st.floats(0.0, 14 * 86_400.0), east=st.floats(-1200, 1200))
def test_a_part_of_the_park_has_exactly_what_the_whole_has_there(
    life: Life, seconds: float, east: float
) -> None:
    time = life.world.start + timedelta(seconds=seconds)
    circle = (east, 50.0, 150.0)

    def inside(actor: VehicleActor | PersonActor) -> bool:
        return math.hypot(actor.east_m - circle[0], actor.north_m - circle[1]) <= circle[2]

    whole, part = life.at(time), life.at(time, circle)
    assert {v for v in whole.vehicles if not v.parked and inside(v)} == set(driving(part))
    assert {p for p in whole.people if inside(p)} == set(part.people)
    # What is parked is chosen by its bay, whose middle is not quite that of the vehicle.
    apart = {v for v in whole.vehicles if v.parked and inside(v)} ^ {
        v for v in part.vehicles if v.parked
    }
    assert all(
        abs(math.hypot(v.east_m - circle[0], v.north_m - circle[1]) - circle[2]) < 0.5
        for v in apart
    )


def test_instants_may_be_asked_for_in_any_order(park: World) -> None:
    times = [park.start + timedelta(minutes=17 * k) for k in range(40)]
    forwards = [Life(park, 3).at(time, (0.0, 0.0, 200.0)) for time in times]
    life = Life(park, 3)
    assert [life.at(time, (0.0, 0.0, 200.0)) for time in reversed(times)] == forwards[::-1]


def test_another_seed_is_another_day(park: World, life: Life) -> None:
    assert at_hour(life, 9.0) != at_hour(Life(park, 4), 9.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_two_vehicles_are_in_one_place(seed: int) -> None:
    life = Life(generate_park(4, seed), seed)
    for minute in (0.0, 1.7, 3.1, 4.2, 8.6, 13.3):
        vehicles = at_hour(life, 8.0 + minute / 60.0).vehicles
        shapes = np.array([outline(vehicle) for vehicle in vehicles])
        first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        met = [
            (vehicles[a].actor_id, vehicles[b].actor_id)
            for a, b in zip(first, second, strict=True)
            if a < b
        ]
        assert met == []


def test_traffic_keeps_to_its_lane_on_the_right(park: World, life: Life) -> None:
    lanes = shapely.STRtree([lane.line for lane in park.lanes])
    checked = 0
    for vehicle in driving(at_hour(life, 8.3)):
        place = shapely.Point(vehicle.east_m, vehicle.north_m)
        near = lanes.query_nearest(place, max_distance=0.05)
        if not len(near):
            continue  # in a junction
        (e0, n0), (e1, n1) = park.lanes[near[0]].line.coords
        lane_heading = math.degrees(math.atan2(e1 - e0, n1 - n0))
        off = (vehicle.heading_deg - lane_heading + 180.0) % 360.0 - 180.0
        assert abs(off) < 1.0
        assert vehicle.speed_mps <= park.lanes[near[0]].speed_mps + 0.01
        checked += 1
    assert checked > 50


def test_a_vehicle_moves_as_fast_as_it_says_and_waits_at_lights_no_longer_than_a_cycle(
    life: Life,
) -> None:
    seen: dict[str, list[tuple[int, VehicleActor]]] = {}
    for second in range(150):
        time = life.world.start + timedelta(hours=8, seconds=second)
        scene = life.at(time, (0.0, 0.0, 350.0))
        for vehicle in driving(scene):
            seen.setdefault(vehicle.actor_id, []).append((second, vehicle))
    still = 0
    for track in seen.values():
        for (second, before), (later, after) in pairwise(track):
            if later != second + 1:
                continue  # it turned, and came back into the circle
            step = math.hypot(after.east_m - before.east_m, after.north_m - before.north_m)
            fastest = max(before.speed_mps, after.speed_mps)
            assert step <= fastest + 2.5
            assert (before.kind, before.rgb) == (after.kind, after.rgb)
        still = max(still, sum(vehicle.speed_mps == 0.0 for _, vehicle in track))
    assert 20 < still < 90


def test_bays_are_fuller_by_day_than_by_night_and_than_at_the_weekend(life: Life) -> None:
    def parked(hour: float) -> int:
        return sum(vehicle.parked for vehicle in at_hour(life, hour).vehicles)

    day, night, sunday = parked(11.0), parked(3.0), parked(6 * 24 + 11.0)
    assert night < 0.25 * day
    assert sunday < 0.5 * day
    assert night > 0


def test_parked_vehicles_stand_within_their_bay(park: World, life: Life) -> None:
    bays = {
        bay.bay_id: Spot.facing(bay.east_m, bay.north_m, bay.heading_deg)
        .rect(-bay.width_m / 2, -bay.length_m / 2, bay.width_m / 2, bay.length_m / 2)
        .buffer(0.35)
        for bay in park.bays
    }
    parked = [vehicle for vehicle in at_hour(life, 10.0).vehicles if vehicle.parked]
    assert len(parked) > 500
    for vehicle in parked:
        bay_id = vehicle.actor_id.removeprefix("bay-").rpartition("-")[0]
        assert bays[bay_id].covers(outline(vehicle))


def test_who_works_on_a_construction_site_wears_a_hard_hat_and_a_vest(
    park: World, life: Life
) -> None:
    hats = {walk.walk_id for walk in park.walks if walk.hard_hat}
    people = at_hour(life, 9.5).people
    at_work = [p for p in people if p.actor_id.split("-", 1)[1].rsplit("-", 2)[0] in hats]
    assert len(at_work) > 20
    assert all(person.hard_hat and person.vest for person in at_work)
    assert any(person.speed_mps == 0.0 for person in at_work)
    assert not any(p.hard_hat for p in people if p not in at_work)


def test_nobody_works_outside_at_night(life: Life) -> None:
    assert not any(person.hard_hat for person in at_hour(life, 23.0).people)


def test_nobody_is_where_the_site_file_forbids_it(park: World, life: Life) -> None:
    closed = [
        park.site.zone_areas_m[zone.id]
        for zone in park.site.zones
        for rule in zone.rules
        if rule.type == "forbidden_zone" and rule.active.to_texts() in ((), ("always",), ["always"])
        and "person" in rule.classes
    ]  # fmt: skip
    assert len(closed) > 5
    tree = shapely.STRtree(closed)
    for hour in (8.0, 12.5, 18.0):
        places = [shapely.Point(p.east_m, p.north_m) for p in at_hour(life, hour).people]
        assert not tree.query(places, predicate="intersects").size


def test_a_time_without_a_zone_is_refused(life: Life) -> None:
    with pytest.raises(RecordError, match="has no time zone"):
        life.at(datetime(2026, 3, 2, 12))  # noqa: DTZ001


@pytest.mark.parametrize("circle", [(0.0, 0.0, 0.0), (math.nan, 0.0, 10.0)])
def test_a_circle_without_a_size_or_place_is_refused(
    life: Life, circle: tuple[float, float, float]
) -> None:
    with pytest.raises(RecordError, match="is no circle"):
        life.at(life.world.start, circle)
