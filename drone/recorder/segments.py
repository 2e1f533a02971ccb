"""One video segment: fragmented MP4 that gets its name when it is whole.

While it is written a segment is a hidden file with what it is in its metadata, cut into fragments
of a second that can be read without its end. `salvage` makes a segment of what a crash left.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.container
import av.error
import av.video

from drone.cameras.source import CodedPicture, Picture
from drone.recorder.durable import PART_SUFFIX, part_path, sync_folder
from park.errors import RecordingError
from park.patrol_format import VIDEO_FOLDER, PatrolSegment

ENCODERS = ("libx264", "mpeg4")
"""In the order of preference; the second is in every build of FFmpeg and twice as large."""

TIME_BASE = Fraction(1, 60_000)
"""MPEG-4 part 2 counts in no finer units than 1 / 65,535 s."""

WRITE_ERRORS = (OSError, av.error.FFmpegError)
_MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof"
_KEY_FRAME_EVERY_S = 1.0
_DEFAULT_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures are encoded.

    Attributes:
        encoder: one of `ENCODERS`.
        quality: constant rate factor of libx264 (lower is better), or quantiser of mpeg4.
    """

    encoder: str = "libx264"
    quality: int = 23

    @classmethod
    def best(cls) -> Encoding:
        """Return the first of `ENCODERS` that this machine has.

        Raises:
            RecordingError: it has none of them.
        """
        for name in ENCODERS:
            if name in av.codecs_available:
                return cls(name, 23 if name == "libx264" else 5)
        raise RecordingError(
            f"this PyAV has no video encoder of {', '.join(ENCODERS)}; install one that has"
        )

    def stream(
        self, container: av.container.OutputContainer, width_px: int, height_px: int, fps: float
    ) -> av.VideoStream:
        """Add a stream to a file that is to be written."""
        options = {"threads": "1"}
        if self.encoder == "libx264":
            options |= {"preset": "ultrafast", "tune": "zerolatency", "crf": str(self.quality)}
        else:
            options |= {"qmin": str(self.quality), "qmax": str(self.quality), "bf": "0"}
        rate = Fraction(fps).limit_denominator(1000)
        stream = container.add_stream(self.encoder, rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = width_px, height_px
        # Half the colour resolution needs even sizes.
        even = width_px % 2 == 0 and height_px % 2 == 0
        stream.pix_fmt = "yuv420p" if even or self.encoder != "libx264" else "yuv444p"
        stream.codec_context.gop_size = max(1, round(fps * _KEY_FRAME_EVERY_S))
        stream.codec_context.time_base = TIME_BASE
        return stream


class _Track(Protocol):
    """What puts pictures of one kind into a file."""

    step_s: float

    def add(self, item: Picture | CodedPicture) -> float:
        """Write a picture; return its time in the file, seconds."""

    def finish(self) -> None:
        """Write what is held back."""


class _EncodedTrack:
    """Pictures that are encoded here."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        first: Picture,
        encoding: Encoding,
        fps: float,
    ) -> None:
        height_px, width_px = first.image_bgr.shape[:2]
        self.step_s = 1.0 / fps
        self._container = container
        self._start = first.time
        self._stream = encoding.stream(container, width_px, height_px, fps)

    def add(self, item: Picture | CodedPicture) -> float:
        assert isinstance(item, Picture)
        time_s = (item.time - self._start).total_seconds()
        frame = av.VideoFrame.from_ndarray(item.image_bgr, format="bgr24")
        frame.pts, frame.time_base = round(time_s / TIME_BASE), TIME_BASE
        self._container.mux(self._stream.encode(frame))
        return time_s

    def finish(self) -> None:
        self._container.mux(self._stream.encode())


class _CopiedTrack:
    """Pictures that the camera coded; their times in the file are the camera's own."""

    def __init__(self, container: av.container.OutputContainer, first: CodedPicture) -> None:
        self.step_s = _DEFAULT_STEP_S
        if first.stream.average_rate:
            self.step_s = 1.0 / float(first.stream.average_rate)
        self._container = container
        self._stream = container.add_stream_from_template(first.stream)
        self._first_pts = first.packet.pts or 0
        self._last_dts: int | None = None

    def add(self, item: Picture | CodedPicture) -> float:
        assert isinstance(item, CodedPicture)
        packet, base = item.packet, item.packet.time_base
        pts = (packet.pts or 0) - self._first_pts
        dts = (packet.pts if packet.dts is None else packet.dts) or 0
        dts -= self._first_pts
        if self._last_dts is not None:
            dts = max(dts, self._last_dts + 1)
        self._last_dts = dts
        packet.pts, packet.dts, packet.stream = max(pts, dts), dts, self._stream
        self._container.mux(packet)
        return float(pts * base)

    def finish(self) -> None:
        """Nothing is held back."""


class OpenSegment:
    """A segment that is being written.

    Args:
        folder: the patrol's.
        name: of the segment when it will be whole, below the folder.
        camera_id: which camera took it.
        first: its first picture; a coded one must be a key frame. It is not written yet.
        encoding: for pictures that come uncoded.
        fps: about how many pictures come a second, where the camera's code does not say.

    Raises:
        OSError: it cannot be made.
        av.error.FFmpegError: the same.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        camera_id: str,
        first: Picture | CodedPicture,
        encoding: Encoding,
        fps: float,
    ) -> None:
        self.name, self.camera_id, self.start_time = name, camera_id, first.time
        self.pictures = 0
        self.last_s = 0.0
        self._path = folder / name
        self._part = part_path(self._path)
        self._part.parent.mkdir(parents=True, exist_ok=True)
        # An own file tells write errors and can be forced to the disk; FFmpeg's does neither.
        self._file = io.FileIO(self._part, "w")
        try:
            self._container = av.open(
                self._file, "w", format="mp4", options={"movflags": _MOVFLAGS}
            )
            start = first.time.astimezone(UTC)
            self._container.metadata["creation_time"] = start.isoformat()
            self._container.metadata["comment"] = json.dumps(
                {"camera_id": camera_id, "start_time": start.isoformat()}
            )
            self._track: _Track = (
                _EncodedTrack(self._container, first, encoding, fps)
                if isinstance(first, Picture)
                else _CopiedTrack(self._container, first)
            )
        except BaseException:
            self._file.close()
            self._part.unlink(missing_ok=True)
            raise

    @property
    def duration_s(self) -> float:
        """How long it is so far, its last picture shown for one step."""
        return self.last_s + self._track.step_s

    def add(self, item: Picture | CodedPicture) -> None:
        """Write a picture.

        Raises:
            OSError: it cannot be written; discard the segment then.
            av.error.FFmpegError: the same.
        """
        self.last_s = max(self.last_s, self._track.add(item))
        self.pictures += 1

    def close(self) -> PatrolSegment:
        """Finish it and give it its name; on errors discard it.

        Raises:
            OSError: it cannot be written; discard the segment then.
            av.error.FFmpegError: the same.
        """
        self._track.finish()
        self._container.close()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        sync_folder(self._path.parent)
        return PatrolSegment(
            file=self.name,
            camera_id=self.camera_id,
            start_time=self.start_time,
            duration_s=round(self.duration_s, 6),
        )

    def discard(self) -> None:
        """Give it up, without an error of its own."""
        for part in (self._container, self._file):
            try:
                part.close()
            except WRITE_ERRORS:
                # That it cannot be written is known: it is why it is given up.
                continue
        self._part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A video file that its patrol's manifest does not name.

    Attributes:
        segment: what the manifest is to say about it.
        pictures: that can be read in it.
    """

    segment: PatrolSegment
    pictures: int


def salvage(folder: Path, known: frozenset[str]) -> list[FoundSegment]:
    """Find what a crash left behind, and make segments of it.

    Args:
        folder: the patrol's.
        known: names of segments that the manifest has already.

    Returns:
        Segments to add to the manifest. Remains without a whole fragment are removed.

    Raises:
        OSError: the folder cannot be read or written.
    """
    found = []
    video = folder / VIDEO_FOLDER
    for path in sorted(video.glob("*.mp4")) + sorted(video.glob(f".*{PART_SUFFIX}")):
        named = path.name.startswith(".")
        whole = path.with_name(path.name[1 : -len(PART_SUFFIX)]) if named else path
        name = f"{VIDEO_FOLDER}/{whole.name}"
        if name in known:
            if named:
                path.unlink()
            continue
        segment = _read_back(path, name)
        if segment is None:
            path.unlink()
            continue
        path.replace(whole)
        found.append(segment)
    if found:
        sync_folder(video)
    return found


def _read_back(path: Path, name: str) -> FoundSegment | None:
    """Return what a file says that it is; None where nothing in it can be read."""
    times: list[float] = []
    try:
        with av.open(f"file:{path}") as container:
            about = json.loads(container.metadata.get("comment", ""))
            stream = container.streams.video[0]
            step_s = 1.0 / float(stream.average_rate) if stream.average_rate else _DEFAULT_STEP_S
            # The last fragment may be cut; those before it are whole.
            with contextlib.suppress(av.error.FFmpegError):
                for packet in container.demux(stream):
                    if packet.pts is not None and packet.size > 0:
                        times.append(float(packet.pts * packet.time_base))  # noqa: PERF401
        start_time = datetime.fromisoformat(about["start_time"])
        if not times:
            return None
        duration_s = max(times) - min(times) + step_s
        segment = PatrolSegment(
            file=name,
            camera_id=str(about["camera_id"]),
            start_time=start_time,
            duration_s=round(duration_s, 6),
        )
    except (av.error.FFmpegError, OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return FoundSegment(segment, len(times))
