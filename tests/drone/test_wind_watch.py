"""Wind from what the vehicle says, or from how it leans."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.telemetry import Telemetry
from drone.wind_watch import WindEstimate, WindWatch, air_velocity_mps

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)


def seen(boot_s: float, **values: Any) -> Telemetry:
    return Telemetry(START, 0.1, 0.1, 0.1, time_boot_s=boot_s, **values)


def leaning(
    boot_s: float, air_north: float, air_east: float, yaw_deg: float, **v: Any
) -> Telemetry:
    """Return a vehicle that leans as its steady velocity through the air asks for."""
    speed = math.hypot(air_north, air_east)
    lean = math.tan(math.radians(40.0)) * (speed / 18.0) ** 2
    yaw = math.radians(yaw_deg)
    north, east = (air_north / speed, air_east / speed) if speed else (0.0, 0.0)
    forward = lean * (north * math.cos(yaw) + east * math.sin(yaw))
    right = lean * (-north * math.sin(yaw) + east * math.cos(yaw))
    pitch, roll = -math.degrees(math.atan(forward)), math.degrees(math.atan(right))
    return seen(boot_s, roll_deg=roll, pitch_deg=pitch, yaw_deg=yaw_deg, **v)


def last(watch: WindWatch, readings: list[Telemetry]) -> WindEstimate | None:
    estimate = None
    for reading in readings:
        estimate = watch.look(reading)
    return estimate


@given(st.floats(0.5, 18.0), st.floats(0.0, 359.0), st.floats(0.0, 359.0))
def test_a_lean_stands_for_the_velocity_through_the_air_that_it_came_from(
    speed: float, course_deg: float, yaw_deg: float
) -> None:
    north = speed * math.cos(math.radians(course_deg))
    east = speed * math.sin(math.radians(course_deg))
    lean = leaning(0.0, north, east, yaw_deg)
    assert lean.roll_deg is not None
    assert lean.pitch_deg is not None
    found = air_velocity_mps(
        lean.roll_deg, lean.pitch_deg, yaw_deg, max_mps=18.0, lean_at_max_deg=40.0
    )
    assert found == pytest.approx((north, east), abs=1e-6)


@pytest.mark.parametrize("ground", [(0.0, 0.0), (8.0, 0.0), (-3.0, 5.0)])
def test_wind_is_told_from_the_lean_whether_it_hovers_or_flies(ground: tuple[float, float]) -> None:
    # A wind that blows to the south-east at 7 m/s.
    wind = (-7.0 * math.sqrt(0.5), 7.0 * math.sqrt(0.5))
    watch = WindWatch(18.0, window_s=10.0)
    readings = [
        leaning(
            float(second),
            ground[0] - wind[0],
            ground[1] - wind[1],
            30.0,
            north_mps=ground[0],
            east_mps=ground[1],
        )
        for second in range(20)
    ]
    estimate = last(watch, readings)
    assert estimate is not None
    assert estimate.source == "lean"
    assert estimate.speed_mps == pytest.approx(7.0, abs=0.01)
    assert "roughly, from its lean" in str(estimate)


def test_nothing_is_told_before_the_window_is_full_or_while_it_speeds_up() -> None:
    still = [leaning(float(s), 5.0, 0.0, 0.0, north_mps=0.0, east_mps=0.0) for s in range(9)]
    assert last(WindWatch(18.0, window_s=10.0), still) is None
    faster = [leaning(float(s), 5.0, 0.0, 0.0, north_mps=2.0 * s, east_mps=0.0) for s in range(30)]
    assert last(WindWatch(18.0, window_s=10.0), faster) is None


def test_what_the_vehicle_says_itself_comes_first() -> None:
    watch = WindWatch(18.0, window_s=10.0)
    readings = [
        leaning(float(s), 5.0, 0.0, 0.0, north_mps=0.0, east_mps=0.0, wind_mps=13.0,
                wind_from_deg=270.0)
        for s in range(20)
    ]  # fmt: skip
    estimate = last(watch, readings)
    assert estimate is not None
    assert estimate.source == "vehicle"
    assert estimate.speed_mps == pytest.approx(13.0)
    assert str(estimate) == "wind of 13 m/s (as the vehicle says)"
