"""Plots of plant: process works, substations, gas stations and waste water treatment."""

from __future__ import annotations

from sim_data.world.draft import YELLOW, AssetDraft, NoFlyDraft, ZoneDraft
from sim_data.world.lot import Lot
from sim_data.world.records import (
    BlockUse,
    CoolingTower,
    Equipment,
    Material,
    PipeRack,
    Rgb,
    RoofKind,
    Stack,
    Tank,
    Walk,
    Water,
    WaterKind,
)
from sim_data.world.spot import PointM
from sim_data.world.works import GATE_M, enclose

_GREY: Rgb = (176, 180, 182)
_TANK_COLOURS: tuple[Rgb, ...] = ((232, 232, 228), (214, 218, 220), (196, 206, 198))


def build_process(lot: Lot) -> None:
    """Build a tank farm, a hall with a tall stack, cooling towers and a pipe rack."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    gate = enclose(lot, hedged=False)
    draft.ground(spot.rect(4.0, 6.0, w - 4.0, d - 4.0), Material.CONCRETE, 2, -0.1)
    farm = (0.56 * w, 0.57 * d, w - 9.0, d - 9.0)
    _tank_farm(lot, farm)
    hall = (10.0, 0.58 * d, 0.48 * w, d - 10.0)
    colours = (chance.choice((_GREY, (140, 146, 150))), (168, 172, 174))
    lot.building(hall, chance.uniform(14.0, 26.0), BlockUse.FACTORY, RoofKind.FLAT, colours)
    _stack(lot, 0.52 * w, d - 16.0, chance.uniform(42.0, 58.0))
    for index in range(3 if w > 120.0 else 2):
        _cooling_tower(lot, spot.at(20.0 + 17.0 * index, 0.42 * d), steams=index < 2)
    y = 0.53 * d
    rack = spot.line((10.0, y), (w - 10.0, y))
    contents = chance.choice(("steam", "nitrogen", "process water"))
    draft.pipe_racks.append(PipeRack(f"{lot.plot_id}-rack", rack, 3.2, 6.5, contents))
    _pumps(lot, (0.58 * w, 0.36 * d), 3)
    walk = spot.line((gate, 8.0), (gate, 0.32 * d), (14.0, 0.32 * d))
    draft.walks.append(Walk(f"{lot.plot_id}-walk", walk, 2.0, True, 3.0))
    walk = spot.line((12.0, 0.5 * d), (0.46 * w, 0.5 * d))
    draft.walks.append(Walk(f"{lot.plot_id}-walk-2", walk, 1.6, True, 2.0))
    hard_hat_zone(lot)


def _tank_farm(lot: Lot, rect: tuple[float, float, float, float]) -> None:
    """Put tanks in a bund where nobody may be."""
    x0, y0, x1, y1 = rect
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    draft.ground(spot.rect(*rect), Material.GRAVEL, 3)
    draft.fence(spot.line((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)), 1.1, solid=True)
    columns = max(1, int((x1 - x0) / 26.0))
    rows = max(1, int((y1 - y0) / 26.0))
    dx, dy = (x1 - x0) / columns, (y1 - y0) / rows
    contents = chance.choice(("solvent", "acid", "diesel oil"))
    for column in range(columns):
        for row in range(rows):
            east_m, north_m = spot.at(x0 + (column + 0.5) * dx, y0 + (row + 0.5) * dy)
            tank_id = draft.next_id(f"{lot.plot_id}-tank-")
            radius = min(dx, dy) * chance.uniform(0.26, 0.36)
            colour = chance.choice(_TANK_COLOURS)
            draft.tanks.append(
                Tank(
                    tank_id,
                    lot.plot_id,
                    east_m,
                    north_m,
                    radius,
                    chance.uniform(8.0, 14.0),
                    colour,
                    contents,
                )
            )
            if column == 0:
                draft.assets.append(
                    AssetDraft(
                        tank_id,
                        f"储罐 {tank_id}",
                        f"Tank {tank_id}",
                        (east_m, north_m),
                        "tank",
                        3,
                        lot.owner_en,
                    )
                )
    restricted_zone(lot, f"tank-farm-{lot.plot_id}", "罐区", "Tank farm", rect)


def restricted_zone(
    lot: Lot, zone_id: str, name_zh: str, name_en: str, rect: tuple[float, float, float, float]
) -> None:
    """Draw a zone that neither people nor vehicles may enter."""
    lot.draft.zones.append(
        ZoneDraft(
            zone_id,
            f"{lot.number}号地块{name_zh}",
            f"{name_en} of plot {lot.number}",
            lot.spot.rect(*rect),
            lot.owner_en,
            (
                {"type": "forbidden_zone", "classes": ["person"], "id": "people", "severity": 3},
                {"type": "forbidden_zone", "id": "vehicles", "severity": 3},
            ),
            "Restricted: nobody is here but for repairs.",
        )
    )


def hard_hat_zone(lot: Lot, inset_m: float = 6.0) -> None:
    """Draw a zone where hard hats are worn."""
    rect = (inset_m, inset_m, lot.width_m - inset_m, lot.depth_m - inset_m)
    lot.draft.zones.append(
        ZoneDraft(
            f"hard-hat-{lot.plot_id}",
            f"{lot.number}号地块安全帽区",
            f"Hard-hat area of plot {lot.number}",
            lot.spot.rect(*rect),
            lot.owner_en,
            ({"type": "watch", "incident": "no_hard_hat"},),
            "Hard hats are worn everywhere in this zone.",
        )
    )


def _cooling_tower(lot: Lot, at_m: PointM, *, steams: bool) -> None:
    """Put up a cooling tower, named in the site file: white air near it is steam."""
    tower_id = lot.draft.next_id(f"{lot.plot_id}-tower-")
    lot.draft.cooling_towers.append(
        CoolingTower(tower_id, lot.plot_id, *at_m, 6.0, 11.0, steams=steams)
    )
    lot.draft.assets.append(
        AssetDraft(
            f"{tower_id}-asset",
            f"冷却塔 {tower_id}",
            f"Cooling tower {tower_id}",
            at_m,
            "cooling_tower",
            2,
            lot.owner_en,
        )
    )


def _stack(lot: Lot, x: float, y: float, height_m: float) -> None:
    east_m, north_m = lot.spot.at(x, y)
    draft = lot.draft
    stack_id = draft.next_id(f"{lot.plot_id}-stack-")
    draft.stacks.append(
        Stack(stack_id, lot.plot_id, east_m, north_m, lot.chance.uniform(1.4, 2.2), height_m)
    )
    draft.assets.append(
        AssetDraft(
            stack_id,
            f"烟囱 {stack_id}",
            f"Stack {stack_id}",
            (east_m, north_m),
            "stack",
            2,
            lot.owner_en,
        )
    )


def _pumps(lot: Lot, corner: tuple[float, float], count: int) -> None:
    for index in range(count):
        x, y = corner[0] + 5.0 * index, corner[1]
        machine(lot, (x, y, x + 2.6, y + 1.6), 1.4, "pump", 14.0, 2)


def machine(
    lot: Lot,
    rect: tuple[float, float, float, float],
    height_m: float,
    kind: str,
    warmer_by_c: float,
    criticality: int,
) -> None:
    """Put up a piece of equipment that runs warm, and name it in the site file."""
    draft = lot.draft
    area = lot.spot.rect(*rect)
    equipment_id = draft.next_id(f"{lot.plot_id}-{kind}-")
    draft.equipment.append(Equipment(equipment_id, lot.plot_id, area, height_m, kind, warmer_by_c))
    names = {"pump": "泵", "transformer": "变压器", "switchgear": "开关柜"}
    draft.assets.append(
        AssetDraft(
            equipment_id,
            f"{names[kind]} {equipment_id}",
            f"{kind.capitalize()} {equipment_id}",
            area,
            kind,
            criticality,
            lot.owner_en,
        )
    )


def build_substation(lot: Lot, *, no_fly: bool) -> None:
    """Build a fenced switchyard with transformers; a no-fly area may lie above it."""
    w, d = lot.width_m, lot.depth_m
    draft, spot = lot.draft, lot.spot
    enclose(lot)
    yard = (10.0, 14.0, min(w - 10.0, 80.0), min(d - 8.0, 70.0))
    draft.ground(spot.rect(*yard), Material.GRAVEL, 2, 0.1)
    draft.fence(spot.line((yard[0], yard[1]), (yard[2], yard[1]), (yard[2], yard[3]),
                          (yard[0], yard[3]), (yard[0], yard[1])), 2.6)  # fmt: skip
    span = yard[2] - yard[0]
    count = max(2, int(span / 22.0))
    for index in range(count):
        x = yard[0] + (index + 0.5) * span / count
        machine(lot, (x - 3.2, yard[1] + 8.0, x + 3.2, yard[1] + 13.0), 4.6, "transformer", 18.0, 4)
    for row in range(int((yard[3] - yard[1] - 24.0) / 9.0)):
        y = yard[1] + 20.0 + 9.0 * row
        for x in range(int(yard[0]) + 6, int(yard[2]) - 5, 7):
            area = spot.rect(x - 0.5, y - 0.5, x + 0.5, y + 0.5)
            if row % 2 == 0 and x == int(yard[0]) + 6:
                machine(lot, (x - 1.5, y - 1.0, x + 1.5, y + 1.0), 2.4, "switchgear", 6.0, 3)
            else:
                draft.ground(area, Material.CONCRETE, 4, -0.3)
    restricted_zone(lot, f"substation-{lot.plot_id}", "变电站", "Substation", yard)
    if yard[2] + 30.0 < w:
        lot.building(
            (yard[2] + 6.0, 14.0, yard[2] + 22.0, 40.0),
            5.0,
            BlockUse.UTILITY,
            RoofKind.FLAT,
            (_GREY, (190, 188, 180)),
        )
    if no_fly:
        draft.no_fly.append(
            NoFlyDraft(
                f"air-{lot.plot_id}",
                f"{lot.number}号地块变电站上空",
                f"Above the substation of plot {lot.number}",
                spot.rect(*yard),
                0.0,
                40.0,
            )
        )


def build_gas_station(lot: Lot) -> None:
    """Build a gas station: a canopy over pumps, a shop, buried tanks."""
    w, d = lot.width_m, lot.depth_m
    draft, spot = lot.draft, lot.spot
    draft.ground(spot.rect(0.0, 0.0, w, d), Material.LAWN, 1)
    apron = (0.5 * w - 32.0, 1.0, 0.5 * w + 32.0, 58.0)
    draft.ground(spot.rect(*apron), Material.CONCRETE, 2)
    for x in (apron[0] + 8.0, apron[2] - 8.0):
        draft.ground(spot.rect(x - GATE_M / 2, -7.6, x + GATE_M / 2, 2.0), Material.ASPHALT, 4)
    middle = 0.5 * w
    lot.building(
        (middle - 13.0, 16.0, middle + 13.0, 34.0),
        6.2,
        BlockUse.CANOPY,
        RoofKind.METAL,
        ((226, 228, 228), (196, 44, 40)),
        base_m=5.0,
    )
    for column in (-8.0, 0.0, 8.0):
        for y in (20.5, 29.5):
            x = middle + column
            machine(lot, (x - 0.8, y - 0.4, x + 0.8, y + 0.4), 1.6, "pump", 4.0, 3)
    lot.building(
        (middle - 12.0, 42.0, middle + 12.0, 53.0),
        4.5,
        BlockUse.UTILITY,
        RoofKind.FLAT,
        ((188, 188, 184), (214, 210, 200)),
    )
    for x in (middle + 20.0, middle + 25.0):
        draft.ground(spot.circle(x, 48.0, 1.2), Material.ASPHALT_OLD, 4, -0.4)
    draft.paint(spot.line((middle - 16.0, 38.0), (middle + 16.0, 38.0)), 0.3, YELLOW)
    draft.assets.append(
        AssetDraft(
            f"gas-station-{lot.plot_id}",
            f"{lot.number}号地块加油站",
            f"Gas station of plot {lot.number}",
            spot.rect(middle - 13.0, 16.0, middle + 13.0, 34.0),
            "gas station",
            4,
            lot.owner_en,
        )
    )
    for _ in range(int(w * d / 500.0)):
        lot.tree(lot.chance.uniform(4.0, w - 4.0), lot.chance.uniform(62.0, max(63.0, d - 4.0)))


def build_treatment(lot: Lot) -> None:
    """Build a waste water works: round and square basins, a pump house."""
    w, d = lot.width_m, lot.depth_m
    chance, draft, spot = lot.chance, lot.draft, lot.spot
    gate = enclose(lot, drive_m=0.2 * d - 3.0)
    radius = min(0.13 * w, 0.17 * d, 18.0)
    colours: tuple[Rgb, ...] = ((86, 104, 92), (74, 94, 98), (92, 98, 80))
    for column in range(max(1, int(0.6 * w / (2.0 * radius + 8.0)))):
        x = 14.0 + radius + column * (2.0 * radius + 8.0)
        draft.ground(spot.circle(x, 0.66 * d, radius + 1.2), Material.CONCRETE, 2, 0.1)
        water_id = draft.next_id(f"{lot.plot_id}-basin-")
        basin = spot.circle(x, 0.66 * d, radius)
        draft.waters.append(Water(water_id, basin, WaterKind.BASIN, chance.choice(colours)))
    for row in range(3):
        y = 0.2 * d + row * 11.0
        rect = (14.0, y, 0.5 * w, y + 8.0)
        draft.ground(spot.rect(13.0, y - 1.0, 0.5 * w + 1.0, y + 9.0), Material.CONCRETE, 2, 0.1)
        water_id = draft.next_id(f"{lot.plot_id}-basin-")
        draft.waters.append(
            Water(water_id, spot.rect(*rect), WaterKind.BASIN, chance.choice(colours))
        )
    lot.building(
        (0.72 * w, 0.3 * d, w - 12.0, 0.6 * d),
        6.5,
        BlockUse.UTILITY,
        RoofKind.FLAT,
        (_GREY, (196, 192, 182)),
    )
    _pumps(lot, (0.58 * w, 0.3 * d), 2)
    y = 0.2 * d - 5.0
    walk = spot.line((gate, 6.0), (gate, y), (12.0, y))
    draft.walks.append(Walk(f"{lot.plot_id}-walk", walk, 1.6, True, 1.0))
    hard_hat_zone(lot)
