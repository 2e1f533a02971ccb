"""What the simulated copter says of its flight, and all that it can be asked to say.

Units and signs are those of the message definitions (https://mavlink.io/en/messages/), and which
optional fields are filled follows what ArduCopter 4.1 sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_data.copter.hardware_telemetry import HARDWARE
from sim_data.copter.moment import Moment, e7, i16, i32, quaternion, signed_yaw_rad, u16
from sim_data.copter.state import Mode
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
_GRAVITY_MPS2 = 9.806_65


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


def _gps_raw_int(moment: Moment) -> Message:
    s = moment.state
    course_deg = math.degrees(math.atan2(s.vel_east_mps, s.vel_north_mps)) % 360.0
    return mavlink2.MAVLink_gps_raw_int_message(
        moment.boot_us,
        s.gps_fix,
        e7(s.gps_lat_deg),
        e7(s.gps_lon_deg),
        i32(s.gps_alt_amsl_m * 1000.0),
        u16(s.hdop * 100.0),
        u16(s.vdop * 100.0),
        u16(s.ground_speed_mps * 100.0),
        u16(course_deg * 100.0),
        s.satellites,
    )


def _global_position_int(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_global_position_int_message(
        moment.boot_ms,
        e7(s.lat_deg),
        e7(s.lon_deg),
        i32(s.alt_amsl_m * 1000.0),
        i32(s.alt_home_m * 1000.0),
        i16(s.vel_north_mps * 100.0),
        i16(s.vel_east_mps * 100.0),
        i16(s.vel_down_mps * 100.0),
        u16(s.yaw_deg * 100.0) % 36_000,
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


def _attitude(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_attitude_message(
        moment.boot_ms,
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        signed_yaw_rad(s.yaw_deg),
        math.radians(s.roll_rate_dps),
        math.radians(s.pitch_rate_dps),
        math.radians(s.yaw_rate_dps),
    )


def _attitude_quaternion(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_attitude_quaternion_message(
        moment.boot_ms,
        *quaternion(s.roll_deg, s.pitch_deg, s.yaw_deg),
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
        u16(s.throttle_percent),
        s.alt_amsl_m,
        -s.vel_down_mps,
    )


def _mission_current(moment: Moment) -> Message:
    return mavlink2.MAVLink_mission_current_message(moment.state.mission_seq)


def _nav_controller_output(moment: Moment) -> Message:
    s = moment.state
    bearing_deg = i16((s.target_bearing_deg + 180.0) % 360.0 - 180.0)
    return mavlink2.MAVLink_nav_controller_output_message(
        s.roll_deg,
        s.pitch_deg,
        bearing_deg,
        bearing_deg,
        u16(s.wp_distance_m),
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


def _ahrs(moment: Moment) -> Message:
    return mavlink2.MAVLink_ahrs_message(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _ahrs2(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_ahrs2_message(
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        signed_yaw_rad(s.yaw_deg),
        s.alt_amsl_m,
        e7(s.lat_deg),
        e7(s.lon_deg),
    )


def _simstate(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_simstate_message(
        math.radians(s.roll_deg),
        math.radians(s.pitch_deg),
        signed_yaw_rad(s.yaw_deg),
        0.0,
        0.0,
        -_GRAVITY_MPS2,
        math.radians(s.roll_rate_dps),
        math.radians(s.pitch_rate_dps),
        math.radians(s.yaw_rate_dps),
        e7(s.truth_lat_deg),
        e7(s.truth_lon_deg),
    )


def _wind(moment: Moment) -> Message:
    s = moment.state
    return mavlink2.MAVLink_wind_message(s.wind_from_deg, s.wind_speed_mps, 0.0)


def _extended_sys_state(moment: Moment) -> Message:
    return mavlink2.MAVLink_extended_sys_state_message(0, int(moment.state.landed_state))


def _mount_status(moment: Moment) -> Message | None:
    s = moment.state
    if not s.has_mount:
        return None
    return mavlink2.MAVLink_mount_status_message(
        0,
        0,
        i32(s.gimbal_pitch_deg * 100.0),
        i32(s.gimbal_roll_deg * 100.0),
        i32(s.gimbal_yaw_deg * 100.0),
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
        quaternion(s.gimbal_roll_deg, s.gimbal_pitch_deg, s.gimbal_yaw_deg),
        0.0,
        0.0,
        0.0,
        0,
    )


def _home_position(moment: Moment) -> Message | None:
    home = moment.state.home
    if home is None:
        return None
    return mavlink2.MAVLink_home_position_message(
        e7(home.lat_deg),
        e7(home.lon_deg),
        i32(home.alt_amsl_m * 1000.0),
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
        e7(origin.lat_deg), e7(origin.lon_deg), i32(origin.alt_amsl_m * 1000.0), moment.boot_us
    )


BUILDERS: dict[int, Callable[[Moment], Message | None]] = {
    **HARDWARE,
    mavlink2.MAVLINK_MSG_ID_HEARTBEAT: heartbeat,
    mavlink2.MAVLINK_MSG_ID_GPS_RAW_INT: _gps_raw_int,
    mavlink2.MAVLINK_MSG_ID_ATTITUDE: _attitude,
    mavlink2.MAVLINK_MSG_ID_ATTITUDE_QUATERNION: _attitude_quaternion,
    mavlink2.MAVLINK_MSG_ID_LOCAL_POSITION_NED: _local_position_ned,
    mavlink2.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: _global_position_int,
    mavlink2.MAVLINK_MSG_ID_MISSION_CURRENT: _mission_current,
    mavlink2.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN: _gps_global_origin,
    mavlink2.MAVLINK_MSG_ID_NAV_CONTROLLER_OUTPUT: _nav_controller_output,
    mavlink2.MAVLINK_MSG_ID_VFR_HUD: _vfr_hud,
    mavlink2.MAVLINK_MSG_ID_MOUNT_STATUS: _mount_status,
    mavlink2.MAVLINK_MSG_ID_FENCE_STATUS: _fence_status,
    mavlink2.MAVLINK_MSG_ID_AHRS: _ahrs,
    mavlink2.MAVLINK_MSG_ID_SIMSTATE: _simstate,
    mavlink2.MAVLINK_MSG_ID_WIND: _wind,
    mavlink2.MAVLINK_MSG_ID_AHRS2: _ahrs2,
    mavlink2.MAVLINK_MSG_ID_EKF_STATUS_REPORT: _ekf_status_report,
    mavlink2.MAVLINK_MSG_ID_HOME_POSITION: _home_position,
    mavlink2.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: _extended_sys_state,
    mavlink2.MAVLINK_MSG_ID_MOUNT_ORIENTATION: _mount_orientation,
    mavlink2.MAVLINK_MSG_ID_GIMBAL_DEVICE_ATTITUDE_STATUS: _gimbal_device_attitude_status,
}
"""Every message that can be asked for, by its number; None says that there is nothing to tell."""
