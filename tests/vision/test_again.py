"""Who goes out of sight and comes back near by is one, where nobody else was there."""

from __future__ import annotations

import numpy as np
import pytest

from vision.again import ALONE_M, LONGEST_S, NEAR_M, seen_again
from vision.together import Way


def way(
    begins_s: float, *places_m: tuple[float, float], family: str = "person", error_m: float = 1.0
) -> Way:
    """Return a way with a sighting every second."""
    times_s = begins_s + np.arange(len(places_m), dtype=np.float64)
    return Way(family, frozenset({"a.mp4"}), times_s, np.array(places_m, np.float64), error_m)


WENT = way(0.0, (0.0, 0.0), (1.0, 0.0), (2.0, 0.0))
CAME = way(30.0, (4.0, 1.0), (5.0, 1.0))


def test_who_comes_back_is_who_went() -> None:
    assert seen_again([WENT, CAME]) == [[0, 1]]


def test_the_order_given_changes_nothing() -> None:
    assert seen_again([CAME, WENT]) == [[0, 1]]


def test_whoever_comes_back_again_and_again_is_one() -> None:
    third = way(60.0, (6.0, 2.0))
    assert seen_again([third, CAME, WENT]) == [[0, 1, 2]]


@pytest.mark.parametrize(
    "other",
    [
        way(30.0, (2.0 + NEAR_M + 2.9, 0.0)),  # 2.8 m of it may be errors
        way(2.0 + LONGEST_S + 0.1, (2.0, 0.0)),
        way(2.0, (2.0, 0.0)),
        way(30.0, (4.0, 1.0), family="vehicle"),
    ],
    ids=["too far away", "too late", "seen beside each other", "a vehicle"],
)
def test_others_are_others(other: Way) -> None:
    assert seen_again([WENT, other]) == [[0], [1]]


@pytest.mark.parametrize("begins_s", [1.0, 15.0, 30.0])
def test_with_somebody_else_there_nobody_knows_who_came_back(begins_s: float) -> None:
    third = way(begins_s, (2.0, ALONE_M - 1.0))
    assert seen_again([WENT, CAME, third]) == [[0], [1], [2]]


def test_somebody_further_off_makes_no_doubt() -> None:
    far = way(0.0, *[(2.0, 4.0 * ALONE_M)] * 40)
    assert seen_again([WENT, far, CAME]) == [[0, 2], [1]]


def test_vehicles_do_not_come_back() -> None:
    went, came = (way(t, (2.0, 0.0), family="vehicle") for t in (0.0, 30.0))
    assert seen_again([went, came]) == [[0], [1]]


def test_of_nothing_comes_nothing() -> None:
    assert seen_again([]) == []
