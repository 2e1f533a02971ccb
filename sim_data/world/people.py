"""People on foot in a simulated park at an instant."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely

from sim_data.world.dice import throw
from sim_data.world.records import Rgb, Walk, World
from sim_data.world.rhythm import at_work, on_foot
from sim_data.world.scene import PersonActor
from sim_data.world.spot import PointM

_SPREAD = 1.6
"""Trips of a walk for each person on it in the busiest hour; not all are taken at a time."""

_REST_S = 45.0
_STRIDE_M = 1.45
_HATS: tuple[Rgb, ...] = (
    (238, 196, 30),
    (238, 196, 30),
    (236, 236, 232),
    (34, 84, 164),
    (200, 44, 36),
)
_VESTS: tuple[Rgb, ...] = ((238, 104, 24), (206, 226, 40))
_HAIR: tuple[Rgb, ...] = ((28, 26, 26), (36, 32, 30), (60, 48, 40), (110, 108, 106))
_CLOTHES: tuple[Rgb, ...] = (
    (52, 62, 92),
    (40, 42, 46),
    (150, 152, 156),
    (204, 204, 200),
    (122, 48, 52),
    (70, 96, 76),
    (96, 112, 150),
    (168, 150, 120),
)


class People:
    """The people of a park who are on its walks.

    A walk has places for trips, each of which begins again and again: somebody comes out at one
    end, walks to the other, and is gone. On the walks of construction sites and plants people
    also stand still on the way, and wear hard hats and vests.

    Args:
        world: the park.
        seed: chance of what goes on.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._seed = seed
        self._walks = world.walks
        self._tree = shapely.STRtree([walk.line for walk in world.walks])
        self._lines: dict[int, tuple[tuple[PointM, ...], tuple[float, ...]]] = {}

    def at(
        self, seconds: float, around: tuple[float, float, float] | None
    ) -> tuple[PersonActor, ...]:
        """Return who is on foot at a time, within a circle or everywhere."""
        if around is None:
            return tuple(
                person for number in range(len(self._walks)) for person in self._on(number, seconds)
            )
        east, north, radius = around
        near = self._tree.query(
            shapely.Point(east, north), predicate="dwithin", distance=radius + 8.0
        )
        return tuple(
            person
            for number in np.sort(near)
            for person in self._on(int(number), seconds)
            if math.hypot(person.east_m - east, person.north_m - north) <= radius
        )

    def _on(self, number: int, seconds: float) -> Iterator[PersonActor]:
        walk = self._walks[number]
        level = at_work(seconds) if walk.hard_hat else on_foot(seconds)
        if level <= 0.0:
            return
        points, reached = self._line(number)
        trips = max(1, math.ceil(walk.people * _SPREAD))
        for trip in range(trips):
            numbers = (self._seed, 90, number, trip)
            speed = 1.05 + 0.5 * throw(*numbers, 1)
            stands = throw(*numbers, 2) * 240.0 if walk.hard_hat else 0.0
            walking = reached[-1] / speed + stands
            period = walking + _REST_S * (0.5 + throw(*numbers, 3))
            turn, into = divmod(seconds + throw(*numbers, 4) * period, period)
            who = (*numbers, int(turn))
            if into >= walking or throw(*who) * trips * walking >= walk.people * level * period:
                continue
            yield self._person(walk, who, points, reached, into, speed, stands)

    def _line(self, number: int) -> tuple[tuple[PointM, ...], tuple[float, ...]]:
        found = self._lines.get(number)
        if found is None:
            points = tuple((x, y) for x, y, *_ in self._walks[number].line.coords)
            reached = [0.0]
            for a, b in pairwise(points):
                reached.append(reached[-1] + math.dist(a, b))
            found = points, tuple(reached)
            self._lines[number] = found
        return found

    def _person(
        self,
        walk: Walk,
        who: tuple[int, ...],
        points: tuple[PointM, ...],
        reached: tuple[float, ...],
        into_s: float,
        speed: float,
        stands_s: float,
    ) -> PersonActor:
        length = reached[-1]
        halt = length * (0.15 + 0.7 * throw(*who, 5))
        standing = False
        along = into_s * speed
        if stands_s and along > halt:
            standing = along < halt + stands_s * speed
            along = halt if standing else along - stands_s * speed
        backwards = throw(*who, 6) < 0.5
        place = length - along if backwards else along
        index = min(max(bisect.bisect_right(reached, place), 1), len(points) - 1)
        (e0, n0), (e1, n1) = points[index - 1], points[index]
        step = reached[index] - reached[index - 1]
        ahead = ((e1 - e0) / step, (n1 - n0) / step)
        aside = (throw(*who, 7) - 0.5) * walk.width_m
        share = place - reached[index - 1]
        heading = math.degrees(math.atan2(*ahead)) + (180.0 if backwards else 0.0)
        if standing:
            heading += 360.0 * throw(*who, 8)
        hats, clothes = (_HATS, _VESTS) if walk.hard_hat else (_HAIR, _CLOTHES)
        return PersonActor(
            f"walk-{walk.walk_id}-{who[-2]}-{who[-1]}",
            e0 + share * ahead[0] + aside * ahead[1],
            n0 + share * ahead[1] - aside * ahead[0],
            heading % 360.0,
            0.0 if standing else speed,
            walk.hard_hat,
            hats[int(throw(*who, 9) * len(hats))],
            walk.hard_hat,
            clothes[int(throw(*who, 10) * len(clothes))],
            1.58 + 0.26 * throw(*who, 11),
            (along / _STRIDE_M) % 1.0,
        )
