"""Plots with little on them: stockyards, construction sites, greens, squares, land in reserve."""

from __future__ import annotations

import math

from shapely.geometry import LineString, Point, Polygon

from sim_data.world.draft import DockDraft, NoFlyDraft, ZoneDraft
from sim_data.world.lot import Lot
from sim_data.world.parking import lay_car_park
from sim_data.world.plant import hard_hat_zone
from sim_data.world.records import (
    BlockUse,
    Material,
    Pole,
    PoleKind,
    Rgb,
    RoofKind,
    Stockpile,
    TreeKind,
    Walk,
    Water,
    WaterKind,
)
from sim_data.world.works import enclose

_CRANE_M = 42.0
_COVERS: tuple[Rgb, ...] = ((58, 116, 72), (46, 98, 62), (40, 84, 128), (72, 124, 84))
_LOOSE: tuple[Rgb, ...] = ((156, 132, 96), (120, 112, 100), (96, 92, 90))


def build_stockyard(lot: Lot) -> None:
    """Build a yard with covered heaps, or one where some are not; its zone then says so."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    enclose(lot, hedged=False, drive_m=14.0)
    loose = chance.random() < 0.3
    draft.ground(spot.rect(4.0, 6.0, w - 4.0, d - 4.0), Material.GRAVEL, 2, -0.05)
    x = 14.0
    while x + 22.0 < w - 8.0:
        y = 16.0
        while y + 34.0 < d - 6.0:
            _heap(lot, (x, y), covered=not loose or chance.random() < 0.5)
            y += chance.uniform(40.0, 52.0)
        x += chance.uniform(30.0, 38.0)


def _heap(lot: Lot, corner: tuple[float, float], *, covered: bool) -> None:
    chance = lot.chance
    x, y = corner
    a, b = chance.uniform(8.0, 11.0), chance.uniform(13.0, 17.0)
    corners = []
    for index in range(16):
        angle = index * math.tau / 16
        reach = chance.uniform(0.9, 1.06)
        corners.append(
            (x + 11.0 + a * reach * math.cos(angle), y + 17.0 + b * reach * math.sin(angle))
        )
    pile_id = lot.draft.next_id(f"{lot.plot_id}-pile-")
    colour = chance.choice(_COVERS if covered else _LOOSE)
    lot.draft.stockpiles.append(
        Stockpile(
            pile_id,
            lot.plot_id,
            lot.spot.shape(corners),
            chance.uniform(3.5, 6.5),
            covered,
            colour,
        )
    )


def build_construction(lot: Lot) -> None:
    """Build a site with unfinished buildings, a crane, cabins, covered heaps and workers."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    gate = chance.choice((0.3, 0.7)) * w
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.GRAVEL, 1, chance.uniform(-0.1, 0.15))
    draft.ground(spot.rect(gate - 4.0, -7.6, gate + 4.0, 0.3 * d), Material.GRAVEL, 4)
    line = spot.line((gate - 4.5, 0.5), (0.5, 0.5), (0.5, d - 0.5), (w - 0.5, d - 0.5),
                     (w - 0.5, 0.5), (gate + 4.5, 0.5))  # fmt: skip
    draft.fence(line, 2.4, solid=True)
    shell = (0.2 * w, 0.42 * d, 0.2 * w + min(0.34 * w, 60.0), 0.42 * d + min(0.3 * d, 40.0))
    draft.ground(spot.rect(shell[0] - 5.0, shell[1] - 5.0, shell[2] + 5.0, shell[3] + 5.0),
                 Material.CONCRETE, 2, -0.15)  # fmt: skip
    lot.building(
        shell,
        chance.uniform(7.0, 24.0),
        BlockUse.UNFINISHED,
        RoofKind.BARE,
        ((168, 164, 156), (150, 146, 138)),
    )
    east_m, north_m = spot.at(shell[2] + 9.0, shell[3] - 4.0)
    heading = chance.uniform(0.0, 360.0)
    draft.poles.append(Pole(east_m, north_m, _CRANE_M, PoleKind.CRANE, heading, 38.0))
    draft.no_fly.append(
        NoFlyDraft(
            f"crane-{lot.plot_id}",
            f"{lot.number}号地块塔吊范围",
            f"Reach of the crane of plot {lot.number}",
            Point(east_m, north_m).buffer(40.0, quad_segs=4),
            0.0,
            _CRANE_M + 4.0,
        )
    )
    # The pit: soil that may be seen.
    draft.ground(spot.rect(0.04 * w, 0.1 * d, 0.23 * w, 0.3 * d), Material.SOIL, 2, 0.05)
    for index in range(4):
        x = 6.0 + index * 7.0
        lot.building(
            (x, d - 9.0, x + 6.2, d - 6.4),
            2.8,
            BlockUse.UTILITY,
            RoofKind.METAL,
            ((206, 214, 220), (66, 116, 168)),
        )
    for index in range(3):
        _heap(lot, (w - 32.0, 0.12 * d + index * 0.25 * d), covered=True)
    for number, (y0, y1) in enumerate(((0.36, 0.36), (0.8, 0.8), (0.36, 0.8)), start=1):
        x0, x1 = (0.14 * w, 0.66 * w) if number < 3 else (0.62 * w, 0.66 * w)
        walk = spot.line((x0, y0 * d), (x1, y1 * d))
        walk_id = f"{lot.plot_id}-walk-{number}"
        draft.walks.append(Walk(walk_id, walk, 7.0, True, chance.uniform(2.5, 5.0)))
    hard_hat_zone(lot, 2.0)


