"""Draws tiles of the ground: materials, water, lane markings, kerbs, wear, outfalls."""

from __future__ import annotations

import math

import numpy as np
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import substring

from sim_data.camera.materials import LOOKS, Look, Stuff
from sim_data.camera.nearby import WorldIndex
from sim_data.camera.noise import cell_rng
from sim_data.camera.sheet import TILE_PX, Sheet, clipped, polygons_of, rings_of
from sim_data.world.records import Marking, Material, Patch, Rgb, Water, WaterKind

_WEAR_CELL_M = 12.8
_HARD = (Stuff.ASPHALT, Stuff.ASPHALT_OLD)


def paint_ground(index: WorldIndex, seed: int, level: int, column: int, row: int) -> Sheet:
    """Return a tile of the ground as it is in full sun, without what stands on it."""
    sheet = Sheet(seed, level, column, row)
    sheet.rgb[:] = sheet.texture(LOOKS[Material.MEADOW])
    sheet.stuff[:] = Stuff.MEADOW
    # Bridges: what is made lies over water, what grows does not.
    patches = index.patches.within(sheet.box)
    for patch in patches:
        if patch.material in (Material.MEADOW, Material.LAWN):
            sheet.fill_material(patch.area, patch.material, patch.tone)
    for water in index.waters.within(sheet.box):
        _water(sheet, water)
    for patch in patches:
        if patch.material not in (Material.MEADOW, Material.LAWN):
            _made_ground(sheet, patch)
    # Green islands lie on car parks.
    _islands(sheet, index)
    _wear(sheet)
    _tracks(sheet, index)
    for kerb in index.kerbs.within(sheet.box):
        sheet.strokes([kerb.line], kerb.width_m + 0.16, (92, 92, 90), None, 0.6)
        sheet.strokes([kerb.line], kerb.width_m, (182, 180, 174), Stuff.CONCRETE)
    for marking in index.markings.within(sheet.box):
        _marking(sheet, marking)
    for outfall in index.outfalls.within(sheet.box):
        sheet.fill(Point(outfall.east_m, outfall.north_m).buffer(1.6), (150, 148, 142), None)
        sheet.fill(Point(outfall.east_m, outfall.north_m).buffer(0.8), (48, 50, 52), None)
    return sheet


def _made_ground(sheet: Sheet, patch: Patch) -> None:
    sheet.fill_material(patch.area, patch.material, patch.tone)
    if patch.material in (Material.CONCRETE, Material.PAVING):
        _joints(sheet, patch.area, patch.material)


def _islands(sheet: Sheet, index: WorldIndex) -> None:
    hard, greened = 0, False
    for patch in index.patches.within(sheet.box):
        if patch.material in (Material.MEADOW, Material.LAWN):
            if hard and patch.layer > hard:
                sheet.fill_material(patch.area, patch.material, patch.tone)
                greened = True
        else:
            # A walk leads over its verge, which counts as an island the sooner the larger the tile.
            if greened:
                _made_ground(sheet, patch)
            hard = max(hard, patch.layer) if hard else patch.layer


def _water(sheet: Sheet, water: Water) -> None:
    bank = (146, 138, 122) if water.kind is not WaterKind.BASIN else (168, 168, 162)
    sheet.fill(water.area.buffer(1.0), bank, Stuff.GRAVEL)
    dark = tuple(int(0.82 * value) for value in water.rgb)
    look = Look(water.rgb, (dark[0], dark[1], dark[2]), -0.2, 1.2, 2.2, 2.6, 15.0)
    sheet.fill(water.area, look, Stuff.WATER)
    # The bank is seen through shallow water.
    shallow = water.area.difference(water.area.buffer(-0.9))
    sheet.fill(shallow, bank, Stuff.WATER, 0.25)


