"""From MAVLink messages to the vehicle's present state, and to what is worth telling."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from pymavlink.mavutil import mode_mapping_acm

from drone.lines import Message
from drone.telemetry import (
    ArmedChanged,
    CameraFeedback,
    HomeChanged,
    LandedChanged,
    LandedState,
    LinkEvent,
    MissionCurrent,
    MissionReached,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from park.clock import Clock

_ARMED_FLAG = 128
_PREARM_CHECK = 0x1000_0000  # MAV_SYS_STATUS_PREARM_CHECK
_MAV_STATE_STANDBY = 3
_MAV_STATE_ACTIVE = 4
_LANDED = {
    0: LandedState.UNKNOWN,
    1: LandedState.ON_GROUND,
    2: LandedState.IN_AIR,
    3: LandedState.TAKING_OFF,
    4: LandedState.LANDING,
}

# ESTIMATOR_STATUS_FLAGS, with ArduPilot's own meaning of 1024.
_EKF_ATTITUDE = 1
_EKF_HORIZ_ABS = 16
_EKF_VERT_ABS = 32
_EKF_CONST_POS_MODE = 128
_EKF_PRED_HORIZ_ABS = 512
_EKF_UNINITIALISED = 1024
_EKF_VARIANCE_LIMIT = 0.8
"""ArduCopter's own limit, the default of its FS_EKF_THRESH."""

_GIMBAL_YAW_LOCK = 16
_GIMBAL_YAW_IN_EARTH_FRAME = 64
_REBOOT_S = 1.0
_LATE_S = 5.0
FROM_GIMBALS = frozenset({"GIMBAL_DEVICE_ATTITUDE_STATUS", "MOUNT_ORIENTATION"})
"""Messages that a gimbal may send itself; their time is of its clock, not of the vehicle's."""
_TEXT_PART_CHARS = 50
_BETTER_GIMBAL_S = 2.0

MODE_NUMBERS: dict[str, int] = {name: number for number, name in mode_mapping_acm.items()}
"""Flight modes of ArduCopter."""


def mode_name(number: int) -> str:
    """Return the name of a flight mode; ``MODE_31`` for one that nobody here knows."""
    return str(mode_mapping_acm.get(number, f"MODE_{number}"))


