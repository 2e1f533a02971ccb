"""Reads and writes QGroundControl's ``.plan`` files: mission, fence and rally points as JSON.

After https://docs.qgroundcontrol.com/ ("Plan File Format"): file version 1, mission version 2,
fence version 2 (outlines and circles version 1), rally points version 1 or 2. Home is not among
the items there but ``plannedHomePosition``; here it is item 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from drone.files.plan_file import MAX_FILE_BYTES, PlanFile, check_place
from drone.mission import (
    ABOVE_HOME,
    FENCE_CIRCLE_EXCLUSION,
    FENCE_CIRCLE_INCLUSION,
    FENCE_EXCLUSION,
    FENCE_INCLUSION,
    FENCE_RETURN_POINT,
    GLOBAL,
    NAV_WAYPOINT,
    RALLY_POINT,
    has_place,
)
from park.errors import MissionFileError
from park.mission_item import MissionItem, MissionType

_DO_JUMP = 177
_ARDUPILOT = 3  # MAV_AUTOPILOT_ARDUPILOTMEGA
_QUADROTOR = 2  # MAV_TYPE_QUADROTOR
_NO_PARAMS = (0.0, 0.0, 0.0, 0.0)
_ALTITUDE_MODES = {3: 1, 6: 1, 0: 2, 5: 2, 10: 4, 11: 4}
# MAV_FRAME to QGroundControl's own: 1 above home, 2 above sea level, 4 above terrain.


def read_qgc_plan(content: bytes) -> PlanFile:
    """Return what a ``.plan`` file holds.

    Survey and corridor items are replaced by the simple items that QGroundControl keeps within
    them; the notes say so.

    Raises:
        MissionFileError: it is no plan, or of a version or with items that are not known; the
            item is named.
    """
    if len(content) > MAX_FILE_BYTES:
        raise MissionFileError(f"{len(content)} bytes are more than a plan may have")
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MissionFileError(f"not JSON ({error})") from error
    if not isinstance(data, dict) or data.get("fileType") != "Plan":
        raise MissionFileError('not a plan of QGroundControl: "fileType" is not "Plan"')
    _version(data, "the file", (1,))
    mission, notes = _read_mission(_object(data.get("mission"), "mission"))
    fence = _read_fence(_object(data.get("geoFence", {"version": 2}), "geoFence"))
    rally = _read_rally(_object(data.get("rallyPoints", {"version": 2}), "rallyPoints"))
    return PlanFile(mission, fence, rally, tuple(notes))


def write_qgc_plan(plan: PlanFile) -> bytes:
    """Return a ``.plan`` file for ArduPilot; the same plan gives the same bytes.

    A plan without a mission gets the place of its first corner or rally point for its home.

    Raises:
        MissionFileError: the fence has outlines without their corners.
    """
    # QGroundControl wants a home in every plan: without a mission, where the rest of it lies.
    home = next(iter((*plan.mission, *plan.fence, *plan.rally)), None)
    speeds = [item.params[1] for item in plan.mission if item.command == 178]
    data = {
        "fileType": "Plan",
        "geoFence": _fence_json(plan.fence),
        "groundStation": "QGroundControl",
        "mission": {
            "cruiseSpeed": _json_number(speeds[0]) if speeds else 15,
            "firmwareType": _ARDUPILOT,
            "globalPlanAltitudeMode": 1,
            "hoverSpeed": _json_number(speeds[0]) if speeds else 5,
            "items": [_item_json(item) for item in plan.mission[1:]],
            "plannedHomePosition": [_json_number(v) for v in (home.x, home.y, home.z)]
            if home
            else [0, 0, 0],
            "vehicleType": _QUADROTOR,
            "version": 2,
        },
        "rallyPoints": {
            "points": [[_json_number(v) for v in (i.x, i.y, i.z)] for i in plan.rally],
            "version": 2,
        },
        "version": 1,
    }
    return (json.dumps(data, indent=4, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MissionFileError(f'"{what}" is missing or is no object')
    return value


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise MissionFileError(f"{what} is no list")
    return value


def _version(data: dict[str, Any], what: str, known: tuple[int, ...]) -> None:
    if data.get("version") not in known:
        named = " or ".join(str(v) for v in known)
        raise MissionFileError(
            f"{what} has version {json.dumps(data.get('version'))}; only {named} is read"
        )


def _number(value: object, what: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MissionFileError(f"{what}: {json.dumps(value)[:40]} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise MissionFileError(f"{what}: a number is too large")
    return number


def _whole(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise MissionFileError(f"{what} is {json.dumps(value)[:40]}, not a whole number")
    return value


def _numbers(value: object, count: tuple[int, ...], what: str) -> list[float]:
    if not isinstance(value, list) or len(value) not in count:
        named = " or ".join(str(c) for c in count)
        raise MissionFileError(f"{what} is not a list of {named} numbers")
    return [_number(v, what) for v in value]


def _read_mission(data: dict[str, Any]) -> tuple[tuple[MissionItem, ...], list[str]]:
    _version(data, "the mission", (2,))
    notes: list[str] = []
    simple: list[tuple[str, dict[str, Any]]] = []
    for place, value in enumerate(_list(data.get("items"), "the mission's items"), 1):
        simple += _simple_items(_object(value, f"item {place}"), f"item {place}", notes)
    home = data.get("plannedHomePosition")
    if home is None and not simple:
        return (), notes
    lat, lon, *height = _numbers(home, (2, 3), "plannedHomePosition")
    first = MissionItem(
        *(0, GLOBAL, NAV_WAYPOINT, _NO_PARAMS, lat, lon), height[0] if height else math.nan, True
    )
    check_place(first, "plannedHomePosition")
    ids = {
        item["doJumpId"]: seq
        for seq, (_, item) in enumerate(simple, 1)
        if isinstance(item.get("doJumpId"), int)
    }
    items = [first]
    for where, item in simple:
        items.append(_read_item(item, where, len(items), ids))
    return tuple(items), notes


def _simple_items(
    item: dict[str, Any], where: str, notes: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    kind = item.get("type")
    if kind == "SimpleItem":
        return [(where, item)]
    if kind != "ComplexItem":
        raise MissionFileError(f"{where}: type {json.dumps(kind)} is not known")
    name = item.get("complexItemType")
    transects = item.get("TransectStyleComplexItem")
    within = transects.get("Items") if isinstance(transects, dict) else None
    if not isinstance(within, list) or not within:
        raise MissionFileError(
            f"{where}: a {json.dumps(name)} that does not carry its waypoints; only "
            "QGroundControl can work them out. Save it there as simple items, or leave it out"
        )
    notes.append(f"{where}, {name}: taken as the {len(within)} simple items within it")
    found = []
    for place, inner in enumerate(within, 1):
        named = f"{where}.{place}"
        if _object(inner, named).get("type") != "SimpleItem":
            raise MissionFileError(f"{named}: a complex item within a complex item")
        found.append((named, inner))
    return found


def _read_item(item: dict[str, Any], where: str, seq: int, ids: dict[int, int]) -> MissionItem:
    p1, p2, p3, p4, x, y, z = _numbers(item.get("params"), (7,), f'{where}: "params"')
    command = _whole(item.get("command"), f'{where}: "command"')
    if command == _DO_JUMP and p1 in ids:
        p1 = float(ids[int(p1)])
    try:
        read = MissionItem(
            *(seq, _whole(item.get("frame"), f'{where}: "frame"'), command, (p1, p2, p3, p4)),
            *(x, y, z),
            autocontinue=item.get("autoContinue", True) is True,
        )
    except MissionFileError as error:
        raise MissionFileError(f"{where}: {error}") from error
    check_place(read, where)
    return read


def _item_json(item: MissionItem) -> dict[str, Any]:
    written: dict[str, Any] = {
        "autoContinue": item.autocontinue,
        "command": item.command,
        "doJumpId": item.seq,
        "frame": item.frame,
        "params": [_json_number(v) for v in (*item.params, item.x, item.y, item.z)],
        "type": "SimpleItem",
    }
    if has_place(item.command) and item.frame in _ALTITUDE_MODES:
        mode = _ALTITUDE_MODES[item.frame]
        written |= {
            "AMSLAltAboveTerrain": None,
            "Altitude": _json_number(item.z),
            "AltitudeMode": mode,
        }
    return written


def _fence_item(seq: int, command: int, first: float, lat: float, lon: float) -> MissionItem:
    params = (first, 0.0, 0.0, 0.0)
    kind = MissionType.FENCE
    return MissionItem(seq, GLOBAL, command, params, lat, lon, mission_type=kind)


def _read_fence(data: dict[str, Any]) -> tuple[MissionItem, ...]:
    _version(data, "the fence", (2,))
    items: list[MissionItem] = []
    if data.get("breachReturn") is not None:
        lat, lon, *_ = _numbers(data["breachReturn"], (2, 3), "breachReturn")
        items.append(_fence_item(len(items), FENCE_RETURN_POINT, 0.0, lat, lon))
    for place, value in enumerate(_list(data.get("polygons"), "the fence's polygons"), 1):
        where = f"fence polygon {place}"
        polygon = _object(value, where)
        _version(polygon, where, (1,))
        command = FENCE_INCLUSION if polygon.get("inclusion") is True else FENCE_EXCLUSION
        corners = [
            _numbers(corner, (2, 3), f"{where}: a corner")
            for corner in _list(polygon.get("polygon"), where)
        ]
        if len(corners) < 3:
            raise MissionFileError(f"{where}: {len(corners)} corners; an outline needs three")
        for lat, lon, *_ in corners:
            items.append(_fence_item(len(items), command, float(len(corners)), lat, lon))
    for place, value in enumerate(_list(data.get("circles"), "the fence's circles"), 1):
        where = f"fence circle {place}"
        circle = _object(value, where)
        _version(circle, where, (1,))
        inside = circle.get("inclusion") is True
        shape = _object(circle.get("circle"), where)
        lat, lon, *_ = _numbers(shape.get("center"), (2, 3), f"{where}: the centre")
        radius = _number(shape.get("radius"), f"{where}: the radius")
        if not radius > 0.0:
            raise MissionFileError(f"{where}: a radius of {radius:g} m is not above zero")
        command = FENCE_CIRCLE_INCLUSION if inside else FENCE_CIRCLE_EXCLUSION
        items.append(_fence_item(len(items), command, radius, lat, lon))
    for item in items:
        check_place(item, f"fence item {item.seq}")
    return tuple(items)


def _fence_json(items: Sequence[MissionItem]) -> dict[str, Any]:
    polygons: list[dict[str, Any]] = []
    circles: list[dict[str, Any]] = []
    written: dict[str, Any] = {"circles": circles, "polygons": polygons, "version": 2}
    place = 0
    while place < len(items):
        item = items[place]
        taken = 1
        if item.command in (FENCE_INCLUSION, FENCE_EXCLUSION):
            taken = int(item.params[0])
            outline = items[place : place + taken]
            if taken < 3 or len(outline) < taken:
                raise MissionFileError(
                    f"fence item {item.seq}: its outline has not {taken} corners"
                )
            polygons.append(
                {
                    "inclusion": item.command == FENCE_INCLUSION,
                    "polygon": [[corner.x, corner.y] for corner in outline],
                    "version": 1,
                }
            )
        elif item.command in (FENCE_CIRCLE_INCLUSION, FENCE_CIRCLE_EXCLUSION):
            circle = {"center": [item.x, item.y], "radius": item.params[0]}
            inside = item.command == FENCE_CIRCLE_INCLUSION
            circles.append({"circle": circle, "inclusion": inside, "version": 1})
        else:
            written["breachReturn"] = [item.x, item.y, item.z]
        place += taken
    return written


def _read_rally(data: dict[str, Any]) -> tuple[MissionItem, ...]:
    _version(data, "the list of rally points", (1, 2))
    items = []
    for place, value in enumerate(_list(data.get("points"), "the list of rally points")):
        where = f"rally point {place + 1}"
        lat, lon, *height = _numbers(value, (2, 3), where)
        item = MissionItem(
            *(place, ABOVE_HOME, RALLY_POINT, _NO_PARAMS, lat, lon),
            height[0] if height else 0.0,
            mission_type=MissionType.RALLY,
        )
        check_place(item, where)
        items.append(item)
    return tuple(items)
