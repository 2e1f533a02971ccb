"""What moves or stands for a while in a simulated park at one instant: vehicles and people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from park.errors import RecordError
from sim_data.world.records import Rgb


class VehicleKind(StrEnum):
    """Kinds of vehicles; each is also a class of `park.taxonomy`."""

    CAR = "car"
    VAN = "van"
    TRUCK = "truck"
    BUS = "bus"


VEHICLE_SIZES_M: dict[VehicleKind, tuple[float, float, float]] = {
    VehicleKind.CAR: (4.6, 1.82, 1.5),
    VehicleKind.VAN: (5.4, 2.0, 2.2),
    VehicleKind.TRUCK: (9.6, 2.5, 3.6),
    VehicleKind.BUS: (11.6, 2.55, 3.2),
}
"""Length, width and height of a usual vehicle of each kind, metres."""


@dataclass(frozen=True, slots=True)
class VehicleActor:
    """A vehicle at one instant.

    Attributes:
        actor_id: the same at every instant.
        kind: what it is.
        east_m: its middle.
        north_m: its middle.
        heading_deg: where its front points.
        speed_mps: 0 when it stands.
        length_m: from front to back.
        width_m: without mirrors.
        height_m: of its roof.
        rgb: its paint.
        parked: stands in a bay with its engine cold; else it is in traffic.
    """

    actor_id: str
    kind: VehicleKind
    east_m: float
    north_m: float
    heading_deg: float
    speed_mps: float
    length_m: float
    width_m: float
    height_m: float
    rgb: Rgb
    parked: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.east_m) and math.isfinite(self.north_m)):
            raise RecordError(f"vehicle {self.actor_id} has no place")
        if not self.length_m > self.width_m > 0.0:
            raise RecordError(
                f"vehicle {self.actor_id} of {self.length_m} x {self.width_m} m is no vehicle"
            )


@dataclass(frozen=True, slots=True)
class PersonActor:
    """A person at one instant.

    Attributes:
        actor_id: the same at every instant.
        east_m: where.
        north_m: where.
        heading_deg: where they face.
        speed_mps: 0 when they stand.
        hard_hat: whether they wear one.
        hat_rgb: its colour, or that of the hair.
        vest: whether they wear a bright vest.
        rgb: colour of vest or clothes.
        height_m: from foot to head.
        phase: where in a step they are, 0 to 1.
    """

    actor_id: str
    east_m: float
    north_m: float
    heading_deg: float
    speed_mps: float
    hard_hat: bool
    hat_rgb: Rgb
    vest: bool
    rgb: Rgb
    height_m: float = 1.72
    phase: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.east_m) and math.isfinite(self.north_m)):
            raise RecordError(f"person {self.actor_id} has no place")


@dataclass(frozen=True, slots=True)
class Scene:
    """Who and what is there at one instant.

    Attributes:
        time: the instant.
        vehicles: in traffic and parked.
        people: walking and standing.
    """

    time: datetime
    vehicles: tuple[VehicleActor, ...]
    people: tuple[PersonActor, ...]

    def __post_init__(self) -> None:
        if self.time.utcoffset() is None:
            raise RecordError("the time of a scene has no time zone")
