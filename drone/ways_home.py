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

from drone.airspace import Airspace, Rule
from drone.detours import Router
from drone.heights import along
from drone.leg_geometry import fans_to
from park.errors import AirspaceError
from park.geodesy import FloatArray
from park.site_model import Pipeline, Road

MAX_RALLY = 10
"""Most rally points of a sortie: as many as ArduCopter holds in the smallest boards."""

LANDING_MARGIN_M = 15.0
"""How far a rally point lies from buildings, roads, pipelines and assets."""

_LANDING_RELIEF_M = 1.5
_LANDING_RADIUS_M = 5.0
_SAMPLES = 400
_GRID = 12
_ON_ROUTE = 60
_WAY_SAMPLE_M = 100.0


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


def _between_grounds(airspace: Airspace, home: FloatArray, legs: FloatArray) -> tuple[float, float]:
    """Return the least and the greatest height allowed on the ways home, and above home."""
    ground, limits = airspace.ground, airspace.limits
    if ground.is_level:
        return float(home[2]) + limits.min_alt_agl_m, float(home[2]) + limits.max_alt_agl_m
    _, _, starts = along(legs, max(_WAY_SAMPLE_M, ground.step_m))
    ways = np.stack([starts, np.broadcast_to(home, starts.shape)], axis=1)
    _, _, places = along(ways, ground.step_m)
    z = ground.z_m(places[:, 0], places[:, 1])
    if not np.isfinite(z).all():
        at = places[int(np.flatnonzero(~np.isfinite(z))[0])]
        ground.known_z_m(float(at[0]), float(at[1]), "a way home")
    return float(z.max()) + limits.min_alt_agl_m, float(z.min()) + limits.max_alt_agl_m


def rally_places(airspace: Airspace, flight: Flights) -> FloatArray | None:
    """Return places to land at so that every straight way home is free.

    Other docks come first, then open ground away from buildings, roads, pipelines and assets.

    Args:
        airspace: the site's.
        flight: what is flown with these rally points.

    Returns:
        Shape (K, 3): east, north and z of the ground, none where all ways home are free already;
        None where no places were found.
    """
    targets = flight.home[None]
    wrong = unsafe_legs(airspace, flight, targets)
    while len(wrong):
        found = None
        if len(targets) <= MAX_RALLY:
            found = _best_place(airspace, flight, targets, wrong)
        if found is None:
            return None
        targets = np.vstack([targets, found])
        wrong = unsafe_legs(airspace, flight, targets)
    return targets[1:]


def unsafe_legs(airspace: Airspace, flight: Flights, targets: FloatArray) -> NDArray[np.int64]:
    """Return the legs from which a straight way to the nearest target is closed."""
    breaches = airspace.return_breaches(flight.legs, targets, flight.return_z_m)
    sideways = (Rule.BOUNDARY, Rule.NO_FLY, Rule.BUILDING)
    return np.unique([b.index for b in breaches if b.rule in sideways]).astype(np.int64)


def _best_place(
    airspace: Airspace, flight: Flights, targets: FloatArray, wrong: NDArray[np.int64]
) -> FloatArray | None:
    """Return the place that opens the way from most points; None where none opens any."""
    top = max(float(flight.legs[:, :, 2].max()), flight.return_z_m)
    router = Router(airspace, airspace.obstacles.blocking_z(flight.return_z_m, top))
    samples = np.vstack(
        [_samples(flight.legs[wrong], _SAMPLES), _samples(flight.legs, _SAMPLES // 2)]
    )
    places = _landing_places(airspace, samples, targets, top)
    if not len(places):
        return None
    distances = np.hypot(*(targets[:, None, :2] - samples[None, :, :2]).transpose(2, 0, 1))
    nearest = distances.argmin(axis=0)
    open_now = router.is_clear(np.stack([samples[:, :2], targets[nearest, :2]], axis=1))
    best, most = None, int(open_now.sum())
    for place in places:
        nearer = np.hypot(*(samples[:, :2] - place[:2]).T) < distances.min(axis=0)
        if not nearer.any():
            continue
        ends = np.broadcast_to(place[:2], (int(nearer.sum()), 2))
        open_then = router.is_clear(np.stack([samples[nearer, :2], ends], axis=1))
        count = int(open_now[~nearer].sum() + open_then.sum())
        if count > most:
            best, most = place, count
    return best


def _samples(legs: FloatArray, count: int) -> FloatArray:
    length = float(np.hypot(*(legs[:, 1, :2] - legs[:, 0, :2]).T).sum())
    _, _, places = along(legs, max(length / count, 1.0))
    return places[:: max(1, len(places) // (2 * count))]


def _landing_places(
    airspace: Airspace, samples: FloatArray, targets: FloatArray, top_z_m: float
) -> FloatArray:
    """Return places fit for landing near samples of a route, docks of the site first."""
    site, frame = airspace.site, airspace.site.frame
    docks = [frame.to_en_m(dock.geometry.y, dock.geometry.x) for dock in site.docks]
    west, south = samples[:, :2].min(axis=0)
    east, north = samples[:, :2].max(axis=0)
    grid = np.meshgrid(np.linspace(west, east, _GRID), np.linspace(south, north, _GRID))
    step = max(1, len(samples) // _ON_ROUTE)
    open_places = np.vstack([np.column_stack([g.ravel() for g in grid]), samples[::step, :2]])
    kept = ~shapely.intersects_xy(_no_landing(airspace, top_z_m), *open_places.T)
    kept &= shapely.contains_xy(airspace.allowed, *open_places.T)
    places = np.vstack([np.array(docks).reshape(-1, 2), open_places[kept]])
    known = np.array([np.hypot(*(targets[:, :2] - place).T).min() < 1.0 for place in places], bool)
    places = places[~known]
    return _level(airspace, places)


def _no_landing(airspace: Airspace, top_z_m: float) -> BaseGeometry:
    site, project = airspace.site, airspace.site.frame.project_geometry
    areas = [project(building.geometry).buffer(LANDING_MARGIN_M) for building in site.buildings]
    areas += [project(asset.geometry).buffer(LANDING_MARGIN_M) for asset in site.assets]
    lines: tuple[Road | Pipeline, ...] = (*site.roads, *site.pipelines)
    areas += [
        project(line.geometry).buffer(LANDING_MARGIN_M + (line.width_m or 0.0) / 2.0)
        for line in lines
    ]
    field = airspace.obstacles
    blocked = field.floor_z_m < top_z_m
    areas += list(field.keep_out[blocked & ~field.is_building])
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
