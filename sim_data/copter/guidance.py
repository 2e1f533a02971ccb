"""How the simulated copter flies to places: legs, holding, turning, and where its nose points."""

from __future__ import annotations

import math
from enum import Enum

from sim_data.copter.craft import Craft
from sim_data.copter.physics import VELOCITY_GAIN, Demand, wrap_deg

Place = tuple[float, float, float]
"""East, north and up in the craft's frame, metres."""

POSITION_GAIN = 1.0
BRAKING_SHARE = 0.7
"""Of its acceleration that it counts on when it stops."""
CROSS_TRACK_MPS = 3.0
LAG_S = 1.0 / VELOCITY_GAIN
"""How far the vehicle is behind what is asked of it."""
YAW_SLEW_DPS = 60.0


class YawMode(Enum):
    """What decides where the nose points."""

    HOLD = "hold"
    FIXED = "fixed"
    AHEAD = "ahead"
    ROI = "roi"
    COURSE = "course"
    RATE = "rate"


class Guidance:
    """Turns places into velocities.

    Args:
        craft: that is guided.
    """

    def __init__(self, craft: Craft) -> None:
        self._craft = craft
        self.origin: Place = (0.0, 0.0, 0.0)
        self.target: Place = (0.0, 0.0, 0.0)
        self.end_mps = 0.0
        self.fast = False
        """Whether the leg's end is passed without stopping."""
        self._track_mps = 0.0
        self.speed_mps = 10.0
        self.up_mps = 2.5
        self.down_mps = 1.5
        self.yaw_mode = YawMode.HOLD
        self.yaw_deg = craft.body.yaw
        self.yaw_rate_dps = 0.0
        self.roi: Place | None = None

    def reset_speeds(self) -> None:
        """Go back to the speeds that the parameters give: what a change of mode does."""
        values = self._craft.values
        self.speed_mps = max(values["WPNAV_SPEED"], 20.0) / 100.0
        self.up_mps = max(values["WPNAV_SPEED_UP"], 10.0) / 100.0
        self.down_mps = max(values["WPNAV_SPEED_DN"], 10.0) / 100.0

    @property
    def accel(self) -> float:
        """Level acceleration, m/s²."""
        return max(self._craft.values["WPNAV_ACCEL"], 50.0) / 100.0

    @property
    def accel_z(self) -> float:
        """Upright acceleration, m/s²."""
        return max(self._craft.values["WPNAV_ACCEL_Z"], 50.0) / 100.0

    def here(self) -> Place:
        """Return where the craft believes to be."""
        return self._craft.east, self._craft.north, self._craft.up

    def stopping_place(self) -> Place:
        """Return where it comes to rest when it brakes now."""
        body = self._craft.body
        speed = math.sqrt(body.ve * body.ve + body.vn * body.vn)
        ahead = speed / (2.0 * self.accel * BRAKING_SHARE) + 0.2
        east, north, up = self.here()
        return (
            east + body.ve * ahead,
            north + body.vn * ahead,
            up + body.vu * (abs(body.vu) / (2.0 * self.accel_z) + 0.2),
        )

    def start_leg(
        self, target: Place, *, origin: Place | None = None, end_mps: float = 0.0
    ) -> None:
        """Begin a leg.

        Args:
            target: its end.
            origin: its beginning; where it would come to rest when left out.
            end_mps: speed to have at the end; 0 to stop there.
        """
        self.origin = origin if origin is not None else self.stopping_place()
        self.target = target
        self.end_mps = end_mps
        self.fast = end_mps > 0.0
        along = self._along()
        body = self._craft.body
        speed = along[0] * body.ve + along[1] * body.vn + along[2] * body.vu
        self._track_mps = max(speed, 0.0)

    def _along(self) -> Place:
        east = self.target[0] - self.origin[0]
        north = self.target[1] - self.origin[1]
        up = self.target[2] - self.origin[2]
        length = math.sqrt(east * east + north * north + up * up)
        if length < 0.05:
            return 0.0, 0.0, 0.0
        return east / length, north / length, up / length

    def distance(self) -> float:
        """Return the distance to the leg's end in space, metres."""
        east, north, up = self.here()
        de, dn, du = self.target[0] - east, self.target[1] - north, self.target[2] - up
        return math.sqrt(de * de + dn * dn + du * du)

    def level_distance(self) -> float:
        """Return the level distance to the leg's end, metres."""
        return math.hypot(self.target[0] - self._craft.east, self.target[1] - self._craft.north)

    def bearing(self) -> float:
        """Return the direction of the leg's end, clockwise from true north, 0 to 360."""
        east = self.target[0] - self._craft.east
        north = self.target[1] - self._craft.north
        return math.degrees(math.atan2(east, north)) % 360.0

    def cross_track(self) -> float:
        """Return how far right of the leg it is, metres."""
        east, north = self.target[0] - self.origin[0], self.target[1] - self.origin[1]
        length = math.hypot(east, north)
        if length < 0.05:
            return 0.0
        off_e, off_n = self._craft.east - self.origin[0], self._craft.north - self.origin[1]
        return (off_e * north - off_n * east) / length

    def reached(self) -> bool:
        """Return whether the leg is done: passed its end, or stopped within its radius."""
        east, north, up = self.here()
        along = self._along()
        left = (
            (self.target[0] - east) * along[0]
            + (self.target[1] - north) * along[1]
            + (self.target[2] - up) * along[2]
        )
        radius = max(self._craft.values["WPNAV_RADIUS"], 5.0) / 100.0
        if self.fast:
            return left <= radius + self._track_mps * LAG_S
        if self.distance() > radius:
            return False
        body = self._craft.body
        speed = math.sqrt(body.ve * body.ve + body.vn * body.vn + body.vu * body.vu)
        return abs(left) <= 0.3 or speed < 0.3

    def fly_leg(self, dt: float, demand: Demand) -> None:
        """Ask for the velocity that keeps it on the leg and ends it."""
        along = self._along()
        if along == (0.0, 0.0, 0.0):
            self.hold(demand)
            return
        level = math.sqrt(along[0] * along[0] + along[1] * along[1])
        upright = abs(along[2])
        rise = self.up_mps if along[2] > 0.0 else self.down_mps
        fastest = min(
            self.speed_mps / level if level > 1e-3 else math.inf,
            rise / upright if upright > 1e-3 else math.inf,
        )
        accel = min(
            self.accel / level if level > 1e-3 else math.inf,
            self.accel_z / upright if upright > 1e-3 else math.inf,
        )
        east, north, up = self.here()
        off = (east - self.origin[0], north - self.origin[1], up - self.origin[2])
        done = off[0] * along[0] + off[1] * along[1] + off[2] * along[2]
        left = (
            (self.target[0] - east) * along[0]
            + (self.target[1] - north) * along[1]
            + (self.target[2] - up) * along[2]
        )
        if self.end_mps > 0.0:
            left -= self._track_mps * LAG_S
            slow = 2.0 * accel * BRAKING_SHARE * max(left, 0.0)
            want = math.sqrt(self.end_mps * self.end_mps + slow)
        else:
            want = approach(left, accel * BRAKING_SHARE)
        want = min(want, fastest)
        change = accel * dt
        self._track_mps = min(self._track_mps + change, want) if want > 0.0 else want
        if self._track_mps > fastest:
            self._track_mps = max(fastest, self._track_mps - change)
        cross_e = off[0] - done * along[0]
        cross_n = off[1] - done * along[1]
        cross_u = off[2] - done * along[2]
        cross = math.sqrt(cross_e * cross_e + cross_n * cross_n)
        back = min(1.0, CROSS_TRACK_MPS / cross) if cross > 1e-6 else 1.0
        demand.ve = along[0] * self._track_mps - cross_e * back * POSITION_GAIN
        demand.vn = along[1] * self._track_mps - cross_n * back * POSITION_GAIN
        demand.vu = along[2] * self._track_mps - cross_u * POSITION_GAIN
        self._limit(demand)

    def hold(self, demand: Demand) -> None:
        """Ask for the velocity that brings it to its target, straight, and keeps it there."""
        craft, target = self._craft, self.target
        de, dn, du = target[0] - craft.east, target[1] - craft.north, target[2] - craft.up
        away = math.sqrt(de * de + dn * dn)
        speed = min(approach(away, self.accel * BRAKING_SHARE), self.speed_mps)
        share = speed / away if away > 1e-6 else 0.0
        demand.ve, demand.vn = de * share, dn * share
        rise = approach(abs(du), self.accel_z * BRAKING_SHARE)
        demand.vu = rise if du > 0.0 else -rise
        self._limit(demand)

    def _limit(self, demand: Demand) -> None:
        demand.vu = min(max(demand.vu, -self.down_mps), self.up_mps)
        demand.accel_xy = self.accel
        demand.accel_z = self.accel_z * 1.5
        demand.free = False
        demand.thrust = None
        demand.motors = True

    # Where the nose points.

    def point_by_default(self, *, homewards: bool = False) -> None:
        """Let WP_YAW_BEHAVIOR decide, unless a place is being looked at."""
        if self.yaw_mode is YawMode.ROI:
            return
        behavior = int(self._craft.values["WP_YAW_BEHAVIOR"])
        if behavior == 0 or (behavior == 2 and homewards):
            self.point(YawMode.HOLD)
        elif behavior == 3:
            self.point(YawMode.COURSE)
        else:
            self.point(YawMode.AHEAD)

    def point(self, mode: YawMode, yaw_deg: float | None = None, rate_dps: float = 0.0) -> None:
        """Point the nose in a way of one's own; the present heading when none is given."""
        self.yaw_mode = mode
        self.yaw_deg = (self._craft.body.yaw if yaw_deg is None else yaw_deg) % 360.0
        self.yaw_rate_dps = rate_dps

    def look_at(self, place: Place | None) -> None:
        """Keep the nose on a place; None ends that."""
        self.roi = place
        if place is not None:
            self.point(YawMode.ROI)
        elif self.yaw_mode is YawMode.ROI:
            self.yaw_mode = YawMode.HOLD
            self.point_by_default()

    def turn(self, demand: Demand) -> None:
        """Ask for the heading."""
        demand.yaw_rate_dps = YAW_SLEW_DPS
        craft = self._craft
        if self.yaw_mode is YawMode.RATE:
            demand.yaw_deg, demand.yaw_rate_dps = None, self.yaw_rate_dps
            return
        if self.yaw_mode is YawMode.FIXED and self.yaw_rate_dps > 0.0:
            demand.yaw_rate_dps = self.yaw_rate_dps
        if self.yaw_mode is YawMode.ROI and self.roi is not None:
            east, north = self.roi[0] - craft.east, self.roi[1] - craft.north
            if east * east + north * north > 1.0:
                self.yaw_deg = math.degrees(math.atan2(east, north)) % 360.0
        elif self.yaw_mode is YawMode.AHEAD:
            if self.level_distance() > 2.0:
                self.yaw_deg = self.bearing()
        elif self.yaw_mode is YawMode.COURSE:
            body = craft.body
            if body.ve * body.ve + body.vn * body.vn > 4.0:
                self.yaw_deg = math.degrees(math.atan2(body.ve, body.vn)) % 360.0
        # A heading that is wrong turns the vehicle by as much the other way.
        demand.yaw_deg = self.yaw_deg - craft.sensors.heading_off_deg

    def yaw_done(self) -> bool:
        """Return whether the nose points where it should, to 2 degrees."""
        return abs(wrap_deg(self.yaw_deg - self._craft.body.yaw)) < 2.0


