"""Windows cover the picture at a scale the model knows, and each thing comes out once."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from park.geodesy import FloatArray
from vision.models.engine import RawBoxes, padded_size
from vision.slicing import (
    OVERLAP,
    GsdAt,
    Plan,
    Window,
    WindowBoxes,
    merge_windows,
    plan_known,
    plan_unknown,
    quantised,
    windows_at,
)

INPUT_PX = 640
BEST_M, RANGE_M = 0.08, (0.045, 0.16)


def known(width_px: int, height_px: int, gsd_m: float) -> Plan:
    return plan_known(
        width_px,
        height_px,
        lambda x, y: gsd_m,
        input_px=INPUT_PX,
        gsd_best_m=BEST_M,
        gsd_range_m=RANGE_M,
    )


def oblique(height_px: int, horizon_px: float, near_m: float = 0.02) -> GsdAt:
    """Return metres per pixel that grow towards a horizon, as level ground does."""

    def gsd_at(x_px: float, y_px: float) -> float | None:
        if y_px <= horizon_px + 1:
            return None
        return near_m * (height_px - horizon_px) / (y_px - horizon_px)

    return gsd_at


def boxes(*rows: tuple[float, ...], index: int = 0) -> RawBoxes:
    """Return boxes of rows (x0, y0, x1, y1, confidence)."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return RawBoxes(table[:, :4], table[:, 4], np.full(len(table), index, np.int64))


def xyxy(found: RawBoxes) -> list[list[float]]:
    return sorted(found.xyxy_px.round(1).tolist())


def _pixels(windows: list[Window]) -> int:
    return sum((w.x1_px - w.x0_px) * (w.y1_px - w.y0_px) for w in windows)


class TestWindows:
    @settings(max_examples=60, deadline=None)
    @given(
        width=st.integers(1, 5000), height=st.integers(1, 5000), scale=st.floats(0.05, 2.0),
        input_px=st.sampled_from([256, 416, 640, 1280]),
    )  # fmt: skip
    @example(width=4000, height=2250, scale=2**0.75, input_px=640)
    def test_every_pixel_is_seen_and_no_window_is_too_large(
        self, width: int, height: int, scale: float, input_px: int
    ) -> None:
        windows = windows_at(width, height, scale, input_px, whole_up_to=1.0)
        for length, low, high in ((width, "x0_px", "x1_px"), (height, "y0_px", "y1_px")):
            spans = sorted({(getattr(w, low), getattr(w, high)) for w in windows})
            assert spans[0][0] == 0
            assert spans[-1][1] == length
            for (start, end), (following, _) in itertools.pairwise(spans):
                # One pixel is lost to rounding at most.
                assert end - following >= (end - start) * OVERLAP - 1
        columns = {(w.x0_px, w.x1_px) for w in windows}
        rows = {(w.y0_px, w.y1_px) for w in windows}
        assert len(windows) == len(columns) * len(rows), "the windows form a full grid"
        for w in windows:
            assert round((w.x1_px - w.x0_px) * scale) <= input_px
            assert round((w.y1_px - w.y0_px) * scale) <= input_px

    def test_a_small_picture_is_looked_at_whole(self) -> None:
        assert windows_at(640, 480, 1.0, INPUT_PX) == [Window(0, 0, 640, 480, 1.0)]
        assert windows_at(1000, 700, 1.0, INPUT_PX) == [Window(0, 0, 1000, 700, 1.0)]
        assert len(windows_at(1000, 700, 1.0, INPUT_PX, whole_up_to=1.0)) > 1
        assert len(windows_at(1100, 700, 1.0, INPUT_PX)) > 1

    @settings(max_examples=60, deadline=None)
    @given(width=st.integers(1100, 5000), height=st.integers(300, 5000))
    @example(width=1522, height=856)
    def test_few_windows_see_every_pixel_with_less_said_twice(
        self, width: int, height: int
    ) -> None:
        few = windows_at(width, height, 1.0, INPUT_PX)
        many = windows_at(width, height, 1.0, INPUT_PX, few=False)
        assert len(few) <= len(many)
        for low, high, length in (("x0_px", "x1_px", width), ("y0_px", "y1_px", height)):
            spans = sorted({(getattr(w, low), getattr(w, high)) for w in few})
            assert (spans[0][0], spans[-1][1]) == (0, length)
            assert all(end - start <= 1.6 * INPUT_PX for start, end in spans)
            for (start, end), (following, _) in itertools.pairwise(spans):
                assert end - following >= (end - start) * OVERLAP - 1
        assert _pixels(few) <= 1.05 * _pixels(many)

    @given(st.floats(0.001, 50))
    def test_scales_come_from_a_short_ladder(self, scale: float) -> None:
        step = quantised(scale)
        assert abs(math.log2(step / scale)) <= 0.125 + 1e-9
        assert math.log2(step) * 4 == pytest.approx(round(math.log2(step) * 4))
        assert quantised(step) == pytest.approx(step)


