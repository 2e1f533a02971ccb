"""`parkwatch accuracy`: pooling, shares of few things, results kept, the page, what changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ops.accuracy import Accuracy, AccuracyWish, NotMeasured, measure
from ops.accuracy_change import Change, changes, read_figures
from ops.accuracy_models import ClassFigures, LabelledSet, ModelFigures, labelled_sets
from ops.accuracy_page import as_json, page, told
from ops.accuracy_photos import PHOTOS, PhotoFigures
from ops.accuracy_pooling import Share, pool
from ops.accuracy_results import Results, digest_of_folder, key_of
from ops.accuracy_scenarios import ROUTES, RunFigures, RunWish, wished_runs
from ops.app import App
from ops.cli import app as command_line
from park.errors import SettingsError
from sim_data.score import match_incidents, score_matching
from tests.sim_data.score.reports import incident, row

FACTS: dict[str, Any] = {"weights": "abc", "seed": 1}


def score_of(found: Sequence[str], *, in_view: Sequence[str], offset_m: float = 1.0) -> Any:
    """Return the JSON of a score: two parked cars and steam; `found` are what is reported."""
    rows = [
        row("car-1", "illegal_parking", 0.0),
        row("car-2", "illegal_parking", 50.0),
        row("steam", "steam", 100.0),
    ]
    reports = {
        "car-1": incident("a", "illegal_parking", offset_m, first_s=60, last_s=300),
        "car-2": incident("b", "illegal_parking", 50.0 + offset_m, first_s=60, last_s=300),
        "steam": incident("c", "smoke", 100.0, first_s=60, last_s=300),
    }
    matching = match_incidents([reports[name] for name in found], rows)
    score = score_matching(matching, in_view=in_view).to_json()
    return json.loads(json.dumps(score | {"detection_errors": [[0.4, 0.5], [0.9, 0.5]]}))


def figures_of(weather: str, scenario: str, score: Any, seed: int = 1) -> RunFigures:
    air = {"visibility_m": 30000, "cloud_share": 0.1, "wind_mps": 3, "air_c": 22}
    about = {"description": "by hand", "starts": "10:00", "weather": air}
    wish = RunWish(weather, scenario, seed, ("assets",))
    return RunFigures(wish, seed, about, ("vehicles@0123456789ab",), 40, score)


def measured(ap50: float = 0.9) -> Accuracy:
    shown = LabelledSet("vehicles", "vehicles_aerial", "", ("DJI_0762*",), "scenes not trained on")
    cars = ClassFigures("vehicle", 100, 95, 110, ap50, 0.45)
    every = replace(cars, name="all")
    photos = PhotoFigures("scene-flame@1", PHOTOS[0], Share(8, 10), Share(1, 20))
    score = score_of(["car-1", "steam"], in_view=["car-2"])
    return Accuracy(
        AccuracyWish(Path("labelled"), Path("work")),
        [ModelFigures(shown, "vehicles@0123456789ab", 28, (cars,), every)],
        [photos],
        [figures_of("clear", "clear-day", score)],
        [NotMeasured("model thermal on thermal_people_vehicles", "no folder of that name")],
        ("scenario hazy",),
    )


def test_counts_of_several_seeds_are_put_together() -> None:
    first = score_of(["car-1"], in_view=["car-2"], offset_m=0.5)
    second = score_of(["car-1", "car-2", "steam"], in_view=[], offset_m=1.5)
    pooled = pool([first, second])
    parked, smoke = pooled.types
    assert (parked.type, parked.staged, parked.in_view) == ("illegal_parking", 4, 4)
    assert (parked.right, parked.missed, parked.false) == (3, 1, 0)
    assert parked.place_median_m == pytest.approx(1.5, abs=0.01)
    assert parked.dwell_error_median_s == pytest.approx(240.0 - 600.0)
    assert (smoke.type, smoke.right, smoke.false) == ("smoke", 0, 1)
    assert pooled.total.recall == Share(3, 4)
    assert pooled.total.precision == Share(3, 4)
    assert pooled.look_alikes == {"steam": Share(1, 2)}
    assert pooled.causes == {"look_alike": 1}
    assert (len(pooled.detections), pooled.detections_within) == (4, 2)


def test_what_no_picture_shows_is_no_miss() -> None:
    (parked,) = pool([score_of(["car-1"], in_view=[])]).types
    assert (parked.staged, parked.in_view, parked.missed) == (2, 1, 0)
    assert parked.recall == Share(1, 1)


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, 1998, Statistics in Medicine 17, table I: 81 of 263 and 0 of 20.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_a_share_of_nothing_is_no_share() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval, told(Share(0, 0))) == (None, None, "-")


@given(st.integers(1, 5000), st.data())
def test_an_interval_holds_its_share_and_nothing_impossible(of: int, data: st.DataObject) -> None:
    share = Share(data.draw(st.integers(0, of)), of)
    assert share.value is not None
    assert share.interval is not None
    low, high = share.interval
    assert 0.0 <= low <= share.value <= high <= 1.0


@given(st.integers(1, 500), st.integers(2, 10), st.data())
def test_more_things_make_a_share_surer(of: int, times: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    few, many = Share(hits, of).interval, Share(hits * times, of * times).interval
    assert few is not None
    assert many is not None
    assert many[1] - many[0] < few[1] - few[0]


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    Results(tmp_path).put("model", FACTS, {"ap50": 0.9})
    assert Results(tmp_path).get("model", dict(reversed(FACTS.items()))) == {"ap50": 0.9}


@pytest.mark.parametrize("changed", [{"weights": "abd"}, {"seed": 2}, {"more": None}])
def test_other_facts_are_measured_anew(tmp_path: Path, changed: dict[str, Any]) -> None:
    Results(tmp_path).put("model", FACTS, {"ap50": 0.9})
    assert Results(tmp_path).get("model", FACTS | changed) is None
    assert Results(tmp_path).get("photos", FACTS) is None
    assert key_of(FACTS) != key_of(FACTS | changed)


def test_half_a_result_does_not_count(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.put("model", FACTS, {"ap50": 0.9})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    assert results.get("model", FACTS) is None


def test_a_folder_that_was_begun_is_emptied_and_one_that_is_finished_is_kept(
    tmp_path: Path,
) -> None:
    results = Results(tmp_path)
    folder, filled = results.folder_for("footage", FACTS)
    assert not filled
    folder.mkdir()
    (folder / "half").write_text("a picture")
    del results
    again, filled = Results(tmp_path).folder_for("footage", FACTS)
    assert (again, filled, folder.exists()) == (folder, False, False)
    results = Results(tmp_path)
    results.folder_for("footage", FACTS)
    folder.mkdir()
    results.filled(folder, FACTS | {"frames": 7})
    assert Results(tmp_path).folder_for("footage", FACTS) == (folder, True)
    assert results.filled_facts(folder)["frames"] == 7


def test_a_folder_that_another_run_fills_is_left_to_it(tmp_path: Path) -> None:
    """It was emptied under the other's hands, who then said that it was filled."""
    one, other = Results(tmp_path), Results(tmp_path)
    folder, _ = one.folder_for("footage", FACTS)
    folder.mkdir()
    with pytest.raises(SettingsError, match=r"another run is filling .*give this one another"):
        other.folder_for("footage", FACTS)
    assert folder.exists()
    assert other.folder_for("footage", FACTS | {"seed": 9})[1] is False
    one.filled(folder, FACTS)
    assert other.folder_for("footage", FACTS) == (folder, True)