class Readings:
    """The vehicle's state as its messages tell it.

    It is not safe for several threads: `drone.link` holds its lock around it.

    Args:
        clock: of this program.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.heard_s = -math.inf
        self.asked_mode: str | None = None
        self.capacity_mah: float | None = None
        self._forget()
        self._take: dict[str, Callable[[Message, datetime], list[LinkEvent] | None]] = {
            "HEARTBEAT": self._heartbeat,
            "GLOBAL_POSITION_INT": self._position,
            "ATTITUDE": self._attitude,
            "SYS_STATUS": self._sys_status,
            "BATTERY_STATUS": self._battery,
            "GPS_RAW_INT": self._gps,
            "EKF_STATUS_REPORT": self._ekf,
            "EXTENDED_SYS_STATE": self._extended,
            "MOUNT_STATUS": self._mount_status,
            "MOUNT_ORIENTATION": self._mount_orientation,
            "GIMBAL_DEVICE_ATTITUDE_STATUS": self._gimbal_device,
            "MISSION_CURRENT": self._mission_current,
            "MISSION_ITEM_REACHED": self._mission_reached,
            "HOME_POSITION": self._home_position,
            "WIND": self._wind,
            "CAMERA_FEEDBACK": self._camera,
            "STATUSTEXT": self._text,
            "PARAM_VALUE": self._param,
        }

    def _forget(self) -> None:
        """Forget everything that does not outlive a reboot."""
        self._now: dict[str, float] = {}
        self._mode: str | None = None
        self._armed = False
        self._landed = LandedState.UNKNOWN
        self._tells_landed = False
        self._ekf_ok: bool | None = None
        self._prearm_ok: bool | None = None
        self._percent: float | None = None
        self._mission_seq: int | None = None
        self._boot_s: float | None = None
        self._position_s = -math.inf
        self._attitude_s = -math.inf
        self._gimbal_s = -math.inf
        self._parts: tuple[int, int, str] | None = None
        self._unanswered: tuple[str, float] | None = None

    @property
    def boot_s(self) -> float | None:
        """The vehicle's clock, seconds since it was switched on."""
        return self._boot_s

    def gave_up_on(self, mode: str) -> None:
        """Note that a mode was asked for and nobody knows whether the vehicle heard it.

        A change into it is ours all the same, as long as no heartbeat that is clearly later says
        that the vehicle is in another.
        """
        self._unanswered = (mode, self._clock.monotonic_s() + _LATE_S)

    def take(self, message: Message) -> list[LinkEvent]:
        """Take in a message of our vehicle and return what is worth telling."""
        now = self._clock.now()
        events = self._check_boot(message, now)
        take = self._take.get(message.get_type())
        if take is not None:
            events.extend(take(message, now) or ())
        return events

    def snapshot(self) -> Telemetry:
        """Return the state as it is now."""
        now_s = self._clock.monotonic_s()
        values = self._now
        percent = self._percent
        if self.capacity_mah == 0.0 or (self.capacity_mah is None and percent == 0.0):
            percent = None
        return Telemetry(
            time=self._clock.now(),
            heartbeat_age_s=now_s - self.heard_s,
            position_age_s=now_s - self._position_s,
            attitude_age_s=now_s - self._attitude_s,
            time_boot_s=self._boot_s,
            battery_percent=percent,
            mode=self._mode,
            armed=self._armed,
            landed=self._landed,
            gps_fix=_whole(values.get("gps_fix")),
            satellites=_whole(values.get("satellites")),
            ekf_ok=self._ekf_ok,
            prearm_ok=self._prearm_ok,
            mission_seq=self._mission_seq,
            **{name: values.get(name) for name in _PLAIN},
        )

    def _check_boot(self, message: Message, now: datetime) -> list[LinkEvent]:
        boot_ms = getattr(message, "time_boot_ms", None)
        if not boot_ms or message.get_type() in FROM_GIMBALS:
            return []
        boot_s = boot_ms / 1000.0
        before_s = self._boot_s
        self._boot_s = boot_s if before_s is None else max(before_s, boot_s)
        if before_s is None or before_s - boot_s < _REBOOT_S:
            return []
        self._forget()
        self._boot_s = boot_s
        return [VehicleRebooted(now, before_s, boot_s)]

    def _heartbeat(self, message: Message, now: datetime) -> list[LinkEvent]:
        self.heard_s = self._clock.monotonic_s()
        events: list[LinkEvent] = []
        mode = mode_name(message.custom_mode)
        if mode != self._mode:
            late = self._unanswered is not None and mode == self._unanswered[0]
            by_us = late or mode == self.asked_mode
            events.append(ModeChanged(now, self._mode, mode, by_us=by_us, late=late))
            self._mode = mode
        if self._unanswered is not None and (
            mode == self._unanswered[0] or self.heard_s > self._unanswered[1]
        ):
            self._unanswered = None
        armed = bool(message.base_mode & _ARMED_FLAG)
        if armed != self._armed:
            events.append(ArmedChanged(now, armed))
            self._armed = armed
        if not self._tells_landed:
            events.extend(self._set_landed(self._landed_by_heartbeat(message.system_status), now))
        return events

    def _landed_by_heartbeat(self, status: int) -> LandedState:
        """Return what a vehicle that does not send what it thinks of it tells all the same.

        ArduCopter is "standing by" on the ground and "active" in the air; a failsafe hides
        either.
        """
        if not self._armed or status == _MAV_STATE_STANDBY:
            return LandedState.ON_GROUND
        return LandedState.IN_AIR if status == _MAV_STATE_ACTIVE else self._landed

    def _set_landed(self, landed: LandedState, now: datetime) -> list[LinkEvent]:
        before, self._landed = self._landed, landed
        return [] if before is landed else [LandedChanged(now, before, landed)]

    def _extended(self, message: Message, now: datetime) -> list[LinkEvent]:
        landed = _LANDED.get(message.landed_state, LandedState.UNKNOWN)
        if landed is LandedState.UNKNOWN:
            return []
        self._tells_landed = True
        return self._set_landed(landed, now)

    def _position(self, message: Message, _: datetime) -> None:
        if message.lat == 0 and message.lon == 0:
            return  # what it sends while it does not know
        self._position_s = self._clock.monotonic_s()
        north_mps, east_mps = message.vx / 100.0, message.vy / 100.0
        self._now |= {
            "lat_deg": message.lat / 1e7,
            "lon_deg": message.lon / 1e7,
            "alt_amsl_m": message.alt / 1000.0,
            "alt_home_m": message.relative_alt / 1000.0,
            "north_mps": north_mps,
            "east_mps": east_mps,
            "down_mps": message.vz / 100.0,
            "speed_mps": math.hypot(north_mps, east_mps),
        }

    def _attitude(self, message: Message, _: datetime) -> None:
        self._attitude_s = self._clock.monotonic_s()
        self._now["roll_deg"] = math.degrees(message.roll)
        self._now["pitch_deg"] = math.degrees(message.pitch)
        self._now["yaw_deg"] = math.degrees(message.yaw) % 360.0

    def _sys_status(self, message: Message, _: datetime) -> None:
        if message.voltage_battery != 65_535:
            self._now["battery_v"] = message.voltage_battery / 1000.0
        if message.current_battery >= 0:
            self._now["battery_a"] = message.current_battery / 100.0
        self._percent = _percent(message.battery_remaining)
        if message.onboard_control_sensors_present & _PREARM_CHECK:
            self._prearm_ok = bool(message.onboard_control_sensors_health & _PREARM_CHECK)

    def _battery(self, message: Message, _: datetime) -> None:
        if message.id == 0 and message.current_consumed >= 0:
            self._now["battery_used_mah"] = float(message.current_consumed)

    def _gps(self, message: Message, _: datetime) -> None:
        self._now["gps_fix"] = message.fix_type
        if message.satellites_visible != 255:
            self._now["satellites"] = message.satellites_visible
        if message.eph == 65_535:
            self._now.pop("hdop", None)
        else:
            self._now["hdop"] = message.eph / 100.0

    def _ekf(self, message: Message, _: datetime) -> None:
        flags = message.flags
        # Before take-off it is enough that it knows that it will have a position.
        level = _EKF_HORIZ_ABS if self._armed else _EKF_HORIZ_ABS | _EKF_PRED_HORIZ_ABS
        self._ekf_ok = bool(
            flags & _EKF_ATTITUDE
            and flags & level
            and flags & _EKF_VERT_ABS
            and not flags & (_EKF_CONST_POS_MODE | _EKF_UNINITIALISED)
            and message.velocity_variance < _EKF_VARIANCE_LIMIT
            and message.pos_horiz_variance < _EKF_VARIANCE_LIMIT
        )

    def _set_gimbal(self, roll_deg: float, pitch_deg: float, yaw_deg: float) -> None:
        self._now["gimbal_roll_deg"] = roll_deg
        self._now["gimbal_pitch_deg"] = pitch_deg
        self._now["gimbal_yaw_deg"] = yaw_deg % 360.0

    def _mount_status(self, message: Message, _: datetime) -> None:
        if self._clock.monotonic_s() - self._gimbal_s < _BETTER_GIMBAL_S:
            return  # it also says it in a newer message, which is clear about its frame
        yaw_deg = self._now.get("yaw_deg", 0.0) + message.pointing_c / 100.0
        self._set_gimbal(message.pointing_b / 100.0, message.pointing_a / 100.0, yaw_deg)

    def _mount_orientation(self, message: Message, _: datetime) -> None:
        self._gimbal_s = self._clock.monotonic_s()
        self._set_gimbal(message.roll, message.pitch, message.yaw_absolute)

    def _gimbal_device(self, message: Message, _: datetime) -> None:
        w, x, y, z = message.q
        if not all(math.isfinite(v) for v in (w, x, y, z)) or w == x == y == z == 0.0:
            return
        self._gimbal_s = self._clock.monotonic_s()
        # Yaw, then pitch, then roll: the order of MAVLink's attitudes.
        roll_deg = math.degrees(math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y)))
        sine = max(-1.0, min(1.0, 2.0 * (w * y - z * x)))
        pitch_deg = math.degrees(math.asin(sine))
        yaw_deg = math.degrees(math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
        if not message.flags & (_GIMBAL_YAW_LOCK | _GIMBAL_YAW_IN_EARTH_FRAME):
            yaw_deg += self._now.get("yaw_deg", 0.0)
        self._set_gimbal(roll_deg, pitch_deg, yaw_deg)

    def _mission_current(self, message: Message, now: datetime) -> list[LinkEvent]:
        if message.seq == self._mission_seq:
            return []
        self._mission_seq = message.seq
        return [MissionCurrent(now, message.seq)]

    def _mission_reached(self, message: Message, now: datetime) -> list[LinkEvent]:
        return [MissionReached(now, message.seq)]

    def _home_position(self, message: Message, now: datetime) -> list[LinkEvent]:
        home = {
            "home_lat_deg": message.latitude / 1e7,
            "home_lon_deg": message.longitude / 1e7,
            "home_alt_amsl_m": message.altitude / 1000.0,
        }
        if home.items() <= self._now.items():
            return []
        self._now |= home
        return [HomeChanged(now, *home.values())]

    def _wind(self, message: Message, _: datetime) -> None:
        self._now["wind_mps"] = message.speed
        self._now["wind_from_deg"] = message.direction % 360.0

    def _camera(self, message: Message, now: datetime) -> list[LinkEvent]:
        return [
            CameraFeedback(
                now,
                index=message.img_idx,
                lat_deg=message.lat / 1e7,
                lon_deg=message.lng / 1e7,
                alt_amsl_m=message.alt_msl,
                alt_home_m=message.alt_rel,
                roll_deg=message.roll,
                pitch_deg=message.pitch,
                yaw_deg=message.yaw % 360.0,
            )
        ]

    def _text(self, message: Message, now: datetime) -> list[LinkEvent]:
        text = message.text
        number, part = getattr(message, "id", 0), getattr(message, "chunk_seq", 0)
        events: list[LinkEvent] = []
        if self._parts is not None and self._parts[0] != number:
            # The end of the one before was lost: what came of it is told all the same.
            events.append(StatusText(now, self._parts[1], self._parts[2].rstrip()))
            self._parts = None
        if number:
            severity, before = self._parts[1:] if self._parts else (message.severity, "")
            if part == 0:
                before = ""
            if len(text) >= _TEXT_PART_CHARS:
                self._parts = (number, severity, before + text)
                return events
            self._parts = None
            text = before + text
        events.append(StatusText(now, message.severity, text.rstrip()))
        return events

    def _param(self, message: Message, _: datetime) -> None:
        if message.param_id == "BATT_CAPACITY":
            self.capacity_mah = float(message.param_value)


_PLAIN = (
    "lat_deg",
    "lon_deg",
    "alt_home_m",
    "alt_amsl_m",
    "north_mps",
    "east_mps",
    "down_mps",
    "speed_mps",
    "roll_deg",
    "pitch_deg",
    "yaw_deg",
    "gimbal_roll_deg",
    "gimbal_pitch_deg",
    "gimbal_yaw_deg",
    "battery_v",
    "battery_a",
    "battery_used_mah",
    "hdop",
    "home_lat_deg",
    "home_lon_deg",
    "home_alt_amsl_m",
    "wind_mps",
    "wind_from_deg",
)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _percent(value: int) -> float | None:
    return float(value) if 0 <= value <= 100 else None
