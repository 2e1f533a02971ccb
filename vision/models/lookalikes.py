"""Drawn look-alikes: what aerial vehicle models take for vehicles, so that they learn not to.

Labelled aerial pictures are mostly streets. Tree shadows on asphalt and the skylights, dormers
and air conditioners of roofs are rare in them and common elsewhere.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def _leaf_mask(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the shade (0 sun, 1 full shade) of a few tree crowns with light between leaves."""
    shade = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        cx, cy = rng.uniform(0, size, 2)
        radius = rng.uniform(0.04, 0.22) * size
        for _ in range(int(rng.integers(15, 70))):
            angle, far = rng.uniform(0, 2 * math.pi), radius * math.sqrt(rng.uniform(0, 1))
            centre = (int(cx + far * math.cos(angle)), int(cy + far * math.sin(angle)))
            axes = (int(rng.uniform(1, radius * 0.3) + 1), int(rng.uniform(1, radius * 0.3) + 1))
            cv2.ellipse(shade, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
    cells = max(8, int(size / rng.uniform(3, 9)))
    leaves = rng.normal(rng.uniform(0.6, 1.4), 1.0, (cells, cells)).astype(np.float32)
    holes = np.clip(cv2.resize(leaves, (size, size), interpolation=cv2.INTER_CUBIC) * 2, 0, 1)
    return np.asarray(cv2.GaussianBlur(shade * holes, (0, 0), rng.uniform(0.5, 1.6)), np.float32)


def cast_tree_shadows(image: Image, rng: np.random.Generator) -> Image:
    """Darken irregular patches: the look-alike that aerial vehicle models box most."""
    shade = _leaf_mask(image.shape[0], rng)[..., None]
    # The sky lights a shadow, so it is a little bluer than what it falls on.
    tint = rng.uniform(0.3, 0.6) * np.array([rng.uniform(1.0, 1.3), 1.0, rng.uniform(0.85, 1.0)])
    shaded = image * (1.0 - shade * (1.0 - tint))
    return np.asarray(np.clip(shaded, 0, 255), np.uint8)


def draw_dappled_ground(size: int, rng: np.random.Generator) -> Image:
    """Draw asphalt, grass or canopy with shadows and no vehicle: background to learn from."""
    palette = [(120, 118, 118), (70, 110, 90), (60, 95, 70), (140, 150, 155), (45, 75, 50)]
    colour = palette[int(rng.integers(len(palette)))]
    base: NDArray[np.float32] = np.full((size, size, 3), colour, np.float32)
    for octave in (4, 12, 36, 104, size):
        noise = rng.normal(0, 1, (octave, octave, 1)).astype(np.float32)
        grown = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        base *= 1.0 + rng.uniform(0.02, 0.12) * grown[..., None]
    if rng.random() < 0.6:  # an edge of another surface
        mask = np.zeros((size, size), np.float32)
        corners = rng.uniform(-0.2, 1.2, (5, 2)) * size
        hull = cv2.convexHull(corners.astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1.0, cv2.LINE_AA)
        other = np.array(palette[int(rng.integers(len(palette)))], np.float32)
        surface = other + rng.normal(0, 8, base.shape).astype(np.float32)
        base = base * (1 - mask[..., None]) + surface * mask[..., None]
    image = np.clip(base, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        image = cast_tree_shadows(image, rng)
    return image


def draw_roof(size: int, rng: np.random.Generator) -> Image:
    """Draw a roof seen from above, with ribs and rows of skylights or units, and no vehicle."""
    palette = [(60, 75, 150), (70, 95, 165), (65, 70, 120), (190, 190, 185), (60, 85, 175)]
    image: NDArray[np.float32] = np.full(
        (size, size, 3), palette[int(rng.integers(len(palette)))], np.float32
    )
    noise = rng.normal(0, 1, (size // 4, size // 4, 1)).astype(np.float32)
    image *= 1 + 0.06 * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)[..., None]
    pitch = int(rng.integers(4, 18))
    image[::pitch, :] *= rng.uniform(0.8, 0.97)
    for row in range(int(rng.integers(2, 7))):
        y = (row + rng.uniform(0.2, 0.8)) * size / 6
        w, h = rng.uniform(8, 46), rng.uniform(8, 34)
        step = w * rng.uniform(1.3, 3.5)
        lit = rng.uniform(30, 240) + rng.normal(0, 10, 3)
        sun = rng.uniform(-8, 8, 2)
        for x in np.arange(rng.uniform(0, step), size, step):
            if rng.random() < 0.15:
                continue
            _draw_unit(image, (float(x), y), (w, h), lit + rng.normal(0, 12, 3), sun, rng)
    picture = np.asarray(np.clip(image, 0, 255), np.uint8)
    centre = (size / 2, size / 2)
    turn = cv2.getRotationMatrix2D(centre, float(rng.uniform(0, 360)), 1.5)
    turned = cv2.warpAffine(picture, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    blurred = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.5, 1.4))
    return np.asarray(blurred, np.uint8)


def _draw_unit(
    image: NDArray[np.float32],
    corner_px: tuple[float, float],
    size_px: tuple[float, float],
    colour: NDArray[np.float64],
    sun_px: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Draw one skylight, dormer or air conditioner with its shadow and, perhaps, a frame."""
    x0, y0 = int(corner_px[0]), int(corner_px[1])
    x1, y1 = int(x0 + size_px[0]), int(y0 + size_px[1])
    dx, dy = int(sun_px[0]), int(sun_px[1])
    image[max(0, y0 + dy) : max(0, y1 + dy), max(0, x0 + dx) : max(0, x1 + dx)] *= 0.6
    bgr = tuple(float(v) for v in np.clip(colour, 0, 255))
    cv2.rectangle(image, (x0, y0), (x1, y1), bgr, -1)
    if rng.random() < 0.6:
        edge = tuple(float(v) for v in np.clip(colour * rng.uniform(0.5, 1.4), 0, 255))
        cv2.rectangle(image, (x0, y0), (x1, y1), edge, int(rng.integers(1, 4)))
    if rng.random() < 0.3:  # panes
        middle = (x0 + x1) // 2
        cv2.line(image, (middle, y0), (middle, y1), (60.0, 60.0, 60.0), 1)
