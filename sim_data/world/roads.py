"""The road network of a simulated park: carriageways, paint, lanes, junctions, verges."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sim_data.world.draft import YELLOW, Draft
from sim_data.world.layout import BEYOND_M, SPEED_MPS, VERGE_M, GridLine, Layout, LineKind
from sim_data.world.records import (
    Junction,
    Kerb,
    Lane,
    Material,
    Pole,
    PoleKind,
    Road,
    Tree,
    TreeKind,
    Walk,
)
from sim_data.world.spot import Spot

LANE_OFFSETS_M: dict[LineKind, tuple[float, ...]] = {
    LineKind.COLLECTOR: (2.0,),
    LineKind.ARTERIAL: (6.2, 2.4),
}
"""From the middle of a road to the middle of each lane of one direction, the kerb's lane first."""

LANE_WIDTH_M: dict[LineKind, float] = {LineKind.COLLECTOR: 3.6, LineKind.ARTERIAL: 3.6}

STOP_M = 5.5
"""From the kerb of the road across to the stop line: room for the zebra crossing."""

_LAMP_EVERY_M = 38.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A road between two crossings, on axes of its own: y along it, x to its right.

    Attributes:
        spot: axes; (0, 0) is the middle of the crossing where it begins.
        line: the road.
        length_m: to the middle of the crossing where it ends.
        start_m: half the width of the road across where it begins; 0 at an end of the road.
        end_m: the same where it ends.
        joins: the junctions where it begins and ends, "" at an end of the road.
        outside: whether it is the piece beyond the boundary.
        developed: whether something is built to its left, and to its right.
    """

    spot: Spot
    line: GridLine
    road_id: str
    length_m: float
    start_m: float
    end_m: float
    joins: tuple[str, str]
    outside: bool
    developed: tuple[bool, bool]


def build_roads(draft: Draft, layout: Layout) -> None:
    """Build every road of the plan with its lanes, junctions, paint, lamps, trees and walks."""
    columns = [line for line in layout.us if line.is_road]
    rows = [line for line in layout.vs if line.is_road]
    developed = {(cell.column, cell.row) for cell in layout.cells if cell.developed}
    for column in columns:
        for row in rows:
            _build_junction(draft, layout, column, row)
    for number, line in enumerate(columns):
        _build_road(draft, layout, line, rows, developed, number, upwards=True)
    for number, line in enumerate(rows):
        _build_road(draft, layout, line, columns, developed, number, upwards=False)


def junction_id(column: GridLine, row: GridLine) -> str:
    """Return the id of the junction of a north-south with an east-west line."""
    return f"j-{column.name}{row.name}"


def _build_junction(draft: Draft, layout: Layout, column: GridLine, row: GridLine) -> None:
    u, v = column.at_m, row.at_m
    east_m, north_m = layout.grid.at(u, v)
    half_u, half_v = column.half_width_m, row.half_width_m
    signals = LineKind.ARTERIAL in (column.kind, row.kind)
    draft.junctions.append(
        Junction(junction_id(column, row), east_m, north_m, signals, max(half_u, half_v) + STOP_M)
    )
    area = layout.grid.rect(u - half_u, v - half_v, u + half_u, v + half_v)
    draft.ground(area, Material.ASPHALT, 4)
    if signals:
        for turn, across, along in ((0, half_u, half_v), (90, half_v, half_u)):
            for side in (0, 180):
                spot = layout.grid.turned(u, v, turn + side)
                east_m, north_m = spot.at(across + 1.2, along + STOP_M - 2.0)
                draft.poles.append(
                    Pole(
                        east_m,
                        north_m,
                        6.2,
                        PoleKind.SIGNAL,
                        spot.heading_deg(270.0),
                        min(across, 6.0),
                    )
                )


def _build_road(
    draft: Draft,
    layout: Layout,
    line: GridLine,
    crossings: list[GridLine],
    developed: set[tuple[int, int]],
    number: int,
    *,
    upwards: bool,
) -> None:
    """Build one road from beyond the boundary to beyond the boundary."""
    half = layout.half_v_m if upwards else layout.half_u_m
    ends = half + BEYOND_M
    road_id = f"road-{line.name}"
    letter = line.name.upper()
    kind_zh, kind_en = ("大道", "Avenue") if upwards else ("路", "Road")
    grid = layout.grid
    whole = (
        grid.line((line.at_m, -ends), (line.at_m, ends))
        if upwards
        else grid.line((-ends, line.at_m), (ends, line.at_m))
    )
    draft.roads.append(
        Road(
            road_id,
            f"示例{letter}{kind_zh}",
            f"Sample {kind_en} {letter}",
            line.road_class,
            whole,
            2.0 * line.half_width_m,
            2 * len(LANE_OFFSETS_M[line.kind]),
            SPEED_MPS[line.kind],
        )
    )
    places = [-ends, *(crossing.at_m for crossing in crossings), ends]
    names = ["", *(_name(line, crossing, upwards=upwards) for crossing in crossings), ""]
    widths = [0.0, *(crossing.half_width_m for crossing in crossings), 0.0]
    for index in range(len(places) - 1):
        start = (line.at_m, places[index]) if upwards else (places[index], line.at_m)
        middle = min(max((places[index] + places[index + 1]) / 2.0, 40.0 - half), half - 40.0)
        piece = _Piece(
            spot=grid.turned(*start, 0.0 if upwards else 90.0),
            line=line,
            road_id=road_id,
            length_m=places[index + 1] - places[index],
            start_m=widths[index],
            end_m=widths[index + 1],
            joins=(names[index], names[index + 1]),
            outside=index in (0, len(places) - 2),
            developed=_developed_beside(layout, line, middle, developed, upwards=upwards),
        )
        _build_piece(draft, piece, random.Random(f"{draft.seed} {road_id} {index}"))


def _name(line: GridLine, crossing: GridLine, *, upwards: bool) -> str:
    return junction_id(line, crossing) if upwards else junction_id(crossing, line)


def _developed_beside(
    layout: Layout,
    line: GridLine,
    along_m: float,
    developed: set[tuple[int, int]],
    *,
    upwards: bool,
) -> tuple[bool, bool]:
    """Return whether the blocks to the left and to the right of a place of a road are built on."""
    mine, others = (layout.us, layout.vs) if upwards else (layout.vs, layout.us)
    here = mine.index(line)
    there = next(
        (k for k in range(len(others) - 1) if others[k].at_m <= along_m < others[k + 1].at_m), -1
    )
    if upwards:
        return (here - 1, there) in developed, (here, there) in developed
    return (there, here) in developed, (there, here - 1) in developed


def _build_piece(draft: Draft, piece: _Piece, chance: random.Random) -> None:
    half = piece.line.half_width_m
    y0, y1 = piece.start_m, piece.length_m - piece.end_m
    old = piece.line.kind is LineKind.COLLECTOR and chance.random() < 0.4
    material = Material.ASPHALT_OLD if old else Material.ASPHALT
    draft.ground(piece.spot.rect(-half, y0, half, y1), material, 3, chance.uniform(-0.12, 0.12))
    for side in (-1.0, 1.0):
        draft.kerbs.append(Kerb(piece.spot.line((side * half, y0), (side * half, y1))))
    _paint_piece(draft, piece)
    _lay_lanes(draft, piece)
    for side in (0, 1):
        _build_verge(draft, piece, chance, -1.0 if side == 0 else 1.0, piece.developed[side])


def _paint_piece(draft: Draft, piece: _Piece) -> None:
    half, spot = piece.line.half_width_m, piece.spot
    y0 = piece.start_m + (STOP_M if piece.joins[0] else 0.0)
    y1 = piece.length_m - piece.end_m - (STOP_M if piece.joins[1] else 0.0)
    if piece.line.kind is LineKind.ARTERIAL:
        for x in (-0.22, 0.22):
            draft.paint(spot.line((x, y0), (x, y1)), 0.15, YELLOW)
        for x in (-4.3, 4.3):
            draft.paint(spot.line((x, y0), (x, y1)), 0.15, dash_m=(4.0, 6.0))
        for x in (-half + 0.35, half - 0.35):
            draft.paint(spot.line((x, y0), (x, y1)), 0.15)
    else:
        draft.paint(spot.line((0.0, y0), (0.0, y1)), 0.15, YELLOW, (4.0, 6.0))
    for y, side, joins in ((y0, -1.0, piece.joins[0]), (y1, 1.0, piece.joins[1])):
        if not joins:
            continue
        # Traffic keeps to the right: it stops at the far end on the right half of the road.
        draft.paint(spot.line((side * 0.3, y), (side * half, y)), 0.35)
        zebra = y + side * 2.6
        draft.paint(spot.line((-half + 0.6, zebra), (half - 0.6, zebra)), 3.4, dash_m=(0.5, 0.6))


def _lay_lanes(draft: Draft, piece: _Piece) -> None:
    y0 = piece.start_m + (STOP_M if piece.joins[0] else 0.0)
    y1 = piece.length_m - piece.end_m - (STOP_M if piece.joins[1] else 0.0)
    if y1 - y0 < 5.0:
        return
    begin, end = piece.joins
    for rank, offset in enumerate(LANE_OFFSETS_M[piece.line.kind]):
        for line, joins in (
            (piece.spot.line((offset, y0), (offset, y1)), (begin, end)),
            (piece.spot.line((-offset, y1), (-offset, y0)), (end, begin)),
        ):
            draft.lanes.append(
                Lane(
                    draft.next_id(f"{piece.road_id}-l"),
                    piece.road_id,
                    line,
                    LANE_WIDTH_M[piece.line.kind],
                    SPEED_MPS[piece.line.kind],
                    rank,
                    *joins,
                )
            )


def _build_verge(
    draft: Draft, piece: _Piece, chance: random.Random, side: float, developed: bool
) -> None:
    """Lay grass, a walk, lamps and trees along one side of a piece of road."""
    half, spot = piece.line.half_width_m, piece.spot
    y0 = piece.start_m + VERGE_M * (1.0 if piece.joins[0] else 0.0)
    y1 = piece.length_m - piece.end_m - VERGE_M * (1.0 if piece.joins[1] else 0.0)
    if not developed:
        return
    inner, outer = side * (half + 0.2), side * (half + VERGE_M)
    y_low = y0 if not (piece.outside and not piece.joins[0]) else y0 + BEYOND_M + 30.0
    y_high = y1 if not (piece.outside and not piece.joins[1]) else y1 - BEYOND_M - 30.0
    if y_high - y_low < 20.0:
        return
    draft.ground(spot.rect(inner, y_low, outer, y_high), Material.LAWN, 2, chance.uniform(-0.2, 0))
    walk_x = side * (half + 5.2)
    draft.ground(spot.rect(walk_x - 1.3, y_low, walk_x + 1.3, y_high), Material.PAVING, 3)
    walk = spot.line((walk_x, y_low), (walk_x, y_high))
    draft.walks.append(
        Walk(draft.next_id(f"{piece.road_id}-w"), walk, 2.2, False, chance.uniform(0.5, 3.0))
    )
    first = y_low + 8.0
    for index in range(int((y_high - first) / _LAMP_EVERY_M)):
        east_m, north_m = spot.at(side * (half + 0.9), first + index * _LAMP_EVERY_M)
        heading = spot.heading_deg(-90.0 * side)
        draft.poles.append(Pole(east_m, north_m, 9.0, PoleKind.LAMP, heading, 2.2))
    spacing = chance.uniform(10.0, 15.0)
    conifer = chance.random() < 0.1
    for index in range(int((y_high - first) / spacing)):
        if chance.random() < 0.12:
            continue
        east_m, north_m = spot.at(side * (half + 2.3), first + (index + 0.5) * spacing)
        radius = chance.uniform(1.5, 2.6)
        kind = TreeKind.CONIFER if conifer else TreeKind.BROAD
        draft.trees.append(Tree(east_m, north_m, radius, 2.6 * radius, kind))
