"""The Arrow schema of every table, and the way between records and rows.

A column's meaning and unit are kept in the schema itself (field metadata `doc`), so they travel
into the Iceberg tables, where other engines show them as column comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

import pyarrow as pa

from park.errors import RecordError
from park.measure import Measure
from park.records import DailyIncidents, GroundPoint, Incident, Observation, PatrolSummary, Reject
from park.taxonomy import MeasureUnit

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
            "Same thing in all footage of the run; null when it was not merged.",
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


@dataclass(frozen=True, slots=True)
class RunStamp:
    """What every row of a run carries besides its own values.

    Attributes:
        site_id: the site.
        run_id: the run.
        zone: the site's own time zone, which decides a row's day.
        started: when the run began; timezone-aware. Used where footage gives no time.
    """

    site_id: str
    run_id: str
    zone: tzinfo
    started: datetime

    def __post_init__(self) -> None:
        if not self.site_id or not self.run_id:
            raise RecordError("a run stamp needs a site_id and a run_id")
        if self.started.tzinfo is None:
            raise RecordError(f"started {self.started.isoformat()} has no time zone")

    def day_of(self, time: datetime) -> date:
        """Return the site's own calendar day of `time` (timezone-aware)."""
        return time.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Redaction:
    """What was blurred in the picture of one incident.

    Attributes:
        redacted: classes that were blurred.
        not_redacted: classes that should be blurred and were not.
    """

    redacted: tuple[str, ...] = ()
    not_redacted: tuple[str, ...] = ()


