"""What a vehicle says about itself: one frozen picture of it, and what happens to it.

`Telemetry` is a picture of one moment; the events are what is worth telling when it happens. Both
are made by `drone.link` from MAVLink messages and are safe to keep and to pass between threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LandedState(StrEnum):
    """Whether the vehicle itself thinks that it stands on the ground."""

    UNKNOWN = "unknown"
    ON_GROUND = "on_ground"
    TAKING_OFF = "taking_off"
    IN_AIR = "in_air"
    LANDING = "landing"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The vehicle at one moment; what it has not told yet is None.

    Ages are in seconds of the clock of this program, at `time`; infinity for what never came.

    Attributes:
        time: when this picture was made, UTC.
        heartbeat_age_s: since the last heartbeat of the vehicle.
        position_age_s: since the last position.
        attitude_age_s: since the last attitude.
        time_boot_s: the vehicle's own clock since it was switched on.
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_home_m: above home.
        alt_amsl_m: above mean sea level.
        north_mps: velocity over ground.
        east_mps: velocity over ground.
        down_mps: velocity over ground, positive when it sinks.
        speed_mps: over ground, level.
        roll_deg: right side down is positive.
        pitch_deg: nose up is positive.
        yaw_deg: clockwise from true north, 0 to 360.
        gimbal_roll_deg: against the horizon.
        gimbal_pitch_deg: 0 at the horizon, -90 straight down.
        gimbal_yaw_deg: clockwise from true north, 0 to 360.
        battery_v: under load.
        battery_a: drawn.
        battery_percent: left; None also where the vehicle was not told its capacity, because the
            figure that it reports then (0) means nothing.
        battery_used_mah: since it was switched on.
        mode: name of the flight mode, for example AUTO.
        armed: whether the motors may turn.
        landed: what the vehicle thinks about standing on the ground.
        gps_fix: ``GPS_FIX_TYPE``: 3 and more is a position in three dimensions.
        satellites: that the position is made of.
        hdop: horizontal dilution of precision; below 1 is good.
        ekf_ok: whether the vehicle trusts where it thinks it is.
        prearm_ok: whether the vehicle's own checks before arming pass; None where it does not say.
        mission_seq: item that is being flown.
        home_lat_deg: WGS84.
        home_lon_deg: WGS84.
        home_alt_amsl_m: above mean sea level.
        wind_mps: that the vehicle estimates, at its height.
        wind_from_deg: where it comes from, clockwise from true north.
    """

    time: datetime
    heartbeat_age_s: float
    position_age_s: float
    attitude_age_s: float
    time_boot_s: float | None = None
    lat_deg: float | None = None
    lon_deg: float | None = None
    alt_home_m: float | None = None
    alt_amsl_m: float | None = None
    north_mps: float | None = None
    east_mps: float | None = None
    down_mps: float | None = None
    speed_mps: float | None = None
    roll_deg: float | None = None
    pitch_deg: float | None = None
    yaw_deg: float | None = None
    gimbal_roll_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_yaw_deg: float | None = None
    battery_v: float | None = None
    battery_a: float | None = None
    battery_percent: float | None = None
    battery_used_mah: float | None = None
    mode: str | None = None
    armed: bool = False
    landed: LandedState = LandedState.UNKNOWN
    gps_fix: int | None = None
    satellites: int | None = None
    hdop: float | None = None
    ekf_ok: bool | None = None
    prearm_ok: bool | None = None
    mission_seq: int | None = None
    home_lat_deg: float | None = None
    home_lon_deg: float | None = None
    home_alt_amsl_m: float | None = None
    wind_mps: float | None = None
    wind_from_deg: float | None = None


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something that happened to the vehicle or to the link.

    Attributes:
        time: when this program learned of it, UTC.
    """

    time: datetime


@dataclass(frozen=True, slots=True)
class StatusText(LinkEvent):
    """A line that the vehicle says.

    Attributes:
        severity: ``MAV_SEVERITY``: 0 emergency, 4 warning, 6 information, 7 debug.
        text: whole, also when it came in parts.
    """

    severity: int
    text: str


@dataclass(frozen=True, slots=True)
class ModeChanged(LinkEvent):
    """The vehicle flies in another mode, whoever asked for it.

    Attributes:
        before: None at the first heartbeat.
        mode: from now on.
        by_us: whether this program asked for it (`VehicleLink.set_mode` and its like).
        late: whether it had given up waiting for it: the vehicle heard, and its answer was lost.
    """

    before: str | None
    mode: str
    by_us: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class ArmedChanged(LinkEvent):
    """The motors were armed or disarmed."""

    armed: bool


@dataclass(frozen=True, slots=True)
class LandedChanged(LinkEvent):
    """The vehicle took off or touched down, as it thinks itself."""

    before: LandedState
    landed: LandedState


@dataclass(frozen=True, slots=True)
class MissionCurrent(LinkEvent):
    """Another item of the mission is being flown now."""

    seq: int


@dataclass(frozen=True, slots=True)
class MissionReached(LinkEvent):
    """An item of the mission was reached."""

    seq: int


@dataclass(frozen=True, slots=True)
class CameraFeedback(LinkEvent):
    """The vehicle says that it took a picture, and where.

    Attributes:
        index: counts up from the vehicle's start.
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_amsl_m: above mean sea level.
        alt_home_m: above home.
        roll_deg: of the camera.
        pitch_deg: of the camera.
        yaw_deg: of the camera, clockwise from true north.
    """

    index: int
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float
    alt_home_m: float
    roll_deg: float
    pitch_deg: float
    yaw_deg: float


@dataclass(frozen=True, slots=True)
class HomeChanged(LinkEvent):
    """The vehicle has another home than before, or its first."""

    lat_deg: float
    lon_deg: float
    alt_amsl_m: float


@dataclass(frozen=True, slots=True)
class LinkLost(LinkEvent):
    """No heartbeat came for as long as the link may be silent.

    Attributes:
        age_s: since the last one.
    """

    age_s: float


@dataclass(frozen=True, slots=True)
class LinkRegained(LinkEvent):
    """Heartbeats come again.

    Attributes:
        gap_s: how long there was none.
    """

    gap_s: float


@dataclass(frozen=True, slots=True)
class VehicleRebooted(LinkEvent):
    """The vehicle's own clock went back: it was switched on anew.

    Attributes:
        before_s: its clock before.
        after_s: its clock now.
    """

    before_s: float
    after_s: float
