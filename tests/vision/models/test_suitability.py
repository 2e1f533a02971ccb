"""A model of heat refuses pictures of light, and says so; a model of light takes grey ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from park.errors import ModelError
from park.picture import Pixels, ThermalPixels
from park.records import Frame
from park.spectrum import Spectrum
from vision.detect import Detector
from vision.models.registry import ModelCard, resolve_model
from vision.models.suitability import why_unsuited

THERMAL = ModelCard(name="heat", spectrum="thermal")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def frame(image: np.ndarray, spectrum: Spectrum | None = None) -> Frame:
    picture = Pixels(np.asarray(image, np.uint8))
    return Frame(picture, NOON, None, "own.jpg", 0.0, "data", spectrum=spectrum)


def noise(channels: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 255, (12, 16, 3)).astype(np.uint8), (160, 120))
    return image if channels == 3 else np.repeat(image[..., :1], 3, axis=2)


def test_footage_that_calls_itself_visible_is_refused_even_when_grey() -> None:
    reason = why_unsuited(THERMAL, frame(noise(1), "visible"))
    assert reason is not None
    assert "model heat knows thermal pictures, and these are visible" in reason


def test_a_colour_picture_that_does_not_say_is_refused() -> None:
    reason = why_unsuited(THERMAL, frame(noise(3)))
    assert reason is not None
    assert "own.jpg" in reason
    assert "this one has colours" in reason


@pytest.mark.parametrize("spectrum", ["thermal", None])
def test_grey_pictures_are_taken(spectrum: Spectrum | None) -> None:
    assert why_unsuited(THERMAL, frame(noise(1), spectrum)) is None


def test_pictures_of_temperatures_are_taken() -> None:
    celsius = np.linspace(5, 40, 120 * 160, dtype=np.float32).reshape(120, 160)
    heat = Frame(ThermalPixels(celsius), NOON, None, "own.tiff", 0.0, "data")
    assert why_unsuited(THERMAL, heat) is None


def test_a_thermal_camera_in_false_colours_is_what_its_footage_says() -> None:
    assert why_unsuited(THERMAL, frame(noise(3), "thermal")) is None


def test_a_model_of_light_takes_grey_pictures() -> None:
    assert why_unsuited(ModelCard(name="light"), frame(noise(1))) is None


def test_real_pictures_are_told_apart(shared_data: Path) -> None:
    def first(folder: str, count: int) -> list[Frame]:
        paths = sorted((shared_data / folder).rglob("*.jpg"))
        found = [cv2.imread(str(p), cv2.IMREAD_COLOR) for p in paths[:: len(paths) // count]]
        return [frame(image) for image in found if image is not None]

    for heat in first("labelled/thermal_people_vehicles/valid", 20):
        assert why_unsuited(THERMAL, heat) is None
    refused = [why_unsuited(THERMAL, f) for f in first("labelled/vehicles_aerial", 20)]
    assert all(refused), "no street by day is grey"


@pytest.mark.usefixtures("cache")
def test_a_detector_fails_rather_than_answer_wrongly() -> None:
    model = resolve_model("vehicles")
    from dataclasses import replace

    heat = replace(model, card=model.card.model_copy(update={"spectrum": "thermal"}))
    with pytest.raises(ModelError, match="knows thermal pictures"):
        Detector(heat).detect(frame(noise(3)))
