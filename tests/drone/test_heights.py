from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drone.heights import Ground, along, drape
from park.errors import AirspaceError
from park.terrain import FlatTerrain
from tests.drone.drawn_park import FRAME, Hill


class TestAlong:
    def test_both_ends_are_samples_and_none_are_further_apart_than_asked(self) -> None:
        legs = np.array([[[0, 0, 10], [100, 0, 20]], [[0, 0, 5], [0, 0, 9]]], float)
        index, share, places = along(legs, 30.0)
        assert list(index) == [0, 0, 0, 0, 0, 1, 1]
        assert list(places[:5, 0]) == pytest.approx([0, 25, 50, 75, 100])
        assert list(places[5:, 2]) == [5.0, 9.0]
        assert (share[0], share[4]) == (0.0, 1.0)


class TestDrape:
    def test_level_ground_inserts_nothing(self) -> None:
        line = np.array([[0, 0, 40], [500, 0, 60], [500, 500, 40]], float)
        draped, places = drape(Ground(FRAME, FlatTerrain()), line)
        assert draped.tolist() == line.tolist()
        assert list(places) == [0.0, 1.0, 2.0]

    @settings(max_examples=40, deadline=None)
    @given(st.floats(-150, 150), st.floats(-150, 150), st.floats(-50, 80), st.floats(1.0, 10.0))
    def test_the_height_above_ground_holds_along_the_legs(
        self, east: float, north: float, height: float, tolerance: float
    ) -> None:
        ground = Ground(FRAME, Hill(east, north, height, 150.0))
        line = np.array([[-300, 0, 40], [300, 0, 60], [300, 200, 60]], float)
        draped, places = drape(ground, line, tolerance_m=tolerance)
        which, share, at = along(np.stack([draped[:-1], draped[1:]], axis=1), 2.0)
        legs = which.astype(int)
        wanted = np.interp(places[legs] + share * np.diff(places)[legs], np.arange(3.0), line[:, 2])
        agl = at[:, 2] - ground.z_m(at[:, 0], at[:, 1])
        # Between the samples of 5 m the hill's flank changes by less than 3 m.
        assert np.abs(agl - wanted).max() < tolerance + 3.0
        own = draped[np.isin(places, [0.0, 1.0, 2.0])]
        assert own[:, :2].tolist() == line[:, :2].tolist()

    def test_a_hill_inserts_a_waypoint_at_its_summit(self) -> None:
        line = np.array([[-300, 0, 40], [300, 0, 40]], float)
        draped, places = drape(Ground(FRAME, Hill(0, 0, 50, 200)), line)
        top = draped[draped[:, 2].argmax()]
        assert top == pytest.approx([0.0, 0.0, 90.0], abs=1e-6)
        assert 0.5 in places

    def test_unknown_ground_is_refused_with_the_place(self) -> None:
        class Nowhere(FlatTerrain):
            def height_home_m(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
                return np.full(np.shape(lat_deg), np.nan)

        with pytest.raises(AirspaceError, match=r"point of the route \(31\.0.*elevation model"):
            drape(Ground(FRAME, Nowhere()), np.array([[0, 0, 40], [9, 0, 40]], float))
