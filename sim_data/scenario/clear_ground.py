"""What stands where in a park, so that nothing is staged inside a wall or under a tree."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from sim_data.world.records import World


class ClearGround:
    """Tells what is in the way of a thing on the ground.

    Args:
        world: the park.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def blocker(self, footprint: BaseGeometry, *, on_road: bool, on_water: bool) -> str | None:
        """Return what is in the way, in words; None when the ground is clear.

        Args:
            footprint: where the thing would be, metres of the world's frame.
            on_road: whether it may lie on a carriageway or in a car park.
            on_water: whether it may lie on water.
        """
        names, tree = self._solids
        for number in tree.query(footprint, predicate="intersects"):
            return f"stands in {names[number]}"
        if self._under_tree(footprint):
            return "stands under a tree"
        if not on_water:
            names, tree = self._water
            for number in tree.query(footprint, predicate="intersects"):
                return f"lies in the water {names[number]}"
        if not on_road:
            names, tree = self._roads
            for number in tree.query(footprint, predicate="intersects"):
                return f"lies on {names[number]}"
        return None

    def _under_tree(self, footprint: BaseGeometry) -> bool:
        trees = self._trees
        west, south, east, north = footprint.bounds
        reach = trees[:, 2]
        near = trees[
            (trees[:, 0] + reach > west)
            & (trees[:, 0] - reach < east)
            & (trees[:, 1] + reach > south)
            & (trees[:, 1] - reach < north)
        ]
        if not len(near):
            return False
        far = shapely.distance(footprint, shapely.points(near[:, :2]))
        return bool(np.any(far < near[:, 2]))

    @cached_property
    def _trees(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        rows = [(tree.east_m, tree.north_m, tree.radius_m) for tree in self._world.trees]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)

    @cached_property
    def _solids(self) -> tuple[list[str], shapely.STRtree]:
        world = self._world
        found: list[tuple[str, BaseGeometry]] = [
            (f"the building {block.block_id}", block.area) for block in world.blocks
        ]
        found += [(f"the equipment {one.equipment_id}", one.area) for one in world.equipment]
        found += [(f"the stockpile {pile.pile_id}", pile.area) for pile in world.stockpiles]
        found += [
            (f"the {name} {place_id}", Point(east_m, north_m).buffer(radius_m))
            for name, place_id, east_m, north_m, radius_m in (
                *(("tank", t.tank_id, t.east_m, t.north_m, t.radius_m) for t in world.tanks),
                *(("stack", s.stack_id, s.east_m, s.north_m, s.radius_m) for s in world.stacks),
                *(
                    ("cooling tower", c.tower_id, c.east_m, c.north_m, c.radius_m)
                    for c in world.cooling_towers
                ),
            )
        ]
        found += [
            (f"the pipes {rack.pipe_id}", rack.line.buffer(rack.width_m / 2))
            for rack in world.pipe_racks
        ]
        return [name for name, _ in found], shapely.STRtree([shape for _, shape in found])

    @cached_property
    def _water(self) -> tuple[list[str], shapely.STRtree]:
        return (
            [water.water_id for water in self._world.waters],
            shapely.STRtree([water.area for water in self._world.waters]),
        )

    @cached_property
    def _roads(self) -> tuple[list[str], shapely.STRtree]:
        world = self._world
        found: list[tuple[str, BaseGeometry]] = [
            (f"the road {road.road_id}", road.line.buffer(road.width_m / 2, cap_style="flat"))
            for road in world.roads
        ]
        found += [(f"the car park {one.car_park_id}", one.area) for one in world.car_parks]
        return [name for name, _ in found], shapely.STRtree([shape for _, shape in found])
