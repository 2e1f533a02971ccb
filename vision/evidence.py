"""The picture that goes with an incident: what was seen, around it, and what it says.

People and number plates are made unrecognisable in the whole frame first; only then is the
crop cut, drawn on and encoded, so that no unredacted pixel reaches a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.errors import RecordError
from park.geotag import GeoTag, geotagged_jpeg
from park.records import BoxXyxyPx, Detection, Frame, Incident, Observation
from park.taxonomy import incident_type
from vision.evidence_words import Caption, label_lines, measure_mark
from vision.lettering import NO_CHINESE_NOTE, from_canvas, lettering, to_canvas
from vision.locate import Locator
from vision.marks import (
    ground_at,
    mark_box,
    mark_not_redacted,
    north_arrow,
    scale_bar,
    write_beside,
)
from vision.redact import RedactedImage, redact, unredacted
from vision.sizes import scale_is_known

_LEAST_MARKED_PX = 160
_PAPER = (18, 24, 32)
_INK = (255, 255, 255)
_FAINT = (196, 206, 218)
SEVERITY_RGB: tuple[tuple[int, int, int], ...] = (
    (90, 200, 250),
    (255, 204, 0),
    (255, 122, 26),
    (255, 59, 48),
)
"""Colour of severities 1 (notice) to 4 (critical), red, green, blue."""


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """How evidence pictures are cut.

    Attributes:
        margin_m: ground to show on each side of the box, where the scale is known.
        margin_boxes: the least margin on each side, in lengths of the box.
        shortest_px: the crop's shorter side is enlarged to at least this.
        longest_px: the picture's longer side is reduced to at most this, label included.
        enlarge_at_most: a small crop is enlarged by no more than this factor.
        quality: JPEG quality.
    """

    margin_m: float = 12.0
    margin_boxes: float = 1.0
    shortest_px: int = 480
    longest_px: int = 1280
    enlarge_at_most: float = 6.0
    quality: int = 88

    def __post_init__(self) -> None:
        if self.margin_m < 0 or self.margin_boxes < 0:
            raise RecordError("an evidence margin cannot be negative")
        if not 64 <= self.shortest_px <= self.longest_px <= 8192:
            raise RecordError(
                f"evidence sizes need 64 <= shortest_px <= longest_px <= 8192, "
                f"not {self.shortest_px} and {self.longest_px}"
            )
        if self.enlarge_at_most < 1:
            raise RecordError(f"enlarge_at_most {self.enlarge_at_most} is below 1")


@dataclass(frozen=True, slots=True)
class EvidencePicture:
    """An evidence picture, ready to be stored.

    Attributes:
        jpeg: the file's bytes, with the incident's place and time in EXIF.
        width_px: its width.
        height_px: its height.
        scale: output pixels per pixel of the frame.
        redacted: families blurred in the frame.
        not_redacted: families that no loaded model finds, or all when switched off.
        notes: what is not as usual about it, in words.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    scale: float
    redacted: tuple[str, ...]
    not_redacted: tuple[str, ...]
    notes: tuple[str, ...] = ()


def crop_window(
    frame_wh_px: tuple[int, int],
    box_xyxy_px: BoxXyxyPx,
    gsd_m: float | None,
    options: EvidenceOptions,
) -> tuple[int, int, int, int]:
    """Return the part of a frame to show around a box: x0, y0, x1, y1, whole pixels.

    The window keeps its size at the frame's edge by moving inwards where there is room. It is
    at least a quarter as high as wide and the other way round, so that it can carry a label.

    Args:
        frame_wh_px: width and height of the frame.
        box_xyxy_px: the box.
        gsd_m: metres per pixel there; None when not known.
        options: margins.

    Raises:
        RecordError: the box lies outside the frame altogether.
    """
    width_px, height_px = frame_wh_px
    x0, y0, x1, y1 = box_xyxy_px
    if x1 <= 0 or y1 <= 0 or x0 >= width_px or y0 >= height_px:
        raise RecordError(
            f"box {box_xyxy_px} lies outside the frame of {width_px} x {height_px} px"
        )
    longer = max(x1 - x0, y1 - y0)
    margin_px = max(8.0, options.margin_boxes * longer)
    if gsd_m is not None and math.isfinite(gsd_m) and gsd_m > 0:
        margin_px = max(margin_px, options.margin_m / gsd_m)
    want_w, want_h = x1 - x0 + 2 * margin_px, y1 - y0 + 2 * margin_px
    want_w, want_h = max(want_w, want_h / 4), max(want_h, want_w / 4)

    def span(low: float, high: float, want: float, size: int) -> tuple[int, int]:
        length = min(size, max(1, round(want)))
        start = round((low + high) / 2 - length / 2)
        start = min(max(0, start), size - length)
        return start, start + length

    left, right = span(x0, x1, want_w, width_px)
    top, bottom = span(y0, y1, want_h, height_px)
    return left, top, right, bottom


