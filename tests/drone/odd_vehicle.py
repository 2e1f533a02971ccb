"""A vehicle for tests of what the simulated copter does right: types, lost answers, damage."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pymavlink.dialects.v20 import ardupilotmega as mavlink

QUADROTOR, FIXED_WING, GROUND_STATION = 2, 1, 6
ARDUPILOT, PX4, NO_AUTOPILOT = 3, 12, 8
GUIDED, AUTO = 4, 3

Answer = Callable[["OddVehicle", Any], None]


class _Sink:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


class OddVehicle:
    """Listens on a free TCP port, beats, and answers as it is told.

    By default it accepts every command and has no parameters.

    Args:
        vehicle_type: of its heartbeat.
        autopilot: of its heartbeat.
        answers: what to do at a message, by its type.
        greeting: bytes that are sent first.
        beat: whether it sends heartbeats.
    """

    def __init__(
        self,
        *,
        vehicle_type: int = QUADROTOR,
        autopilot: int = ARDUPILOT,
        answers: dict[str, Answer] | None = None,
        greeting: bytes = b"",
        beat: bool = True,
    ) -> None:
        self.vehicle_type = vehicle_type
        self.autopilot = autopilot
        self.greeting = greeting
        self.beat = beat
        self.mode = GUIDED
        self.armed = False
        self.heard: list[Any] = []
        self.connections = 0
        self._answers = {"COMMAND_LONG": accept, "COMMAND_INT": accept, **(answers or {})}
        self._sink = _Sink()
        self.mav: Any = mavlink.MAVLink(self._sink, srcSystem=1, srcComponent=1)
        self._lock = threading.Lock()
        self._naming = threading.RLock()
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"tcp:127.0.0.1:{self.port}"

    def heard_of(self, kind: str) -> list[Any]:
        return [message for message in self.heard if message.get_type() == kind]

    def say(self, message: Any) -> None:
        """Send a message to whoever is connected."""
        with self._lock:
            self.mav.send(message)
            data = bytes(self._sink.data)
            self._sink.data.clear()
            self.send_bytes(data)

    def send_bytes(self, data: bytes) -> None:
        if self._client is not None:
            try:
                self._client.sendall(data)
            except OSError:
                self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the next one is taken."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def heartbeat(self, *, system: int | None = None, component: int = 1, mode: int = -1) -> None:
        flags = 1 | (128 if self.armed else 0)
        beat = mavlink.MAVLink_heartbeat_message(
            self.vehicle_type, self.autopilot, flags, self.mode if mode < 0 else mode, 3, 3
        )
        # Its own thread beats as well, and must not say one's words in the other's name.
        with self._naming:
            self.mav.srcComponent = component
            self.mav.srcSystem = 1 if system is None else system
            self.say(beat)
            self.mav.srcComponent = self.mav.srcSystem = 1

    def _run(self) -> None:
        reader: Any = mavlink.MAVLink(None)
        reader.robust_parsing = True
        self._listener.settimeout(0.05)
        while not self._ending.is_set():
            if self._client is None:
                try:
                    self._client, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self.connections += 1
                self.send_bytes(self.greeting)
            if self.beat:
                self.heartbeat()
            client = self._client
            if client is None or not select.select([client], [], [], 0.05)[0]:
                continue
            try:
                data = client.recv(65_536)
            except OSError:
                data = b""
            if not data:
                self.hang_up()
            for message in reader.parse_buffer(data) or []:
                self.heard.append(message)
                answer = self._answers.get(message.get_type())
                if answer is not None:
                    answer(self, message)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join(5.0)
        self.hang_up()
        self._listener.close()


def ack(vehicle: OddVehicle, command: int, result: int, to: int = 255) -> None:
    vehicle.say(mavlink.MAVLink_command_ack_message(command, result, 0, 0, to, 190))


def accept(vehicle: OddVehicle, message: Any) -> None:
    """Say yes to any command, and do what modes and arming ask for."""
    if message.command == 176:
        vehicle.mode = int(message.param2)
    if message.command == 400:
        vehicle.armed = message.param1 == 1.0
    ack(vehicle, message.command, 0)


def results(*in_turn: int, command: int, otherwise: Answer = accept) -> Answer:
    """Answer one command with these results, one after another; negative is no answer."""
    left = list(in_turn)

    def answer(vehicle: OddVehicle, message: Any) -> None:
        if message.command != command or not left:
            otherwise(vehicle, message)
            return
        result = left.pop(0)
        if result >= 0:
            ack(vehicle, command, result)

    return answer


def has_params(values: dict[str, float]) -> dict[str, Answer]:
    """Answer for parameters as ArduCopter does: silence for those that it does not have."""

    def tell(vehicle: OddVehicle, name: str) -> None:
        if name in values:
            vehicle.say(
                mavlink.MAVLink_param_value_message(name.encode(), values[name], 9, 99, 65_535)
            )

    def read(vehicle: OddVehicle, message: Any) -> None:
        tell(vehicle, message.param_id)

    def write(vehicle: OddVehicle, message: Any) -> None:
        if message.param_id in values:
            values[message.param_id] = message.param_value
        tell(vehicle, message.param_id)

    return {"PARAM_REQUEST_READ": read, "PARAM_SET": write}
