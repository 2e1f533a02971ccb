from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon

from pipelines.inside import SIGMAS_IN_ERROR, probability_inside

SQUARE = shapely.box(-10.0, -10.0, 10.0, 10.0)
RING = Polygon(SQUARE.exterior.coords, [shapely.box(-4, -4, 4, 4).exterior.coords])


def normal_below(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def test_a_place_on_a_straight_edge_is_inside_with_one_half() -> None:
    assert probability_inside(SQUARE, 10.0, 0.0, 1.0) == pytest.approx(0.5, abs=1e-9)


def test_a_place_on_a_corner_is_inside_with_one_quarter() -> None:
    assert probability_inside(SQUARE, 10.0, 10.0, 1.0) == pytest.approx(0.25, abs=1e-9)


def test_without_error_it_is_certain() -> None:
    assert probability_inside(SQUARE, 9.99, 0.0, 0.0) == 1.0
    assert probability_inside(SQUARE, 10.01, 0.0, 0.0) == 0.0


def test_a_hole_is_outside() -> None:
    assert probability_inside(RING, 0.0, 0.0, 0.5) == 0.0
    assert probability_inside(RING, 4.0, 0.0, 0.5) == pytest.approx(0.5, abs=1e-9)


def test_error_m_is_the_radius_of_68_percent() -> None:
    circle = shapely.Point(0.0, 0.0).buffer(3.0, quad_segs=256)
    assert probability_inside(circle, 0.0, 0.0, 3.0) == pytest.approx(0.6827, abs=1e-4)


@given(
    east_m=st.floats(-30, 30),
    north_m=st.floats(-30, 30),
    error_m=st.floats(0.01, 50),
)
def test_a_square_is_the_product_of_two_intervals(
    east_m: float, north_m: float, error_m: float
) -> None:
    sigma_m = error_m / SIGMAS_IN_ERROR

    def interval(x: float) -> float:
        return normal_below((10 - x) / sigma_m) - normal_below((-10 - x) / sigma_m)

    expected = interval(east_m) * interval(north_m)
    assert probability_inside(SQUARE, east_m, north_m, error_m) == pytest.approx(expected, abs=1e-7)


@given(east_m=st.floats(-20, 20), north_m=st.floats(-20, 20), error_m=st.floats(0.1, 30))
def test_parts_add_up_and_direction_of_rings_does_not_matter(
    east_m: float, north_m: float, error_m: float
) -> None:
    left, right = shapely.box(-10, -10, 0, 10), shapely.box(0.5, -10, 10, 10)
    both = MultiPolygon([left.reverse(), right])
    assert probability_inside(both, east_m, north_m, error_m) == pytest.approx(
        probability_inside(left, east_m, north_m, error_m)
        + probability_inside(right, east_m, north_m, error_m),
        abs=1e-7,
    )


def test_a_concave_zone_agrees_with_counting_random_places() -> None:
    zone = Polygon([(0, 0), (12, 0), (12, 8), (8, 8), (8, 3), (4, 3), (4, 8), (0, 8)])
    rng = np.random.default_rng(7)
    places = rng.normal((6.0, 4.0), 4.0 / SIGMAS_IN_ERROR, size=(200_000, 2))
    counted = shapely.contains_xy(zone, places[:, 0], places[:, 1]).mean()
    assert probability_inside(zone, 6.0, 4.0, 4.0) == pytest.approx(counted, abs=0.005)


def test_a_line_is_no_area() -> None:
    with pytest.raises(TypeError, match="not a LineString"):
        probability_inside(shapely.LineString([(0, 0), (1, 1)]), 0.0, 0.0, 1.0)
