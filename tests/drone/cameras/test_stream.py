from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from drone.cameras.source import CameraItem, CameraNote, CodedPicture, Picture
from drone.cameras.stream import ClockTie, FileCamera, StreamCamera, StreamOptions, shown
from drone.recorder.flight_log import read_flight_log
from drone.recorder.recorder import Recorder, RecorderOptions
from drone.telemetry import Telemetry
from park.errors import RecordingError
from park.patrol_format import read_manifest
from tests.drone.cameras.rtsp_server import FPS, RtspServer
from tests.drone.recorder.scripted_flight import FACTS, reading
from vision.footage.patrol_check import check_patrol
from vision.footage.source import FootageOptions
from vision.footage.video import VideoFrame, sample_video

START = datetime(2026, 5, 4, tzinfo=UTC)
PATIENCE = StreamOptions(open_timeout_s=5.0, read_timeout_s=2.0)


class HostTime:
    speedup = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


def write_video(
    path: Path, codec: str, *, frames: int = 40, rate: int = 20, b_frames: int = 0
) -> None:
    with av.open(str(path), "w") as container:
        options = {"bf": str(b_frames)} if codec != "mjpeg" else {}
        stream = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 10
        for number in range(frames):
            image = np.full((64, 96, 3), number * 6, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def collect(items: list[CameraItem], camera: FileCamera, stop: threading.Event) -> None:
    items += camera.items(HostTime(), stop)


def tell_time(recorder: Recorder) -> None:
    told = reading(0.0)
    recorder.telemetry(
        Telemetry(
            **{name: getattr(told, name) for name in Telemetry.__slots__}
            | {"time": datetime.now(UTC), "time_boot_s": None}
        )
    )


def record(
    folder: Path, camera: FileCamera | StreamCamera, *, pictures: int, notes: int = 0
) -> Recorder:
    options = RecorderOptions(segment_s=1.0, part_s=0.5, min_free_mib=1, reserve_mib=1)
    recorder = Recorder(folder, FACTS, [camera], options=options)
    recorder.start()
    go_on(recorder, pictures)
    return recorder


def go_on(recorder: Recorder, pictures: int) -> None:
    begin = time.monotonic()
    while recorder.health.cameras[0].pictures < pictures:
        tell_time(recorder)
        time.sleep(0.05)
        assert time.monotonic() < begin + 40, recorder.health


def test_a_network_camera_is_recorded_as_it_coded_its_pictures(tmp_path: Path) -> None:
    with RtspServer() as server:
        recorder = record(tmp_path / "p", StreamCamera(server.url, PATIENCE), pictures=3 * FPS)
        report = recorder.close()
    assert report.health.ok, report.health
    assert check_patrol(str(report.folder)).problems == ()
    manifest = read_manifest(str(report.folder))
    assert (manifest.cameras[0].width_px, manifest.cameras[0].height_px) == (160, 96)
    segment = manifest.segments[1]
    assert segment.duration_s == pytest.approx(1.0, abs=0.06)
    path = report.folder / segment.file
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == FPS
    frames = [
        item
        for item in sample_video(str(path), FootageOptions(sample_fps=FPS))
        if isinstance(item, VideoFrame)
    ]
    shades = [float(frame.picture.image_bgr.mean()) for frame in frames]
    steps = np.diff(shades) % 250
    assert np.abs(steps - 5.0).max() < 4.0, "every picture, in order"
    assert "secret" not in (report.folder / "manifest.json").read_text()


def test_a_network_camera_that_goes_away_is_connected_again_and_the_gap_is_told(
    tmp_path: Path,
) -> None:
    with RtspServer() as server:
        recorder = record(tmp_path / "p", StreamCamera(server.url, PATIENCE), pictures=FPS)
        port = server.port
    with RtspServer(port):
        go_on(recorder, recorder.health.cameras[0].pictures + 2 * FPS)
        report = recorder.close()
    messages = [entry.message for entry in read_flight_log(report.folder / "flight-log.jsonl")]
    (lost,) = (number for number, text in enumerate(messages) if "rgb: is lost (" in text)
    (back,) = (number for number, text in enumerate(messages) if "rgb: is back after " in text)
    assert lost < back
    assert not any("secret" in message for message in messages)
    segments = read_manifest(str(report.folder)).segments
    ends = [s.start_time + timedelta(seconds=s.duration_s or 0.0) for s in segments]
    gaps_s = [
        (after.start_time - end).total_seconds()
        for end, after in zip(ends[:-1], segments[1:], strict=True)
    ]
    assert max(gaps_s) > 0.3, "no segment pretends that pictures went on"


def test_a_camera_that_cannot_be_reached_stops_the_patrol_before_take_off(
    tmp_path: Path,
) -> None:
    with RtspServer() as server:
        port = server.port
    camera = StreamCamera(f"rtsp://admin:secret@127.0.0.1:{port}/main", PATIENCE)
    recorder = Recorder(tmp_path / "p", FACTS, [camera])
    with pytest.raises(RecordingError, match="cannot be reached") as refused:
        recorder.start()
    assert "secret" not in str(refused.value)
    with pytest.raises(RecordingError, match="no address of a video stream; they begin with rtsp"):
        StreamCamera("gopher://x")
    with pytest.raises(RecordingError, match="latency_s -1"):
        StreamOptions(latency_s=-1.0)


def test_addresses_are_shown_without_their_password() -> None:
    assert shown("rtsp://a:b@host:554/x") == "rtsp://host:554/x"


@pytest.mark.parametrize(
    ("codec", "name", "kind"),
    [("libx264", "a.mp4", CodedPicture), ("mjpeg", "a.avi", Picture), ("mpeg4", "a.mp4", Picture)],
)
def test_a_file_plays_in_its_own_time_and_then_says_that_it_ended(
    tmp_path: Path, codec: str, name: str, kind: type[CameraItem]
) -> None:
    write_video(tmp_path / name, codec, frames=10)
    camera = FileCamera(tmp_path / name)
    assert camera.open().width_px == 96
    begin = time.monotonic()
    items = list(camera.items(HostTime(), threading.Event()))
    assert time.monotonic() - begin > 0.4
    *pictures, end = items
    assert isinstance(end, CameraNote)
    assert (end.kind, "come to its end" in end.message) == ("ended", True)
    assert len(pictures) == 10
    assert all(isinstance(item, kind) for item in pictures)
    times = [item.time for item in pictures if not isinstance(item, CameraNote)]
    assert (times[-1] - times[0]).total_seconds() == pytest.approx(0.45, abs=1e-3)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_recorded_file_has_the_pictures_of_the_file_at_their_times(
    tmp_path: Path, b_frames: int
) -> None:
    write_video(tmp_path / "a.mp4", "libx264", b_frames=b_frames)
    recorder = record(tmp_path / "p", FileCamera(tmp_path / "a.mp4"), pictures=40)
    report = recorder.close()
    assert report.health.ok, report.health
    assert check_patrol(str(report.folder)).problems == ()
    seen: list[tuple[float, float]] = []
    segments = read_manifest(str(report.folder)).segments
    for segment in segments:
        offset_s = (segment.start_time - segments[0].start_time).total_seconds()
        for item in sample_video(
            str(report.folder / segment.file), FootageOptions(sample_fps=20.0)
        ):
            assert isinstance(item, VideoFrame)
            seen.append((offset_s + item.time_s, float(item.picture.image_bgr.mean())))
    assert [round(at, 2) for at, _ in seen] == [round(n / 20, 2) for n in range(40)]
    assert np.abs(np.array([shade for _, shade in seen]) - np.arange(40) * 6.0).max() < 8


def test_a_file_without_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film at all" * 99)
    with pytest.raises(RecordingError, match=r"a\.mp4 cannot be opened as video"):
        FileCamera(tmp_path / "a.mp4").open()


def test_times_of_a_stream_come_from_its_least_delayed_pictures() -> None:
    rng = np.random.default_rng(3)
    tie = ClockTie(latency_s=0.1)
    errors_s = []
    for number in range(600):
        media_s = number / 20
        taken = START + timedelta(seconds=media_s)
        delay_s = 0.15 + rng.exponential(0.05)
        found = tie.at(media_s + 7777.0, taken + timedelta(seconds=delay_s))
        if number > 100:
            errors_s.append((found - taken).total_seconds())
    # 0.15 s at least, of which the camera's own 0.1 s are known.
    assert np.abs(np.array(errors_s) - 0.05).max() < 0.005


def test_a_burst_of_old_pictures_is_not_taken_for_live_ones() -> None:
    tie = ClockTie()
    connected = START + timedelta(seconds=2.0)
    for number in range(40):
        tie.at(number / 20, connected)
        assert not tie.settled
    for number in range(40, 60):
        taken = START + timedelta(seconds=number / 20)
        found = tie.at(number / 20, taken + timedelta(milliseconds=5))
    assert tie.settled
    assert abs((found - taken).total_seconds()) < 0.06
