"""Watches a flight, and says what is to be done when something goes wrong.

Nothing here sends anything: telemetry and events go in, findings come out, and `drone.patrol`
acts on them. The vehicle has failsafes of its own (`drone.vehicle_params` sets them), which work
without us; these rules follow them, and act where the vehicle cannot know (energy for the way
home, wind, a mission that stands still) or does not.

Spans of time are of the vehicle's own clock, so that they mean the same in a simulation that runs
faster than life.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import shapely

from drone.mode_watch import Failsafe, ModeWatch
from drone.records import Fence, Home, Vehicle
from drone.telemetry import (
    LinkEvent,
    LinkLost,
    LinkRegained,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from drone.wind_watch import WindWatch
from park.errors import FlightError
from park.geodesy import LocalFrame

HOLDING_MODES = frozenset({"GUIDED", "BRAKE", "LOITER"})
"""Modes in which the vehicle stays where it was told to until it is told something else."""

STEERED_MODES = HOLDING_MODES | {"AUTO"}
"""Modes in which this program flies the vehicle; in others it is on its way down already."""


_PROGRESS_M = 5.0
"""Less than this closer to the next point counts as none: creeping is no progress."""
_UNKNOWN_S = 10.0


class Reaction(StrEnum):
    """What a finding asks for."""

    REPORT = "report"
    FOLLOW = "follow"
    RETURN = "return"
    LAND = "land"
    LET_GO = "let go"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went wrong.

    Attributes:
        failsafe: what.
        reaction: what is to be done about it.
        reason: what was seen, in words for the flight log.
    """

    failsafe: Failsafe
    reaction: Reaction
    reason: str

    def __str__(self) -> str:
        return f"{self.failsafe} ({self.reaction}): {self.reason}"


@dataclass(frozen=True, slots=True)
class FlightLimits:
    """From when on something counts as wrong.

    Attributes:
        stall_s: without progress towards the next point, its own hold left out.
        wind_for_s: over the limit.
        gps_grace_s: without a position, before this program lands it itself.
        breach_grace_s: outside the fence, before this program sends it home itself.
        breach_margin_m: outside the fence that counts.
        reserve_share: part of the planned reserve that must be left at home; below it, return.
        blind_s: of this program's clock: how long a vehicle that beats may keep its position to
            itself before it is sent home.
        pilot_grace_s: of this program's clock: how long the vehicle may take to explain a mode.
        reconnect_s: of this program's clock: how long a lost link is waited for.
        hang_s: of this program's clock: how long its loop may stand still before it no longer
            says that it is there, so that the vehicle returns by itself.
    """

    stall_s: float = 60.0
    wind_for_s: float = 10.0
    gps_grace_s: float = 20.0
    breach_grace_s: float = 4.0
    breach_margin_m: float = 3.0
    reserve_share: float = 0.6
    blind_s: float = 15.0
    pilot_grace_s: float = 2.0
    reconnect_s: float = 600.0
    hang_s: float = 45.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0.0 <= getattr(self, name) < math.inf:
                raise FlightError(f"the limit {name} is {getattr(self, name)}, not zero or more")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an item of the mission leads.

    Attributes:
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_home_m: above home.
        hold_s: how long it stays there.
    """

    lat_deg: float
    lon_deg: float
    alt_home_m: float
    hold_s: float = 0.0


class _Lasting:
    """Tells how long something has been so, by the vehicle's clock."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def seconds(self, so: bool, now_s: float) -> float:
        if not so:
            self._since_s = None
            return 0.0
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        return now_s - self._since_s


