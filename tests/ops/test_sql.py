"""Queries read the tables, and only the tables; answers are written for people and programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ops.sql import run_sql, write_result
from ops.sql_format import ResultFormat
from park.errors import SettingsError, WarehouseError
from park.records import Observation, PatrolSummary
from park.rows import (
    RunStamp,
    daily_to_table,
    incidents_to_table,
    observations_to_batch,
    patrols_to_table,
    rejects_to_table,
)
from park.schemas import SCHEMAS
from pipelines.tables import RunTables, Warehouse

DOCS = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def run(patrol_id: str, count: int) -> RunTables:
    stamp = RunStamp("west", f"run-{patrol_id}", UTC, datetime(2026, 6, 1, tzinfo=UTC))
    start = datetime(2026, 5, 1, 20, tzinfo=UTC)
    seen = [
        Observation(
            f"{patrol_id}-{number}",
            patrol_id,
            start + timedelta(seconds=number),
            "vehicle",
            0.5,
            (1.0, 2.0, 3.0, 4.0),
            None,
            None,
            None,
            None,
            "a.jpg",
            0.0,
            "m@1",
        )
        for number in range(count)
    ]
    patrol = PatrolSummary(patrol_id, "photos", "folder", start, start, 1, 0, count)
    return RunTables(
        "west",
        stamp.run_id,
        frozenset({date(2026, 5, 1)}),
        frozenset({patrol_id}),
        [observations_to_batch(seen, stamp)],
        incidents_to_table([], stamp, {}),
        daily_to_table([], stamp),
        patrols_to_table([patrol], stamp),
        rejects_to_table({}, stamp),
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path_factory.mktemp("w") / "园区", create=True) as opened:
        opened.commit_run(run("morning", 3), opened.snapshot())
        opened.commit_run(run("noon", 2), opened.snapshot())
        yield opened


def test_tables_are_joined_whatever_the_case_of_their_names(warehouse: Warehouse) -> None:
    query = """
        WITH boxes AS (SELECT patrol_id, count(*) AS n FROM Detections GROUP BY ALL)
        SELECT patrol_id, n, kind FROM boxes JOIN PATROLS USING (patrol_id) ORDER BY n
    """
    assert run_sql(warehouse, query).to_pylist() == [
        {"patrol_id": "noon", "n": 2, "kind": "photos"},
        {"patrol_id": "morning", "n": 3, "kind": "photos"},
    ]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_has_its_columns(warehouse: Warehouse, name: str) -> None:
    assert run_sql(warehouse, f"SELECT * FROM {name}").column_names == SCHEMAS[name].names


def test_a_query_reads_the_past(warehouse: Warehouse) -> None:
    empty, first, _ = (entry.committed for entry in warehouse.history("patrols"))
    count = "SELECT count(*) AS n FROM detections"
    assert run_sql(warehouse, count, as_of=empty).to_pylist() == [{"n": 0}]
    assert run_sql(warehouse, count, as_of=first).to_pylist() == [{"n": 3}]
    with pytest.raises(WarehouseError, match="no warehouse yet"):
        run_sql(warehouse, count, as_of=empty - timedelta(days=1))


def test_times_are_shown_and_cut_into_days_in_the_zone_asked_for(warehouse: Warehouse) -> None:
    query = "SELECT min(time) AS t, min(time)::DATE AS d FROM detections"
    (row,) = run_sql(warehouse, query).to_pylist()
    assert (row["t"].isoformat(), row["d"].day) == ("2026-05-01T20:00:00+00:00", 1)
    (row,) = run_sql(warehouse, query, zone=ZoneInfo("Asia/Shanghai")).to_pylist()
    assert (row["t"].isoformat(), row["d"].day) == ("2026-05-02T04:00:00+08:00", 2)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM incidence", r"Table with name incidence .* tables detections, incidents"),
        ("SELECT severty FROM incidents", r'"severty" not found.*\n.*severity'),
        ("SELEC 1", r'(?s)syntax error at or near "SELEC".*\^'),
        ("", "one query is needed, and these are 0"),
        ("SELECT 1; SELECT 2", "one query is needed, and these are 2"),
        ("DROP TABLE incidents", "DROP is not a query; the tables can only be read"),
        ("INSERT INTO incidents SELECT * FROM incidents", "INSERT is not a query"),
        ("CREATE TABLE x AS SELECT 1", "CREATE is not a query"),
        ("COPY incidents TO '/tmp/x.csv'", "COPY is not a query"),
        ("ATTACH '/tmp/x.db'", "ATTACH is not a query"),
        ("INSTALL spatial", "is not a query"),
        ("SET enable_external_access = true", "SET is not a query"),
        ("SELECT * FROM read_csv('/etc/passwd')", "and nothing else, no files"),
        ("SELECT * FROM read_text('/etc/passwd')", "and nothing else, no files"),
        ("SELECT * FROM glob('/*')", "and nothing else, no files"),
        ("FROM '/etc/x.parquet'", "and nothing else, no files"),
        ("FROM 'https://example.com/x.csv'", "and nothing else, no files"),
        ("SELECT * FROM warehouse", "Table with name warehouse does not exist"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(warehouse: Warehouse, query: str, said: str) -> None:
    with pytest.raises(WarehouseError, match=said):
        run_sql(warehouse, query)


def test_a_query_without_end_is_stopped(warehouse: Warehouse) -> None:
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE hash(a, b) = 1"
    with pytest.raises(WarehouseError, match=r"took longer than 0\.3 s"):
        run_sql(warehouse, endless, timeout_s=0.3)


def test_a_run_that_commits_meanwhile_changes_nothing_half_way(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "w", create=True) as warehouse:
        warehouse.commit_run(run("morning", 3), warehouse.snapshot())
        before = warehouse.snapshot()
        warehouse.commit_run(run("noon", 2), before)
        both = (
            "SELECT (SELECT sum(detections) FROM patrols) - (SELECT count(*) FROM detections) AS n"
        )
        for state in (before.committed, None):
            assert run_sql(warehouse, both, as_of=state).to_pylist() == [{"n": 0}]


ROWS = pa.table(
    {
        "name": pa.array(['一, "two"', None]),
        "time": pa.array([datetime(2026, 5, 1, tzinfo=UTC)] * 2, pa.timestamp("us", tz="UTC")),
        "value": pa.array([1.5, float("nan")]),
        "list": pa.array([["a", "b"], []]),
    }
)


def written(result_format: ResultFormat, rows: pa.Table = ROWS) -> bytes:
    stream = io.BytesIO()
    write_result(rows, result_format, stream)
    return stream.getvalue()


def test_an_answer_as_csv() -> None:
    lines = list(csv.reader(io.StringIO(written(ResultFormat.CSV).decode())))
    assert lines[0] == ["name", "time", "value", "list"]
    assert lines[1] == ['一, "two"', "2026-05-01T00:00:00+00:00", "1.5", '["a", "b"]']
    assert lines[2] == ["", "2026-05-01T00:00:00+00:00", "", "[]"]


def test_an_answer_as_json() -> None:
    rows = json.loads(written(ResultFormat.JSON))
    assert rows[0]["list"] == ["a", "b"]
    assert rows[1] == {"name": None, "time": "2026-05-01T00:00:00+00:00", "value": None, "list": []}
    assert json.loads(written(ResultFormat.JSON, ROWS.slice(0, 0))) == []


def test_an_answer_as_a_table() -> None:
    text = written(ResultFormat.TABLE).decode()
    assert '一, "two"' in text
    assert "2 rows" in text
    assert "[bold]" in written(ResultFormat.TABLE, pa.table({"a": ["[bold]"]})).decode()


def test_an_answer_as_parquet_comes_back_and_stays_off_terminals() -> None:
    assert pq.read_table(io.BytesIO(written(ResultFormat.PARQUET))).num_rows == 2

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(SettingsError, match="not for reading on a terminal"):
        write_result(ROWS, ResultFormat.PARQUET, Terminal())


def test_the_examples_of_the_documentation_run(warehouse: Warehouse) -> None:
    examples = re.findall(r"```sql\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 4
    for example in examples:
        assert run_sql(warehouse, example).num_columns > 1


def test_the_documentation_gives_every_column_as_the_schema_does() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, schema in SCHEMAS.items():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        told = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", section, re.MULTILINE)
        meant = [(c.name, (c.metadata or {})[b"doc"].decode()) for c in schema]
        assert told == meant


def test_the_python_example_of_the_documentation_runs(
    warehouse: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    exec(example.replace('"warehouse"', repr(warehouse.location.root)), {})
    assert "run-noon" in capsys.readouterr().out
