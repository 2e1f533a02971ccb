from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drone.cameras.pattern import StillCamera
from drone.cameras.rendered import RenderedCamera
from drone.cameras.stream import FileCamera
from drone.recorder.flight_log import read_flight_log
from drone.recorder.manifest import PatrolFacts
from drone.recorder.recorder import Recorder, RecorderOptions, RecordingReport
from drone.telemetry import Telemetry
from park.errors import RecordingError
from park.patrol_format import PatrolCamera, read_manifest
from park.records import CameraPose, Frame, PosedView
from tests.drone.recorder.scripted_flight import (
    FACTS,
    START,
    flight,
    reading,
    without_gimbal,
)
from vision.footage.discover import discover
from vision.footage.patrol_check import check_patrol
from vision.footage.read import read_frames
from vision.footage.source import FootageOptions

ROOT = Path(__file__).resolve().parents[3]
QUICK = RecorderOptions(segment_s=1.0, part_s=0.5, min_free_mib=1, reserve_mib=1)


def shade_at(moment: datetime) -> int:
    # Far apart from one picture to the next: what hardly changes is not coded anew.
    return 30 + round((moment - START).total_seconds() * 5) * 37 % 190


class FlatRenderer:
    """Draws each picture in the grey of its moment."""

    camera = PatrolCamera(camera_id="sim", width_px=64, height_px=48, hfov_deg=60.0)

    def render(self, pose: CameraPose, time: datetime) -> NDArray[np.uint8]:
        return np.full((48, 64, 3), shade_at(time), np.uint8)


