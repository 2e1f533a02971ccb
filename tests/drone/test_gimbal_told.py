"""Where a camera that says nothing of itself looks, as far as its mission has told it to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drone.gimbal_told import GimbalTold
from drone.mission import ABOVE_HOME, DO_MOUNT_CONTROL, DO_SET_ROI, NAV_WAYPOINT
from drone.telemetry import Telemetry
from park.mission_item import MissionItem
from tests.drone.parks import FRAME

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
PLACE = FRAME.to_lat_lon(30.0, 0.0)

ITEMS = (
    MissionItem(0, ABOVE_HOME, NAV_WAYPOINT),
    MissionItem(1, ABOVE_HOME, NAV_WAYPOINT),
    MissionItem(2, ABOVE_HOME, DO_MOUNT_CONTROL, (-60.0, 0.0, 0.0, 0.0)),
    MissionItem(3, ABOVE_HOME, NAV_WAYPOINT),
    MissionItem(4, ABOVE_HOME, DO_SET_ROI, (3.0, 0.0, 0.0, 0.0), *PLACE, 10.0),
    MissionItem(5, ABOVE_HOME, NAV_WAYPOINT),
    MissionItem(6, ABOVE_HOME, DO_SET_ROI),
    MissionItem(7, ABOVE_HOME, NAV_WAYPOINT),
)


def at(seq: int | None, **values: float) -> Telemetry:
    lat_deg, lon_deg = FRAME.to_lat_lon(0.0, 0.0)
    here = {"lat_deg": lat_deg, "lon_deg": lon_deg, "alt_home_m": 40.0, "yaw_deg": 80.0}
    known: dict[str, float] = {**here, **values}
    return Telemetry(
        START, 0.1, 0.1, 0.1, mission_seq=seq,
        lat_deg=known["lat_deg"], lon_deg=known["lon_deg"],
        alt_home_m=known["alt_home_m"], yaw_deg=known["yaw_deg"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seq", "angles"),
    [
        (None, (80.0, -60.0)),
        (1, (80.0, -60.0)),
        (3, (80.0, -60.0)),
        (5, (90.0, -45.0)),
        (7, (80.0, -60.0)),
    ],
)
def test_it_looks_where_the_item_before_the_present_one_has_turned_it(
    seq: int | None, angles: tuple[float, float]
) -> None:
    assert GimbalTold.of(ITEMS).angles(at(seq)) == pytest.approx(angles, abs=0.01)


def test_a_mission_that_tells_the_camera_nothing_leaves_it_unknown() -> None:
    assert GimbalTold.of(ITEMS[:2]).angles(at(1)) is None


def test_a_vehicle_that_does_not_say_where_it_is_has_a_camera_that_looks_nowhere() -> None:
    lost = Telemetry(START, 0.1, 0.1, 0.1, mission_seq=5)
    assert GimbalTold.of(ITEMS).angles(lost) is None
    assert GimbalTold.of(ITEMS).angles(Telemetry(START, 0.1, 0.1, 0.1, mission_seq=3)) is None
