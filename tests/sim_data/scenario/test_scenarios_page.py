"""docs/scenarios.md says what can be staged, and no more."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from sim_data.scenario import Scenario
from sim_data.scenario.file import PatrolPart, PlacePart, ScenarioPart, StagePart
from sim_data.scenario.kinds import STAGE_KINDS
from sim_data.scenario.places import KIND_WORDS, PlaceKind
from sim_data.scenario.records import MISTAKEN_FOR, LookAlike, TruthRow
from tests.sim_data.scenario.small_park import small_park

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "scenarios.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells of a table's rows by their first, which is a name in backquotes."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in cells}


def test_every_type_is_listed_with_its_sizes_counts_variants_and_places() -> None:
    listed = rows("Incidents")
    assert list(listed) == [kind.type for kind in STAGE_KINDS.values() if kind.must_fire]
    for type_id, (sizes, _, count, variants, places) in listed.items():
        kind = STAGE_KINDS[type_id]
        has_size = kind.limits_m != (1.0, 1.0)
        assert sizes == (" / ".join(f"{s:g}" for s in kind.sizes_m) if has_size else "-")
        assert count == (f"{kind.count[0]} (to {kind.count[1]})" if kind.count else "")
        assert variants == ", ".join(f"`{name}`" for name in kind.variants)
        assert places.removesuffix(", or free ground").split(", ") == list(kind.places)
        assert places.endswith("or free ground") is not kind.bound


def test_every_look_alike_is_listed_with_what_it_must_not_be_taken_for() -> None:
    listed = rows("Look-alikes")
    assert set(listed) == set(LookAlike)
    for name, cells in listed.items():
        assert re.findall(r"`(\w+)`", cells[0]) == list(MISTAKEN_FOR[LookAlike(name)])


def test_every_kind_of_place_is_listed() -> None:
    assert {name: cells[0] for name, cells in rows("Kinds of places").items()} == {
        kind.value: KIND_WORDS[kind] for kind in PlaceKind
    }


def test_every_column_of_the_truth_is_listed() -> None:
    listed = {name for key in rows("Truth") for name in re.findall(r"\w+", key)}
    assert listed == {one.name for one in fields(TruthRow)}


def test_every_key_of_the_file_is_listed() -> None:
    part = PAGE.split("## The file")[1].split("## Incidents")[0]
    named = set(re.findall(r"`([\w.]+)`", part)) | set(re.findall(r"(\w+):", part))
    keys = {*ScenarioPart.model_fields, *StagePart.model_fields}
    keys |= {f"patrol.{name}" for name in PatrolPart.model_fields}
    assert keys <= named | {"patrol"}
    assert {"lat", "lon", "east_m", "north_m"} <= named & set(PlacePart.model_fields)


def test_the_example_is_a_scenario(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "tuesday.yaml"
    path.write_text(example, "utf-8")
    scenario = Scenario.load(path, small_park())
    assert sorted(row.truth_id for row in scenario.truth_rows()) == [
        "fire@1", "fire@2", "fire@3", "shed@2", "shed@3", "tower@1", "tower@2", "tower@3",
        "van@1", "van@3",
    ]  # fmt: skip
