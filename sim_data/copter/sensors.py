"""What the simulated copter believes: receiver, compass, estimator, and how they wake up.

The estimator is a stand-in for ArduPilot's EKF3, with what matters to a pilot program: when it
becomes usable after boot, when it stops being usable without satellites, what it makes of a
receiver that jumps, and the variances that ArduCopter's failsafe looks at.
"""

from __future__ import annotations

import math
import random

from sim_data.copter.physics import Body
from sim_data.copter.state import EkfFlags, Severity

BOOT_TEXTS: tuple[tuple[float, Severity, str], ...] = (
    (0.5, Severity.CRITICAL, "ArduCopter V4.1 simulated by parkwatch"),
    (0.6, Severity.INFO, "Frame: QUAD/PLUS"),
    (0.9, Severity.INFO, "Calibrating barometer"),
    (2.0, Severity.INFO, "Barometer 1 calibration complete"),
    (2.1, Severity.INFO, "Barometer 2 calibration complete"),
    (2.4, Severity.INFO, "ArduPilot Ready"),
    (2.6, Severity.INFO, "GPS 1: detected as u-blox at 115200 baud"),
    (5.0, Severity.INFO, "EKF3 IMU0 initialised"),
    (5.0, Severity.INFO, "EKF3 IMU1 initialised"),
    (6.5, Severity.INFO, "EKF3 IMU0 tilt alignment complete"),
    (6.5, Severity.INFO, "EKF3 IMU1 tilt alignment complete"),
    (6.9, Severity.INFO, "EKF3 IMU0 MAG0 initial yaw alignment complete"),
    (6.9, Severity.INFO, "EKF3 IMU1 MAG0 initial yaw alignment complete"),
)
"""What it says while it starts, by seconds since boot; the rest hangs on satellites."""

INITIALISED_S = 5.0
ALIGNED_S = 6.5
FIX_S = 8.0
ORIGIN_S = 16.0
USING_GPS_S = 26.0
READY_S = 29.5
"""ArduCopter is ready to arm about 30 s after boot."""

LOST_FIX_S = 2.0
"""The receiver takes this long to own up to having no fix."""
DEAD_RECKONING_S = 7.0
"""EKF3 goes on without aiding for this long before it gives up its position."""
GLITCH_GATE_M = 10.0
"""A jump of the receiver beyond this is not believed at first."""
GLITCH_RESET_S = 10.0
"""After this long, EKF3 resets itself to the receiver."""
RECOVER_S = 5.0
_WANDER_M = 0.08
_WANDER_S = 40.0


