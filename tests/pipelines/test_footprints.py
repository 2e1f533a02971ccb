"""What a map shows of the ground that a flight saw."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from park.records import LatLonDeg, View
from pipelines.footprints import MOST_OUTLINES, Footprints
from tests.vision.scene.drawn_ground import SITE, posed, sight_of
from vision.observe import Sight

SMALL = (64, 36)


def sight(view: View | None) -> Sight:
    return sight_of(np.zeros((*SMALL[::-1], 3), np.uint8), view)


def outlines(corners: tuple[LatLonDeg, ...]) -> list[Polygon]:
    assert len(corners) % 4 == 0
    placed = [SITE.to_en_m(lat, lon) for lat, lon in corners]
    return [Polygon(placed[i : i + 4]) for i in range(0, len(placed), 4)]


def test_a_long_flight_is_shown_from_its_beginning_to_its_end() -> None:
    seen = Footprints()
    for number in range(1000):
        seen.add(sight(posed(east_m=10.0 * number, size=SMALL)))
    shown = [outline.centroid.x for outline in outlines(seen.corners)]
    assert MOST_OUTLINES / 2 <= len(shown) <= MOST_OUTLINES
    assert shown[0] == pytest.approx(0.0, abs=1.0)
    assert shown[-1] > 9_500.0
    assert np.ptp(np.diff(shown)) < 1.0, "no part of it is shown more than another"


def test_a_camera_that_stands_still_is_shown_once() -> None:
    seen = Footprints()
    for _ in range(5):
        seen.add(sight(posed(size=SMALL)))
    assert len(outlines(seen.corners)) == 1


def test_a_picture_with_the_horizon_in_it_is_shown_by_its_ground() -> None:
    seen = Footprints()
    views = [posed(pitch_deg=-20.0, size=SMALL), posed(size=SMALL, east_m=50.0)]
    for view in views:
        seen.add(sight(view))
    aslant, below = outlines(seen.corners)
    assert aslant.is_valid
    assert aslant.contains(Point(0.0, 150.0)), "what lies ahead"
    assert below.contains(Point(50.0, 0.0))
    assert below.is_valid


@pytest.mark.parametrize("view", [None, posed(pitch_deg=60.0, size=SMALL), posed(alt_m=0.0)])
def test_what_shows_no_ground_is_left_out(view: View | None) -> None:
    seen = Footprints()
    seen.add(sight(view))
    seen.add(sight(posed(size=SMALL)))
    assert len(outlines(seen.corners)) == 1
