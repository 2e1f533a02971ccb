"""Where the roads, the canal and the blocks of a simulated park lie, before anything is built.

The park is laid out on a grid of its own, u to the right and v upwards, which is turned a little
against north. Roads are the lines of the grid and run out of the park at gates; between two rows
of blocks there may be a canal instead of a road.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from shapely.geometry import Polygon

from sim_data.world.records import RoadClass
from sim_data.world.spot import PointM, Spot

BEYOND_M = 320.0
"""How far roads and the canal go on outside the boundary, so that a camera sees no end."""

FENCE_BAND_M = 24.0
"""Inside the boundary nothing is built: fence, track and the strip that is watched."""

VERGE_M = 7.5
"""Between kerb and plots: trees, lamps and a walk."""

_CANAL_EVERY_M = 3_200.0
_CHAMFER = 0.07


class LineKind(StrEnum):
    """What runs along a line of the grid."""

    ARTERIAL = "arterial"
    COLLECTOR = "collector"
    CANAL = "canal"
    EDGE = "edge"
    """The boundary; not a road."""


HALF_WIDTH_M: dict[LineKind, float] = {
    LineKind.ARTERIAL: 8.4,
    LineKind.COLLECTOR: 4.2,
    LineKind.CANAL: 26.0,
    LineKind.EDGE: FENCE_BAND_M,
}
"""From the middle of a line to its kerb, or of the canal's strip to its end."""

SPEED_MPS: dict[LineKind, float] = {LineKind.ARTERIAL: 13.9, LineKind.COLLECTOR: 8.4}
"""Speed limits: 50 and 30 km/h."""


