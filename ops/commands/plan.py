"""`parkwatch plan`: from a route to a checked plan, its files, its picture and its figures."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops import console_text
from ops.app import App
from ops.commands.route_words import RouteWords, takes_route
from park.errors import SettingsError

if TYPE_CHECKING:
    from drone.files import DjiDrone
    from drone.records import FlightPlan, Sortie, Vehicle
    from park.site import Site

_PICTURES = (".png", ".svg")


@takes_route
def plan(
    words: RouteWords,
    site: Annotated[Path | None, typer.Option("--site", help="Site file.")] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            help="File to write: .plan, .waypoints, .txt, .kmz or .geojson; several may be given.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Picture of the plan: .png or .svg.")
    ] = None,
    dji: Annotated[
        str, typer.Option("--dji", help="Aircraft that a .kmz is for, as m3td or m30t.")
    ] = "m3td",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Plan a patrol, check it against the rules of the air, and say what it comes to.

    A plan that breaks a rule is refused with the leg, the rule and by how much; nothing is
    written then, and the exit status is 2.
    """
    files = list(out or [])
    drone = _dji_drone(dji)
    _check_names(files, picture)
    app = App.start()
    loaded, site_hash = app.load_site(site)
    made = words.plan(loaded, site_hash)
    contents = contents_of(made, files, drone)
    if picture is not None:
        from drone.plan_picture import plan_picture

        contents[picture] = plan_picture(made, loaded, words.vehicle(), picture.suffix.lower())
    write_all(contents)
    for stale in _stale(files, made):
        console_text.warn(f"{stale} is of an earlier plan with other sorties; remove it")
    if as_json:
        typer.echo(json.dumps(summary(made, words.vehicle(), contents), indent=1))
        return
    _print_plan(made, loaded, words.vehicle())
    for path in contents:
        console_text.out.print(f"written      {path}", markup=False, soft_wrap=True)


def _dji_drone(name: str) -> DjiDrone:
    from drone.files import DJI_DRONES

    try:
        return DJI_DRONES[name.lower()]
    except KeyError:
        raise SettingsError(f"--dji {name}: known are {', '.join(DJI_DRONES)}") from None


def _check_names(files: list[Path], picture: Path | None) -> None:
    from drone.files import SORTIE_SUFFIXES

    known = (*SORTIE_SUFFIXES, ".geojson")
    for path in files:
        if path.suffix.lower() not in known:
            raise SettingsError(f"--out {path}: the name has to end in {', '.join(known)}")
    if picture is not None and picture.suffix.lower() not in _PICTURES:
        raise SettingsError(f"--picture {picture}: the name has to end in {' or '.join(_PICTURES)}")
    named = [*files, *([picture] if picture else [])]
    for path in named:
        if not path.parent.is_dir():
            raise SettingsError(f"{path}: there is no folder {path.parent}")
    twice = {path for path in named if named.count(path) > 1}
    if twice:
        raise SettingsError(f"{min(twice)} is named twice")


def sortie_path(path: Path, sortie: Sortie, sorties: int) -> Path:
    """Return the file of one sortie: ``name-2.plan`` where there are several."""
    return path if sorties == 1 else path.with_name(f"{path.stem}-{sortie.number}{path.suffix}")


def contents_of(plan: FlightPlan, files: list[Path], drone: DjiDrone) -> dict[Path, bytes]:
    """Return what each file of a plan holds; one file per sortie, but one GeoJSON for all."""
    from drone.files import sortie_bytes, write_geojson

    contents: dict[Path, bytes] = {}
    for path in files:
        suffix = path.suffix.lower()
        if suffix == ".geojson":
            contents[path] = write_geojson(plan)
            continue
        for sortie in plan.sorties:
            named = sortie_path(path, sortie, len(plan.sorties))
            contents[named] = sortie_bytes(plan, sortie, suffix, drone)
    return contents


def write_all(contents: dict[Path, bytes]) -> None:
    """Write files so that each is either whole or as it was before.

    Raises:
        SettingsError: one cannot be written.
    """
    for path, content in contents.items():
        aside: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                aside = Path(file.name)
                file.write(content)
            # A temporary file is its owner's alone; a plan is handed round.
            aside.chmod(0o666 & ~_umask())
            aside.replace(path)
        except OSError as error:
            if aside is not None:
                aside.unlink(missing_ok=True)
            raise SettingsError(f"{path}: cannot be written ({error.strerror})") from error


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _stale(files: list[Path], plan: FlightPlan) -> list[Path]:
    """Return sorties' files beside the ones written that this plan did not write."""
    numbers = {str(sortie.number) for sortie in plan.sorties}
    found = []
    for path in files:
        if path.suffix.lower() == ".geojson":
            continue
        several = len(plan.sorties) > 1
        if several and path.exists():
            found.append(path)
        for other in sorted(path.parent.glob(f"{path.stem}-*{path.suffix}")):
            number = other.stem.removeprefix(f"{path.stem}-")
            if number.isdigit() and not (several and number in numbers):
                found.append(other)
    return found


