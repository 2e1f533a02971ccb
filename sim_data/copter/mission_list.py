"""What a simulated copter accepts as a mission, a fence and rally points, and how it stores them.

An ArduCopter stores 15 bytes of an item: what does not fit is lost, and reading back returns
what was stored. Heights are kept in whole centimetres, places in 1e-7 degrees, waypoint delays in
whole seconds; items without a place lose their frame and everything but the parameters that
their command has. The rules are those of ArduCopter 4.1 (`AP_Mission`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from park.mission_item import MissionItem, MissionType
from sim_data.copter.params import as_float32
from sim_data.copter.state import HomePoint, MavMissionResult

_Params: TypeAlias = tuple[float, float, float, float]

MAX_ITEMS = {MissionType.MISSION: 724, MissionType.FENCE: 150, MissionType.RALLY: 36}
"""How many items there is room for."""

LOCATION_COMMANDS = frozenset({16, 17, 18, 19, 21, 22, 30, 31, 82, 92, 94, 179, 189, 191, 201})
"""Commands that are stored with a place."""

GLOBAL, RELATIVE, TERRAIN = 0, 3, 10
_FRAME = {0: GLOBAL, 2: GLOBAL, 5: GLOBAL, 3: RELATIVE, 6: RELATIVE, 10: TERRAIN, 11: TERRAIN}
_MAX_ALT_M = 83_886.0
_MAY_BE_NAN = frozenset({16, 21, 22})
"""Commands whose fourth parameter, a heading, may be not a number."""

_FENCE_POLYGONS = frozenset({5001, 5002})
_FENCE_CIRCLES = frozenset({5003, 5004})
_FENCE_RETURN = 5000
_RALLY = 5100


def _first(p: _Params) -> _Params:
    return (float(int(p[0]) & 0xFFFF), 0.0, 0.0, 0.0)


def _two(p: _Params) -> _Params:
    return (p[0], p[1], 0.0, 0.0)


def _three(p: _Params) -> _Params:
    return (p[0], p[1], p[2], 0.0)


def _all(p: _Params) -> _Params:
    return p


def _none(_: _Params) -> _Params:
    return (0.0, 0.0, 0.0, 0.0)


def _circle(p: _Params) -> _Params:
    radius = float(int(abs(p[2])) & 0xFF)
    return (float(int(p[0]) & 0xFF), 0.0, -radius if p[2] < 0.0 else radius, float(p[3] > 0.0))


def _loiter(p: _Params) -> _Params:
    return (0.0, 0.0, float(int(abs(p[2]))) * (-1.0 if p[2] < 0.0 else 1.0), 0.0)


def _loiter_time(p: _Params) -> _Params:
    return (float(int(p[0]) & 0xFFFF), 0.0, -1.0 if p[2] < 0.0 else 1.0, float(p[3] > 0.0))


def _to_height(p: _Params) -> _Params:
    return (0.0, float(int(abs(p[1]))) * (-1.0 if p[1] < 0.0 else 1.0), 0.0, float(p[3] > 0.0))


def _land(p: _Params) -> _Params:
    backwards = not math.isnan(p[3]) and p[3] < 0.0
    return (float(int(p[0]) & 0xFFFF), 0.0, 0.0, -1.0 if backwards else 1.0)


def _distance(p: _Params) -> _Params:
    return (p[0], 0.0, 0.0, 0.0)


STORED: dict[int, Callable[[_Params], _Params]] = {
    16: _first,
    17: _loiter,
    18: _circle,
    19: _loiter_time,
    20: _none,
    21: _land,
    22: _first,
    30: _first,
    31: _to_height,
    82: _first,
    92: _first,
    93: _all,
    94: _distance,
    112: _distance,
    114: _distance,
    115: _all,
    177: _two,
    178: _three,
    179: _first,
    181: _two,
    182: _three,
    183: _two,
    184: _all,
    189: _none,
    191: _none,
    201: _first,
    202: _all,
    203: _all,
    205: _three,
    206: _distance,
    207: _first,
    208: _first,
    210: _first,
    211: _two,
    212: _first,
    213: _three,
    215: _first,
    222: _all,
}
"""Commands that a mission may have, with what is kept of their parameters.

