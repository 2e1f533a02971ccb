"""What a scenario puts into the simulated park: things to draw, and what is true about them.

Places are metres of the world's frame, `(east_m, north_m)`; heights are above the ground there;
headings are clockwise from north. A renderer draws each `StagedThing` by its class and needs
nothing else: whatever changes with time (a person who walks, a flame that has just begun) is
already worked out for the moment that was asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from park.errors import RecordError
from park.taxonomy import INCIDENT_TYPES, incident_type
from sim_data.world.records import Rgb
from sim_data.world.scene import PersonActor, VehicleActor

PointM = tuple[float, float]
"""East and north in metres of the world's frame."""


class Difficulty(StrEnum):
    """How hard a staged thing is to see."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class LookAlike(StrEnum):
    """What looks like an incident and must not be reported as one."""

    STEAM = "steam"
    RED_ROOF = "red_roof"
    WAITING_CAR = "waiting_car"
    COVERED_STOCKPILE = "covered_stockpile"
    WORKER_WITH_HAT = "worker_with_hat"
    CLOUD_SHADOW = "cloud_shadow"
    SUN_GLINT = "sun_glint"


MISTAKEN_FOR: dict[LookAlike, tuple[str, ...]] = {
    LookAlike.STEAM: ("smoke", "smoke_plume"),
    LookAlike.RED_ROOF: ("open_flame",),
    LookAlike.WAITING_CAR: ("illegal_parking", "congestion"),
    LookAlike.COVERED_STOCKPILE: ("bare_soil",),
    LookAlike.WORKER_WITH_HAT: ("no_hard_hat",),
    LookAlike.CLOUD_SHADOW: ("discoloured_water",),
    LookAlike.SUN_GLINT: ("discoloured_water", "open_flame"),
}
"""The incident types that a look-alike tempts one to report."""


class Air(StrEnum):
    """What a plume is made of."""

    SMOKE = "smoke"
    STEAM = "steam"


class Surface(StrEnum):
    """What a patch on ground or water looks like."""

    STAINED_WATER = "stained_water"
    BARE_SOIL = "bare_soil"
    RUBBISH = "rubbish"
    CLOUD_SHADOW = "cloud_shadow"
    SUN_GLINT = "sun_glint"


class Build(StrEnum):
    """What a solid thing is."""

    STRUCTURE = "structure"
    STOCKPILE = "stockpile"
    COVERED_STOCKPILE = "covered_stockpile"
    OBSTACLE = "obstacle"
    GOODS = "goods"
    RED_ROOF = "red_roof"


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise RecordError(message)


def _need_place(thing_id: str, *numbers: float) -> None:
    _need(all(math.isfinite(n) for n in numbers), f"{thing_id}: its place or size is no number")


def _need_outline(thing_id: str, outline_m: tuple[PointM, ...]) -> None:
    _need(len(outline_m) >= 3, f"{thing_id}: an outline needs three corners or more")
    _need_place(thing_id, *(number for corner in outline_m for number in corner))


@dataclass(frozen=True, slots=True)
class Flame:
    """An open fire.

    Attributes:
        thing_id: names it in truth tables and boxes.
        stage_id: the stage that it belongs to.
        at_m: its middle.
        base_agl_m: height of its foot.
        radius_m: half its width on the ground.
        height_m: mean height of the flames; they flicker with time.
        temperature_degc: of its hottest part.
        strength: how clearly it shows, 0 to 1.
        begun: when it began.
    """

    thing_id: str
    stage_id: str
    at_m: PointM
    base_agl_m: float
    radius_m: float
    height_m: float
    temperature_degc: float
    strength: float
    begun: datetime

    def __post_init__(self) -> None:
        _need_place(self.thing_id, *self.at_m, self.base_agl_m)
        _need(self.radius_m > 0 and self.height_m > 0, f"{self.thing_id}: a flame needs a size")
        _need(0.0 < self.strength <= 1.0, f"{self.thing_id}: strength is not in 0..1")


@dataclass(frozen=True, slots=True)
class Plume:
    """Smoke or steam that rises and drifts with the wind of the scenario.

    Attributes:
        thing_id: names it in truth tables and boxes.
        stage_id: the stage that it belongs to.
        air: smoke or steam.
        at_m: where it comes out.
        base_agl_m: height of the mouth it comes out of; 0 for a fire on the ground.
        mouth_radius_m: half its width there.
        length_m: how far it can be seen downwind when it has grown.
        rise_m: how much higher than its mouth its far end is.
        rgb: its colour in daylight.
        opacity: of its densest part, 0 to 1.
        temperature_degc: at the mouth.
        begun: when it began; it is shorter while the wind has not carried it far.
    """

    thing_id: str
    stage_id: str
    air: Air
    at_m: PointM
    base_agl_m: float
    mouth_radius_m: float
    length_m: float
    rise_m: float
    rgb: Rgb
    opacity: float
    temperature_degc: float
    begun: datetime

    def __post_init__(self) -> None:
        _need_place(self.thing_id, *self.at_m, self.base_agl_m, self.rise_m)
        _need(
            self.mouth_radius_m > 0 and self.length_m > 0, f"{self.thing_id}: a plume needs a size"
        )
        _need(0.0 < self.opacity <= 1.0, f"{self.thing_id}: opacity is not in 0..1")


@dataclass(frozen=True, slots=True)
class GroundPatch:
    """Something flat on ground or water.

    Attributes:
        thing_id: names it in truth tables and boxes.
        stage_id: the stage that it belongs to.
        surface: what it looks like.
        outline_m: its edge, counter-clockwise, not closed.
        rgb: its colour in daylight; a cloud shadow and a glint only change the light.
        strength: how much of what is below it covers, 0 to 1.
        height_m: highest part above the ground (a heap of rubbish); 0 when flat.
    """

    thing_id: str
    stage_id: str
    surface: Surface
    outline_m: tuple[PointM, ...]
    rgb: Rgb
    strength: float
    height_m: float = 0.0

    def __post_init__(self) -> None:
        _need_outline(self.thing_id, self.outline_m)
        _need(0.0 < self.strength <= 1.0, f"{self.thing_id}: strength is not in 0..1")
        _need(self.height_m >= 0, f"{self.thing_id}: height_m is negative")


@dataclass(frozen=True, slots=True)
class Solid:
    """Something with walls or slopes that throws a shadow.

    Attributes:
        thing_id: names it in truth tables and boxes.
        stage_id: the stage that it belongs to.
        build: what it is.
        outline_m: its edge on the ground, counter-clockwise, not closed.
        base_agl_m: height of its foot (a red roof lies on a building).
        height_m: height of its top above its foot.
        rgb: its colour from above in daylight.
    """

    thing_id: str
    stage_id: str
    build: Build
    outline_m: tuple[PointM, ...]
    base_agl_m: float
    height_m: float
    rgb: Rgb

    def __post_init__(self) -> None:
        _need_outline(self.thing_id, self.outline_m)
        _need(self.height_m > 0, f"{self.thing_id}: height_m {self.height_m} is not positive")
        _need(self.base_agl_m >= 0, f"{self.thing_id}: base_agl_m is negative")


@dataclass(frozen=True, slots=True)
class HotSpot:
    """A surface that is too hot: seen in thermal pictures only.

    Attributes:
        thing_id: names it in truth tables and boxes.
        stage_id: the stage that it belongs to.
        at_m: its middle.
        base_agl_m: height of the surface.
        radius_m: half its width.
        temperature_degc: of its hottest part.
    """

    thing_id: str
    stage_id: str
    at_m: PointM
    base_agl_m: float
    radius_m: float
    temperature_degc: float

    def __post_init__(self) -> None:
        _need_place(self.thing_id, *self.at_m, self.base_agl_m)
        _need(self.radius_m > 0, f"{self.thing_id}: radius_m {self.radius_m} is not positive")


@dataclass(frozen=True, slots=True)
class StagedVehicle:
    """A vehicle that a scenario put there, drawn like those of the usual traffic.

    Attributes:
        thing_id: names it in truth tables and boxes; the actor's id too.
        stage_id: the stage that it belongs to.
        actor: the vehicle at the moment asked for.
    """

    thing_id: str
    stage_id: str
    actor: VehicleActor


@dataclass(frozen=True, slots=True)
class StagedPerson:
    """A person that a scenario put there, drawn like those who walk about anyway.

    Attributes:
        thing_id: names it in truth tables and boxes; the actor's id too.
        stage_id: the stage that it belongs to.
        actor: the person at the moment asked for.
    """

    thing_id: str
    stage_id: str
    actor: PersonActor


StagedThing = Flame | Plume | GroundPatch | Solid | HotSpot | StagedVehicle | StagedPerson
"""Anything that a scenario puts into the park, at one moment."""


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One staged thing as it was: what the system should have said, or should not.

    Attributes:
        truth_id: the stage's id; unique within a scenario.
        type: an incident type of the taxonomy, or a look-alike.
        must_fire: True for an incident, False for a look-alike.
        lat_deg: WGS84 latitude of its middle.
        lon_deg: WGS84 longitude of its middle.
        extent_m: radius around its middle that holds all of it.
        first_time: when it began.
        last_time: when it ended.
        measure: its size in `unit`.
        unit: the taxonomy's unit of its type; empty for a look-alike.
        difficulty: how hard it is to see.
        zone_id: the zone whose rule it breaks, where it was staged in one; else empty.
        object_ids: the things of the simulated park that it is made of.
    """

    truth_id: str
    type: str
    must_fire: bool
    lat_deg: float
    lon_deg: float
    extent_m: float
    first_time: datetime
    last_time: datetime
    measure: float
    unit: str
    difficulty: Difficulty
    zone_id: str
    object_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        _need(bool(self.truth_id), "a truth row needs an id")
        known = INCIDENT_TYPES if self.must_fire else tuple(LookAlike)
        if self.type not in known:
            if self.must_fire:
                incident_type(self.type)
            raise RecordError(f"{self.truth_id}: there is no look-alike {self.type!r}")
        for name, time in (("first_time", self.first_time), ("last_time", self.last_time)):
            _need(time.utcoffset() is not None, f"{self.truth_id}: {name} has no time zone")
        _need(self.first_time <= self.last_time, f"{self.truth_id}: it ends before it begins")
        _need(
            -90.0 <= self.lat_deg <= 90.0 and -180.0 <= self.lon_deg <= 180.0,
            f"{self.truth_id}: {self.lat_deg}, {self.lon_deg} is no place on earth",
        )
        _need(
            math.isfinite(self.extent_m) and self.extent_m >= 0,
            f"{self.truth_id}: extent_m {self.extent_m} is not zero or more",
        )
        _need(math.isfinite(self.measure), f"{self.truth_id}: measure is not a number")

    @property
    def duration_s(self) -> float:
        """Return for how long it was there, seconds."""
        return (self.last_time - self.first_time).total_seconds()


@dataclass(frozen=True, slots=True)
class TruePosition:
    """Where a thing really was at a moment.

    Attributes:
        time: the moment.
        object_id: names the thing.
        class_name: what it is: "car", "van", "truck", "bus", "person" and so on.
        lat_deg: WGS84 latitude of its middle.
        lon_deg: WGS84 longitude of its middle.
        heading_deg: where its front points, clockwise from north.
        speed_mps: over ground.
    """

    time: datetime
    object_id: str
    class_name: str
    lat_deg: float
    lon_deg: float
    heading_deg: float
    speed_mps: float

    def __post_init__(self) -> None:
        _need(self.time.utcoffset() is not None, f"{self.object_id}: its time has no time zone")
        _need(
            -90.0 <= self.lat_deg <= 90.0 and -180.0 <= self.lon_deg <= 180.0,
            f"{self.object_id}: {self.lat_deg}, {self.lon_deg} is no place on earth",
        )
