"""GUIDED: flying to places and with velocities that a ground station sends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim_data.copter.craft import Craft
from sim_data.copter.guidance import Guidance, YawMode
from sim_data.copter.mission_list import GLOBAL, RELATIVE
from sim_data.copter.modes import FlightMode
from sim_data.copter.physics import Demand
from sim_data.copter.state import Mode

_GLOBAL_FRAMES = {0: GLOBAL, 5: GLOBAL, 3: RELATIVE, 6: RELATIVE, 10: RELATIVE, 11: RELATIVE}
_LOCAL_NED, _LOCAL_OFFSET, _BODY, _BODY_OFFSET = 1, 7, 8, 9
_NO_POSITION, _NO_VELOCITY, _NO_YAW, _NO_RATE = 0x007, 0x038, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class GuidedTarget:
    """``SET_POSITION_TARGET_GLOBAL_INT`` or ``..._LOCAL_NED``.

    Attributes:
        frame: ``MAV_FRAME``.
        type_mask: ``POSITION_TARGET_TYPEMASK``: bits of what is to be ignored.
        position: latitude and longitude in degrees and height in metres for global frames;
            metres north, east and down for local ones.
        velocity_ned_mps: north, east, down; forward, right, down for body frames.
        yaw_rad: clockwise from north.
        yaw_rate_rps: clockwise.
    """

    frame: int
    type_mask: int
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    velocity_ned_mps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_rad: float = 0.0
    yaw_rate_rps: float = 0.0


class Guided(FlightMode):
    """Flies where it is told to, last word first; without one, it holds its place."""

    number = Mode.GUIDED
    needs_position = True
    takes_off = True

    def __init__(self, craft: Craft, guidance: Guidance) -> None:
        super().__init__(craft, guidance)
        self._taking_off = False
        self._going = False
        self._velocity: tuple[float, float, float] | None = None
        self._told_at_s = 0.0

    def enter(self, *, forced: bool) -> bool:
        """Hold the present place."""
        self._taking_off = self._going = False
        self._velocity = None
        self.guidance.reset_speeds()
        self.guidance.target = self.guidance.stopping_place()
        self.guidance.point_by_default()
        return True

    def leave(self) -> None:
        """Stop taking off, if that is what it does."""
        self._taking_off = False

    def takeoff(self, alt_home_m: float) -> bool:
        """Climb straight to a height above home."""
        craft, guidance = self.craft, self.guidance
        if alt_home_m <= craft.alt_home:
            return False
        here = guidance.here()
        guidance.start_leg((here[0], here[1], craft.home_u + alt_home_m), origin=here)
        guidance.point(YawMode.HOLD)
        self._taking_off, self._going, self._velocity = True, True, None
        craft.auto_armed = True
        return True

    @property
    def flying_to(self) -> bool:
        """Whether there is a place that it flies to."""
        return self._going

    def run(self, dt: float, demand: Demand) -> None:
        """Fly as told."""
        craft, guidance = self.craft, self.guidance
        if not craft.may_lift or (craft.landed and not self._taking_off):
            self.idle(demand)
            return
        if self._velocity is not None:
            self._fly_velocity(demand)
        elif self._going:
            guidance.fly_leg(dt, demand)
            if guidance.reached():
                self._going = False
                if self._taking_off:
                    self._taking_off = False
                    guidance.point_by_default()
        else:
            guidance.hold(demand)
        guidance.turn(demand)

    def _fly_velocity(self, demand: Demand) -> None:
        craft, guidance = self.craft, self.guidance
        if craft.time_s - self._told_at_s > craft.values["GUID_TIMEOUT"]:
            self._velocity = None
            guidance.target = guidance.stopping_place()
            guidance.hold(demand)
            return
        north, east, down = self._velocity or (0.0, 0.0, 0.0)
        speed = math.hypot(north, east)
        share = min(1.0, guidance.speed_mps / speed) if speed > 0.0 else 1.0
        guidance.target = guidance.here()
        guidance.hold(demand)
        demand.ve, demand.vn = east * share, north * share
        demand.vu = min(max(-down, -guidance.down_mps), guidance.up_mps)

    def go_to(self, lat_deg: float, lon_deg: float, alt_m: float, frame: int) -> bool:
        """Fly to a place; `frame` says what its height is above. Return whether it may."""
        kind = _GLOBAL_FRAMES.get(frame)
        if kind is None or not (abs(lat_deg) <= 90.0 and abs(lon_deg) <= 180.0):
            return False
        east, north = self.craft.to_local(lat_deg, lon_deg)
        up = self.craft.up_of(alt_m, kind)
        if not (math.isfinite(east) and math.isfinite(north) and math.isfinite(up)):
            return False
        return self._go((east, north, up))

    def _go(self, place: tuple[float, float, float]) -> bool:
        self._velocity = None
        self._taking_off = False
        self._going = True
        self.guidance.start_leg(place)
        self.guidance.point_by_default()
        return True

    def target(self, told: GuidedTarget) -> bool:
        """Do what a position target message says, and return whether it could be used."""
        mask = told.type_mask
        wants_place = mask & _NO_POSITION != _NO_POSITION
        wants_velocity = mask & _NO_VELOCITY != _NO_VELOCITY
        numbers = (*told.position, *told.velocity_ned_mps, told.yaw_rad, told.yaw_rate_rps)
        if not all(math.isfinite(value) for value in numbers):
            return False
        self._told_at_s = self.craft.time_s
        if wants_place:
            taken = self._to_place(told)
        elif wants_velocity:
            self._velocity = self._as_ned(told)
            self._going = self._taking_off = False
            taken = True
        else:
            taken = mask & _NO_YAW == 0 or mask & _NO_RATE == 0
        if taken and mask & _NO_YAW == 0:
            self.guidance.point(YawMode.FIXED, math.degrees(told.yaw_rad))
        elif taken and mask & _NO_RATE == 0:
            self.guidance.point(YawMode.RATE, None, math.degrees(told.yaw_rate_rps))
        return taken

    def _to_place(self, told: GuidedTarget) -> bool:
        if told.frame in _GLOBAL_FRAMES:
            return self.go_to(*told.position, told.frame)
        craft = self.craft
        north, east, down = told.position
        if told.frame == _BODY_OFFSET:
            north, east = self._turned(north, east)
        if told.frame in {_LOCAL_OFFSET, _BODY, _BODY_OFFSET}:
            return self._go((craft.east + east, craft.north + north, craft.up - down))
        if told.frame == _LOCAL_NED:
            return self._go((craft.origin_e + east, craft.origin_n + north, craft.origin_u - down))
        return False

    def _as_ned(self, told: GuidedTarget) -> tuple[float, float, float]:
        north, east, down = told.velocity_ned_mps
        if told.frame in {_BODY, _BODY_OFFSET}:
            north, east = self._turned(north, east)
        return north, east, down

    def _turned(self, forward: float, right: float) -> tuple[float, float]:
        yaw = math.radians(self.craft.body.yaw)
        return (
            forward * math.cos(yaw) - right * math.sin(yaw),
            forward * math.sin(yaw) + right * math.cos(yaw),
        )
