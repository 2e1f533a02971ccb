"""Routes along the boundary, inside it, from which the camera sees the fence."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from drone.records import Camera, Home, PatrolRoute, Strip
from drone.route_options import PerimeterOptions
from drone.route_request import RouteRequest
from drone.routes.flyable import Flyable, polygon_or_none, xy_of
from drone.routes.photos import photo_spacing
from park.errors import RouteError
from park.geodesy import FloatArray
from park.site import Site

DEFAULT_INWARD_M = 15.0
"""Distance from the fence where none is asked for: room for gusts and for the error of GPS."""
FENCE_BAND_M = 10.0
"""The ground that is to be seen: this far inside the boundary, metres."""


def lay_out_perimeter(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route along the boundary, or round the inside of a zone.

    Flown are the lines at `inward_m` from the outline, a little further where that saves
    waypoints, never nearer. Where an outline is so narrow that its middle is nearer to the
    fence than that, it is not entered. The lower bound is the length of these lines.

    Raises:
        RouteError: the outline is too narrow, or all of it lies in no-fly areas.
    """
    options = request.options
    if not isinstance(options, PerimeterOptions):
        raise RouteError(f"route {request.route_id!r} is not laid out along a perimeter")
    outline, what = _outline(site, request, options)
    inward = _inward(outline, options, what)
    # The boundary is kept at `inward`; `margin_m` counts for no-fly areas alone.
    ground = Flyable(site, options.height_m, options.margin_m)
    tolerance = min(0.15 * inward, 5.0)
    inside = outline.buffer(-(inward + tolerance), join_style="mitre", mitre_limit=2.0)
    rings = shapely.union_all(
        [ring for part in _polygons(inside) for ring in (part.exterior, *part.interiors)]
    ).simplify(tolerance)
    closed = shapely.union_all(list(ground.closed.values()))
    lines = _lines(rings.difference(closed))
    if not lines:
        raise RouteError(
            f"{what}: all of the way round lies in no-fly areas or near buildings too tall "
            "to fly over; fly higher, or with another inward_m"
        )
    notes = [
        f"{what}: {lost:.0f} m of the way round is left out because of {name}"
        for name, area in ground.closed.items()
        if (lost := rings.intersection(area).length) > 0.5
    ]
    sees = _half_width_m(options.camera, options.height_m, options.pitch_deg)
    if inward > sees:
        notes.append(
            f"{what}: {inward:.0f} m from it the camera does not see it ({sees:.0f} m to the side)"
        )
    spacing, speed, said = photo_spacing(options, options.forward_overlap)
    strips = _in_order(lines, home, ground, options, spacing)
    band = outline.difference(outline.buffer(-FENCE_BAND_M))
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=strips,
        camera=options.camera,
        speed_mps=speed,
        requested_area=polygon_or_none(site.frame.unproject_geometry(band)),
        lower_bound_m=float(sum(line.length for line in lines)) or None,
        notes=(*notes, *said),
    )


def _outline(
    site: Site, request: RouteRequest, options: PerimeterOptions
) -> tuple[BaseGeometry, str]:
    if options.zone is not None:
        site.zone(options.zone)
        area = site.zone_areas_m[options.zone].intersection(site.boundary_m)
        return area, f"zone {options.zone!r}"
    if request.geometry is not None:
        if request.geometry.geom_type not in ("Polygon", "MultiPolygon"):
            raise RouteError(
                f"route {request.route_id!r}: a perimeter goes round a polygon, not a "
                f"{request.geometry.geom_type}; leave the geometry out to follow the boundary"
            )
        drawn = site.frame.project_geometry(request.geometry)
        return drawn.intersection(site.boundary_m), f"route {request.route_id!r}"
    return site.boundary_m, "the boundary"


def _inward(outline: BaseGeometry, options: PerimeterOptions, what: str) -> float:
    """Return the distance from the outline, checked against how wide it is."""
    room = 0.0
    for part in _polygons(outline):
        precision = 1e-3 * math.sqrt(part.area)
        room = max(room, shapely.maximum_inscribed_circle(part, tolerance=precision).length)
    sees = _half_width_m(options.camera, options.height_m, options.pitch_deg)
    inward = options.inward_m
    if inward is None:
        inward = min(DEFAULT_INWARD_M, max(0.7 * sees, 5.0), 0.5 * room)
    if inward * 1.15 >= room or inward < 1.0:
        raise RouteError(
            f"{what} is too narrow for a way round it {inward:.0f} m inside: its middle is only "
            f"{room:.0f} m from the edge; make inward_m smaller"
        )
    return inward


def _half_width_m(camera: Camera, height_m: float, pitch_deg: float) -> float:
    """Return how far to the side the camera sees, on the line across its middle."""
    depression = math.radians(min(max(-pitch_deg, 10.0), 90.0))
    return height_m / math.sin(depression) * math.tan(math.radians(camera.hfov_deg) / 2.0)


def _polygons(area: BaseGeometry) -> list[Polygon]:
    return [part for part in shapely.get_parts(area) if isinstance(part, Polygon)]


def _lines(geometry: BaseGeometry) -> list[LineString]:
    """Return lines that are joined where their ends meet, without crumbs."""
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "LineString"]
    if not parts:
        return []
    merged = shapely.get_parts(shapely.line_merge(shapely.union_all(parts)))
    return [line for line in merged if isinstance(line, LineString) and line.length > 1.0]


def _in_order(
    lines: list[LineString],
    home: Home,
    ground: Flyable,
    options: PerimeterOptions,
    spacing_m: float,
) -> tuple[Strip, ...]:
    """Return lines as strips, each begun where it is nearest to the end of the one before."""
    here = np.array(ground.frame.to_en_m(home.lat_deg, home.lon_deg))
    left = list(lines)
    strips = []
    while left:
        nearest = int(np.argmin(shapely.distance(np.array(left), shapely.Point(here))))
        xy = _from_here(xy_of(left.pop(nearest)), here)
        strips.append(ground.strip(xy, pitch_deg=options.pitch_deg, photo_spacing_m=spacing_m))
        here = xy[-1]
    return tuple(strips)


def _from_here(xy: FloatArray, here: FloatArray) -> FloatArray:
    if np.allclose(xy[0], xy[-1]):
        first = int(np.argmin(np.hypot(*(xy[:-1] - here).T)))
        return np.concatenate((xy[first:-1], xy[: first + 1]))
    ends = np.hypot(*(xy[[0, -1]] - here).T)
    return xy if ends[0] <= ends[1] else xy[::-1].copy()
