"""A scenario in a park: what is staged at a moment, and what is true about all of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from park.errors import SimulationError
from park.records import JsonValue
from park.taxonomy import incident_type
from sim_data.scenario.file import ScenarioPart, StagePart, read_scenario, told_mistakes
from sim_data.scenario.kinds import StageKind, stage_kind
from sim_data.scenario.records import (
    StagedPerson,
    StagedThing,
    StagedVehicle,
    TruePosition,
    TruthRow,
)
from sim_data.scenario.shapes import box
from sim_data.scenario.staging import Occurrence, Seen, Staged, Stager
from sim_data.scenario.truth import Truth
from sim_data.scenario.yaml_lines import LinedYaml
from sim_data.world.records import Weather, World
from sim_data.world.scene import PersonActor, Scene, VehicleActor

_CLOSE_M = 0.3
_LONGEST_M = 14.0
_Actor = TypeVar("_Actor", VehicleActor, PersonActor)


@dataclass(frozen=True)
class Scenario:
    """What is staged in a park, during one patrol or on many days.

    Attributes:
        name: what it is called.
        description: what it is for.
        seed: decides what the file leaves to chance.
        world: the park.
        weather: the air.
        starts: when the patrol of the first day begins, in the site's time zone.
        lasts_s: how long each patrol is, seconds.
        days: on how many days one is flown, each at the same time of day.
        staged: everything staged, in the order of the file and of the days.
    """

    name: str
    description: str
    seed: int
    world: World
    weather: Weather
    starts: datetime
    lasts_s: float
    days: int
    staged: tuple[Staged, ...]

    @classmethod
    def load(
        cls,
        path: str | Path,
        world: World,
        *,
        seed: int | None = None,
        starts: datetime | None = None,
        lasts_s: float | None = None,
        days: int | None = None,
        seen: Seen | None = None,
    ) -> Self:
        """Read a scenario file and put it into a park.

        Args:
            path: the file, or the name of a shipped scenario.
            world: the park.
            seed: instead of the file's.
            starts: when the patrol of the first day begins, instead of the file's time.
            lasts_s: how long each patrol is, instead of the file's.
            days: on how many days one is flown, instead of the file's.
            seen: what is left to chance is put where this sees it, as far as possible.

        Raises:
            SimulationError: the file is wrong, or something cannot be staged as it says; every
                mistake with its line and with what would be valid.
        """
        part, lined = read_scenario(path)
        zone = ZoneInfo(world.site.boundary.time_zone)
        first = starts or part.patrol.starts or world.start
        first = first.replace(tzinfo=zone) if first.utcoffset() is None else first.astimezone(zone)
        empty = cls(
            name=part.name,
            description=part.description,
            seed=part.seed if seed is None else seed,
            world=world,
            weather=part.weather.weather(),
            starts=first,
            lasts_s=part.patrol.lasts if lasts_s is None else lasts_s,
            days=part.patrol.days if days is None else days,
            staged=(),
        )
        return replace(empty, staged=_put_all(empty, part, lined, seen))

    def patrol_starts(self, day: int) -> datetime:
        """Return when the patrol of a day begins.

        Args:
            day: number of the day, from 1 to `days`.

        Raises:
            SimulationError: the scenario has no such day.
        """
        if not 1 <= day <= self.days:
            raise SimulationError(f"scenario {self.name} has days 1 to {self.days}, not {day}")
        # Adding to a local time keeps the time of day when clocks are put forward.
        return self.starts + timedelta(days=day - 1)

    def patrol_ends(self, day: int) -> datetime:
        """Return when the patrol of a day ends."""
        return _after(self.patrol_starts(day), self.lasts_s)

    def staged_at(self, time: datetime) -> tuple[StagedThing, ...]:
        """Return what is staged at a moment, worked out for that moment."""
        return tuple(
            thing
            for one in self.staged
            if one.occurrence.begins <= time <= one.occurrence.ends
            for thing in one.staging.show((time - one.occurrence.begins).total_seconds())
        )

    def kept_clear_at(self, time: datetime) -> tuple[BaseGeometry, ...]:
        """Return the ground that staged things take at a moment, metres of the world's frame.

        Nobody of the usual life is there: else traffic would drive through a queue.
        """
        return tuple(
            one.staging.kept_clear or one.staging.footprint
            for one in self.staged
            if one.staging.solid_on_ground and one.occurrence.begins <= time <= one.occurrence.ends
        )

    def joined(self, scene: Scene) -> Scene:
        """Return a scene of the usual life with staged vehicles and people in it.

        Who would stand in something staged is left out.
        """
        things = self.staged_at(scene.time)
        clear = self.kept_clear_at(scene.time)
        vehicles, people = scene.vehicles, scene.people
        if clear:
            tree = shapely.STRtree([area.buffer(_CLOSE_M) for area in clear])
            vehicles = tuple(_elsewhere(tree, vehicles, _hits_vehicle))
            people = tuple(_elsewhere(tree, people, _hits_person))
        return Scene(
            scene.time,
            (*vehicles, *(one.actor for one in things if isinstance(one, StagedVehicle))),
            (*people, *(one.actor for one in things if isinstance(one, StagedPerson))),
        )

    def truth_rows(self, day: int | None = None) -> tuple[TruthRow, ...]:
        """Return what the system should have said, and what it should not.

        What stays for several days has a row for each day: incidents are counted by day. Times
        are cut to those of the day's patrol.

        Args:
            day: only that of one day; of all when None.
        """
        days = range(1, self.days + 1) if day is None else (day,)
        rows = [
            row
            for number in days
            for one in self.staged
            if one.occurrence.begins <= self.patrol_ends(number)
            and one.occurrence.ends >= self.patrol_starts(number)
            for row in self._rows(one, number)
        ]
        return tuple(sorted(rows, key=lambda row: (row.first_time, row.truth_id)))

    def truth(self, *, day: int | None = None, positions: Sequence[TruePosition] = ()) -> Truth:
        """Return the truth tables of one day, or of all, to be written beside the footage."""
        about: dict[str, JsonValue] = {
            "simulated": True,
            "scenario": self.name,
            "description": self.description,
            "seed": self.seed,
            "site": self.world.site.id,
            "park_seed": self.world.seed,
            "park_km2": self.world.km2,
            "patrols": [
                {
                    "day": number,
                    "starts": self.patrol_starts(number).isoformat(),
                    "ends": self.patrol_ends(number).isoformat(),
                }
                for number in (range(1, self.days + 1) if day is None else (day,))
            ],
        }
        return Truth(self.truth_rows(day), about, tuple(positions))

    def _rows(self, one: Staged, day: int) -> list[TruthRow]:
        staging = one.staging
        row_id = _row_id(one.occurrence.stage.id, day, self.days)
        if len(staging.apart) < 2:
            return [self._row(one, day, row_id, staging.extent, staging.object_ids)]
        return [
            self._row(one, day, f"{row_id}.{number}", extent, (object_id,))
            for number, (object_id, extent) in enumerate(staging.apart, 1)
        ]

    def _row(
        self,
        one: Staged,
        day: int,
        row_id: str,
        extent: BaseGeometry,
        object_ids: tuple[str, ...],
    ) -> TruthRow:
        stage, kind = one.occurrence.stage, one.occurrence.kind
        first = max(one.occurrence.begins, self.patrol_starts(day))
        last = min(one.occurrence.ends, self.patrol_ends(day))
        around = shapely.minimum_bounding_circle(extent)
        middle = around.centroid
        lat_deg, lon_deg = self.world.frame.to_lat_lon(middle.x, middle.y)
        measure = one.staging.measure
        if measure is None:
            measure = (last - first).total_seconds()
        return TruthRow(
            truth_id=row_id,
            type=stage.type,
            must_fire=kind.must_fire,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            extent_m=math.sqrt(around.area / math.pi),
            first_time=first.astimezone(UTC),
            last_time=last.astimezone(UTC),
            measure=float(measure),
            unit=incident_type(stage.type).unit.value if kind.must_fire else "",
            difficulty=stage.difficulty,
            zone_id=one.zone_id,
            object_ids=object_ids,
        )


def _elsewhere(
    tree: shapely.STRtree, actors: Sequence[_Actor], hits: Callable[[shapely.STRtree, _Actor], bool]
) -> list[_Actor]:
    """Return the actors that stand in nothing of the tree."""
    if not actors:
        return []
    # All at once for those that are near anything at all: that is a few of hundreds.
    points = shapely.points([(one.east_m, one.north_m) for one in actors])
    near = set(tree.query(points, "dwithin", _LONGEST_M / 2)[0].tolist())
    return [one for i, one in enumerate(actors) if i not in near or not hits(tree, one)]


def _hits_vehicle(tree: shapely.STRtree, one: VehicleActor) -> bool:
    shape = box((one.east_m, one.north_m), one.heading_deg, one.length_m, one.width_m)
    return bool(len(tree.query(shape, "intersects")))


def _hits_person(tree: shapely.STRtree, one: PersonActor) -> bool:
    return bool(len(tree.query(Point(one.east_m, one.north_m), "intersects")))


def _row_id(stage_id: str, day: int, days: int) -> str:
    return stage_id if days == 1 else f"{stage_id}@{day}"


def _put_all(
    empty: Scenario, part: ScenarioPart, lined: LinedYaml, seen: Seen | None = None
) -> tuple[Staged, ...]:
    """Return everything staged.

    Raises:
        SimulationError: something cannot be staged; all mistakes, a line each.
    """
    mistakes: list[tuple[int, str]] = []
    occurrences: list[tuple[int, Occurrence]] = []
    known: dict[str, int] = {}
    for number, stage in enumerate(part.stages):
        line = lined.line(("stages", number))
        if stage.id in known:
            mistakes.append(
                (lined.line(("stages", number, "id")),
                 f"two stages have the id {stage.id!r}; the first is on line {known[stage.id]}")
            )  # fmt: skip
            continue
        known[stage.id] = line
        try:
            kind = stage_kind(stage.type)
        except SimulationError as error:
            mistakes.append((lined.line(("stages", number, "type")), str(error)))
            continue
        wrong = _wrong_values(stage, kind)
        mistakes += [(lined.line(("stages", number, key)), told) for key, told in wrong.items()]
        try:
            found = () if wrong else _occurrences(empty, stage, kind, line)
        except _StageError as error:
            mistakes.append((lined.line(("stages", number, error.key)), str(error)))
            continue
        occurrences += [(number, one) for one in found]
    staged, unplaced = _place(empty, occurrences, lined, seen)
    if mistakes or unplaced:
        raise SimulationError(told_mistakes(lined, [*mistakes, *unplaced]))
    return staged


def _place(
    empty: Scenario,
    occurrences: Sequence[tuple[int, Occurrence]],
    lined: LinedYaml,
    seen: Seen | None,
) -> tuple[tuple[Staged, ...], list[tuple[int, str]]]:
    """Return everything in its place: what has a place of its own first, chance around it."""
    stager = Stager(empty.world, empty.weather, empty.seed, seen=seen)
    mistakes: list[tuple[int, str]] = []
    put: dict[int, Staged] = {}

    def chance(index: int) -> bool:
        place = occurrences[index][1].stage.place
        return place is None or place.anywhere_in is not None

    for index in sorted(range(len(occurrences)), key=lambda i: (chance(i), i)):
        number, occurrence = occurrences[index]
        try:
            put[index] = stager.put(occurrence, tuple(put.values()))
        except SimulationError as error:
            mistakes.append((lined.line(("stages", number, "place")), str(error)))
    return tuple(put[index] for index in sorted(put)), mistakes


class _StageError(Exception):
    """A stage cannot be at its time; `key` is what is wrong in the file."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _wrong_values(stage: StagePart, kind: StageKind) -> dict[str, str]:
    """Return what is wrong with a stage's own values, by key."""
    wrong: dict[str, str] = {}
    low, high = kind.limits_m
    if stage.size is not None and not low <= stage.size <= high:
        wrong["size"] = (
            f"size {stage.size:g} m of {kind.type} ({kind.size}) is not {low:g} to {high:g}"
        )
    if stage.count is not None and kind.count is None:
        wrong["count"] = f"{kind.type} is a single thing; leave count out"
    if stage.count is not None and kind.count is not None and stage.count > kind.count[1]:
        wrong["count"] = f"count {stage.count} of {kind.type} is above {kind.count[1]}"
    if stage.variant is not None and stage.variant not in kind.variants:
        known = ", ".join(kind.variants) or "none; leave it out"
        wrong["variant"] = f"{kind.type} has no variant {stage.variant!r}; there are: {known}"
    return wrong


