"""What ground some footage sees, for drawing a site around it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress

from park.errors import LocateError
from park.records import LatLonDeg, PosedView, Reject
from vision.footage import FootageOptions, discover, read_frames
from vision.observe import Sight

_FRAMES_PER_SOURCE = 200
_FRAMES_PER_SECOND = 0.2
_FARTHEST_HEIGHTS = 3.0
"""An oblique view's upper corners may lie kilometres away; a site is drawn around what is near."""


def footprint_of(sources: Sequence[str]) -> tuple[list[LatLonDeg], list[Reject]]:
    """Return corners (lat_deg, lon_deg) of the ground that frames see, and what was refused."""
    options = FootageOptions(sample_fps=_FRAMES_PER_SECOND)
    found = discover(sources, options)
    refused = list(found.rejects)
    points: list[LatLonDeg] = []
    for source in found.sources:
        for item in itertools.islice(read_frames(source, options), _FRAMES_PER_SOURCE):
            if isinstance(item, Reject):
                refused.append(item)
            else:
                points.extend(_corners(Sight.of(item, None)))
    return points, refused


def _corners(sight: Sight) -> list[LatLonDeg]:
    frame = sight.frame
    view = frame.view
    points: list[LatLonDeg] = []
    if isinstance(view, PosedView):
        points.append((view.pose.lat_deg, view.pose.lon_deg))
    if sight.locator is None:
        return points
    width_px, height_px = frame.width_px, frame.height_px
    for x, y in ((0, 0), (width_px, 0), (width_px, height_px), (0, height_px)):
        with suppress(LocateError):
            point = sight.locator.place(x, y)
            if isinstance(view, PosedView):
                east_m, north_m = sight.locator.frame.to_en_m(point.lat_deg, point.lon_deg)
                reach_m = _FARTHEST_HEIGHTS * max(view.pose.alt_home_m, 10.0)
                if float(east_m) ** 2 + float(north_m) ** 2 > reach_m**2:
                    continue
            points.append((point.lat_deg, point.lon_deg))
    return points
