"""The simulated copter itself: state, commands and time, without input or output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from park.geodesy import LocalFrame
from park.mission_item import MissionType
from sim_data.copter.faults import Fault, LinkDelay, LinkDrop
from sim_data.copter.mission_list import MissionList
from sim_data.copter.params import ParamTable
from sim_data.copter.state import (
    CommandResult,
    CopterState,
    Event,
    HomeChanged,
    HomePoint,
    LandedState,
    LinkFault,
    MavResult,
    Mode,
    Severity,
    SimulatedWind,
    StatusText,
    SystemStatus,
)

_STEP_S = 0.02
_NO_WIND = SimulatedWind()


@dataclass(frozen=True, slots=True)
class GuidedTarget:
    """``SET_POSITION_TARGET_GLOBAL_INT`` or ``..._LOCAL_NED``.

    Attributes:
        frame: ``MAV_FRAME``.
        type_mask: ``POSITION_TARGET_TYPEMASK``: bits of what is to be ignored.
        position: latitude and longitude in degrees and height in metres for global frames;
            metres north, east and down for local ones.
        velocity_ned_mps: north, east, down.
        yaw_rad: clockwise from north.
        yaw_rate_rps: clockwise.
    """

    frame: int
    type_mask: int
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    velocity_ned_mps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_rad: float = 0.0
    yaw_rate_rps: float = 0.0


class SimulatedCopter:
    """A quadcopter that flies as ArduCopter 4.1 would fly it, in a time of its own.

    Not safe for use from several threads at once: whoever steps it holds a lock around it.

    Args:
        home: where it stands when it is switched on.
        seed: of everything random: same seed and same calls, same flight.
        params: its parameters; ArduCopter's defaults when left out.
        wind: what blows.
    """

    def __init__(
        self,
        home: HomePoint,
        *,
        seed: int = 0,
        params: ParamTable | None = None,
        wind: SimulatedWind = _NO_WIND,
    ) -> None:
        self.params = params if params is not None else ParamTable()
        self.missions = {kind: MissionList(kind) for kind in MissionType}
        self._boot = home
        self._frame = LocalFrame(home.lat_deg, home.lon_deg)
        self._home: HomePoint | None = None
        self._time_s = 0.0
        self._events: list[Event] = []
        self._mode = Mode.STABILIZE
        self._armed = False
        self._east_m = self._north_m = self._up_m = 0.0
        self._target: tuple[float, float, float] | None = None

    @property
    def time_boot_s(self) -> float:
        """Seconds of vehicle time since the autopilot started."""
        return self._time_s

    @property
    def state(self) -> CopterState:
        """What it knows about itself now."""
        lat_deg, lon_deg = self._frame.to_lat_lon(self._east_m, self._north_m)
        flying = self._up_m > 0.0
        return CopterState(
            time_boot_s=self._time_s,
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            alt_amsl_m=self._boot.alt_amsl_m + self._up_m,
            alt_home_m=self._up_m,
            yaw_deg=self._boot.heading_deg % 360.0,
            armed=self._armed,
            mode=self._mode,
            landed_state=LandedState.IN_AIR if flying else LandedState.ON_GROUND,
            system_status=SystemStatus.ACTIVE if flying else SystemStatus.STANDBY,
            prearm_ok=self._time_s > 30.0,
            gps_fix=6,
            satellites=10,
            hdop=1.21,
            home=self._home,
            mission_count=len(self.missions[MissionType.MISSION].items),
        )

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        self._time_s += dt_s
        if self._home is None and self._time_s > 20.0:
            self._home = self._boot
            self._events.append(HomeChanged(self._boot))
        if self._target is not None and self._armed:
            east, north, up = (
                self._target[0] - self._east_m,
                self._target[1] - self._north_m,
                self._target[2] - self._up_m,
            )
            away = math.sqrt(east * east + north * north + up * up)
            share = min(1.0, 5.0 * dt_s / away) if away > 0.0 else 0.0
            self._east_m += share * east
            self._north_m += share * north
            self._up_m += share * up

    def command(
        self,
        command: int,
        params: tuple[float, float, float, float, float, float, float],
        *,
        frame: int | None = None,
    ) -> CommandResult:
        """Do what a ``COMMAND_LONG`` or ``COMMAND_INT`` says, or refuse.

        Args:
            command: ``MAV_CMD``.
            params: its seven parameters; places as degrees, also those of ``COMMAND_INT``.
            frame: ``MAV_FRAME`` of a ``COMMAND_INT``; None for a ``COMMAND_LONG``.
        """
        if command == 400:
            self._armed = params[0] >= 0.5
            return CommandResult(MavResult.ACCEPTED)
        if command == 22:
            if not self._armed or self._up_m > 0.0:
                return CommandResult(MavResult.FAILED)
            self._target = (self._east_m, self._north_m, params[6])
            return CommandResult(MavResult.ACCEPTED)
        return CommandResult(MavResult.UNSUPPORTED)

    def set_mode(self, custom_mode: int) -> bool:
        """Change to a flight mode, and return whether that was possible."""
        if custom_mode not in Mode.__members__.values():
            return False
        self._mode = Mode(custom_mode)
        return True

    def set_mission_current(self, seq: int) -> bool:
        """Go on with item `seq` of the mission, and return whether there is such an item."""
        return 0 <= seq < len(self.missions[MissionType.MISSION].items)

    def rc_override(self, channels: Sequence[int]) -> None:
        """Take stick positions from a ground station, as ``RC_CHANNELS_OVERRIDE`` gives them.

        Args:
            channels: pulse widths of channel 1 on; 0 gives a channel back to the remote control,
                65535 leaves it as it is.
        """

    def gcs_heartbeat(self, system_id: int) -> None:
        """Note that ground station `system_id` is alive."""

    def guided_target(self, target: GuidedTarget) -> bool:
        """Fly to a place or with a velocity in GUIDED, and return whether that was accepted."""
        return self._mode is Mode.GUIDED

    def guided_goto(self, lat_deg: float, lon_deg: float, alt_m: float, frame: int) -> bool:
        """Fly to a place in GUIDED: a mission item with ``current`` 2."""
        if self._mode is not Mode.GUIDED:
            return False
        east_m, north_m = self._frame.to_en_m(lat_deg, lon_deg)
        self._target = (east_m, north_m, alt_m)
        return True

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    def inject(self, fault: Fault) -> None:
        """Make something go wrong, from now on."""
        self._events.append(StatusText(Severity.WARNING, f"SIM fault {type(fault).__name__}"))
        if isinstance(fault, (LinkDrop, LinkDelay)):
            self._events.append(LinkFault(fault))
