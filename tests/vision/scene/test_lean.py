from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from park.records import CameraPose
from tests.vision.scene.drawn_ground import SITE, posed, rectangle
from vision.scene.lean import Leans, Standing
from vision.scene.ortho import CellGrid

CELL_M = 0.5
GRID = CellGrid.around((-40.0, -40.0, 40.0, 40.0), CELL_M)
SLACK_M = 1.0
"""Of outlines, as the module has it."""


def standing(area: Polygon | LineString, height_m: float) -> Standing:
    return Standing(SITE.unproject_geometry(area), height_m)


def pose(east_m: float, north_m: float, alt_m: float) -> CameraPose:
    return posed(east_m=east_m, north_m=north_m, alt_m=alt_m).pose


def cells(area: Polygon) -> np.ndarray:
    return GRID.mask(area) > 0


@given(
    east_m=st.floats(-30, 30),
    north_m=st.floats(-30, 30),
    alt_m=st.floats(30, 120),
    height_m=st.floats(2, 20),
)
def test_ground_is_hidden_where_the_line_of_sight_meets_a_building(
    east_m: float, north_m: float, alt_m: float, height_m: float
) -> None:
    house = rectangle(3, -4, 14, 9)
    hidden = Leans([standing(house, height_m)], SITE).hidden(GRID, pose(east_m, north_m, alt_m)) > 0
    rows, columns = np.mgrid[1 : GRID.rows : 7, 1 : GRID.columns : 7]
    ground = GRID.places_m(rows.ravel() + 0.5, columns.ravel() + 0.5)
    # Below the roof's height, a line of sight runs over this stretch of the map.
    foot = np.array([east_m, north_m])
    enters = foot + (1.0 - height_m / alt_m) * (ground - foot)
    sights = shapely.linestrings(np.stack([enters, ground], axis=1))
    meets = shapely.intersects(sights, house)
    assert hidden[rows.ravel(), columns.ravel()][meets].all()
    # What is far from any line that meets it is not hidden.
    clear = shapely.distance(sights, house) > SLACK_M * 1.5 + 0.36 * height_m + CELL_M
    assert not hidden[rows.ravel(), columns.ravel()][clear].any()


def test_what_stands_leans_away_from_the_camera() -> None:
    house = rectangle(0, 0, 10, 10)
    leans = Leans([standing(house, 12.0)], SITE)
    hidden = leans.hidden(GRID, pose(-30.0, 0.0, 50.0)) > 0
    # Of the far wall, 35 m away, the roof is seen 35 * 12 / 38 = 11 m behind it.
    assert hidden[cells(rectangle(12, 0, 7, 2))].all()
    assert not hidden[cells(rectangle(-14, 0, 7, 2))].any()


def test_from_right_above_a_low_pipe_hides_only_what_a_baseline_may_have_of_it() -> None:
    pipe = LineString([(0.0, -30.0), (0.0, 30.0)])
    hidden = Leans([standing(pipe, 6.0)], SITE).hidden(GRID, pose(0.0, 0.0, 45.0)) > 0
    assert hidden[cells(rectangle(0, 0, 8, 50))].all()
    assert not hidden[cells(rectangle(9, 0, 6, 50))].any()


def test_what_is_higher_than_the_camera_hides_what_is_behind_it() -> None:
    chimney = rectangle(5, 0, 4, 4)
    hidden = Leans([standing(chimney, 80.0)], SITE).hidden(GRID, pose(-20.0, 0.0, 45.0)) > 0
    assert hidden[cells(rectangle(37, 0, 5, 2))].all()


def test_things_far_from_the_grid_hide_nothing_of_it() -> None:
    house = rectangle(900, 0, 40, 40)
    assert not Leans([standing(house, 30.0)], SITE).hidden(GRID, pose(0.0, 0.0, 60.0)).any()


@pytest.mark.parametrize("things", [[], [standing(rectangle(0, 0, 4, 4), 3.0)]])
def test_the_mask_has_the_shape_of_the_grid(things: list[Standing]) -> None:
    assert Leans(things, SITE).hidden(GRID, pose(0.0, 0.0, 60.0)).shape == GRID.shape
