from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from drone.cameras.rendered import RenderedCamera
from drone.recorder.flight_log import read_flight_log
from drone.recorder.recorder import Recorder, RecorderOptions
from drone.recorder.upload import Uploader, UploadOptions, upload_patrol
from ops.footage_out import footage_place
from ops.store import FolderStore, Store
from park.errors import FootageError, RecordingError, SettingsError, StoreError
from park.patrol_format import PatrolManifest, read_manifest
from tests.drone.recorder.scripted_flight import FACTS, flight, reading
from tests.drone.recorder.test_recorder import FlatRenderer, taken, until
from vision.footage.patrol_check import check_patrol

HASTY = UploadOptions(first_pause_s=0.05, longest_pause_s=0.2, manifest_every_s=0.1)
QUICK = RecorderOptions(segment_s=1.0, part_s=0.2, min_free_mib=1, reserve_mib=1, upload=HASTY)
BUCKET = "patrols"


class FailingStore:
    """A folder's store behind a line that can be cut."""

    def __init__(self, folder: Path) -> None:
        self.inner = FolderStore(folder)
        self.cut = threading.Event()
        self.written: list[str] = []
        self.refused = 0

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        if self.cut.is_set():
            self.refused += 1
            raise StoreError(f"{key}: the line is cut")
        self.written.append(key)
        return self.inner.write(key, content, media_type=media_type)

    def uri(self, key: str) -> str:
        return self.inner.uri(key)


