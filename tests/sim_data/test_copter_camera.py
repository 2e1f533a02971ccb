from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.records import CameraPose
from park.site import Site
from sim_data.aerial_site import demo_site_text
from sim_data.aerial_world import ORIGIN
from sim_data.copter_camera import GroundShape, SimulatedCamera, SimulatedGround
from vision.camera import project_points

FRAME = LocalFrame(31.2, 121.5)
NOW = datetime(2026, 5, 4, tzinfo=UTC)
MARK_BGR = (255, 0, 255)


def mark_camera(*places_m: tuple[float, float], radius_m: float = 0.8) -> SimulatedCamera:
    discs = [GroundShape(shapely.Point(*place).buffer(radius_m), MARK_BGR) for place in places_m]
    return SimulatedCamera(SimulatedGround(FRAME, discs), width_px=640, height_px=360)


def pose(
    east_m: float,
    north_m: float,
    height_m: float,
    yaw_deg: float,
    pitch_deg: float,
    roll_deg: float,
) -> CameraPose:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return CameraPose(lat_deg, lon_deg, height_m, None, yaw_deg, pitch_deg, roll_deg)


def magenta(picture: np.ndarray) -> np.ndarray:
    mask: np.ndarray = np.abs(picture.astype(int) - MARK_BGR).sum(axis=2) < 60
    return mask.astype(np.uint8)


