"""Known equipment is no vehicle: it is seen where the site file says, as large as it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from park.picture import Pixels
from park.records import CornersView, Frame, Observation, View
from park.site import Site
from pipelines.buildings import Buildings, without_buildings
from pipelines.equipment import Equipment
from tests.pipelines.test_buildings import (
    AT,
    FRAME,
    camera,
    feature,
    ground,
    observed,
    site_of,
)
from vision.camera import project_points
from vision.observe import FrameObservations

CABINET = shapely.box(-1.5, 49.0, 1.5, 51.0)
HEIGHT_M = 2.4
FROM = camera(0.0, 0.0)


def site(height_m: float | None = HEIGHT_M, area_m: shapely.Polygon = CABINET) -> Site:
    height = {} if height_m is None else {"height_m": height_m}
    more = {"class": "switchgear", "criticality": 3, **height}
    return site_of(feature(area_m, kind="asset", id="gear", **more))


def box_of(low_m: float = 0.0, east_m: float = 0.0, grown: float = 1.0) -> tuple[float, ...]:
    """Return the box around the cabinet from some height on, moved and grown, as FROM sees it."""
    corners = shapely.get_coordinates(CABINET)
    body = np.array([(x + east_m, y, z) for x, y in corners for z in (low_m, HEIGHT_M)])
    xy, _ = project_points(FROM.intrinsics, FROM.pose, body - (0.0, 0.0, FROM.pose.alt_home_m))
    middle, half = (xy.min(axis=0) + xy.max(axis=0)) / 2, grown * np.ptp(xy, axis=0) / 2
    return (*(middle - half).tolist(), *(middle + half).tolist())


def seen(box: tuple[float, ...], class_name: str = "car", error_m: float = 1.5) -> Observation:
    one = observed(class_name, ground(0.0, 51.0, error_m))
    return replace(one, box_xyxy_px=(box[0], box[1], box[2], box[3]))


@pytest.mark.parametrize("low_m", [0.0, HEIGHT_M])
def test_a_vehicle_as_large_as_the_cabinet_or_its_top_is_the_cabinet(low_m: float) -> None:
    assert Equipment(site()).is_seen_as(seen(box_of(low_m)), FROM)


def test_it_may_lie_off_by_as_much_as_its_place_may_be() -> None:
    beside = box_of(east_m=3.0)
    assert Equipment(site()).is_seen_as(seen(beside, error_m=3.0), FROM)
    assert not Equipment(site()).is_seen_as(seen(beside, error_m=1.0), FROM)


def test_what_is_larger_or_smaller_is_something_before_it() -> None:
    assert not Equipment(site()).is_seen_as(seen(box_of(grown=1.6)), FROM)
    assert not Equipment(site()).is_seen_as(seen(box_of(grown=0.6)), FROM)


@pytest.mark.parametrize("class_name", ["person", "bicycle", "flame", "bare_soil"])
def test_only_vehicles_are_mistaken(class_name: str) -> None:
    assert not Equipment(site()).is_seen_as(seen(box_of(), class_name), FROM)


def test_of_equipment_without_a_height_nothing_is_known() -> None:
    assert not Equipment(site(height_m=None)).is_seen_as(seen(box_of()), FROM)


def test_a_tank_as_large_as_a_hall_hides_vehicles_and_is_none() -> None:
    tank = shapely.box(-15.0, 40.0, 15.0, 70.0)
    assert not Equipment(site(area_m=tank)).is_seen_as(seen(box_of()), FROM)


def test_without_a_camera_or_a_place_nothing_can_be_told() -> None:
    lat_deg, lon_deg = FRAME.to_lat_lon(0.0, 50.0)
    corner = (lat_deg, lon_deg)
    corners: View = CornersView(1280, 720, (corner, (lat_deg, lon_deg + 1e-3),
                                            (lat_deg - 1e-3, lon_deg + 1e-3),
                                            (lat_deg - 1e-3, lon_deg)), 0.5)  # fmt: skip
    known = Equipment(site())
    assert not known.is_seen_as(seen(box_of()), corners)
    assert not known.is_seen_as(seen(box_of()), None)
    assert not known.is_seen_as(replace(seen(box_of()), place=None), FROM)


def test_it_is_dropped_and_listed_as_what_it_is() -> None:
    pixels = Pixels(np.zeros((720, 1280, 3), np.uint8))
    frame = Frame(pixels, AT, FROM, "flight.mp4", 0.0, "p")
    van = seen(box_of(east_m=20.0))
    gear = seen(box_of())
    found = without_buildings(FrameObservations(frame, (van, gear), (), ()), Buildings(site()))
    assert found.kept == (van,)
    assert [one.reason for one in found.dropped] == ["known equipment"]
