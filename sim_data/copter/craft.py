"""Everything that the parts of a simulated copter share: the one mutable state of the flight."""

from __future__ import annotations

import random
from collections.abc import Callable

from park.geodesy import LocalFrame
from park.mission_item import MissionType
from sim_data.copter.battery import Battery, BatteryPack
from sim_data.copter.fault_board import FaultBoard
from sim_data.copter.mission_list import GLOBAL, MissionList
from sim_data.copter.params import ParamTable
from sim_data.copter.physics import Body, Demand, WindField
from sim_data.copter.radio import Radio
from sim_data.copter.sensors import Sensors
from sim_data.copter.state import (
    Event,
    HomeChanged,
    HomePoint,
    Mode,
    Severity,
    StatusText,
)

TAKEOFF_DELAY_S = 2.5
"""From arming until the motors have run up and may lift."""


class Craft:
    """The vehicle's own state, shared by flight modes, checks and failsafes.

    Args:
        boot: where it is switched on.
        params: its parameters.
        pack: its battery.
        rng: everything random.
    """

    def __init__(
        self, boot: HomePoint, params: ParamTable, pack: BatteryPack, rng: random.Random
    ) -> None:
        self.boot = boot
        self.params = params
        self.values = params.values
        self.rng = rng
        self.frame = LocalFrame(boot.lat_deg, boot.lon_deg)
        self.body = Body(boot.heading_deg)
        self.wind = WindField(rng)
        self.battery = Battery(pack)
        self.faults = FaultBoard()
        self.missions = {kind: MissionList(kind) for kind in MissionType}
        self.events: list[Event] = []
        self.demand = Demand()
        self.sim_s = 0.0
        """Seconds since the simulation began; reboots do not set it back."""
        self.disarm: Callable[[str], None] = lambda _why: None
        """Stops the motors; set by the vehicle when it is put together."""
        self.restart()

    def restart(self) -> None:
        """Begin anew as after a reboot: what was not stored is forgotten, the body stays put."""
        self.sensors = Sensors(self.rng)
        self.radio = Radio()
        self.time_s = 0.0
        self.mode = Mode.STABILIZE
        self.armed = False
        self.auto_armed = False
        self.armed_at_s = 0.0
        self.armed_yaw_deg = self.body.yaw
        self.landed = self.body.on_ground
        self.took_off_at_s = 0.0
        self.home: HomePoint | None = None
        self.home_locked = False
        self.home_e = self.home_n = self.home_u = 0.0
        self.origin_e, self.origin_n = self.body.east, self.body.north
        self.origin_u = self.body.up
        self.mission_reached = 0
        self.ekf_failsafe = False
        for missions in self.missions.values():
            missions.set_home(None)

    # The estimate: all that flight modes may look at.

    @property
    def east(self) -> float:
        """Metres east, as the estimator believes."""
        return self.body.east + self.sensors.off_e

    @property
    def north(self) -> float:
        """Metres north, as the estimator believes."""
        return self.body.north + self.sensors.off_n

    @property
    def up(self) -> float:
        """Metres above the place of boot, as the estimator believes."""
        return self.body.up + self.sensors.off_u

    @property
    def alt_home(self) -> float:
        """Metres above home."""
        return self.up - self.home_u

    @property
    def alt_max_home(self) -> float:
        """Highest that the fence lets it fly, metres above home; infinity without one."""
        if self.values["FENCE_ENABLE"] and int(self.values["FENCE_TYPE"]) & 1:
            return self.values["FENCE_ALT_MAX"] - self.values["FENCE_MARGIN"]
        return float("inf")

    def say(self, severity: Severity, text: str) -> None:
        """Send a status text; MAVLink has room for 50 characters."""
        self.events.append(StatusText(severity, text[:50]))

    def to_local(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Return metres east and north of the frame's origin."""
        east, north = self.frame.to_en_m(lat_deg, lon_deg)
        return float(east), float(north)

    def up_of(self, alt_m: float, frame: int) -> float:
        """Return the height in the frame of a height as an item or message gives it.

        Heights above terrain are taken as heights above home: the simulated ground is flat.
        """
        return alt_m - self.boot.alt_amsl_m if frame == GLOBAL else self.home_u + alt_m

    def place(self) -> tuple[float, float]:
        """Return latitude and longitude of the estimate, degrees."""
        lat_deg, lon_deg = self.frame.to_lat_lon(self.east, self.north)
        return float(lat_deg), float(lon_deg)

    def set_home(self, home: HomePoint, *, locked: bool) -> None:
        """Call a place home; a locked one is not moved by arming."""
        self.home = home
        self.home_locked = locked
        self.home_e, self.home_n = self.to_local(home.lat_deg, home.lon_deg)
        self.home_u = home.alt_amsl_m - self.boot.alt_amsl_m
        for missions in self.missions.values():
            missions.set_home(home)
        self.events.append(HomeChanged(home))

    def set_home_here(self, *, locked: bool = False) -> None:
        """Call the present place home."""
        lat_deg, lon_deg = self.place()
        alt_amsl_m = self.boot.alt_amsl_m + self.up
        self.set_home(HomePoint(lat_deg, lon_deg, alt_amsl_m, self.body.yaw), locked=locked)

    def home_distance_m(self) -> float:
        """Return the level distance to home, metres."""
        east, north = self.east - self.home_e, self.north - self.home_n
        return float((east * east + north * north) ** 0.5)

    @property
    def may_lift(self) -> bool:
        """Whether the motors have run up."""
        return self.armed and self.sim_s - self.armed_at_s >= TAKEOFF_DELAY_S

    @property
    def position_ok(self) -> bool:
        """Whether modes that fly to places may be used."""
        return self.sensors.has_position and not self.ekf_failsafe
