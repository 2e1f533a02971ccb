"""Writing labelled pictures in the YOLO layout that ultralytics learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from park.errors import ModelError

Image = NDArray[np.uint8]
"""Pixels, shape (height, width, 3), in OpenCV's channel order."""

NamedBox = tuple[str, float, float, float, float]
"""A class name and x0, y0, x1, y1 in pixels of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """A picture as the model will see it, and what is in it, in its pixels."""

    image_bgr: Image
    boxes: tuple[NamedBox, ...]


class LayoutWriter:
    """Writes pictures and their labels into images/SPLIT and labels/SPLIT.

    Args:
        out: folder of the dataset.
        split: `train` or `val`.
        classes: of the model, in the order of its output.
        class_map: from the names of boxes to the model's; names that are the model's own where
            absent.
        least_side_px: boxes with a shorter side, once cut at the edge, are not labelled.
        jpeg_quality: 1 to 100.
    """

    def __init__(
        self,
        out: Path,
        split: str,
        classes: Sequence[str],
        *,
        class_map: Mapping[str, str] | None = None,
        least_side_px: float = 0.0,
        jpeg_quality: int = 95,
    ) -> None:
        self._images = out / "images" / split
        self._labels = out / "labels" / split
        self._images.mkdir(parents=True, exist_ok=True)
        self._labels.mkdir(parents=True, exist_ok=True)
        self._classes = tuple(classes)
        self._class_map = class_map
        self._least_side_px = least_side_px
        self._jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
        self.written = 0

    def write(self, stem: str, shown: LabelledImage) -> None:
        """Write one picture; one whose name is taken gets a number behind it.

        Raises:
            ModelError: it cannot be written.
        """
        picture = self._images / f"{stem}.jpg"
        if picture.exists():
            stem = f"{stem}-{self.written}"
            picture = self._images / f"{stem}.jpg"
        if not cv2.imwrite(str(picture), shown.image_bgr, self._jpeg):
            raise ModelError(f"{picture} cannot be written; is the disk full?")
        (self._labels / f"{stem}.txt").write_text("\n".join(self._lines(shown)), "utf-8")
        self.written += 1

    def _lines(self, shown: LabelledImage) -> list[str]:
        height_px, width_px = shown.image_bgr.shape[:2]
        lines = []
        for name, *corners in shown.boxes:
            x0, x1 = (float(v) for v in np.clip((corners[0], corners[2]), 0, width_px))
            y0, y1 = (float(v) for v in np.clip((corners[1], corners[3]), 0, height_px))
            if min(x1 - x0, y1 - y0) < self._least_side_px:
                continue
            known = name if self._class_map is None else self._class_map[name]
            cx, cy = (x0 + x1) / 2 / width_px, (y0 + y1) / 2 / height_px
            w, h = (x1 - x0) / width_px, (y1 - y0) / height_px
            lines.append(f"{self._classes.index(known)} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}")
        return lines


def write_data_yaml(out: Path, classes: Sequence[str]) -> Path:
    """Write the file that ultralytics reads a dataset by, beside images/train and images/val."""
    data_yaml = out / "data.yaml"
    content = {
        "path": str(out.resolve()),
        "train": "images/train",
        "val": "images/val",
        "names": dict(enumerate(classes)),
    }
    data_yaml.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return data_yaml


def read_image(path: Path) -> Image:
    """Return the pixels of a picture to learn from.

    Raises:
        ModelError: it cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"{path} cannot be decoded; remove it from the dataset or mend it")
    return np.asarray(image, np.uint8)
