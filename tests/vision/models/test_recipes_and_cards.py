"""Recipes and model cards: what ships is sound, and what is wrong is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from park.errors import ModelError
from vision.models.dataset import read_dataset
from vision.models.recipe import load_recipe, shipped_recipes
from vision.models.registry import resolve_model, shipped_models, write_thresholds

SOUND = """
name = "t"
classes = ["vehicle"]
validation_scenes = ["b"]
[class_map]
car = "vehicle"
[scenes]
a = ["a-*"]
b = ["b-*", "c?"]
[tiles]
reference_class = "car"
reference_m = 4.5
gsd_range_m = [0.05, 0.15]
"""


def recipe_file(folder: Path, old: str = "", new: str = "") -> str:
    assert old in SOUND
    path = folder / "own.toml"
    path.write_text(SOUND.replace(old, new) if old else SOUND, "utf-8")
    return str(path)


class TestRecipes:
    @pytest.mark.parametrize("name", shipped_recipes())
    def test_what_ships_loads(self, name: str) -> None:
        recipe = load_recipe(name)
        assert recipe.name == name
        if recipe.tiles is not None:
            scenes = set(recipe.scenes)
            assert set(recipe.validation_scenes) < scenes, "something is left to train on"
        assert set(recipe.class_map.values()) == set(recipe.classes), "nothing is never learned"

    def test_the_vehicle_recipe_ships(self) -> None:
        assert "vehicles" in shipped_recipes()

    def test_a_file_of_ones_own(self, tmp_path: Path) -> None:
        recipe = load_recipe(recipe_file(tmp_path))
        assert recipe.tile_rules.gsd_range_m == (0.05, 0.15)
        assert recipe.scene_of(Path("x/a-1.jpg")) == "a"
        assert recipe.scene_of(Path("c1.png")) == "b"
        assert recipe.scene_of(Path("d.png")) is None

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('name = "t"', "", "name: Field required"),
            ('name = "t"', 'name = "t"\nnmae = 1', "nmae: Extra inputs are not permitted"),
            ('["vehicle"]', "[]", "classes: .*at least 1 item"),
            ('car = "vehicle"', 'car = "ship"', r"class_map leads to \['ship'\], not in classes"),
            ('["b"]', '["z"]', r"validation_scenes names \['z'\], not in scenes"),
            ('reference_m = 4.5', "reference_m = 0", "tiles.reference_m: .*greater than 0"),
            ("[0.05, 0.15]", "[0.15, 0.05]", "tiles.gsd_range_m: .*finest, then the coarsest"),
            ("[0.05, 0.15]", "[0.0, 0.05]", "tiles.gsd_range_m: .*above zero"),
            ("[0.05, 0.15]", "[0.05]", "tiles.gsd_range_m"),
            ("[tiles]", "[tiles]\nsize_px = 400", "tiles.size_px: .*multiple of 32"),
            ("[tiles]", "[tiles]\nper_picture = 0", "tiles.per_picture"),
            ("[tiles]", "[fit]\nepochs = 0\n[tiles]", "fit.epochs: .*greater than or equal to 1"),
            ("[tiles]", "[fit]\nmosaic = 2\n[tiles]", "fit.mosaic"),
            ("[tiles]", "[tiles", "is not TOML"),
            ("[tiles]", "[pictures]\n[tiles]", r"give either \[tiles\] or \[pictures\]"),
        ],
    )  # fmt: skip
    def test_each_wrong_key_is_named(
        self, tmp_path: Path, old: str, new: str, message: str
    ) -> None:
        path = recipe_file(tmp_path, old, new)
        with pytest.raises(ModelError, match=rf"recipe {path}.*{message}"):
            load_recipe(path)

    def test_no_such_recipe(self) -> None:
        with pytest.raises(ModelError, match=r"no recipe 'ships': neither a file nor .*vehicles"):
            load_recipe("ships")

    def test_validation_pictures_come_from_scenes_that_are_never_trained_on(
        self, shared_data: Path
    ) -> None:
        recipe = load_recipe("vehicles")
        pictures = read_dataset(shared_data / "labelled" / "vehicles_aerial").pictures
        scenes: dict[str, set[str]] = {"train": set(), "val": set()}
        for picture in pictures:
            matching = [s for s in recipe.scenes if recipe.scene_of(picture.path) == s]
            assert len(matching) == 1, f"{picture.path.name} belongs to no scene"
            split = "val" if matching[0] in recipe.validation_scenes else "train"
            # A flight is what its file names share; frames of one flight are neighbours.
            scenes[split].add(picture.path.stem.rpartition("-")[0] or matching[0])
        assert scenes["train"]
        assert scenes["val"]
        assert scenes["train"].isdisjoint(scenes["val"])


class TestModels:
    @pytest.mark.parametrize("name", shipped_models())
    def test_what_ships_is_small_and_says_what_it_knows(self, name: str) -> None:
        model = resolve_model(name)
        assert model.path.stat().st_size < 12e6
        assert model.has_card
        card = model.card
        assert card.name == name
        assert card.classes
        assert set(card.aliases.values()) <= set(card.classes)
        assert set(card.size_range_m) <= set(card.classes)
        if card.gsd_range_m and card.gsd_best_m:
            assert card.gsd_range_m[0] < card.gsd_best_m < card.gsd_range_m[1]

    def test_a_model_is_known_by_its_content(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.pt"
        path.write_bytes(b"PK\3\4 weights")
        model = resolve_model(str(path))
        assert model.sha256 == hashlib.sha256(b"PK\3\4 weights").hexdigest()
        assert model.model_id == f"mine@{model.sha256[:12]}"
        assert not model.has_card

    def test_a_card_beside_the_weights_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "mine.onnx").write_bytes(b"\x08")
        card = {"name": "own", "gsd_range_m": [0.1, 0.2], "gsd_best_m": 0.15}
        (tmp_path / "mine.json").write_text(json.dumps(card), "utf-8")
        model = resolve_model(str(tmp_path / "mine.onnx"))
        assert model.has_card
        assert model.card.gsd_range_m == (0.1, 0.2)

    def test_thresholds_are_written_and_the_rest_of_the_card_stays(self, tmp_path: Path) -> None:
        (tmp_path / "mine.pt").write_bytes(b"PK\3\4")
        card = {"name": "own", "classes": ["flame", "smoke"], "input_px": 320, "note": "kept"}
        (tmp_path / "mine.json").write_text(json.dumps(card), "utf-8")
        model = resolve_model(str(tmp_path / "mine.pt"))
        path = write_thresholds(model, {"flame": 0.4, "smoke": 0.31}, 0.8)
        read = resolve_model(str(tmp_path / "mine.pt")).card
        assert (read.threshold_of("flame"), read.threshold_of("smoke")) == (0.4, 0.31)
        assert (read.threshold, read.threshold_precision, read.input_px) == (0.31, 0.8, 320)
        assert json.loads(path.read_text("utf-8"))["note"] == "kept"

    def test_a_model_without_a_card_gets_one(self, tmp_path: Path) -> None:
        (tmp_path / "mine.pt").write_bytes(b"PK\3\4")
        write_thresholds(resolve_model(str(tmp_path / "mine.pt")), {"cone": 0.5}, 0.9)
        card = resolve_model(str(tmp_path / "mine.pt")).card
        assert (card.name, card.classes, card.threshold) == ("mine", ("cone",), 0.5)

    def test_thresholds_of_classes_that_the_model_does_not_know(self, tmp_path: Path) -> None:
        (tmp_path / "mine.pt").write_bytes(b"PK\3\4")
        (tmp_path / "mine.json").write_text('{"name": "own", "classes": ["cone"]}', "utf-8")
        model = resolve_model(str(tmp_path / "mine.pt"))
        with pytest.raises(ModelError, match=r"thresholds names \['vest'\], not in classes"):
            write_thresholds(model, {"vest": 0.5}, 0.9)
        assert not resolve_model(str(tmp_path / "mine.pt")).card.thresholds

    @pytest.mark.parametrize(
        ("card", "message"),
        [
            ({}, "name: Field required"),
            ({"name": "m", "threshold": 2}, "threshold: .*less than 1"),
            ({"name": "m", "gsd_range_m": [0.2, 0.1]}, "gsd_range_m: .*smaller limit first"),
            ({"name": "m", "object_px_range": [0, 0]}, "object_px_range: .*above zero"),
            ({"name": "m", "input_px": 0}, "input_px"),
            ([], "the file"),
        ],
    )
    def test_a_wrong_card_is_named(self, tmp_path: Path, card: object, message: str) -> None:
        (tmp_path / "mine.pt").write_bytes(b"PK\3\4")
        (tmp_path / "mine.json").write_text(json.dumps(card), "utf-8")
        with pytest.raises(ModelError, match=rf"model card .*mine\.json, {message}"):
            resolve_model(str(tmp_path / "mine.pt"))

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("none.pt", None, r"no model .*none\.pt': not a file, and not one of .*vehicles"),
            ("empty.pt", b"", r"empty\.pt is empty; copy the model file again"),
            ("text.pt", b"hello", r"text\.pt is not a PyTorch file, whatever its name says"),
            ("model.h5", b"x", r"its name ends in \.h5, and \.pt or \.onnx is expected"),
            ("model", b"x", r"its name ends in nothing, and"),
        ],
    )
    def test_what_is_plainly_no_model(
        self, tmp_path: Path, name: str, content: bytes | None, message: str
    ) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=message):
            resolve_model(str(tmp_path / name))
