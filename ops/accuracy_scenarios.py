"""Simulated patrols over staged incidents: made, looked through, and held against the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console_text
from ops.accuracy_code import DRAWING, LOOKING, SCORING, digest_of_code
from ops.accuracy_results import Results
from ops.app import App
from ops.made_footage import MadeCameras
from ops.simulated_days import SITE_NAME, DaysWish, make_days, pictures_of, simulated_park
from park.records import JsonValue

if TYPE_CHECKING:
    from sim_data.scenario.file import ScenarioPart
    from vision.models.registry import ModelFile

NIGHT = "night-thermal"
"""The shipped scenario that only heat shows."""

ROUTES = ("assets", "works-survey", "roads")
"""Of the simulated park, flown one after the other: between them all kinds of places are seen."""

ALT_AGL_M = 45.0
"""So low that a person is some ten pixels long in the colour pictures."""

RouteOptions = tuple[tuple[str, JsonValue], ...]
"""Names of options of a route, and their values."""

_HIGH_AGL_M = 110.0
"""So high that most car parks are in one picture."""

_STACKS_AGL_M = 90.0
_AT_STACKS: RouteOptions = (("classes", ["stack"]), ("dwell_s", 20), ("gimbal_pitch_deg", -30))
"""From above their mouths, and with these in the picture."""

_HEADS_AGL_M = 15.0
"""So low that a head is some 20 pixels wide."""

FPS = 2.0
"""As many pictures as `parkwatch reprocess` takes by itself."""

_BASELINE_FPS = 1.0
_NEEDS_HEAT = "overheating_equipment"
_HEAT_MODEL = "thermal"
_COLOUR_MODEL = "people"
_HAT_MODEL = "site-safety"

_BASELINE = """\
name: as-it-was
description: Nothing is staged; the day before, at noon.
patrol: {starts: 2026-05-10T12:00:00, lasts: 15 min}
"""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A scenario that comes with parkwatch.

    Attributes:
        weather: what its weather is called in the table; scenarios of one weather are put together.
        routes: along which it is flown, where no others are asked for.
        alt_agl_m: how high, where no other height is asked for.
        options: of these routes; none where others are asked for.
        models: names of shipped ones that look as well, whatever the height and the route.
    """

    weather: str
    routes: tuple[str, ...] = ROUTES
    alt_agl_m: float = ALT_AGL_M
    options: RouteOptions = ()
    models: tuple[str, ...] = ()


SHIPPED = {
    "clear-day": Shipped("clear"),
    "clear-fence": Shipped("clear", ("perimeter",)),
    "clear-high": Shipped("clear", ("roads",), _HIGH_AGL_M),
    "clear-low": Shipped("clear", ("hard-hats",), _HEADS_AGL_M, models=(_HAT_MODEL,)),
    "clear-stacks": Shipped("clear", ("points",), _STACKS_AGL_M, _AT_STACKS),
    "hazy": Shipped("haze"),
    "dusk": Shipped("dusk"),
    NIGHT: Shipped("night"),
    "look-alikes": Shipped("look-alikes"),
}
"""By name, in the order of the table."""


