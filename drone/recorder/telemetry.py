"""Telemetry rows, and the Parquet parts that they are written in.

A Parquet file can be read once it is closed, so a part is closed every few seconds and has its
name only then. When a recording ends, its parts are joined into `telemetry.parquet`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drone.recorder.durable import write_whole
from drone.telemetry import Telemetry
from park.errors import RecordError
from park.patrol_format import TELEMETRY_NAME, TELEMETRY_SCHEMA
from park.records import CameraPose

TELEMETRY_FOLDER = "telemetry"
MAX_POSITION_AGE_S = 1.0
"""A position that is older was not measured anew, and is not written down again."""


@dataclass(frozen=True, slots=True)
class TelemetryRow:
    """One row of `park.patrol_format.TELEMETRY_SCHEMA`; see there for units and references."""

    time: datetime
    lat_deg: float
    lon_deg: float
    alt_home_m: float
    alt_amsl_m: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    roll_deg: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_roll_deg: float | None = None
    speed_mps: float | None = None
    battery_percent: float | None = None
    mode: str | None = None

    def pose(self) -> CameraPose | None:
        """Return where the camera is; None where its attitude is not known."""
        if self.gimbal_yaw_deg is None or self.gimbal_pitch_deg is None:
            return None
        try:
            return CameraPose(
                self.lat_deg,
                self.lon_deg,
                self.alt_home_m,
                self.alt_amsl_m,
                self.gimbal_yaw_deg,
                self.gimbal_pitch_deg,
                self.gimbal_roll_deg or 0.0,
            )
        except RecordError:
            return None


def row_of(
    telemetry: Telemetry,
    time: datetime,
    *,
    assumed_gimbal_deg: tuple[float, float] | None = None,
    max_position_age_s: float = MAX_POSITION_AGE_S,
) -> TelemetryRow | None:
    """Return what is recorded of a picture of the vehicle.

    Args:
        telemetry: the picture.
        time: when it was measured, in the time base of the recording.
        assumed_gimbal_deg: yaw and pitch of the camera where the vehicle reports no gimbal; it is
            taken as level then. None to write such rows without camera angles.
        max_position_age_s: older positions are not written down again.

    Returns:
        The row; None where the position is not known, or not newly measured.
    """
    lat, lon, height = telemetry.lat_deg, telemetry.lon_deg, telemetry.alt_home_m
    if lat is None or lon is None or height is None:
        return None
    if not telemetry.position_age_s <= max_position_age_s:
        return None
    if not all(math.isfinite(value) for value in (lat, lon, height)):
        return None
    gimbal = (telemetry.gimbal_yaw_deg, telemetry.gimbal_pitch_deg, telemetry.gimbal_roll_deg)
    if (gimbal[0] is None or gimbal[1] is None) and assumed_gimbal_deg is not None:
        gimbal = (*assumed_gimbal_deg, 0.0)
    return TelemetryRow(
        time,
        lat,
        lon,
        height,
        _finite(telemetry.alt_amsl_m),
        _finite(telemetry.yaw_deg),
        _finite(telemetry.pitch_deg),
        _finite(telemetry.roll_deg),
        _finite(gimbal[0]),
        _finite(gimbal[1]),
        _finite(gimbal[2]),
        _finite(telemetry.speed_mps),
        _finite(telemetry.battery_percent),
        telemetry.mode,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def table_of(rows: Sequence[TelemetryRow]) -> pa.Table:
    """Return rows as a table of `TELEMETRY_SCHEMA`."""
    columns = {
        field.name: [getattr(row, field.name) for row in rows] for field in fields(TelemetryRow)
    }
    return pa.table(columns, schema=TELEMETRY_SCHEMA)


def write_part(folder: Path, name: str, rows: Sequence[TelemetryRow]) -> None:
    """Write rows as one part, whole or not at all.

    Args:
        folder: the patrol's.
        name: of the part, below it.
        rows: in time order.

    Raises:
        OSError: it cannot be written.
    """
    _write(folder / name, table_of(rows))


def part_name(first_time: datetime) -> str:
    """Return the name of a part below the patrol's folder, by the time of its first row.

    Names are in the order of time, and no later part of the same patrol has the same.
    """
    return f"{TELEMETRY_FOLDER}/{first_time.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}.parquet"


def readable(path: Path) -> bool:
    """Return whether a part is whole."""
    try:
        with pq.ParquetFile(path) as file:
            return bool(file.schema_arrow.equals(TELEMETRY_SCHEMA))
    except (OSError, pa.ArrowException):
        return False


def last_time(path: Path) -> datetime | None:
    """Return the time of the last row of a part that is whole; None where it has none."""
    time = pc.max(pq.read_table(path, columns=["time"])["time"]).as_py()
    return time if isinstance(time, datetime) else None


def join_parts(folder: Path, names: Sequence[str]) -> int:
    """Join parts into `telemetry.parquet`, in the order of time, each time once.

    Args:
        folder: the patrol's.
        names: of the parts; they are left where they are.

    Returns:
        How many rows it has.

    Raises:
        OSError: a part cannot be read, or the file cannot be written.
        pyarrow.ArrowException: a part is damaged.
    """
    tables = [pq.read_table(folder / name, schema=TELEMETRY_SCHEMA) for name in names]
    table = pa.concat_tables(tables) if tables else TELEMETRY_SCHEMA.empty_table()
    table = table.sort_by("time")
    if table.num_rows > 1:
        time = table["time"].combine_chunks()
        again = pc.equal(time[1:], time[:-1])
        table = table.filter(pa.concat_arrays([pa.array([True]), pc.invert(again)]))
    _write(folder / TELEMETRY_NAME, table)
    return int(table.num_rows)


def _write(path: Path, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    path.parent.mkdir(exist_ok=True)
    write_whole(path, buffer.getvalue())
