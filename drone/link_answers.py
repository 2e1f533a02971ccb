"""What a vehicle's answers mean, in words."""

from __future__ import annotations

from drone.lines import mavutil
from park.errors import CommandError

RESULT_WORDS = {
    0: "accepted",
    1: "not now",
    2: "denied",
    3: "unsupported",
    4: "failed",
    5: "in progress",
    6: "cancelled",
    7: "only as COMMAND_LONG",
    8: "only as COMMAND_INT",
    9: "not in this frame",
}
"""``MAV_RESULT``."""

ACCEPTED = 0
IN_PROGRESS = 5
_NOT_THIS_WAY = frozenset({3, 7, 8, 9})

_TYPE_WORDS = {
    0: "a vehicle of no particular type",
    1: "a fixed wing",
    4: "a helicopter",
    5: "an antenna tracker",
    7: "an airship",
    8: "a balloon",
    10: "a rover",
    11: "a boat",
    12: "a submarine",
}
_MULTIROTORS = frozenset({2, 3, 13, 14, 15, 29, 35})
_ARDUPILOT = 3
_AUTOPILOT_WORDS = {0: "a generic autopilot", 8: "no autopilot", 12: "PX4"}


class CommandRefusedError(CommandError):
    """The vehicle answered a command with something other than yes.

    Args:
        message: what was asked and what it said.
        command: ``MAV_CMD``.
        result: ``MAV_RESULT``.
    """

    def __init__(self, message: str, *, command: int, result: int) -> None:
        super().__init__(message)
        self.command = command
        self.result = result

    @property
    def unsupported(self) -> bool:
        """Whether this vehicle cannot do it in this way at all, so that another may serve."""
        return self.result in _NOT_THIS_WAY

    def __reduce__(self) -> tuple[object, ...]:
        return (_refused, (str(self), self.command, self.result))


def _refused(message: str, command: int, result: int) -> CommandRefusedError:
    return CommandRefusedError(message, command=command, result=result)


def command_name(command: int) -> str:
    """Return the name of a ``MAV_CMD`` without its prefix."""
    entry = mavutil.mavlink.enums["MAV_CMD"].get(command)
    return str(entry.name).removeprefix("MAV_CMD_") if entry is not None else f"command {command}"


def result_words(result: int) -> str:
    """Return what a ``MAV_RESULT`` means."""
    return RESULT_WORDS.get(result, f"result {result}")


def why_not_ours(vehicle_type: int, autopilot: int) -> str | None:
    """Return why we do not fly what says this of itself; None when we do.

    Args:
        vehicle_type: ``MAV_TYPE``.
        autopilot: ``MAV_AUTOPILOT``.
    """
    if autopilot != _ARDUPILOT:
        words = _AUTOPILOT_WORDS.get(autopilot, _enum_words("MAV_AUTOPILOT", autopilot))
        return f"it runs {words}; only ArduPilot is flown"
    if vehicle_type not in _MULTIROTORS:
        words = _TYPE_WORDS.get(vehicle_type) or f"a {_enum_words('MAV_TYPE', vehicle_type)}"
        return f"it is {words}; only multirotors are flown"
    return None


def _enum_words(enum: str, value: int) -> str:
    entry = mavutil.mavlink.enums[enum].get(value)
    if entry is None:
        return f"{enum} {value}"
    return str(entry.name).removeprefix(f"{enum}_").lower().replace("_", " ")
