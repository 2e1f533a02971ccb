"""A short patrol over a small park, flown on the simulated copter, for tests of the pilot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import shapely

from drone.airspace import Airspace
from drone.energy import EnergyModel
from drone.failsafe import FlightLimits
from drone.link import VehicleLink
from drone.patrol import Patrol
from drone.patrol_flight import Flight
from drone.patrol_mission import PatrolMission
from drone.patrol_prepare import prepare
from drone.patrol_result import PatrolResult
from drone.patrol_state import PatrolState
from drone.planner import plan
from drone.records import FlightPlan, Vehicle, Wind
from drone.route_request import RouteRequest
from drone.way_check import WayCheck
from park.site import Site
from park.site_model import Building, Dock, Names, NoFly
from park.terrain import FlatTerrain
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint, Mode
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.parks import FRAME, drawn, park

SPEEDUP = 40.0
START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
SMALL = shapely.box(-110.0, -90.0, 110.0, 90.0)

SITE: Site = park(
    Dock(id="dock-1", alt_amsl_m=10.0, geometry=drawn(shapely.Point(0.0, -30.0))),
    Building(
        id="hall", name=Names(en="Hall"), height_m=60.0,
        geometry=drawn(shapely.box(88.0, 60.0, 98.0, 70.0)),
    ),
    NoFly(id="tank", geometry=drawn(shapely.box(-98.0, 60.0, -88.0, 70.0))),
    outline=SMALL,
)  # fmt: skip


def small_plan(vehicle: Vehicle | None = None, **options: object) -> FlightPlan:
    """Return the plan of a walk along the small park's boundary, 20 m up."""
    words = {"alt_agl_m": 20.0, "inward_m": 40.0, **options}
    request = RouteRequest.from_words(SITE, "perimeter", (), words)
    return plan(SITE, "0" * 64, request, vehicle=vehicle)


@dataclass
class Flown:
    """A flight in the air, and what was said of it.

    Attributes:
        server: of the simulated copter.
        link: of the pilot.
        patrol: the pilot.
        lines: of the flight log.
    """

    server: CopterServer
    link: VehicleLink
    patrol: Patrol
    lines: list[tuple[str, str]] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _result: PatrolResult | None = None
    _error: BaseException | None = None
    _stalled: threading.Event | None = None

    def line(self, kind: str, message: str) -> None:
        """Keep a line of the flight log; called by the pilot's own thread."""
        self.lines.append((kind, message))
        if self._stalled is not None:
            self._stalled.wait(60.0)

    def stall(self, until: threading.Event) -> None:
        """Hold the pilot's thread at its next line until an event is set."""
        self._stalled = until

    def take_off(self, fly: Callable[[], PatrolResult] | None = None) -> None:
        """Fly in a thread of its own."""

        def run() -> None:
            try:
                self._result = (fly or self.patrol.fly)()
            except BaseException as error:  # noqa: BLE001 - given to whoever waits for the end
                self._error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def until(self, state: PatrolState, timeout_s: float = 60.0) -> None:
        """Wait until the patrol is in a state."""
        self.wait(lambda: self.patrol.state is state, f"the patrol to be {state}", timeout_s)

    def until_waypoint(self, number: int, timeout_s: float = 60.0) -> None:
        """Wait until the patrol flies to a waypoint."""
        self.wait(
            lambda: (
                self.patrol.state is PatrolState.ON_ROUTE and self.patrol.status.waypoint >= number
            ),
            f"waypoint {number}",
            timeout_s,
        )

    def wait(self, is_so: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Wait for anything; a flight that ended meanwhile is an error."""
        clock, step_s = threading.Event(), 0.02
        for _ in range(int(timeout_s / step_s)):
            if is_so():
                return
            assert self._error is None, self._error
            assert self._result is None or is_so(), f"it ended before {what}: {self._result}"
            clock.wait(step_s)
        raise AssertionError(f"waited {timeout_s:g} s for {what}; {self.said()}")

    def end(self, timeout_s: float = 90.0) -> PatrolResult:
        """Return how the flight ended."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        assert self._result is not None, f"it did not end in {timeout_s:g} s; {self.said()}"
        return self._result

    def pilot(self, mode: Mode) -> None:
        """Change the mode as a person does with the remote."""
        self.server.ask(lambda vehicle: vehicle.set_mode(mode))

    def said(self, kind: str | None = None) -> str:
        """Return the lines of the flight log of a kind, one under the other."""
        return "\n".join(line for k, line in self.lines if kind in (None, k))

    def states(self) -> list[str]:
        """Return the states that the patrol went through."""
        return [str(made.after) for made in self.patrol.states.history]


@contextmanager
def airborne(
    made: FlightPlan | None = None,
    *,
    limits: FlightLimits | None = None,
    in_flight: Vehicle | None = None,
    lost_after_s: float = 0.6,
    speedup: float = SPEEDUP,
) -> Iterator[Flown]:
    """Prepare the small patrol on a simulated copter of its own; it is ready for `take_off`.

    Args:
        made: what is flown; the small plan when None.
        limits: from when on something counts as wrong.
        in_flight: what the vehicle turns out to be, after the checks.
        lost_after_s: silence after which the link counts as lost.
        speedup: times real time.
    """
    made = made or small_plan()
    flies = Vehicle()
    sortie = made.sorties[0]
    home = HomePoint(sortie.home.lat_deg, sortie.home.lon_deg, 10.0)
    check = WayCheck(Airspace.of(SITE, FlatTerrain()), made, sortie, EnergyModel(flies, Wind()))
    with (
        CopterServer(SimulatedCopter(home), port=0, speedup=speedup) as server,
        VehicleLink.connect(server.url, lost_after_s=lost_after_s) as link,
    ):
        flight = Flight(
            "test-1",
            server.url,
            made,
            PatrolMission.of(sortie),
            flies,
            check,
            limits=limits or FlightLimits(pilot_grace_s=0.6),
        )
        report = prepare(link, flight, SITE).report
        assert report.go, "\n".join(map(str, report.lines))
        said: list[Flown] = []

        def tell(kind: str, line: str) -> None:
            if said:
                said[0].line(kind, line)

        patrol = Patrol(replace(flight, vehicle=in_flight or flies), link, listener=tell)
        said.append(Flown(server, link, patrol))
        patrol.states.enter(PatrolState.PREFLIGHT, "a test")
        yield said[0]


def metres_of(result: PatrolResult) -> tuple[float, float]:
    """Return where a flight ended, east and north in metres of the park."""
    assert result.lat_deg is not None
    assert result.lon_deg is not None
    return FRAME.to_en_m(result.lat_deg, result.lon_deg)
