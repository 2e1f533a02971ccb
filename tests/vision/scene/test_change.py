from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon

from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_ground import SITE, DrawnGround, Image, posed, rectangle, sight_of
from vision.scene.baseline import Baseline, BaselineBuilder
from vision.scene.change import ChangeDetector
from vision.scene.detector import WatchedZone
from vision.scene.lean import Standing
from vision.scene.light import Light
from vision.scene.ortho import even_light
from vision.scene.view import SceneView

CELL_M = 0.2
SIZE = (960, 540)
ZONE = WatchedZone("plot", rectangle(0, 0, 70, 36))
PLACE = rectangle(6, 2, 8, 5)
LATER = posed(alt_m=60.0, size=SIZE, east_m=3.0, yaw_deg=4.0, pitch_deg=-82.0)


@lru_cache(maxsize=1)
def clean() -> Image:
    ground = DrawnGround.rough(150, gsd_m=CELL_M, colour_bgr=(100, 112, 110), contrast=26)
    ground.paint(rectangle(-18, -6, 12, 9), (130, 120, 90), 6.0)
    ground.paint(rectangle(20, 10, 14, 6), (70, 110, 80), 14.0)
    return ground.texture_bgr


def later() -> DrawnGround:
    return DrawnGround(clean().copy(), CELL_M)


def baseline_of(ground: DrawnGround, folder: Path) -> Baseline:
    builder = BaselineBuilder(folder / "base", CELL_M)
    for i in range(6):
        view = posed(east_m=-25.0 + 10.0 * i, alt_m=60.0, size=SIZE)
        builder.add(sight_of(ground.seen(view), view, time_s=float(i)))
    return builder.finish()


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    return baseline_of(later(), tmp_path_factory.mktemp("change"))


@pytest.fixture(scope="module")
def with_a_lorry(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    ground = later()
    ground.paint(PLACE, (45, 40, 150), 4.0)
    return baseline_of(ground, tmp_path_factory.mktemp("lorry"))


def changed(
    baseline: Baseline,
    ground: DrawnGround,
    view: PosedView = LATER,
    *,
    light: float = 1.0,
    said: PosedView | None = None,
) -> tuple[Detection, ...]:
    image = np.clip(ground.seen(view) * light, 0, 255).astype(np.uint8)
    return ChangeDetector(baseline).look(SceneView(sight_of(image, said or view), SITE), [ZONE])


OBJECTS = {
    "blue shed": (168, 112, 70),
    "pale shed": (215, 220, 220),
    "earth": (78, 116, 152),
    "timber": (80, 124, 186),
}


@pytest.mark.parametrize("thing", OBJECTS)
def test_a_new_thing_is_found_with_its_area(baseline: Baseline, thing: str) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS[thing], 4.0)
    (found,) = changed(baseline, ground)
    assert found.class_name == "new_object"
    assert found.model_id == "scene-change@11"
    assert found.measure is not None
    assert found.measure.unit is MeasureUnit.SQUARE_METRES
    assert abs(found.measure.value - PLACE.area) < 3.0 * found.measure.error
    assert found.measure.value == pytest.approx(PLACE.area, rel=0.3)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    assert view.sight.locator is not None
    assert found.at_px is not None
    point = view.sight.locator.place(*found.at_px)
    assert SITE.to_en_m(point.lat_deg, point.lon_deg) == pytest.approx((6.0, 2.0), abs=1.5)


@pytest.mark.parametrize("light", [0.6, 1.0, 1.3])
def test_the_same_ground_in_other_light_is_no_change(baseline: Baseline, light: float) -> None:
    assert changed(baseline, later(), light=light) == ()


HAZE = Light((0.75, 0.78, 0.8), (0.08, 0.075, 0.07))


def test_in_haze_a_new_thing_is_all_that_is_found(baseline: Baseline) -> None:
    ground = later()
    view = SceneView(sight_of(HAZE.on_bytes(ground.seen(LATER)), LATER), SITE)
    assert ChangeDetector(baseline).look(view, [ZONE]) == ()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    view = SceneView(sight_of(HAZE.on_bytes(ground.seen(LATER)), LATER), SITE)
    (found,) = ChangeDetector(baseline).look(view, [ZONE])
    assert found.measure is not None
    assert found.measure.value == pytest.approx(PLACE.area, rel=0.3)


