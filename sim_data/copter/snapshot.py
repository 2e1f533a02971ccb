"""Makes the frozen state that is handed out from everything that moves."""

from __future__ import annotations

import math

from park.mission_item import MissionType
from sim_data.copter.arming import Arming
from sim_data.copter.craft import Craft
from sim_data.copter.failsafes import Failsafes
from sim_data.copter.fence import GeoFence
from sim_data.copter.guidance import Guidance
from sim_data.copter.mission_run import Auto
from sim_data.copter.modes import ModeSwitch
from sim_data.copter.payload import Camera, Mount
from sim_data.copter.rtl import Rtl, Stage
from sim_data.copter.sensors import ALIGNED_S
from sim_data.copter.state import (
    CopterState,
    LandedState,
    Mode,
    SystemStatus,
)


def landed_state(craft: Craft, switch: ModeSwitch) -> LandedState:
    """Return on the ground, in the air, taking off or landing."""
    if craft.landed:
        return LandedState.ON_GROUND
    flying = switch.flying
    landing = isinstance(flying, Rtl) and flying.stage is Stage.LAND
    if craft.mode is Mode.LAND or landing:
        return LandedState.LANDING
    if craft.body.up - craft.body.ground < 1.0 and craft.demand.vu > 0.2:
        return LandedState.TAKEOFF
    return LandedState.IN_AIR


def system_status(craft: Craft, failsafes: Failsafes) -> SystemStatus:
    """Return what the heartbeat says of the system."""
    if craft.time_s < ALIGNED_S:
        return SystemStatus.CALIBRATING
    if craft.armed and failsafes.active:
        return SystemStatus.CRITICAL
    return SystemStatus.STANDBY if craft.landed else SystemStatus.ACTIVE


def battery_percent(craft: Craft) -> int:
    """Return what is left by BATT_CAPACITY, percent; 0 when that is 0."""
    capacity = craft.values["BATT_CAPACITY"]
    if capacity <= 0.0:
        return 0
    left = 100.0 * (capacity - craft.battery.used_mah) / capacity
    return int(min(max(left, 0.0), 100.0))


def snapshot(
    craft: Craft,
    switch: ModeSwitch,
    guidance: Guidance,
    auto: Auto,
    arming: Arming,
    failsafes: Failsafes,
    fence: GeoFence,
    mount: Mount,
    camera: Camera,
) -> CopterState:
    """Return the state of a copter at this moment."""
    body, sensors, battery = craft.body, craft.sensors, craft.battery
    lat_deg, lon_deg = craft.place()
    gps_lat, gps_lon = _gps_place(craft)
    truth_lat, truth_lon = craft.frame.to_lat_lon(body.east, body.north)
    running = craft.armed and not craft.landed
    wind = craft.wind
    return CopterState(
        time_boot_s=craft.time_s,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=craft.boot.alt_amsl_m + craft.up,
        alt_home_m=craft.alt_home,
        vel_north_mps=body.vn,
        vel_east_mps=body.ve,
        vel_down_mps=-body.vu,
        local_north_m=craft.north - craft.origin_n,
        local_east_m=craft.east - craft.origin_e,
        local_down_m=craft.origin_u - craft.up,
        roll_deg=body.roll,
        pitch_deg=body.pitch,
        yaw_deg=(body.yaw + sensors.heading_off_deg) % 360.0,
        roll_rate_dps=body.roll_rate,
        pitch_rate_dps=body.pitch_rate,
        yaw_rate_dps=body.yaw_rate,
        airspeed_mps=body.airspeed,
        ground_speed_mps=math.hypot(body.ve, body.vn),
        throttle_percent=100.0 * body.thrust if craft.armed else 0.0,
        armed=craft.armed,
        mode=craft.mode,
        landed_state=landed_state(craft, switch),
        system_status=system_status(craft, failsafes),
        prearm_ok=arming.ready,
        battery_v=battery.volts,
        battery_a=battery.amps,
        battery_percent=battery_percent(craft),
        battery_used_mah=battery.used_mah,
        battery_used_wh=battery.used_wh,
        battery_soc=battery.charge,
        gps_fix=sensors.fix,
        satellites=sensors.satellites,
        hdop=sensors.hdop,
        vdop=2.0 if sensors.fix >= 3 else 99.99,
        gps_lat_deg=gps_lat,
        gps_lon_deg=gps_lon,
        gps_alt_amsl_m=craft.boot.alt_amsl_m + craft.up if sensors.fix >= 3 else 0.0,
        ekf_flags=sensors.flags(craft.time_s),
        velocity_variance=sensors.velocity_variance,
        pos_horiz_variance=sensors.pos_variance,
        pos_vert_variance=sensors.height_variance,
        compass_variance=sensors.compass_variance,
        vibration_mps2=_vibration_mps2(craft),
        gimbal_roll_deg=mount.roll,
        gimbal_pitch_deg=mount.pitch,
        gimbal_yaw_deg=mount.yaw,
        has_mount=mount.present,
        camera_count=camera.count,
        mission_seq=auto.sequence.current_seq,
        mission_count=len(craft.missions[MissionType.MISSION].items),
        wp_distance_m=guidance.level_distance() if running else 0.0,
        target_bearing_deg=guidance.bearing(),
        alt_error_m=guidance.target[2] - craft.up if running else 0.0,
        xtrack_error_m=guidance.cross_track() if running else 0.0,
        home=craft.home,
        wind_speed_mps=math.hypot(wind.east_mps, wind.north_mps),
        wind_from_deg=math.degrees(math.atan2(-wind.east_mps, -wind.north_mps)) % 360.0,
        rc_channels=craft.radio.channels,
        servo_outputs=_servos(craft),
        fence_enabled=fence.enabled,
        fence_breached=fence.breaches != 0,
        fence_breach_count=fence.breach_count,
        fence_breach_type=fence.breach_type,
        fence_breach_time_s=fence.breach_time_s,
        failsafe=failsafes.active,
        truth_lat_deg=float(truth_lat),
        truth_lon_deg=float(truth_lon),
        truth_alt_amsl_m=craft.boot.alt_amsl_m + body.up,
    )


def _gps_place(craft: Craft) -> tuple[float, float]:
    """Return where the receiver says that it is; zeros without a fix."""
    body, sensors = craft.body, craft.sensors
    if sensors.fix < 2:
        return 0.0, 0.0
    east, north = body.east + sensors.gps_off_e, body.north + sensors.gps_off_n
    lat_deg, lon_deg = craft.frame.to_lat_lon(east, north)
    return float(lat_deg), float(lon_deg)


def _vibration_mps2(craft: Craft) -> tuple[float, float, float]:
    """Return how much it shakes; a weak motor shows."""
    shake = 0.1
    if craft.armed and not craft.landed:
        shake = 3.0 + 60.0 * (1.0 - craft.faults.weakest)
    return shake, shake, 1.5 * shake


def _servos(craft: Craft) -> tuple[int, ...]:
    pulse = 1000 + int(1000.0 * craft.body.thrust) if craft.armed else 1000
    return (pulse, pulse, pulse, pulse, 0, 0, 0, 0)
