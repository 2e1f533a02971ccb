"""How large working pixels are on the ground, across the line of sight and as an area.

Both are computed on a coarse lattice and interpolated as what is linear in the picture over
level ground: one over the depth, of which the metres per pixel are the inverse and the area of
a pixel is the inverse cube. Without distortion that is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray, LocalFrame
from park.records import CornersView, View
from vision.locate import Locator

FURTHEST_M = 3_000.0
"""Ground further away than this has no scale here: no measure could be made of it."""

_LATTICE_PX = 32
_UNEVEN = 0.02


Spread = NDArray[np.float32]
"""A number for each working pixel, shape (height, width)."""


class GroundScale:
    """How large the pixels of one working picture are on level or rolling ground.

    Args:
        gsd_m: makes `gsd_m` when that is first asked for: not every picture is asked for both.
        area_m2: makes `area_m2`, likewise.
    """

    def __init__(self, gsd_m: Callable[[], Spread], area_m2: Callable[[], Spread]) -> None:
        self._make_gsd_m, self._make_area_m2 = gsd_m, area_m2

    @cached_property
    def gsd_m(self) -> Spread:
        """Metres across the line of sight that one pixel covers; NaN without ground within 3 km."""
        return self._make_gsd_m()

    @cached_property
    def area_m2(self) -> Spread:
        """Horizontal ground that one pixel covers; NaN likewise."""
        return self._make_area_m2()

    @classmethod
    def of(
        cls, locator: Locator, shape: tuple[int, int], scale_xy: tuple[float, float]
    ) -> GroundScale:
        """Return the scale of a working picture.

        Args:
            locator: of the full frame.
            shape: (height, width) of the working picture.
            scale_xy: working pixels per full pixel along x and y.
        """
        level = math.isinf(locator.terrain.resolution_m)
        xs, ys = _stops(shape[1]), _stops(shape[0])
        nodes = np.stack(np.meshgrid(xs, ys), axis=-1)
        full = nodes.reshape(-1, 2) / np.array(scale_xy)
        gsd_m = locator.gsd_many_m(full) / math.sqrt(scale_xy[0] * scale_xy[1])
        en_m = locator.ground_many_m(full)
        if level:
            area_m2 = _level_areas(locator, full) / (scale_xy[0] * scale_xy[1])
        else:
            area_m2 = _terrain_areas(en_m.reshape(*nodes.shape), xs, ys).ravel()
        far = ~(np.linalg.norm(en_m, axis=1) <= FURTHEST_M)
        gsd_m[far], area_m2[far] = np.nan, np.nan
        with np.errstate(invalid="ignore", divide="ignore"):
            inverse = [1.0 / gsd_m, area_m2 ** (-1.0 / 3.0)]
        by_node = [part.reshape(nodes.shape[:2]) for part in inverse]

        def over_all(part: FloatArray) -> Spread:
            return _spread(part, xs, ys, shape)

        if all((part > 0.0).all() for part in by_node):
            return cls(lambda: 1.0 / over_all(by_node[0]), lambda: _cubed(over_all(by_node[1])))
        # Where one of the two is not known, neither is.
        whole = [over_all(part) for part in by_node]
        with np.errstate(invalid="ignore", divide="ignore"):
            unknown = ~((whole[0] > 0.0) & (whole[1] > 0.0))
            gsd, area = 1.0 / whole[0], _cubed(whole[1])
        gsd[unknown], area[unknown] = np.nan, np.nan
        return cls(lambda: gsd, lambda: area)


def _cubed(inverse: Spread) -> Spread:
    return 1.0 / (inverse * inverse * inverse)


def area_share_error(view: View, depression_deg: float) -> float:
    """Return the standard deviation of an area on the ground as a share of it.

    What is wrong with scale is common to all pixels: height counts twice, focal length twice,
    and an error of pitch as three times the cotangent of the depression. Two per cent are
    added for what is not level.

    Args:
        view: how the picture sees the ground, with its sigmas.
        depression_deg: how far below the horizon the place is.
    """
    if isinstance(view, CornersView):
        lat, lon = np.array(view.corners, dtype=np.float64).T
        east, north = LocalFrame(*view.corners[0]).to_en_m(lat.copy(), lon.copy())
        sides = np.hypot(np.roll(east, -1) - east, np.roll(north, -1) - north)
        return math.hypot(2.0 * view.corner_sigma_m / float(sides.mean()), _UNEVEN)
    height = 2.0 * view.sigma.vertical_m / max(view.pose.alt_home_m, 1.0)
    tangent = max(math.tan(math.radians(max(depression_deg, 1.0))), 1e-3)
    pitch = 3.0 * math.radians(view.sigma.pitch_deg) / tangent
    focal = 2.0 * view.intrinsics.focal_sigma
    return math.sqrt(height**2 + pitch**2 + focal**2 + _UNEVEN**2)


def _stops(length: int) -> FloatArray:
    count = max(2, math.ceil(length / _LATTICE_PX) + 1)
    return np.linspace(0.0, float(length), count)


def _level_areas(locator: Locator, full: FloatArray) -> FloatArray:
    """Return square metres per full pixel at pixels, from differences over one pixel each way."""
    sides = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    en_m = locator.ground_many_m((full[None] + sides[:, None]).reshape(-1, 2))
    right, left, below, above = en_m.reshape(4, -1, 2)
    across, down = (right - left) / 2.0, (below - above) / 2.0
    return np.asarray(np.abs(across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]), np.float64)


def _terrain_areas(en_m: FloatArray, xs: FloatArray, ys: FloatArray) -> FloatArray:
    """Return square metres per working pixel, from differences between lattice nodes.

    Single pixels over an elevation model would show its steps, not the ground.
    """
    down = np.gradient(en_m, ys, axis=0)
    across = np.gradient(en_m, xs, axis=1)
    return np.asarray(np.abs(across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]))


def _spread(
    nodes: FloatArray, xs: FloatArray, ys: FloatArray, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return lattice values at the centres of all pixels, by bilinear interpolation."""
    low, share = _between(shape[1], xs)
    nodes = nodes.astype(np.float32)
    wide = nodes[:, low] * (1.0 - share) + nodes[:, low + 1] * share
    low, share = _between(shape[0], ys)
    step = np.diff(wide, axis=0)
    tall = np.empty(shape, np.float32)
    # Between two stops at a time: to pick rows for all pixels at once takes four times as long.
    for stop in range(len(ys) - 1):
        first, last = np.searchsorted(low, (stop, stop + 1))
        np.multiply(share[first:last, None], step[stop], out=tall[first:last])
        tall[first:last] += wide[stop]
    return tall


def _between(length: int, stops: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the stop before each pixel's centre, and its share of the way to the next one."""
    at = (np.arange(length) + 0.5) / (stops[1] - stops[0])
    low = np.clip(np.floor(at).astype(np.intp), 0, len(stops) - 2)
    return low, (at - low).astype(np.float32)
