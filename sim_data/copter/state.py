"""What a simulated copter tells about itself: its state at a moment, and what just happened.

Numbers that go over the wire as they are have the values of MAVLink's enumerations, so that the
wire needs no tables of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TypeAlias

from park.errors import SimulationError


class Mode(IntEnum):
    """Flight modes by ArduCopter's ``custom_mode`` number."""

    STABILIZE = 0
    ACRO = 1
    ALT_HOLD = 2
    AUTO = 3
    GUIDED = 4
    LOITER = 5
    RTL = 6
    CIRCLE = 7
    LAND = 9
    DRIFT = 11
    SPORT = 13
    FLIP = 14
    AUTOTUNE = 15
    POSHOLD = 16
    BRAKE = 17
    THROW = 18
    AVOID_ADSB = 19
    GUIDED_NOGPS = 20
    SMART_RTL = 21


class Severity(IntEnum):
    """``MAV_SEVERITY`` of a status text."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class LandedState(IntEnum):
    """``MAV_LANDED_STATE``."""

    UNDEFINED = 0
    ON_GROUND = 1
    IN_AIR = 2
    TAKEOFF = 3
    LANDING = 4


class SystemStatus(IntEnum):
    """``MAV_STATE`` as the heartbeat carries it."""

    BOOT = 1
    CALIBRATING = 2
    STANDBY = 3
    ACTIVE = 4
    CRITICAL = 5


class MavResult(IntEnum):
    """``MAV_RESULT``: the answer to a command."""

    ACCEPTED = 0
    TEMPORARILY_REJECTED = 1
    DENIED = 2
    UNSUPPORTED = 3
    FAILED = 4
    IN_PROGRESS = 5


class MavMissionResult(IntEnum):
    """``MAV_MISSION_RESULT``: the answer to an upload."""

    ACCEPTED = 0
    ERROR = 1
    UNSUPPORTED_FRAME = 2
    UNSUPPORTED = 3
    NO_SPACE = 4
    INVALID = 5
    INVALID_PARAM1 = 6
    INVALID_PARAM2 = 7
    INVALID_PARAM3 = 8
    INVALID_PARAM4 = 9
    INVALID_PARAM5_X = 10
    INVALID_PARAM6_Y = 11
    INVALID_PARAM7 = 12
    INVALID_SEQUENCE = 13
    DENIED = 14
    OPERATION_CANCELLED = 15


class EkfFlags(IntFlag):
    """Flags of ``EKF_STATUS_REPORT``."""

    ATTITUDE = 1
    VELOCITY_HORIZ = 2
    VELOCITY_VERT = 4
    POS_HORIZ_REL = 8
    POS_HORIZ_ABS = 16
    POS_VERT_ABS = 32
    POS_VERT_AGL = 64
    CONST_POS_MODE = 128
    PRED_POS_HORIZ_REL = 256
    PRED_POS_HORIZ_ABS = 512
    UNINITIALIZED = 1024


@dataclass(frozen=True, slots=True)
class HomePoint:
    """Where a simulated copter stands when it is switched on, or what it calls home.

    Attributes:
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_amsl_m: height above mean sea level.
        heading_deg: where its nose points, clockwise from true north.
    """

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float = 0.0
    heading_deg: float = 0.0

    def __post_init__(self) -> None:
        if not (abs(self.lat_deg) <= 90.0 and abs(self.lon_deg) <= 180.0):
            raise SimulationError(
                f"home ({self.lat_deg}, {self.lon_deg}) is no place on Earth; latitude first, "
                "-90 to 90, then longitude, -180 to 180"
            )
        if not (math.isfinite(self.alt_amsl_m) and math.isfinite(self.heading_deg)):
            raise SimulationError(
                f"home height {self.alt_amsl_m} or heading {self.heading_deg} is not a number"
            )


@dataclass(frozen=True, slots=True)
class SimulatedWind:
    """Wind that blows on a simulated copter.

    Attributes:
        speed_mps: steady part.
        from_deg: where it comes from, clockwise from true north.
        gusts_mps: one standard deviation of the gusts on top of it, along and across.
    """

    speed_mps: float = 0.0
    from_deg: float = 0.0
    gusts_mps: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.speed_mps <= 60.0 and 0.0 <= self.gusts_mps <= 20.0):
            raise SimulationError(
                f"wind {self.speed_mps} m/s with gusts of {self.gusts_mps} m/s is not between 0 "
                "and 60 with gusts between 0 and 20"
            )
        if not math.isfinite(self.from_deg):
            raise SimulationError(f"wind direction {self.from_deg} is not a number")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The answer to a command.

    Attributes:
        result: what ``COMMAND_ACK`` carries.
        progress: percent done, 255 when it is not told.
        result_param2: extra answer of some commands, else 0.
    """

    result: MavResult
    progress: int = 255
    result_param2: int = 0


