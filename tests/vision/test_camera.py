from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import LocateError
from park.geodesy import LocalFrame
from park.records import CameraPose, CornersView, Intrinsics, PosedView, PoseSigma
from vision.camera import (
    corners_homography,
    gsd_m_at,
    pixel_rays,
    project_points,
    rotation_to_enu,
)

LENS = Intrinsics(4000, 3000, 2800.0, 2810.0, 2005.0, 1490.0)
WIDE = Intrinsics(4000, 3000, 2800.0, 2810.0, 2005.0, 1490.0, (-0.12, 0.05, 0.001, -0.0007, -0.01))
ANGLES = st.floats(-180.0, 180.0)
PITCHES = st.floats(-90.0, 30.0)


def pose(yaw_deg: float = 0.0, pitch_deg: float = -90.0, roll_deg: float = 0.0) -> CameraPose:
    return CameraPose(31.2, 121.5, 50.0, None, yaw_deg, pitch_deg, roll_deg)


def centre_ray(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> list[float]:
    lens = Intrinsics.from_fov(1000, 800, 60.0)
    ray = pixel_rays(lens, pose(yaw_deg, pitch_deg, roll_deg), np.array([[500.0, 400.0]]))[0]
    return [float(v) for v in ray]


@pytest.mark.parametrize(
    ("yaw_deg", "pitch_deg", "east_north_up"),
    [
        (0.0, 0.0, (0, 1, 0)),
        (90.0, 0.0, (1, 0, 0)),
        (180.0, 0.0, (0, -1, 0)),
        (-90.0, 0.0, (-1, 0, 0)),
        (123.0, -90.0, (0, 0, -1)),
        (0.0, -45.0, (0, math.sqrt(0.5), -math.sqrt(0.5))),
    ],
)
def test_the_optical_axis_points_where_yaw_and_pitch_say(
    yaw_deg: float, pitch_deg: float, east_north_up: tuple[float, float, float]
) -> None:
    assert centre_ray(yaw_deg, pitch_deg) == pytest.approx(east_north_up, abs=1e-12)
    assert centre_ray(yaw_deg, pitch_deg, 33.0) == pytest.approx(east_north_up, abs=1e-12)


@settings(deadline=None)
@given(yaw_deg=ANGLES)
def test_looking_straight_down_the_top_of_the_picture_points_to_the_heading(
    yaw_deg: float,
) -> None:
    lens = Intrinsics.from_fov(1000, 800, 60.0)
    top = pixel_rays(lens, pose(yaw_deg), np.array([[500.0, 0.0]]))[0]
    assert (
        math.degrees(math.atan2(top[0], top[1])) % 360.0 == pytest.approx(yaw_deg % 360.0, abs=1e-6)
        or abs(yaw_deg % 360.0) < 1e-6
    )


def test_positive_roll_lowers_the_right_hand_side() -> None:
    lens = Intrinsics.from_fov(1000, 800, 60.0)
    sides = np.array([[0.0, 400.0], [1000.0, 400.0]])
    left, right = pixel_rays(lens, pose(20.0, 0.0, 10.0), sides)
    assert right[2] < -0.05
    assert left[2] > 0.05


@settings(deadline=None)
@given(yaw=ANGLES, pitch=PITCHES, roll=ANGLES)
def test_turning_the_camera_keeps_lengths_and_handedness(
    yaw: float, pitch: float, roll: float
) -> None:
    rotation = rotation_to_enu(yaw, pitch, roll)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


@pytest.mark.parametrize("lens", [LENS, WIDE], ids=["ideal", "distorted"])
@settings(deadline=None)
@given(
    yaw=ANGLES,
    pitch=PITCHES,
    roll=ANGLES,
    x=st.floats(0.0, 4000.0),
    y=st.floats(0.0, 3000.0),
    far_m=st.floats(0.5, 5000.0),
)
def test_a_pixel_leads_to_a_point_that_appears_at_that_pixel(
    lens: Intrinsics, yaw: float, pitch: float, roll: float, x: float, y: float, far_m: float
) -> None:
    ray = pixel_rays(lens, pose(yaw, pitch, roll), np.array([[x, y]]))
    assert np.linalg.norm(ray) == pytest.approx(1.0)
    back, in_front = project_points(lens, pose(yaw, pitch, roll), ray * far_m)
    assert in_front.all()
    assert back[0] == pytest.approx([x, y], abs=0.01)


def test_points_behind_the_camera_have_no_pixel() -> None:
    xy_px, in_front = project_points(
        LENS, pose(0.0, 0.0), np.array([[0.0, -5.0, 0.0], [0, 5, 0], [0, 0, 0]])
    )
    assert in_front.tolist() == [False, True, False]
    assert np.isnan(xy_px[[0, 2]]).all()


def test_a_strong_barrel_lens_does_not_fold_far_points_back_into_the_picture() -> None:
    barrel = Intrinsics(4000, 3000, 2000.0, 2000.0, 2000.0, 1500.0, (-0.25, 0.0, 0.0, 0.0, 0.0))
    # 1 - 0.75 r^2 turns at r = 1.155: a point at 70 degrees from the axis is past it.
    beyond = np.array([[math.sin(math.radians(70.0)), math.cos(math.radians(70.0)), 0.0]])
    _, in_front = project_points(barrel, pose(0.0, 0.0), beyond * 10.0)
    assert not in_front.any()
    assert np.isnan(pixel_rays(barrel, pose(), np.array([[0.0, 0.0]]))).all()


def test_no_pixels_give_no_rays() -> None:
    assert pixel_rays(WIDE, pose(), np.zeros((0, 2))).shape == (0, 3)
    assert project_points(WIDE, pose(), np.zeros((0, 3)))[0].shape == (0, 2)


def posed(pitch_deg: float, alt_m: float = 50.0) -> PosedView:
    return PosedView(
        Intrinsics.from_fov(1000, 800, 60.0),
        CameraPose(31.2, 121.5, alt_m, None, 0.0, pitch_deg, 0.0),
        PoseSigma(1.0, 1.0, 1.0, 1.0, 1.0),
    )


def test_looking_straight_down_a_pixel_covers_the_same_everywhere() -> None:
    expected = 50.0 * 2.0 * math.tan(math.radians(30.0)) / 1000.0
    assert gsd_m_at(posed(-90.0), 500.0, 400.0) == pytest.approx(expected)
    assert gsd_m_at(posed(-90.0), 3.0, 790.0) == pytest.approx(expected)


def test_looking_aside_pixels_cover_more_the_farther_they_look() -> None:
    near, far = gsd_m_at(posed(-45.0), 500.0, 700.0), gsd_m_at(posed(-45.0), 500.0, 100.0)
    assert far > near > 0.0


def test_above_the_horizon_a_pixel_covers_no_ground() -> None:
    with pytest.raises(LocateError, match="at or above the horizon"):
        gsd_m_at(posed(0.0), 500.0, 100.0)
    with pytest.raises(LocateError, match="must be above ground"):
        gsd_m_at(posed(-90.0, alt_m=-2.0), 500.0, 400.0)


def corners(*en_m: tuple[float, float]) -> CornersView:
    frame = LocalFrame(31.2, 121.5)
    a, b, c, d = (frame.to_lat_lon(e, n) for e, n in en_m)
    return CornersView(1000, 500, (a, b, c, d))


def test_known_corners_are_where_they_are_said_to_be() -> None:
    ground = ((-50.0, 30.0), (60.0, 20.0), (50.0, -20.0), (-40.0, -25.0))
    frame = LocalFrame(31.2, 121.5)
    homography = corners_homography(corners(*ground), frame)
    picture = np.array([[0, 0, 1], [1000, 0, 1], [1000, 500, 1], [0, 500, 1]])
    mapped = picture @ homography.T
    assert mapped[:, :2] / mapped[:, 2:] == pytest.approx(np.array(ground), abs=1e-3)


def test_gsd_of_known_corners_is_their_width_over_the_picture() -> None:
    view = corners((-50.0, 25.0), (50.0, 25.0), (50.0, -25.0), (-50.0, -25.0))
    assert gsd_m_at(view, 500.0, 250.0) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize(
    ("ground", "message"),
    [
        (((-50, 25), (50, -25), (50, 25), (-50, -25)), "do not form a convex quadrilateral"),
        (((0, 0), (10, 0), (20, 0), (30, 0)), "do not form a convex quadrilateral"),
        (((50, 25), (-50, 25), (-50, -25), (50, -25)), "show the ground mirrored"),
    ],
)
def test_corners_that_no_picture_can_have_are_refused(
    ground: tuple[tuple[float, float], ...], message: str
) -> None:
    with pytest.raises(LocateError, match=message):
        corners_homography(corners(*ground), LocalFrame(31.2, 121.5))
