"""Missions, fences and rally points of real projects load, or are refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from drone.files import read_plan_file, read_wpl, write_qgc_plan, write_wpl
from drone.files.plan_file import PlanFile
from drone.files.qgc_plan import read_qgc_plan
from park.errors import MissionFileError
from park.mission_item import MissionItem

REFUSED = {
    "weathervane_mission.txt": "line 5: item 4 stands where item 3 belongs",
    "flight.tlog": "is no text; not a list of items",
    "capture.mav2.battery_status.tlog": "is no text; not a list of items",
    "test.BIN": "is no text; not a list of items",
}
NOT_PLANS = ("COPYING", "COPYING.txt", "LICENSE", "LICENSE.txt")

HELD = {
    # Items of mission, fence and rally points, by file.
    "Kingaroy-vlarge.txt": (529, 0, 0),
    "Dalby-OBC2016.txt": (35, 0, 0),
    "Dalby-OBC2016-fence.txt": (0, 17, 0),
    "CMAC-copter-navtest.txt": (21, 0, 0),
    "copter_mission.txt": (13, 0, 0),
    "copter-avoidance-fence.txt": (0, 4, 0),
    "rover-path-planning-fence.txt": (0, 24, 0),
    "rover-test-rally.txt": (0, 0, 2),
    "fence-110.txt": (0, 10, 0),
    "fence.txt": (0, 5, 0),
    "mpmission.txt": (7, 0, 0),
    "example-mission.plan": (6, 0, 2),
    "ce_geofence_rd_2.plan": (1, 8, 0),
}


@pytest.fixture(scope="module")
def real_files(shared_data: Path) -> list[Path]:
    files = [path for path in sorted((shared_data / "mavlink").rglob("*")) if path.is_file()]
    return [path for path in files if path.name not in NOT_PLANS]


def test_every_real_file_loads_or_is_in_the_table_of_refusals(real_files: list[Path]) -> None:
    loaded: dict[str, PlanFile] = {}
    refused: dict[str, str] = {}
    for path in real_files:
        try:
            loaded[path.name] = read_plan_file(path)
        except MissionFileError as error:
            refused[path.name] = str(error)
    assert len(loaded) + len(refused) == len(real_files)
    assert set(refused) == set(REFUSED)
    for name, reason in REFUSED.items():
        assert reason in refused[name]
        assert name in refused[name]
    counts = {name: (len(p.mission), len(p.fence), len(p.rally)) for name, p in loaded.items()}
    assert {name: counts[name] for name in HELD} == HELD
    assert all(sum(count) for count in counts.values())


def test_every_real_list_is_the_same_after_writing_and_reading(real_files: list[Path]) -> None:
    for path in real_files:
        if path.name in REFUSED:
            continue
        plan = read_plan_file(path)
        again = read_qgc_plan(write_qgc_plan(plan))
        for items, returned in (
            (plan.mission, again.mission),
            (plan.fence, again.fence),
            (plan.rally, again.rally),
        ):
            # Compared as text: what is not a number does not equal itself.
            assert write_wpl(read_of(write_wpl(items))) == write_wpl(items), path.name
            if items or items is not plan.mission:  # A plan without a mission gets a home.
                assert places_of(items) == places_of(returned), path.name


def read_of(content: bytes) -> tuple[MissionItem, ...]:
    held = read_wpl(content)
    return held.mission or held.fence or held.rally


def places_of(items: Sequence[MissionItem]) -> list[str]:
    """Return what a .plan keeps of each item; home's frame and who is current it does not."""
    return [
        f"{i.command} {i.params} {i.x} {i.y}" + (f" {i.z}" if i.command != 5100 else "")
        for i in items
    ]
