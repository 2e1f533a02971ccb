"""Which objects break which rule of which zone.

Every question "is it inside?" is answered with a probability (`pipelines.inside`), because a
place has an error. What reaches a rule's `min_probability` counts; what is neither that nor
clearly outside (below ``1 - min_probability``) is listed as uncertain, so that nothing near a
line is lost silently and nothing near a line cries wolf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely

from park.records import GroundPoint, Observation, TrackedObject
from park.site import Site
from park.site_model import Zone
from park.site_rules import ForbiddenZone, NoParking, RuleBase, VehicleLimit
from park.taxonomy import class_matches, incident_type
from pipelines.counting import Visit, crowded_episodes, middle_of
from pipelines.inside import REACH_SIGMAS, SIGMAS_IN_ERROR, probability_inside
from pipelines.stays import StandingThings, Stay, inside_runs, split_stay, standing_stays


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


@dataclass(frozen=True, slots=True)
class _Presence:
    """A thing that may have been in a zone.

    Attributes:
        thing: the object.
        stands: where and when it stood, each with its probability of being inside.
        sightings: every placed sighting with its probability; empty for a thing that stands.
    """

    thing: TrackedObject
    stands: tuple[Stay, ...]
    sightings: tuple[tuple[Observation, float], ...]


def evaluate_rules(site: Site, objects: Sequence[TrackedObject]) -> RuleResult:
    """Return every hit of every rule of a site.

    The order of `objects` does not matter.

    Args:
        site: whose zones and rules.
        objects: every object of the run, moving or not.
    """
    ordered = sorted(objects, key=lambda thing: (thing.first_seen, thing.object_id))
    standing = StandingThings(ordered, site.frame)
    near = _near_zones(site, ordered)
    hits: list[RuleHit] = []
    uncertain: list[UncertainHit] = []
    for index, zone in enumerate(site.zones):
        if not zone.rules:
            continue
        present = [_presence(site, zone, ordered[number]) for number in near[index]]
        for rule in zone.rules:
            concerned = [p for p in present if class_matches(p.thing.class_name, rule.classes)]
            if isinstance(rule, VehicleLimit):
                _limit(site, zone, rule, concerned, standing, hits, uncertain)
            elif isinstance(rule, NoParking | ForbiddenZone):
                for presence in concerned:
                    _single(site, zone, rule, presence, standing, hits, uncertain)
    hits.sort(key=lambda hit: (hit.first_seen, hit.zone_id, hit.rule_id, hit.key, hit.last_seen))
    uncertain.sort(key=lambda doubt: (doubt.zone_id, doubt.rule_id, doubt.object_ids))
    return RuleResult(tuple(hits), tuple(uncertain))


def _near_zones(site: Site, objects: Sequence[TrackedObject]) -> list[list[int]]:
    """Return, for each zone, the numbers of the objects that may have been in it."""
    found: list[list[int]] = [[] for _ in site.zones]
    if not site.zones or not objects:
        return found
    boxes = np.array([_reach_box(site, thing) for thing in objects])
    tree = shapely.STRtree([site.zone_areas_m[zone.id] for zone in site.zones])
    numbers, zones = tree.query(shapely.box(*boxes.T))
    for number, zone in sorted(zip(numbers.tolist(), zones.tolist(), strict=True)):
        found[zone].append(number)
    return found


def _reach_box(site: Site, thing: TrackedObject) -> tuple[float, float, float, float]:
    places = [thing.place]
    if thing.moving:
        places.extend(seen.place for seen in thing.observations if seen.place is not None)
    east_m, north_m = site.frame.to_en_m(
        np.array([place.lat_deg for place in places]), np.array([place.lon_deg for place in places])
    )
    reach_m = np.array([place.error_m for place in places]) / SIGMAS_IN_ERROR * REACH_SIGMAS
    return (
        float(np.min(east_m - reach_m)),
        float(np.min(north_m - reach_m)),
        float(np.max(east_m + reach_m)),
        float(np.max(north_m + reach_m)),
    )


def _presence(site: Site, zone: Zone, thing: TrackedObject) -> _Presence:
    area_m = site.zone_areas_m[zone.id]

    def inside(place: GroundPoint) -> float:
        east_m, north_m = site.frame.to_en_m(place.lat_deg, place.lon_deg)
        return probability_inside(area_m, east_m, north_m, place.error_m)

    stands = tuple(
        Stay(stay.observations, stay.place, inside(stay.place))
        for stay in standing_stays(thing, site.frame)
    )
    sightings: tuple[tuple[Observation, float], ...] = ()
    if thing.moving:
        ordered = sorted(thing.observations, key=lambda seen: (seen.time, seen.detection_id))
        sightings = tuple((seen, inside(seen.place)) for seen in ordered if seen.place is not None)
    return _Presence(thing, stands, sightings)


def _stays_inside(rule: RuleBase, presence: _Presence) -> tuple[tuple[Stay, ...], tuple[Stay, ...]]:
    """Return the stays of a thing that count for a rule, and those that may."""
    if isinstance(rule, NoParking) or not presence.thing.moving:
        candidates = presence.stands
        sure = tuple(stay for stay in candidates if stay.probability >= rule.min_probability)
    else:
        sure = inside_runs(presence.sightings, rule.min_probability)
        candidates = tuple(
            Stay((seen,), seen.place, probability)
            for seen, probability in presence.sightings
            if seen.place is not None
        )
    if sure:
        return sure, ()
    doubtful = tuple(
        stay
        for stay in candidates
        if 1.0 - rule.min_probability <= stay.probability < rule.min_probability
    )
    return (), doubtful


def _parts(
    site: Site, rule: RuleBase, thing: TrackedObject, stay: Stay, standing: StandingThings
) -> Iterator[Stay]:
    """Yield the parts of a stay within the rule's hours, without gaps that break it."""

    def keep(moment: datetime) -> bool:
        return rule.active.is_active(moment, site.time_zone)

    def joined(start: datetime, end: datetime) -> bool:
        return (
            (end - start).total_seconds() <= rule.max_gap_s
            and rule.active.covers(start, end, site.time_zone)
            and not (not thing.moving and standing.stood_between(thing, start, end))
        )

    yield from split_stay(stay, keep, joined)


