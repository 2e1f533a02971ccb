"""Heights: the ground under a flight, and a route draped over it.

Planning works in metres of the site's `LocalFrame` and in heights of the terrain's own datum
(`z_m`, what `Terrain.height_home_m` answers), because sorties may start from docks at different
heights. `Home` enters last: `alt_home_m` is `z_m` less the ground's height at that dock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.errors import AirspaceError
from park.geodesy import FloatArray, LocalFrame
from park.terrain import Terrain

DRAPE_TOLERANCE_M = 3.0
"""How far a draped leg may be off the height above ground that was asked for."""

_LEAST_STEP_M = 0.5
_SAMPLES_AT_ONCE = 1_000_000
_GRID_PLACES = 2_000_000
# Half the diagonal of a square: from anywhere, a place of the grid is at most that far.
_NEAREST = 0.71


@dataclass(frozen=True, slots=True)
class Ground:
    """The terrain in metres of a site's frame.

    Attributes:
        frame: the site's.
        terrain: what the heights come from.
    """

    frame: LocalFrame
    terrain: Terrain

    @property
    def is_level(self) -> bool:
        """Whether the ground has one height everywhere, so that nothing need be sampled."""
        return math.isinf(self.terrain.resolution_m)

    @property
    def step_m(self) -> float:
        """Distance between samples along a leg: half the resolution of the terrain."""
        return max(self.terrain.resolution_m / 2.0, _LEAST_STEP_M)

    def z_m(self, east_m: FloatArray, north_m: FloatArray) -> FloatArray:
        """Return the ground's height, shape of the input; NaN where it is not known."""
        east_m, north_m = np.asarray(east_m, float), np.asarray(north_m, float)
        flat_e, flat_n = east_m.ravel(), north_m.ravel()
        answer = np.empty(len(flat_e))
        for start in range(0, len(flat_e), _SAMPLES_AT_ONCE):
            part = slice(start, start + _SAMPLES_AT_ONCE)
            lat, lon = self.frame.to_lat_lon(flat_e[part].copy(), flat_n[part].copy())
            answer[part] = self.terrain.height_home_m(lat, lon)
        return answer.reshape(east_m.shape)

    def known_z_m(self, east_m: float, north_m: float, what: str) -> float:
        """Return the ground's height at one place.

        Raises:
            AirspaceError: it is not known there; the message names `what`.
        """
        z_m = float(self.z_m(np.array([east_m]), np.array([north_m]))[0])
        if not math.isfinite(z_m):
            lat, lon = self.frame.to_lat_lon(east_m, north_m)
            raise AirspaceError(
                f"the height of the ground at {what} ({lat:.6f}, {lon:.6f}) is not in the "
                "elevation model; give one that covers the whole park"
            )
        return z_m


