"""Footage in, the day's tables out: one bounded Beam run, committed whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from park.clock import Clock
from park.errors import (
    CommitConflictError,
    ParkwatchError,
    SettingsError,
    StoreError,
)
from park.records import PatrolSummary, Reject
from park.rows import RunStamp
from park.site import Site
from park.terrain import ElevationModel
from park.version import VERSION
from pipelines.conclude import (
    Conclude,
    ConcludeSettings,
    DayDone,
    concluded,
)
from pipelines.evidence import PictureStore
from pipelines.identity import content_hash, run_id, stable_id
from pipelines.look import PATROLS, REJECTS, LookAtFootage, LookSettings, SourceSeen, StageBatches
from pipelines.progress import ProgressListener, listening
from pipelines.run_tables import plan_replacement, run_tables
from pipelines.scenes import every_detector, watched_scenes
from pipelines.staging import (
    StageRejects,
    StageSources,
    run_folder,
    staged_rejects,
    staged_sources,
)
from pipelines.tables import CommitReport, Warehouse
from vision.footage import Discovery, FootageOptions, Ignored, discover
from vision.models.registry import ModelFile
from vision.scene.baseline import Baseline
from vision.scene.detector import model_id

_ATTEMPTS = 4
_RUNNER = "FnApiRunner"
_BEAM_STEP = re.compile(r" \[while running '[^']*'\]$")


@dataclass(frozen=True, slots=True)
class ReprocessRequest:
    """What a run is asked to do.

    Attributes:
        sources: files and folders of footage; the tables name them by their absolute paths.
        site: the site, with its zones and rules.
        site_hash: hash of the site file's bytes.
        models: the models to run.
        footage: how footage is read.
        confidence: threshold for all models; None takes each model's own.
        input_px: side of the models' input; None takes each model's own.
        whole: look at each frame once, shrunk to the input, whatever its scale.
        terrain: GeoTIFF of the ground; None for level ground at take-off height.
        baseline: folder of the site as it was, to find what is new; None without.
        pictures: folder for overview pictures; None for none.
        redaction: blur people and plates in pictures.
        by_zone: run each model only on frames with a zone in view that asks for what it knows.
        beam_options: options for Beam, as on its command line.
    """

    sources: tuple[str, ...]
    site: Site
    site_hash: str
    models: tuple[ModelFile, ...]
    footage: FootageOptions
    confidence: float | None = None
    input_px: int | None = None
    whole: bool = False
    terrain: Path | None = None
    baseline: Path | None = None
    pictures: Path | None = None
    redaction: bool = True
    by_zone: bool = False
    beam_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.sources:
            raise SettingsError("no footage was named; give at least one file or folder")
        if not self.models:
            raise SettingsError("no model was named; give at least one with --model")


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes:
        run_id: hash of everything that decides its rows.
        frames: frames looked at.
        detections: rows it gave.
        dropped: reason to number of boxes dropped or not placed.
        objects: things seen on the days concerned, in all footage of those days.
        incidents: incidents of those days.
        uncertain: things that may or may not break a rule, by zone.
        rejects: what was refused.
        ignored: what was no footage, or was there twice.
        days: the days that were computed anew.
        patrols: one for each footage source.
        footprints: corners of the ground that was seen, by patrol_id.
        commit: what changed in the tables.
        seconds: how long it took.
        look_seconds: the part of it from the first frame read to the last.
    """

    run_id: str
    frames: int
    detections: int
    dropped: dict[str, int]
    objects: int
    incidents: int
    uncertain: dict[str, int]
    rejects: tuple[Reject, ...]
    ignored: tuple[Ignored, ...]
    days: tuple[date, ...]
    patrols: tuple[PatrolSummary, ...]
    footprints: dict[str, tuple[tuple[float, float], ...]]
    commit: CommitReport
    seconds: float
    look_seconds: float

    @property
    def exit_status(self) -> int:
        """0 all done, 3 done with rejects, 2 nothing could be done."""
        if not self.frames:
            return 2
        return 3 if self.rejects else 0


