"""The picture of a plan shows what a safety officer asks for, as pixels and as vectors."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shapely.geometry import box

from drone.plan_canvas import PngCanvas, Stroke, SvgCanvas, dashes, text_width
from drone.plan_panel import wrapped
from drone.plan_picture import hatch, plan_picture, round_length
from drone.plan_style import NO_FLY, PICTURE_WIDTH, SORTIES, colour_of
from drone.planner import plan
from drone.records import FlightPlan, Vehicle
from drone.route_request import RouteRequest
from park.errors import RouteError
from park.site import Site

SITE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "harbour-works.geojson"


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(SITE)


@pytest.fixture(scope="module")
def whole_park(site: Site) -> FlightPlan:
    request = RouteRequest.from_site(site, "whole-park")
    return plan(site, "0123456789abcdef" * 4, request)


def texts(svg: bytes) -> list[str]:
    root = fromstring(svg)
    return [element.text or "" for element in root.iter() if element.tag.endswith("text")]


def has(drawn: set[tuple[int, ...]], colour: tuple[int, int, int]) -> bool:
    """Return whether a colour was drawn, give or take what the palette of the file costs."""
    return any(math.dist(colour, other) < 20.0 for other in drawn)


def colours(png: bytes) -> set[tuple[int, ...]]:
    with Image.open(io.BytesIO(png)) as image:
        found = image.convert("RGB").getcolors(image.width * image.height)
    assert found is not None
    return {colour for _, colour in found}  # type: ignore[misc]


def test_a_png_has_the_width_it_is_legible_at_and_the_colour_of_every_sortie(
    site: Site, whole_park: FlightPlan
) -> None:
    assert len(whole_park.sorties) > 1
    png = plan_picture(whole_park, site)
    with Image.open(io.BytesIO(png)) as image:
        assert image.size[0] == PICTURE_WIDTH == 1200
        assert 700 <= image.size[1] <= 1300
    drawn = colours(png)
    for sortie in whole_park.sorties:
        assert has(drawn, colour_of(sortie.number))
    assert has(drawn, NO_FLY)
    assert not has(drawn, SORTIES[5])


def test_the_same_plan_gives_the_same_picture(site: Site, whole_park: FlightPlan) -> None:
    for suffix in (".png", ".svg"):
        once, again = (plan_picture(whole_park, site, suffix=suffix) for _ in range(2))
        assert once == again


def test_the_picture_says_what_and_where_and_how_far(site: Site, whole_park: FlightPlan) -> None:
    said = texts(plan_picture(whole_park, site, Vehicle(), ".svg"))
    assert "The whole park (area)" in said
    assert "Harbour works (invented), flight plan, checked against the rules of the air" in said
    assert "site file 0123456789ab" in said
    figures = whole_park.figures
    assert str(figures.photos) in said
    assert figures.coverage is not None
    assert f"{100.0 * figures.coverage:.1f} %" in said
    for sortie in whole_park.sorties:
        left = 100.0 * (1.0 - sortie.energy_wh / Vehicle().battery_wh)
        assert f"{left:.0f} % left" in said
    assert {"H", "R", "N", "200 m", "NO FLY", "at any height", "above 70 m"} <= set(said)
    assert {"Stack, 62 m", "Offices, 42 m", "Tank 1", "Car park"} <= set(said)
    # Where it may land is among the assumptions, and has to be read before a flight.
    together = " ".join(said)
    assert all(assumption in together for assumption in whole_park.assumptions)


def test_how_much_battery_is_left_is_of_the_vehicle_that_flies(
    site: Site, whole_park: FlightPlan
) -> None:
    most = max(sortie.energy_wh for sortie in whole_park.sorties)
    said = texts(plan_picture(whole_park, site, Vehicle(battery_wh=10.0 * most), ".svg"))
    assert "90 %" in said


def test_many_sorties_and_assumptions_are_cut_short_and_said_so(
    site: Site, whole_park: FlightPlan
) -> None:
    first = whole_park.sorties[0]
    many = tuple(replace(first, number=number) for number in range(1, 13))
    lines = tuple(f"assumption {number}: {'word ' * 40}" for number in range(20))
    crowded = replace(whole_park, sorties=many, assumptions=lines)
    said = texts(plan_picture(crowded, site, suffix=".svg"))
    assert "and 4 more" in said
    assert any(line.endswith("more, said by `parkwatch plan`") for line in said)
    root = fromstring(plan_picture(crowded, site, suffix=".svg"))
    height = float(root.attrib["height"])
    assert all(0 < float(e.attrib["y"]) < height for e in root.iter() if e.tag.endswith("text"))


def test_only_what_is_shown_is_in_the_key(site: Site, whole_park: FlightPlan) -> None:
    bare = Site(boundary=site.boundary, docks=site.docks)
    said = texts(plan_picture(replace(whole_park, rally=()), bare, suffix=".svg"))
    assert not {"no-fly area", "building", "pipeline", "may land here"} & set(said)
    assert {"boundary", "vehicle's fence", "take-off, landing"} <= set(said)


def test_another_suffix_is_refused(site: Site, whole_park: FlightPlan) -> None:
    with pytest.raises(RouteError, match=r'a picture is .png or .svg, not ".gif"'):
        plan_picture(whole_park, site, suffix=".gif")


@given(st.floats(0.5, 1e6))
def test_the_scale_is_a_round_length_of_at_least_four_tenths_of_the_room(most_m: float) -> None:
    length = round_length(most_m)
    assert 0.39 * most_m < length <= most_m
    digits = length / 10.0 ** math.floor(math.log10(length) + 1e-9)
    assert min(abs(digits - step) for step in (1.0, 2.0, 5.0)) < 1e-6


places = st.tuples(st.floats(0.0, 500.0), st.floats(0.0, 500.0))


@given(st.lists(places, min_size=2, max_size=6), st.floats(2.0, 20.0), st.floats(2.0, 20.0))
def test_dashes_lie_on_the_line_and_have_their_length(
    points: list[tuple[float, float]], ink: float, gap: float
) -> None:
    length = sum(math.dist(a, b) for a, b in pairwise(points))
    parts = dashes(points, (ink, gap))
    inked = [sum(math.dist(a, b) for a, b in pairwise(p)) for p in parts]
    assert all(one <= ink + 1e-6 for one in inked)
    whole, rest = divmod(length, ink + gap)
    assert sum(inked) == pytest.approx(whole * ink + min(rest, ink), abs=1e-3 + 1e-6 * length)


def test_hatching_stays_in_the_area() -> None:
    area = box(10.0, 20.0, 90.0, 60.0)
    lines = hatch(area)
    assert lines.length > 300.0
    assert area.buffer(1e-6).covers(lines)


def test_wrapped_lines_hold_all_words_and_are_not_too_wide() -> None:
    words = "the straight way home is closed from parts of the route " * 3
    lines = wrapped(words, 12.5, 200.0)
    assert " ".join(lines).split() == words.split()
    assert max(text_width(line, 12.5) for line in lines) <= 200.0


def test_holes_stay_open_on_both_kinds_of_paper() -> None:
    ring = box(10.0, 10.0, 90.0, 90.0) - box(40.0, 40.0, 60.0, 60.0)
    pixels = PngCanvas(100, 100, (255, 255, 255))
    pixels.area(ring, (10, 20, 30))
    pixels.line([(0.0, 5.0), (100.0, 5.0)], Stroke((200, 0, 0), 6.0))
    with Image.open(io.BytesIO(pixels.finish())) as image:
        whole = image.convert("RGB")
    assert whole.getpixel((50, 50)) == (255, 255, 255)
    assert whole.getpixel((20, 20)) == (10, 20, 30)
    assert whole.getpixel((50, 5)) == (200, 0, 0)
    vectors = SvgCanvas(100, 100, (255, 255, 255))
    vectors.area(ring, (10, 20, 30), 0.5)
    vectors.text((5.0, 5.0), "a < b & c", 12.0, (0, 0, 0))
    svg = vectors.finish()
    assert b'fill-rule="evenodd" fill-opacity="0.5"' in svg
    assert texts(svg) == ["a < b & c"]
