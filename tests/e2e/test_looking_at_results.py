"""What the commands that read say, and what a site file drawn around footage holds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.site_footprint import footprint_of
from sim_data.aerial import DemoTruth

Run = Callable[..., subprocess.CompletedProcess[str]]
FolderOf = Callable[..., Path]


@pytest.fixture(scope="module")
def warehouse(drawn: DemoTruth, parkwatch: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    photo = drawn.footage_dir / "SIM_0005.JPG"
    said = parkwatch("reprocess", photo, "--site", drawn.site_path, "--warehouse", folder / "w")
    assert said.returncode == 0, said.stderr
    return folder / "w"


def test_incidents_are_listed_for_people_and_for_programs(parkwatch: Run, warehouse: Path) -> None:
    people = parkwatch("incidents", "--warehouse", warehouse, "--time-zone", "Asia/Shanghai")
    assert "车辆进入禁行区或消防通道 Vehicle in forbidden zone" in people.stdout
    assert "11:20:32" in people.stdout
    programs = parkwatch("incidents", "--warehouse", warehouse, "--format", "json")
    (row,) = json.loads(programs.stdout)
    assert row["zone_id"] == "tank-yard"
    none = parkwatch("incidents", "--warehouse", warehouse, "--domain", "environment")
    assert "0 incidents" in none.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sql", "selec"), "syntax error"),
        (("sql", "SELECT * FROM nope"), "There are the tables detections, incidents"),
        (("sql", "DROP TABLE incidents"), "the tables can only be read"),
        (("incidents", "--domain", "traffic"), "none of work_safety, environment, road_traffic"),
        (("incidents", "--day", "16.9.2026"), "does not match"),
        (("incidents", "--as-of", "yesterday"), "write it as 2026-05-01T14:30:00+08:00"),
        (("incidents", "--time-zone", "Mars/Base"), "is not an IANA time zone"),
        (("history", "nope"), "there is no table nope; there are detections"),
        (("report", "page.html"), "give --site FILE"),
    ],
)
def test_a_wrong_question_ends_with_a_sentence(
    parkwatch: Run, warehouse: Path, arguments: tuple[str, ...], message: str
) -> None:
    said = parkwatch(*arguments, "--warehouse", warehouse)
    assert said.returncode == 2
    assert message in " ".join(said.stderr.split())
    assert said.stdout == ""


def test_there_is_nothing_to_read_where_no_run_was(parkwatch: Run, tmp_path: Path) -> None:
    for command in (("sql", "SELECT 1"), ("incidents",), ("history", "patrols")):
        said = parkwatch(*command, "--warehouse", tmp_path / "nowhere")
        assert said.returncode == 2
        assert "there is no warehouse here yet; `parkwatch reprocess` makes one" in said.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_report_of_another_site_is_refused_and_one_of_this_site_is_whole(
    drawn: DemoTruth, parkwatch: Run, warehouse: Path, tmp_path: Path
) -> None:
    other = json.loads(drawn.site_path.read_text("utf-8"))
    other["features"][0]["properties"]["id"] = "other-park"
    (tmp_path / "other.geojson").write_text(json.dumps(other), "utf-8")
    page = tmp_path / "page.html"
    refused = parkwatch("report", page, "--site", "other.geojson", "--warehouse", warehouse)
    assert refused.returncode == 2
    assert "the tables have nothing of site 'other-park'" in refused.stderr
    assert not page.exists()
    made = parkwatch("report", page, "--site", drawn.site_path, "--warehouse", warehouse)
    assert made.returncode == 0
    assert "data:image/jpeg;base64," in page.read_text("utf-8")


def test_a_day_that_nobody_looked_at_is_not_a_day_without_incidents(
    drawn: DemoTruth, parkwatch: Run, warehouse: Path, tmp_path: Path
) -> None:
    nothing = "nothing was looked at on 2026-09-17; there is footage of 2026-09-16"
    listed = parkwatch("incidents", "--warehouse", warehouse, "--day", "2026-09-17")
    assert listed.returncode == 0
    assert "0 incidents" in listed.stdout
    assert nothing in listed.stderr
    looked = parkwatch(
        "incidents", "--warehouse", warehouse, "--day", "2026-09-16", "--domain", "environment"
    )
    assert "0 incidents" in looked.stdout
    assert looked.stderr == ""
    page = tmp_path / "page.html"
    given = ("--site", drawn.site_path, "--warehouse", warehouse)
    refused = parkwatch("report", page, *given, "--day", "2026-09-16", "--day", "2026-09-17")
    assert refused.returncode == 2
    assert nothing in refused.stderr
    assert not page.exists()
    assert parkwatch("report", page, *given, "--day", "2026-09-16").returncode == 0


def test_footage_list_tells_what_would_be_read(
    drawn: DemoTruth, parkwatch: Run, tmp_path: Path
) -> None:
    listed = parkwatch("footage", "list", drawn.footage_dir)
    assert listed.returncode == 0
    assert listed.stdout.split()[:5] == ["photos", "12", "files", "12", "frames"]
    (tmp_path / "empty").mkdir()
    nothing = parkwatch("footage", "list", "empty")
    assert nothing.returncode == 2
    assert "no footage that can be used was found in empty" in nothing.stderr


def test_a_site_drawn_around_footage_can_be_used_for_it(
    parkwatch: Run, folder_of: FolderOf, tmp_path: Path
) -> None:
    footage = folder_of("footage", [1, 5])
    drawn_site = parkwatch("sites", "init", footage, "--id", "new-park")
    assert drawn_site.returncode == 0
    (tmp_path / "new.geojson").write_text(drawn_site.stdout, "utf-8")
    checked = parkwatch("sites", "check", "new.geojson")
    assert checked.returncode == 0
    assert "new.geojson can be used" in checked.stdout
    assert "Asia/" in checked.stdout
    used = parkwatch("reprocess", footage, "--site", "new.geojson", "--warehouse", "w")
    assert used.returncode == 0


def test_a_footprint_surrounds_the_camera_and_names_what_it_could_not_use(
    drawn: DemoTruth, folder_of: FolderOf
) -> None:
    footage = folder_of("footage", [5])
    (footage / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    points, refused = footprint_of([str(footage)])
    pose = drawn.photos[4].pose
    lats, lons = zip(*points, strict=True)
    assert min(lats) < pose.lat_deg < max(lats)
    assert min(lons) < pose.lon_deg < max(lons)
    assert [Path(r.source_uri).name for r in refused] == ["torn.jpg"]


def test_no_site_is_drawn_around_nothing(parkwatch: Run, tmp_path: Path) -> None:
    said: Any = parkwatch("sites", "init", tmp_path / "nowhere")
    assert (said.returncode, said.stdout) == (2, "")
    assert "so no site can be drawn around it" in said.stderr