@dataclass(frozen=True, slots=True)
class GridLine:
    """A line of the grid.

    Attributes:
        at_m: its u or v.
        kind: what runs along it.
        name: short, for ids: a letter for north-south lines, a number for the others.
    """

    at_m: float
    kind: LineKind
    name: str

    @property
    def is_road(self) -> bool:
        """Whether vehicles drive along it."""
        return self.kind in (LineKind.ARTERIAL, LineKind.COLLECTOR)

    @property
    def half_width_m(self) -> float:
        """From its middle to its kerb."""
        return HALF_WIDTH_M[self.kind]

    @property
    def road_class(self) -> RoadClass:
        """Its place in the network."""
        return RoadClass.ARTERIAL if self.kind is LineKind.ARTERIAL else RoadClass.COLLECTOR

    @property
    def reserve_m(self) -> float:
        """From its middle to where plots begin."""
        return self.half_width_m + (VERGE_M if self.is_road else 0.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """A block: the ground between four lines.

    Attributes:
        column: counted from the west.
        row: counted from the south.
        west: the line there.
        east: the line there.
        south: the line there.
        north: the line there.
        developed: whether anything is built there; else it is kept in reserve.
    """

    column: int
    row: int
    west: GridLine
    east: GridLine
    south: GridLine
    north: GridLine
    developed: bool

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Where plots may be: u and v of the south-west corner, then of the north-east one."""
        return (
            self.west.at_m + self.west.reserve_m,
            self.south.at_m + self.south.reserve_m,
            self.east.at_m - self.east.reserve_m,
            self.north.at_m - self.north.reserve_m,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """The plan of a park.

    Attributes:
        grid: its axes, x for u and y for v.
        half_u_m: half its width.
        half_v_m: half its height.
        corners: of the boundary, (u, v), counter-clockwise.
        us: lines that run along v, from west to east, both edges included.
        vs: lines that run along u, from south to north, both edges included.
        cells: the blocks.
    """

    grid: Spot
    half_u_m: float
    half_v_m: float
    corners: tuple[PointM, ...]
    us: tuple[GridLine, ...]
    vs: tuple[GridLine, ...]
    cells: tuple[Cell, ...]

    def outline(self) -> Polygon:
        """Return the boundary in metres around the origin of the grid."""
        return self.grid.shape(self.corners)

    def moved(self, east_m: float, north_m: float) -> Layout:
        """Return the same plan with its grid moved."""
        place = (self.grid.east_m + east_m, self.grid.north_m + north_m)
        return replace(self, grid=replace(self.grid, east_m=place[0], north_m=place[1]))

    def inner(self, inset_m: float) -> Polygon:
        """Return the ground some metres inside the boundary, (u, v)."""
        inner = Polygon(self.corners).buffer(-inset_m, join_style="mitre")
        assert isinstance(inner, Polygon)
        return inner


def lay_out(km2: float, seed: int) -> Layout:
    """Return the plan of a park of a size.

    Args:
        km2: area inside the boundary, square kilometres.
        seed: of its chance.
    """
    chance = random.Random(f"layout {seed}")
    aspect = chance.uniform(1.05, 1.4)
    shares = [chance.uniform(0.5, 1.0) * _CHAMFER for _ in range(4)]
    # Area of the rectangle less four right triangles, for a height of 1.
    unit = aspect - sum(share * share for share in shares) / 2.0
    height = math.sqrt(km2 * 1e6 / unit)
    half_u, half_v = aspect * height / 2.0, height / 2.0
    cuts = [share * height for share in shares]
    corners = (
        (-half_u + cuts[0], -half_v),
        (half_u - cuts[1], -half_v),
        (half_u, -half_v + cuts[1]),
        (half_u, half_v - cuts[2]),
        (half_u - cuts[2], half_v),
        (-half_u + cuts[3], half_v),
        (-half_u, half_v - cuts[3]),
        (-half_u, -half_v + cuts[0]),
    )
    us = _lines(chance, half_u, 355.0, letters=True, canals=False)
    vs = _lines(chance, half_v, 285.0, letters=False, canals=True)
    grid = Spot.facing(0.0, 0.0, chance.uniform(-9.0, 9.0))
    cells = tuple(_cells(us, vs, km2, seed))
    return Layout(grid, half_u, half_v, corners, us, vs, cells)


def _lines(
    chance: random.Random, half_m: float, spacing_m: float, *, letters: bool, canals: bool
) -> tuple[GridLine, ...]:
    """Return the lines of one direction: both edges, and what runs between them."""
    blocks = max(2, round(2.0 * half_m / spacing_m))
    widths = [chance.uniform(0.88, 1.12) for _ in range(blocks)]
    scale = 2.0 * half_m / sum(widths)
    places, reached = [], -half_m
    for width in widths[:-1]:
        reached += width * scale
        places.append(reached)
    kinds = [LineKind.COLLECTOR] * len(places)
    first = chance.randrange(min(3, len(kinds)))
    for index in range(first, len(kinds), 4):
        kinds[index] = LineKind.ARTERIAL
    if canals and len(kinds) > 1:
        for index in _canal_indices(places, kinds):
            kinds[index] = LineKind.CANAL
    return (
        GridLine(-half_m, LineKind.EDGE, "w" if letters else "s"),
        *(
            GridLine(place, kind, _letters(number) if letters else str(number + 1))
            for number, (place, kind) in enumerate(zip(places, kinds, strict=True))
        ),
        GridLine(half_m, LineKind.EDGE, "e" if letters else "n"),
    )


def _canal_indices(places: list[float], kinds: list[LineKind]) -> list[int]:
    """Return which lines become canals: collectors, one in every few kilometres."""
    free = [index for index, kind in enumerate(kinds) if kind is LineKind.COLLECTOR]
    span = places[-1] - places[0]
    wanted = max(1, round(span / _CANAL_EVERY_M))
    found = []
    for number in range(wanted):
        goal = places[0] + span * (number + 0.6) / wanted
        nearest = min(free, key=lambda index: abs(places[index] - goal))
        free.remove(nearest)
        found.append(nearest)
        if not free:
            break
    return found


def _letters(number: int) -> str:
    """Return a, b, ... z, aa, ab, ..."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


def developed_share(km2: float) -> float:
    """Return how much of a park is built on: nearly all of a small one, a quarter of 426 km2."""
    return 0.94 * float((6.0 / max(km2, 6.0)) ** 0.31)


def _cells(
    us: tuple[GridLine, ...], vs: tuple[GridLine, ...], km2: float, seed: int
) -> Iterator[Cell]:
    """Yield the blocks; those that are built on lie together in districts."""
    chance = random.Random(f"districts {seed}")
    waves = [
        (chance.uniform(-1.0, 1.0), chance.uniform(-1.0, 1.0), chance.uniform(0.0, math.tau))
        for _ in range(5)
    ]
    places: list[tuple[float, int, int]] = []
    for column in range(len(us) - 1):
        for row in range(len(vs) - 1):
            u = (us[column].at_m + us[column + 1].at_m) / 2.0
            v = (vs[row].at_m + vs[row + 1].at_m) / 2.0
            tide = sum(math.sin((a * u + b * v) / 620.0 + c) for a, b, c in waves)
            places.append((tide + chance.uniform(-0.8, 0.8), column, row))
    count = round(developed_share(km2) * len(places))
    chosen = {(column, row) for _, column, row in sorted(places, reverse=True)[:count]}
    for _, column, row in places:
        yield Cell(
            column,
            row,
            us[column],
            us[column + 1],
            vs[row],
            vs[row + 1],
            (column, row) in chosen,
        )
