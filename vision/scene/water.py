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
from vision.scene.detector import WatchedZone, model_id
from vision.scene.regions import area_measure, cleaned, detection_of, grown, regions
from vision.scene.surface_light import (
    is_light_and_shade,
    lightness_of,
    luminance_of,
    may_mirror_sun,
    reflected_sky,
)
from vision.scene.view import Mask, SceneView, rectangle_around

LEAST_DELTA = 7.0
"""Smallest difference of tint that is a stain, units of CIE a and b at L 50."""

MOST_CHROMA = 24.0
"""Water by itself is never more colourful than this at L 50; then the zone shows something else."""

LEAST_AREA_M2 = 4.0
LEAST_PIXELS = 40
BANK_M = 2.0
"""So far from its bank water is not looked at: banks overhang and poses are off."""

FAR_FROM_OUTFALL_M = 30.0

_REMEMBERED = 40
_ESTABLISHED = 3
_MORE_SEEN = 2.0
_LEAST_CLEAN_SHARE = 0.08
_BIN = 1.5
_HALF_BINS = 48
_DARKEST_L = 6.0
_SKY = np.array([-0.5, -4.0], np.float32)
_SKY_TOLERANCE = 4.5
_SHADOW_BLUE = 5.0
_ROUGH_FACTOR = 2.5
_ROUGH_MORE = 3.0
_LEAST_WATER_PX = 400
_LEAST_RIM = 0.15
_LIKE_LAND = 7.0
_PER_LIGHTNESS = 0.55
_MOST_SURE_BY_LIGHT = 0.6
_REACH_PX = 122
"""Nothing further from the water than this is compared with it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Tint:
    """The water's own colour in one frame: tint, brightness over the picture, and its noise."""

    ab: FloatArray
    lightness: NDArray[np.float32]
    noise: float
    rough: float
    share: float
    remembered: bool


class WaterDetector:
    """Finds discoloured water in zones that are water bodies.

    Settings of a zone: `min_delta` (tint, 7), `min_area_m2` (4), `bank_m` (2),
    `outfall_east_m` and `outfall_north_m` (site metres; the water far from there is clean).
    """

    name = "scene-water"
    version = 1
    incident_classes: tuple[str, ...] = ("discoloured_water",)

    def __init__(self) -> None:
        self._tints: dict[str, deque[tuple[FloatArray, float]]] = {}
        self._open: dict[tuple[bytes, float], BaseGeometry] = {}

    def fresh(self) -> Self:
        """Return a detector that remembers no water."""
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return the stains in the zones of one frame."""
        if view.blind or view.pixel_area_m2 is None:
            return ()
        return tuple(found for zone in zones for found in self._look_at(view, zone))

    def _look_at(self, view: SceneView, zone: WatchedZone) -> tuple[Detection, ...]:
        around = rectangle_around(view.mask(zone.area_m), _REACH_PX)
        if around is None:
            return ()
        view = view.part(around)
        water = self._open_water(view, zone)
        if np.count_nonzero(water) < _LEAST_WATER_PX:
            return ()
        lab, rough, usable = _measured(view, water)
        if np.count_nonzero(usable) < _LEAST_WATER_PX:
            return ()
        history = self._tints.setdefault(zone.zone_id, deque(maxlen=_REMEMBERED))
        far = _far_from_outfall(view, zone, usable)
        seen_m2 = view.area_m2(np.where(usable, 255, 0).astype(np.uint8))
        tint = _own_tint(lab, rough, far, _clean_before(history, seen_m2))
        if float(np.linalg.norm(tint.ab)) > MOST_CHROMA:
            return ()
        if not tint.remembered:
            history.append((tint.ab, tint.share * seen_m2))
        least = max(zone.number("min_delta", LEAST_DELTA), 3.5 * tint.noise)
        found: list[_Stain] = []
        least_m2 = zone.number("min_area_m2", LEAST_AREA_M2)
        in_tint = _stains(view, _difference(lab, tint, usable), least)
        off_light = _lightness_difference(view, lab, tint, rough, usable)
        in_light = _stains(view, off_light, least, by_light=True)
        for stain in itertools.chain(in_tint, in_light):
            if stain.measure.value < least_m2 or _is_look_alike(
                view, zone, stain, lab, tint, rough
            ):
                continue
            if not any((stain.mask & other.mask).any() for other in found):
                found.append(stain)
        return tuple(
            detection_of(
                view,
                stain.mask,
                self.incident_classes[0],
                _confidence(stain, least, tint),
                model_id(self),
                stain.measure,
            )
            for stain in found
        )

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
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return smoothed Lab, roughness, and where neither glitter nor blackness hides the water."""
    lab = np.asarray(cv2.blur(view.lab, (5, 5)), np.float32)
    grey = view.gray.astype(np.float32)
    mean = cv2.blur(grey, (7, 7))
    rough = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0.0))
    white = np.where(view.image_bgr.min(axis=2) >= 235, 255, 0).astype(np.uint8)
    glitter = cv2.dilate(white, np.ones((5, 5), np.uint8))
    usable = (water > 0) & (glitter == 0) & (lab[..., 0] > _DARKEST_L)
    return lab, np.asarray(rough, np.float32), np.asarray(usable, np.bool_)


