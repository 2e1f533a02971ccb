"""What the simulated copter does by itself when something goes wrong."""

from __future__ import annotations

from sim_data.copter.craft import Craft
from sim_data.copter.fence import ALT_MAX, GeoFence
from sim_data.copter.modes import LAND_PAUSE_S, Land, ModeSwitch
from sim_data.copter.state import Mode, Severity

EKF_CHECKS = 10
"""So many bad looks in a row, ten a second, and the estimator is not trusted."""
CRASH_S = 2.0
CRASH_DEG = 30.0
THRUST_LOSS_S = 1.0
GIVE_UP_M = 100.0
"""Farther than this outside its fence it lands instead of returning."""
_WARN_EVERY_S = 30.0
_RADIO_KEEPS_AUTO, _GCS_KEEPS_AUTO, _KEEP_LANDING, _GCS_KEEPS_PILOT = 1, 2, 8, 16
"""Bits of FS_OPTIONS."""
_GCS_ACTIONS = {1: 2, 3: 2, 4: 1, 5: 1}
"""FS_GCS_ENABLE in the numbers of BATT_FS_LOW_ACT: 1 lands, 2 returns."""


class Failsafes:
    """Battery, ground station, remote control, estimator, fence and crash.

    Args:
        craft: that is watched.
        switch: its flight modes.
        fence: its fence.
    """

    def __init__(self, craft: Craft, switch: ModeSwitch, fence: GeoFence) -> None:
        self._craft, self._switch, self._fence = craft, switch, fence
        self.restart()

    def restart(self) -> None:
        """Begin as after boot."""
        self.gcs_seen_s: float | None = None
        self.gcs = self.radio = False
        self.battery_low = self.battery_critical = False
        self._low_since_s: float | None = None
        self._critical_since_s: float | None = None
        self._bad_looks = 0
        self._bad = self._ever_good = False
        self._warned_s = -_WARN_EVERY_S
        self._acted = False
        self._tilted_since_s: float | None = None
        self._sinking_since_s: float | None = None
        self._thrust_loss_said = False

    @property
    def active(self) -> bool:
        """Whether one of them is in force."""
        return (
            self.gcs
            or self.radio
            or self.battery_low
            or self.battery_critical
            or self._craft.ekf_failsafe
            or self._fence.breaches != 0
        )

    def update(self) -> None:
        """Look at everything; ten times a second."""
        self._battery()
        self._ground_station()
        self._remote_control()
        self._estimator()
        self._crash()
        self._thrust()

    # What is done about it.

    def _on_ground(self) -> bool:
        """Return whether disarming is the right answer: it stands, or has not yet lifted."""
        craft = self._craft
        if craft.mode is Mode.AUTO:
            return craft.landed and not craft.auto_armed
        return craft.landed

    def _return(self, reason: str) -> None:
        if self._craft.mode is Mode.RTL:
            return
        if not self._switch.set(Mode.RTL, reason):
            self._land(reason)

    def _land(self, reason: str) -> None:
        if self._switch.set(Mode.LAND, reason):
            land = self._switch.flying
            if isinstance(land, Land):
                land.pause_s = LAND_PAUSE_S

    def _battery(self) -> None:
        craft, values = self._craft, self._craft.values
        if values["BATT_MONITOR"] < 1.0:
            return
        low = self._below("LOW")
        critical = self._below("CRT")
        now, patience = craft.time_s, values["BATT_LOW_TIMER"]
        self._low_since_s = (self._low_since_s or now) if low else None
        self._critical_since_s = (self._critical_since_s or now) if critical else None
        since = self._critical_since_s
        if not self.battery_critical and since is not None and now - since >= patience:
            self.battery_critical = True
            self._battery_event("critical", Severity.CRITICAL, int(values["BATT_FS_CRT_ACT"]))
        since = self._low_since_s
        noticed = self.battery_low or self.battery_critical
        if not noticed and since is not None and now - since >= patience:
            self.battery_low = True
            self._battery_event("low", Severity.WARNING, int(values["BATT_FS_LOW_ACT"]))

    def _below(self, level: str) -> bool:
        craft, values = self._craft, self._craft.values
        volts, capacity = values[f"BATT_{level}_VOLT"], values["BATT_CAPACITY"]
        left = capacity - craft.battery.used_mah
        mah = values[f"BATT_{level}_MAH"]
        return bool(
            (volts > 0.0 and craft.battery.volts < volts)
            or (capacity > 0.0 and mah > 0.0 and left < mah)
        )

    def _battery_event(self, level: str, severity: Severity, action: int) -> None:
        craft = self._craft
        battery = craft.battery
        craft.say(
            severity,
            f"Battery 1 is {level} {battery.volts:.2f}V used {battery.used_mah:.0f} mAh",
        )
        if action == 0:
            return
        if not craft.armed:
            self._announce("Battery")
        elif self._on_ground():
            self._announce("Battery", "Disarming")
            craft.disarm("battery failsafe")
        elif craft.mode is Mode.LAND and self._option(_KEEP_LANDING) and level == "low":
            self._announce("Battery", "Continuing Landing")
        else:
            self._announce("Battery")
            self._act(action, "battery failsafe")

    def _announce(self, what: str, done: str = "") -> None:
        text = f"{what} Failsafe - {done}" if done else f"{what} Failsafe"
        self._craft.say(Severity.WARNING, text)

    def _option(self, bit: int) -> bool:
        return bool(int(self._craft.values["FS_OPTIONS"]) & bit)

    def _act(self, action: int, reason: str) -> None:
        """Do what a battery's action number says; there is no way back by the way it came."""
        if action in {1, 4}:
            self._land(reason)
        elif action in {2, 3}:
            self._return(reason)
        elif action == 5:
            self._craft.disarm(reason)

    def _ground_station(self) -> None:
        craft, action = self._craft, int(self._craft.values["FS_GCS_ENABLE"])
        if self.gcs_seen_s is None or (action == 0 and not self.gcs):
            return
        late = craft.time_s - self.gcs_seen_s >= craft.values["FS_GCS_TIMEOUT"]
        if late and not self.gcs:
            self.gcs = True
            craft.radio.clear()
            self._lost_control("GCS", _GCS_ACTIONS.get(action, 2), _GCS_KEEPS_AUTO)
        elif not late and self.gcs:
            self.gcs = False
            craft.say(Severity.WARNING, "GCS Failsafe Cleared")

    def _lost_control(self, what: str, action: int, keeps_auto: int) -> None:
        """Act on a lost ground station or remote control.

        Args:
            what: which, as the status text says it.
            action: as BATT_FS_LOW_ACT counts.
            keeps_auto: bit of FS_OPTIONS that lets a mission go on.
        """
        craft = self._craft
        piloted = craft.mode not in {Mode.AUTO, Mode.GUIDED, Mode.RTL, Mode.LAND}
        if not craft.armed:
            self._announce(what)
        elif self._on_ground():
            self._announce(what, "Disarming")
            craft.disarm(f"{what} failsafe")
        elif craft.mode is Mode.LAND and (self.battery_low or self.battery_critical):
            self._announce(f"{what} + Battery", "Continuing Landing")
        elif craft.mode is Mode.LAND and self._option(_KEEP_LANDING):
            self._announce(what, "Continuing Landing")
        elif craft.mode is Mode.AUTO and self._option(keeps_auto):
            self._announce(what, "Continuing Auto Mode")
        elif what == "GCS" and piloted and self._option(_GCS_KEEPS_PILOT):
            self._announce(what, "Continuing Pilot Control")
        else:
            self._announce(what)
            self._act(action, f"{what} failsafe")

    def _remote_control(self) -> None:
        craft, values = self._craft, self._craft.values
        enabled = int(values["FS_THR_ENABLE"])
        lost = values["SIM_RC_FAIL"] >= 1.0 or craft.radio.channels[2] < values["FS_THR_VALUE"]
        if enabled and lost and not self.radio:
            self.radio = True
            if craft.armed:
                action = 1 if enabled in {3, 5} else 2
                keeps = 0xFFFF if enabled == 2 else _RADIO_KEEPS_AUTO
                self._lost_control("Radio", action, keeps)
        elif self.radio and not lost:
            self.radio = False
            if craft.armed:
                craft.say(Severity.WARNING, "Radio Failsafe Cleared")

    def _estimator(self) -> None:
        craft, sensors = self._craft, self._craft.sensors
        threshold = craft.values["FS_EKF_THRESH"]
        if threshold <= 0.0 or not sensors.said_origin:
            return
        velocity_bad = sensors.velocity_variance >= threshold
        over = int(sensors.compass_variance >= threshold) + int(velocity_bad)
        bad = over >= 2 or (over >= 1 and sensors.pos_variance >= threshold)
        good = sensors.has_position and not bad
        self._ever_good |= good
        if not self._ever_good:
            return
        if good:
            self._bad_looks = max(0, self._bad_looks - 1)
            if self._bad and self._bad_looks == 0:
                self._bad = False
                self._trust_again()
        elif not self._bad:
            self._bad_looks += 1
            if self._bad_looks >= EKF_CHECKS:
                self._bad = True
                self._distrust()

    def _distrust(self) -> None:
        craft = self._craft
        if craft.time_s - self._warned_s >= _WARN_EVERY_S:
            craft.say(Severity.CRITICAL, "EKF variance")
            self._warned_s = craft.time_s
        craft.ekf_failsafe = True
        if not craft.armed:
            return
        flying, action = self._switch.flying, int(craft.values["FS_EKF_ACTION"])
        if isinstance(flying, Land):
            flying.uses_position = False
            return
        if not flying.needs_position and action != 3:
            return
        if action == 2 and self._switch.set(Mode.ALT_HOLD, "EKF failsafe"):
            name = "ALT_HOLD"
        else:
            self._land("EKF failsafe")
            name = "LAND"
        self._acted = True
        craft.say(Severity.CRITICAL, f"EKF Failsafe: changed to {name} Mode")

    def _trust_again(self) -> None:
        self._craft.ekf_failsafe = False
        if self._acted:
            self._acted = False
            self._craft.say(Severity.CRITICAL, "EKF Failsafe Cleared")

    def check_fence(self) -> None:
        """Look at the fence; three times a second."""
        craft = self._craft
        new = self._fence.check()
        if not new or not craft.armed:
            return
        craft.say(Severity.NOTICE, "Fence Breached")
        action = int(craft.values["FENCE_ACTION"])
        if action == 0:
            return
        manual = self._switch.flying.manual_throttle and craft.radio.throttle() < 0.05
        if craft.landed or (manual and not self.radio and not self._fence.breaches & ALT_MAX):
            craft.disarm("fence breach")
        elif action == 2 or self._fence.beyond_m() > GIVE_UP_M:
            self._switch.set(Mode.LAND, "fence breach")
        elif action == 4:
            if not self._switch.set(Mode.BRAKE, "fence breach"):
                self._switch.set(Mode.LAND, "fence breach")
        elif not self._switch.set(Mode.RTL, "fence breach"):
            self._switch.set(Mode.LAND, "fence breach")

    def _crash(self) -> None:
        craft, body = self._craft, self._craft.body
        wrong = abs(body.roll) if (body.tumbling or body.broken) else 0.0
        moving = abs(body.au) if not body.on_ground else 0.0
        suspect = (
            craft.armed
            and craft.values["FS_CRASH_CHECK"] >= 1.0
            and wrong > CRASH_DEG
            and moving < 3.0
        )
        if not suspect:
            self._tilted_since_s = None
            return
        if self._tilted_since_s is None:
            self._tilted_since_s = craft.time_s
        elif craft.time_s - self._tilted_since_s >= CRASH_S:
            self._tilted_since_s = None
            craft.say(
                Severity.EMERGENCY,
                f"Crash: Disarming: AngErr={wrong:.0f}>{CRASH_DEG:.0f}, Accel={moving:.1f}<3.0",
            )
            craft.disarm("crash")

    def _thrust(self) -> None:
        craft, body = self._craft, self._craft.body
        sinking = (
            craft.armed
            and not craft.landed
            and not body.on_ground
            and body.saturated
            and body.vu < 0.0
            and not body.tumbling
        )
        if not sinking:
            self._sinking_since_s = None
            self._thrust_loss_said &= craft.armed
            return
        if self._sinking_since_s is None:
            self._sinking_since_s = craft.time_s
        elif craft.time_s - self._sinking_since_s >= THRUST_LOSS_S and not self._thrust_loss_said:
            self._thrust_loss_said = True
            craft.say(Severity.EMERGENCY, "Potential Thrust Loss (1)")
