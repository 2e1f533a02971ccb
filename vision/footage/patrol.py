"""A recorded patrol: video segments and telemetry on one time base."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from park.errors import FootageError, RecordError
from park.patrol_format import (
    MAX_TELEMETRY_GAP_S,
    SIMULATED_PICTURES,
    TELEMETRY_SCHEMA,
    PatrolCamera,
    PatrolManifest,
    PatrolSegment,
    read_manifest,
)
from park.picture import Picture, ThermalPixels, celsius_of_counts
from park.records import CameraPose, Frame, PosedView, Reject
from vision.footage.angles import interpolate_deg, normalize_attitude_deg
from vision.footage.decoded import DecodedPicture
from vision.footage.photos import STRETCHED
from vision.footage.source import FootageOptions, FootageSource, refuse
from vision.footage.video import (
    VideoFrame,
    VideoTrouble,
    frame_at,
    probe_video,
    sample_span,
    sample_video,
)

MAX_TELEMETRY_ROWS = 20_000_000
_NUMBERS = (
    "lat_deg",
    "lon_deg",
    "alt_home_m",
    "alt_amsl_m",
    "gimbal_yaw_deg",
    "gimbal_pitch_deg",
    "gimbal_roll_deg",
)
_ANGLES = frozenset({"lon_deg", "gimbal_yaw_deg", "gimbal_pitch_deg", "gimbal_roll_deg"})


@dataclass(frozen=True, slots=True, eq=False)
class Telemetry:
    """The telemetry of a patrol, as columns.

    Attributes:
        time_s: seconds since 1970 UTC, rising.
        columns: float64 values by column name, NaN where there is none.
        troubles: what of it could not be read, in words.
    """

    time_s: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]
    troubles: tuple[str, ...]

    def pose_at(self, time: datetime, max_gap_s: float) -> CameraPose | str:
        """Return the camera's pose, interpolated, or in words why there is none.

        Args:
            time: timezone-aware.
            max_gap_s: readings further apart than this are not bridged.
        """
        wanted_s = time.timestamp()
        after = int(np.searchsorted(self.time_s, wanted_s, side="right"))
        if after == 0 or after == len(self.time_s):
            nearest = self.time_s[0] if after == 0 else self.time_s[-1]
            # Half a reading's worth of slack at both ends, not a guess beyond the data.
            if abs(wanted_s - nearest) > 0.25:
                return "outside of the telemetry"
            before = after = 0 if after == 0 else len(self.time_s) - 1
        else:
            before = after - 1
        span_s = float(self.time_s[after] - self.time_s[before])
        if span_s > max_gap_s:
            return f"in a telemetry gap of {span_s:.1f} s"
        fraction = (wanted_s - float(self.time_s[before])) / span_s if span_s > 0 else 0.0
        values = {name: self._at(name, before, after, fraction) for name in _NUMBERS}
        if math.isnan(values["lat_deg"]) or math.isnan(values["lon_deg"]):
            return "without a position"
        if values["lat_deg"] == 0.0 and values["lon_deg"] == 0.0:
            return "without a satellite fix"
        if any(math.isnan(values[name]) for name in ("alt_home_m", "gimbal_yaw_deg")):
            return "without height or camera heading"
        if math.isnan(values["gimbal_pitch_deg"]):
            return "without camera pitch"
        roll = values["gimbal_roll_deg"]
        attitude = normalize_attitude_deg(
            values["gimbal_yaw_deg"], values["gimbal_pitch_deg"], 0.0 if math.isnan(roll) else roll
        )
        amsl = values["alt_amsl_m"]
        try:
            return CameraPose(
                values["lat_deg"],
                values["lon_deg"],
                values["alt_home_m"],
                None if math.isnan(amsl) else amsl,
                *attitude,
            )
        except RecordError as error:
            return f"impossible ({error})"

    def _at(self, name: str, before: int, after: int, fraction: float) -> float:
        column = self.columns[name]
        start, end = float(column[before]), float(column[after])
        if name in _ANGLES:
            return interpolate_deg(start, end, fraction)
        return start + (end - start) * fraction


def read_telemetry(folder: str, manifest: PatrolManifest) -> Telemetry:
    """Read the telemetry of a patrol, as much of it as is whole.

    Args:
        folder: the patrol's folder.
        manifest: its manifest.

    Returns:
        Rows in time order; rows with a time that was there before are left out.

    Raises:
        FootageError: none of it can be read, or columns are missing.
    """
    tables, troubles = [], []
    for name in manifest.telemetry:
        path = str(Path(folder) / name)
        try:
            tables.append(_read_part(path))
        except FootageError as error:
            if len(manifest.telemetry) == 1:
                raise
            troubles.append(f"{name} {error.reason}")
    if not tables:
        raise FootageError(folder, "no telemetry can be read: " + "; ".join(troubles))
    table = pa.concat_tables(tables)
    if table.num_rows == 0:
        raise FootageError(folder, "telemetry has no rows")
    time_s = table["time"].cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
    columns = {
        name: table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in _NUMBERS
    }
    if np.any(np.diff(time_s) <= 0):
        troubles.append("telemetry times do not always rise; rows were put in order")
        _, order = np.unique(time_s, return_index=True)
        time_s = time_s[order]
        columns = {name: column[order] for name, column in columns.items()}
    return Telemetry(time_s, columns, tuple(troubles))


def _read_part(path: str) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_TELEMETRY_ROWS:
                raise FootageError(path, f"has more than {MAX_TELEMETRY_ROWS} rows")
            missing = [
                field.name
                for field in TELEMETRY_SCHEMA
                if field.name not in file.schema_arrow.names
                and (not field.nullable or field.name in _NUMBERS)
            ]
            if missing:
                raise FootageError(path, f"has no column {', '.join(missing)}")
            names = ["time", *_NUMBERS]
            wanted = pa.schema([TELEMETRY_SCHEMA.field(name) for name in names])
            return file.read(columns=names).select(names).cast(wanted)
    except OSError as error:
        raise FootageError(path, f"cannot be read: {error.strerror or error}") from None
    except (pa.ArrowException, ValueError) as error:
        raise FootageError(path, f"is no usable telemetry: {error}") from None


def discover_patrol(folder: str, options: FootageOptions) -> FootageSource:
    """Return a recorded patrol as a source.

    Args:
        folder: with a manifest.
        options: how it is to be read.

    Returns:
        The source. Segments that are missing are found out when it is read.

    Raises:
        FootageError: the manifest is wrong or names no segment.
    """
    manifest = read_manifest(folder)
    if not manifest.segments:
        raise FootageError(folder, "the manifest names no video segment")
    segments = sorted(manifest.segments, key=lambda segment: segment.start_time)
    files = tuple(str(Path(folder) / segment.file) for segment in segments)
    frames: int | None = 0
    for segment, file in zip(segments, files, strict=True):
        if segment.duration_s is None:
            frames = None
            break
        frames = (frames or 0) + _frames_of(segment.duration_s, file, options)
    manifest_path = str(Path(folder) / "manifest.json")
    parts = [str(Path(folder) / name) for name in manifest.telemetry]
    digest = hashlib.sha256()
    for path in (manifest_path, *parts, *files):
        digest.update(_digest(path))
    return FootageSource(
        "patrol",
        folder,
        files,
        manifest.patrol_id,
        digest.hexdigest(),
        frames,
        manifest_path,
        manifest.route,
    )


def _frames_of(duration_s: float, file: str, options: FootageOptions) -> int:
    """Return how many frames a segment should give: no more than it has pictures."""
    sampled = max(1, math.ceil(duration_s * options.sample_fps - 1e-9))
    try:
        pictures = probe_video(file, options).pictures
    except FootageError:
        # Why it cannot be read is found out, and said, when it is read.
        return sampled
    return sampled if pictures is None else min(sampled, pictures)


def _digest(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        # A file that is not there is part of what the folder holds; reading will refuse it.
        return b"absent"


class RecordedPatrol:
    """A recorded patrol, opened.

    Args:
        source: of kind "patrol".
        options: how to read.

    Raises:
        FootageError: manifest or telemetry cannot be used.
    """

    def __init__(self, source: FootageSource, options: FootageOptions) -> None:
        self._folder = source.uri
        self._options = options
        self._manifest = read_manifest(source.uri)
        self._telemetry = read_telemetry(source.uri, self._manifest)
        by_file = {str(Path(source.uri) / s.file): s for s in self._manifest.segments}
        try:
            self._segments = {uri: by_file[uri] for uri in source.files}
        except KeyError as error:
            raise FootageError(source.uri, f"the manifest does not name {error} any more") from None
        self._gap_s = min(options.max_telemetry_gap_s, MAX_TELEMETRY_GAP_S)

    def frames(self) -> Iterator[Frame | Reject]:
        """Yield the sampled frames of all segments in time order, and what was refused."""
        for trouble in self._telemetry.troubles:
            yield refuse(self._folder, trouble)
        for uri, segment in self._segments.items():
            try:
                for item in sample_video(uri, self._options):
                    if isinstance(item, VideoTrouble):
                        yield refuse(uri, self._told(segment, item.reason))
                    else:
                        yield self._frame(uri, segment, item)
            except FootageError as error:
                yield refuse(uri, self._told(segment, error.reason))

    def frame(self, uri: str, time_s: float) -> Frame:
        """Return the frame at a time of a segment that `frames` gave before."""
        return self._frame(uri, self._segments[uri], frame_at(uri, time_s, self._options))

    def span(self, uri: str, start_s: float, end_s: float) -> Iterator[Frame]:
        """Yield the frames of a part of a segment."""
        segment = self._segments[uri]
        for picture in sample_span(uri, start_s, end_s, self._options):
            yield self._frame(uri, segment, picture)

    @staticmethod
    def _told(segment: PatrolSegment, reason: str) -> str:
        return reason if segment.complete else f"recording was interrupted: {reason}"

    def _frame(self, uri: str, segment: PatrolSegment, picture: VideoFrame) -> Frame:
        time = segment.start_time.astimezone(UTC) + timedelta(seconds=picture.time_s)
        camera = self._manifest.camera(segment.camera_id)
        assumptions: tuple[str, ...] = ()
        if camera.simulated:
            assumptions += (SIMULATED_PICTURES,)
        if self._manifest.time_base.clock == "free":
            assumptions += ("times are from a clock that nothing corrects",)
        width_px, height_px = picture.picture.width_px, picture.picture.height_px
        lens = camera.intrinsics()
        pose = self._telemetry.pose_at(time, self._gap_s)
        view = None
        if isinstance(pose, str):
            assumptions += (f"frame is {pose}, so it has no position",)
        elif abs(width_px / lens.width_px - height_px / lens.height_px) > 0.01:
            assumptions += (
                (
                    f"video is {width_px} x {height_px}, the manifest says "
                    f"{lens.width_px} x {lens.height_px}, so it has no position"
                ),
            )
        else:
            scale = width_px / lens.width_px
            lens = replace(
                lens,
                width_px=width_px,
                height_px=height_px,
                fx_px=lens.fx_px * scale,
                fy_px=lens.fy_px * scale,
                cx_px=lens.cx_px * scale,
                cy_px=lens.cy_px * scale,
            )
            view = PosedView(lens, pose, self._manifest.pose_sigma.sigma())
        pixels, words = _pixels(picture.picture, camera)
        return Frame(
            picture=pixels,
            time=time,
            view=view,
            source_uri=uri,
            source_time_s=picture.time_s,
            patrol_id=self._manifest.patrol_id,
            assumptions=assumptions + words,
            spectrum=camera.spectrum,
            camera_id=segment.camera_id,
        )


def _pixels(decoded: DecodedPicture, camera: PatrolCamera) -> tuple[Picture, tuple[str, ...]]:
    """Return the pixels of a frame, with temperatures where video and manifest have them."""
    if camera.spectrum != "thermal":
        return decoded, ()
    counts, unit = decoded.grey_16, camera.temperature_unit
    if unit is None:
        words = "the manifest names no temperature_unit"
    elif counts is None:
        words = "the video is not 16-bit grey"
    else:
        celsius = celsius_of_counts(counts, unit)
        if not isinstance(celsius, str):
            return ThermalPixels(celsius), (STRETCHED,)
        words = celsius
    return decoded, (f"thermal video of {camera.camera_id} gives no temperatures: {words}",)
