"""The park: its outline, its zones and their rules, and everything else drawn in its file.

`Site.load` reads a site file (docs/site-file.md) and raises one `SiteError` that lists every
mistake in it. A loaded site is immutable, compares by value and pickles.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

import shapely
from pydantic import TypeAdapter
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from park.errors import SiteError
from park.geodesy import LocalFrame
from park.records import JsonValue
from park.site_checks import site_mistakes
from park.site_file import MAX_FILE_BYTES, parse_site
from park.site_model import (
    FEATURE_MODELS,
    Asset,
    Boundary,
    Building,
    Contact,
    Dock,
    FeatureBase,
    Names,
    NoFly,
    Pipeline,
    Road,
    Route,
    SiteFeature,
    Zone,
)

_F = TypeVar("_F", bound=FeatureBase)


@dataclass(frozen=True)
class Site:
    """A park and everything drawn in its file, each kind in the file's order.

    Attributes:
        boundary: the outline, with what holds for the whole site.
        zones: areas with rules.
        roads: middle lines of roads.
        pipelines: middle lines of pipelines.
        buildings: outlines with heights.
        assets: things worth protecting.
        docks: where drones live.
        no_fly: where no drone may fly.
        routes: patrol routes for the flight planner.
    """

    boundary: Boundary
    zones: tuple[Zone, ...] = ()
    roads: tuple[Road, ...] = ()
    pipelines: tuple[Pipeline, ...] = ()
    buildings: tuple[Building, ...] = ()
    assets: tuple[Asset, ...] = ()
    docks: tuple[Dock, ...] = ()
    no_fly: tuple[NoFly, ...] = ()
    routes: tuple[Route, ...] = ()

    @classmethod
    def load(cls, source: str | Path | bytes) -> Self:
        """Return the site that a file, or the bytes of one, describes.

        Raises:
            SiteError: the file cannot be read, or has mistakes; all of them are in the message.
        """
        named = "site file" if isinstance(source, bytes) else str(source)
        content = source if isinstance(source, bytes) else read_site_bytes(source)
        try:
            site, mistakes = cls.parse(content)
        except SiteError as error:
            raise SiteError(f"{named}: {error}") from error
        if site is None or mistakes:
            count = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
            listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
            raise SiteError(f"{named}: {count}\n{listed}")
        return site

    @classmethod
    def parse(cls, content: bytes) -> tuple[Self | None, tuple[str, ...]]:
        """Return the site as far as it is right, and every mistake in it.

        The site is None when there is no single right boundary to build it around.

        Raises:
            SiteError: the bytes are no GeoJSON at all.
        """
        parsed = parse_site(content)
        boundaries = _of_kind(parsed.features, Boundary)
        if len(boundaries) != 1:
            return None, tuple(parsed.mistakes)
        site = cls(
            boundary=boundaries[0],
            zones=_of_kind(parsed.features, Zone),
            roads=_of_kind(parsed.features, Road),
            pipelines=_of_kind(parsed.features, Pipeline),
            buildings=_of_kind(parsed.features, Building),
            assets=_of_kind(parsed.features, Asset),
            docks=_of_kind(parsed.features, Dock),
            no_fly=_of_kind(parsed.features, NoFly),
            routes=_of_kind(parsed.features, Route),
        )
        return site, (*parsed.mistakes, *site_mistakes(site.boundary, site.features))

    @property
    def id(self) -> str:
        """Short name of the site."""
        return self.boundary.id

    @property
    def name(self) -> Names:
        """Name of the site for people."""
        return self.boundary.name

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Whom to tell where a zone names nobody."""
        return self.boundary.contacts

    @property
    def takeoff_alt_amsl_m(self) -> float | None:
        """Height of the take-off point above mean sea level; None when not stated."""
        return self.boundary.takeoff_alt_amsl_m

    @cached_property
    def time_zone(self) -> ZoneInfo:
        """The site's own time zone."""
        return ZoneInfo(self.boundary.time_zone)

    @cached_property
    def frame(self) -> LocalFrame:
        """Metres east and north of the middle of the boundary."""
        middle = self.boundary.geometry.centroid
        return LocalFrame(lat_deg=middle.y, lon_deg=middle.x)

    @property
    def features(self) -> tuple[FeatureBase, ...]:
        """Everything drawn: the boundary first, then kind by kind."""
        return (
            self.boundary,
            *self.zones,
            *self.roads,
            *self.pipelines,
            *self.buildings,
            *self.assets,
            *self.docks,
            *self.no_fly,
            *self.routes,
        )

    @cached_property
    def boundary_m(self) -> BaseGeometry:
        """The boundary in metres of `frame`, prepared for repeated questions."""
        return self._prepared_m(self.boundary.geometry)

    @cached_property
    def zone_areas_m(self) -> dict[str, BaseGeometry]:
        """Each zone's area in metres of `frame`, by zone id, prepared."""
        return {zone.id: self._prepared_m(zone.geometry) for zone in self.zones}

    def zone(self, zone_id: str) -> Zone:
        """Return the zone with this id.

        Raises:
            SiteError: there is none.
        """
        for zone in self.zones:
            if zone.id == zone_id:
                return zone
        known = ", ".join(zone.id for zone in self.zones) or "none"
        raise SiteError(f"site {self.id!r} has no zone {zone_id!r}; its zones are: {known}")

    def zones_at(self, lat_deg: float, lon_deg: float) -> tuple[Zone, ...]:
        """Return the zones that a place lies in or on the edge of, in the file's order."""
        point = shapely.Point(self.frame.to_en_m(lat_deg, lon_deg))
        return tuple(zone for zone in self.zones if self.zone_areas_m[zone.id].covers(point))

    def day_of(self, moment: datetime) -> date:
        """Return the site's own day of a moment.

        Raises:
            SiteError: the moment has no time zone.
        """
        if moment.utcoffset() is None:
            raise SiteError(f"{moment.isoformat()} has no time zone, so it has no day at a site")
        return moment.astimezone(self.time_zone).date()

    def to_geojson(self) -> dict[str, JsonValue]:
        """Return the site as the GeoJSON object that `load` reads back to an equal site."""
        return {
            "type": "FeatureCollection",
            "features": [_feature_to_geojson(feature) for feature in self.features],
        }

    def _prepared_m(self, geometry: BaseGeometry) -> BaseGeometry:
        area = self.frame.project_geometry(geometry)
        shapely.prepare(area)
        return area


