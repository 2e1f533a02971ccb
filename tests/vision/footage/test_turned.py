"""Photos that were turned after they were taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from park.geodesy import LocalFrame
from park.geotag import GeoTag, write_geotagged_jpeg
from park.records import CameraPose, Frame, Intrinsics, PosedView, PoseSigma
from vision.camera import project_points
from vision.footage import FootageOptions, discover, read_frame, read_frames
from vision.footage.turned import find_turns, sketch, turned_view

ORIGIN = LocalFrame(31.2, 121.5)
LENS = Intrinsics.from_fov(800, 600, 70.0)
SIGMA = PoseSigma(2.0, 1.0, 2.0, 1.0, 1.0)
HEIGHT_M = 50.0
START = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def view_at(east_m: float, north_m: float, yaw_deg: float) -> PosedView:
    lat, lon = ORIGIN.to_lat_lon(east_m, north_m)
    return PosedView(
        LENS, CameraPose(float(lat), float(lon), HEIGHT_M, None, yaw_deg, -90.0, 0.0), SIGMA
    )


def ground() -> NDArray[np.uint8]:
    """A square of 200 m at 10 px/m with things on it that can be told apart."""
    rng = np.random.default_rng(3)
    image = np.full((2000, 2000), 110, np.uint8)
    for _ in range(1500):
        x, y, w, h = rng.integers(0, 2000, 2).tolist() + rng.integers(8, 60, 2).tolist()
        cv2.rectangle(image, (x, y), (x + w, y + h), int(rng.integers(0, 255)), -1)
    return image


GROUND = ground()


def photo(view: PosedView) -> NDArray[np.uint8]:
    """What the camera sees of the ground."""
    east, north = ORIGIN.to_en_m(view.pose.lat_deg, view.pose.lon_deg)
    corners_m = np.array([[-90, -90], [90, -90], [90, 90], [-90, 90]], float)
    relative = np.column_stack([corners_m - [float(east), float(north)], [-HEIGHT_M] * 4])
    pixels, _ = project_points(view.intrinsics, view.pose, relative)
    on_map = np.column_stack([1000 + corners_m[:, 0] * 10, 1000 - corners_m[:, 1] * 10])
    matrix = cv2.getPerspectiveTransform(on_map.astype(np.float32), pixels.astype(np.float32))
    return np.asarray(cv2.warpPerspective(GROUND, matrix, (800, 600)), np.uint8)


FLIGHT = [(0.0, -20.0, 10.0), (2.0, -5.0, 14.0), (3.0, 9.0, 8.0), (20.0, 12.0, -170.0)]


@pytest.mark.parametrize("turned", [(0, 0, 0, 0), (0, 0, 2, 2), (0, 2, 0, 0), (2, 2, 2, 2)])
def test_turned_photos_are_found_by_their_neighbours(turned: tuple[int, ...]) -> None:
    sketches = []
    for place, turn in zip(FLIGHT, turned, strict=True):
        view = view_at(*place)
        sketches.append(sketch(np.ascontiguousarray(np.rot90(photo(view), -turn)), view))
    assert find_turns(sketches) == turned


def test_without_overlap_or_with_nothing_to_see_a_photo_counts_as_not_turned() -> None:
    blank = np.full((600, 800), 90, np.uint8)
    view, far = view_at(0, 0, 0), view_at(80, 60, 0)
    assert find_turns([sketch(blank, view), sketch(blank, view), None]) == (0, 0, 0)
    assert find_turns([sketch(photo(view), view), sketch(photo(far), far)]) == (0, 0)
    assert find_turns([None]) == (0,)


def test_photos_of_a_hovering_camera_count_as_not_turned() -> None:
    view = view_at(0, 0, 30)
    assert find_turns([sketch(photo(view), view)] * 3) == (0, 0, 0)


@given(
    turns=st.integers(0, 3),
    east=st.floats(-15, 15),
    north=st.floats(-15, 15),
    yaw=st.floats(-180, 180),
    off=st.floats(-20, 20),
)
def test_a_turned_view_puts_ground_where_the_turned_pixels_show_it(
    turns: int, east: float, north: float, yaw: float, off: float
) -> None:
    square = replace(LENS, height_px=800, cx_px=400.0 + off, cy_px=400.0 - off / 2)
    view = replace(view_at(0, 0, yaw), intrinsics=square)
    point = np.array([[east, north, -HEIGHT_M]])
    (x, y), (tx, ty) = (
        project_points(v.intrinsics, v.pose, point)[0][0] for v in (view, turned_view(view, turns))
    )
    for _ in range(turns):
        x, y = 800.0 - y, x
    assert (tx, ty) == pytest.approx((x, y), abs=1e-6)


def test_a_turned_photo_that_is_read_again_is_turned_again(tmp_path: Path) -> None:
    for number, ((east, north, yaw), turn) in enumerate(zip(FLIGHT, (0, 0, 2, 0), strict=True)):
        pose = view_at(east, north, yaw).pose
        tag = GeoTag(
            START + timedelta(seconds=2 * number), lat_deg=pose.lat_deg, lon_deg=pose.lon_deg,
            alt_home_m=HEIGHT_M, gimbal_yaw_deg=yaw, gimbal_pitch_deg=-90.0, gimbal_roll_deg=0.0,
        )  # fmt: skip
        pixels = np.rot90(photo(view_at(east, north, yaw)), -turn)
        write_geotagged_jpeg(tmp_path / f"{number}.jpg", np.stack([pixels] * 3, axis=2), tag)
    options = FootageOptions(hfov_deg=70.0)
    (source,) = discover([str(tmp_path)], options).sources
    frames = [item for item in read_frames(source, options) if isinstance(item, Frame)]
    assert ["turned" in " ".join(one.assumptions) for one in frames] == [False, False, True, False]
    for one in frames:
        again = read_frame(source, options, one.source_uri, one.source_time_s)
        assert (again.view, again.assumptions) == (one.view, one.assumptions)


def test_real_photos_that_a_viewer_turned_are_placed_where_they_belong(shared_data: Path) -> None:
    folder = shared_data / "photos" / "brighton_beach"
    options = FootageOptions()
    (source,) = discover([str(folder)], options).sources
    frames = [f for f in read_frames(source, options) if isinstance(f, Frame)]
    said = {
        Path(f.source_uri).stem for f in frames if any("turned 180" in a for a in f.assumptions)
    }
    # Their file says that a picture viewer wrote them; nothing else in it gives them away.
    assert said == {"DJI_0024", "DJI_0025", "DJI_0026", "DJI_0027"}
