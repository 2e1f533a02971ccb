"""Every shipped model on labelled pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.accuracy_code import SEEING, digest_of_code
from ops.accuracy_results import Results, digest_of_folder
from park.errors import ModelError
from park.records import JsonValue

if TYPE_CHECKING:
    from vision.models.evaluation import Evaluation
    from vision.models.registry import ModelFile


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Labelled pictures that a model is measured on.

    Attributes:
        model: name of the model.
        folder: of the dataset, below the folder of all.
        split: "train", "val", "test", or "" for all pictures.
        only: file name patterns of the pictures that are meant; empty for all.
        title: what the pictures are, for people.
    """

    model: str
    folder: str
    split: str
    only: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well a model does for a class.

    Attributes:
        name: of the class; "all" for all together.
        labels: labelled things.
        hits: of these found at the shipped threshold.
        boxes: boxes at that threshold.
        ap50: average precision at an overlap of 0.5.
        threshold: the shipped one; None where each class has its own.
    """

    name: str
    labels: int
    hits: int
    boxes: int
    ap50: float
    threshold: float | None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """How well a model does on a set of labelled pictures.

    Attributes:
        measured: the set.
        model_id: name and hash of the weights.
        pictures: how many.
        classes: figures of each class.
        overall: all classes together; the mean over classes for `ap50`.
    """

    measured: LabelledSet
    model_id: str
    pictures: int
    classes: tuple[ClassFigures, ...]
    overall: ClassFigures


DATASETS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "vehicles": (("vehicles_aerial", "val", "scenes not trained on"),),
    "thermal": (("thermal_people_vehicles", "val", "validation blocks"),),
    "fire-smoke": (
        ("fire_smoke", "val", "validation"),
        ("fire_smoke", "test", "test, thresholds not chosen on it"),
        ("smoke_fire_640", "", "another collection"),
    ),
    "site-safety": (
        ("ppe", "val", "validation"),
        ("ppe", "test", "test, thresholds not chosen on it"),
    ),
    "litter": (("street_garbage", "val", "validation"),),
    "people": (("ppe", "val", "building sites from the ground, persons alone"),),
}
"""Model to the datasets that it is measured on: folder, split, what it is."""

AIMS_AP50 = {"vehicles": 0.85, "thermal": 0.80, "fire-smoke": 0.60, "site-safety": 0.55}
"""Mean AP50 on validation pictures that models are meant to reach."""


def labelled_sets(model: str) -> tuple[LabelledSet, ...]:
    """Return what a model is measured on.

    Models that are not listed are measured on the validation pictures of the folder that bears
    their name. Where a recipe splits by scene, its validation scenes are meant.
    """
    from vision.models.recipe import load_recipe, shipped_recipes

    only: tuple[str, ...] = ()
    if model in shipped_recipes():
        recipe = load_recipe(model)
        scenes = (recipe.scenes[name] for name in recipe.validation_scenes)
        only = tuple(pattern for patterns in scenes for pattern in patterns)
    listed = DATASETS.get(model, ((model, "val", "validation"),))
    return tuple(
        LabelledSet(model, folder, "" if only else split, only, title)
        for folder, split, title in listed
    )


def measure_model(
    model: ModelFile,
    measured: LabelledSet,
    data: Path,
    results: Results,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> ModelFigures:
    """Measure a model on a set, or return what was measured of just that before.

    Args:
        model: the model.
        measured: the set.
        data: folder of all datasets.
        results: where results are kept.
        on_picture: told pictures done and in all.

    Raises:
        ModelError: the dataset is not there, or cannot be used.
    """
    from vision.models.evaluation import evaluate

    folder = data / measured.folder
    if not folder.is_dir():
        raise ModelError(f"no folder {measured.folder} in the data")
    facts: dict[str, JsonValue] = {
        "weights": model.sha256,
        "eight_bit": model.eight_bit_sha256,
        "card": model.card.model_dump_json(),
        "folder": measured.folder,
        "data": digest_of_folder(folder),
        "split": measured.split,
        "only": list(measured.only),
        "seen by": digest_of_code(SEEING),
    }
    known = results.get("model", facts)
    if known is None:
        done = evaluate(
            model,
            dataset_in(folder),
            mapping={},
            split=measured.split or None,
            scenes=measured.only,
            on_picture=on_picture,
        )
        known = _as_json(done)
        results.put("model", facts, known)
    return _figures(model, measured, known)


def dataset_in(folder: Path) -> Path:
    """Return the folder of the labels: some datasets lie a folder deeper."""
    below = [path for path in folder.iterdir() if path.is_dir()]
    return below[0] if [path.name for path in below] == ["dataset"] else folder


def _as_json(done: Evaluation) -> dict[str, JsonValue]:
    scores = [*done.per_class.items(), ("all", done.overall)]
    return {
        "pictures": done.pictures,
        "classes": [
            {
                "name": name,
                "labels": score.labels,
                "hits": score.hits,
                "boxes": score.boxes,
                "ap50": score.ap50,
                "threshold": score.threshold,
            }
            for name, score in scores
        ],
    }


def _figures(model: ModelFile, measured: LabelledSet, known: dict[str, JsonValue]) -> ModelFigures:
    listed = known["classes"]
    assert isinstance(listed, list)
    classes = [ClassFigures(**one) for one in listed]
    return ModelFigures(
        measured,
        model.model_id,
        int(str(known["pictures"])),
        tuple(one for one in classes[:-1] if one.labels or one.boxes),
        classes[-1],
    )


def chosen_models(only: Sequence[str], instead: Sequence[str]) -> tuple[ModelFile, ...]:
    """Return the shipped models, with files that were given in place of those of their name.

    Args:
        only: names; empty for all.
        instead: `.pt` or `.onnx` files; their cards say what they are called.

    Raises:
        ModelError: a file is no model.
    """
    from vision.models.registry import resolve_model, shipped_models

    found = {name: resolve_model(name) for name in shipped_models()}
    for path in instead:
        model = resolve_model(path)
        found[model.card.name] = model
    return tuple(model for name, model in sorted(found.items()) if not only or name in only)
