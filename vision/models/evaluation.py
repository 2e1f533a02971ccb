"""How well a model does on labelled pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from park.errors import ModelError
from park.picture import Pixels
from park.records import Detection, Frame
from vision.detect import Detector
from vision.models.curve import CurvePoint, precision_recall_curve
from vision.models.dataset import Dataset, LabelledPicture, read_dataset
from vision.models.registry import ModelFile
from vision.slicing import GsdAt

if TYPE_CHECKING:
    import supervision as sv

_AP_CONFIDENCE = 0.01
"""Average precision needs the unsure boxes as well."""

_THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one class, or of all together.

    Attributes:
        labels: how many labelled things there are.
        ap50: average precision at an overlap of 0.5.
        ap50_95: mean of the average precision at overlaps 0.50, 0.55, ... 0.95.
        precision: share of boxes above the threshold that are right, at an overlap of 0.5.
        recall: share of labelled things found above the threshold.
    """

    labels: int
    ap50: float
    ap50_95: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        model_id: which model.
        data: the folder of the dataset.
        split: the split that was used, "" for all pictures.
        pictures: how many.
        threshold: the confidence at which precision and recall hold.
        overall: all classes together (average precision: the mean over classes).
        per_class: class name to its figures.
        mapping: label name to the class it counted as, where they differ.
        ignored: label names that the model does not know.
        problems: labels or pictures that were refused.
        curve: precision and recall at thresholds from 0.05 to 0.95.
    """

    model_id: str
    data: str
    split: str
    pictures: int
    threshold: float
    overall: Score
    per_class: dict[str, Score]
    mapping: dict[str, str]
    ignored: tuple[str, ...]
    problems: tuple[str, ...]
    curve: tuple[CurvePoint, ...] = ()


def evaluate(
    model: ModelFile,
    data: Path,
    *,
    mapping: Mapping[str, str],
    split: str | None = None,
    scenes: Sequence[str] = (),
    gsd_m: float | None = None,
    threshold: float | None = None,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Run a model over labelled pictures and compare.

    Args:
        model: the model.
        data: folder of a YOLO dataset.
        mapping: renames classes, of the labels and of the model alike; "" drops a class.
        split: "train", "val" or "test"; None takes "val" where there is one, else everything.
        scenes: file name patterns; only pictures that match one are used. Empty for all.
        gsd_m: metres per pixel of the pictures; None when not known, and then the scale is
            sought as for footage without a pose.
        threshold: confidence for precision and recall; None takes the model's own.
        on_picture: told pictures done and in all.

    Raises:
        ModelError: when the dataset cannot be read, or has no class that the model knows.
    """
    dataset, used_split = _chosen(read_dataset(data), split, scenes)
    detector = Detector(model, confidence=_AP_CONFIDENCE)
    threshold = detector.model.card.threshold if threshold is None else threshold
    full_map = _full_mapping(dataset.class_names, detector, mapping)
    known = tuple(dict.fromkeys(mapping.get(n, n) for n in detector.classes))
    ignored = tuple(n for n in dataset.class_names if full_map[n] and full_map[n] not in known)
    dataset = dataset.mapped(full_map | dict.fromkeys(ignored, ""))
    if not dataset.class_names:
        raise ModelError(
            f"the labels of {data} ({', '.join(ignored)}) and the model ({', '.join(known)}) have "
            "no class in common; map them, for example --map "
            f"{ignored[0] if ignored else 'label'}={known[0]}"
        )
    names = tuple(n for n in known if n in dataset.class_names)
    problems = list(dataset.problems)
    gsd_at: GsdAt | None = None if gsd_m is None else lambda x, y: gsd_m
    predictions: list[sv.Detections] = []
    targets: list[sv.Detections] = []
    frames = _frames(dataset.pictures, gsd_at, problems)
    for count, (picture, found) in enumerate(_detected(detector, frames), start=1):
        width_px, height_px = found.frame.width_px, found.frame.height_px
        predictions.append(_as_predictions(found.detections, mapping, names))
        targets.append(_as_targets(picture, width_px, height_px, names))
        on_picture(count, len(dataset.pictures))
    if not predictions:
        raise ModelError(f"no picture of {data} could be read")
    overall, per_class = _scores(predictions, targets, names, threshold)
    return Evaluation(
        model_id=model.model_id,
        data=str(data),
        split=used_split,
        pictures=len(predictions),
        threshold=threshold,
        overall=overall,
        per_class=per_class,
        mapping={k: v for k, v in full_map.items() if k != v},
        ignored=ignored,
        problems=tuple(problems),
        curve=precision_recall_curve(predictions, targets, _THRESHOLDS),
    )


def _chosen(dataset: Dataset, split: str | None, scenes: Sequence[str]) -> tuple[Dataset, str]:
    from dataclasses import replace
    from fnmatch import fnmatch

    if split is None:
        split = "val" if "val" in dataset.splits else ""
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


