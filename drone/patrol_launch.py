"""Arming and disarming, with what a patrol says about it; and whether a climb gets on."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from drone.link import VehicleLink
from drone.telemetry import LandedState, Telemetry
from park.clock import Clock
from park.errors import CommandError, FlightError

_TRIES = 3
_PAUSE_S = 1.5
_UP_SHARE = 0.95
_LIFT_OFF_S = 20.0
_SLOWEST_SHARE = 0.3

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


class Climb(Enum):
    """How far a take-off has got."""

    LASTS = auto()
    UP = auto()
    ON_GROUND = auto()
    TOO_SLOW = auto()


def climb(
    seen: Telemetry, goal_m: float, *, began_s: float | None, climb_mps: float
) -> tuple[Climb, str]:
    """Return how far a take-off has got, and that in words.

    Args:
        seen: the vehicle.
        goal_m: how high above home it is to climb.
        began_s: when it began, by the vehicle's clock; None where that is not known.
        climb_mps: how fast it climbs.
    """
    alt_m = seen.alt_home_m
    if alt_m is not None and seen.mode == "GUIDED" and alt_m >= goal_m * _UP_SHARE:
        return Climb.UP, f"{alt_m:.0f} m above home"
    if began_s is None or seen.time_boot_s is None:
        return Climb.LASTS, ""
    climbing_s = seen.time_boot_s - began_s
    if seen.landed is LandedState.ON_GROUND and climbing_s > _LIFT_OFF_S:
        return Climb.ON_GROUND, f"it has not left the ground in {climbing_s:.0f} s"
    if climbing_s > _LIFT_OFF_S + goal_m / (_SLOWEST_SHARE * climb_mps):
        reached = f"{alt_m or 0.0:.0f} m of {goal_m:.0f} m reached in {climbing_s:.0f} s"
        return Climb.TOO_SLOW, reached
    return Climb.LASTS, ""
