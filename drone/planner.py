"""Planning a patrol: from a request to sorties, checked against every rule of the air."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from shapely.geometry.base import BaseGeometry

from drone.airspace import Airspace, Limits, refuse
from drone.energy import EnergyModel
from drone.fence import make_fence
from drone.leg_geometry import fans_to, legs_by_target, lines_of
from drone.records import (
    FlightPlan,
    Home,
    PatrolRoute,
    PlanFigures,
    RallyPoint,
    Strip,
    Vehicle,
    Wind,
)
from drone.route_request import RouteRequest
from drone.sorties import LEAST_PIECE_M, PlannedSortie, SortieMaker
from drone.strips import FlownStrip, flown_strip
from drone.transits import Transits
from drone.ways_home import Flights, RallyFinder, lower_returns_z_m, return_z_m
from park.errors import AirspaceError, RouteError
from park.geodesy import FloatArray, distance_m
from park.site import Site
from park.terrain import FlatTerrain, Terrain

_LEAST_PITCH_DEG = 5.0
_STILL_MPS = 0.5
_HALVINGS = 3


def plan(
    site: Site,
    site_hash: str,
    request: RouteRequest,
    *,
    vehicle: Vehicle | None = None,
    wind: Wind | None = None,
    terrain: Terrain | None = None,
    dock_id: str | None = None,
    limits: Limits | None = None,
) -> FlightPlan:
    """Return the plan of a patrol, every leg and every way home of it checked.

    Where the vehicle's own straight way home is closed from somewhere (ArduCopter's RTL knows no
    detours), the plan has rally points, and the vehicle returns to the nearest of those and
    home; see `drone.airspace` for the parameters that this rests on.

    Args:
        site: the park.
        site_hash: SHA-256 of its file.
        request: what to fly.
        vehicle: what it can do.
        wind: planned for.
        terrain: the ground, with heights above the take-off point.
        dock_id: where to fly from; else the request's own dock, else the nearest to each strip.
        limits: distances and heights to keep.

    Raises:
        RouteError: the site has no dock or not that one, the request cannot be laid out there,
            a place is out of reach on one battery, or the wind is too strong.
        AirspaceError: a leg or a way home breaks a rule of the air.
    """
    # Laying out takes a routing library's time to load; those who plan their own route do without.
    from drone.routes import lay_out

    wanted = dock_id or request.options.dock
    homes = homes_of(site, wanted)
    route = lay_out(site, request, home=homes[0])
    return plan_route(
        site,
        site_hash,
        route,
        homes=homes,
        vehicle=vehicle,
        wind=wind,
        terrain=terrain,
        limits=limits,
    )


def homes_of(site: Site, dock_id: str | None = None) -> tuple[Home, ...]:
    """Return the docks that may be flown from: the one named, or all.

    Raises:
        RouteError: the site has no dock, or not that one.
    """
    if not site.docks:
        raise RouteError(
            f"site {site.id!r} has no dock, so nowhere to take off from; add a feature with "
            '"kind": "dock" to its file'
        )
    homes = tuple(
        Home(
            dock.id,
            dock.geometry.y,
            dock.geometry.x,
            site.takeoff_alt_amsl_m if dock.alt_amsl_m is None else dock.alt_amsl_m,
        )
        for dock in site.docks
        if dock_id in (None, dock.id)
    )
    if not homes:
        known = ", ".join(dock.id for dock in site.docks)
        raise RouteError(f"site {site.id!r} has no dock {dock_id!r}; its docks are: {known}")
    return homes


@dataclass(frozen=True, slots=True)
class _DockShare:
    """What is flown from one dock."""

    place: FloatArray
    return_z_m: float
    maker: SortieMaker
    sorties: list[PlannedSortie]


def plan_route(
    site: Site,
    site_hash: str,
    route: PatrolRoute,
    *,
    homes: Sequence[Home],
    vehicle: Vehicle | None = None,
    wind: Wind | None = None,
    terrain: Terrain | None = None,
    limits: Limits | None = None,
) -> FlightPlan:
    """Return the plan of a route that is laid out already; see `plan`.

    Raises:
        RouteError: see `plan`.
        AirspaceError: see `plan`.
    """
    terrain = terrain or FlatTerrain()
    airspace = Airspace.of(site, terrain, limits)
    model = EnergyModel(vehicle or Vehicle(), wind or Wind())
    transits = Transits(airspace, model)
    shares = [
        _fly_from(airspace, transits, home, strips, route)
        for home, strips in _by_dock(airspace, homes, route.strips)
    ]
    planned, flights = _with_rally(airspace, shares)
    first = shares[0]
    rally_points = tuple(
        dict.fromkeys(point for one in planned for point in one.sortie.rally or ())
    )
    # Before the fence, which cannot be made around what is not allowed.
    found = [
        violation
        for one in planned
        for violation in airspace.check_sortie(one.sortie, one.sortie.rally or ())
    ]
    refuse(found, f"the plan of route {route.route_id}")
    fence, notes = make_fence(
        airspace,
        _ground_plans(flights),
        home=first.place,
        highest_z_m=max(
            max(float(flight.legs[:, :, 2].max()), flight.return_z_m)
            - float(flight.home[2] - first.place[2])
            for flight, _ in flights
        ),
    )
    return FlightPlan(
        site_id=site.id,
        site_hash=site_hash,
        route=route,
        sorties=tuple(one.sortie for one in planned),
        fence=fence,
        rally=rally_points,
        figures=_figures(airspace, route, planned),
        assumptions=(*_assumptions(airspace, model, route, rally_points), *notes),
    )


def _by_dock(
    airspace: Airspace, homes: Sequence[Home], strips: Sequence[Strip]
) -> list[tuple[Home, list[FlownStrip]]]:
    """Return the strips of each dock: the nearest one's, long strips cut between docks."""
    highest = airspace.limits.max_alt_agl_m
    flown = [flown_strip(airspace.ground, strip, highest) for strip in strips]
    if len(homes) == 1:
        return [(homes[0], flown)]
    places = np.array([airspace.home_place(home) for home in homes])
    shares: dict[int, list[FlownStrip]] = {}
    for strip in flown:
        for nearest, piece in _pieces(strip, places):
            shares.setdefault(nearest, []).append(piece)
    return [(homes[index], pieces) for index, pieces in shares.items()]


