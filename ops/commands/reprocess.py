"""`parkwatch reprocess`: footage in, the day's tables out."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ops import console_text
from ops.app import App
from park.errors import SettingsError

if TYPE_CHECKING:
    from pipelines.reprocess import ReprocessRequest, RunReport
    from vision.footage import Discovery

_LISTED = 12
_STOP_WITHIN_S = 4.0
_STOPPED = 130


def reprocess(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Footage: folders or files. Geotagged photos, video with a DJI .SRT or with four "
            "ground corners beside it, recorded patrols.",
        ),
    ],
    site: Annotated[
        Path | None, typer.Option("--site", help="Site file (GeoJSON). Default: PARKWATCH_SITE.")
    ] = None,
    warehouse: Annotated[
        str | None,
        typer.Option(
            "--warehouse",
            help="Folder or s3://bucket/prefix of the tables. Default: PARKWATCH_WAREHOUSE.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A shipped model by name, or a .pt or .onnx file; may be given several times.",
        ),
    ] = None,
    sample_fps: Annotated[
        float | None,
        typer.Option("--sample-fps", help="Frames per second taken from video. Default: 2."),
    ] = None,
    terrain: Annotated[
        Path | None, typer.Option("--terrain", help="GeoTIFF of ground heights (DEM).")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="DIR", help="The site as it was, to find what is new."),
    ] = None,
    hfov: Annotated[
        float | None,
        typer.Option("--hfov", help="Horizontal field of view in degrees, where not recorded."),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option("--confidence", help="Threshold for all models, 0 to 1.", min=0.01, max=0.99),
    ] = None,
    imgsz: Annotated[
        int | None, typer.Option("--imgsz", help="Side of the model's input in pixels.", min=32)
    ] = None,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Shrink each frame to the input, whatever its scale."),
    ] = False,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Folder for a picture of each frame with what was found."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a self-contained HTML page here.")
    ] = None,
    no_redact: Annotated[
        bool, typer.Option("--no-redact", help="Do not blur people and number plates.")
    ] = False,
    no_evidence: Annotated[
        bool, typer.Option("--no-evidence", help="Write no pictures and clips of incidents.")
    ] = False,
    beam: Annotated[
        list[str] | None,
        typer.Option("--beam", help="An option for Apache Beam, as --beam=--runner=FlinkRunner."),
    ] = None,
) -> None:
    """Turn footage into detections, incidents and the day's tables.

    A rerun overwrites the same days with the same rows. Exit status: 0 all done, 3 done but some
    footage was refused (see the table [i]rejects[/i]), 2 nothing could be done.
    """
    from pipelines.reprocess import ReprocessRequest
    from vision.footage import FootageOptions

    app = App.start()
    loaded, site_hash = app.load_site(site)
    if baseline is not None and not (baseline / "baseline.json").is_file():
        raise SettingsError(
            f"--baseline {baseline} is no baseline; `parkwatch baseline build` makes one"
        )
    if terrain is not None and not terrain.is_file():
        raise SettingsError(f"--terrain {terrain} is not a file")
    request = ReprocessRequest(
        sources=tuple(sources),
        site=loaded,
        site_hash=site_hash,
        models=app.models(model or [], loaded),
        footage=FootageOptions(
            sample_fps=sample_fps if sample_fps is not None else app.settings.sample_fps,
            time_zone=loaded.time_zone,
            hfov_deg=hfov,
            takeoff_alt_amsl_m=loaded.takeoff_alt_amsl_m,
            max_pixels=app.settings.max_pixels,
        ),
        confidence=confidence,
        input_px=imgsz,
        whole=whole,
        terrain=terrain,
        baseline=baseline,
        pictures=pictures,
        redaction=not no_redact,
        by_zone=app.models_by_zone(model or []),
        beam_options=tuple(beam or ()),
    )
    done = run(app, request, warehouse, evidence=not no_evidence)
    if report is not None:
        from ops.report_data import report_of_days

        report_of_days(app, loaded, done.days, warehouse, report, footprints=done.footprints)
        console_text.out.print(f"page         {report}")
    raise typer.Exit(done.exit_status)


def run(
    app: App, request: ReprocessRequest, warehouse: str | None, *, evidence: bool = True
) -> RunReport:
    """Run a request with a progress bar and print its summary."""
    from park.clock import SystemClock
    from pipelines.reprocess import reprocess as run_reprocess

    progress = console_text.FrameProgress()

    def discovered(found: Discovery) -> None:
        counts = [s.frames_expected for s in found.sources]
        known = [c for c in counts if c is not None]
        progress.expect(sum(known) if len(known) == len(counts) else None)

    store = app.open_store(warehouse) if evidence else None
    try:
        with (
            _stoppable(progress),
            app.open_warehouse(warehouse, create=True) as opened,
            progress.shown(),
        ):
            done = run_reprocess(
                request,
                opened,
                store,
                clock=SystemClock(),
                listener=progress,
                on_discovery=discovered,
            )
    except KeyboardInterrupt:
        _stop(progress)
    print_summary(done)
    return done


@contextmanager
def _stoppable(progress: console_text.FrameProgress) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run soon, whatever library is at work at that moment.

    They become a KeyboardInterrupt, which tidies up on its way; where a library swallows that,
    or takes its time, the process ends all the same.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=insist, daemon=True).start()
        raise KeyboardInterrupt

    def insist() -> None:
        if not over.wait(_STOP_WITHIN_S):
            _stop(progress)

    over = threading.Event()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(progress: console_text.FrameProgress) -> NoReturn:
    """Say what a stopped run left behind, and end the process."""
    console_text.err.show_cursor(True)
    if progress.current_phase == "committing":
        console_text.fail("stopped while committing; the tables are as before this run, or as "
                          "after it: run it again to be sure")  # fmt: skip
    else:
        console_text.fail("stopped; the tables are as they were before this run")
    # Not sys.exit: threads of the pipeline may still be at work, and would be waited for.
    os._exit(_STOPPED)


def print_summary(done: RunReport) -> None:
    """Print what a run did."""
    say = console_text.out.print
    rate = done.frames / done.look_seconds if done.look_seconds > 0 else 0.0
    say(f"frames       {done.frames} read, {len(done.rejects)} refused")
    if done.ignored:
        say(f"             {len(done.ignored)} files passed over; see `parkwatch footage list`")
    for reason, number in Counter(r.reason for r in done.rejects).most_common(_LISTED):
        say(f"             refused {number}: {reason}", soft_wrap=True, markup=False)
    say(f"detections   {done.detections}")
    for reason, number in sorted(done.dropped.items(), key=lambda item: -item[1])[:_LISTED]:
        verb = "not placed" if reason.startswith("not placed") else "dropped"
        say(f"             {verb} {number}: {reason.removeprefix('not placed: ')}", markup=False)
    say(f"objects      {done.objects}")
    say(f"incidents    {done.incidents}")
    for zone, number in sorted(done.uncertain.items()):
        say(f"             {number} more may lie in zone {zone}; their place is not sure enough")
    days = ", ".join(d.isoformat() for d in done.days) or "none"
    state = " (already there, nothing to change)" if done.commit.skipped else ""
    say(f"days         {days}{state}")
    say(f"time         {done.seconds:.1f} s, {rate:.1f} frames/s while looking")
    if not done.patrols:
        console_text.warn("no footage that can be used was found; nothing was looked at")
    assumptions = sorted({a for p in done.patrols for a in p.assumptions})
    for text in assumptions[:_LISTED]:
        console_text.warn(f"assumed: {text}")
    for reject in done.rejects[:_LISTED]:
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    if len(done.rejects) > _LISTED:
        console_text.warn(f"and {len(done.rejects) - _LISTED} more; see the table rejects")
