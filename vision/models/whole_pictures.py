"""Training pictures from a dataset that has splits of its own, and no scale to be told.

Where `vision.models.tiles` brings aerial pictures to known ground sampling distances, this takes
pictures as they are, whole or in crops at their own resolution, keeps the dataset's splits, and
leaves out what would be on both sides of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from park.errors import ModelError
from vision.models.composites import vary_light
from vision.models.dataset import Dataset, LabelledPicture
from vision.models.near_duplicates import hashes_of, is_near, perceptual_hash
from vision.models.recipe import PictureRecipe, Recipe
from vision.models.tiles import TileSet, coarsened
from vision.models.yolo_layout import (
    Image,
    LabelledImage,
    LayoutWriter,
    NamedBox,
    read_image,
    write_data_yaml,
)

_MIN_VISIBLE = 0.4
"""Share of a thing that must lie in a crop to be labelled there."""

_MIN_SIDE_PX = 3.0
_JPEG_QUALITY = 92

_AROUND_A_THING = 0.8
"""Share of crops that are laid around a labelled thing; the others lie anywhere."""


def write_pictures(dataset: Dataset, recipe: Recipe, out: Path) -> TileSet:
    """Write the training and validation pictures of `recipe` in the YOLO layout.

    Raises:
        ModelError: when the recipe has no `[pictures]`, or a split is empty.
    """
    part = recipe.picture_rules
    rng = np.random.default_rng(recipe.fit.seed)
    learn, val = _split(dataset, part)
    writer = _writer(out, "val", recipe)
    hashes: list[int] = []
    for index, picture in enumerate(val):
        image = read_image(picture.path)
        hashes.append(perceptual_hash(image))
        if index % part.check_every:
            continue
        shown = LabelledImage(image, _boxes_px(image, picture, recipe))
        for number, crop in enumerate(_grid(shown, part) if part.crops else [shown]):
            writer.write(f"{writer.written:05d}-{picture.path.stem}-{number}", crop)
    val_count, writer = writer.written, _writer(out, "train", recipe)
    known = np.array(hashes, np.uint64)
    left_out: list[str] = []
    for picture, crops in zip(learn, _crops_each(learn, part), strict=True):
        if part.crops and not crops:
            continue
        image = read_image(picture.path)
        if part.duplicate_bits is not None and is_near(
            hashes_of(image), known, part.duplicate_bits
        ):
            left_out.append(picture.path.name)
            continue
        shown = LabelledImage(image, _boxes_px(image, picture, recipe))
        beside = () if shown.boxes else _beside_px(image, picture, part)
        for number, version in enumerate(_versions(shown, beside, part, crops, rng)):
            writer.write(
                f"{writer.written:05d}-{picture.path.stem}-{number}",
                _seen_otherwise(version, part, rng),
            )
    if not writer.written:
        raise ModelError(f"every picture of {dataset.folder} to learn from is near a checked one")
    return TileSet(
        write_data_yaml(out, recipe.classes), writer.written, val_count, {}, (), tuple(left_out)
    )


def _split(
    dataset: Dataset, part: PictureRecipe
) -> tuple[list[LabelledPicture], list[LabelledPicture]]:
    """Return the pictures to learn from, and those to check on."""
    found = []
    for what, splits in (("learn from", part.train_splits), ("check on", part.validation_splits)):
        chosen = [p for p in dataset.pictures if p.split in splits]
        if not chosen:
            there = ", ".join(split or "(none)" for split in dataset.splits)
            raise ModelError(
                f"{dataset.folder} has no pictures to {what}: the recipe wants the splits "
                f"{', '.join(splits)}, and there are {there}"
            )
        found.append(chosen)
    return found[0], found[1]


def _crops_each(learn: Sequence[LabelledPicture], part: PictureRecipe) -> list[int]:
    """Return how many crops are cut from each picture."""
    if part.per_dataset is None:
        return [part.crops] * len(learn)
    of_dataset = Counter(picture.folder for picture in learn)
    seen: Counter[Path] = Counter()
    counts = []
    for picture in learn:
        before, all_of_it = seen[picture.folder], of_dataset[picture.folder]
        due = (before + 1) * part.per_dataset // all_of_it
        counts.append(due - before * part.per_dataset // all_of_it)
        seen[picture.folder] += 1
    return counts


def _versions(
    shown: LabelledImage,
    beside: Sequence[NamedBox],
    part: PictureRecipe,
    crops: int,
    rng: np.random.Generator,
) -> Iterator[LabelledImage]:
    if not part.crops:
        yield from [shown] * part.copies
        return
    for _ in range(crops):
        yield _random_crop(shown, beside, part, rng)


def _random_crop(
    shown: LabelledImage,
    beside: Sequence[NamedBox],
    part: PictureRecipe,
    rng: np.random.Generator,
) -> LabelledImage:
    """Return a crop around a thing, or around one of `beside` where there is none, or anywhere."""
    zoom = _log_uniform(part.zoom_range, rng)
    height_px, width_px = shown.image_bgr.shape[:2]
    window = part.size_px / zoom
    around = shown.boxes or beside
    if around and (beside or rng.random() < _AROUND_A_THING):
        _, x0, y0, x1, y1 = around[int(rng.integers(len(around)))]
        if shown.boxes and part.thing_px_range is not None:
            wanted_px = _log_uniform(part.thing_px_range, rng)
            zoom = min(wanted_px / max(x1 - x0, y1 - y0), part.zoom_range[1])
            window = part.size_px / zoom
        x = (x0 + x1) / 2 - window * rng.uniform(0.1, 0.9)
        y = (y0 + y1) / 2 - window * rng.uniform(0.1, 0.9)
    else:
        # A picture smaller than the window lies anywhere in it.
        x = rng.uniform(*sorted((0.0, width_px - window)))
        y = rng.uniform(*sorted((0.0, height_px - window)))
    x = min(max(x, min(0.0, width_px - window)), max(0.0, width_px - window))
    y = min(max(y, min(0.0, height_px - window)), max(0.0, height_px - window))
    return _cut(shown, x, y, zoom, part.size_px)


def _log_uniform(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))


def _grid(shown: LabelledImage, part: PictureRecipe) -> Iterator[LabelledImage]:
    """Yield crops at the picture's own resolution that cover it evenly."""
    height_px, width_px = shown.image_bgr.shape[:2]
    for y in _starts(height_px, part.size_px):
        for x in _starts(width_px, part.size_px):
            yield _cut(shown, x, y, 1.0, part.size_px)


