"""Two kinds of paper for a plan's picture: pixels (PNG) and vectors (SVG), drawn on alike.

Coordinates are pixels of the finished picture, x right and y down. Both write with the same
letters' widths, so a picture is laid out once.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, Protocol
from xml.sax.saxutils import escape

import shapely
from PIL import Image, ImageDraw, ImageFont
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

Colour = tuple[int, int, int]
PointPx = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

_FINER = 2
# Pixels are drawn twice as fine and then halved, which smooths edges.
_HALO = 2.5
_LETTERS = "Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn.

    Attributes:
        colour: red, green and blue, 0 to 255.
        width: pixels.
        dash: lengths of ink and gap, pixels; None for a whole line.
    """

    colour: Colour
    width: float
    dash: tuple[float, float] | None = None


class Canvas(Protocol):
    """What a picture is drawn on."""

    def area(self, geometry: BaseGeometry, fill: Colour, opacity: float = 1.0) -> None:
        """Fill polygons, their holes left open."""

    def line(self, points: Sequence[PointPx], stroke: Stroke) -> None:
        """Draw a line through points."""

    def disc(self, at: PointPx, radius: float, fill: Colour, rim: Colour | None = None) -> None:
        """Draw a filled circle."""

    def text(
        self,
        at: PointPx,
        words: str,
        size: float,
        colour: Colour,
        *,
        anchor: Anchor = "start",
        halo: bool = False,
    ) -> None:
        """Write one line, its middle at the height of `at`."""

    def finish(self) -> bytes:
        """Return the file."""


@lru_cache(maxsize=32)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own letters: the same on every machine.
    return ImageFont.load_default(size_px)


def text_width(words: str, size: float) -> float:
    """Return how wide a line of text comes out, pixels."""
    return float(_font(round(size * 4)).getlength(words)) / 4.0


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """Return the polygons of a geometry, whatever else is in it."""
    if isinstance(geometry, Polygon):
        return [] if geometry.is_empty else [geometry]
    return [p for part in getattr(geometry, "geoms", ()) for p in polygons_of(part)]


def dashes(points: Sequence[PointPx], dash: tuple[float, float]) -> list[list[PointPx]]:
    """Return the inked parts of a dashed line."""
    ink, gap = dash
    parts: list[list[PointPx]] = []
    drawing, left = True, ink
    part: list[PointPx] = [points[0]]
    for start, end in pairwise(points):
        length = math.dist(start, end)
        done = 0.0
        while length - done > left:
            done += left
            share = done / length
            at = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            if drawing:
                parts.append([*part, at])
            part = [at]
            drawing, left = not drawing, gap if drawing else ink
        left -= length - done
        part.append(end)
    if drawing and len(part) > 1:
        parts.append(part)
    return parts


