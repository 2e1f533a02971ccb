"""The demo's parts: what it stages is seen, and what it records is as wrong as it states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ops.demo import CAMERAS, DayClock, DemoPark, prepare_park
from ops.drawn_camera import CameraAtWork, DrawnCamera
from park.geodesy import LocalFrame
from park.records import CameraPose, Intrinsics
from park.site import Site
from sim_data.camera.view import View
from sim_data.patrol_footage import NOISES

FRAME = LocalFrame(30.2, 123.4)
START = datetime(2026, 9, 16, 2, tzinfo=UTC)
SMALL = replace(CAMERAS, width_px=32, height_px=18)


class _Grey:
    """Draws grey pictures and remembers from where."""

    def __init__(self) -> None:
        self.poses: list[CameraPose] = []

    def rgb(self, pose: CameraPose, intrinsics: Intrinsics, time: datetime) -> NDArray[np.uint8]:
        self.poses.append(pose)
        return np.full((intrinsics.height_px, intrinsics.width_px, 3), (200, 100, 50), np.uint8)

    def thermal(
        self, pose: CameraPose, intrinsics: Intrinsics, time: datetime
    ) -> NDArray[np.uint16]:
        raise AssertionError("the demo records colour")


def pose(alt_m: float = 60.0, pitch_deg: float = -90.0) -> CameraPose:
    return CameraPose(30.2, 123.4, alt_m, 20.0 + alt_m, 10.0, pitch_deg, 0.0)


def drawn(noise: str, seed: int, grey: _Grey) -> DrawnCamera:
    return DrawnCamera(grey, FRAME, SMALL, NOISES[noise], seed, lambda pose, lens, time: None)


def test_pictures_are_drawn_from_where_the_recorded_pose_is_wrong_by_what_is_stated() -> None:
    noise = NOISES["gnss"]
    grey = _Grey()
    for seed in range(300):
        drawn("gnss", seed, grey).render(pose(), START)
    east = [FRAME.to_en_m(one.lat_deg, one.lon_deg)[0] for one in grey.poses]
    assert np.std(east) == pytest.approx(noise.horizontal_m, rel=0.15)
    assert np.std([one.alt_home_m for one in grey.poses]) == pytest.approx(
        noise.vertical_m, rel=0.15
    )
    assert np.std([one.yaw_deg for one in grey.poses]) == pytest.approx(noise.yaw_deg, rel=0.15)


def test_errors_wander_from_picture_to_picture() -> None:
    grey = _Grey()
    camera = drawn("gnss", 1, grey)
    for step in range(40):
        camera.render(pose(), START + timedelta(seconds=step * 0.5))
    yaw = np.array([one.yaw_deg for one in grey.poses])
    assert 0.0 < np.abs(np.diff(yaw)).mean() < 0.5 * NOISES["gnss"].yaw_deg


def test_without_errors_the_picture_is_from_the_recorded_pose_and_in_the_recorders_colours() -> (
    None
):
    grey = _Grey()
    picture = drawn("none", 1, grey).render(pose(), START)
    assert picture[0, 0].tolist() == [50, 100, 200]
    assert FRAME.to_en_m(grey.poses[0].lat_deg, grey.poses[0].lon_deg) == pytest.approx(
        (0.0, 0.0), abs=1e-4
    )
    assert grey.poses[0].alt_home_m == 60.0


def test_nothing_is_drawn_on_the_ground_or_towards_the_horizon() -> None:
    camera = CameraAtWork(drawn("none", 1, _Grey()), fps=1.0)
    for step, seen in enumerate((pose(1.0), pose(60.0, 0.0), pose(60.0, -10.0))):
        camera.saw_pose(START + timedelta(seconds=step), seen)
    assert not camera._poses
    camera.saw_pose(START + timedelta(seconds=9), pose(60.0, -90.0))
    assert len(camera._poses) == 1


def test_its_clock_shows_another_day_and_runs_as_fast() -> None:
    clock = DayClock(START)
    assert timedelta(0) <= clock.now() - START < timedelta(seconds=5)


@pytest.fixture(scope="module")
def park(tmp_path_factory: pytest.TempPathFactory) -> DemoPark:
    return prepare_park(tmp_path_factory.mktemp("demo"), 7)


def test_everything_staged_will_be_in_a_picture(park: DemoPark) -> None:
    (camera,) = CAMERAS.listed(0.0)
    lens = camera.intrinsics()
    rows = park.scenario.truth_rows()
    places = np.array([[*park.world.frame.to_en_m(r.lat_deg, r.lon_deg), 0.0] for r in rows])
    seen = np.zeros(len(rows), bool)
    for at in park.expected.picture_times_s(1.0):
        pixels, depth = View.of(park.world.frame, park.expected.pose(float(at)), lens).project(
            places
        )
        size = (lens.width_px, lens.height_px)
        seen |= (depth > 1.0) & (pixels > 0.0).all(1) & (pixels < size).all(1)
    assert seen.all(), [row.truth_id for row, one in zip(rows, seen, strict=True) if not one]


def test_it_stages_incidents_of_several_kinds_and_look_alikes(park: DemoPark) -> None:
    rows = park.scenario.truth_rows()
    assert len({row.type for row in rows if row.must_fire}) >= 5
    assert {"illegal_parking", "vehicle_in_forbidden_zone"} <= {row.type for row in rows}
    assert any(not row.must_fire for row in rows)


def test_its_patrol_is_one_sortie_of_the_park_in_the_site_file(park: DemoPark) -> None:
    assert len(park.plan.sorties) == 1
    assert park.plan.figures.duration_s < 420.0
    assert Site.load(Path(park.site_path)).id == park.plan.site_id
