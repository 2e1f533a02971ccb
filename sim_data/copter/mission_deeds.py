"""What is done on the way of a mission: speeds, camera, gimbal, conditions, servos."""

from __future__ import annotations

from collections.abc import Callable

from park.mission_item import MissionItem
from sim_data.copter.craft import Craft
from sim_data.copter.guidance import Guidance, Place, YawMode
from sim_data.copter.payload import Camera, Mount
from sim_data.copter.physics import wrap_deg
from sim_data.copter.state import HomePoint, Severity

DEEDS = frozenset(
    {112, 114, 115, 178, 179, 181, 182, 183, 184, 189, 191, 201, 202, 203, 205, 206, 207, 208}
    | {210, 211, 212, 215, 222, 92, 30, 94, 213}
)
"""Commands that `MissionDeeds` starts, the last four only to pass over them."""

_NOTHING = frozenset({181, 182, 183, 184, 189, 202, 208, 211, 215})
"""Taken, with nothing to be seen of it: relays, servos, grippers."""


class MissionDeeds:
    """Does what is not flying.

    Args:
        craft: that flies.
        guidance: whose speeds and heading may be told.
        mount: the gimbal.
        camera: the camera.
    """

    def __init__(self, craft: Craft, guidance: Guidance, mount: Mount, camera: Camera) -> None:
        self.craft, self.guidance = craft, guidance
        self.mount, self.camera = mount, camera
        self._until_s = 0.0
        self._within_m = 0.0
        self._heading = (0.0, 0.0)
        self._deeds: dict[int, Callable[[MissionItem], None]] = {
            112: self._wait,
            114: self._wait_near,
            115: self._turn,
            178: self._speed,
            179: self._set_home,
            201: self._look,
            203: self._shoot,
            205: self._aim,
            206: self._space,
            207: self._fence,
        }

    def start(self, item: MissionItem) -> bool:
        """Begin a command; False when this vehicle does not do it."""
        deed = self._deeds.get(item.command)
        if deed is None and item.command not in _NOTHING:
            self.craft.say(Severity.WARNING, f"Skipping invalid cmd #{item.command}")
            return False
        if deed is not None:
            deed(item)
        return True

    def _wait(self, item: MissionItem) -> None:
        self._until_s = self.craft.time_s + item.params[0]

    def _wait_near(self, item: MissionItem) -> None:
        self._within_m = item.params[0]

    def _turn(self, item: MissionItem) -> None:
        angle, rate, way, relative = item.params
        self.turn(angle, rate, way, relative=relative > 0.0)

    def _speed(self, item: MissionItem) -> None:
        self.change_speed(item.params[0], item.params[1])

    def _look(self, item: MissionItem) -> None:
        self.look_at(self._place(item))

    def _shoot(self, item: MissionItem) -> None:
        if item.x == 1.0:
            self.camera.trigger()

    def _aim(self, item: MissionItem) -> None:
        self.aim(item.params[0], item.params[1], item.params[2])

    def _space(self, item: MissionItem) -> None:
        self.camera.trigger_every(item.params[0])

    def _fence(self, item: MissionItem) -> None:
        if item.params[0] in (0.0, 1.0):
            self.craft.params.set("FENCE_ENABLE", item.params[0])

    def done(self, item: MissionItem) -> bool:
        """Return whether a command is done: all at once but for conditions."""
        if item.command == 112:
            return self.craft.time_s >= self._until_s
        if item.command == 114:
            return self.guidance.level_distance() < self._within_m
        if item.command == 115:
            # The leg that was begun in the meantime has taken the nose; take it back.
            if self.guidance.yaw_mode is not YawMode.FIXED:
                self.guidance.point(YawMode.FIXED, *self._heading)
            return self.guidance.yaw_done()
        return True

    def turn(self, angle_deg: float, rate_dps: float, way: float, *, relative: bool) -> None:
        """Turn the nose, as CONDITION_YAW tells.

        Args:
            angle_deg: to where, or by how much.
            rate_dps: how fast; 0 for the default.
            way: -1 counter-clockwise, 1 clockwise, 0 the shorter way; only for relative turns.
            relative: whether the angle is counted from the present heading.
        """
        if relative:
            angle_deg = self.craft.body.yaw + (-angle_deg if way < 0.0 else angle_deg)
        self._heading = (angle_deg, max(rate_dps, 0.0))
        self.guidance.point(YawMode.FIXED, *self._heading)

    def change_speed(self, kind: float, speed_mps: float) -> bool:
        """Fly faster or slower: kinds 0 and 1 level, 2 up, 3 down. False for no speed."""
        if speed_mps <= 0.0:
            return False
        if kind > 2.9:
            self.guidance.down_mps = speed_mps
        elif kind > 1.9:
            self.guidance.up_mps = speed_mps
        else:
            self.guidance.speed_mps = max(speed_mps, 0.2)
        return True

    def _place(self, item: MissionItem) -> Place | None:
        if item.x == 0.0 and item.y == 0.0 and item.z == 0.0:
            return None
        east, north = self.craft.to_local(item.x, item.y)
        return east, north, self.craft.up_of(item.z, item.frame)

    def look_at(self, place: Place | None) -> None:
        """Keep camera and, where the gimbal cannot pan, nose on a place; None ends that."""
        self.mount.look_at(place)
        if not self.mount.present or not self.mount.pans:
            self.guidance.look_at(place)

    def aim(self, pitch_deg: float, roll_deg: float, yaw_deg: float) -> bool:
        """Point the gimbal; one that cannot pan turns the vehicle to `yaw_deg` from north."""
        if self.mount.present and not self.mount.pans:
            self.guidance.point(YawMode.FIXED, wrap_deg(yaw_deg))
        return self.mount.aim(pitch_deg, roll_deg, yaw_deg)

    def _set_home(self, item: MissionItem) -> None:
        craft = self.craft
        if item.params[0] == 1.0 or (item.x == 0.0 and item.y == 0.0):
            craft.set_home_here(locked=True)
        else:
            up = craft.up_of(item.z, item.frame)
            home = HomePoint(item.x, item.y, craft.boot.alt_amsl_m + up, craft.body.yaw)
            craft.set_home(home, locked=True)
