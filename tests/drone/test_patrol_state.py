"""What may follow what in a patrol, and that nothing happens without a cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.patrol_state import AIRBORNE, FOLLOWS, PatrolState, PatrolStates, Transition
from park.clock import ManualClock
from park.errors import FlightError

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
S = PatrolState


def test_a_whole_patrol_is_logged_with_times_and_causes() -> None:
    clock = ManualClock(START)
    heard: list[Transition] = []
    states = PatrolStates(clock, heard.append)
    way = (S.PREFLIGHT, S.ARMED, S.TAKE_OFF, S.ON_ROUTE, S.PAUSED, S.ON_ROUTE, S.RETURNING)
    for number, state in enumerate((*way, S.LANDED)):
        clock.sleep(10.0)
        states.enter(state, f"step {number}")
    assert states.state is S.LANDED
    assert tuple(heard) == states.history
    assert [t.after for t in heard] == [*way, S.LANDED]
    assert [t.time - START for t in heard] == [timedelta(seconds=10 * n) for n in range(1, 9)]
    assert str(heard[0]) == "idle -> preflight: step 0"


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_what_may_not_follow_is_refused_and_changes_nothing(
    before: PatrolState, after: PatrolState
) -> None:
    states = PatrolStates(ManualClock(START), start=before)
    if after in FOLLOWS[before]:
        states.enter(after, "a test")
        assert states.state is after
        return
    with pytest.raises(FlightError, match=f"that is {before} cannot become {after} .a test"):
        states.enter(after, "a test")
    assert states.state is before
    assert states.history == ()


def test_nothing_takes_off_but_what_was_checked_and_armed() -> None:
    assert {before for before in S if S.TAKE_OFF in FOLLOWS[before]} == {S.ARMED}
    assert {before for before in S if S.ARMED in FOLLOWS[before]} == {S.PREFLIGHT}


def test_whatever_flies_can_fail_return_and_land() -> None:
    for state in AIRBORNE:
        assert {S.FAILED, S.LANDED} <= FOLLOWS[state]
    assert S.LANDED in FOLLOWS[S.FAILED]


def test_a_change_needs_a_cause() -> None:
    with pytest.raises(FlightError, match="from idle to preflight names no cause"):
        PatrolStates(ManualClock(START)).enter(S.PREFLIGHT, "  ")


def test_a_transition_needs_a_time_zone() -> None:
    with pytest.raises(FlightError, match="no time zone"):
        Transition(START.replace(tzinfo=None), S.IDLE, S.PREFLIGHT, "a test")


@given(st.lists(st.sampled_from(list(S)), max_size=30))
def test_the_history_is_one_unbroken_chain(wanted: list[PatrolState]) -> None:
    states = PatrolStates(ManualClock(START))
    for state in wanted:
        if states.may_enter(state):
            states.enter(state, "a test")
    chain = [S.IDLE, *(t.after for t in states.history)]
    assert [t.before for t in states.history] == chain[:-1]
    assert chain[-1] is states.state
