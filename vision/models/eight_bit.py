"""Models in eight bits: half the time of a processor, made once by whoever ships the weights.

`NAME.int8.zip` beside `NAME.pt` holds the OpenVINO model whose weights and activations are eight
bits wide, the ranges measured on pictures.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.eight_bit_archive import MODEL_FILES, EightBitModel, write_archive
from vision.models.export import export_model
from vision.models.registry import ModelFile

MOST_PICTURES = 200
"""More do not move the ranges any further."""

_LEAST_PICTURES = 8
_WINDOW_PX = 320
_PADDING = 114
_HEAD = re.compile(r"model\.(\d+)\b")
_SUMS = ("Add", "Sub", "Mul", "Div")


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """What was made.

    Attributes:
        path: the archive.
        pictures: how many the ranges were measured on.
        megabytes: of the archive.
    """

    path: Path
    pictures: int
    megabytes: float


def quantize(model: ModelFile, pictures: Sequence[Path], *, seed: int = 0) -> QuantizeReport:
    """Make the eight-bit form of a model and put it beside its weights, in place of another.

    The arithmetic of the head that turns its numbers into boxes stays as it is: pixels and
    confidences do not fit into one range of eight bits.

    Args:
        model: a `.pt` file.
        pictures: like those that it will look at; labels are not needed.
        seed: which window of each picture is looked at, and which pictures where there are many.

    Raises:
        ModelError: nncf is not installed, there are too few pictures, or the archive cannot be
            written.
    """
    try:
        import nncf
        import openvino as ov
    except ImportError as error:
        raise ModelError(
            f"eight-bit models are made with nncf, and it cannot be loaded ({error}); "
            "install it with: pip install 'parkwatch[quantize]'"
        ) from error
    if model.path.suffix.lower() != ".pt":
        raise ModelError(f"{model.path} is no .pt file; only these are made into eight bits")
    windows = _windows(pictures, seed)
    if len(windows) < _LEAST_PICTURES:
        raise ModelError(
            f"{len(windows)} pictures that can be read are too few to measure ranges on; "
            f"give {_LEAST_PICTURES} or more, better {MOST_PICTURES}"
        )
    nncf.set_log_level(logging.ERROR)
    exported = export_model(model, eight_bit=False)
    graph = ov.Core().read_model(exported.xml)
    head = _head_of([op.get_friendly_name() for op in graph.get_ops()])
    kept = nncf.IgnoredScope(
        patterns=[f".*{head}[./].*{name}.*" for name in (*_SUMS, "dfl")],
        types=["Sigmoid"],
        validate=False,
    )
    small = nncf.quantize(
        graph,
        nncf.Dataset([_as_input(window) for window in windows]),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=kept,
        subset_size=len(windows),
    )
    with tempfile.TemporaryDirectory() as folder:
        ov.save_model(small, Path(folder) / "model.xml", compress_to_fp16=False)
        files = {name: (Path(folder) / name).read_bytes() for name in MODEL_FILES}
    content = EightBitModel(files, exported.classes, exported.input_px, len(windows))
    written = write_archive(model, content)
    return QuantizeReport(model.eight_bit_path, len(windows), written / 1e6)


def _windows(pictures: Sequence[Path], seed: int) -> list[NDArray[np.uint8]]:
    """Return a window of each picture, BGR, shape (320, 320, 3); those unreadable are left out."""
    rng = np.random.default_rng(seed)
    chosen = sorted(pictures)
    if len(chosen) > MOST_PICTURES:
        picked = rng.choice(len(chosen), MOST_PICTURES, replace=False)
        chosen = [chosen[number] for number in sorted(picked.tolist())]
    windows = []
    for picture in chosen:
        image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
        if image is None:
            continue
        left, top = (int(rng.integers(0, max(1, side - _WINDOW_PX + 1)))
                     for side in (image.shape[1], image.shape[0]))  # fmt: skip
        part = image[top : top + _WINDOW_PX, left : left + _WINDOW_PX]
        window = np.full((_WINDOW_PX, _WINDOW_PX, 3), _PADDING, np.uint8)
        window[: part.shape[0], : part.shape[1]] = part
        windows.append(window)
    return windows


def _as_input(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return RGB from 0 to 1, shape (1, 3, height, width)."""
    rgb = np.ascontiguousarray(window[..., ::-1].transpose(2, 0, 1)[None])
    return np.asarray(rgb, np.float32) / np.float32(255.0)


def _head_of(names: Sequence[str]) -> str:
    """Return a pattern of the last layer's name, which is the detection head."""
    layers = [int(found) for name in names for found in _HEAD.findall(name)]
    if not layers:
        raise ModelError("its layers have no numbers; only YOLO models are made into eight bits")
    return rf"model\.{max(layers)}"
