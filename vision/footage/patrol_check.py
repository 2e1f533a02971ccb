"""Whether a recorded patrol is whole: what `parkwatch footage check` tells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from park.errors import FootageError
from park.patrol_format import (
    MAX_TELEMETRY_GAP_S,
    MIN_TELEMETRY_HZ,
    PatrolManifest,
    PatrolSegment,
    read_manifest,
    segment_times_overlap,
)
from vision.footage.patrol import Telemetry, read_telemetry
from vision.footage.source import FootageOptions
from vision.footage.video import VideoFacts, probe_video

OVERLAP_TOLERANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class PatrolFinding:
    """One thing that was looked at.

    Attributes:
        ok: whether it is as it should be.
        subject: the file or part that it is about.
        message: what was found, in words.
    """

    ok: bool
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class PatrolCheck:
    """Everything that was looked at in one patrol folder.

    Attributes:
        folder: the patrol's folder.
        patrol_id: its id; None when the manifest cannot be read.
        findings: in the order they were made.
    """

    folder: str
    patrol_id: str | None
    findings: tuple[PatrolFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.ok for finding in self.findings)

    @property
    def problems(self) -> tuple[PatrolFinding, ...]:
        """What is wrong."""
        return tuple(finding for finding in self.findings if not finding.ok)


def check_patrol(folder: str, options: FootageOptions | None = None) -> PatrolCheck:
    """Check a recorded patrol without decoding its video.

    Args:
        folder: the patrol's folder.
        options: limits; the defaults when None.

    Returns:
        What was found; wrong things are findings, not exceptions.
    """
    try:
        manifest = read_manifest(folder)
    except FootageError as error:
        return PatrolCheck(folder, None, (PatrolFinding(False, "manifest.json", error.reason),))
    findings = [PatrolFinding(True, "manifest.json", f"version {manifest.format_version}")]
    findings.append(_time_base(manifest))
    telemetry = None
    try:
        telemetry = read_telemetry(folder, manifest)
    except FootageError as error:
        findings.append(PatrolFinding(False, "telemetry", error.reason))
    else:
        findings += _telemetry(telemetry)
    findings += _segments(folder, manifest, telemetry, options or FootageOptions())
    return PatrolCheck(folder, manifest.patrol_id, tuple(findings))


def _time_base(manifest: PatrolManifest) -> PatrolFinding:
    clock = manifest.time_base.clock
    if clock == "free":
        return PatrolFinding(
            False, "time base", "clock is free-running; times of day may be wrong; sync it"
        )
    if manifest.ended_at is not None and manifest.ended_at < manifest.started_at:
        return PatrolFinding(False, "time base", "ended_at is before started_at")
    if manifest.ended_at is None:
        return PatrolFinding(True, "time base", f"{clock}; the recording was not ended regularly")
    return PatrolFinding(True, "time base", clock)


def _telemetry(telemetry: Telemetry) -> list[PatrolFinding]:
    findings = [PatrolFinding(False, "telemetry", trouble) for trouble in telemetry.troubles]
    time_s = telemetry.time_s
    steps_s = np.diff(time_s)
    if len(steps_s) == 0:
        return [*findings, PatrolFinding(False, "telemetry", "has a single row")]
    rate_hz = float(1.0 / np.median(steps_s))
    text = f"{len(time_s)} rows over {time_s[-1] - time_s[0]:.1f} s at {rate_hz:.1f} Hz"
    slow = rate_hz < MIN_TELEMETRY_HZ * 0.95
    findings.append(
        PatrolFinding(
            not slow, "telemetry", text + (f", below {MIN_TELEMETRY_HZ:g} Hz" if slow else "")
        )
    )
    findings += [
        PatrolFinding(
            False,
            "telemetry",
            f"gap of {steps_s[i]:.1f} s from {time_s[i] - time_s[0]:.1f} s after its start",
        )
        for i in np.flatnonzero(steps_s > MAX_TELEMETRY_GAP_S)[:20]
    ]
    for name in ("lat_deg", "alt_home_m", "gimbal_yaw_deg", "gimbal_pitch_deg"):
        absent = float(np.mean(np.isnan(telemetry.columns[name])))
        if absent:
            findings.append(
                PatrolFinding(False, "telemetry", f"{name} is missing in {absent:.0%} of rows")
            )
    return findings


def _segments(
    folder: str, manifest: PatrolManifest, telemetry: Telemetry | None, options: FootageOptions
) -> list[PatrolFinding]:
    findings = []
    segments = sorted(manifest.segments, key=lambda segment: segment.start_time)
    if not segments:
        return [PatrolFinding(False, "video", "the manifest names no segment")]
    durations: dict[str, float] = {}
    for segment in segments:
        last = segment is segments[-1]
        try:
            facts = probe_video(str(Path(folder) / segment.file), options)
        except FootageError as error:
            # The last segment of an interrupted recording may be lost; that is said, not blamed.
            tolerated = last and not segment.complete
            reason = f"incomplete last segment: {error.reason}" if tolerated else error.reason
            findings.append(PatrolFinding(tolerated, segment.file, reason))
            continue
        duration_s = facts.duration_s if facts.duration_s is not None else segment.duration_s
        durations[segment.file] = duration_s or 0.0
        findings += _segment(manifest, segment, facts, last)
        if telemetry is not None and duration_s is not None:
            findings += _covered(segment, duration_s, telemetry)
    for camera in manifest.cameras:
        findings += _sequence(
            [segment for segment in segments if segment.camera_id == camera.camera_id], durations
        )
    return findings


def _segment(
    manifest: PatrolManifest, segment: PatrolSegment, facts: VideoFacts, last: bool
) -> list[PatrolFinding]:
    camera = manifest.camera(segment.camera_id)
    found = f"{facts.width_px} x {facts.height_px}"
    findings = []
    if sorted((facts.width_px, facts.height_px)) == sorted((camera.width_px, camera.height_px)):
        findings.append(PatrolFinding(True, segment.file, found))
    else:
        findings.append(
            PatrolFinding(
                False,
                segment.file,
                f"video is {found}, camera {camera.camera_id} is "
                f"{camera.width_px} x {camera.height_px}",
            )
        )
    if not segment.complete:
        message = "incomplete, as the last one may be" if last else "incomplete"
        findings.append(PatrolFinding(last, segment.file, message))
    elif segment.duration_s is not None and facts.duration_s is not None:
        missing_s = segment.duration_s - facts.duration_s
        if abs(missing_s) > max(1.0, 0.01 * segment.duration_s):
            findings.append(
                PatrolFinding(
                    False,
                    segment.file,
                    f"is {facts.duration_s:.1f} s long, the manifest says "
                    f"{segment.duration_s:.1f} s",
                )
            )
    return findings


def _covered(
    segment: PatrolSegment, duration_s: float, telemetry: Telemetry
) -> list[PatrolFinding]:
    start_s = segment.start_time.timestamp()
    before_s = float(telemetry.time_s[0]) - start_s
    after_s = start_s + duration_s - float(telemetry.time_s[-1])
    return [
        PatrolFinding(
            False, segment.file, f"its {which} {uncovered_s:.1f} s are outside of the telemetry"
        )
        for which, uncovered_s in (("first", before_s), ("last", after_s))
        if uncovered_s > MAX_TELEMETRY_GAP_S
    ]


def _sequence(segments: list[PatrolSegment], durations: dict[str, float]) -> list[PatrolFinding]:
    findings = []
    for before, after in pairwise(segments):
        if before.file not in durations:
            continue
        overlap_s = segment_times_overlap(
            before.start_time, durations[before.file], after.start_time
        )
        if overlap_s > OVERLAP_TOLERANCE_S:
            findings.append(
                PatrolFinding(False, after.file, f"overlaps {before.file} by {overlap_s:.2f} s")
            )
        elif overlap_s < -MAX_TELEMETRY_GAP_S:
            findings.append(
                PatrolFinding(
                    False, after.file, f"starts {-overlap_s:.1f} s after {before.file} ended"
                )
            )
    return findings
