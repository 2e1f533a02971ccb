"""What a simulated copter accepts as a mission, a fence and rally points."""

from __future__ import annotations

from collections.abc import Sequence

from park.mission_item import MissionItem, MissionType
from sim_data.copter.state import MavMissionResult


class MissionList:
    """One of the three lists that a vehicle stores.

    Args:
        mission_type: which one.
    """

    def __init__(self, mission_type: MissionType) -> None:
        self.mission_type = mission_type
        self.items: tuple[MissionItem, ...] = ()
        self.changes = 0
        """How often it was replaced; tells a reader that what it prepared is out of date."""

    def replace(self, items: Sequence[MissionItem]) -> MavMissionResult:
        """Take `items` instead of what is there, or refuse and keep what is there."""
        self.items = tuple(items)
        self.changes += 1
        return MavMissionResult.ACCEPTED
