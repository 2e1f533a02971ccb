"""Measures every detector and every incident type, step by step, and gathers what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ops.accuracy_models import LabelledSet, ModelFigures, chosen_models, labelled_sets
from ops.accuracy_models import measure_model as on_labels
from ops.accuracy_photos import PHOTOS, PhotoFigures, PhotoSet
from ops.accuracy_photos import measure_photos as on_photos
from ops.accuracy_results import Results
from ops.accuracy_scenarios import (
    SHIPPED,
    RunFigures,
    RunWish,
    measure_run,
    wished_runs,
)
from ops.app import App
from park.errors import ParkwatchError, SettingsError

if TYPE_CHECKING:
    from vision.models.registry import ModelFile

MODELS, PHOTO_DETECTORS, SCENARIOS = "models", "photos", "scenarios"
GROUPS = (MODELS, PHOTO_DETECTORS, SCENARIOS)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccuracyWish:
    """What is to be measured.

    Attributes:
        data: folder of all labelled datasets; None for none.
        work: folder where results are kept.
        only: groups (`GROUPS`), models and scenarios by name; empty for all.
        scenarios: scenario files on top of the shipped ones.
        models: weights in place of the shipped ones of the same name.
        seeds: runs of each scenario.
        like: what all runs have in common: routes, cameras, park; None for what is usual.
        fresh: measure again what was measured before.
    """

    data: Path | None
    work: Path
    only: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seeds: int = 1
    like: RunWish | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Something that was to be measured and was not.

    Attributes:
        what: the model, the photos or the scenario.
        why: in words.
    """

    what: str
    why: str


@dataclass(slots=True)
class Accuracy:
    """What was measured.

    Attributes:
        wish: what was wanted.
        models: every model on every set of labelled pictures.
        photos: scene detectors on photos.
        runs: simulated patrols.
        missing: what could not be measured.
        not_asked_for: what is shipped and `AccuracyWish.only` leaves out.
    """

    wish: AccuracyWish
    models: list[ModelFigures] = field(default_factory=list)
    photos: list[PhotoFigures] = field(default_factory=list)
    runs: list[RunFigures] = field(default_factory=list)
    missing: list[NotMeasured] = field(default_factory=list)
    not_asked_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    what: str
    do: Callable[[Accuracy], None]


def measure(
    app: App,
    wish: AccuracyWish,
    on_step: Callable[[int, int, str], None] = lambda number, of, what: None,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> Accuracy:
    """Measure what is wanted; what was measured before is taken from the work folder.

    Args:
        app: opens tables and picks models.
        wish: what is wanted.
        on_step: told the number of each step, of how many, and what it measures.
        on_picture: told pictures done and in all within a step.

    Raises:
        SettingsError: nothing of that name can be measured, or the work folder cannot be made.
        ModelError: a file in place of a model is none.
        SimulationError: a scenario file is wrong.
    """
    results = Results(wish.work, fresh=wish.fresh)
    steps = list(_steps(app, wish, results, on_picture))
    found = Accuracy(wish, not_asked_for=_not_asked_for(_chosen(wish)))
    for number, step in enumerate(steps, 1):
        on_step(number, len(steps), step.what)
        try:
            step.do(found)
        except ParkwatchError as error:
            # One dataset that is not there must not cost the figures of all others.
            log.warning("%s was not measured: %s", step.what, error)
            found.missing.append(NotMeasured(step.what, str(error)))
    return found


def _steps(
    app: App, wish: AccuracyWish, results: Results, on_picture: Callable[[int, int], None]
) -> Iterator[_Step]:
    chosen = _chosen(wish)
    instead = chosen_models(_named(wish.models), wish.models) if wish.models else ()
    for model in chosen.models:
        for measured in labelled_sets(model.card.name):
            yield _model_step(model, measured, wish.data, results, on_picture)
    for shown in chosen.photos:
        yield _photo_step(shown, wish.data, results, on_picture)
    for run in wished_runs(chosen.scenarios, wish.seeds, wish.like):
        yield _run_step(app, run, results, instead)


@dataclass(frozen=True, slots=True)
class _Chosen:
    models: tuple[ModelFile, ...]
    photos: tuple[PhotoSet, ...]
    scenarios: tuple[str, ...]


def _chosen(wish: AccuracyWish) -> _Chosen:
    """Return what `only` leaves of models, photos and scenarios.

    Raises:
        SettingsError: it names something that is none of them.
    """
    models = chosen_models((), wish.models)
    scenarios = (*SHIPPED, *wish.scenarios)
    weathers = {name: shipped.weather for name, shipped in SHIPPED.items()}
    names = dict.fromkeys(
        (*GROUPS, *(model.card.name for model in models), *scenarios, *weathers.values())
    )
    for name in wish.only:
        if name not in names:
            raise SettingsError(f"--only {name}: there is none; there are {', '.join(names)}")
    wanted = set(wish.only) | {name for name in SHIPPED if weathers[name] in wish.only}
    every = not wanted
    return _Chosen(
        tuple(m for m in models if every or MODELS in wanted or m.card.name in wanted),
        PHOTOS if every or PHOTO_DETECTORS in wanted else (),
        tuple(s for s in scenarios if every or SCENARIOS in wanted or s in wanted),
    )


def _not_asked_for(chosen: _Chosen) -> tuple[str, ...]:
    """Return in words what of all there is was not chosen."""
    asked = {model.card.name for model in chosen.models}
    return (
        *(f"model {m.card.name}" for m in chosen_models((), ()) if m.card.name not in asked),
        *(_photos_called(shown) for shown in PHOTOS if shown not in chosen.photos),
        *(f"scenario {name}" for name in SHIPPED if name not in chosen.scenarios),
    )


def _named(paths: Sequence[str]) -> tuple[str, ...]:
    from vision.models.registry import resolve_model

    return tuple(resolve_model(path).card.name for path in paths)


def _data(folder: Path | None) -> Path:
    if folder is None:
        raise SettingsError("no labelled pictures were given; name their folder with --data")
    return folder


def _model_step(
    model: ModelFile,
    measured: LabelledSet,
    data: Path | None,
    results: Results,
    on_picture: Callable[[int, int], None],
) -> _Step:
    def do(found: Accuracy) -> None:
        found.models.append(on_labels(model, measured, _data(data), results, on_picture))

    return _Step(f"model {model.card.name} on {measured.folder} ({measured.title})", do)


def _photo_step(
    shown: PhotoSet, data: Path | None, results: Results, on_picture: Callable[[int, int], None]
) -> _Step:
    def do(found: Accuracy) -> None:
        found.photos.extend(on_photos(shown, _data(data), results, on_picture))

    return _Step(_photos_called(shown), do)


def _photos_called(shown: PhotoSet) -> str:
    return f"fire and smoke by rules on {shown.folder} ({shown.title})"


def _run_step(app: App, run: RunWish, results: Results, instead: Sequence[ModelFile]) -> _Step:
    def do(found: Accuracy) -> None:
        found.runs.append(measure_run(app, run, results, instead))

    return _Step(f"scenario {run.scenario}, seed {run.seed}", do)
