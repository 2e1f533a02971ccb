"""One HTML file that shows what a run found: map, pictures and tables, readable offline.

The file needs nothing else: styles, script, map and pictures are inside, and its content
security policy forbids it to load anything. Text from outside is escaped by jinja2.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined

from ops.report_flight import FlownPath, path_data, way_on_map
from ops.report_map import footprint_path, map_view, on_map, site_shapes
from park.errors import RecordError, StoreError
from park.records import Incident, LatLonDeg, PatrolSummary, Reject, TrackedObject
from park.site import Site
from park.taxonomy import MeasureUnit, incident_type
from vision.evidence_words import duration_text, measure_text

SEVERITIES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {1: ("提示", "Notice"), 2: ("警告", "Warning"), 3: ("严重", "Serious"), 4: ("紧急", "Critical")}
)
"""Names of severities, Chinese and English."""

_PATROL_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "photos": "照片 photos",
        "video_srt": "视频+SRT video with SRT",
        "video_corners": "固定视频 fixed video",
        "patrol": "巡检 patrol",
    }
)


@dataclass(frozen=True, slots=True)
class ReportPicture:
    """An evidence picture to show.

    Attributes:
        jpeg: the file's bytes.
        width_px: its width.
        height_px: its height.
        notes: what is not as usual about it, in words.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.jpeg.startswith(b"\xff\xd8\xff"):
            raise RecordError("an evidence picture in a report must be a JPEG file's bytes")
        if self.width_px <= 0 or self.height_px <= 0:
            raise RecordError("an evidence picture needs a width and a height")


@dataclass(frozen=True, slots=True)
class ReportClip:
    """A clip to play.

    Attributes:
        mp4: the file's bytes.
    """

    mp4: bytes

    def __post_init__(self) -> None:
        if self.mp4[4:8] != b"ftyp":
            raise RecordError("a clip in a report must be an MP4 file's bytes")


@dataclass(frozen=True, slots=True)
class ModelNote:
    """What a reader has to know about a model.

    Attributes:
        model_id: which model, with the hash of its weights.
        limits: its known limits, one sentence each.
    """

    model_id: str
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report shows.

    Attributes:
        site: the park.
        generated_at: when the report was made.
        days: the site's own days that it covers, in order.
        incidents: what was found; shown by severity, then time.
        objects: everything that was placed, incident or not.
        patrols: what footage there was.
        rejects: what was refused.
        pictures: evidence by incident id.
        clips: clips by incident id; played where there is a picture too.
        footprints: ground corners (lat_deg, lon_deg) of frames, for the map.
        flights: ways that were flown, for the map and the time slider.
        models: what to know about the models.
        redacted: families blurred in the pictures.
        not_redacted: families that could not be looked for.
        simulated: whether the footage was drawn, not filmed.
        max_pictures: at most so many pictures are put inside; the file says what is left out.
        max_picture_bytes: at most so many bytes of pictures.
        max_clip_bytes: at most so many bytes of clips; the others are named.
        max_objects: at most so many objects are drawn on the map.
    """

    site: Site
    generated_at: datetime
    days: tuple[date, ...] = ()
    incidents: tuple[Incident, ...] = ()
    objects: tuple[TrackedObject, ...] = ()
    patrols: tuple[PatrolSummary, ...] = ()
    rejects: tuple[Reject, ...] = ()
    pictures: Mapping[str, ReportPicture] = field(default_factory=dict)
    clips: Mapping[str, ReportClip] = field(default_factory=dict)
    footprints: tuple[tuple[LatLonDeg, ...], ...] = ()
    flights: tuple[FlownPath, ...] = ()
    models: tuple[ModelNote, ...] = ()
    redacted: tuple[str, ...] = ()
    not_redacted: tuple[str, ...] = ()
    simulated: bool = False
    max_pictures: int = 120
    max_picture_bytes: int = 40_000_000
    max_clip_bytes: int = 20_000_000
    max_objects: int = 3000

    def __post_init__(self) -> None:
        if self.generated_at.tzinfo is None:
            raise RecordError(f"generated_at {self.generated_at.isoformat()} has no time zone")
        for name in ("max_pictures", "max_picture_bytes", "max_clip_bytes", "max_objects"):
            if getattr(self, name) < 0:
                raise RecordError(f"{name} {getattr(self, name)} is negative")


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    incident: Incident
    type_zh: str
    type_en: str
    domain_zh: str
    domain_en: str
    severity_zh: str
    severity_en: str
    zone_zh: str
    zone_en: str
    first_seen: str
    last_seen: str
    dwell: str
    measure: str
    measures_time: bool
    x_m: float
    y_m: float
    picture: ReportPicture | None
    picture_uri: str
    film_uri: str


@dataclass(frozen=True, slots=True)
class _Dot:
    x_m: float
    y_m: float
    error_m: float
    label: str
    moving: bool


def _local(time: datetime | None, time_zone: tzinfo) -> str:
    return "–" if time is None else f"{time.astimezone(time_zone):%Y-%m-%d %H:%M:%S}"


def _offset_s(flight: FlownPath, time_zone: tzinfo) -> float:
    apart = datetime.fromtimestamp(flight.times_s[0], time_zone).utcoffset()
    return 0.0 if apart is None else apart.total_seconds()


class _Inside:
    """Says which pictures and clips are put inside the file, until there is no more room."""

    def __init__(self, data: ReportData) -> None:
        self._data = data
        self._pictures_left = data.max_pictures
        self._picture_bytes_left = data.max_picture_bytes
        self._clip_bytes_left = data.max_clip_bytes

    def picture(self, incident_id: str) -> ReportPicture | None:
        """Return an incident's picture if there is one, and room for it."""
        found = self._data.pictures.get(incident_id)
        if found is None or not self._pictures_left:
            return None
        if len(found.jpeg) > self._picture_bytes_left:
            return None
        self._pictures_left -= 1
        self._picture_bytes_left -= len(found.jpeg)
        return found

    def clip(self, incident_id: str) -> ReportClip | None:
        """Return an incident's clip if there is one, and room for it."""
        found = self._data.clips.get(incident_id)
        if found is None or len(found.mp4) > self._clip_bytes_left:
            return None
        self._clip_bytes_left -= len(found.mp4)
        return found


