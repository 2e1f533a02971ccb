"""What the site file of a simulated park watches for, and where: every type of incident once.

Zones for one type of incident do not overlap, so that what happens is reported once: a fire
belongs to its plot, a queue to its road, a stain to its canal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from park.records import JsonValue
from sim_data.world.draft import Draft, ZoneDraft
from sim_data.world.records import Material, Plot, PlotUse, Road, WaterKind

PARK_OFFICE = "Sample park office (invented)"
"""Owner of what belongs to no plot."""

_Rule = dict[str, JsonValue]

_AROUND_M = 4.0
"""A plot's zone reaches this far beyond its edge; plots are 10 m apart."""

_TO_KERB_M = 9.0
"""A plot's zone reaches so far where nothing but the verge of a road is beyond it."""
_LEAST_HALF_M = 2.5
_LEAST_PART_M2 = 100.0
_TILE_M = 600.0
_SLIVER_M = 0.5
_GRID_M = 0.1
_GAP_M = 0.05
"""Neighbours are so far apart, that rounding does not make them overlap."""
_WATCHED_BEFORE = ("plot-", "carriageway-", "reserve-")

_HOT: _Rule = {
    "type": "watch",
    "incident": "overheating_equipment",
    "limit_c": 75.0,
    "above_ambient_c": 30.0,
    # Two transformers side by side are two incidents.
    "join_m": 5.0,
}


def draw_zones(draft: Draft, boundary: Polygon) -> None:
    """Draw the zones of plots, roads and waters; those of single things are drawn with them."""
    _plots(draft)
    inner = boundary.buffer(-2.0, join_style="mitre")
    assert isinstance(inner, Polygon)
    crossed: BaseGeometry = Polygon()
    for road in draft.roads:
        whole = road.line.buffer(road.width_m / 2.0, cap_style="flat")
        # A crossing belongs to the first of its roads.
        area = _opened(whole.intersection(inner).difference(crossed))
        crossed = crossed.union(whole)
        if isinstance(area, Polygon | MultiPolygon) and not area.is_empty:
            draft.zones.append(_carriageway(road, area))
    _waters(draft, inner)
    for number, area in enumerate(draft.reserves, start=1):
        draft.zones.append(
            ZoneDraft(
                f"reserve-{number}",
                f"预留地 {number}",
                f"Land in reserve {number}",
                area,
                PARK_OFFICE,
                (*_fire(smoke="smoke"), _watch("dumped_rubbish"), _watch("new_structure")),
            )
        )
    _open_ground(draft, inner)


def _watch(incident: str) -> _Rule:
    return {"type": "watch", "incident": incident}


def _fire(smoke: str) -> tuple[_Rule, ...]:
    return (_watch("open_flame"), _watch(smoke))


def _plots(draft: Draft) -> None:
    smoking = {stack.plot_id for stack in draft.stacks}
    uncovered = {pile.plot_id for pile in draft.stockpiles if not pile.covered}
    grounds = _grounds(draft)
    for plot in draft.plots:
        # Smoke above a plot with a stack is taken for the stack's.
        rules = [
            *_fire("smoke_plume" if plot.plot_id in smoking else "smoke"),
            _watch("dumped_rubbish"),
            {"type": "people_limit", "max_count": 12, "incident": "gathering"},
            _watch("occupied_public_space" if plot.use is PlotUse.PLAZA else "new_structure"),
        ]
        if plot.use is not PlotUse.GREEN:
            rules.append(_HOT)
        notes = ""
        if plot.plot_id in uncovered:
            notes = "A yard for loose material: heaps without a cover are allowed here."
        elif plot.use is not PlotUse.CONSTRUCTION:
            rules.append(_watch("bare_soil"))
        name_zh, name_en = f"{plot.plot_id.upper()} 地块", f"Plot {plot.plot_id.upper()}"
        area = grounds[plot.plot_id]
        draft.zones.append(
            ZoneDraft(
                f"plot-{plot.plot_id}", name_zh, name_en, area, plot.owner_en, tuple(rules), notes
            )
        )
    _covered_ground(draft)


def _grounds(draft: Draft) -> dict[str, Polygon]:
    """Return what belongs to each plot: itself, a few metres around, and its verge to the kerb."""
    near = [plot.area.buffer(_AROUND_M, join_style="mitre") for plot in draft.plots]
    roads = [road.line.buffer(road.width_m / 2.0, cap_style="flat") for road in draft.roads]
    waters = [water.area for water in draft.waters if water.kind is WaterKind.CANAL]
    others = [*near, *roads, *waters]
    tree = shapely.STRtree(others)
    wide = [plot.area.buffer(_TO_KERB_M, join_style="mitre") for plot in draft.plots]
    neighbours = shapely.STRtree(wide)
    grounds: list[Polygon] = []
    for number, (area, plot_area) in enumerate(zip(wide, near[: len(wide)], strict=True)):
        beside = [others[i] for i in tree.query(area).tolist() if i != number]
        beside += [grounds[i] for i in neighbours.query(area).tolist() if i < number]
        parts = _polygons(_opened(area.difference(unary_union(beside)) if beside else area))
        grounds.append(max(parts, key=lambda part: part.area, default=plot_area))
    return {plot.plot_id: ground for plot, ground in zip(draft.plots, grounds, strict=True)}


