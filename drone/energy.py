"""How long a flight takes and what it draws from the battery, with wind.

Power in level flight is that of a rotary wing (Zeng, Xu, Zhang, "Energy minimization for wireless
communication with rotary-wing UAV", IEEE Transactions on Wireless Communications, 2019, eq. 12)::

    P(v) = P0 (1 + 3 v²/u²) + Pi (sqrt(1 + v⁴/4w⁴) - v²/2w²)^½ + ½ rho F v³

with the blade profile power P0 and the induced power Pi of the hover, blade tip speed u, induced
velocity w of the hover, and drag area F. Straight up, the induced part grows to
``Pi (c/2w + sqrt((c/2w)² + 1))`` (momentum theory: Leishman, "Principles of Helicopter
Aerodynamics", 2nd edition, section 2.13). What is known of a patrol's vehicle is its power to
hover; the rest is that of a copter of 4 to 6 kg. Two savings are real but not counted on: less
than hover power at moderate speed, and less than hover power on the way down. Power is therefore
never below that of the hover, and never falls with speed through the air.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np

from drone.records import Vehicle, Wind
from park.errors import RouteError
from park.geodesy import FloatArray

PROFILE_SHARE = 0.47
"""Blade profile power against hover power, in the paper's example."""
TIP_SPEED_MPS = 120.0
"""Speed of the blade tips."""
INDUCED_MPS = 5.0
"""Induced velocity of the hover."""
DRAG_AREA_M2 = 0.06
"""Drag coefficient times frontal area, body, legs and camera together."""
AIR_KG_M3 = 1.225
"""Density of air at sea level, 15 degrees."""

FINAL_DESCENT_M = 10.0
"""ArduCopter sinks at LAND_SPEED below this height (LAND_ALT_LOW)."""
FINAL_DESCENT_MPS = 0.5
"""ArduCopter's LAND_SPEED."""
OVERHEAD_S = 10.0
"""Motors running on the ground, and waiting above home (RTL_LOIT_TIME), at hover power."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a part of a flight takes.

    Attributes:
        seconds: time.
        wh: energy.
    """

    seconds: float = 0.0
    wh: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.wh + other.wh)