def test_a_run_that_broke_off_keeps_no_folder(tmp_path: Path) -> None:
    one = Results(tmp_path)
    folder, _ = one.folder_for("footage", FACTS)
    folder.mkdir()
    assert one.folder_for("footage", FACTS) == (folder, False), "its own, begun anew"
    del one
    assert Results(tmp_path).folder_for("footage", FACTS) == (folder, False)


def test_fresh_results_are_measured_once_and_not_again_in_the_same_run(tmp_path: Path) -> None:
    Results(tmp_path).put("model", FACTS, {"ap50": 0.1})
    results = Results(tmp_path, fresh=True)
    assert results.get("model", FACTS) is None
    results.put("model", FACTS, {"ap50": 0.9})
    assert results.get("model", FACTS) == {"ap50": 0.9}


def test_a_work_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot keep results in"):
        Results(tmp_path / "file" / "work")


def test_other_pictures_in_a_folder_are_other_data(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    before = digest_of_folder(tmp_path)
    assert digest_of_folder(tmp_path) == before
    (tmp_path / "b.txt").write_text("")
    assert digest_of_folder(tmp_path) != before


def test_vehicles_are_measured_on_the_scenes_that_the_recipe_keeps_for_it() -> None:
    (vehicles,) = labelled_sets("vehicles")
    assert vehicles.only
    assert not any("0760" in pattern for pattern in vehicles.only)
    assert labelled_sets("something-new")[0].folder == "something-new"


def test_each_scenario_is_run_with_its_own_seed_and_with_others() -> None:
    runs = wished_runs(["hazy", "dusk"], 2)
    assert [(run.weather, run.seed) for run in runs] == [
        ("haze", 2), ("haze", 1002), ("dusk", 5), ("dusk", 1005)
    ]  # fmt: skip


def test_the_fence_is_flown_along_and_counts_as_clear_weather() -> None:
    day, fence = wished_runs(["clear-day", "clear-fence"], 1)
    assert (day.weather, fence.weather) == ("clear", "clear")
    assert (day.routes, fence.routes) == (ROUTES, ("perimeter",))
    asked = wished_runs(["clear-fence"], 1, RunWish("", "", routes=("roads",)))
    assert asked[0].routes == ("roads",)
    named = wished_runs(["clear-fence"], 1, RunWish("", "", routes=ROUTES))
    assert named[0].routes == ROUTES, "as asked for, though most are flown along these anyway"


def test_the_night_is_seen_by_heat_alone() -> None:
    night, haze = RunWish("night", "night-thermal").cameras(), RunWish("haze", "hazy").cameras()
    assert (night.rgb, night.thermal) == (False, True)
    assert (haze.rgb, haze.thermal) == (True, False)
    clear = RunWish("clear", "clear-day")
    assert clear.cameras().thermal
    assert not replace(clear, heat_by_day=False).cameras().thermal


def test_the_page_has_every_detector_and_type_with_its_counts() -> None:
    text = page(measured(), "parkwatch accuracy --data labelled --out docs/accuracy.md")
    assert "parkwatch accuracy --data labelled --out docs/accuracy.md" in text
    assert "| `vehicles@0123456789ab` | 28, scenes not trained on | vehicle | 100 | 0.900 |" in text
    assert "| 0.95 (0.89 to 0.98) | 0.45 |" in text
    assert "- vehicles: AP50 0.900, the aim is 0.85: reached." in text
    assert "| `scene-flame@1` | fire and smoke, validation | 10 with, 20 without |" in text
    assert "| illegal_parking | 2 | 2 | 1 | 1 | 0 | 1.00 (0.21 to 1.00) |" in text
    assert "| smoke | 0 | 0 | 0 | 0 | 1 | 0.00 (0.00 to 0.79) | - | - | - |" in text
    assert "- **Not reached** by 2: illegal_parking, smoke." in text
    assert "| steam | 1 of 1 | 1 of 1 |" in text
    assert "- model thermal on thermal_people_vehicles: no folder of that name" in text
    assert "- scenario hazy: not asked for" in text
    assert "- scenario clear-day: not asked for" not in text


def test_heads_are_looked_at_from_low_above_by_the_model_that_knows_hats() -> None:
    day, low = wished_runs(["clear-day", "clear-low"], 1)
    assert (low.weather, low.routes, low.alt_agl_m) == ("clear", ("hard-hats",), 15.0)
    assert (day.models, low.models) == ((), ("site-safety",))


def test_stacks_and_whole_yards_are_looked_at_from_above_them() -> None:
    day, high, stacks = wished_runs(["clear-day", "clear-high", "clear-stacks"], 1)
    assert [run.weather for run in (day, high, stacks)] == ["clear"] * 3
    assert [run.alt_agl_m for run in (day, high, stacks)] == [45.0, 110.0, 90.0]
    assert (stacks.routes, dict(stacks.options)["classes"]) == (("points",), ["stack"])
    (asked,) = wished_runs(["clear-high"], 1, RunWish("", "", routes=(), alt_agl_m=60.0))
    assert asked.alt_agl_m == 60.0
    (elsewhere,) = wished_runs(["clear-stacks"], 1, RunWish("", "", routes=("roads",)))
    assert (elsewhere.routes, elsewhere.options) == (("roads",), ())


def test_scenarios_of_one_weather_are_counted_together_and_told_apart() -> None:
    found = measured()
    fence = figures_of("clear", "clear-fence", score_of(["car-2"], in_view=["car-2"]))
    found.runs.append(replace(fence, wish=replace(fence.wish, routes=("perimeter",))))
    high = figures_of("clear", "clear-high", score_of(["car-2"], in_view=["car-2"]))
    high_up = replace(high.wish, routes=("points",), alt_agl_m=90.0, options=(("dwell_s", 20),))
    found.runs.append(replace(high, wish=high_up))
    text = page(found, "parkwatch")
    assert "Scenario `clear-day`, seed 1, 40 pictures; from 10:00" in text
    assert "Scenario `clear-fence`, seed 1, 40 pictures, along `perimeter`; from 10:00" in text
    assert "Scenario `clear-high`, seed 1, 40 pictures, along `points` (dwell_s" in text
    assert "| illegal_parking | 6 | " in text
    assert text.count("### Clear") == 1


def test_an_aim_that_is_missed_is_said() -> None:
    assert "AP50 0.700, the aim is 0.85: **not reached**." in page(measured(0.7), "parkwatch")


def test_weathers_stand_side_by_side_for_look_alikes() -> None:
    found = measured()
    found.runs.append(figures_of("haze", "hazy", score_of([], in_view=[])))
    assert "| steam | 1 of 1 | 0 of 1 | 1 of 2 |" in page(found, "parkwatch")


def test_a_table_survives_every_text() -> None:
    found = measured()
    found.missing.append(NotMeasured("a | b", "two\nlines"))
    assert "- a \\| b: two lines" in page(found, "parkwatch")


def test_figures_can_be_compared_with_those_of_before(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(json.dumps(as_json(measured(0.8))), "utf-8")
    changed = changes(read_figures(path), as_json(measured(0.9)))
    name = "vehicles on vehicles_aerial"
    assert changed == (
        Change(f"{name}: vehicle AP50", 0.8, 0.9),
        Change(f"{name}: all AP50", 0.8, 0.9),
    )
    assert changed[0].told == "+0.100"
    assert changes(read_figures(path), as_json(measured(0.8))) == ()


def test_what_is_not_measured_this_time_has_not_changed() -> None:
    before, now = as_json(measured()), as_json(measured())
    now["models"] = []
    assert changes(before, now) == ()


def test_a_file_that_holds_no_figures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(SettingsError, match="is not what `parkwatch accuracy --json FILE` writes"):
        read_figures(tmp_path / "other.json")
    with pytest.raises(SettingsError, match="cannot read"):
        read_figures(tmp_path / "none.json")


def test_data_that_is_not_there_is_stated_and_the_rest_goes_on(tmp_path: Path) -> None:
    wish = AccuracyWish(tmp_path, tmp_path / "work", only=("models", "photos"))
    steps: list[str] = []
    found = measure(App.start(), wish, lambda number, of, what: steps.append(f"{number} of {of}"))
    assert len(found.missing) == len(steps) > 5
    assert steps[-1] == f"{len(steps)} of {len(steps)}"
    assert "no folder vehicles_aerial in the data" in {one.why for one in found.missing}
    assert "scenario dusk" in found.not_asked_for
    assert not any(what.startswith(("model", "fire")) for what in found.not_asked_for)


def test_the_command_says_what_was_not_measured(tmp_path: Path) -> None:
    out = tmp_path / "accuracy.md"
    words = ["accuracy", "--only", "litter", "--out", str(out), "--work", str(tmp_path / "work")]
    result = CliRunner().invoke(command_line, words)
    assert result.exit_code == 3
    said = " ".join(out.read_text("utf-8").split())
    assert "name their folder with --data" in said


def test_a_name_that_nothing_bears_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    wish = AccuracyWish(tmp_path, tmp_path / "work", only=("vehicels",))
    with pytest.raises(SettingsError, match=r"--only vehicels: .*vehicles.*dusk"):
        measure(App.start(), wish)