@dataclass(frozen=True, slots=True)
class RunWish:
    """One run: a scenario with a seed.

    Attributes:
        weather: what the weather is called; the scenario's name where it is not of `SHIPPED`.
        scenario: name of a shipped scenario, or a file.
        seed: of what it leaves to chance; None for its own.
        routes: flown one after the other; none in what several runs have in common, where each
            scenario is flown along its own.
        km2: size of the park.
        site_seed: of the park.
        width_px: of colour pictures.
        height_px: of colour pictures.
        alt_agl_m: height of the flights above the ground; 0 in what several runs have in common,
            where each scenario is flown at its own.
        fps: pictures a second.
        baseline: compares with the park as it was; without, nothing new can be found.
        heat_by_day: records heat by day as well, where something is staged that only heat tells.
        options: of the routes, besides their height.
        models: names of shipped ones that look as well.
    """

    weather: str
    scenario: str
    seed: int | None = None
    routes: tuple[str, ...] = ROUTES
    km2: float = 1.0
    site_seed: int = 7
    width_px: int = 1280
    height_px: int = 720
    alt_agl_m: float = ALT_AGL_M
    fps: float = FPS
    heat_by_day: bool = True
    baseline: bool = True
    options: RouteOptions = ()
    models: tuple[str, ...] = ()

    def cameras(self) -> MadeCameras:
        """Return what is recorded: colour by day; heat at night, and by day where it is needed."""
        from sim_data.scenario.file import read_scenario

        dark = self.scenario == NIGHT
        stages = read_scenario(self.scenario)[0].stages
        hot = self.heat_by_day and any(stage.type == _NEEDS_HEAT for stage in stages)
        return MadeCameras(not dark, dark or hot, self.width_px, self.height_px, fps=self.fps)


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What came of a run.

    Attributes:
        wish: the run.
        seed: of what was left to chance.
        about: of the scenario: description, start and weather.
        models: ids of the models that ran.
        frames: pictures that were looked at.
        score: JSON of the score, with `detection_errors`.
    """

    wish: RunWish
    seed: int
    about: dict[str, Any]
    models: tuple[str, ...]
    frames: int
    score: dict[str, Any]


def wished_runs(
    scenarios: Sequence[str], seeds: int, like: RunWish | None = None
) -> tuple[RunWish, ...]:
    """Return the runs of some scenarios, each with so many seeds: its own, and those after it.

    Args:
        scenarios: names of shipped ones, or files.
        seeds: how many runs of each.
        like: what they have in common besides; each is flown along its own routes, and at its
            own height, where it names none.

    Raises:
        SimulationError: there is no such scenario.
    """
    from sim_data.scenario.file import read_scenario

    like = like or RunWish("", "", routes=(), alt_agl_m=0.0)
    return tuple(
        replace(
            like,
            weather=shipped.weather,
            scenario=scenario,
            seed=part.seed + 1000 * number,
            routes=like.routes or shipped.routes,
            alt_agl_m=like.alt_agl_m or shipped.alt_agl_m,
            options=like.options if like.routes else shipped.options,
            models=like.models or shipped.models,
        )
        for scenario in scenarios
        for part in [read_scenario(scenario)[0]]
        for shipped in [SHIPPED.get(scenario, Shipped(part.name))]
        for number in range(seeds)
    )


def measure_run(
    app: App, wish: RunWish, results: Results, instead: Sequence[ModelFile] = ()
) -> RunFigures:
    """Make a run, or go on with it, or return what came of just that before.

    Args:
        app: opens tables and picks models.
        wish: the run.
        results: where footage, tables and results are kept.
        instead: models in place of the shipped ones of the same name.

    Raises:
        ParkwatchError: it cannot be made.
    """
    from sim_data.scenario.file import read_scenario

    part, _ = read_scenario(wish.scenario)
    facts = _footage_facts(wish)
    footage = _footage(wish, facts, results)
    models = _models(app, wish, instead)
    told: dict[str, JsonValue] = {
        **facts,
        "baseline": wish.baseline and wish.cameras().rgb,
        "weights": [model.sha256 for model in models],
        "eight_bit": [model.eight_bit_sha256 for model in models],
        "cards": [model.card.model_dump_json() for model in models],
        "looked by": digest_of_code(LOOKING),
    }
    scored = {**told, "scored by": digest_of_code(SCORING)}
    known = results.get("run", scored)
    if known is None:
        known = _looked_through(app, wish, footage, models, told, results)
        results.put("run", scored, known)
    frames = known["frames"]
    score = known["score"]
    assert isinstance(frames, int)
    assert isinstance(score, dict)
    return RunFigures(
        wish=wish,
        seed=part.seed if wish.seed is None else wish.seed,
        about=_about(part),
        models=tuple(model.model_id for model in models),
        frames=frames,
        score=score,
    )


def _about(part: ScenarioPart) -> dict[str, Any]:
    starts = part.patrol.starts
    return {
        "description": part.description,
        "starts": None if starts is None else starts.strftime("%H:%M"),
        "weather": part.weather.model_dump(),
    }


def _footage_facts(wish: RunWish) -> dict[str, JsonValue]:
    from sim_data.scenario.file import find_scenario
    from sim_data.world.generate import generate_park

    site = generate_park(wish.km2, wish.site_seed).site_geojson()
    cameras = wish.cameras()
    return {
        **_optional(wish),
        "scenario": _hash(find_scenario(wish.scenario).read_bytes()),
        "seed": wish.seed,
        "site": _hash(site.encode()),
        "routes": list(wish.routes),
        "alt_agl_m": wish.alt_agl_m,
        "cameras": [cameras.rgb, cameras.thermal, cameras.width_px, cameras.height_px, wish.fps],
        "drawn by": digest_of_code(DRAWING),
    }


def _optional(wish: RunWish) -> dict[str, JsonValue]:
    return {"options": dict(wish.options)} if wish.options else {}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _days(wish: RunWish, out: Path, scenario: str, cameras: MadeCameras) -> DaysWish:
    return DaysWish(
        scenario=scenario,
        out=out,
        km2=wish.km2,
        site_seed=wish.site_seed,
        routes=wish.routes,
        route_options={"alt_agl_m": wish.alt_agl_m, **dict(wish.options)},
        in_view=True,
        seed=wish.seed,
        cameras=cameras,
    )


def _footage(wish: RunWish, facts: dict[str, JsonValue], results: Results) -> Path:
    folder, filled = results.folder_for("footage", facts)
    if not filled:
        _draw(_days(wish, folder, wish.scenario, wish.cameras()))
        results.filled(folder, facts)
    return folder


def _draw(wish: DaysWish) -> None:
    progress = console_text.FrameProgress()
    with progress.shown():
        progress.phase("staging what the patrol will see")
        park = simulated_park(wish)
        progress.expect(pictures_of(park, wish.cameras))
        progress.phase("drawing")
        make_days(wish, park, lambda folder: progress.frames(1, str(folder)))


def _baseline(wish: RunWish, results: Results) -> Path:
    """Return the park as it was the day before; one for all scenarios over the same routes."""
    from ops.commands.baseline import build

    fps = min(_BASELINE_FPS, wish.fps)
    footage, drawn = _as_it_was(wish, fps, results)
    facts: dict[str, JsonValue] = {
        **drawn,
        "without": ["vehicles"],
        "built by": digest_of_code(LOOKING),
    }
    folder, filled = results.folder_for("baseline", facts)
    if not filled:
        folder.mkdir(parents=True)
        build(str(footage), folder / "baseline", gsd=0.1, fps=fps, without=["vehicles"])
        results.filled(folder, facts)
    return folder / "baseline"


def _as_it_was(wish: RunWish, fps: float, results: Results) -> tuple[Path, dict[str, JsonValue]]:
    """Return footage of the day before, and what decides it."""
    told = _footage_facts(wish)
    facts: dict[str, JsonValue] = {
        **_optional(wish),
        "as it was": _BASELINE,
        "site": told["site"],
        "routes": told["routes"],
        "alt_agl_m": wish.alt_agl_m,
        "camera": [wish.width_px, wish.height_px, fps],
        "drawn by": told["drawn by"],
    }
    folder, filled = results.folder_for("before", facts)
    if not filled:
        folder.mkdir(parents=True)
        scenario = folder / "scenario.yaml"
        scenario.write_text(_BASELINE, "utf-8")
        cameras = MadeCameras(True, False, wish.width_px, wish.height_px, fps=fps)
        _draw(_days(wish, folder / "footage", str(scenario), cameras))
        results.filled(folder, facts)
    return folder / "footage", facts


def _models(app: App, wish: RunWish, instead: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    """Return the models that run where none is named, those of people and heat, and more."""
    from vision.models.registry import resolve_model

    cameras = wish.cameras()
    chosen = list(app.models([])) if cameras.rgb else []
    asked = [(cameras.rgb, _COLOUR_MODEL), (cameras.thermal, _HEAT_MODEL)]
    asked += [(True, name) for name in wish.models]
    for wanted, name in asked:
        if wanted and all(model.card.name != name for model in chosen):
            chosen.append(resolve_model(name))
    given = {model.card.name: model for model in instead}
    return tuple(given.get(model.card.name, model) for model in chosen)


def _looked_through(
    app: App,
    wish: RunWish,
    footage: Path,
    models: Sequence[ModelFile],
    facts: dict[str, JsonValue],
    results: Results,
) -> dict[str, JsonValue]:
    """Process the footage into tables, and hold these against the truth."""
    from ops.commands.reprocess import run
    from ops.scoring import compare
    from pipelines.reprocess import ReprocessRequest
    from vision.footage import FootageOptions

    baseline = _baseline(wish, results) if facts["baseline"] else None
    site, site_hash = app.load_site(footage / SITE_NAME)
    folder, filled = results.folder_for("tables", facts)
    warehouse = str(folder / "warehouse")
    if not filled:
        folder.mkdir(parents=True)
        request = ReprocessRequest(
            sources=(str(footage),),
            site=site,
            site_hash=site_hash,
            models=tuple(models),
            footage=FootageOptions(
                sample_fps=wish.fps,
                time_zone=site.time_zone,
                takeoff_alt_amsl_m=site.takeoff_alt_amsl_m,
            ),
            baseline=baseline,
        )
        done = run(app, request, warehouse, evidence=False)
        results.filled(folder, {**facts, "frames": done.frames})
    compared = compare(app, warehouse, [footage], [str(footage)])
    score = compared.score.to_json()
    score["detection_errors"] = [
        [round(one.error_m, 3), round(one.observation.place.error_m, 3)]
        for one in compared.located
        if one.observation.place is not None
    ]
    return {"frames": results.filled_facts(folder).get("frames", 0), "score": score}
