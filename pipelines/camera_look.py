"""What is remembered of each camera while footage is read.

The cameras of one patrol look at the same time, and their videos are read in turns: what is
followed, and what a scene looked like before, is of one camera and not of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from park.records import Frame
from park.site import Site
from pipelines.scenes import SceneLook, WatchedScene
from vision.track import VideoTracker

_VIDEO_PICTURE_EVERY_S = 5.0


class CameraLook:
    """What is remembered from one frame of a camera to its next.

    Args:
        tracks: what the ids of tracks start with; None for photos, which are not followed.
        site: whose zones say what scenes are looked for.
        scenes: from `watched_scenes`.
    """

    def __init__(self, tracks: str | None, site: Site, scenes: Sequence[WatchedScene]) -> None:
        self._tracks, self._site, self._watched = tracks, site, scenes
        self.tracker = None if tracks is None else VideoTracker(tracks)
        self.scenes = SceneLook(site, scenes)
        self._last: datetime | None = None
        self._picture_due: datetime | None = None

    def is_back(self, frame: Frame) -> bool:
        """Return whether a video frame is no later than the one before; all is to begin anew."""
        return self.tracker is not None and self._last is not None and _moment(frame) <= self._last

    def took(self, frame: Frame) -> None:
        """Remember when the last frame was taken."""
        self._last = _moment(frame)

    def begin_anew(self) -> None:
        """Forget what was followed and what scenes looked like."""
        if self.tracker is not None:
            self.tracker.reset()
        self.scenes = SceneLook(self._site, self._watched)
        self._picture_due = None

    def wants_picture(self, frame: Frame) -> bool:
        """Return whether a frame is to be kept as a picture: every photo, some of a video."""
        if self.tracker is None:
            return True
        time = _moment(frame)
        if self._picture_due is not None and time < self._picture_due:
            return False
        self._picture_due = time + timedelta(seconds=_VIDEO_PICTURE_EVERY_S)
        return True


def _moment(frame: Frame) -> datetime:
    """Return the time of a frame in UTC: times of one zone are compared as clocks show them.

    When summer time ends, the clock goes back an hour and the video does not.
    """
    return frame.time.astimezone(UTC)
