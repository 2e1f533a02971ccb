"""How a patrol ended, and what it takes to say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drone.mode_watch import Failsafe
from drone.patrol_mission import PatrolMission
from drone.patrol_state import Transition
from drone.telemetry import Telemetry
from park.geodesy import distance_m

AT_HOME_M = 10.0
"""As close to where it took off as this counts as home."""


class Outcome(StrEnum):
    """What became of a flight."""

    FLOWN = "flown as planned and landed at home"
    CUT_SHORT = "landed at home before the route was flown"
    ELSEWHERE = "landed away from home"
    PILOT = "landed by a pilot"
    REBOOTED = "the vehicle restarted in the air"
    OUT_OF_SIGHT = "not heard of again"


@dataclass(frozen=True, slots=True)
class PatrolResult:
    """One flight, from arming until the motors stood still.

    Attributes:
        outcome: what became of it.
        cause: why it ended so, in words.
        failsafe: what ended it early; None where nothing did, or an order.
        lat_deg: where it is now, as far as that is known.
        lon_deg: likewise.
        home_m: distance from where it took off.
        waypoints: how many of the sortie's were reached.
        of_waypoints: how many it has.
        flight_s: in the air, by the vehicle's clock.
        used_wh: energy, as far as that is known.
        transitions: all changes of state.
    """

    outcome: Outcome
    cause: str
    failsafe: Failsafe | None
    lat_deg: float | None
    lon_deg: float | None
    home_m: float | None
    waypoints: int
    of_waypoints: int
    flight_s: float
    used_wh: float | None
    transitions: tuple[Transition, ...]

    @property
    def as_planned(self) -> bool:
        """Whether the whole route was flown and the vehicle is back home."""
        return self.outcome is Outcome.FLOWN


class FlightTally:
    """Counts what a flight comes to while it lasts.

    Args:
        mission: that is flown.
    """

    def __init__(self, mission: PatrolMission) -> None:
        self._mission = mission
        self._reached = 0
        self._start_wh: float | None = None
        self._left_wh: float | None = None
        self.began_s: float | None = None
        """When it took off, by the vehicle's clock."""
        self.early: tuple[Failsafe | None, str] | None = None
        """What ends it before the route is flown, and why; the failsafe is None for an order."""
        self.rebooted = False
        """Whether the vehicle restarted."""

    def reached(self, seq: int) -> None:
        """Note that an item of the mission was reached or passed."""
        self._reached = max(self._reached, seq)

    def route_is_flown(self) -> None:
        """Note that the mission leads home now."""
        self.reached(self._mission.return_from - 1)

    def battery(self, left_wh: float | None) -> None:
        """Note what is left."""
        if left_wh is not None:
            self._start_wh = left_wh if self._start_wh is None else self._start_wh
            self._left_wh = left_wh

    def ends_early(self, failsafe: Failsafe | None, cause: str) -> None:
        """Note what ends it before its time; the first counts, and a pilot above all."""
        if self.early is None or failsafe is Failsafe.PILOT:
            self.early = (failsafe, cause)

    def home_m(self, seen: Telemetry) -> float | None:
        """Return how far from home the vehicle is; None when that is not known."""
        home = self._mission.sortie.home
        if seen.lat_deg is None or seen.lon_deg is None:
            return None
        return distance_m(seen.lat_deg, seen.lon_deg, home.lat_deg, home.lon_deg)

    def down(self, seen: Telemetry) -> tuple[Outcome, str]:
        """Return what became of a flight that is over, and why."""
        away_m = self.home_m(seen)
        failsafe, cause = self.early or (None, "the route is flown")
        if self.rebooted:
            return Outcome.REBOOTED, cause
        if failsafe is Failsafe.PILOT:
            return Outcome.PILOT, cause
        if away_m is None or away_m > AT_HOME_M:
            return Outcome.ELSEWHERE, cause
        if self.early is not None:
            return Outcome.CUT_SHORT, cause
        if self._reached >= self._mission.return_from - 1:
            return Outcome.FLOWN, cause
        return (
            Outcome.CUT_SHORT,
            "the vehicle landed before the route was flown, and did not say why",
        )

    def result(
        self, outcome: Outcome, cause: str, seen: Telemetry, transitions: tuple[Transition, ...]
    ) -> PatrolResult:
        """Return everything about a flight that is over."""
        flight_s, used_wh = 0.0, None
        if self.began_s is not None and seen.time_boot_s is not None:
            flight_s = max(0.0, seen.time_boot_s - self.began_s)
        if self._start_wh is not None and self._left_wh is not None:
            used_wh = self._start_wh - self._left_wh
        return PatrolResult(
            outcome=outcome,
            cause=cause,
            failsafe=None if self.early is None else self.early[0],
            lat_deg=seen.lat_deg,
            lon_deg=seen.lon_deg,
            home_m=self.home_m(seen),
            waypoints=sum(1 for done in self._mission.done_at if done <= self._reached),
            of_waypoints=len(self._mission.done_at),
            flight_s=flight_s,
            used_wh=used_wh,
            transitions=transitions,
        )
