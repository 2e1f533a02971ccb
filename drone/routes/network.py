"""Covering a network of lines by the shortest round: route inspection.

A drone need not follow the network where it repeats itself: it flies straight from one junction
to another. So the network is made connected, and all its junctions even, by straight links as
short as can be; then it has an Euler round, which covers every line once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import networkx as nx
import numpy as np
import shapely
from scipy.spatial import cKDTree
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from park.geodesy import FloatArray

_SNAP_M = 0.5
"""Ends of lines this close are one junction, metres."""
_NEIGHBOURS = 8


def covering_lines(
    lines: BaseGeometry, *, start: tuple[float, float], offset_m: float = 0.0, both: bool = False
) -> tuple[list[LineString], float]:
    """Return lines to fly in order, and the length of the network that they cover.

    Args:
        lines: in metres.
        start: where the round begins and ends, metres.
        offset_m: distance beside each line, to the right of the way it is flown.
        both: fly each line in either direction, so that with an offset either side is flown.
    """
    graph = _graph(lines)
    length = float(sum(line.length for _, _, line in graph.edges(data="line")))
    _connect(graph)
    if both:
        # Every line once in either direction: such a network is even as it is.
        graph = graph.to_directed()
        length *= 2.0
    else:
        _make_even(graph)
    flown: list[LineString] = []
    run: list[FloatArray] = []
    for line in _round(graph, np.array(start)):
        if line is not None:
            run.append(line)
        if run and (line is None or offset_m):
            flown.extend(_flown(run, offset_m))
            run = []
    if run:
        flown.extend(_flown(run, offset_m))
    return flown, length


def _flown(run: list[FloatArray], offset_m: float) -> list[LineString]:
    """Return what is flown along lines that follow one another."""
    line = LineString(np.concatenate([run[0], *(part[1:] for part in run[1:])]))
    if not offset_m:
        return [line]
    beside = shapely.offset_curve(line, -offset_m, join_style="mitre", mitre_limit=2.0)
    return [part for part in shapely.get_parts(beside) if part.length > 0.0]


def _graph(lines: BaseGeometry) -> nx.MultiGraph:
    """Return the network noded where lines cross or touch, chains between junctions as edges."""
    noded = shapely.line_merge(shapely.node(shapely.set_precision(lines, 0.01)))
    graph = nx.MultiGraph()
    parts = [half for part in shapely.get_parts(noded) for half in _open(part)]
    ends = np.array([[part.coords[0], part.coords[-1]] for part in parts]).reshape(-1, 2)
    names = _snapped(ends)
    for number, part in enumerate(parts):
        one, other = names[2 * number], names[2 * number + 1]
        if part.length <= _SNAP_M and one == other:
            continue
        graph.add_node(one, xy=ends[2 * number])
        graph.add_node(other, xy=ends[2 * number + 1])
        graph.add_edge(one, other, line=part)
    return graph


def _open(line: LineString) -> list[LineString]:
    """Return a line, or the two halves of one that ends where it begins: a way has two ends."""
    if line.length == 0.0 or not line.is_closed:
        return [line] if line.length else []
    halves = [substring(line, low, low + 0.5, normalized=True) for low in (0.0, 0.5)]
    return [half for half in halves if isinstance(half, LineString)]


def _snapped(ends: FloatArray) -> list[int]:
    groups = nx.Graph()
    groups.add_nodes_from(range(len(ends)))
    groups.add_edges_from(cKDTree(ends).query_pairs(_SNAP_M))
    names = [0] * len(ends)
    for group in nx.connected_components(groups):
        first = min(group)
        for member in group:
            names[member] = first
    return names


def _connect(graph: nx.MultiGraph) -> None:
    """Join separate parts by the shortest links between their junctions."""
    parts = [sorted(part) for part in nx.connected_components(graph)]
    if len(parts) < 2:
        return
    places = [np.array([graph.nodes[node]["xy"] for node in part]) for part in parts]
    between = nx.Graph()
    for (i, one), (j, other) in itertools.combinations(enumerate(places), 2):
        away, nearest = cKDTree(one).query(other)
        best = int(np.argmin(away))
        link = (parts[i][int(nearest[best])], parts[j][best])
        between.add_edge(i, j, weight=float(away[best]), link=link)
    for _, _, found in nx.minimum_spanning_edges(between):
        graph.add_edge(*found["link"], line=None)


def _make_even(graph: nx.MultiGraph) -> None:
    """Pair junctions with an odd number of lines by straight links, short ones."""
    odd = sorted(node for node, degree in graph.degree() if degree % 2)
    if not odd:
        return
    xy = np.array([graph.nodes[node]["xy"] for node in odd])
    near = nx.Graph()
    away, other = cKDTree(xy).query(xy, k=min(_NEIGHBOURS + 1, len(odd)))
    for one in range(len(odd)):
        for metres, two in zip(away[one], other[one], strict=True):
            if int(two) != one:
                near.add_edge(one, int(two), weight=float(metres))
    pairs = set(nx.min_weight_matching(near))
    left = sorted(set(range(len(odd))) - {node for pair in pairs for node in pair})
    if left:
        rest = nx.Graph()
        for one, two in itertools.combinations(left, 2):
            rest.add_edge(one, two, weight=float(np.hypot(*(xy[one] - xy[two]))))
        pairs |= set(nx.min_weight_matching(rest))
    for one, two in pairs:
        graph.add_edge(odd[one], odd[two], line=None)


def _round(graph: nx.MultiGraph, start: FloatArray) -> Iterator[FloatArray | None]:
    """Yield the lines of an Euler round in the direction flown; None for a straight link."""
    place = graph.nodes(data="xy")
    first = min(graph.nodes, key=lambda node: _apart_m(place[node], start))
    walk = list(nx.eulerian_circuit(graph, source=first, keys=True))
    lines = [graph.edges[step]["line"] for step in walk]
    # The way from and to home takes the place of the link where it costs least.
    detours = {
        number: _apart_m(place[one], start)
        + _apart_m(place[other], start)
        - _apart_m(place[one], place[other])
        for number, ((one, other, _), line) in enumerate(zip(walk, lines, strict=True))
        if line is None
    }
    turn = min(detours, key=detours.__getitem__) if detours else 0
    for (one, _, _), line in zip(
        walk[turn:] + walk[:turn], lines[turn:] + lines[:turn], strict=True
    ):
        if line is None:
            yield None
            continue
        xy = np.asarray(line.coords)[:, :2]
        backwards = _apart_m(xy[0], place[one]) > _apart_m(xy[-1], place[one])
        yield xy[::-1] if backwards else xy


def _apart_m(one: FloatArray, other: FloatArray) -> float:
    return float(np.hypot(*(one - other)))