@pytest.mark.parametrize("light", [Light((1.0,) * 3, (0.0,) * 3), HAZE], ids=["clear", "haze"])
def test_where_something_was_taken_away_nothing_is_new(
    with_a_lorry: Baseline, light: Light
) -> None:
    view = SceneView(sight_of(light.on_bytes(later().seen(LATER)), LATER), SITE)
    assert ChangeDetector(with_a_lorry).look(view, [ZONE]) == ()


@pytest.mark.parametrize("thing", OBJECTS)
def test_what_stands_in_the_place_of_something_else_is_new(
    with_a_lorry: Baseline, thing: str
) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS[thing], 4.0)
    assert len(changed(with_a_lorry, ground)) == 1


def test_a_place_that_is_in_part_taken_anew_is_told(with_a_lorry: Baseline) -> None:
    ground = later()
    ground.paint(rectangle(4.5, 2.0, 5.0, 5.0), OBJECTS["pale shed"], 4.0)
    assert len(changed(with_a_lorry, ground)) == 1


@pytest.mark.parametrize(("width_m", "told"), [(0.6, 0), (1.6, 1)], ids=["a wall", "a trench"])
def test_narrow_strips_are_walls_that_lean(baseline: Baseline, width_m: float, told: int) -> None:
    ground = later()
    ground.paint(rectangle(4, 3, 14, width_m), OBJECTS["pale shed"], 4.0)
    assert len(changed(baseline, ground)) == told


def shaded(ground: DrawnGround, area: Polygon, soft_px: float) -> None:
    mask = DrawnGround(np.zeros_like(ground.texture_bgr), CELL_M)
    mask.paint(area, (255, 255, 255))
    part = cv2.GaussianBlur(mask.texture_bgr.astype(np.float32) / 255.0, (0, 0), soft_px)
    shade = np.array([0.40, 0.34, 0.31])
    linear = (ground.texture_bgr / 255.0) ** 2.2 * (1.0 - part * (1.0 - shade))
    ground.texture_bgr = np.asarray(linear ** (1 / 2.2) * 255, np.uint8)


@pytest.mark.parametrize("soft_px", [0.8, 12.0], ids=["of a building", "of a cloud"])
def test_a_new_shadow_is_no_change(baseline: Baseline, soft_px: float) -> None:
    ground = later()
    shaded(ground, rectangle(4, 3, 14, 10), soft_px)
    assert changed(baseline, ground) == ()


def lamp_lit(ground: DrawnGround, east_m: float, north_m: float, rise: float) -> None:
    """Light a lamp: inverse square law times the cosines of lamp and ground, 8 m up, warm."""
    rows, columns = np.indices(ground.texture_bgr.shape[:2], np.float32)
    off_px = (
        np.array([ground.texture_bgr.shape[1], ground.texture_bgr.shape[0]]) - 1
    ) / 2.0 + np.array([east_m, -north_m]) / CELL_M
    away_m = np.hypot(columns - off_px[0], rows - off_px[1]) * CELL_M
    light = rise * (8.0**2 / (8.0**2 + away_m**2)) ** 2
    linear = (ground.texture_bgr / 255.0) ** 2.2
    linear = linear * (1.0 + light[..., None] * np.array([0.75, 0.95, 1.1]))
    ground.texture_bgr[:] = np.clip(linear, 0.0, 1.0) ** (1.0 / 2.2) * 255.0


@pytest.mark.parametrize("rise", [0.8, 1.5, 2.5])
def test_ground_in_the_light_of_a_lamp_is_no_change(baseline: Baseline, rise: float) -> None:
    ground = later()
    lamp_lit(ground, 4.0, 3.0, rise)
    assert not changed(baseline, ground, light=0.7)


def test_a_pale_thing_in_the_light_of_a_lamp_is_told(baseline: Baseline) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["pale shed"], 4.0)
    lamp_lit(ground, 4.0, 3.0, 1.5)
    (found,) = changed(baseline, ground, light=0.7)
    # The brightest of the lit ground around it goes with it: its area may be double.
    assert found.measure is not None
    assert 0.7 * PLACE.area < found.measure.value < 2.0 * PLACE.area


