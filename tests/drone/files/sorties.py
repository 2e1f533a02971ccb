"""Sorties and plans for tests of files."""

from __future__ import annotations

from hypothesis import strategies as st

from drone.records import (
    Camera,
    Fence,
    FlightPlan,
    Home,
    LegKind,
    PatrolRoute,
    PlanFigures,
    RallyPoint,
    RoutePoint,
    Sortie,
    Strip,
    Waypoint,
)

HOME = Home("roof", 31.2, 121.4, 12.5)


def survey_sortie(number: int = 1) -> Sortie:
    """Return two strips with photos by distance, one place to look at, and the way home."""
    return Sortie(
        number,
        HOME,
        40.0,
        (
            Waypoint(31.201, 121.4, 60.0, LegKind.TRANSIT, 12.0, 0.0, -90.0, None, 20.0),
            Waypoint(31.203, 121.4, 60.0, LegKind.SURVEY, 8.0, photo_spacing_m=0.0),
            Waypoint(31.203, 121.402, 60.0, LegKind.TRANSIT, 12.0, photo_spacing_m=20.0),
            Waypoint(31.201, 121.402, 62.5, LegKind.SURVEY, 8.0, photo_spacing_m=0.0),
            Waypoint(
                *(31.2005, 121.4015, 50.0, LegKind.SURVEY, 6.0),
                hold_s=12.0,
                look_at=(31.2, 121.4015),
                take_photo=True,
            ),
            Waypoint(31.2, 121.4, 60.0, LegKind.RETURN, 12.0),
        ),
        *(1000.0, 160.0, 25.0, 24),
    )


def plan_of(*sorties: Sortie) -> FlightPlan:
    point = RoutePoint(31.201, 121.4, 60.0)
    route = PatrolRoute("area", "area", (Strip((point,)),), Camera(), 8.0)
    figures = PlanFigures(
        *(1000.0, 500.0, 160.0, 25.0, len(sorties), 24, (0.05, 0.04)), None, None, None
    )
    square = ((31.19, 121.39), (31.19, 121.41), (31.21, 121.41), (31.21, 121.39))
    hole = ((31.202, 121.405), (31.202, 121.406), (31.203, 121.406))
    fence = Fence(square, (hole,), 120.0)
    rally = (RallyPoint(31.205, 121.395, 60.0),)
    return FlightPlan("park", "0" * 64, route, sorties, fence, rally, figures)


numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: value + 0.0)
"""Numbers as a file holds them, without a negative zero, which equals zero."""


@st.composite
def places(draw: st.DrawFn) -> tuple[float, float]:
    """Return a latitude and a longitude."""
    return draw(st.floats(-90.0, 90.0)), draw(st.floats(-180.0, 180.0))