def expected_px(
    camera: SimulatedCamera, where: CameraPose, points_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    east_m, north_m = FRAME.to_en_m(where.lat_deg, where.lon_deg)
    offset = points_m - np.array([east_m, north_m, where.alt_home_m])
    return project_points(camera.intrinsics, where, offset)


@settings(max_examples=25)
@example(yaw_deg=0.0, pitch_deg=-30.0, roll_deg=0.0, height_m=98.0)
@given(
    yaw_deg=st.floats(-180, 180),
    pitch_deg=st.floats(-90, -30),
    roll_deg=st.floats(-20, 20),
    height_m=st.floats(30, 110),
)
def test_a_mark_on_the_ground_appears_where_the_camera_model_says(
    yaw_deg: float, pitch_deg: float, roll_deg: float, height_m: float
) -> None:
    camera = mark_camera((0.0, 0.0), radius_m=2.0)
    # Stand so that the mark is in the middle of the picture, a little off.
    back_m = height_m / np.tan(np.radians(-pitch_deg)) if pitch_deg > -89.9 else 0.0
    yaw = np.radians(yaw_deg)
    where = pose(
        -back_m * np.sin(yaw) + 4, -back_m * np.cos(yaw) - 3, height_m, yaw_deg, pitch_deg, roll_deg
    )
    rim = np.radians(np.arange(0, 360, 5))
    disc = np.column_stack([2.0 * np.cos(rim), 2.0 * np.sin(rim), np.zeros(len(rim))])
    outline, seen = expected_px(camera, where, disc)
    assert seen.all()
    mask = magenta(camera.render(where, NOW))
    drawn = cv2.moments(mask, binaryImage=True)
    assert drawn["m00"] > 20
    middle = np.array([drawn["m10"], drawn["m01"]]) / drawn["m00"] + 0.5
    shape = shapely.Polygon(outline)
    assert np.hypot(*(middle - np.array(shape.centroid.coords[0]))) < 1.0
    assert drawn["m00"] == pytest.approx(shape.area, rel=0.15, abs=12)


def test_a_roof_stands_as_high_as_its_building() -> None:
    roof = shapely.box(-6, -6, 6, 6)
    ground = SimulatedGround(FRAME, [GroundShape(roof, MARK_BGR, 20.0)])
    camera = SimulatedCamera(ground, width_px=640, height_px=360)
    where = pose(-40.0, 5.0, 60.0, 80.0, -45.0, 3.0)
    corners = np.column_stack([np.asarray(roof.exterior.coords)[:-1], np.full(4, 20.0)])
    outline = shapely.Polygon(expected_px(camera, where, corners)[0])
    found = cv2.moments(magenta(camera.render(where, NOW)), binaryImage=True)
    middle = np.array([found["m10"], found["m01"]]) / found["m00"] + 0.5
    assert np.hypot(*(middle - np.array(outline.centroid.coords[0]))) < 1.0


def test_the_texture_moves_with_the_ground_and_not_with_the_camera() -> None:
    camera = mark_camera()
    # Two places more than a texture apart, looking at the same ground.
    first, second = pose(30.0, 0.0, 60.0, 0.0, -90.0, 0.0), pose(36.0, 0.0, 60.0, 0.0, -90.0, 0.0)
    before, after = camera.render(first, NOW), camera.render(second, NOW)
    shift_px = 6.0 / 60.0 * camera.intrinsics.fx_px
    (dx, dy), _ = cv2.phaseCorrelate(
        before.mean(axis=2).astype(np.float64), after.mean(axis=2).astype(np.float64)
    )
    assert (dx, dy) == pytest.approx((-shift_px, 0.0), abs=0.5)


def test_an_oblique_camera_sees_haze_above_the_horizon_and_ground_below() -> None:
    camera = mark_camera()
    level = camera.render(pose(0.0, 0.0, 60.0, 0.0, 0.0, 0.0), NOW)
    haze = (level == level[0, 0]).all(axis=2)
    assert haze[:180].all()
    assert not haze[250:].any()


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    camera = mark_camera((0.0, -80.0), radius_m=10.0)
    assert not magenta(camera.render(pose(0.0, 0.0, 40.0, 0.0, -20.0, 0.0), NOW)).any()


def test_a_site_file_is_drawn_with_its_roads_and_buildings() -> None:
    lat_lon = [(31.2, 121.5), (31.2, 121.504), (31.204, 121.504), (31.204, 121.5), (31.2, 121.5)]
    ring = [[lon, lat] for lat, lon in lat_lon]
    features = [
        {
            "type": "Feature",
            "properties": {
                "kind": "boundary",
                "id": "west",
                "name": {"zh": "西园", "en": "West park"},
                "time_zone": "Asia/Shanghai",
            },
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        },
        {
            "type": "Feature",
            "properties": {"kind": "road", "width_m": 12.0},
            "geometry": {
                "type": "LineString",
                "coordinates": [[121.5005, 31.202], [121.5035, 31.202]],
            },
        },
    ]
    site = Site.load(json.dumps({"type": "FeatureCollection", "features": features}).encode())
    camera = SimulatedCamera(SimulatedGround.of_site(site), width_px=320, height_px=180)
    picture = camera.render(CameraPose(31.202, 121.5015, 60.0, None, 0.0, -90.0, 0.0), NOW)
    middle = picture[85:88, 100:220].reshape(-1, 3)
    assert np.ptp(middle, axis=1).max() < 12, "a road is grey"
    assert np.ptp(picture[10].astype(int), axis=1).mean() > 20, "grass is not"


def test_impossible_pictures_and_shapes_are_refused() -> None:
    with pytest.raises(SimulationError, match="no size of a simulated picture"):
        SimulatedCamera(SimulatedGround(FRAME), width_px=2)
    with pytest.raises(SimulationError, match="LineString has no area"):
        GroundShape(shapely.LineString([(0, 0), (1, 1)]), MARK_BGR)
    with pytest.raises(SimulationError, match="height_m -1"):
        GroundShape(shapely.box(0, 0, 1, 1), MARK_BGR, -1.0)


def test_the_park_of_the_demo_is_shown_as_it_is_drawn(tmp_path: Path) -> None:
    ground = SimulatedGround.of_site(Site.load(demo_site_text().encode()))
    camera = SimulatedCamera(ground, width_px=640, height_px=360)
    where = CameraPose(ORIGIN.lat_deg, ORIGIN.lon_deg, 60.0, None, 0.0, -90.0, 0.0)
    picture = camera.render(where, NOW)
    assert ground.park_bgr is not None
    # Straight down, 60 m: one picture pixel is fx / 60 of a metre.
    scale = 20.0 / (camera.intrinsics.fx_px / 60.0)
    height_px, width_px = ground.park_bgr.shape[:2]
    half = np.array([640, 360]) * scale / 2
    left, top = (np.array([width_px, height_px]) / 2 - half).astype(int)
    right, bottom = (np.array([width_px, height_px]) / 2 + half).astype(int)
    same = cv2.resize(ground.park_bgr[top:bottom, left:right], (640, 360))
    assert np.abs(same.astype(int) - picture).mean() < 12
