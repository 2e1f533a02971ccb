from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import mapping

from park.geodesy import LocalFrame
from park.picture import Pixels
from park.records import (
    CameraPose,
    CornersView,
    Frame,
    GroundPoint,
    Intrinsics,
    Observation,
    PosedView,
    PoseSigma,
)
from park.site import Site
from pipelines.buildings import (
    BuildingPart,
    Buildings,
    with_heat_where_it_is,
    without_buildings,
)
from pipelines.uprights import uprights
from vision.observe import FrameObservations

FRAME = LocalFrame(31.0, 121.0)
AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
LENS = Intrinsics.from_fov(1280, 720, 70.0)
SIGMA = PoseSigma(1.0, 1.0, 1.0, 0.5, 0.5)
HALL = shapely.box(-10.0, 40.0, 10.0, 80.0)


def feature(shape: Any, **properties: Any) -> dict[str, Any]:
    geometry = mapping(FRAME.unproject_geometry(shape))
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def site_of(*features: dict[str, Any]) -> Site:
    outline = feature(
        shapely.box(-500, -500, 500, 500),
        kind="boundary", id="t", name="T", time_zone="Asia/Shanghai",
    )  # fmt: skip
    park = {"type": "FeatureCollection", "features": [outline, *features]}
    return Site.load(json.dumps(park).encode())


def buildings(height_m: float = 12.0, **more: Any) -> Buildings:
    return Buildings(site_of(feature(HALL, kind="building", id="hall", height_m=height_m, **more)))


def camera(east_m: float, north_m: float, height_m: float = 60.0) -> PosedView:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return PosedView(LENS, CameraPose(lat_deg, lon_deg, height_m, None, 0.0, -60.0, 0.0), SIGMA)


def ground(east_m: float, north_m: float, error_m: float = 2.0) -> GroundPoint:
    return GroundPoint(*FRAME.to_lat_lon(east_m, north_m), error_m)


def test_what_is_on_a_roof_is_found_out_from_where_its_line_of_sight_passes_it() -> None:
    # From (0, 0) at 60 m the middle of the roof, 12 m up, seems to lie at 60 / (1 - 12/60).
    found = buildings().seen(camera(0.0, 0.0), ground(0.0, 75.0))
    assert found is not None
    assert found.building == "hall"
    assert found.part is BuildingPart.ROOF
    assert found.depth_m == pytest.approx(10.0, abs=0.1)


def test_what_is_on_a_wall_is_found_out_however_far_behind_it_is_placed() -> None:
    # From 60 m up, the wall at 40 m is 12 m high: its upper edge is placed at 50 m.
    for placed_m in (45.0, 49.0):
        found = buildings().seen(camera(0.0, 0.0), ground(0.0, placed_m))
        assert found is not None
        assert found.part is BuildingPart.WALL
        assert found.depth_m == pytest.approx(placed_m - 40.0, abs=0.01)
    low = buildings().seen(camera(0.0, 0.0, 20.0), ground(0.0, 95.0))
    assert low is not None
    assert low.part is BuildingPart.WALL


@given(
    east_m=st.floats(-60, 60),
    north_m=st.floats(-60, 130),
    height_m=st.floats(5, 90),
    placed=st.tuples(st.floats(-60, 60), st.floats(-60, 130)),
)
def test_a_building_is_met_only_where_the_line_of_sight_runs_through_it(
    east_m: float, north_m: float, height_m: float, placed: tuple[float, float]
) -> None:
    found = buildings().seen(camera(east_m, north_m, height_m), ground(*placed, error_m=0.5))
    steps = np.linspace(0.0, 1.0, 400)
    places = np.array([east_m, north_m]) + steps[:, None] * (np.array(placed) - [east_m, north_m])
    low = places[height_m * (1.0 - steps) <= 12.0]
    through = bool(shapely.contains_xy(HALL.buffer(0.5), low[:, 0], low[:, 1]).any())
    assert found is None or through


def test_near_a_wall_it_is_not_sure() -> None:
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, 42.5, error_m=2.0)) is None
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, 42.5, error_m=1.0)) is not None


def test_below_a_canopy_one_sees_what_stands_there() -> None:
    canopy = buildings(open_below=True)
    assert canopy.seen(camera(0.0, 0.0), ground(0.0, 46.0)) is None
    assert canopy.seen(camera(0.0, 0.0), ground(0.0, 75.0)) is not None


def test_assets_that_stand_up_are_met_like_buildings() -> None:
    both = [
        feature(HALL, kind="asset", id="transformer", criticality=3, height_m=6.0),
        feature(shapely.box(-10, -60, 10, -40), kind="asset", id="pond", criticality=3),
    ]
    known = Buildings(site_of(*both))
    found = known.seen(camera(0.0, 0.0), ground(0.0, 60.0))
    assert found is not None
    assert found.building == "transformer"
    assert known.seen(camera(0.0, 0.0), ground(0.0, -50.0)) is None


