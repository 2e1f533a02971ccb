"""Training tiles: labelled pictures brought to known ground sampling distances and cut up.

What a model learns is as much a size in pixels as a look. The length of a common thing in each
scene tells the scene's metres per pixel, and tiles are drawn at distances spread evenly (in the
logarithm) over the range that the recipe states.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from park.errors import ModelError
from vision.models.composites import CutOut, cut_out, paste, vary_light
from vision.models.dataset import Dataset, LabelledPicture
from vision.models.lookalikes import cast_tree_shadows, draw_dappled_ground, draw_roof
from vision.models.recipe import Recipe
from vision.models.yolo_layout import (
    Image,
    LabelledImage,
    LayoutWriter,
    read_image,
    write_data_yaml,
)

_MIN_VISIBLE = 0.4
"""Share of a thing that must lie in a tile to be labelled there."""

_VALIDATION_GSD_M = 0.08

_COARSE_FACTORS = (1.5, 4.5)
"""How much coarser a coarse tile is; pictures are magnified up to four times at work."""


@dataclass(frozen=True, slots=True)
class TileSet:
    """What was cut, and where it was written.

    Attributes:
        data_yaml: the file to hand to the trainer.
        train_tiles: how many tiles to learn from.
        val_tiles: how many to validate on.
        scene_gsd_m: metres per pixel found for each scene.
        skipped: pictures that belong to no scene of the recipe.
        near_duplicates: pictures left out because they show what a validation picture shows.
    """

    data_yaml: Path
    train_tiles: int
    val_tiles: int
    scene_gsd_m: dict[str, float]
    skipped: tuple[str, ...]
    near_duplicates: tuple[str, ...] = ()


def cut_tiles(dataset: Dataset, recipe: Recipe, out: Path) -> TileSet:
    """Cut the training and validation tiles of `recipe` and write them in the YOLO layout.

    Raises:
        ModelError: when a scene has nothing to tell its scale by, or a split is empty.
    """
    by_scene, skipped = _by_scene(dataset, recipe)
    gsd_m = {scene: _scene_gsd_m(scene, pictures, recipe) for scene, pictures in by_scene.items()}
    counts = {"train": 0, "val": 0}
    things: list[CutOut] = []
    rng = np.random.default_rng(recipe.fit.seed)
    for scene, pictures in by_scene.items():
        split = "val" if scene in recipe.validation_scenes else "train"
        writer = LayoutWriter(out, split, recipe.classes, class_map=recipe.class_map)
        for picture in pictures:
            image = read_image(picture.path)
            tiles = (
                _grid_tiles(image, picture, gsd_m[scene], recipe)
                if split == "val"
                else _random_tiles(image, picture, gsd_m[scene], recipe, rng)
            )
            for number, tile in enumerate(tiles):
                stem = f"{scene}-{picture.path.stem}-{number}"
                if split == "val":
                    writer.write(stem, tile)
                else:
                    things.extend(_thing_of(tile, rng))
                    writer.write(stem, _seen_otherwise(tile, recipe, rng))
        counts[split] += writer.written
    for split, count in counts.items():
        if not count:
            raise ModelError(f"the recipe gives no {split} tiles from {dataset.folder}")
    writer = LayoutWriter(out, "train", recipe.classes, class_map=recipe.class_map)
    drawn = _write_drawn(writer, counts["train"], things, recipe, rng)
    data_yaml = write_data_yaml(out, recipe.classes)
    return TileSet(data_yaml, counts["train"] + drawn, counts["val"], gsd_m, skipped)


def _write_drawn(
    writer: LayoutWriter,
    train_tiles: int,
    things: list[CutOut],
    recipe: Recipe,
    rng: np.random.Generator,
) -> int:
    """Write drawn roofs and grounds, things standing on some of the grounds; return how many."""
    size = recipe.tile_rules.size_px
    for number in range(round(train_tiles * recipe.tile_rules.drawn_background_share)):
        if number % 3 == 0:
            tile = LabelledImage(draw_roof(size, rng), ())
        else:
            ground = draw_dappled_ground(size, rng)
            tile = (
                LabelledImage(*paste(ground, things, rng))
                if number % 3 == 1
                else LabelledImage(ground, ())
            )
        writer.write(f"drawn-{number}", _seen_otherwise(tile, recipe, rng))
    return writer.written


def _thing_of(tile: LabelledImage, rng: np.random.Generator) -> list[CutOut]:
    """Return one thing of a tile, cut out, in a list; none where none is whole."""
    if not tile.boxes:
        return []
    name, *box = tile.boxes[int(rng.integers(len(tile.boxes)))]
    found = cut_out(tile.image_bgr, name, (box[0], box[1], box[2], box[3]))
    return [found] if found is not None else []


def _seen_otherwise(tile: LabelledImage, recipe: Recipe, rng: np.random.Generator) -> LabelledImage:
    """Return the tile, by chance in another light and from further away."""
    image = tile.image_bgr
    if rng.random() < recipe.tile_rules.relit_share:
        image = vary_light(image, rng)
    if rng.random() < recipe.tile_rules.coarse_share:
        image = coarsened(image, float(np.exp(rng.uniform(*np.log(_COARSE_FACTORS)))), rng)
    return LabelledImage(image, tile.boxes)


def coarsened(image: Image, factor: float, rng: np.random.Generator) -> Image:
    """Return a picture as from `factor` times further away, compressed, and magnified again.

    This is what a model gets to see of footage whose ground sampling distance is coarser than
    the one it knows: as large as usual, and without the detail.
    """
    height_px, width_px = image.shape[:2]
    size = (max(8, round(width_px / factor)), max(8, round(height_px / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    quality = int(rng.integers(35, 90))
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    worn = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.asarray(cv2.resize(worn, (width_px, height_px)), np.uint8)


def _by_scene(
    dataset: Dataset, recipe: Recipe
) -> tuple[dict[str, list[LabelledPicture]], tuple[str, ...]]:
    by_scene: dict[str, list[LabelledPicture]] = {}
    skipped: list[str] = []
    for picture in dataset.pictures:
        scene = recipe.scene_of(picture.path)
        if scene is None:
            skipped.append(picture.path.name)
        else:
            by_scene.setdefault(scene, []).append(picture)
    if not by_scene:
        raise ModelError(
            f"no picture in {dataset.folder} matches a scene of recipe {recipe.name}; "
            "give each scene its file name patterns under [scenes]"
        )
    return by_scene, tuple(skipped)


def _scene_gsd_m(scene: str, pictures: Sequence[LabelledPicture], recipe: Recipe) -> float:
    lengths_px: list[float] = []
    for picture in pictures:
        height_px, width_px = read_image(picture.path).shape[:2]
        lengths_px.extend(
            max(box.w * width_px, box.h * height_px)
            for box in picture.boxes
            if box.class_name == recipe.tile_rules.reference_class
        )
    if not lengths_px:
        raise ModelError(
            f"scene {scene} has no {recipe.tile_rules.reference_class!r} to tell its scale by; "
            "choose another tiles.reference_class"
        )
    return recipe.tile_rules.reference_m / statistics.median(lengths_px)


def _random_tiles(
    image: Image,
    picture: LabelledPicture,
    gsd_m: float,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Iterator[LabelledImage]:
    size = recipe.tile_rules.size_px
    fine, coarse = recipe.tile_rules.gsd_range_m
    height_px, width_px = image.shape[:2]
    for _ in range(recipe.tile_rules.per_picture):
        target_m = math.exp(rng.uniform(math.log(fine), math.log(coarse)))
        scale = min(gsd_m / target_m, 2.2)
        window = size / scale
        x0 = rng.uniform(min(0.0, width_px - window), max(0.0, width_px - window))
        y0 = rng.uniform(min(0.0, height_px - window), max(0.0, height_px - window))
        tile = _cut(image, picture, scale, (x0, y0), recipe)
        if rng.random() < 0.5:
            tile = _quarter_turn(tile, size)
        if rng.random() < recipe.tile_rules.shadow_share:
            tile = LabelledImage(cast_tree_shadows(tile.image_bgr, rng), tile.boxes)
        yield tile


def _grid_tiles(
    image: Image, picture: LabelledPicture, gsd_m: float, recipe: Recipe
) -> Iterator[LabelledImage]:
    size = recipe.tile_rules.size_px
    scale = gsd_m / _VALIDATION_GSD_M
    window = size / scale
    height_px, width_px = image.shape[:2]
    for y0 in _starts(height_px, window):
        for x0 in _starts(width_px, window):
            yield _cut(image, picture, scale, (x0, y0), recipe)


def _starts(length_px: int, window_px: float) -> list[float]:
    """Return where windows start so that they cover a side evenly."""
    count = max(1, math.ceil(length_px / window_px))
    if count == 1:
        return [0.0]
    return [float(v) for v in np.linspace(0.0, length_px - window_px, count)]


def _cut(
    image: Image,
    picture: LabelledPicture,
    scale: float,
    corner_px: tuple[float, float],
    recipe: Recipe,
) -> LabelledImage:
    size = recipe.tile_rules.size_px
    x0, y0 = corner_px
    # Area averaging keeps shrunken pictures free of aliasing; a warp alone would not.
    shrink = min(1.0, scale)
    source = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    rest = scale / shrink
    matrix = np.array([[rest, 0, -x0 * scale], [0, rest, -y0 * scale]], np.float64)
    tile = cv2.warpAffine(
        source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(114, 114, 114)
    )
    height_px, width_px = image.shape[:2]
    boxes = []
    for box in picture.boxes:
        if box.class_name not in recipe.class_map:
            continue
        bx0, by0, bx1, by1 = box.xyxy_px(width_px, height_px)
        full = np.array([bx0 - x0, by0 - y0, bx1 - x0, by1 - y0]) * scale
        seen = np.clip(full, 0, size)
        area = (full[2] - full[0]) * (full[3] - full[1])
        visible = (seen[2] - seen[0]) * (seen[3] - seen[1])
        if area > 0 and visible / area >= _MIN_VISIBLE:
            sx0, sy0, sx1, sy1 = (float(v) for v in seen)
            boxes.append((box.class_name, sx0, sy0, sx1, sy1))
    return LabelledImage(np.asarray(tile, np.uint8), tuple(boxes))


def _quarter_turn(tile: LabelledImage, size: int) -> LabelledImage:
    turned = tuple((name, y0, size - x1, y1, size - x0) for name, x0, y0, x1, y1 in tile.boxes)
    return LabelledImage(np.ascontiguousarray(np.rot90(tile.image_bgr)), turned)
