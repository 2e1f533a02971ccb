"""Items are read back into the waypoints that they were made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.files import read_plan_file
from drone.mission import mission_items
from drone.mission_path import mission_path
from drone.records import Home, LegKind, Sortie, Waypoint
from park.errors import MissionFileError
from park.mission_item import MissionItem
from tests.drone.files.sorties import survey_sortie
from tests.drone.test_mission import waypoints

HOME = Home("", 31.2, 121.4, 12.5)
END = Waypoint(31.2, 121.4, 60.0, LegKind.RETURN, 12.0)


@given(st.lists(waypoints(), min_size=1, max_size=8))
def test_items_made_of_what_was_read_are_the_items_that_were_read(
    flown: list[Waypoint],
) -> None:
    sortie = Sortie(1, HOME, 40.0, (*flown, END), 1.0, 1.0, 1.0, 0)
    items = mission_items(sortie)
    path = mission_path(items)
    again = replace(sortie, home=path.home, waypoints=path.waypoints)
    assert mission_items(again) == items
    assert path.takeoff_alt_home_m == 40.0
    assert path.lands_at == (31.2, 121.4)


def test_a_sortie_is_read_back_as_it_was_planned() -> None:
    sortie = survey_sortie()
    path = mission_path(mission_items(sortie))
    assert path.home == replace(sortie.home, dock_id="")
    read, planned = path.waypoints, sortie.waypoints
    assert [(w.lat_deg, w.lon_deg, w.alt_home_m) for w in read] == [
        (w.lat_deg, w.lon_deg, w.alt_home_m) for w in planned
    ]
    assert [w.speed_mps for w in read] == [w.speed_mps for w in planned]
    assert [w.hold_s for w in read] == [w.hold_s for w in planned]
    assert [w.look_at for w in read] == [w.look_at for w in planned]
    assert [w.take_photo for w in read] == [w.take_photo for w in planned]
    assert [w.leg for w in read] == ["transit", "survey", "transit", "survey", "transit", "return"]


def test_a_camera_turned_after_take_off_is_turned_for_the_first_waypoint() -> None:
    sortie = survey_sortie()
    down = replace(sortie.waypoints[0], gimbal_pitch_deg=-90.0)
    items = mission_items(replace(sortie, waypoints=(down, *sortie.waypoints[1:])))
    assert items[2].command == 205
    assert mission_path(items).waypoints[0].gimbal_pitch_deg == -90.0


def test_heights_above_sea_level_become_heights_above_home() -> None:
    items = [
        MissionItem(0, 0, 16, x=31.2, y=121.4, z=500.0),
        MissionItem(1, 0, 16, x=31.3, y=121.4, z=560.0),
        MissionItem(2, 2, 20),
    ]
    path = mission_path(items)
    assert path.waypoints[0].alt_home_m == 60.0
    assert path.lands_at is None
    with pytest.raises(MissionFileError, match="item 1: its height is above sea level, and home"):
        mission_path([replace(items[0], z=float("nan")), *items[1:]])


ITEMS = mission_items(survey_sortie())
TURN = next(item.seq for item in ITEMS if item.command == 205)
SPEED = next(item.seq for item in ITEMS if item.command == 178)
WAY = next(item.seq for item in ITEMS[1:] if item.command == 16)


def changed(seq: int, **values: object) -> tuple[MissionItem, ...]:
    return (*ITEMS[:seq], replace(ITEMS[seq], **values), *ITEMS[seq + 1 :])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "the mission does not begin with home"),
        (ITEMS[1:], "the mission does not begin with home"),
        (ITEMS[:-1], "the mission ends without a landing or a return to launch"),
        ((ITEMS[0], ITEMS[-1]), "the mission has no waypoint"),
        ((*ITEMS, replace(ITEMS[-1], seq=len(ITEMS))), "item .*: the mission goes on after its"),
        (changed(WAY, frame=10), f"item {WAY}: heights of frame 10 are not known here"),
        (changed(WAY, command=82), f"item {WAY}: what command 82 does is not known here"),
        (
            changed(SPEED, params=(2.0, 1.0, -1.0, 0.0)),
            f"item {SPEED}: only a speed over ground is known here",
        ),
        (
            (ITEMS[0], ITEMS[TURN], *ITEMS[1:]),
            f"item {TURN}: command 205 before the first waypoint",
        ),
        (changed(WAY, z=float("nan")), f"item {WAY}: has no height"),
    ],
)
def test_what_is_not_known_is_refused_with_its_item(
    items: tuple[MissionItem, ...], message: str
) -> None:
    with pytest.raises(MissionFileError, match=message):
        mission_path(items)


def test_a_plan_of_another_program_is_read(shared_data: Path) -> None:
    real = shared_data / "mavlink" / "mavsdk_python" / "examples" / "example-mission.plan"
    path = mission_path(read_plan_file(real).mission)
    assert path.takeoff_alt_home_m == 50.0
    assert len(path.waypoints) == 3
    assert path.waypoints[0].speed_mps == 10.0
