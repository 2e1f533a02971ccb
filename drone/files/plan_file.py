"""What a plan file of a ground station holds, whatever its format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drone.mission import fence_items, has_place, mission_items, rally_items
from drone.records import FlightPlan, Sortie
from park.errors import MissionFileError
from park.mission_item import MissionItem, MissionType

MAX_FILE_BYTES = 16_000_000
"""No list that a vehicle holds makes a file of this size."""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """The three lists of a vehicle.

    Attributes:
        mission: item 0 is home; empty where there is no mission.
        fence: corners of outlines, circles and the return point.
        rally: places to land at that are not home.
        notes: what had to be done to read it, in words.
    """

    mission: tuple[MissionItem, ...] = ()
    fence: tuple[MissionItem, ...] = ()
    rally: tuple[MissionItem, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in MissionType:
            for place, item in enumerate(self.items(kind)):
                if item.mission_type is not kind:
                    raise MissionFileError(
                        f"item {item.seq} of the {kind.name.lower()} list belongs to the "
                        f"{item.mission_type.name.lower()} list"
                    )
                if item.seq != place:
                    raise MissionFileError(
                        f"item {item.seq} of the {kind.name.lower()} list stands where item "
                        f"{place} belongs; the numbers have to run from 0 without gaps"
                    )

    def items(self, kind: MissionType) -> tuple[MissionItem, ...]:
        """Return one of the lists."""
        lists = {
            MissionType.MISSION: self.mission,
            MissionType.FENCE: self.fence,
            MissionType.RALLY: self.rally,
        }
        return lists[kind]


def plan_file_of(plan: FlightPlan, sortie: Sortie) -> PlanFile:
    """Return what a vehicle needs for one sortie of a plan."""
    return PlanFile(
        mission_items(sortie), fence_items(plan.fence), rally_items(plan.rally_of(sortie))
    )


def check_place(item: MissionItem, where: str) -> None:
    """Refuse an item whose place is not on Earth.

    Args:
        item: any; NaN stands for "here" and is let through.
        where: for the message, for example ``"line 7"``.

    Raises:
        MissionFileError: latitude or longitude is out of range.
    """
    if not has_place(item.command):
        return
    if abs(item.x) > 90.0 or abs(item.y) > 180.0:
        raise MissionFileError(
            f"{where}: ({item.x:g}, {item.y:g}) is no place on Earth; latitude comes first"
        )


def check_outlines(items: Sequence[MissionItem], where: str) -> None:
    """Refuse a fence whose outlines do not have the corners that they say they have.

    Raises:
        MissionFileError: an outline is cut short, or has fewer than three corners.
    """
    place = 0
    while place < len(items):
        item = items[place]
        if item.command not in (5001, 5002):
            place += 1
            continue
        said = item.params[0]
        count = 0 if math.isnan(said) else int(said)
        outline = items[place : place + count]
        whole = len(outline) == count and all(
            corner.command == item.command and corner.params[0] == said for corner in outline
        )
        if count < 3 or not whole:
            raise MissionFileError(
                f"{where}: the outline that begins at item {item.seq} says it has {said:g} "
                "corners and does not have them (or fewer than 3); draw it anew"
            )
        place += count
