"""Two pictures of the same ground that already lie on each other, for tests of what they show."""

from __future__ import annotations

import numpy as np
from shapely.geometry.base import BaseGeometry

from tests.vision.scene.drawn_ground import DrawnGround, Image, rectangle
from vision.scene.light import Light, light_between
from vision.scene.lying import Lying
from vision.scene.ortho import CellGrid, Patch
from vision.scene.working import Mask

CELL_M = 0.2
SIDE_M = 40.0
GRID = CellGrid.around((-SIDE_M / 2, -SIDE_M / 2, SIDE_M / 2, SIDE_M / 2), CELL_M)
PLACE = rectangle(2, 1, 8, 5)


def ground() -> DrawnGround:
    """Return paved ground with stains, as large as the grid."""
    return DrawnGround.rough(SIDE_M, gsd_m=CELL_M, colour_bgr=(100, 112, 110), contrast=20)


def patch(image_bgr: Image) -> Patch:
    """Return a picture as ground that is all seen from straight above."""
    return Patch(
        GRID,
        image_bgr,
        np.full(GRID.shape, 255, np.uint8),
        np.ones(GRID.shape, np.float32),
    )


def lying(before: Image, now: Image) -> Lying:
    """Return two pictures of the same ground, one on the other, in the light that fits them."""
    shares = [
        image.reshape(-1, 3).astype(np.float32) / np.float32(255.0) for image in (before, now)
    ]
    light: Light = light_between(*shares)
    return Lying(patch(before), patch(now), np.eye(3), light, np.full(GRID.shape, 255, np.uint8))


def cells(area: BaseGeometry) -> Mask:
    """Return 255 for the cells of an area."""
    return GRID.mask(area)


def share_of(mask: Mask, area: BaseGeometry) -> float:
    """Return how much of an area is marked, 0 to 1."""
    inside = cells(area) > 0
    return float(np.count_nonzero(mask[inside])) / float(np.count_nonzero(inside))
