"""Plots with halls and offices: factories, warehouses and office buildings."""

from __future__ import annotations

from sim_data.world.draft import RED, YELLOW, ZoneDraft
from sim_data.world.lot import Lot
from sim_data.world.parking import TRUCK_BAY_M, hedge, lay_car_park, lay_truck_bays
from sim_data.world.records import (
    BlockUse,
    Material,
    PipeRack,
    Rgb,
    RoofKind,
    Stack,
    Stockpile,
    Tank,
    Walk,
)

GATE_M = 9.0
"""Width of a drive and of the gate in a fence."""

RED_ROOF: Rgb = (168, 58, 44)
"""A look-alike of open flame: many real halls have it."""

_ROOFS: tuple[Rgb, ...] = (
    (178, 186, 192),
    (150, 163, 172),
    (206, 208, 204),
    (92, 122, 152),
    (118, 140, 128),
    (196, 184, 164),
    (128, 132, 138),
    (214, 216, 218),
)
_WALLS: tuple[Rgb, ...] = (
    (198, 200, 198),
    (176, 182, 186),
    (214, 206, 190),
    (150, 160, 170),
    (190, 176, 160),
)


def build_factory(lot: Lot) -> None:
    """Build a hall with a ring of fire lanes, an office in front, a car park and a truck yard."""
    w, d = lot.width_m, lot.depth_m
    chance = lot.chance
    front = min(44.0, 0.26 * d) if d > 100.0 else 8.0
    hall = (13.0, front + 10.0, w - 13.0, d - 12.0)
    yard_side = chance.random() < 0.5 and w > 110.0
    if yard_side:
        hall = (13.0, hall[1], w - 13.0 - 26.0, hall[3])
    if hall[3] - hall[1] < 25.0 or hall[2] - hall[0] < 25.0:
        build_office(lot)
        return
    gate = enclose(lot)
    lot.draft.ground(lot.spot.rect(6.0, front, w - 6.0, d - 5.0), Material.CONCRETE, 2)
    halls = _halls(lot, hall)
    fire_lane(lot, halls[0])
    if yard_side:
        _loading_side(lot, hall)
    if front > 12.0:
        _front(lot, gate, front)
    for _ in range(chance.randrange(3)):
        _small_plant(lot, hall)
    walk = lot.spot.line((gate + 6.5, 4.0), (gate + 6.5, hall[1] - 2.5), (w - 16.0, hall[1] - 2.5))
    lot.draft.walks.append(Walk(f"{lot.plot_id}-walk", walk, 1.6, False, chance.uniform(0.6, 2.5)))


def _halls(lot: Lot, rect: tuple[float, float, float, float]) -> list[tuple[float, ...]]:
    """Put up one hall, or two with a lane between them, of different heights."""
    chance = lot.chance
    x0, y0, x1, y1 = rect
    if x1 - x0 > 130.0 and chance.random() < 0.6:
        middle = x0 + (x1 - x0) * chance.uniform(0.4, 0.6)
        parts = [(x0, y0, middle - 7.0, y1), (middle + 7.0, y0, x1, y1)]
    elif y1 - y0 > 130.0 and chance.random() < 0.6:
        middle = y0 + (y1 - y0) * chance.uniform(0.4, 0.6)
        parts = [(x0, y0, x1, middle - 7.0), (x0, middle + 7.0, x1, y1)]
    else:
        parts = [(x0, y0, x1, y1)]
    red = chance.random() < 0.08
    for part in parts:
        roof = chance.choice(
            (RoofKind.METAL, RoofKind.METAL, RoofKind.FLAT, RoofKind.SAWTOOTH, RoofKind.SOLAR)
        )
        colour = RED_ROOF if red else chance.choice(_ROOFS)
        if red:
            roof = RoofKind.METAL
        lot.building(
            part,
            chance.uniform(8.0, 22.0),
            BlockUse.FACTORY,
            roof,
            (colour, chance.choice(_WALLS)),
        )
    if len(parts) == 2:
        _bridge_of_pipes(lot, parts)
    return list(parts)


def _bridge_of_pipes(lot: Lot, parts: list[tuple[float, float, float, float]]) -> None:
    a, b = parts
    if a[2] < b[0]:
        y = (a[1] + a[3]) / 2.0
        line = lot.spot.line((a[2], y), (b[0], y))
    else:
        x = (a[0] + a[2]) / 2.0
        line = lot.spot.line((x, a[3]), (x, b[1]))
    lot.draft.pipe_racks.append(PipeRack(f"{lot.plot_id}-pipes", line, 2.4, 6.0, "compressed air"))


