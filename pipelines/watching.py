"""Rules about what must not be seen at all, and about traffic that does not flow.

What is seen of smoke, soil or water has no firm outline: it is found in parts, and its middle
moves with the view. So sightings near each other are one incident, and its size is taken from
all frames together.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from park.measure import Measure
from park.records import GroundPoint, Observation
from park.site import Site
from park.site_model import Zone
from park.site_rules import Congestion, RuleBase, Watch
from park.taxonomy import ONLY_NEW, IncidentType, MeasureUnit, class_matches, incident_type
from pipelines.counting import Visit, crowded_episodes, middle_of
from pipelines.density import mean_speed_mps, queue_length_m, vehicle_density
from pipelines.grouping import near_each_other, seen_enough
from pipelines.hits import RuleHit
from pipelines.presence import Presence, parts_of, stays_inside
from pipelines.stays import StandingThings

_UPPER_QUARTILE = 75.0
"""Of the sizes in all frames: most frames show only a part, none shows more than there is."""

_BOX_FILL = 0.6
"""Share of the square over a box's longest side that a thing without a measure covers."""

_QUEUE_GAP_M = 25.0
"""Vehicles further apart than this are not in one queue: two lengths and a half of a lorry."""


def visits_of(
    site: Site, rule: RuleBase, concerned: Sequence[Presence], standing: StandingThings
) -> list[Visit]:
    """Return the times that things surely were in a zone while a rule was active."""
    return [
        Visit(presence.thing, part)
        for presence in concerned
        for stay in stays_inside(rule, presence)[0]
        for part in parts_of(site, rule, presence.thing, stay, standing)
    ]


def joined_by(site: Site, rule: RuleBase) -> Callable[[datetime, datetime], bool]:
    """Return whether two moments belong to one time that a rule is broken."""

    def joined(start: datetime, end: datetime) -> bool:
        return (end - start).total_seconds() <= rule.max_gap_s and rule.active.covers(
            start, end, site.time_zone
        )

    return joined


def watch_hits(
    site: Site, zone: Zone, rule: Watch, concerned: Sequence[Presence], standing: StandingThings
) -> Iterator[RuleHit]:
    """Yield what was seen that must not be: one hit for each place and time of it."""
    kind = incident_type(rule.incident)
    visits = visits_of(site, rule, concerned, standing)
    places = [visit.stay.place for visit in visits]
    joined = joined_by(site, rule)
    for group in near_each_other(visits, places, rule.join_m, site.frame):
        for episode in _episodes(group, joined):
            sightings = _sightings(episode)
            if not (seen_enough(rule, kind, sightings) and _one_stands(rule, kind, episode)):
                continue
            size, error = _size(kind, sightings)
            if size < rule.min_measure or _below_limit(rule, kind, size, error):
                continue
            yield _hit(site, zone, rule, kind, episode, sightings, (size, error))


def _one_stands(rule: Watch, kind: IncidentType, episode: Sequence[Visit]) -> bool:
    """Return whether, of things that are only said to be new, one was seen enough by itself.

    What was put somewhere is new in the same place in every picture; light, water and what leans
    differently from every side are new in another one in each.
    """
    each: dict[str, list[Observation]] = defaultdict(list)
    for visit in episode:
        if not class_matches(visit.thing.class_name, ONLY_NEW):
            return True
        each[visit.thing.object_id] += visit.stay.observations
    return any(seen_enough(rule, kind, sightings) for sightings in each.values())


def _below_limit(rule: Watch, kind: IncidentType, size: float, error: float | None) -> bool:
    """Return whether the temperature that was read is none that this zone calls hot.

    Zones may overlap, and another one may have asked for the same thing by a lower limit.
    """
    hot = kind.unit is MeasureUnit.DEGREES_CELSIUS and rule.limit_c is not None
    return hot and error is not None and size <= (rule.limit_c or 0.0)


def _episodes(
    visits: Sequence[Visit], joined: Callable[[datetime, datetime], bool]
) -> list[list[Visit]]:
    """Return visits of one place in runs without gaps that break them."""
    runs: list[list[Visit]] = []
    until: datetime | None = None
    for visit in sorted(visits, key=lambda one: (one.stay.first_seen, one.thing.object_id)):
        if until is None or not (
            visit.stay.first_seen <= until or joined(until, visit.stay.first_seen)
        ):
            runs.append([])
            until = visit.stay.last_seen
        runs[-1].append(visit)
        until = max(until, visit.stay.last_seen)
    return runs


def _sightings(visits: Sequence[Visit]) -> tuple[Observation, ...]:
    each = {seen.detection_id: seen for visit in visits for seen in visit.stay.observations}
    return tuple(sorted(each.values(), key=lambda seen: (seen.time, seen.detection_id)))


