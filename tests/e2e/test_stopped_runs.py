"""Runs that are killed, stopped, out of room or not alone: the tables stay whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import staging
from sim_data.aerial import DemoTruth

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]
Rows = Callable[..., dict[str, list[dict[str, Any]]]]
FolderOf = Callable[..., Path]

ALL = range(1, 13)
LONG_S = 120.0


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says until it says `words`."""
    assert process.stderr is not None
    until = time.monotonic() + LONG_S
    while time.monotonic() < until:
        line = process.stderr.readline()
        if words in line:
            return
        assert line, f"it ended without saying {words!r}"
    raise AssertionError(f"it did not say {words!r} within {LONG_S} s")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["looking at footage", "pictures of", "committing"])
def test_killed_at_any_moment_leaves_the_tables_as_before_or_after(
    drawn: DemoTruth, parkwatch: Run, start_parkwatch: Start, rows: Rows, folder_of: FolderOf,
    own_tmp: Path, tmp_path: Path, moment: str,
) -> None:  # fmt: skip
    run = ("--site", drawn.site_path, "--warehouse", tmp_path / "w")
    assert parkwatch("reprocess", folder_of("morning", [5]), *run).returncode == 0
    before = rows(tmp_path / "w")
    noon = folder_of("noon", [7, 11])
    process = start_parkwatch("reprocess", noon, *run, tmpdir=own_tmp)
    wait_for(process, moment)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=LONG_S)
    left = rows(tmp_path / "w")
    again = parkwatch("reprocess", noon, *run)
    assert again.returncode == 0
    after = rows(tmp_path / "w")
    assert left in (before, after)
    if moment != "committing":
        assert left == before
    assert {p["frames"] for p in after["patrols"]} == {1, 2}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_prompt_and_tidy(
    drawn: DemoTruth, start_parkwatch: Start, rows: Rows, folder_of: FolderOf,
    own_tmp: Path, tmp_path: Path, number: signal.Signals,
) -> None:  # fmt: skip
    process = start_parkwatch(
        "reprocess", folder_of("footage", ALL), "--site", drawn.site_path,
        "--warehouse", tmp_path / "w", tmpdir=own_tmp,
    )  # fmt: skip
    wait_for(process, "of 12 frames")
    asked = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=LONG_S)
    assert time.monotonic() - asked < 8.0
    assert process.returncode == 130
    assert "stopped; the tables are as they were before this run" in said
    assert "Traceback" not in said
    assert [p.name for p in own_tmp.glob("parkwatch-run-*")] == []
    assert rows(tmp_path / "w", "detections", "patrols") == {"detections": [], "patrols": []}


@pytest.mark.slow
def test_two_runs_at_once_on_one_day_are_as_one_after_the_other(
    drawn: DemoTruth, parkwatch: Run, start_parkwatch: Start, rows: Rows, folder_of: FolderOf,
    tmp_path: Path,
) -> None:  # fmt: skip
    folders = folder_of("morning", [1, 5]), folder_of("noon", [7, 11])
    site = ("--site", drawn.site_path)
    both = [start_parkwatch("reprocess", f, *site, "--warehouse", tmp_path / "w") for f in folders]
    for process in both:
        _, said = process.communicate(timeout=LONG_S)
        assert process.returncode == 0, said
    for folder in folders:
        parkwatch("reprocess", folder, *site, "--warehouse", tmp_path / "one by one")
    together, one_by_one = rows(tmp_path / "w"), rows(tmp_path / "one by one")
    shown = {"evidence_uri", "best_detection_id"}
    for name in ("detections", "daily_incidents", "patrols", "incidents"):
        assert [{k: v for k, v in r.items() if k not in shown} for r in together[name]] == [
            {k: v for k, v in r.items() if k not in shown} for r in one_by_one[name]
        ]
    assert len(together["incidents"]) == 3


def fill_up(file: Path) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(handle, bytes(4096))
    finally:
        os.close(handle)


def test_a_full_disk_is_said_and_leaves_the_tables(
    drawn: DemoTruth, parkwatch: Run, rows: Rows, folder_of: FolderOf, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can be mounted only by root with the right to mount")
    try:
        run = ("--site", drawn.site_path, "--warehouse", disk / "w")
        assert parkwatch("reprocess", folder_of("morning", [5]), *run).returncode == 0
        before = rows(disk / "w")
        fill_up(disk / "fill")
        said = parkwatch("reprocess", folder_of("noon", [7, 11]), *run)
        assert said.returncode == 2
        assert "the disk is full" in said.stderr
        assert "Traceback" not in said.stderr
        assert rows(disk / "w") == before
        (disk / "fill").unlink()
        assert parkwatch("reprocess", tmp_path / "noon", *run).returncode == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_folder_of_a_killed_run_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned, young, foreign = (tmp_path / f"parkwatch-run-{n}" for n in "abc")
    for folder in (abandoned, young, foreign):
        folder.mkdir()
    for folder in (abandoned, young):
        (folder / "in-use").touch()
    for folder in (abandoned, foreign):
        os.utime(folder, (0, 0))
    with staging.run_folder() as first:
        os.utime(first, (0, 0))
        with staging.run_folder() as second:
            assert first.is_dir(), "the folder of a living run was removed"
            assert second != first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["parkwatch-run-b", "parkwatch-run-c"]
