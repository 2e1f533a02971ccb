"""Turns a sortie into the items that ArduCopter flies, and compares what was sent and read.

For ArduCopter 4.1 and newer. An item list begins with home; a "do" item works once the waypoint
before it was reached. Written after ArduPilot's ``AP_Mission`` and MAVLink's ``MAV_CMD``.

* The camera is turned by ``DO_MOUNT_CONTROL``, which is the first item behind its waypoint: on a
  mount that cannot pan, ArduCopter turns the vehicle to the yaw in it, and only the first item is
  done before the next waypoint sets the yaw again.
* After take-off the camera is turned at once as the first waypoint wants it.
* A place is looked at by ``DO_SET_ROI``. The newer ``DO_SET_ROI_LOCATION`` is not taken by every
  4.x; a ``DO_SET_ROI`` at 0, 0 ends it on all of them.
* A picture is taken by ``DO_DIGICAM_CONTROL``; ``IMAGE_START_CAPTURE`` in missions is newer.
* The end is ``NAV_LAND`` above home, not return to launch; see
  ``docs/decisions/land-at-the-end.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from drone.records import Fence, RallyPoint, Sortie, Waypoint
from park.errors import MissionFileError
from park.mission_item import MissionItem, MissionType

GLOBAL = 0
"""``MAV_FRAME``: heights above mean sea level."""
NO_PLACE = 2
"""``MAV_FRAME_MISSION``: the item has no place."""
ABOVE_HOME = 3
"""``MAV_FRAME_GLOBAL_RELATIVE_ALT``: heights above home."""

NAV_WAYPOINT = 16
NAV_LAND = 21
NAV_TAKEOFF = 22
DO_CHANGE_SPEED = 178
DO_SET_ROI = 201
DO_DIGICAM_CONTROL = 203
DO_MOUNT_CONTROL = 205
DO_SET_CAM_TRIGG_DIST = 206
FENCE_RETURN_POINT = 5000
FENCE_INCLUSION = 5001
FENCE_EXCLUSION = 5002
FENCE_CIRCLE_INCLUSION = 5003
FENCE_CIRCLE_EXCLUSION = 5004
RALLY_POINT = 5100

SETTLE_S = 2
"""A picture is taken no sooner than this after the camera was told to turn."""
MAX_HOLD_S = 65_535
"""ArduPilot keeps the time at a waypoint in 16 bits, in whole seconds."""

_MOUNT_BY_ANGLE = 2.0  # MAV_MOUNT_MODE_MAVLINK_TARGETING
_GROUND_SPEED = 1.0  # SPEED_TYPE_GROUNDSPEED
_ROI_PLACE = 3.0  # MAV_ROI_LOCATION

_WITH_PLACE = frozenset(
    {16, 17, 18, 19, 21, 22, 23, 24, 25, 31, 34, 35, 36, 80, 81, 82, 84, 85, 94, 179, 188}
    | {189, 192, 195, 201, 252, 4501, 5000, 5001, 5002, 5003, 5004, 5100}
)


def has_place(command: int) -> bool:
    """Return whether x and y of items with this ``MAV_CMD`` are latitude and longitude.

    Of all other items they are plain numbers, and go over the wire as they are.
    """
    return command in _WITH_PLACE


@dataclass(slots=True)
class _ItemList:
    """Items in the making, with what the vehicle was last told."""

    items: list[MissionItem] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    speed_mps: float | None = None
    pitch_deg: float | None = None
    wanted_pitch_deg: float | None = None
    look_at: tuple[float, float] | None = None
    spacing_m: float = 0.0

    def add(
        self,
        command: int,
        params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
        place: tuple[float, float, float] = (0.0, 0.0, 0.0),
        frame: int = NO_PLACE,
    ) -> None:
        first = not self.items
        item = MissionItem(len(self.items), frame, command, params, *place, current=first)
        self.items.append(item)

    def go(self, waypoint: Waypoint, hold_s: int) -> None:
        place = (waypoint.lat_deg, waypoint.lon_deg, waypoint.alt_home_m)
        self.add(NAV_WAYPOINT, (float(hold_s), 0.0, 0.0, 0.0), place, ABOVE_HOME)

    def set_speed(self, speed_mps: float) -> None:
        if speed_mps != self.speed_mps:
            self.add(DO_CHANGE_SPEED, (_GROUND_SPEED, speed_mps, -1.0, 0.0))
            self.speed_mps = speed_mps

    def set_spacing(self, spacing_m: float | None) -> None:
        if spacing_m is not None and spacing_m != self.spacing_m:
            at_once = 1.0 if spacing_m > 0.0 else 0.0
            self.add(DO_SET_CAM_TRIGG_DIST, (spacing_m, 0.0, at_once, 0.0))
            self.spacing_m = spacing_m

    def camera_turns(self, waypoint: Waypoint) -> bool:
        """Return whether `turn_camera` will have anything to say."""
        if waypoint.look_at is not None:
            return waypoint.look_at != self.look_at
        pitch_deg = waypoint.gimbal_pitch_deg
        wanted_deg = self.wanted_pitch_deg if pitch_deg is None else pitch_deg
        return self.look_at is not None or wanted_deg != self.pitch_deg

    def turn_camera(self, waypoint: Waypoint) -> None:
        if waypoint.gimbal_pitch_deg is not None:
            self.wanted_pitch_deg = waypoint.gimbal_pitch_deg
        if waypoint.look_at is not None:
            if waypoint.look_at != self.look_at:
                if not any(round(degrees * 1e7) for degrees in waypoint.look_at):
                    raise MissionFileError("to look at 0, 0 means to look at nothing")
                place = (*waypoint.look_at, 0.0)
                self.add(DO_SET_ROI, (_ROI_PLACE, 0.0, 0.0, 0.0), place, ABOVE_HOME)
            self.look_at, self.pitch_deg = waypoint.look_at, None
            return
        if self.wanted_pitch_deg is not None and self.wanted_pitch_deg != self.pitch_deg:
            self.pitch_deg = self.wanted_pitch_deg
            how = (self.pitch_deg, 0.0, 0.0, 0.0)
            self.add(DO_MOUNT_CONTROL, how, (0.0, 0.0, _MOUNT_BY_ANGLE))
        self.end_look()

    def look_before_the_way(self, waypoints: Sequence[Waypoint]) -> None:
        """Turn the camera after take-off already, as the first waypoint wants it.

        Until then a mount looks at the horizon, and what it records on the way there is of no use.
        """
        if waypoints and waypoints[0].look_at is None:
            self.turn_camera(waypoints[0])

    def end_look(self) -> None:
        if self.look_at is not None:
            self.add(DO_SET_ROI, frame=ABOVE_HOME)
            self.look_at = None

    def visit(self, waypoint: Waypoint) -> None:
        """Go to a waypoint, do what is to be done there, and make ready for what follows."""
        hold_s = whole_seconds(waypoint.hold_s)
        turns = self.camera_turns(waypoint)
        if waypoint.take_photo and turns:
            hold_s = max(hold_s, SETTLE_S)
        self.set_speed(waypoint.speed_mps)
        # Turn first, stay then: a "do" item behind a hold works only when the hold is over.
        self.go(waypoint, 0 if turns else hold_s)
        self.turn_camera(waypoint)
        if turns and hold_s:
            self.go(waypoint, hold_s)
            self.reached.append(len(self.items) - 1)
        else:
            self.reached.append(_last_waypoint(self.items))
        if waypoint.take_photo:
            self.add(DO_DIGICAM_CONTROL, place=(1.0, 0.0, 0.0))
        self.set_spacing(waypoint.photo_spacing_m)


def _last_waypoint(items: Sequence[MissionItem]) -> int:
    return max(item.seq for item in items[-4:] if item.command == NAV_WAYPOINT)


def whole_seconds(hold_s: float) -> int:
    """Return a time at a waypoint as the vehicle keeps it: rounded up to whole seconds.

    Raises:
        MissionFileError: it is longer than `MAX_HOLD_S`.
    """
    rounded = math.ceil(hold_s - 1e-6)
    if rounded > MAX_HOLD_S:
        raise MissionFileError(
            f"a hold of {hold_s:g} s is longer than the {MAX_HOLD_S} s that a vehicle can be told"
        )
    return rounded


def _laid_out(sortie: Sortie) -> _ItemList:
    made = _ItemList()
    home = sortie.home
    made.add(NAV_WAYPOINT, place=(home.lat_deg, home.lon_deg, home.alt_amsl_m or 0.0), frame=GLOBAL)
    above = (home.lat_deg, home.lon_deg, sortie.takeoff_alt_home_m)
    made.add(NAV_TAKEOFF, place=above, frame=ABOVE_HOME)
    made.look_before_the_way(sortie.waypoints)
    for waypoint in sortie.waypoints:
        made.visit(waypoint)
    made.set_spacing(0.0)
    made.end_look()
    made.add(NAV_LAND, place=(home.lat_deg, home.lon_deg, 0.0), frame=ABOVE_HOME)
    return made


def mission_items(sortie: Sortie) -> tuple[MissionItem, ...]:
    """Return the items that fly a sortie: home, take-off, waypoints with their work, landing.

    Times at waypoints are rounded up to whole seconds. Where a picture is taken with the camera
    turned for it, the vehicle stays for at least `SETTLE_S`. What the camera is told at a
    waypoint it does before the vehicle waits there.

    Args:
        sortie: any; heights are above home. Home's own height is 0 in item 0 when the site does
            not say it; a vehicle puts its own home there.

    Raises:
        MissionFileError: a hold is too long, the place 0, 0 is to be looked at, or there are
            more items than MAVLink can number.
    """
    return tuple(_laid_out(sortie).items)


def waypoint_seqs(sortie: Sortie) -> tuple[int, ...]:
    """Return, for every waypoint of a sortie, the number of the item at whose end it is done.

    Where the camera is turned before a hold, a waypoint is two items at one place; this is the
    second.
    """
    return tuple(_laid_out(sortie).reached)


def fence_items(fence: Fence) -> tuple[MissionItem, ...]:
    """Return the items of a fence: the outline to stay inside, then those to stay out of.

    The greatest height is no item but the parameter ``FENCE_ALT_MAX``.
    """
    items: list[MissionItem] = []
    outlines = [(FENCE_INCLUSION, fence.inclusion)]
    outlines += [(FENCE_EXCLUSION, outline) for outline in fence.exclusions]
    for command, outline in outlines:
        corners = (float(len(outline)), 0.0, 0.0, 0.0)
        for lat_deg, lon_deg in outline:
            items.append(
                MissionItem(
                    *(len(items), GLOBAL, command, corners, lat_deg, lon_deg),
                    mission_type=MissionType.FENCE,
                )
            )
    return tuple(items)


def rally_items(rally: Sequence[RallyPoint]) -> tuple[MissionItem, ...]:
    """Return the items of rally points, heights rounded up to the whole metres that are kept."""
    none = (0.0, 0.0, 0.0, 0.0)
    return tuple(
        MissionItem(
            *(seq, ABOVE_HOME, RALLY_POINT, none, point.lat_deg, point.lon_deg),
            float(math.ceil(point.alt_home_m - 1e-6)),
            mission_type=MissionType.RALLY,
        )
        for seq, point in enumerate(rally)
    )
