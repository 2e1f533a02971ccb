"""Days of footage of a simulated park in which a scenario is staged, with what is true about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ops.made_footage import Draws, MadeCameras, MadePatrol, Seen, frames_of, write_patrol
from ops.plan_motion import fly
from park.errors import SettingsError
from sim_data.patrol_footage import (
    SensorNoise,
    TrueFlight,
    noise_named,
    positions_in_view,
)

if TYPE_CHECKING:
    from sim_data.scenario import Scenario
    from sim_data.scenario.records import TruePosition
    from sim_data.world.life import Life
    from sim_data.world.records import World

SITE_NAME = "site.geojson"
TURNAROUND_S = 300.0
"""Between two sorties of one patrol the battery is changed."""

_POSITIONS_PER_S = 2.0


@dataclass(frozen=True, slots=True)
class DaysWish:
    """What footage is wanted.

    Attributes:
        scenario: a file, or the name of a shipped scenario.
        out: folder for all of it; must be empty or not there.
        km2: size of the park.
        site_seed: of the park.
        routes: ids of its routes, or purposes, flown one after the other.
        route_options: of each route, by name.
        in_view: what the scenario leaves to chance is put where the flights will see it.
        days: how many; None for as many as the scenario says.
        seed: of what the scenario leaves to chance, and of errors; None for the scenario's own.
        cameras: what is recorded.
        noise: one of `sim_data.patrol_footage.NOISES`.
    """

    scenario: str
    out: Path
    km2: float = 1.0
    site_seed: int = 7
    routes: tuple[str, ...] = ("works-survey",)
    route_options: Mapping[str, object] = field(default_factory=dict)
    days: int | None = None
    seed: int | None = None
    cameras: MadeCameras = field(default_factory=MadeCameras)
    noise: str = "rtk"
    in_view: bool = False


@dataclass(frozen=True, slots=True)
class PlannedFlight:
    """A flight of the first day.

    Attributes:
        route_id: what it flies along.
        flight: where copter and camera are.
    """

    route_id: str
    flight: TrueFlight


@dataclass(frozen=True, slots=True)
class SimulatedPark:
    """A park with its life, a scenario, and the flights through it.

    Attributes:
        world: the park.
        life: who moves in it.
        scenario: what is staged.
        flights: of the first day, one for each sortie of each route.
    """

    world: World
    life: Life
    scenario: Scenario
    flights: tuple[PlannedFlight, ...]

    def flights_of(self, day: int) -> tuple[PlannedFlight, ...]:
        """Return the flights of a day, from 1: those of the first, at their times."""
        return _starting(
            self.flights, self.scenario.patrol_starts(1), self.scenario.patrol_starts(day)
        )


@dataclass(frozen=True, slots=True)
class DaysMade:
    """What was made.

    Attributes:
        out: the folder.
        site_path: the site file in it.
        folders: of the patrols.
        truth: the truth tables.
        pictures: how many.
        scenario: what was staged.
    """

    out: Path
    site_path: Path
    folders: tuple[Path, ...]
    truth: tuple[Path, ...]
    pictures: int
    scenario: Scenario


def simulated_park(wish: DaysWish) -> SimulatedPark:
    """Generate the park, plan the route, and stage the scenario for as long as it takes.

    Raises:
        SettingsError: the park cannot be made as wanted.
        SimulationError: the scenario is wrong.
        RouteError: the route cannot be flown.
    """
    from sim_data.scenario import Scenario
    from sim_data.scenario.file import read_scenario
    from sim_data.sight import Sight
    from sim_data.world.generate import generate_park
    from sim_data.world.life import Life

    stated, _ = read_scenario(wish.scenario)
    world = generate_park(wish.km2, wish.site_seed)
    flights = _planned(wish, world)
    last = flights[-1].flight
    lasts_s = (last.start - world.start).total_seconds() + last.duration_s
    lasts_s = max(stated.patrol.lasts, math.ceil(lasts_s))

    def staged(seen: Sight | None) -> Scenario:
        return Scenario.load(
            wish.scenario, world, seed=wish.seed, lasts_s=lasts_s, days=wish.days, seen=seen
        )

    scenario = staged(None)
    flights = _starting(flights, world.start, scenario.patrol_starts(1))
    if wish.in_view:
        lens = wish.cameras.listed(0.0)[0].intrinsics()
        scenario = staged(Sight(world.frame, [one.flight for one in flights], lens))
    return SimulatedPark(world, Life(world, scenario.seed), scenario, flights)


def _planned(wish: DaysWish, world: World) -> tuple[PlannedFlight, ...]:
    """Return the flights along the routes, one after the other, from the world's start on."""
    from drone.planner import plan
    from drone.records import Vehicle
    from drone.route_request import RouteRequest

    flights: list[PlannedFlight] = []
    after_s = 0.0
    for route in wish.routes:
        request = RouteRequest.from_words(world.site, route, (), wish.route_options)
        planned = plan(
            world.site, _hash_of(world), request, vehicle=Vehicle(), dock_id=request.options.dock
        )
        for sortie in planned.sorties:
            start = world.start + timedelta(seconds=after_s)
            flight = fly(sortie, Vehicle(), world.frame, start)
            flights.append(PlannedFlight(planned.route.route_id, flight))
            after_s += flight.duration_s + TURNAROUND_S
    return tuple(flights)


