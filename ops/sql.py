"""SQL over the tables of a warehouse, read only, by DuckDB.

Only the tables that a query names are read, all of them at one state of the warehouse, so a run
that commits meanwhile changes nothing half way. A query can reach the tables and nothing else:
no files, no network, no extensions, no settings.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import IO
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import PyArrowFileIO
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ops.sql_format import ResultFormat
from park.errors import SettingsError, WarehouseError
from park.schemas import SCHEMAS
from pipelines.tables import Warehouse, WarehouseSnapshot
from pipelines.warehouse import warehouse_errors

_QUERIES = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
_LOCKED = (
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_TABLE_WIDTH = 160


def run_sql(
    warehouse: Warehouse,
    query: str,
    *,
    as_of: datetime | None = None,
    zone: ZoneInfo | None = None,
    timeout_s: float | None = None,
) -> pa.Table:
    """Answer one query.

    Args:
        warehouse: whose tables.
        query: one SELECT (or WITH, DESCRIBE, SHOW, EXPLAIN) in DuckDB's SQL.
        as_of: read the tables as they were then; timezone-aware.
        zone: the time zone in which times are shown and cut into days; UTC when None.
        timeout_s: give up after so many seconds; never when None.

    Returns:
        The rows, with times in `zone`.

    Raises:
        WarehouseError: the query is wrong, may not be run, or took too long, or the tables
            cannot be read.
    """
    state = warehouse.snapshot(as_of)
    with _errors_in_words(query, timeout_s), duckdb.connect(":memory:") as connection:
        # A zone's key is the name of a file in the time zone database: no quotes are in it.
        connection.execute(f"SET TimeZone = '{zone.key if zone else 'UTC'}'")
        for setting in _LOCKED:
            connection.execute(setting)
        statement = _only_statement(connection, query)
        for name in SCHEMAS:
            named = re.search(rf"\b{name}\b", query, re.IGNORECASE)
            rows = _rows(warehouse, name, state) if named else SCHEMAS[name].empty_table()
            connection.register(name, rows)
        with _interrupted_after(connection, timeout_s):
            answer: pa.Table = connection.sql(statement).to_arrow_table()
            return answer


def _only_statement(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise WarehouseError(
            f"one query is needed, and these are {len(statements)}: {query.strip()}"
        )
    if statements[0].type not in _QUERIES:
        raise WarehouseError(
            f"{statements[0].type.name} is not a query; the tables can only be read: "
            "write SELECT, WITH, DESCRIBE, SHOW or EXPLAIN"
        )
    return statements[0]


def _rows(
    warehouse: Warehouse, name: str, state: WarehouseSnapshot
) -> ds.Dataset | pa.Table | pa.RecordBatchReader:
    """Return the rows of a table; where possible such that only the columns needed are read."""
    table = warehouse.table(name)
    with warehouse_errors(f"read the table {name}", warehouse.location.root):
        tasks = list(table.scan(snapshot_id=state.tables[name]).plan_files())
        if not tasks:
            return SCHEMAS[name].empty_table()
        if not isinstance(table.io, PyArrowFileIO) or any(task.delete_files for task in tasks):
            return warehouse.table_as_of(name, state)
        places = [table.io.parse_location(task.file.file_path) for task in tasks]
        scheme, netloc, _ = places[0]
        return ds.dataset(
            [path for _, _, path in places],
            schema=SCHEMAS[name],
            format="parquet",
            filesystem=table.io.fs_by_scheme(scheme, netloc),
        )


@contextmanager
def _interrupted_after(
    connection: duckdb.DuckDBPyConnection, timeout_s: float | None
) -> Iterator[None]:
    if timeout_s is None:
        yield
        return
    timer = threading.Timer(timeout_s, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _errors_in_words(query: str, timeout_s: float | None) -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as error:
        raise WarehouseError(f"the query took longer than {timeout_s:g} s: {query}") from error
    except duckdb.PermissionException as error:
        raise WarehouseError(
            f"a query may read the tables {', '.join(SCHEMAS)} and nothing else, no files and no "
            "addresses"
        ) from error
    except duckdb.CatalogException as error:
        text = str(error)
        if "Table with name" in text:
            text = f"{_first_line(text)} There are the tables {', '.join(SCHEMAS)}"
        raise WarehouseError(text) from error
    except duckdb.Error as error:
        # DuckDB shows the line with a mark under the place.
        raise WarehouseError(str(error)) from error
    except OSError as error:
        raise WarehouseError(f"a file of the tables cannot be read: {error}") from error


def _first_line(text: str) -> str:
    return text.splitlines()[0].removeprefix("Catalog Error: ")


def write_result(rows: pa.Table, result_format: ResultFormat, stream: IO[bytes]) -> None:
    """Write the rows of an answer.

    Args:
        rows: the rows.
        result_format: `table` for people; `csv` with a heading, lists as JSON; `json`, an array
            of objects; `parquet`. Times are written as ISO 8601 with their offset.
        stream: where to; binary.

    Raises:
        SettingsError: Parquet would go to a terminal.
    """
    if result_format is ResultFormat.PARQUET:
        if stream.isatty():
            raise SettingsError(
                "Parquet is not for reading on a terminal; send it to a file with > FILE"
            )
        # Parquet's writer seeks, and a pipe cannot.
        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        stream.write(buffer.getbuffer())
        return
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        match result_format:
            case ResultFormat.CSV:
                _write_csv(rows, text)
            case ResultFormat.JSON:
                _write_json(rows, text)
            case ResultFormat.TABLE:
                _write_table(rows, text)
    finally:
        text.detach()


def _rows_of(rows: pa.Table) -> Iterator[list[object]]:
    for batch in rows.to_batches(max_chunksize=4096):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [_plain(value) for value in row]


def _plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return None
        case list() | tuple():
            return [_plain(one) for one in value]
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case list() | dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _write_csv(rows: pa.Table, text: io.TextIOWrapper) -> None:
    writer = csv.writer(text)
    writer.writerow(rows.column_names)
    for row in _rows_of(rows):
        writer.writerow([_as_text(value) for value in row])


def _write_json(rows: pa.Table, text: io.TextIOWrapper) -> None:
    between = "["
    for row in _rows_of(rows):
        one = dict(zip(rows.column_names, row, strict=True))
        text.write(f"{between}\n{json.dumps(one, ensure_ascii=False, allow_nan=False)}")
        between = ","
    text.write("[]\n" if between == "[" else "\n]\n")


def _write_table(rows: pa.Table, text: io.TextIOWrapper) -> None:
    console = Console(file=text, width=None if text.isatty() else _TABLE_WIDTH)
    shown = RichTable()
    for name in rows.column_names:
        shown.add_column(Text(name), overflow="fold")
    for row in _rows_of(rows):
        shown.add_row(*(Text(_as_text(value)) for value in row))
    console.print(shown)
    console.print(f"{rows.num_rows} rows" if rows.num_rows != 1 else "1 row")
