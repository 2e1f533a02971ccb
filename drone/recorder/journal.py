"""The thread that writes telemetry and the flight log, so that whoever tells them never waits."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from drone.recorder.flight_log import FLIGHT_LOG_NAME, FlightLog, LogEntry
from drone.recorder.manifest import ManifestFile
from drone.recorder.telemetry import (
    TELEMETRY_FOLDER,
    TelemetryRow,
    join_parts,
    part_name,
    write_part,
)
from park.clock import Clock
from park.patrol_format import TELEMETRY_NAME

log = logging.getLogger(__name__)

QUEUE_LENGTH = 100_000
MAX_KEPT = 400_000
"""Rows, and log entries, that are kept in memory while the disk refuses them: more than ten hours
of telemetry at 10 Hz."""

_FIRST_PART_S = 1.0
_TICK_S = 0.25
_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """What telemetry and log came to so far.

    Attributes:
        rows: on the disk.
        waiting: rows in memory.
        dropped: rows and log entries that were lost.
        span_s: time from the first row on the disk to the last.
    """

    rows: int
    waiting: int
    dropped: int
    span_s: float


class Journal:
    """Writes rows in parts, log entries in lines, and keeps the manifest's list of parts.

    Args:
        folder: the patrol's.
        manifest: of the patrol.
        parts: telemetry files that are there already.
        part_s: how long a part is, seconds of this machine's time.
        clock: of this machine.
        trouble: reports what could not be written.
        wrote: told the name of each file that is whole or has grown.
    """

    def __init__(
        self,
        folder: Path,
        manifest: ManifestFile,
        parts: tuple[str, ...],
        *,
        part_s: float,
        clock: Clock,
        trouble: Callable[[str], None],
        wrote: Callable[[str], None],
    ) -> None:
        self._folder, self._manifest, self._clock = folder, manifest, clock
        self._parts = list(parts)
        self._part_s = part_s
        self._trouble, self._wrote = trouble, wrote
        self._log = FlightLog(folder / FLIGHT_LOG_NAME)
        self._queue: queue.Queue[TelemetryRow | LogEntry] = queue.Queue(QUEUE_LENGTH)
        self._ended_at: datetime | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._open: list[TelemetryRow] = []
        self._entries: list[LogEntry] = []
        self._part_due_s = self._log_due_s = 0.0
        self._failing: set[str] = set()
        self._first_time: datetime | None = None
        self._last_time: datetime | None = None
        self._rows = 0
        self._dropped = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, item: TelemetryRow | LogEntry) -> None:
        """Take in a row or an entry; never blocks. It is dropped where the queue is full."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._dropped += 1

    def finish(self, ended_at: datetime, timeout_s: float) -> bool:
        """Write what is left and join the parts; return whether that was done in time."""
        self._ended_at = ended_at
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def figures(self) -> JournalFigures:
        """How far it is."""
        span_s = 0.0
        if self._first_time is not None and self._last_time is not None:
            span_s = (self._last_time - self._first_time).total_seconds()
        return JournalFigures(self._rows, len(self._open), self._dropped, span_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._guarded(lambda: self._take_in(_TICK_S))
            self._guarded(self._write_due)
        self._guarded(lambda: self._take_in(0.0))
        self._guarded(self._end)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Do a step; nothing that goes wrong in it ends the recording."""
        try:
            step()
        except Exception as error:
            log.exception("the recorder's writer failed")
            self._failed("telemetry or log", error)
            self._part_due_s = self._log_due_s = self._clock.monotonic_s() + _RETRY_S

    def _take_in(self, timeout_s: float) -> None:
        try:
            item = self._queue.get(timeout=timeout_s) if timeout_s else self._queue.get_nowait()
            while True:
                if isinstance(item, LogEntry):
                    self._entries.append(item)
                else:
                    if not self._open:
                        first = _FIRST_PART_S if not self._rows else self._part_s
                        self._part_due_s = self._clock.monotonic_s() + min(first, self._part_s)
                    self._open.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        for kept in (self._open, self._entries):
            if len(kept) > MAX_KEPT:
                self._dropped += len(kept) - MAX_KEPT
                del kept[:-MAX_KEPT]

    def _write_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._entries and now_s >= self._log_due_s:
            self._write_entries()
        if self._open and now_s >= self._part_due_s:
            self._write_part()

    def _write_entries(self) -> None:
        try:
            self._log.write(self._entries)
        except OSError as error:
            self._log_due_s = self._clock.monotonic_s() + _RETRY_S
            self._failed("the flight log", error)
            return
        self._failing.discard("the flight log")
        self._entries.clear()
        self._wrote(FLIGHT_LOG_NAME)

    def _write_part(self) -> None:
        name = part_name(self._open[0].time)
        try:
            self._manifest.begin(self._open[0].time)
            write_part(self._folder, name, self._open)
        except OSError as error:
            self._part_due_s = self._clock.monotonic_s() + _RETRY_S
            self._failed("telemetry", error)
            return
        self._failing.discard("telemetry")
        self._first_time = self._first_time or self._open[0].time
        self._last_time = self._open[-1].time
        self._rows += len(self._open)
        self._open = []
        self._parts.append(name)
        self._set_telemetry()
        self._wrote(name)

    def _set_telemetry(self) -> bool:
        try:
            self._manifest.set_telemetry(self._parts)
        except OSError as error:
            self._failed("the manifest", error)
            return False
        self._failing.discard("the manifest")
        return True

    def _end(self) -> None:
        if self._entries:
            self._write_entries()
        if self._open:
            self._write_part()
        ended_at = self._ended_at or self._clock.now()
        self._manifest.begin(ended_at)
        if self._open:
            self._trouble(f"{len(self._open)} rows of telemetry could not be written and are lost")
        joined = self._join()
        try:
            self._manifest.end(ended_at)
        except OSError as error:
            self._failed("the manifest", error)
            return
        if joined:
            self._wrote(TELEMETRY_NAME)

    def _join(self) -> bool:
        """Make one file of all parts; where that fails the parts stay, which is as good."""
        before = [name for name in self._parts if name != TELEMETRY_NAME]
        try:
            join_parts(self._folder, self._parts)
        except (OSError, pa.ArrowException) as error:
            self._failed("telemetry.parquet", error)
            return False
        self._parts = [TELEMETRY_NAME]
        if not self._set_telemetry():
            return False
        try:
            for name in before:
                (self._folder / name).unlink(missing_ok=True)
            if before:
                (self._folder / TELEMETRY_FOLDER).rmdir()
        except OSError:
            # What is left over is named by nothing, and is all in the joined file.
            log.info("%s: parts of the telemetry were left over", self._folder)
        return True

    def _failed(self, what: str, error: Exception) -> None:
        # Told once until it works again: it is tried every two seconds.
        if what not in self._failing:
            self._failing.add(what)
            reason = getattr(error, "strerror", None) or error
            self._trouble(
                f"{what} cannot be written to {self._folder} ({reason}); the flight goes on, what "
                "came is kept in memory and tried again"
            )
