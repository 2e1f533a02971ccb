"""Equipment that is too hot is told from sun on roofs, people and ordinary warmth."""

from __future__ import annotations

import math
from dataclasses import replace
from time import process_time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from park.errors import SettingsError
from park.picture import Pixels, ThermalPixels
from park.records import Detection
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_ground import SITE, posed, rectangle, sight_of
from vision.scene.detector import WatchedZone
from vision.scene.hotspot import HotRegion, HotspotDetector, hot_regions, temperature_error_k
from vision.scene.view import SceneView

SIZE = (640, 512)
VIEW = posed(size=SIZE, hfov_deg=40.0, alt_m=60.0)  # 6.8 cm a pixel
ZONE = rectangle(0.0, 0.0, 16.0, 12.0)
MIDDLE = (320, 256)


def ground(seed: int = 3, mean_c: float = 24.0) -> NDArray[np.float32]:
    """Return ground with warm and cold patches, and the noise of a camera."""
    rng = np.random.default_rng(seed)
    patches = cv2.resize(rng.normal(0, 3, (16, 20)).astype(np.float32), SIZE)
    return np.asarray(mean_c + patches + rng.normal(0, 0.05, SIZE[::-1]), np.float32)


def warmed(
    celsius: NDArray[np.float32], xy: tuple[int, int], radius_px: float, peak_c: float
) -> NDArray[np.float32]:
    """Return a picture with a round spot, hottest in its middle."""
    y, x = np.mgrid[0 : celsius.shape[0], 0 : celsius.shape[1]]
    share = np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / (2 * (radius_px / 1.5) ** 2))
    return np.asarray(celsius + (peak_c - celsius) * share, np.float32)


def plate(
    celsius: NDArray[np.float32], xywh: tuple[int, int, int, int], at_c: float
) -> NDArray[np.float32]:
    """Return a picture with a surface of one even temperature."""
    x, y, w, h = xywh
    celsius = celsius.copy()
    grain = np.random.default_rng(0).normal(0, 0.6, (h, w))
    celsius[y : y + h, x : x + w] = at_c + grain
    return celsius


def looked(celsius: NDArray[np.float32], **settings: float | str) -> tuple[Detection, ...]:
    sight = sight_of(np.zeros((*SIZE[::-1], 3), np.uint8), VIEW)
    frame = replace(sight.frame, picture=ThermalPixels(celsius), spectrum="thermal")
    view = SceneView(replace(sight, frame=frame), SITE)
    zone = WatchedZone("yard", ZONE, settings or {"asset_class": "transformer"})
    return HotspotDetector().look(view, [zone])


def test_a_hot_bushing_is_found_where_it_is_with_its_temperature() -> None:
    (found,) = looked(warmed(ground(), MIDDLE, 5, 120.0))
    assert found.class_name == "hotspot"
    assert found.model_id == "scene-hotspot@2"
    assert found.measure is not None
    assert found.measure.unit is MeasureUnit.DEGREES_CELSIUS
    assert found.measure.value == pytest.approx(120.0, abs=1.0)
    assert 2.0 < found.measure.error < 8.0
    assert found.at_px == pytest.approx(MIDDLE, abs=2.0)
    x0, y0, x1, y1 = found.box_xyxy_px
    assert x0 < MIDDLE[0] < x1
    assert y0 < MIDDLE[1] < y1
    assert found.confidence > 0.95


def test_confidence_is_the_probability_that_the_limit_is_passed() -> None:
    (barely,) = looked(warmed(ground(), MIDDLE, 5, 95.6))
    (clearly,) = looked(warmed(ground(), MIDDLE, 5, 101.0))
    assert 0.5 < barely.confidence < 0.6
    assert barely.confidence < clearly.confidence < 0.99


@pytest.mark.parametrize(
    ("what", "celsius"),
    [
        ("ordinary ground", ground()),
        ("below the limit", warmed(ground(), MIDDLE, 6, 80.0)),
        ("hot, outside of the zone", warmed(ground(), (60, 60), 6, 150.0)),
        ("a single dead pixel", warmed(ground(), MIDDLE, 0.4, 200.0)),
    ],
)
def test_nothing_is_said_about(what: str, celsius: NDArray[np.float32]) -> None:
    assert looked(celsius) == (), what


