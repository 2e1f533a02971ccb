"""The first half of a run: footage in, located detections out, as Arrow batches.

One element is one footage source. Its frames never leave the function that reads them; what goes
on is Arrow record batches of detections, and small records of what was read and refused.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import apache_beam as beam
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.metrics.metric import Metrics

from park.errors import ModelError, ParkwatchError, TerrainGapError
from park.records import (
    BoxXyxyPx,
    Frame,
    LatLonDeg,
    Observation,
    PatrolSummary,
    PosedView,
    Reject,
)
from park.rows import RunStamp, observations_to_batch
from park.schemas import SCHEMAS
from park.site import Site
from park.terrain import DemTerrain, ElevationModel, Terrain, take_off_reference
from pipelines.buildings import Buildings, with_heat_where_it_is, without_buildings
from pipelines.camera_look import CameraLook
from pipelines.footprints import Footprints
from pipelines.identity import content_hash, detection_id
from pipelines.progress import listener_of
from pipelines.scenes import WatchedScene, every_detector, watched_scenes
from pipelines.scenes_ahead import MOST_BEHIND, SeenByModels, looked_for
from pipelines.where_wanted import WhereWanted
from vision.bodies import only_bodies
from vision.body_heat import only_warm_bodies
from vision.clarity import with_clarity
from vision.clothes import without_clothes
from vision.detect import BegunFrame, Detector, FrameDetections
from vision.footage import FootageOptions, FootageSource, read_frames
from vision.footage.ahead import read_ahead
from vision.models.registry import ModelFile
from vision.models.suitability import why_unsuited
from vision.observe import FrameObservations, Sight, observe, observe_scene
from vision.overview import overview_picture
from vision.privacy import PrivacyFinder
from vision.redact import redact

REJECTS = "rejects"
PATROLS = "patrols"

_BATCH_ROWS = 4096
_AHEAD = 3
"""Pictures that are decoded before they are looked at."""
_BACK = "times go back in the footage; what was followed until there is followed anew"
_BESIDE = (
    "the flight begins outside of the elevation model: nothing is placed there, and the first "
    "frame over it stands for the first"
)
_NAMESPACE = "parkwatch"


@dataclass(frozen=True, slots=True)
class LookSettings:
    """How a run looks at footage; plain values, so that it can go to another process.

    Attributes:
        models: the models to run.
        by_zone: run each model only where a zone in view, or the route, asks for it; else on
            every frame.
        footage: how footage is read.
        stamp: site and run that rows carry.
        site: whose zones say what scene detectors look for, and whose take-off altitude ties
            the terrain to heights.
        confidence: threshold for all models; None takes each model's own.
        input_px: side of the models' input; None takes each model's own.
        whole: look at each frame once, shrunk to the input, whatever its scale.
        terrain_path: GeoTIFF of the ground; None for level ground at take-off height.
        baseline: folder of the site as it was, to find what is new; None without.
        pictures: folder for overview pictures; None for none.
        redaction: blur people and plates in pictures.
    """

    models: tuple[ModelFile, ...]
    footage: FootageOptions
    stamp: RunStamp
    site: Site
    confidence: float | None = None
    input_px: int | None = None
    whole: bool = False
    terrain_path: str | None = None
    baseline: str | None = None
    pictures: str | None = None
    redaction: bool = True
    by_zone: bool = False


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """What one source, or one part of a large folder, gave besides detections.

    Attributes:
        summary: its row of the `patrols` table, or a part of it.
        footprint: four corners (lat_deg, lon_deg) after four corners of the ground that its
            frames saw, for maps (`pipelines.footprints`).
        dropped: reason to number of boxes that were dropped or not placed.
    """

    summary: PatrolSummary
    footprint: tuple[LatLonDeg, ...]
    dropped: dict[str, int]


class LookAtFootage(beam.DoFn):
    """Read a footage source and give its detections as Arrow batches.

    Side outputs: `rejects` (Reject) and `patrols` (SourceSeen).
    """

    def __init__(self, settings: LookSettings) -> None:
        self._settings = settings
        self._detectors: list[Detector] = []
        self._scenes: tuple[WatchedScene, ...] = ()
        self._buildings = Buildings(settings.site)
        self._privacy: PrivacyFinder | None = None
        self._frames = Metrics.counter(_NAMESPACE, "frames")
        self._rows = Metrics.counter(_NAMESPACE, "detections")

    def setup(self) -> None:
        """Load the models, once per worker."""
        settings = self._settings
        self._detectors = [
            Detector(
                model,
                confidence=settings.confidence,
                input_px=settings.input_px,
                whole=settings.whole,
                sharing=len(settings.models),
            )
            for model in settings.models
        ]
        self._scenes = watched_scenes(
            settings.site, every_detector(settings.site, settings.baseline)
        )
        if settings.pictures is not None and settings.redaction:
            self._privacy = PrivacyFinder(settings.models)

    def process(
        self, source: FootageSource
    ) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput[str, object]]:
        """Yield the batches of one source."""
        look = _Look(
            source, self._settings, self._detectors, self._scenes, self._buildings, self._privacy
        )
        rows: list[Observation] = []
        for seen in look.frames():
            self._frames.inc()
            self._rows.inc(len(seen.kept))
            rows.extend(seen.kept)
            if len(rows) >= _BATCH_ROWS:
                yield observations_to_batch(rows, self._settings.stamp)
                rows = []
        if rows:
            yield observations_to_batch(rows, self._settings.stamp)
        for reject in look.rejects:
            yield beam.pvalue.TaggedOutput(REJECTS, (source.patrol_id, reject))
        yield beam.pvalue.TaggedOutput(PATROLS, look.seen())


class StageBatches(beam.DoFn):
    """Write Arrow batches to Parquet files in a folder and give their names.

    Args:
        folder: where all workers can write and the driver can read.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        self._name = ""

    def process(self, batch: pa.RecordBatch) -> Iterable[str]:
        """Write one batch."""
        if self._writer is None:
            self._name = str(Path(self._folder) / f"detections-{uuid.uuid4().hex}.parquet")
            self._writer = pq.ParquetWriter(self._name, SCHEMAS["detections"])
        self._writer.write_batch(batch)
        return ()

    def finish_bundle(self) -> Iterable[beam.utils.windowed_value.WindowedValue]:
        """Close the file and give its name; a file without its footer does not count."""
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        yield beam.transforms.window.GlobalWindows.windowed_value(self._name)


