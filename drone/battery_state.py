"""How much of a battery is left: what the vehicle counts, or what its voltage at rest tells."""

from __future__ import annotations

import numpy as np

_CELL_LOW_V = 3.5
"""Voltage of a cell at which vehicles are set to call it low (ArduPilot's default: 10.5 V of 3)."""
_FULLEST_CELL_V = 4.38
_VOLTAGE_ERROR = 0.015
"""How far a power module's voltage may be off, and a full battery below full on the ground."""

_CELL_V = (3.27, 3.61, 3.69, 3.73, 3.77, 3.80, 3.84, 3.87, 3.95, 4.02, 4.11, 4.20)
_CELL_SHARE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# Voltage at rest of a lithium polymer cell by what is left, as makers' charts agree within 5 %.


def share_left(
    *, percent: float | None, volts: float | None, low_volts: float | None
) -> tuple[float, str] | None:
    """Return the share that is left, 0 to 1, and how it is known; None when it is not.

    A vehicle counts from full whenever it is switched on, also with a battery that is not; where
    the voltage says that there is less, even if it were measured too low, the voltage counts.

    Args:
        percent: that the vehicle counts; None when it does not know its battery's capacity.
        volts: of the battery at rest.
        low_volts: BATT_LOW_VOLT, from which the number of cells is concluded: at 3.5 V a cell.
    """
    by_volts = _by_volts(volts, low_volts)
    if percent is None:
        return by_volts
    counted = percent / 100.0
    at_most = _by_volts((volts or 0.0) * (1.0 + _VOLTAGE_ERROR), low_volts)
    if by_volts is not None and at_most is not None and at_most[0] < counted:
        return by_volts[0], f"{by_volts[1]}, although the vehicle counts {percent:.0f} %"
    return counted, "counted by the vehicle"


def _by_volts(volts: float | None, low_volts: float | None) -> tuple[float, str] | None:
    if not volts or not low_volts:
        return None
    cells = round(low_volts / _CELL_LOW_V)
    if cells < 1 or volts / cells > _FULLEST_CELL_V:
        return None  # BATT_LOW_VOLT is for another battery than this one
    share = float(np.interp(volts / cells, _CELL_V, _CELL_SHARE))
    return share, f"estimated from {volts:.1f} V of {cells} cells at rest"
