"""What is on the ground now that was not there in a baseline: sheds, heaps, goods, dug earth.

A frame is laid flat by its pose and moved onto the baseline by features. Three things are then
compared, each with the nearest of what the baseline has within half a metre, so that a rest of
misregistration does nothing:

* tint, a and b of CIE Lab over L + 16, which light and shade do not change;
* brightness beyond what full light makes of the baseline's surface: shade is never brighter;
* structure: edges that the baseline does not have there, normalised by contrast.

Shade makes ground darker, somewhat bluer, and keeps its structure; such regions are left out.
So is the light of lamps: ground that is brighter, of its own tint, and fades into what is around.
So is what stood out in the baseline and looks like all around it now: that was taken away.
So are trees and bushes, and a metre and a half around them: they lean and sway; and the ground
that buildings and raised pipes hide, as far as these are known. Where a frame cannot be moved
onto the baseline, nothing is said. What moves or drives is given as boxes to ignore, and what was
seen only once is less sure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray
from park.measure import Measure
from park.records import BoxXyxyPx, Detection, Frame, PosedView
from park.taxonomy import MeasureUnit
from vision.scene.baseline import LEAST_SINE, Baseline
from vision.scene.compared import BRIGHTER, Compared, compare, structure_kept
from vision.scene.detector import WatchedZone, model_id
from vision.scene.lamplight import tint_fades, unlit
from vision.scene.lean import Leans, Standing
from vision.scene.lying import (
    MOST_SHIFT_M,
    SMOOTH_M,
    laid_on,
    smooth_cells,
    square_kernel,
)
from vision.scene.ortho import (
    CellGrid,
    ground_near_m,
)
from vision.scene.regions import cleaned, grown, regions
from vision.scene.smoke import STEAM_COLOUR, STEAM_LIGHTNESS, STEAM_REACH_M
from vision.scene.view import SceneView
from vision.scene.working import Mask

LEAST_AREA_M2 = 6.0
LEAST_ON_ROAD_M2 = 2.0
"""Carriageways are plain, and what lies on one is in the way."""

LEAST_SURE = 0.4
"""Before what was seen once is marked down: less sure is mostly light and lean."""

LEAST_WIDTH_M = 1.0
"""Narrower strips are walls and fences that lean another way than in the baseline."""

MOST_PATCH_M = 160.0
TINT = 9.0
"""Difference of tint that is a change, units of CIE a and b at L 50."""

_NEAR_M = 4.0
_REMEMBERED = 60
_KEPT_STRUCTURE = 0.55
_FADING = 1.6
"""Contrast up to which what fades at its rim is light."""
_GONE = 0.25
_STOOD_OUT = 8.0
_RING_M = (0.4, 1.5)
_MOST_UNLIKE = 0.35
_LEAST_RING = 20
_AIR_RING_M = (2.0, 6.0)
"""Steam has no edge: it is compared with what lies some way off."""
_STEAM_ABOVE = 6.0
"""Lightness of CIE Lab."""


class ChangeDetector:
    """Finds what is new against a baseline.

    Settings of a zone: `min_area_m2` (6; 2 where `incident` is `road_obstruction`), `min_tint`
    (9).

    Args:
        baseline: of the site.
        standing: what stands up on the site and has stood before; the ground that it hides, now
            or in the baseline, is not compared.
        steam_sources: cooling towers, WGS84, longitude first; white air near them is steam.
    """

    name = "scene-change"
    version = 11
    incident_classes: tuple[str, ...] = ("new_object",)
    every_s = 0.0

    def __init__(
        self,
        baseline: Baseline,
        standing: Sequence[Standing] = (),
        steam_sources: Sequence[BaseGeometry] = (),
    ) -> None:
        self._baseline = baseline
        self._standing = tuple(standing)
        self._steam_sources = tuple(steam_sources)
        project = baseline.facts.frame.project_geometry
        self._steam_m = shapely.union_all(
            [project(source).buffer(STEAM_REACH_M) for source in self._steam_sources]
        )
        self._leans = Leans(self._standing, baseline.facts.frame)
        self._seen: dict[str, list[tuple[float, float, tuple[str, float]]]] = {}

    def fresh(self) -> Self:
        """Return a detector with the same baseline that has seen nothing."""
        return type(self)(self._baseline, self._standing, self._steam_sources)

    def look(
        self,
        view: SceneView,
        zones: Sequence[WatchedZone],
        ignore: Sequence[BoxXyxyPx] = (),
    ) -> tuple[Detection, ...]:
        """Return what is new in the zones of one frame.

        Args:
            view: of the frame.
            zones: where to look.
            ignore: boxes of the full frame in which something known moves or stands, such as
                vehicles and people.
        """
        if view.blind or view.ground is None:
            return ()
        return tuple(found for zone in zones for found in self._look_at(view, zone, tuple(ignore)))

    def _look_at(
        self, view: SceneView, zone: WatchedZone, ignore: tuple[BoxXyxyPx, ...]
    ) -> tuple[Detection, ...]:
        frame = self._baseline.facts.frame
        area_m = frame.project_geometry(view.site.unproject_geometry(zone.area_m))
        grid = self._grid(view, area_m)
        if grid is None:
            return ()
        lying = laid_on(view, self._baseline, self._leans, area_m, grid, ignore)
        if lying is None:
            return ()
        compared = compare(lying, zone.number("min_tint", TINT))
        found = []
        on_road = zone.settings.get("incident") == "road_obstruction"
        least_m2 = zone.number("min_area_m2", LEAST_ON_ROAD_M2 if on_road else LEAST_AREA_M2)
        least_px = max(20, round(least_m2 / grid.cell_m**2))
        whole = cleaned(grown(compared.strong, compared.weak), 5, 9) & lying.watched
        parts = [unlit(compared, region, least_px) for region in regions(whole, least_px)]
        for region in itertools.chain(*parts):
            sure = _surety(compared, region)
            if sure < LEAST_SURE or _width_m(region, grid.cell_m) < LEAST_WIDTH_M:
                continue
            steamy = region & grid.mask(self._steam_m)
            if _is_steam(compared, steamy) or _was_steam(compared, steamy):
                continue
            again = self._seen_before(zone.zone_id, grid, region, view.frame)
            sure *= 1.0 if again else 0.7
            detection = self._detection(view, grid, region, sure, lying.moved)
            if detection is not None:
                found.append(detection)
        return tuple(found)

    def _grid(self, view: SceneView, area_m: BaseGeometry) -> CellGrid | None:
        """Return the cells of a zone that the frame may show, of the baseline's size."""
        near_m = ground_near_m(view, self._baseline.facts.frame, MOST_PATCH_M)
        if len(near_m) < 4:
            return None
        east, north = near_m.T
        west, south, right, top = area_m.bounds
        margin = 4.0
        left, low, far_right, far_top = self._steep_bounds(view)
        bounds = (
            max(float(east.min()), west - margin, left),
            max(float(north.min()), south - margin, low),
            min(float(east.max()), right + margin, far_right),
            min(float(north.max()), top + margin, far_top),
        )
        if bounds[0] >= bounds[2] or bounds[1] >= bounds[3]:
            return None
        return CellGrid.around(bounds, self._baseline.facts.gsd_m)

    def _steep_bounds(self, view: SceneView) -> tuple[float, float, float, float]:
        """Return the square around the camera outside of which ground is seen too flatly."""
        seen = view.frame.view
        if not isinstance(seen, PosedView):
            return -math.inf, -math.inf, math.inf, math.inf
        pose = seen.pose
        east, north = self._baseline.facts.frame.to_en_m(pose.lat_deg, pose.lon_deg)
        reach = max(pose.alt_home_m, 0.1) * math.sqrt(1.0 / LEAST_SINE**2 - 1.0) + MOST_SHIFT_M
        return east - reach, north - reach, east + reach, north + reach

    def _seen_before(self, zone_id: str, grid: CellGrid, region: Mask, frame: Frame) -> bool:
        rows, columns = np.nonzero(region)
        place = grid.places_m(np.array([rows.mean() + 0.5]), np.array([columns.mean() + 0.5]))[0]
        # Every photo is at 0 s of its own file.
        picture = (frame.source_uri, frame.source_time_s)
        seen = self._seen.setdefault(zone_id, [])
        again = any(
            math.hypot(place[0] - east, place[1] - north) < _NEAR_M and picture != other
            for east, north, other in seen
        )
        seen.append((float(place[0]), float(place[1]), picture))
        del seen[:-_REMEMBERED]
        return again

    def _detection(
        self, view: SceneView, grid: CellGrid, region: Mask, sure: float, moved: FloatArray
    ) -> Detection | None:
        """Return a region as a detection; its box is where the picture shows it.

        Its place is that of the baseline, so `at_px` is the pixel that the stated pose has
        there; the two are apart by what the pose is off.
        """
        outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        rim = max(outlines, key=cv2.contourArea)[:, 0].astype(np.float64)
        back = cv2.perspectiveTransform(rim.reshape(-1, 1, 2), np.linalg.inv(moved))
        rim = np.asarray(back[:, 0], np.float64)
        rows, columns = np.nonzero(region)
        middle = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
        cells = np.concatenate([rim, [[columns[middle], rows[middle]]]]) + 0.5
        pixels = _pixels(view, self._baseline, grid.places_m(cells[:, 1], cells[:, 0]))
        if not np.isfinite(pixels).all():
            return None
        pixels = np.clip(pixels, 0.0, [view.frame.width_px, view.frame.height_px])
        low, high = pixels[:-1].min(axis=0), pixels[:-1].max(axis=0)
        if not (high > low).all():
            return None
        at = pixels[-1]
        return Detection(
            class_name=self.incident_classes[0],
            confidence=min(max(sure, 0.0), 1.0),
            box_xyxy_px=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            model_id=model_id(self),
            measure=_measure(view, grid, region, at * np.array(view.scale_xy)),
            at_px=(float(at[0]), float(at[1])),
        )


