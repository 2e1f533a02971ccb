"""Training pictures in other light and on other ground."""

from __future__ import annotations

import numpy as np
import pytest

from vision.models.composites import MARGIN_SHARE, CutOut, cut_out, paste, vary_light

RED = (0, 0, 250)


def red_thing(width: int = 40, height: int = 20) -> CutOut:
    """A red box on black ground, cut out."""
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[60 : 60 + height, 50 : 50 + width] = RED
    found = cut_out(picture, "vehicle", (50.0, 60.0, 50.0 + width, 60.0 + height))
    assert found is not None
    return found


def test_a_thing_is_cut_out_with_a_margin_of_its_ground() -> None:
    thing = red_thing()
    assert thing.image_bgr.shape[:2] == (
        pytest.approx(20 * (1 + 2 * MARGIN_SHARE), abs=2),
        pytest.approx(40 * (1 + 2 * MARGIN_SHARE), abs=2),
    )


@pytest.mark.parametrize("box", [(1, 60, 41, 80), (170, 60, 199, 80), (50, 60, 54, 64)])
def test_what_is_cut_by_the_edge_or_tiny_is_left(box: tuple[int, int, int, int]) -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    assert cut_out(picture, "vehicle", box) is None


@pytest.mark.parametrize("seed", range(5))
def test_boxes_lie_on_what_was_pasted_and_never_on_each_other(seed: int) -> None:
    ground = np.full((416, 416, 3), 255, np.uint8)
    image, boxes = paste(ground, [red_thing()], np.random.default_rng(seed))
    assert boxes
    covered = np.zeros(image.shape[:2], bool)
    for name, x0, y0, x1, y1 in boxes:
        assert name == "vehicle"
        inside = image[round(y0) + 2 : round(y1) - 2, round(x0) + 2 : round(x1) - 2]
        assert inside[..., 2].min() > 60
        assert inside[..., :2].max() < 40
        part = covered[round(y0) : round(y1), round(x0) : round(x1)]
        assert not part.any()
        part[:] = True
    assert (ground == 255).all()


def test_another_light_keeps_size_and_is_the_same_for_a_seed() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    one, two = (vary_light(picture, np.random.default_rng(9)) for _ in range(2))
    assert one.shape == picture.shape
    assert np.array_equal(one, two)
    assert not np.array_equal(one, picture)
