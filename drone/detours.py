"""Ways from one place to another around what may not be flown through.

The shortest way around polygons bends only at their corners, so it is a shortest path in the graph
of corners that see each other (Lozano-Pérez and Wesley, "An algorithm for planning collision-free
paths among polyhedral obstacles", Communications of the ACM, 1979). A park has thousands of
obstacles and a way meets few: the graph begins with those that the straight way crosses, and grows
by those that the way found so far crosses, until it crosses none. What has been left out is then
not in the way, so the way is the shortest of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import networkx
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from drone.airspace import Airspace
from park.geodesy import FloatArray

CLEARANCE_M = 0.5
"""How much further away than the check demands a detour stays."""

_CORNERS_LOOSE_M = 0.5
_MANY_CORNERS = 60
_MOST_ROUNDS = 60

Place = tuple[float, float]
"""East and north in metres of the site's frame."""


@dataclass(frozen=True, slots=True)
class NoWay:
    """That there is no way, and what is in it.

    Attributes:
        obstacle: in words.
        place: where it is met.
    """

    obstacle: str
    place: Place


@dataclass(slots=True)
class _Shape:
    """Something to fly around: what may not be crossed, and the corners to bend at."""

    test: BaseGeometry
    corners: FloatArray


@dataclass
class Router:
    """Finds ways at one height among the obstacles that forbid that height.

    Attributes:
        airspace: the site's.
        blocking: which of its obstacles are in the way, shape (N,).
    """

    airspace: Airspace
    blocking: NDArray[np.bool_]
    _shapes: dict[int, _Shape] = field(default_factory=dict, repr=False)
    _found: dict[tuple[Place, Place], FloatArray | NoWay] = field(default_factory=dict, repr=False)

    def way(self, start: Place, end: Place) -> FloatArray | NoWay:
        """Return the shortest allowed way, shape (N, 2) with both ends, or why there is none."""
        key = (_rounded(start), _rounded(end))
        if key not in self._found:
            self._found[key] = self._search(start, end)
        return self._found[key]

    def is_clear(self, lines: FloatArray) -> NDArray[np.bool_]:
        """Return which straight ways, shape (N, 2, 2), may be flown."""
        plans = np.asarray(shapely.linestrings(lines), object)
        clear = np.asarray(shapely.covers(self.airspace.allowed, plans), bool)
        which, obstacle = self.airspace.obstacles.crossed(plans)
        clear[which[self.blocking[obstacle]]] = False
        return clear

    def crossed(self, line: FloatArray) -> list[int]:
        """Return what a line of points crosses: numbers of obstacles and of bays, see `_shape`."""
        plans = np.asarray(shapely.linestrings(np.stack([line[:-1], line[1:]], axis=1)), object)
        _, obstacles = self.airspace.obstacles.crossed(plans)
        found = {int(number) for number in obstacles[self.blocking[obstacles]]}
        if not shapely.covers(self.airspace.allowed, plans).all():
            bays = self.airspace.bays
            for number, bay in enumerate(bays):
                if shapely.intersects(bay, plans).any():
                    found.add(-1 - number)
        return sorted(found)

    def _search(self, start: Place, end: Place) -> FloatArray | NoWay:
        ends = np.array([start, end])
        if np.hypot(*(ends[1] - ends[0])) < 0.01:
            return ends
        stuck = self._stuck(ends)
        if stuck is not None:
            return stuck
        if self.is_clear(ends[None])[0]:
            return ends
        active: set[int] = set()
        crossed = set(self.crossed(ends))
        line = ends
        for _ in range(_MOST_ROUNDS):
            if not crossed - active:
                break
            active |= crossed
            found = self._shortest(ends, active)
            if found is None:
                return self._blocked(ends, active)
            line = found
            crossed = set(self.crossed(line))
        segments = np.stack([line[:-1], line[1:]], axis=1)
        return line if self.is_clear(segments).all() else self._blocked(ends, active)

    def _stuck(self, ends: FloatArray) -> NoWay | None:
        """Return what an end itself lies in."""
        points = np.asarray(shapely.points(ends), object)
        for place, inside in zip(ends, self.airspace.allowed.covers(points), strict=True):
            if not inside:
                return NoWay("the boundary", _place(place))
        which, obstacle = self.airspace.obstacles.crossed(points)
        for point, number in zip(which, obstacle, strict=True):
            if self.blocking[number]:
                label = self.airspace.obstacles.obstacles[number].label
                return NoWay(label, _place(ends[point]))
        return None

    def _blocked(self, ends: FloatArray, active: set[int]) -> NoWay:
        """Return the obstacle that the straight way meets first among those that close it."""
        line = LineString(ends)
        met = []
        for number in active:
            part = line.intersection(self._shape(number).test)
            if not part.is_empty:
                at = shapely.get_coordinates(part)[0]
                met.append((float(np.hypot(*(at - ends[0]))), number, _place(at)))
        if not met:
            return NoWay("the boundary", _place(ends[0]))
        _, number, at = min(met)
        label = "the boundary"
        if number >= 0:
            label = self.airspace.obstacles.obstacles[number].label
        return NoWay(label, at)

    def _shortest(self, ends: FloatArray, active: set[int]) -> FloatArray | None:
        shapes = [self._shape(number) for number in sorted(active)]
        nodes = np.vstack([ends, *(shape.corners for shape in shapes)])
        nodes = np.vstack([ends, nodes[2:][self._free(nodes[2:], shapes)]])
        first, second = np.triu_indices(len(nodes), k=1)
        plans = np.asarray(
            shapely.linestrings(np.stack([nodes[first], nodes[second]], axis=1)), object
        )
        seen = np.ones(len(plans), bool)
        for shape in shapes:
            seen[seen] = ~shapely.intersects(shape.test, plans[seen])
        seen[seen] = shapely.covers(self.airspace.allowed, plans[seen])
        graph = networkx.Graph()
        graph.add_nodes_from((0, 1))
        lengths = shapely.length(plans[seen])
        graph.add_weighted_edges_from(
            zip(first[seen].tolist(), second[seen].tolist(), lengths.tolist(), strict=True)
        )
        try:
            path = networkx.dijkstra_path(graph, 0, 1)
        except networkx.NetworkXNoPath:
            return None
        return np.asarray(nodes[path], float)

    def _free(self, nodes: FloatArray, shapes: list[_Shape]) -> NDArray[np.bool_]:
        points = np.asarray(shapely.points(nodes), object)
        free = np.asarray(shapely.covers(self.airspace.allowed, points), bool)
        for shape in shapes:
            free &= ~shapely.intersects(shape.test, points)
        return free

    def _shape(self, number: int) -> _Shape:
        """Return an obstacle by its number; -1, -2, ... are the bays of the boundary."""
        if number not in self._shapes:
            if number >= 0:
                test = self.airspace.obstacles.obstacles[number].keep_out
            else:
                test = self.airspace.bays[-1 - number]
            shapely.prepare(test)
            self._shapes[number] = _Shape(test, corners_around(test))
        return self._shapes[number]


