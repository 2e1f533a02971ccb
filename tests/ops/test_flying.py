"""What is left behind when a program stops flying: a flight in the air is never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drone.airspace import Airspace
from drone.flight_record import flight_records
from drone.link import VehicleLink
from drone.patrol import Patrol
from drone.patrol_state import PatrolState
from drone.records import Vehicle, Wind
from ops.flying import FlightWish, fly_sortie
from ops.vehicle_source import VehicleSource
from park.terrain import FlatTerrain
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.flights import SITE, small_plan

PLAN = small_plan()
SORTIE = PLAN.sorties[0]


@pytest.fixture
def copter() -> Iterator[CopterServer]:
    """A copter that is not the program's own: it flies on when that ends."""
    home = HomePoint(SORTIE.home.lat_deg, SORTIE.home.lon_deg, 10.0)
    with CopterServer(SimulatedCopter(home), port=0, speedup=20.0) as server:
        yield server


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("PARKWATCH_STATE", str(folder))
    return folder


def wish(copter: CopterServer) -> FlightWish:
    return FlightWish(
        site=SITE,
        plan=PLAN,
        vehicle=Vehicle(),
        source=VehicleSource(copter.url),
        airspace=Airspace.of(SITE, FlatTerrain()),
        wind=Wind(),
    )


@pytest.mark.parametrize("ends_by", [KeyboardInterrupt, OSError])
def test_a_program_that_ends_in_the_air_leaves_word_of_its_flight(
    copter: CopterServer,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends_by: type[BaseException],
) -> None:
    take_in = Patrol._take_in

    def ends(self: Patrol) -> None:
        take_in(self)
        if self.state is PatrolState.ON_ROUTE:
            raise ends_by

    monkeypatch.setattr(Patrol, "_take_in", ends)
    with pytest.raises(ends_by):
        fly_sortie(wish(copter), SORTIE)
    (record,) = flight_records(state)
    assert record.vehicle == copter.url
    assert record.state is PatrolState.ON_ROUTE
    assert copter.state.armed
    with VehicleLink.connect(copter.url) as link:
        assert link.read_param("FS_GCS_ENABLE") == 1.0, "its failsafes stay on while it flies"


def test_a_program_that_ends_before_take_off_leaves_nothing_behind(
    copter: CopterServer, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(self: Patrol) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Patrol, "_launch", ends)
    with pytest.raises(KeyboardInterrupt):
        fly_sortie(wish(copter), SORTIE)
    assert flight_records(state) == ()
    with VehicleLink.connect(copter.url) as link:
        assert link.read_param("FS_GCS_ENABLE") == 0.0