def _full_mapping(
    labels: Sequence[str], detector: Detector, mapping: Mapping[str, str]
) -> dict[str, str]:
    """Return label name to class: what the user said, then what the model's card says."""
    full = {}
    for label in labels:
        if label in mapping:
            full[label] = mapping[label]
        elif label not in detector.classes and label in detector.card.aliases:
            alias = detector.card.aliases[label]
            full[label] = mapping.get(alias, alias)
        else:
            full[label] = label
    return full


def _frames(
    pictures: Sequence[LabelledPicture], gsd_at: GsdAt | None, problems: list[str]
) -> Iterator[tuple[LabelledPicture, Frame, GsdAt | None]]:
    for picture in pictures:
        image = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
        if image is None:
            problems.append(f"{picture.path}: cannot be decoded")
            continue
        frame = Frame(
            Pixels(np.asarray(image, np.uint8)), _NO_TIME, None, str(picture.path), 0.0, "data"
        )
        yield picture, frame, gsd_at


def _detected(
    detector: Detector, frames: Iterable[tuple[LabelledPicture, Frame, GsdAt | None]]
) -> Iterator[tuple[LabelledPicture, Any]]:
    waiting: list[LabelledPicture] = []

    def only_frames() -> Iterator[tuple[Frame, GsdAt | None]]:
        for picture, frame, gsd_at in frames:
            waiting.append(picture)
            yield frame, gsd_at

    for found in detector.detect_many(only_frames()):
        yield waiting.pop(0), found


def _as_predictions(
    detections: Sequence[Detection], mapping: Mapping[str, str], names: Sequence[str]
) -> sv.Detections:
    import supervision as sv

    kept = [
        (d, mapping.get(d.class_name, d.class_name))
        for d in detections
        if mapping.get(d.class_name, d.class_name) in names
    ]
    if not kept:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([d.box_xyxy_px for d, _ in kept], np.float32),
        confidence=np.array([d.confidence for d, _ in kept], np.float32),
        class_id=np.array([names.index(n) for _, n in kept], int),
    )


def _as_targets(
    picture: LabelledPicture, width_px: int, height_px: int, names: Sequence[str]
) -> sv.Detections:
    import supervision as sv

    if not picture.boxes:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([b.xyxy_px(width_px, height_px) for b in picture.boxes], np.float32),
        class_id=np.array([names.index(b.class_name) for b in picture.boxes], int),
    )


def _scores(
    predictions: list[sv.Detections],
    targets: list[sv.Detections],
    names: Sequence[str],
    threshold: float,
) -> tuple[Score, dict[str, Score]]:
    from supervision.metrics import AveragingMethod, MeanAveragePrecision, Precision, Recall

    ap = MeanAveragePrecision(max_detection_thresholds=(1, 10, 1000))
    ap_result = ap.update(predictions, targets).compute()
    sure = [_above(p, threshold) for p in predictions]
    precision = Precision(averaging_method=AveragingMethod.MICRO).update(sure, targets).compute()
    recall = Recall(averaging_method=AveragingMethod.MICRO).update(sure, targets).compute()
    counts = {
        name: sum(int(np.sum(np.asarray(t.class_id) == i)) for t in targets if len(t))
        for i, name in enumerate(names)
    }
    ap_of = _by_class(ap_result.matched_classes, ap_result.ap_per_class)
    precision_of = _by_class(precision.matched_classes, precision.precision_per_class)
    recall_of = _by_class(recall.matched_classes, recall.recall_per_class)
    per_class = {
        name: Score(
            counts[name],
            float(max(0.0, ap_of[i][0])) if i in ap_of else 0.0,
            float(max(0.0, np.mean(ap_of[i]))) if i in ap_of else 0.0,
            float(precision_of[i][0]) if i in precision_of else 0.0,
            float(recall_of[i][0]) if i in recall_of else 0.0,
        )
        for i, name in enumerate(names)
    }
    labelled = [s for s in per_class.values() if s.labels]
    overall = Score(
        sum(counts.values()),
        float(np.mean([s.ap50 for s in labelled])) if labelled else 0.0,
        float(np.mean([s.ap50_95 for s in labelled])) if labelled else 0.0,
        float(precision.precision_at_50),
        float(recall.recall_at_50),
    )
    return overall, per_class


def _above(found: sv.Detections, threshold: float) -> sv.Detections:
    import supervision as sv

    if not len(found):
        return found
    kept = np.asarray(found.confidence) >= threshold
    return sv.Detections(
        xyxy=found.xyxy[kept],
        confidence=np.asarray(found.confidence)[kept],
        class_id=np.asarray(found.class_id)[kept],
    )


def _by_class(classes: Any, values: Any) -> dict[int, Any]:  # noqa: ANN401 - no types there
    return {int(c): np.atleast_1d(v) for c, v in zip(classes, values, strict=True)}
