from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import RecordError
from park.geodesy import LocalFrame, distance_m
from park.records import GroundPoint, Observation
from vision.objects import MergeOptions, merge_observations

FRAME = LocalFrame(31.2, 121.5)
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def seen(
    name: str,
    photo: int,
    east_m: float,
    north_m: float,
    *,
    error_m: float = 3.0,
    class_name: str = "car",
    track_id: str | None = None,
    time_s: float | None = None,
    confidence: float = 0.8,
    patrol_id: str = "patrol",
) -> Observation:
    lat, lon = FRAME.to_lat_lon(east_m, north_m)
    after_s = photo * 4.0 if time_s is None else time_s
    return Observation(
        f"{name}@{photo}@{patrol_id}", patrol_id, START + timedelta(seconds=after_s), class_name,
        confidence, (0.0, 0.0, 9.0, 9.0), track_id, None, GroundPoint(lat, lon, error_m), 4.5,
        f"{patrol_id}-video.mp4" if track_id else f"{patrol_id}-{photo:03d}.jpg",
        after_s if track_id else 0.0, "m",
    )  # fmt: skip


def test_one_car_in_five_photos_is_one_object() -> None:
    offsets = [(0.0, 0.0), (2.0, 1.0), (-1.5, 1.0), (0.5, -2.5), (1.0, 1.0)]
    objects = merge_observations([seen("a", i, *o) for i, o in enumerate(offsets)])
    assert len(objects) == 1
    assert len(objects[0].observations) == 5
    assert {o.object_id for o in objects[0].observations} == {objects[0].object_id}
    assert objects[0].dwell_s == 16.0
    assert not objects[0].moving


def test_two_cars_side_by_side_stay_two() -> None:
    photos = [(0.0, 0.0), (0.8, -0.5), (-0.7, 0.6), (0.5, 0.9)]
    observations = [
        seen(name, i, east + x, north, error_m=2.0)
        for i, (east, north) in enumerate(photos)
        for name, x in (("left", 0.0), ("right", 2.5))
    ]
    objects = merge_observations(observations)
    assert [sorted({o.detection_id.split("@")[0] for o in t.observations}) for t in objects] in (
        [["left"], ["right"]],
        [["right"], ["left"]],
    )


def test_a_photo_that_is_off_as_a_whole_is_laid_onto_the_others() -> None:
    rng = np.random.default_rng(4)
    cars = rng.uniform(0.0, 60.0, (12, 2))
    shifts = rng.normal(0.0, 1.5, (6, 2))
    observations = [
        seen(f"car{j}", i, *(car + shift + rng.normal(0.0, 0.3, 2)).tolist())
        for i, shift in enumerate(shifts)
        for j, car in enumerate(cars)
    ]
    objects = merge_observations(observations)
    assert len(objects) == 12
    assert all(len({o.detection_id.split("@")[0] for o in t.observations}) == 1 for t in objects)


def test_classes_of_one_family_merge_and_the_more_certain_name_wins() -> None:
    (thing,) = merge_observations(
        [
            seen("a", 0, 0.0, 0.0, class_name="car", confidence=0.9),
            seen("b", 1, 0.5, 0.0, class_name="van", confidence=0.5),
        ]
    )
    assert thing.class_name == "car"


def test_a_person_is_not_the_car_beside_it() -> None:
    assert (
        len(merge_observations([seen("a", 0, 0, 0), seen("b", 1, 0, 0, class_name="person")])) == 2
    )


def test_far_apart_things_stay_apart_however_unsure() -> None:
    assert (
        len(merge_observations([seen("a", 0, 0, 0, error_m=90), seen("b", 1, 40, 0, error_m=90)]))
        == 2
    )


def test_a_moving_track_is_an_object_of_its_own() -> None:
    driving = [seen(f"d{k}", k, 6.0 * k, 0.0, track_id="t1", time_s=0.5 * k) for k in range(20)]
    parked = [seen("p", 50, 60.0, 0.5, time_s=100.0)]
    objects = merge_observations(driving + parked)
    assert [t.moving for t in objects] == [True, False]
    assert objects[0].speed_mps == pytest.approx(12.0, rel=0.01)


@pytest.mark.parametrize(("cab_m", "moving"), [(4.0, False), (10.0, True)])
def test_a_lorry_of_which_boxes_show_now_all_and_now_the_cab_stands(
    cab_m: float, moving: bool
) -> None:
    """Were its boxes all of one length, it would have gone from one place to the other."""
    whole = [
        replace(seen("w", k, 0.0, 0.0, error_m=1.5, track_id="t", time_s=0.5 * k), size_m=10.0)
        for k in range(4)
    ]
    cab = [
        replace(seen("c", k, 3.6, 0.0, error_m=1.5, track_id="t", time_s=0.5 * k), size_m=cab_m)
        for k in range(4, 8)
    ]
    (lorry,) = merge_observations([*whole, *cab])
    assert lorry.moving == moving


