"""Canals with banks and outfalls."""

from __future__ import annotations

import math
import random

from shapely.geometry import Point, Polygon

from sim_data.world.draft import AssetDraft, Draft
from sim_data.world.layout import BEYOND_M, GridLine, Layout, LineKind
from sim_data.world.records import (
    Material,
    Outfall,
    PipeRack,
    Plot,
    PlotUse,
    Tree,
    Walk,
    Water,
    WaterKind,
)

CANAL_HALF_M = 11.0
"""Half the width of the water of a canal."""

_STEP_M = 20.0
_PIPE_OFFSET_M = 19.0
_PIPE_INSET_M = 60.0
_DRAINED = (PlotUse.FACTORY, PlotUse.PROCESS, PlotUse.TREATMENT, PlotUse.WAREHOUSE)


def build_canals(draft: Draft, layout: Layout) -> None:
    """Dig every canal of the plan, in pieces between the roads that cross it."""
    columns = [line for line in layout.us if line.is_road]
    for line in layout.vs:
        if line.kind is LineKind.CANAL:
            _build_canal(draft, layout, line, columns)


def _build_canal(draft: Draft, layout: Layout, line: GridLine, columns: list[GridLine]) -> None:
    chance = random.Random(f"canal {draft.seed} {line.name}")
    phase, wave = chance.uniform(0.0, math.tau), chance.uniform(150.0, 240.0)
    end = layout.half_u_m + BEYOND_M
    cuts = [-end, *(column.at_m for column in columns), end]
    colour = (chance.randrange(70, 88), chance.randrange(96, 110), chance.randrange(92, 104))
    for index in range(len(cuts) - 1):
        low, high = cuts[index], cuts[index + 1]
        steps = max(2, math.ceil((high - low) / _STEP_M))
        us = [low + (high - low) * k / steps for k in range(steps + 1)]
        middle = [line.at_m + 5.0 * math.sin(u / wave * math.tau + phase) for u in us]
        south = [(u, v - CANAL_HALF_M) for u, v in zip(us, middle, strict=True)]
        north = [(u, v + CANAL_HALF_M) for u, v in zip(us, middle, strict=True)]
        area = layout.grid.shape([*south, *reversed(north)])
        half = line.half_width_m
        strip = layout.grid.rect(low, line.at_m - half, high, line.at_m + half)
        draft.ground(strip, Material.LAWN, 1, -0.05)
        draft.waters.append(Water(f"canal-{line.name}-{index + 1}", area, WaterKind.CANAL, colour))
        _build_banks(draft, layout, line, (low, high), chance)


def _build_banks(
    draft: Draft, layout: Layout, line: GridLine, span: tuple[float, float], chance: random.Random
) -> None:
    low, high = max(span[0], -layout.half_u_m) + 20.0, min(span[1], layout.half_u_m) - 20.0
    if high - low < 40.0:
        return
    v = line.at_m + 21.0
    draft.ground(layout.grid.rect(low, v - 1.2, high, v + 1.2), Material.PAVING, 3)
    walk = layout.grid.line((low, v), (high, v))
    walk_id = draft.next_id(f"canal-{line.name}-walk-")
    draft.walks.append(Walk(walk_id, walk, 2.0, False, chance.uniform(0.3, 1.2)))
    _build_pipe(draft, layout, line, span)
    for side in (-24.5, 24.0):
        for index in range(int((high - low) / 13.0)):
            if chance.random() < 0.25:
                continue
            east_m, north_m = layout.grid.at(low + (index + 0.5) * 13.0, line.at_m + side)
            radius = chance.uniform(1.6, 2.9)
            draft.trees.append(Tree(east_m, north_m, radius, 2.4 * radius))


def _build_pipe(draft: Draft, layout: Layout, line: GridLine, span: tuple[float, float]) -> None:
    """Lead a pipe rack along the south bank, above the roads that cross the canal."""
    edge = layout.half_u_m - _PIPE_INSET_M
    low, high = max(span[0], -edge), min(span[1], edge)
    v = line.at_m - _PIPE_OFFSET_M
    pipe_id = draft.next_id(f"pipes-{line.name}-")
    rack = layout.grid.line((low, v), (high, v))
    draft.pipe_racks.append(PipeRack(pipe_id, rack, 2.4, 7.0, "steam"))


def build_outfalls(draft: Draft, layout: Layout) -> None:
    """Let plots beside a canal drain into it."""
    canals = [water for water in draft.waters if water.kind is WaterKind.CANAL]
    lines = [line for line in layout.vs if line.kind is LineKind.CANAL]
    number = 0
    for plot in draft.plots:
        if plot.use not in _DRAINED:
            continue
        beside = _canal_beside(layout, plot, lines)
        if beside is None:
            continue
        east_m, north_m, heading = beside
        place = Point(east_m, north_m)
        water = min(canals, key=lambda one: one.area.distance(place))
        if water.area.distance(place) > 30.0:
            continue
        number += 1
        _build_outfall(draft, plot, water, (east_m, north_m, heading), f"outfall-{number}")


def _canal_beside(
    layout: Layout, plot: Plot, lines: list[GridLine]
) -> tuple[float, float, float] | None:
    """Return the place at the edge of a plot from which its pipe goes to a canal, with heading."""
    middle = plot.area.centroid
    grid = layout.grid
    east, north = middle.x - grid.east_m, middle.y - grid.north_m
    u = east * grid.x_east + north * grid.x_north
    v = east * grid.y_east + north * grid.y_north
    half = math.sqrt(plot.area.area)
    for line in lines:
        away = line.at_m - v
        if abs(away) - line.reserve_m < half:
            sign = 1.0 if away > 0.0 else -1.0
            place = grid.at(u, line.at_m - sign * (line.half_width_m - 1.0))
            return (*place, grid.heading_deg(0.0 if sign > 0.0 else 180.0))
    return None


def _build_outfall(
    draft: Draft, plot: Plot, water: Water, edge: tuple[float, float, float], outfall_id: str
) -> None:
    east_m, north_m, heading = edge
    sine, cosine = math.sin(math.radians(heading)), math.cos(math.radians(heading))
    away = water.area.distance(Point(east_m, north_m))
    bank = (east_m + away * sine, north_m + away * cosine)
    corners = [
        (bank[0] + along * sine + across * cosine, bank[1] + along * cosine - across * sine)
        for along, across in ((-4.0, -1.4), (-4.0, 1.4), (0.8, 1.4), (0.8, -1.4))
    ]
    draft.ground(Polygon(corners), Material.CONCRETE, 6, 0.15)
    draft.outfalls.append(Outfall(outfall_id, water.water_id, plot.plot_id, *bank, heading))
    number = outfall_id.removeprefix("outfall-")
    draft.assets.append(
        AssetDraft(
            outfall_id,
            f"{number}号排水口",
            f"Outfall {number}",
            bank,
            "outfall",
            2,
            plot.owner_en,
        )
    )
