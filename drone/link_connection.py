"""The link below its commands: connecting, listening, and noticing silence.

Three threads: DroneKit's reader, which takes in messages and must never wait; its writer; and one
that tells listeners and notices when the vehicle falls silent, even when the reader should hang.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from drone.announcer import Announcer
from drone.dronekit_today import Connection, open_vehicle
from drone.lines import Message
from drone.link_answers import why_not_ours
from drone.readings import FROM_GIMBALS, Readings
from drone.telemetry import (
    LinkEvent,
    LinkLost,
    LinkRegained,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from park.clock import Clock, SystemClock
from park.errors import LinkError

_LOG = logging.getLogger(__name__)

_OUR_COMPONENT = 190  # MAV_COMP_ID_MISSIONPLANNER: a ground station
_GROUND_STATION = 6
_NO_AUTOPILOT = 8
_NOT_VEHICLES = frozenset({6, 18, 26, 27, 30})  # stations, computers on board, gimbals, cameras
_HEARTBEAT_S = 1.1
_SHORTEST_HEARTBEAT_S = 0.015
_LATER_THAN_THEIRS = 1.2
_LOOK_S = 0.25
_TEXTS_KEPT = 200
_STARVED_S = 3.0
_LONGEST_ANSWER_S = 2.0

HeardT = TypeVar("HeardT")

_SEVERITY_LEVELS = {6: logging.INFO, 5: logging.INFO, 7: logging.DEBUG}


class Inbox:
    """Messages of some types, kept for one who waits for an answer."""

    def __init__(self, types: frozenset[str], closed: Callable[[], str | None]) -> None:
        self.types = types
        self._closed = closed
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def put(self, message: Message) -> None:
        """Keep `message`."""
        self._messages.put(message)

    def get(self, timeout_s: float) -> Message | None:
        """Return the next message, or None when none comes within `timeout_s`.

        Raises:
            LinkError: the link was closed meanwhile.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            reason = self._closed()
            if reason is not None:
                raise LinkError(reason)
            wait_s = deadline_s - time.monotonic()
            try:
                return self._messages.get(timeout=max(0.0, min(wait_s, _LOOK_S)))
            except queue.Empty:
                if wait_s <= 0.0:
                    return None


