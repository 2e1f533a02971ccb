"""Laying out a route: what a purpose and its options come to at one site.

`lay_out` turns a `RouteRequest` into a `PatrolRoute`: the strips along which the camera works.
The ways between them, and the terrain under them, belong to the planner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drone.records import Home, PatrolRoute
from drone.route_request import RouteRequest
from drone.routes.area import lay_out_area
from drone.routes.corridor import lay_out_corridor
from drone.routes.look import lay_out_look
from drone.routes.orbit import lay_out_orbit
from drone.routes.perimeter import lay_out_perimeter
from drone.routes.points import lay_out_points
from park.site import Site

_LAY_OUT: Mapping[str, Callable[[Site, RouteRequest, Home], PatrolRoute]] = {
    "area": lay_out_area,
    "corridor": lay_out_corridor,
    "perimeter": lay_out_perimeter,
    "points": lay_out_points,
    "orbit": lay_out_orbit,
    "look": lay_out_look,
}


def lay_out(site: Site, request: RouteRequest, *, home: Home) -> PatrolRoute:
    """Return the route that a request comes to.

    Args:
        site: the park, whose features the route follows.
        request: what is asked for.
        home: where the drone starts; routes begin near it.

    Raises:
        RouteError: the site has nothing that the request is about, or it may not be flown over.
        SiteError: the request names a zone that the site does not have.
    """
    return _LAY_OUT[request.purpose](site, request, home)
