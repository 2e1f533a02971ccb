"""Bare soil and uncovered stockpiles: brown ground without a net, a plant or a surface on it.

A pixel counts by colour and by texture. Colour is the hue and chroma of CIE Lab after the tint
of the light has been taken out, which is read off what is grey in the picture (asphalt,
concrete): soil is more yellow than red and more red than green, grass and nets are green,
asphalt and concrete have hardly any chroma, tiled roofs and red asphalt are redder. Texture
keeps even painted or tarred surfaces out, and what is as broken as crowns and rubble.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from park.records import Detection
from vision.scene.detector import WatchedZone, model_id
from vision.scene.regions import area_measure, cleaned, detection_of, regions
from vision.scene.view import Mask, SceneView

LEAST_AREA_M2 = 15.0
LEAST_PIXELS = 80
LEAST_SURE = 0.42
COARSEST_M = 0.6
"""Ground seen with larger pixels than this shows no texture to tell soil by."""

HUE_DEG = (52.0, 91.0)
"""Of bare soil: red laterite to yellow loess; hue of CIE Lab, 0 red, 90 yellow, 180 green."""

CHROMA = (12.0, 48.0)
LIGHTNESS = (22.0, 84.0)
ROUGHNESS = (0.022, 0.26)
"""Deviation of brightness over a metre as a share of it: floors and roofs less, crowns more."""

_GREY_CHROMA = 9.0
_LEAST_GREY = 0.03
_MOST_CAST = 6.0
_SOFT_HUE_DEG = 5.0
_SOFT_CHROMA = 3.0
_DRY_GRASS = 0.6
_FILLED = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class SoilLikeness:
    """How like bare soil the pixels of a picture are.

    Attributes:
        likeness: 0 to 1, float32, shape (height, width); 0.5 is the threshold.
        rough: deviation of brightness as a share of it.
    """

    likeness: NDArray[np.float32]
    rough: NDArray[np.float32]


class SoilDetector:
    """Finds bare soil and uncovered stockpiles in zones where the ground is to be covered.

    Settings of a zone: `min_area_m2` (15), `class_name` ("bare_soil" or "stockpile").
    """

    name = "scene-soil"
    version = 1
    incident_classes: tuple[str, ...] = ("bare_soil", "stockpile")

    def fresh(self) -> Self:
        """Return the same: nothing is remembered."""
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return bare ground in the zones of one frame."""
        if view.blind or view.gsd_m is None or not zones:
            return ()
        fine = np.nan_to_num(view.gsd_m, nan=np.inf) <= COARSEST_M
        masks = [np.where(fine, view.mask(zone.area_m), 0).astype(np.uint8) for zone in zones]
        if not any(mask.any() for mask in masks):
            return ()
        soil = soil_likeness(view)
        return tuple(
            found
            for zone, mask in zip(zones, masks, strict=True)
            for found in self._look_at(view, zone, mask, soil)
        )

    def _look_at(
        self, view: SceneView, zone: WatchedZone, watched: Mask, soil: SoilLikeness
    ) -> tuple[Detection, ...]:
        class_name = str(zone.settings.get("class_name", self.incident_classes[0]))
        brown = np.where(soil.likeness >= 0.5, watched, 0).astype(np.uint8)
        found = []
        for whole in regions(cleaned(brown, 5, 9) & watched, LEAST_PIXELS):
            region = whole & brown
            filled = np.count_nonzero(region) / np.count_nonzero(whole)
            if filled < _FILLED:
                continue
            sides = [
                view.area_m2(np.where(soil.likeness >= limit, whole, 0).astype(np.uint8))
                for limit in (0.35, 0.65)
            ]
            measure = area_measure(view, region, unsure_m2=abs(sides[0] - sides[1]) / 2.0)
            if measure is None or measure.value < zone.number("min_area_m2", LEAST_AREA_M2):
                continue
            likeness = float(soil.likeness[region > 0].mean())
            sure = _confidence(likeness, filled, measure.value)
            if sure < LEAST_SURE:
                continue
            found.append(detection_of(view, region, class_name, sure, model_id(self), measure))
        return tuple(found)


def soil_likeness(view: SceneView) -> SoilLikeness:
    """Return how like bare soil each working pixel is, by colour and texture.

    Args:
        view: with a known scale; colour and texture are taken over about half a metre.
    """
    gsd_m = 0.15 if view.gsd_m is None else float(np.nanmedian(view.gsd_m))
    half_metre_px = 2 * min(max(round(0.25 / max(gsd_m, 1e-3)), 1), 6) + 1
    lab = np.asarray(cv2.blur(view.lab, (half_metre_px, half_metre_px)), np.float32)
    cast = light_cast(lab)
    a, b = lab[..., 1] - cast[0], lab[..., 2] - cast[1]
    hue_deg = np.degrees(np.arctan2(b, a))
    chroma = np.hypot(a, b)
    # Yellow and strong is dry grass; sand is as yellow, but pale.
    yellowest = HUE_DEG[1] - np.clip(_DRY_GRASS * (chroma - 15.0), 0.0, 8.0)
    size = half_metre_px + 2
    grey = view.gray.astype(np.float32)
    mean = cv2.blur(grey, (size, size))
    variance = np.maximum(cv2.blur(grey * grey, (size, size)) - mean * mean, 0.0)
    rough = np.sqrt(variance) / (mean + 8.0)
    likeness = np.minimum.reduce(
        [
            _within(hue_deg + (HUE_DEG[1] - yellowest), HUE_DEG, _SOFT_HUE_DEG),
            _within(hue_deg, HUE_DEG, _SOFT_HUE_DEG),
            _within(chroma, CHROMA, _SOFT_CHROMA),
            _within(lab[..., 0], LIGHTNESS, 4.0),
            _within(rough, ROUGHNESS, 0.012),
        ]
    )
    return SoilLikeness(likeness.astype(np.float32), rough.astype(np.float32))


def light_cast(lab: NDArray[np.float32]) -> tuple[float, float]:
    """Return a and b of what is grey in a picture, which the light and the camera put there.

    The median of pixels with little chroma, at most 6 either way; 0 where hardly any is grey.
    """
    small = lab[::4, ::4].reshape(-1, 3)
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
