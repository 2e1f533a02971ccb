"""The recorded patrol: a folder that the drone's recorder writes and footage readers read.

The folder holds `manifest.json` (`PatrolManifest`), video segments, and telemetry as Parquet
with the columns of `TELEMETRY_SCHEMA`. docs/footage-format.md describes it for people.
"""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from park.errors import FootageError
from park.records import Intrinsics, PoseSigma
from park.spectrum import Spectrum, TemperatureUnit

FORMAT = "parkwatch-patrol"
FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
VIDEO_FOLDER = "video"
TELEMETRY_NAME = "telemetry.parquet"
MIN_TELEMETRY_HZ = 5.0
MAX_TELEMETRY_GAP_S = 2.0

_REQUIRED: tuple[tuple[str, pa.DataType], ...] = (
    ("lat_deg", pa.float64()),
    ("lon_deg", pa.float64()),
    ("alt_home_m", pa.float64()),
)
_OPTIONAL: tuple[tuple[str, pa.DataType], ...] = (
    ("alt_amsl_m", pa.float64()),
    ("yaw_deg", pa.float64()),
    ("pitch_deg", pa.float64()),
    ("roll_deg", pa.float64()),
    ("gimbal_yaw_deg", pa.float64()),
    ("gimbal_pitch_deg", pa.float64()),
    ("gimbal_roll_deg", pa.float64()),
    ("speed_mps", pa.float64()),
    ("battery_percent", pa.float64()),
    ("mode", pa.string()),
)
TELEMETRY_SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("us", tz="UTC"), nullable=False),
        *(pa.field(name, kind, nullable=False) for name, kind in _REQUIRED),
        *(pa.field(name, kind, nullable=True) for name, kind in _OPTIONAL),
    ]
)
"""Columns of the telemetry, one row per reading, in time order, 5 Hz or faster.

`time` is UTC; `lat_deg` and `lon_deg` are WGS84; `alt_home_m` is above the take-off point and
`alt_amsl_m` above mean sea level. `yaw_deg`, `pitch_deg`, `roll_deg` are the vehicle's attitude
(yaw clockwise from true north, pitch positive nose up, roll positive right side down).
`gimbal_*_deg` are the attitude of the camera's optical axis over ground, not relative to the
vehicle: yaw clockwise from true north, pitch 0 at the horizon and -90 straight down. A null
gimbal angle says that the camera's attitude is not known, and such frames are not placed.
"""

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimeBase(_Part):
    """Which clock the times of a patrol are from.

    Attributes:
        clock: "gnss" for satellite time, "ntp" for a synchronised computer, "free" for a clock
            that nothing corrects.
        sigma_s: one standard deviation between the times of video and telemetry.
    """

    clock: Literal["gnss", "ntp", "free"]
    sigma_s: _NotNegative = 0.05


SIMULATED_CAMERA = "simulated camera"
"""What the model of a camera begins with whose pictures are drawn."""

SIMULATED_PICTURES = "the pictures are simulated: drawn, not filmed"
"""Said of every frame of such a camera, and so of its patrol wherever its results go."""


class PatrolCamera(_Part):
    """A camera of the patrol; either `hfov_deg` or `fx_px` and `fy_px` tell its lens.

    Attributes:
        camera_id: what segments refer to it by.
        model: the maker's name for it.
        spectrum: what light it sees.
        temperature_unit: what one count of its 16-bit grey video is; for thermal cameras whose
            pictures hold temperatures.
        width_px: width of its video as it is to be seen.
        height_px: its height.
        hfov_deg: horizontal field of view of an ideal lens.
        fx_px: focal length along x.
        fy_px: focal length along y.
        cx_px: principal point, x; the middle when not given.
        cy_px: principal point, y; the middle when not given.
        distortion: OpenCV's (k1, k2, p1, p2, k3).
        focal_sigma: relative standard deviation of the focal length.
    """

    camera_id: str = Field(min_length=1)
    model: str = ""
    spectrum: Spectrum = "visible"
    temperature_unit: TemperatureUnit | None = None
    width_px: int = Field(gt=0, le=65_535)
    height_px: int = Field(gt=0, le=65_535)
    hfov_deg: Annotated[float, Field(gt=1, lt=170)] | None = None
    fx_px: _Positive | None = None
    fy_px: _Positive | None = None
    cx_px: float | None = None
    cy_px: float | None = None
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal_sigma: _NotNegative = 0.02

    @property
    def simulated(self) -> bool:
        """Whether its pictures are drawn."""
        return self.model.startswith(SIMULATED_CAMERA)

    @model_validator(mode="after")
    def _one_lens(self) -> Self:
        if self.temperature_unit is not None and self.spectrum != "thermal":
            raise ValueError("temperature_unit is for cameras of spectrum thermal")
        by_focal_length = self.fx_px is not None and self.fy_px is not None
        if (self.fx_px is None) != (self.fy_px is None):
            raise ValueError("give both fx_px and fy_px")
        if by_focal_length == (self.hfov_deg is not None):
            raise ValueError("give either hfov_deg or fx_px and fy_px")
        numbers = [*self.distortion, self.cx_px or 0.0, self.cy_px or 0.0]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("cx_px, cy_px and distortion must be finite numbers")
        return self

    def intrinsics(self) -> Intrinsics:
        """Return the lens."""
        if self.hfov_deg is not None:
            ideal = Intrinsics.from_fov(self.width_px, self.height_px, self.hfov_deg)
            fx_px, fy_px = ideal.fx_px, ideal.fy_px
        else:
            fx_px, fy_px = self.fx_px or 0.0, self.fy_px or 0.0
        return Intrinsics(
            self.width_px,
            self.height_px,
            fx_px,
            fy_px,
            self.width_px / 2.0 if self.cx_px is None else self.cx_px,
            self.height_px / 2.0 if self.cy_px is None else self.cy_px,
            self.distortion,
            self.focal_sigma,
        )


