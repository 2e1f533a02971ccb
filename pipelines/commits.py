"""How the rows of a run get into the tables: planned as whole files, published in one step.

The five tables change together. Where the catalog can, all pointers move in one step. Where it
cannot, the tables are committed one after another with `patrols` last; the snapshot of `patrols`
names the snapshots of the others that belong to it, and readers go by that. A run killed half
way leaves snapshots that no state names, and the next run starts from the state before them.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    TableAlreadyExistsError,
)
from pyiceberg.expressions import BooleanExpression, Or
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from sqlalchemy.exc import IntegrityError

from park.clock import Clock
from park.errors import CommitConflictError, RecordError, WarehouseError
from pipelines.catalogs import GroupCommitCatalog, PointerChange
from pipelines.commit_records import CommitReport, RunTables, TableChange, WarehouseSnapshot
from pipelines.table_files import (
    PARTITIONS,
    FileKey,
    LiveFile,
    Partition,
    by_partition,
    chunks,
    file_key,
    iceberg_layout,
    live_files,
    of_days,
    of_patrols,
    rows_digest,
    with_all_columns,
    write_rows,
)
from pipelines.warehouse import NAMESPACE, WarehouseLocation

MARKER = "patrols"
"""The table that is committed last and names the state of the others."""

_BY_DAY = frozenset({"incidents", "daily_incidents"})
_STATE = "parkwatch.tables"
_RUN = "parkwatch.run-id"
_SITE = "parkwatch.site-id"
_ATTEMPTS = 8
_FIRST_WAIT_S = 0.05
_PROPERTIES = {
    "format-version": "2",
    # Ids may hold any characters of any length, so they do not become folder names.
    "write.object-storage.enabled": "true",
    "write.object-storage.partitioned-paths": "false",
    "write.parquet.compression-codec": "zstd",
    # A commit that lost a race is checked and planned anew here, not repeated blindly.
    "commit.retry.num-retries": "0",
}


class Tables(Protocol):
    """What a commit needs of a warehouse."""

    @property
    def location(self) -> WarehouseLocation:
        """Where it lies."""

    @property
    def catalog(self) -> Catalog:
        """Its catalog."""

    @property
    def clock(self) -> Clock:
        """For the waits between attempts."""

    def table(self, name: str) -> Table:
        """Return a table as of now."""

    def snapshot(self) -> WarehouseSnapshot:
        """Return the newest state."""


@dataclass(slots=True)
class _Rows:
    """The rows of a run for one table: row count of every file, and the files written so far."""

    counts: dict[FileKey, int] = field(default_factory=dict)
    written: dict[FileKey, DataFile] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    """How one table comes to hold the rows of a run."""

    new: list[DataFile] = field(default_factory=list)
    gone: list[DataFile] = field(default_factory=list)
    kept_rows: int = 0


def run_of(snapshot: Snapshot) -> str | None:
    """Return the run that made a snapshot; None for the empty first one."""
    return snapshot.summary.additional_properties.get(_RUN) if snapshot.summary else None


def read_state(marker: Snapshot | None) -> WarehouseSnapshot | None:
    """Return the state that a snapshot of the marker table names; None when it names none."""
    if marker is None or marker.summary is None:
        return None
    state = marker.summary.additional_properties.get(_STATE)
    if state is None:
        return None
    tables = {str(name): int(number) for name, number in json.loads(state).items()}
    return WarehouseSnapshot(
        tables={**tables, MARKER: marker.snapshot_id},
        committed=datetime.fromtimestamp(marker.timestamp_ms / 1000, UTC),
        run_id=run_of(marker),
    )


def create_tables(catalog: Catalog, root: str, clock: Clock) -> None:
    """Make what is missing of an empty warehouse; several may do so at once.

    Raises:
        CommitConflictError: others kept getting in between.
    """
    for attempt in range(_ATTEMPTS):
        try:
            _create_once(catalog, root)
        except CommitFailedException:
            _wait(clock, attempt)
        else:
            return
    raise CommitConflictError("others kept making the same warehouse; try again")


def _create_once(catalog: Catalog, root: str) -> None:
    # Whoever loses the race inside pyiceberg is told by the database, not by pyiceberg.
    with suppress(NamespaceAlreadyExistsError, IntegrityError):
        catalog.create_namespace(NAMESPACE)
    tables = {}
    for name in PARTITIONS:
        identifier = (NAMESPACE, name)
        if not catalog.table_exists(identifier):
            schema, spec = iceberg_layout(name)
            with suppress(TableAlreadyExistsError):
                catalog.create_table(
                    identifier,
                    schema=schema,
                    location=f"{root}/{name}",
                    partition_spec=spec,
                    properties=_PROPERTIES,
                )
        tables[name] = with_all_columns(catalog.load_table(identifier), name)
    if read_state(tables[MARKER].current_snapshot()) is not None:
        return
    with _together(catalog):
        state: dict[str, int] = {}
        for name, table in tables.items():
            if table.current_snapshot() is None or name == MARKER:
                _replace_files(table, _Plan(), _properties(None, None, name, state))
            state[name] = _current_id(table)


def commit_run(tables: Tables, run: RunTables, base: WarehouseSnapshot) -> CommitReport:
    """Put the rows of a run into the tables; see `Warehouse.commit_run`."""
    return _RunCommit(tables, run, base).commit()


class _RunCommit:
    """One run on its way into the tables."""

    def __init__(self, tables: Tables, run: RunTables, base: WarehouseSnapshot) -> None:
        self._tables = tables
        self._run = run
        self._base = base
        self._rows: dict[str, _Rows] = {name: _Rows() for name in PARTITIONS}
        self._may_discard = True

    def commit(self) -> CommitReport:
        """Write the files, then publish them; try again while others commit other things."""
        done = False
        try:
            for name in PARTITIONS:
                self._write(name)
            for attempt in range(_ATTEMPTS):
                head = self._tables.snapshot()
                plans = {name: self._plan(name, head) for name in PARTITIONS}
                skipped = not any(plan.new or plan.gone for plan in plans.values())
                try:
                    after = head.tables if skipped else self._publish(head, plans)
                except CommitFailedException:
                    self._may_discard = isinstance(self._tables.catalog, GroupCommitCatalog)
                    _wait(self._tables.clock, attempt)
                    continue
                done = True
                return _report(self._run.run_id, after, plans, skipped=skipped)
        finally:
            if not done and self._may_discard:
                self._discard()
        raise CommitConflictError(
            f"{self._tables.location.root}: {_ATTEMPTS} attempts to commit run {self._run.run_id} "
            "failed because others kept committing, or another program changed the tables; "
            "run it again"
        )

    def _scope(self, name: str) -> BooleanExpression:
        """Return the rows that the run replaces."""
        if name in _BY_DAY:
            return of_days(self._run.site_id, self._run.days)
        return of_patrols(self._run.site_id, self._run.patrol_ids)

    def _live(self, name: str, state: WarehouseSnapshot) -> list[LiveFile]:
        return live_files(self._tables.table(name), name, state.tables[name], self._scope(name))

    def _check_scope(self, name: str, partition: Partition) -> None:
        run = self._run
        if partition.site_id != run.site_id:
            raise RecordError(
                f"rows for {name} are of site {partition.site_id}; the run is of {run.site_id}"
            )
        if partition.patrol_id is not None and partition.patrol_id not in run.patrol_ids:
            raise RecordError(
                f"rows for {name} are of patrol {partition.patrol_id}, "
                "which the run does not replace"
            )
        if name in {*_BY_DAY, "detections"} and partition.day not in run.days:
            raise RecordError(
                f"rows for {name} are of {partition.day}, which is not among the run's days"
            )

    def _write(self, name: str) -> None:
        table = self._tables.table(name)
        there = {one.key for one in self._live(name, self._base)}
        rows = self._rows[name]
        for chunk in chunks(name, self._run.rows_of(name)):
            for partition, part in by_partition(name, chunk):
                self._check_scope(name, partition)
                digest = rows_digest(name, part)
                key = file_key(name, partition, digest)
                if key in rows.counts:
                    raise RecordError(f"the same {part.num_rows} rows for {name} came twice")
                rows.counts[key] = part.num_rows
                if key not in there:
                    rows.written[key] = write_rows(table, partition, part, digest)

    def _plan(self, name: str, head: WarehouseSnapshot) -> _Plan:
        if head.tables[name] != self._base.tables[name]:
            self._check_unmoved(name, head)
        rows = self._rows[name]
        plan = _Plan(new=list(rows.written.values()))
        kept: set[FileKey] = set()
        for one in self._live(name, head):
            if one.key in rows.counts and one.key not in rows.written and one.key not in kept:
                kept.add(one.key)
                plan.kept_rows += rows.counts[one.key]
                continue
            if name == "detections" and one.partition.day not in self._run.days:
                raise RecordError(
                    f"patrol {one.partition.patrol_id} had detections on {one.partition.day}, "
                    "which is not among the run's days; add it, so that its incidents are computed "
                    "anew"
                )
            plan.gone.append(one.file)
        return plan

    def _check_unmoved(self, name: str, head: WarehouseSnapshot) -> None:
        read = self._scope(name)
        if name == "detections":
            read = Or(read, of_days(self._run.site_id, self._run.days))
        table = self._tables.table(name)
        before, after = (
            {one.file.file_path for one in live_files(table, name, state.tables[name], read)}
            for state in (self._base, head)
        )
        if before != after:
            raise CommitConflictError(
                f"{self._tables.location.root}: run {head.run_id} changed {name} of site "
                f"{self._run.site_id} on the same days or patrols while run {self._run.run_id} was "
                "computing; compute again from the new state"
            )

    def _publish(self, head: WarehouseSnapshot, plans: Mapping[str, _Plan]) -> Mapping[str, int]:
        catalog = self._tables.catalog
        grouped = isinstance(catalog, GroupCommitCatalog)
        state = dict(head.tables)
        changed: list[Table] = []
        with _together(catalog) as held:
            for name, plan in plans.items():
                if not plan.new and not plan.gone and name != MARKER:
                    continue
                table = self._tables.table(name)
                if table.metadata.current_snapshot_id != head.tables[name]:
                    # The marker moves last: where it has moved, another run is whole, not dead.
                    if grouped or name == MARKER:
                        raise CommitFailedException(f"{name} has moved on")
                    # Left behind by a run that died between two tables.
                    table.manage_snapshots().set_current_snapshot(head.tables[name]).commit()
                if not grouped:
                    self._may_discard = False
                others = {key: number for key, number in state.items() if key != MARKER}
                stamp = _properties(self._run.run_id, self._run.site_id, name, others)
                _replace_files(table, plan, stamp)
                state[name] = _current_id(table)
                changed.append(table)
            folder = self._tables.location.folder
            if folder is not None:
                _flush(changed, held, folder)
            # From here on nobody can say whether a failed publication took place.
            self._may_discard = False
        return state

    def _discard(self) -> None:
        """Remove data files that no table will ever name."""
        for name, rows in self._rows.items():
            for written in rows.written.values():
                with suppress(OSError, WarehouseError):
                    self._tables.table(name).io.delete(written.file_path)


def _together(catalog: Catalog) -> AbstractContextManager[list[PointerChange]]:
    return catalog.together() if isinstance(catalog, GroupCommitCatalog) else nullcontext([])


def _wait(clock: Clock, attempt: int) -> None:
    clock.sleep(_FIRST_WAIT_S * 2**attempt * (1 + random.random()))


def _current_id(table: Table) -> int:
    snapshot = table.current_snapshot()
    if snapshot is None:
        raise WarehouseError(f"the table {'.'.join(table.name())} has lost its snapshot")
    return snapshot.snapshot_id


def _properties(
    run_id: str | None, site_id: str | None, name: str, state: Mapping[str, int]
) -> dict[str, str]:
    properties = {}
    if run_id is not None and site_id is not None:
        properties = {_RUN: run_id, _SITE: site_id}
    if name == MARKER:
        properties[_STATE] = json.dumps(dict(state), sort_keys=True)
    return properties


def _replace_files(table: Table, plan: _Plan, properties: dict[str, str]) -> None:
    with table.transaction() as transaction:
        snapshot = transaction.update_snapshot(snapshot_properties=properties)
        with snapshot.overwrite() as overwrite:
            for file in plan.gone:
                overwrite.delete_data_file(file)
            for file in plan.new:
                overwrite.append_data_file(file)


def _flush(changed: Iterable[Table], held: Iterable[PointerChange], root: Path) -> None:
    """Force new files onto the disk before the catalog names them.

    The catalog's own database does so; without this, a power cut could keep the pointer and lose
    what it points to.
    """
    paths = {change.after for change in held}
    for table in changed:
        snapshot = table.current_snapshot()
        if snapshot is None:
            continue
        paths.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            if manifest.added_snapshot_id == snapshot.snapshot_id:
                paths.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                paths |= {
                    entry.data_file.file_path
                    for entry in entries
                    if entry.snapshot_id == snapshot.snapshot_id
                }
    folders = {
        folder
        for path in paths
        for folder in Path(path).parents
        if folder == root or root in folder.parents
    }
    for name in [*map(Path, paths), *folders]:
        handle = os.open(name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _report(
    run_id: str, after: Mapping[str, int], plans: Mapping[str, _Plan], *, skipped: bool
) -> CommitReport:
    return CommitReport(
        run_id,
        skipped,
        {
            name: TableChange(
                snapshot_id=after[name],
                rows_written=sum(file.record_count for file in plan.new),
                rows_removed=sum(file.record_count for file in plan.gone),
                rows_kept=plan.kept_rows,
            )
            for name, plan in plans.items()
        },
    )
