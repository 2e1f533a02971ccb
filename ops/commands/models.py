"""`parkwatch models`: list, train, average, quantize, evaluate and export detection models."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ops import console_text
from park.errors import SettingsError

if TYPE_CHECKING:
    from vision.models.evaluation import Evaluation, Score
    from vision.models.recipe import Recipe
    from vision.models.training import TrainingReport

app = typer.Typer(
    help="Models: list, train, average, quantize, evaluate, export.", no_args_is_help=True
)


@app.command("list")
def list_models() -> None:
    """List the models that come with the project."""
    from vision.models.registry import resolve_model, shipped_models

    table = Table("model", "classes", "ground sampling distance", "threshold", "licence", box=None)
    for name in shipped_models():
        model = resolve_model(name)
        card = model.card
        known = card.gsd_range_m
        gsd = f"{known[0] * 100:g} to {known[1] * 100:g} cm/px" if known else "not stated"
        own = sorted({card.threshold_of(name) for name in card.classes}) or [card.threshold]
        threshold = f"{own[0]:g}" if len(own) == 1 else f"{own[0]:g} to {own[-1]:g}"
        table.add_row(model.model_id, ", ".join(card.classes), gsd, threshold, card.licence)
    console_text.out.print(table)


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe by name, or a TOML file.")],
    data: Annotated[
        list[Path],
        typer.Option("--data", help="Folder of a dataset in a YOLO layout; several may be given."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for tiles, checkpoints, weights.")],
    base: Annotated[
        Path | None,
        typer.Option("--base", help="Weights to start from (.safetensors or .pt); else random."),
    ] = None,
    rest_from: Annotated[
        Path | None,
        typer.Option(
            "--rest-from", help="A .pt file for what --base has nothing for; else random."
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Instead of the recipe's.")] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="First learning rate, instead of the recipe's."),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option("--hours", min=0.01, help="Time to take; the number of epochs follows."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
) -> None:
    """Train a model: tiles cut at known scales, split by scene, resumable, seeded, offline."""
    from vision.models.recipe import load_recipe
    from vision.models.training import train as run_training

    loaded = load_recipe(recipe)
    instead = {"epochs": epochs, "lr0": learning_rate}
    chosen = {key: value for key, value in instead.items() if value is not None}
    loaded = loaded.model_copy(update={"fit": loaded.fit.model_copy(update=chosen)})

    report = run_training(
        loaded,
        data,
        out,
        base=base,
        rest_from=rest_from,
        resume=resume,
        hours=hours,
        on_epoch=_on_epoch,
    )
    _print_trained(report, loaded)


@app.command()
def average(
    models: Annotated[
        list[str], typer.Argument(help="Shipped models by name, or .pt files; two or more.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The .pt file to write.")],
) -> None:
    """Average the weights of rounds of training of one architecture into one model."""
    from vision.models.averaging import average as run_averaging
    from vision.models.registry import resolve_model

    report = run_averaging([resolve_model(name) for name in models], out)
    say = console_text.out.print
    say(f"weights      {resolve_model(str(out)).model_id}", markup=False, soft_wrap=True)
    say(f"in           {report.weights}", markup=False, soft_wrap=True)
    say(f"mean of      {', '.join(report.sources)}", markup=False, soft_wrap=True)
    say(f"averaged     {report.parameters} numbers in {report.tensors} tensors")


_Model = Annotated[str, typer.Argument(help="A shipped model by name, or a .pt or .onnx file.")]
_Data = Annotated[Path, typer.Option("--data", help="Folder of a dataset in a YOLO layout.")]
_Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", help="Rename a class, as --map car=vehicle; --map car= drops it."),
]
_Split = Annotated[
    str | None, typer.Option("--split", help="train, val or test; val where there is one.")
]
_Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Only pictures whose file name matches, as --only 'DJI_07*'."),
]
_GsdCm = Annotated[
    float | None,
    typer.Option("--gsd-cm", help="Centimetres per pixel, where known; else it is sought."),
]
_Threshold = Annotated[
    float | None, typer.Option("--threshold", help="For precision and recall; else the card's.")
]
_Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        min=0.01,
        max=1.0,
        help="Choose each class's threshold for this share of right boxes.",
    ),
]
_UpdateCard = Annotated[
    bool, typer.Option("--update-card", help="Write the chosen thresholds into the card.")
]
_Worst = Annotated[
    Path | None,
    typer.Option("--worst", help="Folder for pictures of the worst misses and false alarms."),
]
_Curve = Annotated[
    bool, typer.Option("--curve", help="Also precision and recall at other thresholds.")
]


@app.command()
def evaluate(
    model: _Model,
    data: _Data,
    mapping: _Mapping = None,
    split: _Split = None,
    scene: _Only = None,
    gsd_cm: _GsdCm = None,
    threshold: _Threshold = None,
    precision: _Precision = None,
    update_card: _UpdateCard = False,
    worst: _Worst = None,
    curve: _Curve = False,
    full_precision: Annotated[
        bool, typer.Option("--full-precision", help="Not the eight-bit form, where there is one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a model with labelled pictures: AP, precision, recall, sizes, calibration."""
    from vision.models.evaluation import evaluate as run_evaluation
    from vision.models.registry import resolve_model, write_thresholds

    if update_card and precision is None:
        raise SettingsError("--update-card needs --precision to choose the thresholds by")
    result = run_evaluation(
        resolve_model(model),
        data,
        mapping=_mapping(mapping or []),
        split=split,
        scenes=scene or (),
        gsd_m=gsd_cm / 100 if gsd_cm else None,
        threshold=threshold,
        precision=precision,
        worst=worst,
        eight_bit=not full_precision,
        on_picture=_on_picture,
    )
    if update_card and precision is not None:
        own = {choice.class_name: choice.point.threshold for choice in result.chosen}
        write_thresholds(resolve_model(model), own, precision)
    if as_json:
        typer.echo(json.dumps(_as_json(result), indent=2, ensure_ascii=False))
        return
    _print_all(result, curve=curve)
    if result.worst:
        console_text.out.print(f"{len(result.worst)} pictures in {worst}", markup=False)


