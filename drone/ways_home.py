"""The vehicle's own way home: how high it returns, and where it may land when home is not straight.

ArduCopter's RTL flies straight at RTL_ALT to the nearest of home and the rally points. The height
is chosen so that straight ways pass above as much as they can. What they would still pass through
(a no-fly area without an upper limit, a bay of the boundary) is answered with rally points: places
to land from which the leg can be seen. A plan in which some way home is still not free is refused
by `drone.airspace`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from drone.airspace import SLACK_M, Airspace
from drone.detours import Router
from drone.heights import along
from drone.leg_geometry import fans_to
from park.errors import AirspaceError
from park.geodesy import FloatArray
from park.site_model import Pipeline, Road

MAX_RALLY = 30
"""Most rally points of a sortie. ArduCopter holds 10 in its smallest boards, 70 in others."""

LANDING_MARGIN_M = 15.0
"""How far a rally point lies from buildings, roads, pipelines and assets."""

_LANDING_RELIEF_M = 1.5
_LANDING_RADIUS_M = 5.0
_SAMPLES = 90
_GRID = 6
_ON_ROUTE = 25
_TRIED = 6
_PATIENCE = 4
_BESIDE_LEGS = 5
_BESIDE_M = (-400.0, -150.0, -40.0, 40.0, 150.0, 400.0)


@dataclass(frozen=True, slots=True)
class Flights:
    """Legs that are flown from one dock.

    Attributes:
        home: the dock, shape (3,): east, north, z of the ground.
        legs: shape (N, 2, 3).
        return_z_m: height of the straight way home.
    """

    home: FloatArray
    legs: FloatArray
    return_z_m: float


def return_z_m(airspace: Airspace, home: FloatArray, legs: FloatArray, wish_z_m: float) -> float:
    """Return the height at which to return straight from anywhere on legs.

    The lowest, from `wish_z_m` up, at which ways home meet the fewest obstacles, never higher
    than allowed above the lowest ground below them.

    Args:
        airspace: the site's.
        home: shape (3,).
        legs: shape (N, 2, 3).
        wish_z_m: lowest height that is asked for.

    Raises:
        AirspaceError: the ground rises and falls so much that no one height does.
    """
    low, high = _between_grounds(airspace, home, legs)
    if low > high:
        raise AirspaceError(
            f"the vehicle returns straight at one height, but the ground between here and home "
            f"differs so much that it would be {low - high:.0f} m too low or too high somewhere; "
            "plan a smaller route, or from a dock nearer to it"
        )
    lowest = min(max(low, wish_z_m), high)
    field = airspace.obstacles
    fan, obstacle = field.crossed(fans_to(legs, home))
    least, most = legs[fan, :, 2].min(axis=1), legs[fan, :, 2].max(axis=1)
    tops = field.top_z_m[obstacle]
    choices = np.unique(tops[(tops > lowest) & (tops <= high)])
    best, fewest = lowest, math.inf
    for choice in (lowest, *choices.tolist()):
        met = (field.floor_z_m[obstacle] < np.maximum(most, choice)) & (
            np.maximum(least, choice) < tops
        )
        if met.sum() < fewest:
            best, fewest = choice, float(met.sum())
    return float(best)


def lower_returns_z_m(
    airspace: Airspace, home: FloatArray, legs: FloatArray, below_z_m: float
) -> list[float]:
    """Return heights of the way home under what begins above ground on it, the highest first.

    An approach sector is flown under. The vehicle's own return never sinks, so from legs above
    such a height it still needs a place to land on their side.

    Args:
        airspace: the site's.
        home: shape (3,).
        legs: shape (N, 2, 3).
        below_z_m: heights from here up are left out.
    """
    low, high = _between_grounds(airspace, home, legs)
    _, obstacle = airspace.obstacles.crossed(fans_to(legs, home))
    under = airspace.obstacles.floor_z_m[np.unique(obstacle)] - SLACK_M
    return sorted(under[(under >= low) & (under < min(high, below_z_m))].tolist(), reverse=True)


def _between_grounds(airspace: Airspace, home: FloatArray, legs: FloatArray) -> tuple[float, float]:
    """Return the least and the greatest height allowed on the ways home, and above home."""
    ground, limits = airspace.ground, airspace.limits
    if ground.is_level:
        return float(home[2]) + limits.min_alt_agl_m, float(home[2]) + limits.max_alt_agl_m
    relief = airspace.relief
    near = np.flatnonzero(relief.within(fans_to(legs, home)))
    z = relief.z_m[near]
    if not np.isfinite(z).all():
        at = near[int(np.flatnonzero(~np.isfinite(z))[0])]
        ground.known_z_m(float(relief.east_m[at]), float(relief.north_m[at]), "a way home")
    return float(z.max()) + limits.min_alt_agl_m, float(z.min()) + limits.max_alt_agl_m


class RallyFinder:
    """Finds places to land at, so that the vehicle's own way home is free from everywhere.

    Other docks come first, then open ground away from buildings, roads, pipelines and assets.

    Args:
        airspace: the site's.
    """

    def __init__(self, airspace: Airspace) -> None:
        self.airspace = airspace
        self._no_landing = _no_landing(airspace)
        frame = airspace.site.frame
        docks = np.array(
            [frame.to_en_m(dock.geometry.y, dock.geometry.x) for dock in airspace.site.docks], float
        ).reshape(-1, 2)
        inside = shapely.contains_xy(airspace.allowed, *docks.T)
        self._docks = _level(airspace, docks[inside])

    def places(self, flight: Flights) -> FloatArray | None:
        """Return as few places as it finds.

        Args:
            flight: what is flown with these rally points.

        Returns:
            Shape (K, 3): east, north and z of the ground, none where all ways home are free
            already; None where no places were found that free them all.
        """
        home = flight.home[None]
        with_docks = self._with_docks(flight, home)
        places = self._completed(flight, with_docks)
        if places is None and len(with_docks) > 1:
            places = self._completed(flight, home)
        return places

    def _with_docks(self, flight: Flights, targets: FloatArray) -> FloatArray:
        """Return targets with those docks that make fewer legs unsafe."""
        wrong = self._closed(flight, targets)
        for dock in self._docks if len(wrong) else ():
            with_dock = np.vstack([targets, dock])
            still = self._closed(flight, with_dock, wrong)
            if len(still) < len(wrong):
                targets, wrong = with_dock, still
        return targets

    def _completed(self, flight: Flights, targets: FloatArray) -> FloatArray | None:
        """Return places added to targets until no leg is unsafe; None where that is not reached."""
        wrong = self._closed(flight, targets)
        fewest, since = len(wrong), 0
        while len(wrong):
            if len(targets) > MAX_RALLY or since > _PATIENCE:
                return None
            better = self._with_best(flight, targets, wrong)
            if better is None:
                return None
            targets, wrong = better
            since = 0 if len(wrong) < fewest else since + 1
            fewest = min(fewest, len(wrong))
        return self._needed(flight, targets)[1:]

    def _closed(
        self, flight: Flights, targets: FloatArray, before: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        return self.airspace.closed_returns(
            flight.legs, targets, flight.return_z_m, closed_before=before
        )

    def _needed(self, flight: Flights, targets: FloatArray) -> FloatArray:
        """Return targets without those that later ones have made needless."""
        for index in range(len(targets) - 2, 0, -1):
            fewer = np.delete(targets, index, axis=0)
            if not len(self._closed(flight, fewer)):
                targets = fewer
        return targets

    def _with_best(
        self, flight: Flights, targets: FloatArray, wrong: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]] | None:
        """Return targets with one more, and the legs that are then still unsafe.

        Sight lines to samples of the route tell which places are worth the exact check.
        """
        samples = _samples(flight.legs[wrong], _SAMPLES)
        places = self._landing_places(samples, beside_legs(flight.legs[wrong]), targets)
        places = places[~self._below_closed(places, _top_z_m(flight))]
        if not len(places):
            return None
        frees = self._frees(flight, samples, targets, places)
        likely = [k for k in np.argsort(-frees, kind="stable")[:_TRIED] if frees[k] > 0]
        if not likely:
            # What is closed is too short to be met by a sample: land right beside it.
            likely = list(np.argsort(_apart(places, samples).min(axis=1))[:_TRIED])
        best: tuple[FloatArray, NDArray[np.int64]] | None = None
        for index in likely:
            tried = np.vstack([targets, places[index]])
            still = self._closed(flight, tried, wrong)
            if best is None or len(still) < len(best[1]):
                best = (tried, still)
            if not len(still):
                break
        return best

    def _frees(
        self, flight: Flights, samples: FloatArray, targets: FloatArray, places: FloatArray
    ) -> NDArray[np.int64]:
        """Return for how many samples each place is nearer than all targets, and in sight.

        Samples that see their nearest target now are left out.
        """
        blocking = self.airspace.obstacles.blocking_z(flight.return_z_m, _top_z_m(flight))
        router = Router(self.airspace, blocking)
        away = _apart(targets, samples)
        nearest = targets[away.argmin(axis=0), :2]
        closed = ~router.is_clear(np.stack([samples[:, :2], nearest], axis=1))
        samples, away = samples[closed], away[:, closed].min(axis=0)
        place, sample = np.nonzero(_apart(places, samples) < away)
        seen = router.is_clear(np.stack([samples[sample, :2], places[place, :2]], axis=1))
        return np.bincount(place[seen], minlength=len(places))

    def _below_closed(self, places: FloatArray, top_z_m: float) -> NDArray[np.bool_]:
        """Return which places lie under a no-fly area that begins below the flight."""
        field = self.airspace.obstacles
        above = field.keep_out[np.isfinite(field.floor_z_m) & (field.floor_z_m < top_z_m)]
        points = shapely.points(places[:, :2])
        return np.asarray(shapely.intersects(shapely.union_all(above), points), bool)

    def _landing_places(
        self, samples: FloatArray, beside: FloatArray, targets: FloatArray
    ) -> FloatArray:
        """Return places fit for landing near samples of a route."""
        west, south = samples[:, :2].min(axis=0)
        east, north = samples[:, :2].max(axis=0)
        grid = np.meshgrid(np.linspace(west, east, _GRID), np.linspace(south, north, _GRID))
        step = max(1, len(samples) // _ON_ROUTE)
        even = np.column_stack([g.ravel() for g in grid])
        places = np.vstack([beside, even, samples[::step, :2]])
        kept = ~shapely.intersects_xy(self._no_landing, *places.T)
        kept &= shapely.contains_xy(self.airspace.allowed, *places.T)
        places = places[kept]
        places = places[_apart(targets, places).min(axis=0) > 1.0]
        return _level(self.airspace, places)


def _top_z_m(flight: Flights) -> float:
    return max(float(flight.legs[:, :, 2].max()), flight.return_z_m)


def beside_legs(legs: FloatArray) -> FloatArray:
    """Return places to either side of some legs, at their ends and middles, shape (N, 2).

    From outside a bend both legs of it are seen.
    """
    legs = legs[:: max(1, len(legs) // _BESIDE_LEGS), :, :2]
    move = legs[:, 1] - legs[:, 0]
    length = np.hypot(move[:, 0], move[:, 1])
    aside = np.column_stack([-move[:, 1], move[:, 0]]) / np.maximum(length, 1e-9)[:, None]
    shares = np.array([0.0, 0.5, 1.0])[:, None, None, None]
    offsets = np.array(_BESIDE_M)[None, :, None, None]
    places = legs[:, 0] + shares * move + offsets * aside
    return np.asarray(places.reshape(-1, 2))


def _apart(places: FloatArray, others: FloatArray) -> FloatArray:
    """Return distances on the ground between places (N, 2 or 3) and others, shape (N, M)."""
    between = places[:, None, :2] - others[None, :, :2]
    return np.asarray(np.hypot(between[..., 0], between[..., 1]))


def _samples(legs: FloatArray, count: int) -> FloatArray:
    length = float(np.hypot(*(legs[:, 1, :2] - legs[:, 0, :2]).T).sum())
    _, _, places = along(legs, max(length / count, 1.0))
    return places[:: max(1, len(places) // count)]


def _no_landing(airspace: Airspace) -> BaseGeometry:
    site, project = airspace.site, airspace.site.frame.project_geometry
    areas = [project(building.geometry).buffer(LANDING_MARGIN_M) for building in site.buildings]
    areas += [project(asset.geometry).buffer(LANDING_MARGIN_M) for asset in site.assets]
    lines: tuple[Road | Pipeline, ...] = (*site.roads, *site.pipelines)
    areas += [
        project(line.geometry).buffer(LANDING_MARGIN_M + (line.width_m or 0.0) / 2.0)
        for line in lines
    ]
    # Under one that begins above the ground may be landed, as long as all of the flight is below.
    from_ground = np.isneginf(airspace.obstacles.floor_z_m)
    areas += list(airspace.obstacles.keep_out[~airspace.obstacles.is_building & from_ground])
    union = shapely.union_all(areas)
    shapely.prepare(union)
    return union


def _level(airspace: Airspace, places: FloatArray) -> FloatArray:
    """Return places with the ground's height, those on slopes left out."""
    around = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)
    rim = _LANDING_RADIUS_M * np.column_stack([np.cos(around), np.sin(around)])
    z = airspace.ground.z_m(places[:, 0], places[:, 1])
    near = places[:, None, :] + rim[None]
    relief = np.abs(airspace.ground.z_m(near[..., 0], near[..., 1]) - z[:, None])
    with np.errstate(invalid="ignore"):
        fit = np.isfinite(z) & (relief.max(axis=1) <= _LANDING_RELIEF_M)
    return np.asarray(np.column_stack([places, z])[fit], float)
