"""Tiles of every size show the same ground."""

from __future__ import annotations

import math

import pytest

from sim_data.camera.ground import paint_ground
from sim_data.camera.materials import Stuff
from sim_data.camera.nearby import WorldIndex
from sim_data.camera.sheet import tile_side_m
from sim_data.world.generate import generate_park
from sim_data.world.records import Material


@pytest.fixture(scope="module")
def index() -> WorldIndex:
    return WorldIndex(generate_park(1.0, 7))


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_walks_along_roads_lead_over_the_verge_in_tiles_of_every_size(
    index: WorldIndex, level: int
) -> None:
    world = index.world
    walks = [patch.area for patch in world.patches if patch.material is Material.PAVING]
    places = [walk.line.interpolate(0.37, normalized=True) for walk in world.walks[:12]]
    side_m = tile_side_m(level)
    seen = 0
    for place in (one for one in places if any(area.contains(one) for area in walks)):
        column, row = math.floor(place.x / side_m), math.floor(place.y / side_m)
        sheet = paint_ground(index, 7, level, column, row)
        x, y = int((place.x - sheet.west) / sheet.px_m), int((sheet.north - place.y) / sheet.px_m)
        assert Stuff(int(sheet.stuff[y, x])) is Stuff.PAVING, (place, level)
        seen += 1
    assert seen >= 6
