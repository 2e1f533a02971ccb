"""Nobody is as hot as a transformer's top or as cold as leaves; who walks past them is somebody."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from park.picture import Picture, Pixels, ThermalPixels
from park.records import BoxXyxyPx, Frame, Observation
from vision.body_heat import only_warm_bodies
from vision.observe import FrameObservations

AT = datetime(2026, 5, 13, 23, 0, tzinfo=UTC)
BOX: BoxXyxyPx = (10.0, 10.0, 20.0, 30.0)


def seen(picture: Picture, *class_names: str, box: BoxXyxyPx = BOX) -> FrameObservations:
    frame = Frame(picture, AT, None, "heat.mkv", 0.0, "p")
    found = tuple(
        Observation(
            f"{name} {number}", "p", AT, name, 0.6, box, None, None, None, None, "heat.mkv",
            0.0, "thermal@1",
        )
        for number, name in enumerate(class_names)
    )  # fmt: skip
    return FrameObservations(frame, found, (), ())


def warm(hot_c: float, share: float, around_c: float = 8.0) -> ThermalPixels:
    """Return a picture in which so much of the box, from above, is hot."""
    celsius = np.full((40, 60), around_c, np.float32)
    celsius[10 : 10 + round(share * 20), 10:20] = hot_c
    return ThermalPixels(celsius)


@pytest.mark.parametrize(
    ("hot_c", "share", "stays"),
    [
        pytest.param(33.0, 0.5, True, id="somebody at night"),
        pytest.param(55.0, 0.9, True, id="dark clothes in summer sun"),
        pytest.param(105.0, 0.2, True, id="somebody near something hot"),
        pytest.param(105.0, 0.6, False, id="the top of a transformer"),
        pytest.param(380.0, 1.0, False, id="a fire"),
    ],
)
def test_who_would_be_hotter_than_anybody_is_nobody(
    hot_c: float, share: float, stays: bool
) -> None:
    left = only_warm_bodies(seen(warm(hot_c, share), "person"))
    assert [one.class_name for one in left.kept] == (["person"] if stays else [])
    assert [one.reason for one in left.dropped] == ([] if stays else ["hotter than anybody is"])


@pytest.mark.parametrize(
    ("ground_c", "thing_c", "face_c", "stays"),
    [
        pytest.param(26.5, 23.5, 23.5, False, id="a bush on a lawn by day"),
        pytest.param(40.0, 29.0, 29.0, True, id="somebody on asphalt in the sun"),
        pytest.param(26.0, 19.0, 31.0, True, id="somebody in a thick jacket in spring"),
        pytest.param(6.0, 13.0, 13.0, True, id="somebody turned away at night"),
        pytest.param(36.0, 25.5, 25.5, True, id="cooler than the ground, warmer than leaves"),
    ],
)
def test_who_would_be_as_cold_as_leaves_is_nobody(
    ground_c: float, thing_c: float, face_c: float, stays: bool
) -> None:
    celsius = np.full((60, 60), ground_c, np.float32)
    celsius[:, :6] = 18.0 if ground_c == 36.0 else min(23.5, ground_c)
    celsius[10:30, 10:20] = thing_c
    celsius[12:15, 14:17] = face_c
    left = only_warm_bodies(seen(ThermalPixels(celsius), "person"))
    assert [one.class_name for one in left.kept] == (["person"] if stays else [])
    assert [one.reason for one in left.dropped] == ([] if stays else ["colder than anybody is"])


def test_a_strip_of_cold_sky_makes_nobody_cold() -> None:
    celsius = np.full((60, 60), 26.5, np.float32)
    celsius[:6] = -30.0
    celsius[10:30, 10:20] = 23.5
    left = only_warm_bodies(seen(ThermalPixels(celsius), "person"))
    assert len(left.kept) == 1, "leaves are not told from somebody by the cold of the sky"


def test_vehicles_and_hot_spots_may_be_hot() -> None:
    left = only_warm_bodies(seen(warm(105.0, 1.0), "car", "hotspot", "flame"))
    assert [one.class_name for one in left.kept] == ["car", "hotspot", "flame"]


def test_pictures_without_temperatures_say_nothing_about_heat() -> None:
    bright = seen(Pixels(np.full((40, 60, 3), 255, np.uint8)), "person")
    assert only_warm_bodies(bright) is bright
    unread = seen(ThermalPixels(np.full((40, 60), np.nan, np.float32)), "person")
    assert only_warm_bodies(unread).kept == unread.kept


def test_a_box_that_reaches_out_of_the_picture_is_read_where_it_is_in_it() -> None:
    cut = seen(warm(105.0, 1.0), "person", box=(-8.0, 12.0, 70.0, 28.0))
    assert [one.class_name for one in only_warm_bodies(cut).kept] == ["person"]
    outside = seen(warm(105.0, 1.0), "person", box=(61.0, 12.0, 70.0, 28.0))
    assert [one.class_name for one in only_warm_bodies(outside).kept] == ["person"]
