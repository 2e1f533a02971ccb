"""Flight modes of the simulated copter that need no plan, and the switch between all modes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from sim_data.copter.craft import Craft
from sim_data.copter.guidance import Guidance, YawMode
from sim_data.copter.physics import HOVER_THROTTLE, Demand
from sim_data.copter.state import Mode, Severity

LANDED_AFTER_S = 1.0
"""On the ground this long without wanting up, it counts as landed."""
LAND_PAUSE_S = 4.0
"""A failsafe waits this long before it lands, so that a pilot can see it coming."""
_BRAKE_MPS2 = 7.5


class FlightMode:
    """One way to fly.

    Args:
        craft: that flies.
        guidance: that turns places into velocities.
    """

    number: ClassVar[Mode]
    needs_position: ClassVar[bool] = False
    manual_throttle: ClassVar[bool] = False
    arms: ClassVar[bool] = True
    takes_off: ClassVar[bool] = False
    """Whether NAV_TAKEOFF as a command works in it."""

    def __init__(self, craft: Craft, guidance: Guidance) -> None:
        self.craft = craft
        self.guidance = guidance

    def enter(self, *, forced: bool) -> bool:
        """Begin, and return whether that is possible; `forced` while disarmed, without checks."""
        return True

    def leave(self) -> None:
        """End."""

    def run(self, dt: float, demand: Demand) -> None:
        """Ask the motors for what this mode wants in one step."""
        raise NotImplementedError

    def takeoff(self, alt_home_m: float) -> bool:
        """Climb straight to a height above home, and return whether that is possible."""
        return False

    def idle(self, demand: Demand) -> None:
        """Ask for nothing: on the ground."""
        demand.motors = self.craft.armed
        demand.free = False
        demand.thrust = None
        demand.ve = demand.vn = 0.0
        demand.vu = -0.5
        demand.yaw_deg = None
        demand.yaw_rate_dps = 0.0


class PilotMode(FlightMode):
    """A mode that the pilot's sticks fly."""

    def _sticks_turn(self, demand: Demand) -> None:
        stick = self.craft.radio.stick(4)
        if stick:
            demand.yaw_deg = None
            demand.yaw_rate_dps = stick * self.craft.values["PILOT_Y_RATE"]
            self.guidance.point(YawMode.HOLD)
        else:
            demand.yaw_deg = self.guidance.yaw_deg
            demand.yaw_rate_dps = 60.0

    def _sticks_lean(self, demand: Demand) -> None:
        most = self.craft.values["ANGLE_MAX"] / 100.0
        demand.free = True
        demand.roll_deg = self.craft.radio.stick(1) * most
        demand.pitch_deg = -self.craft.radio.stick(2) * most

    def _sticks_climb(self) -> float:
        climb = self.craft.radio.climb()
        if climb >= 0.0:
            return climb * self.craft.values["PILOT_SPEED_UP"] / 100.0
        down = self.craft.values["PILOT_SPEED_DN"] or self.craft.values["PILOT_SPEED_UP"]
        return climb * down / 100.0


class Stabilize(PilotMode):
    """Sticks lean it, the throttle stick is the thrust."""

    number = Mode.STABILIZE
    manual_throttle = True

    def enter(self, *, forced: bool) -> bool:
        """Hold the heading."""
        self.guidance.point(YawMode.HOLD)
        return True

    def run(self, dt: float, demand: Demand) -> None:
        """Fly by the sticks."""
        stick = self.craft.radio.throttle()
        if not self.craft.may_lift or (self.craft.landed and stick < 0.05):
            self.idle(demand)
            return
        self._sticks_lean(demand)
        self._sticks_turn(demand)
        demand.motors = True
        # The middle of the stick hovers; below it goes to nothing, above it to full thrust.
        low = stick * 2.0 * HOVER_THROTTLE
        high = HOVER_THROTTLE + (stick - 0.5) * 2.0 * (1.0 - HOVER_THROTTLE)
        demand.thrust = low if stick < 0.5 else high


class AltHold(PilotMode):
    """Sticks lean it, the throttle stick climbs and sinks."""

    number = Mode.ALT_HOLD
    takes_off = True

    def enter(self, *, forced: bool) -> bool:
        """Hold the heading and the height."""
        self.guidance.point(YawMode.HOLD)
        self.guidance.target = self.guidance.stopping_place()
        return True

    def run(self, dt: float, demand: Demand) -> None:
        """Fly by the sticks."""
        climb = self._sticks_climb()
        if not self.craft.may_lift or (self.craft.landed and climb <= 0.0):
            self.idle(demand)
            return
        self.guidance.hold(demand)
        self._move(dt, demand)
        self._sticks_turn(demand)
        if climb:
            demand.vu = climb
            east, north, _ = self.guidance.target
            self.guidance.target = (east, north, self.craft.up)

    def _move(self, dt: float, demand: Demand) -> None:
        self._sticks_lean(demand)


class Loiter(AltHold):
    """Holds its place; sticks move it. With the throttle stick at its lowest, it sinks."""

    number = Mode.LOITER
    needs_position = True

    def _move(self, dt: float, demand: Demand) -> None:
        forward, right = -self.craft.radio.stick(2), self.craft.radio.stick(1)
        if not forward and not right:
            return
        yaw = self.craft.body.yaw
        speed = self.craft.values["LOIT_SPEED"] / 100.0
        east, north = _rotate(forward * speed, right * speed, yaw)
        demand.ve, demand.vn = east, north
        stop = self.guidance.stopping_place()
        self.guidance.target = (stop[0], stop[1], self.guidance.target[2])


