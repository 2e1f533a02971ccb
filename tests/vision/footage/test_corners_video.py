"""A fixed camera whose four ground corners are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from park.errors import FootageError
from park.records import CornersView, Frame
from vision.footage import FootageOptions, discover, read_frame, read_frames
from vision.footage.corners import read_corners

MakeVideo = Callable[..., Path]
KEY = "corners_lonlat_tl_tr_br_bl"
CORNERS = [[121.5, 31.2], [121.501, 31.2], [121.501, 31.199], [121.5, 31.199]]


def write(path: Path, **value: Any) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_frames_have_the_corners_in_order(make_video: MakeVideo, tmp_path: Path) -> None:
    make_video()
    write(tmp_path / "clip.json", **{KEY: CORNERS}, start_time="2026-05-04T13:30:00+08:00")
    options = FootageOptions()
    (source,) = discover([str(tmp_path)], options).sources
    frames = list(read_frames(source, options))
    assert len(frames) == source.frames_expected == 4
    frame = frames[1]
    assert isinstance(frame, Frame)
    assert isinstance(frame.view, CornersView)
    assert frame.view.corners == tuple((lat, lon) for lon, lat in CORNERS)
    assert (frame.view.width_px, frame.view.height_px) == (96, 64)
    assert frame.time.isoformat() == "2026-05-04T13:30:00.520000+08:00"
    assert "ground corners taken as good to 2 m" in frame.assumptions


@pytest.mark.parametrize(
    ("given", "expected", "told"),
    [
        ({"start_time": "2026-05-04T13:30:00"}, "2026-05-04T13:30:00+08:00", "Asia/Shanghai"),
        ({}, "2026-01-01T00:00:00+00:00", "creation time in the video file"),
    ],
)
def test_start_times(
    make_video: MakeVideo, tmp_path: Path, given: dict[str, str], expected: str, told: str
) -> None:
    make_video(created="2026-01-01T00:00:00.000000Z")
    write(tmp_path / "clip.json", **{KEY: CORNERS}, **given)
    options = FootageOptions(time_zone=ZoneInfo("Asia/Shanghai"))
    (source,) = discover([str(tmp_path)], options).sources
    frame = next(iter(read_frames(source, options)))
    assert isinstance(frame, Frame)
    assert frame.time.isoformat() == expected
    assert told in frame.assumptions[0]


@pytest.mark.parametrize(
    "start", ["2026-03-08T01:59:59", "2026-11-01T01:59:59", "2026-11-01T00:59:59"]
)
def test_a_video_goes_on_at_its_own_pace_when_summer_time_begins_or_ends(
    make_video: MakeVideo, tmp_path: Path, start: str
) -> None:
    make_video()
    write(tmp_path / "clip.json", **{KEY: CORNERS}, start_time=start)
    options = FootageOptions(time_zone=ZoneInfo("America/New_York"))
    (source,) = discover([str(tmp_path)], options).sources
    frames = [item for item in read_frames(source, options) if isinstance(item, Frame)]
    begun = frames[0].time.timestamp()
    after_s = [frame.time.timestamp() - begun for frame in frames]
    assert after_s == pytest.approx([frame.source_time_s for frame in frames], abs=1e-5)


def test_corners_on_both_sides_of_the_antimeridian_are_as_good_as_any(tmp_path: Path) -> None:
    east, west = 179.9995, -179.9995
    corners = [[east, -16.8], [west, -16.8], [west, -16.801], [east, -16.801]]
    read = read_corners(write(tmp_path / "c.json", **{KEY: corners}))
    assert read.corners[1] == (-16.8, west)
    with pytest.raises(FootageError, match="mirrored picture"):
        read_corners(write(tmp_path / "c.json", **{KEY: corners[::-1]}))


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        (CORNERS[:3], "needs four"),
        ([*CORNERS[:3], [1]], "where .* belongs"),
        ([*CORNERS[:3], ["a", 2]], "where .* belongs"),
        ([*CORNERS[:3], [31.2, 121.5]], "is not on Earth; longitude comes first"),
        ([CORNERS[0], CORNERS[2], CORNERS[1], CORNERS[3]], "not a convex four-sided figure"),
        ([*CORNERS[:3], [121.5009, 31.1999]], "not a convex four-sided figure"),
        (CORNERS[::-1], "mirrored picture"),
        ([CORNERS[0]] * 4, "spans sides of 0.0"),
        ([[0, 1], [1, 1], [1, 0], [0, 0]], "spans sides of"),
    ],
)
def test_impossible_corners_are_refused(tmp_path: Path, corners: list[Any], reason: str) -> None:
    with pytest.raises(FootageError, match=reason):
        read_corners(write(tmp_path / "c.json", **{KEY: corners}))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": 5}, "start_time"),
        ({"corner_sigma_m": -1}, "corner_sigma_m"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(FootageError, match=reason):
        read_corners(write(tmp_path / "c.json", **{KEY: CORNERS}, **more))


def test_a_video_whose_corners_are_wrong_is_refused_with_the_reason(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    make_video()
    write(tmp_path / "clip.json", **{KEY: CORNERS[::-1]})
    (reject,) = discover([str(tmp_path)], FootageOptions()).rejects
    assert Path(reject.source_uri).name == "clip.mp4"
    assert "clip.json" in reject.reason
    assert "mirrored" in reject.reason


def test_the_real_video_reads_in_full(shared_data: Path) -> None:
    options = FootageOptions(sample_fps=1.0)
    found = discover([str(shared_data / "video")], options)
    (source,) = found.sources
    frames = [item for item in read_frames(source, options) if isinstance(item, Frame)]
    assert [frame.source_time_s for frame in frames] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert frames[0].image_bgr.shape == (1080, 1920, 3)
    again = read_frame(source, options, frames[3].source_uri, frames[3].source_time_s)
    assert np.array_equal(again.image_bgr, frames[3].image_bgr)