def summary(plan: FlightPlan, vehicle: Vehicle, contents: dict[Path, bytes]) -> dict[str, Any]:
    """Return what a plan comes to, for programs."""
    figures = plan.figures
    return {
        "site": plan.site_id,
        "site_hash": plan.site_hash,
        "route": plan.route.route_id,
        "purpose": plan.route.purpose,
        "length_m": figures.length_m,
        "survey_length_m": figures.survey_length_m,
        "duration_s": figures.duration_s,
        "energy_wh": figures.energy_wh,
        "battery_wh": vehicle.battery_wh,
        "photos": figures.photos,
        "gsd_cm": [100.0 * gsd for gsd in figures.gsd_m],
        "coverage": figures.coverage,
        "lower_bound_m": figures.lower_bound_m,
        "bound_ratio": figures.bound_ratio,
        "sorties": [
            {
                "number": sortie.number,
                "dock": sortie.home.dock_id,
                "length_m": sortie.length_m,
                "duration_s": sortie.duration_s,
                "energy_wh": sortie.energy_wh,
                "left": 1.0 - sortie.energy_wh / vehicle.battery_wh,
                "photos": sortie.photos,
                "waypoints": len(sortie.waypoints),
                "rally": [[p.lat_deg, p.lon_deg] for p in plan.rally_of(sortie)],
            }
            for sortie in plan.sorties
        ],
        "assumptions": list(plan.assumptions),
        "files": [str(path) for path in contents],
    }


def minutes(seconds: float) -> str:
    """Return a time as ``12:34`` minutes and seconds, or ``1:02:03`` with hours."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    text = f"{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{text}" if hours else text


def _print_plan(plan: FlightPlan, site: Site, vehicle: Vehicle) -> None:
    from rich.table import Table

    say = console_text.out.print
    figures = plan.figures
    route = plan.route
    purpose = "" if route.purpose == route.route_id else f" ({route.purpose})"
    say(f"plan         {route.route_id}{purpose} at {site.id}, every leg and way home checked",
        markup=False, soft_wrap=True)  # fmt: skip
    at_work = f", {figures.survey_length_m:.0f} m with the camera at work"
    say(f"length       {figures.length_m:.0f} m{at_work if figures.survey_length_m else ''}",
        markup=False)  # fmt: skip
    say(f"time         {minutes(figures.duration_s)} in {figures.sorties} "
        f"sortie{'s'[: figures.sorties > 1]}", markup=False)  # fmt: skip
    say(f"photos       {figures.photos}" + ("" if figures.photos else " (video all the way)"))
    coarse, fine = (100.0 * gsd for gsd in figures.gsd_m)
    between = f"{coarse:.1f}" if f"{coarse:.1f}" == f"{fine:.1f}" else f"{fine:.1f} to {coarse:.1f}"
    say(f"resolution   {between} cm of ground per pixel")
    if figures.coverage is not None:
        say(f"coverage     {100.0 * figures.coverage:.1f} % of the area asked for")
    if figures.lower_bound_m is not None and figures.bound_ratio is not None:
        say(f"lower bound  {figures.lower_bound_m:.0f} m; flown {figures.bound_ratio:.3f} times")
    least = min(1.0 - sortie.energy_wh / vehicle.battery_wh for sortie in plan.sorties)
    say(f"energy       {figures.energy_wh:.0f} Wh; at least {100.0 * least:.0f} % of the battery "
        f"left, {100.0 * vehicle.reserve:.0f} % asked for")  # fmt: skip
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("sortie", justify="right")
    table.add_column("from")
    for heading in ("length m", "time", "energy Wh", "left %", "photos", "waypoints"):
        table.add_column(heading, justify="right")
    for sortie in plan.sorties:
        table.add_row(
            str(sortie.number),
            sortie.home.dock_id,
            f"{sortie.length_m:.0f}",
            minutes(sortie.duration_s),
            f"{sortie.energy_wh:.0f}",
            f"{100.0 * (1.0 - sortie.energy_wh / vehicle.battery_wh):.0f}",
            str(sortie.photos),
            str(len(sortie.waypoints)),
        )
    say()
    say(table)
    say()
    for assumption in plan.assumptions:
        say(f"assumed      {assumption}", markup=False, soft_wrap=True)
