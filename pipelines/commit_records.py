"""What passes in and out of a commit: the rows of a run, states of the tables, and reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from park.errors import RecordError


@dataclass(frozen=True, slots=True)
class WarehouseSnapshot:
    """One consistent state of all tables.

    Attributes:
        tables: snapshot id of each table.
        committed: when it was committed, UTC.
        run_id: the run that made it; None for the empty state a warehouse begins with.
    """

    tables: Mapping[str, int]
    committed: datetime
    run_id: str | None


@dataclass(frozen=True, slots=True)
class RunTables:
    """Everything that a run wants to be in the tables.

    Attributes:
        site_id: the site.
        run_id: the run.
        days: the days whose incidents were computed anew. They must cover the days of all
            `detections` and those that the replaced patrols had rows on (`Warehouse.days_of`).
        patrol_ids: the patrols whose rows are replaced, also by none.
        detections: all detections of those patrols. Batches are taken one after another and are
            not kept in memory.
        incidents: all incidents of `days`.
        daily_incidents: the aggregates of `days`.
        patrols: one row for each of the patrols that still exist.
        rejects: what was refused of those patrols.
    """

    site_id: str
    run_id: str
    days: frozenset[date]
    patrol_ids: frozenset[str]
    detections: pa.Table | Iterable[pa.RecordBatch]
    incidents: pa.Table
    daily_incidents: pa.Table
    patrols: pa.Table
    rejects: pa.Table

    def __post_init__(self) -> None:
        if not self.site_id or not self.run_id or "" in self.patrol_ids:
            raise RecordError("a run needs a site_id, a run_id, and patrol ids that are not empty")

    def rows_of(self, name: str) -> pa.Table | Iterable[pa.RecordBatch]:
        """Return the rows for table `name`."""
        rows: Mapping[str, pa.Table | Iterable[pa.RecordBatch]] = {
            "detections": self.detections,
            "incidents": self.incidents,
            "daily_incidents": self.daily_incidents,
            "patrols": self.patrols,
            "rejects": self.rejects,
        }
        return rows[name]


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a commit did to one table.

    Attributes:
        snapshot_id: the table's snapshot after it.
        rows_written: rows in new files.
        rows_removed: rows in files that left the table.
        rows_kept: rows of the run that were there already.
    """

    snapshot_id: int
    rows_written: int
    rows_removed: int
    rows_kept: int


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What a commit did.

    Attributes:
        run_id: the run.
        skipped: True when every row was there already, so that nothing was committed.
        tables: the change of each table.
    """

    run_id: str
    skipped: bool
    tables: Mapping[str, TableChange]
