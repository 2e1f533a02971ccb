"""What a client is sent unasked, and how often."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_data.copter.streams import STREAMS, Streams

HEARTBEAT, SYS_STATUS, GLOBAL_POSITION, LOCAL_POSITION, ATTITUDE = 0, 1, 33, 32, 30
POSITION_STREAM, EXTRA1_STREAM, ALL = 6, 10, 0


def silent(name: str) -> float:
    return 0.0


def sent(streams: Streams, seconds: float, *, start_s: float = 0.0) -> Counter[int]:
    """Return how often each message is due, looked at in steps of 20 ms."""
    counts: Counter[int] = Counter()
    for step in range(round(seconds / 0.02)):
        counts.update(streams.take_due(start_s + step * 0.02))
    return counts


def test_without_being_asked_it_sends_a_heartbeat_a_second_and_nothing_else() -> None:
    assert sent(Streams(silent, 0.0), 10.0) == {HEARTBEAT: 10}


def test_a_stream_that_is_asked_for_comes_at_its_rate_until_it_is_stopped() -> None:
    streams = Streams(silent, 0.0)
    streams.request(POSITION_STREAM, 4, 0.0)
    counts = sent(streams, 10.0)
    assert counts == {HEARTBEAT: 10, GLOBAL_POSITION: 40, LOCAL_POSITION: 40}
    streams.request(POSITION_STREAM, 0, 10.0)
    assert sent(streams, 10.0, start_s=10.0) == {HEARTBEAT: 10}


def test_asking_for_all_streams_sets_every_one_of_them() -> None:
    streams = Streams(silent, 0.0)
    streams.request(ALL, 2, 0.0)
    counts = sent(streams, 5.0)
    every = {message for _, messages in STREAMS.values() for message in messages}
    assert set(counts) == every | {HEARTBEAT}
    assert {counts[message] for message in every} == {10}


def test_stream_rate_parameters_hold_for_a_new_client_and_when_they_are_changed() -> None:
    streams = Streams(lambda name: 5.0 if name == "SR0_EXTRA1" else 0.0, 0.0)
    assert sent(streams, 2.0)[ATTITUDE] == 10
    streams.param_changed("SR0_EXTRA1", 50.0, 2.0)
    assert sent(streams, 2.0, start_s=2.0)[ATTITUDE] == 100
    streams.param_changed("RTL_ALT", 50.0, 4.0)
    assert sent(streams, 2.0, start_s=4.0)[SYS_STATUS] == 0


def test_one_message_has_an_interval_of_its_own_until_it_is_given_back_to_its_stream() -> None:
    streams = Streams(silent, 0.0)
    streams.request(POSITION_STREAM, 2, 0.0)
    assert streams.set_interval(GLOBAL_POSITION, 100_000, 0.0)
    assert streams.interval_us(GLOBAL_POSITION) == 100_000
    counts = sent(streams, 2.0)
    assert (counts[GLOBAL_POSITION], counts[LOCAL_POSITION]) == (20, 4)
    streams.set_interval(GLOBAL_POSITION, -1, 2.0)
    assert streams.interval_us(GLOBAL_POSITION) == -1
    assert sent(streams, 2.0, start_s=2.0)[GLOBAL_POSITION] == 0
    streams.set_interval(GLOBAL_POSITION, 0, 4.0)
    assert sent(streams, 2.0, start_s=4.0)[GLOBAL_POSITION] == 4


def test_a_message_that_it_does_not_have_is_refused() -> None:
    streams = Streams(silent, 0.0)
    assert not streams.set_interval(9_999, 100_000, 0.0)
    assert not streams.set_interval(ATTITUDE, float("nan"), 0.0)
    assert streams.interval_us(9_999) == 0


def test_a_client_that_was_not_served_for_long_is_sent_each_message_once() -> None:
    streams = Streams(silent, 0.0)
    streams.request(EXTRA1_STREAM, 50, 0.0)
    assert Counter(streams.take_due(60.0))[ATTITUDE] == 1
    assert Counter(streams.take_due(60.0))[ATTITUDE] == 0


@given(st.floats(0.02, 5.0), st.lists(st.floats(0.0, 3.0), max_size=40))
def test_a_message_never_comes_more_often_than_its_interval_allows(
    interval_s: float, waits_s: list[float]
) -> None:
    streams = Streams(silent, 0.0)
    streams.set_interval(ATTITUDE, interval_s * 1e6, 0.0)
    now_s, count = 0.0, Counter(streams.take_due(0.0))[ATTITUDE]
    for wait_s in waits_s:
        now_s += wait_s
        count += Counter(streams.take_due(now_s))[ATTITUDE]
    assert count <= now_s / interval_s + 1 + 1e-6


@pytest.mark.parametrize("hz", [-1.0, 1e9])
def test_impossible_rates_are_brought_into_range(hz: float) -> None:
    streams = Streams(silent, 0.0)
    streams.request(EXTRA1_STREAM, hz, 0.0)
    assert sent(streams, 1.0)[ATTITUDE] == (50 if hz > 0 else 0)
