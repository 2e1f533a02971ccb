"""Where a warehouse lies, and the catalog that belongs to it.

A folder needs no configuration: its catalog is the SQLite file `catalog.db` in it. A bucket
needs none either: its catalog is a log of commits beside the tables. Any other catalog that
pyiceberg knows is chosen by `PARKWATCH_CATALOG_URI`.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import boto3
import pyarrow as pa
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    RESTError,
    ServerError,
    ValidationException,
)
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from park.errors import SettingsError, WarehouseError
from pipelines.catalogs import GroupCommitSqlCatalog, ObjectLogCatalog, S3Client

CATALOG_NAME = "parkwatch"
NAMESPACE = "park"
_CATALOG_FILE = "catalog.db"
_LOCK_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 10
_REQUEST_TIMEOUT_S = 60
_S3 = re.compile(r"s3a?://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class WarehouseSettings:
    """What may be configured about a warehouse.

    Attributes:
        catalog_uri: None for the catalog that the place brings along; else an SQLAlchemy URL
            (`postgresql+psycopg://...`, `sqlite:///...`), `glue:` or a REST catalog's
            `https://...`.
        endpoint_url: an S3 service other than Amazon's; None for Amazon's.
        region: the bucket's region; None for the one the AWS configuration names.
    """

    catalog_uri: str | None = None
    endpoint_url: str | None = None
    region: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read PARKWATCH_CATALOG_URI, AWS_ENDPOINT_URL(_S3), AWS_REGION, AWS_DEFAULT_REGION.

        Credentials are not read here: boto3 and Arrow find them in AWS's own places.
        """

        def first(*names: str) -> str | None:
            return next((environment[name] for name in names if environment.get(name)), None)

        return cls(
            catalog_uri=first("PARKWATCH_CATALOG_URI"),
            endpoint_url=first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
            region=first("AWS_REGION", "AWS_DEFAULT_REGION"),
        )


@dataclass(frozen=True, slots=True)
class WarehouseLocation:
    """A folder or a bucket with a prefix.

    Attributes:
        root: absolute path without a scheme, or `s3://bucket/prefix` without a slash at its end.
        bucket: the bucket; None for a folder.
        prefix: the prefix in it, without slashes at its ends; empty for a folder.
    """

    root: str
    bucket: str | None = None
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a folder's path or an `s3://bucket/prefix`.

        Raises:
            SettingsError: it is neither.
        """
        if not text.strip():
            raise SettingsError("the warehouse is empty; give a folder or s3://bucket/prefix")
        if "://" not in text:
            return cls(root=str(Path(text).expanduser().resolve()))
        match = _S3.fullmatch(text)
        if match is None:
            raise SettingsError(
                f"warehouse {text}: not a place that can be used; "
                "give a folder or s3://bucket/prefix"
            )
        bucket, prefix = match["bucket"], (match["prefix"] or "").strip("/")
        return cls(f"s3://{bucket}/{prefix}".rstrip("/"), bucket, prefix)

    @property
    def folder(self) -> Path | None:
        """The folder; None for a bucket."""
        return Path(self.root) if self.bucket is None else None


@contextmanager
def warehouse_errors(doing: str, root: str) -> Iterator[None]:
    """Turn what libraries raise into a `WarehouseError` that says what was being done.

    Args:
        doing: what was being done, to follow "cannot": "read the table incidents".
        root: the warehouse.
    """
    try:
        yield
    except (CommitFailedException, NoSuchTableError):
        raise
    except OSError as error:
        text = str(error)
        if error.errno in _FULL or "No space left" in text or "File too large" in text:
            raise WarehouseError(
                f"{root}: cannot {doing}: the disk is full. The tables are as they were before; "
                "free some space and run again"
            ) from error
        raise WarehouseError(f"{root}: cannot {doing}: {text}") from error
    except SQLAlchemyError as error:
        text = str(getattr(error, "orig", None) or error)
        if "full" in text:
            text = "the disk is full. The tables are as they were before; free some space"
        raise WarehouseError(f"{root}: cannot {doing}: {text}") from error
    except (
        BotoCoreError,
        ClientError,
        RESTError,
        ServerError,
        ValidationException,
        pa.ArrowException,
    ) as error:
        raise WarehouseError(f"{root}: cannot {doing}: {error}") from error


def s3_client(settings: WarehouseSettings) -> S3Client:
    """Return a boto3 S3 client with time limits."""
    other = settings.endpoint_url is not None
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region or ("us-east-1" if other else None),
        config=Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_REQUEST_TIMEOUT_S,
            retries={"max_attempts": 4, "mode": "standard"},
            s3={"addressing_style": "path" if other else "auto"},
            # Services other than Amazon's often refuse the newer checksums.
            request_checksum_calculation="when_required" if other else "when_supported",
        ),
    )
    return client


def _io_properties(location: WarehouseLocation, settings: WarehouseSettings) -> dict[str, str]:
    properties = {
        "warehouse": location.root,
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
    }
    if location.bucket is not None:
        properties["s3.connect-timeout"] = str(_CONNECT_TIMEOUT_S)
        properties["s3.request-timeout"] = str(_REQUEST_TIMEOUT_S)
        if settings.endpoint_url is not None:
            properties["s3.endpoint"] = settings.endpoint_url
        if settings.region is not None or settings.endpoint_url is not None:
            properties["s3.region"] = settings.region or "us-east-1"
    return properties


def open_catalog(
    location: WarehouseLocation, settings: WarehouseSettings, *, create: bool
) -> Catalog:
    """Open the catalog of a warehouse.

    Args:
        location: the warehouse.
        settings: which catalog, and how a bucket is reached.
        create: whether to make the folder and its catalog where there is none.

    Raises:
        WarehouseError: there is no warehouse and `create` is False, or it cannot be reached.
        SettingsError: the catalog's address is not of a known kind.
    """
    properties = _io_properties(location, settings)
    uri = settings.catalog_uri
    if uri is None:
        if location.bucket is not None:
            return ObjectLogCatalog(
                CATALOG_NAME, s3_client(settings), location.bucket, location.prefix, **properties
            )
        file = Path(location.root) / _CATALOG_FILE
        with warehouse_errors("open the warehouse", location.root):
            if create:
                file.parent.mkdir(parents=True, exist_ok=True)
            elif not file.is_file():
                raise WarehouseError(
                    f"{location.root}: there is no warehouse here yet; "
                    "`parkwatch reprocess` makes one"
                )
            url = URL.create("sqlite", database=str(file), query={"timeout": str(_LOCK_TIMEOUT_S)})
            return GroupCommitSqlCatalog(
                CATALOG_NAME, uri=url.render_as_string(hide_password=False), **properties
            )
    with warehouse_errors("open the catalog", location.root):
        if uri.startswith("glue:"):
            glue = {"type": "glue", **properties}
            if settings.endpoint_url is not None:
                glue["glue.endpoint"] = settings.endpoint_url
            if "s3.region" in properties:
                glue["glue.region"] = properties["s3.region"]
            return load_catalog(CATALOG_NAME, **glue)
        if uri.startswith(("http://", "https://")):
            return load_catalog(CATALOG_NAME, type="rest", uri=uri, **properties)
        if uri.startswith(("sqlite:", "postgresql")):
            return GroupCommitSqlCatalog(CATALOG_NAME, uri=uri, **properties)
    raise SettingsError(
        f"PARKWATCH_CATALOG_URI is {uri}; give sqlite:///..., postgresql+psycopg://..., glue: or "
        "the https:// address of an Iceberg REST catalog, or leave it out"
    )