class TestKnownScale:
    @pytest.mark.parametrize("gsd_m", [0.01, 0.02, 0.05, 0.08, 0.12, 0.15])
    def test_ground_is_brought_to_what_the_model_knows(self, gsd_m: float) -> None:
        plan = known(4000, 2250, gsd_m)
        (scale,) = {w.scale for w in plan.windows}
        assert plan.scale_known
        # Within half a step of the ladder.
        assert abs(math.log2(gsd_m / scale / BEST_M)) <= 0.125 + 1e-9

    @pytest.mark.parametrize(
        ("size_px", "gsd_m", "input_px"),
        [
            ((1920, 1080), 0.0328, (800, 448)),  # 832 x 480 at the rung of the ladder
            ((1920, 1080), 0.0437, (960, 544)),  # 512 rows would be 5 % fewer
            ((40, 1000), 0.08, (64, 992)),
            ((33, 33), 0.08, (64, 64)),  # 32 would be 3.03 % fewer
        ],
    )
    def test_a_whole_picture_is_made_hardly_smaller_where_that_saves_padding(
        self, size_px: tuple[int, int], gsd_m: float, input_px: tuple[int, int]
    ) -> None:
        (window,) = known(*size_px, gsd_m).windows
        width_px, height_px = (round(side * window.scale) for side in size_px)
        assert padded_size(width_px, height_px) == input_px

    def test_a_small_picture_is_looked_at_as_it_is(self) -> None:
        for gsd_m in (0.03, 0.045, 0.06, 0.08):
            for window in known(640, 512, gsd_m).windows:
                assert window.scale == quantised(gsd_m / BEST_M)

    @given(st.integers(641, 1200), st.integers(66, 1200), st.floats(0.03, 0.06))
    def test_trimming_never_costs_and_is_hardly_seen(
        self, width: int, height: int, gsd_m: float
    ) -> None:
        (window,) = known(width, height, gsd_m).windows
        rung = quantised(gsd_m / BEST_M)
        assert 0.97 * rung <= window.scale <= rung
        trimmed, untrimmed = (
            math.prod(padded_size(round(width * s), round(height * s)))
            for s in (window.scale, rung)
        )
        assert trimmed <= untrimmed

    def test_one_window_a_little_coarser_is_taken_before_two(self) -> None:
        # At 0.546 of its size the picture would be at its best; 0.59 takes two windows, 0.5 one.
        (window,) = known(1920, 1080, 0.0437).windows
        assert window.scale == pytest.approx(0.5)
        assert len(known(1920, 1080, 0.0445).windows) == 2, "more than a little coarser"

    def test_no_window_is_saved_by_leaving_what_the_model_knows(self) -> None:
        (scale,) = {
            window.scale
            for window in plan_known(
                1920,
                1080,
                lambda x, y: 0.0437,
                input_px=INPUT_PX,
                gsd_best_m=BEST_M,
                gsd_range_m=(0.06, 0.085),
            ).windows
        }
        assert scale == pytest.approx(2**-0.75)

    def test_nothing_is_magnified_more_than_four_times(self) -> None:
        assert {w.scale for w in known(1000, 800, 0.5).windows} == {4.0}

    def test_ground_too_far_away_for_the_model_is_not_looked_at(self) -> None:
        assert known(1000, 800, 1.2).windows == ()

    def test_pixels_are_asked_about_all_at_once_where_that_can_be(self) -> None:
        class Many:
            asked = 0

            def __call__(self, x_px: float, y_px: float) -> float | None:
                raise AssertionError("one at a time")

            def many(self, xy_px: FloatArray) -> FloatArray:
                self.asked += 1
                return np.where(xy_px[:, 1] < 300.0, np.nan, 0.08)

        gsd_at = Many()
        plan = plan_known(
            1000, 800, gsd_at, input_px=INPUT_PX, gsd_best_m=BEST_M, gsd_range_m=RANGE_M
        )
        assert plan.windows == known(1000, 800, 0.08).windows
        assert gsd_at.asked == 1

    def test_a_picture_of_sky_is_not_looked_at(self) -> None:
        plan = plan_known(
            800, 600, lambda x, y: None, input_px=640, gsd_best_m=BEST_M, gsd_range_m=RANGE_M
        )
        assert plan == Plan((), scale_known=True)

    @pytest.mark.parametrize("horizon_px", [-400.0, 0.0, 500.0, 1000.0])
    def test_near_and_far_parts_get_scales_of_their_own(self, horizon_px: float) -> None:
        width, height = 3000, 2250
        gsd_at = oblique(height, horizon_px)
        plan = plan_known(
            width, height, gsd_at, input_px=INPUT_PX, gsd_best_m=BEST_M, gsd_range_m=RANGE_M
        )
        assert len({w.scale for w in plan.windows}) >= 2
        missed = []
        for y in np.linspace(max(horizon_px, 0) + 5, height - 1, 60):
            gsd_m = gsd_at(width / 2, float(y))
            if gsd_m is None or gsd_m > 2 * RANGE_M[1]:
                continue  # even twice magnified it is too far away
            at_model = [gsd_m / w.scale for w in plan.windows if w.y0_px <= y <= w.y1_px]
            # A tenth of slack: scales come in steps.
            if not any(RANGE_M[0] / 1.1 <= g <= RANGE_M[1] * 1.1 for g in at_model):
                missed.append((round(float(y)), round(gsd_m, 3), sorted(set(at_model))))
        assert missed == []

    def test_the_sky_is_left_out(self) -> None:
        plan = plan_known(
            3000, 2250, oblique(2250, 1500.0), input_px=INPUT_PX, gsd_best_m=BEST_M,
            gsd_range_m=RANGE_M,
        )  # fmt: skip
        assert plan.windows
        assert all(w.y1_px > 1500 for w in plan.windows)
        everything = [
            v for s in {w.scale for w in plan.windows} for v in windows_at(3000, 2250, s, 640)
        ]
        assert len(plan.windows) < len(everything)

    @pytest.mark.parametrize("range_m", [(0.079, 0.081), (0.07, 0.09), (0.05, 0.114)])
    def test_a_model_that_knows_a_narrow_range_gets_enough_scales(
        self, range_m: tuple[float, float]
    ) -> None:
        plan = plan_known(
            3000, 2250, oblique(2250, -400.0), input_px=INPUT_PX, gsd_best_m=BEST_M,
            gsd_range_m=range_m,
        )  # fmt: skip
        assert len({w.scale for w in plan.windows}) >= 3

    def test_what_no_useful_magnification_brings_into_range_is_not_looked_at(self) -> None:
        def plan(gsd_at: GsdAt) -> Plan:
            return plan_known(
                1280,
                720,
                gsd_at,
                input_px=640,
                gsd_best_m=0.04,
                gsd_range_m=(0.01, 0.07),
                most_enlarged=1.6,
            )

        assert plan(lambda x, y: 0.2).windows == ()
        assert {window.scale for window in plan(lambda x, y: 0.1).windows} == {1.6}
        # Near ground of an oblique view is looked at, far ground is not.
        oblique = plan(lambda x, y: 0.03 + 0.3 * (1.0 - y / 720))
        assert oblique.windows
        assert max(window.scale for window in oblique.windows) <= 1.6


