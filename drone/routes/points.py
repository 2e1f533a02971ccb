"""Routes that visit assets one by one, and look at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.records import Home, PatrolRoute, Strip
from drone.route_options import PointsOptions
from drone.route_request import RouteRequest
from drone.routes.flyable import Flyable
from drone.routes.order import Ways, shortest_round
from drone.routes.standoff import Standoffs, standoff_points
from park.errors import RouteError
from park.geodesy import FloatArray
from park.site import Site
from park.site_model import Asset


@dataclass(frozen=True, slots=True)
class _Target:
    """Something to look at.

    Attributes:
        name: for notes.
        lat_lon: of its middle.
        places: from which it is seen.
    """

    name: str
    lat_lon: tuple[float, float]
    places: Standoffs


def lay_out_points(site: Site, request: RouteRequest, home: Home) -> PatrolRoute:
    """Return a route that looks at assets, in the order of the shortest round from home.

    Unless the camera looks straight down, each is seen from as far off as its angle says, from
    the side that makes the round shortest.

    Raises:
        RouteError: no asset is meant, or one that was named cannot be looked at.
    """
    options = request.options
    if not isinstance(options, PointsOptions):
        raise RouteError(f"route {request.route_id!r} does not visit points")
    ground = Flyable(site, options.height_m, options.margin_m)
    start = ground.frame.to_en_m(home.lat_deg, home.lon_deg)
    targets: list[_Target] = []
    notes: list[str] = []
    for name, shape in _wanted(site, request, options):
        centre, extent = shape.centroid, float(shapely.minimum_bounding_radius(shape))
        found = standoff_points(
            ground, (centre.x, centre.y), extent, options.pitch_deg, towards=start
        )
        if found is None:
            missed = f"{name} cannot be looked at: no place near it may be flown"
            if options.ids:
                raise RouteError(f"route {request.route_id!r}: {missed}")
            notes.append(missed)
            continue
        notes.extend(found.notes(name))
        lat, lon = ground.frame.to_lat_lon(centre.x, centre.y)
        targets.append(_Target(name, (lat, lon), found))
    if not targets:
        raise RouteError(
            f"route {request.route_id!r}: nothing can be looked at: {'; '.join(notes)}"
        )
    return PatrolRoute(
        route_id=request.route_id,
        purpose=request.purpose,
        strips=_visits(ground, targets, np.array(start), options.dwell_s),
        camera=options.camera,
        speed_mps=options.speed,
        notes=tuple(notes),
    )


def _wanted(
    site: Site, request: RouteRequest, options: PointsOptions
) -> list[tuple[str, BaseGeometry]]:
    """Return names and shapes, in metres, of what to look at."""
    if request.geometry is not None:
        parts = shapely.get_parts(site.frame.project_geometry(request.geometry))
        return [(f"place {number}", part) for number, part in enumerate(parts, start=1)]
    known = {asset.id for asset in site.assets if asset.id}
    unknown = [wanted for wanted in options.ids if wanted not in known]
    if unknown:
        raise RouteError(
            f"site {site.id!r} has no asset {', '.join(unknown)}; its assets are: "
            f"{', '.join(sorted(known)) or 'none with an id'}"
        )
    chosen: list[tuple[str, BaseGeometry]] = [
        (f"asset {asset.id or number}", site.frame.project_geometry(asset.geometry))
        for number, asset in enumerate(site.assets, start=1)
        if _is_wanted(asset, options)
    ]
    if not chosen:
        classes = sorted({asset.asset_class for asset in site.assets if asset.asset_class})
        raise RouteError(
            f"route {request.route_id!r}: no asset of site {site.id!r} is meant by classes, "
            f"min_criticality and ids; it has {len(site.assets)} assets of the classes: "
            f"{', '.join(classes) or 'none'}"
        )
    return chosen


def _is_wanted(asset: Asset, options: PointsOptions) -> bool:
    return (
        (not options.ids or asset.id in options.ids)
        and (not options.classes or asset.asset_class in options.classes)
        and (options.min_criticality is None or asset.criticality >= options.min_criticality)
    )


def _visits(
    ground: Flyable, targets: list[_Target], start: FloatArray, dwell_s: float
) -> tuple[Strip, ...]:
    """Return the stops in order, each at the place that makes the round shortest."""
    ways = [Ways(target.places.xy, target.places.xy) for target in targets]
    strips = []
    for number, place in shortest_round(ways, start):
        target = targets[number]
        pitch = float(target.places.pitch_deg[place])
        points = ground.points(
            target.places.xy[place : place + 1],
            pitch_deg=pitch,
            look_at=None if pitch <= -90.0 else target.lat_lon,
            hold_s=dwell_s,
            take_photo=True,
        )
        strips.append(Strip(points))
    return tuple(strips)
