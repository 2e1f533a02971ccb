"""What may not be flown through: buildings and no-fly areas, grown by their margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from drone.heights import Ground
from park.errors import RouteError
from park.site import Site
from park.site_model import Building, FeatureBase, NoFly

_GROUND_SAMPLES = 2_500


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a flight stays from what it may not touch; all metres.

    Attributes:
        boundary_margin_m: inside the boundary.
        no_fly_margin_m: from a no-fly area, sideways and up and down.
        building_margin_m: from a wall, where it flies lower than the roof allows.
        building_clearance_m: above a roof.
        home_margin_m: from walls and the boundary, of the straight climb and descent at a
            dock; less than the margins for flying by, because it is slow there.
        max_alt_agl_m: above the ground below, at every point.
        min_alt_agl_m: above the ground below, take-off and landing left out.
    """

    boundary_margin_m: float = 5.0
    no_fly_margin_m: float = 5.0
    building_margin_m: float = 10.0
    building_clearance_m: float = 10.0
    home_margin_m: float = 3.0
    max_alt_agl_m: float = 120.0
    min_alt_agl_m: float = 5.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise RouteError(f"{name} {value} is not zero or more")
        if self.min_alt_agl_m >= self.max_alt_agl_m:
            raise RouteError(
                f"min_alt_agl_m {self.min_alt_agl_m:g} is not below "
                f"max_alt_agl_m {self.max_alt_agl_m:g}"
            )


class ObstacleKind(StrEnum):
    """What an obstacle is."""

    BUILDING = "building"
    NO_FLY = "no-fly area"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A building or a no-fly area, in metres of the site's frame.

    Attributes:
        kind: which of the two.
        label: as a person knows it: its kind with its id, name or number.
        outline: as it is drawn.
        keep_out: grown by the margin; flying is forbidden in it between the heights below.
        floor_z_m: in the terrain's datum, clearance included; minus infinity from the ground.
        top_z_m: likewise; infinity where there is no upper limit. On sloping ground the heights
            are those of the worst place below it.
        floor_agl_m: the same for a flight that follows the ground, so strict that what keeps to
            it also keeps to the heights above.
        top_agl_m: likewise.
    """

    kind: ObstacleKind
    label: str
    outline: BaseGeometry
    keep_out: BaseGeometry
    floor_z_m: float
    top_z_m: float
    floor_agl_m: float
    top_agl_m: float


class ObstacleField:
    """All obstacles of a site with a spatial index.

    Args:
        obstacles: in any order.
    """

    def __init__(self, obstacles: Sequence[Obstacle]) -> None:
        self.obstacles = tuple(obstacles)
        self.keep_out: NDArray[np.object_] = np.array([o.keep_out for o in obstacles], object)
        self.tree = shapely.STRtree(self.keep_out)
        self.floor_z_m = np.array([o.floor_z_m for o in obstacles], float)
        self.top_z_m = np.array([o.top_z_m for o in obstacles], float)
        self.floor_agl_m = np.array([o.floor_agl_m for o in obstacles], float)
        self.top_agl_m = np.array([o.top_agl_m for o in obstacles], float)
        shapely.prepare(self.keep_out)

    @classmethod
    def of(cls, site: Site, ground: Ground, limits: Limits) -> ObstacleField:
        """Return the obstacles of a site."""
        return cls(
            [
                *(_building(b, i, site, ground, limits) for i, b in enumerate(site.buildings, 1)),
                *(_no_fly(n, i, site, ground, limits) for i, n in enumerate(site.no_fly, 1)),
            ]
        )

    def __len__(self) -> int:
        return len(self.obstacles)

    @cached_property
    def is_building(self) -> NDArray[np.bool_]:
        """Which obstacles are buildings, shape (N,)."""
        return np.array([o.kind is ObstacleKind.BUILDING for o in self.obstacles], bool)

    def blocking_z(self, low_z_m: float, high_z_m: float | None = None) -> NDArray[np.bool_]:
        """Return which obstacles forbid flying level at a height, or between two."""
        high_z_m = low_z_m if high_z_m is None else high_z_m
        return (self.floor_z_m < high_z_m) & (low_z_m < self.top_z_m)

    def blocking_agl(self, alt_agl_m: float, tolerance_m: float = 0.0) -> NDArray[np.bool_]:
        """Return which obstacles forbid flying at a height above ground, give or take."""
        return (self.floor_agl_m < alt_agl_m + tolerance_m) & (
            alt_agl_m - tolerance_m < self.top_agl_m
        )

    def crossed(
        self, geometries: NDArray[np.object_]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs (geometry, obstacle) whose ground plans meet, at whatever height."""
        if not len(self.obstacles) or not len(geometries):
            none = np.empty(0, np.int64)
            return none, none
        pairs = self.tree.query(geometries, predicate="intersects")
        return pairs[0], pairs[1]


