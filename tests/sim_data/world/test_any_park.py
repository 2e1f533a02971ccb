"""Whatever the seed and the size, a simulated park can be used and flown over."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from drone.planner import plan
from drone.route_request import RouteRequest
from park.site import Site
from park.site_checks import site_warnings
from sim_data.world.generate import generate_park
from sim_data.world.records import PlotUse

SIZES = st.floats(1.0, 3.0)
SEEDS = st.integers(0, 2**31)
# A park takes a tenth of a second: a failing one is shown as it is, not made simpler for minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=8, deadline=None, phases=PHASES)
@given(km2=SIZES, seed=SEEDS)
def test_it_has_one_of_everything_and_a_site_file_without_mistakes_or_warnings(
    km2: float, seed: int
) -> None:
    world = generate_park(km2, seed)
    site, mistakes = Site.parse(world.site_geojson().encode())
    assert mistakes == ()
    assert site is not None
    assert site_warnings(site) == ()
    assert site.frame == world.frame
    assert {plot.use for plot in world.plots} == set(PlotUse)
    assert world.outfalls
    assert world.bays
    assert world.cooling_towers
    assert {pile.covered for pile in world.stockpiles} >= {True}
    assert world.boundary.area / 1e6 == pytest.approx(km2, rel=1e-4)


@settings(max_examples=3, deadline=None, phases=PHASES)
@given(km2=SIZES, seed=SEEDS)
def test_every_route_of_it_is_planned_without_a_refusal(km2: float, seed: int) -> None:
    site = generate_park(km2, seed).site
    for route in site.routes:
        planned = plan(site, "0" * 64, RouteRequest.from_site(site, route.id))
        assert planned.sorties, route.id


@settings(max_examples=5, deadline=None, phases=PHASES)
@given(km2=SIZES, seed=SEEDS)
def test_plots_and_buildings_do_not_overlap_and_stay_off_the_roads(km2: float, seed: int) -> None:
    world = generate_park(km2, seed)
    roads = shapely.union_all([road.line.buffer(road.width_m / 2.0) for road in world.roads])
    for kind in (world.plots, world.blocks):
        areas = [thing.area.buffer(-0.01) for thing in kind]
        first, second = shapely.STRtree(areas).query(areas, predicate="intersects")
        assert not (first != second).any()
        assert not any(area.intersects(roads) for area in areas)
    wet = shapely.union_all([water.area for water in world.waters])
    assert not any(block.area.intersects(wet) for block in world.blocks)


@settings(max_examples=5, deadline=None, phases=PHASES)
@given(km2=SIZES, seed=SEEDS)
def test_zones_for_one_type_of_incident_do_not_overlap(km2: float, seed: int) -> None:
    site = generate_park(km2, seed).site
    watched: dict[str, list[shapely.Geometry]] = {}
    for zone in site.zones:
        for rule in zone.rules:
            incident = getattr(rule, "incident", None)
            if incident is not None:
                watched.setdefault(incident, []).append(site.zone_areas_m[zone.id].buffer(-0.1))
    # Carriageways cross each other; everything else is apart.
    for incident in watched.keys() - {"crowd_on_carriageway", "road_obstruction"}:
        first, second = shapely.STRtree(watched[incident]).query(
            watched[incident], predicate="intersects"
        )
        assert not (first != second).any(), incident
    assert watched.keys() >= {
        "open_flame",
        "smoke",
        "smoke_plume",
        "no_hard_hat",
        "overheating_equipment",
        "discoloured_water",
        "bare_soil",
        "dumped_rubbish",
        "road_obstruction",
        "crowd_on_carriageway",
        "gathering",
        "new_structure",
        "occupied_public_space",
        "perimeter_intrusion",
    }
