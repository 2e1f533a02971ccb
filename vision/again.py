"""A person who is out of sight for a while and seen again near by is one person.

Whoever walks to and fro behind a fence leaves the picture and comes back, and each time a new track
begins. Where nobody else was near in between, the one who comes back is the one who went.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from park.geodesy import FloatArray
from vision.families import PERSON
from vision.together import Way

LONGEST_S = 60.0
"""Out of sight for longer, a person may be anywhere, and another one here."""

NEAR_M = 3.0
"""So far apart, on top of what both places may be off, one may have gone out of sight and come."""

ALONE_M = 10.0
"""Somebody else this near makes it unknown who came back."""

_ERRORS = 2.0


def seen_again(ways: Sequence[Way]) -> list[list[int]]:
    """Return which ways are of one thing, by their numbers, each number in one group.

    Only people come back: a vehicle that is out of sight drives on.

    Args:
        ways: of everything, whatever cameras saw it; groups come in the order of their first
            member.
    """
    people = _People(ways)
    for later in sorted(people.numbers, key=lambda n: (float(ways[n].times_s[0]), n)):
        people.put_together(later)
    groups: dict[int, list[int]] = {}
    for number in range(len(ways)):
        groups.setdefault(people.first_of.get(number, number), []).append(number)
    return sorted((sorted(group) for group in groups.values()), key=lambda group: group[0])


class _People:
    """Ways of people, and the first way of whoever each is of, as far as that is known."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self.numbers = [n for n, way in enumerate(ways) if way.family == PERSON.name]
        self.first_of = {number: number for number in self.numbers}
        self._begin_s = np.array([ways[n].times_s[0] for n in self.numbers], np.float64)
        self._end_s = np.array([ways[n].times_s[-1] for n in self.numbers], np.float64)

    def put_together(self, later: int) -> None:
        """Give a way to the only one who was near before it began, and was out of sight then."""
        came = self._ways[later]
        begins_s, here_m = float(came.times_s[0]), came.places_m[0]
        near = self._near(here_m, begins_s - LONGEST_S, begins_s) - {later}
        if len({self.first_of[number] for number in near}) != 1:
            return
        last = max(near, key=lambda n: (float(self._ways[n].times_s[-1]), n))
        went = self._ways[last]
        ends_s, there_m = float(went.times_s[-1]), went.places_m[-1]
        reach_m = NEAR_M + _ERRORS * math.hypot(went.error_m, came.error_m)
        if ends_s >= begins_s or float(np.linalg.norm(here_m - there_m)) > reach_m:
            return
        beside = self._near(there_m, ends_s, begins_s) - {later}
        if {self.first_of[number] for number in beside} <= {self.first_of[last]}:
            self.first_of[later] = self.first_of[last]

    def _near(self, place_m: FloatArray, from_s: float, to_s: float) -> set[int]:
        """Return who was near a place in a span of time, its ends included."""
        then = np.flatnonzero((self._end_s >= from_s) & (self._begin_s <= to_s))
        found = set()
        for number in (self.numbers[i] for i in then.tolist()):
            way = self._ways[number]
            seen = (way.times_s >= from_s) & (way.times_s <= to_s)
            if (np.linalg.norm(way.places_m[seen] - place_m, axis=1) <= ALONE_M).any():
                found.add(number)
        return found
