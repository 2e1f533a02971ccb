"""A sortie becomes items that ArduCopter flies, and what a vehicle reads back is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega

from drone import mission
from drone.mission import fence_items, has_place, mission_items, rally_items, waypoint_seqs
from drone.mission_compare import item_differences, same_items
from drone.records import Fence, Home, LegKind, RallyPoint, Sortie, Waypoint
from park.errors import MissionFileError
from park.mission_item import MissionItem, MissionType

HOME = Home("roof", 31.2, 121.4, 12.5)


def waypoint(lat_deg: float = 31.201, lon_deg: float = 121.401, **more: object) -> Waypoint:
    values = {"alt_home_m": 60.0, "leg": LegKind.SURVEY, "speed_mps": 8.0, **more}
    return Waypoint(lat_deg, lon_deg, **values)  # type: ignore[arg-type]


def sortie(*waypoints: Waypoint) -> Sortie:
    return Sortie(1, HOME, 40.0, waypoints, 100.0, 60.0, 10.0, 0)


def commands(*waypoints: Waypoint) -> list[int]:
    return [item.command for item in mission_items(sortie(*waypoints))]


def test_a_mission_begins_with_home_and_take_off_and_ends_with_a_landing_at_home() -> None:
    home, up, *_, down = mission_items(sortie(waypoint()))
    assert (home.command, home.frame, home.current) == (16, 0, True)
    assert (home.x, home.y, home.z) == (31.2, 121.4, 12.5)
    assert (up.command, up.frame, up.z) == (22, 3, 40.0)
    assert (down.command, down.frame, down.x, down.y) == (21, 3, 31.2, 121.4)


def test_items_are_numbered_from_zero_without_gaps() -> None:
    items = mission_items(sortie(waypoint(), waypoint(hold_s=3.0, gimbal_pitch_deg=-90.0)))
    assert [item.seq for item in items] == list(range(len(items)))


def test_speed_is_said_before_the_leg_and_only_when_it_changes() -> None:
    fast = waypoint(speed_mps=12.0)
    assert commands(waypoint(), waypoint(), fast) == [16, 22, 178, 16, 16, 178, 16, 21]
    items = mission_items(sortie(fast))
    assert items[2].params == (1.0, 12.0, -1.0, 0.0)


def test_the_camera_turns_before_the_hold_and_the_picture_is_taken_after_it() -> None:
    there = waypoint(hold_s=4.2, gimbal_pitch_deg=-45.0, take_photo=True)
    items = mission_items(sortie(waypoint(), there))[4:]
    assert [item.command for item in items] == [16, 205, 16, 203, 21]
    first, turn, stay, picture, _ = items
    assert first.params[0] == 0.0
    assert turn.params[0] == -45.0
    assert turn.z == 2.0
    assert stay.params[0] == 5.0
    assert (stay.x, stay.y) == (first.x, first.y)
    assert picture.x == 1.0


def test_a_picture_with_the_camera_just_turned_waits_for_it_to_settle() -> None:
    turned = waypoint(gimbal_pitch_deg=-45.0, take_photo=True)
    items = mission_items(sortie(waypoint(), turned))
    assert [item.params[0] for item in items if item.command == 16] == [0.0, 0.0, 0.0, 2.0]


def test_the_camera_looks_down_from_take_off_on_and_not_only_from_the_first_waypoint() -> None:
    down = waypoint(gimbal_pitch_deg=-90.0, take_photo=True)
    items = mission_items(sortie(down, waypoint()))
    assert [item.command for item in items] == [16, 22, 205, 178, 16, 203, 16, 21]
    assert items[2].params[0] == -90.0
    assert commands(waypoint(look_at=(31.21, 121.41), gimbal_pitch_deg=-90.0))[2] == 178


def test_a_hold_with_the_camera_as_it_was_is_one_item() -> None:
    assert commands(waypoint(hold_s=3.0)) == [16, 22, 178, 16, 21]


def test_turning_the_mount_is_the_first_item_behind_its_waypoint() -> None:
    # ArduCopter without pan turns the vehicle to the item's yaw, unless it is done before the
    # next waypoint begins; only the first item behind a waypoint is.
    pair = commands(
        waypoint(look_at=(31.21, 121.41)),
        waypoint(gimbal_pitch_deg=-90.0, photo_spacing_m=20.0),
        waypoint(speed_mps=3.0),
    )
    assert pair == [16, 22, 178, 16, 201, 16, 205, 201, 206, 178, 16, 206, 21]


def test_a_place_that_is_looked_at_is_let_go_and_the_camera_set_again() -> None:
    items = mission_items(
        sortie(
            waypoint(gimbal_pitch_deg=-60.0),
            waypoint(look_at=(31.21, 121.41)),
            waypoint(look_at=(31.21, 121.41)),
            waypoint(),
        )
    )
    looks = [item for item in items if item.command == 201]
    assert [(item.params[0], item.x, item.y) for item in looks] == [
        (3.0, 31.21, 121.41),
        (0.0, 0.0, 0.0),
    ]
    mounts = [item.params[0] for item in items if item.command == 205]
    assert mounts == [-60.0, -60.0]


def test_pictures_by_distance_begin_at_once_and_have_ended_before_the_landing() -> None:
    items = mission_items(sortie(waypoint(photo_spacing_m=15.0), waypoint()))
    spacing = [item.params for item in items if item.command == 206]
    assert spacing == [(15.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 0.0)]


def test_every_waypoint_has_the_number_of_the_item_at_whose_end_it_is_done() -> None:
    flight = sortie(
        waypoint(),
        waypoint(31.202, hold_s=3.0, gimbal_pitch_deg=-20.0, take_photo=True),
        waypoint(31.203),
    )
    items = mission_items(flight)
    done = [items[seq] for seq in waypoint_seqs(flight)]
    assert [(item.command, item.x, item.params[0]) for item in done] == [
        (16, 31.201, 0.0),
        (16, 31.202, 3.0),
        (16, 31.203, 0.0),
    ]


def test_a_hold_that_a_vehicle_cannot_be_told_is_refused() -> None:
    with pytest.raises(MissionFileError, match="hold of 70000 s is longer than the 65535 s"):
        mission_items(sortie(waypoint(hold_s=70_000.0)))


def test_the_one_place_that_cannot_be_looked_at_is_refused() -> None:
    with pytest.raises(MissionFileError, match="to look at 0, 0 means to look at nothing"):
        mission_items(sortie(waypoint(look_at=(0.0, 1e-8))))


def test_which_commands_have_a_place_agrees_with_mavlink() -> None:
    for command, entry in ardupilotmega.enums["MAV_CMD"].items():
        if command < 400 or 5000 <= command < 5200:
            assert has_place(command) == entry.has_location, entry.name


def test_fence_items_carry_their_corners_and_how_many_there_are() -> None:
    square = ((31.0, 121.0), (31.0, 121.1), (31.1, 121.1), (31.1, 121.0))
    items = fence_items(Fence(square, (square[:3],), 100.0))
    assert [item.command for item in items] == [5001] * 4 + [5002] * 3
    assert [item.params[0] for item in items] == [4.0] * 4 + [3.0] * 3
    assert {item.mission_type for item in items} == {MissionType.FENCE}
    assert {item.frame for item in items} == {0}


def test_heights_of_rally_points_are_rounded_up_to_what_a_vehicle_keeps() -> None:
    (item,) = rally_items((RallyPoint(31.0, 121.0, 45.2),))
    assert (item.command, item.frame, item.z) == (5100, 3, 46.0)


@st.composite
def waypoints(draw: st.DrawFn) -> Waypoint:
    place = st.tuples(
        st.floats(-89.0, 89.0, allow_nan=False), st.floats(-179.0, 179.0, allow_nan=False)
    )
    lat_deg, lon_deg = draw(place)
    looks = place.filter(lambda at: any(round(degrees * 1e7) for degrees in at))
    return Waypoint(
        lat_deg,
        lon_deg,
        draw(st.floats(-50.0, 500.0)),
        draw(st.sampled_from(LegKind)),
        draw(st.floats(0.5, 20.0)),
        draw(st.sampled_from((0.0, 1.0, 2.5, 60.0))),
        draw(st.none() | st.floats(-90.0, 30.0)),
        draw(st.none() | looks),
        draw(st.none() | st.just(0.0) | st.floats(1.0, 200.0)),
        draw(st.booleans()),
    )


def read_back(item: MissionItem) -> MissionItem:
    """Return an item as ArduPilot keeps and returns it (``AP_Mission``, 4.1)."""
    x = round(item.x * 1e7) / 1e7 if has_place(item.command) else item.x
    y = round(item.y * 1e7) / 1e7 if has_place(item.command) else item.y
    kept = {16: 1, 22: 1, 178: 3, 203: 4, 205: 3, 206: 1}.get(item.command, 0)
    params = [float(np.float32(v)) if n < kept else 0.0 for n, v in enumerate(item.params)]
    if item.command == 21:
        params[3] = 1.0
    z = int(float(np.float32(item.z)) * 100.0) / 100.0 if has_place(item.command) else 0.0
    frame = item.frame if has_place(item.command) else 0
    p1, p2, p3, p4 = params
    return replace(item, frame=frame, params=(p1, p2, p3, p4), x=x, y=y, z=z, current=False)


@given(st.lists(waypoints(), min_size=1, max_size=8))
def test_what_ardupilot_keeps_of_a_mission_is_the_same_mission(flown: list[Waypoint]) -> None:
    sent = mission_items(sortie(*flown))
    read = [read_back(item) for item in sent]
    read[0] = replace(read[0], x=-35.0, y=149.0, z=584.0)
    assert item_differences(sent, read) == ()
    assert same_items(sent, read)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": 31.20101}, "item 3: the place is 31.2010100, 121.4010000 instead of 31.2010000"),
        ({"z": 60.5}, "item 3: the height is 60.50 m instead of 60.00 m"),
        ({"frame": 0}, "item 3: the height's frame is 0 instead of 3"),
        ({"params": (9.0, 0.0, 0.0, 0.0)}, "item 3: parameter 1 is 9 instead of 3"),
        ({"command": 82}, "item 3: command 16 was sent and 82 came back"),
        ({"seq": 9}, "item 3: item 9 of list mission came back in its place"),
        ({"z": float("nan")}, "item 3: the height is nan m instead of 60.00 m"),
    ],
)
def test_what_came_back_otherwise_is_said(change: dict[str, object], words: str) -> None:
    sent = mission_items(sortie(waypoint(hold_s=3.0)))
    read = list(sent)
    read[3] = replace(read[3], **change)  # type: ignore[arg-type]
    (difference,) = item_differences(sent, read)
    assert difference.startswith(words)
    assert not same_items(sent, read)


def test_a_list_of_another_length_is_not_the_same() -> None:
    sent = mission_items(sortie(waypoint()))
    assert item_differences(sent, sent[:-1]) == ("5 items were sent and 4 came back",)


def test_the_corners_of_a_fence_are_compared_without_a_height() -> None:
    sent = fence_items(Fence(((31.0, 121.0), (31.0, 121.1), (31.1, 121.1)), (), 100.0))
    assert same_items(sent, [replace(item, frame=3, z=5.0) for item in sent])
    moved = [replace(sent[0], y=121.0001), *sent[1:]]
    assert not same_items(sent, moved)


def test_commands_are_those_of_mavlink() -> None:
    names = {
        "NAV_WAYPOINT": 0,
        "NAV_LAND": 0,
        "NAV_TAKEOFF": 0,
        "DO_CHANGE_SPEED": 0,
        "DO_SET_ROI": 0,
        "DO_DIGICAM_CONTROL": 0,
        "DO_MOUNT_CONTROL": 0,
        "DO_SET_CAM_TRIGG_DIST": 0,
    }
    for name in names:
        assert getattr(mission, name) == getattr(ardupilotmega, f"MAV_CMD_{name}")
