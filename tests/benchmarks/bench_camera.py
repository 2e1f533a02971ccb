"""Speed of the simulated camera along a flight over the simulated park."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

import psutil

from park.records import CameraPose, Intrinsics
from sim_data.camera import Renderer
from sim_data.world.generate import generate_park
from sim_data.world.life import Life

FRAMES, FPS, SPEED_MPS = 100, 25.0, 8.0
_LENS = Intrinsics.from_fov(1280, 720, 70.0)
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """How quickly pictures of 1280 x 720 pixels are drawn, in flight at 8 m/s, life going on.

    Attributes:
        nadir_hz: frames a second, straight down from 80 m.
        oblique_hz: frames a second, 45 degrees down from 60 m.
        thermal_hz: thermal frames a second, straight down from 80 m.
        nadir_core_s: seconds of one core for each frame straight down.
        first_s: seconds for the first frame of all, whose ground is not drawn yet.
        kept_mb: memory that the drawn ground takes at the end.
    """

    nadir_hz: float
    oblique_hz: float
    thermal_hz: float
    nadir_core_s: float
    first_s: float
    kept_mb: float


def measure() -> CameraFigures:
    """Fly over the car parks and roads of a park of 1 km2."""
    world = generate_park(1.0, 7)
    renderer = Renderer(world, life=Life(world, 7), seed=7)
    middle = next(park.area.centroid for park in world.car_parks if not park.truck)
    start = world.start + timedelta(hours=10)

    def fly(height_m: float, pitch_deg: float, *, thermal: bool = False) -> tuple[float, float]:
        begun, used = 0.0, 0.0
        process = psutil.Process()
        for number in range(-_WARM_UP, FRAMES):
            if number == 0:
                begun, used = time.perf_counter(), sum(process.cpu_times()[:2])
            seconds = number / FPS
            east_m = middle.x - 20.0 + SPEED_MPS * seconds
            lat_deg, lon_deg = world.frame.to_lat_lon(east_m, middle.y)
            pose = CameraPose(lat_deg, lon_deg, height_m, None, 90.0, pitch_deg, 0.0)
            draw = renderer.thermal if thermal else renderer.rgb
            draw(pose, _LENS, start + timedelta(seconds=seconds))
        wall_s = time.perf_counter() - begun
        return FRAMES / wall_s, (sum(process.cpu_times()[:2]) - used) / FRAMES

    begun = time.perf_counter()
    lat_deg, lon_deg = world.frame.to_lat_lon(middle.x - 20.0, middle.y)
    renderer.rgb(CameraPose(lat_deg, lon_deg, 80.0, None, 90.0, -90.0, 0.0), _LENS, start)
    first_s = time.perf_counter() - begun
    nadir_hz, nadir_core_s = fly(80.0, -90.0)
    oblique_hz, _ = fly(60.0, -45.0)
    thermal_hz, _ = fly(80.0, -90.0, thermal=True)
    kept_mb = renderer.kept_bytes / 1e6
    return CameraFigures(nadir_hz, oblique_hz, thermal_hz, nadir_core_s, first_s, kept_mb)
