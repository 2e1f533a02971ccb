from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from drone.airspace import Airspace
from drone.detours import NoWay, Router
from drone.energy import EnergyModel
from drone.records import Vehicle, Wind
from drone.transits import Transits
from park.errors import AirspaceError
from park.site import Site
from park.terrain import FlatTerrain
from tests.drone.drawn_park import band, drawn_site

WALL = shapely.box(-10, -200, 10, 200)


def router(site: Site, z_m: float = 40.0) -> Router:
    airspace = Airspace.of(site, FlatTerrain())
    return Router(airspace, airspace.obstacles.blocking_z(z_m))


def length_m(way: np.ndarray | NoWay) -> float:
    assert isinstance(way, np.ndarray), way
    return float(np.hypot(*np.diff(way, axis=0).T).sum())


class TestRouter:
    def test_a_free_way_is_straight(self) -> None:
        way = router(drawn_site()).way((-100.0, 0.0), (100.0, 0.0))
        assert np.asarray(way).tolist() == [[-100.0, 0.0], [100.0, 0.0]]

    def test_it_bends_at_the_corners_of_what_is_in_the_way(self) -> None:
        way = router(drawn_site(no_fly=[WALL])).way((-100.0, 50.0), (100.0, 50.0))
        # Around the nearer end of the wall, 5 m of margin away from it.
        shortest = 2.0 * np.hypot(100.0 - 10.0, 205.0 - 50.0) + 20.0
        assert shortest < length_m(way) < shortest + 12.0

    def test_it_goes_round_a_bay_of_the_boundary(self) -> None:
        bay = shapely.box(-500, -500, 500, 500).difference(shapely.box(-50, 0, 50, 500))
        way = router(drawn_site(boundary=bay)).way((-200.0, 200.0), (200.0, 200.0))
        assert length_m(way) > 2.0 * np.hypot(150.0, 200.0)

    def test_what_ends_below_is_flown_over(self) -> None:
        site = drawn_site(no_fly=[band(WALL, 0.0, 30.0)])
        assert length_m(router(site).way((-100.0, 0.0), (100.0, 0.0))) == pytest.approx(200.0)

    def test_no_way_names_what_is_in_it(self) -> None:
        site = drawn_site(no_fly=[shapely.box(-10, -500, 10, 500)])
        way = router(site).way((-100.0, 0.0), (100.0, 0.0))
        assert way == NoWay("no-fly area n1", way.place)  # type: ignore[union-attr]
        assert way.place[0] == pytest.approx(-15.0, abs=0.1)  # type: ignore[union-attr]

    def test_an_end_inside_an_obstacle_has_no_way(self) -> None:
        way = router(drawn_site(no_fly=[WALL])).way((-100.0, 0.0), (0.0, 0.0))
        assert isinstance(way, NoWay)
        assert way.obstacle == "no-fly area n1"

    def test_an_end_outside_has_no_way(self) -> None:
        way = router(drawn_site()).way((0.0, 0.0), (600.0, 0.0))
        assert isinstance(way, NoWay)
        assert way.obstacle == "the boundary"

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(*[st.floats(-350, 350)] * 2, *[st.floats(10, 150)] * 2),
            max_size=10,
        ),
        st.tuples(st.floats(-450, 450), st.floats(-450, 450)),
        st.tuples(st.floats(-450, 450), st.floats(-450, 450)),
    )  # fmt: skip
    def test_no_way_crosses_an_obstacle_or_the_boundary(
        self,
        drawn: list[tuple[float, float, float, float]],
        start: tuple[float, float],
        end: tuple[float, float],
    ) -> None:
        areas = [shapely.Point(e, n).buffer(w / 2, quad_segs=2) for e, n, w, _ in drawn[::2]]
        areas += [shapely.box(e, n, e + w, n + d) for e, n, w, d in drawn[1::2]]
        boundary = shapely.box(-500, -500, 500, 500).difference(shapely.box(-60, 300, 60, 500))
        site = drawn_site(boundary=boundary, no_fly=areas)
        finder = router(site)
        way = finder.way(start, end)
        if isinstance(way, NoWay):
            return
        assert way[0].tolist() == list(start)
        assert way[-1].tolist() == list(end)
        if np.hypot(*(way[-1] - way[0])) > 0.01:
            line = shapely.LineString(way)
            assert finder.airspace.allowed.covers(line)
            assert not any(line.intersects(o.keep_out) for o in finder.airspace.obstacles.obstacles)


class TestTransits:
    def transits(self, site: Site) -> Transits:
        return Transits(Airspace.of(site, FlatTerrain()), EnergyModel(Vehicle(), Wind()))

    def test_a_low_building_is_flown_over_and_the_height_is_left_again(self) -> None:
        site = drawn_site(buildings=[(WALL, 30.0)])
        line = self.transits(site).between(np.array([-60.0, 0, 35.0]), np.array([60.0, 0, 35.0]))
        assert line[:, 2].tolist() == pytest.approx([35.0, 40.1, 40.1, 35.0])

    def test_a_high_but_narrow_one_is_flown_around(self) -> None:
        tower = shapely.box(-5, -5, 5, 5)
        site = drawn_site(buildings=[(tower, 100.0)])
        line = self.transits(site).between(np.array([-60.0, 0, 20.0]), np.array([60.0, 0, 20.0]))
        assert set(line[:, 2]) == {20.0}
        assert len(line) > 2

    def test_one_too_high_to_fly_over_is_flown_around(self) -> None:
        site = drawn_site(buildings=[(WALL, 115.0)])
        line = self.transits(site).between(np.array([-60.0, 0, 20.0]), np.array([60.0, 0, 20.0]))
        assert set(line[:, 2]) == {20.0}

    def test_where_there_is_no_way_both_ends_and_the_obstacle_are_named(self) -> None:
        site = drawn_site(no_fly=[shapely.box(-10, -500, 10, 500)])
        with pytest.raises(
            AirspaceError,
            match=r"no way .* transit from 31\.0.*no-fly area n1 is in the way at .*; move",
        ):
            self.transits(site).between(np.array([-60.0, 0, 35.0]), np.array([60.0, 0, 35.0]))

    def test_under_a_floor_that_the_way_home_is_above_it_goes_out_low(self) -> None:
        site = drawn_site(no_fly=[band(shapely.box(50, -50, 150, 50), 60.0, None)])
        home, place = np.array([0.0, 0.0, 0.0]), np.array([100.0, 0.0, 35.0])
        line = self.transits(site).out(home, 70.0, place)
        assert line.tolist() == [[0.0, 0.0, 70.0], [0.0, 0.0, 35.0], [100.0, 0.0, 35.0]]
        assert self.transits(site).back(home, 70.0, place).tolist() == line[::-1].tolist()
