"""Where a camera looks whose gimbal says nothing: where the mission has told it to.

Many gimbals obey and do not report. A mission turns the camera with ``DO_MOUNT_CONTROL`` and
``DO_SET_ROI``, each done before the item after it, so the item that is being flown tells what
the camera was told last. That it obeys is an assumption, which whoever uses this has to state.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from drone.mission import DO_MOUNT_CONTROL, DO_SET_ROI
from drone.telemetry import Telemetry
from park.geodesy import LocalFrame
from park.mission_item import MissionItem


@dataclass(frozen=True, slots=True)
class _Told:
    """What the camera was told from an item on: an angle, or a place to look at."""

    seq: int
    pitch_deg: float | None
    place: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class GimbalTold:
    """What the items of one mission tell the camera.

    Attributes:
        told: in the order of the items.
    """

    told: tuple[_Told, ...]

    @classmethod
    def of(cls, items: Sequence[MissionItem]) -> Self:
        """Return what a mission tells the camera."""
        told: list[_Told] = []
        pitch_deg: float | None = None
        for item in items:
            if item.command == DO_MOUNT_CONTROL:
                pitch_deg = item.params[0]
                told.append(_Told(item.seq, pitch_deg, None))
            elif item.command == DO_SET_ROI:
                nowhere = item.x == 0.0 and item.y == 0.0
                place = None if nowhere else (item.x, item.y, item.z)
                told.append(_Told(item.seq, pitch_deg if place is None else None, place))
        return cls(tuple(told))

    def angles(self, seen: Telemetry) -> tuple[float, float] | None:
        """Return yaw and pitch of the camera, degrees; None where they cannot be told.

        Before the mission tells it anything it is taken as told what comes first.

        Args:
            seen: the vehicle; yaw is from true north, pitch 0 at the horizon and -90 straight
                down.
        """
        if not self.told:
            return None
        at = bisect_right([one.seq for one in self.told], seen.mission_seq or 0)
        told = self.told[max(0, at - 1)]
        if told.place is not None:
            return _towards(told.place, seen)
        if told.pitch_deg is None or seen.yaw_deg is None:
            return None
        return seen.yaw_deg, told.pitch_deg


def _towards(place: tuple[float, float, float], seen: Telemetry) -> tuple[float, float] | None:
    if seen.lat_deg is None or seen.lon_deg is None or seen.alt_home_m is None:
        return None
    east_m, north_m = LocalFrame(seen.lat_deg, seen.lon_deg).to_en_m(place[0], place[1])
    level_m = math.hypot(east_m, north_m)
    pitch_deg = math.degrees(math.atan2(place[2] - seen.alt_home_m, level_m))
    return math.degrees(math.atan2(east_m, north_m)) % 360.0, max(-90.0, min(30.0, pitch_deg))
