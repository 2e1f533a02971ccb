"""How the simulated copter moves: thrust, drag, wind and the ground.

The frame is metres east, north and up from where it was switched on. The vehicle is a point with
a lean: its thrust is tilted to accelerate and to stand against the wind, at most by ANGLE_MAX.
Drag is that of the body, ``½ rho F v²`` of the speed through the air, and that of turning
rotors, which grows with the speed itself. An autopilot does not know drag; it learns it
with a delay of `DRAG_LEARNT_S`, so a gust really carries the vehicle off before it is corrected.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from sim_data.copter.state import SimulatedWind

GRAVITY = 9.80665
MASS_KG = 5.0
AIR_KG_M3 = 1.225
DRAG_AREA_M2 = 0.06
"""Drag coefficient times frontal area, in level flight."""
FLAT_DRAG_AREA_M2 = 0.2
"""The same when it falls flat."""
HOVER_THROTTLE = 0.39
"""Share of full thrust that holds it in the air: ArduCopter's MOT_THST_HOVER for its simulator."""
ROTOR_DRAG_PER_S = 0.12
"""Deceleration by the rotors' drag, per speed through the air."""
DRAG_LEARNT_S = 0.8
VELOCITY_GAIN = 2.0
CLIMB_GAIN = 3.0
JERK_MPS3 = 8.0
CRASH_MPS = 4.0
"""Hitting the ground faster than this breaks it."""
LEVEL_SHARE = 0.3
"""With less of one motor's thrust than this it cannot be held level."""

_DRAG = 0.5 * AIR_KG_M3 * DRAG_AREA_M2 / MASS_KG
_FLAT_DRAG = 0.5 * AIR_KG_M3 * FLAT_DRAG_AREA_M2 / MASS_KG
_YAW_ACCEL_DPS2 = 180.0
_TUMBLE_DPS = 140.0


@dataclass(slots=True)
class Demand:
    """What the autopilot asks of the motors in one step.

    Attributes:
        ve: velocity east, m/s; as `vn` and `vu`, north and up.
        vn: see `ve`.
        vu: see `ve`.
        accel_xy: level acceleration allowed, m/s².
        accel_z: upright acceleration allowed, m/s².
        free: whether it leans by `roll_deg` and `pitch_deg` instead of holding `ve` and `vn`.
        roll_deg: wanted lean to the right.
        pitch_deg: wanted lean, nose up.
        thrust: share of full thrust, where the pilot's stick gives it; None to hold `vu`.
        yaw_deg: wanted heading; None to turn at `yaw_rate_dps`.
        yaw_rate_dps: see `yaw_deg`.
        motors: whether they may lift.
    """

    ve: float = 0.0
    vn: float = 0.0
    vu: float = 0.0
    accel_xy: float = 2.5
    accel_z: float = 1.0
    free: bool = False
    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    thrust: float | None = None
    yaw_deg: float | None = None
    yaw_rate_dps: float = 0.0
    motors: bool = False


class WindField:
    """Steady wind, gusts that come and go, and gusts that are injected.

    Gusts are Ornstein-Uhlenbeck processes along east and north with a time constant of 4 s.

    Args:
        rng: where gusts come from.
    """

    TIME_CONSTANT_S = 4.0

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.east_mps = 0.0
        self.north_mps = 0.0
        self._gust_e = self._gust_n = 0.0
        self._extra_e = self._extra_n = 0.0

    def update(self, dt_s: float, wind: SimulatedWind, extra: tuple[float, float]) -> None:
        """Let `dt_s` pass; `extra` is the injected gust, where it blows to, east and north."""
        if wind.gusts_mps > 0.0:
            keep = math.exp(-dt_s / self.TIME_CONSTANT_S)
            sigma = wind.gusts_mps * math.sqrt(1.0 - keep * keep)
            self._gust_e = keep * self._gust_e + self._rng.gauss(0.0, sigma)
            self._gust_n = keep * self._gust_n + self._rng.gauss(0.0, sigma)
        else:
            self._gust_e = self._gust_n = 0.0
        rise = min(1.0, dt_s / 0.5)
        self._extra_e += (extra[0] - self._extra_e) * rise
        self._extra_n += (extra[1] - self._extra_n) * rise
        east, north = blows_to(wind.speed_mps, wind.from_deg)
        self.east_mps = east + self._gust_e + self._extra_e
        self.north_mps = north + self._gust_n + self._extra_n


def blows_to(speed_mps: float, from_deg: float) -> tuple[float, float]:
    """Return where the air moves, east and north, for wind that comes from a direction."""
    towards = math.radians(from_deg + 180.0)
    return speed_mps * math.sin(towards), speed_mps * math.cos(towards)


