"""A vest in the colours of fire is no fire; a fire beside somebody is one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from park.measure import Measure
from park.picture import Picture, Pixels, ThermalPixels
from park.records import BoxXyxyPx, Frame, Observation
from park.taxonomy import MeasureUnit
from vision.clothes import without_clothes
from vision.observe import FrameObservations

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PERSON: BoxXyxyPx = (100.0, 100.0, 120.0, 150.0)


def seen(class_name: str, box: BoxXyxyPx, area_m2: float | None = None) -> Observation:
    measure = None if area_m2 is None else Measure(area_m2, 0.1, MeasureUnit.SQUARE_METRES)
    return Observation(
        f"{class_name} {box}", "p", NOW, class_name, 0.8, box, None, None, None, None, "a.mp4",
        1.0, "m@1", measure,
    )  # fmt: skip


COLOUR = Pixels(np.zeros((200, 200, 3), np.uint8))


def left(*observations: Observation, picture: Picture = COLOUR) -> tuple[list[str], list[str]]:
    frame = Frame(picture, NOW, None, "a.mp4", 1.0, "p")
    found = without_clothes(FrameObservations(frame, observations, (), ()))
    return [one.class_name for one in found.kept], [one.reason for one in found.dropped]


@pytest.mark.parametrize(
    ("flame", "area_m2", "stays"),
    [
        pytest.param((103.0, 108.0, 117.0, 125.0), 0.2, False, id="a vest"),
        pytest.param((103.0, 108.0, 117.0, 125.0), None, False, id="a vest of unknown size"),
        pytest.param((103.0, 108.0, 117.0, 125.0), 2.0, True, id="larger than clothes"),
        pytest.param((112.0, 120.0, 150.0, 150.0), 0.5, True, id="a fire that reaches beyond"),
        pytest.param((121.0, 130.0, 135.0, 150.0), 0.3, True, id="a fire beside somebody"),
    ],
)
def test_only_what_lies_in_a_person_is_clothes(
    flame: BoxXyxyPx, area_m2: float | None, stays: bool
) -> None:
    kept, why = left(seen("person", PERSON), seen("flame", flame, area_m2))
    assert kept == (["person", "flame"] if stays else ["person"])
    assert why == ([] if stays else ["clothes of a person"])


def test_a_flame_in_a_vehicle_is_a_flame() -> None:
    inside = seen("flame", (103.0, 108.0, 117.0, 125.0), 0.2)
    assert left(seen("car", PERSON), inside)[0] == ["car", "flame"]


def test_what_is_as_hot_as_fire_is_no_clothes() -> None:
    flame = seen("flame", (103.0, 108.0, 117.0, 125.0), 0.2)
    heat = ThermalPixels(np.full((200, 200), 8.0, np.float32))
    assert left(seen("person", PERSON), flame, picture=heat) == (["person", "flame"], [])
