"""What the simulated copter says of its hardware: sensors, battery, radio, outputs, version.

Units and signs are those of the message definitions (https://mavlink.io/en/messages/).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_data.copter.moment import Moment, i16, i32, u16
from sim_data.copter.state import CopterState, EkfFlags
from sim_data.copter.wire import Message, mavlink2

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
_SEA_LEVEL_HPA = 1013.25


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
        u16(state.battery_v * 1000.0),
        i16(state.battery_a * 100.0),
        state.battery_percent,
        0, 0, 0, 0, 0, 0,
    )  # fmt: skip


def _power_status(moment: Moment) -> Message:
    return mavlink2.MAVLink_power_status_message(5000, 0, 0)


def _meminfo(moment: Moment) -> Message:
    return mavlink2.MAVLink_meminfo_message(0, 65_535, 131_072)


def _system_time(moment: Moment) -> Message:
    return mavlink2.MAVLink_system_time_message(int(moment.unix_s * 1e6), moment.boot_ms)


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
        [min(65_534, u16(s.battery_v * 1000.0)), *([65_535] * 9)],
        i16(s.battery_a * 100.0),
        i32(s.battery_used_mah),
        i32(s.battery_used_wh * 36.0),
        s.battery_percent,
    )


def _vibration(moment: Moment) -> Message:
    return mavlink2.MAVLink_vibration_message(moment.boot_us, *moment.state.vibration_mps2, 0, 0, 0)


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
        i16(1000.0 * math.sin(pitch)),
        i16(-1000.0 * math.sin(roll) * math.cos(pitch)),
        i16(-1000.0 * math.cos(roll) * math.cos(pitch)),
        *(
            i16(math.radians(rate) * 1000.0)
            for rate in (s.roll_rate_dps, s.pitch_rate_dps, s.yaw_rate_dps)
        ),
    )


def _scaled_pressure(moment: Moment) -> Message:
    # International standard atmosphere, below 11 km.
    pressure = _SEA_LEVEL_HPA * (1.0 - 2.255_77e-5 * moment.state.alt_amsl_m) ** 5.255_88
    return mavlink2.MAVLink_scaled_pressure_message(moment.boot_ms, pressure, 0.0, 3500)


def _hwstatus(moment: Moment) -> Message:
    return mavlink2.MAVLink_hwstatus_message(5000, 0)


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


HARDWARE: dict[int, Callable[[Moment], Message]] = {
    mavlink2.MAVLINK_MSG_ID_SYS_STATUS: _sys_status,
    mavlink2.MAVLINK_MSG_ID_SYSTEM_TIME: _system_time,
    mavlink2.MAVLINK_MSG_ID_RAW_IMU: _raw_imu,
    mavlink2.MAVLINK_MSG_ID_SCALED_PRESSURE: _scaled_pressure,
    mavlink2.MAVLINK_MSG_ID_RC_CHANNELS_RAW: _rc_channels_raw,
    mavlink2.MAVLINK_MSG_ID_SERVO_OUTPUT_RAW: _servo_output_raw,
    mavlink2.MAVLINK_MSG_ID_RC_CHANNELS: _rc_channels,
    mavlink2.MAVLINK_MSG_ID_SCALED_IMU2: _scaled_imu2,
    mavlink2.MAVLINK_MSG_ID_POWER_STATUS: _power_status,
    mavlink2.MAVLINK_MSG_ID_BATTERY_STATUS: _battery_status,
    mavlink2.MAVLINK_MSG_ID_AUTOPILOT_VERSION: _autopilot_version,
    mavlink2.MAVLINK_MSG_ID_MEMINFO: _meminfo,
    mavlink2.MAVLINK_MSG_ID_HWSTATUS: _hwstatus,
    mavlink2.MAVLINK_MSG_ID_VIBRATION: _vibration,
}
"""Messages about hardware by their numbers."""
