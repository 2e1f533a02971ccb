"""Light of lamps fades over metres; what lies on the ground has an edge."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vision.scene.drawn_ground import DrawnGround, Image
from tests.vision.scene.laid_ground import CELL_M, GRID, PLACE, cells, ground, lying
from vision.scene.compared import Compared, compare
from vision.scene.lamplight import tint_fades, unlit
from vision.scene.regions import cleaned, grown, regions
from vision.scene.working import Mask

TINT = 9.0
LEAST_PX = round(6.0 / CELL_M**2)
DUSK = 0.35


def in_light(one: DrawnGround, lamp: float, sky: float = DUSK) -> Image:
    """Return it under an evening sky and a warm lamp 8 m above the middle of `PLACE`."""
    rows, columns = np.indices(GRID.shape, np.float64)
    east = GRID.west_m + (columns + 0.5) * CELL_M - PLACE.centroid.x
    north = GRID.north_m - (rows + 0.5) * CELL_M - PLACE.centroid.y
    rise = lamp * (64.0 / (64.0 + east**2 + north**2)) ** 2
    light = sky + rise[..., None] * np.array([0.75, 0.95, 1.1])
    linear = (one.texture_bgr / 255.0) ** 2.2 * light
    return np.asarray(np.clip(linear, 0.0, 1.0) ** (1.0 / 2.2) * 255.0, np.uint8)


def differing(now: Image) -> tuple[Compared, list[Mask]]:
    compared = compare(lying(ground().texture_bgr, now), TINT)
    whole = cleaned(grown(compared.strong, compared.weak), 5, 9)
    return compared, list(regions(whole, LEAST_PX))


@pytest.mark.parametrize("lamp", [0.4, 0.8, 1.5])
def test_nothing_is_left_of_ground_in_the_light_of_a_lamp(lamp: float) -> None:
    compared, found = differing(in_light(ground(), lamp))
    assert found, "or there is nothing to leave out"
    assert [part for region in found for part in unlit(compared, region, LEAST_PX)] == []


@pytest.mark.parametrize("lamp", [0.0, 0.4, 0.8])
def test_a_pale_thing_is_left_with_and_without_a_lamp_above_it(lamp: float) -> None:
    now = ground()
    now.paint(PLACE, (225, 228, 226), 4.0)
    compared, found = differing(in_light(now, lamp))
    left = [part for region in found for part in unlit(compared, region, LEAST_PX)]
    (thing,) = left
    assert np.count_nonzero(thing[cells(PLACE.buffer(-0.6)) > 0]) > 0.8 * np.count_nonzero(
        cells(PLACE.buffer(-0.6))
    )


def test_a_thing_of_another_tint_is_no_light_of_lamps() -> None:
    now = ground()
    now.paint(PLACE, (168, 112, 70), 4.0)
    compared, found = differing(in_light(now, 0.4))
    left = [part for region in found for part in unlit(compared, region, LEAST_PX)]
    assert any(np.count_nonzero(part[cells(PLACE) > 0]) for part in left)


def test_a_tint_that_goes_on_beyond_its_rim_is_light_and_one_with_an_edge_is_not() -> None:
    warm, thing = ground(), ground()
    thing.paint(PLACE, (70, 112, 150), 4.0)
    lit = compare(lying(ground().texture_bgr, in_light(warm, 1.0)), TINT)
    laid = compare(lying(ground().texture_bgr, in_light(thing, 0.0)), TINT)
    assert tint_fades(lit, cells(PLACE))
    assert not tint_fades(laid, cells(PLACE))


def test_of_a_region_at_the_rim_of_what_is_known_nothing_is_said() -> None:
    compared = compare(lying(ground().texture_bgr, in_light(ground(), 1.0)), TINT)
    everything = np.full(GRID.shape, 255, np.uint8)
    assert not tint_fades(compared, everything)
