"""A park while it is being built: lists that grow, and the few marks that everything makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shapely.geometry import LineString, MultiPolygon, Polygon

from park.records import JsonValue
from sim_data.world.records import (
    Bay,
    Block,
    CarPark,
    CoolingTower,
    Equipment,
    Fence,
    Junction,
    Kerb,
    Lane,
    Marking,
    Material,
    Outfall,
    Patch,
    PipeRack,
    Plot,
    Pole,
    Rgb,
    Road,
    Stack,
    Stockpile,
    Tank,
    Tree,
    Walk,
    Water,
)
from sim_data.world.spot import PointM

WHITE: Rgb = (226, 226, 220)
YELLOW: Rgb = (222, 176, 54)
RED: Rgb = (186, 62, 48)


@dataclass(frozen=True, slots=True)
class ZoneDraft:
    """A zone of the site file before it is written.

    Attributes:
        zone_id: unique.
        name_zh: for people.
        name_en: for people.
        area: metres of the world's frame.
        owner: in English.
        rules: as they stand in the file.
        notes: what else is worth knowing.
    """

    zone_id: str
    name_zh: str
    name_en: str
    area: Polygon | MultiPolygon
    owner: str
    rules: tuple[dict[str, JsonValue], ...]
    notes: str = ""


@dataclass(frozen=True, slots=True)
class AssetDraft:
    """An asset of the site file before it is written."""

    asset_id: str
    name_zh: str
    name_en: str
    place: PointM | Polygon
    asset_class: str
    criticality: int
    owner: str


@dataclass(frozen=True, slots=True)
class DockDraft:
    """A dock of the site file before it is written."""

    dock_id: str
    east_m: float
    north_m: float


@dataclass(frozen=True, slots=True)
class NoFlyDraft:
    """A no-fly area of the site file before it is written; heights above the ground."""

    no_fly_id: str
    name_zh: str
    name_en: str
    area: Polygon
    min_alt_agl_m: float = 0.0
    max_alt_agl_m: float | None = None


@dataclass(slots=True)
class Draft:
    """Everything built so far.

    Attributes:
        seed: of the park's chance.
    """

    seed: int
    patches: list[Patch] = field(default_factory=list)
    markings: list[Marking] = field(default_factory=list)
    kerbs: list[Kerb] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    tanks: list[Tank] = field(default_factory=list)
    cooling_towers: list[CoolingTower] = field(default_factory=list)
    equipment: list[Equipment] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    junctions: list[Junction] = field(default_factory=list)
    bays: list[Bay] = field(default_factory=list)
    car_parks: list[CarPark] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    waters: list[Water] = field(default_factory=list)
    outfalls: list[Outfall] = field(default_factory=list)
    stockpiles: list[Stockpile] = field(default_factory=list)
    poles: list[Pole] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    pipe_racks: list[PipeRack] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    zones: list[ZoneDraft] = field(default_factory=list)
    assets: list[AssetDraft] = field(default_factory=list)
    docks: list[DockDraft] = field(default_factory=list)
    no_fly: list[NoFlyDraft] = field(default_factory=list)
    reserves: list[Polygon] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def next_id(self, prefix: str) -> str:
        """Return the prefix with the next number behind it, from 1."""
        number = self._counts.get(prefix, 0) + 1
        self._counts[prefix] = number
        return f"{prefix}{number}"

    def ground(self, area: Polygon, material: Material, layer: int, tone: float = 0.0) -> None:
        """Lay a patch of ground."""
        self.patches.append(Patch(area, material, layer, tone))

    def paint(
        self,
        line: LineString,
        width_m: float = 0.15,
        rgb: Rgb = WHITE,
        dash_m: tuple[float, float] | None = None,
    ) -> None:
        """Mark a line on the ground."""
        self.markings.append(Marking(line, width_m, rgb, dash_m))

    def fence(self, line: LineString, height_m: float = 2.2, *, solid: bool = False) -> None:
        """Put up a fence of a plot."""
        self.fences.append(Fence(line, height_m, solid, perimeter=False))

    def things(self) -> dict[str, Any]:
        """Return what a world is made of, by the names of its attributes."""
        names = (
            "patches markings kerbs blocks stacks tanks cooling_towers equipment trees roads "
            "lanes junctions bays car_parks walks waters outfalls stockpiles poles fences "
            "pipe_racks plots"
        )
        return {name: tuple(getattr(self, name)) for name in names.split()}
