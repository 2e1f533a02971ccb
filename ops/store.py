"""Where evidence pictures and other files lie: a folder, or a bucket behind the same few calls."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from park.errors import SettingsError, StoreError
from pipelines.warehouse import WarehouseLocation, WarehouseSettings, s3_client

_MISSING = {"404", "NoSuchKey", "NotFound"}


class Store(Protocol):
    """Files by key. A key is a relative path with `/` between its parts, as in `a/b.jpg`."""

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        """Write a file, whole or not at all, over one of the same key; return its uri.

        Raises:
            StoreError: the key is not allowed, or the file cannot be written.
        """

    def read(self, key: str) -> bytes:
        """Return a file's bytes.

        Raises:
            StoreError: there is no such file, or it cannot be read.
        """

    def exists(self, key: str) -> bool:
        """Return whether there is a file of this key."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order."""

    def uri(self, key: str) -> str:
        """Return where the file lies, for tables and people."""


def _checked(key: str) -> str:
    parts = key.split("/")
    if "\\" in key or "\0" in key or any(part in {"", ".", ".."} for part in parts):
        raise StoreError(
            f"key {key!r} is not a relative path; write it as in evidence/2026-05-01/a.jpg"
        )
    return key


class FolderStore:
    """Files in a folder; it is made with the first file.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.expanduser().resolve()

    def _path(self, key: str) -> Path:
        path = self._root / _checked(key)
        if not path.resolve().is_relative_to(self._root):
            raise StoreError(f"key {key!r} leads out of {self._root} by a link")
        return path

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        """Write a file; readers see the old one or the new one, never a part. See `Store`."""
        path = self._path(key)
        part: Path | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            part = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(path)
        except OSError as error:
            if part is not None:
                part.unlink(missing_ok=True)
            raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
        return self.uri(key)

    def read(self, key: str) -> bytes:
        """Return a file's bytes. See `Store`."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error

    def exists(self, key: str) -> bool:
        """Return whether there is a file of this key. See `Store`."""
        return self._path(key).is_file()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order. See `Store`."""
        found = (
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if path.is_file() and not path.name.startswith(".part-")
        )
        yield from sorted(key for key in found if key.startswith(prefix))

    def uri(self, key: str) -> str:
        """Return the file's absolute path. See `Store`."""
        return str(self._path(key))


class S3Store:
    """Files in a bucket.

    Args:
        bucket: the bucket.
        prefix: what all keys begin with in it, without slashes at its ends; may be empty.
        settings: how the bucket is reached.
    """

    def __init__(self, bucket: str, prefix: str, settings: WarehouseSettings) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._settings = settings
        self._client = s3_client(settings)

    def __getstate__(self) -> tuple[str, str, WarehouseSettings]:
        # A client holds open connections, and a store travels to the workers of a pipeline.
        return self._bucket, self._prefix, self._settings

    def __setstate__(self, state: tuple[str, str, WarehouseSettings]) -> None:
        self._bucket, self._prefix, self._settings = state
        self._client = s3_client(self._settings)

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        """Write a file; S3 shows it only when it is whole. See `Store`."""
        where = self.uri(key)
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=content, ContentType=media_type
            )
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"{where}: cannot be written: {error}") from error
        return where

    def read(self, key: str) -> bytes:
        """Return a file's bytes. See `Store`."""
        where = self.uri(key)
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return bytes(answer["Body"].read())
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"{where}: cannot be read: {error}") from error

    def exists(self, key: str) -> bool:
        """Return whether there is a file of this key. See `Store`."""
        where = self.uri(key)
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return False
            raise StoreError(f"{where}: cannot be looked up: {error}") from error
        except BotoCoreError as error:
            raise StoreError(f"{where}: cannot be looked up: {error}") from error
        return True

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in order. See `Store`."""
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        while True:
            try:
                page = self._client.list_objects_v2(**request)
            except (ClientError, BotoCoreError) as error:
                raise StoreError(f"s3://{self._bucket}: cannot be listed: {error}") from error
            for entry in page.get("Contents", []):
                yield str(entry["Key"]).removeprefix(self._prefix)
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def uri(self, key: str) -> str:
        """Return the file's `s3://` address. See `Store`."""
        return f"s3://{self._bucket}/{self._prefix}{_checked(key)}"


def open_store(location: str, environment: Mapping[str, str]) -> Store:
    """Return the store in a folder or at `s3://bucket/prefix`.

    Raises:
        SettingsError: `location` is neither.
    """
    where = WarehouseLocation.parse(location)
    if where.folder is not None:
        return FolderStore(where.folder)
    if where.bucket is None:
        raise SettingsError(f"{location}: give a folder or s3://bucket/prefix")
    return S3Store(where.bucket, where.prefix, WarehouseSettings.from_environment(environment))