def _starting(
    flights: Sequence[PlannedFlight], first: datetime, then: datetime
) -> tuple[PlannedFlight, ...]:
    """Return flights that were timed from one moment, timed from another."""
    return tuple(
        replace(one, flight=replace(one.flight, start=then + (one.flight.start - first)))
        for one in flights
    )


def _hash_of(world: World) -> str:
    import hashlib

    return hashlib.sha256(world.site_geojson().encode()).hexdigest()


def pictures_of(park: SimulatedPark, cameras: MadeCameras) -> int:
    """Return how many pictures all days come to."""
    return frames_of([one.flight for one in park.flights], cameras) * park.scenario.days


def make_days(
    wish: DaysWish,
    park: SimulatedPark,
    on_picture: Callable[[Path], None],
    renderer: Draws | None = None,
) -> DaysMade:
    """Draw and write the footage of all days, the site file and the truth.

    Args:
        wish: what is wanted.
        park: from `simulated_park` of the same wish.
        on_picture: told of each picture with the folder of its patrol.
        renderer: draws; that of the park when None.

    Raises:
        SettingsError: the folder has something in it.
        RecordingError: it cannot be written.
    """
    from sim_data.camera import Renderer
    from sim_data.scenario.truth import write_truth

    need_empty(wish.out)
    noise = noise_named(wish.noise)
    scenario = park.scenario
    # The ground is the park's: drawn anew for each scenario it would differ from its baseline.
    renderer = renderer or Renderer(
        park.world, life=park.life, scenario=scenario, seed=wish.site_seed
    )
    wish.out.mkdir(parents=True, exist_ok=True)
    site_path = wish.out / SITE_NAME
    site_path.write_text(park.world.site_geojson(), "utf-8")
    positions: list[TruePosition] = []
    folders: list[Path] = []
    pictures = 0
    for day in range(1, scenario.days + 1):
        for number, planned in enumerate(park.flights_of(day), 1):
            patrol = _patrol(wish, park, noise, planned, day, number)
            folders.append(patrol.folder)
            truth = _Positions(park, wish.cameras)

            def drawn(seen: Seen, truth: _Positions = truth, at: Path = patrol.folder) -> None:
                truth.take(seen)
                on_picture(at)

            write_patrol(patrol, renderer, drawn)
            pictures += truth.pictures
            positions += truth.found
    truth_files = write_truth(wish.out, scenario.truth(positions=positions))
    return DaysMade(wish.out, site_path, tuple(folders), truth_files, pictures, scenario)


def _patrol(
    wish: DaysWish,
    park: SimulatedPark,
    noise: SensorNoise,
    planned: PlannedFlight,
    day: int,
    number: int,
) -> MadePatrol:
    flight = planned.flight
    name = f"{planned.route_id}-{flight.start:%Y%m%d}-{number}"
    return MadePatrol(
        folder=wish.out / name,
        site=park.world.site.id,
        patrol_id=f"{park.world.site.id}-{name}",
        flight=flight,
        cameras=wish.cameras,
        noise=noise,
        seed=park.scenario.seed * 1009 + day * 31 + number,
        route=planned.route_id,
    )


def need_empty(out: Path) -> None:
    """Refuse a folder that has something in it.

    Raises:
        SettingsError: it has, or it is a file.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out} exists and is not an empty folder; name another --out")


class _Positions:
    """Takes down where things are, twice a second, from the pictures of the first camera."""

    def __init__(self, park: SimulatedPark, cameras: MadeCameras) -> None:
        self._park = park
        self._camera_id = "rgb" if cameras.rgb else "thermal"
        self._last: datetime | None = None
        self.found: list[TruePosition] = []
        self.pictures = 0

    def take(self, seen: Seen) -> None:
        self.pictures += 1
        if seen.camera.camera_id != self._camera_id:
            return
        apart = timedelta(seconds=1.0 / _POSITIONS_PER_S - 1e-6)
        if self._last is not None and seen.time - self._last < apart:
            return
        self._last = seen.time
        park = self._park
        self.found += positions_in_view(
            park.world.frame, park.life, park.scenario, seen.pose, seen.lens, seen.time
        )
