"""Where on the ground a pixel or a box is, and how far that may be off.

The formulas, and what goes into the error, are written out in docs/geometry.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame
from park.records import BoxXyxyPx, CornersView, GroundPoint, View
from park.terrain import FlatTerrain, Terrain
from vision.ground import CornersGround, Ground, PosedGround
from vision.uncertainty import propagate

BOX_SIGMA = 0.05
"""One sigma of a detector's box edge, as a share of the box's side."""

HIDDEN_SIGMA = 0.25
"""One sigma of where the middle of a thing is that the picture's edge cuts, across that edge, as a
share of the longer side of what is seen of it. Drawn: things one to four times as long as wide, at
any heading, of which 0.3 to 1 is seen, are off by up to 0.21 to 0.24 of it two times in three."""

_EDGE_PX = 2.0
"""A box that ends so near the picture's edge is taken to be cut by it."""

OUTSIDE_PX = 1.0
"""How far outside the picture a pixel may be before it is refused; boxes are clipped late."""


@dataclass(frozen=True, slots=True)
class ErrorEllipse:
    """One-sigma ellipse of a horizontal error.

    Attributes:
        semi_major_m: longer half axis.
        semi_minor_m: shorter half axis.
        bearing_deg: direction of the longer one, clockwise from north, 0 to 180.
    """

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """Where many pixels of one picture are on the ground.

    Attributes:
        lat_deg: shape (N,); NaN where refused.
        lon_deg: shape (N,); NaN where refused.
        error_m: radius that 68 % of horizontal errors stay within, shape (N,); NaN where
            refused.
        covariance_m2: of east and north, shape (N, 2, 2); NaN where refused.
        reasons: why each was refused, in words; None where placed.
    """

    lat_deg: FloatArray
    lon_deg: FloatArray
    error_m: FloatArray
    covariance_m2: FloatArray
    reasons: tuple[str | None, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.lat_deg), len(self.lon_deg), len(self.error_m), len(self.reasons)}
        if lengths != {len(self.covariance_m2)}:
            raise LocateError(f"placements of unequal lengths {sorted(lengths)}")

    def __len__(self) -> int:
        """How many pixels were asked for."""
        return len(self.reasons)

    @property
    def refused(self) -> NDArray[np.bool_]:
        """True for those that were refused, shape (N,)."""
        return np.array([reason is not None for reason in self.reasons], dtype=np.bool_)

    def point(self, index: int) -> GroundPoint:
        """Return one of them.

        Raises:
            LocateError: it was refused; the message says why.
        """
        reason = self.reasons[index]
        if reason is not None:
            raise LocateError(reason)
        return GroundPoint(
            float(self.lat_deg[index]), float(self.lon_deg[index]), float(self.error_m[index])
        )

    def ellipse(self, index: int) -> ErrorEllipse:
        """Return the one-sigma error ellipse of one of them.

        Raises:
            LocateError: it was refused.
        """
        self.point(index)
        variance, axes = np.linalg.eigh(self.covariance_m2[index])
        east, north = axes[:, 1]
        minor, major = np.sqrt(np.clip(variance, 0.0, None))
        bearing_deg = math.degrees(math.atan2(east, north)) % 180.0
        return ErrorEllipse(float(major), float(minor), bearing_deg)


