from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drone.cameras.pattern import StillCamera, colour_bars
from drone.cameras.rendered import RenderedCamera, between
from drone.cameras.source import CameraNote, Picture
from park.errors import RecordingError
from park.patrol_format import PatrolCamera
from park.records import CameraPose
from vision.footage.angles import interpolate_deg

START = datetime(2026, 5, 4, tzinfo=UTC)


class SimulatedTime:
    def __init__(self, speedup: float) -> None:
        self.speedup = speedup
        self._begin = datetime.now(UTC)

    def now(self) -> datetime:
        return START + (datetime.now(UTC) - self._begin) * self.speedup


class Remembering:
    camera = PatrolCamera(camera_id="sim", width_px=32, height_px=16, hfov_deg=60.0)

    def __init__(self) -> None:
        self.seen: list[tuple[datetime, CameraPose]] = []

    def render(self, pose: CameraPose, time: datetime) -> NDArray[np.uint8]:
        self.seen.append((time, pose))
        return np.zeros((16, 32, 3), np.uint8)


def pose(lon_deg: float, yaw_deg: float = 0.0) -> CameraPose:
    return CameraPose(31.0, lon_deg, 60.0, None, yaw_deg, -90.0, 0.0)


def take(
    camera: RenderedCamera, count: int, speedup: float = 1.0, said: list[str] | None = None
) -> list[Picture]:
    taken: list[Picture] = []
    for item in camera.items(SimulatedTime(speedup), threading.Event()):
        if said is not None and isinstance(item, CameraNote):
            said.append(item.message)
            continue
        assert isinstance(item, Picture)
        taken.append(item)
        if len(taken) == count:
            break
    return taken


def test_pictures_are_drawn_at_even_times_between_the_poses() -> None:
    renderer = Remembering()
    camera = RenderedCamera(renderer, fps=10.0, max_lag_s=60.0)
    for number in range(8):
        camera.saw_pose(START + timedelta(seconds=0.03 + number * 0.17), pose(121.0 + number))
    taken = take(camera, 11)
    expected = [START + timedelta(seconds=0.1 * number) for number in range(1, 12)]
    assert [item.time for item in taken] == expected
    for time, seen in renderer.seen:
        reached = ((time - START).total_seconds() - 0.03) / 0.17
        assert seen.lon_deg == pytest.approx(121.0 + reached)
    assert camera.left_out == 0


def test_a_camera_that_cannot_keep_up_leaves_pictures_out_and_counts_them() -> None:
    camera = RenderedCamera(Remembering(), fps=10.0, max_lag_s=0.5)
    camera.saw_pose(START, pose(121.0))
    camera.saw_pose(START + timedelta(seconds=0.2), pose(121.0))
    assert len(take(camera, 3)) == 3
    for number in range(2, 11):
        camera.saw_pose(START + timedelta(seconds=number), pose(121.0))
    said: list[str] = []
    times = [(item.time - START).total_seconds() for item in take(camera, 2, said=said)]
    assert times == pytest.approx([9.5, 9.6])
    assert len(said) == 1
    assert "cannot draw 10 pictures a second, so some are left out" in said[0]
    assert camera.left_out == 92


def test_a_slow_first_picture_costs_none_of_those_after_it() -> None:
    camera = RenderedCamera(Remembering(), fps=1.0)
    for number in range(31):
        camera.saw_pose(START + timedelta(seconds=number), pose(121.0))
    # Twenty times as fast as life, those thirty seconds are one and a half of this machine's.
    times = [(item.time - START).total_seconds() for item in take(camera, 31, speedup=20.0)]
    assert times == list(range(31))
    assert camera.left_out == 0


def test_what_is_due_when_it_is_stopped_is_still_drawn() -> None:
    camera = RenderedCamera(Remembering(), fps=2.0, max_lag_s=60.0)
    for number in range(6):
        camera.saw_pose(START + timedelta(seconds=number), pose(121.0))
    stop = threading.Event()
    stop.set()
    assert len(list(camera.items(SimulatedTime(1.0), stop))) == 11


def test_nothing_is_drawn_in_a_gap_of_the_telemetry() -> None:
    camera = RenderedCamera(Remembering(), fps=2.0, max_lag_s=60.0)
    for seconds in (0.0, 1.0, 6.0, 7.0):
        camera.saw_pose(START + timedelta(seconds=seconds), pose(121.0))
    times = [(item.time - START).total_seconds() for item in take(camera, 6)]
    assert times == [0.0, 0.5, 1.0, 6.0, 6.5, 7.0]


@given(
    start=st.floats(-180, 180),
    end=st.floats(-180, 180),
    fraction=st.floats(0, 1),
)
def test_between_poses_the_camera_turns_as_readers_of_the_footage_turn_it(
    start: float, end: float, fraction: float
) -> None:
    found = between(pose(10.0, start), pose(10.0, end), fraction).yaw_deg
    difference = (found - interpolate_deg(start, end, fraction) + 180.0) % 360.0 - 180.0
    if abs((end - start) % 360.0 - 180.0) > 1e-6:
        assert abs(difference) < 1e-6


def test_between_two_sides_of_the_date_line_the_way_is_short() -> None:
    lon_deg = between(pose(179.9), pose(-179.9), 0.5).lon_deg
    assert abs(lon_deg) == pytest.approx(180.0)


def test_a_still_camera_keeps_its_rate_in_the_time_of_the_recording() -> None:
    stop = threading.Event()
    times = []
    for item in StillCamera(fps=5.0).items(SimulatedTime(10.0), stop):
        assert isinstance(item, Picture)
        times.append(item.time)
        if len(times) == 12:
            stop.set()
    assert np.diff([time.timestamp() for time in times]) == pytest.approx(0.2, abs=1.0)
    assert datetime.now(UTC) - START > timedelta(0)


def test_rates_that_are_no_rates_are_refused() -> None:
    with pytest.raises(RecordingError, match=r"fps 0\.0 "):
        StillCamera(fps=0.0)
    with pytest.raises(RecordingError, match="fps 500 of the simulated camera"):
        RenderedCamera(Remembering(), fps=500)


def test_the_test_pattern_fills_any_size() -> None:
    assert colour_bars(641, 33).shape == (33, 641, 3)