def _pieces(strip: FlownStrip, places: FloatArray) -> list[tuple[int, FlownStrip]]:
    """Return the parts of a strip with the index of the nearest of places."""
    step = max(LEAST_PIECE_M, strip.length_m / 1000.0)
    distances = np.arange(0.0, strip.length_m + step, step)
    along = strip.distances_m
    here = np.column_stack([np.interp(distances, along, strip.line[:, k]) for k in (0, 1)])
    apart = np.hypot(*(here[:, None, :] - places[None, :, :2]).transpose(2, 0, 1))
    nearest = apart.argmin(axis=1)
    changes = np.flatnonzero(np.diff(nearest)) + 1
    found: list[tuple[int, FlownStrip]] = []
    begun = 0.0
    for change in changes:
        at = float(distances[change]) - begun
        if at < LEAST_PIECE_M or strip.length_m - at < LEAST_PIECE_M:
            continue
        head, strip = strip.cut(at)
        found.append((int(nearest[change - 1]), head))
        begun += at
    found.append((int(nearest[-1]), strip))
    return found


def _fly_from(
    airspace: Airspace,
    transits: Transits,
    home: Home,
    strips: list[FlownStrip],
    route: PatrolRoute,
) -> _DockShare:
    place = airspace.home_place(home)
    legs = np.concatenate([_legs(strip) for strip in strips])
    lowest = min(point.alt_agl_m for strip in route.strips for point in strip.points)
    height = return_z_m(airspace, place, legs, float(place[2]) + lowest)
    refused: AirspaceError | None = None
    for tried in (height, *lower_returns_z_m(airspace, place, legs, height)):
        try:
            refuse(airspace.check_home(home, tried), f"dock {home.dock_id}")
            maker = SortieMaker(airspace, transits, home, tried, route.speed_mps)
            return _DockShare(place, tried, maker, maker.make(strips))
        except AirspaceError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _legs(strip: FlownStrip) -> FloatArray:
    """Return a strip's legs; a single point is a leg to itself."""
    line = strip.line if len(strip.line) > 1 else np.repeat(strip.line, 2, axis=0)
    return np.stack([line[:-1], line[1:]], axis=1)


def _with_rally(
    airspace: Airspace, shares: Sequence[_DockShare]
) -> tuple[list[PlannedSortie], list[tuple[Flights, FloatArray]]]:
    """Return the sorties with their rally points, and what they fly with where they may land.

    The same points for all sorties where that does, so that they are sent but once; else each
    sortie its own; else shorter sorties, which need fewer. Where nothing does, the check that
    follows says what is wrong.
    """
    finder = RallyFinder(airspace)
    planned: list[PlannedSortie] = []
    flights: list[tuple[Flights, FloatArray]] = []
    for share in shares:
        flown = [_flights(airspace, share, [one]) for one in share.sorties]
        if len(shares) == 1:
            common = finder.places(_flights(airspace, share, share.sorties))
        else:
            common = None
        if common is not None:
            found = [(one, f, common) for one, f in zip(share.sorties, flown, strict=True)]
        else:
            found = [
                part for one in share.sorties for part in _safe_parts(airspace, finder, share, one)
            ]
        for one, flight, places in found:
            points = _rally_points(airspace, places, share)
            sortie = replace(one.sortie, number=len(planned) + 1, rally=points)
            planned.append(replace(one, sortie=sortie))
            flights.append((flight, places))
    return planned, flights


