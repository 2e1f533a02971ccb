from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.mission_item import MissionItem, MissionType
from sim_data.copter.mission_list import LOCATION_COMMANDS, STORED, MissionList
from sim_data.copter.state import HomePoint, MavMissionResult
from tests.sim_data.copter.pilot import item, waypoint

OK = MavMissionResult.ACCEPTED


def mission(*items: MissionItem) -> MissionList:
    stored = MissionList(MissionType.MISSION)
    assert stored.replace([item(16, frame=0), *items]) is OK
    return stored


class TestRefusal:
    @pytest.mark.parametrize(
        ("bad", "result"),
        [
            (item(4242), MavMissionResult.UNSUPPORTED),
            (replace(waypoint(0, 0), x=90.1), MavMissionResult.INVALID_PARAM5_X),
            (replace(waypoint(0, 0), y=-180.1), MavMissionResult.INVALID_PARAM6_Y),
            (replace(waypoint(0, 0), z=float("nan")), MavMissionResult.INVALID_PARAM7),
            (replace(waypoint(0, 0), frame=1), MavMissionResult.UNSUPPORTED_FRAME),
            (item(178, float("nan"), 5.0), MavMissionResult.INVALID_PARAM1),
            (item(205, 0.0, float("nan")), MavMissionResult.INVALID_PARAM2),
            (item(195, where=(0, 0)), MavMissionResult.UNSUPPORTED),
            (item(197), MavMissionResult.UNSUPPORTED),
            (item(2000, 0, 0, 1), MavMissionResult.UNSUPPORTED),
        ],
        ids=[
            "unknown command",
            "latitude",
            "longitude",
            "height",
            "frame",
            "first parameter",
            "second parameter",
            "roi location as item",
            "roi none as item",
            "image capture as item",
        ],
    )
    def test_a_bad_item_is_refused_with_its_reason_and_the_list_stays(
        self, bad: MissionItem, result: MavMissionResult
    ) -> None:
        stored = mission(waypoint(1.0, 2.0))
        before = stored.items
        assert stored.replace([item(16), waypoint(5.0, 5.0), bad]) is result
        assert stored.check(bad) is result
        assert stored.items is before

    def test_a_heading_may_be_left_open(self) -> None:
        assert MissionList(MissionType.MISSION).check(item(16, 0, 0, 0, float("nan"))) is OK

    def test_more_than_there_is_room_for_is_refused(self) -> None:
        stored = MissionList(MissionType.MISSION)
        assert stored.replace([waypoint(0, 0)] * 725) is MavMissionResult.NO_SPACE

    def test_nothing_clears(self) -> None:
        stored = mission(waypoint(1.0, 2.0))
        assert stored.replace([]) is OK
        assert stored.items == ()


class TestStorage:
    def test_what_does_not_fit_is_lost(self) -> None:
        sent = item(16, 2.7, 3.0, 4.0, 90.0, where=(10.0, 20.0), alt_m=12.345)
        (_, back) = mission(sent).items
        assert back.params == (2.0, 0.0, 0.0, 0.0)
        assert back.z == pytest.approx(12.34)
        assert (back.x, back.y) == pytest.approx((sent.x, sent.y), abs=1e-7)

    def test_items_without_a_place_lose_frame_and_place(self) -> None:
        (_, back) = mission(replace(item(178, 1.0, 5.5, -1.0), x=3.0, z=9.0)).items
        assert (back.frame, back.x, back.z) == (0, 0.0, 0.0)
        assert back.params == (1.0, 5.5, -1.0, 0.0)

    @pytest.mark.parametrize(("sent", "stored"), [(0, 0), (5, 0), (3, 3), (6, 3), (11, 10)])
    def test_frames_are_kept_by_their_kind(self, sent: int, stored: int) -> None:
        (_, back) = mission(replace(waypoint(0, 0), frame=sent)).items
        assert back.frame == stored

    def test_item_zero_is_home(self) -> None:
        stored = mission(waypoint(1.0, 2.0))
        stored.set_home(HomePoint(-35.5, 149.5, 600.0))
        assert (stored.items[0].x, stored.items[0].y, stored.items[0].z) == (-35.5, 149.5, 600.0)
        assert stored.replace([waypoint(7.0, 7.0), waypoint(8.0, 8.0)]) is OK
        assert stored.items[0].x == -35.5
        assert [kept.seq for kept in stored.items] == [0, 1]

    @given(
        command=st.sampled_from(sorted(STORED)),
        params=st.tuples(*[st.floats(-200.0, 200.0, width=32)] * 4),
        x=st.floats(-90.0, 90.0),
        y=st.floats(-180.0, 180.0),
        z=st.floats(-1000.0, 10_000.0, width=32),
        frame=st.sampled_from([0, 3, 5, 6, 10]),
    )
    def test_what_was_read_back_is_stored_as_it_is(
        self,
        command: int,
        params: tuple[float, float, float, float],
        x: float,
        y: float,
        z: float,
        frame: int,
    ) -> None:
        sent = MissionItem(seq=1, frame=frame, command=command, params=params, x=x, y=y, z=z)
        (_, once) = mission(sent).items
        (_, twice) = mission(once).items
        assert twice == replace(once, z=twice.z)
        assert twice.z == pytest.approx(once.z, abs=0.011)
        if command in LOCATION_COMMANDS:
            assert once.x == pytest.approx(x, abs=1e-7)
            assert once.z == pytest.approx(z, abs=0.011)


