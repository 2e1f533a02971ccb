"""Small records of a run: written by many workers, read back as one, in an order of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from park.records import PatrolSummary, Reject
from pipelines.look import SourceSeen
from pipelines.staging import (
    StageRejects,
    StageSources,
    run_folder,
    staged_rejects,
    staged_sources,
)

WHOLE = PatrolSummary(
    patrol_id="p", kind="photos", source_uri="folder",
    first_time=datetime(2026, 5, 1, 9, tzinfo=UTC), last_time=datetime(2026, 5, 1, 10, tzinfo=UTC),
    frames=3, rejected=1, detections=7, assumptions=("b",),
)  # fmt: skip
EMPTY = replace(
    WHOLE, first_time=None, last_time=None, frames=0, rejected=2, detections=0, assumptions=("a",)
)


def test_parts_of_one_patrol_are_joined_whatever_order_they_came_in(tmp_path: Path) -> None:
    parts = [
        SourceSeen(EMPTY, (), {"too small": 1}),
        SourceSeen(WHOLE, ((1.0, 2.0),), {"too small": 2, "too large": 1}),
    ]
    results = []
    for name, order in (("one", parts), ("two", parts[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        for part in order:
            assert [Path(f).parent for f in StageSources(str(folder)).process(part)] == [folder]
        results.append(staged_sources(folder))
    assert results[0] == results[1]
    (joined,) = results[0]
    assert joined.summary == replace(WHOLE, rejected=3, assumptions=("a", "b"))
    assert joined.footprint == ((1.0, 2.0),)
    assert joined.dropped == {"too small": 3, "too large": 1}


def test_rejects_come_back_by_patrol_and_in_order(tmp_path: Path) -> None:
    rejects = [Reject("b.jpg", "footage", "torn"), Reject("a.jpg", "footage", "empty")]
    for reject in rejects:
        list(StageRejects(str(tmp_path)).process(("p", reject)))
    list(StageRejects(str(tmp_path)).process(("o", rejects[0])))
    assert staged_rejects(tmp_path) == {"o": [rejects[0]], "p": rejects[::-1]}
    assert list(staged_rejects(tmp_path)) == ["o", "p"]


def test_a_run_folder_goes_with_its_run() -> None:
    with run_folder() as folder:
        (folder / "detections.parquet").write_bytes(b"rows")
        assert folder.is_dir()
    assert not folder.exists()
