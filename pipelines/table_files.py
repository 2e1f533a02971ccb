"""Data files of the tables: how rows are cut into files, and files named by what is in them.

Every file holds rows of one partition, so that replacing rows is replacing whole files. A file's
name begins with a hash of its rows. When a run computes the same rows again, the file that is
there already is kept, nothing is written, and a rerun that changes nothing commits nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In, Reference
from pyiceberg.expressions.literals import literal
from pyiceberg.io.pyarrow import pyarrow_to_schema, write_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import (
    PartitionField,
    PartitionFieldValue,
    PartitionKey,
    PartitionSpec,
)
from pyiceberg.schema import Schema
from pyiceberg.table import Table, WriteTask
from pyiceberg.transforms import IdentityTransform

from park.errors import RecordError
from park.schemas import SCHEMAS, conform

PARTITIONS: Mapping[str, tuple[str, ...]] = {
    "detections": ("day", "site_id", "patrol_id"),
    "rejects": ("day", "site_id", "patrol_id"),
    "incidents": ("day", "site_id"),
    "daily_incidents": ("day", "site_id"),
    "patrols": ("day", "site_id", "patrol_id"),
}
"""The columns each table is partitioned by, in the order in which a run commits the tables."""

ORDER: Mapping[str, tuple[str, ...]] = {
    "detections": ("day", "patrol_id", "time", "source_uri", "detection_id"),
    "rejects": ("day", "patrol_id", "source_uri", "stage", "reason"),
    "incidents": ("day", "first_seen", "type", "zone_id", "incident_id"),
    "daily_incidents": ("day", "domain", "type", "zone_id"),
    "patrols": ("day", "first_time", "patrol_id"),
}
"""The columns by which the rows of each table are ordered."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "detections": ("detection_id",),
    "rejects": (),
    "incidents": ("incident_id",),
    "daily_incidents": ("day", "domain", "type", "zone_id"),
    "patrols": ("patrol_id",),
}
"""The columns that name a row of a site; empty where rows may repeat."""

ROWS_PER_FILE = 100_000
_EPOCH = date(1970, 1, 1)
_FIRST_PARTITION_ID = 1000
_NAME = re.compile(r"rows-(?P<digest>[0-9a-f]{32})-[0-9a-f]{32}\.parquet$")

# What a run may write differently each time without its rows being different.
_NOT_IN_DIGEST: Mapping[str, frozenset[str]] = {
    "rejects": frozenset({"time", "day"}),
    "patrols": frozenset({"day"}),
}


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """Which rows a file holds.

    Attributes:
        day: the site's own day.
        site_id: the site.
        patrol_id: the patrol; None in tables that are not partitioned by it.
    """

    day: date
    site_id: str
    patrol_id: str | None = None


FileKey = tuple[str, Partition | str | None, str | None]
"""Says which rows a file holds: two files with the same key hold the same rows."""


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A data file that a snapshot of a table is made of.

    Attributes:
        key: says which rows it holds.
        partition: their partition.
        digest: hash of its rows; None when another program wrote it.
        file: pyiceberg's description of it.
    """

    key: FileKey
    partition: Partition
    digest: str | None
    file: DataFile


@dataclass(frozen=True)
class _NamedTask(WriteTask):
    """A write task whose file is named by a hash of its rows, and unique all the same.

    The unique part matters: Iceberg's maintenance takes a path that was once removed from a
    table for garbage, also when a file of the same name came back.
    """

    digest: str = ""

    def generate_data_file_filename(self, extension: str) -> str:
        """Return the file's name."""
        return f"rows-{self.digest}-{self.write_uuid.hex}.{extension}"


def iceberg_layout(name: str) -> tuple[Schema, PartitionSpec]:
    """Return the Iceberg schema and partition spec of table `name`."""
    ids = count(1)

    def numbered(column: pa.Field[pa.DataType]) -> pa.Field[pa.DataType]:
        metadata = {**(column.metadata or {}), b"PARQUET:field_id": str(next(ids)).encode()}
        kind = column.type
        if pa.types.is_list(kind):
            kind = pa.list_(numbered(kind.value_field))
        return pa.field(column.name, kind, nullable=column.nullable, metadata=metadata)

    schema = pyarrow_to_schema(pa.schema([numbered(column) for column in SCHEMAS[name]]))
    spec = PartitionSpec(
        *(
            PartitionField(
                source_id=schema.find_field(column).field_id,
                field_id=_FIRST_PARTITION_ID + number,
                transform=IdentityTransform(),
                name=column,
            )
            for number, column in enumerate(PARTITIONS[name])
        )
    )
    return schema, spec


def with_all_columns(table: Table, name: str) -> Table:
    """Return a table with the columns that it lacks added at its end.

    A warehouse made by an earlier version has none of the later columns; they all may be null,
    which is what its rows have in them.
    """
    known = set(table.schema().column_names)
    missing = [column for column in SCHEMAS[name] if column.name not in known]
    if missing:
        with table.update_schema() as update:
            update.union_by_name(pa.schema(missing))
    return table


def live_files(
    table: Table, name: str, snapshot_id: int, row_filter: BooleanExpression
) -> list[LiveFile]:
    """Return the files of one snapshot whose partitions satisfy `row_filter`."""
    found = []
    for task in table.scan(row_filter=row_filter, snapshot_id=snapshot_id).plan_files():
        values = {column: task.file.partition[i] for i, column in enumerate(PARTITIONS[name])}
        match = _NAME.search(task.file.file_path)
        digest = match["digest"] if match else None
        partition = Partition(
            day=_EPOCH + timedelta(days=values["day"]),
            site_id=values["site_id"],
            patrol_id=values.get("patrol_id"),
        )
        found.append(LiveFile(file_key(name, partition, digest), partition, digest, task.file))
    return found