def _starts(length_px: int, window_px: int) -> list[float]:
    count = max(1, math.ceil(length_px / window_px))
    if count == 1:
        return [0.0]
    return [float(v) for v in np.linspace(0, length_px - window_px, count)]


def _cut(shown: LabelledImage, x_px: float, y_px: float, zoom: float, size: int) -> LabelledImage:
    source, further = shown.image_bgr, zoom
    if zoom < 1:  # a warp leaves out pixels; area averaging does not
        height_px, width_px = source.shape[:2]
        shape = (max(1, round(width_px * zoom)), max(1, round(height_px * zoom)))
        source = np.asarray(cv2.resize(source, shape, interpolation=cv2.INTER_AREA), np.uint8)
        further = 1.0
    matrix = np.array([[further, 0, -x_px * zoom], [0, further, -y_px * zoom]], np.float64)
    image = cv2.warpAffine(
        source, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(114, 114, 114)
    )
    boxes = []
    for name, *corners in shown.boxes:
        full = (np.array(corners) - (x_px, y_px, x_px, y_px)) * zoom
        seen = np.clip(full, 0, size)
        area = (full[2] - full[0]) * (full[3] - full[1])
        visible = (seen[2] - seen[0]) * (seen[3] - seen[1])
        if area > 0 and visible / area >= _MIN_VISIBLE:
            x0, y0, x1, y1 = (float(v) for v in seen)
            boxes.append((name, x0, y0, x1, y1))
    return LabelledImage(np.asarray(image, np.uint8), tuple(boxes))


def _seen_otherwise(
    shown: LabelledImage, part: PictureRecipe, rng: np.random.Generator
) -> LabelledImage:
    """Return the picture, by chance inverted, in another light and from further away."""
    image = shown.image_bgr
    if rng.random() < part.inverted_share:
        image = np.asarray(255 - image, np.uint8)
    if rng.random() < part.relit_share:
        grey = bool((image[..., 0] == image[..., 2]).all())
        image = vary_light(image, rng)
        if grey:  # a thermal picture has no colours to vary
            image = np.repeat(image[..., 1:2], 3, axis=2)
    if rng.random() < part.coarse_share:
        image = coarsened(image, float(np.exp(rng.uniform(*np.log(part.coarse_factors)))), rng)
    return LabelledImage(np.ascontiguousarray(image), shown.boxes)


def _boxes_px(image: Image, picture: LabelledPicture, recipe: Recipe) -> tuple[NamedBox, ...]:
    height_px, width_px = image.shape[:2]
    return tuple(
        (recipe.class_map[box.class_name], *box.xyxy_px(width_px, height_px))
        for box in picture.boxes
        if box.class_name in recipe.class_map
    )


def _beside_px(image: Image, picture: LabelledPicture, part: PictureRecipe) -> tuple[NamedBox, ...]:
    height_px, width_px = image.shape[:2]
    return tuple(
        (box.class_name, *box.xyxy_px(width_px, height_px))
        for box in picture.boxes
        if box.class_name in part.background_around
    )


def _writer(out: Path, split: str, recipe: Recipe) -> LayoutWriter:
    return LayoutWriter(
        out, split, recipe.classes, least_side_px=_MIN_SIDE_PX, jpeg_quality=_JPEG_QUALITY
    )
