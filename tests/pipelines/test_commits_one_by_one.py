"""A catalog that commits one table after another: what runs at the same time do to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from park.clock import SystemClock
from pipelines.commits import create_tables
from pipelines.tables import Warehouse
from pipelines.warehouse import WarehouseLocation
from tests.pipelines.test_warehouse import run, stamp


class _Interrupted(SqlCatalog):
    """Pointers in SQLite, moved one by one; something happens around the commit of a table.

    Attributes:
        meanwhile: called with "before" or "after" and the name of the table; None for nothing.
    """

    meanwhile: Callable[[str], None] | None = None

    def commit_table(self, table: Any, requirements: Any, updates: Any) -> Any:
        self._tell(f"before {table.name()[-1]}")
        answer = super().commit_table(table, requirements, updates)
        self._tell(f"after {table.name()[-1]}")
        return answer

    def _tell(self, when: str) -> None:
        if self.meanwhile is not None:
            self.meanwhile(when)


def opened(folder: Path) -> Warehouse:
    """Return the warehouse in a folder, with a catalog of its own."""
    catalog = _Interrupted("park", uri=f"sqlite:///{folder / 'catalog.db'}", echo="false")
    where = WarehouseLocation.parse(str(folder))
    create_tables(catalog, where.root, SystemClock())
    return Warehouse(where, catalog, SystemClock())


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    with opened(tmp_path) as one, opened(tmp_path) as other:
        yield one, other


@pytest.mark.parametrize("at", ["before detections", "after detections", "before patrols"])
def test_a_run_that_others_overtake_between_two_tables_takes_nothing_of_theirs_away(
    two: tuple[Warehouse, Warehouse], at: str
) -> None:
    one, other = two
    overtaken: list[str] = []

    def overtake(when: str) -> None:
        if when == at and not overtaken:
            overtaken.append(when)
            noon = run("noon", {2: 2}, by=stamp("r2"), incidents={2: 1})
            other.commit_run(noon, other.snapshot())

    catalog = one.catalog
    assert isinstance(catalog, _Interrupted)
    catalog.meanwhile = overtake
    one.commit_run(run("morning", {1: 3}, incidents={1: 2}), one.snapshot())
    assert overtaken == [at]
    rows = one.table_as_of("patrols").to_pylist()
    assert {row["patrol_id"] for row in rows} == {"morning", "noon"}
    assert one.table_as_of("detections").num_rows == 5
    assert one.table_as_of("daily_incidents").num_rows == 2
    assert one.table("detections").scan().count() == 5
