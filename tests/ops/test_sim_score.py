"""`parkwatch sim score` says how well tables fit the truth about simulated footage."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ops.commands.sim import app
from ops.store import open_store
from park.errors import SimulationError, WarehouseError
from park.geotag import GeoTag, write_geotagged_jpeg
from park.records import Incident, PatrolSummary
from park.rows import (
    Redaction,
    RunStamp,
    daily_to_table,
    incidents_to_table,
    observations_to_batch,
    patrols_to_table,
    rejects_to_table,
)
from pipelines.tables import RunTables, Warehouse
from sim_data.scenario.truth import Truth, write_truth
from tests.sim_data.score.reports import FRAME, START, at, incident, position, row

SITE = "test-park"


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Return the truth: three parked cars, a fire, steam; the far car is in no picture."""
    rows = (
        row("car-1", "illegal_parking", 0.0),
        row("car-2", "illegal_parking", 12.0),
        row("far", "illegal_parking", 5000.0),
        row("fire", "open_flame", -10.0, 5.0),
        row("steam", "steam", 10.0, 10.0),
    )
    ends = START + timedelta(seconds=600)
    patrols = [{"day": 1, "starts": START.isoformat(), "ends": ends.isoformat()}]
    about = {"scenario": "by hand", "site": SITE, "patrols": patrols}
    positions = (position("car-1", 0.0, 0.0, 60.0), position("car-2", 12.0, 0.0, 60.0))
    write_truth(tmp_path / "patrol", Truth(rows, about, positions))
    return tmp_path / "patrol"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Return tables: the first car found, the second missed, the steam taken for smoke."""
    day_later = 86_400
    incidents = [
        incident("a", "illegal_parking", 0.8, first_s=60, last_s=300),
        incident("b", "smoke", 10.0, 11.0, first_s=61, last_s=90),
        incident("tomorrow", "smoke", 0.0, first_s=day_later, last_s=day_later + 60),
    ]
    fill(tmp_path / "w", incidents)
    return tmp_path / "w"


def fill(folder: Path, incidents: list[Incident], site: str = SITE) -> None:
    stamp = RunStamp(site, "run-1", UTC, START)
    days = frozenset(stamp.day_of(one.first_seen) for one in incidents)
    summary = PatrolSummary("p", "photos", "footage", START, START, 1, 0, len(incidents))
    tables = RunTables(
        site_id=site,
        run_id=stamp.run_id,
        days=days | {START.date()},
        patrol_ids=frozenset({"p"}),
        detections=[observations_to_batch([one.best for one in incidents], stamp)],
        incidents=incidents_to_table(
            incidents, stamp, {one.incident_id: Redaction() for one in incidents}
        ),
        daily_incidents=daily_to_table([], stamp),
        patrols=patrols_to_table([summary], stamp),
        rejects=rejects_to_table({}, stamp),
    )
    with Warehouse.open(str(folder), create=True) as opened:
        opened.commit_run(tables, opened.snapshot())


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Return two photos from 60 m straight above the place."""
    folder = tmp_path / "footage"
    folder.mkdir()
    lat_deg, lon_deg = FRAME.to_lat_lon(0.0, 0.0)
    ground = np.random.default_rng(1).integers(80, 160, (450, 600, 3), dtype=np.uint8)
    for number in range(2):
        tag = GeoTag(
            time=at(59.0 + number),
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            alt_amsl_m=60.0,
            alt_home_m=60.0,
            gimbal_yaw_deg=0.0,
            gimbal_pitch_deg=-90.0,
            gimbal_roll_deg=0.0,
            focal_mm=6.7,
            focal_35mm=24,
        )
        write_geotagged_jpeg(folder / f"{number}.jpg", ground, tag)
    return folder


