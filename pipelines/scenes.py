"""Scene detectors over one piece of footage, each where a zone of the site asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from park.records import BoxXyxyPx, Detection, Frame, PosedView, View
from park.site import Site
from park.site_model import Asset, Zone
from park.site_rules import Watch
from park.taxonomy import class_key, class_matches
from pipelines.identity import counted_box
from pipelines.uprights import uprights
from vision.observe import Sight
from vision.scene.baseline import Baseline
from vision.scene.change import ChangeDetector
from vision.scene.detector import SceneDetector, Setting, WatchedZone
from vision.scene.flame import FlameDetector
from vision.scene.heap import HeapDetector
from vision.scene.hotspot import HotspotDetector
from vision.scene.known_light import KnownLight
from vision.scene.lean import Standing
from vision.scene.smoke import SmokeDetector
from vision.scene.soil import SoilDetector
from vision.scene.stacks import Stack
from vision.scene.views import SceneViews
from vision.scene.walls import Walls
from vision.scene.water import WaterDetector

_STACKS = frozenset({"stack", "chimney", "flare", "flare_stack"})
_STACK_M = 0.5
_TOWER_M = 5.0
"""A cooling tower may be given as a point."""
_OUTFALL_M = 20.0
"""An outfall on the bank belongs to the water this near."""
_SIGHT_M = 1_000.0
"""From heights that drones fly at, ground further away is seen too flat to be measured."""
_EAVES_M = 1.0
_ROAD_M = 8.0
_VERGE_M = 8.0
"""Where a road crosses water, its verges, walks and embankments do too."""
_PIPE_M = 12.0
"""A pipe on trestles is seen displaced by about its height, which site files may not give."""
_JITTER_S = 0.1
"""Frames do not come at even times."""
_PIPE_LEAN = 2.5
"""Metres per metre of height: as far as it leans over water seen at 22 degrees."""


@dataclass(frozen=True, slots=True)
class WatchedScene:
    """A detector and the zones that it is to watch."""

    detector: SceneDetector
    zones: tuple[WatchedZone, ...]


def every_detector(site: Site, baseline: str | None = None) -> tuple[SceneDetector, ...]:
    """Return one of each scene detector, with its own settings and no memory.

    Args:
        site: tells where white air is steam: its cooling towers.
        baseline: folder of a baseline of the site; without one, nothing is looked for that
            was not there before.

    Raises:
        StoreError: the baseline cannot be read.
    """
    cooling = [asset.geometry for asset in site.assets if _is(asset, "cooling_tower")]
    towers = [site.frame.project_geometry(one).buffer(_TOWER_M) for one in cooling]
    before = None if baseline is None else Baseline(Path(baseline))
    standing = _standing(site)
    walls = Walls(standing, site.frame)
    always = (
        HotspotDetector(),
        FlameDetector(),
        SmokeDetector(towers, stacks_of(site), walls),
        WaterDetector(),
        SoilDetector(None if before is None else KnownLight(before)),
        HeapDetector(walls),
    )
    if before is None:
        return always
    return (*always, ChangeDetector(before, standing, cooling))


def stacks_of(site: Site) -> tuple[Stack, ...]:
    """Return the stacks of a site: assets of that class whose height its file has.

    It may be that of a building: a stack is often drawn as one.
    """
    project = site.frame.project_geometry
    assets = [one for one in site.assets if class_key(one.asset_class) in _STACKS]
    if not assets:
        return ()
    outlines = shapely.STRtree([project(one.geometry) for one in site.buildings])
    found = []
    for asset in assets:
        at = project(asset.geometry).centroid
        under = outlines.query(at, predicate="dwithin", distance=_STACK_M)
        heights_m = [site.buildings[number].height_m for number in under.tolist()]
        height_m = asset.height_m or max(heights_m, default=None)
        if height_m is not None:
            found.append(Stack(at.x, at.y, height_m))
    return tuple(found)


def _standing(site: Site) -> tuple[Standing, ...]:
    """Return what stands up on a site, as far as its file says so."""
    pipes = [(one.geometry, one.height_m) for one in site.pipelines if one.height_m is not None]
    return (
        *(Standing(one.geometry, one.height_m) for one in uprights(site)),
        *(Standing(geometry, height_m) for geometry, height_m in pipes),
    )


def watched_scenes(site: Site, detectors: Sequence[SceneDetector]) -> tuple[WatchedScene, ...]:
    """Return the detectors that zones of a site ask for by their `watch` rules.

    Args:
        site: whose zones.
        detectors: those that there are.
    """
    found = []
    around = _Surroundings(site)
    for detector in detectors:
        zones = tuple(
            WatchedZone(zone.id, around.ground(detector, zone), around.settings(zone, rule))
            for zone in site.zones
            for rule in zone.rules
            if isinstance(rule, Watch)
            and any(class_matches(name, rule.classes) for name in detector.incident_classes)
        )
        if zones:
            found.append(WatchedScene(detector, zones))
    return tuple(found)


class _Surroundings:
    """What stands, lies or leads over the ground of a site: roofs, assets, roads."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @cached_property
    def _roofs(self) -> shapely.STRtree:
        project = self._site.frame.project_geometry
        return shapely.STRtree(
            [project(one.geometry).buffer(_EAVES_M) for one in self._site.buildings]
        )

    @cached_property
    def _roads(self) -> shapely.STRtree:
        project = self._site.frame.project_geometry
        return shapely.STRtree(
            [
                project(one.geometry).buffer((one.width_m or _ROAD_M) / 2.0 + _VERGE_M)
                for one in self._site.roads
            ]
        )

    @cached_property
    def _pipes(self) -> shapely.STRtree:
        project = self._site.frame.project_geometry
        return shapely.STRtree(
            [
                project(one.geometry).buffer(max(_PIPE_M, _PIPE_LEAN * (one.height_m or 0.0)))
                for one in self._site.pipelines
            ]
        )

    @cached_property
    def _waters(self) -> shapely.STRtree:
        """Return the zones in which nothing but water is watched."""
        water = WaterDetector.incident_classes
        return shapely.STRtree(
            [
                self._site.zone_areas_m[zone.id]
                for zone in self._site.zones
                if (watched := [rule for rule in zone.rules if isinstance(rule, Watch)])
                and all(any(class_matches(name, r.classes) for name in water) for r in watched)
            ]
        )

    def ground(self, detector: SceneDetector, zone: Zone) -> BaseGeometry:
        """Return the part of a zone in which a detector is to look.

        Roofs are no soil and no water and lean over what is new; bridges, for roads and for
        pipes, are no water, nor is what lies along a road there. Where a zone is about water and
        nothing else, its colour is another detector's concern.
        """
        area_m = self._site.zone_areas_m[zone.id]
        trees = []
        if isinstance(detector, WaterDetector | SoilDetector | HeapDetector | ChangeDetector):
            trees.append(self._roofs)
        if isinstance(detector, WaterDetector):
            trees += [self._roads, self._pipes]
        if isinstance(detector, ChangeDetector):
            trees.append(self._waters)
        for tree in trees:
            near = tree.geometries[tree.query(area_m, predicate="intersects")]
            area_m = area_m.difference(shapely.union_all(near))
        return area_m

    @cached_property
    def _assets(self) -> shapely.STRtree:
        project = self._site.frame.project_geometry
        return shapely.STRtree([project(one.geometry) for one in self._site.assets])

    def settings(self, zone: Zone, rule: Watch) -> dict[str, Setting]:
        """Return what a rule, and the assets in or by its zone, tell a detector."""
        settings: dict[str, Setting] = {"incident": rule.incident}
        if rule.limit_c is not None:
            settings["limit_c"] = rule.limit_c
        if rule.above_ambient_c is not None:
            settings["above_ambient_c"] = rule.above_ambient_c
        area_m = self._site.zone_areas_m[zone.id]
        near = self._assets.query(area_m, predicate="dwithin", distance=_OUTFALL_M)
        for number in sorted(near.tolist()):
            asset, shape = self._site.assets[number], self._assets.geometries[number]
            if _is(asset, "outfall"):
                place = shape.centroid
                settings["outfall_east_m"], settings["outfall_north_m"] = place.x, place.y
            elif asset.asset_class and "asset_class" not in settings and shape.intersects(area_m):
                settings["asset_class"] = asset.asset_class
        return settings


