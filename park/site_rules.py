"""The rules that a zone of a site file may have: one pydantic model per type.

A rule says what may not happen in its zone. It names the classes that it is about, the incident
type that breaking it gives, and what has to be seen before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from park.active_hours import ActiveHours
from park.site_values import Hours, Identifier, NotNegative, Positive, Strict
from park.taxonomy import class_key, families_of, incident_type


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
        min_sightings: how often a thing has to be seen in one video before it counts; the
            incident type's own where absent. Photos count from the first: one is looked at
            for as long as anybody likes.
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

    min_sightings: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(
        None, description="frames of a video it has to be seen in; the type's own where absent"
    )

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
    incident: Literal["person_in_restricted_zone", "perimeter_intrusion"] | None = Field(
        None, description="what people in it are called; person_in_restricted_zone where absent"
    )

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for a thing of this class that breaks the rule."""
        families = families_of(class_name)
        if "vehicle" in families:
            return incident_type("vehicle_in_forbidden_zone").id
        if "person" in families:
            return incident_type(self.incident or "person_in_restricted_zone").id
        return incident_type("perimeter_intrusion").id


class CountRule(RuleBase):
    """No more than `max_count` at a time.

    Attributes:
        max_count: the most that may be there.
        window_s: a drone sees a zone part by part, so what stands still counts as being there
            at the same time when seen within this many seconds; what moves must be there at
            the same moment.
    """

    max_count: Annotated[int, Field(strict=True, ge=0)] = Field(
        description="the most that may be there at a time"
    )
    window_s: Positive = Field(300.0, description="time the drone takes to see the zone, seconds")
    max_gap_s: Positive = Field(7200.0, description="longest time unseen within one incident")


class VehicleLimit(CountRule):
    """No more than `max_count` vehicles at a time."""

    type: Literal["vehicle_limit"] = "vehicle_limit"
    classes: VehicleClasses = Field(("vehicle",), description="classes or families it is about")

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for a thing of this class that breaks the rule."""
        del class_name
        return incident_type("too_many_vehicles").id


class PeopleLimit(CountRule):
    """No more than `max_count` people at a time: a gathering, or a crowd on a carriageway.

    Attributes:
        within_m: they count together only while each is this near to another of them.
        min_per_100_m2: people who stand further apart are no crowd.
    """

    type: Literal["people_limit"] = "people_limit"
    classes: Classes = Field(("person",), description="classes or families it is about")
    incident: Literal["gathering", "crowd_on_carriageway"] = Field(
        "gathering", description="what too many people in it are"
    )
    within_m: Positive = Field(
        15.0, description="people count together while each has another this near, metres"
    )
    min_per_100_m2: NotNegative = Field(
        0.0, description="people per 100 m2 of the ground they take up, from which it counts"
    )

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for people that break the rule."""
        del class_name
        return incident_type(self.incident).id


class Congestion(RuleBase):
    """Vehicles stand or crawl, closer together than traffic that flows.

    Attributes:
        min_vehicles_per_lane_km: density from which it counts.
        max_speed_mps: faster vehicles are not part of it.
        min_length_m: of the queue.
        window_s: as in `CountRule`.
    """

    type: Literal["congestion"] = "congestion"
    classes: VehicleClasses = Field(("vehicle",), description="classes or families it is about")
    min_vehicles_per_lane_km: Positive = Field(
        35.0, description="vehicles per kilometre of lane from which it counts"
    )
    max_speed_mps: Positive = Field(3.0, description="faster vehicles do not count, m/s")
    min_length_m: Positive = Field(50.0, description="length of the queue from which it counts")
    lanes: Annotated[int, Field(strict=True, ge=1, le=20)] = Field(
        2, description="lanes in the zone, both directions together"
    )
    window_s: Positive = Field(60.0, description="time the drone takes to see the zone, seconds")
    max_gap_s: Positive = Field(1800.0, description="longest time unseen within one incident")

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for traffic that does not flow."""
        del class_name
        return incident_type("congestion").id


WATCHED_CLASSES: Mapping[str, tuple[str, ...]] = {
    "open_flame": ("flame",),
    "smoke": ("smoke",),
    "no_hard_hat": ("no_hard_hat",),
    "overheating_equipment": ("hotspot",),
    "smoke_plume": ("smoke",),
    "discoloured_water": ("discoloured_water",),
    "bare_soil": ("bare_soil", "stockpile"),
    "dumped_rubbish": ("rubbish", "overflowing_bin"),
    "road_obstruction": ("obstacle", "rubbish", "new_object"),
    "new_structure": ("new_object",),
    "occupied_public_space": ("new_object", "rubbish"),
}
"""What a `watch` rule can report, and the classes that it looks for unless it names others."""


class Watch(RuleBase):
    """Something must not be seen here at all: flame, smoke, rubbish, a new structure...

    What is seen within `join_m` of each other is one incident.

    Attributes:
        incident: the incident type that it gives.
        classes: detected classes or families; those that fit the incident where absent.
        min_measure: smaller ones do not count, in the unit of the incident type.
        join_m: parts of one thing are this near to each other.
        limit_c: for overheating_equipment: the surface temperature that is too hot.
        above_ambient_c: for overheating_equipment: and so much above what is around it.
    """

    type: Literal["watch"] = "watch"
    incident: Literal[
        "open_flame",
        "smoke",
        "no_hard_hat",
        "overheating_equipment",
        "smoke_plume",
        "discoloured_water",
        "bare_soil",
        "dumped_rubbish",
        "road_obstruction",
        "new_structure",
        "occupied_public_space",
    ] = Field(description="the incident type that it gives")
    classes: Classes = Field(
        (), description="classes or families it is about; those of the incident where absent"
    )
    min_measure: NotNegative = Field(
        0.0, description="smaller ones do not count, in the unit of the incident type"
    )
    join_m: NotNegative = Field(15.0, description="parts of one thing are this near, metres")
    limit_c: float | None = Field(
        None, description="overheating_equipment: surface temperature that is too hot, Celsius"
    )
    above_ambient_c: Positive | None = Field(
        None, description="overheating_equipment: so much above what is around it, Celsius"
    )

    @model_validator(mode="before")
    @classmethod
    def _classes_of_the_incident(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("classes") is None:
            wanted = WATCHED_CLASSES.get(str(value.get("incident")))
            if wanted is not None:
                return {**value, "classes": wanted}
        return value

    @model_validator(mode="after")
    def _limits_are_of_heat(self) -> Watch:
        if self.incident != "overheating_equipment" and (
            self.limit_c is not None or self.above_ambient_c is not None
        ):
            raise ValueError(
                "limit_c and above_ambient_c belong to the incident overheating_equipment"
            )
        return self

    @property
    def rule_id(self) -> str:
        """The id, or the incident where no id was given: a zone may watch for several."""
        return self.id or self.incident

    def incident_type(self, class_name: str) -> str:
        """Return the taxonomy's id for what is watched for."""
        del class_name
        return incident_type(self.incident).id


Rule = Annotated[
    NoParking | ForbiddenZone | VehicleLimit | PeopleLimit | Congestion | Watch,
    Field(discriminator="type"),
]
"""Any rule of a zone."""

RULE_MODELS: Mapping[str, type[RuleBase]] = {
    "no_parking": NoParking,
    "forbidden_zone": ForbiddenZone,
    "vehicle_limit": VehicleLimit,
    "people_limit": PeopleLimit,
    "congestion": Congestion,
    "watch": Watch,
}
"""Rule models by the `type` that is written in a file."""
