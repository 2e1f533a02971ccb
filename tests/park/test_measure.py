from __future__ import annotations

import math

import pytest

from park.errors import RecordError
from park.measure import Measure
from park.taxonomy import MeasureUnit


def test_a_measure_has_a_unit_and_an_error() -> None:
    soil = Measure(120.0, 8.0, MeasureUnit.SQUARE_METRES)
    assert (soil.value, soil.error, soil.unit) == (120.0, 8.0, "m2")


def test_only_temperatures_may_be_below_zero() -> None:
    assert Measure(-12.0, 1.0, MeasureUnit.DEGREES_CELSIUS).value == -12.0
    with pytest.raises(RecordError, match=r"-1\.0 m2 is below zero"):
        Measure(-1.0, 0.0, MeasureUnit.SQUARE_METRES)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(RecordError, match="is not a number"):
        Measure(value, 0.0, MeasureUnit.METRES)
    with pytest.raises(RecordError, match="is not zero or more"):
        Measure(1.0, value, MeasureUnit.METRES)