def _is(asset: Asset, asset_class: str) -> bool:
    return class_key(asset.asset_class) == asset_class


def _sees(detector: SceneDetector, frame: Frame) -> bool:
    """Return whether a frame is of the light that a detector knows; heat and infrared have no hue.

    The one that looks for heat says for itself which pictures hold temperatures.
    """
    return isinstance(detector, HotspotDetector) or frame.spectrum in (None, "visible")


@dataclass(frozen=True, slots=True)
class _Moment:
    """When a detector looked last."""

    source_uri: str = ""
    source_time_s: float = 0.0

    def is_after(self, last: _Moment, every_s: float) -> bool:
        """Return whether it is time to look again; always in another video or photo."""
        if last.source_uri != self.source_uri:
            return True
        return not 0.0 < self.source_time_s - last.source_time_s < every_s - _JITTER_S


def _each_once(found: Sequence[Detection]) -> tuple[Detection, ...]:
    """Return what was found with what several zones show of the same pixels told once, as surest.

    Zones may lie in one another, and from the side one hides another.
    """
    best: dict[tuple[str, str, tuple[int, ...]], Detection] = {}
    for one in found:
        key = (one.model_id, one.class_name, counted_box(one.box_xyxy_px))
        if key not in best or one.confidence > best[key].confidence:
            best[key] = one
    return tuple(best.values())


