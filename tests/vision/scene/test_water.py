from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon

from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_ground import SITE, DrawnGround, Image, posed, rectangle, sight_of
from vision.scene.detector import WatchedZone
from vision.scene.surface_light import lightness_of, luminance_of, sun_direction
from vision.scene.view import SceneView
from vision.scene.views import SceneViews
from vision.scene.water import WaterDetector

Bgr = tuple[float, float, float]

NADIR = posed(alt_m=80.0, size=(960, 540))
HIGH = posed(alt_m=110.0, size=(960, 540))
OBLIQUE = posed(alt_m=50.0, pitch_deg=-40.0, north_m=-65.0, size=(960, 540))
POND = rectangle(0, 0, 90, 60).buffer(8)
ZONE = WatchedZone("pond", POND)
STAIN = Point(10, 5).buffer(9)
GSD_M = 0.25

WATERS: dict[str, tuple[int, int, int]] = {
    "teal": (96, 98, 72),
    "olive": (60, 92, 88),
    "grey": (110, 112, 104),
    "dark": (48, 52, 40),
}
STAINS: dict[str, Bgr] = {
    "red": (44, 58, 134),
    "sediment": (70, 105, 140),
    "green": (60, 160, 90),
    "blue": (150, 90, 50),
}


def filled(shape: tuple[int, ...], area: Polygon, soft_px: float) -> NDArray[np.float32]:
    half = np.array(shape[1::-1]) / 2.0
    xy = np.round(np.asarray(area.exterior.coords) * [1.0, -1.0] / GSD_M + half - 0.5)
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillPoly(mask, [xy.astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), soft_px)[..., None], np.float32)


@lru_cache(maxsize=12)
def drawn_pond(water: tuple[int, int, int], waves: float) -> Image:
    land = DrawnGround.rough(160, gsd_m=GSD_M, colour_bgr=(70, 110, 100), contrast=22).texture_bgr
    wet = DrawnGround.rough(160, gsd_m=GSD_M, colour_bgr=water, contrast=waves, seed=6).texture_bgr
    inside = filled(land.shape, POND, 0.5)
    return np.asarray(land * (1 - inside) + wet * inside, np.uint8)


def pond(water: tuple[int, int, int] = WATERS["teal"], waves: float = 4.0) -> DrawnGround:
    return DrawnGround(drawn_pond(water, waves).copy(), GSD_M)


def stained(
    ground: DrawnGround, area: Polygon, colour: Bgr, strength: float, soft_m: float = 0.8
) -> None:
    part = filled(ground.texture_bgr.shape, area, soft_m / GSD_M) * strength
    ground.texture_bgr = (ground.texture_bgr * (1 - part) + np.array(colour) * part).astype(
        np.uint8
    )


