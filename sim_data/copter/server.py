"""A simulated copter on a TCP port, in a thread of its own.

::

    with CopterServer(SimulatedCopter(home), port=0, speedup=10) as server:
        vehicle = dronekit.connect(f"tcp:127.0.0.1:{server.port}")

Time passes at `speedup` times the wall clock in steps of fixed length, or, with `manual` set, only
by `CopterServer.advance`.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from park.errors import SimulationError
from sim_data.copter.autopilot import Autopilot, Tell
from sim_data.copter.faults import Fault
from sim_data.copter.pace import STEP_S, Pace
from sim_data.copter.session import HOPELESS_BACKLOG_BYTES, Session
from sim_data.copter.signing import Signing
from sim_data.copter.state import CopterState, HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from sim_data.copter.wire import Wire

FASTEST_SPEEDUP = 50.0
_READ_BYTES = 1 << 16
_IDLE_S = 0.25
_END_S = 5.0
_WALL_PATIENCE = 0.25
"""Share of the usual patience with a client that it keeps of the wall clock at any speedup."""
_LOG = logging.getLogger(__name__)


class CopterServer:
    """Serves one simulated copter to any number of MAVLink clients.

    Once it runs, the vehicle belongs to it: use `inject`, `state` and `ask`, not the vehicle.

    Args:
        vehicle: what is served.
        host: address to listen at.
        port: TCP port; 0 for any that is free.
        speedup: seconds of vehicle time in a second, above 0 and up to 50.
        signing_key: 32 bytes; frames of clients must then be signed with it.
        manual: time passes only by `advance`.
        start: the time of day when the simulation starts; now when left out.
        tell: takes a line for each notable event, in the server's thread.

    Raises:
        SimulationError: an impossible speedup, port or key.
    """

    def __init__(
        self,
        vehicle: SimulatedCopter,
        *,
        host: str = "127.0.0.1",
        port: int = 5760,
        speedup: float = 1.0,
        signing_key: bytes | None = None,
        manual: bool = False,
        start: datetime | None = None,
        tell: Tell | None = None,
    ) -> None:
        if not 0.0 < speedup <= FASTEST_SPEEDUP:
            raise SimulationError(
                f"speedup {speedup:g} is not above 0 and up to {FASTEST_SPEEDUP:g}"
            )
        if not 0 <= port <= 65_535:
            raise SimulationError(f"port {port} is not between 0 and 65535")
        self._vehicle = vehicle
        self._address = (host, port)
        self._speedup = speedup
        self._manual = manual
        self._signing = Signing(signing_key) if signing_key is not None else None
        state = vehicle.state
        self._autopilot = Autopilot(
            vehicle,
            origin=HomePoint(state.truth_lat_deg, state.truth_lon_deg, state.truth_alt_amsl_m),
            start_unix_s=(start or datetime.now(UTC)).timestamp(),
            patience=1.0 if manual else speedup * _WALL_PATIENCE,
            tell=self._tell_with_time if tell is not None else None,
        )
        self._tell = tell
        self._lock = threading.RLock()
        self._stepped = threading.Condition(self._lock)
        self._steps = 0
        self._to_step = 0
        self._plan: list[tuple[float, int, Fault]] = []
        self._plan_order = itertools.count()
        self._links = itertools.count()
        self._sockets: dict[Session, socket.socket] = {}
        self._selector: selectors.BaseSelector
        self._listener: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._failure: Exception | None = None

    @property
    def port(self) -> int:
        """The TCP port that it listens at."""
        if self._listener is None:
            return self._address[1]
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"tcp:{self._address[0]}:{self.port}"

    @property
    def time_s(self) -> float:
        """Vehicle time since the simulation began, reboots or not."""
        return self._steps * STEP_S

    @property
    def state(self) -> CopterState:
        """The vehicle's state now."""
        with self._lock:
            return self._vehicle.state

    @property
    def running(self) -> bool:
        """Whether time passes."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        with self._lock:
            return len(self._autopilot.sessions)

    @property
    def refused_frames(self) -> int:
        """Frames of the present clients that were not signed as they must be."""
        with self._lock:
            return sum(session.wire.refused_frames for session in self._autopilot.sessions)

    def start(self) -> None:
        """Listen, and let time pass.

        Raises:
            SimulationError: the port is in use, or may not be used.
        """
        self._listener = _listen(*self._address)
        self._waker, woken = socket.socketpair()
        woken.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(woken, selectors.EVENT_READ, lambda: _drain(woken))
        self._thread = threading.Thread(target=self._run, name="simulated copter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Disconnect all clients and free the port; safe to call again.

        Raises:
            SimulationError: the simulation had failed.
        """
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(_END_S)
            if self._thread.is_alive():
                raise SimulationError(f"the simulated copter did not end within {_END_S:g} s")
            self._thread = None
        self._raise_failure()

    def __enter__(self) -> CopterServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def inject(self, fault: Fault, *, at_s: float | None = None) -> None:
        """Make something go wrong.

        Args:
            fault: what.
            at_s: when, in vehicle time since the simulation began; at once when left out.
        """
        with self._lock:
            if at_s is None or at_s <= self.time_s:
                self._vehicle.inject(fault)
            else:
                heapq.heappush(self._plan, (at_s, next(self._plan_order), fault))

    def ask(self, question: Callable[[SimulatedCopter], object]) -> object:
        """Return what `question` makes of the vehicle, between two steps."""
        with self._lock:
            return question(self._vehicle)

    def advance(self, seconds: float, *, timeout_s: float = 30.0) -> None:
        """Let vehicle time pass, and return when it has; for simulations made with `manual`.

        Args:
            seconds: rounded to whole steps.
            timeout_s: of the wall clock.

        Raises:
            SimulationError: it takes too long, or the simulation has failed.
        """
        with self._stepped:
            self._to_step += round(seconds / STEP_S)
            self._wake()
            done = self._stepped.wait_for(
                lambda: self._to_step == 0 or self._failure is not None, timeout_s
            )
        self._raise_failure()
        if not done:
            raise SimulationError(f"{seconds:g} s of vehicle time took more than {timeout_s:g} s")

    def wait_for(
        self, predicate: Callable[[CopterState], bool], what: str, timeout_s: float
    ) -> CopterState:
        """Return the first state for which `predicate` is true, looked at after every step.

        Args:
            predicate: asked with the state.
            what: is waited for, in words, for the error.
            timeout_s: of the wall clock.

        Raises:
            SimulationError: it did not come about in time, or the simulation has failed.
        """
        found: list[CopterState] = []

        def is_so() -> bool:
            state = self._vehicle.state
            if predicate(state):
                found.append(state)
            return bool(found) or self._failure is not None

        with self._stepped:
            self._stepped.wait_for(is_so, timeout_s)
        self._raise_failure()
        if not found:
            raise SimulationError(f"waited {timeout_s:g} s for {what}")
        return found[0]

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise SimulationError(f"the simulated copter failed: {self._failure}") from (
                self._failure
            )

    def _tell_with_time(self, line: str) -> None:
        if self._tell is not None:
            self._tell(f"{self.time_s:9.2f} s  {line}")

    def _wake(self) -> None:
        with self._lock:
            if self._waker is not None:
                self._waker.send(b"!")

    def _run(self) -> None:
        pace = Pace(self._speedup, time.monotonic())
        try:
            while not self._stopping:
                with self._lock:
                    self._pass_time(pace)
                    self._flush()
                    wait_s = self._wait_s(pace)
                ready = self._selector.select(wait_s)
                with self._lock:
                    for key, _ in ready:
                        key.data()
        except Exception as error:  # noqa: BLE001 - the thread's edge; whoever waits is told
            _LOG.exception("the simulated copter failed")
            with self._stepped:
                self._failure = error
                self._stepped.notify_all()
        finally:
            with self._lock:
                self._close_all()
        if pace.let_go_s > 0.0:
            _LOG.info("this machine was too slow by %.1f s; they were let go", pace.let_go_s)

    def _pass_time(self, pace: Pace) -> None:
        steps = min(1, self._to_step) if self._manual else pace.take(time.monotonic())
        for _ in range(steps):
            while self._plan and self._plan[0][0] <= self.time_s:
                self._vehicle.inject(heapq.heappop(self._plan)[2])
            self._vehicle.step(STEP_S)
            self._steps += 1
            self._autopilot.tick(self.time_s)
        if not steps:
            self._autopilot.tick(self.time_s)
        else:
            self._to_step = max(0, self._to_step - steps)
            self._stepped.notify_all()

    def _wait_s(self, pace: Pace) -> float:
        if any(session.params_from is not None for session in self._autopilot.sessions):
            return 0.0
        if self._manual:
            return 0.0 if self._to_step else _IDLE_S
        return pace.wait_s(time.monotonic())

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            connection, address = self._listener.accept()
        except OSError as error:
            _LOG.info("a client went away before it was let in: %s", error)
            return
        name = f"{address[0]}:{address[1]}"
        if self._autopilot.refuse_clients:
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = self._autopilot.connect(name, Wire(self._signing, next(self._links)))
        self._sockets[session] = connection
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve(session))
        if self._tell is not None:
            self._tell_with_time(f"client {name} connected")

    def _serve(self, session: Session) -> None:
        connection = self._sockets.get(session)
        if connection is None:
            return
        try:
            data = connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(session, str(error))
            return
        if not data:
            self._drop(session, "it closed the connection")
            return
        self._autopilot.handle(session, session.receive(data))

    def _flush(self) -> None:
        for session, connection in list(self._sockets.items()):
            self._send_out(session, connection)

    def _send_out(self, session: Session, connection: socket.socket) -> None:
        try:
            while session.outbox:
                sent = connection.send(session.outbox)
                del session.outbox[:sent]
        except BlockingIOError:
            if session.backlog_bytes > HOPELESS_BACKLOG_BYTES:
                self._drop(session, "it does not read what it is sent")
            return
        except OSError as error:
            self._drop(session, str(error))
            return
        if session.closing:
            self._drop(session, "the vehicle hung up")

    def _drop(self, session: Session, why: str) -> None:
        connection = self._sockets.pop(session, None)
        if connection is None:
            return
        self._selector.unregister(connection)
        connection.close()
        self._autopilot.disconnect(session)
        if self._tell is not None:
            refused = session.wire.refused_frames
            self._tell_with_time(
                f"client {session.name} gone: {why}"
                + (f"; {refused} frames were refused for their signature" if refused else "")
            )

    def _close_all(self) -> None:
        for session in list(self._sockets):
            self._drop(session, "the simulation ends")
        self._address = (self._address[0], self.port)
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        self._listener = None
        if self._waker is not None:
            self._waker.close()
            self._waker = None


def _drain(woken: socket.socket) -> None:
    """Take what woke the thread, which is of no further interest."""
    woken.recv(_READ_BYTES)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, or say why there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SimulationError(
                f"port {port} of {host} is in use; end what listens there, or choose another "
                "with --port (0 takes any that is free)"
            ) from None
        raise SimulationError(f"cannot listen at {host} port {port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener
