"""Whole flights over parked cars: what comes out of merging against what stands there.

Errors are made as those of real flights are: a position that drifts over two minutes, a
heading and a scale that are off by as much as a compass and a barometer are, 0.5 m of their own
for every photo, 0.25 m for every box, 7 % of cars missed and 1 % false alarms.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from park.geodesy import FloatArray, LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from vision.objects import merge_observations

FRAME = LocalFrame(31.2, 121.5)
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SIZE_M = np.array([60.0, 40.0])
SIZE_PX = np.array([1000.0, 667.0])
EVERY_S = 4.0


def car_park(*, rows: int = 4, spaces: int = 40, taken: float = 0.9) -> FloatArray:
    """Rows of spaces 2.5 m apart, two and two nose to nose, parked in to about 0.1 m."""
    rng = np.random.default_rng(0)
    north_m = [5.0 * row + 6.0 * (row // 2) for row in range(rows)]
    places = np.array([(2.5 * i, y) for y in north_m for i in range(spaces)])
    return np.asarray((places + rng.normal(0, 0.1, places.shape))[rng.random(len(places)) < taken])


def scattered(count: int = 60) -> FloatArray:
    rng = np.random.default_rng(0)
    places: list[FloatArray] = []
    while len(places) < count:
        place = rng.uniform((0.0, 0.0), (200.0, 120.0))
        if all(math.dist(place, other) > 5.0 for other in places):
            places.append(place)
    return np.array(places)


def fly(
    cars: FloatArray, *, drift_m: float, seed: int, pass_starts_s: tuple[float, ...] = (0.0,)
) -> list[Observation]:
    """Photos of flights to and fro over cars; each is named in its detection_id."""
    rng = np.random.default_rng(seed)
    low, high = cars.min(axis=0) - 15.0, cars.max(axis=0) + 15.0
    seen: list[Observation] = []
    photo = 0
    for start_s in pass_starts_s:
        time_s = start_s
        shift, yaw_deg = rng.normal(0, drift_m, 2), rng.normal(0, 2.0)
        scale = rng.normal(1.0, 0.015)
        for leg, north_m in enumerate(np.arange(low[1] + 10.0, high[1] + 20.0, 20.0)):
            stops = np.arange(low[0], high[0] + 16.0, 16.0)
            ahead = 1.0 if leg % 2 == 0 else -1.0
            for east_m in stops[:: int(ahead)]:
                kept = math.exp(-EVERY_S / 120.0)
                shift = kept * shift + rng.normal(0, drift_m * math.sqrt(1 - kept**2), 2)
                turn = math.radians(yaw_deg + rng.normal(0, 0.3))
                rotation = np.array(
                    [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
                )
                middle = np.array([east_m, north_m])
                off = cars - middle
                inside = np.flatnonzero((np.abs(off) < SIZE_M / 2).all(axis=1))
                things = [(f"car {i}", off[i]) for i in inside if rng.random() < 0.93]
                if rng.random() < 0.01 * len(inside):
                    things.append((f"false {photo}", rng.uniform(-SIZE_M / 2, SIZE_M / 2)))
                of_photo = shift + rng.normal(0, 0.5, 2)
                for name, offset in things:
                    place = middle + of_photo + scale * rotation @ offset + rng.normal(0, 0.25, 2)
                    px = (offset * ahead * (1, -1) / SIZE_M + 0.5) * SIZE_PX
                    seen.append(sighting(name, photo, time_s, place, px))
                photo += 1
                time_s += EVERY_S
    return seen


def sighting(
    name: str, photo: int, time_s: float, place: FloatArray, px: FloatArray
) -> Observation:
    lat, lon = FRAME.to_lat_lon(float(place[0]), float(place[1]))
    low, high = np.maximum(px - 35.0, 0.0), np.minimum(px + 35.0, SIZE_PX)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Observation(
        f"{name}@{photo}", "patrol", START + timedelta(seconds=time_s), "car", 0.8, box, None,
        None, GroundPoint(lat, lon, 3.4), 4.5, f"{photo:04d}.jpg", 0.0, "m",
    )  # fmt: skip


@dataclass(frozen=True)
class Score:
    cars: int
    objects: int
    pure: float
    split: int


def score(seen: list[Observation], objects: tuple[TrackedObject, ...]) -> Score:
    """Count objects that are one thing only, and cars that are in more than one object."""
    names = [{o.detection_id.split("@")[0] for o in thing.observations} for thing in objects]
    counts = Counter(name for of_one in names for name in of_one if name.startswith("car"))
    return Score(
        len({o.detection_id.split("@")[0] for o in seen if o.detection_id.startswith("car")}),
        sum(any(name.startswith("car") for name in of_one) for of_one in names),
        sum(len(of_one) == 1 for of_one in names) / len(names),
        sum(count > 1 for count in counts.values()),
    )


def scores(cars: FloatArray, *, drift_m: float, pass_starts_s: tuple[float, ...]) -> list[Score]:
    """Score eight flights that differ in nothing but their errors."""
    flights = [
        fly(cars, drift_m=drift_m, seed=seed, pass_starts_s=pass_starts_s) for seed in range(1, 9)
    ]
    return [score(seen, merge_observations(seen)) for seen in flights]


def excess(results: list[Score]) -> float:
    """Return the share of objects, over all flights, that are too many or too few."""
    return sum(abs(r.objects - r.cars) for r in results) / sum(r.cars for r in results)


@pytest.mark.parametrize("drift_m", [0.5, 1.5])
def test_rows_with_a_few_free_spaces_are_counted_right_and_not_mixed(drift_m: float) -> None:
    results = scores(car_park(), drift_m=drift_m, pass_starts_s=(0.0,))
    assert np.mean([r.pure for r in results]) >= 0.95
    assert excess(results) <= 0.02


def test_two_passes_over_rows_half_an_hour_apart_are_laid_on_one_another() -> None:
    results = scores(car_park(), drift_m=2.5, pass_starts_s=(0.0, 1800.0))
    assert np.mean([r.pure for r in results]) >= 0.95
    assert excess(results) <= 0.02


def test_scattered_cars_are_right_though_positions_are_3_m_off() -> None:
    results = scores(scattered(), drift_m=3.0, pass_starts_s=(0.0,))
    assert np.mean([r.pure for r in results]) >= 0.98
    assert excess(results) <= 0.02


@pytest.mark.xfail(
    strict=True, reason="rows without one free space: most flights mix neighbours in places"
)
def test_rows_without_a_free_space_are_not_mixed() -> None:
    results = scores(car_park(taken=1.0), drift_m=1.5, pass_starts_s=(0.0,))
    assert np.mean([r.pure for r in results]) >= 0.95


def test_a_flight_given_in_any_order_or_twice_gives_the_same() -> None:
    seen = fly(car_park(rows=2, spaces=20), drift_m=1.5, seed=1)
    objects = merge_observations(seen)
    shuffled = [seen[i] for i in np.random.default_rng(5).permutation(len(seen))]
    assert merge_observations(shuffled) == objects
    assert merge_observations(seen + seen) == objects
    assert merge_observations([o for thing in objects for o in thing.observations]) == objects
    for thing in objects:
        assert len({o.source_uri for o in thing.observations}) == len(thing.observations)