def _data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64," + base64.b64encode(content).decode("ascii")


def _rows(data: ReportData) -> tuple[_Row, ...]:
    zones = {zone.id: zone.name for zone in data.site.zones}
    ordered = sorted(data.incidents, key=lambda i: (-i.severity, i.first_seen, i.incident_id))
    rows: list[_Row] = []
    inside = _Inside(data)
    for number, incident in enumerate(ordered, start=1):
        kind = incident_type(incident.type)
        name = zones.get(incident.zone_id)
        picture = inside.picture(incident.incident_id)
        clip = inside.clip(incident.incident_id) if picture is not None else None
        x_m, y_m = on_map(data.site.frame, incident.place)
        rows.append(
            _Row(
                number,
                incident,
                kind.zh,
                kind.en,
                kind.domain.zh,
                kind.domain.en,
                *SEVERITIES[incident.severity],
                (name.zh if name else "") or "",
                (name.en if name else "") or incident.zone_id,
                _local(incident.first_seen, data.site.time_zone),
                _local(incident.last_seen, data.site.time_zone),
                duration_text(incident.dwell_s),
                measure_text(incident),
                kind.unit is MeasureUnit.SECONDS,
                x_m,
                y_m,
                picture,
                "" if picture is None else _data_uri("image/jpeg", picture.jpeg),
                "" if clip is None else _data_uri("video/mp4", clip.mp4),
            )
        )
    return tuple(rows)


def _dots(data: ReportData) -> tuple[_Dot, ...]:
    dots = []
    for thing in data.objects[: data.max_objects]:
        x_m, y_m = on_map(data.site.frame, thing.place)
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            continue
        label = (
            f"{thing.class_name} {thing.object_id[:8]}, ± {thing.place.error_m:.1f} m, "
            f"{len(thing.observations)} ×"
        )
        dots.append(_Dot(x_m, y_m, thing.place.error_m, label, thing.moving))
    return tuple(dots)


def _tiles(data: ReportData) -> tuple[tuple[str, str, str, str], ...]:
    """Return number, Chinese label, English label and style of each summary tile."""
    urgent = sum(incident.severity >= 3 for incident in data.incidents)
    longest = max((incident.dwell_s for incident in data.incidents), default=0.0)
    frames = sum(patrol.frames for patrol in data.patrols)
    detections = sum(patrol.detections for patrol in data.patrols)
    return (
        (f"{len(data.incidents):,}", "事件", "incidents", "lead"),
        (f"{urgent:,}", "严重及以上", "serious or critical", "alert" if urgent else ""),
        (duration_text(longest), "最长停留", "longest dwell", ""),
        (f"{len(data.objects):,}", "目标", "objects", ""),
        (f"{detections:,}", "检测", "detections", ""),
        (f"{frames:,}", "画面", "frames", ""),
        (f"{len(data.rejects):,}", "拒收文件", "refused", "alert" if data.rejects else ""),
    )


def _csp_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "'sha256-" + base64.b64encode(digest).decode("ascii") + "'"


def render_report(data: ReportData) -> str:
    """Return the report as one HTML document.

    Raises:
        RecordError: an incident has a type that the taxonomy does not know.
    """
    environment = Environment(
        loader=PackageLoader("ops", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader
    if source is None:
        raise StoreError("the report's template is missing: install parkwatch again")
    style = source.get_source(environment, "report.css")[0]
    script = source.get_source(environment, "report.js")[0]
    rows = _rows(data)
    shown = sum(row.picture is not None for row in rows)
    available = sum(row.incident.incident_id in data.pictures for row in rows)
    view = map_view(data.site, [(row.x_m, row.y_m) for row in rows])
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src {_csp_hash(style)}; "
        f"script-src {_csp_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("report.html.j2").render(
        data=data,
        site=data.site,
        rows=rows,
        dots=_dots(data),
        shapes=site_shapes(data.site),
        footprints=[footprint_path(data.site.frame, c) for c in data.footprints],
        ways=[way_on_map(data.site.frame, flight) for flight in data.flights],
        flights=[
            path_data(data.site.frame, flight, _offset_s(flight, data.site.time_zone))
            for flight in data.flights
        ],
        view=view,
        pixel_m=max(view.width_m, view.height_m) / 900.0,
        tiles=_tiles(data),
        types=Counter((row.type_zh, row.type_en) for row in rows).most_common(),
        severities=SEVERITIES,
        patrol_kinds=_PATROL_KINDS,
        local=lambda time: _local(time, data.site.time_zone),
        pictures_shown=shown,
        pictures_left_out=available - shown,
        policy=policy,
        style=style,
        script=script,
    )


def write_report(path: Path, data: ReportData) -> None:
    """Write `render_report` to a file, whole or not at all.

    Raises:
        RecordError: see `render_report`.
        StoreError: the file cannot be written.
    """
    content = render_report(data).encode("utf-8")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise StoreError(f"{path}: cannot write the report: {error.strerror}") from error
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        unfinished.chmod(0o644)
        unfinished.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot write the report: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
