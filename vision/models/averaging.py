"""The mean of the weights of several rounds of training, as a model of its own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from park.errors import ModelError
from vision.models.offline import load_ultralytics
from vision.models.registry import ModelFile

_KEPT_ARGS = ("task", "imgsz", "single_cls")
"""What loading and exporting ask of a network's settings; the rest is of one training run."""


@dataclass(frozen=True, slots=True)
class AverageReport:
    """What averaging gave.

    Attributes:
        weights: the file that was written.
        sources: model ids of what it is the mean of, in the order given.
        tensors: how many tensors were averaged.
        parameters: how many numbers there are in them.
    """

    weights: Path
    sources: tuple[str, ...]
    tensors: int
    parameters: int


def average(models: Sequence[ModelFile], out: Path) -> AverageReport:
    """Write the mean of the weights of models that share an architecture and classes.

    Each model counts the same. Weights that were trained on from one another, or from one start,
    mostly lie in one basin of the loss, where their mean does as well as the best of them on what
    each was trained for: a "model soup" (Wortsman et al., 2022, arXiv:2203.05482). Weights of
    unrelated runs do not, and their mean finds nothing; measure it before use.

    The same files in the same order give the same bytes. What is no floating-point number
    (counters of batch normalisation) and the side of the input are the last model's. The result
    is stored in half precision, as training stores its own.

    Args:
        models: two or more `.pt` files.
        out: `.pt` file to write; one that is there is not replaced.

    Raises:
        ModelError: when a file is no detection checkpoint, architectures or classes differ, a
            weight is not finite, or the result cannot be written.
    """
    if len(models) < 2:
        raise ModelError("a mean needs two models or more; name another")
    if out.suffix.lower() != ".pt":
        raise ModelError(f"{out} is to hold weights: give it a name that ends in .pt")
    if out.exists():
        raise ModelError(f"{out} is there already; name another --out file, or remove it")
    networks = [_network_of(model) for model in models]
    for model, network in zip(models[1:], networks[1:], strict=True):
        _check_alike(models[0], networks[0], model, network)
    tensors, parameters = _put_mean(networks, models)
    sources = tuple(model.model_id for model in models)
    _write(networks[-1], [model.sha256 for model in models], out)
    return AverageReport(out, sources, tensors, parameters)


def _network_of(model: ModelFile) -> Any:  # noqa: ANN401 - ultralytics has no types
    if model.path.suffix.lower() != ".pt":
        raise ModelError(f"{model.path} is no .pt file: only checkpoints of training have a mean")
    try:
        # An absolute path, so that no name is taken for one of ultralytics' own downloads.
        loaded = load_ultralytics().YOLO(str(model.path.resolve()))
    except (
        *(AttributeError, EOFError, ImportError, KeyError, OSError),
        *(RuntimeError, TypeError, ValueError, UnpicklingError),
    ) as error:
        # What ultralytics and torch raise for files that hold something else or are cut short.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{model.path} is no checkpoint that can be averaged: {said}") from error
    if loaded.task != "detect":
        raise ModelError(f"{model.path} is a model for {loaded.task}, and detect is needed")
    return loaded.model.float()


def _check_alike(first: ModelFile, one: Any, second: ModelFile, other: Any) -> None:  # noqa: ANN401
    names, others = _names(one), _names(other)
    if names != others:
        raise ModelError(
            f"{second.path} knows other classes than {first.path}: {', '.join(others)}; and not "
            f"{', '.join(names)}, in this order"
        )
    shapes = {key: tuple(value.shape) for key, value in one.state_dict().items()}
    other_shapes = {key: tuple(value.shape) for key, value in other.state_dict().items()}
    if shapes == other_shapes and _layers(one) == _layers(other):
        return
    differing = sorted(
        key for key in {*shapes, *other_shapes} if shapes.get(key) != other_shapes.get(key)
    )
    if differing:
        key = differing[0]
        where = (
            f"{len(differing)} tensors differ, {key} is {_shape(other_shapes.get(key))} instead "
            f"of {_shape(shapes.get(key))}"
        )
    else:
        where = "its tensors have the same shapes, its layers are others"
    raise ModelError(
        f"{second.path} has another architecture than {first.path}: {where}; only rounds of "
        "training of one architecture have a mean"
    )


def _names(network: Any) -> list[str]:  # noqa: ANN401 - ultralytics has no types
    return [str(network.names[index]) for index in sorted(network.names)]


def _layers(network: Any) -> list[tuple[str, object]]:  # noqa: ANN401
    """Return what each layer is and which layers it reads; the shapes alone do not tell."""
    return [(repr(layer), getattr(layer, "f", None)) for layer in network.model]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape)) or "one number"


def _put_mean(networks: Sequence[Any], models: Sequence[ModelFile]) -> tuple[int, int]:
    """Put the mean into the last network; return how many tensors and numbers were averaged."""
    import torch

    states = [network.state_dict() for network in networks]
    mean = dict(states[-1])
    averaged = [key for key, value in mean.items() if value.dtype.is_floating_point]
    for key in averaged:
        for model, state in zip(models, states, strict=True):
            if not bool(torch.isfinite(state[key]).all()):
                raise ModelError(
                    f"{model.path} holds weights that are no finite numbers ({key}); its training "
                    "went wrong, leave it out"
                )
        mean[key] = torch.stack([state[key] for state in states]).mean(dim=0)
    networks[-1].load_state_dict(mean)
    return len(averaged), sum(mean[key].numel() for key in averaged)


def _write(network: Any, sha256: Sequence[str], out: Path) -> None:  # noqa: ANN401
    import torch

    # Folders and settings of the run are of no use to whoever gets the weights.
    args = {key: network.args[key] for key in _KEPT_ARGS if key in network.args}
    network.args, network.pt_path = args, ""
    if "yaml_file" in network.yaml:
        network.yaml["yaml_file"] = Path(network.yaml["yaml_file"]).name
    checkpoint = {
        "epoch": -1,
        "model": network.half(),
        "ema": None,
        "optimizer": None,
        "train_args": args,
        "averaged_from": list(sha256),
    }
    # Into memory first: torch writes the name of a file into it, and bytes must not hang on that.
    content = io.BytesIO()
    torch.save(checkpoint, content)
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content.getvalue())
        part.replace(out)
    except OSError as error:
        raise ModelError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
