"""Sweeping an area strip by strip: lines across it, cells of lines, and the order of cells.

Boustrophedon decomposition (Choset and Pignon, 1998): lines at one spacing are cut to the area;
cuts on neighbouring lines that lie beside each other, one to one, make a cell, and where a hole
or a bay splits or joins them, new cells begin. A cell is flown to and fro. The direction of the
lines is searched for; the cells are put in order with a choice of the corner each begins at, and
then strips are exchanged between them as long as that shortens the way.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from drone.routes.exchange import exchanged
from drone.routes.order import Ways, best_ways, nearest_next
from drone.routes.sweep import Field, Footprint, IntArray, Sweep, sweep
from park.geodesy import FloatArray

_SMALL_AREA = 1000.0
"""In squares of the distance between strips."""
_STEPS_SMALL, _STEPS_LARGE = 90, 18
"""Directions that are tried, of a half turn."""
_EXACT = 5
"""Of a small area, so many of the best directions are put in their final order."""
_TURN_M = 10.0
"""Of two directions with routes of about one length, the one with fewer turns is taken: a turn
counts as this much of a way."""


def directions(area: BaseGeometry, *, steps: int) -> list[float]:
    """Return directions worth trying, radians from east: even steps, and along long edges."""
    found = [math.pi * step / steps for step in range(steps)]
    hull = shapely.convex_hull(area)
    box = shapely.minimum_rotated_rectangle(hull)
    for outline in (box, hull):
        if not isinstance(outline, Polygon):
            continue
        edges = np.diff(np.asarray(outline.exterior.coords), axis=0)
        longest = np.argsort(-np.hypot(*edges.T))[:4]
        found.extend(float(np.arctan2(dy, dx)) % math.pi for dx, dy in edges[longest])
    unique: list[float] = []
    for angle in found:
        if all(_turned_by(angle, other) > math.radians(0.5) for other in unique):
            unique.append(angle)
    return unique


def _turned_by(one: float, other: float) -> float:
    apart = abs(one - other) % math.pi
    return min(apart, math.pi - apart)


def best_sweep(field: Field, footprint: Footprint, angle_rad: float | None = None) -> Sweep:
    """Return the sweep with the least length of strips, turns, and ways from cell to cell.

    Args:
        field: where to fly and what to see.
        footprint: what the camera sees.
        angle_rad: direction of the strips, anticlockwise from east; searched for where absent.
    """
    if angle_rad is None:
        # Of a small area whole parts can fall between lines; of a large one only crumbs do.
        small = field.fly.area < _SMALL_AREA * footprint.spacing_m**2
        tried = directions(field.fly, steps=_STEPS_SMALL if small else _STEPS_LARGE)
        sweeps = [sweep(field, angle, footprint, complete=small) for angle in tried]
        sweeps.sort(key=_likely_length)
        if small:
            return min(sweeps[:_EXACT], key=lambda one: _time_m(to_and_fro(one)))
        angle_rad = sweeps[0].angle_rad
    return sweep(field, angle_rad, footprint)


def _likely_length(strips: Sweep) -> float:
    """Return about how long the route will be, before strips are exchanged."""
    return _time_m(_cell_by_cell(strips, strips.ends[0, 0]))


def _time_m(flown: FloatArray) -> float:
    """Return the length of strips and of the ways between them, turns as metres as well."""
    strips = np.hypot(*(flown[:, 1] - flown[:, 0]).T).sum()
    ways = np.hypot(*(flown[1:, 0] - flown[:-1, 1]).T).sum()
    return float(strips + ways) + _TURN_M * len(flown)


def cells(strips: Sweep) -> list[IntArray]:
    """Return the cells of a sweep, each the numbers of its strips from line to line."""
    angle = strips.angle_rad
    along = strips.ends @ np.array([math.cos(angle), math.sin(angle)])
    rows: dict[int, list[int]] = {}
    for number, line in enumerate(strips.line.tolist()):
        rows.setdefault(line, []).append(number)
    beside: dict[int, list[int]] = {number: [] for number in range(len(strips.line))}
    joined: dict[int, list[int]] = {number: [] for number in range(len(strips.line))}
    for line, row in rows.items():
        for one in row:
            for other in rows.get(line + 1, []):
                gap = max(along[one, 0] - along[other, 1], along[other, 0] - along[one, 1])
                # Strips that end early, for the camera sees ahead, may no longer overlap.
                if gap <= strips.spacing_m:
                    beside[one].append(other)
                    joined[other].append(one)
    found: list[IntArray] = []
    taken: set[int] = set()
    for number in range(len(strips.line)):
        if number in taken:
            continue
        chain = [number]
        while len(beside[chain[-1]]) == 1 and len(joined[beside[chain[-1]][0]]) == 1:
            chain.append(beside[chain[-1]][0])
        taken.update(chain)
        found.append(np.array(chain, dtype=np.int64))
    return found


def to_and_fro(strips: Sweep, start: FloatArray | None = None) -> FloatArray:
    """Return strips in the order and direction to fly them, shape (N, 2, 2).

    Args:
        strips: a sweep.
        start: where the drone comes from, metres, shape (2,).
    """
    if start is None:
        start = strips.ends[0, 0]
    flown = exchanged(_cell_by_cell(strips, start))
    ends_nearer = np.hypot(*(flown[-1, 1] - start)) < np.hypot(*(flown[0, 0] - start))
    return flown[::-1, ::-1].copy() if ends_nearer else flown


def _cell_by_cell(strips: Sweep, start: FloatArray) -> FloatArray:
    """Return strips flown cell by cell, each cell next to the one before."""
    corners = [[_cell(strips, cell, corner) for corner in range(4)] for cell in cells(strips)]
    things = [
        Ways(np.array([way[0, 0] for way in ways]), np.array([way[-1, 1] for way in ways]))
        for ways in corners
    ]
    order = nearest_next(things, start)
    taken, _ = best_ways([things[cell] for cell in order], start)
    return np.concatenate([corners[cell][way] for cell, way in zip(order, taken, strict=True)])


def _cell(strips: Sweep, cell: IntArray, corner: int) -> FloatArray:
    """Return a cell's strips flown to and fro from one of its four corners."""
    ends = strips.ends[cell[::-1] if corner & 1 else cell].copy()
    back = slice(0 if corner & 2 else 1, None, 2)
    ends[back] = ends[back, ::-1]
    return ends
