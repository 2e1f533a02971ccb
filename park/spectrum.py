"""What light a camera sees, and what the numbers of a thermal camera mean."""

from __future__ import annotations

from typing import Literal

Spectrum = Literal["visible", "thermal", "near_infrared", "multispectral"]
"""What light a camera sees."""

TemperatureUnit = Literal["centikelvin", "decikelvin"]
"""What one count of a 16-bit thermal picture is: a hundredth or a tenth of a kelvin."""

KELVIN_PER_COUNT: dict[TemperatureUnit, float] = {"centikelvin": 0.01, "decikelvin": 0.1}
