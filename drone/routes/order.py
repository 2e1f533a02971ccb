"""The order of things to fly that may each be flown in several ways: the shortest round.

A thing is a cell of strips with four corners to begin at, or an asset with places to see it
from. OR-tools finds the order for given ways; for a given order the best ways follow exactly, by
dynamic programming over the layers of alternatives. Both are repeated as long as the round gets
shorter. It is the same every time: nothing depends on how fast the machine is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from park.errors import RouteError
from park.geodesy import FloatArray

_SOLVED_THINGS = 300
"""More things than this are put in order by going to the nearest next: the solver would take
minutes."""
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Ways:
    """One thing to fly, with its alternatives, in metres.

    Attributes:
        begins: where each alternative begins, shape (M, 2).
        ends: where it ends, shape (M, 2).
    """

    begins: FloatArray
    ends: FloatArray


def shortest_round(things: Sequence[Ways], start: FloatArray) -> list[tuple[int, int]]:
    """Return things in a good order, each with the alternative to take.

    Args:
        things: what to fly, each once.
        start: where the round begins and ends, metres, shape (2,).
    """
    if not things:
        return []
    order = _first_order(things, start)
    taken, length = best_ways([things[number] for number in order], start)
    best = list(zip(order, taken, strict=True))
    for _ in range(_ROUNDS):
        if len(things) > _SOLVED_THINGS:
            break
        ways = dict(best)
        begins = np.array([things[n].begins[ways[n]] for n in range(len(things))])
        ends = np.array([things[n].ends[ways[n]] for n in range(len(things))])
        order = [
            stop - 1 for stop in _tour(np.vstack((start, begins)), np.vstack((start, ends))) if stop
        ]
        taken, now = best_ways([things[number] for number in order], start)
        if now >= length - 0.01:
            break
        best, length = list(zip(order, taken, strict=True)), now
    return best


def best_ways(things: Sequence[Ways], start: FloatArray) -> tuple[list[int], float]:
    """Return which alternative of each thing makes a round shortest, the order being given.

    Args:
        things: in the order in which they are flown.
        start: where the round begins and ends, metres, shape (2,).

    Returns:
        The alternatives, and the length of the ways between things, those from and to the start
        included, in metres.
    """
    home = Ways(start[None, :], start[None, :])
    layers = [home, *things, home]
    cost = np.zeros(1)
    came_from = []
    for before, after in itertools.pairwise(layers):
        ways = cost[:, None] + _apart(before.ends, after.begins)
        came_from.append(np.argmin(ways, axis=0))
        cost = ways.min(axis=0)
    taken, way = [], 0
    for choice in reversed(came_from):
        way = int(choice[way])
        taken.append(way)
    return taken[-2::-1], float(cost[0])


def _first_order(things: Sequence[Ways], start: FloatArray) -> list[int]:
    """Return an order with each link taken as short as any alternatives make it."""
    if len(things) > _SOLVED_THINGS:
        return nearest_next(things, start)
    count = len(things) + 1
    layers = [Ways(start[None, :], start[None, :]), *things]
    apart = np.array(
        [[_apart(one.ends, other.begins).min() for other in layers] for one in layers]
    ).reshape(count, count)
    return [stop - 1 for stop in _solve(apart) if stop]


def nearest_next(things: Sequence[Ways], start: FloatArray) -> list[int]:
    """Return the order in which the nearest beginning of what is left comes next.

    Args:
        things: what to fly, each once.
        start: where the round begins, metres, shape (2,).
    """
    numbers = np.concatenate([np.full(len(one.begins), n) for n, one in enumerate(things)])
    begins = np.concatenate([one.begins for one in things])
    ends = np.concatenate([one.ends for one in things])
    free = np.ones(len(numbers), dtype=bool)
    here, order = start, []
    while free.any():
        away = np.where(free, np.hypot(*(begins - here).T), np.inf)
        best = int(np.argmin(away))
        order.append(int(numbers[best]))
        free[numbers == numbers[best]] = False
        here = ends[best]
    return order


def _tour(begins: FloatArray, ends: FloatArray) -> list[int]:
    return _solve(_apart(ends, begins))


def _solve(apart_m: FloatArray) -> list[int]:
    """Return the order of a short round from place 0 through all others.

    OR-tools: the cheapest arcs first, then local search until no exchange shortens the round.

    Args:
        apart_m: way from each place to each other, shape (N, N).
    """
    count = len(apart_m)
    if count <= 2:
        return list(range(count))
    manager = pywrapcp.RoutingIndexManager(count, 1, 0)
    model = pywrapcp.RoutingModel(manager)
    decimetres = np.rint(apart_m * 10.0).astype(np.int64)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(decimetres.tolist()))
    search = pywrapcp.DefaultRoutingSearchParameters()
    search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
    solution = model.SolveWithParameters(search)
    if solution is None:
        raise RouteError(f"no round through {count} places was found")
    order, index = [], model.Start(0)
    while not model.IsEnd(index):
        order.append(manager.IndexToNode(index))
        index = solution.Value(model.NextVar(index))
    return order


def _apart(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return distances from places, shape (M, 2), to others, shape (N, 2), as (M, N)."""
    return np.asarray(np.hypot(*(one[:, None] - other[None, :]).transpose(2, 0, 1)))
