"""Brings a recorded patrol to a store while it is flown, and after it.

Files are sent as they close, and sent again until the store confirms them; nothing here deletes
anything. What is confirmed is written down beside the footage, so a restarted program, or
`upload_patrol` days later, sends only what is missing. The manifest in the store names only what
is there already.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drone.recorder.flight_log import FLIGHT_LOG_NAME
from drone.recorder.manifest import told_of
from drone.recorder.telemetry import TELEMETRY_FOLDER
from park.clock import Clock, SystemClock
from park.errors import ParkwatchError, RecordingError
from park.patrol_format import MANIFEST_NAME, PatrolManifest, read_manifest

log = logging.getLogger(__name__)

UPLOADS_NAME = ".uploads.jsonl"
_MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
}


class FootageStore(Protocol):
    """Where footage is sent: files by key, written whole or not at all."""

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        """Write a file over one of the same key; return its uri.

        Raises:
            StoreError: it is not certain that the file is there now.
        """

    def uri(self, key: str) -> str:
        """Return where a file of this key lies, or would lie."""


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How patient uploading is.

    Attributes:
        first_pause_s: after the first failure; doubled after each further one.
        longest_pause_s: the pause grows no longer.
        manifest_every_s: how often manifest and flight log are sent while there is more to send.
    """

    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    manifest_every_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0.0 < self.first_pause_s <= self.longest_pause_s:
            raise RecordingError("pauses between uploads must be above zero, the first shortest")


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of the files of a patrol.

    Attributes:
        where: uri that the store gave for the manifest; None when it did not arrive.
        confirmed: how many files the store has confirmed, those of earlier runs included.
        not_uploaded: names of files that are here alone.
        failures: how often sending failed.
        last_failure: the last reason; empty for none.
    """

    where: str | None
    confirmed: int
    not_uploaded: tuple[str, ...]
    failures: int
    last_failure: str

    @property
    def ok(self) -> bool:
        """Whether everything is in the store."""
        return not self.not_uploaded


class Uploader:
    """Sends files in a thread of its own.

    Args:
        folder: the patrol's.
        store: where to.
        prefix: what keys begin with, without a slash at its end; the patrol's id.
        manifest: gives the present manifest; None while there is none.
        note: puts something into the flight log.
        clock: of this machine.
        options: how patient it is.

    Raises:
        RecordingError: the list of what was confirmed cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        store: FootageStore,
        prefix: str,
        manifest: Callable[[], PatrolManifest | None],
        *,
        note: Callable[[str, str], None] = lambda kind, message: None,
        clock: Clock | None = None,
        options: UploadOptions | None = None,
    ) -> None:
        self._folder, self._store, self._prefix = folder, store, prefix
        self._manifest, self._note = manifest, note
        self._clock = clock or SystemClock()
        self._options = options or UploadOptions()
        self._changed = threading.Condition()
        self._queue: deque[str] = deque()
        self._log_changed = (folder / FLIGHT_LOG_NAME).exists()
        self._told: str | None = None
        self._told_at_s = -1e9
        self._where: str | None = None
        self._finish_by_s: float | None = None
        self._log_sent_at_s = -1e9
        self._pause_s = 0.0
        self._pause_before = 0.0
        self._failures = 0
        self._last_failure = ""
        self._confirmed = self._read_state()
        self._thread = threading.Thread(target=self._run, name="footage upload", daemon=True)

    def _read_state(self) -> dict[str, str]:
        path = self._folder / UPLOADS_NAME
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
        confirmed = {}
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                name = str(entry["name"])
                # Another store may have confirmed it; that is nothing to this one.
                if entry["uri"] == self._store.uri(f"{self._prefix}/{name}"):
                    confirmed[name] = str(entry["sha256"])
            except (ValueError, KeyError, TypeError):
                # A crash cut this line: the file is sent once more.
                continue
        return confirmed

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def add(self, name: str) -> None:
        """Send a file that is whole and stays as it is; does not block."""
        with self._changed:
            self._queue.append(name)
            self._changed.notify_all()

    def log_changed(self) -> None:
        """Send the flight log when it suits; does not block."""
        with self._changed:
            self._log_changed = True
            self._changed.notify_all()

    def forget_parts(self) -> None:
        """Do not send parts of the telemetry any more: they were joined into one file."""
        with self._changed:
            kept = (name for name in self._queue if not name.startswith(f"{TELEMETRY_FOLDER}/"))
            self._queue = deque(kept)

    def finish(self, timeout_s: float) -> UploadReport:
        """Send what is left, but no longer than `timeout_s`, and say what could not be sent."""
        with self._changed:
            self._finish_by_s = self._clock.monotonic_s() + timeout_s
            self._log_changed = (self._folder / FLIGHT_LOG_NAME).exists()
            self._pause_s = 0.0
            self._changed.notify_all()
        # A request that hangs is left alone: whatever it does, nothing is lost here.
        self._thread.join(timeout_s + 0.5)
        return self.report()

    def report(self) -> UploadReport:
        """Return how far it is."""
        with self._changed:
            left = list(dict.fromkeys(self._queue))
            if self._log_changed:
                left.append(FLIGHT_LOG_NAME)
            manifest = self._manifest()
            if manifest is not None and manifest.to_json() != self._told:
                left.append(MANIFEST_NAME)
            return UploadReport(
                self._where,
                len(self._confirmed),
                tuple(left),
                self._failures,
                self._last_failure,
            )

    def _run(self) -> None:
        while True:
            task = self._next_task()
            if task is None:
                return
            try:
                self._send(task)
            except (ParkwatchError, OSError) as error:
                self._failed(task, str(error))
            except Exception as error:
                log.exception("uploading %s failed", task)
                self._failed(task, f"{type(error).__name__}: {error}")

    def _next_task(self) -> str | None:
        """Wait for something to send and return its name; None when it is time to stop."""
        while True:
            with self._changed:
                now_s = self._clock.monotonic_s()
                finishing = self._finish_by_s is not None
                if self._finish_by_s is not None and now_s >= self._finish_by_s:
                    return None
                pause_s, self._pause_s = self._pause_s, 0.0
                if pause_s > 0.0:
                    self._changed.wait(min(pause_s, 1.0) if finishing else pause_s)
                    continue
            found = self._due(finishing)
            if found is not None:
                return found
            with self._changed:
                if not self._queue:
                    if finishing:
                        return None
                    self._changed.wait(0.5)

    def _due(self, finishing: bool) -> str | None:
        now_s, every_s = self._clock.monotonic_s(), self._options.manifest_every_s
        with self._changed:
            first = self._queue[0] if self._queue else None
            log_changed = self._log_changed
        last_ones = finishing and first is None
        manifest_due = last_ones or now_s - self._told_at_s >= every_s
        if manifest_due and self._manifest_text() not in (None, self._told):
            return MANIFEST_NAME
        if log_changed and (last_ones or now_s - self._log_sent_at_s >= every_s):
            return FLIGHT_LOG_NAME
        return first

    def _manifest_text(self) -> str | None:
        manifest = self._manifest()
        told = None if manifest is None else told_of(manifest, frozenset(self._confirmed))
        return None if told is None else told.to_json()

    def _send(self, name: str) -> None:
        if name == MANIFEST_NAME:
            text = self._manifest_text()
            if text is not None:
                self._where = self._write(name, text.encode())
                self._told, self._told_at_s = text, self._clock.monotonic_s()
        elif name == FLIGHT_LOG_NAME:
            with self._changed:
                self._log_changed = False
            try:
                self._write(name, (self._folder / name).read_bytes())
            except BaseException:
                with self._changed:
                    self._log_changed = True
                raise
            self._log_sent_at_s = self._clock.monotonic_s()
        else:
            self._send_file(name)

    def _send_file(self, name: str) -> None:
        try:
            content = (self._folder / name).read_bytes()
        except FileNotFoundError:
            with self._changed:
                gone = name in self._queue
                self._queue = deque(other for other in self._queue if other != name)
            if gone:
                self._note("upload", f"{name} is not there any more, so it was not uploaded")
            return
        digest = hashlib.sha256(content).hexdigest()
        if self._confirmed.get(name) != digest:
            uri = self._write(name, content)
            line = json.dumps({"name": name, "uri": uri, "sha256": digest})
            with (self._folder / UPLOADS_NAME).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        with self._changed:
            self._confirmed = {**self._confirmed, name: digest}
            if self._queue and self._queue[0] == name:
                self._queue.popleft()

    def _write(self, name: str, content: bytes) -> str:
        media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        where = self._store.write(f"{self._prefix}/{name}", content, media_type=media_type)
        if self._pause_before:
            self._note("upload", f"uploading goes on after {self._failures} failures")
            self._pause_before = 0.0
        return where

    def _failed(self, name: str, reason: str) -> None:
        options = self._options
        first = not self._pause_before
        pause_s = min(max(options.first_pause_s, 2 * self._pause_before), options.longest_pause_s)
        with self._changed:
            self._failures += 1
            self._last_failure = reason
            self._pause_s = self._pause_before = pause_s
        if first:
            self._note(
                "upload",
                f"{name} cannot be uploaded ({reason}); it is kept here and tried again",
            )


def upload_patrol(
    folder: Path,
    store: FootageStore,
    *,
    timeout_s: float,
    options: UploadOptions | None = None,
) -> UploadReport:
    """Send what a store does not have yet of a patrol that was recorded before.

    Args:
        folder: the patrol's.
        store: where to.
        timeout_s: how long it may take.
        options: how patient it is.

    Returns:
        What became of the files.

    Raises:
        FootageError: the folder holds no recorded patrol.
        RecordingError: the list of what was confirmed cannot be read.
    """
    manifest = read_manifest(str(folder))
    uploader = Uploader(folder, store, manifest.patrol_id, lambda: manifest, options=options)
    for name in (*manifest.telemetry, *(segment.file for segment in manifest.segments)):
        uploader.add(name)
    uploader.start()
    return uploader.finish(timeout_s)
