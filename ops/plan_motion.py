"""Where a copter is at each instant that flies a planned sortie, without one that flies it.

Straight legs at the plan's speeds, with the vehicle's acceleration: it slows down for corners to
what is left of its speed along the new leg, and stands where it holds. Climb and descent are at
the vehicle's rates, the last metres at ArduCopter's landing speed. The vehicle turns into the leg
at 60 degrees a second, the camera to its pitch at 30; where something is to be looked at, the
camera is kept on it. There is no wind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from drone.energy import FINAL_DESCENT_M, FINAL_DESCENT_MPS
from drone.records import Sortie, Vehicle, Waypoint
from park.geodesy import LocalFrame
from sim_data.patrol_footage import TELEMETRY_HZ, TrueFlight

FloatArray = NDArray[np.float64]

_YAW_DEG_PER_S = 60.0
_GIMBAL_DEG_PER_S = 30.0
_LEAST_LEG_M = 0.05
_G_MPS2 = 9.81
_DRAG_DEG_PER_MPS = 0.6
"""A copter leans into its own wind by about this much."""


@dataclass(frozen=True, slots=True)
class _Leg:
    """One straight leg, and the stay at its end.

    Attributes:
        start_m: east, north, height.
        move_m: to its end.
        speed_mps: along it, at most.
        hold_s: at its end.
        towards: the waypoint at its end; None for climb and descent.
    """

    start_m: FloatArray
    move_m: FloatArray
    speed_mps: float
    hold_s: float
    towards: Waypoint | None

    @property
    def length_m(self) -> float:
        return float(np.linalg.norm(self.move_m))

    @property
    def level_m(self) -> float:
        return float(np.hypot(self.move_m[0], self.move_m[1]))


def fly(sortie: Sortie, vehicle: Vehicle, frame: LocalFrame, start: datetime) -> TrueFlight:
    """Return where copter and camera are through a sortie.

    Args:
        sortie: of a plan.
        vehicle: speeds of climb and descent, and acceleration.
        frame: of the park.
        start: of the take-off.
    """
    legs = _legs(sortie, vehicle, frame)
    times, places, leg_of = _along(legs, vehicle.accel_mps2)
    step = 1.0 / TELEMETRY_HZ
    grid = np.arange(0.0, times[-1] + step, step)
    place = np.column_stack([np.interp(grid, times, places[:, axis]) for axis in range(3)])
    leg_at = leg_of[np.searchsorted(times, grid, side="left").clip(0, len(times) - 1)]
    velocity = np.gradient(place, step, axis=0)
    yaw = _follow(_headings(legs)[leg_at], _YAW_DEG_PER_S * step)
    gimbal_yaw, gimbal_pitch = _camera(legs, leg_at, place, yaw, frame)
    pitch, roll = _leaning(velocity, yaw, step)
    return TrueFlight(
        start=start,
        frame=frame,
        takeoff_alt_amsl_m=sortie.home.alt_amsl_m or 0.0,
        east_m=place[:, 0],
        north_m=place[:, 1],
        alt_home_m=place[:, 2],
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        gimbal_yaw_deg=gimbal_yaw,
        gimbal_pitch_deg=gimbal_pitch,
        speed_mps=np.hypot(velocity[:, 0], velocity[:, 1]),
    )


def _legs(sortie: Sortie, vehicle: Vehicle, frame: LocalFrame) -> list[_Leg]:
    home = frame.to_en_m(sortie.home.lat_deg, sortie.home.lon_deg)
    here = np.array([*home, 0.0])
    legs: list[_Leg] = []

    def go(there: FloatArray, speed_mps: float, hold_s: float, towards: Waypoint | None) -> None:
        nonlocal here
        move = there - here
        length = float(np.linalg.norm(move))
        if length > _LEAST_LEG_M or hold_s > 0.0 or towards is not None:
            rate = vehicle.climb_mps if move[2] > 0.0 else vehicle.descent_mps
            steep = abs(move[2]) / length if length > 0.0 else 0.0
            # The plan's speed is over ground; a steep leg is as slow as it climbs.
            level = math.sqrt(max(1e-9, 1.0 - steep * steep))
            along = min(speed_mps / level, rate / steep if steep > 1e-6 else math.inf)
            legs.append(_Leg(here, move, along, hold_s, towards))
            here = there

    go(np.array([*home, sortie.takeoff_alt_home_m]), vehicle.climb_mps, 0.0, None)
    for point in sortie.waypoints:
        place = np.array([*frame.to_en_m(point.lat_deg, point.lon_deg), point.alt_home_m])
        go(place, point.speed_mps, point.hold_s, point)
    slow = min(FINAL_DESCENT_M, float(here[2]))
    go(np.array([here[0], here[1], slow]), vehicle.descent_mps, 0.0, None)
    go(np.array([here[0], here[1], 0.0]), FINAL_DESCENT_MPS, 0.0, None)
    return legs


def _corner_speeds(legs: list[_Leg], accel_mps2: float) -> list[float]:
    """Return the speed at the start of each leg and the end of the last, N + 1 values."""
    count = len(legs)
    speeds = [0.0] * (count + 1)
    for index in range(1, count):
        before, after = legs[index - 1], legs[index]
        if before.hold_s > 0.0 or min(before.length_m, after.length_m) < _LEAST_LEG_M:
            continue
        cosine = float(before.move_m @ after.move_m) / (before.length_m * after.length_m)
        speeds[index] = min(before.speed_mps, after.speed_mps) * max(0.0, cosine)
    for index in range(count):
        reach = math.sqrt(speeds[index] ** 2 + 2.0 * accel_mps2 * legs[index].length_m)
        speeds[index + 1] = min(speeds[index + 1], reach)
    for index in range(count - 1, -1, -1):
        reach = math.sqrt(speeds[index + 1] ** 2 + 2.0 * accel_mps2 * legs[index].length_m)
        speeds[index] = min(speeds[index], reach)
    return speeds


def _along(legs: list[_Leg], accel_mps2: float) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Return times, places (N, 3) and the leg of each, dense enough to interpolate between."""
    speeds = _corner_speeds(legs, accel_mps2)
    now = 0.0
    times, places, numbers = [0.0], [legs[0].start_m], [0]
    for number, leg in enumerate(legs):
        at_s, done_m = _profile(
            leg.length_m, leg.speed_mps, speeds[number], speeds[number + 1], accel_mps2
        )
        for second, done in zip(at_s[1:], done_m[1:], strict=True):
            times.append(now + second)
            places.append(leg.start_m + leg.move_m * (done / max(leg.length_m, 1e-9)))
            numbers.append(number)
        now = times[-1]
        if leg.hold_s > 0.0:
            now += leg.hold_s
            times.append(now)
            places.append(leg.start_m + leg.move_m)
            numbers.append(number)
    return np.array(times), np.array(places), np.array(numbers, np.int64)


