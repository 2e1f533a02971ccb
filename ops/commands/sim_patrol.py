"""`parkwatch sim patrol`: footage of a simulated park, without flying it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from park.errors import SettingsError

if TYPE_CHECKING:
    from ops.simulated_days import DaysMade

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


def patrol(
    scenario: Annotated[
        str, typer.Option("--scenario", help="Scenario file, or the name of a shipped one.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for all of it; must be empty.")],
    km2: Annotated[float, typer.Option("--km2", help="Size of the park, 1 to 426.")] = 1.0,
    site_seed: Annotated[
        int, typer.Option("--site-seed", help="Of the park and of its looks.", min=0)
    ] = 7,
    route: Annotated[
        list[str] | None,
        typer.Option(
            "--route",
            help="A route of the park, or a purpose; several are flown one after the other. "
            "Default: works-survey.",
        ),
    ] = None,
    in_view: Annotated[
        bool,
        typer.Option("--in-view", help="Stage what is left to chance where the flights see it."),
    ] = False,
    alt_agl: Annotated[
        float | None, typer.Option("--alt-agl", help="Height above the ground, metres.")
    ] = None,
    gimbal_pitch: Annotated[
        float | None,
        typer.Option("--gimbal-pitch", help="Camera: 0 horizon, -90 straight down."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", help="While the camera works, m/s.")
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", help="One patrol a day; the scenario's.", min=1)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of places, life and errors; the scenario's.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", help="Pictures a second.")] = 4.0,
    size: Annotated[str, typer.Option("--size", help="Of colour pictures.")] = "1280x720",
    noise: Annotated[
        str, typer.Option("--noise", help="Errors of the telemetry: rtk, gnss or none.")
    ] = "rtk",
    rgb: Annotated[bool, typer.Option("--rgb/--no-rgb", help="Record the colour camera.")] = True,
    thermal: Annotated[
        bool, typer.Option("--thermal/--no-thermal", help="Record the thermal camera.")
    ] = False,
) -> None:
    """Make footage of many days of a simulated park, and say what is true about it.

    The planned route is followed without a vehicle; the folder has a site file, a recorded patrol
    for each sortie, and truth tables. The same command gives the same bytes.
    """
    from ops.made_footage import MadeCameras
    from ops.simulated_days import DaysWish, make_days, need_empty, pictures_of, simulated_park

    sides = _SIZE.fullmatch(size)
    if sides is None:
        raise SettingsError(f"--size {size!r}: write WIDTHxHEIGHT, as 1280x720")
    need_empty(out)
    cameras = MadeCameras(rgb, thermal, int(sides[1]), int(sides[2]), fps=fps)
    wish = DaysWish(
        scenario=scenario,
        out=out,
        km2=km2,
        site_seed=site_seed,
        routes=tuple(route or ("works-survey",)),
        in_view=in_view,
        route_options={
            "alt_agl_m": alt_agl,
            "gimbal_pitch_deg": gimbal_pitch,
            "speed_mps": speed,
        },
        days=days,
        seed=seed,
        cameras=cameras,
        noise=noise,
    )
    progress = console_text.FrameProgress()
    with progress.shown():
        progress.phase("generating the park and planning the patrol")
        park = simulated_park(wish)
        progress.expect(pictures_of(park, cameras))
        progress.phase("drawing")
        made = make_days(wish, park, lambda folder: progress.frames(1, str(folder)))
    _say_made(made, out)


def _say_made(made: DaysMade, out: Path) -> None:
    staged = made.scenario.truth_rows()
    incidents = sum(row.must_fire for row in staged)
    say = console_text.out.print
    say(f"patrols      {len(made.folders)} on {made.scenario.days} days, {made.pictures} pictures "
        "(simulated: drawn, not filmed)", markup=False, soft_wrap=True)  # fmt: skip
    say(f"staged       {incidents} incidents, {len(staged) - incidents} look-alikes", markup=False)
    say(f"site         {made.site_path}", markup=False, soft_wrap=True)
    for path in made.truth:
        say(f"truth        {path}", markup=False, soft_wrap=True)
    say(f"next         parkwatch reprocess {out} --site {made.site_path} --warehouse WAREHOUSE",
        markup=False, soft_wrap=True)  # fmt: skip
