"""What every scene detector looks like from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from shapely.geometry.base import BaseGeometry

from park.errors import SettingsError
from park.records import Detection
from vision.scene.view import SceneView

LIES_STILL_S = 1.0
"""Seconds of video in which one look is enough at what lies still."""

Setting = str | float | bool
"""A value in a zone's settings."""


@dataclass(frozen=True, slots=True, eq=False)
class WatchedZone:
    """An area that a detector is to watch.

    Attributes:
        zone_id: the zone's id in the site file.
        area_m: its polygons in the site's local frame, metres.
        settings: what the zone says otherwise than the detector; each detector lists its own.
    """

    zone_id: str
    area_m: BaseGeometry
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def number(self, name: str, otherwise: float) -> float:
        """Return a setting that is a number, or `otherwise` where the zone says nothing.

        Raises:
            SettingsError: it is something else.
        """
        value = self.settings.get(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingsError(f"zone {self.zone_id}: {name} is {value!r}, not a number")
        return float(value)


class SceneDetector(Protocol):
    """Finds one kind of thing in the frames of one piece of footage, in their order.

    A detector may remember the frames that it has seen of one video; `fresh` gives one that
    has seen none. On a picture in which nothing can be seen (`SceneView.blind`) it says
    nothing.

    Attributes:
        name: goes into `model_id`, as in ``scene-water@1``.
        version: raised whenever what it finds may differ.
        incident_classes: class names of its detections.
        every_s: in a video one look in so many seconds is enough, for what lies still; 0 where
            each frame counts, for what is told by its motion.
    """

    name: str
    version: int
    incident_classes: tuple[str, ...]
    every_s: float

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        """Return what there is to see in the zones; nothing outside them."""

    def fresh(self) -> Self:
        """Return a detector with the same settings and no memory."""


def model_id(detector: SceneDetector) -> str:
    """Return what detections of a scene detector carry, such as ``scene-water@1``."""
    return f"{detector.name}@{detector.version}"
