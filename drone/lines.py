"""Wires to a vehicle that survive being cut: TCP, UDP and serial.

pymavlink's own print to the console, and either give up when the other end goes away or call it
again without a pause, which keeps a core busy. These say what happens in the log, try again after
a pause that grows to two seconds, and never block their reader for longer than it asked for.
"""

from __future__ import annotations

import logging
import os
import re
import select
import socket
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import serial

os.environ["MAVLINK20"] = "1"  # pymavlink asks for this when it is imported

from pymavlink import mavutil as mavutil

from park.errors import LinkError

_LOG = logging.getLogger(__name__)

Message = Any
"""A message as pymavlink makes it: its classes are generated, without types."""

_READ_BYTES = 65_536
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 2.0
_WRITE_S = 1.0
_UNANSWERED_MS = 10_000
_PEER_SILENT_S = 5.0
_DEFAULT_BAUD = 115_200

_NETWORK_RE = re.compile(r"(?P<kind>tcp|udp|udpin|udpout):(?P<host>[^:\s]*):(?P<port>\d{1,5})")
_SERIAL_RE = re.compile(r"(?:serial:)?(?P<device>/\S+?|COM\d+)(?:,(?P<baud>\d{3,8}))?")


if mavutil.mavlink.WIRE_PROTOCOL_VERSION != "2.0":
    # Something imported it before this module, for MAVLink 1, which can neither be signed nor
    # carry fences.
    mavutil.set_dialect(os.environ.get("MAVLINK_DIALECT", "all"))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a vehicle is reached.

    Attributes:
        kind: tcp, udpin, udpout or serial.
        place: host name, or serial device.
        number: port, or baud rate.
    """

    kind: str
    place: str
    number: int

    def __str__(self) -> str:
        if self.kind == "serial":
            return f"{self.place},{self.number}"
        return f"{self.kind}:{self.place}:{self.number}"


def parse_address(url: str) -> Address:
    """Return where `url` points to.

    Args:
        url: ``tcp:HOST:PORT``, ``udp:HOST:PORT`` or ``udpin:HOST:PORT`` to listen there,
            ``udpout:HOST:PORT`` to call, or ``/dev/ttyX`` with ``,BAUD`` after it.

    Raises:
        LinkError: it is none of these.
    """
    found = _NETWORK_RE.fullmatch(url)
    if found is not None and 0 < int(found["port"]) < 65_536:
        kind = "udpin" if found["kind"] == "udp" else found["kind"]
        host = found["host"] or ("0.0.0.0" if kind == "udpin" else "127.0.0.1")
        return Address(kind, host, int(found["port"]))
    found = _SERIAL_RE.fullmatch(url)
    if found is not None:
        return Address("serial", found["device"], int(found["baud"] or _DEFAULT_BAUD))
    raise LinkError(
        f"{url!r} is no vehicle address; write tcp:HOST:PORT, udp:HOST:PORT, udpout:HOST:PORT "
        "or a serial device such as /dev/ttyUSB0,57600"
    )


class Line(mavutil.mavfile):  # type: ignore[misc]
    """A wire that DroneKit reads and writes as it would one of pymavlink's.

    One thread may read (`select`, `recv_msg`) while another writes.

    Args:
        address: of the other end.
        source_system: our MAVLink system id.
        source_component: our MAVLink component id.

    Attributes:
        cuts: how often it was cut.
        unsent: messages dropped because it was.
        unread: messages that came damaged, or with a signature that is wrong or missing.
    """

    def __init__(self, address: Address, source_system: int, source_component: int) -> None:
        self.where = address
        self.cuts = 0
        self.unsent = 0
        self.unread = 0
        self._broken: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._next_try_s = 0.0
        self.fd: int | None
        super().__init__(
            self._open(),
            str(address),
            source_system=source_system,
            source_component=source_component,
        )

    @abstractmethod
    def _open(self) -> int:
        """Open it for the first time and return its file descriptor; raise OSError."""

    @abstractmethod
    def _reopen(self, wait_s: float) -> int | None:
        """Go on opening it for at most `wait_s`; return its descriptor once open."""

    @abstractmethod
    def _read(self) -> bytes:
        """Return what has come, without waiting; raise OSError or EOFError when cut."""

    @abstractmethod
    def _send(self, data: bytes) -> None:
        """Write; raise OSError when cut."""

    @abstractmethod
    def close(self) -> None:
        """Close it for good."""

    def select(self, timeout: float) -> bool:
        """Return whether something has come within `timeout` seconds; mend the line if cut."""
        if self._broken is not None:
            self._cut(self._broken)
        if self.fd is None:
            self._mend(timeout)
            return False
        return bool(super().select(timeout))

    def _mend(self, timeout: float) -> None:
        wait_s = self._next_try_s - time.monotonic()
        if wait_s > 0.0:
            time.sleep(min(wait_s, timeout))
            return
        started_s = time.monotonic()
        try:
            fd = self._reopen(timeout)
        except (OSError, LinkError) as error:
            _LOG.debug("%s: still cut: %s", self.where, error)
            self._next_try_s = time.monotonic() + self._pause_s
            self._pause_s = min(2.0 * self._pause_s, _LONGEST_PAUSE_S)
            # Who asked may wait a moment; it must never come back at once, again and again.
            time.sleep(max(0.0, timeout - (time.monotonic() - started_s)))
            return
        if fd is not None:
            self.fd = fd
            self._pause_s = _FIRST_PAUSE_S
            self._forget_half_a_message()
            _LOG.info("%s: connected again", self.where)

    def _forget_half_a_message(self) -> None:
        self.mav.buf = bytearray()
        self.mav.buf_index = 0
        self.mav.expected_length = 8  # pymavlink's value before the first byte

    def _cut(self, reason: str) -> None:
        self._broken = None
        if self.fd is None:
            return
        self.cuts += 1
        self.fd = None
        self._next_try_s = time.monotonic() + self._pause_s
        _LOG.warning("%s: line cut: %s; calling again", self.where, reason)
        self.close()

    def recv(self, n: int | None = None) -> bytes:
        """Return what has come, or nothing; never raises for a cut line."""
        if self.fd is None:
            return b""
        try:
            return self._read()
        except (BlockingIOError, InterruptedError):
            return b""
        except (OSError, EOFError, ValueError, TypeError) as error:
            # pyserial raises TypeError and ValueError when its device was closed beside it.
            self._cut(str(error) or "the other end closed it")
            return b""

    def recv_msg(self) -> Message | None:
        """Return the next whole message, or None when there is none yet."""
        while True:
            message = self.mav.parse_char(b"") if self.mav.buf_len() else None
            if message is None:
                data = self.recv()
                if not data:
                    return None
                message = self.mav.parse_char(data)
            if message is None:
                continue
            if message.get_type() == "BAD_DATA":
                self.unread += 1
                continue
            self.post_message(message)
            return message

    def write(self, data: bytes) -> None:
        """Send; what cannot be sent because the line is cut is counted and dropped.

        A command that waited for the line to be mended would come when nobody expects it.
        """
        if self.fd is None or self._broken is not None:
            self.unsent += 1
            return
        try:
            self._send(bytes(data))
        except (OSError, ValueError, TypeError) as error:
            self.unsent += 1
            self._broken = str(error) or "cannot write"


class TcpLine(Line):
    """A TCP connection, called again when it is cut."""

    def _open(self) -> int:
        self.port: socket.socket | None = socket.create_connection(
            (self.where.place, self.where.number), timeout=5.0
        )
        self._family = self.port.family
        self._peer = self.port.getpeername()
        return self._made_ready(self.port)

    @staticmethod
    def _made_ready(port: socket.socket) -> int:
        port.setblocking(False)
        port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # After a radio gap the system would try again only after minutes; a new call is
            # answered at once.
            port.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        return port.fileno()

    def _reopen(self, wait_s: float) -> int | None:
        if self.port is None:
            self.port = socket.socket(self._family, socket.SOCK_STREAM)
            self.port.setblocking(False)
            self.port.connect_ex(self._peer)
        _, writable, _ = select.select([], [self.port], [], wait_s)
        if not writable:
            return None
        failed = self.port.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self.close()
            raise OSError(failed, os.strerror(failed))
        return self._made_ready(self.port)

    def _read(self) -> bytes:
        assert self.port is not None
        data = self.port.recv(_READ_BYTES)
        if not data:
            raise EOFError
        return data

    def _send(self, data: bytes) -> None:
        port = self.port
        if port is None:
            raise OSError("closed")
        rest = memoryview(data)
        deadline_s = time.monotonic() + _WRITE_S
        while rest:
            try:
                rest = rest[port.send(rest) :]
            except BlockingIOError:
                wait_s = deadline_s - time.monotonic()
                if wait_s <= 0.0:
                    # Half a message may be on its way; only a new connection makes that good.
                    raise TimeoutError("the other end does not take what is sent") from None
                select.select([], [port], [], wait_s)

    def close(self) -> None:
        """Close the connection."""
        port, self.port = self.port, None
        if port is not None:
            port.close()


class UdpLine(Line):
    """UDP, listening for a vehicle that calls, or calling one.

    While it listens it stays with the first that called, so that a second sender on the same
    port cannot take over; after five seconds of silence another may.
    """

    def _open(self) -> int:
        self.port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._peer: tuple[str, int] | None = None
        self._peer_heard_s = 0.0
        place = (self.where.place, self.where.number)
        try:
            if self.where.kind == "udpin":
                self.port.bind(place)
            else:
                self._peer = (socket.gethostbyname(place[0]), place[1])
        except OSError:
            self.port.close()
            raise
        self.port.setblocking(False)
        return self.port.fileno()

    def _reopen(self, wait_s: float) -> int | None:
        return self._open()

    def _read(self) -> bytes:
        try:
            data, sender = self.port.recvfrom(_READ_BYTES)
        except ConnectionError:  # nobody listens there yet
            return b""
        now_s = time.monotonic()
        if sender != self._peer:
            held = self._peer is not None and now_s - self._peer_heard_s < _PEER_SILENT_S
            if self.where.kind == "udpout" or held:
                _LOG.debug("%s: a message from elsewhere was dropped", self.where)
                return b""
            self._peer = sender
        self._peer_heard_s = now_s
        return data

    def _send(self, data: bytes) -> None:
        if self._peer is None:
            self.unsent += 1
            return
        try:
            self.port.sendto(data, self._peer)
        except (BlockingIOError, ConnectionError):
            self.unsent += 1

    def close(self) -> None:
        """Close the socket."""
        self.port.close()


class SerialLine(Line):
    """A serial device, opened again when it was pulled out and comes back."""

    def _open(self) -> int:
        self.port = serial.Serial(
            self.where.place, self.where.number, timeout=0, write_timeout=_WRITE_S
        )
        return int(self.port.fileno())

    def _reopen(self, wait_s: float) -> int | None:
        return self._open()

    def _read(self) -> bytes:
        # A tty that became readable and has nothing to read is gone: pyserial raises then.
        return bytes(self.port.read(max(1, min(self.port.in_waiting, _READ_BYTES))))

    def _send(self, data: bytes) -> None:
        self.port.write(data)

    def close(self) -> None:
        """Close the device."""
        self.port.close()


def open_line(url: str, *, source_system: int, source_component: int) -> Line:
    """Return an open line to `url`.

    Raises:
        LinkError: the address is none, or nothing is there.
    """
    address = parse_address(url)
    kinds: dict[str, type[Line]] = {
        "tcp": TcpLine,
        "udpin": UdpLine,
        "udpout": UdpLine,
        "serial": SerialLine,
    }
    try:
        return kinds[address.kind](address, source_system, source_component)
    except OSError as error:
        raise LinkError(f"no vehicle at {address}: {_why(address, error)}") from error


def _why(address: Address, error: OSError) -> str:
    reason = error.strerror or str(error)
    if address.kind == "tcp":
        return f"{reason}; is it switched on, or its simulation started?"
    if address.kind == "udpin":
        return f"cannot listen there: {reason}"
    return reason
