"""Where a route may be laid out: inside the boundary, clear of no-fly areas, at its height."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from drone.obstacles import Limits
from drone.records import RoutePoint, Strip
from park.errors import RouteError
from park.geodesy import FloatArray, LocalFrame
from park.site import Site

VERTICAL_MARGIN_M = 10.0
"""A no-fly area counts at heights this close above its top or below its bottom, metres."""

_SLACK_M = 1.0
"""Further from walls than a check asks for, so that rounding never decides."""
_NAMED_BUILDINGS = 3
"""More than these that are too tall are counted, not named."""


@dataclass(frozen=True)
class Flyable:
    """The ground above which a route may lie at one height, in metres of the site's frame.

    Attributes:
        site: the park.
        alt_agl_m: the height that it holds for, above the ground.
        margin_m: from the boundary and from no-fly areas.
    """

    site: Site
    alt_agl_m: float
    margin_m: float

    @property
    def frame(self) -> LocalFrame:
        """Metres east and north of the middle of the site."""
        return self.site.frame

    @cached_property
    def closed(self) -> dict[str, BaseGeometry]:
        """What may not be flown over at this height, with its margin, by what to call it.

        No-fly areas that reach to this height, and buildings that reach near it.
        """
        found: dict[str, BaseGeometry] = {}
        for number, area in enumerate(self.site.no_fly, start=1):
            top = float("inf") if area.max_alt_agl_m is None else area.max_alt_agl_m
            low = area.min_alt_agl_m - VERTICAL_MARGIN_M
            if low <= self.alt_agl_m <= top + VERTICAL_MARGIN_M:
                outline = self.frame.project_geometry(area.geometry)
                name = f"no-fly {area.id}" if area.id else f"no-fly area number {number}"
                found[name] = outline.buffer(self.margin_m)
        return found | self._too_tall()

    def _too_tall(self) -> dict[str, BaseGeometry]:
        limits = Limits()
        margin = limits.building_margin_m + _SLACK_M
        outlines: dict[str, BaseGeometry] = {
            f"building {one.id}" if one.id else f"building number {number} of the site file": (
                self.frame.project_geometry(one.geometry).buffer(margin)
            )
            for number, one in enumerate(self.site.buildings, start=1)
            if one.height_m + limits.building_clearance_m > self.alt_agl_m
        }
        if len(outlines) <= _NAMED_BUILDINGS:
            return outlines
        return {f"{len(outlines)} buildings": shapely.union_all(list(outlines.values()))}

    @cached_property
    def area(self) -> BaseGeometry:
        """Where to fly: polygons in metres, prepared.

        Raises:
            RouteError: nothing is left.
        """
        inside = self.site.boundary_m.buffer(-self.margin_m)
        area = areas_of(inside.difference(shapely.union_all(list(self.closed.values()))))
        if area.is_empty:
            raise RouteError(
                f"nothing of site {self.site.id!r} is left to fly over at {self.alt_agl_m:g} m "
                f"with a margin of {self.margin_m:g} m{self._met(self.site.boundary_m)}; "
                f"{self._other_heights(self.site.boundary_m)}make the margin smaller"
            )
        shapely.prepare(area)
        return area

    def cut(self, shape: BaseGeometry, what: str) -> tuple[BaseGeometry, tuple[str, ...]]:
        """Return the part of a shape that may be flown over, and notes on what may not.

        Args:
            shape: in metres of `frame`.
            what: its name, for the notes.

        Raises:
            RouteError: nothing of it may be flown over.
        """
        left = shape.intersection(self.area)
        if left.is_empty:
            raise RouteError(
                f"{what} cannot be flown over at {self.alt_agl_m:g} m: all of it is outside the "
                f"boundary, in no-fly areas or near buildings too tall to fly over, with a margin "
                f"of {self.margin_m:g} m{self._met(shape)}; {self._other_heights(shape)}choose "
                "another place"
            )
        notes = []
        outside = shape.difference(self.site.boundary_m)
        if _size(outside) > 1e-3 * _size(shape):
            notes.append(
                f"{what} reaches beyond the boundary: {_words(outside)} of it is not flown over"
            )
        for name, closed in self.closed.items():
            lost = shape.intersection(closed)
            if _size(lost) > 0.0:
                notes.append(f"{what}: {_words(lost)} is not flown over because of {name}")
        return left, tuple(notes)

    def _met(self, shape: BaseGeometry) -> str:
        met = [name for name, closed in self.closed.items() if closed.intersects(shape)]
        return f" ({', '.join(met)})" if met else ""

    def _other_heights(self, shape: BaseGeometry) -> str:
        """Return at which other heights more of a shape may be flown over, for an error."""
        floors = [
            area.min_alt_agl_m - VERTICAL_MARGIN_M
            for area in self.site.no_fly
            if 0.0 < area.min_alt_agl_m - VERTICAL_MARGIN_M <= self.alt_agl_m
            and self.frame.project_geometry(area.geometry).buffer(self.margin_m).intersects(shape)
        ]
        return f"fly lower than {min(floors):g} m, or " if floors else "fly higher or "

    def points(
        self,
        xy: FloatArray,
        *,
        pitch_deg: float = -90.0,
        look_at: tuple[float, float] | None = None,
        hold_s: float = 0.0,
        take_photo: bool = False,
    ) -> tuple[RoutePoint, ...]:
        """Return places in metres, shape (N, 2), as points of a route."""
        lat, lon = self.frame.to_lat_lon(xy[:, 0].copy(), xy[:, 1].copy())
        return tuple(
            RoutePoint(
                lat_deg=float(one_lat),
                lon_deg=float(one_lon),
                alt_agl_m=self.alt_agl_m,
                hold_s=hold_s,
                gimbal_pitch_deg=pitch_deg,
                look_at=look_at,
                take_photo=take_photo,
            )
            for one_lat, one_lon in zip(lat, lon, strict=True)
        )

    def strip(self, xy: FloatArray, *, pitch_deg: float, photo_spacing_m: float) -> Strip:
        """Return a line in metres, shape (N, 2), as a strip with photos along it, ends included.

        Photos lie at most `photo_spacing_m` apart; of a line without length one is taken.
        """
        length = float(np.hypot(*np.diff(xy, axis=0).T).sum())
        if length <= 0.0:
            return Strip(self.points(xy[:1], pitch_deg=pitch_deg, take_photo=True))
        # A little less, so that the last photo is taken where the strip ends.
        photos = math.ceil(length / photo_spacing_m)
        return Strip(self.points(xy, pitch_deg=pitch_deg), photo_spacing_m=length / (photos + 0.01))


def areas_of(geometry: BaseGeometry) -> BaseGeometry:
    """Return only the polygons of a geometry: an overlay may leave lines and points beside."""
    parts = shapely.get_parts(geometry)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


def polygon_or_none(geometry: BaseGeometry) -> Polygon | MultiPolygon | None:
    """Return a geometry's polygons for a record; None where it has none."""
    area = areas_of(geometry)
    return area if isinstance(area, Polygon | MultiPolygon) and not area.is_empty else None


def xy_of(geometry: BaseGeometry) -> FloatArray:
    """Return the coordinates of a geometry, shape (N, 2)."""
    return np.asarray(shapely.get_coordinates(geometry), dtype=np.float64)


def read_place(text: str, option: str) -> tuple[float, float]:
    """Return latitude and longitude of ``LAT,LON``.

    Raises:
        RouteError: it is not that, or no place on Earth.
    """
    match = re.fullmatch(r"\s*([+-]?\d+(?:\.\d+)?)\s*[, ]\s*([+-]?\d+(?:\.\d+)?)\s*", text)
    if match is None:
        raise RouteError(
            f"{option} {text!r}: write a place as LAT,LON, for example 22.5312,113.9421"
        )
    lat, lon = float(match[1]), float(match[2])
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise RouteError(
            f"{option} {text!r}: latitude first, -90 to 90, then longitude, -180 to 180"
        )
    return lat, lon


def _size(shape: BaseGeometry) -> float:
    return float(shape.area or shape.length)


def _words(shape: BaseGeometry) -> str:
    return f"{shape.area:.0f} m2" if shape.area else f"{shape.length:.0f} m"
