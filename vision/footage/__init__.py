"""Readers for every kind of footage, each found by looking at the content of the files.

`discover` finds footage under paths, `read_frames` streams the frames of one source, and
`read_frame` gives one of them again, `read_span` a part of a video.
"""

from vision.footage.discover import discover
from vision.footage.patrol_check import PatrolCheck, PatrolFinding, check_patrol
from vision.footage.read import read_frame, read_frames, read_span
from vision.footage.source import Discovery, FootageKind, FootageOptions, FootageSource, Ignored
from vision.footage.srt import SrtSample, SrtTelemetry, parse_srt

__all__ = [
    "Discovery",
    "FootageKind",
    "FootageOptions",
    "FootageSource",
    "Ignored",
    "PatrolCheck",
    "PatrolFinding",
    "SrtSample",
    "SrtTelemetry",
    "check_patrol",
    "discover",
    "parse_srt",
    "read_frame",
    "read_frames",
    "read_span",
]
