"""Builders of what lies on ground and water: stains, soil, rubbish, heaps, goods, structures."""

from __future__ import annotations

import math

from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from sim_data.scenario.draft import Draft, NoRoomError, Staging, still
from sim_data.scenario.records import Build, GroundPatch, Solid, Surface
from sim_data.scenario.shapes import (
    PointM,
    ahead,
    blob,
    box,
    corners_of,
    fan,
    heading_between,
    largest_polygon,
    long_axis_deg,
)
from sim_data.world.records import Block, Lane, Outfall, Rgb

_LEAST_M2 = 1.0
_STAINS: dict[str, Rgb] = {"red": (134, 58, 44), "milky": (188, 186, 168), "black": (38, 36, 34)}
_HEAPS: tuple[Rgb, ...] = ((150, 128, 98), (96, 90, 84), (172, 158, 132))
_COVERS: tuple[Rgb, ...] = ((52, 104, 62), (46, 92, 70), (40, 78, 120))
_SHEDS: tuple[Rgb, ...] = ((70, 112, 168), (176, 176, 172), (196, 190, 178))
_GOODS: tuple[Rgb, ...] = ((166, 124, 80), (86, 118, 156), (190, 186, 176), (180, 92, 50))


def discoloured_water(draft: Draft) -> Staging:
    """Return a stain on water, from an outfall or adrift; its size is its length."""
    outfall = draft.place.thing
    heading = outfall.heading_deg if isinstance(outfall, Outfall) else draft.rng.uniform(0, 360)
    spread: BaseGeometry = (
        fan(draft.at_m, heading, draft.size_m, draft.rng)
        if isinstance(outfall, Outfall)
        else blob(draft.at_m, draft.size_m / 2, draft.rng)
    )
    cut = [largest_polygon(spread.intersection(water.area)) for water in draft.world.waters]
    pieces = [piece for piece in cut if piece is not None and piece.area >= _LEAST_M2]
    if not pieces:
        raise NoRoomError("is not on water")
    stain = max(pieces, key=lambda piece: piece.area)
    patch = GroundPatch(
        f"{draft.thing_id}/stain",
        draft.stage_id,
        Surface.STAINED_WATER,
        corners_of(stain),
        _STAINS[draft.variant],
        draft.strength,
    )
    ids = (patch.thing_id,)
    return Staging(still(patch), stain, stain, stain.area, ids, solid_on_ground=False)


def bare_soil(draft: Draft) -> Staging:
    """Return opened soil, or a heap without its cover; its size is the width."""
    if draft.variant == "stockpile":
        return _heap(draft, Build.STOCKPILE, _pick(draft, _HEAPS))
    return _patch(draft, Surface.BARE_SOIL, (152, 116, 78), 1.0, 0.0)


def dumped_rubbish(draft: Draft) -> Staging:
    """Return a heap of rubbish; its size is the width."""
    height_m = min(1.2, draft.size_m * 0.2)
    return _patch(draft, Surface.RUBBISH, (138, 134, 128), 1.0, height_m)


def covered_stockpile(draft: Draft) -> Staging:
    """Return a heap under a net or tarpaulin, as the rules want it."""
    return _heap(draft, Build.COVERED_STOCKPILE, _pick(draft, _COVERS))


def road_obstruction(draft: Draft) -> Staging:
    """Return crates or a fallen load on a lane; its size is the longest side."""
    lane = draft.place.thing
    if not isinstance(lane, Lane):
        raise NoRoomError("is not on a lane")
    heading = (lane_heading_deg(lane, draft.at_m) + draft.rng.uniform(-40, 40)) % 360.0
    width_m = min(lane.width_m * 0.9, draft.size_m * float(draft.rng.uniform(0.5, 0.8)))
    shape = box(draft.at_m, heading, draft.size_m, width_m)
    height_m = float(draft.rng.uniform(0.6, 1.4))
    return _solid(draft, Build.OBSTACLE, shape, height_m, _pick(draft, _GOODS))


def new_structure(draft: Draft) -> Staging:
    """Return a shed that was not there before; its size is the longest side."""
    width_m = draft.size_m * float(draft.rng.uniform(0.5, 0.8))
    heading = long_axis_deg(draft.place.shape)
    shape = box(draft.at_m, heading, draft.size_m, width_m)
    height_m = float(draft.rng.uniform(2.8, 4.5))
    return _solid(draft, Build.STRUCTURE, shape, height_m, _pick(draft, _SHEDS))


