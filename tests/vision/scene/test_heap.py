"""Grey heaps are told by their shape: rough, without a colour, and sloping up from their edge.

The bodies are drawn by the simulated camera, whose light, grain and leaning are its own.
"""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from shapely.geometry import Polygon, box

from park.picture import Pixels
from park.records import Detection, Frame, Intrinsics, PosedView, PoseSigma
from sim_data.camera import Renderer
from sim_data.scenario.records import Build, PointM, Solid
from sim_data.world.records import Rgb
from tests.sim_data.camera.parks import FRAME, NOON, Staged, pose_at, small_park
from vision.observe import Sight
from vision.scene.detector import WatchedZone
from vision.scene.heap import HeapDetector
from vision.scene.heights import heights_m
from vision.scene.view import SceneView

SIGMA = PoseSigma(1.0, 0.5, 1.0, 0.5, 0.5)
LENS = Intrinsics.from_fov(960, 540, 70.0)
YARD = WatchedZone("yard", box(-60.0, -60.0, 90.0, 90.0))
WHOLE = slice(0, 540), slice(0, 960)
COAL: Rgb = (96, 90, 84)
PLACE = (28.0, 20.0)
RADIUS_M = 7.0


def heap(build: Build, rgb: Rgb, radius_m: float = RADIUS_M, height_m: float = 3.5) -> Solid:
    turns = np.linspace(0.0, 2.0 * math.pi, 14)[:-1]
    ring = tuple(
        (PLACE[0] + radius_m * math.cos(t), PLACE[1] + radius_m * math.sin(t)) for t in turns
    )
    return Solid("heap", "s", build, ring, 0.0, height_m, rgb)


def shed(half_east_m: float, half_north_m: float, height_m: float) -> Solid:
    e, n = half_east_m, half_north_m
    corners: tuple[PointM, ...] = tuple(
        (PLACE[0] + x, PLACE[1] + y) for x, y in ((-e, -n), (e, -n), (e, n), (-e, n))
    )
    return Solid("shed", "s", Build.STRUCTURE, corners, 0.0, height_m, (120, 120, 118))


def flown(
    *things: Solid,
    alt_m: float = 45.0,
    pitch_deg: float = -90.0,
    yaw_deg: float = 0.0,
    step_m: float = 4.0,
) -> SceneView:
    """Return the second of two views on a flight ahead that has the place in its middle."""
    renderer = Renderer(small_park(), life=None, scenario=Staged(*things), seed=3)
    turn = math.radians(yaw_deg)
    ahead = np.array([math.sin(turn), math.cos(turn)])
    back_m = alt_m / math.tan(math.radians(-pitch_deg)) if pitch_deg > -90.0 else 0.0
    view: SceneView | None = None
    for k in range(2):
        east, north = np.array(PLACE) + ahead * (step_m * (k - 1) - back_m)
        pose = pose_at(float(east), float(north), alt_m, yaw_deg=yaw_deg, pitch_deg=pitch_deg)
        image = np.ascontiguousarray(renderer.rgb(pose, LENS, NOON)[..., ::-1])
        time = NOON + timedelta(seconds=k / 2)
        frame = Frame(Pixels(image), time, PosedView(LENS, pose, SIGMA), "v.mp4", k / 2, "p")
        view = SceneView(Sight.of(frame, None), FRAME, previous=view)
    assert view is not None
    return view


def found_in(view: SceneView) -> tuple[Detection, ...]:
    return HeapDetector().look(view, [YARD])


@pytest.mark.parametrize(
    ("alt_m", "pitch_deg", "yaw_deg"),
    [(45.0, -90.0, 0.0), (45.0, -90.0, 70.0), (60.0, -60.0, 0.0), (90.0, -90.0, 200.0)],
)
def test_a_heap_of_coal_is_found_with_the_ground_that_it_covers(
    alt_m: float, pitch_deg: float, yaw_deg: float
) -> None:
    coal = heap(Build.STOCKPILE, COAL)
    (found,) = found_in(flown(coal, alt_m=alt_m, pitch_deg=pitch_deg, yaw_deg=yaw_deg))
    assert (found.class_name, found.model_id) == ("bare_soil", "scene-heap@2")
    assert found.measure is not None
    area_m2 = Polygon(coal.outline_m).area
    assert found.measure.value == pytest.approx(area_m2, rel=0.12)
    assert abs(found.measure.value - area_m2) < 3.0 * found.measure.error


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(heap(Build.COVERED_STOCKPILE, (52, 104, 62)), id="under a green net"),
        pytest.param(heap(Build.COVERED_STOCKPILE, (40, 78, 120)), id="under a blue tarpaulin"),
        pytest.param(heap(Build.COVERED_STOCKPILE, (96, 96, 96)), id="under a grey tarpaulin"),
        pytest.param(shed(5.0, 4.0, 3.0), id="a shed"),
        pytest.param(shed(3.0, 1.25, 2.6), id="a container"),
        pytest.param(heap(Build.STOCKPILE, COAL, 1.5, 0.7), id="a barrow's load"),
        pytest.param(heap(Build.STOCKPILE, COAL, height_m=0.3), id="a layer of stones"),
    ],
)
def test_what_is_covered_built_or_flat_is_no_heap(thing: Solid) -> None:
    assert found_in(flown(thing)) == ()


@pytest.mark.parametrize(("radius_m", "height_m"), [(4.0, 2.0), (10.0, 5.0)])
def test_small_and_large_heaps_are_found(radius_m: float, height_m: float) -> None:
    coal = heap(Build.STOCKPILE, COAL, radius_m, height_m)
    (found,) = found_in(flown(coal))
    assert found.measure is not None
    assert found.measure.value == pytest.approx(Polygon(coal.outline_m).area, rel=0.15)


@pytest.mark.parametrize("halved", [False, True])
def test_what_stands_is_as_high_as_it_is_and_the_ground_is_level(halved: bool) -> None:
    view = flown(heap(Build.STOCKPILE, COAL))
    size = 2 if halved else 1
    heights = heights_m(view, (slice(0, 540 // size), slice(0, 960 // size)), halved=halved)
    assert heights is not None
    assert view.projector is not None
    (x, y), *_ = view.projector.pixels(np.array([PLACE])) * np.array(view.scale_xy)
    assert float(heights[int(y) // size, int(x) // size]) == pytest.approx(3.5, abs=0.6)
    assert float(np.nanmedian(np.abs(heights))) < 0.2


def test_a_hovering_camera_and_a_first_frame_tell_no_heights() -> None:
    hovering = flown(heap(Build.STOCKPILE, COAL), step_m=0.2)
    assert heights_m(hovering, WHOLE) is None
    assert found_in(hovering) == ()
    first = hovering.previous
    assert first is not None
    assert found_in(first) == ()


def test_a_heap_that_reaches_out_of_the_picture_waits_until_it_is_whole() -> None:
    half = flown(heap(Build.STOCKPILE, COAL), alt_m=12.0, step_m=1.5)
    assert found_in(half) == ()


def test_a_zone_says_how_large_a_heap_must_be_and_what_it_is_called() -> None:
    view = flown(heap(Build.STOCKPILE, COAL))
    large = WatchedZone("yard", YARD.area_m, {"min_area_m2": 400.0})
    assert HeapDetector().look(view, [large]) == ()
    named = WatchedZone("yard", YARD.area_m, {"class_name": "stockpile"})
    assert [one.class_name for one in HeapDetector().look(view, [named])] == ["stockpile"]
