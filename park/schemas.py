"""The Arrow schema of every table; `park.rows` goes between records and rows.

A column's meaning and unit are kept in the schema itself (field metadata `doc`), so they travel
into the Iceberg tables, where other engines show them as column comments.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from park.errors import RecordError

_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.list_(pa.field("element", pa.string(), nullable=False))
_BOX = pa.list_(pa.field("element", pa.float32(), nullable=False))


def _column(
    name: str, kind: pa.DataType, doc: str, *, optional: bool = False
) -> pa.Field[pa.DataType]:
    return pa.field(name, kind, nullable=optional, metadata={"doc": doc})


_SITE = _column("site_id", pa.string(), "The site, as its site file names it.")
_RUN = _column("run_id", pa.string(), "The run that wrote the row: hash of input, models, code.")
_DAY = "The site's own calendar day"
_PATROL = _column("patrol_id", pa.string(), "The patrol or footage source.")
_LAT = "WGS84 latitude, degrees"
_LON = "WGS84 longitude, degrees"
_ERROR = "Radius within which 68 % of the horizontal errors lie, metres"
_CLEAR = "Null when it could not be placed."
_MEASURED = "How much of it there is, as its detector measured it."
_PLAIN = "Null for plain boxes."

DETECTIONS: pa.Schema = pa.schema(
    [
        _column("detection_id", pa.string(), "Hash of footage bytes, frame time, box and model."),
        _SITE,
        _column("day", pa.date32(), f"{_DAY} of `time`."),
        _PATROL,
        _RUN,
        _column("time", _TIME, "When the frame was taken, UTC, microseconds."),
        _column("class", pa.string(), "The model's name for what it saw."),
        _column("confidence", pa.float64(), "0 to 1."),
        _column("box_xyxy_px", _BOX, "x0, y0, x1, y1 in pixels of the full frame."),
        _column(
            "track_id",
            pa.string(),
            "Same thing in neighbouring frames of one video; null for photos.",
            optional=True,
        ),
        _column(
            "object_id",
            pa.string(),
            "Same thing in all footage of the run; null where it has no place, or is another name "
            "or a part of what stands there.",
            optional=True,
        ),
        _column("lat_deg", pa.float64(), f"{_LAT}. {_CLEAR}", optional=True),
        _column("lon_deg", pa.float64(), f"{_LON}. {_CLEAR}", optional=True),
        _column("error_m", pa.float64(), f"{_ERROR}. {_CLEAR}", optional=True),
        _column(
            "size_m",
            pa.float64(),
            f"Longest side of the box on the ground, metres. {_CLEAR}",
            optional=True,
        ),
        _column("source_uri", pa.string(), "The file it was seen in."),
        _column(
            "source_time_s", pa.float64(), "Seconds from the start of that file; 0 for a photo."
        ),
        _column("model_id", pa.string(), "The model, with the hash of its weights."),
        _column("measure", pa.float64(), f"{_MEASURED} {_PLAIN}", optional=True),
        _column(
            "measure_error",
            pa.float64(),
            f"One standard deviation of `measure`. {_PLAIN}",
            optional=True,
        ),
        _column("measure_unit", pa.string(), f"Unit of both. {_PLAIN}", optional=True),
        _column(
            "clarity",
            pa.float64(),
            "How clearly the frame shows it, 0 to 1; null in rows older than this column.",
            optional=True,
        ),
    ]
)
"""Rows of `detections`: one box in one frame."""

INCIDENTS: pa.Schema = pa.schema(
    [
        _column("incident_id", pa.string(), "Hash of site, rule, zone, day and object."),
        _SITE,
        _column("day", pa.date32(), f"{_DAY} of `first_seen`."),
        _RUN,
        _column("domain", pa.string(), "Domain of the taxonomy."),
        _column("type", pa.string(), "Type of the taxonomy."),
        _column("severity", pa.int32(), "1 (notice) to 4 (critical)."),
        _column("zone_id", pa.string(), "The zone whose rule raised it."),
        _column("lat_deg", pa.float64(), f"{_LAT}."),
        _column("lon_deg", pa.float64(), f"{_LON}."),
        _column("error_m", pa.float64(), f"{_ERROR}."),
        _column("first_seen", _TIME, "First time seen, UTC, microseconds."),
        _column("last_seen", _TIME, "Last time seen, UTC, microseconds."),
        _column("dwell_s", pa.float64(), "Measured seconds from first to last seen."),
        _column("measure", pa.float64(), "Its size, in the taxonomy's unit for the type."),
        _column("observations", pa.int64(), "How many detections support it."),
        _column("object_ids", _NAMES, "The objects that it is about."),
        _column("best_detection_id", pa.string(), "The detection that its picture shows."),
        _column(
            "evidence_uri", pa.string(), "Its picture; null when there is none.", optional=True
        ),
        _column("redacted", _NAMES, "Classes blurred in the picture or the clip."),
        _column(
            "not_redacted",
            _NAMES,
            "Classes that should be blurred and were not: no loaded model finds them, or "
            "redaction was off.",
        ),
        _column("model_id", pa.string(), "The model that saw it."),
        _column(
            "measure_error",
            pa.float64(),
            "One standard deviation of `measure`; null where it is a count or a time.",
            optional=True,
        ),
        _column(
            "case_id",
            pa.string(),
            "Same issue over days and patrols; null in rows older than this column.",
            optional=True,
        ),
        _column(
            "clip_uri",
            pa.string(),
            "A few seconds of video of it, redacted as its picture is; null when there is none.",
            optional=True,
        ),
        _column(
            "speed_mps",
            pa.float64(),
            "Mean speed over ground of the vehicles of a queue, m/s; null elsewhere.",
            optional=True,
        ),
    ]
)
"""Rows of `incidents`: one issue, once."""

DAILY_INCIDENTS: pa.Schema = pa.schema(
    [
        _SITE,
        _column("day", pa.date32(), f"{_DAY}."),
        _RUN,
        _column("domain", pa.string(), "Domain of the taxonomy."),
        _column("type", pa.string(), "Type of the taxonomy."),
        _column("zone_id", pa.string(), "The zone whose rule raised them."),
        _column("incidents", pa.int64(), "How many."),
        _column("dwell_total_s", pa.float64(), "Sum of their dwell, seconds."),
        _column("dwell_max_s", pa.float64(), "Longest dwell, seconds."),
        _column("measure_max", pa.float64(), "Largest measure, in the taxonomy's unit."),
        _column("severity_max", pa.int32(), "Highest severity, 1 to 4."),
        _column("objects", pa.int64(), "How many different objects they are about."),
        _column("observations", pa.int64(), "How many detections support them."),
        _column("first_seen", _TIME, "Earliest sighting of any, UTC, microseconds."),
        _column("last_seen", _TIME, "Latest sighting of any, UTC, microseconds."),
    ]
)
"""Rows of `daily_incidents`: one day, type and zone."""

PATROLS: pa.Schema = pa.schema(
    [
        _PATROL,
        _SITE,
        _column("day", pa.date32(), f"{_DAY} of its first frame; of the run when it has none."),
        _RUN,
        _column("kind", pa.string(), "photos, video_srt, video_corners or patrol."),
        _column("source_uri", pa.string(), "The file or folder."),
        _column("first_time", _TIME, "Its first frame, UTC; null when none.", optional=True),
        _column("last_time", _TIME, "Its last frame, UTC; null when none.", optional=True),
        _column("frames", pa.int64(), "Frames looked at."),
        _column("rejected", pa.int64(), "Files of it that were refused."),
        _column("detections", pa.int64(), "Rows it gave in `detections`."),
        _column("assumptions", _NAMES, "What had to be assumed about it, in words."),
    ]
)
"""Rows of `patrols`: one patrol or footage source."""

REJECTS: pa.Schema = pa.schema(
    [
        _column("source_uri", pa.string(), "The file or folder that was refused."),
        _SITE,
        _column("day", pa.date32(), f"{_DAY} of `time`."),
        _PATROL,
        _RUN,
        _column("stage", pa.string(), "Where it was refused: footage, detect, locate, evidence."),
        _column("reason", pa.string(), "Why, in words."),
        _column("time", _TIME, "The run that first refused it began then, UTC."),
    ]
)
"""Rows of `rejects`: something from outside that was refused."""

SCHEMAS: Mapping[str, pa.Schema] = {
    "detections": DETECTIONS,
    "incidents": INCIDENTS,
    "daily_incidents": DAILY_INCIDENTS,
    "patrols": PATROLS,
    "rejects": REJECTS,
}
"""Every table of a warehouse by its name."""


def conform(rows: pa.Table, name: str) -> pa.Table:
    """Return `rows` in the exact column order and types of table `name`.

    Raises:
        RecordError: a column is missing, of another kind, or null where it may not be.
    """
    schema = SCHEMAS[name]
    missing = [column for column in schema.names if column not in rows.schema.names]
    extra = [column for column in rows.schema.names if column not in schema.names]
    if missing or extra:
        said = [f"lack {', '.join(missing)}"] if missing else []
        said += [f"have the unknown {', '.join(extra)}"] if extra else []
        raise RecordError(f"rows for {name} {' and '.join(said)}")
    for column in schema:
        if not column.nullable and rows.column(column.name).null_count:
            raise RecordError(
                f"rows for {name} have no value in {column.name}, which must have one"
            )
    try:
        return rows.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise RecordError(f"rows for {name} do not fit its columns: {error}") from error
