"""A small park made by hand, with one of most things, where a test knows what lies where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shapely.geometry import LineString, Polygon, box

from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.scenario.records import StagedPerson, StagedThing, StagedVehicle
from sim_data.world.records import (
    Block,
    BlockUse,
    Marking,
    Material,
    Patch,
    RoofKind,
    Tree,
    Water,
    WaterKind,
    World,
)
from sim_data.world.scene import PersonActor, Scene, VehicleActor, VehicleKind

FRAME = LocalFrame(30.2, 123.4)
NOON = datetime(2026, 6, 21, 3, 50, tzinfo=UTC)
"""The sun stands high in the south there."""
MIDNIGHT = datetime(2026, 6, 20, 16, 0, tzinfo=UTC)
LENS = Intrinsics.from_fov(640, 360, 70.0)
RED_DOT = (30.0, 10.0)
"""Middle of a red square metre on asphalt."""


def red_square(east_m: float, north_m: float) -> Marking:
    line = LineString([(east_m - 0.5, north_m), (east_m + 0.5, north_m)])
    return Marking(line, 1.0, (250, 10, 10))


def small_park() -> World:
    """Asphalt in the east half, lawn in the west, a hall, a pond and a tree."""
    east_half = box(0, -100, 120, 100)
    hall = Block(
        "hall", "plot", box(-60, -20, -30, 20), 10.0, 0.0, BlockUse.WAREHOUSE, RoofKind.METAL,
        (205, 208, 210), (150, 140, 126), 0.0, 5,
    )  # fmt: skip
    return World(
        seed=1,
        km2=1.0,
        frame=FRAME,
        start=datetime(2026, 6, 21, tzinfo=UTC),
        boundary=box(-120, -100, 120, 100),
        site_file={},
        patches=(
            Patch(box(-120, -100, 0, 100), Material.LAWN, 0),
            Patch(east_half, Material.ASPHALT, 1),
        ),
        markings=(red_square(*RED_DOT), red_square(60.0, -30.0), red_square(10.0, 35.0)),
        blocks=(hall,),
        waters=(Water("pond", box(-110, 40, -70, 80), WaterKind.POND, (60, 88, 92)),),
        trees=(Tree(-15.0, 40.0, 3.0, 8.0),),
    )


def pose_at(
    east_m: float,
    north_m: float,
    height_m: float,
    yaw_deg: float = 0.0,
    pitch_deg: float = -90.0,
    roll_deg: float = 0.0,
) -> CameraPose:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return CameraPose(lat_deg, lon_deg, height_m, None, yaw_deg, pitch_deg, roll_deg)


def car(
    name: str, east_m: float, north_m: float, heading_deg: float = 0.0, *, parked: bool = False
) -> VehicleActor:
    return VehicleActor(
        name, VehicleKind.CAR, east_m, north_m, heading_deg, 0.0, 4.6, 1.82, 1.5, (232, 233, 232),
        parked,
    )  # fmt: skip


def walker(name: str, east_m: float, north_m: float) -> PersonActor:
    return PersonActor(name, east_m, north_m, 90.0, 1.2, True, (245, 205, 40), True, (240, 110, 20))


class StandingStill:
    """A life in which the same vehicles and people always stand in the same places."""

    def __init__(
        self, vehicles: Sequence[VehicleActor] = (), people: Sequence[PersonActor] = ()
    ) -> None:
        self.vehicles = tuple(vehicles)
        self.people = tuple(people)

    def at(self, time: datetime, around: tuple[float, float, float] | None = None) -> Scene:
        assert around is not None, "the renderer asks for what is near only"
        return Scene(time, self.vehicles, self.people)


class Staged:
    """A scenario in which the same things are always staged."""

    def __init__(self, *things: StagedThing) -> None:
        self.things = things

    def staged_at(self, time: datetime) -> tuple[StagedThing, ...]:
        return self.things

    def joined(self, scene: Scene) -> Scene:
        cars = (one.actor for one in self.things if isinstance(one, StagedVehicle))
        people = (one.actor for one in self.things if isinstance(one, StagedPerson))
        return Scene(scene.time, (*scene.vehicles, *cars), (*scene.people, *people))


def square(east_m: float, north_m: float, half_m: float) -> tuple[tuple[float, float], ...]:
    ring = Polygon(box(east_m - half_m, north_m - half_m, east_m + half_m, north_m + half_m))
    return tuple((x, y) for x, y in list(ring.exterior.coords)[:-1])
