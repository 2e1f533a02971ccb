"""Plumes of smoke and dust, by their looks and by how they move over the ground.

Looks alone (`vision.scene.smoke_looks`) take much for smoke that is none. In video the picture
before is laid over this one, and what is left has to change softly: smoke does, ground does not,
and vehicles, trees and the parallax of buildings change sharply. Plain walls do not, and are left
out where the site file says that they stand. A shadow that passes changes the
light and leaves the texture in it. What was learned of a place goes on with it from frame to
frame. Steam that comes out of a cooling tower is steam.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from vision.scene.detector import WatchedZone, model_id
from vision.scene.flame import area_error_m2, foot_full_px
from vision.scene.picture_motion import resized
from vision.scene.smoke_looks import CELL_PX, cell_features, looks_log_odds
from vision.scene.stacks import Stack, StackSeen, stack_seen
from vision.scene.view import SceneView
from vision.scene.walls import Walls
from vision.scene.working import Mask, rectangle_around

RARE_LOG_ODDS = -3.0
"""One in twenty places that look as likely as not is taken to be smoke beforehand."""

LEAST_CELLS = 5
LEAST_AREA_M2 = 4.0
REPORTED = 0.5

STILL_LOOKS = 2.0
STILL_CELLS = 12
STILL_CONFIDENCE = 0.4
STILL_REPORTED = 0.2
"""Photos: looks alone, from larger regions, and never believed more than this."""

MOST_OF_PICTURE = 0.6
"""What covers more is haze, fog, sky or a picture out of focus."""

STEAM_LIGHTNESS = 62.0
STEAM_COLOUR = 10.0
STEAM_REACH_M = 40.0
"""How far from a source white air is steam: a tower's mouth stands high above its foot."""

LEAST_IN_ZONE = 0.2
MARGIN_M = 10.0
LENGTH_SHARE_ERROR = 0.2

_MEMORY = 0.7
_MOST_EVIDENCE = 6.0
_SOFT_SIGMA_PX = 3.0
_NOISE = 0.15
_USUAL = 0.8
_SLIP_PX = 0.15
_PLAIN = 4.0
_SHARED_PX = 33
_GROWN_LOOKS = -2.0
_CHANGES = 1.5
_LEAST_CHANGING = 2
"""Of the least cells that make a plume, so many reach the upper quartile."""
_ON_WALL = 25.0
"""A tenth of a cell, of 255: poses are a little off, and so are outlines."""


@dataclass(frozen=True, slots=True, eq=False)
class Plume:
    """A part of a picture that is smoke, perhaps.

    Attributes:
        cells: True for its cells.
        log_odds: of being smoke, where few such regions are.
    """

    cells: NDArray[np.bool_]
    log_odds: float


