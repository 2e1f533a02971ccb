"""Drawn drone footage of a park that does not exist, with its ground truth.

The park is drawn once from straight above (`sim_data.aerial_world`); each photo is a view of
that drawing through a pinhole camera, so overlapping photos agree as real ones do. The ground
is flat: roofs and crowns do not lean. Good for showing and testing the whole line; not a
replacement for real footage when a detector's quality is judged.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError, StoreError
from park.geotag import GeoTag, write_geotagged_jpeg
from park.records import BoxXyxyPx, CameraPose, Intrinsics, JsonValue
from sim_data.aerial_site import GROUND_AMSL_M, demo_site_text
from sim_data.aerial_vehicles import PAINTS_BGR
from sim_data.aerial_world import (
    BETWEEN_PASSES,
    FIRST_PASS,
    HEIGHT_M,
    WIDTH_M,
    ParkedVehicle,
    World,
    draw_world,
    to_lat_lon,
)
from sim_data.camera_axes import camera_axes

__all__ = [
    "PAINTS_BGR",
    "DemoPhoto",
    "DemoTruth",
    "World",
    "draw_world",
    "ground_to_pixel",
    "render_photo",
    "vehicle_box_px",
    "write_demo_footage",
    "write_footage_of",
]

Homography = NDArray[np.float64]

PHOTO_WIDTH_PX = 1600
PHOTO_HEIGHT_PX = 1200
FOCAL_35MM = 24
FLYING_HEIGHT_M = 60.0
TIME_ZONE = ZoneInfo("Asia/Shanghai")
SECONDS_BETWEEN_PHOTOS = 8.0
_SENSOR_WIDTH_MM, _SENSOR_HEIGHT_MM = 9.6, 7.2
# "Equivalent" compares diagonals (CIPA DCG-001): 43.27 mm on film, 12 mm on this sensor.
_FOCAL_MM = FOCAL_35MM * math.hypot(_SENSOR_WIDTH_MM, _SENSOR_HEIGHT_MM) / math.hypot(36.0, 24.0)


@dataclass(frozen=True, slots=True)
class DemoPhoto:
    """One drawn photo and the truth about it.

    Attributes:
        file: its name in the footage folder.
        pass_number: 1 for the first flight over the park.
        time: when it was taken.
        pose: where the camera truly was; the file states it with a drone's errors.
        boxes: what stands in it: vehicle id and box in pixels, for vehicles whose middle is
            in the picture and not under a tree.
    """

    file: str
    pass_number: int
    time: datetime
    pose: CameraPose
    boxes: tuple[tuple[str, BoxXyxyPx], ...]


@dataclass(frozen=True, slots=True)
class DemoTruth:
    """What `write_demo_footage` wrote, and what is true in it.

    Attributes:
        footage_dir: folder of the photos.
        site_path: the site file that goes with them.
        truth_path: all of this as JSON.
        photos: in the order of time.
        vehicles: everything that stands in the park.
    """

    footage_dir: Path
    site_path: Path
    truth_path: Path
    photos: tuple[DemoPhoto, ...]
    vehicles: tuple[ParkedVehicle, ...]


def demo_intrinsics() -> Intrinsics:
    """Return the lens of the drawn photos: ideal, and what 24 mm is on 35 mm film."""
    f_px = _FOCAL_MM / _SENSOR_WIDTH_MM * PHOTO_WIDTH_PX
    return Intrinsics(
        PHOTO_WIDTH_PX, PHOTO_HEIGHT_PX, f_px, f_px, PHOTO_WIDTH_PX / 2, PHOTO_HEIGHT_PX / 2
    )


def ground_to_pixel(world: World, pose: CameraPose, intrinsics: Intrinsics) -> Homography:
    """Return the homography from (east_m, north_m, 1) in `world.frame` to picture pixels.

    Pixels are continuous, (0, 0) is the outer corner of the first one. With right, down and
    forward the camera's axes in east, north, up and c its place, a ground point g = (e, n, 0)
    appears at (fx right.(g-c) / forward.(g-c) + cx, fy down.(g-c) / forward.(g-c) + cy).

    Raises:
        RecordError: the camera is not above the ground.
    """
    if pose.alt_home_m <= 0:
        raise RecordError(f"the camera is at {pose.alt_home_m} m: it must be above the ground")
    rotation = camera_axes(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    camera = np.array([*world.frame.to_en_m(pose.lat_deg, pose.lon_deg), pose.alt_home_m])
    matrix = np.array(
        [
            [intrinsics.fx_px, 0.0, intrinsics.cx_px],
            [0.0, intrinsics.fy_px, intrinsics.cy_px],
            [0.0, 0.0, 1.0],
        ]
    )
    planar = np.column_stack([rotation[:, 0], rotation[:, 1], -rotation @ camera])
    return np.asarray(matrix @ planar, dtype=np.float64)


def render_photo(
    world: World,
    pose: CameraPose,
    intrinsics: Intrinsics,
    time: datetime,
    *,
    ortho_bgr: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Return what a camera sees of the drawn park at `time`: uint8, (height, width, 3).

    Includes a slight blur, falling light towards the corners and sensor noise; the noise
    depends on the world's seed and on the time alone. What lies beyond the drawing is its
    mirror image.

    Args:
        world: the drawn park.
        pose: where the camera is; its whole picture must look at the ground.
        intrinsics: an ideal lens; distortion is not drawn.
        time: decides which vehicles are there.
        ortho_bgr: `world.ortho_bgr(time)`, where it has been made already.

    Raises:
        RecordError: the lens has distortion, or part of the picture looks above the horizon.
    """
    if any(intrinsics.distortion):
        raise RecordError("drawn photos have no lens distortion: give an ideal lens")
    flat = world.ortho_bgr(time) if ortho_bgr is None else ortho_bgr
    height_px, width_px = flat.shape[:2]
    scale = world.px_per_m
    to_ortho = np.array([[scale, 0.0, width_px / 2], [0.0, -scale, height_px / 2], [0.0, 0.0, 1.0]])
    # From continuous pixels to OpenCV's pixel centres and back.
    centres = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
    whole = ground_to_pixel(world, pose, intrinsics)
    w, h = intrinsics.width_px, intrinsics.height_px
    rays = np.linalg.inv(whole) @ np.array([[0, w, w, 0], [0, 0, h, h], [1.0, 1, 1, 1]])
    depth = (whole @ (rays / rays[2]))[2]
    if not (depth > 0).all():
        raise RecordError("part of the picture looks above the horizon: point the camera down")
    matrix = centres @ whole @ np.linalg.inv(to_ortho) @ np.linalg.inv(centres)
    photo = cv2.warpPerspective(
        flat, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    soft = cv2.GaussianBlur(photo, (0, 0), 0.6).astype(np.float32)
    x = (np.arange(w, dtype=np.float32) - w / 2) / w
    y = (np.arange(h, dtype=np.float32) - h / 2) / w
    soft *= (1.0 - 0.28 * (x[None, :] ** 2 + y[:, None] ** 2))[..., None]
    seed = zlib.crc32(f"{world.seed} {time.timestamp():.3f}".encode())
    noise = np.random.default_rng(seed).standard_normal((h, w, 1)).astype(np.float32)
    soft += noise * 2.2
    photo8: NDArray[np.uint8] = np.clip(soft + 0.5, 0, 255).astype(np.uint8)
    return photo8


def vehicle_box_px(
    world: World, vehicle: ParkedVehicle, pose: CameraPose, intrinsics: Intrinsics
) -> BoxXyxyPx:
    """Return the box around a vehicle's four corners, in continuous pixels, unclipped."""
    east, north = world.frame.to_en_m(vehicle.lat_deg, vehicle.lon_deg)
    heading = math.radians(vehicle.heading_deg)
    along = np.array([math.sin(heading), math.cos(heading)]) * vehicle.length_m / 2
    across = np.array([math.cos(heading), -math.sin(heading)]) * vehicle.width_m / 2
    corners = [np.array([east, north]) + i * along + j * across for i in (-1, 1) for j in (-1, 1)]
    points = np.column_stack([np.array(corners), np.ones(4)])
    seen = points @ ground_to_pixel(world, pose, intrinsics).T
    xy = seen[:, :2] / seen[:, 2:]
    (x0, y0), (x1, y1) = xy.min(axis=0), xy.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _truth_boxes(
    world: World, pose: CameraPose, intrinsics: Intrinsics, time: datetime
) -> Iterator[tuple[str, BoxXyxyPx]]:
    for vehicle in world.vehicles:
        if not vehicle.there_at(time):
            continue
        x0, y0, x1, y1 = vehicle_box_px(world, vehicle, pose, intrinsics)
        middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
        if not (0 <= middle_x < intrinsics.width_px and 0 <= middle_y < intrinsics.height_px):
            continue
        column, row = world.to_px(vehicle.lat_deg, vehicle.lon_deg)
        if world.canopy[int(row), int(column)] > 127:
            continue
        yield (
            vehicle.vehicle_id,
            (
                round(max(0.0, x0), 2),
                round(max(0.0, y0), 2),
                round(min(float(intrinsics.width_px), x1), 2),
                round(min(float(intrinsics.height_px), y1), 2),
            ),
        )


def _flight(
    pass_number: int, rng: np.random.Generator
) -> Iterator[tuple[datetime, CameraPose, GeoTag]]:
    """Yield time, true pose and what the drone writes about it, for each photo of a pass."""
    start = FIRST_PASS + (pass_number - 1) * BETWEEN_PASSES
    # The satellite fix drifts slowly: most of its error is the same for a whole pass.
    drift_m = rng.normal(0.0, 0.8, 3)
    stops = [(x, 38.0, 0.0) for x in (51.0, 95.0, 139.0)]
    stops += [(x, 98.0, 180.0) for x in (139.0, 95.0, 51.0)]
    for number, (x, y, yaw_deg) in enumerate(stops):
        time = start + timedelta(seconds=number * SECONDS_BETWEEN_PHOTOS)
        x_true, y_true = x + rng.normal(0, 1.0), y + rng.normal(0, 0.7)
        lat_deg, lon_deg = to_lat_lon(x_true, y_true)
        height_m = FLYING_HEIGHT_M + rng.normal(0, 0.5)
        yaw = yaw_deg + rng.normal(0, 1.5)
        pitch, roll = -90.0 + abs(rng.normal(0, 0.5)), rng.normal(0, 0.4)
        pose = CameraPose(
            lat_deg, lon_deg, height_m, GROUND_AMSL_M + height_m, yaw % 360.0, pitch, roll
        )
        said_lat, said_lon = to_lat_lon(
            x_true + drift_m[0] + rng.normal(0, 0.3), y_true + drift_m[1] + rng.normal(0, 0.3)
        )
        said_height = height_m + 0.6 * drift_m[2] + rng.normal(0, 0.2)
        said_yaw = (yaw + rng.normal(0, 0.8) + 180.0) % 360.0 - 180.0
        tag = GeoTag(
            time=time.astimezone(TIME_ZONE),
            lat_deg=said_lat,
            lon_deg=said_lon,
            alt_amsl_m=GROUND_AMSL_M + said_height,
            alt_home_m=said_height,
            gimbal_yaw_deg=said_yaw,
            gimbal_pitch_deg=max(-90.0, pitch + rng.normal(0, 0.2)),
            gimbal_roll_deg=roll + rng.normal(0, 0.2),
            flight_yaw_deg=said_yaw + rng.normal(0, 0.5),
            flight_pitch_deg=rng.normal(-2.0, 1.0),
            flight_roll_deg=rng.normal(0, 1.0),
            focal_mm=_FOCAL_MM,
            focal_35mm=FOCAL_35MM,
            focal_plane_px_per_mm=PHOTO_WIDTH_PX / _SENSOR_WIDTH_MM,
            description="simulated: drawn by parkwatch, no real place",
        )
        yield time, pose, tag


def write_demo_footage(folder: Path, seed: int = 7, *, passes: int = 2) -> DemoTruth:
    """Draw a short patrol of the park and write it as geotagged photos.

    Six overlapping photos from 60 m in each pass, passes 20 minutes apart; the files carry
    EXIF and XMP as a drone's do, with a drone's errors. Beside the folder `footage` stand
    `site.geojson` and `truth.json`. The same seed gives the same bytes.

    Args:
        folder: where to write; made when missing.
        seed: of the world, the flight and the noise.
        passes: how many flights over the park, 1 to 6.

    Raises:
        RecordError: `passes` is out of range.
        StoreError: the folder cannot be written.
    """
    # Asked before the seconds that drawing takes.
    _footage_folder(folder, passes)
    return write_footage_of(draw_world(seed), folder, passes=passes)


def _footage_folder(folder: Path, passes: int) -> Path:
    if not 1 <= passes <= 6:
        raise RecordError(f"passes {passes} is not between 1 and 6")
    footage = folder / "footage"
    try:
        footage.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{footage}: cannot make the folder: {error.strerror}") from error
    return footage


def write_footage_of(world: World, folder: Path, *, passes: int = 2) -> DemoTruth:
    """Write what `write_demo_footage` does, of a world that has been drawn already.

    Raises:
        RecordError: `passes` is out of range.
        StoreError: the folder cannot be written.
    """
    footage = _footage_folder(folder, passes)
    intrinsics = demo_intrinsics()
    rng = np.random.default_rng(world.seed + 1_000_003)
    photos: list[DemoPhoto] = []
    for pass_number in range(1, passes + 1):
        shown: tuple[ParkedVehicle, ...] = ()
        flat: NDArray[np.uint8] | None = None
        for time, pose, tag in _flight(pass_number, rng):
            there = tuple(v for v in world.vehicles if v.there_at(time))
            if flat is None or there != shown:
                flat, shown = world.ortho_bgr(time), there
            photo = render_photo(world, pose, intrinsics, time, ortho_bgr=flat)
            name = f"SIM_{len(photos) + 1:04d}.JPG"
            write_geotagged_jpeg(footage / name, photo, tag, quality=88)
            boxes = tuple(_truth_boxes(world, pose, intrinsics, time))
            photos.append(DemoPhoto(name, pass_number, time, pose, boxes))
    truth = DemoTruth(
        footage, folder / "site.geojson", folder / "truth.json", tuple(photos), world.vehicles
    )
    try:
        truth.site_path.write_text(demo_site_text(), encoding="utf-8")
        truth.truth_path.write_text(_truth_text(truth, world.seed), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: cannot write: {error.strerror}") from error
    return truth


def _truth_text(truth: DemoTruth, seed: int) -> str:
    def plain(value: object) -> str:
        if isinstance(value, datetime):
            return value.isoformat()
        raise RecordError(f"{value!r} cannot be written as JSON")

    content: JsonValue = {
        "simulated": True,
        "seed": seed,
        "size_m": [WIDTH_M, HEIGHT_M],
        "photos": [
            asdict(photo)
            | {"boxes": [{"vehicle_id": v, "box_xyxy_px": box} for v, box in photo.boxes]}
            for photo in truth.photos
        ],
        "vehicles": [asdict(vehicle) for vehicle in truth.vehicles],
    }
    return json.dumps(content, indent=1, default=plain) + "\n"