def reprocess(
    request: ReprocessRequest,
    warehouse: Warehouse,
    store: PictureStore | None,
    *,
    clock: Clock,
    listener: ProgressListener,
    on_discovery: Callable[[Discovery], None] = lambda found: None,
) -> RunReport:
    """Run footage through detection, incidents and tables.

    Args:
        request: what to do.
        warehouse: where the rows go.
        store: where evidence pictures go; None for none.
        clock: of the run.
        listener: told about progress.
        on_discovery: told what was found, before anything is decoded.

    Raises:
        ParkwatchError: the run as a whole cannot be done; the tables are as before.
    """
    started_s = clock.monotonic_s()
    stamp_time = clock.now()
    _check_places(request)
    # The same folder is the same source from wherever and however it is named.
    request = replace(request, sources=tuple(map(_absolute, request.sources)))
    listener.phase("looking for footage")
    found = discover(request.sources, request.footage)
    on_discovery(found)
    stamp = RunStamp(request.site.id, _run_id(request, found), request.site.time_zone, stamp_time)
    with _disk_errors(), run_folder() as staging, listening(stamp.run_id, listener):
        if found.sources:
            listener.phase("looking at footage")
            _look(request, found, stamp, staging)
        look_seconds = clock.monotonic_s() - started_s
        outcome = _conclude_and_commit(request, found, stamp, staging, warehouse, store, listener)
    seen, rejects, days, commit = outcome
    return RunReport(
        run_id=stamp.run_id,
        frames=sum(s.summary.frames for s in seen),
        detections=sum(s.summary.detections for s in seen),
        dropped=dict(sum((Counter(s.dropped) for s in seen), Counter())),
        objects=sum(d.objects for d in days),
        incidents=sum(d.incidents for d in days),
        uncertain=dict(sum((Counter(d.uncertain) for d in days), Counter())),
        rejects=rejects,
        ignored=found.ignored,
        days=tuple(d.day for d in days),
        patrols=tuple(s.summary for s in seen),
        footprints={s.summary.patrol_id: s.footprint for s in seen},
        commit=commit,
        seconds=clock.monotonic_s() - started_s,
        look_seconds=look_seconds,
    )


def _absolute(source: str) -> str:
    # Links are not followed: a message is to name what the person named.
    return os.path.normpath(Path(source).absolute())


def _check_places(request: ReprocessRequest) -> None:
    """Refuse a terrain or a folder for pictures that cannot be used, before hours of work."""
    if request.terrain is not None:
        ElevationModel(request.terrain)
    if request.baseline is not None:
        Baseline(request.baseline)
    if request.pictures is not None:
        try:
            request.pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{request.pictures}: overview pictures cannot be written there: {error.strerror}"
            ) from error


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Say where a run works when there is no room for it."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{tempfile.gettempdir()}: this run cannot write its temporary files: {error}. The "
            "tables are as they were before; free some space, or set TMPDIR to another folder"
        ) from error


