"""Finds a place for every stage of a scenario, and refuses what cannot be.

A stage left to chance is tried in many places until one fits: on suitable ground, inside the
park, clear of what is staged there at the same time, and where it breaks no other rule than its
own. Everything depends on the seed, the stage's id and the day alone, so a stage that is added
moves others only where they would overlap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from park.errors import SimulationError
from park.site_model import Zone
from park.site_rules import Congestion, NoParking, PeopleLimit, Rule, VehicleLimit
from park.taxonomy import class_matches
from sim_data.scenario.clear_ground import ClearGround
from sim_data.scenario.draft import Draft, NoRoomError, Staging
from sim_data.scenario.file import StagePart
from sim_data.scenario.kinds import On, StageKind
from sim_data.scenario.places import RULED_KINDS, Place, PlaceKind, Places, breaks_rule, place_kind
from sim_data.scenario.records import StagedPerson, StagedVehicle
from sim_data.world.records import Weather, World

_TRIES = 300
_TRIES_FIXED = 24
_TRIES_WATCHED = 60
_APART_M = 2.0
_NEAR_M = 25.0
_LEAST_M2 = 1.0
_DWELL_SLACK = 1.1
"""What has to stand for a time is put where it is seen twice and that much further apart."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a stage is staged.

    Attributes:
        stage: what the file says.
        kind: how its type is staged.
        line: where in the file it begins.
        day: the day of the run on which it begins, from 1.
        begins: when.
        ends: when.
        row_id: names it: the stage's id, with the day where there are several.
    """

    stage: StagePart
    kind: StageKind
    line: int
    day: int
    begins: datetime
    ends: datetime
    row_id: str

    @property
    def lasts_s(self) -> float:
        """Seconds from its beginning to its end."""
        return (self.ends - self.begins).total_seconds()

    def meets(self, other: Occurrence) -> bool:
        """Return whether there is a moment at which both are there."""
        return self.begins <= other.ends and other.begins <= self.ends


@dataclass(frozen=True, slots=True)
class Staged:
    """An occurrence in its place.

    Attributes:
        occurrence: what and when.
        staging: how it looks, and where.
        zone_id: the zone whose rule it breaks; else empty.
    """

    occurrence: Occurrence
    staging: Staging
    zone_id: str


class Seen(Protocol):
    """What ground somebody will look at: `sim_data.sight.Sight`."""

    def area(self, begins: datetime, ends: datetime, apart_s: float = 0.0) -> BaseGeometry:
        """Return the ground seen between two times, or twice and so far apart."""
        ...


class Stager:
    """Puts occurrences into a park, one after the other.

    Args:
        world: the park.
        weather: the air.
        seed: decides everything left to chance.
        seen: what is left to chance is put where it is seen, as far as there are such places.
    """

    def __init__(
        self, world: World, weather: Weather, seed: int, *, seen: Seen | None = None
    ) -> None:
        self._seen = seen
        self._watched: dict[str, BaseGeometry | None] = {}
        self._world = world
        self._weather = weather
        self._seed = seed
        self._places = Places(world)
        self._ground = ClearGround(world)
        self._zone = ZoneInfo(world.site.boundary.time_zone)
        shapely.prepare(world.boundary)

    def put(self, occurrence: Occurrence, others: Sequence[Staged]) -> Staged:
        """Return the occurrence in a place that suits it.

        Args:
            occurrence: what and when.
            others: what is there already.

        Raises:
            SimulationError: there is no such place; the message says why not.
        """
        fixed = occurrence.stage.place is not None and occurrence.stage.place.anywhere_in is None
        candidates = self._candidates(occurrence)
        meanwhile = [one for one in others if one.occurrence.meets(occurrence)]
        if self._seen is not None and not fixed and (shown := self._shown(occurrence)):
            with suppress(SimulationError):
                return self._put(occurrence, meanwhile, shown, fixed)
        return self._put(occurrence, meanwhile, candidates, fixed)

    def _shown(self, occurrence: Occurrence) -> tuple[Place, ...]:
        """Return the places that will be seen while the occurrence is on: often enough for it."""
        assert self._seen is not None
        rules = [
            r for zone in self._world.site.zones for r in _rules_for(zone, occurrence.kind.type)
        ]
        apart_s = max((float(getattr(rule, "min_dwell_s", 0.0)) for rule in rules), default=0.0)
        area = self._seen.area(occurrence.begins, occurrence.ends, apart_s * _DWELL_SLACK)
        if occurrence.stage.place is not None:
            return _within(self._candidates(occurrence), area)
        watched = self._watching(occurrence)
        # Where it is seen and watched for; else where it is seen; in the order of its places.
        for ground in (None if watched is None else area.intersection(watched), area):
            for kind in occurrence.kind.places:
                if found := _within(self._places.of_kind(kind), ground):
                    with suppress(SimulationError):
                        return self._active(occurrence, found, (kind,))
        return ()

    def _put(
        self,
        occurrence: Occurrence,
        meanwhile: Sequence[Staged],
        candidates: Sequence[Place],
        fixed: bool,
    ) -> Staged:
        """Return the occurrence in one of the places.

        Raises:
            SimulationError: it fits in none.
        """
        rng = self._rng(occurrence)
        reason = ""
        second: Staged | None = None
        watched = self._watching(occurrence) is not None
        for number, (place, at_m) in enumerate(self._tries(candidates, rng, fixed)):
            try:
                draft = self._draft(occurrence, place, at_m, rng)
                staging = occurrence.kind.build(draft)
                self._check(occurrence, staging, meanwhile)
            except NoRoomError as error:
                # The first reason is that of the place that was asked for.
                reason = reason or str(error)
                continue
            zone_id = self._zone_of(occurrence, place, draft, staging)
            found = Staged(occurrence, staging, zone_id)
            if zone_id or fixed or not watched:
                return found
            # True wherever it is; but where a zone watches for it, it can be reported as well.
            second = second or found
            if number >= _TRIES_WATCHED:
                break
        if second is not None:
            return second
        raise SimulationError(
            f"{occurrence.stage.type} cannot be staged there: it {reason}; "
            + ("name another place or time" if fixed else "no place in the park was free for it")
        )

    def _rng(self, occurrence: Occurrence) -> np.random.Generator:
        name = zlib.crc32(occurrence.stage.id.encode())
        return np.random.default_rng([self._seed, name, occurrence.day])

    def _tries(
        self, candidates: Sequence[Place], rng: np.random.Generator, fixed: bool
    ) -> Iterator[tuple[Place, tuple[float, float]]]:
        for _ in range(_TRIES_FIXED if fixed else _TRIES):
            place = candidates[int(rng.integers(len(candidates)))]
            yield place, place.draw(rng)

    def _candidates(self, occurrence: Occurrence) -> tuple[Place, ...]:
        kind, part = occurrence.kind, occurrence.stage.place
        if part is None:
            return self._usual(occurrence)
        if part.anywhere_in is not None:
            wanted = place_kind(part.anywhere_in)
            if kind.bound and wanted not in kind.places:
                raise SimulationError(
                    f"{kind.type} can only be anywhere in {' or '.join(kind.places)}, "
                    f"not in {wanted}"
                )
            return self._active(occurrence, self._places.of_kind(wanted), (wanted,))
        if part.feature is not None:
            found = self._places.named(part.feature, kind.places)
            if kind.bound and found[0].kind not in kind.places:
                raise SimulationError(
                    f"{part.feature} is no place for {kind.type}; valid are places of the kind "
                    f"{' or '.join(kind.places)}{self._some_of(kind.places)}"
                )
            return self._active(occurrence, found, (found[0].kind,))
        if part.lat is not None and part.lon is not None:
            at_m = self._world.frame.to_en_m(part.lat, part.lon)
        else:
            at_m = (part.east_m or 0.0, part.north_m or 0.0)
        return (self._at(occurrence, at_m),)

    def _usual(self, occurrence: Occurrence) -> tuple[Place, ...]:
        kinds = occurrence.kind.places
        watched = self._watching(occurrence)
        # Where a zone watches for it before all, in the order of the kinds of places.
        for kind in kinds if watched is not None else ():
            if found := _within(self._places.of_kind(kind), watched):
                return self._active(occurrence, found, (kind,))
        for kind in kinds:
            if every := self._places.of_kind(kind):
                return self._active(occurrence, every, (kind,))
        raise SimulationError(
            f"{occurrence.stage.type} needs a place of the kind {' or '.join(kinds)}, "
            "and this park has none; leave the stage out or take a larger park"
        )

    def _active(
        self, occurrence: Occurrence, found: Sequence[Place], kinds: tuple[PlaceKind, ...]
    ) -> tuple[Place, ...]:
        """Return the places whose rule applies while the stage is on."""
        if not found:
            raise SimulationError(f"this park has no place of the kind {' or '.join(kinds)}")
        ruled = kinds[0] in RULED_KINDS and isinstance(found[0].thing, Zone)
        if not ruled or not occurrence.kind.bound:
            return tuple(found)
        fitting = [place for place in found if self._rule_holds(occurrence, place)]
        if fitting:
            return tuple(fitting)
        named = ", ".join(place.place_id for place in found[:4])
        raise SimulationError(
            f"no rule of {named} holds from {occurrence.begins:%H:%M:%S} for "
            f"{occurrence.lasts_s:g} s; stage it in the rule's active hours, and for longer than "
            "its min_dwell_s"
        )

    def _rule_holds(self, occurrence: Occurrence, place: Place) -> bool:
        zone = place.thing
        if not isinstance(zone, Zone):
            return False
        return any(
            breaks_rule(rule, place.kind)
            and rule.active.covers(occurrence.begins, occurrence.ends, self._zone)
            and occurrence.lasts_s > float(getattr(rule, "min_dwell_s", 0.0))
            for rule in zone.rules
        )

    def _at(self, occurrence: Occurrence, at_m: tuple[float, float]) -> Place:
        """Return the place at a coordinate, on the thing that the type is bound to."""
        point = Point(at_m)
        world = self._world
        if not world.boundary.covers(point):
            west, south, east, north = world.boundary.bounds
            low, high = (world.frame.to_lat_lon(*c) for c in ((west, south), (east, north)))
            raise SimulationError(
                f"the place lies outside the park, {point.distance(world.boundary):.0f} m from "
                f"it; the park lies between {low[0]:.6f}, {low[1]:.6f} and "
                f"{high[0]:.6f}, {high[1]:.6f} (east {west:.0f} to {east:.0f} m, "
                f"north {south:.0f} to {north:.0f} m)"
            )
        if not occurrence.kind.bound:
            return Place("", PlaceKind.PARK, point)
        for kind in occurrence.kind.places:
            near = self._places.of_kind(kind)
            if not near:
                continue
            place = min(near, key=lambda one: one.shape.distance(point))
            near_m = 0.0 if isinstance(place.thing, Zone) else _NEAR_M
            if place.shape.distance(point) <= near_m:
                self._active(occurrence, (place,), (kind,))
                return replace(place, pinned_m=(point.x, point.y))
        raise SimulationError(
            f"{occurrence.stage.type} can only be in a place of the kind "
            f"{' or '.join(occurrence.kind.places)}, and there is none at this coordinate"
            f"{self._some_of(occurrence.kind.places)}"
        )

    def _some_of(self, kinds: Sequence[PlaceKind]) -> str:
        found = [place for kind in kinds for place in self._places.of_kind(kind)]
        ids = sorted({place.place_id for place in found})
        more = ", ..." if len(ids) > 5 else ""
        return f": {', '.join(ids[:5])}{more}" if ids else "; this park has none"

    def _draft(
        self,
        occurrence: Occurrence,
        place: Place,
        at_m: tuple[float, float],
        rng: np.random.Generator,
    ) -> Draft:
        stage, kind = occurrence.stage, occurrence.kind
        size_m = stage.size
        if size_m is None:
            low, high = kind.limits_m
            size_m = kind.size_m(stage.difficulty) * float(rng.uniform(0.85, 1.15))
            size_m = min(max(size_m, low, self._least_m(stage.type)), high)
        variant = stage.variant or (str(rng.choice(kind.variants)) if kind.variants else "")
        # What persists over days is one thing; what is repeated is a new one every day.
        thing_id = stage.id if stage.stays else occurrence.row_id
        return Draft(
            thing_id=thing_id,
            stage_id=stage.id,
            type=stage.type,
            world=self._world,
            places=self._places,
            weather=self._weather,
            place=place,
            at_m=at_m,
            begins=occurrence.begins,
            lasts_s=occurrence.lasts_s,
            size_m=size_m,
            count=stage.count or self._usual_count(kind),
            variant=variant,
            difficulty=stage.difficulty,
            rng=rng,
        )

    def _usual_count(self, kind: StageKind) -> int:
        """Return the usual number, or enough to be too many for every zone that counts."""
        if kind.count is None:
            return 1
        usual, most = kind.count
        limits = [
            rule.max_count + 3
            for zone in self._world.site.zones
            for rule in _rules_for(zone, kind.type)
            if isinstance(rule, PeopleLimit)
        ]
        return min(max(usual, *limits), most) if limits else usual

    def _least_m(self, type_id: str) -> float:
        """Return the size from which every zone that measures it would report it."""
        return max(
            (
                rule.min_length_m * 1.2
                for zone in self._world.site.zones
                for rule in _rules_for(zone, type_id)
                if isinstance(rule, Congestion)
            ),
            default=0.0,
        )

    def _check(self, occurrence: Occurrence, staging: Staging, others: Sequence[Staged]) -> None:
        ground = staging.footprint
        if not self._world.boundary.covers(ground):
            raise NoRoomError("reaches beyond the park's outline")
        for other in others:
            if other.staging.footprint.distance(ground) < _APART_M:
                told = other.occurrence
                raise NoRoomError(
                    f"overlaps the stage {told.stage.id!r} of line {told.line}, which is there "
                    f"from {told.begins:%H:%M:%S} to {told.ends:%H:%M:%S}"
                )
        if occurrence.kind.on is not On.ANY:
            blocker = self._ground.blocker(
                ground, on_road=occurrence.kind.on is On.ROAD, on_water=False
            )
            if blocker:
                raise NoRoomError(blocker)
        self._check_rules(occurrence, staging)

    def _check_rules(self, occurrence: Occurrence, staging: Staging) -> None:
        """Refuse a place where a rule other than the one that is meant would be broken too."""
        things = staging.show(0.0)
        people = sum(isinstance(thing, StagedPerson) for thing in things)
        classes = {t.actor.kind.value for t in things if isinstance(t, StagedVehicle)}
        if people:
            classes.add("person")
        if not classes:
            return
        for zone, area in self._zone_areas():
            if not area.intersects(staging.footprint):
                continue
            for rule in zone.rules:
                if isinstance(rule, VehicleLimit | Congestion):
                    continue
                if isinstance(rule, PeopleLimit) and people <= rule.max_count:
                    continue
                if isinstance(rule, NoParking) and occurrence.lasts_s <= rule.min_dwell_s:
                    continue
                broken = {
                    rule.incident_type(name)
                    for name in classes
                    if class_matches(name, rule.classes)
                } - {occurrence.stage.type}
                if broken and rule.active.is_active(occurrence.begins, self._zone):
                    raise NoRoomError(
                        f"would also be {sorted(broken)[0]} by rule {rule.rule_id} of zone "
                        f"{zone.id}"
                    )

    def _watching(self, occurrence: Occurrence) -> BaseGeometry | None:
        """Return the ground where a zone's rule reports the type; None where there is none."""
        wanted = occurrence.stage.type
        if not occurrence.kind.must_fire:
            return None
        if wanted not in self._watched:
            areas = [area for zone, area in self._zone_areas() if _rules_for(zone, wanted)]
            self._watched[wanted] = shapely.union_all(areas) if areas else None
        return self._watched[wanted]

    def _reports(self, rule: Rule, occurrence: Occurrence, draft: Draft) -> bool:
        """Return whether a rule would call what is staged by its type."""
        if occurrence.stage.type not in {rule.incident_type(name) for name in rule.classes}:
            return False
        if isinstance(rule, PeopleLimit) and draft.count <= rule.max_count:
            return False
        if isinstance(rule, Congestion) and draft.size_m < rule.min_length_m:
            return False
        if occurrence.lasts_s <= float(getattr(rule, "min_dwell_s", 0.0)):
            return False
        return rule.active.covers(occurrence.begins, occurrence.ends, self._zone)

    def _zone_areas(self) -> list[tuple[Zone, BaseGeometry]]:
        areas = self._world.site.zone_areas_m
        return [(zone, areas[zone.id]) for zone in self._world.site.zones]

    def _zone_of(self, occurrence: Occurrence, place: Place, draft: Draft, staging: Staging) -> str:
        """Return the zone whose rule reports what is staged; empty where none does."""
        if not occurrence.kind.must_fire:
            return ""
        if isinstance(place.thing, Zone) and place.kind in RULED_KINDS:
            return place.thing.id
        middle = staging.extent.centroid
        for zone, area in self._zone_areas():
            if area.covers(middle) and any(
                self._reports(rule, occurrence, draft) for rule in zone.rules
            ):
                return zone.id
        return ""


def _rules_for(zone: Zone, type_id: str) -> tuple[Rule, ...]:
    """Return the rules of a zone that report a type."""
    return tuple(
        rule
        for rule in zone.rules
        if any(rule.incident_type(name) == type_id for name in rule.classes)
    )


def _within(found: Sequence[Place], area: BaseGeometry | None) -> tuple[Place, ...]:
    """Return the parts of places that lie in an area; none when there are none."""
    if area is None:
        return ()
    parts = ((place, part) for place in found for part in _parts(place.shape.intersection(area)))
    return tuple(
        replace(place, shape=part)
        for place, part in parts
        if isinstance(part, Point | LineString | Polygon)
        and not part.is_empty
        and not (isinstance(part, Polygon) and part.area < _LEAST_M2)
    )


def _parts(shape: BaseGeometry) -> Sequence[BaseGeometry]:
    """Return the single points, lines and polygons that a geometry is made of."""
    return tuple(shape.geoms) if isinstance(shape, BaseMultipartGeometry) else (shape,)
