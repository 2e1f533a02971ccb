"""Heaps of loose material, by their shape: coal on asphalt, sand on sandy ground.

A heap stands up from its edge at the slope at which loose material lies, is as rough as lumps
are, and is grey or of a colour that soil has; nets and tarpaulins over it are not, or are smooth,
and plants are green. Walls are steeper: what is about as high at its edge as in its middle is a
box, a vehicle or a shed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import Detection
from vision.scene.baseline import LEAST_SINE
from vision.scene.detector import LIES_STILL_S, WatchedZone, model_id
from vision.scene.heights import heights_m
from vision.scene.regions import Patch, area_measure, cleaned, detection_of, regions
from vision.scene.soil import (
    CHROMA,
    HUE_DEG,
    LEAST_AREA_M2,
    SoilDetector,
    light_cast,
    roughness,
    small_lab,
)
from vision.scene.view import SceneView
from vision.scene.walls import Walls
from vision.scene.working import (
    LEAST_SIDE_PX,
    Mask,
    rectangle_around,
    within,
)

GREY_CHROMA = 12.0
"""Chroma of CIE Lab: what has more has a colour, of soil or of a net."""

GREENEST_DEG = 97.0
"""Hue of CIE Lab: dry sand is this yellow, nets and plants are greener."""

LIGHTNESS = (6.0, 85.0)
ROUGHNESS = (0.03, 0.4)
LEAST_HEIGHT_M = 1.0
"""Of its middle: with less, flow that is half a pixel wrong would make heaps of stains."""
LEAST_HALF_WIDTH_M = 2.0
"""Of what stands: lorries and containers are narrower, and flow rounds their sides off."""
SLOPE = (0.2, 1.1)
"""Height over distance from the edge: loose material lies at up to 40 degrees, worked at less."""

_STANDS_M = 0.5
_SURELY_SHARE = 0.35
_AROUND_M = 1.0, 4.0
_RIM_M = (0.4, 1.6)
_CORE_SHARE = 0.6
_RIM_SHARE = 0.65
_KNOWN_SHARE = 0.6
LEAST_PIXELS = 60

_OVER_M = 0.7
_MARGIN_PX = 8
_CLEAR_PX = 4.0


class HeapDetector:
    """Finds heaps of loose material in zones where stockpiles are to be covered.

    Settings of a zone: `min_area_m2` (15), `class_name` ("bare_soil" or "stockpile"). Heaps that
    `SoilDetector` tells by their colour are found by both, and are one thing. A heap has to be in
    the picture as a whole, and the camera to have moved since the frame before.

    Args:
        standing: what the site file knows to stand, which is no heap; None for nothing.
    """

    name = "scene-heap"
    version = 2
    incident_classes: tuple[str, ...] = SoilDetector.incident_classes
    every_s = LIES_STILL_S

    def __init__(self, standing: Walls | None = None) -> None:
        self._standing = standing

    def fresh(self) -> Self:
        """Return one that has seen nothing."""
        return type(self)(self._standing)

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return heaps in the zones of one frame."""
        if view.blind or view.ground is None or view.previous is None:
            return ()
        if min(view.shape) < 2 * LEAST_SIDE_PX:
            return ()
        shown = [zone for zone in zones if view.shows(zone.area_m)]
        masks = [(zone, view.halved.mask(zone.area_m)) for zone in shown]
        if not masks:
            return ()
        cast = light_cast(small_lab(view.image_bgr))
        open_ground = self._open_ground(view.halved)
        return tuple(
            found
            for zone, mask in masks
            for found in self._look_at(view, zone, mask & open_ground, cast)
        )

    def _open_ground(self, view: SceneView) -> Mask:
        """Return where ground is seen steeply enough, and nothing stands before it."""
        steep = np.full(view.shape, 255, np.uint8)
        if view.ground is not None:
            # A pixel covers gsd across, and gsd over the sine along the line of sight.
            with np.errstate(invalid="ignore", divide="ignore"):
                sine = view.ground.gsd_m**2 / view.ground.area_m2
            steep = np.multiply(sine >= LEAST_SINE, np.uint8(255), dtype=np.uint8)
        if self._standing is not None:
            steep &= ~self._standing.bodies(view, view.shape)
        return np.asarray(steep, np.uint8)

    def _look_at(
        self, view: SceneView, zone: WatchedZone, watched: Mask, cast: tuple[float, float]
    ) -> Iterator[Detection]:
        class_name = str(zone.settings.get("class_name", self.incident_classes[0]))
        for place in _standing(view, watched, cast):
            part = view.part(place.rectangle)
            heights = heights_m(view, place.rectangle)
            if heights is None:
                continue
            loose = place.mask & may_be_loose(part, cast)
            for heap in heaps(part, heights, loose):
                if heap.measure.value >= zone.number("min_area_m2", LEAST_AREA_M2):
                    sure = _confidence(heap)
                    yield detection_of(
                        part, heap.region, class_name, sure, model_id(self), heap.measure
                    )