def until(predicate: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < end, f"waited {timeout_s} s for {what}"
        time.sleep(0.01)


def fly(
    recorder: Recorder, readings: list[Telemetry], *, pictures: int, patient: bool = True
) -> None:
    for telemetry in readings:
        recorder.telemetry(telemetry)
        if patient:
            # As fast as the camera draws, so that none of its pictures is left out.
            time.sleep(0.002)
    until(lambda: taken(recorder) >= pictures, f"{pictures} pictures")


def taken(recorder: Recorder) -> int:
    return sum(figures.pictures for figures in recorder.health.cameras)


def problems(folder: Path) -> list[str]:
    return [f"{found.subject}: {found.message}" for found in check_patrol(str(folder)).problems]


def test_a_flight_reads_back_with_the_poses_and_times_that_were_flown(tmp_path: Path) -> None:
    camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
    with Recorder(tmp_path / "p", FACTS, [camera], options=QUICK) as recorder:
        recorder.event("state", "on route", details={"cause": "mission begun"})
        fly(recorder, list(flight(6.0)), pictures=25)
        report = recorder.close()
    assert report.health.ok, report.health
    assert report.telemetry_hz == pytest.approx(10.0)
    assert problems(report.folder) == []
    (source,) = discover([str(tmp_path)], FootageOptions(sample_fps=5.0)).sources
    frames = [
        item
        for item in read_frames(source, FootageOptions(sample_fps=5.0))
        if isinstance(item, Frame)
    ]
    assert len(frames) == 31
    for number, frame in enumerate(frames):
        expected = reading(number / 5.0)
        assert abs((frame.time - expected.time).total_seconds()) < 1e-3
        view = frame.view
        assert isinstance(view, PosedView)
        assert view.pose.lon_deg == pytest.approx(expected.lon_deg, abs=1e-8)
        assert view.pose.lat_deg == pytest.approx(expected.lat_deg, abs=1e-8)
        assert (view.pose.yaw_deg, view.pose.pitch_deg) == pytest.approx((90.0, -90.0))
        assert abs(float(frame.image_bgr.mean()) - shade_at(expected.time)) < 8.0
    log = read_flight_log(report.folder / "flight-log.jsonl")
    assert [entry.message for entry in log] == ["recording began", "on route", "recording ended"]
    assert log[1].details == {"cause": "mission begun"}
    manifest = read_manifest(str(report.folder))
    assert manifest.telemetry == ("telemetry.parquet",)
    assert not (report.folder / "telemetry").exists()
    assert manifest.started_at == START
    assert manifest.ended_at is not None


def test_a_flight_at_twenty_times_real_time_is_recorded_in_the_vehicles_time(
    tmp_path: Path,
) -> None:
    options = RecorderOptions(segment_s=4.0, part_s=0.5, min_free_mib=1, speedup=20.0)
    camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
    with Recorder(tmp_path / "p", FACTS, [camera], options=options) as recorder:
        for number in range(301):
            # The link's clock runs at real time; the vehicle's own runs twenty times as fast.
            told = reading(number / 10.0)
            arrived = START + timedelta(seconds=number / 200.0)
            recorder.telemetry(
                Telemetry(
                    **{name: getattr(told, name) for name in told.__slots__} | {"time": arrived}
                )
            )
            time.sleep(0.001)
        until(lambda: taken(recorder) >= 120, "six segments")
        report = recorder.close()
    assert problems(report.folder) == []
    manifest = read_manifest(str(report.folder))
    first, last = manifest.segments[0], manifest.segments[-1]
    assert last.duration_s is not None
    spanned_s = (last.start_time - first.start_time).total_seconds() + last.duration_s
    assert spanned_s == pytest.approx(30.0, abs=0.3)


def test_a_simulated_flight_that_is_taken_up_again_goes_on_after_what_was_recorded(
    tmp_path: Path,
) -> None:
    options = RecorderOptions(segment_s=2.0, part_s=0.2, min_free_mib=1, speedup=20.0)
    for begin_s in (0.0, 15.0):
        camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
        with Recorder(tmp_path / "p", FACTS, [camera], options=options) as recorder:
            for telemetry in flight(10.0, begin_s=begin_s):
                recorder.telemetry(telemetry)
            until(lambda: taken(recorder) >= 40, "four segments")
        assert recorder.close().health.rows_left_out == 0
    found = problems(tmp_path / "p")
    assert [p for p in found if "gap of" not in p and " s after " not in p] == []
    segments = read_manifest(str(tmp_path / "p")).segments
    times = [segment.start_time for segment in segments]
    assert times == sorted(times)


def test_a_vehicle_without_a_gimbal_has_no_place_for_its_pictures_unless_one_is_assumed(
    tmp_path: Path,
) -> None:
    readings = [without_gimbal(telemetry) for telemetry in flight(2.0)]
    camera = StillCamera()
    with Recorder(tmp_path / "none", FACTS, [camera], options=QUICK) as recorder:
        fly(recorder, readings, pictures=0)
    assert any("gimbal_pitch_deg is missing in 100%" in p for p in problems(tmp_path / "none"))
    options = RecorderOptions(1.0, 0.5, 1, assumed_gimbal=lambda seen: (seen.yaw_deg or 0.0, -60.0))
    rendered = RenderedCamera(FlatRenderer(), max_lag_s=60.0)
    with Recorder(tmp_path / "some", FACTS, [rendered], options=options) as recorder:
        fly(recorder, readings, pictures=10)
    assert problems(tmp_path / "some") == []
    log = read_flight_log(tmp_path / "some" / "flight-log.jsonl")
    assert any(
        "the camera is taken as level, and looking where the mission" in entry.message
        for entry in log
    )


def test_readings_that_are_old_or_out_of_order_are_left_out(tmp_path: Path) -> None:
    with Recorder(tmp_path / "p", FACTS, [StillCamera()], options=QUICK) as recorder:
        for telemetry in (reading(0.0), reading(0.1), reading(0.1), reading(0.05)):
            recorder.telemetry(telemetry)
        recorder.telemetry(
            Telemetry(START + timedelta(seconds=1), 0.0, position_age_s=4.0, attitude_age_s=0.0)
        )
        recorder.telemetry(reading(0.2))
        report = recorder.close()
    assert (report.health.rows, report.health.rows_left_out) == (3, 3)


KILLED = """
import sys, time
from datetime import UTC, datetime
from dataclasses import replace
from pathlib import Path
from drone.cameras.pattern import StillCamera
from drone.recorder.recorder import Recorder, RecorderOptions
from tests.drone.recorder.scripted_flight import FACTS, reading

recorder = Recorder(
    Path(sys.argv[1]), FACTS, [StillCamera(fps=20.0)],
    options=RecorderOptions(segment_s=1.5, part_s=0.5, min_free_mib=1),
)
recorder.start()
begin = time.monotonic()
while True:
    seconds = time.monotonic() - begin
    recorder.telemetry(replace(reading(seconds), time=datetime.now(UTC)))
    print(recorder.health.cameras[0].segments, flush=True)
    time.sleep(0.05)
"""


def record_and_kill(folder: Path, *, after_segments: int) -> None:
    """Record in another process, and kill it when a fragment of the open segment is written."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if int(line) >= after_segments:
                break
        video = folder / "video"
        until(
            lambda: any(part.stat().st_size > 2500 for part in video.glob(".*.part")),
            "a fragment of an open segment",
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        process.stdout.close()


def test_a_killed_recording_is_whole_but_for_its_open_segment_and_can_be_gone_on_with(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    record_and_kill(folder, after_segments=2)
    assert problems(folder) == []
    before = read_manifest(str(folder))
    assert before.ended_at is None
    assert len(before.segments) >= 2
    (source,) = discover([str(tmp_path)], FootageOptions()).sources
    frames = list(read_frames(source, FootageOptions()))
    assert len(frames) >= 4
    assert all(isinstance(item, Frame) and item.view is not None for item in frames)

    record_and_kill(folder, after_segments=0)
    with Recorder(folder, FACTS, [StillCamera(fps=20.0)], options=QUICK) as recorder:
        start = time.monotonic()
        while taken(recorder) < 20:
            recorder.telemetry(
                Telemetry(
                    **{name: getattr(reading(0), name) for name in Telemetry.__slots__}
                    | {"time": datetime.now(UTC), "time_boot_s": None}
                )
            )
            time.sleep(0.05)
            assert time.monotonic() < start + 20
    after = read_manifest(str(folder))
    assert after.started_at == before.started_at
    assert after.ended_at is not None
    assert after.telemetry == ("telemetry.parquet",)
    assert after.segments[: len(before.segments)] == before.segments
    assert len(after.segments) >= len(before.segments) + 2
    # Three processes wrote it; nothing is wrong but the time that passed between them.
    assert [p for p in problems(folder) if "gap of" not in p and " s after " not in p] == []
    messages = [entry.message for entry in read_flight_log(folder / "flight-log.jsonl")]
    assert messages.count("recording goes on") == 2
    assert any("was open when recording was interrupted" in message for message in messages)
    assert not list(folder.rglob("*.part"))


def test_a_recorder_keeps_out_of_a_folder_that_is_recorded_into_or_holds_another_patrol(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    with Recorder(folder, FACTS, [StillCamera()], options=QUICK) as recorder:
        with pytest.raises(RecordingError, match="recorded into by another process"):
            Recorder(folder, FACTS, [StillCamera()], options=QUICK).start()
        fly(recorder, list(flight(1.0)), pictures=0)
    other = PatrolFacts("example park", "another", "", FACTS.time_base)
    with pytest.raises(RecordingError, match=r"holds patrol 2026-05-04-north-1, not another"):
        Recorder(folder, other, [StillCamera()], options=QUICK).start()
    (folder / "manifest.json").write_text("{")
    with pytest.raises(RecordingError, match=r"is no usable manifest.*another folder"):
        Recorder(folder, FACTS, [StillCamera()], options=QUICK).start()


def test_what_is_wrong_before_take_off_stops_the_patrol(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="needs a camera"):
        Recorder(tmp_path, FACTS, [])
    with pytest.raises(RecordingError, match="two cameras are called the same: pattern, pattern"):
        Recorder(tmp_path / "a", FACTS, [StillCamera(), StillCamera()], options=QUICK).start()
    full = RecorderOptions(min_free_mib=10**9)
    with pytest.raises(RecordingError, match=r"MiB free, and a recording needs 1000000000 MiB"):
        Recorder(tmp_path / "b", FACTS, [StillCamera()], options=full).start()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordingError, match="cannot be recorded into: "):
        Recorder(tmp_path / "file" / "c", FACTS, [StillCamera()], options=QUICK).start()
    missing = FileCamera(tmp_path / "nothing.mp4")
    with pytest.raises(RecordingError, match=r"nothing\.mp4 cannot be opened as video"):
        Recorder(tmp_path / "d", FACTS, [missing], options=QUICK).start()
    with pytest.raises(RecordingError, match=r"segment_s 0\.0 is not between"):
        RecorderOptions(segment_s=0.0)


# Without a file system of its own, a full disk is played by a limit on the size of files.
FILLED = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from drone.cameras.pattern import StillCamera
from drone.recorder.recorder import Recorder, RecorderOptions
from tests.drone.recorder.scripted_flight import FACTS, reading
from datetime import UTC, datetime
from dataclasses import replace

noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), dtype=np.uint8)
reports = []
recorder = Recorder(
    Path(sys.argv[1]), FACTS, [StillCamera(noise, fps=20.0)],
    options=RecorderOptions(segment_s=0.5, part_s=0.5, min_free_mib=1), on_trouble=reports.append,
)
recorder.start()
begin, limits = time.monotonic(), resource.getrlimit(resource.RLIMIT_FSIZE)
lasted = filled = emptied = False
slowest_s = 0.0
while True:
    seconds = time.monotonic() - begin
    called = time.monotonic()
    recorder.telemetry(replace(reading(seconds), time=datetime.now(UTC)))
    slowest_s = max(slowest_s, time.monotonic() - called)
    video = recorder.health.cameras[0]
    if not filled and video.segments >= 2:
        # No file may grow any more: the kernel refuses what a full disk refuses.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        filled = True
    if filled and not emptied and video.lost and any("telemetry cannot" in r for r in reports):
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        emptied, had = True, video.segments
    if emptied and video.segments >= had + 2 and not recorder.health.rows_waiting > 20:
        break
    if seconds > 30:
        sys.exit("nothing came of it: " + repr(recorder.health))
    time.sleep(0.02)
report = recorder.close()
print(json.dumps({"reports": reports, "lost": report.health.lost_pictures,
    "rows": report.health.rows, "slowest_s": slowest_s}))
"""


def test_a_full_disk_is_told_and_the_flight_goes_on_and_so_does_recording_when_there_is_room(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    done = subprocess.run(
        [sys.executable, "-c", FILLED, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert any(
        "a segment cannot be written (File too large); the flight goes on" in report
        for report in told["reports"]
    )
    assert any("telemetry cannot be written" in report for report in told["reports"])
    assert told["lost"] > 0
    assert told["slowest_s"] < 0.5, "the flight does not wait for the disk"
    # Not one row was lost, because they were kept meanwhile; pictures were, and are a gap.
    assert [p for p in problems(folder) if " s after " not in p] == []
    messages = [entry.message for entry in read_flight_log(folder / "flight-log.jsonl")]
    assert any("is recorded again" in message for message in messages)


def test_closing_twice_gives_the_same_report_and_later_events_do_no_harm(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "p", FACTS, [StillCamera()], options=QUICK)
    recorder.start()
    recorder.event("gossip", "a word that the log does not know")
    fly(recorder, list(flight(1.0)), pictures=0)
    report: RecordingReport = recorder.close()
    recorder.event("note", "too late")
    recorder.telemetry(reading(5.0))
    assert recorder.close() is report
    with pytest.raises(RecordingError, match="started before"):
        recorder.start()
    gossip = read_flight_log(tmp_path / "p" / "flight-log.jsonl")[1]
    assert (gossip.kind, gossip.details) == ("note", {"kind": "gossip"})