class PatrolPoseSigma(_Part):
    """How well the telemetry knows the camera's pose: one standard deviation of each part.

    Attributes:
        horizontal_m: position, per axis.
        vertical_m: height above take-off.
        yaw_deg: heading of the camera.
        pitch_deg: its pitch.
        roll_deg: its roll.
    """

    horizontal_m: _NotNegative = 2.0
    vertical_m: _NotNegative = 1.5
    yaw_deg: _NotNegative = 2.0
    pitch_deg: _NotNegative = 0.7
    roll_deg: _NotNegative = 0.7

    def sigma(self) -> PoseSigma:
        """Return it as the record that frames carry."""
        return PoseSigma(
            self.horizontal_m, self.vertical_m, self.yaw_deg, self.pitch_deg, self.roll_deg
        )


class PatrolSegment(_Part):
    """One video file of a patrol.

    Attributes:
        file: path below the patrol's folder, with forward slashes.
        camera_id: which camera took it.
        start_time: when its first frame was taken.
        duration_s: how long it is; None while it is being written.
        complete: False while it is being written, or when its writing was interrupted.
    """

    file: str = Field(min_length=1)
    camera_id: str
    start_time: AwareDatetime
    duration_s: _NotNegative | None = None
    complete: bool = True

    @field_validator("file")
    @classmethod
    def _below_the_folder(cls, value: str) -> str:
        return _relative(value)


class PatrolManifest(_Part):
    """What `manifest.json` says.

    Attributes:
        format: always "parkwatch-patrol".
        format_version: 1.
        site: name of the site that was patrolled.
        patrol_id: names this patrol wherever its results go; letters, digits, `-`, `_`, `.`.
        vehicle: what flew.
        route: id of the site's route that was flown; None where it is not known.
        started_at: when the patrol began.
        ended_at: when it ended; None while it flies, or when its recording was interrupted.
        time_base: which clock the times are from.
        cameras: at least one.
        pose_sigma: how well the pose is known.
        telemetry: Parquet files below the folder, in time order. A recorder that closes one
            every minute loses a minute at most when its power fails.
        segments: video files.
        takeoff_alt_amsl_m: altitude of the take-off point above mean sea level.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["parkwatch-patrol"] = "parkwatch-patrol"
    format_version: Literal[1] = 1
    site: str
    patrol_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    vehicle: str = ""
    route: str | None = None
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    time_base: TimeBase
    cameras: tuple[PatrolCamera, ...] = Field(min_length=1)
    pose_sigma: PatrolPoseSigma = PatrolPoseSigma()
    telemetry: tuple[str, ...] = (TELEMETRY_NAME,)
    segments: tuple[PatrolSegment, ...] = ()
    takeoff_alt_amsl_m: float | None = None

    @field_validator("telemetry")
    @classmethod
    def _telemetry_below_the_folder(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("name at least one telemetry file")
        return tuple(_relative(name) for name in value)

    @model_validator(mode="after")
    def _references(self) -> Self:
        ids = [camera.camera_id for camera in self.cameras]
        if len(set(ids)) != len(ids):
            raise ValueError("two cameras have the same camera_id")
        files = [segment.file for segment in self.segments]
        if len(set(files)) != len(files):
            raise ValueError("two segments name the same file")
        for segment in self.segments:
            if segment.camera_id not in ids:
                raise ValueError(
                    f"segment {segment.file} is of camera {segment.camera_id!r}, "
                    f"but the cameras are {', '.join(ids)}"
                )
        return self

    def camera(self, camera_id: str) -> PatrolCamera:
        """Return the camera with an id.

        Raises:
            KeyError: there is none.
        """
        for camera in self.cameras:
            if camera.camera_id == camera_id:
                return camera
        raise KeyError(camera_id)

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


def read_manifest(folder: str) -> PatrolManifest:
    """Read and check the manifest of a patrol folder.

    Args:
        folder: the patrol's folder.

    Returns:
        The manifest.

    Raises:
        FootageError: it cannot be read or is wrong; the reason names each key.
    """
    path = Path(folder) / MANIFEST_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FootageError(str(path), f"cannot be read: {error.strerror}") from None
    try:
        return PatrolManifest.model_validate_json(content)
    except ValidationError as error:
        found = [
            f"{'.'.join(str(part) for part in item['loc']) or 'manifest'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise FootageError(str(path), "is no usable manifest: " + "; ".join(found)) from None


def segment_times_overlap(
    first_start: datetime, first_duration_s: float, second_start: datetime
) -> float:
    """Return by how many seconds a segment reaches into the next; negative for a gap."""
    return first_duration_s - (second_start - first_start).total_seconds()


def _relative(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(f"{name!r} must be a path below the patrol's folder")
    return str(path)
