"""A simulated park is a usable site of any size, the same for the same seed."""

from __future__ import annotations

import pytest
from shapely.geometry import Point

from park.errors import SettingsError
from park.site import Site
from park.site_checks import site_warnings
from sim_data.world.generate import generate_park
from sim_data.world.records import World


@pytest.fixture(scope="module")
def park() -> World:
    return generate_park(4, 7)


def test_the_site_file_has_neither_mistakes_nor_warnings(park: World) -> None:
    site, mistakes = Site.parse(park.site_geojson().encode())
    assert mistakes == ()
    assert site is not None
    assert site_warnings(site) == ()


def test_the_frame_of_the_world_is_that_of_its_site(park: World) -> None:
    assert park.site.frame == park.frame
    assert park.boundary.equals_exact(park.site.boundary_m, 0.001)


def test_the_size_is_the_one_asked_for(park: World) -> None:
    assert park.boundary.area / 1e6 == pytest.approx(4.0, rel=1e-4)


def test_it_is_the_same_again_for_the_same_seed_and_another_for_another(park: World) -> None:
    assert generate_park(4, 7) == park
    assert generate_park(4, 8).site_geojson() != park.site_geojson()


def test_everywhere_it_says_that_it_is_no_survey_of_a_real_park(park: World) -> None:
    assert "no survey of a real place" in park.illustrative
    assert park.site.boundary.notes == park.illustrative
    assert "invented" in park.site.name.en
    assert "虚构" in park.site.name.zh
    assert all("invented" in plot.owner_en and "虚构" in plot.owner_zh for plot in park.plots)


def test_buildings_stand_on_the_ground_of_their_plot(park: World) -> None:
    plots = {plot.plot_id: plot.area.buffer(0.01) for plot in park.plots}
    assert all(plots[block.plot_id].covers(block.area) for block in park.blocks)


def test_docks_lie_in_the_open(park: World) -> None:
    for dock in park.site.docks:
        place = Point(park.frame.to_en_m(dock.geometry.y, dock.geometry.x))
        assert min(block.area.distance(place) for block in park.blocks) > 10.0


@pytest.mark.parametrize(
    ("km2", "seed", "message"),
    [
        (0.5, 7, r"0\.5 km2 cannot be made; 1 to 426 km2 can"),
        (427, 7, "427 km2 cannot be made"),
        (float("nan"), 7, "nan km2 cannot be made"),
        (4, -1, "seed -1 is negative"),
    ],
)
def test_what_cannot_be_made_is_refused(km2: float, seed: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        generate_park(km2, seed)


def test_cooling_towers_stand_in_the_site_file_so_that_their_steam_is_known() -> None:
    world = generate_park(1.0, 7)
    towers = [asset for asset in world.site.assets if asset.asset_class == "cooling_tower"]
    assert len(towers) == len(world.cooling_towers) > 0
