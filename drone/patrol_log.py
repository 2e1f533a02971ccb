"""Tells what happens in a flight: to the program's log, its recording, and whoever looks on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from drone.patrol_flight import FlightLogger, transition_details
from drone.patrol_state import Transition
from drone.telemetry import Telemetry
from park.records import JsonValue

_log = logging.getLogger(__name__)


class PatrolLog:
    """What is told of one flight; nobody who is told can end it.

    Args:
        logger: keeps what happens, besides the log of the program.
        listener: called with every line for people, its kind first; must not block.
    """

    def __init__(
        self, logger: FlightLogger | None, listener: Callable[[str, str], None] | None
    ) -> None:
        self._logger = logger
        self._listener = listener
        self.failed = 0
        """How many lines could not be told to somebody."""

    def keep_with(self, logger: FlightLogger, history: Iterable[Transition]) -> None:
        """Keep what happens from now on with a recorder, and what has happened so far."""
        self._logger = logger
        for made in history:
            logger.event("state", str(made), details=transition_details(made))

    def telemetry(self, seen: Telemetry) -> None:
        """Keep a picture of the vehicle."""
        if self._logger is not None:
            self._logger.telemetry(seen)

    def say(self, kind: str, message: str, details: dict[str, JsonValue]) -> None:
        """Tell a line to all; never raises."""
        _log.info("%s: %s", kind, message)
        logger, listener = self._logger, self._listener
        if logger is not None:
            self._guarded(lambda: logger.event(kind, message, details=details or None))
        if listener is not None:
            self._guarded(lambda: listener(kind, message))

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:  # noqa: BLE001 - a closed terminal must not leave a vehicle alone
            self.failed += 1
            if self.failed == 1:
                _log.exception("a line of the flight could not be told; more may follow")
