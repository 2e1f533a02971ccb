"""Making a simulated park from a seed, of any size from 1 to 426 square kilometres."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from shapely.geometry import Polygon

from park.errors import SettingsError
from park.geodesy import LocalFrame
from sim_data.world.blocks import build_blocks
from sim_data.world.draft import Draft
from sim_data.world.layout import BEYOND_M, lay_out
from sim_data.world.perimeter import build_perimeter
from sim_data.world.records import Material, World
from sim_data.world.roads import build_roads
from sim_data.world.routes import routes_of
from sim_data.world.site_file import ILLUSTRATIVE, site_file
from sim_data.world.water import build_canals, build_outfalls
from sim_data.world.zones import draw_zones

LEAST_KM2, MOST_KM2 = 1.0, 426.0
"""Sizes that can be made, square kilometres."""

MIDDLE_LAT_DEG, MIDDLE_LON_DEG = 30.2, 123.4
"""Open sea: nobody can take the park for a real one, and it is still in its time zone."""

START = datetime(2026, 3, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
"""Midnight before a Monday, from which seconds of a world count."""


def generate_park(km2: float, seed: int) -> World:
    """Return a simulated park, the same for the same size and seed.

    Args:
        km2: area inside the boundary, 1 to 426 square kilometres.
        seed: chance it is made with, zero or more.

    Raises:
        SettingsError: the size or the seed is out of range.
    """
    if not LEAST_KM2 <= km2 <= MOST_KM2:
        raise SettingsError(
            f"a simulated park of {km2:g} km2 cannot be made; {LEAST_KM2:g} to {MOST_KM2:g} km2 can"
        )
    if seed < 0:
        raise SettingsError(f"seed {seed} is negative; zero or more is valid")
    layout = lay_out(km2, seed)
    outline = layout.outline()
    boundary_deg = _degrees(outline)
    middle = Polygon(boundary_deg).centroid
    # The frame is that of the site read from its file: around the centroid in degrees.
    frame = LocalFrame(lat_deg=middle.y, lon_deg=middle.x)
    projected = frame.project_geometry(Polygon(boundary_deg))
    assert isinstance(projected, Polygon)
    shift_east = projected.centroid.x - outline.centroid.x
    shift_north = projected.centroid.y - outline.centroid.y
    layout = layout.moved(shift_east, shift_north)
    draft = Draft(seed)
    west, south, east, north = projected.bounds
    around = BEYOND_M * 1.5
    draft.ground(
        Polygon(
            [
                (west - around, south - around),
                (east + around, south - around),
                (east + around, north + around),
                (west - around, north + around),
            ]
        ),
        Material.MEADOW,
        0,
    )
    build_roads(draft, layout)
    build_canals(draft, layout)
    build_blocks(draft, layout)
    build_outfalls(draft, layout)
    build_perimeter(draft, projected)
    draw_zones(draft, projected)
    routes = routes_of(draft, layout, frame)
    return World(
        seed=seed,
        km2=km2,
        frame=frame,
        start=START,
        boundary=projected,
        site_file=site_file(draft, frame, boundary_deg, routes, km2=km2),
        illustrative=ILLUSTRATIVE,
        **draft.things(),
    )


def _degrees(outline: Polygon) -> list[list[float]]:
    """Return the closed ring of the boundary around the middle of the sea, to the centimetre."""
    rough = LocalFrame(MIDDLE_LAT_DEG, MIDDLE_LON_DEG).unproject_geometry(outline)
    assert isinstance(rough, Polygon)
    return [[round(lon, 7), round(lat, 7)] for lon, lat in rough.exterior.coords]
