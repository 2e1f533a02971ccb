"""kill -9 and full disks: the tables are as before the run, or as after it, and never between.

A child process commits a run and is killed; then this process looks at what is there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from park.errors import WarehouseError
from park.schemas import SCHEMAS
from pipelines.tables import Warehouse

REPOSITORY = Path(__file__).resolve().parents[2]

CHILD = """
import os, signal, sys, time
from datetime import UTC, date, datetime

from park.records import Observation, PatrolSummary, Reject
from park.rows import *
from park.schemas import *
from pipelines.tables import RunTables, Warehouse

folder, run_id, count, die_at = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
stamp = RunStamp("west", run_id, UTC, datetime(2026, 6, 1, tzinfo=UTC))

def row(number):
    return Observation(
        f"{run_id}-{number}", "morning", datetime(2026, 5, 1, 9, number % 60, tzinfo=UTC),
        "vehicle", 0.5, (1.0, 2.0, 3.0, 4.0), None, None, None, None, "a.jpg", 0.0, "m@1")

def rows():
    for start in range(0, count, 1000):
        yield observations_to_batch([row(n) for n in range(start, min(start + 1000, count))], stamp)

run = RunTables(
    "west", run_id, frozenset({date(2026, 5, 1)}), frozenset({"morning"}), rows(),
    incidents_to_table([], stamp, {}), daily_to_table([], stamp),
    patrols_to_table([PatrolSummary("morning", "photos", "x", None, None, 1, 1, count)], stamp),
    rejects_to_table({"morning": [Reject(f"{run_id}.jpg", "footage", "empty")]}, stamp))

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if die_at:
    import pipelines.commits as commits, pipelines.catalogs as catalogs
    place, _, nth = die_at.partition("#")
    owner, _, name = place.rpartition(".")
    target = {"": commits, "catalog": catalogs.GroupCommitSqlCatalog, "session": catalogs.Session}
    seen = []
    whole = getattr(target[owner], name)
    def dies(*arguments, **options):
        seen.append(1)
        if len(seen) == int(nth):
            die()
        return whole(*arguments, **options)
    setattr(target[owner], name, dies)

with Warehouse.open(folder, create=True) as warehouse:
    print("open", flush=True)
    warehouse.commit_run(run, warehouse.snapshot())
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = tmp_path_factory.mktemp("child") / "child.py"
    script.write_text(textwrap.dedent(CHILD))
    return script


def start(
    child: Path, folder: Path, run_id: str, count: int, die_at: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(child), str(folder), run_id, str(count), die_at],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> int:
    _, said = process.communicate(timeout=120)
    assert process.returncode in {0, -signal.SIGKILL}, said
    return process.returncode


def state(folder: Path) -> dict[str, set[str]]:
    """Return the runs whose rows each table holds, after checking that every row can be read."""
    with Warehouse.open(folder, create=False) as warehouse:
        tables = {name: warehouse.table_as_of(name) for name in SCHEMAS}
        for name in SCHEMAS:
            current = warehouse.table(name).current_snapshot()
            assert current is not None
            assert current.snapshot_id == warehouse.snapshot().tables[name]
    (count,) = set(tables["patrols"]["detections"].to_pylist()) or {0}
    assert tables["detections"].num_rows == count
    return {
        name: {str(run_id) for run_id in rows["run_id"].to_pylist()}
        for name, rows in tables.items()
    }


OLD = {"detections": {"old"}, "patrols": {"old"}, "rejects": {"old"}}
NEW = {"detections": {"new"}, "patrols": {"new"}, "rejects": {"new"}}
EMPTY: dict[str, set[str]] = {"incidents": set(), "daily_incidents": set()}


@pytest.fixture(scope="module")
def old(child: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse") / "w"
    assert finish(start(child, folder, "old", 50)) == 0
    assert state(folder) == OLD | EMPTY
    return folder


@pytest.fixture
def folder(old: Path) -> Iterator[Path]:
    """Return the warehouse as one run left it, at the place where it was made."""
    kept = old.with_name("kept")
    shutil.copytree(old, kept)
    yield old
    shutil.rmtree(old)
    kept.rename(old)


@pytest.mark.parametrize(
    ("die_at", "expected"),
    [
        ("write_rows#1", OLD),
        ("write_rows#2", OLD),
        ("_replace_files#1", OLD),
        ("_replace_files#3", OLD),
        ("catalog.hold#3", OLD),
        ("_flush#1", OLD),
        ("catalog.publish#1", OLD),
        ("session.execute#1", OLD),
        ("_report#1", NEW),
    ],
)
def test_killed_at_a_known_place(
    child: Path, folder: Path, die_at: str, expected: dict[str, set[str]]
) -> None:
    assert finish(start(child, folder, "new", 70, die_at)) == -signal.SIGKILL
    assert state(folder) == expected | EMPTY
    assert finish(start(child, folder, "new", 70)) == 0, "a rerun succeeds"
    assert state(folder) == NEW | EMPTY


def test_killed_at_any_moment(child: Path, folder: Path) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    seen = {"old": 0, "new": 0}
    for _ in range(6):
        process = start(child, folder, "new", 4000)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        time.sleep(draw.uniform(0.0, 0.5))
        process.kill()
        finish(process)
        found = state(folder)
        assert found in (OLD | EMPTY, NEW | EMPTY), f"with seed {seed}"
        seen[found["patrols"].pop()] += 1
        if seen["new"]:
            break
    assert finish(start(child, folder, "new", 4000)) == 0
    assert state(folder) == NEW | EMPTY


@pytest.mark.parametrize(
    "die_at", ["catalog.create_table#3", "_replace_files#2", "catalog.publish#1"]
)
def test_killed_while_the_warehouse_is_made(child: Path, tmp_path: Path, die_at: str) -> None:
    assert finish(start(child, tmp_path / "w", "new", 5, die_at)) == -signal.SIGKILL
    assert finish(start(child, tmp_path / "w", "new", 5)) == 0
    assert state(tmp_path / "w") == NEW | EMPTY


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = shutil.which("mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    if mount is None or os.geteuid() != 0:
        pytest.skip("a small disk needs root and mount(8); run the tests as root to try it")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_and_changes_nothing(child: Path, small_disk: Path) -> None:
    folder = small_disk / "w"
    assert finish(start(child, folder, "old", 50)) == 0
    process = start(child, folder, "new", 30_000)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "WarehouseError" in said
    assert "the disk is full" in said
    assert state(folder) == OLD | EMPTY


def test_a_file_size_limit_is_named_and_changes_nothing(child: Path, folder: Path) -> None:
    limited = 'trap "" XFSZ; ulimit -f 40; exec "$@"'
    arguments = ["new", "20000", ""]
    process = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, str(child), str(folder), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 1
    assert "the disk is full" in process.stderr
    assert state(folder) == OLD | EMPTY


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    with pytest.raises(
        WarehouseError, match=r"file/w: cannot open the warehouse: .*Not a directory"
    ):
        Warehouse.open(blocker / "w", create=True)
