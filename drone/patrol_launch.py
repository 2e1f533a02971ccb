"""Arming and disarming, with what a patrol says about it."""

from __future__ import annotations

from collections.abc import Callable

from drone.link import VehicleLink
from park.clock import Clock
from park.errors import CommandError, FlightError

_TRIES = 3
_PAUSE_S = 1.5

Say = Callable[[str, str], None]
"""Takes the kind of a line and the line."""


def arm(link: VehicleLink, clock: Clock, say: Say) -> None:
    """Arm, and ask again where the vehicle is not ready in this very moment.

    Raises:
        CommandError: it refuses again and again.
        LinkError: no answer.
    """
    for left in reversed(range(_TRIES)):
        try:
            link.arm()
        except CommandError as error:
            if not left:
                raise
            say("command", f"{error}; it is tried again")
            clock.sleep(_PAUSE_S)
        else:
            return


def disarm(link: VehicleLink, say: Say) -> None:
    """Disarm what stands on the ground; say why where it does not."""
    try:
        link.disarm()
    except FlightError as error:
        say("command", f"it does not disarm: {error}; it will by itself (DISARM_DELAY)")
