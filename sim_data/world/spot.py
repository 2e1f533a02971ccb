"""A place to build on: axes of its own, so that a plot is laid out once and turned to its road."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shapely.geometry import LineString, Polygon

PointM = tuple[float, float]
"""East and north, metres of the world's frame."""

_CIRCLE_CORNERS = 20


@dataclass(frozen=True, slots=True)
class Spot:
    """An origin with an x axis and a y axis, at right angles, both in metres.

    Attributes:
        east_m: of the origin.
        north_m: of the origin.
        x_east: how far east one metre of x goes.
        x_north: how far north one metre of x goes.
        y_east: how far east one metre of y goes.
        y_north: how far north one metre of y goes.
    """

    east_m: float
    north_m: float
    x_east: float
    x_north: float
    y_east: float
    y_north: float

    @classmethod
    def facing(cls, east_m: float, north_m: float, heading_deg: float) -> Self:
        """Return axes at a place: y points to a heading, x to its right."""
        angle = math.radians(heading_deg)
        sine, cosine = math.sin(angle), math.cos(angle)
        return cls(east_m, north_m, cosine, -sine, sine, cosine)

    def at(self, x: float, y: float) -> PointM:
        """Return a place in metres of the world's frame."""
        return (
            self.east_m + x * self.x_east + y * self.y_east,
            self.north_m + x * self.x_north + y * self.y_north,
        )

    def turned(self, x: float, y: float, heading_deg: float) -> Spot:
        """Return axes at a place of this one, turned clockwise against it."""
        angle = math.radians(heading_deg)
        sine, cosine = math.sin(angle), math.cos(angle)
        east_m, north_m = self.at(x, y)
        return Spot(
            east_m,
            north_m,
            cosine * self.x_east - sine * self.y_east,
            cosine * self.x_north - sine * self.y_north,
            sine * self.x_east + cosine * self.y_east,
            sine * self.x_north + cosine * self.y_north,
        )

    def mirrored(self, width_m: float) -> Spot:
        """Return the same ground with x counted from the other end of a width."""
        east_m, north_m = self.at(width_m, 0.0)
        return Spot(east_m, north_m, -self.x_east, -self.x_north, self.y_east, self.y_north)

    def heading_deg(self, local_deg: float) -> float:
        """Return the world's heading of a direction, clockwise from y when x is to its right."""
        angle = math.radians(local_deg)
        east = math.sin(angle) * self.x_east + math.cos(angle) * self.y_east
        north = math.sin(angle) * self.x_north + math.cos(angle) * self.y_north
        return math.degrees(math.atan2(east, north)) % 360.0

    def shape(self, corners: Sequence[PointM]) -> Polygon:
        """Return a polygon of places of this spot, counter-clockwise in the world."""
        ring = [self.at(x, y) for x, y in corners]
        doubled = sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)
        )
        return Polygon(ring if doubled > 0.0 else ring[::-1])

    def projected(self, area: Polygon) -> Polygon:
        """Return a polygon of the world from one without holes on these axes."""
        return self.shape([(x, y) for x, y, *_ in area.exterior.coords[:-1]])

    def rect(self, x0: float, y0: float, x1: float, y1: float) -> Polygon:
        """Return a rectangle between two corners."""
        return self.shape(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))

    def circle(self, x: float, y: float, radius_m: float) -> Polygon:
        """Return a circle, as a polygon of 20 corners."""
        east_m, north_m = self.at(x, y)
        step = math.tau / _CIRCLE_CORNERS
        return Polygon(
            [
                (
                    east_m + radius_m * math.cos(step * corner),
                    north_m + radius_m * math.sin(step * corner),
                )
                for corner in range(_CIRCLE_CORNERS)
            ]
        )

    def line(self, *points: PointM) -> LineString:
        """Return a line through places of this spot."""
        return LineString([self.at(x, y) for x, y in points])
