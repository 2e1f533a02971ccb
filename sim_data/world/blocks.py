"""From blocks to plots: how land is divided, and what each plot is used for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shapely import prepare
from shapely.geometry import Polygon, box

from sim_data.world.draft import Draft, NoFlyDraft
from sim_data.world.layout import FENCE_BAND_M, Cell, GridLine, Layout, LineKind
from sim_data.world.lot import Lot
from sim_data.world.open_ground import (
    build_construction,
    build_green,
    build_plaza,
    build_reserve,
    build_stockyard,
)
from sim_data.world.plant import (
    build_gas_station,
    build_process,
    build_substation,
    build_treatment,
)
from sim_data.world.records import Material, Plot, PlotUse
from sim_data.world.spot import Spot
from sim_data.world.works import build_factory, build_office, build_warehouse

_GAP_M = 5.0
_LEAST_SIDE_M = 55.0
_DOCK_EVERY_KM2 = 9.0
_DATA_CENTRE_EVERY_KM2 = 60.0

_MUST = (
    PlotUse.CONSTRUCTION,
    PlotUse.SUBSTATION,
    PlotUse.PROCESS,
    PlotUse.GAS_STATION,
    PlotUse.STOCKYARD,
    PlotUse.GREEN,
    PlotUse.WAREHOUSE,
    PlotUse.OFFICE,
    PlotUse.FACTORY,
)
_WEIGHTS: dict[PlotUse, float] = {
    PlotUse.FACTORY: 46.0,
    PlotUse.WAREHOUSE: 13.0,
    PlotUse.OFFICE: 11.0,
    PlotUse.PROCESS: 6.0,
    PlotUse.STOCKYARD: 4.0,
    PlotUse.CONSTRUCTION: 6.0,
    PlotUse.SUBSTATION: 2.0,
    PlotUse.GAS_STATION: 2.0,
    PlotUse.TREATMENT: 1.5,
    PlotUse.GREEN: 8.5,
}
_HARD_HATS = (PlotUse.PROCESS, PlotUse.CONSTRUCTION, PlotUse.TREATMENT)
_TRADES = (
    ("精密零件", "Precision Parts"),
    ("电子装配", "Electronics Assembly"),
    ("新材料", "New Materials"),
    ("仪器仪表", "Instruments"),
    ("食品加工", "Food Processing"),
    ("包装", "Packaging"),
    ("物流", "Logistics"),
    ("汽车部件", "Vehicle Parts"),
    ("医疗器械", "Medical Devices"),
    ("光学", "Optics"),
)


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A plot before it has a use: a rectangle of the grid with a road in front of it.

    Attributes:
        bounds: u and v of two corners.
        front: heading on the grid from the road into the plot: 0, 90, 180 or 270.
        by_canal: whether a canal lies at one of its sides.
    """

    bounds: tuple[float, float, float, float]
    front: int
    by_canal: bool

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle on the grid."""
        u0, v0, u1, v1 = self.bounds
        return (u0 + u1) / 2.0, (v0 + v1) / 2.0

    def spot(self, grid: Spot) -> tuple[Spot, float, float]:
        """Return axes with y away from the road, width along it and depth."""
        u0, v0, u1, v1 = self.bounds
        corner = {0: (u0, v0), 90: (u0, v1), 180: (u1, v1), 270: (u1, v0)}[self.front]
        wide, deep = u1 - u0, v1 - v0
        if self.front in (90, 270):
            wide, deep = deep, wide
        return grid.turned(*corner, float(self.front)), wide, deep


def build_blocks(draft: Draft, layout: Layout) -> None:
    """Divide every block into plots and build on them."""
    inner = layout.inner(FENCE_BAND_M)
    prepare(inner)
    parcels = [parcel for cell in layout.cells for parcel in _parcels(draft, layout, cell, inner)]
    uses = _uses(draft.seed, layout, parcels)
    for number, (parcel, use) in enumerate(zip(parcels, uses, strict=True), start=1):
        _build(draft, layout, parcel, use, number)
    _close_data_centres(draft, layout, parcels, uses)


def _parcels(draft: Draft, layout: Layout, cell: Cell, inner: Polygon) -> Iterator[_Parcel]:
    """Yield the plots of a block; what cannot be a plot becomes meadow or lawn."""
    grid = layout.grid
    u0, v0, u1, v1 = cell.bounds
    whole = box(u0, v0, u1, v1)
    chance = random.Random(f"block {draft.seed} {cell.column} {cell.row}")
    if not cell.developed:
        clipped = whole.intersection(inner)
        if isinstance(clipped, Polygon) and not clipped.is_empty:
            _reserve(draft, layout, clipped, chance, cell)
        return
    columns = 1 if u1 - u0 < 215.0 else 2
    rows = 1 if v1 - v0 < 190.0 or chance.random() < 0.25 else 2
    u_cut = u0 + (u1 - u0) * chance.uniform(0.42, 0.58)
    v_cut = v0 + (v1 - v0) * chance.uniform(0.42, 0.58)
    us = [(u0, u1)] if columns == 1 else [(u0, u_cut - _GAP_M), (u_cut + _GAP_M, u1)]
    vs = [(v0, v1)] if rows == 1 else [(v0, v_cut - _GAP_M), (v_cut + _GAP_M, v1)]
    sides = {0: cell.south, 90: cell.west, 180: cell.north, 270: cell.east}
    for column, (a0, a1) in enumerate(us):
        for row, (b0, b1) in enumerate(vs):
            bounds = (a0, b0, a1, b1)
            fronts = _fronts(sides, column, columns, row, rows)
            fits = inner.covers(box(*bounds)) and min(a1 - a0, b1 - b0) > _LEAST_SIDE_M
            if not fronts or not fits:
                left = box(*bounds).intersection(inner)
                if isinstance(left, Polygon) and not left.is_empty:
                    draft.ground(grid.projected(left), Material.LAWN, 1, 0.1)
                continue
            front = chance.choice(fronts)
            canal = any(sides[turn].kind is LineKind.CANAL for turn in (0, 180))
            yield _Parcel(bounds, front, canal)


def _fronts(
    sides: dict[int, GridLine], column: int, columns: int, row: int, rows: int
) -> list[int]:
    """Return from which roads a plot of a block can be reached, as headings into it."""
    found = []
    if row == 0 and sides[0].is_road:
        found.append(0)
    if row == rows - 1 and sides[180].is_road:
        found.append(180)
    if column == 0 and sides[90].is_road:
        found.append(90)
    if column == columns - 1 and sides[270].is_road:
        found.append(270)
    return found


def _reserve(
    draft: Draft, layout: Layout, area: Polygon, chance: random.Random, cell: Cell
) -> None:
    u0, v0, u1, v1 = area.bounds
    if box(u0, v0, u1, v1).area - area.area > 1.0 or min(u1 - u0, v1 - v0) < 40.0:
        draft.ground(layout.grid.projected(area), Material.MEADOW, 1, 0.1)
        draft.reserves.append(layout.grid.projected(area))
        return
    spot = layout.grid.turned(u0, v0, 0.0)
    name = f"reserve-{cell.column}-{cell.row}"
    draft.reserves.append(spot.rect(0.0, 0.0, u1 - u0, v1 - v0))
    build_reserve(Lot(draft, chance, spot, u1 - u0, v1 - v0, name, 0, "", ""))


def _uses(seed: int, layout: Layout, parcels: list[_Parcel]) -> list[PlotUse]:
    """Return a use for each plot: docks spread out, one of everything, the rest by chance."""
    chance = random.Random(f"uses {seed}")
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    uses = chance.choices(kinds, weights, k=len(parcels))
    taken = set(_dock_plots(layout, parcels))
    for index in taken:
        uses[index] = PlotUse.PLAZA
    free = [index for index in range(len(parcels)) if index not in taken]
    chance.shuffle(free)
    wet = [index for index in free if parcels[index].by_canal] or free
    if wet:
        uses[wet[0]] = PlotUse.TREATMENT
        free.remove(wet[0])
    for use, index in zip(_MUST, free, strict=False):
        uses[index] = use
    return uses


def _dock_plots(layout: Layout, parcels: list[_Parcel]) -> list[int]:
    """Return the plots where drones live: one for every few square kilometres, spread out."""
    km2 = 4.0 * layout.half_u_m * layout.half_v_m / 1e6
    columns = max(1, round((km2 / _DOCK_EVERY_KM2) ** 0.5 * (layout.half_u_m / layout.half_v_m)))
    rows = max(1, round(km2 / _DOCK_EVERY_KM2 / columns))
    found: list[int] = []
    for column in range(columns):
        for row in range(rows):
            u = layout.half_u_m * (2.0 * (column + 0.5) / columns - 1.0)
            v = layout.half_v_m * (2.0 * (row + 0.5) / rows - 1.0)
            large = [
                index
                for index, parcel in enumerate(parcels)
                if index not in found and _narrowest(parcel) >= 80.0
            ] or [index for index in range(len(parcels)) if index not in found]
            if large:
                found.append(min(large, key=lambda index: _apart(parcels[index], u, v)))
    return found


def _narrowest(parcel: _Parcel) -> float:
    u0, v0, u1, v1 = parcel.bounds
    return min(u1 - u0, v1 - v0)


def _apart(parcel: _Parcel, u: float, v: float) -> float:
    middle = parcel.middle
    return (middle[0] - u) ** 2 + (middle[1] - v) ** 2


def _build(draft: Draft, layout: Layout, parcel: _Parcel, use: PlotUse, number: int) -> None:
    plot_id = f"p{number}"
    chance = random.Random(f"plot {draft.seed} {number}")
    spot, width, depth = parcel.spot(layout.grid)
    trade_zh, trade_en = chance.choice(_TRADES)
    owner_zh, owner_en = f"虚构{number}号{trade_zh}厂", f"Sample {trade_en} {number} (invented)"
    if use in (PlotUse.PLAZA, PlotUse.GREEN, PlotUse.SUBSTATION, PlotUse.TREATMENT):
        owner_zh, owner_en = "虚构园区管理处", "Sample park office (invented)"
    lot = Lot(draft, chance, spot, width, depth, plot_id, number, owner_zh, owner_en)
    _builder(use, draft)(lot)
    draft.plots.append(
        Plot(
            plot_id,
            spot.rect(0.0, 0.0, width, depth),
            use,
            owner_zh,
            owner_en,
            use in _HARD_HATS,
            *spot.at(0.5 * width, 0.0),
        )
    )


def _builder(use: PlotUse, draft: Draft) -> Callable[[Lot], None]:
    """Return what builds a use."""
    if use is PlotUse.PLAZA:
        return lambda lot: build_plaza(lot, f"dock-{len(draft.docks) + 1}")
    if use is PlotUse.SUBSTATION:
        return lambda lot: build_substation(lot, no_fly=True)
    return {
        PlotUse.FACTORY: build_factory,
        PlotUse.WAREHOUSE: build_warehouse,
        PlotUse.OFFICE: build_office,
        PlotUse.PROCESS: build_process,
        PlotUse.STOCKYARD: build_stockyard,
        PlotUse.CONSTRUCTION: build_construction,
        PlotUse.GAS_STATION: build_gas_station,
        PlotUse.TREATMENT: build_treatment,
        PlotUse.GREEN: build_green,
    }[use]


def _close_data_centres(
    draft: Draft, layout: Layout, parcels: list[_Parcel], uses: list[PlotUse]
) -> None:
    """Forbid flying at any height above a few offices, well away from the fence and the docks."""
    km2 = 4.0 * layout.half_u_m * layout.half_v_m / 1e6
    wanted = 1 if 2.0 <= km2 < _DATA_CENTRE_EVERY_KM2 else int(km2 / _DATA_CENTRE_EVERY_KM2)
    core = layout.inner(260.0) if km2 >= 2.0 else None
    docks = [parcels[k].middle for k, use in enumerate(uses) if use is PlotUse.PLAZA]
    for index, use in enumerate(uses):
        if wanted <= 0 or core is None:
            return
        parcel = parcels[index]
        if use is not PlotUse.OFFICE or not core.covers(box(*parcel.bounds)):
            continue
        if any(_apart(parcel, *dock) < 250.0**2 for dock in docks):
            continue
        wanted -= 1
        number = index + 1
        draft.no_fly.append(
            NoFlyDraft(
                f"air-p{number}",
                f"{number}号地块数据中心上空（虚构）",
                f"Above the data centre of plot {number} (invented)",
                layout.grid.rect(*parcel.bounds),
            )
        )
