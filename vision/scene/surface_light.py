"""What light does to a water surface: the sky and the sun in it, and shade across it."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.records import PosedView
from vision.scene.view import SceneView
from vision.scene.working import Mask

GLITTER_DEG = 25.0
"""Waves mirror the sun up to this far from where still water would: slopes of up to 12 degrees."""

_WAVE_SLOPE_DEG = 12.0
_BRIGHT_SKY = 1.1
_SPARE = 0.02
_EDGE_M = 1.5
_BANK_M = 6.0
_SHARP = 0.5
_GOES_ON = 0.4
_LEAST_LAND_PX = 60
_LEAST_SUN_DEG = 3.0
_FURTHEST_PX = 60


def luminance_of(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the relative luminance Y, 0 to 1, of CIE lightness L, 0 to 100."""
    whole = np.asarray(lightness, np.float32)
    return np.asarray(
        np.where(whole > 8.0, ((whole + 16.0) / 116.0) ** 3, whole / 903.3), np.float32
    )


def lightness_of(luminance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return CIE lightness L, 0 to 100, of relative luminance Y, 0 to 1."""
    whole = np.clip(np.asarray(luminance, np.float32), 0.0, 1.0)
    return np.asarray(
        np.where(whole > 0.008856, 116.0 * np.cbrt(whole) - 16.0, 903.3 * whole), np.float32
    )


def reflected_sky(view: SceneView, where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the luminance that a bright sky adds to water at most, for some working pixels.

    Fresnel's reflectance of water in Schlick's approximation, 0.02 + 0.98 (1 - sin d)^5 at a
    depression d, taken 12 degrees flatter for waves, of a sky as bright as white paper.

    Args:
        view: of the frame.
        where: the pixels.

    Returns:
        Shape (N,), in the order of the pixels.
    """
    if view.gsd_m is None or view.pixel_area_m2 is None:
        return np.ones(int(np.count_nonzero(where)), np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        sine = np.clip(view.gsd_m[where] ** 2 / view.pixel_area_m2[where], 0.0, 1.0)
    depression = np.arcsin(np.nan_to_num(sine, nan=0.0)) - math.radians(_WAVE_SLOPE_DEG)
    missing = 1.0 - np.sin(np.clip(depression, 0.0, None))
    fresnel = 0.02 + 0.98 * missing * (missing * missing) ** 2
    return np.asarray(_BRIGHT_SKY * fresnel + _SPARE, np.float32)


def may_mirror_sun(view: SceneView) -> NDArray[np.bool_]:
    """Return where water with waves may mirror the sun to the camera.

    From the time of the frame and the camera's pose; nowhere where only corners are known.
    """
    seen, locator = view.frame.view, view.sight.locator
    height, width = view.shape
    if not isinstance(seen, PosedView) or locator is None:
        return np.zeros((height, width), np.bool_)
    sun = sun_direction(view.frame.time, seen.pose.lat_deg, seen.pose.lon_deg)
    if sun[2] < math.sin(math.radians(_LEAST_SUN_DEG)):
        return np.zeros((height, width), np.bool_)
    columns, rows = np.linspace(0, width, 25), np.linspace(0, height, 17)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    en_m = locator.ground_many_m(view.to_full_px(grid.reshape(-1, 2)))
    up = np.column_stack([en_m, np.full(len(en_m), max(seen.pose.alt_home_m, 1.0))])
    with np.errstate(invalid="ignore"):
        up /= np.linalg.norm(up, axis=1, keepdims=True)
    cosine = np.nan_to_num(up @ sun, nan=-1.0).reshape(grid.shape[:2]).astype(np.float32)
    whole = cv2.resize(cosine, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole > math.cos(math.radians(GLITTER_DEG)), np.bool_)


def sun_direction(time: datetime, lat_deg: float, lon_deg: float) -> FloatArray:
    """Return the direction to the sun, east, north, up, as a unit vector.

    Good to about half a degree between 1950 and 2050 (the low-precision formulas of the
    Astronomical Almanac); refraction is left out.
    """
    days = (time - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86_400.0
    mean_deg = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(mean_deg + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly))
    tilt = math.radians(23.439 - 4e-7 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians((280.46062 + 360.98564737 * days + lon_deg) % 360.0)
    hour = sidereal - ascension
    lat = math.radians(lat_deg)
    east = -math.cos(declination) * math.sin(hour)
    north = math.sin(declination) * math.cos(lat)
    north -= math.cos(declination) * math.cos(hour) * math.sin(lat)
    up = math.sin(declination) * math.sin(lat)
    up += math.cos(declination) * math.cos(hour) * math.cos(lat)
    return np.array([east, north, up])


def is_light_and_shade(
    view: SceneView,
    water_m: BaseGeometry,
    region: Mask,
    lab: NDArray[np.float32],
    clean: NDArray[np.float32],
) -> bool:
    """Whether a region of water that differs in lightness alone may be a shadow or a sun spot.

    It may where its edge is soft (a cloud's shadow fades over some metres), and where the land
    beside it is as much darker or brighter than the land elsewhere. One that the picture cuts
    off cannot be judged, and is taken for light and shade.

    Args:
        view: of the frame.
        water_m: the whole water body, site metres.
        region: of one stain.
        lab: the working picture in Lab.
        clean: lightness of clean water, for each pixel.
    """
    inside = region > 0
    if inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any():
        return True
    lightness = lab[..., 0]
    off = float(np.median((lightness - clean)[inside]))
    gsd_m = view.gsd_m if view.gsd_m is not None else np.ones(view.shape, np.float32)
    metre_px = 1.0 / max(float(np.nanmedian(gsd_m[inside])), 1e-3)
    water = view.mask(water_m)
    edge_px = max(2, round(_EDGE_M * metre_px))
    inner = inside & (_shrunk(region, edge_px) == 0)
    outer = (_widened(region, edge_px) > 0) & ~inside & (water > 0)
    if outer.sum() < 20 or inner.sum() < 20:
        return True
    step = float(np.median((lightness - clean)[inner]) - np.median((lightness - clean)[outer]))
    if step / off < _SHARP:
        return True
    bank_px = max(3, round(_BANK_M * metre_px))
    land = (_widened(water, bank_px) > 0) & (_widened(water, 2) == 0)
    beside = land & (_widened(region, bank_px) > 0)
    elsewhere = land & ~beside
    if beside.sum() < _LEAST_LAND_PX or elsewhere.sum() < _LEAST_LAND_PX:
        return False
    on_land = _ratio(lightness[beside], lightness[elsewhere])
    on_water = _ratio(lightness[inside], clean[inside])
    return on_land * on_water > 0.0 and abs(on_land) > _GOES_ON * abs(on_water)


def _ratio(values: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the logarithm of the ratio of two median luminances."""
    one, two = (
        float(luminance_of(np.array([np.median(part)], np.float32))[0]) for part in (values, others)
    )
    return math.log(max(one, 1e-4) / max(two, 1e-4))


def _widened(mask: Mask, by_px: int) -> Mask:
    # A dilation by so many pixels in a disc costs tens of milliseconds, distances cost two.
    away_px = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.multiply(away_px <= min(by_px, _FURTHEST_PX), np.uint8(255), dtype=np.uint8)


def _shrunk(mask: Mask, by_px: int) -> Mask:
    away_px = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.multiply(away_px > min(by_px, _FURTHEST_PX), np.uint8(255), dtype=np.uint8)
