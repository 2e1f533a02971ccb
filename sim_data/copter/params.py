"""The parameters of a simulated copter, with ArduCopter's names, defaults and number types."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from park.errors import SimulationError
from sim_data.copter.param_defaults import DEFAULTS, INT8, INT16, INT32, REAL32

_FLOAT32 = struct.Struct("<f")
_RANGE = {
    INT8: (-128, 127),
    INT16: (-32_768, 32_767),
    INT32: (-(2**31), 2**31 - 1),
}


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter as ``PARAM_VALUE`` carries it.

    Attributes:
        name: up to 16 capitals, digits and underscores.
        value: a single precision number; whole for whole number types.
        mav_type: ``MAV_PARAM_TYPE``: 2, 4 or 6 for whole numbers of 8, 16 or 32 bits, 9 for
            single precision.
        index: its place in the table, from 0.
    """

    name: str
    value: float
    mav_type: int
    index: int


class ParamTable:
    """Parameters in a fixed order, stored as an autopilot stores them.

    Args:
        changes: values that differ from ArduCopter's defaults.

    Raises:
        SimulationError: a change names no parameter, or its value is not a number.
    """

    def __init__(self, changes: Mapping[str, float] | None = None) -> None:
        self._names = tuple(DEFAULTS)
        self._index = {name: place for place, name in enumerate(self._names)}
        self.values: dict[str, float] = {
            name: as_float32(value) for name, (value, _) in DEFAULTS.items()
        }
        """Values by name, for quick reading; write with `set` only."""
        for name, value in (changes or {}).items():
            self.set(name, value)

    def get(self, name: str) -> float:
        """Return the value of a parameter.

        Raises:
            SimulationError: there is none of that name.
        """
        self._need(name)
        return self.values[name]

    def set(self, name: str, value: float) -> float:
        """Store a value, and return it as it is stored.

        It is brought to single precision; for whole number types to the nearest whole number
        within the type's range, as ArduPilot does.

        Raises:
            SimulationError: there is no parameter of that name, or `value` is not finite.
        """
        self._need(name)
        if not math.isfinite(value):
            raise SimulationError(f"value {value} for parameter {name} is not a number")
        limits = _RANGE.get(DEFAULTS[name][1])
        if limits is not None:
            whole = math.floor(value + 0.5) if value >= 0.0 else math.ceil(value - 0.5)
            value = float(min(max(whole, limits[0]), limits[1]))
        self.values[name] = as_float32(value)
        return self.values[name]

    def param(self, name: str) -> Param:
        """Return a parameter with its type and place.

        Raises:
            SimulationError: there is none of that name.
        """
        self._need(name)
        return Param(name, self.values[name], DEFAULTS[name][1], self._index[name])

    def at(self, index: int) -> Param:
        """Return the parameter at a place in the table.

        Raises:
            SimulationError: there is none at that place.
        """
        if not 0 <= index < len(self._names):
            raise SimulationError(f"there is no parameter {index}; there are {len(self._names)}")
        return self.param(self._names[index])

    def __iter__(self) -> Iterator[Param]:
        return (self.at(index) for index in range(len(self._names)))

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def _need(self, name: str) -> None:
        if name not in self._index:
            raise SimulationError(f"the simulated copter has no parameter {name}")


def as_float32(value: float) -> float:
    """Return the single precision number nearest to `value`.

    Raises:
        SimulationError: it is too large for single precision.
    """
    try:
        (stored,) = _FLOAT32.unpack(_FLOAT32.pack(value))
    except OverflowError:
        raise SimulationError(f"{value} does not fit single precision") from None
    return float(stored)


__all__ = ["INT8", "INT16", "INT32", "REAL32", "Param", "ParamTable", "as_float32"]
