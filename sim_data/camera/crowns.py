"""What trees and shrubs are made of: clumps of leaves, a few kinds that all the others repeat."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from sim_data.camera.noise import cell_rng
from sim_data.camera.shapes import Ball, Face, Heat, Shape, skirt
from sim_data.world.records import Rgb, Tree, TreeKind

VARIANTS = 5
_LEAVES: dict[TreeKind, tuple[Rgb, Rgb]] = {
    TreeKind.BROAD: ((44, 66, 30), (128, 150, 78)),
    TreeKind.CONIFER: ((26, 46, 32), (84, 110, 70)),
    TreeKind.SHRUB: ((52, 74, 34), (124, 146, 74)),
}


@lru_cache(maxsize=65_536)
def crown_of(tree: Tree) -> Shape:
    """Return the shape of a tree: the same tree, the same shape."""
    variant = int(cell_rng(8, round(tree.east_m * 8), round(tree.north_m * 8)).integers(VARIANTS))
    return crown(tree.kind, variant)


@lru_cache(maxsize=64)
def crown(kind: TreeKind, variant: int) -> Shape:
    """Return a tree with a crown 2 m wide, to be stretched to any size."""
    rng = cell_rng(12, list(TreeKind).index(kind), variant)
    height = {TreeKind.BROAD: 2.5, TreeKind.CONIFER: 3.4, TreeKind.SHRUB: 1.1}[kind]
    dark, light = (np.array(c, float) for c in _LEAVES[kind])
    hue = rng.normal(0, 5, 3)
    count = {TreeKind.BROAD: 300, TreeKind.CONIFER: 150, TreeKind.SHRUB: 90}[kind]
    if kind is TreeKind.CONIFER:
        up = np.sort(rng.uniform(0.12, 1.0, count))
        out = (1.0 - up) * rng.uniform(0.55, 1.0, count) + 0.04
        turn = rng.uniform(0, 2 * math.pi, count)
        places = np.column_stack([out * np.cos(turn), out * np.sin(turn), up * height])
        size = 0.1 + 0.1 * (1.0 - up)
        normals = np.column_stack([np.cos(turn), np.sin(turn), np.full(count, 0.5)])
        level = 0.2 + 0.6 * up + rng.normal(0, 0.12, count)
    else:
        lobes = rng.normal(0, 0.36, (7, 3)) * [1.0, 1.0, 0.55]
        lobes[0] = 0
        way = rng.normal(0, 1, (count, 3))
        way[:, 2] = np.abs(way[:, 2]) * 0.9 - 0.25
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        away = rng.uniform(0.32, 0.66, count)[:, None]
        middle = height - 1.0 if kind is TreeKind.BROAD else 0.45
        which = rng.integers(0, 7, count)
        places = way * away * [1.0, 1.0, 0.85] + lobes[which] + [0.0, 0.0, middle]
        reach = np.hypot(places[:, 0], places[:, 1])
        places[:, :2] *= np.minimum(1.0, 0.93 / np.maximum(reach, 1e-6))[:, None]
        places[:, 2] = np.clip(places[:, 2], 0.1, height)
        size = rng.uniform(0.06, 0.145, count)
        normals = way
        level = 0.42 + 0.5 * (places[:, 2] - middle) + rng.normal(0, 0.14, count)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    balls = []
    for k in range(count):
        rgb = dark + (light - dark) * float(np.clip(level[k], 0.0, 1.0)) + hue
        r, g, b = (int(min(255.0, max(0.0, v))) for v in rgb)
        x, y, z = (float(v) for v in places[k])
        nx, ny, nz = (float(v) for v in normals[k])
        balls.append(Ball((x, y, z), float(size[k]), (r, g, b), Heat.LEAF, (nx, ny, nz)))
    trunk: list[Face] = []
    if kind is not TreeKind.SHRUB:
        ring = np.array([[0.05, 0.0], [0.0, 0.05], [-0.05, 0.0], [0.0, -0.05]])
        trunk = skirt(ring, 0.0, ring * 0.7, height * 0.6, 1.0, (84, 70, 56), Heat.LEAF)
    return Shape(f"{kind.value} {variant}", tuple(trunk), tuple(balls), (2.0, 2.0, height))
