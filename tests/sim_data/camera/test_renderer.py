"""What the simulated camera promises of its pictures: place, boxes, light, temperature."""

from __future__ import annotations

from datetime import timedelta

import cv2
import numpy as np
import pytest

from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from sim_data.camera import Renderer, VisibleThing
from sim_data.scenario.records import (
    Air,
    Build,
    Flame,
    GroundPatch,
    HotSpot,
    Plume,
    Solid,
    StagedThing,
    Surface,
)
from sim_data.world.records import Weather
from tests.sim_data.camera.parks import (
    FRAME,
    LENS,
    MIDNIGHT,
    NOON,
    RED_DOT,
    Staged,
    StandingStill,
    car,
    pose_at,
    small_park,
    square,
    walker,
)
from vision.camera import project_points

BEGUN = NOON - timedelta(minutes=10)
DUSK = NOON + timedelta(hours=7, minutes=8)
"""The sun is 2 degrees below the horizon."""
LATE = NOON + timedelta(hours=7, minutes=58)
"""And 11."""


@pytest.fixture(scope="module")
def empty() -> Renderer:
    return Renderer(small_park(), life=None, seed=3)


def with_things(*things: StagedThing, weather: Weather | None = None) -> Renderer:
    return Renderer(small_park(), life=None, scenario=Staged(*things), seed=3, weather=weather)


def by_id(things: tuple[VisibleThing, ...]) -> dict[str, VisibleThing]:
    return {thing.thing_id: thing for thing in things}


def where_vision_sees(pose: CameraPose, lens: Intrinsics, *place: float) -> np.ndarray:
    lat, lon = FRAME.to_lat_lon(place[0], place[1])
    east, north = LocalFrame(pose.lat_deg, pose.lon_deg).to_en_m(lat, lon)
    (pixel,), (seen,) = project_points(
        lens, pose, np.array([[east, north, place[2] - pose.alt_home_m]])
    )
    assert seen
    return np.asarray(pixel)


def middle_of_red(picture: np.ndarray) -> np.ndarray:
    red = (picture[..., 0].astype(int) - picture[..., 1] > 60).astype(np.uint8)
    moments = cv2.moments(red, binaryImage=True)
    # Pixel centres are half a pixel inside their outer corner.
    return np.array([moments["m10"], moments["m01"]]) / moments["m00"] + 0.5


@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(pose_at(30.0, 10.0, 40.0), id="nadir"),
        pytest.param(pose_at(37.0, 6.0, 60.0, 123.0), id="nadir-turned"),
        pytest.param(pose_at(30.0, -50.0, 60.0, 0.0, -45.0), id="oblique"),
        pytest.param(pose_at(0.0, -20.0, 50.0, 42.0, -50.0, 8.0), id="rolled"),
    ],
)
def test_a_mark_on_the_ground_appears_where_vision_locates_it(
    empty: Renderer, pose: CameraPose
) -> None:
    picture = empty.rgb(pose, LENS, NOON)
    truth = where_vision_sees(pose, LENS, *RED_DOT, 0.0)
    # Cut out its neighbourhood, so that other red marks do not count.
    x, y = (int(v) for v in truth)
    patch = picture[max(0, y - 20) : y + 20, max(0, x - 20) : x + 20]
    found = middle_of_red(patch) + np.array([max(0, x - 20), max(0, y - 20)])
    assert np.linalg.norm(found - truth) < 0.5


def test_a_roof_corner_leans_away_as_visions_camera_model_says(empty: Renderer) -> None:
    pose = pose_at(-20.0, 0.0, 60.0)
    picture = empty.rgb(pose, LENS, NOON).astype(int)
    x, y = where_vision_sees(pose, LENS, -30.0, 0.0, 10.0)
    ground_x, _ = where_vision_sees(pose, LENS, -30.0, 0.0, 0.0)
    assert abs(x - ground_x) > 10.0
    row = picture[int(y) - 20 : int(y) + 20, int(x) - 8 : int(x) + 8].sum(axis=2).mean(axis=0)
    # From the bright roof on the left to the darker wall on the right.
    edge = int(x) - 8 + int(np.argmin(np.diff(row))) + 1.0
    assert abs(edge - x) <= 1.0


def test_the_same_seed_pose_and_time_give_the_same_picture_in_any_order() -> None:
    pose, other = pose_at(0.0, 0.0, 60.0, 30.0), pose_at(50.0, 30.0, 70.0, 200.0, -60.0)
    life = StandingStill([car("a", 10.0, 5.0)], [walker("b", 12.0, 9.0)])
    one, two = (Renderer(small_park(), life=life, seed=3) for _ in range(2))
    first = one.rgb(pose, LENS, NOON)
    two.rgb(other, LENS, NOON)
    assert np.array_equal(two.rgb(pose, LENS, NOON), first)
    assert not np.array_equal(one.rgb(pose, LENS, NOON + timedelta(seconds=1)), first)


