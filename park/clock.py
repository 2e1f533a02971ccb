"""Clocks that are passed in, so that whatever waits can be tested without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the time is, and how to let some of it pass."""

    def now(self) -> datetime:
        """Return the present time, timezone-aware, in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds that never run backwards, from an arbitrary start."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present time, timezone-aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return the machine's monotonic clock in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block for `seconds`."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to; the fake that ships for tests and simulation.

    Args:
        start: the first reading; must be timezone-aware.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start has no time zone; give one, for example datetime.UTC")
        self._now = start.astimezone(UTC)
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the time that was last set."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds slept or advanced since the start."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Advance by `seconds` without waiting."""
        self._now += timedelta(seconds=seconds)
        self._elapsed_s += seconds
