"""What is remembered of a camera, from one frame to the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from park.records import Frame
from pipelines.camera_look import CameraLook
from pipelines.scenes import watched_scenes
from tests.pipelines.test_rules import site_with
from tests.pipelines.test_scenes import Soil, sight, watch
from vision.observe import Sight


def seen_at(second: float) -> Sight:
    one = sight(second)
    return replace(one, frame=replace(one.frame, time=one.frame.time + timedelta(seconds=second)))


def frame_at(second: float) -> Frame:
    return seen_at(second).frame


def camera(tracks: str | None = "p") -> CameraLook:
    site = site_with(watch("bare_soil"))
    return CameraLook(tracks, site, watched_scenes(site, [Soil()]))


def goes_back(one: CameraLook, frame: Frame) -> bool:
    back = one.is_back(frame)
    if back:
        one.begin_anew()
    one.took(frame)
    return back


def test_a_video_that_goes_on_is_followed_on() -> None:
    one = camera()
    before = one.scenes
    assert [goes_back(one, frame_at(second)) for second in (0.0, 0.5, 1.0)] == [False] * 3
    assert one.scenes is before


@pytest.mark.parametrize("again", [4.0, 5.0])
def test_a_video_that_goes_back_is_followed_anew(again: float) -> None:
    one = camera()
    assert one.tracker is not None
    assert not goes_back(one, frame_at(5.0))
    one.tracker.update(frame_at(5.0).time, ())
    before = one.scenes
    assert goes_back(one, frame_at(again))
    assert one.scenes is not before, "what a scene looked like is of another time"
    one.tracker.update(frame_at(again).time, ())


def test_photos_come_in_any_order_and_are_all_kept_as_pictures() -> None:
    one = camera(tracks=None)
    assert one.tracker is None
    for second in (5.0, 1.0, 3.0):
        assert not goes_back(one, frame_at(second))
        assert one.wants_picture(frame_at(second))


def test_pictures_of_a_video_are_five_seconds_apart_whatever_file_they_are_in() -> None:
    one = camera()
    seconds = [0.0, 4.0, 5.0, 9.5, 10.0, 31.0]
    kept = [second for second in seconds if one.wants_picture(frame_at(second))]
    assert kept == [0.0, 5.0, 10.0, 31.0]


def test_when_the_clock_goes_back_an_hour_the_video_goes_on() -> None:
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, 11, 1, 5, 59, 50, tzinfo=UTC)
    one = camera()
    frames = [
        replace(frame_at(0.0), time=(before + timedelta(seconds=second)).astimezone(zone))
        for second in range(0, 40, 4)
    ]
    assert not any(goes_back(one, frame) for frame in frames)
    assert sum(one.wants_picture(frame) for frame in frames) == 5
