"""Which objects break which rule of which zone.

Every question "is it inside?" is answered with a probability (`pipelines.inside`), because a
place has an error. What reaches a rule's `min_probability` counts; what is neither that nor
clearly outside (below ``1 - min_probability``) is listed as uncertain, so that nothing near a
line is lost silently and nothing near a line cries wolf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from park.records import TrackedObject
from park.site import Site
from park.site_model import Zone
from park.site_rules import (
    Congestion,
    ForbiddenZone,
    NoParking,
    PeopleLimit,
    VehicleLimit,
    Watch,
)
from park.taxonomy import class_matches, incident_type
from pipelines.counting import Episode, Visit, crowded_episodes, middle_of
from pipelines.density import people_density
from pipelines.grouping import in_pictures, near_each_other, seen_enough
from pipelines.hits import RuleHit, RuleResult, UncertainHit
from pipelines.presence import Presence, near_zones, parts_of, presence_of, stays_inside
from pipelines.stays import StandingThings, Stay, surely_one_thing
from pipelines.watching import congestion_hits, joined_by, watch_hits

_IN_A_CROWD = 2
"""Frames of a video in which somebody is seen who counts: at so many boxes, some flash once."""


def evaluate_rules(site: Site, objects: Sequence[TrackedObject]) -> RuleResult:
    """Return every hit of every rule of a site.

    The order of `objects` does not matter.

    Args:
        site: whose zones and rules.
        objects: every object of the run, moving or not.
    """
    ordered = sorted(objects, key=lambda thing: (thing.first_seen, thing.object_id))
    standing = StandingThings(ordered, site.frame)
    near = near_zones(site, ordered)
    hits: list[RuleHit] = []
    uncertain: list[UncertainHit] = []
    for index, zone in enumerate(site.zones):
        if not zone.rules:
            continue
        present = [presence_of(site, zone, ordered[number]) for number in near[index]]
        for rule in zone.rules:
            concerned = [p for p in present if class_matches(p.thing.class_name, rule.classes)]
            if isinstance(rule, VehicleLimit | PeopleLimit):
                _limit(site, zone, rule, concerned, standing, hits, uncertain)
            elif isinstance(rule, Watch):
                hits.extend(watch_hits(site, zone, rule, concerned, standing))
            elif isinstance(rule, Congestion):
                hits.extend(congestion_hits(site, zone, rule, concerned, standing))
            else:
                for presence in concerned:
                    _single(site, zone, rule, presence, standing, hits, uncertain)
    hits.sort(key=lambda hit: (hit.first_seen, hit.zone_id, hit.rule_id, hit.key, hit.last_seen))
    uncertain.sort(key=lambda doubt: (doubt.zone_id, doubt.rule_id, doubt.object_ids))
    return RuleResult(tuple(hits), tuple(uncertain))


def _single(
    site: Site,
    zone: Zone,
    rule: NoParking | ForbiddenZone,
    presence: Presence,
    standing: StandingThings,
    hits: list[RuleHit],
    uncertain: list[UncertainHit],
) -> None:
    thing = presence.thing
    sure, doubtful = stays_inside(rule, presence)

    def split(stay: Stay) -> Iterator[Stay]:
        return parts_of(site, rule, thing, stay, standing)

    def long_enough(stays: Sequence[Stay]) -> list[Stay]:
        # Where time counts, a pass that may have shown another thing must not measure it.
        timed = [surely_one_thing(stay) if rule.min_dwell_s > 0 else stay for stay in stays]
        parts = [part for stay in timed if stay is not None for part in split(stay)]
        return [part for part in parts if part.dwell_s >= rule.min_dwell_s]

    kind = incident_type(rule.incident_type(thing.class_name))
    for part in long_enough(sure):
        if not seen_enough(rule, kind, part.observations):
            continue
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
                moving=thing.moving,
            )
        )
    if long_enough(doubtful):
        best = max(stay.probability for stay in doubtful)
        uncertain.append(UncertainHit(zone.id, rule.rule_id, (thing.object_id,), best))


def _limit(
    site: Site,
    zone: Zone,
    rule: VehicleLimit | PeopleLimit,
    concerned: Sequence[Presence],
    standing: StandingThings,
    hits: list[RuleHit],
    uncertain: list[UncertainHit],
) -> None:
    sure: list[Visit] = []
    doubtful: list[Visit] = []
    for presence in concerned:
        if not in_pictures(presence.thing.observations, _IN_A_CROWD):
            continue
        stays, doubts = stays_inside(rule, presence)
        for kept, found in ((sure, stays), (doubtful, doubts)):
            for stay in found:
                parts = parts_of(site, rule, presence.thing, stay, standing)
                kept.extend(Visit(presence.thing, part) for part in parts)
    joined = joined_by(site, rule)
    crowds = [
        _crowd(site, zone, rule, episode)
        for group in _together(rule, sure, site)
        for episode in crowded_episodes(group, rule.max_count, rule.window_s, joined)
    ]
    hits += [crowd for crowd in crowds if _dense_enough(rule, crowd)]
    if crowds or not doubtful:
        return
    for group in _together(rule, [*sure, *doubtful], site):
        if crowded_episodes(group, rule.max_count, rule.window_s, joined):
            unsure = [visit for visit in group if visit in doubtful]
            ids = tuple(sorted({visit.thing.object_id for visit in unsure}))
            best = max(visit.stay.probability for visit in unsure)
            uncertain.append(UncertainHit(zone.id, rule.rule_id, ids, best))


def _dense_enough(rule: VehicleLimit | PeopleLimit, crowd: RuleHit) -> bool:
    return not isinstance(rule, PeopleLimit) or crowd.measure >= rule.min_per_100_m2


def _together(
    rule: VehicleLimit | PeopleLimit, visits: Sequence[Visit], site: Site
) -> list[list[Visit]]:
    """Return visits that count together: people near each other, vehicles wherever they are."""
    if not isinstance(rule, PeopleLimit):
        return [list(visits)]
    places = [visit.stay.place for visit in visits]
    return near_each_other(visits, places, rule.within_m, site.frame)


def _crowd(site: Site, zone: Zone, rule: VehicleLimit | PeopleLimit, episode: Episode) -> RuleHit:
    kind = incident_type(rule.incident_type(""))
    peak = episode.peak
    ids = tuple(sorted({visit.thing.object_id for visit in peak}))
    shown = [seen.place for seen in episode.evidence if seen.place is not None]
    dense = people_density(shown, site.frame) if isinstance(rule, PeopleLimit) else None
    return RuleHit(
        zone_id=zone.id,
        rule_id=rule.rule_id,
        type=kind.id,
        severity=rule.severity or int(kind.severity),
        key=ids[0] if isinstance(rule, PeopleLimit) else "",
        object_ids=ids,
        observations=episode.observations,
        evidence=episode.evidence,
        place=middle_of(peak, site.frame),
        probability=min(visit.stay.probability for visit in peak),
        first_seen=episode.first_seen,
        last_seen=episode.last_seen,
        measure=float(len(ids)) if dense is None else dense.value,
        measure_error=None if dense is None else dense.error,
        moving=any(visit.thing.moving for visit in peak),
    )
