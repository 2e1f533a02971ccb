"""Footage of a flight that was not flown: where the camera is, what its telemetry says of that.

A `TrueFlight` is where copter and camera really are. Pictures are drawn from there. What is
written down beside them is `recorded`: the same with the errors of satellite receiver, barometer,
compass and gimbal, whose sizes are stated in the manifest. Writing the files is the recorder's,
see `ops.made_footage`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.patrol_format import PatrolPoseSigma
from park.records import CameraPose, Intrinsics
from sim_data.camera.view import View
from sim_data.scenario.records import TruePosition
from sim_data.world.scene import PersonActor, Scene, VehicleActor

FloatArray = NDArray[np.float64]

TELEMETRY_HZ = 10.0
"""Rows of telemetry a second."""

LEAST_HEIGHT_M = 5.0
"""Nothing is recorded below this height: take-off and landing show the dock alone."""

POSITION_TAU_S = 40.0
HEIGHT_TAU_S = 60.0
ATTITUDE_TAU_S = 8.0


@dataclass(frozen=True, slots=True)
class SensorNoise:
    """How wrong recorded poses are: one standard deviation of each part.

    Errors are normal, and wander: those of the position with a time constant of 40 s, of the
    height of 60 s, of angles of 8 s (Gauss-Markov processes of first order, see Brown and Hwang,
    "Introduction to Random Signals and Applied Kalman Filtering", section 3.4). Video time and
    focal length are wrong by one value a flight.

    Attributes:
        horizontal_m: satellite position, per axis.
        vertical_m: barometer.
        yaw_deg: heading of the camera.
        pitch_deg: its pitch.
        roll_deg: its roll.
        time_s: between the times of video and telemetry.
        focal_share: of the focal length.
    """

    horizontal_m: float
    vertical_m: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    time_s: float
    focal_share: float

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise SimulationError(f"noise: {name} {value} is not zero or more")

    @property
    def pose_sigma(self) -> PatrolPoseSigma:
        """What a manifest says about it."""
        return PatrolPoseSigma(
            horizontal_m=self.horizontal_m,
            vertical_m=self.vertical_m,
            yaw_deg=self.yaw_deg,
            pitch_deg=self.pitch_deg,
            roll_deg=self.roll_deg,
        )


NOISES: Mapping[str, SensorNoise] = MappingProxyType(
    {
        "rtk": SensorNoise(0.05, 0.15, 0.5, 0.15, 0.15, 0.01, 0.002),
        "gnss": SensorNoise(1.5, 1.0, 1.5, 0.5, 0.5, 0.02, 0.005),
        "none": SensorNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    }
)
"""A receiver with corrections and a calibrated camera, a plain one, and no errors at all."""


def noise_named(name: str) -> SensorNoise:
    """Return one of `NOISES`.

    Raises:
        SimulationError: there is none of this name.
    """
    try:
        return NOISES[name]
    except KeyError:
        raise SimulationError(
            f"noise {name!r} is not known; there are {', '.join(NOISES)}"
        ) from None


@dataclass(frozen=True, slots=True, eq=False)
class TrueFlight:
    """Where copter and camera are, at `TELEMETRY_HZ` from take-off to touch-down.

    All arrays have the shape (N,). Angles are as in `park.patrol_format`, and headings may go on
    beyond 360 so that they do not jump.

    Attributes:
        start: of the first value.
        frame: origin of metres.
        takeoff_alt_amsl_m: altitude of the take-off point.
        east_m: of the frame.
        north_m: of the frame.
        alt_home_m: above take-off.
        yaw_deg: of the vehicle.
        pitch_deg: of the vehicle.
        roll_deg: of the vehicle.
        gimbal_yaw_deg: of the camera over ground.
        gimbal_pitch_deg: of the camera over ground.
        speed_mps: over ground.
    """

    start: datetime
    frame: LocalFrame
    takeoff_alt_amsl_m: float
    east_m: FloatArray
    north_m: FloatArray
    alt_home_m: FloatArray
    yaw_deg: FloatArray
    pitch_deg: FloatArray
    roll_deg: FloatArray
    gimbal_yaw_deg: FloatArray
    gimbal_pitch_deg: FloatArray
    speed_mps: FloatArray

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise SimulationError("the start of a flight has no time zone")
        if len(self.east_m) < 2:
            raise SimulationError("a flight of less than two readings is none")

    @property
    def duration_s(self) -> float:
        """From the first value to the last."""
        return (len(self.east_m) - 1) / TELEMETRY_HZ

    def time(self, index: int) -> datetime:
        """Return when a value holds."""
        return self.start + timedelta(seconds=index / TELEMETRY_HZ)

    def pose(self, seconds: float) -> CameraPose:
        """Return the pose of the camera at a time after the start, within the flight."""
        at = min(max(seconds, 0.0), self.duration_s) * TELEMETRY_HZ
        before = min(int(at), len(self.east_m) - 2)
        share = at - before

        def value(column: FloatArray) -> float:
            return float(column[before] + (column[before + 1] - column[before]) * share)

        lat_deg, lon_deg = self.frame.to_lat_lon(value(self.east_m), value(self.north_m))
        height_m = value(self.alt_home_m)
        return CameraPose(
            lat_deg,
            lon_deg,
            height_m,
            self.takeoff_alt_amsl_m + height_m,
            (value(self.gimbal_yaw_deg) + 180.0) % 360.0 - 180.0,
            value(self.gimbal_pitch_deg),
            0.0,
        )

    def picture_times_s(self, fps: float) -> FloatArray:
        """Return when pictures are taken, seconds after the start, k / fps.

        Raises:
            SimulationError: the rate is out of range, or the flight is too low for any.
        """
        if not 0.1 <= fps <= 60.0:
            raise SimulationError(f"fps {fps:g} is not between 0.1 and 60")
        times = np.arange(0, math.floor(self.duration_s * fps) + 1) / fps
        heights = np.interp(times, np.arange(len(self.alt_home_m)) / TELEMETRY_HZ, self.alt_home_m)
        times = times[heights >= LEAST_HEIGHT_M]
        if not len(times):
            raise SimulationError(f"the flight is nowhere above {LEAST_HEIGHT_M:g} m")
        return np.asarray(times, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What the telemetry of a flight says.

    Attributes:
        columns: float64 values by column of `park.patrol_format.TELEMETRY_SCHEMA`.
        times: of the rows, as the vehicle's clock has them.
        focal_scale: the true focal length over the one that is stated.
    """

    columns: Mapping[str, FloatArray]
    times: tuple[datetime, ...]
    focal_scale: float


