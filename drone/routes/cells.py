"""Sweeping an area strip by strip: lines across it, cells of lines, and the order of cells.

Boustrophedon decomposition (Choset and Pignon, 1998): lines at one spacing are cut to the area;
cuts on neighbouring lines that lie beside each other, one to one, make a cell, and where a hole
or a bay splits or joins them, new cells begin. A cell is flown to and fro. The direction of the
lines is searched for, and the cells are ordered with a choice of the corner each begins at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray

IntArray = NDArray[np.int64]
"""Numbers of lines, strips or cells."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the camera sees of the ground from one place, straight down.

    Attributes:
        width_m: across the strip.
        depth_m: along it.
        spacing_m: from one strip to the next, at most.
    """

    width_m: float
    depth_m: float
    spacing_m: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """Strips over an area, all in one direction, not yet in order.

    Attributes:
        angle_rad: direction of the strips, anticlockwise from east.
        line: number of the line that each strip lies on, shape (N,).
        ends: both ends of each strip in metres, shape (N, 2, 2): strip, end, east and north.
    """

    angle_rad: float
    line: IntArray
    ends: FloatArray

    @property
    def length_m(self) -> float:
        """Of all strips together, without the ways between them."""
        return float(np.hypot(*(self.ends[:, 1] - self.ends[:, 0]).T).sum())


def sweep(area: BaseGeometry, angle_rad: float, footprint: Footprint) -> Sweep:
    """Return the strips that cover an area in one direction.

    As many lines as its height needs, evenly apart, cut to the area. A strip ends as soon as
    the camera, which sees some way ahead, has seen the end of the area on that line.

    Args:
        area: polygons in metres.
        angle_rad: direction of the strips, anticlockwise from east.
        footprint: what the camera sees.
    """
    turned = affinity.rotate(area, -angle_rad, origin=(0.0, 0.0), use_radians=True)
    heights = _line_heights(turned, footprint)
    left, low, right, high = turned.bounds
    across = np.empty((len(heights), 2, 2))
    across[:, 0, 0], across[:, 1, 0] = left - 1.0, right + 1.0
    across[:, :, 1] = heights[:, None]
    cuts = shapely.intersection(shapely.linestrings(across), turned)
    parts, line = shapely.get_parts(cuts, return_index=True)
    kept = shapely.get_dimensions(parts) == 1
    parts, line = parts[kept], line[kept]
    bounds = shapely.bounds(parts)
    x = np.sort(bounds[:, [0, 2]], axis=1)
    order = np.lexsort((x[:, 0], line))
    x, line = x[order], line[order]
    step = float(heights[1] - heights[0]) if len(heights) > 1 else high - low
    x = _shortened(turned, x, line, heights, step, footprint)
    flat = np.stack((x, np.broadcast_to(heights[line][:, None], x.shape)), axis=-1)
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    turn = np.array([[cos, sin], [-sin, cos]])
    return Sweep(angle_rad, line.astype(np.int64), flat @ turn)


def _line_heights(turned: BaseGeometry, footprint: Footprint) -> FloatArray:
    """Return where the lines lie: as few as cover the height, evenly apart."""
    _, low, _, high = turned.bounds
    height = high - low
    # At the edges a tenth of the width is left for errors of place.
    room = height - 0.9 * footprint.width_m
    count = 1 + max(0, math.ceil(room / footprint.spacing_m - 1e-9))
    step = min(footprint.spacing_m, height / count)
    first = (low + high) / 2.0 - step * (count - 1) / 2.0
    return first + step * np.arange(count)


def _shortened(
    turned: BaseGeometry,
    x: FloatArray,
    line: IntArray,
    heights: FloatArray,
    step: float,
    footprint: Footprint,
) -> FloatArray:
    """Return strips that end where the camera has seen the end of the area beside them."""
    bounds = turned.bounds
    slices = shapely.box(
        bounds[0] - 1.0, heights - step / 2.0, bounds[2] + 1.0, heights + step / 2.0
    )
    pieces, piece_line = shapely.get_parts(shapely.intersection(slices, turned), return_index=True)
    middles = shapely.points(x.mean(axis=1), heights[line])
    strip_of, piece_of = (
        shapely.STRtree(pieces).query(middles, predicate="intersects").T.reshape(-1, 2).T
    )
    good = piece_line[piece_of] == line[strip_of]
    piece = np.full(len(x), -1)
    piece[strip_of[good]] = piece_of[good]
    spans = shapely.bounds(pieces)[:, [0, 2]][piece]
    known = piece >= 0
    # Of several strips in one piece of a slice only the outermost ends are known to be ends.
    first = known & np.concatenate(([True], piece[1:] != piece[:-1]))
    last = known & np.concatenate((piece[1:] != piece[:-1], [True]))
    reach = 0.45 * footprint.depth_m
    begin = np.where(first, np.clip(spans[:, 0] + reach, x[:, 0], x[:, 1]), x[:, 0])
    end = np.where(last, np.clip(spans[:, 1] - reach, x[:, 0], x[:, 1]), x[:, 1])
    crossed = begin > end
    middle = (begin + end) / 2.0
    return np.column_stack((np.where(crossed, middle, begin), np.where(crossed, middle, end)))


def directions(area: BaseGeometry, *, steps: int = 18) -> list[float]:
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


def best_sweep(area: BaseGeometry, footprint: Footprint, angles: Iterable[float]) -> Sweep:
    """Return the sweep with the least length of strips and turns."""
    sweeps = [sweep(area, angle, footprint) for angle in angles]
    return min(
        (one for one in sweeps if len(one.line)),
        key=lambda one: one.length_m + footprint.spacing_m * len(one.line),
    )


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
                if along[one, 0] <= along[other, 1] and along[other, 0] <= along[one, 1]:
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


def to_and_fro(strips: Sweep, start: FloatArray) -> FloatArray:
    """Return strips in the order and direction to fly them, shape (N, 2, 2).

    Args:
        strips: a sweep.
        start: where the round begins and ends, metres.
    """
    left = cells(strips)
    here = start
    flown: list[FloatArray] = []
    while left:
        best = min(
            ((number, corner) for number in range(len(left)) for corner in range(4)),
            key=lambda one: float(np.hypot(*(_cell(strips, left[one[0]], one[1])[0, 0] - here))),
        )
        ends = _cell(strips, left.pop(best[0]), best[1])
        flown.append(ends)
        here = ends[-1, 1]
    return np.concatenate(flown)


def _cell(strips: Sweep, cell: IntArray, corner: int) -> FloatArray:
    """Return a cell's strips flown to and fro from one of its four corners."""
    ends = strips.ends[cell[::-1] if corner & 1 else cell].copy()
    back = slice(0 if corner & 2 else 1, None, 2)
    ends[back] = ends[back, ::-1]
    return ends
