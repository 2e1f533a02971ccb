from __future__ import annotations

import math

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from drone.airspace import Airspace
from drone.fence import MAX_VERTICES, inside_outline
from drone.planner import homes_of, plan_route
from drone.records import Fence
from park.site import Site
from park.terrain import FlatTerrain
from tests.drone.drawn_park import band, drawn_route, drawn_site, strip

HASH = "0" * 64


def fence_of(site: Site, alt_agl_m: float = 40.0) -> Fence:
    route = drawn_route(strip((100, 0), (300, 0), alt_agl_m=alt_agl_m))
    return plan_route(site, HASH, route, homes=homes_of(site)).fence


def metres(site: Site, outline: tuple[tuple[float, float], ...]) -> Polygon:
    return Polygon([site.frame.to_en_m(lat, lon) for lat, lon in outline])


class TestFence:
    def test_a_simple_boundary_is_the_fence(self) -> None:
        site = drawn_site()
        outline = metres(site, fence_of(site).inclusion)
        assert len(outline.exterior.coords) == 5
        assert outline.symmetric_difference(site.boundary_m).area < 1.0

    def test_no_fly_areas_and_holes_are_kept_out(self) -> None:
        hole = shapely.box(-300, -300, -250, -250)
        park = shapely.box(-500, -500, 500, 500).difference(hole)
        site = drawn_site(boundary=park, no_fly=[shapely.box(0, 200, 100, 300)])
        areas = [metres(site, outline) for outline in fence_of(site).exclusions]
        assert len(areas) == 2
        for obstacle in Airspace.of(site, FlatTerrain()).obstacles.obstacles:
            assert any(area.buffer(0.01).covers(obstacle.outline) for area in areas)

    def test_a_no_fly_area_that_is_passed_above_is_left_out(self) -> None:
        site = drawn_site(no_fly=[band(shapely.box(150, -50, 250, 50), 0.0, 30.0)])
        assert fence_of(site).exclusions == ()

    def test_the_ceiling_is_above_the_flight_and_on_level_ground_at_most_120_m(self) -> None:
        assert fence_of(drawn_site()).alt_max_home_m == 50.0
        assert fence_of(drawn_site(), 115.0).alt_max_home_m == 120.0
        assert fence_of(drawn_site(), 120.0).alt_max_home_m == 123.0


class TestOutline:
    @settings(max_examples=25, deadline=None)
    @given(st.integers(80, 600), st.integers(0, 2**31), st.floats(3.0, 20.0))
    def test_it_stays_inside_the_area_and_around_the_flight(
        self, corners: int, seed: int, margin: float
    ) -> None:
        random = np.random.default_rng(seed)
        angles = np.linspace(0.0, 2.0 * math.pi, corners, endpoint=False)
        radii = 1000.0 + random.uniform(-2.0, 2.0, corners)
        area = Polygon(np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]))
        flown = shapely.get_parts(area.buffer(-margin).boundary)
        outline = inside_outline(area, flown, margin)
        assert area.buffer(1e-6).covers(outline)
        assert shapely.covers(outline, flown).all()

    def test_many_corners_are_made_few(self) -> None:
        angles = np.linspace(0.0, 2.0 * math.pi, 500, endpoint=False)
        area = Polygon(1000.0 * np.column_stack([np.cos(angles), np.sin(angles)]))
        flown = shapely.get_parts(area.buffer(-5.0).boundary)
        outline = inside_outline(area, flown, 5.0)
        assert len(outline.exterior.coords) - 1 <= MAX_VERTICES
