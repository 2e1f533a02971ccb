"""What a patrol flies, and who keeps what happens meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Protocol

from drone.failsafe import FlightLimits
from drone.patrol_mission import PatrolMission
from drone.patrol_state import Transition
from drone.records import FlightPlan, Vehicle
from drone.telemetry import LinkEvent, Telemetry
from drone.way_check import WayCheck
from park.records import JsonValue


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
