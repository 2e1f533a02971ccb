"""Keeps the tiles that were drawn, lit for the time of day, within a bound of memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sim_data.camera.ground import paint_ground
from sim_data.camera.light import Light
from sim_data.camera.materials import warmth_table
from sim_data.camera.nearby import WorldIndex
from sim_data.camera.roofs import paint_roofs
from sim_data.camera.shade import LAMP_RGB, lamp_light, shade_of
from sim_data.camera.sheet import TILE_PX, Image8, Sheet, tile_side_m

Pixels = NDArray[Any]
"""A picture: uint8 RGB, or uint16 centikelvin."""

KELVIN = 273.15
_SHADE_LEVEL = 2


class Layer(StrEnum):
    """What a tile shows."""

    GROUND = "ground"
    ROOFS = "roofs"


class Kept:
    """Arrays that were made, the least recently used forgotten first.

    Args:
        bound_bytes: never more than this is kept.
    """

    def __init__(self, bound_bytes: int) -> None:
        self.bound_bytes = bound_bytes
        self.bytes = 0
        self.made = 0
        self._kept: OrderedDict[object, tuple[Pixels, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], tuple[Pixels, ...]]) -> tuple[Pixels, ...]:
        """Return what is kept under a key, making it when it is not."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        size = sum(array.nbytes for array in made)
        with self._lock:
            self.made += 1
            if key not in self._kept:
                self._kept[key] = made
                self.bytes += size
            while self.bytes > self.bound_bytes and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self.bytes -= sum(array.nbytes for array in gone)
        return made


@dataclass(frozen=True, slots=True)
class Mode:
    """What kind of picture tiles are lit for.

    Attributes:
        light: of the instant.
        thermal: temperatures instead of colours.
        air_c: temperature of the air, for thermal pictures.
    """

    light: Light
    thermal: bool
    air_c: float


