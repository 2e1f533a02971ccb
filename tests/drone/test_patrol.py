"""A patrol on the simulated copter: as planned, with every failsafe, and with people's orders."""

from __future__ import annotations

import math
import threading

import pytest

from drone.control import Order, OrderName
from drone.failsafe import FlightLimits
from drone.mode_watch import Failsafe
from drone.patrol_result import Outcome
from drone.patrol_state import PatrolState
from drone.records import Vehicle
from park.errors import AirspaceError, CommandError, FlightError
from sim_data.copter.faults import (
    BatterySag,
    FenceBreach,
    GpsLoss,
    LinkDrop,
    MotorWeakness,
    Reboot,
    WindGust,
)
from sim_data.copter.state import CopterState, Mode
from tests.drone.flights import airborne, metres_of
from tests.drone.parks import FRAME

S = PatrolState
CALM = FlightLimits(pilot_grace_s=0.6)


def test_a_patrol_is_flown_as_planned_and_ends_where_it_began() -> None:
    with airborne() as flown:
        flown.take_off()
        result = flown.end()
        assert result.outcome is Outcome.FLOWN
        assert result.as_planned
        assert result.home_m is not None
        assert result.home_m < 2.0
        assert result.waypoints == result.of_waypoints
        assert result.failsafe is None
        assert result.flight_s > 60.0
        assert result.used_wh is not None
        assert result.used_wh > 1.0
        assert flown.states() == [
            *("preflight", "armed", "take-off", "on route", "returning", "landed")
        ]
        assert "failsafe" not in {kind for kind, _ in flown.lines}
        assert all(made.cause for made in result.transitions)


def test_a_terminal_that_is_closed_does_not_end_the_flight() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        line = flown.line

        def closed(kind: str, message: str) -> None:
            line(kind, message)
            raise BrokenPipeError

        flown.line = closed  # type: ignore[method-assign]
        assert flown.end().outcome is Outcome.FLOWN


# --- failsafes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("close", [False, True], ids=["silent", "closed"])
def test_a_lost_link_is_answered_by_the_vehicle_and_taken_up_when_it_is_back(close: bool) -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.server.inject(LinkDrop(duration_s=30.0, close=close))
        result = flown.end()
        assert result.outcome is Outcome.CUT_SHORT
        assert result.failsafe is Failsafe.LINK_LOSS
        assert result.home_m is not None
        assert result.home_m < 3.0
        assert flown.states()[-2:] == ["returning", "landed"]
        assert "link loss (report): nothing heard for" in flown.said("failsafe")
        assert "link loss (follow): the vehicle changed from AUTO to RTL" in flown.said("failsafe")
        assert "LinkRegained" in flown.said("note")


def test_a_link_that_never_comes_back_is_given_up_and_left_to_the_vehicle() -> None:
    limits = FlightLimits(reconnect_s=1.0)
    with airborne(limits=limits) as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.server.inject(LinkDrop(duration_s=None))
        result = flown.end()
        assert result.outcome is Outcome.OUT_OF_SIGHT
        assert flown.states()[-1] == "failed"
        assert "it finishes or returns by its own parameters" in result.cause
        state = flown.server.wait_for(lambda now: not now.armed, "its landing", 60.0)
        assert abs(state.lat_deg - flown.patrol.flight.mission.sortie.home.lat_deg) < 3e-5


def test_a_low_battery_brings_it_home_by_its_own_failsafe() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.server.inject(BatterySag(volts=2.5))
        result = flown.end()
        assert result.failsafe is Failsafe.LOW_BATTERY
        assert result.outcome in (Outcome.CUT_SHORT, Outcome.ELSEWHERE)
        assert "the vehicle changed from AUTO to" in flown.said("failsafe")
        assert flown.states()[-2:] == ["returning", "landed"]


def test_the_way_home_is_begun_while_the_battery_still_lasts_for_it() -> None:
    # The battery turns out to be much smaller than the one that was planned and checked for.
    with airborne(in_flight=Vehicle(battery_wh=9.0)) as flown:
        flown.take_off()
        result = flown.end()
        assert result.failsafe is Failsafe.LOW_BATTERY
        assert result.outcome is Outcome.CUT_SHORT
        assert "low battery (return)" in flown.said("failsafe")
        assert "Wh are left and the way home takes" in result.cause


def test_without_gps_it_lands_where_it_is() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(3)
        flown.server.inject(GpsLoss())
        result = flown.end()
        assert result.failsafe is Failsafe.GPS_LOSS
        assert result.outcome is Outcome.ELSEWHERE
        assert "GPS loss" in flown.said("failsafe")
        assert "to LAND by itself: EKF Failsafe" in result.cause


