"""Surfaces that are too hot, and open fire, in pictures that hold temperatures.

A hot spot is hotter than its class of asset may be, and hotter than what is around it by more
than a stated difference. Both limits come from the zone; the class of asset gives them where the
zone does not. The measure is the highest surface temperature as the camera reads it. What is hotter
than any equipment gets without burning is fire: in zones that watch for open flame it is told as
that, with the ground that it covers, and not as a hot spot as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from vision.scene.detector import WatchedZone, model_id
from vision.scene.view import SceneView
from vision.scene.working import Mask

ASSET_LIMITS_C: dict[str, tuple[float, float]] = {
    "": (80.0, 40.0),
    "battery": (55.0, 20.0),
    "conveyor": (70.0, 30.0),
    "motor": (100.0, 50.0),
    "pipe": (80.0, 40.0),
    "pump": (90.0, 45.0),
    "solar_panel": (85.0, 25.0),
    "substation": (80.0, 35.0),
    "switchgear": (75.0, 30.0),
    "tank": (60.0, 30.0),
    "transformer": (95.0, 45.0),
}
"""Highest surface temperature and highest excess over what is around it, degC and K, by class of
asset: round figures in the range of what makers allow; a site states its own."""

FIRE_C = 200.0
"""No surface of equipment is meant to come near this; flames read 300 degC and more where they
fill a pixel, and much less where they are thin or far away."""
FIRE_ABOVE_K = 100.0
FIRE_AREA_SHARE = 0.4
"""One standard deviation of a fire's area: its edge flickers, and glows beyond what burns."""

NETD_K = 0.05
"""Noise of one pixel of an uncooled camera, one standard deviation, kelvin."""

CAMERA_LEAST_K = 2.0
CAMERA_SHARE = 0.02
"""Makers state 2 K or 2 % of the reading in degC, whichever is more, as a bound; a bound b is
taken as evenly spread, with a standard deviation of b over the square root of 3."""

EMISSIVITY = 0.95
EMISSIVITY_SIGMA = 0.05
"""Painted metal, concrete, bitumen and plastics; bare metal is lower, and reads too cold."""

SUN_CAN_HEAT_TO_C = 90.0
"""Dark roofs in summer sun reach 75 to 85 degC."""

SUNNY_AREA_M2 = 10.0
SUNNY_SPREAD_K = 8.0
PERSON_UP_TO_C = 42.0
PERSON_AREA_M2 = 2.0
LEAST_PIXELS = 3
GROWN_K = 5.0
"""A region reaches down to so much below the limit, so that a spot barely above it has a size."""

SHARP_PIXELS = 9
MARGIN_M = 2.0
"""How far outside its zone a hot surface may be seen: poses are off."""

HEIGHT_M = 10.0
"""How high above the ground of its zone a hot surface may be."""

_MOST_HOTSPOTS = 20
_RING_PX = 3


@dataclass(frozen=True, slots=True, eq=False)
class HotRegion:
    """A surface that is too hot.

    Attributes:
        mask: its pixels, 255 where hot.
        peak_c: its highest temperature, degC.
        ambient_c: of what is around it, degC.
        error_k: one standard deviation of `peak_c`.
        margin_k: by how much the nearer one of the two limits is passed.
        pixels: how many they are.
    """

    mask: Mask
    peak_c: float
    ambient_c: float
    error_k: float
    margin_k: float
    pixels: int