@dataclass(frozen=True, slots=True)
class StatusText:
    """A line for the operator."""

    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class MissionItemReached:
    """The vehicle has done item `seq` of its mission."""

    seq: int


@dataclass(frozen=True, slots=True)
class MissionCurrentChanged:
    """The mission goes on with item `seq`."""

    seq: int


@dataclass(frozen=True, slots=True)
class CameraTriggered:
    """The simulated camera took a picture (``CAMERA_FEEDBACK``).

    Attributes:
        image_index: counts from 1 since boot.
        time_boot_s: when.
        lat_deg: where the vehicle was, as it believes.
        lon_deg: as above.
        alt_amsl_m: as above.
        alt_home_m: as above.
        roll_deg: of the camera, or of the vehicle where there is no mount.
        pitch_deg: as above.
        yaw_deg: of the vehicle.
    """

    image_index: int
    time_boot_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    alt_home_m: float
    roll_deg: float
    pitch_deg: float
    yaw_deg: float


@dataclass(frozen=True, slots=True)
class HomeChanged:
    """Home was set or moved."""

    home: HomePoint


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The autopilot restarted: links are dropped, and what was not stored is forgotten."""


@dataclass(frozen=True, slots=True)
class LinkFault:
    """A fault of the link, for the server to act on: `fault` is a `LinkDrop` or a `LinkDelay`."""

    fault: object


Event: TypeAlias = (
    StatusText
    | MissionItemReached
    | MissionCurrentChanged
    | CameraTriggered
    | HomeChanged
    | Rebooted
    | LinkFault
)
"""What `SimulatedCopter.take_events` hands out, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class CopterState:
    """What a simulated copter knows, or believes, about itself at one moment.

    Positions are as its estimator believes, which is what an autopilot reports; `truth_*` is
    where it is. They differ after a satellite glitch or loss.

    Attributes:
        time_boot_s: since the autopilot started.
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_amsl_m: above mean sea level.
        alt_home_m: above home; above the place of boot while there is no home.
        vel_north_mps: over ground.
        vel_east_mps: over ground.
        vel_down_mps: positive down.
        local_north_m: from the estimator's origin, where it booted.
        local_east_m: as above.
        local_down_m: as above.
        roll_deg: right side down is positive.
        pitch_deg: nose up is positive.
        yaw_deg: clockwise from true north, 0 to 360.
        roll_rate_dps: about the vehicle's axes, as are the next two.
        pitch_rate_dps: as above.
        yaw_rate_dps: as above.
        airspeed_mps: level, against the air.
        ground_speed_mps: level, over ground.
        throttle_percent: 0 to 100.
        armed: whether the motors may turn.
        mode: flight mode.
        landed_state: on the ground, in the air, taking off or landing.
        system_status: for the heartbeat.
        prearm_ok: whether every check before arming passes.
        battery_v: at the terminals.
        battery_a: drawn.
        battery_percent: left, by BATT_CAPACITY; 0 when that is 0, as ArduCopter tells.
        battery_used_mah: since boot.
        battery_used_wh: since boot.
        battery_soc: true state of charge, 0 to 1, which no real autopilot knows.
        gps_fix: ``GPS_FIX_TYPE``.
        satellites: used.
        hdop: horizontal dilution of precision; 99.99 when there is no fix.
        vdop: vertical.
        gps_lat_deg: what the receiver says, before the estimator.
        gps_lon_deg: as above.
        gps_alt_amsl_m: as above.
        ekf_flags: of the estimator.
        velocity_variance: 0 fine, 1 at the limit, as ``EKF_STATUS_REPORT`` has it.
        pos_horiz_variance: as above.
        pos_vert_variance: as above.
        compass_variance: as above.
        vibration_mps2: on each axis.
        gimbal_roll_deg: from level.
        gimbal_pitch_deg: from level; -90 looks straight down.
        gimbal_yaw_deg: from the vehicle's nose.
        has_mount: whether MNT_TYPE is not 0.
        camera_count: pictures since boot.
        mission_seq: item being flown; 0 before a mission starts.
        mission_count: items in the mission, home included.
        wp_distance_m: to where it flies.
        target_bearing_deg: of that place, clockwise from true north.
        alt_error_m: wanted height minus height.
        xtrack_error_m: off the leg; positive to the right.
        home: None before it is set.
        wind_speed_mps: steady wind with gusts, at this moment.
        wind_from_deg: where it comes from.
        rc_channels: pulse widths of 8 channels, microseconds, overrides applied.
        servo_outputs: pulse widths of 8 outputs, microseconds; the first four drive motors.
        fence_enabled: whether the fence is watched.
        fence_breached: whether it is outside now.
        fence_breach_count: since boot.
        fence_breach_type: ``FENCE_BREACH`` of the last breach.
        fence_breach_time_s: of the last breach, on the clock of `time_boot_s`.
        failsafe: whether a failsafe is in force.
        truth_lat_deg: where it is.
        truth_lon_deg: where it is.
        truth_alt_amsl_m: where it is.
    """

    time_boot_s: float
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    alt_home_m: float
    vel_north_mps: float = 0.0
    vel_east_mps: float = 0.0
    vel_down_mps: float = 0.0
    local_north_m: float = 0.0
    local_east_m: float = 0.0
    local_down_m: float = 0.0
    roll_deg: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    roll_rate_dps: float = 0.0
    pitch_rate_dps: float = 0.0
    yaw_rate_dps: float = 0.0
    airspeed_mps: float = 0.0
    ground_speed_mps: float = 0.0
    throttle_percent: float = 0.0
    armed: bool = False
    mode: Mode = Mode.STABILIZE
    landed_state: LandedState = LandedState.ON_GROUND
    system_status: SystemStatus = SystemStatus.BOOT
    prearm_ok: bool = False
    battery_v: float = 12.6
    battery_a: float = 0.0
    battery_percent: int = 0
    battery_used_mah: float = 0.0
    battery_used_wh: float = 0.0
    battery_soc: float = 1.0
    gps_fix: int = 1
    satellites: int = 0
    hdop: float = 99.99
    vdop: float = 99.99
    gps_lat_deg: float = 0.0
    gps_lon_deg: float = 0.0
    gps_alt_amsl_m: float = 0.0
    ekf_flags: EkfFlags = EkfFlags.UNINITIALIZED
    velocity_variance: float = 0.0
    pos_horiz_variance: float = 0.0
    pos_vert_variance: float = 0.0
    compass_variance: float = 0.0
    vibration_mps2: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gimbal_roll_deg: float = 0.0
    gimbal_pitch_deg: float = 0.0
    gimbal_yaw_deg: float = 0.0
    has_mount: bool = False
    camera_count: int = 0
    mission_seq: int = 0
    mission_count: int = 0
    wp_distance_m: float = 0.0
    target_bearing_deg: float = 0.0
    alt_error_m: float = 0.0
    xtrack_error_m: float = 0.0
    home: HomePoint | None = None
    wind_speed_mps: float = 0.0
    wind_from_deg: float = 0.0
    rc_channels: tuple[int, ...] = (1500, 1500, 1000, 1500, 1800, 1000, 1000, 1800)
    servo_outputs: tuple[int, ...] = (1000, 1000, 1000, 1000, 0, 0, 0, 0)
    fence_enabled: bool = False
    fence_breached: bool = False
    fence_breach_count: int = 0
    fence_breach_type: int = 0
    fence_breach_time_s: float = 0.0
    failsafe: bool = False
    truth_lat_deg: float = field(default=0.0)
    truth_lon_deg: float = field(default=0.0)
    truth_alt_amsl_m: float = field(default=0.0)