def test_a_sun_heated_roof_is_no_overheating() -> None:
    roof = plate(ground(mean_c=35.0), (230, 180, 180, 140), 78.0)
    assert looked(roof, limit_c=70.0, above_ambient_c=30.0) == ()
    spot = warmed(roof, MIDDLE, 6, 130.0)
    (found,) = looked(spot, limit_c=70.0, above_ambient_c=30.0)
    assert found.measure is not None
    assert found.measure.value == pytest.approx(130.0, abs=2.0)


def test_an_evenly_hot_tank_beyond_what_the_sun_can_do_is_reported() -> None:
    (found,) = looked(plate(ground(), (250, 200, 120, 100), 104.0))
    assert found.measure is not None
    assert found.measure.value == pytest.approx(105.0, abs=2.0)


def test_a_person_in_a_cold_store_yard_is_no_hot_spot() -> None:
    person = plate(ground(mean_c=2.0), (316, 250, 7, 12), 33.0)
    assert looked(person, limit_c=25.0, above_ambient_c=15.0) == ()
    machine = plate(ground(mean_c=2.0), (316, 250, 40, 40), 33.0)
    assert len(looked(machine, limit_c=25.0, above_ambient_c=15.0)) == 1


def test_what_is_hot_all_around_is_not_above_ambient() -> None:
    hot_slag = np.asarray(ground() + 75.0, np.float32)
    assert looked(warmed(hot_slag, MIDDLE, 6, 118.0)) == ()


def test_pixels_without_reading_do_no_harm() -> None:
    celsius = warmed(ground(), MIDDLE, 6, 130.0)
    celsius[:, ::7] = np.nan
    assert len(looked(celsius)) >= 1
    celsius[:] = np.nan
    assert looked(celsius) == ()


def test_a_hot_spot_on_the_evenest_ground_is_found() -> None:
    even = np.full(SIZE[::-1], 18.0, np.float32)
    even[256:258, 320:322] = 140.0
    assert len(looked(even)) == 1, "a picture of one grey is no blind one: it holds numbers"


def test_thousands_of_warm_pebbles_cost_little_more_than_some() -> None:
    def looked_through(count: int) -> tuple[float, tuple[HotRegion, ...]]:
        rng = np.random.default_rng(8)
        celsius = ground()
        for x, y in rng.integers(4, 500, (count, 2)).tolist():
            celsius[y : y + 2, x : x + 2] = rng.uniform(70.0, 80.0)
        watched = np.full(SIZE[::-1], 255, np.uint8)
        begun = process_time()
        found = hot_regions(celsius, watched, 55.0, 20.0)
        return process_time() - begun, found

    few_s = min(looked_through(40)[0] for _ in range(3))
    many_s, found = looked_through(4000)
    # Each of them looked for in the whole picture took eighty times as long.
    assert many_s < 10.0 * few_s
    assert len(found) == 20
    peaks = [region.peak_c for region in found]
    assert peaks == sorted(peaks, reverse=True)
    assert peaks[0] > 79.0


def test_pictures_without_temperatures_are_passed_over() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (*SIZE[::-1], 3)).astype(np.uint8)
    sight = sight_of(grey, VIEW)
    assert isinstance(sight.frame.picture, Pixels)
    zone = WatchedZone("yard", ZONE, {})
    assert HotspotDetector().fresh().look(SceneView(sight, SITE), [zone]) == ()


def test_limits_come_from_the_zone_then_from_the_class_of_asset_then_from_neither() -> None:
    warm = warmed(ground(), MIDDLE, 6, 87.0)
    assert looked(warm, asset_class="transformer") == ()
    assert len(looked(warm, asset_class="switchgear")) == 1
    assert len(looked(warm, asset_class="unheard of")) == 1
    assert looked(warm, asset_class="switchgear", limit_c=90.0) == ()
    assert looked(warm, asset_class="switchgear", above_ambient_c=75.0) == ()
    with pytest.raises(SettingsError, match="limit_c is 'hot', not a number"):
        looked(warm, limit_c="hot")


