"""What is redacted is gone for good, and nothing else is touched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from park.errors import RecordError
from park.records import BoxXyxyPx, Detection
from vision.redact import REDACTABLE, redact, redactable_families, redaction_family, unredacted


def _noise(height: int = 160, width: int = 200, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _seen(name: str, box: BoxXyxyPx) -> Detection:
    return Detection(name, 0.5, box, "model@1")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("person", "person"),
        ("Pedestrian", "person"),
        ("people", "person"),
        ("Worker", "person"),
        ("cyclist", "person"),
        ("person on bike", "person"),
        ("Safety Vest", "person"),
        ("head", "face"),
        ("NO-Hardhat", "face"),
        ("helmet", "face"),
        ("license_plate", "number_plate"),
        ("Licence-Plate", "number_plate"),
        ("number plate", "number_plate"),
        ("car", None),
        ("truck", None),
        ("manhole", None),
        ("template", None),
    ],
)
def test_class_names_are_known_however_they_are_spelt(name: str, family: str | None) -> None:
    assert redaction_family(name) == family


def test_a_model_covers_only_the_families_that_it_finds() -> None:
    assert redactable_families(["car", "truck"]) == ()
    assert redactable_families(["Person", "car"]) == ("person",)
    assert redactable_families(["license-plate", "face", "worker"]) == tuple(sorted(REDACTABLE))
    # Somebody without a helmet has a face too.
    assert redactable_families(["helmet"]) == ()


def test_what_no_model_finds_is_named() -> None:
    result = redact(_noise(), [], classes=["vehicle"])
    assert result.redacted == ()
    assert result.not_redacted == ("face", "number_plate", "person")
    result = redact(_noise(), [_seen("person", (10, 10, 30, 60))], classes=["person", "car"])
    assert result.redacted == ("person",)
    assert result.not_redacted == ("face", "number_plate")
    assert result.boxes == 1


def test_switched_off_says_so() -> None:
    image = _noise()
    result = unredacted(image)
    assert result.not_redacted == tuple(sorted(REDACTABLE))
    np.testing.assert_array_equal(result.image_bgr, image)


@pytest.mark.parametrize("name", ["person", "face", "license_plate"])
@pytest.mark.parametrize("box", [(40, 30, 52, 58), (20, 20, 90, 120), (50, 50, 110, 62)])
def test_the_content_cannot_be_correlated_with_what_was_there(name: str, box: BoxXyxyPx) -> None:
    # Fine detail: what stays after the mean of each patch is taken away identifies nobody.
    image = _noise(seed=7)
    after = redact(image, [_seen(name, box)], classes=[name]).image_bgr
    x0, y0, x1, y1 = (int(v) for v in box)

    def detail(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        patch = picture[y0:y1, x0:x1].astype(np.float64)
        return (patch - cv2.blur(patch, (9, 9))).ravel()

    before, blurred = detail(image), detail(after)
    assert blurred.std() < 0.05 * before.std()
    similarity = abs(float(before @ blurred)) / (
        np.linalg.norm(before) * max(1e-9, float(np.linalg.norm(blurred)))
    )
    assert similarity < 0.12


@pytest.mark.parametrize("name", ["face", "license_plate"])
def test_two_different_plates_look_alike_afterwards(name: str) -> None:
    pictures = []
    for text in ("AB 12345", "XZ 98760"):
        image = np.full((80, 240, 3), 230, np.uint8)
        cv2.putText(image, text, (14, 54), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (20, 20, 20), 3)
        pictures.append(redact(image, [_seen(name, (8, 10, 232, 70))], classes=[name]).image_bgr)
    assert len(np.unique(pictures[0][12:68, 10:230].reshape(-1, 3), axis=0)) == 1
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 32


def test_a_checkerboard_on_a_person_is_not_readable_from_the_remains() -> None:
    image = np.full((120, 120, 3), 128, np.uint8)
    tiles = (np.indices((64, 64)).sum(axis=0) // 4 % 2 * 255).astype(np.uint8)
    image[28:92, 28:92] = tiles[..., None]
    after = redact(image, [_seen("person", (28, 28, 92, 92))], classes=["person"]).image_bgr
    assert int(after[28:92, 28:92].max()) - int(after[28:92, 28:92].min()) <= 64


@settings(max_examples=60, deadline=None)
@given(x0=st.floats(-60, 190), y0=st.floats(-60, 150), w=st.floats(0.5, 150), h=st.floats(0.5, 150))
def test_outside_the_widened_box_nothing_changes(x0: float, y0: float, w: float, h: float) -> None:
    image = _noise()
    kept = image.copy()
    after = redact(image, [_seen("person", (x0, y0, x0 + w, y0 + h))], classes=[]).image_bgr
    np.testing.assert_array_equal(image, kept)
    margin = max(2.0, 0.15 * max(w, h)) + 1
    outside = np.ones(image.shape[:2], bool)
    outside[
        max(0, int(y0 - margin)) : max(0, int(np.ceil(y0 + h + margin))),
        max(0, int(x0 - margin)) : max(0, int(np.ceil(x0 + w + margin))),
    ] = False
    np.testing.assert_array_equal(after[outside], image[outside])


def test_a_box_of_half_a_pixel_is_still_covered_with_its_surroundings() -> None:
    image = _noise()
    after = redact(image, [_seen("face", (50.2, 50.2, 50.7, 50.7))], classes=["face"]).image_bgr
    assert (after[49:52, 49:52] != image[49:52, 49:52]).any(axis=2).all()


def test_vehicles_are_left_as_they_are() -> None:
    image = _noise()
    result = redact(image, [_seen("car", (10, 10, 50, 50))], classes=["car", "person"])
    np.testing.assert_array_equal(result.image_bgr, image)
    assert result.boxes == 0


def test_wrong_pixels_are_refused() -> None:
    with pytest.raises(RecordError, match=r"redaction needs uint8 pixels .* not float64"):
        redact(np.zeros((4, 4, 3)), [], classes=[])  # type: ignore[arg-type]
