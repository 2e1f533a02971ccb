"""Pictures laid flat on the ground: cells of one size, north up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray, LocalFrame
from park.records import BoxXyxyPx, PosedView
from vision.locate import Locator
from vision.observe import Sight
from vision.scene.picture_motion import motion_between, turn_between
from vision.scene.view import SceneView
from vision.scene.working import Mask
from vision.scene.zones import GroundProjector

_LATTICE = 16
_BLUR_CELLS = 4.0
_LEAST_KNOWN = 0.25
_BOX_MARGIN = 0.15
_SPARE_M = 0.5
_SIGMAS = 3.0
_MOST_BACK = 0.25
_MIDDLE = np.array([[0.5, 0.5]])
_CORNERS = np.array([[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]])
"""Shares of width and height of a picture."""


@dataclass(frozen=True, slots=True)
class CellGrid:
    """Square cells on the ground, rows from north to south.

    Attributes:
        west_m: left edge, east of the frame's origin.
        north_m: upper edge, north of it.
        cell_m: side of a cell.
        columns: how many from west to east.
        rows: how many from north to south.
    """

    west_m: float
    north_m: float
    cell_m: float
    columns: int
    rows: int

    @classmethod
    def around(cls, bounds_m: tuple[float, float, float, float], cell_m: float) -> CellGrid:
        """Return the grid that covers (west, south, east, north), on whole multiples of a cell."""
        west, south, east, north = bounds_m
        left, top = math.floor(west / cell_m), math.ceil(north / cell_m)
        columns = max(1, math.ceil(east / cell_m) - left)
        rows = max(1, top - math.floor(south / cell_m))
        return cls(left * cell_m, top * cell_m, cell_m, columns, rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    def places_m(self, rows: FloatArray, columns: FloatArray) -> FloatArray:
        """Return east and north of points given in cells (cell centres are at +0.5), (N, 2)."""
        east = self.west_m + columns * self.cell_m
        north = self.north_m - rows * self.cell_m
        return np.column_stack([east, north])

    def mask(self, area_m: BaseGeometry) -> Mask:
        """Return 255 for the cells whose centre is in an area, 0 for the others."""
        from affine import Affine
        from rasterio.features import rasterize

        if area_m.is_empty:
            return np.zeros(self.shape, np.uint8)
        transform = Affine(self.cell_m, 0.0, self.west_m, 0.0, -self.cell_m, self.north_m)
        return np.asarray(
            rasterize([(area_m, 255)], self.shape, fill=0, transform=transform, dtype="uint8")
        )


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A part of the ground as one picture shows it, or as a baseline has it.

    Attributes:
        grid: of its cells.
        image_bgr: uint8, shape (rows, columns, 3).
        known: 255 where the picture shows the cell.
        sine: of the depression under which it is seen, float32.
    """

    grid: CellGrid
    image_bgr: NDArray[np.uint8]
    known: Mask
    sine: NDArray[np.float32]


def ground_near_m(
    view: SceneView, frame: LocalFrame, within_m: float, steps: int = 7
) -> FloatArray:
    """Return places that a picture shows no further than so many metres from its camera.

    Args:
        view: whose ground is known.
        frame: of the places.
        within_m: along the ground, from below the camera.
        steps: how many are asked for along each side of the picture.

    Returns:
        East and north, shape (N, 2); N is 0 where none is so near.
    """
    locator = view.sight.locator
    assert locator is not None
    width, height = view.frame.width_px, view.frame.height_px
    xs, ys = np.meshgrid(np.linspace(0, width, steps), np.linspace(0, height, steps))
    en_m = locator.ground_many_m(np.column_stack([xs.ravel(), ys.ravel()]))
    near = en_m[np.linalg.norm(en_m, axis=1) <= within_m]
    lat, lon = locator.frame.to_lat_lon(near[:, 0].copy(), near[:, 1].copy())
    return np.column_stack(frame.to_en_m(lat, lon))


