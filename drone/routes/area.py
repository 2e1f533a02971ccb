"""Routes over an area: every part of it seen, strip by strip, from straight above."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.records import Home, PatrolRoute
from drone.route_options import AreaOptions
from drone.route_request import RouteRequest
from drone.routes.cells import best_sweep, to_and_fro
from drone.routes.flyable import Flyable, areas_of, polygon_or_none
from drone.routes.photos import photo_spacing
from drone.routes.sweep import Field, Footprint
from park.errors import RouteError
from park.site import Site

MAX_ROUTE_M = 30_000_000.0
"""A longer route is a slip of the keyboard: it would be in the air for months."""


def lay_out_area(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route over a zone, the polygon drawn for it, or the whole park.

    Parts that may not be flown over are cut out first, and said in the notes. The lower bound is
    the area, as far as it can be seen from where it may be flown, divided by the distance
    between strips, which is the width of what the camera sees less the side overlap. Turns and
    ways from strip to strip are not in it; and because the camera sees ahead of the ends of
    strips, and its edges need no overlap, a small field may stay below it.

    Raises:
        RouteError: nothing of it may be flown over.
        SiteError: the site does not have that zone.
    """
    options = request.options
    if not isinstance(options, AreaOptions):
        raise RouteError(f"route {request.route_id!r} does not cover an area")
    wanted, what = _wanted(site, request, options)
    ground = Flyable(site, options.height_m, options.margin_m)
    left, notes = ground.cut(wanted, what)
    area = areas_of(left)
    if area.is_empty:
        raise RouteError(f"{what}: only lines of it are left to fly over; draw it larger")
    spacing, speed, said = photo_spacing(options, options.forward_overlap)
    width = options.camera.swath_m(options.height_m)
    footprint = Footprint(
        width, options.camera.depth_m(options.height_m), width * (1.0 - options.side_overlap)
    )
    # From its edge the camera sees across the margin to the fence.
    reach = 0.45 * min(footprint.depth_m, footprint.width_m)
    in_sight = areas_of(
        wanted.intersection(site.boundary_m).intersection(area.buffer(reach, quad_segs=2))
    )
    bound = float(in_sight.area) / footprint.spacing_m
    if bound > MAX_ROUTE_M:
        raise RouteError(
            f"{what}: strips {footprint.spacing_m:.0f} m apart over {in_sight.area / 1e6:.0f} km2 "
            f"are {bound / 1000.0:.0f} km of flight, more than "
            f"{MAX_ROUTE_M / 1000.0:.0f}; fly higher, with less side_overlap, or over less"
        )
    angle = None if options.angle_deg is None else math.radians(90.0 - options.angle_deg)
    start = np.array(ground.frame.to_en_m(home.lat_deg, home.lon_deg))
    flown = to_and_fro(best_sweep(Field(area, in_sight), footprint, angle), start)
    strips = tuple(
        ground.strip(
            ends[:1] if np.allclose(ends[0], ends[1]) else ends,
            pitch_deg=options.pitch_deg,
            photo_spacing_m=spacing,
        )
        for ends in flown
    )
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=strips,
        camera=options.camera,
        speed_mps=speed,
        requested_area=polygon_or_none(site.frame.unproject_geometry(wanted)),
        lower_bound_m=bound,
        notes=(*notes, *said),
    )


def _wanted(site: Site, request: RouteRequest, options: AreaOptions) -> tuple[BaseGeometry, str]:
    """Return what is to be seen, in metres, and its name."""
    if options.zone is not None:
        zone = site.zone(options.zone)
        return site.zone_areas_m[zone.id], f"zone {zone.id!r}"
    if request.geometry is None:
        return site.boundary_m, "the park"
    if request.geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise RouteError(
            f"route {request.route_id!r}: an area is a polygon, not a "
            f"{request.geometry.geom_type}; draw it as one, or name a zone"
        )
    drawn = shapely.make_valid(site.frame.project_geometry(request.geometry))
    return areas_of(drawn), f"route {request.route_id!r}"
