"""What the camera of a simulated copter sees: flat ground with the site's features drawn on it.

The ground is an endless texture; roads, outlines, buildings and assets of a site file lie on it.
Where the invented park of `sim_data.aerial_world` is, its drawing is shown. Perspective is that of
the project's camera model, exactly; buildings have walls and roofs of their height. Nothing moves.
It is called a simulated camera wherever its pictures go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from park.errors import SimulationError
from park.geodesy import LocalFrame
from park.patrol_format import SIMULATED_CAMERA, PatrolCamera
from park.records import CameraPose, Intrinsics
from park.site import Site
from park.site_model import SiteFeature
from sim_data.aerial_world import FIRST_PASS, HEIGHT_M, ORIGIN, PX_PER_M, WIDTH_M, draw_world
from sim_data.camera_axes import camera_axes

Image8 = NDArray[np.uint8]
FloatArray = NDArray[np.float64]
Bgr = tuple[int, int, int]

MAX_RANGE_M = 1500.0
"""Ground further away is lost in haze."""

_TILE_PX = 1024
_TILE_PX_PER_M = 8.0
_HAZE_BGR: Bgr = (214, 206, 196)
_ROAD_M = 7.0
_PIPELINE_M = 1.0
_ASSET_M = 3.0
_MIN_DEPTH_M = 1.0
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class GroundShape:
    """Something drawn on the ground, or standing on it.

    Attributes:
        area_m: its outline, east and north in metres in the ground's frame.
        colour_bgr: of it, or of its roof.
        height_m: 0 for what lies flat.
    """

    area_m: BaseGeometry
    colour_bgr: Bgr
    height_m: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.area_m, Polygon | MultiPolygon):
            raise SimulationError(f"a {self.area_m.geom_type} has no area to draw")
        if not 0.0 <= self.height_m < 1000.0:
            raise SimulationError(f"height_m {self.height_m} is not between 0 and 1000")


class SimulatedGround:
    """The ground of a place, ready to be looked at.

    Args:
        frame: east and north of what is drawn.
        shapes: drawn in their order; those with a height from far to near.
        park: whether the invented park is drawn where it is; takes six seconds.
        seed: of the texture and of the park.
    """

    def __init__(
        self,
        frame: LocalFrame,
        shapes: Sequence[GroundShape] = (),
        *,
        park: bool = False,
        seed: int = 7,
    ) -> None:
        self.frame = frame
        self._shapes = tuple(shapes)
        self._tree = shapely.STRtree([shape.area_m for shape in self._shapes])
        self._seed = seed
        self._park = park

    @classmethod
    def of_site(cls, site: Site, *, seed: int = 7) -> SimulatedGround:
        """Return the ground of a site, with what its file draws.

        Args:
            site: the park. That of `parkwatch demo` is shown as it is drawn there.
            seed: of the chance in the texture.
        """
        frame = site.frame
        middle_m = np.hypot(*ORIGIN.to_en_m(frame.lat_deg, frame.lon_deg))
        if middle_m < max(WIDTH_M, HEIGHT_M):
            return cls(ORIGIN, park=True, seed=seed)
        return cls(frame, _site_shapes(site), seed=seed)

    @cached_property
    def tile_bgr(self) -> Image8:
        """The texture that is repeated for ever: grass and bare earth, 128 m wide."""
        rng = np.random.default_rng(self._seed)
        grey = np.zeros((_TILE_PX, _TILE_PX), np.float32)
        for cells, strength in ((8, 14.0), (32, 12.0), (128, 10.0), (_TILE_PX, 6.0)):
            noise = rng.standard_normal((cells, cells)).astype(np.float32)
            # Three by three copies, so that the texture meets itself without a seam.
            side = 3 * _TILE_PX
            wide = cv2.resize(np.tile(noise, (3, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
            grey += strength * wide[_TILE_PX : 2 * _TILE_PX, _TILE_PX : 2 * _TILE_PX]
        tint = np.array([78.0, 124.0, 112.0], np.float32) + grey[..., None] * np.array(
            [0.7, 0.9, 1.0], np.float32
        )
        tile: Image8 = np.clip(tint, 0, 255).astype(np.uint8)
        return tile

    @cached_property
    def park_bgr(self) -> Image8 | None:
        """The invented park from straight above, 20 pixels a metre; None where it is not."""
        return draw_world(self._seed).ortho_bgr(FIRST_PASS) if self._park else None

    def shapes_within(self, area_m: BaseGeometry) -> list[GroundShape]:
        """Return what touches an area, in the order it was given."""
        found = np.sort(self._tree.query(area_m, predicate="intersects"))
        return [self._shapes[index] for index in found]


def _site_shapes(site: Site) -> list[GroundShape]:
    """Return what a site file draws, in the order in which it is to be drawn."""

    def flat(feature: SiteFeature) -> BaseGeometry:
        # Only routes may have no geometry, and they are not drawn.
        geometry = feature.geometry if feature.geometry is not None else Polygon()
        return site.frame.project_geometry(shapely.force_2d(geometry))

    roads = [(flat(road), road.width_m or _ROAD_M) for road in site.roads]
    assets = [flat(asset) for asset in site.assets]
    drawn: list[tuple[BaseGeometry, Bgr, float]] = [
        (flat(site.boundary).boundary.buffer(0.6), (200, 200, 200), 0.0),
        *((flat(zone).boundary.buffer(0.3), (60, 200, 230), 0.0) for zone in site.zones),
        *((middle.buffer(width_m / 2), (92, 90, 88), 0.0) for middle, width_m in roads),
        *((middle.buffer(0.1), (210, 214, 214), 0.0) for middle, _ in roads),
        *((flat(pipe).buffer(_PIPELINE_M / 2), (170, 172, 60), 0.0) for pipe in site.pipelines),
        *(
            (a.buffer(_ASSET_M if isinstance(a, Point) else 0.0), (70, 70, 190), 0.0)
            for a in assets
        ),
        *((flat(dock).buffer(1.5), (40, 160, 250), 0.0) for dock in site.docks),
        *((flat(house), (168, 160, 150), house.height_m) for house in site.buildings),
    ]
    return [GroundShape(*shape) for shape in drawn if not shape[0].is_empty]


class SimulatedCamera:
    """Draws pictures of a ground.

    Args:
        ground: what there is to see.
        width_px: of the pictures.
        height_px: of the pictures.
        hfov_deg: horizontal field of view of its ideal lens.
        camera_id: what segments call it.
    """

    def __init__(
        self,
        ground: SimulatedGround,
        *,
        width_px: int = 1280,
        height_px: int = 720,
        hfov_deg: float = 70.0,
        camera_id: str = "sim",
    ) -> None:
        if not (16 <= width_px <= 8192 and 16 <= height_px <= 8192):
            raise SimulationError(f"{width_px} x {height_px} is no size of a simulated picture")
        self._ground = ground
        self.camera = PatrolCamera(
            camera_id=camera_id,
            model=SIMULATED_CAMERA,
            width_px=width_px,
            height_px=height_px,
            hfov_deg=hfov_deg,
            focal_sigma=0.001,
        )
        self.intrinsics: Intrinsics = self.camera.intrinsics()

    def render(self, pose: CameraPose, time: datetime) -> Image8:
        """Return what is seen: uint8 BGR, shape (height, width, 3).

        Args:
            pose: where the camera is; at least a metre above the ground is drawn.
            time: when; nothing depends on it yet.
        """
        view = _View(self._ground.frame, pose, self.intrinsics)
        picture = self._textured(view)
        footprint = view.footprint()
        if footprint is not None:
            self._draw_shapes(picture, view, footprint)
        return picture

    def _textured(self, view: _View) -> Image8:
        lens = self.intrinsics
        size = (lens.width_px, lens.height_px)
        tile = self._ground.tile_bgr
        # Texture pixels are counted from near the camera, as OpenCV's maps reach 32767 pixels.
        span_m = _TILE_PX / _TILE_PX_PER_M
        origin = np.floor(view.camera[:2] / span_m) * span_m
        picture = cv2.warpPerspective(
            tile,
            _CENTRES @ view.ground_to_px @ _texture_to_ground(_TILE_PX_PER_M, origin),
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        park = self._ground.park_bgr
        if park is not None:
            corner = np.array([-WIDTH_M / 2, HEIGHT_M / 2])
            cv2.warpPerspective(
                park,
                _CENTRES @ view.ground_to_px @ _texture_to_ground(PX_PER_M, corner),
                size,
                dst=picture,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_TRANSPARENT,
            )
        haze = view.beyond_range()
        if haze is not None:
            picture[haze] = _HAZE_BGR
        return np.asarray(picture, dtype=np.uint8)

    def _draw_shapes(self, picture: Image8, view: _View, footprint: Polygon) -> None:
        near = self._ground.shapes_within(footprint.buffer(60.0))
        for shape in near:
            if not shape.height_m:
                _fill(picture, view, shape.area_m.intersection(footprint), 0.0, shape.colour_bgr)
        standing = [shape for shape in near if shape.height_m]
        eye = Point(*view.camera[:2])
        standing.sort(key=lambda shape: -shape.area_m.distance(eye))
        for shape in standing:
            _draw_building(picture, view, shape)


# From continuous pixels, as the camera model counts, to OpenCV's pixel centres.
_CENTRES = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])


def _texture_to_ground(px_per_m: float, corner: FloatArray) -> FloatArray:
    """Return the homography from pixel centres of a texture to east and north, metres.

    Args:
        px_per_m: its scale.
        corner: east and north of its top left corner; north is up.
    """
    scale = 1.0 / px_per_m
    to_ground = np.array([[scale, 0.0, corner[0]], [0.0, -scale, corner[1]], [0.0, 0.0, 1.0]])
    return np.asarray(to_ground @ np.linalg.inv(_CENTRES), dtype=np.float64)


class _View:
    """One pose of the camera over a ground."""

    def __init__(self, frame: LocalFrame, pose: CameraPose, lens: Intrinsics) -> None:
        self.lens = lens
        self.rotation = camera_axes(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        east_m, north_m = frame.to_en_m(pose.lat_deg, pose.lon_deg)
        self.camera = np.array([east_m, north_m, max(_MIN_DEPTH_M, pose.alt_home_m)])
        self.matrix = np.array(
            [[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]]
        )
        columns = [self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.camera]
        self.ground_to_px: FloatArray = self.matrix @ np.column_stack(columns)

    def project(self, points_m: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return pixels, shape (N, 2), and depths, shape (N,), of east, north, up points."""
        seen = (points_m - self.camera) @ self.rotation.T
        depth = np.maximum(seen[:, 2:], 1e-6)
        return (seen @ self.matrix.T)[:, :2] / depth, seen[:, 2]

    def beyond_range(self) -> NDArray[np.bool_] | None:
        """Return which pixels see sky or haze, shape (height, width); None for none."""
        w, h = self.lens.width_px, self.lens.height_px
        x = (np.arange(w) + 0.5 - self.lens.cx_px) / self.lens.fx_px
        y = (np.arange(h) + 0.5 - self.lens.cy_px) / self.lens.fy_px
        # How steeply each pixel looks up, in units of its depth along the axis.
        up = self.rotation[:, 2]
        rising = up[0] * x[None, :] + up[1] * y[:, None] + up[2]
        # Depth where it meets the ground: height / -rising.
        beyond: NDArray[np.bool_] = rising > -self.camera[2] / MAX_RANGE_M
        return beyond if beyond.any() else None

    def footprint(self) -> Polygon | None:
        """Return the ground that is in the picture and in range; None where there is none."""
        reach = MAX_RANGE_M
        # Planes through the camera that bound what it sees, and one in front of it.
        lens = self.lens
        left, right = -lens.cx_px / lens.fx_px, (lens.width_px - lens.cx_px) / lens.fx_px
        top, bottom = -lens.cy_px / lens.fy_px, (lens.height_px - lens.cy_px) / lens.fy_px
        planes = np.array(
            [
                [1.0, 0.0, -left],
                [-1.0, 0.0, right],
                [0.0, 1.0, -top],
                [0.0, -1.0, bottom],
                [0.0, 0.0, 1.0],
            ]
        )
        limits = np.array([0.0, 0.0, 0.0, 0.0, _MIN_DEPTH_M])
        east, north, height = self.camera
        area: Polygon = shapely.box(east - reach, north - reach, east + reach, north + reach)
        for plane, limit in zip(planes @ self.rotation, limits, strict=True):
            # plane . (g - camera) >= limit, for ground points g = (e, n, 0).
            area = _half_plane(
                area, plane[:2], limit + plane[2] * height + plane[:2] @ (east, north)
            )
            if area.is_empty:
                return None
        return area