def wrap_deg(angle_deg: float) -> float:
    """Return the same direction between -180 and 180."""
    return (angle_deg + 180.0) % 360.0 - 180.0


class Body:
    """Where the vehicle is and how it moves.

    Args:
        yaw_deg: where its nose points at first.
    """

    def __init__(self, yaw_deg: float) -> None:
        self.east = self.north = self.up = 0.0
        self.ve = self.vn = self.vu = 0.0
        self.ae = self.an = self.au = 0.0
        self.roll = self.pitch = 0.0
        self.yaw = yaw_deg % 360.0
        self.roll_rate = self.pitch_rate = self.yaw_rate = 0.0
        self.ground = 0.0
        self.on_ground = True
        self.thrust = 0.0
        """Share of full thrust, 0 to 1."""
        self.saturated = False
        """Whether it asks for more thrust than there is."""
        self.tumbling = False
        self.broken = False
        """Whether it hit the ground too fast; it lies where it fell."""
        self.impact_mps = 0.0
        self.airspeed = 0.0
        self._drag_e = self._drag_n = 0.0

    def step(
        self,
        dt: float,
        demand: Demand,
        wind: WindField,
        *,
        lean_max_deg: float,
        thrust_share: float,
    ) -> None:
        """Let `dt` seconds pass.

        Args:
            dt: length of the step.
            demand: what the autopilot asks.
            wind: what blows.
            lean_max_deg: ANGLE_MAX.
            thrust_share: of full thrust that the weakest motor leaves; 0 without power.
        """
        if self.on_ground and (self.broken or not self._lifts(demand, thrust_share)):
            self._rest(dt, demand)
            return
        self.on_ground = False
        rel_e, rel_n = self.ve - wind.east_mps, self.vn - wind.north_mps
        self.airspeed = math.sqrt(rel_e * rel_e + rel_n * rel_n)
        turning = demand.motors and thrust_share >= LEVEL_SHARE
        drag = _DRAG * self.airspeed + (ROTOR_DRAG_PER_S if turning else 0.0)
        drag_e, drag_n = -drag * rel_e, -drag * rel_n
        self.tumbling = demand.motors and thrust_share < LEVEL_SHARE
        if not demand.motors or self.tumbling:
            self._fall(dt, drag_e, drag_n, thrust_share if demand.motors else 0.0)
        else:
            self._fly(dt, demand, drag_e, drag_n, lean_max_deg, thrust_share)
        self.east += self.ve * dt
        self.north += self.vn * dt
        self.up += self.vu * dt
        if self.up <= self.ground:
            self._touch()

    def _lifts(self, demand: Demand, thrust_share: float) -> bool:
        if not demand.motors or thrust_share < HOVER_THROTTLE:
            return False
        if demand.thrust is not None:
            return demand.thrust > HOVER_THROTTLE * 1.02
        return demand.vu > 0.02

    def _rest(self, dt: float, demand: Demand) -> None:
        self.ve = self.vn = self.vu = self.ae = self.an = self.au = 0.0
        self.roll_rate = self.pitch_rate = self.yaw_rate = self.airspeed = 0.0
        self._drag_e = self._drag_n = 0.0
        self.saturated = self.tumbling = False
        self.up = self.ground
        self.thrust = 0.1 if demand.motors else 0.0
        if not self.broken:
            self.roll -= self.roll * min(1.0, 4.0 * dt)
            self.pitch -= self.pitch * min(1.0, 4.0 * dt)

    def _fall(self, dt: float, drag_e: float, drag_n: float, thrust: float) -> None:
        self.thrust = thrust
        self.saturated = thrust > 0.0
        lift = 0.3 * thrust * GRAVITY / HOVER_THROTTLE
        self.ae, self.an = drag_e, drag_n
        self.au = lift - GRAVITY - _FLAT_DRAG * abs(self.vu) * self.vu
        self.ve += self.ae * dt
        self.vn += self.an * dt
        self.vu += self.au * dt
        self.roll_rate += (_TUMBLE_DPS - self.roll_rate) * min(1.0, 2.0 * dt)
        self.roll = wrap_deg(self.roll + self.roll_rate * dt)
        self.pitch_rate = 0.0
        self.yaw = (self.yaw + self.yaw_rate * dt) % 360.0

    def _fly(
        self,
        dt: float,
        demand: Demand,
        drag_e: float,
        drag_n: float,
        lean_max_deg: float,
        thrust_share: float,
    ) -> None:
        yaw = math.radians(self.yaw)
        sin_yaw, cos_yaw = math.sin(yaw), math.cos(yaw)
        if demand.free:
            forward = -GRAVITY * math.tan(math.radians(demand.pitch_deg))
            right = GRAVITY * math.tan(math.radians(demand.roll_deg))
            push_e = forward * sin_yaw + right * cos_yaw
            push_n = forward * cos_yaw - right * sin_yaw
        else:
            push_e, push_n = self._push(dt, demand, drag_e, drag_n)
        most = GRAVITY * math.tan(math.radians(lean_max_deg))
        push = math.sqrt(push_e * push_e + push_n * push_n)
        if push > most:
            push_e, push_n, push = push_e * most / push, push_n * most / push, most
        learnt = min(1.0, dt / DRAG_LEARNT_S)
        self._drag_e += (drag_e - self._drag_e) * learnt
        self._drag_n += (drag_n - self._drag_n) * learnt
        upright = GRAVITY / math.sqrt(GRAVITY * GRAVITY + push * push)
        self._lift(dt, demand, upright, thrust_share)
        self.ae, self.an = push_e + drag_e, push_n + drag_n
        self.ve += self.ae * dt
        self.vn += self.an * dt
        self._lean(dt, push_e * sin_yaw + push_n * cos_yaw, push_e * cos_yaw - push_n * sin_yaw)
        self._turn(dt, demand)

    def _push(self, dt: float, demand: Demand, drag_e: float, drag_n: float) -> tuple[float, float]:
        """Return the level acceleration that the tilted thrust gives, to hold a velocity."""
        want_e = (demand.ve - self.ve) * VELOCITY_GAIN
        want_n = (demand.vn - self.vn) * VELOCITY_GAIN
        want = math.sqrt(want_e * want_e + want_n * want_n)
        if want > demand.accel_xy:
            want_e, want_n = want_e * demand.accel_xy / want, want_n * demand.accel_xy / want
        # What it accelerated by itself so far, without the part of the wind not yet learnt.
        now_e = self.ae - (drag_e - self._drag_e)
        now_n = self.an - (drag_n - self._drag_n)
        step_e, step_n = want_e - now_e, want_n - now_n
        step = math.sqrt(step_e * step_e + step_n * step_n)
        if step > JERK_MPS3 * dt:
            want_e = now_e + step_e * JERK_MPS3 * dt / step
            want_n = now_n + step_n * JERK_MPS3 * dt / step
        return want_e - self._drag_e, want_n - self._drag_n

    def _lift(self, dt: float, demand: Demand, upright: float, thrust_share: float) -> None:
        if demand.thrust is None:
            want = (demand.vu - self.vu) * CLIMB_GAIN
            want = min(max(want, -demand.accel_z), demand.accel_z)
            change = want - self.au
            most = JERK_MPS3 * dt
            want = self.au + min(max(change, -most), most)
            share = HOVER_THROTTLE * (want + GRAVITY) / (GRAVITY * upright)
        else:
            share = demand.thrust
        self.saturated = share > thrust_share
        self.thrust = min(max(share, 0.0), thrust_share)
        self.au = self.thrust / HOVER_THROTTLE * GRAVITY * upright - GRAVITY
        if demand.thrust is not None or self.saturated:
            self.au -= _FLAT_DRAG * abs(self.vu) * self.vu
        self.vu += self.au * dt

    def _lean(self, dt: float, forward: float, right: float) -> None:
        pitch = -math.degrees(math.atan2(forward, GRAVITY))
        roll = math.degrees(math.atan2(right * math.cos(math.radians(pitch)), GRAVITY))
        follow = min(1.0, dt / 0.12)
        turn_roll, turn_pitch = (roll - self.roll) * follow, (pitch - self.pitch) * follow
        self.roll += turn_roll
        self.pitch += turn_pitch
        self.roll_rate, self.pitch_rate = turn_roll / dt, turn_pitch / dt

    def _turn(self, dt: float, demand: Demand) -> None:
        if demand.yaw_deg is None:
            want = demand.yaw_rate_dps
        else:
            most = abs(demand.yaw_rate_dps) or 60.0
            want = min(max(wrap_deg(demand.yaw_deg - self.yaw) * 2.0, -most), most)
        change = _YAW_ACCEL_DPS2 * dt
        self.yaw_rate += min(max(want - self.yaw_rate, -change), change)
        self.yaw = (self.yaw + self.yaw_rate * dt) % 360.0

    def _touch(self) -> None:
        self.up = self.ground
        self.impact_mps = -self.vu
        self.on_ground = True
        if self.impact_mps > CRASH_MPS or self.tumbling or abs(self.roll) > 60.0:
            self.broken = True
            self.roll, self.pitch = 150.0, 0.0
        self.ve = self.vn = self.vu = self.ae = self.an = self.au = 0.0
