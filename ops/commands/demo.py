"""`parkwatch demo`: the main job in a simulated park, from nothing to a page to look at."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from ops.app import App
from ops.commands.reprocess import run
from park.errors import SettingsError

if TYPE_CHECKING:
    from ops.demo import DemoPark
    from pipelines.reprocess import RunReport

_MARK = ".parkwatch-demo"
_STEPS = 6


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the demo; made anew.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Of the simulated park.", min=0)] = 7,
    length: Annotated[
        float,
        typer.Option(
            "--length",
            help="Metres of road to patrol, next to the dock; all of it where it is shorter.",
            min=100.0,
        ),
    ] = 700.0,
    speedup: Annotated[
        float | None,
        typer.Option("--speedup", help="Times real time that the copter flies.", min=1.0, max=20.0),
    ] = None,
) -> None:
    """Fly a patrol over a simulated park with incidents in it, and show what is found.

    Everything in it is simulated: the park, its people and vehicles, the copter and its camera.
    """
    from ops.demo import draw_ground, fly_patrol, prepare_park

    _make_anew(out)
    steps = _Steps()
    steps.begin("generating a park, planning a patrol, staging incidents on its way")
    with _counting("finding places", "things") as tell:
        park = prepare_park(out, seed, length, tell)
    staged = park.scenario.truth_rows()
    figures = park.plan.figures
    steps.say(f"{sum(row.must_fire for row in staged)} incidents and "
              f"{sum(not row.must_fire for row in staged)} look-alikes staged; "
              f"{figures.length_m:.0f} m to fly, {figures.duration_s:.0f} s")  # fmt: skip
    steps.begin("drawing the ground along the way")
    with _counting("drawing", "pictures") as tell:
        possible = draw_ground(park, tell)
    times = speedup or possible
    steps.begin(f"flying it with the simulated copter, {times:.1f} times real time")
    fly_patrol(park, speedup=times, say=steps.say)
    steps.begin("looking through what was recorded")
    app = App.start()
    warehouse = str(out / "warehouse")
    done = _reprocess(app, park, warehouse)
    steps.begin("comparing what was found with what is true")
    _show(app, park, warehouse)
    steps.begin("writing the page")
    page = _write_page(app, park, warehouse, done)
    steps.end()
    _say_where(park, warehouse, page, done)
    raise typer.Exit(done.exit_status)


def _say_where(park: DemoPark, warehouse: str, page: Path, done: RunReport) -> None:
    """Print where everything is; the page last, where it is not overlooked."""
    out = park.out
    console_text.out.print()
    for name, told in (
        ("footage", f"{park.footage} (simulated: drawn, not filmed)"),
        ("site", f"{park.site_path}"),
        ("truth", f"{out / 'truth.json'}, staged by {out / 'scenario.yaml'}"),
        ("score", f"{out / 'score'}: a picture of each miss and each false alarm"),
        ("tables", f"{warehouse}, of the day {', '.join(d.isoformat() for d in done.days)}"),
        ("", f"parkwatch incidents --warehouse {warehouse}"),
        ("page", f"{page.resolve()}"),
    ):
        console_text.out.print(f"{name:<12} {told}", markup=False, soft_wrap=True)


@contextmanager
def _counting(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many are done of how many while the context lasts."""
    progress = console_text.FrameProgress(unit, indent="      ")
    done = 0

    def tell(number: int, of: int) -> None:
        nonlocal done
        progress.expect(of)
        progress.frames(number - done, "")
        done = number

    with progress.shown():
        progress.phase(what)
        yield tell


class _Steps:
    """Says which step is at work, and how long each took."""

    def __init__(self) -> None:
        self._number = 0
        self._first_s = self._began_s = time.monotonic()

    def begin(self, what: str) -> None:
        self._took()
        self._number += 1
        self._began_s = time.monotonic()
        console_text.err.print(f"[{self._number}/{_STEPS}] {what}", markup=False, soft_wrap=True)

    def say(self, what: str) -> None:
        console_text.err.print(f"      {what}", markup=False, soft_wrap=True)

    def end(self) -> None:
        self._took()
        console_text.err.print(f"{time.monotonic() - self._first_s:.0f} s in all", markup=False)

    def _took(self) -> None:
        if self._number:
            self.say(f"{time.monotonic() - self._began_s:.0f} s")


def _reprocess(app: App, park: DemoPark, warehouse: str) -> RunReport:
    from pipelines.reprocess import ReprocessRequest
    from vision.footage import FootageOptions

    site, site_hash = app.load_site(park.site_path)
    return run(
        app,
        ReprocessRequest(
            sources=(str(park.footage),),
            site=site,
            site_hash=site_hash,
            models=app.models([]),
            footage=FootageOptions(
                time_zone=site.time_zone, takeoff_alt_amsl_m=site.takeoff_alt_amsl_m
            ),
        ),
        warehouse,
    )


def _show(app: App, park: DemoPark, warehouse: str) -> None:
    """Print the incidents and the score."""
    from ops.commands.sim_score import score
    from ops.commands.tables import print_incidents
    from ops.sql import run_sql

    with app.open_warehouse(warehouse) as opened:
        rows = run_sql(
            opened,
            "SELECT * FROM incidents ORDER BY severity DESC, first_seen, incident_id",
            zone=park.world.site.time_zone,
        )
    console_text.out.print()
    print_incidents(rows)
    console_text.out.print()
    score(
        warehouse,
        [park.out],
        footage=[str(park.footage)],
        pictures=park.out / "score",
        slack=2.0,
        as_json=False,
    )


def _write_page(app: App, park: DemoPark, warehouse: str, done: RunReport) -> Path:
    from ops.report_data import report_of_days

    page = park.out / "report.html"
    site, _ = app.load_site(park.site_path)
    report_of_days(
        app, site, done.days, warehouse, page, footprints=done.footprints, simulated=True
    )
    return page


def _make_anew(out: Path) -> None:
    """Make the folder, in the place of an earlier demo where one is there.

    Raises:
        SettingsError: something else is there.
    """
    mark = out / _MARK
    if mark.is_file():
        # Only what an earlier demo made is removed: the folder could be anything.
        made = datetime.fromtimestamp(mark.stat().st_mtime).astimezone()
        console_text.err.print(
            f"{out} holds the demo of {made:%Y-%m-%d %H:%M}; this one takes its place "
            "(--out with another folder keeps both)",
            markup=False,
            soft_wrap=True,
        )
        shutil.rmtree(out)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out} exists and is not an earlier demo; name another --out")
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text("made by `parkwatch demo`; removed by the next one\n", "utf-8")
