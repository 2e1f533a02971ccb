"""Frames are taken by time, and one can be found again with the same pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from park.errors import FootageError
from vision.footage.source import FootageOptions
from vision.footage.video import (
    VideoFrame,
    VideoTrouble,
    frame_at,
    probe_video,
    sample_span,
    sample_video,
)

MakeVideo = Callable[..., Path]


def read(path: Path, fps: float) -> tuple[list[VideoFrame], list[VideoTrouble]]:
    items = list(sample_video(str(path), FootageOptions(sample_fps=fps)))
    frames = [item for item in items if isinstance(item, VideoFrame)]
    return frames, [item for item in items if isinstance(item, VideoTrouble)]


def all_frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("fps", [0.2, 0.5, 1.0, 2.0, 4.0, 25.0])
@pytest.mark.parametrize("b_frames", [0, 3])
def test_sampling_gives_the_first_frame_not_before_each_grid_point(
    make_video: MakeVideo, fps: float, b_frames: int
) -> None:
    path = make_video(frames=200, rate=25, b_frames=b_frames)
    plain = all_frames(path)
    frames, trouble = read(path, fps)
    assert trouble == []
    expected = sorted({int(np.ceil(k / fps * 25 - 1e-6)) for k in range(int(8 * fps) + 1)})
    expected = [n for n in expected if n < 200]
    assert [round(frame.time_s * 25) for frame in frames] == expected
    for n, frame in zip(expected, frames, strict=True):
        assert np.array_equal(frame.image_bgr, plain[n])


@pytest.mark.parametrize("b_frames", [0, 3])
def test_every_sampled_frame_is_found_again_with_the_same_pixels(
    make_video: MakeVideo, b_frames: int
) -> None:
    path = make_video(frames=120, rate=30, b_frames=b_frames)
    frames, _ = read(path, 3.0)
    assert len(frames) == 12
    for frame in frames:
        again = frame_at(str(path), frame.time_s, FootageOptions())
        assert again.time_s == frame.time_s
        assert np.array_equal(again.image_bgr, frame.image_bgr)


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 3.0), (-1.0, 0.6), (3.5, 9.0), (0.0, 0.0)])
def test_a_part_has_the_frames_between_its_ends(
    make_video: MakeVideo, b_frames: int, start_s: float, end_s: float
) -> None:
    path = make_video(frames=120, rate=30, b_frames=b_frames)
    plain = all_frames(path)
    part = list(sample_span(str(path), start_s, end_s, FootageOptions(sample_fps=10.0)))
    first, last = round(max(0.0, start_s) * 30), min(119, round(end_s * 30))
    assert [round(frame.time_s * 30) for frame in part] == list(range(first, last + 1, 3))
    for frame in part:
        assert np.array_equal(frame.image_bgr, plain[round(frame.time_s * 30)])


def test_a_part_at_more_frames_than_there_are_has_each_once(make_video: MakeVideo) -> None:
    path = make_video(frames=50, rate=5)
    part = list(sample_span(str(path), 2.0, 4.0, FootageOptions(sample_fps=30.0)))
    assert [round(frame.time_s * 5) for frame in part] == list(range(10, 21))


def test_variable_frame_rate_is_sampled_by_time_not_by_count(make_video: MakeVideo) -> None:
    times = [0.0, 0.1, 0.2, 0.9, 1.6, 1.7, 3.3, 3.4]
    path = make_video(frames=len(times), times=times)
    frames, _ = read(path, 2.0)
    assert [round(frame.time_s, 3) for frame in frames] == [0.0, 0.9, 1.6, 3.3]


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts", "clip.avi", "clip.mov"])
def test_other_containers_are_read_and_found_again(make_video: MakeVideo, name: str) -> None:
    path = make_video(name, frames=75, rate=25)
    frames, trouble = read(path, 2.0)
    assert trouble == []
    assert [round(frame.time_s, 2) for frame in frames] == pytest.approx(
        [0.0, 0.52, 1.0, 1.52, 2.0, 2.52], abs=0.05
    )
    again = frame_at(str(path), frames[3].time_s, FootageOptions())
    assert np.array_equal(again.image_bgr, frames[3].image_bgr)


def test_a_stream_without_time_stamps_is_counted(make_video: MakeVideo) -> None:
    path = make_video("clip.h264", frames=50, rate=25)
    frames, _ = read(path, 2.0)
    assert len(frames) == 4
    again = frame_at(str(path), frames[2].time_s, FootageOptions())
    assert np.array_equal(again.image_bgr, frames[2].image_bgr)


@pytest.mark.parametrize(
    ("matrix", "turns"), [((0, 1, -1, 0), 1), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 3)]
)
def test_rotation_in_the_container_is_applied(
    make_video: MakeVideo, matrix: tuple[int, int, int, int], turns: int
) -> None:
    path = make_video(frames=5)
    upright = all_frames(path)[0]
    content = bytearray(path.read_bytes())
    # The matrix of the track header: a, b, u, c, d, v, x, y, w in fixed point.
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value * 65536 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(content)
    frames, _ = read(path, 2.0)
    assert frames[0].quarter_turns == turns
    assert np.array_equal(frames[0].image_bgr, np.rot90(upright, -turns))


def test_a_video_cut_short_gives_its_frames_and_says_how_far_it_got(make_video: MakeVideo) -> None:
    path = make_video(frames=250, rate=25, options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])
    frames, trouble = read(path, 2.0)
    assert 5 <= len(frames) < 20
    assert len(trouble) == 1
    assert "cut short" in trouble[0].reason
    assert "of 10.0 s could be read" in trouble[0].reason


def test_damage_in_the_middle_is_survived_and_told(make_video: MakeVideo) -> None:
    path = make_video(frames=250, rate=25, options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    frames, trouble = read(path, 5.0)
    assert len(frames) > 20
    assert len(trouble) == 1
    assert "damaged packets" in trouble[0].reason


def test_a_recording_that_was_not_finished_is_refused_with_the_reason(
    make_video: MakeVideo,
) -> None:
    path = make_video(frames=50)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FootageError, match="recording was not finished"):
        probe_video(str(path), FootageOptions())


def test_absurd_sizes_are_refused_before_decoding(make_video: MakeVideo) -> None:
    path = make_video(frames=3, size=(320, 240))
    with pytest.raises(FootageError, match="320 x 240 pixels, more than the 50000 allowed"):
        probe_video(str(path), FootageOptions(max_pixels=50_000))


def test_a_file_without_video_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(FootageError, match="no video stream"):
        probe_video(str(path), FootageOptions())


def test_asking_for_a_time_without_frame_says_so(make_video: MakeVideo) -> None:
    path = make_video(frames=25)
    with pytest.raises(FootageError, match=r"no frame at 7\.000 s"):
        frame_at(str(path), 7.0, FootageOptions())


def test_the_container_tells_when_it_was_made(make_video: MakeVideo) -> None:
    path = make_video(frames=3, created="2026-05-04T05:30:00.000000Z")
    created = probe_video(str(path), FootageOptions()).created
    assert created is not None
    assert created.isoformat() == "2026-05-04T05:30:00+00:00"


def test_slow_sampling_does_not_decode_what_lies_between(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(frames=1500, rate=25, gop=25)
    decoded = 0
    from vision.footage import video

    plain = video._Decoder._time_of

    def counting(self: video._Decoder, frame: av.VideoFrame) -> float:
        nonlocal decoded
        decoded += 1
        return plain(self, frame)

    monkeypatch.setattr(video._Decoder, "_time_of", counting)
    frames, trouble = read(path, 0.1)
    assert trouble == []
    assert [round(frame.time_s) for frame in frames] == [0, 10, 20, 30, 40, 50]
    assert decoded < 400
