"""How much of an area a plan's camera sees, from the footprints of its photos."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from drone.records import Camera, LegKind, PatrolRoute, Sortie, Waypoint
from park.geodesy import FloatArray, LocalFrame
from park.terrain import FlatTerrain, Terrain

MIN_DEPRESSION_DEG = 20.0
"""Ground seen flatter than this, degrees below the horizon, is not counted as seen."""
MAX_FOOTPRINTS = 20_000
"""Of more footprints that look ahead only every second, third ... is counted."""


@dataclass(frozen=True, slots=True)
class _Leg:
    """A leg on which the camera works, in metres of a frame.

    Attributes:
        start: east and north.
        end: east and north.
        height_m: above the ground at start and end.
        pitch_deg: camera angle.
        look_at: place that the camera is kept on; None for along the leg.
        photos_m: distance of each photo from the start; both ends where it films.
        films: whether it sees all the way, not only from the photos' places.
    """

    start: FloatArray
    end: FloatArray
    height_m: tuple[float, float]
    pitch_deg: float
    look_at: FloatArray | None
    photos_m: FloatArray
    films: bool


def coverage(
    route: PatrolRoute, sorties: Sequence[Sortie], *, terrain: Terrain | None = None
) -> float | None:
    """Return the share of the requested area that the plan's camera sees, 0 to 1.

    Counted are photos: where a leg takes them by distance, the ground in them, and where it
    takes none, all that the camera passes over. The ground is level below each footprint; the
    camera looks along the leg, or at its target. Ground that is seen flatter than
    `MIN_DEPRESSION_DEG` is left out.

    Args:
        route: with the camera and the requested area.
        sorties: what is flown.
        terrain: the ground's height above take-off; level where absent or not known.

    Returns:
        None where the route asks for no area.
    """
    if route.requested_area is None:
        return None
    middle = route.requested_area.centroid
    frame = LocalFrame(middle.y, middle.x)
    wanted = frame.project_geometry(route.requested_area)
    seen = shapely.union_all(footprints(route.camera, sorties, frame, terrain=terrain))
    return float(min(wanted.intersection(seen).area / wanted.area, 1.0))


def footprints(
    camera: Camera,
    sorties: Sequence[Sortie],
    frame: LocalFrame,
    *,
    terrain: Terrain | None = None,
) -> list[shapely.Geometry]:
    """Return the ground that the camera sees, as polygons in metres of a frame; they overlap."""
    ground = terrain or FlatTerrain()
    legs = [leg for sortie in sorties for leg in _legs(sortie, frame, ground)]
    ahead = sum(len(leg.photos_m) for leg in legs if leg.pitch_deg > -89.5)
    every = max(1, math.ceil(ahead / MAX_FOOTPRINTS))
    found: list[shapely.Geometry] = []
    for leg in legs:
        photos = leg.photos_m if leg.pitch_deg <= -89.5 else leg.photos_m[::every]
        if not len(photos):
            continue
        seen = _seen_from(camera, leg, photos)
        connected = len(photos) > 1 and (leg.films or _overlap(camera, leg, photos))
        straight = leg.look_at is None and (leg.pitch_deg <= -89.5 or leg.films)
        if connected and straight:
            # What a convex shape sweeps over on a straight way is the hull of its two ends.
            found.append(shapely.convex_hull(shapely.union_all(seen[[0, -1]])))
        else:
            found.extend(seen.tolist())
    return found


def _legs(sortie: Sortie, frame: LocalFrame, terrain: Terrain) -> Iterator[_Leg]:
    """Yield the legs of a sortie on which the camera works, with the places of photos."""
    points = sortie.waypoints
    lat = np.array([point.lat_deg for point in points])
    lon = np.array([point.lon_deg for point in points])
    xy = np.column_stack(frame.to_en_m(lat, lon))
    ground = np.nan_to_num(terrain.height_home_m(lat, lon), nan=0.0)
    height = np.maximum(np.array([point.alt_home_m for point in points]) - ground, 1.0)
    pitch, spacing, look_at = -90.0, 0.0, None
    to_next = 0.0
    for number, point in enumerate(points):
        before = max(number - 1, 0)
        length = float(np.hypot(*(xy[number] - xy[before])))
        ends = (xy[before], xy[number], (float(height[before]), float(height[number])))
        if number and point.leg is LegKind.SURVEY:
            if spacing <= 0.0:
                yield _Leg(*ends, pitch, look_at, np.array([0.0, length]), films=True)
            else:
                photos = np.arange(to_next, length + 1e-6, spacing)
                to_next = (float(photos[-1]) + spacing if len(photos) else to_next) - length
                yield _Leg(*ends, pitch, look_at, photos, films=False)
        pitch, look_at = _camera_after(point, pitch, frame)
        if point.photo_spacing_m is not None and point.photo_spacing_m != spacing:
            spacing, to_next = point.photo_spacing_m, 0.0
        elif point.leg is not LegKind.SURVEY:
            to_next = 0.0
        if point.take_photo:
            # It arrives with its nose along the leg, and stays like that.
            yield _Leg(*ends, pitch, look_at, np.array([length]), films=False)


def _camera_after(
    point: Waypoint, pitch: float, frame: LocalFrame
) -> tuple[float, FloatArray | None]:
    look_at = None if point.look_at is None else np.array(frame.to_en_m(*point.look_at))
    return (pitch if point.gimbal_pitch_deg is None else point.gimbal_pitch_deg), look_at


def _overlap(camera: Camera, leg: _Leg, photos_m: FloatArray) -> bool:
    return float(np.diff(photos_m).max()) <= camera.depth_m(min(leg.height_m)) + 1e-6


def _seen_from(camera: Camera, leg: _Leg, photos_m: FloatArray) -> FloatArray:
    """Return the ground in each photo, an array of polygons.

    The rays through the corners of the picture are met with level ground; those flatter than
    `MIN_DEPRESSION_DEG` are shortened to the ground seen at that angle.
    """
    way = leg.end - leg.start
    length = float(np.hypot(*way))
    share = photos_m / length if length else np.zeros(len(photos_m))
    places = leg.start + share[:, None] * way
    height = leg.height_m[0] + share * (leg.height_m[1] - leg.height_m[0])
    if leg.look_at is None:
        ahead = np.broadcast_to(way / length if length else np.array([0.0, 1.0]), places.shape)
    else:
        off = leg.look_at - places
        ahead = off / np.maximum(np.hypot(*off.T), 1e-6)[:, None]
    corners = _corners(camera, leg.pitch_deg)
    right = np.column_stack((ahead[:, 1], -ahead[:, 0]))
    scaled = height[:, None, None] * corners[None, :, :]
    ground = (
        places[:, None, :]
        + scaled[:, :, :1] * ahead[:, None, :]
        + scaled[:, :, 1:] * right[:, None, :]
    )
    return np.asarray(shapely.polygons(ground))


def _corners(camera: Camera, pitch_deg: float) -> FloatArray:
    """Return the picture's corners on the ground, ahead and right, for a height of one."""
    half_width = math.tan(math.radians(camera.hfov_deg) / 2.0)
    half_height = half_width * camera.height_px / camera.width_px
    pitch = math.radians(pitch_deg)
    corners = []
    for right, up in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        ahead = math.cos(pitch) - up * half_height * math.sin(pitch)
        down = -math.sin(pitch) - up * half_height * math.cos(pitch)
        # Rays too flat are taken down to the flattest that count.
        least = math.tan(math.radians(MIN_DEPRESSION_DEG)) * math.hypot(ahead, right * half_width)
        down = max(down, least)
        corners.append((ahead / down, right * half_width / down))
    return np.array(corners)
