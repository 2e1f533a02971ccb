"""A simulated copter, a link to it, and an odd vehicle, for all tests of what flies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drone.link import VehicleLink
from sim_data.copter.server import CopterServer
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.links import HOME, SPEEDUP, answers, url
from tests.drone.odd_vehicle import OddVehicle


@pytest.fixture(scope="module")
def server() -> Iterator[CopterServer]:
    with CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as running:
        yield running


@pytest.fixture(scope="module")
def link(server: CopterServer) -> Iterator[VehicleLink]:
    with VehicleLink.connect(url(server)) as made:
        made.wait_for(lambda now: now.prearm_ok is True, "the vehicle to be ready", 30.0)
        yield made


@pytest.fixture
def odd() -> Iterator[OddVehicle]:
    with OddVehicle(answers=answers()) as vehicle:
        yield vehicle
