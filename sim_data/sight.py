"""What ground a flight's camera looks at, and when: where a scenario is worth staging.

A park is larger than a patrol sees. Left to chance, most of a scenario lies where nobody looks;
a `Sight` says which ground is in the picture during a stage, so that chance can be kept to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.camera.view import View

CELL_M = 4.0
"""Ground is told in squares of this side."""
EDGE_SHARE = 0.06
"""Of the picture's width: what is nearer to its edge does not count as seen."""
REACH_M = 150.0
"""From the camera; what is further off is too small to be asked for."""
LEAST_S = 3.0
"""Seconds in the picture, all together, from which ground counts as seen."""

_EVERY_S = 1.0


class Flown(Protocol):
    """A flight: `sim_data.patrol_footage.TrueFlight`."""

    @property
    def start(self) -> datetime:
        """When it begins."""
        ...

    def pose(self, seconds: float) -> CameraPose:
        """Return the pose of its camera."""
        ...

    def picture_times_s(self, fps: float) -> NDArray[np.float64]:
        """Return when pictures are taken, seconds after the start."""
        ...


class Sight:
    """The ground that the pictures of some flights show, second by second.

    Args:
        frame: metres of the park.
        flights: in any order.
        lens: of the camera.

    Raises:
        SimulationError: no picture shows the ground.
    """

    def __init__(self, frame: LocalFrame, flights: Iterable[Flown], lens: Intrinsics) -> None:
        self._origin: datetime | None = None
        times: list[float] = []
        shown: list[Polygon] = []
        edge_px = EDGE_SHARE * lens.width_px
        inner = Intrinsics(
            width_px=lens.width_px - round(2 * edge_px),
            height_px=lens.height_px - round(2 * edge_px),
            fx_px=lens.fx_px,
            fy_px=lens.fy_px,
            cx_px=lens.cx_px - edge_px,
            cy_px=lens.cy_px - edge_px,
        )
        for flight in flights:
            self._origin = self._origin or flight.start
            after_s = (flight.start - self._origin).total_seconds()
            for at in flight.picture_times_s(1.0 / _EVERY_S):
                corners = View.of(frame, flight.pose(float(at)), inner).footprint(REACH_M)
                if len(corners) >= 3:
                    times.append(after_s + float(at))
                    shown.append(Polygon(corners))
        if self._origin is None or not shown:
            raise SimulationError("no picture of the flights shows any ground")
        self._areas: dict[tuple[datetime, datetime, float], BaseGeometry] = {}
        self._times = np.array(times)
        self._low, self._seen = _cells(shown)

    def area(self, begins: datetime, ends: datetime, apart_s: float = 0.0) -> BaseGeometry:
        """Return the ground that is seen between two times, metres of the frame.

        Args:
            begins: from when.
            ends: to when.
            apart_s: only what is seen at two times so far apart; 0 for once.
        """
        key = (begins, ends, apart_s)
        if key not in self._areas:
            self._areas[key] = self._area(*key)
        return self._areas[key]

    def _area(self, begins: datetime, ends: datetime, apart_s: float) -> BaseGeometry:
        assert self._origin is not None
        low_s = (begins - self._origin) / timedelta(seconds=1)
        high_s = (ends - self._origin) / timedelta(seconds=1)
        within = np.flatnonzero((self._times >= low_s) & (self._times <= high_s))
        if not len(within):
            return Polygon()
        seen, at = self._seen[within], self._times[within]
        enough = seen.sum(axis=0) * _EVERY_S >= LEAST_S
        if apart_s > 0.0:
            # Of what is seen at all: the first time that it is, and the last.
            first, last = at[seen.argmax(axis=0)], at[len(at) - 1 - seen[::-1].argmax(axis=0)]
            enough &= last - first >= apart_s
        # A box for each run of cells in a row: there are far fewer of them than of cells.
        edges = np.diff(enough.astype(np.int8), axis=1, prepend=0, append=0)
        rows, first_column = np.nonzero(edges == 1)
        past_column = np.nonzero(edges == -1)[1]
        west, north_m = self._low[0], self._low[1] + rows * CELL_M
        return shapely.union_all(
            shapely.box(
                west + first_column * CELL_M, north_m, west + past_column * CELL_M, north_m + CELL_M
            )
        )


def _cells(shown: Sequence[Polygon]) -> tuple[tuple[float, float], NDArray[np.bool_]]:
    """Return the south-west corner of a grid, and which cells' middles each area covers.

    The array has the shape (areas, rows, columns), rows to the north.
    """
    west, south, east, north = shapely.total_bounds(np.array(shown))
    columns = math.ceil((east - west) / CELL_M)
    rows = math.ceil((north - south) / CELL_M)
    east_m = west + (np.arange(columns) + 0.5) * CELL_M
    north_m = south + (np.arange(rows) + 0.5) * CELL_M
    seen = np.zeros((len(shown), rows, columns), np.bool_)
    for number, area in enumerate(shown):
        low_e, low_n, high_e, high_n = area.bounds
        i = slice(*np.searchsorted(north_m, (low_n, high_n)).tolist())
        j = slice(*np.searchsorted(east_m, (low_e, high_e)).tolist())
        grid_e, grid_n = np.meshgrid(east_m[j], north_m[i])
        shapely.prepare(area)
        seen[number, i, j] = shapely.contains_xy(area, grid_e, grid_n)
    return (float(west), float(south)), seen
