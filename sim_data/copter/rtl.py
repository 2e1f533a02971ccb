"""Returning home, or to the nearest rally point, and landing there."""

from __future__ import annotations

import math
from enum import Enum

from park.mission_item import MissionType
from sim_data.copter.craft import Craft
from sim_data.copter.guidance import Guidance, Place, YawMode
from sim_data.copter.modes import FlightMode, sink
from sim_data.copter.physics import Demand
from sim_data.copter.state import Mode

_CONE_FLOOR_M = 2.5
_LEAST_CONE = 0.5


class Stage(Enum):
    """How far a return has got."""

    CLIMB = "climb"
    RETURN = "return"
    WAIT = "wait"
    DESCEND = "descend"
    LAND = "land"


class Rtl(FlightMode):
    """Climb to RTL_ALT, straight back, wait RTL_LOIT_TIME, land and disarm."""

    number = Mode.RTL
    needs_position = True
    arms = False

    def __init__(self, craft: Craft, guidance: Guidance) -> None:
        super().__init__(craft, guidance)
        self.stage = Stage.CLIMB
        self._waited_s = 0.0
        self._goal: Place = (0.0, 0.0, 0.0)

    def enter(self, *, forced: bool) -> bool:
        """Work out where to, and begin to climb."""
        guidance = self.guidance
        guidance.reset_speeds()
        if self.craft.values["RTL_SPEED"] > 0.0:
            guidance.speed_mps = self.craft.values["RTL_SPEED"] / 100.0
        self._waited_s = 0.0
        self._goal = way_back(self.craft)
        self.stage = Stage.CLIMB
        here = guidance.stopping_place()
        guidance.start_leg((here[0], here[1], max(self._goal[2], here[2])), origin=here)
        guidance.point(YawMode.HOLD)
        return True

    @property
    def done(self) -> bool:
        """Whether it has landed at the end of its way."""
        return self.stage is Stage.LAND and self.craft.landed

    def run(self, dt: float, demand: Demand) -> None:
        """Fly the stage that it has got to."""
        craft, guidance = self.craft, self.guidance
        if craft.landed:
            self.idle(demand)
            if craft.armed:
                self.stage = Stage.LAND
                craft.disarm("landed")
            return
        if self.stage is Stage.LAND:
            sink(craft, guidance, demand)
        elif self.stage is Stage.WAIT:
            guidance.hold(demand)
            self._waited_s += dt
            if self._waited_s >= craft.values["RTL_LOIT_TIME"] / 1000.0 and guidance.yaw_done():
                self._begin_descent()
        else:
            guidance.fly_leg(dt, demand)
            if guidance.reached():
                self._next()
        guidance.turn(demand)

    def _next(self) -> None:
        guidance = self.guidance
        if self.stage is Stage.CLIMB:
            self.stage = Stage.RETURN
            guidance.start_leg(self._goal, origin=guidance.target)
            guidance.point_by_default(homewards=True)
        elif self.stage is Stage.RETURN:
            self.stage = Stage.WAIT
            guidance.target = self._goal
            if int(self.craft.values["WP_YAW_BEHAVIOR"]) != 0:
                guidance.point(YawMode.FIXED, self.craft.armed_yaw_deg)

    def _begin_descent(self) -> None:
        guidance = self.guidance
        final = self.craft.values["RTL_ALT_FINAL"] / 100.0
        if final > 0.0:
            self.stage = Stage.DESCEND
            up = self.craft.home_u + final
            guidance.start_leg((self._goal[0], self._goal[1], up), origin=self._goal)
        else:
            self.stage = Stage.LAND
            guidance.target = self._goal


def way_back(craft: Craft) -> Place:
    """Return where a return goes, and how high, east, north and up.

    The nearest rally point within RALLY_LIMIT_KM, if there is one and it is nearer than home or
    RALLY_INCL_HOME is 0; else home. To home at RTL_ALT, to a rally point at its own height; never
    lower than it is now, and within the cone of RTL_CONE_SLOPE and below the fence's ceiling.
    """
    values = craft.values
    goal = (craft.home_e, craft.home_n)
    alt_home = values["RTL_ALT"] / 100.0
    rally = _nearest_rally(craft)
    if rally is not None:
        goal, alt_home = (rally[0], rally[1]), rally[2]
    now = craft.alt_home
    away = math.hypot(goal[0] - craft.east, goal[1] - craft.north)
    alt = max(alt_home, now + max(0.0, values["RTL_CLIMB_MIN"] / 100.0))
    slope = values["RTL_CONE_SLOPE"]
    if slope >= _LEAST_CONE:
        alt = max(min(alt, max(away * slope, _CONE_FLOOR_M)), now)
    alt = min(alt, max(craft.alt_max_home, 0.0))
    return goal[0], goal[1], craft.home_u + alt


def _nearest_rally(craft: Craft) -> Place | None:
    best: Place | None = None
    nearest = math.inf
    for item in craft.missions[MissionType.RALLY].items:
        east, north = craft.to_local(item.x, item.y)
        away = math.hypot(east - craft.east, north - craft.north)
        if away < nearest:
            nearest, best = away, (east, north, item.z)
    limit = craft.values["RALLY_LIMIT_KM"] * 1000.0
    if best is None or (limit > 0.0 and nearest > limit):
        return None
    if craft.values["RALLY_INCL_HOME"] >= 1.0 and craft.home_distance_m() < nearest:
        return None
    return best
