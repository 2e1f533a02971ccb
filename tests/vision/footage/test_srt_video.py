"""A video with telemetry: position, height, lens and time of every sampled frame."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from park.records import Frame, PosedView
from vision.footage import FootageOptions, discover, read_frames, sigmas

MakeVideo = Callable[..., Path]
MakeSrt = Callable[..., Path]
SHANGHAI = ZoneInfo("Asia/Shanghai")


def frames_of(path: Path, **options: Any) -> list[Frame]:
    values: dict[str, Any] = {"sample_fps": 5.0, "time_zone": SHANGHAI} | options
    given = FootageOptions(**values)
    found = discover([str(path)], given)
    assert found.rejects == ()
    (source,) = found.sources
    items = list(read_frames(source, given))
    assert all(isinstance(item, Frame) for item in items)
    return [item for item in items if isinstance(item, Frame)]


def view_of(frame: Frame) -> PosedView:
    assert isinstance(frame.view, PosedView)
    return frame.view


def test_positions_are_those_of_the_frames_time(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt()
    for frame in frames_of(tmp_path):
        blocks = frame.source_time_s / 0.04
        pose = view_of(frame).pose
        assert pose.lat_deg == pytest.approx(31.2 + blocks * 1e-5, abs=2e-6)
        assert pose.alt_home_m == pytest.approx(50.0 + blocks * 0.1, abs=0.02)
        assert pose.alt_amsl_m == pytest.approx(62.0 + blocks * 0.1, abs=0.02)


def test_positions_between_slow_samples_are_interpolated(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video(frames=100)
    make_srt(blocks=5, step_s=1.0)
    frame = next(f for f in frames_of(tmp_path, sample_fps=2.0) if 1.5 <= f.source_time_s < 1.6)
    assert view_of(frame).pose.lat_deg == pytest.approx(31.2 + frame.source_time_s * 1e-5, abs=1e-8)


def test_times_are_the_telemetry_clock_in_the_sites_zone(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt()
    frames = frames_of(tmp_path)
    start = datetime(2026, 5, 4, 13, 30, tzinfo=SHANGHAI)
    for frame in frames:
        assert (frame.time - start).total_seconds() == pytest.approx(frame.source_time_s, abs=2e-3)
    assert "telemetry clock without offset, taken as Asia/Shanghai time" in frames[0].assumptions


def test_without_a_clock_the_container_tells_the_time(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video(created="2026-05-04T05:30:00.000000Z")
    make_srt(clock="")
    frame = frames_of(tmp_path)[0]
    assert frame.time.isoformat() == "2026-05-04T05:30:00+00:00"
    assert any("no clock in the telemetry" in text for text in frame.assumptions)


def test_a_clock_that_jumps_is_followed_and_told(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    path = make_srt()
    text = path.read_text(encoding="utf-8")
    head, tail = text[: len(text) // 2], text[len(text) // 2 :]
    path.write_text(head + tail.replace(" 13:30:", " 14:10:"), encoding="utf-8")
    frames = frames_of(tmp_path)
    assert (frames[-1].time - frames[0].time).total_seconds() == pytest.approx(2401.8, abs=0.05)
    assert any("clock jumps" in text for text in frames[0].assumptions)


def test_without_camera_angles_heading_is_unknown_and_error_says_so(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt()
    frame = frames_of(tmp_path)[0]
    view = view_of(frame)
    assert view.pose.pitch_deg == -90.0
    assert view.sigma.yaw_deg == sigmas.UNKNOWN_YAW_DEG
    assert view.sigma.pitch_deg == sigmas.ASSUMED_TILT_DEG
    assert any("heading unknown" in text for text in frame.assumptions)


def test_camera_angles_are_used_where_recorded(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt(
        reading="[latitude: {lat:.6f}] [longitude: {lon:.6f}] [rel_alt: 50.0 abs_alt: 62.0] "
        "[gb_yaw: -162.8 gb_pitch: -45.0 gb_roll: 0.0]"
    )
    view = view_of(frames_of(tmp_path)[0])
    assert (view.pose.yaw_deg, view.pose.pitch_deg) == pytest.approx((-162.8, -45.0))
    assert view.sigma.yaw_deg == sigmas.GIMBAL_YAW_DEG


def test_frames_far_from_any_telemetry_have_no_view(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video(frames=200)
    make_srt(blocks=25)
    frames = frames_of(tmp_path, sample_fps=1.0)
    assert [frame.view is None for frame in frames] == [False, False, False] + [True] * 5
    assert any("no telemetry within 2 s" in text for text in frames[-1].assumptions)


@pytest.mark.parametrize(
    ("reading", "options", "height_m", "sigma_m"),
    [
        ("[altitude: 80.0]", {}, sigmas.ASSUMED_HEIGHT_M, sigmas.ASSUMED_HEIGHT_SIGMA_M),
        ("[altitude: 80.0]", {"takeoff_alt_amsl_m": 30.0}, 50.0, sigmas.GNSS_ALTITUDE_M),
        ("", {}, sigmas.ASSUMED_HEIGHT_M, sigmas.ASSUMED_HEIGHT_SIGMA_M),
        ("[rel_alt: 100.0 abs_alt: 900.0]", {}, 100.0, 1.92),
    ],
)
def test_heights(
    make_video: MakeVideo,
    make_srt: MakeSrt,
    tmp_path: Path,
    reading: str,
    options: dict[str, float],
    height_m: float,
    sigma_m: float,
) -> None:
    make_video()
    make_srt(reading="[latitude: {lat:.6f}] [longitude: {lon:.6f}] " + reading)
    view = view_of(frames_of(tmp_path, **options)[0])
    assert view.pose.alt_home_m == pytest.approx(height_m)
    assert view.sigma.vertical_m == pytest.approx(sigma_m, abs=0.01)


def test_four_decimals_of_a_degree_are_known_less_well(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt(reading="[latitude: {lat:.4f}] [longitude: {lon:.4f}] [rel_alt: 50.0 abs_alt: 62.0]")
    assert view_of(frames_of(tmp_path)[0]).sigma.horizontal_m == sigmas.COARSE_DIGITS_HORIZONTAL_M
