"""Labelled pictures in YOLO layouts, checked as they are read.

Layouts that are understood, all with one `class cx cy w h` line per box (fractions of the
picture):

* `images/` and `labels/` (with or without split folders below them) beside `data.yaml`, any
  other `*.yaml` with `names`, or `classes.txt`;
* `train/images`, `train/labels`, `valid/...`, `test/...` as annotation services export them;
* pictures and their `.txt` side by side, with `classes.txt` or `*.names`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import yaml

from park.errors import ModelError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_SPLIT_ALIASES = {
    "valid": "val",
    "validation": "val",
    "val": "val",
    "train": "train",
    "test": "test",
}
_NAME_FILES = ("classes.txt", "obj.names", "names.txt", "labels/classes.txt")
_SLACK = 0.05
"""How far outside the picture a label may reach; labelling tools round and overshoot."""


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """One labelled thing.

    Attributes:
        class_name: what it is.
        cx: centre, fraction of the picture's width.
        cy: centre, fraction of its height.
        w: width, fraction.
        h: height, fraction.
    """

    class_name: str
    cx: float
    cy: float
    w: float
    h: float

    def xyxy_px(self, width_px: int, height_px: int) -> tuple[float, float, float, float]:
        """Return the box in pixels of a picture of this size."""
        return (
            (self.cx - self.w / 2) * width_px,
            (self.cy - self.h / 2) * height_px,
            (self.cx + self.w / 2) * width_px,
            (self.cy + self.h / 2) * height_px,
        )


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture with all its labelled things.

    Attributes:
        path: the picture file.
        split: "train", "val", "test", or "" where the layout has no splits.
        boxes: what is in it; empty for a picture of background.
        folder: of the dataset that it is from.
    """

    path: Path
    split: str
    boxes: tuple[LabelledBox, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures and what was refused among them.

    Attributes:
        folder: where they are; the first, where several were joined.
        class_names: the names in the order of the label files' numbers.
        pictures: what can be used.
        problems: what was refused, one sentence each.
    """

    folder: Path
    class_names: tuple[str, ...]
    pictures: tuple[LabelledPicture, ...]
    problems: tuple[str, ...]

    def mapped(self, mapping: Mapping[str, str]) -> Dataset:
        """Return the same pictures with classes renamed, and classes mapped to "" dropped."""

        def rename(boxes: Sequence[LabelledBox]) -> tuple[LabelledBox, ...]:
            named = (replace(b, class_name=mapping.get(b.class_name, b.class_name)) for b in boxes)
            return tuple(b for b in named if b.class_name)

        names = dict.fromkeys(mapping.get(n, n) for n in self.class_names)
        return replace(
            self,
            class_names=tuple(n for n in names if n),
            pictures=tuple(replace(p, boxes=rename(p.boxes)) for p in self.pictures),
        )

    def only(self, split: str) -> Dataset:
        """Return the pictures of one split."""
        return replace(self, pictures=tuple(p for p in self.pictures if p.split == split))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, in alphabetical order."""
        return tuple(sorted({p.split for p in self.pictures}))


def read_datasets(folders: Sequence[Path]) -> Dataset:
    """Read the labelled pictures of several datasets as one; classes of one name are one class.

    Raises:
        ModelError: no folder, a folder twice, or one that cannot be read.
    """
    if not folders:
        raise ModelError("no dataset; --data wants the folder of a YOLO dataset")
    again = [folder for folder, times in Counter(folders).items() if times > 1]
    if again:
        raise ModelError(f"{again[0]} is given twice as --data; give each dataset once")
    datasets = [read_dataset(folder) for folder in folders]
    return Dataset(
        folders[0],
        tuple(dict.fromkeys(name for dataset in datasets for name in dataset.class_names)),
        tuple(picture for dataset in datasets for picture in dataset.pictures),
        tuple(problem for dataset in datasets for problem in dataset.problems),
    )


def read_dataset(folder: Path) -> Dataset:
    """Read every labelled picture under `folder`.

    Raises:
        ModelError: when there is no picture, no label or no list of class names.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder; --data wants the folder of a YOLO dataset")
    names = _class_names(folder)
    pictures: list[LabelledPicture] = []
    problems: list[str] = []
    paths = sorted(
        p
        for p in folder.rglob("*")
        # "._name.jpg" is what macOS leaves beside name.jpg.
        if p.suffix.lower() in PICTURE_SUFFIXES and not p.name.startswith(".") and p.is_file()
    )
    if not paths:
        raise ModelError(f"{folder} has no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    labelled = 0
    for path in paths:
        label_path = _label_path(path)
        labelled += label_path is not None
        boxes: tuple[LabelledBox, ...] = ()
        if label_path is not None:
            boxes, wrong = _read_labels(label_path, names)
            problems.extend(wrong)
            if wrong and not boxes:
                # Not a picture of background: nobody knows what is in it.
                problems.append(f"{path} is left out: no line of its labels could be used")
                continue
        pictures.append(LabelledPicture(path, _split_of(path, folder), boxes, folder))
    if not labelled:
        raise ModelError(
            f"{folder} has {len(paths)} pictures but no label files; labels/NAME.txt or NAME.txt "
            "beside each picture is expected"
        )
    if not pictures:
        raise ModelError(f"no label in {folder} can be used; the first: {problems[0]}")
    return Dataset(folder, names, tuple(pictures), tuple(problems))


def chosen_pictures(
    dataset: Dataset, split: str | None, scenes: Sequence[str], *, usual: str
) -> tuple[Dataset, str]:
    """Return the pictures of one split that match, and which split that is.

    Args:
        dataset: all of them.
        split: "train", "val" or "test"; None takes the usual one, or all where it is absent.
        scenes: patterns of file names without their ending; empty for all.
        usual: the split that is taken where none is named.

    Raises:
        ModelError: there are none.
    """
    if split is None:
        split = usual if usual in dataset.splits else ""
    elif split not in dataset.splits:
        raise ModelError(
            f"{dataset.folder} has no {split!r} pictures; its splits are "
            f"{', '.join(s or '(none)' for s in dataset.splits)}"
        )
    if split:
        dataset = dataset.only(split)
    if scenes:
        kept = tuple(p for p in dataset.pictures if any(fnmatch(p.path.stem, s) for s in scenes))
        if not kept:
            raise ModelError(f"no picture of {dataset.folder} matches {', '.join(scenes)}")
        dataset = replace(dataset, pictures=kept)
    return dataset, split


def _class_names(folder: Path) -> tuple[str, ...]:
    described = sorted(folder.glob("*.y*ml")) + sorted(folder.glob("*/*.y*ml"))
    # data.yaml is what the layout calls it; others may describe a model or another set.
    for path in sorted(described, key=lambda p: p.stem != "data"):
        names = _names_of_yaml(path)
        if names:
            return names
    listed = [folder / n for n in _NAME_FILES] + sorted(folder.glob("*.names"))
    for path in listed:
        if path.is_file():
            lines = _text(path).rstrip().splitlines()
            return _checked_names(path, [ln.strip() for ln in lines])
    raise ModelError(
        f"{folder} has no list of class names; add a data.yaml with `names:` or a classes.txt "
        "with one name a line, in the order of the numbers in the label files"
    )


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    try:
        content = yaml.safe_load(_text(path))
    except yaml.YAMLError as error:
        raise ModelError(f"{path} is not readable YAML: {error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        by_number = {str(key): name for key, name in names.items()}
        if set(by_number) != {str(i) for i in range(len(names))}:
            raise ModelError(
                f"{path}: names is numbered {', '.join(by_number)}; number it 0 to {len(names) - 1}"
            )
        names = [by_number[str(i)] for i in range(len(names))]
    return _checked_names(path, [str(n) for n in names]) if isinstance(names, list) else ()


def _text(path: Path) -> str:
    """Return a small text file; bytes that are not UTF-8 (mostly in comments) are marked."""
    try:
        return path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _checked_names(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    for number, name in enumerate(names):
        if not name:
            raise ModelError(f"{path}: class {number} has no name; every number needs one")
        if "\N{REPLACEMENT CHARACTER}" in name:
            raise ModelError(f"{path}: the name of class {number} is not UTF-8; save it as UTF-8")
    return tuple(names)


def _label_path(picture: Path) -> Path | None:
    beside = picture.with_suffix(".txt")
    if beside.is_file():
        return beside
    parts = list(picture.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            there = Path(*parts).with_suffix(".txt")
            return there if there.is_file() else None
    return None


def _split_of(picture: Path, folder: Path) -> str:
    for part in picture.relative_to(folder).parts[:-1]:
        name = part.lower().rstrip("0123456789")  # train2017
        if name in _SPLIT_ALIASES:
            return _SPLIT_ALIASES[name]
    return ""


def _read_labels(
    path: Path, names: Sequence[str]
) -> tuple[tuple[LabelledBox, ...], tuple[str, ...]]:
    boxes: list[LabelledBox] = []
    problems: list[str] = []
    try:
        content = path.read_bytes()
    except OSError as error:
        return (), (f"{path} cannot be read: {error.strerror}",)
    if b"\0" in content:
        return (), (f"{path} is not a text file",)
    text = content.decode("utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            boxes.append(_read_line(line, names))
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")
    return tuple(boxes), tuple(problems)


def _read_line(line: str, names: Sequence[str]) -> LabelledBox:
    fields = line.split()
    if len(fields) < 5:
        raise ValueError(f"{len(fields)} values where `class cx cy w h` is expected")
    number = _class_number(fields[0])
    if not 0 <= number < len(names):
        raise ValueError(f"class {number} but only {len(names)} names are listed")
    values = [float(v) for v in fields[1:]]
    if not all(math.isfinite(v) for v in values):
        raise ValueError("a value is not a number")
    if len(values) > 5:  # a polygon: take the box around it
        if len(values) % 2:
            raise ValueError(
                f"{len(values)} coordinates; a polygon has an x and a y for each point"
            )
        xs, ys = values[0::2], values[1::2]
        x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    else:
        cx, cy, w, h = values[:4]
        x0, x1, y0, y1 = cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2
    if min(x0, y0) < -_SLACK or max(x1, y1) > 1 + _SLACK:
        raise ValueError("the box reaches outside the picture; fractions (0 to 1) are expected")
    x0, x1 = max(0.0, x0), min(1.0, x1)
    y0, y1 = max(0.0, y0), min(1.0, y1)
    if x1 - x0 <= 0 or y1 - y0 <= 0:
        raise ValueError("the box is empty or outside the picture")
    return LabelledBox(names[number], (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)


def _class_number(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:20]!r} is not a class number") from None
    if not value.is_integer():
        raise ValueError(f"{text[:20]!r} is not a class number")
    return int(value)