def _half_plane(area: Polygon, normal: FloatArray, limit: float) -> Polygon:
    """Return the part of a convex area where normal . p >= limit."""
    points = np.asarray(area.exterior.coords)[:-1]
    values = points @ normal - limit
    kept: list[FloatArray] = []
    for index, value in enumerate(values):
        before, point = values[index - 1], points[index]
        if (value >= 0) != (before >= 0):
            share = before / (before - value)
            kept.append(points[index - 1] + (point - points[index - 1]) * share)
        if value >= 0:
            kept.append(point)
    return Polygon(kept) if len(kept) >= 3 else Polygon()


def _fill(
    picture: Image8, view: _View, area_m: BaseGeometry, height_m: float, colour_bgr: Bgr
) -> None:
    """Fill the picture of level polygons; what is behind the camera must be cut off before."""
    for part in shapely.get_parts(area_m):
        if not isinstance(part, Polygon) or part.is_empty:
            continue
        rings = []
        for ring in (part.exterior, *part.interiors):
            ground = np.asarray(ring.coords)[:, :2]
            points = np.column_stack([ground, np.full(len(ground), height_m)])
            rings.append(_subpixels(view.project(points)[0]))
        cv2.fillPoly(picture, rings, colour_bgr, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_building(picture: Image8, view: _View, shape: GroundShape) -> None:
    """Draw walls that face the camera, from far to near, and the roof where it is seen."""
    eye = view.camera[:2]
    for part in shapely.get_parts(shape.area_m):
        ring = shapely.geometry.polygon.orient(part).exterior
        corners = np.asarray(ring.coords)[:, :2]
        walls = []
        for start, end in pairwise(corners):
            along = end - start
            # Counter-clockwise outlines have their outside on the right of each side.
            outwards = np.array([along[1], -along[0]])
            if outwards @ (eye - start) > 0:
                walls.append((float(np.hypot(*((start + end) / 2 - eye))), start, end, outwards))
        for _, start, end, outwards in sorted(walls, key=lambda wall: -wall[0]):
            quad = np.array(
                [[*start, 0.0], [*end, 0.0], [*end, shape.height_m], [*start, shape.height_m]]
            )
            pixels, depth = view.project(quad)
            if (depth > _MIN_DEPTH_M).all():
                light = 0.55 + 0.2 * outwards[0] / max(1e-9, float(np.hypot(*outwards)))
                wall_bgr = tuple(int(value * light) for value in shape.colour_bgr)
                cv2.fillPoly(picture, [_subpixels(pixels)], wall_bgr, cv2.LINE_AA, _SUBPIXEL_BITS)
        roof = np.column_stack([corners, np.full(len(corners), shape.height_m)])
        if view.camera[2] > shape.height_m and (view.project(roof)[1] > _MIN_DEPTH_M).all():
            _fill(picture, view, part, shape.height_m, shape.colour_bgr)


def _subpixels(xy_px: FloatArray) -> NDArray[np.int32]:
    """Return continuous pixels as OpenCV's fixed point numbers, from pixel centres."""
    fixed = np.clip((xy_px - 0.5) * (1 << _SUBPIXEL_BITS), -(2**20), 2**20)
    return np.round(fixed).astype(np.int32)
