"""Whether the simulated copter may be armed, and what arming and disarming do."""

from __future__ import annotations

from collections.abc import Callable

from sim_data.copter.craft import Craft
from sim_data.copter.fence import GeoFence
from sim_data.copter.mission_run import Auto
from sim_data.copter.modes import ModeSwitch
from sim_data.copter.sensors import ALIGNED_S, INITIALISED_S, READY_S
from sim_data.copter.state import Mode, Severity

_ALL, _COMPASS, _GPS, _INS, _BATTERY, _SYSTEM = 1, 4, 8, 16, 256, 8192
"""Bits of ARMING_CHECK."""
REPORT_S = 30.0
"""How often a vehicle that is not ready says why."""
FORCE = 21196.0
"""Second parameter of the arming command that does without checks."""


class Arming:
    """Checks, arming and disarming.

    Args:
        craft: that is armed.
        switch: its flight modes.
        fence: its fence.
    """

    def __init__(self, craft: Craft, switch: ModeSwitch, fence: GeoFence) -> None:
        self._craft, self._switch, self._fence = craft, switch, fence
        self._reported_s = 0.0
        self._idle_since_s: float | None = None
        self.ready = False
        """Whether every check before arming passed when it was last looked at."""
        self.after_disarm: Callable[[], None] = lambda: None

    def restart(self) -> None:
        """Begin as after boot."""
        self._reported_s = 0.0
        self._idle_since_s = None
        self.ready = False

    def _checked(self, bit: int) -> bool:
        wanted = int(self._craft.values["ARMING_CHECK"])
        return bool(wanted & (_ALL | bit))

    def problems(self) -> list[str]:
        """Return every reason against arming, but for the flight mode."""
        craft, found = self._craft, list[str]()
        if craft.time_s < INITIALISED_S:
            return ["AHRS: EKF3 not started"]
        if craft.time_s < ALIGNED_S:
            return ["EKF attitude is bad"]
        if craft.body.broken or abs(craft.body.roll) > craft.values["ANGLE_MAX"] / 100.0:
            found.append("Leaning")
        if self._checked(_SYSTEM) and craft.time_s < READY_S:
            found.append("EKF3 still initialising")
        if self._switch.flying.needs_position and not craft.sensors.has_position:
            found.append("Need Position Estimate")
        found += self._gps_problems() + self._compass_problems() + self._battery_problems()
        fence = self._fence.problem()
        if fence is not None:
            found.append(fence)
        return found

    def _gps_problems(self) -> list[str]:
        craft = self._craft
        if not self._checked(_GPS) or not self._switch.flying.needs_position:
            return []
        found = []
        if craft.sensors.fix < 3:
            found.append("GPS 1: Bad fix")
        if craft.sensors.glitching:
            found.append("GPS glitching")
        if craft.home is None:
            found.append("waiting for home")
        elif craft.home_distance_m() > 50_000.0:
            found.append("Check home: too far from here")
        return found

    def _compass_problems(self) -> list[str]:
        if self._checked(_COMPASS) and self._craft.sensors.compass_variance > 1.0:
            return ["Compasses inconsistent"]
        return []

    def _battery_problems(self) -> list[str]:
        craft, values = self._craft, self._craft.values
        if not self._checked(_BATTERY) or values["BATT_MONITOR"] < 1.0:
            return []
        volts, left = craft.battery.volts, values["BATT_CAPACITY"] - craft.battery.used_mah
        if values["BATT_ARM_VOLT"] > 0.0 and volts < values["BATT_ARM_VOLT"]:
            return ["Battery 1 below minimum arming voltage"]
        if values["BATT_CAPACITY"] > 0.0 and left < values["BATT_ARM_MAH"]:
            return ["Battery 1 below minimum arming capacity"]
        if values["BATT_CRT_VOLT"] > 0.0 and volts < values["BATT_CRT_VOLT"]:
            return ["Battery 1 critical voltage failsafe"]
        if values["BATT_LOW_VOLT"] > 0.0 and volts < values["BATT_LOW_VOLT"]:
            return ["Battery 1 low voltage failsafe"]
        if values["BATT_CAPACITY"] > 0.0 and left < values["BATT_LOW_MAH"]:
            return ["Battery 1 low capacity failsafe"]
        return []

    def update(self) -> None:
        """Look at the checks, and say now and then why it is not ready; about once a second."""
        craft = self._craft
        if craft.armed:
            return
        if craft.values["ARMING_CHECK"] < 1.0:
            self.ready = craft.time_s >= ALIGNED_S
            return
        problems = self.problems()
        self.ready = not problems
        if problems and craft.time_s - self._reported_s >= REPORT_S:
            self._report(problems)

    def _report(self, problems: list[str]) -> None:
        self._reported_s = self._craft.time_s
        for problem in problems:
            self._craft.say(Severity.CRITICAL, f"PreArm: {problem}")

    def arm(self, *, forced: bool = False) -> bool:
        """Arm, and return whether that is possible; a refusal says why."""
        craft, flying = self._craft, self._switch.flying
        if craft.armed:
            return True
        if not forced and not self._allowed():
            return False
        if craft.sensors.has_position and not craft.home_locked:
            craft.set_home_here()
        craft.armed = True
        craft.armed_at_s = craft.sim_s
        craft.armed_yaw_deg = craft.body.yaw
        craft.auto_armed = False
        self._idle_since_s = None
        craft.say(Severity.INFO, "Arming motors")
        flying.enter(forced=True)
        return True

    def _allowed(self) -> bool:
        craft, flying = self._craft, self._switch.flying
        if craft.time_s < ALIGNED_S or craft.body.broken or craft.values["ARMING_CHECK"] >= 1.0:
            problems = self.problems()
            if problems:
                self._report(problems)
                return False
        elif flying.needs_position and not craft.sensors.has_position:
            self._report(["Need Position Estimate"])
            return False
        if not (flying.arms or (isinstance(flying, Auto) and flying.may_arm)):
            craft.say(Severity.CRITICAL, "PreArm: Mode not armable")
            return False
        return True

    def disarm(self, _reason: str) -> None:
        """Stop the motors."""
        craft = self._craft
        if not craft.armed:
            return
        craft.armed = False
        craft.auto_armed = False
        craft.say(Severity.INFO, "Disarming motors")
        self.after_disarm()

    def disarm_when_idle(self) -> None:
        """Disarm a vehicle that has sat on the ground for DISARM_DELAY."""
        craft, delay_s = self._craft, self._craft.values["DISARM_DELAY"]
        # The motors run up for 2.5 s after arming; a mode that is taking off is not idle.
        busy = not craft.armed or not craft.landed or delay_s <= 0.0 or craft.demand.vu > 0.0
        if busy or (craft.mode is Mode.STABILIZE and craft.radio.throttle() > 0.05):
            self._idle_since_s = None
            return
        if self._idle_since_s is None:
            self._idle_since_s = craft.sim_s
        elif craft.sim_s - self._idle_since_s >= delay_s:
            self.disarm("idle")
