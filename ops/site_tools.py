"""What `parkwatch sites check`, `sites init` and `sites schema` do, without the printing."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import shapely
import shapely.affinity
import tzfpy
from pydantic import ValidationError
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from park.errors import SiteError
from park.geodesy import LocalFrame
from park.records import LatLonDeg
from park.site import Site, read_site_bytes, site_schema
from park.site_checks import site_warnings
from park.site_model import Boundary, Names, Zone
from park.site_rules import ForbiddenZone, NoParking, VehicleLimit

MAX_INIT_SPREAD_M = 50_000.0
"""Footage spread further than this is not one park: `init_site` refuses it."""

EXAMPLE_ZONE_ID = "example-no-parking"
_DECIMALS = 7  # of a degree: about a centimetre


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What is to be said about a site file.

    Attributes:
        path: the file.
        errors: mistakes, each a sentence; the file cannot be used while there is one.
        warnings: what is allowed but probably not meant.
        counts: how many right features there are of each kind, in the order of the kinds.
        site_id: the site's id; None where there is no right boundary.
        name: its English (or only) name; None likewise.
        time_zone: its time zone; None likewise.
        area_km2: what the boundary encloses; None likewise.
    """

    path: str
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    site_id: str | None
    name: str | None
    time_zone: str | None
    area_km2: float | None

    @property
    def ok(self) -> bool:
        """Whether the file can be used."""
        return not self.errors


def check_site(path: str | Path) -> SiteCheck:
    """Return everything there is to say about a site file; never raises for a bad one."""
    try:
        site, mistakes = Site.parse(read_site_bytes(path))
    except SiteError as error:
        text = str(error).removeprefix(f"{path}: ")
        return SiteCheck(str(path), (text,), (), (), None, None, None, None)
    if site is None:
        return SiteCheck(str(path), mistakes, (), (), None, None, None, None)
    counts = Counter(str(getattr(feature, "kind", "")) for feature in site.features)
    return SiteCheck(
        path=str(path),
        errors=mistakes,
        # Warnings about half a site would be about what is missing from it.
        warnings=() if mistakes else (*site_warnings(site), *models_not_shipped(site)),
        counts=tuple(counts.items()),
        site_id=site.id,
        name=site.name.text("en"),
        time_zone=site.boundary.time_zone,
        area_km2=site.boundary_m.area / 1e6,
    )


def models_not_shipped(site: Site) -> tuple[str, ...]:
    """Return what is to be said about each model that a route names and that is not shipped.

    A file is not taken there: weights may hold code, and who writes a site file must not choose
    what runs.
    """
    from vision.models.registry import shipped_models

    shipped = shipped_models()
    return tuple(
        f"route {route.id!r} names the model {name!r}, which is not shipped; there are "
        f"{', '.join(shipped)}; others are named with --model"
        for route in site.routes
        for name in route.models
        if name not in shipped
    )


def init_site(
    footprint: Sequence[LatLonDeg],
    *,
    time_zone: str | None = None,
    site_id: str = "my-site",
    margin_m: float = 30.0,
) -> Site:
    """Return a site to start from, drawn around footage.

    The boundary is the convex hull of the footprint with a margin. One example zone in the
    middle, half as wide, shows the three types of rules; photos taken once can break them.

    Args:
        footprint: (lat_deg, lon_deg) of corners of what the frames see, or of cameras.
        time_zone: IANA name; that of the place where absent.
        site_id: short name to put in.
        margin_m: added around the hull; footprints of cameras alone need more, about their
            height.

    Raises:
        SiteError: there is no usable place, or the places are too far apart for one park.
    """
    places = [
        (lat_deg, lon_deg)
        for lat_deg, lon_deg in footprint
        if math.isfinite(lat_deg) and abs(lat_deg) <= 90 and abs(lon_deg) <= 180
    ]
    if not places:
        raise SiteError(
            "no frame of the footage says where it was taken, so no site can be drawn around it"
        )
    if not margin_m > 0:
        raise SiteError(f"a margin of {margin_m:g} m leaves no area; give more than 0")
    frame = LocalFrame(places[0][0], places[0][1])
    hull_m = shapely.MultiPoint([frame.to_en_m(*place) for place in places]).convex_hull
    spread_m = math.dist(hull_m.bounds[:2], hull_m.bounds[2:])
    if not spread_m <= MAX_INIT_SPREAD_M:
        raise SiteError(
            f"the footage is spread over {spread_m / 1000:.0f} km, more than "
            f"{MAX_INIT_SPREAD_M / 1000:.0f} km; give the footage of one park at a time"
        )
    outline_m = hull_m.buffer(margin_m, quad_segs=4).simplify(margin_m / 20)
    middle = outline_m.centroid
    example_m = shapely.affinity.scale(outline_m, 0.5, 0.5, origin=middle)
    lat_deg, lon_deg = frame.to_lat_lon(middle.x, middle.y)
    try:
        boundary = Boundary(
            id=site_id,
            name=Names(zh="请填写园区名称", en="Name of the park"),
            time_zone=time_zone or _time_zone_at(lat_deg, lon_deg),
            geometry=_degrees(frame, outline_m),
        )
    except ValidationError as error:
        reasons = "; ".join(str(detail["msg"]) for detail in error.errors(include_url=False))
        raise SiteError(reasons.replace("Value error, ", "")) from error
    zone = Zone(
        id=EXAMPLE_ZONE_ID,
        name=Names(zh="示例禁停区", en="Example no-parking zone"),
        notes="An example: move it, change its rules, or delete it.",
        rules=(
            NoParking(min_dwell_s=0.0),
            ForbiddenZone(classes=("truck", "bus")),
            VehicleLimit(max_count=20),
        ),
        geometry=_degrees(frame, example_m),
    )
    return Site(boundary=boundary, zones=(zone,))


def site_to_text(site: Site) -> str:
    """Return a site file, indented for people, ending in a newline."""
    return json.dumps(site.to_geojson(), ensure_ascii=False, indent=2) + "\n"


def schema_to_text() -> str:
    """Return the JSON Schema of site files as it is kept in docs/site.schema.json."""
    return json.dumps(site_schema(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _time_zone_at(lat_deg: float, lon_deg: float) -> str:
    # tzfpy is typed as returning text, and returns an empty one at sea in some versions.
    name = str(tzfpy.get_tz(lon_deg, lat_deg) or "")
    if not name:
        raise SiteError(
            f"no time zone is known at latitude {lat_deg:.5f}, longitude {lon_deg:.5f}; give one"
        )
    return name


def _degrees(frame: LocalFrame, area_m: BaseGeometry) -> Polygon | MultiPolygon:
    rounded = shapely.transform(
        frame.unproject_geometry(area_m), lambda xy: xy.round(decimals=_DECIMALS)
    )
    if not isinstance(rounded, Polygon | MultiPolygon):
        raise SiteError("the places of the footage enclose no area; give a larger margin")
    return rounded
