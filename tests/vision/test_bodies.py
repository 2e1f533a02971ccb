"""A head without a hat is somebody's, and who is seen by two models is one person."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.picture import Pixels
from park.records import BoxXyxyPx, Frame, Observation, View
from tests.vision.scene.drawn_ground import posed
from vision.bodies import (
    each_person_once,
    large_enough,
    only_bodies,
    only_on_somebody,
    with_or_without,
)
from vision.observe import FrameObservations

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SOMEBODY: BoxXyxyPx = (100.0, 100.0, 130.0, 140.0)
HEAD: BoxXyxyPx = (104.0, 98.0, 116.0, 110.0)
GRAVEL: BoxXyxyPx = (300.0, 50.0, 316.0, 64.0)
FROM_ABOVE = posed(alt_m=15.0)


def seen(
    class_name: str, box: BoxXyxyPx, *, model: str = "site-safety@1", sure: float = 0.5
) -> Observation:
    return Observation(
        f"{class_name} {box} {model}", "p", NOW, class_name, sure, box, None, None, None, None,
        "a.mp4", 1.0, model, None,
    )  # fmt: skip


def frame_of(*observations: Observation, view: View | None = FROM_ABOVE) -> FrameObservations:
    frame = Frame(Pixels(np.zeros((200, 400, 3), np.uint8)), NOW, view, "a.mp4", 1.0, "p")
    return FrameObservations(frame, observations, (), ())


@pytest.mark.parametrize("worn", ["no hard hat", "hard hat", "vest", "no_vest", "No Hard-Hat"])
def test_what_is_worn_by_nobody_is_dropped_and_listed(worn: str) -> None:
    found = only_on_somebody(
        frame_of(seen("person", SOMEBODY), seen(worn, HEAD), seen(worn, GRAVEL))
    )
    assert [one.box_xyxy_px for one in found.kept] == [SOMEBODY, HEAD]
    assert [one.reason for one in found.dropped] == ["on nobody"]


def test_a_head_that_leans_out_of_its_persons_box_is_still_theirs() -> None:
    leaning = seen("no hard hat", (122.0, 92.0, 136.0, 106.0))
    assert len(only_on_somebody(frame_of(seen("person", SOMEBODY), leaning)).kept) == 2


def test_in_a_photo_of_unknown_pose_a_head_may_be_all_that_is_seen() -> None:
    photo = frame_of(seen("no hard hat", HEAD), view=None)
    assert only_on_somebody(photo) is photo


def test_where_no_model_knows_people_heads_are_believed_alone() -> None:
    heads = frame_of(seen("no hard hat", GRAVEL))
    assert only_bodies(heads, ["no hard hat", "hard hat"]).kept == heads.kept
    assert only_bodies(heads, ["Person", "no hard hat"]).kept == ()


def test_a_head_of_a_few_pixels_says_nothing_about_its_hat() -> None:
    far, near = (100.0, 98.0, 109.0, 107.0), (104.0, 98.0, 116.0, 110.0)
    for worn in ("no hard hat", "hard hat"):
        found = large_enough(frame_of(seen(worn, far), seen(worn, near), seen("vest", far)))
        assert [one.box_xyxy_px for one in found.kept] == [near, far]
        assert [one.reason for one in found.dropped] == ["a head of less than 12 pixels"]


@pytest.mark.parametrize(
    ("surer", "other"),
    [("hard hat", "no hard hat"), ("no hard hat", "hard hat"), ("vest", "no vest")],
)
def test_a_head_has_a_hat_or_none(surer: str, other: str) -> None:
    lower: BoxXyxyPx = (105.0, 99.0, 117.0, 112.0)
    both = frame_of(seen(other, lower, sure=0.3), seen(surer, HEAD, sure=0.4))
    assert [one.class_name for one in with_or_without(both).kept] == [surer]
    apart = frame_of(seen(other, GRAVEL, sure=0.3), seen(surer, HEAD, sure=0.4))
    assert with_or_without(apart) is apart


def test_a_hat_on_a_vest_is_no_contradiction() -> None:
    worker = frame_of(seen("hard hat", HEAD), seen("no vest", HEAD))
    assert with_or_without(worker) is worker


def test_cones_and_machines_are_nobodys_and_stay() -> None:
    things = frame_of(seen("cone", GRAVEL), seen("machinery", SOMEBODY), seen("flame", HEAD))
    assert only_bodies(things, ["person"]) is things


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((102.0, 101.0, 131.0, 139.0), id="about the same box"),
        pytest.param((104.0, 110.0, 140.0, 170.0), id="with the shadow"),
        pytest.param((106.0, 104.0, 120.0, 118.0), id="head and shoulders"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_who_is_seen_by_two_models_is_told_by_the_surer_one(other: BoxXyxyPx, first: bool) -> None:
    both = [seen("person", SOMEBODY, sure=0.6), seen("person", other, model="people@1", sure=0.4)]
    found = each_person_once(frame_of(*(both if first else both[::-1])))
    assert [one.confidence for one in found.kept] == [0.6]
    assert [one.reason for one in found.dropped] == ["seen by another model as well"]


def test_people_side_by_side_are_two_whoever_sees_them() -> None:
    beside: BoxXyxyPx = (122.0, 100.0, 152.0, 140.0)
    two = frame_of(seen("person", SOMEBODY), seen("person", beside, model="people@1"))
    assert each_person_once(two) is two


def test_two_boxes_of_one_model_are_two_people() -> None:
    crowd = frame_of(seen("person", SOMEBODY), seen("person", (104.0, 104.0, 134.0, 144.0)))
    assert each_person_once(crowd) is crowd


def test_a_driver_and_a_car_are_not_each_other() -> None:
    car = frame_of(seen("person", SOMEBODY), seen("car", SOMEBODY, model="vehicles@1"))
    assert each_person_once(car) is car


BOXES = st.tuples(
    st.floats(0, 300), st.floats(0, 150), st.floats(5, 80), st.floats(5, 80)
).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))  # fmt: skip


@given(
    st.lists(
        st.tuples(BOXES, st.sampled_from(["people@1", "site-safety@1"]), st.floats(0.1, 0.9)),
        max_size=8,
    )
)
def test_the_surest_stays_and_nobody_is_lost_without_being_listed(
    people: list[tuple[BoxXyxyPx, str, float]],
) -> None:
    observed = {
        one.detection_id: one
        for one in (seen("person", box, model=model, sure=sure) for box, model, sure in people)
    }
    found = each_person_once(frame_of(*observed.values()))
    assert len(found.kept) + len(found.dropped) == len(observed)
    if observed:
        assert max(one.confidence for one in observed.values()) == max(
            one.confidence for one in found.kept
        )
