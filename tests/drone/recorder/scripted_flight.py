"""Telemetry of a straight flight, as the link would give it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from drone.recorder.manifest import PatrolFacts
from drone.telemetry import Telemetry
from park.geodesy import LocalFrame
from park.patrol_format import TimeBase

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
FRAME = LocalFrame(40.0, 100.0)
FACTS = PatrolFacts(
    "example park", "2026-05-04-north-1", "simulated copter", TimeBase(clock="gnss", sigma_s=0.02)
)


def reading(seconds: float, *, speed_mps: float = 8.0, height_m: float = 60.0) -> Telemetry:
    """Return the copter `seconds` into a flight to the east, camera straight down."""
    lat_deg, lon_deg = FRAME.to_lat_lon(-40.0 + speed_mps * seconds, 5.0)
    return Telemetry(
        time=START + timedelta(seconds=seconds),
        heartbeat_age_s=0.2,
        position_age_s=0.0,
        attitude_age_s=0.0,
        time_boot_s=100.0 + seconds,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_home_m=height_m,
        alt_amsl_m=1200.0 + height_m,
        speed_mps=speed_mps,
        roll_deg=0.5,
        pitch_deg=-4.0,
        yaw_deg=90.0,
        gimbal_roll_deg=0.0,
        gimbal_pitch_deg=-90.0,
        gimbal_yaw_deg=90.0,
        battery_percent=88.0,
        mode="AUTO",
        armed=True,
    )


def flight(duration_s: float, *, hz: float = 10.0, begin_s: float = 0.0) -> Iterator[Telemetry]:
    """Yield the readings of a part of the flight."""
    for number in range(round(duration_s * hz) + 1):
        yield reading(begin_s + number / hz)


def without_gimbal(telemetry: Telemetry) -> Telemetry:
    """Return what a vehicle without a gimbal says."""
    return replace(telemetry, gimbal_roll_deg=None, gimbal_pitch_deg=None, gimbal_yaw_deg=None)
