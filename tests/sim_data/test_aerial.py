"""The drawn park agrees with itself, with its truth, and with what real cameras write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import exifread
import numpy as np
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from park.errors import RecordError, StoreError
from park.geodesy import distance_m
from park.records import CameraPose, Intrinsics
from park.site import Site
from sim_data.aerial import (
    DemoTruth,
    World,
    demo_intrinsics,
    draw_world,
    ground_to_pixel,
    render_photo,
    vehicle_box_px,
    write_demo_footage,
    write_footage_of,
)
from sim_data.aerial_site import demo_site_text
from sim_data.aerial_vehicles import VehicleShape, stamp_vehicle
from sim_data.aerial_world import BETWEEN_PASSES, FIRST_PASS, ORIGIN
from vision.camera import project_points

LENS = Intrinsics.from_fov(800, 600, 70.0)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(7)


@pytest.fixture(scope="module")
def demo(world: World, tmp_path_factory: pytest.TempPathFactory) -> DemoTruth:
    return write_footage_of(world, tmp_path_factory.mktemp("demo"))


def _above(east_m: float = 0.0, north_m: float = 0.0, yaw_deg: float = 0.0) -> CameraPose:
    lat_deg, lon_deg = ORIGIN.to_lat_lon(east_m, north_m)
    return CameraPose(lat_deg, lon_deg, 40.0, None, yaw_deg, -90.0, 0.0)


@settings(max_examples=80, deadline=None)
@given(
    yaw=st.floats(-180, 180),
    pitch=st.floats(-90, -40),
    roll=st.floats(-15, 15),
    east=st.floats(-30, 30),
    north=st.floats(-30, 30),
    height=st.floats(20, 120),
)
def test_the_drawn_camera_is_the_camera_model_of_the_project(
    yaw: float, pitch: float, roll: float, east: float, north: float, height: float
) -> None:
    lat_deg, lon_deg = ORIGIN.to_lat_lon(3.0, -4.0)
    pose = CameraPose(lat_deg, lon_deg, height, None, yaw, pitch, roll)
    world = World(
        0, np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8),
        1.0, ORIGIN, None, (),  # type: ignore[arg-type]
    )  # fmt: skip
    w = ground_to_pixel(world, pose, LENS) @ np.array([east, north, 1.0])
    camera_east, camera_north = ORIGIN.to_en_m(lat_deg, lon_deg)
    enu = np.array([[east - camera_east, north - camera_north, -height]])
    expected, in_front = project_points(LENS, pose, enu)
    if not in_front[0] or abs(w[2]) < 1.0:
        return
    assert w[:2] / w[2] == pytest.approx(expected[0], abs=1e-5)


def test_photos_of_one_spot_from_two_places_agree(world: World) -> None:
    """A patch of ground, cut from two turned and shifted photos, looks the same."""
    patches = []
    for pose in (_above(-40, 18, 0), _above(-46, 13, 25)):
        photo = render_photo(world, pose, LENS, FIRST_PASS)
        corners = np.array([[-50, 22, 1], [-40, 22, 1], [-40, 12, 1], [-50, 12, 1.0]])
        seen = corners @ ground_to_pixel(world, pose, LENS).T
        quad = (seen[:, :2] / seen[:, 2:] - 0.5).astype(np.float32)
        flat = np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32)
        patches.append(
            cv2.warpPerspective(photo, cv2.getPerspectiveTransform(quad, flat), (100, 100))
        )
    one, two = (cv2.GaussianBlur(p, (0, 0), 2).astype(float).ravel() for p in patches)
    assert np.corrcoef(one, two)[0, 1] > 0.97


def test_vehicles_come_and_go(world: World) -> None:
    gone = next(v for v in world.vehicles if v.parked_to < FIRST_PASS + BETWEEN_PASSES)
    x, y = (int(v) for v in world.to_px(gone.lat_deg, gone.lon_deg))
    area = np.s_[y - 30 : y + 30, x - 30 : x + 30]
    before = world.ortho_bgr(FIRST_PASS)[area].astype(int)
    after = world.ortho_bgr(FIRST_PASS + BETWEEN_PASSES)[area].astype(int)
    np.testing.assert_array_equal(after, world.bare_bgr[area])
    assert np.abs(before - after).mean() > 15


def test_a_truth_box_holds_its_vehicle(world: World) -> None:
    """What differs between the bare park and the parked one lies at the boxes, or is shadow."""
    van = next(v for v in world.vehicles if v.where == "tank-yard")
    east, north = ORIGIN.to_en_m(van.lat_deg, van.lon_deg)
    pose = _above(east + 5, north - 3, 40)
    full = render_photo(world, pose, LENS, FIRST_PASS).astype(int)
    bare = render_photo(world, pose, LENS, FIRST_PASS, ortho_bgr=world.bare_bgr).astype(int)
    x0, y0, x1, y1 = vehicle_box_px(world, van, pose, LENS)
    ys, xs = np.nonzero((full - bare).max(axis=2) > 25)
    assert len(xs) > 200
    inside = (xs >= x0 - 3) & (xs <= x1 + 3) & (ys >= y0 - 3) & (ys <= y1 + 3)
    assert inside.mean() > 0.98
    metres = max(x1 - x0, y1 - y0) * 40.0 / LENS.fx_px
    assert 4.0 < metres < 6.5


def test_every_vehicle_has_the_size_of_its_kind(world: World) -> None:
    for vehicle in world.vehicles:
        low, high = {"car": (3.5, 5.2), "van": (4.8, 6.2), "truck": (7.0, 12.5)}[vehicle.class_name]
        assert low < vehicle.length_m < high
        assert 1.6 < vehicle.width_m < 2.6
    places = [(v.lat_deg, v.lon_deg) for v in world.vehicles]
    apart = [
        distance_m(*a, *b) for i, a in enumerate(places) for b in places[i + 1 :]
    ]  # no two stand in each other
    assert min(apart) > 1.9


def test_the_demo_has_what_the_rules_are_about(demo: DemoTruth) -> None:
    assert [p.pass_number for p in demo.photos] == [1] * 6 + [2] * 6
    assert demo.photos[6].time - demo.photos[0].time == BETWEEN_PASSES
    seen: dict[str, set[int]] = {}
    for photo in demo.photos:
        for vehicle_id, _ in photo.boxes:
            seen.setdefault(vehicle_id, set()).add(photo.pass_number)
    where = {v.vehicle_id: v.where for v in demo.vehicles}
    lane = sorted(sorted(p) for v, p in seen.items() if where[v] == "fire-lane")
    assert lane == [[1], [1, 2], [1, 2]]
    assert [p for v, p in seen.items() if where[v] == "tank-yard"] == [{1, 2}]
    assert sum(where[v] == "car-park" for v in seen) >= 10


def test_its_site_file_is_right_and_its_vehicles_stand_in_their_zones(demo: DemoTruth) -> None:
    site = Site.load(demo.site_path)
    assert site.id == "drawn-park"
    assert "simulated" in site.name.en
    for vehicle in demo.vehicles:
        zones = {zone.id for zone in site.zones_at(vehicle.lat_deg, vehicle.lon_deg)}
        assert zones == {vehicle.where}
    assert Site.load(demo_site_text().encode()) == site


def test_its_photos_are_read_as_a_drones(demo: DemoTruth) -> None:
    for photo in demo.photos:
        content = (demo.footage_dir / photo.file).read_bytes()
        tags = exifread.process_file(io.BytesIO(content), details=False)
        assert str(tags["Image Model"]) == "drawn"
        assert "simulated" in str(tags["Image ImageDescription"])
        d, m, s = (float(v) for v in tags["GPS GPSLatitude"].values)
        d2, m2, s2 = (float(v) for v in tags["GPS GPSLongitude"].values)
        off_m = distance_m(
            d + m / 60 + s / 3600, d2 + m2 / 60 + s2 / 3600, photo.pose.lat_deg, photo.pose.lon_deg
        )
        assert 0.01 < off_m < 6.0
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (1600, 1200)
            xmp = ElementTree.fromstring(picture.info["xmp"])
        (said,) = xmp.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
        dji = "{http://www.dji.com/drone-dji/1.0/}"
        assert float(said.attrib[dji + "RelativeAltitude"]) == pytest.approx(
            photo.pose.alt_home_m, abs=4
        )
        yaw_error = float(said.attrib[dji + "GimbalYawDegree"]) - photo.pose.yaw_deg
        assert abs((yaw_error + 180) % 360 - 180) < 4
        focal_px = (
            float(tags["EXIF FocalLength"].values[0])
            * float(tags["EXIF FocalPlaneXResolution"].values[0])
            / 10
        )  # per centimetre
        assert focal_px == pytest.approx(demo_intrinsics().fx_px, rel=1e-3)
        diagonal_px = 24 / np.hypot(36, 24) * np.hypot(1600, 1200)
        assert focal_px == pytest.approx(diagonal_px, rel=1e-3)


def test_truth_is_written_beside_it(demo: DemoTruth) -> None:
    truth = json.loads(demo.truth_path.read_text(encoding="utf-8"))
    assert truth["simulated"] is True
    assert len(truth["photos"]) == 12
    assert len(truth["vehicles"]) == len(demo.vehicles)
    box = truth["photos"][0]["boxes"][0]["box_xyxy_px"]
    assert 0 <= box[0] < box[2] <= 1600


def test_the_same_seed_gives_the_same_bytes(demo: DemoTruth, tmp_path: Path) -> None:
    again = write_demo_footage(tmp_path, 7, passes=1)
    for photo in again.photos:
        first = (demo.footage_dir / photo.file).read_bytes()
        assert (again.footage_dir / photo.file).read_bytes() == first, photo.file
    assert again.site_path.read_bytes() == demo.site_path.read_bytes()


def test_what_cannot_be_drawn_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="passes 0 is not between 1 and 6"):
        write_demo_footage(tmp_path, passes=0)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot make the folder"):
        write_demo_footage(tmp_path / "file")
    level = CameraPose(40.0, 100.0, 40.0, None, 0.0, -5.0, 0.0)
    with pytest.raises(RecordError, match="above the horizon"):
        render_photo(world, level, LENS, FIRST_PASS)
    with pytest.raises(RecordError, match="must be above the ground"):
        render_photo(world, CameraPose(40, 100, 0.0, None, 0, -90, 0), LENS, FIRST_PASS)
    with pytest.raises(RecordError, match="no drawing for a 'boat'"):
        VehicleShape("boat", 5.0, 2.0, 1.0)
    with pytest.raises(RecordError, match="does not fit onto the ground"):
        stamp_vehicle(
            world.bare_bgr.copy(), world.light, VehicleShape("car", 4.5, 1.8, 1.5),
            centre_px=(3.0, 3.0), heading_deg=0.0, paint="red", px_per_m=20.0,
            shadow_per_height=(0.1, 0.1),
        )  # fmt: skip