Not among them, though newer versions take them: 195 and 197 (DO_SET_ROI_LOCATION, DO_SET_ROI_NONE:
201 does both here), 2000 (IMAGE_START_CAPTURE: 203 here), 2500 and 1000.
"""


class MissionList:
    """One of the three lists that a vehicle stores.

    Args:
        mission_type: which one.
    """

    def __init__(self, mission_type: MissionType) -> None:
        self.mission_type = mission_type
        self._store = {
            MissionType.MISSION: _stored_mission_item,
            MissionType.FENCE: _stored_fence_item,
            MissionType.RALLY: _stored_rally_item,
        }[mission_type]
        self.items: tuple[MissionItem, ...] = ()
        self.changes = 0
        """How often it was replaced; tells a reader that what it prepared is out of date."""
        self._home: HomePoint | None = None

    def replace(self, items: Sequence[MissionItem]) -> MavMissionResult:
        """Take `items` instead of what is there, or refuse and keep what is there.

        Items are numbered anew by their order. Item 0 of a mission is home, whatever was sent,
        as soon as there is a home.

        Returns:
            ACCEPTED, or why the first bad item is refused.
        """
        if len(items) > MAX_ITEMS[self.mission_type]:
            return MavMissionResult.NO_SPACE
        taken: list[MissionItem] = []
        for seq, item in enumerate(items):
            stored = self._store(
                replace(item, seq=seq, mission_type=self.mission_type, current=False)
            )
            if isinstance(stored, MavMissionResult):
                return stored
            taken.append(stored)
        if self.mission_type is MissionType.FENCE and not _whole_polygons(taken):
            return MavMissionResult.INVALID
        self.items = tuple(taken)
        self.changes += 1
        self.set_home(self._home)
        return MavMissionResult.ACCEPTED

    def check(self, item: MissionItem) -> MavMissionResult:
        """Return what an upload of `item` alone would be answered."""
        stored = self._store(item)
        return stored if isinstance(stored, MavMissionResult) else MavMissionResult.ACCEPTED

    def set_home(self, home: HomePoint | None) -> None:
        """Let item 0 of a mission be `home`; other lists have no home."""
        self._home = home
        if self.mission_type is MissionType.MISSION and self.items and home is not None:
            first = MissionItem(
                seq=0,
                frame=GLOBAL,
                command=16,
                x=_degrees(home.lat_deg),
                y=_degrees(home.lon_deg),
                z=_centimetres(home.alt_amsl_m),
            )
            self.items = (first, *self.items[1:])


def _degrees(value: float) -> float:
    """Return a coordinate as it is stored, in whole 1e-7 degrees."""
    return round(value * 1e7) / 1e7


def _centimetres(metres: float) -> float:
    """Return a height as it is stored: cut to whole centimetres, in single precision."""
    return as_float32(math.trunc(as_float32(as_float32(metres) * 100.0)) / 100.0)


def _wrong_place(item: MissionItem) -> MavMissionResult | None:
    if not -90.0 <= item.x <= 90.0:
        return MavMissionResult.INVALID_PARAM5_X
    if not -180.0 <= item.y <= 180.0:
        return MavMissionResult.INVALID_PARAM6_Y
    return None


def _wrong_number(item: MissionItem) -> MavMissionResult | None:
    for place, value in enumerate(item.params):
        if math.isnan(value) and not (place == 3 and item.command in _MAY_BE_NAN):
            return MavMissionResult(MavMissionResult.INVALID_PARAM1 + place)
    return None


def _stored_mission_item(item: MissionItem) -> MissionItem | MavMissionResult:
    wrong = _wrong_number(item)
    if wrong is not None:
        return wrong
    keep = STORED.get(item.command)
    if keep is None:
        return MavMissionResult.UNSUPPORTED
    a, b, c, d = keep(item.params)
    params = (as_float32(a), as_float32(b), as_float32(c), as_float32(d))
    if item.command in LOCATION_COMMANDS:
        wrong = _wrong_place(item)
        if wrong is not None:
            return wrong
        if math.isnan(item.z) or abs(item.z) >= _MAX_ALT_M:
            return MavMissionResult.INVALID_PARAM7
        frame = _FRAME.get(item.frame)
        if frame is None:
            return MavMissionResult.UNSUPPORTED_FRAME
        x, y, z = _degrees(item.x), _degrees(item.y), _centimetres(item.z)
        return replace(item, frame=frame, params=params, x=x, y=y, z=z, autocontinue=True)
    if item.command in {202, 203}:
        return replace(item, frame=GLOBAL, params=params, z=0.0, autocontinue=True)
    return replace(item, frame=GLOBAL, params=params, x=0.0, y=0.0, z=0.0, autocontinue=True)


def _stored_fence_item(item: MissionItem) -> MissionItem | MavMissionResult:
    if item.command not in _FENCE_POLYGONS | _FENCE_CIRCLES | {_FENCE_RETURN}:
        return MavMissionResult.UNSUPPORTED
    if item.frame not in _FRAME:
        return MavMissionResult.UNSUPPORTED_FRAME
    first = item.params[0]
    if item.command in _FENCE_POLYGONS and not 3.0 <= first <= 255.0:
        return MavMissionResult.INVALID_PARAM1
    if item.command in _FENCE_CIRCLES and not first > 0.0:
        return MavMissionResult.INVALID_PARAM1
    wrong = _wrong_place(item)
    if wrong is not None:
        return wrong
    if item.x == 0.0 and item.y == 0.0:
        return MavMissionResult.INVALID
    kept = float(int(first)) if item.command in _FENCE_POLYGONS else as_float32(first)
    params = (0.0 if item.command == _FENCE_RETURN else kept, 0.0, 0.0, 0.0)
    x, y = _degrees(item.x), _degrees(item.y)
    return replace(item, frame=GLOBAL, params=params, x=x, y=y, z=0.0, autocontinue=True)


def _whole_polygons(items: Sequence[MissionItem]) -> bool:
    """Return whether corners of polygons come in runs as long as each corner says."""
    place = 0
    while place < len(items):
        item = items[place]
        if item.command in _FENCE_POLYGONS:
            corners = int(item.params[0])
            run = items[place : place + corners]
            same = (item.command, item.params[0])
            if len(run) < corners or any((c.command, c.params[0]) != same for c in run):
                return False
            place += corners
        else:
            place += 1
    return True


def _stored_rally_item(item: MissionItem) -> MissionItem | MavMissionResult:
    if item.command != _RALLY:
        return MavMissionResult.UNSUPPORTED
    if _FRAME.get(item.frame) != RELATIVE:
        return MavMissionResult.UNSUPPORTED_FRAME
    wrong = _wrong_place(item)
    if wrong is not None:
        return wrong
    if not -32_768.0 <= item.z <= 32_767.0:
        return MavMissionResult.INVALID_PARAM7
    x, y, z = _degrees(item.x), _degrees(item.y), float(math.trunc(item.z))
    return replace(item, frame=RELATIVE, params=_none(item.params), x=x, y=y, z=z)
