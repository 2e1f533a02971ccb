"""How well a model does on labelled pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from park.picture import Pixels
from park.records import Detection, Frame
from park.taxonomy import class_key
from vision.detect import Detector
from vision.models.calibration import Calibration, SizeScore, by_size, calibration
from vision.models.curve import (
    CurvePoint,
    best_f1,
    fine_thresholds,
    precision_recall_curve,
    threshold_for,
)
from vision.models.dataset import Dataset, LabelledPicture, chosen_pictures, read_dataset
from vision.models.registry import ModelFile
from vision.models.verdicts import Verdicts, judge
from vision.models.worst import write_worst
from vision.slicing import GsdAt

if TYPE_CHECKING:
    import supervision as sv

_AP_CONFIDENCE = 0.01
"""Average precision needs the unsure boxes as well."""

_THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))

_NOT_MEASURED = Calibration((), 0.0)

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
        threshold: the confidence at which precision and recall hold; None where each class has
            its own.
        hits: how many labelled things were found above the threshold.
        boxes: how many boxes are above it.
    """

    labels: int
    ap50: float
    ap50_95: float
    precision: float
    recall: float
    threshold: float | None = None
    hits: int = 0
    boxes: int = 0


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """The threshold that a stated precision asks for.

    Attributes:
        class_name: of which class.
        wanted_precision: the precision that was asked for.
        point: where it is reached; the best compromise of precision and recall (F1) where it is
            not.
        reached: whether it is.
    """

    class_name: str
    wanted_precision: float
    point: CurvePoint
    reached: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        model_id: which model.
        data: the folder of the dataset.
        split: the split that was used, "" for all pictures.
        pictures: how many.
        threshold: the confidence at which precision and recall hold, where a class has none of
            its own.
        overall: all classes together (average precision: the mean over classes).
        per_class: class name to its figures.
        mapping: label name to the class it counted as, where they differ.
        ignored: label names that the model does not know.
        problems: labels or pictures that were refused.
        curve: precision and recall at thresholds from 0.05 to 0.95.
        sizes: precision and recall by the size of things.
        calibration: whether confidence can be taken at its word.
        chosen: the threshold of each class for the precision that was asked for, if any was.
        worst: pictures of mistakes that were written.
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
    sizes: tuple[SizeScore, ...] = ()
    calibration: Calibration = _NOT_MEASURED
    chosen: tuple[ChosenThreshold, ...] = ()
    worst: tuple[Path, ...] = ()


