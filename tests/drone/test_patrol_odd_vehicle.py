"""A patrol on a vehicle that does what the simulated copter never does: late, or half mute."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.airspace import Airspace
from drone.control import Order, OrderName
from drone.energy import EnergyModel
from drone.failsafe import FlightLimits
from drone.link import VehicleLink
from drone.mode_watch import Failsafe
from drone.patrol import Patrol
from drone.patrol_flight import Flight
from drone.patrol_mission import PatrolMission
from drone.patrol_result import Outcome, PatrolResult
from drone.patrol_state import PatrolState
from drone.records import Vehicle, Wind
from drone.way_check import WayCheck
from park.errors import CommandError, LinkError
from park.terrain import FlatTerrain
from tests.drone.flights import SITE, airborne, small_plan
from tests.drone.odd_vehicle import AUTO, GUIDED, Answer, OddVehicle, ack, has_params, results

S = PatrolState
PLAN = small_plan()
HOME = PLAN.sorties[0].home
SET_MODE, RTL = 176, 6
PARAMS = {"BATT_CAPACITY": 10_000.0, "BATT_LOW_VOLT": 10.5}


class InTheAir:
    """A patrol that was taken up, on its route, and flies on in a thread of its own."""

    def __init__(self, odd: OddVehicle, link: VehicleLink, patrol: Patrol) -> None:
        self.odd = odd
        self.link = link
        self.patrol = patrol
        self.lines: list[str] = []
        self.results: list[PatrolResult] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self.results.append(self.patrol.go_on("found it in AUTO, on its mission"))

    def start(self) -> None:
        self._thread.start()

    def wait(self, state: PatrolState, timeout_s: float = 10.0) -> None:
        step = threading.Event()
        for _ in range(int(timeout_s / 0.02)):
            if self.patrol.state is state:
                return
            step.wait(0.02)
        raise AssertionError(f"it is {self.patrol.state}, not {state}: {self.lines}")

    def still_flies(self, for_s: float) -> bool:
        self._thread.join(for_s)
        return self._thread.is_alive()

    def end(self) -> PatrolResult:
        self._thread.join(10.0)
        assert self.results, f"it goes on: {self.lines}"
        return self.results[0]


def position(odd: OddVehicle, boot_s: float, alt_home_m: float = 20.0) -> None:
    """Say where it is: above its dock, standing."""
    lat, lon, up = int(HOME.lat_deg * 1e7), int(HOME.lon_deg * 1e7), int(alt_home_m * 1000)
    odd.say(
        mavlink.MAVLink_global_position_int_message(
            int(boot_s * 1000), lat, lon, up + 10_000, up, 0, 0, 0, 0
        )
    )


@contextmanager
def in_the_air(
    limits: FlightLimits | None = None, answers: dict[str, Answer] | None = None
) -> Iterator[InTheAir]:
    """Take up the small patrol on an odd vehicle that is in the air, in AUTO."""
    sortie = PLAN.sorties[0]
    with OddVehicle(answers={**has_params(dict(PARAMS)), **(answers or {})}) as odd:
        odd.mode, odd.armed = AUTO, True
        with VehicleLink.connect(odd.url, lost_after_s=2.0) as link:
            check = WayCheck(
                Airspace.of(SITE, FlatTerrain()), PLAN, sortie, EnergyModel(Vehicle(), Wind())
            )
            flight = Flight(
                "odd-1", odd.url, PLAN, PatrolMission.of(sortie), Vehicle(), check,
                limits=limits or FlightLimits(pilot_grace_s=0.3),
            )  # fmt: skip
            flown: list[InTheAir] = []
            patrol = Patrol(
                flight, link, start=S.ON_ROUTE,
                listener=lambda kind, line: flown[0].lines.append(f"{kind}: {line}"),
            )  # fmt: skip
            flown.append(InTheAir(odd, link, patrol))
            position(odd, 100.0)
            link.wait_for(lambda now: now.lat_deg is not None, "its position", 5.0)
            flown[0].start()
            yield flown[0]
            odd.armed = False
            odd.beat = True
            flown[0].still_flies(10.0)


def test_what_is_not_known_after_a_restart_is_not_taken_for_standing_still() -> None:
    # A watchdog restarts ArduCopter in the air within a moment, and it flies on, armed.
    with in_the_air() as flown:
        flown.odd.beat = False
        flown.odd.say(mavlink.MAVLink_attitude_message(2_000, 0, 0, 0, 0, 0, 0))
        flown.wait(S.FAILED)
        assert flown.still_flies(0.5), flown.results
        flown.odd.beat = True
        assert flown.still_flies(0.3), "it is armed"
        flown.odd.armed = False
        result = flown.end()
        assert result.outcome is Outcome.REBOOTED
        assert [made.after for made in result.transitions] == [S.FAILED, S.LANDED]


def _impatient(link: VehicleLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands be asked for twice in 0.2 s instead of four times in 20."""
    hasty = functools.partial(link.command_long, timeout_s=0.1, retries=1)
    monkeypatch.setattr(link, "command_long", hasty)


