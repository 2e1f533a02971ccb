"""Reads and writes QGroundControl's plain text lists, ``QGC WPL 110``, and two older kinds.

The format is a line ``QGC WPL 110`` and then one line of twelve numbers for every item
(https://mavlink.io/en/file_formats/). The same format holds missions, fences and rally points;
which one is seen from the commands. ArduPilot's older fence files (a latitude and a longitude on
each line, the point to return to first, the outline closed) and rally files (lines that begin
with ``RALLY``) are read as well, never written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from drone.files.plan_file import MAX_FILE_BYTES, PlanFile, check_outlines, check_place
from drone.mission import (
    ABOVE_HOME,
    FENCE_INCLUSION,
    FENCE_RETURN_POINT,
    GLOBAL,
    RALLY_POINT,
)
from park.errors import MissionFileError
from park.mission_item import MissionItem, MissionType

HEADER = "QGC WPL 110"
_COLUMNS = (
    *("number", "current", "frame", "command"),
    *("parameter 1", "parameter 2", "parameter 3", "parameter 4"),
    *("x", "y", "z", "autocontinue"),
)
_NO_PARAMS = (0.0, 0.0, 0.0, 0.0)


def read_wpl(content: bytes) -> PlanFile:
    """Return what a plain text list holds.

    Raises:
        MissionFileError: it is another format or version, or a line is wrong; the line is named.
    """
    if len(content) > MAX_FILE_BYTES:
        raise MissionFileError(f"{len(content)} bytes are more than a list of items may have")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MissionFileError(f"byte {error.start} is no text; not a list of items") from error
    lines = [
        (number, line.strip())
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise MissionFileError("the file is empty")
    first = lines[0][1]
    if first.startswith("QGC WPL"):
        version = first.removeprefix("QGC WPL").strip()
        if version != "110":
            raise MissionFileError(
                f"line {lines[0][0]}: version {version or 'none'} of QGC WPL; only 110 is read"
            )
        return _from_items(_in_order(lines[1:]))
    if first.startswith("RALLY"):
        return PlanFile(rally=tuple(_old_rally(lines)))
    if re.fullmatch(r"-?\d+(\.\d*)?\s+-?\d+(\.\d*)?", first):
        return _old_fence(lines)
    raise MissionFileError(
        f'line {lines[0][0]}: begins with "{first[:30]}", not with "{HEADER}"; not a list of items'
    )


def write_wpl(items: Sequence[MissionItem]) -> bytes:
    """Return one list (mission, fence or rally points) as a plain text file."""
    rows = [HEADER]
    for item in items:
        values = (*item.params, item.x, item.y, item.z)
        row = [str(item.seq), str(int(item.current)), str(item.frame), str(item.command)]
        row += [_number(value) for value in values]
        rows.append("\t".join([*row, str(int(item.autocontinue))]))
    return ("\n".join(rows) + "\n").encode("ascii")


def _number(value: float) -> str:
    """Return the shortest text that reads back as the same number, without an exponent."""
    if math.isnan(value):
        return "nan"
    return np.format_float_positional(value, unique=True, trim="0")


def _whole(text: str, name: str, number: int) -> int:
    # Some programs write whole numbers with a point: "16.000000".
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value.is_integer():
        raise MissionFileError(f'line {number}: {name} "{text[:30]}" is not a whole number')
    return int(value)


def _real(text: str, name: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        raise MissionFileError(f'line {number}: {name} "{text[:30]}" is not a number') from None
    if math.isinf(value):
        raise MissionFileError(f"line {number}: {name} is infinite")
    return value


def _item(number: int, line: str) -> MissionItem:
    cells = line.split()
    if len(cells) != len(_COLUMNS):
        raise MissionFileError(
            f"line {number}: {len(cells)} columns instead of {len(_COLUMNS)}"
            + ("; the line may be cut short" if len(cells) < len(_COLUMNS) else "")
        )
    named = dict(zip(_COLUMNS, cells, strict=True))
    seq, current, frame, command = (_whole(named[n], n, number) for n in _COLUMNS[:4])
    p1, p2, p3, p4, x, y, z = (_real(named[n], n, number) for n in _COLUMNS[4:11])
    try:
        item = MissionItem(
            *(seq, frame, command, (p1, p2, p3, p4), x, y, z, bool(current)),
            bool(_whole(named["autocontinue"], "autocontinue", number)),
            _list_of(command),
        )
    except MissionFileError as error:
        raise MissionFileError(f"line {number}: {error}") from error
    check_place(item, f"line {number}")
    return item


def _in_order(lines: Sequence[tuple[int, str]]) -> list[MissionItem]:
    items: list[MissionItem] = []
    for number, line in lines:
        item = _item(number, line)
        if item.seq != len(items):
            raise MissionFileError(
                f"line {number}: item {item.seq} stands where item {len(items)} belongs; an item "
                "is missing or moved, and what jumps by number would go astray"
            )
        items.append(item)
    return items


def _list_of(command: int) -> MissionType:
    if FENCE_RETURN_POINT <= command <= FENCE_RETURN_POINT + 99:
        return MissionType.FENCE
    return MissionType.RALLY if command == RALLY_POINT else MissionType.MISSION


def _from_items(items: list[MissionItem]) -> PlanFile:
    kinds = {item.mission_type for item in items}
    if len(kinds) > 1:
        named = " and ".join(sorted(kind.name.lower() for kind in kinds))
        raise MissionFileError(f"the file mixes the lists {named}; one file holds one list")
    if MissionType.FENCE in kinds:
        check_outlines(items, "the fence")
        return PlanFile(fence=tuple(items))
    if MissionType.RALLY in kinds:
        return PlanFile(rally=tuple(items))
    return PlanFile(mission=tuple(items))


def _old_rally(lines: Sequence[tuple[int, str]]) -> Iterator[MissionItem]:
    for seq, (number, line) in enumerate(lines):
        cells = line.split()
        if cells[0] != "RALLY" or len(cells) != 7:
            raise MissionFileError(
                f"line {number}: a rally point is RALLY, latitude, longitude, height, break "
                "height, direction and flags"
            )
        lat, lon, height = (_real(c, "value", number) for c in cells[1:4])
        item = MissionItem(
            *(seq, ABOVE_HOME, RALLY_POINT, _NO_PARAMS, lat, lon, height),
            mission_type=MissionType.RALLY,
        )
        check_place(item, f"line {number}")
        yield item


def _old_fence(lines: Sequence[tuple[int, str]]) -> PlanFile:
    points: list[tuple[float, float]] = []
    for number, line in lines:
        cells = line.split()
        if len(cells) != 2:
            raise MissionFileError(f"line {number}: {len(cells)} columns, not latitude, longitude")
        points.append((_real(cells[0], "latitude", number), _real(cells[1], "longitude", number)))
    outline = points[1:-1] if len(points) > 2 and points[1] == points[-1] else points[1:]
    if len(outline) < 3:
        raise MissionFileError(f"an outline needs three corners; the file has {len(outline)}")
    corners = (float(len(outline)), 0.0, 0.0, 0.0)
    items = [MissionItem(0, GLOBAL, FENCE_RETURN_POINT, _NO_PARAMS, *points[0])]
    items += [
        MissionItem(seq, GLOBAL, FENCE_INCLUSION, corners, lat, lon)
        for seq, (lat, lon) in enumerate(outline, 1)
    ]
    placed = []
    for item, (number, _) in zip(items, lines, strict=False):
        check_place(item, f"line {number}")
        placed.append(
            MissionItem(
                *(item.seq, item.frame, item.command, item.params, item.x, item.y),
                mission_type=MissionType.FENCE,
            )
        )
    return PlanFile(fence=tuple(placed), notes=("an older fence file",))
