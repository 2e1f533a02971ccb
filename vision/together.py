"""The same moving thing in what several cameras saw at one time, found by the way it went.

A thing that stands is one thing by its place. One that moves is somewhere else in every picture,
and each camera follows it by itself: two cameras on one drone, or two drones, would count every
car twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from park.geodesy import FloatArray

LEAST_TOGETHER_S = 1.0
"""Ways that lead side by side for less than this may as well only cross."""

LEAST_APART_M = 2.0
"""Boxes of one thing wander by as much between two cameras, however well both are placed."""

_LEAST_SIGHTINGS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How a thing went, as one camera followed it.

    Attributes:
        family: what it may be taken for.
        sources: the files in which it was followed.
        times_s: of its sightings, ascending, shape (N,).
        places_m: east and north, shape (N, 2).
        error_m: 68 % radius of its places, the median.
    """

    family: str
    sources: frozenset[str]
    times_s: FloatArray
    places_m: FloatArray
    error_m: float


def seen_together(ways: Sequence[Way]) -> list[list[int]]:
    """Return which ways are of one thing, by their numbers, each number in one group.

    Two ways of different files are of one thing where they are followed at the same time for a
    second or more and are not further apart, in the median, than the errors of both together.
    The nearest pairs are joined first. Two ways of one file at one time are two things, so of two
    cars one behind the other neither takes both of the other camera's.

    Args:
        ways: in any order; groups come in the order of their first member.
    """
    group_of = list(range(len(ways)))
    members = [[number] for number in range(len(ways))]
    for _, one, other in sorted(_pairs(ways)):
        mine, theirs = group_of[one], group_of[other]
        if mine == theirs or _two_things(ways, members[mine], members[theirs]):
            continue
        first, second = min(mine, theirs), max(mine, theirs)
        for number in members[second]:
            group_of[number] = first
        members[first] += members[second]
        members[second] = []
    return [sorted(group) for group in members if group]


def _pairs(ways: Sequence[Way]) -> list[tuple[float, int, int]]:
    """Return pairs that may be of one thing: how far apart as a share of what may be, and which."""
    found = []
    going: list[int] = []
    for number in sorted(range(len(ways)), key=lambda n: (float(ways[n].times_s[0]), n)):
        way = ways[number]
        going = [n for n in going if float(ways[n].times_s[-1]) >= float(way.times_s[0])]
        for other in going:
            share = _apart(way, ways[other])
            if share is not None and share <= 1.0:
                found.append((share, min(number, other), max(number, other)))
        going.append(number)
    return found


def _apart(one: Way, other: Way) -> float | None:
    """Return how far apart two ways are as a share of their errors; None where none can tell."""
    if one.family != other.family or not one.sources.isdisjoint(other.sources):
        return None
    start_s = max(float(one.times_s[0]), float(other.times_s[0]))
    end_s = min(float(one.times_s[-1]), float(other.times_s[-1]))
    if end_s - start_s < LEAST_TOGETHER_S:
        return None
    common = (one.times_s >= start_s) & (one.times_s <= end_s)
    if np.count_nonzero(common) < _LEAST_SIGHTINGS:
        return None
    times_s = one.times_s[common]
    there_m = np.column_stack(
        [np.interp(times_s, other.times_s, other.places_m[:, axis]) for axis in (0, 1)]
    )
    apart_m = float(np.median(np.linalg.norm(one.places_m[common] - there_m, axis=1)))
    return apart_m / max(LEAST_APART_M, math.hypot(one.error_m, other.error_m))


def _two_things(ways: Sequence[Way], some: Sequence[int], others: Sequence[int]) -> bool:
    """Return whether any file shows a way of each at the same time."""
    return any(
        not ways[a].sources.isdisjoint(ways[b].sources)
        and ways[a].times_s[0] <= ways[b].times_s[-1]
        and ways[b].times_s[0] <= ways[a].times_s[-1]
        for a in some
        for b in others
    )
