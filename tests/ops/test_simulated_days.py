"""Days of a simulated park: a folder that reads as recorded patrols, with truth beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.made_footage import MadeCameras, frames_of
from ops.simulated_days import (
    DaysMade,
    DaysWish,
    SimulatedPark,
    make_days,
    pictures_of,
    simulated_park,
)
from park.errors import RecordingError, SettingsError, SimulationError
from park.patrol_format import read_manifest
from park.records import Frame
from park.site import Site
from sim_data.scenario.truth import read_truth
from sim_data.sight import Sight
from vision.footage import FootageOptions, discover
from vision.footage.patrol import RecordedPatrol
from vision.footage.patrol_check import check_patrol

SCENARIO = """
name: two-days
seed: 5
patrol: {starts: 2026-05-11T10:00:00, lasts: 15 min, days: 2}
stages:
  - {id: fire, type: open_flame, days: 2}
  - {id: red-sheets, type: red_roof, days: 1}
"""
CAMERAS = MadeCameras(width_px=160, height_px=90, thermal=True, fps=0.5)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "two-days.yaml"
    path.write_text(SCENARIO, "utf-8")
    return path


@pytest.fixture(scope="module")
def park(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> SimulatedPark:
    park = simulated_park(_wish(scenario, tmp_path_factory.mktemp("none")))
    (planned,) = park.flights
    flight = planned.flight
    # A quarter of a minute of the survey is enough to look at.
    part = {
        name: getattr(flight, name)[600:731]
        for name in flight.__dataclass_fields__
        if isinstance(getattr(flight, name), np.ndarray)
    }
    return replace(park, flights=(replace(planned, flight=replace(flight, **part)),))


def _wish(scenario: Path, out: Path) -> DaysWish:
    return DaysWish(scenario=str(scenario), out=out, cameras=CAMERAS)


@pytest.fixture(scope="module")
def made(park: SimulatedPark, scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> DaysMade:
    out = tmp_path_factory.mktemp("days") / "out"
    return make_days(_wish(scenario, out), park, lambda folder: None)


def test_each_day_is_a_whole_patrol(made: DaysMade, park: SimulatedPark) -> None:
    assert len(made.folders) == 2
    for folder in made.folders:
        check = check_patrol(str(folder))
        assert check.ok, check.findings
    first, second = (read_manifest(str(folder)) for folder in made.folders)
    assert first.route == second.route == "works-survey"
    apart = second.started_at - first.started_at
    assert abs(apart - timedelta(days=1)) < timedelta(seconds=0.1)
    assert (
        made.pictures
        == pictures_of(park, CAMERAS)
        == 2 * frames_of([park.flights[0].flight], CAMERAS)
    )
    assert first.pose_sigma.horizontal_m == 0.05, "the noise is stated"


def test_frames_have_places_and_temperatures(made: DaysMade) -> None:
    options = FootageOptions(sample_fps=0.5)
    (source,) = discover([str(made.folders[0])], options).sources
    frames = list(RecordedPatrol(source, options).frames())
    kinds = [getattr(frame, "spectrum", None) for frame in frames]
    assert kinds.count("visible") == kinds.count("thermal") >= 3
    assert all(getattr(frame, "view", None) is not None for frame in frames)
    thermal = next(frame for frame in frames if getattr(frame, "spectrum", None) == "thermal")
    celsius = thermal.picture.celsius  # type: ignore[union-attr]
    assert celsius is not None
    assert 0.0 < float(np.nanmedian(celsius)) < 60.0


def test_the_ground_is_the_parks_whatever_is_staged(
    made: DaysMade, park: SimulatedPark, tmp_path: Path
) -> None:
    """A baseline is filmed in another scenario than what is held against it."""
    scenario = tmp_path / "nothing.yaml"
    scenario.write_text(
        "name: nothing\nseed: 9\npatrol: {starts: 2026-05-11T10:00:00, lasts: 15 min}\n", "utf-8"
    )
    wish = _wish(scenario, tmp_path / "out")
    other = replace(simulated_park(_wish(scenario, tmp_path)), flights=park.flights)
    again = make_days(wish, other, lambda folder: None)
    pictures = [_stains(folder) for folder in (made.folders[0], again.folders[0])]
    alike = []
    for one, two in zip(*pictures, strict=True):
        # Kerbs and roofs are the park's anyway; between them is plain ground.
        plain = np.maximum(abs(one), abs(two)) < np.percentile(abs(one), 60.0)
        alike.append(np.corrcoef(one[plain], two[plain])[0, 1])
    assert np.median(alike) > 0.9


def _stains(folder: Path) -> list[np.ndarray]:
    """Return what is dark and bright in the pictures of a patrol at the scale of some metres."""
    options = FootageOptions(sample_fps=0.5)
    (source,) = discover([str(folder)], options).sources
    frames = RecordedPatrol(source, options).frames()
    seen = [f for f in frames if isinstance(f, Frame) and f.spectrum == "visible"]
    greys = [cv2.cvtColor(f.image_bgr, cv2.COLOR_BGR2GRAY).astype(float) for f in seen]
    return [cv2.GaussianBlur(g, (0, 0), 1.0) - cv2.GaussianBlur(g, (0, 0), 8.0) for g in greys]


def test_two_cameras_that_look_at_the_same_time_are_both_looked_through(
    made: DaysMade, tmp_path: Path
) -> None:
    words = [str(made.folders[0]), "--site", str(made.site_path), "--sample-fps", "0.5"]
    words += ["--model", "vehicles", "--model", "thermal", "--warehouse", str(tmp_path / "w")]
    words += ["--report", str(tmp_path / "page.html")]
    done = CliRunner().invoke(app, ["reprocess", *words])
    assert done.exit_code == 0, done.output
    frames = made.pictures // 2
    assert re.search(rf"frames\s+{frames}\b", done.output), done.output
    assert "times go back" not in done.output, "each camera has its own times"
    assert "SIMULATED FOOTAGE" in (tmp_path / "page.html").read_text("utf-8")


def test_the_truth_says_what_was_staged_on_which_day(made: DaysMade) -> None:
    truth = read_truth(made.out)
    rows = {row.truth_id.partition("@")[0]: row for row in truth.rows}
    assert rows["fire"].must_fire
    assert not rows["red-sheets"].must_fire
    assert rows["fire"].first_time - rows["red-sheets"].first_time > timedelta(hours=20)
    times = {one.time for one in truth.positions}
    assert times, "nobody was in view in a minute of a working day"
    starts = read_manifest(str(made.folders[0])).started_at
    assert min(times) >= starts - timedelta(seconds=1)
    assert Site.load(made.site_path).id == json.loads(made.truth[1].read_text("utf-8"))["site"]


def test_the_same_wish_gives_the_same_bytes(
    made: DaysMade, park: SimulatedPark, scenario: Path, tmp_path: Path
) -> None:
    one_day = replace(park, scenario=replace(park.scenario, days=1))
    again = make_days(_wish(scenario, tmp_path / "again"), one_day, lambda folder: None)
    (folder,) = again.folders
    names = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert {"manifest.json", "telemetry.parquet", "rgb-00001.mp4", "thermal-00001.mkv"} <= {*names}
    for path in folder.rglob("*"):
        if path.is_file():
            twin = made.folders[0] / path.relative_to(folder)
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_telemetry_is_of_the_format_and_fast_enough(made: DaysMade) -> None:
    table = pq.read_table(made.folders[0] / "telemetry.parquet")
    assert table.num_rows == 131
    assert set(table["gimbal_pitch_deg"].is_valid().to_pylist()) == {True}


def test_several_routes_are_flown_one_after_the_other_and_chance_is_kept_to_their_view(
    tmp_path: Path,
) -> None:
    wish = DaysWish(scenario="clear-day", out=tmp_path, cameras=CAMERAS, routes=("assets", "roads"))
    anywhere, seen = simulated_park(wish), simulated_park(replace(wish, in_view=True))
    first, second = (one.flight for one in seen.flights)
    assert [one.route_id for one in seen.flights] == ["assets", "roads"]
    assert second.start >= first.start + timedelta(seconds=first.duration_s)
    assert first.start == seen.scenario.patrol_starts(1)
    assert seen.scenario.lasts_s >= (second.start - first.start).total_seconds()
    sight = Sight(seen.world.frame, (first, second), CAMERAS.listed(0.0)[0].intrinsics())

    def in_view(park: SimulatedPark) -> int:
        return sum(
            sight.area(one.occurrence.begins, one.occurrence.ends).covers(
                one.staging.extent.centroid
            )
            for one in park.scenario.staged
        )

    assert in_view(seen) >= 24 > in_view(anywhere)
    assert len(seen.scenario.staged) == len(anywhere.scenario.staged) == 26


def test_what_cannot_be_made_is_refused(scenario: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", "utf-8")
    with pytest.raises(SettingsError, match="not an empty folder"):
        make_days(_wish(scenario, tmp_path), None, lambda folder: None)  # type: ignore[arg-type]
    with pytest.raises(SimulationError, match="no such scenario file"):
        simulated_park(DaysWish(scenario="no-such", out=tmp_path))
    with pytest.raises(RecordingError, match="needs a camera"):
        MadeCameras(rgb=False)
    with pytest.raises(RecordingError, match="161 pixels"):
        MadeCameras(width_px=161)