def test_a_large_thermal_picture_keeps_its_small_hot_spots() -> None:
    celsius = cv2.resize(ground(), (1280, 1024))
    celsius[500:504, 640:644] = 140.0
    sight = sight_of(
        np.zeros((1024, 1280, 3), np.uint8), posed(size=(1280, 1024), hfov_deg=40.0, alt_m=60.0)
    )
    frame = replace(sight.frame, picture=ThermalPixels(np.asarray(celsius, np.float32)))
    view = SceneView(replace(sight, frame=frame), SITE)
    (found,) = HotspotDetector().look(view, [WatchedZone("yard", ZONE, {})])
    assert found.measure is not None
    assert found.measure.value == pytest.approx(140.0, abs=0.1)


def test_the_error_grows_with_temperature_and_with_a_small_spot() -> None:
    assert temperature_error_k(20.0, 20.0, 50) == pytest.approx(2.0 / math.sqrt(3.0), rel=0.01)
    assert temperature_error_k(90.0, 20.0, 50) == pytest.approx(2.98, abs=0.1)
    assert temperature_error_k(90.0, 20.0, 50) < temperature_error_k(300.0, 20.0, 50)
    assert temperature_error_k(90.0, 20.0, 4) > 3 * temperature_error_k(90.0, 20.0, 50)


def test_nothing_is_found_where_nothing_is_watched() -> None:
    assert hot_regions(ground(), np.zeros(SIZE[::-1], np.uint8), 60.0, 20.0) == ()


def test_what_stands_high_is_seen_beside_its_zone_and_still_its_own() -> None:
    aslant = posed(size=SIZE, hfov_deg=40.0, alt_m=60.0, pitch_deg=-55.0, north_m=-40.0)
    sight = sight_of(np.zeros((*SIZE[::-1], 3), np.uint8), aslant)
    zone = rectangle(0.0, 0.0, 6.0, 6.0)
    # Eight metres above the middle of the zone, seen from 60 m up and 40 m to the south.
    behind_m = 40.0 * 8.0 / (60.0 - 8.0)
    projector = SceneView(sight, SITE).projector
    assert projector is not None
    x, y = projector.pixels(np.array([[0.0, behind_m]]))[0]
    hot = ThermalPixels(warmed(ground(), (round(x), round(y)), 5, 140.0))
    view = SceneView(replace(sight, frame=replace(sight.frame, picture=hot)), SITE)
    assert len(HotspotDetector().look(view, [WatchedZone("tank", zone, {})])) == 1
    low = WatchedZone("tank", zone, {"height_m": 0.0, "margin_m": 1.0})
    assert HotspotDetector().look(view, [low]) == ()


def test_what_is_hotter_than_equipment_gets_is_fire_where_fire_is_watched_for() -> None:
    burning = warmed(ground(), MIDDLE, 12, 380.0)
    sight = sight_of(np.zeros((*SIZE[::-1], 3), np.uint8), VIEW)
    frame = replace(sight.frame, picture=ThermalPixels(burning), spectrum="thermal")
    view = SceneView(replace(sight, frame=frame), SITE)
    hot = WatchedZone("yard", ZONE, {"incident": "overheating_equipment", "limit_c": 75.0})
    fire = WatchedZone("yard", ZONE, {"incident": "open_flame"})

    (found,) = HotspotDetector().look(view, [hot, fire])
    assert found.class_name == "flame"
    assert found.measure is not None
    assert found.measure.unit is MeasureUnit.SQUARE_METRES
    across_m = 2 * 12 * 0.068
    assert 0.2 * across_m**2 < found.measure.value < 1.2 * across_m**2
    assert found.confidence > 0.95

    (told,) = HotspotDetector().look(view, [hot])
    assert told.class_name == "hotspot", "where nobody watches for fire, it is not kept back"


def test_a_hot_transformer_is_no_fire() -> None:
    assert looked(warmed(ground(), MIDDLE, 8, 150.0), incident="open_flame") == ()