def test_what_stands_up_is_every_building_and_each_asset_with_outline_and_height() -> None:
    park = [
        feature(HALL, kind="building", id="hall", height_m=12.0, open_below=True),
        feature(shapely.box(-9, -60, 9, -40), kind="asset", id="tank", criticality=3, height_m=9.0),
        feature(shapely.box(20, -60, 40, -40), kind="asset", id="pond", criticality=3),
        feature(shapely.Point(60, 0), kind="asset", id="mast", criticality=3, height_m=30.0),
    ]
    site = site_of(*park)
    known = {one.name: (one.height_m, one.open_below) for one in uprights(site)}
    assert known == {"hall": (12.0, True), "tank": (9.0, False)}


def test_what_stands_before_the_wall_or_far_behind_is_on_the_ground() -> None:
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, 38.0)) is None
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, 104.0)) is None


def test_near_the_edge_of_a_roof_it_is_not_sure() -> None:
    edge = 42.0 / 0.8
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, edge, error_m=3.0)) is None
    assert buildings().seen(camera(0.0, 0.0), ground(0.0, edge, error_m=1.0)) is not None


def test_seen_from_straight_above_a_roof_is_where_it_is() -> None:
    found = buildings().seen(camera(0.0, 60.0), ground(0.0, 60.0))
    assert found is not None
    assert found.depth_m == pytest.approx(10.0, abs=0.1)


def test_a_building_higher_than_the_camera_shows_its_wall() -> None:
    found = buildings(height_m=80.0).seen(camera(0.0, 0.0), ground(0.0, 75.0))
    assert found is not None
    assert found.part is BuildingPart.WALL
    assert found.depth_m == pytest.approx(35.0)


def test_what_is_too_low_to_matter_is_ground() -> None:
    assert buildings(height_m=1.5).seen(camera(0.0, 60.0), ground(0.0, 60.0)) is None


def observed(class_name: str, place: GroundPoint | None) -> Observation:
    return Observation(
        detection_id=class_name,
        patrol_id="p",
        time=AT,
        class_name=class_name,
        confidence=0.9,
        box_xyxy_px=(10.0, 10.0, 60.0, 40.0),
        track_id=None,
        object_id=None,
        place=place,
        size_m=4.6,
        source_uri="flight.mp4",
        source_time_s=0.0,
        model_id="vehicles@1",
    )


def test_what_is_seen_on_a_building_is_dropped_and_listed_with_what_it_is_on() -> None:
    pixels = Pixels(np.zeros((720, 1280, 3), np.uint8))
    frame = Frame(pixels, AT, camera(0.0, 0.0), "flight.mp4", 0.0, "p")
    on_ground, unplaced = observed("car", ground(0.0, 38.0)), observed("van", None)
    on_wall, on_roof = observed("bus", ground(0.0, 48.0)), observed("person", ground(0.0, 75.0))
    seen = FrameObservations(frame, (on_ground, on_wall, on_roof, unplaced), (), ("no pose",))
    left = without_buildings(seen, buildings())
    assert left.kept == (on_ground, unplaced)
    assert [(d.detection.class_name, d.reason, d.size_m) for d in left.dropped] == [
        ("bus", "on a wall", 4.6),
        ("person", "on a roof", 4.6),
    ]
    assert left.unplaced == ("no pose",)


@pytest.mark.parametrize("class_name", ["flame", "smoke"])
def test_flame_and_smoke_are_told_on_buildings_too(class_name: str) -> None:
    pixels = Pixels(np.zeros((720, 1280, 3), np.uint8))
    frame = Frame(pixels, AT, camera(0.0, 0.0), "flight.mp4", 0.0, "p")
    seen = FrameObservations(frame, (observed(class_name, ground(0.0, 75.0)),), (), ())
    assert without_buildings(seen, buildings()).kept == seen.kept


@given(
    from_m=st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
    height_m=st.floats(15, 90),
    on_m=st.tuples(st.floats(-9.9, 9.9), st.floats(40.1, 79.9)),
)
def test_what_is_hot_on_a_roof_is_placed_there_from_every_side(
    from_m: tuple[float, float], height_m: float, on_m: tuple[float, float]
) -> None:
    # The line of sight to a point 12 m up goes on to the ground behind it.
    on, start = np.array(on_m), np.array(from_m)
    behind = start + (on - start) * height_m / (height_m - 12.0)
    seen = ground(float(behind[0]), float(behind[1]))
    place = buildings().surface(camera(*from_m, height_m), seen)
    assert place is not None
    assert FRAME.to_en_m(place.lat_deg, place.lon_deg) == pytest.approx(on_m, abs=0.02)


def test_what_is_hot_on_a_wall_is_placed_at_its_foot_and_what_stands_before_it_stays() -> None:
    place = buildings().surface(camera(0.0, 0.0), ground(0.0, 47.0))
    assert place is not None
    assert FRAME.to_en_m(place.lat_deg, place.lon_deg) == pytest.approx((0.0, 40.0), abs=0.01)
    assert buildings().surface(camera(0.0, 0.0), ground(0.0, 39.0)) is None
    assert buildings().surface(camera(0.0, 0.0), ground(30.0, 60.0)) is None
    assert buildings(open_below=True).surface(camera(0.0, 0.0), ground(0.0, 47.0)) is None
    assert buildings().surface(None, ground(0.0, 47.0)) is None


