"""Detections become observations: placed, sized, and dropped only for a reason that is said."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from park.picture import Pixels
from park.records import (
    BoxXyxyPx,
    CameraPose,
    CornersView,
    Detection,
    Frame,
    Intrinsics,
    PosedView,
    PoseSigma,
    View,
)
from park.terrain import Terrain
from vision.detect import FrameDetections
from vision.models.registry import ModelCard
from vision.observe import FrameObservations, Sight, observe

WIDTH, HEIGHT = 1000, 800
ALT_M = 40.0
LENS = Intrinsics.from_fov(WIDTH, HEIGHT, 70.0, focal_sigma=0.01)
GSD_M = ALT_M / LENS.fx_px
CARD = ModelCard(name="m", classes=("vehicle",), size_range_m={"vehicle": (3.2, 22.0)})


def posed(pitch_deg: float = -90.0, *, vertical_m: float = 1.0, yaw_deg: float = 0.0) -> PosedView:
    pose = CameraPose(50.0, 8.0, ALT_M, None, yaw_deg, pitch_deg, 0.0)
    return PosedView(LENS, pose, PoseSigma(1.0, vertical_m, 1.0, 0.5, 0.5))


def box_of(length_m: float, x_px: float = 500.0, y_px: float = 400.0) -> BoxXyxyPx:
    """Return a box that is this long, and half as wide, seen from straight above."""
    half_px = length_m / GSD_M / 2
    return (x_px - half_px, y_px - half_px / 2, x_px + half_px, y_px + half_px / 2)


def look(
    view: View | None, *boxes: BoxXyxyPx, card: ModelCard = CARD, name: str = "vehicle",
    terrain: Terrain | None = None,
) -> FrameObservations:  # fmt: skip
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame = Frame(Pixels(image), datetime(2026, 5, 1, tzinfo=UTC), view, "a.jpg", 1.5, "patrol")
    detections = tuple(Detection(name, 0.8, box, "m@1") for box in boxes)
    found = FrameDetections(frame, detections, scale_known=True)
    return observe(
        found,
        Sight.of(frame, terrain),
        card,
        lambda f, kind, box, model: f"{f.source_uri}/{kind}/{box[0]:.0f}/{model}",
    )


class TestKept:
    def test_a_car_is_placed_and_measured(self) -> None:
        seen = look(posed(), box_of(4.5))
        (car,) = seen.kept
        assert (seen.dropped, seen.unplaced) == ((), ())
        assert car.size_m == pytest.approx(4.5, rel=0.05)
        assert car.place is not None
        assert car.place.lat_deg == pytest.approx(50.0, abs=2e-5)
        assert car.place.error_m > 0

    def test_what_was_known_is_handed_on(self) -> None:
        (car,) = look(posed(), box_of(4.5)).kept
        assert car.detection_id == f"a.jpg/vehicle/{car.box_xyxy_px[0]:.0f}/m@1"
        assert (car.patrol_id, car.source_uri, car.source_time_s) == ("patrol", "a.jpg", 1.5)
        assert (car.class_name, car.confidence, car.model_id) == ("vehicle", 0.8, "m@1")
        assert car.track_id is None
        assert car.object_id is None

    def test_a_frame_in_which_nothing_is(self) -> None:
        assert (look(posed()).kept, look(posed()).dropped) == ((), ())


class TestDropped:
    @pytest.mark.parametrize(
        ("length_m", "reason"),
        [(1.6, "too small on the ground"), (30.0, "too large on the ground")],
    )
    def test_impossible_sizes_go_with_their_reason(self, length_m: float, reason: str) -> None:
        seen = look(posed(), box_of(length_m), box_of(4.5, 300.0, 300.0))
        assert len(seen.kept) == 1
        (dropped,) = seen.dropped
        assert dropped.reason == reason
        assert dropped.size_m == pytest.approx(length_m, rel=0.1)
        assert dropped.detection.box_xyxy_px == box_of(length_m)

    def test_a_car_half_outside_the_picture_stays(self) -> None:
        x0, y0, x1, y1 = box_of(2.0)
        at_edge = (0.0, y0, x1 - x0, y1)
        assert len(look(posed(), at_edge).kept) == 1
        assert len(look(posed(), (x0, y0, x1, y1)).dropped) == 1

    def test_how_badly_the_height_is_known_widens_what_is_possible(self) -> None:
        assert len(look(posed(vertical_m=0.4), box_of(2.4)).dropped) == 1
        assert len(look(posed(vertical_m=8.0), box_of(2.4)).kept) == 1
        assert len(look(posed(vertical_m=30.0), box_of(0.5), box_of(39.0)).kept) == 2

    def test_the_card_goes_before_the_table_of_sizes(self) -> None:
        bare = ModelCard(name="bare")
        assert len(look(posed(), box_of(2.2), card=bare, name="car").dropped) == 1
        card = ModelCard(name="toys", size_range_m={"car": (0.5, 3.0)})
        assert len(look(posed(), box_of(2.2), card=card, name="car").kept) == 1

    def test_of_a_class_that_nobody_knows_every_size_is_possible(self) -> None:
        bare = ModelCard(name="bare")
        assert len(look(posed(), box_of(0.5), card=bare, name="garbage").kept) == 1


class TestUnplaced:
    def test_above_the_horizon_is_kept_without_a_place_and_said(self) -> None:
        sky, ground = (480.0, 20.0, 520.0, 60.0), (480.0, 700.0, 620.0, 760.0)
        seen = look(posed(-10.0), sky, ground)
        places = [o.place for o in seen.kept]
        assert places[0] is None
        assert seen.kept[0].size_m is None
        assert places[1] is not None
        (reason,) = seen.unplaced
        assert "horizon" in reason

    def test_a_frame_of_which_nothing_is_known(self) -> None:
        seen = look(None, box_of(4.5), box_of(0.1))
        assert [o.place for o in seen.kept] == [None, None]
        assert seen.unplaced == ("nothing is known about how this frame sees the ground",) * 2
        assert seen.dropped == ()

    def test_corners_that_cannot_be_are_said(self) -> None:
        crossed = CornersView(
            WIDTH, HEIGHT, ((50.0, 8.0), (49.999, 8.001), (50.0, 8.001), (49.999, 8.0))
        )
        seen = look(crossed, box_of(4.5))
        assert seen.kept[0].place is None
        assert len(seen.unplaced) == 1
        assert seen.unplaced[0]


class TestSight:
    def frame(self, view: View | None) -> Frame:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        return Frame(Pixels(image), datetime(2026, 5, 1, tzinfo=UTC), view, "a.jpg", 0.0, "patrol")

    def test_metres_per_pixel_follow_from_height_and_lens(self) -> None:
        gsd_at = Sight.of(self.frame(posed()), None).gsd_at
        assert gsd_at is not None
        assert gsd_at(500.0, 400.0) == pytest.approx(GSD_M, rel=0.01)

    def test_there_are_none_above_the_horizon(self) -> None:
        gsd_at = Sight.of(self.frame(posed(0.0)), None).gsd_at
        assert gsd_at is not None
        assert gsd_at(500.0, 10.0) is None
        assert gsd_at(500.0, 790.0) is not None

    @pytest.mark.parametrize("view", [None, posed(vertical_m=30.0)])
    def test_a_scale_that_is_badly_known_is_not_acted_on(self, view: View | None) -> None:
        assert Sight.of(self.frame(view), None).gsd_at is None