def test_boxes_hold_vehicles_and_people_where_vision_would_place_them() -> None:
    life = StandingStill([car("a", 30.0, 0.0, 90.0)], [walker("b", 26.0, 6.0)])
    pose = pose_at(30.0, 0.0, 40.0)
    found = by_id(Renderer(small_park(), life=life, seed=3).boxes(pose, LENS, NOON))
    assert {"a", "b"} <= set(found)
    assert (found["a"].class_name, found["b"].class_name) == ("car", "person")
    x0, y0, x1, y1 = found["a"].box_xyxy_px
    foot = where_vision_sees(pose, LENS, 30.0 - 2.3, 0.91, 0.5)
    assert (x0, y0) == pytest.approx(tuple(foot), abs=2.0)
    assert (x1 - x0, y1 - y0) == pytest.approx(
        (4.6 / 40.0 * LENS.fx_px, 1.82 / 40.0 * LENS.fx_px), rel=0.08
    )
    assert found["a"].visible_share == pytest.approx(1.0, abs=0.01)
    assert found["a"].truncated_share == 0.0


def test_a_car_at_the_edge_of_the_picture_is_truncated_and_one_outside_is_not_told() -> None:
    pose = pose_at(0.0, 0.0, 40.0)
    edge_m = 40.0 * 320.0 / LENS.fx_px
    life = StandingStill([car("edge", edge_m, 0.0, 90.0), car("out", edge_m + 10.0, 0.0)])
    found = by_id(Renderer(small_park(), life=life, seed=3).boxes(pose, LENS, NOON))
    assert set(found) == {"edge"}
    assert found["edge"].truncated_share == pytest.approx(0.5, abs=0.08)


def test_a_car_behind_a_building_is_hidden_and_one_in_front_is_not() -> None:
    pose = pose_at(-45.0, -90.0, 40.0, 0.0, -25.0)
    life = StandingStill([car("behind", -45.0, 25.0, 90.0), car("front", -45.0, -26.0, 90.0)])
    found = by_id(Renderer(small_park(), life=life, seed=3).boxes(pose, LENS, NOON))
    assert "behind" not in found
    assert found["front"].visible_share > 0.97


def test_a_car_below_a_tree_is_partly_hidden_seen_from_above() -> None:
    life = StandingStill([car("below", -15.0, 38.0, 90.0)])
    pose = pose_at(-15.0, 38.0, 60.0)
    found = by_id(Renderer(small_park(), life=life, seed=3).boxes(pose, LENS, NOON))
    assert 0.02 < found["below"].visible_share < 0.9


def test_a_shadow_falls_away_from_the_sun(empty: Renderer) -> None:
    morning = NOON - timedelta(hours=4)
    pose = pose_at(-45.0, 0.0, 90.0)
    bright = {}
    for time, name in ((morning, "morning"), (NOON + timedelta(hours=4), "evening")):
        picture = empty.rgb(pose, LENS, time)
        for side, east in (("west", -64.0), ("east", -26.0)):
            x, y = (int(v) for v in where_vision_sees(pose, LENS, east, 0.0, 0.0))
            bright[name, side] = picture[y - 3 : y + 3, x - 3 : x + 3].mean()
    assert bright["morning", "west"] < 0.75 * bright["morning", "east"]
    assert bright["evening", "east"] < 0.75 * bright["evening", "west"]


def test_nights_are_dark_and_haze_takes_contrast(empty: Renderer) -> None:
    pose = pose_at(0.0, 0.0, 80.0)
    day, night = empty.rgb(pose, LENS, NOON), empty.rgb(pose, LENS, MIDNIGHT)
    assert night.mean() < 0.35 * day.mean()
    hazy = Renderer(small_park(), life=None, seed=3, weather=Weather(visibility_m=300.0))
    assert hazy.rgb(pose, LENS, NOON).std() < 0.6 * day.std()


def test_a_camera_exposes_for_the_light_after_sunset_and_shows_lamps_alone_later(
    empty: Renderer,
) -> None:
    pose = pose_at(0.0, 0.0, 80.0)
    noon, dusk, late = (empty.rgb(pose, LENS, time).mean() for time in (NOON, DUSK, LATE))
    assert dusk > 0.6 * noon
    assert late < 0.45 * noon


