"""Orders to a flying patrol from another process, and what a flight leaves on disk."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drone.control import (
    ControlServer,
    Order,
    OrderName,
    PatrolStatus,
    Reply,
    find_flight,
    send_order,
)
from drone.flight_record import (
    FlightFolder,
    FlightRecord,
    VehicleLock,
    flight_records,
    mission_hash,
    state_folder,
)
from drone.patrol_state import PatrolState
from park.errors import CommandError, FlightError, LinkError
from park.mission_item import MissionItem

NOW = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
STATUS = PatrolStatus(
    flight_id="north-1",
    site_id="park",
    route_id="perimeter",
    vehicle="tcp:127.0.0.1:5760",
    state=PatrolState.ON_ROUTE,
    cause="a test",
    since=NOW,
    time=NOW,
)


def record(flight_id: str = "north-1", address: str = "") -> FlightRecord:
    return FlightRecord(
        flight_id=flight_id,
        pid=os.getpid(),
        vehicle="tcp:127.0.0.1:5760",
        site_id="park",
        site_hash="0" * 64,
        route_id="perimeter",
        sortie=1,
        mission_hash="1" * 64,
        state=PatrolState.ON_ROUTE,
        cause="a test",
        started_at=NOW,
        changed_at=NOW,
        address=address,
    )


class Pilot:
    """Answers orders as a patrol would."""

    def __init__(self) -> None:
        self.heard: list[Order] = []
        self.refuse: FlightError | None = None

    def answer(self, order: Order) -> Reply:
        self.heard.append(order)
        if self.refuse is not None:
            raise self.refuse
        return Reply(done=True, said=f"did {order}", status=STATUS)


@pytest.fixture
def pilot() -> Pilot:
    return Pilot()


@pytest.fixture
def server(tmp_path: Path, pilot: Pilot) -> Iterator[ControlServer]:
    with ControlServer(tmp_path, pilot.answer) as running:
        yield running


def test_an_order_is_done_and_its_answer_comes_back(server: ControlServer, pilot: Pilot) -> None:
    order = Order(name=OrderName.GOTO, lat_deg=31.2, lon_deg=121.5, alt_home_m=30.0)
    reply = send_order(order, record(address=server.address))
    assert pilot.heard == [order]
    assert reply == Reply(done=True, said="did goto 31.200000,121.500000 at 30 m", status=STATUS)


def test_a_refusal_comes_back_with_its_reason(server: ControlServer, pilot: Pilot) -> None:
    pilot.refuse = CommandError("the vehicle said no")
    reply = send_order(Order(name=OrderName.PAUSE), record(address=server.address))
    assert reply == Reply(done=False, said="the vehicle said no")


def test_many_may_ask_at_once(server: ControlServer, pilot: Pilot) -> None:
    threads = [
        threading.Thread(
            target=send_order, args=(Order(name=OrderName.STATUS), record(address=server.address))
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert len(pilot.heard) == 12


def test_only_the_owner_may_open_the_socket(server: ControlServer) -> None:
    assert stat.S_IMODE(Path(server.address).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{}\n", b"pause\n", b'{"name": "explode"}\n', b'{"name": "goto"}\n',
     b'{"name": "pause", "lat_deg": 1, "lon_deg": 2}\n', b"\xff\xfe\n", b"[" * 70_000],
)  # fmt: skip
def test_what_is_no_order_is_answered_and_does_nothing(
    server: ControlServer, pilot: Pilot, line: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(10.0)
        caller.connect(server.address)
        caller.sendall(line)
        caller.shutdown(socket.SHUT_WR)
        reply = Reply.model_validate_json(caller.recv(65_536))
    assert not reply.done
    assert reply.said.startswith("not an order")
    assert pilot.heard == []


def test_a_folder_too_deep_for_a_socket_still_takes_orders(tmp_path: Path, pilot: Pilot) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with ControlServer(deep, pilot.answer) as running:
        assert send_order(Order(name=OrderName.PAUSE), record(address=running.address)).done
        folder = Path(running.address).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_a_program_that_is_gone_is_said_to_be(tmp_path: Path, pilot: Pilot) -> None:
    with ControlServer(tmp_path, pilot.answer) as running:
        address = running.address
    for where in (address, ""):
        with pytest.raises(LinkError, match="does not answer; the vehicle finishes or returns"):
            send_order(Order(name=OrderName.STATUS), record(address=where))


def test_an_answer_that_never_comes_is_not_waited_for_long(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(LinkError, match=r"no answer to pause within 0\.2 s"):
            send_order(
                Order(name=OrderName.PAUSE), record(address=str(tmp_path / "s")), timeout_s=0.2
            )


@given(
    st.builds(
        Order,
        name=st.just(OrderName.GOTO),
        lat_deg=st.floats(-90, 90),
        lon_deg=st.floats(-180, 180),
        alt_home_m=st.none() | st.floats(1, 1000),
    )
)
def test_orders_pass_the_wire_unchanged(order: Order) -> None:
    assert Order.model_validate_json(order.model_dump_json()) == order


def test_an_order_with_half_a_place_is_refused() -> None:
    with pytest.raises(ValidationError, match="goto needs a latitude and a longitude"):
        Order(name=OrderName.GOTO, lat_deg=1.0)


# --- what a flight leaves on disk ---------------------------------------------------------------


def test_the_flight_that_is_meant_is_found(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no patrol flies from this machine"):
        find_flight(tmp_path, None)
    FlightFolder(tmp_path, "north-1").write(record("north-1"))
    assert find_flight(tmp_path, None) == record("north-1")
    FlightFolder(tmp_path, "south-1").write(record("south-1"))
    assert find_flight(tmp_path, "south-1").flight_id == "south-1"
    with pytest.raises(CommandError, match=r"several patrols fly; .*: north-1, south-1"):
        find_flight(tmp_path, None)
    with pytest.raises(CommandError, match="no patrol 'east' flies; there are: north-1, south-1"):
        find_flight(tmp_path, "east")


def test_a_record_is_replaced_whole_and_removed_at_the_end(tmp_path: Path) -> None:
    folder = FlightFolder(tmp_path, "north-1")
    folder.write(record())
    folder.write(record().model_copy(update={"state": PatrolState.PAUSED}))
    (found,) = flight_records(tmp_path)
    assert found.state is PatrolState.PAUSED
    assert [p.name for p in folder.path.iterdir()] == ["flight.json"]
    folder.remove()
    assert flight_records(tmp_path) == ()
    assert not folder.path.exists()


def test_a_simulated_flight_is_over_when_its_program_is(tmp_path: Path) -> None:
    left = record("north-1").model_copy(update={"simulated": True})
    FlightFolder(tmp_path, "north-1").write(left)
    FlightFolder(tmp_path, "south-1").write(record("south-1"))
    with VehicleLock(tmp_path, left.vehicle):
        assert flight_records(tmp_path) == (left, record("south-1"))
    # A real vehicle flies on without its program, so its record stays.
    assert flight_records(tmp_path) == (record("south-1"),)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = FlightFolder(tmp_path, "north-1")
    (folder.path / "flight.json").write_text("{", "utf-8")
    with pytest.raises(FlightError, match=r"north-1/flight\.json is no usable record of a flight"):
        flight_records(tmp_path)


def test_the_state_folder_is_the_users_own(tmp_path: Path) -> None:
    named = state_folder({"PARKWATCH_STATE": str(tmp_path / "a" / "b")})
    assert named == tmp_path / "a" / "b"
    assert stat.S_IMODE(named.stat().st_mode) == 0o700
    assert state_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "parkwatch"
    named.chmod(0o777)
    with pytest.raises(FlightError, match="not yours alone to write to"):
        state_folder({"PARKWATCH_STATE": str(named)})
    (tmp_path / "file").touch()
    with pytest.raises(FlightError, match="cannot be used"):
        state_folder({"PARKWATCH_STATE": str(tmp_path / "file" / "x")})


def test_one_vehicle_is_flown_by_one_program(tmp_path: Path) -> None:
    with VehicleLock(tmp_path, "tcp:127.0.0.1:5760"):
        with pytest.raises(FlightError, match="another parkwatch on this machine flies"):
            VehicleLock(tmp_path, "tcp:127.0.0.1:5760")
        VehicleLock(tmp_path, "tcp:127.0.0.1:5770").close()
    VehicleLock(tmp_path, "tcp:127.0.0.1:5760").close()


def items(z: float) -> tuple[MissionItem, ...]:
    home = MissionItem(0, 0, 16, x=31.2, y=121.5, z=z)
    return (home, MissionItem(1, 3, 16, (2.0, 0.0, 0.0, 0.0), 31.2, 121.5, 40.0))


def test_a_missions_hash_does_not_know_home_but_everything_else() -> None:
    assert mission_hash(items(0.0)) == mission_hash(items(12.0))
    home, point = items(0.0)
    for other in (
        MissionItem(1, 3, 16, (2.0, 0.0, 0.0, 0.0), 31.2, 121.5, 41.0),
        MissionItem(1, 3, 16, (3.0, 0.0, 0.0, 0.0), 31.2, 121.5, 40.0),
        MissionItem(1, 3, 16, (2.0, 0.0, 0.0, 0.0), 31.200001, 121.5, 40.0),
        MissionItem(1, 3, 17, (2.0, 0.0, 0.0, 0.0), 31.2, 121.5, 40.0),
    ):
        assert mission_hash((home, other)) != mission_hash((home, point))