class Tiles:
    """Tiles of the ground and of the roofs, drawn when they are first needed.

    Args:
        index: the park.
        seed: of its looks.
        bound_mb: memory for tiles, megabytes.
    """

    def __init__(self, index: WorldIndex, seed: int, bound_mb: float) -> None:
        self._index = index
        self._seed = seed
        self._bare = Kept(int(bound_mb * 0.35e6))
        self._lit = Kept(int(bound_mb * 0.6e6))
        self._shade = Kept(int(bound_mb * 0.05e6))
        self._warmth = warmth_table()

    @property
    def kept_bytes(self) -> int:
        """Memory that tiles take now."""
        return self._bare.bytes + self._lit.bytes + self._shade.bytes

    def tile(self, layer: Layer, level: int, column: int, row: int, mode: Mode) -> Pixels:
        """Return a tile, shape (512, 512, 3) uint8 or (512, 512) uint16 when thermal."""
        key = (layer, level, column, row, mode)
        return self._lit.get(key, lambda: (self._light(layer, level, column, row, mode),))[0]

    def _bare_tile(
        self, layer: Layer, level: int, column: int, row: int, light: Light
    ) -> tuple[Pixels, ...]:
        sun = light.shadow_per_height if layer is Layer.ROOFS else (0.0, 0.0)

        def draw() -> tuple[Pixels, ...]:
            if layer is Layer.GROUND:
                sheet = paint_ground(self._index, self._seed, level, column, row)
            else:
                sheet = paint_roofs(self._index, self._seed, level, column, row, sun)
            return sheet.rgb, sheet.stuff

        return self._bare.get((layer, level, column, row, sun), draw)

    def _light(self, layer: Layer, level: int, column: int, row: int, mode: Mode) -> Pixels:
        rgb, stuff = self._bare_tile(layer, level, column, row, mode.light)
        sheet = Sheet(self._seed, level, column, row)
        ground = layer is Layer.GROUND
        shade = shade_of(self._index, sheet, mode.light) if ground else np.zeros_like(stuff)
        if mode.thermal:
            return self._warm(sheet, stuff, rgb, shade, mode)
        level_rgb, keep = np.array(mode.light.level), np.array(mode.light.keep)
        steps = np.arange(256)[:, None] / 255.0
        factors = level_rgb * (1.0 - steps * (1.0 - keep))
        table = np.clip(factors * 200.0, 0, 255).astype(np.uint8).reshape(1, 256, 3)
        factor = cv2.LUT(cv2.merge([shade, shade, shade]), table)
        lit = np.asarray(cv2.multiply(rgb, factor, scale=1.0 / 200.0), np.uint8)
        if mode.light.night > 0.0 and ground:
            lamps = lamp_light(self._index, sheet)[..., None] * (LAMP_RGB * mode.light.night * 0.62)
            lit = np.clip(lit + rgb * np.minimum(lamps, 0.8), 0, 255).astype(np.uint8)
        return lit

    def _warm(self, sheet: Sheet, stuff: Image8, rgb: Image8, shade: Image8, mode: Mode) -> Pixels:
        sunny, shaded, night, spread = (self._warmth[:, k] for k in range(4))
        warm = mode.light.warm
        day = max(warm, 1.0 - mode.light.night)
        lit = night * (1.0 - day) + day * (shaded + warm * (sunny - shaded))
        dark = night * (1.0 - day) + day * (shaded + 0.3 * warm * (sunny - shaded))
        lost = shade.astype(np.float32) / 255.0
        degrees = cv2.LUT(stuff, lit.astype(np.float32).reshape(1, 256))
        degrees = degrees + lost * (cv2.LUT(stuff, (dark - lit).astype(np.float32)[None]))
        rough = 0.7 * sheet.clumps + 0.5 * sheet.metres + 0.6 * sheet.fine
        degrees = degrees + cv2.LUT(stuff, spread.reshape(1, 256)) * rough
        # Darker surfaces of one material take up more sun.
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        degrees = degrees - warm * (1.0 - lost) * 0.04 * (grey - 128.0)
        centikelvin = (degrees + (mode.air_c + KELVIN)) * 100.0
        return np.asarray(np.clip(centikelvin, 0, 65535), np.uint16)

    def mosaic(
        self, layer: Layer, level: int, span: tuple[int, int, int, int], mode: Mode
    ) -> Pixels:
        """Return tiles side by side, north up.

        Args:
            layer: what they show.
            level: their scale.
            span: first and last column, first and last row, all included.
            mode: how they are lit.
        """
        west, east, south, north = span
        shape = ((north - south + 1) * TILE_PX, (east - west + 1) * TILE_PX)
        whole: Pixels = (
            np.zeros(shape, np.uint16) if mode.thermal else np.zeros((*shape, 3), np.uint8)
        )
        for row in range(south, north + 1):
            for column in range(west, east + 1):
                y, x = (north - row) * TILE_PX, (column - west) * TILE_PX
                whole[y : y + TILE_PX, x : x + TILE_PX] = self.tile(layer, level, column, row, mode)
        return whole

    def sunlit(self, east_m: float, north_m: float, light: Light) -> float:
        """Return how much of the sun reaches a place on the ground, 0 to 1."""
        if light.sun_share <= 0.0:
            return 0.0
        side = tile_side_m(_SHADE_LEVEL)
        column, row = int(np.floor(east_m / side)), int(np.floor(north_m / side))
        sheet = Sheet(self._seed, _SHADE_LEVEL, column, row)
        (shade,) = self._shade.get(
            (column, row, light), lambda: (shade_of(self._index, sheet, light),)
        )
        x = min(TILE_PX - 1, int((east_m - sheet.west) / sheet.px_m))
        y = min(TILE_PX - 1, int((sheet.north - north_m) / sheet.px_m))
        return 1.0 - float(shade[max(0, y), max(0, x)]) / 255.0
