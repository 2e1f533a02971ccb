"""What a simulated park is made of: plain records, one for each kind of thing.

Everything lies in metres of `World.frame`: east and north of its origin, heights above the
ground, which is flat. Headings are degrees clockwise from north. Areas are shapely polygons and
lines are shapely lines with coordinates (east_m, north_m). Nothing here exists: see
`World.illustrative`. What stands upright is in `sim_data.world.structures` and offered here too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from shapely.geometry import LineString, Polygon

from park.errors import RecordError
from park.geodesy import LocalFrame
from park.records import JsonValue
from park.site import Site
from sim_data.world.record_checks import need, need_numbers, need_positive
from sim_data.world.structures import (
    Block,
    BlockUse,
    CoolingTower,
    Equipment,
    Fence,
    PipeRack,
    Pole,
    PoleKind,
    Rgb,
    RoofKind,
    Stack,
    Stockpile,
    Tank,
    Tree,
    TreeKind,
)

__all__ = [
    "Bay",
    "Block",
    "BlockUse",
    "CarPark",
    "CoolingTower",
    "Equipment",
    "Fence",
    "Junction",
    "Kerb",
    "Lane",
    "Marking",
    "Material",
    "Outfall",
    "Patch",
    "PipeRack",
    "Plot",
    "PlotUse",
    "Pole",
    "PoleKind",
    "Rgb",
    "Road",
    "RoadClass",
    "RoofKind",
    "Stack",
    "Stockpile",
    "Tank",
    "Tree",
    "TreeKind",
    "Walk",
    "Water",
    "WaterKind",
    "Weather",
    "World",
]


class Material(StrEnum):
    """What the ground is made of, as it looks from above."""

    MEADOW = "meadow"
    """Rough grass, patchy: what nobody tends."""
    LAWN = "lawn"
    """Mown grass."""
    ASPHALT = "asphalt"
    ASPHALT_OLD = "asphalt_old"
    """Paler, with patches and cracks."""
    CONCRETE = "concrete"
    """Slabs with joints."""
    PAVING = "paving"
    """Small light stones: walks and squares."""
    GRAVEL = "gravel"
    SOIL = "soil"
    """Bare earth: of construction sites and stockpile yards, where it may be."""
    RED_ASPHALT = "red_asphalt"
    """Coloured surface of sports grounds."""


class PlotUse(StrEnum):
    """What a plot of land is used for."""

    FACTORY = "factory"
    WAREHOUSE = "warehouse"
    OFFICE = "office"
    PROCESS = "process"
    """Tanks, stacks and cooling towers."""
    STOCKYARD = "stockyard"
    CONSTRUCTION = "construction"
    SUBSTATION = "substation"
    GAS_STATION = "gas_station"
    TREATMENT = "treatment"
    """Waste water treatment."""
    GREEN = "green"
    PLAZA = "plaza"


class RoadClass(StrEnum):
    """The place of a road in the network."""

    ARTERIAL = "arterial"
    COLLECTOR = "collector"
    SERVICE = "service"
    """Lanes inside plots, and drives to them."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A piece of ground of one material.

    Attributes:
        area: where; may have holes.
        material: what.
        layer: patches of a higher layer lie on top of lower ones; within one, they do not
            overlap in a way that could be seen.
        tone: how much lighter (up to 1) or darker (down to -1) than the material usually is.
    """

    area: Polygon
    material: Material
    layer: int
    tone: float = 0.0

    def __post_init__(self) -> None:
        need(not self.area.is_empty, "a patch of ground has no area")
        need(-1.0 <= self.tone <= 1.0, f"tone {self.tone} of a patch is not within -1 and 1")


@dataclass(frozen=True, slots=True)
class Marking:
    """Paint on the ground along a line.

    Attributes:
        line: its middle.
        width_m: of the paint.
        rgb: its colour.
        dash_m: length of a dash and of the gap after it; None where it is unbroken.
    """

    line: LineString
    width_m: float
    rgb: Rgb
    dash_m: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        need_positive(self, "width_m")


@dataclass(frozen=True, slots=True)
class Kerb:
    """A raised edge of a carriageway, seen as a thin light line."""

    line: LineString
    width_m: float = 0.25


@dataclass(frozen=True, slots=True)
class Road:
    """A road of the network by its middle line, from end to end.

    Attributes:
        road_id: also its id in the site file.
        name_zh: invented name.
        name_en: invented name.
        road_class: arterial or collector.
        line: its middle.
        width_m: from kerb to kerb.
        lanes: of both directions together.
        speed_mps: limit.
    """

    road_id: str
    name_zh: str
    name_en: str
    road_class: RoadClass
    line: LineString
    width_m: float
    lanes: int
    speed_mps: float


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane for traffic in one direction between two junctions; traffic keeps to the right.

    Attributes:
        lane_id: short name.
        road_id: the road it belongs to.
        line: its middle, in the direction of traffic, from junction to junction.
        width_m: of the lane.
        speed_mps: limit.
        rank: 0 beside the kerb, 1 next to the middle of the road.
        from_junction: where it begins; "" at a gate of the park.
        to_junction: where it ends; "" at a gate of the park.
    """

    lane_id: str
    road_id: str
    line: LineString
    width_m: float
    speed_mps: float
    rank: int
    from_junction: str
    to_junction: str


@dataclass(frozen=True, slots=True)
class Junction:
    """Where roads meet.

    Attributes:
        junction_id: short name.
        east_m: its middle.
        north_m: its middle.
        signals: whether traffic lights stand there.
        half_width_m: from the middle to the stop lines, the larger of the two directions.
    """

    junction_id: str
    east_m: float
    north_m: float
    signals: bool
    half_width_m: float