def _profile(
    length_m: float, top_mps: float, first_mps: float, last_mps: float, accel_mps2: float
) -> tuple[FloatArray, FloatArray]:
    """Return times and distances along a leg with a trapezoid of speed, about every 0.1 s."""
    if length_m < _LEAST_LEG_M:
        return np.array([0.0]), np.array([0.0])
    a = accel_mps2
    top = min(top_mps, math.sqrt((2.0 * a * length_m + first_mps**2 + last_mps**2) / 2.0))
    top = max(top, first_mps, last_mps)
    up_s, down_s = (top - first_mps) / a, (top - last_mps) / a
    up_m = (first_mps + top) / 2.0 * up_s
    down_m = (last_mps + top) / 2.0 * down_s
    level_s = max(0.0, length_m - up_m - down_m) / top
    total = up_s + level_s + down_s
    t = np.linspace(0.0, total, max(2, math.ceil(total * TELEMETRY_HZ) + 1))
    rising = np.minimum(t, up_s)
    falling = np.maximum(t - up_s - level_s, 0.0)
    level = np.clip(t - up_s, 0.0, level_s)
    done = first_mps * rising + 0.5 * a * rising**2 + top * level
    done += top * falling - 0.5 * a * falling**2
    return t, np.minimum(done * (length_m / max(float(done[-1]), 1e-9)), length_m)


