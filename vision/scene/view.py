"""One frame as the scene detectors share it: shrunk once, with its scale and its motion.

Working pictures have at most 960 pixels on their long side. Everything that costs time is made
when it is first asked for and kept, so that several detectors pay for it once.
"""

from __future__ import annotations

import copy
import math
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPoint
from shapely.geometry.base import BaseGeometry

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame
from park.records import BoxXyxyPx, Frame
from vision.observe import Sight
from vision.scene.ground_scale import GroundScale, area_share_error
from vision.scene.picture_motion import PictureMotion, motion_between, resized
from vision.scene.smoke_looks import small_picture
from vision.scene.working import (
    LEAST_SIDE_PX,
    Mask,
    Rectangle,
    lab_of,
    rectangle_around,
    within,
    working_picture,
)
from vision.scene.zones import GroundProjector, filled

_BLACK = 14.0
_BRIGHTEST_OF_BLACK = 45.0
_ONE_COLOUR = 1.5
_POSE_LATTICE = 7
_BAND_PX = 64
_OF_PIXELS = ("gray", "small", "small_gray", "halved", "lab", "blind", "picture_motion")


class SceneView:
    """One frame, shrunk, for all scene detectors.

    Args:
        sight: the frame with the means to place what is in it.
        site: the frame in which zones are given, metres.
        long_side_px: the working picture is at most this long.
        previous: the view before in the same video; None for photos and for the first frame.
        image_bgr: the working picture; None to shrink that of the frame.

    Raises:
        RecordError: the picture does not have three channels of eight bits.
    """

    def __init__(
        self,
        sight: Sight,
        site: LocalFrame,
        *,
        long_side_px: int = 960,
        previous: SceneView | None = None,
        image_bgr: NDArray[np.uint8] | None = None,
    ) -> None:
        self.sight = sight
        self.site = site
        self.previous = previous
        if image_bgr is None:
            image_bgr = working_picture(sight.frame, long_side_px)
        self.image_bgr = image_bgr
        height, width = self.image_bgr.shape[:2]
        self.scale_xy = (width / self.frame.width_px, height / self.frame.height_px)
        """Working pixels per full pixel along x and y; they differ by rounding only."""
        self._lab: NDArray[np.float32] | None = None
        self._lab_columns: dict[int, tuple[int, int]] = {}
        self._outlines: dict[bytes, BaseGeometry] = {}
        self._masks: dict[bytes, Mask] = {}
        self._mask_of: dict[int, tuple[BaseGeometry, Mask | None]] = {}
        self._near: dict[tuple[bytes, float], Mask] = {}

    def with_pixels(self, image_bgr: NDArray[np.uint8]) -> SceneView:
        """Return the same view of other pixels, such as those of another light.

        Args:
            image_bgr: of the working picture's size.
        """
        other = copy.copy(self)
        for name in _OF_PIXELS:
            vars(other).pop(name, None)
        vars(other).update(image_bgr=image_bgr, _lab=None, _lab_columns={})
        return other

    @property
    def frame(self) -> Frame:
        """The frame."""
        return self.sight.frame

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the working picture."""
        return int(self.image_bgr.shape[0]), int(self.image_bgr.shape[1])

    @property
    def scale(self) -> float:
        """Working pixels per full pixel."""
        return math.sqrt(self.scale_xy[0] * self.scale_xy[1])

    @cached_property
    def gray(self) -> NDArray[np.uint8]:
        """The working picture in grey."""
        return np.asarray(cv2.cvtColor(self.image_bgr, cv2.COLOR_BGR2GRAY), np.uint8)

    @cached_property
    def small(self) -> NDArray[np.uint8]:
        """The working picture shrunk once more, as smoke is looked for in it."""
        return small_picture(self.image_bgr)

    @cached_property
    def small_gray(self) -> NDArray[np.uint8]:
        """The small picture in grey."""
        return np.asarray(cv2.cvtColor(self.small, cv2.COLOR_BGR2GRAY), np.uint8)

    @cached_property
    def halved(self) -> SceneView:
        """This view at half the size, without the one before it."""
        height, width = self.shape
        half = cv2.resize(self.image_bgr, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        view = SceneView(self.sight, self.site, image_bgr=np.asarray(half, np.uint8))
        # What is of the full frame is the same in both.
        vars(view).update(projector=self.projector, reach_m=self.reach_m, _outlines=self._outlines)
        return view

    def as_fine_as(self, gsd_m: float, where: Mask) -> SceneView:
        """Return this view, or where its pixels are twice as fine as needed, that of half the size.

        Args:
            gsd_m: metres per pixel that are fine enough.
            where: pixels that count; far ones in an oblique view are coarser.
        """
        if self.gsd_m is None or min(self.shape) < 2 * LEAST_SIDE_PX:
            return self
        seen = np.flatnonzero(where)
        sample = self.gsd_m.reshape(-1)[seen[:: max(1, len(seen) // 1000)]]
        fine = bool(sample.size) and float(np.nanmax(sample, initial=0.0)) <= gsd_m / 2.0
        return self.halved if fine else self

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """The working picture in CIE Lab: L 0 to 100, a and b about -128 to 127."""
        height, width = self.shape
        return self.lab_in((slice(0, height), slice(0, width)))

    def lab_in(self, rectangle: Rectangle) -> NDArray[np.float32]:
        """Return a rectangle in CIE Lab; no pixel is converted twice, whoever asks for it.

        Args:
            rectangle: rows and columns, none beyond the picture.
        """
        if self._lab is None:
            self._lab = np.empty((*self.shape, 3), np.float32)
        rows, columns = rectangle
        for top in range(rows.start // _BAND_PX * _BAND_PX, rows.stop, _BAND_PX):
            band = slice(top, top + _BAND_PX)
            left, right = self._lab_columns.get(top, (columns.start, columns.start))
            # Rectangles may lie apart: what is between them is converted too.
            for part in (slice(columns.start, left), slice(right, columns.stop)):
                if part.start < part.stop:
                    self._lab[band, part] = lab_of(self.image_bgr[band, part])
            self._lab_columns[top] = min(left, columns.start), max(right, columns.stop)
        return self._lab[rectangle]

    @cached_property
    def blind(self) -> str:
        """Why nothing can be seen in this picture; empty where something can."""
        height, width = self.shape
        if min(self.frame.width_px, self.frame.height_px, height, width) < LEAST_SIDE_PX:
            return f"the picture of {self.frame.width_px} x {self.frame.height_px} is too small"
        _, deviation = cv2.meanStdDev(self.image_bgr)
        if float(deviation.max()) < _ONE_COLOUR:
            return "the picture is of one colour"
        median, bright = np.percentile(self.gray[::4, ::4], [50.0, 99.5])
        if median < _BLACK and bright < _BRIGHTEST_OF_BLACK:
            return "the picture is black"
        return ""

    @cached_property
    def ground(self) -> GroundScale | None:
        """How large working pixels are on the ground; None where that is not known."""
        if self.sight.locator is None:
            return None
        return GroundScale.of(self.sight.locator, self.shape, self.scale_xy)

    @property
    def gsd_m(self) -> NDArray[np.float32] | None:
        """Metres per working pixel across the line of sight; NaN off the ground."""
        return None if self.ground is None else self.ground.gsd_m

    @property
    def pixel_area_m2(self) -> NDArray[np.float32] | None:
        """Square metres of ground under each working pixel; NaN off the ground."""
        return None if self.ground is None else self.ground.area_m2

    @cached_property
    def projector(self) -> GroundProjector | None:
        """Says where places appear in the full frame; None where that is not known."""
        if self.sight.locator is None:
            return None
        try:
            return GroundProjector(self.sight.locator, self.site)
        except LocateError:
            return None

    def mask(self, area_m: BaseGeometry) -> Mask:
        """Return where an area is seen; empty where nothing is known about the view.

        Args:
            area_m: polygons in the site's frame, metres.
        """
        known = self._known_mask(area_m)
        return self._nothing if known is None else known

    def shows(self, area_m: BaseGeometry) -> bool:
        """Return whether any working pixel shows an area.

        Args:
            area_m: polygons in the site's frame, metres.
        """
        return self._known_mask(area_m) is not None

    @cached_property
    def _nothing(self) -> Mask:
        empty = np.zeros(self.shape, np.uint8)
        empty.setflags(write=False)
        return empty

    def _known_mask(self, area_m: BaseGeometry) -> Mask | None:
        """Return where an area is seen; None where it is not."""
        # With its mask an area is kept, so that no other one can get its id.
        known = self._mask_of.get(id(area_m))
        if known is None:
            known = self._mask_of[id(area_m)] = area_m, self._drawn(area_m)
        return known[1]

    def _drawn(self, area_m: BaseGeometry) -> Mask | None:
        if self.projector is None or not self._may_reach(area_m):
            return None
        # The same area may be given with its corners in another order.
        key = area_m.normalize().wkb
        if key not in self._masks:
            if key not in self._outlines:
                self._outlines[key] = self.projector.outline(self._in_reach(area_m))
            self._masks[key] = filled(self._outlines[key], self.scale_xy, self.shape)
        mask = self._masks[key]
        return mask if cv2.countNonZero(mask) else None

    def near(self, area_m: BaseGeometry, margin_m: float) -> Mask:
        """Return where an area is seen, with what is within some metres of it.

        Args:
            area_m: polygons in the site's frame, metres.
            margin_m: at the scale of the middle of what is seen of the area.
        """
        key = (area_m.wkb, margin_m)
        if key not in self._near:
            self._near[key] = self._widened(self.mask(area_m), margin_m)
        return self._near[key]

    def _widened(self, mask: Mask, margin_m: float) -> Mask:
        if self.gsd_m is None or margin_m <= 0.0 or not mask.any():
            return mask
        shown = rectangle_around(mask, 0)
        assert shown is not None
        # A thousand pixels tell the median as well.
        seen = np.flatnonzero(mask[shown])
        scales = self.gsd_m[shown].reshape(-1)[seen[:: max(1, len(seen) // 1000)]]
        known = scales[np.isfinite(scales)]
        gsd_m = float(np.median(known)) if known.size else 0.0
        if gsd_m <= 0.0:
            return mask
        margin_px = margin_m / gsd_m
        around = rectangle_around(mask, math.ceil(min(margin_px, max(mask.shape))) + 1)
        assert around is not None
        whole = np.zeros_like(mask)
        whole[around] = within(mask[around], margin_px)
        return whole

    def part(self, rectangle: Rectangle) -> ViewPart:
        """Return a rectangle of this view, for a detector that has to look at no more.

        Args:
            rectangle: rows and columns, none beyond the picture.
        """
        return ViewPart(self, rectangle)

    @cached_property
    def reach_m(self) -> BaseGeometry | None:
        """All ground in the picture with some to spare, site metres; None with sky in it."""
        locator = self.sight.locator
        if locator is None:
            return None
        width, height = float(self.frame.width_px), float(self.frame.height_px)
        xs, ys = np.meshgrid(np.linspace(0.0, width, 9), np.linspace(0.0, height, 9))
        en_m = locator.ground_many_m(np.column_stack([xs.ravel(), ys.ravel()]))
        if not np.isfinite(en_m).all():
            return None
        lat, lon = locator.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
        east, north = self.site.to_en_m(lat, lon)
        spare = 0.15 * max(float(np.ptp(east)), float(np.ptp(north)))
        hull = MultiPoint(np.column_stack([east, north])).convex_hull
        return hull.buffer(spare, quad_segs=1, join_style="mitre")

    def _may_reach(self, area_m: BaseGeometry) -> bool:
        """Return whether an area may be seen, by its bounds: most of a site's may not."""
        reach = self.reach_m
        if area_m.is_empty:
            return False
        if reach is None:
            return True
        west, south, east, north = area_m.bounds
        left, low, right, high = reach.bounds
        return not (west > right or east < left or south > high or north < low)

    def _in_reach(self, area_m: BaseGeometry) -> BaseGeometry:
        """Return the part of an area that may be seen: its far corners need no projecting."""
        return area_m if self.reach_m is None else area_m.intersection(self.reach_m)

    def area_m2(self, mask: Mask) -> float:
        """Return the ground under the pixels of a mask, square metres.

        Pixels off the ground count nothing; all do where the scale is not known.
        """
        if self.pixel_area_m2 is None:
            return 0.0
        return float(np.nansum(self.pixel_area_m2[mask > 0], dtype=np.float64))

    def area_share_error(self, x_px: float, y_px: float) -> float:
        """Return one standard deviation of areas at a working pixel, as a share of them."""
        view, ground = self.frame.view, self.sight.locator
        if view is None or ground is None:
            return 1.0
        depression_deg = 90.0
        if self.ground is not None:
            row = min(max(int(y_px), 0), self.shape[0] - 1)
            column = min(max(int(x_px), 0), self.shape[1] - 1)
            gsd, area = self.ground.gsd_m[row, column], self.ground.area_m2[row, column]
            if math.isfinite(gsd) and area > 0.0:
                # A pixel covers gsd across and gsd / sin(depression) along the line of sight.
                depression_deg = math.degrees(math.asin(min(1.0, float(gsd * gsd / area))))
        return area_share_error(view, depression_deg)

    def box_full_px(self, mask: Mask) -> BoxXyxyPx:
        """Return the box around the pixels of a mask that is not empty, in the full frame."""
        x, y, width, height = cv2.boundingRect(mask)
        (left, top), (right, bottom) = self.to_full_px(
            np.array([[x, y], [x + width, y + height]], np.float64)
        )
        return float(left), float(top), float(right), float(bottom)

    def to_full_px(self, xy_px: FloatArray) -> FloatArray:
        """Return pixels of the full frame from working pixels, shape (N, 2)."""
        full = np.asarray(xy_px, np.float64) / np.array(self.scale_xy)
        return np.asarray(full, np.float64)

    def place_full_px(self, mask: Mask) -> tuple[float, float]:
        """Return the pixel of the full frame that stands for a region, inside it.

        It is where the ground under it is centred, or the nearest pixel of the region.
        """
        rows, columns = np.nonzero(mask)
        weights = np.ones(len(rows))
        if self.pixel_area_m2 is not None:
            weights = np.nan_to_num(self.pixel_area_m2[rows, columns].astype(np.float64))
        if weights.sum() <= 0.0:
            weights = np.ones(len(rows))
        x, y = np.average(columns, weights=weights), np.average(rows, weights=weights)
        nearest = int(np.argmin((columns - x) ** 2 + (rows - y) ** 2))
        where = np.array([[columns[nearest] + 0.5, rows[nearest] + 0.5]])
        full_x, full_y = self.to_full_px(where)[0]
        return float(full_x), float(full_y)

    def outline_to_full_px(self, mask: Mask) -> tuple[FloatArray, ...]:
        """Return the outer outlines of a mask in pixels of the full frame, each (N, 2)."""
        found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return tuple(self.to_full_px(line[:, 0].astype(np.float64) + 0.5) for line in found)

    @cached_property
    def picture_motion(self) -> PictureMotion:
        """How the ground moved from the previous working picture to this one."""
        before = self.previous
        if before is None:
            return PictureMotion(None, None, "there is no picture before this one")
        if before.shape != self.shape:
            return PictureMotion(None, None, "the picture before has another size")
        if before.blind or self.blind:
            return PictureMotion(None, None, self.blind or before.blind)
        # To a tenth of a pixel the small pictures say the same, in half of the time.
        (height, width), (small_height, small_width) = self.shape, self.small_gray.shape
        x, y = width / small_width, height / small_height
        by_pose = self._motion_by_pose(before)
        if by_pose is not None:
            by_pose = resized(by_pose, 1.0 / x, 1.0 / y)
        return motion_between(before.small_gray, self.small_gray, by_pose).for_size(x, y)

    @property
    def motion(self) -> FloatArray | None:
        """The 3 x 3 homography from the previous working picture to this one, or None.

        For OpenCV's pixels, whose centres are at whole numbers, as warpPerspective takes it.
        `picture_motion` says what it was found from, or why it was not found.
        """
        return self.picture_motion.homography

    def _motion_by_pose(self, before: SceneView) -> FloatArray | None:
        if self.projector is None or before.sight.locator is None:
            return None
        height, width = self.shape
        grid = np.meshgrid(
            np.linspace(0.0, width, _POSE_LATTICE), np.linspace(0.0, height, _POSE_LATTICE)
        )
        was = np.stack(grid, axis=-1).reshape(-1, 2)
        locator = before.sight.locator
        en_m = locator.ground_many_m(before.to_full_px(was))
        known = np.isfinite(en_m).all(axis=1) & (np.linalg.norm(en_m, axis=1) < 1000.0)
        if known.sum() < 2 * _POSE_LATTICE:
            return None
        lat, lon = locator.frame.to_lat_lon(en_m[known, 0].copy(), en_m[known, 1].copy())
        site_m = np.column_stack(self.site.to_en_m(lat, lon))
        now = self.projector.pixels(site_m) * np.array(self.scale_xy)
        seen = np.isfinite(now).all(axis=1)
        if seen.sum() < 2 * _POSE_LATTICE:
            return None
        matrix, _ = cv2.findHomography(was[known][seen] - 0.5, now[seen] - 0.5, 0)
        return None if matrix is None else np.asarray(matrix, np.float64)


