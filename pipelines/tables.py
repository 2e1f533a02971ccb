"""The warehouse: five Iceberg tables that change together, one commit per run.

What a run replaces:

* `detections`, `patrols` and `rejects`: the rows of the patrols that it processed. Footage of the
  afternoon leaves the morning's rows alone; the same footage again replaces its own.
* `incidents` and `daily_incidents`: the rows of the days that it touched, recomputed by the
  caller from all detections of those days, old and new.

`patrols` is committed last and its snapshot names the snapshots of the other tables that belong
to it. Readers start from there, so they see one whole run or the one before it, whatever
catalog keeps the pointers and whenever a run is killed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import And, BooleanExpression
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from park.clock import Clock, SystemClock
from park.errors import WarehouseError
from park.schemas import SCHEMAS
from pipelines.catalogs import GroupCommitSqlCatalog
from pipelines.commit_records import CommitReport, RunTables, WarehouseSnapshot
from pipelines.commits import MARKER, commit_run, create_tables, read_state, run_of
from pipelines.table_files import ORDER, is_in, live_files, of_days, of_patrols, of_site
from pipelines.warehouse import (
    NAMESPACE,
    WarehouseLocation,
    WarehouseSettings,
    open_catalog,
    warehouse_errors,
)

__all__ = ["CommitReport", "HistoryEntry", "RunTables", "Warehouse", "WarehouseSnapshot"]

_NO_WAREHOUSE = "there is no warehouse here yet; `parkwatch reprocess` makes one"


def _total_rows(snapshot: Snapshot) -> int:
    summary = snapshot.summary
    return int(summary.additional_properties.get("total-records", "0")) if summary else 0


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One snapshot in the life of a table.

    Attributes:
        snapshot_id: to be given to `Warehouse.table_as_of`.
        committed: when, UTC.
        run_id: the run that made it; None for the empty first one.
        rows: rows in the table after it.
    """

    snapshot_id: int
    committed: datetime
    run_id: str | None
    rows: int


