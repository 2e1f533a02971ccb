"""Tiles: labels stay on their things, the same seed gives the same tiles, scenes stay apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.dataset import read_dataset
from vision.models.lookalikes import cast_tree_shadows, draw_dappled_ground, draw_roof
from vision.models.recipe import FitRecipe, Recipe, TileRecipe
from vision.models.tiles import TileSet, coarsened, cut_tiles

Draw = Callable[[int, np.random.Generator], NDArray[np.uint8]]
RED = (20, 20, 230)
CAR_PX = 60
"""Length of the drawn cars; with `reference_m` 4.5 a picture has 7.5 cm/px."""


def recipe(**tiles: float | tuple[float, float]) -> Recipe:
    return Recipe(
        name="drawn",
        classes=("vehicle",),
        class_map={"car": "vehicle"},
        scenes={"one": ("one-*",), "two": ("two-*",)},
        validation_scenes=("two",),
        tiles=TileRecipe(
            **{
                "size_px": 256, "reference_class": "car", "reference_m": 4.5,
                "gsd_range_m": (0.05, 0.15), "per_picture": 12, "shadow_share": 0.0,
                "drawn_background_share": 0.25,
            } | tiles
        ),
        fit=FitRecipe(),
    )  # fmt: skip


def draw_dataset(folder: Path, pictures: int = 3) -> Path:
    """Draw red cars, far apart, on grey; label them, and one thing that is not wanted."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("car\ndog\n", "utf-8")
    width, height = 900, 700
    for scene in ("one", "two"):
        for number in range(pictures):
            image = np.full((height, width, 3), 120, np.uint8)
            lines = ["1 0.5 0.5 0.02 0.02"]
            for row in range(3):
                for column in range(4):
                    upright = rng.random() < 0.5
                    w, h = (28, CAR_PX) if upright else (CAR_PX, 28)
                    x0 = int(40 + column * 215 + rng.integers(0, 90))
                    y0 = int(40 + row * 225 + rng.integers(0, 90))
                    cv2.rectangle(image, (x0, y0), (x0 + w - 1, y0 + h - 1), RED, -1)
                    lines.append(
                        f"0 {(x0 + w / 2) / width:.6f} {(y0 + h / 2) / height:.6f} "
                        f"{w / width:.6f} {h / height:.6f}"
                    )
            cv2.imwrite(str(folder / f"{scene}-{number}.png"), image)
            (folder / f"{scene}-{number}.txt").write_text("\n".join(lines), "utf-8")
    return folder


