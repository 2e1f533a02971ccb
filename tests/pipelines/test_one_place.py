from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from park.geodesy import LocalFrame
from park.measure import Measure
from park.records import BoxXyxyPx, GroundPoint, Observation, TrackedObject
from park.site import Site
from park.taxonomy import MeasureUnit
from pipelines.one_place import one_thing_each

FRAME = LocalFrame(31.0, 121.0)
AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
HEAT, COLOUR, PEOPLE, CHANGE = "thermal@1", "vehicles@1", "people@1", "scene-change@2"
BOX: BoxXyxyPx = (100.0, 100.0, 160.0, 130.0)
BESIDE: BoxXyxyPx = (165.0, 100.0, 180.0, 130.0)


def site_with(*equipment: tuple[BaseGeometry, float | None]) -> Site:
    features = [
        {
            "type": "Feature",
            "properties": {
                "kind": "boundary",
                "id": "t",
                "name": "T",
                "time_zone": "Asia/Shanghai",
            },
            "geometry": mapping(FRAME.unproject_geometry(shapely.box(-500, -500, 500, 500))),
        }
    ]
    for number, (shape, height_m) in enumerate(equipment):
        height = {} if height_m is None else {"height_m": height_m}
        features.append(
            {
                "type": "Feature",
                "properties": {"kind": "asset", "id": f"a{number}", "criticality": 2, **height},
                "geometry": mapping(FRAME.unproject_geometry(shape)),
            }
        )
    return Site.load(json.dumps({"type": "FeatureCollection", "features": features}).encode())


BARE = site_with()


def thing(
    class_name: str,
    east_m: float,
    north_m: float,
    model_id: str,
    *,
    sightings: int = 6,
    size_m: float = 4.6,
    start_s: float = 0.0,
    box: BoxXyxyPx = BOX,
    moving: bool = False,
    error_m: float = 0.5,
    file: str | None = None,
) -> TrackedObject:
    """Return a thing seen once a second by one model, in pictures of that model's camera."""
    place = GroundPoint(*FRAME.to_lat_lon(east_m, north_m), error_m)
    uri = file or ("heat.mkv" if model_id == HEAT else "colour.mp4")
    area = Measure(40.0, 4.0, MeasureUnit.SQUARE_METRES) if model_id == CHANGE else None
    name = f"{class_name}-{model_id}-{east_m}-{north_m}-{start_s}"
    seen = tuple(
        Observation(
            detection_id=f"{name}-{second}",
            patrol_id="p",
            time=AT + timedelta(seconds=start_s + second),
            class_name=class_name,
            confidence=0.6,
            box_xyxy_px=box,
            track_id=None,
            object_id=name,
            place=place,
            size_m=size_m,
            source_uri=uri,
            source_time_s=start_s + second,
            model_id=model_id,
            measure=area,
        )
        for second in range(sightings)
    )
    return TrackedObject(
        name, class_name, place, seen[0].time, seen[-1].time, moving, 0.0, seen
    )  # fmt: skip


def left(objects: Sequence[TrackedObject], site: Site = BARE) -> list[str]:
    return sorted(one.class_name for one in one_thing_each(objects, site, {HEAT}))


def test_a_van_whose_bonnet_alone_is_warm_is_one_van_seen_by_both_cameras() -> None:
    van = thing("vehicle", 0.0, 0.0, COLOUR, sightings=20, size_m=5.4)
    bonnet = thing("car", 2.1, 0.0, HEAT, start_s=15.0, size_m=2.8)
    (one,) = one_thing_each([van, bonnet], BARE, {HEAT})
    assert (one.object_id, one.class_name, one.place) == (van.object_id, "vehicle", van.place)
    assert len(one.observations) == 26
    assert {seen.object_id for seen in one.observations} == {van.object_id}
    assert one.last_seen == bonnet.last_seen


@pytest.mark.parametrize("models", [(COLOUR, HEAT), (COLOUR, COLOUR)])
def test_cars_side_by_side_are_two(models: tuple[str, str]) -> None:
    both = [thing("car", 0.0, 0.0, models[0]), thing("car", 2.4, 0.0, models[1], box=BESIDE)]
    assert left(both) == ["car", "car"]