class Warehouse:
    """The tables in one folder or bucket. Open it with `Warehouse.open`."""

    def __init__(self, location: WarehouseLocation, catalog: Catalog, clock: Clock) -> None:
        self.location = location
        self.catalog = catalog
        self.clock = clock

    @classmethod
    def open(
        cls,
        location: str | Path,
        *,
        create: bool,
        settings: WarehouseSettings | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Open a warehouse.

        Args:
            location: a folder or `s3://bucket/prefix`.
            create: make the warehouse where there is none; several may try at once.
            settings: catalog and S3 endpoint; read from the environment when None.
            clock: for the waits between attempts to commit.

        Raises:
            SettingsError: the location or the catalog's address is not understood.
            WarehouseError: there is none and `create` is False; it was moved; it cannot be read.
        """
        where = WarehouseLocation.parse(str(location))
        chosen = settings or WarehouseSettings.from_environment(os.environ)
        catalog = open_catalog(where, chosen, create=create)
        warehouse = cls(where, catalog, clock or SystemClock())
        try:
            warehouse._check_not_moved()
            if create:
                with warehouse_errors("make the warehouse", where.root):
                    create_tables(catalog, where.root, warehouse.clock)
            warehouse.snapshot()
        except BaseException:
            catalog.close()
            raise
        return warehouse

    def _check_not_moved(self) -> None:
        if self.location.folder is None or not isinstance(self.catalog, GroupCommitSqlCatalog):
            return
        with warehouse_errors("read the catalog", self.location.root):
            pointers = self.catalog.pointers()
        for pointer in pointers:
            made_at = pointer.rsplit("/", 3)[0]
            if made_at != self.location.root:
                raise WarehouseError(
                    f"{self.location.root}: this warehouse was made at {made_at}, and its tables "
                    "name their files by that path. Move it back; or "
                    "make a link there that leads here"
                )

    def close(self) -> None:
        """Close the catalog's connections."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # What is there

    def table(self, name: str) -> Table:
        """Return the pyiceberg table `name`, for reading.

        Raises:
            WarehouseError: there is no such table, or it was moved from where it was made.
        """
        if name not in SCHEMAS:
            raise WarehouseError(f"there is no table {name}; there are {', '.join(SCHEMAS)}")
        try:
            with warehouse_errors(f"read the table {name}", self.location.root):
                table = self.catalog.load_table((NAMESPACE, name))
        except NoSuchTableError as error:
            raise WarehouseError(f"{self.location.root}: {_NO_WAREHOUSE}") from error
        return table

    def snapshot(self, as_of: datetime | None = None) -> WarehouseSnapshot:
        """Return the newest state of all tables, or the one that was the newest at `as_of`.

        Raises:
            WarehouseError: there is no warehouse, it is younger than `as_of`, or `as_of` has no
                time zone.
        """
        marker = self.table(MARKER)
        snapshot = marker.current_snapshot()
        if as_of is not None:
            if as_of.tzinfo is None:
                raise WarehouseError(f"{as_of.isoformat()} has no time zone; add one, as in +08:00")
            snapshot = marker.snapshot_as_of_timestamp(int(as_of.timestamp() * 1000))
            if snapshot is None:
                raise WarehouseError(
                    f"{self.location.root}: there was no warehouse yet at {as_of.isoformat()}"
                )
        state = read_state(snapshot)
        if state is None:
            raise WarehouseError(
                f"{self.location.root}: making this warehouse was interrupted; "
                "run `parkwatch reprocess` again"
            )
        return state

    def history(self, name: str) -> tuple[HistoryEntry, ...]:
        """Return the snapshots of a table, oldest first."""
        return tuple(
            HistoryEntry(
                snapshot_id=snapshot.snapshot_id,
                committed=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
                run_id=run_of(snapshot),
                rows=_total_rows(snapshot),
            )
            for snapshot in sorted(
                self.table(name).snapshots(), key=lambda one: one.sequence_number or 0
            )
        )

    # Reading

    def table_as_of(
        self, name: str, as_of: int | datetime | WarehouseSnapshot | None = None
    ) -> pa.Table:
        """Return all rows of a table, in its order and exact types.

        Args:
            name: the table.
            as_of: a snapshot id of this table, a time, or a state; None for the newest.

        Raises:
            WarehouseError: there is no such table, snapshot or state, or it cannot be read.
        """
        if not isinstance(as_of, int):
            state = as_of if isinstance(as_of, WarehouseSnapshot) else self.snapshot(as_of)
            as_of = state.tables.get(name, 0)
        return self._read(name, as_of).sort_by([(c, "ascending") for c in ORDER[name]])

    def batches(self, name: str, base: WarehouseSnapshot) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a table at a state, in no particular order, a piece at a time."""
        table = self.table(name)
        with warehouse_errors(f"read the table {name}", self.location.root):
            yield from table.scan(snapshot_id=base.tables[name]).to_arrow_batch_reader()

    def detections_of(
        self,
        site_id: str,
        days: Iterable[date],
        *,
        base: WarehouseSnapshot,
        exclude_patrols: Iterable[str] = (),
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the detections of some days at a state, ordered by day, patrol and time.

        Args:
            site_id: the site.
            days: the site's own days.
            base: the state, which is then given to `commit_run`.
            exclude_patrols: patrols that the run replaces.
            columns: which columns; all when None.
        """
        wanted = None if columns is None else {*columns, *ORDER["detections"]}
        rows = self._read("detections", base.tables["detections"], of_days(site_id, days), wanted)
        left_out = pa.array(sorted(set(exclude_patrols)), pa.string())
        rows = rows.filter(pc.invert(pc.is_in(rows["patrol_id"], left_out)))
        rows = rows.sort_by([(column, "ascending") for column in ORDER["detections"]])
        return rows if columns is None else rows.select(list(columns))

    def days_of(
        self, site_id: str, patrol_ids: Iterable[str], *, base: WarehouseSnapshot
    ) -> frozenset[date]:
        """Return the days on which patrols have detections at a state."""
        table = self.table("detections")
        with warehouse_errors("read the table detections", self.location.root):
            files = live_files(
                table, "detections", base.tables["detections"], of_patrols(site_id, patrol_ids)
            )
        return frozenset(one.partition.day for one in files)

    def patrol_ids_of(
        self, site_id: str, source_uris: Iterable[str], *, base: WarehouseSnapshot
    ) -> frozenset[str]:
        """Return the patrols that came from some sources at a state."""
        rows = self._read(
            MARKER,
            base.tables[MARKER],
            And(of_site(site_id), is_in("source_uri", source_uris)),
        )
        return frozenset(str(patrol_id) for patrol_id in rows["patrol_id"].to_pylist())

    def _read(
        self,
        name: str,
        snapshot_id: int,
        row_filter: BooleanExpression | None = None,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        table = self.table(name)
        schema = SCHEMAS[name]
        if columns is not None:
            schema = pa.schema([column for column in schema if column.name in columns])
        if table.snapshot_by_id(snapshot_id) is None:
            raise WarehouseError(f"the table {name} has no snapshot {snapshot_id}")
        with warehouse_errors(f"read the table {name}", self.location.root):
            scan = table.scan(snapshot_id=snapshot_id)
            # Old snapshots have no column that was added later.
            there = [one for one in schema.names if one in scan.projection().column_names]
            scan = scan.select(*there)
            if row_filter is not None:
                scan = scan.filter(row_filter)
            rows = scan.to_arrow().select(there)
            for column in schema:
                if column.name not in there:
                    rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
            return rows.select(schema.names).cast(schema)

    # Writing

    def commit_run(self, run: RunTables, base: WarehouseSnapshot) -> CommitReport:
        """Put the rows of a run into the tables: all of them, or none.

        Rows that are there already stay as they are; a run that changes nothing commits nothing.
        Data files are written first, where nobody sees them; then every table is committed.

        Args:
            run: the rows, and what they replace.
            base: the state that `run` was computed from.

        Raises:
            CommitConflictError: another run changed the same days or patrols since `base`; take a
                new snapshot, compute again, and commit again.
            RecordError: rows do not fit the tables, or lie outside the run's days and patrols.
            WarehouseError: the tables cannot be written. They are as before.
        """
        with warehouse_errors("write the tables", self.location.root):
            return commit_run(self, run, base)
