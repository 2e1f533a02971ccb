"""One item of a mission, fence or rally list, as MAVLink and its files carry it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

from park.errors import MissionFileError


class MissionType(IntEnum):
    """Which list an item belongs to: MAVLink's ``MAV_MISSION_TYPE``."""

    MISSION = 0
    FENCE = 1
    RALLY = 2


@dataclass(frozen=True, slots=True)
class MissionItem:
    """One item, in the units of MAVLink's ``MISSION_ITEM_INT`` but with degrees as degrees.

    Attributes:
        seq: its place in the list, from 0; item 0 of a mission is home.
        frame: ``MAV_FRAME``, for example 3 for heights above home.
        command: ``MAV_CMD``.
        params: the first four parameters; NaN where the command's default is meant.
        x: latitude in degrees for commands with a place, else parameter 5.
        y: longitude in degrees for commands with a place, else parameter 6.
        z: height in metres for commands with a place, else parameter 7.
        current: whether it is the one to fly next.
        autocontinue: whether the next one follows by itself.
        mission_type: which list it belongs to.
    """

    seq: int
    frame: int
    command: int
    params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    current: bool = False
    autocontinue: bool = True
    mission_type: MissionType = MissionType.MISSION

    def __post_init__(self) -> None:
        if not 0 <= self.seq <= 65_535:
            raise MissionFileError(f"item number {self.seq} is not between 0 and 65535")
        if not 0 <= self.command <= 65_535:
            raise MissionFileError(f"item {self.seq}: command {self.command} is not 0 to 65535")
        if not 0 <= self.frame <= 255:
            raise MissionFileError(f"item {self.seq}: frame {self.frame} is not 0 to 255")
        if len(self.params) != 4:
            raise MissionFileError(f"item {self.seq}: {len(self.params)} parameters, not 4")
        if any(math.isinf(v) for v in (*self.params, self.x, self.y, self.z)):
            raise MissionFileError(f"item {self.seq}: a value is infinite")
