"""Views of frames one after the other, each with the one before it."""

from __future__ import annotations

from park.geodesy import LocalFrame
from park.records import Frame
from vision.observe import Sight
from vision.scene.view import SceneView

LONGEST_GAP_S = 3.0
"""Frames of one video further apart than this have nothing to do with each other."""


class SceneViews:
    """Makes scene views of frames in their order, and remembers one.

    Args:
        site: the frame in which zones are given, metres.
        long_side_px: working pictures are at most this long.
    """

    def __init__(self, site: LocalFrame, long_side_px: int = 960) -> None:
        self._site = site
        self._long_side_px = long_side_px
        self._last: SceneView | None = None

    def add(self, sight: Sight) -> SceneView:
        """Return the view of the next frame; the one before it lets go of its own previous.

        Raises:
            RecordError: the picture does not have three channels of eight bits.
        """
        last = self._last
        if last is not None:
            last.previous = None
            if not _follows(sight.frame, last.frame):
                last = None
        view = SceneView(sight, self._site, long_side_px=self._long_side_px, previous=last)
        self._last = view
        return view


def _follows(frame: Frame, before: Frame) -> bool:
    gap_s = frame.source_time_s - before.source_time_s
    return (
        frame.source_uri == before.source_uri
        and frame.patrol_id == before.patrol_id
        and 0.0 < gap_s <= LONGEST_GAP_S
    )
