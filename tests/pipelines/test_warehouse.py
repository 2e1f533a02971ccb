"""What a run replaces in the tables, what it leaves alone, and how the past is read."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from park.errors import CommitConflictError, RecordError, SettingsError, WarehouseError
from park.records import Observation, PatrolSummary, Reject
from park.rows import (
    RunStamp,
    daily_to_table,
    incidents_to_table,
    observations_to_batch,
    patrols_to_table,
    rejects_to_table,
)
from park.schemas import DAILY_INCIDENTS, SCHEMAS
from pipelines.table_files import chunks, rows_digest
from pipelines.tables import RunTables, Warehouse
from pipelines.warehouse import WarehouseLocation, WarehouseSettings

STARTED = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 5, number)


def stamp(run_id: str = "r1", site_id: str = "west", started: datetime = STARTED) -> RunStamp:
    return RunStamp(site_id, run_id, UTC, started)


def seen(patrol_id: str, on: int, count: int, by: RunStamp) -> pa.RecordBatch:
    return observations_to_batch(
        (
            Observation(
                detection_id=f"{patrol_id}-{on}-{number}",
                patrol_id=patrol_id,
                time=datetime(2026, 5, on, 9, number // 60 % 60, number % 60, tzinfo=UTC),
                class_name="vehicle",
                confidence=0.5,
                box_xyxy_px=(1.0, 2.0, 3.0, 4.0),
                track_id=None,
                object_id=None,
                place=None,
                size_m=None,
                source_uri="a.jpg",
                source_time_s=0.0,
                model_id="m@1",
            )
            for number in range(count)
        ),
        by,
    )


def a_day(on: int, incidents: int, by: RunStamp) -> pa.Table:
    row = {
        "site_id": by.site_id,
        "day": day(on),
        "run_id": by.run_id,
        "domain": "road_traffic",
        "type": "parking",
        "zone_id": "z",
        "incidents": incidents,
        "dwell_total_s": 1.0,
        "dwell_max_s": 1.0,
        "measure_max": 1.0,
        "severity_max": 2,
        "objects": 1,
        "observations": 4,
        "first_seen": datetime(2026, 5, 1, 1, tzinfo=UTC),
        "last_seen": datetime(2026, 5, 1, 2, tzinfo=UTC),
    }
    return pa.Table.from_pylist([row] if incidents else [], DAILY_INCIDENTS)


def run(
    patrol_id: str,
    detections: Mapping[int, int],
    *,
    by: RunStamp | None = None,
    incidents: Mapping[int, int] | None = None,
    rejects: int = 1,
) -> RunTables:
    """Return a run over one patrol: detections and incidents by day of May 2026."""
    by = by or stamp()
    total = sum(detections.values())
    summary = PatrolSummary(patrol_id, "photos", f"/footage/{patrol_id}", None, None, 1, 1, total)
    refused = [Reject(f"{number}.jpg", "footage", "empty") for number in range(rejects)]
    daily = [a_day(on, count, by) for on, count in (incidents or {}).items()]
    return RunTables(
        site_id=by.site_id,
        run_id=by.run_id,
        days=frozenset(map(day, {**detections, **(incidents or {})})),
        patrol_ids=frozenset({patrol_id}),
        detections=[seen(patrol_id, on, count, by) for on, count in detections.items()],
        incidents=incidents_to_table([], by, {}),
        daily_incidents=pa.concat_tables([daily_to_table([], by), *daily]),
        patrols=patrols_to_table([summary], by),
        rejects=rejects_to_table({patrol_id: refused}, by),
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "a #b?%20 园区", create=True) as opened:
        yield opened


def counts(warehouse: Warehouse, name: str = "detections") -> dict[str, int]:
    column = "site_id" if name == "daily_incidents" else "patrol_id"
    return Counter(str(value) for value in warehouse.table_as_of(name)[column].to_pylist())


def test_a_new_warehouse_is_empty_and_has_every_table(warehouse: Warehouse) -> None:
    for name, schema in SCHEMAS.items():
        assert warehouse.table_as_of(name).schema.equals(schema)
        assert warehouse.table_as_of(name).num_rows == 0
    assert warehouse.snapshot().run_id is None
    assert warehouse.location.folder is not None
    assert (warehouse.location.folder / "catalog.db").is_file()


def test_rows_come_back_in_order_and_exact_types(warehouse: Warehouse) -> None:
    rows = seen("morning", 1, 70, stamp())
    shuffled = rows.take(pa.array(list(reversed(range(70)))))
    one = dataclasses.replace(run("morning", {1: 70}), detections=[shuffled])
    warehouse.commit_run(one, warehouse.snapshot())
    assert warehouse.table_as_of("detections").equals(pa.Table.from_batches([rows]))


def test_the_afternoon_leaves_the_morning_alone(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("morning", {1: 3}), warehouse.snapshot())
    warehouse.commit_run(run("noon", {1: 2}), warehouse.snapshot())
    assert counts(warehouse) == {"morning": 3, "noon": 2}
    assert counts(warehouse, "patrols") == {"morning": 1, "noon": 1}
    assert counts(warehouse, "rejects") == {"morning": 1, "noon": 1}


def test_the_same_footage_again_replaces_its_own_rows(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("morning", {1: 3}, rejects=4), warehouse.snapshot())
    report = warehouse.commit_run(run("morning", {1: 2}, by=stamp("r2")), warehouse.snapshot())
    assert counts(warehouse) == {"morning": 2}
    assert counts(warehouse, "rejects") == {"morning": 1}
    change = report.tables["detections"]
    assert (change.rows_written, change.rows_removed, change.rows_kept) == (2, 3, 0)


def test_two_sites_share_a_warehouse_and_not_their_days(warehouse: Warehouse) -> None:
    for site in ("west", "east"):
        by = stamp(site_id=site)
        warehouse.commit_run(run("p", {1: 2}, by=by, incidents={1: 1}), warehouse.snapshot())
    assert counts(warehouse) == {"p": 4}
    warehouse.commit_run(run("p", {1: 0}, by=stamp("r2", "west")), warehouse.snapshot())
    assert counts(warehouse) == {"p": 2}
    assert counts(warehouse, "daily_incidents") == {"east": 1}


def test_a_day_whose_result_is_now_empty_is_cleared(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("p", {1: 3, 2: 3}, incidents={1: 5, 2: 6}), warehouse.snapshot())
    warehouse.commit_run(run("p", {1: 0, 2: 3}, incidents={1: 0, 2: 6}), warehouse.snapshot())
    assert warehouse.table_as_of("daily_incidents")["day"].to_pylist() == [day(2)]
    assert set(warehouse.table_as_of("detections")["day"].to_pylist()) == {day(2)}


def test_the_same_run_again_commits_nothing_and_says_so(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("p", {1: 3}, incidents={1: 2}), warehouse.snapshot())
    before = warehouse.snapshot()
    tomorrow = stamp(started=STARTED + timedelta(days=1))
    report = warehouse.commit_run(run("p", {1: 3}, by=tomorrow, incidents={1: 2}), before)
    assert report.skipped
    assert report.tables["detections"].rows_kept == 3
    assert warehouse.snapshot() == before
    assert warehouse.table_as_of("rejects")["time"].to_pylist() == [STARTED], "refused first"


def test_a_run_makes_one_snapshot_of_each_table_that_it_changes(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("p", {1: 3}, incidents={1: 2}), warehouse.snapshot())
    warehouse.commit_run(run("p", {1: 4}, incidents={1: 3}, by=stamp("r2")), warehouse.snapshot())
    told = {name: [one.run_id for one in warehouse.history(name)] for name in SCHEMAS}
    assert told["detections"] == told["daily_incidents"] == told["patrols"] == [None, "r1", "r2"]
    assert told["incidents"] == [None], "it did not change"
    assert [one.rows for one in warehouse.history("detections")] == [0, 3, 4]


def test_the_past_is_read_by_snapshot_by_time_and_by_state(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("p", {1: 3}), warehouse.snapshot())
    then = warehouse.snapshot()
    warehouse.commit_run(run("p", {1: 4}, by=stamp("r2")), then)
    assert warehouse.table_as_of("detections").num_rows == 4
    assert warehouse.table_as_of("detections", then).num_rows == 3
    assert warehouse.table_as_of("detections", then.committed).num_rows == 3
    assert warehouse.table_as_of("detections", then.tables["detections"]).num_rows == 3


def test_a_warehouse_of_an_earlier_version_gets_the_later_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {"measure", "measure_error", "measure_unit"}
    old = pa.schema([column for column in SCHEMAS["detections"] if column.name not in later])
    with monkeypatch.context() as earlier:
        earlier.setitem(SCHEMAS, "detections", old)
        with Warehouse.open(tmp_path, create=True) as warehouse:
            batch = seen("old", 1, 3, stamp()).select(old.names)
            one = dataclasses.replace(run("old", {1: 3}), detections=[batch])
            warehouse.commit_run(one, warehouse.snapshot())
            then = warehouse.snapshot()
    with Warehouse.open(tmp_path, create=False) as warehouse:
        assert warehouse.table_as_of("detections")["measure"].to_pylist() == [None] * 3
    with Warehouse.open(tmp_path, create=True) as warehouse:
        assert warehouse.table_as_of("detections").schema.equals(SCHEMAS["detections"])
        assert later < set(warehouse.table("detections").schema().column_names)
        warehouse.commit_run(run("new", {1: 2}), warehouse.snapshot())
        assert counts(warehouse) == {"old": 3, "new": 2}
        assert warehouse.table_as_of("detections", then)["measure"].to_pylist() == [None] * 3


def test_a_past_that_never_was_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="there was no warehouse yet at 2001-01-01"):
        warehouse.snapshot(datetime(2001, 1, 1, tzinfo=UTC))
    with pytest.raises(WarehouseError, match="has no time zone"):
        warehouse.snapshot(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(WarehouseError, match="detections has no snapshot 7"):
        warehouse.table_as_of("detections", 7)
    with pytest.raises(WarehouseError, match="no table incidence; there are detections"):
        warehouse.table_as_of("incidence")


def test_what_is_needed_to_compute_a_day_anew(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("morning", {1: 3, 2: 1}), warehouse.snapshot())
    warehouse.commit_run(run("noon", {1: 2}), warehouse.snapshot())
    base = warehouse.snapshot()
    assert warehouse.days_of("west", ["morning"], base=base) == {day(1), day(2)}
    assert warehouse.days_of("east", ["morning"], base=base) == frozenset()
    found = warehouse.detections_of(
        "west", [day(1)], base=base, exclude_patrols=["noon"], columns=["detection_id", "class"]
    )
    assert found.column_names == ["detection_id", "class"]
    assert found["detection_id"].to_pylist() == [f"morning-1-{number}" for number in range(3)]
    assert warehouse.detections_of("west", [], base=base).num_rows == 0
    assert warehouse.patrol_ids_of("west", ["/footage/noon"], base=base) == {"noon"}
    assert sum(batch.num_rows for batch in warehouse.batches("detections", base)) == 6


def test_rows_outside_what_a_run_replaces_are_refused(warehouse: Warehouse) -> None:
    base = warehouse.snapshot()
    good = run("p", {1: 1})
    for wrong, said in (
        ({"patrol_ids": frozenset({"q"})}, "are of patrol p, which the run does not replace"),
        ({"site_id": "east"}, "are of site west; the run is of east"),
        ({"days": frozenset({day(2)})}, "are of 2026-05-01, which is not among the run's days"),
        ({"detections": [seen("p", 1, 1, stamp())] * 2}, "detection_id p-1-0 more than once"),
        ({"incidents": pa.table({"x": [1]})}, "rows for incidents lack incident_id"),
    ):
        with pytest.raises(RecordError, match=said):
            warehouse.commit_run(dataclasses.replace(good, **wrong), base)
    assert warehouse.snapshot() == base
    root = warehouse.location.folder
    assert root is not None
    assert list(root.rglob("*.parquet")) == [], "nothing is left behind"


def test_a_day_that_loses_detections_must_be_computed_anew(warehouse: Warehouse) -> None:
    warehouse.commit_run(run("p", {1: 3}), warehouse.snapshot())
    with pytest.raises(RecordError, match="patrol p had detections on 2026-05-01"):
        warehouse.commit_run(run("p", {2: 3}), warehouse.snapshot())
    warehouse.commit_run(run("p", {1: 0, 2: 3}), warehouse.snapshot())
    assert set(warehouse.table_as_of("detections")["day"].to_pylist()) == {day(2)}


def test_a_run_that_others_overtook_on_its_days_is_told_so(warehouse: Warehouse) -> None:
    base = warehouse.snapshot()
    warehouse.commit_run(run("noon", {1: 2}, by=stamp("r2")), base)
    with pytest.raises(CommitConflictError, match="run r2 changed detections of site west"):
        warehouse.commit_run(run("morning", {1: 3}), base)
    warehouse.commit_run(run("morning", {2: 3}), base)
    assert counts(warehouse) == {"noon": 2, "morning": 3}


def test_runs_at_once_on_different_days_all_get_in(warehouse: Warehouse) -> None:
    base = warehouse.snapshot()
    failures: list[WarehouseError] = []

    def commit(on: int) -> None:
        try:
            with Warehouse.open(warehouse.location.root, create=True) as mine:
                mine.commit_run(run(f"p{on}", {on: on}, by=stamp(f"r{on}")), base)
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=commit, args=(on,)) for on in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert counts(warehouse) == {"p1": 1, "p2": 2, "p3": 3, "p4": 4}


def test_several_may_make_the_same_warehouse_at_once(tmp_path: Path) -> None:
    failures: list[WarehouseError] = []

    def make() -> None:
        try:
            Warehouse.open(tmp_path / "w", create=True).close()
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with Warehouse.open(tmp_path / "w", create=False) as warehouse:
        assert warehouse.snapshot().run_id is None


def test_ids_may_hold_anything(warehouse: Warehouse) -> None:
    for patrol_id in ("../../etc", "a'b\"c", "x" * 400, "巡检/一", "100%"):
        warehouse.commit_run(run(patrol_id, {1: 1}), warehouse.snapshot())
        warehouse.commit_run(run(patrol_id, {1: 2}), warehouse.snapshot())
    assert set(counts(warehouse).values()) == {2}
    assert len(counts(warehouse)) == 5


def test_a_moved_warehouse_says_where_it_was_made(tmp_path: Path) -> None:
    with Warehouse.open(tmp_path / "old", create=True) as warehouse:
        warehouse.commit_run(run("p", {1: 1}), warehouse.snapshot())
    (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(WarehouseError, match=r"new: this warehouse was made at .*old"):
        Warehouse.open(tmp_path / "new", create=False)


def test_no_warehouse_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse here yet"):
        Warehouse.open(tmp_path / "nothing", create=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "catalog.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(WarehouseError, match="file is not a database"):
        Warehouse.open(tmp_path / "w", create=False)


def test_places_are_read() -> None:
    assert WarehouseLocation.parse("s3://bucket/a/b/").root == "s3://bucket/a/b"
    assert WarehouseLocation.parse("s3://bucket").root == "s3://bucket"
    for wrong in ("", "  ", "ftp://x", "s3://", "s3:///a", "s3://B_/x"):
        with pytest.raises(SettingsError, match=r"give a folder or s3://bucket/prefix"):
            WarehouseLocation.parse(wrong)


def test_a_catalog_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    settings = WarehouseSettings.from_environment({"PARKWATCH_CATALOG_URI": "mysql://x"})
    with pytest.raises(SettingsError, match="PARKWATCH_CATALOG_URI is mysql://x; give sqlite"):
        Warehouse.open(tmp_path, create=True, settings=settings)


def test_a_catalog_may_lie_elsewhere(tmp_path: Path) -> None:
    settings = WarehouseSettings(catalog_uri=f"sqlite:///{tmp_path / 'elsewhere.db'}")
    with Warehouse.open(tmp_path / "w", create=True, settings=settings) as warehouse:
        warehouse.commit_run(run("p", {1: 1}), warehouse.snapshot())
        assert counts(warehouse) == {"p": 1}
    assert not (tmp_path / "w" / "catalog.db").exists()


def test_the_same_rows_have_the_same_digest_however_they_are_cut() -> None:
    whole = pa.Table.from_batches([seen("p", 1, 50, stamp())])
    pieces = pa.concat_tables([whole.slice(0, 7), whole.slice(7, 30), whole.slice(37)])
    assert rows_digest("detections", whole) == rows_digest("detections", pieces)
    assert rows_digest("detections", whole) != rows_digest("detections", whole.slice(1))


def test_many_rows_are_taken_a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.table_files.ROWS_PER_FILE", 100)
    taken = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal taken
        for number in range(10):
            taken += 60
            yield seen(f"p{number}", 1, 60, stamp())

    sizes = []
    for piece in chunks("detections", batches()):
        sizes.append(piece.num_rows)
        assert taken - sum(sizes) <= 60, "no more is taken than is needed"
    assert sum(sizes) == 600
    assert max(sizes) <= 100
