"""Pictures of a model's worst mistakes: the surest false alarms, the largest misses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.verdicts import Verdicts, side_px

Image = NDArray[np.uint8]

_GREEN, _RED, _AMBER = (80, 200, 60), (50, 50, 230), (0, 170, 255)
_LONGEST_PX = 1280
_SMALLEST_PX = 640


def write_worst(
    verdicts: Verdicts,
    pictures: Sequence[Path],
    names: Sequence[str],
    thresholds: Sequence[float],
    out: Path,
    count: int = 12,
) -> tuple[Path, ...]:
    """Write pictures of the surest false alarms and of the largest things that were missed.

    What is right is drawn in green, a false alarm in red, a missed thing in amber. A picture is
    shown once for false alarms and once for misses, by its worst.

    Args:
        verdicts: boxes and labels.
        pictures: file of each picture of the verdicts.
        names: of the classes.
        thresholds: confidence of each class above which a box counts.
        out: folder to write to; made when it is not there.
        count: pictures of each kind, at most.

    Raises:
        ModelError: when the folder cannot be written to.
    """
    limits = np.asarray(thresholds, float)
    wrong = ~verdicts.right & (verdicts.confidence >= limits[verdicts.class_index])
    missed = verdicts.label_confidence < limits[verdicts.label_class]
    false_alarms = _once_a_picture(wrong, verdicts.confidence, verdicts.picture, count)
    misses = _once_a_picture(missed, side_px(verdicts.label_xyxy_px), verdicts.label_picture, count)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"cannot write to {out}: {error.strerror or error}") from error
    written: list[Path] = []
    for kind, chosen, classes, places in (
        ("false-alarm", false_alarms, verdicts.class_index, verdicts.picture),
        ("miss", misses, verdicts.label_class, verdicts.label_picture),
    ):
        for rank, row in enumerate(chosen, start=1):
            source = pictures[int(places[row])]
            name = names[int(classes[row])].replace(" ", "-")
            path = out / f"{kind}-{rank:02d}-{name}-{source.stem[:60]}.jpg"
            drawn = _drawn(source, int(places[row]), verdicts, names, wrong, missed, limits)
            if not cv2.imwrite(str(path), drawn):
                raise ModelError(f"{path} cannot be written; is the disk full?")
            written.append(path)
    return tuple(written)


def _once_a_picture(
    chosen: NDArray[np.bool_],
    badness: NDArray[np.float64],
    picture: NDArray[np.int64],
    count: int,
) -> list[int]:
    rows: dict[int, int] = {}
    for row in np.argsort(-badness, kind="stable"):
        if chosen[row] and int(picture[row]) not in rows:
            rows[int(picture[row])] = int(row)
    return list(rows.values())[:count]


def _drawn(
    source: Path,
    number: int,
    verdicts: Verdicts,
    names: Sequence[str],
    wrong: NDArray[np.bool_],
    missed: NDArray[np.bool_],
    limits: NDArray[np.float64],
) -> Image:
    image = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if image is None:
        raise ModelError(f"{source} cannot be decoded")
    longest = max(image.shape[:2])
    scale = min(_LONGEST_PX, max(_SMALLEST_PX, longest)) / longest
    canvas = np.asarray(cv2.resize(image, None, fx=scale, fy=scale), np.uint8)
    sure = verdicts.confidence >= limits[verdicts.class_index]
    for row in np.flatnonzero((verdicts.picture == number) & sure):
        colour = _RED if wrong[row] else _GREEN
        name = names[int(verdicts.class_index[row])]
        said = f"{name} {verdicts.confidence[row]:.2f}"
        _draw_box(canvas, verdicts.box_xyxy_px[row] * scale, said, colour)
    for row in np.flatnonzero((verdicts.label_picture == number) & missed):
        said = f"missed: {names[int(verdicts.label_class[row])]}"
        _draw_box(canvas, verdicts.label_xyxy_px[row] * scale, said, _AMBER)
    return canvas


def _draw_box(
    canvas: Image, xyxy: NDArray[np.float64], said: str, colour: tuple[int, int, int]
) -> None:
    x0, y0, x1, y1 = (round(float(v)) for v in xyxy)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 2)
    at = (max(0, x0), max(12, y0 - 4))
    cv2.putText(canvas, said, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(canvas, said, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
