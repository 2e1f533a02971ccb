from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from pipelines.counting import Visit, crowded_episodes, middle_of
from pipelines.stays import Stay

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
FRAME = LocalFrame(22.535, 113.945)


def visit(
    name: str, first_s: float, last_s: float, *, moving: bool = False, east_m: float = 0.0
) -> Visit:
    """Return a visit seen at its beginning and its end."""
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, 0.0)
    place = GroundPoint(lat_deg, lon_deg, 3.0)
    observations = tuple(
        Observation(
            detection_id=f"{name}-{after_s}",
            patrol_id="p",
            time=START + timedelta(seconds=after_s),
            class_name="car",
            confidence=0.9,
            box_xyxy_px=(0.0, 0.0, 1.0, 1.0),
            track_id=None,
            object_id=name,
            place=place,
            size_m=4.0,
            source_uri="film.mp4",
            source_time_s=after_s,
            model_id="m",
        )
        for after_s in sorted({first_s, last_s})
    )
    thing = TrackedObject(
        object_id=name,
        class_name="car",
        place=place,
        first_seen=observations[0].time,
        last_seen=observations[-1].time,
        moving=moving,
        speed_mps=None,
        observations=observations,
    )
    return Visit(thing, Stay(observations, place))


def most(visits: list[Visit], window_s: float) -> int:
    """Return the largest measure that any limit finds."""
    for limit in range(len(visits) - 1, -1, -1):
        episodes = crowded_episodes(visits, limit, window_s, lambda start, end: True)
        if episodes:
            return len(episodes[0].peak)
    return 0


SPANS = st.tuples(st.integers(0, 30), st.integers(0, 10), st.booleans())


@settings(max_examples=150, deadline=None)
@given(spans=st.lists(SPANS, min_size=1, max_size=7), window_s=st.integers(1, 12))
def test_the_count_is_that_of_trying_every_second(
    spans: list[tuple[int, int, bool]], window_s: int
) -> None:
    visits = [
        visit(f"v{number}", first, first + length, moving=moving)
        for number, (first, length, moving) in enumerate(spans)
    ]

    def passing_at(second: int) -> int:
        return sum(moving and a <= second <= a + n for a, n, moving in spans)

    expected = max(
        sum(not moving and a <= end and a + n >= end - window_s for a, n, moving in spans)
        + max(passing_at(second) for second in range(end - window_s, end + 1))
        for end in range(42)
    )
    assert most(visits, window_s) == expected


def test_a_thing_that_comes_twice_counts_once() -> None:
    visits = [visit("a", 0, 10), visit("a", 30, 40), visit("b", 20, 20)]
    assert crowded_episodes(visits, 2, 60.0, lambda start, end: True) == ()
    assert most(visits, 60.0) == 2


def test_the_evidence_is_the_picture_with_most_of_them() -> None:
    visits = [visit("a", 0, 10), visit("b", 10, 20), visit("c", 10, 30)]
    (episode,) = crowded_episodes(visits, 2, 60.0, lambda start, end: True)
    assert [seen.detection_id for seen in episode.evidence] == ["a-10", "b-10", "c-10"]
    assert len(episode.observations) == 6


def test_crowded_moments_that_do_not_join_are_two_episodes() -> None:
    visits = [visit("a", 0, 0), visit("b", 1, 1), visit("c", 500, 500), visit("d", 501, 501)]
    apart = crowded_episodes(visits, 1, 10.0, lambda start, end: False)
    together = crowded_episodes(visits, 1, 10.0, lambda start, end: True)
    assert (len(apart), len(together)) == (2, 1)
    assert (together[0].last_seen - together[0].first_seen).total_seconds() == 500.0


def test_the_middle_says_how_far_things_spread() -> None:
    middle = middle_of([visit("a", 0, 0, east_m=-4.0), visit("b", 0, 0, east_m=4.0)], FRAME)
    assert FRAME.to_en_m(middle.lat_deg, middle.lon_deg) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert middle.error_m == pytest.approx(5.0)
