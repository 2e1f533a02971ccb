"""Strips over an area in one direction: where they lie, and where they begin and end."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray

_LEFT_UNSEEN = 0.004
"""Share of the area that may stay unseen, in crumbs along its edge."""
_PATCH_ROUNDS = 4
_LEAST_M = 2.0
"""Half the length of the shortest strip, where the area has room for it."""

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
class Field:
    """What to sweep, in metres.

    Attributes:
        fly: polygons that strips stay inside of.
        see: polygons that are to be seen; they hold those, and some ground around where the
            camera sees across the edge.
    """

    fly: BaseGeometry
    see: BaseGeometry

    def turned(self, angle_rad: float) -> Field:
        """Return it with a direction, anticlockwise from east, turned to point east."""
        fly, see = (
            affinity.rotate(shape, -angle_rad, origin=(0.0, 0.0), use_radians=True)
            for shape in (self.fly, self.see)
        )
        return Field(fly, see)


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


def sweep(field: Field, angle_rad: float, footprint: Footprint, *, complete: bool = True) -> Sweep:
    """Return the strips that cover an area in one direction.

    As many lines as its height needs, evenly apart, cut to the area. A strip ends as soon as
    the camera, which sees some way ahead, has seen the end of the area beside that line.

    Args:
        field: where to fly and what to see.
        angle_rad: direction of the strips, anticlockwise from east.
        footprint: what the camera sees.
        complete: whether to look for what stays unseen, and to fly there as well.
    """
    turned = field.turned(angle_rad)
    heights, step = _lines(turned, footprint)
    x, line = _cuts(turned.fly, heights)
    short = _shortened(turned.see, x, line, heights, step, footprint)
    y = heights[line]
    if complete:
        short = _lengthened(turned.see, x, short, y, footprint)
        short, y, line = _patched(turned.fly, short, y, line, footprint)
    flat = np.stack((short, np.broadcast_to(y[:, None], short.shape)), axis=-1)
    return Sweep(angle_rad, footprint.spacing_m, line, flat @ _turn(angle_rad))


def _turn(angle_rad: float) -> FloatArray:
    """Return the matrix that rows of coordinates are multiplied with to turn them."""
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cos, sin], [-sin, cos]])


def _lines(turned: Field, footprint: Footprint) -> tuple[FloatArray, float]:
    """Return where the lines lie, as few as cover the height, and how far apart."""
    _, low, _, high = turned.see.bounds
    # At the edges a tenth of the width is left for errors of place.
    room = high - low - 0.9 * footprint.width_m
    count = 1 + max(0, math.ceil(room / footprint.spacing_m - 1e-9))
    step = min(footprint.spacing_m, (high - low) / count)
    heights = (low + high) / 2.0 + step * (np.arange(count) - (count - 1) / 2.0)
    # The outermost lines are drawn in to where they may be flown.
    _, lowest, _, highest = turned.fly.bounds
    edge = min(0.05 * footprint.spacing_m, 0.25 * (highest - lowest))
    ends = np.clip(heights[[0, -1]], lowest + edge, highest - edge)
    heights = np.linspace(ends[0], ends[1], count) if count > 1 else ends[:1]
    return np.asarray(heights, dtype=float), step


def _cuts(turned: BaseGeometry, heights: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return where lines run over the area, shape (N, 2), and which line each is part of."""
    left, _, right, _ = turned.bounds
    across = np.empty((len(heights), 2, 2))
    across[:, 0, 0], across[:, 1, 0] = left - 1.0, right + 1.0
    across[:, :, 1] = heights[:, None]
    spans, line = _spans(across, turned)
    order = np.lexsort((spans[:, 0], line))
    return spans[order], line[order]


def _spans(across: FloatArray, turned: BaseGeometry) -> tuple[FloatArray, IntArray]:
    """Return where level lines (N, 2, 2) run over an area, and which of them each part is of."""
    cuts = shapely.intersection(shapely.linestrings(across), turned)
    parts, line = shapely.get_parts(cuts, return_index=True)
    # A line that lies between two parts of the area leaves an empty one, of dimension 1 as well.
    kept = (shapely.get_dimensions(parts) == 1) & ~shapely.is_empty(parts)
    return shapely.bounds(parts[kept])[:, [0, 2]], line[kept].astype(np.int64)


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
    # Never less than a short line: the picture lies along it.
    middle = np.clip((begin + end) / 2.0, x[:, 0] + _LEAST_M, x[:, 1] - _LEAST_M)
    middle = np.where(x[:, 1] - x[:, 0] > 2.0 * _LEAST_M, middle, x.mean(axis=1))
    least = np.minimum(_LEAST_M, (x[:, 1] - x[:, 0]) / 2.0)
    return np.column_stack((np.minimum(begin, middle - least), np.maximum(end, middle + least)))


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
        span, patch = _spans(across, turned)
        half = (span[:, 1] - span[:, 0]) / 2.0
        reach = np.minimum(0.4 * footprint.depth_m, np.maximum(half - _LEAST_M, 0.0))
        x = np.concatenate((x, span + np.column_stack((reach, -reach))))
        y = np.concatenate((y, heights[patch]))
        # Numbers with gaps between: no patch lies beside another line.
        top = int(line.max(initial=0)) + 2
        line = np.concatenate((line, top + 2 * np.arange(len(span), dtype=np.int64)))
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
