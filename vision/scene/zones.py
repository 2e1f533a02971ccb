"""Where areas on the ground appear in a picture: projected forward, clipped, and filled.

A polygon that reaches behind the camera or over the horizon is clipped in three dimensions
before it is projected, and cut to what the lens can see before it is distorted; otherwise its
far corners would come back into the picture mirrored or bent over by the lens model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.errors import GEOSException
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame
from park.records import CornersView, PosedView
from vision.camera import (
    corners_homography,
    picture_corners_px,
    project_points,
    rotation_to_enu,
    undistorted_px_to_normal,
)
from vision.locate import Locator

_NEAR = 0.02
"""Depth at which polygons are clipped, as a share of the camera's height (or of 1 for a
homography, which is scaled to have that at the middle of the picture)."""

_EDGE_STEPS = 64
_LEAST_EDGE_M = 2.0
_RIM_STEPS = 24
_SIGHT_M = 10_000.0


class GroundProjector:
    """Says where places on the ground appear in one picture; the inverse of its locator.

    Args:
        locator: of the picture.
        site: the frame in which places are given.
    """

    def __init__(self, locator: Locator, site: LocalFrame) -> None:
        self._locator = locator
        self._site = site
        view = locator.view
        if isinstance(view, CornersView):
            self._seen: _Seen = _SeenByCorners(view, locator.frame)
        else:
            self._seen = _SeenByPose(view, locator)

    def pixels(self, en_m: FloatArray, above_m: float = 0.0) -> FloatArray:
        """Return where places appear, pixels of the full frame, shape (N, 2).

        NaN for places behind the camera, beyond the lens model or without a known height. What
        stands before a place is not looked at. Places in front may be outside the picture.

        Args:
            en_m: east and north in the site's frame, shape (N, 2).
            above_m: how high above the ground they are; a picture of which only the corners are
                known shows ground alone, and all else is NaN.
        """
        depth = self._seen.homogeneous(self._in_view_frame(en_m), above_m)
        return self._seen.to_px(_projected(depth, self._seen.near))

    def outline(self, area_m: BaseGeometry) -> BaseGeometry:
        """Return the part of an area that is in the picture, in pixels of the full frame.

        Args:
            area_m: polygons in the site's frame, metres. Edges are made short first, so that
                terrain and lens bend them.
        """
        parts = [self._polygon(polygon) for polygon in polygons_of(area_m)]
        if not parts:
            return Polygon()
        seen = shapely.union_all(parts)
        if seen.is_empty:
            return Polygon()
        if self._seen.bends:
            seen = shapely.segmentize(seen, self._seen.width / _EDGE_STEPS)
        return _repaired(shapely.transform(seen, self._seen.to_px))

    def _polygon(self, polygon: Polygon) -> BaseGeometry:
        near = polygon.intersection(shapely.box(*self._reach()))
        seen: list[BaseGeometry] = []
        for part in polygons_of(near):
            outer = self._ring(np.asarray(part.exterior.coords)[:, :2])
            holes = [self._ring(np.asarray(ring.coords)[:, :2]) for ring in part.interiors]
            seen.append(outer.difference(shapely.union_all(holes)) if holes else outer)
        whole = shapely.union_all(seen) if seen else Polygon()
        return _repaired(whole.intersection(self._seen.rim))

    def _reach(self) -> tuple[float, float, float, float]:
        lat, lon = self._locator.frame.lat_deg, self._locator.frame.lon_deg
        east, north = self._site.to_en_m(lat, lon)
        return east - _SIGHT_M, north - _SIGHT_M, east + _SIGHT_M, north + _SIGHT_M

    def _ring(self, ring_m: FloatArray) -> BaseGeometry:
        line = shapely.LineString(ring_m)
        step_m = line.length
        if not math.isinf(self._locator.terrain.resolution_m):
            step_m = max(_LEAST_EDGE_M, line.length / 400.0)
        dense = np.asarray(shapely.segmentize(line, step_m).coords)[:, :2]
        depth = self._seen.homogeneous(self._in_view_frame(dense))
        depth = depth[np.isfinite(depth).all(axis=1)]
        clipped = _clipped(depth, self._seen.near)
        if len(clipped) < 3:
            return Polygon()
        return _repaired(Polygon(clipped[:, :2] / clipped[:, 2:]))

    def _in_view_frame(self, en_m: FloatArray) -> FloatArray:
        en_m = np.asarray(en_m, dtype=np.float64).reshape(-1, 2)
        lat, lon = self._site.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
        return np.column_stack(self._locator.frame.to_en_m(lat, lon))


def filled(
    outline_px: BaseGeometry, scale_xy: tuple[float, float], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return 255 where the centre of a working pixel is in an outline, else 0.

    Args:
        outline_px: pixels of the full frame, from `GroundProjector.outline`.
        scale_xy: working pixels per full pixel along x and y.
        shape: (height, width) of the working picture.
    """
    scaled = shapely.transform(outline_px, lambda xy: xy * np.array(scale_xy))
    if scaled.covers(shapely.box(0.5, 0.5, shape[1] - 0.5, shape[0] - 0.5)):
        return np.full(shape, 255, dtype=np.uint8)
    shapes = [(polygon, 255) for polygon in polygons_of(scaled)]
    if not shapes:
        return np.zeros(shape, dtype=np.uint8)
    return np.asarray(rasterize(shapes, out_shape=shape, fill=0, dtype="uint8"), np.uint8)


