"""Shortening the way along many strips by exchanges, until none helps.

Two kinds, both with strips flown from either end (2-opt and Or-opt: Croes 1958, Or 1976): turn
round a part of the tour, and move a run of a few strips elsewhere. Each strip is a line, so the
tour is a sequence of ends, and the gain of all exchanges at one place is one array expression.
OR-tools knows no tours of lines that may be turned round; on its tours of cells these exchanges
still saved a quarter of the ways between strips.
"""

from __future__ import annotations

import numpy as np

from park.geodesy import FloatArray

_RUNS = (1, 2, 3, 5, 8, 13, 21, 34)
_MAX_PASSES = 40
_LEAST_GAIN_M = 0.5
_MAX_STRIPS = 4000
"""Longer tours are left as they are: the time grows with the square."""


def exchanged(strips: FloatArray) -> FloatArray:
    """Return strips in an order and direction that make the ways between them shorter.

    Where the first begins and the last ends is free: a large area takes many sorties, and the
    ways from and to home are the sorties' own.

    Args:
        strips: in metres, shape (N, 2, 2): strip, end, east and north; in the order flown.

    Returns:
        The same strips, some of them turned round; never longer than before.
    """
    if len(strips) > _MAX_STRIPS:
        return strips
    nowhere = np.full((1, 2, 2), np.nan)
    tour = np.concatenate((nowhere, strips, nowhere))
    for _ in range(_MAX_PASSES):
        better = _turn_parts(tour)
        for run in _RUNS:
            tour, moved = _move_runs(tour, run)
            better = better or moved
        if not better:
            break
    return tour[1:-1]


def _turn_parts(tour: FloatArray) -> bool:
    """Turn round parts of a tour, in place, where that shortens it."""
    better = False
    for before in range(len(tour) - 2):
        end, begin = tour[before, 1], tour[before + 1, 0]
        last = np.arange(before + 1, len(tour) - 1)
        gain = (
            _length(begin - end)
            + _length(tour[last + 1, 0] - tour[last, 1])
            - _length(tour[last, 1] - end)
            - _length(tour[last + 1, 0] - begin)
        )
        best = int(np.argmax(gain))
        if gain[best] > _LEAST_GAIN_M:
            part = slice(before + 1, int(last[best]) + 1)
            tour[part] = tour[part][::-1, ::-1].copy()
            better = True
    return better


def _move_runs(tour: FloatArray, run: int) -> tuple[FloatArray, bool]:
    """Return a tour with runs of so many strips moved elsewhere, and whether any was."""
    better = False
    for first in range(1, len(tour) - run):
        after = first + run
        head, tail = tour[first, 0], tour[after - 1, 1]
        ways = tour[first - 1, 1], tour[after, 0]
        saved = _length(head - ways[0]) + _length(ways[1] - tail) - _length(ways[1] - ways[0])
        if saved <= _LEAST_GAIN_M:
            continue
        place = np.concatenate((np.arange(first - 1), np.arange(after, len(tour) - 1)))
        if not len(place):
            continue
        left, right = tour[place, 1], tour[place + 1, 0]
        gap = _length(right - left)
        onward = _length(head - left) + _length(right - tail) - gap
        turned = _length(tail - left) + _length(right - head) - gap
        costs = np.minimum(onward, turned)
        best = int(np.argmin(costs))
        if costs[best] >= saved - _LEAST_GAIN_M:
            continue
        moved = tour[first:after].copy()
        if turned[best] < onward[best]:
            moved = moved[::-1, ::-1]
        rest = np.concatenate((tour[:first], tour[after:]))
        put = int(place[best]) + 1 - (run if place[best] >= after else 0)
        tour = np.concatenate((rest[:put], moved, rest[put:]))
        better = True
    return tour, better


def _length(way: FloatArray) -> FloatArray:
    """Return lengths; the way to nowhere, before the first and after the last, costs nothing."""
    return np.asarray(np.fmax(np.hypot(way[..., 0], way[..., 1]), 0.0))
