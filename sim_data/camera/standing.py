"""Gathers what else stands in the park: tanks, stacks, heaps, plant, racks, fences, poles."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
import shapely
from shapely.geometry import LineString

from sim_data.camera.frame import Frame
from sim_data.camera.nearby import BoxM, WorldIndex, grown
from sim_data.camera.sheet import FloatArray, polygons_of
from sim_data.camera.solids import Prism, disc, ring_of
from sim_data.world.records import PoleKind, Rgb

_STEEL: Rgb = (150, 152, 152)
_HEAP_STEPS = ((1.0, 0.0, 0.55), (0.72, 0.45, 0.5), (0.36, 0.82, 0.3))
_SHIFT = 4


def standing_prisms(index: WorldIndex, box: BoxM, first: int) -> list[Prism]:
    """Return bodies within a box, numbered from `first`."""
    found: list[Prism] = []
    number = first
    for tank in index.tanks.within(grown(box, 30.0)):
        ring = disc(tank.east_m, tank.north_m, tank.radius_m, 28)
        found.append(Prism(number, ring, 0.0, tank.height_m, tank.rgb, None, 3.0))
        number += 1
    for stack in index.stacks.within(grown(box, 60.0)):
        ring = disc(stack.east_m, stack.north_m, stack.radius_m, 16)
        found.append(
            Prism(number, ring, 0.0, stack.height_m, (164, 160, 154), (120, 116, 112), 12.0,
                  hollow=0.75, bands=stack.banded)
        )  # fmt: skip
        number += 1
    for tower in index.towers.within(grown(box, 40.0)):
        ring = disc(tower.east_m, tower.north_m, tower.radius_m, 24)
        found.append(
            Prism(number, ring, 0.0, tower.height_m, (172, 170, 164), (186, 184, 178), 8.0,
                  hollow=0.7)
        )  # fmt: skip
        number += 1
    for piece in index.equipment.within(grown(box, 10.0)):
        ring = ring_of(piece.area)
        rgb: Rgb = (128, 138, 132) if piece.kind == "transformer" else (156, 160, 164)
        found.append(Prism(number, ring, 0.0, piece.height_m, rgb, rgb, piece.warmer_by_c))
        number += 1
    for pile in index.stockpiles.within(grown(box, 15.0)):
        ring = ring_of(pile.area)
        middle = ring.mean(axis=0)
        # Steps of a cone: each narrower ring of the heap is steeper than the one below.
        for (share, low, shrink), high in zip(_HEAP_STEPS, (0.45, 0.82, 1.0), strict=True):
            part = middle + (ring - middle) * share
            shade = 1.0 - 0.05 * low
            r, g, b = (int(v * shade) for v in pile.rgb)
            found.append(
                Prism(number, part, low * pile.height_m, high * pile.height_m, (r, g, b),
                      (r, g, b), 4.0, shrink=max(0.3, shrink + 0.22), loose=not pile.covered)
            )  # fmt: skip
        number += 1
    for rack in index.racks.within(grown(box, 10.0)):
        band = shapely.buffer(rack.line, rack.width_m / 2, cap_style="flat", join_style="mitre")
        low = max(0.1, rack.height_m - 0.5)
        found += [
            Prism(number, ring_of(part), low, rack.height_m, _STEEL, (178, 180, 182), 6.0)
            for part in polygons_of(shapely.clip_by_rect(band, *grown(box, 60.0)))
        ]
        number += 1
    return found


def draw_fences(frame: Frame, index: WorldIndex, box: BoxM) -> None:
    """Draw fences of wire, which one sees through, and walls."""
    light = frame.mode.light
    air = frame.mode.air_c
    for fence in index.fences.within(box):
        near = shapely.clip_by_rect(fence.line, *grown(box, 20.0))
        rgb = np.array((176, 172, 164) if fence.solid else (150, 154, 152)) * light.on((0, 0, 1))
        ink = frame.ink(rgb, air + 3.0 * light.warm)
        for part in shapely.get_parts(near):
            if not isinstance(part, LineString) or part.is_empty:
                continue
            points = np.asarray(part.segmentize(12.0).coords)[:, :2]
            for start, end in pairwise(points):
                _panel(frame, start, end, fence.height_m, ink, solid=fence.solid)


def _panel(
    frame: Frame, start: FloatArray, end: FloatArray, height_m: float, ink: np.ndarray, *,
    solid: bool,
) -> None:  # fmt: skip
    quad = np.array([[*start, 0.0], [*end, 0.0], [*end, height_m], [*start, height_m]])
    pixels, depth = frame.view.project(quad)
    rows, columns = frame.shape
    if depth.min() < 2.0 or (pixels.max(axis=0) < 0).any():
        return
    if pixels[:, 0].min() > columns or pixels[:, 1].min() > rows:
        return
    mask, window = frame.stencil(pixels)
    if not mask.size:
        return
    # A body in front of the fence hides it; a fence seldom hides anything.
    free = frame.ids[window] == 0
    share = np.where(free, mask, 0).astype(np.float32) / 255.0
    frame.blend(share * np.float32(0.9 if solid else 0.28), window, ink)
    if frame.mode.thermal:
        return
    colour = tuple(float(v) for v in ink)
    fixed = np.round((pixels[2:] - 0.5) * (1 << _SHIFT)).astype(np.int32)
    middle = 0.5 * (pixels[2] + pixels[3])
    x, y = int(middle[0]), int(middle[1])
    if not (0 <= x < columns and 0 <= y < rows) or frame.ids[y, x] == 0:
        cv2.line(frame.pixels, fixed[0].tolist(), fixed[1].tolist(), colour, 1, cv2.LINE_AA, _SHIFT)


def draw_poles(frame: Frame, index: WorldIndex, box: BoxM, number: int) -> None:
    """Draw lamps, signals and cranes, which stand above nearly everything."""
    light = frame.mode.light
    air = frame.mode.air_c + 3.0 * light.warm
    over = light.on((0.0, 0.0, 1.0))
    inks = {
        crane: frame.ink(np.array((222, 176, 40) if crane else (148, 150, 150)) * over, air)
        for crane in (True, False)
    }
    for pole in index.poles.within(grown(box, 40.0)):
        crane = pole.kind is PoleKind.CRANE
        turn = math.radians(pole.heading_deg)
        arm = np.array([math.sin(turn), math.cos(turn)]) * pole.reach_m
        foot = np.array([pole.east_m, pole.north_m, 0.0])
        top = foot + np.array([0.0, 0.0, pole.height_m])
        tip = top + np.array([*arm, 0.0])
        back = top - np.array([*(arm * 0.3), 0.0]) if crane else top
        pixels, depth = frame.view.project(np.stack([foot, top, tip, back]))
        if depth.min() < 2.0:
            continue
        ink = inks[crane]
        wide = (1.5 if crane else 0.16) * frame.view.lens.fx_px
        for start, end in ((0, 1), (3, 2)):
            across = max(1.0, wide / float(depth[end]))
            _bar(frame, pixels[start], pixels[end], across, ink, number)
        if pole.kind is PoleKind.LAMP:
            head = frame.ink((255.0, 244.0, 214.0), air + 4.0) if light.night > 0.3 else ink
            across = max(1.2, 0.4 * frame.view.lens.fx_px / float(depth[2]))
            _bar(frame, pixels[2] - 0.6 * across, pixels[2] + 0.6 * across, across, head, number)


def _bar(
    frame: Frame, start: FloatArray, end: FloatArray, width: float, ink: np.ndarray, number: int
) -> None:
    along = end - start
    length = float(np.hypot(*along))
    if length < 0.5:
        return
    half = np.array([-along[1], along[0]]) / length * max(0.5, width / 2)
    frame.fill(np.array([start + half, end + half, end - half, start - half]), ink, number)
