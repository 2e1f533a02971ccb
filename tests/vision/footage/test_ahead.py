"""Pictures are made ready ahead of who looks at them: in order, few at a time, errors and all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import FootageError, ParkwatchError
from vision.footage import ahead
from vision.footage.ahead import read_ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_everything_comes_once_and_in_its_order(items: list[int], most: int) -> None:
    assert list(read_ahead(items, most)) == items


def test_no_more_are_made_than_may_be_ready() -> None:
    made: list[int] = []
    third = threading.Event()

    def counted() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 3:
                third.set()
            yield number

    taken = read_ahead(counted(), 3)
    assert next(taken) == 0
    assert third.wait(10.0), "three were to be made ready beside the one that was taken"
    taken.close()  # type: ignore[attr-defined]  # a generator
    assert len(made) <= 5


def test_they_are_made_beside_whoever_looks_at_them() -> None:
    made_in = set(read_ahead((threading.get_ident() for _ in range(3)), 2))
    assert len(made_in) == 1
    assert threading.get_ident() not in made_in


def test_an_error_comes_after_what_went_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise FootageError("a.mp4", "is cut short")

    taken = read_ahead(broken(), 2)
    assert next(taken) == 1
    with pytest.raises(FootageError, match=r"a\.mp4: is cut short"):
        next(taken)


def test_a_disk_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LONGEST_S", 0.05)
    answers = threading.Event()

    def stuck() -> Iterator[int]:
        answers.wait(10.0)
        yield 1

    with pytest.raises(ParkwatchError, match=r"no next picture came within 0 s; is the disk"):
        next(read_ahead(stuck(), 1))
    answers.set()
