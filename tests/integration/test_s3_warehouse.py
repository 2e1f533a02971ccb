"""A warehouse and a store in a bucket, against a real HTTP service that speaks S3."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ops.sql import run_sql
from ops.store import S3Store, open_store
from park.errors import CommitConflictError, StoreError, WarehouseError
from park.records import Observation, PatrolSummary, Reject
from park.rows import (
    RunStamp,
    daily_to_table,
    incidents_to_table,
    observations_to_batch,
    patrols_to_table,
    rejects_to_table,
)
from pipelines.tables import RunTables, Warehouse
from pipelines.warehouse import WarehouseSettings

DAY = date(2026, 5, 1)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def settings(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WarehouseSettings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    bucket = f"park-{abs(hash(tmp_path)) % 10**12}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=bucket)
    client.close()
    monkeypatch.setenv("TEST_BUCKET", bucket)
    return WarehouseSettings(endpoint_url=endpoint, region="us-east-1")


@pytest.fixture
def location(settings: WarehouseSettings, monkeypatch: pytest.MonkeyPatch) -> str:
    import os

    return f"s3://{os.environ['TEST_BUCKET']}/a b/园区"


def run(patrol_id: str, count: int, run_id: str = "r1", day: int = 1) -> RunTables:
    stamp = RunStamp("west", run_id, UTC, datetime(2026, 6, 1, tzinfo=UTC))
    seen = [
        Observation(
            detection_id=f"{patrol_id}-{number}",
            patrol_id=patrol_id,
            time=datetime(2026, 5, day, 9, 0, number, tzinfo=UTC),
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
    ]
    summary = PatrolSummary(patrol_id, "photos", "folder", None, None, 1, 1, count)
    return RunTables(
        site_id="west",
        run_id=run_id,
        days=frozenset({date(2026, 5, day)}),
        patrol_ids=frozenset({patrol_id}),
        detections=[observations_to_batch(seen, stamp)],
        incidents=incidents_to_table([], stamp, {}),
        daily_incidents=daily_to_table([], stamp),
        patrols=patrols_to_table([summary], stamp),
        rejects=rejects_to_table({patrol_id: [Reject("b.jpg", "footage", "empty")]}, stamp),
    )


@pytest.fixture(params=["log in the bucket", "glue"])
def any_settings(settings: WarehouseSettings, request: pytest.FixtureRequest) -> WarehouseSettings:
    if request.param == "glue":
        return WarehouseSettings("glue:", settings.endpoint_url, settings.region)
    return settings


def test_a_bucket_is_a_warehouse_that_another_machine_can_read(
    location: str, any_settings: WarehouseSettings, request: pytest.FixtureRequest
) -> None:
    if any_settings.catalog_uri is not None:
        request.getfixturevalue("clean_glue")
    with Warehouse.open(location, create=True, settings=any_settings) as warehouse:
        before = warehouse.snapshot()
        warehouse.commit_run(run("morning", 3), before)
        warehouse.commit_run(run("noon", 2, "r2"), warehouse.snapshot())
        again = warehouse.commit_run(run("noon", 2, "r2"), warehouse.snapshot())
        assert again.skipped
    with Warehouse.open(location, create=False, settings=any_settings) as elsewhere:
        assert elsewhere.table_as_of("detections").num_rows == 5
        assert elsewhere.table_as_of("detections", before).num_rows == 0
        answer = run_sql(elsewhere, "SELECT patrol_id, count(*) AS n FROM detections GROUP BY ALL")
        assert {(row["patrol_id"], row["n"]) for row in answer.to_pylist()} == {
            ("morning", 3),
            ("noon", 2),
        }


@pytest.fixture
def clean_glue(settings: WarehouseSettings) -> Iterator[None]:
    yield
    client = boto3.client("glue", endpoint_url=settings.endpoint_url, region_name="us-east-1")
    for table in client.get_tables(DatabaseName="park")["TableList"]:
        client.delete_table(DatabaseName="park", Name=table["Name"])
    client.delete_database(Name="park")
    client.close()


def test_a_run_that_dies_between_two_tables_of_glue_is_not_seen_and_the_next_one_heals_it(
    location: str,
    settings: WarehouseSettings,
    monkeypatch: pytest.MonkeyPatch,
    clean_glue: None,
) -> None:
    glue = WarehouseSettings("glue:", settings.endpoint_url, settings.region)
    with Warehouse.open(location, create=True, settings=glue) as warehouse:
        warehouse.commit_run(run("morning", 3), warehouse.snapshot())
        commit = type(warehouse.catalog).commit_table
        commits = []

        def dies(self: object, table: object, *rest: object) -> object:
            commits.append(table)
            if len(commits) == 3:
                raise KeyboardInterrupt
            return commit(self, table, *rest)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(type(warehouse.catalog), "commit_table", dies)
            with pytest.raises(KeyboardInterrupt):
                warehouse.commit_run(run("morning", 7, "r2"), warehouse.snapshot())
        assert warehouse.table("detections").scan().count() == 7, "the pointer has moved"
        assert warehouse.table_as_of("detections").num_rows == 3, "and nobody is told of it"
        warehouse.commit_run(run("noon", 2, "r3"), warehouse.snapshot())
        assert warehouse.table_as_of("detections").num_rows == 5
        assert warehouse.table("detections").scan().count() == 5


def test_of_two_runs_on_one_day_one_is_told_to_compute_again(
    location: str, settings: WarehouseSettings
) -> None:
    with (
        Warehouse.open(location, create=True, settings=settings) as one,
        Warehouse.open(location, create=True, settings=settings) as other,
    ):
        base = one.snapshot()
        other.commit_run(run("noon", 2, "r2"), other.snapshot())
        with pytest.raises(CommitConflictError, match="run r2 changed detections of site west"):
            one.commit_run(run("morning", 3), base)
        one.commit_run(run("morning", 3), one.snapshot())
        assert other.table_as_of("detections").num_rows == 5


def test_runs_on_different_days_all_get_in(location: str, settings: WarehouseSettings) -> None:
    with Warehouse.open(location, create=True, settings=settings) as warehouse:
        base = warehouse.snapshot()
    failures: list[BaseException] = []

    def commit(day: int) -> None:
        try:
            with Warehouse.open(location, create=False, settings=settings) as mine:
                mine.commit_run(run(f"p{day}", day, f"r{day}", day), base)
        except WarehouseError as error:
            failures.append(error)

    threads = [threading.Thread(target=commit, args=(day,)) for day in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    with Warehouse.open(location, create=False, settings=settings) as warehouse:
        assert warehouse.table_as_of("detections").num_rows == 6


def test_a_bucket_without_a_warehouse_says_so(location: str, settings: WarehouseSettings) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse here yet"):
        Warehouse.open(location, create=False, settings=settings)


def test_a_missing_bucket_is_named(settings: WarehouseSettings) -> None:
    with pytest.raises(WarehouseError, match=r"s3://nobody-has-this/x: cannot"):
        Warehouse.open("s3://nobody-has-this/x", create=True, settings=settings)


def test_a_service_that_does_not_answer_is_named(settings: WarehouseSettings) -> None:
    nobody = WarehouseSettings(endpoint_url="http://127.0.0.1:9", region="us-east-1")
    with pytest.raises(WarehouseError, match=r"s3://bucket/x: cannot .*127\.0\.0\.1:9"):
        Warehouse.open("s3://bucket/x", create=True, settings=nobody)


def test_files_of_a_bucket_are_written_read_and_listed(
    location: str, settings: WarehouseSettings, endpoint: str
) -> None:
    store = open_store(location, {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"})
    assert isinstance(store, S3Store)
    uri = store.write("evidence/车 1.jpg", b"picture", media_type="image/jpeg")
    assert uri == f"{location}/evidence/车 1.jpg"
    assert store.read("evidence/车 1.jpg") == b"picture"
    assert store.exists("evidence/车 1.jpg")
    assert not store.exists("evidence/2.jpg")
    store.write("evidence/0.jpg", b"other", media_type="image/jpeg")
    assert list(store.keys("evidence/")) == ["evidence/0.jpg", "evidence/车 1.jpg"]
    with pytest.raises(StoreError, match=r"evidence/2\.jpg: cannot be read"):
        store.read("evidence/2.jpg")
