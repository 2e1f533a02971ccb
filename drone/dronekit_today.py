"""What DroneKit 2.9.2 needs on today's Python, and nothing else.

It was written for Python 2 and early 3. This module

- puts back `collections.MutableMapping` for as long as it is being imported (its other need, the
  package ``future``, is a dependency);
- gives it `drone.lines` for pymavlink's connections, which print and keep a core busy when a line
  is cut;
- keeps it from configuring the root logger of the whole program;
- bounds what it waits for without end: connecting is done here, and closing;
- keeps mission, parameter and text messages from it. Its own handling of them would answer the
  vehicle beside ours, download all thousand parameters unasked, and print.
- lets several threads send: numbering and signing of messages are done one at a time.
"""

from __future__ import annotations

import collections
import collections.abc
import logging
import secrets
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from drone.lines import Line, Message, mavutil, open_line

_LOG = logging.getLogger(__name__)

_NOT_FOR_DRONEKIT = frozenset(
    {
        "BAD_DATA",
        "MISSION_ACK",
        "MISSION_COUNT",
        "MISSION_ITEM",
        "MISSION_ITEM_INT",
        "MISSION_REQUEST",
        "MISSION_REQUEST_INT",
        "PARAM_VALUE",
        "STATUSTEXT",
    }
)
_CLOSE_S = 3.0
_FROM_RADIOS = frozenset({109, 166})
_SIGNING_EPOCH_S = 1_420_070_400


def _import_dronekit() -> tuple[Any, Any]:
    missing = not hasattr(collections, "MutableMapping")
    if missing:
        collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    try:
        import dronekit
        import dronekit.mavlink
    finally:
        if missing:
            del collections.MutableMapping  # type: ignore[attr-defined]
    return dronekit, dronekit.mavlink


def signing_time() -> int:
    """Return the time as signatures carry it: in 10 microseconds since the start of 2015, UTC.

    pymavlink counts one up with each message from where it began, which a vehicle takes for
    a message of old as soon as another program with the same key has spoken to it.
    """
    return int(max(0.0, time.time() - _SIGNING_EPOCH_S) * 100_000)


class _LinesForDroneKit:
    """pymavlink's `mavutil` as DroneKit sees it: connections are those of `drone.lines`."""

    def __getattr__(self, name: str) -> object:
        return getattr(mavutil, name)

    @staticmethod
    def mavlink_connection(
        device: str, *, source_system: int = 255, source_component: int = 0, **_: object
    ) -> Line:
        return open_line(device, source_system=source_system, source_component=source_component)


