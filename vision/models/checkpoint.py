"""Weights as they are handed on: without the folders, the dates and the optimiser of a run."""

from __future__ import annotations

import io
from pathlib import Path

from park.errors import ModelError

KEPT_ARGS = ("task", "imgsz", "single_cls")
"""What loading and exporting ask of a network's settings; the rest is of one training run."""


def write_stripped(trained: Path, out: Path) -> None:
    """Write the weights of a training run in half precision, and nothing else of the run.

    The smoothed weights (EMA) are taken where there are some. The same weights give the same
    bytes.

    Args:
        trained: a checkpoint that the trainer wrote.
        out: the file to write.

    Raises:
        ModelError: when the file cannot be written.
    """
    import torch

    content = torch.load(trained, map_location="cpu", weights_only=False)
    network = content.get("ema") or content["model"]
    given = network.args if isinstance(network.args, dict) else vars(network.args)
    args = {key: given[key] for key in KEPT_ARGS if key in given}
    network.args, network.pt_path = args, ""
    network.criterion = None
    if "yaml_file" in network.yaml:
        network.yaml["yaml_file"] = Path(network.yaml["yaml_file"]).name
    for parameter in network.parameters():
        parameter.requires_grad = False
    # Into memory first: torch writes the name of a file into it, and bytes must not hang on that.
    buffer = io.BytesIO()
    stripped = {
        "epoch": -1,
        "model": network.half(),
        "ema": None,
        "optimizer": None,
        "train_args": args,
    }
    torch.save(stripped, buffer)
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_bytes(buffer.getvalue())
        part.replace(out)
    except OSError as error:
        raise ModelError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
