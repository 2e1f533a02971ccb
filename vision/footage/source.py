"""What is asked of the footage readers, and what they found: options, sources, discovery."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from park.errors import SettingsError
from park.records import Reject
from vision.footage.sigmas import CORNER_SIGMA_M

FootageKind = Literal["photos", "video_srt", "video_corners", "patrol"]
"""How a source carries its pictures and what is known about them."""

STAGE = "footage"
"""The `stage` of every `Reject` that the footage readers make."""


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise SettingsError(message)


@dataclass(frozen=True, slots=True)
class FootageOptions:
    """How footage is to be read.

    Attributes:
        sample_fps: frames per second of source time that are taken from video.
        time_zone: the site's; used for camera times that carry no offset from UTC.
        hfov_deg: horizontal field of view to use where the lens is not recorded; None to fall
            back on a stated assumption.
        takeoff_alt_amsl_m: altitude of the site's take-off point above mean sea level; turns a
            recorded altitude into a height where no height is recorded.
        max_pixels: pictures and videos with more pixels than this are refused before decoding.
        corner_sigma_m: one standard deviation of a ground corner, where its file says none.
        max_telemetry_gap_s: a video frame further than this from telemetry has no view.
        decoder_threads: threads that one video decoder may use; more cost memory, and more than
            there are cores cost time. Without a number one for each core, up to 4.

    Raises:
        SettingsError: a value is impossible.
    """

    sample_fps: float = 2.0
    time_zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    hfov_deg: float | None = None
    takeoff_alt_amsl_m: float | None = None
    max_pixels: int = 150_000_000
    corner_sigma_m: float = CORNER_SIGMA_M
    max_telemetry_gap_s: float = 2.0
    decoder_threads: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))

    def __post_init__(self) -> None:
        _need(
            math.isfinite(self.sample_fps) and 0.0 < self.sample_fps <= 240.0,
            f"sample_fps {self.sample_fps} is not between 0 and 240",
        )
        _need(
            self.hfov_deg is None or 1.0 <= self.hfov_deg <= 170.0,
            f"hfov_deg {self.hfov_deg} is not between 1 and 170",
        )
        _need(
            self.takeoff_alt_amsl_m is None or -500.0 <= self.takeoff_alt_amsl_m <= 9000.0,
            f"takeoff_alt_amsl_m {self.takeoff_alt_amsl_m} is not between -500 and 9000",
        )
        _need(self.max_pixels > 0, f"max_pixels {self.max_pixels} is not positive")
        _need(
            math.isfinite(self.corner_sigma_m) and self.corner_sigma_m >= 0,
            f"corner_sigma_m {self.corner_sigma_m} is not zero or more",
        )
        _need(
            math.isfinite(self.max_telemetry_gap_s) and self.max_telemetry_gap_s > 0,
            f"max_telemetry_gap_s {self.max_telemetry_gap_s} is not positive",
        )
        _need(self.decoder_threads >= 1, f"decoder_threads {self.decoder_threads} is below 1")


@dataclass(frozen=True, slots=True)
class FootageSource:
    """One thing that frames can be read from; plain values, so it can go to another process.

    Attributes:
        kind: how it carries its pictures and what is known about them.
        uri: the folder (photos, patrol) or the file (video).
        files: photos in order of name, or the video file, or a patrol's segments in time order.
        patrol_id: hash of the media bytes, or the id that a recorded patrol carries. Photos of
            one folder that are split over several sources share it.
        content_hash: hash of all bytes that decide the result: media and sidecars.
        frames_expected: frames that reading should give; None when it cannot be known.
        sidecar: telemetry (.SRT), corners or manifest file that goes with it.
        route: id of the site's route that a recorded patrol says it flew.
    """

    kind: FootageKind
    uri: str
    files: tuple[str, ...]
    patrol_id: str
    content_hash: str
    frames_expected: int | None = None
    sidecar: str | None = None
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is no footage, or footage already read, with the reason it was passed over."""

    source_uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found under the paths given.

    Attributes:
        sources: what can be read, ordered by uri.
        rejects: what claims to be footage but cannot be used, with the reason.
        ignored: what is plainly not footage, and duplicates that are read once.
    """

    sources: tuple[FootageSource, ...]
    rejects: tuple[Reject, ...]
    ignored: tuple[Ignored, ...] = ()


def refuse(source_uri: str, reason: str) -> Reject:
    """Return a `Reject` of this stage.

    Args:
        source_uri: the file or folder.
        reason: why, and what to do about it.
    """
    return Reject(source_uri, STAGE, reason)
