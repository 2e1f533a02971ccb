"""The words that say what to fly: ROUTE, its arguments and its options, the same for every command.

`parkwatch plan` and `parkwatch fly` take a route of the site or a purpose, and the options of
that purpose. `takes_route` adds them to a command's own options and hands the command one
`RouteWords`; `RouteCommand` is the class to register it with.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from park.errors import SettingsError

if TYPE_CHECKING:
    from drone.records import FlightPlan, Vehicle, Wind
    from drone.route_request import RouteRequest
    from park.site import Site
    from park.terrain import Terrain


@dataclass(frozen=True, slots=True)
class RouteWords:
    """What was said on the command line about the route, and what it is planned with.

    Attributes:
        route: id of a route, or a purpose.
        args: the words after it.
        options: of the purpose, by their names in a site file; None where not given.
        polygon: file with the area to fly, KML, KMZ or GeoJSON.
        wind: ``SPEED,FROM`` in m/s and degrees.
        terrain: elevation model.
        battery_wh: usable when full.
        reserve: share of it that stays.
        hover_w: power to hover.
    """

    route: str
    args: tuple[str, ...] = ()
    options: dict[str, object] | None = None
    polygon: Path | None = None
    wind: str | None = None
    terrain: Path | None = None
    battery_wh: float | None = None
    reserve: float | None = None
    hover_w: float | None = None

    def request(self, site: Site) -> RouteRequest:
        """Return what is asked for.

        Raises:
            RouteError: the route, the purpose or an option is not known or not valid.
            MissionFileError: the polygon cannot be read.
        """
        from drone.route_request import RouteRequest

        geometry = None
        if self.polygon is not None:
            from drone.files import only_area, read_shapes

            geometry = only_area(read_shapes(self.polygon), str(self.polygon))
        return RouteRequest.from_words(
            site, self.route, self.args, self.options or {}, geometry=geometry
        )

    def plan(self, site: Site, site_hash: str) -> FlightPlan:
        """Return the checked plan.

        Raises:
            RouteError: it cannot be planned as it is asked for.
            AirspaceError: it breaks a rule of the air.
            MissionFileError: the polygon cannot be read.
            TerrainError: the elevation model cannot be used.
            SettingsError: the wind or the vehicle is not valid.
        """
        from drone.planner import plan

        request = self.request(site)
        return plan(
            site,
            site_hash,
            request,
            vehicle=self.vehicle(),
            wind=self.wind_planned(),
            terrain=self.ground(site, request.options.dock),
            dock_id=request.options.dock,
        )

    def vehicle(self) -> Vehicle:
        """Return what the vehicle can do.

        Raises:
            SettingsError: a value is not possible.
        """
        from drone.records import Vehicle
        from park.errors import RouteError

        given = {"battery_wh": self.battery_wh, "reserve": self.reserve, "hover_w": self.hover_w}
        try:
            return Vehicle(**{name: value for name, value in given.items() if value is not None})
        except RouteError as error:
            raise SettingsError(f"--battery, --reserve, --hover-power: {error}") from error

    def wind_planned(self) -> Wind:
        """Return the wind to plan for; none where none was given.

        Raises:
            SettingsError: it is not ``SPEED,FROM``.
        """
        from drone.records import Wind
        from park.errors import RouteError

        if self.wind is None:
            return Wind()
        try:
            speed, from_deg = (float(part) for part in self.wind.split(","))
            if not 0.0 <= from_deg <= 360.0:
                raise ValueError(from_deg)
            return Wind(speed, from_deg % 360.0)
        except (ValueError, RouteError) as error:
            why = f" ({error})" if isinstance(error, RouteError) else ""
            raise SettingsError(
                f'--wind "{self.wind}": write speed and where it comes from, m/s and degrees '
                f"clockwise from north, for example 6,270 for 6 m/s from the west{why}"
            ) from error

    def ground(self, site: Site, dock_id: str | None) -> Terrain | None:
        """Return the ground, with heights above the dock; None for level ground."""
        if self.terrain is None:
            return None
        from drone.planner import homes_of
        from park.terrain import DemTerrain, ElevationModel, take_off_reference

        home = homes_of(site, dock_id)[0]
        model = ElevationModel(self.terrain)
        place = (home.lat_deg, home.lon_deg)
        return DemTerrain(model, take_off_reference(model, take_off_place=place))


def _option(kind: Any, *names: str, text: str) -> Any:  # noqa: ANN401 - types for typer
    return Annotated[kind | None, typer.Option(*names, help=text)]


ROUTE_OPTIONS: dict[str, Any] = {
    "alt_agl_m": _option(float, "--alt-agl", text="Height above the ground, metres."),
    "gsd_cm": _option(float, "--gsd", text="Instead of a height: cm of ground per pixel."),
    "speed_mps": _option(float, "--speed", text="Speed while the camera works, m/s."),
    "gimbal_pitch_deg": _option(
        float, "--gimbal-pitch", text="Camera angle: 0 horizon, -90 straight down."
    ),
    "camera": _option(str, "--camera-model", text="WIDTHxHEIGHT@DEGREES, as 1920x1080@70."),
    "dock": _option(str, "--dock", text="Id of the dock to fly from."),
    "zone": _option(str, "--zone", text="area, perimeter: id of the zone."),
    "forward_overlap": _option(
        float, "--overlap", text="Share of a photo that the next one sees again, 0 to 0.9."
    ),
    "side_overlap": _option(
        float, "--side-overlap", text="area: share of a strip that its neighbour sees again."
    ),
    "angle_deg": _option(
        float, "--angle", text="area: direction of the strips, degrees from north."
    ),
    "margin_m": _option(
        float, "--margin", text="Distance from the boundary and no-fly areas, metres."
    ),
    "along": _option(str, "--along", text="corridor: roads, pipelines or both."),
    "ids": _option(str, "--ids", text="corridor, points: only these, with commas between."),
    "offset_m": _option(
        float, "--offset", text="corridor: metres beside the line, positive to its right."
    ),
    "sides": _option(str, "--sides", text="corridor: one, or both for either side once."),
    "width_m": _option(float, "--width", text="corridor: width to be seen, metres."),
    "inward_m": _option(float, "--inward", text="perimeter: distance inside the boundary."),
    "classes": _option(str, "--classes", text="points: only assets of these classes."),
    "min_criticality": _option(
        int, "--min-criticality", text="points: only assets of at least this criticality."
    ),
    "dwell_s": _option(float, "--dwell", text="points, look: seconds to look."),
    "around": _option(str, "--around", text="orbit: id of an asset or building, or LAT,LON."),
    "radius_m": _option(float, "--radius", text="orbit: radius, metres."),
    "turns": _option(int, "--turns", text="orbit: times round at each height."),
    "altitudes_agl_m": _option(
        str, "--altitudes", text="orbit: one circle at each of these heights, with commas."
    ),
    "clockwise": _option(bool, "--clockwise/--anticlockwise", text="orbit: seen from above."),
    "at": _option(str, "--at", text="look: LAT,LON."),
}
"""Options of the purposes, by their name in a site file. `--camera` names a video source in
`parkwatch fly`, so the camera's model has a name of its own."""

