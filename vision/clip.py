"""A few seconds of video around an incident's best sighting: how it moves, nobody recognisable.

Only the part of the picture in which it moves is shown, small. Every frame is redacted before it
is drawn on and encoded, with what was found in it and in the frames before and after it: a model
that misses somebody in one frame does not give them away.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Literal, Protocol

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.errors import RecordError
from park.picture import Pixels
from park.records import BoxXyxyPx, Detection, Frame, Incident, Observation
from vision.evidence import SEVERITY_RGB, EvidenceOptions, crop_window, observed_gsd_m
from vision.evidence_words import Caption, title
from vision.lettering import from_canvas, lettering, to_canvas
from vision.marks import mark_box, mark_not_redacted
from vision.observe import Sight
from vision.privacy import believable
from vision.redact import RedactedImage, redact, unredacted

_CODEC: Literal["libx264"] = "libx264"
_INK = (255, 255, 255)
_PAPER = (18, 24, 32)
_LOOK_PX = 1280
_AROUND = 0.06
_IN_FLIGHT = 4
_HOLD_S = 0.3
_BRIDGE_S = 1.5
_MILLISECOND = Fraction(1, 1000)
_INDEX_FIRST = {"movflags": "+faststart"}


class FindsPeople(Protocol):
    """Finds what is to be blurred; `vision.privacy.PrivacyFinder` is one."""

    def classes_for(self, frame: Frame) -> tuple[str, ...]:
        """Return what can be found in such a frame."""

    def find_many(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return what is in each frame."""


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """How clips are cut.

    Attributes:
        before_s: seconds shown before the best sighting.
        after_s: seconds shown after it.
        fps: frames per second taken from the video.
        longest_px: the picture's longer side is reduced to at most this.
        shortest_px: at least so much of the frame is shown along each side, where there is so
            much of it.
        quality: x264's constant rate factor, 18 (good) to 40 (poor).
    """

    before_s: float = 2.5
    after_s: float = 2.5
    fps: float = 8.0
    longest_px: int = 640
    shortest_px: int = 240
    quality: int = 26

    def __post_init__(self) -> None:
        if not (0.0 <= self.before_s <= 30.0 and 0.0 <= self.after_s <= 30.0):
            raise RecordError("a clip shows 0 to 30 s before and after its best sighting")
        if not 1.0 <= self.fps <= 30.0:
            raise RecordError(f"fps {self.fps} of a clip is not between 1 and 30")
        if not 64 <= self.longest_px <= 1920:
            raise RecordError(f"longest_px {self.longest_px} of a clip is not in 64..1920")


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip, ready to be stored.

    Attributes:
        mp4: the file's bytes, H.264 in MP4, playable from its first bytes on.
        width_px: its width.
        height_px: its height.
        seconds: from its first to its last frame.
        frames: how many.
        redacted: families blurred in any of its frames.
        not_redacted: families that no loaded model finds, or all when switched off.
    """

    mp4: bytes
    width_px: int
    height_px: int
    seconds: float
    frames: int
    redacted: tuple[str, ...]
    not_redacted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _About:
    """What a clip is of."""

    incident: Incident
    sightings: tuple[Observation, ...]
    caption: Caption


@dataclass(frozen=True, slots=True, eq=False)
class _Small:
    """A frame as the clip shows it, not redacted yet, with what is to be blurred in it."""

    time: datetime
    source_time_s: float
    image_bgr: NDArray[np.uint8]
    hidden: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class _Cutting:
    """What of each frame is shown, and how large.

    Attributes:
        window: x0, y0, x1, y1 of the frame.
        around: the same with some margin, in which is looked for people.
        size_px: width and height of the clip, even numbers.
    """

    window: tuple[int, int, int, int]
    around: tuple[int, int, int, int]
    size_px: tuple[int, int]

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Pixels of the clip per pixel of the frame."""
        x0, y0, x1, y1 = self.window
        return self.size_px[0] / (x1 - x0), self.size_px[1] / (y1 - y0)

    def shown(self, box: BoxXyxyPx) -> BoxXyxyPx:
        """Return where a box of the frame is in the clip."""
        (sx, sy), (left, top) = self.scale_xy, self.window[:2]
        x0, y0, x1, y1 = box
        return (x0 - left) * sx, (y0 - top) * sy, (x1 - left) * sx, (y1 - top) * sy

    def of_frame(self, box: BoxXyxyPx, share: float) -> BoxXyxyPx:
        """Return where a box of the part around the window, `share` as large, is in the frame."""
        left, top = self.around[:2]
        x0, y0, x1, y1 = (v / share for v in box)
        return x0 + left, y0 + top, x1 + left, y1 + top


def clip_span_s(best: Observation, options: ClipOptions) -> tuple[float, float]:
    """Return from when to when of its file a clip shows, seconds."""
    return max(0.0, best.source_time_s - options.before_s), best.source_time_s + options.after_s


