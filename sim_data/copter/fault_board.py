"""Which faults are in force at a moment, and what they come to."""

from __future__ import annotations

from sim_data.copter.faults import (
    BatterySag,
    CompassError,
    Fault,
    GpsGlitch,
    GpsLoss,
    MotorWeakness,
    WindGust,
)
from sim_data.copter.physics import blows_to

FULL_BATTERY_V = 12.6
"""Default of SIM_BATT_VOLTAGE: the voltage of a battery without a fault."""


class FaultBoard:
    """Faults that last, from those injected and from the SIM_ parameters.

    ArduPilot's simulator has its faults in parameters; those that matter are heeded here too
    (SIM_GPS_DISABLE, SIM_GPS_GLITCH_X and _Y, SIM_BATT_VOLTAGE, SIM_ENGINE_MUL), so that a
    program can provoke a failure in either with the same words.
    """

    def __init__(self) -> None:
        self._active: dict[type, tuple[Fault, float]] = {}
        self.gps_lost = False
        self.glitch = (0.0, 0.0)
        """East and north, metres."""
        self.compass_off_deg = 0.0
        self.sag_v = 0.0
        self.weakest = 1.0
        self.gust = (0.0, 0.0)
        """Where it blows to, east and north, m/s."""

    def add(self, fault: Fault, duration_s: float | None, now_s: float) -> None:
        """Let a fault begin; one of the same kind is replaced, a duration of 0 ends it."""
        until_s = float("inf") if duration_s is None else now_s + duration_s
        self._active[type(fault)] = (fault, until_s)

    @property
    def active(self) -> tuple[Fault, ...]:
        """Faults in force."""
        return tuple(fault for fault, _ in self._active.values())

    def update(self, now_s: float, values: dict[str, float]) -> None:
        """Work out what holds now."""
        for kind in [k for k, (_, until_s) in self._active.items() if now_s >= until_s]:
            del self._active[kind]
        self.gps_lost = values["SIM_GPS_DISABLE"] >= 1.0
        # SIM_GPS_GLITCH_X and _Y are degrees of latitude and longitude; 111 km each near enough
        # for a fault.
        east = values["SIM_GPS_GLITCH_Y"] * 111_000.0
        north = values["SIM_GPS_GLITCH_X"] * 111_000.0
        self.compass_off_deg = 0.0
        self.sag_v = FULL_BATTERY_V - values["SIM_BATT_VOLTAGE"]
        self.weakest = min(max(values["SIM_ENGINE_MUL"], 0.0), 1.0)
        self.gust = (0.0, 0.0)
        for fault, _ in self._active.values():
            match fault:
                case GpsLoss():
                    self.gps_lost = True
                case GpsGlitch():
                    east, north = east + fault.east_m, north + fault.north_m
                case CompassError():
                    self.compass_off_deg = fault.error_deg
                case BatterySag():
                    self.sag_v += fault.volts
                case MotorWeakness():
                    self.weakest = min(self.weakest, fault.share_left)
                case WindGust():
                    self.gust = blows_to(fault.speed_mps, fault.from_deg)
        self.glitch = (east, north)
