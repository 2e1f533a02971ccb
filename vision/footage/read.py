"""One way to read every kind of footage."""

from __future__ import annotations

from collections.abc import Iterator

from park.errors import FootageError
from park.records import Frame, Reject
from vision.footage.corners import CornersVideo
from vision.footage.patrol import RecordedPatrol
from vision.footage.photos import read_photo_again, read_photos
from vision.footage.source import FootageOptions, FootageSource, refuse
from vision.footage.video_srt import SrtVideo


def read_frames(source: FootageSource, options: FootageOptions) -> Iterator[Frame | Reject]:
    """Yield the frames of a source, holding few of them in memory.

    Args:
        source: from `discover`.
        options: the same that it was discovered with.

    Yields:
        Frames, video in time order, photos in order of name; and a reject for every file, or
        part of a file, that cannot be used. Whatever is wrong with the footage comes as a
        reject, never as an exception.
    """
    try:
        if source.kind == "photos":
            yield from read_photos(source, options)
        else:
            yield from _open(source, options).frames()
    except FootageError as error:
        yield refuse(error.source_uri, error.reason)


def read_frame(
    source: FootageSource, options: FootageOptions, source_uri: str, source_time_s: float
) -> Frame:
    """Return one frame again, with exactly the pixels that `read_frames` gave.

    Args:
        source: that the frame came from.
        options: the same that it was read with.
        source_uri: as the frame says.
        source_time_s: as the frame says.

    Returns:
        The frame.

    Raises:
        FootageError: the file is not part of the source, or cannot be read any more.
    """
    if source_uri not in source.files:
        raise FootageError(source_uri, f"is not part of {source.uri}")
    if source.kind == "photos":
        return read_photo_again(source, source_uri, options)
    opened = _open(source, options)
    if isinstance(opened, RecordedPatrol):
        return opened.frame(source_uri, source_time_s)
    return opened.frame(source_time_s)


def read_span(
    source: FootageSource,
    options: FootageOptions,
    source_uri: str,
    start_s: float,
    end_s: float,
) -> Iterator[Frame]:
    """Yield the frames of a part of a video at `options.sample_fps`, few of them in memory.

    Args:
        source: a video or a recorded patrol.
        options: how it is read; only its rate may differ from what it was discovered with.
        source_uri: the file, as its frames say.
        start_s: seconds from the start of the file.
        end_s: the last moment.

    Raises:
        FootageError: the file is not part of the source, is no video, or cannot be read.
    """
    if source_uri not in source.files:
        raise FootageError(source_uri, f"is not part of {source.uri}")
    if source.kind == "photos":
        raise FootageError(source_uri, "is a photo, of which there is no video")
    opened = _open(source, options)
    if isinstance(opened, RecordedPatrol):
        yield from opened.span(source_uri, start_s, end_s)
    else:
        yield from opened.span(start_s, end_s)


def _open(
    source: FootageSource, options: FootageOptions
) -> SrtVideo | CornersVideo | RecordedPatrol:
    if source.kind == "video_srt":
        return SrtVideo(source, options)
    if source.kind == "video_corners":
        return CornersVideo(source, options)
    return RecordedPatrol(source, options)