def corners_around(area: BaseGeometry) -> FloatArray:
    """Return where a way around an area may bend, shape (N, 2).

    Corners of the area grown with sharp corners, the inward ones left out: no shortest way bends
    there. Outlines with many corners are first made simpler, further away.
    """
    loose = _CORNERS_LOOSE_M
    while True:
        grown = area.buffer(CLEARANCE_M + loose, join_style="mitre", mitre_limit=2.0)
        corners = [
            _outward(np.array(ring.coords))
            for part in shapely.get_parts(grown.simplify(loose))
            for ring in (part.exterior, *part.interiors)
        ]
        found = np.vstack(corners)
        if len(found) <= _MANY_CORNERS or loose > 20.0:
            return found
        loose *= 2.0


def _outward(ring: FloatArray) -> FloatArray:
    ring = ring[:-1]
    before, after = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
    one, two = ring - before, after - ring
    turn = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    signed = float(np.sum(ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]))
    # The outer ring of a shapely buffer runs clockwise, holes the other way; areas tell.
    return np.asarray(ring[turn * np.sign(signed) > 0], float)


def _rounded(place: Place) -> Place:
    return round(place[0], 2), round(place[1], 2)


def _place(xy: FloatArray) -> Place:
    return float(xy[0]), float(xy[1])
