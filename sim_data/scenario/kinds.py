"""Every type that can be staged: where, how large, how many, and by which builder.

All incident types of `park.taxonomy` are here, and all look-alikes. docs/scenarios.md lists the
same for people.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from park.errors import SimulationError
from park.taxonomy import INCIDENT_TYPES
from sim_data.scenario import build_air as air
from sim_data.scenario import build_ground as ground
from sim_data.scenario import build_people as people
from sim_data.scenario import build_traffic as traffic
from sim_data.scenario.draft import Draft, Staging
from sim_data.scenario.places import PlaceKind
from sim_data.scenario.records import Difficulty, LookAlike
from sim_data.world.scene import VehicleKind


class On(StrEnum):
    """What a staged thing may stand on."""

    GROUND = "ground"
    """Free ground: no building, no tree, no water, no road."""
    ROAD = "road"
    """As ground, and also roads and car parks."""
    ANY = "any"
    """Fixed to what it is of: a stack, a roof, water."""


@dataclass(frozen=True, slots=True)
class StageKind:
    """How one type is staged.

    Attributes:
        type: an incident type or a look-alike.
        places: where it is usual, the first that the park has.
        bound: it can only be in a place of these kinds; else anywhere on suitable ground.
        on: what it may stand on.
        sizes_m: size by difficulty: easy, medium, hard.
        limits_m: smallest and largest size.
        size: what the size is, in words.
        build: makes it.
        count: usual number, and the most; None for a single thing.
        variants: what it may be; the first is the usual one where chance is not wanted.
        least_s: the shortest that makes sense.
    """

    type: str
    places: tuple[PlaceKind, ...]
    bound: bool
    on: On
    sizes_m: tuple[float, float, float]
    limits_m: tuple[float, float]
    size: str
    build: Callable[[Draft], Staging]
    count: tuple[int, int] | None = None
    variants: tuple[str, ...] = ()
    least_s: float = 1.0

    @property
    def must_fire(self) -> bool:
        """Whether it is an incident; else it is a look-alike that must not be reported."""
        return self.type in INCIDENT_TYPES

    def size_m(self, difficulty: Difficulty) -> float:
        """Return the size that goes with a difficulty."""
        return self.sizes_m[list(Difficulty).index(difficulty)]


_P = PlaceKind
_VEHICLES = tuple(kind.value for kind in VehicleKind if kind is not VehicleKind.BUS)


def _incidents() -> tuple[StageKind, ...]:
    make = StageKind
    yards = (_P.CONSTRUCTION, _P.STOCKYARD, _P.GREEN, _P.PARK)
    return (
        make("open_flame", (_P.CONSTRUCTION, _P.STOCKYARD, _P.FACTORY, _P.GREEN, _P.PARK), False,
             On.GROUND, (3.0, 2.0, 1.0), (0.4, 15.0), "width of the fire", air.open_flame),
        make("smoke", (_P.CONSTRUCTION, _P.STOCKYARD, _P.WAREHOUSE, _P.GREEN, _P.PARK), False,
             On.GROUND, (40.0, 25.0, 12.0), (4.0, 200.0), "how far it drifts", air.smoke,
             variants=("grey", "black"), least_s=10.0),
        make("person_in_restricted_zone", (_P.RESTRICTED,), True, On.ROAD, (4.0, 4.0, 4.0),
             (1.0, 40.0), "length of the way walked", people.person_in_zone, count=(1, 20)),
        make("no_hard_hat", (_P.HARD_HAT,), True, On.ROAD, (4.0, 4.0, 4.0), (1.0, 40.0),
             "length of the way walked", people.person_in_zone, count=(1, 20)),
        make("overheating_equipment", (_P.EQUIPMENT, _P.ROOF), True, On.ANY, (1.6, 1.0, 0.5),
             (0.2, 5.0), "width of the hot spot", air.overheating_equipment),
        make("smoke_plume", (_P.STACK,), True, On.ANY, (90.0, 60.0, 30.0), (10.0, 500.0),
             "length of the plume", air.smoke_plume, variants=("black", "yellow"), least_s=10.0),
        make("discoloured_water", (_P.OUTFALL, _P.WATER), True, On.ANY, (30.0, 18.0, 9.0),
             (3.0, 200.0), "length of the stain", ground.discoloured_water,
             variants=("red", "milky", "black")),
        make("bare_soil", yards, False, On.GROUND, (24.0, 14.0, 8.0), (3.0, 80.0),
             "width of the soil or heap", ground.bare_soil, variants=("soil", "stockpile")),
        make("dumped_rubbish", (_P.GREEN, _P.STOCKYARD, _P.PARK), False, On.GROUND,
             (6.0, 3.5, 1.8), (0.8, 20.0), "width of the heap", ground.dumped_rubbish),
        make("illegal_parking", (_P.NO_PARKING,), True, On.ROAD, (1.0, 1.0, 1.0), (1.0, 1.0),
             "none: a vehicle has the size of its kind", traffic.parked_vehicle, count=(1, 8),
             variants=_VEHICLES),
        make("vehicle_in_forbidden_zone", (_P.FIRE_LANE,), True, On.ROAD, (1.0, 1.0, 1.0),
             (1.0, 1.0), "none: a vehicle has the size of its kind", traffic.parked_vehicle,
             count=(1, 8), variants=_VEHICLES),
        make("too_many_vehicles", (_P.VEHICLE_LIMIT,), True, On.ROAD, (1.0, 1.0, 1.0),
             (1.0, 1.0), "none: `count` vehicles above the limit", traffic.too_many_vehicles,
             count=(3, 40)),
        make("congestion", (_P.ROAD,), True, On.ROAD, (90.0, 60.0, 40.0), (20.0, 400.0),
             "length of the queue", traffic.congestion, least_s=30.0),
        make("road_obstruction", (_P.ROAD,), True, On.ROAD, (4.0, 2.5, 1.5), (0.6, 12.0),
             "longest side", ground.road_obstruction),
        make("crowd_on_carriageway", (_P.ROAD,), True, On.ROAD, (5.0, 5.0, 5.0), (2.0, 40.0),
             "width of the crowd", people.crowd, count=(12, 200)),
        make("perimeter_intrusion", (_P.PERIMETER,), True, On.GROUND, (10.0, 8.0, 6.0),
             (3.0, 40.0), "how far in they go", people.perimeter_intrusion, count=(1, 10)),
        make("gathering", (_P.PUBLIC, _P.GREEN, _P.PARK), False, On.GROUND, (6.0, 6.0, 6.0),
             (2.0, 40.0), "width of the crowd", people.crowd, count=(15, 200)),
        make("new_structure", (_P.CONSTRUCTION, _P.GREEN, _P.PARK), False, On.GROUND,
             (14.0, 9.0, 5.0), (2.5, 40.0), "longest side", ground.new_structure),
        make("occupied_public_space", (_P.PUBLIC, _P.WALK, _P.GREEN, _P.PARK), False, On.GROUND,
             (6.0, 4.0, 2.5), (1.0, 20.0), "width of the goods", ground.occupied_public_space,
             count=(4, 30)),
    )  # fmt: skip


def _look_alikes() -> tuple[StageKind, ...]:
    make = StageKind
    return (
        make(LookAlike.STEAM.value, (_P.COOLING_TOWER,), True, On.ANY, (40.0, 25.0, 15.0),
             (4.0, 150.0), "how far it drifts", air.steam),
        make(LookAlike.RED_ROOF.value, (_P.ROOF,), True, On.ANY, (12.0, 8.0, 5.0), (2.0, 60.0),
             "longest side", ground.red_roof),
        make(LookAlike.WAITING_CAR.value, (_P.JUNCTION,), True, On.ROAD, (1.0, 1.0, 1.0),
             (1.0, 1.0), "none: a car has the size of a car", traffic.waiting_car, least_s=10.0),
        make(LookAlike.COVERED_STOCKPILE.value,
             (_P.STOCKYARD, _P.CONSTRUCTION, _P.GREEN, _P.PARK), False, On.GROUND,
             (20.0, 14.0, 8.0), (3.0, 80.0), "width of the heap", ground.covered_stockpile),
        make(LookAlike.WORKER_WITH_HAT.value, (_P.HARD_HAT,), True, On.ROAD, (4.0, 4.0, 4.0),
             (1.0, 40.0), "length of the way walked", people.person_in_zone, count=(1, 20)),
        make(LookAlike.CLOUD_SHADOW.value, (_P.WATER,), True, On.ANY, (80.0, 60.0, 40.0),
             (10.0, 400.0), "width of the shadow", air.cloud_shadow),
        make(LookAlike.SUN_GLINT.value, (_P.WATER,), True, On.ANY, (12.0, 8.0, 5.0), (1.0, 60.0),
             "width of the glint", air.sun_glint),
    )  # fmt: skip


STAGE_KINDS: Mapping[str, StageKind] = MappingProxyType(
    {kind.type: kind for kind in (*_incidents(), *_look_alikes())}
)
"""Everything that can be staged, by type."""


def stage_kind(type_id: str) -> StageKind:
    """Return how a type is staged.

    Raises:
        SimulationError: there is no such type; the message has the near ones and all.
    """
    found = STAGE_KINDS.get(type_id)
    if found is None:
        near = difflib.get_close_matches(type_id, STAGE_KINDS, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise SimulationError(
            f"there is no type {type_id!r} to stage; {hint}types are {', '.join(STAGE_KINDS)}"
        )
    return found
