"""Where the walls of known buildings appear in a picture."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import LineString, Polygon

from park.records import CornersView, View
from tests.vision.scene.drawn_ground import SITE, posed, rectangle, sight_of
from vision.locate import Locator
from vision.scene.lean import Standing
from vision.scene.view import SceneView
from vision.scene.walls import Walls
from vision.scene.working import Mask
from vision.scene.zones import GroundProjector

SIZE = (960, 540)
HALL = rectangle(20.0, 0.0, 16.0, 24.0)
HEIGHT_M = 12.0


def standing(outline: Polygon | LineString, height_m: float = HEIGHT_M) -> Standing:
    return Standing(SITE.unproject_geometry(outline), height_m)


def walls_of(*things: Standing, view: View | None, shape: tuple[int, int] = SIZE[::-1]) -> Mask:
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    return Walls(things, SITE).seen(SceneView(sight_of(picture, view), SITE), shape)


def at(mask: Mask, east_m: float, north_m: float, above_m: float) -> int:
    view = posed(alt_m=50.0, size=SIZE)
    x, y = GroundProjector(Locator(view), SITE).pixels(np.array([[east_m, north_m]]), above_m)[0]
    return int(mask[round(y * mask.shape[0] / SIZE[1]), round(x * mask.shape[1] / SIZE[0])])


@pytest.mark.parametrize("shape", [(540, 960), (270, 480)], ids=["whole", "shrunk"])
def test_the_wall_that_faces_the_camera_is_seen_and_no_roof_and_no_ground(
    shape: tuple[int, int],
) -> None:
    mask = walls_of(standing(HALL), view=posed(alt_m=50.0, size=SIZE), shape=shape)
    assert mask.shape == shape
    west_m = 12.0
    for north_m in (-10.0, 0.0, 10.0):
        assert at(mask, west_m, north_m, HEIGHT_M / 2.0) == 255, "half way up the near wall"
        assert at(mask, west_m + 3.0, north_m, HEIGHT_M) == 0, "on the roof"
        assert at(mask, west_m - 3.0, north_m, 0.0) == 0, "on the ground before it"


def test_of_a_long_wall_what_a_distorting_lens_shows_is_known() -> None:
    """Its ends lie where the lens model says nothing."""
    long = rectangle(20.0, 0.0, 16.0, 900.0)
    view = posed(alt_m=50.0, size=SIZE, distortion=(-0.3, 0.1, 0.0, 0.0, 0.0))
    plain = walls_of(standing(long), view=posed(alt_m=50.0, size=SIZE))
    assert np.count_nonzero(walls_of(standing(long), view=view)) > 0.5 * np.count_nonzero(plain)


def test_from_right_above_no_wall_is_seen() -> None:
    over = rectangle(0.0, 0.0, 20.0, 20.0)
    mask = walls_of(standing(over), view=posed(alt_m=50.0, size=SIZE))
    assert np.count_nonzero(mask) < 0.01 * mask.size


def test_of_what_is_higher_than_the_camera_the_wall_is_seen_as_far_as_it_goes() -> None:
    mask = walls_of(standing(HALL, 80.0), view=posed(alt_m=50.0, size=SIZE))
    assert at(mask, 12.0, 0.0, 20.0) == 255


@pytest.mark.parametrize(
    ("thing", "view"),
    [
        (standing(LineString([(10.0, -20.0), (10.0, 20.0)])), posed(alt_m=50.0, size=SIZE)),
        (standing(rectangle(3000.0, 0.0, 20.0, 20.0)), posed(alt_m=50.0, size=SIZE)),
        (standing(HALL), posed(alt_m=50.0, yaw_deg=270.0, pitch_deg=-20.0, size=SIZE)),
        (standing(HALL), None),
        (
            standing(HALL),
            CornersView(
                *SIZE,
                (
                    SITE.to_lat_lon(-40.0, 22.0),
                    SITE.to_lat_lon(40.0, 22.0),
                    SITE.to_lat_lon(40.0, -22.0),
                    SITE.to_lat_lon(-40.0, -22.0),
                ),
            ),
        ),
    ],
    ids=["a pipe", "far away", "behind the camera", "no view", "corners alone"],
)
def test_where_no_wall_is_known_to_be_seen_there_is_none(
    thing: Standing, view: View | None
) -> None:
    assert not walls_of(thing, view=view).any()
