"""Known points of the ground, seen by a camera whose pose is recorded with stated noise.

A point is projected with the true pose and lens, and located again with what was recorded. How
far off it comes out, and whether `error_m` says so, is what everything that is placed rests on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from park.geodesy import LocalFrame
from park.patrol_format import PatrolCamera
from park.records import CameraPose, PosedView
from sim_data.camera.view import View
from sim_data.patrol_footage import NOISES, SensorNoise, TrueFlight, recorded, true_lens
from vision.locate import Locator

FRAME = LocalFrame(30.2, 123.4)
START = datetime(2026, 5, 11, 2, tzinfo=UTC)
FLIGHTS, POINTS = 80, 12
PIXEL_PX = 3.0
"""How well a detector knows the pixel that it places."""


@dataclass(frozen=True)
class Errors:
    """Errors of places, metres, and the share within the stated one sigma."""

    median_m: float
    p95_m: float
    within: float


def hover(pitch_deg: float, alt_m: float) -> TrueFlight:
    """Fly east at 8 m/s for half a minute, looking ahead."""
    level = np.ones(301)
    return TrueFlight(
        start=START,
        frame=FRAME,
        takeoff_alt_amsl_m=20.0,
        east_m=np.linspace(0.0, 240.0, 301),
        north_m=level * 0.0,
        alt_home_m=level * alt_m,
        yaw_deg=level * 90.0,
        pitch_deg=level * 0.0,
        roll_deg=level * 0.0,
        gimbal_yaw_deg=level * 90.0,
        gimbal_pitch_deg=level * pitch_deg,
        speed_mps=level * 8.0,
    )


def errors(noise: SensorNoise, pitch_deg: float, alt_m: float = 60.0) -> Errors:
    rng = np.random.default_rng(11)
    stated = PatrolCamera(
        camera_id="rgb",
        width_px=1280,
        height_px=720,
        hfov_deg=70.0,
        focal_sigma=noise.focal_share,
    ).intrinsics()
    off, within = [], []
    flight = hover(pitch_deg, alt_m)
    for seed in range(FLIGHTS):
        told = recorded(flight, noise, seed)
        true_pose = flight.pose(15.0)
        view = View.of(FRAME, true_pose, true_lens(stated, told.focal_scale))
        # The picture's time is right; the telemetry's clock is late by what was drawn.
        late_s = (told.times[150] - flight.time(150)).total_seconds()
        row = 150.0 - late_s * 10.0
        at = {
            name: float(np.interp(row, np.arange(301), column))
            for name, column in told.columns.items()
        }
        pose = CameraPose(
            at["lat_deg"], at["lon_deg"], at["alt_home_m"], None,
            at["gimbal_yaw_deg"], at["gimbal_pitch_deg"], at["gimbal_roll_deg"],
        )  # fmt: skip
        seen = PosedView(stated, pose, noise.pose_sigma.sigma())
        locator = Locator(seen, pixel_sigma_px=PIXEL_PX)
        # The middle nine tenths of the picture.
        for x, y in rng.uniform((64.0, 36.0), (1216.0, 684.0), (POINTS, 2)):
            east_m, north_m = _ground(view, x, y)
            place = locator.place(*(np.array([x, y]) + rng.normal(0.0, PIXEL_PX, 2)))
            found = FRAME.to_en_m(place.lat_deg, place.lon_deg)
            off.append(math.hypot(found[0] - east_m, found[1] - north_m))
            within.append(off[-1] <= place.error_m)
    return Errors(float(np.median(off)), float(np.quantile(off, 0.95)), float(np.mean(within)))


def _ground(view: View, x_px: float, y_px: float) -> tuple[float, float]:
    at = np.linalg.solve(view.ground_to_px, np.array([x_px, y_px, 1.0]))
    east, north = at[:2] / at[2] + view.eye[:2]
    return float(east), float(north)


@pytest.mark.parametrize(
    ("pitch_deg", "most_median_m"), [(-90.0, 0.5), (-45.0, 2.0)], ids=["nadir", "oblique"]
)
def test_a_corrected_receiver_places_what_it_sees_well_and_says_how_well(
    pitch_deg: float, most_median_m: float
) -> None:
    found = errors(NOISES["rtk"], pitch_deg)
    print(f"rtk, {pitch_deg:g} degrees at 60 m: {found}")
    assert found.median_m < most_median_m
    assert 0.60 <= found.within <= 0.76


@pytest.mark.parametrize("pitch_deg", [-90.0, -45.0])
def test_a_plain_receiver_is_worse_and_says_so(pitch_deg: float) -> None:
    found = errors(NOISES["gnss"], pitch_deg)
    print(f"gnss, {pitch_deg:g} degrees at 60 m: {found}")
    assert found.median_m > 1.0
    assert 0.60 <= found.within <= 0.76


def test_without_noise_only_the_pixel_is_wrong() -> None:
    assert errors(NOISES["none"], -90.0).median_m < 0.3
