"""How close people and vehicles are: per 100 m2 of ground, and per kilometre of lane."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely

from park.crowding import ground_taken
from park.geodesy import FloatArray, LocalFrame
from park.measure import Measure
from park.records import GroundPoint
from park.taxonomy import MeasureUnit
from pipelines.counting import Visit

_SIGMAS_IN_ERROR = 1.515
"""A radius that holds 68 % of a round normal distribution, in deviations along one direction."""

_VEHICLE_M = 5.0


def people_density(places: Sequence[GroundPoint], frame: LocalFrame) -> Measure:
    """Return how many people there are per 100 m2 of the ground that they take up.

    The error is that of the ground (`park.crowding.ground_taken`): the places on its rim may each
    be off by their own. That a model tells two people who stand close as one is not in it.

    Args:
        places: of the people in one picture, one or more: over several, one may count twice.
        frame: to measure metres in.
    """
    en_m = _en_m(places, frame)
    ground = ground_taken(en_m)
    hull = shapely.MultiPoint(en_m).convex_hull
    on_rim = max(1, len(shapely.get_coordinates(hull)) - (hull.geom_type == "Polygon"))
    error_m2 = float(ground.length) * _error_m(places) / math.sqrt(on_rim)
    density = 100.0 * len(places) / float(ground.area)
    error = density * error_m2 / float(ground.area)
    return Measure(density, error, MeasureUnit.PEOPLE_PER_100_M2)


def queue_length_m(visits: Sequence[Visit], frame: LocalFrame) -> Measure:
    """Return how long a queue is along its main direction, bumper to bumper.

    Args:
        visits: of its vehicles, two or more.
        frame: to measure metres in.
    """
    places = [visit.stay.place for visit in visits]
    en_m = _en_m(places, frame)
    _, _, axes = np.linalg.svd(en_m - en_m.mean(axis=0), full_matrices=False)
    length_m = float(np.ptp(en_m @ axes[0])) + _VEHICLE_M
    return Measure(length_m, math.sqrt(2.0) * _error_m(places), MeasureUnit.METRES)


def vehicle_density(
    visits: Sequence[Visit], together: int, length_m: Measure, lanes: int
) -> Measure:
    """Return how many vehicles a queue has per kilometre of lane.

    The error is that of the length and of the number: what no single picture shows together may
    have been told twice as the queue moved on, so that the number is anywhere from `together` up.

    Args:
        visits: of its vehicles.
        together: how many of them one picture shows at the most.
        length_m: of the queue.
        lanes: of the carriageway, both directions together.
    """
    vehicles = len({visit.thing.object_id for visit in visits})
    density = 1000.0 * vehicles / (length_m.value * lanes)
    number_error = max(0, vehicles - together) / math.sqrt(3.0)
    share = math.hypot(length_m.error / length_m.value, number_error / vehicles)
    return Measure(density, density * share, MeasureUnit.VEHICLES_PER_LANE_KM)


def mean_speed_mps(visits: Sequence[Visit]) -> float | None:
    """Return the mean speed of things over ground, m/s, or None where no track tells it."""
    speeds = {
        visit.thing.object_id: visit.thing.speed_mps
        for visit in visits
        if visit.thing.speed_mps is not None
    }
    return float(np.mean(list(speeds.values()))) if speeds else None


def _en_m(places: Sequence[GroundPoint], frame: LocalFrame) -> FloatArray:
    return np.array([frame.to_en_m(place.lat_deg, place.lon_deg) for place in places])


def _error_m(places: Sequence[GroundPoint]) -> float:
    """Return one standard deviation of a place along one direction, metres."""
    return float(np.median([place.error_m for place in places])) / _SIGMAS_IN_ERROR