def fire_lane(lot: Lot, hall: tuple[float, ...]) -> None:
    """Mark the lane in front of a hall as one that has to be kept free."""
    x0, y0, x1, _ = hall
    draft, spot = lot.draft, lot.spot
    low, high = y0 - 8.5, y0 - 2.5
    zone_id = f"fire-lane-{lot.plot_id}"
    draft.ground(spot.rect(x0, low, x1, high), Material.ASPHALT, 3, -0.05)
    for y in (low + 0.2, high - 0.2):
        draft.paint(spot.line((x0, y), (x1, y)), 0.25, RED)
    x = x0 + 4.0
    while x + 6.0 < x1:
        draft.paint(spot.line((x, low + 0.6), (x + 4.8, high - 0.6)), 0.3, YELLOW)
        x += 9.0
    draft.zones.append(
        ZoneDraft(
            zone_id,
            f"{lot.number}号地块消防通道",
            f"Fire lane of plot {lot.number}",
            spot.rect(x0, low, x1, high),
            lot.owner_en,
            ({"type": "no_parking", "min_dwell_s": 120, "severity": 3},),
        )
    )


def _loading_side(lot: Lot, hall: tuple[float, float, float, float]) -> None:
    """Mark bays for trucks along the right side of a hall."""
    x0 = hall[2] + 2.0
    length, width = TRUCK_BAY_M
    count = min(int((hall[3] - hall[1] - 10.0) / width), 14)
    turned = lot.spot.turned(x0, hall[3] - 5.0, 90.0)
    side = Lot(
        lot.draft,
        lot.chance,
        turned,
        hall[3] - hall[1],
        length,
        lot.plot_id,
        lot.number,
        lot.owner_zh,
        lot.owner_en,
    )
    lay_truck_bays(side, 0.0, 0.0, count, 180.0)


def _front(lot: Lot, gate: float, front: float) -> None:
    """Build the office and the car park between the gate and the hall."""
    w = lot.width_m
    left = gate > w / 2.0
    span = (8.0, gate - 8.0) if left else (gate + 10.0, w - 8.0)
    office = min(0.42 * (span[1] - span[0]), 46.0)
    if office > 16.0:
        x0 = span[0] if left else span[1] - office
        lot.building(
            (x0, 8.0, x0 + office, min(front - 3.0, 24.0)),
            lot.chance.uniform(11.0, 26.0),
            BlockUse.OFFICE,
            lot.chance.choice((RoofKind.FLAT, RoofKind.FLAT, RoofKind.GREEN)),
            ((168, 166, 160), lot.chance.choice(_WALLS)),
        )
        span = (x0 + office + 5.0, span[1]) if left else (span[0], x0 - 5.0)
    if span[1] - span[0] > 14.0 and front > 26.0:
        lay_car_park(lot, (span[0], 6.0, span[1], min(front - 1.0, 40.0)))


def _small_plant(lot: Lot, hall: tuple[float, float, float, float]) -> None:
    """Put one small thing beside the hall: a tank, a stack or a covered heap."""
    chance = lot.chance
    x = lot.width_m - 8.5
    y = chance.uniform(hall[1] + 8.0, max(hall[1] + 9.0, hall[3] - 8.0))
    # Without a yard, the strip beside the hall has room for a slender tank alone.
    no_yard = hall[2] > lot.width_m - 15.0
    kind = "tank" if no_yard else chance.choice(("tank", "stack", "heap"))
    east_m, north_m = lot.spot.at(x, y)
    draft = lot.draft
    if kind == "tank":
        tank_id = draft.next_id(f"{lot.plot_id}-tank-")
        contents = chance.choice(("nitrogen", "water", "liquid oxygen"))
        draft.tanks.append(
            Tank(tank_id, lot.plot_id, east_m, north_m, 2.2, 8.0, (226, 228, 230), contents)
        )
    elif kind == "stack":
        stack_id = draft.next_id(f"{lot.plot_id}-stack-")
        draft.stacks.append(
            Stack(stack_id, lot.plot_id, east_m, north_m, 0.9, chance.uniform(20.0, 32.0))
        )
    else:
        area = lot.spot.rect(x - 3.5, y - 5.0, x + 2.5, y + 5.0)
        pile_id = draft.next_id(f"{lot.plot_id}-pile-")
        draft.stockpiles.append(Stockpile(pile_id, lot.plot_id, area, 2.2, True, (62, 112, 72)))


