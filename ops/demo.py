"""The demo: the whole of parkwatch on a simulated park, from nothing to a page to look at.

A park is generated, a patrol planned through it, and incidents staged where it will pass. A
simulated copter flies the patrol by MAVLink, many times faster than real time, and is recorded
with a camera that draws the park. The recording is then processed like any other, and what was
found is held against what is true. The clock of the flight is that of the simulated day.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ops.demo_scenario import demo_scenario
from ops.drawn_camera import CameraAtWork, DrawnCamera
from ops.made_footage import MadeCameras
from ops.plan_motion import fly
from park.clock import SystemClock
from park.errors import FlightError
from park.records import CameraPose, Intrinsics
from sim_data.patrol_footage import (
    TrueFlight,
    noise_named,
    positions_in_view,
)

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from drone.records import FlightPlan
    from ops.flying import Flown
    from sim_data.camera import Renderer
    from sim_data.scenario import Scenario
    from sim_data.scenario.records import TruePosition
    from sim_data.world.life import Life
    from sim_data.world.records import World

KM2 = 1.0
SPEEDUPS = (1.0, 8.0)
"""Least and most times real time; what is flown is what this machine can draw the pictures of."""

CAMERAS = MadeCameras(fps=1.25)
"""A thing on the ground is in five or six pictures as the copter passes."""

NOISE = "rtk"
STARTS = datetime(2026, 9, 16, 10, 0)  # noqa: DTZ001 - the park's own time zone is put to it
"""When the simulated patrol takes off. The README's commands name this day."""

_LONGEST_S = 1500.0
_POSITIONS_S = 0.5 - 1e-6
_ALT_AGL_M = 60.0
_SPEED_MPS = 10.0
_MAX_LAG_S = 600.0
_LAST_S = 300.0
_STOP_S = 600.0
"""However busy this machine is, every picture is drawn, after the landing if need be."""

_TOLD_EVERY_S = 10.0
_BEHIND = 20
_TURN_S = 0.0003
_GROUND_FPS = 0.2
_DRAWING_SHARE = 0.8
"""Of the time of a core; the copter has the other."""


@dataclass(frozen=True, slots=True)
class DemoPark:
    """What the demo is about.

    Attributes:
        world: the park.
        life: who moves in it.
        plan: of the patrol.
        scenario: what is staged.
        site_path: the site file.
        out: the folder of all of it.
        expected: how it will be flown, about.
        renderer: draws it.
    """

    world: World
    life: Life
    plan: FlightPlan
    scenario: Scenario
    site_path: Path
    out: Path
    expected: TrueFlight
    renderer: Renderer

    @property
    def footage(self) -> Path:
        """The folder of what is recorded."""
        return self.out / "footage"


def _nothing(done: int, of: int) -> None:
    """Tell nobody."""


def _not_said(line: str) -> None:
    """Tell nobody."""


class DayClock(SystemClock):
    """The machine's clock, set to another day.

    Args:
        now: what it shows at first.
    """

    def __init__(self, now: datetime) -> None:
        self._apart = now - super().now()

    def now(self) -> datetime:
        """Return the time that it shows, UTC."""
        return super().now() + self._apart


