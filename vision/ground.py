"""The two ways in which a picture meets the ground: by camera pose, and by known corners.

Both answer the same questions for `vision.locate`: where a pixel meets the ground, how far it
moves when what it was computed from moves, and how obliquely it looks.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from park.errors import LocateError
from park.geodesy import FloatArray, LocalFrame
from park.records import CornersView, PosedView
from park.terrain import Terrain
from vision.camera import (
    corners_homography,
    homography_derivative,
    homography_gsd_m,
    picture_corners_px,
    rotation_to_enu,
    undistorted_px_to_normal,
)
from vision.uncertainty import Spread

MAX_RANGE_M = 10_000.0
"""Rays are followed no further than this."""

_STEEPEST_SLOPE = 1.0
_LEAST_STEP_M = 0.25
_FAR_STEP = 0.01
_MARCH_STEPS = 4_000
_BISECTIONS = 40


class Ground(Protocol):
    """How one picture meets the ground."""

    frame: LocalFrame
    parameters: int

    def meet(self, xy_px: FloatArray) -> tuple[FloatArray, list[str | None]]:
        """Return east and north in `frame`, shape (N, 2), and why those that do not."""

    def spread(self, xy_px: FloatArray, en_m: FloatArray, pixel_factor_px: FloatArray) -> Spread:
        """Return how placed pixels move with standard deviates of the parameters."""

    def lean(self, xy_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a plumb line's direction in the picture (N, 2) and sin of depression (N,)."""

    def gsd_m(self, xy_px: FloatArray) -> FloatArray:
        """Return metres per pixel across the line of sight, shape (N,)."""


