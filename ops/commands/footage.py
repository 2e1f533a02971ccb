"""`parkwatch footage`: look at footage before it is processed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops import console_text

app = typer.Typer(
    help="Footage: see what is there, check or upload a recorded patrol.", no_args_is_help=True
)


@app.command("list")
def list_footage(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Files or folders.")],
) -> None:
    """Say what footage there is, what is refused and why.

    Exit status: 0 all can be used, 3 some is refused, 2 there is none.
    """
    from vision.footage import FootageOptions, discover

    found = discover(sources, FootageOptions())
    for source in found.sources:
        frames = "?" if source.frames_expected is None else str(source.frames_expected)
        console_text.out.print(
            f"{source.kind:14} {len(source.files):5} files {frames:>7} frames  {source.uri}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    for ignored in found.ignored:
        console_text.out.print(
            f"ignored        {ignored.source_uri}: {ignored.reason}", markup=False, soft_wrap=True
        )
    for reject in found.rejects:
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    if not found.sources:
        console_text.warn(f"no footage that can be used was found in {', '.join(sources)}")
        raise typer.Exit(2)
    if found.rejects:
        raise typer.Exit(3)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a recorded patrol.")],
) -> None:
    """Check a recorded patrol: manifest, segments, telemetry, time base. Status 2 if unusable."""
    from vision.footage import check_patrol

    checked = check_patrol(str(folder))
    for finding in checked.findings:
        line = f"{finding.subject}: {finding.message}"
        if finding.ok:
            console_text.out.print(f"ok       {line}", markup=False, soft_wrap=True)
        else:
            console_text.out.print(f"problem  {line}", markup=False, soft_wrap=True)
    raise typer.Exit(0 if checked.ok else 2)


@app.command()
def upload(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a recorded patrol.")],
    footage: Annotated[
        str, typer.Option("--footage", metavar="DIR", help="Folder or s3://bucket/prefix.")
    ],
    timeout: Annotated[float, typer.Option("--timeout", min=1.0, help="Seconds to try.")] = 600.0,
) -> None:
    """Send what a store does not have yet of a recorded patrol. Status 2 if something is left."""
    import os

    from drone.recorder.upload import upload_patrol
    from ops.store import open_store

    report = upload_patrol(folder, open_store(footage, os.environ), timeout_s=timeout)
    for name in report.not_uploaded:
        console_text.warn(f"not uploaded: {name}")
    if not report.ok:
        console_text.warn(f"kept in {folder}; the last failure was: {report.last_failure}")
        raise typer.Exit(2)
    console_text.out.print(
        f"{report.confirmed} files are at {report.where}", markup=False, soft_wrap=True
    )
