"""Mission items between the wire and what ArduCopter 4.1 keeps of them.

It stores what it needs and no more: whole seconds of a hold, centimetres of height, and nothing of
parameters that it does not use. What is read back is what was stored, so that a ground station
which compares finds here what it will find there (after ArduPilot's ``AP_Mission``).
"""

from __future__ import annotations

import math

from park.mission_item import MissionItem, MissionType
from sim_data.copter.state import HomePoint, MavMissionResult
from sim_data.copter.wire import Message, mavlink2

_FRAME_GLOBAL = 0
_FRAME_RELATIVE = 3
_ABSOLUTE_FRAMES = {0, 5}
_RELATIVE_FRAMES = {3, 6}
_TERRAIN_FRAMES = {10, 11}

_KEPT: dict[int, str] = {
    16: "w---@@@",
    17: "--w-@@@",
    18: "w-w-@@@",
    19: "w-s-@@@",
    20: "-------",
    21: "w--s@@@",
    22: "w---@@@",
    31: "-w--@@@",
    82: "w---@@@",
    92: "w------",
    93: "fwww---",
    94: "f---@@@",
    112: "f------",
    114: "f------",
    115: "ffww---",
    177: "ww-----",
    178: "wff----",
    179: "w---@@@",
    181: "wf-----",
    182: "wwf----",
    183: "ww-----",
    184: "wwwf---",
    201: "w---@@@",
    203: "wwwwww-",
    205: "fff----",
    206: "f-w----",
    207: "w------",
    208: "w------",
    211: "ww-----",
    222: "wfff---",
}
"""What is kept of the seven parameters: a place, a whole number, a fraction, a sign, or nothing."""

_MAY_BE_NAN = {(16, 3), (21, 3), (22, 3)}
_INVALID_PARAM = (
    MavMissionResult.INVALID_PARAM1,
    MavMissionResult.INVALID_PARAM2,
    MavMissionResult.INVALID_PARAM3,
    MavMissionResult.INVALID_PARAM4,
)


def has_place(command: int) -> bool:
    """Return whether parameters 5 and 6 of a command are latitude and longitude."""
    entry = mavlink2.enums["MAV_CMD"].get(command)
    return entry is not None and bool(entry.has_location)


def item_from_wire(message: Message) -> MissionItem | MavMissionResult:
    """Return the item in a MISSION_ITEM or MISSION_ITEM_INT, or why it is no item."""
    params = (message.param1, message.param2, message.param3, message.param4)
    for number, value in enumerate(params):
        if math.isinf(value) or (
            math.isnan(value) and (message.command, number) not in _MAY_BE_NAN
        ):
            return _INVALID_PARAM[number]
    x, y = float(message.x), float(message.y)
    if message.get_type() == "MISSION_ITEM_INT" and has_place(message.command):
        x, y = x / 1e7, y / 1e7
    if not math.isfinite(x):
        return MavMissionResult.INVALID_PARAM5_X
    if not math.isfinite(y):
        return MavMissionResult.INVALID_PARAM6_Y
    if not math.isfinite(message.z):
        return MavMissionResult.INVALID_PARAM7
    return MissionItem(
        seq=message.seq,
        frame=message.frame,
        command=message.command,
        params=params,
        x=x,
        y=y,
        z=message.z,
        current=bool(message.current),
        autocontinue=bool(message.autocontinue),
        mission_type=MissionType(message.mission_type),
    )


def as_stored(item: MissionItem) -> MissionItem:
    """Return what is left of an item once ArduCopter 4.1 has stored it."""
    if item.mission_type is MissionType.FENCE:
        return MissionItem(
            seq=item.seq, frame=_FRAME_GLOBAL, command=item.command,
            params=(item.params[0], 0.0, 0.0, 0.0),
            x=_to_e7(item.x), y=_to_e7(item.y), mission_type=item.mission_type,
        )  # fmt: skip
    if item.mission_type is MissionType.RALLY:
        return MissionItem(
            seq=item.seq, frame=_FRAME_RELATIVE, command=item.command,
            x=_to_e7(item.x), y=_to_e7(item.y), z=float(int(item.z)),
            mission_type=item.mission_type,
        )  # fmt: skip
    kept = _KEPT.get(item.command)
    if kept is None:
        return item
    values = [
        _keep(how, value)
        for how, value in zip(kept, (*item.params, item.x, item.y, item.z), strict=True)
    ]
    if "@" in kept:
        values[4:] = [_to_e7(item.x), _to_e7(item.y), round(item.z * 100.0) / 100.0]
    return MissionItem(
        seq=item.seq,
        frame=_stored_frame(item.frame) if "@" in kept else _FRAME_GLOBAL,
        command=item.command,
        params=(values[0], values[1], values[2], values[3]),
        x=values[4],
        y=values[5],
        z=values[6],
        mission_type=item.mission_type,
    )


def _keep(how: str, value: float) -> float:
    if how == "f":
        return value
    if how == "w":
        return float(int(value))
    if how == "s":
        return -1.0 if value < 0.0 else 1.0
    return 0.0


def _to_e7(degrees: float) -> float:
    return round(degrees * 1e7) / 1e7


def _stored_frame(frame: int) -> int:
    if frame in _RELATIVE_FRAMES:
        return _FRAME_RELATIVE
    if frame in _ABSOLUTE_FRAMES:
        return _FRAME_GLOBAL
    if frame in _TERRAIN_FRAMES:
        return 10
    return frame


def home_item(home: HomePoint | None) -> MissionItem:
    """Return item 0 of a mission: home, whatever was sent as item 0."""
    if home is None:
        return MissionItem(seq=0, frame=_FRAME_GLOBAL, command=16)
    return MissionItem(
        seq=0, frame=_FRAME_GLOBAL, command=16,
        x=_to_e7(home.lat_deg), y=_to_e7(home.lon_deg), z=home.alt_amsl_m,
    )  # fmt: skip


def item_to_wire(
    item: MissionItem, *, to_system: int, to_component: int, current: bool, whole: bool
) -> Message:
    """Return an item as MISSION_ITEM_INT, or as MISSION_ITEM.

    Args:
        item: as stored.
        to_system: who asked.
        to_component: as above.
        current: whether it is being flown.
        whole: whether places are whole numbers of 1e-7 degrees (MISSION_ITEM_INT).
    """
    x, y = item.x, item.y
    if whole:
        scale = 1e7 if has_place(item.command) else 1.0
        x, y = round(x * scale), round(y * scale)
    kind = (
        mavlink2.MAVLink_mission_item_int_message
        if whole
        else mavlink2.MAVLink_mission_item_message
    )
    return kind(
        to_system,
        to_component,
        item.seq,
        item.frame,
        item.command,
        int(current),
        1,
        *item.params,
        x,
        y,
        item.z,
        int(item.mission_type),
    )
