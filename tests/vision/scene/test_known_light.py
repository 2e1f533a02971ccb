"""In haze and evening light, colours are judged as the baseline would show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from park.records import Detection
from tests.vision.scene.drawn_ground import SITE, DrawnGround, Image, posed, rectangle, sight_of
from tests.vision.scene.test_soil import GSD_M, NADIR, SOILS, YARD, yard
from vision.scene.baseline import Baseline, BaselineBuilder
from vision.scene.known_light import KnownLight
from vision.scene.light import Light
from vision.scene.soil import SoilDetector
from vision.scene.view import SceneView

HAY = ((110, 138, 150), 26.0)
EVENING = Light((0.8, 0.88, 1.05), (0.05, 0.05, 0.05))


@pytest.fixture(scope="module")
def meadow(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    builder = BaselineBuilder(tmp_path_factory.mktemp("light") / "base", GSD_M)
    for i in range(3):
        view = posed(east_m=-10.0 + 10.0 * i, alt_m=60.0, size=(960, 540))
        builder.add(sight_of(yard(*HAY).seen(view), view, time_s=float(i)))
    return builder.finish()


def seen(image: Image, light: KnownLight | None) -> tuple[Detection, ...]:
    return SoilDetector(light).look(SceneView(sight_of(image, NADIR), SITE), [YARD])


def test_mown_hay_in_evening_haze_is_no_soil(meadow: Baseline) -> None:
    image = EVENING.on_bytes(yard(*HAY).seen(NADIR))
    assert seen(image, None)
    assert not seen(image, KnownLight(meadow))


def test_opened_soil_in_evening_haze_is_soil(meadow: Baseline) -> None:
    ground, aside = yard(*HAY), rectangle(-20, 4, 9, 8)
    plot = DrawnGround(np.zeros_like(ground.texture_bgr), GSD_M)
    plot.paint(aside, (255, 255, 255))
    inside = plot.texture_bgr[..., 0] > 0
    ground.texture_bgr[inside] = yard(SOILS["loam"], 26.0, aside).texture_bgr[inside]
    (found,) = seen(EVENING.on_bytes(ground.seen(NADIR)), KnownLight(meadow))
    assert found.measure is not None
    assert found.measure.value == pytest.approx(72.0, rel=0.15)


def test_where_the_baseline_knows_no_ground_the_picture_stays_as_it_is(tmp_path: Path) -> None:
    away = posed(east_m=900.0, alt_m=60.0, size=(960, 540))
    builder = BaselineBuilder(tmp_path / "base", GSD_M)
    builder.add(sight_of(yard(*HAY).seen(NADIR), away))
    view = SceneView(sight_of(yard(*HAY).seen(NADIR), NADIR), SITE)
    assert KnownLight(builder.finish()).seen_in_it(view) is view


@pytest.mark.parametrize(("share", "told"), [(0.5, True), (0.25, True), (0.12, False)])
def test_in_a_picture_too_dark_to_show_colours_nothing_is_said_of_soil(
    meadow: Baseline, share: float, told: bool
) -> None:
    dusk = Light((share,) * 3, (0.0, 0.0, 0.0))
    image = dusk.on_bytes(yard(SOILS["loam"], 26.0, rectangle(-20, 4, 9, 8)).seen(NADIR))
    light = KnownLight(meadow)
    views = [SceneView(sight_of(image, NADIR, time_s=float(i)), SITE) for i in range(3)]
    assert ([light.seen_in_it(view) is not None for view in views][-1]) is told
    if not told:
        assert not seen(image, KnownLight(meadow))


@pytest.mark.parametrize(
    ("share", "told"), [(0.8, [True] * 4), (0.4, [False, False, True, True])], ids=["day", "dusk"]
)
def test_light_far_from_the_baselines_is_not_believed_of_fewer_than_three_pictures(
    meadow: Baseline, share: float, told: list[bool]
) -> None:
    image = Light((share,) * 3, (0.0, 0.0, 0.0)).on_bytes(yard(*HAY).seen(NADIR))
    light = KnownLight(meadow)
    views = [SceneView(sight_of(image, NADIR, time_s=float(i)), SITE) for i in range(4)]
    assert [light.seen_in_it(view) is not None for view in views] == told
    assert (light.fresh().seen_in_it(views[3]) is not None) is told[0]
