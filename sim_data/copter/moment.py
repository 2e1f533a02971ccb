"""A state of the simulated copter with what goes with it into messages, and numbers as they fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_data.copter.state import CopterState, HomePoint


@dataclass(frozen=True, slots=True)
class Moment:
    """A state, and what goes with it into messages.

    Attributes:
        state: of the vehicle.
        unix_s: the time of day that its satellites tell.
        origin: where its estimator has its origin.
    """

    state: CopterState
    unix_s: float
    origin: HomePoint

    @property
    def boot_ms(self) -> int:
        """Milliseconds since boot, as messages carry them."""
        return round(self.state.time_boot_s * 1000.0) & 0xFFFFFFFF

    @property
    def boot_us(self) -> int:
        """Microseconds since boot."""
        return round(self.state.time_boot_s * 1e6)


def i16(value: float) -> int:
    """Return a number as 16 bits with a sign carry it, at the ends of their range if need be."""
    return max(-32_768, min(32_767, round(value)))


def u16(value: float) -> int:
    """Return a number as 16 bits without a sign carry it."""
    return max(0, min(65_535, round(value)))


def i32(value: float) -> int:
    """Return a number as 32 bits with a sign carry it."""
    return max(-(2**31), min(2**31 - 1, round(value)))


def e7(degrees: float) -> int:
    """Return degrees in whole 1e-7 degrees."""
    return i32(degrees * 1e7)


def signed_yaw_rad(yaw_deg: float) -> float:
    """Return a heading as radians from -pi to pi."""
    return math.radians((yaw_deg + 180.0) % 360.0 - 180.0)


def quaternion(roll_deg: float, pitch_deg: float, yaw_deg: float) -> list[float]:
    """Return w, x, y, z of the rotation that turns north-east-down into body axes."""
    r, p, y = (math.radians(angle) / 2.0 for angle in (roll_deg, pitch_deg, yaw_deg))
    cr, sr, cp, sp, cy, sy = (
        math.cos(r), math.sin(r), math.cos(p), math.sin(p), math.cos(y), math.sin(y),
    )  # fmt: skip
    return [
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ]