class LinkConnection:
    """A link to a vehicle, without the commands; see `drone.link.VehicleLink`."""

    def __init__(
        self,
        connection: Connection,
        vehicle: Any,  # noqa: ANN401 - DroneKit has no types
        *,
        clock: Clock,
        heartbeat: bool,
        keepalive_s: float | None,
        lost_after_s: float,
        signed: bool,
    ) -> None:
        self.vehicle = vehicle
        self.clock = clock
        self.signed = signed
        self.transfer_lock = threading.Lock()
        self._connection = connection
        self._heartbeat = heartbeat
        self._keepalive_s = keepalive_s
        self._lost_after_s = lost_after_s
        self._changed = threading.Condition()
        self._readings = Readings(clock)
        self._first: Message | None = None
        self._target = (0, 0)
        self._inboxes: tuple[Inbox, ...] = ()
        self._inboxes_lock = threading.Lock()
        self._texts: deque[tuple[float, StatusText]] = deque(maxlen=_TEXTS_KEPT)
        self._closed = False
        self._lost_since_s: float | None = None
        self._our_heartbeat_s = -math.inf
        self._their_heartbeat_s = -math.inf
        self._own_beat_s = _HEARTBEAT_S
        self._kept_alive_s = clock.monotonic_s()
        self._silent = False
        self._cuts = 0
        self._stale = False
        self._begun = False
        self._asked_s = -math.inf
        self._announcer = Announcer(self._watch)

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
    ) -> Self:
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
        if signing_key is not None and len(signing_key) != 32:
            raise LinkError(f"a signing key has 32 bytes, not {len(signing_key)}")
        connection, vehicle = open_vehicle(
            url, source_system=source_system, source_component=_OUR_COMPONENT
        )
        if signing_key is not None:
            connection.sign(signing_key)
        link = cls(
            connection,
            vehicle,
            clock=clock or SystemClock(),
            heartbeat=heartbeat,
            keepalive_s=keepalive_s,
            lost_after_s=lost_after_s,
            signed=signing_key is not None,
        )
        try:
            link._meet(timeout_s)
            link._begin(rate_hz, min(_LONGEST_ANSWER_S, timeout_s / 10.0))
            link._asked_s, link._begun = link.clock.monotonic_s(), True
        except BaseException:
            link.close()
            raise
        return link

    def _begin(self, rate_hz: float, answer_s: float) -> None:
        """Ask for what is to be told; done once, when the vehicle was found."""

    def _ask_again(self) -> None:
        """Ask again after a reboot or a cut; must not wait."""

    def _meet(self, timeout_s: float) -> None:
        self._connection.hear(self._hear)
        self._connection.each_round(self._say_alive)
        self._connection.start()
        self._announcer.start()
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._first is None and time.monotonic() < deadline_s:
                self._changed.wait(_LOOK_S)
            first = self._first
        if first is None:
            raise LinkError(f"{self.where}: no heartbeat in {timeout_s:g} s{self._hint()}")
        reason = why_not_ours(first.type, first.autopilot)
        if reason is not None:
            raise LinkError(f"{self.where}: there is a vehicle, but {reason}")

    def _hint(self) -> str:
        line = self._connection.line
        if self.signed and line.unread:
            return "; something answers, but not signed with our key: has it another, or none?"
        if line.unread:
            return "; something is there, but it is not MAVLink; is the baud rate right?"
        return "; nothing answers there"

    @property
    def where(self) -> str:
        """The address of the vehicle."""
        return str(self._connection.line.where)

    @property
    def target(self) -> tuple[int, int]:
        """The vehicle's MAVLink system and component."""
        return self._target

    @property
    def source_system(self) -> int:
        """Our own MAVLink system."""
        return int(self._connection.line.source_system)

    @property
    def mav(self) -> Any:  # noqa: ANN401 - generated code without types
        """The sender of pymavlink; its methods may be called from any thread and never wait."""
        return self._connection.line.mav

    @property
    def telemetry(self) -> Telemetry:
        """The vehicle as it was last heard of; ages count up to now."""
        with self._changed:
            return self._readings.snapshot()

    @property
    def lost(self) -> bool:
        """Whether the vehicle has been silent for too long, or the link was closed."""
        if self._closed or not self._connection.alive:
            return True
        return self.clock.monotonic_s() - self._readings.heard_s > self._lost_after_s

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def keepalive(self) -> None:
        """Say that the pilot program still runs its loop; see ``keepalive_s`` of `connect`."""
        self._kept_alive_s = self.clock.monotonic_s()

    def need_keepalive(self, keepalive_s: float | None) -> None:
        """Change ``keepalive_s`` of `connect`, for a program that begins or ends to steer."""
        self._kept_alive_s = self.clock.monotonic_s()
        self._keepalive_s = keepalive_s

    def texts_since(self, monotonic_s: float) -> tuple[StatusText, ...]:
        """Return what the vehicle has said since a reading of this program's monotonic clock."""
        with self._changed:
            return tuple(text for said_s, text in self._texts if said_s >= monotonic_s)

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
        return self._announcer.add(kind, cast("Callable[[object], None]", callback))

    @contextmanager
    def inbox(self, *types: str) -> Iterator[Inbox]:
        """Keep the vehicle's messages of these types while one waits for an answer.

        Open it before asking: what came before is not in it.
        """
        box = Inbox(frozenset(types), self._why_closed)
        with self._inboxes_lock:
            self._inboxes = (*self._inboxes, box)
        try:
            yield box
        finally:
            with self._inboxes_lock:
                self._inboxes = tuple(other for other in self._inboxes if other is not box)

    def _why_closed(self) -> str | None:
        if self._closed:
            return f"{self.where}: the link was closed"
        if not self._connection.alive:
            return f"{self.where}: the link broke down; see the log"
        return None

    def wait_for(
        self, predicate: Callable[[Telemetry], bool], what: str, timeout_s: float
    ) -> Telemetry:
        """Return the first telemetry for which `predicate` is true.

        Args:
            predicate: asked at every message; must not wait.
            what: is waited for, in words, for the error.
            timeout_s: of this program's clock.

        Raises:
            LinkError: it did not come to be, or the link was closed.
        """
        deadline_s = self.clock.monotonic_s() + timeout_s
        with self._changed:
            while True:
                now = self._readings.snapshot()
                if predicate(now):
                    return now
                reason = self._why_closed()
                wait_s = deadline_s - self.clock.monotonic_s()
                if reason is None and wait_s <= 0.0:
                    reason = f"{self.where}: waited {timeout_s:g} s for {what}"
                    if self.lost:
                        reason += f"; the link is lost, silent for {now.heartbeat_age_s:.1f} s"
                if reason is not None:
                    raise LinkError(reason)
                self._changed.wait(min(wait_s, _LOOK_S))

    def _hear(self, message: Message) -> None:
        """Take in a message; in the reading thread."""
        if not self._is_ours(message):
            return
        kind = message.get_type()
        with self._changed:
            events = self._silence_before(kind)
            events.extend(self._readings.take(message))
            if self._first is None:
                self._first = message
            if kind == "HEARTBEAT":
                events.extend(self._regained())
                line = self._connection.line
                if line.cuts != self._cuts and line.fd is not None:
                    self._cuts, self._stale = line.cuts, True
            self._texts.extend(
                (self.clock.monotonic_s(), event)
                for event in events
                if isinstance(event, StatusText)
            )
            picture = None
            if kind == "GLOBAL_POSITION_INT" and self._announcer.wants(Telemetry):
                picture = self._readings.snapshot()
            self._changed.notify_all()
        self._tell(events, picture)
        for box in self._inboxes:
            if kind in box.types:
                box.put(message)
        if kind == "HEARTBEAT":
            # One of ours for each of theirs: a simulated vehicle whose time runs ten times as
            # fast also misses its ground station ten times as soon.
            now_s = self.clock.monotonic_s()
            theirs_s, self._their_heartbeat_s = now_s - self._their_heartbeat_s, now_s
            self._own_beat_s = min(_HEARTBEAT_S, max(_LOOK_S / 5.0, theirs_s * _LATER_THAN_THEIRS))
            self._send_heartbeat(_SHORTEST_HEARTBEAT_S)

    def _is_ours(self, message: Message) -> bool:
        system, component = message.get_srcSystem(), message.get_srcComponent()
        if self._first is None:
            if message.get_type() != "HEARTBEAT" or not self._is_vehicle(message):
                return False
            self._target = (system, component)
            self._connection.target_system = system
        if system != self._target[0]:
            return False
        # Computers and gimbals on board have modes and attitudes of their own.
        return component == self._target[1] or message.get_type() in FROM_GIMBALS

    @staticmethod
    def _is_vehicle(heartbeat: Message) -> bool:
        return heartbeat.type not in _NOT_VEHICLES and heartbeat.autopilot != _NO_AUTOPILOT

    def _tell(self, events: list[LinkEvent], picture: Telemetry | None) -> None:
        for event in events:
            if isinstance(event, StatusText):
                level = _SEVERITY_LEVELS.get(event.severity, logging.WARNING)
                _LOG.log(level, "vehicle: %s", event.text)
            else:
                _LOG.debug("%s", event)
            if isinstance(event, VehicleRebooted):
                self._stale = True
            self._announcer.tell(event)
        if picture is not None:
            self._announcer.tell(picture)

    def _silence_before(self, kind: str) -> list[LinkEvent]:
        """Return the loss that this heartbeat ends and that nobody looked for meanwhile.

        Where the announcing thread could not run during a silence, its end would pass for
        nothing, and a change of mode that the vehicle made in it for a pilot's.
        """
        now_s = self.clock.monotonic_s()
        age_s = now_s - self._readings.heard_s
        if kind != "HEARTBEAT" or self._first is None or self._lost_since_s is not None:
            return []
        if age_s <= self._lost_after_s:
            return []
        self._lost_since_s = self._readings.heard_s
        return [LinkLost(self.clock.now(), age_s)]

    def _regained(self) -> list[LinkEvent]:
        since_s, self._lost_since_s = self._lost_since_s, None
        if since_s is None:
            return []
        self._stale = True
        return [LinkRegained(self.clock.now(), self.clock.monotonic_s() - since_s)]

    def _watch(self) -> None:
        """Notice silence, and ask again after it; in the announcing thread."""
        with self._changed:
            if self._first is None or self._closed:
                return
            age_s = self.clock.monotonic_s() - self._readings.heard_s
            fresh_loss = self._lost_since_s is None and self.lost
            if fresh_loss:
                self._lost_since_s = self._readings.heard_s
                self._changed.notify_all()
        if fresh_loss:
            _LOG.warning("%s: link lost, silent for %.1f s", self.where, age_s)
            self._announcer.tell(LinkLost(self.clock.now(), age_s))
        self._ask_if_needed()

    def _ask_if_needed(self) -> None:
        """Ask for messages again where the vehicle may have forgotten what it was asked for."""
        now_s = self.clock.monotonic_s()
        starved = now_s - self._asked_s > _STARVED_S and self.telemetry.attitude_age_s > _STARVED_S
        if self._begun and (self._stale or starved) and not self.lost:
            self._stale = False
            self._asked_s = now_s
            self._ask_again()

    def _say_alive(self) -> None:
        """Send our heartbeat when it is due; in the reading thread, twenty times a second."""
        answered = self._our_heartbeat_s - self._their_heartbeat_s < _SHORTEST_HEARTBEAT_S
        # If this thread could not run for a while, one goes out before what came is read.
        self._send_heartbeat(self._own_beat_s if answered else _HEARTBEAT_S)

    def _send_heartbeat(self, at_least_s: float) -> None:
        now_s = self.clock.monotonic_s()
        if not self._heartbeat or now_s - self._our_heartbeat_s < at_least_s:
            return
        if self._keepalive_s is not None:
            silent = now_s - self._kept_alive_s > self._keepalive_s
            if silent and not self._silent:
                _LOG.error(
                    "the pilot program has not run for %.1f s: our heartbeats stop, so that the "
                    "vehicle's own failsafe takes over",
                    now_s - self._kept_alive_s,
                )
            self._silent = silent
            if silent:
                return
        self._our_heartbeat_s = now_s
        self.mav.heartbeat_send(_GROUND_STATION, _NO_AUTOPILOT, 0, 0, 0)

    def close(self) -> None:
        """Let go of the vehicle; it stays as it is. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        with self._changed:
            self._changed.notify_all()
        self._connection.close()
        self._announcer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
