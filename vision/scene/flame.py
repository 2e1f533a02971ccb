"""Open fire, told by the colours of flame and by its flicker.

In one picture a flame is a region that runs from red over orange to a bright yellow or white
core, ragged and uneven. Red roofs, red cars, orange vests and low sun share the colour and not
the rest; how much a region looks like flame is a logistic score over a few numbers, fitted on
photos of fire against photos without (docs/scene-detectors.md has the figures). In a video the
picture before is laid over this one: a flame stays where it is and is never twice the same, a
roof is the same, a car leaves. When it is dark, the ground around a flame is lit by it and has its
colours: there the white-hot part alone is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from vision.scene import flame_score
from vision.scene.detector import WatchedZone, model_id
from vision.scene.regions import union
from vision.scene.view import SceneView
from vision.scene.working import Mask, rectangle_around

FEATURES = (
    "core",
    "white",
    "red to yellow",
    "yellower where brighter",
    "unevenness",
    "raggedness",
    "hollowness",
    "brighter than around",
    "blue",
    "green of red",
    "redder than around",
    "size",
)
"""What a region is judged by; see `describe`."""

LEAST_PIXELS = 30
MOST_REGIONS = 40
MARGIN_M = 3.0
LEAST_IN_ZONE = 0.3
LEAST_AREA_M2 = 0.1
"""Brake lights, lamps and beacons are smaller."""

FLAME_SHARE_ERROR = 0.4
"""Light shines beyond what burns, and flames rise above it."""

RARE_LOG_ODDS = -3.0
"""One in twenty regions of such colour is taken to be flame beforehand."""

STILL_LIKENESS = 0.5
STILL_CONFIDENCE = 0.6
"""Looks alone are reported from this likeness on, and never believed more than this."""

VIDEO_LIKENESS = 0.06
"""In video less alike regions are followed, to see whether they flicker."""

GLOW_LOG_ODDS = -1.5
"""Of being flame beforehand: something white-hot within ground that it lights. Lamps do that too;
one look never tells (`STILL_LIKENESS`), only flicker does."""

REPORTED = 0.5
_HOT = 0.93
_HOT_WHITE = 0.8
_MOST_HOT = 0.2
_LEAST_HOT_PX = 20
_LICKS = 0.5
"""Reach, in radii of what is white-hot."""
_MEMORY = 0.6
_SLIPS = (-2, -1, 0, 1, 2)
_SPREAD_PX = 4
_MOST_EVIDENCE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class FlameRegion:
    """A part of a picture with the colours of flame.

    Attributes:
        inside: its pixels, within its window.
        rows: of the window.
        columns: of the window.
        features: numbers of `FEATURES`.
        log_odds: of being flame by its looks alone.
        hot_from: green, smoothed over three pixels, from which on pixels are white-hot, where
            these alone are the region; None where all that has the colours of flame is.
    """

    inside: NDArray[np.bool_]
    rows: slice
    columns: slice
    features: FloatArray
    log_odds: float
    hot_from: float | None = None

    @property
    def likeness(self) -> float:
        """Probability that it is flame by its looks alone, 0 to 1."""
        return _probability(self.log_odds)

    def mask(self, shape: tuple[int, int]) -> Mask:
        """Return its pixels as a mask of the whole picture."""
        whole = np.zeros(shape, np.uint8)
        whole[self.rows, self.columns][self.inside] = 255
        return whole


def flame_coloured(image_bgr: NDArray[np.uint8]) -> Mask:
    """Return 255 where a pixel has a colour that flames have, including their white core.

    Red dominates, green is not below blue by much, and dim red is no flame. White counts only
    next to such colours.
    """
    blue, green, red = cv2.split(image_bgr)
    # Saturating differences of bytes: what is below zero is zero.
    fiery = (red >= 150) & (cv2.subtract(red, blue) >= 55) & (cv2.subtract(blue, green) <= 12)
    fiery &= (red >= green) & (green.astype(np.uint16) * 5 >= red)
    if not fiery.any():
        return np.zeros(fiery.shape, np.uint8)
    bright = (red >= 235) & (green >= 190) & (red >= blue)
    near = cv2.dilate(fiery.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.where(fiery | (bright & near), 255, 0).astype(np.uint8)


def flame_regions(
    image_bgr: NDArray[np.uint8], coloured: Mask, watched: Mask | None = None
) -> tuple[FlameRegion, ...]:
    """Return the regions of a picture with the colours of flame, largest first.

    Args:
        image_bgr: the picture.
        coloured: from `flame_coloured`, or a part of it.
        watched: regions with nothing in it are left out; None for the whole picture.
    """
    if not coloured.any():
        return ()
    joined = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    found = []
    for label in np.argsort(-sizes, kind="stable")[:MOST_REGIONS] + 1:
        x, y, width, height, size = (int(number) for number in stats[label])
        if size < LEAST_PIXELS:
            break
        pad = max(3, round(0.25 * max(width, height)))
        rows = slice(max(0, y - pad), y + height + pad)
        columns = slice(max(0, x - pad), x + width + pad)
        inside = (labels[rows, columns] == label) & (coloured[rows, columns] > 0)
        if int(inside.sum()) < LEAST_PIXELS:
            continue
        if watched is not None and not watched[rows, columns][inside].any():
            continue
        features = describe(image_bgr[rows, columns], inside)
        found.append(FlameRegion(inside, rows, columns, features, looks_log_odds(features)))
    return tuple(found)


def hot_part(image_bgr: NDArray[np.uint8], region: FlameRegion) -> FlameRegion | None:
    """Return the white-hot part of a region that for the rest is ground lit by it.

    None where there is no such part, or where it is most of the region: a flame by daylight.
    """
    window = image_bgr[region.rows, region.columns]
    green = _smooth_green(window)
    hot_from = _HOT * float(np.percentile(green[region.inside], 99.5))
    hot = _hot(green, hot_from, region.inside)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hot, connectivity=8)
    if count < 2:
        return None
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    size = int(stats[label, cv2.CC_STAT_AREA])
    if not _LEAST_HOT_PX <= size <= _MOST_HOT * np.count_nonzero(region.inside):
        return None
    inside = labels == label
    white = (window[..., 2] >= 235) & (window[..., 1] >= 190)
    if white[inside].mean() < _HOT_WHITE:
        return None
    log_odds = max(region.log_odds, GLOW_LOG_ODDS)
    return replace(region, inside=inside, log_odds=log_odds, hot_from=hot_from)


def _smooth_green(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.blur(image_bgr[..., 1], (3, 3)), np.uint8)


def _hot(green: NDArray[np.uint8], hot_from: float, among: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return 1 where a picture, smoothed, is so bright, but for single pixels."""
    hot = ((green >= hot_from) & among).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(hot, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def describe(window_bgr: NDArray[np.uint8], inside: NDArray[np.bool_]) -> FloatArray:
    """Return the numbers of `FEATURES` for a region.

    Args:
        window_bgr: a part of a picture with the region and some of what is around it.
        inside: the region's pixels, at least one.
    """
    region = inside.astype(np.uint8)
    count = cv2.countNonZero(region)
    pixels = np.ascontiguousarray(window_bgr[inside].T).astype(np.float32)
    blue, green, red = pixels
    light = pixels.mean(axis=0)
    ring = 1 - cv2.dilate(region, np.ones((3, 3), np.uint8))
    # Of what is around only means are asked for, and most of a window is that.
    around = ring if cv2.countNonZero(ring) >= LEAST_PIXELS else None
    blue_outside, green_outside, red_outside, _ = cv2.mean(window_bgr, mask=around)
    ratio = green / np.maximum(red, 1.0)
    low_ratio, high_ratio = np.percentile(ratio, [10, 90])
    contour, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contour, key=cv2.contourArea)
    hull = max(cv2.contourArea(cv2.convexHull(outline)), 1.0)
    line = sum(cv2.arcLength(one, True) for one in contour)
    correlated = 0.0
    if light.std() > 1.0 and ratio.std() > 0.005:
        correlated = float(np.corrcoef(light, ratio)[0, 1])
    red_excess = float(np.mean(red - blue)) - (red_outside - blue_outside)
    light_outside = (blue_outside + green_outside + red_outside) / 3.0
    return np.array(
        [
            float(np.mean((red >= 220) & (green >= 130) & (blue <= 0.75 * red))),
            float(np.mean((red >= 235) & (green >= 190))),
            float(high_ratio - low_ratio),
            correlated,
            float(light.std()) / 64.0,
            min(5.0, float(line**2 / (4.0 * math.pi * count)) ** 0.5),
            1.0 - min(1.0, count / hull),
            (float(light.mean()) - light_outside) / 64.0,
            float(blue.mean()) / 128.0,
            float(ratio.mean()),
            red_excess / 64.0,
            math.log(count),
        ]
    )


