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


def test_a_sliver_of_sky_is_sky_and_not_nothing() -> None:
    renderer = Renderer(small_park(), life=None, seed=1)
    lens = Intrinsics.from_fov(640, 512, 50.0)
    coldest_c = {
        pitch_deg: float(
            renderer.thermal(pose_at(0.0, 0.0, 45.0, 0.0, pitch_deg, 0.0), lens, NOON).min()
        )
        / 100.0
        - 273.15
        for pitch_deg in (-20.0, -20.7, -21.4, -22.0)
    }
    assert min(coldest_c.values()) > -30.0, coldest_c
