"""`parkwatch sim dataset`: labelled pictures of a simulated park."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ops import console_text
from park.errors import SettingsError


class DatasetTask(StrEnum):
    """What pictures are of."""

    RGB = "rgb"
    THERMAL = "thermal"
    SITE = "site"


def dataset(
    images: Annotated[int, typer.Option("--images", help="How many.", min=1)],
    out: Annotated[Path, typer.Option("--out", help="Folder for all of it; must be empty.")],
    task: Annotated[
        DatasetTask, typer.Option("--task", help="Colour, thermal, or people from low above.")
    ] = DatasetTask.RGB,
    seed: Annotated[int, typer.Option("--seed", help="Of everything.", min=0)] = 7,
    km2: Annotated[float, typer.Option("--km2", help="Size of the park, 1 to 426.")] = 1.0,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario", help="Scenario file, or name of a shipped one; several take turns."
        ),
    ] = None,
    lowest: Annotated[
        float | None, typer.Option("--lowest", help="Lowest camera, metres up; with --highest.")
    ] = None,
    highest: Annotated[
        float | None, typer.Option("--highest", help="Highest camera, metres up; with --lowest.")
    ] = None,
) -> None:
    """Write a labelled dataset in YOLO's layout, drawn of a simulated park.

    Boxes come from the geometry; the same numbers give the same bytes.
    """
    from ops.simulated_days import need_empty
    from sim_data.labelled import Variety, write_dataset

    if (lowest is None) != (highest is None):
        raise SettingsError("give --lowest and --highest together, or neither")
    heights_m = None if lowest is None or highest is None else (lowest, highest)
    variety = Variety(tuple(scenario) if scenario else None, heights_m)
    need_empty(out)
    progress = console_text.FrameProgress()
    progress.expect(images)
    with progress.shown():
        progress.phase("drawing and labelling")
        counts = write_dataset(
            out,
            task.value,
            images,
            seed,
            lambda: progress.frames(1, str(out)),
            km2=km2,
            variety=variety,
        )
    say = console_text.out.print
    say(f"images       {images} (simulated)", markup=False)
    for name, count in counts.items():
        say(f"             {count} {name}", markup=False)
    say(f"dataset      {out / 'data.yaml'}", markup=False, soft_wrap=True)