def change_log_odds(
    now: NDArray[np.uint8], before: NDArray[np.uint8], known: NDArray[np.bool_]
) -> FloatArray:
    """Return by how much the log odds of smoke change with what was there before, per cell.

    Args:
        now: the small picture in grey.
        before: the picture before, laid over it.
        known: where the picture before reaches.

    Returns:
        Shape (rows, columns) of cells, -2 to 3.
    """
    a, b = now.astype(np.float32), before.astype(np.float32)
    soft_a = cv2.GaussianBlur(a, (0, 0), _SOFT_SIGMA_PX)
    soft_b = cv2.GaussianBlur(b, (0, 0), _SOFT_SIGMA_PX)
    difference = soft_a - soft_b
    difference -= _usual(difference, known)
    across, down = (cv2.Sobel(soft_a, cv2.CV_32F, *way, scale=0.125) for way in ((1, 0), (0, 1)))
    slope = np.asarray(cv2.magnitude(across, down))
    fine_a, fine_b = a - soft_a, b - soft_b
    # What stands up moves against the ground, as a whole.
    flow = _shared_flow(now, before)
    shifted = soft_a - _laid(np.asarray(soft_b, np.float32), flow)
    shifted -= _usual(shifted, known)
    soft = _cell_means(np.minimum(np.abs(difference), np.abs(shifted)))
    # Most of a picture is ground, and tells the noise of the camera and of its coding.
    explained = _NOISE + _USUAL * float(np.median(soft)) + _SLIP_PX * _cell_means(slope)
    sharp = _cell_means(np.abs(fine_a - fine_b))
    evidence = 3.0 * np.tanh((soft / explained - 1.5) / 0.8)
    # Vehicles, trees and the edges of what stands up change in their details as well, by more
    # than the noise that is everywhere; and vehicles have smooth roofs between their edges.
    noise = float(np.median(sharp))
    hard = (sharp - noise > 1.0 + 0.6 * soft).astype(np.uint8)
    evidence = np.where(cv2.dilate(hard, np.ones((3, 3))) > 0, np.minimum(evidence, 0.0), evidence)
    evidence = np.where(hard > 0, np.minimum(evidence, -0.5), evidence)
    same, plain = _same_texture(fine_a, fine_b)
    evidence = np.where(same, np.minimum(evidence, -1.0), evidence)
    moved, _ = _same_texture(fine_a, _laid(fine_b, flow))
    evidence = np.where(moved, np.minimum(evidence, -0.5), evidence)
    # Where there is nothing to see a change by, none says nothing: thick smoke, or concrete.
    evidence = np.where(plain, np.maximum(evidence, -0.2), evidence)
    unknown = _cell_means(known.astype(np.float32)) < 0.95
    return np.asarray(np.where(unknown, 0.0, np.clip(evidence, -2.0, 3.0)), np.float64)


def plumes(looks: FloatArray, evidence: FloatArray | None) -> tuple[Plume, ...]:
    """Return the regions of a picture that are smoke rather than not, most sure first.

    Args:
        looks: log odds of each cell by its looks, as likely as not beforehand.
        evidence: log odds that each cell gained by its changes; None for a single picture.
    """
    if evidence is None:
        mask = looks > STILL_LOOKS
        least, threshold = STILL_CELLS, -math.inf
    else:
        mask = (looks > -1.5) & (np.clip(looks, -4.0, 3.0) - 1.0 + evidence > 0.0)
        least, threshold = LEAST_CELLS, 0.0
    if mask.mean() > MOST_OF_PICTURE:
        return ()
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    found = []
    for label in range(1, count):
        cells = labels == label
        # A line of cells is the edge of something.
        broad = cv2.erode(cells.astype(np.uint8), np.ones((2, 2), np.uint8)).any()
        if int(cells.sum()) < least or not broad:
            continue
        log_odds = float(looks[cells].mean()) + RARE_LOG_ODDS
        if evidence is not None:
            if float(np.percentile(evidence[cells], 75)) < _CHANGES:
                continue
            log_odds += float(evidence[cells].mean())
        if log_odds >= threshold:
            whole = cells if evidence is None else _grown(cells, looks, evidence)
            found.append(Plume(whole, log_odds))
    found.sort(key=lambda plume: -plume.log_odds)
    return tuple(
        plume
        for i, plume in enumerate(found)
        if not any((plume.cells & surer.cells).any() for surer in found[:i])
    )


