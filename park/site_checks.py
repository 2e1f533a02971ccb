"""Checks of a site as a whole: mistakes that forbid using it, and warnings that do not."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import numpy as np
import shapely
import tzfpy
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from park.geodesy import LocalFrame
from park.site_model import Boundary, FeatureBase, Zone
from park.site_rules import VehicleLimit
from park.taxonomy import KNOWN_CLASSES

if TYPE_CHECKING:
    from park.site import Site

MAX_AREA_KM2 = 10_000.0
"""A larger boundary is a slip of the pen: metres of one local frame would no longer do."""

MAX_REACH_M = 250_000.0
"""A feature that reaches further than this from the middle of the site has a slip in it."""

FAR_M = 20_000.0
"""A feature further than this from the boundary is looked at for swapped coordinates."""

_TYPICAL_ERROR_M = 3.0
# 68.27 % of a circular normal distribution lie within 1.515 standard deviations.
_SIGMAS_IN_ERROR = math.sqrt(-2.0 * math.log(1.0 - 0.6827))


def site_mistakes(boundary: Boundary, features: Sequence[FeatureBase]) -> list[str]:
    """Return sentences about what makes a site unusable although each feature is right."""
    frame = _frame(boundary.geometry)
    outline_m = frame.project_geometry(boundary.geometry)
    area_km2 = outline_m.area / 1e6
    mistakes: list[str] = []
    if not area_km2 <= MAX_AREA_KM2:
        mistakes.append(
            f"the boundary covers {area_km2:.0f} km2, more than {MAX_AREA_KM2:.0f}; is one of its "
            "coordinates mistyped?"
        )
        return mistakes
    if not _time_zone_fits(boundary) and _time_zone_fits(boundary, swapped=True):
        middle = boundary.geometry.centroid
        mistakes.append(
            f"boundary {boundary.id!r}: time zone {boundary.time_zone} does not hold at longitude "
            f"{middle.x:.4f}, latitude {middle.y:.4f}, but at the reverse; did you swap longitude "
            "and latitude? GeoJSON wants [longitude, latitude]"
        )
    for feature, geometry in _drawn(features):
        wrong = _misplaced(frame, outline_m, geometry)
        if wrong:
            mistakes.append(f"{describe(feature)}: {wrong}")
    return mistakes


def _misplaced(frame: LocalFrame, outline_m: BaseGeometry, geometry: BaseGeometry) -> str | None:
    """Return what is wrong about where a geometry lies, or None."""
    turned = shapely.transform(geometry, lambda xy: xy[:, ::-1])
    if (
        _distance_m(frame, outline_m, geometry) > FAR_M
        and _distance_m(frame, outline_m, turned) <= FAR_M
    ):
        return (
            "lies far from the boundary, but not with longitude and latitude exchanged; did you "
            "swap them? GeoJSON wants [longitude, latitude]"
        )
    placed = frame.project_geometry(geometry)
    reach_m = np.abs(shapely.get_coordinates(placed)).max()
    if not reach_m <= MAX_REACH_M:
        return (
            f"reaches {reach_m / 1000:.0f} km from the middle of the site; is one of its "
            "coordinates mistyped?"
        )
    if not placed.is_valid:
        return "its outline is too thin to be measured in metres; redraw it"
    return None


def site_warnings(site: Site) -> tuple[str, ...]:
    """Return sentences about what is allowed in a site but probably not meant."""
    warnings: list[str] = []
    if not _time_zone_fits(site.boundary):
        middle = site.boundary.geometry.centroid
        there = " or ".join(tzfpy.get_tzs(middle.x, middle.y)) or "none"
        warnings.append(f"time zone {site.boundary.time_zone} is not that of the place ({there})")
    warnings.extend(_placing_warnings(site))
    if not site.zones:
        warnings.append("there is no zone, so no incident can be found")
    for zone in site.zones:
        warnings.extend(f"{describe(zone)}: {text}" for text in _zone_warnings(site, zone))
    names = (site.boundary, *site.zones)
    for feature in names:
        name = feature.name
        missing = [key for key in ("zh", "en") if name is None or not getattr(name, key)]
        if missing:
            warnings.append(f"{describe(feature)}: has no name in {' and '.join(missing)}")
    return tuple(warnings)


def describe(feature: FeatureBase) -> str:
    """Return kind and id of a feature, for messages."""
    kind = str(getattr(feature, "kind", "feature"))
    return f"{kind} {feature.id!r}" if feature.id else kind


def _frame(geometry: BaseGeometry) -> LocalFrame:
    middle = geometry.centroid
    return LocalFrame(lat_deg=middle.y, lon_deg=middle.x)


def _drawn(features: Sequence[FeatureBase]) -> Iterator[tuple[FeatureBase, BaseGeometry]]:
    for feature in features:
        geometry = getattr(feature, "geometry", None)
        if isinstance(geometry, BaseGeometry):
            yield feature, geometry


def _distance_m(frame: LocalFrame, outline_m: BaseGeometry, geometry: BaseGeometry) -> float:
    """Return metres between the boundary and a geometry in degrees, infinite when unreachable."""
    bounds = shapely.box(*geometry.bounds)
    if max(abs(bounds.bounds[1]), abs(bounds.bounds[3])) > 90:
        return math.inf
    placed = frame.project_geometry(geometry)
    if not all(math.isfinite(value) for value in placed.bounds):
        return math.inf
    return float(outline_m.distance(placed))


def _offsets(zone: str) -> tuple[object, object]:
    return (
        datetime(2025, 1, 15, 12, tzinfo=ZoneInfo(zone)).utcoffset(),
        datetime(2025, 7, 15, 12, tzinfo=ZoneInfo(zone)).utcoffset(),
    )


def _time_zone_fits(boundary: Boundary, *, swapped: bool = False) -> bool:
    """Return whether clocks at the boundary show what its time zone says."""
    middle = boundary.geometry.centroid
    lon_deg, lat_deg = (middle.y, middle.x) if swapped else (middle.x, middle.y)
    if abs(lat_deg) > 90:
        return False
    stated = _offsets(boundary.time_zone)
    return any(_offsets(name) == stated for name in tzfpy.get_tzs(lon_deg, lat_deg))


def _placing_warnings(site: Site) -> Iterator[str]:
    for feature, geometry in _drawn(site.features):
        if feature is site.boundary:
            continue
        placed = site.frame.project_geometry(geometry)
        if not site.boundary_m.intersects(placed):
            distance_m = site.boundary_m.distance(placed)
            yield f"{describe(feature)}: lies outside the boundary, {distance_m:.0f} m from it"
        elif isinstance(feature, Zone) and not site.boundary_m.buffer(0.5).covers(placed):
            share = 1.0 - site.boundary_m.intersection(placed).area / placed.area
            yield f"{describe(feature)}: {share:.0%} of it lie outside the boundary"


def _zone_warnings(site: Site, zone: Zone) -> Iterator[str]:
    if not zone.rules:
        yield "has no rules, so nothing is ever reported in it"
    area = site.zone_areas_m[zone.id]
    circle = shapely.maximum_inscribed_circle(cast("Polygon | MultiPolygon", area))
    half_width_m = circle.length
    sigma_m = _TYPICAL_ERROR_M / _SIGMAS_IN_ERROR
    sure = math.erf(half_width_m / sigma_m / math.sqrt(2.0))
    for number, rule in enumerate(zone.rules, start=1):
        where = f"rules[{number}] ({rule.rule_id})"
        if sure < rule.min_probability and not isinstance(rule, VehicleLimit):
            yield (
                f"{where}: the zone is only {2 * half_width_m:.1f} m wide; with a position error "
                f"of {_TYPICAL_ERROR_M:g} m the probability that a thing in its middle is inside "
                f"is {sure:.2f}, below min_probability {rule.min_probability:g}"
            )
        for name in rule.classes:
            if name not in KNOWN_CLASSES:
                near = difflib.get_close_matches(name, sorted(KNOWN_CLASSES), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield f"{where}: the class {name!r} is in no table of classes{hint}"