def test_ground_that_warm_light_falls_on_is_no_change(baseline: Baseline) -> None:
    ground = later()
    rows, columns = np.indices(ground.texture_bgr.shape[:2], np.float32)
    away_m = np.hypot(columns - columns.mean() - 20.0, rows - rows.mean()) * CELL_M
    warm = np.exp(-(away_m**2) / (2.0 * 6.0**2))[..., None] * np.array([-0.32, 0.0, 0.30])
    ground.texture_bgr[:] = np.clip(ground.texture_bgr * (1.0 + warm), 0, 255)
    assert not changed(baseline, ground)


def test_a_load_beside_a_painted_line_is_told(tmp_path: Path) -> None:
    line, load = rectangle(6, 2, 40, 0.4), rectangle(6, 3.6, 2.4, 1.4)
    ground = later()
    ground.paint(line, (225, 225, 225), 2.0)
    road = baseline_of(ground, tmp_path)
    ground.paint(load, (70, 120, 175), 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    zone = replace(ZONE, settings={"incident": "road_obstruction"})
    assert len(ChangeDetector(road).look(view, [zone])) == 1


def test_a_pose_that_is_off_is_put_right_by_what_the_picture_shows(baseline: Baseline) -> None:
    said = posed(alt_m=60.0, size=SIZE, east_m=5.0, north_m=-1.5, yaw_deg=5.0, pitch_deg=-82.0)
    assert changed(baseline, later(), said=said) == ()
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    assert len(changed(baseline, ground, said=said)) == 1


def test_a_thing_in_a_box_to_ignore_is_left_out(baseline: Baseline) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    (found,) = ChangeDetector(baseline).look(view, [ZONE])
    assert ChangeDetector(baseline).look(view, [ZONE], [found.box_xyxy_px]) == ()


def test_what_leans_over_the_ground_or_leant_in_the_baseline_is_no_change(
    baseline: Baseline,
) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["pale shed"], 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)

    def seen_beside(house: Polygon) -> tuple[Detection, ...]:
        standing = [Standing(SITE.unproject_geometry(house), 40.0)]
        return ChangeDetector(baseline, standing).look(view, [ZONE])

    # The camera is 3 m east of the middle: a high house between it and the place hides this.
    assert seen_beside(rectangle(4.0, 2.0, 1.0, 5.0)) == ()
    assert len(seen_beside(rectangle(-15.0, 2.0, 4.0, 5.0))) == 1


@pytest.mark.parametrize(
    ("tower", "thing", "told"),
    [
        (Point(-10.0, 20.0), "pale shed", 0),
        (Point(-10.0, 20.0), "blue shed", 1),
        (Point(-90.0, 20.0), "pale shed", 1),
    ],
    ids=["white, near", "blue, near", "white, far off"],
)
def test_what_is_white_near_a_cooling_tower_is_steam(
    baseline: Baseline, tower: Point, thing: str, told: int
) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS[thing], 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    detector = ChangeDetector(baseline, steam_sources=[SITE.unproject_geometry(tower)])
    assert len(detector.fresh().look(view, [ZONE])) == told


