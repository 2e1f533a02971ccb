"""Defaults of the parameters that the simulated copter has: ArduCopter 4.1's, for a quadcopter.

They are those of the firmware with what ArduPilot's simulator sets on top of it for a copter.
"""

from __future__ import annotations

INT8 = 2
INT16 = 4
INT32 = 6
REAL32 = 9

_Rows = dict[str, tuple[float, int]]

# The system, links and streams.
_SYSTEM_LINKS_AND_STREAMS: _Rows = {
    "SYSID_SW_MREV": (120, INT16),
    "SYSID_THISMAV": (1, INT16),
    "SYSID_MYGCS": (255, INT16),
    "FORMAT_VERSION": (120, INT16),
    "SERIAL0_BAUD": (115, INT32),
    "SERIAL0_PROTOCOL": (2, INT8),
    "SERIAL1_BAUD": (57, INT32),
    "SERIAL1_PROTOCOL": (2, INT8),
    "SERIAL2_BAUD": (57, INT32),
    "SERIAL2_PROTOCOL": (2, INT8),
    "TELEM_DELAY": (0, INT8),
    "GCS_PID_MASK": (0, INT16),
    "BRD_TYPE": (0, INT8),
    "BRD_OPTIONS": (1, INT32),
    "BRD_SAFETYENABLE": (1, INT8),
    "BRD_SERIAL_NUM": (0, INT16),
    "BRD_BOOT_DELAY": (0, INT16),
    "SCHED_LOOP_RATE": (400, INT16),
    "LOG_BITMASK": (176126, INT32),
    "LOG_BACKEND_TYPE": (1, INT8),
    "LOG_DISARMED": (0, INT8),
    "STAT_BOOTCNT": (1, INT16),
    "STAT_FLTTIME": (0, INT32),
    "STAT_RUNTIME": (0, INT32),
    "STAT_RESET": (1, INT32),
}
# The frame and the pilot.
_FRAME_AND_PILOT: _Rows = {
    "FRAME_CLASS": (1, INT8),
    "FRAME_TYPE": (0, INT8),
    "PILOT_THR_FILT": (0, REAL32),
    "PILOT_TKOFF_ALT": (0, REAL32),
    "PILOT_THR_BHV": (0, INT16),
    "PILOT_SPEED_UP": (250, INT16),
    "PILOT_SPEED_DN": (0, INT16),
    "PILOT_ACCEL_Z": (250, INT16),
    "PILOT_Y_RATE": (202.5, REAL32),
    "PILOT_Y_EXPO": (0, REAL32),
    "THR_DZ": (100, INT16),
    "TKOFF_SLEW_TIME": (2, REAL32),
    "ANGLE_MAX": (3000, INT16),
    "ACRO_TRAINER": (2, INT8),
    "ACRO_BAL_ROLL": (1, REAL32),
    "ACRO_BAL_PITCH": (1, REAL32),
    "SIMPLE": (0, INT8),
    "SUPER_SIMPLE": (0, INT8),
    "INITIAL_MODE": (0, INT8),
    "GND_EFFECT_COMP": (1, INT8),
    "DISARM_DELAY": (10, INT8),
    "DEV_OPTIONS": (0, INT32),
    "TUNE": (0, INT8),
    "LAND_REPOSITION": (1, INT8),
    "FLTMODE1": (7, INT8),
    "FLTMODE2": (9, INT8),
    "FLTMODE3": (6, INT8),
    "FLTMODE4": (3, INT8),
    "FLTMODE5": (5, INT8),
    "FLTMODE6": (0, INT8),
    "FLTMODE_CH": (5, INT8),
}
# Failsafes and arming.
_FAILSAFES_AND_ARMING: _Rows = {
    "FS_GCS_ENABLE": (0, INT8),
    "FS_GCS_TIMEOUT": (5, REAL32),
    "FS_THR_ENABLE": (1, INT8),
    "FS_THR_VALUE": (975, INT16),
    "FS_EKF_ACTION": (1, INT8),
    "FS_EKF_THRESH": (0.8, REAL32),
    "FS_CRASH_CHECK": (1, INT8),
    "FS_VIBE_ENABLE": (1, INT8),
    "FS_OPTIONS": (16, INT32),
    "ARMING_CHECK": (1, INT32),
    "ARMING_ACCTHRESH": (0.75, REAL32),
    "ARMING_RUDDER": (2, INT8),
    "ARMING_MIS_ITEMS": (0, INT32),
    "RC_OVERRIDE_TIME": (3, REAL32),
    "RC_OPTIONS": (32, INT32),
    "RC_SPEED": (490, INT16),
}
# Flying to places.
_FLYING_TO_PLACES: _Rows = {
    "WPNAV_SPEED": (1000, REAL32),
    "WPNAV_RADIUS": (200, REAL32),
    "WPNAV_SPEED_UP": (250, REAL32),
    "WPNAV_SPEED_DN": (150, REAL32),
    "WPNAV_ACCEL": (250, REAL32),
    "WPNAV_ACCEL_Z": (100, REAL32),
    "WPNAV_RFND_USE": (1, INT8),
    "WPNAV_JERK": (1, REAL32),
    "WPNAV_TER_MARGIN": (10, REAL32),
    "WP_YAW_BEHAVIOR": (2, INT8),
    "WP_NAVALT_MIN": (0, REAL32),
    "LOIT_SPEED": (1250, REAL32),
    "LOIT_ACC_MAX": (500, REAL32),
    "LOIT_ANG_MAX": (0, REAL32),
    "LOIT_BRK_ACCEL": (250, REAL32),
    "LOIT_BRK_DELAY": (1, REAL32),
    "LOIT_BRK_JERK": (500, REAL32),
    "CIRCLE_RADIUS": (1000, REAL32),
    "CIRCLE_RATE": (20, REAL32),
    "CIRCLE_OPTIONS": (1, INT16),
    "GUID_OPTIONS": (0, INT32),
    "GUID_TIMEOUT": (3, REAL32),
    "AUTO_OPTIONS": (0, INT32),
    "RTL_ALT": (1500, INT32),
    "RTL_ALT_FINAL": (0, INT16),
    "RTL_ALT_TYPE": (0, INT8),
    "RTL_CLIMB_MIN": (0, INT16),
    "RTL_CONE_SLOPE": (3, REAL32),
    "RTL_LOIT_TIME": (5000, INT32),
    "RTL_OPTIONS": (0, INT32),
    "RTL_SPEED": (0, INT16),
    "LAND_SPEED": (50, INT16),
    "LAND_SPEED_HIGH": (0, INT16),
    "LAND_ALT_LOW": (1000, INT16),
    "PHLD_BRAKE_RATE": (8, INT16),
    "PHLD_BRAKE_ANGLE": (3000, INT16),
    "SRTL_ACCURACY": (2, REAL32),
    "SRTL_POINTS": (300, INT16),
    "TERRAIN_ENABLE": (1, INT8),
    "TERRAIN_FOLLOW": (0, INT8),
    "TERRAIN_SPACING": (100, INT16),
    "MIS_TOTAL": (0, INT16),
    "MIS_RESTART": (0, INT8),
    "MIS_OPTIONS": (0, INT16),
    "RALLY_TOTAL": (0, INT8),
    "RALLY_LIMIT_KM": (0.3, REAL32),
    "RALLY_INCL_HOME": (1, INT8),
}
# The fence.
_FENCE: _Rows = {
    "FENCE_ENABLE": (0, INT8),
    "FENCE_TYPE": (7, INT8),
    "FENCE_ACTION": (1, INT8),
    "FENCE_ALT_MAX": (100, REAL32),
    "FENCE_ALT_MIN": (-10, REAL32),
    "FENCE_RADIUS": (150, REAL32),
    "FENCE_MARGIN": (2, REAL32),
    "FENCE_TOTAL": (0, INT8),
    "AVOID_ENABLE": (3, INT8),
    "AVOID_MARGIN": (2, REAL32),
    "AVOID_BEHAVE": (0, INT8),
    "AVOID_ANGLE_MAX": (1000, INT16),
    "OA_TYPE": (0, INT8),
}
# The battery.
_BATTERY: _Rows = {
    "BATT_MONITOR": (4, INT8),
    "BATT_CAPACITY": (0, INT32),
    "BATT_SERIAL_NUM": (-1, INT32),
    "BATT_LOW_TIMER": (10, INT8),
    "BATT_FS_VOLTSRC": (0, INT8),
    "BATT_LOW_VOLT": (10.5, REAL32),
    "BATT_LOW_MAH": (0, REAL32),
    "BATT_CRT_VOLT": (0, REAL32),
    "BATT_CRT_MAH": (0, REAL32),
    "BATT_FS_LOW_ACT": (0, INT8),
    "BATT_FS_CRT_ACT": (0, INT8),
    "BATT_ARM_VOLT": (0, REAL32),
    "BATT_ARM_MAH": (0, INT32),
    "BATT_VOLT_PIN": (13, INT8),
    "BATT_CURR_PIN": (12, INT8),
    "BATT_VOLT_MULT": (10.1, REAL32),
    "BATT_AMP_PERVLT": (17, REAL32),
    "BATT_AMP_OFFSET": (0, REAL32),
    "BATT2_MONITOR": (0, INT8),
}
# Gimbal and camera.
_GIMBAL_AND_CAMERA: _Rows = {
    "MNT_TYPE": (0, INT8),
    "MNT_DEFLT_MODE": (3, INT8),
    "MNT_RETRACT_X": (0, REAL32),
    "MNT_RETRACT_Y": (0, REAL32),
    "MNT_RETRACT_Z": (0, REAL32),
    "MNT_NEUTRAL_X": (0, REAL32),
    "MNT_NEUTRAL_Y": (0, REAL32),
    "MNT_NEUTRAL_Z": (0, REAL32),
    "MNT_STAB_ROLL": (0, INT8),
    "MNT_STAB_TILT": (0, INT8),
    "MNT_STAB_PAN": (0, INT8),
    "MNT_RC_IN_ROLL": (0, INT8),
    "MNT_ANGMIN_ROL": (-4500, INT16),
    "MNT_ANGMAX_ROL": (4500, INT16),
    "MNT_RC_IN_TILT": (0, INT8),
    "MNT_ANGMIN_TIL": (-4500, INT16),
    "MNT_ANGMAX_TIL": (4500, INT16),
    "MNT_RC_IN_PAN": (0, INT8),
    "MNT_ANGMIN_PAN": (-4500, INT16),
    "MNT_ANGMAX_PAN": (4500, INT16),
    "MNT_JSTICK_SPD": (0, INT8),
    "MNT_LEAD_RLL": (0, REAL32),
    "MNT_LEAD_PTCH": (0, REAL32),
    "CAM_TRIGG_TYPE": (0, INT8),
    "CAM_DURATION": (10, INT8),
    "CAM_SERVO_ON": (1300, INT16),
    "CAM_SERVO_OFF": (1100, INT16),
    "CAM_TRIGG_DIST": (0, REAL32),
    "CAM_RELAY_ON": (1, INT8),
    "CAM_MIN_INTERVAL": (0, INT16),
    "CAM_MAX_ROLL": (0, INT16),
    "CAM_FEEDBACK_PIN": (-1, INT8),
    "CAM_FEEDBACK_POL": (1, INT8),
    "CAM_AUTO_ONLY": (0, INT8),
    "CAM_TYPE": (0, INT8),
}
# Sensors and estimator.
_SENSORS_AND_ESTIMATOR: _Rows = {
    "GPS_TYPE": (1, INT8),
    "GPS_TYPE2": (0, INT8),
    "GPS_AUTO_SWITCH": (1, INT8),
    "GPS_NAVFILTER": (8, INT8),
    "GPS_MIN_DGPS": (100, INT8),
    "GPS_HDOP_GOOD": (140, INT16),
    "GPS_RATE_MS": (200, INT16),
    "GPS_GNSS_MODE": (0, INT8),
    "GPS_AUTO_CONFIG": (1, INT8),
    "COMPASS_ENABLE": (1, INT8),
    "COMPASS_USE": (1, INT8),
    "COMPASS_USE2": (1, INT8),
    "COMPASS_USE3": (1, INT8),
    "COMPASS_AUTODEC": (1, INT8),
    "COMPASS_DEC": (0, REAL32),
    "COMPASS_LEARN": (0, INT8),
    "COMPASS_EXTERNAL": (0, INT8),
    "COMPASS_ORIENT": (0, INT8),
    "COMPASS_DEV_ID": (97539, INT32),
    "COMPASS_DEV_ID2": (131874, INT32),
    "COMPASS_DEV_ID3": (263178, INT32),
    "COMPASS_MOTCT": (0, INT8),
    "COMPASS_OFFS_MAX": (1800, INT16),
    "INS_GYR_CAL": (1, INT8),
    "INS_GYRO_FILTER": (20, INT16),
    "INS_ACCEL_FILTER": (20, INT16),
    "INS_FAST_SAMPLE": (1, INT8),
    "INS_STILL_THRESH": (2.5, REAL32),
    "INS_USE": (1, INT8),
    "INS_USE2": (1, INT8),
    "INS_USE3": (1, INT8),
    "BARO1_GND_PRESS": (94502.69, REAL32),
    "BARO_GND_TEMP": (0, REAL32),
    "BARO_ALT_OFFSET": (0, REAL32),
    "BARO_PRIMARY": (0, INT8),
    "AHRS_EKF_TYPE": (3, INT8),
    "AHRS_ORIENTATION": (0, INT8),
    "AHRS_TRIM_X": (0, REAL32),
    "AHRS_TRIM_Y": (0, REAL32),
    "AHRS_TRIM_Z": (0, REAL32),
    "AHRS_GPS_USE": (1, INT8),
    "AHRS_YAW_P": (0.2, REAL32),
    "AHRS_RP_P": (0.2, REAL32),
    "AHRS_WIND_MAX": (0, INT8),
    "EK2_ENABLE": (0, INT8),
    "EK3_ENABLE": (1, INT8),
    "EK3_IMU_MASK": (3, INT8),
    "EK3_PRIMARY": (0, INT8),
    "EK3_SRC1_POSXY": (3, INT8),
    "EK3_SRC1_VELXY": (3, INT8),
    "EK3_SRC1_POSZ": (1, INT8),
    "EK3_SRC1_VELZ": (3, INT8),
    "EK3_SRC1_YAW": (1, INT8),
    "EK3_GLITCH_RAD": (25, INT8),
    "EK3_GPS_CHECK": (31, INT8),
    "EK3_ALT_M_NSE": (2, REAL32),
    "EK3_POSNE_M_NSE": (0.5, REAL32),
    "EK3_VELNE_M_NSE": (0.3, REAL32),
    "EK3_VELD_M_NSE": (0.5, REAL32),
    "EK3_POS_I_GATE": (500, INT16),
    "EK3_VEL_I_GATE": (500, INT16),
    "EK3_HGT_I_GATE": (500, INT16),
    "EK3_MAG_I_GATE": (300, INT16),
    "EK3_MAG_CAL": (3, INT8),
    "EK3_CHECK_SCALE": (100, INT16),
    "RNGFND1_TYPE": (0, INT8),
    "FLOW_TYPE": (0, INT8),
    "VISO_TYPE": (0, INT8),
}
# Control loops.
_CONTROL_LOOPS: _Rows = {
    "ATC_SLEW_YAW": (6000, REAL32),
    "ATC_ACCEL_Y_MAX": (27000, REAL32),
    "ATC_ACCEL_R_MAX": (110000, REAL32),
    "ATC_ACCEL_P_MAX": (110000, REAL32),
    "ATC_RATE_FF_ENAB": (1, INT8),
    "ATC_INPUT_TC": (0.15, REAL32),
    "ATC_ANG_RLL_P": (4.5, REAL32),
    "ATC_ANG_PIT_P": (4.5, REAL32),
    "ATC_ANG_YAW_P": (4.5, REAL32),
    "ATC_RAT_RLL_P": (0.135, REAL32),
    "ATC_RAT_RLL_I": (0.135, REAL32),
    "ATC_RAT_RLL_D": (0.0036, REAL32),
    "ATC_RAT_PIT_P": (0.135, REAL32),
    "ATC_RAT_PIT_I": (0.135, REAL32),
    "ATC_RAT_PIT_D": (0.0036, REAL32),
    "ATC_RAT_YAW_P": (0.09, REAL32),
    "ATC_RAT_YAW_I": (0.009, REAL32),
    "ATC_RAT_YAW_D": (0, REAL32),
    "ATC_THR_MIX_MAN": (0.1, REAL32),
    "PSC_POSXY_P": (1, REAL32),
    "PSC_VELXY_P": (2, REAL32),
    "PSC_VELXY_I": (1, REAL32),
    "PSC_VELXY_D": (0.5, REAL32),
    "PSC_POSZ_P": (1, REAL32),
    "PSC_VELZ_P": (5, REAL32),
    "PSC_ACCZ_P": (0.5, REAL32),
    "PSC_ACCZ_I": (1, REAL32),
    "PSC_ANGLE_MAX": (0, REAL32),
    "PSC_JERK_XY": (5, REAL32),
    "PSC_JERK_Z": (5, REAL32),
    "MOT_THST_EXPO": (0.65, REAL32),
    "MOT_THST_HOVER": (0.39, REAL32),
    "MOT_HOVER_LEARN": (2, INT8),
    "MOT_SPIN_ARM": (0.1, REAL32),
    "MOT_SPIN_MIN": (0.15, REAL32),
    "MOT_SPIN_MAX": (0.95, REAL32),
    "MOT_BAT_VOLT_MAX": (12.8, REAL32),
    "MOT_BAT_VOLT_MIN": (9.6, REAL32),
    "MOT_BAT_CURR_MAX": (0, REAL32),
    "MOT_PWM_TYPE": (0, INT8),
    "MOT_PWM_MIN": (1000, INT16),
    "MOT_PWM_MAX": (2000, INT16),
    "MOT_SPOOL_TIME": (0.5, REAL32),
    "MOT_YAW_HEADROOM": (200, INT16),
}
# The simulation itself, by the names of ArduPilot's simulator.
_SIMULATION_ITSELF: _Rows = {
    "SIM_WIND_SPD": (0, REAL32),
    "SIM_WIND_DIR": (180, REAL32),
    "SIM_WIND_TURB": (0, REAL32),
    "SIM_GPS_DISABLE": (0, INT8),
    "SIM_GPS_GLITCH_X": (0, REAL32),
    "SIM_GPS_GLITCH_Y": (0, REAL32),
    "SIM_GPS_GLITCH_Z": (0, REAL32),
    "SIM_BATT_VOLTAGE": (12.6, REAL32),
    "SIM_ENGINE_MUL": (1, REAL32),
    "SIM_ENGINE_FAIL": (0, INT8),
    "SIM_RC_FAIL": (0, INT8),
    "SIM_SPEEDUP": (1, REAL32),
}