def _safe_parts(
    airspace: Airspace,
    finder: RallyFinder,
    share: _DockShare,
    planned: PlannedSortie,
    times: int = _HALVINGS,
) -> list[tuple[PlannedSortie, Flights, FloatArray]]:
    """Return a sortie with its places to land, in parts where it has none as a whole."""
    flight = _flights(airspace, share, [planned])
    places = finder.places(flight)
    if places is not None:
        return [(planned, flight, places)]
    parts = share.maker.halved(planned) if times else [planned]
    if len(parts) == 1:
        return [(planned, flight, np.empty((0, 3)))]
    return [
        found for part in parts for found in _safe_parts(airspace, finder, share, part, times - 1)
    ]


def _flights(airspace: Airspace, share: _DockShare, sorties: Sequence[PlannedSortie]) -> Flights:
    legs = np.concatenate([airspace.legs_of(one.sortie) for one in sorties])
    return Flights(share.place, legs, share.return_z_m)


def _rally_points(
    airspace: Airspace, places: FloatArray, share: _DockShare
) -> tuple[RallyPoint, ...]:
    points = []
    for place in places:
        lat, lon = airspace.site.frame.to_lat_lon(float(place[0]), float(place[1]))
        points.append(RallyPoint(lat, lon, share.return_z_m - float(share.place[2])))
    return tuple(points)


def _ground_plans(flights: Sequence[tuple[Flights, FloatArray]]) -> list[BaseGeometry]:
    plans: list[BaseGeometry] = []
    for flight, rally in flights:
        plans += list(lines_of(flight.legs))
        for target, part, _ in legs_by_target(flight.legs, np.vstack([flight.home, *rally])):
            if len(part):
                plans += list(fans_to(part, target))
    return plans


def _figures(
    airspace: Airspace, route: PatrolRoute, planned: Sequence[PlannedSortie]
) -> PlanFigures:
    survey = sum(one.survey_m for one in planned)
    bound = route.lower_bound_m
    return PlanFigures(
        length_m=sum(one.sortie.length_m for one in planned),
        survey_length_m=survey,
        duration_s=sum(one.sortie.duration_s for one in planned),
        energy_wh=sum(one.sortie.energy_wh for one in planned),
        sorties=len(planned),
        photos=sum(one.sortie.photos for one in planned),
        gsd_m=_gsd_m(route),
        coverage=_coverage(airspace, route, planned),
        lower_bound_m=bound,
        bound_ratio=(survey + sum(one.between_m for one in planned)) / bound if bound else None,
    )


def _coverage(
    airspace: Airspace, route: PatrolRoute, planned: Sequence[PlannedSortie]
) -> float | None:
    if route.requested_area is None:
        return None
    from drone.coverage import coverage

    terrain = airspace.ground.terrain
    return coverage(route, tuple(one.sortie for one in planned), terrain=terrain)


def _gsd_m(route: PatrolRoute) -> tuple[float, float]:
    """Return the coarsest and the finest ground sampling distance in the middle of pictures."""
    found = []
    for strip in route.strips:
        for point in strip.points:
            if point.look_at is not None:
                across = distance_m(point.lat_deg, point.lon_deg, *point.look_at)
                slant = math.hypot(across, point.alt_agl_m)
            else:
                pitch = min(point.gimbal_pitch_deg, -_LEAST_PITCH_DEG)
                slant = point.alt_agl_m / math.sin(math.radians(-pitch))
            found.append(route.camera.gsd_m(slant))
    return max(found), min(found)


def _assumptions(
    airspace: Airspace, model: EnergyModel, route: PatrolRoute, rally: Sequence[RallyPoint]
) -> tuple[str, ...]:
    found: list[str] = []
    if airspace.ground.is_level:
        found.append("level ground at take-off height; heights above ground are those above home")
    else:
        found.append(
            f"ground from an elevation model, one sigma {airspace.ground.terrain.sigma_m:.1f} m"
        )
    if model.wind.speed_mps < _STILL_MPS:
        found.append("no wind")
    found.append(
        "roofs, masts, trees and lines that are not in the site file are not known to the plan"
    )
    found += route.notes
    if rally:
        places = "; ".join(f"{point.lat_deg:.6f}, {point.lon_deg:.6f}" for point in rally)
        found.append(
            "the straight way home is closed from parts of the route, so the vehicle may land at "
            f"{places}: look there first, and keep people away"
        )
    return tuple(found)
