"""From pixels to directions and back: the one camera model of the project.

Conventions, which every simulated or real camera here is held to:

* Picture coordinates are continuous, in pixels, x to the right and y down, and (0, 0) is the
  outer corner of the top left pixel. Pixel (column i, row j) covers [i, i+1) x [j, j+1) and
  its centre is at (i + 0.5, j + 0.5); a picture of w x h pixels spans 0..w and 0..h, as
  boxes do. A renderer that counts from pixel centres, as OpenCV's drawing functions do, has
  to subtract 0.5.
* The camera's own axes are OpenCV's: x right, y down, z forward along the optical axis.
* The world is east, north, up in metres, right-handed.
* The optical axis points to ``(sin(yaw) cos(pitch), cos(yaw) cos(pitch), sin(pitch))``.
  Without roll the picture's right-hand side is horizontal, ``(cos(yaw), -sin(yaw), 0)``, so
  at pitch -90 the top of the picture points to the heading `yaw_deg`: what DJI writes.
* Roll then turns the camera about the optical axis; positive lowers the right-hand side.
* Distortion is OpenCV's five-parameter Brown-Conrady model, computed by OpenCV.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame
from park.records import CameraPose, CornersView, Intrinsics, View

UNDISTORT_TOLERANCE_PX = 0.05
"""A pixel whose direction does not lead back to within this distance of it has none."""

_UNDISTORT_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)


def rotation_to_enu(
    yaw_deg: float | FloatArray, pitch_deg: float | FloatArray, roll_deg: float | FloatArray
) -> FloatArray:
    """Return the rotation from camera axes (right, down, forward) to east, north, up.

    Args:
        yaw_deg: clockwise from north; a number or an array of shape S.
        pitch_deg: 0 horizon, -90 straight down; same shape.
        roll_deg: positive right side down; same shape.

    Returns:
        Shape S + (3, 3); its columns are the camera's axes in the world.
    """
    yaw, pitch, roll = (np.radians(np.asarray(a, float)) for a in (yaw_deg, pitch_deg, roll_deg))
    level = np.zeros_like(yaw)
    forward = np.stack([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    right_0 = np.stack([np.cos(yaw), -np.sin(yaw), level])
    up_0 = np.stack([-np.sin(yaw) * np.sin(pitch), -np.cos(yaw) * np.sin(pitch), np.cos(pitch)])
    right = right_0 * np.cos(roll) - up_0 * np.sin(roll)
    down = -(up_0 * np.cos(roll) + right_0 * np.sin(roll))
    axes = np.stack([right, down, forward], axis=1)
    return np.moveaxis(axes, (0, 1), (-2, -1))


def _camera_matrix(intrinsics: Intrinsics) -> FloatArray:
    return np.array(
        [
            [intrinsics.fx_px, 0.0, intrinsics.cx_px],
            [0.0, intrinsics.fy_px, intrinsics.cy_px],
            [0.0, 0.0, 1.0],
        ]
    )


def undistorted_px_to_normal(intrinsics: Intrinsics, xy_px: FloatArray) -> FloatArray:
    """Return the directions of pixels as (x / z, y / z) in camera axes.

    Args:
        intrinsics: the lens.
        xy_px: pixels as they are in the picture, shape (N, 2).

    Returns:
        Shape (N, 2). Rows are NaN for pixels that the lens model gives no direction, which
        happens outside the part of the picture that the distortion was calibrated on.
    """
    xy_px = np.asarray(xy_px, dtype=np.float64).reshape(-1, 2)
    centre = np.array([intrinsics.cx_px, intrinsics.cy_px])
    focal = np.array([intrinsics.fx_px, intrinsics.fy_px])
    if not any(intrinsics.distortion) or len(xy_px) == 0:
        ideal: FloatArray = (xy_px - centre) / focal
        return ideal
    matrix, distortion = _camera_matrix(intrinsics), np.array(intrinsics.distortion)
    normal = np.asarray(
        cv2.undistortPoints(
            xy_px.reshape(-1, 1, 2), matrix, distortion, criteria=_UNDISTORT_CRITERIA
        ),
        dtype=np.float64,
    ).reshape(-1, 2)
    back_px = _distort(intrinsics, normal)
    with np.errstate(invalid="ignore"):
        astray = ~(np.linalg.norm(back_px - xy_px, axis=1) <= UNDISTORT_TOLERANCE_PX)
        outside = ~(np.linalg.norm(normal, axis=1) <= _largest_tangent(intrinsics))
    return np.where((astray | outside)[:, None], np.nan, normal)


def pixel_rays(intrinsics: Intrinsics, pose: CameraPose, xy_px: FloatArray) -> FloatArray:
    """Return the directions in which pixels look.

    Args:
        intrinsics: the lens.
        pose: how the camera is turned; its position does not matter here.
        xy_px: shape (N, 2).

    Returns:
        Unit vectors east, north, up, shape (N, 3); NaN where the lens model has no answer.
    """
    normal = undistorted_px_to_normal(intrinsics, xy_px)
    camera = np.column_stack([normal, np.ones(len(normal))])
    camera /= np.linalg.norm(camera, axis=1, keepdims=True)
    rotation = _axes_of(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    return np.asarray(camera @ rotation.T, dtype=np.float64)


@lru_cache(maxsize=64)
def _axes_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """Return `rotation_to_enu` of one pose, which is asked for many times in each frame."""
    axes = rotation_to_enu(yaw_deg, pitch_deg, roll_deg)
    axes.setflags(write=False)
    return axes


def project_points(
    intrinsics: Intrinsics, pose: CameraPose, enu_m: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return where points appear in the picture.

    Args:
        intrinsics: the lens.
        pose: how the camera is turned.
        enu_m: east, north, up of each point from the camera, metres, shape (N, 3).

    Returns:
        Pixels, shape (N, 2), and a mask, shape (N,), of the points that are in front of the
        camera and within reach of the lens model. Pixels where the mask is False are NaN.
        Points in front may still lie outside the picture.
    """
    rotation = _axes_of(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    camera = np.asarray(enu_m, dtype=np.float64).reshape(-1, 3) @ rotation
    with np.errstate(divide="ignore", invalid="ignore"):
        normal = camera[:, :2] / camera[:, 2:]
        in_front = (camera[:, 2] > 1e-9) & (
            np.linalg.norm(normal, axis=1) <= _largest_tangent(intrinsics)
        )
    xy_px = _distort(intrinsics, np.where(in_front[:, None], normal, 0.0))
    return np.where(in_front[:, None], xy_px, np.nan), in_front


def _distort(intrinsics: Intrinsics, normal: FloatArray) -> FloatArray:
    """Return pixels of directions given as (x / z, y / z), shape (N, 2)."""
    if not any(intrinsics.distortion) or len(normal) == 0:
        focal = np.array([intrinsics.fx_px, intrinsics.fy_px])
        ideal: FloatArray = normal * focal + np.array([intrinsics.cx_px, intrinsics.cy_px])
        return ideal
    points = np.column_stack([normal, np.ones(len(normal))])
    xy_px, _ = cv2.projectPoints(
        points,
        np.zeros(3),
        np.zeros(3),
        _camera_matrix(intrinsics),
        np.array(intrinsics.distortion),
    )
    return np.asarray(xy_px, dtype=np.float64).reshape(-1, 2)


@lru_cache(maxsize=64)
def _largest_tangent(intrinsics: Intrinsics) -> float:
    """Return the tangent of the angle from the axis up to which the lens model is one to one.

    A polynomial lens model turns back somewhere, and directions beyond it would land in the
    picture a second time. The radial part r (1 + k1 r^2 + k2 r^4 + k3 r^6) stops growing at
    the smallest positive root of its derivative, a cubic in r^2.
    """
    k1, k2, _, _, k3 = intrinsics.distortion
    roots = np.roots([7.0 * k3, 5.0 * k2, 3.0 * k1, 1.0])
    turning = [z.real for z in roots if abs(z.imag) < 1e-12 and z.real > 0.0]
    return math.sqrt(min(turning)) if turning else math.inf


def corners_homography(view: CornersView, frame: LocalFrame) -> FloatArray:
    """Return the 3 x 3 homography from pixels to east and north in `frame`, metres.

    Args:
        view: a picture of flat ground with four known corners.
        frame: the metric frame to answer in.

    Raises:
        LocateError: the corners do not form a convex quadrilateral, so that no picture of
            flat ground can have them.
    """
    lat, lon = np.array(view.corners, dtype=np.float64).T
    east, north = frame.to_en_m(lat.copy(), lon.copy())
    ground = np.column_stack([east, north])
    edges = np.roll(ground, -1, axis=0) - ground
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    if not (np.all(turns > 1e-6) or np.all(turns < -1e-6)):
        raise LocateError(
            f"the four ground corners {view.corners} do not form a convex quadrilateral: give "
            "top left, top right, bottom right, bottom left of the picture, in this order"
        )
    if turns[0] > 0:
        raise LocateError(
            f"the four ground corners {view.corners} show the ground mirrored: give top left, "
            "top right, bottom right, bottom left of the picture, each as (lat_deg, lon_deg)"
        )
    picture = picture_corners_px(view.width_px, view.height_px)
    matrix = cv2.getPerspectiveTransform(
        picture.astype(np.float32), (ground - ground.mean(axis=0)).astype(np.float32)
    )
    east_0, north_0 = ground.mean(axis=0)
    shift = np.array([[1.0, 0.0, east_0], [0.0, 1.0, north_0], [0.0, 0.0, 1.0]])
    return np.asarray(shift @ matrix, dtype=np.float64)


def picture_corners_px(width_px: int, height_px: int) -> FloatArray:
    """Return top left, top right, bottom right, bottom left of a picture, shape (4, 2)."""
    w, h = float(width_px), float(height_px)
    return np.array([[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]])


def gsd_m_at(view: View, x_px: float, y_px: float) -> float:
    """Return how many metres one pixel covers, across the line of sight, on flat ground.

    For a posed view this is depth along the optical axis over focal length, which for a view
    straight down is the usual ground sampling distance. For a view with known corners it is
    the smaller singular value of the derivative of ground by pixel.

    Args:
        view: the picture.
        x_px: where in the picture.
        y_px: where in the picture.

    Raises:
        LocateError: the pixel looks at or above the horizon, or the camera is not above the
            take-off height.
    """
    if isinstance(view, CornersView):
        frame = LocalFrame(*view.corners[0])
        homography = corners_homography(view, frame)
        return float(homography_gsd_m(homography, np.array([[x_px, y_px]]))[0])
    ray = pixel_rays(view.intrinsics, view.pose, np.array([[x_px, y_px]]))[0]
    if not ray[2] < 0.0:
        raise LocateError(f"pixel ({x_px:.0f}, {y_px:.0f}) looks at or above the horizon")
    if view.pose.alt_home_m <= 0.0:
        raise LocateError(
            f"the camera is {view.pose.alt_home_m:.1f} m above take-off: it must be above ground"
        )
    rotation = rotation_to_enu(view.pose.yaw_deg, view.pose.pitch_deg, view.pose.roll_deg)
    depth_m = view.pose.alt_home_m / -ray[2] * float(ray @ rotation[:, 2])
    return float(depth_m / math.sqrt(view.intrinsics.fx_px * view.intrinsics.fy_px))


def homography_gsd_m(homography: FloatArray, xy_px: FloatArray) -> FloatArray:
    """Return metres per pixel across the line of sight for a homography, shape (N,)."""
    derivative = homography_derivative(homography, xy_px)
    # Of two singular values the squares add up to that of all entries, and their product is the
    # determinant; a general decomposition takes ten times as long.
    total = np.einsum("nij,nij->n", derivative, derivative)
    product = np.abs(
        derivative[:, 0, 0] * derivative[:, 1, 1] - derivative[:, 0, 1] * derivative[:, 1, 0]
    )
    apart = np.sqrt(np.maximum(total * total - 4.0 * product * product, 0.0))
    return np.asarray(product / np.sqrt((total + apart) / 2.0), dtype=np.float64)


def homography_derivative(homography: FloatArray, xy_px: FloatArray) -> FloatArray:
    """Return d(east, north) / d(x, y) of a homography at pixels (N, 2), shape (N, 2, 2)."""
    whole = np.column_stack([xy_px, np.ones(len(xy_px))]) @ homography.T
    w = whole[:, 2]
    ground = whole[:, :2] / w[:, None]
    numerator = homography[None, :2, :2] - ground[:, :, None] * homography[None, 2:, :2]
    return np.asarray(numerator / w[:, None, None], dtype=np.float64)
