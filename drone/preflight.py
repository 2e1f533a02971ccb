"""The checklist before take-off: a go or a no-go for each line, and why.

Every line that cannot be answered says so; it does not pass for a go. The vehicle may only be armed
when no line says no-go.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import shapely

from drone.airspace import Airspace
from drone.battery_state import share_left
from drone.flight_permission import read_permission
from drone.link import VehicleLink
from drone.mission import fence_items, mission_items, rally_items
from drone.mission_compare import item_differences
from drone.records import FlightPlan, Sortie, Vehicle
from drone.telemetry import LandedState, Telemetry
from drone.transfer import download
from drone.vehicle_params import SafetyRecord, verify
from park.errors import FlightError, PreflightError
from park.geodesy import distance_m
from park.mission_item import MissionItem, MissionType
from park.site import Site

HEARTBEAT_S = 3.0
"""Oldest heartbeat of a link that works."""
MIN_SATELLITES = 8
MAX_HDOP = 1.4
"""ArduCopter's own limit before arming, the default of its GPS_HDOP_GOOD."""
DOCK_M = 10.0
"""How far from the dock the vehicle and its home may be."""
VIDEO_BYTES_PER_S = 1_500_000
"""What a recording is counted with: 12 Mbit/s."""
SPARE_BYTES = 200_000_000
MIN_VISIBILITY_M = 1_500.0

_THREE_DIMENSIONS = 3
_TEXTS_S = 35.0  # complaints about arming are said again every 30 s
_SHOWN_DIFFERENCES = 3


@dataclass(frozen=True, slots=True)
class Weather:
    """The weather at the site, as far as somebody knows it.

    Attributes:
        source: who or what says so.
        wind_mps: at flight height.
        gusts_mps: the strongest.
        rain: whether anything falls.
        visibility_m: how far one sees.
    """

    source: str
    wind_mps: float | None = None
    gusts_mps: float | None = None
    rain: bool | None = None
    visibility_m: float | None = None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of the list.

    Attributes:
        name: what was checked.
        go: None where it could not be found out.
        reason: what was seen.
    """

    name: str
    go: bool | None
    reason: str

    def __str__(self) -> str:
        word = {True: "go", False: "NO GO", None: "unknown"}[self.go]
        return f"{self.name}: {word}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """The whole list.

    Attributes:
        lines: in the order in which they were checked.
    """

    lines: tuple[CheckLine, ...]

    @property
    def go(self) -> bool:
        """Whether the vehicle may be armed: no line says no-go."""
        return all(line.go is not False for line in self.lines)

    def line(self, name: str) -> CheckLine:
        """Return one line by its name."""
        return next(line for line in self.lines if line.name == name)

    def need_go(self) -> None:
        """Do nothing if the vehicle may be armed.

        Raises:
            PreflightError: it may not; every line that says so is in the message.
        """
        against = [f"{line.name}: {line.reason}" for line in self.lines if line.go is False]
        if against:
            raise PreflightError(f"no go: {'; '.join(against)}")


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the checks need to know beside the plan.

    Attributes:
        vehicle: that was planned for.
        recording: folder in which the flight is recorded; None where it is not.
        permission: file with the permission to fly.
        weather: that somebody knows.
        safety: what was set on the vehicle; None where nothing was.
        uploaded: whether mission, fence and rally points should be on the vehicle.
        airspace: of the site, which knows heights above ground; None to go by heights above home.
    """

    vehicle: Vehicle = field(default_factory=Vehicle)
    recording: Path | None = None
    permission: Path | None = None
    weather: Weather | None = None
    safety: SafetyRecord | None = None
    uploaded: bool = True
    airspace: Airspace | None = None


_Line = tuple[bool | None, str]


def check(
    link: VehicleLink,
    plan: FlightPlan,
    sortie: Sortie,
    site: Site,
    options: CheckOptions | None = None,
) -> PreflightReport:
    """Go through the list and return it; nothing on the vehicle is changed.

    A check that fails to be made (the link breaks off meanwhile) is a no-go that says so; the
    other lines are checked all the same.

    Args:
        link: to the vehicle, on the ground.
        plan: with the fence and rally points.
        sortie: that is to be flown.
        site: that it was planned for.
        options: what else is known.
    """
    options = options or CheckOptions()
    seen = link.telemetry
    checks: tuple[tuple[str, Callable[[], _Line]], ...] = (
        ("link", lambda: _link(link, seen)),
        ("on the ground", lambda: _on_the_ground(seen)),
        ("GPS", lambda: _gps(seen)),
        ("EKF", lambda: _ekf(seen)),
        ("vehicle's own checks", lambda: _own_checks(link, seen)),
        ("battery", lambda: _battery(link, seen, sortie, options.vehicle)),
        ("home inside the boundary", lambda: _home(seen, site)),
        ("at the dock", lambda: _at_dock(seen, sortie)),
        ("mission", lambda: _list(link, mission_items(sortie), MissionType.MISSION, options)),
        ("fence", lambda: _list(link, fence_items(plan.fence), MissionType.FENCE, options)),
        (
            "rally points",
            lambda: _list(link, rally_items(plan.rally_of(sortie)), MissionType.RALLY, options),
        ),
        ("safety parameters", lambda: _safety(link, options)),
        ("storage", lambda: _storage(sortie, options)),
        ("wind", lambda: _wind(seen, options)),
        ("weather", lambda: _weather(options.weather)),
        ("permission", lambda: _permission(link, plan, sortie, site, options)),
    )
    return PreflightReport(tuple(_lines(checks)))


