from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from drone.recorder.vehicle_time import VehicleTime, host_time_base
from park.clock import ManualClock

START = datetime(2026, 5, 4, tzinfo=UTC)


def test_the_delays_of_a_link_do_not_shake_the_times_of_a_real_flight() -> None:
    rng = np.random.default_rng(5)
    clock = ManualClock(START)
    time = VehicleTime(clock)
    errors_s = []
    for number in range(2000):
        clock.sleep(0.1)
        # The vehicle's quartz runs 50 ppm fast, and its messages take 20 ms and more.
        boot_s = 55.0 + clock.monotonic_s() * (1 + 50e-6)
        arrived = clock.now() + timedelta(seconds=0.02 + rng.exponential(0.08))
        found = time.of(arrived, boot_s)
        if number > 100:
            errors_s.append((found - clock.now()).total_seconds() - 0.02)
    assert np.abs(errors_s).max() < 0.015


def test_a_vehicle_that_is_switched_on_anew_keeps_to_the_time() -> None:
    clock = ManualClock(START)
    time = VehicleTime(clock)
    for boot_s in (100.0, 100.1, 100.2, 3.0, 3.1):
        clock.sleep(0.1)
        assert time.of(clock.now(), boot_s) == clock.now()


def test_a_simulated_vehicle_has_its_own_time_at_its_own_speed() -> None:
    clock = ManualClock(START)
    time = VehicleTime(clock, speedup=10.0)
    assert not time.heard
    assert time.now() == START
    first = time.of(clock.now(), 30.0)
    clock.sleep(1.0)
    assert time.heard
    assert time.of(clock.now(), 39.0) == first + timedelta(seconds=9.0)
    clock.sleep(0.1)
    assert time.now() == first + timedelta(seconds=10.0)
    # It starts again: its clock is at zero, but time went on.
    assert time.of(clock.now(), 0.0) == first + timedelta(seconds=10.0)
    assert time.of(clock.now(), 2.0) == first + timedelta(seconds=12.0)


def test_a_simulated_vehicle_that_was_recorded_before_keeps_its_time() -> None:
    clock = ManualClock(START)
    time = VehicleTime(clock, speedup=10.0)
    later = START + timedelta(hours=1)
    time.go_on_from(later)
    clock.sleep(1.0)
    assert time.of(clock.now(), 500.0) == later + timedelta(seconds=10.0)
    assert time.of(clock.now(), 502.0) == later + timedelta(seconds=12.0)


def test_a_vehicle_without_a_clock_is_timed_by_arrival() -> None:
    clock = ManualClock(START)
    assert VehicleTime(clock).of(START, None) == START


def test_a_speed_of_time_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="speedup 0 is not"):
        VehicleTime(ManualClock(START), speedup=0)


def test_the_time_base_of_a_machine_says_whether_anything_corrects_its_clock() -> None:
    found = host_time_base(0.2)
    assert found.clock in ("ntp", "free")
    assert found.sigma_s == 0.2