class Locator:
    """Places pixels and boxes of one picture on the ground.

    Cheap to make, one per frame; keeps nothing between calls. `view` and `terrain` are those
    that it was made with.

    Args:
        view: what is known about how the picture sees the ground.
        terrain: how high the ground is; level at take-off height by default. A view with four
            known corners is of level ground by its nature and takes no other.
        pixel_sigma_px: one sigma of a pixel that is placed, per axis; for boxes 5 % of their
            side is added.
        max_error_m: results less certain than this are refused.
        height_to_length: height of a thing over its extent along the line of sight, for
            boxes; 0.5 suits road vehicles, 3 standing people. It is taken to be uncertain by
            a factor of two either way.

    Raises:
        LocateError: the view cannot be one of ground (crossed corners, camera under ground).
    """

    def __init__(
        self,
        view: View,
        terrain: Terrain | None = None,
        *,
        pixel_sigma_px: float = 3.0,
        max_error_m: float = 250.0,
        height_to_length: float = 0.5,
    ) -> None:
        if not (math.isfinite(pixel_sigma_px) and pixel_sigma_px >= 0.0):
            raise LocateError(f"pixel_sigma_px {pixel_sigma_px} is not zero or more")
        if not max_error_m > 0.0:
            raise LocateError(f"max_error_m {max_error_m} is not more than zero")
        if not (math.isfinite(height_to_length) and height_to_length >= 0.0):
            raise LocateError(f"height_to_length {height_to_length} is not zero or more")
        self.view = view
        self.pixel_sigma_px = pixel_sigma_px
        self.max_error_m = max_error_m
        self.height_to_length = height_to_length
        terrain = FlatTerrain() if terrain is None else terrain
        self.terrain = terrain
        self._ground: Ground
        if isinstance(view, CornersView):
            if not isinstance(terrain, FlatTerrain):
                raise LocateError(
                    "a view with four known corners is of level ground: leave the terrain out"
                )
            self._width_px, self._height_px = view.width_px, view.height_px
            self._ground = CornersGround(view)
        else:
            self._width_px = view.intrinsics.width_px
            self._height_px = view.intrinsics.height_px
            self._ground = PosedGround(view, terrain)

    @property
    def frame(self) -> LocalFrame:
        """The metric frame around the camera (or the first corner) that is computed in."""
        return self._ground.frame

    def ground_many_m(self, xy_px: FloatArray) -> FloatArray:
        """Return where pixels meet the ground, without the errors that make `place_many` slow.

        Args:
            xy_px: shape (N, 2); pixels outside the picture are taken as they are.

        Returns:
            East and north in `frame`, shape (N, 2); NaN where they meet no known ground.
        """
        en_m, reasons = self._ground.meet(np.asarray(xy_px, dtype=np.float64).reshape(-1, 2))
        off = np.array([reason is not None for reason in reasons], dtype=np.bool_)
        return np.where(off[:, None], np.nan, en_m)

    def place(self, x_px: float, y_px: float) -> GroundPoint:
        """Return where a pixel is on the ground.

        Raises:
            LocateError: it is outside the picture, looks at or above the horizon or so close
                to it that the stated errors reach it, meets no known ground, or is less
                certain than `max_error_m`.
        """
        return self.place_many(np.array([[x_px, y_px]])).point(0)

    def place_many(self, xy_px: FloatArray) -> Placements:
        """Return where pixels are on the ground; those that cannot be placed say why.

        Args:
            xy_px: shape (N, 2).
        """
        xy_px = np.asarray(xy_px, dtype=np.float64).reshape(-1, 2)
        factor = np.broadcast_to(np.eye(2) * self.pixel_sigma_px, (len(xy_px), 2, 2))
        return self._place(xy_px, factor)

    def place_box(self, box_xyxy_px: BoxXyxyPx) -> GroundPoint:
        """Return where the thing in a box stands.

        Raises:
            LocateError: as `place`, for its foot point.
        """
        return self.place_boxes(np.array([box_xyxy_px])).point(0)

    def place_boxes(self, boxes_xyxy_px: FloatArray) -> Placements:
        """Return where the things in boxes stand, with the uncertainty of their foot points.

        Args:
            boxes_xyxy_px: shape (N, 4).
        """
        boxes = np.asarray(boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)
        down, sine = self._ground.lean(_centres(boxes))
        reach = _reach_px(boxes, down)
        share = _foot_share(sine, self.height_to_length)
        feet = _centres(boxes) + down * (reach * share)[:, None]
        unsure = 0.5 * (
            _foot_share(sine, 2.0 * self.height_to_length)
            - _foot_share(sine, 0.5 * self.height_to_length)
        )
        along = np.sqrt(
            self.pixel_sigma_px**2 + (2.0 * reach * BOX_SIGMA) ** 2 + (reach * unsure) ** 2
        )
        beside = np.column_stack([-down[:, 1], down[:, 0]])
        across = np.hypot(self.pixel_sigma_px, 2.0 * _reach_px(boxes, beside) * BOX_SIGMA)
        factor = np.stack([down * along[:, None], beside * across[:, None]], axis=2)
        return self._place(feet, self._with_hidden_rest(boxes, factor))

    def _with_hidden_rest(self, boxes: FloatArray, factor: FloatArray) -> FloatArray:
        """Return factors of boxes, widened across the picture's edges that cut them."""
        size = np.array([self._width_px, self._height_px], np.float64)
        cut = (boxes[:, :2] <= _EDGE_PX) | (boxes[:, 2:] >= size - _EDGE_PX)
        if not cut.any():
            return factor
        hidden = HIDDEN_SIGMA * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)[:, None] * cut
        touched = cut.any(axis=1)
        covariance = factor[touched] @ factor[touched].transpose(0, 2, 1)
        covariance[:, [0, 1], [0, 1]] += hidden[touched] ** 2
        widened = factor.copy()
        widened[touched] = np.linalg.cholesky(covariance)
        return widened

    def foot_point(self, box_xyxy_px: BoxXyxyPx) -> tuple[float, float]:
        """Return the pixel at which the middle of a thing's footprint is, from its box.

        Seen from straight above that is the centre of the box, seen from the side the middle
        of its lower edge; between them the box is split between the footprint and the height
        of the thing as the angle of view has it. "Lower" is the picture's direction in which
        a plumb line falls, so a rolled camera is allowed for.
        """
        box = np.array([box_xyxy_px], dtype=np.float64)
        down, sine = self._ground.lean(_centres(box))
        shift = _reach_px(box, down) * _foot_share(sine, self.height_to_length)
        x_px, y_px = (_centres(box) + down * shift[:, None])[0]
        return float(x_px), float(y_px)

    def ground_size_m(self, box_xyxy_px: BoxXyxyPx) -> tuple[float, float]:
        """Return the longer and the shorter side of a box on the ground, metres.

        Raises:
            LocateError: its centre cannot be placed.
        """
        longer, shorter = self.ground_sizes_m(np.array([box_xyxy_px]))[0]
        if not math.isfinite(longer):
            x_px, y_px = self.foot_point(box_xyxy_px)
            raise LocateError(f"the ground at pixel ({x_px:.0f}, {y_px:.0f}) cannot be measured")
        return float(longer), float(shorter)

    def ground_sizes_m(self, boxes_xyxy_px: FloatArray) -> FloatArray:
        """Return longer and shorter side of boxes on the ground, shape (N, 2), metres.

        The extent of a box along the line of sight shows both the thing's footprint and its
        height; it is divided by what a thing of `height_to_length` shows at that angle.
        Rows are NaN where the centre of the box meets no ground.

        Args:
            boxes_xyxy_px: shape (N, 4).
        """
        boxes = np.asarray(boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)
        down, sine = self._ground.lean(_centres(boxes))
        sides = (boxes[:, 2:] - boxes[:, :2]) * self.gsd_many_m(_centres(boxes))[:, None]
        cosine = np.sqrt(np.clip(1.0 - sine**2, 0.0, 1.0))
        shown = np.clip(sine, 0.0, 1.0) + self.height_to_length * cosine
        sides = sides / (1.0 - down**2 + down**2 * shown[:, None])
        return np.column_stack([sides.max(axis=1), sides.min(axis=1)])

    def gsd_m(self, x_px: float, y_px: float) -> float:
        """Return metres per pixel across the line of sight at a pixel.

        Raises:
            LocateError: the pixel meets no known ground.
        """
        metres = float(self.gsd_many_m(np.array([[x_px, y_px]]))[0])
        if not math.isfinite(metres):
            raise LocateError(f"pixel ({x_px:.0f}, {y_px:.0f}) meets no known ground")
        return metres

    def gsd_many_m(self, xy_px: FloatArray) -> FloatArray:
        """Return metres per pixel across the line of sight, shape (N,); NaN off the ground."""
        return self._ground.gsd_m(np.asarray(xy_px, dtype=np.float64).reshape(-1, 2))

    def _place(self, xy_px: FloatArray, pixel_factor_px: FloatArray) -> Placements:
        count = len(xy_px)
        reasons = self._outside(xy_px)
        en_m, ground_reasons = self._ground.meet(xy_px)
        reasons = [a or b for a, b in zip(reasons, ground_reasons, strict=True)]
        placed = np.array([i for i in range(count) if reasons[i] is None], dtype=np.intp)
        error_m = np.full(count, np.nan)
        covariance = np.full((count, 2, 2), np.nan)
        spread = self._ground.spread(xy_px[placed], en_m[placed], pixel_factor_px[placed])
        radius, spread_m2 = propagate(spread, len(placed), self._ground.parameters)
        for i, radius_m in zip(placed, radius, strict=True):
            if math.isinf(radius_m):
                reasons[i] = "too close to the horizon: the stated errors reach past it"
            elif radius_m > self.max_error_m:
                reasons[i] = (
                    f"its error would be {radius_m:.0f} m, more than the {self.max_error_m:.0f} m "
                    "that are allowed"
                )
        error_m[placed], covariance[placed] = radius, spread_m2
        lat_deg, lon_deg = self.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
        refused = np.array([reason is not None for reason in reasons], dtype=np.bool_)
        for array in (lat_deg, lon_deg, error_m, covariance):
            array[refused] = np.nan
        return Placements(lat_deg, lon_deg, error_m, covariance, tuple(reasons))

    def _outside(self, xy_px: FloatArray) -> list[str | None]:
        with np.errstate(invalid="ignore"):
            inside = np.all(
                (xy_px >= -OUTSIDE_PX)
                & (xy_px <= np.array([self._width_px, self._height_px]) + OUTSIDE_PX),
                axis=1,
            )
        return [
            None
            if ok
            else f"pixel ({x:.0f}, {y:.0f}) is outside the picture of "
            f"{self._width_px} x {self._height_px}"
            for ok, (x, y) in zip(inside, xy_px, strict=True)
        ]


def _centres(boxes: FloatArray) -> FloatArray:
    middle: FloatArray = (boxes[:, :2] + boxes[:, 2:]) / 2.0
    return middle


def _reach_px(boxes: FloatArray, direction: FloatArray) -> FloatArray:
    """Return how far the edge of each box is from its centre in a direction, shape (N,)."""
    half = (boxes[:, 2:] - boxes[:, :2]) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(np.abs(direction) > 1e-12, half / np.abs(direction), np.inf)
    return np.asarray(reach.min(axis=1), dtype=np.float64)


def _foot_share(sine: FloatArray, height_to_length: float) -> FloatArray:
    """Return how far from centre (0) to lower edge (1) of a box the footprint's middle is.

    A thing of length L along the line of sight and height h, seen at depression d, shows
    L sin d + h cos d; its footprint's middle is L sin d / 2 above the lower edge.
    """
    cosine = np.sqrt(np.clip(1.0 - sine**2, 0.0, 1.0))
    upright = height_to_length * cosine
    flat = np.clip(sine, 0.0, 1.0)
    total = flat + upright
    return np.divide(upright, total, out=np.ones_like(total), where=total > 0.0)
