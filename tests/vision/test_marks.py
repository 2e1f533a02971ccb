"""Marks lie where they belong, inside the picture, and say how it lies on the ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from park.records import CameraPose, Intrinsics, PosedView, PoseSigma
from vision.lettering import lettering
from vision.locate import Locator
from vision.marks import ground_at, mark_box, mark_not_redacted, write_beside

SIGMA = PoseSigma(1.0, 1.0, 1.0, 0.5, 0.5)


def looking(pitch_deg: float, yaw_deg: float) -> Locator:
    lens = Intrinsics.from_fov(1280, 720, 60.0)
    pose = CameraPose(31.0, 121.0, 60.0, None, yaw_deg, pitch_deg, 0.0)
    return Locator(PosedView(lens, pose, SIGMA))


@pytest.mark.parametrize(
    ("yaw_deg", "north"),
    [(0.0, (0.0, -1.0)), (90.0, (-1.0, 0.0)), (180.0, (0.0, 1.0)), (270.0, (1.0, 0.0))],
)
def test_north_turns_against_the_heading_of_the_camera(
    yaw_deg: float, north: tuple[float, float]
) -> None:
    found = ground_at(looking(-90.0, yaw_deg), 640.0, 360.0)
    assert found is not None
    assert found[1] == pytest.approx(north, abs=1e-3)


def test_the_scale_along_a_row_is_height_over_focal_length() -> None:
    found = ground_at(looking(-90.0, 30.0), 200.0, 500.0)
    assert found is not None
    focal_px = 640.0 / math.tan(math.radians(30.0))
    assert found[0] == pytest.approx(60.0 / focal_px, rel=1e-3)


def test_the_sky_has_neither_scale_nor_north() -> None:
    assert ground_at(looking(0.0, 0.0), 640.0, 100.0) is None


@settings(max_examples=40, deadline=None)
@given(
    x=st.floats(-300, 500), y=st.floats(-300, 400), side=st.floats(1, 600), words=st.integers(0, 20)
)
def test_a_word_beside_a_box_lies_inside_the_picture(
    x: float, y: float, side: float, words: int
) -> None:
    letters = lettering(14, chinese=False)
    canvas = Image.new("RGB", (400, 300))
    write_beside(
        ImageDraw.Draw(canvas), (x, y, x + side, y + side), (400, 300), "m² " * words, letters,
        (255, 59, 48),
    )  # fmt: skip
    paper = (np.asarray(canvas) == (255, 59, 48)).all(axis=2)
    rows, columns = np.nonzero(paper)
    assert len(rows) > 60
    # All four sides of the paper are to be seen, one pixel of each at least.
    assert np.ptp(rows) + 1 >= 14 * 1.25
    assert columns.max() < 400


def test_a_box_is_drawn_in_its_colour() -> None:
    image = np.full((200, 300, 3), 90, np.uint8)
    mark_box(image, (50.0, 40.0, 250.0, 160.0), (255, 59, 48))
    assert tuple(image[40, 150]) == (48, 59, 255)
    assert tuple(image[100, 150]) == (90, 90, 90)


def test_what_is_not_redacted_is_marked_on_a_copy() -> None:
    image = np.full((200, 300, 3), 90, np.uint8)
    marked = mark_not_redacted(image)
    assert (image == 90).all()
    assert tuple(marked[10, 10]) != (90, 90, 90)
