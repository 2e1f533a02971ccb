"""Draws what a scenario puts on the ground, on water and in the way."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from shapely.geometry import Point, Polygon

from sim_data.camera.frame import Frame
from sim_data.camera.noise import cell_rng
from sim_data.camera.sheet import FloatArray
from sim_data.camera.solids import Prism, ring_of
from sim_data.camera.tiles import KELVIN
from sim_data.camera.view import CENTRES
from sim_data.scenario.records import Build, GroundPatch, HotSpot, Solid, Surface
from sim_data.world.records import Rgb

PATCH_CLASSES: dict[Surface, str] = {
    Surface.STAINED_WATER: "discoloured_water",
    Surface.BARE_SOIL: "bare_soil",
    Surface.RUBBISH: "rubbish",
    Surface.CLOUD_SHADOW: "cloud_shadow",
    Surface.SUN_GLINT: "sun_glint",
}
BUILD_CLASSES: dict[Build, str] = {
    Build.STRUCTURE: "new_structure",
    Build.STOCKPILE: "stockpile",
    Build.COVERED_STOCKPILE: "covered_stockpile",
    Build.OBSTACLE: "obstacle",
    Build.GOODS: "obstacle",
    Build.RED_ROOF: "red_roof",
}
_MOST_PX = 512
_LITTER: tuple[Rgb, ...] = (
    (226, 226, 222), (40, 42, 46), (58, 96, 156), (182, 150, 108), (120, 124, 120), (168, 60, 52),
)  # fmt: skip


def draw_patch(frame: Frame, patch: GroundPatch, number: int) -> None:
    """Draw something flat on ground or water."""
    ring = np.array(patch.outline_m)
    outline = frame.outline(np.column_stack([ring, np.zeros(len(ring))]))
    mask, window = frame.stencil(outline)
    if not mask.size:
        return
    low, high, px_m = _sheet_of(ring)
    weight, colour = _surface(patch)
    to_ground = np.array(
        [
            [px_m, 0.0, low[0] - frame.view.eye[0]],
            [0.0, -px_m, high[1] - frame.view.eye[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    matrix = CENTRES @ frame.view.plane_to_px(0.0) @ to_ground @ np.linalg.inv(CENTRES)
    y, x = window
    shift = np.array([[1.0, 0.0, -x.start], [0.0, 1.0, -y.start], [0.0, 0.0, 1.0]])
    size = (mask.shape[1], mask.shape[0])
    share = np.asarray(cv2.warpPerspective(weight, shift @ matrix, size), np.float32)
    if frame.mode.thermal:
        _warm_patch(frame, patch, share, window)
        return
    if patch.surface is Surface.CLOUD_SHADOW:
        frame.scale(share, window, np.array(frame.mode.light.keep) * 1.05)
    else:
        lit = cv2.warpPerspective(colour, shift @ matrix, size, borderMode=cv2.BORDER_REPLICATE)
        level = np.array(frame.mode.light.level, np.float32)
        frame.blend(share, window, np.asarray(lit, np.float32) * level)
    frame.ids[window][(share > 0.25) & (frame.ids[window] == 0)] = number


def _warm_patch(
    frame: Frame, patch: GroundPatch, share: np.ndarray, window: tuple[slice, slice]
) -> None:
    light, air = frame.mode.light, frame.mode.air_c
    degrees = {
        Surface.BARE_SOIL: air + 12.0 * light.warm,
        Surface.STAINED_WATER: air + 1.5,
        Surface.RUBBISH: air + 9.0 * light.warm,
    }.get(patch.surface)
    if degrees is not None:
        frame.blend(share, window, np.array([(degrees + KELVIN) * 100.0]))


def _sheet_of(ring: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return the south-west and north-east corner of a patch's picture, and metres per pixel."""
    low, high = ring.min(axis=0) - 1.0, ring.max(axis=0) + 1.0
    return low, high, max(0.05, float((high - low).max()) / _MOST_PX)