_DRONEKIT, _DRONEKIT_MAVLINK = _import_dronekit()
_DRONEKIT_MAVLINK.mavutil = _LinesForDroneKit()
_DRONEKIT.logging = SimpleNamespace(
    **{name: getattr(logging, name) for name in ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")},
    getLogger=logging.getLogger,
    basicConfig=lambda **_: None,
)

Vehicle: Any = _DRONEKIT.Vehicle
"""DroneKit's vehicle class."""


_MAVConnection: Any = _DRONEKIT_MAVLINK.MAVConnection


class Connection(_MAVConnection):  # type: ignore[misc]
    """DroneKit's connection: its threads and its queue, over a line that survives being cut.

    Args:
        url: see `drone.lines.parse_address`.
        source_system: our MAVLink system id.
        source_component: our MAVLink component id.

    Raises:
        LinkError: nothing is there.
    """

    _alive: bool
    mavlink_thread_in: threading.Thread | None
    mavlink_thread_out: threading.Thread | None

    def __init__(self, url: str, *, source_system: int, source_component: int) -> None:
        super().__init__(url, source_system=source_system, source_component=source_component)
        # Damage in what comes is then skipped in one go, and not a byte at each reading.
        self.master.mav.robust_parsing = True
        self._send_lock = threading.Lock()
        send = self.master.mav.send

        def send_alone(message: Message, force_mavlink1: bool = False) -> None:
            with self._send_lock:
                signing = self.master.mav.signing
                signing.timestamp = max(signing.timestamp, signing_time())
                send(message, force_mavlink1=force_mavlink1)

        self.master.mav.send = send_alone

    @property
    def line(self) -> Line:
        """The wire below."""
        line: Line = self.master
        return line

    @property
    def alive(self) -> bool:
        """Whether its threads still run."""
        return self._alive

    def sign(self, key: bytes) -> None:
        """Sign what is sent from now on, and believe only what is signed with the same key.

        Telemetry radios put in messages about themselves, which they cannot sign; those pass.
        """
        self.line.setup_signing(
            key,
            sign_outgoing=True,
            allow_unsigned_callback=lambda _, number: number in _FROM_RADIOS,
            # Two programs on one vehicle would void each other's messages under one number.
            link_id=1 + secrets.randbelow(255),
        )
        mav = self.line.mav
        check, heard = mav.check_signature, mav.signing.stream_timestamps

        def check_alone(frame: bytearray, system: int, component: int) -> bool:
            # pymavlink notes a frame's time before it checks the signature: one forged frame
            # from the far future would make the vehicle's own look old for ever.
            stream = (frame[-13], system, component)
            before = heard.get(stream)
            good = bool(check(frame, system, component))
            if not good and before is None:
                heard.pop(stream, None)
            elif not good:
                heard[stream] = before
            return good

        mav.check_signature = check_alone

    def hear(self, listener: Callable[[Message], None]) -> None:
        """Call `listener` with every message, in the reading thread, before DroneKit sees it."""
        self.message_listeners.insert(0, lambda _, message: listener(message))

    def each_round(self, call: Callable[[], None]) -> None:
        """Call `call` in the reading thread at least twenty times a second, come what may."""

        def guarded(_: object) -> None:
            try:
                call()
            except Exception:  # noqa: BLE001 - DroneKit would end the thread, and so the link
                _LOG.exception("in the round of the link")

        self.loop_listeners.append(guarded)

    def forward_message(self, listener: Callable[[object, Message], None]) -> None:
        """Give DroneKit's listener the messages of our vehicle's autopilot that are for it."""

        def chosen(connection: object, message: Message) -> None:
            if message.get_type() in _NOT_FOR_DRONEKIT:
                return
            if self.target_system in (0, message.get_srcSystem()):
                listener(connection, message)

        super().forward_message(chosen)

    def close(self) -> None:
        """Send what is queued, end the threads and close the line, all within seconds."""
        deadline_s = time.monotonic() + _CLOSE_S
        writer = self.mavlink_thread_out
        while writer is not None and writer.is_alive() and time.monotonic() < deadline_s:
            if self.out_queue.empty():
                break
            time.sleep(0.01)
        self._alive = False
        for thread in (self.mavlink_thread_in, self.mavlink_thread_out):
            if (
                thread is not None
                and thread.is_alive()
                and thread is not threading.current_thread()
            ):
                thread.join(max(0.1, deadline_s - time.monotonic()))
                if thread.is_alive():
                    _LOG.error("%s: a thread of the link does not end", self.line.where)
        self.mavlink_thread_in = self.mavlink_thread_out = None
        self.line.close()


def open_vehicle(url: str, *, source_system: int, source_component: int) -> tuple[Connection, Any]:
    """Return a connection that is not started yet, and DroneKit's vehicle on it.

    DroneKit's own heartbeats are off: `drone.link` sends them, because it knows how fast the
    vehicle's time passes and whether the pilot program is still at work.

    Raises:
        LinkError: nothing is there.
    """
    connection = Connection(url, source_system=source_system, source_component=source_component)
    vehicle = Vehicle(connection)
    vehicle._heartbeat_lastsent = float("inf")  # noqa: SLF001 - it has no switch for them
    return connection, vehicle