def test_a_vehicle_that_does_late_what_it_was_told_is_not_taken_for_flown_by_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaf = {"COMMAND_LONG": results(-1, -1, command=SET_MODE)}
    with in_the_air(answers=deaf) as flown:
        _impatient(flown.link, monkeypatch)
        with pytest.raises(LinkError, match="no answer to DO_SET_MODE"):
            flown.patrol.order(Order(name=OrderName.RETURN))
        assert flown.patrol.state is S.ON_ROUTE
        flown.odd.mode = RTL
        flown.wait(S.RETURNING)
        flown.odd.armed = False
        result = flown.end()
        assert result.cause == "order: return"
        assert result.failsafe is None
        assert "the vehicle heard it after all" in result.transitions[0].cause


def test_an_unanswered_return_is_said_again_and_is_no_reason_to_land_on_the_spot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deaf = {"COMMAND_LONG": results(-1, -1, command=SET_MODE)}
    limits = FlightLimits(pilot_grace_s=0.3, breach_grace_s=0.0)
    with in_the_air(limits, deaf) as flown:
        _impatient(flown.link, monkeypatch)
        step = threading.Event()
        for tenth in range(60):
            if flown.patrol.state is S.RETURNING:
                break
            position(flown.odd, 101.0 + tenth, alt_home_m=500.0)
            step.wait(0.1)
        asked = [m.param2 for m in flown.odd.heard_of("COMMAND_LONG") if m.command == SET_MODE]
        assert asked == [RTL] * 3, "LAND is mode 9"
        flown.odd.armed = False
        assert flown.end().failsafe is Failsafe.FENCE_BREACH


def test_a_take_off_that_nobody_answers_is_watched_until_the_vehicle_is_down_again() -> None:
    with airborne() as flown:
        take_off = flown.link.takeoff

        def unanswered(alt_home_m: float, timeout_s: float = 10.0) -> None:
            take_off(alt_home_m, timeout_s)
            flown.server.wait_for(lambda now: now.alt_home_m > 1.0, "its lift-off", 30.0)
            raise LinkError("no answer to NAV_TAKEOFF, said 4 times")

        flown.link.takeoff = unanswered  # type: ignore[method-assign]
        flown.take_off()
        result = flown.end()
        assert result.outcome is Outcome.FLOWN
        assert "armed -> take-off: it is armed, and may take off" in flown.said("state")
        assert "it does not disarm" in flown.said("command")


def test_an_arming_that_nobody_answers_does_not_leave_the_motors_armed() -> None:
    with airborne() as flown:
        arm = flown.link.arm

        def unanswered(timeout_s: float = 15.0) -> None:
            arm(timeout_s)
            raise LinkError("no answer to COMPONENT_ARM_DISARM, said 2 times")

        flown.link.arm = unanswered  # type: ignore[method-assign]
        flown.take_off()
        with pytest.raises(LinkError, match="no answer to COMPONENT_ARM_DISARM"):
            flown.end()
        assert flown.states()[-1] == "failed"
        assert not flown.server.state.armed


def test_a_vehicle_that_takes_a_mode_and_not_its_target_is_paused_and_not_forgotten() -> None:
    def refuses(odd: OddVehicle, message: Any) -> None:
        ack(odd, message.command, 4)

    with in_the_air(answers={"COMMAND_INT": refuses}) as flown:
        goto = Order(name=OrderName.GOTO, lat_deg=HOME.lat_deg, lon_deg=HOME.lon_deg + 2e-4)
        with pytest.raises(CommandError, match="DO_REPOSITION: failed"):
            flown.patrol.order(goto)
        assert flown.odd.mode == GUIDED
        flown.wait(S.PAUSED)
        assert "holds where it is (mode GUIDED)" in flown.patrol.status.cause
        flown.patrol.order(Order(name=OrderName.RESUME))
        assert flown.odd.mode == AUTO
        assert flown.patrol.state is S.ON_ROUTE


def test_a_vehicle_that_beats_but_tells_nothing_else_is_sent_home_and_that_is_said() -> None:
    with in_the_air(FlightLimits(pilot_grace_s=0.3, blind_s=0.5)) as flown:
        flown.wait(S.RETURNING)
        assert flown.odd.mode == RTL
        flown.odd.armed = False
        result = flown.end()
        assert result.failsafe is Failsafe.BLIND
        assert any("no telemetry (return): it has not told" in line for line in flown.lines)


def test_a_battery_that_nobody_can_watch_is_told_of() -> None:
    with in_the_air() as flown:
        for second in range(15):
            position(flown.odd, 101.0 + second)
        step = threading.Event()
        told = "note: assumed: the battery lasts for as long as the vehicle's own failsafe says"
        for _ in range(500):
            if any(line.startswith(told) for line in flown.lines):
                break
            step.wait(0.02)
        assert len([line for line in flown.lines if line.startswith(told)]) == 1