def _size(kind: IncidentType, sightings: Sequence[Observation]) -> tuple[float, float | None]:
    """Return how much of it there is, with one standard deviation, in the unit of its type."""
    frames: dict[tuple[str, float], list[Measure]] = defaultdict(list)
    for seen in sightings:
        measure = _measure(kind.unit, seen)
        if measure is not None:
            frames[(seen.source_uri, seen.source_time_s)].append(measure)
    if not frames:
        return 0.0, None
    if kind.unit in (MeasureUnit.PEOPLE, MeasureUnit.VEHICLES):
        return float(max(len(parts) for parts in frames.values())), None
    if kind.unit is MeasureUnit.DEGREES_CELSIUS:
        hottest = max((part for parts in frames.values() for part in parts), key=lambda m: m.value)
        return hottest.value, hottest.error
    if kind.unit is MeasureUnit.METRES:
        sizes = [max(parts, key=lambda m: m.value) for parts in frames.values()]
        values, errors = [m.value for m in sizes], [m.error for m in sizes]
    else:
        values = [sum(m.value for m in parts) for parts in frames.values()]
        errors = [math.sqrt(sum(m.error**2 for m in parts)) for parts in frames.values()]
    return float(np.percentile(values, _UPPER_QUARTILE)), float(np.median(errors))


def _measure(unit: MeasureUnit, seen: Observation) -> Measure | None:
    """Return a sighting's own measure, or what its box says where it has none in this unit."""
    if seen.measure is not None and seen.measure.unit is unit:
        return seen.measure
    if unit in (MeasureUnit.PEOPLE, MeasureUnit.VEHICLES):
        return Measure(1.0, 0.0, unit)
    if seen.size_m is None:
        return None
    if unit is MeasureUnit.SQUARE_METRES:
        area = _BOX_FILL * seen.size_m**2
        return Measure(area, 0.5 * area, unit)
    if unit is MeasureUnit.METRES:
        return Measure(seen.size_m, 0.25 * seen.size_m, unit)
    return None


def _hit(
    site: Site,
    zone: Zone,
    rule: RuleBase,
    kind: IncidentType,
    visits: Sequence[Visit],
    sightings: tuple[Observation, ...],
    size: tuple[float, float | None],
) -> RuleHit:
    value, error = size
    return RuleHit(
        zone_id=zone.id,
        rule_id=rule.rule_id,
        type=kind.id,
        severity=rule.severity or int(kind.severity),
        key=min(visit.thing.object_id for visit in visits),
        object_ids=tuple(sorted({visit.thing.object_id for visit in visits})),
        observations=sightings,
        evidence=sightings,
        place=_place(visits, site),
        probability=min(visit.stay.probability for visit in visits),
        first_seen=sightings[0].time,
        last_seen=sightings[-1].time,
        measure=value,
        measure_error=error,
        moving=all(visit.thing.moving for visit in visits),
    )


def _place(visits: Sequence[Visit], site: Site) -> GroundPoint:
    """Return one place's own, or the middle of several."""
    if len(visits) == 1:
        return visits[0].stay.place
    return middle_of(visits, site.frame)


def congestion_hits(
    site: Site,
    zone: Zone,
    rule: Congestion,
    concerned: Sequence[Presence],
    standing: StandingThings,
) -> Iterator[RuleHit]:
    """Yield queues: vehicles that stand or crawl, closer together than traffic that flows."""
    kind = incident_type("congestion")
    slow = [
        visit
        for visit in visits_of(site, rule, concerned, standing)
        if visit.thing.speed_mps is not None and visit.thing.speed_mps <= rule.max_speed_mps
    ]
    per_m = rule.min_vehicles_per_lane_km * rule.lanes / 1000.0
    fewest = max(3, math.ceil(per_m * rule.min_length_m))
    places = [visit.stay.place for visit in slow]
    joined = joined_by(site, rule)
    for queue in near_each_other(slow, places, _QUEUE_GAP_M, site.frame):
        for episode in crowded_episodes(queue, fewest - 1, rule.window_s, joined):
            length_m = queue_length_m(episode.peak, site.frame)
            together = len(episode.evidence)
            density = vehicle_density(episode.peak, together, length_m, rule.lanes)
            if length_m.value < rule.min_length_m or density.value < rule.min_vehicles_per_lane_km:
                continue
            if not seen_enough(rule, kind, episode.observations):
                continue
            size = density.value, density.error
            hit = _hit(site, zone, rule, kind, episode.peak, episode.observations, size)
            yield replace(hit, speed_mps=mean_speed_mps(episode.peak))
