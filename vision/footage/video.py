"""Frames of a video by time: only what is sampled is decoded as far as it can be avoided.

A frame is taken for every point k / sample_fps of source time: the first whose time is not
before it. Times are those of the container (pts), counted from the start of the stream, so
variable frame rates come out right and `frame_at` finds the very same frame again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error
import av.video
import numpy as np
from numpy.typing import NDArray

from park.errors import FootageError
from vision.footage.decoded import DecodedPicture, Reformatters
from vision.footage.photos import check_size
from vision.footage.source import FootageOptions

GRID_TOLERANCE_S = 1e-6
MAX_DAMAGED_PACKETS = 2000
MAX_DURATION_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a container says about its video stream, before anything is decoded.

    Attributes:
        width_px: width as stored, before rotation.
        height_px: its height.
        duration_s: None when the container does not say.
        created: the container's creation time, UTC; None when it does not say.
        camera_model: what the container's metadata call the camera; empty for nothing.
        pictures: how many there are, or by rate and duration should be; None when the container
            says neither.
    """

    width_px: int
    height_px: int
    duration_s: float | None
    created: datetime | None
    camera_model: str
    pictures: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One decoded picture, upright.

    Attributes:
        picture: its pixels.
        time_s: seconds from the start of the stream.
        quarter_turns: clockwise turns of 90 degrees that set it upright.
        timed: False where the container has no time stamps and frames were counted.
    """

    picture: DecodedPicture
    time_s: float
    quarter_turns: int
    timed: bool

    @property
    def image_bgr(self) -> NDArray[np.uint8]:
        """All pixels, uint8, shape (height, width, 3)."""
        return self.picture.image_bgr


@dataclass(frozen=True, slots=True)
class VideoTrouble:
    """Why the frames that went before are not all of them."""

    reason: str


def probe_video(uri: str, options: FootageOptions) -> VideoFacts:
    """Return what the container says, decoding nothing.

    Args:
        uri: the file.
        options: holds the limit on the size of a picture.

    Returns:
        Size, duration and creation time.

    Raises:
        FootageError: the file is no video, has no video stream, or has an absurd size.
    """
    with _open(uri, options) as (container, stream):
        duration_s = None
        if stream.duration is not None and stream.time_base is not None:
            duration_s = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            duration_s = container.duration / av.time_base
        if duration_s is not None and not 0.0 < duration_s <= MAX_DURATION_S:
            duration_s = None
        metadata = {**container.metadata, **stream.metadata}
        model = metadata.get("com.apple.quicktime.model") or metadata.get("model") or ""
        return VideoFacts(
            stream.width,
            stream.height,
            duration_s,
            _created(metadata),
            model.strip(),
            stream.frames or _pictures_in(duration_s, stream.guessed_rate),
        )


def _pictures_in(duration_s: float | None, rate: Fraction | None) -> int | None:
    """Return the number that fragmented files, which are written bit by bit, do not hold."""
    return None if duration_s is None or not rate else math.ceil(duration_s * float(rate) - 1e-6)


def sample_video(uri: str, options: FootageOptions) -> Iterator[VideoFrame | VideoTrouble]:
    """Yield the sampled frames of a video in time order, one in memory at a time.

    Args:
        uri: the file.
        options: the sampling rate and the limits.

    Yields:
        Frames, and at the end what went wrong, if anything did.

    Raises:
        FootageError: the file cannot be opened at all.
    """
    step_s = 1.0 / options.sample_fps
    with _open(uri, options) as (container, stream):
        decoder = _Decoder(uri, container, stream, options)
        last_s = None
        for frame, time_s in decoder.frames():
            last_s = time_s
            if time_s < decoder.wanted_s - GRID_TOLERANCE_S:
                continue
            yield decoder.upright(frame, time_s)
            decoder.wanted_s = (math.floor((time_s + GRID_TOLERANCE_S) / step_s) + 1) * step_s
        trouble = decoder.trouble(last_s)
        if trouble:
            yield VideoTrouble(trouble)


def sample_span(
    uri: str, start_s: float, end_s: float, options: FootageOptions
) -> Iterator[VideoFrame]:
    """Yield the frames of a part of a video, one in memory at a time, for people to watch.

    A frame is taken for every point start_s + k / sample_fps: the first whose time is not before
    it. Damage ends the part early and is not told: sampling the whole video tells it.

    Args:
        uri: the file.
        start_s: seconds from the start of the stream; what is before the stream is left out.
        end_s: the last moment.
        options: the rate and the limits.

    Raises:
        FootageError: the file cannot be opened at all.
    """
    step_s = 1.0 / options.sample_fps
    with _open(uri, options) as (container, stream):
        decoder = _Decoder(uri, container, stream, options)
        decoder.wanted_s = max(0.0, start_s)
        for frame, time_s in decoder.frames():
            if time_s > end_s + GRID_TOLERANCE_S:
                return
            if time_s < decoder.wanted_s - GRID_TOLERANCE_S:
                continue
            yield decoder.upright(frame, time_s)
            steps = math.floor((time_s - start_s + GRID_TOLERANCE_S) / step_s)
            decoder.wanted_s = start_s + (steps + 1) * step_s


def frame_at(uri: str, time_s: float, options: FootageOptions) -> VideoFrame:
    """Return the frame that `sample_video` gave with this time, with the same pixels.

    Args:
        uri: the file.
        time_s: seconds from the start of the stream, as sampling gave it.
        options: the limits.

    Returns:
        The frame.

    Raises:
        FootageError: the file cannot be read or has no frame at that time.
    """
    with _open(uri, options) as (container, stream):
        decoder = _Decoder(uri, container, stream, options)
        decoder.wanted_s = time_s
        for frame, found_s in decoder.frames():
            if found_s < time_s - GRID_TOLERANCE_S:
                continue
            if found_s > time_s + 0.001:
                break
            return decoder.upright(frame, found_s)
    raise FootageError(uri, f"has no frame at {time_s:.3f} s any more; was the file changed?")


def start_time(uri: str, facts: VideoFacts) -> tuple[datetime, str]:
    """Return when a video without telemetry clock began, and what had to be assumed.

    Args:
        uri: the file.
        facts: from `probe_video`.

    Returns:
        The container's creation time, or else the file's modification time less its duration.
    """
    if facts.created is not None:
        return facts.created, "start time is the creation time in the video file, taken as UTC"
    modified = datetime.fromtimestamp(Path(uri).stat().st_mtime, UTC)
    return (
        modified - timedelta(seconds=facts.duration_s or 0.0),
        "no recorded start time, the file's modification time less its duration taken",
    )


def later(start: datetime, seconds: float) -> datetime:
    """Return the moment so many seconds after another, in the same time zone.

    Added in UTC, since a sum across the change to or from summer time is wrong in local time.
    """
    return (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(start.tzinfo)


def _created(metadata: dict[str, str]) -> datetime | None:
    for key in ("com.apple.quicktime.creationdate", "creation_time"):
        try:
            created = datetime.fromisoformat(metadata.get(key, ""))
        except ValueError:
            continue
        created = created if created.tzinfo is not None else created.replace(tzinfo=UTC)
        # Cameras without a set clock write the epoch of the container, 1904 or 1970.
        if created.year >= 2000:
            return created
    return None


@contextmanager
def _open(
    uri: str, options: FootageOptions
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    if not Path(uri).is_file():
        raise FootageError(uri, "is not there any more")
    try:
        # "file:" keeps FFmpeg from reading a protocol into a strange file name.
        container = av.open(f"file:{uri}", metadata_errors="replace", timeout=60.0)
    except av.error.FFmpegError as error:
        raise FootageError(
            uri,
            "cannot be opened as video; it may be damaged, or its recording was not finished "
            f"({error.strerror})",
        ) from None
    try:
        stream = next(
            (
                candidate
                for candidate in container.streams.video
                if candidate.codec_context is not None
                and not candidate.disposition & av.stream.Disposition.attached_pic
            ),
            None,
        )
        if stream is None:
            raise FootageError(uri, "has no video stream that can be decoded")
        if stream.width <= 0 or stream.height <= 0:
            raise FootageError(uri, "does not say how large its pictures are; it may be damaged")
        check_size(uri, stream.width, stream.height, options.max_pixels)
        yield container, stream
    finally:
        container.close()


class _Decoder:
    """Decodes one open stream, jumping over what nobody asks for.

    Two ways of not decoding leave every wanted frame as it was: jumping to the last key frame
    before the wanted time, where the container has an index, and leaving out frames before it
    that no other frame refers to.
    """

    # Key frames are indexed by decoding time, which is up to 16 frames before presentation.
    _REORDER_S = 1.0

    def __init__(
        self,
        uri: str,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        options: FootageOptions,
    ) -> None:
        self.wanted_s = 0.0
        self._uri = uri
        self._container = container
        self._stream = stream
        self._codec = stream.codec_context
        self._reformatter = Reformatters()
        self._codec.thread_type = "AUTO"
        self._codec.thread_count = options.decoder_threads
        self._max_pixels = options.max_pixels
        self._time_base = stream.time_base or Fraction(1, av.time_base)
        self._start_pts = stream.start_time or 0
        self._frame_s = float(1 / stream.average_rate) if stream.average_rate else 0.04
        self._counted = 0
        self._damaged = 0
        self._reached_s: float | None = None
        self._jumped_pts: int | None = None
        self._stopped = ""

    def frames(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield decoded frames with their times, not many of them before `wanted_s`."""
        for packet in self._packets():
            try:
                decoded = self._codec.decode(packet)
            except av.error.FFmpegError:
                # A flush may raise the end of the stream, which is no damage.
                self._damaged += packet is not None
                if self._damaged > MAX_DAMAGED_PACKETS:
                    self._stopped = "gave up after too many damaged packets"
                    return
                continue
            for frame in decoded:
                time_s = self._time_of(frame)
                if frame.is_corrupt or time_s > MAX_DURATION_S:
                    self._damaged += 1
                else:
                    yield frame, time_s

    def upright(self, frame: av.VideoFrame, time_s: float) -> VideoFrame:
        """Return a frame as it is meant to be seen.

        Raises:
            FootageError: the picture grew to an absurd size in the middle of the stream.
        """
        check_size(self._uri, frame.width, frame.height, self._max_pixels)
        # FFmpeg gives the angle by which the picture is to be turned anticlockwise.
        turns = round(-frame.rotation / 90.0) % 4
        return VideoFrame(
            DecodedPicture(frame, self._reformatter, turns), time_s, turns, frame.pts is not None
        )

    def trouble(self, last_s: float | None) -> str:
        """Say what kept the stream from being read whole; empty when nothing did."""
        parts = []
        duration_s = None
        if self._stream.duration is not None:
            duration_s = float(self._stream.duration * self._time_base)
        reached_s = self._reached_s
        if self._stopped:
            parts.append(self._stopped)
        if last_s is None:
            parts.append("no frame could be decoded")
        elif (
            duration_s is not None
            and reached_s is not None
            and reached_s < duration_s - max(1.0, 5 * self._frame_s)
        ):
            parts.append(
                f"is cut short: {reached_s:.1f} s of {duration_s:.1f} s could be read; "
                "copy it again from the camera"
            )
        if self._damaged:
            parts.append(f"{self._damaged} damaged packets were left out")
        return "; ".join(parts)

    def _time_of(self, frame: av.VideoFrame) -> float:
        self._counted += 1
        if frame.pts is None:
            return (self._counted - 1) * self._frame_s
        return float((frame.pts - self._start_pts) * self._time_base)

    def _packets(self) -> Iterator[av.Packet[av.VideoStream] | None]:
        """Yield packets to decode, then None to flush the decoder."""
        demuxed_pts = None
        while True:
            jump = self._key_frame_before(self.wanted_s, demuxed_pts)
            if jump is not None:
                try:
                    self._container.seek(jump, stream=self._stream)
                except av.error.FFmpegError as error:
                    self._stopped = f"jumping ahead failed ({error.strerror})"
                    return
                demuxed_pts = self._jumped_pts = jump
            try:
                for packet in self._container.demux(self._stream):
                    if packet.size == 0:
                        continue
                    stamp = packet.pts if packet.pts is not None else packet.dts
                    if packet.is_corrupt:
                        self._damaged += 1
                        continue
                    if stamp is not None:
                        demuxed_pts = stamp
                        time_s = float((stamp - self._start_pts) * self._time_base)
                        self._reached_s = max(time_s + self._frame_s, self._reached_s or 0.0)
                        early = (
                            packet.pts is not None and time_s < self.wanted_s - 2 * self._frame_s
                        )
                        self._codec.skip_frame = "NONREF" if early else "DEFAULT"
                    yield packet
                    if self._key_frame_before(self.wanted_s, demuxed_pts) is not None:
                        break
                else:
                    yield None
                    return
            except (av.error.FFmpegError, IndexError) as error:
                # PyAV raises IndexError where damage makes a new stream appear on the way.
                what = getattr(error, "strerror", None) or "a stream appeared on the way"
                self._stopped = f"reading stopped ({what})"
                yield None
                return

    def _key_frame_before(self, wanted_s: float, demuxed_pts: int | None) -> int | None:
        """Return the time stamp of a key frame to jump to, when that saves decoding."""
        index = self._stream.index_entries
        wanted_pts = self._start_pts + int((wanted_s - self._REORDER_S) / self._time_base)
        here = self._start_pts if demuxed_pts is None else demuxed_pts
        if not len(index) or wanted_pts <= here:
            return None
        entry = index.search_timestamp(wanted_pts, backward=True)
        if entry < 0:
            return None
        stamp = index[entry].timestamp
        # A damaged index may lead back to where the jump began: never jump to one place twice.
        if self._jumped_pts is not None:
            here = max(here, self._jumped_pts)
        return stamp if stamp > here + int(self._REORDER_S / self._time_base) else None
