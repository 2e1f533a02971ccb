"""What is drawn on pictures for people: a box, a word beside it, a scale, an arrow to north."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from park.records import BoxXyxyPx
from vision.lettering import ColourRgb, Lettering, from_canvas, lettering, to_canvas, write_boxed
from vision.locate import Locator

_INK: ColourRgb = (255, 255, 255)
_DARK: ColourRgb = (12, 16, 22)
_NORTH: ColourRgb = (0, 230, 118)
_WARNING: ColourRgb = (160, 24, 24)
_STEP_PX = 8.0


def mark_outline(
    image_bgr: NDArray[np.uint8], corners_px: NDArray[np.float64], colour_rgb: ColourRgb
) -> None:
    """Draw a closed outline with a dark rim, in place.

    Args:
        image_bgr: where to draw.
        corners_px: shape (N, 2).
        colour_rgb: of the line.
    """
    thick = max(2, round(min(image_bgr.shape[:2]) / 240))
    points = np.round(corners_px).astype(np.int32).reshape(-1, 1, 2)
    for colour, width in (((0, 0, 0), thick + 2), (colour_rgb[::-1], thick)):
        cv2.polylines(image_bgr, [points], True, colour, width, cv2.LINE_AA)


def mark_box(image_bgr: NDArray[np.uint8], box: BoxXyxyPx, colour_rgb: ColourRgb) -> None:
    """Draw a box with a dark rim, in place."""
    x0, y0, x1, y1 = box
    mark_outline(image_bgr, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), colour_rgb)


def write_beside(
    draw: ImageDraw.ImageDraw,
    box: BoxXyxyPx,
    size_px: tuple[int, int],
    text: str,
    letters: Lettering,
    colour_rgb: ColourRgb,
) -> None:
    """Write a word above a box, below it where there is no room, always inside the picture.

    Args:
        draw: where to write.
        box: what the word is about.
        size_px: width and height of the picture.
        text: one line.
        letters: which letters.
        colour_rgb: of the paper; letters are black or white, whichever can be read on it.
    """
    width_px, height_px = size_px
    text = letters.fit(text, width_px * 0.9)
    pad = max(2, letters.size_px // 5)
    tall = letters.size_px * 1.25 + pad
    wide = letters.width_px(text) + 2 * pad
    gap = max(3, letters.size_px // 4)
    y = box[1] - gap - tall
    if y < 0:
        y = box[3] + gap
    y = min(max(0.0, y), max(0.0, height_px - tall - 1.0))
    x = min(max(0.0, box[0]), max(0.0, width_px - wide))
    red, green, blue = colour_rgb
    bright = 0.299 * red + 0.587 * green + 0.114 * blue
    write_boxed(draw, (x, y), text, letters, ink=_DARK if bright > 140 else _INK, paper=colour_rgb)


def mark_not_redacted(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture with the words that nobody in it was made unrecognisable."""
    canvas = to_canvas(image_bgr)
    letters = lettering(max(11, image_bgr.shape[1] // 60), chinese=False)
    draw = ImageDraw.Draw(canvas)
    write_boxed(draw, (6, 6), "NOT REDACTED", letters, ink=_INK, paper=_WARNING)
    return from_canvas(canvas)


def scale_bar(
    draw: ImageDraw.ImageDraw, xy_px: tuple[float, float], gsd_m: float, letters: Lettering
) -> None:
    """Draw a bar of a round number of metres, about 160 px long, upwards from its corner."""
    x, y = xy_px
    target = gsd_m * 160
    power = 10 ** math.floor(math.log10(target))
    metres = max(m * power for m in (1, 2, 5) if m * power <= target)
    length_px = metres / gsd_m
    text = f"{metres:g} m"
    thick = max(4, letters.size_px // 3)
    text_px = letters.width_px(text)
    draw.rectangle(
        (x, y - letters.size_px * 1.6 - thick, x + length_px + text_px + 36, y), fill=_DARK
    )
    top = y - letters.size_px * 0.8 - thick
    draw.rectangle((x + 10, top, x + 10 + length_px, top + thick), fill=_INK)
    draw.rectangle((x + 11, top + 1, x + 10 + length_px / 2, top + thick - 1), fill=_DARK)
    draw.text((x + length_px + 22, y - letters.size_px * 1.55), text, font=letters.font, fill=_INK)


def north_arrow(
    draw: ImageDraw.ImageDraw,
    centre_px: tuple[float, float],
    radius_px: float,
    direction: tuple[float, float],
    letters: Lettering,
) -> None:
    """Draw a round compass whose needle points to a direction (x right, y down)."""
    cx, cy = centre_px
    dx, dy = direction
    r = radius_px
    draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=_DARK, outline=_INK, width=2)
    tip = (cx + dx * r * 0.5, cy + dy * r * 0.5)
    left = (cx - dx * r * 0.7 - dy * r * 0.4, cy - dy * r * 0.7 + dx * r * 0.4)
    right = (cx - dx * r * 0.7 + dy * r * 0.4, cy - dy * r * 0.7 - dx * r * 0.4)
    notch = (cx - dx * r * 0.4, cy - dy * r * 0.4)
    draw.polygon((tip, left, notch, right), fill=_INK)
    draw.text(
        (cx + dx * r * 0.74, cy + dy * r * 0.74), "N", font=letters.font, fill=_NORTH, anchor="mm"
    )


def ground_at(
    locator: Locator, x_px: float, y_px: float
) -> tuple[float, tuple[float, float]] | None:
    """Return how a picture lies on the ground at one of its pixels.

    Args:
        locator: of the picture.
        x_px: the pixel.
        y_px: the pixel.

    Returns:
        Metres per pixel along a row of the picture, and the unit vector (x right, y down) in
        which north lies; None where the pixel meets no ground.
    """
    around = [(x_px, y_px), (x_px + _STEP_PX, y_px), (x_px, y_px + _STEP_PX)]
    here, right, down = locator.ground_many_m(np.array(around))
    steps = np.column_stack([right - here, down - here]) / _STEP_PX
    if not np.isfinite(steps).all() or abs(np.linalg.det(steps)) < 1e-12:
        return None
    x, y = np.linalg.solve(steps, np.array([0.0, 1.0]))
    length = math.hypot(x, y)
    return float(np.linalg.norm(steps[:, 0])), (float(x) / length, float(y) / length)