def _covered_ground(draft: Draft) -> None:
    """Draw where construction sites keep the soil covered: everywhere but in their pits."""
    pits = [patch.area for patch in draft.patches if patch.material is Material.SOIL]
    for plot in draft.plots:
        if plot.use is not PlotUse.CONSTRUCTION:
            continue
        mine = unary_union([pit.buffer(2.0) for pit in pits if plot.area.intersects(pit)])
        area = plot.area.difference(mine)
        if isinstance(area, Polygon) and not area.is_empty:
            draft.zones.append(_dust_zone(plot, area))


def _dust_zone(plot: Plot, area: Polygon) -> ZoneDraft:
    return ZoneDraft(
        f"cover-{plot.plot_id}",
        f"{plot.plot_id.upper()} 防尘覆盖区",
        f"Ground of plot {plot.plot_id.upper()} that has to be covered",
        area,
        plot.owner_en,
        (_watch("bare_soil"),),
        "Soil and heaps are covered here; the pit is left out.",
    )


def _carriageway(road: Road, area: Polygon | MultiPolygon) -> ZoneDraft:
    wide = road.lanes >= 4
    rules: list[_Rule] = [
        {
            "type": "congestion",
            "lanes": road.lanes,
            # A queue at a red light is at most 46 m long.
            "min_length_m": 55.0,
            "min_vehicles_per_lane_km": 18.0 if wide else 35.0,
        },
        {"type": "people_limit", "max_count": 8, "incident": "crowd_on_carriageway"},
        _watch("road_obstruction"),
        *_fire(smoke="smoke"),
    ]
    if wide:
        rules.insert(0, {"type": "no_parking", "min_dwell_s": 180, "severity": 2})
    return ZoneDraft(
        f"carriageway-{road.road_id}",
        f"{road.name_zh}车行道",
        f"Carriageway of {road.name_en}",
        area,
        PARK_OFFICE,
        tuple(rules),
    )


def _waters(draft: Draft, inner: Polygon) -> None:
    for water in draft.waters:
        if water.kind is WaterKind.BASIN:
            continue
        area = water.area.intersection(inner)
        if not isinstance(area, Polygon) or area.area < 200.0:
            continue
        draft.zones.append(
            ZoneDraft(
                f"water-{water.water_id}",
                f"水体 {water.water_id}",
                f"Water {water.water_id}",
                area,
                PARK_OFFICE,
                (_watch("discoloured_water"),),
            )
        )


_LYING: tuple[_Rule, ...] = (
    _watch("dumped_rubbish"),
    _watch("bare_soil"),
    _watch("new_structure"),
    {"type": "people_limit", "max_count": 12, "incident": "gathering"},
)


def _open_ground(draft: Draft, inner: Polygon) -> None:
    """Draw what is left between plots, roads and waters: canal banks, meadows, the fence's band."""
    watched = [zone.area for zone in draft.zones if zone.zone_id.startswith(_WATCHED_BEFORE)]
    taken = np.array([*watched, *(water.area for water in draft.waters)])
    tree = shapely.STRtree(taken)
    parts = [
        part
        for tile in _tiles(inner)
        for part in _wide_parts(
            tile.difference(shapely.union_all(shapely.intersection(taken[tree.query(tile)], tile)))
        )
    ]
    for number, area in enumerate(parts, start=1):
        draft.zones.append(
            ZoneDraft(
                f"open-ground-{number}",
                f"空地 {number}",
                f"Open ground {number}",
                area,
                PARK_OFFICE,
                (*_fire(smoke="smoke"), *_LYING),
                "Banks, meadows and verges that belong to no plot.",
            )
        )


def _tiles(inner: Polygon) -> Iterator[BaseGeometry]:
    """Yield an area in pieces of a size that people and programs can handle."""
    west, south, east, north = inner.bounds
    shapely.prepare(inner)
    for i in range(math.ceil((east - west) / _TILE_M)):
        for j in range(math.ceil((north - south) / _TILE_M)):
            left, low = west + i * _TILE_M, south + j * _TILE_M
            tile = inner.intersection(shapely.box(left, low, left + _TILE_M, low + _TILE_M))
            if not tile.is_empty:
                yield tile


def _opened(area: BaseGeometry, half_m: float = _SLIVER_M) -> BaseGeometry:
    """Return an area without what is narrower than twice `half_m`, on a grid of 0.1 m.

    On a grid no corner is so near to another edge that rounding in a site file makes an outline
    cross itself.
    """
    wide = area.buffer(-half_m).buffer(half_m - _GAP_M, join_style="mitre").intersection(area)
    return shapely.set_precision(wide, _GRID_M)


def _wide_parts(area: BaseGeometry) -> list[Polygon]:
    """Return the parts of an area in which a thing can be placed for certain."""
    return [part for part in _polygons(_opened(area, _LEAST_HALF_M)) if part.area >= _LEAST_PART_M2]


def _polygons(area: BaseGeometry) -> list[Polygon]:
    parts = getattr(area, "geoms", [area])
    return [part for part in parts if isinstance(part, Polygon) and not part.is_empty]
