"""Commands to a patrol in the air from another terminal, over a Unix-domain socket.

The flying program answers on a socket that only its own user may open (mode 0600, in a folder of
mode 0700). One request, one answer, each a line of JSON. An answer comes when the vehicle has
answered: done, or refused and why.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from drone.flight_record import FlightRecord, flight_records
from drone.patrol_state import PatrolState
from park.errors import CommandError, FlightError, LinkError

_log = logging.getLogger(__name__)

ORDER_TIMEOUT_S = 30.0
"""How long an order may take, its wait for other orders and the vehicle's answer included."""

_MAX_LINE = 65_536
_MAX_PATH = 100
_IO_TIMEOUT_S = 5.0
_MAX_CALLERS = 16

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class OrderName(StrEnum):
    """What can be asked of a patrol in the air."""

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    RETURN = "return"
    LAND = "land"
    GOTO = "goto"


class Order(BaseModel):
    """One command to a patrol.

    Attributes:
        name: what to do.
        lat_deg: where to, for goto; WGS84.
        lon_deg: where to, for goto; WGS84.
        alt_home_m: how high above take-off, for goto; as high as it is where absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: OrderName
    lat_deg: Annotated[float, Field(ge=-90, le=90)] | None = None
    lon_deg: Annotated[float, Field(ge=-180, le=180)] | None = None
    alt_home_m: Annotated[float, Field(gt=0, le=1000)] | None = None

    @model_validator(mode="after")
    def _place(self) -> Self:
        placed = self.lat_deg is not None and self.lon_deg is not None
        if placed != (self.name is OrderName.GOTO):
            raise ValueError("goto needs a latitude and a longitude, and nothing else takes one")
        return self

    def __str__(self) -> str:
        if self.name is not OrderName.GOTO:
            return str(self.name)
        height = "" if self.alt_home_m is None else f" at {self.alt_home_m:g} m"
        return f"goto {self.lat_deg:.6f},{self.lon_deg:.6f}{height}"


class PatrolStatus(BaseModel):
    """Where a patrol is; what is not known is absent.

    Attributes:
        flight_id: names the flight.
        site_id: the site.
        route_id: what is flown.
        vehicle: its address.
        state: of the patrol.
        cause: of that state.
        since: when it entered it.
        time: when this was put together.
        steering: whether the program steers; False once a pilot has taken over.
        sortie: which one is flown.
        sorties: of how many.
        waypoint: the one that it flies to, from 1; 0 before the first.
        waypoints: of how many.
        mode: the vehicle's flight mode.
        armed: whether the motors may turn.
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_home_m: above take-off.
        speed_mps: over ground.
        battery_percent: left, as the vehicle says.
        battery_left_wh: left, as this program works it out.
        home_m: distance to where it took off.
        link_age_s: since the vehicle was last heard.
        footage: where the recording is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flight_id: str
    site_id: str
    route_id: str
    vehicle: str
    state: PatrolState
    cause: str
    since: AwareDatetime
    time: AwareDatetime
    steering: bool = True
    sortie: int = 1
    sorties: int = 1
    waypoint: int = 0
    waypoints: int = 0
    mode: str | None = None
    armed: bool = False
    lat_deg: _Finite | None = None
    lon_deg: _Finite | None = None
    alt_home_m: _Finite | None = None
    speed_mps: _Finite | None = None
    battery_percent: _Finite | None = None
    battery_left_wh: _Finite | None = None
    home_m: _Finite | None = None
    link_age_s: _Finite | None = None
    footage: str = ""


