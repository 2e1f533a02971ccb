"""What a stage is built from, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from shapely.geometry.base import BaseGeometry

from sim_data.scenario.places import Place, Places
from sim_data.scenario.records import Difficulty, StagedThing
from sim_data.scenario.shapes import PointM
from sim_data.world.records import Weather, World

Show = Callable[[float], tuple[StagedThing, ...]]
"""The things of a stage so many seconds after it began."""


class NoRoomError(Exception):
    """A stage cannot be built where it was tried; the message says why, to follow "it"."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a builder needs to know.

    Attributes:
        thing_id: prefix of the ids of the things.
        stage_id: the row of truth that they belong to.
        type: what is staged.
        world: the park.
        places: its places.
        weather: the air.
        place: where it is tried.
        at_m: the point of the place that was drawn or given.
        begins: when it begins.
        lasts_s: for how long.
        size_m: the type's own size.
        count: how many.
        variant: which of the type's variants; empty when it has none.
        difficulty: how hard it is to see.
        rng: its own chance.
    """

    thing_id: str
    stage_id: str
    type: str
    world: World
    places: Places
    weather: Weather
    place: Place
    at_m: PointM
    begins: datetime
    lasts_s: float
    size_m: float
    count: int
    variant: str
    difficulty: Difficulty
    rng: np.random.Generator

    @property
    def strength(self) -> float:
        """How clearly it shows, 0 to 1."""
        return STRENGTH[self.difficulty]

    @property
    def downwind_deg(self) -> float:
        """Where the wind blows to."""
        return (self.weather.wind_from_deg + 180.0) % 360.0


STRENGTH = {Difficulty.EASY: 0.95, Difficulty.MEDIUM: 0.75, Difficulty.HARD: 0.5}
"""How clearly flames, plumes and stains show."""


@dataclass(frozen=True, slots=True)
class Staging:
    """A stage that was built: what it looks like, and what is true about it.

    Attributes:
        show: its things at a time.
        footprint: the ground that it takes, which nothing else may take meanwhile.
        extent: all of it as seen from above; its middle is where it should be reported.
        measure: its size in the taxonomy's unit of its type; None where that is its duration.
        object_ids: its things.
        apart: the things that are an incident each, with where each is; empty where all together
            are one.
        kept_clear: more ground that the usual life keeps out of than the footprint; None for that.
        solid_on_ground: whether cars and people of the usual life keep out of the footprint.
    """

    show: Show
    footprint: BaseGeometry
    extent: BaseGeometry
    measure: float | None
    object_ids: tuple[str, ...]
    apart: tuple[tuple[str, BaseGeometry], ...] = ()
    kept_clear: BaseGeometry | None = None
    solid_on_ground: bool = True


def still(*things: StagedThing) -> Show:
    """Return a show of things that do not change with time."""

    def show(seconds: float) -> tuple[StagedThing, ...]:
        del seconds
        return things

    return show