def enclose(lot: Lot, *, hedged: bool = True, drive_m: float = 50.0) -> float:
    """Lay lawn, drive and fence of a plot; return x of the middle of its gate."""
    w, d = lot.width_m, lot.depth_m
    draft, spot, chance = lot.draft, lot.spot, lot.chance
    gate = chance.choice((0.3, 0.7)) * w
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.LAWN, 1, chance.uniform(-0.15, 0.1))
    half = GATE_M / 2.0
    draft.ground(spot.rect(gate - half, -7.6, gate + half, min(drive_m, d)), Material.ASPHALT, 4)
    draft.fence(spot.line((gate - half, 1.0), (1.0, 1.0), (1.0, d - 1.0), (w - 1.0, d - 1.0),
                          (w - 1.0, 1.0), (gate + half, 1.0)))  # fmt: skip
    lot.building(
        (gate + half + 0.6, 1.6, gate + half + 4.2, 4.8),
        3.4,
        BlockUse.GATEHOUSE,
        RoofKind.FLAT,
        ((120, 122, 124), (206, 204, 198)),
    )
    lot.row_of_trees((3.0, 8.0), (3.0, d - 4.0), 9.0)
    lot.row_of_trees((w - 3.0, 8.0), (w - 3.0, d - 4.0), 9.0)
    lot.row_of_trees((6.0, d - 2.8), (w - 6.0, d - 2.8), 9.0)
    if hedged:
        hedge(lot, (2.0, 2.4), (gate - half - 1.0, 2.4))
        hedge(lot, (gate + half + 6.0, 2.4), (w - 2.0, 2.4))
    return gate


def build_warehouse(lot: Lot) -> None:
    """Build a long hall with loading bays for trucks in front."""
    w, d = lot.width_m, lot.depth_m
    length = TRUCK_BAY_M[0]
    front = length + 24.0
    if d - front < 30.0 or w < 60.0:
        build_office(lot)
        return
    gate = enclose(lot, hedged=False, drive_m=8.0)
    lot.draft.ground(lot.spot.rect(5.0, 4.0, w - 5.0, d - 5.0), Material.CONCRETE, 2)
    hall = (12.0, front, w - 12.0, d - 12.0)
    colour = RED_ROOF if lot.chance.random() < 0.1 else lot.chance.choice(_ROOFS)
    roof = lot.chance.choice((RoofKind.METAL, RoofKind.SOLAR))
    lot.building(
        hall,
        lot.chance.uniform(9.0, 14.0),
        BlockUse.WAREHOUSE,
        RoofKind.METAL if colour is RED_ROOF else roof,
        (colour, lot.chance.choice(_WALLS)),
    )
    # Trucks stand on either side of the way in.
    for x0, x1 in ((16.0, gate - 8.0), (gate + 8.0, w - 16.0)):
        count = int((x1 - x0) / TRUCK_BAY_M[1])
        lay_truck_bays(lot, x0, front - length - 1.0, count, 0.0)
    zone_id = f"keep-free-{lot.plot_id}"
    area = lot.spot.rect(12.0, d - 11.0, w - 12.0, d - 5.0)
    lot.draft.zones.append(
        ZoneDraft(
            zone_id,
            f"{lot.number}号地块后侧消防通道",
            f"Fire lane behind plot {lot.number}",
            area,
            lot.owner_en,
            ({"type": "no_parking", "min_dwell_s": 120, "severity": 3},),
        )
    )
    for y in (d - 10.8, d - 5.2):
        lot.draft.paint(lot.spot.line((12.0, y), (w - 12.0, y)), 0.25, RED)


def build_office(lot: Lot) -> None:
    """Build offices on a lawn with a car park, higher than halls are."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    gate = enclose(lot)
    depth = min(20.0, 0.2 * d)
    count = 2 if w > 150.0 else 1
    span = (w - 24.0) / count
    for index in range(count):
        x0 = 12.0 + index * span
        lot.building(
            (x0, 0.45 * d, x0 + span - 14.0, 0.45 * d + depth),
            chance.uniform(18.0, 46.0),
            BlockUse.OFFICE,
            chance.choice((RoofKind.FLAT, RoofKind.GREEN, RoofKind.SOLAR)),
            (chance.choice(((172, 170, 164), (150, 152, 154))), chance.choice(_WALLS)),
        )
    draft.ground(spot.rect(8.0, 0.45 * d - 9.0, w - 8.0, 0.45 * d - 1.0), Material.PAVING, 3)
    if 0.45 * d - 12.0 > 22.0:
        lay_car_park(lot, (10.0, 5.5, gate - 8.0, 0.45 * d - 12.0))
        lay_car_park(lot, (gate + 12.0, 5.5, w - 10.0, 0.45 * d - 12.0))
    for _ in range(int(w * d / 900.0)):
        lot.tree(chance.uniform(6.0, w - 6.0), chance.uniform(0.45 * d + depth + 6.0, d - 6.0), 1.2)
    walk = spot.line((8.0, 0.45 * d - 5.0), (w - 8.0, 0.45 * d - 5.0))
    draft.walks.append(Walk(f"{lot.plot_id}-walk", walk, 5.0, False, chance.uniform(2.0, 7.0)))
