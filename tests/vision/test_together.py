"""Ways that two cameras saw at one time are of one thing where they lead side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.together import Way, seen_together


def way(
    source: str,
    *,
    from_s: float = 0.0,
    to_s: float = 8.0,
    start_m: tuple[float, float] = (0.0, 0.0),
    speed_mps: tuple[float, float] = (8.0, 0.0),
    family: str = "vehicle",
) -> Way:
    times_s = np.arange(from_s, to_s, 0.5)
    places_m = np.array(start_m) + times_s[:, None] * np.array(speed_mps)
    return Way(family, frozenset({source}), times_s, places_m, 2.0)


def test_one_car_before_two_cameras_is_one() -> None:
    assert seen_together([way("colour"), way("thermal", from_s=0.2, start_m=(1.0, 1.0))]) == [
        [0, 1]
    ]


def test_a_car_that_one_camera_lost_and_found_again_is_still_one() -> None:
    lost = [way("colour", to_s=3.0), way("thermal"), way("colour", from_s=5.0)]
    assert seen_together(lost) == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("of one file", way("colour", start_m=(0.5, 0.0))),
        ("at another time", way("thermal", from_s=20.0, to_s=28.0, start_m=(-160.0, 0.0))),
        ("too far apart", way("thermal", start_m=(0.0, 3.5))),
        ("only crossing", way("thermal", start_m=(32.0, -32.0), speed_mps=(0.0, 8.0))),
        ("for half a second", way("thermal", from_s=7.0, to_s=16.0)),
        ("a person", way("thermal", family="person")),
    ],
)
def test_two_things_stay_two(why: str, other: Way) -> None:
    assert seen_together([way("colour"), other]) == [[0], [1]], why


@given(gap_m=st.floats(2.0, 30.0), off_m=st.floats(-0.9, 0.9), cars=st.integers(1, 8))
def test_a_row_of_cars_before_two_cameras_is_as_long_as_it_is(
    gap_m: float, off_m: float, cars: int
) -> None:
    ways = [way("colour", start_m=(gap_m * k, 0.0)) for k in range(cars)]
    ways += [way("thermal", start_m=(gap_m * k + off_m, 0.0)) for k in range(cars)]
    assert seen_together(ways) == [[k, k + cars] for k in range(cars)]


def test_nothing_gives_nothing() -> None:
    assert seen_together([]) == []
