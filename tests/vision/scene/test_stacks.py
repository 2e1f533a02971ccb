"""Where the mouth of a stack appears, and how large things are there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.vision.scene.drawn_ground import SITE, posed, sight_of
from vision.locate import Locator
from vision.scene.stacks import Stack, StackSeen, stack_seen
from vision.scene.view import SceneView
from vision.scene.zones import GroundProjector

SIZE = (960, 540)


def seen_from(alt_m: float, stack: Stack, pitch_deg: float = -30.0) -> StackSeen | None:
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    view = posed(north_m=-60.0, alt_m=alt_m, pitch_deg=pitch_deg, size=SIZE)
    return stack_seen(SceneView(sight_of(picture, view), SITE), stack)


def test_a_mouth_at_the_height_of_the_camera_is_seen_at_the_horizon() -> None:
    seen = seen_from(40.0, Stack(0.0, 0.0, 40.0), pitch_deg=-15.0)
    assert seen is not None
    view = posed(north_m=-60.0, alt_m=40.0, pitch_deg=-15.0, size=SIZE)
    focal_px = view.intrinsics.fx_px
    assert seen.mouth_px[0] == pytest.approx(SIZE[0] / 2, abs=0.5)
    assert seen.mouth_px[1] == pytest.approx(
        SIZE[1] / 2 - focal_px * math.tan(math.radians(15.0)), abs=0.5
    )
    away_m = 60.0 * math.cos(math.radians(15.0))
    assert seen.gsd_m == pytest.approx(away_m / focal_px, rel=0.01)
    foot = GroundProjector(Locator(view), SITE).pixels(np.array([[0.0, 0.0]]))[0]
    assert seen.foot_full_px == pytest.approx(tuple(foot))


def test_a_mouth_outside_of_the_picture_is_not_seen() -> None:
    assert seen_from(40.0, Stack(0.0, 0.0, 90.0)) is None
    assert seen_from(40.0, Stack(0.0, -200.0, 20.0)) is None, "behind the camera"


def test_a_picture_of_known_corners_shows_no_heights() -> None:
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    view = SceneView(sight_of(picture, None), SITE)
    assert stack_seen(view, Stack(0.0, 0.0, 20.0)) is None


def test_a_plume_begins_at_the_mouth_and_is_as_long_as_it_reaches_from_there() -> None:
    seen = StackSeen((100.0, 200.0), (100.0, 400.0), 0.1)
    plume = np.zeros((540, 960), np.uint8)
    plume[190:200, 130:331] = 255
    assert seen.gives_off(plume), "three metres beside the mouth"
    assert seen.length_m(plume) == pytest.approx(23.0, abs=0.2)
    far = np.roll(plume, 60, axis=1)
    assert not seen.gives_off(far)
    assert not seen.gives_off(np.zeros_like(plume))
    puff = np.zeros_like(plume)
    puff[190:200, 100:120] = 255
    assert seen.length_m(puff) is None


def test_from_afar_the_stack_itself_hides_where_its_plume_begins() -> None:
    """A cell of the small picture is 32 working pixels here, and 16 m of ground."""
    seen = StackSeen((100.0, 200.0), (100.0, 400.0), 0.5)
    plume = np.zeros((540, 960), np.uint8)
    plume[190:200, 170:330] = 255
    assert not seen.gives_off(plume)
    assert seen.may_give_off(plume)
    assert not seen.may_give_off(np.roll(plume, 20, axis=1))
    assert not seen.may_give_off(np.zeros_like(plume))