@lru_cache(maxsize=64)
def _surface(patch: GroundPatch) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of what is below is covered, and with what colours, seen from above."""
    ring = np.array(patch.outline_m)
    low, high, px_m = _sheet_of(ring)
    shape = (math.ceil((high[1] - low[1]) / px_m), math.ceil((high[0] - low[0]) / px_m))
    rng = cell_rng(sum(patch.thing_id.encode()), 3)
    mask = np.zeros(shape, np.uint8)
    fixed = np.column_stack([(ring[:, 0] - low[0]) / px_m, (high[1] - ring[:, 1]) / px_m])
    cv2.fillPoly(mask, [np.round((fixed - 0.5) * 16).astype(np.int32)], (255.0,), cv2.LINE_8, 4)
    soft_m = {Surface.STAINED_WATER: 0.09, Surface.CLOUD_SHADOW: 0.1, Surface.SUN_GLINT: 0.08}
    blur = soft_m.get(patch.surface, 0.0) * max(shape) + 0.25 / px_m
    blur = min(blur, 40.0)
    if patch.surface in soft_m:
        # Soft edges lie inside the outline, which bounds what is drawn.
        side = 2 * round(blur) + 1
        mask = np.asarray(cv2.erode(mask, np.ones((side, side), np.uint8)), np.uint8)
    weight = cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255.0
    noise = np.zeros(shape, np.float32)
    for cells, strength in ((6, 0.5), (20, 0.35), (70, 0.25)):
        coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        wide = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        noise += np.float32(strength) * np.asarray(wide, np.float32)
    if patch.surface is Surface.SUN_GLINT:
        sparkle = rng.normal(0, 1, shape).astype(np.float32)
        weight = weight * np.clip(0.35 + 0.5 * noise + 0.45 * sparkle, 0.0, 1.0)
        colour = np.full((*shape, 3), 250.0, np.float32)
    else:
        amount = {Surface.BARE_SOIL: 16.0, Surface.RUBBISH: 20.0}.get(patch.surface, 7.0)
        grain = rng.normal(0, 5.0, shape).astype(np.float32)
        colour = np.array(patch.rgb, np.float32) + (amount * noise + grain)[..., None]
        if patch.surface is Surface.STAINED_WATER:
            weight = weight * np.clip(0.9 + 0.25 * noise, 0.0, 1.0)
        if patch.surface is Surface.RUBBISH:
            _litter(colour, weight, rng, px_m)
    return (weight * patch.strength).astype(np.float32), np.clip(colour, 0, 255).astype(np.uint8)


def _litter(colour: np.ndarray, weight: np.ndarray, rng: np.random.Generator, px_m: float) -> None:
    rows, columns = weight.shape
    for _ in range(int(min(900, 9.0 * rows * columns * px_m**2))):
        x, y = int(rng.uniform(0, columns)), int(rng.uniform(0, rows))
        size = rng.uniform(0.1, 0.45, 2) / px_m
        rgb = _LITTER[int(rng.integers(len(_LITTER)))]
        box = cv2.boxPoints(((float(x), float(y)), (float(size[0]), float(size[1])),
                             float(rng.uniform(0, 180))))  # fmt: skip
        shade = np.round(box + 0.06 / px_m).astype(np.int32)
        cv2.fillPoly(colour, [shade], (46.0, 46.0, 48.0))
        cv2.fillPoly(colour, [np.round(box).astype(np.int32)], tuple(float(v) for v in rgb))
    weight *= 0.96


def patch_prisms(patch: GroundPatch, number: int) -> list[Prism]:
    """Return what of a heap of rubbish stands up: sacks, boxes, boards."""
    if patch.surface is not Surface.RUBBISH or patch.height_m <= 0.0:
        return []
    area = Polygon(patch.outline_m)
    rng = cell_rng(sum(patch.thing_id.encode()), 5)
    west, south, east, north = area.bounds
    found = []
    for _ in range(min(70, int(6 + 3.0 * area.area))):
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        edge = area.exterior.distance(Point(x, y))
        if not area.contains(Point(x, y)):
            continue
        size = rng.uniform(0.25, 0.9, 2)
        turn = rng.uniform(0, math.pi)
        ring = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1.0]]) * size / 2
        spin = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        top = patch.height_m * rng.uniform(0.3, 1.0) * min(1.0, 0.4 + edge)
        rgb = _LITTER[int(rng.integers(len(_LITTER)))]
        found.append(Prism(number, ring @ spin.T + (x, y), 0.0, top, rgb, rgb, 0.0, shrink=0.8))
    return found


def solid_prism(solid: Solid, number: int) -> Prism:
    """Return a staged structure, heap, obstacle or roof as a body."""
    ring = ring_of(Polygon(solid.outline_m))
    heap = solid.build in (Build.STOCKPILE, Build.COVERED_STOCKPILE)
    wall: Rgb = solid.rgb if heap or solid.build is not Build.STRUCTURE else (186, 184, 178)
    return Prism(
        number,
        ring,
        solid.base_agl_m,
        solid.base_agl_m + solid.height_m,
        wall,
        solid.rgb,
        0.0,
        shrink=0.3 if heap else 1.0,
        loose=solid.build is Build.STOCKPILE,
    )


def draw_hot_spot(frame: Frame, spot: HotSpot) -> FloatArray | None:
    """Warm a surface in a thermal picture; return its outline in pixels."""
    turn = np.linspace(0, 2 * math.pi, 17)[:-1]
    ring = np.column_stack(
        [
            spot.at_m[0] + spot.radius_m * np.cos(turn),
            spot.at_m[1] + spot.radius_m * np.sin(turn),
            np.full(16, spot.base_agl_m),
        ]
    )
    outline = frame.outline(ring)
    mask, window = frame.stencil(outline)
    if not mask.size:
        return None
    if frame.mode.thermal:
        # Hottest in the middle, half as much near the rim.
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0.0,))
        inwards = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        share = np.minimum(1.0, inwards / max(1.0, 0.6 * float(inwards.max())))
        share = share.astype(np.float32)
        frame.blend(share, window, np.array([(spot.temperature_degc + KELVIN) * 100.0]))
    return outline
