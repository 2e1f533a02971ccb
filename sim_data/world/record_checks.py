"""Checks that the records of the world share: each refuses by saying what is wrong."""

from __future__ import annotations

import math

from park.errors import RecordError


def need(condition: bool, message: str) -> None:
    """Refuse a record whose `condition` does not hold.

    Raises:
        RecordError: with `message`, when it does not.
    """
    if not condition:
        raise RecordError(message)


def need_numbers(thing: object, *names: str) -> None:
    """Refuse a record in which one of the named attributes is not a finite number.

    Raises:
        RecordError: naming the record, the attribute and its value.
    """
    for name in names:
        value = getattr(thing, name)
        if not math.isfinite(value):
            raise RecordError(f"{type(thing).__name__}: {name} {value} is not a number")


def need_positive(thing: object, *names: str) -> None:
    """Refuse a record in which one of the named attributes is not finite and above zero.

    Raises:
        RecordError: naming the record, the attribute and its value.
    """
    for name in names:
        value = getattr(thing, name)
        if not 0.0 < value < math.inf:
            raise RecordError(f"{type(thing).__name__}: {name} {value} is not above zero")
