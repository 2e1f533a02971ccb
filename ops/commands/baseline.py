"""`parkwatch baseline`: a site as it was, to compare later patrols with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops import console_text

app = typer.Typer(help="Baselines: a site as it was, for finding changes.", no_args_is_help=True)


@app.callback()
def baseline() -> None:
    """Baselines: a site as it was, for finding changes."""


@app.command()
def build(
    source: Annotated[
        str, typer.Argument(metavar="PATROL", help="Recorded patrol, video or folder of photos.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder for it.")],
    gsd: Annotated[
        float, typer.Option("--gsd", min=0.02, max=1.0, help="Ground under a cell, metres.")
    ] = 0.1,
    fps: Annotated[
        float, typer.Option("--fps", min=0.1, max=30.0, help="Frames a second taken from video.")
    ] = 1.0,
) -> None:
    """Make an orthomosaic in tiles from footage with camera poses. Status 2 if there is none."""
    from park.records import Reject
    from vision.footage import FootageOptions, discover
    from vision.footage.read import read_frames
    from vision.observe import Sight
    from vision.scene.baseline import BaselineBuilder

    options = FootageOptions(sample_fps=fps)
    found = discover([source], options)
    for reject in found.rejects:
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    if not found.sources:
        console_text.warn(f"no footage that can be used was found in {source}")
        raise typer.Exit(2)
    builder = BaselineBuilder(out, gsd)
    for part in found.sources:
        for item in read_frames(part, options):
            if isinstance(item, Reject):
                console_text.warn(f"refused: {item.source_uri}: {item.reason}")
            elif item.picture.width_px > 0:
                builder.add(Sight.of(item, None))
    made = builder.finish()
    console_text.out.print(
        f"{made.facts.frames} frames laid into {len(made.facts.tiles)} tiles of "
        f"{made.facts.gsd_m:g} m cells in {out}",
        markup=False,
        soft_wrap=True,
    )
