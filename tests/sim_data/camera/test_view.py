"""Holds the simulated camera's projection to the camera model that vision locates with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.camera.view import View
from vision.camera import project_points

PARK = LocalFrame(30.2, 123.4)
LENS = Intrinsics.from_fov(1280, 720, 70.0)
PIXELS = np.array([[1.0, 1.0], [1279.0, 2.0], [1278.0, 719.0], [3.0, 700.0], [640.0, 360.0]])


def pose_at(east_m: float, north_m: float, height_m: float, *angles: float) -> CameraPose:
    lat_deg, lon_deg = PARK.to_lat_lon(east_m, north_m)
    return CameraPose(lat_deg, lon_deg, height_m, None, *angles)


def seen_by_vision(pose: CameraPose, points_m: np.ndarray) -> np.ndarray:
    """Return pixels of points of the park's frame, through latitudes and longitudes."""
    lat, lon = PARK.to_lat_lon(points_m[:, 0].copy(), points_m[:, 1].copy())
    east, north = LocalFrame(pose.lat_deg, pose.lon_deg).to_en_m(lat, lon)
    enu = np.column_stack([east, north, points_m[:, 2] - pose.alt_home_m])
    pixels, in_front = project_points(LENS, pose, enu)
    assert in_front.all()
    return pixels


@settings(max_examples=60, deadline=None)
@given(
    east=st.floats(-10_000, 10_000),
    north=st.floats(-10_000, 10_000),
    height=st.floats(5.0, 150.0),
    yaw=st.floats(-180, 360),
    pitch=st.floats(-90, -45),
    roll=st.floats(-15, 15),
    up=st.floats(0.0, 4.0),
)
def test_points_appear_where_visions_camera_model_says_anywhere_in_a_large_park(
    east: float, north: float, height: float, yaw: float, pitch: float, roll: float, up: float
) -> None:
    pose = pose_at(east, north, height, yaw, pitch, roll)
    view = View.of(PARK, pose, LENS)
    to_ground = np.linalg.inv(view.plane_to_px(up))
    ground = np.column_stack([PIXELS, np.ones(len(PIXELS))]) @ to_ground.T
    places = ground[:, :2] / ground[:, 2:] + view.eye[:2]
    points = np.column_stack([places, np.full(len(PIXELS), up)])
    pixels, depth = view.project(points)
    assert (depth > 0).all()
    np.testing.assert_allclose(pixels, PIXELS, atol=1e-6)
    np.testing.assert_allclose(pixels, seen_by_vision(pose, points), atol=0.05)


def test_a_picture_straight_down_shows_the_ground_that_its_lens_spans() -> None:
    corners = View.of(PARK, pose_at(100.0, 50.0, 80.0, 0.0, -90.0, 0.0), LENS).footprint()
    half_m = 80.0 * 640.0 / LENS.fx_px
    assert corners[:, 0].min() == pytest.approx(100.0 - half_m, abs=1e-3)
    assert corners[:, 1].max() == pytest.approx(50.0 + half_m * 720 / 1280, abs=1e-3)


def test_a_picture_of_the_sky_shows_no_ground() -> None:
    assert len(View.of(PARK, pose_at(0.0, 0.0, 80.0, 0.0, 60.0, 0.0), LENS).footprint()) == 0


def test_a_camera_on_the_ground_is_refused() -> None:
    with pytest.raises(SimulationError, match=r"0\.0 m above the ground"):
        View.of(PARK, pose_at(0.0, 0.0, 0.0, 0.0, -90.0, 0.0), LENS)


def test_a_lens_that_distorts_is_refused() -> None:
    bent = Intrinsics(1280, 720, 900.0, 900.0, 640.0, 360.0, (0.1, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(SimulationError, match="without distortion"):
        View.of(PARK, pose_at(0.0, 0.0, 50.0, 0.0, -90.0, 0.0), bent)
