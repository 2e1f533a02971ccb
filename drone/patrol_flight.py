"""What a patrol flies, who keeps what happens meanwhile, and how it is told where it is."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Protocol

from drone.control import PatrolStatus
from drone.failsafe import FlightLimits
from drone.patrol_mission import PatrolMission
from drone.patrol_state import AIRBORNE, PatrolState, Transition
from drone.records import FlightPlan, Vehicle
from drone.telemetry import LinkEvent, Telemetry
from drone.way_check import WayCheck
from park.records import JsonValue

_NEVER_S = 1e6


class FlightLogger(Protocol):
    """Keeps what happens; `drone.recorder.Recorder` is one."""

    def event(
        self, kind: str, message: str, *, details: dict[str, JsonValue] | None = None
    ) -> None:
        """Keep a line."""

    def telemetry(self, telemetry: Telemetry) -> None:
        """Keep a picture of the vehicle."""


@dataclass(frozen=True, slots=True)
class Flight:
    """What is flown.

    Attributes:
        flight_id: names it for people and for commands.
        url: of the vehicle.
        plan: checked.
        mission: the sortie of the plan that is flown.
        vehicle: what it can do.
        check: of ways that are not in the plan.
        footage: where it is recorded; empty for nowhere.
        limits: from when on something counts as wrong.
    """

    flight_id: str
    url: str
    plan: FlightPlan
    mission: PatrolMission
    vehicle: Vehicle
    check: WayCheck
    footage: str = ""
    limits: FlightLimits = field(default_factory=FlightLimits)


def event_words(event: LinkEvent) -> str:
    """Return an event as a line for people."""
    values = (f"{f.name} {getattr(event, f.name)}" for f in fields(event) if f.name != "time")
    return f"{type(event).__name__}: {', '.join(values)}"


def transition_details(made: Transition) -> dict[str, JsonValue]:
    """Return a change of state for programs that read the flight log."""
    return {"before": str(made.before), "after": str(made.after), "cause": made.cause}


def status_of(
    flight: Flight,
    seen: Telemetry,
    state: PatrolState,
    *,
    cause: str,
    since: datetime,
    time: datetime,
    steering: bool,
    left_wh: float | None,
    home_m: float | None,
) -> PatrolStatus:
    """Return where a patrol is, for those who ask.

    Args:
        flight: what is flown.
        seen: the vehicle now.
        state: of the patrol.
        cause: of that state.
        since: when it was entered.
        time: now.
        steering: whether the program steers.
        left_wh: in the battery.
        home_m: distance to where it took off.
    """
    mission = flight.mission
    flying = state in AIRBORNE - {PatrolState.TAKE_OFF} and seen.mission_seq is not None
    return PatrolStatus(
        flight_id=flight.flight_id,
        site_id=flight.plan.site_id,
        route_id=flight.plan.route.route_id,
        vehicle=flight.url,
        state=state,
        cause=cause,
        since=since,
        time=time,
        steering=steering,
        sortie=mission.sortie.number,
        sorties=len(flight.plan.sorties),
        waypoint=mission.waypoint(seen.mission_seq or 0) if flying else 0,
        waypoints=len(mission.done_at),
        mode=seen.mode,
        armed=seen.armed,
        lat_deg=seen.lat_deg,
        lon_deg=seen.lon_deg,
        alt_home_m=seen.alt_home_m,
        speed_mps=seen.speed_mps,
        battery_percent=seen.battery_percent,
        battery_left_wh=left_wh,
        home_m=home_m,
        link_age_s=None if seen.heartbeat_age_s > _NEVER_S else seen.heartbeat_age_s,
        footage=flight.footage,
    )
