"""Discoloured water: where a water body has another colour than it has elsewhere.

What light does to water is taken out first. If the light on a surface grows or falls by a
factor, its L, a and b of CIE Lab move so that a / (L + 16) and b / (L + 16) stay (above black,
where Lab is a cube root). So a cloud's shadow, and every other one, has the tint of the water
around it. Glitter and reflections of the sky add white or pale blue light, which moves the
tint on a line towards that of the sky; what lies near this line is taken for a reflection.

The water body's own tint is what most of it has in the frame, of the part far from an outfall
where one is given, and over the earlier frames; so a stain that fills a picture is still seen
if the pictures before it showed clean water.

Milky and black water differ in lightness alone, and so do light and shade. Such a region is
taken for a stain only if light cannot explain it: brighter than the surface can reflect of a
bright sky at its angle and not where it may mirror the sun, with a sharp edge, and not going
on over the bank.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import Detection
from vision.scene.detector import LIES_STILL_S, WatchedZone, model_id
from vision.scene.regions import area_measure, cleaned, detection_of, grown, patches, widened
from vision.scene.surface_light import (
    is_light_and_shade,
)
from vision.scene.view import SceneView
from vision.scene.water_tint import (
    LEAST_DELTA,
    SOUGHT,
    Tint,
    Water,
    clean_before,
    lightness_difference,
    own_tint,
    tint_apart,
    tint_difference,
)
from vision.scene.working import Mask, Rectangle, rectangle_around

MOST_CHROMA = 24.0
"""Water by itself is never more colourful than this at L 50; then the zone shows something else."""

LEAST_AREA_M2 = 4.0
LEAST_PIXELS = 40
BANK_M = 2.0
"""So far from its bank water is not looked at: banks overhang and poses are off."""

FINE_ENOUGH_M = 0.18
"""The smallest stain that counts is then a hundred pixels large."""

FAR_FROM_OUTFALL_M = 30.0

_REMEMBERED = 40
_DARKEST_L = 6.0
_ROUGH_FACTOR = 2.5
_ROUGH_MORE = 3.0
_LEAST_WATER_PX = 400
_LEAST_RIM = 0.15
_LIKE_LAND = 7.0
_MOST_SURE_BY_LIGHT = 0.6
_REACH_PX = 122
"""Nothing further from the water than this is compared with it."""
_SMOOTHED_PX = 8
"""Smoothing and closing gaps look no further."""
_RIM_PX = (6, 16)


class WaterDetector:
    """Finds discoloured water in zones that are water bodies.

    Settings of a zone: `min_delta` (tint, 7), `min_area_m2` (4), `bank_m` (2),
    `outfall_east_m` and `outfall_north_m` (site metres; the water far from there is clean).
    """

    name = "scene-water"
    version = 1
    incident_classes: tuple[str, ...] = ("discoloured_water",)
    every_s = LIES_STILL_S

    def __init__(self) -> None:
        self._tints: dict[str, deque[tuple[FloatArray, float]]] = {}
        self._open: dict[tuple[bytes, float], BaseGeometry] = {}

    def fresh(self) -> Self:
        """Return a detector that remembers no water."""
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return the stains in the zones of one frame."""
        if view.blind or view.ground is None:
            return ()
        shown = [zone for zone in zones if view.shows(zone.area_m)]
        return tuple(found for zone in shown for found in self._look_at(view, zone))

    def _look_at(self, view: SceneView, zone: WatchedZone) -> tuple[Detection, ...]:
        water = self._seen(view.as_fine_as(FINE_ENOUGH_M, view.mask(zone.area_m)), zone)
        if water is None:
            return ()
        own = water.view.part(water.own)
        history = self._tints.setdefault(zone.zone_id, deque(maxlen=_REMEMBERED))
        usable = np.zeros(water.shape, np.uint8)
        usable.reshape(-1)[water.usable] = 255
        seen_m2 = own.area_m2(usable)
        far = _far_from_outfall(own, water, usable)
        tint = own_tint(water, far, clean_before(history, seen_m2))
        if float(np.linalg.norm(tint.ab)) > MOST_CHROMA:
            return ()
        if not tint.remembered:
            history.append((tint.ab, tint.share * seen_m2))
        least = max(zone.number("min_delta", LEAST_DELTA), 3.5 * tint.noise)
        least_m2 = zone.number("min_area_m2", LEAST_AREA_M2)
        stains = itertools.chain(
            _stains(water, tint_difference(water, tint, least), least, least_m2),
            _stains(
                water, lightness_difference(water, tint, least), least, least_m2, by_light=True
            ),
        )
        found: list[_Stain] = []
        taken = np.zeros(water.view.shape, np.bool_)
        for stain in stains:
            inside = stain.mask > 0
            if taken[stain.rectangle][inside].any() or _is_look_alike(water, stain, tint):
                continue
            taken[stain.rectangle] |= inside
            found.append(stain)
        return tuple(
            detection_of(
                water.view.part(stain.rectangle),
                stain.mask,
                self.incident_classes[0],
                _confidence(stain, least, tint),
                model_id(self),
                stain.measure,
            )
            for stain in found
        )

    def _seen(self, view: SceneView, zone: WatchedZone) -> Water | None:
        """Return what a frame shows of a water body; None where that is too little."""
        mask = view.mask(zone.area_m)
        around, near = (rectangle_around(mask, px) for px in (_REACH_PX, _SMOOTHED_PX))
        if around is None or near is None:
            return None
        own = view.part(near)
        water = self._open_water(own, zone)
        if np.count_nonzero(water) < _LEAST_WATER_PX:
            return None
        lab, rough, usable = _measured(own, water)
        if len(usable) < _LEAST_WATER_PX:
            return None
        top, left = (part.start for part in around)
        return Water(view.part(around), zone, _moved(near, -top, -left), lab, rough, usable)

    def _open_water(self, view: SceneView, zone: WatchedZone) -> Mask:
        """Return the zone without its banks; narrow water keeps its middle."""
        bank_m = zone.number("bank_m", BANK_M)
        key = (zone.area_m.wkb, bank_m)
        if key not in self._open:
            area_m: BaseGeometry = zone.area_m.buffer(-bank_m)
            while area_m.area < 0.4 * zone.area_m.area and bank_m > 0.2:
                bank_m /= 2.0
                area_m = zone.area_m.buffer(-bank_m)
            self._open[key] = area_m
        mask = view.mask(self._open[key])
        if view.pixel_area_m2 is None:
            return mask
        return mask * np.isfinite(view.pixel_area_m2)