def _joints(sheet: Sheet, area: Polygon, material: Material) -> None:
    """Darken the joints between slabs or stones: those of the world's axes, by pixels."""
    step = 5.0 if material is Material.CONCRETE else 0.6
    if step < 6 * sheet.px_m:
        return
    places = (np.arange(TILE_PX) + 0.5) * sheet.px_m
    width = max(0.05, sheet.px_m)
    columns = np.abs((sheet.west + places + width / 2) % step) < width
    rows = np.abs((sheet.north - places + width / 2) % step) < width
    lines = columns[None, :] | rows[:, None]
    for polygon in polygons_of(clipped(area, sheet.box)):
        mask, window = sheet.mask(rings_of(polygon))
        if mask.size:
            joint = np.where(lines[window], mask, 0).astype(np.uint8)
            sheet.paint(joint, window, (112, 108, 100), None, 0.5 * 0.05 / width)


def _marking(sheet: Sheet, marking: Marking) -> None:
    if marking.dash_m is None:
        lines = [marking.line]
    else:
        dash, gap = marking.dash_m
        lines = []
        for start in np.arange(0.0, marking.line.length, max(0.2, dash + gap)):
            piece = substring(marking.line, float(start), float(start + dash))
            if isinstance(piece, LineString):
                lines.append(piece)
    sheet.strokes(lines, marking.width_m, marking.rgb, Stuff.PAINT, 0.9, worn=0.35)


def _tracks(sheet: Sheet, index: WorldIndex) -> None:
    """Darken where wheels run and oil drips."""
    if sheet.px_m > 0.45:
        return
    for lane in index.lanes.within(sheet.box):
        near = clipped(lane.line, (*_grown(sheet.box, 3.0),))
        for part in getattr(near, "geoms", [near]):
            if not isinstance(part, LineString) or part.is_empty:
                continue
            for across, width, strength in ((0.85, 0.6, 0.16), (-0.85, 0.6, 0.16), (0, 0.5, 0.1)):
                line = part.parallel_offset(across, "left") if across else part
                pieces = [p for p in getattr(line, "geoms", [line]) if isinstance(p, LineString)]
                sheet.strokes([p for p in pieces if not p.is_empty], width, (66, 66, 68), None,
                              strength, worn=0.6)  # fmt: skip


def _grown(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _wear(sheet: Sheet) -> None:
    """Cracks, mended squares and stains on asphalt, fixed to the ground by cells."""
    if sheet.px_m > 0.45:
        return
    hard = np.isin(sheet.stuff, _HARD)
    if not hard.any():
        return
    before = sheet.rgb.copy()
    stuff = sheet.stuff.copy()
    west, south, east, north = _grown(sheet.box, 4.0)
    for i in range(math.floor(west / _WEAR_CELL_M), math.ceil(east / _WEAR_CELL_M)):
        for j in range(math.floor(south / _WEAR_CELL_M), math.ceil(north / _WEAR_CELL_M)):
            _wear_cell(sheet, i, j)
    sheet.rgb[~hard] = before[~hard]
    sheet.stuff[:] = stuff


def _wear_cell(sheet: Sheet, i: int, j: int) -> None:
    rng = cell_rng(sheet.seed, 11, i, j)
    corner = np.array([i, j]) * _WEAR_CELL_M
    if rng.uniform() < 0.42:
        place, size = corner + rng.uniform(0, _WEAR_CELL_M, 2), rng.uniform(0.8, 4.0, 2)
        dark: Rgb = (72, 73, 76) if rng.uniform() < 0.6 else (132, 131, 128)
        sheet.fill(_rectangle(place, size), dark, None, float(rng.uniform(0.3, 0.6)))
    for _ in range(int(rng.integers(0, 3))):
        walk = rng.normal(0, 0.75, (9, 2)).cumsum(axis=0) + corner
        walk += rng.uniform(0, _WEAR_CELL_M, 2)
        sheet.strokes([LineString(walk)], 0.06, (58, 58, 60), None, 0.7)
    for _ in range(int(rng.integers(1, 5))):
        place, radius = corner + rng.uniform(0, _WEAR_CELL_M, 2), rng.uniform(0.12, 0.5)
        sheet.fill(Point(*place).buffer(radius, quad_segs=3), (60, 60, 62), None,
                   float(rng.uniform(0.12, 0.4)))  # fmt: skip


def _rectangle(corner: np.ndarray, size: np.ndarray) -> Polygon:
    (x, y), (w, h) = corner, size
    return Polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
