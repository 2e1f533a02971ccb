"""Heads and chests of people are boxed where they are drawn, and named by what is worn there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from park.records import CameraPose, Intrinsics
from sim_data.camera import Renderer, VisibleThing
from sim_data.world.scene import PersonActor
from tests.sim_data.camera.parks import (
    NOON,
    StandingStill,
    car,
    pose_at,
    small_park,
    walker,
)

LENS = Intrinsics.from_fov(640, 640, 40.0)
HATTED = walker("w", 20.0, 0.0)
BARE = replace(HATTED, hard_hat=False, hat_rgb=(20, 20, 24), vest=False, rgb=(70, 100, 150))


def seen(who: PersonActor, pose: CameraPose) -> dict[str, VisibleThing]:
    renderer = Renderer(small_park(), life=StandingStill(people=[who]), seed=1)
    return {one.class_name: one for one in renderer.boxes(pose, LENS, NOON)}


@pytest.mark.parametrize(
    ("who", "worn"), [(HATTED, {"hard hat", "vest"}), (BARE, {"no hard hat", "no vest"})]
)
def test_what_is_worn_names_head_and_chest(who: PersonActor, worn: set[str]) -> None:
    found = seen(who, pose_at(20.0, 0.0, 12.0))
    assert set(found) == {"person", *worn}
    assert {found[name].thing_id for name in worn} == {"w head", "w chest"}


@pytest.mark.parametrize("pose", [pose_at(17.0, 2.0, 12.0), pose_at(20.0, -12.0, 12.0, 0.0, -45.0)])
def test_the_box_of_a_hat_holds_its_colour_and_nothing_around_it_does(pose: CameraPose) -> None:
    life = StandingStill(people=[replace(HATTED, hat_rgb=(20, 60, 240), rgb=(235, 40, 30))])
    renderer = Renderer(small_park(), life=life, seed=1)
    (hat,) = (b for b in renderer.boxes(pose, LENS, NOON) if b.class_name == "hard hat")
    picture = renderer.rgb(pose, LENS, NOON).astype(int)
    blue = picture[..., 2] - picture[..., 0] > 60
    rows, columns = np.nonzero(blue)
    drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert hat.box_xyxy_px == pytest.approx(drawn, abs=4.0)
    assert hat.visible_share > 0.8


def test_a_hat_is_as_large_as_it_is_drawn_at_the_height_of_a_head() -> None:
    x0, y0, x1, y1 = seen(HATTED, pose_at(20.0, 0.0, 12.0))["hard hat"].box_xyxy_px
    brim_px = 0.36 * LENS.fx_px / (12.0 - 1.6)
    assert max(x1 - x0, y1 - y0) == pytest.approx(brim_px, rel=0.15)


def test_a_person_whose_head_is_outside_the_picture_has_none_in_it() -> None:
    found = seen(BARE, pose_at(20.0, 4.2, 12.0))
    assert "person" in found
    assert "no hard hat" not in found


def test_vehicles_wear_nothing() -> None:
    renderer = Renderer(small_park(), life=StandingStill([car("a", 20.0, 0.0)]), seed=1)
    boxes = renderer.boxes(pose_at(20.0, 0.0, 12.0), LENS, NOON)
    assert [one.class_name for one in boxes] == ["car"]
