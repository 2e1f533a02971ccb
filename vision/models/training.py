"""Training a YOLO model from a recipe: resumable, seeded, offline."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from park.errors import ModelError
from vision.models.checkpoint import write_stripped
from vision.models.dataset import read_datasets
from vision.models.offline import load_ultralytics
from vision.models.recipe import Recipe
from vision.models.tiles import TileSet, cut_tiles
from vision.models.whole_pictures import write_pictures

_WHOLE_CHECKPOINT = "checkpoint.pt"
"""A copy of the last checkpoint that a kill cannot cut short; ultralytics writes in place."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a training run gave.

    Attributes:
        weights: the best weights, without optimiser state.
        epochs: epochs that were run in all.
        best_fitness: the trainer's own score of the best epoch on validation tiles.
        tiles: what it was trained on.
        started_from: what the weights were before, in words.
    """

    weights: Path
    epochs: int
    best_fitness: float
    tiles: TileSet
    started_from: str


def train(
    recipe: Recipe,
    data: Sequence[Path],
    out: Path,
    *,
    base: Path | None,
    rest_from: Path | None = None,
    resume: bool = False,
    hours: float | None = None,
    on_epoch: Callable[[int, int, float], None] = lambda done, total, fitness: None,
) -> TrainingReport:
    """Train the model of `recipe` on the labelled pictures in `data`.

    Args:
        recipe: classes, scenes, tiles and optimiser settings.
        data: folders of YOLO datasets; classes of one name are one class.
        out: folder for tiles, checkpoints and the result; a stopped run is resumed from it.
        base: weights to start from (`.safetensors` state dict, or `.pt`); None starts from
            random weights.
        rest_from: a `.pt` file of the same architecture for what `base` has nothing for, such as
            the head that finds boxes; None leaves it random.
        resume: go on from the last checkpoint in `out`.
        hours: time that training may take; the number of epochs follows from the time of those
            done, so that the learning rate has run out when the time has.
        on_epoch: told epochs done, epochs in all and the score after each epoch.

    Raises:
        ModelError: when the data, the start or the checkpoint cannot be used.
    """
    last = out / "run" / "weights" / "last.pt"
    if last.exists() and not resume:
        raise ModelError(
            f"{out} holds an earlier run; go on with --resume, or name another --out folder"
        )
    if resume and not last.exists():
        raise ModelError(f"nothing to resume: {last} does not exist; leave --resume out to start")
    for given in (base, rest_from):
        if given is not None and not given.is_file():
            raise ModelError(f"no weights to start from: {given} is not a file")
    tiles_folder = out / "tiles"
    shutil.rmtree(tiles_folder, ignore_errors=True)
    lay_out = cut_tiles if recipe.tiles is not None else write_pictures
    tiles = lay_out(read_datasets(data), recipe, tiles_folder)

    ultralytics = load_ultralytics()
    if resume:
        checkpoint = _sound_checkpoint(last)
        model, started_from = _opened(checkpoint), f"checkpoint {checkpoint.name}"
    else:
        start, started_from = _start_weights(recipe, base, rest_from, out)
        model = ultralytics.YOLO(str(start))
    scores: list[float] = []

    _listen(model, last, scores, on_epoch)
    if recipe.fit.bfloat16 and has_bfloat16():
        model.add_callback("on_train_start", lambda trainer: _compute_in_bfloat16(trainer.model))
    if resume:
        model.train(resume=True)
    else:
        model.train(**_settings(recipe, tiles, out, hours))
    last.with_name(_WHOLE_CHECKPOINT).unlink(missing_ok=True)
    best = out / "run" / "weights" / "best.pt"
    final = out / f"{recipe.name}.pt"
    write_stripped(best, final)
    epochs = len((out / "run" / "results.csv").read_text("utf-8").splitlines()) - 1
    return TrainingReport(final, epochs, max(scores, default=0.0), tiles, started_from)


def _sound_checkpoint(last: Path) -> Path:
    copy = last.with_name(_WHOLE_CHECKPOINT)
    return copy if copy.exists() else last


def _opened(checkpoint: Path, *, finished: bool = False) -> Any:  # noqa: ANN401 - ultralytics has no types
    try:
        model = load_ultralytics().YOLO(str(checkpoint))
    except (TypeError, RuntimeError, EOFError) as error:
        # What ultralytics and torch raise for a file that is cut short.
        raise ModelError(
            f"{checkpoint} is damaged, perhaps cut short as it was written; name another --out "
            "folder to train anew"
        ) from error
    # A finished run's checkpoint is stripped; resumed, it would look for a data set of its own.
    if not finished and model.ckpt.get("epoch", -1) < 0:
        raise ModelError(
            f"{checkpoint} is of a run that is finished; name another --out folder to train anew"
        )
    return model


def _listen(
    model: Any,  # noqa: ANN401 - ultralytics has no types
    last: Path,
    scores: list[float],
    on_epoch: Callable[[int, int, float], None],
) -> None:
    """Have the trainer tell of each epoch, keep a whole checkpoint and use all cores."""

    def report(trainer: Any) -> None:  # noqa: ANN401 - ultralytics has no types
        scores.append(float(trainer.fitness or 0.0))
        on_epoch(int(trainer.epoch) + 1, int(trainer.epochs), scores[-1])

    def use_all_cores(trainer: Any) -> None:  # noqa: ANN401
        import torch

        # ultralytics leaves one core idle, which on a machine with two is half of it. On a busy
        # machine threads wait for one another; one thread, and two runs at a time, then do more.
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(os.cpu_count() or 1)

    def keep_whole(trainer: Any) -> None:  # noqa: ANN401
        copy = last.with_name(_WHOLE_CHECKPOINT)
        shutil.copyfile(last, copy.with_suffix(".part"))
        copy.with_suffix(".part").replace(copy)

    model.add_callback("on_model_save", keep_whole)
    model.add_callback("on_train_start", use_all_cores)
    model.add_callback("on_fit_epoch_end", report)


def has_bfloat16() -> bool:
    """Return whether this processor computes in bfloat16 by itself, so that it pays."""
    import torch

    return not torch.cuda.is_available() and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _compute_in_bfloat16(network: Any) -> None:  # noqa: ANN401 - ultralytics has no types
    """Have a network compute in bfloat16 as it trains, the loss and the weights in 32 bits.

    On two cores with the instructions for it this takes 0.55 of the time. The loss stays outside:
    boxes are decoded in it, and eight bits are too few for the corners of small ones.
    """
    import torch

    whole = network.predict

    def predict(x: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if not network.training:
            return whole(x, *args, **kwargs)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return _in_32_bits(whole(x, *args, **kwargs))

    network.to(memory_format=torch.channels_last)
    network.predict = predict


def _in_32_bits(value: Any) -> Any:  # noqa: ANN401 - whatever a network gives
    import torch

    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _in_32_bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_in_32_bits(part) for part in value)
    return value


def _settings(recipe: Recipe, tiles: TileSet, out: Path, hours: float | None) -> dict[str, Any]:
    import torch

    fit = recipe.fit
    return {
        "data": str(tiles.data_yaml),
        "epochs": fit.epochs,
        "patience": fit.patience,
        "imgsz": recipe.size_px,
        "batch": fit.batch,
        "nbs": fit.nominal_batch,
        "time": hours,
        "optimizer": fit.optimizer,
        "lr0": fit.lr0,
        "warmup_epochs": fit.warmup_epochs,
        "warmup_bias_lr": fit.warmup_bias_lr,
        "cos_lr": True,
        "seed": fit.seed,
        "device": 0 if torch.cuda.is_available() else "cpu",
        "workers": 8 if torch.cuda.is_available() else 2,
        "cache": "ram",
        "scale": fit.scale,
        "mosaic": fit.mosaic,
        "close_mosaic": fit.whole_at_the_end,
        "degrees": fit.degrees,
        "freeze": fit.freeze_layers or None,
        "flipud": fit.flip_up_down,
        "fliplr": 0.5,
        "amp": torch.cuda.is_available(),
        "plots": False,
        "project": str(out.resolve()),
        "name": "run",
        "exist_ok": True,
    }


def _start_weights(
    recipe: Recipe, base: Path | None, rest_from: Path | None, out: Path
) -> tuple[Path, str]:
    if base is not None and base.suffix == ".pt" and rest_from is None:
        return base, base.name
    ultralytics = load_ultralytics()
    model = ultralytics.YOLO(recipe.fit.architecture)
    out.mkdir(parents=True, exist_ok=True)
    start = out / "start.pt"
    total = len(model.model.state_dict())
    loaded: set[str] = set()
    said = []
    for source in (base, rest_from):
        if source is None:
            continue
        fitting = _load_fitting(model.model, source, loaded)
        said.append(f"{source.name} ({len(fitting)} of {total} tensors)")
        loaded |= fitting
    model.save(str(start))
    return start, " and ".join(said) or f"random weights of {recipe.fit.architecture}"


def _load_fitting(network: Any, source: Path, loaded: set[str]) -> set[str]:  # noqa: ANN401
    """Load what fits and is not loaded yet; return the names of it."""
    import torch

    own = network.state_dict()
    fitting = {
        # `model.N...` in the file is `model.N...` of the detection network inside.
        key: torch.as_tensor(value).float()
        for key, value in _tensors(source).items()
        if key in own and key not in loaded and tuple(own[key].shape) == tuple(value.shape)
    }
    if not fitting:
        raise ModelError(f"no tensor of {source} fits what the recipe's architecture still needs")
    network.load_state_dict(fitting, strict=False)
    return set(fitting)


def _tensors(source: Path) -> dict[str, Any]:
    if source.suffix == ".pt":
        return dict(_opened(source, finished=True).model.state_dict())
    from safetensors.numpy import load_file

    try:
        return dict(load_file(source))
    except (OSError, ValueError) as error:
        raise ModelError(f"{source} is not a safetensors file: {error}") from error


def read_history(out: Path) -> str:
    """Return the trainer's table of epochs as JSON lines, for a model card."""
    rows = (out / "run" / "results.csv").read_text("utf-8").splitlines()
    names = [n.strip() for n in rows[0].split(",")]
    return "\n".join(
        json.dumps(dict(zip(names, (float(v) for v in row.split(",")), strict=True)))
        for row in rows[1:]
    )
