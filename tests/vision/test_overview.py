"""An overview shows all that was kept and dropped, and which way is north."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import RecordError
from park.picture import Pixels
from park.records import (
    CameraPose,
    CornersView,
    Detection,
    Frame,
    GroundPoint,
    Intrinsics,
    Observation,
    PosedView,
    PoseSigma,
    View,
)
from vision.overview import DroppedDetection, north_direction, overview_picture

TIME = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)
SIGMA = PoseSigma(1.5, 1.0, 1.0, 0.5, 0.5)
GREEN_BGR = (118, 230, 0)


def _view(yaw_deg: float = 0.0, pitch_deg: float = -90.0, roll_deg: float = 0.0) -> PosedView:
    pose = CameraPose(40.0, 100.0, 60.0, None, yaw_deg, pitch_deg, roll_deg)
    return PosedView(Intrinsics.from_fov(800, 600, 70.0), pose, SIGMA)


def _frame(view: View | None, width: int = 800, height: int = 600) -> Frame:
    return Frame(Pixels(np.full((height, width, 3), 90, np.uint8)), TIME, view, "a/b.JPG", 0.0, "p")


def _kept(x: float, y: float) -> Observation:
    return Observation(
        f"d{x}", "p", TIME, "car", 0.87, (x, y, x + 60, y + 30), None, "abcdef123",
        GroundPoint(40.0, 100.0, 1.5), 4.4, "a/b.JPG", 0.0, "m@1",
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(yaw=st.floats(-180, 180), roll=st.floats(-5, 5), pitch=st.floats(-90, -50))
def test_north_turns_against_the_camera(yaw: float, roll: float, pitch: float) -> None:
    direction = north_direction(_frame(_view(yaw, pitch, 0.0 if pitch > -80 else roll)))
    assert direction is not None
    assert math.hypot(*direction) == pytest.approx(1.0)
    if pitch < -89.9:
        # With the top of the picture at heading yaw, north lies yaw to the left of the top.
        assert direction[0] == pytest.approx(-math.sin(math.radians(yaw + roll)), abs=0.1)
        assert direction[1] == pytest.approx(-math.cos(math.radians(yaw + roll)), abs=0.1)


@pytest.mark.parametrize(
    ("yaw", "expected"), [(0, (0, -1)), (90, (-1, 0)), (180, (0, 1)), (-90, (1, 0))]
)
def test_north_straight_down(yaw: float, expected: tuple[float, float]) -> None:
    direction = north_direction(_frame(_view(yaw)))
    assert direction == pytest.approx(expected, abs=1e-6)


def test_north_of_a_picture_with_known_corners() -> None:
    north_up = CornersView(
        800, 600, ((40.001, 100.0), (40.001, 100.002), (40.0, 100.002), (40.0, 100.0))
    )
    assert north_direction(_frame(north_up)) == pytest.approx((0.0, -1.0), abs=1e-4)
    over_180 = CornersView(
        800, 600, ((-16.8, 179.999), (-16.8, -179.999), (-16.801, -179.999), (-16.801, 179.999))
    )
    assert north_direction(_frame(over_180)) == pytest.approx((0.0, -1.0), abs=1e-4)
    east_up = CornersView(
        800, 600, ((40.001, 100.002), (40.0, 100.002), (40.0, 100.0), (40.001, 100.0))
    )
    assert north_direction(_frame(east_up)) == pytest.approx((-1.0, 0.0), abs=1e-4)


def test_no_view_no_north() -> None:
    assert north_direction(_frame(None)) is None


def test_kept_and_dropped_boxes_are_drawn_where_they_are() -> None:
    frame = _frame(_view())
    dropped = [DroppedDetection(Detection("car", 0.3, (500, 400, 540, 440), "m"), "too small")]
    picture = overview_picture(frame, [_kept(300, 300)], dropped, time_zone=UTC)
    assert picture.shape == (600, 800, 3)
    np.testing.assert_array_equal(picture[315, 300], GREEN_BGR)
    np.testing.assert_array_equal(picture[315, 360], GREEN_BGR)
    assert tuple(picture[420, 500]) == (0, 159, 230)
    assert tuple(picture[420, 520]) == (90, 90, 90)
    assert (frame.image_bgr == 90).all()


def test_more_boxes_than_labels_have_room_for_are_drawn_without() -> None:
    frame = _frame(_view())
    places = [(x, y) for x in range(20, 700, 65) for y in range(200, 590, 50)]

    def green(count: int) -> int:
        kept = [_kept(float(x), float(y)) for x, y in places[:count]]
        picture = overview_picture(frame, kept, [], time_zone=UTC)
        return int((picture == GREEN_BGR).all(axis=2).sum())

    assert green(61) < green(60)


def test_large_pictures_are_reduced_and_small_ones_left() -> None:
    assert overview_picture(_frame(None, 4800, 3600), [], [], time_zone=UTC).shape == (
        1800,
        2400,
        3,
    )
    assert overview_picture(_frame(None, 400, 300), [], [], time_zone=UTC).shape == (300, 400, 3)


@pytest.mark.parametrize("pitch", [-90.0, -45.0, 0.0, 30.0])
def test_any_camera_attitude_and_any_crowd_can_be_drawn(pitch: float) -> None:
    crowd = [_kept(10.0 + 3 * k, 20.0 + 5 * k) for k in range(110)]
    dropped = [
        DroppedDetection(
            Detection("x", 0.1, (-50.0, -50.0, 20.0 + k, 20.0), "m"), f"reason {k}" * 9
        )
        for k in range(12)
    ]
    picture = overview_picture(_frame(_view(0, pitch)), crowd, dropped, time_zone=UTC)
    assert picture.shape == (600, 800, 3)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(RecordError, match="longest_px 100 is below 320"):
        overview_picture(_frame(None), [], [], time_zone=UTC, longest_px=100)
    with pytest.raises(RecordError, match="do not fit a frame"):
        overview_picture(
            _frame(None), [], [], time_zone=UTC, redacted_image_bgr=np.zeros((3, 3, 3), np.uint8)
        )
