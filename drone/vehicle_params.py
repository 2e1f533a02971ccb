"""The vehicle's own parameters that keep it safe when nobody speaks to it any more.

Set and verified before take-off, so that the vehicle comes home, stays inside its fence and lands
before its battery is empty without this program, and put back after the flight. Names and units
are those of ArduCopter 4.1; where a later version has another name, that is tried next, and the
record says which one it was. https://ardupilot.org/copter/docs/parameters.html
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

from drone.link import VehicleLink
from drone.link_commands import same_value
from drone.records import Fence, FlightPlan, Home, Sortie, Vehicle
from park.errors import CommandError, FlightError
from park.geodesy import distance_m

_LOG = logging.getLogger(__name__)

FENCE_MARGIN_M = 2.0
"""How near to its fence the vehicle itself keeps away from it."""

PARAM_S = 3.0
"""How long to wait for a parameter before concluding that the vehicle has none of its name."""

_ALTITUDE, _CIRCLE, _POLYGON = 1, 2, 4
_RADIUS_ROUND_M = 10.0
_LARGEST_RADIUS_M = 10_000.0
_RTL = 1.0
_SILENCE_S, _LONGEST_SILENCE_S = 5.0, 120.0
_DELAY_S, _LONGEST_DELAY_S = 10.0, 127.0
_BATTERY_RTL, _BATTERY_LAND = 2.0, 1.0
_EKF_LAND = 1.0
_CONTINUE_WITHOUT_STATION = 0b0_0010
_LOW_SHARE, _CRITICAL_SHARE = 0.8, 0.4


@dataclass(frozen=True, slots=True)
class SafetyParam:
    """One thing that the vehicle must be told, under whatever name it has for it.

    Attributes:
        why: what it does, in words.
        names: name and value, or what makes the value from the present one; in the order in
            which they are tried.
        required: refuse to fly a vehicle that has none of these names.
    """

    why: str
    names: tuple[tuple[str, float | Callable[[float], float]], ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class ParamSetting:
    """One parameter as it was and as it was set.

    Attributes:
        name: of this vehicle.
        before: its value before.
        value: its value now, read back.
        why: what it does, in words.
    """

    name: str
    before: float
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class SafetyRecord:
    """What was set on a vehicle, to be put back after the flight.

    Attributes:
        settings: in the order in which they were set.
        absent: what this vehicle has no parameter for, in words.
    """

    settings: tuple[ParamSetting, ...]
    absent: tuple[str, ...] = ()

    def as_json(self) -> str:
        """Return it as JSON, for a program that takes the flight up again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SafetyRecord:
        """Return the record in `text`.

        Raises:
            FlightError: there is none in it.
        """
        try:
            whole = json.loads(text)
            settings = tuple(ParamSetting(**setting) for setting in whole["settings"])
            return cls(settings, tuple(whole["absent"]))
        except (ValueError, TypeError, KeyError) as error:
            raise FlightError(f"this is no record of vehicle parameters: {error}") from error


def safety_params(
    plan: FlightPlan,
    sortie: Sortie,
    *,
    vehicle: Vehicle | None = None,
    capacity_mah: float | None = None,
    speedup: float = 1.0,
) -> tuple[SafetyParam, ...]:
    """Return what a vehicle must be told before it flies a sortie.

    Args:
        plan: with the fence.
        sortie: with the height of the way home.
        vehicle: that was planned for.
        capacity_mah: BATT_CAPACITY of the vehicle; None or 0 where it does not know, so that
            its battery failsafe goes by voltage alone.
        speedup: how much faster than real time a simulated vehicle lives.
    """
    vehicle = vehicle or Vehicle()
    return (
        *_link_params(speedup),
        *_fence_params(plan.fence, sortie.home),
        *_return_params(sortie.takeoff_alt_home_m, with_rally=bool(plan.rally_of(sortie))),
        *_battery_params(vehicle, capacity_mah or 0.0),
        *_speed_params(vehicle),
    )


def _link_params(speedup: float) -> tuple[SafetyParam, ...]:
    def not_without_station(value: float) -> float:
        return float(int(value) & ~_CONTINUE_WITHOUT_STATION)

    patience: tuple[SafetyParam, ...] = ()
    if speedup > 1.0:
        # Five seconds of a simulation in a hurry are less than a busy machine may keep us waiting.
        wait_s = min(_LONGEST_SILENCE_S, _SILENCE_S * speedup)
        patience = (
            SafetyParam("as patient as real time asks for", (("FS_GCS_TIMEOUT", wait_s),), False),
            SafetyParam(
                "armed on the ground for as long as real time asks for",
                (("DISARM_DELAY", min(_LONGEST_DELAY_S, round(_DELAY_S * speedup))),),
                False,
            ),
        )
    return (
        *patience,
        SafetyParam("come home when the ground station falls silent", (("FS_GCS_ENABLE", _RTL),)),
        SafetyParam("also in a mission", (("FS_OPTIONS", not_without_station),), required=False),
        SafetyParam("land when it no longer knows where it is", (("FS_EKF_ACTION", _EKF_LAND),)),
        SafetyParam("stop the motors after a crash", (("FS_CRASH_CHECK", 1.0),), required=False),
    )


