"""What a simulated copter's colour and thermal cameras see of the simulated park."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from park.records import CameraPose, Intrinsics
from sim_data.camera.actors import (
    cast_shadows,
    outline_m,
    placed_person,
    placed_tree,
    placed_vehicle,
    when_key,
)
from sim_data.camera.backdrop import Backdrop
from sim_data.camera.frame import Frame, box_of, clipped_share
from sim_data.camera.light import Light, light_at
from sim_data.camera.nearby import BoxM, WorldIndex, grown
from sim_data.camera.sensor import add_haze, expose
from sim_data.camera.solids import block_prisms, draw_prisms
from sim_data.camera.sprites import Placed, Sprites
from sim_data.camera.stage import FIRST_ACTOR, FIRST_STANDING, FIRST_TREE, Stage, VisibleThing
from sim_data.camera.standing import draw_fences, draw_poles, standing_prisms
from sim_data.camera.tiles import Mode, Tiles
from sim_data.camera.view import MIN_DEPTH_M, View
from sim_data.camera.worn import worn_by
from sim_data.scenario.records import StagedThing
from sim_data.world.records import Weather, World
from sim_data.world.scene import PersonActor, Scene, VehicleActor

_CLEAR = Weather()
_FAR_M = 900.0
"""Nothing that stands further away than this is drawn."""


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

    def joined(self, scene: Scene) -> Scene:
        """Return a scene with staged vehicles and people in it, and nobody in their way."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    frame: Frame
    things: Sequence[Placed]
    names: Sequence[tuple[str, str]]
    people: dict[int, PersonActor]
    covered: dict[int, int]
    staged: tuple[VisibleThing, ...]


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
        self._tiles = Tiles(self._index, seed, tiles_mb)
        self._backdrop = Backdrop(self._tiles)
        self._sprites = Sprites(64.0)

    @property
    def kept_bytes(self) -> int:
        """Memory that the drawn ground and roofs take now."""
        return self._tiles.kept_bytes

    def rgb(
        self,
        pose: CameraPose,
        intrinsics: Intrinsics,
        time: datetime,
        *,
        velocity_mps: tuple[float, float, float] | None = None,
    ) -> NDArray[np.uint8]:
        """Return a colour picture, uint8 red, green, blue, shape (height, width, 3).

        Args:
            pose: where the camera is; `alt_home_m` counts from the flat ground.
            intrinsics: its lens.
            time: when.
            velocity_mps: of the camera, east, north, up, which blurs; None when it hovers.
        """
        frame = self._draw(pose, intrinsics, time, thermal=False).frame
        moving = None if velocity_mps is None else np.array(velocity_mps)
        expose(frame, moving, when_key(time) + self._seed)
        return np.asarray(frame.pixels, np.uint8)

    def thermal(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> NDArray[np.uint16]:
        """Return temperatures in hundredths of a kelvin, uint16, shape (height, width)."""
        frame = self._draw(pose, intrinsics, time, thermal=True).frame
        expose(frame, None, when_key(time) + self._seed)
        return np.asarray(frame.pixels, np.uint16)

    def boxes(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> tuple[VisibleThing, ...]:
        """Return vehicles, people and staged things that a picture shows at least a part of.

        Of people, what they wear on head and chest as well.
        """
        drawn = self._draw(pose, intrinsics, time, thermal=False)
        frame = drawn.frame
        numbers, sizes = np.unique(frame.ids, return_counts=True)
        counts = dict(zip(numbers.tolist(), sizes.tolist(), strict=True))
        found = list(drawn.staged)
        for thing, (thing_id, class_name) in zip(drawn.things, drawn.names, strict=True):
            own, shown = drawn.covered.get(thing.number, 0), counts.get(thing.number, 0)
            if not own or not shown:
                continue
            pixels, depth = frame.view.project(outline_m(thing))
            if depth.min() <= MIN_DEPTH_M:
                continue
            box = box_of(pixels)
            inside = clipped_share(box, frame.shape)
            if inside > 0.0:
                share = min(1.0, shown / own)
                found.append(VisibleThing(thing_id, class_name, box, share, 1.0 - inside))
            who = drawn.people.get(thing.number)
            if who is not None:
                found += worn_by(frame, thing, who)
        return tuple(found)

    def _draw(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime, *, thermal: bool
    ) -> _Drawn:
        world_frame = self._world.frame
        light = light_at(time, world_frame.lat_deg, world_frame.lon_deg, self.weather)
        view = View.of(world_frame, pose, intrinsics)
        frame = Frame.blank(view, Mode(light, thermal, self.weather.air_c))
        self._backdrop.ground(frame)
        area = view.footprint(_FAR_M)
        if not len(area):
            return _Drawn(frame, (), (), {}, {}, ())
        low, high = area.min(axis=0), area.max(axis=0)
        box: BoxM = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        staged = self._scenario.staged_at(time) if self._scenario is not None else ()
        stage = Stage(staged, self.weather, time)
        stage.flat(frame)
        things, names, people = self._actors(time, box, light)
        cast_shadows(frame, things)
        blocks = self._index.blocks.within(grown(box, 60.0))
        prisms = block_prisms(enumerate(blocks, 1))
        prisms += standing_prisms(self._index, box, FIRST_STANDING)
        prisms += stage.prisms()
        draw_prisms(frame, self._backdrop, prisms, grown(box, 20.0))
        draw_fences(frame, self._index, box)
        trees = [
            placed_tree(FIRST_TREE + number, tree)
            for number, tree in enumerate(self._index.trees.within(grown(box, 8.0)))
        ]
        bodies = {prism.number: prism for prism in prisms}
        covered = self._sprites.draw(frame, [*things, *trees], bodies)
        draw_poles(frame, self._index, box, FIRST_STANDING - 1)
        stage.above(frame, [tower for tower in self._index.towers.within(box) if tower.steams])
        add_haze(frame, self.weather.visibility_m)
        return _Drawn(frame, things, names, people, covered, stage.visible(frame))

    def _actors(
        self, time: datetime, box: BoxM, light: Light
    ) -> tuple[list[Placed], list[tuple[str, str]], dict[int, PersonActor]]:
        """Return vehicles and people to draw, what they are called, and people by number."""
        vehicles, walkers = self._living(time, box)
        tiles = self._tiles
        things: list[Placed] = []
        names: list[tuple[str, str]] = []
        for vehicle in vehicles:
            sunlit = tiles.sunlit(vehicle.east_m, vehicle.north_m, light) > 0.5
            things.append(placed_vehicle(FIRST_ACTOR + len(things), vehicle, sunlit))
            names.append((vehicle.actor_id, vehicle.kind.value))
        people: dict[int, PersonActor] = {}
        for who in walkers:
            sunlit = tiles.sunlit(who.east_m, who.north_m, light) > 0.5
            people[FIRST_ACTOR + len(things)] = who
            things.append(placed_person(FIRST_ACTOR + len(things), who, sunlit))
            names.append((who.actor_id, "person"))
        return things, names, people

    def _living(self, time: datetime, box: BoxM) -> tuple[list[VehicleActor], list[PersonActor]]:
        east, north = 0.5 * (box[0] + box[2]), 0.5 * (box[1] + box[3])
        radius = 0.5 * float(np.hypot(box[2] - box[0], box[3] - box[1])) + 10.0
        scene = Scene(time, (), ())
        if self._life is not None:
            scene = self._life.at(time, around=(east, north, radius))
        if self._scenario is not None:
            scene = self._scenario.joined(scene)
        west, south, far_east, far_north = grown(box, 15.0)
        return (
            [
                one
                for one in scene.vehicles
                if west < one.east_m < far_east and south < one.north_m < far_north
            ],
            [
                one
                for one in scene.people
                if west < one.east_m < far_east and south < one.north_m < far_north
            ],
        )
