"""A square piece of the ground seen from straight above, drawn on in metres."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from sim_data.camera.materials import LOOKS, STUFF_OF, Look, Stuff
from sim_data.camera.nearby import BoxM
from sim_data.camera.noise import Float32Array, grain, lattice
from sim_data.world.records import Material, Rgb

Image8 = NDArray[np.uint8]
FloatArray = NDArray[np.float64]
Window = tuple[slice, slice]

TILE_PX = 512
FINEST_M = 0.05
"""Metres per pixel of the finest level; each next level has twice as many."""
LEVELS = 7

_FINER_BITS = 1
"""Outlines are filled twice as fine and averaged, so that their edges are soft."""
_SHIFT = 4
_PATCHES_M = (4.0, 8.0, 13.0)
_WHOLE: Window = (slice(0, TILE_PX), slice(0, TILE_PX))


def tile_side_m(level: int) -> float:
    """Return the side of a tile of a level, metres."""
    return TILE_PX * FINEST_M * float(2**level)


class Sheet:
    """A tile that is being drawn: colours in full sun, and what each pixel is made of.

    Args:
        seed: of the world's looks.
        level: 0 is the finest.
        column: tiles to the east of the world's origin.
        row: tiles to the north of it; row 0 lies north of the origin.
    """

    def __init__(self, seed: int, level: int, column: int, row: int) -> None:
        self.seed = seed
        self.level = level
        self.px_m = FINEST_M * 2**level
        side = tile_side_m(level)
        self.west, self.north = column * side, (row + 1) * side
        self.box: BoxM = (self.west, self.north - side, self.west + side, self.north)
        self._column_px, self._row_px = column * TILE_PX, -(row + 1) * TILE_PX
        self.rgb: Image8 = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
        self.stuff: Image8 = np.full((TILE_PX, TILE_PX), Stuff.NOTHING, np.uint8)
        self._textures: dict[Look, Image8] = {}
        self._wide: dict[float, Float32Array] = {}

    @cached_property
    def fine(self) -> Float32Array:
        """Noise of single pixels."""
        return grain(1, 0.8, self.level, self._column_px, self._row_px, (TILE_PX, TILE_PX))

    @cached_property
    def clumps(self) -> Float32Array:
        """Noise some decimetres wide."""
        return grain(2, 5.0, self.level, self._column_px, self._row_px, (TILE_PX, TILE_PX))

    def wide(self, cell_m: float) -> Float32Array:
        """Return noise that never repeats, of any width in metres."""
        if cell_m not in self._wide:
            self._wide[cell_m] = lattice(
                self.seed + int(cell_m * 10),
                cell_m,
                self.west,
                self.north,
                self.px_m,
                (TILE_PX, TILE_PX),
            )
        return self._wide[cell_m]

    @cached_property
    def metres(self) -> Float32Array:
        """Noise some metres wide."""
        return self.wide(2.3)

    @cached_property
    def yards(self) -> Float32Array:
        """Noise as wide as a yard."""
        total = 0.7 * self.wide(11.0) + 0.5 * self.wide(47.0) + 0.45 * self.wide(210.0)
        return np.asarray(total, np.float32)

    def texture(self, look: Look, window: Window | None = None) -> Image8:
        """Return a part of the tile as if it were of one material.

        Args:
            look: of the material.
            window: which part; the whole where absent.
        """
        if look in self._textures:
            return self._textures[look] if window is None else self._textures[look][window]
        part = window or _WHOLE
        patch = self.wide(min(_PATCHES_M, key=lambda width: abs(width - look.patch_m)))[part]
        metres, yards = self.metres[part], self.yards[part]
        patchy = (patch + 0.45 * metres + 0.4 * yards + look.patches) * 140.0 + 128.0
        share = np.clip(patchy, 0, 255).astype(np.uint8)
        rough = look.fine * self.fine[part] + look.clumps * self.clumps[part]
        rough += look.wide * (0.6 * metres + 0.8 * yards) + 128.5
        grey = np.clip(rough, 0, 255).astype(np.uint8)
        first, other = (np.array(c, np.float32) for c in (look.rgb, look.other_rgb))
        steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
        table = np.round(first + steps * (other - first)).astype(np.uint8).reshape(1, 256, 3)
        picture = cv2.LUT(cv2.merge([share, share, share]), table)
        made = cv2.addWeighted(picture, 1.0, cv2.merge([grey, grey, grey]), 1.0, -128.0)
        if window is None:
            self._textures[look] = np.asarray(made, np.uint8)
        return np.asarray(made, np.uint8)

    def to_px(self, points_m: FloatArray) -> FloatArray:
        """Return continuous pixels of the tile, shape (N, 2)."""
        return np.column_stack(
            [(points_m[:, 0] - self.west) / self.px_m, (self.north - points_m[:, 1]) / self.px_m]
        )

    def mask(self, rings_m: Sequence[FloatArray], *, union: bool = False) -> tuple[Image8, Window]:
        """Return a soft mask, 255 inside, and the window of the tile that it is for.

        Args:
            rings_m: outlines; where they overlap an even number of times is outside.
            union: fill each by itself, so that overlaps are inside.
        """
        rings = [self.to_px(ring) for ring in rings_m if len(ring) >= 2]
        empty = np.zeros((0, 0), np.uint8), (slice(0, 0), slice(0, 0))
        if not rings:
            return empty
        every = np.vstack(rings)
        low = np.maximum(np.floor(every.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(every.max(axis=0)).astype(int) + 1, TILE_PX)
        if (high <= low).any():
            return empty
        finer = 1 << _FINER_BITS
        size = (high - low) * finer
        fine = np.zeros((int(size[1]), int(size[0])), np.uint8)
        fixed = [
            np.clip(np.round(((r - low) * finer - 0.5) * (1 << _SHIFT)), -(2**24), 2**24)
            for r in rings
        ]
        shapes = [f.astype(np.int32) for f in fixed]
        for group in [[shape] for shape in shapes] if union else [shapes]:
            cv2.fillPoly(fine, group, (255.0,), cv2.LINE_8, _SHIFT)
        soft = cv2.resize(fine, None, fx=1 / finer, fy=1 / finer, interpolation=cv2.INTER_AREA)
        window = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
        return np.asarray(soft, np.uint8), window

    def paint(
        self,
        mask: Image8,
        window: Window,
        colour: Image8 | Rgb | Look,
        stuff: Stuff | None,
        strength: float = 1.0,
    ) -> None:
        """Put a colour, a texture, or a picture of the whole tile, where a mask says."""
        if not mask.size:
            return
        old = self.rgb[window]
        if isinstance(colour, Look):
            large = mask.size > 0.4 * TILE_PX**2
            new = self.texture(colour)[window] if large else self.texture(colour, window)
        elif isinstance(colour, tuple):
            new = np.empty_like(old)
            new[:] = colour
        else:
            new = colour[window]
        if strength >= 1.0 and mask.min() == 255:
            self.rgb[window] = new
        else:
            weight = mask.astype(np.float32) * np.float32(strength / 255.0)
            self.rgb[window] = cv2.blendLinear(
                np.ascontiguousarray(new), np.ascontiguousarray(old), weight, 1.0 - weight
            )
        if stuff is not None:
            self.stuff[window][mask > 127] = stuff

    def fill(
        self,
        area: BaseGeometry,
        colour: Image8 | Rgb | Look,
        stuff: Stuff | None,
        strength: float = 1.0,
    ) -> None:
        """Fill polygons given in metres, holes left out."""
        for polygon in polygons_of(clipped(area, self.box)):
            mask, window = self.mask(rings_of(polygon))
            self.paint(mask, window, colour, stuff, strength)

    def fill_material(self, area: BaseGeometry, material: Material, tone: float) -> None:
        """Fill polygons with a material, lighter or darker than usual by `tone`."""
        look = LOOKS[material]
        if tone:
            level = 26.0 * tone
            look = Look(
                _lighter(look.rgb, level),
                _lighter(look.other_rgb, level),
                look.patches,
                look.fine,
                look.clumps,
                look.wide,
                look.patch_m,
            )
        self.fill(area, look, STUFF_OF[material])

    def strokes(
        self,
        lines: Iterable[LineString],
        width_m: float,
        colour: Rgb,
        stuff: Stuff | None,
        strength: float = 1.0,
        worn: float = 0.0,
    ) -> None:
        """Draw lines of a width in metres; thin ones fade instead of getting wider."""
        near = clipped(shapely.MultiLineString(list(lines)), grown_box(self.box, width_m))
        quads = [
            quad
            for line in shapely.get_parts(near)
            if isinstance(line, LineString)
            for quad in line_quads(np.asarray(line.coords)[:, :2], max(width_m, 1.2 * self.px_m))
        ]
        mask, window = self.mask(quads, union=True)
        if not mask.size:
            return
        strength *= min(1.0, width_m / (1.2 * self.px_m))
        if worn > 0:
            keep = np.clip(1.0 - worn * (0.5 + 0.55 * self.clumps + 0.4 * self.metres), 0.25, 1.0)
            mask = np.asarray(mask * keep[window], np.float32).astype(np.uint8)
        self.paint(mask, window, colour, stuff, strength)


def _lighter(rgb: Rgb, by: float) -> Rgb:
    r, g, b = (int(min(255.0, max(0.0, value + by))) for value in rgb)
    return r, g, b


def grown_box(box: BoxM, by_m: float) -> BoxM:
    """Return a box with its edges moved outwards."""
    return box[0] - by_m, box[1] - by_m, box[2] + by_m, box[3] + by_m


def clipped(shape: BaseGeometry, box: BoxM) -> BaseGeometry:
    """Return what of a shape lies in a box, quickly; the outline need not stay exact outside."""
    wanted = grown_box(box, 0.5)
    try:
        return shapely.clip_by_rect(shape, *wanted)
    except shapely.errors.GEOSException:
        # The quick way fails on outlines with parts thinner than its arithmetic.
        return shapely.intersection(shapely.make_valid(shape), shapely.box(*wanted))


def polygons_of(shape: BaseGeometry) -> list[Polygon]:
    """Return the polygons that a shape is made of."""
    return [p for p in shapely.get_parts(shape) if isinstance(p, Polygon) and not p.is_empty]


def rings_of(polygon: Polygon) -> list[FloatArray]:
    """Return outline and holes, each of shape (N, 2)."""
    return [
        np.asarray(ring.coords, dtype=np.float64)[:, :2]
        for ring in (polygon.exterior, *polygon.interiors)
    ]


def line_quads(points: FloatArray, width_m: float) -> list[FloatArray]:
    """Return a rectangle for each piece of a line, and a small disc at each bend."""
    quads = []
    for start, end in pairwise(points):
        along = end - start
        length = math.hypot(*along)
        if length < 1e-6:
            continue
        half = np.array([-along[1], along[0]]) / length * width_m / 2
        quads.append(np.array([start + half, end + half, end - half, start - half]))
    if len(points) > 2:
        turn = np.linspace(0, 2 * math.pi, 9)[:-1]
        disc = np.column_stack([np.cos(turn), np.sin(turn)]) * width_m / 2
        quads += [disc + bend for bend in points[1:-1]]
    return quads
