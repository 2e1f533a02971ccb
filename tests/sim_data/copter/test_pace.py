"""Keeping pace with the wall clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_data.copter.pace import STEP_S, Pace


@pytest.mark.parametrize("speedup", [0.5, 1.0, 7.0, 50.0])
def test_vehicle_time_is_the_speedup_times_the_wall_clock(speedup: float) -> None:
    pace, steps = Pace(speedup, 100.0), 0
    for tick in range(1, 2_001):
        steps += pace.take(100.0 + tick * 0.005)
    assert steps * STEP_S == pytest.approx(10.0 * speedup, abs=2 * STEP_S)
    assert pace.let_go_s == 0.0


def test_a_short_hold_up_is_made_good() -> None:
    pace, steps = Pace(10.0, 0.0), 0
    for now_s in (0.01, 0.02, 0.11, 0.112, 0.114, 0.12, 0.13, 0.14):
        steps += pace.take(now_s)
    assert steps * STEP_S == pytest.approx(1.4, abs=2 * STEP_S)
    assert pace.let_go_s == 0.0


def test_it_never_races_so_far_that_a_client_seems_to_have_fallen_silent() -> None:
    pace, steps = Pace(40.0, 0.0), 0
    for step in range(100):
        steps += pace.take(0.25 + step * 0.001)
    # A quarter of a second at this speed would be ten seconds of the vehicle's.
    assert steps * STEP_S < 4.0 + 1.1


def test_a_long_hold_up_is_let_go_and_counted() -> None:
    pace = Pace(10.0, 0.0)
    assert pace.take(60.0) == 1
    assert pace.let_go_s == pytest.approx(60.0, abs=0.01)
    assert pace.take(60.01) <= 5


@given(st.floats(0.1, 50.0), st.lists(st.floats(0.0, 5.0), max_size=60))
def test_it_never_does_so_many_steps_at_once_that_clients_wait(
    speedup: float, waits_s: list[float]
) -> None:
    pace, now_s = Pace(speedup, 0.0), 0.0
    for wait_s in waits_s:
        now_s += wait_s
        assert 0 <= pace.take(now_s) <= 50
        assert pace.wait_s(now_s) <= STEP_S / speedup + 0.002