@app.command()
def quantize(
    model: Annotated[str, typer.Argument(help="A shipped model by name, or a .pt file.")],
    data: Annotated[
        list[Path],
        typer.Option(
            "--data", help="Folder of pictures in a YOLO layout to measure ranges on; repeatable."
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option("--split", help="train, val or test; train where there is one."),
    ] = None,
    scene: _Only = None,
    seed: Annotated[int, typer.Option("--seed", help="Which windows are looked at.")] = 0,
) -> None:
    """Make the eight-bit form of a model, beside its weights: it runs about 1.5 times as fast."""
    from vision.models.dataset import chosen_pictures, read_datasets
    from vision.models.eight_bit import quantize as run_quantizing
    from vision.models.registry import resolve_model

    chosen, _ = chosen_pictures(read_datasets(data), split, scene or (), usual="train")
    report = run_quantizing(resolve_model(model), [p.path for p in chosen.pictures], seed=seed)
    say = console_text.out.print
    say(f"eight bits   {report.path}", markup=False, soft_wrap=True)
    say(f"             {report.megabytes:.1f} MB, ranges of {report.pictures} pictures")
    say("next         measure it: parkwatch models evaluate, with and without --full-precision")


@app.command()
def export(model: _Model) -> None:
    """Export a model to OpenVINO into the cache, as the first run with it would."""
    from vision.models.export import export_model
    from vision.models.registry import resolve_model

    resolved = resolve_model(model)
    done = export_model(resolved)
    console_text.out.print(f"model        {resolved.model_id}", markup=False)
    console_text.out.print(f"classes      {', '.join(done.classes)}", markup=False)
    state = "exported now" if done.fresh else "was in the cache"
    console_text.out.print(f"openvino     {done.xml} ({state})", markup=False, soft_wrap=True)


def _on_picture(done: int, total: int) -> None:
    if console_text.err.is_terminal:
        console_text.err.print(f"{done} of {total} pictures", end="\r")


def _on_epoch(done: int, total: int, fitness: float) -> None:
    console_text.err.print(f"epoch {done} of {total}, score on validation tiles {fitness:.3f}")


def _mapping(given: list[str]) -> dict[str, str]:
    mapping = {}
    for item in given:
        name, sign, to = item.partition("=")
        if not sign or not name:
            raise SettingsError(f"--map {item} is not understood; write it as --map car=vehicle")
        mapping[name.strip()] = to.strip()
    return mapping


def _print_trained(report: TrainingReport, recipe: Recipe) -> None:
    say = console_text.out.print
    say(f"weights      {report.weights}", markup=False)
    say(f"started from {report.started_from}", markup=False)
    say(f"epochs       {report.epochs}, best score {report.best_fitness:.3f}")
    say(f"tiles        {report.tiles.train_tiles} to learn from, {report.tiles.val_tiles} to check")
    for scene, gsd_m in report.tiles.scene_gsd_m.items():
        role = "checked on" if scene in recipe.validation_scenes else "learned from"
        say(f"scene        {scene}: {gsd_m * 100:.1f} cm/px, {role}", markup=False)
    if report.tiles.skipped:
        console_text.warn(f"{len(report.tiles.skipped)} pictures match no scene of the recipe")


def _as_json(result: Evaluation) -> dict[str, object]:
    return {
        "model_id": result.model_id,
        "data": result.data,
        "split": result.split,
        "pictures": result.pictures,
        "threshold": result.threshold,
        **asdict(result.overall),
        "per_class": {name: asdict(score) for name, score in result.per_class.items()},
        "mapping": result.mapping,
        "ignored": list(result.ignored),
        "problems": list(result.problems),
        "curve": [asdict(point) for point in result.curve],
        # Of the last bucket there is no end, and JSON knows no infinity.
        "sizes": [
            asdict(s) | {"high_px": None if s.high_px == float("inf") else s.high_px}
            for s in result.sizes
        ],
        "calibration": asdict(result.calibration),
        "chosen": [asdict(choice) for choice in result.chosen],
        "worst": [str(path) for path in result.worst],
    }


def _print_all(result: Evaluation, *, curve: bool) -> None:
    _print(result)
    _print_sizes(result)
    _print_calibration(result)
    if result.chosen:
        _print_chosen(result)
    if curve:
        _print_curve(result)


def _print_chosen(result: Evaluation) -> None:
    table = Table("class", "threshold", "precision", "recall", box=None)
    for choice in result.chosen:
        point = choice.point
        figures = (point.threshold, point.precision, point.recall)
        table.add_row(choice.class_name, *(f"{value:.3f}" for value in figures))
    wanted = result.chosen[0].wanted_precision if result.chosen else 0.0
    console_text.out.print(f"thresholds for a precision of {wanted:g}")
    console_text.out.print(table)
    for choice in result.chosen:
        if not choice.reached:
            console_text.warn(
                f"{choice.class_name} never reaches a precision of {choice.wanted_precision:g} "
                "with enough boxes; its threshold is the best compromise (F1)"
            )


def _print_sizes(result: Evaluation) -> None:
    table = Table("size", "labels", "recall", "boxes", "precision", box=None)
    for size in result.sizes:
        last = size.high_px == float("inf")
        name = f"{size.low_px:g} px and more" if last else f"{size.low_px:g} to {size.high_px:g} px"
        table.add_row(
            name, str(size.labels), f"{size.recall:.3f}", str(size.boxes), f"{size.precision:.3f}"
        )
    console_text.out.print(table)


def _print_calibration(result: Evaluation) -> None:
    table = Table("confidence", "boxes", "mean", "right", box=None)
    for part in result.calibration.bins:
        table.add_row(
            f"{part.low:.1f} to {part.high:.1f}",
            str(part.boxes),
            f"{part.mean_confidence:.2f}",
            f"{part.right:.2f}" if part.boxes else "",
        )
    console_text.out.print(table)
    error = result.calibration.expected_error
    console_text.out.print(f"expected calibration error {error:.3f}")


def _print_curve(result: Evaluation) -> None:
    table = Table("threshold", "precision", "recall", box=None)
    for point in result.curve:
        figures = (point.precision, point.recall)
        table.add_row(f"{point.threshold:.2f}", *(f"{value:.3f}" for value in figures))
    console_text.out.print(table)


def _print(result: Evaluation) -> None:
    heads = ("class", "labels", "AP50", "AP50-95", "precision", "recall", "at confidence")
    table = Table(*heads, box=None)

    def row(name: str, score: Score) -> None:
        figures = (score.ap50, score.ap50_95, score.precision, score.recall)
        at = "own" if score.threshold is None else f"{score.threshold:g}"
        table.add_row(name, str(score.labels), *(f"{value:.3f}" for value in figures), at)

    for name, score in result.per_class.items():
        row(name, score)
    if len(result.per_class) > 1:
        row("all", result.overall)
    say = console_text.out.print
    say(f"{result.model_id} on {result.pictures} pictures of {result.data}", markup=False)
    say(table)
    if result.mapping:
        said = ", ".join(f"{a} as {b or 'nothing'}" for a, b in result.mapping.items())
        say(f"counted: {said}", markup=False)
    if result.ignored:
        console_text.warn(f"labels that the model does not know: {', '.join(result.ignored)}")
    for problem in result.problems[:10]:
        console_text.warn(problem)
