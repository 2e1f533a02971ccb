"""Sweeping an area strip by strip: lines across it, cells of lines, and the order of cells.

Boustrophedon decomposition (Choset and Pignon, 1998): lines at one spacing are cut to the area;
cuts on neighbouring lines that lie beside each other, one to one, make a cell, and where a hole
or a bay splits or joins them, new cells begin. A cell is flown to and fro. The direction of the
lines is searched for; the cells are put in order with a choice of the corner each begins at, and
then strips are exchanged between them as long as that shortens the way.
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

from drone.routes.exchange import exchanged
from drone.routes.order import Ways, best_ways, nearest_next
from park.geodesy import FloatArray

_TURN_M = 15.0
"""Slowing down for a turn and speeding up again takes about as long as this much of a way."""

_LEFT_UNSEEN = 0.004
"""Share of the area that may stay unseen, in crumbs along its edge."""
_PATCH_ROUNDS = 4
_SMALL_AREA = 1000.0
"""In squares of the distance between strips."""

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
        spacing_m: from one line to the next, at most.
        line: number of the line that each strip lies on, shape (N,).
        ends: both ends of each strip in metres, shape (N, 2, 2): strip, end, east and north.
    """

    angle_rad: float
    spacing_m: float
    line: IntArray
    ends: FloatArray

    @property
    def length_m(self) -> float:
        """Of all strips together, without the ways between them."""
        return float(np.hypot(*(self.ends[:, 1] - self.ends[:, 0]).T).sum())


def sweep(
    area: BaseGeometry, angle_rad: float, footprint: Footprint, *, complete: bool = True
) -> Sweep:
    """Return the strips that cover an area in one direction.

    As many lines as its height needs, evenly apart, cut to the area. A strip ends as soon as
    the camera, which sees some way ahead, has seen the end of the area beside that line.

    Args:
        area: polygons in metres.
        angle_rad: direction of the strips, anticlockwise from east.
        footprint: what the camera sees.
        complete: whether to look for what stays unseen, and to fly there as well.
    """
    turned = affinity.rotate(area, -angle_rad, origin=(0.0, 0.0), use_radians=True)
    heights, step = _lines(turned, footprint)
    x, line = _cuts(turned, heights)
    short = _shortened(turned, x, line, heights, step, footprint)
    y = heights[line]
    if complete:
        short = _lengthened(turned, x, short, y, footprint)
        short, y, line = _patched(turned, short, y, line, footprint)
    flat = np.stack((short, np.broadcast_to(y[:, None], short.shape)), axis=-1)
    return Sweep(angle_rad, footprint.spacing_m, line, flat @ _turn(angle_rad))


def _turn(angle_rad: float) -> FloatArray:
    """Return the matrix that rows of coordinates are multiplied with to turn them."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cos, sin], [-sin, cos]])


def _lines(turned: BaseGeometry, footprint: Footprint) -> tuple[FloatArray, float]:
    """Return where the lines lie, as few as cover the height, and how far apart."""
    _, low, _, high = turned.bounds
    height = high - low
    # At the edges a tenth of the width is left for errors of place.
    room = height - 0.9 * footprint.width_m
    count = 1 + max(0, math.ceil(room / footprint.spacing_m - 1e-9))
    step = min(footprint.spacing_m, height / count)
    first = (low + high) / 2.0 - step * (count - 1) / 2.0
    return first + step * np.arange(count), step


def _cuts(turned: BaseGeometry, heights: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return where lines run over the area, shape (N, 2), and which line each is part of."""
    left, _, right, _ = turned.bounds
    across = np.empty((len(heights), 2, 2))
    across[:, 0, 0], across[:, 1, 0] = left - 1.0, right + 1.0
    across[:, :, 1] = heights[:, None]
    cuts = shapely.intersection(shapely.linestrings(across), turned)
    parts, line = shapely.get_parts(cuts, return_index=True)
    kept = shapely.get_dimensions(parts) == 1
    bounds, line = shapely.bounds(parts[kept]), line[kept]
    order = np.lexsort((bounds[:, 0], line))
    return bounds[order][:, [0, 2]], line[order].astype(np.int64)