@pytest.fixture(scope="module")
def under_steam(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    ground = later()
    rows, columns = np.indices(ground.texture_bgr.shape[:2])
    half = np.array(ground.texture_bgr.shape[1::-1]) / 2.0
    east_m, north_m = (columns - half[0]) * CELL_M, (half[1] - rows) * CELL_M
    thick = 0.9 * np.exp(-((east_m - 14.0) ** 2 + (north_m - 8.0) ** 2) / (2.0 * 4.0**2))
    white = 245.0 * thick[..., None] + ground.texture_bgr * (1.0 - thick[..., None])
    ground.texture_bgr = np.clip(white, 0, 255).astype(np.uint8)
    return baseline_of(ground, tmp_path_factory.mktemp("steam"))


@pytest.mark.parametrize("east_m", [-10.0, -90.0])
def test_ground_that_steam_hid_from_the_baseline_is_nothing_new(
    under_steam: Baseline, east_m: float
) -> None:
    view = SceneView(sight_of(later().seen(LATER), LATER), SITE)
    tower = SITE.unproject_geometry(Point(east_m, 20.0))
    detector = ChangeDetector(under_steam, steam_sources=[tower])
    assert not detector.look(view, [ZONE])


def test_a_darker_thing_on_pale_ground_near_a_cooling_tower_is_new(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    ground = later()
    ground.paint(rectangle(6, 2, 26, 20), (205, 208, 206), 8.0)
    before = baseline_of(ground, tmp_path_factory.mktemp("pale"))
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    tower = SITE.unproject_geometry(Point(-10.0, 20.0))
    assert len(ChangeDetector(before, steam_sources=[tower]).look(view, [ZONE])) == 1


def test_what_is_seen_again_in_its_place_is_surer(baseline: Baseline) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    detector = ChangeDetector(baseline)
    sure = []
    for i, east in enumerate((0.0, 4.0)):
        view = posed(alt_m=60.0, size=SIZE, east_m=east)
        seen = SceneView(sight_of(ground.seen(view), view, time_s=float(i)), SITE)
        (found,) = detector.look(seen, [ZONE])
        sure.append(found.confidence)
    assert sure[1] > 1.3 * sure[0]


def test_what_two_photos_show_is_surer_than_what_one_does(baseline: Baseline) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    detector = ChangeDetector(baseline)
    sure = []
    for name, east in (("1.jpg", 0.0), ("2.jpg", 4.0)):
        view = posed(alt_m=60.0, size=SIZE, east_m=east)
        (found,) = detector.look(
            SceneView(sight_of(ground.seen(view), view, uri=name), SITE), [ZONE]
        )
        sure.append(found.confidence)
    assert sure[1] > 1.3 * sure[0]


def test_small_things_and_what_is_outside_the_zone_are_left_alone(baseline: Baseline) -> None:
    ground = later()
    ground.paint(rectangle(6, 2, 1.6, 1.6), OBJECTS["blue shed"])
    ground.paint(rectangle(6, 24, 8, 5), OBJECTS["blue shed"])
    assert changed(baseline, ground, posed(alt_m=80.0, size=SIZE)) == ()


def test_on_a_road_a_small_load_is_told(baseline: Baseline) -> None:
    ground = later()
    ground.paint(rectangle(6, 2, 2.0, 1.8), OBJECTS["pale shed"], 4.0)
    view = SceneView(sight_of(ground.seen(LATER), LATER), SITE)
    assert ChangeDetector(baseline).look(view, [ZONE]) == ()
    road = replace(ZONE, settings={"incident": "road_obstruction"})
    (found,) = ChangeDetector(baseline).look(view, [road])
    assert found.measure is not None
    assert abs(found.measure.value - 3.6) < 3.0 * found.measure.error


def test_nothing_is_said_off_the_baseline_or_of_pictures_that_show_nothing(
    baseline: Baseline,
) -> None:
    far = posed(alt_m=60.0, size=SIZE, east_m=4000.0)
    assert changed(baseline, later(), LATER, said=far) == ()
    night = np.random.default_rng(0).integers(0, 9, (540, 960, 3)).astype(np.uint8)
    plain = np.full((540, 960, 3), 120, np.uint8)
    for image in (night, plain, plain[:40, :60]):
        view = posed(size=(image.shape[1], image.shape[0]))
        assert ChangeDetector(baseline).look(SceneView(sight_of(image, view), SITE), [ZONE]) == ()
    assert ChangeDetector(baseline).look(SceneView(sight_of(clean(), None), SITE), [ZONE]) == ()


def test_the_box_is_where_the_picture_shows_it_and_the_place_where_it_is(
    baseline: Baseline,
) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    said = posed(alt_m=60.0, size=SIZE, east_m=5.0, north_m=-1.5, yaw_deg=5.0, pitch_deg=-82.0)
    (right,) = changed(baseline, ground)
    (found,) = changed(baseline, ground, said=said)
    assert found.box_xyxy_px == pytest.approx(right.box_xyxy_px, abs=8.0)
    assert found.at_px is not None
    locator = sight_of(clean(), said).locator
    assert locator is not None
    point = locator.place(*found.at_px)
    assert SITE.to_en_m(point.lat_deg, point.lon_deg) == pytest.approx((6.0, 2.0), abs=1.0)


CROWN = (40, 110, 60)
EVENING = Light((0.43, 0.57, 0.7), (0.005, 0.01, 0.01))


@pytest.mark.parametrize(("gain", "veil"), [(1.0, 0.0), (0.75, 0.08), (0.6, 0.12)])
def test_crowns_are_known_in_haze_too(tmp_path: Path, gain: float, veil: float) -> None:
    """Haze takes the green out of them, which has to be put back first."""
    ground, grown = later(), later()
    ground.paint(rectangle(4.0, 2.0, 5.0, 5.0), CROWN, 25.0)
    grown.paint(rectangle(8.5, 6.0, 5.0, 5.0), CROWN, 25.0)
    air = Light((gain,) * 3, (veil,) * 3)
    view = SceneView(sight_of(air.on_bytes(grown.seen(LATER)), LATER), SITE)
    assert ChangeDetector(baseline_of(ground, tmp_path)).look(view, [ZONE]) == ()


@pytest.mark.parametrize(
    ("east_m", "told"), [(8.5, 0), (28.0, 1)], ids=["leaning", "a green sheet"]
)
def test_a_smooth_crown_over_other_ground_is_known_by_the_tree_that_stood_beside_it(
    tmp_path: Path, east_m: float, told: int
) -> None:
    """Without the sun leaves have no shade, and a green sheet far from any tree is no crown."""
    ground, evening = later(), later()
    ground.paint(rectangle(4.0, 2.0, 5.0, 5.0), CROWN, 25.0)
    evening.paint(rectangle(4.0, 2.0, 5.0, 5.0), CROWN, 25.0)
    evening.paint(rectangle(east_m, 2.0, 4.0, 5.0), CROWN, 3.0)
    view = SceneView(sight_of(EVENING.on_bytes(evening.seen(LATER)), LATER), SITE)
    assert len(ChangeDetector(baseline_of(ground, tmp_path)).look(view, [ZONE])) == told


def test_a_zone_that_is_all_trees_is_left_alone(tmp_path: Path) -> None:
    wood = later()
    wood.paint(rectangle(0, 0, 40, 30), (40, 110, 60), 90.0)
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    for i in range(4):
        view = posed(east_m=-15.0 + 10.0 * i, alt_m=60.0, size=SIZE)
        builder.add(sight_of(wood.seen(view), view, time_s=float(i)))
    inside = WatchedZone("wood", rectangle(0, 0, 12, 10))
    seen = SceneView(sight_of(wood.seen(LATER), LATER), SITE)
    assert ChangeDetector(builder.finish()).look(seen, [inside]) == ()


def test_ground_that_is_seen_too_flatly_is_left_alone(baseline: Baseline) -> None:
    ground = later()
    ground.paint(PLACE, OBJECTS["blue shed"], 4.0)
    flat = posed(alt_m=30.0, size=SIZE, north_m=-45.0, pitch_deg=-34.0)
    assert changed(baseline, ground, flat) == ()


@given(
    st.integers(20, 90), st.integers(20, 90), st.floats(0.05, 1.0), st.integers(0, 2**31 - 1)
)  # fmt: skip
def test_evened_light_is_that_of_a_blur_of_all_pixels(
    rows: int, columns: int, cell_m: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = cv2.resize(
        rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (columns, rows),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    known = np.full((rows, columns), 255, np.uint8)
    known[:, : columns // 5] = 0
    even = even_light(np.asarray(image, np.uint8), known, cell_m).astype(np.float32)
    assert (even[:, : columns // 5] == 128).all(), "what is not known has no light"
    sigma = max(2.0, 2.5 / cell_m)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    seen = (known > 0).astype(np.float32)

    def blur(values: Any) -> Any:
        return cv2.GaussianBlur(values, (0, 0), sigma)

    weight = blur(seen) + 1e-3
    off = (grey - blur(grey * seen) / weight) * seen
    wanted = np.clip(128 + 40 * off / (np.sqrt(blur(off * off) / weight) + 4.0), 0, 255)
    assert np.percentile(np.abs(even - wanted), 90) < 12.0
