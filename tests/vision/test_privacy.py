"""Whom the models find is blurred; what is too long to be anybody is not."""

from __future__ import annotations

import pytest

from park.records import Detection
from vision.privacy import LONGEST_M, believable


def seen(name: str, length_px: float) -> Detection:
    return Detection(name, 0.2, (100.0, 100.0, 110.0, 100.0 + length_px), "m@1")


def five_centimetres(x_px: float, y_px: float) -> float | None:
    return 0.05


def sky(x_px: float, y_px: float) -> float | None:
    return None


@pytest.mark.parametrize("name", ["person", "head", "license_plate", "NO-Hardhat"])
def test_what_is_longer_than_anybody_is_left_out_where_the_scale_is_known(name: str) -> None:
    short, long = seen(name, LONGEST_M / 0.05 - 1.0), seen(name, LONGEST_M / 0.05 + 1.0)
    assert believable([short, long], five_centimetres) == [short]


def test_where_the_scale_is_not_known_everybody_stays() -> None:
    long = seen("person", 900.0)
    assert believable([long], None) == [long]
    assert believable([long], sky) == [long]


@pytest.mark.parametrize("name", ["crowd", "People", "car", "smoke"])
def test_crowds_and_what_is_never_blurred_stay_at_any_size(name: str) -> None:
    long = seen(name, 900.0)
    assert believable([long], five_centimetres) == [long]
