"""Ways between strips and between docks and strips: around obstacles, or above them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from drone.airspace import SLACK_M, Airspace
from drone.detours import NoWay, Place, Router
from drone.energy import EnergyModel
from drone.heights import DRAPE_TOLERANCE_M, drape
from park.errors import AirspaceError
from park.geodesy import FloatArray

SAME_HEIGHT_M = SLACK_M
"""Heights this close need no waypoint between them: the slant is no more than checks forgive."""

_CLEAR_OF_TOP_M = 0.1


@dataclass
class Transits:
    """Finds ways that take the least energy.

    Attributes:
        airspace: the site's.
        model: of the vehicle and the wind.
    """

    airspace: Airspace
    model: EnergyModel
    _routers: dict[bytes, Router] = field(default_factory=dict, repr=False)

    def out(self, home: FloatArray, return_z_m: float, place: FloatArray) -> FloatArray:
        """Return the line from above a dock to a place (3,): level, then down or up to it.

        Where the height of the way home is closed, as under an approach sector, the line goes
        down above the dock and on at the place's own height above the ground.

        Raises:
            AirspaceError: there is no way; the message names the obstacle.
        """
        blocking = self.airspace.obstacles.blocking_z(return_z_m)
        level = self._router(blocking).way(_place(home), _place(place))
        if isinstance(level, np.ndarray):
            line = np.column_stack([level, np.full(len(level), return_z_m)])
            return _ending_at(line, place)
        above = np.array([home[0], home[1], return_z_m])
        agl = float(place[2] - self.airspace.ground.z_m(place[:1], place[1:2])[0])
        low = self._at_agl(agl, above, place)
        return self._need(level if isinstance(low, NoWay) else low, home, place)

    def back(self, home: FloatArray, return_z_m: float, place: FloatArray) -> FloatArray:
        """Return the line from a place to above a dock: up or down, then level.

        Raises:
            AirspaceError: there is no way; the message names the obstacle.
        """
        return self.out(home, return_z_m, place)[::-1]

    def between(self, start: FloatArray, end: FloatArray) -> FloatArray:
        """Return the line from the end of one strip (3,) to the start of the next.

        At the greater height above ground of the two around what is in the way, or climbing
        above it, whichever takes less energy.

        Raises:
            AirspaceError: there is no way; the message names the obstacle.
        """
        ends = np.vstack([start, end])
        agl = ends[:, 2] - self.airspace.ground.z_m(ends[:, 0], ends[:, 1])
        low = float(agl.max())
        around = self._at_agl(low, start, end)
        if isinstance(around, np.ndarray) and len(around) == 2:
            return around
        above = self._above(low, start, end)
        ways = [way for way in (around, above) if isinstance(way, np.ndarray)]
        if not ways:
            self._need(around if isinstance(around, NoWay) else None, start, end)
        speed = self.model.vehicle.cruise_mps
        return min(ways, key=lambda line: self.model.flown(line, speed).wh)

    def _at_agl(self, agl_m: float, start: FloatArray, end: FloatArray) -> FloatArray | NoWay:
        blocking = self.airspace.obstacles.blocking_agl(agl_m, self._tolerance_m)
        way = self._router(blocking).way(_place(start), _place(end))
        if isinstance(way, NoWay):
            return way
        level = np.column_stack([way, np.full(len(way), agl_m)])
        tolerance = self._tolerance_m or DRAPE_TOLERANCE_M
        line, _ = drape(self.airspace.ground, level, tolerance_m=tolerance)
        return _ending_at(_ending_at(line, end)[::-1], start)[::-1]

    def _above(self, low_agl_m: float, start: FloatArray, end: FloatArray) -> FloatArray | None:
        """Return the line that climbs above what is in the way; None where nothing allows it."""
        obstacles, tolerance = self.airspace.obstacles, self._tolerance_m
        highest = self.airspace.limits.max_alt_agl_m - tolerance
        over = self._router(obstacles.blocking_agl(highest, tolerance))
        way = over.way(_place(start), _place(end))
        if isinstance(way, NoWay):
            return None
        plan = np.array([shapely.linestrings(way)], object)
        _, crossed = obstacles.crossed(plan)
        crossed = crossed[obstacles.blocking_agl(low_agl_m, tolerance)[crossed]]
        if not len(crossed):
            return None
        needed = float(obstacles.top_agl_m[crossed].max()) + tolerance + _CLEAR_OF_TOP_M
        if not needed <= highest:
            return None
        line = self._at_agl(needed, start, end)
        return None if isinstance(line, NoWay) else line

    @property
    def _tolerance_m(self) -> float:
        return 0.0 if self.airspace.ground.is_level else DRAPE_TOLERANCE_M

    def _router(self, blocking: NDArray[np.bool_]) -> Router:
        key = np.packbits(blocking).tobytes()
        if key not in self._routers:
            self._routers[key] = Router(self.airspace, blocking)
        return self._routers[key]

    def _need(
        self, way: FloatArray | NoWay | None, start: FloatArray, end: FloatArray
    ) -> FloatArray:
        if isinstance(way, np.ndarray):
            return way
        to_lat_lon = self.airspace.site.frame.to_lat_lon
        (lat1, lon1), (lat2, lon2) = to_lat_lon(*_place(start)), to_lat_lon(*_place(end))
        met = ""
        if way is not None:
            lat, lon = to_lat_lon(*way.place)
            met = f": {way.obstacle} is in the way at {lat:.6f}, {lon:.6f}"
        raise AirspaceError(
            f"no way was found for the transit from {lat1:.6f}, {lon1:.6f} to {lat2:.6f}, "
            f"{lon2:.6f}{met}; move the route, or fly higher where the obstacle has an upper "
            "limit, or lower where it has a lower one"
        )


def _place(place: FloatArray) -> Place:
    return float(place[0]), float(place[1])


def _ending_at(line: FloatArray, place: FloatArray) -> FloatArray:
    """Return a line with the height of its last point changed, by a climb where it matters."""
    if abs(line[-1, 2] - place[2]) <= SAME_HEIGHT_M and len(line) > 1:
        return np.vstack([line[:-1], place])
    return np.vstack([line, place])
