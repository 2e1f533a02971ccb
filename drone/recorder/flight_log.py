"""The flight log: what was decided, commanded, said and gone wrong, one JSON object a line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from park.errors import RecordingError
from park.records import JsonValue

FLIGHT_LOG_NAME = "flight-log.jsonl"

LOG_KINDS = (
    "state",
    "command",
    "ack",
    "status_text",
    "mode",
    "failsafe",
    "mission",
    "recording",
    "camera",
    "upload",
    "note",
)
"""What entries are about. state: the patrol's state machine; command and ack: what the vehicle was
told and answered; status_text: what it says; recording, camera and upload: the recorder itself."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the flight log.

    Attributes:
        time: in the time base of the telemetry, UTC.
        kind: one of `LOG_KINDS`.
        message: for people.
        details: for programs; plain JSON values.
    """

    time: datetime
    kind: str
    message: str
    details: dict[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise RecordingError(f"log entry {self.message!r}: its time has no time zone")
        if self.kind not in LOG_KINDS:
            raise RecordingError(
                f"log entry {self.message!r} is of kind {self.kind!r}; kinds are "
                + ", ".join(LOG_KINDS)
            )

    def to_line(self) -> str:
        """Return it as one line of JSON, without the line's end."""
        time = self.time.astimezone(UTC).isoformat(timespec="milliseconds")
        content: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "kind": self.kind,
            "message": self.message,
        }
        if self.details:
            content["details"] = self.details
        try:
            return json.dumps(content, ensure_ascii=False, default=str)
        except (TypeError, ValueError):
            # Keys that are no text, or a loop: an entry is never lost for its details.
            content["details"] = {"text": repr(self.details)}
            return json.dumps(content, ensure_ascii=False)


class FlightLog:
    """The file; each batch of lines is on the disk before `write` returns.

    Args:
        path: appended to when it is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A crash may have cut the last line; it must not run together with the next.
        self._cut = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size

    def write(self, entries: list[LogEntry]) -> None:
        """Append entries.

        Raises:
            OSError: they cannot be written; none of them counts as written then.
        """
        text = "".join(f"{entry.to_line()}\n" for entry in entries)
        if self._cut:
            text = f"\n{text}"
        with self._path.open("ab") as file:
            start = file.tell()
            try:
                file.write(text.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                self._cut = True
                os.truncate(self._path, start)
                raise
        self._cut = False


def read_flight_log(path: Path) -> tuple[LogEntry, ...]:
    """Return the entries of a flight log; lines that a crash cut short are left out.

    Raises:
        RecordingError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    entries = []
    # Not splitlines: texts may hold other ends of line than this one.
    for line in text.split("\n"):
        try:
            content = json.loads(line)
            entries.append(
                LogEntry(
                    datetime.fromisoformat(content["time"]),
                    content["kind"],
                    content["message"],
                    content.get("details", {}),
                )
            )
        except (ValueError, KeyError, TypeError, RecordingError):
            continue
    return tuple(entries)
