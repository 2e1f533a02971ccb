"""What every camera gives to the recorder: pictures, coded or not, each with its time.

A source is opened before take-off, where a camera that is not there stops the patrol, and read in
a thread of its own while flying, where it only gives notes: a camera never endangers a flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Literal, Protocol

import av
import av.video
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordingError
from park.patrol_format import PatrolCamera
from park.records import CameraPose

NoteKind = Literal["lost", "back", "ended", "assumed", "trouble"]
"""lost: no pictures from now on; back: they come again; ended: no more will come;
assumed: something was taken for granted; trouble: anything else."""


class FrameTime(Protocol):
    """The time base of a recording: the one that its telemetry is in."""

    @property
    def speedup(self) -> float:
        """How much faster than the machine's clock this time runs; 1 for real flights."""

    def now(self) -> datetime:
        """Return the present time, UTC."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture that the recorder encodes.

    Attributes:
        time: when it was taken, UTC.
        image_bgr: uint8, shape (height, width, 3).
    """

    time: datetime
    image_bgr: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise RecordingError("a picture's time has no time zone")
        if self.image_bgr.ndim != 3 or self.image_bgr.shape[2] != 3:
            raise RecordingError(f"a picture of shape {self.image_bgr.shape} is not BGR")


@dataclass(frozen=True, slots=True, eq=False)
class CodedPicture:
    """One picture as the camera coded it, which the recorder copies as it is.

    Attributes:
        time: when it was taken, UTC.
        packet: its bytes; `pts` and `dts` are set, in units of its `time_base`.
        stream: what it belongs to: codec, size and parameter sets.
        is_key: whether decoding can begin here.
    """

    time: datetime
    packet: av.Packet[av.VideoStream]
    stream: av.VideoStream
    is_key: bool


@dataclass(frozen=True, slots=True)
class CameraNote:
    """Something about a camera that goes into the flight log.

    Attributes:
        kind: what sort of thing.
        message: in words.
    """

    kind: NoteKind
    message: str


CameraItem = Picture | CodedPicture | CameraNote


class CameraSource(Protocol):
    """A camera of a patrol."""

    def open(self) -> PatrolCamera:
        """Find the camera and return what it is; called once, before take-off.

        Raises:
            RecordingError: it is not there, or gives nothing that can be recorded.
        """

    def items(self, time: FrameTime, stop: Event) -> Iterator[CameraItem]:
        """Yield what the camera gives until `stop` is set or it ends.

        Pictures come in the order of time. Waiting for one never takes longer than a few
        seconds before `stop` is looked at. A camera that can come back is reconnected inside.
        One that has fallen behind may give the rest of what is due when `stop` is set.
        """

    def saw_pose(self, time: datetime, pose: CameraPose) -> None:
        """Hear where the camera was at a time; must not block. Most cameras do not care."""

    def close(self) -> None:
        """Let go of the camera; may be called more than once."""
