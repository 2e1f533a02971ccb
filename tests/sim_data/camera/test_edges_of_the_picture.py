"""What a picture shows at its own edge and at the horizon."""

from __future__ import annotations

import time

import numpy as np
import pytest

from park.records import Intrinsics
from sim_data.camera import Renderer
from tests.sim_data.camera.parks import NOON, pose_at, small_park


@pytest.mark.parametrize(("width_px", "height_px"), [(960, 540), (320, 180), (160, 50)])
def test_the_ground_reaches_the_last_row(width_px: int, height_px: int) -> None:
    renderer = Renderer(small_park(), life=None, seed=1)
    lens = Intrinsics.from_fov(width_px, height_px, 70.0)
    picture = renderer.rgb(pose_at(0.0, 0.0, 60.0, 0.0, -90.0, 0.0), lens, NOON)
    assert picture[-12:].max(axis=(1, 2)).min() > 40, "no row is black"


@pytest.mark.parametrize("height_m", [1.2, 30.0])
def test_a_view_of_the_horizon_is_drawn_as_far_as_it_can_be_seen(height_m: float) -> None:
    renderer = Renderer(small_park(), life=None, seed=1)
    lens = Intrinsics.from_fov(160, 90, 70.0)
    began_s = time.process_time()
    picture = renderer.rgb(pose_at(0.0, 0.0, height_m, 0.0, 0.0, 0.0), lens, NOON)
    assert time.process_time() - began_s < 20.0, "it hung here before"
    sky, ground = picture[:30].reshape(-1, 3), picture[-20:].reshape(-1, 3)
    assert np.median(sky[:, 2].astype(int)) > np.median(ground[:, 2].astype(int))
