"""A lamp in the dark is no person; a person in daylight, or in a bright vest, is no lamp."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.picture import Pixels
from park.records import BoxXyxyPx, Detection, Frame
from park.spectrum import Spectrum
from vision.detect import FrameDetections
from vision.lamps import Dusk
from vision.models.dataset import read_dataset
from vision.models.registry import ModelCard
from vision.observe import Sight, observe

BOX: BoxXyxyPx = (100.0, 60.0, 112.0, 80.0)
CARD = ModelCard(name="people", classes=("person",))


def scene(ground: int, colour: tuple[int, int, int]) -> np.ndarray:
    """Return a picture of even ground with a small bright thing in the box."""
    rng = np.random.default_rng(2)
    image = np.clip(rng.normal(ground, 4.0, (200, 300, 3)), 0, 255).astype(np.uint8)
    cv2.rectangle(image, (103, 66), (109, 74), colour, -1)
    return image


@pytest.mark.parametrize(
    ("ground", "colour", "told"),
    [
        pytest.param(25, (215, 225, 230), True, id="a headlight at night"),
        pytest.param(65, (195, 205, 210), True, id="a street lamp at dusk"),
        pytest.param(110, (250, 250, 250), False, id="white clothes by day"),
        pytest.param(60, (40, 240, 230), False, id="a yellow vest at dusk"),
        pytest.param(70, (150, 150, 150), False, id="pale clothes at dusk"),
    ],
)
def test_what_is_brighter_than_paint_could_be_is_a_lamp(
    ground: int, colour: tuple[int, int, int], told: bool
) -> None:
    assert Dusk(Pixels(scene(ground, colour))).is_lamp(BOX) is told


def test_the_pool_of_a_flood_light_is_no_dusk() -> None:
    # White clothes under it are as much brighter than the ground around it, but not than the rest.
    image = scene(60, (200, 200, 200))
    image[:, 130:] = 190
    assert not Dusk(Pixels(image)).is_lamp(BOX)


@given(
    st.tuples(*[st.floats(-40.0, 340.0)] * 4).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    )
)
def test_any_box_has_an_answer(box: BoxXyxyPx) -> None:
    assert Dusk(Pixels(scene(25, (230, 230, 230)))).is_lamp(box) in (True, False)


@pytest.mark.parametrize(
    ("name", "spectrum", "kept"),
    [("person", None, 0), ("person", "visible", 0), ("person", "thermal", 1), ("flame", None, 1)],
)
def test_only_people_in_visible_light_are_asked_about(
    name: str, spectrum: Spectrum | None, kept: int
) -> None:
    image = scene(25, (215, 225, 230))
    time = datetime(2026, 5, 1, 20, tzinfo=UTC)
    frame = Frame(Pixels(image), time, None, "a.jpg", 0.0, "patrol", spectrum=spectrum)
    found = FrameDetections(frame, (Detection(name, 0.5, BOX, "people@1"),), scale_known=False)
    seen = observe(found, Sight.of(frame, None), CARD, lambda f, n, b, m: "id")
    assert len(seen.kept) == kept
    assert [one.reason for one in seen.dropped] == ["a lamp"] * (1 - kept)


def test_hardly_a_real_person_is_taken_for_a_lamp(shared_data: Path) -> None:
    asked = lamps = 0
    for picture in read_dataset(shared_data / "labelled" / "ppe").pictures[::6]:
        image = cv2.imread(str(picture.path))
        assert image is not None
        height, width = image.shape[:2]
        dusk = Dusk(Pixels(np.asarray(image, np.uint8)))
        for box in picture.boxes:
            if box.class_name.lower() == "person":
                asked += 1
                lamps += dusk.is_lamp(box.xyxy_px(width, height))
    assert asked > 150
    assert lamps <= 0.005 * asked
