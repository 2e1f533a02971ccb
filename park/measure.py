"""How much of something there is, and how far that may be off."""

from __future__ import annotations

import math
from dataclasses import dataclass

from park.errors import RecordError
from park.taxonomy import MeasureUnit


@dataclass(frozen=True, slots=True)
class Measure:
    """A size in a physical unit, such as the area of discoloured water.

    Attributes:
        value: the size, zero or more; a temperature may be below zero.
        error: one standard deviation of it, zero or more, in the same unit.
        unit: of both.

    Raises:
        RecordError: a number is missing or cannot be.
    """

    value: float
    error: float
    unit: MeasureUnit

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise RecordError(f"a measure of {self.value} {self.unit} is not a number")
        if self.value < 0.0 and self.unit is not MeasureUnit.DEGREES_CELSIUS:
            raise RecordError(f"a measure of {self.value} {self.unit} is below zero")
        if not (math.isfinite(self.error) and self.error >= 0.0):
            raise RecordError(f"the error of a measure, {self.error}, is not zero or more")
