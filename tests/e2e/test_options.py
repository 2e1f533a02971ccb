"""What each option of the command does to what comes out."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image

from sim_data.aerial import DemoTruth
from vision.scene.baseline import Baseline
from vision.scene.ortho import CellGrid

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., dict[str, list[dict[str, Any]]]]
FolderOf = Callable[..., Path]


@pytest.fixture
def reprocess(drawn: DemoTruth, parkwatch: Run, rows: Rows, tmp_path: Path) -> Callable[..., Any]:
    """Reprocess with the drawn site into a warehouse of its own, and give its tables."""

    def run(name: str, *arguments: object) -> dict[str, Any]:
        said = parkwatch(
            "reprocess", *arguments, "--site", drawn.site_path, "--warehouse", tmp_path / name
        )
        assert said.returncode == 0, said.stderr
        return {**rows(tmp_path / name), "said": said}

    return run


@pytest.fixture
def video(drawn: DemoTruth, tmp_path: Path) -> Path:
    """Two seconds of video of one drawn photo, with its ground corners beside it."""
    folder = tmp_path / "video"
    folder.mkdir()
    image = cv2.imread(str(drawn.footage_dir / "SIM_0005.JPG"))
    assert image is not None
    small = np.asarray(cv2.resize(image, (800, 600)), np.uint8)
    with av.open(str(folder / "fixed.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 800, 600, "yuv420p"
        for number in range(16):
            frame = av.VideoFrame.from_ndarray(small, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 8)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    corners = {
        "video": "fixed.mp4",
        "start_time": "2026-09-16T11:20:00+08:00",
        "corners_lonlat_tl_tr_br_bl": [
            [100.0, 40.0008], [100.001, 40.0008], [100.001, 40.0], [100.0, 40.0]
        ],
    }  # fmt: skip
    (folder / "corners.json").write_text(json.dumps(corners), "utf-8")
    return folder


def test_sample_fps_decides_how_many_frames_of_video_are_looked_at(
    reprocess: Callable[..., Any], video: Path
) -> None:
    frames = {
        fps: reprocess(f"w{fps}", video, "--sample-fps", fps)["patrols"][0]["frames"]
        for fps in (1, 4)
    }
    assert frames == {1: 2, 4: 8}


def test_confidence_is_a_threshold(reprocess: Callable[..., Any], folder_of: FolderOf) -> None:
    photo = folder_of("photo", [6])
    low = reprocess("low", photo, "--confidence", "0.05")["detections"]
    high = reprocess("high", photo, "--confidence", "0.8")["detections"]
    assert len(low) > len(high) > 0
    assert min(d["confidence"] for d in high) >= 0.8


def test_whole_and_imgsz_look_at_a_shrunken_picture(
    reprocess: Callable[..., Any], folder_of: FolderOf
) -> None:
    photo = folder_of("photo", [6])
    by_scale = reprocess("scale", photo)["detections"]
    tiny = reprocess("tiny", photo, "--whole", "--imgsz", "128")["detections"]
    assert len(tiny) < len(by_scale) / 2


def test_hfov_is_used_where_the_lens_is_not_recorded(
    reprocess: Callable[..., Any], drawn: DemoTruth, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    with Image.open(drawn.footage_dir / "SIM_0005.JPG") as picture:
        exif = picture.getexif()
        details = exif.get_ifd(0x8769)
        for tag in (0x920A, 0xA405, 0xA20E, 0xA20F, 0xA210):
            details.pop(tag, None)
        picture.save(bare / "a.jpg", exif=exif, xmp=picture.info["xmp"], quality=95)
    assumed = reprocess("assumed", bare)["patrols"][0]["assumptions"]
    told = reprocess("told", bare, "--hfov", "73.7")["patrols"][0]["assumptions"]
    assert any("field of view" in a or "lens" in a or "focal" in a for a in assumed)
    assert assumed != told


def test_terrain_moves_what_is_seen_and_says_how_it_was_tied(
    reprocess: Callable[..., Any], drawn: DemoTruth, folder_of: FolderOf, tmp_path: Path
) -> None:
    # A flat-topped hill under this photo, alone on a plain at the height that the site states.
    pose = drawn.photos[4].pose
    heights = np.full((200, 200), 1200.0, np.float32)
    row, column = int((40.01 - pose.lat_deg) / 1e-4), int((pose.lon_deg - 99.99) / 1e-4)
    heights[row - 7 : row + 7, column - 8 : column + 8] = 1220.0
    with rasterio.open(
        tmp_path / "hill.tif",
        "w",
        driver="GTiff",
        width=200,
        height=200,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=rasterio.Affine(1e-4, 0.0, 99.99, 0.0, -1e-4, 40.01),
    ) as file:
        file.write(heights, 1)
    photo = folder_of("photo", [5])
    flat = reprocess("flat", photo)
    hill = reprocess("hill", photo, "--terrain", tmp_path / "hill.tif")
    assert any("take-off height" in a for a in hill["patrols"][0]["assumptions"])
    middle = {n: statistics.median(d["size_m"] for d in t["detections"]) for n, t in
               (("flat", flat), ("hill", hill))}  # fmt: skip
    # Ground 20 m higher is nearer to the camera, so the same box is smaller on it.
    assert middle["hill"] < middle["flat"] * 0.85


def test_evidence_says_what_was_and_what_could_not_be_redacted(
    reprocess: Callable[..., Any], folder_of: FolderOf, people_model: Path
) -> None:
    photo = folder_of("photo", [5])
    alone = reprocess("alone", photo)["incidents"]
    both = reprocess("both", photo, "--model", "vehicles", "--model", people_model)
    off = reprocess("off", photo, "--no-redact")["incidents"]
    assert alone
    assert all("person" in i["not_redacted"] and not i["redacted"] for i in alone)
    assert all("person" not in i["not_redacted"] for i in both["incidents"])
    assert all(i["not_redacted"] for i in both["incidents"]), "no model here finds plates"
    assert {d["class"] for d in both["detections"]} == {"vehicle", "person"}
    assert all("person" in i["not_redacted"] and not i["redacted"] for i in off)
    for incident in (*alone, *both["incidents"], *off):
        with Image.open(incident["evidence_uri"]) as picture:
            assert picture.format == "JPEG"
            assert picture.getexif()


def test_no_evidence_writes_no_picture(
    reprocess: Callable[..., Any], folder_of: FolderOf, tmp_path: Path
) -> None:
    tables = reprocess("w", folder_of("photo", [5]), "--no-evidence")
    assert [i["evidence_uri"] for i in tables["incidents"]] == [None]
    assert list((tmp_path / "w").rglob("*.jpg")) == []


def test_a_baseline_leaves_parked_vehicles_out_unless_all_of_it_is_wanted(
    drawn: DemoTruth, parkwatch: Run, tmp_path: Path
) -> None:
    under = {}
    for name, options in (("usual", ()), ("whole", ("--whole",))):
        said = parkwatch(
            "baseline", "build", drawn.footage_dir, "--out", tmp_path / name, "--gsd", 0.2, *options
        )
        assert said.returncode == 0, said.stderr
        assert "laying frames on the ground" in said.stderr
        assert ("m2 left out" in said.stdout) is (name == "usual")
        made = Baseline(tmp_path / name)
        known = []
        for vehicle in drawn.vehicles:
            east, north = made.facts.frame.to_en_m(vehicle.lat_deg, vehicle.lon_deg)
            grid = CellGrid.around((east - 0.4, north - 0.4, east + 0.4, north + 0.4), 0.2)
            known.append(bool((made.patch(grid).known > 0).all()))
        under[name] = sum(known)
    assert under["whole"] > 5
    assert under["usual"] < 0.2 * under["whole"]


def test_a_baseline_cannot_be_whole_and_without_something(
    drawn: DemoTruth, parkwatch: Run, tmp_path: Path
) -> None:
    said = parkwatch(
        "baseline", "build", drawn.footage_dir, "--out", tmp_path / "base", "--whole",
        "--without", "vehicles",
    )  # fmt: skip
    assert said.returncode == 2
    assert "--whole leaves nothing out" in said.stderr


def test_a_baseline_without_the_finds_of_a_model_that_is_none_is_refused(
    drawn: DemoTruth, parkwatch: Run, tmp_path: Path
) -> None:
    said = parkwatch(
        "baseline", "build", drawn.footage_dir, "--out", tmp_path / "base", "--without", "cars"
    )
    assert said.returncode == 2
    assert "cars" in said.stderr
    assert not (tmp_path / "base").exists()
