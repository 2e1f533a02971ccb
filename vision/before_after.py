"""The same ground before and after, side by side: the picture that goes with a change.

Both are laid flat, north up and of one scale: on the left the orthomosaic of the baseline, on the
right the frame, moved onto it by features, as when the change was found. Both are redacted before
they are put together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.geodesy import FloatArray
from park.picture import Pixels
from park.records import BoxXyxyPx, Frame, Incident
from vision.evidence import SEVERITY_RGB, EvidenceOptions, EvidencePicture, finished
from vision.evidence_words import Caption, measure_mark
from vision.lettering import from_canvas, lettering, to_canvas, write_boxed
from vision.locate import Locator
from vision.marks import mark_outline, north_arrow, scale_bar, write_beside
from vision.redact import RedactedImage
from vision.scene.baseline import Baseline
from vision.scene.ortho import CellGrid, Patch, laid_flat, registered

_PANEL_PX = 528
_GAP_PX = 6
_LEAST_HALF_M = 10.0
_MOST_HALF_M = 60.0
_MARGIN_M = 10.0
_MOST_SHIFT_M = 8.0
_AROUND_M = 25.0
_LEAST_KNOWN = 0.3
_INK = (255, 255, 255)
_PAPER = (18, 24, 32)
_UP = (0.0, -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class SameGround:
    """A piece of ground as a baseline has it and as a frame shows it, north up.

    Attributes:
        before: the baseline's, as a frame of the time at which it was made, with no view.
        after_bgr: the frame's, uint8, of the same shape.
        outline_px: where a box of the frame lies on both, shape (4, 2).
        gsd_m: metres per pixel of both.
        aligned: whether the frame was moved onto the baseline by features; else by its pose.
    """

    before: Frame
    after_bgr: NDArray[np.uint8]
    outline_px: NDArray[np.float64]
    gsd_m: float
    aligned: bool


def same_ground(
    frame: Frame,
    image_bgr: NDArray[np.uint8],
    locator: Locator,
    box: BoxXyxyPx,
    baseline: Baseline,
) -> SameGround | None:
    """Return the ground around a box before and after, or None where the baseline has little.

    Args:
        frame: the frame.
        image_bgr: its pixels, redacted.
        locator: of the frame.
        box: what changed.
        baseline: of the site as it was.
    """
    x0, y0, x1, y1 = box
    corners = _places_m(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), locator, baseline)
    if not np.isfinite(corners).all():
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle = (low + high) / 2.0
    half_m = float(np.clip((high - low).max() / 2.0 + _MARGIN_M, _LEAST_HALF_M, _MOST_HALF_M))
    coarse = _around(middle, half_m + _AROUND_M, baseline.facts.gsd_m)
    old = baseline.patch(coarse)
    moved = _moved_onto(old, frame, image_bgr, locator, baseline)
    fine = _around(middle, half_m + _MOST_SHIFT_M, 2.0 * half_m / _PANEL_PX)
    new = laid_flat(image_bgr, (1.0, 1.0), locator, baseline.facts.frame, fine)
    to_coarse = _between(fine, coarse)
    onto = np.eye(3) if moved is None else np.linalg.inv(to_coarse) @ moved @ to_coarse
    size = (fine.columns, fine.rows)
    after = cv2.warpPerspective(new.image_bgr, onto, size, flags=cv2.INTER_LINEAR)
    before = cv2.warpPerspective(
        old.image_bgr, to_coarse, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    known = cv2.warpPerspective(
        old.known, to_coarse, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    left, top = (fine.columns - _PANEL_PX) // 2, (fine.rows - _PANEL_PX) // 2
    shown = np.s_[top : top + _PANEL_PX, left : left + _PANEL_PX]
    if (np.asarray(known)[shown] > 0).mean() < _LEAST_KNOWN:
        return None
    outline = cv2.perspectiveTransform(_cells(corners, fine).reshape(-1, 1, 2), onto)[:, 0]
    return SameGround(
        before=Frame(
            Pixels(np.ascontiguousarray(before[shown], np.uint8)),
            baseline.facts.last_time, None, str(baseline.folder), 0.0, frame.patrol_id,
        ),
        after_bgr=np.ascontiguousarray(after[shown], np.uint8),
        outline_px=np.asarray(outline - (left, top), np.float64),
        gsd_m=fine.cell_m,
        aligned=moved is not None,
    )  # fmt: skip


def before_after_picture(
    ground: SameGround,
    before: RedactedImage,
    after: RedactedImage,
    incident: Incident,
    caption: Caption,
    options: EvidenceOptions | None = None,
) -> EvidencePicture:
    """Return the evidence picture of a change: before on the left, after on the right.

    Args:
        ground: of both.
        before: the baseline's part, redacted.
        after: says what was redacted in the frame that `ground` was laid from.
        incident: what changed.
        caption: for the label.
        options: quality.
    """
    colour = SEVERITY_RGB[incident.severity - 1]
    old = _panel(before.image_bgr, ground, colour)
    new = _panel(ground.after_bgr, ground, colour)
    height_px = old.shape[0]
    gap = np.full((height_px, _GAP_PX, 3), _PAPER[::-1], np.uint8)
    canvas = to_canvas(np.hstack([old, gap, new]))
    draw = ImageDraw.Draw(canvas)
    # Below the words that say that nobody was blurred, where they are.
    _write_times(draw, ground, incident, caption, 30.0 if after.switched_off else 8.0)
    letters = lettering(12, chinese=False)
    scale_bar(draw, (8.0, height_px - 8.0), ground.gsd_m, letters)
    radius = letters.size_px * 1.8
    north_arrow(draw, (2 * _PANEL_PX + _GAP_PX - 8 - radius, 8 + radius), radius, _UP, letters)
    measure = measure_mark(incident)
    if measure:
        low, high = ground.outline_px.min(axis=0), ground.outline_px.max(axis=0)
        right = _PANEL_PX + _GAP_PX
        box = (float(low[0]) + right, float(low[1]), float(high[0]) + right, float(high[1]))
        size = (2 * _PANEL_PX + _GAP_PX, height_px)
        write_beside(draw, box, size, measure, lettering(20), colour)
    notes = () if ground.aligned else ("laid on the baseline by the camera's pose alone",)
    kept = RedactedImage(
        after.image_bgr,
        tuple(sorted({*before.redacted, *after.redacted})),
        tuple(sorted({*before.not_redacted, *after.not_redacted})),
        before.boxes + after.boxes,
        switched_off=after.switched_off,
    )
    return finished(
        from_canvas(canvas), incident, kept, caption, options or EvidenceOptions(), notes=notes
    )


def _panel(
    image_bgr: NDArray[np.uint8], ground: SameGround, colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    image = image_bgr.copy()
    mark_outline(image, ground.outline_px, colour)
    return image


def _write_times(
    draw: ImageDraw.ImageDraw,
    ground: SameGround,
    incident: Incident,
    caption: Caption,
    top: float,
) -> None:
    letters = lettering(17)
    for x, zh, en, time in (
        (8.0, "之前", "before", ground.before.time),
        (_PANEL_PX + _GAP_PX + 8.0, "之后", "after", incident.best.time),
    ):
        text = f"{letters.choose(zh, en)}  {caption.time_text(time)[:16]}"
        write_boxed(draw, (x, top), text, letters, ink=_INK, paper=_PAPER)


def _moved_onto(
    old: Patch,
    frame: Frame,
    image_bgr: NDArray[np.uint8],
    locator: Locator,
    baseline: Baseline,
) -> FloatArray | None:
    """Return the homography from cells by the stated pose to cells of the baseline, if any."""
    gsd_m = locator.gsd_many_m(np.array([[frame.width_px / 2.0, frame.height_px / 2.0]]))[0]
    share = min(1.0, float(gsd_m) / old.grid.cell_m) if math.isfinite(gsd_m) else 1.0
    size = (max(320, round(frame.width_px * share)), max(240, round(frame.height_px * share)))
    small = np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
    scale_xy = (size[0] / frame.width_px, size[1] / frame.height_px)
    new = laid_flat(small, scale_xy, locator, baseline.facts.frame, old.grid)
    found = registered(old, new, _MOST_SHIFT_M)
    return None if found is None else found[2]


def _places_m(xy_px: FloatArray, locator: Locator, baseline: Baseline) -> FloatArray:
    """Return where pixels are, east and north in the baseline's frame; NaN off the ground."""
    en_m = locator.ground_many_m(xy_px)
    lat, lon = locator.frame.to_lat_lon(en_m[:, 0].copy(), en_m[:, 1].copy())
    return np.column_stack(baseline.facts.frame.to_en_m(lat, lon))


def _around(middle_m: FloatArray, half_m: float, cell_m: float) -> CellGrid:
    east, north = middle_m
    return CellGrid.around((east - half_m, north - half_m, east + half_m, north + half_m), cell_m)


def _cells(places_m: FloatArray, grid: CellGrid) -> FloatArray:
    """Return OpenCV's pixels of places on a grid: the middle of the first cell is (0, 0)."""
    columns = (places_m[:, 0] - grid.west_m) / grid.cell_m - 0.5
    rows = (grid.north_m - places_m[:, 1]) / grid.cell_m - 0.5
    return np.column_stack([columns, rows])


def _between(inner: CellGrid, outer: CellGrid) -> FloatArray:
    """Return the homography from the pixels of one grid to those of another."""
    scale = inner.cell_m / outer.cell_m
    x = (inner.west_m - outer.west_m) / outer.cell_m + 0.5 * scale - 0.5
    y = (outer.north_m - inner.north_m) / outer.cell_m + 0.5 * scale - 0.5
    return np.array([[scale, 0.0, x], [0.0, scale, y], [0.0, 0.0, 1.0]])