@dataclass(frozen=True)
class Relief:
    """The ground on a grid over an area.

    Attributes:
        east_m: of each place, shape (N,).
        north_m: likewise.
        z_m: likewise; NaN where it is not known.
        step_m: distance between places.
    """

    east_m: FloatArray
    north_m: FloatArray
    z_m: FloatArray
    step_m: float

    @classmethod
    def of(cls, ground: Ground, area: BaseGeometry) -> Relief:
        """Return the ground within an area's bounds, every half pixel of the terrain.

        Further apart where that would be more than two million places.
        """
        west, south, east, north = area.bounds
        step = max(ground.step_m, math.sqrt((east - west) * (north - south) / _GRID_PLACES))
        es, ns = (
            grid.ravel()
            for grid in np.meshgrid(
                np.arange(west, east + step, step), np.arange(south, north + step, step)
            )
        )
        return cls(es, ns, ground.z_m(es, ns), step)

    def within(self, areas: NDArray[np.object_]) -> NDArray[np.bool_]:
        """Return which places lie in any of some areas, or so near that none is nearer."""
        area = shapely.union_all(areas).buffer(_NEAREST * self.step_m)
        shapely.prepare(area)
        return np.asarray(shapely.contains_xy(area, self.east_m, self.north_m), bool)

    def near(
        self, areas: NDArray[np.object_], chosen: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs (area, place) of chosen places in areas, or so near that none is nearer."""
        places = np.flatnonzero(chosen)
        points = np.asarray(shapely.points(self.east_m[places], self.north_m[places]), object)
        tree = shapely.STRtree(points)
        area, place = tree.query(areas, predicate="dwithin", distance=_NEAREST * self.step_m)
        return area, places[place]


def along(legs: FloatArray, step_m: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return samples along legs, both ends included.

    Args:
        legs: shape (N, 2, D): start and end, metres.
        step_m: at most this far apart, measured on the ground.

    Returns:
        Index of the leg (S,), share of the leg flown 0 to 1 (S,), and positions (S, D).
    """
    length = np.hypot(*(legs[:, 1, :2] - legs[:, 0, :2]).T)
    pieces = np.maximum(1, np.ceil(length / step_m)).astype(np.int64)
    counts = pieces + 1
    index = np.repeat(np.arange(len(legs)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    share = within / pieces[index]
    places = legs[index, 0] + share[:, None] * (legs[index, 1] - legs[index, 0])
    return index.astype(np.float64), share, places


def drape(
    ground: Ground,
    line: FloatArray,
    *,
    tolerance_m: float = DRAPE_TOLERANCE_M,
) -> tuple[FloatArray, FloatArray]:
    """Return a line with heights that follow the ground.

    Waypoints are inserted where the ground bends so much that the height above ground along a
    leg would be off by more than `tolerance_m`: the worst place first, as in Douglas and
    Peucker's line simplification (1973). Level ground inserts none.

    Args:
        ground: what lies below.
        line: shape (N, 3): east, north, and height above ground, metres.
        tolerance_m: above zero.

    Returns:
        Shape (M, 3): east, north and `z_m`; and shape (M,) the place of each point on the line
        that was given: whole numbers for its own points, between them for inserted ones.

    Raises:
        AirspaceError: the ground's height is not known somewhere along the line.
    """
    own = ground.z_m(line[:, 0], line[:, 1])
    if ground.is_level or len(line) == 1:
        _all_known(ground, line, own)
        return np.column_stack([line[:, :2], own + line[:, 2]]), np.arange(float(len(line)))
    legs = np.stack([line[:-1], line[1:]], axis=1)
    index, share, places = along(legs, ground.step_m)
    wanted = ground.z_m(places[:, 0], places[:, 1])
    _all_known(ground, places, wanted)
    wanted = wanted + places[:, 2]
    kept = np.zeros(len(wanted), bool)
    for leg in range(len(legs)):
        first, last = np.searchsorted(index, [leg, leg + 1])
        # The end of a leg is the start of the next; keep it once.
        kept[first:last] = _bends(share[first:last], wanted[first:last], tolerance_m)
        kept[last - 1] = leg == len(legs) - 1
    points = np.column_stack([places[:, :2], wanted])[kept]
    return points, (index + share)[kept]


def _bends(share: FloatArray, wanted: FloatArray, tolerance_m: float) -> np.ndarray:
    kept = np.zeros(len(share), bool)
    kept[[0, -1]] = True
    waiting = [(0, len(share) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        chord = np.interp(share[inner], share[[first, last]], wanted[[first, last]])
        off = np.abs(wanted[inner] - chord)
        worst = int(off.argmax())
        if off[worst] > tolerance_m:
            middle = first + 1 + worst
            kept[middle] = True
            waiting += [(first, middle), (middle, last)]
    return kept


def _all_known(ground: Ground, places: FloatArray, z_m: FloatArray) -> None:
    unknown = np.flatnonzero(~np.isfinite(z_m))
    if len(unknown):
        at = places[unknown[0]]
        ground.known_z_m(float(at[0]), float(at[1]), "a point of the route")