def test_a_day_on_which_all_that_was_seen_moved_is_merged_too() -> None:
    driven = [seen("a", k, 8.0 * k, 0.0, track_id="t", time_s=float(k)) for k in range(8)]
    (thing,) = merge_observations(driven)
    assert thing.moving
    assert thing.speed_mps == pytest.approx(8.0)


def test_a_moving_car_that_two_cameras_follow_at_once_is_one_object() -> None:
    observations = []
    for k in range(16):
        for camera, late_s, off_m in (("colour", 0.0, 0.0), ("thermal", 0.2, 1.5)):
            time_s = k / 2 + late_s
            for car, ahead_m in (("first", 14.0), ("second", 0.0)):
                one = seen(
                    f"{car}-{camera}", k, ahead_m + 8.0 * time_s, off_m, time_s=time_s,
                    track_id=f"{car}-{camera}",
                )  # fmt: skip
                observations.append(replace(one, source_uri=f"{camera}.mp4"))
    objects = merge_observations(observations)
    assert [thing.moving for thing in objects] == [True, True]
    assert [len(thing.observations) for thing in objects] == [32, 32]
    for thing in objects:
        assert len({one.detection_id.split("-")[0] for one in thing.observations}) == 1
        assert thing.speed_mps == pytest.approx(8.0, abs=0.1)


def test_a_parked_car_is_one_object_over_two_passes() -> None:
    passes = [
        seen(f"{t}{k}", k, 0.2 * (k % 3), 0.0, track_id=t, time_s=start + 0.5 * k)
        for t, start in (("t1", 0.0), ("t2", 600.0))
        for k in range(8)
    ]
    (thing,) = merge_observations(passes)
    assert thing.speed_mps == 0.0
    assert thing.dwell_s == pytest.approx(603.5)


def test_averaging_within_a_patrol_does_not_talk_the_error_away() -> None:
    one = [seen("a", i, 0.0, 0.0) for i in range(50)]
    (thing,) = merge_observations(one)
    assert thing.place.error_m == pytest.approx(0.7 * 3.0)
    other = [seen("a", i, 0.0, 0.0, patrol_id="second") for i in range(50)]
    (both,) = merge_observations(one + other)
    assert both.place.error_m == pytest.approx(0.7 * 3.0 / 2**0.5)


def test_a_surer_observation_weighs_more() -> None:
    (thing,) = merge_observations(
        [seen("a", 0, 0, 0, error_m=1.0), seen("b", 1, 3, 0, error_m=3.0)]
    )
    east_m, _ = FRAME.to_en_m(thing.place.lat_deg, thing.place.lon_deg)
    assert east_m == pytest.approx(0.3, abs=0.01)


def test_one_file_given_twice_counts_once() -> None:
    (thing,) = merge_observations([seen("a", 0, 0, 0), seen("a", 0, 0, 0)])
    assert len(thing.observations) == 1
    assert thing.speed_mps is None


def test_nothing_gives_nothing() -> None:
    assert merge_observations([]) == ()


def test_impossible_options_are_refused() -> None:
    with pytest.raises(RecordError, match=r"reach_m -1\.0 is not more than zero"):
        MergeOptions(reach_m=-1.0)
    with pytest.raises(RecordError, match=r"common_share 2\.0 is not in"):
        MergeOptions(common_share=2.0)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_order_does_not_matter_and_no_object_has_two_of_one_photo(data: st.DataObject) -> None:
    places = st.tuples(st.integers(0, 4), st.floats(0.0, 30.0), st.floats(0.0, 30.0))
    drawn = data.draw(st.lists(places, max_size=25))
    observations = [seen(f"{i}", photo, e, n) for i, (photo, e, n) in enumerate(drawn)]
    objects = merge_observations(observations)
    assert merge_observations(data.draw(st.permutations(observations))) == objects
    assert sum(len(t.observations) for t in objects) == len(observations)
    for thing in objects:
        photos = [o.source_uri for o in thing.observations]
        assert len(photos) == len(set(photos))
        for o in thing.observations:
            assert o.place is not None
            assert (
                distance_m(
                    o.place.lat_deg, o.place.lon_deg, thing.place.lat_deg, thing.place.lon_deg
                )
                < 30.0
            )
