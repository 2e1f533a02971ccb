"""Checking the geometry of one feature of a site file, before and after shapely sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from park.records import JsonValue

_DEPTH = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}

_WGS84_NAMES = ("CRS84", "EPSG::4326", "EPSG:4326", "4326", "EPSG::4979")


def other_reference_system(document: Mapping[str, JsonValue]) -> str | None:
    """Return what is wrong with the coordinates of a whole GeoJSON file; None where it is WGS84.

    A "crs" is from before RFC 7946, and programs still write it.
    """
    crs = document.get("crs")
    if crs is None:
        return None
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = str(properties.get("name", "")) if isinstance(properties, dict) else str(crs)
    if name.endswith(_WGS84_NAMES):
        return None
    return f"the file's coordinate reference system is {name!r}; export it as WGS84 (EPSG:4326)"


def read_geometry(
    raw: JsonValue, allowed: Sequence[str], mistakes: list[str]
) -> BaseGeometry | None:
    """Return a feature's geometry in two dimensions, or None with the mistakes added.

    Args:
        raw: the GeoJSON geometry as it stood in the file.
        allowed: GeoJSON types that this kind of feature may have.
        mistakes: list that sentences are added to.
    """
    if not isinstance(raw, dict):
        mistakes.append(f"has no geometry; draw a {_alternatives(allowed)}")
        return None
    kind: JsonValue = raw.get("type")
    coordinates: JsonValue = raw.get("coordinates")
    lone = kind == "MultiPoint" and isinstance(coordinates, list) and len(coordinates) == 1
    if lone and "Point" in allowed and "MultiPoint" not in allowed:
        # QGIS writes the points of a multi-point layer like this.
        kind, coordinates = "Point", coordinates[0]
    if not isinstance(kind, str) or kind not in allowed or kind not in _DEPTH:
        mistakes.append(f"its geometry is a {_short(kind)}; draw a {_alternatives(allowed)}")
        return None
    before = len(mistakes)
    _check_nesting(coordinates, _DEPTH[kind], mistakes)
    if len(mistakes) > before:
        return None
    _check_positions(coordinates, mistakes)
    if kind in ("Polygon", "MultiPolygon"):
        for ring in _rings(coordinates, kind):
            _check_ring(ring, mistakes)
    if kind in ("LineString", "MultiLineString"):
        _check_lines([coordinates] if kind == "LineString" else coordinates, mistakes)
    if len(mistakes) > before:
        return None
    return _build(kind, _flat(coordinates), mistakes)


def describe_place(lon_deg: float, lat_deg: float) -> str:
    """Return a place as it stands in a GeoJSON file: ``[113.941200, 22.532100]``."""
    return f"[{lon_deg:.6f}, {lat_deg:.6f}]"


def _alternatives(allowed: Sequence[str]) -> str:
    return " or ".join(allowed)


def _check_nesting(coordinates: JsonValue, depth: int, mistakes: list[str]) -> None:
    if not isinstance(coordinates, list) or not coordinates:
        mistakes.append("its coordinates are missing, empty or not nested as GeoJSON wants")
        return
    if depth == 0:
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in coordinates)
        if not numbers or len(coordinates) not in (2, 3):
            mistakes.append(f"{_short(coordinates)} is not a position; write [longitude, latitude]")
        return
    for part in coordinates:
        before = len(mistakes)
        _check_nesting(part, depth - 1, mistakes)
        if len(mistakes) > before:
            return


def _short(value: Any) -> str:  # noqa: ANN401 - whatever stood in the file
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _positions(coordinates: list[Any]) -> Iterator[list[float]]:
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    else:
        yield coordinates


def _flat(coordinates: list[Any]) -> list[Any]:
    """Return coordinates without heights, which only some positions of a file may have."""
    if isinstance(coordinates[0], list):
        return [_flat(part) for part in coordinates]
    return coordinates[:2]


def _check_positions(coordinates: list[Any], mistakes: list[str]) -> None:
    for position in _positions(coordinates):
        lon_deg, lat_deg = position[0], position[1]
        if abs(lon_deg) <= 180 and abs(lat_deg) <= 90:
            continue
        if abs(lon_deg) > 1000 or abs(lat_deg) > 1000:
            mistakes.append(
                f"{_short(position)} looks like projected metres; export the file in degrees, "
                "WGS84 (EPSG:4326)"
            )
        elif abs(lon_deg) <= 90 and abs(lat_deg) <= 180:
            mistakes.append(
                f"{_short(position)} has a latitude beyond 90 degrees; did you swap longitude and "
                "latitude? GeoJSON wants [longitude, latitude]"
            )
        else:
            mistakes.append(
                f"{_short(position)} is outside WGS84 (longitude -180 to 180, latitude -90 to 90)"
            )
        return


def _rings(coordinates: list[Any], kind: str) -> list[list[list[float]]]:
    polygons = [coordinates] if kind == "Polygon" else coordinates
    return [ring for polygon in polygons for ring in polygon]


def _check_ring(ring: list[list[float]], mistakes: list[str]) -> None:
    if ring[0][:2] != ring[-1][:2]:
        mistakes.append(
            f"a ring is not closed: repeat its first position "
            f"{describe_place(ring[0][0], ring[0][1])} at its end"
        )
    elif len({(position[0], position[1]) for position in ring}) < 3:
        mistakes.append(
            f"the ring at {describe_place(ring[0][0], ring[0][1])} has fewer than three corners"
        )


def _check_lines(lines: list[list[list[float]]], mistakes: list[str]) -> None:
    mistakes.extend(
        f"the line at {describe_place(line[0][0], line[0][1])} has fewer than two places"
        for line in lines
        if len({(position[0], position[1]) for position in line}) < 2
    )


def _build(kind: str, coordinates: list[Any], mistakes: list[str]) -> BaseGeometry | None:
    try:
        geometry = shape({"type": kind, "coordinates": coordinates})
    except (GEOSException, ValueError, TypeError, OverflowError) as error:
        mistakes.append(f"its geometry cannot be built: {error}")
        return None
    min_lon, _, max_lon, _ = geometry.bounds
    if max_lon - min_lon > 180:
        mistakes.append(
            "it spans more than 180 degrees; a site across the 180th meridian is not supported"
        )
        return None
    if not geometry.is_valid:
        mistakes.append(_explain(geometry))
        return None
    if kind.endswith("Polygon") and geometry.area == 0:
        mistakes.append("it has no area")
        return None
    return geometry


def _explain(geometry: BaseGeometry) -> str:
    reason = shapely.is_valid_reason(geometry)
    match = re.fullmatch(r"(.*)\[(\S+) (\S+)\]", reason)
    if match is None:
        return f"its geometry is not valid: {reason}"
    what, lon, lat = match.groups()
    place = describe_place(float(lon), float(lat))
    return f"its outline is not valid: {what.lower()} at {place}; move the corners near it"
