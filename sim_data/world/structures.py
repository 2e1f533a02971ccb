"""What stands in a simulated park: buildings, plant, trees, poles, fences, heaps.

Metres of `World.frame`, heights above the ground, headings clockwise from north.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shapely.geometry import LineString, Polygon

from sim_data.world.record_checks import need, need_numbers, need_positive

Rgb = tuple[int, int, int]
"""Red, green, blue, 0 to 255, in full daylight."""


class BlockUse(StrEnum):
    """What a building is for."""

    FACTORY = "factory"
    WAREHOUSE = "warehouse"
    OFFICE = "office"
    GATEHOUSE = "gatehouse"
    UTILITY = "utility"
    CANOPY = "canopy"
    """A roof on posts, as of a gas station."""
    UNFINISHED = "unfinished"
    """On a construction site: bare concrete floors."""


class RoofKind(StrEnum):
    """How a roof is built."""

    FLAT = "flat"
    """Bitumen or gravel with a parapet, air conditioners and vents."""
    METAL = "metal"
    """Sheets with seams along `Block.axis_deg`, skylight strips across."""
    SAWTOOTH = "sawtooth"
    """Rows of slanted skylights across `Block.axis_deg`."""
    SOLAR = "solar"
    """Metal with rows of solar panels."""
    GREEN = "green"
    """Planted."""
    BARE = "bare"
    """Unfinished concrete."""


@dataclass(frozen=True, slots=True)
class Block:
    """A building with upright walls and a roof at one height.

    Attributes:
        block_id: also its id in the site file.
        plot_id: the plot it stands on.
        area: outline of walls and roof.
        height_m: of the roof above the ground.
        base_m: where the walls begin: 0, or the clear height below a canopy.
        use: what for.
        roof: how the roof is built.
        roof_rgb: its colour.
        wall_rgb: colour of the walls.
        axis_deg: heading of the ridge and of the roof's seams.
        texture: any number; the same number gives the same details (vents, stains, windows).
    """

    block_id: str
    plot_id: str
    area: Polygon
    height_m: float
    base_m: float
    use: BlockUse
    roof: RoofKind
    roof_rgb: Rgb
    wall_rgb: Rgb
    axis_deg: float
    texture: int

    def __post_init__(self) -> None:
        need_positive(self, "height_m")
        need(0.0 <= self.base_m < self.height_m, f"block {self.block_id}: base above its roof")


@dataclass(frozen=True, slots=True)
class Stack:
    """A chimney: a slender cylinder."""

    stack_id: str
    plot_id: str
    east_m: float
    north_m: float
    radius_m: float
    height_m: float
    banded: bool = True
    """Painted red and white near the top."""

    def __post_init__(self) -> None:
        need_numbers(self, "east_m", "north_m")
        need_positive(self, "radius_m", "height_m")


@dataclass(frozen=True, slots=True)
class Tank:
    """A standing cylinder with a flat or low cone roof."""

    tank_id: str
    plot_id: str
    east_m: float
    north_m: float
    radius_m: float
    height_m: float
    rgb: Rgb
    contents: str

    def __post_init__(self) -> None:
        need_numbers(self, "east_m", "north_m")
        need_positive(self, "radius_m", "height_m")


@dataclass(frozen=True, slots=True)
class CoolingTower:
    """A low wide cylinder with a dark fan opening on top, from which steam may rise.

    Steam is a look-alike: it must not be reported as smoke.
    """

    tower_id: str
    plot_id: str
    east_m: float
    north_m: float
    radius_m: float
    height_m: float
    steams: bool

    def __post_init__(self) -> None:
        need_numbers(self, "east_m", "north_m")
        need_positive(self, "radius_m", "height_m")


class TreeKind(StrEnum):
    """How a tree looks from above."""

    BROAD = "broad"
    CONIFER = "conifer"
    SHRUB = "shrub"


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree or shrub: a round crown."""

    east_m: float
    north_m: float
    radius_m: float
    height_m: float
    kind: TreeKind = TreeKind.BROAD


@dataclass(frozen=True, slots=True)
class Stockpile:
    """Loose material in a heap: a cone or ridge over its outline.

    Attributes:
        pile_id: short name.
        plot_id: the plot it lies on.
        area: its foot.
        height_m: of the top.
        covered: under a green net or tarpaulin, as the rules want it; a covered one must not
            be reported. One that is not covered belongs to a staged incident or to a yard
            that says so in its zone.
        rgb: colour of the cover, else of the material.
    """

    pile_id: str
    plot_id: str
    area: Polygon
    height_m: float
    covered: bool
    rgb: Rgb


class PoleKind(StrEnum):
    """What stands on or at a pole."""

    LAMP = "lamp"
    SIGNAL = "signal"
    CRANE = "crane"
    """The mast of a tower crane; its jib is `Pole.reach_m` long towards `Pole.heading_deg`."""


@dataclass(frozen=True, slots=True)
class Pole:
    """A thin upright thing with an arm."""

    east_m: float
    north_m: float
    height_m: float
    kind: PoleKind = PoleKind.LAMP
    heading_deg: float = 0.0
    reach_m: float = 1.5


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence or wall along a line.

    Attributes:
        line: where.
        height_m: above the ground.
        solid: a wall; else wire that one sees through.
        perimeter: of the whole park; else of a plot.
    """

    line: LineString
    height_m: float
    solid: bool
    perimeter: bool


@dataclass(frozen=True, slots=True)
class PipeRack:
    """Pipes above the ground on a rack.

    Attributes:
        pipe_id: also its id in the site file.
        line: its middle.
        width_m: of the rack.
        height_m: of the pipes above the ground.
        contents: what flows in it.
    """

    pipe_id: str
    line: LineString
    width_m: float
    height_m: float
    contents: str


@dataclass(frozen=True, slots=True)
class Equipment:
    """A piece of plant that may run warm: a transformer, a pump, a switch cabinet.

    Attributes:
        equipment_id: also the id of an asset in the site file.
        plot_id: the plot it stands on.
        area: its outline.
        height_m: of its top.
        kind: "transformer", "pump" or "switchgear".
        warmer_by_c: above the air, degrees, when all is well.
    """

    equipment_id: str
    plot_id: str
    area: Polygon
    height_m: float
    kind: str
    warmer_by_c: float
