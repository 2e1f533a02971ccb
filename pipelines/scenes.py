"""Scene detectors over one piece of footage, each where a zone of the site asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from park.records import Detection
from park.site import Site
from park.site_model import Zone
from park.site_rules import Watch
from park.taxonomy import class_matches
from vision.observe import Sight
from vision.scene.baseline import Baseline
from vision.scene.change import ChangeDetector
from vision.scene.detector import SceneDetector, Setting, WatchedZone
from vision.scene.flame import FlameDetector
from vision.scene.hotspot import HotspotDetector
from vision.scene.smoke import SmokeDetector
from vision.scene.soil import SoilDetector
from vision.scene.view import SceneViews
from vision.scene.water import WaterDetector

_TOWER_M = 5.0
"""A cooling tower may be given as a point."""


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
    towers = [
        site.frame.project_geometry(asset.geometry).buffer(_TOWER_M)
        for asset in site.assets
        if asset.asset_class.strip().lower().replace(" ", "_") == "cooling_tower"
    ]
    always = (
        HotspotDetector(),
        FlameDetector(),
        SmokeDetector(towers),
        WaterDetector(),
        SoilDetector(),
    )
    if baseline is None:
        return always
    return (*always, ChangeDetector(Baseline(Path(baseline))))


def watched_scenes(site: Site, detectors: Sequence[SceneDetector]) -> tuple[WatchedScene, ...]:
    """Return the detectors that zones of a site ask for by their `watch` rules.

    Args:
        site: whose zones.
        detectors: those that there are.
    """
    found = []
    for detector in detectors:
        zones = tuple(
            WatchedZone(zone.id, site.zone_areas_m[zone.id], _settings(site, zone, rule))
            for zone in site.zones
            for rule in zone.rules
            if isinstance(rule, Watch)
            and any(class_matches(name, rule.classes) for name in detector.incident_classes)
        )
        if zones:
            found.append(WatchedScene(detector, zones))
    return tuple(found)


def _settings(site: Site, zone: Zone, rule: Watch) -> dict[str, Setting]:
    settings: dict[str, Setting] = {"incident": rule.incident}
    if rule.limit_c is not None:
        settings["limit_c"] = rule.limit_c
    if rule.above_ambient_c is not None:
        settings["above_ambient_c"] = rule.above_ambient_c
    area_m = site.zone_areas_m[zone.id]
    for asset in site.assets:
        if asset.asset_class and site.frame.project_geometry(asset.geometry).intersects(area_m):
            settings["asset_class"] = asset.asset_class
            break
    return settings


class SceneLook:
    """The scene detectors that a site asks for, over the frames of one source in their order.

    Args:
        site: the site.
        scenes: from `watched_scenes`; their detectors are not changed.
    """

    def __init__(self, site: Site, scenes: Sequence[WatchedScene]) -> None:
        self._views = SceneViews(site.frame)
        self._scenes = [(scene.detector.fresh(), scene.zones) for scene in scenes]

    def look(self, sight: Sight) -> tuple[Detection, ...]:
        """Return what the detectors see in the next frame; nothing where no zone is watched."""
        if not self._scenes or sight.locator is None:
            return ()
        view = self._views.add(sight)
        return tuple(
            detection
            for detector, zones in self._scenes
            for detection in detector.look(view, zones)
        )
