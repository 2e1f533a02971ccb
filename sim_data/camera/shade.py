"""Shadows that what stands in the park throws on the ground, and light that lamps throw there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from sim_data.camera.light import Light
from sim_data.camera.nearby import WorldIndex, grown
from sim_data.camera.noise import cell_rng
from sim_data.camera.sheet import TILE_PX, FloatArray, Image8, Sheet, polygons_of, rings_of
from sim_data.world.records import PoleKind, Tree, TreeKind

_TURN = np.linspace(0.0, 2.0 * math.pi, 17)[:-1]
_DISC = np.column_stack([np.cos(_TURN), np.sin(_TURN)])
_LONGEST_M = 260.0
LAMP_RGB = np.array([1.0, 0.86, 0.62])


def shade_of(index: WorldIndex, sheet: Sheet, light: Light) -> Image8:
    """Return how much of the sun each pixel of a tile lacks, 255 all of it."""
    shade = np.zeros((TILE_PX, TILE_PX), np.uint8)
    if light.sun_share <= 0.0:
        return shade
    shift = np.array(light.shadow_per_height)
    reach = min(_LONGEST_M, math.hypot(*shift) * max(12.0, index.highest_m)) + 6.0
    solid = list(_solid_shadows(index, sheet, shift, reach))
    mask, window = sheet.mask(solid, union=True)
    if mask.size:
        shade[window] = mask
    for rings, depth in _light_shadows(index, sheet, shift, reach):
        mask, window = sheet.mask(rings, union=True)
        if mask.size:
            thin = np.asarray(cv2.convertScaleAbs(mask, alpha=depth), np.uint8)
            shade[window] = np.maximum(shade[window], thin)
    blur = 0.12 / sheet.px_m
    if blur > 0.4:
        shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), blur), np.uint8)
    return shade


def swept(ring: FloatArray, low: FloatArray, high: FloatArray) -> list[FloatArray]:
    """Return outlines whose union is the shadow of an upright prism.

    Args:
        ring: its outline, closed or not.
        low: shift of the shadow of its lower edge.
        high: shift of the shadow of its upper edge.
    """
    if not np.array_equal(ring[0], ring[-1]):
        ring = np.vstack([ring, ring[:1]])
    quads = [
        np.array([start + low, end + low, end + high, start + high])
        for start, end in pairwise(ring)
    ]
    return [ring + low, ring + high, *quads]


def _solid_shadows(
    index: WorldIndex, sheet: Sheet, shift: FloatArray, reach: float
) -> Iterator[FloatArray]:
    far = grown(sheet.box, reach)
    near = grown(sheet.box, min(reach, 14.0 * math.hypot(*shift) + 8.0))
    for block in index.blocks.within(far):
        ring = rings_of(block.area)[0]
        yield from swept(ring, shift * block.base_m, shift * block.height_m)
    for cylinders in (index.stacks.within(far), index.tanks.within(far), index.towers.within(far)):
        for thing in cylinders:
            ring = _DISC * thing.radius_m + (thing.east_m, thing.north_m)
            yield from swept(ring, shift * 0.0, shift * thing.height_m)
    for piece in index.equipment.within(near):
        yield from swept(rings_of(piece.area)[0], shift * 0.0, shift * piece.height_m)
    for pile in index.stockpiles.within(near):
        ring = rings_of(pile.area)[0]
        middle = ring.mean(axis=0)
        top = middle + (ring - middle) * 0.25 + shift * pile.height_m
        yield np.asarray(
            cv2.convexHull(np.vstack([ring, top]).astype(np.float32)).reshape(-1, 2), np.float64
        )


def _light_shadows(
    index: WorldIndex, sheet: Sheet, shift: FloatArray, reach: float
) -> Iterator[tuple[list[FloatArray], float]]:
    """Yield outlines and how deep their shadow is, for what lets some light through."""
    near = grown(sheet.box, min(reach, 14.0 * math.hypot(*shift) + 8.0))
    crowns = [r for tree in index.trees.within(near) for r in crown_shadow(tree, shift, sheet.px_m)]
    yield crowns, 0.92
    thin: list[FloatArray] = []
    if sheet.px_m < 0.5:
        for pole in index.poles.within(grown(sheet.box, min(reach, 60.0))):
            turn = math.radians(pole.heading_deg)
            foot, tip = np.array([pole.east_m, pole.north_m]), shift * pole.height_m
            arm = np.array([math.sin(turn), math.cos(turn)]) * pole.reach_m
            width = 1.4 if pole.kind is PoleKind.CRANE else 0.14
            thin += [_bar(foot, foot + tip, width), _bar(foot + tip, foot + tip + arm, width)]
    yield thin, 0.8
    wires: list[FloatArray] = []
    walls: list[FloatArray] = []
    for fence in index.fences.within(near):
        points = np.asarray(fence.line.coords)[:, :2]
        top = shift * fence.height_m
        quads = [np.array([a, b, b + top, a + top]) for a, b in pairwise(points)]
        (walls if fence.solid else wires).extend(quads)
    yield walls, 1.0
    yield wires, 0.28
    racks: list[FloatArray] = []
    for rack in index.racks.within(near):
        band = shapely.buffer(rack.line, rack.width_m / 2, cap_style="flat")
        racks += [rings_of(part)[0] + shift * rack.height_m for part in polygons_of(band)]
    yield racks, 0.75


def crown_shadow(tree: Tree, shift: FloatArray, px_m: float) -> list[FloatArray]:
    """Return outlines of the shadow of a tree: lobes of its crown, and its trunk."""
    foot = np.array([tree.east_m, tree.north_m])
    rng = cell_rng(5, int(tree.east_m * 16), int(tree.north_m * 16))
    middle = max(tree.height_m - tree.radius_m, 0.5 * tree.height_m)
    rings = [_bar(foot, foot + shift * middle, 0.3)] if tree.kind is not TreeKind.SHRUB else []
    if tree.kind is TreeKind.CONIFER:
        top = foot + shift * tree.height_m
        base = _DISC * tree.radius_m + foot + shift * 0.15 * tree.height_m
        hull = cv2.convexHull(np.vstack([base, top[None]]).astype(np.float32)).reshape(-1, 2)
        return [*rings, np.asarray(hull, np.float64)]
    lobes = 11 if px_m < 0.25 else 4
    for _ in range(lobes):
        away = rng.normal(0, 0.42, 2) * tree.radius_m
        height = middle + rng.uniform(-0.5, 0.6) * tree.radius_m
        size = tree.radius_m * rng.uniform(0.34, 0.6)
        rings.append(_DISC * size + foot + away + shift * max(0.3, height))
    return rings


def _bar(start: FloatArray, end: FloatArray, width_m: float) -> FloatArray:
    along = end - start
    half = np.array([-along[1], along[0]]) / max(1e-6, math.hypot(*along)) * width_m / 2
    return np.array([start + half, end + half, end - half, start - half])


def lamp_light(index: WorldIndex, sheet: Sheet) -> NDArray[np.float32]:
    """Return the light of street lamps at each pixel of a tile, about 1 right below one."""
    lit = np.zeros((TILE_PX // 4, TILE_PX // 4), np.float32)
    step = sheet.px_m * 4
    for pole in index.poles.within(grown(sheet.box, 30.0)):
        if pole.kind is not PoleKind.LAMP:
            continue
        turn = math.radians(pole.heading_deg)
        east = pole.east_m + math.sin(turn) * pole.reach_m
        north = pole.north_m + math.cos(turn) * pole.reach_m
        x = (np.arange(TILE_PX // 4) + 0.5) * step + sheet.west - east
        y = sheet.north - (np.arange(TILE_PX // 4) + 0.5) * step - north
        spread = 1.0 + (x[None, :] ** 2 + y[:, None] ** 2) / pole.height_m**2
        # A lamp that shines downwards: inverse square law times the cosines of lamp and ground.
        lit += (1.0 / spread**2).astype(np.float32)
    return np.asarray(
        cv2.resize(lit, (TILE_PX, TILE_PX), interpolation=cv2.INTER_LINEAR), np.float32
    )
