"""`parkwatch sites`: check a site file, or draw one to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ops import console_text
from park.errors import SiteError

app = typer.Typer(help="Site files: check one, or draw one to start from.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Site file (GeoJSON).")],
) -> None:
    """Check a site file and say what is in it. Exit status 2 when it cannot be used."""
    from ops.site_tools import check_site

    checked = check_site(file)
    for message in checked.errors:
        console_text.fail(message)
    for message in checked.warnings:
        console_text.warn(message)
    if not checked.ok:
        number = len(checked.errors)
        console_text.fail(f"{file}: {number} mistake{'s'[: number > 1]}; it cannot be used")
        raise typer.Exit(2)
    say = console_text.out.print
    say(f"site         {checked.site_id}, {checked.name}", markup=False)
    say(f"time zone    {checked.time_zone}")
    say(f"area         {checked.area_km2:.3f} km2")
    say("features     " + ", ".join(f"{n} {kind}" for kind, n in checked.counts))
    say(f"{file} can be used", markup=False)


@app.command()
def init(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Footage.")],
    site_id: Annotated[str, typer.Option("--id", help="Short name of the site.")] = "my-site",
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="IANA name; that of the place by default.")
    ] = None,
) -> None:
    """Write a site file around some footage to standard output, to be edited and kept.

    It has a boundary, the time zone of the place and one example zone with every type of rule.
    """
    from ops.site_footprint import footprint_of
    from ops.site_tools import init_site, site_to_text

    points, refused = footprint_of(sources)
    for reject in refused:
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    if not points:
        raise SiteError("no footage with a position was found, so no site can be drawn around it")
    typer.echo(site_to_text(init_site(points, time_zone=time_zone, site_id=site_id)), nl=False)


@app.command()
def schema() -> None:
    """Write the JSON Schema of site files to standard output."""
    from ops.site_tools import schema_to_text

    typer.echo(schema_to_text(), nl=False)