def observed_gsd_m(observation: Observation) -> float | None:
    """Return metres per pixel as the size of a placed box implies, None when not placed."""
    x0, y0, x1, y1 = observation.box_xyxy_px
    longer = max(x1 - x0, y1 - y0)
    if observation.size_m is None or observation.size_m <= 0 or longer <= 0:
        return None
    return observation.size_m / longer


def _with_strip(
    image_bgr: NDArray[np.uint8], lines: Sequence[str], colour_rgb: tuple[int, int, int]
) -> NDArray[np.uint8]:
    height_px, width_px = image_bgr.shape[:2]
    big = lettering(max(13, round(width_px / 40)))
    small = lettering(max(11, round(width_px / 56)))
    pad = big.size_px // 2
    strip_px = round(pad * 1.6 + big.size_px * 1.4 + small.size_px * 1.55 * (len(lines) - 1))
    whole = np.full((height_px + strip_px, width_px, 3), _PAPER[::-1], np.uint8)
    whole[:height_px] = image_bgr
    canvas = to_canvas(whole)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, height_px, max(4, pad // 2), height_px + strip_px), fill=colour_rgb)
    x, y = float(pad + max(4, pad // 2)), height_px + pad * 0.6
    for number, line in enumerate(lines):
        letters = big if number == 0 else small
        text = letters.fit(line, width_px - x - pad)
        draw.text((x, y), text, font=letters.font, fill=_INK if number == 0 else _FAINT)
        y += letters.size_px * (1.4 if number == 0 else 1.55)
    return from_canvas(canvas)


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A part of a frame as it is shown: its pixels, and where they come from."""

    image_bgr: NDArray[np.uint8]
    left: int
    top: int
    scale: float

    def shown(self, box: BoxXyxyPx) -> BoxXyxyPx:
        """Return where a box of the frame is in this picture."""
        x0, y0, x1, y1 = box
        return (
            (x0 - self.left) * self.scale,
            (y0 - self.top) * self.scale,
            (x1 - self.left) * self.scale,
            (y1 - self.top) * self.scale,
        )


def evidence_picture(
    frame: Frame,
    incident: Incident,
    detections: Sequence[Detection],
    *,
    model_classes: Iterable[str],
    time_zone: tzinfo,
    zone_name: tuple[str, str] = ("", ""),
    redaction: bool = True,
    locator: Locator | None = None,
    options: EvidenceOptions | None = None,
) -> EvidencePicture:
    """Return the evidence picture of an incident as JPEG bytes.

    Args:
        frame: the frame of `incident.best`.
        incident: what it shows; the box of its best observation is drawn.
        detections: everything the models saw in this frame, for redaction.
        model_classes: names of all classes that the loaded models know.
        time_zone: the site's own, for the label.
        zone_name: name of the zone in Chinese and English; its id stands where both are empty.
        redaction: False leaves the pixels as they are, and marks the picture so.
        locator: of the frame, for the scale and the arrow to north; None leaves them out.
        options: how it is cut.

    Raises:
        RecordError: the box lies outside the frame.
    """
    options = options or EvidenceOptions()
    height_px, width_px = frame.image_bgr.shape[:2]
    best = incident.best
    window = crop_window((width_px, height_px), best.box_xyxy_px, observed_gsd_m(best), options)
    kept: RedactedImage = (
        redact(frame.image_bgr, detections, classes=model_classes)
        if redaction
        else unredacted(frame.image_bgr)
    )
    cut = _cut_out(kept.image_bgr, window, options)
    notes = (f"enlarged {cut.scale:.1f} times",) if cut.scale > 1.0 else ()
    drawn = _with_marks(cut, incident, frame, locator)
    caption = Caption(time_zone, zone_name)
    return finished(drawn, incident, kept, caption, options, scale=cut.scale, notes=notes)


def finished(
    drawn_bgr: NDArray[np.uint8],
    incident: Incident,
    kept: RedactedImage,
    caption: Caption,
    options: EvidenceOptions,
    *,
    scale: float = 1.0,
    notes: tuple[str, ...] = (),
) -> EvidencePicture:
    """Return a drawn picture with its label below, as a JPEG that says where and when.

    Args:
        drawn_bgr: the picture, made of redacted pixels and drawn on.
        incident: what it shows.
        kept: says what was redacted.
        caption: for the label.
        options: quality.
        scale: output pixels per pixel of the frame.
        notes: what is not as usual about it.
    """
    if kept.switched_off:
        drawn_bgr = mark_not_redacted(drawn_bgr)
        notes += ("redaction was switched off",)
    chinese = lettering(16).chinese
    if not chinese:
        notes += (NO_CHINESE_NOTE,)
    colour = SEVERITY_RGB[incident.severity - 1]
    labelled = _with_strip(drawn_bgr, label_lines(incident, caption, chinese), colour)
    return EvidencePicture(
        geotagged_jpeg(labelled, _tag(incident, kept, caption), quality=options.quality),
        labelled.shape[1],
        labelled.shape[0],
        scale,
        kept.redacted,
        kept.not_redacted,
        notes,
    )


def _cut_out(
    image_bgr: NDArray[np.uint8], window: tuple[int, int, int, int], options: EvidenceOptions
) -> _Cut:
    x0, y0, x1, y1 = window
    crop = image_bgr[y0:y1, x0:x1]
    grow = min(options.enlarge_at_most, options.shortest_px / min(crop.shape[:2]))
    # The label strip takes up to about a quarter of the width; leave it room.
    longest = options.longest_px * 0.84
    scale = min(max(1.0, grow), longest / max(crop.shape[:2]))
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return _Cut(np.asarray(cv2.resize(crop, size, interpolation=method), np.uint8), x0, y0, scale)


def _with_marks(
    cut: _Cut, incident: Incident, frame: Frame, locator: Locator | None
) -> NDArray[np.uint8]:
    """Return the picture with box, measure, scale and north drawn on it."""
    colour = SEVERITY_RGB[incident.severity - 1]
    image = cut.image_bgr
    box = cut.shown(incident.best.box_xyxy_px)
    mark_box(image, box, colour)
    canvas = to_canvas(image)
    draw = ImageDraw.Draw(canvas)
    height_px, width_px = image.shape[:2]
    measure = measure_mark(incident)
    if measure:
        letters = lettering(max(13, round(width_px / 42)))
        write_beside(draw, box, (width_px, height_px), measure, letters, colour)
    _draw_ground(draw, cut, incident.best, frame, locator)
    return from_canvas(canvas)


def _draw_ground(
    draw: ImageDraw.ImageDraw, cut: _Cut, best: Observation, frame: Frame, locator: Locator | None
) -> None:
    """Draw scale and north at the box, where it is known how the picture sees the ground."""
    height_px, width_px = cut.image_bgr.shape[:2]
    x0, y0, x1, y1 = best.box_xyxy_px
    ground = None if locator is None else ground_at(locator, (x0 + x1) / 2, (y0 + y1) / 2)
    if ground is None or min(height_px, width_px) < _LEAST_MARKED_PX:
        return
    letters = lettering(max(11, round(width_px / 60)), chinese=False)
    gsd_m, north = ground
    margin = letters.size_px * 0.7
    if scale_is_known(frame.view):
        scale_bar(draw, (margin, height_px - margin), gsd_m / cut.scale, letters)
    radius = letters.size_px * 1.8
    north_arrow(draw, (width_px - margin - radius, margin + radius), radius, north, letters)


def _tag(incident: Incident, kept: RedactedImage, caption: Caption) -> GeoTag:
    kind = incident_type(incident.type)
    return GeoTag(
        time=incident.best.time.astimezone(caption.time_zone),
        lat_deg=incident.place.lat_deg,
        lon_deg=incident.place.lon_deg,
        error_m=incident.place.error_m,
        model="evidence",
        description=f"{kind.en} | zone {incident.zone_id} | incident {incident.incident_id} | "
        f"model {incident.model_id} | redacted: {', '.join(kept.redacted) or 'nothing'} | "
        f"not redacted: {', '.join(kept.not_redacted) or 'nothing'}",
    )