def recorded(flight: TrueFlight, noise: SensorNoise, seed: int) -> Recorded:
    """Return what is recorded of a flight, the same for the same seed.

    Args:
        flight: where it really is.
        noise: how wrong the sensors are.
        seed: of the errors.
    """
    rng = np.random.default_rng([seed, 0x70A7])
    count = len(flight.east_m)

    def wander(sigma: float, tau_s: float) -> FloatArray:
        return sigma * gauss_markov(rng, count, tau_s * TELEMETRY_HZ)

    east_m = flight.east_m + wander(noise.horizontal_m, POSITION_TAU_S)
    north_m = flight.north_m + wander(noise.horizontal_m, POSITION_TAU_S)
    up_m = wander(noise.vertical_m, HEIGHT_TAU_S)
    turn_deg = wander(noise.yaw_deg, ATTITUDE_TAU_S)
    pitch_deg = wander(noise.pitch_deg, ATTITUDE_TAU_S)
    roll_deg = wander(noise.roll_deg, ATTITUDE_TAU_S)
    late = timedelta(seconds=noise.time_s * float(rng.standard_normal()))
    focal_scale = 1.0 + noise.focal_share * float(np.clip(rng.standard_normal(), -3.0, 3.0))
    lat_deg, lon_deg = flight.frame.to_lat_lon(east_m, north_m)
    columns = {
        "lat_deg": np.asarray(lat_deg),
        "lon_deg": np.asarray(lon_deg),
        "alt_home_m": flight.alt_home_m + up_m,
        "alt_amsl_m": flight.takeoff_alt_amsl_m + flight.alt_home_m + up_m,
        "yaw_deg": _round_half(flight.yaw_deg + turn_deg),
        "pitch_deg": flight.pitch_deg + pitch_deg,
        "roll_deg": flight.roll_deg + roll_deg,
        "gimbal_yaw_deg": _round_half(flight.gimbal_yaw_deg + turn_deg),
        "gimbal_pitch_deg": flight.gimbal_pitch_deg + pitch_deg,
        "gimbal_roll_deg": roll_deg,
        "speed_mps": flight.speed_mps,
    }
    times = tuple(flight.time(index) + late for index in range(count))
    return Recorded(columns, times, focal_scale)


