"""Draws what stands in the park with upright sides: buildings, tanks, stacks, heaps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import shapely

from sim_data.camera.backdrop import Backdrop
from sim_data.camera.frame import Frame
from sim_data.camera.loose import pour
from sim_data.camera.nearby import BoxM
from sim_data.camera.sheet import FloatArray
from sim_data.camera.walls import lit_wall, wall_size_px
from sim_data.world.records import Block, BlockUse, Rgb


@dataclass(frozen=True, slots=True, eq=False)
class Prism:
    """An upright body, or a heap when its top is smaller than its foot.

    Attributes:
        number: of the thing, above 0; the same for all bodies of one thing.
        ring: its outline, counter-clockwise, not closed, shape (N, 2).
        base_m: height of its foot above the ground.
        top_m: height of its top above the ground.
        rgb: of its sides.
        top_rgb: of its top; None where the drawn roofs are shown.
        warmer_c: above the air, degrees.
        block: the building, whose walls have windows; None for others.
        shrink: how much of its width the top has.
        hollow: darkness of an opening in the top, 0 for none.
        bands: painted red and white near the top.
        loose: of stones or lumps, whose grain is seen from near.
    """

    number: int
    ring: FloatArray
    base_m: float
    top_m: float
    rgb: Rgb
    top_rgb: Rgb | None
    warmer_c: float
    block: Block | None = None
    shrink: float = 1.0
    hollow: float = 0.0
    bands: bool = False
    loose: bool = False

    def distance_m(self, eye: FloatArray) -> float:
        """Return how far its nearest point is, seen from above."""
        ring = np.vstack([self.ring, self.ring[:1]])
        start, along = ring[:-1], np.diff(ring, axis=0)
        length2 = np.maximum(1e-9, (along**2).sum(axis=1))
        share = np.clip(((eye[:2] - start) * along).sum(axis=1) / length2, 0.0, 1.0)
        near = start + along * share[:, None] - eye[:2]
        return float(np.sqrt((near**2).sum(axis=1)).min())


def ring_of(polygon: shapely.Polygon) -> FloatArray:
    """Return the outline of a polygon, counter-clockwise and not closed."""
    ring = np.asarray(polygon.exterior.coords, dtype=np.float64)[:-1, :2]
    after = np.roll(ring, -1, axis=0)
    area = float((ring[:, 0] * after[:, 1] - after[:, 0] * ring[:, 1]).sum())
    return ring if area > 0 else ring[::-1]


def disc(east_m: float, north_m: float, radius_m: float, corners: int = 20) -> FloatArray:
    """Return a round outline, counter-clockwise."""
    turn = np.arange(corners) * (2.0 * math.pi / corners)
    return np.column_stack([np.cos(turn), np.sin(turn)]) * radius_m + (east_m, north_m)


def draw_prisms(frame: Frame, backdrop: Backdrop, prisms: Sequence[Prism], view_box: BoxM) -> None:
    """Draw bodies from far to near."""
    eye = frame.view.eye
    order = sorted(prisms, key=lambda prism: -prism.distance_m(eye))
    shown = [(p.ring, p.top_m, p.number) for p in order if p.top_rgb is None and eye[2] > p.top_m]
    roofs = backdrop.roofs(frame, shown, view_box)
    for prism in order:
        _sides(frame, prism)
        if eye[2] <= prism.top_m:
            continue
        top = _top_ring(prism)
        face = np.column_stack([top, np.full(len(top), prism.top_m)])
        outline = frame.outline(face)
        if prism.loose:
            _pour(frame, prism, face, frame.mode.light.on((0.0, 0.0, 1.0)))
        elif prism.top_rgb is not None:
            _flat_top(frame, prism, outline)
        elif prism.number in roofs:
            mask, window = frame.stencil(outline)
            if mask.size:
                picture = backdrop.warp_roof(frame, roofs[prism.number], prism.top_m, window)
                frame.stamp(outline, mask, window, picture, prism.number)


def _top_ring(prism: Prism) -> FloatArray:
    if prism.shrink >= 1.0:
        return prism.ring
    middle = prism.ring.mean(axis=0)
    return np.asarray(middle + (prism.ring - middle) * prism.shrink)


def _flat_top(frame: Frame, prism: Prism, outline: FloatArray) -> None:
    air = frame.mode.air_c
    light = frame.mode.light
    rgb = np.array(prism.top_rgb or prism.rgb) * light.on((0.0, 0.0, 1.0))
    frame.fill(outline, frame.ink(rgb, air + prism.warmer_c + 6.0 * light.warm), prism.number)
    if prism.hollow > 0.0 and len(outline):
        middle = outline.mean(axis=0)
        inner = middle + (outline - middle) * 0.8
        dark = frame.ink(rgb * (1.0 - prism.hollow), air + prism.warmer_c + 4.0)
        frame.fill(inner, dark, prism.number)


def _sides(frame: Frame, prism: Prism) -> None:
    eye = frame.view.eye
    ring, top = prism.ring, _top_ring(prism)
    after = np.roll(ring, -1, axis=0)
    along = after - ring
    outwards = np.column_stack([along[:, 1], -along[:, 0]])
    length = np.maximum(1e-9, np.hypot(along[:, 0], along[:, 1]))
    slope = 0.0 if prism.shrink >= 1.0 else 0.7
    facing = ((eye[:2] - ring) * outwards).sum(axis=1) > 0
    if prism.shrink < 1.0:
        facing[:] = True
    middles = 0.5 * (ring + after) - eye[:2]
    for side in np.argsort(-np.hypot(middles[:, 0], middles[:, 1])):
        if not facing[side] or length[side] < 1e-6:
            continue
        nxt = (side + 1) % len(ring)
        quad = np.array(
            [
                [*top[side], prism.top_m],
                [*top[nxt], prism.top_m],
                [*ring[nxt], prism.base_m],
                [*ring[side], prism.base_m],
            ]
        )
        normal = outwards[side] / length[side]
        flat = math.sqrt(1.0 - slope**2)
        lit = frame.mode.light.on((normal[0] * flat, normal[1] * flat, slope))
        if prism.block is not None and length[side] > 2.0:
            _wall(frame, prism, quad, int(side), lit)
        elif prism.bands:
            _banded(frame, prism, quad, lit)
        elif prism.loose:
            _pour(frame, prism, quad, lit)
        else:
            warm = prism.warmer_c + 5.0 * frame.mode.light.warm * float(lit.mean())
            ink = frame.ink(np.array(prism.rgb) * lit, frame.mode.air_c + warm)
            frame.fill(frame.outline(quad), ink, prism.number)


def _pour(frame: Frame, prism: Prism, face: FloatArray, lit: FloatArray) -> None:
    warm = prism.warmer_c + 5.0 * frame.mode.light.warm * float(lit.mean())
    pour(frame, face, np.array(prism.rgb) * lit, frame.mode.air_c + warm, prism.number)


def _banded(frame: Frame, prism: Prism, quad: FloatArray, lit: FloatArray) -> None:
    """Draw one side of a stack: grey, with red and white bands near its top."""
    height = prism.top_m - prism.base_m
    edges = [1.0, 0.92, 0.84, 0.76, 0.68, 0.0]
    colours: list[Rgb] = [(186, 44, 38), (232, 230, 226), (186, 44, 38), (232, 230, 226), prism.rgb]
    for high, low, rgb in zip(edges[:-1], edges[1:], colours, strict=True):
        part = quad.copy()
        part[:2, 2] = prism.base_m + height * high
        part[2:, 2] = prism.base_m + height * low
        ink = frame.ink(np.array(rgb) * lit, frame.mode.air_c + prism.warmer_c)
        frame.fill(frame.outline(part), ink, prism.number)


def _wall(frame: Frame, prism: Prism, quad: FloatArray, side: int, lit: FloatArray) -> None:
    outline = frame.outline(quad)
    block = prism.block
    if len(outline) < 3 or block is None:
        return
    light = frame.mode.light
    corners, depth = frame.view.project(quad)
    low, high = outline.min(axis=0), outline.max(axis=0)
    plain = block.use is BlockUse.CANOPY or depth.min() < 1.0 or frame.mode.thermal
    if plain or (high - low).min() < 2.5:
        degrees = frame.mode.air_c + 1.0 + 8.0 * light.warm * float(lit.mean())
        frame.fill(outline, frame.ink(np.array(prism.rgb) * lit * 0.94, degrees), prism.number)
        return
    mask, window = frame.stencil(outline)
    if not mask.size:
        return
    length = float(np.hypot(*(quad[1] - quad[0])[:2]))
    height = prism.top_m - prism.base_m
    across = float(depth.min()) / frame.view.lens.fx_px
    size = wall_size_px(length, height, across)
    red, green, blue = (round(float(value), 3) for value in lit)
    night = round(light.night, 2)
    picture = lit_wall(
        block.use, prism.rgb, block.texture, side, size, height, (red, green, blue), night
    )
    from_px = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32) - 0.5
    y, x = window
    to_px = (corners - (x.start + 0.5, y.start + 0.5)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(from_px, to_px)
    warped = cv2.warpPerspective(
        picture,
        matrix,
        (mask.shape[1], mask.shape[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    frame.stamp(outline, mask, window, np.asarray(warped), prism.number)


def block_prisms(blocks: Iterable[tuple[int, Block]]) -> list[Prism]:
    """Return the bodies of buildings with their numbers."""
    return [
        Prism(
            number,
            ring_of(block.area),
            block.base_m,
            block.height_m,
            block.wall_rgb,
            None,
            2.0,
            block,
        )
        for number, block in blocks
    ]
