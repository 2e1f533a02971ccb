from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drone.airspace import Airspace
from drone.leg_geometry import legs_by_target
from drone.ways_home import Flights, RallyFinder, return_z_m
from park.errors import AirspaceError
from park.terrain import FlatTerrain
from tests.drone.drawn_park import Hill, band, drawn_site

HOME = np.zeros(3)
BEHIND = np.array([[[300.0, -50.0, 40.0], [300.0, 50.0, 40.0]]])
BLOCK = shapely.box(100, -50, 200, 50)


class TestNearestTarget:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(-200, 200), st.integers(-200, 200)), min_size=1, max_size=6),
        st.tuples(*[st.integers(-200, 200)] * 4),
    )
    def test_every_place_on_a_leg_is_in_the_part_of_its_nearest_target(
        self, drawn: list[tuple[int, int]], ends: tuple[int, int, int, int]
    ) -> None:
        targets = np.array([[e, n, 0.0] for e, n in drawn])
        legs = np.array([[[*ends[:2], 10.0], [*ends[2:], 50.0]]])
        parts = {
            (float(t[0]), float(t[1])): part for t, part, index in legs_by_target(legs, targets)
            if len(index)
        }  # fmt: skip
        for share in np.linspace(0.0, 1.0, 21):
            at = legs[0, 0] + share * (legs[0, 1] - legs[0, 0])
            away = np.hypot(*(targets[:, :2] - at[:2]).T)
            nearest = targets[away.argmin()]
            part = parts[float(nearest[0]), float(nearest[1])]
            line = shapely.LineString(part[0, :, :2])
            assert line.distance(shapely.Point(at[:2])) < 1e-6


class TestClosedReturns:
    @settings(max_examples=40, deadline=None)
    @example([(0.0, 0.0), (0.0, 1.0)], [(0.0, 0.0, 0.0, 2.3e-311)])
    @given(
        st.lists(st.tuples(*[st.floats(-300, 300)] * 2), min_size=2, max_size=5),
        st.lists(st.tuples(*[st.floats(-300, 300)] * 4), min_size=1, max_size=8),
    )
    def test_looking_only_at_what_the_last_target_changes_gives_the_same(
        self, places: list[tuple[float, float]], drawn: list[tuple[float, ...]]
    ) -> None:
        site = drawn_site(no_fly=[BLOCK, shapely.box(-200, -200, -100, 100)])
        airspace = Airspace.of(site, FlatTerrain())
        targets = np.array([[e, n, 0.0] for e, n in places])
        legs = np.array([[[a, b, 40.0], [c, d, 40.0]] for a, b, c, d in drawn])
        before = airspace.closed_returns(legs, targets[:-1], 40.0)
        quick = airspace.closed_returns(legs, targets, 40.0, closed_before=before)
        assert quick.tolist() == airspace.closed_returns(legs, targets, 40.0).tolist()


class TestReturnHeight:
    def height(self, *, wish: float = 30.0, **drawn: object) -> float:
        airspace = Airspace.of(drawn_site(**drawn), FlatTerrain())  # type: ignore[arg-type]
        return return_z_m(airspace, HOME, BEHIND, wish)

    def test_it_is_the_wish_where_nothing_is_in_the_way(self) -> None:
        assert self.height() == 30.0

    def test_it_clears_a_building_between(self) -> None:
        assert self.height(buildings=[(BLOCK, 55.0)]) == pytest.approx(65.0)

    def test_it_does_not_climb_for_a_building_elsewhere(self) -> None:
        assert self.height(buildings=[(shapely.box(-300, 0, -200, 90), 55.0)]) == 30.0

    def test_it_does_not_climb_into_a_no_fly_area_for_nothing(self) -> None:
        assert self.height(no_fly=[band(BLOCK, 60.0)]) == 30.0

    def test_it_never_goes_higher_than_allowed(self) -> None:
        assert self.height(buildings=[(BLOCK, 115.0)]) == 30.0

    def test_it_clears_the_ground_between(self) -> None:
        airspace = Airspace.of(drawn_site(), Hill(150.0, 0.0, 70.0, 100.0))
        assert return_z_m(airspace, HOME, BEHIND, 30.0) == pytest.approx(75.0, abs=3.0)

    def test_ground_that_differs_too_much_is_refused(self) -> None:
        airspace = Airspace.of(drawn_site(), Hill(150.0, 0.0, 150.0, 100.0))
        with pytest.raises(AirspaceError, match="too low or too high somewhere"):
            return_z_m(airspace, HOME, BEHIND, 30.0)


class TestRallyPlaces:
    def found(self, **drawn: object) -> np.ndarray | None:
        airspace = Airspace.of(drawn_site(**drawn), FlatTerrain())  # type: ignore[arg-type]
        flight = Flights(HOME, BEHIND, 40.0)
        places = RallyFinder(airspace).places(flight)
        if places is not None:
            targets = np.vstack([HOME, places])
            assert not airspace.return_breaches(BEHIND, targets, 40.0)
        return places

    def test_none_where_home_is_in_sight(self) -> None:
        assert len(self.found()) == 0  # type: ignore[arg-type]

    def test_one_behind_a_no_fly_area(self) -> None:
        assert len(self.found(no_fly=[BLOCK])) == 1  # type: ignore[arg-type]

    def test_another_dock_comes_before_open_ground(self) -> None:
        places = self.found(no_fly=[BLOCK], docks=[(0, 0), (330, 20)])
        assert places is not None
        assert places[:, :2].tolist() == [pytest.approx([330.0, 20.0], abs=0.01)]

    def test_none_can_be_found_where_all_ground_is_roads(self) -> None:
        roads = [shapely.LineString([(-480, n), (480, n)]) for n in range(-480, 481, 28)]
        assert self.found(no_fly=[BLOCK], roads=roads, docks=()) is None