class Reply(BaseModel):
    """The answer to an order.

    Attributes:
        done: whether the vehicle did as it was told.
        said: the answer in words.
        status: the patrol afterwards.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    done: bool
    said: str
    status: PatrolStatus | None = None


class ControlServer:
    """Takes orders for one flight until it is closed; every caller has a thread of its own.

    Args:
        folder: the flight's own folder; the socket is made in it.
        answer: called for each order, in the caller's thread; what it raises of `FlightError` is
            the answer "not done".
    """

    def __init__(self, folder: Path, answer: Callable[[Order], Reply]) -> None:
        self._answer = answer
        self._own_folder: Path | None = None
        path = folder / "control.sock"
        if len(os.fsencode(path)) > _MAX_PATH:
            # The kernel takes no longer names for sockets.
            self._own_folder = Path(tempfile.mkdtemp(prefix="parkwatch-"))
            path = self._own_folder / "control.sock"
        self.address = str(path)
        """Where orders are taken."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(self.address)
            path.chmod(0o600)
            self._socket.listen(_MAX_CALLERS)
        except OSError as error:
            self._socket.close()
            raise FlightError(f"{path} cannot be opened for commands ({error.strerror})") from error
        self._callers = threading.BoundedSemaphore(_MAX_CALLERS)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more orders."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_IO_TIMEOUT_S)
        with contextlib.suppress(OSError):
            Path(self.address).unlink(missing_ok=True)
            if self._own_folder is not None:
                self._own_folder.rmdir()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            if not self._callers.acquire(blocking=False):
                caller.close()
                continue
            threading.Thread(target=self._hear, args=(caller,), daemon=True).start()

    def _hear(self, caller: socket.socket) -> None:
        try:
            with caller:
                caller.settimeout(_IO_TIMEOUT_S)
                line = _read_line(caller)
                reply = self._reply(line)
                caller.sendall(reply.model_dump_json().encode() + b"\n")
        except OSError as error:
            _log.info("a caller went away: %s", error)
        finally:
            self._callers.release()

    def _reply(self, line: bytes) -> Reply:
        try:
            return self._answer(Order.model_validate_json(line))
        except ValidationError as error:
            return Reply(done=False, said=f"not an order: {error.errors()[0]['msg']}")
        except FlightError as error:
            return Reply(done=False, said=str(error))


def send_order(
    order: Order, record: FlightRecord, *, timeout_s: float = ORDER_TIMEOUT_S + 5.0
) -> Reply:
    """Give an order to a flying patrol and return its answer.

    Raises:
        LinkError: the program that flew it is gone, or does not answer in time.
        FlightError: what came back is no answer.
    """
    gone = (
        f"the program that flew {record.flight_id} (process {record.pid}) does not answer; the "
        "vehicle finishes or returns by its own parameters. Start the same `parkwatch fly` again "
        "to take up the flight"
    )
    if not record.address:
        raise LinkError(gone)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(record.address)
            line.sendall(order.model_dump_json().encode() + b"\n")
            answer = _read_line(line)
    except TimeoutError:
        raise LinkError(
            f"{record.flight_id}: no answer to {order} within {timeout_s:g} s; it may still be done"
        ) from None
    except OSError as error:
        raise LinkError(gone) from error
    try:
        return Reply.model_validate_json(answer)
    except ValidationError as error:
        raise FlightError(f"{record.flight_id} answered {answer[:80]!r} to {order}") from error


def find_flight(folder: Path, flight_id: str | None) -> FlightRecord:
    """Return the flight that is meant: the one that is named, or the only one there is.

    Raises:
        CommandError: none flies, none has that name, or there are several and none is named.
    """
    flights = flight_records(folder)
    if not flights:
        raise CommandError("no patrol flies from this machine under this user")
    names = ", ".join(flight.flight_id for flight in flights)
    if flight_id is None:
        if len(flights) > 1:
            raise CommandError(f"several patrols fly; name one with --flight: {names}")
        return flights[0]
    for flight in flights:
        if flight.flight_id == flight_id:
            return flight
    raise CommandError(f"no patrol {flight_id!r} flies; there are: {names}")


def _read_line(line: socket.socket) -> bytes:
    """Return what comes up to the first line feed."""
    content = b""
    while b"\n" not in content and len(content) < _MAX_LINE:
        part = line.recv(4096)
        if not part:
            break
        content += part
    return content.partition(b"\n")[0]
