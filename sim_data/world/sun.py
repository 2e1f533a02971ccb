"""Where the sun stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from park.errors import RecordError

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sun:
    """The place of the sun in the sky.

    Attributes:
        azimuth_deg: clockwise from north, 0 to 360.
        elevation_deg: above the horizon, negative at night; refraction is left out.
    """

    azimuth_deg: float
    elevation_deg: float

    @property
    def is_up(self) -> bool:
        """Whether it is day."""
        return self.elevation_deg > 0.0

    def shadow_m(self, height_m: float) -> tuple[float, float]:
        """Return how far east and north the shadow of the top of a thing of a height falls.

        Raises:
            RecordError: the sun is not up, so there is no shadow.
        """
        if not self.is_up:
            raise RecordError(f"the sun is {-self.elevation_deg:.1f} degrees below the horizon")
        length = height_m / math.tan(math.radians(self.elevation_deg))
        azimuth = math.radians(self.azimuth_deg)
        return -length * math.sin(azimuth), -length * math.cos(azimuth)


def sun_at(time: datetime, lat_deg: float, lon_deg: float) -> Sun:
    """Return where the sun stands, to about 0.01 degrees between 1950 and 2050.

    The formulas are the low-precision ones of the Astronomical Almanac, as given by Michalsky,
    "The Astronomical Almanac's algorithm for approximate solar position", Solar Energy 40 (1988).

    Args:
        time: any time with a time zone.
        lat_deg: WGS84 latitude.
        lon_deg: WGS84 longitude, positive to the east.

    Raises:
        RecordError: the time has no time zone.
    """
    if time.utcoffset() is None:
        raise RecordError(f"{time.isoformat()} has no time zone, so the sun has no place")
    days = (time - _J2000).total_seconds() / 86400.0
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(
        mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2.0 * anomaly)
    )
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    # The sidereal angle of Greenwich, 360.9856 degrees a day.
    sidereal_deg = 280.46062 + 360.98564737 * days
    hour = math.radians(sidereal_deg + lon_deg) - ascension
    lat = math.radians(lat_deg)
    elevation = math.asin(
        math.sin(lat) * math.sin(declination)
        + math.cos(lat) * math.cos(declination) * math.cos(hour)
    )
    azimuth = math.atan2(
        -math.cos(declination) * math.sin(hour),
        math.cos(lat) * math.sin(declination)
        - math.sin(lat) * math.cos(declination) * math.cos(hour),
    )
    return Sun(math.degrees(azimuth) % 360.0, math.degrees(elevation))
