"""Footage that cannot be used is named with its reason, and the rest goes on."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sim_data.aerial import DemoTruth

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., dict[str, list[dict[str, Any]]]]


def png_that_claims(width_px: int, height_px: int) -> bytes:
    """Return a few bytes that say they are a picture of this size: a decompression bomb."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def bad(drawn: DemoTruth, tmp_path: Path) -> Path:
    folder = tmp_path / "mixed"
    folder.mkdir()
    good = (drawn.footage_dir / "SIM_0004.JPG").read_bytes()
    (folder / "torn.jpg").write_bytes(good[: len(good) // 3])
    (folder / "noise.jpg").write_bytes(os.urandom(4000))
    (folder / "nothing.jpg").write_bytes(b"")
    Image.new("RGB", (640, 480), "grey").save(folder / "no_gps.jpg")
    (folder / "bomb.png").write_bytes(png_that_claims(60_000, 60_000))
    (folder / "cut.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(2000))
    (folder / "empty.srt").write_bytes(b"")
    (folder / "gone.jpg").symlink_to(folder / "never-was.jpg")
    (folder / "notes.txt").write_text("not footage")
    return folder


REFUSED = {
    "torn.jpg", "noise.jpg", "nothing.jpg", "no_gps.jpg", "bomb.png", "cut.mp4", "empty.srt",
    "gone.jpg",
}  # fmt: skip


def test_each_is_listed_with_its_reason_and_the_rest_goes_on(
    drawn: DemoTruth, parkwatch: Run, rows: Rows, bad: Path, tmp_path: Path
) -> None:
    shutil.copy(drawn.footage_dir / "SIM_0005.JPG", bad / "good.jpg")
    said = parkwatch("reprocess", bad, "--site", drawn.site_path, "--warehouse", tmp_path / "w")
    assert said.returncode == 3
    tables = rows(tmp_path / "w")
    assert {Path(r["source_uri"]).name for r in tables["rejects"]} == REFUSED
    assert all(len(r["reason"]) > 5 and str(tmp_path) not in r["reason"] for r in tables["rejects"])
    reasons = {Path(r["source_uri"]).name: r["reason"] for r in tables["rejects"]}
    assert "absurd size" in reasons["bomb.png"]
    assert reasons["nothing.jpg"] == "is empty"
    assert "GPS" in reasons["no_gps.jpg"] or "position" in reasons["no_gps.jpg"]
    assert [i["zone_id"] for i in tables["incidents"]] == ["tank-yard"]
    for name in REFUSED:
        assert name in said.stderr
    assert "Traceback" not in said.stderr
    assert "1 files passed over" in said.stdout


def test_nothing_usable_is_status_2_and_still_listed(
    drawn: DemoTruth, parkwatch: Run, rows: Rows, bad: Path, tmp_path: Path
) -> None:
    said = parkwatch("reprocess", bad, "--site", drawn.site_path, "--warehouse", tmp_path / "w")
    assert said.returncode == 2
    assert {
        Path(r["source_uri"]).name for r in rows(tmp_path / "w", "rejects")["rejects"]
    } == REFUSED


def test_what_was_mended_leaves_the_rejects(
    drawn: DemoTruth, parkwatch: Run, rows: Rows, tmp_path: Path
) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    photo = folder / "a.jpg"
    photo.write_bytes(b"")
    run = ("reprocess", folder, "--site", drawn.site_path, "--warehouse", tmp_path / "w")
    assert parkwatch(*run).returncode == 2
    shutil.copy(drawn.footage_dir / "SIM_0005.JPG", photo)
    assert parkwatch(*run).returncode == 0
    tables = rows(tmp_path / "w")
    assert tables["rejects"] == []
    assert len(tables["incidents"]) == 1


@pytest.mark.skipif(os.getuid() == 0, reason="root reads every folder; run as another user")
def test_an_unreadable_folder_is_named(
    drawn: DemoTruth, parkwatch: Run, rows: Rows, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o000)
    said = parkwatch("reprocess", locked, "--site", drawn.site_path, "--warehouse", tmp_path / "w")
    locked.chmod(0o700)
    assert said.returncode == 2
    (row,) = rows(tmp_path / "w", "rejects")["rejects"]
    assert row["source_uri"] == str(locked)
    assert "cannot be read" in row["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "nope"), "no model 'nope': not a file, and not one of the shipped models"),
        (("--model", "fake.pt"), "fake.pt is not a PyTorch file"),
        (("--site", "broken.geojson"), "broken.geojson: line 1, column 2"),
        (("--site", "nowhere.geojson"), "nowhere.geojson: cannot be read"),
        (("--terrain", "broken.geojson"), "cannot be read as a GeoTIFF elevation model"),
        (("--terrain", "nowhere.tif"), "nowhere.tif is not a file"),
        (("--sample-fps", "0"), "sample_fps 0.0 is not between"),
        (("--hfov", "500"), "hfov_deg 500.0 is not between 1 and 170"),
        (("--beam=--runner=Nope",), "Unexpected pipeline runner: Nope"),
        (("--pictures", "broken.geojson/x"), "overview pictures cannot be written there"),
        (("--warehouse", "ftp://x"), "give a folder or s3://bucket/prefix"),
        (("--confidence", "7"), "less than or equal to 0.99"),
    ],
)
def test_a_wrong_option_ends_with_a_sentence_and_no_warehouse(
    drawn: DemoTruth, parkwatch: Run, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "broken.geojson").write_text("{]")
    (tmp_path / "fake.pt").write_text("these are no weights")
    said = parkwatch(
        "reprocess", drawn.footage_dir, "--site", drawn.site_path, "--warehouse", "w", *options
    )
    assert said.returncode == 2
    assert message in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr
