"""Shapes that somebody drew elsewhere: polygons, lines and points with their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from park.errors import MissionFileError

MAX_SHAPE_BYTES = 16_000_000
"""Larger shape files are refused, unpacked size counted."""

SHAPE_TYPES = ("Polygon", "MultiPolygon", "LineString", "MultiLineString", "Point", "MultiPoint")


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a file.

    Attributes:
        name: as it was called there; may be empty.
        geometry: WGS84, coordinates (longitude, latitude), valid.
    """

    name: str
    geometry: BaseGeometry


def only_area(shapes: Sequence[Shape], where: str) -> Polygon | MultiPolygon:
    """Return the polygons of a file as one area; lines and points beside them are left out.

    Args:
        shapes: what the file holds.
        where: the file, for the message.

    Raises:
        MissionFileError: it has no polygon.
    """
    areas = [shape.geometry for shape in shapes if shape.geometry.geom_type.endswith("Polygon")]
    if not areas:
        held = ", ".join(sorted({shape.geometry.geom_type for shape in shapes})) or "nothing"
        raise MissionFileError(f"{where}: has no polygon, only {held}; draw the area to be flown")
    whole = shapely.union_all(areas)
    if not isinstance(whole, Polygon | MultiPolygon):
        raise MissionFileError(f"{where}: its polygons do not make an area")
    return whole