def _label(kind: ObstacleKind, feature: FeatureBase, number: int) -> str:
    if feature.id:
        return f"{kind} {feature.id}"
    if feature.name:
        return f"{kind} '{feature.name.text()}'"
    return f"{kind} number {number} of the site file"


def _building(
    feature: Building, number: int, site: Site, ground: Ground, limits: Limits
) -> Obstacle:
    outline = site.frame.project_geometry(feature.geometry)
    return _obstacle(
        (ObstacleKind.BUILDING, _label(ObstacleKind.BUILDING, feature, number)),
        (outline, outline.buffer(limits.building_margin_m)),
        (-math.inf, feature.height_m + limits.building_clearance_m),
        ground,
    )


def _no_fly(feature: NoFly, number: int, site: Site, ground: Ground, limits: Limits) -> Obstacle:
    outline = site.frame.project_geometry(feature.geometry)
    margin = limits.no_fly_margin_m
    floor = feature.min_alt_agl_m - margin if feature.min_alt_agl_m > 0.0 else -math.inf
    top = math.inf if feature.max_alt_agl_m is None else feature.max_alt_agl_m + margin
    return _obstacle(
        (ObstacleKind.NO_FLY, _label(ObstacleKind.NO_FLY, feature, number)),
        (outline, outline.buffer(margin)),
        (floor, top),
        ground,
    )


def _obstacle(
    names: tuple[ObstacleKind, str],
    plans: tuple[BaseGeometry, BaseGeometry],
    limits_agl_m: tuple[float, float],
    ground: Ground,
) -> Obstacle:
    low, high = ground_under(ground, plans[1])
    floor, top = limits_agl_m
    return Obstacle(
        *names,
        *plans,
        floor_z_m=low + floor,
        top_z_m=high + top,
        floor_agl_m=floor - (high - low),
        top_agl_m=top + (high - low),
    )


def ground_under(ground: Ground, area: BaseGeometry) -> tuple[float, float]:
    """Return the lowest and the highest ground under an area, from a grid over it.

    The grid is as fine as the terrain, or 50 by 50 where that would be more. Where some of it is
    not known, nothing is: minus infinity and infinity.
    """
    if ground.is_level:
        at = area.representative_point()
        z_m = float(ground.z_m(np.array([at.x]), np.array([at.y]))[0])
        return z_m, z_m
    west, south, east, north = area.bounds
    side = int(math.sqrt(_GROUND_SAMPLES))
    columns = int(min(side, 2 + (east - west) // ground.step_m))
    rows = int(min(side, 2 + (north - south) // ground.step_m))
    es, ns = (
        grid.ravel()
        for grid in np.meshgrid(np.linspace(west, east, columns), np.linspace(south, north, rows))
    )
    near = shapely.contains_xy(area.buffer(ground.step_m), es, ns)
    heights = ground.z_m(es[near], ns[near])
    if not np.isfinite(heights).all():
        return -math.inf, math.inf
    return float(heights.min()), float(heights.max())