def names(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def record(
    folder: Path, store: Store | FailingStore, *, meanwhile: Callable[[], None] = lambda: None
) -> Recorder:
    camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
    recorder = Recorder(folder, FACTS, [camera], options=QUICK, store=store)
    recorder.start()
    for telemetry in flight(3.0):
        recorder.telemetry(telemetry)
    until(lambda: taken(recorder) >= 10, "two segments")
    meanwhile()
    for telemetry in flight(3.0, begin_s=3.1):
        recorder.telemetry(telemetry)
    until(lambda: taken(recorder) >= 25, "five segments")
    return recorder


def test_everything_is_in_the_store_when_a_patrol_ends_and_nothing_is_missing_here(
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    report = record(tmp_path / "p", FolderStore(there)).close()
    assert report.upload is not None
    assert report.upload.ok, report.upload
    remote = there / FACTS.patrol_id
    extra = names(remote) - names(tmp_path / "p")
    assert names(tmp_path / "p") <= names(remote)
    assert {name.partition("/")[0] for name in extra} <= {"telemetry"}, "parts, joined since"
    for name in names(tmp_path / "p"):
        assert (tmp_path / "p" / name).read_bytes() == (remote / name).read_bytes(), name
    assert check_patrol(str(remote)).ok
    assert report.upload.where is not None
    assert report.upload.where.endswith("manifest.json")


def test_the_manifest_in_the_store_never_names_what_is_not_there(tmp_path: Path) -> None:
    there = tmp_path / "there"
    wrong: list[set[str]] = []
    seen: list[int] = []

    class Watched(FailingStore):
        def write(self, key: str, content: bytes, *, media_type: str) -> str:
            if key.endswith("manifest.json"):
                manifest = PatrolManifest.model_validate_json(content)
                named = {*manifest.telemetry, *(s.file for s in manifest.segments)}
                wrong.append(named - names(there / FACTS.patrol_id))
                seen.append(len(named))
            time.sleep(0.02)
            return super().write(key, content, media_type=media_type)

    store = Watched(there)
    record(tmp_path / "p", store, meanwhile=lambda: until(lambda: bool(seen), "a manifest")).close()
    assert len(seen) > 1
    assert all(not missing for missing in wrong)


def test_a_line_that_is_cut_and_mended_loses_nothing_and_is_told_once(tmp_path: Path) -> None:
    store = FailingStore(tmp_path / "there")
    store.cut.set()

    def mend() -> None:
        until(lambda: store.refused >= 3, "three refusals")
        store.cut.clear()
        until(lambda: len(store.written) >= 2, "files to arrive")

    report = record(tmp_path / "p", store, meanwhile=mend).close()
    assert report.upload is not None
    assert report.upload.ok
    assert report.upload.failures >= 3
    assert check_patrol(str(tmp_path / "there" / FACTS.patrol_id)).ok
    told = [e.message for e in read_flight_log(tmp_path / "p" / "flight-log.jsonl")]
    assert sum("cannot be uploaded" in message for message in told) == 1
    assert sum("uploading goes on after" in message for message in told) == 1


def test_what_did_not_arrive_is_listed_and_sent_later_without_what_did(tmp_path: Path) -> None:
    store = FailingStore(tmp_path / "there")
    folder = tmp_path / "p"

    def cut() -> None:
        until(lambda: f"{FACTS.patrol_id}/video/00001.mp4" in store.written, "the first segment")
        store.cut.set()

    began = time.monotonic()
    report = record(folder, store, meanwhile=cut).close(upload_timeout_s=0.3)
    assert time.monotonic() - began < 20
    assert report.upload is not None
    assert not report.upload.ok
    assert "the line is cut" in report.upload.last_failure
    left = set(report.upload.not_uploaded)
    assert {"video/00004.mp4", "telemetry.parquet", "manifest.json", "flight-log.jsonl"} <= left
    assert "video/00001.mp4" not in left
    assert check_patrol(str(folder)).ok, "all of it is still here"

    store.cut.clear()
    before = len(store.written)
    later = upload_patrol(folder, store, timeout_s=20.0, options=HASTY)
    assert later.ok, later
    assert f"{FACTS.patrol_id}/video/00001.mp4" not in store.written[before:]
    assert check_patrol(str(tmp_path / "there" / FACTS.patrol_id)).ok
    manifest = read_manifest(str(tmp_path / "there" / FACTS.patrol_id))
    assert manifest.ended_at is not None


def test_a_store_that_hangs_does_not_keep_the_program_from_ending(tmp_path: Path) -> None:
    release = threading.Event()

    class Hanging:
        def write(self, key: str, content: bytes, *, media_type: str) -> str:
            release.wait(30)
            return key

        def uri(self, key: str) -> str:
            return key

    (tmp_path / "a.mp4").write_bytes(b"film")
    uploader = Uploader(tmp_path, Hanging(), "p", lambda: None)
    uploader.add("a.mp4")
    uploader.start()
    began = time.monotonic()
    report = uploader.finish(0.2)
    release.set()
    assert time.monotonic() - began < 5
    assert report.not_uploaded == ("a.mp4",)


def test_a_list_of_confirmed_files_that_a_crash_cut_sends_the_last_once_more(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    store = FailingStore(tmp_path / "there")
    record(folder, store).close()
    state = folder / ".uploads.jsonl"
    lines = state.read_text().splitlines(keepends=True)
    last = json.loads(lines[-1])["name"]
    state.write_text("".join(lines[:-1]) + lines[-1][:-10])
    store.written.clear()
    assert upload_patrol(folder, store, timeout_s=20.0, options=HASTY).ok
    sent = {key.removeprefix(f"{FACTS.patrol_id}/") for key in store.written}
    assert sent == {last, "manifest.json", "flight-log.jsonl"}


def test_what_one_store_confirmed_is_sent_to_another_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    record(folder, FailingStore(tmp_path / "there")).close()
    other = FailingStore(tmp_path / "elsewhere")
    assert upload_patrol(folder, other, timeout_s=20.0, options=HASTY).ok
    assert names(tmp_path / "elsewhere" / FACTS.patrol_id) == names(folder)
    assert check_patrol(str(tmp_path / "elsewhere" / FACTS.patrol_id)).ok


def test_a_folder_that_holds_no_patrol_is_not_uploaded(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=r"manifest\.json: cannot be read"):
        upload_patrol(tmp_path, FailingStore(tmp_path / "there"), timeout_s=1.0)
    with pytest.raises(RecordingError, match="above zero"):
        UploadOptions(first_pause_s=0.0)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield server
    server.stop()


def test_a_bucket_that_goes_away_and_comes_back_has_the_whole_patrol_in_the_end(
    server: ThreadedMotoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    place = footage_place(f"s3://{BUCKET}/a b/园区", FACTS.patrol_id, tmp_path, os.environ)
    assert place.folder == tmp_path / FACTS.patrol_id
    assert place.store is not None
    recorder: list[Recorder] = []

    def away_and_back() -> None:
        server.stop()
        again = ThreadedMotoServer(ip_address="127.0.0.1", port=port)
        for telemetry in flight(0.5, begin_s=3.02):
            recorder_of().telemetry(telemetry)
        until(lambda: failures() >= 1, "an upload to fail", 60.0)
        again.start()
        restarted.append(again)

    restarted: list[ThreadedMotoServer] = []

    def recorder_of() -> Recorder:
        return recorder[0]

    def failures() -> int:
        uploader = recorder_of()._uploader
        assert uploader is not None
        return uploader.report().failures

    camera = RenderedCamera(FlatRenderer(), fps=5.0, max_lag_s=60.0)
    recorder.append(Recorder(place.folder, FACTS, [camera], options=QUICK, store=place.store))
    try:
        recorder[0].start()
        for telemetry in flight(3.0):
            recorder[0].telemetry(telemetry)
        until(lambda: taken(recorder[0]) >= 10, "two segments")
        away_and_back()
        for telemetry in flight(3.0, begin_s=3.6):
            recorder[0].telemetry(telemetry)
        until(lambda: taken(recorder[0]) >= 25, "five segments")
        report = recorder[0].close(upload_timeout_s=60.0)
        assert report.upload is not None
        assert report.upload.ok, report.upload
        store = place.store
        prefix = f"{FACTS.patrol_id}/"
        for name in names(place.folder):
            assert store.read(prefix + name) == (place.folder / name).read_bytes(), name
    finally:
        client.close()
        for other in restarted:
            other.stop()


def test_places_for_footage_are_folders_and_buckets(tmp_path: Path) -> None:
    assert footage_place(None, "p", tmp_path, {}).folder == tmp_path / "p"
    there = footage_place(str(tmp_path / "x"), "p", tmp_path, {})
    assert (there.folder, there.store) == (tmp_path / "x" / "p", None)
    with pytest.raises(SettingsError, match="give a folder or s3://bucket/prefix"):
        footage_place("ftp://x/y", "p", tmp_path, {})


def test_a_part_that_was_joined_before_it_was_sent_is_not_waited_for(tmp_path: Path) -> None:
    recorder = record(tmp_path / "p", FailingStore(tmp_path / "there"))
    recorder.telemetry(reading(7.0))
    report = recorder.close()
    assert report.upload is not None
    assert report.upload.not_uploaded == ()
