"""Routes around a tower, a stack or a tank, with the camera kept on it."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from drone.records import Home, PatrolRoute, Strip
from drone.route_options import OrbitOptions
from drone.route_request import RouteRequest
from drone.routes.flyable import Flyable, read_place
from park.errors import RouteError
from park.geodesy import FloatArray
from park.site import Site

_CLEAR_M = 10.0
"""Least distance from the outline of the thing itself, metres."""
_OWN_CLOSED_M = 2.0
"""A building that is gone round closes the ground around itself to this far beyond that."""
_STEP_M = 8.0
"""About the distance between two waypoints on the circle, metres."""


def lay_out_orbit(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route of one circle for each height, the lowest first.

    The camera angle follows from height and radius. A radius that was not asked for is made
    smaller where the circle would leave the park or enter a no-fly area.

    Raises:
        RouteError: nothing is named to go round, or there is no room for the circle.
    """
    options = request.options
    if not isinstance(options, OrbitOptions):
        raise RouteError(f"route {request.route_id!r} does not go round anything")
    shape, what = _target(site, request, options)
    centre = shapely.minimum_bounding_circle(shape).centroid
    extent = float(shapely.minimum_bounding_radius(shape))
    heights = sorted(options.altitudes_agl_m) or [options.height_m]
    grounds = [Flyable(site, height, options.margin_m) for height in heights]
    radius = _radius(grounds, centre, extent, options, what)
    middle = np.array([centre.x, centre.y])
    here = np.array(grounds[0].frame.to_en_m(home.lat_deg, home.lon_deg))
    lat, lon = grounds[0].frame.to_lat_lon(centre.x, centre.y)
    strips = []
    for ground in grounds:
        xy = _circle(middle, radius, here, options)
        pitch = -math.degrees(math.atan2(ground.alt_agl_m, radius))
        points = ground.points(xy, pitch_deg=pitch, look_at=(lat, lon))
        strips.append(Strip(points, reversible=False))
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=tuple(strips),
        camera=options.camera,
        speed_mps=options.speed,
    )


def _target(site: Site, request: RouteRequest, options: OrbitOptions) -> tuple[BaseGeometry, str]:
    """Return what to go round, in metres, and its name."""
    if options.around is not None:
        shapes = [(asset.id, asset.geometry) for asset in site.assets]
        shapes += [(building.id, building.geometry) for building in site.buildings]
        for name, shape in shapes:
            if name == options.around:
                return site.frame.project_geometry(shape), name
        if "," in options.around:
            lat, lon = read_place(options.around, "around")
            return Point(site.frame.to_en_m(lat, lon)), f"{lat:.6f},{lon:.6f}"
        known = [f.id for f in (*site.assets, *site.buildings) if f.id]
        raise RouteError(
            f"around {options.around!r} is no asset or building of site {site.id!r}, and no "
            f"LAT,LON; it has: {', '.join(known) or 'none with an id'}"
        )
    if request.geometry is not None:
        return site.frame.project_geometry(request.geometry), f"route {request.route_id!r}"
    raise RouteError(
        f"route {request.route_id!r}: say what to go round: orbit ID, or orbit LAT,LON"
    )


def _radius(
    grounds: list[Flyable], centre: Point, extent: float, options: OrbitOptions, what: str
) -> float:
    """Return the radius: the one asked for, or the largest good one, if there is room."""
    least = extent + _CLEAR_M
    if options.radius_m is not None and options.radius_m < least:
        raise RouteError(
            f"radius_m {options.radius_m:g}: {what} itself reaches {extent:.0f} m from its "
            f"middle; {least:.0f} m or more is valid"
        )
    asked = options.radius_m or max(least, extent + 20.0)
    room = _room_m(grounds, centre, least)
    if asked <= room:
        return asked
    if options.radius_m is None and room >= least:
        return room
    raise RouteError(
        f"a circle of {asked:.0f} m around {what} leaves the boundary or enters a no-fly area, "
        f"with {options.margin_m:g} m margin; "
        + (f"{least:.0f} to {room:.0f} m fit" if room >= least else "there is no room for one")
    )


def _room_m(grounds: list[Flyable], centre: Point, least: float) -> float:
    """Return the largest radius with which all of the circle may be flown; 0 where none may."""
    room = math.inf
    for ground in grounds:
        middle = centre.buffer(least + _OWN_CLOSED_M, quad_segs=32)
        if not ground.area.covers(middle.exterior):
            return 0.0
        outside = ground.area.boundary.difference(middle)
        room = min(room, float(outside.distance(centre)))
    return room - 0.01


def _circle(
    middle: FloatArray, radius: float, here: FloatArray, options: OrbitOptions
) -> FloatArray:
    """Return the circle's corners, all of its turns, begun on the side of home."""
    steps = int(np.clip(math.ceil(2.0 * math.pi * radius / _STEP_M), 12, 48))
    ahead = math.atan2(*(here - middle)[::-1])
    angles = ahead + np.arange(steps * options.turns + 1) * 2.0 * math.pi / steps * (
        -1.0 if options.clockwise else 1.0
    )
    return middle + radius * np.column_stack((np.cos(angles), np.sin(angles)))