def build_green(lot: Lot) -> None:
    """Build a park with trees, paths and perhaps a pond."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.LAWN, 1, chance.uniform(-0.1, 0.2))
    pond = (0.5 * w, 0.55 * d, min(0.2 * w, 36.0), min(0.2 * d, 26.0))
    pond_area = None
    if chance.random() < 0.6:
        corners = [
            (
                pond[0] + pond[2] * chance.uniform(0.85, 1.15) * math.cos(index * math.tau / 18),
                pond[1] + pond[3] * chance.uniform(0.85, 1.15) * math.sin(index * math.tau / 18),
            )
            for index in range(18)
        ]
        pond_area = spot.shape(corners)
        draft.waters.append(Water(f"{lot.plot_id}-pond", pond_area, WaterKind.POND, (74, 100, 92)))
    path = [(0.12 * w, 4.0), (0.14 * w, 0.86 * d), (0.86 * w, 0.84 * d), (0.88 * w, 4.0)]
    line = spot.line(*path)
    draft.ground(_band(line, 1.6), Material.PAVING, 3)
    draft.walks.append(Walk(f"{lot.plot_id}-walk", line, 2.4, False, chance.uniform(1.0, 4.0)))
    for _ in range(int(w * d / 230.0)):
        x, y = chance.uniform(4.0, w - 4.0), chance.uniform(4.0, d - 4.0)
        if math.hypot((x - pond[0]) / pond[2], (y - pond[1]) / pond[3]) < 1.3:
            continue
        if min(abs(x - 0.13 * w), abs(x - 0.87 * w), abs(y - 0.85 * d)) < 6.0:
            continue
        lot.tree(x, y, chance.uniform(0.8, 1.7))


def _band(line: LineString, half_m: float) -> Polygon:
    return line.buffer(half_m, cap_style="flat", join_style="mitre")


def build_plaza(lot: Lot, dock_id: str) -> None:
    """Build the park office with a square, a car park and a pad where a drone lives."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.LAWN, 1, 0.05)
    draft.ground(spot.rect(0.1 * w, 4.0, 0.5 * w, 0.62 * d), Material.PAVING, 2, 0.1)
    draft.ground(spot.rect(0.55 * w - 4.0, -7.6, 0.55 * w + 4.0, 12.0), Material.ASPHALT, 4)
    pad = (0.3 * w, 0.3 * d)
    draft.ground(spot.rect(pad[0] - 3.5, pad[1] - 3.5, pad[0] + 3.5, pad[1] + 3.5),
                 Material.CONCRETE, 4, 0.2)  # fmt: skip
    draft.paint(spot.line((pad[0] - 1.2, pad[1] - 1.6), (pad[0] - 1.2, pad[1] + 1.6)), 0.35)
    draft.paint(spot.line((pad[0] + 1.2, pad[1] - 1.6), (pad[0] + 1.2, pad[1] + 1.6)), 0.35)
    draft.paint(spot.line((pad[0] - 1.2, pad[1]), (pad[0] + 1.2, pad[1])), 0.35)
    draft.docks.append(DockDraft(dock_id, *spot.at(*pad)))
    lot.building(
        (0.16 * w, d - 34.0, 0.5 * w, d - 14.0),
        chance.uniform(12.0, 22.0),
        BlockUse.OFFICE,
        RoofKind.FLAT,
        ((174, 172, 166), (208, 204, 196)),
    )
    if w > 70.0:
        lay_car_park(lot, (0.58 * w, 6.0, w - 6.0, 0.7 * d))
    for index in range(6):
        lot.tree(0.1 * w + 2.0, 8.0 + index * 0.09 * d, 0.9)
    walk = spot.line((0.2 * w, 6.0), (0.2 * w, 0.58 * d))
    draft.walks.append(Walk(f"{lot.plot_id}-walk", walk, 6.0, False, chance.uniform(2.0, 6.0)))
    draft.zones.append(
        ZoneDraft(
            f"square-{lot.plot_id}",
            f"{lot.number}号地块广场",
            f"Square of plot {lot.number}",
            spot.rect(0.1 * w, 4.0, 0.5 * w, 0.62 * d),
            lot.owner_en,
            ({"type": "forbidden_zone", "severity": 2},),
            "A public square: no vehicles, nothing stored.",
        )
    )


def build_reserve(lot: Lot) -> None:
    """Leave land as it is: meadow with thickets."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.MEADOW, 1, chance.uniform(-0.25, 0.25))
    for _ in range(chance.randrange(1, 5)):
        x, y = chance.uniform(15.0, w - 15.0), chance.uniform(15.0, d - 15.0)
        for _ in range(chance.randrange(4, 14)):
            tx, ty = x + chance.gauss(0.0, 9.0), y + chance.gauss(0.0, 9.0)
            if 2.0 < tx < w - 2.0 and 2.0 < ty < d - 2.0:
                shrub = chance.random() < 0.3
                lot.tree(tx, ty, chance.uniform(0.9, 1.8), TreeKind.SHRUB if shrub else None)
