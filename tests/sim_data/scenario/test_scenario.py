"""Every type can be staged where it belongs; what cannot be is refused with its line."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from shapely.geometry import Point, box

from park.errors import SimulationError
from park.site_rules import Watch
from park.taxonomy import INCIDENT_TYPES
from sim_data.scenario import Scenario, shipped_scenarios
from sim_data.scenario.kinds import STAGE_KINDS
from sim_data.scenario.records import (
    MISTAKEN_FOR,
    Flame,
    GroundPatch,
    HotSpot,
    LookAlike,
    Plume,
    Solid,
    StagedPerson,
    StagedThing,
    StagedVehicle,
)
from sim_data.world.generate import generate_park
from sim_data.world.scene import Scene, VehicleActor, VehicleKind
from tests.sim_data.scenario.small_park import (
    FRAME,
    HEAD,
    SHANGHAI,
    START,
    ZONES,
    load,
    small_park,
    watched_park,
)


def places_of(thing: StagedThing) -> list[tuple[float, float]]:
    match thing:
        case Flame() | Plume() | HotSpot():
            return [thing.at_m]
        case GroundPatch() | Solid():
            return list(thing.outline_m)
        case StagedVehicle() | StagedPerson():
            return [(thing.actor.east_m, thing.actor.north_m)]


def test_every_incident_type_and_every_look_alike_can_be_staged() -> None:
    assert {kind for kind in STAGE_KINDS if STAGE_KINDS[kind].must_fire} == set(INCIDENT_TYPES)
    assert set(STAGE_KINDS) - set(INCIDENT_TYPES) == set(LookAlike) == set(MISTAKEN_FOR)


@pytest.mark.parametrize("type_id", STAGE_KINDS)
@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_staged_type_is_there_while_it_lasts_and_its_truth_says_so(
    tmp_path: Path, type_id: str, difficulty: str
) -> None:
    scenario = load(
        tmp_path,
        f"- {{id: one, type: {type_id}, difficulty: {difficulty}, begins: 1 min, lasts: 2 min}}\n",
    )
    assert scenario.staged_at(START + timedelta(seconds=59)) == ()
    assert scenario.staged_at(START + timedelta(seconds=181)) == ()
    (row,) = scenario.truth_rows()
    middle = Point(FRAME.to_en_m(row.lat_deg, row.lon_deg))
    for seconds in (60, 97, 180):
        things = scenario.staged_at(START + timedelta(seconds=seconds))
        assert tuple(thing.thing_id for thing in things) == row.object_ids
        assert {thing.stage_id for thing in things} == {"one"}
        if type_id not in ("waiting_car", "congestion"):
            for at_m in (at for thing in things for at in places_of(thing)):
                assert middle.distance(Point(at_m)) <= row.extent_m + 0.5
    assert row.first_time == START + timedelta(seconds=60)
    assert row.duration_s == 120.0
    assert row.must_fire is (type_id in INCIDENT_TYPES)
    assert row.unit == (INCIDENT_TYPES[type_id].unit if row.must_fire else "")
    if row.unit == "s":
        assert row.measure == 120.0


def test_the_same_seed_stages_the_same_and_another_seed_something_else(tmp_path: Path) -> None:
    stages = "- {id: a, type: open_flame}\n- {id: b, type: gathering}\n"
    first, again = load(tmp_path, stages), load(tmp_path, stages)
    other = load(tmp_path, stages, seed=8)
    assert first.truth_rows() == again.truth_rows()
    assert first.staged_at(START) == again.staged_at(START)
    assert first.truth_rows() != other.truth_rows()


def test_a_stage_that_is_added_leaves_the_others_where_they_were(tmp_path: Path) -> None:
    few = load(tmp_path, "- {id: a, type: open_flame}\n").truth_rows()
    more = load(
        tmp_path, "- {id: z, type: new_structure}\n- {id: a, type: open_flame}\n"
    ).truth_rows()
    assert few[0] in more


def test_a_feature_a_coordinate_and_a_kind_of_place_are_where_they_say(tmp_path: Path) -> None:
    lat, lon = FRAME.to_lat_lon(-200.0, 80.0)
    scenario = load(
        tmp_path,
        "- {id: a, type: open_flame, place: p-yard}\n"
        f"- {{id: b, type: open_flame, place: {{lat: {lat}, lon: {lon}}}}}\n"
        "- {id: c, type: open_flame, place: {east_m: -170, north_m: 60}}\n"
        "- {id: d, type: open_flame, place: anywhere in construction}\n"
        "- {id: e, type: road_obstruction, place: road-1}\n"
        "- {id: f, type: discoloured_water, place: {east_m: 200, north_m: -140}}\n",
    )
    at = {
        thing.stage_id: Point(places_of(thing)[0]) for thing in scenario.staged_at(scenario.starts)
    }
    assert box(-290, -280, -150, -180).covers(at["a"])
    assert at["b"].distance(Point(-200, 80)) < 0.01
    assert at["c"].distance(Point(-170, 60)) < 0.01
    assert box(220, 20, 290, 280).covers(at["d"])
    assert abs(at["e"].y) < 5
    assert at["f"].distance(Point(200, -140)) < 30


def test_vehicles_stand_in_the_zone_whose_rule_they_break(tmp_path: Path) -> None:
    scenario = load(
        tmp_path,
        "- {id: a, type: illegal_parking, count: 3, variant: truck}\n"
        "- {id: b, type: vehicle_in_forbidden_zone}\n"
        "- {id: c, type: too_many_vehicles, count: 4}\n",
    )
    rows = {row.truth_id: row for row in scenario.truth_rows()}
    assert list(rows) == ["a.1", "a.2", "a.3", "b", "c"], "each parked vehicle is an incident"
    assert rows["c"].measure == 6
    zone_ids = {"a": "kerb-1", "b": "fire-lane-1", "c": "yard-1"}
    assert {row.truth_id[0]: row.zone_id for row in rows.values()} == zone_ids
    for thing in scenario.staged_at(START):
        assert ZONES[zone_ids[thing.stage_id]][0].covers(Point(places_of(thing)[0]))


def test_hats_are_worn_by_those_who_must_not_fire_and_not_by_those_who_must(tmp_path: Path) -> None:
    scenario = load(
        tmp_path,
        "- {id: a, type: no_hard_hat, count: 2}\n- {id: b, type: worker_with_hat, count: 2}\n",
    )
    people = [t for t in scenario.staged_at(START) if isinstance(t, StagedPerson)]
    assert {person.stage_id: person.actor.hard_hat for person in people} == {"a": False, "b": True}
    assert len(people) == 4


def test_people_walk_at_a_walking_pace(tmp_path: Path) -> None:
    scenario = load(tmp_path, "- {id: a, type: person_in_restricted_zone}\n")
    track = [
        Point(places_of(scenario.staged_at(START + timedelta(seconds=s / 10))[0])[0])
        for s in range(200)
    ]
    steps = [one.distance(two) for one, two in pairwise(track)]
    assert max(steps) == pytest.approx(0.09, abs=0.01)
    assert ZONES["gas-store"][0].covers(track[50])


def test_a_waiting_car_drives_up_and_away_without_a_jump(tmp_path: Path) -> None:
    scenario = load(tmp_path, "- {id: a, type: waiting_car, lasts: 40 s}\n")
    track = [
        Point(places_of(scenario.staged_at(START + timedelta(seconds=s / 10))[0])[0])
        for s in range(400)
    ]
    assert max(a.distance(b) for a, b in pairwise(track)) < 0.65
    assert track[100].distance(track[300]) < 1e-6
    assert track[0].distance(track[200]) > 10


def test_a_place_can_be_left_to_chance_a_hundred_times_and_never_lies_in_a_wall(
    tmp_path: Path,
) -> None:
    stages = "- {id: a, type: open_flame, place: p-factory}\n"
    for seed in range(100):
        (thing,) = load(tmp_path, stages, seed=seed).staged_at(START)
        at = Point(places_of(thing)[0])
        assert not box(-100, 150, -40, 200).covers(at)
        assert not box(-100, 210, -60, 240).covers(at)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_can_be_staged_with_any_seed(name: str) -> None:
    for seed in range(5):
        scenario = Scenario.load(name, small_park(), seed=seed)
        assert scenario.truth_rows()
        assert scenario.staged_at(scenario.starts + timedelta(minutes=5))


def test_shipped_scenarios_cover_every_type_together() -> None:
    staged = {
        row.type
        for name in shipped_scenarios()
        for row in Scenario.load(name, small_park()).truth_rows()
    }
    assert staged == set(STAGE_KINDS)
    only = Scenario.load("look-alikes", small_park()).truth_rows()
    assert not any(row.must_fire for row in only)


def test_what_a_zone_watches_for_is_staged_there_and_its_truth_names_the_zone(
    tmp_path: Path,
) -> None:
    yard = box(-280, -270, -240, -230)
    strip = box(-298, -100, -290, 100)
    world = watched_park(
        {
            "yard-watch": (
                yard,
                [{"type": "watch", "incident": name} for name in ("open_flame", "dumped_rubbish")],
            ),
            "strip": (
                strip,
                [{"type": "forbidden_zone", "classes": ["person"],
                  "incident": "perimeter_intrusion"}],
            ),
        }
    )  # fmt: skip
    stages = (
        "- {id: a, type: open_flame}\n- {id: b, type: perimeter_intrusion}\n"
        "- {id: c, type: dumped_rubbish, place: {east_m: -200, north_m: 60}}\n"
        "- {id: d, type: person_in_restricted_zone}\n"
    )
    for seed in range(5):
        scenario = load(tmp_path, stages, world=world, seed=seed)
        zones = {row.truth_id: row.zone_id for row in scenario.truth_rows()}
        assert zones == {"a": "yard-watch", "b": "strip", "c": "", "d": "gas-store"}
        at = {t.stage_id: Point(places_of(t)[0]) for t in scenario.staged_at(START)}
        assert yard.buffer(1).covers(at["a"])
        assert strip.covers(at["b"])


def test_a_crowd_and_a_queue_are_as_large_as_the_zone_s_rule_asks_for(tmp_path: Path) -> None:
    world = watched_park(
        {
            "square": (box(20, -100, 120, -20), [{"type": "people_limit", "max_count": 25}]),
            "road": (box(-300, -4, 300, 4), [{"type": "congestion", "min_length_m": 90.0}]),
        }
    )
    scenario = load(
        tmp_path, "- {id: a, type: gathering}\n- {id: b, type: congestion}\n", world=world
    )
    rows = {row.truth_id: row for row in scenario.truth_rows()}
    assert (len(rows["a"].object_ids), rows["a"].zone_id) == (28, "square")
    # 1.4 m2 for each in a loose crowd, and half a metre more around it.
    assert 40.0 < rows["a"].measure < 100.0 / 1.4
    assert rows["b"].extent_m > 45
    assert rows["b"].zone_id == "road"
    (lanes,) = {road.lanes for road in world.roads}
    queued = len(rows["b"].object_ids)
    # Vehicles of 4 to 12 m, 1.5 to 3 m apart, in one of the lanes.
    assert 1000.0 * queued / (120.0 * lanes) < rows["b"].measure < 1000.0 * queued / (90.0 * lanes)


def test_what_overheats_is_hotter_than_its_zone_allows_however_hard_it_is_to_see() -> None:
    world = generate_park(1.0, 7)
    scenario = Scenario.load("night-thermal", world)
    (hard,) = [row for row in scenario.truth_rows() if row.truth_id == "warm-plant"]
    zone = world.site.zone(hard.zone_id)
    (rule,) = [r for r in zone.rules if getattr(r, "incident", "") == "overheating_equipment"]
    assert isinstance(rule, Watch)
    assert rule.limit_c is not None
    assert rule.above_ambient_c is not None
    assert hard.measure > rule.limit_c + 10.0
    assert hard.measure > scenario.weather.air_c + rule.above_ambient_c


def refused(folder: Path, stages: str, head: str = HEAD) -> str:
    with pytest.raises(SimulationError) as caught:
        load(folder, stages, head=head)
    return str(caught.value)


@pytest.mark.parametrize(
    ("stage", "line", "message"),
    [
        ("type: open_fire", 8, "did you mean open_flame"),
        ("type: open_fire", 8, "types are open_flame, smoke, person_in_restricted_zone"),
        ("type: smoke\n  place: {lat: 31.0, lon: 122.6}", 9, "outside the park, 44"),
        ("type: smoke\n  place: {lat: 31.0, lon: 122.6}", 9, "the park lies between 30.597"),
        ("type: smoke\n  place: p-yrd", 9, "did you mean p-yard"),
        ("type: smoke\n  place: anywhere in heaven", 9, "there are park, fire_lane, no_parking"),
        ("type: smoke_plume\n  place: anywhere in road", 9, "can only be anywhere in stack"),
        ("type: smoke_plume\n  place: p-yard", 9, "places of the kind stack: stack-1"),
        ("type: smoke_plume\n  place: {east_m: 0, north_m: 0}", 9, "none at this coordinate"),
        ("type: open_flame\n  place: {east_m: -70, north_m: 170}", 9, "in the building hall-1"),
        ("type: open_flame\n  place: {east_m: 0, north_m: 3}", 9, "lies on the road road-1"),
        ("type: open_flame\n  place: {east_m: -280, north_m: 125}", 9, "under a tree"),
        ("type: open_flame\n  place: {east_m: 0, north_m: -140}", 9, "in the water canal-1"),
        ("type: smoke\n  begins: -10", 9, "before the patrol starts; valid is 0 to 600 s"),
        ("type: smoke\n  begins: 2026-05-04T08:59:00", 9, "valid is 2026-05-04T09:00:00+08:00 "),
        ("type: smoke\n  begins: 11 min", 9, "after the patrol has ended"),
        ("type: smoke\n  lasts: 11 min", 9, "60 s longer than the patrol"),
        ("type: smoke\n  lasts: 2 s", 9, "smoke must last 10 s or longer"),
        ("type: smoke\n  size: 900", 9, "is not 4 to 200"),
        ("type: smoke\n  count: 2", 9, "smoke is a single thing"),
        ("type: gathering\n  count: 300", 9, "is above 200"),
        ("type: smoke\n  variant: pink", 9, "there are: grey, black"),
        ("type: illegal_parking\n  lasts: 50 s", 7, "longer than its min_dwell_s"),
        ("type: illegal_parking\n  place: night-kerb", 9, "in the rule's active hours"),
        ("type: gathering\n  place: gas-store", 9, "would also be person_in_restricted_zone"),
        ("type: too_many_vehicles\n  count: 40\n  place: fire-lane-1", 10, "no place for too_many"),
    ],
)  # fmt: skip
def test_what_cannot_be_staged_is_refused_with_the_line_and_what_would_be_valid(
    tmp_path: Path, stage: str, line: int, message: str
) -> None:
    told = refused(tmp_path, f"- id: a\n  {stage}\n")
    assert f"scenario.yaml, line {line}: " in told
    assert message in told


def test_stages_that_overlap_are_refused_with_both_lines(tmp_path: Path) -> None:
    stages = (
        "- {id: a, type: open_flame, place: {east_m: -200, north_m: 60}, lasts: 5 min}\n"
        "- {id: b, type: new_structure, place: {east_m: -201, north_m: 60}}\n"
    )
    told = refused(tmp_path, stages)
    assert (
        "line 8: new_structure cannot be staged there: it overlaps the stage 'a' of line 7" in told
    )
    assert "from 09:00:00 to 09:05:00; name another place or time" in told


def test_stages_at_one_place_at_different_times_are_taken(tmp_path: Path) -> None:
    place = "place: {east_m: -200, north_m: 60}"
    stages = (
        f"- {{id: a, type: open_flame, {place}, lasts: 3 min}}\n"
        f"- {{id: b, type: new_structure, {place}, begins: 4 min}}\n"
    )
    assert len(load(tmp_path, stages).staged) == 2


def test_two_stages_of_one_name_are_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, "- {id: a, type: smoke}\n- {id: a, type: smoke}\n")
    assert "line 8: two stages have the id 'a'; the first is on line 7" in told


def test_a_rule_that_holds_at_night_is_broken_at_night(tmp_path: Path) -> None:
    head = HEAD.replace("T09:00", "T21:00")
    scenario = load(tmp_path, "- {id: a, type: illegal_parking, place: night-kerb}\n", head=head)
    assert scenario.truth_rows()[0].zone_id == "night-kerb"


def test_stages_are_repeated_on_the_days_chosen_each_day_anew(tmp_path: Path) -> None:
    scenario = load(tmp_path, "- {id: a, type: open_flame, days: [1, 3]}\n", days=4)
    rows = scenario.truth_rows()
    assert [row.truth_id for row in rows] == ["a@1", "a@3"]
    assert rows[1].first_time - rows[0].first_time == timedelta(days=2)
    assert (rows[0].lat_deg, rows[0].object_ids) != (rows[1].lat_deg, rows[1].object_ids)
    assert scenario.staged_at(scenario.patrol_starts(2)) == ()
    assert scenario.truth_rows(2) == ()


def test_what_stays_is_the_same_thing_every_day_with_a_row_for_each(tmp_path: Path) -> None:
    scenario = load(
        tmp_path, "- {id: shed, type: new_structure, days: 2, stays: true, begins: 2 min}\n", days=4
    )
    rows = scenario.truth_rows()
    assert [row.truth_id for row in rows] == ["shed@2", "shed@3", "shed@4"]
    assert {(row.lat_deg, row.object_ids) for row in rows} == {
        (rows[0].lat_deg, ("shed/structure",))
    }
    assert rows[0].first_time == scenario.patrol_starts(2) + timedelta(minutes=2)
    assert rows[1].first_time == scenario.patrol_starts(3)
    assert scenario.staged_at(scenario.patrol_starts(2)) == ()
    late = scenario.staged_at(scenario.patrol_starts(4))
    assert late == scenario.staged_at(scenario.patrol_starts(2) + timedelta(minutes=3))


def test_what_stays_may_go_before_the_end(tmp_path: Path) -> None:
    scenario = load(
        tmp_path, "- {id: shed, type: new_structure, stays: true, lasts: 2 d}\n", days=4
    )
    assert [row.truth_id for row in scenario.truth_rows()] == ["shed@1", "shed@2", "shed@3"]


def test_the_start_and_length_of_the_patrol_can_be_set_from_outside(tmp_path: Path) -> None:
    starts = datetime(2026, 6, 1, 14, 0, tzinfo=SHANGHAI)
    scenario = load(tmp_path, "- {id: a, type: smoke}\n", starts=starts, lasts_s=100.0)
    (row,) = scenario.truth_rows()
    assert row.first_time == starts
    assert row.duration_s == 100.0
    with pytest.raises(SimulationError, match="has days 1 to 1, not 2"):
        scenario.patrol_starts(2)


def test_usual_traffic_keeps_out_of_what_is_staged_and_staged_actors_join_it(
    tmp_path: Path,
) -> None:
    scenario = load(
        tmp_path, "- {id: a, type: road_obstruction, place: {east_m: -150, north_m: -2}}\n"
        "- {id: b, type: gathering}\n",
    )  # fmt: skip

    def car(name: str, east_m: float, north_m: float) -> VehicleActor:
        return VehicleActor(
            name, VehicleKind.CAR, east_m, north_m, 90.0, 8.0, 4.6, 1.8, 1.5, (9, 9, 9)
        )

    scene = Scene(START, (car("in", -149, -2), car("beside", -150, 2.2), car("far", 50, -2)), ())
    joined = scenario.joined(scene)
    assert [vehicle.actor_id for vehicle in joined.vehicles] == ["beside", "far"]
    assert len(joined.people) == 15


def test_truth_says_which_scenario_and_park_it_is_of(tmp_path: Path) -> None:
    truth = load(tmp_path, "- {id: a, type: smoke}\n").truth()
    assert truth.about["simulated"] is True
    assert truth.about["scenario"] == "test"
    assert truth.about["site"] == "test-park"
    assert len(truth.rows) == 1
