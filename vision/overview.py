"""One picture that shows what was kept, what was dropped and why: for judging by eye."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import PurePath
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.errors import LocateError, RecordError
from park.geodesy import LocalFrame
from park.records import CornersView, Detection, Frame, Observation
from vision.camera import gsd_m_at, project_points
from vision.lettering import (
    ColourRgb,
    Lettering,
    from_canvas,
    lettering,
    to_canvas,
    write_boxed,
)
from vision.marks import north_arrow, scale_bar

_KEPT: ColourRgb = (0, 230, 118)
_MOST_LABELS = 60
"""With more boxes than this, labels would hide the picture."""
_INK: ColourRgb = (255, 255, 255)
_DARK: ColourRgb = (12, 16, 22)
# Told apart also by people who do not see red and green alike: Okabe and Ito's palette.
_REASONS: tuple[ColourRgb, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)


@dataclass(frozen=True, slots=True)
class DroppedDetection:
    """A detection that was not kept, and why.

    Attributes:
        detection: what the model saw.
        reason: why it was dropped, in a few words; the legend counts equal ones.
        size_m: longest side on the ground; None when not known.
    """

    detection: Detection
    reason: str
    size_m: float | None = None

    @classmethod
    def of(cls, one: Observation, reason: str) -> Self:
        """Return what was placed already and is not kept after all."""
        found = Detection(one.class_name, one.confidence, one.box_xyxy_px, one.model_id)
        return cls(found, reason, one.size_m)


def north_direction(frame: Frame) -> tuple[float, float] | None:
    """Return the unit vector (x right, y down) in which north lies in the picture's middle.

    None when nothing is known about how the picture sees the ground, or when the middle of
    the picture does not see it.
    """
    view = frame.view
    if view is None:
        return None
    if isinstance(view, CornersView):
        lat_deg, lon_deg = np.array(view.corners, dtype=np.float64).T
        east, north = LocalFrame(*view.corners[0]).to_en_m(lat_deg.copy(), lon_deg.copy())
        top_left, top_right, bottom_right, bottom_left = np.column_stack([east, north])
        # Ground that one goes over along the picture's x and y; north is solved from both.
        right = (top_right + bottom_right - top_left - bottom_left).tolist()
        down = (bottom_left + bottom_right - top_left - top_right).tolist()
        right = (right[0] / view.width_px, right[1] / view.width_px)
        down = (down[0] / view.height_px, down[1] / view.height_px)
        turn = right[0] * down[1] - right[1] * down[0]
        if turn == 0:
            return None
        x, y = -down[0] / turn, right[0] / turn
    else:
        pose = view.pose
        # A point far below, and the same point moved north.
        down_m = 100.0
        tilt = math.tan(math.radians(max(0.0, min(80.0, pose.pitch_deg + 90.0)))) * down_m
        yaw = math.radians(pose.yaw_deg)
        ahead = (math.sin(yaw) * tilt, math.cos(yaw) * tilt)
        points = np.array([(*ahead, -down_m), (ahead[0], ahead[1] + 1.0, -down_m)])
        xy, in_front = project_points(view.intrinsics, pose, points)
        if not in_front.all():
            return None
        x, y = (float(v) for v in xy[1] - xy[0])
    length = math.hypot(x, y)
    return (x / length, y / length) if length > 0 else None


def _middle_gsd_m(frame: Frame, observations: Sequence[Observation]) -> float | None:
    if frame.view is not None:
        height_px, width_px = frame.image_bgr.shape[:2]
        try:
            gsd_m = gsd_m_at(frame.view, width_px / 2, height_px / 2)
        except LocateError:
            gsd_m = math.nan
        if math.isfinite(gsd_m) and gsd_m > 0:
            return gsd_m
    sizes = [
        o.size_m / max(o.box_xyxy_px[2] - o.box_xyxy_px[0], o.box_xyxy_px[3] - o.box_xyxy_px[1])
        for o in observations
        if o.size_m
    ]
    return float(np.median(sizes)) if sizes else None


def _kept_label(observation: Observation) -> str:
    parts = [observation.class_name, f"{observation.confidence:.2f}"]
    if observation.size_m is not None:
        parts.append(f"{observation.size_m:.1f} m")
    if observation.object_id:
        parts.append(f"#{observation.object_id[:5]}")
    return " ".join(parts)


def _free_spot(
    box: tuple[float, float, float, float],
    size: tuple[float, float],
    limits: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float]:
    """Return where to put a label near a box: the first place not taken, else above it."""
    x0, y0, x1, y1 = box
    w, h = size
    spots = [
        (x, y)
        for step in range(3)
        for x, y in (
            (x0, y0 - (step + 1) * (h + 2)),
            (x0, y1 + 2 + step * (h + 2)),
            (x1 - w, y0 - (step + 1) * (h + 2)),
            (x1 - w, y1 + 2 + step * (h + 2)),
            (x1 + 3, y0 + step * (h + 2)),
            (x0 - w - 3, y0 + step * (h + 2)),
        )
    ]
    fitting = [(min(max(0.0, x), limits[0] - w), min(max(0.0, y), limits[1] - h)) for x, y in spots]
    for x, y in fitting:
        if not any(x < b[2] and x + w > b[0] and y < b[3] and y + h > b[1] for b in taken):
            return x, y
    return fitting[0]


def _legend(
    draw: ImageDraw.ImageDraw,
    xy_px: tuple[float, float],
    rows: Sequence[tuple[ColourRgb, str]],
    letters: Lettering,
) -> None:
    x, y = xy_px
    line = letters.size_px * 1.5
    width = max(letters.width_px(text) for _, text in rows) + line * 1.9
    draw.rectangle((x, y, x + width, y + line * (len(rows) + 0.5)), fill=_DARK)
    for number, (colour, text) in enumerate(rows):
        top = y + line * (number + 0.35)
        draw.rectangle(
            (x + line * 0.3, top, x + line * 1.1, top + letters.size_px * 0.9),
            outline=colour,
            width=4 if colour == _KEPT else 2,
        )
        draw.text((x + line * 1.4, top - 2), text, font=letters.font, fill=_INK)


def overview_picture(
    frame: Frame,
    kept: Sequence[Observation],
    dropped: Sequence[DroppedDetection],
    *,
    time_zone: tzinfo,
    longest_px: int = 2400,
    redacted_image_bgr: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return a whole frame with everything that was found in it drawn on.

    Args:
        frame: the picture.
        kept: what was kept, with class, confidence, size and object written beside it.
        dropped: what was not, in thin boxes coloured by reason.
        time_zone: in which the time is written.
        longest_px: the longer side is reduced to at most this; never enlarged.
        redacted_image_bgr: pixels to draw on instead of the frame's, of the same shape.

    Returns:
        uint8, shape (height, width, 3), OpenCV's channel order.

    Raises:
        RecordError: `longest_px` is too small, or the redacted pixels have another shape.
    """
    if longest_px < 320:
        raise RecordError(f"longest_px {longest_px} is below 320: nothing could be read")
    source = frame.image_bgr if redacted_image_bgr is None else redacted_image_bgr
    if source.shape != frame.image_bgr.shape:
        raise RecordError(
            f"redacted pixels of shape {source.shape} do not fit a frame of {frame.image_bgr.shape}"
        )
    height_px, width_px = source.shape[:2]
    scale = min(1.0, longest_px / max(height_px, width_px))
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    canvas = to_canvas(
        np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    )
    draw = ImageDraw.Draw(canvas)
    letters = lettering(max(11, min(22, max(size) // 110)), chinese=False)
    reasons = [reason for reason, _ in Counter(d.reason for d in dropped).most_common()]
    colours = {reason: _REASONS[i % len(_REASONS)] for i, reason in enumerate(reasons)}
    for item in dropped:
        box = tuple(v * scale for v in item.detection.box_xyxy_px)
        draw.rectangle(box, outline=colours[item.reason], width=max(1, letters.size_px // 10))
    _draw_kept(draw, kept, scale, size, letters)
    _draw_margin(draw, frame, kept, dropped, colours, scale, size, letters, time_zone)
    return from_canvas(canvas)


def _draw_kept(
    draw: ImageDraw.ImageDraw,
    kept: Sequence[Observation],
    scale: float,
    size: tuple[int, int],
    letters: Lettering,
) -> None:
    boxes = []
    for observation in kept:
        x0, y0, x1, y1 = (v * scale for v in observation.box_xyxy_px)
        boxes.append((x0, y0, x1, y1))
        draw.rectangle((x0 - 1, y0 - 1, x1 + 1, y1 + 1), outline=_DARK, width=5)
        draw.rectangle((x0, y0, x1, y1), outline=_KEPT, width=3)
    if len(kept) > _MOST_LABELS:
        return
    taken = list(boxes)
    for observation, box in zip(kept, boxes, strict=True):
        text = _kept_label(observation)
        pad = max(2, letters.size_px // 5)
        label = (letters.width_px(text) + 2 * pad, letters.size_px * 1.25 + pad)
        spot = _free_spot(box, label, size, taken)
        anchor = (min(max(box[0], spot[0]), spot[0] + label[0]), spot[1] + label[1] / 2)
        nearest = (min(max(anchor[0], box[0]), box[2]), min(max(anchor[1], box[1]), box[3]))
        draw.line((*anchor, *nearest), fill=_KEPT, width=2)
        taken.append(write_boxed(draw, spot, text, letters, ink=_DARK, paper=_KEPT))


def _draw_margin(
    draw: ImageDraw.ImageDraw,
    frame: Frame,
    kept: Sequence[Observation],
    dropped: Sequence[DroppedDetection],
    colours: dict[str, ColourRgb],
    scale: float,
    size: tuple[int, int],
    letters: Lettering,
    time_zone: tzinfo,
) -> None:
    width_px, height_px = size
    local = frame.time.astimezone(time_zone)
    offset = local.strftime("%z")
    title = (
        f"{PurePath(frame.source_uri).name}   {local:%Y-%m-%d %H:%M:%S}{offset[:3]}:{offset[3:5]}"
    )
    if frame.source_time_s:
        title += f"   {frame.source_time_s:.2f} s into the video"
    margin = letters.size_px * 0.7
    title = letters.fit(title, width_px - 2 * margin - letters.size_px)
    _, _, _, below = write_boxed(draw, (margin, margin), title, letters, ink=_INK, paper=_DARK)
    counts = Counter(d.reason for d in dropped)
    unlabelled = ", too many to label" if len(kept) > _MOST_LABELS else ""
    rows: list[tuple[ColourRgb, str]] = [(_KEPT, f"kept: {len(kept)}{unlabelled}")]
    rows += [
        (colour, letters.fit(f"dropped, {reason}: {counts[reason]}", width_px * 0.6))
        for reason, colour in colours.items()
    ]
    _legend(draw, (margin, below + margin / 2), rows, letters)
    gsd_m = _middle_gsd_m(frame, kept)
    if gsd_m is not None:
        scale_bar(draw, (margin, height_px - margin), gsd_m / scale, letters)
    direction = north_direction(frame)
    radius = letters.size_px * 2.2
    if direction is not None:
        centre = (width_px - margin - radius, margin + radius)
        north_arrow(draw, centre, radius, direction, letters)
    if frame.view is None:
        text = letters.fit("nothing is known about where the camera was", width_px - 2 * margin)
        write_boxed(
            draw,
            (margin, height_px - margin - letters.size_px * 2),
            text,
            letters,
            ink=_INK,
            paper=(160, 24, 24),
        )