class SmokeDetector:
    """Finds plumes of smoke and dust in colour pictures.

    In video a plume has to change softly; in photos looks alone are told, with a confidence of
    at most 0.4. A detection is of class `smoke` and measured by the ground that it covers in the
    picture, m2; in zones whose setting `incident` is `smoke_plume`, and in no other, it is of
    that class and measured by its length, metres. Other settings of a zone: `margin_m`, how far
    outside the zone to look; `least_area_m2`; `asset_class`, of which `cooling_tower` gives off
    steam.

    Args:
        steam_sources_m: areas (site frame, metres) whose white plumes are steam: cooling towers.
        stacks: where a zone's setting `incident` is `smoke_plume`, a plume that begins at the
            mouth of one of its stacks belongs to that, whatever it is seen against; it stands at
            the stack's foot, and its length is measured from the mouth.
        walls: of what stands on the site; what changes there says nothing, as that may be how a
            wall moves against the ground.
    """

    name = "scene-smoke"
    version = 4
    incident_classes: tuple[str, ...] = ("smoke", "smoke_plume")
    every_s = 0.0

    def __init__(
        self,
        steam_sources_m: Sequence[BaseGeometry] = (),
        stacks: Sequence[Stack] = (),
        walls: Walls | None = None,
    ) -> None:
        self._steam_sources_m = tuple(steam_sources_m)
        self._stacks = tuple(stacks)
        self._walls = walls
        self._evidence: FloatArray | None = None
        self._of: SceneView | None = None

    def fresh(self) -> Self:
        """Return a detector that remembers no frame."""
        return type(self)(self._steam_sources_m, self._stacks, self._walls)

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return the plumes in the zones."""
        if view.frame.spectrum not in (None, "visible") or view.blind:
            self._evidence = self._of = None
            return ()
        # Something near a zone is in the picture just where something of the zone is.
        watched = tuple(zone for zone in zones if view.shows(zone.area_m))
        stacks = self._stacks_in(view, zones)
        if not (watched or stacks):
            self._evidence, self._of = None, None
            return ()
        evidence = self._learned(view)
        found = []
        for plume in self._plumes(view, evidence):
            found += self._detections(view, plume, watched, stacks, still=evidence is None)
        self._evidence, self._of = evidence, view
        return tuple(found)

    def _plumes(self, view: SceneView, evidence: FloatArray | None) -> tuple[Plume, ...]:
        """Return the plumes of a picture; looks and walls are asked for where there may be one."""
        if evidence is not None and np.count_nonzero(evidence >= _CHANGES) < _LEAST_CHANGING:
            return ()
        looks = looks_log_odds(cell_features(view.small))
        found = plumes(looks, evidence)
        if not found or evidence is None or self._walls is None:
            return found
        height, width = view.small.shape[:2]
        on_walls = _cell_means(self._walls.seen(view, (height, width))) > _ON_WALL
        if not on_walls.any():
            return found
        return plumes(looks, np.where(on_walls, np.minimum(evidence, 0.0), evidence))

    def _stacks_in(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[StackSeen, ...]:
        """Return the stacks of the zones that watch theirs, as far as the picture shows them."""
        watched = [zone.area_m for zone in zones if _watches_stacks(zone)]
        return tuple(
            seen
            for stack in self._stacks
            if any(area_m.intersects(Point(stack.east_m, stack.north_m)) for area_m in watched)
            and (seen := stack_seen(view, stack)) is not None
        )

    def _learned(self, view: SceneView) -> FloatArray | None:
        """Return what the changes so far say of each cell; None where nothing went before."""
        last = view.previous
        if last is None or last.blind or last.frame.spectrum not in (None, "visible"):
            return None
        motion = view.motion
        if motion is None or view.picture_motion.source != "features":
            # Poses alone are not good enough to tell what moved.
            return None
        grey, small = view.small_gray, last.small_gray
        if small.shape != grey.shape:
            return None
        height, width = grey.shape
        moved = resized(motion, width / view.shape[1], height / view.shape[0])
        before = cv2.warpPerspective(small, moved, (width, height))
        ones = np.full(grey.shape, 255, np.uint8)
        known = cv2.warpPerspective(ones, moved, (width, height)) > 254
        gained = change_log_odds(grey, np.asarray(before, np.uint8), known)
        if self._evidence is not None and self._of is last:
            by_cell = resized(moved, 1.0 / CELL_PX, 1.0 / CELL_PX)
            rows, columns = self._evidence.shape
            was = cv2.warpPerspective(self._evidence.astype(np.float32), by_cell, (columns, rows))
            gained = gained + _MEMORY * np.asarray(was, np.float64)
        return np.clip(gained, -_MOST_EVIDENCE, _MOST_EVIDENCE)

    def _detections(
        self,
        view: SceneView,
        plume: Plume,
        zones: Sequence[WatchedZone],
        stacks: Sequence[StackSeen],
        *,
        still: bool,
    ) -> list[Detection]:
        sure = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, plume.log_odds))))
        confidence = STILL_CONFIDENCE * sure if still else sure
        if confidence < (STILL_REPORTED if still else REPORTED):
            return []
        mask = _mask_of(plume.cells, view.small.shape[:2], view.shape)
        if not cv2.countNonZero(mask):
            return []
        white = _is_white(view, mask)
        for stack in stacks:
            its = stack.gives_off(mask) or (not white and stack.may_give_off(mask))
            length_m = stack.length_m(mask) if its else None
            if length_m is not None:
                error_m = LENGTH_SHARE_ERROR * length_m
                measure = Measure(length_m, error_m, MeasureUnit.METRES)
                return [self._plume(view, mask, confidence, measure, stack.foot_full_px)]
        area_m2 = view.area_m2(mask)
        found = []
        for zone in zones:
            watched = view.near(zone.area_m, zone.number("margin_m", MARGIN_M))
            if float((watched[mask > 0] > 0).mean()) < LEAST_IN_ZONE:
                continue
            if area_m2 < zone.number("least_area_m2", LEAST_AREA_M2):
                continue
            if white and self._is_steam(view, mask, zone):
                continue
            long = _watches_stacks(zone)
            size = _length(view, mask) if long else _area(view, mask, area_m2)
            found.append(self._plume(view, mask, confidence, size, foot_full_px(view, mask)))
        return _once(found)

    def _plume(
        self,
        view: SceneView,
        mask: Mask,
        confidence: float,
        measure: Measure,
        at_px: tuple[float, float],
    ) -> Detection:
        return Detection(
            class_name="smoke_plume" if measure.unit is MeasureUnit.METRES else "smoke",
            confidence=confidence,
            box_xyxy_px=view.box_full_px(mask),
            model_id=model_id(self),
            measure=measure,
            at_px=at_px,
        )

    def _is_steam(self, view: SceneView, mask: Mask, zone: WatchedZone) -> bool:
        sources = list(self._steam_sources_m)
        if str(zone.settings.get("asset_class", "")).replace(" ", "_") == "cooling_tower":
            sources.append(zone.area_m)
        return any(
            bool((view.mask(source.buffer(STEAM_REACH_M))[mask > 0] > 0).any())
            for source in sources
        )


def _watches_stacks(zone: WatchedZone) -> bool:
    return zone.settings.get("incident") == "smoke_plume"


def _grown(cells: NDArray[np.bool_], looks: FloatArray, evidence: FloatArray) -> NDArray[np.bool_]:
    """Return the cells of a plume with its thin parts: they hang on to it and change softly."""
    thin = cells | ((evidence > 0.5) & (looks > _GROWN_LOOKS))
    _, labels = cv2.connectedComponents(thin.astype(np.uint8), connectivity=4)
    return np.asarray(labels == labels[cells][0], np.bool_)


def plume_length_m(view: SceneView, mask: Mask) -> float:
    """Return how long a plume is, metres.

    Its longest extent in the picture, at the scale of the ground at its foot: as it is for a
    plume that drifts or rises across the line of sight. One that drifts towards the camera or
    away from it is longer. Zero where the scale is not known.
    """
    if view.gsd_m is None:
        return 0.0
    outline = np.concatenate(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])
    hull = cv2.convexHull(outline)[:, 0].astype(np.float64)
    longest_px = float(np.linalg.norm(hull[:, None] - hull[None], axis=-1).max()) + 1.0
    seen = view.frame.view
    at = mask > 0
    if isinstance(seen, PosedView) and seen.pose.pitch_deg >= -60.0:
        rows = np.flatnonzero(at.any(axis=1))
        at = at.copy()
        at[: rows[-1] - max(1, (rows[-1] - rows[0]) // 6)] = False
    scales = view.gsd_m[at]
    scales = scales[np.isfinite(scales)]
    return longest_px * float(np.median(scales)) if scales.size else 0.0


def _area(view: SceneView, mask: Mask, area_m2: float) -> Measure:
    error = math.hypot(area_error_m2(view, mask, area_m2), 0.2 * area_m2)
    return Measure(area_m2, error, MeasureUnit.SQUARE_METRES)


def _length(view: SceneView, mask: Mask) -> Measure:
    length_m = plume_length_m(view, mask)
    rows, columns = np.nonzero(mask)
    scale = view.area_share_error(float(columns.mean()), float(rows.max())) / 2.0
    error = length_m * math.hypot(scale, LENGTH_SHARE_ERROR)
    return Measure(length_m, error, MeasureUnit.METRES)


def _is_white(view: SceneView, mask: Mask) -> bool:
    around = rectangle_around(mask, 0)
    if around is None:
        return False
    inside = view.lab_in(around)[mask[around] > 0]
    # What is thin shows what is behind it; its thicker, lighter half tells.
    thick = inside[inside[:, 0] >= np.median(inside[:, 0])]
    colour = float(np.median(np.hypot(thick[:, 1], thick[:, 2])))
    return float(np.median(thick[:, 0])) >= STEAM_LIGHTNESS and colour <= STEAM_COLOUR


def _once(found: list[Detection]) -> list[Detection]:
    """Return one detection of a plume: zones lie over each other, and it must count once."""
    return sorted(found, key=lambda detection: detection.class_name)[:1]


def _mask_of(
    cells: NDArray[np.bool_], small_shape: tuple[int, ...], shape: tuple[int, int]
) -> Mask:
    """Return the pixels of the working picture that cells stand for, with rounded corners."""
    height, width = small_shape[:2]
    rows, columns = cells.shape
    large = cv2.resize(
        cells.astype(np.float32),
        (columns * CELL_PX, rows * CELL_PX),
        interpolation=cv2.INTER_LINEAR,
    )
    cut = cv2.copyMakeBorder(
        large[:height, :width],
        0,
        max(0, height - large.shape[0]),
        0,
        max(0, width - large.shape[1]),
        cv2.BORDER_REPLICATE,
    )
    whole = cv2.resize(cut, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(whole > 0.5, 255, 0).astype(np.uint8)


def _usual(difference: NDArray[Any], known: NDArray[np.bool_]) -> float:
    """Return how much all of a picture changed: another exposure. A sample tells it."""
    sample = difference[::4, ::4][known[::4, ::4]]
    return float(np.median(sample)) if sample.size else 0.0


def _shared_flow(now: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return where pixels came from, as far as those around them came from there as well."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = finder.calc(now, before, np.zeros((*now.shape, 2), np.float32))
    return np.asarray(cv2.blur(flow, (_SHARED_PX, _SHARED_PX)), np.float32)


def _laid(values: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    laid = cv2.remap(values, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
    return np.asarray(laid, np.float32)


def _same_texture(
    fine_a: NDArray[np.float32], fine_b: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the cells with plainly the details of the picture before, and those without any."""
    both = _cell_means(fine_a * fine_b)
    of_a, of_b = _cell_means(fine_a * fine_a), _cell_means(fine_b * fine_b)
    alike = both / np.sqrt(np.maximum(of_a * of_b, 1e-6))
    plain = np.maximum(of_a, of_b) < _PLAIN
    return np.asarray((alike > 0.85) & ~plain, np.bool_), np.asarray(plain, np.bool_)


def _cell_means(values: NDArray[Any]) -> FloatArray:
    mean = cv2.blur(np.asarray(values, np.float32), (CELL_PX + 1, CELL_PX + 1))
    half = CELL_PX // 2
    return np.asarray(mean[half::CELL_PX, half::CELL_PX], np.float64)
