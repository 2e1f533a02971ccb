"""Open fire is told from what only has its colour, by its looks and by its flicker."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_fire import with_flame
from tests.vision.scene.drawn_ground import SITE, DrawnGround, posed, rectangle, sight_of
from vision.locate import Locator
from vision.scene.detector import WatchedZone
from vision.scene.flame import FlameDetector, flame_coloured, flame_regions
from vision.scene.views import SceneViews
from vision.scene.zones import GroundProjector

Image = NDArray[np.uint8]
ZONE = WatchedZone("yard", rectangle(0.0, 0.0, 90.0, 60.0), {})
PLACE = (2.0, -3.0)
GROUND = DrawnGround.rough(120.0, gsd_m=0.15)


def cameras(pitch_deg: float = -90.0, count: int = 5) -> list[PosedView]:
    """Return the poses of a drone that flies on, two pictures a second."""
    back = 25.0 if pitch_deg > -60.0 else 0.0
    return [
        posed(east_m=i, north_m=-back, alt_m=25.0, pitch_deg=pitch_deg, size=(640, 360))
        for i in range(count)
    ]


def seen_px(view: PosedView, place_m: tuple[float, float]) -> tuple[float, float]:
    x, y = GroundProjector(Locator(view), SITE).pixels(np.array([place_m]))[0]
    return float(x), float(y)


def watched(
    views: list[PosedView], draw: Callable[[Image, PosedView, int], Image], ground: DrawnGround
) -> list[tuple[Detection, ...]]:
    """Return what is said about each frame of a flight."""
    scene, detector = SceneViews(SITE), FlameDetector().fresh()
    said = []
    for i, view in enumerate(views):
        image = draw(ground.seen(view), view, i)
        said.append(detector.look(scene.add(sight_of(image, view, time_s=0.5 * i)), [ZONE]))
    return said


def burning(image: Image, view: PosedView, moment: int) -> Image:
    return with_flame(image, seen_px(view, PLACE), (22.0, 40.0), moment)


@pytest.mark.parametrize("pitch_deg", [-90.0, -45.0])
def test_a_flame_in_a_flight_is_found_where_it_burns(pitch_deg: float) -> None:
    views = cameras(pitch_deg)
    said = watched(views, burning, GROUND)
    found = [found for found in said if found]
    assert len(found) >= 3
    assert all(len(detections) == 1 for detections in found)
    for view, detections in zip(views, said, strict=True):
        for flame in detections:
            assert flame.class_name == "flame"
            assert flame.model_id == "scene-flame@2"
            assert flame.measure is not None
            assert flame.measure.unit is MeasureUnit.SQUARE_METRES
            assert 1.0 < flame.measure.value < 30.0
            assert 0.0 < flame.measure.error < flame.measure.value
            assert flame.at_px is not None
            assert np.hypot(*np.subtract(flame.at_px, seen_px(view, PLACE))) < 45.0
    assert max(f.confidence for detections in said for f in detections) > 0.85


DARK = DrawnGround.rough(120.0, gsd_m=0.15, colour_bgr=(38, 44, 46))


def glowing(image: Image, view: PosedView, strength: float = 1.0) -> Image:
    """Return a picture of dark ground with the light of a fire, or of an amber lamp, on it."""
    x, y = seen_px(view, PLACE)
    rows, columns = np.indices(image.shape[:2], np.float32)
    light = strength * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2.0 * 60.0**2))
    lit = image * (1.0 + light[..., None] * np.array([1.0, 2.6, 4.6]))
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def lamp(image: Image, view: PosedView, _: int) -> Image:
    lit = glowing(image, view)
    cv2.ellipse(
        lit, [round(one) for one in seen_px(view, PLACE)], (9, 9), 0, 0, 360, (140, 235, 252), -1
    )
    return lit


def test_a_flame_in_the_dark_is_found_within_the_ground_it_lights() -> None:
    views = cameras()
    said = watched(views, lambda image, view, i: burning(glowing(image, view), view, i), DARK)
    for found, view in list(zip(said, views, strict=True))[2:]:
        (flame,) = found
        left, top, right, bottom = flame.box_xyxy_px
        x, y = seen_px(view, PLACE)
        assert left < x < right
        assert top - 20.0 < y < bottom + 20.0
        assert right - left < 90.0
        assert flame.confidence > 0.6


def blinking(image: Image, view: PosedView, moment: int) -> Image:
    return lamp(image, view, moment) if moment % 2 else image


@pytest.mark.parametrize("light", [lamp, blinking])
def test_an_amber_lamp_in_the_dark_is_no_fire(
    light: Callable[[Image, PosedView, int], Image],
) -> None:
    assert not any(watched(cameras(), light, DARK))


def test_in_one_picture_a_flame_is_believed_less() -> None:
    view = cameras()[0]
    plain, sure = GROUND.seen(view), []
    for moment in range(12):
        image = with_flame(plain, seen_px(view, PLACE), (26.0, 60.0), moment)
        alone = SceneViews(SITE).add(sight_of(image, view))
        sure += [flame.confidence for flame in FlameDetector().look(alone, [ZONE])]
    assert sure
    assert all(0.3 <= confidence <= 0.6 for confidence in sure)


def painted(colour_bgr: tuple[float, float, float], size_m: tuple[float, float]) -> DrawnGround:
    ground = DrawnGround(GROUND.texture_bgr.copy(), GROUND.gsd_m)
    ground.paint(rectangle(*PLACE, *size_m), colour_bgr, 5.0)
    return ground


@pytest.mark.parametrize(
    ("colour_bgr", "size_m"),
    [
        ((45, 55, 185), (16.0, 9.0)),
        ((30, 30, 210), (2.0, 4.6)),
        ((40, 120, 250), (0.6, 0.6)),
        ((70, 160, 255), (12.0, 12.0)),
        ((60, 200, 255), (3.0, 3.0)),
    ],
    ids=["red roof", "red car", "orange vest", "orange court", "yellow container"],
)
def test_things_of_the_colour_of_fire_are_no_fire(
    colour_bgr: tuple[float, float, float], size_m: tuple[float, float]
) -> None:
    said = watched(cameras(), lambda image, *_: image, painted(colour_bgr, size_m))
    assert said == [()] * 5


def test_a_red_car_that_drives_is_no_fire() -> None:
    def driving(image: Image, view: PosedView, moment: int) -> Image:
        x, y = seen_px(view, (PLACE[0] + 5.0 * moment, PLACE[1]))
        cv2.rectangle(
            image, (int(x) - 40, int(y) - 16), (int(x) + 40, int(y) + 16), (35, 30, 215), -1
        )
        cv2.rectangle(
            image, (int(x) + 8, int(y) - 12), (int(x) + 22, int(y) + 12), (60, 50, 40), -1
        )
        return image

    assert watched(cameras(), driving, GROUND) == [()] * 5


def test_brake_lights_that_come_and_go_are_no_fire() -> None:
    def braking(image: Image, view: PosedView, moment: int) -> Image:
        x, y = seen_px(view, PLACE)
        for side in (-14, 14):
            if moment % 2:
                cv2.circle(image, (int(x) + side, int(y)), 4, (90, 90, 255), -1)
        return image

    assert watched(cameras(), braking, GROUND) == [()] * 5


def test_low_sun_makes_no_fire_of_the_ground() -> None:
    def at_sunset(image: Image, *_: object) -> Image:
        warm = image * np.array([0.75, 1.25, 2.1])
        return np.asarray(np.clip(warm, 0, 255), np.uint8)

    bright = DrawnGround.rough(120.0, gsd_m=0.15, colour_bgr=(105, 118, 122), contrast=30.0)
    assert watched(cameras(), at_sunset, bright) == [()] * 5


def test_a_fire_outside_of_the_zones_is_not_theirs() -> None:
    def elsewhere(image: Image, view: PosedView, moment: int) -> Image:
        return with_flame(image, (610.0, 60.0), (22.0, 40.0), moment)

    narrow = WatchedZone("store", rectangle(-20.0, 0.0, 12.0, 12.0), {})
    scene, detector = SceneViews(SITE), FlameDetector()
    for i, view in enumerate(cameras()):
        image = elsewhere(GROUND.seen(view), view, i)
        sight = sight_of(image, view, time_s=0.5 * i)
        assert detector.look(scene.add(sight), [narrow]) == ()


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (20, 110, 245)])
def test_pictures_of_one_colour_say_nothing(colour: tuple[int, int, int]) -> None:
    image = np.full((360, 640, 3), colour, np.uint8)
    assert watched(cameras(count=2), lambda *_: image.copy(), GROUND) == [(), ()]


def test_colours_that_no_flame_has_are_left_out() -> None:
    colours = np.array(
        [[[200, 60, 40], [40, 200, 40], [200, 60, 200], [40, 40, 140], [128, 128, 128]]], np.uint8
    )
    assert not flame_coloured(colours).any()
    assert flame_coloured(np.array([[[20, 110, 245]]], np.uint8)).all()
    assert flame_regions(colours, flame_coloured(colours)) == ()
