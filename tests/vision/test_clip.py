"""A clip shows how a thing moves, at its own pace, small, and gives nobody away."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from park.errors import RecordError
from park.picture import Pixels
from park.records import Detection, Frame, GroundPoint, Incident, Observation
from vision.clip import Clip, ClipOptions, boxes_at, clip_span_s, make_clip
from vision.evidence_words import Caption

START = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)
CAPTION = Caption(ZoneInfo("Asia/Shanghai"), ("消防通道", "Fire lane"))
WIDTH, HEIGHT = 960, 540


def place_at(time_s: float) -> tuple[float, float, float, float]:
    """Where somebody who walks to the right is."""
    x = 300.0 + 40.0 * time_s
    return (x, 220.0, x + 20.0, 260.0)


def sighting(time_s: float, track: str = "t") -> Observation:
    return Observation(
        f"d{time_s}", "p", START + timedelta(seconds=time_s), "person", 0.8, place_at(time_s),
        track, "o", GroundPoint(40.0, 100.0, 1.0), 1.0, "v.mp4", time_s, "m@1",
    )  # fmt: skip


def incident(time_s: float = 3.0) -> Incident:
    best = sighting(time_s)
    return Incident(
        "i1", date(2026, 9, 16), "governance", "perimeter_intrusion", 3, "fence", best.place
        or GroundPoint(0.0, 0.0, 1.0), START, START + timedelta(seconds=6), 6.0, 6.0, ("o",), 12,
        None, "m@1", best,
    )  # fmt: skip


def frames(times_s: Sequence[float]) -> Iterator[Frame]:
    """A checkered person over plain ground."""
    for time_s in times_s:
        image = np.full((HEIGHT, WIDTH, 3), (70, 110, 80), np.uint8)
        x0, y0, x1, y1 = (round(v) for v in place_at(time_s))
        tiles = (np.indices((y1 - y0, x1 - x0)).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
        image[y0:y1, x0:x1] = tiles[..., None]
        time = START + timedelta(seconds=time_s)
        yield Frame(Pixels(image), time, None, "v.mp4", time_s, "p")


def test_a_clip_ends_where_the_pictures_of_its_video_change_their_size() -> None:
    first = list(frames([2.0, 2.5, 3.0]))
    image = np.full((120, 160, 3), 210, np.uint8)
    rest = [replace(one, picture=Pixels(image), source_time_s=4.0) for one in first]
    clip = make_clip([*first, *rest], incident(), [sighting(3.0)], finder=Finder(), caption=CAPTION)
    assert clip is not None
    assert (clip.frames, clip.seconds) == (3, 1.0)


class Finder:
    """Finds the person by the tiles, but never in the frame number `blind`."""

    def __init__(self, blind: int = -1) -> None:
        self.blind = blind
        self.seen = 0

    def classes_for(self, frame: Frame) -> tuple[str, ...]:
        return ("person",)

    def find_many(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        found: list[list[Detection]] = []
        for frame in frames:
            rows, columns = np.nonzero(frame.image_bgr.max(axis=2) > 180)
            box = (
                float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max())
            )  # fmt: skip
            hit = [Detection("person", 0.5, box, "m@1")]
            found.append([] if self.seen == self.blind else hit)
            self.seen += 1
        return found


def times(count: int = 18, fps: float = 4.0, start_s: float = 0.5) -> list[float]:
    return [start_s + k / fps for k in range(count)]


def sightings() -> list[Observation]:
    return [sighting(k / 2) for k in range(13)]


def played(mp4: bytes) -> tuple[list[NDArray[np.uint8]], list[float], str]:
    with av.open(io.BytesIO(mp4), "r") as container:
        stream = container.streams.video[0]
        shown = list(container.decode(stream))
        pixels = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in shown]
        return pixels, [frame.time or 0.0 for frame in shown], stream.codec_context.name


def test_it_plays_at_the_pace_of_the_video() -> None:
    uneven = [0.5, 0.6, 1.4, 1.5, 2.9]
    clip = make_clip(frames(uneven), incident(), sightings(), finder=Finder(), caption=CAPTION)
    assert clip is not None
    pictures, shown_s, codec = played(clip.mp4)
    assert codec == "h264"
    assert shown_s == pytest.approx([t - 0.5 for t in uneven], abs=0.002)
    assert clip.frames == 5
    assert clip.seconds == pytest.approx(2.4)
    assert pictures[0].shape == (clip.height_px, clip.width_px, 3)
    assert clip.mp4.index(b"moov") < clip.mp4.index(b"mdat"), "a browser can begin at once"


def test_it_is_small_and_shows_the_whole_way() -> None:
    clip = make_clip(frames(times()), incident(), sightings(), finder=Finder(), caption=CAPTION)
    assert clip is not None
    assert max(clip.width_px, clip.height_px) <= 640
    assert clip.width_px % 2 == clip.height_px % 2 == 0
    assert len(clip.mp4) < 150_000
    pictures, _, _ = played(clip.mp4)

    def middle_of_box(picture: NDArray[np.uint8]) -> float:
        inside = picture[: int(clip.height_px * 0.8), 8:].astype(int)
        return float(np.nonzero((abs(inside - (26, 122, 255)) < 70).all(axis=2))[1].mean())

    assert middle_of_box(pictures[-1]) > middle_of_box(pictures[0]) + 100, "the box goes along"


@pytest.mark.parametrize("blind", [-1, 0, 8, 17])
def test_nobody_is_to_be_known_even_where_a_model_misses_them_once(blind: int) -> None:
    clip = make_clip(
        frames(times()), incident(), sightings(), finder=Finder(blind), caption=CAPTION
    )
    assert clip is not None
    assert clip.redacted == ("person",)
    assert clip.not_redacted == ("face", "number_plate")
    bare = not_redacted()
    assert bare.redacted == ()
    assert bare.not_redacted == ("face", "number_plate", "person")
    for safe_picture, bare_picture in zip(played(clip.mp4)[0], played(bare.mp4)[0], strict=True):
        assert tiles_in(bare_picture) > 50
        assert tiles_in(safe_picture) < 0.15 * tiles_in(bare_picture)


@lru_cache(maxsize=1)
def not_redacted() -> Clip:
    clip = make_clip(
        frames(times()), incident(), sightings(), finder=Finder(), caption=CAPTION, redaction=False
    )
    assert clip is not None
    return clip


def tiles_in(picture: NDArray[np.uint8]) -> int:
    """Count the near white pixels, which only the tiles have, above the label."""
    part = picture[30 : round(picture.shape[0] * 0.8), 100:-100]
    return int((part.min(axis=2) > 180).sum())


def test_one_frame_is_no_clip() -> None:
    for times_s in ([], [3.0]):
        assert make_clip(frames(times_s), incident(), [], finder=Finder(), caption=CAPTION) is None


def test_the_same_frames_give_the_same_bytes() -> None:
    one, two = (
        make_clip(frames(times(9)), incident(), sightings(), finder=Finder(), caption=CAPTION)
        for _ in range(2)
    )
    assert one == two


def test_a_box_goes_straight_from_sighting_to_sighting_and_is_not_made_up() -> None:
    seen = [sighting(1.0), sighting(2.0), sighting(6.0), sighting(1.2, "other")]
    assert boxes_at(seen, 1.4) == [pytest.approx(place_at(1.4)), place_at(1.2)]
    assert boxes_at(seen, 0.8) == [place_at(1.0)]
    assert boxes_at(seen, 4.0) == []
    assert boxes_at(seen, 6.2) == [place_at(6.0)]


def test_a_clip_begins_with_the_video_at_the_earliest() -> None:
    options = ClipOptions(before_s=2.0, after_s=3.0)
    assert clip_span_s(sighting(1.0), options) == (0.0, 4.0)
    assert clip_span_s(sighting(9.0), options) == (7.0, 12.0)


def test_impossible_options_are_refused() -> None:
    with pytest.raises(RecordError, match="0 to 30 s before and after"):
        ClipOptions(before_s=-1.0)
    with pytest.raises(RecordError, match=r"fps 0\.5 of a clip"):
        ClipOptions(fps=0.5)
    with pytest.raises(RecordError, match="longest_px 40 of a clip"):
        ClipOptions(longest_px=40)
