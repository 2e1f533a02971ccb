"""Cameras that send video over the network (RTSP and its like), and video files in their place.

Video that is coded as H.264, H.265 or AV1 is not decoded: its packets are copied into segments,
which begin at key frames. Anything else is decoded, and encoded by the recorder.

Pictures of a stream are stamped when they arrive. Networks delay them by varying times, so the
camera's own clock gives the distances between pictures, and the least delayed picture of the last
seconds ties it to ours; what the camera itself needs to take and code a picture is `latency_s`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TypeAlias

import av
import av.container
import av.error
import numpy as np

from drone.cameras.source import CameraItem, CameraNote, CodedPicture, FrameTime, Picture
from park.errors import RecordingError
from park.patrol_format import PatrolCamera
from park.records import CameraPose
from park.spectrum import Spectrum

COPIED_CODECS = frozenset({"h264", "hevc", "av1"})
STREAM_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "tcp", "srt")

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_CREDENTIALS = re.compile(r"//[^/@]*@")
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_WINDOW_S = 10.0
_JITTER = timedelta(milliseconds=20)
_SETTLING = timedelta(milliseconds=300)
_SETTLED_AT_LAST = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream is read, and what its camera is.

    Attributes:
        camera_id: what segments call it.
        hfov_deg: horizontal field of view of its lens.
        focal_sigma: relative standard deviation of the focal length that follows from it.
        spectrum: what light it sees.
        latency_s: from taking a picture to its arrival, at best.
        open_timeout_s: how long connecting may take.
        read_timeout_s: how long no picture may come before the stream counts as lost.
    """

    camera_id: str = "rgb"
    hfov_deg: float = 70.0
    focal_sigma: float = 0.05
    spectrum: Spectrum = "visible"
    latency_s: float = 0.0
    open_timeout_s: float = 10.0
    read_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.latency_s <= 10.0:
            raise RecordingError(f"latency_s {self.latency_s} is not between 0 and 10")
        for name in ("open_timeout_s", "read_timeout_s"):
            if not 0.1 <= getattr(self, name) <= 120.0:
                raise RecordingError(f"{name} {getattr(self, name)} is not between 0.1 and 120")


