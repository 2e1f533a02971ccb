"""The way between records and rows: what stages hand on, as the tables hold it, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

import pyarrow as pa

from park.errors import RecordError
from park.measure import Measure
from park.records import DailyIncidents, GroundPoint, Incident, Observation, PatrolSummary, Reject
from park.schemas import DAILY_INCIDENTS, DETECTIONS, INCIDENTS, PATROLS, REJECTS
from park.taxonomy import MeasureUnit


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
            speed_mps=found.speed_mps,
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
        "case_id", "clip_uri", "speed_mps",
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