_STREAM_RATES: _Rows = {
    f"SR{port}_{stream}": (0, INT16)
    for port in range(3)
    for stream in (
        "RAW_SENS",
        "EXT_STAT",
        "RC_CHAN",
        "RAW_CTRL",
        "POSITION",
        "EXTRA1",
        "EXTRA2",
        "EXTRA3",
        "PARAMS",
        "ADSB",
    )
}
_COMPASS_OFFSETS: _Rows = {
    f"COMPASS_OFS{which}_{axis}": (offset, REAL32)
    for which in ("", "2", "3")
    for axis, offset in (("X", 5), ("Y", 13), ("Z", -18))
}
# Small offsets, so that the third sensor alone counts as not calibrated.
_ACCELEROMETERS: _Rows = {
    f"INS_ACC{which}{kind}_{axis}": (value if which != "3" else round(value), REAL32)
    for which in ("", "2", "3")
    for kind, value in (("OFFS", 0.001), ("SCAL", 1.001))
    for axis in "XYZ"
}
_GYROSCOPES: _Rows = {
    f"INS_GYR{which}OFFS_{axis}": (0, REAL32) for which in ("", "2", "3") for axis in "XYZ"
}


def _rc_channels() -> _Rows:
    rows: _Rows = {}
    for channel in range(1, 17):
        simulated = channel <= 8
        rows[f"RC{channel}_MIN"] = (1000 if simulated else 1100, INT16)
        rows[f"RC{channel}_TRIM"] = (1500, INT16)
        rows[f"RC{channel}_MAX"] = (2000 if simulated else 1900, INT16)
        rows[f"RC{channel}_REVERSED"] = (0, INT8)
        dead = {1: 20, 2: 20, 3: 30, 4: 20}.get(channel, 0)
        rows[f"RC{channel}_DZ"] = (dead, INT16)
        rows[f"RC{channel}_OPTION"] = (7 if channel == 7 else 0, INT16)
    return rows