def _lines(checks: tuple[tuple[str, Callable[[], _Line]], ...]) -> Iterator[CheckLine]:
    for name, made in checks:
        try:
            go, reason = made()
        except FlightError as error:
            go, reason = False, str(error)
        yield CheckLine(name, go, reason)


def _link(link: VehicleLink, seen: Telemetry) -> _Line:
    age_s = seen.heartbeat_age_s
    if link.lost or age_s > HEARTBEAT_S:
        return False, f"no heartbeat for {age_s:.1f} s"
    signed = "signed" if link.signed else "not signed"
    return True, f"heartbeat {age_s:.1f} s ago, {signed}"


def _on_the_ground(seen: Telemetry) -> _Line:
    if seen.armed:
        return False, "the motors are armed already; somebody else may be flying it"
    if seen.landed not in (LandedState.ON_GROUND, LandedState.UNKNOWN):
        return False, f"the vehicle says that it is {seen.landed.replace('_', ' ')}"
    return True, f"disarmed, mode {seen.mode}"


def _gps(seen: Telemetry) -> _Line:
    if seen.gps_fix is None or seen.satellites is None:
        return False, "the vehicle tells nothing about its GPS"
    hdop = "unknown" if seen.hdop is None else f"{seen.hdop:.1f}"
    words = f"fix type {seen.gps_fix}, {seen.satellites} satellites, HDOP {hdop}"
    if seen.gps_fix < _THREE_DIMENSIONS:
        return False, f"{words}; no position in three dimensions"
    if seen.satellites < MIN_SATELLITES:
        return False, f"{words}; {MIN_SATELLITES} satellites are needed"
    if seen.hdop is not None and seen.hdop > MAX_HDOP:
        return False, f"{words}; more than {MAX_HDOP:g} is too inexact"
    return True, words


def _ekf(seen: Telemetry) -> _Line:
    if seen.ekf_ok is None:
        return False, "the vehicle does not say whether it trusts its position"
    return seen.ekf_ok, (
        "position trusted" if seen.ekf_ok else "the vehicle does not trust its position (yet)"
    )


def _own_checks(link: VehicleLink, seen: Telemetry) -> _Line:
    if seen.prearm_ok:
        return True, "passed"
    since_s = link.clock.monotonic_s() - _TEXTS_S
    said = dict.fromkeys(t.text for t in link.texts_since(since_s) if t.text.startswith("PreArm"))
    if seen.prearm_ok is None and not said:
        return None, "the vehicle says nothing about them; it will when it is armed"
    return False, "; ".join(said) or "not passed; it does not say why"


def _battery(link: VehicleLink, seen: Telemetry, sortie: Sortie, vehicle: Vehicle) -> _Line:
    needed = sortie.energy_wh / vehicle.battery_wh + vehicle.reserve
    left = share_left(
        percent=seen.battery_percent,
        volts=seen.battery_v,
        low_volts=link.read_param("BATT_LOW_VOLT"),
    )
    if left is None:
        return False, "the vehicle tells neither how much is left nor a voltage that would say"
    share, source = left
    words = (
        f"{share:.0%} left ({source}), {needed:.0%} needed: {sortie.energy_wh:.0f} Wh and a "
        f"reserve of {vehicle.reserve:.0%}"
    )
    return share >= needed, words


def _home(seen: Telemetry, site: Site) -> _Line:
    place, words = _home_place(seen)
    if place is None:
        return False, "the vehicle knows neither a home nor where it is"
    lat_deg, lon_deg = place
    inside = bool(site.boundary_m.covers(shapely.Point(site.frame.to_en_m(lat_deg, lon_deg))))
    where = f"{words} {lat_deg:.6f}, {lon_deg:.6f}"
    return inside, where if inside else f"{where} is outside the boundary of {site.id}"


def _home_place(seen: Telemetry) -> tuple[tuple[float, float] | None, str]:
    if seen.home_lat_deg is not None and seen.home_lon_deg is not None:
        return (seen.home_lat_deg, seen.home_lon_deg), "home"
    if seen.lat_deg is not None and seen.lon_deg is not None:
        return (seen.lat_deg, seen.lon_deg), "no home yet; it will be where it stands,"
    return None, ""


