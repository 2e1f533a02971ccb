"""Keeps a patrol's manifest in step with what is on the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drone.recorder.durable import write_whole
from park.errors import FootageError, RecordingError
from park.patrol_format import (
    MANIFEST_NAME,
    TELEMETRY_NAME,
    PatrolCamera,
    PatrolManifest,
    PatrolPoseSigma,
    PatrolSegment,
    TimeBase,
    read_manifest,
)


@dataclass(frozen=True, slots=True)
class PatrolFacts:
    """What is known of a patrol before it is recorded.

    Attributes:
        site: name or id of the site.
        patrol_id: names the patrol: letters, digits, `-`, `_`, `.`.
        vehicle: what flies.
        time_base: which clock the times are from, and how well video keeps to it.
        pose_sigma: how well the pose is known.
        takeoff_alt_amsl_m: altitude of the take-off point above mean sea level.
        route: id of the site's route that is flown.
    """

    site: str
    patrol_id: str
    vehicle: str
    time_base: TimeBase
    pose_sigma: PatrolPoseSigma = field(default_factory=PatrolPoseSigma)
    takeoff_alt_amsl_m: float | None = None
    route: str | None = None


class ManifestFile:
    """The manifest of a patrol that is being recorded; may be used from several threads.

    It is written for the first time with the first telemetry, because that says when the patrol
    began. What is added before waits in memory.

    Args:
        folder: the patrol's.
        facts: what is known of it.
        cameras: as they were opened.

    Raises:
        RecordingError: there is the manifest of another patrol in the folder, or a damaged one.
    """

    def __init__(self, folder: Path, facts: PatrolFacts, cameras: tuple[PatrolCamera, ...]) -> None:
        self._path = folder / MANIFEST_NAME
        self._facts = facts
        self._lock = threading.RLock()
        self._cameras = cameras
        self._manifest: PatrolManifest | None = None
        self._waiting: list[PatrolSegment] = []
        self._unsaved = False
        if self._path.exists():
            self._take_up(folder)

    def _take_up(self, folder: Path) -> None:
        try:
            old = read_manifest(str(folder))
        except FootageError as error:
            raise RecordingError(
                f"{error}; record into another folder, or move this one away"
            ) from error
        if old.patrol_id != self._facts.patrol_id:
            raise RecordingError(
                f"{folder} holds patrol {old.patrol_id}, not {self._facts.patrol_id}; "
                "record into another folder"
            )
        cameras = {camera.camera_id: camera for camera in old.cameras}
        for camera in self._cameras:
            if cameras.setdefault(camera.camera_id, camera) != camera:
                raise RecordingError(
                    f"{folder}: camera {camera.camera_id} was recorded there as another camera "
                    f"({cameras[camera.camera_id]}); name it otherwise, or use another folder"
                )
        self._manifest = old.model_copy(
            update={"cameras": tuple(cameras.values()), "ended_at": None}
        )
        self._unsaved = True

    @property
    def resumed(self) -> bool:
        """Whether the folder held a part of this patrol already."""
        with self._lock:
            return self._manifest is not None

    @property
    def current(self) -> PatrolManifest | None:
        """What it says; None before the first telemetry."""
        with self._lock:
            return self._manifest

    @property
    def segments(self) -> tuple[PatrolSegment, ...]:
        """All segments so far."""
        with self._lock:
            written = self._manifest.segments if self._manifest is not None else ()
            return (*written, *self._waiting)

    @property
    def telemetry(self) -> tuple[str, ...]:
        """All telemetry files so far."""
        with self._lock:
            return self._manifest.telemetry if self._manifest is not None else ()

    def begin(self, started_at: datetime) -> None:
        """Say when the patrol began; done once, later calls change nothing."""
        with self._lock:
            if self._manifest is not None:
                return
            facts = self._facts
            self._manifest = PatrolManifest(
                site=facts.site,
                patrol_id=facts.patrol_id,
                vehicle=facts.vehicle,
                route=facts.route,
                started_at=started_at,
                time_base=facts.time_base,
                cameras=self._cameras,
                pose_sigma=facts.pose_sigma,
                telemetry=(TELEMETRY_NAME,),
                segments=tuple(self._waiting),
                takeoff_alt_amsl_m=facts.takeoff_alt_amsl_m,
            )
            self._waiting.clear()

    def add_segments(self, segments: Iterable[PatrolSegment]) -> None:
        """Add segments that are whole.

        Raises:
            OSError: the manifest cannot be written; it will be with the next change.
        """
        with self._lock:
            if self._manifest is None:
                self._waiting += segments
                return
            self._change(segments=(*self._manifest.segments, *segments))

    def set_telemetry(self, names: Iterable[str]) -> None:
        """Name the telemetry files.

        Raises:
            OSError: the manifest cannot be written; it will be with the next change.
        """
        with self._lock:
            self._change(telemetry=tuple(names))

    def end(self, ended_at: datetime) -> None:
        """Say when the patrol ended.

        Raises:
            OSError: the manifest cannot be written.
        """
        with self._lock:
            started_at = ended_at if self._manifest is None else self._manifest.started_at
            self._change(ended_at=max(ended_at, started_at))

    def save(self) -> None:
        """Write it if what is on the disk is older.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            if self._unsaved and self._manifest is not None:
                write_whole(self._path, self._manifest.to_json().encode())
                self._unsaved = False

    def _change(self, **changes: object) -> None:
        if self._manifest is None:
            return
        self._manifest = self._manifest.model_copy(update=changes)
        self._unsaved = True
        self.save()


def told_of(manifest: PatrolManifest, confirmed: frozenset[str]) -> PatrolManifest | None:
    """Return what a manifest says about files that are in `confirmed` alone.

    Args:
        manifest: of the whole patrol.
        confirmed: names of files that have arrived somewhere.

    Returns:
        A manifest that names nothing that is not there; it has an end only where nothing is
        left out. None while no telemetry has arrived, because that is no patrol yet.
    """
    telemetry = tuple(name for name in manifest.telemetry if name in confirmed)
    if not telemetry:
        return None
    segments = tuple(segment for segment in manifest.segments if segment.file in confirmed)
    whole = len(segments) == len(manifest.segments) and telemetry == manifest.telemetry
    ended_at = manifest.ended_at if whole else None
    return manifest.model_copy(
        update={"telemetry": telemetry, "segments": segments, "ended_at": ended_at}
    )
