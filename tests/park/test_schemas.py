"""Every record becomes a row, and a row becomes the record again."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import RecordError
from park.measure import Measure
from park.records import GroundPoint, Incident, Observation, PatrolSummary, Reject
from park.rows import (
    Redaction,
    RunStamp,
    batch_to_observations,
    incidents_to_table,
    observations_to_batch,
    patrols_to_table,
    rejects_to_table,
    table_to_incidents,
)
from park.schemas import DETECTIONS, SCHEMAS, conform
from park.taxonomy import MeasureUnit

SHANGHAI = ZoneInfo("Asia/Shanghai")
STAMP = RunStamp("west", "run", SHANGHAI, datetime(2026, 4, 30, 17, 0, tzinfo=UTC))

names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
numbers = st.floats(min_value=-1e6, max_value=1e6)
singles = st.integers(0, 8000).map(lambda n: float(np.float32(n / 7)))
times = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, SHANGHAI, ZoneInfo("America/St_Johns")]),
)
measures = st.builds(
    Measure, st.floats(0, 1e6), st.floats(0, 1e3), st.sampled_from(list(MeasureUnit))
)
places = st.builds(GroundPoint, st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 1e5))


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    x, y = draw(singles), draw(singles)
    return Observation(
        detection_id=draw(names),
        patrol_id=draw(names),
        time=draw(times),
        class_name=draw(names),
        confidence=draw(st.floats(0, 1)),
        box_xyxy_px=(x, y, x + 16.0, y + 32.0),
        track_id=draw(st.none() | names),
        object_id=draw(st.none() | names),
        place=draw(st.none() | places),
        size_m=draw(st.none() | numbers),
        source_uri=draw(names),
        source_time_s=draw(numbers),
        model_id=draw(names),
        measure=draw(st.none() | measures),
        clarity=draw(st.none() | st.floats(0.0, 1.0)),
    )


def as_stored(seen: Observation) -> Observation:
    x0, y0, x1, y1 = (float(np.float32(edge)) for edge in seen.box_xyxy_px)
    return dataclasses.replace(seen, box_xyxy_px=(x0, y0, x1, y1), time=seen.time.astimezone(UTC))


@given(st.lists(observations(), max_size=5))
def test_observations_come_back(seen: list[Observation]) -> None:
    batch = observations_to_batch(seen, STAMP)
    assert batch.schema.equals(DETECTIONS)
    assert list(batch_to_observations(batch)) == [as_stored(one) for one in seen]
    table = pa.Table.from_batches([batch])
    assert list(batch_to_observations(table)) == [as_stored(one) for one in seen]


@given(observations())
def test_a_row_lies_on_the_sites_own_day(seen: Observation) -> None:
    (row,) = observations_to_batch([seen], STAMP).to_pylist()
    assert row["day"] == seen.time.astimezone(SHANGHAI).date()
    assert row["site_id"] == "west"


def test_the_records_fields_are_the_tables_columns() -> None:
    renamed = {"class_name": "class"}
    split = {"place": {"lat_deg", "lon_deg", "error_m"}, "best": {"best_detection_id"}}
    stamped = {"site_id", "run_id", "day"}
    for record, name, own in (
        (Observation, "detections", {"measure_error", "measure_unit"}),
        (Incident, "incidents", {"redacted", "not_redacted"}),
        (PatrolSummary, "patrols", set[str]()),
        (Reject, "rejects", {"patrol_id", "time"}),
    ):
        fields: set[str] = set()
        for field in dataclasses.fields(record):
            fields |= split.get(field.name, {renamed.get(field.name, field.name)})
        assert set(SCHEMAS[name].names) == fields | stamped | own


def test_a_measure_in_an_unknown_unit_is_refused() -> None:
    seen = Observation(
        "d", "p", STAMP.started, "soil", 0.5, (0.0, 0.0, 1.0, 1.0), None, None, None, None,
        "a.jpg", 0.0, "m@1", Measure(3.0, 1.0, MeasureUnit.SQUARE_METRES),
    )  # fmt: skip
    rows = observations_to_batch([seen], STAMP).to_pylist()
    rows[0]["measure_unit"] = "acres"
    with pytest.raises(RecordError, match="measured in 'acres'; units are s, m2"):
        list(batch_to_observations(pa.Table.from_pylist(rows, DETECTIONS)))


def test_every_column_says_what_it_means() -> None:
    for schema in SCHEMAS.values():
        for column in schema:
            assert column.metadata is not None
            assert column.metadata[b"doc"].decode().endswith(".")


def incident(evidence_uri: str | None) -> Incident:
    seen = datetime(2026, 5, 1, 8, tzinfo=UTC)
    best = Observation(
        "d", "p", seen, "vehicle", 0.5, (0, 0, 1, 1), None, None, None, None, "a.jpg", 0.0, "m"
    )
    return Incident(
        incident_id="i1",
        day=date(2026, 5, 1),
        domain="road_traffic",
        type="parking",
        severity=2,
        zone_id="z",
        place=GroundPoint(31.0, 121.0, 1.5),
        first_seen=seen,
        last_seen=seen + timedelta(minutes=5),
        dwell_s=300.0,
        measure=300.0,
        object_ids=("o1", "o2"),
        observations=4,
        evidence_uri=evidence_uri,
        model_id="m",
        best=best,
    )


def test_an_incident_says_what_was_blurred_in_its_picture() -> None:
    rows = incidents_to_table(
        [incident("e.jpg")], STAMP, {"i1": Redaction(("person",), ("number_plate",))}
    ).to_pylist()
    assert rows[0]["redacted"] == ["person"]
    assert rows[0]["not_redacted"] == ["number_plate"]
    assert rows[0]["object_ids"] == ["o1", "o2"]


def test_incidents_come_back() -> None:
    one = dataclasses.replace(
        incident(None), measure_error=2.5, case_id="c1", clip_uri="c.mp4", speed_mps=0.5
    )
    rows = incidents_to_table([one], STAMP, {})
    assert table_to_incidents(rows, {"d": one.best}) == (one,)
    assert table_to_incidents(rows, {}) == ()


def test_a_picture_of_which_nobody_says_what_was_blurred_is_refused() -> None:
    with pytest.raises(RecordError, match=r"i1 has a picture, e\.jpg, and nothing says"):
        incidents_to_table([incident("e.jpg")], STAMP, {})
    assert incidents_to_table([incident(None)], STAMP, {}).num_rows == 1


def test_footage_without_a_time_lies_on_the_day_of_the_run() -> None:
    nothing = PatrolSummary("p", "photos", "folder", None, None, 0, 2, 0)
    (patrol,) = patrols_to_table([nothing], STAMP).to_pylist()
    (reject,) = rejects_to_table({"p": [Reject("a", "footage", "empty")]}, STAMP).to_pylist()
    assert patrol["day"] == reject["day"] == date(2026, 5, 1)
    assert patrol["first_time"] is None


def test_rows_that_do_not_fit_a_table_are_refused() -> None:
    rows = rejects_to_table({"p": [Reject("a", "footage", "empty")]}, STAMP)
    assert conform(rows.select(rows.column_names[::-1]), "rejects").equals(rows)
    with pytest.raises(RecordError, match="rows for rejects lack reason"):
        conform(rows.drop_columns(["reason"]), "rejects")
    with pytest.raises(RecordError, match="have the unknown colour"):
        conform(rows.append_column("colour", pa.array(["red"])), "rejects")
    at = rows.schema.get_field_index("reason")
    empty = rows.set_column(at, "reason", pa.array([None], pa.string()))
    with pytest.raises(RecordError, match="no value in reason"):
        conform(empty, "rejects")
    with pytest.raises(RecordError, match="rows for rejects do not fit"):
        conform(rows.set_column(0, "source_uri", pa.array([[1]])), "rejects")


def test_rows_that_are_not_detections_are_refused() -> None:
    with pytest.raises(RecordError, match="lack the columns box_xyxy_px, clarity, class"):
        list(batch_to_observations(pa.table({"x": [1]})))


def test_a_stamp_needs_a_time_zone_and_names() -> None:
    with pytest.raises(RecordError, match="has no time zone"):
        RunStamp("west", "run", UTC, datetime(2026, 5, 1))  # noqa: DTZ001
    with pytest.raises(RecordError, match="needs a site_id"):
        RunStamp("", "run", UTC, datetime(2026, 5, 1, tzinfo=UTC))
