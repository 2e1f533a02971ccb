"""What a simulated copter's colour and thermal cameras see of the simulated park."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from park.records import BoxXyxyPx, CameraPose, Intrinsics
from sim_data.camera.backdrop import Backdrop
from sim_data.camera.frame import Frame, box_of, clipped_share
from sim_data.camera.light import light_at
from sim_data.camera.nearby import BoxM, WorldIndex, grown
from sim_data.camera.sheet import FloatArray
from sim_data.camera.solids import Prism, block_prisms, draw_prisms
from sim_data.camera.tiles import Mode, Tiles
from sim_data.camera.view import View
from sim_data.scenario.records import StagedThing, StagedVehicle
from sim_data.world.records import Weather, World
from sim_data.world.scene import Scene, VehicleActor

_CLEAR = Weather()


class LivingWorld(Protocol):
    """Who moves about in the park, and when: `sim_data.world.life.Life`."""

    def at(self, time: datetime, around: tuple[float, float, float] | None = None) -> Scene:
        """Return what is there within a radius of a place, metres of the world's frame."""
        ...


class Staging(Protocol):
    """What a scenario puts into the park: `sim_data.scenario.Scenario`."""

    def staged_at(self, time: datetime) -> tuple[StagedThing, ...]:
        """Return what is staged at an instant."""
        ...


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


class Renderer:
    """Draws pictures of a simulated park; the same seed, pose and time give the same picture.

    Args:
        world: the park.
        life: who moves about in it; None for nobody.
        scenario: what is staged in it; None for nothing.
        seed: of textures and noise.
        weather: of the day; that of the scenario when it has one.
        tiles_mb: memory for the drawn ground, megabytes.
    """

    def __init__(
        self,
        world: World,
        *,
        life: LivingWorld | None,
        scenario: Staging | None = None,
        seed: int,
        weather: Weather | None = None,
        tiles_mb: float = 400.0,
    ) -> None:
        self._world = world
        self._life = life
        self._scenario = scenario
        self._seed = seed
        self.weather = weather or getattr(scenario, "weather", None) or _CLEAR
        self._index = WorldIndex(world)
        self._backdrop = Backdrop(Tiles(self._index, seed, tiles_mb))

    def rgb(self, pose: CameraPose, intrinsics: Intrinsics, time: datetime) -> NDArray[np.uint8]:
        """Return a colour picture, uint8 red, green, blue, shape (height, width, 3)."""
        return np.asarray(self._draw(pose, intrinsics, time, thermal=False)[0].pixels, np.uint8)

    def thermal(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> NDArray[np.uint16]:
        """Return temperatures in hundredths of a kelvin, uint16, shape (height, width)."""
        return np.asarray(self._draw(pose, intrinsics, time, thermal=True)[0].pixels, np.uint16)

    def boxes(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> tuple[VisibleThing, ...]:
        """Return vehicles, people and staged things that a picture shows at least a part of."""
        frame, vehicles, first = self._draw(pose, intrinsics, time, thermal=False)
        found = []
        for number, vehicle in enumerate(vehicles, first):
            corners = _vehicle_corners(vehicle)
            pixels, depth = frame.view.project(corners)
            if depth.min() <= 0.5:
                continue
            box = box_of(pixels)
            inside = clipped_share(box, frame.shape)
            if inside <= 0.0 or not (frame.ids == number).any():
                continue
            found.append(VisibleThing(vehicle.actor_id, vehicle.kind.value, box, 1.0, 1.0 - inside))
        return tuple(found)

    def _draw(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime, *, thermal: bool
    ) -> tuple[Frame, Sequence[VehicleActor], int]:
        frame_of_world = self._world.frame
        light = light_at(time, frame_of_world.lat_deg, frame_of_world.lon_deg, self.weather)
        view = View.of(frame_of_world, pose, intrinsics)
        frame = Frame.blank(view, Mode(light, thermal, self.weather.air_c))
        self._backdrop.ground(frame)
        area = view.footprint(900.0)
        if not len(area):
            return frame, (), 1
        low, high = area.min(axis=0), area.max(axis=0)
        box: BoxM = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        blocks = self._index.blocks.within(grown(box, 60.0))
        prisms = block_prisms(enumerate(blocks, 1))
        vehicles = self._vehicles(time, box)
        first = len(blocks) + 1
        for number, vehicle in enumerate(vehicles, first):
            ring = _vehicle_corners(vehicle)[:4, :2]
            prisms.append(Prism(number, ring, 0.2, vehicle.height_m, vehicle.rgb, vehicle.rgb, 4.0))
        draw_prisms(frame, self._backdrop, prisms, grown(box, 20.0))
        return frame, vehicles, first

    def _vehicles(self, time: datetime, box: BoxM) -> list[VehicleActor]:
        east, north = 0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3])
        radius = 0.5 * float(np.hypot(box[2] - box[0], box[3] - box[1])) + 10.0
        found: list[VehicleActor] = []
        if self._life is not None:
            found += self._life.at(time, around=(east, north, radius)).vehicles
        if self._scenario is not None:
            staged = self._scenario.staged_at(time)
            found += [thing.actor for thing in staged if isinstance(thing, StagedVehicle)]
        return found


def _vehicle_corners(vehicle: VehicleActor) -> FloatArray:
    """Return the corners of a vehicle's box, counter-clockwise, low then high, shape (8, 3)."""
    turn = np.radians(vehicle.heading_deg)
    ahead, right = np.array([np.sin(turn), np.cos(turn)]), np.array([np.cos(turn), -np.sin(turn)])
    half = np.array([vehicle.length_m, vehicle.width_m]) / 2
    middle = np.array([vehicle.east_m, vehicle.north_m])
    ring = np.array(
        [
            middle + ahead * half[0] * a + right * half[1] * b
            for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]
    )
    low = np.column_stack([ring, np.zeros(4)])
    return np.vstack([low, low + np.array([0.0, 0.0, vehicle.height_m])])
