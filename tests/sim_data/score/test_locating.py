"""Detections are measured against where things really were."""

from __future__ import annotations

import numpy as np
import pytest

from sim_data.score import PlaceErrors, locate_against, place_errors
from tests.sim_data.score.reports import position, sighting


def test_a_detection_is_measured_against_the_nearest_thing_of_its_class() -> None:
    there = [
        position("car-1", 0.0, 0.0),
        position("car-2", 6.0, 0.0),
        position("man", 1.0, 0.0, class_name="person"),
    ]
    located = locate_against(
        [sighting(1.0, 0.0, 0.0), sighting(5.5, 0.0, 0.0, class_name="van")], there
    )
    assert {one.thing.object_id: round(one.error_m, 2) for one in located} == {
        "car-1": 1.0,
        "car-2": 0.5,
    }


def test_what_moves_is_carried_to_the_moment_of_the_frame() -> None:
    there = [position("car", 0.0, 0.0, 0.0, heading_deg=90.0, speed_mps=10.0)]
    (one,) = locate_against([sighting(4.0, 0.0, 0.4)], there)
    assert one.error_m == pytest.approx(0.0, abs=0.01)
    assert locate_against([sighting(10.0, 0.0, 1.2)], there) == ()


def test_what_is_too_far_away_or_of_another_class_is_not_measured() -> None:
    there = [position("car", 0.0, 0.0)]
    assert locate_against([sighting(9.0, 0.0, 0.0, error_m=2.0)], there) == ()
    assert len(locate_against([sighting(9.0, 0.0, 0.0, error_m=2.5)], there)) == 1
    assert locate_against([sighting(0.0, 0.0, 0.0, class_name="person")], there) == ()


def test_errors_that_are_as_stated_are_found_honest_and_others_not() -> None:
    rng = np.random.default_rng(1)
    # 1.515 standard deviations of an axis hold 68.27 % of round errors.
    off = rng.normal(0.0, 1.0, (400, 2))
    seen = [sighting(200.0 * n + e, m, 0.0, error_m=1.515) for n, (e, m) in enumerate(off)]
    there = [position(f"car-{n}", 200.0 * n, 0.0) for n in range(400)]
    honest = place_errors(locate_against(seen, there))
    assert honest is not None
    assert honest.count == 400
    assert honest.honest, honest
    assert honest.median_m == pytest.approx(1.18, abs=0.15)
    bold = PlaceErrors.of([1.0, 2.0, 3.0], [1.5, 1.5, 1.5])
    assert bold is not None
    assert not bold.honest


def test_nothing_placed_has_no_errors() -> None:
    assert place_errors(()) is None
    assert locate_against([], [position("car", 0.0, 0.0)]) == ()
