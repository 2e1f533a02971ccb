"""`parkwatch plan`: figures, files, pictures and refusals, as its first user meets them."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image

from drone.files import read_plan_file

SITE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "harbour-works.geojson"
PURPOSES = ("perimeter", "area", "corridor", "points", "orbit", "look")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def plan(parkwatch: Run) -> Run:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return parkwatch("plan", *arguments, "--site", SITE)

    return run


def said(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert result.returncode == 0, result.stderr
    read: dict[str, Any] = json.loads(result.stdout)
    return read


@pytest.mark.parametrize(
    "words",
    [
        ["perimeter"],
        ["area", "--zone", "north-field"],
        ["corridor", "--along", "roads"],
        ["points", "tank-1,tank-2"],
        ["orbit", "stack", "--altitudes", "75"],
        ["look", "30.604,122.612"],
        ["fence-round"],
        ["north-yard"],
        ["roads"],
        ["pipes"],
        ["assets"],
        ["stack-round"],
        ["east-corner"],
    ],
    ids=" ".join,
)
def test_every_purpose_and_every_route_of_the_example_is_planned(
    plan: Run, words: list[str]
) -> None:
    figures = said(plan(*words, "--json"))
    assert figures["purpose"] in PURPOSES
    assert figures["length_m"] > 0.0
    assert figures["sorties"]
    assert all(sortie["left"] >= 0.25 for sortie in figures["sorties"])
    assert figures["energy_wh"] == pytest.approx(sum(s["energy_wh"] for s in figures["sorties"]))


def test_the_figures_are_printed_for_people(plan: Run) -> None:
    result = plan("whole-park")
    assert result.returncode == 0
    for line in (
        r"plan         whole-park \(area\) at harbour-works, every leg and way home checked",
        r"length       \d+ m, \d+ m with the camera at work",
        r"time         \d+:\d\d in \d sorties",
        r"photos       \d+",
        r"resolution   5.5 cm of ground per pixel",
        r"coverage     9\d\.\d % of the area asked for",
        r"lower bound  \d+ m; flown 1\.\d+ times",
        r"energy       \d+ Wh; at least \d+ % of the battery left, 25 % asked for",
        r"sortie +from +length m +time +energy Wh +left % +photos +waypoints",
        r" +2 +dock-1 ",
        r"assumed      no wind",
    ):
        assert re.search(f"^{line}", result.stdout, re.MULTILINE), line


def test_a_plan_of_one_sortie_is_written_in_every_format(plan: Run, tmp_path: Path) -> None:
    names = ("a.plan", "a.waypoints", "a.txt", "a.kmz", "a.geojson", "a.png", "a.svg")
    outs = [word for name in names[:5] for word in ("--out", tmp_path / name)]
    figures = said(plan("stack-round", *outs, "--picture", tmp_path / "a.png", "--json"))
    assert plan("stack-round", "--picture", tmp_path / "a.svg").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert {Path(name).name for name in figures["files"]} == set(names[:6])
    whole = read_plan_file(tmp_path / "a.plan")
    assert read_plan_file(tmp_path / "a.waypoints").mission == whole.mission
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "a.waypoints").read_bytes()
    assert whole.fence
    with zipfile.ZipFile(tmp_path / "a.kmz") as archive:
        assert archive.namelist() == ["wpmz/template.kml", "wpmz/waylines.wpml"]
    kinds = [f["properties"]["kind"] for f in json.loads((tmp_path / "a.geojson").read_text())[
        "features"
    ]]  # fmt: skip
    assert kinds[:3] == ["sortie", "home", "fence"]
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] == 1200


def test_rally_points_go_into_a_plan_and_what_cannot_hold_them_is_refused(
    plan: Run, tmp_path: Path
) -> None:
    figures = said(plan("fence-round", "--out", tmp_path / "a.plan", "--json"))
    assert len(read_plan_file(tmp_path / "a.plan").rally) == len(figures["sorties"][0]["rally"]) > 0
    result = plan("fence-round", "--out", tmp_path / "b.plan", "--out", tmp_path / "b.kmz")
    assert result.returncode == 2
    assert re.search(r"sortie 1 needs \d rally points, .* a DJI aircraft knows none", result.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["a.plan"]


def test_several_sorties_are_numbered_files_and_old_ones_are_named(
    plan: Run, tmp_path: Path
) -> None:
    (tmp_path / "park-99.plan").write_text("of an earlier plan")
    result = plan("whole-park", "--out", tmp_path / "park.plan", "--out", tmp_path / "p.geojson")
    assert result.returncode == 0
    features = json.loads((tmp_path / "p.geojson").read_text())["features"]
    sorties = [f["properties"] for f in features if f["properties"]["kind"] == "sortie"]
    assert len(sorties) > 1
    numbers = {f"park-{sortie['number']}.plan" for sortie in sorties}
    assert {p.name for p in tmp_path.iterdir()} == {"p.geojson", "park-99.plan", *numbers}
    assert "park-99.plan is of an earlier plan with other sorties; remove it" in result.stderr
    assert "park-1.plan is" not in result.stderr
    again = plan("fence-round", "--out", tmp_path / "park.plan")
    assert "park-1.plan is of an earlier plan" in again.stderr


def test_a_place_with_negative_degrees_is_a_place(plan: Run) -> None:
    result = plan("look", "-35.3632,149.1652")
    assert result.returncode == 2
    assert "No such option" not in result.stderr
    assert "boundary" in result.stderr or "outside" in result.stderr


def test_options_of_the_purpose_are_taken(plan: Run) -> None:
    coarse = said(plan("area", "north-field", "--gsd", 4, "--json"))
    fine = said(plan("area", "north-field", "--alt-agl", 40, "--side-overlap", 0.6, "--json"))
    assert coarse["gsd_cm"][0] == pytest.approx(4.0, abs=0.01)
    assert fine["survey_length_m"] > 1.5 * coarse["survey_length_m"]
    assert fine["photos"] > coarse["photos"]
    tilted = said(plan("perimeter", "--gimbal-pitch", -45, "--speed", 5, "--inward", 40, "--json"))
    assert tilted["survey_length_m"] < said(plan("perimeter", "--json"))["survey_length_m"]


def test_wind_battery_and_reserve_decide_how_much_is_left(plan: Run) -> None:
    calm = said(plan("fence-round", "--json"))
    windy = said(plan("fence-round", "--wind", "8,270", "--json"))
    assert windy["energy_wh"] > calm["energy_wh"]
    assert not any(text == "no wind" for text in windy["assumptions"])
    small = said(plan("whole-park", "--battery", 150, "--reserve", 0.4, "--json"))
    assert len(small["sorties"]) > 2
    assert all(sortie["left"] >= 0.4 for sortie in small["sorties"])


def test_a_polygon_from_a_file_is_flown(plan: Run, tmp_path: Path) -> None:
    corners = "122.604,30.601 122.608,30.601 122.608,30.603 122.604,30.603 122.604,30.601"
    drawn = tmp_path / "field.kml"
    drawn.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><Polygon><outerBoundaryIs>'
        f"<LinearRing><coordinates>{corners}</coordinates></LinearRing></outerBoundaryIs>"
        "</Polygon></Placemark></kml>"
    )
    figures = said(plan("area", "--polygon", drawn, "--json"))
    # 383 by 222 m.
    assert 1000.0 < figures["survey_length_m"] < 4000.0
    assert figures["coverage"] > 0.9
    result = plan("area", "--polygon", SITE.parent / "missing.kml")
    assert result.returncode == 2
    assert "missing.kml: cannot be read" in result.stderr


def test_heights_follow_an_elevation_model(plan: Run, tmp_path: Path) -> None:
    model = tmp_path / "ground.tif"
    # Rises by 30 m from the west edge to the east edge.
    rows = np.tile(np.linspace(0.0, 30.0, 80, dtype=np.float32), (60, 1))
    with rasterio.open(
        model,
        "w",
        driver="GTiff",
        width=80,
        height=60,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=rasterio.Affine(0.00025, 0.0, 122.598, 0.0, -0.00025, 30.612),
    ) as file:
        file.write(rows, 1)
    out = tmp_path / "a.plan"
    figures = said(plan("fence-round", "--terrain", model, "--out", out, "--json"))
    assert any("elevation model" in text for text in figures["assumptions"])
    heights = [item.z for item in read_plan_file(out).mission if item.command == 16][1:]
    assert max(heights) - min(heights) > 15.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["look", "30.65,122.60"], "it is 4563 m outside site 'harbour-works'"),
        (["area", "north-field", "--alt-agl", 130], "alt_agl_m"),
        (["area", "north-field", "--alt-agl", 20, "--gsd", 3], "give one of them"),
        (["nowhere"], "'nowhere' is neither a route of site 'harbour-works'"),
        (["perimeter", "--turns", 2], "option 'turns' is not known to perimeter"),
        (["perimeter", "--dock", "dock-9"], "has no dock 'dock-9'; its docks are: dock-1"),
        (["perimeter", "--wind", "strong"], '--wind "strong": write speed and where it comes from'),
        (["perimeter", "--wind", "5,400"], '--wind "5,400": write speed'),
        (["perimeter", "--wind", "30,90"], "wind"),
        (["perimeter", "--battery", "-5"], "--battery, --reserve, --hover-power: battery_wh -5.0"),
        (["whole-park", "--battery", "12"], "battery"),
        (["perimeter", "--out", "plan.doc"], "--out plan.doc: the name has to end in .plan"),
        (["perimeter", "--out", "no/such/a.plan"], "there is no folder no/such"),
        (["perimeter", "--picture", "a.gif"], "--picture a.gif: the name has to end in .png or"),
        (["perimeter", "--out", "a.plan", "--out", "a.plan"], "a.plan is named twice"),
        (["perimeter", "--dji", "m9"], "--dji m9: known are m30, m30t"),
        (["perimeter", "--terrain", "none.tif"], "none.tif"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_what_cannot_be_planned_is_refused_with_a_reason_and_nothing_is_written(
    plan: Run, tmp_path: Path, words: list[object], message: str
) -> None:
    out = [] if "--out" in words else ["--out", tmp_path / "a.plan"]
    result = plan(*words, *out)
    assert result.returncode == 2
    assert message in result.stderr.replace("\n", " ")
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_breaks_a_rule_names_leg_rule_and_by_how_much(
    plan: Run, tmp_path: Path
) -> None:
    # Under the approach sector, from which the way home is flown too high.
    result = plan("area", "--alt-agl", 40, "--out", tmp_path / "a.plan")
    assert result.returncode == 2
    assert re.search(
        r"sortie \d+, leg \d+ \(way home\): in a no-fly area or too close to it "
        r"\(no-fly area approach\) by \d+\.\d m at 30\.\d+, 122\.\d+; stay \d+\.\d m further "
        r"away or fly \d+\.\d m lower",
        result.stderr,
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_replaced_leaves_nothing_half_written(
    plan: Run, tmp_path: Path
) -> None:
    (tmp_path / "a.plan").mkdir()
    result = plan("perimeter", "--out", tmp_path / "a.plan")
    assert result.returncode == 2
    assert "a.plan: cannot be written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.plan"]