def looks_log_odds(features: FloatArray) -> float:
    """Return the log odds of a region being flame by its looks, where few such regions are."""
    z = (features - np.array(flame_score.MEAN)) / np.array(flame_score.SPREAD)
    z = np.clip(z, -4.0, 4.0)
    score = flame_score.BIAS + z @ np.array(flame_score.LINEAR)
    score += z @ np.array(flame_score.QUADRATIC) @ z
    return float(score) + RARE_LOG_ODDS


def flicker_log_odds(
    now_bgr: NDArray[np.uint8],
    before_bgr: NDArray[np.uint8],
    inside: NDArray[np.bool_],
    before_coloured: Mask,
) -> float:
    """Return by how much the log odds of flame change with what was there a moment before.

    A flame overlaps itself and has changed by more than what its being laid a few pixels off
    explains, as things that stand above the ground are. What has not changed is a thing; what
    was not there at all came along or went on.

    Args:
        now_bgr: a window of the picture.
        before_bgr: the picture before, laid over it.
        inside: the region's pixels in the window.
        before_coloured: pixels of the picture before with the colours of flame.
    """
    was = (before_coloured > 0) & (cv2.dilate(inside.astype(np.uint8), np.ones((5, 5))) > 0)
    overlap = float((was & inside).sum()) / float(inside.sum())
    if overlap < 0.25:
        return -2.0
    either = was | inside
    now, before = (image[..., 1].astype(np.float32) for image in (now_bgr, before_bgr))
    slope = np.hypot(cv2.Sobel(now, cv2.CV_32F, 1, 0), cv2.Sobel(now, cv2.CV_32F, 0, 1)) / 8.0
    explained = 4.0 + 0.4 * float(slope[either].mean())
    change = min(
        _change(now, np.roll(before, (down, right), (0, 1)), either)
        for down in _SLIPS
        for right in _SLIPS
    )
    return float(3.0 * math.tanh((change / explained - 1.0) / 0.5))