def test_of_two_things_in_a_row_the_nearer_one_is_hot() -> None:
    park = [
        feature(shapely.box(-5, 30, 5, 34), kind="asset", id="far", criticality=3, height_m=6.0),
        feature(shapely.box(-5, 20, 5, 24), kind="asset", id="near", criticality=3, height_m=6.0),
    ]
    known = Buildings(site_of(*park))
    place = known.surface(camera(0.0, 0.0, 10.0), ground(0.0, 40.0))
    assert place is not None
    assert FRAME.to_en_m(place.lat_deg, place.lon_deg) == pytest.approx((0.0, 20.0), abs=0.01)


def cabinets() -> Buildings:
    """Return two cabinets, 2.4 m high, ten metres behind each other, and a hall before them."""
    boxes = {"near": shapely.box(-2, 100, 2, 103), "far": shapely.box(-2, 110, 2, 113)}
    park = [
        feature(shape, kind="asset", id=name, criticality=3, height_m=2.4)
        for name, shape in boxes.items()
    ]
    park.append(feature(shapely.box(-20, 40, 20, 60), kind="building", id="hall", height_m=12.0))
    return Buildings(site_of(*park))


@given(
    aside_m=st.floats(-3.0, 3.0),
    along_m=st.floats(-1.5, 1.5),
    name=st.sampled_from([("near", 101.5), ("far", 111.5)]),
)
def test_a_hot_spot_is_of_the_equipment_that_its_line_of_sight_passes_by_least(
    aside_m: float, along_m: float, name: tuple[str, float]
) -> None:
    # What is on top, 2.4 m up, seems to lie behind by 2.4 / 60 of its distance and more.
    seems_m = name[1] / (1.0 - 2.4 / 60.0) + along_m
    place = cabinets().equipment(camera(0.0, 0.0), ground(aside_m, seems_m, error_m=2.5))
    assert place is not None
    _, north_m = FRAME.to_en_m(place.lat_deg, place.lon_deg)
    assert north_m == pytest.approx(name[1], abs=1.6)
    assert place.error_m == 2.5


def test_what_passes_equipment_by_further_than_it_may_be_off_is_on_the_ground() -> None:
    known = cabinets()
    assert known.equipment(camera(0.0, 0.0), ground(8.0, 104.0, error_m=2.5)) is None
    assert known.equipment(camera(0.0, 0.0), ground(8.0, 104.0, error_m=3.5)) is not None
    assert known.equipment(None, ground(0.0, 104.0)) is None


def test_equipment_behind_a_hall_is_hot_only_where_it_may_be_seen_over_its_roof() -> None:
    known = cabinets()
    # From 15 m up, the line to 105 m passes the hall's far edge below its top.
    assert known.equipment(camera(0.0, 0.0, 15.0), ground(0.0, 105.0, error_m=2.0)) is None
    # From 30 m up it passes over it by a metre.
    over = known.equipment(camera(0.0, 0.0, 30.0), ground(0.0, 105.0, error_m=2.0))
    assert over is not None


def test_heat_seen_from_afar_at_the_edge_of_a_building_is_dropped_and_listed() -> None:
    pixels = Pixels(np.zeros((720, 1280, 3), np.uint8))
    frame = Frame(pixels, AT, camera(0.0, 0.0), "flight.mp4", 0.0, "p")
    vague = observed("hotspot", ground(0.0, 75.0, error_m=12.0))
    fire = observed("flame", ground(0.0, 75.0, error_m=12.0))
    left = with_heat_where_it_is(FrameObservations(frame, (vague, fire), (), ()), buildings())
    assert [one.class_name for one in left.kept] == ["flame"]
    assert [one.reason for one in left.dropped] == ["heat at the edge of a building"]


def test_only_heat_is_moved_to_what_it_is_on() -> None:
    pixels = Pixels(np.zeros((720, 1280, 3), np.uint8))
    frame = Frame(pixels, AT, camera(0.0, 0.0), "flight.mp4", 0.0, "p")
    hot, smoke = observed("hotspot", ground(0.0, 75.0)), observed("smoke", ground(0.0, 75.0))
    bare, aside = observed("hotspot", None), observed("flame", ground(0.0, 30.0))
    seen = FrameObservations(frame, (hot, smoke, bare, aside), (), ())
    moved, *others = with_heat_where_it_is(seen, buildings()).kept
    assert others == [smoke, bare, aside]
    assert moved.place is not None
    there = FRAME.to_en_m(moved.place.lat_deg, moved.place.lon_deg)
    assert there == pytest.approx((0.0, 60.0), abs=0.01)
    assert moved.place.error_m == 2.0


def test_pictures_without_a_camera_see_no_buildings() -> None:
    corners = tuple(FRAME.to_lat_lon(e, n) for e, n in ((-9, 9), (9, 9), (9, -9), (-9, -9)))
    view = CornersView(100, 100, corners)  # type: ignore[arg-type]
    assert buildings().seen(view, ground(0.0, 60.0)) is None
    assert buildings().seen(None, ground(0.0, 60.0)) is None
