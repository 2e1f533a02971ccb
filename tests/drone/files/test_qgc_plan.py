"""QGroundControl's .plan files."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.files.plan_file import PlanFile, plan_file_of
from drone.files.qgc_plan import read_qgc_plan, write_qgc_plan
from drone.mission import fence_items, rally_items
from drone.records import Fence, RallyPoint
from park.errors import MissionFileError
from park.mission_item import MissionItem
from tests.drone.files.sorties import numbers, places, plan_of, survey_sortie


def plan(**changes: Any) -> dict[str, Any]:
    mission = {
        "cruiseSpeed": 15,
        "firmwareType": 3,
        "hoverSpeed": 5,
        "items": [],
        "plannedHomePosition": [31.2, 121.4, 12.5],
        "vehicleType": 2,
        "version": 2,
    }
    return {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": mission,
        "geoFence": {"circles": [], "polygons": [], "version": 2},
        "rallyPoints": {"points": [], "version": 2},
        **changes,
    }


def with_items(*items: object) -> dict[str, Any]:
    made = plan()
    made["mission"]["items"] = list(items)
    return made


def simple(command: int = 16, *params: float | None, **more: object) -> dict[str, Any]:
    values = list(params) or [0, 0, 0, None, 31.2, 121.4, 50]
    return {
        "type": "SimpleItem",
        "command": command,
        "frame": 3,
        "params": values,
        "autoContinue": True,
        **more,
    }


def read(data: object) -> PlanFile:
    return read_qgc_plan(json.dumps(data).encode())


@st.composite
def plan_files(draw: st.DrawFn) -> PlanFile:
    items = []
    for seq in range(draw(st.integers(1, 6))):
        lat, lon = draw(places())
        home = seq == 0
        zeros = st.just((0.0, 0.0, 0.0, 0.0))
        items.append(
            MissionItem(
                seq,
                0 if home else draw(st.sampled_from((0, 2, 3, 10))),
                16 if home else draw(st.sampled_from((16, 22, 21, 178, 203, 201, 115, 4000))),
                draw(zeros if home else st.tuples(numbers, numbers, numbers, numbers)),
                *(lat, lon, draw(numbers)),
                current=home,
                autocontinue=home or draw(st.booleans()),
            )
        )
    outline = st.lists(places(), min_size=3, max_size=6).map(tuple)
    fence: tuple[MissionItem, ...] = ()
    if draw(st.booleans()):
        shape = Fence(draw(outline), draw(st.lists(outline, max_size=2).map(tuple)), 100.0)
        fence = fence_items(shape)
    rally = rally_items(
        [RallyPoint(*draw(places()), draw(st.floats(0.0, 500.0))) for _ in range(2)]
    )
    return PlanFile(tuple(items), fence, rally)


@given(plan_files())
def test_a_plan_comes_back_as_it_was_written(written: PlanFile) -> None:
    assert read_qgc_plan(write_qgc_plan(written)) == written


def test_a_planned_sortie_comes_back_with_fence_and_rally_points() -> None:
    sortie = survey_sortie()
    written = plan_file_of(plan_of(sortie), sortie)
    assert written.fence
    assert written.rally
    assert read_qgc_plan(write_qgc_plan(written)) == written


def test_the_same_plan_gives_the_same_bytes() -> None:
    sortie = survey_sortie()
    once, again = (write_qgc_plan(plan_file_of(plan_of(sortie), sortie)) for _ in range(2))
    assert once == again


def test_a_written_plan_has_what_qgroundcontrol_asks_for() -> None:
    sortie = survey_sortie()
    data = json.loads(write_qgc_plan(plan_file_of(plan_of(sortie), sortie)))
    assert (data["fileType"], data["version"]) == ("Plan", 1)
    mission = data["mission"]
    assert (mission["version"], mission["firmwareType"], mission["vehicleType"]) == (2, 3, 2)
    assert mission["plannedHomePosition"] == [31.2, 121.4, 12.5]
    assert [item["doJumpId"] for item in mission["items"]] == list(
        range(1, len(mission["items"]) + 1)
    )
    assert all(len(item["params"]) == 7 for item in mission["items"])
    waypoint = next(item for item in mission["items"] if item["command"] == 16)
    assert (waypoint["AltitudeMode"], waypoint["Altitude"]) == (1, 60.0)
    first, second = data["geoFence"]["polygons"]
    assert (first["inclusion"], len(first["polygon"])) == (True, 4)
    assert (second["inclusion"], len(second["polygon"])) == (False, 3)
    assert data["rallyPoints"]["points"] == [[31.205, 121.395, 60.0]]


def test_circles_and_the_return_point_come_back() -> None:
    fence = {
        "circles": [{"circle": {"center": [1, 2], "radius": 30}, "inclusion": True, "version": 1}],
        "polygons": [],
        "breachReturn": [1.5, 2.5, 20],
        "version": 2,
    }
    held = read(plan(geoFence=fence))
    assert [item.command for item in held.fence] == [5000, 5003]
    assert held.fence[1].params[0] == 30.0
    assert read_qgc_plan(write_qgc_plan(held)) == held


def test_a_missing_value_is_not_a_number() -> None:
    item = read(with_items(simple())).mission[1]
    assert math.isnan(item.params[3])


def test_the_items_within_a_survey_are_taken_and_said() -> None:
    survey = {
        "type": "ComplexItem",
        "complexItemType": "survey",
        "TransectStyleComplexItem": {
            "Items": [simple(16, doJumpId=2), simple(206, 25, 0, 1, 0, 0, 0, 0, doJumpId=3)]
        },
    }
    jump = simple(177, 3, 2, 0, 0, 0, 0, 0, doJumpId=4)
    held = read(with_items(simple(22, doJumpId=1), survey, jump))
    assert [item.command for item in held.mission] == [16, 22, 16, 206, 177]
    assert held.mission[4].params[:2] == (3.0, 2.0)
    assert held.notes == ("item 2, survey: taken as the 2 simple items within it",)


def test_jumps_follow_the_items_that_they_name() -> None:
    held = read(
        with_items(simple(22, doJumpId=7), simple(doJumpId=9), simple(177, 9, -1, 0, 0, 0, 0, 0))
    )
    assert held.mission[3].params[:2] == (2.0, -1.0)


def bad(change: str) -> object:
    """Return a plan with one thing wrong."""
    made = with_items(simple())
    item, mission = made["mission"]["items"][0], made["mission"]
    changes: dict[str, Any] = {
        "type": lambda: made.update(fileType="Parameters"),
        "version": lambda: made.update(version=2),
        "mission": lambda: made.pop("mission"),
        "mission version": lambda: mission.update(version=1),
        "home": lambda: mission.update(plannedHomePosition=[1]),
        "home place": lambda: mission.update(plannedHomePosition=[121.4, 31.2, 0]),
        "params": lambda: item.update(params=[1, 2]),
        "text": lambda: item["params"].__setitem__(4, "north"),
        "place": lambda: item["params"].__setitem__(4, 95.0),
        "command": lambda: item.update(command="16"),
        "frame": lambda: item.update(frame=None),
        "huge": lambda: item["params"].__setitem__(0, 10**400),
        "unknown": lambda: item.update(type="MagicItem"),
        "structure": lambda: item.update(type="ComplexItem", complexItemType="StructureScan"),
        "items": lambda: mission.update(items={"a": 1}),
        "fence version": lambda: made.update(geoFence={"version": 1}),
        "corners": lambda: made["geoFence"].update(
            polygons=[{"inclusion": True, "polygon": [[1, 2], [1, 3]], "version": 1}]
        ),
        "radius": lambda: made["geoFence"].update(
            circles=[{"circle": {"center": [1, 2], "radius": 0}, "version": 1}]
        ),
        "rally": lambda: made["rallyPoints"].update(points=[[1, "x", 2]]),
    }
    changes[change]()
    return made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("type", 'not a plan of QGroundControl: "fileType" is not "Plan"'),
        ("version", "the file has version 2; only 1 is read"),
        ("mission", '"mission" is missing or is no object'),
        ("mission version", "the mission has version 1; only 2 is read"),
        ("home", "plannedHomePosition is not a list of 2 or 3 numbers"),
        ("home place", r"plannedHomePosition: \(121.4, 31.2\) is no place on Earth"),
        ("params", 'item 1: "params" is not a list of 7 numbers'),
        ("text", 'item 1: "params": "north" is not a number'),
        ("place", r"item 1: \(95, 121.4\) is no place on Earth"),
        ("command", 'item 1: "command" is "16", not a whole number'),
        ("frame", 'item 1: "frame" is null, not a whole number'),
        ("huge", 'item 1: "params": a number is too large'),
        ("unknown", 'item 1: type "MagicItem" is not known'),
        ("structure", 'item 1: a "StructureScan" that does not carry its waypoints'),
        ("items", "the mission's items is no list"),
        ("fence version", "the fence has version 1; only 2 is read"),
        ("corners", "fence polygon 1: 2 corners; an outline needs three"),
        ("radius", "fence circle 1: a radius of 0 m is not above zero"),
        ("rally", 'rally point 1: "x" is not a number'),
    ],
)
def test_a_bad_plan_is_refused_with_its_item(change: str, message: str) -> None:
    with pytest.raises(MissionFileError, match=message):
        read(bad(change))


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(MissionFileError, match="not JSON"):
        read_qgc_plan(b'{"fileType": ')
    with pytest.raises(MissionFileError, match="not JSON"):
        read_qgc_plan(b"[" * 100_000)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.sampled_from(("mission", "geoFence", "rallyPoints", "items", "params", "polygons")),
    json_values,
)
def test_whatever_stands_in_a_plan_it_is_read_or_refused(where: str, value: object) -> None:
    made = with_items(simple())
    if where in made:
        made[where] = value
    elif where == "items":
        made["mission"]["items"] = value
    elif where == "params":
        made["mission"]["items"][0]["params"] = value
    else:
        made["geoFence"]["polygons"] = value
    with suppress(MissionFileError):
        assert isinstance(read(made), PlanFile)


def test_lists_have_to_be_numbered_without_gaps() -> None:
    with pytest.raises(MissionFileError, match="item 1 of the mission list stands where item 0"):
        PlanFile(mission=(MissionItem(1, 0, 16),))
    with pytest.raises(MissionFileError, match="item 0 of the fence list belongs to the mission"):
        PlanFile(fence=(MissionItem(0, 0, 5001),))