class TestUnknownScale:
    @pytest.mark.parametrize(("width", "height"), [(300, 200), (4000, 2250), (1, 1), (9000, 3)])
    def test_every_halving_down_to_the_whole_picture(self, width: int, height: int) -> None:
        plan = plan_unknown(width, height, input_px=INPUT_PX)
        scales = list(dict.fromkeys(w.scale for w in plan.windows))
        assert not plan.scale_known
        assert scales == [0.5**i for i in range(len(scales))]
        assert max(width, height) * scales[-1] <= INPUT_PX
        assert plan.windows[-1] == Window(0, 0, width, height, scales[-1])

    def test_a_model_of_things_that_fill_pictures_begins_smaller(self) -> None:
        plan = plan_unknown(1920, 1080, input_px=320, longest_px=480)
        assert plan.windows == (
            Window(0, 0, 1920, 1080, 0.25),
            Window(0, 0, 1920, 1080, 0.125),
        )
        small = plan_unknown(300, 200, input_px=320, longest_px=480)
        assert small.windows == (Window(0, 0, 300, 200, 1.0),), "nothing is magnified"

    def test_a_model_of_small_things_begins_larger(self) -> None:
        plan = plan_unknown(640, 512, input_px=640, scales=(1.5,))
        assert plan.windows == (Window(0, 0, 640, 512, 1.5),), "and no smaller than in one window"
        large = plan_unknown(2000, 1000, input_px=640, scales=(1.5,))
        assert [w.scale for w in large.windows][-1] == 0.375

    def test_several_scales_are_looked_at_together_at_every_level(self) -> None:
        plan = plan_unknown(640, 512, input_px=640, scales=(1.5, 1.0))
        assert [(w.scale, w.level) for w in plan.windows] == [(1.5, 0), (1.0, 0)]
        alone = plan_unknown(640, 512, input_px=640, scales=(1.5, 1.0), averaged=False)
        assert [(w.scale, w.level) for w in alone.windows] == [(1.5, None), (1.0, None)]
        large = plan_unknown(1800, 1000, input_px=640, scales=(1.5, 1.0))
        looked_at = list(dict.fromkeys((w.level, w.scale) for w in large.windows))
        assert looked_at == [(0, 1.5), (0, 1.0), (1, 0.75), (1, 0.5)]