def _run_id(request: ReprocessRequest, found: Discovery) -> str:
    footage = request.footage
    return run_id(
        request.site_hash,
        [s.content_hash for s in found.sources] + [r.source_uri for r in found.rejects],
        [m.model_id for m in request.models],
        VERSION,
        {
            "sample_fps": footage.sample_fps,
            "hfov_deg": footage.hfov_deg,
            "corner_sigma_m": footage.corner_sigma_m,
            "confidence": request.confidence,
            "input_px": request.input_px,
            "whole": request.whole,
            "terrain": _text(request.terrain),
            "baseline": _baseline_hash(request.baseline),
            "redaction": request.redaction,
            **({"by_zone": True} if request.by_zone else {}),
            "scenes": ",".join(
                model_id(scene.detector)
                for scene in watched_scenes(
                    request.site, every_detector(request.site, _text(request.baseline))
                )
            ),
        },
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _baseline_hash(folder: Path | None) -> str | None:
    return None if folder is None else content_hash(folder / "baseline.json")


def _pipeline(request: ReprocessRequest) -> beam.Pipeline:
    # Beam's own default first tries to download a runner, and hangs where it cannot.
    named = any(o.startswith("--runner") for o in request.beam_options)
    options = list(request.beam_options) + ([] if named else [f"--runner={_RUNNER}"])
    try:
        return beam.Pipeline(options=PipelineOptions(options))
    except ValueError as error:
        raise SettingsError(f"--beam {' '.join(request.beam_options)}: {error}") from error


def _run(pipeline: beam.Pipeline) -> None:
    """Run to the end, and let errors of ours come out as what they are.

    Beam puts the name of its step behind a message, and makes a RuntimeError of what it cannot
    copy, a person's Ctrl-C among it.
    """
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ParkwatchError):
                cause.args = (_BEAM_STEP.sub("", str(cause)), *cause.args[1:])
                raise cause from None
            if isinstance(cause, OSError):
                raise cause from error
            if isinstance(cause, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            cause = cause.__cause__ or cause.__context__
        raise


def _look(request: ReprocessRequest, found: Discovery, stamp: RunStamp, staging: Path) -> None:
    settings = LookSettings(
        models=request.models,
        footage=request.footage,
        stamp=stamp,
        site=request.site,
        confidence=request.confidence,
        input_px=request.input_px,
        whole=request.whole,
        terrain_path=_text(request.terrain),
        baseline=_text(request.baseline),
        pictures=_text(request.pictures),
        redaction=request.redaction,
        by_zone=request.by_zone,
    )
    pipeline = _pipeline(request)
    looked = (
        pipeline
        | "Footage" >> beam.Create(found.sources, reshuffle=False)
        | "LookAtFootage"
        >> beam.ParDo(LookAtFootage(settings)).with_outputs(REJECTS, PATROLS, main="batches")
    )
    _ = looked.batches | "StageBatches" >> beam.ParDo(StageBatches(str(staging)))
    _ = looked[REJECTS] | "StageRejects" >> beam.ParDo(StageRejects(str(staging)))
    _ = looked[PATROLS] | "StageSources" >> beam.ParDo(StageSources(str(staging)))
    _run(pipeline)


def _conclude_and_commit(
    request: ReprocessRequest,
    found: Discovery,
    stamp: RunStamp,
    staging: Path,
    warehouse: Warehouse,
    store: PictureStore | None,
    listener: ProgressListener,
) -> tuple[tuple[SourceSeen, ...], tuple[Reject, ...], tuple[DayDone, ...], CommitReport]:
    seen = staged_sources(staging)
    rejects = staged_rejects(staging)
    # What was refused before it belonged to any patrol is kept under the run's own sources.
    refused_id = stable_id("refused", request.site.id, tuple(sorted(set(request.sources))))
    if found.rejects:
        rejects[refused_id] = list(found.rejects)
    staged = tuple(str(p) for p in sorted(staging.glob("detections-*.parquet")))
    for attempt in itertools.count(1):
        out = staging / f"out-{attempt}"
        out.mkdir()
        plan = plan_replacement(request.site.id, seen, refused_id, staged, warehouse, out)
        settings = ConcludeSettings(
            site=request.site,
            stamp=stamp,
            staged=staged,
            kept=plan.kept,
            before=plan.before,
            out=str(out),
            footage=request.footage,
            sources=found.sources,
            models=request.models,
            store=store,
            redaction=request.redaction,
            terrain=_text(request.terrain),
            baseline=_text(request.baseline),
        )
        _conclude(request, settings, plan.days)
        done = concluded(str(out), plan.days)
        all_rejects = _with_missing_pictures(rejects, done, refused_id)
        listener.phase("committing")
        run = run_tables(plan, stamp, out, seen, all_rejects, warehouse)
        try:
            report = warehouse.commit_run(run, plan.base)
        except CommitConflictError:
            if attempt >= _ATTEMPTS:
                raise
            listener.phase("another run was faster: computing the days again")
            continue
        flat = tuple(r for group in all_rejects.values() for r in group)
        return seen, flat, done, report
    raise AssertionError("the loop above returns or raises")


def _conclude(request: ReprocessRequest, settings: ConcludeSettings, days: Iterable[date]) -> None:
    texts = sorted(d.isoformat() for d in days)
    if not texts:
        return
    pipeline = _pipeline(request)
    _ = pipeline | "Days" >> beam.Create(texts, reshuffle=False) | Conclude(settings)
    _run(pipeline)


def _with_missing_pictures(
    rejects: dict[str, list[Reject]], done: Sequence[DayDone], refused_id: str
) -> dict[str, list[Reject]]:
    missing = [
        Reject(uri, "evidence", reason) for day in done for uri, reason in day.pictures_missing
    ]
    if not missing:
        return rejects
    return {**rejects, refused_id: [*rejects.get(refused_id, []), *missing]}
