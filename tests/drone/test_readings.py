"""From the messages of a real flight to the vehicle's state and to what is worth telling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drone.lines import mavutil
from drone.readings import MODE_NUMBERS, Readings, mode_name
from drone.telemetry import (
    ArmedChanged,
    LandedState,
    LinkEvent,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from park.clock import ManualClock

MESSAGES = 70_000


def messages(log: Path) -> Iterator[Any]:
    source = mavutil.mavlink_connection(str(log))
    try:
        while (message := source.recv_match()) is not None:
            if message.get_type() != "BAD_DATA" and message.get_srcSystem() == 1:
                yield message
    finally:
        source.close()


@pytest.fixture(scope="module")
def flight(shared_data: Path) -> tuple[list[LinkEvent], list[Telemetry], int]:
    """A flight of an IRIS+ with ArduCopter 3.3, by hand, with a restart in between."""
    log = shared_data / "mavlink/dronekit_python/examples/flight_replay/flight.tlog"
    readings = Readings(ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))
    events: list[LinkEvent] = []
    pictures: list[Telemetry] = []
    count = 0
    for message in messages(log):
        count += 1
        events += readings.take(message)
        if message.get_type() == "HEARTBEAT":
            pictures.append(readings.snapshot())
    return events, pictures, count


def test_every_message_is_taken_and_the_vehicles_restart_is_found(
    flight: tuple[list[LinkEvent], list[Telemetry], int],
) -> None:
    events, _, count = flight
    assert count > MESSAGES
    (restart,) = [event for event in events if isinstance(event, VehicleRebooted)]
    assert (restart.before_s, restart.after_s) == (279.402, 18.95)


def test_who_armed_and_in_which_modes_it_flew_is_told(
    flight: tuple[list[LinkEvent], list[Telemetry], int],
) -> None:
    events, _, _ = flight
    armed = [event.armed for event in events if isinstance(event, ArmedChanged)]
    assert armed == [True, False] * 7
    modes = Counter(event.mode for event in events if isinstance(event, ModeChanged))
    assert modes == {"STABILIZE": 5, "LOITER": 3, "AUTO": 1, "RTL": 1}
    assert len([event for event in events if isinstance(event, StatusText)]) == 25


def test_a_vehicle_that_does_not_say_whether_it_flies_tells_by_its_heartbeat(
    flight: tuple[list[LinkEvent], list[Telemetry], int],
) -> None:
    _, pictures, _ = flight
    flying = [seen for seen in pictures if seen.landed is LandedState.IN_AIR]
    assert 50 < len(flying) < len(pictures) / 2
    assert all(seen.armed for seen in flying)
    assert max(seen.alt_home_m or 0.0 for seen in flying) > 10.0


def test_every_reading_is_a_possible_one(
    flight: tuple[list[LinkEvent], list[Telemetry], int],
) -> None:
    _, pictures, _ = flight
    for seen in pictures[10:]:
        assert seen.battery_v is None or 5.0 < seen.battery_v < 13.0
        assert seen.yaw_deg is None or 0.0 <= seen.yaw_deg < 360.0
        assert seen.speed_mps is None or 0.0 <= seen.speed_mps < 30.0
        assert seen.gimbal_yaw_deg is None or 0.0 <= seen.gimbal_yaw_deg < 360.0
        assert seen.battery_percent is None or 0.0 < seen.battery_percent <= 100.0


def test_modes_have_their_names_both_ways() -> None:
    assert [mode_name(MODE_NUMBERS[name]) for name in ("AUTO", "GUIDED", "BRAKE", "RTL")] == [
        "AUTO",
        "GUIDED",
        "BRAKE",
        "RTL",
    ]
