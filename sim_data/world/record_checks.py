"""Checks that the records of the world share: each refuses by saying what is wrong."""

from __future__ import annotations

import math

from park.errors import RecordError


def need(condition: bool, message: str) -> None:
    if not condition:
        raise RecordError(message)


def need_numbers(thing: object, *names: str) -> None:
    for name in names:
        value = getattr(thing, name)
        if not math.isfinite(value):
            raise RecordError(f"{type(thing).__name__}: {name} {value} is not a number")


def need_positive(thing: object, *names: str) -> None:
    for name in names:
        value = getattr(thing, name)
        if not 0.0 < value < math.inf:
            raise RecordError(f"{type(thing).__name__}: {name} {value} is not above zero")
