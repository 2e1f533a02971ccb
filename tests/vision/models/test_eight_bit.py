"""Eight-bit forms lie beside the weights they were made of, and see what those see."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from park.errors import ModelError
from tests.vision.models.test_export import make_tiny_weights
from vision.models.engine import Engine
from vision.models.export import export_model
from vision.models.registry import ModelFile, resolve_model, shipped_models


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(5)
    paths = []
    for number in range(9):
        small = rng.integers(0, 255, (24, 40, 3), dtype=np.uint8)
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), cv2.resize(small, (400, 240)))
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_weights(tmp_path_factory.mktemp("small") / "tiny.pt")


@pytest.fixture(scope="module")
def made(tiny: Path, pictures: list[Path]) -> ModelFile:
    pytest.importorskip("nncf", reason="nncf makes eight-bit models: pip install .[quantize]")
    from vision.models.eight_bit import quantize

    report = quantize(resolve_model(str(tiny)), pictures)
    assert report.pictures == len(pictures)
    assert report.path == tiny.with_name("tiny.int8.zip")
    return resolve_model(str(tiny))


KEPT_AS_THEY_ARE = {"site-safety"}
"""Eight bits cost it people without hats (docs/decisions/eight-bit-models.md)."""


@pytest.mark.parametrize("name", sorted(set(shipped_models()) - KEPT_AS_THEY_ARE))
def test_each_shipped_model_runs_in_eight_bits_made_of_its_own_weights(name: str) -> None:
    model = resolve_model(name)
    exported = export_model(model)
    assert exported.eight_bit
    assert exported.classes == model.card.classes


def test_weights_and_their_eight_bit_forms_stay_small() -> None:
    parts = list(resolve_model("vehicles").path.parent.glob("*.*"))
    sizes = {path.name: path.stat().st_size for path in parts}
    assert max(sizes.values()) < 12e6
    assert sum(sizes.values()) < 60e6


def test_what_was_made_is_taken_by_the_engine_unless_asked_otherwise(
    made: ModelFile, pictures: list[Path]
) -> None:
    image = np.asarray(cv2.imread(str(pictures[3])), np.uint8)
    small, full = export_model(made), export_model(made, eight_bit=False)
    assert (small.eight_bit, full.eight_bit) == (True, False)
    assert (small.classes, small.input_px) == (full.classes, full.input_px)
    assert small.xml != full.xml
    for exported in (small, full):
        found = Engine(exported, confidence=0.001).run(image)
        assert np.isfinite(found.xyxy_px).all()
    assert small.xml.with_suffix(".bin").stat().st_size < 0.6 * (
        full.xml.with_suffix(".bin").stat().st_size
    )


def copied(made: ModelFile, folder: Path) -> ModelFile:
    shutil.copyfile(made.path, folder / "m.pt")
    shutil.copyfile(made.eight_bit_path, folder / "m.int8.zip")
    return resolve_model(str(folder / "m.pt"))


def test_a_form_made_of_other_weights_is_refused(made: ModelFile, tmp_path: Path) -> None:
    model = copied(made, tmp_path)
    make_tiny_weights(model.path)
    with pytest.raises(ModelError, match=r"made of other weights.*models quantize.*remove m.int8"):
        export_model(resolve_model(str(model.path)))
    assert not export_model(resolve_model(str(model.path)), eight_bit=False).eight_bit


@pytest.mark.parametrize("damage", ["cut", "empty", "part missing", "no facts"])
def test_a_damaged_form_is_refused_with_what_to_do(
    made: ModelFile, tmp_path: Path, damage: str
) -> None:
    model = copied(made, tmp_path)
    path = model.eight_bit_path
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        if damage == "part missing":
            del parts["model.bin"]
        else:
            parts["made.json"] = json.dumps({"classes": ["a"]}).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"m.int8.zip is damaged .*make it again with"):
        export_model(model)


def test_too_few_pictures_are_refused(tiny: Path, pictures: list[Path]) -> None:
    pytest.importorskip("nncf", reason="nncf makes eight-bit models: pip install .[quantize]")
    from vision.models.eight_bit import quantize

    broken = pictures[0].with_name("broken.jpg")
    broken.write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"^3 pictures that can be read are too few"):
        quantize(resolve_model(str(tiny)), [*pictures[:3], broken])