_PLAN_OPTIONS: dict[str, Any] = {
    "polygon": _option(Path, "--polygon", text="File with the area to fly: KML, KMZ or GeoJSON."),
    "wind": _option(str, "--wind", text="SPEED,FROM: m/s, and degrees where it comes from."),
    "terrain": _option(Path, "--terrain", text="GeoTIFF of ground heights; level without it."),
    "battery_wh": _option(float, "--battery", text="Usable energy of a full battery, Wh; 270."),
    "reserve": _option(float, "--reserve", text="Share of the battery left at touch-down; 0.25."),
    "hover_w": _option(float, "--hover-power", text="Power to hover, W; 400."),
}

_ARGUMENTS: dict[str, Any] = {
    "route": Annotated[
        str, typer.Argument(metavar="ROUTE", help="Id of a route of the site, or a purpose.")
    ],
    "args": Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARGS]",
            help="Zone, lines, ids, thing or LAT,LON that the purpose is about.",
        ),
    ],
}


def takes_route(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ROUTE, its arguments and its options, and hand them to it as `words`.

    The command's parameter `words` is replaced; its others stay, after the added ones.
    """
    own = inspect.signature(command).parameters
    hints = get_type_hints(command, include_extras=True)
    parameters = [
        inspect.Parameter("route", _KIND, annotation=_ARGUMENTS["route"]),
        inspect.Parameter("args", _KIND, annotation=_ARGUMENTS["args"], default=None),
        *(
            inspect.Parameter(name, _KIND, annotation=annotation, default=None)
            for name, annotation in (ROUTE_OPTIONS | _PLAN_OPTIONS).items()
        ),
        *(
            parameter.replace(kind=_KIND, annotation=hints[name])
            for name, parameter in own.items()
            if name != "words"
        ),
    ]

    @functools.wraps(command)
    def called(**given: Any) -> None:  # noqa: ANN401 - what typer parsed
        words = RouteWords(
            route=given.pop("route"),
            # Texts come with the blank that `RouteCommand` puts before a minus.
            args=tuple(word.strip() for word in given.pop("args") or ()),
            options={name: _stripped(given.pop(name)) for name in ROUTE_OPTIONS},
            **{name: given.pop(name) for name in _PLAN_OPTIONS},
        )
        command(words=words, **given)

    described: Any = called
    described.__signature__ = inspect.Signature(parameters)
    described.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return called


_KIND = inspect.Parameter.KEYWORD_ONLY


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


class RouteCommand(TyperCommand):
    """A command that takes ``-35.36,149.16`` for a place, not for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own
        """Parse, with a blank before every word that begins with a negative number."""
        return super().parse_args(
            ctx, [f" {word}" if re.match(r"-\d", word) else word for word in args]
        )
