"""Does what people ask of a patrol in the air, after checking that it may be done."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drone.control import Order, OrderName
from drone.link import VehicleLink
from drone.patrol_mission import PatrolMission
from drone.patrol_state import AIRBORNE, PatrolState
from drone.telemetry import Telemetry
from drone.way_check import Place, WayCheck
from park.errors import CommandError
from park.geodesy import distance_m

S = PatrolState

_STEPPED_ASIDE_M = 5.0


@dataclass(frozen=True, slots=True)
class Done:
    """An order that the vehicle has accepted.

    Attributes:
        state: of the patrol from now on.
        said: what was done, in words.
        ends_it: whether the route will not be flown to its end.
    """

    state: PatrolState
    said: str
    ends_it: bool = False


class Steering:
    """Turns orders into commands.

    Args:
        mission: what is flown.
        check: of ways that are not in the plan.
        link: to the vehicle.
    """

    def __init__(self, mission: PatrolMission, check: WayCheck, link: VehicleLink) -> None:
        self._mission = mission
        self._check = check
        self._link = link
        self._left: tuple[Place, int] | None = None
        """Where it left its mission, and the item that it flew to then."""

    def obey(
        self,
        order: Order,
        state: PatrolState,
        seen: Telemetry,
        *,
        early: str | None,
        left_wh: float | None,
    ) -> Done:
        """Do an order.

        Args:
            order: what is asked for.
            state: of the patrol.
            seen: the vehicle now.
            early: why it is on its way down before its time; None while it is not.
            left_wh: in the battery; None when it is not known.

        Raises:
            CommandError: it cannot be done in this state, or the vehicle refused.
            AirspaceError: the way may not be flown.
            LinkError: the vehicle does not answer.
        """
        if state not in AIRBORNE:
            raise CommandError(
                f"the patrol is {state}, so it takes no orders; it is not in the air"
            )
        if early is not None and order.name not in (OrderName.RETURN, OrderName.LAND):
            raise CommandError(
                f"the vehicle is on its way down ({early}); only return and land are possible now"
            )
        if order.name is OrderName.RETURN:
            self._link.rtl()
            return Done(S.RETURNING, "it returns and lands at home", ends_it=True)
        if order.name is OrderName.LAND:
            self._link.land()
            return Done(S.RETURNING, "it lands where it is", ends_it=True)
        if order.name is OrderName.PAUSE:
            return self._pause(state, seen)
        if order.name is OrderName.RESUME:
            return self._resume(state, seen)
        if order.name is OrderName.SKIP:
            return self._skip(state, seen)
        return self._goto(order, state, seen, left_wh)

    def _pause(self, state: PatrolState, seen: Telemetry) -> Done:
        if state is S.PAUSED and seen.mode != "GUIDED":
            raise CommandError("the patrol is paused already; resume or return")
        mode = self._link.pause()
        self._note_leaving(state, self._link.telemetry)
        return Done(S.PAUSED, f"it holds where it is (mode {mode})")

    def _resume(self, state: PatrolState, seen: Telemetry) -> Done:
        if state is not S.PAUSED:
            raise CommandError(f"the patrol is {state}, so there is nothing to resume")
        self._need_way_on(seen, seen.mission_seq or 0, "resuming from here")
        self._link.resume_mission()
        self._left = None
        return Done(S.ON_ROUTE, "it goes on with its mission")

    def _skip(self, state: PatrolState, seen: Telemetry) -> Done:
        if state not in (S.ON_ROUTE, S.PAUSED):
            raise CommandError(f"the patrol is {state}, so there is no waypoint to skip")
        seq = seen.mission_seq or 0
        after = self._mission.after(seq)
        if after is None:
            raise CommandError(
                "what is ahead is the way home, so there is nothing to skip; `return` goes there "
                "at once"
            )
        skipped = self._mission.waypoint(seq)
        self._need_free_to(seen, after, f"skipping waypoint {skipped} from here")
        self._link.set_current(after)
        return Done(state, f"waypoint {skipped} is left out; {skipped + 1} is next")

    def _goto(
        self, order: Order, state: PatrolState, seen: Telemetry, left_wh: float | None
    ) -> Done:
        if state is S.TAKE_OFF:
            raise CommandError("the vehicle is still climbing from home; wait, or return")
        if order.lat_deg is None or order.lon_deg is None:
            raise CommandError("goto needs a latitude and a longitude")
        here = _place(seen)
        alt_m = here[2] if order.alt_home_m is None else order.alt_home_m
        there = (order.lat_deg, order.lon_deg, alt_m)
        self._check.need_free(here, there, f"the way to {order.lat_deg:.6f},{order.lon_deg:.6f}")
        vehicle = self._check.model.vehicle
        unchecked = "; what is left of the battery is not known, so nobody knows if it lasts"
        if left_wh is not None:
            unchecked = ""
            spare_wh = vehicle.battery_wh * vehicle.reserve
            self._check.need_energy(here, there, left_wh, spare_wh)
        self._note_leaving(state, seen)
        self._link.goto(*there, speed_mps=vehicle.cruise_mps)
        return Done(
            S.PAUSED,
            f"it flies {distance_m(here[0], here[1], there[0], there[1]):.0f} m to "
            f"{there[0]:.6f},{there[1]:.6f} at {alt_m:.0f} m and holds there; resume goes on with "
            f"the route{unchecked}",
        )

    def _note_leaving(self, state: PatrolState, seen: Telemetry) -> None:
        """Note where it leaves its mission; one that is paused has left it before."""
        if state is not S.PAUSED:
            self._left = (_place(seen), seen.mission_seq or 0)

    def _need_way_on(self, seen: Telemetry, seq: int, what: str) -> None:
        """Check the way from here to where the mission goes on, unless that is where it left it."""
        if self._left is not None and seq == self._left[1]:
            here, left = _place(seen), self._left[0]
            aside_m = math.hypot(distance_m(*here[:2], *left[:2]), here[2] - left[2])
            if aside_m <= _STEPPED_ASIDE_M:
                return
        self._need_free_to(seen, seq, what)

    def _need_free_to(self, seen: Telemetry, seq: int, what: str) -> None:
        target = self._mission.target(seq)
        if target is None:
            raise CommandError("the mission leads nowhere from here; return instead")
        end = (target.lat_deg, target.lon_deg, target.alt_home_m)
        self._check.need_free(_place(seen), end, what)


def _place(seen: Telemetry) -> Place:
    if seen.lat_deg is None or seen.lon_deg is None or seen.alt_home_m is None:
        raise CommandError("it is not known where the vehicle is, so it is sent nowhere")
    return seen.lat_deg, seen.lon_deg, seen.alt_home_m
