"""AUTO: flying a mission item by item, as ArduCopter 4.1 does."""

from __future__ import annotations

import math
from collections.abc import Callable

from park.mission_item import MissionItem, MissionType
from sim_data.copter.craft import Craft
from sim_data.copter.guidance import LAG_S, Guidance, Place, YawMode, corner_mps
from sim_data.copter.mission_deeds import DEEDS, MissionDeeds
from sim_data.copter.mission_sequence import MissionSequence
from sim_data.copter.modes import FlightMode, sink
from sim_data.copter.payload import Camera, Mount
from sim_data.copter.physics import Demand
from sim_data.copter.rtl import Rtl
from sim_data.copter.state import (
    MissionCurrentChanged,
    MissionItemReached,
    Mode,
    Severity,
)

NAMES = {
    16: "WP",
    17: "LoitUnlim",
    18: "LoitTurns",
    19: "LoitTime",
    20: "RTL",
    21: "Land",
    22: "Takeoff",
    31: "LoitAltitude",
    82: "SplineWP",
    92: "GuidedEnable",
    93: "Delay",
    94: "PayloadPlace",
    112: "CondDelay",
    114: "CondDist",
    115: "CondYaw",
    177: "Jump",
    178: "ChangeSpeed",
    179: "SetHome",
    181: "SetRelay",
    182: "RepeatRelay",
    183: "SetServo",
    184: "RepeatServo",
    189: "LandStart",
    201: "SetROI",
    202: "DigiCamCfg",
    203: "DigiCamCtrl",
    205: "MountControl",
    206: "SetCamTrigDst",
    207: "FenceEnable",
    208: "Parachute",
    211: "Gripper",
    222: "GuidedLimits",
}
"""How status texts call the commands."""

_FLOWN_THROUGH = frozenset({16, 82})
_ALLOW_ARMING, _ALLOW_TAKEOFF = 1, 2
"""Bits of AUTO_OPTIONS."""
_CIRCLE_DPS = 20.0
_CIRCLE_SHARE = 0.5
"""Of its acceleration that a circle may take."""


