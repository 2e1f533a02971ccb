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

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema
from shapely.geometry import LineString, MultiLineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from park.active_hours import ActiveHours
from park.errors import SiteError
from park.taxonomy import class_key, families_of, incident_type

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
"""A number above zero."""
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
"""A number, zero or more."""
Altitude = Annotated[float, Field(strict=True, ge=-500, le=9000, allow_inf_nan=False)]
"""Metres above mean sea level, from the Dead Sea to the highest mountain."""


def _text_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_id(value: str) -> str:
    if not re.fullmatch(r"\w[\w.\-]{0,63}", value):
        raise ValueError(
            "an id is 1 to 64 letters, digits, '_', '-' or '.', starting with a letter or digit"
        )
    return value


Identifier = Annotated[str, BeforeValidator(_text_id), AfterValidator(_check_id)]
"""A short name for tables and commands: ``fire-lane-2``; letters of any script."""


def _parse_hours(value: object) -> ActiveHours:
    if isinstance(value, ActiveHours):
        return value
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError('hours are a text like "08:00-20:00" or a list of such texts')
    try:
        return ActiveHours.parse(value if isinstance(value, str) else [str(t) for t in texts])
    except SiteError as error:
        raise ValueError(str(error)) from error


def _write_hours(hours: ActiveHours) -> str | list[str]:
    texts = hours.to_texts()
    return texts[0] if len(texts) == 1 else texts


Hours = Annotated[
    ActiveHours,
    PlainValidator(_parse_hours),
    PlainSerializer(_write_hours),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]
"""Hours of the week in the site's own time."""


class Strict(BaseModel):
    """Base of everything in a site file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        str_strip_whitespace=True,
    )


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


def _check_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    if not classes or not all(class_key(name) for name in classes):
        raise ValueError('name at least one class, for example ["vehicle"]')
    return tuple(class_key(name) for name in classes)


Classes = Annotated[tuple[str, ...], AfterValidator(_check_classes)]
"""Detected classes or families that a rule is about (see `park.taxonomy`)."""


def _check_vehicles(classes: tuple[str, ...]) -> tuple[str, ...]:
    people = [name for name in classes if "person" in families_of(name)]
    if people:
        raise ValueError(
            f"{', '.join(people)} cannot break a rule about vehicles; use forbidden_zone"
        )
    return classes


VehicleClasses = Annotated[Classes, AfterValidator(_check_vehicles)]
"""Classes that are not people."""


class RuleBase(Strict):
    """What every rule of a zone has.

    Attributes:
        id: tells two rules of one type in one zone apart; the type where absent.
        severity: 1 (notice) to 4 (critical); the taxonomy's where absent.
        active: when it applies, in the site's own time.
        min_probability: how sure it must be that the thing stands inside the zone, given the
            error of its place.
        max_gap_s: the longest time unseen between two sightings that still count as one stay.
    """

    id: Identifier | None = Field(None, description="tells two rules of one type apart")
    severity: Annotated[int, Field(strict=True, ge=1, le=4)] | None = Field(
        None, description="1 notice to 4 critical; the type's own where absent"
    )
    active: Hours = Field(ActiveHours(), description='when it applies, like "mon-fri 08:00-20:00"')
    min_probability: Annotated[float, Field(strict=True, ge=0.05, le=0.999)] = Field(
        0.7, description="probability of being inside the zone from which it counts"
    )
    max_gap_s: Positive = Field(43200.0, description="longest time unseen within one stay, seconds")

    @property
    def rule_id(self) -> str:
        """The id, or the type where no id was given."""
        return self.id or str(getattr(self, "type", ""))


class NoParking(RuleBase):
    """Nothing may stand here for longer than `min_dwell_s`.

    With 0 seconds, a thing seen standing once is enough; with more, it has to be seen again
    at least that much later.
    """

    type: Literal["no_parking"] = "no_parking"
    classes: VehicleClasses = Field(("vehicle",), description="classes or families it is about")
    min_dwell_s: NotNegative = Field(
        0.0, description="measured standing time from which it counts, seconds"
    )

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for a thing of this class that breaks the rule."""
        del class_name
        return incident_type("illegal_parking").id


class ForbiddenZone(RuleBase):
    """Nothing may be here at all, moving or standing."""

    type: Literal["forbidden_zone"] = "forbidden_zone"
    classes: Classes = Field(("vehicle",), description="classes or families it is about")
    min_dwell_s: NotNegative = Field(
        0.0, description="measured time inside from which it counts, seconds"
    )

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for a thing of this class that breaks the rule."""
        families = families_of(class_name)
        if "vehicle" in families:
            return incident_type("vehicle_in_forbidden_zone").id
        if "person" in families:
            return incident_type("person_in_restricted_zone").id
        return incident_type("perimeter_intrusion").id


class VehicleLimit(RuleBase):
    """No more than `max_count` at a time.

    Attributes:
        window_s: a drone sees a zone part by part, so what stands still counts as being there
            at the same time when seen within this many seconds; what moves must be there at
            the same moment.
    """

    type: Literal["vehicle_limit"] = "vehicle_limit"
    classes: VehicleClasses = Field(("vehicle",), description="classes or families it is about")
    max_count: Annotated[int, Field(strict=True, ge=0)] = Field(
        description="the most that may be there at a time"
    )
    window_s: Positive = Field(300.0, description="time the drone takes to see the zone, seconds")
    max_gap_s: Positive = Field(7200.0, description="longest time unseen within one incident")

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for a thing of this class that breaks the rule."""
        del class_name
        return incident_type("too_many_vehicles").id


Rule = Annotated[NoParking | ForbiddenZone | VehicleLimit, Field(discriminator="type")]
"""Any rule of a zone."""

RULE_MODELS: Mapping[str, type[RuleBase]] = {
    "no_parking": NoParking,
    "forbidden_zone": ForbiddenZone,
    "vehicle_limit": VehicleLimit,
}
"""Rule models by the `type` that is written in a file."""

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
    geometry: LineGeometry


class Building(FeatureBase):
    """A building by its outline."""

    kind: Literal["building"] = "building"
    height_m: Positive = Field(description="height of the roof above the ground, metres")
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
