"""A recorded patrol reads as posed frames, and its check tells what is wrong with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from park.patrol_format import (
    SIMULATED_PICTURES,
    TELEMETRY_SCHEMA,
    PatrolCamera,
    PatrolManifest,
    PatrolSegment,
    TimeBase,
    read_manifest,
)
from park.records import Frame, PosedView, Reject
from vision.footage import (
    FootageOptions,
    check_patrol,
    discover,
    read_frame,
    read_frames,
    read_span,
)

MakeVideo = Callable[..., Path]
MakePatrol = Callable[..., Path]
START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
OPTIONS = FootageOptions(sample_fps=2.0)


def telemetry_rows(seconds: float, rate_hz: float = 10.0, start_s: float = -0.5) -> dict[str, Any]:
    n = int((seconds - start_s) * rate_hz) + 1
    t = start_s + np.arange(n) / rate_hz
    return {
        "time": [START + timedelta(seconds=float(value)) for value in t],
        "lat_deg": 31.2 + 1e-5 * t,
        "lon_deg": 121.5 - 1e-5 * t,
        "alt_home_m": 50.0 + 0.5 * t,
        "alt_amsl_m": 62.0 + 0.5 * t,
        "yaw_deg": np.zeros(n),
        "pitch_deg": np.zeros(n),
        "roll_deg": np.zeros(n),
        # Turning through north: 340, 350, 0, 10 degrees.
        "gimbal_yaw_deg": (340.0 + 10.0 * t) % 360.0,
        "gimbal_pitch_deg": np.full(n, -60.0),
        "gimbal_roll_deg": np.zeros(n),
        "speed_mps": np.full(n, 5.0),
        "battery_percent": np.full(n, 80.0),
        "mode": ["AUTO"] * n,
    }


@pytest.fixture
def make_patrol(make_video: MakeVideo, tmp_path: Path) -> MakePatrol:
    """Return a writer of a patrol of two segments of two seconds each."""

    def make(
        rows: dict[str, Any] | None = None, drop: slice | None = None, **manifest: Any
    ) -> Path:
        folder = tmp_path / "patrol"
        for n in (1, 2):
            make_video(f"patrol/video/{n:04d}.mp4", frames=50, rate=25, created=None)
        rows = telemetry_rows(4.5) if rows is None else rows
        table = pa.table(rows, schema=TELEMETRY_SCHEMA)
        if drop is not None:
            keep = np.ones(table.num_rows, dtype=bool)
            keep[drop] = False
            table = table.filter(pa.array(keep))
        pq.write_table(table, folder / "telemetry.parquet")
        fields: dict[str, Any] = {
            "site": "drawn park",
            "patrol_id": "p-1",
            "started_at": START,
            "ended_at": START + timedelta(seconds=4),
            "time_base": TimeBase(clock="gnss"),
            "cameras": (PatrolCamera(camera_id="rgb", width_px=96, height_px=64, hfov_deg=70.0),),
            "segments": tuple(
                PatrolSegment(
                    file=f"video/{n:04d}.mp4",
                    camera_id="rgb",
                    start_time=START + timedelta(seconds=2 * (n - 1)),
                    duration_s=2.0,
                )
                for n in (1, 2)
            ),
        }
        text = PatrolManifest(**(fields | manifest)).to_json()
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        return folder

    return make


def frames_of(folder: Path) -> tuple[list[Frame], list[Reject]]:
    (source,) = discover([str(folder)], OPTIONS).sources
    items = list(read_frames(source, OPTIONS))
    frames = [item for item in items if isinstance(item, Frame)]
    return frames, [item for item in items if isinstance(item, Reject)]


def test_every_frame_has_the_pose_of_its_time(make_patrol: MakePatrol) -> None:
    frames, rejects = frames_of(make_patrol())
    assert rejects == []
    assert [(frame.time - START).total_seconds() for frame in frames] == pytest.approx(
        [0.0, 0.52, 1.0, 1.52, 2.0, 2.52, 3.0, 3.52]
    )
    for frame in frames:
        t = (frame.time - START).total_seconds()
        assert isinstance(frame.view, PosedView)
        assert frame.patrol_id == "p-1"
        pose = frame.view.pose
        assert pose.lat_deg == pytest.approx(31.2 + 1e-5 * t, abs=1e-9)
        assert pose.alt_home_m == pytest.approx(50.0 + 0.5 * t)
        assert pose.yaw_deg == pytest.approx(-20.0 + 10.0 * t)
        assert frame.view.intrinsics.width_px == 96


def test_no_more_frames_are_expected_than_there_are_pictures(make_patrol: MakePatrol) -> None:
    folder = str(make_patrol())
    often = replace(OPTIONS, sample_fps=200.0)
    (source,) = discover([folder], often).sources
    frames = [item for item in read_frames(source, often) if isinstance(item, Frame)]
    assert source.frames_expected == len(frames)


def test_a_frame_is_found_again(make_patrol: MakePatrol) -> None:
    (source,) = discover([str(make_patrol())], OPTIONS).sources
    frames = [item for item in read_frames(source, OPTIONS) if isinstance(item, Frame)]
    assert source.frames_expected == len(frames)
    again = read_frame(source, OPTIONS, frames[5].source_uri, frames[5].source_time_s)
    assert np.array_equal(again.image_bgr, frames[5].image_bgr)
    assert (again.time, again.view) == (frames[5].time, frames[5].view)


def test_a_part_of_a_segment_has_the_frames_of_a_patrol(make_patrol: MakePatrol) -> None:
    (source,) = discover([str(make_patrol())], OPTIONS).sources
    frames = [item for item in read_frames(source, OPTIONS) if isinstance(item, Frame)]
    second = source.files[1]
    whole = [frame for frame in frames if frame.source_uri == second]
    part = list(read_span(source, OPTIONS, second, whole[0].source_time_s, 60.0))
    assert [frame.time for frame in part] == [frame.time for frame in whole]
    assert [frame.view for frame in part] == [frame.view for frame in whole]


def test_a_frame_in_a_telemetry_gap_has_no_view_and_says_so(make_patrol: MakePatrol) -> None:
    frames, _ = frames_of(make_patrol(drop=slice(8, 32)))
    without = [frame for frame in frames if frame.view is None]
    assert [frame.source_time_s for frame in without] == pytest.approx([0.52, 1.0, 1.52, 0.0, 0.52])
    assert all("telemetry gap of 2.5 s" in frame.assumptions[0] for frame in without)


def test_frames_outside_of_the_telemetry_have_no_view(make_patrol: MakePatrol) -> None:
    frames, _ = frames_of(make_patrol(rows=telemetry_rows(2.1)))
    assert [frame.view is None for frame in frames] == [False] * 5 + [True] * 3
    assert "outside of the telemetry" in frames[-1].assumptions[0]


def test_a_null_gimbal_means_no_view(make_patrol: MakePatrol) -> None:
    rows = telemetry_rows(4.5)
    rows["gimbal_pitch_deg"] = [None] * len(rows["time"])
    frames, _ = frames_of(make_patrol(rows=rows))
    assert all(frame.view is None for frame in frames)
    assert "without camera pitch" in frames[0].assumptions[0]


def test_a_missing_segment_is_refused_and_the_other_read(make_patrol: MakePatrol) -> None:
    folder = make_patrol()
    (folder / "video" / "0001.mp4").unlink()
    frames, rejects = frames_of(folder)
    assert len(frames) == 4
    assert [Path(reject.source_uri).name for reject in rejects] == ["0001.mp4"]
    assert "not there" in rejects[0].reason


def test_an_interrupted_last_segment_is_said_to_be_one(make_patrol: MakePatrol) -> None:
    folder = make_patrol()
    path = folder / "video" / "0002.mp4"
    path.write_bytes(path.read_bytes()[:500])
    manifest = PatrolManifest.model_validate_json((folder / "manifest.json").read_bytes())
    last = manifest.segments[1].model_copy(update={"complete": False, "duration_s": None})
    changed = manifest.model_copy(
        update={"segments": (manifest.segments[0], last), "ended_at": None}
    )
    (folder / "manifest.json").write_text(changed.to_json(), encoding="utf-8")
    frames, rejects = frames_of(folder)
    assert len(frames) == 4
    assert rejects[0].reason.startswith("recording was interrupted")
    check = check_patrol(str(folder))
    assert check.ok
    assert any("incomplete last segment" in finding.message for finding in check.findings)


def test_telemetry_in_parts_survives_the_loss_of_the_last(make_patrol: MakePatrol) -> None:
    folder = make_patrol(telemetry=("telemetry.parquet", "telemetry-2.parquet"))
    (folder / "telemetry-2.parquet").write_bytes(b"PAR1 interrupted")
    frames, rejects = frames_of(folder)
    assert len(frames) == 8
    assert rejects[0].reason.startswith("telemetry-2.parquet is no usable telemetry")


def test_rows_out_of_order_are_put_in_order_and_that_is_said(make_patrol: MakePatrol) -> None:
    rows = telemetry_rows(4.5)
    order = np.r_[20:51, 0:20]
    rows = {name: [values[i] for i in order] for name, values in rows.items()}
    frames, rejects = frames_of(make_patrol(rows=rows))
    assert all(frame.view is not None for frame in frames)
    assert "do not always rise" in rejects[0].reason


def test_a_video_of_another_shape_than_the_manifest_says_has_no_view(
    make_patrol: MakePatrol,
) -> None:
    camera = PatrolCamera(camera_id="rgb", width_px=192, height_px=144, hfov_deg=70.0)
    frames, _ = frames_of(make_patrol(cameras=(camera,)))
    assert frames[0].view is None
    assert "the manifest says 192 x 144" in frames[0].assumptions[0]


def test_a_video_recorded_smaller_than_the_camera_has_a_smaller_lens(
    make_patrol: MakePatrol,
) -> None:
    camera = PatrolCamera(camera_id="rgb", width_px=192, height_px=128, fx_px=200.0, fy_px=200.0)
    frames, _ = frames_of(make_patrol(cameras=(camera,)))
    assert isinstance(frames[0].view, PosedView)
    assert frames[0].view.intrinsics.fx_px == 100.0


def test_the_route_that_was_flown_goes_with_the_source(make_patrol: MakePatrol) -> None:
    (source,) = discover([str(make_patrol(route="north-round"))], OPTIONS).sources
    assert source.route == "north-round"
    (unknown,) = discover([str(make_patrol())], OPTIONS).sources
    assert unknown.route is None


def test_a_broken_manifest_refuses_the_folder(make_patrol: MakePatrol) -> None:
    folder = make_patrol()
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    found = discover([str(folder)], OPTIONS)
    assert found.sources == ()
    assert "is no usable manifest" in found.rejects[0].reason


def test_a_copied_patrol_is_read_once(make_patrol: MakePatrol, tmp_path: Path) -> None:
    shutil.copytree(make_patrol(), tmp_path / "again")
    found = discover([str(tmp_path)], OPTIONS)
    assert len(found.sources) == 1
    assert "same bytes" in found.ignored[0].reason


def test_a_whole_patrol_passes_its_check(make_patrol: MakePatrol) -> None:
    check = check_patrol(str(make_patrol()))
    assert check.problems == ()
    assert check.patrol_id == "p-1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drop": slice(8, 32)}, "gap of 2.5 s from"),
        ({"rows": telemetry_rows(4.5, rate_hz=2.0)}, "at 2.0 Hz, below 5 Hz"),
        ({"rows": telemetry_rows(0.5)}, "its last 3.5 s are outside of the telemetry"),
        ({"time_base": TimeBase(clock="free")}, "clock is free-running"),
        ({"ended_at": START - timedelta(days=1)}, "ended_at is before started_at"),
        (
            {"cameras": (PatrolCamera(camera_id="rgb", width_px=9, height_px=9, hfov_deg=70.0),)},
            "video is 96 x 64, camera rgb is 9 x 9",
        ),
        ({"segments": ()}, "names no segment"),
    ],
)
def test_the_check_tells_what_is_wrong(
    make_patrol: MakePatrol, changes: dict[str, Any], message: str
) -> None:
    check = check_patrol(str(make_patrol(**changes)))
    assert not check.ok
    assert message in "\n".join(finding.message for finding in check.problems)


@pytest.mark.parametrize(
    ("second_starts_s", "message"),
    [(1.0, "overlaps video/0001.mp4 by 1.00 s"), (9.0, "starts 7.0 s after video/0001.mp4 ended")],
)
def test_the_check_tells_overlaps_and_holes(
    make_patrol: MakePatrol, second_starts_s: float, message: str
) -> None:
    segments = tuple(
        PatrolSegment(
            file=f"video/{n:04d}.mp4",
            camera_id="rgb",
            start_time=START + timedelta(seconds=second_starts_s * (n - 1)),
            duration_s=2.0,
        )
        for n in (1, 2)
    )
    check = check_patrol(str(make_patrol(segments=segments, rows=telemetry_rows(12.0))))
    assert [finding.message for finding in check.problems] == [message]


def test_the_check_of_something_else_is_a_finding(tmp_path: Path) -> None:
    check = check_patrol(str(tmp_path))
    assert not check.ok
    assert "cannot be read" in check.findings[0].message


def write_thermal(path: Path, counts: np.ndarray, frames: int = 4, rate: int = 2) -> None:
    """Write 16-bit grey video without loss: FFV1 in Matroska."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = counts.shape
        stream.pix_fmt = "gray16le"
        for n in range(frames):
            frame = av.VideoFrame.from_ndarray((counts + n).astype(np.uint16), format="gray16le")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def thermal_patrol(make_patrol: MakePatrol, counts: np.ndarray, **camera: Any) -> Path:
    known: dict[str, Any] = {
        "camera_id": "ir",
        "width_px": 96,
        "height_px": 64,
        "hfov_deg": 40.0,
        "spectrum": "thermal",
    }
    segment = PatrolSegment(file="video/t.mkv", camera_id="ir", start_time=START, duration_s=2.0)
    folder = make_patrol(cameras=(PatrolCamera(**(known | camera)),), segments=(segment,))
    write_thermal(folder / "video" / "t.mkv", counts)
    return folder


