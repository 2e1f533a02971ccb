"""`make demo` on a short piece of road: flown, recorded, processed, scored and shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.demo import STARTS
from park.patrol_format import read_manifest
from park.site import Site


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The demo with as little road as it takes, in place of an earlier one."""
    out = tmp_path_factory.mktemp("demo") / "demo-out"
    out.mkdir()
    (out / ".parkwatch-demo").write_text("an earlier one", "utf-8")
    (out / "report.html").write_text("an earlier one", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from ops.cli import main; main()", "demo", "--length", "100"],
        cwd=out.parent,
        env={k: v for k, v in os.environ.items() if k != "PARKWATCH_WAREHOUSE"},
        capture_output=True,
        text=True,
        timeout=840,
    )
    return done, out


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_demo_ends_well_with_incidents_a_score_and_where_things_are(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = demo
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    (count,) = re.findall(r"^(\d+) incidents$", done.stdout, re.M)
    assert int(count) >= 1
    assert "明火 Open flame" in done.stdout
    assert re.search(r"^ all  +\d+  +\d+  +[1-9]", done.stdout, re.M), "nothing right in the score"
    last = [line.split() for line in done.stdout.splitlines()[-7:]]
    assert [words[0] for words in last] == [
        "footage", "site", "truth", "score", "tables", "parkwatch", "page",
    ]  # fmt: skip
    for words in last:
        if words[0] not in ("parkwatch", "page"):
            assert (out.parent / words[1].rstrip(",:")).exists(), words
    assert Path(last[-1][1]) == out / "report.html"


def test_the_page_shows_the_flown_path_and_evidence_and_says_that_it_is_simulated(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    _, out = demo
    page = (out / "report.html").read_text("utf-8")
    (found,) = re.findall(r'<script type="application/json" id="flights">(.*?)</script>', page)
    (flight,) = json.loads(found)
    assert len(flight["x"]) == len(flight["y"]) > 50
    assert max(flight["x"]) - min(flight["x"]) + max(flight["y"]) - min(flight["y"]) > 80.0
    assert "data:image/jpeg;base64," in page
    assert "SIMULATED FOOTAGE" in page


def test_the_whole_way_is_recorded_on_the_day_of_the_demo(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = demo
    (folder,) = [path.parent for path in (out / "footage").rglob("manifest.json")]
    manifest = read_manifest(str(folder))
    zone = Site.load(out / "site.geojson").time_zone
    assert manifest.started_at.astimezone(zone).date() == STARTS.date()
    assert "could not be drawn in time" not in done.stderr


def test_it_says_all_along_what_it_is_at_and_what_became_of_the_demo_before(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = demo
    first, *lines = done.stderr.splitlines()
    assert first.startswith("demo-out holds the demo of ")
    assert "this one takes its place" in first
    steps = [line for line in lines if line.startswith("[")]
    assert [line[:5] for line in steps] == [f"[{n}/6]" for n in range(1, 7)]
    for counted in ("16 of 16 things", "pictures", "on route: waypoint", "frames"):
        assert any(counted in line for line in lines), counted
