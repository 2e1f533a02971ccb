from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.recorder.flight_log import LOG_KINDS, FlightLog, LogEntry, read_flight_log
from park.errors import RecordingError

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)


@given(
    messages=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5),
    kind=st.sampled_from(LOG_KINDS),
)
def test_entries_read_back_as_they_were_written_whatever_the_text(
    tmp_path_factory: pytest.TempPathFactory, messages: list[str], kind: str
) -> None:
    path = tmp_path_factory.mktemp("log") / "flight-log.jsonl"
    entries = [
        LogEntry(START + timedelta(seconds=n), kind, text, {"n": n})
        for n, text in enumerate(messages)
    ]
    FlightLog(path).write(entries)
    assert list(read_flight_log(path)) == entries


def test_a_line_that_a_crash_cut_is_passed_over_and_the_next_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "flight-log.jsonl"
    FlightLog(path).write([LogEntry(START, "state", "armed"), LogEntry(START, "ack", "accepted")])
    path.write_bytes(path.read_bytes()[:-12])
    FlightLog(path).write([LogEntry(START, "state", "landed")])
    assert [entry.message for entry in read_flight_log(path)] == ["armed", "landed"]


def test_times_are_written_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "flight-log.jsonl"
    china = START.astimezone(timezone(timedelta(hours=8)))
    FlightLog(path).write([LogEntry(china, "note", "园区")])
    text = path.read_text(encoding="utf-8")
    assert text == '{"time": "2026-05-04T05:30:00.000Z", "kind": "note", "message": "园区"}\n'


def test_what_is_no_json_in_the_details_is_written_as_text(tmp_path: Path) -> None:
    path = tmp_path / "flight-log.jsonl"
    strange: dict[Any, Any] = {"folder": Path("a")}
    nonsense: dict[Any, Any] = {(1, 2): 3}
    FlightLog(path).write([LogEntry(START, "note", "x", strange)])
    FlightLog(path).write([LogEntry(START, "note", "broken \udcff text", nonsense)])
    found = read_flight_log(path)
    assert [entry.details for entry in found] == [{"folder": "a"}, {"text": "{(1, 2): 3}"}]
    assert found[1].message == "broken ? text"


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        read_flight_log(tmp_path / "none.jsonl")
    with pytest.raises(RecordingError, match="no time zone"):
        LogEntry(datetime(2026, 1, 1), "note", "x")  # noqa: DTZ001
