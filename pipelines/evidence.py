"""Pictures and clips of incidents: cut from the footage once it is known what to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from park.errors import FootageError, ParkwatchError, RecordError, StoreError, TerrainError
from park.records import Detection, Frame, Incident, Observation, PosedView, Reject
from park.rows import Redaction, RunStamp
from park.site import Site
from park.taxonomy import EvidenceKind, class_matches, families_of, incident_type
from park.terrain import DemTerrain, ElevationModel, Terrain, take_off_reference
from pipelines.hits import RuleHit
from vision.before_after import before_after_picture, same_ground
from vision.clip import ClipOptions, clip_span_s, make_clip
from vision.evidence import EvidencePicture, evidence_picture
from vision.evidence_words import Caption
from vision.footage import FootageOptions, FootageSource, read_frame, read_span
from vision.locate import Locator
from vision.models.registry import ModelFile
from vision.observe import Sight
from vision.privacy import PrivacyFinder
from vision.redact import RedactedImage, redact, unredacted
from vision.scene.baseline import Baseline

MOST_CLIPS = 60
"""Clips made for one day at most, of the most severe incidents: each costs a second or so."""

_STAGE = "evidence"
_MOVING = frozenset({"person", "no_hard_hat", "smoke", "flame"})
_STANDING = frozenset(
    {"bare_soil", "stockpile", "discoloured_water", "new_object", "rubbish", "overflowing_bin"}
    | {"hotspot", "obstacle"}
)
# What has no firm outline seems to move with the view, and does not.
_NEARBY_S = 1.5


class PictureStore(Protocol):
    """Where evidence goes; `ops.store.Store` is one."""

    def write(self, key: str, content: bytes, *, media_type: str) -> str:
        """Write a file whole or not at all and return its uri."""

    def exists(self, key: str) -> bool:
        """Return whether there is a file of this key."""

    def uri(self, key: str) -> str:
        """Return where the file lies."""


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """How evidence is made.

    Attributes:
        site: names zones, and ties a terrain to heights.
        stamp: for the site's time zone.
        footage: how footage is read.
        sources: the run's footage.
        models: for redaction.
        store: where pictures and clips go.
        before: Parquet file with the incidents that the tables hold, for evidence of footage
            that is not part of this run; None when there are none.
        redaction: blur people and plates.
        terrain: GeoTIFF of the ground; None for level ground.
        baseline: folder of the site as it was, to show what changed; None without.
        clips: how clips are cut.
    """

    site: Site
    stamp: RunStamp
    footage: FootageOptions
    sources: tuple[FootageSource, ...]
    models: tuple[ModelFile, ...]
    store: PictureStore
    before: str | None = None
    redaction: bool = True
    terrain: str | None = None
    baseline: str | None = None
    clips: ClipOptions = field(default_factory=ClipOptions)


@dataclass(frozen=True, slots=True)
class EvidenceBefore:
    """The evidence that an earlier run made of an incident.

    Attributes:
        shown: the detection that it shows.
        picture_uri: the picture.
        clip_uri: the clip; None without one.
        redaction: what was blurred.
    """

    shown: str
    picture_uri: str
    clip_uri: str | None
    redaction: Redaction


def evidence_before(path: str | None) -> tuple[EvidenceBefore, ...]:
    """Return the evidence that the tables name.

    Args:
        path: Parquet file with rows of `incidents`; None for none.
    """
    if path is None:
        return ()
    columns = ["best_detection_id", "evidence_uri", "clip_uri", "redacted", "not_redacted"]
    return tuple(
        EvidenceBefore(
            row["best_detection_id"],
            row["evidence_uri"],
            row["clip_uri"],
            Redaction(tuple(row["redacted"]), tuple(row["not_redacted"])),
        )
        for row in pq.read_table(path, columns=columns).to_pylist()
        if row["evidence_uri"]
    )


def shown_in_clip(
    hit: RuleHit, incident: Incident, options: ClipOptions
) -> tuple[Observation, ...]:
    """Return the sightings that a clip of an incident shows; none where a picture says it all.

    A clip is for what moves: what was on the way, traffic, people, smoke and flames. Photos have
    none.
    """
    best = incident.best
    families = families_of(best.class_name)
    moved = hit.moving and not families & _STANDING
    if not (moved or families & _MOVING or hit.type == "congestion") or best.track_id is None:
        return ()
    start_s, end_s = clip_span_s(best, options)
    return tuple(
        seen
        for seen in hit.observations
        if seen.source_uri == best.source_uri
        and start_s - _NEARBY_S <= seen.source_time_s <= end_s + _NEARBY_S
    )


class EvidenceMaker:
    """Makes evidence, one incident after another.

    Args:
        settings: how.
    """

    def __init__(self, settings: EvidenceSettings) -> None:
        self._settings = settings
        self._privacy = PrivacyFinder(settings.models)
        self._sources = {f: source for source in settings.sources for f in source.files}
        self._before = {one.shown: one for one in evidence_before(settings.before)}
        self._baseline = None if settings.baseline is None else Baseline(Path(settings.baseline))
        self._elevation = None if settings.terrain is None else ElevationModel(settings.terrain)

    def make(
        self, incidents: Sequence[Incident], moving: Mapping[str, Sequence[Observation]]
    ) -> tuple[tuple[Incident, ...], dict[str, Redaction], tuple[Reject, ...]]:
        """Return incidents with their evidence, what was blurred in it, and what failed.

        Args:
            incidents: of one day.
            moving: what clips show, by incident_id.
        """
        done: dict[str, Incident] = {}
        redactions: dict[str, Redaction] = {}
        rejects: list[Reject] = []
        by_severity = sorted(moving, key=_severest(incidents))
        filmed = set(by_severity[:MOST_CLIPS])
        # Frames of one file lie together, so a video is not opened for every picture anew.
        order = sorted(incidents, key=lambda i: (i.best.source_uri, i.best.source_time_s))
        for incident in order:
            try:
                made, redaction = self._picture(incident)
            except (FootageError, StoreError) as error:
                rejects.append(_reject(incident, error))
                continue
            if incident.incident_id in filmed and made.clip_uri is None:
                try:
                    made, redaction = self._clip(made, moving[incident.incident_id], redaction)
                except (FootageError, StoreError, RecordError) as error:
                    rejects.append(_reject(incident, error))
            done[incident.incident_id] = made
            redactions[incident.incident_id] = redaction
        kept = tuple(done.get(i.incident_id, i) for i in incidents)
        return kept, redactions, tuple(rejects)

    def _picture(self, incident: Incident) -> tuple[Incident, Redaction]:
        settings, best = self._settings, incident.best
        source = self._sources.get(best.source_uri)
        if source is None:
            return self._kept(incident)
        frame = read_frame(source, settings.footage, best.source_uri, best.source_time_s)
        picture = self._picture_of(frame, incident)
        uri = settings.store.write(_key(incident, "jpg"), picture.jpeg, media_type="image/jpeg")
        return (
            replace(incident, evidence_uri=uri),
            Redaction(picture.redacted, picture.not_redacted),
        )

    def _picture_of(self, frame: Frame, incident: Incident) -> EvidencePicture:
        settings = self._settings
        caption = self._caption(incident)
        locator = self._locator(frame)
        hidden = self._privacy.find(frame) if settings.redaction else []
        if self._baseline is not None and locator is not None and _is_change(incident):
            picture = self._before_and_after(frame, hidden, locator, incident, caption)
            if picture is not None:
                return picture
        return evidence_picture(
            frame,
            incident,
            hidden,
            model_classes=self._privacy.classes_for(frame),
            time_zone=caption.time_zone,
            zone_name=caption.zone_name,
            redaction=settings.redaction,
            locator=locator,
        )

    def _before_and_after(
        self,
        frame: Frame,
        hidden: Sequence[Detection],
        locator: Locator,
        incident: Incident,
        caption: Caption,
    ) -> EvidencePicture | None:
        """Return the picture of a change, or None where the baseline does not show the place."""
        assert self._baseline is not None
        after = self._redacted(frame, hidden)
        box = incident.best.box_xyxy_px
        ground = same_ground(frame, after.image_bgr, locator, box, self._baseline)
        if ground is None:
            return None
        found = self._privacy.find(ground.before) if self._settings.redaction else []
        before = self._redacted(ground.before, found)
        return before_after_picture(ground, before, after, incident, caption)

    def _redacted(self, frame: Frame, hidden: Sequence[Detection]) -> RedactedImage:
        if not self._settings.redaction:
            return unredacted(frame.image_bgr)
        return redact(frame.image_bgr, hidden, classes=self._privacy.classes_for(frame))

    def _kept(self, incident: Incident) -> tuple[Incident, Redaction]:
        """Return an incident with what an earlier run made of the same sighting.

        The incident itself may have another id now: its object may have been seen earlier.
        """
        store = self._settings.store
        known = self._before.get(incident.best.detection_id)
        if known is None or not store.exists(_key_of(known.picture_uri)):
            raise FootageError(
                incident.best.source_uri,
                "the picture of an incident lies in footage that is not part of this run; give "
                "that footage as a source too",
            )
        clip = known.clip_uri
        if clip is not None and not store.exists(_key_of(clip)):
            clip = None
        made = replace(incident, evidence_uri=known.picture_uri, clip_uri=clip)
        return made, known.redaction

    def _clip(
        self, incident: Incident, sightings: Sequence[Observation], redaction: Redaction
    ) -> tuple[Incident, Redaction]:
        settings, best = self._settings, incident.best
        source = self._sources.get(best.source_uri)
        if source is None or source.kind == "photos":
            return incident, redaction
        options = replace(settings.footage, sample_fps=settings.clips.fps)
        start_s, end_s = clip_span_s(best, settings.clips)
        clip = make_clip(
            read_span(source, options, best.source_uri, start_s, end_s),
            incident,
            sightings,
            finder=self._privacy,
            caption=self._caption(incident),
            redaction=settings.redaction,
            options=settings.clips,
        )
        if clip is None:
            return incident, redaction
        uri = settings.store.write(_key(incident, "mp4"), clip.mp4, media_type="video/mp4")
        both = Redaction(
            tuple(sorted({*redaction.redacted, *clip.redacted})),
            tuple(sorted({*redaction.not_redacted, *clip.not_redacted})),
        )
        return replace(incident, clip_uri=uri), both

    def _caption(self, incident: Incident) -> Caption:
        zone = self._settings.site.zone(incident.zone_id)
        name = (zone.name.zh, zone.name.en) if zone.name else ("", "")
        return Caption(self._settings.stamp.zone, name)

    def _locator(self, frame: Frame) -> Locator | None:
        return Sight.of(frame, self._terrain(frame)).locator

    def _terrain(self, frame: Frame) -> Terrain | None:
        if self._elevation is None or not isinstance(frame.view, PosedView):
            return None
        try:
            reference = take_off_reference(
                self._elevation,
                site_altitude_amsl_m=self._settings.site.takeoff_alt_amsl_m,
                first_pose=frame.view.pose,
            )
        except TerrainError:
            # It was told when the frame was looked at; here it only decides the scale bar.
            return None
        return DemTerrain(self._elevation, reference)


def _is_change(incident: Incident) -> bool:
    """Return whether an incident is seen by how a place was before."""
    by_type = incident_type(incident.type).evidence is EvidenceKind.BEFORE_AFTER
    return by_type or class_matches(incident.best.class_name, ["new_object"])


def _severest(incidents: Sequence[Incident]) -> Callable[[str], tuple[int, datetime, str]]:
    """Return the order in which incidents get clips, by their id."""
    order = {one.incident_id: (-one.severity, one.first_seen, one.incident_id) for one in incidents}
    return lambda incident_id: order[incident_id]


def _reject(incident: Incident, error: ParkwatchError) -> Reject:
    reason = error.reason if isinstance(error, FootageError) else str(error)
    return Reject(incident.best.source_uri, _STAGE, reason)


def _key(incident: Incident, ending: str) -> str:
    return (
        f"evidence/{incident.day.isoformat()}/"
        f"{incident.incident_id}-{incident.best.detection_id[:8]}.{ending}"
    )


def _key_of(uri: str) -> str:
    return uri[uri.rindex("evidence/") :]