class PngCanvas:
    """A picture of pixels.

    Args:
        width: pixels.
        height: pixels.
        paper: colour of the ground.
    """

    def __init__(self, width: int, height: int, paper: Colour) -> None:
        self._size = (width, height)
        self._image = Image.new("RGB", (width * _FINER, height * _FINER), paper)
        self._draw = ImageDraw.Draw(self._image)

    def area(self, geometry: BaseGeometry, fill: Colour, opacity: float = 1.0) -> None:
        """Fill polygons, their holes left open."""
        sheet = box(0.0, 0.0, *self._size)
        for polygon in polygons_of(shapely.intersection(geometry, sheet)):
            if opacity == 1.0 and not polygon.interiors:
                self._draw.polygon(self._fine(polygon.exterior.coords), fill)
                continue
            left, top, right, bottom = (round(v * _FINER) for v in polygon.bounds)
            mask = Image.new("L", (right - left + 1, bottom - top + 1), 0)
            draw = ImageDraw.Draw(mask)
            rings = [polygon.exterior, *polygon.interiors]
            for ring, ink in zip(rings, [round(255 * opacity)] + [0] * len(rings), strict=False):
                draw.polygon([(x - left, y - top) for x, y in self._fine(ring.coords)], ink)
            self._image.paste(fill, (left, top), mask)

    def line(self, points: Sequence[PointPx], stroke: Stroke) -> None:
        """Draw a line through points."""
        if len(points) < 2:
            return
        width = max(1, round(stroke.width * _FINER))
        for part in [points] if stroke.dash is None else dashes(points, stroke.dash):
            fine = self._fine(part)
            self._draw.line(fine, fill=stroke.colour, width=width, joint="curve")
            if width > 2 and stroke.dash is None:
                for x, y in (fine[0], fine[-1]):
                    half = width / 2 - 0.5
                    self._draw.ellipse((x - half, y - half, x + half, y + half), stroke.colour)

    def disc(self, at: PointPx, radius: float, fill: Colour, rim: Colour | None = None) -> None:
        """Draw a filled circle."""
        x, y, r = at[0] * _FINER, at[1] * _FINER, radius * _FINER
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill, rim, width=_FINER)

    def text(
        self,
        at: PointPx,
        words: str,
        size: float,
        colour: Colour,
        *,
        anchor: Anchor = "start",
        halo: bool = False,
    ) -> None:
        """Write one line, its middle at the height of `at`."""
        place = {"start": "l", "middle": "m", "end": "r"}[anchor] + "m"
        self._draw.text(
            (at[0] * _FINER, at[1] * _FINER),
            words,
            colour,
            _font(round(size * _FINER)),
            place,
            stroke_width=round(_HALO * _FINER / 2) if halo else 0,
            stroke_fill=(255, 255, 255) if halo else None,
        )

    def finish(self) -> bytes:
        """Return the PNG file."""
        packed = io.BytesIO()
        small = self._image.resize(self._size, Image.Resampling.BOX)
        # A map has few colours: with a palette the file is a third of the size.
        few = small.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(packed, "PNG", compress_level=9)
        return packed.getvalue()

    def _fine(self, points: Iterable[Sequence[float]]) -> list[PointPx]:
        return [(point[0] * _FINER, point[1] * _FINER) for point in points]


class SvgCanvas:
    """A picture of vectors; see `PngCanvas`."""

    def __init__(self, width: int, height: int, paper: Colour) -> None:
        size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_LETTERS}">',
            f'<rect width="{width}" height="{height}" fill="{_hex(paper)}"/>',
        ]

    def area(self, geometry: BaseGeometry, fill: Colour, opacity: float = 1.0) -> None:
        """Fill polygons, their holes left open."""
        path = "".join(
            _path(ring.coords, "Z")
            for polygon in polygons_of(geometry)
            for ring in (polygon.exterior, *polygon.interiors)
        )
        if path:
            seen = "" if opacity == 1.0 else f' fill-opacity="{opacity:g}"'
            self._parts.append(f'<path d="{path}" fill="{_hex(fill)}" fill-rule="evenodd"{seen}/>')

    def line(self, points: Sequence[PointPx], stroke: Stroke) -> None:
        """Draw a line through points."""
        if len(points) < 2:
            return
        dash = "" if stroke.dash is None else ' stroke-dasharray="{:g} {:g}"'.format(*stroke.dash)
        cap = "butt" if stroke.dash else "round"
        self._parts.append(
            f'<path d="{_path(points, "")}" fill="none" stroke="{_hex(stroke.colour)}" '
            f'stroke-width="{stroke.width:g}" stroke-linejoin="round" '
            f'stroke-linecap="{cap}"{dash}/>'
        )

    def disc(self, at: PointPx, radius: float, fill: Colour, rim: Colour | None = None) -> None:
        """Draw a filled circle."""
        edge = f' stroke="{_hex(rim)}"' if rim else ""
        self._parts.append(
            f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{_hex(fill)}"{edge}/>'
        )

    def text(
        self,
        at: PointPx,
        words: str,
        size: float,
        colour: Colour,
        *,
        anchor: Anchor = "start",
        halo: bool = False,
    ) -> None:
        """Write one line, its middle at the height of `at`."""
        around = ""
        if halo:
            around = f' stroke="#ffffff" stroke-width="{2 * _HALO:g}" paint-order="stroke"'
        self._parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size:g}" fill="{_hex(colour)}" '
            f'text-anchor="{anchor}" dominant-baseline="central"{around}>{escape(words)}</text>'
        )

    def finish(self) -> bytes:
        """Return the SVG file."""
        return "\n".join([*self._parts, "</svg>\n"]).encode("utf-8")


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _path(points: Iterable[Sequence[float]], end: str) -> str:
    return "M" + "L".join(f"{point[0]:.1f} {point[1]:.1f}" for point in points) + end