def test_what_does_not_lift_off_is_disarmed_at_home() -> None:
    with airborne() as flown:
        flown.server.inject(MotorWeakness(share_left=0.1))
        flown.take_off()
        result = flown.end()
        assert result.failsafe is Failsafe.VEHICLE
        assert result.outcome is not Outcome.FLOWN
        assert flown.states()[-2:] == ["failed", "landed"]
        assert "it has not left the ground in" in flown.said()
        assert "it did not lift off" in result.cause
        flown.server.wait_for(lambda now: not now.armed, "its disarming", 30.0)


def test_outside_its_fence_it_comes_home() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(3)
        flown.server.inject(FenceBreach(beyond_m=10.0))
        result = flown.end()
        assert result.failsafe is Failsafe.FENCE_BREACH
        assert result.outcome is Outcome.CUT_SHORT
        assert result.home_m is not None
        assert result.home_m < 3.0


def test_the_program_sends_it_home_when_its_own_fence_is_switched_off() -> None:
    with airborne(limits=FlightLimits(pilot_grace_s=0.6, breach_grace_s=2.0)) as flown:
        flown.take_off()
        flown.until_waypoint(3)
        flown.server.ask(lambda vehicle: vehicle.params.set("FENCE_ACTION", 0.0))
        flown.server.inject(FenceBreach(beyond_m=60.0))
        result = flown.end()
        assert result.failsafe is Failsafe.FENCE_BREACH
        assert "fence breach (return)" in flown.said("failsafe")
        assert "the vehicle's own fence has not acted" in result.cause
        assert result.outcome is Outcome.CUT_SHORT


def test_wind_over_the_limit_ends_the_patrol_at_home() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.server.inject(WindGust(speed_mps=15.0, from_deg=0.0, duration_s=60.0))
        result = flown.end()
        assert result.failsafe is Failsafe.WIND
        assert result.outcome is Outcome.CUT_SHORT
        assert "wind over limit (return): wind of 1" in flown.said("failsafe")


def test_a_mission_that_stands_still_is_ended() -> None:
    with airborne(limits=FlightLimits(pilot_grace_s=0.6, stall_s=15.0)) as flown:
        flown.take_off()
        flown.until_waypoint(3)
        flown.server.ask(lambda vehicle: vehicle.command(178, (1, 0.02, -1, 0, 0, 0, 0)))
        result = flown.end()
        assert result.failsafe is Failsafe.STALLED
        assert "mission stalled (return): no closer than" in flown.said("failsafe")
        assert result.outcome is Outcome.CUT_SHORT


def test_a_person_with_the_remote_always_wins() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.pilot(Mode.BRAKE)
        flown.until(S.FAILED)
        assert not flown.patrol.status.steering
        for name in (OrderName.RESUME, OrderName.RETURN, OrderName.LAND):
            with pytest.raises(CommandError, match="a pilot flies"):
                flown.patrol.order(Order(name=name))
        assert flown.server.state.mode is Mode.BRAKE, "the program must not touch it"
        # Not even what else goes wrong makes the program steer again.
        flown.server.inject(WindGust(speed_mps=14.0, duration_s=30.0))
        waited = flown.server.time_s + 40.0
        flown.wait(lambda: flown.server.time_s > waited, "time to pass")
        assert flown.server.state.mode is Mode.BRAKE
        flown.pilot(Mode.LAND)
        result = flown.end()
        assert result.outcome is Outcome.PILOT
        assert result.failsafe is Failsafe.PILOT
        assert flown.states()[-2:] == ["failed", "landed"]
        assert "a person flies now; this program only watches" in flown.said("note")


@pytest.mark.parametrize("mode", [Mode.LOITER, Mode.RTL, Mode.LAND])
def test_also_a_mode_that_the_program_might_have_chosen_is_the_persons(mode: Mode) -> None:
    # Nobody holds the sticks of the simulated copter, so in LOITER it sinks and lands.
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.pilot(mode)
        result = flown.end()
        assert result.outcome is Outcome.PILOT
        assert f"changed from AUTO to {mode.name}, which this program did not ask" in result.cause


def test_a_vehicle_that_restarts_in_the_air_is_reported_and_let_go() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.server.inject(Reboot())
        result = flown.end()
        assert result.outcome is Outcome.REBOOTED
        assert result.failsafe is Failsafe.REBOOT
        assert "vehicle rebooted (let go): its clock went from" in flown.said("failsafe")


def test_a_program_that_hangs_falls_silent_and_the_vehicle_comes_home() -> None:
    limits = FlightLimits(pilot_grace_s=0.6, hang_s=1.5)
    with airborne(limits=limits) as flown:
        flown.take_off()
        flown.until_waypoint(2)
        hangs = threading.Event()
        flown.stall(hangs)
        try:
            flown.server.wait_for(lambda now: now.mode is Mode.RTL, "its return", 60.0)
        finally:
            hangs.set()
        result = flown.end()
        assert result.failsafe is Failsafe.LINK_LOSS
        assert result.outcome is Outcome.CUT_SHORT
        assert "to RTL by itself: GCS Failsafe" in result.cause


