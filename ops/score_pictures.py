"""Finds the frames that show a miss or a false alarm, and cuts pictures of them.

Footage with truth beside it is simulated: nobody in it is real, and nothing is blurred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.errors import FootageError, LocateError
from park.geodesy import LocalFrame
from park.records import Frame, PosedView, Reject
from vision.camera import gsd_m_at, project_points
from vision.evidence import EvidenceOptions, crop_window
from vision.footage import FootageOptions, FootageSource, read_frame, read_frames
from vision.lettering import from_canvas, lettering, to_canvas, write_boxed

_LEAST_M = 2.0
_QUALITY = 88
_SHORTEST_PX = 480


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place and a time to be shown.

    Attributes:
        name: of the picture's file, without ending.
        title: what is written on it.
        lat_deg: WGS84 latitude.
        lon_deg: WGS84 longitude.
        extent_m: radius to be shown.
        first: when it was there first.
        last: and last.
    """

    name: str
    title: str
    lat_deg: float
    lon_deg: float
    extent_m: float
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """The frame that shows something best.

    Attributes:
        source: the footage.
        source_uri: its file.
        source_time_s: where in it.
        xy_px: where in the frame.
        gsd_m: metres per pixel there.
        outside_s: seconds between the frame and the time when the thing was there; 0 within.
        off_middle: how far from the middle of the frame, in half diagonals.
    """

    source: FootageSource
    source_uri: str
    source_time_s: float
    xy_px: tuple[float, float]
    gsd_m: float
    outside_s: float
    off_middle: float


def find_looks(
    sources: Sequence[FootageSource],
    options: FootageOptions,
    wanted: Sequence[Wanted],
    *,
    slack_s: float = 30.0,
    advance: Callable[[int, str], None] = lambda count, uri: None,
) -> tuple[dict[str, Look], tuple[Reject, ...]]:
    """Return the frame nearest in time and place to each thing wanted, by its name.

    Args:
        sources: footage.
        options: how it is read.
        wanted: what is to be shown.
        slack_s: how long before or after the thing was there a frame may be.
        advance: is told of frames that were looked at.

    Returns:
        Looks, for those things that any frame shows; and footage that was refused.
    """
    looks: dict[str, Look] = {}
    rejects: list[Reject] = []
    for source in sources:
        for item in read_frames(source, options):
            if isinstance(item, Reject):
                rejects.append(item)
                continue
            advance(1, item.source_uri)
            for name, look in _looks_of(item, source, wanted, slack_s):
                before = looks.get(name)
                if before is None or _rank(look) < _rank(before):
                    looks[name] = look
    return looks, tuple(rejects)


def cut_picture(look: Look, wanted: Wanted, options: FootageOptions) -> bytes:
    """Return a JPEG of what a look shows, with a ring around the place.

    Raises:
        FootageError: the frame cannot be read any more.
    """
    frame = read_frame(look.source, options, look.source_uri, look.source_time_s)
    reach_px = max(wanted.extent_m, _LEAST_M) / look.gsd_m
    x_px, y_px = look.xy_px
    box = (x_px - reach_px, y_px - reach_px, x_px + reach_px, y_px + reach_px)
    left, top, right, bottom = crop_window(
        (frame.width_px, frame.height_px), box, look.gsd_m, EvidenceOptions()
    )
    crop = frame.image_bgr[top:bottom, left:right]
    scale = max(1.0, min(6.0, _SHORTEST_PX / min(crop.shape[:2])))
    size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    large = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    middle = (round((x_px - left) * scale), round((y_px - top) * scale))
    for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.circle(large, middle, round(reach_px * scale), colour, thick, cv2.LINE_AA)
    told = f"{wanted.title} | {frame.time:%Y-%m-%d %H:%M:%S} UTC"
    if look.outside_s:
        told += f" | {look.outside_s:.0f} s before or after it"
    return _jpeg(_titled(large, told), look.source_uri)


def _looks_of(
    frame: Frame, source: FootageSource, wanted: Sequence[Wanted], slack_s: float
) -> Iterable[tuple[str, Look]]:
    view = frame.view
    if not isinstance(view, PosedView) or view.pose.alt_home_m <= 0:
        return
    near = [(one, outside) for one in wanted if (outside := _outside_s(one, frame.time)) <= slack_s]
    if not near:
        return
    around = LocalFrame(view.pose.lat_deg, view.pose.lon_deg)
    points = np.array(
        [(*around.to_en_m(one.lat_deg, one.lon_deg), -view.pose.alt_home_m) for one, _ in near]
    )
    xy_px, in_front = project_points(view.intrinsics, view.pose, points)
    half = np.array([frame.width_px / 2, frame.height_px / 2])
    for (one, outside_s), xy, visible in zip(near, xy_px, in_front, strict=True):
        if not visible or bool(np.any((xy < 0) | (xy >= 2 * half))):
            continue
        try:
            gsd_m = gsd_m_at(view, float(xy[0]), float(xy[1]))
        except LocateError:
            continue
        off = float(np.linalg.norm(xy - half) / np.linalg.norm(half))
        yield (
            one.name,
            Look(
                source,
                frame.source_uri,
                frame.source_time_s,
                (float(xy[0]), float(xy[1])),
                gsd_m,
                outside_s,
                off,
            ),
        )


def _outside_s(one: Wanted, time: datetime) -> float:
    return max((one.first - time).total_seconds(), (time - one.last).total_seconds(), 0.0)


def _rank(look: Look) -> tuple[float, float]:
    return look.outside_s, look.off_middle


def _titled(image_bgr: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    canvas = to_canvas(image_bgr)
    letters = lettering(max(12, image_bgr.shape[1] // 48), chinese=False)
    text = letters.fit(text, image_bgr.shape[1] - 16.0)
    write_boxed(ImageDraw.Draw(canvas), (6, 6), text, letters, ink=(255, 255, 255), paper=(0, 0, 0))
    return from_canvas(canvas)


def _jpeg(image_bgr: NDArray[np.uint8], uri: str) -> bytes:
    done, content = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise FootageError(uri, "a picture of it cannot be written as JPEG")
    return content.tobytes()
