"""Pictures of pixels and of temperatures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from park.errors import RecordError
from park.picture import Pixels, ThermalPixels, celsius_of_counts, stretched_bgr
from park.spectrum import TemperatureUnit


def _warm_ground(hottest: float) -> NDArray[np.float32]:
    celsius = np.random.default_rng(0).normal(20.0, 3.0, (120, 160)).astype(np.float32)
    celsius[40:44, 40:44] = hottest
    return celsius


def test_an_ordinary_picture_has_no_temperatures() -> None:
    assert Pixels(np.zeros((4, 4, 3), np.uint8)).celsius is None


def test_a_thermal_picture_is_shown_bright_for_warm_and_keeps_its_temperatures() -> None:
    picture = ThermalPixels(_warm_ground(150.0))
    assert (picture.width_px, picture.height_px) == (160, 120)
    assert picture.celsius[42, 42] == 150.0
    shown = picture.image_bgr
    assert shown.shape == (120, 160, 3)
    assert shown[42, 42].tolist() == [255, 255, 255]
    # A hot spot does not take the contrast from the rest.
    assert np.std(shown[..., 0]) > 40
    assert picture.image_bgr is shown
    assert picture.shrunk_bgr(80, 60).shape == (60, 80, 3)


def test_noise_of_an_even_ground_is_not_shown_as_contrast() -> None:
    noise = np.random.default_rng(1).normal(20.0, 0.05, (64, 64)).astype(np.float32)
    assert np.std(ThermalPixels(noise).image_bgr) < 3.0


@pytest.mark.parametrize(("unit", "count"), [("centikelvin", 30_315), ("decikelvin", 3_032)])
def test_counts_become_degrees(unit: TemperatureUnit, count: int) -> None:
    celsius = celsius_of_counts(np.full((4, 4), count, np.uint16), unit)
    assert celsius == pytest.approx(30.0, abs=0.1)


def test_a_pixel_without_reading_has_no_temperature() -> None:
    counts = np.full((20, 20), 29_315, np.uint16)
    counts[3, 3] = 0
    celsius = celsius_of_counts(counts, "centikelvin")
    assert not isinstance(celsius, str)
    assert np.isnan(celsius[3, 3])
    assert np.isnan(celsius).sum() == 1
    assert ThermalPixels(celsius).image_bgr[3, 3].tolist() == [0, 0, 0]


def test_a_clear_sky_takes_no_temperatures_from_the_ground_below_it() -> None:
    counts = np.full((20, 20), 30_115, np.uint16)
    counts[:6] = 1_100
    counts[12, 4] = 60_000
    celsius = celsius_of_counts(counts, "centikelvin")
    assert not isinstance(celsius, str)
    assert np.isnan(celsius[:6]).all()
    assert celsius[6] == pytest.approx(28.0, abs=0.01)
    assert celsius[12, 4] == pytest.approx(326.85, abs=0.01)


@pytest.mark.parametrize(
    ("count", "words"), [(2_932, "near -244 degC"), (0, "no pixel of it has a reading")]
)
def test_counts_of_another_unit_are_refused(count: int, words: str) -> None:
    reason = celsius_of_counts(np.full((4, 4), count, np.uint16), "centikelvin")
    assert isinstance(reason, str)
    assert words in reason


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4))]
)
def test_what_is_no_array_of_temperatures_is_refused(array: Any) -> None:
    with pytest.raises(RecordError, match="float32 degrees Celsius of shape"):
        ThermalPixels(array)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_picture_of_one_value_can_be_shown(value: float) -> None:
    assert stretched_bgr(np.full((8, 8), value, np.float32), 0.0).shape == (8, 8, 3)