def evaluate(
    model: ModelFile,
    data: Path,
    *,
    mapping: Mapping[str, str],
    split: str | None = None,
    scenes: Sequence[str] = (),
    gsd_m: float | None = None,
    threshold: float | None = None,
    precision: float | None = None,
    worst: Path | None = None,
    eight_bit: bool = True,
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
        precision: share of right boxes to choose a threshold for; None chooses none.
        worst: folder for pictures of the worst misses and false alarms; None writes none.
        eight_bit: take the model's eight-bit form where there is one, as runs do.
        on_picture: told pictures done and in all.

    Raises:
        ModelError: when the dataset cannot be read, or has no class that the model knows.
    """
    dataset, used_split = chosen_pictures(read_dataset(data), split, scenes, usual="val")
    detector = Detector(model, confidence=_AP_CONFIDENCE, eight_bit=eight_bit)
    dataset, full_map, ignored = _in_common(dataset, detector, mapping)
    known = dict.fromkeys(mapping.get(n, n) for n in detector.classes)
    names = tuple(n for n in known if n in dataset.class_names)
    looked = _look(detector, dataset, mapping, names, gsd_m, on_picture)
    verdicts = judge(looked.predictions, looked.targets)
    limits = _limits(detector, mapping, names, threshold)
    overall, per_class = _scores(looked.predictions, looked.targets, verdicts, names, limits)
    return Evaluation(
        model_id=model.model_id,
        data=str(data),
        split=used_split,
        pictures=len(looked.predictions),
        threshold=detector.model.card.threshold if threshold is None else threshold,
        overall=overall,
        per_class=per_class,
        mapping={k: v for k, v in full_map.items() if k != v},
        ignored=ignored,
        problems=looked.problems,
        curve=precision_recall_curve(verdicts, _THRESHOLDS),
        sizes=by_size(verdicts, limits),
        calibration=calibration(verdicts),
        chosen=() if precision is None else choose_thresholds(verdicts, names, precision),
        worst=() if worst is None else write_worst(verdicts, looked.paths, names, limits, worst),
    )


def _in_common(
    dataset: Dataset, detector: Detector, mapping: Mapping[str, str]
) -> tuple[Dataset, dict[str, str], tuple[str, ...]]:
    """Return the dataset in the model's words, what each label counts as, and what is left out.

    Raises:
        ModelError: nothing of it is known to the model.
    """
    full_map = _full_mapping(dataset.class_names, detector, mapping)
    known = tuple(dict.fromkeys(mapping.get(n, n) for n in detector.classes))
    ignored = tuple(n for n in dataset.class_names if full_map[n] and full_map[n] not in known)
    mapped = dataset.mapped(full_map | dict.fromkeys(ignored, ""))
    if not mapped.class_names:
        raise ModelError(
            f"the labels of {dataset.folder} ({', '.join(ignored)}) and the model "
            f"({', '.join(known)}) have no class in common; map them, for example --map "
            f"{ignored[0] if ignored else 'label'}={known[0]}"
        )
    return mapped, full_map, ignored


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a model found in pictures, and what is in them; one of each for each picture."""

    predictions: list[sv.Detections]
    targets: list[sv.Detections]
    paths: list[Path]
    problems: tuple[str, ...]


def _look(
    detector: Detector,
    dataset: Dataset,
    mapping: Mapping[str, str],
    names: Sequence[str],
    gsd_m: float | None,
    on_picture: Callable[[int, int], None],
) -> _Looked:
    """Run a detector over all pictures.

    Raises:
        ModelError: none can be read.
    """
    gsd_at: GsdAt | None = None if gsd_m is None else lambda x, y: gsd_m
    problems = list(dataset.problems)
    predictions: list[sv.Detections] = []
    targets: list[sv.Detections] = []
    paths: list[Path] = []
    frames = _frames(dataset.pictures, gsd_at, problems)
    for count, (picture, found) in enumerate(_detected(detector, frames), start=1):
        width_px, height_px = found.frame.width_px, found.frame.height_px
        predictions.append(_as_predictions(found.detections, mapping, names))
        targets.append(_as_targets(picture, width_px, height_px, names))
        paths.append(picture.path)
        on_picture(count, len(dataset.pictures))
    if not predictions:
        raise ModelError(f"no picture of {dataset.folder} could be read")
    return _Looked(predictions, targets, paths, tuple(problems))


def choose_thresholds(
    verdicts: Verdicts, names: Sequence[str], precision: float
) -> tuple[ChosenThreshold, ...]:
    """Return the threshold of each class that has labels for the precision that is wanted."""
    chosen = []
    for index, name in enumerate(names):
        own = verdicts.of_class(index)
        if not len(own.label_class):
            continue
        points = precision_recall_curve(own, fine_thresholds())
        point = threshold_for(points, precision)
        reached = point is not None
        chosen.append(ChosenThreshold(name, precision, point or best_f1(points), reached))
    return tuple(chosen)


def _limits(
    detector: Detector, mapping: Mapping[str, str], names: Sequence[str], threshold: float | None
) -> tuple[float, ...]:
    """Return the threshold of each class; the lowest of those that are counted as one."""
    card = detector.card
    own = {
        name: min(card.threshold_of(n) for n in detector.classes if mapping.get(n, n) == name)
        for name in names
    }
    return tuple(own[name] if threshold is None else threshold for name in names)


def _full_mapping(
    labels: Sequence[str], detector: Detector, mapping: Mapping[str, str]
) -> dict[str, str]:
    """Return label name to class: what the user said, then what the model's card says.

    Names are compared as the taxonomy spells them, so that Hard-Hat is hard_hat.
    """
    own = {class_key(name): name for name in detector.classes}
    aliases = {class_key(alias): name for alias, name in detector.card.aliases.items()}
    full = {}
    for label in labels:
        key = class_key(label)
        if label in mapping:
            full[label] = mapping[label]
        elif label not in detector.classes and (key in own or key in aliases):
            name = own.get(key) or aliases[key]
            full[label] = mapping.get(name, name)
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
    verdicts: Verdicts,
    names: Sequence[str],
    limits: Sequence[float],
) -> tuple[Score, dict[str, Score]]:
    from supervision.metrics import MeanAveragePrecision

    ap = MeanAveragePrecision(max_detection_thresholds=(1, 10, 1000))
    ap_result = ap.update(predictions, targets).compute()
    ap_of = _by_class(ap_result.matched_classes, ap_result.ap_per_class)
    counted = verdicts.confidence >= np.asarray(limits)[verdicts.class_index]
    per_class = {}
    for i, name in enumerate(names):
        labels = int((verdicts.label_class == i).sum())
        found = counted & (verdicts.class_index == i)
        per_class[name] = Score(
            labels,
            float(max(0.0, ap_of[i][0])) if i in ap_of else 0.0,
            float(max(0.0, np.mean(ap_of[i]))) if i in ap_of else 0.0,
            *_precision_recall(verdicts.right, found, labels),
            limits[i],
            *_counts(verdicts.right, found),
        )
    labelled = [s for s in per_class.values() if s.labels]
    every = sum(s.labels for s in per_class.values())
    overall = Score(
        every,
        float(np.mean([s.ap50 for s in labelled])) if labelled else 0.0,
        float(np.mean([s.ap50_95 for s in labelled])) if labelled else 0.0,
        *_precision_recall(verdicts.right, counted, every),
        limits[0] if len(set(limits)) == 1 else None,
        *_counts(verdicts.right, counted),
    )
    return overall, per_class


def _precision_recall(
    right: NDArray[np.bool_], found: NDArray[np.bool_], labels: int
) -> tuple[float, float]:
    hits, boxes = _counts(right, found)
    return hits / boxes if boxes else 0.0, hits / labels if labels else 0.0


def _counts(right: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many of the boxes that count are right, and how many there are."""
    return int((right & found).sum()), int(found.sum())


def _by_class(classes: Any, values: Any) -> dict[int, Any]:  # noqa: ANN401 - no types there
    return {int(c): np.atleast_1d(v) for c, v in zip(classes, values, strict=True)}
