"""The scene detectors that know single pictures, fire and smoke, on real photos.

A photo is laid on 60 m of invented ground, since the detectors measure what they find; beyond
that nothing is taken into account but the picture. In patrols they see more, as things move.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ops.accuracy_code import SEEING, digest_of_code
from ops.accuracy_pooling import Share
from ops.accuracy_results import Results, digest_of_folder
from park.errors import ModelError
from park.geodesy import LocalFrame
from park.records import CornersView, Frame, JsonValue

if TYPE_CHECKING:
    from vision.models.dataset import LabelledPicture
    from vision.scene.detector import SceneDetector

_WIDE_M = 60.0
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_RECIPE = "fire-smoke"
"""Its recipe says which labels are flames and which smoke."""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos that the detectors are shown.

    Attributes:
        folder: of the dataset, below the folder of all.
        split: "train", "val", "test", or "" for all.
        title: what the pictures are, for people.
        labelled: whether flames and smoke are labelled; else there are none in it.
    """

    folder: str
    split: str
    title: str
    labelled: bool


PHOTOS = (
    PhotoSet("fire_smoke", "val", "fire and smoke, validation", True),
    PhotoSet("fire_smoke", "test", "fire and smoke, test", True),
    PhotoSet("smoke_fire_640", "", "fire and smoke, another collection", True),
    PhotoSet("vehicles_aerial", "", "vehicles from above", False),
    PhotoSet("ppe", "test", "building sites from the ground", False),
    PhotoSet("street_garbage", "val", "streets from the ground", False),
)


@dataclass(frozen=True, slots=True)
class PhotoFigures:
    """What a detector said of some photos.

    Attributes:
        detector: name and version.
        shown: the photos.
        right: photos that show it in which it was found, of all that show it.
        wrong: photos without it in which it was found, of all without it.
    """

    detector: str
    shown: PhotoSet
    right: Share
    wrong: Share

    @property
    def precision(self) -> Share:
        """Of the photos in which it was found, those that show it."""
        return Share(self.right.hits, self.right.hits + self.wrong.hits)


def measure_photos(
    shown: PhotoSet,
    data: Path,
    results: Results,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[PhotoFigures, ...]:
    """Show the photos to both detectors, or return what came of that before.

    Args:
        shown: the photos.
        data: folder of all datasets.
        results: where results are kept.
        on_picture: told photos done and in all.

    Raises:
        ModelError: the photos are not there or cannot be read.
    """
    from vision.scene.detector import model_id
    from vision.scene.flame import FlameDetector
    from vision.scene.smoke import SmokeDetector

    folder = data / shown.folder
    if not folder.is_dir():
        raise ModelError(f"no folder {shown.folder} in the data")
    detectors: dict[str, SceneDetector] = {"flame": FlameDetector(), "smoke": SmokeDetector()}
    facts: dict[str, JsonValue] = {
        "detectors": [model_id(detector) for detector in detectors.values()],
        "data": digest_of_folder(folder),
        "folder": shown.folder,
        "split": shown.split,
        "seen by": digest_of_code(SEEING),
    }
    known = results.get("photos", facts)
    if known is None:
        counts: Counter[str] = Counter()
        pictures = _pictures(folder, shown.split)
        names = _class_names()
        for number, picture in enumerate(pictures, 1):
            labels = {names.get(box.class_name, "") for box in picture.boxes}
            for kind, found in _found(picture.path, detectors):
                there = kind in labels if shown.labelled else False
                counts[f"{kind} {'with' if there else 'without'}"] += 1
                counts[f"{kind} {'right' if there else 'wrong'}"] += found
            on_picture(number, len(pictures))
        known = dict(counts)
        results.put("photos", facts, known)
    counted = {name: int(str(value)) for name, value in known.items()}
    return tuple(
        PhotoFigures(
            model_id(detector),
            shown,
            Share(counted.get(f"{kind} right", 0), counted.get(f"{kind} with", 0)),
            Share(counted.get(f"{kind} wrong", 0), counted.get(f"{kind} without", 0)),
        )
        for kind, detector in detectors.items()
    )


def _class_names() -> dict[str, str]:
    from vision.models.recipe import load_recipe

    return dict(load_recipe(_RECIPE).class_map)


def _pictures(folder: Path, split: str) -> tuple[LabelledPicture, ...]:
    from ops.accuracy_models import dataset_in
    from vision.models.dataset import read_dataset

    dataset = read_dataset(dataset_in(folder))
    return (dataset.only(split) if split else dataset).pictures


def _found(path: Path, detectors: dict[str, SceneDetector]) -> Iterator[tuple[str, bool]]:
    """Yield for each detector whether it finds anything in a photo."""
    import cv2
    import numpy as np
    from shapely.geometry import box

    from park.picture import Pixels
    from vision.observe import Sight
    from vision.scene.detector import WatchedZone
    from vision.scene.views import SceneViews

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"{path} cannot be decoded")
    height, width = image.shape[:2]
    ground = LocalFrame(0.0, 0.0)
    high_m = _WIDE_M * height / width
    corners = tuple(
        ground.to_lat_lon(east, north)
        for east, north in ((0.0, high_m), (_WIDE_M, high_m), (_WIDE_M, 0.0), (0.0, 0.0))
    )
    name = hashlib.sha256(str(path).encode()).hexdigest()
    seen = CornersView(width, height, (corners[0], corners[1], corners[2], corners[3]), 0.1)
    frame = Frame(Pixels(np.asarray(image, np.uint8)), _NO_TIME, seen, name, 0.0, name)
    view = SceneViews(ground).add(Sight.of(frame, None))
    everywhere = (WatchedZone("picture", box(-1.0, -1.0, _WIDE_M + 1.0, high_m + 1.0)),)
    for kind, detector in detectors.items():
        yield kind, bool(detector.fresh().look(view, everywhere))