def _headings(legs: list[_Leg]) -> FloatArray:
    """Return where the vehicle points on each leg; upright legs keep the heading before."""
    level = [leg for leg in legs if leg.level_m > 0.5]
    heading = _heading(level[0]) if level else 0.0
    found = []
    for leg in legs:
        if leg.level_m > 0.5:
            heading = _heading(leg)
        found.append(heading)
    return np.array(found)


def _heading(leg: _Leg) -> float:
    return math.degrees(math.atan2(leg.move_m[0], leg.move_m[1]))


def _follow(wanted_deg: FloatArray, most_deg: float) -> FloatArray:
    """Return angles that go after the wanted ones the short way, at most so much a step."""
    found = np.empty(len(wanted_deg))
    angle = float(wanted_deg[0])
    for index, wanted in enumerate(wanted_deg):
        apart = (float(wanted) - angle + 180.0) % 360.0 - 180.0
        angle += min(max(apart, -most_deg), most_deg)
        found[index] = angle
    return found


def _camera(
    legs: list[_Leg], leg_at: NDArray[np.int64], place: FloatArray, yaw: FloatArray,
    frame: LocalFrame,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Return heading and pitch of the camera: what a waypoint says holds from there on."""
    told = [leg.towards.gimbal_pitch_deg for leg in legs if leg.towards is not None]
    pitch = next((value for value in told if value is not None), -90.0)
    look: tuple[float, float] | None = None
    pitches, looks = [], []
    for index, leg in enumerate(legs):
        pitches.append(pitch)
        looks.append(look)
        # A waypoint is reached at the end of its leg, and its stay is already looked from there.
        if leg.towards is not None:
            pitch = pitch if leg.towards.gimbal_pitch_deg is None else leg.towards.gimbal_pitch_deg
            look = leg.towards.look_at
            if leg.hold_s > 0.0:
                looks[index] = look
    wanted_yaw, wanted_pitch = yaw.copy(), np.array(pitches)[leg_at]
    for number, at in enumerate(looks):
        rows = np.flatnonzero(leg_at == number)
        if at is None or not len(rows):
            continue
        east_m, north_m = frame.to_en_m(*at)
        apart = np.array([east_m, north_m]) - place[rows, :2]
        far = np.hypot(apart[:, 0], apart[:, 1])
        wanted_yaw[rows] = np.degrees(np.arctan2(apart[:, 0], apart[:, 1]))
        wanted_pitch[rows] = -np.degrees(np.arctan2(place[rows, 2], np.maximum(far, 0.1)))
    step = 1.0 / TELEMETRY_HZ
    return (
        _follow(wanted_yaw, _YAW_DEG_PER_S * step),
        _follow(wanted_pitch, _GIMBAL_DEG_PER_S * step),
    )


def _leaning(
    velocity: FloatArray, yaw_deg: FloatArray, step: float
) -> tuple[FloatArray, FloatArray]:
    """Return pitch and roll of the vehicle, from its acceleration and its speed."""
    acceleration = np.gradient(velocity, step, axis=0)
    yaw = np.radians(yaw_deg)
    ahead = np.column_stack([np.sin(yaw), np.cos(yaw)])
    right = np.column_stack([np.cos(yaw), -np.sin(yaw)])

    def lean(axis: FloatArray) -> FloatArray:
        push = np.degrees(np.arctan(np.sum(acceleration[:, :2] * axis, axis=1) / _G_MPS2))
        drag = _DRAG_DEG_PER_MPS * np.sum(velocity[:, :2] * axis, axis=1)
        return np.asarray(np.clip(push + drag, -35.0, 35.0), np.float64)

    return -lean(ahead), lean(right)
