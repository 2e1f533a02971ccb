"""Which models there are, and what each one knows about itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from park.errors import ModelError
from park.spectrum import Spectrum

MODEL_SUFFIXES = (".pt", ".onnx")


class ModelCard(BaseModel):
    """What must be known of a model to use it well; `NAME.json` beside its weights.

    Attributes:
        name: of the model.
        description: one sentence.
        classes: names in the order of the model's output.
        input_px: side of the pictures it was trained on.
        gsd_range_m: finest and coarsest metres per pixel that it knows; None when not known.
        gsd_best_m: metres per pixel at which it works best; None when not known.
        object_px_range: shortest and longest side of box, in pixels of its input, it was
            trained on; None when not known.
        unknown_longest_px: longest side to which a picture of unknown scale is shrunk before it is
            looked at, for things as large in their pictures as those it was trained on; None when
            it is looked at in full.
        most_enlarged: largest magnification that still helps it; what is further away than that
            brings into its range is not looked at.
        unknown_scales: how many times its size a picture of unknown scale is looked at first; what
            is seen at several is averaged, so that a thing seen at one alone counts less.
        reference_m: length on the ground of its most common thing, to guess the scale of
            pictures without a pose; None when there is none.
        threshold: confidence above which a box counts, chosen on validation data.
        thresholds: class to its own threshold, where it differs.
        threshold_precision: share of right boxes on validation data for which thresholds were
            chosen; None when not stated.
        spectrum: what light the camera must see; a thermal model takes grey pictures of heat.
        size_range_m: class to shortest and longest side on the ground that is possible.
        aliases: names that others give its things, to the model's own (car to vehicle).
        licence: of the weights.
        limits: what it is known to get wrong, one sentence each.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    description: str = ""
    classes: tuple[str, ...] = ()
    input_px: int = Field(640, ge=32, le=4096)
    gsd_range_m: tuple[float, float] | None = None
    gsd_best_m: float | None = Field(None, gt=0)
    object_px_range: tuple[float, float] | None = None
    unknown_longest_px: int | None = Field(None, ge=32)
    most_enlarged: float = Field(4.0, ge=1.0, le=8.0)
    unknown_scales: tuple[Annotated[float, Field(ge=0.25, le=4.0)], ...] = Field(
        (1.0,), min_length=1, max_length=5
    )
    reference_m: float | None = Field(None, gt=0)
    threshold: float = Field(0.25, gt=0, lt=1)
    thresholds: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}
    threshold_precision: float | None = Field(None, gt=0, le=1)
    spectrum: Spectrum = "visible"
    size_range_m: dict[str, tuple[float, float]] = {}
    aliases: dict[str, str] = {}
    licence: str = "not stated"
    limits: tuple[str, ...] = ()

    @field_validator("gsd_range_m", "object_px_range")
    @classmethod
    def _check_range(cls, limits: tuple[float, float] | None) -> tuple[float, float] | None:
        if limits is not None and not 0 < limits[0] < limits[1]:
            raise ValueError("give the smaller limit first, above zero")
        return limits

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        unknown = set(self.thresholds) - set(self.classes)
        if self.classes and unknown:
            raise ValueError(f"thresholds names {sorted(unknown)}, not in classes")
        return self

    def threshold_of(self, class_name: str) -> float:
        """Return the confidence above which a box of this class counts."""
        return self.thresholds.get(class_name, self.threshold)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """Weights on disk with their card.

    Attributes:
        path: the `.pt` or `.onnx` file.
        sha256: of its bytes, hexadecimal.
        card: what is known of it; mostly defaults when it came without one.
        has_card: whether it came with one.
    """

    path: Path
    sha256: str
    card: ModelCard
    has_card: bool

    @property
    def model_id(self) -> str:
        """Name and the start of the hash of the weights."""
        return f"{self.card.name}@{self.sha256[:12]}"

    @property
    def eight_bit_path(self) -> Path:
        """Where its eight-bit form lies, if there is one (`vision.models.eight_bit`)."""
        return self.path.with_suffix(".int8.zip")

    @property
    def eight_bit_sha256(self) -> str | None:
        """Of the bytes of its eight-bit form, hexadecimal; None where there is none."""
        path = self.eight_bit_path
        return _sha256(path) if path.is_file() else None


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models that come with the project."""
    folder = _weights_folder()
    return tuple(sorted(p.stem for p in folder.glob("*.pt"))) if folder.is_dir() else ()


def resolve_model(name_or_path: str) -> ModelFile:
    """Find a shipped model by name, or a `.pt` or `.onnx` file by path.

    Raises:
        ModelError: when there is none, or its file is plainly not a model.
    """
    shipped = _weights_folder() / f"{name_or_path}.pt"
    path = shipped if shipped.is_file() else Path(name_or_path)
    if not path.is_file():
        known = ", ".join(shipped_models()) or "none"
        raise ModelError(
            f"no model {name_or_path!r}: not a file, and not one of the shipped models ({known})"
        )
    if path.suffix.lower() not in MODEL_SUFFIXES:
        raise ModelError(
            f"{path} is not a model: its name ends in {path.suffix or 'nothing'}, "
            f"and {' or '.join(MODEL_SUFFIXES)} is expected"
        )
    _check_magic(path)
    card_path = path.with_suffix(".json")
    card = _read_card(card_path) if card_path.is_file() else ModelCard(name=path.stem)
    return ModelFile(path, _sha256(path), card, card_path.is_file())


def write_thresholds(model: ModelFile, thresholds: Mapping[str, float], precision: float) -> Path:
    """Write thresholds into the card beside a model's weights; the rest of the card stays.

    Args:
        model: the model; it gets a card when it has none.
        thresholds: of some or all classes.
        precision: share of right boxes that they were chosen for.

    Raises:
        ModelError: when the result would be no card, or cannot be written.
    """
    path = model.path.with_suffix(".json")
    content: dict[str, object] = {"name": model.card.name}
    if model.has_card:
        content = json.loads(path.read_bytes())
    content.setdefault("classes", list(thresholds))
    every = {**model.card.thresholds, **thresholds}
    content["thresholds"] = every
    content["threshold"] = min(every.values())
    content["threshold_precision"] = precision
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    _parsed_card(path, text.encode())
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ModelError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _weights_folder() -> Path:
    return Path(str(resources.files("vision.models") / "weights"))


def _check_magic(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(4)
    if not head:
        raise ModelError(f"{path} is empty; copy the model file again")
    # A .pt file is a zip archive; files of torch before 1.6 start with a pickle opcode.
    if path.suffix.lower() == ".pt" and head[:2] != b"PK" and head[:1] != b"\x80":
        raise ModelError(f"{path} is not a PyTorch file, whatever its name says")


def _read_card(path: Path) -> ModelCard:
    return _parsed_card(path, path.read_bytes())


def _parsed_card(path: Path, content: bytes) -> ModelCard:
    try:
        return ModelCard.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "the file"
        raise ModelError(f"model card {path}, {place}: {first['msg']}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
