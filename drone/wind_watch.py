"""How much wind there is where the vehicle flies, from what it says or from how it leans.

Few multirotors say it (MAVLink's ``WIND`` needs an estimate that most do not make). From the lean
it can be told roughly: in level flight without acceleration the thrust balances weight and drag,
so the tangent of the lean is drag over weight, and drag grows with the square of the speed through
the air (Leishman, *Principles of Helicopter Aerodynamics*, 2nd ed., 5.5). The copter's own top
speed and the lean it has there fix the scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drone.telemetry import Telemetry

LEAN_AT_MAX_DEG = 40.0
"""Lean at the top speed through the air that is assumed where the vehicle is not known better."""


@dataclass(frozen=True, slots=True)
class WindEstimate:
    """Wind at one time.

    Attributes:
        speed_mps: mean over the window.
        source: ``vehicle`` where it says so itself, ``lean`` where it was told from the lean.
    """

    speed_mps: float
    source: str

    def __str__(self) -> str:
        how = "as the vehicle says" if self.source == "vehicle" else "roughly, from its lean"
        return f"wind of {self.speed_mps:.0f} m/s ({how})"


def air_velocity_mps(
    roll_deg: float, pitch_deg: float, yaw_deg: float, *, max_mps: float, lean_at_max_deg: float
) -> tuple[float, float]:
    """Return the velocity through the air, north and east, that a steady lean stands for.

    Args:
        roll_deg: right side down is positive.
        pitch_deg: nose up is positive.
        yaw_deg: clockwise from true north.
        max_mps: top speed through the air.
        lean_at_max_deg: lean at that speed, level.
    """
    forward = -math.tan(math.radians(pitch_deg))
    right = math.tan(math.radians(roll_deg))
    lean = math.hypot(forward, right)
    if lean < 1e-6:
        return 0.0, 0.0
    speed_mps = max_mps * math.sqrt(lean / math.tan(math.radians(lean_at_max_deg)))
    yaw = math.radians(yaw_deg)
    north = (forward * math.cos(yaw) - right * math.sin(yaw)) / lean
    east = (forward * math.sin(yaw) + right * math.cos(yaw)) / lean
    return speed_mps * north, speed_mps * east


class WindWatch:
    """Means of the wind over a window; corners and gusts of a moment fall out.

    Args:
        max_mps: the copter's top speed through the air.
        window_s: of the vehicle's time.
        lean_at_max_deg: lean at the top speed.
    """

    def __init__(
        self, max_mps: float, *, window_s: float = 15.0, lean_at_max_deg: float = LEAN_AT_MAX_DEG
    ) -> None:
        self._max_mps = max_mps
        self._window_s = window_s
        self._lean_at_max_deg = lean_at_max_deg
        self._readings: list[tuple[float, float, float, str]] = []
        self._velocity: tuple[float, float, float] | None = None

    def look(self, seen: Telemetry) -> WindEstimate | None:
        """Take one reading, and return the mean once the window is full.

        Readings while the vehicle speeds up or slows down are left out: its lean then stands for
        acceleration.
        """
        now_s = seen.time_boot_s
        if now_s is None or (self._readings and now_s <= self._readings[-1][0]):
            return None
        reading = self._reading(seen, now_s)
        if reading is None:
            return None
        kept = [r for r in self._readings if now_s - r[0] <= self._window_s and r[3] == reading[3]]
        full = bool(self._readings) and now_s - self._readings[0][0] >= self._window_s
        self._readings = [*kept, reading]
        if not full or len(self._readings) < 5:
            return None
        count = len(self._readings)
        north = sum(r[1] for r in self._readings) / count
        east = sum(r[2] for r in self._readings) / count
        return WindEstimate(math.hypot(north, east), reading[3])

    def _reading(self, seen: Telemetry, now_s: float) -> tuple[float, float, float, str] | None:
        if seen.wind_mps is not None and seen.wind_from_deg is not None:
            to = math.radians(seen.wind_from_deg + 180.0)
            return now_s, seen.wind_mps * math.cos(to), seen.wind_mps * math.sin(to), "vehicle"
        roll, pitch, yaw = seen.roll_deg, seen.pitch_deg, seen.yaw_deg
        north, east = seen.north_mps, seen.east_mps
        if roll is None or pitch is None or yaw is None or north is None or east is None:
            return None
        before, self._velocity = self._velocity, (now_s, north, east)
        if before is None or now_s <= before[0]:
            return None
        change = math.hypot(north - before[1], east - before[2]) / (now_s - before[0])
        if change > 0.5:
            return None
        air_north, air_east = air_velocity_mps(
            roll, pitch, yaw, max_mps=self._max_mps, lean_at_max_deg=self._lean_at_max_deg
        )
        # Air velocity plus wind is velocity over ground.
        return now_s, north - air_north, east - air_east, "lean"
