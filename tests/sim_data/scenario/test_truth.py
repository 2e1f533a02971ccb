"""Truth is written beside the footage and read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from park.errors import RecordError, SimulationError
from sim_data.scenario.records import Difficulty
from sim_data.scenario.truth import (
    POSITIONS_NAME,
    TRUTH_JSON_NAME,
    TRUTH_NAME,
    Truth,
    join_truths,
    patrol_windows,
    read_truth,
    write_truth,
)
from tests.sim_data.score.reports import START, at, position, row

ROWS = (row("a", "illegal_parking"), row("b", "steam", 5.0, first_s=10.0))
PATROLS = [{"day": 1, "starts": START.isoformat(), "ends": at(600).isoformat()}]
TRUTH = Truth(ROWS, {"scenario": "x", "patrols": PATROLS}, (position("car", 1.0, 2.0, 3.0),))


def test_truth_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_truth(tmp_path / "new" / "folder", TRUTH)
    assert {path.name for path in written} == {TRUTH_NAME, TRUTH_JSON_NAME, POSITIONS_NAME}
    assert read_truth(tmp_path / "new" / "folder") == TRUTH


def test_either_file_is_enough(tmp_path: Path) -> None:
    write_truth(tmp_path, replace(TRUTH, positions=()))
    from_json = read_truth(tmp_path / TRUTH_JSON_NAME)
    assert from_json == replace(TRUTH, positions=())
    (tmp_path / TRUTH_JSON_NAME).unlink()
    assert read_truth(tmp_path).rows == ROWS
    assert read_truth(tmp_path / TRUTH_NAME).about == {}


def test_rows_are_ordered_by_time_whatever_order_they_come_in(tmp_path: Path) -> None:
    write_truth(tmp_path, Truth(ROWS[::-1], {}))
    assert read_truth(tmp_path).rows == ROWS


def test_positions_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    write_truth(tmp_path, TRUTH)
    write_truth(tmp_path, replace(TRUTH, positions=()))
    assert read_truth(tmp_path).positions == ()


def test_truths_of_several_patrols_are_joined_each_row_once() -> None:
    later = [{"day": 2, "starts": at(86400).isoformat(), "ends": at(87000).isoformat()}]
    second = Truth((ROWS[0], row("c", "smoke", first_s=20.0)), {"patrols": later})
    both = join_truths([TRUTH, second, TRUTH])
    assert [one.truth_id for one in both.rows] == ["a", "b", "c"]
    assert patrol_windows(both) == ((START, at(600)), (at(86400), at(87000)))
    assert both.positions == TRUTH.positions


def test_truths_that_differ_are_not_joined() -> None:
    other = Truth((replace(ROWS[0], difficulty=Difficulty.HARD),), {})
    with pytest.raises(SimulationError, match="different things of 'a'"):
        join_truths([TRUTH, other])


def test_a_truth_that_says_nothing_of_patrols_has_no_windows() -> None:
    assert patrol_windows(Truth(ROWS, {})) == ()
    with pytest.raises(SimulationError, match=r"patrols of truth\.json cannot be read"):
        patrol_windows(Truth(ROWS, {"patrols": [{"starts": "soon", "ends": "later"}]}))


def test_what_is_no_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="no truth here; give the folder that"):
        read_truth(tmp_path)
    (tmp_path / TRUTH_JSON_NAME).write_text('{"format": "other"}')
    with pytest.raises(SimulationError, match='"format" must be "parkwatch-truth"'):
        read_truth(tmp_path)
    (tmp_path / TRUTH_JSON_NAME).write_text('{"format": "parkwatch-truth", "format_version": 9}')
    with pytest.raises(SimulationError, match="has format_version 9; 1 can be read"):
        read_truth(tmp_path)
    (tmp_path / TRUTH_JSON_NAME).write_text("{")
    with pytest.raises(SimulationError, match="cannot be read as JSON"):
        read_truth(tmp_path)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / TRUTH_NAME
    pq.write_table(pa.table({"truth_id": ["a"]}), path)
    with pytest.raises(SimulationError, match=r"columns type, must_fire, .* are missing"):
        read_truth(tmp_path)
    path.write_bytes(b"no parquet")
    with pytest.raises(SimulationError, match="cannot be read as Parquet"):
        read_truth(tmp_path)


def test_a_wrong_row_is_refused(tmp_path: Path) -> None:
    write_truth(tmp_path, TRUTH)
    (tmp_path / TRUTH_NAME).unlink()
    path = tmp_path / TRUTH_JSON_NAME
    content = json.loads(path.read_text("utf-8"))
    content["truth"][0]["type"] = "open_fire"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(
        SimulationError, match=r"a row of truth is wrong: .*did you mean open_flame"
    ):
        read_truth(tmp_path)


def test_two_rows_of_one_id_are_refused() -> None:
    with pytest.raises(RecordError, match="two truth rows have the id 'a'"):
        Truth((ROWS[0], ROWS[0]), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "heat"}, "no incident type 'heat'"),
        ({"must_fire": False}, "no look-alike 'illegal_parking'"),
        ({"last_time": at(-1)}, "ends before it begins"),
        ({"first_time": START.replace(tzinfo=None)}, "first_time has no time zone"),
        ({"lat_deg": 91.0}, "no place on earth"),
        ({"extent_m": -1.0}, "extent_m -1.0 is not zero or more"),
        ({"measure": float("nan")}, "measure is not a number"),
    ],
)
def test_an_impossible_row_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        replace(ROWS[0], **change)  # type: ignore[arg-type]
