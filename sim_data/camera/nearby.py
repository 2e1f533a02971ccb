"""Finds what of a world lies near a place, quickly however large the park is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from sim_data.world.records import World

Thing = TypeVar("Thing")

BoxM = tuple[float, float, float, float]
"""West, south, east, north in metres of the world's frame."""


class Nearby(Generic[Thing]):
    """Things of one kind, found by their boxes.

    Args:
        things: kept in their order.
        shape: the outline on the ground of one of them.
    """

    def __init__(self, things: Sequence[Thing], shape: Callable[[Thing], BaseGeometry]) -> None:
        self.things = things
        self._tree = shapely.STRtree([shape(thing) for thing in things])

    def within(self, box: BoxM) -> list[Thing]:
        """Return those whose box touches `box`, in the order they were given."""
        if not len(self.things):
            return []
        return [self.things[i] for i in np.sort(self._tree.query(shapely.box(*box)))]

    def numbers_within(self, box: BoxM) -> list[int]:
        """Return the numbers of those whose box touches `box`, in order."""
        if not len(self.things):
            return []
        return [int(i) for i in np.sort(self._tree.query(shapely.box(*box)))]


def _disc(thing: object) -> BaseGeometry:
    east, north = getattr(thing, "east_m", 0.0), getattr(thing, "north_m", 0.0)
    radius = getattr(thing, "radius_m", getattr(thing, "reach_m", 1.0))
    return shapely.box(east - radius, north - radius, east + radius, north + radius)


class WorldIndex:
    """All that stands and lies in a world, found by place.

    Args:
        world: the park.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.patches = Nearby(
            sorted(world.patches, key=lambda patch: patch.layer), lambda patch: patch.area
        )
        self.markings = Nearby(world.markings, lambda m: m.line.buffer(m.width_m, quad_segs=1))
        self.kerbs = Nearby(world.kerbs, lambda kerb: kerb.line)
        self.lanes = Nearby(world.lanes, lambda lane: lane.line.buffer(2.0, quad_segs=1))
        self.waters = Nearby(world.waters, lambda water: water.area)
        self.outfalls = Nearby(world.outfalls, lambda o: Point(o.east_m, o.north_m).buffer(3.0))
        self.blocks = Nearby(world.blocks, lambda block: block.area)
        self.stacks = Nearby(world.stacks, _disc)
        self.tanks = Nearby(world.tanks, _disc)
        self.towers = Nearby(world.cooling_towers, _disc)
        self.trees = Nearby(world.trees, _disc)
        self.stockpiles = Nearby(world.stockpiles, lambda pile: pile.area)
        self.poles = Nearby(world.poles, _disc)
        self.fences = Nearby(world.fences, lambda fence: fence.line)
        self.racks = Nearby(world.pipe_racks, lambda rack: rack.line)
        self.equipment = Nearby(world.equipment, lambda piece: piece.area)
        self.highest_m = max(
            (
                thing.height_m
                for kind in (world.blocks, world.stacks, world.tanks, world.cooling_towers)
                for thing in kind
            ),
            default=0.0,
        )


def grown(box: BoxM, by_m: float) -> BoxM:
    """Return a box with its edges moved outwards."""
    return box[0] - by_m, box[1] - by_m, box[2] + by_m, box[3] + by_m
