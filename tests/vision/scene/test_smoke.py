"""Plumes are told from ground, traffic, shadows, haze and steam by how they change."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from park.records import Detection, PosedView
from park.taxonomy import MeasureUnit
from tests.vision.scene.drawn_fire import with_smoke
from tests.vision.scene.drawn_ground import SITE, DrawnGround, posed, rectangle, sight_of
from vision.locate import Locator
from vision.scene.detector import WatchedZone
from vision.scene.lean import Standing
from vision.scene.smoke import SmokeDetector, change_log_odds, plumes
from vision.scene.smoke_looks import cell_features, looks_log_odds, small_picture
from vision.scene.stacks import Stack
from vision.scene.views import SceneViews
from vision.scene.walls import Walls
from vision.scene.zones import GroundProjector

Image = NDArray[np.uint8]
Draw = Callable[[Image, PosedView, int], Image]

SIZE = (480, 270)
YARD = rectangle(0.0, 0.0, 120.0, 120.0)
PLACE = (-6.0, -6.0)
GROUND = DrawnGround.rough(140.0, gsd_m=0.15, colour_bgr=(60, 105, 95), contrast=18.0)
FRAMES = 5


def cameras(pitch_deg: float = -90.0, step_m: float = 1.5) -> list[PosedView]:
    """Return the poses of a drone that flies on, two pictures a second."""
    back = 45.0 if pitch_deg > -60.0 else 0.0
    return [
        posed(east_m=step_m * i, north_m=-back, alt_m=45.0, pitch_deg=pitch_deg, size=SIZE)
        for i in range(FRAMES)
    ]


def seen_px(view: PosedView, place_m: tuple[float, float]) -> tuple[float, float]:
    x, y = GroundProjector(Locator(view), SITE).pixels(np.array([place_m]))[0]
    return float(x), float(y)


def looked(
    draw: Draw,
    zone: WatchedZone,
    *,
    views: list[PosedView] | None = None,
    detector: SmokeDetector | None = None,
) -> list[tuple[Detection, ...]]:
    """Return what is said about each frame of a flight."""
    scene, said = SceneViews(SITE), []
    detector = (detector or SmokeDetector()).fresh()
    for i, view in enumerate(views or cameras()):
        image = draw(GROUND.seen(view), view, i)
        said.append(detector.look(scene.add(sight_of(image, view, time_s=0.5 * i)), [zone]))
    return said


def smoking(colour_bgr: tuple[float, float, float], place_m: tuple[float, float] = PLACE) -> Draw:
    def draw(image: Image, view: PosedView, moment: int) -> Image:
        return with_smoke(
            image, seen_px(view, place_m), (150.0, 210.0), 0.5 * moment, colour_bgr=colour_bgr
        )

    return draw


ZONE = WatchedZone("park", YARD, {})
GREY, BLACK, DUST, WHITE = (125, 127, 130), (38, 36, 35), (120, 150, 175), (225, 226, 228)


@pytest.mark.parametrize(
    ("colour_bgr", "pitch_deg"),
    [(GREY, -90.0), (BLACK, -90.0), (DUST, -90.0), (WHITE, -90.0), (GREY, -45.0)],
    ids=["grey", "black", "dust", "white", "grey, seen from the side"],
)
def test_a_plume_over_the_ground_is_found_and_measured(
    colour_bgr: tuple[float, float, float], pitch_deg: float
) -> None:
    views = cameras(pitch_deg)
    said = looked(smoking(colour_bgr), ZONE, views=views)
    assert all(smoke.confidence <= 0.4 for smoke in said[0])
    found = [smoke for detections in said[1:] for smoke in detections]
    assert len(found) >= 3
    assert max(smoke.confidence for smoke in found) > 0.75
    for view, detections in zip(views, said, strict=True):
        for smoke in detections:
            assert (smoke.class_name, smoke.model_id) == ("smoke", "scene-smoke@4")
            assert smoke.measure is not None
            assert smoke.measure.unit is MeasureUnit.SQUARE_METRES
            assert 10.0 < smoke.measure.value < 1500.0
            assert 0.15 < smoke.measure.error / smoke.measure.value < 1.0
            x0, y0, x1, y1 = smoke.box_xyxy_px
            x, y = seen_px(view, PLACE)
            assert x0 < x + 210.0
            assert x1 > x - 30.0
            assert y0 < y + 30.0
            assert y1 > y - 210.0


def test_for_a_plume_of_a_stack_its_length_is_measured() -> None:
    zone = WatchedZone("stack", YARD, {"incident": "smoke_plume"})
    found = [plume for said in looked(smoking(GREY), zone) for plume in said]
    assert found
    assert {plume.class_name for plume in found} == {"smoke_plume"}
    longest = max(found, key=lambda plume: plume.measure.value if plume.measure else 0.0).measure
    assert longest is not None
    assert longest.unit is MeasureUnit.METRES
    # It was drawn 210 pixels long, of 13 cm, and fades towards its end.
    assert 0.4 * 27.5 < longest.value < 1.2 * 27.5


STACK = Stack(-6.0, -20.0, 12.0)
STACKS_ZONE = WatchedZone("stack", rectangle(-6.0, -20.0, 8.0, 8.0), {"incident": "smoke_plume"})


def out_of_the_stack(image: Image, view: PosedView, moment: int) -> Image:
    place = np.array([[STACK.east_m, STACK.north_m]])
    x, y = GroundProjector(Locator(view), SITE).pixels(place, above_m=STACK.height_m)[0]
    return with_smoke(image, (float(x), float(y)), (150.0, 210.0), 0.5 * moment, colour_bgr=BLACK)


def test_smoke_of_a_stack_stands_at_its_foot_wherever_it_is_seen_against() -> None:
    views = cameras(-45.0)
    detector = SmokeDetector(stacks=[STACK])
    said = looked(out_of_the_stack, STACKS_ZONE, views=views, detector=detector)
    found = [(view, one) for view, told in zip(views, said, strict=True) for one in told]
    assert len(found) >= 3
    for view, plume in found:
        assert plume.class_name == "smoke_plume"
        assert plume.at_px == pytest.approx(seen_px(view, (STACK.east_m, STACK.north_m)), abs=0.5)
        assert plume.measure is not None
        assert plume.measure.unit is MeasureUnit.METRES


def test_smoke_that_does_not_come_out_of_a_stack_is_not_its_own() -> None:
    elsewhere = SmokeDetector(stacks=[Stack(22.0, 30.0, 20.0)])
    zone = WatchedZone("stack", rectangle(22.0, 30.0, 8.0, 8.0), {"incident": "smoke_plume"})
    assert not any(looked(out_of_the_stack, zone, views=cameras(-45.0), detector=elsewhere))


@pytest.mark.parametrize(("wall_east_m", "told"), [(8.0, False), (-38.0, True)])
def test_what_changes_on_a_known_wall_is_no_plume(wall_east_m: float, told: bool) -> None:
    """The wall leans away from the camera, over all that is to the east of it or of the west."""
    hall = rectangle(wall_east_m + 15.0, 0.0, 30.0, 200.0)
    walls = Walls([Standing(SITE.unproject_geometry(hall), 40.0)], SITE)
    said = looked(smoking(GREY, (10.0, -6.0)), ZONE, detector=SmokeDetector(walls=walls))
    assert any(said[1:]) is told


def test_smoke_outside_of_the_zones_is_not_theirs() -> None:
    elsewhere = WatchedZone("shed", rectangle(-60.0, 60.0, 10.0, 10.0), {})
    assert looked(smoking(GREY), elsewhere) == [()] * FRAMES


def test_white_air_of_a_cooling_tower_is_steam_and_black_air_is_not() -> None:
    tower = rectangle(*PLACE, 8.0, 8.0)
    assert looked(smoking(WHITE), ZONE, detector=SmokeDetector([tower])) == [()] * FRAMES
    assert any(looked(smoking(BLACK), ZONE, detector=SmokeDetector([tower])))
    own = WatchedZone("tower", YARD, {"asset_class": "cooling tower"})
    assert looked(smoking(WHITE), own) == [()] * FRAMES


def nothing(image: Image, *_: object) -> Image:
    return image


def hazy(image: Image, *_: object) -> Image:
    return np.asarray(np.clip(image * 0.45 + 120.0, 0, 255), np.uint8)


def clouded(image: Image, view: PosedView, moment: int) -> Image:
    """Return a picture over which the soft edge of a cloud's shadow moves."""
    x, y = seen_px(view, (6.0 * moment - 20.0, 0.0))
    columns, rows = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    inside = 1.0 / (1.0 + np.exp((np.hypot(columns - x, rows - y) - 130.0) / 12.0))
    return np.asarray(image * (1.0 - 0.45 * inside[..., None]), np.uint8)


