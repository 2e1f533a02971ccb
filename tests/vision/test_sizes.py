"""Boxes that cannot be what they are said to be, by what they measure on the ground."""

from __future__ import annotations

import math

import pytest

from park.records import CameraPose, CornersView, Intrinsics, PosedView, PoseSigma
from vision.sizes import (
    SIZE_RANGE_M,
    impossible_size,
    scale_is_known,
    scale_sigma,
    size_range_of,
)

WH = (1000, 800)
MIDDLE = (400.0, 400.0, 450.0, 430.0)


def view(alt_m: float = 40.0, *, vertical_m: float = 0.0, focal_sigma: float = 0.0) -> PosedView:
    lens = Intrinsics.from_fov(*WH, 70.0, focal_sigma=focal_sigma)
    pose = CameraPose(50.0, 8.0, alt_m, None, 0.0, -90.0, 0.0)
    return PosedView(lens, pose, PoseSigma(1.0, vertical_m, 1.0, 1.0, 1.0))


class TestHowWellTheScaleIsKnown:
    def test_height_and_focal_length_add_up_in_squares(self) -> None:
        assert scale_sigma(view(40.0, vertical_m=4.0)) == pytest.approx(0.1)
        assert scale_sigma(view(focal_sigma=0.03)) == pytest.approx(0.03)
        both = view(40.0, vertical_m=1.6, focal_sigma=0.03)
        assert scale_sigma(both) == pytest.approx(0.05)

    def test_without_a_view_it_is_not_known(self) -> None:
        assert scale_sigma(None) == math.inf
        assert not scale_is_known(None)

    @pytest.mark.parametrize("alt_m", [0.0, -3.0])
    def test_a_camera_on_the_ground_or_below_tells_nothing(self, alt_m: float) -> None:
        assert not scale_is_known(view(alt_m, vertical_m=1.0))

    @pytest.mark.parametrize(("vertical_m", "known"), [(11.9, True), (12.1, False)])
    def test_the_limit_is_three_tenths(self, vertical_m: float, known: bool) -> None:
        assert scale_is_known(view(40.0, vertical_m=vertical_m)) is known

    def test_four_corners_tell_it(self) -> None:
        corners = ((50.0, 8.0), (50.0, 8.001), (49.999, 8.001), (49.999, 8.0))
        assert scale_is_known(CornersView(*WH, corners))


class TestImpossibleSizes:
    @pytest.mark.parametrize(
        ("size_m", "reason"),
        [
            (2.9, "too small on the ground"),
            (3.0, None),
            (7.0, None),
            (7.1, "too large on the ground"),
        ],
    )
    def test_with_a_scale_known_exactly_the_limits_hold(
        self, size_m: float, reason: str | None
    ) -> None:
        assert impossible_size(size_m, (3.0, 7.0), view(), MIDDLE, WH) == reason

    @pytest.mark.parametrize(
        ("size_m", "reason"),
        [
            (2.3, "too small on the ground"),
            (2.5, None),
            (8.3, None),
            (8.5, "too large on the ground"),
        ],
    )
    def test_the_limits_give_way_by_two_sigmas_of_the_scale(
        self, size_m: float, reason: str | None
    ) -> None:
        unsure = view(40.0, vertical_m=4.0)  # 10 %
        assert impossible_size(size_m, (3.0, 7.0), unsure, MIDDLE, WH) == reason

    @pytest.mark.parametrize("size_m", [0.01, 5.0, 900.0])
    @pytest.mark.parametrize("unknown", [None, view(40.0, vertical_m=20.0)])
    def test_at_an_unknown_scale_everything_is_possible(
        self, size_m: float, unknown: PosedView | None
    ) -> None:
        assert impossible_size(size_m, (3.0, 7.0), unknown, MIDDLE, WH) is None

    @pytest.mark.parametrize(
        "box",
        [
            (0.0, 400.0, 30.0, 430.0),
            (400.0, 1.0, 450.0, 20.0),
            (950.0, 400.0, 999.0, 430.0),
            (400.0, 780.0, 450.0, 800.0),
        ],
    )
    def test_a_box_cut_by_the_edge_may_be_half_as_long(
        self, box: tuple[float, float, float, float]
    ) -> None:
        assert impossible_size(1.6, (3.0, 7.0), view(), box, WH) is None
        assert impossible_size(1.4, (3.0, 7.0), view(), box, WH) == "too small on the ground"
        assert impossible_size(7.1, (3.0, 7.0), view(), box, WH) == "too large on the ground"

    def test_ranges_that_ship_are_ranges(self) -> None:
        assert all(0 < low < high for low, high in SIZE_RANGE_M.values())

    @pytest.mark.parametrize("name", ["no hard hat", "No-Hard-Hat", "no_hard_hat"])
    def test_a_class_is_known_however_a_model_writes_it(self, name: str) -> None:
        assert size_range_of(name, SIZE_RANGE_M) == SIZE_RANGE_M["no_hard_hat"]

    def test_what_a_card_says_of_a_class_as_written_comes_first(self) -> None:
        ranges = {**SIZE_RANGE_M, "Car": (1.0, 2.0)}
        assert size_range_of("Car", ranges) == (1.0, 2.0)
        assert size_range_of("car", ranges) == SIZE_RANGE_M["car"]
        assert size_range_of("unicorn", ranges) is None

    @pytest.mark.parametrize(("size_m", "possible"), [(0.3, True), (0.5, True), (1.3, False)])
    def test_a_head_is_no_patch_of_ground(self, size_m: float, possible: bool) -> None:
        seen = impossible_size(size_m, SIZE_RANGE_M["no_hard_hat"], view(10.0), MIDDLE, WH)
        assert (seen is None) is possible
