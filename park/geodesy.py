"""Metres on the ground and WGS84 degrees, one to the other.

`LocalFrame` is the azimuthal equidistant projection of the WGS84 ellipsoid around an origin:
distance and direction from the origin are exact at any range, and between two other points
10 km from the origin the scale is wrong by less than 1 part in a million. That is a park many
times over. The formulas are PROJ's (``+proj=aeqd``); none is written here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Proj
from shapely.geometry.base import BaseGeometry

from park.errors import RecordError

FloatArray = NDArray[np.float64]
"""Double precision numbers, of the shape that the docstring says."""

_GEOD = Geod(ellps="WGS84")


@lru_cache(maxsize=256)
def _projection(lat_deg: float, lon_deg: float) -> Proj:
    return Proj(proj="aeqd", lat_0=lat_deg, lon_0=lon_deg, ellps="WGS84")


@dataclass(frozen=True, slots=True)
class LocalFrame:
    """East and north in metres around an origin.

    It holds only its origin, so it is cheap to make, to compare and to pickle.

    Attributes:
        lat_deg: WGS84 latitude of the origin, -90 to 90.
        lon_deg: WGS84 longitude of the origin, -180 to 180.
    """

    lat_deg: float
    lon_deg: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lat_deg) and -90.0 <= self.lat_deg <= 90.0):
            raise RecordError(f"lat_deg {self.lat_deg} is not between -90 and 90")
        if not (math.isfinite(self.lon_deg) and -180.0 <= self.lon_deg <= 180.0):
            raise RecordError(f"lon_deg {self.lon_deg} is not between -180 and 180")

    @overload
    def to_en_m(self, lat_deg: float, lon_deg: float) -> tuple[float, float]: ...
    @overload
    def to_en_m(
        self, lat_deg: FloatArray, lon_deg: FloatArray
    ) -> tuple[FloatArray, FloatArray]: ...
    def to_en_m(
        self, lat_deg: float | FloatArray, lon_deg: float | FloatArray
    ) -> tuple[float | FloatArray, float | FloatArray]:
        """Return east and north of the origin, metres, of WGS84 positions.

        Args:
            lat_deg: latitudes, a number or an array of any shape.
            lon_deg: longitudes, of the same shape.

        Returns:
            East and north, each of the shape given. Positions that are not numbers, or that
            the projection cannot reach, come back as infinity.
        """
        east_m, north_m = _projection(self.lat_deg, self.lon_deg)(lon_deg, lat_deg)
        return east_m, north_m

    @overload
    def to_lat_lon(self, east_m: float, north_m: float) -> tuple[float, float]: ...
    @overload
    def to_lat_lon(
        self, east_m: FloatArray, north_m: FloatArray
    ) -> tuple[FloatArray, FloatArray]: ...
    def to_lat_lon(
        self, east_m: float | FloatArray, north_m: float | FloatArray
    ) -> tuple[float | FloatArray, float | FloatArray]:
        """Return WGS84 latitude and longitude of places given in this frame.

        Args:
            east_m: metres east of the origin, a number or an array of any shape.
            north_m: metres north of it, of the same shape.

        Returns:
            Latitudes and longitudes in degrees, each of the shape given.
        """
        lon_deg, lat_deg = _projection(self.lat_deg, self.lon_deg)(east_m, north_m, inverse=True)
        return lat_deg, lon_deg

    def project_geometry(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a shapely geometry in metres from one in degrees.

        Args:
            geometry: coordinates in GeoJSON's order, (longitude, latitude); a third
                coordinate is kept.

        Returns:
            The same kind of geometry with coordinates (east_m, north_m). Edges are
            straight in the frame; at park size they differ from geodesics by less than 1 mm.
        """
        projection = _projection(self.lat_deg, self.lon_deg)

        def forward(xy: FloatArray) -> FloatArray:
            east_m, north_m = projection(xy[:, 0].copy(), xy[:, 1].copy())
            return np.column_stack((east_m, north_m, xy[:, 2:]))

        return shapely.transform(geometry, forward, include_z=bool(geometry.has_z))

    def unproject_geometry(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a shapely geometry in degrees, (longitude, latitude), from one in metres.

        The inverse of `project_geometry`.
        """
        projection = _projection(self.lat_deg, self.lon_deg)

        def inverse(xy: FloatArray) -> FloatArray:
            lon_deg, lat_deg = projection(xy[:, 0].copy(), xy[:, 1].copy(), inverse=True)
            return np.column_stack((lon_deg, lat_deg, xy[:, 2:]))

        return shapely.transform(geometry, inverse, include_z=bool(geometry.has_z))


def distance_m(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """Return the length of the WGS84 geodesic between two positions, in metres."""
    _, _, metres = _GEOD.inv(lon1_deg, lat1_deg, lon2_deg, lat2_deg)
    return float(metres)
