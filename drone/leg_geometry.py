"""Geometry of straight legs in metres: where they cross areas, and the ways home from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray

_PIECES = 16
TARGET_OVERLAP_M = 10.0
"""A vehicle this close to being nearer to another place may choose either to return to."""


def lines_of(legs: FloatArray) -> NDArray[np.object_]:
    """Return the ground plan of legs, shape (N, 2, 2 or more), as shapely geometries.

    A leg straight up or down is a point; GEOS calls a line without length invalid.
    """
    if not len(legs):
        return np.empty(0, object)
    lines = np.asarray(shapely.linestrings(legs[:, :, :2]), object)
    upright = np.all(legs[:, 0, :2] == legs[:, 1, :2], axis=1)
    if upright.any():
        lines[upright] = shapely.points(legs[upright, 0, :2])
    return lines


def fans_to(legs: FloatArray, target: FloatArray) -> NDArray[np.object_]:
    """Return the ground plans of all straight ways from anywhere on each leg to a target.

    Triangles, or lines where a leg points at the target; shape (N,).
    """
    ends = np.broadcast_to(target[:2], (len(legs), 1, 2))
    corners = np.concatenate([legs[:, :, :2], ends], axis=1)
    return np.asarray(shapely.convex_hull(shapely.multipoints(corners)), object)


def legs_by_target(
    legs: FloatArray, targets: FloatArray, *, first: int = 0
) -> Iterator[tuple[FloatArray, FloatArray, NDArray[np.int64]]]:
    """Yield for each target the parts of legs from which it is the nearest.

    The part of a leg that is nearest to a place is one piece, because such areas (Voronoi cells)
    are convex. Pieces reach `TARGET_OVERLAP_M` into the next area.

    Args:
        legs: shape (N, 2, 3).
        targets: shape (K, 3); heights do not count.
        first: index of the first target to answer for.

    Yields:
        The target, the parts (M, 2, 3), and the leg that each is of (M,).
    """
    start, move = legs[:, 0], legs[:, 1] - legs[:, 0]
    for target in targets[first:]:
        apart = targets[:, :2] - target[:2]
        distance = np.hypot(apart[:, 0], apart[:, 1])
        others = distance > 0.0
        towards = (apart[others] / distance[others, None]).T
        # Distance beyond each bisector, which grows in proportion along the leg.
        beyond = distance[others] / 2.0 + TARGET_OVERLAP_M
        at_start = (start[:, :2] - target[:2]) @ towards - beyond
        grows = move[:, :2] @ towards
        # A leg that hardly moves crosses nowhere near: infinity is right.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            crossing = -at_start / grows
        end = np.where(grows > 0, crossing, 1.0).min(axis=1, initial=1.0)
        begin = np.where(grows < 0, crossing, 0.0).max(axis=1, initial=0.0)
        end[((grows == 0) & (at_start > 0)).any(axis=1)] = -1.0
        index = np.flatnonzero(begin <= end)
        ends = np.stack([begin[index], end[index]], axis=1)
        parts = start[index, None] + ends[:, :, None] * move[index, None]
        yield target, parts, index


def heights_within(legs: FloatArray, inside: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest flight over parts of the ground plans of legs.

    Args:
        legs: shape (N, 2, 3).
        inside: shape (N,): the part of each leg's ground plan that is asked about. Where that is
            several pieces, heights between them count too.

    Returns:
        Each of shape (N,); infinity and minus infinity where a part is empty.
    """
    places, index = shapely.get_coordinates(inside, return_index=True)
    move = legs[:, 1] - legs[:, 0]
    squared = np.sum(move[:, :2] ** 2, axis=1)
    upright = squared == 0.0
    share = np.sum((places - legs[index, 0, :2]) * move[index, :2], axis=1)
    share = np.clip(share / np.where(upright, 1.0, squared)[index], 0.0, 1.0)
    heights = legs[index, 0, 2] + share * move[index, 2]
    low, high = np.full(len(legs), np.inf), np.full(len(legs), -np.inf)
    np.minimum.at(low, index, heights)
    np.maximum.at(high, index, heights)
    low = np.where(upright, legs[:, :, 2].min(axis=1), low)
    high = np.where(upright, legs[:, :, 2].max(axis=1), high)
    return low, high


def deepest_outside(beyond: BaseGeometry, area: BaseGeometry) -> tuple[float, tuple[float, float]]:
    """Return how far a geometry gets from an area, and where, metres."""
    return _furthest(beyond, area)


def deepest_inside(inside: BaseGeometry, area: BaseGeometry) -> tuple[float, tuple[float, float]]:
    """Return how far a geometry within an area is from the area's rim, and where, metres."""
    return _furthest(inside, area.boundary)


def _furthest(geometry: BaseGeometry, from_what: BaseGeometry) -> tuple[float, tuple[float, float]]:
    # An end of a piece lies on the rim itself; what is deep lies between.
    dense = shapely.segmentize(geometry, max(1.0, geometry.length / _PIECES))
    places = shapely.get_coordinates(dense)
    distances = np.asarray(shapely.distance(shapely.points(places), from_what))
    worst = int(np.argmax(distances))
    return float(distances[worst]), (float(places[worst, 0]), float(places[worst, 1]))