def _shortened(
    turned: BaseGeometry,
    x: FloatArray,
    line: IntArray,
    heights: FloatArray,
    step: float,
    footprint: Footprint,
) -> FloatArray:
    """Return strips that end where the camera has seen the end of the area beside them.

    Beside a line its neighbours see what is nearer to them than half the width that they see;
    only what is left between is looked at, but at the rim, where there is no neighbour, all.
    """
    half = np.full(len(heights), max(step - footprint.width_m / 2.0, 0.1 * step))
    half = np.minimum(half, step / 2.0)
    below, above = half.copy(), half.copy()
    below[0] = above[-1] = footprint.width_m / 2.0
    left, _, right, _ = turned.bounds
    slices = shapely.box(left - 1.0, heights - below, right + 1.0, heights + above)
    pieces, piece_line = shapely.get_parts(shapely.intersection(slices, turned), return_index=True)
    middles = shapely.points(x.mean(axis=1), heights[line])
    strip_of, piece_of = shapely.STRtree(pieces).query(middles, predicate="intersects")
    same = piece_line[piece_of] == line[strip_of]
    piece = np.full(len(x), -1)
    piece[strip_of[same]] = piece_of[same]
    spans = shapely.bounds(pieces)[:, [0, 2]][piece]
    # Of several strips in one piece of a slice only the outermost ends are ends of the piece.
    other = piece[1:] != piece[:-1]
    first = (piece >= 0) & np.concatenate(([True], other))
    last = (piece >= 0) & np.concatenate((other, [True]))
    reach = 0.45 * footprint.depth_m
    begin = np.where(first, np.clip(spans[:, 0] + reach, x[:, 0], x[:, 1]), x[:, 0])
    end = np.where(last, np.clip(spans[:, 1] - reach, x[:, 0], x[:, 1]), x[:, 1])
    middle = (begin + end) / 2.0
    crossed = (begin > end)[:, None]
    return np.where(crossed, middle[:, None], np.column_stack((begin, end)))


def _lengthened(
    turned: BaseGeometry, x: FloatArray, short: FloatArray, y: FloatArray, footprint: Footprint
) -> FloatArray:
    """Return strips with those flown out to the edge beside which too much stays unseen."""
    unseen = _unseen(turned, short, y, footprint)
    if not len(unseen):
        return short
    whole = shapely.STRtree(_seen(x, y, footprint))
    needed = np.unique(whole.query(unseen, predicate="intersects")[1])
    longer = short.copy()
    longer[needed] = x[needed]
    return longer


def _patched(
    turned: BaseGeometry, x: FloatArray, y: FloatArray, line: IntArray, footprint: Footprint
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return strips with short ones added over bays and tips that no line comes near."""
    for _ in range(_PATCH_ROUNDS):
        unseen = _unseen(turned, x, y, footprint)
        if not len(unseen):
            break
        heights = shapely.get_y(shapely.point_on_surface(unseen))
        bounds = shapely.bounds(unseen)
        across = np.empty((len(unseen), 2, 2))
        across[:, 0, 0], across[:, 1, 0] = bounds[:, 0], bounds[:, 2]
        across[:, :, 1] = heights[:, None]
        cuts = shapely.intersection(shapely.linestrings(across), turned)
        parts, patch = shapely.get_parts(cuts, return_index=True)
        kept = shapely.get_dimensions(parts) == 1
        span = shapely.bounds(parts[kept])[:, [0, 2]]
        reach = np.minimum(0.4 * footprint.depth_m, (span[:, 1] - span[:, 0]) / 2.0)
        x = np.concatenate((x, span + np.column_stack((reach, -reach))))
        y = np.concatenate((y, heights[patch[kept]]))
        # Numbers with gaps between: no patch lies beside another line.
        top = int(line.max(initial=0)) + 2
        line = np.concatenate((line, top + 2 * np.arange(int(kept.sum()), dtype=np.int64)))
    return x, y, line


def _seen(x: FloatArray, y: FloatArray, footprint: Footprint) -> FloatArray:
    """Return what the camera sees along strips, as boxes."""
    half, deep = footprint.width_m / 2.0, footprint.depth_m / 2.0
    return np.asarray(shapely.box(x[:, 0] - deep, y - half, x[:, 1] + deep, y + half))


def _unseen(turned: BaseGeometry, x: FloatArray, y: FloatArray, footprint: Footprint) -> FloatArray:
    """Return the largest parts that no strip sees, until what is left is next to nothing."""
    left = turned.difference(shapely.union_all(_seen(x, y, footprint)))
    parts = shapely.get_parts(left)
    parts = parts[shapely.get_dimensions(parts) == 2]
    sizes = shapely.area(parts)
    order = np.argsort(-sizes)
    rest = np.cumsum(sizes[order][::-1])[::-1]
    return np.asarray(parts[order][rest > _LEFT_UNSEEN * turned.area])


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
    """Return the sweep with the least length of strips, turns, and ways from cell to cell."""
    # Of a small area whole parts can fall between lines; of a large one only crumbs do.
    small = area.area < _SMALL_AREA * footprint.spacing_m**2
    sweeps = [sweep(area, angle, footprint, complete=small) for angle in angles]
    best = min(sweeps, key=_likely_length)
    return sweep(area, best.angle_rad, footprint)


def _likely_length(strips: Sweep) -> float:
    """Return about how long the route will be, turns as the time they take included."""
    flown = _cell_by_cell(strips, strips.ends[0, 0])
    ways = np.hypot(*(flown[1:, 0] - flown[:-1, 1]).T).sum()
    return strips.length_m + float(ways) + _TURN_M * len(flown)


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


def to_and_fro(strips: Sweep, start: FloatArray) -> FloatArray:
    """Return strips in the order and direction to fly them, shape (N, 2, 2).

    Args:
        strips: a sweep.
        start: where the drone comes from, metres, shape (2,).
    """
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
