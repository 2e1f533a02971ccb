"""Where points of the simulated park appear in a picture, and what ground a picture shows.

The axes and the pixel convention are those of the project's camera model (`vision.camera`), which
the tests hold this module to: continuous pixels, (0, 0) the outer corner of the top left pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.camera_axes import camera_axes

FloatArray = NDArray[np.float64]

MAX_RANGE_M = 2_500.0
"""Ground further away than this is lost in haze and not drawn."""
_FLATTEST = 30.0
"""Nor is what is further away than so many times the camera's height: it is seen within two
degrees of the horizon, a line of it at the edge of what a picture can show."""
_LEAST_FAR_M = 40.0
MIN_DEPTH_M = 0.5
"""Nothing closer to the camera than this along its axis is drawn."""
CENTRES: FloatArray = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
"""From continuous pixels, as the camera model counts, to OpenCV's pixel centres."""
_TURN_DEG = 1e-4


def true_north_deg(frame: LocalFrame, lat_deg: float, lon_deg: float) -> float:
    """Return where true north points in a frame, degrees clockwise from the frame's north.

    Away from the origin of the frame meridians are not parallel to its north axis; at 10 km the
    angle moves the edge of a picture by half a pixel.
    """
    east_m, north_m = frame.to_en_m(lat_deg, lon_deg)
    east_1, north_1 = frame.to_en_m(lat_deg + _TURN_DEG, lon_deg)
    return math.degrees(math.atan2(east_1 - east_m, north_1 - north_m))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One pose of an ideal camera over the park.

    Attributes:
        lens: an ideal pinhole.
        eye: east, north and height of the camera, metres, shape (3,).
        rotation: rows are the camera's axes right, down, forward in east, north, up.
        ground_to_px: homography from (east_m, north_m, 1) to continuous pixels, for coordinates
            counted from `eye` in both directions.
    """

    lens: Intrinsics
    eye: FloatArray
    rotation: FloatArray
    ground_to_px: FloatArray

    @classmethod
    def of(cls, frame: LocalFrame, pose: CameraPose, lens: Intrinsics) -> View:
        """Return the view of a camera.

        Args:
            frame: metres in which the park lies; its ground is flat and at height 0.
            pose: where the camera is; `alt_home_m` counts from the ground.
            lens: of the camera.

        Raises:
            SimulationError: the camera is not above the ground, or its lens distorts.
        """
        if pose.alt_home_m < 1.0:
            raise SimulationError(
                f"the simulated camera is {pose.alt_home_m:.1f} m above the ground: it draws from "
                "1 m upwards"
            )
        if any(lens.distortion):
            raise SimulationError(
                "the simulated camera has an ideal lens: give intrinsics without distortion"
            )
        north_deg = true_north_deg(frame, pose.lat_deg, pose.lon_deg)
        rotation = camera_axes(pose.yaw_deg + north_deg, pose.pitch_deg, pose.roll_deg)
        east_m, north_m = frame.to_en_m(pose.lat_deg, pose.lon_deg)
        eye = np.array([east_m, north_m, pose.alt_home_m])
        matrix = np.array(
            [[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]]
        )
        columns = [rotation[:, 0], rotation[:, 1], -rotation[:, 2] * pose.alt_home_m]
        return cls(lens, eye, rotation, matrix @ np.column_stack(columns))

    @property
    def far_m(self) -> float:
        """Ground further away than this is not drawn."""
        return min(MAX_RANGE_M, max(_LEAST_FAR_M, _FLATTEST * float(self.eye[2])))

    def project(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixels, shape (N, 2), and depths, shape (N,), of east, north, height points.

        Pixels of points at or behind the camera mean nothing; their depth says so.
        """
        seen = (np.asarray(points_m, dtype=np.float64) - self.eye) @ self.rotation.T
        depth = np.maximum(seen[:, 2:], 1e-6)
        lens = self.lens
        xy = seen[:, :2] / depth * (lens.fx_px, lens.fy_px) + (lens.cx_px, lens.cy_px)
        return xy, seen[:, 2]

    def plane_to_px(self, height_m: float) -> FloatArray:
        """Return the homography from (east - eye east, north - eye north, 1) at a height."""
        raised = self.ground_to_px.copy()
        raised[:, 2] *= 1.0 - height_m / self.eye[2]
        return raised

    def ground_ranges(self, step_px: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what a grid of pixels sees of the ground.

        Args:
            step_px: one pixel of this many along each axis.

        Returns:
            Three arrays of shape (rows, columns): the distance along the ray to the ground,
            metres, infinite at and above the horizon; metres per pixel across the line of sight;
            and the sine of the angle at which the ray meets the ground.
        """
        lens = self.lens
        x = (np.arange(step_px / 2, lens.width_px, step_px) - lens.cx_px) / lens.fx_px
        y = (np.arange(step_px / 2, lens.height_px, step_px) - lens.cy_px) / lens.fy_px
        up = self.rotation[:, 2]
        rising = up[0] * x[None, :] + up[1] * y[:, None] + up[2]
        length = np.sqrt(1.0 + x[None, :] ** 2 + y[:, None] ** 2)
        with np.errstate(divide="ignore"):
            depth = np.where(rising < 0.0, self.eye[2] / np.maximum(-rising, 1e-9), np.inf)
        across = depth / math.sqrt(lens.fx_px * lens.fy_px)
        return depth * length, across, np.maximum(-rising / length, 0.0)

    def footprint(self, reach_m: float = MAX_RANGE_M) -> FloatArray:
        """Return the corners of the ground in the picture within reach, shape (N, 2), N >= 0."""
        lens, reach_m = self.lens, min(reach_m, self.far_m)
        left, right = -lens.cx_px / lens.fx_px, (lens.width_px - lens.cx_px) / lens.fx_px
        top, bottom = -lens.cy_px / lens.fy_px, (lens.height_px - lens.cy_px) / lens.fy_px
        # Planes through the camera that bound what it sees, and one in front of it.
        planes = np.array(
            [[1, 0, -left], [-1, 0, right], [0, 1, -top], [0, -1, bottom], [0, 0, 1]], float
        )
        limits = (0.0, 0.0, 0.0, 0.0, MIN_DEPTH_M)
        east, north, height = self.eye
        area = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * reach_m
        for plane, limit in zip(planes @ self.rotation, limits, strict=True):
            # plane . (g - camera) >= limit, for ground points g = (e, n, 0).
            area = _half_plane(area, plane[:2], limit + plane[2] * height)
            if not len(area):
                break
        return np.asarray(area + np.array([east, north]), dtype=np.float64)


def _half_plane(area: FloatArray, normal: FloatArray, limit: float) -> FloatArray:
    """Return the part of a convex area where normal . p >= limit."""
    values = area @ normal - limit
    kept: list[FloatArray] = []
    for index, value in enumerate(values):
        before, point = values[index - 1], area[index]
        if (value >= 0) != (before >= 0):
            kept.append(area[index - 1] + (point - area[index - 1]) * (before / (before - value)))
        if value >= 0:
            kept.append(point)
    return np.array(kept).reshape(-1, 2) if len(kept) >= 3 else np.zeros((0, 2))
