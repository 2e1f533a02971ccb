"""Catalogs that move the pointers of several tables in one step.

Iceberg commits one table at a time: the catalog swaps one pointer. A run changes up to five
tables, and people must never read four new ones and an old one. Both catalogs here let the
caller prepare the new metadata of every table first (`together`), then swap all pointers at
once: one SQL transaction, or the creation of one object in a bucket.
"""

from __future__ import annotations

import json
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io import load_file_io
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from park.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_LAST_COMMIT = 10**12
_MISSING = {"404", "NoSuchKey", "NotFound"}
_TAKEN = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class S3Client(Protocol):
    """What is used of a boto3 S3 client; its own class is made by boto3 at run time."""

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """Read one object."""

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """Read what is known about one object."""

    def put_object(self, **request: object) -> dict[str, Any]:
        """Write one object."""

    def list_objects_v2(self, **request: object) -> dict[str, Any]:
        """List objects under a prefix."""

    def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class PointerChange:
    """One table's pointer, before and after.

    Attributes:
        identifier: namespace and name.
        before: metadata file that the pointer must still name when it is moved.
        after: metadata file that it shall name then.
    """

    identifier: Identifier
    before: str
    after: str


class GroupCommitCatalog(MetastoreCatalog):
    """A catalog that can hold commits back and publish them all in one step."""

    _held: list[PointerChange] | None = None

    @contextmanager
    def together(self) -> Iterator[list[PointerChange]]:
        """Hold every commit made inside, then publish all of them, or none when one fails.

        Yields the changes held so far; their metadata files are written, and nobody sees them.

        Raises:
            CommitFailedException: one of the tables was changed by somebody else meanwhile.
        """
        if self._held is not None:
            raise WarehouseError("a group of commits is already open on this catalog")
        held: list[PointerChange] = []
        self._held = held
        try:
            yield held
        finally:
            self._held = None
        if held:
            self.publish(held)

    @abstractmethod
    def publish(self, changes: list[PointerChange]) -> None:
        """Move all pointers in one step, or raise `CommitFailedException` and move none."""

    def hold(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> tuple[PointerChange, CommitTableResponse]:
        """Write a table's next metadata file without publishing it."""
        staged = self._update_and_stage_table(table, table.name(), requirements, updates)
        self._write_metadata(staged.metadata, staged.io, staged.metadata_location)
        change = PointerChange(table.name(), table.metadata_location, staged.metadata_location)
        response = CommitTableResponse.model_validate(
            {"metadata": staged.metadata, "metadata-location": staged.metadata_location}
        )
        return change, response


class GroupCommitSqlCatalog(GroupCommitCatalog, SqlCatalog):
    """pyiceberg's SQL catalog, with all pointers of a group moved in one database transaction."""

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Commit one table, or hold the commit back inside `together`."""
        if self._held is None:
            return SqlCatalog.commit_table(self, table, requirements, updates)
        change, response = self.hold(table, requirements, updates)
        self._held.append(change)
        return response

    def create_tables(self) -> None:
        """Make the catalog's own tables; another process may be doing the same."""
        for last in (False, False, True):
            try:
                SqlCatalog.create_tables(self)
            except OperationalError as error:
                if last or "already exists" not in str(error):
                    raise
            else:
                return

    def pointers(self) -> list[str]:
        """Return the metadata file of every table, without opening any."""
        chosen = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == self.name
        )
        with Session(self.engine) as session:
            return [where for where in session.scalars(chosen) if where is not None]

    def publish(self, changes: list[PointerChange]) -> None:
        """Move all pointers in one database transaction."""
        with Session(self.engine) as session, session.begin():
            for change in changes:
                *namespace, name = change.identifier
                moved = session.execute(
                    update(IcebergTables)
                    .where(
                        IcebergTables.catalog_name == self.name,
                        IcebergTables.table_namespace == ".".join(namespace),
                        IcebergTables.table_name == name,
                        IcebergTables.metadata_location == change.before,
                    )
                    .values(
                        metadata_location=change.after, previous_metadata_location=change.before
                    )
                )
                if not isinstance(moved, CursorResult) or moved.rowcount < 1:
                    raise CommitFailedException(f"{name} was changed by another run")


@dataclass(frozen=True, slots=True)
class _Commit:
    """One entry of the commit log: its number, its own id, and every table's metadata file."""

    number: int
    token: str
    tables: dict[str, str]


