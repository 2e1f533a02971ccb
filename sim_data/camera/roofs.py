"""Draws the roofs of buildings from straight above: seams, skylights, plant, panels, parapets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from shapely import affinity
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from sim_data.camera.materials import STUFF_OF_ROOF, Look, Stuff
from sim_data.camera.nearby import WorldIndex
from sim_data.camera.noise import Float32Array
from sim_data.camera.sheet import TILE_PX, Image8, Sheet, clipped, polygons_of, rings_of
from sim_data.world.records import Block, BlockUse, Rgb, RoofKind, Tank

RectM = tuple[float, float, float, float]
"""Along and across of one corner of a rectangle on a roof, then of the opposite one, metres."""


def paint_roofs(
    index: WorldIndex, seed: int, level: int, column: int, row: int, sun: tuple[float, float]
) -> Sheet:
    """Return a tile of all roofs as if they lay on the ground, in full sun.

    Args:
        index: the park.
        seed: of its looks.
        level: of the tile.
        column: of the tile.
        row: of the tile.
        sun: shift east and north of a shadow for each metre of height, for what stands on roofs.
    """
    sheet = Sheet(seed, level, column, row)
    for block in index.blocks.within(sheet.box):
        _Roof(sheet, block, sun).paint()
    for tank in index.tanks.within(sheet.box):
        _tank_roof(sheet, tank, sun)
    return sheet


def _inner(rect: RectM, by_m: float) -> RectM:
    return rect[0] + by_m, rect[1] + by_m, rect[2] - by_m, rect[3] - by_m


def toned(rgb: Rgb, factor: float, add: float = 0.0) -> Rgb:
    """Return a colour made lighter or darker."""
    r, g, b = (int(min(255.0, max(0.0, value * factor + add))) for value in rgb)
    return r, g, b


class _Roof:
    """One roof, drawn in metres along and across its axis from the middle of the building."""

    def __init__(self, sheet: Sheet, block: Block, sun: tuple[float, float]) -> None:
        self.sheet, self.block, self.sun = sheet, block, sun
        middle = block.area.minimum_rotated_rectangle.centroid
        self.middle = (middle.x, middle.y)
        # Heading clockwise from north of the axis; shapely turns anticlockwise from east.
        self.turn_deg = 90.0 - block.axis_deg
        self.rng = np.random.default_rng(abs(block.texture) % (1 << 62))
        flat = affinity.rotate(block.area, -self.turn_deg, origin=self.middle)
        west, south, east, north = flat.bounds
        self.half_along, self.half_across = (east - west) / 2, (north - south) / 2
        self.offset = ((east + west) / 2 - self.middle[0], (north + south) / 2 - self.middle[1])
        self.fine = sheet.px_m < 0.9

    def place(self, shape: BaseGeometry) -> BaseGeometry:
        """Return a shape given along and across, in the world."""
        moved = affinity.translate(
            shape, self.middle[0] + self.offset[0], self.middle[1] + self.offset[1]
        )
        return affinity.rotate(moved, self.turn_deg, origin=self.middle)

    @cached_property
    def inside(self) -> Image8:
        """255 where the tile shows this roof."""
        whole = np.zeros((TILE_PX, TILE_PX), np.uint8)
        for polygon in polygons_of(clipped(self.block.area, self.sheet.box)):
            mask, window = self.sheet.mask(rings_of(polygon))
            if mask.size:
                whole[window] = np.maximum(whole[window], mask)
        return whole

    def put(
        self, rects: Sequence[RectM], rgb: Rgb, stuff: Stuff | None, strength: float = 1.0
    ) -> None:
        """Paint rectangles, each by its edges along and across the axis, all at once."""
        if not rects:
            return
        edges = np.array(rects)
        corners = edges[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) + self.offset
        turn = math.radians(self.turn_deg)
        spin = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        world = corners @ spin + self.middle
        west, south, east, north = self.sheet.box
        low, high = world.min(axis=1), world.max(axis=1)
        near = (high[:, 0] > west) & (low[:, 0] < east) & (high[:, 1] > south) & (low[:, 1] < north)
        mask, window = self.sheet.mask(list(world[near]), union=True)
        if mask.size:
            mask = np.minimum(mask, self.inside[window])
            self.sheet.paint(mask, window, rgb, stuff, strength)

    def raised(self, shape: BaseGeometry, height_m: float, rgb: Rgb, stuff: Stuff) -> None:
        """Draw something that stands on the roof, with its shadow."""
        world = self.place(shape)
        west, south, east, north = self.sheet.box
        x0, y0, x1, y1 = world.buffer(4.0 * height_m).bounds
        if x1 < west or x0 > east or y1 < south or y0 > north:
            return
        if not self.block.area.contains(world):
            return
        shift = np.array(self.sun) * height_m
        steps = [affinity.translate(world, *(shift * t)) for t in (0.0, 0.5, 1.0)]
        shadow = steps[0].union(steps[1]).union(steps[2]).convex_hull
        self.sheet.fill(shadow.intersection(self.block.area), (34, 36, 44), None, 0.5)
        self.sheet.fill(world, toned(rgb, 0.72), stuff)
        self.sheet.fill(world.buffer(-0.12), rgb, stuff)

    def across_noise(self, step_m: float) -> tuple[Float32Array, Float32Array]:
        """Return the coordinate along and across the axis of every pixel of the tile."""
        sheet = self.sheet
        east = sheet.west + (np.arange(TILE_PX) + 0.5) * sheet.px_m - self.middle[0]
        north = sheet.north - (np.arange(TILE_PX) + 0.5) * sheet.px_m - self.middle[1]
        turn = math.radians(self.turn_deg)
        along = east[None, :] * math.cos(turn) + north[:, None] * math.sin(turn)
        across = north[:, None] * math.cos(turn) - east[None, :] * math.sin(turn)
        return along.astype(np.float32) / step_m, across.astype(np.float32) / step_m

    def paint(self) -> None:
        block = self.block
        look = {
            RoofKind.FLAT: Look(block.roof_rgb, toned(block.roof_rgb, 0.86), -0.2, 5, 4, 4, 5.0),
            RoofKind.GREEN: Look((98, 124, 70), (126, 128, 84), -0.2, 9, 8, 5, 3.0),
            RoofKind.BARE: Look((168, 164, 156), (140, 136, 128), -0.1, 5, 5, 5, 4.0),
        }.get(block.roof, Look(block.roof_rgb, toned(block.roof_rgb, 0.93), -0.4, 2.0, 2, 4, 12.0))
        self.sheet.fill(block.area, look, STUFF_OF_ROOF[block.roof])
        if block.roof in (RoofKind.METAL, RoofKind.SOLAR, RoofKind.SAWTOOTH):
            self._seams()
        {
            RoofKind.METAL: self._skylights,
            RoofKind.SAWTOOTH: self._sawteeth,
            RoofKind.SOLAR: self._panels,
            RoofKind.BARE: self._bare,
        }.get(block.roof, self._nothing)()
        if self.fine and block.roof is not RoofKind.BARE and block.use is not BlockUse.CANOPY:
            self._plant()
        self._edge()

    def _nothing(self) -> None:
        return

    def _seams(self) -> None:
        """Darken the seams between sheets, and one half of the roof behind the ridge."""
        sheet = self.sheet
        _, across = self.across_noise(1.0)
        ridge = (across - self.offset[1]) > 0
        turn = math.radians(self.turn_deg)
        # The half that slopes away from the sun is darker.
        facing = -math.sin(turn) * -self.sun[0] + math.cos(turn) * -self.sun[1]
        shade = np.where(ridge == (facing > 0), 1.035, 0.93).astype(np.float32)
        along, _ = self.across_noise(1.0)
        if sheet.px_m < 0.3:
            near = np.abs(along - np.round(along))
            shade -= 0.15 * np.clip(1.4 - near / (0.06 + 0.6 * sheet.px_m), 0.0, 1.0)
        crest = np.abs(across - self.offset[1])
        shade += 0.1 * np.clip(1.0 - crest / max(0.3, sheet.px_m), 0.0, 1.0)
        picture = np.clip(sheet.rgb * shade[..., None], 0, 255).astype(np.uint8)
        sheet.fill(self.block.area, picture, None)

    def _skylights(self) -> None:
        step = float(self.rng.uniform(6.0, 10.0))
        width = float(self.rng.uniform(0.9, 1.6))
        pale: Rgb = (202, 210, 212) if self.rng.uniform() < 0.7 else (172, 188, 198)
        strips = [
            (float(x), low * self.half_across, float(x) + width, high * self.half_across)
            for x in np.arange(-self.half_along + step, self.half_along - 3.0, step)
            for low, high in ((-0.78, -0.14), (0.14, 0.78))
        ]
        self.put(strips, toned(pale, 0.75), None, 0.7)
        self.put([_inner(strip, 0.12) for strip in strips], pale, Stuff.ROOF_GLASS)

    def _sawteeth(self) -> None:
        step = float(self.rng.uniform(6.5, 9.0))
        low, high = -self.half_across + 0.8, self.half_across - 0.8
        ridges = [float(x) for x in np.arange(-self.half_along + 1.0, self.half_along - 2.0, step)]
        self.put([(x, low, x + 1.9, high) for x in ridges], (70, 84, 98), Stuff.ROOF_GLASS)
        light = toned(self.block.roof_rgb, 1.15)
        self.put([(x + 1.9, low, x + 2.3, high) for x in ridges], light, None)
        self.put([(x - 1.3, low, x, high) for x in ridges], (30, 32, 38), None, 0.35)

    def _panels(self) -> None:
        places = [
            (float(x), float(y))
            for y in np.arange(-self.half_across + 1.6, self.half_across - 3.2, 2.6)
            for x in np.arange(-self.half_along + 2.0, self.half_along - 11.0, 11.4)
        ]
        there = self.rng.uniform(size=len(places)) >= 0.06
        rows = [(x, y, x + 10.6, y + 1.9) for (x, y), put in zip(places, there, strict=True) if put]
        self.put(rows, (166, 170, 174), Stuff.ROOF_PANEL)
        if self.sheet.px_m < 0.3:
            panels = [
                (x + 0.06 + k * 1.05, y + 0.06, x + 1.03 + k * 1.05, top - 0.06)
                for x, y, _, top in rows
                for k in range(10)
            ]
            self.put(panels, (32, 44, 78), Stuff.ROOF_PANEL)
        else:
            self.put([_inner(row, 0.05) for row in rows], (38, 50, 82), Stuff.ROOF_PANEL)

    def _bare(self) -> None:
        for x in np.arange(-self.half_along + 3.0, self.half_along - 1.0, 6.0):
            for y in np.arange(-self.half_across + 3.0, self.half_across - 1.0, 6.0):
                self.raised(box(x, y, x + 0.6, y + 0.6), 1.2, (150, 120, 96), Stuff.CONCRETE)
        for _ in range(5):
            x = self.rng.uniform(-0.8, 0.6) * self.half_along
            y = self.rng.uniform(-0.8, 0.6) * self.half_across
            rgb: Rgb = ((150, 116, 70), (86, 110, 140), (170, 168, 160))[int(self.rng.integers(3))]
            self.raised(box(x, y, x + self.rng.uniform(1, 4), y + 1.5), 0.6, rgb, Stuff.CONCRETE)

    def _plant(self) -> None:
        """Air conditioners, vents and hatches."""
        area = 4.0 * self.half_along * self.half_across
        flat = self.block.roof in (RoofKind.FLAT, RoofKind.GREEN)
        for _ in range(int(min(26, area / (70.0 if flat else 400.0) + 1))):
            w, h = self.rng.uniform(0.9, 3.2), self.rng.uniform(0.9, 2.2)
            x = self.rng.uniform(-0.86, 0.8) * self.half_along
            y = self.rng.uniform(-0.86, 0.8) * self.half_across
            level = int(self.rng.uniform(140, 205))
            self.raised(
                box(x, y, x + w, y + h),
                float(self.rng.uniform(0.6, 1.6)),
                (level, level, level - 3),
                Stuff.ROOF_MACHINE,
            )
            if self.sheet.px_m < 0.15:
                for k in range(int(w / 1.1)):
                    fan = Point(x + 0.6 + 1.1 * k, y + h / 2).buffer(0.36, quad_segs=4)
                    self.sheet.fill(self.place(fan), (58, 60, 62), Stuff.ROOF_MACHINE)
        if flat and area > 150:
            x, y = self.rng.uniform(-0.6, 0.3) * self.half_along, 0.2 * self.half_across
            house = box(x, y, x + min(4.5, self.half_along), y + min(3.5, self.half_across * 0.6))
            self.raised(house, 2.6, toned(self.block.roof_rgb, 1.1), Stuff.ROOF_FLAT)

    def _edge(self) -> None:
        block = self.block
        inner = block.area.buffer(-0.35, join_style="mitre")
        if block.roof in (RoofKind.FLAT, RoofKind.GREEN):
            # The parapet's own shadow on the roof, then its light top.
            shift = np.array(self.sun) * 0.8
            lit = affinity.translate(inner, *shift).intersection(inner)
            self.sheet.fill(inner.difference(lit), (34, 36, 44), None, 0.45)
            ring, rgb = block.area.difference(inner), toned(block.roof_rgb, 1.0, 26)
        else:
            ring = block.area.difference(block.area.buffer(-0.2, join_style="mitre"))
            rgb = toned(block.roof_rgb, 0.72)
        self.sheet.fill(ring, rgb, None)
        if block.use is BlockUse.CANOPY:
            band = block.area.difference(block.area.buffer(-0.7, join_style="mitre"))
            self.sheet.fill(band, toned(block.wall_rgb, 1.0), None)


def _tank_roof(sheet: Sheet, tank: Tank, sun: tuple[float, float]) -> None:
    disc = Point(tank.east_m, tank.north_m).buffer(tank.radius_m, quad_segs=12)
    look = Look(tank.rgb, toned(tank.rgb, 0.9), -0.3, 2.0, 2.0, 3.0, 4.0)
    sheet.fill(disc, look, Stuff.TANK)
    for k in range(12):
        angle = math.radians(30 * k)
        wedge = Polygon(
            [
                (tank.east_m, tank.north_m),
                *(
                    (
                        tank.east_m + tank.radius_m * math.sin(angle + t),
                        tank.north_m + tank.radius_m * math.cos(angle + t),
                    )
                    for t in (0.0, 0.17, 0.35, 0.524)
                ),
            ]
        )
        lit = -(math.sin(angle + 0.26) * sun[0] + math.cos(angle + 0.26) * sun[1])
        rgb = (255, 255, 250) if lit > 0 else (20, 24, 32)
        sheet.fill(wedge, rgb, None, min(0.16, 0.14 * abs(lit)))
    sheet.fill(disc.difference(disc.buffer(-0.25)), toned(tank.rgb, 0.7), Stuff.TANK)
    for k in range(2):
        hatch = Point(tank.east_m + tank.radius_m * (0.35 - 0.8 * k), tank.north_m + 0.3)
        sheet.fill(hatch.buffer(0.5, quad_segs=4), toned(tank.rgb, 0.6), Stuff.TANK)