def _occurrences(
    empty: Scenario, stage: StagePart, kind: StageKind, line: int
) -> tuple[Occurrence, ...]:
    """Return each time that a stage is staged.

    Raises:
        _StageError: it would be outside the patrols.
    """
    days = stage.days or tuple(range(1, empty.days + 1))
    days = tuple(day for day in days if day <= empty.days)
    if isinstance(stage.begins, datetime):
        days = (_day_of(empty, stage.begins),)
    elif not 0.0 <= stage.begins < empty.lasts_s:
        when = "before the patrol starts" if stage.begins < 0 else "after the patrol has ended"
        raise _StageError(
            "begins",
            f"begins {stage.begins:g} s is {when}; valid is 0 to {empty.lasts_s:g} s after its "
            f"start at {empty.starts.isoformat()}",
        )
    if stage.stays:
        days = days[:1]
    return tuple(_occurrence(empty, stage, kind, line, day) for day in days)


def _occurrence(
    empty: Scenario, stage: StagePart, kind: StageKind, line: int, day: int
) -> Occurrence:
    if isinstance(stage.begins, datetime):
        begins = _aware(empty, stage.begins)
    else:
        begins = _after(empty.patrol_starts(day), stage.begins)
    over = empty.patrol_ends(empty.days if stage.stays else day)
    ends = over if stage.lasts is None else _after(begins, stage.lasts)
    if not stage.stays and ends > over:
        raise _StageError(
            "lasts",
            f"it would last {(ends - over).total_seconds():g} s longer than the patrol, which ends "
            f"at {over.isoformat()}; at most {(over - begins).total_seconds():g} s are left for "
            "it, or say stays: true",
        )
    if (ends - begins).total_seconds() < kind.least_s:
        raise _StageError("lasts", f"{kind.type} must last {kind.least_s:g} s or longer")
    row_id = _row_id(stage.id, day, empty.days)
    return Occurrence(stage, kind, line, day, begins, ends, row_id)


def _day_of(empty: Scenario, begins: datetime) -> int:
    moment = _aware(empty, begins)
    for day in range(1, empty.days + 1):
        if empty.patrol_starts(day) <= moment < empty.patrol_ends(day):
            return day
    first, last = empty.patrol_starts(1), empty.patrol_ends(empty.days)
    when = "before the patrol starts" if moment < first else "after the patrol has ended"
    if first <= moment < last:
        when = "between two patrols"
    raise _StageError(
        "begins",
        f"begins {moment.isoformat()} is {when}; valid is {first.isoformat()} to "
        f"{empty.patrol_ends(1).isoformat()}" + (" and the same on later days" * (empty.days > 1)),
    )


def _aware(empty: Scenario, moment: datetime) -> datetime:
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=empty.starts.tzinfo)


def _after(moment: datetime, seconds: float) -> datetime:
    """Return a moment that many seconds later, whatever clocks do meanwhile."""
    return (moment.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(moment.tzinfo)