def test_loose_heaps_have_grain_that_stays_in_its_place_and_covers_are_smooth() -> None:
    def top(build: Build, east_m: float) -> np.ndarray:
        heap = Solid("heap", "s", build, square(0.0, 0.0, 6.0), 0.0, 2.0, (96, 90, 84))
        renderer = with_things(heap)
        pose = pose_at(east_m, 0.0, 30.0)
        spots = np.mgrid[-1.5:1.5:0.1, -1.5:1.5:0.1].reshape(2, -1).T
        xy = np.array([where_vision_sees(pose, LENS, *spot, 2.0) for spot in spots])
        x, y = np.round(xy - 0.5).astype(int).T
        return np.asarray(renderer.rgb(pose, LENS, NOON)[y, x].mean(axis=1))

    loose, again = (top(Build.STOCKPILE, east_m) for east_m in (0.0, 4.0))
    covered = top(Build.COVERED_STOCKPILE, 0.0)
    assert loose.std() > 2.5 * covered.std()
    assert np.corrcoef(loose, again)[0, 1] > 0.6


def test_motion_smears_a_picture_along_the_way_flown(empty: Renderer) -> None:
    pose = pose_at(*RED_DOT, 20.0)
    still = empty.rgb(pose, LENS, NOON).astype(int)
    # Ten times faster than copters fly, to be seen at daylight's short exposures.
    moving = empty.rgb(pose, LENS, NOON, velocity_mps=(160.0, 0.0, 0.0)).astype(int)
    near = np.s_[160:200, 300:340]
    red, smeared = (p[near][..., 0] - p[near][..., 1] for p in (still, moving))
    # The square's edges that lie across the way get softer, the other two do not.
    assert np.abs(np.diff(smeared, axis=1)).max() < 0.8 * np.abs(np.diff(red, axis=1)).max()
    assert np.abs(np.diff(smeared, axis=0)).max() > 0.8 * np.abs(np.diff(red, axis=0)).max()


def test_thermal_pictures_hold_temperatures_in_hundredths_of_a_kelvin(empty: Renderer) -> None:
    pose = pose_at(0.0, 0.0, 80.0)
    day = empty.thermal(pose, LENS, NOON).astype(float) / 100.0 - 273.15
    night = empty.thermal(pose, LENS, MIDNIGHT).astype(float) / 100.0 - 273.15
    assert day.dtype == float
    lawn, asphalt = np.s_[170:190, 285:300], np.s_[60:90, 560:600]
    assert 20.0 < np.median(day[lawn]) < np.median(day[asphalt]) - 5.0 < 50.0
    assert np.median(night[asphalt]) > np.median(night[lawn])


def test_people_are_warmer_than_the_ground_at_night() -> None:
    life = StandingStill((), [walker("b", 30.0, 0.0)])
    renderer = Renderer(small_park(), life=life, seed=3, weather=Weather(air_c=8.0))
    picture = renderer.thermal(pose_at(30.0, 0.0, 25.0), LENS, MIDNIGHT) / 100.0 - 273.15
    assert picture[170:190, 310:330].max() > np.median(picture) + 8.0


def test_the_roof_of_a_car_reads_cold_at_night_as_roofs_do_and_not_by_day() -> None:
    life = StandingStill([car("a", 30.0, 0.0, 90.0, parked=True)])
    renderer = Renderer(small_park(), life=life, seed=3, weather=Weather(air_c=8.0))
    pose = pose_at(30.0, 0.0, 25.0)
    roof, around = np.s_[172:188, 305:320], np.s_[172:188, 200:240]
    night, day = (renderer.thermal(pose, LENS, time) / 100.0 - 273.15 for time in (MIDNIGHT, NOON))
    assert np.median(night[roof]) < np.median(night[around]) - 1.0
    assert np.median(night[roof]) == pytest.approx(8.0 + 1.0 - 6.0, abs=0.5)
    assert np.median(day[roof]) > 8.0 + 10.0


def test_a_fire_is_bright_in_colour_hot_in_thermal_and_flickers() -> None:
    fire = Flame("fire", "s", (30.0, 0.0), 0.0, 1.0, 2.0, 800.0, 1.0, BEGUN)
    renderer, pose = with_things(fire), pose_at(30.0, 0.0, 40.0)
    picture = renderer.rgb(pose, LENS, NOON)
    x0, y0, x1, y1 = (int(v) for v in by_id(renderer.boxes(pose, LENS, NOON))["fire"].box_xyxy_px)
    part = picture[y0:y1, x0:x1].astype(int)
    assert (part[..., 0] - part[..., 2]).max() > 120
    assert renderer.thermal(pose, LENS, NOON).max() > (300.0 + 273.15) * 100
    later = renderer.rgb(pose, LENS, NOON + timedelta(seconds=0.25))
    assert np.abs(later[y0:y1, x0:x1].astype(int) - part).max() > 40