def driving(image: Image, view: PosedView, moment: int) -> Image:
    for lane in (-8.0, 0.0, 9.0):
        x, y = seen_px(view, (9.0 * moment - 25.0 + lane, lane))
        cv2.rectangle(image, (int(x) - 28, int(y) - 9), (int(x) + 28, int(y) + 9), (205,) * 3, -1)
        cv2.rectangle(image, (int(x) + 12, int(y) - 8), (int(x) + 20, int(y) + 8), (50, 45, 40), -1)
    return image


@pytest.mark.parametrize("draw", [nothing, hazy, clouded, driving])
@pytest.mark.parametrize("pitch_deg", [-90.0, -45.0])
def test_no_smoke_is_seen_in(draw: Draw, pitch_deg: float) -> None:
    assert looked(draw, ZONE, views=cameras(pitch_deg)) == [()] * FRAMES


def test_grey_concrete_that_does_not_change_is_no_smoke() -> None:
    def apron(image: Image, view: PosedView, moment: int) -> Image:
        corners = [seen_px(view, place) for place in ((-9, -7), (12, -7), (12, 8), (-9, 8))]
        plain = image.copy()
        cv2.fillPoly(plain, [np.array(corners, np.int32)], (168, 170, 172))
        noise = np.random.default_rng(moment).normal(0, 1.5, image.shape)
        return np.asarray(np.clip(plain + noise, 0, 255), np.uint8)

    assert looked(apron, ZONE) == [()] * FRAMES


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_pictures_of_one_colour_say_nothing(colour: int) -> None:
    def plain(image: Image, *_: object) -> Image:
        return np.full_like(image, colour)

    assert looked(plain, ZONE) == [()] * FRAMES


