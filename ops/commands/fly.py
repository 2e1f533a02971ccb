"""`parkwatch fly`: plan, check, take off, patrol, record, come home."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from ops.app import App
from ops.commands.route_words import RouteWords, takes_route
from park.errors import SettingsError

if TYPE_CHECKING:
    from drone.airspace import Airspace
    from drone.preflight import Weather
    from drone.records import FlightPlan, Sortie
    from ops.flying import FlightWish, Flown
    from ops.vehicle_source import VehicleSource
    from park.site import Site

_OTHERWISE = 3
NO_CAMERA = "none"


@takes_route
def fly(
    words: RouteWords,
    site: Annotated[
        Path | None, typer.Option("--site", help="Site file (GeoJSON). Default: PARKWATCH_SITE.")
    ] = None,
    vehicle: Annotated[
        str | None,
        typer.Option(
            "--vehicle",
            metavar="URL",
            help="tcp:HOST:PORT, udp:HOST:PORT, or a serial device, as /dev/ttyUSB0,57600.",
        ),
    ] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Fly a simulated copter.")] = False,
    sitl_binary: Annotated[
        Path | None,
        typer.Option(
            "--sitl-binary",
            help="Fly ArduCopter built for simulation. With --sim, default: PARKWATCH_SITL.",
        ),
    ] = None,
    speedup: Annotated[
        float | None, typer.Option("--speedup", help="Times real time, of a simulation; 1.")
    ] = None,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Stop after the checks before take-off.")
    ] = False,
    sortie: Annotated[
        int | None, typer.Option("--sortie", help="Which sortie of the plan to fly; 1.", min=1)
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Fly all sorties, with a fresh battery for each."),
    ] = False,
    footage: Annotated[
        str | None,
        typer.Option("--footage", help="Folder or s3://bucket/prefix of recordings; footage."),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(
            "--camera",
            help="rtsp://..., a video file, pattern, sim, or none to record nothing. "
            "Simulated vehicles: sim.",
        ),
    ] = None,
    permission: Annotated[
        Path | None, typer.Option("--permission", help="File with the flight permission.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take off without asking first.")
    ] = False,
) -> None:
    """Fly a patrol: plan, check, take off, follow the route, record, come home.

    Started again with the same words while the vehicle is in the air, it takes up the flight.
    Exit status: 0 flown and landed at home, 3 ended otherwise, 2 nothing was armed.
    """
    from ops.flying import FlightWish
    from ops.vehicle_source import VehicleSource

    source = VehicleSource.of(vehicle=vehicle, sim=sim, sitl_binary=sitl_binary, speedup=speedup)
    recorded_by = _camera(video, source)
    asks = not (source.simulated or check_only or yes)
    if asks:
        _need_terminal("take off?")
    if every and sortie is not None:
        raise SettingsError("--all and --sortie are two answers to one question; give one")
    app = App.start()
    loaded, site_hash = app.load_site(site)
    plan = words.plan(loaded, site_hash)
    sorties = _chosen(plan, sortie, every)
    wish = FlightWish(
        site=loaded,
        plan=plan,
        vehicle=words.vehicle(),
        source=source,
        airspace=_airspace(words, loaded, sorties[0]),
        wind=words.wind_planned(),
        camera=recorded_by,
        footage=footage,
        permission=permission,
        weather=_weather(words),
        check_only=check_only,
        confirm=_take_off if asks else None,
    )
    _say_what(plan, sorties, source)
    _fly(wish, sorties)


def _fly(wish: FlightWish, sorties: tuple[Sortie, ...]) -> None:
    """Fly sorties one after another until one does not end as planned.

    Raises:
        Exit: with the status that the command ends with; returns where nothing was armed.
    """
    from ops.flying import fly_sortie

    good = True
    for number, one in enumerate(sorties):
        if number and not wish.source.simulated:
            _ask(f"sortie {one.number}: is there a fresh battery in it, and is it clear to fly?")
        flown = fly_sortie(wish, one)
        if flown.result is None:
            console_text.out.print("all checks say go; nothing was armed")
            return
        _print_flown(flown, one)
        good = flown.result.as_planned
        if not good:
            break
    left = len(wish.plan.sorties) - sorties[-1].number
    if left and good:
        console_text.out.print(
            f"{left} of {len(wish.plan.sorties)} sorties are still to be flown; go on with "
            f"--sortie {sorties[-1].number + 1}"
        )
    raise typer.Exit(0 if good else _OTHERWISE)


def _camera(word: str | None, source: VehicleSource) -> str | None:
    """Return the word for the camera; None where nothing is recorded."""
    if word is None:
        if not source.simulated:
            raise SettingsError(
                "what is to be recorded? Give --camera rtsp://..., or --camera none to fly "
                "without a recording"
            )
        return "sim"
    return None if word == NO_CAMERA else word


def _chosen(plan: FlightPlan, number: int | None, every: bool) -> tuple[Sortie, ...]:
    if every:
        return plan.sorties
    wanted = 1 if number is None else number
    if wanted > len(plan.sorties):
        raise SettingsError(f"--sortie {wanted}: the plan has {len(plan.sorties)}")
    return (plan.sorties[wanted - 1],)


def _airspace(words: RouteWords, site: Site, sortie: Sortie) -> Airspace:
    from drone.airspace import Airspace
    from park.terrain import FlatTerrain

    return Airspace.of(site, words.ground(site, sortie.home.dock_id) or FlatTerrain())


def _weather(words: RouteWords) -> Weather | None:
    from drone.preflight import Weather

    if words.wind is None:
        return None
    return Weather("--wind", wind_mps=words.wind_planned().speed_mps)


def _say_what(plan: FlightPlan, sorties: tuple[Sortie, ...], source: VehicleSource) -> None:
    figures = plan.figures
    say = console_text.err.print
    flown = ", ".join(str(one.number) for one in sorties)
    say(
        f"route {plan.route.route_id} at {plan.site_id}: {figures.length_m / 1000.0:.1f} km, "
        f"{figures.sorties} {'sortie' if figures.sorties == 1 else 'sorties'}; flying {flown} with "
        f"{source.name}",
        markup=False,
        soft_wrap=True,
    )
    for assumption in plan.assumptions:
        say(f"assumed: {assumption}", markup=False, soft_wrap=True)


def _take_off() -> None:
    _ask("take off?")


def _ask(question: str) -> None:
    _need_terminal(question)
    if not typer.confirm(question, err=True):
        raise SettingsError("not confirmed, so nothing was armed")


def _need_terminal(question: str) -> None:
    if not sys.stdin.isatty():
        raise SettingsError(
            f"there is no terminal to ask: {question} Give --yes for the first take-off; further "
            "sorties of a real vehicle need a person at the dock"
        )


def _print_flown(flown: Flown, sortie: Sortie) -> None:
    result = flown.result
    if result is None:
        return
    say = console_text.out.print
    say(f"sortie {sortie.number}     {result.outcome}: {result.cause}", markup=False,
        soft_wrap=True)  # fmt: skip
    if result.lat_deg is not None and result.lon_deg is not None and result.home_m is not None:
        say(f"landed       {result.lat_deg:.6f}, {result.lon_deg:.6f}, "
            f"{result.home_m:.1f} m from home")  # fmt: skip
    say(f"flight       {result.flight_s:.0f} s, {result.waypoints} of {result.of_waypoints} "
        "waypoints")  # fmt: skip
    if result.used_wh is not None:
        say(f"battery      {result.used_wh:.0f} Wh used, {sortie.energy_wh:.0f} Wh planned")
    recording = flown.recording
    if recording is None:
        return
    health = recording.health
    rate = "" if recording.telemetry_hz is None else f", {recording.telemetry_hz:.1f} Hz"
    say(f"footage      {recording.folder} ({health.rows} rows of telemetry{rate})", soft_wrap=True)
    for trouble in health.last_troubles[-3:]:
        console_text.warn(f"recording: {trouble}")
    if recording.upload is not None:
        upload = recording.upload
        say(f"upload       {upload.confirmed} files, {upload.where}", markup=False, soft_wrap=True)
        for name in upload.not_uploaded[:3]:
            console_text.warn(f"{name} is here alone: {upload.last_failure}")
