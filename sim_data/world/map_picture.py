"""A map of a simulated park, drawn from what stands in it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw
from shapely.geometry import Polygon

from sim_data.world.records import Material, Rgb, World
from sim_data.world.scene import Scene
from sim_data.world.spot import Spot

_COLOURS: dict[Material, Rgb] = {
    Material.MEADOW: (142, 150, 104),
    Material.LAWN: (128, 160, 100),
    Material.ASPHALT: (92, 94, 98),
    Material.ASPHALT_OLD: (112, 112, 112),
    Material.CONCRETE: (184, 182, 174),
    Material.PAVING: (204, 196, 182),
    Material.GRAVEL: (164, 158, 146),
    Material.SOIL: (156, 122, 86),
    Material.RED_ASPHALT: (160, 84, 72),
}
_TREE: Rgb = (64, 102, 58)
_FENCE: Rgb = (96, 96, 104)
_BOUNDARY: Rgb = (196, 40, 40)
_WATER_LAYER = 2
"""Patches up to this layer lie below water, higher ones above: banks below, bridges above."""

_SMOOTH = 2
"""Drawn this many times larger, and then made smaller, for smooth edges."""

_LEAST_PX = 0.7


class _Sheet:
    """A picture that takes metres.

    Args:
        size_px: of its longer side.
        bounds: west, south, east, north of what is shown, metres.
    """

    def __init__(self, size_px: int, bounds: tuple[float, float, float, float]) -> None:
        self.west, south, east, self.north = bounds
        self.scale = size_px * _SMOOTH / max(east - self.west, self.north - south)
        width = round((east - self.west) * self.scale)
        height = round((self.north - south) * self.scale)
        self.image = Image.new("RGB", (width, height), _COLOURS[Material.MEADOW])
        self.draw = ImageDraw.Draw(self.image)

    def pixels(self, coords: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
        """Return places in pixels."""
        return [
            ((place[0] - self.west) * self.scale, (self.north - place[1]) * self.scale)
            for place in coords
        ]

    def area(self, area: Polygon, colour: Rgb, edge: Rgb | None = None) -> None:
        """Fill a polygon; holes are left out."""
        self.draw.polygon(self.pixels(area.exterior.coords), fill=colour, outline=edge)

    def line(self, coords: Iterable[Sequence[float]], colour: Rgb, width_m: float) -> None:
        """Draw a line; a thin one is drawn all the same, a pixel wide."""
        self.draw.line(self.pixels(coords), fill=colour, width=max(1, round(width_m * self.scale)))

    def disc(self, east_m: float, north_m: float, radius_m: float, colour: Rgb) -> None:
        """Draw a circle, unless it would be too small to be seen."""
        reach = radius_m * self.scale
        if reach < _LEAST_PX:
            return
        ((x, y),) = self.pixels([(east_m, north_m)])
        self.draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)


def map_picture(
    world: World,
    *,
    size_px: int = 1200,
    around: tuple[float, float, float] | None = None,
    scene: Scene | None = None,
    suffix: str = ".png",
) -> bytes:
    """Return a map of a park, or of a square of it, as a PNG or JPEG file; north is up.

    Args:
        world: the park.
        size_px: longer side of the picture.
        around: east, north and half the side of the square to show; the whole park if absent.
        scene: vehicles and people to draw as well.
        suffix: ".png" or ".jpg".
    """
    west, south, east, north = world.boundary.buffer(60.0).bounds
    if around is not None:
        middle_e, middle_n, half = around
        west, south, east, north = (
            middle_e - half,
            middle_n - half,
            middle_e + half,
            middle_n + half,
        )
    sheet = _Sheet(size_px, (west, south, east, north))
    _ground(sheet, world)
    _standing(sheet, world)
    if scene is not None:
        _moving(sheet, scene)
    sheet.line(world.boundary.exterior.coords, _BOUNDARY, 1.5 / sheet.scale * _SMOOTH)
    small = sheet.image.resize(
        (sheet.image.width // _SMOOTH, sheet.image.height // _SMOOTH), Image.Resampling.LANCZOS
    )
    written = io.BytesIO()
    if suffix == ".png":
        small.save(written, "PNG", optimize=True)
    else:
        small.save(written, "JPEG", quality=86, optimize=True)
    return written.getvalue()


def _ground(sheet: _Sheet, world: World) -> None:
    patches = sorted(world.patches, key=lambda patch: patch.layer)
    for patch in patches:
        if patch.layer <= _WATER_LAYER:
            sheet.area(patch.area, _COLOURS[patch.material])
    for water in world.waters:
        sheet.area(water.area, (water.rgb[0] + 10, water.rgb[1] + 24, water.rgb[2] + 40))
    for patch in patches:
        if patch.layer > _WATER_LAYER:
            sheet.area(patch.area, _COLOURS[patch.material])
    for marking in world.markings:
        if marking.dash_m is None and marking.width_m * sheet.scale >= _LEAST_PX / 2.0:
            sheet.line(marking.line.coords, marking.rgb, marking.width_m)


def _standing(sheet: _Sheet, world: World) -> None:
    for fence in world.fences:
        sheet.line(fence.line.coords, _FENCE, 0.2)
    for pile in world.stockpiles:
        sheet.area(pile.area, pile.rgb)
    for machine in world.equipment:
        sheet.area(machine.area, (74, 84, 104))
    for block in world.blocks:
        sheet.area(block.area, block.roof_rgb, (70, 70, 72))
    for tower in world.cooling_towers:
        sheet.disc(tower.east_m, tower.north_m, tower.radius_m, (206, 206, 202))
        sheet.disc(tower.east_m, tower.north_m, 0.6 * tower.radius_m, (52, 54, 58))
    for tank in world.tanks:
        sheet.disc(tank.east_m, tank.north_m, tank.radius_m, tank.rgb)
    for stack in world.stacks:
        sheet.disc(stack.east_m, stack.north_m, stack.radius_m, (178, 58, 46))
    for rack in world.pipe_racks:
        sheet.line(rack.line.coords, (206, 178, 70), rack.width_m)
    for tree in world.trees:
        sheet.disc(tree.east_m, tree.north_m, tree.radius_m, _TREE)


def _moving(sheet: _Sheet, scene: Scene) -> None:
    for vehicle in scene.vehicles:
        spot = Spot.facing(vehicle.east_m, vehicle.north_m, vehicle.heading_deg)
        half, length = vehicle.width_m / 2.0, vehicle.length_m / 2.0
        sheet.area(spot.rect(-half, -length, half, length), vehicle.rgb)
    for person in scene.people:
        sheet.disc(person.east_m, person.north_m, 0.5, person.rgb)
