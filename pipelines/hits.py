"""What the rules of a site say about the objects of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from park.records import GroundPoint, Observation


@dataclass(frozen=True, slots=True)
class RuleHit:
    """One time that a rule was broken.

    Attributes:
        zone_id: whose rule.
        rule_id: which rule of the zone.
        type: the taxonomy's id of what happened.
        severity: 1 to 4.
        key: what tells it from other hits of the rule on the same day: the object's id, empty
            where the rule is about many.
        object_ids: the objects it is about, in order of their ids.
        observations: sightings that support it, in time order.
        evidence: those of them that a picture should show.
        place: where.
        probability: the least probability of being inside among its objects.
        first_seen: first supporting sighting.
        last_seen: last supporting sighting.
        measure: its size in the unit of its type.
        measure_error: one standard deviation of it; None where it is a count or a time.
        speed_mps: mean speed over ground of the vehicles of a queue; None elsewhere.
        moving: whether what it is about moved; what stands may be seen again another day.
    """

    zone_id: str
    rule_id: str
    type: str
    severity: int
    key: str
    object_ids: tuple[str, ...]
    observations: tuple[Observation, ...]
    evidence: tuple[Observation, ...]
    place: GroundPoint
    probability: float
    first_seen: datetime
    last_seen: datetime
    measure: float
    measure_error: float | None = None
    speed_mps: float | None = None
    moving: bool = False


@dataclass(frozen=True, slots=True)
class UncertainHit:
    """Objects that would break a rule if they are inside its zone, which is not sure.

    Attributes:
        zone_id: whose rule.
        rule_id: which rule of the zone.
        object_ids: the objects, in order of their ids.
        probability: the highest probability of being inside among them.
    """

    zone_id: str
    rule_id: str
    object_ids: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What the rules of a site say about the objects of a run.

    Attributes:
        hits: rules broken, ordered by time, zone and rule.
        uncertain: what may or may not be a hit, ordered by zone and rule.
    """

    hits: tuple[RuleHit, ...]
    uncertain: tuple[UncertainHit, ...]
