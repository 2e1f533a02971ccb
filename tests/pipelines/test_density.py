"""How close people and vehicles are is said per ground and per lane, with what it may be off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.records import GroundPoint
from park.taxonomy import MeasureUnit
from pipelines.counting import Visit
from pipelines.density import mean_speed_mps, people_density, queue_length_m, vehicle_density
from tests.pipelines.test_counting import FRAME, visit


def at(name: str, east_m: float, north_m: float, error_m: float = 1.0) -> Visit:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    one = visit(name, 0.0, 1.0)
    place = GroundPoint(float(lat_deg), float(lon_deg), error_m)
    return replace(one, stay=replace(one.stay, place=place))


def place(east_m: float, north_m: float, error_m: float = 1.0) -> GroundPoint:
    return at("p", east_m, north_m, error_m).stay.place


def grid(side: int, apart_m: float, error_m: float = 1.0) -> list[GroundPoint]:
    return [place(apart_m * i, apart_m * j, error_m) for i in range(side) for j in range(side)]


@pytest.mark.parametrize("apart_m", [1.0, 2.0, 4.0])
def test_people_in_a_square_are_as_dense_as_they_stand(apart_m: float) -> None:
    dense = people_density(grid(6, apart_m), FRAME)
    assert dense.unit is MeasureUnit.PEOPLE_PER_100_M2
    assert dense.value == pytest.approx(100.0 / apart_m**2, rel=0.05)


@given(st.floats(0.6, 5.0), st.floats(0.0, 360.0), st.integers(3, 7))
def test_a_crowd_is_as_dense_from_every_side(apart_m: float, turn_deg: float, side: int) -> None:
    turn = np.radians(turn_deg)
    turned = [
        place(
            apart_m * (i * np.cos(turn) - j * np.sin(turn)),
            apart_m * (i * np.sin(turn) + j * np.cos(turn)),
        )
        for i in range(side)
        for j in range(side)
    ]
    straight = people_density(grid(side, apart_m), FRAME).value
    assert people_density(turned, FRAME).value == pytest.approx(straight, rel=0.01)


def test_the_error_grows_with_that_of_the_places() -> None:
    sure, unsure = (people_density(grid(4, 2.0, error_m), FRAME) for error_m in (0.5, 2.0))
    assert unsure.error == pytest.approx(4.0 * sure.error)
    assert unsure.value == sure.value


def test_the_error_says_how_far_places_that_are_off_move_it() -> None:
    rng = np.random.default_rng(7)
    error_m = 0.6
    truth = people_density(grid(5, 2.0, error_m), FRAME)
    tried = []
    for _ in range(200):
        off = rng.normal(0.0, error_m / 1.515, (25, 2))
        people = [
            place(2.0 * (k % 5) + e, 2.0 * (k // 5) + n, error_m)
            for k, (e, n) in enumerate(off.tolist())
        ]
        tried.append(people_density(people, FRAME).value)
    assert 0.4 * truth.error < float(np.std(tried)) < 2.0 * truth.error


def test_one_person_alone_has_some_room() -> None:
    assert people_density([place(0.0, 0.0)], FRAME).value == pytest.approx(127.0, rel=0.02)


def test_a_queue_is_measured_bumper_to_bumper_whatever_its_direction() -> None:
    queue = [at(f"c{k}", 6.0 * k, 8.0 * k, 1.0) for k in range(9)]
    length = queue_length_m(queue, FRAME)
    assert length.value == pytest.approx(8 * 10.0 + 5.0, abs=0.1)
    assert length.error == pytest.approx(2**0.5 / 1.515)
    dense = vehicle_density(queue, 9, length, lanes=3)
    assert dense.unit is MeasureUnit.VEHICLES_PER_LANE_KM
    assert dense.value == pytest.approx(9 / (0.085 * 3), rel=0.01)
    assert dense.error / dense.value == pytest.approx(length.error / length.value)


@given(st.integers(3, 40), st.integers(0, 40), st.integers(1, 4))
def test_what_no_picture_shows_together_makes_the_number_of_a_queue_less_sure(
    told: int, together: int, lanes: int
) -> None:
    queue = [at(f"c{k}", 8.0 * k, 0.0, 1.0) for k in range(told)]
    length = queue_length_m(queue, FRAME)
    dense = vehicle_density(queue, together, length, lanes)
    surest = vehicle_density(queue, told, length, lanes)
    assert dense.value == surest.value
    if together >= told:
        assert dense.error == pytest.approx(surest.error)
        return
    # An even distribution from the fewest to the most, about the most.
    fewer = (told - together) / told * dense.value / 3**0.5
    assert dense.error == pytest.approx(np.hypot(surest.error, fewer))


def test_the_speed_is_the_mean_of_what_tracks_tell() -> None:
    cars = [at(f"c{k}", 8.0 * k, 0.0) for k in range(3)]
    assert (
        mean_speed_mps([replace(c, thing=replace(c.thing, speed_mps=None)) for c in cars]) is None
    )
    some = [
        replace(car, thing=replace(car.thing, speed_mps=speed))
        for car, speed in zip(cars, (1.0, None, 2.0), strict=True)
    ]
    assert mean_speed_mps(some) == 1.5
