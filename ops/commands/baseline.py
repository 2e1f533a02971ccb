"""`parkwatch baseline`: a site as it was, to compare later patrols with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text

if TYPE_CHECKING:
    from park.records import BoxXyxyPx
    from vision.observe import Sight
    from vision.scene.baseline import Passing

_UNSURE = 0.6
"""Share of a model's threshold from which what it sees is left out."""

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
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="MODEL", help="Leave out what it finds: vehicles."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Leave nothing out, not even parked vehicles.")
    ] = False,
) -> None:
    """Make an orthomosaic in tiles from footage with camera poses. Status 2 if there is none."""
    from park.errors import SettingsError
    from park.records import Reject
    from vision.footage import FootageOptions, discover
    from vision.footage.read import read_frames
    from vision.observe import Sight
    from vision.scene.baseline import BaselineBuilder

    if whole and without:
        raise SettingsError("--whole leaves nothing out; give it, or --without, but not both")
    options = FootageOptions(sample_fps=fps)
    found = discover([source], options)
    for reject in found.rejects:
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    if not found.sources:
        console_text.warn(f"no footage that can be used was found in {source}")
        raise typer.Exit(2)
    passing = None if whole else passing_things(("vehicles",) if without is None else without)
    builder = BaselineBuilder(out, gsd, passing)
    progress = console_text.FrameProgress()
    with progress.shown():
        progress.phase("laying frames on the ground")
        for part in found.sources:
            for item in read_frames(part, options):
                if isinstance(item, Reject):
                    console_text.warn(f"refused: {item.source_uri}: {item.reason}")
                elif item.picture.width_px > 0:
                    builder.add(Sight.of(item, None))
                    progress.frames(1, item.source_uri)
        progress.phase("writing tiles")
        made = builder.finish()
    left_out = f"; {made.facts.left_out_m2:.0f} m2 left out" if made.facts.left_out_m2 else ""
    console_text.out.print(
        f"{made.facts.frames} frames laid into {len(made.facts.tiles)} tiles of "
        f"{made.facts.gsd_m:g} m cells in {out}{left_out}",
        markup=False,
        soft_wrap=True,
    )


def passing_things(models: Sequence[str]) -> Passing:
    """Return what tells where a frame shows things that do not belong to the place.

    Args:
        models: names of shipped models, or weight files.

    Raises:
        ModelError: there is no such model.
    """
    from vision.detect import Detector
    from vision.models.registry import resolve_model
    from vision.models.suitability import why_unsuited

    # Rather too much is left out than too little: a car that stays would be missed once it goes.
    detectors = [
        Detector(model, confidence=_UNSURE * model.card.threshold)
        for model in map(resolve_model, models)
    ]

    def boxes(sight: Sight) -> tuple[BoxXyxyPx, ...]:
        return tuple(
            found.box_xyxy_px
            for detector in detectors
            if why_unsuited(detector.card, sight.frame) is None
            for found in detector.detect(sight.frame, sight.gsd_at).detections
        )

    return boxes
