"""The title and the panel beside a plan's map: figures, sorties, key, assumptions."""

from __future__ import annotations

from shapely.geometry import box

from drone.plan_canvas import Canvas, Colour, Stroke, text_width
from drone.plan_style import (
    ASSET,
    BOUNDARY,
    BUILDING,
    FENCE,
    HALO,
    HOME,
    INK,
    MUTED,
    NO_FLY,
    PANEL_WIDTH,
    PICTURE_WIDTH,
    PIPELINE,
    RALLY,
    REQUESTED,
    ROAD,
    TITLE_HEIGHT,
    ZONE,
    colour_of,
)
from drone.records import FlightPlan, Vehicle
from park.site import Site

_LINE = 21.0
_MOST_SORTIES = 8


def draw_panel(
    canvas: Canvas, plan: FlightPlan, site: Site, vehicle: Vehicle, left: float, height: int
) -> float:
    """Draw the title across the picture, and the panel from `left` to the right edge.

    Returns:
        Where the panel ends, pixels from the upper edge; at most `height`.
    """
    _title(canvas, plan, site)
    right = PICTURE_WIDTH - 16.0
    y = TITLE_HEIGHT + 22.0
    y = _rows(canvas, _figures(plan, vehicle), left, right, y)
    y = _sorties(canvas, plan, vehicle, left, right, y + 10.0)
    y = _key(canvas, plan, site, left, y + 10.0)
    return _assumptions(canvas, plan, left, y + 10.0, height - 10.0)


def _title(canvas: Canvas, plan: FlightPlan, site: Site) -> None:
    route = plan.route
    name = next((r.name.en for r in site.routes if r.id == route.route_id and r.name), "")
    site_name = site.name.en or site.id
    what = f"{name or route.route_id} ({route.purpose})"
    canvas.text((18.0, 23.0), what, 23.0, INK)
    below = f"{site_name}, flight plan, checked against the rules of the air"
    canvas.text((18.0, 47.0), below, 14.0, MUTED)
    mark = f"site file {plan.site_hash[:12]}"
    canvas.text((PICTURE_WIDTH - 16.0, 47.0), mark, 12.0, MUTED, anchor="end")