def laid_flat(
    image_bgr: NDArray[np.uint8],
    scale_xy: tuple[float, float],
    locator: Locator,
    frame: LocalFrame,
    grid: CellGrid,
) -> Patch:
    """Return what a picture shows of a grid of cells.

    Args:
        image_bgr: the picture, of whatever size.
        scale_xy: its pixels per pixel of the full frame.
        locator: of the full frame.
        frame: of the grid.
        grid: cells.
    """
    rows = np.linspace(0.0, grid.rows, max(2, math.ceil(grid.rows / _LATTICE) + 1))
    columns = np.linspace(0.0, grid.columns, max(2, math.ceil(grid.columns / _LATTICE) + 1))
    at_columns, at_rows = np.meshgrid(columns, rows)
    places = grid.places_m(at_rows.ravel(), at_columns.ravel())
    pixels = GroundProjector(locator, frame).pixels(places) * np.array(scale_xy) - 0.5
    lattice = np.concatenate([pixels, _sines(locator, frame, places)[:, None]], axis=1)
    whole = _spread(lattice.reshape(len(rows), len(columns), 3).astype(np.float32), grid.shape)
    x, y, sine = whole[..., 0], whole[..., 1], whole[..., 2]
    height, width = image_bgr.shape[:2]
    with np.errstate(invalid="ignore"):
        known = (x >= 0.0) & (y >= 0.0) & (x <= width - 1.0) & (y <= height - 1.0)
    image = cv2.remap(
        image_bgr, np.where(known, x, -1.0), np.where(known, y, -1.0), cv2.INTER_LINEAR
    )
    return Patch(
        grid,
        np.asarray(image, np.uint8),
        np.where(known, 255, 0).astype(np.uint8),
        np.where(known, sine, 0.0).astype(np.float32),
    )


def without_boxes(
    patch: Patch, view: SceneView, boxes: Sequence[BoxXyxyPx], frame: LocalFrame
) -> Patch:
    """Return a patch in which the ground behind boxes of a picture is not known.

    Args:
        patch: what the picture shows of the ground.
        view: of the picture; its ground is known.
        boxes: of the full frame; a margin of 15 % is added all around.
        frame: of the patch's grid.
    """
    hidden = np.zeros(view.shape, np.uint8)
    scale_x, scale_y = view.scale_xy
    for x0, y0, x1, y1 in boxes:
        grow_x, grow_y = _BOX_MARGIN * (x1 - x0), _BOX_MARGIN * (y1 - y0)
        corner = (round((x0 - grow_x) * scale_x), round((y0 - grow_y) * scale_y))
        other = (round((x1 + grow_x) * scale_x), round((y1 + grow_y) * scale_y))
        cv2.rectangle(hidden, corner, other, 255, -1)
    locator = view.sight.locator
    assert locator is not None
    laid = laid_flat(hidden, view.scale_xy, locator, frame, patch.grid)
    known = np.where(laid.image_bgr > 0, 0, patch.known).astype(np.uint8)
    return Patch(patch.grid, patch.image_bgr, known, patch.sine)


def _sines(locator: Locator, frame: LocalFrame, places: FloatArray) -> FloatArray:
    view = locator.view
    if not isinstance(view, PosedView):
        return np.ones(len(places))
    east, north = frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg)
    away = np.hypot(places[:, 0] - east, places[:, 1] - north)
    height_m = max(view.pose.alt_home_m, 0.1)
    return np.asarray(height_m / np.hypot(away, height_m), np.float64)


