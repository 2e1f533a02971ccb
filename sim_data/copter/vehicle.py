"""The simulated copter itself: state, commands and time, without input or output."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from park.errors import SimulationError
from park.mission_item import MissionType
from sim_data.copter.arming import Arming
from sim_data.copter.battery import AVIONICS_W, IDLE_W, BatteryPack, flight_power_w
from sim_data.copter.craft import Craft
from sim_data.copter.failsafes import Failsafes
from sim_data.copter.faults import Fault, FenceBreach, LinkDelay, LinkDrop, Reboot
from sim_data.copter.fence import GeoFence
from sim_data.copter.guidance import Guidance
from sim_data.copter.guided import Guided, GuidedTarget
from sim_data.copter.mission_list import MissionList
from sim_data.copter.mission_run import Auto
from sim_data.copter.modes import (
    LANDED_AFTER_S,
    AltHold,
    Brake,
    FlightMode,
    Land,
    Loiter,
    ModeSwitch,
    PosHold,
    Stabilize,
)
from sim_data.copter.orders import Orders
from sim_data.copter.params import ParamTable
from sim_data.copter.payload import Camera, Mount
from sim_data.copter.physics import Demand
from sim_data.copter.rtl import Rtl
from sim_data.copter.sensors import BOOT_TEXTS
from sim_data.copter.snapshot import snapshot
from sim_data.copter.state import (
    CommandResult,
    CopterState,
    Event,
    HomePoint,
    LinkFault,
    MavResult,
    Mode,
    Rebooted,
    Severity,
    SimulatedWind,
)

__all__ = ["GuidedTarget", "SimulatedCopter"]

STEP_S = 0.02
"""Length of a step of the physics."""
_SLOW_EVERY = 5
"""Estimator, failsafes and wind run on every so-manieth step: ten times a second."""
_CHECKS_EVERY = 50
_MOST_DT_S = 60.0
_NO_WIND = SimulatedWind()
_NO_PACK = BatteryPack()


class SimulatedCopter:
    """A quadcopter that flies as ArduCopter 4.1 would fly it, in a time of its own.

    Time passes only in `step`, in steps of 0.02 s whatever is asked for, so a flight depends on
    the seed and on what was called when, not on how time was cut. The ground is level at the
    height of `home`. Not safe for use from several threads at once: whoever steps it holds a
    lock around it.

    Args:
        home: where it stands when it is switched on.
        seed: of everything random: same seed and same calls, same flight.
        params: its parameters; ArduCopter's defaults when left out.
        wind: what blows; kept in SIM_WIND_SPD, SIM_WIND_DIR and SIM_WIND_TURB, where it can be
            changed in flight. Left out, those parameters say.
        pack: its battery.
    """

    def __init__(
        self,
        home: HomePoint,
        *,
        seed: int = 0,
        params: ParamTable | None = None,
        wind: SimulatedWind = _NO_WIND,
        pack: BatteryPack = _NO_PACK,
    ) -> None:
        self.params = params if params is not None else ParamTable()
        if wind is not _NO_WIND:
            self.params.set("SIM_WIND_SPD", wind.speed_mps)
            self.params.set("SIM_WIND_DIR", wind.from_deg % 360.0)
            self.params.set("SIM_WIND_TURB", wind.gusts_mps)
        self._craft = Craft(home, self.params, pack, random.Random(seed))
        self._demand: Demand = self._craft.demand
        self._owed_s = 0.0
        self._steps = 0
        self._put_together()

    def _put_together(self) -> None:
        craft = self._craft
        self._guidance = guidance = Guidance(craft)
        self._fence = GeoFence(craft)
        self._mount = Mount(craft)
        self._camera = Camera(craft, self._mount)
        self._auto = Auto(craft, guidance, self._mount, self._camera)
        self._guided = Guided(craft, guidance)
        kinds = (Stabilize, AltHold, Loiter, PosHold, Brake, Land, Rtl)
        modes: dict[Mode, FlightMode] = {kind.number: kind(craft, guidance) for kind in kinds}
        modes |= {Mode.AUTO: self._auto, Mode.GUIDED: self._guided}
        self._switch = ModeSwitch(craft, modes)
        self._arming = Arming(craft, self._switch, self._fence)
        self._arming.after_disarm = self._auto.forget
        self._failsafes = Failsafes(craft, self._switch, self._fence)
        self._orders = Orders(
            craft, self._switch, self._arming, self._auto, guidance, self._ask_reboot
        )
        craft.disarm = self._arming.disarm
        self._grounded_since_s: float | None = 0.0
        self._texts_said = 0
        self._reboot_asked = False
        self._switch.restart()
        self._steady_parameters()

    @property
    def time_boot_s(self) -> float:
        """Seconds of vehicle time since the autopilot started."""
        return self._craft.time_s

    @property
    def time_s(self) -> float:
        """Seconds of vehicle time since the simulation began; reboots do not set it back."""
        return self._craft.sim_s

    @property
    def missions(self) -> dict[MissionType, MissionList]:
        """Mission, fence and rally points as they are stored."""
        return self._craft.missions

    @property
    def state(self) -> CopterState:
        """What it knows about itself now."""
        return snapshot(
            self._craft,
            self._switch,
            self._guidance,
            self._auto,
            self._arming,
            self._failsafes,
            self._fence,
            self._mount,
            self._camera,
        )

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass.

        Args:
            dt_s: 0 to 60; what is left over of a step of 0.02 s is kept for the next call.

        Raises:
            SimulationError: `dt_s` is negative, too long, or no number.
        """
        if not 0.0 <= dt_s <= _MOST_DT_S:
            raise SimulationError(f"a step of {dt_s} s is not between 0 and {_MOST_DT_S:g} s")
        self._owed_s += dt_s
        while self._owed_s >= STEP_S - 1e-9:
            self._owed_s -= STEP_S
            self._step()

    def _step(self) -> None:
        craft, demand = self._craft, self._demand
        self._steps += 1
        craft.sim_s += STEP_S
        craft.time_s += STEP_S
        if self._steps % _SLOW_EVERY == 0:
            self._look()
        self._switch.flying.run(STEP_S, demand)
        if not craft.armed:
            demand.motors = False
        body = craft.body
        empty = craft.battery.empty
        body.step(
            STEP_S,
            demand,
            craft.wind,
            lean_max_deg=craft.values["ANGLE_MAX"] / 100.0,
            thrust_share=0.0 if empty else craft.faults.weakest,
        )
        self._notice_ground()
        if body.on_ground or not demand.motors:
            power = IDLE_W if craft.armed else AVIONICS_W
        else:
            hover = craft.battery.pack.hover_w
            power = flight_power_w(hover, body.airspeed, body.vu, body.thrust) + AVIONICS_W
        craft.battery.drain(power, STEP_S, craft.faults.sag_v)
        self._mount.update(STEP_S)
        self._camera.update()
        if self._reboot_asked:
            self._reboot()

    def _look(self) -> None:
        """Do what is done ten times a second, and what is done less often."""
        craft = self._craft
        dt = STEP_S * _SLOW_EVERY
        values = craft.values
        craft.faults.update(craft.sim_s, values)
        wind = self._wind_now()
        craft.wind.update(dt, wind, craft.faults.gust)
        self._speak()
        for severity, text in craft.sensors.update(
            dt,
            craft.time_s,
            craft.body,
            gps_lost=craft.faults.gps_lost,
            glitch=craft.faults.glitch,
            compass_off_deg=craft.faults.compass_off_deg,
        ):
            craft.say(severity, text)
        if craft.home is None and craft.sensors.has_position:
            craft.set_home_here()
        craft.radio.update(craft.time_s, values["RC_OVERRIDE_TIME"])
        self._failsafes.update()
        self._arming.disarm_when_idle()
        if self._steps % (_SLOW_EVERY * 3) == 0:
            self._failsafes.check_fence()
        if self._steps % _CHECKS_EVERY == 0:
            self._arming.update()
            self._steady_parameters()

    def _wind_now(self) -> SimulatedWind:
        values = self._craft.values
        return SimulatedWind(
            min(max(values["SIM_WIND_SPD"], 0.0), 60.0),
            values["SIM_WIND_DIR"],
            min(max(values["SIM_WIND_TURB"], 0.0), 20.0),
        )

    def _speak(self) -> None:
        craft = self._craft
        while self._texts_said < len(BOOT_TEXTS):
            at_s, severity, text = BOOT_TEXTS[self._texts_said]
            if craft.time_s < at_s:
                return
            craft.say(severity, text)
            self._texts_said += 1

    def _steady_parameters(self) -> None:
        """Keep the parameters that only count."""
        names = {
            MissionType.MISSION: "MIS_TOTAL",
            MissionType.FENCE: "FENCE_TOTAL",
            MissionType.RALLY: "RALLY_TOTAL",
        }
        for kind, name in names.items():
            self.params.set(name, float(len(self.missions[kind].items)))

    def _notice_ground(self) -> None:
        """Tell landed from flying: on the ground for a second without wanting up."""
        craft = self._craft
        if not craft.body.on_ground:
            self._grounded_since_s = None
            craft.landed = False
            return
        if self._grounded_since_s is None:
            self._grounded_since_s = craft.sim_s
            if craft.body.impact_mps > 1.0:
                text = f"SIM Hit ground at {craft.body.impact_mps:f} m/s"
                craft.say(Severity.INFO, text)
        if not craft.landed and craft.sim_s - self._grounded_since_s >= LANDED_AFTER_S:
            craft.landed = not craft.armed or not craft.body.broken

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
        if any(math.isinf(value) for value in params):
            return CommandResult(MavResult.DENIED)
        return self._orders.carry_out(command, params, frame)

    def set_mode(self, custom_mode: int) -> bool:
        """Change to a flight mode, and return whether that was possible."""
        if custom_mode not in Mode.__members__.values():
            return False
        return self._switch.set(Mode(custom_mode), "ground station")

    def set_mission_current(self, seq: int) -> bool:
        """Go on with item `seq` of the mission, and return whether there is such an item."""
        return self._auto.set_current(seq)

    def rc_override(self, channels: Sequence[int]) -> None:
        """Take stick positions from a ground station, as ``RC_CHANNELS_OVERRIDE`` gives them.

        Args:
            channels: pulse widths of channel 1 on; 0 gives a channel back to the remote control,
                65535 leaves it as it is.
        """
        self._craft.radio.override(channels, self._craft.time_s)

    def gcs_heartbeat(self, system_id: int) -> None:
        """Note that ground station `system_id` is alive; only SYSID_MYGCS counts."""
        if system_id == int(self._craft.values["SYSID_MYGCS"]):
            self._failsafes.gcs_seen_s = self._craft.time_s

    def guided_target(self, target: GuidedTarget) -> bool:
        """Fly to a place or with a velocity in GUIDED, and return whether that was accepted."""
        return self._craft.mode is Mode.GUIDED and self._guided.target(target)

    def guided_goto(self, lat_deg: float, lon_deg: float, alt_m: float, frame: int) -> bool:
        """Fly to a place in GUIDED: a mission item with ``current`` 2."""
        if self._craft.mode is not Mode.GUIDED:
            return False
        return self._guided.go_to(lat_deg, lon_deg, alt_m, frame)

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, oldest first."""
        events, self._craft.events = self._craft.events, []
        return events

    def inject(self, fault: Fault) -> None:
        """Make something go wrong, from now on.

        Raises:
            SimulationError: a `FenceBreach` where no fence is watched.
        """
        craft = self._craft
        if isinstance(fault, FenceBreach):
            self._carry_out_of_fence(fault)
        elif isinstance(fault, Reboot):
            self._reboot_asked = True
        elif isinstance(fault, (LinkDrop, LinkDelay)):
            craft.events.append(LinkFault(fault))
        else:
            craft.faults.add(fault, fault.duration_s, craft.sim_s)

    def _carry_out_of_fence(self, fault: FenceBreach) -> None:
        place = self._fence.way_out(fault.beyond_m) if self._fence.enabled else None
        if place is None:
            raise SimulationError(
                "there is no fence to carry the copter over: set FENCE_ENABLE to 1 and upload one"
            )
        body = self._craft.body
        body.east, body.north, body.up = place

    def _ask_reboot(self) -> None:
        self._reboot_asked = True

    def _reboot(self) -> None:
        """Restart the autopilot; in the air the motors stop and it falls."""
        craft = self._craft
        events = craft.events
        craft.restart()
        craft.events = [*events, Rebooted()]
        self._put_together()