def test_smoke_drifts_with_the_wind_and_is_short_when_it_has_just_begun() -> None:
    def plume(begun_s: float) -> Plume:
        begun = NOON - timedelta(seconds=begun_s)
        return Plume("smoke", "s", Air.SMOKE, (30.0, 0.0), 1.0, 1.0, 40.0, 10.0, (60, 60, 60),
                     0.9, 60.0, begun)  # fmt: skip

    pose = pose_at(30.0, 0.0, 80.0)
    east_wind = Weather(wind_from_deg=90.0, wind_mps=4.0)
    old = with_things(plume(600.0), weather=east_wind).boxes(pose, LENS, NOON)
    young = with_things(plume(2.0), weather=east_wind).boxes(pose, LENS, NOON)
    x0, _, x1, _ = by_id(old)["smoke"].box_xyxy_px
    assert 320.0 - x0 > 3.0 * (x1 - 320.0)
    young_x0, _, young_x1, _ = by_id(young)["smoke"].box_xyxy_px
    assert young_x1 - young_x0 < 0.6 * (x1 - x0)


def test_staged_things_are_drawn_and_told_each_as_what_it_is() -> None:
    def patch(surface: Surface, name: str, east_m: float, rgb: tuple[int, int, int],
              height_m: float = 0.0) -> GroundPatch:  # fmt: skip
        return GroundPatch(name, "s", surface, square(east_m, 20.0, 5.0), rgb, 0.9, height_m)

    things: tuple[StagedThing, ...] = (
        patch(Surface.BARE_SOIL, "soil", 20.0, (150, 110, 80)),
        patch(Surface.RUBBISH, "rubbish", 35.0, (130, 120, 110), 0.8),
        patch(Surface.STAINED_WATER, "stain", 50.0, (160, 90, 40)),
        patch(Surface.CLOUD_SHADOW, "cloud", 5.0, (0, 0, 0)),
        patch(Surface.SUN_GLINT, "glint", -10.0, (255, 255, 255)),
        Solid("hut", "s", Build.STRUCTURE, square(20.0, 0.0, 3.0), 0.0, 3.0, (40, 90, 170)),
        Solid("heap", "s", Build.STOCKPILE, square(35.0, 0.0, 4.0), 0.0, 2.5, (120, 90, 70)),
        Solid("box", "s", Build.OBSTACLE, square(50.0, 0.0, 1.0), 0.0, 0.8, (200, 140, 40)),
        HotSpot("hot", "s", (30.0, -15.0), 0.0, 0.8, 95.0),
    )
    pose = pose_at(22.0, 5.0, 70.0)
    renderer = with_things(*things)
    found = by_id(renderer.boxes(pose, LENS, NOON))
    assert {name: thing.class_name for name, thing in found.items()} == {
        "soil": "bare_soil",
        "rubbish": "rubbish",
        "stain": "discoloured_water",
        "cloud": "cloud_shadow",
        "glint": "sun_glint",
        "hut": "new_structure",
        "heap": "stockpile",
        "box": "obstacle",
        "hot": "hotspot",
    }
    with_them = renderer.rgb(pose, LENS, NOON).astype(int)
    without = with_things().rgb(pose, LENS, NOON).astype(int)
    for name in set(found) - {"hot"}:
        x0, y0, x1, y1 = (int(v) for v in found[name].box_xyxy_px)
        part = np.s_[max(0, y0) : y1, max(0, x0) : x1]
        assert np.abs(with_them[part] - without[part]).mean() > 6.0, name
    assert with_them.mean() != without.mean()
    x0, y0, x1, y1 = (int(v) for v in found["hot"].box_xyxy_px)
    assert renderer.thermal(pose, LENS, NOON)[y0:y1, x0:x1].max() > (70.0 + 273.15) * 100


def test_a_camera_that_looks_at_the_horizon_draws_ground_below_it_and_sky_above(
    empty: Renderer,
) -> None:
    picture = empty.rgb(pose_at(0.0, -300.0, 50.0, 0.0, -5.0), LENS, NOON).astype(int)
    top, bottom = picture[:60], picture[-60:]
    assert (top[..., 2] > top[..., 0]).mean() > 0.9
    assert bottom.mean() < top.mean() - 20


def test_tiles_stay_within_their_bound_of_memory() -> None:
    renderer = Renderer(small_park(), life=None, seed=3, tiles_mb=20.0)
    for east in range(-80, 100, 30):
        renderer.rgb(pose_at(float(east), 0.0, 30.0), LENS, NOON)
    assert renderer.kept_bytes < 20e6
