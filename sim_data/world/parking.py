"""Car parks and truck yards with marked bays."""

from __future__ import annotations

from sim_data.world.draft import ZoneDraft
from sim_data.world.lot import Lot
from sim_data.world.records import Bay, CarPark, Material, TreeKind

CAR_BAY_M = (5.5, 2.6)
"""Length and width of a bay for cars."""

TRUCK_BAY_M = (13.0, 3.6)
"""Length and width of a bay for trucks."""

_AISLE_M = 6.2


def lay_car_park(lot: Lot, rect: tuple[float, float, float, float], *, zone: bool = True) -> None:
    """Lay rows of bays for cars along x, with aisles between, over a rectangle of a plot.

    Args:
        lot: the plot.
        rect: x and y of two corners, metres.
        zone: whether the site file limits how many vehicles may be there.
    """
    x0, y0, x1, y1 = rect
    draft, spot = lot.draft, lot.spot
    car_park_id = draft.next_id(f"{lot.plot_id}-cars-")
    area = spot.rect(x0, y0, x1, y1)
    draft.ground(area, Material.ASPHALT, 3, lot.chance.uniform(-0.15, 0.1))
    draft.car_parks.append(CarPark(car_park_id, lot.plot_id, area))
    length, width = CAR_BAY_M
    count = int((x1 - x0 - 4.0) / width)
    module = 2.0 * length + _AISLE_M
    bays = 0
    y = y0
    while y + module <= y1 + 0.01 and count > 0:
        for base, inwards in ((y, 180.0), (y + length + _AISLE_M, 0.0)):
            _bay_row(lot, car_park_id, (x0 + 2.0, base), count, inwards)
            bays += count
        y += module
    if y + length + _AISLE_M <= y1 + 0.01 and count > 0:
        _bay_row(lot, car_park_id, (x0 + 2.0, y), count, 180.0)
        bays += count
    if zone and bays:
        draft.zones.append(
            ZoneDraft(
                car_park_id,
                f"停车场 {car_park_id}",
                f"Car park {car_park_id}",
                area,
                lot.owner_en,
                ({"type": "vehicle_limit", "max_count": bays},),
            )
        )


def _bay_row(
    lot: Lot, car_park_id: str, corner: tuple[float, float], count: int, inwards_deg: float
) -> None:
    """Mark a row of bays; every so often a bay is an island with a tree."""
    length, width = CAR_BAY_M
    x0, y0 = corner
    draft, spot = lot.draft, lot.spot
    back = y0 if inwards_deg == 180.0 else y0 + length
    draft.paint(spot.line((x0, back), (x0 + count * width, back)), 0.12)
    heading = spot.heading_deg(inwards_deg)
    for index in range(count + 1):
        x = x0 + index * width
        draft.paint(spot.line((x, y0), (x, y0 + length)), 0.12)
        if index == count:
            break
        if index % 11 == 5 and count > 8:
            island = spot.rect(x + 0.3, y0 + 0.3, x + width - 0.3, y0 + length - 0.3)
            draft.ground(island, Material.LAWN, 5)
            lot.tree(x + width / 2.0, y0 + length / 2.0, 0.8)
            continue
        east_m, north_m = spot.at(x + width / 2.0, y0 + length / 2.0)
        draft.bays.append(
            Bay(
                f"{car_park_id}-{len(draft.bays)}",
                car_park_id,
                east_m,
                north_m,
                heading,
                length,
                width,
            )
        )


def lay_truck_bays(lot: Lot, x0: float, y0: float, count: int, inwards_deg: float) -> None:
    """Mark bays for trucks side by side along x, as before loading docks."""
    if count <= 0:
        return
    length, width = TRUCK_BAY_M
    draft, spot = lot.draft, lot.spot
    yard_id = draft.next_id(f"{lot.plot_id}-trucks-")
    area = spot.rect(x0, y0, x0 + count * width, y0 + length)
    draft.car_parks.append(CarPark(yard_id, lot.plot_id, area, truck=True))
    heading = spot.heading_deg(inwards_deg)
    for index in range(count + 1):
        x = x0 + index * width
        draft.paint(spot.line((x, y0), (x, y0 + length)), 0.14)
        if index < count:
            east_m, north_m = spot.at(x + width / 2.0, y0 + length / 2.0)
            bay_id = f"{yard_id}-{len(draft.bays)}"
            draft.bays.append(
                Bay(bay_id, yard_id, east_m, north_m, heading, length, width, truck=True)
            )


def hedge(lot: Lot, a: tuple[float, float], b: tuple[float, float]) -> None:
    """Plant shrubs from a to b."""
    length = ((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5
    count = int(length / 2.4)
    for index in range(count):
        share = (index + 0.5) / count
        lot.tree(a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), 1.0, TreeKind.SHRUB)