def test_what_a_model_told_apart_in_one_picture_is_two_however_near() -> None:
    both = [thing("car", 0.0, 0.0, COLOUR), thing("van", 1.0, 0.0, COLOUR, box=BESIDE)]
    assert left(both) == ["car", "van"]
    within = [thing("car", 0.0, 0.0, COLOUR, sightings=9), thing("van", 1.0, 0.0, COLOUR)]
    assert left(within) == ["car"]


def test_a_lorry_and_its_cab_are_one() -> None:
    lorry = thing("vehicle", 0.0, 0.0, COLOUR, sightings=20, size_m=11.0)
    cab = thing("vehicle", 4.0, 0.0, COLOUR, start_s=4.5, sightings=5, size_m=4.0, box=BESIDE)
    (one,) = one_thing_each([lorry, cab], BARE)
    assert (one.object_id, one.place, len(one.observations)) == (lorry.object_id, lorry.place, 25)


@pytest.mark.parametrize(
    "other",
    [
        {"start_s": 4.0, "size_m": 4.0},
        {"start_s": 4.5, "size_m": 8.0},
        {"start_s": 4.5, "size_m": 4.0, "file": "another.mp4"},
        {"start_s": 18.5, "size_m": 4.0},
    ],
    ids=["told apart in a picture", "as long", "in other footage", "mostly after it"],
)
def test_a_car_before_a_lorry_is_another(other: dict[str, Any]) -> None:
    lorry = thing("vehicle", 0.0, 0.0, COLOUR, sightings=20, size_m=11.0)
    car = thing("vehicle", 4.0, 0.0, COLOUR, sightings=5, box=BESIDE, **other)
    assert left([lorry, car]) == ["vehicle", "vehicle"]


@pytest.mark.parametrize(
    ("after_s", "apart_m", "size_m", "names"),
    [
        pytest.param(1_500.0, 0.5, 4.9, ["vehicle"], id="on the next pass"),
        pytest.param(100.0, 0.5, 4.9, ["car", "vehicle"], id="on the same pass, one after another"),
        pytest.param(9_000.0, 0.5, 4.9, ["car", "vehicle"], id="in the afternoon"),
        pytest.param(1_500.0, 2.4, 4.9, ["car", "vehicle"], id="in the space beside it"),
        pytest.param(1_500.0, 0.5, 9.0, ["car", "vehicle"], id="much longer"),
    ],
)
def test_a_vehicle_where_one_stood_on_the_last_pass_is_that_one(
    after_s: float, apart_m: float, size_m: float, names: list[str]
) -> None:
    car = thing("car", 0.0, 0.0, COLOUR, sightings=4)
    later = thing("vehicle", apart_m, 0.0, COLOUR, size_m=size_m, start_s=after_s)
    assert left([car, later]) == names


def test_heat_alone_does_not_make_a_vehicle_of_what_is_new() -> None:
    goods = thing("new_object", 0.4, 0.0, CHANGE, sightings=3, size_m=5.0)
    warm = thing("car", 0.0, 0.0, HEAT, sightings=30)
    assert left([goods, warm]) == ["car", "new_object"]
    assert left([goods, thing("car", 0.0, 0.0, COLOUR, sightings=30)]) == ["car"]


def test_one_after_the_other_may_stand_in_the_same_place() -> None:
    both = [thing("car", 0.0, 0.0, COLOUR), thing("van", 0.5, 0.0, HEAT, start_s=60.0)]
    assert left(both) == ["car", "van"]


def test_a_parked_car_is_no_new_structure_and_goods_are_not_a_car() -> None:
    new = thing("new_object", 0.4, 0.0, CHANGE, sightings=4, size_m=5.0)
    assert left([thing("vehicle", 0.0, 0.0, COLOUR, sightings=9), new]) == ["vehicle"]
    doubtful = thing("vehicle", 0.0, 0.0, COLOUR, sightings=7)
    assert left([doubtful, new]) == ["new_object", "vehicle"]


