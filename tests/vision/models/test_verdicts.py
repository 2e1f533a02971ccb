"""Boxes held against labels, and what is read off the result."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.models.calibration import by_size, calibration
from vision.models.curve import best_f1, fine_thresholds, precision_recall_curve, threshold_for
from vision.models.evaluation import choose_thresholds
from vision.models.verdicts import Verdicts, judge
from vision.models.worst import write_worst

Row = tuple[float, float, float, float, float, int]


def found(*rows: Row) -> sv.Detections:
    """Boxes as x0, y0, x1, y1, confidence, class."""
    if not rows:
        return sv.Detections.empty()
    values = np.array(rows, float)
    return sv.Detections(
        xyxy=values[:, :4].astype(np.float32),
        confidence=values[:, 4],
        class_id=values[:, 5].astype(int),
    )


def labels(*rows: tuple[float, float, float, float, int]) -> sv.Detections:
    if not rows:
        return sv.Detections.empty()
    values = np.array(rows, float)
    return sv.Detections(xyxy=values[:, :4].astype(np.float32), class_id=values[:, 4].astype(int))


def of_confidences(right: list[float], wrong: list[float], missed: int = 0) -> Verdicts:
    """Verdicts of one class, each box in a picture of its own."""
    thing, here = labels((0, 0, 10, 10, 0)), (0.0, 0.0, 10.0, 10.0)
    predictions = [found((*here, c, 0)) for c in [*right, *wrong]] + [found()] * missed
    targets = [thing] * len(right) + [labels()] * len(wrong) + [thing] * missed
    return judge(predictions, targets)


class TestVerdicts:
    def test_the_surest_box_takes_the_thing_and_a_second_one_is_wrong(self) -> None:
        boxes = found((0, 0, 10, 10, 0.6, 0), (1, 0, 10, 10, 0.9, 0))
        verdicts = judge([boxes], [labels((0, 0, 10, 10, 0))])
        assert verdicts.confidence.tolist() == [0.9, 0.6]
        assert verdicts.right.tolist() == [True, False]
        assert verdicts.label_confidence.tolist() == [0.9]

    def test_a_box_of_another_class_or_too_far_off_is_wrong(self) -> None:
        boxes = found((0, 0, 10, 10, 0.9, 1), (6, 0, 16, 10, 0.8, 0))
        verdicts = judge([boxes], [labels((0, 0, 10, 10, 0))])
        assert not verdicts.right.any()
        assert verdicts.label_confidence.tolist() == [0.0]

    def test_pictures_are_kept_apart(self) -> None:
        box = (0.0, 0.0, 10.0, 10.0, 0.9, 0)
        verdicts = judge([found(box), found()], [labels(), labels((0, 0, 10, 10, 0))])
        assert verdicts.picture.tolist() == [0]
        assert verdicts.label_picture.tolist() == [1]
        assert not verdicts.right.any()

    def test_nothing_at_all(self) -> None:
        verdicts = judge([], [])
        assert len(verdicts.confidence) == len(verdicts.label_class) == 0
        assert verdicts.box_xyxy_px.shape == (0, 4)

    @settings(max_examples=60)
    @given(st.data())
    def test_each_thing_is_found_at_most_once(self, data: st.DataObject) -> None:
        corner = st.integers(0, 12)
        box = st.tuples(corner, corner, st.integers(4, 12), st.integers(4, 12), st.integers(0, 1))
        wanted = data.draw(st.lists(box, max_size=6))
        given_ = data.draw(st.lists(st.tuples(box, st.floats(0.1, 0.99)), max_size=8))
        predictions = found(*((x, y, x + w, y + h, c, k) for (x, y, w, h, k), c in given_))
        targets = labels(*((x, y, x + w, y + h, k) for x, y, w, h, k in wanted))
        verdicts = judge([predictions], [targets])
        assert int(verdicts.right.sum()) == int((verdicts.label_confidence > 0).sum())
        assert int(verdicts.right.sum()) <= min(len(wanted), len(given_))


class TestCurve:
    def test_precision_and_recall_at_thresholds(self) -> None:
        verdicts = of_confidences([0.9, 0.7, 0.3], [0.8, 0.2], missed=1)
        low, high = precision_recall_curve(verdicts, (0.1, 0.75))
        assert (low.precision, low.recall, low.boxes) == (3 / 5, 3 / 4, 5)
        assert (high.precision, high.recall, high.boxes) == (1 / 2, 1 / 4, 2)

    def test_the_threshold_is_the_lowest_from_which_on_precision_holds(self) -> None:
        # Sure boxes are right; around 0.5 half are; a lucky stretch follows at the bottom.
        verdicts = of_confidences([0.9] * 20 + [0.5] * 5 + [0.2] * 200, [0.5] * 5)
        points = precision_recall_curve(verdicts, fine_thresholds())
        chosen = threshold_for(points, 0.9)
        assert chosen is not None
        assert chosen.threshold == pytest.approx(0.51)

    def test_a_precision_that_is_never_reached(self) -> None:
        verdicts = of_confidences([0.6] * 10, [0.9] * 20)
        points = precision_recall_curve(verdicts, fine_thresholds())
        assert threshold_for(points, 0.9) is None
        (choice,) = choose_thresholds(verdicts, ("smoke",), 0.9)
        assert not choice.reached
        assert choice.point == best_f1(points)

    def test_few_boxes_choose_nothing(self) -> None:
        points = precision_recall_curve(of_confidences([0.9] * 3, []), fine_thresholds())
        assert threshold_for(points, 0.5) is None

    def test_a_class_without_labels_gets_no_threshold(self) -> None:
        chosen = choose_thresholds(of_confidences([0.9] * 12, []), ("flame", "smoke"), 0.8)
        assert [c.class_name for c in chosen] == ["flame"]


class TestCalibration:
    def test_a_model_that_is_right_as_often_as_it_says(self) -> None:
        verdicts = of_confidences([0.75] * 75, [0.75] * 25)
        result = calibration(verdicts)
        assert result.expected_error == pytest.approx(0.0, abs=1e-9)
        (only,) = [b for b in result.bins if b.boxes]
        assert (only.low, only.high, only.boxes, only.right) == (0.7, 0.8, 100, 0.75)

    def test_a_model_that_boasts(self) -> None:
        result = calibration(of_confidences([0.95] * 5, [0.95] * 5))
        assert result.expected_error == pytest.approx(0.45)

    def test_boxes_that_nobody_would_use_do_not_count(self) -> None:
        result = calibration(of_confidences([], [0.05] * 100))
        assert sum(b.boxes for b in result.bins) == 0
        assert result.expected_error == 0.0


class TestSizes:
    def test_each_thing_counts_in_the_bucket_of_its_size(self) -> None:
        boxes = found((0, 0, 10, 10, 0.9, 0), (0, 50, 50, 90, 0.4, 0), (300, 0, 400, 99, 0.8, 0))
        things = labels((0, 0, 10, 10, 0), (0, 50, 50, 90, 0), (100, 100, 120, 120, 0))
        scores = by_size(judge([boxes], [things]), 0.5)
        assert [(s.labels, s.recall, s.boxes, s.precision) for s in scores] == [
            (1, 1.0, 1, 1.0),
            (1, 0.0, 0, 1.0),
            (1, 0.0, 0, 1.0),
            (0, 0.0, 1, 0.0),
        ]

    def test_each_class_has_its_own_threshold(self) -> None:
        boxes = found((0, 0, 10, 10, 0.4, 0), (20, 0, 30, 10, 0.4, 1))
        things = labels((0, 0, 10, 10, 0), (20, 0, 30, 10, 1))
        (small, *_) = by_size(judge([boxes], [things]), (0.5, 0.3))
        assert (small.labels, small.recall, small.boxes) == (2, 0.5, 1)


def test_the_worst_mistakes_are_drawn_each_picture_once(tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        path = tmp_path / f"p{number}.png"
        cv2.imwrite(str(path), np.full((100, 120, 3), 90, np.uint8))
        paths.append(path)
    verdicts = judge(
        [
            found((0, 0, 20, 20, 0.9, 0), (40, 40, 60, 60, 0.7, 0)),
            found((0, 0, 20, 20, 0.95, 1)),
            found((0, 0, 20, 20, 0.3, 0)),
        ],
        [labels(), labels((50, 50, 90, 90, 0)), labels((0, 0, 20, 20, 0), (60, 0, 70, 10, 1))],
    )
    written = write_worst(verdicts, paths, ("flame", "no vest"), (0.5, 0.5), tmp_path / "worst")
    assert [p.name for p in written] == [
        "false-alarm-01-no-vest-p1.jpg",
        "false-alarm-02-flame-p0.jpg",
        "miss-01-flame-p1.jpg",
        "miss-02-flame-p2.jpg",
    ]
    drawn = cv2.imread(str(written[0]), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert max(drawn.shape) >= 640, "small pictures are magnified, or nobody sees anything"
    few = write_worst(verdicts, paths, ("flame", "no vest"), (0.5, 0.5), tmp_path / "few", 1)
    assert len(few) == 2
