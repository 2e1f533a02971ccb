"""What a flying program leaves on disk, so that others find it and a restarted one can go on.

One folder per flight in the state folder (`PARKWATCH_STATE`, or else the user's runtime folder)
holds `flight.json`. It is written anew, whole, at every change of state, and removed once the
vehicle has landed; one that is still there belongs to a flight that lasts, or to a program that
died. A lock beside it, which dies with its process, tells the two apart and keeps a second program
from the same vehicle.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from drone.patrol_state import PatrolState
from park.errors import FlightError
from park.mission_item import MissionItem

STATE_VARIABLE = "PARKWATCH_STATE"
RECORD_NAME = "flight.json"

_FLIGHT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class FlightRecord(BaseModel):
    """What `flight.json` says.

    Attributes:
        flight_id: names the flight for commands.
        pid: the process that flies it, or flew it when it died.
        vehicle: its address, as it was given.
        site_id: the site.
        site_hash: SHA-256 of the site file.
        route_id: what is flown.
        sortie: which one of the plan.
        mission_hash: of the mission that was uploaded, see `mission_hash`.
        state: of the patrol.
        cause: of that state.
        mode: that this program asked for last; empty before the first.
        started_at: when the program began with it.
        changed_at: when this was written.
        footage: folder of the recording; empty where nothing is recorded.
        address: where commands are taken; empty before they are.
        params: what was set on the vehicle, as `SafetyRecord.as_json`; put back after landing.
        simulated: whether the vehicle was a simulation that its program had started, which ended
            with it: such a record is of use only while the program lives.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flight_id: str = Field(pattern=_FLIGHT_ID)
    pid: int
    vehicle: str
    site_id: str
    site_hash: str
    route_id: str
    sortie: int
    mission_hash: str
    state: PatrolState
    cause: str
    mode: str = ""
    started_at: AwareDatetime
    changed_at: AwareDatetime
    footage: str = ""
    address: str = ""
    params: str = ""
    simulated: bool = False


def mission_hash(items: Sequence[MissionItem]) -> str:
    """Return a SHA-256 that is the same for missions that a vehicle flies in the same way.

    Item 0 is left out: it is home, which the vehicle moves to where it was armed. Degrees count to
    1e-7 and other numbers as the 32 bits that MAVLink carries, so that the mission that is read
    back has the hash of the one that was sent.
    """
    content = hashlib.sha256()
    for item in items[1:]:
        numbers = ",".join(f"{value:.3f}" for value in (*item.params, item.z))
        place = f"{round(item.x * 1e7)},{round(item.y * 1e7)}"
        content.update(f"{item.seq};{item.command};{numbers};{place}\n".encode())
    return content.hexdigest()


def state_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what flying programs leave, made where it is not there.

    Raises:
        FlightError: it cannot be made, or others may write to it.
    """
    known = os.environ if environment is None else environment
    if known.get(STATE_VARIABLE):
        folder = Path(known[STATE_VARIABLE])
    elif known.get("XDG_RUNTIME_DIR"):
        folder = Path(known["XDG_RUNTIME_DIR"]) / "parkwatch"
    else:
        folder = Path(tempfile.gettempdir()) / f"parkwatch-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise FlightError(
            f"the state folder {folder} cannot be used ({error.strerror}); set {STATE_VARIABLE} "
            "to a folder of your own"
        ) from error
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise FlightError(
            f"the state folder {folder} is not yours alone to write to, so others could give "
            f"commands to a flight; set {STATE_VARIABLE} to a folder of your own"
        )
    return folder


class FlightFolder:
    """The folder of one flight, held by the process that flies it.

    Args:
        folder: the state folder.
        flight_id: names the flight.
    """

    def __init__(self, folder: Path, flight_id: str) -> None:
        self.path = folder / flight_id
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FlightError(f"{self.path} cannot be made ({error.strerror})") from error

    def write(self, record: FlightRecord) -> None:
        """Replace what is written, whole: a reader sees the old or the new one.

        Raises:
            FlightError: it cannot be written.
        """
        try:
            partial = self.path / f"{RECORD_NAME}.{os.getpid()}"
            with partial.open("w", encoding="utf-8") as file:
                file.write(record.model_dump_json(indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path / RECORD_NAME)
        except OSError as error:
            raise FlightError(f"{self.path} cannot be written ({error.strerror})") from error

    def remove(self) -> None:
        """Remove everything: the flight is over."""
        with contextlib.suppress(OSError):
            for file in self.path.iterdir():
                file.unlink()
            self.path.rmdir()


def flight_records(folder: Path) -> tuple[FlightRecord, ...]:
    """Return the records of all flights that are not over, by id.

    Raises:
        FlightError: one is damaged; the message names it.
    """
    return tuple(_records(folder))


def _records(folder: Path) -> Iterator[FlightRecord]:
    for path in sorted(folder.glob(f"*/{RECORD_NAME}")):
        try:
            record = FlightRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ValidationError) as error:
            raise FlightError(
                f"{path} is no usable record of a flight; look whether a vehicle is in the air, "
                "and remove the file if none is"
            ) from error
        if record.simulated and not is_held(folder, record.vehicle):
            FlightFolder(folder, path.parent.name).remove()
            continue
        yield record


def is_held(folder: Path, vehicle: str) -> bool:
    """Return whether a program that flies this vehicle lives."""
    try:
        VehicleLock(folder, vehicle).close()
    except FlightError:
        return True
    return False


class VehicleLock:
    """Keeps two programs from flying one vehicle; gone when its process is, however that ends.

    Args:
        folder: the state folder.
        vehicle: its address, as it was given.

    Raises:
        FlightError: another process holds it.
    """

    def __init__(self, folder: Path, vehicle: str) -> None:
        name = hashlib.sha256(vehicle.encode()).hexdigest()[:16]
        self._file = (folder / f"vehicle-{name}.lock").open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise FlightError(
                f"another parkwatch on this machine flies the vehicle at {vehicle}; see "
                "`parkwatch patrol status`"
            ) from error

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
        """Let go of it."""
        self._file.close()