def _measured(
    view: SceneView, water: Mask
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Return smoothed Lab, roughness, and where neither glitter nor blackness hides the water."""
    lab = np.asarray(cv2.blur(view.lab, (5, 5)), np.float32)
    grey = view.gray.astype(np.float32)
    mean = cv2.blur(grey, (7, 7))
    rough = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0.0))
    white = cv2.inRange(view.image_bgr, (235, 235, 235), (255, 255, 255))
    glitter = cv2.dilate(white, np.ones((5, 5), np.uint8))
    usable = (water > 0) & (glitter == 0) & (lab[..., 0] > _DARKEST_L)
    return lab, np.asarray(rough, np.float32), np.flatnonzero(usable)


def _far_from_outfall(own: SceneView, water: Water, usable: Mask) -> NDArray[np.intp]:
    zone = water.zone
    if "outfall_east_m" not in zone.settings or "outfall_north_m" not in zone.settings:
        return water.usable
    at = Point(zone.number("outfall_east_m", 0.0), zone.number("outfall_north_m", 0.0))
    far = np.flatnonzero((usable > 0) & (own.mask(at.buffer(FAR_FROM_OUTFALL_M)) == 0))
    return far if len(far) >= _LEAST_WATER_PX else water.usable


@dataclass(frozen=True, slots=True, eq=False)
class _Stain:
    """What may be a stain: its pixels in a rectangle of the water's view."""

    rectangle: Rectangle
    mask: Mask
    contrast: float
    measure: Measure
    by_light: bool = False


def _stains(
    water: Water,
    differs: NDArray[np.float32],
    least: float,
    least_m2: float,
    *,
    by_light: bool = False,
) -> Iterator[_Stain]:
    """Yield regions that differ; their edge is where the difference is half of its middle."""
    strong, weak = (_above(differs, factor * least) for factor in SOUGHT[:2])
    if not strong.any():
        return
    own = water.view.part(water.own)
    for patch in patches(cleaned(grown(strong, weak), 3, 7), LEAST_PIXELS, _SMOOTHED_PX):
        part, region, off = own.part(patch.rectangle), patch.mask, differs[patch.rectangle]
        values = off[region > 0]
        if part.area_m2(region) < least_m2 or float(np.median(values)) < least:
            continue
        middle = float(np.percentile(values, 75.0))
        cores = [
            region & _above(off, max(share * middle, SOUGHT[2] * least))
            for share in (0.4, 0.5, 0.6)
        ]
        core = cleaned(cores[1], 1, 5) & region
        if np.count_nonzero(core) < LEAST_PIXELS or part.area_m2(core) < least_m2:
            continue
        spread_m2 = (part.area_m2(cores[0]) - part.area_m2(cores[2])) / 2.0
        measure = area_measure(part, core, unsure_m2=max(0.0, spread_m2))
        if measure is not None:
            top, left = (side.start for side in water.own)
            yield _Stain(_moved(patch.rectangle, top, left), core, middle, measure, by_light)


def _above(values: NDArray[np.float32], limit: float) -> Mask:
    return np.multiply(values > limit, np.uint8(255), dtype=np.uint8)


def _is_look_alike(water: Water, stain: _Stain, tint: Tint) -> bool:
    """Whether a region is something else than a stain, or may be.

    What costs least is asked first.
    """
    inside = stain.mask > 0
    top, left = (part.start for part in water.own)
    own = _moved(stain.rectangle, -top, -left)
    roughness = float(np.median(water.rough[own][inside]))
    # Branches over the bank, reeds and boats are rougher than water is.
    if roughness > _ROUGH_FACTOR * tint.rough + _ROUGH_MORE:
        return True
    pixels = np.ascontiguousarray(water.lab[own][inside].T)
    middle = np.asarray(np.median(pixels, axis=1), np.float32)
    if middle[1] < -4.0 and middle[2] > 10.0 and roughness > 1.5 * tint.rough + 1.0:
        return True
    brighter = pixels[0] - tint.lightness(stain.rectangle)[inside]
    if _is_built(stain.mask, middle, float(np.median(brighter))):
        return True
    if _goes_on_ashore(water, stain, middle):
        return True
    if not tint.remembered and not _has_water_beside(water, stain, tint):
        return True
    if not stain.by_light:
        return False
    region = np.zeros(water.view.shape, np.uint8)
    region[stain.rectangle] = stain.mask
    height, width = region.shape
    clean = tint.lightness((slice(0, height), slice(0, width)))
    return is_light_and_shade(water.view, water.zone.area_m, region, water.lab_around, clean)


def _moved(rectangle: Rectangle, rows: int, columns: int) -> Rectangle:
    """Return a rectangle moved down and to the right."""
    down, across = rectangle
    return (
        slice(down.start + rows, down.stop + rows),
        slice(across.start + columns, across.stop + columns),
    )


def _around(water: Water, stain: _Stain, by_px: int) -> tuple[Rectangle, Mask]:
    """Return a wider rectangle around a region, within the view, with the region in it."""
    rows, columns = (
        slice(max(0, part.start - by_px), min(length, part.stop + by_px))
        for part, length in zip(stain.rectangle, water.view.shape, strict=True)
    )
    (top, left), (height, width) = (part.start for part in stain.rectangle), stain.mask.shape
    region = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    top, left = top - rows.start, left - columns.start
    region[top : top + height, left : left + width] = stain.mask
    return (rows, columns), region


def _has_water_beside(water: Water, stain: _Stain, tint: Tint) -> bool:
    """Whether some of the rim of a region borders on clean water."""
    window, region = _around(water, stain, _RIM_PX[1])
    edge, around = (widened(region, px) for px in _RIM_PX)
    rim = around & ~edge
    in_water = rim & water.view.mask(water.zone.area_m)[window] > 0
    pixels = water.lab_around[window][in_water].T
    apart = tint_apart(pixels, tint, tint.lightness(window)[in_water])
    clean = np.count_nonzero(apart < 0.7 * LEAST_DELTA)
    return bool(clean > _LEAST_RIM * np.count_nonzero(rim))


def _goes_on_ashore(water: Water, stain: _Stain, middle: NDArray[np.float32]) -> bool:
    """Whether a region at the rim of a zone looks as the ground just outside of it does.

    Outlines in site files take in banks, and the road over a culvert.

    Args:
        water: with the zone.
        stain: the region.
        middle: its median Lab.
    """
    gsd_m = water.view.gsd_m
    size_m = 0.15
    if gsd_m is not None:
        size_m = float(np.nanmedian(gsd_m[stain.rectangle][stain.mask > 0]))
    reach_px = min(max(2, round(2.0 * BANK_M / max(size_m, 1e-3))), 60)
    window, region = _around(water, stain, reach_px)
    outside = water.view.mask(water.zone.area_m)[window] == 0
    if np.count_nonzero(outside) < 40:
        return False
    outside &= widened(region, reach_px) > 0
    if np.count_nonzero(outside) < 40:
        return False
    land = water.lab_around[window][outside]
    away = np.linalg.norm((land - middle) * np.array([0.5, 1.0, 1.0], np.float32), axis=1)
    return bool(np.mean(away < _LIKE_LAND) > 0.35)


def _is_built(region: Mask, middle: NDArray[np.float32], brighter: float) -> bool:
    """Whether a region is grey and has the outline of a rectangle: a bridge, a jetty, a boat.

    Args:
        region: its pixels.
        middle: its median Lab.
        brighter: by how much its lightness is above that of clean water.
    """
    if math.hypot(float(middle[1]), float(middle[2])) > 9.0 or brighter < 4.0:
        return False
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(outlines, key=cv2.contourArea)
    _, (width, height), _ = cv2.minAreaRect(largest)
    return bool(cv2.contourArea(largest) > 0.86 * max(width * height, 1.0))


def _confidence(stain: _Stain, least: float, tint: Tint) -> float:
    """Return 0 to 1 from contrast over the threshold, area, and how sure the clean water is."""
    by_contrast = 1.0 - 0.75 * math.exp(-2.2 * (stain.contrast / least - 1.0))
    by_area = 1.0 - 0.6 * math.exp(-stain.measure.value / 8.0)
    by_water = 0.7 if tint.remembered else min(1.0, 0.55 + tint.share)
    sure = by_contrast * by_area * by_water
    return min(sure, _MOST_SURE_BY_LIGHT) if stain.by_light else sure