def tiles_of(out: Path, split: str) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """Yield each tile cut from a picture, with its boxes in pixels, shape (N, 4)."""
    for path in sorted((out / "images" / split).glob("*-*-*.jpg")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert image is not None
        text = (out / "labels" / split / f"{path.stem}.txt").read_text("utf-8")
        rows = np.array([[float(v) for v in ln.split()] for ln in text.splitlines()]).reshape(-1, 5)
        size = image.shape[0]
        half = rows[:, 3:] / 2
        yield (
            np.asarray(image, np.uint8),
            np.hstack([rows[:, 1:3] - half, rows[:, 1:3] + half]) * size,
        )


def red_boxes(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the boxes around what is red, and not merely a sliver, shape (N, 4)."""
    blue, green, red = (image[..., i].astype(int) for i in range(3))
    mask = ((red - (blue + green) // 2) > 90).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    kept = [stats[i] for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= 12]
    return np.array([[x, y, x + w, y + h] for x, y, w, h, _ in kept], np.float64).reshape(-1, 4)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_dataset(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def cut(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TileSet]:
    out = tmp_path_factory.mktemp("tiles")
    return out, cut_tiles(read_dataset(dataset), recipe(), out)


@pytest.mark.parametrize("split", ["train", "val"])
def test_labels_lie_on_their_things_after_cutting_turning_and_scaling(
    cut: tuple[Path, TileSet], split: str
) -> None:
    out, _ = cut
    matched = 0
    for image, labelled in tiles_of(out, split):
        seen = red_boxes(image)
        for box in labelled:
            assert len(seen), "a label where nothing is"
            # JPEG blurs colour over a few pixels; a wrong turn would be off by dozens.
            off = np.abs(seen - box).max(axis=1)
            assert off.min() <= 4.0, (box, seen)
            matched += 1
        # What is seen and not labelled is cut by the tile's edge.
        size = image.shape[0]
        for box in seen:
            if not len(labelled) or np.abs(labelled - box).max(axis=1).min() > 4.0:
                assert min(box[0], box[1], size - box[2], size - box[3]) <= 2.0
    assert matched > 30


def test_tiles_lie_in_the_stated_range_of_ground_distances(cut: tuple[Path, TileSet]) -> None:
    out, report = cut
    assert report.scene_gsd_m == pytest.approx({"one": 0.075, "two": 0.075}, rel=0.01)
    lengths = np.array(
        [
            max(b[2] - b[0], b[3] - b[1])
            for _, boxes in tiles_of(out, "train")
            for b in boxes
            if b.min() > 2 and b.max() < 254
        ]
    )
    gsd_m = 4.5 / lengths
    assert gsd_m.min() >= 0.05 * 0.98
    assert gsd_m.max() <= 0.15 * 1.02
    assert gsd_m.max() / gsd_m.min() > 2, "the range is used"


@pytest.mark.parametrize("factor", [1.5, 3.0, 4.5])
def test_a_coarse_tile_keeps_its_size_and_its_things_and_loses_the_detail(factor: float) -> None:
    image = np.full((256, 256, 3), 120, np.uint8)
    image[100:140, 60:150] = RED
    image[::2, 180:] = 255
    image[1::2, 180:] = 0
    coarse = coarsened(image, factor, np.random.default_rng(3))
    assert coarse.shape == image.shape
    (box,) = red_boxes(coarse)
    assert np.abs(box - np.array([60, 100, 150, 140])).max() <= factor + 2
    assert image[:, 190:].std() > 100
    assert coarse[:, 190:].std() < 60


def test_scenes_are_never_on_both_sides(cut: tuple[Path, TileSet]) -> None:
    out, report = cut
    names = {s: {p.name for p in (out / "images" / s).iterdir()} for s in ("train", "val")}
    assert {n.partition("-")[0] for n in names["val"]} == {"two"}
    assert {n.partition("-")[0] for n in names["train"]} == {"one", "drawn"}
    assert (report.train_tiles, report.val_tiles) == (len(names["train"]), len(names["val"]))
    assert report.train_tiles == 3 * 12 + 9


def test_drawn_tiles_have_labels_where_things_are_pasted_and_nowhere_else(
    cut: tuple[Path, TileSet],
) -> None:
    out, _ = cut
    folder = out / "labels" / "train"
    labelled = {int(p.stem.split("-")[1]): bool(p.read_text()) for p in folder.glob("drawn-*.txt")}
    assert len(labelled) == 9
    # Every third is a roof, every third is bare ground.
    assert labelled == {number: number % 3 == 1 for number in range(9)}


def test_the_trainer_is_told_where_things_are(cut: tuple[Path, TileSet]) -> None:
    out, report = cut
    content = yaml.safe_load(report.data_yaml.read_text("utf-8"))
    assert content["names"] == {0: "vehicle"}
    assert read_dataset(out).splits == ("train", "val")
    assert read_dataset(out).problems == ()


def digest(out: Path) -> str:
    files = sorted(p for p in out.rglob("*") if p.suffix in {".jpg", ".txt"})
    parts = [p.name.encode() + p.read_bytes() for p in files]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_same_seed_gives_the_same_tiles(
    dataset: Path, cut: tuple[Path, TileSet], tmp_path: Path
) -> None:
    out, _ = cut
    cut_tiles(read_dataset(dataset), recipe(), tmp_path / "again")
    assert digest(tmp_path / "again") == digest(out)
    other = recipe().model_copy(update={"fit": FitRecipe(seed=8)})
    cut_tiles(read_dataset(dataset), other, tmp_path / "other")
    assert digest(tmp_path / "other") != digest(out)


def test_pictures_of_one_name_in_two_folders_are_all_cut(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        draw_dataset(tmp_path / "data" / folder, pictures=1)
    (tmp_path / "data" / "classes.txt").write_text("car\ndog\n", "utf-8")
    for folder in ("first", "second"):
        (tmp_path / "data" / folder / "classes.txt").unlink()
    report = cut_tiles(read_dataset(tmp_path / "data"), recipe(), tmp_path / "out")
    for split, count in (("train", report.train_tiles), ("val", report.val_tiles)):
        assert len(list((tmp_path / "out" / "images" / split).iterdir())) == count
        assert len(list((tmp_path / "out" / "labels" / split).iterdir())) == count


class TestRefused:
    def test_no_picture_of_any_scene(self, dataset: Path, tmp_path: Path) -> None:
        other = recipe().model_copy(update={"scenes": {"two": ("x-*",), "one": ("y-*",)}})
        with pytest.raises(ModelError, match=r"no picture .* matches a scene of recipe drawn"):
            cut_tiles(read_dataset(dataset), other, tmp_path)

    def test_nothing_to_tell_the_scale_by(self, dataset: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="scene one has no 'bus' to tell its scale by"):
            cut_tiles(read_dataset(dataset), recipe(reference_class="bus"), tmp_path)  # type: ignore[arg-type]

    def test_nothing_to_validate_on(self, dataset: Path, tmp_path: Path) -> None:
        other = recipe().model_copy(update={"validation_scenes": ()})
        with pytest.raises(ModelError, match="the recipe gives no val tiles"):
            cut_tiles(read_dataset(dataset), other, tmp_path)

    def test_a_picture_that_cannot_be_decoded(self, tmp_path: Path) -> None:
        folder = draw_dataset(tmp_path / "data", pictures=1)
        (folder / "one-0.png").write_bytes(b"no picture")
        with pytest.raises(ModelError, match=r"one-0\.png cannot be decoded; remove it"):
            cut_tiles(read_dataset(folder), recipe(), tmp_path / "out")


class TestLookalikes:
    @pytest.mark.parametrize("draw", [draw_dappled_ground, draw_roof])
    @pytest.mark.parametrize("size", [128, 416])
    def test_they_are_pictures_with_something_in_them(self, draw: Draw, size: int) -> None:
        for seed in range(6):
            image = draw(size, np.random.default_rng(seed))
            assert image.shape == (size, size, 3)
            assert image.dtype == np.uint8
            assert image.std() > 3

    def test_a_shadow_only_darkens_and_leaves_sunlit_ground(self) -> None:
        ground = np.full((256, 256, 3), 150, np.uint8)
        kept = ground.copy()
        shaded = cast_tree_shadows(ground, np.random.default_rng(3))
        assert (ground == kept).all(), "the picture that went in is not drawn on"
        assert (shaded <= ground).all()
        darker = (shaded.astype(int).sum(axis=2) < 400).mean()
        assert 0.005 < darker < 0.9