def prepare_park(
    out: Path,
    seed: int,
    length_m: float | None = None,
    on_stage: Callable[[int, int], None] = _nothing,
) -> DemoPark:
    """Generate the park, plan the patrol, and stage what it will see.

    Args:
        out: folder; there already.
        seed: of the park and of everything staged.
        length_m: how much of the road is patrolled, the part next to the dock; None for all.
        on_stage: told how many of how many things have been given a place or not.

    Raises:
        SettingsError: the seed is not possible.
        RouteError: no patrol can be planned there.
    """
    from drone.planner import plan
    from drone.records import Vehicle
    from drone.route_request import RouteRequest
    from sim_data.camera import Renderer
    from sim_data.scenario import Scenario
    from sim_data.world.generate import generate_park
    from sim_data.world.life import Life

    world = generate_park(KM2, seed)
    text = world.site_geojson()
    site_path = out / "site.geojson"
    site_path.write_text(text, "utf-8")
    # Along one road, out on its one side and back on the other: what stands there is seen twice.
    options = {"sides": "both", "offset_m": 15, "alt_agl_m": _ALT_AGL_M}
    options |= {"speed_mps": _SPEED_MPS, "gimbal_pitch_deg": -90}
    way = _way(world, length_m)
    request = RouteRequest.from_words(world.site, "corridor", (), options, geometry=way)
    planned = plan(world.site, hashlib.sha256(text.encode()).hexdigest(), request)
    starts = STARTS.replace(tzinfo=ZoneInfo(world.site.boundary.time_zone))
    flight = fly(planned.sorties[0], Vehicle(), world.frame, starts)
    (camera,) = CAMERAS.listed(0.0)
    staged = demo_scenario(
        world, flight, camera.intrinsics(), starts, _LONGEST_S, seed, on_stage=on_stage
    )
    scenario_path = out / "scenario.yaml"
    scenario_path.write_text(staged, "utf-8")
    scenario = Scenario.load(scenario_path, world)
    life = Life(world, seed)
    renderer = Renderer(world, life=life, scenario=scenario, seed=seed)
    return DemoPark(world, life, planned, scenario, site_path, out, flight, renderer)


def draw_ground(park: DemoPark, on_picture: Callable[[int, int], None] = _nothing) -> float:
    """Have the ground along the patrol drawn once, so that pictures in flight are quick.

    Args:
        park: see `prepare_park`.
        on_picture: told how many of how many pictures are drawn.

    Returns:
        How many times real time this machine can fly and draw, within `SPEEDUPS`.
    """
    (camera,) = CAMERAS.listed(0.0)
    lens = camera.intrinsics()
    shown = [
        (park.expected.start + timedelta(seconds=float(at)), park.expected.pose(float(at)))
        for at in park.expected.picture_times_s(_GROUND_FPS)
    ]
    again = shown[::6]
    count = len(shown) + len(again)
    for number, (time, pose) in enumerate(shown, 1):
        park.renderer.rgb(pose, lens, time)
        on_picture(number, count)
    began_s = monotonic()
    for number, (time, pose) in enumerate(again, len(shown) + 1):
        park.renderer.rgb(pose, lens, time)
        on_picture(number, count)
    rate = len(again) / max(1e-6, monotonic() - began_s)
    least, most = SPEEDUPS
    return min(max(_DRAWING_SHARE * rate / CAMERAS.fps, least), most)


def _way(world: World, length_m: float | None) -> BaseGeometry:
    """Return the road nearest to the first dock, or the part of it nearest to the dock, WGS84."""
    import shapely
    from shapely.ops import substring

    site = world.site
    dock = site.frame.project_geometry(site.docks[0].geometry)
    lines = (site.frame.project_geometry(road.geometry) for road in site.roads)
    nearest = min(
        (part for line in lines for part in shapely.get_parts(line)),
        key=lambda line: line.distance(dock),
    )
    if length_m is not None and length_m < nearest.length:
        middle = nearest.project(dock)
        begin = min(max(0.0, middle - length_m / 2.0), nearest.length - length_m)
        nearest = substring(nearest, begin, begin + length_m)
    return site.frame.unproject_geometry(nearest)


