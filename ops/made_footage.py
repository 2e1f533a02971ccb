"""Writes a recorded patrol of a flight that was not flown, with the drone's own recorder.

The folder is what `drone.recorder` leaves behind when a patrol has landed; `parkwatch footage
check` and everything that reads footage treats it as any other. The same request gives the same
bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from drone.cameras.source import Picture
from drone.recorder.durable import write_whole
from drone.recorder.manifest import ManifestFile, PatrolFacts
from drone.recorder.segments import WRITE_ERRORS, Encoding, OpenSegment
from drone.recorder.telemetry import TelemetryRow, write_part
from park.errors import RecordingError
from park.patrol_format import (
    SIMULATED_CAMERA,
    TELEMETRY_NAME,
    VIDEO_FOLDER,
    PatrolCamera,
    PatrolSegment,
    TimeBase,
)
from park.records import CameraPose, Intrinsics
from sim_data.patrol_footage import (
    Recorded,
    SensorNoise,
    TrueFlight,
    each_picture,
    recorded,
    true_lens,
)

SEGMENT_S = 30.0
"""Length of a video file; nothing is lost when a power failure only costs a new run."""

_MILLISECONDS = Fraction(1, 1000)


class Draws(Protocol):
    """Draws what cameras see: `sim_data.camera.Renderer`."""

    def rgb(self, pose: CameraPose, intrinsics: Intrinsics, time: datetime) -> NDArray[np.uint8]:
        """Return a colour picture, red, green, blue."""
        ...

    def thermal(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> NDArray[np.uint16]:
        """Return temperatures in hundredths of a kelvin."""
        ...


@dataclass(frozen=True, slots=True)
class MadeCameras:
    """The cameras of a made patrol.

    Attributes:
        rgb: records a colour camera.
        thermal: records a thermal camera.
        width_px: of colour pictures.
        height_px: of colour pictures.
        hfov_deg: of the colour camera.
        fps: pictures a second of each.
    """

    rgb: bool = True
    thermal: bool = False
    width_px: int = 1280
    height_px: int = 720
    hfov_deg: float = 70.0
    fps: float = 4.0

    def __post_init__(self) -> None:
        if not (self.rgb or self.thermal):
            raise RecordingError("a recorded patrol needs a camera: colour, thermal or both")
        for side in (self.width_px, self.height_px):
            if not 16 <= side <= 8192 or side % 2:
                raise RecordingError(f"{side} pixels are no side of a picture: 16 to 8192, even")

    def listed(self, focal_sigma: float) -> tuple[PatrolCamera, ...]:
        """Return what the manifest says about them."""
        found = []
        if self.rgb:
            found.append(
                PatrolCamera(
                    camera_id="rgb",
                    model=SIMULATED_CAMERA,
                    width_px=self.width_px,
                    height_px=self.height_px,
                    hfov_deg=self.hfov_deg,
                    focal_sigma=focal_sigma,
                )
            )
        if self.thermal:
            found.append(
                PatrolCamera(
                    camera_id="thermal",
                    model=f"{SIMULATED_CAMERA}, thermal",
                    spectrum="thermal",
                    temperature_unit="centikelvin",
                    width_px=640,
                    height_px=512,
                    hfov_deg=50.0,
                    focal_sigma=focal_sigma,
                )
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class MadePatrol:
    """What is to be written.

    Attributes:
        folder: of the patrol; made here.
        site: id of the park.
        patrol_id: names it.
        flight: where copter and camera are.
        cameras: what is recorded.
        noise: how wrong the telemetry is.
        seed: of that noise.
        vehicle: what the manifest says that flew.
        route: id of the route that it flies.
    """

    folder: Path
    site: str
    patrol_id: str
    flight: TrueFlight
    cameras: MadeCameras
    noise: SensorNoise
    seed: int
    vehicle: str = "simulated copter, not flown"
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was drawn.

    Attributes:
        camera: which camera.
        pose: the true one.
        lens: the true one.
        time: when.
    """

    camera: PatrolCamera
    pose: CameraPose
    lens: Intrinsics
    time: datetime


def write_patrol(
    wanted: MadePatrol, renderer: Draws, on_picture: Callable[[Seen], None]
) -> tuple[PatrolSegment, ...]:
    """Draw and write one patrol.

    Args:
        wanted: what to write.
        renderer: draws.
        on_picture: told of each picture, for progress and truth.

    Returns:
        The video files.

    Raises:
        RecordingError: it cannot be written.
        SimulationError: it cannot be drawn.
    """
    told = recorded(wanted.flight, wanted.noise, wanted.seed)
    cameras = wanted.cameras.listed(wanted.noise.focal_share)
    facts = PatrolFacts(
        site=wanted.site,
        patrol_id=wanted.patrol_id,
        vehicle=wanted.vehicle,
        time_base=TimeBase(clock="gnss", sigma_s=wanted.noise.time_s),
        pose_sigma=wanted.noise.pose_sigma,
        takeoff_alt_amsl_m=wanted.flight.takeoff_alt_amsl_m,
        route=wanted.route,
    )
    try:
        wanted.folder.mkdir(parents=True, exist_ok=True)
        manifest = ManifestFile(wanted.folder, facts, cameras)
        manifest.begin(told.times[0])
        write_part(wanted.folder, TELEMETRY_NAME, _rows(told))
        writers = [_Writer(wanted, camera, told.focal_scale) for camera in cameras]
        for time, pose in each_picture(wanted.flight, wanted.cameras.fps):
            for writer in writers:
                writer.draw(renderer, pose, time)
                on_picture(Seen(writer.camera, pose, writer.lens, time))
        segments = tuple(segment for writer in writers for segment in writer.close())
        manifest.add_segments(segments)
        manifest.end(told.times[-1])
    except WRITE_ERRORS as error:
        raise RecordingError(f"{wanted.folder}: footage cannot be written: {error}") from error
    return segments