@dataclass(frozen=True, slots=True)
class Bay:
    """A marked parking bay.

    Attributes:
        bay_id: short name.
        car_park_id: the car park, also a zone of the site file, or the truck yard it is in.
        east_m: its middle.
        north_m: its middle.
        heading_deg: where a vehicle that drove in forwards points.
        length_m: along the heading.
        width_m: across.
        truck: for trucks; else for cars.
    """

    bay_id: str
    car_park_id: str
    east_m: float
    north_m: float
    heading_deg: float
    length_m: float
    width_m: float
    truck: bool = False

    def __post_init__(self) -> None:
        need_numbers(self, "east_m", "north_m", "heading_deg")
        need_positive(self, "length_m", "width_m")


@dataclass(frozen=True, slots=True)
class CarPark:
    """A car park, or a yard where trucks park."""

    car_park_id: str
    plot_id: str
    area: Polygon
    truck: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """A line that people walk along, back and forth.

    Attributes:
        walk_id: short name.
        line: its middle.
        width_m: people keep within it.
        hard_hat: whether everybody there wears a hard hat and a vest.
        people: how many are on it in the busiest hour, on average.
    """

    walk_id: str
    line: LineString
    width_m: float
    hard_hat: bool
    people: float


class WaterKind(StrEnum):
    """What a body of water is."""

    CANAL = "canal"
    POND = "pond"
    BASIN = "basin"
    """A tank of a treatment works."""


@dataclass(frozen=True, slots=True)
class Water:
    """A body of water; where a road's patch lies over it there is a bridge."""

    water_id: str
    area: Polygon
    kind: WaterKind
    rgb: Rgb


@dataclass(frozen=True, slots=True)
class Outfall:
    """Where a pipe ends in a body of water.

    Attributes:
        outfall_id: also the id of an asset in the site file.
        water_id: where it flows into.
        plot_id: the plot it drains.
        east_m: on the bank.
        north_m: on the bank.
        heading_deg: where it flows to, into the water.
    """

    outfall_id: str
    water_id: str
    plot_id: str
    east_m: float
    north_m: float
    heading_deg: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A piece of land with one owner.

    Attributes:
        plot_id: short name.
        area: its outline.
        use: what for.
        owner_zh: invented company, marked as invented.
        owner_en: invented company, marked as invented.
        hard_hat: whether hard hats are worn behind its gate.
        gate_east_m: where one drives in, on its edge.
        gate_north_m: where one drives in, on its edge.
    """

    plot_id: str
    area: Polygon
    use: PlotUse
    owner_zh: str
    owner_en: str
    hard_hat: bool
    gate_east_m: float
    gate_north_m: float


@dataclass(frozen=True, slots=True)
class Weather:
    """The air during a patrol.

    Attributes:
        wind_from_deg: where the wind comes from, clockwise from north.
        wind_mps: its speed at 10 m.
        visibility_m: how far one sees; 30 km is clear, 3 km hazy.
        cloud_share: of the sky, 0 to 1.
        air_c: temperature of the air, degrees Celsius.
    """

    wind_from_deg: float = 310.0
    wind_mps: float = 3.0
    visibility_m: float = 30_000.0
    cloud_share: float = 0.1
    air_c: float = 20.0

    def __post_init__(self) -> None:
        need_numbers(self, "wind_from_deg", "air_c")
        need(0.0 <= self.wind_mps <= 40.0, f"wind_mps {self.wind_mps} is not between 0 and 40")
        need_positive(self, "visibility_m")
        need(
            0.0 <= self.cloud_share <= 1.0, f"cloud_share {self.cloud_share} is not within 0 and 1"
        )


@dataclass(frozen=True)
class World:
    """A simulated park, all that stands in it, and its site file.

    Attributes:
        seed: the chance it was made with.
        km2: its size.
        frame: metres; the same frame as that of the site read from its file.
        start: instant from which times in seconds count.
        boundary: the outline of the park.
        site_file: the site file as a GeoJSON object.
        illustrative: the sentence that says that this is no survey of a real place.
    """

    seed: int
    km2: float
    frame: LocalFrame
    start: datetime
    boundary: Polygon
    site_file: dict[str, JsonValue]
    patches: tuple[Patch, ...] = ()
    markings: tuple[Marking, ...] = ()
    kerbs: tuple[Kerb, ...] = ()
    blocks: tuple[Block, ...] = ()
    stacks: tuple[Stack, ...] = ()
    tanks: tuple[Tank, ...] = ()
    cooling_towers: tuple[CoolingTower, ...] = ()
    equipment: tuple[Equipment, ...] = ()
    trees: tuple[Tree, ...] = ()
    roads: tuple[Road, ...] = ()
    lanes: tuple[Lane, ...] = ()
    junctions: tuple[Junction, ...] = ()
    bays: tuple[Bay, ...] = ()
    car_parks: tuple[CarPark, ...] = ()
    walks: tuple[Walk, ...] = ()
    waters: tuple[Water, ...] = ()
    outfalls: tuple[Outfall, ...] = ()
    stockpiles: tuple[Stockpile, ...] = ()
    poles: tuple[Pole, ...] = ()
    fences: tuple[Fence, ...] = ()
    pipe_racks: tuple[PipeRack, ...] = ()
    plots: tuple[Plot, ...] = ()
    illustrative: str = ""

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise RecordError("the start of a world has no time zone")

    @cached_property
    def site(self) -> Site:
        """The park as its site file says it, read the way any site file is."""
        return Site.load(self.site_geojson().encode())

    def site_geojson(self) -> str:
        """Return the site file as text, the same every time."""
        return json.dumps(self.site_file, ensure_ascii=False, separators=(",", ":")) + "\n"