def _fence_params(fence: Fence, home: Home) -> tuple[SafetyParam, ...]:
    furthest_m = max(distance_m(home.lat_deg, home.lon_deg, *place) for place in fence.inclusion)
    radius_m = math.ceil((furthest_m + FENCE_MARGIN_M) / _RADIUS_ROUND_M) * _RADIUS_ROUND_M
    kinds = _ALTITUDE | _POLYGON
    circle: tuple[SafetyParam, ...] = ()
    if radius_m <= _LARGEST_RADIUS_M:
        kinds |= _CIRCLE
        circle = (SafetyParam("how far from home it may be", (("FENCE_RADIUS", radius_m),)),)
    return (
        SafetyParam("how high above home it may be", (("FENCE_ALT_MAX", fence.alt_max_home_m),)),
        *circle,
        SafetyParam("how far from its fence it keeps", (("FENCE_MARGIN", FENCE_MARGIN_M),)),
        SafetyParam("come home when it breaches its fence", (("FENCE_ACTION", 1.0),)),
        SafetyParam("what its fence consists of", (("FENCE_TYPE", float(kinds)),)),
        # Last, when the fence is right: its defaults would stop the vehicle at once.
        SafetyParam("keep inside its fence", (("FENCE_ENABLE", 1.0),)),
    )


def _return_params(alt_home_m: float, *, with_rally: bool) -> tuple[SafetyParam, ...]:
    nearest = (
        SafetyParam(
            "land at the nearest rally point, however far", (("RALLY_LIMIT_KM", 0.0),), False
        ),
        SafetyParam("or at home, when that is nearer", (("RALLY_INCL_HOME", 1.0),), False),
    )
    return (
        SafetyParam(
            "height of the way home",
            (("RTL_ALT", round(alt_home_m * 100.0)), ("RTL_ALT_M", alt_home_m)),
        ),
        SafetyParam(
            "climb to it also near home, as the way was checked",
            (("RTL_CONE_SLOPE", 0.0),),
            required=False,
        ),
        SafetyParam(
            "no higher than that, also near home",
            (("RTL_CLIMB_MIN", 0.0), ("RTL_CLIMB_MIN_M", 0.0)),
            required=False,
        ),
        SafetyParam("heights are those above home", (("RTL_ALT_TYPE", 0.0),), required=False),
        SafetyParam(
            "land at the end of the way home",
            (("RTL_ALT_FINAL", 0.0), ("RTL_ALT_FINAL_M", 0.0)),
            required=False,
        ),
        *(nearest if with_rally else ()),
    )


def _battery_params(vehicle: Vehicle, capacity_mah: float) -> tuple[SafetyParam, ...]:
    actions = (
        SafetyParam("come home when its battery is low", (("BATT_FS_LOW_ACT", _BATTERY_RTL),)),
        SafetyParam(
            "land when its battery is nearly empty",
            (("BATT_FS_CRT_ACT", _BATTERY_LAND),),
            required=False,
        ),
    )
    if capacity_mah <= 0.0:
        return actions
    # Below the planned reserve, so that a flight as planned ends without a failsafe.
    reserve_mah = vehicle.reserve * capacity_mah
    return (
        *actions,
        SafetyParam("when it is low", (("BATT_LOW_MAH", round(_LOW_SHARE * reserve_mah)),)),
        SafetyParam(
            "when it is nearly empty",
            (("BATT_CRT_MAH", round(_CRITICAL_SHARE * reserve_mah)),),
            required=False,
        ),
    )


def _speed_params(vehicle: Vehicle) -> tuple[SafetyParam, ...]:
    def speed(why: str, old: str, new: str, mps: float) -> SafetyParam:
        return SafetyParam(why, ((old, mps * 100.0), (new, mps)), required=False)

    return (
        speed("speed on its way home", "WPNAV_SPEED", "WP_SPD", vehicle.cruise_mps),
        speed("no other speed for the return", "RTL_SPEED", "RTL_SPEED_MS", 0.0),
        speed("its climb, as planned for", "WPNAV_SPEED_UP", "WP_SPD_UP", vehicle.climb_mps),
        speed("its descent, as planned for", "WPNAV_SPEED_DN", "WP_SPD_DN", vehicle.descent_mps),
    )


