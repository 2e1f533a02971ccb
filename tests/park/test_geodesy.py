from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from park.errors import RecordError
from park.geodesy import LocalFrame, distance_m

LATS = st.floats(-85.0, 85.0)
LONS = st.floats(-180.0, 180.0)
METRES = st.floats(-20_000.0, 20_000.0)


@settings(deadline=None)
@given(lat=LATS, lon=LONS, east_m=METRES, north_m=METRES)
def test_degrees_and_back_is_the_same_place(
    lat: float, lon: float, east_m: float, north_m: float
) -> None:
    frame = LocalFrame(lat, lon)
    back = frame.to_en_m(*frame.to_lat_lon(east_m, north_m))
    assert back == pytest.approx((east_m, north_m), abs=1e-4)


@settings(deadline=None)
@given(lat=LATS, lon=LONS, east_m=METRES, north_m=METRES)
def test_distance_and_bearing_from_the_origin_are_those_of_the_geodesic(
    lat: float, lon: float, east_m: float, north_m: float
) -> None:
    there = LocalFrame(lat, lon).to_lat_lon(east_m, north_m)
    assert distance_m(lat, lon, *there) == pytest.approx(np.hypot(east_m, north_m), abs=1e-3)


def test_east_is_east_and_north_is_north() -> None:
    frame = LocalFrame(31.2, 121.5)
    lon_deg, lat_deg, _ = Geod(ellps="WGS84").fwd(121.5, 31.2, 90.0, 100.0)
    assert frame.to_en_m(lat_deg, lon_deg) == pytest.approx((100.0, 0.0), abs=1e-6)
    lon_deg, lat_deg, _ = Geod(ellps="WGS84").fwd(121.5, 31.2, 0.0, 100.0)
    assert frame.to_en_m(lat_deg, lon_deg) == pytest.approx((0.0, 100.0), abs=1e-6)


def test_distances_ten_kilometres_out_keep_their_length_to_a_part_in_a_million() -> None:
    frame = LocalFrame(52.0, 5.0)
    a = frame.to_lat_lon(7_000.0, 7_000.0)
    b = frame.to_lat_lon(7_070.0, 6_930.0)
    assert distance_m(*a, *b) == pytest.approx(np.hypot(70.0, 70.0), rel=1e-6)


def test_arrays_keep_their_shape() -> None:
    frame = LocalFrame(31.2, 121.5)
    lat, lon = frame.to_lat_lon(np.zeros((3, 4)), np.ones((3, 4)))
    assert lat.shape == lon.shape == (3, 4)


def test_across_the_date_line_places_stay_close() -> None:
    east_m, north_m = LocalFrame(0.0, 179.999).to_en_m(0.0, -179.999)
    assert east_m == pytest.approx(222.6, abs=0.1)
    assert north_m == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    "geometry",
    [
        Point(121.5, 31.2),
        LineString([(121.5, 31.2), (121.51, 31.21)]),
        MultiPolygon([box(121.5, 31.2, 121.51, 31.21)]),
        Point(121.5, 31.2, 40.0),
    ],
)
def test_geometries_go_to_metres_and_back(geometry: Point) -> None:
    frame = LocalFrame(31.2, 121.5)
    back = frame.unproject_geometry(frame.project_geometry(geometry))
    assert back.geom_type == geometry.geom_type
    assert back.has_z == geometry.has_z
    assert back.equals_exact(geometry, 1e-9)


def test_area_of_a_projected_zone_is_its_area_on_the_ground() -> None:
    zone = Polygon([(121.5, 31.2), (121.501, 31.2), (121.501, 31.201), (121.5, 31.201)])
    expected, _ = Geod(ellps="WGS84").geometry_area_perimeter(zone)
    assert LocalFrame(31.2, 121.5).project_geometry(zone).area == pytest.approx(expected, rel=1e-6)


def test_a_frame_survives_pickling() -> None:
    frame = LocalFrame(31.2, 121.5)
    frame.to_en_m(31.2, 121.5)
    assert pickle.loads(pickle.dumps(frame)) == frame  # noqa: S301


@pytest.mark.parametrize(
    ("lat", "lon", "message"),
    [
        (91.0, 0.0, "lat_deg 91.0 is not between"),
        (float("nan"), 0.0, "lat_deg nan is not between"),
        (0.0, 200.0, "lon_deg 200.0 is not between"),
    ],
)
def test_an_impossible_origin_is_refused(lat: float, lon: float, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        LocalFrame(lat, lon)
