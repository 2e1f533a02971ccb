"""The fastest safe way to look at a coordinate: what an alarm asks for."""

from __future__ import annotations

import shapely

from drone.records import Home, PatrolRoute, Strip
from drone.route_options import LookOptions
from drone.route_request import RouteRequest
from drone.routes.flyable import Flyable, read_place
from drone.routes.standoff import Standoffs, standoff_points
from park.errors import RouteError
from park.site import Site

MAX_BEYOND_M = 60.0
"""Somebody at the fence may be looked at from inside it, this far outside, metres."""


def lay_out_look(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route of one place from which the camera sees a coordinate.

    With the camera straight down the place is above it; else on the side from which the drone
    comes, as far off as the camera angle says. Where that may not be flown, it is the nearest
    place to home from which it can be seen.

    Raises:
        RouteError: no place was given, it lies far outside the park, or nothing near it may be
            flown.
    """
    options = request.options
    if not isinstance(options, LookOptions):
        raise RouteError(f"route {request.route_id!r} does not look at a coordinate")
    lat, lon = _place(request, options)
    ground = Flyable(site, options.height_m, options.margin_m)
    target = ground.frame.to_en_m(lat, lon)
    here = ground.frame.to_en_m(home.lat_deg, home.lon_deg)
    beyond = float(site.boundary_m.distance(shapely.Point(target)))
    found = None
    if beyond <= MAX_BEYOND_M:
        found = standoff_points(ground, target, 0.0, options.pitch_deg, towards=here)
    if found is None:
        raise RouteError(
            f"{lat:.6f},{lon:.6f} cannot be looked at from {options.height_m:g} m: "
            + (
                f"it is {beyond:.0f} m outside site {site.id!r}, and {MAX_BEYOND_M:.0f} is the most"
                if beyond > MAX_BEYOND_M
                else "no place near it may be flown"
            )
        )
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=(_stop(ground, found, options, (lat, lon)),),
        camera=options.camera,
        speed_mps=options.speed,
        notes=(
            *([f"the place is {beyond:.0f} m outside the boundary"] if beyond else []),
            *found.notes(f"{lat:.6f},{lon:.6f}"),
        ),
    )


def _stop(
    ground: Flyable, found: Standoffs, options: LookOptions, target: tuple[float, float]
) -> Strip:
    nearest = found.nearest()
    points = ground.points(
        found.xy[nearest : nearest + 1],
        pitch_deg=float(found.pitch_deg[nearest]),
        look_at=None if found.pitch_deg[nearest] <= -90.0 else target,
        hold_s=options.dwell_s,
        take_photo=True,
    )
    return Strip(points)


def _place(request: RouteRequest, options: LookOptions) -> tuple[float, float]:
    if options.at is not None:
        return read_place(options.at, "at")
    if request.geometry is not None:
        middle = request.geometry.centroid
        return middle.y, middle.x
    raise RouteError(
        f"route {request.route_id!r}: say where to look: look LAT,LON, for example "
        "look 22.5312,113.9421"
    )
