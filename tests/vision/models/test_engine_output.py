"""From the numbers of a YOLO head to boxes: both forms of output, and suppression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.engine import RawBoxes, check_head, decode_output, suppress


def scored(*columns: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the output (1, 4 + classes, N) of columns (cx, cy, w, h, score, score...)."""
    return np.array(columns, np.float32).T[None]


class TestScoresForEachClass:
    def test_centre_and_size_become_corners(self) -> None:
        found = decode_output(scored((50, 40, 20, 10, 0.9)), 1, 0.25, 0.5)
        assert found.xyxy_px.tolist() == [[40, 35, 60, 45]]
        assert found.confidence.tolist() == pytest.approx([0.9])
        assert found.class_index.tolist() == [0]

    def test_the_surest_class_counts(self) -> None:
        output = scored((50, 40, 20, 10, 0.1, 0.8, 0.3), (200, 40, 20, 10, 0.6, 0.2, 0.3))
        assert decode_output(output, 3, 0.25, 0.5).class_index.tolist() == [1, 0]

    def test_the_unsure_are_left_out(self) -> None:
        output = scored((50, 40, 20, 10, 0.24), (90, 40, 20, 10, 0.25))
        assert decode_output(output, 1, 0.25, 0.5).xyxy_px.tolist() == [[80, 35, 100, 45]]

    def test_one_thing_comes_out_once_and_another_class_stays(self) -> None:
        output = scored(
            (50, 40, 20, 10, 0.6, 0.0), (51, 40, 20, 10, 0.9, 0.0), (50, 40, 20, 10, 0.0, 0.7)
        )
        found = decode_output(output, 2, 0.25, 0.5)
        assert sorted(
            zip(found.class_index.tolist(), found.xyxy_px[:, 0].tolist(), strict=True)
        ) == [
            (0, 41.0),
            (1, 40.0),
        ]

    def test_nothing_gives_nothing(self) -> None:
        found = decode_output(np.zeros((1, 6, 100), np.float32), 2, 0.25, 0.5)
        assert len(found) == 0
        assert found.xyxy_px.shape == (0, 4)


class TestNoSuppressionNeeded:
    def test_rows_are_taken_as_they_are(self) -> None:
        output = np.array(
            [[[1, 2, 30, 40, 0.9, 1], [1, 2, 31, 40, 0.8, 1], [0, 0, 9, 9, 0.1, 0]]], np.float32
        )
        found = decode_output(output, 3, 0.25, 0.5)
        assert found.xyxy_px.tolist() == [[1, 2, 30, 40], [1, 2, 31, 40]]
        assert found.class_index.tolist() == [1, 1]


class TestOtherOutputs:
    @pytest.mark.parametrize("shape", [(1, 1000), (1, 37, 8400), (1, 3, 80, 80, 85), (5, 8400)])
    def test_what_is_no_detection_head_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ModelError, match=r"has shape .*head with 1 classes gives \(1, 5, N\)"):
            decode_output(np.zeros(shape, np.float32), 1, 0.25, 0.5)
        with pytest.raises(ModelError, match="the model's output has shape"):
            check_head(shape, 1)

    def test_sides_that_are_not_fixed_are_taken(self) -> None:
        check_head((-1, 5, -1), 1)
        check_head((1, -1, 6), 80)


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    size = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(size.prod())
    return shared / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - shared)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 300), st.integers(0, 300), st.integers(8, 90), st.integers(8, 90),
            st.floats(0.0625, 1, width=32), st.integers(0, 2),
        ),
        max_size=12,
    ),
    limit=st.sampled_from([0.3, 0.5, 0.7]),
)  # fmt: skip
def test_suppression_keeps_the_surest_of_each_group(
    rows: list[tuple[int, int, int, int, float, int]], limit: float
) -> None:
    table = np.array(rows, np.float32).reshape(-1, 6)
    given_boxes = RawBoxes(
        np.hstack([table[:, :2], table[:, :2] + table[:, 2:4]]),
        table[:, 4],
        table[:, 5].astype(np.int64),
    )
    kept = suppress(given_boxes, limit)
    same = [
        [j for j in range(len(kept)) if kept.class_index[j] == kept.class_index[i]]
        for i in range(len(kept))
    ]
    for i, others in enumerate(same):
        assert all(iou(kept.xyxy_px[i], kept.xyxy_px[j]) <= limit + 1e-3 for j in others if j != i)
    for i in range(len(given_boxes)):
        box, index = given_boxes.xyxy_px[i], given_boxes.class_index[i]
        # Each one is there, or gave way to one of its class that is as sure and overlaps it.
        assert any(
            kept.class_index[j] == index
            and kept.confidence[j] >= given_boxes.confidence[i]
            and (iou(box, kept.xyxy_px[j]) >= limit - 1e-3 or (kept.xyxy_px[j] == box).all())
            for j in range(len(kept))
        )
