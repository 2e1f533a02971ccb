"""Ground drawn for tests of the scene detectors, and cameras that look at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from park.geodesy import LocalFrame
from park.picture import Pixels
from park.records import CameraPose, Frame, Intrinsics, PosedView, PoseSigma, View
from park.terrain import Terrain
from vision.camera import pixel_rays
from vision.observe import Sight

Image = NDArray[np.uint8]
SITE = LocalFrame(31.2, 121.5)
SIGMA = PoseSigma(1.0, 0.5, 1.0, 0.5, 0.5)
START = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def posed(
    *,
    east_m: float = 0.0,
    north_m: float = 0.0,
    alt_m: float = 60.0,
    yaw_deg: float = 0.0,
    pitch_deg: float = -90.0,
    roll_deg: float = 0.0,
    size: tuple[int, int] = (1280, 720),
    hfov_deg: float = 70.0,
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0),
) -> PosedView:
    """Return a camera near the site's origin."""
    ideal = Intrinsics.from_fov(*size, hfov_deg)
    lens = Intrinsics(
        *size, ideal.fx_px, ideal.fy_px, ideal.cx_px, ideal.cy_px, distortion, ideal.focal_sigma
    )
    lat, lon = SITE.to_lat_lon(east_m, north_m)
    return PosedView(lens, CameraPose(lat, lon, alt_m, None, yaw_deg, pitch_deg, roll_deg), SIGMA)


def sight_of(
    image: Image,
    view: View | None,
    *,
    time_s: float = 0.0,
    uri: str = "flight.mp4",
    terrain: Terrain | None = None,
) -> Sight:
    """Return a picture as a frame of a video with a view."""
    frame = Frame(Pixels(image), START + timedelta(seconds=time_s), view, uri, time_s, "patrol")
    return Sight.of(frame, terrain)


def rectangle(east_m: float, north_m: float, width_m: float, height_m: float) -> Polygon:
    """Return a rectangle around a place of the site, metres."""
    e, n, w, h = east_m, north_m, width_m / 2.0, height_m / 2.0
    return Polygon([(e - w, n - h), (e + w, n - h), (e + w, n + h), (e - w, n + h)])


class DrawnGround:
    """Level ground with a texture, as a camera without distortion sees it.

    Args:
        texture_bgr: north up, its middle at the site's origin.
        gsd_m: metres per pixel of the texture.
    """

    def __init__(self, texture_bgr: Image, gsd_m: float) -> None:
        self.texture_bgr = texture_bgr
        self.gsd_m = gsd_m

    @classmethod
    def rough(
        cls,
        side_m: float,
        *,
        gsd_m: float = 0.1,
        seed: int = 5,
        colour_bgr: tuple[int, int, int] = (95, 110, 105),
        contrast: float = 18.0,
    ) -> DrawnGround:
        """Return ground with stains of many sizes."""
        rng = np.random.default_rng(seed)
        side = round(side_m / gsd_m)
        whole = np.zeros((side, side), np.float32)
        for step in (2, 5, 12, 40, 120):
            small = rng.normal(size=(side // step + 2, side // step + 2)).astype(np.float32)
            whole += cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        image = np.array(colour_bgr, np.float32) + contrast * whole[:, :, None] / 2.0
        return cls(np.clip(image, 0, 255).astype(np.uint8), gsd_m)

    def paint(
        self,
        polygon: Polygon,
        colour_bgr: tuple[float, float, float],
        noise: float = 0.0,
        seed: int = 1,
    ) -> None:
        """Fill a polygon (site metres) with a colour and some grain."""
        half = np.array(self.texture_bgr.shape[1::-1]) / 2.0
        xy = np.asarray(polygon.exterior.coords) * [1.0, -1.0] / self.gsd_m + half
        mask = np.zeros(self.texture_bgr.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(xy - 0.5).astype(np.int32)], 255)
        grain = np.random.default_rng(seed).normal(scale=noise, size=(*mask.shape, 1))
        painted = np.clip(np.array(colour_bgr) + grain, 0, 255).astype(np.uint8)
        self.texture_bgr[mask > 0] = painted[mask > 0]

    def seen(self, view: PosedView) -> Image:
        """Return the picture of it; above the horizon it is pale blue."""
        width, height = view.intrinsics.width_px, view.intrinsics.height_px
        xs, ys = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        xy = np.column_stack([xs.ravel(), ys.ravel()])
        rays = pixel_rays(view.intrinsics, view.pose, xy)
        east, north = SITE.to_en_m(view.pose.lat_deg, view.pose.lon_deg)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(rays[:, 2] < -1e-6, -view.pose.alt_home_m / rays[:, 2], np.nan)
        half = np.array(self.texture_bgr.shape[1::-1]) / 2.0
        to_x = (east + rays[:, 0] * reach) / self.gsd_m + half[0] - 0.5
        to_y = -(north + rays[:, 1] * reach) / self.gsd_m + half[1] - 0.5
        image = cv2.remap(
            self.texture_bgr,
            np.nan_to_num(to_x, nan=-1e4).astype(np.float32).reshape(height, width),
            np.nan_to_num(to_y, nan=-1e4).astype(np.float32).reshape(height, width),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        image[np.isnan(reach).reshape(height, width)] = (235, 215, 200)
        return np.asarray(image, np.uint8)