def make_clip(
    frames: Iterable[Frame],
    incident: Incident,
    sightings: Sequence[Observation],
    *,
    finder: FindsPeople,
    caption: Caption,
    redaction: bool = True,
    options: ClipOptions | None = None,
) -> Clip | None:
    """Return a clip of an incident, or None where the video has fewer than two frames of it.

    At most the clip's own small frames are held in memory. It ends where the pictures of a video
    change their size: what is cut out of one of another size is another place.

    Args:
        frames: of the file of `incident.best`, within `clip_span_s`, in time order.
        incident: what it shows.
        sightings: of what the incident is about, in that file and time.
        finder: finds people and plates.
        caption: for the label.
        redaction: False leaves the pixels as they are, and marks the clip so.
        options: how it is cut.

    Raises:
        RecordError: the video cannot be encoded here.
    """
    options = options or ClipOptions()
    about = _About(incident, tuple(sightings), caption)
    coming = iter(frames)
    first = next(coming, None)
    if first is None:
        return None
    classes = finder.classes_for(first)
    cutting = _cutting(first, about, options)
    alike = takewhile(lambda frame: _size_px(frame) == _size_px(first), coming)
    looked = _looked_at(chain([first], alike), cutting, finder if redaction else None)
    small = list(looked)
    if len(small) < 2:
        return None
    kept = list(_redacted(small, classes, redaction))
    drawn = (_drawn(image, one, about, cutting) for one, image in zip(small, kept, strict=True))
    times_s = [one.source_time_s for one in small]
    mp4, (width_px, height_px) = _encoded(drawn, times_s, incident, options)
    return Clip(
        mp4, width_px, height_px, times_s[-1] - times_s[0], len(small),
        tuple(sorted({family for image in kept for family in image.redacted})),
        tuple(sorted({family for image in kept for family in image.not_redacted})),
    )  # fmt: skip


def boxes_at(sightings: Sequence[Observation], time_s: float) -> list[BoxXyxyPx]:
    """Return where things are at a moment of a video: between their sightings on a straight way.

    A thing is drawn up to 0.3 s before its first and after its last sighting, and not where it
    was unseen for more than 1.5 s.
    """
    tracks: dict[str, list[Observation]] = {}
    for seen in sightings:
        tracks.setdefault(seen.track_id or seen.detection_id, []).append(seen)
    found = []
    for track in tracks.values():
        box = _box_at(sorted(track, key=lambda seen: seen.source_time_s), time_s)
        if box is not None:
            found.append(box)
    return found


def _box_at(track: Sequence[Observation], time_s: float) -> BoxXyxyPx | None:
    before = [seen for seen in track if seen.source_time_s <= time_s]
    after = [seen for seen in track if seen.source_time_s > time_s]
    if before and after:
        gap_s = after[0].source_time_s - before[-1].source_time_s
        if gap_s <= _BRIDGE_S:
            share = (time_s - before[-1].source_time_s) / gap_s
            first, second = before[-1].box_xyxy_px, after[0].box_xyxy_px
            x0, y0, x1, y1 = (a + (b - a) * share for a, b in zip(first, second, strict=True))
            return x0, y0, x1, y1
    nearest = min(track, key=lambda seen: abs(seen.source_time_s - time_s))
    return nearest.box_xyxy_px if abs(nearest.source_time_s - time_s) <= _HOLD_S else None


def _looked_at(
    frames: Iterable[Frame], cutting: _Cutting, finder: FindsPeople | None
) -> Iterator[_Small]:
    """Yield frames cut and shrunk, with what is to be blurred in them, few whole ones in memory."""
    coming = iter(frames)
    while some := tuple(islice(coming, _IN_FLIGHT)):
        parts = [_part_to_look_at(frame, cutting) for frame in some]
        hidden = finder.find_many([p for p, _ in parts]) if finder else [[] for _ in some]
        for frame, (_, share), boxes in zip(some, parts, hidden, strict=True):
            x0, y0, x1, y1 = cutting.window
            crop = frame.image_bgr[y0:y1, x0:x1]
            image = np.asarray(cv2.resize(crop, cutting.size_px, interpolation=cv2.INTER_AREA))
            found = [replace(b, box_xyxy_px=cutting.of_frame(b.box_xyxy_px, share)) for b in boxes]
            found = believable(found, Sight.of(frame, None).gsd_at)
            hidden_here = tuple(
                replace(one, box_xyxy_px=cutting.shown(one.box_xyxy_px)) for one in found
            )
            yield _Small(frame.time, frame.source_time_s, np.asarray(image, np.uint8), hidden_here)


