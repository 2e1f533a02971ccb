"""Routes along roads and pipelines: the whole network with little repetition."""

from __future__ import annotations

import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from drone.records import Home, PatrolRoute
from drone.route_options import CorridorOptions
from drone.route_request import RouteRequest
from drone.routes.flyable import Flyable, polygon_or_none, xy_of
from drone.routes.network import covering_lines
from drone.routes.photos import photo_spacing
from park.errors import RouteError
from park.site import Site
from park.site_model import Pipeline, Road

DEFAULT_WIDTH_M = 10.0
"""Width of the strip that is to be seen along a line that does not say its own, metres."""


def lay_out_corridor(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route along lines of the site, or along the lines drawn for it.

    The lines are made into a network, noded where they cross, and flown by the shortest round
    that covers it (route inspection). The lower bound is the length of the network, twice that
    when both sides are flown.

    Raises:
        RouteError: the site has no such lines, or none of them may be flown over.
    """
    options = request.options
    if not isinstance(options, CorridorOptions):
        raise RouteError(f"route {request.route_id!r} does not follow lines")
    ground = Flyable(site, options.height_m, options.margin_m)
    lines, what = _lines(site, request, options)
    band = shapely.union_all([line.buffer(w / 2.0, cap_style="flat") for line, w in lines])
    wanted, notes = ground.cut(shapely.union_all([line for line, _ in lines]), what)
    start = ground.frame.to_en_m(home.lat_deg, home.lon_deg)
    paths, length = covering_lines(
        wanted, start=start, offset_m=options.offset_m, both=options.sides == "both"
    )
    flown = [part for path in paths for part in _inside(path, ground)]
    if not flown:
        raise RouteError(
            f"{what}: {options.offset_m:g} m beside it nothing may be flown; make offset_m smaller"
        )
    spacing, speed, said = photo_spacing(options, options.forward_overlap)
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=tuple(
            ground.strip(xy_of(part), pitch_deg=options.pitch_deg, photo_spacing_m=spacing)
            for part in flown
        ),
        camera=options.camera,
        speed_mps=speed,
        requested_area=polygon_or_none(ground.frame.unproject_geometry(band)),
        lower_bound_m=length,
        notes=(*notes, *said),
    )


def _inside(path: LineString, ground: Flyable) -> list[LineString]:
    if ground.area.covers(path):
        return [path]
    parts = shapely.get_parts(path.intersection(ground.area))
    return [part for part in parts if isinstance(part, LineString) and part.length > 1.0]


def _lines(
    site: Site, request: RouteRequest, options: CorridorOptions
) -> tuple[list[tuple[BaseGeometry, float]], str]:
    """Return lines in metres with the widths that are to be seen along them, and a name."""
    if request.geometry is not None and options.along is None and not options.ids:
        if request.geometry.geom_type not in ("LineString", "MultiLineString"):
            raise RouteError(
                f"route {request.route_id!r}: a corridor follows lines, not a "
                f"{request.geometry.geom_type}"
            )
        drawn = site.frame.project_geometry(request.geometry)
        return [(drawn, options.width_m or DEFAULT_WIDTH_M)], f"route {request.route_id!r}"
    features: list[Road | Pipeline] = []
    along = options.along or ("both" if options.ids else "roads" if site.roads else "pipelines")
    if along in ("roads", "both"):
        features.extend(site.roads)
    if along in ("pipelines", "both"):
        features.extend(site.pipelines)
    known = [feature.id for feature in features if feature.id]
    unknown = [wanted for wanted in options.ids if wanted not in known]
    if unknown:
        raise RouteError(
            f"site {site.id!r} has no {along if along != 'both' else 'roads or pipelines'} "
            f"{', '.join(unknown)}; it has: {', '.join(known) or 'none with an id'}"
        )
    chosen = [one for one in features if not options.ids or one.id in options.ids]
    if not chosen:
        raise RouteError(
            f"site {site.id!r} has no {along if along != 'both' else 'roads or pipelines'} to "
            "follow; draw some into its file, or give the route a line of its own"
        )
    return [
        (
            site.frame.project_geometry(one.geometry),
            options.width_m or one.width_m or DEFAULT_WIDTH_M,
        )
        for one in chosen
    ], "the " + ("roads and pipelines" if along == "both" else along)
