"""Training pictures from a dataset with splits: nothing on both sides, nothing lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from park.errors import ModelError
from vision.models.dataset import read_dataset, read_datasets
from vision.models.recipe import Recipe, load_recipe
from vision.models.whole_pictures import write_pictures

RECIPE = """
name = "own"
classes = ["flame", "smoke"]
[class_map]
fire = "flame"
[pictures]
size_px = 128
PART
"""


def recipe(folder: Path, part: str = "") -> Recipe:
    path = folder / "own.toml"
    path.write_text(RECIPE.replace("PART", part), "utf-8")
    return load_recipe(str(path))


def photo(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 220, (6, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (200, 160), interpolation=cv2.INTER_CUBIC), np.uint8)


def shown_at(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, path
    return np.asarray(image, int)


def put(folder: Path, split: str, name: str, image: np.ndarray, labels: str) -> None:
    for kind in ("images", "labels"):
        (folder / split / kind).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / split / "images" / f"{name}.png"), image)
    (folder / split / "labels" / f"{name}.txt").write_text(labels, "utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "data.yaml").write_text("names: [fire, cloud]", "utf-8")
    for number in range(6):
        labels = "0 0.5 0.5 0.2 0.25\n1 0.2 0.2 0.1 0.1"
        put(folder, "train", f"t{number}", photo(number), labels)
    for number in range(3):
        put(folder, "valid", f"v{number}", photo(100 + number), "0 0.25 0.5 0.1 0.2")
    return folder


def written(out: Path, split: str) -> dict[str, list[list[float]]]:
    labels = {}
    for path in sorted((out / "labels" / split).glob("*.txt")):
        lines = path.read_text("utf-8").splitlines()
        labels[path.stem] = [[float(v) for v in line.split()] for line in lines]
    assert set(labels) == {p.stem for p in (out / "images" / split).glob("*.jpg")}
    return labels


def test_whole_pictures_keep_their_split_and_what_the_recipe_maps(
    tmp_path: Path, data: Path
) -> None:
    out = tmp_path / "out"
    tiles = write_pictures(read_dataset(data), recipe(tmp_path, "copies = 2"), out)
    assert (tiles.train_tiles, tiles.val_tiles) == (12, 3)
    assert list(written(out, "train").values()) == [[[0, 0.5, 0.5, 0.2, 0.25]]] * 12
    assert list(written(out, "val").values()) == [[[0, 0.25, 0.5, 0.1, 0.2]]] * 3
    content = yaml.safe_load(tiles.data_yaml.read_text("utf-8"))
    assert content["names"] == {0: "flame", 1: "smoke"}


def test_a_picture_that_is_also_in_the_validation_split_is_not_learned_from(
    tmp_path: Path, data: Path
) -> None:
    put(data, "train", "again", np.ascontiguousarray(photo(101)[:, ::-1]), "")
    tiles = write_pictures(read_dataset(data), recipe(tmp_path), tmp_path / "out")
    assert tiles.near_duplicates == ("again.png",)
    assert tiles.train_tiles == 6


def test_crops_keep_a_thing_where_it_is(tmp_path: Path, data: Path) -> None:
    part = "crops = 3\nrelit_share = 0.0\nzoom_range = [0.8, 1.6]"
    for path in (data / "train" / "images").glob("*.png"):
        image = photo(int(path.stem[1:]))
        cv2.rectangle(image, (80, 60), (119, 99), (0, 0, 255), -1)
        cv2.imwrite(str(path), image)
    out = tmp_path / "out"
    tiles = write_pictures(read_dataset(data), recipe(tmp_path, part), out)
    assert tiles.train_tiles == 18
    labelled = {k: v for k, v in written(out, "train").items() if v}
    assert len(labelled) > 12, "most crops are laid around a thing"
    for stem, boxes in labelled.items():
        shown = shown_at(out / "images" / "train" / f"{stem}.jpg")
        assert shown.shape == (128, 128, 3)
        _, cx, cy, w, h = boxes[0]
        blue, green, red = shown[int(cy * 128), int(cx * 128)]
        assert red > 180 > 60 > max(blue, green)
        assert 0.8 * 40 * 0.4 <= max(w, h) * 128 <= 1.6 * 40 + 1


def test_validation_crops_cover_the_picture_at_its_own_resolution(
    tmp_path: Path, data: Path
) -> None:
    tiles = write_pictures(read_dataset(data), recipe(tmp_path, "crops = 1"), tmp_path / "out")
    assert tiles.val_tiles == 3 * 2 * 2


def test_an_epoch_may_look_at_some_of_the_checked_pictures_and_learns_from_none(
    tmp_path: Path, data: Path
) -> None:
    put(data, "train", "again", photo(101), "")
    tiles = write_pictures(
        read_dataset(data), recipe(tmp_path, "check_every = 2"), tmp_path / "out"
    )
    assert tiles.val_tiles == 2
    assert tiles.near_duplicates == ("again.png",), "v1 is checked on, though not each epoch"


def test_inverted_pictures_exchange_black_and_white(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "out"
    part = "inverted_share = 1.0\nrelit_share = 0.0"
    write_pictures(read_dataset(data), recipe(tmp_path, part), out)
    shown = shown_at(out / "images" / "train" / "00000-t0-0.jpg")
    assert np.abs(shown - (255 - photo(0).astype(int))).mean() < 4
    checked = shown_at(out / "images" / "val" / "00000-v0-0.jpg")
    assert np.abs(checked - photo(100).astype(int)).mean() < 4, "validation stays as it is"


def test_a_grey_picture_stays_grey_in_another_light(tmp_path: Path, data: Path) -> None:
    for path in (data / "train" / "images").glob("*.png"):
        grey = cv2.cvtColor(shown_at(path).astype(np.uint8), cv2.COLOR_BGR2GRAY)
        cv2.imwrite(str(path), cv2.merge([grey] * 3))
    out = tmp_path / "out"
    write_pictures(read_dataset(data), recipe(tmp_path, "relit_share = 1.0"), out)
    for path in (out / "images" / "train").glob("*.jpg"):
        image = shown_at(path)
        assert np.abs(image[..., 0] - image[..., 2]).max() <= 2


def test_the_same_seed_gives_the_same_pictures(tmp_path: Path, data: Path) -> None:
    part = "crops = 2\ncoarse_share = 0.5\ninverted_share = 0.5"
    for name in ("one", "two"):
        write_pictures(read_dataset(data), recipe(tmp_path, part), tmp_path / name)
    for path in (tmp_path / "one").rglob("*.jpg"):
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()


class TestRefused:
    def test_a_split_that_is_not_there(self, tmp_path: Path, data: Path) -> None:
        own = recipe(tmp_path, 'validation_splits = ["test"]')
        with pytest.raises(ModelError, match=r"no pictures to check on: .* test, and there are"):
            write_pictures(read_dataset(data), own, tmp_path / "out")

    def test_nothing_that_is_not_also_checked_on(self, tmp_path: Path, data: Path) -> None:
        for number in range(6):
            put(data, "train", f"t{number}", photo(100), "")
        with pytest.raises(ModelError, match=r"every picture of .* is near a checked one"):
            write_pictures(read_dataset(data), recipe(tmp_path), tmp_path / "out")

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            ('train_splits = ["val"]', r"pictures: .*\['val'\] is both learned from and checked"),
            ("zoom_range = [2.0, 1.0]", r"pictures.zoom_range: .*the smaller, then the larger"),
            ("size_px = 100", r"is not TOML|size_px"),
            ("[tiles]\nreference_class='fire'\nreference_m=1\ngsd_range_m=[1,2]", "give either"),
        ],
    )
    def test_a_wrong_recipe(self, tmp_path: Path, part: str, message: str) -> None:
        with pytest.raises(ModelError, match=message):
            recipe(tmp_path, part)


def test_a_small_dataset_gives_as_many_crops_as_a_large_one(tmp_path: Path, data: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    (small / "data.yaml").write_text("names: [fire]", "utf-8")
    for number in range(2):
        put(small, "train", f"s{number}", photo(50 + number), "0 0.5 0.5 0.2 0.25")
    out = tmp_path / "out"
    own = recipe(tmp_path, "crops = 1\nper_dataset = 9")
    tiles = write_pictures(read_datasets([data, small]), own, out)
    of = Counter(stem.split("-")[1] for stem in written(out, "train"))
    assert tiles.train_tiles == 18
    assert sum(count for name, count in of.items() if name.startswith("s")) == 9
    assert set(of.values()) <= {1, 2, 4, 5}, "spread evenly over the pictures of each"


def test_a_crop_brings_a_thing_to_the_size_that_is_asked_for(tmp_path: Path, data: Path) -> None:
    part = "crops = 4\nzoom_range = [1.0, 2.0]\nthing_px_range = [12.0, 24.0]"
    out = tmp_path / "out"
    write_pictures(read_dataset(data), recipe(tmp_path, part), out)
    # A thing is 40 px long: crops around it are shrunk, and those of chance are magnified.
    sides = [max(w, h) * 128 for boxes in written(out, "train").values() for *_, w, h in boxes]
    around = [side for side in sides if side < 25.0]
    assert len(around) > len(sides) / 2
    assert min(around) > 11.0


def test_a_picture_smaller_than_a_crop_lies_whole_in_it(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "out"
    part = "crops = 6\nzoom_range = [0.3, 0.4]\nrelit_share = 0.0"
    write_pictures(read_dataset(data), recipe(tmp_path, part), out)
    for stem, boxes in written(out, "train").items():
        shown = shown_at(out / "images" / "train" / f"{stem}.jpg")
        around = np.abs(shown - 114).max(axis=2) < 12
        assert around.mean() > 0.5, "what is beyond the picture is grey"
        assert len(boxes) == 1


def test_what_is_said_of_crops_needs_crops(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"thing_px_range is of crops, and `crops` is 0"):
        recipe(tmp_path, "thing_px_range = [10.0, 20.0]")


def test_ground_to_learn_nothing_from_is_taken_where_it_is_known_what_stands(
    tmp_path: Path, data: Path
) -> None:
    for path in (data / "train" / "labels").glob("*.txt"):
        path.write_text("1 0.1 0.1 0.02 0.02", "utf-8")
    for path in (data / "train" / "images").glob("*.png"):
        image = np.full((1000, 1000, 3), 40, np.uint8)
        image[:200, :200] = 200
        cv2.imwrite(str(path), image)
    part = "crops = 3\nrelit_share = 0.0\nduplicate_bits = 0\n"
    out = tmp_path / "out"
    write_pictures(
        read_dataset(data), recipe(tmp_path, part + 'background_around = ["cloud"]'), out
    )
    crops = written(out, "train")
    assert len(crops) == 18
    for stem, boxes in crops.items():
        assert boxes == [], "a thing that is not learned has no label"
        bright = shown_at(out / "images" / "train" / f"{stem}.jpg") > 150
        assert bright.any(), "the crop lies around it"
