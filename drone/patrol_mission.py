"""One sortie as the vehicle counts it: items, where they lead, and what waypoints they are for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from drone.failsafe import Target
from drone.mission import NAV_WAYPOINT, mission_items, waypoint_seqs
from drone.records import LegKind, Sortie
from park.mission_item import MissionItem


@dataclass(frozen=True, slots=True)
class PatrolMission:
    """The mission of one sortie.

    Attributes:
        sortie: what it flies.
        items: as they are uploaded; 0 is home.
        targets: where items lead, by number; only those that lead somewhere.
        done_at: for each waypoint of the sortie, the item at whose end it is done.
        return_from: the first item that only leads home.
    """

    sortie: Sortie
    items: tuple[MissionItem, ...]
    targets: Mapping[int, Target]
    done_at: tuple[int, ...]
    return_from: int

    @classmethod
    def of(cls, sortie: Sortie) -> Self:
        """Return the mission of a sortie."""
        items = mission_items(sortie)
        done_at = waypoint_seqs(sortie)
        targets = {
            item.seq: Target(item.x, item.y, item.z, item.params[0])
            for item in items[1:]
            if item.command == NAV_WAYPOINT
        }
        working = [i for i, point in enumerate(sortie.waypoints) if point.leg != LegKind.RETURN]
        return_from = done_at[working[-1]] + 1 if working else 2
        return cls(sortie, items, MappingProxyType(targets), done_at, return_from)

    def waypoint(self, seq: int) -> int:
        """Return the number, from 1, of the waypoint that item `seq` is flown for."""
        return min(bisect_left(self.done_at, seq) + 1, len(self.done_at))

    def target(self, seq: int) -> Target | None:
        """Return where the mission leads from item `seq` on; None where it only lands."""
        ahead = [number for number in self.targets if number >= seq]
        return self.targets[min(ahead)] if ahead else None

    def after(self, seq: int) -> int | None:
        """Return the item at which the waypoint after the present one begins.

        None where there is none to skip to: what is ahead leads home.
        """
        done = self.done_at[self.waypoint(seq) - 1]
        return done + 1 if seq <= done and done + 1 < self.return_from else None