def score(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def told(*arguments: object) -> Any:
    done = score(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_score_is_printed_for_people(warehouse: Path, truth: Path) -> None:
    done = score(warehouse, truth)
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "scenario by hand, simulated" in lines
    assert "illegal_parking 3 1 1 100% 33% 0.80 m 0.80 m 100% -360 s 60 s" in lines
    assert "all 4 2 1 50% 25% 0.80 m 0.80 m 100% -360 s 60 s" in lines
    assert "look-alike steam: 1 of 1 reported" in lines
    assert "confusion steam -> smoke: 1" in lines
    assert "confusion illegal_parking -> not reported: 2" in lines
    assert any(line.startswith("places of incidents 1: median 0.80 m") for line in lines)
    (places,) = [line for line in lines if line.startswith("places of detections 1: median 0.80 m")]
    assert places.endswith("within 1 sigma: too few to judge by")


def test_the_score_is_json_with_every_match_miss_and_false_alarm(
    warehouse: Path, truth: Path
) -> None:
    score = told(warehouse, truth)
    assert score["about"]["scenario"] == "by hand"
    assert score["total"]["precision"] == 0.5
    assert [one["truth_id"] for one in score["matches"]] == ["car-1"]
    assert [one["truth_id"] for one in score["missed"]] == ["car-2", "far", "fire"]
    assert [one["incident_id"] for one in score["false_alarms"]] == ["b"], (
        "what was reported on another day is not of this truth"
    )


def test_footage_tells_what_no_picture_shows(warehouse: Path, truth: Path, footage: Path) -> None:
    score = told(warehouse, truth, "--footage", footage)
    assert {one["truth_id"]: one["in_view"] for one in score["missed"]} == {
        "car-2": True,
        "far": False,
        "fire": True,
    }
    assert score["total"]["recall_in_view"] == pytest.approx(1 / 3)


def test_pictures_of_misses_and_false_alarms_are_cut_from_the_footage(
    warehouse: Path, truth: Path, footage: Path, tmp_path: Path
) -> None:
    done = score(warehouse, truth, "--footage", footage, "--pictures", tmp_path / "out")
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "false-smoke-b.jpg",
        "miss-illegal_parking-car-2.jpg",
        "miss-open_flame-fire.jpg",
    ]
    for name in names:
        picture = cv2.imread(str(tmp_path / "out" / name))
        assert picture is not None
        assert min(picture.shape[:2]) >= 200
    assert "no picture shows the miss far" in done.stderr
    assert "3 pictures in" in done.stderr


def test_without_footage_a_false_alarm_is_shown_by_its_evidence_picture(
    warehouse: Path, truth: Path, tmp_path: Path
) -> None:
    store = open_store(str(tmp_path / "w2"), {})
    uri = store.write("evidence/b.jpg", b"a picture", media_type="image/jpeg")
    fill(tmp_path / "w2", [replace(incident("b", "smoke", 300.0), evidence_uri=uri)])
    done = score(tmp_path / "w2", truth, "--pictures", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "false-smoke-b.jpg").read_bytes() == b"a picture"


def test_what_is_wrong_is_said(warehouse: Path, truth: Path, tmp_path: Path) -> None:
    fill(tmp_path / "other", [incident("a", "smoke")], site="elsewhere")
    wrong = score(tmp_path / "other", truth).exception
    assert isinstance(wrong, WarehouseError)
    assert "nothing of site 'test-park', which the truth is about; they are of elsewhere" in str(
        wrong
    )
    wrong = score(warehouse, tmp_path / "nowhere").exception
    assert isinstance(wrong, SimulationError)
    assert "there is no truth here" in str(wrong)
    wrong = score(warehouse, truth, "--footage", tmp_path / "patrol").exception
    assert isinstance(wrong, SimulationError)
    assert "no footage that can be used was found" in str(wrong)


def test_wider_slack_forgives_more(warehouse: Path, truth: Path) -> None:
    assert told(warehouse, truth, "--slack", 20)["total"]["matched"] == 1
    assert told(warehouse, truth, "--slack", 0)["total"]["matched"] == 1