class SceneLook:
    """The scene detectors that a site asks for, over the frames of one source in their order.

    Args:
        site: the site.
        scenes: from `watched_scenes`; their detectors are not changed.
    """

    def __init__(self, site: Site, scenes: Sequence[WatchedScene]) -> None:
        self._views = SceneViews(site.frame)
        self._frame = site.frame
        self._scenes = [(scene.detector.fresh(), scene.zones) for scene in scenes]
        self._looked = [_Moment()] * len(self._scenes)
        self._places = [shapely.STRtree([zone.area_m for zone in s.zones]) for s in scenes]

    def watches(self, sight: Sight) -> bool:
        """Return whether there is anything to look for, in a frame whose ground is known."""
        return bool(self._scenes) and sight.locator is not None

    def look(self, sight: Sight, known: Sequence[BoxXyxyPx] = ()) -> tuple[Detection, ...]:
        """Return what the detectors see in the next frame; nothing where no zone is watched.

        Args:
            sight: of the frame.
            known: boxes of vehicles and people in it, which come and go and are nothing new.
        """
        if not self.watches(sight):
            return ()
        view = self._views.add(sight)
        found: list[Detection] = []
        scenes = zip(self._scenes, self._places, strict=True)
        for number, ((detector, every), places) in enumerate(scenes):
            if not _sees(detector, sight.frame):
                continue
            now = _Moment(sight.frame.source_uri, sight.frame.source_time_s)
            if not now.is_after(self._looked[number], detector.every_s):
                continue
            self._looked[number] = now
            zones = self._near(sight.frame.view, every, places)
            if isinstance(detector, ChangeDetector):
                # What another detector has a name for is not told again as something new.
                told = [one.box_xyxy_px for one in found]
                found.extend(detector.look(view, zones, (*known, *told)))
            else:
                found.extend(detector.look(view, zones))
        return _each_once(found)

    def _near(
        self, view: View | None, zones: tuple[WatchedZone, ...], places: shapely.STRtree
    ) -> tuple[WatchedZone, ...]:
        """Return the zones near enough to be seen; all where the camera's place is not known."""
        if not isinstance(view, PosedView):
            return zones
        camera = shapely.Point(self._frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg))
        found = places.query(camera, predicate="dwithin", distance=_SIGHT_M)
        return tuple(zones[number] for number in sorted(found.tolist()))