def approach(left_m: float, accel: float) -> float:
    """Return the speed from which it stops in `left_m`: ArduPilot's square root controller."""
    sign = 1.0 if left_m >= 0.0 else -1.0
    left = abs(left_m)
    linear = accel / (POSITION_GAIN * POSITION_GAIN)
    if left <= linear:
        return sign * left * POSITION_GAIN
    return sign * math.sqrt(2.0 * accel * (left - linear / 2.0))


def corner_mps(before: Place, corner: Place, after: Place, accel: float, cut_m: float) -> float:
    """Return how fast a corner may be passed.

    A turn that begins `cut_m` before a corner of angle a has the radius ``cut / tan(a/2)``, and
    in a turn of radius r the speed ``sqrt(accel r)`` takes all of the acceleration. It stops
    where it changes between level and steep.
    """
    in_e, in_n = corner[0] - before[0], corner[1] - before[1]
    out_e, out_n = after[0] - corner[0], after[1] - corner[1]
    lengths = math.hypot(in_e, in_n) * math.hypot(out_e, out_n)
    if lengths < 1e-6:
        return 0.0
    cosine = min(max((in_e * out_e + in_n * out_n) / lengths, -1.0), 1.0)
    if _steep(before, corner) or _steep(corner, after):
        return 0.0
    half = math.acos(cosine) / 2.0
    if half > 1.4:
        return 0.0
    return math.sqrt(accel * cut_m / max(math.tan(half), 1e-4))


def _steep(origin: Place, target: Place) -> bool:
    level = math.hypot(target[0] - origin[0], target[1] - origin[1])
    return abs(target[2] - origin[2]) > level