class Sensors:
    """Receiver and estimator.

    Args:
        rng: of their noise.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.off_e = self.off_n = self.off_u = 0.0
        """How far the estimate is from the truth, metres."""
        self.heading_off_deg = 0.0
        self.gps_off_e = self.gps_off_n = 0.0
        self._wander_e = self._wander_n = self._wander_u = 0.0
        self._drift_ve = self._drift_vn = 0.0
        self._jump_s = 0.0
        self.fix = 1
        self.satellites = 0
        self.hdop = 99.99
        self.glitching = False
        self.has_position = False
        self._fix_since_s = 0.0
        self._no_fix_s = 0.0
        self.said_origin = self.said_using = False
        self.velocity_variance = self.pos_variance = self.compass_variance = 0.0
        self.height_variance = 0.0

    def update(
        self,
        dt_s: float,
        boot_s: float,
        body: Body,
        *,
        gps_lost: bool,
        glitch: tuple[float, float],
        compass_off_deg: float,
    ) -> list[tuple[Severity, str]]:
        """Let `dt_s` pass, about a tenth of a second; return what the estimator says.

        Args:
            dt_s: since the last call.
            boot_s: seconds since boot.
            body: the truth.
            gps_lost: whether the receiver gets nothing.
            glitch: how far off it is, east and north, metres.
            compass_off_deg: how far off the compass is.
        """
        self._receive(dt_s, boot_s, gps_lost, glitch)
        said = self._aid(dt_s, boot_s, body)
        self._compass(dt_s, body, compass_off_deg)
        return said

    def _receive(
        self, dt_s: float, boot_s: float, gps_lost: bool, glitch: tuple[float, float]
    ) -> None:
        keep = math.exp(-dt_s / _WANDER_S)
        sigma = _WANDER_M * math.sqrt(1.0 - keep * keep)
        self._wander_e = keep * self._wander_e + self._rng.gauss(0.0, sigma)
        self._wander_n = keep * self._wander_n + self._rng.gauss(0.0, sigma)
        self._wander_u = keep * self._wander_u + self._rng.gauss(0.0, sigma)
        self._no_fix_s = self._no_fix_s + dt_s if gps_lost else 0.0
        if boot_s < FIX_S or self._no_fix_s > LOST_FIX_S:
            self.fix, self.satellites, self.hdop = 1, 0, 99.99
            self._fix_since_s = boot_s
        else:
            self.fix, self.satellites, self.hdop = 6, 10, 1.21
        if not gps_lost:
            self.gps_off_e = self._wander_e + glitch[0]
            self.gps_off_n = self._wander_n + glitch[1]

    def _aid(self, dt_s: float, boot_s: float, body: Body) -> list[tuple[Severity, str]]:
        said: list[tuple[Severity, str]] = []
        if self.fix >= 3 and boot_s >= ORIGIN_S and not self.said_origin:
            self.said_origin = True
            said += [(Severity.INFO, f"EKF3 IMU{core} origin set") for core in (0, 1)]
        steady = boot_s - self._fix_since_s
        if not self.said_using and self.said_origin and boot_s >= USING_GPS_S:
            if self.fix >= 3 and steady >= RECOVER_S:
                self.said_using = self.has_position = True
                self.off_e, self.off_n = self.gps_off_e, self.gps_off_n
                said += [(Severity.INFO, f"EKF3 IMU{core} is using GPS") for core in (1, 0)]
        elif self.said_using and not self.has_position and self.fix >= 3 and steady >= RECOVER_S:
            self.has_position = True
            self.off_e, self.off_n = self.gps_off_e, self.gps_off_n
            self._drift_ve = self._drift_vn = 0.0
            said += [(Severity.INFO, f"EKF3 IMU{core} is using GPS") for core in (1, 0)]
        if self.has_position:
            said += self._follow(dt_s)
        self.off_u += (self._wander_u - self.off_u) * min(1.0, dt_s)
        self.velocity_variance = 0.04 + 0.01 * abs(body.vu)
        self.height_variance = 0.02
        return said

    def _follow(self, dt_s: float) -> list[tuple[Severity, str]]:
        """Move the estimate to the receiver, or not, and judge the receiver."""
        if self._no_fix_s > 0.0:
            if self._no_fix_s == dt_s:
                self._drift_ve = self._rng.gauss(0.0, 0.15)
                self._drift_vn = self._rng.gauss(0.0, 0.15)
            grow = 1.0 + self._no_fix_s
            self.off_e += self._drift_ve * dt_s * grow / 4.0
            self.off_n += self._drift_vn * dt_s * grow / 4.0
            self.pos_variance = min(1.0, 0.05 + 0.05 * self._no_fix_s)
            if self._no_fix_s > DEAD_RECKONING_S:
                self.has_position = False
                return [(Severity.WARNING, f"EKF3 IMU{core} stopped aiding") for core in (0, 1)]
            return []
        away_e, away_n = self.gps_off_e - self.off_e, self.gps_off_n - self.off_n
        away = math.sqrt(away_e * away_e + away_n * away_n)
        self.pos_variance = min(5.0, away / GLITCH_GATE_M)
        if away <= GLITCH_GATE_M:
            follow = min(1.0, dt_s / 1.0)
            self.off_e += away_e * follow
            self.off_n += away_n * follow
            self._jump_s = 0.0
            return self._glitch(False)
        self._jump_s += dt_s
        if self._jump_s > GLITCH_RESET_S:
            self.off_e, self.off_n = self.gps_off_e, self.gps_off_n
            self._jump_s = 0.0
            return self._glitch(False)
        return self._glitch(True)

    def _glitch(self, now: bool) -> list[tuple[Severity, str]]:
        if now == self.glitching:
            return []
        self.glitching = now
        text = "GPS Glitch or Compass error" if now else "Glitch cleared"
        return [(Severity.CRITICAL, text)]

    def _compass(self, dt_s: float, body: Body, off_deg: float) -> None:
        # Half of the error gets into the heading; in flight with a wrong heading the velocities
        # of compass and receiver disagree by the sine of it.
        self.heading_off_deg += (off_deg / 2.0 - self.heading_off_deg) * min(1.0, dt_s / 2.0)
        self.compass_variance = min(5.0, 0.03 + abs(off_deg) / 30.0)
        if abs(off_deg) > 1.0 and not body.on_ground:
            self.velocity_variance += min(3.0, abs(math.sin(math.radians(off_deg))) * 1.2)

    def flags(self, boot_s: float) -> EkfFlags:
        """Return what the estimator says that it can do."""
        if boot_s < ALIGNED_S:
            return EkfFlags.UNINITIALIZED
        flags = EkfFlags.ATTITUDE | EkfFlags.VELOCITY_VERT | EkfFlags.POS_VERT_ABS
        if self.has_position:
            flags |= EkfFlags.VELOCITY_HORIZ | EkfFlags.POS_HORIZ_REL | EkfFlags.POS_HORIZ_ABS
        else:
            flags |= EkfFlags.CONST_POS_MODE
        if boot_s >= READY_S and (self.has_position or self.fix >= 3):
            # Ground stations take this for "may be armed", and ArduCopter then lets them.
            flags |= EkfFlags.PRED_POS_HORIZ_REL | EkfFlags.PRED_POS_HORIZ_ABS
        return flags
