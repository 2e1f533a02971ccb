"""The simulated copter's battery: power by speed, charge, and voltage under load.

Power in level flight is that of a rotary wing (Zeng, Xu, Zhang, "Energy minimization for wireless
communication with rotary-wing UAV", IEEE Transactions on Wireless Communications, 2019, eq. 12),
with the extra induced power of a climb and the saving of a descent from momentum theory
(Leishman, "Principles of Helicopter Aerodynamics", 2nd edition, section 2.13), bounded so that a
descent never takes less than 60 % of the hover.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from park.errors import SimulationError
from sim_data.copter.physics import AIR_KG_M3, DRAG_AREA_M2, HOVER_THROTTLE

PROFILE_SHARE = 0.47
"""Blade profile power against hover power, in the paper's example."""
TIP_SPEED_MPS = 120.0
"""Speed of the blade tips."""
INDUCED_MPS = 5.0
"""Induced velocity of the hover."""
IDLE_W = 25.0
"""Motors turning on the ground."""
AVIONICS_W = 8.0
"""What is drawn with the motors off."""

# Voltage at rest against charge, as a share of full voltage: a lithium polymer discharge curve.
_CHARGE = (0.0, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
_VOLTS = (0.70, 0.79, 0.845, 0.87, 0.895, 0.915, 0.95, 0.97, 1.0)


@dataclass(frozen=True, slots=True)
class BatteryPack:
    """What the simulated copter carries.

    Attributes:
        capacity_wh: when full.
        full_v: at rest, full.
        resistance_ohm: internal.
        hover_w: power that hovering takes.
        charge: at the start, 0 to 1.
    """

    capacity_wh: float = 270.0
    full_v: float = 12.6
    resistance_ohm: float = 0.012
    hover_w: float = 400.0
    charge: float = 1.0

    def __post_init__(self) -> None:
        for name in ("capacity_wh", "full_v", "hover_w"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise SimulationError(f"{name} {getattr(self, name)} of a battery is not above 0")
        if not (0.0 <= self.charge <= 1.0 and 0.0 <= self.resistance_ohm < 1.0):
            raise SimulationError(
                f"charge {self.charge} or resistance {self.resistance_ohm} of a battery is not "
                "between 0 and 1"
            )


class Battery:
    """Charge and voltage as the flight goes on.

    Args:
        pack: what it is.
    """

    def __init__(self, pack: BatteryPack) -> None:
        self.pack = pack
        self.left_wh = pack.capacity_wh * pack.charge
        self.used_wh = 0.0
        self.used_mah = 0.0
        self.amps = 0.0
        self.rest_v = self._rest_v()
        self.volts = self.rest_v
        self._noticed_wh = self.left_wh

    @property
    def charge(self) -> float:
        """State of charge, 0 to 1."""
        return self.left_wh / self.pack.capacity_wh

    @property
    def empty(self) -> bool:
        """Whether nothing is left to turn the motors."""
        return self.left_wh <= 0.0

    def drain(self, power_w: float, dt_s: float, sag_v: float) -> None:
        """Draw `power_w` for `dt_s`; `sag_v` is taken off the voltage at the terminals."""
        if abs(self.left_wh - self._noticed_wh) > 1e-4 * self.pack.capacity_wh:
            self.rest_v = self._rest_v()
            self._noticed_wh = self.left_wh
        if self.left_wh <= 0.0:
            power_w = min(power_w, AVIONICS_W)
        source = max(self.rest_v - sag_v, 1.0)
        ohm = self.pack.resistance_ohm
        # P = I (V - I R): the smaller root; at the most power it can give, V is half.
        inside = source * source - 4.0 * ohm * power_w
        amps = (source - math.sqrt(max(inside, 0.0))) / (2.0 * ohm) if ohm else power_w / source
        self.amps = amps
        self.volts = source - amps * ohm
        wh = power_w * dt_s / 3600.0
        self.left_wh = max(0.0, self.left_wh - wh)
        self.used_wh += wh
        self.used_mah += amps * dt_s / 3.6

    def _rest_v(self) -> float:
        charge = min(max(self.charge, 0.0), 1.0)
        for place in range(1, len(_CHARGE)):
            if charge <= _CHARGE[place]:
                low, high = _CHARGE[place - 1], _CHARGE[place]
                share = (charge - low) / (high - low)
                return self.pack.full_v * (
                    _VOLTS[place - 1] + share * (_VOLTS[place] - _VOLTS[place - 1])
                )
        return self.pack.full_v


def flight_power_w(hover_w: float, airspeed_mps: float, climb_mps: float, thrust: float) -> float:
    """Return the power that flying takes, watts.

    Args:
        hover_w: power of the hover.
        airspeed_mps: level speed through the air.
        climb_mps: positive up.
        thrust: share of full thrust; more than hovering needs costs more, as its 1.5th power.
    """
    v = airspeed_mps
    induced_w = hover_w * (1.0 - PROFILE_SHARE)
    profile = hover_w * PROFILE_SHARE * (1.0 + 3.0 * v * v / (TIP_SPEED_MPS * TIP_SPEED_MPS))
    ratio = v * v / (2.0 * INDUCED_MPS * INDUCED_MPS)
    load = max(thrust / HOVER_THROTTLE, 0.2)
    level = induced_w * load * math.sqrt(load)
    level *= math.sqrt(1.0 / (math.sqrt(1.0 + ratio * ratio) + ratio))
    rise = climb_mps / (2.0 * INDUCED_MPS)
    climb = induced_w * (rise + math.sqrt(rise * rise + 1.0) - 1.0)
    parasite = 0.5 * AIR_KG_M3 * DRAG_AREA_M2 * v * v * v
    power = profile + level + climb + parasite
    return power if climb_mps >= 0.0 else max(power, 0.6 * hover_w)