class PosedGround:
    """A picture whose camera is known, over any terrain.

    Parameters of its error: east, north, height, yaw, pitch, roll, focal length, and two of
    the pixel.

    Raises:
        LocateError: the camera is not above the ground under it.
    """

    parameters = 9

    def __init__(self, view: PosedView, terrain: Terrain) -> None:
        self.view = view
        self.terrain = terrain
        pose = view.pose
        self.frame = LocalFrame(pose.lat_deg, pose.lon_deg)
        self._rotation = rotation_to_enu(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        self._level = math.isinf(terrain.resolution_m)
        below_m = float(
            terrain.height_home_m(np.array([pose.lat_deg]), np.array([pose.lon_deg]))[0]
        )
        if math.isnan(below_m):
            raise LocateError(
                f"the terrain does not cover the camera at {pose.lat_deg:.6f}, {pose.lon_deg:.6f}"
            )
        if pose.alt_home_m <= below_m:
            raise LocateError(
                f"the camera is {pose.alt_home_m - below_m:.1f} m above the ground under it: "
                "check its height over take-off, and the take-off height in the elevation model"
            )
        self._below_m = below_m

    def _rays(self, xy_px: FloatArray) -> FloatArray:
        """Return directions east, north, up with depth 1 along the optical axis, (N, 3)."""
        normal = undistorted_px_to_normal(self.view.intrinsics, xy_px)
        camera = np.column_stack([normal, np.ones(len(normal))])
        return np.asarray(camera @ self._rotation.T, dtype=np.float64)

    def _depths(self, xy_px: FloatArray) -> tuple[FloatArray, FloatArray, list[str | None]]:
        rays = self._rays(xy_px)
        reasons: list[str | None] = [None] * len(rays)
        with np.errstate(divide="ignore", invalid="ignore"):
            down = rays[:, 2] < -1e-9 * np.linalg.norm(rays, axis=1)
            depths = np.where(down, (self._below_m - self.view.pose.alt_home_m) / rays[:, 2], 0.0)
        if not self._level:
            depths, uncovered = self._march(rays, down)
            for i in np.flatnonzero(uncovered).tolist():
                reasons[i] = "its line of sight leaves the known terrain before it meets ground"
        with np.errstate(invalid="ignore"):
            far = ~(depths * np.linalg.norm(rays[:, :2], axis=1) <= MAX_RANGE_M)
        blank = ~down | far
        for i in np.flatnonzero(blank).tolist():
            if math.isnan(rays[i, 0]):
                reasons[i] = "the lens model has no direction for this pixel"
            elif not down[i]:
                reasons[i] = "it looks at or above the horizon"
            elif reasons[i] is None:
                reasons[i] = f"it meets no ground within {MAX_RANGE_M:.0f} m"
        return rays, np.where(blank, np.nan, depths), reasons

    def meet(self, xy_px: FloatArray) -> tuple[FloatArray, list[str | None]]:
        """Return east and north in `frame`, shape (N, 2), and why those that do not."""
        rays, depths, reasons = self._depths(xy_px)
        return rays[:, :2] * depths[:, None], reasons

    def gsd_m(self, xy_px: FloatArray) -> FloatArray:
        """Return depth over focal length, metres per pixel, shape (N,)."""
        _, depths, _ = self._depths(xy_px)
        lens = self.view.intrinsics
        return np.asarray(depths / math.sqrt(lens.fx_px * lens.fy_px), dtype=np.float64)

    def lean(self, xy_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a plumb line's direction in the picture (N, 2) and sin of depression (N,)."""
        rays = self._rays(xy_px)
        camera = rays @ self._rotation
        plumb = -self._rotation[2]
        fall = (plumb[:2] - camera[:, :2] * plumb[2]) * np.array(
            [self.view.intrinsics.fx_px, self.view.intrinsics.fy_px]
        )
        length = np.linalg.norm(fall, axis=1)
        plain = ~(length > 1e-9 * self.view.intrinsics.fx_px)
        down = np.where(plain[:, None], [0.0, 1.0], fall / np.where(plain, 1.0, length)[:, None])
        sine = -rays[:, 2] / np.linalg.norm(rays, axis=1)
        return down, np.nan_to_num(sine)

    def spread(self, xy_px: FloatArray, en_m: FloatArray, pixel_factor_px: FloatArray) -> Spread:
        """Return how placed pixels move with standard deviates of the parameters.

        Away from the point the ground is taken as the plane that touches it there.

        Args:
            xy_px: shape (N, 2).
            en_m: where they meet the ground, shape (N, 2).
            pixel_factor_px: columns are the pixel's one-sigma deviations, shape (N, 2, 2).
        """
        lens, pose, sigma = self.view.intrinsics, self.view.pose, self.view.sigma
        normal = undistorted_px_to_normal(lens, xy_px)
        factor = pixel_factor_px / np.array([lens.fx_px, lens.fy_px])[:, None]
        ground_m, slope = self._tangent(en_m)
        vertical_m = math.hypot(sigma.vertical_m, self.terrain.sigma_m)

        def moved(deviates: FloatArray, which: NDArray[np.intp]) -> FloatArray:
            z = deviates.T
            rotation = rotation_to_enu(
                pose.yaw_deg + z[3] * sigma.yaw_deg,
                pose.pitch_deg + z[4] * sigma.pitch_deg,
                pose.roll_deg + z[5] * sigma.roll_deg,
            )
            zoom = np.maximum(1.0 + z[6] * lens.focal_sigma, 0.05)
            shift = np.einsum("nij,sj->sni", factor[which], deviates[:, 7:9])
            direction = (normal[which][None] + shift) / zoom[:, None, None]
            rays = direction @ np.swapaxes(rotation[:, :, :2], 1, 2) + rotation[:, None, :, 2]
            origin = np.stack([z[0] * sigma.horizontal_m, z[1] * sigma.horizontal_m], axis=1)
            height = pose.alt_home_m + z[2] * vertical_m
            tilt, base = slope[which], en_m[which]
            rise = np.einsum("sni,ni->sn", origin[:, None, :] - base[None], tilt)
            above = height[:, None] - ground_m[which] - rise
            closing = -(rays[:, :, 2] - np.einsum("sni,ni->sn", rays[:, :, :2], tilt))
            with np.errstate(divide="ignore", invalid="ignore"):
                depth = np.where((closing > 0.0) & (above > 0.0), above / closing, np.inf)
                hit = origin[:, None, :] + depth[:, :, None] * rays[:, :, :2]
                hit[~np.isfinite(depth)] = np.inf
            return np.asarray(hit - base[None], dtype=np.float64)

        return moved

    def _height_at(self, en_m: FloatArray) -> FloatArray:
        lat, lon = self.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
        return self.terrain.height_home_m(lat, lon)

    def _tangent(self, en_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return height (N,) and slope (N, 2) of the ground at places (N, 2)."""
        if self._level:
            return np.full(len(en_m), self._below_m), np.zeros_like(en_m)
        step = max(self.terrain.resolution_m, _LEAST_STEP_M)
        height = self._height_at(en_m)
        slope = np.empty_like(en_m)
        for axis, offset in enumerate(np.eye(2) * step):
            ahead, behind = self._height_at(en_m + offset), self._height_at(en_m - offset)
            ahead = np.where(np.isnan(ahead), height, ahead)
            behind = np.where(np.isnan(behind), height, behind)
            slope[:, axis] = (ahead - behind) / (2.0 * step)
        return height, np.clip(slope, -_STEEPEST_SLOPE, _STEEPEST_SLOPE)

    def _march(
        self, rays: FloatArray, down: NDArray[np.bool_]
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Follow rays until they are under ground, then close in by bisection.

        A step is half a pixel of the elevation model, or 1 % of the way already gone where
        that is more: walls in a surface model are met, not stepped over.

        Returns:
            Depths, shape (N,), infinite where no ground is met; and which rays left the known
            terrain first.
        """
        height_m = self.view.pose.alt_home_m
        flat = np.linalg.norm(rays[:, :2], axis=1)
        fall = -rays[:, 2]
        least = max(self.terrain.resolution_m / 2.0, _LEAST_STEP_M) / np.maximum(flat, fall)
        near = np.zeros(len(rays))
        far = np.full(len(rays), np.inf)
        uncovered = np.zeros(len(rays), dtype=np.bool_)
        going = np.flatnonzero(down)
        for _ in range(_MARCH_STEPS):
            if len(going) == 0:
                break
            ahead = near[going] + np.maximum(_FAR_STEP * near[going], least[going])
            ground = self._height_at(rays[going, :2] * ahead[:, None])
            above = height_m - fall[going] * ahead - ground
            uncovered[going[np.isnan(above)]] = True
            under = going[above <= 0.0]
            far[under] = ahead[above <= 0.0]
            open_air = (above > 0.0) & (ahead * flat[going] < MAX_RANGE_M)
            near[going[open_air]] = ahead[open_air]
            going = going[open_air]
        met = np.flatnonzero(np.isfinite(far))
        for _ in range(_BISECTIONS if len(met) else 0):
            middle = (near[met] + far[met]) / 2.0
            ground = self._height_at(rays[met, :2] * middle[:, None])
            under_ground = height_m - fall[met] * middle <= ground
            far[met] = np.where(under_ground, middle, far[met])
            near[met] = np.where(under_ground, near[met], middle)
        return far, uncovered


class CornersGround:
    """A picture of level ground whose four corners are known.

    Parameters of its error: east and north of each corner, and two of the pixel.

    Raises:
        LocateError: the corners are not those of a picture of level ground.
    """

    parameters = 10

    def __init__(self, view: CornersView) -> None:
        self.view = view
        self.frame = LocalFrame(*view.corners[0])
        self._homography = corners_homography(view, self.frame)
        lat, lon = np.array(view.corners, dtype=np.float64).T
        east, north = self.frame.to_en_m(lat.copy(), lon.copy())
        self._corners_m = np.column_stack([east, north])

    def meet(self, xy_px: FloatArray) -> tuple[FloatArray, list[str | None]]:
        """Return east and north in `frame`, shape (N, 2); inside the picture all meet it."""
        whole = np.column_stack([xy_px, np.ones(len(xy_px))]) @ self._homography.T
        return whole[:, :2] / whole[:, 2:], [None] * len(xy_px)

    def gsd_m(self, xy_px: FloatArray) -> FloatArray:
        """Return metres per pixel across the line of sight, shape (N,)."""
        return homography_gsd_m(self._homography, xy_px)

    def lean(self, xy_px: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a plumb line's direction in the picture and the sine of the depression.

        Both are read off the homography: ground is stretched by 1 / sin(depression) along the
        line of sight, and a plumb line falls towards where the ground is seen larger.
        """
        derivative = homography_derivative(self._homography, xy_px)
        _, stretch, axes = np.linalg.svd(derivative)
        along = axes[:, 0]
        step = 1.0 + 0.01 * math.hypot(self.view.width_px, self.view.height_px)
        ahead = homography_gsd_m(self._homography, xy_px + along * step)
        behind = homography_gsd_m(self._homography, xy_px - along * step)
        down = np.where((ahead > behind)[:, None], -along, along)
        return down, stretch[:, 1] / stretch[:, 0]

    def spread(self, xy_px: FloatArray, en_m: FloatArray, pixel_factor_px: FloatArray) -> Spread:
        """Return how placed pixels move with standard deviates of corners and pixel."""
        picture = picture_corners_px(self.view.width_px, self.view.height_px)
        size = np.array([self.view.width_px, self.view.height_px], dtype=np.float64)
        sigma_m = self.view.corner_sigma_m

        def moved(deviates: FloatArray, which: NDArray[np.intp]) -> FloatArray:
            corners = self._corners_m + sigma_m * deviates[:, :8].reshape(-1, 4, 2)
            homographies = _homographies(picture / size, corners)
            shift = np.einsum("nij,sj->sni", pixel_factor_px[which], deviates[:, 8:10])
            share = (xy_px[which][None] + shift) / size
            whole = np.concatenate([share, np.ones((*share.shape[:2], 1))], axis=2)
            whole = whole @ np.swapaxes(homographies, 1, 2)
            with np.errstate(divide="ignore", invalid="ignore"):
                hit = np.where(whole[:, :, 2:] > 0.0, whole[:, :, :2] / whole[:, :, 2:], np.inf)
            return np.asarray(hit - en_m[which][None], dtype=np.float64)

        return moved


def _homographies(picture: FloatArray, ground: FloatArray) -> FloatArray:
    """Return homographies from four picture points (4, 2) to many quadruples (S, 4, 2).

    The direct linear transform with its last element set to 1, solved for all S at once
    (OpenCV solves one at a time). Picture points are shares of its size, for conditioning.
    """
    x, y = picture[:, 0], picture[:, 1]
    equations = np.zeros((len(ground), 8, 8))
    for axis in range(2):
        rows = slice(axis, 8, 2)
        equations[:, rows, 3 * axis : 3 * axis + 3] = np.column_stack([x, y, np.ones(4)])
        equations[:, rows, 6] = -x * ground[:, :, axis]
        equations[:, rows, 7] = -y * ground[:, :, axis]
    answers = np.linalg.solve(equations, ground.reshape(-1, 8, 1))[:, :, 0]
    whole = np.concatenate([answers, np.ones((len(ground), 1))], axis=1)
    return np.asarray(whole.reshape(-1, 3, 3), dtype=np.float64)
