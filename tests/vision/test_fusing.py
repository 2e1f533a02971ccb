from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.fusing import fused
from vision.models.engine import RawBoxes

Box = tuple[float, float, float, float]


def look(*found: tuple[Box, float, int]) -> RawBoxes:
    return RawBoxes(
        np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
        np.array([sure for _, sure, _ in found], np.float32),
        np.array([index for _, _, index in found], np.int64),
    )


CAR: Box = (10.0, 10.0, 50.0, 30.0)
NEARLY: Box = (12.0, 10.0, 52.0, 30.0)
ELSEWHERE: Box = (200.0, 10.0, 240.0, 30.0)


def test_what_every_look_sees_keeps_its_confidence_and_lies_in_between() -> None:
    both = fused([look((CAR, 0.9, 0)), look((NEARLY, 0.6, 0))])
    assert both.confidence.tolist() == pytest.approx([0.75])
    # Nearer to the surer of the two: 10 + 2 * 0.6 / 1.5.
    assert both.xyxy_px[0].tolist() == pytest.approx([10.8, 10.0, 50.8, 30.0])


def test_what_one_look_of_three_sees_counts_a_third() -> None:
    seen = fused([look((CAR, 0.9, 0)), look(), look((ELSEWHERE, 0.6, 0))])
    assert seen.confidence.tolist() == pytest.approx([0.3, 0.2])


def test_things_of_two_classes_are_two_however_they_lie() -> None:
    seen = fused([look((CAR, 0.8, 0)), look((CAR, 0.6, 1))])
    assert sorted(zip(seen.class_index.tolist(), seen.confidence.tolist(), strict=True)) == [
        (0, pytest.approx(0.4)),
        (1, pytest.approx(0.3)),
    ]


def test_of_one_look_only_the_surest_box_of_a_thing_counts() -> None:
    seen = fused([look((CAR, 0.8, 0), (NEARLY, 0.7, 0)), look((CAR, 0.6, 0))])
    assert seen.confidence.tolist() == pytest.approx([0.7])


def test_looks_that_see_nothing_give_nothing() -> None:
    assert len(fused([look(), look()])) == 0


BOXES = st.builds(
    lambda x, y, w, h, sure, index: ((x, y, x + w, y + h), sure, index),
    st.floats(0, 300), st.floats(0, 300), st.floats(4, 80), st.floats(4, 80),
    st.floats(0.05, 1.0), st.integers(0, 1),
)  # fmt: skip


@given(st.lists(st.lists(BOXES, max_size=5), min_size=1, max_size=3))
def test_nothing_gets_surer_and_the_order_of_the_looks_does_not_matter(
    drawn: Sequence[Sequence[tuple[Box, float, int]]],
) -> None:
    looks = [look(*found) for found in drawn]
    seen = fused(looks)
    most = max((sure for found in drawn for _, sure, _ in found), default=0.0)
    assert (seen.confidence <= most + 1e-6).all()
    back = fused(looks[::-1])
    assert np.allclose(np.sort(seen.confidence), np.sort(back.confidence), atol=1e-5)
    total = sum(sure for found in drawn for _, sure, _ in found) / len(looks)
    assert float(seen.confidence.sum()) <= total + 1e-5
