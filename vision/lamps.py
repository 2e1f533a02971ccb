"""Lamps that are taken for people: at dusk and at night they are the brightest small things.

Under the same light white paint is about nine times as bright as asphalt, and cameras show that as
less. What is brighter than that among dark surroundings shines by itself, and people do not.
"""

from __future__ import annotations

import math

import numpy as np

from park.picture import Picture
from park.records import BoxXyxyPx

_DARK = 80.0
"""Of 255: half of the surroundings, and half of the picture, are below it. There is no daylight."""

_GLARE = 180.0
_TIMES = 2.5
"""Of the surroundings: ten times in linear light, by the usual gamma of 2.2 and a little haze."""

_INNER, _AROUND = 0.8, 4.0
_TENTH = 90.0
_EVERY_PX = 8


class Dusk:
    """Says which boxes of one picture hold lamps.

    Args:
        picture: in visible light.
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._middle: float | None = None

    def is_lamp(self, box_xyxy_px: BoxXyxyPx) -> bool:
        """Return whether what is in a box shines by itself.

        Most of its inner part need not: a tenth is enough, as a lamp has a pole or a bonnet. It
        has to be white: of what is dyed, as a bright vest is, one colour stays dark.
        """
        rows, columns = self._part(box_xyxy_px, _INNER)
        grey = self._picture.grey_part(columns.start, rows.start, columns.stop, rows.stop)
        # Grey is no darker than the darkest colour, and costs a small part of the colours.
        if not grey.size or float(np.percentile(grey, _TENTH)) < _GLARE:
            return False
        image = self._picture.image_bgr
        bright = float(np.percentile(image[rows, columns].min(axis=2), _TENTH))
        around = float(np.median(image[self._part(box_xyxy_px, _AROUND)].max(axis=2)))
        return bright >= max(_GLARE, _TIMES * around) and max(around, self._usual()) <= _DARK

    def _usual(self) -> float:
        """Return the brightness that half of the picture is below."""
        if self._middle is None:
            few = self._picture.image_bgr[::_EVERY_PX, ::_EVERY_PX]
            self._middle = float(np.median(few.max(axis=2)))
        return self._middle

    def _part(self, box: BoxXyxyPx, times: float) -> tuple[slice, slice]:
        """Return rows and columns of a box made larger about its middle, within the picture."""
        x0, y0, x1, y1 = box
        return (
            _side(y0, y1, times, self._picture.height_px),
            _side(x0, x1, times, self._picture.width_px),
        )


def _side(low: float, high: float, times: float, length_px: int) -> slice:
    half, middle = times * (high - low) / 2.0, (low + high) / 2.0
    first = min(max(0, math.floor(middle - half)), length_px - 1)
    return slice(first, max(first + 1, min(length_px, math.ceil(middle + half))))