REAL = Path(__file__).parents[4] / "shared" / "data" / "mavlink" / "ardupilot_missions"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real missions of ../shared/data are not here")
@pytest.mark.parametrize(
    "name", ["copter_mission.txt", "CMAC-copter-navtest.txt", "copter_glitch_mission.txt"]
)
def test_missions_of_real_copters_are_taken(name: str) -> None:
    items = []
    for line in (REAL / name).read_text("ascii").splitlines()[1:]:
        seq, _, frame, command, a, b, c, d, x, y, z, _ = (float(v) for v in line.split())
        params = (a, b, c, d)
        items.append(MissionItem(int(seq), int(frame), int(command), params, x, y, z))
    stored = MissionList(MissionType.MISSION)
    assert stored.replace(items) is OK
    assert len(stored.items) == len(items) > 3


def corner(command: int, count: float, east_m: float, north_m: float) -> MissionItem:
    return item(command, count, where=(east_m, north_m), frame=0)


class TestFence:
    SQUARE = tuple(corner(5001, 4, *c) for c in ((-9, -9), (9, -9), (9, 9), (-9, 9)))

    def test_polygons_and_circles_are_taken(self) -> None:
        fence = MissionList(MissionType.FENCE)
        circle = item(5004, 25.5, where=(50.0, 0.0), frame=0)
        assert fence.replace([*self.SQUARE, circle]) is OK
        assert [kept.params[0] for kept in fence.items] == [4, 4, 4, 4, 25.5]

    @pytest.mark.parametrize(
        ("bad", "result"),
        [
            (waypoint(0, 0), MavMissionResult.UNSUPPORTED),
            (corner(5001, 2, 0, 0), MavMissionResult.INVALID_PARAM1),
            (item(5004, 0.0, where=(0, 0)), MavMissionResult.INVALID_PARAM1),
            (item(5001, 4), MavMissionResult.INVALID),
            (replace(corner(5002, 3, 0, 0), x=91.0), MavMissionResult.INVALID_PARAM5_X),
            (replace(corner(5002, 3, 0, 0), frame=8), MavMissionResult.UNSUPPORTED_FRAME),
        ],
    )
    def test_other_items_are_refused(self, bad: MissionItem, result: MavMissionResult) -> None:
        assert MissionList(MissionType.FENCE).replace([bad]) is result

    def test_a_polygon_with_a_corner_missing_is_refused(self) -> None:
        fence = MissionList(MissionType.FENCE)
        assert fence.replace(self.SQUARE[:3]) is MavMissionResult.INVALID


class TestRally:
    def test_a_rally_point_is_kept_with_its_height_in_whole_metres(self) -> None:
        rally = MissionList(MissionType.RALLY)
        assert rally.replace([item(5100, where=(10, 10), alt_m=25.9)]) is OK
        assert rally.items[0].z == 25.0

    def test_a_height_above_the_sea_is_refused(self) -> None:
        rally = MissionList(MissionType.RALLY)
        point = item(5100, where=(10, 10), alt_m=25.0, frame=0)
        assert rally.replace([point]) is MavMissionResult.UNSUPPORTED_FRAME
        assert rally.replace([waypoint(0, 0)]) is MavMissionResult.UNSUPPORTED
