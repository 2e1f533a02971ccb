"""What may stand in a site file: one pydantic model per kind of feature and per type of rule.

The models check values one by one; `park.site_file` reads the file around them, checks
geometry, and turns what is wrong into sentences. Properties of a feature are the fields of
its model; the geometry comes from the GeoJSON feature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from park.site_rules import Rule
from park.site_values import Altitude, Identifier, NotNegative, Positive, Strict


class Names(Strict):
    """A name for people, in Chinese and in English; at least one of them."""

    zh: str = Field("", max_length=200, description="Chinese name")
    en: str = Field("", max_length=200, description="English name")

    @model_validator(mode="before")
    @classmethod
    def _accept_plain_text(cls, value: object) -> object:
        """Take a plain text for the Chinese name if it has Han characters, else the English."""
        if isinstance(value, str) and value.strip():
            return {"zh" if re.search(r"[\u3400-\u9fff]", value) else "en": value}
        return value

    @model_validator(mode="after")
    def _one_at_least(self) -> Names:
        if not (self.zh or self.en):
            raise ValueError('a name needs "zh" or "en", better both')
        return self

    def text(self, language: str = "en") -> str:
        """Return the name in ``"zh"`` or ``"en"``, or in the other where that one is missing."""
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)


class Contact(Strict):
    """Somebody to tell."""

    name: str = Field("", max_length=200, description="person or team")
    role: str = Field("", max_length=200, description="duty, for example 'fire safety'")
    phone: str = Field("", pattern=r"^(\+?[0-9][0-9 ()\-/.]{2,30})?$", description="phone number")
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", description="e-mail address")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Contact:
        if not (self.name or self.phone or self.email):
            raise ValueError("a contact needs at least a name, a phone or an email")
        return self


AreaGeometry = Annotated[Polygon | MultiPolygon, SkipJsonSchema(), Field(exclude=True)]
"""One or more polygons, coordinates (longitude, latitude)."""
LineGeometry = Annotated[LineString | MultiLineString, SkipJsonSchema(), Field(exclude=True)]
"""One or more lines, coordinates (longitude, latitude)."""
PointGeometry = Annotated[Point, SkipJsonSchema(), Field(exclude=True)]
"""One place, coordinates (longitude, latitude)."""

AREA_TYPES = ("Polygon", "MultiPolygon")
LINE_TYPES = ("LineString", "MultiLineString")
POINT_TYPES = ("Point",)


class FeatureBase(Strict):
    """What every feature of a site file has."""

    geometry_types: ClassVar[tuple[str, ...]] = AREA_TYPES
    id: Identifier | None = Field(None, description="short name, unique in the file")
    name: Names | None = Field(None, description='name for people: {"zh": "...", "en": "..."}')
    contacts: tuple[Contact, ...] = Field((), description="whom to tell")
    notes: str = Field("", max_length=4000, description="anything worth knowing")


def _check_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone of the IANA list")
    return name


class Boundary(FeatureBase):
    """The park itself: its outline, and what holds for the whole of it."""

    kind: Literal["boundary"] = "boundary"
    id: Identifier = Field(description="short name of the site; part of every incident's id")
    name: Names = Field(description='name of the site: {"zh": "...", "en": "..."}')
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = Field(
        description='IANA time zone, for example "Asia/Shanghai"; a day begins at its midnight'
    )
    takeoff_alt_amsl_m: Altitude | None = Field(
        None, description="height of the take-off point above mean sea level, metres"
    )
    flight_permission_required: bool = Field(
        False, description="whether a flight needs a permission record before it may begin"
    )
    geometry: AreaGeometry


class Zone(FeatureBase):
    """A part of the park where rules hold."""

    kind: Literal["zone"] = "zone"
    id: Identifier = Field(description="short name, unique in the file; stands in every table")
    owner: str = Field("", max_length=200, description="company or department in charge")
    rules: tuple[Rule, ...] = Field((), description="what may not happen here")
    geometry: AreaGeometry

    @model_validator(mode="after")
    def _rule_ids_differ(self) -> Zone:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.rule_id in seen:
                raise ValueError(
                    f"two rules have the id {rule.rule_id!r}; give each rule an id of its own"
                )
            seen.add(rule.rule_id)
        return self


class Road(FeatureBase):
    """A road by its middle line."""

    geometry_types: ClassVar[tuple[str, ...]] = LINE_TYPES
    kind: Literal["road"] = "road"
    lanes: Annotated[int, Field(strict=True, ge=1, le=20)] | None = Field(
        None, description="lanes of both directions together"
    )
    speed_limit_kmh: Positive | None = Field(None, description="speed limit, km/h")
    width_m: Positive | None = Field(None, description="width from kerb to kerb, metres")
    geometry: LineGeometry


class Pipeline(FeatureBase):
    """A pipeline above or under ground by its middle line."""

    geometry_types: ClassVar[tuple[str, ...]] = LINE_TYPES
    kind: Literal["pipeline"] = "pipeline"
    contents: str = Field("", max_length=200, description="what flows in it")
    width_m: Positive | None = Field(None, description="width of the protected strip, metres")
    height_m: Positive | None = Field(
        None, description="height of its top above the ground, metres; absent where it is buried"
    )
    geometry: LineGeometry


class Building(FeatureBase):
    """A building by its outline."""

    kind: Literal["building"] = "building"
    height_m: Positive = Field(description="height of the roof above the ground, metres")
    open_below: bool = Field(
        False, description="whether one sees in below the roof, as with a canopy"
    )
    owner: str = Field("", max_length=200, description="company or department in charge")
    geometry: AreaGeometry


class Asset(FeatureBase):
    """Something worth protecting: a tank, a substation, a gas store."""

    geometry_types: ClassVar[tuple[str, ...]] = (*POINT_TYPES, *AREA_TYPES)
    kind: Literal["asset"] = "asset"
    asset_class: str = Field("", alias="class", max_length=100, description="what it is")
    criticality: Annotated[int, Field(strict=True, ge=1, le=4)] = Field(
        description="1 replaceable to 4 lives depend on it"
    )
    height_m: Positive | None = Field(
        None, description="height of its top above the ground, metres"
    )
    owner: str = Field("", max_length=200, description="company or department in charge")
    geometry: Annotated[Point | Polygon | MultiPolygon, SkipJsonSchema(), Field(exclude=True)]


class Dock(FeatureBase):
    """A place where a drone lives, takes off and lands."""

    geometry_types: ClassVar[tuple[str, ...]] = POINT_TYPES
    kind: Literal["dock"] = "dock"
    id: Identifier = Field(description="short name, unique in the file")
    alt_amsl_m: Altitude | None = Field(None, description="height above mean sea level, metres")
    geometry: PointGeometry


class NoFly(FeatureBase):
    """Where no drone may fly, from `min_alt_agl_m` up to `max_alt_agl_m`."""

    kind: Literal["no_fly"] = "no_fly"
    min_alt_agl_m: NotNegative = Field(0.0, description="lower limit above ground, metres")
    max_alt_agl_m: Positive | None = Field(
        None, description="upper limit above ground, metres; none where absent"
    )
    geometry: AreaGeometry

    @model_validator(mode="after")
    def _limits_in_order(self) -> NoFly:
        if self.max_alt_agl_m is not None and self.max_alt_agl_m <= self.min_alt_agl_m:
            raise ValueError(
                f"max_alt_agl_m {self.max_alt_agl_m:g} is not above "
                f"min_alt_agl_m {self.min_alt_agl_m:g}"
            )
        return self


OptionValue = bool | int | float | str | tuple[bool | int | float | str, ...]
"""A value of a route's option: a number, a text, true or false, or a list of these."""


