from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon

from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_ground import SITE, DrawnGround, Image, posed, rectangle, sight_of
from vision.scene.detector import WatchedZone
from vision.scene.soil import SoilDetector, light_cast
from vision.scene.view import SceneView

Bgr = tuple[int, int, int]

NADIR = posed(alt_m=60.0, size=(960, 540))
OBLIQUE = posed(alt_m=45.0, pitch_deg=-45.0, north_m=-45.0, size=(960, 540))
YARD = WatchedZone("yard", rectangle(0, 0, 110, 90))
GSD_M = 0.12
PLOT = rectangle(4, -3, 20, 12)

ASPHALT: Bgr = (108, 105, 104)
SOILS: dict[str, Bgr] = {
    "loam": (90, 121, 150),
    "laterite": (62, 92, 150),
    "loess": (132, 160, 180),
    "wet earth": (52, 70, 88),
}
COVERED: dict[str, tuple[Bgr, float]] = {
    "green net": ((62, 104, 52), 14.0),
    "blue tarpaulin": ((120, 78, 40), 10.0),
    "lawn": ((62, 126, 92), 20.0),
    "dry meadow": ((92, 138, 143), 24.0),
    "asphalt": ((110, 108, 106), 14.0),
    "concrete": ((165, 173, 176), 8.0),
    "gravel": ((139, 151, 158), 26.0),
    "paving": ((150, 160, 168), 12.0),
    "red asphalt": ((70, 84, 150), 8.0),
    "tiles": ((60, 85, 170), 18.0),
    "painted floor": ((90, 121, 150), 0.6),
    "wet sand": ((105, 140, 160), 26.0),
    "sandy gravel": ((112, 138, 152), 30.0),
}


@lru_cache(maxsize=32)
def texture(colour: Bgr, contrast: float, seed: int) -> Image:
    return DrawnGround.rough(
        110, gsd_m=GSD_M, colour_bgr=colour, contrast=contrast, seed=seed
    ).texture_bgr


def yard(colour: Bgr, contrast: float, area: Polygon = PLOT) -> DrawnGround:
    """Asphalt with a part of it covered by something else."""
    ground = DrawnGround(texture(ASPHALT, 12.0, 5).copy(), GSD_M)
    part = DrawnGround(np.zeros_like(ground.texture_bgr), GSD_M)
    part.paint(area, (255, 255, 255))
    inside = part.texture_bgr[..., 0] > 0
    ground.texture_bgr[inside] = texture(colour, contrast, 8)[inside]
    return ground


def seen(
    ground: DrawnGround, view: PosedView = NADIR, zone: WatchedZone = YARD
) -> tuple[Detection, ...]:
    return SoilDetector().look(SceneView(sight_of(ground.seen(view), view), SITE), [zone])


@pytest.mark.parametrize("soil", SOILS)
@pytest.mark.parametrize("view", [NADIR, OBLIQUE], ids=["nadir", "oblique"])
def test_bare_soil_is_found_with_its_area(soil: str, view: PosedView) -> None:
    (found,) = seen(yard(SOILS[soil], 26.0), view)
    assert found.class_name == "bare_soil"
    assert found.model_id == "scene-soil@7"
    assert found.confidence > 0.5
    assert found.measure is not None
    assert found.measure.unit is MeasureUnit.SQUARE_METRES
    assert found.measure.value == pytest.approx(PLOT.area, rel=0.12)
    assert abs(found.measure.value - PLOT.area) < 3.0 * found.measure.error


@pytest.mark.parametrize("cover", COVERED)
def test_what_is_covered_planted_or_built_is_no_soil(cover: str) -> None:
    colour, contrast = COVERED[cover]
    assert seen(yard(colour, contrast)) == ()


@pytest.mark.parametrize("view", [NADIR, OBLIQUE], ids=["nadir", "oblique"])
@pytest.mark.parametrize(
    ("area", "is_soil"),
    [
        pytest.param(rectangle(0, -2, 2.5, 40), False, id="a walk"),
        pytest.param(rectangle(0, -2, 3.0, 28), False, id="a track"),
        pytest.param(rectangle(0, -2, 6.0, 40), True, id="a cleared strip"),
        pytest.param(rectangle(0, -2, 3.0, 9), True, id="a patch"),
        pytest.param(
            rectangle(0, -2, 2.5, 20).union(rectangle(5, 8, 10, 6)), True, id="dug beside a walk"
        ),
    ],
)
def test_a_narrow_strip_of_even_width_is_a_walk(
    area: Polygon, is_soil: bool, view: PosedView
) -> None:
    assert bool(seen(yard(SOILS["loam"], 26.0, area), view)) is is_soil


