"""Reads shapes from GeoJSON (RFC 7946), and writes a plan as GeoJSON for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from shapely.geometry import Polygon, mapping

from drone.files.shapes import MAX_SHAPE_BYTES, SHAPE_TYPES, Shape
from drone.records import FlightPlan, LegKind, Sortie
from park.errors import MissionFileError
from park.site_geometry import other_reference_system, read_geometry

_MAX_DEPTH = 8


def read_geojson(content: bytes) -> tuple[Shape, ...]:
    """Return the polygons, lines and points of a GeoJSON file.

    A geometry, a feature, a collection of either: all are taken. Features without a geometry are
    left out.

    Raises:
        MissionFileError: it is no GeoJSON, not in WGS84, or a shape is wrong; the feature is
            named, and every mistake of it.
    """
    if len(content) > MAX_SHAPE_BYTES:
        raise MissionFileError(f"{len(content)} bytes are more than a shape file may have")
    try:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MissionFileError(f"not JSON ({error})") from error
    if not isinstance(document, dict):
        raise MissionFileError("not GeoJSON: there is no object in it")
    elsewhere = other_reference_system(document)
    if elsewhere is not None:
        raise MissionFileError(elsewhere)
    shapes = tuple(_shapes(document, "", "", 0))
    if not shapes:
        raise MissionFileError("the file holds no polygon, line or point")
    return shapes


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _shapes(value: object, where: str, name: str, depth: int) -> Iterator[Shape]:
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        raise MissionFileError(f"{where or 'the file'}: not a GeoJSON object")
    kind = value.get("type")
    if kind in ("FeatureCollection", "GeometryCollection"):
        key = "features" if kind == "FeatureCollection" else "geometries"
        inner = value.get(key)
        if not isinstance(inner, list):
            raise MissionFileError(f'{where or "the file"}: "{key}" is no list')
        for number, part in enumerate(inner, 1):
            at = f"{where}.{number}" if where else f"{key[:-1]} {number}"
            yield from _shapes(part, at.replace("geometrie", "geometry"), name, depth + 1)
    elif kind == "Feature":
        if value.get("geometry") is None:
            return
        properties = value.get("properties")
        told = properties.get("name", name) if isinstance(properties, dict) else name
        yield from _shapes(
            value["geometry"], where, told if isinstance(told, str) else name, depth + 1
        )
    else:
        mistakes: list[str] = []
        geometry = read_geometry(value, SHAPE_TYPES, mistakes)
        if geometry is None or mistakes:
            label = f"{where or 'the file'}{f' ({name})' if name else ''}"
            raise MissionFileError(f"{label}: {'; '.join(mistakes)}")
        yield Shape(name, geometry)


def write_geojson(plan: FlightPlan) -> bytes:
    """Return a plan as GeoJSON: a line for every sortie, its docks, the fence, the rally points.

    Heights are in the property `alt_home_m`, one for each point of the line, not in the
    coordinates, whose third number means the ellipsoid.
    """
    features = [_sortie_feature(sortie) for sortie in plan.sorties]
    homes = {sortie.home.dock_id: sortie.home for sortie in plan.sorties}
    for home in homes.values():
        properties = {"kind": "home", "dock": home.dock_id, "alt_amsl_m": home.alt_amsl_m}
        features.append(_point(home.lon_deg, home.lat_deg, properties))
    outline = Polygon([(lon, lat) for lat, lon in plan.fence.inclusion])
    features.append(
        _feature(outline, {"kind": "fence", "alt_max_home_m": plan.fence.alt_max_home_m})
    )
    features += [
        _feature(Polygon([(lon, lat) for lat, lon in corners]), {"kind": "fence_exclusion"})
        for corners in plan.fence.exclusions
    ]
    features += [
        _point(point.lon_deg, point.lat_deg, {"kind": "rally", "alt_home_m": point.alt_home_m})
        for point in plan.rally
    ]
    collection = {"type": "FeatureCollection", "features": features}
    return (json.dumps(collection, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _sortie_feature(sortie: Sortie) -> dict[str, Any]:
    home = sortie.home
    places = [(home.lon_deg, home.lat_deg)]
    places += [(waypoint.lon_deg, waypoint.lat_deg) for waypoint in sortie.waypoints]
    heights = [sortie.takeoff_alt_home_m, *(w.alt_home_m for w in sortie.waypoints)]
    survey = [n for n, w in enumerate(sortie.waypoints, 1) if w.leg is LegKind.SURVEY]
    return {
        "type": "Feature",
        "properties": {
            "kind": "sortie",
            "number": sortie.number,
            "length_m": round(sortie.length_m, 1),
            "duration_s": round(sortie.duration_s, 1),
            "energy_wh": round(sortie.energy_wh, 2),
            "photos": sortie.photos,
            "alt_home_m": [round(height, 3) for height in heights],
            "survey_legs": survey,
        },
        "geometry": {"type": "LineString", "coordinates": [list(place) for place in places]},
    }


def _feature(polygon: Polygon, properties: dict[str, Any]) -> dict[str, Any]:
    geometry = json.loads(json.dumps(mapping(polygon)))
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _point(lon_deg: float, lat_deg: float, properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": "Point", "coordinates": [lon_deg, lat_deg]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}
