"""Files are told by content, put together, and refused or passed over with a reason."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from park.errors import FootageError, SettingsError
from park.records import Frame, Reject
from vision.footage import FootageOptions, discover, read_frame, read_frames, read_span

MakePhoto = Callable[..., Path]
MakeVideo = Callable[..., Path]
MakeSrt = Callable[..., Path]
OPTIONS = FootageOptions(sample_fps=5.0)
CORNERS = [[121.5, 31.2], [121.501, 31.2], [121.501, 31.199], [121.5, 31.199]]


def reasons(path: Path) -> dict[str, str]:
    found = discover([str(path)], OPTIONS)
    return {Path(reject.source_uri).name: reject.reason for reject in found.rejects}


def test_photos_of_a_folder_are_one_source_in_order_of_name(
    make_photo: MakePhoto, tmp_path: Path
) -> None:
    for n in (3, 1, 2):
        make_photo(f"day/{n}.jpg", seed=n)
    found = discover([str(tmp_path)], OPTIONS)
    assert found.rejects == ()
    (source,) = found.sources
    assert source.kind == "photos"
    assert [Path(uri).name for uri in source.files] == ["1.jpg", "2.jpg", "3.jpg"]
    assert source.frames_expected == 3


def test_patrol_id_follows_the_bytes_and_not_the_place(
    make_photo: MakePhoto, tmp_path: Path
) -> None:
    make_photo("one/a.jpg", seed=1)
    make_photo("one/b.jpg", seed=2)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "a.jpg").rename(tmp_path / "two" / "z.jpg")
    ids = {
        discover([str(tmp_path / name)], OPTIONS).sources[0].patrol_id for name in ("one", "two")
    }
    assert len(ids) == 1
    make_photo("two/c.jpg", seed=3)
    assert discover([str(tmp_path / "two")], OPTIONS).sources[0].patrol_id not in ids


def test_many_photos_are_split_but_stay_one_patrol(
    make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys.modules["vision.footage.discover"], "MAX_PHOTOS_PER_SOURCE", 2)
    for n in range(5):
        make_photo(f"{n}.jpg", seed=n)
    found = discover([str(tmp_path)], OPTIONS)
    assert [len(source.files) for source in found.sources] == [2, 2, 1]
    assert len({source.patrol_id for source in found.sources}) == 1
    assert len({source.content_hash for source in found.sources}) == 3


def test_content_decides_and_not_the_name(
    make_photo: MakePhoto, make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_photo("a.jpg").rename(tmp_path / "picture.dat")
    make_video("b.mp4").rename(tmp_path / "film.bin")
    make_srt("film.srt").rename(tmp_path / "film.txt")
    kinds = {source.kind for source in discover([str(tmp_path)], OPTIONS).sources}
    assert kinds == {"photos", "video_srt"}


def test_what_is_plainly_no_footage_is_passed_over(make_photo: MakePhoto, tmp_path: Path) -> None:
    make_photo("a.jpg")
    for name in ("README.md", "LICENSE", "notes.txt", "data.csv"):
        (tmp_path / name).write_text("words", encoding="utf-8")
    (tmp_path / "other.json").write_text('{"a": 1}', encoding="utf-8")
    (tmp_path / "empty.txt").touch()
    found = discover([str(tmp_path)], OPTIONS)
    assert found.rejects == ()
    assert {ignored.reason for ignored in found.ignored} == {"is no footage"}
    assert len(found.ignored) == 6


def test_the_same_bytes_are_read_once_and_that_is_said(
    make_photo: MakePhoto, tmp_path: Path
) -> None:
    path = make_photo("a.jpg")
    shutil.copy(path, tmp_path / "copy.jpg")
    (tmp_path / "link.jpg").symlink_to(path)
    found = discover([str(tmp_path), str(path), str(tmp_path)], OPTIONS)
    (source,) = found.sources
    assert source.files == (str(path),)
    told = sorted(ignored.reason for ignored in found.ignored)
    assert len(told) == 4
    assert any("same bytes" in reason for reason in told)
    assert sum("is the same as" in reason for reason in told) == 3


def test_things_that_claim_to_be_footage_are_refused_with_reasons(
    make_photo: MakePhoto, make_video: MakeVideo, tmp_path: Path
) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    (tmp_path / "text.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "lonely.srt").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\nGPS(8.2,47.4,18) BAROMETER:1.0\n", encoding="utf-8"
    )
    cut = make_video("cut.mp4")
    cut.write_bytes(cut.read_bytes()[:400])
    make_video("plain.mp4", frames=60)
    told = reasons(tmp_path)
    assert told["empty.jpg"] == "is empty"
    assert "is no video" in told["text.mp4"]
    assert "is no picture" in told["text.jpg"]
    assert "HEIF" in told["phone.heic"]
    assert "link to something that is not there" in told["dangling.jpg"]
    assert "telemetry without its video" in told["lonely.srt"]
    assert "cannot be opened as video" in told["cut.mp4"]
    assert "neither telemetry nor ground corners" in told["plain.mp4"]
    assert len(told) == 8


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert reasons(tmp_path / "nowhere") == {"nowhere": "does not exist; check the path"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything; run as another user")
def test_unreadable_files_and_folders_are_refused(make_photo: MakePhoto, tmp_path: Path) -> None:
    make_photo("a.jpg").chmod(0)
    make_photo("closed/b.jpg").parent.chmod(0)
    told = reasons(tmp_path)
    (tmp_path / "closed").chmod(0o700)
    assert "Permission denied" in told["a.jpg"]
    assert "Permission denied" in told["closed"]


def test_an_unreadable_file_is_refused_whoever_asks(
    make_photo: MakePhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_photo("a.jpg", seed=1)
    bad = make_photo("b.jpg", seed=2)
    plain_open = Path.open

    def refusing(self: Path, *args: object, **kwargs: object) -> object:
        if self == bad:
            raise PermissionError(13, "Permission denied")
        return plain_open(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    found = discover([str(tmp_path)], OPTIONS)
    assert [Path(uri).name for source in found.sources for uri in source.files] == ["a.jpg"]
    assert "Permission denied" in found.rejects[0].reason


def test_links_in_a_circle_end(make_photo: MakePhoto, tmp_path: Path) -> None:
    make_photo("deep/a.jpg")
    (tmp_path / "deep" / "back").symlink_to(tmp_path)
    assert len(discover([str(tmp_path)], OPTIONS).sources) == 1


@pytest.mark.parametrize("sidecar", ["clip.SRT", "clip.srt", "CLIP.Srt", "clip.mp4.srt"])
def test_telemetry_is_found_by_stem(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path, sidecar: str
) -> None:
    make_video()
    make_srt(sidecar)
    found = discover([str(tmp_path)], OPTIONS)
    assert [source.kind for source in found.sources] == ["video_srt"]
    assert found.rejects == ()
    assert found.sources[0].frames_expected == 10


def test_a_video_with_unusable_telemetry_is_refused_with_its_reason(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    make_video()
    (tmp_path / "clip.SRT").write_text(
        "1\n00:00:00,000 --> 00:00:01,000\n[iso: 100]\n", encoding="utf-8"
    )
    assert reasons(tmp_path) == {
        "clip.mp4": "clip.SRT: no usable line in 1 blocks: 1 x no position in the block"
    }


@pytest.mark.parametrize("value", [{"video": "clip.mp4"}, {}])
def test_corners_make_a_video_readable(
    make_video: MakeVideo, tmp_path: Path, value: dict[str, str]
) -> None:
    make_video()
    corners = tmp_path / "ground.json"
    corners.write_text(json.dumps(value | {"corners_lonlat_tl_tr_br_bl": CORNERS}))
    found = discover([str(tmp_path)], OPTIONS)
    assert [source.kind for source in found.sources] == ["video_corners"]
    assert found.sources[0].sidecar == str(corners)


def test_a_video_named_alone_finds_the_telemetry_beside_it(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    video, srt = make_video(), make_srt()
    make_srt("other.SRT")
    found = discover([str(video)], OPTIONS)
    assert [(s.kind, s.uri, s.sidecar) for s in found.sources] == [
        ("video_srt", str(video), str(srt))
    ]
    assert (found.rejects, found.ignored) == ((), ())
    assert discover([str(video), str(srt)], OPTIONS).sources == found.sources


@pytest.mark.parametrize("value", [{"video": "clip.mp4"}, {}], ids=["named", "unnamed"])
def test_a_video_named_alone_finds_its_ground_corners(
    make_video: MakeVideo, tmp_path: Path, value: dict[str, str]
) -> None:
    video = make_video()
    corners = tmp_path / "ground.json"
    corners.write_text(json.dumps(value | {"corners_lonlat_tl_tr_br_bl": CORNERS}))
    (source,) = discover([str(video)], OPTIONS).sources
    assert (source.kind, source.sidecar) == ("video_corners", str(corners))
    make_video("another.mp4")
    found = discover([str(video)], OPTIONS)
    assert bool(found.sources) == bool(value), "corners of no name may be another video's"


def test_a_changed_sidecar_changes_the_content_hash_and_not_the_patrol(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt()
    before = discover([str(tmp_path)], OPTIONS).sources[0]
    make_srt(blocks=40)
    after = discover([str(tmp_path)], OPTIONS).sources[0]
    assert before.patrol_id == after.patrol_id
    assert before.content_hash != after.content_hash


def test_small_copies_beside_a_video_are_passed_over(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_video()
    make_srt()
    make_video("small.mp4", size=(64, 48)).rename(tmp_path / "clip.LRF")
    found = discover([str(tmp_path)], OPTIONS)
    assert len(found.sources) == 1
    assert [ignored.reason for ignored in found.ignored] == [
        "is the small copy of a video beside it"
    ]


def test_a_source_goes_to_another_process_and_reads_the_same(
    make_photo: MakePhoto, make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_photo("photos/a.jpg", seed=9)
    make_video("film/clip.mp4")
    make_srt("film/clip.SRT")
    found = discover([str(tmp_path)], OPTIONS)
    for source in found.sources:
        frames = list(read_frames(pickle.loads(pickle.dumps(source)), OPTIONS))  # noqa: S301
        assert len(frames) == source.frames_expected
        for frame in frames:
            assert isinstance(frame, Frame)
            again = read_frame(source, OPTIONS, frame.source_uri, frame.source_time_s)
            assert np.array_equal(again.image_bgr, frame.image_bgr)
            assert (again.time, again.view, again.assumptions) == (
                frame.time,
                frame.view,
                frame.assumptions,
            )


def test_a_part_of_a_video_is_read_and_a_photo_has_none(
    make_photo: MakePhoto, make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    make_photo("photos/a.jpg", seed=9)
    make_video("film/clip.mp4")
    make_srt("film/clip.SRT")
    film, photos = discover([str(tmp_path)], OPTIONS).sources
    frames = [frame for frame in read_frames(film, OPTIONS) if isinstance(frame, Frame)]
    part = list(read_span(film, OPTIONS, film.files[0], 0.0, frames[-1].source_time_s))
    assert [frame.view for frame in part] == [frame.view for frame in frames]
    assert np.array_equal(part[-1].image_bgr, frames[-1].image_bgr)
    with pytest.raises(FootageError, match="is a photo, of which there is no video"):
        list(read_span(photos, OPTIONS, photos.files[0], 0.0, 1.0))
    with pytest.raises(FootageError, match="is not part of"):
        list(read_span(film, OPTIONS, photos.files[0], 0.0, 1.0))


def test_one_bad_photo_does_not_stop_the_others(make_photo: MakePhoto, tmp_path: Path) -> None:
    make_photo("a.jpg", seed=1)
    bad = make_photo("b.jpg", seed=2)
    bad.write_bytes(bad.read_bytes()[:700])
    make_photo("c.jpg", seed=3)
    (source,) = discover([str(tmp_path)], OPTIONS).sources
    kinds = [type(item) for item in read_frames(source, OPTIONS)]
    assert kinds == [Frame, Reject, Frame]


def test_a_file_that_vanished_is_a_reject_when_read(
    make_video: MakeVideo, make_srt: MakeSrt, tmp_path: Path
) -> None:
    video = make_video()
    make_srt()
    (source,) = discover([str(tmp_path)], OPTIONS).sources
    video.unlink()
    (item,) = read_frames(source, OPTIONS)
    assert isinstance(item, Reject)
    assert item.stage == "footage"
    assert "not there any more" in item.reason
    with pytest.raises(FootageError, match="is not part of"):
        read_frame(source, OPTIONS, "elsewhere.mp4", 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_fps": 0.0}, "sample_fps 0.0 is not between"),
        ({"sample_fps": float("nan")}, "sample_fps nan"),
        ({"hfov_deg": 200.0}, "hfov_deg 200.0 is not between"),
        ({"max_pixels": 0}, "max_pixels 0 is not positive"),
        ({"takeoff_alt_amsl_m": 20_000.0}, "takeoff_alt_amsl_m"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        FootageOptions(**changes)  # type: ignore[arg-type]


def test_single_photos_do_not_pass_for_their_folder(tmp_path: Path) -> None:
    for number in range(3):
        pixels = np.full((32, 48, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg")
    one, two, three = (str(tmp_path / f"{n}.jpg") for n in range(3))

    def uris(*paths: str) -> list[str]:
        return [s.uri for s in discover(paths, FootageOptions()).sources]

    assert uris(str(tmp_path)) == [str(tmp_path)]
    assert uris(one) == [one]
    assert uris(one, two, three) == [f"{tmp_path}/{{0.jpg..2.jpg}}"]
