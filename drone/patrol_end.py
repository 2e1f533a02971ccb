"""Tells when a flight is over: the vehicle stands disarmed, or was not heard of for too long."""

from __future__ import annotations

from drone.link import VehicleLink
from drone.telemetry import LandedState, Telemetry
from park.clock import Clock

_STILL_MPS = 0.3
_ON_GROUND_S = 60.0
_HEARD_S = 3.0


class FlightEnd:
    """Looks for the end of one flight; ask it again and again while the flight lasts.

    Args:
        link: to the vehicle.
        clock: of this program.
        reconnect_s: how long a lost link is waited for.
    """

    def __init__(self, link: VehicleLink, clock: Clock, reconnect_s: float) -> None:
        self._link = link
        self._clock = clock
        self._reconnect_s = reconnect_s
        self._disarmed_since_s: float | None = None
        self._silent_since_s: float | None = None

    def out_of_sight(self) -> str | None:
        """Return why the vehicle is waited for no longer; None while it is."""
        if not self._link.lost:
            self._silent_since_s = None
            return None
        now_s = self._clock.monotonic_s()
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if now_s - self._silent_since_s < self._reconnect_s:
            return None
        return (
            f"nothing was heard of the vehicle for {self._reconnect_s:.0f} s; it finishes or "
            "returns by its own parameters. Start the same command again to look for it"
        )

    def down(self) -> Telemetry | None:
        """Return the vehicle once it stands, disarmed; None before, and while it is not heard.

        One that is disarmed but does not say that it stands still is waited for, a minute.
        """
        seen = self._link.telemetry
        # After a restart nothing is known, also not whether it is armed, until it beats again.
        if self._link.lost or seen.heartbeat_age_s > _HEARD_S or seen.mode is None:
            return None
        if seen.armed:
            self._disarmed_since_s = None
            return None
        now_s = self._clock.monotonic_s()
        if self._disarmed_since_s is None:
            self._disarmed_since_s = now_s
        if is_still(seen) or now_s - self._disarmed_since_s >= _ON_GROUND_S:
            return seen
        return None


def is_still(seen: Telemetry) -> bool:
    """Return whether it says that it stands; what it does not tell is no standing still."""
    if seen.landed is LandedState.ON_GROUND:
        return True
    if seen.speed_mps is None or seen.down_mps is None:
        return False
    return seen.speed_mps < _STILL_MPS and abs(seen.down_mps) < _STILL_MPS