def _cutting(frame: Frame, about: _About, options: ClipOptions) -> _Cutting:
    width_px, height_px = frame.width_px, frame.height_px
    boxes = np.array([one.box_xyxy_px for one in (about.incident.best, *about.sightings)])
    low = boxes[:, :2].min(axis=0)
    high = boxes[:, 2:].max(axis=0)
    short = np.maximum(0.0, options.shortest_px - (high - low)) / 2.0
    (x0, y0), (x1, y1) = low - short, high + short
    whole: BoxXyxyPx = (float(x0), float(y0), float(x1), float(y1))
    gsd_m = observed_gsd_m(about.incident.best)
    margins = EvidenceOptions(margin_m=8.0, margin_boxes=0.15)
    left, top, right, bottom = crop_window((width_px, height_px), whole, gsd_m, margins)
    scale = min(2.0, options.longest_px / max(right - left, bottom - top))
    size = (_even((right - left) * scale), _even((bottom - top) * scale))
    more = round(_AROUND * max(right - left, bottom - top)) + 16
    around = (
        max(0, left - more),
        max(0, top - more),
        min(width_px, right + more),
        min(height_px, bottom + more),
    )
    return _Cutting((left, top, right, bottom), around, size)


def _size_px(frame: Frame) -> tuple[int, int]:
    return frame.width_px, frame.height_px


def _even(length_px: float) -> int:
    return max(2, 2 * math.floor(length_px / 2.0))


def _part_to_look_at(frame: Frame, cutting: _Cutting) -> tuple[Frame, float]:
    """Return the part of a frame in which is looked for people, and its pixels per pixel.

    What cannot be told at the size at which it is looked for is smaller still in the clip.
    """
    x0, y0, x1, y1 = cutting.around
    part = frame.image_bgr[y0:y1, x0:x1]
    share = min(1.0, _LOOK_PX / max(part.shape[:2]))
    if share < 1.0:
        size = (max(1, round(part.shape[1] * share)), max(1, round(part.shape[0] * share)))
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    return replace(frame, picture=Pixels(np.ascontiguousarray(part)), view=None), share


def _redacted(
    small: Sequence[_Small], classes: Sequence[str], redaction: bool
) -> Iterator[RedactedImage]:
    for number, one in enumerate(small):
        if not redaction:
            yield unredacted(one.image_bgr)
            continue
        near = small[max(0, number - 1) : number + 2]
        hidden = [found for other in near for found in other.hidden]
        yield redact(one.image_bgr, hidden, classes=classes)


def _drawn(
    kept: RedactedImage, small: _Small, about: _About, cutting: _Cutting
) -> NDArray[np.uint8]:
    """Return a frame of the clip with boxes and, below it, what and when."""
    image = kept.image_bgr.copy()
    incident = about.incident
    colour = SEVERITY_RGB[incident.severity - 1]
    for box in boxes_at(about.sightings, small.source_time_s):
        mark_box(image, cutting.shown(box), colour)
    if kept.switched_off:
        image = mark_not_redacted(image)
    height_px, width_px = image.shape[:2]
    letters = lettering(max(11, round(width_px / 42)))
    strip_px = _even(letters.size_px * 2.9)
    whole = np.full((height_px + strip_px, width_px, 3), _PAPER[::-1], np.uint8)
    whole[:height_px] = image
    canvas = to_canvas(whole)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, height_px, 3, height_px + strip_px), fill=colour)
    lines = (title(incident, letters.chinese), about.caption.time_text(small.time, tenths=True))
    for number, line in enumerate(lines):
        y = height_px + letters.size_px * (0.15 + 1.3 * number)
        draw.text((10, y), letters.fit(line, width_px - 16), font=letters.font, fill=_INK)
    return from_canvas(canvas)


def _encoded(
    images: Iterable[NDArray[np.uint8]],
    times_s: Sequence[float],
    incident: Incident,
    options: ClipOptions,
) -> tuple[bytes, tuple[int, int]]:
    """Return the frames as a file, each shown at its own time, and their size."""
    size = (0, 0)
    # FFmpeg puts the index before the pictures in a second pass, for which it opens the file anew.
    with tempfile.TemporaryDirectory(prefix="parkwatch-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        try:
            with av.open(str(path), "w", format="mp4", options=_INDEX_FIRST) as container:
                container.metadata["title"] = f"parkwatch incident {incident.incident_id}"
                stream = container.add_stream(_CODEC, rate=round(options.fps))
                stream.pix_fmt = "yuv420p"
                # One thread: the same frames give the same bytes on every machine.
                stream.options = {"crf": str(options.quality), "preset": "fast", "threads": "1"}
                stream.codec_context.time_base = _MILLISECOND
                for image, time_s in zip(images, times_s, strict=True):
                    if size == (0, 0):
                        stream.height, stream.width = image.shape[:2]
                        size = (image.shape[1], image.shape[0])
                    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                    frame.pts = round((time_s - times_s[0]) / _MILLISECOND)
                    frame.time_base = _MILLISECOND
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        except (av.error.FFmpegError, ValueError) as error:
            raise RecordError(f"a clip cannot be encoded as H.264 here: {error}") from error
        return path.read_bytes(), size