class StreamCamera:
    """A camera at a network address.

    Args:
        url: for example ``rtsp://camera.local:554/main``. User and password in it are never
            shown.
        options: how to read it.
    """

    def __init__(self, url: str, options: StreamOptions | None = None) -> None:
        scheme = _SCHEME.match(url)
        if scheme is None or scheme[1].lower() not in STREAM_SCHEMES:
            raise RecordingError(
                f"{shown(url)} is no address of a video stream; they begin with "
                + ", ".join(f"{name}://" for name in STREAM_SCHEMES)
            )
        self._url = url
        self._options = options or StreamOptions()
        self._container: av.container.InputContainer | None = None

    def open(self) -> PatrolCamera:
        """Connect. See `CameraSource`."""
        try:
            self._container = self._connect()
        except (av.error.FFmpegError, OSError) as error:
            raise RecordingError(
                f"camera {shown(self._url)} cannot be reached ({_reason(error)}); check its "
                "address, and that it is switched on and in this network"
            ) from error
        return camera_of(self._container, self._options, shown(self._url))

    def items(self, time: FrameTime, stop: Event) -> Iterator[CameraItem]:
        """Yield what it sends; connect again for as long as it takes. See `CameraSource`."""
        failures = 0
        lost_at: datetime | None = None
        while not stop.is_set():
            try:
                if self._container is None:
                    self._container = self._connect()
                for item in self._read(self._container, time, stop):
                    if lost_at is not None:
                        gap_s = (time.now() - lost_at).total_seconds()
                        yield CameraNote("back", f"is back after {gap_s:.1f} s without pictures")
                        lost_at = None
                    failures = 0
                    yield item
                reason = "it ended the stream"
            except (av.error.FFmpegError, OSError) as error:
                reason = _reason(error)
            self.close()
            if stop.is_set():
                return
            if lost_at is None:
                lost_at = time.now()
                yield CameraNote("lost", f"is lost ({reason}); it is connected again")
            stop.wait(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Do nothing. See `CameraSource`."""

    def close(self) -> None:
        """Hang up. See `CameraSource`."""
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _connect(self) -> av.container.InputContainer:
        options = {}
        if self._url.lower().startswith("rtsp"):
            # Over TCP nothing is lost on the way, and one port is enough for a firewall.
            options = {"rtsp_transport": "tcp"}
        times = (self._options.open_timeout_s, self._options.read_timeout_s)
        container = av.open(self._url, options=options, timeout=times, metadata_errors="replace")
        if not container.streams.video:
            container.close()
            raise RecordingError(f"camera {shown(self._url)} sends no video")
        return container

    def _read(
        self, container: av.container.InputContainer, time: FrameTime, stop: Event
    ) -> Iterator[CameraItem]:
        tie = ClockTie(self._options.latency_s)
        for media_s, item in _pictures(container, stop):
            taken = tie.at(media_s, time.now())
            # What was kept for us while we connected arrives in a burst, at no time of its own.
            if tie.settled:
                yield _stamped(item, taken)


class FileCamera:
    """A video file that plays as if a camera were taking it now, once.

    Args:
        path: of the file.
        options: what its camera is; times and time-outs do not count.
    """

    def __init__(self, path: Path, options: StreamOptions | None = None) -> None:
        self._path = path
        self._options = options or StreamOptions(camera_id="file")
        self._container: av.container.InputContainer | None = None

    def open(self) -> PatrolCamera:
        """Open the file. See `CameraSource`."""
        try:
            self._container = av.open(f"file:{self._path}", metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            raise RecordingError(
                f"camera file {self._path} cannot be opened as video ({_reason(error)})"
            ) from error
        return camera_of(self._container, self._options, self._path.name)

    def items(self, time: FrameTime, stop: Event) -> Iterator[CameraItem]:
        """Yield its pictures when their time has come. See `CameraSource`."""
        container = self._container
        if container is None:
            return
        start = time.now()
        with closing(container):
            for media_s, item in _pictures(container, stop):
                due = start + timedelta(seconds=media_s)
                while (early_s := (due - time.now()).total_seconds()) > 0 and not stop.is_set():
                    stop.wait(min(1.0, early_s / time.speedup))
                yield _stamped(item, due)
        if not stop.is_set():
            yield CameraNote("ended", f"the file {self._path.name} has come to its end")

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Do nothing. See `CameraSource`."""

    def close(self) -> None:
        """Close the file. See `CameraSource`."""
        container, self._container = self._container, None
        if container is not None:
            container.close()


class ClockTie:
    """Ties a camera's clock to ours by the pictures that were delayed least.

    Args:
        latency_s: delay of the fastest picture.
    """

    def __init__(self, latency_s: float = 0.0) -> None:
        self._latency = timedelta(seconds=latency_s)
        self._windows: list[tuple[float, timedelta]] = []
        self._zero: datetime | None = None
        self._improved: datetime | None = None
        self.settled = False
        """Whether pictures arrive as they are taken, and not in a burst of older ones."""

    def at(self, media_s: float, arrived: datetime) -> datetime:
        """Return when a picture was taken.

        Args:
            media_s: by the camera's clock, from any start.
            arrived: when it came here.
        """
        self._zero = self._zero or arrived
        delay = (arrived - self._zero) - timedelta(seconds=media_s)
        if not self._windows or abs(media_s - self._windows[-1][0]) >= _WINDOW_S:
            self._windows = [*self._windows[-1:], (media_s, delay)]
        begun_s, least = self._windows[-1]
        self._windows[-1] = (begun_s, min(least, delay))
        if self._improved is None or delay < least - _JITTER:
            self._improved = arrived
        live = arrived - self._improved >= _SETTLING
        self.settled = self.settled or live or arrived - self._zero >= _SETTLED_AT_LAST
        best = min(window[1] for window in self._windows)
        return self._zero + best + timedelta(seconds=media_s) - self._latency


def shown(url: str) -> str:
    """Return an address without the user and password in it."""
    return _CREDENTIALS.sub("//", url)


def camera_of(
    container: av.container.InputContainer, options: StreamOptions, name: str
) -> PatrolCamera:
    """Return what the manifest says of the camera behind an open stream.

    Raises:
        RecordingError: there is no video in it, or it does not say how large it is.
    """
    streams = container.streams.video
    if not streams or streams[0].width <= 0 or streams[0].height <= 0:
        container.close()
        raise RecordingError(f"{name} has no video that could be recorded")
    return PatrolCamera(
        camera_id=options.camera_id,
        spectrum=options.spectrum,
        width_px=streams[0].width,
        height_px=streams[0].height,
        hfov_deg=options.hfov_deg,
        focal_sigma=options.focal_sigma,
    )


_Untimed: TypeAlias = "av.Packet[av.VideoStream] | av.VideoFrame"


def _pictures(
    container: av.container.InputContainer, stop: Event
) -> Iterator[tuple[float, _Untimed]]:
    """Yield pictures, coded or not, with their times by the camera's clock, seconds."""
    stream = container.streams.video[0]
    copied = stream.codec_context.name in COPIED_CODECS or stream.codec.name in COPIED_CODECS
    first_pts: int | None = None
    for packet in container.demux(stream):
        if stop.is_set():
            return
        if packet.size == 0 or packet.time_base is None:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.pts is None:
            continue
        first_pts = packet.pts if first_pts is None else first_pts
        if copied:
            yield float((packet.pts - first_pts) * packet.time_base), packet
            continue
        for frame in packet.decode():
            if frame.pts is not None and frame.time_base is not None:
                yield float((frame.pts - first_pts) * frame.time_base), frame


def _stamped(item: _Untimed, time: datetime) -> CameraItem:
    if isinstance(item, av.VideoFrame):
        return Picture(time, np.asarray(item.to_ndarray(format="bgr24"), dtype=np.uint8))
    return CodedPicture(time, item, item.stream, item.is_keyframe)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
