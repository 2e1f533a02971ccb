"""Draws a plan over its site, for those who have to say whether it may be flown.

Left the map: what may not be flown through, what is asked for and seen, every sortie in its own
colour with arrows, the vehicle's fence, places to land. Right the figures, the key and what had
to be assumed. North is up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from shapely.affinity import affine_transform
from shapely.geometry import LineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from drone.coverage import footprints
from drone.plan_canvas import (
    Canvas,
    Colour,
    PngCanvas,
    PointPx,
    Stroke,
    SvgCanvas,
    polygons_of,
    text_width,
)
from drone.plan_panel import draw_panel
from drone.plan_style import (
    ASSET,
    BOUNDARY,
    BUILDING,
    BUILDING_RIM,
    FENCE,
    HALO,
    HOME,
    INK,
    LAND,
    MUTED,
    NO_FLY,
    PANEL_WIDTH,
    PAPER,
    PICTURE_WIDTH,
    PIPELINE,
    RALLY,
    REQUESTED,
    ROAD,
    TITLE_HEIGHT,
    ZONE,
    colour_of,
)
from drone.records import FlightPlan, LegKind, Sortie, Vehicle
from park.errors import RouteError
from park.geodesy import LocalFrame
from park.site import Site
from park.site_model import Asset, FeatureBase, NoFly, Zone

_MARGIN = 26.0
_LEAST_HEIGHT = 760
_PANEL_LEFT = PICTURE_WIDTH - PANEL_WIDTH + 16.0
_MOST_HEIGHT = 1250
_ARROW_EVERY = 85.0
_HATCH_EVERY = 9.0
_LEAST_AREA = 60.0


@dataclass(frozen=True, slots=True)
class _Map:
    """From the ground to the picture.

    Attributes:
        frame: metres of the site.
        west_m: east of the frame, at the left edge.
        north_m: north of the frame, at the upper edge.
        scale: pixels per metre.
        left: of the map in the picture, pixels.
        top: likewise.
        right: likewise.
        bottom: likewise.
    """

    frame: LocalFrame
    west_m: float
    north_m: float
    scale: float
    left: float
    top: float
    right: float
    bottom: float

    def place(self, lat_deg: float, lon_deg: float) -> PointPx:
        """Return where a place is in the picture."""
        east, north = self.frame.to_en_m(lat_deg, lon_deg)
        return self.left + (east - self.west_m) * self.scale, self.top + (
            self.north_m - north
        ) * self.scale

    def metres(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry in metres of the frame as one in pixels."""
        s = self.scale
        shift = [s, 0.0, 0.0, -s, self.left - self.west_m * s, self.top + self.north_m * s]
        return affine_transform(geometry, shift)

    def degrees(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry in degrees, (longitude, latitude), as one in pixels."""
        return self.metres(self.frame.project_geometry(geometry))


def plan_picture(
    plan: FlightPlan, site: Site, vehicle: Vehicle | None = None, suffix: str = ".png"
) -> bytes:
    """Return the picture of a plan, 1200 pixels wide.

    Args:
        plan: checked.
        site: that it is for.
        vehicle: for how much of the battery is left.
        suffix: ``.png`` or ``.svg``.

    Raises:
        RouteError: the suffix is another.
    """
    kinds: dict[str, type[PngCanvas] | type[SvgCanvas]] = {".png": PngCanvas, ".svg": SvgCanvas}
    if suffix not in kinds:
        raise RouteError(f'a picture is .png or .svg, not "{suffix}"')
    vehicle = vehicle or Vehicle()
    # Tried on paper that is thrown away: the picture is as high as what has to be said.
    trial = SvgCanvas(PICTURE_WIDTH, _MOST_HEIGHT, PAPER)
    least = draw_panel(trial, plan, site, vehicle, _PANEL_LEFT, _MOST_HEIGHT) + 12.0
    view, height = _view(plan, site, max(least, _LEAST_HEIGHT))
    canvas: Canvas = kinds[suffix](PICTURE_WIDTH, height, PAPER)
    _draw_site(canvas, view, site)
    _draw_seen(canvas, view, plan, site)
    _draw_no_fly(canvas, view, site)
    _draw_fence(canvas, view, plan)
    for sortie in plan.sorties:
        _draw_sortie(canvas, view, sortie)
    _draw_labels(canvas, view, site)
    _draw_marks(canvas, view, plan)
    _cover_edges(canvas, view, height)
    _draw_scale(canvas, view)
    _draw_north(canvas, view)
    draw_panel(canvas, plan, site, vehicle, _PANEL_LEFT, height)
    return canvas.finish()


def _view(plan: FlightPlan, site: Site, least_height: float) -> tuple[_Map, int]:
    """Return the map that holds the boundary and everything flown, and the picture's height."""
    shapes = [site.boundary_m]
    for sortie in plan.sorties:
        places = [(w.lat_deg, w.lon_deg) for w in sortie.waypoints]
        shapes += [shapely.Point(site.frame.to_en_m(*place)) for place in places]
    west, south, east, north = shapely.union_all([shape.envelope for shape in shapes]).bounds
    width, depth = max(east - west, 10.0), max(north - south, 10.0)
    room = PICTURE_WIDTH - PANEL_WIDTH - 2.0 * _MARGIN
    height = room * depth / width + 2.0 * _MARGIN + TITLE_HEIGHT
    height = min(max(height, least_height), _MOST_HEIGHT)
    inner = height - TITLE_HEIGHT - 2.0 * _MARGIN
    scale = min(room / width, inner / depth)
    view = _Map(
        site.frame,
        west - (room / scale - width) / 2.0 - _MARGIN / scale,
        north + (inner / scale - depth) / 2.0 + _MARGIN / scale,
        scale,
        0.0,
        TITLE_HEIGHT,
        PICTURE_WIDTH - PANEL_WIDTH,
        height,
    )
    return view, round(height)


def _lines_of(geometry: BaseGeometry) -> list[list[PointPx]]:
    if isinstance(geometry, LineString):
        return [[(x, y) for x, y, *_ in geometry.coords]] if not geometry.is_empty else []
    if isinstance(geometry, Polygon):
        return [[(x, y) for x, y, *_ in r.coords] for r in (geometry.exterior, *geometry.interiors)]
    return [line for part in getattr(geometry, "geoms", ()) for line in _lines_of(part)]


def _outline(canvas: Canvas, geometry: BaseGeometry, stroke: Stroke) -> None:
    for line in _lines_of(geometry):
        canvas.line(line, stroke)


def _draw_site(canvas: Canvas, view: _Map, site: Site) -> None:
    boundary = view.metres(site.boundary_m)
    canvas.area(boundary, LAND)
    for zone in site.zones:
        area = view.degrees(zone.geometry)
        canvas.area(area, ZONE, 0.55)
        _outline(canvas, area, Stroke(_darker(ZONE), 1.0, (3.0, 3.0)))
    for road in site.roads:
        width = max(2.0, (road.width_m or 6.0) * view.scale)
        _outline(canvas, view.degrees(road.geometry), Stroke(ROAD, width))
    for building in site.buildings:
        area = view.degrees(building.geometry)
        canvas.area(area, BUILDING)
        _outline(canvas, area, Stroke(BUILDING_RIM, 1.0))
        if area.area < _LEAST_AREA:
            # A stack is small and high: it has to be seen all the same.
            canvas.disc((area.centroid.x, area.centroid.y), 4.0, BUILDING, INK)
    for pipeline in site.pipelines:
        _outline(canvas, view.degrees(pipeline.geometry), Stroke(PIPELINE, 2.0, (7.0, 3.0)))
    for asset in site.assets:
        area = view.degrees(asset.geometry)
        canvas.area(area, ASSET, 0.5)
        _outline(canvas, area, Stroke(_darker(ASSET), 1.0))
        if not polygons_of(area):
            canvas.disc((area.centroid.x, area.centroid.y), 3.5, ASSET, _darker(ASSET))
    _outline(canvas, boundary, Stroke(BOUNDARY, 2.5))


def _draw_seen(canvas: Canvas, view: _Map, plan: FlightPlan, site: Site) -> None:
    """Draw what was asked to be seen, and lightly what each sortie's camera sees of the ground."""
    for sortie in plan.sorties:
        seen = shapely.union_all(footprints(plan.route.camera, [sortie], site.frame))
        canvas.area(view.metres(seen), colour_of(sortie.number), 0.13)
    if plan.route.requested_area is not None:
        wanted = view.degrees(plan.route.requested_area)
        _outline(canvas, wanted, Stroke(REQUESTED, 1.6, (2.0, 3.0)))


def _draw_no_fly(canvas: Canvas, view: _Map, site: Site) -> None:
    for no_fly in site.no_fly:
        area = view.degrees(no_fly.geometry)
        canvas.area(area, NO_FLY, 0.12)
        _outline(canvas, hatch(area), Stroke(NO_FLY, 1.0))
        _outline(canvas, area, Stroke(NO_FLY, 2.0))


def hatch(area: BaseGeometry) -> BaseGeometry:
    """Return slanting lines over an area in pixels."""
    if area.is_empty:
        return area
    left, top, right, bottom = area.bounds
    height = bottom - top
    count = int((right - left + height) / _HATCH_EVERY) + 1
    starts = (left - height + _HATCH_EVERY * (n + 0.5) for n in range(count))
    lines = [LineString([(x, bottom), (x + height, top)]) for x in starts]
    return shapely.intersection(shapely.MultiLineString(lines), area)


def _draw_fence(canvas: Canvas, view: _Map, plan: FlightPlan) -> None:
    stroke = Stroke(FENCE, 1.4, (9.0, 4.0))
    for outline in (plan.fence.inclusion, *plan.fence.exclusions):
        points = [view.place(lat, lon) for lat, lon in outline]
        canvas.line([*points, points[0]], stroke)


def _draw_sortie(canvas: Canvas, view: _Map, sortie: Sortie) -> None:
    colour = colour_of(sortie.number)
    here = view.place(sortie.home.lat_deg, sortie.home.lon_deg)
    legs: list[tuple[LegKind, PointPx, PointPx]] = []
    for waypoint in sortie.waypoints:
        there = view.place(waypoint.lat_deg, waypoint.lon_deg)
        legs.append((waypoint.leg, here, there))
        here = there
    survey = [[start, end] for kind, start, end in legs if kind is LegKind.SURVEY]
    # A way out and the same way back are drawn once: two rows of dashes would fill each other.
    ways = {
        tuple(sorted((start, end))): [start, end]
        for kind, start, end in legs
        if kind is not LegKind.SURVEY
    }
    others = list(ways.values())
    strokes = (
        (others, Stroke(HALO, 3.2)),
        (others, Stroke(colour, 1.5, (6.0, 4.0))),
        (survey, Stroke(HALO, 4.6)),
        (survey, Stroke(colour, 2.6)),
    )
    for lines, stroke in strokes:
        for line in lines:
            canvas.line(line, stroke)
    _draw_arrows(canvas, legs, colour)
    _draw_looks(canvas, view, sortie, colour)


def _draw_looks(canvas: Canvas, view: _Map, sortie: Sortie, colour: Colour) -> None:
    """Draw where the vehicle stays or takes a picture, and what it looks at from there."""
    for waypoint in sortie.waypoints:
        if not waypoint.take_photo and not waypoint.hold_s:
            continue
        at = view.place(waypoint.lat_deg, waypoint.lon_deg)
        if waypoint.look_at is not None:
            x, y = view.place(*waypoint.look_at)
            canvas.line([at, (x, y)], Stroke(colour, 1.0, (2.0, 2.0)))
            for rise in (5.0, -5.0):
                canvas.line([(x - 5.0, y - rise), (x + 5.0, y + rise)], Stroke(colour, 1.6))
        canvas.disc(at, 4.5, HALO, colour)


def _draw_arrows(
    canvas: Canvas, legs: Sequence[tuple[LegKind, PointPx, PointPx]], colour: Colour
) -> None:
    """Draw an arrow in the middle of long legs, and every so far along short ones."""
    since = _ARROW_EVERY / 2.0
    for _, start, end in legs:
        length = math.dist(start, end)
        since += length
        if length < 1.0 or since < _ARROW_EVERY:
            continue
        count = max(1, int(length / (2.0 * _ARROW_EVERY)))
        for number in range(count):
            # Not in the middle, where the arrow of the way back would lie on this one.
            share = (number + 0.4) / count
            _arrow(canvas, start, end, share, colour)
        since = 0.0


def _arrow(canvas: Canvas, start: PointPx, end: PointPx, share: float, colour: Colour) -> None:
    length = math.dist(start, end)
    ahead = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    at = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))

    def corner(along: float, across: float) -> PointPx:
        return (
            at[0] + along * ahead[0] - across * ahead[1],
            at[1] + along * ahead[1] + across * ahead[0],
        )

    for grown, ink in ((2.0, HALO), (0.0, colour)):
        tip, left, right = (
            corner(8.0 + grown, 0.0),
            corner(-5.0 - grown / 2.0, 5.0 + grown),
            corner(-5.0 - grown / 2.0, -5.0 - grown),
        )
        canvas.area(Polygon([tip, left, right]), ink)


