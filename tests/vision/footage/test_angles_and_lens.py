"""Attitudes keep their meaning when normalised; lenses follow the rules they are documented by."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from park.records import Intrinsics
from vision.footage.angles import interpolate_deg, normalize_attitude_deg, wrap_deg
from vision.footage.lens import (
    LensFacts,
    focal_px_from_35mm,
    intrinsics_from_facts,
    rotated_clockwise,
)
from vision.footage.sigmas import UNKNOWN_LENS_SIGMA

angles = st.floats(-720, 720)


@given(angles, angles, angles)
def test_normalising_keeps_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    y, p, r = normalize_attitude_deg(yaw, pitch, roll)
    assert -180.0 <= y < 180.0
    assert -90.0 <= p <= 90.0
    assert -180.0 <= r < 180.0
    before = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True)
    after = Rotation.from_euler("ZYX", [y, p, r], degrees=True)
    assert (before.inv() * after).magnitude() == pytest.approx(0.0, abs=1e-6)


@given(angles)
def test_wrapping_keeps_the_direction(angle: float) -> None:
    wrapped = wrap_deg(angle)
    assert -180.0 <= wrapped < 180.0
    assert math.cos(math.radians(wrapped)) == pytest.approx(math.cos(math.radians(angle)), abs=1e-9)


@given(angles, st.floats(-179, 179), st.floats(0, 1))
def test_interpolation_goes_the_short_way(start: float, turn: float, fraction: float) -> None:
    found = interpolate_deg(start, start + turn, fraction)
    assert wrap_deg(found - start - turn * fraction) == pytest.approx(0.0, abs=1e-6)


def test_an_angle_that_is_no_number_stays_none() -> None:
    assert math.isnan(interpolate_deg(math.nan, 3.0, 0.5))


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (4000, 3000, 20 * 5000 / 43.2666),
        (3000, 4000, 20 * 5000 / 43.2666),
        (4000, 2250, 20 * 5000 / 43.2666),
        (6000, 4000, 20 * 7211.1 / 43.2666),
    ],
)
def test_equivalents_go_by_the_diagonal_of_the_whole_sensor(
    width: int, height: int, expected: float
) -> None:
    assert focal_px_from_35mm(width, height, 20.0) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("facts", "size", "f_px", "sigma"),
    [
        (LensFacts(model="FC300S", focal_mm=3.61, focal_35mm=20), (4000, 2250), 2340.4, 0.02),
        (LensFacts(model="FC300S", focal_mm=3.61), (2000, 1500), 1170.2, 0.02),
        (LensFacts(model="FC6310", focal_mm=8.8, focal_35mm=24), (4864, 3648), 3648.0, 0.02),
        # A second lens whose equivalent does not fit the known sensor: the equivalent wins.
        (LensFacts(model="FC300S", focal_mm=3.61, focal_35mm=60), (4000, 3000), 6933.8, 0.04),
        (LensFacts(focal_mm=10, focal_plane_px_per_mm=300), (4000, 3000), 3000.0, 0.05),
        # 72 per inch is the resolution of a print, not of a sensor.
        (
            LensFacts(focal_mm=10, focal_plane_px_per_mm=72 / 25.4, focal_35mm=24),
            (4000, 3000),
            2773.5,
            0.04,
        ),
        (LensFacts(calibrated_f_px=3000.0, focal_35mm=60), (4000, 3000), 3000.0, 0.01),
        (LensFacts(calibrated_f_px=3000.0, recorded_long_px=4000), (2000, 1500), 1500.0, 0.01),
        # A calibration that no lens can have is not believed.
        (LensFacts(calibrated_f_px=3.6, focal_35mm=24), (4000, 3000), 2773.5, 0.04),
    ],
)
def test_the_best_of_what_is_known_is_taken(
    facts: LensFacts, size: tuple[int, int], f_px: float, sigma: float
) -> None:
    lens, assumptions = intrinsics_from_facts(*size, facts, None)
    assert lens.fx_px == pytest.approx(f_px, rel=1e-3)
    assert lens.focal_sigma == sigma
    assert assumptions == ()


def test_the_users_field_of_view_is_for_unknown_lenses_only() -> None:
    lens, assumptions = intrinsics_from_facts(1000, 500, LensFacts(), 90.0)
    assert lens.fx_px == pytest.approx(500.0)
    assert "as given" in assumptions[0]
    known, _ = intrinsics_from_facts(4000, 3000, LensFacts(focal_35mm=24), 90.0)
    assert known.fx_px == pytest.approx(2773.5, rel=1e-3)


def test_an_unknown_lens_is_an_assumption_with_a_large_error() -> None:
    lens, assumptions = intrinsics_from_facts(4000, 3000, LensFacts(), None)
    assert lens.focal_sigma == UNKNOWN_LENS_SIGMA
    assert "lens unknown" in assumptions[0]
    diagonal_deg = 2 * math.degrees(math.atan(2500 / lens.fx_px))
    assert diagonal_deg == pytest.approx(84.0, abs=3.0)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
def test_a_turned_lens_maps_a_turned_point_to_the_turned_pixel(turns: int) -> None:
    lens = Intrinsics(400, 300, 310.0, 305.0, 190.0, 160.0, (-0.1, 0.03, 0.004, -0.006, 0.001))
    direction = np.array([0.3, -0.2, 1.0])
    x, y = project(lens, direction)
    width, height = 400, 300
    for _ in range(turns):
        x, y = height - y, x
        width, height = height, width
        direction = np.array([-direction[1], direction[0], direction[2]])
    assert project(rotated_clockwise(lens, turns), direction) == pytest.approx((x, y))


def project(lens: Intrinsics, direction: np.ndarray) -> tuple[float, float]:
    matrix = np.array(
        [[lens.fx_px, 0, lens.cx_px], [0, lens.fy_px, lens.cy_px], [0, 0, 1]], dtype=np.float64
    )
    points, _ = cv2.projectPoints(
        direction.reshape(1, 1, 3), np.zeros(3), np.zeros(3), matrix, np.array(lens.distortion)
    )
    return float(points[0, 0, 0]), float(points[0, 0, 1])
