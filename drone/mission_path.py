"""Reads a list of mission items back into waypoints: the inverse of `drone.mission`.

It takes what `mission_items` writes, and plain missions of other programs made of the same
commands, and refuses the rest: a command whose effect is not known here must not be left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from drone.mission import (
    DO_CHANGE_SPEED,
    DO_DIGICAM_CONTROL,
    DO_MOUNT_CONTROL,
    DO_SET_CAM_TRIGG_DIST,
    DO_SET_ROI,
    NAV_LAND,
    NAV_TAKEOFF,
    NAV_WAYPOINT,
)
from drone.records import Home, LegKind, Waypoint
from park.errors import MissionFileError
from park.mission_item import MissionItem

DEFAULT_SPEED_MPS = 10.0
"""ArduCopter's default of ``WPNAV_SPEED``: flown where a mission says no speed."""

_NAV_RETURN_TO_LAUNCH = 20
_SET_ROI_LOCATION = 195
_SET_ROI_NONE = 197
_ABOVE_SEA = (0, 5)
_ABOVE_HOME = (3, 6)


@dataclass(frozen=True, slots=True)
class MissionPath:
    """What a list of mission items flies.

    Attributes:
        home: from item 0; which dock that is, a list does not say.
        takeoff_alt_home_m: height of take-off; None where the list has none.
        waypoints: in order. Legs flown while pictures are triggered by distance are `SURVEY`,
            the last is `RETURN`, all others are `TRANSIT`.
        lands_at: (lat_deg, lon_deg) of the landing; None for a return to launch.
    """

    home: Home
    takeoff_alt_home_m: float | None
    waypoints: tuple[Waypoint, ...]
    lands_at: tuple[float, float] | None


@dataclass(slots=True)
class _Reading:
    """What was read so far, and what the vehicle was last told."""

    home: Home
    waypoints: list[Waypoint] = field(default_factory=list)
    takeoff_alt_home_m: float | None = None
    speed_mps: float = DEFAULT_SPEED_MPS
    look_at: tuple[float, float] | None = None
    spacing_m: float = 0.0
    only_turned: bool = False
    pitch_at_first_deg: float | None = None

    def height_home_m(self, item: MissionItem) -> float:
        if math.isnan(item.z):
            raise MissionFileError(f"item {item.seq}: has no height")
        if item.frame in _ABOVE_HOME:
            return item.z
        if item.frame not in _ABOVE_SEA:
            raise MissionFileError(
                f"item {item.seq}: heights of frame {item.frame} are not known here; give them "
                "above home"
            )
        if self.home.alt_amsl_m is None:
            raise MissionFileError(
                f"item {item.seq}: its height is above sea level, and home's own is not known"
            )
        return item.z - self.home.alt_amsl_m

    def reach(self, item: MissionItem) -> None:
        hold_s = 0.0 if math.isnan(item.params[0]) else item.params[0]
        there = Waypoint(
            *(item.x, item.y, self.height_home_m(item)),
            LegKind.SURVEY if self.spacing_m > 0.0 else LegKind.TRANSIT,
            self.speed_mps,
            hold_s,
            look_at=self.look_at,
            gimbal_pitch_deg=None if self.waypoints else self.pitch_at_first_deg,
        )
        last = self.waypoints[-1] if self.waypoints else None
        if last is not None and self.only_turned and hold_s and _same_place(last, there):
            # The camera was turned before a hold: two items, one waypoint.
            self.waypoints[-1] = replace(last, hold_s=hold_s)
        else:
            self.waypoints.append(there)
        self.only_turned = False

    def change(self, item: MissionItem, **values: object) -> None:
        if not self.waypoints:
            raise MissionFileError(
                f"item {item.seq}: command {item.command} before the first waypoint"
            )
        self.waypoints[-1] = replace(self.waypoints[-1], **values)  # type: ignore[arg-type]

    def _going_up(self) -> bool:
        return self.takeoff_alt_home_m is not None and not self.waypoints

    def do(self, item: MissionItem) -> None:
        first = item.params[0]
        if item.command == DO_CHANGE_SPEED:
            self.only_turned = False
            if first not in (0.0, 1.0) or not item.params[1] > 0.0:
                raise MissionFileError(f"item {item.seq}: only a speed over ground is known here")
            self.speed_mps = item.params[1]
        elif item.command == DO_MOUNT_CONTROL and self._going_up():
            # Turned after take-off already, as the first waypoint wants it.
            self.pitch_at_first_deg = first
        elif item.command == DO_MOUNT_CONTROL:
            self.only_turned = True
            self.change(item, gimbal_pitch_deg=first)
        elif item.command in (DO_SET_ROI, _SET_ROI_LOCATION, _SET_ROI_NONE):
            self.only_turned = True
            at = item.command != _SET_ROI_NONE and (item.x, item.y) != (0.0, 0.0)
            self.look_at = (item.x, item.y) if at else None
            self.change(item, look_at=self.look_at)
        elif item.command == DO_SET_CAM_TRIGG_DIST:
            self.only_turned = False
            self.spacing_m = first
            self.change(item, photo_spacing_m=first)
        elif item.command == DO_DIGICAM_CONTROL:
            self.only_turned = False
            self.change(item, take_photo=True)
        else:
            raise MissionFileError(
                f"item {item.seq}: what command {item.command} does is not known here"
            )


def _same_place(one: Waypoint, other: Waypoint) -> bool:
    return (one.lat_deg, one.lon_deg, one.alt_home_m, one.hold_s) == (
        other.lat_deg,
        other.lon_deg,
        other.alt_home_m,
        0.0,
    )


def mission_path(items: Sequence[MissionItem]) -> MissionPath:
    """Return what a list of mission items flies.

    Args:
        items: from home on, to a landing or a return to launch.

    Raises:
        MissionFileError: the list has no home, no waypoint or no end, a height that cannot be
            known, or a command that is not known here; the item is named.
    """
    if not items or items[0].command != NAV_WAYPOINT:
        raise MissionFileError("the mission does not begin with home")
    first = items[0]
    height = None if math.isnan(first.z) else first.z
    reading = _Reading(Home("", first.x, first.y, height))
    for item in items[1:]:
        if item.command == NAV_TAKEOFF:
            reading.takeoff_alt_home_m = reading.height_home_m(item)
        elif item.command == NAV_WAYPOINT:
            reading.reach(item)
        elif item.command in (NAV_LAND, _NAV_RETURN_TO_LAUNCH):
            if item is not items[-1]:
                raise MissionFileError(f"item {item.seq}: the mission goes on after its end")
            return _ended(reading, item)
        else:
            reading.do(item)
    raise MissionFileError("the mission ends without a landing or a return to launch")


def _ended(reading: _Reading, end: MissionItem) -> MissionPath:
    if not reading.waypoints:
        raise MissionFileError("the mission has no waypoint")
    lands_at = None
    if end.command == NAV_LAND:
        here = (end.x, end.y) == (0.0, 0.0)
        last = reading.waypoints[-1]
        lands_at = (last.lat_deg, last.lon_deg) if here else (end.x, end.y)
    waypoints = (*reading.waypoints[:-1], replace(reading.waypoints[-1], leg=LegKind.RETURN))
    return MissionPath(reading.home, reading.takeoff_alt_home_m, waypoints, lands_at)
