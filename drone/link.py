"""The link to one vehicle: what it says, and what it is told.

`VehicleLink` owns DroneKit's vehicle and the MAVLink connection below it. Whoever flies asks it for
the latest `Telemetry`, listens to events, and gives commands, each of which is acknowledged by the
vehicle or raises.

Nothing here takes the vehicle's word for granted: a mode has changed when a heartbeat says so, a
parameter is set when the vehicle repeats it, and a command that one version of ArduCopter does
not know is asked for in the older way, which the log then says.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable, Mapping

from drone.link_answers import CommandRefusedError
from drone.link_commands import KEY_VARIABLE, RELATIVE_FRAME, LinkCommands
from drone.link_connection import Inbox
from drone.readings import MODE_NUMBERS
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
from park.errors import CommandError, LinkError, SettingsError
from park.geodesy import distance_m

__all__ = [
    "KEY_VARIABLE",
    "ArmedChanged",
    "CameraFeedback",
    "CommandRefusedError",
    "HomeChanged",
    "Inbox",
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
    "signing_key",
]

_LOG = logging.getLogger(__name__)

_PASSPHRASE_CHARS = 8

# MAV_CMD
_NAV_TAKEOFF = 22
_DO_SET_MODE = 176
_DO_CHANGE_SPEED = 178
_DO_REPOSITION = 192
_DO_SET_MISSION_CURRENT = 224
_ARM_DISARM = 400
_CUSTOM_MODE = 1
_CHANGE_MODE_TO_GUIDED = 1
_POSITION_ONLY = 0b0000_1101_1111_1000
_CLIMBED_M = 0.5
_MOVES_MPS = 0.5
_THERE_M = 3.0
_SAME_PLACE_DEG = 2e-6
_TARGET_POSITION = 87


def signing_key(environment: Mapping[str, str]) -> bytes | None:
    """Return the key for signing from `KEY_VARIABLE`; None where it is not set.

    64 hexadecimal digits are the key; anything else is a passphrase, whose SHA-256 is the key, as
    in Mission Planner.

    Raises:
        SettingsError: it is set, but too short to be a secret.
    """
    text = environment.get(KEY_VARIABLE, "")
    if not text:
        return None
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return bytes.fromhex(text)
    if len(text) < _PASSPHRASE_CHARS:
        raise SettingsError(
            f"{KEY_VARIABLE} is a passphrase of fewer than {_PASSPHRASE_CHARS} characters; make it "
            "longer, or give 64 hexadecimal digits"
        )
    return hashlib.sha256(text.encode()).digest()


class VehicleLink(LinkCommands):
    """A link to one multirotor under ArduPilot; make it with `connect`, and close it."""

    # Modes and motors

    def set_mode(self, name: str, timeout_s: float = 10.0) -> None:
        """Change the flight mode and return when a heartbeat says so.

        Raises:
            CommandError: there is no such mode, or the vehicle stays in another.
            LinkError: no answer.
        """
        number = MODE_NUMBERS.get(name)
        if number is None:
            raise CommandError(f"{name!r} is no flight mode of ArduCopter")
        started_s = self.clock.monotonic_s()
        self._readings.asked_mode = name
        accepted = False
        try:
            self._ask_mode(name, number, started_s)
            accepted = True
            self.wait_for(lambda now: now.mode == name, f"mode {name}", timeout_s)
        except LinkError as error:
            with self._changed:
                now = self._readings.snapshot()
                if now.mode != name:
                    self._readings.gave_up_on(name)
                self._readings.asked_mode = None
            if self.lost or (now.mode != name and not accepted):
                raise
            if now.mode != name:
                raise CommandError(f"mode {name}: the vehicle stays in {now.mode}") from error
            _LOG.info("%s: %s; its heartbeats say that it is in %s", self.where, error, name)
        finally:
            self._readings.asked_mode = None

    def _ask_mode(self, name: str, number: int, started_s: float) -> None:
        try:
            self.command_long(_DO_SET_MODE, _CUSTOM_MODE, number)
        except CommandRefusedError as error:
            if not error.unsupported:
                raise self._with_texts(f"mode {name}", error, started_s) from error
            _LOG.info("%s: asked for mode %s with SET_MODE instead", self.where, name)
            self.mav.set_mode_send(self.target[0], _CUSTOM_MODE, number)

    def arm(self, timeout_s: float = 15.0) -> None:
        """Arm the motors; the error says what the vehicle's own checks said.

        Raises:
            CommandError: the vehicle refuses.
            LinkError: no answer.
        """
        started_s = self.clock.monotonic_s()
        try:
            self.command_long(_ARM_DISARM, 1.0, timeout_s=timeout_s, retries=1)
        except CommandRefusedError as error:
            raise self._with_texts("arming", error, started_s) from error
        self.wait_for(lambda now: now.armed, "the motors to be armed", timeout_s)

    def disarm(self, timeout_s: float = 10.0) -> None:
        """Disarm the motors; the vehicle refuses in the air.

        Raises:
            CommandError: the vehicle refuses.
            LinkError: no answer.
        """
        started_s = self.clock.monotonic_s()
        try:
            self.command_long(_ARM_DISARM, 0.0)
        except CommandRefusedError as error:
            raise self._with_texts("disarming", error, started_s) from error
        self.wait_for(lambda now: not now.armed, "the motors to be disarmed", timeout_s)

    def takeoff(self, alt_home_m: float, timeout_s: float = 10.0) -> None:
        """Start to climb, in GUIDED and armed; returns when accepted, not when up.

        Raises:
            CommandError: the vehicle refuses.
            LinkError: no answer.
        """
        started_s = self.clock.monotonic_s()
        before = self.telemetry
        try:
            params = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, alt_home_m)
            self.command_long(_NAV_TAKEOFF, *params, timeout_s=timeout_s / 4)
        except CommandRefusedError as error:
            # Its first yes may have got lost; said again, it refuses because it climbs already.
            was_m, now = before.alt_home_m or 0.0, self.telemetry
            if not now.armed or (now.alt_home_m or 0.0) < was_m + _CLIMBED_M:
                raise self._with_texts("take-off", error, started_s) from error
            _LOG.info("%s: take-off refused, but it climbs: it had heard it before", self.where)

    def land(self, timeout_s: float = 10.0) -> None:
        """Land where it is: mode LAND."""
        self.set_mode("LAND", timeout_s)

    def rtl(self, timeout_s: float = 10.0) -> None:
        """Come home: mode RTL."""
        self.set_mode("RTL", timeout_s)

    def pause(self, timeout_s: float = 10.0) -> str:
        """Stop and hold; return the mode that holds it, BRAKE or LOITER.

        LOITER comes second because it sinks where no remote holds its throttle in the middle.
        To go on, `resume_mission`.
        """
        try:
            self.set_mode("BRAKE", timeout_s)
        except CommandError as error:
            _LOG.warning("%s: %s; LOITER instead", self.where, error)
            self.set_mode("LOITER", timeout_s)
            return "LOITER"
        return "BRAKE"

    def resume_mission(self, timeout_s: float = 10.0) -> None:
        """Go on with the mission: mode AUTO."""
        self.set_mode("AUTO", timeout_s)

    # Where to

    def goto(
        self,
        lat_deg: float,
        lon_deg: float,
        alt_home_m: float,
        *,
        speed_mps: float | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        """Fly straight to a place in GUIDED; returns when it is on its way.

        Raises:
            CommandError: the vehicle refuses, or keeps another target.
            LinkError: no answer.
        """
        if self.telemetry.mode != "GUIDED":
            self.set_mode("GUIDED", timeout_s)
        try:
            self.command_int(
                _DO_REPOSITION,
                params=(speed_mps or -1.0, _CHANGE_MODE_TO_GUIDED, 0.0, math.nan),
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_m=alt_home_m,
            )
        except CommandRefusedError as error:
            if not error.unsupported:
                raise
            _LOG.info("%s: %s; sent as a position target instead", self.where, error)
            self._send_target(lat_deg, lon_deg, alt_home_m, timeout_s)
            if speed_mps is not None:
                self.set_speed(speed_mps)

    def _send_target(
        self, lat_deg: float, lon_deg: float, alt_home_m: float, timeout_s: float
    ) -> None:
        """Send a position target, which has no answer, until it is clear that it was heard."""
        lat_e7, lon_e7 = round(lat_deg * 1e7), round(lon_deg * 1e7)

        def send() -> None:
            self.mav.set_position_target_global_int_send(
                0,
                *self.target,
                RELATIVE_FRAME,
                _POSITION_ONLY,
                *(lat_e7, lon_e7, alt_home_m),
                *(0.0,) * 8,
            )

        with self.inbox("POSITION_TARGET_GLOBAL_INT") as box:
            for _ in range(4):
                send()
                if not self.request_message(_TARGET_POSITION):
                    self._wait_until_under_way(lat_deg, lon_deg, alt_home_m, send, timeout_s)
                    return
                told = box.get(timeout_s / 8.0)
                if told is not None and (
                    abs(told.lat_int - lat_e7) / 1e7 < _SAME_PLACE_DEG
                    and abs(told.lon_int - lon_e7) / 1e7 < _SAME_PLACE_DEG
                ):
                    return
        raise CommandError(
            f"the vehicle does not take ({lat_deg:.6f}, {lon_deg:.6f}) as its target; it is in "
            f"mode {self.telemetry.mode}"
        )

    def _wait_until_under_way(
        self,
        lat_deg: float,
        lon_deg: float,
        alt_home_m: float,
        send: Callable[[], None],
        timeout_s: float,
    ) -> None:
        """Conclude from the vehicle's motion that it has heard; say it again until then."""

        def under_way(now: Telemetry) -> bool:
            if now.lat_deg is None or now.lon_deg is None or now.alt_home_m is None:
                return False
            moves = (now.speed_mps or 0.0) > _MOVES_MPS or abs(now.down_mps or 0.0) > _MOVES_MPS
            there_m = distance_m(lat_deg, lon_deg, now.lat_deg, now.lon_deg)
            return moves or math.hypot(there_m, alt_home_m - now.alt_home_m) < _THERE_M

        _LOG.info("%s: the vehicle cannot repeat its target; its motion tells", self.where)
        deadline_s = self.clock.monotonic_s() + timeout_s
        while True:
            try:
                self.wait_for(under_way, "the vehicle to be under way", timeout_s / 4)
            except LinkError as error:
                if self.lost:
                    raise
                if self.clock.monotonic_s() >= deadline_s:
                    raise CommandError(
                        f"the vehicle does not move towards ({lat_deg:.6f}, {lon_deg:.6f})"
                    ) from error
                send()
            else:
                return

    def set_current(self, seq: int, timeout_s: float = 5.0) -> None:
        """Fly item `seq` of the mission next.

        Raises:
            CommandError: the vehicle refuses.
            LinkError: no answer, or it does not say that it does.
        """
        try:
            self.command_long(_DO_SET_MISSION_CURRENT, seq, timeout_s=timeout_s)
        except CommandRefusedError as error:
            if not error.unsupported:
                raise
            _LOG.info("%s: %s; sent as MISSION_SET_CURRENT instead", self.where, error)
            self.mav.mission_set_current_send(*self.target, seq)
        # A command that is done at once makes way for the item after it before anyone is told.
        self.wait_for(
            lambda now: now.mission_seq is not None and now.mission_seq >= seq,
            f"item {seq} to become the current one",
            timeout_s,
        )

    def set_speed(self, speed_mps: float, timeout_s: float = 5.0) -> None:
        """Fly at this speed over ground from now on.

        Raises:
            CommandError: the vehicle refuses.
            LinkError: no answer.
        """
        self.command_long(_DO_CHANGE_SPEED, 1.0, speed_mps, -1.0, timeout_s=timeout_s)
