"""What a simulated copter says of itself, as messages of MAVLink's ``ardupilotmega`` dialect.

Units and signs are those of the message definitions (https://mavlink.io/en/messages/), and which
optional fields are filled follows what ArduCopter 4.1 sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sim_data.copter.state import (
    CameraTriggered,
    CopterState,
    EkfFlags,
    HomePoint,
    Mode,
)
from sim_data.copter.wire import Message, mavlink2

_TYPE_QUADROTOR = 2
_AUTOPILOT_ARDUPILOTMEGA = 3
_MODES_THAT_NAVIGATE = frozenset(
    {
        Mode.AUTO,
        Mode.GUIDED,
        Mode.LOITER,
        Mode.RTL,
        Mode.CIRCLE,
        Mode.POSHOLD,
        Mode.BRAKE,
        Mode.AVOID_ADSB,
        Mode.GUIDED_NOGPS,
        Mode.SMART_RTL,
    }
)
_FIRMWARE_VERSION = (4 << 24) | (1 << 16) | (5 << 8) | 255
_CAPABILITIES = (
    mavlink2.MAV_PROTOCOL_CAPABILITY_MISSION_FLOAT
    | mavlink2.MAV_PROTOCOL_CAPABILITY_PARAM_FLOAT
    | mavlink2.MAV_PROTOCOL_CAPABILITY_MISSION_INT
    | mavlink2.MAV_PROTOCOL_CAPABILITY_COMMAND_INT
    | mavlink2.MAV_PROTOCOL_CAPABILITY_SET_POSITION_TARGET_LOCAL_NED
    | mavlink2.MAV_PROTOCOL_CAPABILITY_SET_POSITION_TARGET_GLOBAL_INT
    | mavlink2.MAV_PROTOCOL_CAPABILITY_FLIGHT_TERMINATION
    | mavlink2.MAV_PROTOCOL_CAPABILITY_MAVLINK2
    | mavlink2.MAV_PROTOCOL_CAPABILITY_MISSION_FENCE
    | mavlink2.MAV_PROTOCOL_CAPABILITY_MISSION_RALLY
)
_GRAVITY_MPS2 = 9.806_65
_SEA_LEVEL_HPA = 1013.25
_TEXT_BYTES = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """A state, and what goes with it into messages.

    Attributes:
        state: of the vehicle.
        unix_s: the time of day that its satellites tell.
        origin: where its estimator has its origin.
    """

    state: CopterState
    unix_s: float
    origin: HomePoint

    @property
    def boot_ms(self) -> int:
        """Milliseconds since boot, as messages carry them."""
        return int(self.state.time_boot_s * 1000.0) & 0xFFFFFFFF

    @property
    def boot_us(self) -> int:
        """Microseconds since boot."""
        return int(self.state.time_boot_s * 1e6)


def _i16(value: float) -> int:
    return max(-32_768, min(32_767, round(value)))


def _u16(value: float) -> int:
    return max(0, min(65_535, round(value)))


def _e7(degrees: float) -> int:
    return round(degrees * 1e7)


def heartbeat(moment: Moment) -> Message:
    """Return HEARTBEAT."""
    state = moment.state
    base = (
        mavlink2.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED
        | mavlink2.MAV_MODE_FLAG_STABILIZE_ENABLED
        | mavlink2.MAV_MODE_FLAG_MANUAL_INPUT_ENABLED
    )
    if state.mode in _MODES_THAT_NAVIGATE:
        base |= mavlink2.MAV_MODE_FLAG_GUIDED_ENABLED
    if state.armed:
        base |= mavlink2.MAV_MODE_FLAG_SAFETY_ARMED
    return mavlink2.MAVLink_heartbeat_message(
        _TYPE_QUADROTOR,
        _AUTOPILOT_ARDUPILOTMEGA,
        base,
        int(state.mode),
        int(state.system_status),
        3,
    )


def _sys_status(moment: Moment) -> Message:
    state = moment.state
    present = (
        mavlink2.MAV_SYS_STATUS_SENSOR_3D_GYRO
        | mavlink2.MAV_SYS_STATUS_SENSOR_3D_ACCEL
        | mavlink2.MAV_SYS_STATUS_SENSOR_3D_MAG
        | mavlink2.MAV_SYS_STATUS_SENSOR_ABSOLUTE_PRESSURE
        | mavlink2.MAV_SYS_STATUS_SENSOR_GPS
        | mavlink2.MAV_SYS_STATUS_SENSOR_ANGULAR_RATE_CONTROL
        | mavlink2.MAV_SYS_STATUS_SENSOR_ATTITUDE_STABILIZATION
        | mavlink2.MAV_SYS_STATUS_SENSOR_YAW_POSITION
        | mavlink2.MAV_SYS_STATUS_SENSOR_Z_ALTITUDE_CONTROL
        | mavlink2.MAV_SYS_STATUS_SENSOR_XY_POSITION_CONTROL
        | mavlink2.MAV_SYS_STATUS_SENSOR_MOTOR_OUTPUTS
        | mavlink2.MAV_SYS_STATUS_SENSOR_RC_RECEIVER
        | mavlink2.MAV_SYS_STATUS_GEOFENCE
        | mavlink2.MAV_SYS_STATUS_AHRS
        | mavlink2.MAV_SYS_STATUS_SENSOR_BATTERY
        | mavlink2.MAV_SYS_STATUS_PREARM_CHECK
    )
    enabled = present
    if not state.fence_enabled:
        enabled &= ~mavlink2.MAV_SYS_STATUS_GEOFENCE
    if not state.armed:
        enabled &= ~mavlink2.MAV_SYS_STATUS_SENSOR_MOTOR_OUTPUTS
    health = present
    if state.gps_fix < 3:
        health &= ~mavlink2.MAV_SYS_STATUS_SENSOR_GPS
    if not state.ekf_flags & EkfFlags.POS_HORIZ_ABS:
        health &= ~mavlink2.MAV_SYS_STATUS_AHRS
    if state.compass_variance >= 1.0:
        health &= ~mavlink2.MAV_SYS_STATUS_SENSOR_3D_MAG
    if state.fence_breached:
        health &= ~mavlink2.MAV_SYS_STATUS_GEOFENCE
    if not state.prearm_ok:
        health &= ~mavlink2.MAV_SYS_STATUS_PREARM_CHECK
    return mavlink2.MAVLink_sys_status_message(
        present,
        enabled,
        health,
        100,
        _u16(state.battery_v * 1000.0),
        _i16(state.battery_a * 100.0),
        state.battery_percent,
        0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def _power_status(moment: Moment) -> Message:
    return mavlink2.MAVLink_power_status_message(5000, 0, 0)


def _meminfo(moment: Moment) -> Message:
    return mavlink2.MAVLink_meminfo_message(0, 65_535, 131_072)


def _system_time(moment: Moment) -> Message:
    return mavlink2.MAVLink_system_time_message(int(moment.unix_s * 1e6), moment.boot_ms)


def _gps_raw_int(moment: Moment) -> Message:
    s = moment.state
    course_deg = math.degrees(math.atan2(s.vel_east_mps, s.vel_north_mps)) % 360.0
    return mavlink2.MAVLink_gps_raw_int_message(
        moment.boot_us,
        s.gps_fix,
        _e7(s.gps_lat_deg),
        _e7(s.gps_lon_deg),
        round(s.gps_alt_amsl_m * 1000.0),
        _u16(s.hdop * 100.0),
        _u16(s.vdop * 100.0),
        _u16(s.ground_speed_mps * 100.0),
        _u16(course_deg * 100.0),
        s.satellites,
    )


def _global_position_int(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_global_position_int_message(
        moment.boot_ms,
        _e7(s.lat_deg),
        _e7(s.lon_deg),
        round(s.alt_amsl_m * 1000.0),
        round(s.alt_home_m * 1000.0),
        _i16(s.vel_north_mps * 100.0),
        _i16(s.vel_east_mps * 100.0),
        _i16(s.vel_down_mps * 100.0),
        _u16(s.yaw_deg * 100.0) % 36_000,
    )


def _local_position_ned(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_local_position_ned_message(
        moment.boot_ms,
        s.local_north_m,
        s.local_east_m,
        s.local_down_m,
        s.vel_north_mps,
        s.vel_east_mps,
        s.vel_down_mps,
    )


def _signed_yaw_rad(yaw_deg: float) -> float:
    return math.radians((yaw_deg + 180.0) % 360.0 - 180.0)


def _attitude(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_attitude_message(
        moment.boot_ms,
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        _signed_yaw_rad(s.yaw_deg),
        math.radians(s.roll_rate_dps),
        math.radians(s.pitch_rate_dps),
        math.radians(s.yaw_rate_dps),
    )


def _quaternion(roll_deg: float, pitch_deg: float, yaw_deg: float) -> list[float]:
    """Return w, x, y, z of the rotation that turns north-east-down into body axes."""
    r, p, y = (math.radians(angle) / 2.0 for angle in (roll_deg, pitch_deg, yaw_deg))
    cr, sr, cp, sp, cy, sy = (
        math.cos(r), math.sin(r), math.cos(p), math.sin(p), math.cos(y), math.sin(y),
    )  # fmt: skip
    return [
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ]


def _attitude_quaternion(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_attitude_quaternion_message(
        moment.boot_ms,
        *_quaternion(s.roll_deg, s.pitch_deg, s.yaw_deg),
        math.radians(s.roll_rate_dps),
        math.radians(s.pitch_rate_dps),
        math.radians(s.yaw_rate_dps),
    )


def _vfr_hud(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_vfr_hud_message(
        s.airspeed_mps,
        s.ground_speed_mps,
        int(s.yaw_deg) % 360,
        _u16(s.throttle_percent),
        s.alt_amsl_m,
        -s.vel_down_mps,
    )


def _mission_current(moment: Moment) -> Message:
    return mavlink2.MAVLink_mission_current_message(moment.state.mission_seq)


def _nav_controller_output(moment: Moment) -> Message:
    s = moment.state
    bearing_deg = _i16((s.target_bearing_deg + 180.0) % 360.0 - 180.0)
    return mavlink2.MAVLink_nav_controller_output_message(
        s.roll_deg,
        s.pitch_deg,
        bearing_deg,
        bearing_deg,
        _u16(s.wp_distance_m),
        s.alt_error_m,
        0.0,
        s.xtrack_error_m,
    )


def _fence_status(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_fence_status_message(
        int(s.fence_breached),
        s.fence_breach_count,
        s.fence_breach_type,
        int(s.fence_breach_time_s * 1000.0),
    )


def _rc_channels(moment: Moment) -> Message:
    channels = (*moment.state.rc_channels, *([0] * 18))[:18]
    return mavlink2.MAVLink_rc_channels_message(
        moment.boot_ms, len(moment.state.rc_channels), *channels, 255
    )


def _rc_channels_raw(moment: Moment) -> Message:
    channels = (*moment.state.rc_channels, *([0] * 8))[:8]
    return mavlink2.MAVLink_rc_channels_raw_message(moment.boot_ms, 0, *channels, 255)


def _servo_output_raw(moment: Moment) -> Message:
    outputs = (*moment.state.servo_outputs, *([0] * 8))[:8]
    return mavlink2.MAVLink_servo_output_raw_message(moment.boot_us & 0xFFFFFFFF, 0, *outputs)


def _battery_status(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_battery_status_message(
        0,
        0,
        0,
        32_767,
        [min(65_534, _u16(s.battery_v * 1000.0)), *([65_535] * 9)],
        _i16(s.battery_a * 100.0),
        round(s.battery_used_mah),
        round(s.battery_used_wh * 36.0),
        s.battery_percent,
    )


def _ekf_status_report(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_ekf_status_report_message(
        int(s.ekf_flags),
        s.velocity_variance,
        s.pos_horiz_variance,
        s.pos_vert_variance,
        s.compass_variance,
        0.0,
    )


def _vibration(moment: Moment) -> Message:
    return mavlink2.MAVLink_vibration_message(moment.boot_us, *moment.state.vibration_mps2, 0, 0, 0)


def _ahrs(moment: Moment) -> Message:
    return mavlink2.MAVLink_ahrs_message(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _ahrs2(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_ahrs2_message(
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        _signed_yaw_rad(s.yaw_deg),
        s.alt_amsl_m,
        _e7(s.lat_deg),
        _e7(s.lon_deg),
    )


def _simstate(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_simstate_message(
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        _signed_yaw_rad(s.yaw_deg),
        0.0,
        0.0,
        -_GRAVITY_MPS2,
        math.radians(s.roll_rate_dps),
        math.radians(s.pitch_rate_dps),
        math.radians(s.yaw_rate_dps),
        _e7(s.truth_lat_deg),
        _e7(s.truth_lon_deg),
    )


def _wind(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_wind_message(s.wind_from_deg, s.wind_speed_mps, 0.0)


def _raw_imu(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_raw_imu_message(moment.boot_us, *_imu_mg_mrad(s), 0, 0, 0)


def _scaled_imu2(moment: Moment) -> Message:
    return mavlink2.MAVLink_scaled_imu2_message(
        moment.boot_ms, *_imu_mg_mrad(moment.state), 0, 0, 0
    )


def _imu_mg_mrad(s: CopterState) -> tuple[int, ...]:
    """Return what accelerometers (thousandths of g) and gyros (mrad/s) read in steady flight."""
    roll, pitch = math.radians(s.roll_deg), math.radians(s.pitch_deg)
    return (
        _i16(1000.0 * math.sin(pitch)),
        _i16(-1000.0 * math.sin(roll) * math.cos(pitch)),
        _i16(-1000.0 * math.cos(roll) * math.cos(pitch)),
        *(
            _i16(math.radians(rate) * 1000.0)
            for rate in (s.roll_rate_dps, s.pitch_rate_dps, s.yaw_rate_dps)
        ),
    )


def _scaled_pressure(moment: Moment) -> Message:
    # International standard atmosphere, below 11 km.
    pressure = _SEA_LEVEL_HPA * (1.0 - 2.255_77e-5 * moment.state.alt_amsl_m) ** 5.255_88
    return mavlink2.MAVLink_scaled_pressure_message(moment.boot_ms, pressure, 0.0, 3500)


def _hwstatus(moment: Moment) -> Message:
    return mavlink2.MAVLink_hwstatus_message(5000, 0)


def _extended_sys_state(moment: Moment) -> Message:
    return mavlink2.MAVLink_extended_sys_state_message(0, int(moment.state.landed_state))


def _mount_status(moment: Moment) -> Message | None:
    s = moment.state
    if not s.has_mount:
        return None
    return mavlink2.MAVLink_mount_status_message(
        0,
        0,
        round(s.gimbal_pitch_deg * 100.0),
        round(s.gimbal_roll_deg * 100.0),
        round(s.gimbal_yaw_deg * 100.0),
    )


def _mount_orientation(moment: Moment) -> Message | None:
    s = moment.state
    if not s.has_mount:
        return None
    return mavlink2.MAVLink_mount_orientation_message(
        moment.boot_ms,
        s.gimbal_roll_deg,
        s.gimbal_pitch_deg,
        s.gimbal_yaw_deg,
        (s.yaw_deg + s.gimbal_yaw_deg) % 360.0,
    )


def _gimbal_device_attitude_status(moment: Moment) -> Message | None:
    s = moment.state
    if not s.has_mount:
        return None
    flags = mavlink2.GIMBAL_DEVICE_FLAGS_ROLL_LOCK | mavlink2.GIMBAL_DEVICE_FLAGS_PITCH_LOCK
    return mavlink2.MAVLink_gimbal_device_attitude_status_message(
        0,
        0,
        moment.boot_ms,
        flags,
        _quaternion(s.gimbal_roll_deg, s.gimbal_pitch_deg, s.gimbal_yaw_deg),
        0.0,
        0.0,
        0.0,
        0,
    )


def _autopilot_version(moment: Moment) -> Message:
    return mavlink2.MAVLink_autopilot_version_message(
        _CAPABILITIES,
        _FIRMWARE_VERSION,
        0,
        0,
        0,
        list(b"simulate"),
        [0] * 8,
        [0] * 8,
        0,
        0,
        0,
    )


def _home_position(moment: Moment) -> Message | None:
    home = moment.state.home
    if home is None:
        return None
    return mavlink2.MAVLink_home_position_message(
        _e7(home.lat_deg),
        _e7(home.lon_deg),
        round(home.alt_amsl_m * 1000.0),
        0.0,
        0.0,
        0.0,
        [1.0, 0.0, 0.0, 0.0],
        0.0,
        0.0,
        0.0,
        moment.boot_us,
    )


def _gps_global_origin(moment: Moment) -> Message:
    origin = moment.origin
    return mavlink2.MAVLink_gps_global_origin_message(
        _e7(origin.lat_deg), _e7(origin.lon_deg), round(origin.alt_amsl_m * 1000.0), moment.boot_us
    )


def camera_feedback(event: CameraTriggered, unix_s: float) -> Message:
    """Return CAMERA_FEEDBACK of a picture that was just taken.

    Args:
        event: which picture, and from where.
        unix_s: when, by the vehicle's clock.
    """
    return mavlink2.MAVLink_camera_feedback_message(
        int(unix_s * 1e6),
        0,
        0,
        event.image_index & 0xFFFF,
        _e7(event.lat_deg),
        _e7(event.lon_deg),
        event.alt_amsl_m,
        event.alt_home_m,
        event.roll_deg,
        event.pitch_deg,
        event.yaw_deg,
        0.0,
        mavlink2.CAMERA_FEEDBACK_PHOTO,
        event.image_index & 0xFFFF,
    )


def status_texts(severity: int, text: str, text_id: int) -> list[Message]:
    """Return a line for the operator as one STATUSTEXT or, where it is long, several.

    Args:
        severity: ``MAV_SEVERITY``.
        text: of any length.
        text_id: holds the parts of a long text together, 1 to 65535.
    """
    raw = text.encode("ascii", "replace")
    parts = [raw[i : i + _TEXT_BYTES] for i in range(0, len(raw), _TEXT_BYTES)] or [b""]
    if len(parts) == 1:
        return [mavlink2.MAVLink_statustext_message(severity, raw)]
    return [
        mavlink2.MAVLink_statustext_message(severity, part, text_id, number)
        for number, part in enumerate(parts)
    ]


BUILDERS: dict[int, Callable[[Moment], Message | None]] = {
    mavlink2.MAVLINK_MSG_ID_HEARTBEAT: heartbeat,
    mavlink2.MAVLINK_MSG_ID_SYS_STATUS: _sys_status,
    mavlink2.MAVLINK_MSG_ID_SYSTEM_TIME: _system_time,
    mavlink2.MAVLINK_MSG_ID_GPS_RAW_INT: _gps_raw_int,
    mavlink2.MAVLINK_MSG_ID_RAW_IMU: _raw_imu,
    mavlink2.MAVLINK_MSG_ID_SCALED_PRESSURE: _scaled_pressure,
    mavlink2.MAVLINK_MSG_ID_ATTITUDE: _attitude,
    mavlink2.MAVLINK_MSG_ID_ATTITUDE_QUATERNION: _attitude_quaternion,
    mavlink2.MAVLINK_MSG_ID_LOCAL_POSITION_NED: _local_position_ned,
    mavlink2.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: _global_position_int,
    mavlink2.MAVLINK_MSG_ID_RC_CHANNELS_RAW: _rc_channels_raw,
    mavlink2.MAVLINK_MSG_ID_SERVO_OUTPUT_RAW: _servo_output_raw,
    mavlink2.MAVLINK_MSG_ID_MISSION_CURRENT: _mission_current,
    mavlink2.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN: _gps_global_origin,
    mavlink2.MAVLINK_MSG_ID_NAV_CONTROLLER_OUTPUT: _nav_controller_output,
    mavlink2.MAVLINK_MSG_ID_RC_CHANNELS: _rc_channels,
    mavlink2.MAVLINK_MSG_ID_VFR_HUD: _vfr_hud,
    mavlink2.MAVLINK_MSG_ID_SCALED_IMU2: _scaled_imu2,
    mavlink2.MAVLINK_MSG_ID_POWER_STATUS: _power_status,
    mavlink2.MAVLINK_MSG_ID_BATTERY_STATUS: _battery_status,
    mavlink2.MAVLINK_MSG_ID_AUTOPILOT_VERSION: _autopilot_version,
    mavlink2.MAVLINK_MSG_ID_MEMINFO: _meminfo,
    mavlink2.MAVLINK_MSG_ID_MOUNT_STATUS: _mount_status,
    mavlink2.MAVLINK_MSG_ID_FENCE_STATUS: _fence_status,
    mavlink2.MAVLINK_MSG_ID_AHRS: _ahrs,
    mavlink2.MAVLINK_MSG_ID_SIMSTATE: _simstate,
    mavlink2.MAVLINK_MSG_ID_HWSTATUS: _hwstatus,
    mavlink2.MAVLINK_MSG_ID_WIND: _wind,
    mavlink2.MAVLINK_MSG_ID_AHRS2: _ahrs2,
    mavlink2.MAVLINK_MSG_ID_EKF_STATUS_REPORT: _ekf_status_report,
    mavlink2.MAVLINK_MSG_ID_VIBRATION: _vibration,
    mavlink2.MAVLINK_MSG_ID_HOME_POSITION: _home_position,
    mavlink2.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: _extended_sys_state,
    mavlink2.MAVLINK_MSG_ID_MOUNT_ORIENTATION: _mount_orientation,
    mavlink2.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: _gimbal_device_attitude_status,
}
"""Every message that can be asked for, by its number; None says that there is nothing to tell."""
