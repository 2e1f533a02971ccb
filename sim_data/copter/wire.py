"""Bytes of one client to messages and back, in the MAVLink version that the client speaks.

As ArduPilot does on its first port, a link begins with MAVLink 1 and goes over to MAVLink 2 for
good with the first MAVLink 2 frame that it accepts. The dialect is pymavlink's ``ardupilotmega``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pymavlink.dialects.v10 import ardupilotmega as mavlink1
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from sim_data.copter.signing import SignedLink, Signing, timestamp_now

Message: TypeAlias = Any
"""A message of pymavlink's generated dialect; the generated classes have no types to hold."""

SYSTEM_ID = 1
COMPONENT_ID = 1
BROADCAST = 0

_MAGIC_V2 = 253


class Wire:
    """MAVLink of one client.

    Args:
        signing: the vehicle's key; None to accept and send unsigned frames.
        link_id: number of the link in signatures.

    Attributes:
        version: 1 or 2, what is sent.
        bad_frames: how many frames were damaged or of no known kind.
        refused_frames: how many were not signed, wrongly signed, or played again.
    """

    def __init__(self, signing: Signing | None = None, link_id: int = 0) -> None:
        self.version = 1
        self.bad_frames = 0
        self.refused_frames = 0
        self._signed = signing is not None
        self._v2 = SignedLink(None, srcSystem=SYSTEM_ID, srcComponent=COMPONENT_ID)
        self._v2.robust_parsing = True
        self._v1 = mavlink1.MAVLink(None, srcSystem=SYSTEM_ID, srcComponent=COMPONENT_ID)
        self._sequence = 0
        if signing is not None:
            signing.set_up(self._v2, link_id)

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages for this vehicle that `data` completes.

        What is damaged, addressed to another vehicle, or refused for its signature is left out
        and counted.
        """
        return [m for m in self._v2.parse_buffer(data) or () if self._accept(m)]

    def _accept(self, message: Message) -> bool:
        kind = message.get_type()
        if kind == "BAD_DATA":
            if message.reason == "Invalid signature":
                self.refused_frames += 1
            else:
                self.bad_frames += 1
            return False
        if kind.startswith("UNKNOWN"):
            self.bad_frames += 1
            return False
        if message.get_msgbuf()[0] == _MAGIC_V2:
            self.version = 2
        return getattr(message, "target_system", BROADCAST) in (BROADCAST, SYSTEM_ID)

    def encode(self, message: Message) -> bytes:
        """Return a message as bytes; none where the client's version cannot say it."""
        if self.version == 1:
            message = _in_version_one(message)
            if message is None:
                return b""
            self._v1.seq = self._sequence
            packed = bytes(message.pack(self._v1))
        else:
            self._v2.seq = self._sequence
            if self._signed:
                self._v2.signing.timestamp = max(self._v2.signing.timestamp, timestamp_now())
            packed = bytes(message.pack(self._v2))
        self._sequence = (self._sequence + 1) % 256
        return packed


def _in_version_one(message: Message) -> Message | None:
    """Return the message without what MAVLink 2 added to it; None if all of it was added."""
    kind = mavlink1.mavlink_map.get(message.get_msgId())
    if kind is None:
        return None
    values = (getattr(message, f"_{name}_raw", None) for name in kind.fieldnames)
    return kind(
        *(
            getattr(message, name) if raw is None else raw
            for name, raw in zip(kind.fieldnames, values, strict=True)
        )
    )


__all__ = ["BROADCAST", "COMPONENT_ID", "SYSTEM_ID", "Message", "Wire", "mavlink2"]
