"""Parks for tests, drawn in metres around one place."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from drone.records import Home, LegKind, PatrolRoute, Sortie, Waypoint
from park.geodesy import FloatArray, LocalFrame
from park.site import Site
from park.site_model import (
    Asset,
    Boundary,
    Building,
    Dock,
    FeatureBase,
    Names,
    NoFly,
    Pipeline,
    Road,
    Route,
    Zone,
)

FRAME = LocalFrame(22.5, 114.0)
"""What features are drawn in: metres around this place."""


_F = TypeVar("_F", bound=FeatureBase)


def drawn(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape in metres of `FRAME` as degrees."""
    return FRAME.unproject_geometry(shape)


def park(*features: FeatureBase, outline: BaseGeometry | None = None) -> Site:
    """Return a park of 800 m by 600 m, or of the outline given in metres, with these features."""
    shape = shapely.box(-400.0, -300.0, 400.0, 300.0) if outline is None else outline
    boundary = Boundary(
        id="test-park", name=Names(en="Test park"), time_zone="Asia/Shanghai", geometry=drawn(shape)
    )

    return Site(
        boundary,
        zones=_of(features, Zone),
        roads=_of(features, Road),
        pipelines=_of(features, Pipeline),
        buildings=_of(features, Building),
        assets=_of(features, Asset),
        docks=_of(features, Dock),
        no_fly=_of(features, NoFly),
        routes=_of(features, Route),
    )


def _of(features: tuple[FeatureBase, ...], model: type[_F]) -> tuple[_F, ...]:
    return tuple(feature for feature in features if isinstance(feature, model))


def route_feature(route_id: str, purpose: str, shape: Any = None, **options: Any) -> Route:
    """Return a route of the site file; its geometry in metres, if it has one."""
    geometry = None if shape is None else drawn(shape)
    return Route(id=route_id, purpose=purpose, options=options, geometry=geometry)


def home_at(east_m: float, north_m: float) -> Home:
    """Return a place to start from, in metres."""
    lat, lon = FRAME.to_lat_lon(east_m, north_m)
    return Home("dock-1", lat, lon, 10.0)


def metres(route: PatrolRoute) -> list[FloatArray]:
    """Return the strips of a route in metres, each of shape (N, 2)."""
    return [
        np.column_stack(
            FRAME.to_en_m(
                np.array([point.lat_deg for point in strip.points]),
                np.array([point.lon_deg for point in strip.points]),
            )
        )
        for strip in route.strips
    ]


def length_m(route: PatrolRoute) -> float:
    """Return the length of a route: strips, and straight ways from one to the next."""
    paths = metres(route)
    strips = sum(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in paths)
    ways = sum(float(np.hypot(*(other[0] - one[-1]))) for one, other in itertools.pairwise(paths))
    return strips + ways


def flown(route: PatrolRoute) -> tuple[Sortie, ...]:
    """Return the one sortie that flies a route's strips as they are, over level ground."""
    waypoints = []
    for strip in route.strips:
        last = len(strip.points) - 1
        for number, point in enumerate(strip.points):
            waypoints.append(
                Waypoint(
                    point.lat_deg,
                    point.lon_deg,
                    point.alt_agl_m,
                    LegKind.SURVEY if number else LegKind.TRANSIT,
                    route.speed_mps,
                    hold_s=point.hold_s,
                    gimbal_pitch_deg=point.gimbal_pitch_deg,
                    look_at=point.look_at,
                    photo_spacing_m=0.0 if number == last else strip.photo_spacing_m,
                    take_photo=point.take_photo,
                )
            )
    return (Sortie(1, home_at(0.0, 0.0), 50.0, tuple(waypoints), 0.0, 0.0, 0.0, 0),)