def polygons_of(geometry: BaseGeometry) -> Iterator[Polygon]:
    """Yield the polygons with an area that a geometry consists of; lines and points are not."""
    if isinstance(geometry, Polygon):
        if not geometry.is_empty and geometry.area > 0.0:
            yield geometry
    elif hasattr(geometry, "geoms"):
        for part in geometry.geoms:
            yield from polygons_of(part)


class _SeenByPose:
    """A posed camera: depths are metres along its axis, the plane is that of its directions."""

    def __init__(self, view: PosedView, locator: Locator) -> None:
        self._view = view
        self._locator = locator
        pose = view.pose
        self._rotation = rotation_to_enu(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        self.near = max(_NEAR * abs(pose.alt_home_m), 0.05)
        lens = view.intrinsics
        rim = undistorted_px_to_normal(lens, _rim_px(lens.width_px, lens.height_px))
        rim = rim[np.isfinite(rim).all(axis=1)]
        if len(rim) < 3:
            raise LocateError("the lens model has no direction for the rim of the picture")
        self.rim: BaseGeometry = _repaired(Polygon(rim))
        self.width = float(np.ptp(rim[:, 0]))
        self.bends = any(lens.distortion)

    def homogeneous(self, en_m: FloatArray, above_m: float = 0.0) -> FloatArray:
        lat, lon = self._locator.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
        up_m = self._locator.terrain.height_home_m(lat, lon) - self._view.pose.alt_home_m
        up_m = up_m + above_m
        return np.asarray(np.column_stack([en_m, up_m]) @ self._rotation, dtype=np.float64)

    def to_px(self, normal: FloatArray) -> FloatArray:
        # Directions are given to the lens as points at depth 1 of a camera that is not turned.
        ahead = np.column_stack([normal, np.ones(len(normal))]) @ self._rotation.T
        xy_px, _ = project_points(self._view.intrinsics, self._view.pose, ahead)
        return xy_px


class _SeenByCorners:
    """A picture with known corners: the plane is the picture itself."""

    def __init__(self, view: CornersView, frame: LocalFrame) -> None:
        inverse = np.linalg.inv(corners_homography(view, frame))
        lat, lon = np.array(view.corners, dtype=np.float64).T
        middle = np.column_stack(frame.to_en_m(lat.copy(), lon.copy())).mean(axis=0)
        self._matrix = inverse / float(inverse[2] @ np.append(middle, 1.0))
        self.near = _NEAR
        self.rim: BaseGeometry = Polygon(picture_corners_px(view.width_px, view.height_px))
        self.width = float(view.width_px)
        self.bends = False

    def homogeneous(self, en_m: FloatArray, above_m: float = 0.0) -> FloatArray:
        if above_m != 0.0:
            return np.full((len(en_m), 3), np.nan)
        whole = np.column_stack([en_m, np.ones(len(en_m))]) @ self._matrix.T
        return np.asarray(whole, dtype=np.float64)

    def to_px(self, normal: FloatArray) -> FloatArray:
        return np.asarray(normal, dtype=np.float64)


_Seen = _SeenByPose | _SeenByCorners


def _rim_px(width_px: int, height_px: int) -> FloatArray:
    corners = picture_corners_px(width_px, height_px)
    share = np.linspace(0.0, 1.0, _RIM_STEPS, endpoint=False)[:, None]
    sides = [a + (b - a) * share for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    return np.concatenate(sides)


def _projected(depth: FloatArray, near: float) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = depth[:, :2] / depth[:, 2:]
        return np.where((depth[:, 2] > near)[:, None], normal, np.nan)


def _clipped(ring: FloatArray, near: float) -> FloatArray:
    """Return a closed ring (N, 3) cut at a depth, by Sutherland and Hodgman's algorithm."""
    ahead = ring[:, 2] > near
    if ahead.all():
        return ring
    kept: list[FloatArray] = []
    for i in range(len(ring) - 1):
        a, b = ring[i], ring[i + 1]
        if ahead[i]:
            kept.append(a)
        if ahead[i] != ahead[i + 1]:
            kept.append(a + (b - a) * ((near * 1.000001 - a[2]) / (b[2] - a[2])))
    return np.array(kept).reshape(-1, 3)


def _repaired(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry, valid."""
    try:
        if not geometry.is_valid:
            geometry = shapely.make_valid(geometry)
    except GEOSException:
        return Polygon()
    return MultiPolygon(list(polygons_of(geometry)))