@pytest.mark.parametrize(
    ("after_s", "told"),
    [
        pytest.param(1_500.0, ["vehicle"], id="on the next pass"),
        pytest.param(9_000.0, ["new_object", "vehicle"], id="in the afternoon"),
    ],
)
def test_a_lorry_that_is_not_known_on_a_later_pass_is_still_that_lorry(
    after_s: float, told: list[str]
) -> None:
    lorry = thing("vehicle", 0.0, 0.0, COLOUR, sightings=9, size_m=11.0)
    new = thing("new_object", 1.4, 0.0, CHANGE, sightings=4, size_m=9.7, start_s=after_s)
    assert left([lorry, new]) == told
    person = thing("person", 0.0, 0.0, PEOPLE, sightings=9, size_m=11.0)
    assert left([person, new]) == ["new_object", "person"]


def test_a_plume_over_a_roof_is_no_new_structure() -> None:
    new = thing("new_object", 3.0, 0.0, CHANGE, sightings=9, size_m=14.0)
    for moving in (False, True):
        smoke = thing("smoke", 0.0, 0.0, "scene-smoke@1", sightings=4, moving=moving)
        assert left([smoke, new]) == ["smoke"]
    beside = thing("new_object", 3.0, 0.0, CHANGE, sightings=9, size_m=5.0)
    later = thing("new_object", 3.0, 0.0, CHANGE, size_m=14.0, start_s=60.0)
    assert left([thing("smoke", 0.0, 0.0, "scene-smoke@1"), beside]) == ["new_object", "smoke"]
    assert left([thing("smoke", 0.0, 0.0, "scene-smoke@1"), later]) == ["new_object", "smoke"]


def test_soil_that_is_new_is_soil_and_no_structure() -> None:
    soil = thing("bare_soil", 0.0, 0.0, "scene-soil@5", size_m=12.0)
    dug = thing("new_object", 0.5, 0.0, CHANGE, sightings=12, size_m=11.5)
    assert left([soil, dug]) == ["bare_soil"]
    # Its middle moves while more of it comes into view.
    assert left([replace(soil, moving=True), dug]) == ["bare_soil"]
    shed = thing("new_object", 0.5, 0.0, CHANGE, size_m=7.0)
    assert left([soil, shed]) == ["bare_soil", "new_object"]
    beside = thing("new_object", 4.0, 0.0, CHANGE, size_m=11.5)
    assert left([soil, beside]) == ["bare_soil", "new_object"]


def test_what_was_put_somewhere_does_not_move() -> None:
    assert left([thing("new_object", 0.0, 0.0, CHANGE, moving=True)]) == []
    assert left([thing("person", 0.0, 0.0, PEOPLE, moving=True)]) == ["person"]


def test_a_group_of_people_is_no_parked_bicycle() -> None:
    cycle = thing("bicycle", 0.6, 0.0, HEAT, sightings=11, size_m=2.2)
    person = thing("person", 0.0, 0.0, PEOPLE, size_m=1.8)
    assert left([person, cycle]) == ["person"]
    assert left([person, thing("bicycle", 1.6, 0.0, HEAT)]) == ["bicycle", "person"]


class TestWarmPartsOfVehicles:
    van = thing("vehicle", 0.0, 0.0, COLOUR, sightings=20, size_m=5.4)

    def test_a_person_in_heat_on_a_vehicle_seen_in_colour_is_its_bonnet(self) -> None:
        assert left([self.van, thing("person", 2.0, 0.5, HEAT)]) == ["vehicle"]

    def test_a_person_seen_in_colour_is_one(self) -> None:
        assert left([self.van, thing("person", 2.0, 0.5, PEOPLE)]) == ["person", "vehicle"]

    def test_a_person_further_away_is_one(self) -> None:
        assert left([self.van, thing("person", 2.6, 0.5, HEAT)]) == ["person", "vehicle"]

    def test_a_person_seen_more_often_than_the_vehicle_is_one(self) -> None:
        glimpsed = thing("vehicle", 0.0, 0.0, COLOUR, sightings=2, size_m=5.4)
        assert left([glimpsed, thing("person", 2.0, 0.5, HEAT)]) == ["person", "vehicle"]

    def test_at_night_the_box_of_the_vehicle_has_to_hold_the_part_in_several_pictures(self) -> None:
        van = thing("car", 0.0, 0.0, HEAT, sightings=20, size_m=5.4)
        inside = (110.0, 105.0, 118.0, 115.0)
        part = thing("person", 1.5, 0.5, HEAT, box=inside, size_m=1.2)
        assert left([van, part]) == ["car"]
        twice = thing("person", 1.5, 0.5, HEAT, box=inside, size_m=1.2, sightings=2)
        assert left([van, twice]) == ["car", "person"]
        beside = thing("person", 1.5, 0.5, HEAT, box=BESIDE, size_m=1.2)
        assert left([van, beside]) == ["car", "person"]


