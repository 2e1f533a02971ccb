"""How a picture sees the ground: the records of lens, pose and corners.

Conventions are those of `park.records`, which hands these out as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from park.record_checks import need, need_lat_lon

LatLonDeg = tuple[float, float]
"""WGS84 latitude and longitude in degrees, in this order."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """How a lens maps directions to pixels (pinhole with Brown-Conrady distortion).

    Attributes:
        width_px: width of the picture that these values belong to.
        height_px: its height.
        fx_px: focal length in pixels along x.
        fy_px: focal length in pixels along y.
        cx_px: principal point, x.
        cy_px: principal point, y.
        distortion: OpenCV's (k1, k2, p1, p2, k3); all zero for an ideal lens.
        focal_sigma: relative standard deviation of the focal length (0.02 is 2 %).
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sigma: float = 0.01

    def __post_init__(self) -> None:
        need(self.width_px > 0 and self.height_px > 0, "a picture needs a width and a height")
        need(
            math.isfinite(self.fx_px) and self.fx_px > 0 and self.fy_px > 0,
            f"focal length {self.fx_px} x {self.fy_px} px is not positive",
        )
        need(self.focal_sigma >= 0, f"focal_sigma {self.focal_sigma} is negative")

    @classmethod
    def from_fov(
        cls, width_px: int, height_px: int, hfov_deg: float, *, focal_sigma: float = 0.01
    ) -> Self:
        """Return an ideal lens with a horizontal field of view of `hfov_deg` degrees."""
        need(0.0 < hfov_deg < 179.0, f"hfov_deg {hfov_deg} is not between 0 and 179")
        f_px = width_px / 2.0 / math.tan(math.radians(hfov_deg) / 2.0)
        cx_px, cy_px = width_px / 2.0, height_px / 2.0
        return cls(width_px, height_px, f_px, f_px, cx_px, cy_px, focal_sigma=focal_sigma)


@dataclass(frozen=True, slots=True)
class CameraPose:
    """Where a camera is and where it looks.

    Attributes:
        lat_deg: WGS84 latitude of the camera.
        lon_deg: WGS84 longitude of the camera.
        alt_home_m: height above the take-off point.
        alt_amsl_m: height above mean sea level; None when not known.
        yaw_deg: heading of the optical axis, clockwise from true north.
        pitch_deg: 0 at the horizon, -90 straight down.
        roll_deg: positive when the right side of the camera goes down.
    """

    lat_deg: float
    lon_deg: float
    alt_home_m: float
    alt_amsl_m: float | None
    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    def __post_init__(self) -> None:
        need_lat_lon(self.lat_deg, self.lon_deg)
        for name in ("alt_home_m", "yaw_deg", "pitch_deg", "roll_deg"):
            value = getattr(self, name)
            need(math.isfinite(value), f"{name} {value} is not a number")
        need(
            self.alt_amsl_m is None or math.isfinite(self.alt_amsl_m),
            f"alt_amsl_m {self.alt_amsl_m} is not a number",
        )


@dataclass(frozen=True, slots=True)
class PoseSigma:
    """One standard deviation of each part of a `CameraPose`.

    Attributes:
        horizontal_m: position, per horizontal axis.
        vertical_m: height above the ground.
        yaw_deg: heading.
        pitch_deg: pitch.
        roll_deg: roll.
    """

    horizontal_m: float
    vertical_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    def __post_init__(self) -> None:
        for name in ("horizontal_m", "vertical_m", "yaw_deg", "pitch_deg", "roll_deg"):
            value = getattr(self, name)
            need(math.isfinite(value) and value >= 0, f"{name} {value} is not zero or more")


@dataclass(frozen=True, slots=True)
class PosedView:
    """A picture whose camera is known: lens, pose, and how well the pose is known."""

    intrinsics: Intrinsics
    pose: CameraPose
    sigma: PoseSigma


@dataclass(frozen=True, slots=True)
class CornersView:
    """A picture of flat ground whose four corners are known (a fixed camera, no telemetry).

    Attributes:
        width_px: width of the picture.
        height_px: its height.
        corners: (lat_deg, lon_deg) of the top left, top right, bottom right and bottom left
            corner of the picture, in this order.
        corner_sigma_m: one standard deviation of each corner, per horizontal axis (not a
            radius), metres; corners are taken to be wrong independently of each other.
    """

    width_px: int
    height_px: int
    corners: tuple[LatLonDeg, LatLonDeg, LatLonDeg, LatLonDeg]
    corner_sigma_m: float = 2.0

    def __post_init__(self) -> None:
        need(self.width_px > 0 and self.height_px > 0, "a picture needs a width and a height")
        need(len(self.corners) == 4, f"four corners are needed, not {len(self.corners)}")
        for lat_deg, lon_deg in self.corners:
            need_lat_lon(lat_deg, lon_deg)
        need(self.corner_sigma_m >= 0, f"corner_sigma_m {self.corner_sigma_m} is negative")


View = PosedView | CornersView
"""What is known about how a picture sees the ground."""
