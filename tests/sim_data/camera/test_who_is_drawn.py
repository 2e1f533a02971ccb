"""Staged vehicles are drawn once, and nobody of the usual life stands in them."""

from __future__ import annotations

from datetime import datetime

from sim_data.camera import Renderer
from sim_data.scenario.records import StagedThing
from sim_data.world.scene import Scene
from tests.sim_data.camera.parks import LENS, NOON, StandingStill, car, pose_at, small_park


class _Clearing:
    """Stages a car, and takes away those who would stand in it."""

    def staged_at(self, time: datetime) -> tuple[StagedThing, ...]:
        return ()

    def joined(self, scene: Scene) -> Scene:
        others = tuple(one for one in scene.vehicles if one.actor_id != "in-the-way")
        return Scene(scene.time, (*others, car("staged", 8.0, 0.0)), scene.people)


def test_who_would_stand_in_something_staged_is_not_drawn_and_nothing_is_drawn_twice() -> None:
    life = StandingStill([car("in-the-way", 8.0, 1.0), car("passing", 20.0, 5.0)])
    renderer = Renderer(small_park(), life=life, scenario=_Clearing(), seed=1)
    boxes = renderer.boxes(pose_at(10.0, 0.0, 50.0), LENS, NOON)
    assert sorted(one.thing_id for one in boxes) == ["passing", "staged"]
