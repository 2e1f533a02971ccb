"""Running again, adding footage, removing what was wrong: what the tables then hold."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from park.schemas import SCHEMAS
from pipelines.tables import Warehouse
from sim_data.aerial import DemoTruth

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., dict[str, list[dict[str, Any]]]]
FolderOf = Callable[..., Path]

MORNING, NOON = (1, 5), (7, 11)
"""One photo of the fire lane and one of the tank yard, in each pass."""


PICTURE = ("evidence_uri", "best_detection_id", "model_id")
"""What says which sighting is shown: one of the footage at hand, so of the newest run."""


def without(rows: list[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    kept = [{k: v for k, v in row.items() if k not in columns} for row in rows]
    return sorted(kept, key=lambda row: json.dumps(row, default=str))


def snapshots(warehouse: Path) -> dict[str, int]:
    with Warehouse.open(warehouse, create=False) as opened:
        return {name: len(opened.history(name)) for name in SCHEMAS}


@pytest.fixture
def reprocess(drawn: DemoTruth, parkwatch: Run, tmp_path: Path) -> Run:
    """Reprocess into one warehouse with the drawn site, and expect it to end well."""

    def run(*sources: Path, site: Path | None = None, more: tuple[object, ...] = ()) -> Any:
        done = parkwatch(
            "reprocess", *sources, "--site", site or drawn.site_path,
            "--warehouse", tmp_path / "w", *more,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_a_rerun_gives_the_same_rows_and_commits_nothing(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING + NOON)
    reprocess(footage)
    first, states = rows(tmp_path / "w"), snapshots(tmp_path / "w")
    again = reprocess(footage)
    assert "nothing to change" in again.stdout
    assert rows(tmp_path / "w") == first
    assert snapshots(tmp_path / "w") == states
    assert len(first["incidents"]) == 3


def test_the_same_folder_named_otherwise_is_the_same_source(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING)
    reprocess(footage)
    first = rows(tmp_path / "w")
    folder_of("footage", [6])
    # The working folder is the test's own, so this is a relative path to the same place.
    reprocess(Path("footage") / ".." / "footage")
    after = rows(tmp_path / "w")
    assert [p["frames"] for p in after["patrols"]] == [3]
    assert [p["source_uri"] for p in after["patrols"]] == [str(footage)]
    assert len(after["detections"]) > len(first["detections"])


def test_the_state_before_can_be_read(
    reprocess: Run, parkwatch: Run, folder_of: FolderOf, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING + NOON)
    reprocess(footage, more=("--confidence", "0.99"))
    between = datetime.now(UTC)
    time.sleep(0.05)
    reprocess(footage)

    def count(*more: object) -> str:
        said = parkwatch("sql", "SELECT count(*) AS n FROM incidents", "--format", "csv",
                         "--warehouse", tmp_path / "w", *more)  # fmt: skip
        return str(said.stdout.split()[1])

    assert count() == "3"
    assert count("--as-of", between.isoformat()) == "0"
    listed = parkwatch("history", "incidents", "--warehouse", tmp_path / "w")
    # The empty beginning, perhaps the run that found nothing, and the run that found three.
    assert len(listed.stdout.strip().splitlines()) >= 3
    too_early = parkwatch("incidents", "--as-of", "2020-01-01", "--warehouse", tmp_path / "w")
    assert (too_early.returncode, too_early.stdout) == (2, "")
    assert "there was no warehouse yet" in too_early.stderr


def test_later_footage_of_the_day_extends_dwell_and_leaves_earlier_rows(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    morning, noon = folder_of("morning", MORNING), folder_of("noon", NOON)
    reprocess(morning)
    before = rows(tmp_path / "w")
    assert [(i["zone_id"], i["dwell_s"]) for i in before["incidents"]] == [("tank-yard", 0.0)]
    reprocess(noon)
    after = rows(tmp_path / "w")
    (of_morning,) = [p["patrol_id"] for p in before["patrols"]]
    kept = [d for d in after["detections"] if d["patrol_id"] == of_morning]
    # Which thing they show may change its name as more of the day is known, nothing else does.
    assert without(kept, "object_id") == without(before["detections"], "object_id")
    dwell_s = {i["zone_id"]: i["dwell_s"] for i in after["incidents"]}
    assert dwell_s == pytest.approx({"tank-yard": 1200.0, "fire-lane": 1200.0})
    with_pictures = [i for i in after["incidents"] if i["evidence_uri"]]
    assert len(with_pictures) == len(after["incidents"])


def test_the_order_in_which_footage_comes_changes_no_incident(
    reprocess: Run, parkwatch: Run, drawn: DemoTruth, folder_of: FolderOf, rows: Rows,
    tmp_path: Path,
) -> None:  # fmt: skip
    morning = folder_of("morning", MORNING)
    noon = folder_of("noon", NOON, rename="another name {}.jpeg")
    reprocess(noon)
    reprocess(morning)
    one_by_one = without(rows(tmp_path / "w")["incidents"], *PICTURE)
    for name, sources in (("together", (morning, noon)), ("turned", (noon, morning))):
        said = parkwatch("reprocess", *sources, "--site", drawn.site_path,
                         "--warehouse", tmp_path / name)  # fmt: skip
        assert said.returncode == 0
        assert without(rows(tmp_path / name)["incidents"], *PICTURE) == one_by_one
    assert len(one_by_one) == 3


def test_every_incident_has_a_picture_whichever_footage_came_first(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    reprocess(folder_of("noon", NOON))
    shutil.rmtree(tmp_path / "noon")
    reprocess(folder_of("morning", MORNING))
    incidents = rows(tmp_path / "w")["incidents"]
    assert len(incidents) == 3
    for incident in incidents:
        with Image.open(incident["evidence_uri"]) as picture:
            assert picture.format == "JPEG"
            assert picture.getexif()


def test_things_keep_one_name_in_all_rows_of_the_day(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    reprocess(folder_of("noon", NOON))
    reprocess(folder_of("morning", MORNING))
    tables = rows(tmp_path / "w")
    for incident in tables["incidents"]:
        of_it = [d for d in tables["detections"] if d["object_id"] in incident["object_ids"]]
        assert len(of_it) == incident["observations"]


def test_a_photo_more_replaces_the_rows_of_its_folder(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    reprocess(folder_of("footage", MORNING))
    reprocess(folder_of("footage", NOON))
    tables = rows(tmp_path / "w")
    assert [p["frames"] for p in tables["patrols"]] == [4]
    ids = [d["detection_id"] for d in tables["detections"]]
    assert len(ids) == len(set(ids))
    assert {d["patrol_id"] for d in tables["detections"]} == {tables["patrols"][0]["patrol_id"]}


def test_a_photo_in_two_folders_is_seen_once(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    reprocess(folder_of("first", MORNING + NOON))
    once = rows(tmp_path / "w")["incidents"]
    reprocess(folder_of("copy", (*MORNING, NOON[1])))
    twice = rows(tmp_path / "w")["incidents"]
    assert [i["observations"] for i in twice] == [i["observations"] for i in once]


def test_two_sites_in_one_warehouse_leave_each_other_alone(
    reprocess: Run, drawn: DemoTruth, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING)
    other = json.loads(drawn.site_path.read_text("utf-8"))
    other["features"][0]["properties"]["id"] = "other-park"
    other_file = tmp_path / "other.geojson"
    other_file.write_text(json.dumps(other), "utf-8")
    reprocess(footage)
    mine = rows(tmp_path / "w")
    reprocess(footage, site=other_file)
    assert rows(tmp_path / "w", site="drawn-park") == mine
    reprocess(footage, site=other_file, more=("--confidence", "0.99"))
    assert rows(tmp_path / "w", site="drawn-park") == mine
    assert rows(tmp_path / "w", "incidents", site="other-park") == {"incidents": []}


def test_a_model_that_sees_nothing_clears_the_day(
    reprocess: Run, folder_of: FolderOf, rows: Rows, blind_model: Path, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING)
    reprocess(footage)
    assert rows(tmp_path / "w", "incidents")["incidents"]
    reprocess(footage, more=("--model", blind_model))
    tables = rows(tmp_path / "w")
    assert [tables[n] for n in ("detections", "incidents", "daily_incidents")] == [[], [], []]
    assert [(p["frames"], p["detections"]) for p in tables["patrols"]] == [(2, 0)]


def test_footage_that_left_takes_its_rows_along_when_its_folder_is_read_again(
    reprocess: Run, folder_of: FolderOf, rows: Rows, tmp_path: Path
) -> None:
    footage = folder_of("footage", MORNING)
    reprocess(footage)
    shutil.rmtree(footage)
    reprocess(folder_of("footage", [6]))
    tables = rows(tmp_path / "w")
    assert {Path(d["source_uri"]).name for d in tables["detections"]} == {"SIM_0006.JPG"}
    assert tables["incidents"] == []
