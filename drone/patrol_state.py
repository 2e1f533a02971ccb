"""The states of a patrol, and which may follow which.

::

    idle → preflight → armed → take-off → on route ⇄ paused
                                   └──────────┴───────┴──→ returning → landed
    any of them → failed → landed

Nothing else changes the state, every change has a cause in words, and a change that is not in
`FOLLOWS` is refused: a program that believes to be somewhere it cannot be must not steer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from park.clock import Clock
from park.errors import FlightError

_log = logging.getLogger(__name__)


class PatrolState(StrEnum):
    """What a patrol is doing.

    `FAILED` is on the ground "it did not take off", and in the air "the program no longer
    steers": it goes on watching and recording until the vehicle has landed.
    """

    IDLE = "idle"
    PREFLIGHT = "preflight"
    ARMED = "armed"
    TAKE_OFF = "take-off"
    ON_ROUTE = "on route"
    PAUSED = "paused"
    RETURNING = "returning"
    LANDED = "landed"
    FAILED = "failed"


AIRBORNE = frozenset(
    {PatrolState.TAKE_OFF, PatrolState.ON_ROUTE, PatrolState.PAUSED, PatrolState.RETURNING}
)
"""States in which the vehicle is in the air and the program steers."""

_S = PatrolState

FOLLOWS: Mapping[PatrolState, frozenset[PatrolState]] = MappingProxyType(
    {
        _S.IDLE: frozenset({_S.PREFLIGHT, _S.FAILED}),
        _S.PREFLIGHT: frozenset({_S.IDLE, _S.ARMED, _S.FAILED}),
        _S.ARMED: frozenset({_S.TAKE_OFF, _S.LANDED, _S.FAILED}),
        _S.TAKE_OFF: frozenset({_S.ON_ROUTE, _S.PAUSED, _S.RETURNING, _S.LANDED, _S.FAILED}),
        _S.ON_ROUTE: frozenset({_S.PAUSED, _S.RETURNING, _S.LANDED, _S.FAILED}),
        _S.PAUSED: frozenset({_S.ON_ROUTE, _S.RETURNING, _S.LANDED, _S.FAILED}),
        _S.RETURNING: frozenset({_S.PAUSED, _S.ON_ROUTE, _S.LANDED, _S.FAILED}),
        _S.LANDED: frozenset({_S.IDLE}),
        _S.FAILED: frozenset({_S.LANDED, _S.IDLE}),
    }
)
"""Which states may follow each. A return may be taken back (pause, resume) while it lasts."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state.

    Attributes:
        time: when, with a time zone.
        before: the state until then.
        after: the state from then on.
        cause: why, in words.
    """

    time: datetime
    before: PatrolState
    after: PatrolState
    cause: str

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise FlightError(f"the time {self.time.isoformat()} of a transition has no time zone")
        if not self.cause.strip():
            raise FlightError(f"the change from {self.before} to {self.after} names no cause")

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}: {self.cause}"


class PatrolStates:
    """Holds the state of one patrol and everything that it went through.

    Args:
        clock: what the time is.
        listener: called with each transition after it was made.
        start: the state to begin with; another than idle where a flight is taken up again.
    """

    def __init__(
        self,
        clock: Clock,
        listener: Callable[[Transition], None] | None = None,
        *,
        start: PatrolState = PatrolState.IDLE,
    ) -> None:
        self._clock = clock
        self._listener = listener
        self._state = start
        self._history: list[Transition] = []

    @property
    def state(self) -> PatrolState:
        """The present state."""
        return self._state

    @property
    def history(self) -> tuple[Transition, ...]:
        """All transitions so far, oldest first."""
        return tuple(self._history)

    def may_enter(self, after: PatrolState) -> bool:
        """Return whether a state may follow the present one."""
        return after in FOLLOWS[self._state]

    def enter(self, after: PatrolState, cause: str) -> Transition:
        """Change the state.

        Args:
            after: the new state.
            cause: why, in words for the flight log.

        Returns:
            The transition, which the listener has been given too.

        Raises:
            FlightError: the new state may not follow the present one.
        """
        if not self.may_enter(after):
            allowed = ", ".join(sorted(FOLLOWS[self._state]))
            raise FlightError(
                f"a patrol that is {self._state} cannot become {after} ({cause}); "
                f"what may follow is: {allowed}"
            )
        made = Transition(self._clock.now(), self._state, after, cause)
        self._state = after
        self._history.append(made)
        _log.info("%s", made)
        if self._listener is not None:
            self._listener(made)
        return made