def occupied_public_space(draft: Draft) -> Staging:
    """Return goods put down on public ground; its size is the width of all of them."""
    heading = float(draft.rng.uniform(0, 180))
    side = math.ceil(math.sqrt(draft.count))
    cell_m = draft.size_m / side
    things = []
    for number in range(draft.count):
        row, column = divmod(number, side)
        at_m = ahead(
            draft.at_m,
            heading,
            (row - (side - 1) / 2) * cell_m,
            (column - (side - 1) / 2) * cell_m,
        )
        goods = box(at_m, heading + draft.rng.uniform(-8, 8), cell_m * 0.85, cell_m * 0.7)
        things.append(
            Solid(
                f"{draft.thing_id}/goods-{number + 1}",
                draft.stage_id,
                Build.GOODS,
                corners_of(goods),
                0.0,
                float(draft.rng.uniform(0.5, 1.8)),
                _pick(draft, _GOODS),
            )
        )
    hull = MultiPoint([corner for thing in things for corner in thing.outline_m]).convex_hull
    ids = tuple(thing.thing_id for thing in things)
    return Staging(still(*things), hull, hull, hull.area, ids)


def red_roof(draft: Draft) -> Staging:
    """Return bright red sheets on a roof; their size is the longest side."""
    block = draft.place.thing
    if not isinstance(block, Block):
        raise NoRoomError("is not on a roof")
    width_m = draft.size_m * 0.6
    sheets = box(draft.at_m, block.axis_deg, draft.size_m, width_m)
    cut = largest_polygon(sheets.intersection(block.area.buffer(-0.5)))
    if cut is None or cut.area < 0.5 * sheets.area:
        raise NoRoomError("is too close to the edge of the roof")
    roof = Solid(
        f"{draft.thing_id}/red-roof",
        draft.stage_id,
        Build.RED_ROOF,
        corners_of(cut),
        block.height_m,
        0.1,
        (196, 52, 36),
    )
    ids = (roof.thing_id,)
    return Staging(still(roof), cut, cut, cut.area, ids, solid_on_ground=False)


def lane_heading_deg(lane: Lane, at_m: PointM) -> float:
    """Return where traffic drives to at the point of a lane nearest to a place."""
    along = min(lane.line.project(Point(at_m)), lane.line.length - 1.0)
    start, end = lane.line.interpolate(max(0.0, along)), lane.line.interpolate(along + 1.0)
    return heading_between((start.x, start.y), (end.x, end.y))


def _patch(draft: Draft, surface: Surface, rgb: Rgb, strength: float, height_m: float) -> Staging:
    shape = blob(draft.at_m, draft.size_m / 2, draft.rng)
    patch = GroundPatch(
        f"{draft.thing_id}/{surface.value.replace('_', '-')}",
        draft.stage_id,
        surface,
        corners_of(shape),
        rgb,
        strength,
        height_m,
    )
    return Staging(still(patch), shape, shape, shape.area, (patch.thing_id,))


def _heap(draft: Draft, build: Build, rgb: Rgb) -> Staging:
    shape = blob(draft.at_m, draft.size_m / 2, draft.rng, rough=0.15)
    # Loose material lies at about 35 degrees; with a flattened top that is a quarter of the width.
    return _solid(draft, build, shape, draft.size_m * 0.25, rgb)


def _solid(draft: Draft, build: Build, shape: BaseGeometry, height_m: float, rgb: Rgb) -> Staging:
    outline = largest_polygon(unary_union([shape]))
    if outline is None:
        raise NoRoomError("has no area")
    solid = Solid(
        f"{draft.thing_id}/{build.value.replace('_', '-')}",
        draft.stage_id,
        build,
        corners_of(outline),
        0.0,
        height_m,
        rgb,
    )
    return Staging(still(solid), outline, outline, outline.area, (solid.thing_id,))


def _pick(draft: Draft, colours: tuple[Rgb, ...]) -> Rgb:
    return colours[int(draft.rng.integers(len(colours)))]
