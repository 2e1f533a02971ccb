"""The rules that a zone of a site file may have: one pydantic model per type.

A rule says what may not happen in its zone. It names the classes that it is about, the incident
type that breaking it gives, and what has to be seen before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

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