def fly_patrol(park: DemoPark, *, speedup: float, say: Callable[[str], None] = _not_said) -> Flown:
    """Fly the patrol with the simulated copter, recorded, and write what is true about it.

    Args:
        park: see `prepare_park`.
        speedup: times real time.
        say: told what became of it.

    Raises:
        FlightError: it was not flown as planned.
        RecordingError: it cannot be recorded.
    """
    from drone.airspace import Airspace
    from drone.records import Vehicle, Wind
    from ops.flying import FlightWish, fly_sortie
    from ops.vehicle_source import VehicleSource
    from park.terrain import FlatTerrain
    from sim_data.scenario.truth import write_truth

    scenario, world = park.scenario, park.world
    noise = noise_named(NOISE)
    truth = _TruePositions(park)

    def drew(pose: CameraPose, lens: Intrinsics, time: datetime) -> None:
        truth.take(pose, lens, time)
        truth.tell_behind(drawn.due_after(time), say)

    camera = DrawnCamera(park.renderer, world.frame, CAMERAS, noise, scenario.seed, drew)
    drawn = CameraAtWork(camera, fps=CAMERAS.fps, max_lag_s=_MAX_LAG_S, last_s=_LAST_S)
    source = VehicleSource(None, speedup=speedup, seed=scenario.seed)
    wish = FlightWish(
        site=world.site,
        plan=park.plan,
        vehicle=Vehicle(),
        source=source,
        airspace=Airspace.of(world.site, FlatTerrain()),
        wind=Wind(),
        camera="sim",
        drawn=drawn,
        pose_sigma=noise.pose_sigma,
        stop_s=_STOP_S,
        footage=str(park.footage),
    )
    with _short_turns():
        flown = fly_sortie(wish, park.plan.sorties[0], DayClock(scenario.starts))
    if flown.result is None or not flown.result.as_planned:
        cause = "it was not flown" if flown.result is None else flown.result.cause
        raise FlightError(f"the demo's patrol did not go as planned: {cause}")
    lasted = _lasted(park, flown)
    ended = replace(scenario, lasts_s=lasted)
    write_truth(park.out, ended.truth(positions=truth.found))
    say(f"{truth.pictures} pictures of {lasted:.0f} s of flight")
    short = drawn.left_out + drawn.due_after(truth.newest)
    if short:
        say(f"{short} more could not be drawn in time: something else kept this machine busy, or "
            "--speedup is too high. What only they would have shown is missed")  # fmt: skip
    return flown


@contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads take turns more often than every 5 ms while the context lasts.

    Drawing gives its turn away in each of its hundreds of calls to OpenCV, and waits a whole turn
    of the threads that fly to get it back: pictures take twice the time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _lasted(park: DemoPark, flown: Flown) -> float:
    """Return for how long the patrol was recorded: what came after is nobody's business."""
    from park.patrol_format import read_manifest

    if flown.recording is None:
        return park.scenario.lasts_s
    manifest = read_manifest(str(flown.recording.folder))
    ended = manifest.ended_at or manifest.started_at
    return min(park.scenario.lasts_s, (ended - park.scenario.starts) / timedelta(seconds=1))


class _TruePositions:
    """Takes down where things are, twice a second of the flight.

    Attributes:
        last: when the last picture was taken of which that was taken down.
        newest: when the last picture was taken.
    """

    def __init__(self, park: DemoPark) -> None:
        self._park = park
        self.last: datetime | None = None
        self.newest: datetime | None = None
        self.found: list[TruePosition] = []
        self.pictures = 0
        self._told_s = monotonic()

    def tell_behind(self, due: int, say: Callable[[str], None]) -> None:
        """Say now and then how many pictures there are, where many more are due."""
        if due >= _BEHIND and monotonic() - self._told_s >= _TOLD_EVERY_S:
            self._told_s = monotonic()
            say(f"{self.pictures} pictures drawn, {due} to go")

    def take(self, pose: CameraPose, lens: Intrinsics, time: datetime) -> None:
        """Take down what a picture shows."""
        self.pictures += 1
        self.newest = time
        if self.last is not None and (time - self.last).total_seconds() < _POSITIONS_S:
            return
        self.last = time
        park = self._park
        self.found += positions_in_view(
            park.world.frame, park.life, park.scenario, pose, lens, time
        )