def warm_counts() -> np.ndarray:
    y, x = np.mgrid[0:64, 0:96]
    return np.asarray(29_315 + 10 * x + 5 * y, np.uint16)


def test_thermal_video_gives_temperatures_to_the_last_digit(make_patrol: MakePatrol) -> None:
    counts = warm_counts()
    frames, rejects = frames_of(thermal_patrol(make_patrol, counts, temperature_unit="centikelvin"))
    assert rejects == []
    assert len(frames) == 4
    for n, frame in enumerate(frames):
        assert frame.spectrum == "thermal"
        assert frame.picture.celsius == pytest.approx((counts + n) / 100.0 - 273.15, abs=1e-3)
        assert any("1st and the 99.5th percentile" in words for words in frame.assumptions)
        assert isinstance(frame.view, PosedView)
        assert frame.image_bgr[0, 0, 0] < 10 < 240 < frame.image_bgr[-1, -1, 0]


def test_thermal_video_of_no_stated_unit_is_seen_without_temperatures(
    make_patrol: MakePatrol,
) -> None:
    frames, _ = frames_of(thermal_patrol(make_patrol, warm_counts()))
    assert frames[0].picture.celsius is None
    assert frames[0].assumptions == (
        "thermal video of ir gives no temperatures: the manifest names no temperature_unit",
    )
    assert frames[0].image_bgr.std() > 40
    assert frames[0].picture.shrunk_bgr(48, 32).shape == (32, 48, 3)


