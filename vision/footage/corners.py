"""Video of flat ground whose four corners are known: a fixed camera without telemetry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyproj import Geod
from shapely.geometry import Polygon

from park.errors import FootageError
from park.geodesy import LocalFrame
from park.records import CornersView, Frame, LatLonDeg, Reject
from vision.footage.sniff import read_json_object
from vision.footage.source import FootageOptions, FootageSource, refuse
from vision.footage.video import (
    VideoFrame,
    VideoTrouble,
    frame_at,
    later,
    probe_video,
    sample_span,
    sample_video,
)
from vision.footage.video import start_time as video_start_time

MIN_SIDE_M = 1.0
MAX_SIDE_M = 20_000.0
_GEOD = Geod(ellps="WGS84")

Corners = tuple[LatLonDeg, LatLonDeg, LatLonDeg, LatLonDeg]


@dataclass(frozen=True, slots=True)
class CornersFile:
    """What a corners file says.

    Attributes:
        video: name of the video it belongs to; None when it does not say.
        corners: (lat_deg, lon_deg) of the top left, top right, bottom right, bottom left corner.
        start_time: when the video begins; None when it does not say. Without offset from UTC it
            is in the site's time zone.
        corner_sigma_m: one standard deviation of each corner; None when it does not say.
    """

    video: str | None
    corners: Corners
    start_time: datetime | None
    corner_sigma_m: float | None


def read_corners(uri: str) -> CornersFile:
    """Read and check a corners file.

    Args:
        uri: the file; see docs/footage-format.md.

    Returns:
        Its content; the corners are a convex quadrilateral seen from above.

    Raises:
        FootageError: it is not what it should be; the reason names the key and what to write.
    """
    try:
        value = read_json_object(Path(uri))
    except OSError as error:
        raise FootageError(uri, f"cannot be read: {error.strerror}") from None
    if value is None:
        raise FootageError(uri, "is no JSON object")
    key = next((name for name in value if name.startswith("corners")), None)
    if key is None:
        raise FootageError(uri, 'has no key "corners_lonlat_tl_tr_br_bl"')
    video = value.get("video")
    return CornersFile(
        video if isinstance(video, str) else None,
        _corners(uri, key, value[key]),
        _start_time(uri, value.get("start_time")),
        _sigma(uri, value.get("corner_sigma_m")),
    )


def _corners(uri: str, key: str, value: object) -> Corners:
    if not isinstance(value, list) or len(value) != 4:
        raise FootageError(uri, f'"{key}" needs four [longitude, latitude] pairs')
    points = [_corner(uri, key, pair) for pair in value]
    corners = (points[0], points[1], points[2], points[3])
    sides_m = [
        float(_GEOD.inv(a[1], a[0], b[1], b[0])[2])
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    if min(sides_m) < MIN_SIDE_M or max(sides_m) > MAX_SIDE_M:
        raise FootageError(
            uri,
            f'"{key}" spans sides of {min(sides_m):.1f} to {max(sides_m):.1f} m; '
            f"{MIN_SIDE_M:g} to {MAX_SIDE_M:g} m are possible",
        )
    _need_seen_from_above(uri, key, corners)
    return corners


def _corner(uri: str, key: str, pair: object) -> LatLonDeg:
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or not all(isinstance(v, int | float) and math.isfinite(v) for v in pair)
    ):
        raise FootageError(uri, f'"{key}" holds {pair!r} where [longitude, latitude] belongs')
    lon_deg, lat_deg = float(pair[0]), float(pair[1])
    if not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0):
        raise FootageError(
            uri, f'"{key}" holds {pair!r}, which is not on Earth; longitude comes first'
        )
    return lat_deg, lon_deg


def _need_seen_from_above(uri: str, key: str, corners: Corners) -> None:
    # In metres: over the antimeridian degrees of longitude jump.
    frame = LocalFrame(*corners[0])
    flat = [frame.to_en_m(lat, lon) for lat, lon in corners]
    polygon = Polygon(flat)
    turns = []
    for i in range(4):
        (ax, ay), (bx, by), (cx, cy) = flat[i], flat[(i + 1) % 4], flat[(i + 2) % 4]
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    if not polygon.is_valid or not (all(t > 0 for t in turns) or all(t < 0 for t in turns)):
        raise FootageError(
            uri,
            f'"{key}" is not a convex four-sided figure; '
            "the order is top left, top right, bottom right, bottom left of the picture",
        )
    if polygon.exterior.is_ccw:
        raise FootageError(
            uri,
            f'"{key}" runs anticlockwise on the ground, which only a mirrored picture does; '
            "the order is top left, top right, bottom right, bottom left of the picture",
        )


def _start_time(uri: str, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise FootageError(
            uri, f'"start_time" is {value!r}; write it like "2026-05-04T13:30:00+08:00"'
        ) from None


def _sigma(uri: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise FootageError(uri, f'"corner_sigma_m" is {value!r}, not metres of zero or more')
    return float(value)


class CornersVideo:
    """A video and its ground corners, opened.

    Args:
        source: of kind "video_corners".
        options: how to read.

    Raises:
        FootageError: the video or its corners cannot be used.
    """

    def __init__(self, source: FootageSource, options: FootageOptions) -> None:
        if source.sidecar is None:
            raise FootageError(source.uri, "has no corners file that goes with it")
        self._uri = source.files[0]
        self._patrol_id = source.patrol_id
        self._options = options
        self._corners = read_corners(source.sidecar)
        self._start, self._assumptions = self._start_time()

    def frames(self) -> Iterator[Frame | Reject]:
        """Yield the sampled frames in time order, then a reject for what could not be read."""
        for item in sample_video(self._uri, self._options):
            if isinstance(item, VideoTrouble):
                yield refuse(self._uri, item.reason)
            else:
                yield self._frame(item)

    def frame(self, time_s: float) -> Frame:
        """Return the frame at a time that `frames` gave before."""
        return self._frame(frame_at(self._uri, time_s, self._options))

    def span(self, start_s: float, end_s: float) -> Iterator[Frame]:
        """Yield the frames of a part of the video."""
        return map(self._frame, sample_span(self._uri, start_s, end_s, self._options))

    def _start_time(self) -> tuple[datetime, tuple[str, ...]]:
        facts = probe_video(self._uri, self._options)
        given = self._corners.start_time
        if given is None:
            start, assumption = video_start_time(self._uri, facts)
            return start, (assumption,)
        if given.tzinfo is None:
            zone = self._options.time_zone
            return given.replace(tzinfo=zone), (f"start time taken as {zone.key} time",)
        return given, ()

    def _frame(self, picture: VideoFrame) -> Frame:
        width_px, height_px = picture.picture.width_px, picture.picture.height_px
        sigma_m = self._corners.corner_sigma_m
        assumptions = (*self._assumptions, "fixed camera over flat ground")
        if sigma_m is None:
            sigma_m = self._options.corner_sigma_m
            assumptions += (f"ground corners taken as good to {sigma_m:g} m",)
        if not picture.timed:
            assumptions += ("no time stamps in the video, frames counted",)
        return Frame(
            picture=picture.picture,
            time=later(self._start, picture.time_s),
            view=CornersView(width_px, height_px, self._corners.corners, sigma_m),
            source_uri=self._uri,
            source_time_s=picture.time_s,
            patrol_id=self._patrol_id,
            assumptions=assumptions,
        )