@dataclass(frozen=True, slots=True, eq=False)
class Heap:
    """A heap in a part of a picture.

    Attributes:
        region: 255 where it covers the ground.
        height_m: of its middle above the ground.
        measure: ground that it covers.
    """

    region: Mask
    height_m: float
    measure: Measure


def _standing(view: SceneView, watched: Mask, cast: tuple[float, float]) -> Iterator[Patch]:
    """Yield where something loose stands, with what is around it where it is watched.

    In the halved picture: most zones have nothing that needs a sharper look.

    Args:
        view: of the whole picture.
        watched: of the halved one.
        cast: a and b of what is grey in the picture.
    """
    half = view.halved
    around = rectangle_around(watched, _MARGIN_PX)
    if around is None or np.count_nonzero(watched) < LEAST_PIXELS:
        return
    part, watched = half.part(around), watched[around]
    loose = watched & may_be_loose(part, cast)
    if np.count_nonzero(loose) < LEAST_PIXELS:
        return
    heights = heights_m(view, around, halved=True)
    if heights is None or part.gsd_m is None:
        return
    with np.errstate(invalid="ignore"):
        stands = loose * (heights - _level_m(heights, watched) > _STANDS_M)
    for region in regions(cleaned(stands, 5, 7), LEAST_PIXELS):
        gsd_m = float(np.nanmedian(part.gsd_m[region > 0]))
        near = np.zeros(half.shape, np.uint8)
        near[around] = within(region, _AROUND_M[0] / gsd_m) & watched
        size = view.shape[::-1]
        large = np.asarray(cv2.resize(near, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        rectangle = rectangle_around(large, round(2.0 * _AROUND_M[1] / gsd_m))
        if rectangle is not None:
            yield Patch(rectangle, large[rectangle])


def may_be_loose(view: SceneView, cast: tuple[float, float]) -> Mask:
    """Return where the ground may be loose material, by colour and roughness.

    Args:
        view: with a known scale.
        cast: a and b of what is grey in the picture.
    """
    assert view.gsd_m is not None
    gsd_m = float(np.nanmedian(view.gsd_m[::4, ::4]))
    side = 2 * min(max(round(_OVER_M / 2.0 / max(gsd_m, 1e-3)), 1), 8) + 1
    smooth = np.asarray(cv2.blur(view.lab, (side, side)), np.float32)
    a, b = smooth[..., 1] - np.float32(cast[0]), smooth[..., 2] - np.float32(cast[1])
    chroma = np.hypot(a, b)
    # Between the hues of soil, by the ratio of a and b: angles of all pixels would cost more.
    reddest, greenest = (1.0 / math.tan(math.radians(hue)) for hue in (HUE_DEG[0], GREENEST_DEG))
    like_soil = (chroma < CHROMA[1]) & (a < reddest * b) & (a > greenest * b)
    fits = (chroma < GREY_CHROMA) | like_soil
    fits &= (smooth[..., 0] > LIGHTNESS[0]) & (smooth[..., 0] < LIGHTNESS[1])
    rough = roughness(view.gray, side)
    fits &= (rough > ROUGHNESS[0]) & (rough < ROUGHNESS[1])
    return np.asarray(np.multiply(fits, np.uint8(255), dtype=np.uint8), np.uint8)


def heaps(view: SceneView, heights_m: NDArray[np.float32], loose: Mask) -> Iterator[Heap]:
    """Yield the heaps that are in a picture as a whole.

    Args:
        view: with a known scale; all else is of its size.
        heights_m: of the surface above the ground, NaN where not known.
        loose: where heaps are looked for, and the ground may be loose material.
    """
    assert view.gsd_m is not None
    around = np.asarray(~within(loose, _CLEAR_PX), np.uint8)
    heights_m = heights_m - _level_m(heights_m, around)
    with np.errstate(invalid="ignore"):
        stands = loose * (heights_m > _STANDS_M)
    for region in regions(cleaned(stands, 7, 11), 2 * LEAST_PIXELS):
        gsd_m = float(np.nanmedian(view.gsd_m[region > 0]))
        ring = within(region, _AROUND_M[1] / gsd_m) & ~within(region, _AROUND_M[0] / gsd_m)
        height = _height_m(region, heights_m - _level_m(heights_m, ring), gsd_m)
        if height is None:
            continue
        # Flow blurs its edge outwards; where it surely stands, it goes down from at its slope.
        half_m = float(_inwards(region).max()) * gsd_m
        stands_m = max(_STANDS_M, _SURELY_SHARE * height)
        with np.errstate(invalid="ignore"):
            surely = region * (heights_m > stands_m)
        foot = within(surely, stands_m / max(height / (0.7 * half_m), SLOPE[0]) / gsd_m)
        unsure_m2 = (view.area_m2(foot) - view.area_m2(surely)) / 3.0
        measure = area_measure(view, foot, unsure_m2=unsure_m2)
        if measure is not None:
            yield Heap(foot, height, measure)


def _level_m(heights_m: NDArray[np.float32], where: Mask) -> np.float32:
    """Return the height of most of a part; the plane taken for the ground may lie a bit aslant."""
    known = heights_m[(where > 0) & np.isfinite(heights_m)]
    return np.float32(np.median(known)) if known.size else np.float32(0.0)


def _height_m(region: Mask, heights_m: NDArray[np.float32], gsd_m: float) -> float | None:
    """Return how high the middle of a region stands; None where its shape is not a heap's."""
    inwards_m = _inwards(region) * gsd_m
    half_m = float(inwards_m.max())
    known = np.isfinite(heights_m)
    core = known & (inwards_m > _CORE_SHARE * half_m)
    rim = known & (inwards_m > _RIM_M[0]) & (inwards_m < _RIM_M[1])
    few = np.count_nonzero(known & (region > 0)) < _KNOWN_SHARE * np.count_nonzero(region)
    if half_m < LEAST_HALF_WIDTH_M or few or not core.any() or not rim.any():
        return None
    middle_m, edge_m = float(np.median(heights_m[core])), float(np.median(heights_m[rim]))
    slope = (middle_m - edge_m) / max(0.8 * half_m - sum(_RIM_M) / 2.0, gsd_m)
    shaped = edge_m < _RIM_SHARE * middle_m and SLOPE[0] < slope < SLOPE[1]
    return middle_m if middle_m >= LEAST_HEIGHT_M and shaped else None


def _inwards(region: Mask) -> FloatArray:
    """Return how far pixels are from the edge of a region, or of the picture; 0 outside."""
    framed = cv2.copyMakeBorder(region, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0.0,))
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float64)


def _confidence(heap: Heap) -> float:
    by_height = 1.0 - math.exp(-heap.height_m / 1.2)
    return by_height * (1.0 - 0.6 * math.exp(-heap.measure.value / 40.0))
