"""What the vehicles of a simulated park look like."""

from __future__ import annotations

from sim_data.world.dice import throw
from sim_data.world.records import Rgb
from sim_data.world.scene import VEHICLE_SIZES_M, VehicleActor, VehicleKind

_CARS: tuple[Rgb, ...] = (
    (232, 232, 230),
    (238, 238, 236),
    (34, 36, 40),
    (62, 64, 70),
    (168, 172, 176),
    (126, 132, 138),
    (142, 40, 40),
    (44, 70, 122),
    (92, 112, 140),
    (112, 92, 74),
)
_VANS: tuple[Rgb, ...] = ((236, 236, 232), (214, 214, 208), (196, 168, 60), (88, 104, 118))
_TRUCKS: tuple[Rgb, ...] = ((38, 82, 140), (150, 44, 36), (206, 206, 200), (52, 104, 72))
_BUSES: tuple[Rgb, ...] = ((226, 226, 220), (52, 118, 168), (70, 140, 84))
_PAINTS = {
    VehicleKind.CAR: _CARS,
    VehicleKind.VAN: _VANS,
    VehicleKind.TRUCK: _TRUCKS,
    VehicleKind.BUS: _BUSES,
}


def vehicle_kind(dice: float, *, large: bool) -> VehicleKind:
    """Return a kind for a number from 0 to 1; trucks and buses only where there is room."""
    if large and dice < 0.55:
        return VehicleKind.TRUCK if dice < 0.42 else VehicleKind.BUS
    return VehicleKind.CAR if (dice * 7.0) % 1.0 < 0.78 else VehicleKind.VAN


def vehicle(
    actor_id: str,
    kind: VehicleKind,
    place: tuple[float, float, float],
    speed_mps: float,
    numbers: tuple[int, ...],
    *,
    parked: bool = False,
) -> VehicleActor:
    """Return a vehicle at a place (east, north, heading); its size and paint follow numbers."""
    length, width, height = VEHICLE_SIZES_M[kind]
    # Vehicles of a kind differ; lengths shrink only, so that gaps hold.
    size = 0.91 + 0.09 * throw(*numbers, 21)
    paints = _PAINTS[kind]
    return VehicleActor(
        actor_id,
        kind,
        place[0],
        place[1],
        place[2],
        speed_mps,
        length * size,
        width * (0.97 + 0.03 * size),
        height * (1.02 - 0.08 * throw(*numbers, 22)),
        paints[int(throw(*numbers, 23) * len(paints))],
        parked,
    )
