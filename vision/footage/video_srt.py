"""Video with a telemetry file beside it: a camera pose for every sampled frame."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from park.errors import FootageError, RecordError
from park.records import CameraPose, Frame, PosedView, PoseSigma, Reject
from vision.footage import sigmas
from vision.footage.angles import interpolate_deg, normalize_attitude_deg
from vision.footage.lens import (
    EQUIVALENT_VIDEO_SIGMA,
    LensFacts,
    intrinsics_from_facts,
    rotated_clockwise,
)
from vision.footage.photos import resolve_height
from vision.footage.source import FootageOptions, FootageSource, refuse
from vision.footage.srt import MAX_SRT_BYTES, SrtSample, SrtTelemetry, parse_srt
from vision.footage.video import (
    VideoFacts,
    VideoFrame,
    VideoTrouble,
    frame_at,
    later,
    probe_video,
    sample_span,
    sample_video,
    start_time,
)

CLOCK_JUMP_S = 1.5


def read_srt(uri: str) -> SrtTelemetry:
    """Return the telemetry in a file.

    Args:
        uri: the file.

    Returns:
        Its usable blocks.

    Raises:
        FootageError: it cannot be read, is absurdly large, or has no usable line.
    """
    try:
        if Path(uri).stat().st_size > MAX_SRT_BYTES:
            raise FootageError(uri, f"telemetry is larger than {MAX_SRT_BYTES} bytes")
        content = Path(uri).read_bytes()
    except OSError as error:
        raise FootageError(uri, f"telemetry cannot be read: {error.strerror}") from None
    return parse_srt(content, uri)


class SrtVideo:
    """A video and its telemetry, opened.

    Args:
        source: of kind "video_srt".
        options: how to read.

    Raises:
        FootageError: the video or its telemetry cannot be used.
    """

    def __init__(self, source: FootageSource, options: FootageOptions) -> None:
        if source.sidecar is None:
            raise FootageError(source.uri, "has no telemetry file (.SRT) that goes with it")
        self._uri = source.files[0]
        self._patrol_id = source.patrol_id
        self._options = options
        self._telemetry = read_srt(source.sidecar)
        self._starts_s = [sample.start_s for sample in self._telemetry.samples]
        self._facts = probe_video(self._uri, options)
        self._clock = _Clock(self._telemetry, options, self._uri, self._facts)

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

    def _frame(self, picture: VideoFrame) -> Frame:
        view, assumptions = self._view(picture)
        if not picture.timed:
            assumptions += ("no time stamps in the video, frames counted",)
        return Frame(
            picture=picture.picture,
            time=self._clock.at(picture.time_s),
            view=view,
            source_uri=self._uri,
            source_time_s=picture.time_s,
            patrol_id=self._patrol_id,
            assumptions=self._telemetry.notes + self._clock.assumptions + assumptions,
        )

    def _view(self, picture: VideoFrame) -> tuple[PosedView | None, tuple[str, ...]]:
        sample = self._sample_at(picture.time_s)
        if sample is None:
            gap_s = self._options.max_telemetry_gap_s
            return None, (f"no telemetry within {gap_s:g} s of the frame, so no position",)
        width_px, height_px = picture.picture.width_px, picture.picture.height_px
        if picture.quarter_turns % 2:
            height_px, width_px = width_px, height_px
        facts = LensFacts(focal_35mm=sample.focal_35mm, digital_zoom=sample.digital_zoom)
        lens, assumptions = intrinsics_from_facts(
            width_px, height_px, facts, self._options.hfov_deg
        )
        if sample.focal_35mm is not None:
            lens = replace(lens, focal_sigma=max(lens.focal_sigma, EQUIVALENT_VIDEO_SIGMA))
        lens = rotated_clockwise(lens, picture.quarter_turns)
        height_m, height_sigma_m, height_assumptions = resolve_height(
            sample.alt_home_m, sample.alt_amsl_m, self._options
        )
        pose, sigma, angle_assumptions = self._pose(sample, height_m, height_sigma_m)
        return PosedView(lens, pose, sigma), assumptions + height_assumptions + angle_assumptions

    def _pose(
        self, sample: SrtSample, height_m: float, height_sigma_m: float
    ) -> tuple[CameraPose, PoseSigma, tuple[str, ...]]:
        coarse = self._telemetry.position_step_deg > 0.5e-4
        horizontal_m = sigmas.COARSE_DIGITS_HORIZONTAL_M if coarse else sigmas.GNSS_HORIZONTAL_M
        yaw, pitch, roll = (
            sample.gimbal_yaw_deg,
            sample.gimbal_pitch_deg,
            sample.gimbal_roll_deg,
        )
        if yaw is None or pitch is None:
            attitude = (0.0, -90.0, 0.0)
            sigma = sigmas.straight_down_sigma(horizontal_m, height_sigma_m)
            assumptions: tuple[str, ...] = (
                "no camera angles recorded, straight down assumed, heading unknown",
            )
        else:
            attitude = normalize_attitude_deg(yaw, pitch, roll or 0.0)
            tilt = sigmas.GIMBAL_TILT_DEG
            sigma = PoseSigma(horizontal_m, height_sigma_m, sigmas.GIMBAL_YAW_DEG, tilt, tilt)
            assumptions = ()
        try:
            pose = CameraPose(
                sample.lat_deg, sample.lon_deg, height_m, sample.alt_amsl_m, *attitude
            )
        except RecordError as error:
            raise FootageError(self._uri, f"telemetry is impossible: {error}") from None
        return pose, sigma, assumptions

    def _sample_at(self, time_s: float) -> SrtSample | None:
        """Return the telemetry at a time, interpolated; None in a gap."""
        samples = self._telemetry.samples
        gap_s = self._options.max_telemetry_gap_s
        after = bisect.bisect_right(self._starts_s, time_s)
        before = samples[after - 1] if after else None
        following = samples[after] if after < len(samples) else None
        if before is None:
            near = following is not None and following.start_s - time_s <= gap_s
            return following if near else None
        if following is None or following.start_s - before.start_s > gap_s:
            if time_s - max(before.start_s, before.end_s) <= gap_s / 2:
                return before
            near = following is not None and following.start_s - time_s <= gap_s / 2
            return following if near else None
        span_s = following.start_s - before.start_s
        return _between(before, following, (time_s - before.start_s) / span_s if span_s else 0.0)


class _Clock:
    """Turns video time into time of day."""

    def __init__(
        self, telemetry: SrtTelemetry, options: FootageOptions, uri: str, facts: VideoFacts
    ) -> None:
        self._zone = options.time_zone
        self._clocked = [s for s in telemetry.samples if s.local_time is not None]
        self._starts_s = [s.start_s for s in self._clocked]
        self._base: datetime | None = None
        self.assumptions: tuple[str, ...]
        if not self._clocked:
            self._base, assumption = start_time(uri, facts)
            self.assumptions = ("no clock in the telemetry: " + assumption,)
            return
        self.assumptions = (f"telemetry clock without offset, taken as {self._zone.key} time",)
        bases = [self._base_of(sample) for sample in self._clocked]
        middle = datetime.fromtimestamp(median(base.timestamp() for base in bases), UTC)
        if all(abs((base - middle).total_seconds()) <= CLOCK_JUMP_S for base in bases):
            self._base = middle.astimezone(self._zone)
        else:
            self.assumptions += ("the telemetry clock jumps; each frame has that of its block",)

    def _base_of(self, sample: SrtSample) -> datetime:
        local = sample.local_time
        if local is None:
            raise FootageError("telemetry", "a block without clock was asked for its time")
        aware = local.replace(tzinfo=self._zone).astimezone(UTC)
        return aware - timedelta(seconds=sample.start_s)

    def at(self, time_s: float) -> datetime:
        """Return the time of day at `time_s` seconds of the video."""
        base = self._base
        if base is None:
            index = max(0, bisect.bisect_right(self._starts_s, time_s) - 1)
            base = self._base_of(self._clocked[index])
        return later(base, time_s)


def _between(before: SrtSample, after: SrtSample, fraction: float) -> SrtSample:
    def linear(start: float | None, end: float | None) -> float | None:
        return start if start is None or end is None else start + (end - start) * fraction

    def angle(start: float | None, end: float | None) -> float | None:
        return start if start is None or end is None else interpolate_deg(start, end, fraction)

    return replace(
        before,
        lat_deg=before.lat_deg + (after.lat_deg - before.lat_deg) * fraction,
        lon_deg=interpolate_deg(before.lon_deg, after.lon_deg, fraction),
        alt_home_m=linear(before.alt_home_m, after.alt_home_m),
        alt_amsl_m=linear(before.alt_amsl_m, after.alt_amsl_m),
        gimbal_yaw_deg=angle(before.gimbal_yaw_deg, after.gimbal_yaw_deg),
        gimbal_pitch_deg=angle(before.gimbal_pitch_deg, after.gimbal_pitch_deg),
        gimbal_roll_deg=angle(before.gimbal_roll_deg, after.gimbal_roll_deg),
    )