class PosHold(Loiter):
    """As LOITER here."""

    number = Mode.POSHOLD


class Brake(FlightMode):
    """Stops at once and stays."""

    number = Mode.BRAKE
    needs_position = True
    arms = False

    def __init__(self, craft: Craft, guidance: Guidance) -> None:
        super().__init__(craft, guidance)
        self._stopped = False

    def enter(self, *, forced: bool) -> bool:
        """Begin to brake."""
        self._stopped = False
        self.guidance.point(YawMode.HOLD)
        self.guidance.target = self.guidance.here()
        return True

    def run(self, dt: float, demand: Demand) -> None:
        """Brake, then hold the place where it came to rest."""
        if self.craft.landed:
            self.idle(demand)
            return
        body = self.craft.body
        if not self._stopped:
            if body.ve * body.ve + body.vn * body.vn < 0.25 and abs(body.vu) < 0.3:
                self._stopped = True
            self.guidance.target = self.guidance.here()
        self.guidance.hold(demand)
        if not self._stopped:
            demand.ve = demand.vn = demand.vu = 0.0
            demand.accel_xy = demand.accel_z = _BRAKE_MPS2
        self.guidance.turn(demand)


class Land(FlightMode):
    """Sinks where it is; with a position it stays above the spot, without one it drifts."""

    number = Mode.LAND
    arms = False

    def __init__(self, craft: Craft, guidance: Guidance) -> None:
        super().__init__(craft, guidance)
        self.uses_position = True
        self.pause_s = 0.0

    def enter(self, *, forced: bool) -> bool:
        """Begin to land."""
        self.uses_position = self.craft.position_ok
        self.pause_s = 0.0
        self.guidance.reset_speeds()
        self.guidance.target = self.guidance.stopping_place()
        self.guidance.point(YawMode.HOLD)
        return True

    def run(self, dt: float, demand: Demand) -> None:
        """Sink, and stop the motors on the ground."""
        if self.craft.landed:
            self.idle(demand)
            if self.craft.armed:
                self.craft.disarm("landed")
            return
        self.pause_s = max(0.0, self.pause_s - dt)
        sink(self.craft, self.guidance, demand, paused=self.pause_s > 0.0)
        if not self.uses_position:
            demand.free = True
            demand.roll_deg = demand.pitch_deg = 0.0
        self.guidance.turn(demand)


def sink(craft: Craft, guidance: Guidance, demand: Demand, *, paused: bool = False) -> None:
    """Ask for a descent over the target, as ArduCopter lands.

    LAND_SPEED_HIGH, or WPNAV_SPEED_DN where that is 0, down to LAND_ALT_LOW above home; then
    LAND_SPEED.
    """
    guidance.hold(demand)
    if paused:
        demand.vu = 0.0
        return
    values = craft.values
    fast = (values["LAND_SPEED_HIGH"] or values["WPNAV_SPEED_DN"]) / 100.0
    slow = max(values["LAND_SPEED"], 20.0) / 100.0
    above = craft.up - craft.body.ground
    low = values["LAND_ALT_LOW"] / 100.0
    # Slow down in time for the last metres.
    spare = max(above - low, 0.0)
    speed = min(fast, (slow * slow + 2.0 * guidance.accel_z * 0.7 * spare) ** 0.5)
    demand.vu = -max(speed, slow)
    demand.accel_z = guidance.accel_z * 1.5
    east, north, _ = guidance.target
    guidance.target = (east, north, craft.up)


def _rotate(forward: float, right: float, yaw_deg: float) -> tuple[float, float]:
    yaw = math.radians(yaw_deg)
    east = forward * math.sin(yaw) + right * math.cos(yaw)
    north = forward * math.cos(yaw) - right * math.sin(yaw)
    return east, north


class ModeSwitch:
    """Which mode flies, and who may change it.

    Args:
        craft: that flies.
        modes: every mode that can be flown.
    """

    def __init__(self, craft: Craft, modes: Mapping[Mode, FlightMode]) -> None:
        self._craft = craft
        self.modes = modes
        self.flying: FlightMode = modes[Mode.STABILIZE]
        self.reason = "boot"

    def restart(self) -> None:
        """Begin in STABILIZE, as after boot."""
        self.flying = self.modes[Mode.STABILIZE]
        self.flying.enter(forced=True)
        self._craft.mode = Mode.STABILIZE
        self.reason = "boot"

    def set(self, mode: Mode, reason: str) -> bool:
        """Change to `mode`, and return whether that was possible; a refusal says why.

        While disarmed every mode may be chosen: what it needs is checked at arming.
        """
        craft = self._craft
        wanted = self.modes.get(mode)
        if wanted is None:
            craft.say(Severity.WARNING, f"No such mode {int(mode)}")
            return False
        if wanted is self.flying:
            self.reason = reason
            return True
        forced = not craft.armed
        if not forced and wanted.needs_position and not craft.position_ok:
            self._refuse(mode, "requires position")
            return False
        if not wanted.enter(forced=forced):
            self._refuse(mode, "initialisation failed")
            return False
        self.flying.leave()
        self.flying = wanted
        self.reason = reason
        craft.mode = mode
        return True

    def _refuse(self, mode: Mode, why: str) -> None:
        name = mode.name.replace("SMART_RTL", "SMARTRTL")
        self._craft.say(Severity.WARNING, f"Mode change to {name} failed: {why}")