def file_key(name: str, partition: Partition, digest: str | None) -> FileKey:
    """Return the key of a file of table `name`.

    Where the day is that of the run, it does not count: the same footage, refused again a day
    later, is the same row.
    """
    if "day" in _NOT_IN_DIGEST.get(name, frozenset()):
        return partition.site_id, partition.patrol_id, digest
    return partition.site_id, partition, digest


def of_site(site_id: str) -> BooleanExpression:
    """Return the filter for rows of a site."""
    return EqualTo(term=Reference("site_id"), value=literal(site_id))


def is_in(column: str, values: Iterable[str]) -> BooleanExpression:
    """Return the filter for rows whose `column` is one of `values`; dates are given as text."""
    return In(term=Reference(column), literals={literal(value) for value in values})


def of_days(site_id: str, days: Iterable[date]) -> BooleanExpression:
    """Return the filter for rows of a site on some days."""
    return And(of_site(site_id), is_in("day", (day.isoformat() for day in days)))


def of_patrols(site_id: str, patrol_ids: Iterable[str]) -> BooleanExpression:
    """Return the filter for rows of some patrols of a site."""
    return And(of_site(site_id), is_in("patrol_id", patrol_ids))


def rows_digest(name: str, rows: pa.Table) -> str:
    """Return a hash of rows in their order: 32 hex digits over their Arrow IPC stream."""
    columns = [c for c in rows.schema.names if c not in _NOT_IN_DIGEST.get(name, frozenset())]
    # One batch of fresh arrays: slices and chunks of the same rows would be written differently.
    chosen = rows.select(columns).take(np.arange(rows.num_rows))
    chosen = chosen.cast(pa.schema([pa.field(c.name, c.type) for c in chosen.schema]))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, chosen.schema) as stream:
        stream.write_table(chosen.combine_chunks())
    return hashlib.blake2b(sink.getvalue(), digest_size=16).hexdigest()


def _partition_of(name: str, row: Mapping[str, object]) -> Partition:
    day, site_id, patrol_id = row["day"], row["site_id"], row.get("patrol_id")
    if not isinstance(day, date) or not isinstance(site_id, str):
        raise RecordError(f"a row for {name} has no day or no site_id")
    if "patrol_id" not in PARTITIONS[name]:
        return Partition(day, site_id)
    if not isinstance(patrol_id, str) or not patrol_id:
        raise RecordError(f"a row for {name} has no patrol_id")
    return Partition(day, site_id, patrol_id)


def by_partition(name: str, rows: pa.Table) -> Iterator[tuple[Partition, pa.Table]]:
    """Cut rows into those of each partition, each in the table's order."""
    columns = list(PARTITIONS[name])
    rest = [column for column in ORDER[name] if column not in columns]
    ordered = rows.sort_by([(column, "ascending") for column in [*columns, *rest]])
    start = 0
    runs = ordered.group_by(columns, use_threads=False).aggregate([([], "count_all")])
    for row in runs.sort_by([(column, "ascending") for column in columns]).to_pylist():
        length = row["count_all"]
        yield _partition_of(name, row), ordered.slice(start, length)
        start += length


def chunks(name: str, source: pa.Table | Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield rows in pieces of at most about `ROWS_PER_FILE`, in the table's exact types.

    Raises:
        RecordError: the rows do not fit the table, or a piece names a row twice.
    """
    batches = (
        source.to_batches(max_chunksize=ROWS_PER_FILE) if isinstance(source, pa.Table) else source
    )
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_PER_FILE):
            piece = batch.slice(start, ROWS_PER_FILE)
            if held and held + piece.num_rows > ROWS_PER_FILE:
                yield _checked(name, waiting)
                waiting, held = [], 0
            waiting.append(piece)
            held += piece.num_rows
    if held:
        yield _checked(name, waiting)


def _checked(name: str, batches: Sequence[pa.RecordBatch]) -> pa.Table:
    rows = conform(pa.Table.from_batches(batches), name)
    keys = list(KEYS[name])
    if keys:
        counted = rows.group_by(keys).aggregate([([], "count_all")])
        if counted.num_rows < rows.num_rows:
            twice = next(row for row in counted.to_pylist() if row["count_all"] > 1)
            what = ", ".join(f"{key} {twice[key]}" for key in keys)
            raise RecordError(f"rows for {name} hold {what} more than once")
    return rows


def write_rows(table: Table, partition: Partition, rows: pa.Table, digest: str) -> DataFile:
    """Write rows of one partition to a new data file; no table shows it before a commit."""
    spec = table.spec()
    values = {
        "day": partition.day,
        "site_id": partition.site_id,
        "patrol_id": partition.patrol_id,
    }
    key = PartitionKey(
        field_values=[PartitionFieldValue(field, values[field.name]) for field in spec.fields],
        partition_spec=spec,
        schema=table.schema(),
    )
    task = _NamedTask(
        write_uuid=uuid.uuid4(),
        task_id=0,
        schema=table.schema(),
        record_batches=rows.to_batches(),
        partition_key=key,
        digest=digest,
    )
    (written,) = write_file(table.io, table.metadata, iter([task]))
    return written