class ObjectLogCatalog(GroupCommitCatalog, NoopCatalog):
    """A catalog kept in the bucket beside the tables; it needs no server.

    Every commit creates one small object `_commits/<name>.json` that lists the metadata file of
    every table. It is created with `If-None-Match: *`, which S3 answers to exactly one of
    several writers, so commits form one line. Names count downwards from 999999999999, so that
    the newest is the first of a listing.

    Args:
        name: catalog name.
        client: a boto3 S3 client.
        bucket: the bucket.
        prefix: the warehouse's prefix in it, without slashes at its ends; may be empty.
        properties: pyiceberg's properties; `warehouse` must be `s3://bucket/prefix`.
    """

    def __init__(
        self, name: str, client: S3Client, bucket: str, prefix: str, **properties: str
    ) -> None:
        super().__init__(name, **properties)
        self._client = client
        self._bucket = bucket
        self._folder = f"{prefix}/_commits/" if prefix else "_commits/"

    def _key(self, number: int) -> str:
        return f"{self._folder}{_LAST_COMMIT - number:012d}.json"

    def _read(self, number: int) -> _Commit | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(number))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        body = json.loads(answer["Body"].read())
        return _Commit(number, body["token"], body["tables"])

    def _head(self) -> _Commit:
        listing = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._folder, MaxKeys=1)
        commit = _Commit(0, "", {})
        for entry in listing.get("Contents", []):
            stem = entry["Key"].removeprefix(self._folder).removesuffix(".json")
            listed = self._read(_LAST_COMMIT - int(stem))
            if listed is not None:
                commit = listed
        # Some stores list late: look whether a newer one can already be read.
        while (newer := self._read(commit.number + 1)) is not None:
            commit = newer
        return commit

    def _append(self, after: _Commit, tables: dict[str, str]) -> None:
        entry = _Commit(after.number + 1, uuid.uuid4().hex, tables)
        body = json.dumps({"token": entry.token, "tables": tables}, sort_keys=True).encode()
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(entry.number),
                Body=body,
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
            # A request that was sent twice meets its own first success.
            there = self._read(entry.number)
            if there is None or there.token != entry.token:
                raise CommitFailedException("another run committed first") from error

    def publish(self, changes: list[PointerChange]) -> None:
        """Create the next entry of the commit log."""
        head = self._head()
        tables = dict(head.tables)
        for change in changes:
            name = ".".join(change.identifier)
            if tables.get(name) != change.before:
                raise CommitFailedException(f"{name} was changed by another run")
            tables[name] = change.after
        self._append(head, tables)

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Commit one table, or hold the commit back inside `together`."""
        change, response = self.hold(table, requirements, updates)
        if self._held is None:
            self.publish([change])
        else:
            self._held.append(change)
        return response

    def create_namespace(
        self, namespace: str | Identifier, properties: Properties = EMPTY_DICT
    ) -> None:
        """Do nothing: namespaces are only parts of names here."""

    def namespace_exists(self, namespace: str | Identifier) -> bool:
        """Return True: any namespace may be used."""
        return True

    def create_table(
        self,
        identifier: str | Identifier,
        schema: Schema | pa.Schema,
        location: str | None = None,
        partition_spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC,
        sort_order: SortOrder = UNSORTED_SORT_ORDER,
        properties: Properties = EMPTY_DICT,
    ) -> Table:
        """Create a table.

        Raises:
            TableAlreadyExistsError: it exists.
            CommitFailedException: somebody else committed at the same moment.
        """
        name = ".".join(self.identifier_to_tuple(identifier))
        head = self._head()
        if name in head.tables:
            raise TableAlreadyExistsError(f"table {name} already exists")
        where = location or f"{self.properties['warehouse']}/{name.replace('.', '/')}"
        metadata = new_table_metadata(
            location=where,
            schema=self._convert_schema_if_needed(schema),
            partition_spec=partition_spec,
            sort_order=sort_order,
            properties=properties,
        )
        provider = load_location_provider(where, properties)
        metadata_location = provider.new_table_metadata_file_location()
        self._write_metadata(metadata, self._load_file_io(location=where), metadata_location)
        self._append(head, {**head.tables, name: metadata_location})
        return self.load_table(identifier)

    def load_table(self, identifier: str | Identifier) -> Table:
        """Load a table as of the newest commit.

        Raises:
            NoSuchTableError: there is no such table.
        """
        parts = self.identifier_to_tuple(identifier)
        metadata_location = self._head().tables.get(".".join(parts))
        if metadata_location is None:
            raise NoSuchTableError(f"table {'.'.join(parts)} does not exist")
        io = load_file_io(self.properties, metadata_location)
        metadata = FromInputFile.table_metadata(io.new_input(metadata_location))
        return Table(
            identifier=parts,
            metadata=metadata,
            metadata_location=metadata_location,
            io=self._load_file_io(metadata.properties, metadata_location),
            catalog=self,
        )

    def list_tables(self, namespace: str | Identifier) -> list[Identifier]:
        """Return the identifiers of all tables in `namespace`."""
        start = ".".join(self.identifier_to_tuple(namespace)) + "."
        return [tuple(name.split(".")) for name in self._head().tables if name.startswith(start)]

    def close(self) -> None:
        """Close the connections to the bucket."""
        self._client.close()
