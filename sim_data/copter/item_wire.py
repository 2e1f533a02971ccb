"""Mission, fence and rally items as MISSION_ITEM and MISSION_ITEM_INT carry them.

What of them a vehicle keeps is `sim_data.copter.mission_list`'s to say.
"""

from __future__ import annotations

import math

from park.mission_item import MissionItem, MissionType
from sim_data.copter.state import HomePoint, MavMissionResult
from sim_data.copter.wire import Message, mavlink2

_FRAME_GLOBAL = 0
_NAV_WAYPOINT = 16
_DEGREES_E7 = 1e7
_INT32_MAX = 2**31 - 1
_INFINITE = {
    "param1": MavMissionResult.INVALID_PARAM1,
    "param2": MavMissionResult.INVALID_PARAM2,
    "param3": MavMissionResult.INVALID_PARAM3,
    "param4": MavMissionResult.INVALID_PARAM4,
    "x": MavMissionResult.INVALID_PARAM5_X,
    "y": MavMissionResult.INVALID_PARAM6_Y,
    "z": MavMissionResult.INVALID_PARAM7,
}


def has_place(command: int) -> bool:
    """Return whether parameters 5 and 6 of a command are latitude and longitude."""
    entry = mavlink2.enums["MAV_CMD"].get(command)
    return entry is not None and bool(entry.has_location)


def item_from_wire(message: Message) -> MissionItem | MavMissionResult:
    """Return the item in a MISSION_ITEM or MISSION_ITEM_INT, or why it is no item."""
    for name, refusal in _INFINITE.items():
        if math.isinf(getattr(message, name)):
            return refusal
    x, y = float(message.x), float(message.y)
    if message.get_type() == "MISSION_ITEM_INT" and has_place(message.command):
        x, y = x / _DEGREES_E7, y / _DEGREES_E7
    return MissionItem(
        seq=message.seq,
        frame=message.frame,
        command=message.command,
        params=(message.param1, message.param2, message.param3, message.param4),
        x=x,
        y=y,
        z=message.z,
        current=bool(message.current),
        autocontinue=bool(message.autocontinue),
        mission_type=MissionType(message.mission_type),
    )


def home_item(home: HomePoint | None) -> MissionItem:
    """Return item 0 of a mission: home, whatever was sent as item 0; all zero before it is set."""
    if home is None:
        return MissionItem(seq=0, frame=_FRAME_GLOBAL, command=_NAV_WAYPOINT)
    return MissionItem(
        seq=0,
        frame=_FRAME_GLOBAL,
        command=_NAV_WAYPOINT,
        x=home.lat_deg,
        y=home.lon_deg,
        z=home.alt_amsl_m,
    )


def item_to_wire(item: MissionItem, to: tuple[int, int], *, current: bool, whole: bool) -> Message:
    """Return an item as a message.

    Args:
        item: as the vehicle keeps it.
        to: system and component that asked.
        current: whether it is being flown.
        whole: as MISSION_ITEM_INT, with places in whole 1e-7 degrees; else as MISSION_ITEM.
    """
    rest = (item.seq, item.frame, item.command, int(current), 1, *item.params)
    kind = int(item.mission_type)
    if not whole:
        return mavlink2.MAVLink_mission_item_message(*to, *rest, item.x, item.y, item.z, kind)
    scale = _DEGREES_E7 if has_place(item.command) else 1.0
    x, y = (max(-_INT32_MAX, min(_INT32_MAX, round(v * scale))) for v in (item.x, item.y))
    return mavlink2.MAVLink_mission_item_int_message(*to, *rest, x, y, item.z, kind)