@dataclass(slots=True)
class _Columns:
    """Collects rows column by column and hands them out in the schema's exact types."""

    schema: pa.Schema
    values: dict[str, list[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = {name: [] for name in self.schema.names}

    def add(self, **row: object) -> None:
        for name, value in row.items():
            self.values[name].append(value)

    def batch(self) -> pa.RecordBatch:
        arrays = [pa.array(self.values[f.name], type=f.type) for f in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def table(self) -> pa.Table:
        return pa.Table.from_batches([self.batch()], schema=self.schema)


def observations_to_batch(observations: Iterable[Observation], stamp: RunStamp) -> pa.RecordBatch:
    """Return rows of `detections`, in the order given.

    Boxes are stored as 32-bit floats; every other value comes back exactly.
    """
    rows = _Columns(DETECTIONS)
    for seen in observations:
        place = seen.place
        rows.add(
            detection_id=seen.detection_id,
            site_id=stamp.site_id,
            day=stamp.day_of(seen.time),
            patrol_id=seen.patrol_id,
            run_id=stamp.run_id,
            time=seen.time.astimezone(UTC),
            confidence=seen.confidence,
            box_xyxy_px=list(seen.box_xyxy_px),
            track_id=seen.track_id,
            object_id=seen.object_id,
            lat_deg=place.lat_deg if place else None,
            lon_deg=place.lon_deg if place else None,
            error_m=place.error_m if place else None,
            size_m=seen.size_m,
            source_uri=seen.source_uri,
            source_time_s=seen.source_time_s,
            model_id=seen.model_id,
            measure=seen.measure.value if seen.measure else None,
            measure_error=seen.measure.error if seen.measure else None,
            measure_unit=str(seen.measure.unit) if seen.measure else None,
            clarity=seen.clarity,
            **{"class": seen.class_name},
        )
    return rows.batch()


def batch_to_observations(rows: pa.RecordBatch | pa.Table) -> Iterator[Observation]:
    """Yield the observations in rows of `detections`, in their order; times come back in UTC.

    Raises:
        RecordError: a column is missing, or a row holds impossible values.
    """
    missing = sorted(set(DETECTIONS.names) - set(rows.schema.names))
    if missing:
        raise RecordError(f"detections lack the columns {', '.join(missing)}")
    batches = rows.to_batches(max_chunksize=8192) if isinstance(rows, pa.Table) else [rows]
    for batch in batches:
        for row in batch.to_pylist():
            place = None
            if row["lat_deg"] is not None:
                place = GroundPoint(row["lat_deg"], row["lon_deg"], row["error_m"])
            x0, y0, x1, y1 = row["box_xyxy_px"]
            yield Observation(
                detection_id=row["detection_id"],
                patrol_id=row["patrol_id"],
                time=row["time"].astimezone(UTC),
                class_name=row["class"],
                confidence=row["confidence"],
                box_xyxy_px=(x0, y0, x1, y1),
                track_id=row["track_id"],
                object_id=row["object_id"],
                place=place,
                size_m=row["size_m"],
                source_uri=row["source_uri"],
                source_time_s=row["source_time_s"],
                model_id=row["model_id"],
                measure=_measure(row["measure"], row["measure_error"], row["measure_unit"]),
                clarity=row["clarity"],
            )


def _measure(value: float | None, error: float | None, unit: str | None) -> Measure | None:
    if value is None or unit is None:
        return None
    try:
        known = MeasureUnit(unit)
    except ValueError as mistake:
        raise RecordError(
            f"a detection is measured in {unit!r}; units are {', '.join(MeasureUnit)}"
        ) from mistake
    return Measure(value, error or 0.0, known)


def incidents_to_table(
    incidents: Iterable[Incident], stamp: RunStamp, redactions: Mapping[str, Redaction]
) -> pa.Table:
    """Return rows of `incidents`, in the order given.

    Args:
        incidents: the incidents of a run.
        stamp: the run.
        redactions: what was blurred, by incident_id; every incident that has a picture needs one.

    Raises:
        RecordError: an incident has a picture and nothing says what was blurred in it.
    """
    rows = _Columns(INCIDENTS)
    for found in incidents:
        if found.evidence_uri is not None and found.incident_id not in redactions:
            raise RecordError(
                f"incident {found.incident_id} has a picture, {found.evidence_uri}, and nothing "
                "says what was blurred in it; give its Redaction"
            )
        redaction = redactions.get(found.incident_id, Redaction())
        rows.add(
            incident_id=found.incident_id,
            site_id=stamp.site_id,
            day=found.day,
            run_id=stamp.run_id,
            domain=found.domain,
            type=found.type,
            severity=found.severity,
            zone_id=found.zone_id,
            lat_deg=found.place.lat_deg,
            lon_deg=found.place.lon_deg,
            error_m=found.place.error_m,
            first_seen=found.first_seen.astimezone(UTC),
            last_seen=found.last_seen.astimezone(UTC),
            dwell_s=found.dwell_s,
            measure=found.measure,
            observations=found.observations,
            object_ids=list(found.object_ids),
            best_detection_id=found.best.detection_id,
            evidence_uri=found.evidence_uri,
            redacted=list(redaction.redacted),
            not_redacted=list(redaction.not_redacted),
            model_id=found.model_id,
            measure_error=found.measure_error,
            case_id=found.case_id,
            clip_uri=found.clip_uri,
        )
    return rows.table()


def table_to_incidents(rows: pa.Table, best: Mapping[str, Observation]) -> tuple[Incident, ...]:
    """Return the incidents in rows of `incidents`, in their order.

    Args:
        rows: the rows.
        best: observations by detection_id; incidents whose best one is not there are left out.
    """
    plain = (
        "incident_id", "day", "domain", "type", "severity", "zone_id", "first_seen", "last_seen",
        "dwell_s", "measure", "observations", "evidence_uri", "model_id", "measure_error",
        "case_id", "clip_uri",
    )  # fmt: skip
    return tuple(
        Incident(
            **{name: row[name] for name in plain},
            place=GroundPoint(row["lat_deg"], row["lon_deg"], row["error_m"]),
            object_ids=tuple(row["object_ids"]),
            best=best[row["best_detection_id"]],
        )
        for row in rows.to_pylist()
        if row["best_detection_id"] in best
    )


def daily_to_table(daily: Iterable[DailyIncidents], stamp: RunStamp) -> pa.Table:
    """Return rows of `daily_incidents`, in the order given."""
    rows = _Columns(DAILY_INCIDENTS)
    for one in daily:
        rows.add(
            site_id=stamp.site_id,
            day=one.day,
            run_id=stamp.run_id,
            domain=one.domain,
            type=one.type,
            zone_id=one.zone_id,
            incidents=one.incidents,
            dwell_total_s=one.dwell_total_s,
            dwell_max_s=one.dwell_max_s,
            measure_max=one.measure_max,
            severity_max=one.severity_max,
            objects=one.objects,
            observations=one.observations,
            first_seen=one.first_seen.astimezone(UTC),
            last_seen=one.last_seen.astimezone(UTC),
        )
    return rows.table()


def patrols_to_table(patrols: Iterable[PatrolSummary], stamp: RunStamp) -> pa.Table:
    """Return rows of `patrols`, in the order given."""
    rows = _Columns(PATROLS)
    for patrol in patrols:
        rows.add(
            patrol_id=patrol.patrol_id,
            site_id=stamp.site_id,
            day=stamp.day_of(patrol.first_time or stamp.started),
            run_id=stamp.run_id,
            kind=patrol.kind,
            source_uri=patrol.source_uri,
            first_time=patrol.first_time.astimezone(UTC) if patrol.first_time else None,
            last_time=patrol.last_time.astimezone(UTC) if patrol.last_time else None,
            frames=patrol.frames,
            rejected=patrol.rejected,
            detections=patrol.detections,
            assumptions=list(patrol.assumptions),
        )
    return rows.table()


def rejects_to_table(rejects: Mapping[str, Sequence[Reject]], stamp: RunStamp) -> pa.Table:
    """Return rows of `rejects`; `rejects` holds them by the patrol_id they belong to."""
    rows = _Columns(REJECTS)
    for patrol_id, refused in rejects.items():
        for one in refused:
            rows.add(
                source_uri=one.source_uri,
                site_id=stamp.site_id,
                day=stamp.day_of(stamp.started),
                patrol_id=patrol_id,
                run_id=stamp.run_id,
                stage=one.stage,
                reason=one.reason,
                time=stamp.started.astimezone(UTC),
            )
    return rows.table()


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
