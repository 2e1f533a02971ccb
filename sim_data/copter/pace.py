"""How many steps of a simulation are due, so that it keeps pace with the wall clock."""

from __future__ import annotations

import math

STEP_S = 0.02
"""Vehicle time of one step; always the same, so that a flight does not depend on the machine."""

_MOST_AT_ONCE = 25
_MOST_BEHIND_S = 1.0
"""Of vehicle time: a client's heartbeats must not be missed while it races to catch up."""
_SHORTEST_WAIT_S = 0.002


class Pace:
    """Steps against the wall clock.

    A machine that cannot keep up falls behind by a second of vehicle time at most; what is more is
    let go, so that a simulation that was held up does not race to catch up: its clients, on the
    same machine, would seem to it to have fallen silent.

    Args:
        speedup: seconds of vehicle time in a second.
        now_s: the wall clock, from any start.

    Attributes:
        let_go_s: seconds of the wall clock that were let go so far.
    """

    def __init__(self, speedup: float, now_s: float) -> None:
        self.let_go_s = 0.0
        self._step_wall_s = STEP_S / speedup
        self._most_behind_s = _MOST_BEHIND_S / max(1.0, speedup)
        self._next_s = now_s + self._step_wall_s

    def take(self, now_s: float) -> int:
        """Return how many steps to do now."""
        if now_s - self._next_s > self._most_behind_s:
            self.let_go_s += now_s - self._next_s
            self._next_s = now_s
        due = math.floor((now_s - self._next_s) / self._step_wall_s) + 1
        due = max(0, min(due, _MOST_AT_ONCE))
        self._next_s += due * self._step_wall_s
        return due

    def wait_s(self, now_s: float) -> float:
        """Return how long nothing needs doing; no shorter than what is worth waiting."""
        if now_s - self._next_s > _SHORTEST_WAIT_S:
            return 0.0
        return max(_SHORTEST_WAIT_S, self._next_s - now_s)