def _single(
    site: Site,
    zone: Zone,
    rule: NoParking | ForbiddenZone,
    presence: _Presence,
    standing: StandingThings,
    hits: list[RuleHit],
    uncertain: list[UncertainHit],
) -> None:
    thing = presence.thing
    sure, doubtful = _stays_inside(rule, presence)

    def long_enough(stays: Sequence[Stay]) -> list[Stay]:
        parts = [part for stay in stays for part in _parts(site, rule, thing, stay, standing)]
        return [part for part in parts if part.dwell_s >= rule.min_dwell_s]

    for part in long_enough(sure):
        kind = incident_type(rule.incident_type(thing.class_name))
        hits.append(
            RuleHit(
                zone_id=zone.id,
                rule_id=rule.rule_id,
                type=kind.id,
                severity=rule.severity or int(kind.severity),
                key=thing.object_id,
                object_ids=(thing.object_id,),
                observations=part.observations,
                evidence=part.observations,
                place=part.place,
                probability=part.probability,
                first_seen=part.first_seen,
                last_seen=part.last_seen,
                measure=part.dwell_s,
            )
        )
    if long_enough(doubtful):
        best = max(stay.probability for stay in doubtful)
        uncertain.append(UncertainHit(zone.id, rule.rule_id, (thing.object_id,), best))


def _limit(
    site: Site,
    zone: Zone,
    rule: VehicleLimit,
    concerned: Sequence[_Presence],
    standing: StandingThings,
    hits: list[RuleHit],
    uncertain: list[UncertainHit],
) -> None:
    sure: list[Visit] = []
    doubtful: list[Visit] = []
    for presence in concerned:
        stays, doubts = _stays_inside(rule, presence)
        for kept, found in ((sure, stays), (doubtful, doubts)):
            for stay in found:
                parts = _parts(site, rule, presence.thing, stay, standing)
                kept.extend(Visit(presence.thing, part) for part in parts)
    joined = _episode_join(site, rule)
    episodes = crowded_episodes(sure, rule.max_count, rule.window_s, joined)
    for episode in episodes:
        kind = incident_type(rule.incident_type("vehicle"))
        peak = episode.peak
        hits.append(
            RuleHit(
                zone_id=zone.id,
                rule_id=rule.rule_id,
                type=kind.id,
                severity=rule.severity or int(kind.severity),
                key="",
                object_ids=tuple(sorted({visit.thing.object_id for visit in peak})),
                observations=episode.observations,
                evidence=episode.evidence,
                place=middle_of(peak, site.frame),
                probability=min(visit.stay.probability for visit in peak),
                first_seen=episode.first_seen,
                last_seen=episode.last_seen,
                measure=float(len({visit.thing.object_id for visit in peak})),
            )
        )
    if episodes or not doubtful:
        return
    if crowded_episodes([*sure, *doubtful], rule.max_count, rule.window_s, joined):
        ids = tuple(sorted({visit.thing.object_id for visit in doubtful}))
        best = max(visit.stay.probability for visit in doubtful)
        uncertain.append(UncertainHit(zone.id, rule.rule_id, ids, best))


def _episode_join(site: Site, rule: VehicleLimit) -> Callable[[datetime, datetime], bool]:
    def joined(start: datetime, end: datetime) -> bool:
        return (end - start).total_seconds() <= rule.max_gap_s and rule.active.covers(
            start, end, site.time_zone
        )

    return joined
