"""`parkwatch demo`: the main job on drawn footage, from nothing to a page to look at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ops import console_text
from ops.app import App
from ops.commands.reprocess import run
from park.errors import SettingsError

_MARK = ".parkwatch-demo"


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the demo; made anew.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Of the drawn park.")] = 7,
) -> None:
    """Draw a small park with parked vehicles, reprocess its photos, show the incidents.

    Everything in it is simulated: the park, the vehicles, the flight.
    """
    from ops.commands.tables import print_incidents
    from ops.report_data import report_of_days
    from ops.sql import run_sql
    from pipelines.reprocess import ReprocessRequest
    from sim_data.aerial import write_demo_footage
    from vision.footage import FootageOptions

    _make_anew(out)
    console_text.err.print("drawing a simulated park and two flights over it")
    truth = write_demo_footage(out, seed)
    app = App.start()
    site, site_hash = app.load_site(truth.site_path)
    warehouse = str(out / "warehouse")
    done = run(
        app,
        ReprocessRequest(
            sources=(str(truth.footage_dir),),
            site=site,
            site_hash=site_hash,
            models=app.models([]),
            footage=FootageOptions(
                time_zone=site.time_zone, takeoff_alt_amsl_m=site.takeoff_alt_amsl_m
            ),
            pictures=out / "pictures",
        ),
        warehouse,
    )
    with app.open_warehouse(warehouse) as opened:
        rows = run_sql(
            opened,
            "SELECT * FROM incidents ORDER BY severity DESC, first_seen, incident_id",
            zone=site.time_zone,
        )
    console_text.out.print()
    print_incidents(rows)
    page = out / "report.html"
    report_of_days(
        app, site, done.days, warehouse, page, footprints=done.footprints, simulated=True
    )
    say = console_text.out.print
    say(f"\nfootage      {truth.footage_dir} (drawn, not filmed)", markup=False, soft_wrap=True)
    say(f"pictures     {out / 'pictures'}", markup=False, soft_wrap=True)
    say(f"tables       parkwatch sql --warehouse {warehouse} \"SELECT * FROM incidents\"",
        markup=False, soft_wrap=True)  # fmt: skip
    say(f"page         {page.resolve()}", markup=False, soft_wrap=True)
    raise typer.Exit(done.exit_status)


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