def test_thermal_video_in_another_unit_than_stated_says_so(make_patrol: MakePatrol) -> None:
    frames, _ = frames_of(thermal_patrol(make_patrol, warm_counts(), temperature_unit="decikelvin"))
    assert frames[0].picture.celsius is None
    assert "in decikelvin most of it would be near 2" in frames[0].assumptions[0]


def test_eight_bit_video_has_no_temperatures_whatever_the_manifest_says(
    make_patrol: MakePatrol,
) -> None:
    camera = PatrolCamera(
        camera_id="rgb",
        width_px=96,
        height_px=64,
        hfov_deg=70.0,
        spectrum="thermal",
        temperature_unit="centikelvin",
    )
    frames, _ = frames_of(make_patrol(cameras=(camera,)))
    assert frames[0].picture.celsius is None
    assert "the video is not 16-bit grey" in frames[0].assumptions[0]


def test_a_colour_camera_says_so(make_patrol: MakePatrol) -> None:
    frames, _ = frames_of(make_patrol())
    assert {frame.spectrum for frame in frames} == {"visible"}
    assert frames[0].picture.celsius is None


def test_drawn_pictures_are_called_simulated(make_patrol: MakePatrol) -> None:
    folder = make_patrol()
    manifest = read_manifest(str(folder))
    camera = manifest.cameras[0].model_copy(update={"model": "simulated camera"})
    manifest = manifest.model_copy(update={"cameras": (camera, *manifest.cameras[1:])})
    (folder / "manifest.json").write_text(manifest.model_dump_json(), "utf-8")
    drawn, _ = frames_of(folder)
    assert {frame.assumptions for frame in drawn} == {(SIMULATED_PICTURES,)}
    filmed, _ = frames_of(make_patrol())
    assert {frame.assumptions for frame in filmed} == {()}
