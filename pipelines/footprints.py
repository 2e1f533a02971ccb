"""What ground the frames of a source saw, for maps: few outlines, spread over all of its time."""

from __future__ import annotations

import numpy as np

from park.records import LatLonDeg, View
from vision.observe import Sight

MOST_OUTLINES = 100
"""A map of more shows no more."""

_STEPS = 9


class Footprints:
    """Outlines of the ground in the frames of one source, taken in order.

    Of a long flight every second one is let go each time that there are too many, so that those
    left are of all of it. A camera that stands still gives one.
    """

    def __init__(self) -> None:
        self._outlines: list[tuple[LatLonDeg, ...]] = []
        self._last: View | None = None
        self._views = 0
        self._every = 1

    @property
    def corners(self) -> tuple[LatLonDeg, ...]:
        """Four corners (lat_deg, lon_deg) after four corners, clockwise in the picture."""
        return tuple(corner for outline in self._outlines for corner in outline)

    def add(self, sight: Sight) -> None:
        """Take in the next frame."""
        if sight.frame.view is None or sight.frame.view == self._last:
            return
        self._last = sight.frame.view
        wanted = self._views % self._every == 0
        self._views += 1
        outline = outline_of(sight) if wanted else None
        if outline is None:
            return
        self._outlines.append(outline)
        if len(self._outlines) > MOST_OUTLINES:
            self._outlines = self._outlines[::2]
            self._every *= 2


def outline_of(sight: Sight) -> tuple[LatLonDeg, ...] | None:
    """Return the four corners of the ground in a frame; None where it shows none.

    Where a corner looks over the horizon, the ground that is seen ends on the way down the side
    of the picture: the first point there that can be placed stands for it.
    """
    if sight.locator is None:
        return None
    width_px, height_px = float(sight.frame.width_px), float(sight.frame.height_px)
    down = np.linspace(0.0, height_px, _STEPS)
    left, right = (np.column_stack([np.full(_STEPS, x), down]) for x in (0.0, width_px))
    found: list[LatLonDeg] = []
    for side in (left, right, right[::-1], left[::-1]):
        places = sight.locator.place_many(side)
        known = np.flatnonzero(~places.refused)
        if not len(known):
            return None
        point = places.point(int(known[0]))
        found.append((point.lat_deg, point.lon_deg))
    return tuple(found)