def test_a_fire_with_its_orange_rim_is_no_soil() -> None:
    ground = yard(SOILS["laterite"], 12.0, rectangle(4, -3, 5, 5))
    assert seen(ground, NADIR)
    ground.paint(rectangle(4, -3, 3, 3), (110, 205, 255))
    assert not seen(ground, NADIR)


def test_a_stockpile_is_called_one_where_the_zone_says_so() -> None:
    zone = WatchedZone("heaps", YARD.area_m, {"class_name": "stockpile"})
    (found,) = seen(yard(SOILS["loam"], 26.0), NADIR, zone)
    assert found.class_name == "stockpile"


def test_plants_on_the_soil_are_not_counted() -> None:
    ground = yard(SOILS["loam"], 26.0)
    ground.paint(rectangle(4, -3, 6, 5), (50, 110, 70), 12.0)
    (found,) = seen(ground)
    assert found.measure is not None
    assert found.measure.value == pytest.approx(PLOT.area - 30.0, rel=0.12)


@pytest.mark.parametrize("cast", [(1.10, 1.0, 0.94), (0.94, 1.0, 1.07)], ids=["blue", "warm"])
def test_the_tint_of_the_light_is_taken_out(cast: tuple[float, float, float]) -> None:
    for colour, contrast, count in ((SOILS["loam"], 26.0, 1), (ASPHALT, 20.0, 0)):
        image = yard(colour, contrast).seen(NADIR) * np.array(cast)
        view = SceneView(sight_of(np.clip(image, 0, 255).astype(np.uint8), NADIR), SITE)
        assert len(SoilDetector().look(view, [YARD])) == count


def test_small_patches_and_what_lies_outside_the_zone_are_left_alone() -> None:
    assert seen(yard(SOILS["loam"], 26.0, rectangle(0, 0, 3, 3))) == ()
    elsewhere = WatchedZone("yard", rectangle(-25, 0, 20, 40))
    assert seen(yard(SOILS["loam"], 26.0), NADIR, elsewhere) == ()


def test_ground_too_far_away_to_show_texture_is_left_alone() -> None:
    assert seen(yard(SOILS["loam"], 26.0), posed(alt_m=900.0, size=(960, 540))) == ()


def test_a_picture_without_grey_has_no_known_cast() -> None:
    assert light_cast(np.full((80, 80, 3), (50.0, -30.0, 30.0), np.float32)) == (0.0, 0.0)


@pytest.mark.parametrize("kind", ["one colour", "night", "tiny"])
def test_nothing_is_said_where_nothing_can_be_seen(kind: str) -> None:
    rng = np.random.default_rng(0)
    image = {
        "one colour": np.full((540, 960, 3), (90, 121, 150), np.uint8),
        "night": np.asarray(rng.integers(0, 10, (540, 960, 3)), np.uint8),
        "tiny": np.asarray(rng.integers(0, 255, (40, 60, 3)), np.uint8),
    }[kind]
    view = posed(size=(image.shape[1], image.shape[0]))
    assert SoilDetector().look(SceneView(sight_of(image, view), SITE), [YARD]) == ()


def test_nothing_is_said_without_a_place() -> None:
    view = SceneView(sight_of(yard(SOILS["loam"], 26.0).seen(NADIR), None), SITE)
    assert SoilDetector().look(view, [YARD]) == ()


@pytest.mark.parametrize("number", [18, 21, 24, 27])
def test_woods_lawns_and_asphalt_of_real_photos_are_no_soil(shared_data: Path, number: int) -> None:
    path = shared_data / "photos" / "brighton_beach" / f"DJI_00{number}.JPG"
    image = np.asarray(cv2.imread(str(path)), np.uint8)
    view = posed(size=(image.shape[1], image.shape[0]), alt_m=40.0, hfov_deg=84.0)
    everywhere = WatchedZone("everywhere", rectangle(0, 0, 500, 500))
    assert SoilDetector().look(SceneView(sight_of(image, view), SITE), [everywhere]) == ()


def test_streets_of_munich_are_no_soil(shared_data: Path) -> None:
    folder = shared_data / "labelled" / "vehicles_aerial"
    for name in ("MOS78", "MOS160", "MunichStreet02-MOS82"):
        image = np.asarray(cv2.imread(str(folder / f"{name}.jpg")), np.uint8)
        view = posed(size=(image.shape[1], image.shape[0]), alt_m=90.0)
        everywhere = WatchedZone("everywhere", rectangle(0, 0, 900, 900))
        found = SoilDetector().look(SceneView(sight_of(image, view), SITE), [everywhere])
        assert found == (), name