def _draw_labels(canvas: Canvas, view: _Map, site: Site) -> None:
    """Write heights of buildings, limits of no-fly areas and names, where there is room."""
    labels = _Labels(canvas)
    for no_fly in site.no_fly:
        middle = view.degrees(no_fly.geometry).representative_point()
        labels.write((middle.x, middle.y - 8.0), "NO FLY", 13.0, NO_FLY)
        labels.write((middle.x, middle.y + 8.0), _limits(no_fly), 12.0, NO_FLY)
    for building in site.buildings:
        words = f"{_name(building)}, {building.height_m:g} m"
        labels.name(view.degrees(building.geometry), words, 12.0, INK)
    named: tuple[Asset | Zone, ...] = (*site.assets, *site.zones)
    for feature in named:
        labels.name(view.degrees(feature.geometry), _name(feature), 11.0, MUTED)


class _Labels:
    """Labels that do not lie on each other; the first come stay."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._taken: list[BaseGeometry] = []

    def name(self, shape: BaseGeometry, words: str, size: float, colour: Colour) -> None:
        """Write a name in a shape that is large enough for it, else above or below it."""
        middle = shape.representative_point()
        left, top, right, bottom = shape.bounds
        off = size / 2.0 + 4.0
        within = right - left >= text_width(words, size) and bottom - top >= size
        places = [(middle.x, middle.y)] if within else []
        places += [(middle.x, top - off), (middle.x, bottom + off)]
        any(self.write(place, words, size, colour) for place in places)

    def write(self, at: PointPx, words: str, size: float, colour: Colour) -> bool:
        """Write a label if there is room for it, and return whether there was."""
        half = text_width(words, size) / 2.0
        room = box(at[0] - half, at[1] - size / 2.0, at[0] + half, at[1] + size / 2.0)
        if any(room.intersects(other) for other in self._taken):
            return False
        self._taken.append(room)
        self._canvas.text(at, words, size, colour, anchor="middle", halo=True)
        return True


def _limits(no_fly: NoFly) -> str:
    low, high = no_fly.min_alt_agl_m, no_fly.max_alt_agl_m
    if low:
        return f"above {low:g} m" if high is None else f"{low:g} to {high:g} m"
    return "at any height" if high is None else f"below {high:g} m"


def _name(feature: FeatureBase) -> str:
    """Return the English name, or the id: the picture's letters are Latin."""
    return (feature.name.en if feature.name else "") or feature.id or ""


