"""A frame as the decoder left it, turned into pixels only as far as somebody asks."""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from park.picture import grey_of, stretched_bgr

_GREY_16 = ("gray16le", "gray16be")
_LEAST_COUNTS = 256.0
_MOST_SIZES = 8
_BRIGHTNESS_FIRST = ("yuv420p", "yuvj420p", "nv12", "yuv422p", "yuvj422p", "yuv444p", "gray")


class Reformatters:
    """Turn the frames of one video into pixels, of each size with what is prepared for that size.

    One alone would be prepared anew for each of a frame's sizes, which costs as much as turning
    the frame. Several threads take turns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_size: dict[tuple[int | None, int | None], VideoReformatter] = {}

    def reformat(
        self,
        frame: av.VideoFrame,
        width: int | None = None,
        height: int | None = None,
        format: str | None = None,  # noqa: A002 - as `VideoReformatter` calls it
        interpolation: int | None = None,
    ) -> av.VideoFrame:
        """Return a frame of another size and format, as `VideoReformatter.reformat` does."""
        key = (width, height)
        with self._lock:
            if key not in self._by_size:
                if len(self._by_size) >= _MOST_SIZES:
                    self._by_size.clear()
                self._by_size[key] = VideoReformatter()
            return self._by_size[key].reformat(
                frame, width=width, height=height, format=format, interpolation=interpolation
            )


class DecodedPicture:
    """An upright picture over a decoded frame; a `park.records.Picture`.

    Shrinking is done while colours are converted, which costs an eighth of converting the whole
    picture and shrinking that. The whole picture is converted once and kept.

    Args:
        frame: as the decoder gave it.
        reformatter: what frames of one video share, so that it is prepared once; a
            `VideoReformatter` itself is not for use from several threads at once.
        quarter_turns: clockwise turns of 90 degrees that set it upright.
    """

    def __init__(
        self,
        frame: av.VideoFrame,
        reformatter: VideoReformatter | Reformatters,
        quarter_turns: int = 0,
    ) -> None:
        self._frame = frame
        self._reformatter = reformatter
        self._quarter_turns = quarter_turns % 4
        self._whole: NDArray[np.uint8] | None = None

    @property
    def width_px(self) -> int:
        """Width of the upright picture."""
        return self._frame.height if self._quarter_turns % 2 else self._frame.width

    @property
    def height_px(self) -> int:
        """Height of the upright picture."""
        return self._frame.width if self._quarter_turns % 2 else self._frame.height

    @property
    def grey_16(self) -> NDArray[np.uint16] | None:
        """The counts of 16-bit grey video, upright, shape (height, width); None for other video."""
        if self._frame.format.name not in _GREY_16:
            return None
        counts = np.asarray(self._frame.to_ndarray(), np.uint16)
        return np.ascontiguousarray(np.rot90(counts, -self._quarter_turns))

    @property
    def celsius(self) -> None:
        """No temperatures: what counts mean is not in the video."""

    @property
    def image_bgr(self) -> NDArray[np.uint8]:
        """All pixels, uint8, shape (height, width, 3); 16-bit grey is stretched to 8 bits."""
        if self._whole is None:
            counts = self.grey_16
            if counts is not None:
                self._whole = stretched_bgr(counts, _LEAST_COUNTS)
            else:
                self._whole = self._upright(
                    self._reformatter.reformat(self._frame, format="bgr24").to_ndarray()
                )
        return self._whole

    def shrunk_bgr(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        """Return the whole picture in fewer pixels, uint8, shape (height_px, width_px, 3)."""
        if self._frame.format.name in _GREY_16:
            size = (width_px, height_px)
            small = cv2.resize(self.image_bgr, size, interpolation=cv2.INTER_AREA)
            return np.asarray(small, np.uint8)
        turned = self._quarter_turns % 2
        reduced = self._reformatter.reformat(
            self._frame,
            width=height_px if turned else width_px,
            height=width_px if turned else height_px,
            format="bgr24",
            interpolation=Interpolation.AREA,
        )
        return self._upright(reduced.to_ndarray())

    def grey_part(self, x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
        """Return the brightness of a part, uint8, shape (y1 - y0, x1 - x0).

        Most video has it as it is, so nothing else is converted.
        """
        if self._frame.format.name not in _BRIGHTNESS_FIRST:
            return grey_of(self.image_bgr[y0:y1, x0:x1])
        plane = self._frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        stored = rows[: plane.height, : plane.width]
        return np.ascontiguousarray(np.rot90(stored, -self._quarter_turns)[y0:y1, x0:x1])

    def _upright(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        image = np.asarray(pixels, np.uint8)
        if not self._quarter_turns:
            return image
        return np.ascontiguousarray(np.rot90(image, -self._quarter_turns))
