"""One client of the simulated copter: what it is sent, when, and over how good a link."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sim_data.copter.streams import Streams
from sim_data.copter.wire import Message, Wire

TELEMETRY_BACKLOG_BYTES = 1 << 17
"""A client that has this much to read yet is sent no more telemetry until it has caught up."""
HOPELESS_BACKLOG_BYTES = 1 << 22
"""A client with this much to read does not read at all."""


@dataclass
class LinkQuality:
    """How good the link between vehicle and clients is; one for all of them.

    Attributes:
        down_until_s: vehicle time until which nothing passes; 0 when it is up.
        delay_s: of vehicle time, each way.
        delay_until_s: vehicle time until which that holds.
    """

    down_until_s: float = 0.0
    delay_s: float = 0.0
    delay_until_s: float = 0.0

    def is_down(self, now_s: float) -> bool:
        """Return whether nothing passes."""
        return now_s < self.down_until_s

    def delay_now_s(self, now_s: float) -> float:
        """Return how late what is sent now will arrive."""
        return self.delay_s if now_s < self.delay_until_s else 0.0


@dataclass(eq=False)
class Session:
    """One client.

    Attributes:
        name: its address, for people.
        wire: its MAVLink.
        streams: what it is sent unasked.
        link: shared by all clients.
        now_s: vehicle time, kept by whoever steps the vehicle.
        outbox: bytes that may leave now.
        params_from: index of the next parameter of a list it asked for; None when it did not.
        closing: close it once the outbox is empty.
    """

    name: str
    wire: Wire
    streams: Streams
    link: LinkQuality
    now_s: float = 0.0
    outbox: bytearray = field(default_factory=bytearray)
    params_from: int | None = None
    closing: bool = False
    _late_out: deque[tuple[float, bytes]] = field(default_factory=deque)
    _late_in: deque[tuple[float, bytes]] = field(default_factory=deque)

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait for the client to read."""
        return len(self.outbox)

    def send(self, message: Message) -> None:
        """Send a message; it is lost where the link is down."""
        if self.closing or self.link.is_down(self.now_s):
            return
        data = self.wire.encode(message)
        delay_s = self.link.delay_now_s(self.now_s)
        if delay_s > 0.0 or self._late_out:
            self._late_out.append((self.now_s + delay_s, data))
        else:
            self.outbox += data

    def send_telemetry(self, message: Message | None) -> None:
        """Send a message that a client may miss, unless it is behind with reading."""
        if message is not None and self.backlog_bytes < TELEMETRY_BACKLOG_BYTES:
            self.send(message)

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that have arrived, with `data` fresh from the socket."""
        if self.link.is_down(self.now_s):
            return []
        if data:
            delay_s = self.link.delay_now_s(self.now_s)
            if delay_s > 0.0 or self._late_in:
                self._late_in.append((self.now_s + delay_s, data))
            else:
                return self.wire.receive(data)
        return []

    def tick(self, now_s: float) -> list[Message]:
        """Let time pass, and return the late messages that have arrived by now."""
        self.now_s = now_s
        if self.link.is_down(now_s):
            self._late_in.clear()
            self._late_out.clear()
            return []
        while self._late_out and self._late_out[0][0] <= now_s:
            self.outbox += self._late_out.popleft()[1]
        arrived: list[Message] = []
        while self._late_in and self._late_in[0][0] <= now_s:
            arrived += self.wire.receive(self._late_in.popleft()[1])
        return arrived