class Auto(FlightMode):
    """Flies the stored mission.

    Args:
        craft: that flies.
        guidance: that turns places into velocities.
        mount: the gimbal.
        camera: the camera.
    """

    number = Mode.AUTO
    needs_position = True
    arms = False

    def __init__(self, craft: Craft, guidance: Guidance, mount: Mount, camera: Camera) -> None:
        super().__init__(craft, guidance)
        self.sequence = MissionSequence(self)
        self.deeds = MissionDeeds(craft, guidance, mount, camera)
        self._rtl = Rtl(craft, guidance)
        self._fly: Callable[[float, Demand], None] = self._hold
        self._read = -1
        self._since_s: float | None = None
        self._sinking = False
        self._angle_deg = 0.0
        self._turned_deg = 0.0
        self._circle = (0.0, 0.0, 0.0)
        self._circle_m = 0.0
        self._in_circle = False
        self._ccw = False
        self._waiting = True

    @property
    def may_arm(self) -> bool:
        """Whether AUTO_OPTIONS allows arming in AUTO."""
        return bool(int(self.craft.values["AUTO_OPTIONS"]) & _ALLOW_ARMING)

    def enter(self, *, forced: bool) -> bool:
        """Take the mission up where it was left, or from its beginning."""
        self._load()
        craft, items = self.craft, self.sequence.items
        if len(items) <= 1 and not forced:
            return False
        if craft.armed and craft.landed and not self._begins_with_takeoff():
            craft.say(Severity.CRITICAL, "Auto: Missing Takeoff Cmd")
            return False
        self.guidance.reset_speeds()
        if self.guidance.yaw_mode is not YawMode.ROI:
            self.guidance.point(YawMode.HOLD)
        self.guidance.target = self.guidance.stopping_place()
        self._fly = self._hold
        self.sequence.running = False
        self._waiting = True
        return True

    def leave(self) -> None:
        """Keep the progress for later."""
        self.sequence.stop()
        self._waiting = True

    def forget(self) -> None:
        """Begin at the first item next time: what disarming does."""
        self.sequence.reset()
        self._waiting = True

    def takeoff(self, alt_home_m: float) -> bool:
        """Refuse: in AUTO only the mission takes off."""
        return False

    def _load(self) -> None:
        stored = self.craft.missions[MissionType.MISSION]
        if stored.changes != self._read:
            self._read = stored.changes
            self.sequence.items = stored.items
            if not self.sequence.running:
                self.sequence.reset()

    def _begins_with_takeoff(self) -> bool:
        return next(
            (item.command == 22 for item in self.sequence.items[1:] if item.command <= 95), False
        )

    def set_current(self, seq: int) -> bool:
        """Go on with item `seq`, and return whether there is one."""
        self._load()
        if not self.sequence.set_current(seq):
            return False
        self.craft.events.append(MissionCurrentChanged(self.sequence.current_seq))
        return True

    def run(self, dt: float, demand: Demand) -> None:
        """Fly the item that it has got to."""
        craft = self.craft
        if self._waiting:
            if not craft.armed or not craft.sensors.has_position:
                self.idle(demand)
                return
            self._waiting = False
            if craft.values["MIS_RESTART"] >= 1.0:
                self.sequence.start()
            else:
                self.sequence.resume()
        self._load()
        self.sequence.update()
        if craft.mode is not Mode.AUTO:
            return
        if not craft.may_lift or not self._may_leave_ground():
            self.idle(demand)
            return
        self._fly(dt, demand)

    def _may_leave_ground(self) -> bool:
        craft = self.craft
        if not craft.landed or craft.auto_armed:
            return True
        stick = craft.radio.throttle() > 0.05
        if stick or int(craft.values["AUTO_OPTIONS"]) & _ALLOW_TAKEOFF:
            craft.auto_armed = True
        return craft.auto_armed

    # What MissionSequence asks of its host.

    def start_item(self, item: MissionItem) -> bool:
        """Begin an item."""
        name = NAMES.get(item.command, str(item.command))
        self.craft.say(Severity.INFO, f"Mission: {item.seq} {name}")
        self._since_s = None
        begin = {
            16: self._begin_leg,
            82: self._begin_leg,
            17: self._begin_leg,
            19: self._begin_leg,
            31: self._begin_leg,
            18: self._begin_circle,
            20: self._begin_rtl,
            21: self._begin_land,
            22: self._begin_takeoff,
            93: self._begin_delay,
        }.get(item.command)
        if begin is not None:
            self.craft.events.append(MissionCurrentChanged(item.seq))
            begin(item)
            return True
        return self.deeds.start(item)

    def item_done(self, item: MissionItem) -> bool:
        """Return whether an item is done, and say so."""
        done = self.deeds.done(item) if item.command in DEEDS else self._nav_done(item)
        if done:
            self.craft.mission_reached = item.seq
            self.craft.events.append(MissionItemReached(item.seq))
        return done

    def mission_complete(self) -> None:
        """Stop: hold the place in the air, disarm on the ground."""
        if self.craft.landed:
            self.craft.disarm("mission complete")
            return
        if not self.guidance.reached():
            self.guidance.target = self.guidance.stopping_place()
        self._fly = self._hold

    def jumped(self, item: MissionItem, times: int) -> None:
        """Say that a jump is taken."""
        most = int(item.params[1])
        self.craft.say(Severity.INFO, f"Mission: {item.seq} Jump {times}/{most}")

    def _nav_done(self, item: MissionItem) -> bool:
        if item.command in {16, 82, 19}:
            return self._stayed(item)
        if item.command == 22:
            return self.guidance.reached()
        if item.command in {20, 21}:
            return self.craft.landed and (item.command == 21 or self._rtl.done)
        if item.command == 93:
            return self._waited(item.params[0])
        if item.command == 18:
            return self._turned_deg >= 360.0 * item.params[0]
        if item.command == 31:
            return self._climbed(item)
        return item.command != 17

    def _stayed(self, item: MissionItem) -> bool:
        if self._since_s is None and not self.guidance.reached():
            return False
        if not self._waited(item.params[0]):
            return False
        self.craft.say(Severity.INFO, f"Reached command #{item.seq}")
        return True

    def _waited(self, seconds: float) -> bool:
        if self._since_s is None:
            self._since_s = self.craft.time_s
        return self.craft.time_s - self._since_s >= seconds

    def _climbed(self, item: MissionItem) -> bool:
        if self._since_s is None:
            if self.guidance.level_distance() > self.craft.values["WPNAV_RADIUS"] / 100.0:
                return False
            self._since_s = self.craft.time_s
            east, north, _ = self.guidance.target
            self.guidance.start_leg((east, north, self.craft.up_of(item.z, item.frame)))
        return self.guidance.reached()

    # Beginnings.

    def _place_of(self, item: MissionItem) -> Place:
        """Return where an item is; a place or height of 0 means the present one."""
        if item.x == 0.0 and item.y == 0.0:
            east, north, up = self.guidance.stopping_place()
        else:
            east, north = self.craft.to_local(item.x, item.y)
            up = self.craft.up
        if item.z != 0.0:
            up = self.craft.up_of(item.z, item.frame)
        return east, north, up

    def _begin_leg(self, item: MissionItem) -> None:
        place = self._place_of(item)
        if item.command == 31:
            place = (place[0], place[1], self.craft.up)
        guidance = self.guidance
        chained = guidance.fast and self._fly == self._fly_leg
        origin = guidance.target if chained else None
        end = self._end_speed(item, origin or guidance.here(), place)
        guidance.start_leg(place, origin=origin, end_mps=end)
        guidance.point_by_default()
        self._fly = self._fly_leg

    def _end_speed(self, item: MissionItem, before: Place, place: Place) -> float:
        following = self.sequence_after(item)
        if (
            item.command not in _FLOWN_THROUGH
            or item.params[0] > 0.0
            or following is None
            or following.command not in _FLOWN_THROUGH | {17, 19}
        ):
            return 0.0
        after = self._place_of(following)
        cut = self.craft.values["WPNAV_RADIUS"] / 100.0
        if after[:2] == place[:2]:
            return 0.0
        return min(
            corner_mps(before, place, after, self.guidance.accel, cut), self.guidance.speed_mps
        )

    def sequence_after(self, item: MissionItem) -> MissionItem | None:
        """Return the navigation item behind `item`, which has just been begun."""
        nav = self.sequence.nav
        return self.sequence.peek_nav() if nav is not None and nav.seq == item.seq else None

    def _begin_takeoff(self, item: MissionItem) -> None:
        craft, guidance = self.craft, self.guidance
        here = guidance.here()
        up = max(craft.up_of(item.z, item.frame), here[2])
        guidance.start_leg((here[0], here[1], up), origin=here)
        guidance.point(YawMode.HOLD)
        self._fly = self._fly_leg

    def _begin_rtl(self, item: MissionItem) -> None:
        self._rtl.enter(forced=True)
        self._fly = self._rtl.run

    def _begin_land(self, item: MissionItem) -> None:
        guidance = self.guidance
        self._sinking = item.x == 0.0 and item.y == 0.0
        if self._sinking:
            guidance.target = guidance.stopping_place()
        else:
            east, north = self.craft.to_local(item.x, item.y)
            guidance.start_leg((east, north, self.craft.up))
        guidance.point_by_default()
        self._fly = self._land

    def _begin_delay(self, item: MissionItem) -> None:
        self.guidance.target = self.guidance.stopping_place()
        self._fly = self._hold

    def _begin_circle(self, item: MissionItem) -> None:
        place = self._place_of(item)
        radius = abs(item.params[2]) or self.craft.values["CIRCLE_RADIUS"] / 100.0
        here = self.guidance.here()
        east, north = here[0] - place[0], here[1] - place[1]
        angle = math.degrees(math.atan2(east, north))
        if math.hypot(east, north) < 0.5:
            angle = self.craft.body.yaw + 180.0
        self._circle, self._circle_m = place, radius
        self._angle_deg, self._turned_deg, self._in_circle = angle, 0.0, False
        self._ccw = item.params[2] < 0.0
        self.guidance.start_leg(self._on_circle())
        self.guidance.point_by_default()
        self._fly = self._fly_circle

    def _on_circle(self) -> Place:
        angle = math.radians(self._angle_deg)
        east = self._circle[0] + self._circle_m * math.sin(angle)
        north = self._circle[1] + self._circle_m * math.cos(angle)
        return east, north, self._circle[2]

    # What is asked of the motors.

    def _hold(self, dt: float, demand: Demand) -> None:
        if self.craft.landed:
            self.idle(demand)
            return
        self.guidance.hold(demand)
        self.guidance.turn(demand)

    def _fly_leg(self, dt: float, demand: Demand) -> None:
        self.guidance.fly_leg(dt, demand)
        self.guidance.turn(demand)

    def _land(self, dt: float, demand: Demand) -> None:
        craft, guidance = self.craft, self.guidance
        if craft.landed:
            self.idle(demand)
            return
        if not self._sinking:
            guidance.fly_leg(dt, demand)
            self._sinking = guidance.reached()
        else:
            sink(craft, guidance, demand)
        guidance.turn(demand)

    def _fly_circle(self, dt: float, demand: Demand) -> None:
        guidance = self.guidance
        if not self._in_circle:
            guidance.fly_leg(dt, demand)
            self._in_circle = guidance.reached()
        else:
            fastest = math.sqrt(_CIRCLE_SHARE * guidance.accel * self._circle_m)
            speed = min(math.radians(_CIRCLE_DPS) * self._circle_m, guidance.speed_mps, fastest)
            rate = math.degrees(speed / self._circle_m)
            turn = -rate if self._ccw else rate
            self._angle_deg += turn * dt
            self._turned_deg += rate * dt
            guidance.target = self._on_circle()
            guidance.hold(demand)
            # Turned ahead by what the vehicle lags behind what is asked of it.
            angle = math.radians(self._angle_deg + turn * LAG_S)
            along = -speed if self._ccw else speed
            demand.ve += along * math.cos(angle)
            demand.vn -= along * math.sin(angle)
            inward = guidance.bearing() if self._circle_m < 1.0 else self._angle_deg + 180.0
            if guidance.yaw_mode is not YawMode.ROI:
                guidance.point(YawMode.FIXED, inward)
        guidance.turn(demand)
