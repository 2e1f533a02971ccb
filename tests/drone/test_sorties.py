from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.heights import Ground
from drone.records import RoutePoint
from drone.strips import FlownStrip, flown_strip
from park.terrain import FlatTerrain
from tests.drone.drawn_park import FRAME, Hill, place, strip

GROUND = Ground(FRAME, FlatTerrain())


def pitched(*pitches: float) -> FlownStrip:
    """Return a strip of points 100 m apart with these gimbal angles."""
    points = tuple(place(100.0 * k, 0.0, gimbal_pitch_deg=pitch) for k, pitch in enumerate(pitches))
    return flown_strip(GROUND, type(strip((0, 0)))(points), 120.0)


def pitch_at(flown: FlownStrip, at_m: float) -> float:
    """Return the gimbal angle on the leg at a distance from the start."""
    leg = int(np.searchsorted(flown.distances_m, at_m, side="right")) - 1
    return flown.cameras[leg].gimbal_pitch_deg


class TestTurned:
    def test_what_is_set_for_a_leg_stays_with_it(self) -> None:
        flown = pitched(-90.0, -60.0, -30.0)
        turned = flown.turned()
        assert [pitch_at(flown, m) for m in (50, 150)] == [-90.0, -60.0]
        assert [pitch_at(turned, m) for m in (50, 150)] == [-60.0, -90.0]

    def test_turned_twice_it_is_the_same_way(self) -> None:
        flown = pitched(-90.0, -60.0, -30.0)
        again = flown.turned().turned()
        assert again.line.tolist() == flown.line.tolist()
        assert again.points == flown.points
        assert [pitch_at(again, m) for m in (50, 150)] == [-90.0, -60.0]

    def test_a_single_point_keeps_its_camera(self) -> None:
        assert pitched(-45.0).turned().cameras[0].gimbal_pitch_deg == -45.0


class TestCut:
    @given(st.floats(1.0, 299.0))
    def test_the_pieces_are_the_whole(self, at_m: float) -> None:
        flown = pitched(-90.0, -60.0, -30.0, 0.0)
        head, tail = flown.cut(at_m)
        assert head.length_m == pytest.approx(at_m)
        assert head.length_m + tail.length_m == pytest.approx(300.0)
        assert head.line[-1] == pytest.approx(tail.line[0])
        assert pitch_at(tail, 0.1) == pitch_at(flown, at_m + 0.1)
        own: list[RoutePoint | None] = [*head.points, *tail.points]
        assert [point for point in own if point] == list(flown.points)

    def test_cut_at_a_point_it_belongs_to_the_first_piece(self) -> None:
        flown = pitched(-90.0, -60.0, -30.0)
        head, tail = flown.cut(float(flown.distances_m[1]))
        assert (len(head.points), head.points[-1]) == (2, flown.points[1])
        assert tail.points[0] is None


class TestDraped:
    def test_inserted_points_have_no_settings_of_their_own(self) -> None:
        ground = Ground(FRAME, Hill(0.0, 0.0, 60.0, 150.0))
        flown = flown_strip(ground, strip((-300, 0), (300, 0)), 120.0)
        assert len(flown.line) > 2
        assert [point is None for point in flown.points[1:-1]] == [True] * (len(flown.line) - 2)
        assert flown.points[0] is not None
        assert flown.points[-1] is not None

    def test_photos_are_counted_along_and_at_points(self) -> None:
        flown = flown_strip(GROUND, strip((0, 0), (100.5, 0), photo_spacing_m=10.0), 120.0)
        assert flown.photos == 11