class Route(FeatureBase):
    """A patrol route: what for, and the options that its purpose takes.

    Its geometry may be null: a perimeter route follows the boundary. Purposes and their
    options belong to the flight planner, which refuses those that it does not know.
    """

    geometry_types: ClassVar[tuple[str, ...]] = (
        *LINE_TYPES,
        *AREA_TYPES,
        "Point",
        "MultiPoint",
    )
    kind: Literal["route"] = "route"
    id: Identifier = Field(description="short name, unique in the file; used to fly it")
    purpose: Identifier = Field(description='what it is for, for example "perimeter"')
    options: dict[str, OptionValue] = Field(
        default_factory=dict, description="options of the purpose"
    )
    models: tuple[Identifier, ...] = Field(
        (), description="shipped models that look at all that is filmed along it"
    )
    geometry: Annotated[BaseGeometry | None, SkipJsonSchema(), Field(exclude=True)] = None


SiteFeature = Annotated[
    Boundary | Zone | Road | Pipeline | Building | Asset | Dock | NoFly | Route,
    Field(discriminator="kind"),
]
"""Any feature of a site file, told apart by its `kind`."""

FEATURE_MODELS: Mapping[str, type[FeatureBase]] = {
    "boundary": Boundary,
    "zone": Zone,
    "road": Road,
    "pipeline": Pipeline,
    "building": Building,
    "asset": Asset,
    "dock": Dock,
    "no_fly": NoFly,
    "route": Route,
}
"""Feature models by the `kind` that is written in a file."""