def _draw_marks(canvas: Canvas, view: _Map, plan: FlightPlan) -> None:
    """Draw numbers of sorties where their task begins, docks and places to land."""
    for sortie in plan.sorties:
        begins = next((n for n, w in enumerate(sortie.waypoints) if w.leg is LegKind.SURVEY), 1)
        first = sortie.waypoints[max(begins - 1, 0)]
        at = view.place(first.lat_deg, first.lon_deg)
        canvas.disc(at, 11.0, colour_of(sortie.number), HALO)
        canvas.text(at, str(sortie.number), 14.0, HALO, anchor="middle")
    for point in plan.rally:
        at = view.place(point.lat_deg, point.lon_deg)
        canvas.disc(at, 9.0, RALLY, HALO)
        canvas.text(at, "R", 13.0, HALO, anchor="middle")
    for home in {s.home.dock_id: s.home for s in plan.sorties}.values():
        at = view.place(home.lat_deg, home.lon_deg)
        canvas.disc(at, 11.0, HOME, HALO)
        canvas.text(at, "H", 15.0, HALO, anchor="middle")


def _cover_edges(canvas: Canvas, view: _Map, height: int) -> None:
    """Paint over what reaches out of the map: footprints look beyond the boundary."""
    paper = MultiPolygon(
        [
            box(0.0, 0.0, PICTURE_WIDTH, view.top),
            box(view.right, view.top, PICTURE_WIDTH, height),
        ]
    )
    canvas.area(paper, PAPER)
    canvas.line([(view.right, view.top), (view.right, height)], Stroke(MUTED, 1.0))
    canvas.line([(0.0, view.top), (PICTURE_WIDTH, view.top)], Stroke(MUTED, 1.0))