class BatteryWatch:
    """Compares what is left with what the way home takes.

    Args:
        vehicle: its battery and reserve.
        way_home_wh: from latitude, longitude and height above home to watt-hours.
        limits: what must be left at home.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        way_home_wh: Callable[[float, float, float], float],
        limits: FlightLimits,
    ) -> None:
        self._vehicle = vehicle
        self._way_home_wh = way_home_wh
        self._floor_wh = vehicle.battery_wh * vehicle.reserve * limits.reserve_share
        self._share: float | None = None
        self._start_wh: float | None = None
        self._used_mah = 0.0
        self._spent_wh = 0.0
        self._unknown = _Lasting()
        self.left_wh: float | None = None
        """What was left when it was last looked at; None before that can be said."""
        self.assumption: str | None = None
        """What had to be assumed, in words; None when the vehicle says how full it is."""

    def begin(self, share: float) -> None:
        """Take this share of a full battery as what it begins with; on the ground, at rest."""
        self._share = share

    def _update(self, seen: Telemetry) -> None:
        """Work out what is left: the smaller where percentage and use disagree."""
        by_percent = None
        if seen.battery_percent is not None:
            by_percent = self._vehicle.battery_wh * seen.battery_percent / 100.0
        by_use = None
        if seen.battery_used_mah is not None and seen.battery_v is not None:
            if self._start_wh is None:
                self._start(by_percent, seen.battery_used_mah)
            drawn_mah = max(0.0, seen.battery_used_mah - self._used_mah)
            self._used_mah = seen.battery_used_mah
            self._spent_wh += drawn_mah * seen.battery_v / 1000.0
            by_use = (self._start_wh or 0.0) - self._spent_wh
        known = [wh for wh in (by_percent, by_use) if wh is not None]
        self.left_wh = min(known) if known else None
        unknown_s = self._unknown.seconds(not known, seen.time_boot_s or 0.0)
        if unknown_s >= _UNKNOWN_S:
            self.assumption = (
                "the battery lasts for as long as the vehicle's own failsafe says, as it tells "
                "neither what is left nor what it has used"
            )

    def _start(self, by_percent: float | None, used_mah: float) -> None:
        full_wh = self._vehicle.battery_wh
        self._used_mah = used_mah
        if self._share is not None:
            self._start_wh = self._share * full_wh
        elif by_percent is not None:
            self._start_wh = by_percent
        else:
            # Used is counted since it was switched on, so what was used then counts.
            self._start_wh, self._used_mah = full_wh, 0.0
            self.assumption = (
                f"the battery was full ({full_wh:g} Wh) when the vehicle was switched on, "
                "as it does not say how full it is"
            )

    def look(self, seen: Telemetry) -> Finding | None:
        """Return whether it is time to go home."""
        self._update(seen)
        left_wh, place = self.left_wh, _place(seen)
        if left_wh is None or place is None:
            return None
        home_wh = self._way_home_wh(*place)
        if left_wh - home_wh >= self._floor_wh:
            return None
        return Finding(
            Failsafe.LOW_BATTERY,
            Reaction.RETURN,
            f"{left_wh:.1f} Wh are left and the way home takes {home_wh:.1f} Wh, so "
            f"{left_wh - home_wh:.1f} Wh would be left there; {self._floor_wh:.1f} Wh must be",
        )


class FenceWatch:
    """Tells whether the vehicle is where its fence does not let it be."""

    def __init__(self, fence: Fence, home: Home, limits: FlightLimits) -> None:
        self._frame = LocalFrame(home.lat_deg, home.lon_deg)
        self._inside = self._outline(fence.inclusion)
        self._outside = [self._outline(outline) for outline in fence.exclusions]
        self._alt_max_m = fence.alt_max_home_m
        self._margin_m = limits.breach_margin_m
        self._grace_s = limits.breach_grace_s
        self._lasting = _Lasting()

    def _outline(self, corners: tuple[tuple[float, float], ...]) -> shapely.Polygon:
        polygon = shapely.Polygon([self._frame.to_en_m(lat, lon) for lat, lon in corners])
        shapely.prepare(polygon)
        return polygon

    def breach(self, lat_deg: float, lon_deg: float, alt_home_m: float) -> str | None:
        """Return what is wrong with a place, in words; None when it is inside by the margin."""
        point = shapely.Point(self._frame.to_en_m(lat_deg, lon_deg))
        if not self._inside.covers(point):
            beyond_m = self._inside.distance(point)
            if beyond_m > self._margin_m:
                return f"{beyond_m:.0f} m outside the fence"
        for area in self._outside:
            if area.contains(point):
                inside_m = area.exterior.distance(point)
                if inside_m > self._margin_m:
                    return f"{inside_m:.0f} m inside an area that is fenced off"
        if alt_home_m > self._alt_max_m + self._margin_m:
            return f"{alt_home_m - self._alt_max_m:.0f} m above the fence"
        return None

    def look(self, seen: Telemetry) -> Finding | None:
        """Return whether the vehicle is outside and its own fence has not acted."""
        place = _place(seen)
        if place is None or seen.time_boot_s is None:
            return None
        wrong = self.breach(*place)
        lasting_s = self._lasting.seconds(wrong is not None, seen.time_boot_s)
        if wrong is None or lasting_s < self._grace_s:
            return None
        return Finding(
            Failsafe.FENCE_BREACH,
            Reaction.RETURN,
            f"{wrong} for {lasting_s:.0f} s, and the vehicle's own fence has not acted",
        )


class PositionWatch:
    """Tells whether the vehicle knows where it is."""

    def __init__(self, limits: FlightLimits) -> None:
        self._grace_s = limits.gps_grace_s
        self._lasting = _Lasting()
        self._told = False

    def look(self, seen: Telemetry) -> Finding | None:
        """Return that the position is gone: once when it goes, and again when it stays away."""
        if seen.time_boot_s is None:
            return None
        lost = (seen.gps_fix is not None and seen.gps_fix < 3) or seen.ekf_ok is False
        lasting_s = self._lasting.seconds(lost, seen.time_boot_s)
        what = f"GPS fix {seen.gps_fix}, EKF {'good' if seen.ekf_ok else 'not good'}"
        if not lost:
            self._told = False
            return None
        if lasting_s >= self._grace_s:
            return Finding(
                Failsafe.GPS_LOSS,
                Reaction.LAND,
                f"{what} for {lasting_s:.0f} s, and the vehicle has not landed by itself",
            )
        if self._told or lasting_s < 1.0:
            return None
        self._told = True
        return Finding(Failsafe.GPS_LOSS, Reaction.REPORT, what)


class StallWatch:
    """Tells whether the mission gets on.

    Args:
        targets: where items of the mission lead, by their number; others are not watched.
        limits: how long it may stand.
    """

    def __init__(self, targets: Mapping[int, Target], limits: FlightLimits) -> None:
        self._targets = targets
        self._stall_s = limits.stall_s
        self._seq: int | None = None
        self._best_m = math.inf
        self._since_s = 0.0

    def restart(self) -> None:
        """Begin to measure anew: the vehicle was held on purpose."""
        self._seq = None

    def look(self, seen: Telemetry) -> Finding | None:
        """Return whether the vehicle has got no closer to its next point for too long."""
        place = _place(seen)
        target = None if seen.mission_seq is None else self._targets.get(seen.mission_seq)
        if target is None or place is None or seen.time_boot_s is None or seen.mode != "AUTO":
            self.restart()
            return None
        frame = LocalFrame(target.lat_deg, target.lon_deg)
        level_m = math.hypot(*frame.to_en_m(place[0], place[1]))
        distance_m = math.hypot(level_m, place[2] - target.alt_home_m)
        if self._seq != seen.mission_seq or seen.time_boot_s < self._since_s:
            self._seq, self._best_m = seen.mission_seq, math.inf
        if distance_m < self._best_m - _PROGRESS_M:
            self._best_m, self._since_s = distance_m, seen.time_boot_s
            return None
        standing_s = seen.time_boot_s - self._since_s
        if standing_s < self._stall_s + target.hold_s:
            return None
        return Finding(
            Failsafe.STALLED,
            Reaction.RETURN,
            f"no closer than {self._best_m:.0f} m to item {seen.mission_seq} of the mission for "
            f"{standing_s:.0f} s",
        )


class FailsafeWatch:
    """All rules together, for one flight.

    Args:
        vehicle: what it may do.
        fence: what it must stay in.
        home: where it took off.
        targets: where items of the mission lead.
        way_home_wh: from latitude, longitude and height above home to watt-hours.
        limits: from when on something counts as wrong.
    """

    def __init__(
        self,
        *,
        vehicle: Vehicle,
        fence: Fence,
        home: Home,
        targets: Mapping[int, Target],
        way_home_wh: Callable[[float, float, float], float],
        limits: FlightLimits | None = None,
    ) -> None:
        self.limits = limits or FlightLimits()
        self.modes = ModeWatch(grace_s=self.limits.pilot_grace_s)
        self.battery = BatteryWatch(vehicle, way_home_wh, self.limits)
        self.stall = StallWatch(targets, self.limits)
        self.wind = WindWatch(vehicle.max_mps)
        self._position = PositionWatch(self.limits)
        self._fence = FenceWatch(fence, home, self.limits)
        self._max_wind_mps = vehicle.max_wind_mps
        self._windy = _Lasting()

    def hear(self, event: LinkEvent) -> Finding | None:
        """Take note of an event; return what follows from it at once."""
        if isinstance(event, ModeChanged):
            self.modes.hear_mode(event)
        elif isinstance(event, StatusText):
            announced = self.modes.hear_text(event)
            if announced is not None:
                return Finding(announced.failsafe, Reaction.REPORT, f"the vehicle: {event.text}")
        elif isinstance(event, LinkLost):
            self.modes.hear_link(event)
            return Finding(
                Failsafe.LINK_LOSS, Reaction.REPORT, f"nothing heard for {event.age_s:.1f} s"
            )
        elif isinstance(event, LinkRegained):
            self.modes.hear_link(event)
            self.stall.restart()
        elif isinstance(event, VehicleRebooted):
            return Finding(
                Failsafe.REBOOT,
                Reaction.LET_GO,
                f"its clock went from {event.before_s:.0f} s back to {event.after_s:.0f} s",
            )
        return None

    def who_changed_mode(self, now: datetime) -> Finding | None:
        """Return who changed the mode, if somebody did and that can be said by now."""
        verdict = self.modes.verdict(now)
        if verdict is None:
            return None
        if verdict.failsafe is Failsafe.PILOT:
            reaction = Reaction.LET_GO
        elif verdict.mode == "BRAKE":
            # It holds still until somebody does something, or the battery is empty.
            reaction = Reaction.RETURN
        else:
            reaction = Reaction.FOLLOW
        return Finding(verdict.failsafe, reaction, verdict.reason)

    def blind(self, seen: Telemetry) -> Finding | None:
        """Return that a vehicle that beats has not told for too long where it is.

        No other rule can say anything then: they all look at positions as they come.
        """
        if seen.mode not in STEERED_MODES or seen.position_age_s < self.limits.blind_s:
            return None
        return Finding(
            Failsafe.BLIND,
            Reaction.RETURN,
            f"it has not told where it is for {seen.position_age_s:.0f} s, although the link is "
            "there, so nothing watches its flight but itself",
        )

    def look(self, seen: Telemetry, *, on_route: bool) -> tuple[Finding, ...]:
        """Return what is wrong with a vehicle in the air that this program steers.

        Args:
            seen: the vehicle.
            on_route: whether the mission should get on.
        """
        if seen.mode not in STEERED_MODES:
            return ()
        stalled = self.stall.look(seen) if on_route else None
        if not on_route:
            self.stall.restart()
        found = (
            self._position.look(seen),
            self._fence.look(seen),
            self.battery.look(seen),
            self._wind(seen),
            stalled,
        )
        return tuple(finding for finding in found if finding is not None)

    def _wind(self, seen: Telemetry) -> Finding | None:
        estimate = self.wind.look(seen)
        if estimate is None or seen.time_boot_s is None:
            return None
        over = estimate.speed_mps > self._max_wind_mps
        lasting_s = self._windy.seconds(over, seen.time_boot_s)
        if not over or lasting_s < self.limits.wind_for_s:
            return None
        return Finding(
            Failsafe.WIND,
            Reaction.RETURN,
            f"{estimate} for {lasting_s:.0f} s, and it may fly in {self._max_wind_mps:g} m/s",
        )


def _place(seen: Telemetry) -> tuple[float, float, float] | None:
    if seen.lat_deg is None or seen.lon_deg is None or seen.alt_home_m is None:
        return None
    return seen.lat_deg, seen.lon_deg, seen.alt_home_m
