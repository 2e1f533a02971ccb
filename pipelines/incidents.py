"""From broken rules to incidents, each once, and their sums by day."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date

from park.records import DailyIncidents, Incident, Observation
from park.site import Site
from park.taxonomy import incident_type
from pipelines.hits import RuleHit


def incidents_from_hits(
    site: Site,
    hits: Sequence[RuleHit],
    *,
    can_be_shown: Callable[[Observation], bool] = lambda seen: True,
) -> tuple[Incident, ...]:
    """Return one incident for each hit, ordered by time, zone and id.

    An incident belongs to the site's own day on which it was first seen. Its id is a hash of
    site, zone, rule, type, day, object and its place among the object's hits of that day, so
    the same footage gives the same ids in whatever order it is read.

    Args:
        site: whose rules were broken.
        hits: from `evaluate_rules`.
        can_be_shown: whether a picture of a sighting can be had; such a one is chosen as the
            best where there is one.
    """
    return tuple(incident for incident, _ in raised(site, hits, can_be_shown=can_be_shown))


def raised(
    site: Site,
    hits: Sequence[RuleHit],
    *,
    can_be_shown: Callable[[Observation], bool] = lambda seen: True,
) -> tuple[tuple[Incident, RuleHit], ...]:
    """Return what `incidents_from_hits` does, each with the hit that it comes from."""
    ordered = sorted(
        hits, key=lambda hit: (hit.first_seen, hit.zone_id, hit.rule_id, hit.type, hit.key)
    )
    counted: dict[tuple[str, ...], int] = defaultdict(int)
    incidents: list[tuple[Incident, RuleHit]] = []
    for hit in ordered:
        day = site.day_of(hit.first_seen)
        identity = (site.id, hit.zone_id, hit.rule_id, hit.type, day.isoformat(), hit.key)
        incident_id = _hash(*identity, str(counted[identity]))
        incidents.append((_incident(hit, day, incident_id, can_be_shown), hit))
        counted[identity] += 1
    return tuple(
        sorted(incidents, key=lambda one: (one[0].first_seen, one[0].zone_id, one[0].incident_id))
    )


def best_observation(observations: Sequence[Observation]) -> Observation:
    """Return the observation to show as evidence: the clearest, largest and surest.

    Its worth is confidence, times the side of a square as large as its box, in pixels, times its
    clarity (`vision.clarity`: sharpness, halved where the edge of the picture cuts it). A side
    times a sharpness stands for how many details across can be told apart. Ties go to the
    detection id, so that the choice does not depend on order. Where clarity is not known of all,
    it counts for none.
    """
    clear = all(seen.clarity is not None for seen in observations)

    def worth(seen: Observation) -> tuple[float, str]:
        x0, y0, x1, y1 = seen.box_xyxy_px
        side_px = math.sqrt((x1 - x0) * (y1 - y0))
        clarity = seen.clarity if clear and seen.clarity is not None else 1.0
        return seen.confidence * side_px * clarity, seen.detection_id

    return max(observations, key=worth)


def sum_by_day(incidents: Sequence[Incident]) -> tuple[DailyIncidents, ...]:
    """Return one sum for each day, domain, type and zone, in this order."""
    groups: dict[tuple[date, str, str, str], list[Incident]] = defaultdict(list)
    for incident in incidents:
        groups[(incident.day, incident.domain, incident.type, incident.zone_id)].append(incident)
    return tuple(
        DailyIncidents(
            day=day,
            domain=domain,
            type=type_id,
            zone_id=zone_id,
            incidents=len(group),
            objects=len({object_id for i in group for object_id in i.object_ids}),
            observations=sum(i.observations for i in group),
            dwell_total_s=sum(sorted(i.dwell_s for i in group)),
            dwell_max_s=max(i.dwell_s for i in group),
            measure_max=max(i.measure for i in group),
            severity_max=max(i.severity for i in group),
            first_seen=min(i.first_seen for i in group),
            last_seen=max(i.last_seen for i in group),
        )
        for (day, domain, type_id, zone_id), group in sorted(groups.items())
    )


def _incident(
    hit: RuleHit, day: date, incident_id: str, can_be_shown: Callable[[Observation], bool]
) -> Incident:
    shown = [seen for seen in hit.evidence if can_be_shown(seen)]
    best = best_observation(shown or hit.evidence)
    return Incident(
        incident_id=incident_id,
        day=day,
        domain=str(incident_type(hit.type).domain),
        type=hit.type,
        severity=hit.severity,
        zone_id=hit.zone_id,
        place=hit.place,
        first_seen=hit.first_seen,
        last_seen=hit.last_seen,
        dwell_s=(hit.last_seen - hit.first_seen).total_seconds(),
        measure=hit.measure,
        object_ids=hit.object_ids,
        observations=len(hit.observations),
        evidence_uri=None,
        model_id=best.model_id,
        best=best,
        measure_error=hit.measure_error,
        speed_mps=hit.speed_mps,
        # What moved cannot be known again; what stands gets its case from all days together.
        case_id=incident_id if hit.moving else None,
    )


def _hash(*parts: str) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