def _spread(lattice: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return lattice values at cell centres, by bilinear interpolation."""
    rows, columns = shape
    y = (np.arange(rows, dtype=np.float32) + 0.5) * ((lattice.shape[0] - 1) / rows)
    x = (np.arange(columns, dtype=np.float32) + 0.5) * ((lattice.shape[1] - 1) / columns)
    whole_x, whole_y = np.meshgrid(x, y)
    return np.asarray(cv2.remap(lattice, whole_x, whole_y, cv2.INTER_LINEAR), np.float32)


def even_light(image_bgr: NDArray[np.uint8], known: Mask, cell_m: float) -> NDArray[np.uint8]:
    """Return grey with the light of some metres taken out: mean 128, deviation about 40.

    Two pictures of one place under different light then look alike to a matcher.
    """
    grey = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    sigma = max(2.0, 2.5 / cell_m)
    seen = (known > 0).astype(np.float32)
    weight = _blurred(seen, sigma) + 1e-3
    off = (grey - _blurred(grey * seen, sigma) / weight) * seen
    spread = np.sqrt(np.maximum(_blurred(off * off, sigma), 0.0) / weight) + 4.0
    return np.asarray(np.clip(128.0 + 40.0 * off / spread, 0, 255), np.uint8)


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Return values blurred; what is blurred widely is so in fewer pixels, which costs a tenth."""
    rows, columns = values.shape
    shrink = max(1.0, sigma / _BLUR_CELLS)
    size = (max(1, round(columns / shrink)), max(1, round(rows / shrink)))
    few = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    few = cv2.GaussianBlur(few, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(few, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def most_shift_m(sight: Sight, at_most_m: float, *, at_corners: bool = False) -> float:
    """Return how far a frame may lie from where its pose says, metres.

    Ground that repeats itself, as kerbs and rows of slabs do, fits at several places.

    Args:
        sight: of the frame; its locator is known.
        at_most_m: whatever the pose says of its errors.
        at_corners: of its corners, which a heading that is wrong moves furthest; else of its
            middle.
    """
    assert sight.locator is not None
    size = np.array([sight.frame.width_px, sight.frame.height_px], np.float64)
    asked = _CORNERS if at_corners else _MIDDLE
    error_m = sight.locator.place_many(asked * size).error_m
    known = error_m[np.isfinite(error_m)]
    if not len(known):
        return at_most_m
    return min(at_most_m, _SPARE_M + _SIGMAS * float(known.max()))


def registered(
    onto: Patch, patch: Patch, most_m: float, *, back_m: float = 0.0, turned_m: float | None = None
) -> tuple[Patch, float, FloatArray] | None:
    """Return a patch moved so that it lies on another of the same grid, and how it was moved.

    The second value is by how many metres at most; the third the homography from its cells as
    they were to where they are now, for OpenCV's pixels. None where too little agrees, or where
    it would have to move further than poses are wrong.

    Args:
        onto: what it is to lie on.
        patch: what is moved.
        most_m: the furthest that any known corner of it may move.
        back_m: how much nearer to where it was it is left, up to a quarter of the way. What is laid
            on what was laid before drifts off with it, were it not drawn back to its own pose.
        turned_m: where no plane fits, or one that moves it too far, it is but turned, moved and
            scaled, no corner further than this, and left a quarter of the way: what it is to lie on
            was put together from frames that do not quite fit each other. None for not at all.
    """
    both = (onto.known > 0) & (patch.known > 0)
    if both.mean() < _LEAST_KNOWN * 0.2 or both.sum() < 2500:
        return None
    common = np.where(both, 255, 0).astype(np.uint8)
    cell_m = patch.grid.cell_m
    theirs = even_light(patch.image_bgr, common, cell_m)
    ours = even_light(onto.image_bgr, common, cell_m)
    whole = motion_between(theirs, ours, None).homography
    far_m = math.inf if whole is None else _far_m(whole, both, cell_m)
    back = min(_MOST_BACK, back_m / max(far_m, 1e-6))
    if far_m > most_m and turned_m is not None:
        whole, back = turn_between(theirs, ours).homography, _MOST_BACK
        most_m = turned_m
        far_m = math.inf if whole is None else _far_m(whole, both, cell_m)
    if whole is None or far_m > most_m:
        return None
    share = 1.0 - back
    homography = _part_of(whole, share)
    size = (patch.grid.columns, patch.grid.rows)
    image = cv2.warpPerspective(patch.image_bgr, homography, size)
    known = cv2.warpPerspective(patch.known, homography, size, flags=cv2.INTER_NEAREST)
    sine = cv2.warpPerspective(patch.sine, homography, size)
    solid = cv2.erode(known, np.ones((3, 3), np.uint8))
    return (
        Patch(patch.grid, np.asarray(image, np.uint8), np.asarray(solid, np.uint8),
              np.asarray(sine, np.float32)),
        share * far_m,
        homography,
    )  # fmt: skip


def _far_m(homography: FloatArray, both: NDArray[np.bool_], cell_m: float) -> float:
    """Return how far a homography moves the corners around what two patches have in common."""
    rows, columns = np.nonzero(both)
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    moved = cv2.perspectiveTransform(corners.reshape(-1, 1, 2), homography)[:, 0]
    return float(np.linalg.norm(moved - corners, axis=1).max()) * cell_m


def _part_of(homography: FloatArray, share: float) -> FloatArray:
    """Return a homography that moves a share of the way; one that moves little is nearly linear."""
    whole = homography / homography[2, 2]
    return np.asarray(np.eye(3) + share * (whole - np.eye(3)), np.float64)
