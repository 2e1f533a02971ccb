"""MAVLink 2 signing, as the simulated copter's end of a link does it.

The signature is the first 48 bits of SHA-256 over the key and the frame, with a timestamp that may
only grow (https://mavlink.io/en/guide/message_signing.html). pymavlink makes and checks it; here
is what all links of one vehicle share, so that a frame heard on one cannot be played on another.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from park.errors import SimulationError

KEY_BYTES = 32
_HEX_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")
_EPOCH_UNIX_S = 1_420_070_400
_UNITS_PER_S = 100_000
Link: TypeAlias = Any
"""pymavlink's `MAVLink`, whose generated classes have no types to hold."""

_RADIO_STATUS_ID = 109
"""The one message that may come unsigned: radios add it on the way and have no key."""


def read_key(text: str) -> bytes:
    """Return the 32 bytes that a key's text stands for.

    Args:
        text: 64 hexadecimal digits are the key itself; anything else is a passphrase, of which
            the key is the SHA-256, as Mission Planner and MAVProxy have it.

    Raises:
        SimulationError: the text is empty.
    """
    text = text.strip()
    if not text:
        raise SimulationError(
            "the signing key is empty; give 64 hexadecimal digits, or a passphrase"
        )
    if _HEX_KEY.fullmatch(text):
        return bytes.fromhex(text)
    return hashlib.sha256(text.encode()).digest()


def timestamp_now() -> int:
    """Return the present time as signatures count it: tens of microseconds since 2015."""
    return max(0, int((time.time() - _EPOCH_UNIX_S) * _UNITS_PER_S))


@dataclass
class Signing:
    """The key of one vehicle, and what has been heard with it on all its links.

    Attributes:
        key: 32 bytes.
        heard: the last timestamp of each (link id, system, component).
    """

    key: bytes
    heard: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise SimulationError(f"the signing key has {len(self.key)} bytes, not {KEY_BYTES}")

    def set_up(self, link: Link, link_id: int) -> None:
        """Make a pymavlink link sign what it sends and refuse what is not signed."""
        link.signing.secret_key = self.key
        link.signing.sign_outgoing = True
        link.signing.link_id = link_id % 256
        link.signing.timestamp = timestamp_now()
        link.signing.stream_timestamps = self.heard
        link.signing.allow_unsigned_callback = _may_be_unsigned


class SignedLink(mavlink2.MAVLink):  # type: ignore[misc]
    """pymavlink's MAVLink 2, except that a forged frame does not move the clock.

    pymavlink notes the timestamp before it checks the signature, so that anybody could lock out
    the rightful sender with one wrong frame from the far future.
    """

    def check_signature(self, msgbuf: bytearray, srcSystem: int, srcComponent: int) -> bool:  # noqa: N803
        """Return whether a frame's signature is right and newer than the last."""
        before = dict(self.signing.stream_timestamps)
        good: bool = super().check_signature(msgbuf, srcSystem, srcComponent)
        if not good:
            self.signing.stream_timestamps.clear()
            self.signing.stream_timestamps.update(before)
        return good


def _may_be_unsigned(_link: Link, message_id: int) -> bool:
    return message_id == _RADIO_STATUS_ID
