"""Results of measurements that take long, kept by what they were measured of.

A result lies under a key, the hash of everything that decides it: weights, card, labelled
pictures, scenario, seed, site, and the program (`accuracy_code`). A measurement that was
interrupted goes on where it stopped, and one of which something has changed is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from park.errors import SettingsError
from park.records import JsonValue

_DIGITS = 16
_DONE = "done.json"


def key_of(facts: Mapping[str, JsonValue]) -> str:
    """Return the key of what some facts decide; their order does not matter."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def digest_of_folder(folder: Path) -> str:
    """Return a hash of the names and sizes of all files below a folder."""
    listed = sorted(
        (path.relative_to(folder).as_posix(), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    )
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:_DIGITS]


class Results:
    """A folder of results and of the folders that they are made from.

    Args:
        folder: made when it is not there.
        fresh: results that are there do not count.

    Raises:
        SettingsError: it cannot be made.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self._folder = folder
        self._fresh = fresh
        self._made: set[str] = set()
        self._locks: dict[str, IO[bytes]] = {}
        self._open = ExitStack()
        weakref.finalize(self, self._open.close)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"cannot keep results in {folder}: {error.strerror or error}"
            ) from error

    def get(self, kind: str, facts: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
        """Return the result of some facts; None when there is none that counts."""
        path = self._path(kind, facts)
        if self._fresh and path.name not in self._made:
            return None
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError):
            # Half a file is left by a power failure; it is measured again.
            return None
        if not isinstance(content, dict) or not isinstance(content.get("result"), dict):
            return None
        result: dict[str, JsonValue] = content["result"]
        return result

    def put(
        self, kind: str, facts: Mapping[str, JsonValue], result: Mapping[str, JsonValue]
    ) -> None:
        """Keep a result, whole or not at all."""
        path = self._path(kind, facts)
        part = path.with_suffix(".part")
        text = json.dumps({"facts": dict(facts), "result": dict(result)}, ensure_ascii=False)
        part.write_text(text, "utf-8")
        part.replace(path)
        self._made.add(path.name)

    def folder_for(self, kind: str, facts: Mapping[str, JsonValue]) -> tuple[Path, bool]:
        """Return the folder that some facts fill, and whether it is filled.

        One that was begun and not finished is emptied, and is this run's until it is filled.

        Raises:
            SettingsError: another run is filling it.
        """
        folder = self._folder / f"{kind}-{key_of(facts)}"
        if self._is_filled(folder):
            return folder, True
        self._lock(folder)
        if self._is_filled(folder):
            # Another run filled it while this one came here.
            self._locks.pop(folder.name).close()
            return folder, True
        if folder.exists():
            shutil.rmtree(folder)
        return folder, False

    def _is_filled(self, folder: Path) -> bool:
        stale = self._fresh and folder.name not in self._made
        return (folder / _DONE).is_file() and not stale

    def _lock(self, folder: Path) -> None:
        if folder.name in self._locks:
            return
        lock = self._open.enter_context(folder.with_suffix(".lock").open("ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingsError(
                f"another run is filling {folder}: wait until it has ended, "
                "or give this one another --work"
            ) from error
        self._locks[folder.name] = lock

    def filled(self, folder: Path, facts: Mapping[str, JsonValue]) -> None:
        """Mark a folder as finished."""
        (folder / _DONE).write_text(json.dumps(dict(facts), ensure_ascii=False), "utf-8")
        self._made.add(folder.name)
        if lock := self._locks.pop(folder.name, None):
            lock.close()

    def filled_facts(self, folder: Path) -> dict[str, JsonValue]:
        """Return what a finished folder was marked with."""
        facts: dict[str, JsonValue] = json.loads((folder / _DONE).read_bytes())
        return facts

    def _path(self, kind: str, facts: Mapping[str, JsonValue]) -> Path:
        return self._folder / f"{kind}-{key_of(facts)}.json"