def hot_regions(
    celsius: NDArray[np.float32],
    watched: Mask,
    limit_c: float,
    above_ambient_c: float,
    pixel_area_m2: NDArray[np.float32] | None = None,
) -> tuple[HotRegion, ...]:
    """Return the surfaces in a part of a picture that are too hot, hottest first.

    What the sun can do is left out: wide surfaces of one even temperature up to 90 degC. So are
    people: small, and no warmer than 42 degC.

    Args:
        celsius: temperatures, shape (height, width); NaN for no reading.
        watched: where to look; what is around is measured outside of it too.
        limit_c: a surface is hot above this, degC.
        above_ambient_c: and above what is around it by this, K.
        pixel_area_m2: ground under each pixel; None when not known.
    """
    # Most surfaces are cool: of these no more than the highest temperature is asked.
    highest_c = np.fmax.reduce(celsius[watched > 0], initial=-np.inf)
    if not highest_c > limit_c:
        return ()
    ambient_c = _ambient(celsius, watched)
    if ambient_c is None or highest_c <= ambient_c + above_ambient_c:
        return ()
    threshold = max(limit_c, ambient_c + above_ambient_c)
    known = np.nan_to_num(celsius, nan=-273.0)
    hot = ((known > threshold - GROWN_K) & (watched > 0)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
    peaks_c = ndimage.maximum(known, labels, np.arange(count))
    found: list[HotRegion] = []
    for label in np.argsort(-peaks_c, kind="stable").tolist():
        peak_c, pixels = float(peaks_c[label]), int(stats[label, cv2.CC_STAT_AREA])
        if peak_c <= threshold or len(found) == _MOST_HOTSPOTS:
            break
        if label == 0 or pixels < LEAST_PIXELS:
            continue
        inside = labels == label
        around_c = _around(known, inside, ambient_c)
        values = known[inside]
        area_m2 = None if pixel_area_m2 is None else float(np.nansum(pixel_area_m2[inside]))
        if _sun_or_person(values, peak_c, pixels, area_m2):
            continue
        margin_k = min(peak_c - limit_c, peak_c - around_c - above_ambient_c)
        if margin_k <= 0.0:
            continue
        error_k = temperature_error_k(peak_c, around_c, pixels)
        mask = np.where(inside, 255, 0).astype(np.uint8)
        found.append(HotRegion(mask, peak_c, around_c, error_k, margin_k, pixels))
    return tuple(found)


def temperature_error_k(peak_c: float, ambient_c: float, pixels: int) -> float:
    """Return one standard deviation of a highest surface temperature, kelvin.

    It is made of the camera's noise and accuracy, of the emissivity that is not known (the
    radiance of a surface of temperature T in the 8 to 14 micrometre band goes about as its
    fourth power, so dT = T / (4 e) (1 - (Ta / T)^4) de, with T in kelvin and surroundings of Ta),
    and, for a spot of fewer than nine pixels, of the blur that makes it read too cold.

    Args:
        peak_c: the reading, degC.
        ambient_c: of what is around it, degC.
        pixels: how many pixels the hot region has.
    """
    bound = max(CAMERA_LEAST_K, CAMERA_SHARE * abs(peak_c))
    peak_k, ambient_k = peak_c + 273.15, ambient_c + 273.15
    reflected = 1.0 - min(1.0, ambient_k / peak_k) ** 4
    emissivity = peak_k / (4.0 * EMISSIVITY) * reflected * EMISSIVITY_SIGMA
    blur = 0.15 * max(0.0, peak_c - ambient_c) if pixels < SHARP_PIXELS else 0.0
    return math.sqrt(NETD_K**2 + bound**2 / 3.0 + emissivity**2 + blur**2)


class HotspotDetector:
    """Finds overheating equipment and fire; says nothing about pictures without temperatures.

    Settings of a zone: `incident`, of which `open_flame` asks for fire; `fire_c`, from which on it
    is that; `limit_c` and `above_ambient_c`, or `asset_class` for those of
    `ASSET_LIMITS_C`; `margin_m`, how far outside the zone to look; `height_m`, how high above it.
    Its confidence is the probability that both limits are passed, under the stated error.
    """

    name = "scene-hotspot"
    version = 2
    incident_classes: tuple[str, ...] = ("hotspot", "flame")
    every_s = 0.0

    def fresh(self) -> Self:
        """Return a detector for the next footage; this kind has no memory."""
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return the hot spots in the zones.

        Raises:
            SettingsError: a limit of a zone is no number.
        """
        celsius = view.frame.picture.celsius
        if celsius is None:
            return ()
        working = _hottest_shrunk(celsius, view.shape)
        found: list[Detection] = []
        fires = {zone.zone_id for zone in zones if _for_fire(zone)}
        for zone in zones:
            burning = _for_fire(zone)
            fire_c = zone.number("fire_c", FIRE_C)
            limit_c, above_c = (fire_c, FIRE_ABOVE_K) if burning else zone_limits(zone)
            area_m = standing(view, zone.area_m, zone.number("height_m", HEIGHT_M))
            watched = view.near(area_m, zone.number("margin_m", MARGIN_M))
            regions = hot_regions(working, watched, limit_c, above_c, view.pixel_area_m2)
            if burning:
                found.extend(self._fire(view, region, fire_c) for region in regions)
                continue
            found.extend(
                self._detection(view, region)
                for region in regions
                if region.peak_c < fire_c or zone.zone_id not in fires
            )
        return tuple(found)

    def _fire(self, view: SceneView, region: HotRegion, fire_c: float) -> Detection:
        """Return a fire: its area is what is hot in the picture, at the scale of the ground."""
        sure = 0.5 * (1.0 + math.erf((region.peak_c - fire_c) / region.error_k / math.sqrt(2.0)))
        area_m2 = view.pixel_area_m2
        covered = 0.0 if area_m2 is None else float(np.nansum(area_m2[region.mask > 0]))
        measure = Measure(covered, FIRE_AREA_SHARE * covered, MeasureUnit.SQUARE_METRES)
        return Detection(
            class_name="flame",
            confidence=min(1.0, sure),
            box_xyxy_px=view.box_full_px(region.mask),
            model_id=model_id(self),
            measure=measure if covered > 0.0 else None,
            at_px=view.place_full_px(region.mask),
        )

    def _detection(self, view: SceneView, region: HotRegion) -> Detection:
        sure = 0.5 * (1.0 + math.erf(region.margin_k / region.error_k / math.sqrt(2.0)))
        return Detection(
            class_name="hotspot",
            confidence=min(1.0, sure),
            box_xyxy_px=view.box_full_px(region.mask),
            model_id=model_id(self),
            measure=Measure(region.peak_c, region.error_k, MeasureUnit.DEGREES_CELSIUS),
            at_px=view.place_full_px(region.mask),
        )


def _for_fire(zone: WatchedZone) -> bool:
    return zone.settings.get("incident") == "open_flame"


def zone_limits(zone: WatchedZone) -> tuple[float, float]:
    """Return the limits of a zone: highest temperature, degC, and highest excess, K.

    Those that the zone does not state are of its class of asset; of a class that
    `ASSET_LIMITS_C` does not have, those without a class.
    """
    asset_class = str(zone.settings.get("asset_class", "")).strip().lower().replace(" ", "_")
    limit_c, above_c = ASSET_LIMITS_C.get(asset_class, ASSET_LIMITS_C[""])
    return zone.number("limit_c", limit_c), zone.number("above_ambient_c", above_c)


def standing(view: SceneView, area_m: BaseGeometry, height_m: float) -> BaseGeometry:
    """Return the ground that what stands on an area hides or is seen before, up to a height.

    Args:
        view: a picture; only a posed one is known to look from somewhere.
        area_m: in the site's frame.
        height_m: of what stands on it; at most half of the camera's own is taken.
    """
    seen = view.frame.view
    if not isinstance(seen, PosedView) or height_m <= 0.0 or area_m.is_empty:
        return area_m
    pose = seen.pose
    share = min(height_m / max(pose.alt_home_m, 0.1), 0.5)
    camera_m = view.site.to_en_m(pose.lat_deg, pose.lon_deg)

    def top(xy: FloatArray) -> FloatArray:
        return np.asarray(xy + (xy - camera_m) * share / (1.0 - share), np.float64)

    parts = [
        shapely.union_all([part, shapely.transform(part, top)]).convex_hull
        for part in shapely.get_parts(area_m)
    ]
    return shapely.union_all(parts)


def _hottest_shrunk(celsius: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return temperatures at a smaller size, each the highest of those that it stands for."""
    if celsius.shape == shape:
        return celsius
    reach = max(1, math.ceil(celsius.shape[0] / shape[0]))
    known = np.nan_to_num(celsius, nan=-273.15)
    highest = cv2.dilate(known, np.ones((reach, reach), np.uint8))
    small = cv2.resize(highest, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.float32)


def _ambient(celsius: NDArray[np.float32], watched: Mask) -> float | None:
    """Return the median temperature in and around a watched part, as wide again as it is."""
    x, y, width, height = cv2.boundingRect(watched)
    reach_x, reach_y = max(width // 2, 8), max(height // 2, 8)
    near = celsius[
        max(0, y - reach_y) : y + height + reach_y, max(0, x - reach_x) : x + width + reach_x
    ]
    known = near[np.isfinite(near) & (near > -100.0)]
    return float(np.median(known)) if known.size else None


def _around(celsius: NDArray[np.float32], inside: NDArray[np.bool_], ambient_c: float) -> float:
    """Return the median temperature close around a region, beyond its blurred edge."""
    size = max(_RING_PX, round(math.sqrt(float(inside.sum()))))
    ys, xs = np.nonzero(inside)
    pad = size + _RING_PX + 1
    rows = slice(max(0, ys.min() - pad), ys.max() + pad + 1)
    columns = slice(max(0, xs.min() - pad), xs.max() + pad + 1)
    spot = inside[rows, columns].astype(np.uint8)
    blurred = cv2.dilate(spot, np.ones((2 * _RING_PX + 1,) * 2, np.uint8))
    wide = cv2.dilate(blurred, np.ones((2 * size + 1,) * 2, np.uint8))
    ring = (wide > 0) & (blurred == 0)
    values = celsius[rows, columns][ring]
    values = values[values > -100.0]
    return float(np.median(values)) if values.size >= LEAST_PIXELS else ambient_c


def _sun_or_person(
    values: NDArray[np.float32], peak_c: float, pixels: int, area_m2: float | None
) -> bool:
    if peak_c <= PERSON_UP_TO_C:
        return (area_m2 is None and pixels < 400) or (
            area_m2 is not None and area_m2 <= PERSON_AREA_M2
        )
    if peak_c > SUN_CAN_HEAT_TO_C:
        return False
    wide = pixels >= 400 if area_m2 is None else area_m2 >= SUNNY_AREA_M2
    even = peak_c - float(np.median(values)) < SUNNY_SPREAD_K
    return wide and even
