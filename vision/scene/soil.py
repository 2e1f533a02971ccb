"""Bare soil and uncovered stockpiles: brown ground without a net, a plant or a surface on it.

A pixel counts by colour and by texture. Colour is the hue and chroma of CIE Lab after the tint
of the light has been taken out, which is read off what is grey in the picture (asphalt,
concrete): soil is more yellow than red and more red than green, grass and nets are green,
asphalt and concrete have hardly any chroma, tiled roofs and red asphalt are redder. Texture
keeps even painted or tarred surfaces out, and what is as broken as crowns and rubble. Heaps of
grey material are told by their shape instead (`vision.scene.heap`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from park.records import Detection
from vision.scene.detector import LIES_STILL_S, WatchedZone, model_id
from vision.scene.known_light import KnownLight
from vision.scene.regions import area_measure, cleaned, detection_of, regions, union
from vision.scene.view import SceneView
from vision.scene.working import Mask, lab_of, rectangle_around

LEAST_AREA_M2 = 15.0
LEAST_PIXELS = 80
LEAST_SURE = 0.42
LEAST_LIKE = 0.72
"""Mean of a whole region: pixel by pixel, sandy gravel and dry grass just reach the limits of soil;
opened earth as a whole is well inside them."""

COARSEST_M = 0.6
"""Ground seen with larger pixels than this shows no texture to tell soil by."""

HUE_DEG = (52.0, 91.0)
"""Of bare soil: red laterite to yellow loess; hue of CIE Lab, 0 red, 90 yellow, 180 green."""

CHROMA = (12.0, 48.0)
LIGHTNESS = (22.0, 84.0)
ROUGHNESS = (0.022, 0.26)
"""Deviation of brightness over a metre as a share of it: floors and roofs less, crowns more."""

_FOR_LIGHT_PX = 4
_GREY_CHROMA = 9.0
_LEAST_GREY = 0.03
_MOST_CAST = 6.0
_SOFT_HUE_DEG = 5.0
_SOFT_CHROMA = 3.0
_DRY_GRASS = 0.6
_FILLED = 0.45
_GLOW_RED = 245
_GLOW_OVER_BLUE = 80
_GLOW_SHARE = 0.03
"""No ground is so bright and so colourful at once: what holds this much of it is a fire."""
_WALK_WIDTH_M = 3.5
_WALK_LONGER = 4.0
_WALK_EVEN = 0.75
"""A strip so narrow, so much longer than wide, and of even width, is a walk or a track."""

_REACH_PX = 10
"""Closing gaps looks no further."""
_SOFT_LIGHT = 4.0
_SOFT_ROUGH = 0.012


class SoilDetector:
    """Finds bare soil and uncovered stockpiles in zones where the ground is to be covered.

    Settings of a zone: `min_area_m2` (15), `class_name` ("bare_soil" or "stockpile").

    Args:
        light: of a baseline in which colours are judged, where there is one: in haze and in
            evening light dry grass has the colour that soil has in the morning. Where it is too
            dark for that (`vision.scene.known_light.MOST_GAIN`), nothing is said.
    """

    name = "scene-soil"
    version = 7
    incident_classes: tuple[str, ...] = ("bare_soil", "stockpile")
    every_s = LIES_STILL_S

    def __init__(self, light: KnownLight | None = None) -> None:
        self._light = light

    def fresh(self) -> Self:
        """Return one that has seen nothing."""
        return type(self)(None if self._light is None else self._light.fresh())

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return bare ground in the zones of one frame."""
        if view.blind or view.ground is None:
            return ()
        seen = [
            (zone, mask, around)
            for zone in zones
            if view.shows(zone.area_m)
            and (around := rectangle_around(mask := view.mask(zone.area_m), _REACH_PX)) is not None
        ]
        if not seen:
            return ()
        lit = view if self._light is None else self._light.seen_in_it(view)
        if lit is None:
            return ()
        whole = soil_likeness(lit, union([mask for _, mask, _ in seen], view.shape))
        found: list[Detection] = []
        for zone, mask, around in seen:
            found += self._look_at(lit.part(around), zone, mask[around], whole[around])
        return tuple(found)

    def _look_at(
        self, view: SceneView, zone: WatchedZone, watched: Mask, soil: NDArray[np.float32]
    ) -> Iterator[Detection]:
        assert view.gsd_m is not None
        class_name = str(zone.settings.get("class_name", self.incident_classes[0]))
        brown = watched * ((soil >= 0.5) & (view.gsd_m <= COARSEST_M))
        if not brown.any():
            return
        watched = np.where(view.gsd_m <= COARSEST_M, watched, 0).astype(np.uint8)
        for whole in regions(cleaned(brown, 5, 9) & watched, LEAST_PIXELS):
            region = whole & brown
            filled = np.count_nonzero(region) / np.count_nonzero(whole)
            if filled < _FILLED or _glows(view, whole) or _is_walk(view.gsd_m, whole):
                continue
            sides = [view.area_m2(whole * (soil >= limit)) for limit in (0.35, 0.65)]
            measure = area_measure(view, region, unsure_m2=abs(sides[0] - sides[1]) / 2.0)
            if measure is None or measure.value < zone.number("min_area_m2", LEAST_AREA_M2):
                continue
            likeness = float(soil[region > 0].mean())
            sure = _confidence(likeness, filled, measure.value)
            if likeness >= LEAST_LIKE and sure >= LEAST_SURE:
                yield detection_of(view, region, class_name, sure, model_id(self), measure)