def test_what_covers_the_picture_is_haze() -> None:
    assert plumes(np.full((17, 30), 5.0), None) == ()
    some = np.full((17, 30), -4.0)
    some[4:10, 6:14] = 5.0
    (plume,) = plumes(some, None)
    assert plume.cells.sum() == 48
    assert plume.log_odds == pytest.approx(2.0)


def test_a_line_of_cells_is_an_edge_and_no_plume() -> None:
    looks, evidence = np.zeros((17, 30)), np.full((17, 30), -4.0)
    evidence[3, 4:20] = 6.0
    assert plumes(looks, evidence) == ()
    evidence[3:6, 4:20] = 6.0
    assert len(plumes(looks, evidence)) == 1


@given(
    evidence=arrays(np.float64, (7, 9), elements=st.floats(-6.0, 1.49)),
    looks=arrays(np.float64, (7, 9), elements=st.floats(-2.0, 9.0)),
    one=st.tuples(st.integers(0, 6), st.integers(0, 8)),
)
def test_one_cell_that_changes_is_no_plume_whatever_the_others_look_like(
    evidence: NDArray[np.float64], looks: NDArray[np.float64], one: tuple[int, int]
) -> None:
    """The detector relies on it: where no two change, it does not ask for looks at all."""
    evidence[one] = 6.0
    assert plumes(looks, evidence) == ()


def test_ground_that_is_the_same_loses_and_ground_that_is_new_says_nothing() -> None:
    grey = cv2.cvtColor(GROUND.seen(cameras()[0]), cv2.COLOR_BGR2GRAY)
    known = np.ones(grey.shape, np.bool_)
    known[:, 240:] = False
    gained = change_log_odds(np.asarray(grey, np.uint8), np.asarray(grey, np.uint8), known)
    assert (gained[:, :13] <= -1.0).all()
    assert (gained[:, 16:] == 0.0).all()


def test_looks_tell_smooth_grey_from_rough_ground() -> None:
    image = GROUND.seen(cameras()[0])
    rough = looks_log_odds(cell_features(small_picture(image)))
    smooth = image.copy()
    smooth[60:210, 120:360] = cv2.GaussianBlur(np.full((150, 240, 3), 190, np.uint8), (0, 0), 9)
    assert looks_log_odds(cell_features(smooth))[8, 15] > rough[8, 15] + 0.5
