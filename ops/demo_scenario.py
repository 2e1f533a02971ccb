"""The scenario of the demo: things staged where the planned patrol will see them.

A scenario leaves places to chance, and a short patrol passes most of a park by. Here places are
drawn by chance as well, as many as are needed, and those are kept that the camera will see: once,
or twice and far enough apart in time where a rule counts how long a vehicle stands.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray

from park.errors import SimulationError
from park.records import Intrinsics, JsonValue
from sim_data.camera.view import View
from sim_data.patrol_footage import TrueFlight
from sim_data.scenario.file import StagePart
from sim_data.scenario.kinds import stage_kind
from sim_data.scenario.staging import Occurrence, Stager
from sim_data.world.records import Weather, World

if TYPE_CHECKING:
    from sim_data.scenario import Scenario

_TRIES = 40
_APART_M = 25.0
_LEAST_VIEW_S = 3.0
_EDGE_PX = 60.0


@dataclass(frozen=True, slots=True)
class DemoStage:
    """Something that the demo stages.

    Attributes:
        type: an incident type or a look-alike.
        more: other values of the stage.
        seen_apart_s: it has to be seen again after so many seconds.
        tries: how many places are drawn.
    """

    type: str
    more: dict[str, JsonValue]
    seen_apart_s: float = 0.0
    tries: int = _TRIES


STAGES: tuple[DemoStage, ...] = (
    DemoStage("illegal_parking", {"variant": "car"}, 190.0, tries=120),
    DemoStage("illegal_parking", {"variant": "truck"}, 190.0, tries=120),
    DemoStage("vehicle_in_forbidden_zone", {"variant": "van"}),
    DemoStage("vehicle_in_forbidden_zone", {"variant": "truck"}),
    DemoStage("open_flame", {"difficulty": "easy"}),
    DemoStage("smoke", {"difficulty": "easy"}),
    DemoStage("person_in_restricted_zone", {"count": 2}),
    DemoStage("gathering", {"difficulty": "easy"}),
    # Filling a car park takes a while for each try.
    DemoStage("too_many_vehicles", {}, tries=10),
    DemoStage("bare_soil", {"variant": "soil", "difficulty": "easy"}),
    DemoStage("dumped_rubbish", {"difficulty": "easy"}),
    DemoStage("steam", {"difficulty": "easy"}),
    DemoStage("red_roof", {}),
    DemoStage("covered_stockpile", {}),
    DemoStage("waiting_car", {}),
    DemoStage("worker_with_hat", {}),
)
"""What is staged, as far as the park has a place for it on the patrol's way."""

WEATHER: dict[str, JsonValue] = {
    "wind_from_deg": 310,
    "wind_mps": 3,
    "visibility_m": 20000,
    "cloud_share": 0.2,
    "air_c": 22,
}


def demo_scenario(
    world: World,
    flight: TrueFlight,
    lens: Intrinsics,
    starts: datetime,
    lasts_s: float,
    seed: int,
    *,
    on_stage: Callable[[int, int], None],
) -> str:
    """Return the text of a scenario file whose things the patrol will see.

    Args:
        world: the park.
        flight: how the patrol will fly.
        lens: of its camera.
        starts: when it takes off.
        lasts_s: for how long things are there.
        seed: of the places.
        on_stage: told how many of how many things have been given a place or not.
    """
    sight = _Sight(world, flight, lens)
    stager = Stager(world, Weather(**WEATHER), seed)
    stages: list[dict[str, JsonValue]] = []
    taken: list[tuple[float, float]] = []
    for number, wanted in enumerate(STAGES, 1):
        stage_id = f"{wanted.type.replace('_', '-')}-{number}"
        for at in _places(stager, wanted, sight, taken, starts, lasts_s):
            lat_deg, lon_deg = world.frame.to_lat_lon(*at)
            stage: dict[str, JsonValue] = {
                "id": stage_id,
                "type": wanted.type,
                "place": {"lat": round(lat_deg, 7), "lon": round(lon_deg, 7)},
                **wanted.more,
            }
            if _loads(world, _text([*stages, stage], starts, lasts_s, seed)) is not None:
                stages.append(stage)
                taken.append(at)
                break
        on_stage(number, len(STAGES))
    return _text(stages, starts, lasts_s, seed)


def _places(
    stager: Stager,
    wanted: DemoStage,
    sight: _Sight,
    taken: Sequence[tuple[float, float]],
    starts: datetime,
    lasts_s: float,
) -> Iterator[tuple[float, float]]:
    """Yield places of a type that will be seen, the longest in view first."""
    found: list[tuple[float, float]] = []
    kind = stage_kind(wanted.type)
    ends = starts + timedelta(seconds=lasts_s)
    for number in range(wanted.tries):
        stage = StagePart.model_validate(
            {"id": f"drawn-{number}", "type": wanted.type, **wanted.more}
        )
        try:
            put = stager.put(Occurrence(stage, kind, 0, 1, starts, ends, stage.id), ())
        except SimulationError:
            # The park has no room for one of these.
            break
        middle = put.staging.extent.centroid
        found.append((middle.x, middle.y))
    if not found:
        return
    places = np.array(found)
    seen_s, span_s = sight.of(places)
    order = np.argsort(-seen_s, kind="stable")
    for index in order:
        at = (float(places[index, 0]), float(places[index, 1]))
        near = any(np.hypot(at[0] - e, at[1] - n) < _APART_M for e, n in taken)
        if seen_s[index] >= _LEAST_VIEW_S and span_s[index] >= wanted.seen_apart_s and not near:
            yield at


class _Sight:
    """When the camera of a flight sees places on the ground, second by second."""

    def __init__(self, world: World, flight: TrueFlight, lens: Intrinsics) -> None:
        times = flight.picture_times_s(1.0)
        self._times = times
        self._lens = lens
        self._views = [View.of(world.frame, flight.pose(float(t)), lens) for t in times]

    def of(self, places_m: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return for how many seconds each place is seen, and from first to last time."""
        points = np.column_stack([places_m, np.zeros(len(places_m))])
        size = np.array([self._lens.width_px, self._lens.height_px]) - _EDGE_PX
        seen = np.zeros((len(self._views), len(points)), bool)
        for index, view in enumerate(self._views):
            pixels, depth = view.project(points)
            seen[index] = (depth > 1.0) & (pixels > _EDGE_PX).all(1) & (pixels < size).all(1)
        span = np.zeros(len(points))
        for index in range(len(points)):
            at = self._times[seen[:, index]]
            span[index] = at[-1] - at[0] if len(at) else 0.0
        return seen.sum(axis=0).astype(np.float64), span


def _text(
    stages: Sequence[dict[str, JsonValue]], starts: datetime, lasts_s: float, seed: int
) -> str:
    return yaml.safe_dump(
        {
            "name": "demo",
            "description": "Staged where the demo's patrol passes; simulated.",
            "seed": seed,
            "patrol": {"starts": starts.isoformat(), "lasts": lasts_s},
            "weather": WEATHER,
            "stages": list(stages),
        },
        sort_keys=False,
        allow_unicode=True,
    )


def _loads(world: World, text: str) -> Scenario | None:
    """Return the scenario that a text stages; None where it cannot be staged."""
    from sim_data.scenario import Scenario

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        path.write_text(text, "utf-8")
        try:
            return Scenario.load(path, world)
        except SimulationError:
            return None