LEFT, RIGHT = Window(0, 0, 640, 640, 1.0), Window(480, 0, 1120, 640, 1.0)


class TestMerging:
    def test_what_is_seen_at_one_of_two_scales_counts_half(self) -> None:
        large, small = Window(0, 0, 640, 512, 2.0, level=0), Window(0, 0, 640, 512, 1.0, level=0)
        parts = [
            WindowBoxes(large, boxes((200, 100, 300, 160, 0.8), (800, 100, 860, 160, 0.6))),
            WindowBoxes(small, boxes((100, 50, 150, 80, 0.4))),
        ]
        found = merge_windows(parts, 640, 512, object_px_range=(200.0, 300.0))
        assert found.confidence.tolist() == pytest.approx([0.6, 0.3])
        assert found.xyxy_px[0].tolist() == pytest.approx([100, 50, 150, 80])

    def test_a_thing_too_large_at_one_scale_of_a_level_is_as_sure_as_it_looks(self) -> None:
        large, small = Window(0, 0, 640, 512, 1.2, level=0), Window(0, 0, 640, 512, 0.8, level=0)
        far = Window(0, 0, 640, 512, 0.5, level=1)
        # 55 px and 37 px at the model, which knows things up to 45.
        parts = [
            WindowBoxes(large, boxes((120, 60, 175, 90, 0.8))),
            WindowBoxes(small, boxes((80, 40, 117, 60, 0.6))),
            WindowBoxes(far, boxes()),
        ]
        found = merge_windows(parts, 640, 512, object_px_range=(10.0, 31.0))
        assert found.confidence.tolist() == pytest.approx([0.7])

    def test_levels_are_brought_together_as_scales_are_that_stand_alone(self) -> None:
        near, far = Window(0, 0, 640, 512, 1.0, level=0), Window(0, 0, 640, 512, 0.5, level=1)
        both = [
            WindowBoxes(near, boxes((100, 50, 150, 80, 0.4), (300, 300, 310, 306, 0.9))),
            WindowBoxes(far, boxes((50, 25, 75, 40, 0.7))),
        ]
        found = merge_windows(both, 640, 512, object_px_range=(20.0, 60.0))
        assert found.confidence.tolist() == pytest.approx([0.7])
        assert found.xyxy_px[0].tolist() == pytest.approx([100, 50, 150, 80])

    def test_a_thing_that_both_windows_see_whole_comes_out_once(self) -> None:
        found = merge_windows(
            [
                WindowBoxes(LEFT, boxes((500, 100, 550, 130, 0.8))),
                WindowBoxes(RIGHT, boxes((21, 101, 70, 130, 0.9))),
            ],
            1120,
            640,
        )
        assert xyxy(found) == [[501, 101, 550, 130]]
        assert found.confidence.tolist() == pytest.approx([0.9])

    def test_a_thing_on_the_seam_comes_out_whole_even_when_its_part_is_surer(self) -> None:
        found = merge_windows(
            [
                WindowBoxes(LEFT, boxes((600, 100, 640, 130, 0.95))),
                WindowBoxes(RIGHT, boxes((120, 100, 190, 130, 0.6))),
            ],
            1120,
            640,
        )
        assert xyxy(found) == [[600, 100, 670, 130]]

    def test_a_thing_cut_by_the_edge_of_the_picture_is_not_cut_by_a_window(self) -> None:
        found = merge_windows(
            [
                WindowBoxes(LEFT, boxes((0, 100, 40, 130, 0.6), (500, 0, 540, 20, 0.7))),
                WindowBoxes(RIGHT, boxes((20, 0, 60, 20, 0.6))),
            ],
            1120,
            640,
        )
        assert xyxy(found) == [[0, 100, 40, 130], [500, 0, 540, 20]]

    def test_neighbours_stay_two(self) -> None:
        one, two = (500.0, 100.0, 550.0, 130.0, 0.8), (540.0, 105.0, 590.0, 135.0, 0.7)
        moved = [(x0 - 480, y0, x1 - 480, y1, c) for x0, y0, x1, y1, c in (one, two)]
        found = merge_windows(
            [WindowBoxes(LEFT, boxes(one, two)), WindowBoxes(RIGHT, boxes(*moved))], 1120, 640
        )
        assert xyxy(found) == [list(one[:4]), list(two[:4])]

    def test_two_classes_in_one_place_stay_two(self) -> None:
        found = merge_windows(
            [
                WindowBoxes(LEFT, boxes((500, 100, 550, 130, 0.8))),
                WindowBoxes(RIGHT, boxes((20, 100, 70, 130, 0.8), index=1)),
            ],
            1120,
            640,
        )
        assert sorted(found.class_index.tolist()) == [0, 1]

    def test_boxes_are_scaled_back_and_kept_inside(self) -> None:
        half = Window(100, 200, 1380, 1480, 0.5)
        found = merge_windows([WindowBoxes(half, boxes((-4, 10, 60, 650, 0.5)))], 1380, 1480)
        assert xyxy(found) == [[92, 220, 220, 1480]]

    def test_what_is_left_of_a_box_outside_the_picture_is_dropped(self) -> None:
        part = WindowBoxes(LEFT, boxes((-9, 10, 0.5, 60, 0.5), (-9, -9, -2, -2, 0.5)))
        assert len(merge_windows([part], 1120, 640)) == 0

    def test_at_several_scales_a_thing_is_left_to_the_scale_at_which_it_is_known(self) -> None:
        fine, coarse = Window(0, 0, 640, 640, 1.0), Window(0, 0, 640, 640, 0.5)
        parts = [
            WindowBoxes(fine, boxes((100, 100, 400, 220, 0.9), (20, 20, 60, 40, 0.6))),
            WindowBoxes(coarse, boxes((50, 50, 92, 80, 0.5), (10, 10, 21, 20, 0.9))),
        ]
        found = merge_windows(parts, 640, 640, object_px_range=(28, 110))
        assert xyxy(found) == [[20, 20, 60, 40], [100, 100, 184, 160]]

    def test_nothing_gives_nothing(self) -> None:
        assert len(merge_windows([], 100, 100)) == 0
        assert len(merge_windows([WindowBoxes(LEFT, boxes())], 1120, 640)) == 0

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_the_order_of_the_windows_decides_nothing(self, data: st.DataObject) -> None:
        corner = st.integers(0, 500)
        side = st.integers(20, 120)
        sure = st.sampled_from([0.3, 0.5, 0.5, 0.9])
        row = st.tuples(corner, corner, side, side, sure).map(
            lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3], r[4])
        )
        parts = [
            WindowBoxes(window, boxes(*data.draw(st.lists(row, max_size=6))))
            for window in (LEFT, RIGHT, Window(240, 0, 880, 640, 1.0))
        ]
        shuffled = data.draw(st.permutations(parts))
        assert xyxy(merge_windows(parts, 1120, 640)) == xyxy(merge_windows(shuffled, 1120, 640))
