"""A ground station for tests: pymavlink's own MAVLink, in memory or over a socket."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v10 import ardupilotmega as mavlink1
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from park.mission_item import MissionItem, MissionType
from sim_data.copter.autopilot import Autopilot
from sim_data.copter.pace import STEP_S
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from sim_data.copter.wire import Wire

SYSTEM, COMPONENT = 255, 190
HOME = HomePoint(-35.363_261, 149.165_23, 584.0, 353.0)


class _Sink:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


class _Speaker:
    """Makes and reads frames, of either version, signed or not."""

    def __init__(self, version: int, system: int = SYSTEM, key: bytes | None = None) -> None:
        self._sink = _Sink()
        dialect = mavlink1 if version == 1 else mavlink2
        self.dialect: Any = dialect
        self.mav: Any = dialect.MAVLink(self._sink, srcSystem=system, srcComponent=COMPONENT)
        self._reader: Any = mavlink2.MAVLink(None)
        self._reader.robust_parsing = True
        if key is not None:
            sign_with(self.mav, key)

    def frame(self, message: Any) -> bytes:
        self.mav.send(message)
        data = bytes(self._sink.data)
        self._sink.data.clear()
        return data

    def read(self, data: bytes) -> list[Any]:
        return self._reader.parse_buffer(data) or []


def sign_with(mav: Any, key: bytes, *, timestamp: int | None = None) -> None:
    """Make a pymavlink link sign what it sends."""
    mav.signing.secret_key = key
    mav.signing.sign_outgoing = True
    mav.signing.link_id = 1
    now = int((time.time() - 1_420_070_400) * 100_000)
    mav.signing.timestamp = now if timestamp is None else timestamp


class GroundStation:
    """A client of an `Autopilot`, without sockets.

    Args:
        autopilot: what it talks to.
        version: of MAVLink that it speaks.
        system: its own number.
    """

    def __init__(self, autopilot: Autopilot, *, version: int = 2, system: int = SYSTEM) -> None:
        self._autopilot = autopilot
        self._speaker = _Speaker(version, system)
        self.mavlink = self._speaker.dialect
        self.session = autopilot.connect(f"station {system}", Wire())
        self.say(self.mavlink.MAVLink_heartbeat_message(6, 8, 0, 0, 0, 3))

    def say(self, message: Any) -> None:
        """Send a message."""
        data = self._speaker.frame(message)
        self._autopilot.handle(self.session, self.session.receive(data))

    def heard(self) -> list[Any]:
        """Return what has come since the last call."""
        data = bytes(self.session.outbox)
        self.session.outbox.clear()
        return self._speaker.read(data)

    def ask(self, message: Any, answer: str) -> Any:
        """Send a message and return the one answer of a kind, without letting time pass."""
        self.heard()
        self.say(message)
        (found,) = [m for m in self.heard() if m.get_type() == answer]
        return found

    def command(self, number: int, *params: float) -> int:
        """Send a COMMAND_LONG and return the result in its one acknowledgement."""
        padded = (*params, *([0.0] * 7))[:7]
        ack = self.ask(
            mavlink2.MAVLink_command_long_message(1, 1, number, 0, *padded), "COMMAND_ACK"
        )
        assert ack.command == number
        return int(ack.result)


class Flight:
    """A simulated copter with its ground stations, in a time that passes as told.

    Args:
        patience: see `sim_data.copter.mission_protocol.MissionProtocol`.
    """

    def __init__(self, *, patience: float = 1.0) -> None:
        self.vehicle = SimulatedCopter(HOME)
        self.autopilot = Autopilot(
            self.vehicle, origin=HOME, start_unix_s=1_700_000_000.0, patience=patience
        )
        self.now_s = 0.0

    def station(self, *, version: int = 2, system: int = SYSTEM) -> GroundStation:
        """Return a new client, which has heard nothing yet."""
        station = GroundStation(self.autopilot, version=version, system=system)
        station.heard()
        return station

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.vehicle.step(STEP_S)
            self.autopilot.tick(self.now_s)

    def items(self, kind: MissionType = MissionType.MISSION) -> tuple[MissionItem, ...]:
        """Return a list as the vehicle has it."""
        return self.vehicle.missions[kind].items


class SocketStation:
    """A client over TCP.

    Args:
        port: of the server, on this machine.
        version: of MAVLink that it speaks.
        key: to sign with.
    """

    def __init__(self, port: int, *, version: int = 2, key: bytes | None = None) -> None:
        self._speaker = _Speaker(version, key=key)
        self.mav = self._speaker.mav
        self.socket = socket.create_connection(("127.0.0.1", port), 5.0)
        self.messages: list[Any] = []

    def __enter__(self) -> SocketStation:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, message: Any) -> bytes:
        """Send a message, and return its frame."""
        frame = self._speaker.frame(message)
        self.socket.sendall(frame)
        return frame

    def wait(
        self, kind: str, what: Callable[[Any], bool] = lambda _: True, timeout_s: float = 10.0
    ) -> Any:
        """Return the first message of a kind for which `what` is so."""
        end_s = time.monotonic() + timeout_s
        seen = 0
        while time.monotonic() < end_s:
            for message in self.messages[seen:]:
                seen += 1
                if message.get_type() == kind and what(message):
                    return message
            if select.select([self.socket], [], [], 0.1)[0]:
                data = self.socket.recv(65_536)
                if not data:
                    raise ConnectionError(f"the vehicle hung up while we waited for {kind}")
                self.messages += self._speaker.read(data)
        raise TimeoutError(f"no {kind} within {timeout_s:g} s")

    def ended(self, timeout_s: float = 5.0) -> bool:
        """Return whether the vehicle hangs up within a time."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if select.select([self.socket], [], [], 0.1)[0] and not self.socket.recv(65_536):
                return True
        return False
