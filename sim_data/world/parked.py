"""Vehicles that stand in the bays of a simulated park at an instant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from park.geodesy import FloatArray
from sim_data.world.dice import throws
from sim_data.world.fleet import vehicle, vehicle_kind
from sim_data.world.records import World
from sim_data.world.rhythm import DAY_S, is_weekend
from sim_data.world.scene import VehicleActor, VehicleKind

_HOUR_S = 3600.0
_TRUCK_TURN_S = 9000.0
"""A truck's bay changes hands this often."""

_WORKDAY_SHARE, _WEEKEND_SHARE = 0.74, 0.20
_NIGHT_SHIFT_SHARE = 0.10
_LEFT_BEHIND_SHARE = 0.05
_TRUCK_DAY_SHARE, _TRUCK_NIGHT_SHARE = 0.55, 0.22


class Parked:
    """The vehicles of a park that are parked in bays.

    Cars come in the morning and leave in the evening, a few for the night shift, a few stay;
    trucks come and go round the clock, more of them by day.

    Args:
        world: the park.
        seed: chance of what goes on.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._seed = seed
        self._bays = world.bays
        self._tree = None
        if world.bays:
            self._tree = cKDTree([(bay.east_m, bay.north_m) for bay in world.bays])

    def at(
        self, seconds: float, around: tuple[float, float, float] | None
    ) -> Iterator[VehicleActor]:
        """Yield what is parked at a time, within a circle or everywhere."""
        if self._tree is None:
            return
        if around is None:
            bays = np.arange(len(self._bays))
        else:
            found = self._tree.query_ball_point(around[:2], around[2])
            bays = np.array(sorted(found), np.int64)
        if not len(bays):
            return
        trucks = np.array([self._bays[bay].truck for bay in bays], bool)
        stays = np.where(trucks, self._trucks(bays, seconds), self._cars(bays, seconds))
        dice = [throws(self._seed, 40 + k, bays, stays) for k in range(5)]
        for index in np.flatnonzero(stays >= 0):
            yield self._actor(int(bays[index]), int(stays[index]), [d[index] for d in dice])

    def _cars(self, bays: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
        """Return the number of the stay of the car in each bay, -1 where there is none."""
        day, rest = divmod(seconds, DAY_S)
        today = int(day)
        stays = np.full(len(bays), -1, np.int64)
        share = _WEEKEND_SHARE if is_weekend(today) else _WORKDAY_SHARE
        comes = (7.0 + 2.6 * self._bell(bays, today, 1)) * _HOUR_S
        leaves = (16.4 + 3.4 * self._bell(bays, today, 2)) * _HOUR_S
        here = (throws(self._seed, 50, bays, today) < share) & (comes <= rest) & (rest < leaves)
        stays[here] = 4 * today
        for shift in (today - 1, today):
            hours = (today - shift) * 24.0 + rest / _HOUR_S
            on = throws(self._seed, 51, bays, shift) < _NIGHT_SHIFT_SHARE
            begins = 18.8 + 1.6 * self._bell(bays, shift, 3)
            ends = 29.6 + 1.2 * self._bell(bays, shift, 4)
            stays[on & (begins <= hours) & (hours < ends)] = 4 * shift + 1
        # Whole weeks, so that nobody is seen to leave at midnight.
        week = today // 7
        stays[throws(self._seed, 52, bays, week) < _LEFT_BEHIND_SHARE] = 4 * 7 * week + 2
        return stays

    def _bell(self, bays: NDArray[np.int64], day: int, which: int) -> FloatArray:
        """Return numbers from 0 to 1, most of them near the middle."""
        a = throws(self._seed, 60 + which, bays, day)
        return (a + throws(self._seed, 70 + which, bays, day)) / 2.0

    def _trucks(self, bays: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
        """Return the number of the stay of the truck in each bay, -1 where there is none."""
        shifted = seconds + throws(self._seed, 53, bays) * _TRUCK_TURN_S
        turn = np.floor(shifted / _TRUCK_TURN_S).astype(np.int64)
        into = shifted / _TRUCK_TURN_S - turn
        hour = ((turn * _TRUCK_TURN_S) / _HOUR_S) % 24.0
        by_day = np.exp(-(((hour - 13.0) / 5.5) ** 2))
        share = _TRUCK_NIGHT_SHARE + (_TRUCK_DAY_SHARE - _TRUCK_NIGHT_SHARE) * by_day
        here = throws(self._seed, 54, bays, turn) < share
        here &= into > 0.05 + 0.15 * throws(self._seed, 55, bays, turn)
        here &= into < 0.95 - 0.35 * throws(self._seed, 56, bays, turn)
        return np.where(here, 4 * turn + 3, -1)

    def _actor(self, index: int, stay: int, dice: list[float]) -> VehicleActor:
        bay = self._bays[index]
        kind = VehicleKind.TRUCK if bay.truck else vehicle_kind(float(dice[0]), large=False)
        # Nobody stands quite in the middle; a few back in.
        heading = math.radians(bay.heading_deg)
        along, across = 0.5 * (dice[1] - 0.5), 0.3 * (dice[2] - 0.5)
        if kind is VehicleKind.VAN:
            along = 0.0
        east = bay.east_m + along * math.sin(heading) + across * math.cos(heading)
        north = bay.north_m + along * math.cos(heading) - across * math.sin(heading)
        turn = 180.0 if dice[3] < 0.22 else 0.0
        facing = (bay.heading_deg + turn + 3.0 * (dice[4] - 0.5)) % 360.0
        numbers = (self._seed, 80, index, stay)
        place = (float(east), float(north), float(facing))
        return vehicle(f"bay-{bay.bay_id}-{stay}", kind, place, 0.0, numbers, parked=True)