def _time(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"


def _length(metres: float) -> str:
    return f"{metres / 1000.0:.2f} km" if metres >= 1000.0 else f"{metres:.0f} m"


def _figures(plan: FlightPlan, vehicle: Vehicle) -> list[tuple[str, str]]:
    figures = plan.figures
    coarse, fine = (100.0 * gsd for gsd in figures.gsd_m)
    heights = [w.alt_home_m for sortie in plan.sorties for w in sortie.waypoints]
    low, high = min(heights), max(heights)
    least = min(1.0 - sortie.energy_wh / vehicle.battery_wh for sortie in plan.sorties)
    at_work = f", {_length(figures.survey_length_m)} at work" if figures.survey_length_m else ""
    same = f"{coarse:.1f}" == f"{fine:.1f}"
    rows = [
        ("Length", _length(figures.length_m) + at_work),
        ("Time in the air", _time(figures.duration_s)),
        ("Height above home", f"{low:.0f} m" if high - low < 0.5 else f"{low:.0f} to {high:.0f} m"),
        ("Photos", str(figures.photos) if figures.photos else "video all the way"),
        ("Ground per pixel", f"{coarse:.1f} cm" if same else f"{fine:.1f} to {coarse:.1f} cm"),
    ]
    if figures.coverage is not None:
        rows.append(("Area seen", f"{100.0 * figures.coverage:.1f} %"))
    if figures.lower_bound_m is not None and figures.bound_ratio is not None:
        bound = f"{figures.bound_ratio:.2f} of {_length(figures.lower_bound_m)}"
        rows.append(("Against lower bound", bound))
    rows.append(("Battery left, least", f"{100.0 * least:.0f} %"))
    rows.append(("Fence, highest", f"{plan.fence.alt_max_home_m:.0f} m above home"))
    return rows


def _rows(
    canvas: Canvas, rows: list[tuple[str, str]], left: float, right: float, y: float
) -> float:
    for name, value in rows:
        canvas.text((left, y), name, 14.0, MUTED)
        canvas.text((right, y), value, 14.0, INK, anchor="end")
        y += _LINE
    return y


def _heading(canvas: Canvas, words: str, left: float, y: float) -> float:
    canvas.line([(left, y - 8.0), (PICTURE_WIDTH - 16.0, y - 8.0)], Stroke((222, 224, 227), 1.0))
    canvas.text((left, y + 6.0), words, 15.0, INK)
    return y + 6.0 + _LINE


def _sorties(
    canvas: Canvas, plan: FlightPlan, vehicle: Vehicle, left: float, right: float, y: float
) -> float:
    y = _heading(canvas, "Sorties", left, y)
    columns = (left + 130.0, left + 215.0, right)
    for sortie in plan.sorties[:_MOST_SORTIES]:
        canvas.disc((left + 9.0, y), 9.0, colour_of(sortie.number))
        canvas.text((left + 9.0, y), str(sortie.number), 12.0, HALO, anchor="middle")
        remaining = 100.0 * (1.0 - sortie.energy_wh / vehicle.battery_wh)
        minutes = f"{round(sortie.duration_s) // 60}:{round(sortie.duration_s) % 60:02d}"
        cells = (_length(sortie.length_m), f"{minutes} min", f"{remaining:.0f} % left")
        for x, words in zip(columns, cells, strict=True):
            canvas.text((x, y), words, 13.5, INK, anchor="end")
        y += _LINE
    hidden = len(plan.sorties) - _MOST_SORTIES
    if hidden > 0:
        canvas.text((left, y), f"and {hidden} more", 13.5, MUTED)
        y += _LINE
    return y


def _key(canvas: Canvas, plan: FlightPlan, site: Site, left: float, y: float) -> float:
    """Draw the key in two columns: only what the picture shows."""
    y = _heading(canvas, "Key", left, y)
    first = colour_of(plan.sorties[0].number)
    entries: list[tuple[str, str, Colour]] = [
        ("line", "camera at work", first),
        ("dashed", "on the way", first),
        ("pale", "seen on the ground", first),
    ]
    if plan.route.requested_area is not None:
        entries.append(("dotted", "asked to be seen", REQUESTED))
    entries += [("H", "take-off, landing", HOME), ("line", "boundary", BOUNDARY)]
    entries.append(("dashed", "vehicle's fence", FENCE))
    if any(w.hold_s or w.take_photo for sortie in plan.sorties for w in sortie.waypoints):
        entries += [("ring", "stays or photo", first), ("cross", "looked at", first)]
    if plan.rally:
        entries.append(("R", "may land here", RALLY))
    if site.no_fly:
        entries.append(("hatch", "no-fly area", NO_FLY))
    shown = (
        (site.buildings, "area", "building", BUILDING),
        (site.zones, "area", "zone", ZONE),
        (site.roads, "thick", "road", ROAD),
        (site.pipelines, "dashed", "pipeline", PIPELINE),
        (site.assets, "pale", "asset", ASSET),
    )
    entries += [(kind, words, colour) for there, kind, words, colour in shown if there]
    half = (PANEL_WIDTH - 32.0) / 2.0
    for number, (kind, words, colour) in enumerate(entries):
        x = left + (number % 2) * half
        _swatch(canvas, kind, x, y, colour)
        canvas.text((x + 34.0, y), words, 13.0, INK)
        y += _LINE if number % 2 or number == len(entries) - 1 else 0.0
    return y


def _swatch(canvas: Canvas, kind: str, x: float, y: float, colour: Colour) -> None:
    ends = [(x, y), (x + 26.0, y)]
    room = box(x, y - 6.0, x + 26.0, y + 6.0)
    if kind == "line":
        canvas.line(ends, Stroke(colour, 2.6))
    elif kind == "thick":
        canvas.line(ends, Stroke(colour, 7.0))
    elif kind in ("dashed", "dotted"):
        canvas.line(ends, Stroke(colour, 1.7, (6.0, 4.0) if kind == "dashed" else (2.0, 3.0)))
    elif kind in ("area", "pale"):
        canvas.area(room, colour, 1.0 if kind == "area" else 0.3)
    elif kind == "ring":
        canvas.disc((x + 13.0, y), 4.5, HALO, colour)
    elif kind == "cross":
        for rise in (5.0, -5.0):
            canvas.line([(x + 8.0, y - rise), (x + 18.0, y + rise)], Stroke(colour, 1.6))
    elif kind == "hatch":
        canvas.area(room, colour, 0.15)
        for start in (2.0, 10.0, 18.0):
            line = [(x + start, y + 6.0), (x + start + 7.0, y - 6.0)]
            canvas.line(line, Stroke(colour, 1.0))
    else:
        canvas.disc((x + 13.0, y), 8.0, colour)
        canvas.text((x + 13.0, y), kind, 12.0, HALO, anchor="middle")


def wrapped(words: str, size: float, width: float) -> list[str]:
    """Return a text as lines that are no wider than `width` pixels, as far as its words allow."""
    lines: list[str] = []
    for word in words.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _assumptions(canvas: Canvas, plan: FlightPlan, left: float, y: float, bottom: float) -> float:
    y = _heading(canvas, "Assumed", left, y)
    width = PICTURE_WIDTH - 16.0 - left
    for number, assumption in enumerate(plan.assumptions):
        lines = wrapped(assumption, 12.5, width - 12.0)
        if y + 16.0 * len(lines) > bottom:
            hidden = len(plan.assumptions) - number
            canvas.text((left, y), f"and {hidden} more, said by `parkwatch plan`", 12.5, MUTED)
            return bottom
        canvas.disc((left + 3.0, y), 2.0, MUTED)
        for line in lines:
            canvas.text((left + 12.0, y), line, 12.5, INK)
            y += 16.0
        y += 5.0
    return y