def _change(
    now: NDArray[np.float32], before: NDArray[np.float32], where: NDArray[np.bool_]
) -> float:
    """Return how much pixels changed, but for what changed all over: exposure, or a lamp."""
    difference = now[where] - before[where]
    return float(np.abs(difference - np.median(difference)).mean())


class FlameDetector:
    """Finds open fire in colour pictures.

    In photos, and in the first frame of a video, by looks alone, with a confidence of at most
    0.6; in video a region has to flicker from frame to frame. The measure is the ground that
    the flame covers in the picture, m2: a tall flame seen from the side covers more than burns.
    Settings of a zone: `margin_m`, how far outside the zone to look; `least_area_m2`.
    """

    name = "scene-flame"
    version = 2
    incident_classes: tuple[str, ...] = ("flame",)
    every_s = 0.0

    def __init__(self) -> None:
        self._evidence: NDArray[np.float32] | None = None
        self._of: SceneView | None = None

    def fresh(self) -> Self:
        """Return a detector that remembers no frame."""
        return type(self)()

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return the flames in the zones."""
        if view.frame.spectrum not in (None, "visible") or view.blind:
            self._evidence = self._of = None
            return ()
        regions = _regions_in(view, zones)
        if not regions:
            self._evidence, self._of = None, view
            return ()
        found = []
        remembered = np.zeros(view.shape, np.float32)
        for region, zone in regions:
            gained = self._gained(view, region)
            if gained is not None:
                window = remembered[region.rows, region.columns]
                window[region.inside] = gained
            confidence = _confidence(region, gained)
            mask = region.mask(view.shape)
            area_m2 = view.area_m2(mask)
            if confidence is None or area_m2 < zone.number("least_area_m2", LEAST_AREA_M2):
                continue
            found.append(self._detection(view, mask, area_m2, confidence))
        self._evidence, self._of = _spread(remembered), view
        return tuple(found)

    def _gained(self, view: SceneView, region: FlameRegion) -> float | None:
        """Return what the changes so far say of a region; None where nothing went before."""
        last, motion = view.previous, view.motion
        if last is None or motion is None:
            return None
        rows, columns = region.rows, region.columns
        height, width = region.inside.shape
        corner = np.array([[1.0, 0.0, -columns.start], [0.0, 1.0, -rows.start], [0.0, 0.0, 1.0]])
        laid, size = corner @ motion, (width, height)
        old = np.asarray(cv2.warpPerspective(last.image_bgr, laid, size), np.uint8)
        new = view.image_bgr[rows, columns]
        inside, coloured = region.inside, flame_coloured(old)
        if region.hot_from is not None:
            hot = _hot(_smooth_green(old), region.hot_from, coloured > 0)
            # Flames lick out of what is white-hot, and most of the change is there.
            reach_px = max(1, round(_LICKS * math.sqrt(np.count_nonzero(inside) / math.pi)))
            round_px = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1,) * 2)
            inside = cv2.dilate(inside.astype(np.uint8), round_px) > 0
            coloured = np.asarray(cv2.dilate(hot, round_px), np.uint8)
        now = flicker_log_odds(new, old, inside, coloured)
        was = 0.0
        if self._of is last and self._evidence is not None:
            known = cv2.warpPerspective(self._evidence, laid, size, flags=cv2.INTER_NEAREST)
            was = float(np.mean(np.asarray(known)[region.inside]))
        return max(-_MOST_EVIDENCE, min(_MOST_EVIDENCE, _MEMORY * was + now))

    def _detection(
        self, view: SceneView, mask: Mask, area_m2: float, confidence: float
    ) -> Detection:
        return Detection(
            class_name="flame",
            confidence=confidence,
            box_xyxy_px=view.box_full_px(mask),
            model_id=model_id(self),
            measure=Measure(
                area_m2,
                math.hypot(area_error_m2(view, mask, area_m2), FLAME_SHARE_ERROR * area_m2),
                SQUARE_METRES,
            ),
            at_px=foot_full_px(view, mask),
        )


SQUARE_METRES = MeasureUnit.SQUARE_METRES


def area_error_m2(view: SceneView, mask: Mask, area_m2: float) -> float:
    """Return one standard deviation of an area: of the scale, and of half a pixel of its edge."""
    rows, columns = np.nonzero(mask)
    share = view.area_share_error(float(columns.mean()), float(rows.mean()))
    edge = sum(
        cv2.arcLength(line, True)
        for line in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    )
    return area_m2 * math.hypot(share, 0.5 * edge / len(rows))


def foot_full_px(view: SceneView, mask: Mask) -> tuple[float, float]:
    """Return where a thing that rises stands: its lowest part, or its middle from above."""
    seen = view.frame.view
    if not isinstance(seen, PosedView) or seen.pose.pitch_deg < -60.0:
        return view.place_full_px(mask)
    rows = np.flatnonzero(mask.any(axis=1))
    lowest = mask.copy()
    lowest[: rows[-1] - max(0, (rows[-1] - rows[0]) // 6)] = 0
    return view.place_full_px(lowest)


def _spread(evidence: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return evidence with some pixels around it, as far as flames move; None without any."""
    around = rectangle_around((evidence != 0.0).view(np.uint8), _SPREAD_PX)
    if around is None:
        return None
    reach = np.ones((2 * _SPREAD_PX + 1, 2 * _SPREAD_PX + 1), np.uint8)
    spread = np.zeros_like(evidence)
    spread[around] = cv2.dilate(np.maximum(evidence[around], 0.0), reach)
    spread[around] += cv2.erode(np.minimum(evidence[around], 0.0), reach)
    return spread


