"""The second half of a run: all detections of a day in, its objects and incidents out.

One element is one of the site's own days. Detections of other patrols of that day, kept from
earlier runs, count as well, so a car that stood there in the morning and in the afternoon is one
object with a measured dwell, whichever flight was processed first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from apache_beam.pvalue import PCollection
from numpy.typing import NDArray
from pydantic import TypeAdapter

from park.records import Incident, Observation, Reject, TrackedObject
from park.rows import Redaction, RunStamp, batch_to_observations, daily_to_table, incidents_to_table
from park.schemas import SCHEMAS
from park.site import Site
from pipelines.evidence import (
    MOST_CLIPS,
    EvidenceMaker,
    EvidenceSettings,
    PictureStore,
    evidence_before,
    shown_in_clip,
)
from pipelines.incidents import raised, sum_by_day
from pipelines.one_place import one_thing_each
from pipelines.progress import listener_of
from pipelines.rules import evaluate_rules
from vision.clip import ClipOptions
from vision.footage import FootageOptions, FootageSource
from vision.models.registry import ModelFile
from vision.objects import merge_observations

TRACK_SIGHTINGS = 240
"""Sightings of one track that take part in merging; more add nothing but memory."""


@dataclass(frozen=True, slots=True)
class ConcludeSettings:
    """How a run comes to its incidents; plain values, so that it can go to another process.

    Attributes:
        site: the site with its zones and rules.
        stamp: site and run that rows carry.
        staged: Parquet files of this run's detections.
        kept: Parquet file with the detections of the same days from other patrols, as they are
            in the tables; None when there are none.
        before: Parquet file with the incidents that the tables hold for those days, for
            pictures of footage that is not part of this run; None when there are none.
        out: folder for the results.
        footage: how footage is read, for pictures.
        sources: the run's footage.
        models: for redaction.
        store: where pictures and clips go; None for none of them.
        redaction: blur people and plates.
        terrain: GeoTIFF of the ground, for the scale of pictures; None for level ground.
        baseline: folder of the site as it was, to show what changed; None without.
    """

    site: Site
    stamp: RunStamp
    staged: tuple[str, ...]
    kept: str | None
    before: str | None
    out: str
    footage: FootageOptions
    sources: tuple[FootageSource, ...]
    models: tuple[ModelFile, ...]
    store: PictureStore | None
    redaction: bool = True
    terrain: str | None = None
    baseline: str | None = None


@dataclass(frozen=True, slots=True)
class DayObjects:
    """The things of one day."""

    day: date
    objects: tuple[TrackedObject, ...]


@dataclass(frozen=True, slots=True)
class DayIncidents:
    """The incidents of one day.

    Attributes:
        day: the site's own.
        objects: how many things were seen.
        incidents: what the rules make of them.
        uncertain: how many things may or may not break a rule, by zone.
        redactions: what was blurred in the pictures, by incident_id.
        moving: what clips are to show, by incident_id.
        rejects: pictures and clips that could not be made.
    """

    day: date
    objects: int
    incidents: tuple[Incident, ...]
    uncertain: dict[str, int]
    redactions: dict[str, Redaction]
    moving: dict[str, tuple[Observation, ...]] = field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()


@dataclass(frozen=True, slots=True)
class DayDone:
    """What is to be said of a day that was concluded; its rows lie in the files named.

    Attributes:
        day: the site's own.
        objects: things seen.
        incidents: incidents raised.
        uncertain: by zone, things that may or may not break a rule.
        pictures_missing: reasons why pictures could not be made, by uri of the footage.
    """

    day: date
    objects: int
    incidents: int
    uncertain: dict[str, int]
    pictures_missing: tuple[tuple[str, str], ...]


_DONE = TypeAdapter(DayDone)


def detections_file(out: str, day: date) -> Path:
    """Return where the final detections of a day are put."""
    return Path(out) / f"final-{day.isoformat()}.parquet"


def incidents_file(out: str, day: date) -> Path:
    """Return where the incidents of a day are put."""
    return Path(out) / f"incidents-{day.isoformat()}.parquet"


def daily_file(out: str, day: date) -> Path:
    """Return where the sums of a day are put."""
    return Path(out) / f"daily-{day.isoformat()}.parquet"


def done_file(out: str, day: date) -> Path:
    """Return where it is said that a day is concluded."""
    return Path(out) / f"done-{day.isoformat()}.json"


class MergeDay(beam.DoFn):
    """Make objects of all detections of a day, and write the detections with their objects."""

    def __init__(self, settings: ConcludeSettings) -> None:
        self._settings = settings

    def process(self, day_text: str) -> Iterator[DayObjects]:
        """Yield the objects of one day, given as an ISO date."""
        day = date.fromisoformat(day_text)
        settings = self._settings
        listener_of(settings.stamp.run_id).phase(f"merging {day_text}")
        rows = _rows_of(settings, day)
        seen = list(batch_to_observations(thin_tracks(one_of_each(rows))))
        by_heat = {m.model_id for m in settings.models if m.card.spectrum == "thermal"}
        objects = one_thing_each(merge_observations(seen), settings.site, by_heat)
        final = _with_objects(rows, objects)
        pq.write_table(final, detections_file(settings.out, day))
        yield DayObjects(day, objects)


class RaiseIncidents(beam.DoFn):
    """Apply the rules of the site to the objects of a day."""

    def __init__(self, settings: ConcludeSettings) -> None:
        self._settings = settings

    def process(self, day: DayObjects) -> Iterator[DayIncidents]:
        """Yield the incidents of one day."""
        settings = self._settings
        result = evaluate_rules(settings.site, day.objects)
        files = {f for source in settings.sources for f in source.files}
        pictured = {one.shown for one in evidence_before(settings.before)}

        def can_be_shown(seen: Observation) -> bool:
            return seen.source_uri in files or seen.detection_id in pictured

        found = [
            (incident, hit)
            for incident, hit in raised(settings.site, result.hits, can_be_shown=can_be_shown)
            if incident.day == day.day
        ]
        moving = {
            incident.incident_id: shown
            for incident, hit in found
            if (shown := shown_in_clip(hit, incident, ClipOptions()))
        }
        uncertain: Counter[str] = Counter()
        for hit in result.uncertain:
            uncertain[hit.zone_id] += len(hit.object_ids)
        incidents = tuple(incident for incident, _ in found)
        yield DayIncidents(day.day, len(day.objects), incidents, dict(uncertain), {}, moving)


class KeepEvidence(beam.DoFn):
    """Write a picture for every incident, and a clip of what moves, redacted."""

    def __init__(self, settings: ConcludeSettings) -> None:
        self._settings = settings
        self._maker: EvidenceMaker | None = None

    def setup(self) -> None:
        """Load the models that find people or plates, if there are any."""
        settings = self._settings
        if settings.store is None:
            return
        self._maker = EvidenceMaker(
            EvidenceSettings(
                site=settings.site,
                stamp=settings.stamp,
                footage=settings.footage,
                sources=settings.sources,
                models=settings.models,
                store=settings.store,
                before=settings.before,
                redaction=settings.redaction,
                terrain=settings.terrain,
                baseline=settings.baseline,
            )
        )

    def process(self, day: DayIncidents) -> Iterator[DayIncidents]:
        """Yield the day with pictures and clips."""
        if self._maker is None or not day.incidents:
            yield day
            return
        listener = listener_of(self._settings.stamp.run_id)
        listener.phase(f"pictures of {day.day.isoformat()}")
        left_out = len(day.moving) - MOST_CLIPS
        if left_out > 0:
            listener.phase(f"clips of the {MOST_CLIPS} most severe incidents, not of {left_out}")
        incidents, redactions, rejects = self._maker.make(day.incidents, day.moving)
        yield replace(day, incidents=incidents, redactions=redactions, rejects=rejects)


class StageDay(beam.DoFn):
    """Write the rows of a day, then say that it is done."""

    def __init__(self, settings: ConcludeSettings) -> None:
        self._settings = settings

    def process(self, day: DayIncidents) -> Iterator[str]:
        """Yield the day as an ISO date."""
        out, stamp = self._settings.out, self._settings.stamp
        pq.write_table(
            incidents_to_table(day.incidents, stamp, day.redactions), incidents_file(out, day.day)
        )
        pq.write_table(daily_to_table(sum_by_day(day.incidents), stamp), daily_file(out, day.day))
        done = DayDone(
            day.day, day.objects, len(day.incidents), day.uncertain,
            tuple((r.source_uri, r.reason) for r in day.rejects),
        )  # fmt: skip
        done_file(out, day.day).write_bytes(_DONE.dump_json(done))
        yield day.day.isoformat()


def read_done(out: str, day: date) -> DayDone:
    """Return what was said of a concluded day."""
    return _DONE.validate_json(done_file(out, day).read_bytes())


def one_of_each(rows: pa.Table) -> pa.Table:
    """Return rows with each detection once.

    A photo that lies in two folders is footage of two sources, and still one sighting.
    """
    ids = rows["detection_id"].to_pylist()
    first = {detection: i for i, detection in reversed(list(enumerate(ids)))}
    if len(first) == len(ids):
        return rows
    return rows.take(pa.array(sorted(first.values())))


def thin_tracks(rows: pa.Table, most: int = TRACK_SIGHTINGS) -> pa.Table:
    """Return rows with at most about `most` sightings of each track, spread over its time.

    The first, the last, the surest and the one best to show of every track stay. Rows without a
    track stay.
    """
    by_track: dict[str, list[int]] = defaultdict(list)
    keep = [True] * rows.num_rows
    for i, track in enumerate(rows["track_id"].to_pylist()):
        if track is not None:
            by_track[track].append(i)
    long_tracks = {t: found for t, found in by_track.items() if len(found) > most}
    if not long_tracks:
        return rows
    times = rows["time"].cast(pa.int64()).to_numpy()
    confidence = rows["confidence"].to_numpy()
    worth = confidence * _sides_px(rows) * np.nan_to_num(_clarity(rows), nan=1.0)
    for found in long_tracks.values():
        ordered = sorted(found, key=lambda i: int(times[i]))
        step = (len(ordered) - 1) / (most - 1)
        chosen = {ordered[round(k * step)] for k in range(most)}
        chosen.add(max(ordered, key=lambda i: float(confidence[i])))
        chosen.add(max(ordered, key=lambda i: float(worth[i])))
        for i in ordered:
            keep[i] = i in chosen
    return rows.filter(pa.array(keep))


def _sides_px(rows: pa.Table) -> NDArray[np.float64]:
    boxes = np.array(rows["box_xyxy_px"].to_pylist(), np.float64).reshape(-1, 4)
    return np.asarray(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)), np.float64)


def _clarity(rows: pa.Table) -> NDArray[np.float64]:
    return np.asarray(rows["clarity"].to_numpy(zero_copy_only=False), np.float64)


def _rows_of(settings: ConcludeSettings, day: date) -> pa.Table:
    files = [*settings.staged, *([settings.kept] if settings.kept else [])]
    schema = SCHEMAS["detections"]
    if not files:
        return schema.empty_table()
    rows = ds.dataset(files, schema=schema, format="parquet").to_table(
        filter=pc.field("day") == pa.scalar(day)
    )
    return rows.sort_by([("time", "ascending"), ("detection_id", "ascending")])


def _with_objects(rows: pa.Table, objects: Sequence[TrackedObject]) -> pa.Table:
    of_detection: dict[str, str] = {}
    of_track: dict[str, str] = {}
    for thing in objects:
        for seen in thing.observations:
            of_detection[seen.detection_id] = thing.object_id
            if seen.track_id is not None:
                of_track[seen.track_id] = thing.object_id
    ids = [
        of_detection.get(str(detection)) or of_track.get(track or "")
        for detection, track in zip(
            rows["detection_id"].to_pylist(), rows["track_id"].to_pylist(), strict=True
        )
    ]
    index = rows.schema.get_field_index("object_id")
    field = rows.schema.field(index)
    return rows.set_column(index, field, pa.array(ids, pa.string()))


class Conclude(beam.PTransform[Any, Any]):
    """Days (ISO dates) in; the same days out, once their rows are staged."""

    def __init__(self, settings: ConcludeSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, days: PCollection[str]) -> PCollection[str]:
        """Chain the steps."""
        staged: PCollection[str] = (
            days
            | "MergeDay" >> beam.ParDo(MergeDay(self._settings))
            | "RaiseIncidents" >> beam.ParDo(RaiseIncidents(self._settings))
            | "KeepEvidence" >> beam.ParDo(KeepEvidence(self._settings))
            | "StageDay" >> beam.ParDo(StageDay(self._settings))
        )
        return staged


def concluded(out: str, days: Iterable[date]) -> tuple[DayDone, ...]:
    """Return what was said of all days, in order."""
    return tuple(read_done(out, day) for day in sorted(days))