def _pixels(
    view: SceneView, baseline: Baseline, places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return pixels of the full frame at places of the baseline, by the pose as it is stated."""
    lat, lon = baseline.facts.frame.to_lat_lon(places[:, 0].copy(), places[:, 1].copy())
    assert view.projector is not None
    return view.projector.pixels(np.column_stack(view.site.to_en_m(lat, lon)))


def _measure(view: SceneView, grid: CellGrid, region: Mask, at_px: NDArray[np.float64]) -> Measure:
    cell_m2 = grid.cell_m**2
    area_m2 = float(np.count_nonzero(region)) * cell_m2
    inner = cv2.erode(region, np.ones((3, 3), np.uint8))
    rim_m = float(np.count_nonzero(region) - np.count_nonzero(inner)) * grid.cell_m
    # The edge is smoothed over 0.3 m and may lie that much in or out all along, by one sigma
    # two thirds of it; what stands up leans out of its footprint, which is not taken back.
    edge_m2 = rim_m * SMOOTH_M * 0.66
    share = view.area_share_error(float(at_px[0]), float(at_px[1]))
    return Measure(area_m2, math.hypot(share * area_m2, edge_m2), MeasureUnit.SQUARE_METRES)


def _surety(compared: Compared, region: Mask) -> float:
    """Return how sure a region is new, 0 for light and shade and for what was taken away."""
    if _taken_away(compared, region):
        return 0.0
    inside = region > 0
    tint = float(np.median(compared.tint[inside]))
    ratio = float(np.median(compared.ratio[inside]))
    structure = structure_kept(compared, region)
    bright = math.log(max(ratio, 1e-3)) / math.log(BRIGHTER)
    if tint < 0.6 and bright < 0.8 and structure > _KEPT_STRUCTURE:
        return 0.0
    contrast = max(tint, bright, 0.6)
    if contrast < _FADING and tint_fades(compared, region):
        return 0.0
    area = float(np.count_nonzero(region)) * compared.now.grid.cell_m**2
    by_contrast = 1.0 - 0.8 * math.exp(-1.6 * max(0.0, contrast - 0.6))
    # Shade and light keep the structure, and can make only so much of a contrast.
    by_structure = 1.0 - 0.45 * max(0.0, structure) / max(1.0, contrast)
    return by_contrast * by_structure * (1.0 - 0.6 * math.exp(-area / 12.0))


def _is_steam(compared: Compared, region: Mask) -> bool:
    """Return whether a region, as far as it is near cooling towers, is white and was darker."""
    inside = (region > 0) & (compared.now.known > 0)
    if not inside.any():
        return False
    was, is_now = (
        np.median(lab[inside], axis=0) for lab in (compared.lab_before, compared.lab_now)
    )
    return _white(is_now) and bool(is_now[0] > was[0])


def _was_steam(compared: Compared, region: Mask) -> bool:
    """Return whether a region, as far as it is near cooling towers, was under steam and is not.

    The baseline was white there and whiter than around it; pale ground is as pale beside a thing
    that was put on it.
    """
    known = (compared.now.known > 0) & (compared.before.known > 0)
    inside = (region > 0) & known
    near, far = (
        cv2.dilate(region, square_kernel(reach_m, compared.now.grid.cell_m))
        for reach_m in _AIR_RING_M
    )
    ring = (far > 0) & (near == 0) & known
    if np.count_nonzero(ring) < _LEAST_RING or not inside.any():
        return False
    was, is_now = (
        np.median(lab[inside], axis=0) for lab in (compared.lab_before, compared.lab_now)
    )
    around = float(np.median(compared.lab_before[ring][:, 0]))
    return _white(was) and bool(was[0] > is_now[0]) and bool(was[0] - around >= _STEAM_ABOVE)


def _white(lab: NDArray[np.floating]) -> bool:
    return bool(lab[0] >= STEAM_LIGHTNESS and math.hypot(lab[1], lab[2]) <= STEAM_COLOUR)


def _taken_away(compared: Compared, region: Mask) -> bool:
    """Return whether a region stood out from the ground around it and no longer does.

    Differences are those of CIE Lab between the medians of the region and of a ring around it,
    the baseline in the light of the frame. A thing of several colours may be like its ground by
    its median; of what was taken away hardly a cell is unlike.
    """
    cell_m = compared.now.grid.cell_m
    near, far = (cv2.dilate(region, square_kernel(reach_m, cell_m)) for reach_m in _RING_M)
    known = (compared.now.known > 0) & (compared.before.known > 0)
    ring = (far > 0) & (near == 0) & known
    inside = (region > 0) & known
    if np.count_nonzero(ring) < _LEAST_RING or not inside.any():
        return False
    apart = []
    for lab in (compared.lab_before, compared.lab_now):
        around = np.median(lab[ring], axis=0)
        apart.append(float(np.linalg.norm(np.median(lab[inside], axis=0) - around)))
    if apart[0] < _STOOD_OUT or apart[1] > _GONE * apart[0]:
        return False
    around = np.median(compared.lab_now[ring], axis=0)
    usual = np.percentile(np.linalg.norm(compared.lab_now[ring] - around, axis=1), 80.0)
    unlike = np.linalg.norm(compared.lab_now[inside] - around, axis=1) > usual
    return float(unlike.mean()) <= _MOST_UNLIKE


def _width_m(region: Mask, cell_m: float) -> float:
    """Return the diameter of the widest circle in a region, less what smoothing adds to it."""
    inside = cv2.copyMakeBorder(region, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    widest = 2.0 * float(cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
    return (widest - smooth_cells(cell_m)) * cell_m