# --- orders -------------------------------------------------------------------------------------


def test_a_patrol_is_paused_and_goes_on_to_its_end() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        assert "holds where it is (mode" in flown.patrol.order(Order(name=OrderName.PAUSE)).said
        assert flown.patrol.state is S.PAUSED
        held = flown.server.wait_for(lambda now: _speed(now) < 0.3, "it to stand", 20.0)
        waited = flown.server.time_s + 80.0
        flown.wait(lambda: flown.server.time_s > waited, "time to pass")
        now = flown.server.state
        assert abs(now.lat_deg - held.lat_deg) < 5e-5, "it drifted, or flew on"
        assert flown.patrol.state is S.PAUSED, "a pause is no stall"
        flown.patrol.order(Order(name=OrderName.RESUME))
        result = flown.end()
        assert result.outcome is Outcome.FLOWN
        assert flown.states()[3:6] == ["on route", "paused", "on route"]


def test_a_waypoint_is_skipped() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        before = flown.patrol.status.waypoint
        said = flown.patrol.order(Order(name=OrderName.SKIP)).said
        assert said == f"waypoint {before} is left out; {before + 1} is next"
        flown.wait(lambda: flown.patrol.status.waypoint > before, "the next waypoint")
        assert flown.end().outcome is Outcome.FLOWN


@pytest.mark.parametrize(
    ("name", "outcome"),
    [(OrderName.RETURN, Outcome.CUT_SHORT), (OrderName.LAND, Outcome.ELSEWHERE)],
)
def test_a_patrol_is_ended_by_order(name: OrderName, outcome: Outcome) -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        flown.patrol.order(Order(name=name))
        assert flown.patrol.state is S.RETURNING
        with pytest.raises(CommandError, match="only return and land are possible now"):
            flown.patrol.order(Order(name=OrderName.RESUME))
        result = flown.end()
        assert result.outcome is outcome
        assert result.failsafe is None
        assert result.cause == f"order: {name}"


def test_it_goes_where_it_is_sent_and_then_on_with_its_route() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        lat, lon = FRAME.to_lat_lon(0.0, 0.0)
        order = Order(name=OrderName.GOTO, lat_deg=lat, lon_deg=lon, alt_home_m=25.0)
        assert "and holds there" in flown.patrol.order(order).said
        flown.server.wait_for(
            lambda now: abs(now.lat_deg - lat) < 2e-5 and abs(now.alt_home_m - 25.0) < 1.0,
            "the place",
            30.0,
        )
        assert flown.patrol.state is S.PAUSED
        flown.patrol.order(Order(name=OrderName.RESUME))
        assert flown.end().outcome is Outcome.FLOWN


def test_it_is_not_sent_where_it_may_not_fly() -> None:
    with airborne() as flown:
        flown.take_off()
        flown.until_waypoint(2)
        for (east, north), rule in (
            ((400.0, 0.0), "outside the boundary"),
            ((-93.0, 65.0), "in a no-fly area"),
            ((93.0, 65.0), "in a building"),
        ):
            lat, lon = FRAME.to_lat_lon(east, north)
            with pytest.raises(AirspaceError, match=rule):
                flown.patrol.order(Order(name=OrderName.GOTO, lat_deg=lat, lon_deg=lon))
        assert flown.patrol.state is S.ON_ROUTE
        assert flown.server.state.mode is Mode.AUTO
        flown.patrol.order(Order(name=OrderName.RETURN))
        flown.end()


# --- before take-off ----------------------------------------------------------------------------


def test_what_does_not_arm_stays_on_the_ground() -> None:
    with airborne() as flown:
        flown.server.inject(GpsLoss())
        flown.server.wait_for(lambda now: now.gps_fix < 3, "the fault", 10.0)
        flown.take_off()
        with pytest.raises(FlightError):
            flown.end()
        assert flown.states()[-1] == "failed"
        assert not flown.server.state.armed


def test_what_does_not_arm_at_first_is_asked_again() -> None:
    with airborne() as flown:
        flown.server.inject(GpsLoss(duration_s=40.0))
        flown.server.wait_for(lambda now: now.gps_fix < 3, "the fault", 10.0)
        flown.take_off()
        flown.until(S.TAKE_OFF)
        assert "it is tried again" in flown.said("command")
        flown.patrol.order(Order(name=OrderName.RETURN))
        flown.end()


def test_orders_are_refused_while_nothing_flies() -> None:
    with airborne() as flown:
        status = flown.patrol.order(Order(name=OrderName.STATUS)).status
        assert status is not None
        assert status.state is S.PREFLIGHT
        flown.take_off()
        result = flown.end()
        assert result.outcome is Outcome.FLOWN
        assert math.dist(metres_of(result), (0.0, -30.0)) < 2.0


def _speed(now: CopterState) -> float:
    return math.hypot(now.vel_north_mps, now.vel_east_mps)