def _at_dock(seen: Telemetry, sortie: Sortie) -> _Line:
    if seen.lat_deg is None or seen.lon_deg is None:
        return False, "the vehicle does not know where it is"
    dock = sortie.home
    away_m = distance_m(dock.lat_deg, dock.lon_deg, seen.lat_deg, seen.lon_deg)
    words = f"{away_m:.1f} m from dock {dock.dock_id}"
    if away_m > DOCK_M:
        return False, f"{words}; the flight was planned from there, {DOCK_M:g} m are allowed"
    if seen.home_lat_deg is not None and seen.home_lon_deg is not None:
        home_m = distance_m(dock.lat_deg, dock.lon_deg, seen.home_lat_deg, seen.home_lon_deg)
        if home_m > DOCK_M:
            return False, f"its home is {home_m:.0f} m from dock {dock.dock_id}"
    return True, words


def _list(
    link: VehicleLink,
    wanted: tuple[MissionItem, ...],
    mission_type: MissionType,
    options: CheckOptions,
) -> _Line:
    if not options.uploaded:
        return None, "not uploaded"
    read = download(link, mission_type)
    if not wanted and mission_type is not MissionType.MISSION:
        return not read, f"{len(read)} items on the vehicle, none planned"
    differences = item_differences(wanted, read)
    if differences:
        return False, "; ".join(differences[:_SHOWN_DIFFERENCES])
    return True, f"{len(read)} items read back, as planned"


def _safety(link: VehicleLink, options: CheckOptions) -> _Line:
    if options.safety is None:
        return (None if not options.uploaded else False), "not set"
    changed = verify(link, options.safety)
    if changed:
        return False, "; ".join(changed)
    words = f"{len(options.safety.settings)} set and read back"
    if options.safety.absent:
        words += f"; the vehicle has none for: {'; '.join(options.safety.absent)}"
    return True, words


def _storage(sortie: Sortie, options: CheckOptions) -> _Line:
    if options.recording is None:
        return None, "nothing is recorded"
    folder = options.recording
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return False, f"{options.recording}: {error.strerror}"
    needed = math.ceil(sortie.duration_s * VIDEO_BYTES_PER_S) + SPARE_BYTES
    words = f"{free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed"
    return free >= needed, words


def _wind(seen: Telemetry, options: CheckOptions) -> _Line:
    limit = options.vehicle.max_wind_mps
    known: list[tuple[float, str]] = []
    weather = options.weather
    if weather is not None:
        given = [mps for mps in (weather.wind_mps, weather.gusts_mps) if mps is not None]
        known += [(max(given), weather.source)] if given else []
    if seen.wind_mps is not None:
        known.append((seen.wind_mps, "the vehicle"))
    if not known:
        return None, f"nobody knows; {limit:g} m/s are allowed"
    most_mps, source = max(known)
    words = f"{most_mps:.1f} m/s ({source}), {limit:g} m/s are allowed"
    return most_mps <= limit, words


def _weather(weather: Weather | None) -> _Line:
    if weather is None or (weather.rain is None and weather.visibility_m is None):
        return None, "nobody knows"
    if weather.rain:
        return False, f"rain ({weather.source})"
    if weather.visibility_m is not None and weather.visibility_m < MIN_VISIBILITY_M:
        return False, (
            f"visibility {weather.visibility_m:.0f} m ({weather.source}), "
            f"{MIN_VISIBILITY_M:.0f} m are needed"
        )
    known = [] if weather.rain is None else ["dry"]
    if weather.visibility_m is not None:
        known.append(f"visibility {weather.visibility_m:.0f} m")
    return True, f"{', '.join(known)} ({weather.source})"


def _permission(
    link: VehicleLink, plan: FlightPlan, sortie: Sortie, site: Site, options: CheckOptions
) -> _Line:
    required = site.boundary.flight_permission_required
    if options.permission is None:
        if required:
            return False, f"{site.id} asks for a record of one; give it with --permission FILE"
        return True, f"{site.id} does not ask for one"
    permission = read_permission(options.permission)
    alt_m = max(sortie.takeoff_alt_home_m, *(point.alt_home_m for point in sortie.waypoints))
    if options.airspace is not None:
        alt_m = max(alt_m, options.airspace.highest_agl_m(sortie))
    refusal = permission.refusal(
        site_id=plan.site_id,
        route_id=plan.route.route_id,
        alt_m=alt_m,
        start=link.clock.now(),
        duration_s=sortie.duration_s,
    )
    if refusal is not None:
        return False, f"{permission.permission_id}: {refusal}"
    return True, f"{permission.permission_id} by {permission.issued_by}"
