"""Daylight, shade and night: how bright things are in the simulated park at an instant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sim_data.world.records import Weather
from sim_data.world.sun import sun_at

_STEP_DEG = 2.0
"""The sun moves in steps, so that the lit ground can be kept for some minutes."""
_LOWEST_DEG = 6.0
"""Shadows get no longer than those of a sun this high."""
_MEAN_KEEP = np.array([0.40, 0.45, 0.55])
_NIGHT = np.array([0.15, 0.155, 0.185])
_EXPOSED_TO_DEG, _DARK_FROM_DEG = -3.0, -9.0
"""A camera exposes for the light that there is: longer and with more gain, until the sun is so far
below the horizon. There are some 60 lx then, which f/2.8, 1/50 s and ISO 1600 make as bright as
noon; from the second on, below 0.5 lx, lamps are all that it shows."""


@dataclass(frozen=True, slots=True)
class Light:
    """How the park is lit.

    Attributes:
        azimuth_deg: where the sun stands, clockwise from north, in steps.
        elevation_deg: above the horizon, in steps; below zero it is set.
        sun_share: how much of the direct light gets through the clouds, 0 to 1; 0 at night.
        level: brightness of level ground in full sun in the picture, red, green, blue.
        keep: what of it remains in shade, red, green, blue.
        night: 0 by day to 1 when lamps are what one sees by.
    """

    azimuth_deg: float
    elevation_deg: float
    sun_share: float
    level: tuple[float, float, float]
    keep: tuple[float, float, float]
    night: float

    @property
    def shadow_per_height(self) -> tuple[float, float]:
        """Shift east and north of a shadow for each metre of height."""
        azimuth = math.radians(self.azimuth_deg + 180.0)
        reach = 1.0 / math.tan(math.radians(max(_LOWEST_DEG, self.elevation_deg)))
        return reach * math.sin(azimuth), reach * math.cos(azimuth)

    @property
    def towards_sun(self) -> NDArray[np.float64]:
        """Unit vector east, north, up."""
        azimuth, up = math.radians(self.azimuth_deg), math.radians(max(1.0, self.elevation_deg))
        return np.array(
            [
                math.sin(azimuth) * math.cos(up),
                math.cos(azimuth) * math.cos(up),
                math.sin(up),
            ]
        )

    def on(self, normal: tuple[float, float, float]) -> NDArray[np.float64]:
        """Return the factor on the colour of a surface that faces along a unit vector."""
        return np.asarray(self.under(np.array([normal]), self.towards_sun)[0])

    def under(
        self, normals: NDArray[np.float64], sun: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return the factors of many surfaces, shape (N, 3).

        Args:
            normals: unit vectors, third component up, shape (N, 3).
            sun: direction of the sun in the same axes; None where it does not shine.
        """
        keep = np.array(self.keep)
        # Walls see half of the sky, and light from the ground.
        sky = keep * (0.82 + 0.18 * normals[:, 2:])
        if sun is None:
            return np.asarray(np.array(self.level) * sky)
        share = np.maximum(0.0, normals @ sun) / max(0.3, float(sun[2]))
        direct = (1.0 - keep) * np.minimum(1.25, share)[:, None]
        return np.asarray(np.array(self.level) * (sky + direct))

    @property
    def warm(self) -> float:
        """How strongly the sun heats, 0 to 1."""
        height = max(0.0, math.sin(math.radians(self.elevation_deg)))
        return float(min(1.0, 1.3 * height) * (0.3 + 0.7 * self.sun_share))


def light_at(time: datetime, lat_deg: float, lon_deg: float, weather: Weather) -> Light:
    """Return the light at an instant and a place."""
    sun = sun_at(time, lat_deg, lon_deg)
    azimuth = _STEP_DEG * round(sun.azimuth_deg / _STEP_DEG) % 360.0
    elevation = _STEP_DEG * round(sun.elevation_deg / _STEP_DEG)
    day = min(1.0, max(0.0, (elevation + 6.0) / 12.0))
    clear = 1.0 - weather.cloud_share
    # Broken clouds leave the sun now and then; a whole cover takes it away.
    sun_share = 0.0 if elevation <= 0 else min(1.0, 1.6 * clear) * min(1.0, elevation / 8.0)
    low = 1.0 - min(1.0, max(0.0, elevation) / 30.0)
    tint = np.array([1.0 + 0.06 * low, 1.0 - 0.02 * low, 1.0 - 0.16 * low])
    day_level = tint * (0.82 + 0.18 * sun_share)
    exposed = (elevation - _DARK_FROM_DEG) / (_EXPOSED_TO_DEG - _DARK_FROM_DEG)
    exposed = min(1.0, max(0.0, exposed))
    level = (1.0 - exposed) * _NIGHT + exposed * day_level
    keep = 1.0 - (1.0 - _MEAN_KEEP) * sun_share * (1.0 - 0.35 * low)
    r, g, b = (float(v) for v in level)
    kr, kg, kb = (float(v) for v in keep)
    return Light(azimuth, elevation, sun_share, (r, g, b), (kr, kg, kb), 1.0 - day)