def _is_walk(gsd_m: NDArray[np.float32], region: Mask) -> bool:
    """Return whether a region is a strip as walks are: paved with sand-coloured slabs, or trodden.

    A trench is as narrow, and is taken for one.

    Args:
        gsd_m: metres per pixel, shape (height, width).
        region: 255 where the ground is brown.
    """
    rows, columns = np.nonzero(region)
    _, (across_px, along_px), _ = cv2.minAreaRect(np.column_stack([columns, rows]).astype(np.int32))
    sides_px = sorted((across_px + 1.0, along_px + 1.0))
    width_m = sides_px[0] * float(np.nanmedian(gsd_m[rows, columns]))
    even = len(rows) / (sides_px[0] * sides_px[1])
    return (
        width_m <= _WALK_WIDTH_M
        and sides_px[1] >= _WALK_LONGER * sides_px[0]
        and even >= _WALK_EVEN
    )


def _glows(view: SceneView, region: Mask) -> bool:
    outlines, _ = cv2.findContours(
        cv2.dilate(region, np.ones((5, 5), np.uint8)), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    with_holes = cv2.drawContours(np.zeros_like(region), outlines, -1, 255, cv2.FILLED)
    around = with_holes > 0
    blue, red = view.image_bgr[..., 0][around], view.image_bgr[..., 2][around]
    glow = (red >= _GLOW_RED) & (red.astype(np.int16) - blue >= _GLOW_OVER_BLUE)
    return float(glow.mean()) >= _GLOW_SHARE


def soil_likeness(view: SceneView, watched: Mask) -> NDArray[np.float32]:
    """Return how like bare soil each working pixel is, by colour and texture.

    Args:
        view: with a known scale; colour and texture are taken over about half a metre.
        watched: the pixels that matter, others are said to be unlike soil.

    Returns:
        0 to 1, shape (height, width); 0.5 is the threshold.
    """
    sizes_m = np.empty(0) if view.gsd_m is None else view.gsd_m[::8, ::8]
    sizes_m = sizes_m[np.isfinite(sizes_m)]
    gsd_m = float(np.median(sizes_m)) if sizes_m.size else 0.15
    half_metre_px = 2 * min(max(round(0.25 / max(gsd_m, 1e-3)), 1), 6) + 1
    likeness = np.zeros(view.shape, np.float32)
    around = rectangle_around(watched, half_metre_px)
    if around is not None:
        # The light is read off the whole picture, the ground only where it matters.
        cast = light_cast(small_lab(view.image_bgr))
        smooth = np.asarray(cv2.blur(view.lab_in(around), (half_metre_px,) * 2), np.float32)
        rough = roughness(view.gray[around], half_metre_px + 2)
        likeness[around] = _likeness(smooth, rough, watched[around], cast)
    return likeness


def small_lab(image_bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture in CIE Lab, each pixel the mean of a square of them."""
    size = [max(1, round(side / _FOR_LIGHT_PX)) for side in image_bgr.shape[1::-1]]
    return lab_of(np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8))


def roughness(gray: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """Return the deviation of brightness around pixels as a share of it."""
    grey = gray.astype(np.float32)
    mean = np.asarray(cv2.blur(grey, (size, size)), np.float32)
    variance = np.asarray(cv2.blur(grey * grey, (size, size)), np.float32) - mean * mean
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / (mean + 8.0), np.float32)


def _likeness(
    lab: NDArray[np.float32],
    rough: NDArray[np.float32],
    watched: Mask,
    cast: tuple[float, float],
) -> NDArray[np.float32]:
    """Return how like bare soil pixels are: all tests give 0 to 1, and the worst counts."""
    likeness = np.zeros(watched.shape, np.float32)
    # Most ground is grey, dark or green: what one test rules out, the others need not look at.
    # At every hue of soil, yellow is at least 0.73 of chroma.
    low = (LIGHTNESS[0] - _SOFT_LIGHT, -999.0, cast[1] + 0.7 * (CHROMA[0] - _SOFT_CHROMA))
    high = (LIGHTNESS[1] + _SOFT_LIGHT, 999.0, 999.0)
    may_be = np.asarray(cv2.inRange(lab, low, high), np.uint8) & watched
    may_be &= np.asarray(
        cv2.inRange(rough, ROUGHNESS[0] - _SOFT_ROUGH, ROUGHNESS[1] + _SOFT_ROUGH), np.uint8
    )
    rows, columns = np.nonzero(may_be)
    few = lab[rows, columns]
    a, b = few[:, 1] - np.float32(cast[0]), few[:, 2] - np.float32(cast[1])
    # Angles only where they may be those of soil: most of what is left is grass.
    reddest, greenest = (
        1.0 / math.tan(math.radians(hue))
        for hue in (HUE_DEG[0] - _SOFT_HUE_DEG, HUE_DEG[1] + _SOFT_HUE_DEG)
    )
    hued = (a < (reddest + 0.001) * b) & (a > (greenest - 0.001) * b)
    rows, columns, few, a, b = rows[hued], columns[hued], few[hued], a[hued], b[hued]
    hue_deg = np.degrees(np.arctan2(b, a))
    chroma = np.hypot(a, b)
    # Yellow and strong is dry grass; sand is as yellow, but pale.
    yellowest = HUE_DEG[1] - np.clip(_DRY_GRASS * (chroma - 15.0), 0.0, 8.0)
    likeness[rows, columns] = np.minimum.reduce(
        [
            _within(hue_deg + (HUE_DEG[1] - yellowest), HUE_DEG, _SOFT_HUE_DEG),
            _within(hue_deg, HUE_DEG, _SOFT_HUE_DEG),
            _within(chroma, CHROMA, _SOFT_CHROMA),
            _within(few[:, 0], LIGHTNESS, _SOFT_LIGHT),
            _within(rough[rows, columns], ROUGHNESS, _SOFT_ROUGH),
        ]
    )
    return likeness


def light_cast(lab: NDArray[np.float32]) -> tuple[float, float]:
    """Return a and b of what is grey in a picture, which the light and the camera put there.

    The median of pixels with little chroma, at most 6 either way; 0 where hardly any is grey.
    """
    small = lab.reshape(-1, 3)
    lit = small[(small[:, 0] > 25.0) & (small[:, 0] < 92.0)]
    grey = lit[np.hypot(lit[:, 1], lit[:, 2]) < _GREY_CHROMA]
    if len(grey) < _LEAST_GREY * max(len(small), 1):
        return 0.0, 0.0
    a, b = np.clip(np.median(grey[:, 1:], axis=0), -_MOST_CAST, _MOST_CAST)
    # What is yellowish may be paving as well as light: only half of that is taken out.
    return float(a), float(b if b < 0.0 else 0.5 * b)


def _within(
    values: NDArray[np.float32], limits: tuple[float, float], soft: float
) -> NDArray[np.float32]:
    """Return 0.5 at the limits, 1 by `soft` inside of them, and 0 by `soft` outside."""
    margin = np.minimum(values - limits[0], limits[1] - values)
    return np.asarray(np.clip(0.5 + 0.5 * margin / soft, 0.0, 1.0), np.float32)


def _confidence(likeness: float, filled: float, area_m2: float) -> float:
    by_area = 1.0 - 0.6 * math.exp(-area_m2 / 40.0)
    by_likeness = math.sqrt(min(1.0, max(0.0, 1.6 * likeness - 0.6)))
    return by_likeness * min(1.0, 0.4 + filled) * by_area