def set_safety(link: VehicleLink, params: tuple[SafetyParam, ...]) -> SafetyRecord:
    """Set parameters one after another, each read back, and return what was changed.

    Raises:
        CommandError: the vehicle lacks a required one, keeps another value, or is set up so
            that it cannot be made safe; what had been set before is put back.
        LinkError: no answer; the vehicle keeps what had been set, which is the safe side.
    """
    _refuse_unsafe(link)
    settings: list[ParamSetting] = []
    absent: list[str] = []
    try:
        for param in params:
            setting = _set_one(link, param)
            if setting is not None:
                settings.append(setting)
                continue
            names = " or ".join(name for name, _ in param.names)
            words = f"{names} ({param.why})"
            if param.required:
                raise CommandError(f"the vehicle has no parameter {words}; it is not safe without")
            _LOG.warning("%s: the vehicle has no parameter %s", link.where, words)
            absent.append(words)
    except CommandError as error:
        left = put_back(link, SafetyRecord(tuple(settings)))
        if left:
            raise CommandError(f"{error}; and these stay changed: {'; '.join(left)}") from error
        raise
    return SafetyRecord(tuple(settings), tuple(absent))


def _set_one(link: VehicleLink, param: SafetyParam) -> ParamSetting | None:
    for name, wanted in param.names:
        before = link.read_param(name, PARAM_S)
        if before is None:
            continue
        value = wanted(before) if callable(wanted) else float(wanted)
        if not same_value(before, value):
            link.set_param(name, value)
            _LOG.info("%s: %s %g -> %g: %s", link.where, name, before, value, param.why)
        return ParamSetting(name, before, value, param.why)
    return None


def _refuse_unsafe(link: VehicleLink) -> None:
    """Refuse what is not ours to change: it takes a restart, or somebody decided it."""
    monitor = link.read_param("BATT_MONITOR", PARAM_S)
    if not monitor:
        said = "does not answer" if monitor is None else "is 0"
        raise CommandError(
            f"BATT_MONITOR {said}: the vehicle does not measure its battery, so that it cannot "
            "come home before it is empty; set up its power module"
        )
    volts = link.read_param("BATT_LOW_VOLT", PARAM_S)
    capacity = link.read_param("BATT_CAPACITY", PARAM_S)
    if not volts and not capacity:
        raise CommandError(
            "BATT_LOW_VOLT and BATT_CAPACITY are 0: the vehicle does not know when its battery is "
            "low; set one of them"
        )
    _refuse_unchecked(link)
    name, station = "SYSID_MYGCS", link.read_param("SYSID_MYGCS", PARAM_S)
    if station is None:
        name, station = "MAV_GCS_SYSID", link.read_param("MAV_GCS_SYSID", PARAM_S)
    if station is None:
        raise CommandError(
            "neither SYSID_MYGCS nor MAV_GCS_SYSID answers: it is not known whose silence the "
            "vehicle would come home for; try again, or look at it with another ground station"
        )
    if round(station) != link.source_system:
        raise CommandError(
            f"{name} is {station:g} and our system id is {link.source_system}: the vehicle "
            "would not miss us; make them the same"
        )


def _refuse_unchecked(link: VehicleLink) -> None:
    """Refuse a vehicle that arms without checking itself, or does not say whether it does.

    Before 4.7 it has the checks that are made, since then those that are left out.
    """
    made = link.read_param("ARMING_CHECK", PARAM_S)
    if made is not None:
        if made == 0.0:
            raise CommandError(
                "ARMING_CHECK is 0: the vehicle would take off without checking itself; set it to 1"
            )
        return
    skipped = link.read_param("ARMING_SKIPCHK", PARAM_S)
    if skipped is None or skipped < 0.0:
        said = "neither ARMING_CHECK nor it answers" if skipped is None else f"it is {skipped:g}"
        raise CommandError(
            f"ARMING_SKIPCHK: {said}, so the vehicle may take off without checking itself; set "
            "it to 0"
        )


def verify(link: VehicleLink, record: SafetyRecord) -> tuple[str, ...]:
    """Return in words which parameters are no longer as they were set; empty if all are.

    Raises:
        LinkError: no answer.
    """
    changed = []
    for setting in record.settings:
        now = link.read_param(setting.name, PARAM_S)
        if now is None:
            changed.append(f"{setting.name} does not answer")
        elif not same_value(now, setting.value):
            changed.append(f"{setting.name} is {now:g} instead of {setting.value:g}")
    return tuple(changed)


def put_back(link: VehicleLink, record: SafetyRecord) -> tuple[str, ...]:
    """Put parameters back as they were, the last first; only ever on the ground.

    Returns:
        In words, which could not be put back; empty when all were. The rest are tried all the
        same.
    """
    left = []
    for setting in reversed(record.settings):
        if same_value(setting.before, setting.value):
            continue
        try:
            link.set_param(setting.name, setting.before)
        except FlightError as error:
            left.append(f"{setting.name} stays {setting.value:g} (was {setting.before:g}): {error}")
    for line in left:
        _LOG.error("%s: %s", link.where, line)
    return tuple(left)
