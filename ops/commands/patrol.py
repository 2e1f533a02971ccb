"""`parkwatch patrol`: look at, and steer, a patrol that another terminal flies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text

if TYPE_CHECKING:
    from drone.control import Order, PatrolStatus, Reply

app = typer.Typer(
    help="Look at, and steer, a patrol that another terminal flies.", no_args_is_help=True
)

Flight = Annotated[
    str | None,
    typer.Option("--flight", metavar="ID", help="Which one, where several fly; see `status`."),
]

_NOT_DONE = 3
_PLACE = re.compile(r"\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*(?:,\s*([\d.]+)\s*)?")


@app.command("status")
def status(flight: Flight = None) -> None:
    """Say where patrols are: all of them, or one."""
    from drone.control import Order, OrderName, find_flight, send_order
    from drone.flight_record import flight_records, state_folder
    from park.errors import LinkError

    folder = state_folder()
    flights = flight_records(folder) if flight is None else (find_flight(folder, flight),)
    if not flights:
        console_text.err.print("no patrol flies from this machine under this user")
    silent = 0
    for record in flights:
        try:
            reply = send_order(Order(name=OrderName.STATUS), record)
        except LinkError as error:
            silent += 1
            console_text.warn(str(error))
            continue
        if reply.status is not None:
            print_status(reply.status)
    if silent:
        raise typer.Exit(_NOT_DONE)


@app.command("pause")
def pause(flight: Flight = None) -> None:
    """Stop and hold where it is."""
    _order("pause", flight)


@app.command("resume")
def resume(flight: Flight = None) -> None:
    """Go on with the route."""
    _order("resume", flight)


@app.command("skip")
def skip(flight: Flight = None) -> None:
    """Leave the waypoint out that it flies to."""
    _order("skip", flight)


@app.command("return")
def return_home(flight: Flight = None) -> None:
    """Come home at once and land."""
    _order("return", flight)


@app.command("land")
def land(flight: Flight = None) -> None:
    """Land where it is."""
    _order("land", flight)


@app.command("goto", context_settings={"ignore_unknown_options": True})
def goto(
    place: Annotated[
        str,
        typer.Argument(
            metavar="LAT,LON[,ALT]", help="WGS84 degrees; height above take-off in metres."
        ),
    ],
    flight: Flight = None,
) -> None:
    """Fly straight to a place and hold there; refused where the way is not free."""
    lat_deg, lon_deg, alt_home_m = read_place(place)
    _order("goto", flight, lat_deg=lat_deg, lon_deg=lon_deg, alt_home_m=alt_home_m)


def read_place(text: str) -> tuple[float, float, float | None]:
    """Return latitude, longitude and height, None where it is left out.

    Raises:
        SettingsError: it is no place.
    """
    from park.errors import SettingsError

    found = _PLACE.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        lat_deg, lon_deg = float(found[1]), float(found[2])
        alt_home_m = None if found[3] is None else float(found[3])
    except ValueError:
        raise SettingsError(
            f"{text!r} is no place; write latitude, longitude and, if wanted, the height above "
            "take-off in metres, as in 31.2001,121.5003,40"
        ) from None
    if abs(lat_deg) > 90.0 or abs(lon_deg) > 180.0:
        raise SettingsError(f"{text!r} is no place on Earth; the latitude comes first")
    return lat_deg, lon_deg, alt_home_m


def _order(
    name: str,
    flight: str | None,
    *,
    lat_deg: float | None = None,
    lon_deg: float | None = None,
    alt_home_m: float | None = None,
) -> None:
    from pydantic import ValidationError

    from drone.control import Order, OrderName, find_flight, send_order
    from drone.flight_record import state_folder
    from park.errors import SettingsError

    try:
        order = Order(name=OrderName(name), lat_deg=lat_deg, lon_deg=lon_deg, alt_home_m=alt_home_m)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise SettingsError(f"{name}: {wrong['msg']}, not {wrong['input']!r}") from error
    _print_reply(order, send_order(order, find_flight(state_folder(), flight)))


def _print_reply(order: Order, reply: Reply) -> None:
    if not reply.done:
        console_text.fail(f"{order}: {reply.said}")
        raise typer.Exit(_NOT_DONE)
    console_text.out.print(reply.said, markup=False)
    if reply.status is not None:
        print_status(reply.status)


def print_status(status: PatrolStatus) -> None:
    """Print where a patrol is."""
    say = console_text.out.print
    say(f"{status.flight_id}: {status.state}, {status.cause}", markup=False, soft_wrap=True)
    say(f"  {status_line(status)}", markup=False, soft_wrap=True)


def status_line(status: PatrolStatus) -> str:
    """Return where a patrol is on one line."""
    parts = []
    if status.waypoint:
        parts.append(f"waypoint {status.waypoint} of {status.waypoints}")
    if status.sorties > 1:
        parts.append(f"sortie {status.sortie} of {status.sorties}")
    if status.alt_home_m is not None:
        parts.append(f"{status.alt_home_m:.0f} m up")
    if status.home_m is not None:
        parts.append(f"{status.home_m:.0f} m from home")
    if status.speed_mps is not None:
        parts.append(f"{status.speed_mps:.1f} m/s")
    battery = [
        *([f"{status.battery_percent:.0f} %"] if status.battery_percent is not None else []),
        *([f"{status.battery_left_wh:.0f} Wh"] if status.battery_left_wh is not None else []),
    ]
    if battery:
        parts.append(f"battery {', '.join(battery)}")
    if status.mode is not None:
        parts.append(f"mode {status.mode}")
    if status.link_age_s is not None:
        parts.append(f"heard {status.link_age_s:.1f} s ago")
    if not status.steering:
        parts.append("a pilot flies")
    return ", ".join(parts)
