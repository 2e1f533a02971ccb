"""Which things were in a zone, when, and how surely.

Every question "is it inside?" is answered with a probability (`pipelines.inside`), because a
place has an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely

from park.records import GroundPoint, Observation, TrackedObject
from park.site import Site
from park.site_model import Zone
from park.site_rules import NoParking, RuleBase
from pipelines.inside import REACH_SIGMAS, SIGMAS_IN_ERROR, probability_inside
from pipelines.stays import StandingThings, Stay, inside_runs, split_stay, standing_stays


@dataclass(frozen=True, slots=True)
class Presence:
    """A thing that may have been in a zone.

    Attributes:
        thing: the object.
        stands: where and when it stood, each with its probability of being inside.
        sightings: every placed sighting with its probability; empty for a thing that stands.
    """

    thing: TrackedObject
    stands: tuple[Stay, ...]
    sightings: tuple[tuple[Observation, float], ...]


def near_zones(site: Site, objects: Sequence[TrackedObject]) -> list[list[int]]:
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


def presence_of(site: Site, zone: Zone, thing: TrackedObject) -> Presence:
    """Return when a thing stood where, and every sighting of one that moved, with probabilities."""
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
    return Presence(thing, stands, sightings)


def stays_inside(rule: RuleBase, presence: Presence) -> tuple[tuple[Stay, ...], tuple[Stay, ...]]:
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


def parts_of(
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