def _servo_outputs() -> _Rows:
    rows: _Rows = {}
    for output in range(1, 17):
        rows[f"SERVO{output}_MIN"] = (1100, INT16)
        rows[f"SERVO{output}_TRIM"] = (1500, INT16)
        rows[f"SERVO{output}_MAX"] = (1900, INT16)
        rows[f"SERVO{output}_REVERSED"] = (0, INT8)
        # The first four outputs drive motors 1 to 4: functions 33 to 36.
        rows[f"SERVO{output}_FUNCTION"] = (32 + output if output <= 4 else 0, INT16)
    return rows


DEFAULTS: _Rows = {
    **_SYSTEM_LINKS_AND_STREAMS,
    **_STREAM_RATES,
    **_FRAME_AND_PILOT,
    **_FAILSAFES_AND_ARMING,
    **_FLYING_TO_PLACES,
    **_FENCE,
    **_BATTERY,
    **_GIMBAL_AND_CAMERA,
    **_SENSORS_AND_ESTIMATOR,
    **_CONTROL_LOOPS,
    **_COMPASS_OFFSETS,
    **_ACCELEROMETERS,
    **_GYROSCOPES,
    **_rc_channels(),
    **_servo_outputs(),
    **_SIMULATION_ITSELF,
}
"""Value and ``MAV_PARAM_TYPE`` by name, in the order in which they are listed."""

GIMBAL: dict[str, float] = {
    "MNT_TYPE": 1.0,
    "MNT_DEFLT_MODE": 1.0,
    "MNT_STAB_TILT": 1.0,
    "MNT_ANGMIN_TIL": -9000.0,
    "MNT_ANGMAX_TIL": 3000.0,
    "MNT_ANGMIN_PAN": -18000.0,
    "MNT_ANGMAX_PAN": 18000.0,
    "SERVO9_FUNCTION": 7.0,
    "SERVO10_FUNCTION": 6.0,
}
"""Changes that give it a gimbal that looks straight down and turns; they act at boot."""