def _far_from_outfall(
    view: SceneView, zone: WatchedZone, usable: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    if "outfall_east_m" not in zone.settings or "outfall_north_m" not in zone.settings:
        return usable
    at = Point(zone.number("outfall_east_m", 0.0), zone.number("outfall_north_m", 0.0))
    far = usable & (view.mask(at.buffer(FAR_FROM_OUTFALL_M)) == 0)
    return far if np.count_nonzero(far) >= _LEAST_WATER_PX else usable


def _clean_before(history: Sequence[tuple[FloatArray, float]], seen_m2: float) -> FloatArray | None:
    """Return the tint that most of the water had in earlier frames; None if too little was seen.

    It counts for more than the frame at hand only if much more water was seen with it.
    """
    if len(history) < _ESTABLISHED:
        return None
    tints = np.array([tint for tint, _ in history])
    areas = np.array([area_m2 for _, area_m2 in history])
    like = np.linalg.norm(tints[:, None] - tints[None], axis=2) < 0.7 * LEAST_DELTA
    agreeing = like @ areas
    best = int(np.argmax(agreeing))
    if agreeing[best] < _MORE_SEEN * seen_m2:
        return None
    return np.asarray(np.average(tints[like[best]], axis=0, weights=areas[like[best]]))


def _tints(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a and b as they would be at L 50, which light does not change, shape (..., 2)."""
    return np.asarray(lab[..., 1:] * (66.0 / (lab[..., :1] + 16.0)), np.float32)


def _own_tint(
    lab: NDArray[np.float32],
    rough: NDArray[np.float32],
    usable: NDArray[np.bool_],
    before: FloatArray | None,
) -> _Tint:
    """Return the colour that the water has where it is clean."""
    rows, columns = np.nonzero(usable)
    step = max(1, len(rows) // 20_000)
    rows, columns = rows[::step], columns[::step]
    sample = lab[rows, columns]
    tints = _tints(sample)
    middle = _mode(tints)
    remembered = False
    if before is not None and float(np.linalg.norm(middle - before)) > LEAST_DELTA:
        like_before = np.linalg.norm(tints - before, axis=1) < 0.7 * LEAST_DELTA
        middle, remembered = before, bool(like_before.mean() < _LEAST_CLEAN_SHARE)
    near = np.linalg.norm(tints - middle, axis=1) < 0.7 * LEAST_DELTA
    if remembered or near.sum() < 50:
        flat = np.full(lab.shape[:2], np.median(sample[:, 0]), np.float32)
        return _Tint(np.asarray(middle, np.float64), flat, 1.0, 1.0, 0.0, True)
    own = np.median(tints[near], axis=0).astype(np.float64)
    noise = 1.4826 * float(np.median(np.linalg.norm(tints[near] - own, axis=1)))
    lightness = _lightness(lab.shape[:2], rows[near], columns[near], sample[near, 0])
    share = float(near.mean())
    return _Tint(own, lightness, noise, float(np.median(rough[rows, columns][near])), share, False)


def _mode(tints: NDArray[np.float32]) -> FloatArray:
    """Return the tint that most pixels have, from a smoothed histogram."""
    size = 2 * _HALF_BINS
    index = np.clip(np.floor(tints / _BIN).astype(np.intp) + _HALF_BINS, 0, size - 1)
    counts = np.zeros((size, size), np.float32)
    np.add.at(counts, (index[:, 0], index[:, 1]), 1.0)
    smooth = cv2.GaussianBlur(counts, (0, 0), 1.5)
    a, b = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    return np.asarray((np.array([float(a), float(b)]) - _HALF_BINS + 0.5) * _BIN, np.float64)


def _lightness(
    shape: tuple[int, ...],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    values: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the lightness of clean water over the picture, a plane through most of it.

    Towards the horizon water reflects more sky. The plane is fitted three times, each time to
    what is nearest to the last one, so that shadows have little part in it.
    """
    terms = np.column_stack([rows / shape[0], columns / shape[1], np.ones(len(rows))])
    weight = np.ones(len(rows))
    fit = np.array([0.0, 0.0, float(np.median(values))])
    for _ in range(3):
        weighted = terms * weight[:, None]
        fit = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        weight = 1.0 / (1.0 + ((values - terms @ fit) / 3.0) ** 2)
    row = np.arange(shape[0])[:, None] / shape[0] * fit[0]
    column = np.arange(shape[1])[None] / shape[1] * fit[1]
    return np.asarray(np.clip(row + column + fit[2], 1.0, 99.0), np.float32)


def _difference(
    lab: NDArray[np.float32], tint: _Tint, where: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return how far the tint of some pixels is from what light can make of clean water.

    In units of CIE a and b, 0 for other pixels. Darker pixels may be somewhat bluer (shade is
    lit by the sky), brighter ones may lie anywhere between the water's tint and that of the sky.
    """
    lightness, a, b = lab[where].T
    light = (lightness + 16.0) / 66.0
    own_a, own_b = (np.float32(one) * light for one in tint.ab)
    off_a, off_b = a - own_a, b - own_b
    brighter = lightness - tint.lightness[where]
    # Shade: what is bluer by a little is not.
    shade = np.clip(-brighter / 6.0, 0.0, 1.0) * _SHADOW_BLUE
    bluer = np.clip(-off_b, 0.0, shade)
    plain = np.hypot(off_a, off_b + bluer)
    # Sky: distance to the line from the water's tint to the sky's.
    line_a, line_b = _SKY[0] - own_a, _SKY[1] - own_b
    length = np.maximum(line_a * line_a + line_b * line_b, 1e-3)
    along = np.clip((off_a * line_a + off_b * line_b) / length, 0.0, 1.0)
    beside = np.hypot(off_a - along * line_a, off_b - along * line_b)
    sky = np.maximum(0.0, beside - _SKY_TOLERANCE * np.clip(along * 3.0, 0.0, 1.0))
    weight = np.clip((brighter - 1.0) / 3.0, 0.0, 1.0)
    # Where it is dark, noise of the camera makes tints; a and b mean less there.
    steady = np.clip(lightness / 18.0, 0.35, 1.0)
    differs = np.zeros(where.shape, np.float32)
    differs[where] = (plain * (1.0 - weight) + sky * weight) * steady
    return differs


def _lightness_difference(
    view: SceneView,
    lab: NDArray[np.float32],
    tint: _Tint,
    rough: NDArray[np.float32],
    where: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return how much darker or brighter some pixels are than clean water, as units of tint.

    Brighter counts from what the water's surface can reflect of a bright sky at this angle;
    where it may mirror the sun, brighter and rougher does not count.
    """
    differs = np.zeros(where.shape, np.float32)
    if tint.remembered:
        return differs
    clean, now = tint.lightness[where], lab[..., 0][where]
    brightest = lightness_of(luminance_of(clean) + reflected_sky(view, where))
    glitter = may_mirror_sun(view)[where] & (rough[where] > 1.5 * tint.rough + 1.0)
    brighter = np.where(glitter, np.float32(0.0), now - brightest)
    differs[where] = _PER_LIGHTNESS * np.maximum(clean - now, brighter)
    return differs


@dataclass(frozen=True, slots=True, eq=False)
class _Stain:
    mask: Mask
    contrast: float
    measure: Measure
    by_light: bool = False


def _stains(
    view: SceneView, differs: NDArray[np.float32], least: float, *, by_light: bool = False
) -> Iterator[_Stain]:
    """Yield regions that differ; their edge is where the difference is half of its middle."""
    strong, weak = (
        np.where(differs > factor * least, 255, 0).astype(np.uint8) for factor in (1.0, 0.75)
    )
    if not strong.any():
        return
    for region in regions(cleaned(grown(strong, weak), 3, 7), LEAST_PIXELS):
        values = differs[region > 0]
        if float(np.median(values)) < least:
            continue
        middle = float(np.percentile(values, 75.0))
        cores = [
            region & np.where(differs > max(share * middle, 0.6 * least), 255, 0).astype(np.uint8)
            for share in (0.4, 0.5, 0.6)
        ]
        core = cleaned(cores[1], 1, 5) & region
        spread_m2 = (view.area_m2(cores[0]) - view.area_m2(cores[2])) / 2.0
        measure = area_measure(view, core, unsure_m2=max(0.0, spread_m2))
        if measure is not None and np.count_nonzero(core) >= LEAST_PIXELS:
            yield _Stain(core, middle, measure, by_light)


def _is_look_alike(
    view: SceneView,
    zone: WatchedZone,
    stain: _Stain,
    lab: NDArray[np.float32],
    tint: _Tint,
    rough: NDArray[np.float32],
) -> bool:
    """Whether a region is something else than a stain, or may be."""
    if _is_built(stain.mask, lab, tint) or _goes_on_ashore(view, zone, stain.mask, lab):
        return True
    inside = stain.mask > 0
    roughness = float(np.median(rough[inside]))
    # Branches over the bank, reeds and boats are rougher than water is.
    if roughness > _ROUGH_FACTOR * tint.rough + _ROUGH_MORE:
        return True
    a, b = np.median(lab[inside][:, 1:], axis=0)
    if a < -4.0 and b > 10.0 and roughness > 1.5 * tint.rough + 1.0:
        return True
    if not tint.remembered and not _has_water_beside(view, zone, stain.mask, lab, tint):
        return True
    return stain.by_light and is_light_and_shade(view, zone.area_m, stain.mask, lab, tint.lightness)


def _has_water_beside(
    view: SceneView,
    zone: WatchedZone,
    region: Mask,
    lab: NDArray[np.float32],
    tint: _Tint,
) -> bool:
    """Whether some of the rim of a region borders on clean water."""
    around = cv2.dilate(region, np.ones((33, 33), np.uint8))
    edge = cv2.dilate(region, np.ones((13, 13), np.uint8))
    rim = (around > 0) & (edge == 0)
    in_water = rim & (view.mask(zone.area_m) > 0)
    clean = in_water & (_difference(lab, tint, in_water) < 0.7 * LEAST_DELTA)
    return bool(clean.sum() > _LEAST_RIM * rim.sum())


def _goes_on_ashore(
    view: SceneView, zone: WatchedZone, region: Mask, lab: NDArray[np.float32]
) -> bool:
    """Whether a region at the rim of a zone looks as the ground just outside of it does.

    Outlines in site files take in banks, and the road over a culvert.
    """
    whole = view.mask(zone.area_m)
    gsd_m = 0.15 if view.gsd_m is None else float(np.nanmedian(view.gsd_m[region > 0]))
    reach = 2 * min(max(2, round(2.0 * BANK_M / max(gsd_m, 1e-3))), 60) + 1
    near = cv2.dilate(region, np.ones((reach, reach), np.uint8))
    outside = (near > 0) & (whole == 0)
    if outside.sum() < 40:
        return False
    inside, land = lab[region > 0], lab[outside]
    middle = np.median(inside, axis=0)
    away = np.linalg.norm((land - middle) * np.array([0.5, 1.0, 1.0], np.float32), axis=1)
    return bool(np.mean(away < _LIKE_LAND) > 0.35)


def _is_built(region: Mask, lab: NDArray[np.float32], tint: _Tint) -> bool:
    """Whether a region is grey and has the outline of a rectangle: a bridge, a jetty, a boat."""
    inside = region > 0
    a, b = np.median(lab[inside][:, 1:], axis=0)
    if math.hypot(a, b) > 9.0 or float(np.median((lab[..., 0] - tint.lightness)[inside])) < 4.0:
        return False
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(outlines, key=cv2.contourArea)
    _, (width, height), _ = cv2.minAreaRect(largest)
    return bool(cv2.contourArea(largest) > 0.86 * max(width * height, 1.0))


def _confidence(stain: _Stain, least: float, tint: _Tint) -> float:
    """Return 0 to 1 from contrast over the threshold, area, and how sure the clean water is."""
    by_contrast = 1.0 - 0.75 * math.exp(-2.2 * (stain.contrast / least - 1.0))
    by_area = 1.0 - 0.6 * math.exp(-stain.measure.value / 8.0)
    by_water = 0.7 if tint.remembered else min(1.0, 0.55 + tint.share)
    sure = by_contrast * by_area * by_water
    return min(sure, _MOST_SURE_BY_LIGHT) if stain.by_light else sure