def _regions_in(
    view: SceneView, zones: Sequence[WatchedZone]
) -> list[tuple[FlameRegion, WatchedZone]]:
    """Return what looks somewhat like flame in the zones, each with its zone."""
    seen = [zone for zone in zones if view.shows(zone.area_m)]
    if not seen:
        return []
    coloured = flame_coloured(view.image_bgr)
    # In most pictures nothing has such a colour, and what is near a zone costs more to know.
    if not coloured.any():
        return []
    watched = [(zone, view.near(zone.area_m, zone.number("margin_m", MARGIN_M))) for zone in seen]
    inside = union([mask for _, mask in watched], view.shape)
    if not cv2.bitwise_and(coloured, inside).any():
        return []
    found = []
    for whole in flame_regions(view.image_bgr, coloured, inside):
        unlike = whole.log_odds < GLOW_LOG_ODDS
        region = (hot_part(view.image_bgr, whole) if unlike else None) or whole
        zone = _zone_of(region, watched)
        if zone is not None and region.likeness >= VIDEO_LIKENESS:
            found.append((region, zone))
    return found


def _zone_of(
    region: FlameRegion, watched: Sequence[tuple[WatchedZone, Mask]]
) -> WatchedZone | None:
    """Return the first zone that a region, or its lowest part, is in."""
    rows = np.flatnonzero(region.inside.any(axis=1))
    foot = region.inside.copy()
    foot[: rows[-1] - (rows[-1] - rows[0]) // 4] = False
    for zone, mask in watched:
        window = mask[region.rows, region.columns] > 0
        if window[region.inside].mean() >= LEAST_IN_ZONE or window[foot].mean() >= 0.5:
            return zone
    return None


def _confidence(region: FlameRegion, gained: float | None) -> float | None:
    """Return how far a region is believed to be flame, or None where not far enough."""
    if gained is None:
        alike = region.likeness
        return STILL_CONFIDENCE * alike if alike >= STILL_LIKENESS else None
    believed = _probability(region.log_odds + gained)
    return believed if believed >= REPORTED and gained > 0.0 else None


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))