class ViewPart(SceneView):
    """A rectangle of a view. Its working pixels are its own, its full pixels those of the frame.

    It has no view before it: motion is that of the whole.

    Args:
        whole: the view.
        rectangle: rows and columns of it.
    """

    def __init__(self, whole: SceneView, rectangle: Rectangle) -> None:
        self.sight = whole.sight
        self.site = whole.site
        self.previous = None
        self.scale_xy = whole.scale_xy
        self.image_bgr = whole.image_bgr[rectangle]
        self._whole = whole
        self._rectangle = rectangle

    def as_fine_as(self, gsd_m: float, where: Mask) -> SceneView:
        """Return this part as it is; only whole views are made smaller."""
        return self

    @cached_property
    def blind(self) -> str:
        """Why nothing can be seen in the whole picture."""
        return self._whole.blind

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """This part in CIE Lab."""
        return self._whole.lab_in(self._rectangle)

    def lab_in(self, rectangle: Rectangle) -> NDArray[np.float32]:
        """Return a rectangle of this part in CIE Lab."""
        rows, columns = (
            slice(one.start + all_.start, one.stop + all_.start)
            for one, all_ in zip(rectangle, self._rectangle, strict=True)
        )
        return self._whole.lab_in((rows, columns))

    @cached_property
    def ground(self) -> GroundScale | None:
        """How large working pixels are on the ground."""
        ground = self._whole.ground
        if ground is None:
            return None
        rectangle = self._rectangle
        return GroundScale(lambda: ground.gsd_m[rectangle], lambda: ground.area_m2[rectangle])

    @cached_property
    def projector(self) -> GroundProjector | None:
        """Says where places appear in the full frame."""
        return self._whole.projector

    def with_pixels(self, image_bgr: NDArray[np.uint8]) -> SceneView:
        """Return the same part of a view that has other pixels there."""
        whole_bgr = self._whole.image_bgr.copy()
        whole_bgr[self._rectangle] = image_bgr
        return ViewPart(self._whole.with_pixels(whole_bgr), self._rectangle)

    def mask(self, area_m: BaseGeometry) -> Mask:
        """Return where an area is seen in this part."""
        return self._whole.mask(area_m)[self._rectangle]

    def shows(self, area_m: BaseGeometry) -> bool:
        """Return whether any pixel of this part shows an area."""
        return bool(cv2.countNonZero(self.mask(area_m)))

    def near(self, area_m: BaseGeometry, margin_m: float) -> Mask:
        """Return where an area and some metres around it are seen in this part."""
        return self._whole.near(area_m, margin_m)[self._rectangle]

    def to_full_px(self, xy_px: FloatArray) -> FloatArray:
        """Return pixels of the full frame from working pixels of this part, shape (N, 2)."""
        rows, columns = self._rectangle
        corner = np.array([columns.start, rows.start], np.float64)
        return self._whole.to_full_px(np.asarray(xy_px, np.float64) + corner)