def _draw_scale(canvas: Canvas, view: _Map) -> None:
    length = round_length(130.0 / view.scale)
    left, bottom = view.left + 22.0, view.bottom - 24.0
    right = left + length * view.scale
    back = box(left - 12.0, bottom - 27.0, right + 12.0, bottom + 13.0)
    canvas.area(back, HALO, 0.85)
    canvas.line([(left, bottom), (right, bottom)], Stroke(INK, 2.5))
    for x in (left, right):
        canvas.line([(x, bottom - 6.0), (x, bottom + 6.0)], Stroke(INK, 2.0))
    words = f"{length / 1000.0:g} km" if length >= 1000.0 else f"{length:g} m"
    canvas.text(((left + right) / 2.0, bottom - 14.0), words, 14.0, INK, anchor="middle")


def round_length(most_m: float) -> float:
    """Return the greatest of 1, 2 or 5 times a power of ten that is not above `most_m`."""
    # One power lower as well: the logarithm of 999.9999999999999 is 3.
    power = 10.0 ** math.floor(math.log10(most_m))
    steps = (0.5 * power, power, 2.0 * power, 5.0 * power)
    return max(step for step in steps if step <= most_m)


def _draw_north(canvas: Canvas, view: _Map) -> None:
    x, y = view.right - 34.0, view.top + 46.0
    canvas.area(box(x - 18.0, y - 36.0, x + 18.0, y + 24.0), HALO, 0.85)
    canvas.area(Polygon([(x, y - 14.0), (x - 9.0, y + 18.0), (x, y + 11.0)]), INK)
    canvas.area(Polygon([(x, y - 14.0), (x + 9.0, y + 18.0), (x, y + 11.0)]), MUTED)
    canvas.text((x, y - 25.0), "N", 15.0, INK, anchor="middle")


def _darker(colour: Colour) -> Colour:
    red, green, blue = (int(value * 0.72) for value in colour)
    return red, green, blue
