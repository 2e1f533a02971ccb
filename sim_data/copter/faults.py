"""What can be made to go wrong with a simulated copter while it flies.

Each is given to `SimulatedCopter.inject`. A `duration_s` of None lasts until the simulation
ends, or until the same kind is injected again with a duration of 0, which ends it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

from park.errors import SimulationError


def _check(fault: object) -> None:
    """Raise `SimulationError` when a number of `fault` is not finite, or a duration negative."""
    for attribute in dataclasses.fields(fault):  # type: ignore[arg-type]  # a dataclass
        value = getattr(fault, attribute.name)
        if value is None or isinstance(value, bool):
            continue
        if not math.isfinite(value):
            raise SimulationError(f"{attribute.name} {value} of a fault is not a number")
        if attribute.name in {"duration_s", "delay_s"} and value < 0.0:
            raise SimulationError(f"{attribute.name} {value} of a fault is negative")


@dataclass(frozen=True, slots=True)
class GpsLoss:
    """The satellite receiver has no fix.

    Attributes:
        duration_s: how long.
    """

    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class GpsGlitch:
    """The satellite receiver is wrong by a constant amount.

    Attributes:
        north_m: how far off.
        east_m: how far off.
        duration_s: how long.
    """

    north_m: float = 60.0
    east_m: float = 0.0
    duration_s: float | None = 5.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class LinkDrop:
    """Nothing passes over the link, either way; acted on by the server.

    Attributes:
        duration_s: how long.
        close: whether connections are closed as well, and new ones refused, until it is over.
    """

    duration_s: float | None = 10.0
    close: bool = False

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class LinkDelay:
    """What passes over the link arrives late; acted on by the server.

    Attributes:
        delay_s: how late, of vehicle time, each way.
        duration_s: how long.
    """

    delay_s: float = 0.5
    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class BatterySag:
    """The battery's voltage is lower than its charge would have it.

    Attributes:
        volts: how much lower.
        duration_s: how long.
    """

    volts: float = 1.5
    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class MotorWeakness:
    """One motor gives less thrust than it is told.

    Attributes:
        share_left: of its thrust, 0 to 1. The vehicle cannot hold itself level with less than
            half of it, and loses its margin for climbing in proportion.
        duration_s: how long.
    """

    share_left: float = 0.7
    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check(self)
        if not 0.0 <= self.share_left <= 1.0:
            raise SimulationError(f"share_left {self.share_left} is not between 0 and 1")


@dataclass(frozen=True, slots=True)
class CompassError:
    """The compass is wrong.

    Attributes:
        error_deg: by how much, clockwise.
        duration_s: how long.
    """

    error_deg: float = 60.0
    duration_s: float | None = None

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class WindGust:
    """Wind on top of the wind that blows anyway.

    Attributes:
        speed_mps: at its height; it comes and goes within a second.
        from_deg: where it comes from.
        duration_s: how long.
    """

    speed_mps: float = 12.0
    from_deg: float = 0.0
    duration_s: float | None = 5.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class FenceBreach:
    """The vehicle is carried to just outside its nearest fence, at once.

    Attributes:
        beyond_m: how far outside.
    """

    beyond_m: float = 10.0

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class Reboot:
    """The autopilot restarts, wherever it is: in the air, it falls."""


Fault: TypeAlias = (
    GpsLoss
    | GpsGlitch
    | LinkDrop
    | LinkDelay
    | BatterySag
    | MotorWeakness
    | CompassError
    | WindGust
    | FenceBreach
    | Reboot
)

FAULTS: dict[str, type[Fault]] = {
    "gps-loss": GpsLoss,
    "gps-glitch": GpsGlitch,
    "link-drop": LinkDrop,
    "link-delay": LinkDelay,
    "battery-sag": BatterySag,
    "motor-weakness": MotorWeakness,
    "compass-error": CompassError,
    "wind-gust": WindGust,
    "fence-breach": FenceBreach,
    "reboot": Reboot,
}
"""Every fault by the word that command lines use for it."""


def parse_fault(words: str) -> Fault:
    """Return the fault that a text such as ``gps-glitch north-m=80 duration-s=5`` describes.

    Args:
        words: a key of `FAULTS`, then any of its attributes as ``name=number``, with hyphens
            or underscores, parted by spaces or commas.

    Raises:
        SimulationError: an unknown fault or attribute, or a value that is not a number.
    """
    name, *settings = words.replace(",", " ").split() or [""]
    kind = FAULTS.get(name)
    if kind is None:
        raise SimulationError(f"there is no fault '{name}'; known are {', '.join(FAULTS)}")
    known = {attribute.name for attribute in dataclasses.fields(kind)}
    values: dict[str, float | bool] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        key = key.replace("-", "_")
        if key not in known or not equals:
            options = ", ".join(sorted(known)) or "none"
            raise SimulationError(f"fault {name} has no setting '{setting}'; it has {options}")
        try:
            values[key] = bool(int(value)) if key == "close" else float(value)
        except ValueError:
            raise SimulationError(f"'{setting}' of fault {name} is not a number") from None
    return kind(**values)  # type: ignore[arg-type]  # checked by name above
