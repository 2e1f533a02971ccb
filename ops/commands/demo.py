"""`parkwatch demo`: the main job in a simulated park, from nothing to a page to look at."""

from __future__ import annotations

import shutil
import time
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
    park = prepare_park(out, seed)
    staged = park.scenario.truth_rows()
    figures = park.plan.figures
    steps.say(f"{sum(row.must_fire for row in staged)} incidents and "
              f"{sum(not row.must_fire for row in staged)} look-alikes staged; "
              f"{figures.length_m:.0f} m to fly, {figures.duration_s:.0f} s")  # fmt: skip
    steps.begin("drawing the ground along the way")
    possible = draw_ground(park)
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
    say = console_text.out.print
    say(f"\nfootage      {out / 'footage'} (simulated: drawn, not filmed)", markup=False,
        soft_wrap=True)  # fmt: skip
    say(f"tables       parkwatch sql --warehouse {warehouse} \"SELECT * FROM incidents\"",
        markup=False, soft_wrap=True)  # fmt: skip
    say(f"missed       {out / 'score'}: a picture of each miss and each false alarm",
        markup=False, soft_wrap=True)  # fmt: skip
    say(f"page         {page.resolve()}", markup=False, soft_wrap=True)
    steps.end()
    raise typer.Exit(done.exit_status)


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
            sources=(str(park.out / "footage"),),
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
        footage=[str(park.out / "footage")],
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
    if out.exists():
        # Only what an earlier demo made is removed: the folder could be anything.
        if not (out / _MARK).is_file():
            if not out.is_dir() or any(out.iterdir()):
                raise SettingsError(f"{out} exists and is not an earlier demo; name another --out")
        else:
            shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).write_text("made by `parkwatch demo`; removed by the next one\n", "utf-8")
