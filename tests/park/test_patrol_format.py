"""The manifest of a recorded patrol: what it accepts, and what it says about mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from park.errors import FootageError
from park.patrol_format import PatrolCamera, PatrolManifest, read_manifest

GOOD: dict[str, Any] = {
    "format": "parkwatch-patrol",
    "format_version": 1,
    "site": "drawn park",
    "patrol_id": "2026-05-04-north",
    "started_at": "2026-05-04T05:30:00Z",
    "time_base": {"clock": "gnss"},
    "cameras": [{"camera_id": "rgb", "width_px": 1920, "height_px": 1080, "hfov_deg": 70.0}],
    "segments": [
        {"file": "video/0001.mp4", "camera_id": "rgb", "start_time": "2026-05-04T05:30:00Z"}
    ],
}


def write(folder: Path, value: object) -> str:
    (folder / "manifest.json").write_text(json.dumps(value), encoding="utf-8")
    return str(folder)


def test_a_written_manifest_reads_back_the_same(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path, GOOD))
    (tmp_path / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    assert read_manifest(str(tmp_path)) == manifest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patrol_id": "../x"}, "patrol_id: String should match"),
        ({"started_at": "2026-05-04T05:30:00"}, "started_at: Input should have timezone"),
        ({"format_version": 2}, "format_version: Input should be 1"),
        ({"cameras": []}, "cameras: "),
        ({"cameras": [GOOD["cameras"][0]] * 2}, "two cameras have the same camera_id"),
        (
            {"cameras": [GOOD["cameras"][0] | {"temperature_unit": "centikelvin"}]},
            "temperature_unit is for cameras of spectrum thermal",
        ),
        (
            {"cameras": [GOOD["cameras"][0] | {"temperature_unit": "kelvin"}]},
            "temperature_unit: Input should be 'centikelvin' or 'decikelvin'",
        ),
        ({"telemetry": []}, "telemetry: .*name at least one"),
        ({"telemetry": ["/etc/passwd"]}, "must be a path below"),
        ({"telemetry": ["../x.parquet"]}, "must be a path below"),
        ({"unknown": 1}, "unknown: Extra inputs"),
        (
            {"segments": [GOOD["segments"][0] | {"camera_id": "ir"}]},
            "segment video/0001.mp4 is of camera 'ir', but the cameras are rgb",
        ),
        ({"segments": [GOOD["segments"][0]] * 2}, "two segments name the same file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = write(tmp_path, GOOD | changes)
    with pytest.raises(FootageError, match=message):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("lens", "message"),
    [
        ({}, "give either hfov_deg or fx_px and fy_px"),
        ({"hfov_deg": 70.0, "fx_px": 1.0, "fy_px": 1.0}, "give either"),
        ({"fx_px": 1000.0}, "give both fx_px and fy_px"),
        ({"hfov_deg": 70.0, "cx_px": float("nan")}, "must be finite"),
    ],
)
def test_a_lens_is_told_in_one_way(lens: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PatrolCamera(camera_id="rgb", width_px=100, height_px=50, **lens)


def test_the_lens_of_a_camera() -> None:
    camera = PatrolCamera(
        camera_id="ir", spectrum="thermal", width_px=640, height_px=512, fx_px=700, fy_px=701
    )
    lens = camera.intrinsics()
    assert (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px) == (700, 701, 320, 256)


def test_a_missing_manifest_says_so(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=r"manifest\.json: cannot be read: No such file"):
        read_manifest(str(tmp_path))


def test_an_unknown_camera_is_a_key_error() -> None:
    manifest = PatrolManifest.model_validate(GOOD)
    with pytest.raises(KeyError, match="ir"):
        manifest.camera("ir")
