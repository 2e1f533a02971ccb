"""What is recorded of a simulated flight is wrong by what the manifest says, and no more."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.records import Intrinsics
from sim_data.patrol_footage import (
    NOISES,
    SensorNoise,
    TrueFlight,
    each_picture,
    gauss_markov,
    noise_named,
    positions_in_view,
    recorded,
    true_lens,
)
from sim_data.world.scene import PersonActor, Scene, VehicleActor, VehicleKind

START = datetime(2026, 5, 11, 2, tzinfo=UTC)
FRAME = LocalFrame(30.2, 123.4)


def straight(seconds: float = 60.0, *, alt_m: float = 60.0, yaw_deg: float = 90.0) -> TrueFlight:
    """A flight to the east at 10 m/s, looking straight down."""
    count = round(seconds * 10.0) + 1
    level = np.full(count, 1.0)
    return TrueFlight(
        start=START,
        frame=FRAME,
        takeoff_alt_amsl_m=20.0,
        east_m=np.linspace(0.0, count - 1.0, count),
        north_m=level * 0.0,
        alt_home_m=level * alt_m,
        yaw_deg=level * yaw_deg,
        pitch_deg=level * -6.0,
        roll_deg=level * 0.0,
        gimbal_yaw_deg=level * yaw_deg,
        gimbal_pitch_deg=level * -90.0,
        speed_mps=level * 10.0,
    )


def test_without_noise_the_telemetry_is_the_truth() -> None:
    flight = straight()
    told = recorded(flight, NOISES["none"], 1)
    east, north = FRAME.to_en_m(told.columns["lat_deg"], told.columns["lon_deg"])
    assert np.abs(east - flight.east_m).max() < 1e-4
    assert np.abs(north).max() < 1e-4
    assert told.columns["alt_amsl_m"][0] == pytest.approx(80.0)
    assert told.times[10] == START + timedelta(seconds=1)
    assert told.focal_scale == 1.0


def test_errors_are_as_large_as_the_manifest_states_them() -> None:
    noise = NOISES["gnss"]
    flight = straight(10.0)
    told = [recorded(flight, noise, seed) for seed in range(400)]

    def spread(column: str, true: float) -> float:
        return float(np.std([one.columns[column][50] - true for one in told]))

    assert spread("alt_home_m", 60.0) == pytest.approx(noise.vertical_m, rel=0.12)
    assert spread("gimbal_yaw_deg", 90.0) == pytest.approx(noise.yaw_deg, rel=0.12)
    assert spread("gimbal_pitch_deg", -90.0) == pytest.approx(noise.pitch_deg, rel=0.12)
    assert spread("gimbal_roll_deg", 0.0) == pytest.approx(noise.roll_deg, rel=0.12)
    east = [FRAME.to_en_m(o.columns["lat_deg"][50], o.columns["lon_deg"][50])[0] for o in told]
    assert np.std(east) == pytest.approx(noise.horizontal_m, rel=0.12)
    late = [(one.times[0] - START).total_seconds() for one in told]
    assert np.std(late) == pytest.approx(noise.time_s, rel=0.12)
    assert np.std([one.focal_scale for one in told]) == pytest.approx(noise.focal_share, rel=0.12)
    assert noise.pose_sigma.horizontal_m == noise.horizontal_m


def test_errors_wander_and_do_not_jump() -> None:
    process = gauss_markov(np.random.default_rng(1), 200_000, 80.0)
    assert np.std(process) == pytest.approx(1.0, rel=0.1)
    assert np.corrcoef(process[:-80], process[80:])[0, 1] == pytest.approx(math.exp(-1), abs=0.08)


def test_the_same_seed_gives_the_same_errors_and_another_does_not() -> None:
    flight = straight()
    one, same, other = (recorded(flight, NOISES["rtk"], seed) for seed in (3, 3, 4))
    assert np.array_equal(one.columns["lat_deg"], same.columns["lat_deg"])
    assert not np.array_equal(one.columns["lat_deg"], other.columns["lat_deg"])


def test_pictures_are_taken_on_the_beat_and_only_in_the_air() -> None:
    flight = straight(3.0)
    flight.alt_home_m[:11] = 2.0
    pictures = list(each_picture(flight, 2.0))
    assert [time for time, _ in pictures] == [
        START + timedelta(seconds=s) for s in (1.5, 2.0, 2.5, 3.0)
    ]
    east_m, _ = FRAME.to_en_m(pictures[0][1].lat_deg, pictures[0][1].lon_deg)
    assert east_m == pytest.approx(15.0, abs=1e-4)
    with pytest.raises(SimulationError, match="nowhere above 5 m"):
        straight(3.0, alt_m=3.0).picture_times_s(2.0)
    with pytest.raises(SimulationError, match="fps 0 is not between"):
        flight.picture_times_s(0.0)


def test_between_readings_the_pose_is_between_theirs() -> None:
    flight = straight()
    flight.gimbal_yaw_deg[:] = np.linspace(170.0, 190.0, len(flight.gimbal_yaw_deg))
    pose = flight.pose(45.05)
    east_m, _ = FRAME.to_en_m(pose.lat_deg, pose.lon_deg)
    assert east_m == pytest.approx(45.05 * 10.0, abs=1e-3)
    assert pose.yaw_deg == pytest.approx(170.0 + 20.0 * 45.05 / 60.0 - 360.0)


def test_noise_that_is_not_known_or_not_possible_is_refused() -> None:
    with pytest.raises(SimulationError, match="there are rtk, gnss, none"):
        noise_named("perfect")
    with pytest.raises(SimulationError, match="yaw_deg -1"):
        replace(NOISES["rtk"], yaw_deg=-1.0)
    assert isinstance(noise_named("gnss"), SensorNoise)


class _Two:
    """A car under the camera and a person far outside the picture."""

    def at(self, time: datetime, around: tuple[float, float, float] | None = None) -> Scene:
        assert around is not None
        car = VehicleActor(
            "car-1", VehicleKind.CAR, 5.0, 3.0, 40.0, 7.0, 4.6, 1.8, 1.5, (200, 20, 20)
        )
        away = PersonActor("p-1", 5.0, 400.0, 0.0, 0.0, True, (1, 1, 1), True, (2, 2, 2))
        return Scene(time, (car,), (away,))


def test_positions_are_of_what_the_picture_shows() -> None:
    lens = Intrinsics.from_fov(1280, 720, 70.0)
    pose = straight().pose(0.0)
    (found,) = positions_in_view(FRAME, _Two(), None, pose, lens, START)
    assert (found.object_id, found.class_name, found.speed_mps) == ("car-1", "car", 7.0)
    assert FRAME.to_en_m(found.lat_deg, found.lon_deg) == pytest.approx((5.0, 3.0), abs=1e-4)


def test_the_true_lens_differs_from_the_stated_one_by_the_scale() -> None:
    lens = Intrinsics.from_fov(1280, 720, 70.0)
    assert true_lens(lens, 1.01).fx_px == pytest.approx(lens.fx_px * 1.01)
