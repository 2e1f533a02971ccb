"""What the simulated copter does with each MAVLink command, and what it answers.

The answers are ArduCopter 4.1's, also where they are no: DO_PAUSE_CONTINUE, DO_REPOSITION,
DO_GIMBAL_MANAGER_PITCHYAW, DO_SET_ROI_NONE and IMAGE_START_CAPTURE are unsupported there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sim_data.copter.arming import FORCE, Arming
from sim_data.copter.craft import Craft
from sim_data.copter.guidance import Guidance, Place
from sim_data.copter.mission_deeds import MissionDeeds
from sim_data.copter.mission_list import GLOBAL, RELATIVE
from sim_data.copter.mission_run import Auto
from sim_data.copter.modes import ModeSwitch
from sim_data.copter.state import CommandResult, HomePoint, MavResult, Mode

Params = tuple[float, float, float, float, float, float, float]
"""The seven parameters of a command, places in degrees."""

_REBOOT_ANYWAY = 20190226.0
_CAN_REBOOT = (1.0, 3.0)
_MAY_LEAVE_OPEN = frozenset({17, 20, 21, 22, 300, 400})
"""Commands with parameters that are not looked at, and so may be no numbers."""


class Orders:
    """Carries commands out.

    Args:
        craft: that is commanded.
        switch: its flight modes.
        arming: its checks.
        auto: the mode that flies missions.
        guidance: its speeds and heading.
        reboot: restarts it.
    """

    def __init__(
        self,
        craft: Craft,
        switch: ModeSwitch,
        arming: Arming,
        auto: Auto,
        guidance: Guidance,
        reboot: Callable[[], None],
    ) -> None:
        self._craft, self._switch, self._arming, self._auto = craft, switch, arming, auto
        self._guidance, self._reboot = guidance, reboot
        self._orders: dict[int, Callable[[Params, int | None], MavResult]] = {
            17: lambda _p, _f: self._mode(Mode.LOITER),
            20: lambda _p, _f: self._mode(Mode.RTL),
            21: lambda _p, _f: self._mode(Mode.LAND),
            22: self._takeoff,
            115: self._yaw,
            176: self._set_mode,
            178: self._speed,
            179: self._home,
            181: lambda _p, _f: MavResult.ACCEPTED,
            183: lambda _p, _f: MavResult.ACCEPTED,
            185: self._terminate,
            195: self._roi,
            201: self._roi,
            203: self._shoot,
            204: self._configure_mount,
            205: self._mount,
            206: self._space,
            207: self._fence,
            224: self._current,
            241: self._calibrate,
            245: lambda _p, _f: MavResult.ACCEPTED,
            246: self._restart,
            300: self._start_mission,
            400: self._arm,
            42424: lambda _p, _f: self._unless_armed(),
            42426: lambda _p, _f: MavResult.ACCEPTED,
        }

    @property
    def _deeds(self) -> MissionDeeds:
        return self._auto.deeds

    def carry_out(self, command: int, params: Params, frame: int | None) -> CommandResult:
        """Do a command, and return the answer to it."""
        order = self._orders.get(command)
        if order is None:
            return CommandResult(MavResult.UNSUPPORTED)
        if command not in _MAY_LEAVE_OPEN and any(math.isnan(value) for value in params):
            return CommandResult(MavResult.DENIED)
        return CommandResult(order(params, frame))

    def _unless_armed(self) -> MavResult:
        return MavResult.FAILED if self._craft.armed else MavResult.ACCEPTED

    def _mode(self, mode: Mode) -> MavResult:
        done = self._switch.set(mode, "ground station")
        return MavResult.ACCEPTED if done else MavResult.FAILED

    def _set_mode(self, p: Params, _frame: int | None) -> MavResult:
        # Bit 1 of the first parameter: the second is a mode number of the vehicle's own.
        if not (math.isfinite(p[0]) and int(p[0]) & 1):
            return MavResult.DENIED
        if p[1] not in Mode.__members__.values():
            return MavResult.FAILED
        return self._mode(Mode(int(p[1])))

    def _arm(self, p: Params, _frame: int | None) -> MavResult:
        forced = p[1] == FORCE
        if p[0] == 1.0:
            done = self._arming.arm(forced=forced)
        elif p[0] == 0.0:
            done = forced or self._craft.landed or not self._craft.armed
            if done:
                self._arming.disarm("ground station")
        else:
            return MavResult.UNSUPPORTED
        return MavResult.ACCEPTED if done else MavResult.FAILED

    def _takeoff(self, p: Params, _frame: int | None) -> MavResult:
        craft, flying = self._craft, self._switch.flying
        ready = craft.armed and craft.landed and flying.takes_off and math.isfinite(p[6])
        done = ready and flying.takeoff(p[6])
        return MavResult.ACCEPTED if done else MavResult.FAILED

    def _yaw(self, p: Params, _frame: int | None) -> MavResult:
        if not 0.0 <= p[0] <= 360.0 or p[3] not in (0.0, 1.0):
            return MavResult.FAILED
        self._deeds.turn(p[0], p[1], p[2], relative=p[3] == 1.0)
        return MavResult.ACCEPTED

    def _speed(self, p: Params, _frame: int | None) -> MavResult:
        done = self._deeds.change_speed(p[0], p[1])
        return MavResult.ACCEPTED if done else MavResult.FAILED

    def _home(self, p: Params, frame: int | None) -> MavResult:
        craft = self._craft
        if p[0] == 1.0 or (p[4] == 0.0 and p[5] == 0.0 and p[6] == 0.0):
            if not craft.sensors.has_position:
                return MavResult.FAILED
            craft.set_home_here(locked=True)
            return MavResult.ACCEPTED
        if p[0] != 0.0 or not (abs(p[4]) <= 90.0 and abs(p[5]) <= 180.0 and math.isfinite(p[6])):
            return MavResult.FAILED
        if not craft.sensors.said_origin:
            return MavResult.FAILED
        # A COMMAND_LONG gives the height above sea level; a COMMAND_INT by its frame.
        above_sea = frame in {None, GLOBAL, 5}
        up = craft.up_of(p[6], GLOBAL if above_sea else RELATIVE)
        home = HomePoint(p[4], p[5], craft.boot.alt_amsl_m + up, craft.body.yaw)
        craft.set_home(home, locked=True)
        return MavResult.ACCEPTED

    def _terminate(self, p: Params, _frame: int | None) -> MavResult:
        if p[0] <= 0.5:
            return MavResult.FAILED
        self._arming.disarm("flight termination")
        return MavResult.ACCEPTED

    def _roi(self, p: Params, frame: int | None) -> MavResult:
        if not (abs(p[4]) <= 90.0 and abs(p[5]) <= 180.0 and math.isfinite(p[6])):
            return MavResult.FAILED
        place: Place | None = None
        if (p[4], p[5], p[6]) != (0.0, 0.0, 0.0):
            east, north = self._craft.to_local(p[4], p[5])
            kind = GLOBAL if frame in {GLOBAL, 5} else RELATIVE
            place = (east, north, self._craft.up_of(p[6], kind))
        self._deeds.look_at(place)
        return MavResult.ACCEPTED

    def _shoot(self, p: Params, _frame: int | None) -> MavResult:
        if p[4] == 1.0:
            self._deeds.camera.trigger()
        return MavResult.ACCEPTED

    def _space(self, p: Params, _frame: int | None) -> MavResult:
        self._deeds.camera.trigger_every(p[0])
        return MavResult.ACCEPTED

    def _configure_mount(self, p: Params, _frame: int | None) -> MavResult:
        if not self._deeds.mount.present:
            return MavResult.FAILED
        self._deeds.mount.set_mode(int(p[0]))
        return MavResult.ACCEPTED

    def _mount(self, p: Params, _frame: int | None) -> MavResult:
        mount = self._deeds.mount
        if not mount.present:
            return MavResult.FAILED
        mode = int(p[6]) if math.isfinite(p[6]) else 2
        if mode == 2:
            self._deeds.aim(p[0], p[1], p[2])
        else:
            mount.set_mode(mode)
        return MavResult.ACCEPTED

    def _fence(self, p: Params, _frame: int | None) -> MavResult:
        if p[0] not in (0.0, 1.0):
            return MavResult.FAILED
        self._craft.params.set("FENCE_ENABLE", p[0])
        return MavResult.ACCEPTED

    def _current(self, p: Params, _frame: int | None) -> MavResult:
        if not (math.isfinite(p[0]) and p[0] >= 0.0 and self._auto.set_current(int(p[0]))):
            return MavResult.FAILED
        return MavResult.ACCEPTED

    def _calibrate(self, p: Params, _frame: int | None) -> MavResult:
        # Gyroscopes, barometer, level and simple accelerometer: done at once in a simulation.
        wanted = p[0] == 1.0 or p[2] == 1.0 or p[4] in (1.0, 2.0, 4.0)
        if self._craft.armed or not wanted:
            return MavResult.FAILED
        return MavResult.ACCEPTED

    def _restart(self, p: Params, _frame: int | None) -> MavResult:
        if p[0] not in _CAN_REBOOT:
            return MavResult.UNSUPPORTED
        if self._craft.armed and p[5] != _REBOOT_ANYWAY:
            return MavResult.FAILED
        self._reboot()
        return MavResult.ACCEPTED

    def _start_mission(self, _p: Params, _frame: int | None) -> MavResult:
        craft = self._craft
        if not craft.armed or not self._switch.set(Mode.AUTO, "ground station"):
            return MavResult.FAILED
        craft.auto_armed = True
        return MavResult.ACCEPTED