@pytest.mark.parametrize("name", ["flame", "Fire"])
def test_ground_that_a_fire_lights_is_no_bare_soil(name: str) -> None:
    fire = thing(name, 0.0, 0.0, "scene-flame@1", size_m=2.0)
    lit = thing("bare_soil", 3.0, 0.0, "scene-soil@2", size_m=9.0, sightings=12)
    far = thing("bare_soil", 4.9, 0.0, "scene-soil@2", size_m=9.0, sightings=12)
    assert left([fire, lit]) == [name]
    assert left([fire, far]) == sorted(["bare_soil", name])


class TestEquipment:
    transformer = shapely.box(-3.0, -3.5, 3.0, 3.5)

    @pytest.mark.parametrize(
        ("east_m", "height_m", "stays"),
        [
            (0.0, 4.6, False),
            (3.6, 4.6, False),
            (4.0, 4.6, True),
            (0.0, 0.5, True),
            (0.0, None, True),
        ],
    )
    def test_a_vehicle_cannot_stand_in_it(
        self, east_m: float, height_m: float | None, stays: bool
    ) -> None:
        site = site_with((self.transformer, height_m))
        assert left([thing("vehicle", east_m, 0.0, COLOUR)], site) == ["vehicle"] * stays

    @pytest.mark.parametrize(("error_m", "stays"), [(3.0, True), (9.0, False)])
    def test_what_was_seen_from_so_far_that_it_may_be_it_is_no_vehicle(
        self, error_m: float, stays: bool
    ) -> None:
        site = site_with((self.transformer, 4.6))
        far = thing("vehicle", 9.0, 0.0, COLOUR, error_m=error_m)
        assert left([far], site) == ["vehicle"] * stays

    def test_a_vehicle_may_drive_past_it(self) -> None:
        site = site_with((self.transformer, 4.6))
        assert left([thing("vehicle", 0.0, 0.0, COLOUR, moving=True)], site) == ["vehicle"]

    @pytest.mark.parametrize(("east_m", "stays"), [(2.0, False), (2.7, True), (3.4, True)])
    def test_a_person_has_to_be_surely_within_its_outline(self, east_m: float, stays: bool) -> None:
        site = site_with((self.transformer, 4.6))
        assert left([thing("person", east_m, 0.0, PEOPLE)], site) == ["person"] * stays


PLACES = st.tuples(
    st.sampled_from(["car", "person", "bicycle", "new_object", "bare_soil", "flame"]),
    st.floats(-4.0, 4.0),
    st.floats(-4.0, 4.0),
    st.sampled_from([HEAT, COLOUR, CHANGE]),
    st.integers(1, 9),
)


@given(st.lists(PLACES, max_size=8, unique_by=lambda one: one[:4]), st.randoms())
def test_nothing_is_made_up_and_the_order_given_does_not_matter(
    drawn: list[tuple[str, float, float, str, int]], shuffle: Any
) -> None:
    objects = [
        thing(name, east_m, north_m, model, sightings=count)
        for name, east_m, north_m, model, count in drawn
    ]
    found = one_thing_each(objects, BARE, {HEAT})
    ids = {one.object_id for one in objects}
    assert {one.object_id for one in found} <= ids
    assert bool(found) == bool(objects)
    assert [one.first_seen for one in found] == sorted(one.first_seen for one in found)
    shuffle.shuffle(objects)
    assert one_thing_each(objects, BARE, {HEAT}) == found