def read_site_bytes(path: str | Path) -> bytes:
    """Return the bytes of a site file.

    Raises:
        SiteError: it cannot be read, or is too large to be a site file.
    """
    try:
        size = Path(path).stat().st_size
        if size > MAX_FILE_BYTES:
            raise SiteError(
                f"{path}: {size} bytes are more than a site file may have ({MAX_FILE_BYTES})"
            )
        return Path(path).read_bytes()
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror or error})") from error


def site_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of a site file, for editors that check while one types."""
    features = TypeAdapter(SiteFeature).json_schema(by_alias=True)
    kinds = [
        {
            "if": {"properties": {"properties": {"properties": {"kind": {"const": kind}}}}},
            "then": {
                "properties": {
                    "geometry": {
                        "properties": {"type": {"enum": list(model.geometry_types)}},
                        "type": ["object", "null"] if kind == "route" else "object",
                    }
                }
            },
        }
        for kind, model in FEATURE_MODELS.items()
    ]
    definitions = features.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "parkwatch site file",
        "description": "A GeoJSON FeatureCollection; `properties` of every feature by its `kind`.",
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"const": "FeatureCollection"},
            "features": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["type", "geometry", "properties"],
                    "properties": {
                        "type": {"const": "Feature"},
                        "properties": {"required": ["kind"], **features},
                    },
                    "allOf": kinds,
                },
            },
        },
        "$defs": definitions,
    }


def _of_kind(features: Sequence[FeatureBase], model: type[_F]) -> tuple[_F, ...]:
    return tuple(feature for feature in features if isinstance(feature, model))


def _feature_to_geojson(feature: FeatureBase) -> dict[str, JsonValue]:
    written = feature.model_dump(mode="json", by_alias=True, exclude_none=True)
    ordered = {"kind": written.pop("kind"), **written}
    if "rules" in ordered:
        ordered["rules"] = [{"type": rule.pop("type"), **rule} for rule in ordered["rules"]]
    geometry = getattr(feature, "geometry", None)
    return {
        "type": "Feature",
        "properties": {key: value for key, value in ordered.items() if value not in ("", [], {})},
        # Through JSON, so that tuples become the lists that a parsed file has.
        "geometry": None if geometry is None else json.loads(json.dumps(mapping(geometry))),
    }