class _Look:
    """One pass over one source."""

    def __init__(
        self,
        source: FootageSource,
        settings: LookSettings,
        detectors: Sequence[Detector],
        scenes: Sequence[WatchedScene],
        buildings: Buildings,
        privacy: PrivacyFinder | None,
    ) -> None:
        self._scenes = scenes
        self._cameras: dict[str, CameraLook] = {}
        self._buildings = buildings
        self._source = source
        self._privacy = privacy
        self._settings = settings
        self._detectors = detectors
        self._terrain: Terrain | None = None
        self._elevation: ElevationModel | None = None
        self._last_sight: Sight | None = None
        self._terrain_known = settings.terrain_path is None
        self._assumptions: dict[str, None] = {}
        self._footprints = Footprints()
        cards = [detector.card for detector in detectors]
        self._wanted = WhereWanted(settings.site, cards, source.route) if settings.by_zone else None
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._count = 0
        self._looked_at = 0
        self._unsuited: str | None = None
        self._rows = 0
        self._dropped: Counter[str] = Counter()
        self.rejects: list[Reject] = []

    def frames(self) -> Iterator[FrameObservations]:
        """Yield what each frame gave, in order, tracked where it is video."""
        waiting: deque[SeenByModels] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="scenes") as thread:
            for sight, found in self._detected():
                camera = self._camera_of(sight.frame)
                if camera.is_back(sight.frame):
                    # What was seen before belongs to what was followed until here.
                    yield from map(self._finally_seen, waiting)
                    waiting.clear()
                    camera.begin_anew()
                    self._assumptions[_BACK] = None
                camera.took(sight.frame)
                waiting.append(looked_for(thread, sight, camera, self._observed(sight, found)))
                while len(waiting) > MOST_BEHIND or (waiting and waiting[0].is_done()):
                    yield self._finally_seen(waiting.popleft())
            yield from map(self._finally_seen, waiting)

    def _finally_seen(self, one: SeenByModels) -> FrameObservations:
        """Return all that a frame gave, followed from the frame before."""
        seen, camera = self._together(one), one.camera
        seen = replace(seen, kept=with_clarity(seen.frame, seen.kept))
        if camera.tracker is not None:
            tracked = camera.tracker.update(seen.frame.time, seen.kept)
            seen = replace(seen, kept=tuple(tracked))
        self._note(one.sight, seen)
        if camera.wants_picture(seen.frame):
            self._picture(seen)
        listener_of(self._settings.stamp.run_id).frames(1, seen.frame.source_uri)
        return seen

    def _camera_of(self, frame: Frame) -> CameraLook:
        """Return what is remembered of the camera of a frame.

        The cameras of a patrol look at the same time, and their videos are read in turns.
        """
        known = self._cameras.get(frame.camera_id)
        if known is None:
            source = self._source
            # The first keeps the patrol's own name, so that one camera has the ids it always had.
            name = f"{source.patrol_id}-{frame.camera_id}" if self._cameras else source.patrol_id
            tracks = None if source.kind == "photos" else name
            known = CameraLook(tracks, self._settings.site, self._scenes)
            self._cameras[frame.camera_id] = known
        return known

    def seen(self) -> SourceSeen:
        """Return what is to be said of the source after all its frames."""
        source = self._source
        summary = PatrolSummary(
            patrol_id=source.patrol_id,
            kind=source.kind,
            source_uri=source.uri,
            first_time=self._first,
            last_time=self._last,
            frames=self._count,
            rejected=len(self.rejects),
            detections=self._rows,
            assumptions=(
                *self._assumptions,
                *(() if self._wanted is None else self._wanted.told()),
            ),
        )
        return SourceSeen(summary, self._footprints.corners, dict(self._dropped))

    def _detected(self) -> Iterator[tuple[Sight, tuple[FrameDetections, ...]]]:
        """Yield every frame with what each model saw in it.

        Raises:
            ModelError: no model could know any of the frames.
        """
        begun: deque[tuple[Sight, dict[int, BegunFrame]]] = deque()
        in_flight = max((detector.in_flight for detector in self._detectors), default=0)
        for name in filter(None, {detector.runs_on: None for detector in self._detectors}):
            self._assumptions[f"models ran on {name}, in batches"] = None
        for sight in self._sights():
            fit = self._suited(sight.frame)
            if self._wanted is not None:
                fit = self._wanted.numbers(sight, fit)
            looking = {n: self._detectors[n].begin(sight.frame, sight.gsd_at) for n in fit}
            begun.append((sight, looking))
            while len(begun) > in_flight or (
                begun and all(one.is_done() for one in begun[0][1].values())
            ):
                yield self._finished(*begun.popleft())
        while begun:
            yield self._finished(*begun.popleft())
        if self._unsuited is not None and not self._looked_at:
            raise ModelError(self._unsuited)

    def _finished(
        self, sight: Sight, looking: dict[int, BegunFrame]
    ) -> tuple[Sight, tuple[FrameDetections, ...]]:
        return sight, tuple(
            detector.finish(looking[number]) if number in looking else _nothing(sight.frame)
            for number, detector in enumerate(self._detectors)
        )

    def _suited(self, frame: Frame) -> tuple[int, ...]:
        """Return the numbers of the models that can know a frame, and say which cannot.

        None may know the pictures of one camera and all those of another: a patrol, or a folder
        of photos, may hold both.

        Raises:
            ModelError: none can know a video, which is of one camera.
        """
        reasons = [why_unsuited(detector.card, frame) for detector in self._detectors]
        fit = tuple(number for number, reason in enumerate(reasons) if reason is None)
        warm = tuple(n for n in fit if self._detectors[n].card.spectrum == "thermal")
        if frame.spectrum == "thermal" and warm:
            fit = warm
        if not fit and self._source.kind in ("video_srt", "video_corners"):
            raise ModelError(next(reason for reason in reasons if reason is not None))
        self._looked_at += bool(fit)
        self._unsuited = self._unsuited or next((r for r in reasons if r is not None), None)
        for number, detector in enumerate(self._detectors):
            if number not in fit:
                kind = (frame.spectrum or "visible").replace("_", " ")
                said = f"model {detector.card.name} was not run on {kind} pictures"
                self._assumptions[said] = None
        return fit

    def _sights(self) -> Iterator[Sight]:
        for item in read_ahead(read_frames(self._source, self._settings.footage), _AHEAD):
            if isinstance(item, Reject):
                self.rejects.append(item)
                continue
            sight = self._sight_of(item)
            self._assumptions.update(dict.fromkeys(self._beyond_what_is_known(sight)))
            yield sight

    def _sight_of(self, frame: Frame) -> Sight:
        """Return a frame's sight; a camera that stands still sees the same ground again."""
        try:
            last, terrain = self._last_sight, self._terrain_for(frame)
        except TerrainGapError as error:
            # A later frame may be over the model; until then nothing can be placed.
            self._assumptions[_BESIDE] = None
            return Sight(frame, None, str(error))
        if last is not None and frame.view is not None and frame.view == last.frame.view:
            self._last_sight = replace(last, frame=frame)
        else:
            self._last_sight = Sight.of(frame, terrain)
        return self._last_sight

    def _beyond_what_is_known(self, sight: Sight) -> Iterator[str]:
        """Say where the ground is coarser than a model knows; it looks all the same."""
        width_px, height_px = sight.frame.width_px, sight.frame.height_px
        gsd_m = sight.gsd_at(width_px / 2, height_px / 2) if sight.gsd_at is not None else None
        if gsd_m is None or self._settings.whole:
            return
        for detector in self._detectors:
            known_m = detector.card.gsd_range_m
            if known_m is not None and gsd_m > known_m[1]:
                yield (
                    f"ground is seen more coarsely than the {100 * known_m[1]:g} cm per pixel that "
                    f"model {detector.card.name} knows: expect misses and false alarms"
                )

    def _terrain_for(self, frame: Frame) -> Terrain | None:
        if not self._terrain_known and isinstance(frame.view, PosedView):
            model = self._elevation = self._elevation or ElevationModel(
                str(self._settings.terrain_path)
            )
            reference = take_off_reference(
                model,
                site_altitude_amsl_m=self._settings.site.takeoff_alt_amsl_m,
                first_pose=frame.view.pose,
            )
            self._assumptions[reference.assumption] = None
            self._terrain, self._terrain_known = DemTerrain(model, reference), True
        return self._terrain

    def _observed(
        self, sight: Sight, found: Sequence[FrameDetections]
    ) -> tuple[FrameObservations, ...]:
        parts = (
            observe(one, sight, detector.card, self._new_id)
            for one, detector in zip(found, self._detectors, strict=True)
        )
        return tuple(without_buildings(part, self._buildings) for part in parts)

    def _together(self, one: SeenByModels) -> FrameObservations:
        sight, parts = one.sight, list(one.parts)
        if scenes := one.scene_detections():
            parts.append(observe_scene(scenes, sight, self._new_id))
        whole = FrameObservations(
            sight.frame,
            tuple(o for part in parts for o in part.kept),
            tuple(d for part in parts for d in part.dropped),
            tuple(u for part in parts for u in part.unplaced),
        )
        classes = (name for detector in self._detectors for name in detector.card.classes)
        people = only_warm_bodies(without_clothes(only_bodies(whole, classes)))
        return with_heat_where_it_is(people, self._buildings)

    def _new_id(self, frame: Frame, class_name: str, box: BoxXyxyPx, model_id: str) -> str:
        footage = (
            _hash_of(frame.source_uri)
            if self._source.kind in ("photos", "patrol")
            else self._source.content_hash
        )
        return detection_id(footage, frame.source_time_s, class_name, box, model_id)

    def _note(self, sight: Sight, seen: FrameObservations) -> None:
        frame = seen.frame
        self._count += 1
        self._rows += len(seen.kept)
        self._assumptions.update(dict.fromkeys(frame.assumptions))
        time = frame.time.astimezone(UTC)
        self._first = min(self._first or time, time)
        self._last = max(self._last or time, time)
        self._dropped.update(d.reason for d in seen.dropped)
        self._dropped.update(f"not placed: {reason}" for reason in seen.unplaced)
        self._footprints.add(sight)

    def _picture(self, seen: FrameObservations) -> None:
        folder = self._settings.pictures
        frame = seen.frame
        if folder is None:
            return
        pixels = None
        if self._privacy is not None:
            hidden = self._privacy.find(frame)
            classes = self._privacy.classes_for(frame)
            pixels = redact(frame.image_bgr, hidden, classes=classes).image_bgr
        image = overview_picture(
            frame,
            seen.kept,
            seen.dropped,
            time_zone=self._settings.stamp.zone,
            redacted_image_bgr=pixels,
        )
        stem = Path(frame.source_uri).stem
        if self._source.kind != "photos":
            stem += f"-{frame.source_time_s:08.2f}s"
        self._write_picture(Path(folder) / f"{stem}-{_hash_of(frame.source_uri)[:6]}.jpg", image)

    def _write_picture(self, path: Path, image: np.ndarray) -> None:
        ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.tobytes() if ok else b"")
        except OSError as error:
            raise ParkwatchError(
                f"cannot write the overview picture {path}: {error.strerror}"
            ) from error


def _nothing(frame: Frame) -> FrameDetections:
    return FrameDetections(frame, (), scale_known=True)


@lru_cache(maxsize=4096)
def _hash_of(path: str) -> str:
    return content_hash(Path(path))
