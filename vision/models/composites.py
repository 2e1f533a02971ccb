"""Training pictures that no camera took: other light, and labelled things on other ground.

A few scenes of streets teach a model those streets. Light, colour and ground are what differs
most between a training set and the next drone, and they can be varied without new labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

MARGIN_SHARE = 0.18
"""Ground around a thing that is cut out with it, as a share of its box; it fades out."""

_MOST_PASTED = 7


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """A labelled thing with a little of its ground.

    Attributes:
        class_name: what it is.
        image_bgr: its box and a margin of `MARGIN_SHARE` of the box on each side.
    """

    class_name: str
    image_bgr: Image


def cut_out(
    image: Image, class_name: str, box_xyxy_px: tuple[float, float, float, float]
) -> CutOut | None:
    """Return a thing cut out of a picture, or None when it lies too near the edge."""
    x0, y0, x1, y1 = box_xyxy_px
    dx, dy = MARGIN_SHARE * (x1 - x0), MARGIN_SHARE * (y1 - y0)
    left, top, right, bottom = (round(v) for v in (x0 - dx, y0 - dy, x1 + dx, y1 + dy))
    height_px, width_px = image.shape[:2]
    if left < 0 or top < 0 or right > width_px or bottom > height_px:
        return None
    if right - left < 12 or bottom - top < 12:
        return None
    return CutOut(class_name, image[top:bottom, left:right].copy())


def paste(
    ground: Image, things: Sequence[CutOut], rng: np.random.Generator
) -> tuple[Image, tuple[tuple[str, float, float, float, float], ...]]:
    """Return a ground with some things on it, turned and lit anew, and their boxes."""
    canvas = ground.copy()
    size = canvas.shape[0]
    boxes: list[tuple[str, float, float, float, float]] = []
    for _ in range(int(rng.integers(1, _MOST_PASTED + 1))):
        thing = things[int(rng.integers(len(things)))]
        patch = np.ascontiguousarray(np.rot90(thing.image_bgr, int(rng.integers(4))))
        if rng.random() < 0.5:
            patch = np.ascontiguousarray(patch[:, ::-1])
        height, width = patch.shape[:2]
        if max(height, width) >= size:
            continue
        x, y = int(rng.integers(0, size - width)), int(rng.integers(0, size - height))
        mx = MARGIN_SHARE * width / (1 + 2 * MARGIN_SHARE)
        my = MARGIN_SHARE * height / (1 + 2 * MARGIN_SHARE)
        box = (x + mx, y + my, x + width - mx, y + height - my)
        if any(_overlap(box, other[1:]) for other in boxes):
            continue
        lit = np.clip(patch * rng.uniform(0.45, 1.35), 0, 255)
        mask = _fading(height, width, mx, my)[..., None]
        part = canvas[y : y + height, x : x + width]
        part[:] = np.asarray(part * (1 - mask) + lit * mask, np.uint8)
        boxes.append((thing.class_name, *box))
    return canvas, tuple(boxes)


def vary_light(image: Image, rng: np.random.Generator) -> Image:
    """Return a picture as another camera at another hour might have taken it."""
    levels = np.linspace(0, 1, 256) ** rng.uniform(0.6, 1.6)
    levels = (levels - 0.5) * rng.uniform(0.75, 1.35) + 0.5
    table = np.clip(levels * 255, 0, 255).astype(np.uint8)
    varied = np.asarray(cv2.LUT(image, table), np.float32)
    varied *= rng.uniform(0.9, 1.1, 3).astype(np.float32)
    grey = varied.mean(axis=2, keepdims=True)
    varied = grey + (varied - grey) * rng.uniform(0.5, 1.9)
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(varied, (0, 0), rng.uniform(0.6, 1.4))
        # A positive weight sharpens, a negative one softens.
        varied = varied + (varied - soft) * rng.choice([-0.8, 1.2])
    varied += rng.normal(0, rng.uniform(0, 6), varied.shape)
    return np.asarray(np.clip(varied, 0, 255), np.uint8)


def _fading(height: int, width: int, mx: float, my: float) -> NDArray[np.float32]:
    """Return weights: one on the box, falling to nothing over the margin."""
    across = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5) / max(mx, 1.0)
    down = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5) / max(my, 1.0)
    weights = np.clip(down, 0, 1)[:, None] * np.clip(across, 0, 1)[None, :]
    return np.asarray(weights, np.float32)


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
