"""DroneKit's own suite, from its wheel, against `parkwatch sim copter`."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("dronekit_runner.py")
SPEEDUP = 5
"""Faster, and a copter that was armed disarms itself before the suite, which looks once a second,
has told it to take off: ten seconds of its time."""

SIDE_BY_SIDE = 5
"""Most of them sleep most of the time."""

PASSED_BY_ARDUCOPTER = [
    "test_110.test_110",
    "test_115.test_115",
    "test_channels.test_timeout",
    "test_earlyattrs.test_battery_none",
    "test_goto.test_goto",
    "test_locations.test_location_notify",
    "test_locations.test_timeout",
    "test_mavlink.test_mavlink",
    "test_mode_settings.test_modes_set",
    "test_modeavailable.test_timeout",
    "test_parameters.test_iterating",
    "test_sensor_calibration.test_barometer_calibration",
    "test_sensor_calibration.test_board_level_calibration",
    "test_sensor_calibration.test_gyro_calibration",
    "test_simpledemo.test_mode",
    "test_state.test_state",
    "test_timeout.test_timeout",
    "test_timeout.test_timeout_empty",
    "test_vehicleclass.test_timeout",
    "test_waypoints.test_227",
    "test_waypoints.test_empty_clear",
    "test_waypoints.test_set_home",
]
"""What ArduCopter 4.1.5's own simulation passes; the suite was written for Copter 3.3."""


def failure_of(test: str) -> str:
    """Return what is wrong with a test, or nothing."""
    command = [sys.executable, str(RUNNER), test, "--speedup", str(SPEEDUP)]
    # DroneKit reads channels from a message that ArduPilot sends to MAVLink 1 clients only.
    # Our own link asks pymavlink for MAVLink 2, for its process and for all that it starts.
    environment = {name: value for name, value in os.environ.items() if name != "MAVLINK20"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    except subprocess.TimeoutExpired:
        return "it did not end within 120 s"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


@pytest.mark.slow
def test_the_simulated_copter_passes_what_arducopter_passes() -> None:
    assert len(PASSED_BY_ARDUCOPTER) == 22
    # The longest first, so that nothing long is left for the end.
    tests = sorted(PASSED_BY_ARDUCOPTER, key=lambda test: "timeout" not in test)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        failures = dict(zip(tests, pool.map(failure_of, tests), strict=True))
    assert {test: why for test, why in failures.items() if why} == {}


def test_a_test_that_fails_is_seen_to_fail() -> None:
    # ArduCopter 4 has no parameter THR_MIN, nor has the simulated copter.
    assert "THR_MIN" in failure_of("test_simpledemo.test_parameter")