def lit(
    ground: DrawnGround, area: Polygon, factor: float, sky: Bgr = (0, 0, 0), soft_m: float = 3.0
) -> None:
    part = filled(ground.texture_bgr.shape, area, soft_m / GSD_M)
    linear = (ground.texture_bgr / 255.0) ** 2.2
    linear = linear * (1 - part * (1 - factor)) + part * np.array(sky)
    ground.texture_bgr = (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def seen(
    ground: DrawnGround, view: PosedView = NADIR, zone: WatchedZone = ZONE
) -> tuple[Detection, ...]:
    return WaterDetector().look(SceneView(sight_of(ground.seen(view), view), SITE), [zone])


@pytest.mark.parametrize(
    ("view", "water", "stain"),
    [
        (OBLIQUE if i % 2 else NADIR, water, stain)
        for i, (water, stain) in enumerate(product(WATERS, STAINS))
        if (i + i // 4) % 2 == 0
    ],
)
def test_a_stain_is_found_where_it_is_with_its_area(
    view: PosedView, water: str, stain: str
) -> None:
    ground = pond(WATERS[water])
    stained(ground, STAIN, STAINS[stain], 0.75)
    (found,) = seen(ground, view)
    assert found.class_name == "discoloured_water"
    assert found.model_id == "scene-water@1"
    assert found.measure is not None
    assert found.measure.unit is MeasureUnit.SQUARE_METRES
    assert abs(found.measure.value - STAIN.area) < 3.0 * found.measure.error
    assert found.measure.error < 0.12 * STAIN.area
    assert found.confidence > 0.5
    assert found.at_px is not None
    placed = SceneView(sight_of(ground.seen(view), view), SITE).sight.locator
    assert placed is not None
    point = placed.place(*found.at_px)
    assert SITE.to_en_m(point.lat_deg, point.lon_deg) == pytest.approx((10.0, 5.0), abs=1.5)


@pytest.mark.parametrize(
    ("stain", "strength"), [((168, 186, 188), 1.0), ((34, 36, 38), 1.0)], ids=["milky", "black"]
)
@pytest.mark.parametrize("view", [NADIR, OBLIQUE], ids=["nadir", "oblique"])
def test_milky_and_black_water_is_found_though_less_surely(
    view: PosedView, stain: Bgr, strength: float
) -> None:
    ground = pond(WATERS["olive"])
    stained(ground, STAIN, stain, strength)
    found = seen(ground, view)
    assert len(found) == 1
    assert 0.2 < found[0].confidence <= 0.6
    assert found[0].measure is not None
    assert found[0].measure.value == pytest.approx(STAIN.area, rel=0.2)


SHADES = {
    "half the light": (0.5, (0.0, 0.0, 0.0), 3.0),
    "a third of it": (0.35, (0.0, 0.0, 0.0), 3.0),
    "lit by blue sky only": (0.25, (0.010, 0.005, 0.003), 3.0),
    "more sun": (1.6, (0.0, 0.0, 0.0), 3.0),
    "a pale sky in it": (1.0, (0.15, 0.14, 0.13), 4.0),
    "a blue sky in it": (1.0, (0.30, 0.25, 0.20), 4.0),
    "a cloud in it": (1.0, (0.40, 0.40, 0.40), 4.0),
}


@pytest.mark.parametrize("water", ["teal", "olive"])
@pytest.mark.parametrize("shade", SHADES)
def test_light_and_shade_on_water_are_no_stain(water: str, shade: str) -> None:
    factor, sky, soft_m = SHADES[shade]
    ground = pond(WATERS[water])
    lit(ground, rectangle(-15, 0, 40, 40), factor, sky, soft_m)
    assert seen(ground, NADIR if water == "teal" else OBLIQUE) == ()


@pytest.mark.parametrize("water", WATERS)
def test_the_sharp_shadow_of_a_building_on_bank_and_water_is_no_stain(water: str) -> None:
    ground = pond(WATERS[water])
    lit(ground, rectangle(-20, 30, 26, 30), 0.25, (0.01, 0.006, 0.004), soft_m=0.3)
    assert seen(ground, HIGH) == ()
    assert seen(ground, NADIR) == ()


@pytest.mark.parametrize("water", WATERS)
def test_clean_water_with_waves_is_left_alone(water: str) -> None:
    for waves in (2.0, 8.0):
        assert seen(pond(WATERS[water], waves)) == ()


def test_glitter_is_no_stain() -> None:
    ground = pond()
    rng = np.random.default_rng(4)
    for x, y in rng.normal([500, 500], 60, (900, 2)).astype(int):
        cv2.circle(ground.texture_bgr, (int(x), int(y)), 1, (255, 255, 255), -1)
    assert seen(ground) == ()


def test_branches_over_the_water_are_no_stain() -> None:
    ground = pond()
    leaves = DrawnGround.rough(160, gsd_m=GSD_M, colour_bgr=(45, 105, 75), contrast=55, seed=9)
    part = filled(ground.texture_bgr.shape, Point(-30, 20).buffer(7), 0.5)
    ground.texture_bgr = (ground.texture_bgr * (1 - part) + leaves.texture_bgr * part).astype(
        np.uint8
    )
    assert seen(ground) == ()


def test_a_jetty_is_no_stain() -> None:
    ground = pond()
    ground.paint(rectangle(0, 20, 6, 30), (165, 173, 176), 3.0)
    assert seen(ground) == ()


def test_a_stain_that_fills_the_picture_is_seen_by_what_was_seen_before() -> None:
    near = posed(size=(960, 540), alt_m=9.0, east_m=10.0, north_m=5.0)
    ground = pond(waves=14.0)
    stained(ground, STAIN, STAINS["red"], 0.6)
    views, detector = SceneViews(SITE), WaterDetector()
    path = [
        posed(size=(960, 540), alt_m=30.0, east_m=-40.0 + 7.0 * i, north_m=-12.0) for i in range(4)
    ]
    for i, view in enumerate(path):
        detector.look(views.add(sight_of(ground.seen(view), view, time_s=0.5 * i)), [ZONE])
    close = views.add(sight_of(ground.seen(near), near, time_s=2.0))
    (found,) = detector.look(close, [ZONE])
    assert found.measure is not None
    assert found.measure.value > 60.0
    assert detector.fresh().look(close, [ZONE]) == ()


def test_an_outfall_says_which_water_is_clean() -> None:
    ground = pond()
    wide = rectangle(8, 0, 62, 70)
    stained(ground, wide, STAINS["sediment"], 0.8)
    assert not any(d.measure and d.measure.value > 2000 for d in seen(ground))
    outfall = WatchedZone("pond", POND, {"outfall_east_m": 8.0, "outfall_north_m": 0.0})
    found = seen(ground, NADIR, outfall)
    assert found[0].measure is not None
    assert found[0].measure.value > 2000


def test_what_is_too_small_or_outside_the_zone_is_left_alone() -> None:
    ground = pond()
    stained(ground, Point(10, 5).buffer(0.7), STAINS["red"], 1.0, soft_m=0.1)
    assert seen(ground) == ()
    stained(ground, STAIN, STAINS["red"], 1.0)
    assert seen(ground, NADIR, WatchedZone("pond", rectangle(-30, 0, 40, 50))) == ()
    assert seen(ground, NADIR, WatchedZone("pond", POND, {"min_area_m2": 400})) == ()


def blind_pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [
        np.full((720, 1280, 3), 100, np.uint8),
        np.asarray(rng.integers(0, 10, (720, 1280, 3)), np.uint8),
        np.asarray(rng.integers(0, 255, (40, 60, 3)), np.uint8),
    ]


@pytest.mark.parametrize("image", blind_pictures(), ids=["one colour", "night", "tiny"])
def test_nothing_is_said_where_nothing_can_be_seen(image: Image) -> None:
    view = posed(size=(image.shape[1], image.shape[0]))
    assert WaterDetector().look(SceneView(sight_of(image, view), SITE), [ZONE]) == ()


def test_nothing_is_said_without_a_place() -> None:
    ground = pond()
    stained(ground, STAIN, STAINS["red"], 1.0)
    view = SceneView(sight_of(ground.seen(NADIR), None), SITE)
    assert WaterDetector().look(view, [ZONE]) == ()


@pytest.mark.parametrize(
    ("when", "where", "elevation_deg", "azimuth_deg"),
    [
        # At noon the sun is 90 degrees less latitude plus declination (23.44 at a solstice) high.
        (datetime(2026, 6, 21, 12, 2, tzinfo=UTC), (51.477, 0.0), 61.96, 180.0),
        (datetime(2026, 12, 21, 11, 58, tzinfo=UTC), (-33.9, 0.0), 79.54, 0.0),
        # At an equinox it rises in the east at six, by the sun's own time.
        (datetime(2026, 3, 20, 6, 7, tzinfo=UTC), (0.0, 0.0), 0.0, 90.0),
    ],
)
def test_the_sun_stands_where_it_must(
    when: datetime, where: tuple[float, float], elevation_deg: float, azimuth_deg: float
) -> None:
    east, north, up = sun_direction(when, *where)
    assert np.degrees(np.arcsin(up)) == pytest.approx(elevation_deg, abs=0.6)
    turn = np.degrees(np.arctan2(east, north)) - azimuth_deg
    assert abs((turn + 180) % 360 - 180) < 3.0


def test_lightness_and_luminance_are_inverse() -> None:
    lightness = np.linspace(0, 100, 50).astype(np.float32)
    assert lightness_of(luminance_of(lightness)) == pytest.approx(lightness, abs=0.05)
