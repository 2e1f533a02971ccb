"""The link to one vehicle: what it says, and what it is told.

`VehicleLink` owns DroneKit's vehicle and the MAVLink connection below it. Whoever flies asks it for
the latest `Telemetry`, listens to events, and gives commands, each of which is acknowledged by the
vehicle or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from drone.telemetry import (
    ArmedChanged,
    CameraFeedback,
    HomeChanged,
    LandedChanged,
    LandedState,
    LinkEvent,
    LinkLost,
    LinkRegained,
    MissionCurrent,
    MissionReached,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from park.clock import Clock
from park.errors import CommandError

__all__ = [
    "ArmedChanged",
    "CameraFeedback",
    "CommandRefusedError",
    "HomeChanged",
    "LandedChanged",
    "LandedState",
    "LinkEvent",
    "LinkLost",
    "LinkRegained",
    "MissionCurrent",
    "MissionReached",
    "ModeChanged",
    "StatusText",
    "Telemetry",
    "VehicleLink",
    "VehicleRebooted",
]

HeardT = TypeVar("HeardT")


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
        """Whether this vehicle does not know the command at all, so that another may serve."""
        return self.result == 3


class VehicleLink:
    """A link to one multirotor under ArduPilot; make it with `connect`, and close it."""

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        timeout_s: float = 30.0,
        clock: Clock | None = None,
        signing_key: bytes | None = None,
        source_system: int = 255,
        heartbeat: bool = True,
        keepalive_s: float | None = None,
        lost_after_s: float = 5.0,
        rate_hz: float = 10.0,
    ) -> VehicleLink:
        """Return a link to the vehicle at `url`, once it answers and is one that we fly.

        Args:
            url: ``tcp:HOST:PORT``, ``udp:HOST:PORT`` to listen, ``udpout:HOST:PORT`` to call, or
                a serial device, ``/dev/ttyUSB0`` or ``/dev/ttyUSB0,57600``.
            timeout_s: how long to wait for it.
            clock: of this program.
            signing_key: 32 bytes; messages are then signed, and unsigned ones not believed.
            source_system: our MAVLink system id.
            heartbeat: whether we say that a ground station is here; False to look on only.
            keepalive_s: stop saying so when `keepalive` was not called for this long, so that the
                vehicle's own failsafe takes over when the pilot program hangs; None to say so
                for as long as the program lives.
            lost_after_s: silence after which the link counts as lost.
            rate_hz: of positions and attitudes, in the vehicle's time.

        Raises:
            LinkError: nothing there, nothing that answers, or not a multirotor under ArduPilot.
        """
        raise NotImplementedError

    @property
    def telemetry(self) -> Telemetry:
        """The vehicle as it was last heard of; ages count up to now."""
        raise NotImplementedError

    @property
    def lost(self) -> bool:
        """Whether the vehicle has been silent for too long."""
        raise NotImplementedError

    def keepalive(self) -> None:
        """Say that the pilot program still runs its loop; see ``keepalive_s`` of `connect`."""
        raise NotImplementedError

    def add_listener(
        self, callback: Callable[[HeardT], None], kind: type[HeardT]
    ) -> Callable[[], None]:
        """Call `callback` for each new thing of `kind`, in a thread of the link's own.

        Args:
            callback: may take its time; what it raises is logged and counted.
            kind: `Telemetry`, one of the events, or `LinkEvent` for all of them.

        Returns:
            What to call to stop listening.
        """
        raise NotImplementedError

    def wait_for(
        self, predicate: Callable[[Telemetry], bool], what: str, timeout_s: float
    ) -> Telemetry:
        """Return the first telemetry for which `predicate` is true.

        Args:
            predicate: asked at every message.
            what: is waited for, in words, for the error.
            timeout_s: of this program's clock.

        Raises:
            LinkError: it did not come to be, or the link was closed.
        """
        raise NotImplementedError

    def command_long(
        self,
        command: int,
        *params: float,
        timeout_s: float = 5.0,
        retries: int = 3,
    ) -> None:
        """Give a command and return when the vehicle has accepted it.

        Args:
            command: ``MAV_CMD``.
            params: up to seven; the rest are 0.
            timeout_s: for each answer.
            retries: how often it is said again when no answer comes.

        Raises:
            CommandRefusedError: the vehicle said no; ``unsupported`` tells if it never will.
            LinkError: no answer.
        """
        raise NotImplementedError

    def command_int(
        self,
        command: int,
        *,
        params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
        lat_deg: float,
        lon_deg: float,
        alt_m: float,
        frame: int = 6,
        timeout_s: float = 5.0,
        retries: int = 3,
    ) -> None:
        """Give a command with a place, in ``COMMAND_INT``; as `command_long` otherwise."""
        raise NotImplementedError

    def set_mode(self, name: str, timeout_s: float = 10.0) -> None:
        """Change the flight mode and return when a heartbeat says so.

        Raises:
            CommandError: there is no such mode, or the vehicle stays in another.
            LinkError: no answer.
        """
        raise NotImplementedError

    def arm(self, timeout_s: float = 15.0) -> None:
        """Arm the motors; the error says what the vehicle's own checks said."""
        raise NotImplementedError

    def disarm(self, timeout_s: float = 10.0) -> None:
        """Disarm the motors; the vehicle refuses in the air."""
        raise NotImplementedError

    def takeoff(self, alt_home_m: float, timeout_s: float = 10.0) -> None:
        """Start to climb, in GUIDED and armed; returns when accepted, not when up."""
        raise NotImplementedError

    def land(self, timeout_s: float = 10.0) -> None:
        """Land where it is: mode LAND."""
        raise NotImplementedError

    def rtl(self, timeout_s: float = 10.0) -> None:
        """Come home: mode RTL."""
        raise NotImplementedError

    def goto(
        self,
        lat_deg: float,
        lon_deg: float,
        alt_home_m: float,
        *,
        speed_mps: float | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Fly straight to a place in GUIDED; returns when it is on its way."""
        raise NotImplementedError

    def pause(self, timeout_s: float = 10.0) -> str:
        """Stop and hold; return the mode that holds it, BRAKE or LOITER.

        To go on, `resume_mission`.
        """
        raise NotImplementedError

    def resume_mission(self, timeout_s: float = 10.0) -> None:
        """Go on with the mission: mode AUTO."""
        raise NotImplementedError

    def set_current(self, seq: int, timeout_s: float = 5.0) -> None:
        """Fly item `seq` of the mission next."""
        raise NotImplementedError

    def set_speed(self, speed_mps: float, timeout_s: float = 5.0) -> None:
        """Fly at this speed over ground from now on."""
        raise NotImplementedError

    def read_param(self, name: str, timeout_s: float = 3.0) -> float | None:
        """Return one of the vehicle's parameters; None when it has none of that name.

        Raises:
            LinkError: the link is lost.
        """
        raise NotImplementedError

    def set_param(self, name: str, value: float, timeout_s: float = 3.0) -> None:
        """Set one of the vehicle's parameters and check what it answers.

        Raises:
            CommandError: it has none of that name, or keeps another value.
            LinkError: the link is lost.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the vehicle; it stays as it is. Safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> VehicleLink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