def gauss_markov(rng: np.random.Generator, count: int, tau: float) -> FloatArray:
    """Return a stationary Gauss-Markov process of first order and unit variance.

    Args:
        rng: chance.
        count: how many values.
        tau: after so many values the correlation has fallen to 1/e.
    """
    from scipy.signal import lfilter

    keep = math.exp(-1.0 / tau)
    drive = rng.standard_normal(count) * math.sqrt(1.0 - keep * keep)
    drive[0] = rng.standard_normal()
    return np.asarray(lfilter([1.0], [1.0, -keep], drive), np.float64)


def _round_half(angles_deg: FloatArray) -> FloatArray:
    """Return angles between -180 and 180."""
    return np.asarray((angles_deg + 180.0) % 360.0 - 180.0, np.float64)


def true_lens(stated: Intrinsics, focal_scale: float) -> Intrinsics:
    """Return the lens that pictures are drawn with, where the stated one is a little wrong."""
    return replace(stated, fx_px=stated.fx_px * focal_scale, fy_px=stated.fy_px * focal_scale)


class Around(Protocol):
    """What goes on in a park: `sim_data.world.life.Life`."""

    def at(self, time: datetime, around: tuple[float, float, float] | None = None) -> Scene:
        """Return what is there within a radius of a place, metres of the world's frame."""
        ...


class Joining(Protocol):
    """Puts staged vehicles and people among others: `sim_data.scenario.Scenario`."""

    def joined(self, scene: Scene) -> Scene:
        """Return the scene with what is staged."""
        ...


def positions_in_view(
    frame: LocalFrame,
    life: Around,
    scenario: Joining | None,
    pose: CameraPose,
    lens: Intrinsics,
    time: datetime,
) -> tuple[TruePosition, ...]:
    """Return where vehicles and people in a picture really are; what hides them is not asked.

    Args:
        frame: of the park.
        life: of the park.
        scenario: what is staged; None for nothing.
        pose: of the camera.
        lens: of the camera.
        time: of the picture.
    """
    view = View.of(frame, pose, lens)
    ground = view.footprint(600.0)
    if not len(ground):
        return ()
    low, high = ground.min(axis=0), ground.max(axis=0)
    middle, radius = (low + high) / 2.0, float(np.hypot(*(high - low))) / 2.0 + 5.0
    scene = life.at(time, around=(float(middle[0]), float(middle[1]), radius))
    if scenario is not None:
        scene = scenario.joined(scene)
    actors: list[VehicleActor | PersonActor] = [*scene.vehicles, *scene.people]
    if not actors:
        return ()
    places = np.array([[actor.east_m, actor.north_m, 0.0] for actor in actors])
    pixels, depth = view.project(places)
    inside = (
        (depth > 1.0)
        & (pixels >= 0.0).all(axis=1)
        & (pixels[:, 0] <= lens.width_px)
        & (pixels[:, 1] <= lens.height_px)
    )
    return tuple(
        _position(frame, actors[index], time.astimezone(UTC)) for index in np.flatnonzero(inside)
    )


def _position(frame: LocalFrame, actor: VehicleActor | PersonActor, time: datetime) -> TruePosition:
    lat_deg, lon_deg = frame.to_lat_lon(actor.east_m, actor.north_m)
    kind = actor.kind.value if isinstance(actor, VehicleActor) else "person"
    return TruePosition(
        time, actor.actor_id, kind, lat_deg, lon_deg, actor.heading_deg, actor.speed_mps
    )


def each_picture(flight: TrueFlight, fps: float) -> Iterator[tuple[datetime, CameraPose]]:
    """Yield time and true pose of each picture of a flight.

    Raises:
        SimulationError: see `TrueFlight.picture_times_s`.
    """
    for seconds in flight.picture_times_s(fps):
        yield flight.start + timedelta(seconds=float(seconds)), flight.pose(float(seconds))
