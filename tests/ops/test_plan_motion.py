"""A planned sortie, followed without a vehicle: where the plan says, as fast as it says."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from drone.planner import plan
from drone.records import FlightPlan, Home, LegKind, Sortie, Vehicle, Waypoint
from drone.route_request import RouteRequest
from ops.plan_motion import fly
from park.geodesy import LocalFrame
from sim_data.world.generate import generate_park
from sim_data.world.records import World

START = datetime(2026, 5, 11, 2, tzinfo=UTC)
FRAME = LocalFrame(30.2, 123.4)
VEHICLE = Vehicle()


@pytest.fixture(scope="module")
def world() -> World:
    return generate_park(1.0, 7)


def planned(world: World, route: str) -> FlightPlan:
    return plan(world.site, "hash", RouteRequest.from_words(world.site, route))


def at(east_m: float, north_m: float, **rest: object) -> Waypoint:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    given = {"alt_home_m": 50.0, "leg": LegKind.SURVEY, "speed_mps": 8.0, **rest}
    return Waypoint(lat_deg, lon_deg, **given)  # type: ignore[arg-type]


def sortie(*points: Waypoint) -> Sortie:
    lat_deg, lon_deg = FRAME.to_lat_lon(0.0, 0.0)
    return Sortie(1, Home("dock", lat_deg, lon_deg, 20.0), 50.0, points, 1.0, 1.0, 1.0, 0)


@pytest.mark.parametrize("route", ["works-survey", "assets"])
def test_it_takes_as_long_as_the_plan_says_and_goes_as_far(world: World, route: str) -> None:
    (flown,) = planned(world, route).sorties
    flight = fly(flown, VEHICLE, world.frame, START)
    assert flight.duration_s == pytest.approx(flown.duration_s, rel=0.05)
    length_m = np.hypot(np.diff(flight.east_m), np.diff(flight.north_m)).sum()
    assert length_m == pytest.approx(flown.length_m, rel=0.002)
    assert flight.alt_home_m[0] == flight.alt_home_m[-1] == 0.0


def test_it_passes_every_waypoint(world: World) -> None:
    (flown,) = planned(world, "works-survey").sorties
    flight = fly(flown, VEHICLE, world.frame, START)
    for point in flown.waypoints:
        east_m, north_m = world.frame.to_en_m(point.lat_deg, point.lon_deg)
        apart = np.hypot(flight.east_m - east_m, flight.north_m - north_m)
        near = int(np.argmin(apart))
        assert apart[near] < 1.0
        assert flight.alt_home_m[near] == pytest.approx(point.alt_home_m, abs=1.0)


def test_it_keeps_to_speeds_and_acceleration_and_slows_down_for_corners() -> None:
    flight = fly(
        sortie(at(0.0, 200.0), at(200.0, 200.0), at(200.0, 0.0), at(0.0, 0.0)),
        VEHICLE,
        FRAME,
        START,
    )
    assert flight.speed_mps.max() == pytest.approx(8.0, abs=0.01)
    assert np.abs(np.diff(flight.speed_mps)).max() <= VEHICLE.accel_mps2 * 0.1 + 0.05
    corner = int(np.argmin(np.hypot(flight.east_m - 200.0, flight.north_m - 200.0)))
    assert flight.speed_mps[corner] < 0.5, "a right angle leaves no speed along the new leg"
    climb = np.diff(flight.alt_home_m) * 10.0
    assert climb.max() <= VEHICLE.climb_mps + 0.01
    assert climb.min() >= -VEHICLE.descent_mps - 0.01


def test_it_stands_where_it_holds_and_looks_where_it_is_told() -> None:
    looked_at = FRAME.to_lat_lon(100.0, 50.0)
    flight = fly(
        sortie(
            at(0.0, 0.5, gimbal_pitch_deg=-90.0),
            at(100.0, 0.0, hold_s=12.0, look_at=looked_at, gimbal_pitch_deg=-45.0),
            at(0.0, 0.0),
        ),
        VEHICLE,
        FRAME,
        START,
    )
    there = np.flatnonzero(np.hypot(flight.east_m - 100.0, flight.north_m) < 0.05)
    assert 11.5 < len(there) / 10.0 < 14.0
    late = there[-20]
    assert flight.gimbal_pitch_deg[late] == pytest.approx(-45.0, abs=0.2)
    assert flight.gimbal_yaw_deg[late] % 360.0 == pytest.approx(0.0, abs=0.2)
    assert np.abs(np.diff(flight.gimbal_pitch_deg)).max() <= 3.0 + 1e-9


def test_it_points_along_its_way_and_leans_into_it() -> None:
    flight = fly(sortie(at(0.0, 300.0), at(300.0, 300.0), at(0.0, 0.0)), VEHICLE, FRAME, START)
    middle = int(np.argmin(np.hypot(flight.east_m - 150.0, flight.north_m - 300.0)))
    assert flight.yaw_deg[middle] == pytest.approx(90.0, abs=0.1)
    assert flight.gimbal_yaw_deg[middle] == pytest.approx(90.0, abs=0.1)
    assert -8.0 < flight.pitch_deg[middle] < -2.0
    assert abs(flight.roll_deg[middle]) < 0.5
    assert np.abs(np.diff(flight.yaw_deg)).max() <= 6.0 + 1e-9
