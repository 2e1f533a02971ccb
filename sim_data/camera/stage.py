"""Draws all that a scenario has staged at an instant, and says where the picture shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from park.records import BoxXyxyPx
from sim_data.camera.air import draw_flame, draw_plume, steam_of
from sim_data.camera.frame import Frame, box_of, clipped_share
from sim_data.camera.solids import Prism
from sim_data.camera.staged import (
    BUILD_CLASSES,
    PATCH_CLASSES,
    draw_hot_spot,
    draw_patch,
    patch_prisms,
    solid_prism,
)
from sim_data.scenario.records import Flame, GroundPatch, HotSpot, Plume, Solid, StagedThing
from sim_data.world.records import CoolingTower, Weather

FIRST_STANDING = 5_000
FIRST_STAGED = 8_000
FIRST_ACTOR = 10_000
FIRST_TREE = 100_000


@dataclass(frozen=True, slots=True)
class VisibleThing:
    """Something that a picture shows, from the geometry of the simulated park.

    Attributes:
        thing_id: the same in every picture.
        class_name: "car", "van", "truck", "bus", "person" and so on.
        box_xyxy_px: its whole outline in the picture, which may reach beyond the picture's edge.
        visible_share: how much of what lies in the picture is not hidden by other things, 0 to 1.
        truncated_share: how much of its box lies outside the picture, 0 to 1.
    """

    thing_id: str
    class_name: str
    box_xyxy_px: BoxXyxyPx
    visible_share: float
    truncated_share: float


class Stage:
    """What is staged at an instant.

    Args:
        things: all of it; vehicles and people are drawn elsewhere, like those of daily life.
        weather: carries plumes.
        time: the instant.
    """

    def __init__(self, things: Sequence[StagedThing], weather: Weather, time: datetime) -> None:
        self._things = list(enumerate(things, FIRST_STAGED))
        self._weather = weather
        self._time = time
        self._seen: list[tuple[str, str, int | None, BoxXyxyPx]] = []

    def flat(self, frame: Frame) -> None:
        """Draw what lies on ground and water."""
        for number, thing in self._things:
            if isinstance(thing, GroundPatch):
                draw_patch(frame, thing, number)
                ring = np.array(thing.outline_m)
                self._note(frame, thing.thing_id, PATCH_CLASSES[thing.surface], number,
                           [(ring, 0.0), (ring, thing.height_m)])  # fmt: skip

    def prisms(self) -> list[Prism]:
        """Return what stands up."""
        found: list[Prism] = []
        for number, thing in self._things:
            if isinstance(thing, Solid):
                found.append(solid_prism(thing, number))
            elif isinstance(thing, GroundPatch):
                found += patch_prisms(thing, number)
        return found

    def above(self, frame: Frame, steaming: Sequence[CoolingTower]) -> None:
        """Draw what is in the air: flames, smoke, steam; and what is too hot."""
        for tower in steaming:
            draw_plume(frame, steam_of(tower, self._time), self._time, self._weather)
        for number, thing in self._things:
            if isinstance(thing, Solid):
                ring = np.array(thing.outline_m)
                levels = [(ring, thing.base_agl_m), (ring, thing.base_agl_m + thing.height_m)]
                self._note(frame, thing.thing_id, BUILD_CLASSES[thing.build], number, levels)
        for _, thing in self._things:
            if isinstance(thing, Plume):
                self._in_air(thing.thing_id, thing.air.value, None,
                             draw_plume(frame, thing, self._time, self._weather))  # fmt: skip
        # Flames shine through their smoke.
        for number, thing in self._things:
            if isinstance(thing, HotSpot):
                outline = draw_hot_spot(frame, thing)
                if outline is not None:
                    self._seen.append((thing.thing_id, "hotspot", None, box_of(outline)))
            elif isinstance(thing, Flame):
                self._in_air(thing.thing_id, "flame", number,
                             draw_flame(frame, thing, number, self._time))  # fmt: skip

    def _in_air(
        self, thing_id: str, class_name: str, number: int | None, box: BoxXyxyPx | None
    ) -> None:
        if box is not None:
            self._seen.append((thing_id, class_name, number, box))

    def _note(
        self,
        frame: Frame,
        thing_id: str,
        class_name: str,
        number: int,
        levels: Sequence[tuple[np.ndarray, float]],
    ) -> None:
        rings = [np.column_stack([ring, np.full(len(ring), up)]) for ring, up in levels]
        outlines = [frame.outline(ring) for ring in rings]
        pixels = np.vstack(outlines)
        if len(pixels):
            self._seen.append((thing_id, class_name, number, box_of(pixels)))

    def visible(self, frame: Frame) -> tuple[VisibleThing, ...]:
        """Return what of it the finished picture shows.

        The share that is visible is of the box that is in the picture for what lies or stands,
        and 1 for what is in the air.
        """
        found = []
        for thing_id, class_name, number, box in self._seen:
            inside = clipped_share(box, frame.shape)
            if inside <= 0.0:
                continue
            share = 1.0
            if number is not None:
                share = min(1.0, frame.share_of_box(number, box) / 0.5)
                if share <= 0.0:
                    continue
            found.append(VisibleThing(thing_id, class_name, box, share, 1.0 - inside))
        return tuple(found)