@dataclass(frozen=True, slots=True)
class EnergyModel:
    """Time and energy of legs, climbs, hovering, and the way home.

    Attributes:
        vehicle: what flies.
        wind: the same everywhere.

    Raises:
        RouteError: the wind is more than the vehicle may fly in.
    """

    vehicle: Vehicle
    wind: Wind

    def __post_init__(self) -> None:
        if self.wind.speed_mps > self.vehicle.max_wind_mps:
            raise RouteError(
                f"wind of {self.wind.speed_mps:g} m/s is "
                f"{self.wind.speed_mps - self.vehicle.max_wind_mps:.1f} m/s more than the vehicle "
                f"may fly in ({self.vehicle.max_wind_mps:g} m/s); wait for it to drop"
            )
        slowest = self.vehicle.max_mps - self.wind.speed_mps
        if slowest < 1.0:
            raise RouteError(
                f"against wind of {self.wind.speed_mps:g} m/s a vehicle that does "
                f"{self.vehicle.max_mps:g} m/s through the air hardly moves; wait for it to drop"
            )

    @property
    def budget_wh(self) -> float:
        """Energy that a sortie may take: the battery without its reserve."""
        return self.vehicle.battery_wh * (1.0 - self.vehicle.reserve)

    @property
    def wind_en_mps(self) -> tuple[float, float]:
        """Where the air moves: east and north."""
        towards = math.radians(self.wind.from_deg + 180.0)
        return self.wind.speed_mps * math.sin(towards), self.wind.speed_mps * math.cos(towards)

    @overload
    def power_w(self, airspeed_mps: float) -> float: ...
    @overload
    def power_w(self, airspeed_mps: FloatArray) -> FloatArray: ...
    def power_w(self, airspeed_mps: float | FloatArray) -> float | FloatArray:
        """Return the power of level flight at a speed through the air, hover or more."""
        v = np.asarray(airspeed_mps, float)
        hover = self.vehicle.hover_w
        profile = hover * PROFILE_SHARE * (1.0 + 3.0 * v**2 / TIP_SPEED_MPS**2)
        ratio = v**2 / (2.0 * INDUCED_MPS**2)
        # sqrt(1 + r²) - r, written so that it does not cancel at high speed.
        induced = hover * (1.0 - PROFILE_SHARE) * np.sqrt(1.0 / (np.sqrt(1.0 + ratio**2) + ratio))
        parasite = 0.5 * AIR_KG_M3 * DRAG_AREA_M2 * v**3
        power = np.maximum(hover, profile + induced + parasite)
        return float(power) if np.isscalar(airspeed_mps) else np.asarray(power)

    @property
    def climb_extra_w(self) -> float:
        """Power that climbing at the vehicle's rate takes on top of level flight."""
        ratio = self.vehicle.climb_mps / (2.0 * INDUCED_MPS)
        induced = self.vehicle.hover_w * (1.0 - PROFILE_SHARE)
        return induced * (ratio + math.hypot(ratio, 1.0) - 1.0)

    def reachable_mps(
        self, east_m: FloatArray, north_m: FloatArray, wanted_mps: float
    ) -> FloatArray:
        """Return speeds over ground on courses: as wanted, or what the wind leaves.

        Args:
            east_m: of each leg, any shape; legs without length hold the wanted speed.
            north_m: likewise.
            wanted_mps: speed over ground.
        """
        along, across = self._wind_on(np.asarray(east_m, float), np.asarray(north_m, float))
        fastest = along + np.sqrt(np.maximum(self.vehicle.max_mps**2 - across**2, 0.0))
        return np.minimum(wanted_mps, fastest)

    def need_speed(self, east_m: FloatArray, north_m: FloatArray, speed_mps: float) -> None:
        """Check that a speed over ground can be held on all courses.

        Raises:
            RouteError: the wind is too strong for it; the message says what could be held.
        """
        can = self.reachable_mps(east_m, north_m, speed_mps)
        if can.size and can.min() < speed_mps - 1e-6:
            raise RouteError(
                f"{speed_mps:g} m/s over ground against wind of {self.wind.speed_mps:g} m/s from "
                f"{self.wind.from_deg:.0f} degrees is {speed_mps - can.min():.1f} m/s too fast for "
                f"a vehicle that does {self.vehicle.max_mps:g} m/s through the air; set speed_mps "
                f"to {math.floor(can.min() * 10.0) / 10.0:g} or less, or wait for the wind to drop"
            )

    def legs(
        self, moves: FloatArray, speed_mps: float | FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return seconds and watt-hours of straight legs.

        A leg takes as long as its ground distance at its speed, or its climb or descent at the
        vehicle's rates, whichever is longer: ArduCopter slows down for steep legs.

        Args:
            moves: shape (N, 3): east, north, up, metres.
            speed_mps: over ground; slowed to what the wind allows.

        Returns:
            Each of shape (N,).
        """
        east, north, up = moves[:, 0], moves[:, 1], moves[:, 2]
        distance = np.hypot(east, north)
        speed = np.minimum(self.reachable_mps(east, north, np.inf), speed_mps)
        rising = np.maximum(up, 0.0) / self.vehicle.climb_mps
        sinking = np.maximum(-up, 0.0) / self.vehicle.descent_mps
        seconds = np.maximum(distance / speed, rising + sinking)
        over_ground = np.divide(distance, seconds, out=np.zeros_like(distance), where=seconds > 0)
        along, across = self._wind_on(east, north)
        airspeed = np.hypot(over_ground - along, across)
        joules = self.power_w(airspeed) * seconds + self.climb_extra_w * rising
        return seconds, joules / 3600.0

    def leg_wh(self, east_m: float, north_m: float, up_m: float, speed_mps: float) -> float:
        """Return the energy of one straight leg."""
        return float(self.legs(np.array([[east_m, north_m, up_m]]), speed_mps)[1][0])

    def climb_wh(self, up_m: float) -> float:
        """Return the energy of going straight up, or down where it is below zero."""
        return self.leg_wh(0.0, 0.0, up_m, 1.0)

    def hover(self, seconds: float) -> Spent:
        """Return what staying in one place against the wind takes."""
        return Spent(seconds, self.power_w(self.wind.speed_mps) * seconds / 3600.0)

    def profile(
        self, line: FloatArray, speeds_mps: FloatArray, holds_s: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return seconds and watt-hours spent on reaching and holding at each point of a line.

        Slowing down is counted at every point: where a leg turns by an angle a it takes ``v /
        acceleration * sin²(a/2)`` seconds more than going straight on, nothing at none and a full
        stop and start at a turn back. Straight up or down counts as a right angle.

        Args:
            line: shape (N, 3): east, north, z; the first point is where it begins, standing.
            speeds_mps: shape (N,): over ground on the leg that ends at each point.
            holds_s: shape (N,): waiting at each point.

        Returns:
            Each of shape (N,), from zero, hold of the point itself included.
        """
        seconds, wh = np.zeros(len(line)), np.zeros(len(line))
        if len(line) > 1:
            moves = np.diff(line, axis=0)
            seconds[1:], wh[1:] = self.legs(moves, speeds_mps[1:])
            still = holds_s.copy()
            level = np.hypot(moves[:, 0], moves[:, 1])
            units = moves[:, :2] / np.where(level > 0.0, level, 1.0)[:, None]
            cosines = np.sum(units[1:] * units[:-1], axis=1)
            faster = np.maximum(speeds_mps[1:-1], speeds_mps[2:])
            still[1:-1] += (1.0 - cosines) / 2.0 * faster / self.vehicle.accel_mps2
            # Half a stop each at the start and the end.
            still[[0, -1]] += 0.5 * speeds_mps[[1, -1]] / self.vehicle.accel_mps2
        else:
            still = holds_s
        seconds = np.cumsum(seconds + still)
        wh = np.cumsum(wh + still * self.power_w(self.wind.speed_mps) / 3600.0)
        return seconds, wh

    def flown(self, line: FloatArray, speed_mps: float) -> Spent:
        """Return what flying a line of points (N, 3) at one speed takes."""
        seconds, wh = self.profile(line, np.full(len(line), speed_mps), np.zeros(len(line)))
        return Spent(float(seconds[-1]), float(wh[-1]))

    def take_off(self, up_m: float) -> Spent:
        """Return what taking off and climbing straight to a height above home takes."""
        seconds, wh = self.legs(np.array([[0.0, 0.0, up_m]]), 1.0)
        return Spent(float(seconds[0]), float(wh[0])) + self.hover(OVERHEAD_S / 2.0)

    def landing(self, down_m: float) -> Spent:
        """Return what sinking from a height above home and landing takes."""
        return self.hover(float(landing_s(self.vehicle, np.array([down_m]))[0]))

    def _wind_on(self, east: FloatArray, north: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return tail wind and cross wind on courses."""
        wind_e, wind_n = self.wind_en_mps
        length = np.hypot(east, north)
        safe = np.where(length > 0, length, 1.0)
        along = (wind_e * east + wind_n * north) / safe
        across = (wind_e * north - wind_n * east) / safe
        # A leg without a course stands against all of the wind.
        still = length <= 0
        return np.where(still, 0.0, along), np.where(still, self.wind.speed_mps, across)


def landing_s(vehicle: Vehicle, down_m: FloatArray) -> FloatArray:
    """Return how long waiting above home, sinking and landing takes, seconds."""
    slow = np.minimum(down_m, FINAL_DESCENT_M) / FINAL_DESCENT_MPS
    fast = np.maximum(down_m - FINAL_DESCENT_M, 0.0) / vehicle.descent_mps
    return slow + fast + OVERHEAD_S / 2.0


def way_home_wh(
    model: EnergyModel, places: FloatArray, home: FloatArray, return_z_m: float
) -> FloatArray:
    """Return what the vehicle's own return takes from places: up, straight home, down.

    ArduCopter's RTL climbs where it is to RTL_ALT unless it is higher already, flies straight,
    and lands.

    Args:
        model: of the vehicle and the wind.
        places: shape (N, 3): east, north, z.
        home: shape (3,): where it lands; z is the ground.
        return_z_m: RTL_ALT, in the same datum as z.

    Returns:
        Shape (N,), watt-hours.
    """
    height = np.maximum(places[:, 2], return_z_m)
    nothing = np.zeros(len(places))
    _, climb = model.legs(np.column_stack([nothing, nothing, height - places[:, 2]]), 1.0)
    across = np.column_stack([home[:2] - places[:, :2], nothing])
    _, level = model.legs(across, model.vehicle.cruise_mps)
    stop = model.hover(2.0 * model.vehicle.cruise_mps / model.vehicle.accel_mps2).wh
    down = landing_s(model.vehicle, np.maximum(height - home[2], 0.0))
    return climb + level + stop + down * model.power_w(model.wind.speed_mps) / 3600.0
