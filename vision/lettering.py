"""Writes labels onto pictures, in Chinese where the machine has letters for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
ColourRgb = tuple[int, int, int]

# Looked up by name in the system's font folders; nothing is ever downloaded.
_CHINESE = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "wqy-zenhei.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
    "NotoSerifCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "simhei.ttf",
)
_LATIN = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "NotoSans-Regular.ttf", "Arial.ttf")

NO_CHINESE_NOTE = (
    "labels are in English only: no Chinese font is installed (fonts-noto-cjk has one)"
)
"""What a picture's notes say when its labels could not be written in Chinese."""


def _first_font(names: tuple[str, ...], size_px: int) -> ImageFont.FreeTypeFont | None:
    for name in names:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Lettering:
    """A font of one size and whether it can write Chinese.

    Attributes:
        font: pillow's font.
        chinese: whether Chinese comes out as Chinese; where False, write English only.
        size_px: height of a line, roughly.
    """

    font: Font
    chinese: bool
    size_px: int

    def choose(self, zh: str, en: str) -> str:
        """Return both names where Chinese can be written, else the English one."""
        return f"{zh} {en}" if self.chinese and zh else en

    def width_px(self, text: str) -> float:
        """Return how wide a line of text comes out."""
        return float(self.font.getlength(text))

    def fit(self, text: str, width_px: float) -> str:
        """Return `text`, cut with an ellipsis where it is wider than `width_px`."""
        if self.width_px(text) <= width_px:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width_px(text[:middle] + "…") <= width_px:
                low = middle
            else:
                high = middle - 1
        return text[:low] + "…"


@lru_cache(maxsize=32)
def lettering(size_px: int, *, chinese: bool = True) -> Lettering:
    """Return letters of `size_px`, with Chinese where the machine has a font for it.

    Args:
        size_px: size in pixels, at least 6.
        chinese: False asks for Latin letters only.
    """
    size_px = max(6, size_px)
    found = _first_font(_CHINESE, size_px) if chinese else None
    if found is not None:
        return Lettering(found, True, size_px)
    latin = _first_font(_LATIN, size_px)
    return Lettering(latin or ImageFont.load_default(size_px), False, size_px)


def to_canvas(image_bgr: NDArray[np.uint8]) -> Image.Image:
    """Return a picture as a pillow image that can be drawn on."""
    return Image.fromarray(np.ascontiguousarray(image_bgr[:, :, ::-1]))


def from_canvas(canvas: Image.Image) -> NDArray[np.uint8]:
    """Return a pillow image as uint8 pixels in OpenCV's channel order."""
    return np.ascontiguousarray(np.asarray(canvas.convert("RGB"), dtype=np.uint8)[:, :, ::-1])


def write_boxed(
    draw: ImageDraw.ImageDraw,
    xy_px: tuple[float, float],
    text: str,
    letters: Lettering,
    *,
    ink: ColourRgb,
    paper: ColourRgb,
) -> tuple[float, float, float, float]:
    """Write one line on a filled box and return the box (x0, y0, x1, y1) that it covers.

    Args:
        draw: where to write.
        xy_px: top left corner of the box.
        text: one line.
        letters: which letters.
        ink: colour of the letters.
        paper: colour of the box.
    """
    x, y = xy_px
    pad = max(2, letters.size_px // 5)
    box = (x, y, x + letters.width_px(text) + 2 * pad, y + letters.size_px * 1.25 + pad)
    draw.rectangle(box, fill=paper)
    draw.text((x + pad, y + pad / 2), text, font=letters.font, fill=ink)
    return box
