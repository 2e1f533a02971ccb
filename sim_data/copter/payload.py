"""The simulated copter's gimbal and camera."""

from __future__ import annotations

import math

from sim_data.copter.craft import Craft
from sim_data.copter.physics import wrap_deg
from sim_data.copter.state import CameraTriggered

GIMBAL_DPS = 90.0
"""How fast the gimbal turns."""
MOUNT_PAN = 6.0
"""SERVOn_FUNCTION of the servo that turns a mount sideways."""
_SERVO_FUNCTIONS = tuple(f"SERVO{output}_FUNCTION" for output in range(1, 17))
_RETRACT, _NEUTRAL, _MAVLINK, _RC, _GPS_POINT = 0, 1, 2, 3, 4


class Mount:
    """A stabilised gimbal, there only when MNT_TYPE was not 0 at boot.

    Angles are from level, yaw from the vehicle's nose. Limits are MNT_ANGMIN_TIL and
    MNT_ANGMAX_TIL; with their defaults it does not look farther down than 45 degrees.

    Args:
        craft: that carries it.
    """

    def __init__(self, craft: Craft) -> None:
        self._craft = craft
        self.present = craft.values["MNT_TYPE"] >= 1.0
        self.roll = self.yaw = 0.0
        self.pitch = craft.values["MNT_NEUTRAL_Y"]
        self._mode = int(craft.values["MNT_DEFLT_MODE"])
        self._target = (0.0, 0.0, 0.0)
        self.roi: tuple[float, float, float] | None = None
        """What it is kept on: east, north, up in the craft's frame."""

    @property
    def pans(self) -> bool:
        """Whether it can turn sideways by itself."""
        values = self._craft.values
        return any(values[name] == MOUNT_PAN for name in _SERVO_FUNCTIONS)

    def aim(self, pitch_deg: float, roll_deg: float, yaw_deg: float) -> bool:
        """Point it by angles, and return whether there is one."""
        if not self.present:
            return False
        self._mode, self._target = _MAVLINK, (pitch_deg, roll_deg, yaw_deg)
        return True

    def set_mode(self, mode: int) -> None:
        """Set how it is pointed: ``MAV_MOUNT_MODE``."""
        self._mode = mode

    def look_at(self, place: tuple[float, float, float] | None) -> None:
        """Keep it on a place, or, with None, go back to its default mode."""
        self.roi = place
        self._mode = int(self._craft.values["MNT_DEFLT_MODE"]) if place is None else _GPS_POINT

    def update(self, dt_s: float) -> None:
        """Turn towards where it is told to look."""
        if not self.present:
            return
        values = self._craft.values
        pitch, roll, yaw = self._wanted()
        pitch = min(max(pitch, values["MNT_ANGMIN_TIL"] / 100.0), values["MNT_ANGMAX_TIL"] / 100.0)
        roll = min(max(roll, values["MNT_ANGMIN_ROL"] / 100.0), values["MNT_ANGMAX_ROL"] / 100.0)
        yaw = min(max(yaw, values["MNT_ANGMIN_PAN"] / 100.0), values["MNT_ANGMAX_PAN"] / 100.0)
        most = GIMBAL_DPS * dt_s
        self.pitch += min(max(pitch - self.pitch, -most), most)
        self.roll += min(max(roll - self.roll, -most), most)
        self.yaw += min(max(yaw - self.yaw, -most), most) if self.pans else -self.yaw

    def _wanted(self) -> tuple[float, float, float]:
        values = self._craft.values
        if self._mode == _MAVLINK:
            return self._target
        if self._mode == _GPS_POINT and self.roi is not None:
            east = self.roi[0] - self._craft.east
            north = self.roi[1] - self._craft.north
            level = math.hypot(east, north)
            pitch = math.degrees(math.atan2(self.roi[2] - self._craft.up, level))
            bearing = math.degrees(math.atan2(east, north))
            return pitch, 0.0, wrap_deg(bearing - self._craft.body.yaw)
        if self._mode == _RETRACT:
            return values["MNT_RETRACT_Y"], values["MNT_RETRACT_X"], values["MNT_RETRACT_Z"]
        return values["MNT_NEUTRAL_Y"], values["MNT_NEUTRAL_X"], values["MNT_NEUTRAL_Z"]


class Camera:
    """A camera that takes pictures on command or by distance.

    Args:
        craft: that carries it.
        mount: that holds it.
    """

    def __init__(self, craft: Craft, mount: Mount) -> None:
        self._craft, self._mount = craft, mount
        self.count = 0
        self.spacing_m = 0.0
        self._last: tuple[float, float] | None = None

    def trigger_every(self, spacing_m: float) -> None:
        """Take a picture every `spacing_m` from now on; 0 stops."""
        self.spacing_m = max(spacing_m, 0.0)

    def trigger(self) -> None:
        """Take a picture."""
        craft, mount = self._craft, self._mount
        self.count += 1
        lat_deg, lon_deg = craft.place()
        craft.events.append(
            CameraTriggered(
                image_index=self.count,
                time_boot_s=craft.time_s,
                lat_deg=lat_deg,
                lon_deg=lon_deg,
                alt_amsl_m=craft.boot.alt_amsl_m + craft.up,
                alt_home_m=craft.alt_home,
                roll_deg=mount.roll if mount.present else craft.body.roll,
                pitch_deg=mount.pitch if mount.present else craft.body.pitch,
                yaw_deg=craft.body.yaw,
            )
        )
        self._last = (craft.east, craft.north)

    def update(self) -> None:
        """Take a picture if it has moved far enough since the last one."""
        craft = self._craft
        if self.spacing_m <= 0.0 or not craft.position_ok:
            return
        if self._last is None:
            self._last = (craft.east, craft.north)
            return
        east, north = craft.east - self._last[0], craft.north - self._last[1]
        if east * east + north * north >= self.spacing_m * self.spacing_m:
            self.trigger()
