"""Whatever is wrong with the bytes of a video, reading ends, and only with frames and rejects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from park.errors import FootageError
from park.patrol_format import TELEMETRY_SCHEMA, PatrolManifest
from park.records import Frame, Reject
from vision.footage import FootageOptions, discover, read_frames
from vision.footage.corners import read_corners

MakeVideo = Callable[..., Path]
MakeSrt = Callable[..., Path]
OPTIONS = FootageOptions(sample_fps=3.0)
DOCS = Path(__file__).resolve().parents[3] / "docs" / "footage-format.md"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
@pytest.mark.parametrize("where", ["head", "anywhere", "cut"])
def test_damage_gives_frames_and_rejects_and_nothing_else(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path, name: str, where: str
) -> None:
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = make_video(name, frames=60, options=options)
    make_srt(blocks=60)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(15):
        content = bytearray(whole)
        if where == "cut":
            content = content[: int(rng.integers(1, len(whole)))]
        else:
            end = min(len(whole), 1500) if where == "head" else len(whole)
            for at in rng.integers(8, end, 12):
                content[at] = int(rng.integers(0, 256))
        path.write_bytes(content)
        found = discover([str(tmp_path)], OPTIONS)
        for source in found.sources:
            for item in read_frames(source, OPTIONS):
                assert isinstance(item, Frame | Reject)
        assert len(found.sources) + len(found.rejects) >= 1


@pytest.mark.timeout(60)
def test_an_index_that_leads_back_does_not_make_reading_endless(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vision.footage import video

    path = make_video(frames=500, rate=25, gop=25)
    plain = video._Decoder._packets

    def led_back(self: video._Decoder) -> object:
        # As a damaged index does: wherever reading jumps to, it comes out at the beginning.
        self._container = LedBack(self._container)  # type: ignore[assignment]
        return plain(self)

    monkeypatch.setattr(video._Decoder, "_packets", led_back)
    items = list(video.sample_video(str(path), FootageOptions(sample_fps=0.1)))
    assert len(items) >= 1


class LedBack:
    """A container whose every seek ends at the beginning."""

    def __init__(self, container: object) -> None:
        self._container = container

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def seek(self, offset: int, **options: object) -> None:
        self._container.seek(0, **options)  # type: ignore[attr-defined]


def test_an_interrupted_fragmented_recording_gives_what_was_written(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    path = make_video(
        frames=200, gop=10, options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    )
    make_srt(blocks=200)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])
    (source,) = discover([str(tmp_path)], OPTIONS).sources
    frames = [item for item in read_frames(source, OPTIONS) if isinstance(item, Frame)]
    assert 8 <= len(frames) <= 20


def test_the_examples_in_the_documentation_are_right(tmp_path: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    examples = [part.split("```")[0] for part in text.split("```json")[1:]]
    assert len(examples) == 2
    corners = tmp_path / "corners.json"
    corners.write_text(examples[0], encoding="utf-8")
    assert read_corners(str(corners)).video == "gate-camera.mp4"
    assert PatrolManifest.model_validate(json.loads(examples[1])).cameras[0].camera_id == "rgb"
    for field in TELEMETRY_SCHEMA:
        assert f"`{field.name}`" in text


def test_a_corners_file_that_is_no_json_says_so(tmp_path: Path) -> None:
    path = tmp_path / "corners.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(FootageError, match="is no JSON object"):
        read_corners(str(path))