def _rows(told: Recorded) -> list[TelemetryRow]:
    columns = {name: column.tolist() for name, column in told.columns.items()}
    return [
        TelemetryRow(time, **{name: column[index] for name, column in columns.items()})
        for index, time in enumerate(told.times)
    ]


class _Segment(Protocol):
    """A video file that is being written."""

    def put(self, pixels: NDArray[np.uint8] | NDArray[np.uint16], time: datetime) -> None: ...

    def end(self) -> PatrolSegment: ...


class _Writer:
    """The pictures of one camera, in segments of `SEGMENT_S`."""

    def __init__(self, wanted: MadePatrol, camera: PatrolCamera, focal_scale: float) -> None:
        self.camera = camera
        self.lens = true_lens(camera.intrinsics(), focal_scale)
        self._folder, self._fps = wanted.folder, wanted.cameras.fps
        self._encoding = Encoding.best()
        self._open: _Segment | None = None
        self._opened_at: datetime | None = None
        self._done: list[PatrolSegment] = []

    def draw(self, renderer: Draws, pose: CameraPose, time: datetime) -> None:
        thermal = self.camera.spectrum == "thermal"
        pixels = (renderer.thermal if thermal else renderer.rgb)(pose, self.lens, time)
        if self._opened_at is not None and time - self._opened_at >= timedelta(seconds=SEGMENT_S):
            self._finish()
        if self._open is None:
            name = f"{VIDEO_FOLDER}/{self.camera.camera_id}-{len(self._done) + 1:05d}"
            kind = _ThermalSegment if thermal else _ColourSegment
            self._open = kind(self._folder, name, self.camera, self._encoding, time, self._fps)
            self._opened_at = time
        self._open.put(pixels, time)

    def close(self) -> Sequence[PatrolSegment]:
        self._finish()
        return self._done

    def _finish(self) -> None:
        if self._open is not None:
            self._done.append(self._open.end())
        self._open = self._opened_at = None


class _ColourSegment:
    """H.264 in MP4, as the recorder writes it."""

    def __init__(
        self, folder: Path, name: str, camera: PatrolCamera, encoding: Encoding, start: datetime,
        fps: float,
    ) -> None:  # fmt: skip
        blank = np.zeros((camera.height_px, camera.width_px, 3), np.uint8)
        self._segment = OpenSegment(
            folder, f"{name}.mp4", camera.camera_id, Picture(start, blank), encoding, fps
        )

    def put(self, pixels: NDArray[np.uint8] | NDArray[np.uint16], time: datetime) -> None:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        self._segment.add(Picture(time, np.asarray(bgr, np.uint8)))

    def end(self) -> PatrolSegment:
        return self._segment.close()


@dataclass
class _ThermalSegment:
    """16-bit grey FFV1 in Matroska, without loss; made in memory and written whole."""

    folder: Path
    name: str
    camera: PatrolCamera
    encoding: Encoding
    start: datetime
    fps: float
    last_s: float = 0.0
    buffer: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        # Bit-exact leaves out what differs from run to run: random ids and versions.
        self._container = av.open(
            self.buffer, "w", format="matroska", options={"fflags": "+bitexact"}
        )
        rate = Fraction(self.fps).limit_denominator(1000)
        stream = self._container.add_stream("ffv1", rate=rate, options={"level": "3"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = self.camera.width_px, self.camera.height_px
        stream.pix_fmt = "gray16le"
        stream.codec_context.time_base = _MILLISECONDS
        self._stream = stream

    def put(self, pixels: NDArray[np.uint8] | NDArray[np.uint16], time: datetime) -> None:
        self.last_s = (time - self.start).total_seconds()
        frame = av.VideoFrame.from_ndarray(np.asarray(pixels, np.uint16), format="gray16le")
        frame.pts, frame.time_base = math.floor(self.last_s * 1000.0 + 0.5), _MILLISECONDS
        self._container.mux(self._stream.encode(frame))

    def end(self) -> PatrolSegment:
        self._container.mux(self._stream.encode())
        self._container.close()
        path = self.folder / f"{self.name}.mkv"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, self.buffer.getvalue())
        return PatrolSegment(
            file=f"{self.name}.mkv",
            camera_id=self.camera.camera_id,
            start_time=self.start,
            duration_s=round(self.last_s + 1.0 / self.fps, 6),
        )


def frames_of(flights: Iterator[TrueFlight] | Sequence[TrueFlight], cameras: MadeCameras) -> int:
    """Return how many pictures flights come to."""
    each = int(cameras.rgb) + int(cameras.thermal)
    return sum(len(flight.picture_times_s(cameras.fps)) for flight in flights) * each
